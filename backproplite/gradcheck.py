"""Gradient checks: what `backward` says against what `forward` does.

A derivative is how much a result changes when one number changes a little. So
each number is moved a little, the result watched, and the change compared with
the gradient that backpropagation gave. Two ways of moving are used: a step to
either side (central differences), and, where the code lets complex numbers
through, a tiny imaginary step, which is exact to the last digits because
nothing is subtracted. Code can lose the imaginary part unnoticed, so the second
way counts only where the first bears it out. All of it happens on copies: what
is checked stays as it is.
"""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .checks import Array, generator, matrix, number, real_array
from .errors import GradientMismatch, ParameterError, ShapeError
from .layers import Layer
from .losses import Loss
from .network import Network
from .parameters import gather

EPSILON = float(np.finfo(np.float64).eps)
SINGLE = float(np.finfo(np.float32).eps)
STEP = EPSILON ** (1 / 3)  # where rounding and curvature disturb a central difference equally
MOST_ENTRIES = 2000
KINKS_ALLOWED = 0.1


@dataclass(frozen=True)
class TensorCheck:
    """How one tensor fared.

    Attributes
    ----------
    name : str
        Which tensor, such as "layers[0].weight" or "X".
    size : int
        How many entries it has.
    checked : int
        How many were compared one by one; the others in random sums, if any.
    kinks : int
        How many lie where the slope jumps, so that there was nothing to compare.
    largest : float
        The size of the largest entry of the gradient.
    error : float
        The largest difference found, relative to the largest entry.
    method : str
        "complex step" or "central differences".
    """

    name: str
    size: int
    checked: int
    kinks: int
    largest: float
    error: float
    method: str


@dataclass(frozen=True)
class GradientReport:
    """What a passed check found, tensor by tensor; `print` it for a table.

    Attributes
    ----------
    tensors : tuple of TensorCheck
        One for each parameter and each input.
    seed : int or Generator
        What the random choices of the check were drawn from.
    """

    tensors: tuple[TensorCheck, ...]
    seed: object

    @property
    def error(self) -> float:
        """The largest relative difference over all tensors."""
        return max(tensor.error for tensor in self.tensors)

    def __str__(self) -> str:
        rows = [("tensor", "entries", "error", "method")]
        for t in self.tensors:
            entries = f"{t.size}" if t.checked + t.kinks == t.size else f"{t.checked} of {t.size}"
            kinks = f", {t.kinks} at a kink" if t.kinks else ""
            sampled = ", sampled" if t.checked + t.kinks < t.size else ""
            zero = ", zero on both sides" if t.largest == 0 else ""
            rows.append((t.name, entries, f"{t.error:.1e}", t.method + sampled + kinks + zero))
        a, b, c, _ = (max(map(len, column)) for column in zip(*rows, strict=True))
        return "\n".join(f"{i:{a}}  {j:>{b}}  {k:>{c}}  {m}" for i, j, k, m in rows)


@dataclass
class _Probe:
    """Something to check, on copies of its own: how to run it, and what can be moved in it."""

    run: Callable[[], Any]
    tensors: dict[str, Array]
    backward: Callable[[], dict[str, Array]]


