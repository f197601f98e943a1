"""The explanation of a wrong gradient: which entries, by how much, and what the cause may be."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..checks import Array
from .comparison import Comparison
from .subjects import Subject

#: How many entries are shown, the worst first.
LINES = 5
#: What is counted as off, beside the largest entry, whatever the tolerance.
OFF = 1e-6
#: How alike ratios, or entries, must be to give a cause away: nearer than a slip that is none.
ALIKE = 1e-4
#: Entries smaller than this, beside the largest, have no ratio to go by.
TOO_SMALL = 1e-3


def explanation(comparison: Comparison, subject: Subject) -> str:
    """Say which entries are off, by how much, and what such an error usually means."""
    c, difference = comparison, np.where(comparison.kink, 0, comparison.difference)
    worst = np.argsort(-difference, kind="stable")[:LINES]
    count, off = int((difference > OFF * c.largest).sum()), difference.max() / c.largest
    how = f"{count} of {difference.size} comparisons are off by more than 1e-6"
    if not count:
        off *= math.sqrt(c.slopes.gradient.size)
        how = "an entry that was not sampled, which shows in signed sums of all"
    return "\n".join([
        f"the gradient of {c.name} is wrong, by {off:.1e} of its largest entry ({how}).",
        *(_line(comparison, k) for k in worst if difference[k]),
        *_suspicion(comparison, subject.tensors[c.name].ravel()),
        *([subject.advice] if subject.advice else []),
    ])  # fmt: skip


def _line(comparison: Comparison, k: int) -> str:
    backward, numerical = comparison.backward[k], comparison.numerical[k]
    return (
        f"  {_place(comparison, k)}: backward gives {backward:.10g}, numerical "
        f"{numerical:.10g}, ratio {backward / numerical:.6g}"
    )


def _place(comparison: Comparison, k: int) -> str:
    entry = comparison.slopes.entries[k]
    if entry is None:
        return f"{comparison.name} in a signed sum of all entries"
    place = [int(i) for i in np.unravel_index(entry, comparison.slopes.gradient.shape)]
    return f"{comparison.name}{place or ''}"


def _suspicion(comparison: Comparison, values: Array) -> Iterator[str]:
    """Name the usual cause of such an error, if the numbers give one away."""
    factor = _common_factor(comparison)
    if factor is None:
        if _is_transposed(comparison):
            yield "It is the transpose of what it should be."
        elif penalty := _penalty(comparison, values):
            yield (
                f"It is off by {penalty:.6g} times {comparison.name} itself: look for a penalty or "
                "weight decay that is on one side only."
            )
        elif _columns_have_factors(comparison):
            yield "Each column is off by a factor of its own: look for a scale of the features."
    elif abs(factor + 1) < ALIKE:
        yield "All signs are wrong: look for a minus too many or too few."
    elif abs(factor - 1) > ALIKE:
        yield (
            f"All are off by the factor {factor:.6g}: look for a mean where there is a sum, or "
            "the number of samples or outputs counted twice or not at all."
        )


def _penalty(comparison: Comparison, values: Array) -> float | None:
    """Return the factor if all entries are off by a multiple of the tensor itself."""
    entries = [entry for entry in comparison.slopes.entries if entry is not None]
    if len(entries) < len(comparison.slopes.entries):
        return None
    own, off = values[entries], comparison.backward - comparison.numerical
    large = (abs(own) > TOO_SMALL * abs(own).max()) & ~comparison.kink
    factor = float(np.median(off[large] / own[large])) if large.sum() > 2 else 0.0
    close = OFF * comparison.largest
    return factor if factor and np.allclose(off[large], factor * own[large], ALIKE, close) else None


def _columns_have_factors(comparison: Comparison) -> bool:
    """Tell whether the entries of each column share a ratio, where there are some rows."""
    shape = comparison.slopes.gradient.shape
    if len(shape) != 2 or shape[0] < 3 or None in comparison.slopes.entries:
        return False
    large = abs(comparison.numerical) > TOO_SMALL * comparison.largest
    if large.reshape(shape).sum(axis=0).min() < 2:
        return False
    ratio = np.where(large, comparison.backward / comparison.numerical, np.nan).reshape(shape)
    spread = np.nanmax(ratio, axis=0) - np.nanmin(ratio, axis=0)
    return bool((spread < ALIKE * abs(np.nanmax(ratio, axis=0))).all())


def _common_factor(comparison: Comparison) -> float | None:
    """Return the factor by which all entries are off that are large enough, if they share one."""
    large = abs(comparison.numerical) > TOO_SMALL * comparison.largest
    ratio = (comparison.backward / comparison.numerical)[large & ~comparison.kink]
    factor = float(np.median(ratio)) if ratio.size else math.nan
    return factor if ratio.size and np.allclose(ratio, factor, rtol=ALIKE) else None


def _is_transposed(comparison: Comparison) -> bool:
    gradient = comparison.slopes.gradient
    square = gradient.ndim == 2 and gradient.shape[0] == gradient.shape[1]
    if not square or None in comparison.slopes.entries:
        return False
    least = OFF * comparison.largest
    return np.allclose(gradient.T.ravel(), comparison.numerical, rtol=ALIKE, atol=least)
