"""The comparison of one tensor: which numerical slope to trust, where it jumps, how near is near.

Code can lose an imaginary part unnoticed, so the complex step counts only where central
differences bear it out, for all tensors of a subject; else central differences count.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..checks import Array
from .slopes import Slopes

#: How near, beside the largest entry, central differences are to a complex step that they bear
#: out, and how many times their own doubt: it grows with curvature, which makes doubt too small.
BORNE_OUT, DOUBTS_ALLOWED = 1e-6, 10
#: In a signed sum of n entries, moved as far as one would be, a wrong entry shows as 1/√n of its
#: error. Sums are held to so many times that.
SUM_ALLOWED = 4
#: A sum may be off by so many times what the sampled entries are typically off by.
TYPICAL_ALLOWED = 10


@dataclass(frozen=True)
class Comparison:
    """What backpropagation and the numerical slope say to one tensor, move by move.

    Attributes
    ----------
    slopes : Slopes
        What is compared.
    exact : bool
        Whether the numerical slope is by the complex step; else by central differences.
    numerical : array
        The numerical slope that is trusted.
    noise : array
        How far rounding may have put it off.
    kink : array of bool
        Where the slope jumps, by more than the tolerance.
    limit : array
        By how much the slopes may differ.
    largest : float
        The largest entry of the numerical gradient.
    """

    slopes: Slopes
    exact: bool
    numerical: Array
    noise: Array
    kink: Array
    limit: Array
    largest: float

    @property
    def name(self) -> str:
        """Which tensor."""
        return self.slopes.name

    @property
    def backward(self) -> Array:
        """The slope by backpropagation."""
        along: Array = self.slopes.along.backward
        return along

    @property
    def difference(self) -> Array:
        """How far the slopes are apart."""
        return abs(self.backward - self.numerical)

    @property
    def reach(self) -> float:
        """By how much the result changes, along the slope, if the tensor moves by its own size."""
        return self.largest * self.slopes.magnitude


def complex_step_agrees(slopes: Slopes) -> bool:
    """Tell whether central differences bear the complex step out."""
    exact, central = slopes.along.exact, slopes.along.central
    doubt = slopes.along.noise + slopes.along.bend
    room = BORNE_OUT * abs(exact).max() + DOUBTS_ALLOWED * doubt
    return bool((abs(exact - central) <= room).all())


def compare(
    slopes: Slopes, exact: bool, tolerance: float, proven: Array, kinks_add_up: bool
) -> Comparison:
    """Compare the gradient of one tensor with the complex step, or with central differences.

    A kink is where the slopes of the two sides differ and what backpropagation gives lies between
    them; where `kinks_add_up`, not far from there. Entries that are `proven` by what they are
    tied to are held to nothing more there.
    """
    alone = slopes.alone
    share = np.where(alone, 1, SUM_ALLOWED / math.sqrt(slopes.gradient.size))
    backward = slopes.along.backward
    numerical, noise, low, high = slopes.along.trusted(exact)
    slack = tolerance * abs(slopes.gradient).max() * share + noise
    around = slack + (high - low) * kinks_add_up
    between = (low - around <= backward) & (backward <= high + around)
    kink = between & (np.minimum(high - low, abs(backward - numerical)) > slack)
    tied = kink & [entry is not None and proven[entry] for entry in slopes.entries]
    numerical, kink = np.where(tied, backward, numerical), kink & ~tied
    difference = abs(backward - numerical)
    sizes = abs(numerical) * ~kink
    largest = float(sizes[alone].max() or sizes.max())
    # If a sum is off by more than the sampled entries are, some other entry is wrong.
    typical = math.sqrt(np.mean(np.where(kink, 0, difference)[alone] ** 2))
    most = tolerance * largest
    limit = np.clip(TYPICAL_ALLOWED * typical, most * share, most)
    return Comparison(slopes, exact, numerical, noise, kink, limit, largest)