def check_gradients(
    subject: Network | Layer | Loss,
    *arrays: object,
    tolerance: float = 1e-6,
    seed: int | np.random.Generator = 0,
) -> GradientReport:
    """Compare every gradient of a network, layer, activation or loss with numerical ones.

    error = max |backward - numerical| / max |numerical|, for each parameter and
    input on its own; there is no absolute tolerance, so small gradients are held
    to the same standard as large ones

    The training pass is checked, with dropout masks held still. Parameters that
    are still all 0 or all 1 are moved a little first, on the copy. A layer is run
    with random weights on its outputs. Where the slope jumps (ReLU at 0) an
    entry is left out and counted. Of a tensor of more than 2,000 entries, 500
    and 20 random signed sums of all entries are compared.

    Parameters
    ----------
    subject : Network, Layer or Loss
        What to check. It is not changed.
    *arrays : array
        (X, y) or (X, y, sample_weight) for a network, (x,) for a layer or
        activation, (outputs, targets) or with sample_weight for a loss.
    tolerance : float
        The largest error that passes.
    seed : int or numpy.random.Generator
        For the random choices: weights on outputs, dropout, samples of entries.

    Returns
    -------
    GradientReport
        The error of each tensor.

    Raises
    ------
    GradientMismatch
        An AssertionError, so that a failed check fails a test: if a gradient is
        off, is not finite, was not written, differs from call to call, or if
        there is nothing to compare (zero on both sides, or nothing but kinks).
    ShapeError, InputError, ParameterError
        If the arguments cannot be used.

    Examples
    --------
    >>> from backproplite import Dense
    >>> report = check_gradients(Dense(3, 2), [[0.1, 0.2, 0.3], [1.0, 2.0, 3.0]])
    >>> [tensor.name for tensor in report.tensors], report.error < 1e-12
    (['weight', 'bias', 'x'], True)

    References
    ----------
    Squire, Trapp: Using complex variables to estimate derivatives of real functions, 1998.
    """
    tolerance = number("tolerance", tolerance, above=0)
    rng = generator(seed)
    build = _builder(subject, arrays, rng)
    with np.errstate(all="ignore"):
        real = build(np.dtype(np.float64))
        gradients = _repeatable_gradients(real)
        blur, rounding = _rounding(real, gradients, rng)
        twin = _complex_twin(build, real)
        lines = {name: _examine(name, gradients[name], real, twin, blur, rng) for name in gradients}
        exact = twin is not None and all(map(_complex_step_agrees, lines.values()))
        slopes = [_settle(name, gradients[name], lines[name], exact, tolerance) for name in lines]
        overall = max(each.largest for each in slopes)
        zero_may_be = isinstance(subject, Network) and overall > 0
        # A normalisation cancels what stands before it, and enlarges what rounding leaves of that.
        least = 1e-12 if zero_may_be else 1e-14
        checks: list[TensorCheck] = []
        for each in reversed(slopes):  # an error spreads from the output to the input
            floor = np.clip(64 * rounding[each.name], least * overall, 1e-8 * overall)
            try:
                checks.insert(0, _judge(each, tolerance, floor, zero_may_be))
            except GradientMismatch as error:
                if not isinstance(subject, Network):
                    raise
                raise GradientMismatch(
                    f"{error}\nNo parameter nearer to the output is wrong: look at backward from "
                    "here to the next layer with parameters."
                ) from None
        if isinstance(subject, Network) and subject.dtype == np.float32:
            _check_single_precision(build, gradients, rounding, overall)
    return GradientReport(tuple(checks), seed)


def numerical_gradient(function: Callable[[Any], Any], x: object) -> Array:
    """Differentiate a function of an array numerically, by central differences.

    ∂f/∂xᵢ ≈ (f(x + h eᵢ) - f(x - h eᵢ)) / 2h with h = ∛(2.2e-16) · max(1, |xᵢ|)

    Parameters
    ----------
    function : callable
        From an array like x to a number.
    x : array of any shape, or a number
        Where to differentiate; it is not changed.

    Returns
    -------
    array of the shape of x
        Good to about ten digits where the function is smooth.

    Raises
    ------
    InputError
        If x is not an array of finite numbers.
    ShapeError
        If the function returns more than one number.

    Examples
    --------
    >>> numerical_gradient(lambda x: (x**2).sum(), [1.0, 2.0]).round(6)
    array([2., 4.])
    """
    point = real_array("x", x).copy()

    def run() -> Array:
        value = real_array("the result of function", function(point.copy()))
        if value.size != 1:
            raise ShapeError(f"function must return one number; got shape {value.shape}.")
        return value.reshape(())

    flat, middle = point.reshape(-1), run()
    steps = STEP * np.maximum(1, abs(flat))
    slopes = [_central(run, flat, slice(i, i + 1), steps[i], middle)[1] for i in range(flat.size)]
    return np.array(slopes).reshape(point.shape)


