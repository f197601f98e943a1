"""Layers: each knows its way forward, and its way back.

`forward` returns the output and a cache; `backward` takes the gradient of the
loss by that output, and the cache, overwrites the layer's own gradients and
returns the gradient by the input. Nothing of a batch stays on the layer, so a
prediction between the two harms nothing. `written` says the same in equations.

The last two axes of every array are (samples, features). Further axes in front, on arrays and
parameters alike, are networks side by side, each computed as it would be alone. The core makes
none itself; `tests/test_axes.py` holds it to that.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from .checks import Array, number, refuse_class, switch, whole_number
from .configurable import Configurable, is_ours
from .errors import ParameterError, ShapeError
from .functions import centred, product, product_over_samples, sum_over_samples, total
from .initializers import Constant, Glorot, Zeros
from .parameters import Declared, Initializer, Stateful

__all__ = ["BatchNorm", "Dense", "Dropout", "Layer", "LayerNorm", "Residual"]


#: What holds no layers, and need not be looked into.
_PLAIN = int, float, str, type(None)
#: Count first looks, and how often a layer was frozen or thawed.
_LOOKS, _FREEZINGS = itertools.count(), itertools.count(1)


class _Undrawn:
    """Stands on a layer's class for a parameter, or its gradient, until that is first looked at.

    What is drawn then becomes an attribute of the layer itself, which Python finds first.
    """

    def __init__(self, name: str) -> None:
        self.name, self.whose = name, name.removeprefix("grad_")

    def __get__(self, layer: Layer | None, _: type) -> Any:
        if layer is None:
            return self
        if self.whose not in layer.declared:
            raise AttributeError(f"{type(layer).__name__} has no attribute {self.name!r}.")
        declared = layer.declared[self.whose]
        if self.name != self.whose:
            value = np.zeros(declared.shape)
        else:  # there is no seed yet; no two parameters may start alike
            seed = [next(_LOOKS), *self.name.encode()]
            value = declared.draw(self.name, np.random.default_rng(seed))
        vars(layer)[self.name] = value
        return value


class Layer(Stateful, Configurable):
    """Base of the layers: subclass it and define `forward` and `backward`.

    A parameter that `add_parameter("scale", ...)` declares is there as
    `self.scale`, and its gradient, which `backward` overwrites, as
    `self.grad_scale`. Both become views into the vectors of the whole network:
    write into them (`self.scale[...] = 2`); putting another array in their
    place raises an AttributeError.

    `grad_output` is the derivative of the loss by each output, in the output's
    shape. The cache is whatever `backward` wants to know of the way forward, often
    the input; it is the layer's own affair, and nobody else looks into it.

    Set `in_features` and `out_features` where the width is fixed, and a network
    refuses neighbours that do not fit.

    A layer that is an attribute of a layer, or stands in a list, tuple or dict that is
    one, belongs to it: its parameters are trained, checked and saved too. Nothing else
    that a layer holds is looked into.

    `layer.trainable = False` freezes a layer with all within it, until it is True again: its
    numbers stay as they are to the bit, and it acts as in inference.

    Examples
    --------
    >>> class Scale(Layer):
    ...     def __init__(self, features):
    ...         self.features = self.in_features = self.out_features = features
    ...         self.add_parameter("scale", (features,), Constant(1.0))
    ...
    ...     def forward(self, x):
    ...         return x * self.scale, x
    ...
    ...     def backward(self, grad_output, x):
    ...         np.sum(grad_output * x, axis=-2, out=self.grad_scale)
    ...         return grad_output * self.scale
    >>> layer = Scale(2)
    >>> layer.scale[...] = [2.0, 3.0]
    >>> output, cache = layer.forward(np.array([[1.0, 10.0]]))
    >>> output
    array([[ 2., 30.]])
    """

    in_features: int | None = None
    out_features: int | None = None
    #: Whether training changes it, and what is within it.
    trainable: bool = True
    #: Another number whenever a layer was frozen, or is no longer.
    freezings: ClassVar[int] = 0
    #: Between what outputs lie; None where that is not known.
    range: tuple[float, float] | None = None
    #: The equations by the name of each result: those up to `output`, then the way back.
    written: ClassVar[Mapping[str, str]] = {}
    #: What the first entries of the cache, a tuple, are called in them.
    cache_names: tuple[str, ...] = ()

    @classmethod
    def example(cls, features: int) -> Layer:
        """Return one that takes so many features, for what goes through all layers."""
        return cls()

    @property
    def declared(self) -> dict[str, Declared]:
        """The parameters that `add_parameter` has declared, by name."""
        declared: dict[str, Declared] = vars(self).setdefault("_declared", {})
        return declared

    def add_parameter(
        self, name: str, shape: int | tuple[int, ...], initializer: Initializer | None = None
    ) -> None:
        """Declare a parameter, to be called in `__init__`; it is drawn when first looked at.

        Parameters
        ----------
        name : str
            The attribute that the parameter becomes; its gradient is `grad_` + name.
        shape : int or tuple of int
            Weight decay acts on parameters of two or more axes only.
        initializer : callable (shape, rng) -> array, optional
            Draws the starting values; `Glorot("uniform")` if none is given.

        Raises
        ------
        ParameterError
            If the name is taken, the shape is none, or the initializer is no function.
        """
        if self.in_network:
            raise ParameterError(f"{name} comes too late: declare parameters in __init__.")
        taken = name in self.declared or hasattr(self, name)
        if taken or not name.isidentifier() or name.startswith("grad_"):
            raise ParameterError(f"a parameter cannot be called {name!r}: choose a free name.")
        initializer = Glorot("uniform") if initializer is None else initializer
        if not callable(initializer) or isinstance(initializer, (type, Layer)):
            raise ParameterError(
                f"the initializer of {name} must be a function of shape and generator, such as "
                f"He(); got {initializer!r}. Activations are layers of their own."
            )
        axes = shape if isinstance(shape, (tuple, list)) else (shape,)
        shape = tuple(whole_number(f"the shape of {name}", axis, 1) for axis in axes)
        self.declared[name] = Declared(shape, initializer)
        for undrawn in (name, f"grad_{name}"):
            if not hasattr(type(self), undrawn):  # once for a class, not for each instance
                setattr(type(self), undrawn, _Undrawn(undrawn))

    def add_state(self, name: str, shape: int | tuple[int, ...], value: float | Array) -> None:
        """Make an array of a value for one of `state_names`, if a file that is read has it."""
        setattr(self, name, np.full(shape, value))

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Array: ...

    def draw(self, rng: np.random.Generator, dtype: DTypeLike = np.float64) -> dict[str, Array]:
        """Return first values of the parameters that nobody has looked at yet."""
        undrawn = (name for name in self.declared if name not in vars(self))
        return {name: self.declared[name].draw(name, rng, dtype) for name in undrawn}

    def start_from(self, values: Mapping[str, Array]) -> None:
        """Start parameters from given numbers, by name, before a network takes the layer up."""
        vars(self).update(values)

    def parts(self) -> dict[str, Layer]:
        """Return the layer itself under "", and those within it by the way that leads there."""
        found: dict[str, Layer] = {}
        _collect(self, "", found)
        return found

    def named_parameters(self, prefix: str = "") -> dict[str, Array]:
        """Return all parameters, also of layers within it, such as "weight" or "inner.weight"."""
        return {
            f"{path}.{name}".lstrip("."): getattr(part, prefix + name)
            for path, part in self.parts().items()
            for name in part.declared
        }

    def named_gradients(self) -> dict[str, Array]:
        """Return the gradients of all parameters, under the names of the parameters."""
        return self.named_parameters("grad_")

    def named_state(self) -> dict[str, Array]:
        """Return what is kept besides the parameters, also by layers within it."""
        return {
            f"{path}.{name}".lstrip("."): getattr(part, name)
            for path, part in self.parts().items()
            for name in part.state_names
        }

    def forward(self, x: Array) -> tuple[Array, Any]:
        """Return the output, and the cache that `backward` will need."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(x).")

    def forward_training(self, x: Array, rng: np.random.Generator) -> tuple[Array, Any]:
        """Do the same in training. Only layers that behave differently there define it."""
        return self.forward(x)

    def backward(self, grad_output: Array, cache: Any) -> Array:
        """Overwrite the parameters' gradients, and return the gradient by the input."""
        raise NotImplementedError(
            f"{type(self).__name__} must define backward(grad_output, cache)."
        )

    def backward_parameters(self, grad_output: Array, cache: Any) -> None:
        """Overwrite the parameters' gradients only: all that the first with any is asked for."""
        self.backward(grad_output, cache)

    def after_step(self, cache: Any) -> None:
        """Learn from a training batch what is not a parameter. Called once its step is made."""

    def output_width(self, input_width: int | None) -> int | None:
        """Return the number of output features, None if unknown, for a number of input features."""
        return self.out_features

    def refuse_other(self, name: str, twin: Any) -> None:
        def made(layer: Layer) -> str:
            return repr((layer.declared, layer.in_features, layer.out_features))

        if made(twin) != made(self):
            raise ParameterError(f"{name} is fixed: make a new {type(self).__name__}.")

    def __setattr__(self, name: str, value: object) -> None:
        """Keep views what they are, and refuse what would never be trained."""
        whose = name.removeprefix("grad_")
        if whose in self.declared:
            if value is getattr(self, name):  # as after `layer.weight += 1`
                return
            raise AttributeError(
                f"{name} cannot be replaced: it is, or will be, a view into a network's "
                f"parameters. Write into it: layer.{name}[...] = value"
            )
        if whose != name and isinstance(vars(self).get(whose), np.ndarray):
            raise AttributeError(
                f"{whose} would never be trained: declare it with add_parameter({whose!r}, shape)."
            )
        if self.in_network and next(_layers_in(name, value), None):
            raise AttributeError(
                f"{name} would never be trained: the network has taken up the layers that it was "
                "made of. Set layers before, in __init__, or build a new network."
            )
        if name != "trainable":
            super().__setattr__(name, value)
        elif switch(name, value) is not self.trainable:
            super().__setattr__(name, bool(value))
            Layer.freezings = next(_FREEZINGS)  # so that networks look again


