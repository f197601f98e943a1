"""Gradient checks: what `backward` says against what `forward` does.

A derivative is how much a result changes when one number changes a little. So
each number is moved a little, the result watched, and the change compared with
the gradient that backpropagation gave. Two ways of moving are used: a step to
either side (central differences), and, where the code lets complex numbers
through, a tiny imaginary step, which is exact to the last digits because
nothing is subtracted. All of it happens on copies: what is checked stays as it is.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .checks import Array, generator, matrix, number, real_array, same_samples, sample_shares
from .errors import GradientMismatch, ParameterError, ShapeError
from .layers import Layer
from .losses import Loss
from .network import Network
from .parameters import gather

EPSILON = float(np.finfo(np.float64).eps)
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

    The training pass is checked, with dropout masks held still. A layer is run
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
        twin = _complex_twin(build, real)
        slopes = [_examine(name, gradients[name], real, twin, rng) for name in real.tensors]
        overall = max(each.largest for each in slopes)
        zero_may_be = isinstance(subject, Network) and overall > 0
        checks = tuple(_judge(each, tolerance, overall, zero_may_be) for each in slopes)
        if isinstance(subject, Network) and subject.dtype == np.float32:
            _check_single_precision(build, gradients, overall)
    return GradientReport(checks, seed)


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
        value = np.asarray(function(point.copy()))
        if value.size != 1:
            raise ShapeError(f"function must return one number; got shape {value.shape}.")
        return value.reshape(())

    flat, one = point.reshape(-1), np.ones(1)
    slopes = [_central(run, flat, slice(i, i + 1), one, 0.0)[1] for i in range(flat.size)]
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
    X, y, *weight = arrays
    prepared = network._checked(X, y, weight[0] if weight else None)

    def build(dtype: np.dtype[Any]) -> _Probe:
        twin = copy.deepcopy(network)
        twin._gather(dtype)
        x = prepared[0].astype(dtype)
        targets, shares = (None if a is None else a.astype(np.float64) for a in prepared[1:])
        state = twin.rng.bit_generator.state

        def forward() -> tuple[Any, list[Any]]:
            twin.rng.bit_generator.state = state
            return twin.forward_training(x)

        def run() -> Any:
            return twin.loss.value(forward()[0], targets, shares)  # type: ignore[arg-type]

        def backward() -> dict[str, Array]:
            outputs, caches = forward()
            _, grad_output = twin.loss.value_and_gradient(outputs, targets, shares)  # type: ignore[arg-type]
            grad_x = twin.backward(grad_output, caches)
            twin.gradients[...] = np.nan
            twin.backward_parameters(grad_output, caches)
            return _views(twin, "grad_") | {"X": grad_x}

        return _Probe(run, _views(twin, "") | {"X": x}, backward)

    return build


def _views(network: Network, prefix: str) -> dict[str, Array]:
    return {
        f"layers[{i}].{name}": getattr(layer, prefix + name)
        for i, layer in enumerate(network.layers)
        for name in layer.block.shapes
    }


def _layer_probe(
    layer: Layer, arrays: tuple[Any, ...], rng: np.random.Generator
) -> Callable[[np.dtype[Any]], _Probe]:
    given = matrix("x", arrays[0], features=layer.in_features)
    template = copy.deepcopy(layer)
    values = template.block.values
    if template.block.is_untouched():  # a scale of 1 or a bias of 0 would hide their misuse
        values += 0.2 * rng.uniform(-1, 1, values.shape) * np.maximum(abs(values), 1)
    mask_seed = int(rng.integers(2**32))
    shape = template.forward_training(given, np.random.default_rng(mask_seed))[0].shape
    weights = rng.standard_normal(shape)

    def build(dtype: np.dtype[Any]) -> _Probe:
        twin = copy.deepcopy(template)
        gather([twin.block], dtype)
        twin.move_to(dtype)
        x = given.astype(dtype)

        def forward() -> tuple[Array, Any]:
            return twin.forward_training(x, np.random.default_rng(mask_seed))

        def backward() -> dict[str, Array]:
            _, cache = forward()
            twin.block.gradients[...] = np.nan
            grad_x = twin.backward(weights.copy(), cache)
            return {name: getattr(twin, f"grad_{name}") for name in twin.block.shapes} | {
                "x": grad_x
            }

        tensors = {name: getattr(twin, name) for name in twin.block.shapes} | {"x": x}
        return _Probe(lambda: forward()[0] * weights, tensors, backward)

    return build


def _loss_probe(
    loss: Loss, arrays: tuple[Any, ...], rng: np.random.Generator
) -> Callable[[np.dtype[Any]], _Probe]:
    given = matrix("outputs", arrays[0])
    targets = loss.prepare_targets("targets", arrays[1], given.shape[1], np.float64)
    same_samples("outputs", given, "targets", targets)
    shares = (
        sample_shares("sample_weight", arrays[2], len(given), np.float64) if arrays[2:] else None
    )

    def build(dtype: np.dtype[Any]) -> _Probe:
        outputs = given.astype(dtype)
        return _Probe(
            lambda: loss.value(outputs, targets, shares),
            {"outputs": outputs},
            lambda: {"outputs": loss.value_and_gradient(outputs, targets, shares)[1]},
        )

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
    if not np.array_equal(probe.run(), probe.run()):
        raise GradientMismatch("forward gives different results in two equal calls.")
    return first


def _complex_twin(build: Callable[[np.dtype[Any]], _Probe], real: _Probe) -> _Probe | None:
    """Return the same probe on complex numbers, or None if its code does not let them through."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            twin = build(np.dtype(np.complex128))
            same = np.allclose(twin.run(), real.run(), rtol=1e-9, atol=0)
    except Exception:  # a user's forward may fail on complex numbers in any way
        return None
    return twin if same else None


