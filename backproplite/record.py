"""The record: all that training changes, in one piece of memory with named views.

To undo a step is one copy, and so is a snapshot; a model file is the record and the settings.
Training that was cut off goes on from the record as if nothing had happened.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from .checks import Array

#: How long the two halves of "running" are: the fields of `training.Plan`, and the sums.
PLAN, SUMS = 4, 4
HISTORY = "loss", "val_loss", "learning_rate", "gradient_norm", "train_loss"


class AllOrNothing:
    """A context: what is done within to some memory and to the history happens, or none of it.

    After an error, Ctrl-C included, both are as they were before.
    """

    def __init__(self, memory: Array, history: dict[str, list[float]]) -> None:
        self.memory, self.history, self.before = memory, history, memory.copy()

    def __enter__(self) -> None:
        self.before[...] = self.memory
        self.entries = len(self.history["loss"])

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if error is not None:
            self.undo()

    def undo(self) -> None:
        """Put back what was there when it was last entered."""
        self.memory[...] = self.before
        for values in self.history.values():
            del values[self.entries :]


class Record:
    """All that training changes.

    Parameters
    ----------
    model : dict of shapes
        The arrays that make a prediction: the parameters, and what layers keep besides.
    optimizer : dict of shapes
        The arrays that the optimizer keeps.
    dtype : numpy.dtype
        The precision of all these.
    memory : array of uint8, optional
        Where it lies, from the start of the last axis; new zeros unless given. Axes in front are
        records side by side, and each is a row of it: every view has these axes too.

    Attributes
    ----------
    bytes : array of uint8
        The memory itself.
    views : dict of arrays
        Every part of it by name: besides the arrays given, "steps" and "epochs", made in the
        network's life; "optimizer_steps" and "optimizer_rate", of its newest step; "running".
    plan, sums : arrays of shape (4,), with the axes in front behind it
        The two halves of "running", the epoch under way: samples, batch size, whether shuffled
        and a checksum of the data; and its batches so far, with the sums of their weighted
        losses, gradient norms and weights.
    model : array of shape (n,)
        The arrays that make a prediction, one after the other, the parameters first.
    all_or_nothing, counts_or_nothing : AllOrNothing
        To change the whole record in, or what stands before the model.
    history : dict of lists of float
        One entry per epoch, NaN where there was nothing to enter. It only grows, so to undo is to
        cut it.
    """

    def __init__(
        self,
        model: Mapping[str, tuple[int, ...]],
        optimizer: Mapping[str, tuple[int, ...]],
        dtype: np.dtype[Any],
        memory: Array | None = None,
    ) -> None:
        whole, real = np.dtype(np.int64), np.dtype(np.float64)
        fields = {
            "steps": ((), whole),
            "epochs": ((), whole),
            "optimizer_steps": ((), whole),
            "optimizer_rate": ((), real),
            "running": ((PLAN + SUMS,), real),
        }
        head = len(fields)
        fields |= {name: (shape, dtype) for name, shape in {**model, **optimizer}.items()}
        sizes = [math.prod(shape) * each.itemsize for shape, each in fields.values()]
        ends = np.cumsum(sizes)
        self.bytes = np.zeros(ends[-1], np.uint8) if memory is None else memory
        front = self.bytes.shape[:-1]
        pieces = zip(fields.items(), np.split(self.bytes, ends, axis=-1), strict=False)
        self.views: dict[str, Array] = {
            name: piece.view(each).reshape(front + shape) for (name, (shape, each)), piece in pieces
        }
        running = np.moveaxis(self.views["running"], -1, 0)
        self.plan, self.sums = running[:PLAN], running[PLAN:]
        start, size = sum(sizes[:head]), sum(sizes[head : head + len(model)])
        self.model = self.bytes[..., start : start + size].view(dtype)
        self.history: dict[str, list[float]] = {name: [] for name in HISTORY}
        self.all_or_nothing = AllOrNothing(self.bytes, self.history)
        self.counts_or_nothing = AllOrNothing(self.bytes[..., :start], self.history)

    @property
    def steps(self) -> int:
        """Steps made in the network's life; a list where records are side by side."""
        return self.views["steps"].tolist()

    @property
    def epochs(self) -> int:
        """Epochs made in the network's life."""
        return self.views["epochs"].tolist()

    @property
    def batches(self) -> int:
        """How many batches of the epoch under way are done."""
        return int(self.sums.item(0))

    def counted(self) -> tuple[dict[str, Array], dict[str, list[float]]]:
        """Return what belongs to no layer and no optimizer: counts, and the history."""
        return {
            name: self.views[name].copy() for name in ("steps", "epochs", "running")
        }, self.history

    def take_over(self, counts: Mapping[str, Array], history: dict[str, list[float]]) -> None:
        """Take over what `counted` has returned."""
        for name, value in counts.items():
            self.views[name][...] = value
        self.history.update(history)

    def begin_epoch(self, plan: Sequence[float]) -> None:
        """Begin an epoch, unless one of this plan was cut off and nothing trained since."""
        if self.plan.tolist() != [*plan]:
            self.sums[...] = 0
            self.plan[...] = plan

    def forget_epoch(self) -> None:
        """Forget the plan, so that the next epoch begins anew; the sums of this one go on."""
        self.plan[...] = 0

    def count_step(self, weight: float | None, loss: Any, gradient_norm: Any) -> None:
        """Count one more step, of so much weight in its epoch; None if it is in none."""
        self.views["steps"][()] += 1
        if weight is None:
            self.forget_epoch()
            return
        sums = self.sums
        sums[0] += 1
        sums[1] += weight * loss
        sums[2] += gradient_norm
        sums[3] += weight

    def enter(self, names: Iterable[str]) -> None:
        """Let the history have these names too: NaN for the epochs before."""
        for name in names:
            self.history.setdefault(name, [math.nan] * len(self.history["loss"]))

    def end_epoch(self, measured: Mapping[str, Any]) -> None:
        """Write the history of an epoch that has had all its steps, and what was measured then."""
        side_by_side = self.sums.ndim > 1
        batches, losses, norms, weights = self.sums if side_by_side else self.sums.tolist()
        newest_rate = self.views["optimizer_rate"]
        rate = newest_rate.copy() if side_by_side else newest_rate.item()
        newest = {
            "loss": losses / weights,
            "learning_rate": rate,
            "gradient_norm": norms / batches,
            **measured,
        }
        for name, values in self.history.items():
            values.append(newest.get(name, math.nan))
        self.views["epochs"][()] += 1
        self.sums[...] = 0  # with its plan, that is the start of the next