def _layers_in(name: str, value: Any) -> Iterator[tuple[str, Layer]]:
    """Yield the layers that an attribute is or holds, with the way that leads to each."""
    if isinstance(value, Layer):
        yield name, value
    elif isinstance(value, (list, tuple, deque)):
        for i, each in enumerate(value):
            yield from _layers_in(f"{name}[{i}]", each)
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _layers_in(f"{name}[{key!r}]", each)
    elif isinstance(value, (set, frozenset)) or getattr(value, "dtype", None) == "O":
        what, held = type(value).__name__, value.ravel() if hasattr(value, "ravel") else value
        if any(isinstance(each, Layer) for each in held):
            raise ParameterError(
                f"{name} is a {what} of layers, whose order is lost: make it a list."
            )


def _collect(layer: Layer, path: str, found: dict[str, Layer]) -> None:
    """Add a layer, and those within it, to what has been found."""
    if any(layer is other for other in found.values()):
        raise ParameterError(f"{path} {type(layer).__name__} is used twice: make a new layer.")
    found[path] = layer
    for name, value in vars(layer).items():
        if name != "_declared" and not isinstance(value, _PLAIN):
            for way, inner in _layers_in(name, value):
                _collect(inner, f"{path}.{way}".lstrip("."), found)


def parts_of(layers: Sequence[Layer]) -> dict[str, Layer]:
    """Return layers and all those within them by their places, such as "layers[0].inner"."""
    return {
        f"layers[{i}]{'.' * bool(path)}{path}": part
        for i, layer in enumerate(layers)
        for path, part in layer.parts().items()
    }