def _builder(
    subject: object, arrays: tuple[object, ...], rng: np.random.Generator
) -> Callable[[np.dtype[Any]], _Probe]:
    """Return a function that copies the subject into a probe of a given dtype."""
    kinds: list[tuple[type, Callable[..., Callable[[np.dtype[Any]], _Probe]], int]] = [
        (Network, _network_probe, 3),
        (Layer, _layer_probe, 1),
        (Loss, _loss_probe, 3),
    ]
    for kind, probe, most in kinds:
        if isinstance(subject, kind):
            if not min(most, 2) <= len(arrays) <= most:
                expected = "one array" if most == 1 else "two arrays, and sample_weight if wanted"
                raise ParameterError(
                    f"check_gradients of a {kind.__name__} takes {expected}; got {len(arrays)}."
                )
            return probe(subject, arrays, rng)
    hint = " Write it with brackets, as an instance." if isinstance(subject, type) else ""
    raise ParameterError(
        f"subject must be a Network, Layer, activation or Loss; got {subject!r}.{hint}"
    )


def _network_probe(
    network: Network, arrays: tuple[Any, ...], rng: np.random.Generator
) -> Callable[[np.dtype[Any]], _Probe]:
    X, y, *weight = copy.deepcopy(arrays)
    template = copy.deepcopy(network)
    prepared = template._checked(X, y, weight[0] if weight else None)
    for layer in template.layers:
        _stir(layer, rng)

    def build(dtype: np.dtype[Any]) -> _Probe:
        twin = copy.deepcopy(template)
        twin._gather(dtype)
        x = prepared[0].astype(dtype)
        targets, shares = (None if a is None else a.astype(np.float64) for a in prepared[1:])
        state = twin.rng.bit_generator.state

        def forward() -> tuple[Any, list[Any]]:
            twin.rng.bit_generator.state = state
            return twin._forward_training(x)

        def run() -> Any:
            return twin.loss.value(forward()[0], targets, shares)  # type: ignore[arg-type]

        def backward() -> dict[str, Array]:
            outputs, caches = forward()
            _, grad_output = twin.loss.value_and_gradient(outputs, targets, shares)  # type: ignore[arg-type]
            grad_x = twin.backward(grad_output, caches)
            twin.gradients[...] = np.nan
            twin.backward_parameters(grad_output, caches)
            return {"X": grad_x} | _views(twin, "grad_")

        return _Probe(run, {"X": x} | _views(twin, ""), backward)

    return build


def _stir(layer: Layer, rng: np.random.Generator) -> None:
    """Move parameters that are still all 0 or all 1.

    A scale of 1 would hide its misuse, and a bias of 0 puts the units that get
    nothing but zeros exactly at the kink of a ReLU.
    """
    for name in layer.block.shapes:
        values = getattr(layer, name)
        if (values == 0).all() or (values == 1).all():
            values += 0.2 * rng.uniform(-1, 1, values.shape)


def _views(network: Network, prefix: str) -> dict[str, Array]:
    return {
        f"layers[{i}].{name}": getattr(layer, prefix + name)
        for i, layer in enumerate(network.layers)
        for name in layer.block.shapes
    }


