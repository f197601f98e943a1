"""What is to be checked, as something that can be moved a little and run again.

A network, a layer, a loss or a pair of functions becomes a `Subject`: tensors to move, a way
forward, and a way back that gives a gradient for each. The other modules need not know what they
have before them. Everything is copied first, so that what the user has stays as it is.
"""

from __future__ import annotations

import copy
import inspect
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import DTypeLike

from ..checks import Array, matrix, real_array
from ..errors import GradientMismatch, InputError, ParameterError
from ..layers import Layer, parts_of
from ..losses import Loss, MeanSquaredError
from ..network import Network

#: Another point is found by making each entry smaller, by a tenth at most: near enough for the
#: code to work there too, and probabilities stay some.
NEARBY = 0.9, 1.0
#: How far parameters that are whole numbers are moved: far enough to show what a scale of 1 hides.
WHOLE_NUMBERS_MOVE = 0.2


def _unchanged(array: Any) -> Any:
    return array


@dataclass(frozen=True, kw_only=True)
class Subject:
    """Something to check. What is differentiated is the sum of what `run` returns.

    Attributes
    ----------
    weights : array
        What each output counts; also the gradient that is sent backward.
    single : bool
        Whether the user works in float32, so that it must be right there too.
    seed : int
        Of the masks of dropout.
    prefill : float
        What stands in the gradients that a layer shall overwrite.
    shake : callable
        Changes arrays on their way in their last digits, where rounding is to be watched.
    skip : set of str
        Tensors that are neither moved nor compared.
    shapes : tuple of shapes, or None
        Of each output, where `forward` returns a tuple; `weights` is one vector for all then.
    """

    weights: Array = field(default_factory=lambda: np.ones(()))
    single: bool = False
    seed: int = 0
    prefill: float = np.nan
    shake: Callable[[Any], Any] = _unchanged
    skip: frozenset[str] = frozenset()
    shapes: tuple[tuple[int, ...], ...] | None = None

    #: Whether some gradients may be zero, as long as not all are.
    zero_may_be = False
    #: What to add where a gradient is wrong, and where one is not finite.
    advice = prefilled = ""

    @property
    def kinks_add_up(self) -> bool:
        """Whether one number may meet several kinks at once, as in a network.

        What backpropagation makes of them need not lie between the slopes of the two sides then.
        """
        return False

    @property
    def tensors(self) -> dict[str, Array]:
        """What is moved, in place, by name."""
        return {name: a for name, a in self.movable().items() if name not in self.skip}

    def movable(self) -> dict[str, Array]:
        """Return all that can be moved."""
        raise NotImplementedError

    def cast(self, dtype: DTypeLike) -> Self:
        """Return a copy that computes in this dtype."""
        return replace(self, weights=self.weights.astype(_real(dtype)))

    def forward(self) -> tuple[Any, Any]:
        """Return the outputs, and a cache for `backward`."""
        raise NotImplementedError

    def backward(self, grad_output: Array, cache: Any) -> dict[str, Any]:
        """Return the gradient of each tensor by name."""
        raise NotImplementedError

    def parameters_alone(self) -> dict[str, Array]:
        """Return the gradients that can be had without going back into the input."""
        return {}

    def arguments(self) -> list[str]:
        """Return the names of everything given, also of what has no gradient."""
        return list(self.movable())

    def run(self) -> Any:
        """Return the outputs, each times its weight."""
        return self.joined(self.forward()[0]) * self.weights

    def joined(self, outputs: Any) -> Any:
        """Return several outputs as one vector; one alone as it is."""
        if self.shapes is None:
            return outputs
        return np.concatenate([np.ravel(each) for each in outputs])

    def grad_output(self) -> Any:
        """Return a copy of what is sent backward: an array, or a tuple of one for each output."""
        if self.shapes is None:
            return self.weights.copy()
        pieces = np.split(self.weights, np.cumsum([math.prod(s) for s in self.shapes])[:-1])
        return tuple(p.reshape(s).copy() for p, s in zip(pieces, self.shapes, strict=True))

    def weighed(self, outputs: Any, rng: np.random.Generator) -> Self:
        """Return the same with random weights on such outputs, an array or a tuple of them."""
        shapes = None
        if isinstance(outputs, tuple):
            shapes = tuple(np.shape(each) for each in outputs)
        with_shapes = replace(self, shapes=shapes)
        size = np.shape(with_shapes.joined(outputs))
        return replace(with_shapes, weights=np.asarray(rng.standard_normal(size)))

    def gradients(self) -> dict[str, Array]:
        """Go forward and back; return copies of what `backward` gives, but for None."""
        _, cache = self.forward()
        grad_output = self.grad_output()
        given = self.backward(grad_output, cache)
        if not np.array_equal(self.joined(grad_output), self.weights):
            raise GradientMismatch("backward writes to grad_output, which others still need.")
        return {
            name: _as_array(name, gradient)
            for name, gradient in given.items()
            if gradient is not None and name not in self.skip
        }

    def hint(self) -> str:
        """Return what may be the cause of a gradient that is wrong, if it shows."""
        once, twice = self.gradients(), replace(self, weights=2 * self.weights).gradients()
        if once and all(np.array_equal(once[name], twice[name]) for name in once):
            return "backward seems to leave out grad_output: multiply by it."
        return ""

    def elsewhere(self, rng: np.random.Generator, back: bool = True) -> Any:
        """Go forward and back at another point, so that it shows if some of that is kept."""
        before = copy.deepcopy(self.tensors)
        for tensor in self.tensors.values():
            tensor[...] *= rng.uniform(*NEARBY, tensor.shape)
        other = replace(self, seed=self.seed + 1)
        outputs, cache = other.forward()
        if back:
            other.backward(other.grad_output(), cache)
        for name, tensor in self.tensors.items():
            tensor[...] = before[name]
        return outputs


