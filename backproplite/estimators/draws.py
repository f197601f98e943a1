"""The random numbers of scikit-learn, drawn as it draws them.

The same `random_state` so gives the same first weights, the same batches and the same split as
there. What they come from is NumPy's old generator, whose numbers never change.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np

from ..checks import Array
from ..errors import InputError, ParameterError

Draws: TypeAlias = np.random.RandomState


def generator_of(random_state: Any) -> Draws:
    """Return what a `random_state` stands for: None is the one that all of NumPy shares."""
    if random_state is None or random_state is np.random:
        return np.random.uniform.__self__  # type: ignore[attr-defined]
    if isinstance(random_state, Draws):
        return random_state
    try:
        return Draws(random_state)
    except (TypeError, ValueError):
        raise ParameterError(
            "random_state must be None, a whole number from 0 to 2**32 - 1, or a "
            f"numpy.random.RandomState; got {random_state!r}."
        ) from None


def first_values(draws: Draws, inputs: int, outputs: int, factor: float) -> dict[str, Array]:
    """Return the first weight and bias of a layer, of U(-b, b) with b² = factor / (all units)."""
    bound = np.sqrt(factor / (inputs + outputs))
    weight = draws.uniform(-bound, bound, (inputs, outputs))
    return {"weight": weight, "bias": draws.uniform(-bound, bound, outputs)}


def orders(draws: Draws, samples: int) -> Iterator[Array]:
    """Yield the order of each epoch: that of the epoch before, shuffled."""
    order = np.arange(samples)
    while True:
        shuffled = np.arange(samples)
        draws.shuffle(shuffled)
        order = order[shuffled]
        yield order


def split(
    draws: Draws, samples: int, fraction: float, classes: Array | None
) -> tuple[Array, Array]:
    """Return the rows to train on and those held out; of each class its part, if there are any."""
    held_out = math.ceil(fraction * samples)
    trained = samples - held_out
    if classes is not None:
        _refuse_few(classes, trained, held_out)
    if held_out < 2 or not trained:
        raise InputError(
            "The validation set is too small. Increase 'validation_fraction' or the size of your "
            f"dataset: of {samples} samples, {held_out} would be held out."
        )
    if classes is not None:
        return _split_by_class(draws, trained, held_out, classes)
    order = draws.permutation(samples)
    return order[held_out:], order[:held_out]


def _refuse_few(classes: Array, trained: int, held_out: int) -> None:
    labels, counts = np.unique(classes, return_counts=True)
    if counts.min() < 2:
        raise InputError(
            "The least populated classes in y have only 1 member, which cannot be held out and "
            f"trained on. Classes with too few members are: {labels[counts < 2].tolist()}."
        )
    if min(held_out, trained) < len(labels):
        raise InputError(
            f"each of the {len(labels)} classes in y must be among the {held_out} samples held out "
            f"and among the {trained} others. Give more samples, or another 'validation_fraction'."
        )


def _split_by_class(
    draws: Draws, trained: int, held_out: int, classes: Array
) -> tuple[Array, Array]:
    _, places, counts = np.unique(classes, return_inverse=True, return_counts=True)
    here = shared_out(draws, counts, trained)
    there = shared_out(draws, counts - here, held_out)
    rows = np.split(np.argsort(places, kind="stable"), np.cumsum(counts)[:-1])
    chosen: tuple[list[Array], list[Array]] = [], []
    for own, n, m in zip(rows, here, there, strict=True):
        shuffled = own[draws.permutation(len(own))]
        chosen[0].append(shuffled[:n])
        chosen[1].append(shuffled[n : n + m])
    train, test = (draws.permutation(np.concatenate(each)) for each in chosen)
    return train, test


def shared_out(draws: Draws, counts: Array, wanted: int) -> Array:
    """Return how many of each class make up so many: the most likely draw, ties by chance."""
    exact = counts / counts.sum() * wanted
    shares = np.floor(exact)
    missing, rest = int(wanted - shares.sum()), exact - shares
    for value in np.unique(rest)[::-1]:
        if missing <= 0:
            break
        alike = np.flatnonzero(rest == value)
        chosen = draws.choice(alike, size=min(len(alike), missing), replace=False)
        shares[chosen] += 1
        missing -= len(chosen)
    return shares.astype(int)