def way_forward(
    layers: Sequence[Layer], x: Array, rng: np.random.Generator | None = None
) -> Iterator[tuple[Array, Any]]:
    """Yield the output and the cache of each layer; with a generator, those of training."""
    for layer in layers:
        if rng is None or not layer.trainable:
            x, cache = layer.forward(x)
        else:
            x, cache = layer.forward_training(x, rng)
        yield x, cache


def learn(layers: Sequence[Layer], caches: Sequence[Any]) -> None:
    """Let layers learn from a training batch what is not a parameter."""
    for layer, cache in zip(layers, caches, strict=True):
        if layer.trainable:
            layer.after_step(cache)


def way_back(
    layers: Sequence[Layer], grad_output: Array, caches: Sequence[Any], down_to: int = 0
) -> Array:
    """Go back down to a layer, overwriting gradients; return the gradient by its input."""
    for i in range(len(layers) - 1, down_to - 1, -1):
        grad_output = layers[i].backward(grad_output, caches[i])
    return grad_output


class Dense(Layer):
    """Every output is a weighted sum of all inputs, plus a bias: output = x · weight + bias.

    Parameters
    ----------
    in_features, out_features : int
        The number of inputs and of outputs.
    weight_initializer : callable (shape, rng) -> array, optional
        Where the weight, shape (in_features, out_features), starts;
        `Glorot("uniform")` unless given. Before a ReLU, `He()` is the usual choice.
    bias_initializer : callable (shape, rng) -> array, optional
        Where the bias, shape (out_features,), starts; zeros unless given.

    Attributes
    ----------
    weight, grad_weight : array of shape (in_features, out_features)
        The weights, and the newest derivative of the loss by each.
    bias, grad_bias : array of shape (out_features,)
        The same for the bias.

    Raises
    ------
    ParameterError
        If a number of features is not a whole number of at least 1.

    Examples
    --------
    >>> layer = Dense(2, 1)
    >>> layer.weight[...] = [[2.0], [3.0]]
    >>> layer.forward(np.array([[1.0, 10.0]]))[0]
    array([[32.]])

    References
    ----------
    Rumelhart, Hinton, Williams: Learning representations by back-propagating errors, 1986.
    """

    range = (-math.inf, math.inf)
    weight: Array
    bias: Array
    grad_weight: Array
    grad_bias: Array

    written = {
        "output": "x @ weight + bias",
        "grad_weight": "T(x) @ grad_output",
        "grad_bias": "sum(grad_output, samples)",
        "grad_input": "grad_output @ T(weight)",
    }

    def __init__(
        self,
        in_features: int,
        out_features: int,
        weight_initializer: Initializer | None = None,
        bias_initializer: Initializer | None = None,
    ) -> None:
        self.in_features: int = whole_number("in_features", in_features, 1)
        self.out_features: int = whole_number("out_features", out_features, 1)
        self.weight_initializer = weight_initializer
        self.bias_initializer = bias_initializer
        self.add_parameter("weight", (self.in_features, self.out_features), weight_initializer)
        bias_initializer = Zeros() if bias_initializer is None else bias_initializer
        self.add_parameter("bias", (self.out_features,), bias_initializer)

    @classmethod
    def example(cls, features: int) -> Dense:
        return cls(features, features + 1)

    def forward(self, x: Array) -> tuple[Array, Array]:
        output = product(x, self.weight)
        output += self.bias[..., np.newaxis, :]
        return output, x

    def backward(self, grad_output: Array, x: Array) -> Array:
        self.backward_parameters(grad_output, x)
        return product(grad_output, self.weight.mT)

    def backward_parameters(self, grad_output: Array, x: Array) -> None:
        product_over_samples(x, grad_output, self.grad_weight)
        sum_over_samples(grad_output, self.grad_bias)


