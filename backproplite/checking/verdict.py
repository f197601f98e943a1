"""The verdict on one tensor: right, zero, inconclusive or wrong.

Three errors are allowed: the tolerance, what rounding does to the numerical slope, and, within
bounds, what it does to the gradient itself. What only more rounding than that could excuse is
inconclusive, as is a tensor with too many kinks, or whose gradient drowns in rounding.
"""

from __future__ import annotations

import numpy as np

from ..checks import Array
from ..errors import GradientMismatch
from .comparison import Comparison
from .report import TensorCheck
from .subjects import Subject
from .words import explanation

#: How many entries of a tensor may be at kinks.
KINKS_ALLOWED = 0.1
#: Shaking digits in a few trials shows less than rounding can do: it may be so many times as much.
ROUNDING_ALLOWED = 64
#: What rounding leaves of a gradient that should be zero, beside all that the others can do, even
#: where no shaking shows it.
LEAST = 1e-14
#: More than so many times the least is no excuse: 1e-8 of all that the others can do.
MOST_EXCUSED = 1e6
#: A gradient is zero, or drowns, if noise is more than this part of it: three digits are enough.
DROWNED = 1e-3
#: Noise of the numerical slope excuses at most so many times the tolerance.
NOISE_EXCUSES = 10
#: In float32 a gradient may be off by this part of its largest entry, and by this part of all that
#: can be done by the others: seven digits, less what a few layers lose.
SINGLE_OWN, SINGLE_OTHERS = 1e-3, 1e-5
#: If rounding excuses more than this part of all that others can do in float32, nothing is proven.
SINGLE_UNDECIDED = 0.1


class Failure(GradientMismatch):
    """A tensor that does not pass; what is said of it, and the same in few words."""

    def __init__(self, words: str, shortly: str = "inconclusive") -> None:
        super().__init__(words)
        self.shortly = shortly


#: What is said shortly of a tensor with too many kinks.
AT_KINKS = "inconclusive, at kinks"


def judge_all(
    comparisons: list[Comparison],
    rounding: dict[str, float],
    overall: float,
    subject: Subject,
    fault_of_ties: str | None,
) -> list[TensorCheck]:
    """Return how each tensor fared; if any did not pass, raise what is said of the last.

    An error spreads from the output to the input, so that the last is where it comes from.
    """
    checks, failures = [], {}
    for each in comparisons:
        try:
            checks.append(judge(each, rounding[each.name], overall, subject))
        except Failure as failure:
            failures[each.name] = failure
    if not failures:
        if fault_of_ties:
            raise GradientMismatch(fault_of_ties)
        return checks
    *_, (name, last) = failures.items()
    lines, hint = [str(last)], subject.cast(np.float64).hint()
    if fault_of_ties and last.shortly == AT_KINKS:
        lines = [fault_of_ties]
    elif hint:  # which also explains what would be inconclusive without it
        decided = last.shortly.startswith("wrong")
        lines = [*lines, hint] if decided else [f"the gradient of {name} is wrong: {hint}"]
    if len(comparisons) > 1:
        shown = {check.name: f"right, to {check.error:.1e}" for check in checks}
        shown |= {name: failure.shortly for name, failure in failures.items()}
        width = max(map(len, shown))
        lines += [f"  {each.name:{width}}  {shown[each.name]}" for each in comparisons]
    raise GradientMismatch("\n".join(lines))