def _patterns(size: int, rng: np.random.Generator) -> Iterator[tuple[Any, Array]]:
    """Yield which entries to move together, and their signs: one by one, or samples and sums."""
    one = np.ones(1)
    if size <= MOST_ENTRIES:
        yield from ((slice(i, i + 1), one) for i in range(size))
        return
    for i in rng.choice(size, MOST_ENTRIES // 4, replace=False):
        yield slice(i, i + 1), one
    for _ in range(20):
        yield slice(None), rng.choice([-1.0, 1.0], size)


def _central(
    run: Callable[[], Any], flat: Array, where: Any, signs: Array, middle: Any
) -> tuple[Array, float, float, float, float]:
    """Move some entries to either side.

    Returns how far each moved in units of the step, the slope, the slopes of
    the left and the right half, and how far rounding may have put them off.
    """
    old = flat[where].copy()
    step = STEP * np.maximum(1, abs(old)) * signs
    flat[where] = old + step
    ahead, right = flat[where].copy(), run()
    flat[where] = old - step
    behind, left = flat[where].copy(), run()
    flat[where] = old
    moved = ahead - behind  # not 2 · step exactly: old ± step was rounded
    width = float(abs(moved).max())
    noise = 8 * EPSILON * float(np.sum(abs(right) + abs(left))) / width
    slopes = (
        float(np.sum(difference)) / w
        for difference, w in (
            (right - left, width), (middle - left, width / 2), (right - middle, width / 2)
        )
    )  # fmt: skip
    return moved / width, *slopes, noise


def _imaginary(twin: _Probe, name: str, where: Any, moved: Array) -> float:
    """Move some entries by a tiny imaginary step; return the slope."""
    flat = twin.tensors[name].reshape(-1)
    old = flat[where].copy()
    flat[where] = old + 1e-20j * moved
    slope = float(np.sum(np.imag(twin.run()))) / 1e-20
    flat[where] = old
    return slope


@dataclass
class _Slopes:
    """Slopes of one tensor along each pattern, as arrays: by backpropagation and numerical ones."""

    name: str
    gradient: Array
    index: list[int | None]  # None for a signed sum of all entries
    backward: Array
    reference: Array
    noise: Array
    kink: NDArray[np.bool_]
    method: str

    @property
    def largest(self) -> float:
        return float(abs(self.reference[~self.kink]).max(initial=0.0))


def _examine(
    name: str, gradient: Array, real: _Probe, twin: _Probe | None, rng: np.random.Generator
) -> _Slopes:
    """Take the slopes of one tensor, and decide which numerical ones to trust."""
    flat, middle, rows, index = real.tensors[name].reshape(-1), real.run(), [], []
    for where, signs in _patterns(flat.size, rng):
        moved, slope, left, right, noise = _central(real.run, flat, where, signs, middle)
        exact = np.nan if twin is None else _imaginary(twin, name, where, moved)
        expected = float(np.sum(gradient.reshape(-1)[where] * moved))
        rows.append((expected, slope, abs(right - left), noise, exact))
        index.append(where.start if moved.size == 1 else None)
    backward, central, bend, noise, exact = np.array(rows).T
    # Where a slope jumps, the two halves differ by more than all else does.
    kink = bend > np.maximum(abs(backward - central), 1e-4 * abs(central).max()) + 4 * noise
    agree = abs(exact - central) <= 1e-6 * abs(central).max() + noise
    if agree[~kink].all():
        return _Slopes(name, gradient, index, backward, exact, 0 * noise, kink, "complex step")
    return _Slopes(name, gradient, index, backward, central, noise, kink, "central differences")


def _judge(slopes: _Slopes, tolerance: float, overall: float, zero_may_be: bool) -> TensorCheck:
    """Return what to report of one tensor, or raise `GradientMismatch`."""
    name, largest, there = slopes.name, slopes.largest, ~slopes.kink
    difference = abs(slopes.backward - slopes.reference)
    if slopes.kink.mean() > KINKS_ALLOWED:
        raise GradientMismatch(
            f"the check of {name} is inconclusive: the slope jumps at {slopes.kink.sum()} of "
            f"{slopes.kink.size} entries. Check at another point, away from kinks."
        )
    floor = np.maximum(1e-13 * overall, slopes.noise)
    nothing = (abs(slopes.backward) <= floor) & (abs(slopes.reference) <= floor)
    if nothing[there].all():
        if not zero_may_be:
            raise GradientMismatch(
                f"nothing to compare: the gradient of {name} is zero on both sides. Check at a "
                "point, or with parameters, where it is not."
            )
        largest = 0.0
    elif (slopes.noise > 1e-3 * largest).any():
        raise GradientMismatch(
            f"the check of {name} is inconclusive: its gradient, {largest:.1e} at most, drowns "
            f"in the rounding of the result, {slopes.noise.max():.1e}."
        )
    elif (difference > tolerance * largest + slopes.noise)[there].any():
        raise GradientMismatch(_explanation(slopes, largest))
    entries = np.array([i is not None for i in slopes.index])
    return TensorCheck(
        name=name,
        size=slopes.gradient.size,
        checked=int((entries & there).sum()),
        kinks=int((entries & slopes.kink).sum()),
        largest=largest,
        error=float(difference[there].max(initial=0.0)) / largest if largest else 0.0,
        method=slopes.method,
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
    build: Callable[[np.dtype[Any]], _Probe], gradients: dict[str, Array], overall: float
) -> None:
    """Compare the gradients in float32 with those in float64, which have just been checked."""
    for name, single in build(np.dtype(np.float32)).backward().items():
        double = gradients[name]
        difference, largest = abs(single - double).max(), abs(double).max()
        if not difference <= 1e-3 * largest + 1e-5 * overall:
            raise GradientMismatch(
                f"the gradient of {name} is right in float64 but wrong in float32, by "
                f"{difference:.1e} beside a largest entry of {largest:.1e}."
            )