@dataclass(frozen=True, kw_only=True)
class LayerSubject(Subject):
    """A layer, as the only one of a network."""

    network: Network
    x: Array

    #: What the input is called, and how the name of a parameter begins.
    input_name, place = "x", ""
    prefilled = (
        " The grad_... of a layer start out as NaN here: backward must overwrite every entry, and "
        "add nothing to what was there."
    )

    @classmethod
    def of_layer(
        cls, layer: Layer, arrays: tuple[Any, ...], rng: np.random.Generator, skip: frozenset[str]
    ) -> LayerSubject:
        """Return a copy of a layer, with its input."""
        x = _input(arrays[0], layer, "x" in skip)
        own = copy.deepcopy(layer)
        drawing = np.random.default_rng(0)
        for part in own.parts().values():
            part.trainable = True  # what is frozen has gradients too
            part.start_from(part.draw(drawing))
        network = Network([own], MeanSquaredError(), seed=0)
        seed = _prepare(network, rng)
        single = x.dtype == np.float32
        subject = cls(network=network, x=x, seed=seed, single=single, skip=skip)
        return subject.weighed(subject.cast(np.float64).elsewhere(drawing, back=False), rng)

    def movable(self) -> dict[str, Array]:
        return {self.input_name: self.x} | self._named(Layer.named_parameters)

    def _named(self, arrays_of: Callable[[Layer], dict[str, Array]]) -> dict[str, Array]:
        return {
            self.place.format(i) + name: array
            for i, layer in enumerate(self.network.layers)
            for name, array in arrays_of(layer).items()
        }

    def cast(self, dtype: DTypeLike) -> Self:
        x = self.x.astype(dtype if _can_be_moved(self.x) else self.x.dtype)
        return replace(super().cast(dtype), network=self.network.cast(dtype), x=x)

    def forward(self) -> tuple[Any, Any]:
        rng = np.random.default_rng(self.seed)  # the same masks each time
        x, caches = self.x, []
        for layer in self.network.layers:
            result: Any = layer.forward_training(x, rng)
            if not isinstance(result, tuple) or len(result) != 2:
                raise GradientMismatch("forward must return two things: the output and a cache.")
            x = self._shaken(result[0])
            caches.append(result[1])
        return x, caches

    def backward(self, grad_output: Array, cache: Any) -> dict[str, Any]:
        grad, caches = self._by_last_outputs(grad_output, cache)
        self.network.gradients[...] = self.prefill  # so that it shows which are not overwritten
        grad = self._shaken(grad)
        for layer, each in zip(self.network.layers[::-1], caches[::-1], strict=True):
            grad = self._shaken(layer.backward(grad, each))
        return {self.input_name: grad} | self._named(Layer.named_gradients)

    def _shaken(self, arrays: Any) -> Any:
        """Shake an array, or each of a tuple; there may be none where nothing has a gradient."""
        if isinstance(arrays, tuple):
            return tuple(map(self.shake, arrays))
        return None if arrays is None else self.shake(arrays)

    def hint(self) -> str:
        """Name a layer that writes to what another has given it."""
        rng, x = np.random.default_rng(self.seed), self.x.copy()
        for i, layer in enumerate(self.network.layers):
            given = x.copy()
            output, _ = layer.forward_training(x, rng)
            if i and not np.array_equal(x, given):
                return (
                    f"layers[{i}] {layer!r} writes to what it is given, which layers[{i - 1}] may "
                    "still need: let it make a new array."
                )
            x = output
        return super().hint()

    def parameters_alone(self) -> dict[str, Array]:
        _, cache = self.forward()
        grad, caches = self._by_last_outputs(self.grad_output(), cache)
        self.network.gradients[...] = self.prefill
        self.network.backward_parameters(grad, caches)
        named = self._named(Layer.named_gradients)
        return {name: gradient for name, gradient in named.items() if name not in self.skip}

    @property
    def kinks_add_up(self) -> bool:
        return sum(len(layer.parts()) for layer in self.network.layers) > 1

    def _by_last_outputs(self, grad_output: Array, cache: Any) -> tuple[Array, list[Any]]:
        """Return the gradient by the outputs of the last layer, and the caches of the layers."""
        return grad_output, cache