def _layer_probe(
    layer: Layer, arrays: tuple[Any, ...], rng: np.random.Generator
) -> Callable[[np.dtype[Any]], _Probe]:
    given = matrix("x", arrays[0], features=layer.in_features).copy()
    template = copy.deepcopy(layer)
    _stir(template, rng)
    mask_seed = int(rng.integers(2**32))
    trial = copy.deepcopy(template)
    result = trial.forward_training(given.copy(), np.random.default_rng(mask_seed))
    if not isinstance(result, tuple) or len(result) != 2:
        raise GradientMismatch("forward must return two things: the output and a cache.")
    weights = rng.standard_normal(result[0].shape)

    def build(dtype: np.dtype[Any]) -> _Probe:
        twin = copy.deepcopy(template)
        gather([twin.block], dtype)
        twin.move_to(dtype)
        x = given.astype(dtype)

        def forward() -> tuple[Array, Any]:
            return twin.forward_training(x, np.random.default_rng(mask_seed))

        def backward() -> dict[str, Array]:
            grad_output = weights.copy()
            twin.block.gradients[...] = np.nan
            grad_x = twin.backward(grad_output, forward()[1])
            if not np.array_equal(grad_output, weights):
                raise GradientMismatch("backward writes to grad_output, which others still need.")
            gradients = {name: getattr(twin, f"grad_{name}").copy() for name in twin.block.shapes}
            twin.backward_parameters(grad_output, forward()[1])
            for name in gradients if np.array_equal(x, given) else ():
                pair = getattr(twin, f"grad_{name}"), gradients[name]
                if not np.allclose(*pair, 1e-9, 1e-9 * abs(gradients[name]).max(), equal_nan=True):
                    raise GradientMismatch(f"backward_parameters gives another grad_{name}.")
            return gradients | {"x": grad_x}

        tensors = {name: getattr(twin, name) for name in twin.block.shapes} | {"x": x}
        return _Probe(lambda: forward()[0] * weights, tensors, backward)

    return build


def _loss_probe(
    loss: Loss, arrays: tuple[Any, ...], rng: np.random.Generator
) -> Callable[[np.dtype[Any]], _Probe]:
    twin = copy.deepcopy(loss)
    outputs, y, *weight = copy.deepcopy(arrays)
    given, targets, shares = twin._checked(outputs, y, weight[0] if weight else None)

    def build(dtype: np.dtype[Any]) -> _Probe:
        outputs = given.astype(dtype)

        def backward() -> dict[str, Array]:
            return {"outputs": twin.value_and_gradient(outputs, targets, shares)[1]}

        return _Probe(lambda: twin.value(outputs, targets, shares), {"outputs": outputs}, backward)

    return build


def _repeatable_gradients(probe: _Probe) -> dict[str, Array]:
    """Return the gradients by backpropagation; refuse code with a memory."""
    before = {name: tensor.copy() for name, tensor in probe.tensors.items()}
    first, again = (
        {name: np.array(gradient) for name, gradient in probe.backward().items()} for _ in range(2)
    )
    for name, tensor in probe.tensors.items():
        if not np.array_equal(tensor, before[name]):
            raise GradientMismatch(f"{name} was written to by forward or backward.")
    for name, tensor in probe.tensors.items():
        if first[name].shape != tensor.shape:
            raise GradientMismatch(
                f"the gradient of {name} must have shape {tensor.shape}; got {first[name].shape}."
            )
        if not np.isfinite(first[name]).all():
            where = [int(i) for i in np.argwhere(~np.isfinite(first[name]))[0]]
            raise GradientMismatch(
                f"the gradient of {name} is not finite at {where}: backward must set every entry "
                f"of grad_{name.rpartition('.')[2]} (it starts out as NaN here), and must not add "
                "to what was there."
            )
        if not np.array_equal(first[name], again[name]):
            raise GradientMismatch(f"the gradient of {name} differs between two equal calls.")
    result = probe.run()
    if not np.isfinite(result).all():
        raise GradientMismatch("forward gives numbers that are not finite. Check at another point.")
    if not np.array_equal(result, probe.run()):
        raise GradientMismatch("forward gives different results in two equal calls.")
    return first


