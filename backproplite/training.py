"""The training loop: epochs, and the batches that an epoch goes through."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from .callbacks import Callback
from .chance import ORDER
from .checks import Array
from .errors import DivergenceError


class Batch(NamedTuple):
    """Samples that have been checked: inputs, targets, and the share of each in the loss.

    Attributes
    ----------
    x : array of shape (samples, features)
    targets : array of shape (samples, outputs)
    shares : array of shape (samples,) or None
        They sum to 1; None where all samples count alike.
    """

    x: Array
    targets: Array
    shares: Array | None = None

    def select(self, rows: Any) -> tuple[Batch, float]:
        """Return some of the samples, and how much they count beside others."""
        x, targets = self.x[rows], self.targets[rows]
        if self.shares is None:
            return Batch(x, targets), float(len(x))
        weight = self.shares[rows].sum()
        return Batch(x, targets, self.shares[rows] / weight), float(weight)


class Plan(NamedTuple):
    """What an epoch goes through; one that was cut off is finished by the same plan alone."""

    samples: int
    batch_size: int
    shuffled: bool
    checksum: int

    def rows(self, order: Array | None, done: int) -> Iterator[Any]:
        """Yield what selects each batch but those that are done; the last may be smaller."""
        for start in range(done * self.batch_size, self.samples, self.batch_size):
            stop = min(start + self.batch_size, self.samples)
            yield slice(start, stop) if order is None else order[start:stop]


def plan_for(data: Batch, batch_size: int | None, shuffled: bool) -> Plan:
    """Return the plan of an epoch over some data; all samples at once if there is no batch size."""
    checksum, samples = 0, len(data.x)
    for array in data:
        if array is not None:
            checksum = zlib.crc32(np.ascontiguousarray(array).data, checksum)
    return Plan(samples, min(batch_size or samples, samples), bool(shuffled), checksum)


def train(
    network: Any,
    data: Batch,
    plan: Plan,
    epochs: int,
    validation: Batch | None,
    callbacks: Iterable[Callback],
) -> None:
    """Train a network for a number of epochs, or until it is told to stop."""
    steppers = [each for each in callbacks if type(each).after_step is not Callback.after_step]
    for _ in range(epochs):
        train_epoch(network, data, plan, steppers)
        end_epoch(network, validation)
        for callback in callbacks:
            callback(network)
        if network.stop_training:
            break


def train_epoch(network: Any, data: Batch, plan: Plan, steppers: Iterable[Callback]) -> None:
    """Make the steps of an epoch, or those that are left of one that was cut off."""
    record = network.record
    if not record.is_running(plan):
        record.begin_epoch(plan)
    order = None
    if plan.shuffled and plan.batch_size < plan.samples:  # else it makes no difference
        order = network.chance.at(ORDER, network.epoch_count).permutation(plan.samples)
    for rows in plan.rows(order, done=record.batches):
        whole = plan.batch_size == plan.samples
        batch, weight = (data, 1.0) if whole else data.select(rows)
        try:
            network.step(batch, weight)
        except DivergenceError as error:
            raise error.at(network.epoch_count + 1, record.batches + 1) from None
        for callback in steppers:
            callback.after_step(network)


def end_epoch(network: Any, validation: Batch | None) -> None:
    """Write the history of an epoch that has had all its steps."""
    record = network.record
    val_loss = math.nan if validation is None else network.score(validation)
    loss, gradient_norm = record.means()
    newest = {"loss": loss, "val_loss": val_loss}
    newest |= {"learning_rate": network.optimizer.rate, "gradient_norm": gradient_norm}
    with record:
        record.end_epoch(newest)