class Dropout(Layer):
    """In training, set a random part of the inputs to zero and enlarge the rest to make up for it.

    output = x · mask / (1 - rate), where each entry of the mask is 0 with
    probability rate, else 1. In inference the input passes unchanged.

    Parameters
    ----------
    rate : float
        The share of inputs that is dropped, from 0 to below 1.

    Raises
    ------
    ParameterError
        If the rate is out of that range.

    Examples
    --------
    >>> layer = Dropout(0.5)
    >>> layer.forward_training(np.ones((1, 6)), np.random.default_rng(0))[0]
    array([[2., 2., 2., 0., 0., 0.]])
    >>> layer.forward(np.ones((1, 6)))[0]
    array([[1., 1., 1., 1., 1., 1.]])

    References
    ----------
    Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov: Dropout, 2014.
    """

    cache_names = ("mask",)
    written = {"output": "x * mask", "grad_input": "grad_output * mask"}

    def __init__(self, rate: float) -> None:
        self.rate = number("rate", rate, minimum=0, below=1)

    @classmethod
    def example(cls, features: int) -> Dropout:
        return cls(0.3)

    def forward(self, x: Array) -> tuple[Array, Any]:
        return x, ()

    def forward_training(self, x: Array, rng: np.random.Generator) -> tuple[Array, Any]:
        kept = rng.random(x.shape, np.float32) >= self.rate
        mask = kept * x.dtype.type(1 / (1 - self.rate))
        return x * mask, (mask,)

    def backward(self, grad_output: Array, cache: Any) -> Array:
        return grad_output * cache[0] if cache else grad_output

    def output_width(self, input_width: int | None) -> int | None:
        return input_width