def judge(comparison: Comparison, rounding: float, overall: float, subject: Subject) -> TensorCheck:
    """Return how one tensor fared, or raise `GradientMismatch`.

    Parameters
    ----------
    comparison : Comparison
        What there is to judge.
    rounding : float
        By how much the gradient changes when last digits do.
    overall : float
        The largest reach over all tensors.
    subject : Subject
        What is checked.
    """
    rough = ROUNDING_ALLOWED * rounding
    floor = excused(rounding, overall / comparison.slopes.magnitude)
    noise = comparison.noise
    if noise.max() < DROWNED * comparison.largest:
        noise = np.minimum(noise, NOISE_EXCUSES * comparison.limit)
    room = comparison.limit + noise
    agrees = comparison.difference <= room + floor
    there = agrees | ~comparison.kink
    _refuse_kinks(comparison, there)
    if not agrees[there].all():
        if (comparison.difference <= room + rough)[there].all():
            raise Failure(_undecided(comparison.name, rounding))
        if (comparison.difference <= comparison.limit + comparison.noise + floor)[there].all():
            raise Failure(_coarse(comparison))
        off = comparison.difference[there].max() / comparison.largest
        raise Failure(explanation(comparison, subject), f"wrong, by {off:.1e}")
    zero = _is_zero(comparison, floor, subject.zero_may_be and overall > 0)
    error, alone = float(comparison.difference[there].max()), comparison.slopes.alone
    return TensorCheck(
        name=comparison.name,
        size=comparison.slopes.gradient.size,
        checked=int((alone & there).sum()),
        kinks=int((alone & ~there).sum()),
        largest=0.0 if zero else comparison.largest,
        error=0.0 if zero else error / comparison.largest,
        method="complex step" if comparison.exact else "central differences",
    )


def _coarse(comparison: Comparison) -> str:
    difference, noise = comparison.difference.max(), comparison.noise.max()
    return (
        f"the check of {comparison.name} is inconclusive: backward is off by {difference:.1e}, and "
        f"rounding in the result hides up to {noise:.1e}. Leave out constants that are added to "
        "the result, or check at another point."
    )


def excused(rounding: float, others: float) -> float:
    """Return by how much rounding may put a gradient off, beside all that the others can do."""
    rough, least = ROUNDING_ALLOWED * rounding, LEAST * others
    shown = MOST_EXCUSED * rough if rounding else least  # shaking shows at least a little of it
    return float(np.clip(rough, min(least, shown), MOST_EXCUSED * least))


def _undecided(name: str, rounding: float) -> str:
    return (
        f"the check of {name} is inconclusive: rounding in the last digits of what goes in "
        f"changes its gradient by {rounding:.1e}. Check at another point."
    )


def _refuse_kinks(comparison: Comparison, there: Array) -> None:
    if not there.mean() >= 1 - KINKS_ALLOWED:
        raise Failure(
            f"the check of {comparison.name} is inconclusive: the slope jumps at "
            f"{(~there).sum()} of {there.size} entries. Check at another point, away from kinks.",
            AT_KINKS,
        )


def _is_zero(comparison: Comparison, floor: float, may_be: bool) -> bool:
    """Tell whether the gradient is zero but for rounding; refuse it where nothing shows."""
    noise = comparison.noise.max() + floor
    if noise < DROWNED * comparison.largest:
        return False
    if not comparison.exact and (abs(comparison.backward) > floor).any():
        raise Failure(
            f"the check of {comparison.name} is inconclusive: its gradient, "
            f"{comparison.largest:.1e} at most, drowns in the rounding of the result, {noise:.1e}."
        )
    if not may_be and comparison.exact and comparison.largest > 0:
        raise Failure(
            f"the check of {comparison.name} is inconclusive: its gradient, "
            f"{comparison.largest:.1e} at most, is nothing beside what the other tensors do. Scale "
            "them to about 1."
        )
    if not may_be:
        raise Failure(
            f"nothing to compare: the gradient of {comparison.name} is zero on both sides. Check "
            "at a point, or with parameters, where it is not.",
            "nothing to compare",
        )
    return True


def judge_single(comparison: Comparison, single: Array, rounding: float, overall: float) -> None:
    """Compare a gradient in float32 with the one in float64, which has just been checked."""
    double, name = comparison.slopes.gradient, comparison.name
    others = overall / comparison.slopes.magnitude
    difference, largest = abs(single - double).max(), abs(double).max()
    rough = ROUNDING_ALLOWED * rounding
    room = SINGLE_OWN * largest + SINGLE_OTHERS * others
    if SINGLE_UNDECIDED * others < difference - room <= rough:
        raise GradientMismatch(f"{_undecided(name, rounding)} (In float32.)")
    if not difference <= room + rough:
        raise GradientMismatch(
            f"the gradient of {name} is right in float64 but wrong in float32, by "
            f"{difference:.1e} beside a largest entry of {largest:.1e}."
        )
