"""Gradient checks: what `backward` says against what `forward` does.

A derivative is how much a result changes when one number changes a little. So
each number is moved a little, the result watched, and the change compared with
the gradient that backpropagation gave. Two ways of moving are used: a step to
either side (central differences), and, where the code lets complex numbers
through, a tiny imaginary step, which is exact to the last digits because
nothing is subtracted. Code can lose the imaginary part unnoticed, so the second
way counts only where the first bears it out.
"""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .checks import Array, generator, number, real_array
from .errors import GradientMismatch, ShapeError
from .layers import Layer
from .losses import Loss
from .network import Network
from .probes import Probe, probe_of

EPSILON = float(np.finfo(np.float64).eps)
SINGLE = float(np.finfo(np.float32).eps)
STEP = EPSILON ** (1 / 3)  # where rounding and curvature disturb a central difference equally
MOST_ENTRIES = 2000
KINKS_ALLOWED = 0.1
UNDECIDED = (
    "the check of {} is inconclusive: rounding in the last digits of what goes in changes its "
    "gradient by {:.1e}. Check at another point."
)


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
    skipped : tuple of str
        Arguments of a function without a gradient: whole numbers, and where `backward` gave None.
    """

    tensors: tuple[TensorCheck, ...]
    seed: object
    skipped: tuple[str, ...] = ()

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
        rows += [(name, "", "", "not checked: no gradient") for name in self.skipped]
        a, b, c, _ = (max(map(len, column)) for column in zip(*rows, strict=True))
        return "\n".join(f"{i:{a}}  {j:>{b}}  {k:>{c}}  {m}" for i, j, k, m in rows)


def check_gradients(
    subject: Network | Layer | Loss | tuple[Callable[..., Any], Callable[[Any], Any]],
    *arrays: object,
    tolerance: float = 1e-6,
    seed: int | np.random.Generator | None = 0,
) -> GradientReport:
    """Compare every gradient of a network, layer, loss or pair of functions with numerical ones.

    error = max |backward - numerical| / max |numerical|, for each parameter and
    input on its own; there is no absolute tolerance, so small gradients are held
    to the same standard as large ones

    The training pass is checked, with dropout masks held still. Parameters that
    are whole numbers, such as a bias of 0, are moved a little first, on the copy.
    The outputs of a layer or function get random weights, which are what backward
    is given. Where the slope jumps (ReLU at 0) an entry is left out and counted. Of
    a tensor of more than 2,000 entries, 500 and 20 random signed sums of all entries
    are compared. What works in float32 is checked in float64, then compared with that.

    Parameters
    ----------
    subject : Network, Layer, Loss, or pair of functions (forward, backward)
        What to check. It is not changed. Of a pair, `forward(*arrays)` returns an
        array or a number, and `backward(grad_output)`, called after it, the gradient
        of each array in a tuple (None for one that has none), or of the only one.
    *arrays : array
        (X, y) or (X, y, sample_weight) for a network, (x,) for a layer or
        activation, (outputs, targets) or with sample_weight for a loss; for functions
        any, of any shape. Those of whole numbers, such as labels, are passed on only.
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
    (['x', 'weight', 'bias'], True)
    >>> x = np.array([0.5, 1.0, 2.0])
    >>> print(check_gradients((np.sin, lambda grad_output: grad_output * np.sin(x)), x))
    Traceback (most recent call last):
    ...
    backproplite.errors.GradientMismatch: the gradient of x is wrong, ...

    References
    ----------
    Squire, Trapp: Using complex variables to estimate derivatives of real functions, 1998.
    """
    tolerance = number("tolerance", tolerance, above=0)
    if seed is None:
        seed = int(np.random.default_rng().integers(2**32))
    rng = generator(seed)
    try:
        with np.errstate(all="ignore"):
            checks, skipped = _compare(probe_of(subject, arrays, rng), tolerance, rng)
    except GradientMismatch as error:
        known = not isinstance(seed, np.random.Generator)
        again = f"seed={seed}" if known else "a generator in the state that yours was in"
        raise GradientMismatch(f"{error}\nTo repeat this: {again}.") from None
    return GradientReport(tuple(checks), seed, skipped)


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
        return value

    flat, middle = point.reshape(-1), run()
    steps = STEP * np.maximum(1, abs(flat))
    slopes = [_central(run, flat, slice(i, i + 1), steps[i], middle)[1] for i in range(flat.size)]
    return np.array(slopes).reshape(point.shape)


def _compare(
    probe: Any, tolerance: float, rng: np.random.Generator
) -> tuple[list[TensorCheck], tuple[str, ...]]:
    """Check one tensor after the other; return how each fared, and which have no gradient."""
    real = probe.cast(np.float64)
    gradients = _repeatable_gradients(real, rng)
    blur, rounding = _rounding(real, gradients, rng, EPSILON)
    twin = _complex_twin(probe)
    tensors = [_Slopes(name, gradients[name], real, twin, blur, rng) for name in gradients]
    exact = twin is not None and all(tensor.complex_step_agrees() for tensor in tensors)
    for tensor in tensors:
        tensor.settle(exact, tolerance)
    overall = max(tensor.largest * tensor.magnitude for tensor in tensors)
    checks: list[TensorCheck] = []
    for tensor in reversed(tensors):  # an error spreads from the output to the input
        least = 1e-14 * overall / tensor.magnitude  # in the unit of this gradient
        rough = 64 * rounding[tensor.name]
        try:
            checks.insert(0, tensor.judge(rough, least, probe.zero_may_be and overall > 0))
        except GradientMismatch as error:
            advice = probe.advice if " is wrong, by " in str(error) else ""
            raise GradientMismatch(f"{error}{advice}") from None
    if probe.single:
        _check_single_precision(probe.cast(np.float32), tensors, overall, rng)
    return checks, tuple(name for name in real.arguments() if name not in gradients)


def _repeatable_gradients(probe: Probe, rng: np.random.Generator) -> dict[str, Array]:
    """Return the gradients by backpropagation; refuse code with a memory."""
    before = {name: tensor.copy() for name, tensor in probe.tensors.items()}
    if np.asarray(probe.elsewhere(rng)).dtype in (np.float32, np.float16):
        raise GradientMismatch(
            "forward gives float32 or less also where it is given float64, which is too coarse to "
            "be compared: let it compute in the dtype of its arguments."
        )
    first = probe.gradients()
    probe.elsewhere(rng)
    again = probe.gradients()
    for name, tensor in probe.tensors.items():
        if not np.array_equal(tensor, before[name]):
            raise GradientMismatch(f"{name} was written to by forward or backward.")
    if not first:
        raise GradientMismatch("nothing to compare: backward gives no gradient.")
    for name, gradient in first.items():
        _refuse_unusable(name, gradient, probe.tensors[name].shape)
        if not np.array_equal(gradient, again[name]):
            raise GradientMismatch(f"the gradient of {name} differs between two equal calls.")
    for name, other in probe.parameters_alone().items():
        if not abs(other - first[name]).max() <= 1e-9 * abs(first[name]).max():
            raise GradientMismatch(f"backward_parameters gives another gradient of {name}.")
    result = probe.run()
    if not np.isfinite(result).all():
        raise GradientMismatch("forward gives numbers that are not finite. Check at another point.")
    if not np.array_equal(result, probe.run()):
        raise GradientMismatch("forward gives different results in two equal calls.")
    return first


def _refuse_unusable(name: str, gradient: Array, shape: tuple[int, ...]) -> None:
    if gradient.dtype.kind not in "biuf":
        raise GradientMismatch(
            f"the gradient of {name} must hold real numbers; got dtype {gradient.dtype}."
        )
    if gradient.shape != shape:
        raise GradientMismatch(
            f"the gradient of {name} must have shape {shape}; got {gradient.shape}."
        )
    if not np.isfinite(gradient).all():
        where = [int(i) for i in np.argwhere(~np.isfinite(gradient))[0]]
        raise GradientMismatch(
            f"the gradient of {name} is not finite at {where}. The grad_... of a layer start out "
            "as NaN here: backward must overwrite every entry, and add nothing to what was there."
        )


def _rounding(
    probe: Probe, gradients: dict[str, Array], rng: np.random.Generator, epsilon: float
) -> tuple[float, dict[str, float]]:
    """Return how much the result, and each gradient, changes when last digits do.

    That tells a zero left by terms that cancel, such as the bias before a BatchNorm
    gets, from a gradient that is merely small.
    """
    result, blur, rounding = probe.run(), 0.0, dict.fromkeys(gradients, 0.0)
    before = {name: tensor.copy() for name, tensor in probe.tensors.items()}
    shaken = copy.copy(probe)
    shaken.shake = lambda array: (
        array * (1 + epsilon * rng.integers(-4, 5, array.shape).astype(array.dtype))
    )
    for _ in range(8):
        for tensor in probe.tensors.values():
            tensor[...] = shaken.shake(tensor)
        blur = max(blur, float(np.sum(abs(shaken.run() - result))))
        for name, gradient in shaken.gradients().items():
            change = float(abs(gradient - gradients[name]).max())
            rounding[name] = max(rounding[name], change)
        for name, tensor in probe.tensors.items():
            tensor[...] = before[name]
    return blur, rounding


def _complex_twin(probe: Probe) -> Probe | None:
    """Return the same probe on complex numbers, or None if its code does not let them through."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            twin = probe.cast(np.complex128)
            return twin if np.iscomplexobj(twin.run()) else None
    except Exception:  # a user's forward may fail on complex numbers in any way
        return None


