"""The numerical slope: how the result changes when numbers are moved a little.

Two ways of moving are used: a step to either side (central differences), and, where the code lets
complex numbers through, a tiny imaginary step, which is exact to the last digits because nothing
is subtracted. Steps are made smaller until the slopes agree, or until it is plain that they never
will. What this means is not said here: `comparison` does that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from ..checks import Array, real_array
from ..errors import ShapeError
from .subjects import Subject

EPSILON = float(np.finfo(np.float64).eps)
#: The first step, times the entry where that is above 1: rounding and curvature disturb a central
#: difference equally there.
STEP = EPSILON ** (1 / 3)
#: Each further step is so many times smaller: few steps lead down to the smallest one.
SHRINK = 32
#: No step is smaller than this times the largest entry: it would be lost in the last digits.
LEAST_STEP = 64 * EPSILON
#: Its square is nothing beside any number, so the slope that it gives is exact.
IMAGINARY_STEP = 1e-20
#: Slopes that are as near as this to each other, beside the largest entry, agree.
CLOSE = 1e-7
#: How many last digits of the results, and how many times what shaking changes them by, a
#: difference of two of them may be off: more than was ever seen on right code.
ROUNDING_ALLOWED, BLUR_ALLOWED = 8, 4
#: How many times the noise a bend must be to be a kink: what a curve leaves of it is less.
KINK_STANDS_OUT = 100
#: Of tensors with more entries some are moved alone, and all together a number of times. Two wrong
#: entries that cancel in one signed sum cancel in all of them once in a million times.
MOST_ENTRIES, ENTRIES_SAMPLED, SUMS = 2000, 500, 20


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

    flat = point.reshape(-1)
    around = Around(run, flat, run())
    steps = STEP * np.maximum(1, abs(flat))
    slopes = [around.central(slice(i, i + 1), steps[i]).slope for i in range(flat.size)]
    return np.array(slopes).reshape(point.shape)


class Central(NamedTuple):
    """A central difference."""

    direction: Array  # of length 1
    slope: float  # along it
    noise: float  # how far rounding may have put the slope off
    bend: float  # by how much the slopes of the two sides differ


class Around(NamedTuple):
    """A point, and what comes out around it."""

    run: Callable[[], Any]
    flat: Array  # what can be moved, in place, as one long vector
    middle: Any  # the result where nothing is moved
    blur: float = 0.0  # by how much the result changes when last digits do

    def central(self, where: Any, step: Any) -> Central:
        """Move some entries to either side."""
        old = self.flat[where].copy()
        ahead, right = self._moved(where, old + step)
        behind, left = self._moved(where, old - step)
        self.flat[where] = old
        moved = ahead - behind  # not 2 · step exactly: old ± step was rounded
        width = np.linalg.norm(moved)
        rounding = ROUNDING_ALLOWED * EPSILON * np.sum(abs(right) + abs(left))
        bend = 2 * abs(np.sum(right - self.middle) + np.sum(left - self.middle))
        return Central(
            direction=moved / width,
            slope=float(np.sum(right - left) / width),
            noise=float((rounding + BLUR_ALLOWED * self.blur) / width),
            bend=float(bend / width),
        )

    def _moved(self, where: Any, values: Array) -> tuple[Array, Any]:
        """Return where the entries are once they are moved, and the result there."""
        self.flat[where] = values
        return self.flat[where].copy(), self.run()

    def imaginary(self, where: Any, direction: Array) -> float:
        """Move some entries by a tiny imaginary step; return the slope."""
        old = self.flat[where].copy()
        self.flat[where] = old + 1j * IMAGINARY_STEP * direction
        slope = float(np.sum(np.imag(self.run()))) / IMAGINARY_STEP
        self.flat[where] = old
        return slope


class Move(NamedTuple):
    """Some entries of a tensor that are moved together: one, or all to random sides."""

    where: Any  # a slice, or an array of places
    signs: Array  # all together they are moved as far as one entry would be

    @property
    def entry(self) -> int | None:
        """The entry that is moved alone; None where all are."""
        start: int | None = self.where.start
        return start


def moves(size: int, rng: np.random.Generator) -> Iterator[Move]:
    """Yield the moves of a tensor: one entry after the other, or samples and signed sums."""
    entries = range(size)
    if size > MOST_ENTRIES:
        entries = rng.choice(size, ENTRIES_SAMPLED, replace=False).tolist()
    yield from (Move(slice(i, i + 1), np.ones(1)) for i in entries)
    for _ in range(SUMS if size > MOST_ENTRIES else 0):
        yield Move(slice(None), rng.choice([-1.0, 1.0], size) / math.sqrt(size))


class Trusted(NamedTuple):
    """A numerical slope that is believed."""

    numerical: Any
    noise: Any  # how far rounding may have put it off
    low: Any  # the slopes of the two sides: they differ at a kink
    high: Any


@dataclass(frozen=True)
class Slope:
    """How the result changes along a move. In `Slopes` each field is an array of them, by moves."""

    backward: Any  # what backpropagation says
    exact: Any  # what the complex step says; NaN without one
    central: Any  # what central differences say
    noise: Any  # how far rounding may have put that off
    bend: Any  # by how much the central slopes of the two sides differ
    lasting_bend: Any  # what would be left of that if the step became nothing
    other: Any  # what the complex step says of the other side, if that is needed

    def trusted(self, exact: bool) -> Trusted:
        """Return the numerical slope that is believed: by the complex step, or by differences.

        At a kink the two sides still differ when the step is as small as rounding lets it be.
        Differences see also those that are hidden from imaginary steps, as in x · (x.real > 0).
        """
        half = self.lasting_bend / 2 * (self.lasting_bend > KINK_STANDS_OUT * self.noise)
        low, high = self.central - half, self.central + half
        if not exact:
            return Trusted(self.central, self.noise, low, high)
        sides = np.array([self.exact, self.other, *np.where(half > 0, [low, high], self.exact)])
        return Trusted(self.exact, np.zeros_like(self.noise), sides.min(axis=0), sides.max(axis=0))

    def agrees(self, close: float) -> bool:
        """Tell whether the numerical slopes agree with the one by backpropagation."""
        gap = np.fmax(abs(self.central - self.backward), abs(self.central - self.exact))
        return bool(gap <= close + self.noise)


class Tensor(NamedTuple):
    """A tensor whose gradient is to be compared."""

    name: str
    gradient: Array  # by backpropagation
    real: Around
    twin: Around | None  # on complex numbers
    magnitude: float  # its largest entry; 1 where all are 0

    @property
    def close(self) -> float:
        """How near to each other slopes are that agree."""
        return float(CLOSE * abs(self.gradient).max())

    def slope(self, where: Any, step: Any) -> Slope:
        """Return the slopes for steps of a size."""
        direction, central, noise, bend = self.real.central(where, step)
        backward = float(np.sum(self.gradient.flat[where] * direction))
        exact = other = math.nan
        if self.twin is not None:
            exact = other = self.twin.imaginary(where, direction)
            if not abs(exact - backward) <= self.close:
                other = -self.twin.imaginary(where, -direction)
        return Slope(backward, exact, central, noise, bend, bend, other)

    def settled_slope(self, move: Move) -> Slope:
        """Take smaller steps until all slopes agree, or the steps agree that they do not."""
        where, signs = move
        step = STEP * np.maximum(1, abs(self.real.flat[where])) * signs
        last = self.slope(where, step)
        while not last.agrees(self.close) and abs(step).max() > LEAST_STEP * self.magnitude:
            step = step / SHRINK
            before, last = last, self.slope(where, step)
            fine = abs(step).max() <= STEP * self.magnitude  # else they may be far off alike
            change = abs(last.central - before.central)
            if fine and change <= self.close + last.noise:
                # Where the result is merely curved, the bend has shrunk; a kink keeps its own.
                bend = max(0.0, 2 * last.bend - before.bend)
                return replace(before, noise=before.noise + change, lasting_bend=bend)
        return last


@dataclass(frozen=True)
class Slopes:
    """The slopes of one tensor along every move that is tried.

    Attributes
    ----------
    name : str
        Which tensor.
    gradient : array
        What backpropagation gives.
    magnitude : float
        The largest entry of the tensor itself; 1 where all are 0.
    entries : tuple of int or None
        Which entry was moved; None where all were.
    along : Slope
        The slopes, each field an array with one number for each move.
    """

    name: str
    gradient: Array
    magnitude: float
    entries: tuple[int | None, ...]
    along: Slope

    @property
    def alone(self) -> Array:
        """Which moves are of one entry."""
        return np.array([entry is not None for entry in self.entries])


def slopes_of(
    name: str,
    gradient: Array,
    real: Subject,
    twin: Subject | None,
    blur: float,
    rng: np.random.Generator,
) -> Slopes:
    """Return the slopes of one tensor of a subject, of which `twin` is a complex copy."""
    flat = real.tensors[name].reshape(-1)
    magnitude = float(abs(flat).max()) or 1.0
    tensor = Tensor(
        name=name,
        gradient=gradient,
        real=Around(real.run, flat, real.run(), blur),
        twin=None if twin is None else Around(twin.run, twin.tensors[name].reshape(-1), None),
        magnitude=magnitude,
    )
    tried = list(moves(flat.size, rng))
    slopes = [astuple(tensor.settled_slope(move)) for move in tried]
    along = Slope(*np.array(slopes).T)
    return Slopes(name, gradient, magnitude, tuple(move.entry for move in tried), along)