class Against(NamedTuple):
    """What outputs are compared with: targets, and the shares of samples if they are weighted."""

    targets: Array
    shares: Array | None

    def cast(self, dtype: DTypeLike) -> Against:
        """Return a copy in the real precision that goes with a dtype."""
        real = _real(dtype)
        return Against(
            self.targets.astype(real), None if self.shares is None else self.shares.astype(real)
        )


@dataclass(frozen=True, kw_only=True)
class NetworkSubject(LayerSubject):
    """A network with its loss."""

    against: Against

    input_name, place = "X", "layers[{}]."
    zero_may_be = True
    advice = (
        "No parameter nearer to the output is wrong: look at backward from here to the next "
        "layer with parameters."
    )

    @classmethod
    def of_network(
        cls,
        network: Network,
        arrays: tuple[Any, ...],
        rng: np.random.Generator,
        skip: frozenset[str],
    ) -> NetworkSubject:
        """Return a copy of a network, with its batch."""
        own = copy.deepcopy(network)
        for part in parts_of(own.layers).values():
            part.trainable = True  # what is frozen has gradients too
        x, targets, shares = own.prepare(*copy.deepcopy(arrays))
        single = network.dtype == np.float32
        return cls(
            network=own,
            x=x,
            against=Against(targets, shares),
            seed=_prepare(own, rng),
            single=single,
            skip=skip,
        )

    def cast(self, dtype: DTypeLike) -> Self:
        return replace(super().cast(dtype), against=self.against.cast(dtype))

    def forward(self) -> tuple[Any, Any]:
        outputs, caches = super().forward()
        return self.network.loss.value(outputs, *self.against), (outputs, caches)

    def _by_last_outputs(self, grad_output: Array, cache: Any) -> tuple[Array, list[Any]]:
        outputs, caches = cache
        _, grad = self.network.loss.value_and_gradient(outputs, *self.against)
        return grad * grad_output, caches