class _Normalization(Layer):
    """What the two normalisations share: a scale and a bias for each feature."""

    range = (-math.inf, math.inf)
    scale: Array
    bias: Array
    grad_scale: Array
    grad_bias: Array

    def __init__(self, features: int, epsilon: float) -> None:
        self.features = whole_number("features", features, 1)
        self.epsilon = number("epsilon", epsilon, above=0)
        self.in_features = self.out_features = self.features
        self.add_parameter("scale", (features,), Constant(1.0))
        self.add_parameter("bias", (features,), Zeros())

    @classmethod
    def example(cls, features: int) -> Layer:
        return cls(features, epsilon=1e-5)

    def scaled(self, normalized: Array) -> Array:
        """Return scale · normalized + bias."""
        return normalized * self.scale[..., np.newaxis, :] + self.bias[..., np.newaxis, :]

    def backward_parameters(self, grad_output: Array, cache: Any) -> None:
        sum_over_samples(grad_output * cache[0], self.grad_scale)
        sum_over_samples(grad_output, self.grad_bias)


class BatchNorm(_Normalization):
    """Bring each feature to mean 0 and variance 1 over the batch, then scale and shift it.

    output = scale · (x - mean) / √(variance + epsilon) + bias

    In training, mean and (biased) variance are the batch's; in inference they
    are the running ones: the average over the batches so far (there with the
    unbiased variance), until these are 1 / momentum; from then on each moves
    the average by the share `momentum`. (PyTorch's do so from the first batch
    on, and so keep something of the 0 and 1 at which they start; after some
    dozens of batches the two agree.)

    A batch of one sample has no spread, so it comes out as the bias, and the
    running statistics leave it out; a `fit` in batches of one is refused.

    Parameters
    ----------
    features : int
        The number of features, in and out.
    momentum : float
        How far the running statistics move at each step, from 0, where they are the plain
        average, to 1, where they are those of the newest batch.
    epsilon : float
        Added to the variance, so that a constant feature does not divide by zero.

    Attributes
    ----------
    running_mean, running_variance : array of shape (features,)
        What inference uses.
    batches : array of shape ()
        How many batches they have learnt from; 0 lets the next one replace them.

    Raises
    ------
    ParameterError
        If a setting is out of its range.

    Examples
    --------
    >>> layer = BatchNorm(1)
    >>> x = np.array([[1.0], [3.0]])
    >>> layer.forward_training(x, np.random.default_rng(0))[0].round(3)
    array([[-1.],
           [ 1.]])

    References
    ----------
    Ioffe, Szegedy: Batch normalization, 2015.
    """

    state_names = ("running_mean", "running_variance", "batches")
    running_mean: Array
    running_variance: Array
    batches: Array

    written = {
        "mean": "mean(x, samples)",
        "variance": "mean((x - mean) ** 2, samples)",
        "normalized": "(x - mean) / sqrt(variance + epsilon)",
        "output": "scale * normalized + bias",
        "grad_scale": "sum(grad_output * normalized, samples)",
        "grad_bias": "sum(grad_output, samples)",
        "grad_normalized": "grad_output * scale",
        "shift": "mean(grad_normalized, samples)",
        "stretch": "mean(grad_normalized * normalized, samples)",
        "grad_input": "(grad_normalized - shift - normalized * stretch) / sqrt(variance + epsilon)",
        "share": "max(momentum, 1 / (batches + 1))",
        "running_mean": "(1 - share) * running_mean + share * mean",
        "running_variance": "(1 - share) * running_variance"
        " + share * variance * samples / (samples - 1)",
        "batches": "batches + 1",
    }

    def __init__(self, features: int, momentum: float = 0.1, epsilon: float = 1e-5) -> None:
        super().__init__(features, epsilon)
        self.momentum = number("momentum", momentum, minimum=0, maximum=1)
        self.add_state("running_mean", self.features, 0.0)
        self.add_state("running_variance", self.features, 1.0)
        self.add_state("batches", (), 0.0)

    def forward(self, x: Array) -> tuple[Array, Any]:
        deviation = np.sqrt(self.running_variance + self.epsilon)[..., np.newaxis, :]
        normalized = (x - self.running_mean[..., np.newaxis, :]) / deviation
        return self.scaled(normalized), (normalized, deviation, None)

    def forward_training(self, x: Array, rng: np.random.Generator) -> tuple[Array, Any]:
        mean, rest = centred(x, -2)
        variance = total(rest * rest, -2, keepdims=True) / x.shape[-2]
        deviation = np.sqrt(variance + self.epsilon)
        normalized = rest / deviation
        return self.scaled(normalized), (normalized, deviation, (mean, variance))

    def backward(self, grad_output: Array, cache: Any) -> Array:
        self.backward_parameters(grad_output, cache)
        normalized, deviation, batch_statistics = cache
        if batch_statistics is not None:
            # The batch's mean and variance depend on every x too: their two paths take away
            # the parts of the gradient that a shift and a stretch would have.
            samples = normalized.shape[-2]
            shift = self.grad_bias[..., np.newaxis, :] / samples
            stretch = normalized * (self.grad_scale[..., np.newaxis, :] / samples)
            grad_output = grad_output - shift - stretch
        return grad_output * (self.scale[..., np.newaxis, :] / deviation)

    def after_step(self, cache: Any) -> None:
        normalized, _, (mean, variance) = cache
        samples = normalized.shape[-2]
        if samples == 1:
            return
        unbiased = variance * (samples / (samples - 1))
        self.batches += 1
        share = np.maximum(self.momentum, 1 / self.batches)[..., np.newaxis]
        for running, newest in ((self.running_mean, mean), (self.running_variance, unbiased)):
            running[...] = (1 - share) * running + share * newest[..., 0, :]


