"""Ties: entries that are equal, moved together.

Where several entries are the largest, moving one alone meets a kink, and any share of the slope
may be its own. Moved together they stay tied: there the slope is one number again, and the shares
that `backward` gives must sum to it.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..checks import Array
from .rounding import Rounding
from .slopes import Around, Move, Tensor
from .subjects import Subject
from .verdict import excused

#: Of more groups of tied entries only so many, drawn at random, are moved.
MOST_GROUPS = 50


class Joined:
    """All tensors of a subject as one vector, which is written back to them at each run."""

    def __init__(self, subject: Subject, names: list[str]) -> None:
        self.subject = subject
        self.tensors = [subject.tensors[name].reshape(-1) for name in names]
        self.flat = np.concatenate(self.tensors)

    def run(self) -> Any:
        """Return the result for the vector as it stands."""
        ends = np.cumsum([tensor.size for tensor in self.tensors])[:-1]
        for tensor, piece in zip(self.tensors, np.split(self.flat, ends), strict=True):
            tensor[...] = piece
        return self.subject.run()


class Ties(NamedTuple):
    """What moving tied entries together has shown."""

    proven: dict[str, Array]  # of each tensor, the entries whose shares sum to what they should
    fault: str | None  # what is wrong, if anything


def check_ties(
    real: Subject,
    twin: Subject | None,
    exact: bool,
    gradients: dict[str, Array],
    rounding: Rounding,
    tolerance: float,
    rng: np.random.Generator,
) -> Ties:
    """Move each group of equal entries, in whatever tensors, and compare the sums of their shares.

    Groups that meet a kink even so prove nothing.
    """
    names, sizes = list(gradients), [gradient.size for gradient in gradients.values()]
    gradient = np.concatenate([each.ravel() for each in gradients.values()])
    rough = np.repeat([rounding.gradients[name] for name in names], sizes)
    joined, complexes = Joined(real, names), None if twin is None else Joined(twin, names)
    overall = float(abs(gradient * joined.flat).max())
    middle, proven, fault = joined.run(), np.zeros(gradient.size, bool), None
    for group in tied_in(joined.flat, rng):
        own = np.zeros_like(gradient)
        own[group] = gradient[group]
        tensor = Tensor(
            name="ties",
            gradient=own,
            real=Around(joined.run, joined.flat, middle, rounding.result),
            twin=None if complexes is None else Around(complexes.run, complexes.flat, None),
            magnitude=float(abs(joined.flat[group]).max()) or 1.0,
        )
        evenly = np.ones(group.size) / math.sqrt(group.size)
        slope = tensor.settled_slope(Move(group, evenly))
        numerical, noise, low, high = slope.trusted(exact)
        shares = float(abs(own).sum()) / math.sqrt(group.size)
        room = tolerance * max(shares, abs(numerical)) + noise
        room += math.sqrt(group.size) * excused(rough[group].max(), overall / tensor.magnitude)
        if high - low > room:
            continue
        if abs(slope.backward - numerical) <= room:
            proven[group] = True
        elif fault is None:
            fault = _fault(real, names, group, slope.backward, numerical)
    joined.run()
    pieces = np.split(proven, np.cumsum(sizes)[:-1])
    return Ties(dict(zip(names, pieces, strict=True)), fault)


def tied_in(flat: Array, rng: np.random.Generator) -> list[Array]:
    """Return where equal entries stand, group by group."""
    _, which, counts = np.unique(flat, return_inverse=True, return_counts=True)
    groups = np.flatnonzero(counts > 1)
    if groups.size > MOST_GROUPS:
        groups = rng.choice(groups, MOST_GROUPS, replace=False)
    return [np.flatnonzero(which == group) for group in groups]


def _fault(
    subject: Subject, names: list[str], group: Array, backward: float, numerical: float
) -> str:
    """Say of tied entries where they are, and what their shares sum to."""
    places, starts = [], np.cumsum([0, *(subject.tensors[name].size for name in names)])
    for entry in group[:3].tolist():
        i = int(np.searchsorted(starts, entry, side="right")) - 1
        index = np.unravel_index(entry - starts[i], subject.tensors[names[i]].shape)
        places.append(f"{names[i]}{[int(k) for k in index] or ''}")
    more = f" and {group.size - 3} more" if group.size > 3 else ""
    size = math.sqrt(group.size)
    return (
        f"the gradient is wrong where entries are equal: {', '.join(places)}{more}, moved "
        f"together, change the result by {size * numerical:.10g}, but backward gives them "
        f"{size * backward:.10g} in all. Share the slope among tied entries, or give it to one."
    )