def _rounding(
    probe: _Probe, gradients: dict[str, Array], rng: np.random.Generator
) -> tuple[float, dict[str, float]]:
    """Return how much the result, and each gradient, changes when the last digits of all inputs do.

    That tells a zero left by terms that cancel, such as the bias before a BatchNorm
    gets, from a gradient that is merely small.
    """
    result, blur, rounding = probe.run(), 0.0, dict.fromkeys(gradients, 0.0)
    before = {name: tensor.copy() for name, tensor in probe.tensors.items()}
    for _ in range(3):
        for tensor in probe.tensors.values():
            tensor[...] *= 1 + 4 * EPSILON * rng.integers(-1, 2, tensor.shape)
        blur = max(blur, float(np.sum(abs(probe.run() - result))))
        for name, gradient in probe.backward().items():
            change = float(abs(gradient - gradients[name]).max())
            rounding[name] = max(rounding[name], change)
        for name, tensor in probe.tensors.items():
            tensor[...] = before[name]
    return blur, rounding


def _complex_twin(build: Callable[[np.dtype[Any]], _Probe], real: _Probe) -> _Probe | None:
    """Return the same probe on complex numbers, or None if its code does not let them through."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            twin, expected = build(np.dtype(np.complex128)), real.run()
            result = twin.run()
            same = abs(result - expected).max() <= 1e-9 * abs(expected).max()
    except Exception:  # a user's forward may fail on complex numbers in any way
        return None
    return twin if same and np.iscomplexobj(result) else None


class _Line(NamedTuple):
    """Slopes of the result along one way of moving a tensor."""

    backward: float  # by backpropagation
    exact: float  # by the complex step
    central: float  # by central differences
    noise: float  # how far rounding may have put the central one off
    bend: float  # by how much the central slopes of the two sides differ
    jump: float  # by how much those by the complex step do, if they are needed
    entry: int | None  # which entry was moved, None for a signed sum of all

    @property
    def doubt(self) -> float:
        total = self.noise + self.bend
        return total if math.isfinite(total) else math.inf


def _examine(
    name: str,
    gradient: Array,
    real: _Probe,
    twin: _Probe | None,
    blur: float,
    rng: np.random.Generator,
) -> list[_Line]:
    """Take the slopes of one tensor."""
    flat, middle, largest = real.tensors[name].reshape(-1), real.run(), abs(gradient).max()
    close, most_noise = 1e-7 * largest, (1e-6 if twin is None else 1e-3) * largest

    def line(where: slice, step: Array) -> _Line:
        moved, central, noise, bend = _central(real.run, flat, where, step, middle, blur)
        backward, exact, jump = float(np.sum(gradient.flat[where] * moved)), math.nan, 0.0
        if twin is not None:
            exact = _imaginary(twin, name, where, moved)
            if not abs(exact - backward) <= close:
                jump = abs(exact + _imaginary(twin, name, where, -moved))
        return _Line(backward, exact, central, noise, bend, jump, where.start)

    def apart(line: _Line) -> bool:
        gap = np.fmax(abs(line.central - line.backward), abs(line.central - line.exact))
        return not gap <= close + line.noise

    def settled(where: slice, signs: Array) -> _Line:
        """Take smaller steps until all agree, or until the steps agree that they do not."""
        step = STEP * np.maximum(1, abs(flat[where])) * signs
        lines = [line(where, step)]
        while apart(lines[-1]) and (len(lines) < 2 or 32 * lines[-1].noise < most_noise):
            step = step / 32
            lines.append(line(where, step))
            before, last = lines[-2:]
            if abs(last.central - before.central) <= close + last.noise:
                # Where the result is merely curved, the bend has shrunk; a kink keeps its own.
                return before._replace(bend=max(0.0, 2 * last.bend - before.bend))
        return min(lines, key=lambda line: (apart(line), line.doubt / (abs(line.central) + close)))

    return [settled(*move) for move in _moves(flat.size, rng)]


def _moves(size: int, rng: np.random.Generator) -> Iterator[tuple[slice, Array]]:
    """Yield which entries to move together, and how: one by one, or samples and signed sums."""
    one = np.ones(1)
    if size <= MOST_ENTRIES:
        yield from ((slice(i, i + 1), one) for i in range(size))
        return
    for i in rng.choice(size, MOST_ENTRIES // 4, replace=False):
        yield slice(i, i + 1), one
    for _ in range(20):  # together they move as far as one entry would
        yield slice(None), rng.choice([-1.0, 1.0], size) / math.sqrt(size)


def _central(
    run: Callable[[], Any], flat: Array, where: slice, step: Any, middle: Any, blur: float = 0.0
) -> tuple[Array, float, float, float]:
    """Move some entries to either side.

    Returns how far each moved in units of the widest move, the slope, how far rounding
    may have put it off, and by how much the slopes of the two sides differ.
    """
    old = flat[where].copy()
    flat[where] = old + step
    ahead, right = flat[where].copy(), run()
    flat[where] = old - step
    behind, left = flat[where].copy(), run()
    flat[where] = old
    moved = ahead - behind  # not 2 · step exactly: old ± step was rounded
    width = abs(moved).max()
    slope = float(np.sum(right - left) / width)
    noise = float((8 * EPSILON * np.sum(abs(right) + abs(left)) + 4 * blur) / width)
    bend = float(2 * abs(np.sum(right - middle) + np.sum(left - middle)) / width)
    return moved / width, slope, noise, bend


def _imaginary(twin: _Probe, name: str, where: slice, moved: Array) -> float:
    """Move some entries by a tiny imaginary step; return the slope."""
    flat = twin.tensors[name].reshape(-1)
    old = flat[where].copy()
    flat[where] = old + 1e-20j * moved
    slope = float(np.sum(np.imag(twin.run()))) / 1e-20
    flat[where] = old
    return slope


def _complex_step_agrees(lines: list[_Line]) -> bool:
    largest = max(abs(line.exact) for line in lines)
    return all(abs(line.exact - line.central) <= 1e-6 * largest + 10 * line.doubt for line in lines)


@dataclass
class _Slopes:
    """Slopes of one tensor along each line, as arrays: by backpropagation and numerical ones."""

    name: str
    gradient: Array
    index: list[int | None]
    backward: Array
    reference: Array
    noise: Array
    kink: NDArray[np.bool_]
    exact: bool

    @property
    def largest(self) -> float:
        sizes = abs(self.reference) * ~self.kink
        single = [entry is not None for entry in self.index]
        return float(sizes[single].max() or sizes.max())


def _settle(
    name: str, gradient: Array, lines: list[_Line], exact: bool, tolerance: float
) -> _Slopes:
    """Choose which numerical slopes to trust, and find the kinks."""
    index = [line.entry for line in lines]
    backward, imaginary, central, noise, bend, jump = np.array([line[:6] for line in lines]).T
    if exact:
        reference, noise = imaginary, 0 * noise
    else:
        # At a kink the two sides still differ when the step is as small as rounding lets it be,
        # and what backpropagation gives lies between them.
        jump = bend * ((bend > 100 * noise) & (abs(backward - central) <= bend + noise))
        reference = central
    apart = np.minimum(jump, abs(backward - reference))
    kink = apart > tolerance * abs(gradient).max() + noise
    return _Slopes(name, gradient, index, backward, reference, noise, kink, exact)


def _judge(slopes: _Slopes, tolerance: float, floor: float, zero_may_be: bool) -> TensorCheck:
    """Return what to report of one tensor, or raise `GradientMismatch`."""
    name, largest, noise = slopes.name, slopes.largest, slopes.noise + floor
    difference = abs(slopes.backward - slopes.reference)
    agrees = difference <= tolerance * largest + noise
    there = ~(slopes.kink & ~agrees)
    if not there.mean() >= 1 - KINKS_ALLOWED:
        raise GradientMismatch(
            f"the check of {name} is inconclusive: the slope jumps at {(~there).sum()} of "
            f"{there.size} entries. Check at another point, away from kinks."
        )
    if not agrees[there].all():
        raise GradientMismatch(_explanation(slopes, largest))
    drowned = not (noise < 1e-3 * largest).all()
    if drowned and not (slopes.exact or (abs(slopes.backward) <= floor).all()):
        raise GradientMismatch(
            f"the check of {name} is inconclusive: its gradient, {largest:.1e} at most, drowns "
            f"in the rounding of the result, {noise.max():.1e}."
        )
    if drowned:
        if not zero_may_be:
            raise GradientMismatch(
                f"nothing to compare: the gradient of {name} is zero on both sides. Check at a "
                "point, or with parameters, where it is not."
            )
        largest = 0.0
    entries = np.array([i is not None for i in slopes.index])
    return TensorCheck(
        name=name,
        size=slopes.gradient.size,
        checked=int((entries & there).sum()),
        kinks=int((entries & ~there).sum()),
        largest=largest,
        error=float(difference[there].max(initial=0.0)) / largest if largest else 0.0,
        method="complex step" if slopes.exact else "central differences",
    )


def _explanation(slopes: _Slopes, largest: float) -> str:
    """Say which entries are off, by how much, and what such an error usually means."""
    difference = np.where(slopes.kink, 0, abs(slopes.backward - slopes.reference))
    worst = np.argsort(-difference, kind="stable")[:5]
    with np.errstate(all="ignore"):
        ratio = slopes.backward / slopes.reference
    lines = []
    for k in worst:
        i = slopes.index[k]
        place = (
            [int(j) for j in np.unravel_index(i, slopes.gradient.shape)] if i is not None else ""
        )
        lines.append(
            f"  {slopes.name}{place or ' in a signed sum of all entries'}: backward gives "
            f"{slopes.backward[k]:.10g}, numerical {slopes.reference[k]:.10g}, "
            f"ratio {ratio[k]:.6g}"
        )
    count = int((difference > 1e-6 * largest).sum())
    return (
        f"the gradient of {slopes.name} is wrong, by {difference.max() / largest:.1e} of its "
        f"largest entry ({count} of {difference.size} comparisons are off by more than 1e-6).\n"
        + "\n".join(lines)
        + _suspicion(slopes, ratio[~slopes.kink], largest)
    )


def _suspicion(slopes: _Slopes, ratio: Array, largest: float) -> str:
    """Name the usual cause of such an error, if the numbers give one away."""
    clear = ratio[abs(slopes.reference[~slopes.kink]) > 1e-3 * largest]
    factor = float(np.median(clear)) if clear.size else np.nan
    if clear.size and np.allclose(clear, factor, rtol=1e-4):
        if abs(factor + 1) < 1e-4:
            return "\nAll signs are wrong: look for a minus too many or too few."
        return (
            f"\nAll are off by the factor {factor:.6g}: look for a mean where there is a sum, or "
            "the number of samples or outputs counted twice or not at all."
        )
    shape = slopes.gradient.shape
    if len(shape) != 2 or shape[0] != shape[1] or None in slopes.index:
        return ""
    turned = slopes.gradient.T.ravel()
    same = np.allclose(turned, slopes.reference, rtol=1e-4, atol=1e-6 * largest)
    return "\nIt is the transpose of what it should be." if same else ""


def _check_single_precision(
    build: Callable[[np.dtype[Any]], _Probe],
    gradients: dict[str, Array],
    rounding: dict[str, float],
    overall: float,
) -> None:
    """Compare the gradients in float32 with those in float64, which have just been checked."""
    for name, single in build(np.dtype(np.float32)).backward().items():
        double = gradients[name]
        difference, largest = abs(single - double).max(), abs(double).max()
        blurred = min(64 * SINGLE / EPSILON * rounding[name], 0.1 * overall) + 1e-5 * overall
        if not difference <= 1e-3 * largest + blurred:
            raise GradientMismatch(
                f"the gradient of {name} is right in float64 but wrong in float32, by "
                f"{difference:.1e} beside a largest entry of {largest:.1e}."
            )