class LayerNorm(_Normalization):
    """Bring each sample to mean 0 and variance 1 over its features, then scale and shift it.

    output = scale · (x - mean) / √(variance + epsilon) + bias, with mean and
    (biased) variance of each row

    Parameters
    ----------
    features : int
        The number of features, in and out.
    epsilon : float
        Added to the variance, so that a constant sample does not divide by zero.

    Raises
    ------
    ParameterError
        If a setting is out of its range.

    Examples
    --------
    >>> LayerNorm(2).forward(np.array([[1.0, 3.0], [0.0, 10.0]]))[0].round(3)
    array([[-1.,  1.],
           [-1.,  1.]])

    References
    ----------
    Ba, Kiros, Hinton: Layer normalization, 2016.
    """

    written = {
        "mean": "mean(x, features)",
        "variance": "mean((x - mean) ** 2, features)",
        "normalized": "(x - mean) / sqrt(variance + epsilon)",
        "output": "scale * normalized + bias",
        "grad_scale": "sum(grad_output * normalized, samples)",
        "grad_bias": "sum(grad_output, samples)",
        "grad_normalized": "grad_output * scale",
        "shift": "mean(grad_normalized, features)",
        "stretch": "mean(grad_normalized * normalized, features)",
        "grad_input": "(grad_normalized - shift - normalized * stretch) / sqrt(variance + epsilon)",
    }

    def __init__(self, features: int, epsilon: float = 1e-5) -> None:
        super().__init__(features, epsilon)

    def forward(self, x: Array) -> tuple[Array, Any]:
        rest = centred(x, -1)[1]
        variance = total(rest * rest, -1, keepdims=True) / self.features
        deviation = np.sqrt(variance + self.epsilon)
        if np.isinf(deviation).any():  # of squares; the root may well be a float
            length = np.hypot.reduce(rest, axis=-1, keepdims=True)
            deviation = np.hypot(length / math.sqrt(self.features), math.sqrt(self.epsilon))
        normalized = rest / deviation
        return self.scaled(normalized), (normalized, deviation)

    def backward(self, grad_output: Array, cache: Any) -> Array:
        self.backward_parameters(grad_output, cache)
        normalized, deviation = cache
        grad = grad_output * self.scale[..., np.newaxis, :]
        # A row's mean and variance depend on its every x too, as in BatchNorm.
        shift = total(grad, -1, keepdims=True) / self.features
        stretch = total(grad * normalized, -1, keepdims=True) / self.features
        return (grad - shift - normalized * stretch) / deviation


