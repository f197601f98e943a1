"""What is to be checked, as something that can be moved a little and run again.

A network, a layer, a loss or a pair of functions becomes a `Probe`: arrays to
move, a way forward, and the gradients that come back. `gradcheck` judges them and
need not know what it has before it. Networks, layers, losses and arrays are
copied first, so that what the user has stays as it is.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .checks import Array, matrix, real_array
from .errors import GradientMismatch, InputError, ParameterError
from .layers import Layer
from .losses import Loss, MeanSquaredError
from .network import Network


class Probe:
    """Something to check. What is differentiated is the sum of what `run` returns.

    Attributes
    ----------
    tensors : dict of arrays
        What can be moved, in place, by name.
    weights : array
        What each output counts; also the gradient that is sent backward.
    single : bool
        Whether the user works in float32, so that it must be right there too.
    zero_may_be : bool
        Whether some gradients may be zero, as long as not all are.
    advice : str
        What to add where a gradient is wrong.
    """

    tensors: dict[str, Array]
    weights: Array = np.ones(())
    single = False
    zero_may_be = False
    advice = ""
    seed = 0  # of the masks of dropout
    #: Changes arrays in their last digits, where rounding is to be watched.
    shake: Callable[[Any], Any] = staticmethod(lambda array: array)

    def cast(self, dtype: DTypeLike) -> Any:
        """Return a copy that computes in this dtype."""
        twin = copy.copy(self)
        twin.weights = self.weights.astype(_real(dtype))
        return twin

    def forward(self) -> Any:
        """Return the outputs."""

    def backward(self, grad_output: Array) -> Any:
        """Return the gradient of each tensor by name, after a `forward`."""

    def parameters_alone(self) -> dict[str, Array]:
        """Return the gradients that can be had without going back into the input."""
        return {}

    def arguments(self) -> list[str]:
        """Return the names of everything given, also of what has no gradient."""
        return list(self.tensors)

    def elsewhere(self, rng: np.random.Generator) -> Any:
        """Go forward and back at another point, so that it shows if some of that is kept."""
        other, before = copy.copy(self), copy.deepcopy(self.tensors)
        other.seed += 1
        for tensor in self.tensors.values():
            tensor[...] *= rng.uniform(0.9, 1, tensor.shape)
        outputs = other.forward()
        if np.shape(outputs) == self.weights.shape:
            other.backward(self.weights.copy())
        for name, tensor in self.tensors.items():
            tensor[...] = before[name]
        return outputs

    def run(self) -> Any:
        """Return the outputs, each times its weight."""
        return self.forward() * self.weights

    def gradients(self) -> dict[str, Array]:
        """Go forward and back; return copies of what `backward` gives."""
        self.forward()
        grad_output = self.weights.copy()
        given = self.backward(grad_output)
        if not np.array_equal(grad_output, self.weights):
            raise GradientMismatch("backward writes to grad_output, which others still need.")
        return {name: np.array(gradient) for name, gradient in given.items()}


class _NetworkProbe(Probe):
    zero_may_be = True
    advice = (
        "\nNo parameter nearer to the output is wrong: look at backward from here to the next "
        "layer with parameters."
    )
    names = ("X", "layers[{}].")
    against: list[Any]

    def __init__(self, network: Network, arrays: tuple[Any, ...], rng: np.random.Generator) -> None:
        X, y, *weight = copy.deepcopy(arrays)
        self.network = copy.deepcopy(network)
        self.x, *self.against = self.network._checked(X, y, weight[0] if weight else None)
        self.single = network.dtype == np.float32
        self.prepare(rng)

    def prepare(self, rng: np.random.Generator) -> None:
        """Move parameters that are whole numbers, such as all that nobody has trained yet.

        A scale of 1 would hide its misuse, and a bias of 0 puts the units that get
        nothing but zeros exactly at the kink of a ReLU.
        """
        self.seed = int(rng.integers(2**32))
        values = self.network.parameters
        values += (values == np.round(values)) * rng.uniform(-0.2, 0.2, values.shape)

    def cast(self, dtype: DTypeLike) -> Any:
        twin = super().cast(dtype)
        twin.network = copy.deepcopy(self.network)
        twin.network._gather(np.dtype(dtype))
        twin.tensors = {self.names[0]: self.x.astype(dtype)} | twin.named("")
        twin.against = [None if a is None else a.astype(_real(dtype)) for a in self.against]
        return twin

    def named(self, prefix: str) -> dict[str, Array]:
        """Return the parameters, or with `grad_` their gradients, by name."""
        return {
            self.names[1].format(i) + name: getattr(layer, prefix + name)
            for i, layer in enumerate(self.network.layers)
            for name in layer.block.shapes
        }

    def forward(self) -> Any:
        rng = np.random.default_rng(self.seed)  # the same masks each time
        x, self.caches = self.tensors[self.names[0]], []
        for layer in self.network.layers:
            result = layer.forward_training(x, rng)
            if not isinstance(result, tuple) or len(result) != 2:
                raise GradientMismatch("forward must return two things: the output and a cache.")
            x = self.shake(result[0])
            self.caches.append(result[1])
        self.outputs = x
        return self.result()

    def result(self) -> Any:
        """Return what is made of the outputs of the last layer."""
        return self.network.loss.value(self.outputs, *self.against)

    def cotangent(self, grad_output: Array) -> Array:
        """Return the gradient of that by those outputs."""
        return self.network.loss.value_and_gradient(self.outputs, *self.against)[1]

    def backward(self, grad_output: Array) -> dict[str, Any]:
        self.network.gradients[...] = np.nan
        grad = self.shake(self.cotangent(grad_output))
        for layer, cache in zip(self.network.layers[::-1], self.caches[::-1], strict=True):
            grad = self.shake(layer.backward(grad, cache))
        return {self.names[0]: grad} | self.named("grad_")

    def parameters_alone(self) -> dict[str, Array]:
        self.forward()
        self.network.gradients[...] = np.nan
        self.network.backward_parameters(self.cotangent(self.weights.copy()), self.caches)
        return self.named("grad_")


class _LayerProbe(_NetworkProbe):
    zero_may_be, advice = False, ""
    names = ("x", "")

    def __init__(self, layer: Layer, arrays: tuple[Any, ...], rng: np.random.Generator) -> None:
        self.x = matrix("x", arrays[0], _real(getattr(arrays[0], "dtype", None)), layer.in_features)
        self.single = self.x.dtype == np.float32
        self.network = Network([copy.deepcopy(layer)], MeanSquaredError())
        self.network.parameters[...] = layer.block.values
        self.against = []
        self.prepare(rng)
        self.weights = rng.standard_normal(self.cast(np.float64).forward().shape)

    def result(self) -> Any:
        return self.outputs

    def cotangent(self, grad_output: Array) -> Array:
        return grad_output


class _LossProbe(Probe):
    against: list[Any]

    def __init__(self, loss: Loss, arrays: tuple[Any, ...], rng: np.random.Generator) -> None:
        outputs, y, *weight = arrays
        self.loss = copy.deepcopy(loss)
        self.outputs, *self.against = self.loss._checked(outputs, y, weight[0] if weight else None)
        self.single = self.outputs.dtype == np.float32

    def cast(self, dtype: DTypeLike) -> Any:
        twin = super().cast(dtype)
        twin.tensors = {"outputs": self.outputs.astype(dtype)}
        twin.against = [None if a is None else a.astype(_real(dtype)) for a in self.against]
        return twin

    def forward(self) -> Any:
        return self.loss.value(self.tensors["outputs"], *self.against)

    def backward(self, grad_output: Array) -> dict[str, Any]:
        return {"outputs": self.loss.value_and_gradient(self.tensors["outputs"], *self.against)[1]}


class _FunctionsProbe(Probe):
    def __init__(self, pair: Any, arrays: tuple[Any, ...], rng: np.random.Generator) -> None:
        self.pair = pair
        self.given = {
            name: _numbers(name, array)
            for name, array in zip(_argument_names(pair[0], len(arrays)), arrays, strict=True)
        }
        self.single = any(array.dtype == np.float32 for array in self.given.values())
        trial = self.cast(np.float64)
        if not trial.tensors:
            raise InputError(
                "there is nothing to differentiate: whole numbers cannot be moved a little. Give "
                "at least one array of floats (1.0 for 1, or x.astype(float))."
            )
        output = trial.elsewhere(rng)
        if isinstance(output, (tuple, list)) or np.asarray(output).dtype.kind not in "biuf":
            raise GradientMismatch(
                f"forward must return one array of real numbers; got a {type(output).__name__}."
            )
        self.weights = np.asarray(rng.standard_normal(np.shape(output)))

    def cast(self, dtype: DTypeLike) -> Any:
        twin = super().cast(dtype)
        twin.given = {
            k: a.astype(dtype if a.dtype.kind == "f" else a.dtype) for k, a in self.given.items()
        }
        twin.tensors = {name: a for name, a in twin.given.items() if a.dtype.kind in "fc"}
        return twin

    def arguments(self) -> list[str]:
        return list(self.given)

    def forward(self) -> Any:
        return self.pair[0](*self.given.values())

    def backward(self, grad_output: Array) -> dict[str, Any]:
        returned = self.pair[1](grad_output)
        gradients = returned if isinstance(returned, (tuple, list)) else [returned]
        names = self.tensors if len(self.tensors) == len(gradients) == 1 else self.given
        if len(gradients) != len(names):
            raise GradientMismatch(
                f"backward must return a gradient for each of {', '.join(names)}, or None, in a "
                f"tuple; got {len(gradients)}."
            )
        pairs = zip(names, gradients, strict=True)
        return {name: g for name, g in pairs if name in self.tensors and g is not None}


#: What can be checked, in which way, and with how many arrays at most.
KINDS: tuple[tuple[type, type[Probe], int], ...] = (
    (Network, _NetworkProbe, 3),
    (Layer, _LayerProbe, 1),
    (Loss, _LossProbe, 3),
)


def probe_of(subject: Any, arrays: tuple[Any, ...], rng: np.random.Generator) -> Any:
    """Return what the user wants checked as a `Probe`, or say why it cannot be checked."""
    for kind, probe, most in KINDS:
        if isinstance(subject, kind):
            if not min(most, 2) <= len(arrays) <= most:
                expected = "one array" if most == 1 else "two arrays, and sample_weight if wanted"
                raise ParameterError(
                    f"check_gradients of a {kind.__name__} takes {expected}; got {len(arrays)}."
                )
            return probe(subject, arrays, rng)  # type: ignore[call-arg]
    if isinstance(subject, (tuple, list)) and len(subject) == 2 and all(map(callable, subject)):
        return _FunctionsProbe(subject, arrays, rng)
    hint = " Write it with brackets, as an instance." if isinstance(subject, type) else ""
    raise ParameterError(
        "subject must be a Network, Layer, activation or Loss, or a pair of functions (forward, "
        f"backward); got {subject!r}.{hint}"
    )


def _real(dtype: Any) -> Any:
    """Return the real precision that goes with a dtype."""
    return np.float32 if dtype == np.float32 else np.float64


def _numbers(name: str, value: object) -> Array:
    """Return a copy of what a function is given: floats, or whole numbers as they are."""
    array = real_array(name, value, _real(getattr(value, "dtype", None)))
    if array.size == 0:
        raise InputError(f"{name} must hold at least one number; got shape {array.shape}.")
    given = np.asarray(value)
    return np.array(given if given.dtype.kind in "biu" else array)


def _argument_names(forward: Callable[..., Any], count: int) -> list[str]:
    """Return what `forward` calls its arguments; refuse arrays that it cannot take."""
    try:
        bound = inspect.signature(forward).bind(*range(count))
    except TypeError as error:
        raise ParameterError(f"forward cannot take the arrays given, {count}: {error}.") from None
    except ValueError:  # some functions written in C do not tell
        return [f"arrays[{i}]" for i in range(count)]
    names: list[str] = []
    for name, value in bound.arguments.items():
        starred = isinstance(value, tuple)
        names += [f"{name}[{i}]" for i in range(len(value))] if starred else [name]
    return names