@dataclass(frozen=True, kw_only=True)
class LossSubject(Subject):
    """A loss on its own."""

    loss: Loss
    outputs: Array
    against: Against

    @classmethod
    def of(
        cls, loss: Loss, arrays: tuple[Any, ...], rng: np.random.Generator, skip: frozenset[str]
    ) -> LossSubject:
        """Return a copy of a loss, with its batch."""
        own = copy.deepcopy(loss)
        outputs, targets, shares = own.prepare(*copy.deepcopy(arrays))
        single = outputs.dtype == np.float32
        against = Against(targets, shares)
        return cls(loss=own, outputs=outputs, against=against, single=single, skip=skip)

    def movable(self) -> dict[str, Array]:
        return {"outputs": self.outputs}

    def cast(self, dtype: DTypeLike) -> Self:
        outputs, against = self.outputs.astype(dtype), self.against.cast(dtype)
        return replace(super().cast(dtype), outputs=outputs, against=against)

    def forward(self) -> tuple[Any, Any]:
        return self.loss.value(self.outputs, *self.against), None

    def backward(self, grad_output: Array, cache: Any) -> dict[str, Any]:
        _, gradient = self.loss.value_and_gradient(self.outputs, *self.against)
        return {"outputs": gradient * grad_output}


@dataclass(frozen=True, kw_only=True)
class FunctionsSubject(Subject):
    """A pair of functions (forward, backward)."""

    pair: tuple[Callable[..., Any], Callable[[Any], Any]]
    given: dict[str, Array]

    @classmethod
    def of(
        cls, pair: Any, arrays: tuple[Any, ...], rng: np.random.Generator, skip: frozenset[str]
    ) -> FunctionsSubject:
        """Return the functions, with copies of their arguments."""
        names = _argument_names(pair[0], len(arrays))
        given = {name: _numbers(name, a) for name, a in zip(names, arrays, strict=True)}
        single = any(array.dtype == np.float32 for array in given.values())
        subject = cls(pair=tuple(pair), given=given, single=single, skip=skip)
        if not subject.tensors:
            raise InputError(
                "there is nothing to differentiate: whole numbers cannot be moved a little. Give "
                "at least one array of floats (1.0 for 1, or x.astype(float))."
            )
        output = subject.cast(np.float64).elsewhere(rng, back=False)
        outputs = output if isinstance(output, tuple) else (output,)
        if isinstance(output, list) or not all(map(holds_real_numbers, map(np.asarray, outputs))):
            raise GradientMismatch(
                "forward must return an array of real numbers, or a tuple of them; got a "
                f"{type(output).__name__}."
            )
        return subject.weighed(output, rng)

    def movable(self) -> dict[str, Array]:
        return {name: array for name, array in self.given.items() if _can_be_moved(array)}

    def cast(self, dtype: DTypeLike) -> Self:
        given = {
            name: array.astype(dtype if _can_be_moved(array) else array.dtype)
            for name, array in self.given.items()
        }
        return replace(super().cast(dtype), given=given)

    def arguments(self) -> list[str]:
        return list(self.given)

    def forward(self) -> tuple[Any, Any]:
        return self.pair[0](*self.given.values()), None

    def backward(self, grad_output: Array, cache: Any) -> dict[str, Any]:
        returned = self.pair[1](grad_output)
        gradients = returned if isinstance(returned, (tuple, list)) else [returned]
        names = self.tensors if len(self.tensors) == len(gradients) == 1 else self.given
        if len(gradients) != len(names):
            raise GradientMismatch(
                f"backward must return a gradient for each of {', '.join(names)}, or None, in a "
                f"tuple; got {len(gradients)}."
            )
        pairs = zip(names, gradients, strict=True)
        return {name: g for name, g in pairs if name in self.tensors}