class Residual(Layer):
    """Add to the input what some layers make of it: output = x + layers(x).

    The gradient has a way around the layers, as grad_input = grad_output + layers.backward(...),
    so it reaches the first layers of a deep network whatever the ones between do to it.

    Parameters
    ----------
    layers : sequence of Layer
        In the order in which data passes through them; they give as many features as they take.

    Raises
    ------
    ParameterError
        If it is no list of at least one layer.
    ShapeError
        If neighbours do not fit, or they give another number of features than they take.

    Examples
    --------
    >>> block = Residual([Dense(2, 2, weight_initializer=Constant(1.0))])
    >>> block.forward(np.array([[1.0, 10.0]]))[0]
    array([[12., 21.]])

    References
    ----------
    He, Zhang, Ren, Sun: Deep residual learning for image recognition, 2016.
    """

    cache_names = ("inner",)
    written = {"output": "x + inner"}

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = checked_layers(layers)
        self.in_features, out_features = check_neighbours(self.layers)
        if None not in (self.in_features, out_features) and self.in_features != out_features:
            raise ShapeError(
                f"the layers of Residual take {self.in_features} features and give {out_features}, "
                "which cannot be added. Make the two agree."
            )
        self.out_features = out_features

    @classmethod
    def example(cls, features: int) -> Residual:
        return cls([Dense(features, features), Dropout(0.3)])

    def forward(self, x: Array) -> tuple[Array, Any]:
        return self._added(x, way_forward(self.layers, x))

    def forward_training(self, x: Array, rng: np.random.Generator) -> tuple[Array, Any]:
        return self._added(x, way_forward(self.layers, x, rng))

    def _added(self, x: Array, way: Iterator[tuple[Array, Any]]) -> tuple[Array, Any]:
        outputs, caches = zip(*way, strict=True)
        return x + outputs[-1], (outputs[-1], caches)

    def backward(self, grad_output: Array, cache: Any) -> Array:
        return grad_output + way_back(self.layers, grad_output, cache[1])

    def after_step(self, cache: Any) -> None:
        learn(self.layers, cache[1])

    def output_width(self, input_width: int | None) -> int | None:
        return input_width if self.out_features is None else self.out_features


def checked_layers(layers: Sequence[Layer]) -> list[Layer]:
    """Return layers as a list; refuse what is none, stands twice, or belongs to a network."""
    if not isinstance(layers, (list, tuple)) or not layers:
        raise ParameterError(f"layers must be a list of at least one Layer; got {layers!r}.")
    seen: list[Layer] = []
    for i, layer in enumerate(layers):
        refuse_class(f"layers[{i}]", layer)
        if not isinstance(layer, Layer):
            raise ParameterError(f"layers[{i}] must be a Layer such as Dense; got {layer!r}.")
        parts = layer.parts()
        for path, part in parts.items():
            place = f"layers[{i}]{'.' * bool(path)}{path} {part!r}"
            kept = part.declared or part.state_names
            if kept and any(part is other for other in seen):
                raise ParameterError(f"{place} stands twice in layers. Make a new layer.")
            if kept and part.in_network:
                raise ParameterError(
                    f"{place} belongs to a network already, which would train it too. "
                    "Make a new layer, or take copy.deepcopy of this one."
                )
            if not is_ours(type(part)):
                from .answers.blocks import refuse_half_a_block

                refuse_half_a_block(place, part)
        seen += parts.values()
    return list(layers)  # not the caller's own, which may change


def check_neighbours(layers: Sequence[Layer]) -> tuple[int | None, int | None]:
    """Return the width of the first input and of the last output; refuse layers that do not fit."""
    first: int | None = None
    width: int | None = None
    passed_on = True  # no layer so far has fixed the width
    for i, layer in enumerate(layers):
        if None not in (width, layer.in_features) and width != layer.in_features:
            raise ShapeError(
                f"layers[{i}] {layer!r} takes {layer.in_features} features, but "
                f"layers[{i - 1}] {layers[i - 1]!r} gives {width}. Make the two agree."
            )
        if passed_on:
            first = layer.in_features
            # -1 is no layer's width: it comes back only where the width is passed on
            passed_on = first is None and layer.output_width(-1) == -1
        width = layer.output_width(width)
    return first, width