def _check_single_precision(
    probe: Probe, tensors: list[_Slopes], overall: float, rng: np.random.Generator
) -> None:
    """Compare the gradients in float32 with those in float64, which have just been checked."""
    singles = probe.gradients()
    _, rounding = _rounding(probe, singles, rng, SINGLE)
    for tensor in tensors:
        double, whole = tensor.gradient, overall / tensor.magnitude
        difference, largest = abs(singles[tensor.name] - double).max(), abs(double).max()
        rough, room = 64 * rounding[tensor.name], 1e-3 * largest + 1e-5 * whole
        if 0.1 * whole < difference - room <= rough:
            raise GradientMismatch(UNDECIDED.format(tensor.name, rough / 64) + " (In float32.)")
        if not difference <= room + rough:
            raise GradientMismatch(
                f"the gradient of {tensor.name} is right in float64 but wrong in float32, by "
                f"{difference:.1e} beside a largest entry of {largest:.1e}."
            )


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

    Returns the direction, of length 1, the slope along it, how far rounding may have put
    that off, and by how much the slopes of the two sides differ.
    """
    old = flat[where].copy()
    flat[where] = old + step
    ahead, right = flat[where].copy(), run()
    flat[where] = old - step
    behind, left = flat[where].copy(), run()
    flat[where] = old
    moved = ahead - behind  # not 2 · step exactly: old ± step was rounded
    width = np.linalg.norm(moved)
    slope = float(np.sum(right - left) / width)
    noise = float((8 * EPSILON * np.sum(abs(right) + abs(left)) + 4 * blur) / width)
    bend = float(2 * abs(np.sum(right - middle) + np.sum(left - middle)) / width)
    return moved / width, slope, noise, bend


class _Line(NamedTuple):
    """Slopes of the result along one way of moving a tensor."""

    backward: float  # by backpropagation
    exact: float  # by the complex step
    central: float  # by central differences
    noise: float  # how far rounding may have put the central one off
    bend: float  # by how much the central slopes of the two sides differ
    jump: float  # by how much those by the complex step do, if they are needed
    doubt: float  # noise and bend


class _Slopes:
    """The slopes of one tensor in every direction that is tried, each as an array."""

    def __init__(
        self,
        name: str,
        gradient: Array,
        real: Probe,
        twin: Probe | None,
        blur: float,
        rng: np.random.Generator,
    ) -> None:
        self.name, self.gradient, self.real, self.twin, self.blur = name, gradient, real, twin, blur
        self.flat, self.middle = real.tensors[name].reshape(-1), real.run()
        self.magnitude = float(abs(self.flat).max()) or 1.0
        self.close = 1e-7 * abs(gradient).max()
        moves = list(_moves(self.flat.size, rng))
        self.index = [where.start for where, _ in moves]  # None for a signed sum of all entries
        self.single = np.array([entry is not None for entry in self.index])
        lines = np.array([self._settled(*move) for move in moves]).T
        self.backward, self.exact, self.central, self.noise, self.bend, self.jump, self.doubt = (
            lines
        )

    def _settled(self, where: slice, signs: Array) -> _Line:
        """Take smaller steps until all slopes agree, or until the steps agree that they do not."""
        step = STEP * np.maximum(1, abs(self.flat[where])) * signs
        least = 64 * EPSILON * self.magnitude  # smaller ones are lost in the last digits
        last = self._line(where, step)
        while self._apart(last) and abs(step).max() > least:
            step = step / 32
            before, last = last, self._line(where, step)
            fine = abs(step).max() <= STEP * self.magnitude  # else they may be far off alike
            if fine and abs(last.central - before.central) <= self.close + last.noise:
                # Where the result is merely curved, the bend has shrunk; a kink keeps its own.
                return before._replace(bend=max(0.0, 2 * last.bend - before.bend))
        return last

    def _line(self, where: slice, step: Array) -> _Line:
        moved, central, noise, bend = _central(
            self.real.run, self.flat, where, step, self.middle, self.blur
        )
        backward, exact, jump = float(np.sum(self.gradient.flat[where] * moved)), math.nan, 0.0
        if self.twin is not None:
            exact = self._imaginary(where, moved)
            if not abs(exact - backward) <= self.close:
                jump = abs(exact + self._imaginary(where, -moved))
        return _Line(backward, exact, central, noise, bend, jump, noise + bend)

    def _imaginary(self, where: slice, moved: Array) -> float:
        """Move some entries by a tiny imaginary step; return the slope."""
        twin: Any = self.twin
        flat = twin.tensors[self.name].reshape(-1)
        old = flat[where].copy()
        flat[where] = old + 1e-20j * moved
        slope = float(np.sum(np.imag(twin.run()))) / 1e-20
        flat[where] = old
        return slope

    def _apart(self, line: _Line) -> bool:
        gap = np.fmax(abs(line.central - line.backward), abs(line.central - line.exact))
        return not gap <= self.close + line.noise

    def complex_step_agrees(self) -> bool:
        """Tell whether central differences bear the complex step out."""
        room = 1e-6 * abs(self.exact).max() + 10 * self.doubt
        return bool((abs(self.exact - self.central) <= room).all())

    def settle(self, exact: bool, tolerance: float) -> None:
        """Choose which numerical slopes to trust, and find the kinks."""
        if exact:
            self.method, self.reference, jump = "complex step", self.exact, self.jump
            self.noise = 0 * self.noise
        else:
            # At a kink the two sides still differ when the step is as small as rounding lets it be,
            # and what backpropagation gives lies between them.
            self.method, self.reference = "central differences", self.central
            between = abs(self.backward - self.central) <= self.bend + self.noise
            jump = self.bend * ((self.bend > 100 * self.noise) & between)
        self.difference = abs(self.backward - self.reference)
        apart = np.minimum(jump, self.difference)
        share = np.where(self.single, 1, 4 / math.sqrt(self.gradient.size))
        self.kink = apart > tolerance * abs(self.gradient).max() * share + self.noise
        sizes = abs(self.reference) * ~self.kink
        self.largest = float(sizes[self.single].max() or sizes.max())
        # A signed sum is off by about as much as the entries that were sampled. If it is off by
        # more, then some other entry is wrong.
        typical = np.sqrt(np.mean(np.where(self.kink, 0, self.difference)[self.single] ** 2))
        most = tolerance * self.largest
        self.limit = np.clip(10 * typical, most * share, most)

    def judge(self, rough: float, least: float, zero_may_be: bool) -> TensorCheck:
        """Return what to report, or raise `GradientMismatch`."""
        floor = float(np.clip(rough, least, 1e6 * least))
        room = self.limit + self.noise
        agrees = self.difference <= room + floor
        there = agrees | ~self.kink
        if not there.mean() >= 1 - KINKS_ALLOWED:
            raise GradientMismatch(
                f"the check of {self.name} is inconclusive: the slope jumps at {(~there).sum()} of "
                f"{there.size} entries. Check at another point, away from kinks."
            )
        if not agrees[there].all():
            if (self.difference <= room + rough)[there].all():
                raise GradientMismatch(UNDECIDED.format(self.name, rough / 64))
            raise GradientMismatch(self._explanation())
        zero = self._is_zero(floor, zero_may_be)
        return TensorCheck(
            name=self.name,
            size=self.gradient.size,
            checked=int((self.single & there).sum()),
            kinks=int((self.single & ~there).sum()),
            largest=0.0 if zero else self.largest,
            error=0.0 if zero else float(self.difference[there].max()) / self.largest,
            method=self.method,
        )

    def _is_zero(self, floor: float, may_be: bool) -> bool:
        """Tell whether the gradient is zero but for rounding; refuse it where nothing shows."""
        noise = self.noise.max() + floor
        if noise < 1e-3 * self.largest:
            return False
        if self.method != "complex step" and (abs(self.backward) > floor).any():
            raise GradientMismatch(
                f"the check of {self.name} is inconclusive: its gradient, {self.largest:.1e} at "
                f"most, drowns in the rounding of the result, {noise:.1e}."
            )
        if not may_be:
            raise GradientMismatch(
                f"nothing to compare: the gradient of {self.name} is zero on both sides. Check at "
                "a point, or with parameters, where it is not."
            )
        return True

    def _explanation(self) -> str:
        """Say which entries are off, by how much, and what such an error usually means."""
        difference = np.where(self.kink, 0, self.difference)
        ratio = self.backward / self.reference
        lines = [
            f"  {self._place(self.index[k])}: backward gives {self.backward[k]:.10g}, numerical "
            f"{self.reference[k]:.10g}, ratio {ratio[k]:.6g}"
            for k in np.argsort(-difference, kind="stable")[:5]
        ]
        count = int((difference > 1e-6 * self.largest).sum())
        return "\n".join([
            f"the gradient of {self.name} is wrong, by {difference.max() / self.largest:.1e} of "
            f"its largest entry ({count} of {difference.size} comparisons are off by more than "
            "1e-6).",
            *lines,
            *self._suspicion(ratio[~self.kink & (abs(self.reference) > 1e-3 * self.largest)]),
        ])  # fmt: skip

    def _place(self, entry: int | None) -> str:
        if entry is None:
            return f"{self.name} in a signed sum of all entries"
        place = [int(i) for i in np.unravel_index(entry, self.gradient.shape)]
        return f"{self.name}{place or ''}"

    def _suspicion(self, ratio: Array) -> Iterator[str]:
        """Name the usual cause of such an error, if the numbers give one away."""
        factor = float(np.median(ratio)) if ratio.size else math.nan
        if ratio.size and np.allclose(ratio, factor, rtol=1e-4):
            if abs(factor + 1) < 1e-4:
                yield "All signs are wrong: look for a minus too many or too few."
            elif abs(factor * self.real.weights.flat[0] - 1) < 1e-4 and self.real.weights.size == 1:
                yield "backward seems to leave out grad_output: multiply by it."
            else:
                yield (
                    f"All are off by the factor {factor:.6g}: look for a mean where there is a "
                    "sum, or the number of samples or outputs counted twice or not at all."
                )
            return
        shape = self.gradient.shape
        if len(shape) == 2 and shape[0] == shape[1] and None not in self.index:
            turned = self.gradient.T.ravel()
            if np.allclose(turned, self.reference, rtol=1e-4, atol=1e-6 * self.largest):
                yield "It is the transpose of what it should be."