def subject_of(
    given: Any,
    arrays: tuple[Any, ...],
    rng: np.random.Generator,
    skip: frozenset[str] = frozenset(),
) -> Subject:
    """Return what the user wants checked as a `Subject`, or say why it cannot be checked."""
    batch = "two arrays, and sample_weight if wanted"
    if isinstance(given, Network):
        _refuse_number_of(arrays, (2, 3), f"a Network takes {batch}")
        return NetworkSubject.of_network(given, arrays, rng, skip)
    if isinstance(given, Layer):
        _refuse_number_of(arrays, (1,), "a Layer takes one array")
        return LayerSubject.of_layer(given, arrays, rng, skip)
    if isinstance(given, Loss):
        _refuse_number_of(arrays, (2, 3), f"a Loss takes {batch}")
        return LossSubject.of(given, arrays, rng, skip)
    if isinstance(given, (tuple, list)) and len(given) == 2 and all(map(callable, given)):
        return FunctionsSubject.of(given, arrays, rng, skip)
    hint = " Write it with brackets, as an instance." if isinstance(given, type) else ""
    raise ParameterError(
        "subject must be a Network, Layer, activation or Loss, or a pair of functions (forward, "
        f"backward); got {given!r}.{hint}"
    )


def complex_copy(subject: Subject) -> Subject | None:
    """Return a copy on complex numbers, or None if the code does not let them through."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            twin = subject.cast(np.complex128)
            return twin if np.iscomplexobj(twin.run()) else None
    except Exception:  # a user's forward may fail on complex numbers in any way
        return None


def _refuse_number_of(arrays: tuple[Any, ...], allowed: tuple[int, ...], expected: str) -> None:
    if len(arrays) not in allowed:
        raise ParameterError(f"check_gradients of {expected}; got {len(arrays)}.")


def _input(given: Any, layer: Layer, as_it_is: bool) -> Array:
    """Return a copy of what a layer is given, samples first; whole numbers if they are skipped."""
    if as_it_is and np.asarray(given).dtype.kind in "biu":
        return np.array(given)
    dtype = _real(getattr(given, "dtype", None))
    x = real_array("x", given, dtype)
    if x.ndim < 3 or x.size == 0:
        x = matrix("x", x, dtype, layer.in_features)
    return x.copy()


def _as_array(name: str, gradient: Any) -> Array:
    if isinstance(gradient, (tuple, list)):
        raise GradientMismatch(
            f"the gradient of {name} must be one array; got a {type(gradient).__name__}."
        )
    return np.array(gradient)


def _prepare(network: Network, rng: np.random.Generator) -> int:
    """Move parameters that are whole numbers; return a seed for the masks of dropout.

    Such are all that nobody has trained yet. A scale of 1 would hide its misuse, and a bias of 0
    puts the units that get nothing but zeros exactly at the kink of a ReLU.
    """
    seed, values = int(rng.integers(2**32)), network.parameters
    moves = rng.uniform(-WHOLE_NUMBERS_MOVE, WHOLE_NUMBERS_MOVE, values.shape)
    values += (values == np.round(values)) * moves
    return seed


def holds_real_numbers(array: Array) -> bool:
    """Tell whether an array holds truth values, whole numbers or floats."""
    return array.dtype.kind in "biuf"


def _can_be_moved(array: Array) -> bool:
    return np.issubdtype(array.dtype, np.inexact)


def _real(dtype: Any) -> Any:
    """Return the real precision that goes with a dtype."""
    return np.float32 if dtype == np.float32 else np.float64


def _numbers(name: str, value: object) -> Array:
    """Return a copy of what a function is given: floats, or whole numbers as they are."""
    array = real_array(name, value, _real(getattr(value, "dtype", None)))
    if array.size == 0:
        raise InputError(f"{name} must hold at least one number; got shape {array.shape}.")
    given = np.asarray(value)
    whole = holds_real_numbers(given) and not _can_be_moved(given)
    return np.array(given if whole else array)


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
