"""Layers: each knows its way forward, and its way back.

`forward` returns the output and a cache; `backward` takes the gradient of the
loss by that output, and the cache, overwrites the layer's own gradients and
returns the gradient by the input. Nothing of a batch stays on the layer, so a
prediction between the two harms nothing. The last two axes of every array are
(samples, features).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from .checks import Array, number, whole_number
from .configurable import Configurable
from .errors import ParameterError, ShapeError
from .initializers import Constant, Glorot, Zeros
from .parameters import Initializer, ParameterBlock


class Layer(Configurable):
    """Base of the layers: subclass it and define `forward` and `backward`.

    A parameter that `add_parameter("scale", ...)` declares is there as
    `self.scale`, and its gradient, which `backward` overwrites, as
    `self.grad_scale`. Both are views into the vectors of the whole network:
    write into them (`self.scale[...] = 2`); putting another array in their
    place raises an AttributeError.

    `grad_output` is the derivative of the loss by each output, in the output's
    shape. The cache is whatever `backward` wants to know of the way forward, often
    the input; it is the layer's own affair, and nobody else looks into it.

    Set `in_features` and `out_features` where the width is fixed, and a network
    refuses neighbours that do not fit.

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
    #: Arrays that are kept and saved but not trained, such as running statistics.
    state_names: tuple[str, ...] = ()
    #: Whether outputs lie between 0 and 1; None where that is not known.
    gives_probabilities: bool | None = None
    block: ParameterBlock

    def __new__(cls, *_: Any, **__: Any) -> Layer:
        """Give the layer its place for parameters before any `__init__` runs."""
        layer = super().__new__(cls)
        layer.block = ParameterBlock()
        return layer

    def add_parameter(
        self, name: str, shape: int | tuple[int, ...], initializer: Initializer | None = None
    ) -> None:
        """Declare a parameter, to be called in `__init__`.

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
            If the name is taken.
        ShapeError, InputError
            If the initializer returns another shape, or numbers that are not finite.
        """
        if hasattr(self, name) or not name.isidentifier() or name.startswith("grad_"):
            raise ParameterError(f"a parameter cannot be called {name!r}: choose a free name.")
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        self.block.add(name, shape, Glorot("uniform") if initializer is None else initializer)
        vars(self).update(self.block.views())

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
        """Overwrite the parameters' gradients only: all that the first layer is asked for."""
        self.backward(grad_output, cache)

    def after_step(self, cache: Any) -> None:
        """Learn from a training batch what is not a parameter. Called once its step is made."""

    def output_width(self, input_width: int | None) -> int | None:
        """Return the number of output features, None if unknown, for a number of input features."""
        return self.out_features

    def move_to(self, dtype: np.dtype[Any]) -> None:
        """Take the views anew after the block has moved, and the state in this dtype."""
        vars(self).update(self.block.views())
        for name in self.state_names:
            vars(self)[name] = vars(self)[name].astype(dtype)

    def __setattr__(self, name: str, value: object) -> None:
        shapes = self.block.shapes if "block" in vars(self) else {}
        if name.removeprefix("grad_") in shapes and value is not vars(self)[name]:
            raise AttributeError(
                f"{name} is a view into the network's parameters and cannot be replaced. "
                f"Write into it: layer.{name}[...] = value"
            )
        whose = name.removeprefix("grad_")
        if whose != name and whose not in shapes and isinstance(vars(self).get(whose), np.ndarray):
            raise AttributeError(
                f"{whose} would never be trained: declare it with add_parameter({whose!r}, shape)."
            )
        super().__setattr__(name, value)

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in vars(self).items() if k not in self.block.views()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.block.in_network = False
        vars(self).update(self.block.views())

    def __copy__(self) -> Layer:
        return copy.deepcopy(self)  # two layers with one block would train each other


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

    gives_probabilities = False
    weight: Array
    bias: Array
    grad_weight: Array
    grad_bias: Array

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

    def forward(self, x: Array) -> tuple[Array, Array]:
        """Return x · weight + bias, and x, which the gradient of the weight will need."""
        return x @ self.weight + self.bias, x

    def backward(self, grad_output: Array, x: Array) -> Array:
        """Set grad_weight = xᵀ · grad_output and grad_bias; return grad_output · weightᵀ."""
        self.backward_parameters(grad_output, x)
        return grad_output @ self.weight.mT

    def backward_parameters(self, grad_output: Array, x: Array) -> None:
        """Set grad_weight = xᵀ · grad_output, and grad_bias to the sum over the samples."""
        np.matmul(x.mT, grad_output, out=self.grad_weight)
        np.add.reduce(grad_output, axis=-2, out=self.grad_bias)


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
    array([[2., 0., 0., 0., 2., 2.]])
    >>> layer.forward(np.ones((1, 6)))[0]
    array([[1., 1., 1., 1., 1., 1.]])

    References
    ----------
    Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov: Dropout, 2014.
    """

    def __init__(self, rate: float) -> None:
        self.rate = number("rate", rate, minimum=0, below=1)

    def forward(self, x: Array) -> tuple[Array, Array | None]:
        """Return x unchanged, and no mask."""
        return x, None

    def forward_training(self, x: Array, rng: np.random.Generator) -> tuple[Array, Array | None]:
        """Return x with some entries dropped, and the mask."""
        mask = (rng.random(x.shape) >= self.rate).astype(x.dtype) / (1 - self.rate)
        return x * mask, mask

    def backward(self, grad_output: Array, mask: Array | None) -> Array:
        """Return the gradient of what was not dropped."""
        return grad_output if mask is None else grad_output * mask

    def output_width(self, input_width: int | None) -> int | None:
        """Return the number of inputs."""
        return input_width


class _Normalization(Layer):
    """What the two normalisations share: a scale and a bias for each feature."""

    gives_probabilities = False
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

    def backward_parameters(self, grad_output: Array, cache: Any) -> None:
        """Set grad_scale and grad_bias; the cache begins with the normalised input."""
        np.add.reduce(grad_output * cache[0], axis=-2, out=self.grad_scale)
        np.add.reduce(grad_output, axis=-2, out=self.grad_bias)


class BatchNorm(_Normalization):
    """Bring each feature to mean 0 and variance 1 over the batch, then scale and shift it.

    output = scale · (x - mean) / √(variance + epsilon) + bias

    In training, mean and (biased) variance are the batch's; in inference they
    are the running ones, which each training step moves towards the batch's by
    the share `momentum` (there with the unbiased variance, as in PyTorch). A
    batch of one sample has no spread, so it comes out as the bias.

    Parameters
    ----------
    features : int
        The number of features, in and out.
    momentum : float
        How far the running statistics move at each step, from 0 to 1.
    epsilon : float
        Added to the variance, so that a constant feature does not divide by zero.

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

    state_names = ("running_mean", "running_variance")
    running_mean: Array
    running_variance: Array

    def __init__(self, features: int, momentum: float = 0.1, epsilon: float = 1e-5) -> None:
        super().__init__(features, epsilon)
        self.momentum = number("momentum", momentum, minimum=0, maximum=1)
        self.running_mean = np.zeros(self.features)
        self.running_variance = np.ones(self.features)

    def forward(self, x: Array) -> tuple[Array, Any]:
        """Normalise with the running statistics."""
        deviation = np.sqrt(self.running_variance + self.epsilon)
        normalized = (x - self.running_mean) / deviation
        return normalized * self.scale + self.bias, (normalized, deviation, None)

    def forward_training(self, x: Array, rng: np.random.Generator) -> tuple[Array, Any]:
        """Normalise with the batch's own statistics."""
        samples = x.shape[-2]
        mean = np.add.reduce(x, axis=-2, keepdims=True) / samples
        centred = x - mean
        variance = np.add.reduce(centred * centred, axis=-2, keepdims=True) / samples
        deviation = np.sqrt(variance + self.epsilon)
        normalized = centred / deviation
        cache = normalized, deviation, (mean, variance)
        return normalized * self.scale + self.bias, cache

    def backward(self, grad_output: Array, cache: Any) -> Array:
        """Set grad_scale and grad_bias; return the gradient by x.

        The batch's mean and variance depend on every x too: their two paths
        take away the parts of the gradient that a shift and a stretch would have.
        """
        self.backward_parameters(grad_output, cache)
        normalized, deviation, batch_statistics = cache
        if batch_statistics is not None:
            samples = normalized.shape[-2]
            shift = self.grad_bias / samples
            stretch = normalized * (self.grad_scale / samples)
            grad_output = grad_output - shift - stretch
        return grad_output * (self.scale / deviation)

    def after_step(self, cache: Any) -> None:
        """Move the running statistics towards those of the batch."""
        normalized, _, (mean, variance) = cache
        samples = normalized.shape[-2]
        unbiased = variance[0] * (samples / max(samples - 1, 1))
        self.running_mean += self.momentum * (mean[0] - self.running_mean)
        if samples > 1:
            self.running_variance += self.momentum * (unbiased - self.running_variance)


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

    def __init__(self, features: int, epsilon: float = 1e-5) -> None:
        super().__init__(features, epsilon)

    def forward(self, x: Array) -> tuple[Array, Any]:
        """Normalise each row."""
        centred = x - np.add.reduce(x, axis=-1, keepdims=True) / self.features
        variance = np.add.reduce(centred * centred, axis=-1, keepdims=True) / self.features
        deviation = np.sqrt(variance + self.epsilon)
        normalized = centred / deviation
        return normalized * self.scale + self.bias, (normalized, deviation)

    def backward(self, grad_output: Array, cache: Any) -> Array:
        """Set grad_scale and grad_bias; return the gradient by x.

        A row's mean and variance depend on its every x too: their two paths
        take away the parts of the gradient that a shift and a stretch would have.
        """
        self.backward_parameters(grad_output, cache)
        normalized, deviation = cache
        grad = grad_output * self.scale
        shift = np.add.reduce(grad, axis=-1, keepdims=True) / self.features
        along = np.add.reduce(grad * normalized, axis=-1, keepdims=True) / self.features
        return (grad - shift - normalized * along) / deviation


def check_neighbours(layers: Sequence[Layer]) -> tuple[int | None, int | None]:
    """Return the width of the first input and of the last output; refuse layers that do not fit."""
    first: int | None = None
    width: int | None = None
    only_passed_on = True
    for i, layer in enumerate(layers):
        if None not in (width, layer.in_features) and width != layer.in_features:
            raise ShapeError(
                f"layers[{i}] {layer!r} takes {layer.in_features} features, but "
                f"layers[{i - 1}] {layers[i - 1]!r} gives {width}. Make the two agree."
            )
        if only_passed_on and layer.in_features is not None:
            first, only_passed_on = layer.in_features, False
        elif layer.output_width(-1) != -1:
            only_passed_on = False
        width = layer.output_width(width)
    return first, width
