"""The training loop: epochs, and the batches that an epoch goes through."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .callbacks import Callback
from .chance import ORDER
from .checks import Array
from .errors import DivergenceError

if TYPE_CHECKING:
    from .network import Network


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


def plan_for(data: Batch, batch_size: int | None, shuffled: bool) -> Plan:
    """Return the plan of an epoch over some data; all samples at once if there is no batch size."""
    checksum, samples = 0, len(data.x)
    for array in data:
        if array is not None:
            checksum = zlib.crc32(np.ascontiguousarray(array).data, checksum)
    return Plan(samples, min(batch_size or samples, samples), bool(shuffled), checksum)


def train(
    network: Network,
    data: Batch,
    plan: Plan,
    epochs: int,
    validation: Batch | None,
    callbacks: Sequence[Callback],
) -> None:
    """Train a network for a number of epochs, or until it is told to stop."""
    steppers = [each.after_step for each in callbacks if each.watches_steps]
    users_settings = np.geterr()  # which the callbacks run under

    def tell(listeners: Sequence[Callable[[Any], object]]) -> None:
        for listener in listeners:
            with np.errstate(**users_settings):
                listener(network)

    with np.errstate(all="ignore"):  # a step looks for NaN and infinity itself
        for _ in range(epochs):
            network.record.begin_epoch(plan)
            for batch, weight in batches(network, data, plan):
                make_step(network, batch, weight)
                tell(steppers)
            if network.record.batches:  # none if a callback's own fit has ended the epoch
                end_epoch(network, validation)
            tell(callbacks)
            if network.stop_training:
                break


def batches(network: Network, data: Batch, plan: Plan) -> Iterator[tuple[Batch, float]]:
    """Yield the batches that are left of an epoch, and what each counts; the last may be small."""
    samples, batch_size, shuffled, _ = plan
    done = network.record.batches
    if batch_size == samples:  # an order makes no difference
        if not done:
            yield data, 1.0
        return
    order = None
    if shuffled:
        order = network.chance.at(ORDER, network.epoch_count).permutation(samples)
    for start in range(done * batch_size, samples, batch_size):
        rows = slice(start, start + batch_size)
        yield data.select(rows if order is None else order[rows])


def make_step(network: Network, batch: Batch, weight: float) -> None:
    """Make one step; an error says where in the training it came."""
    try:
        network.step(batch, weight)
    except DivergenceError as error:
        raise error.at(network.epoch_count + 1, network.record.batches + 1) from None


def end_epoch(network: Network, validation: Batch | None) -> None:
    """Write the history of an epoch that has had all its steps."""
    record = network.record
    val_loss = math.nan if validation is None else network.score(validation)
    with record.counts_or_nothing:
        record.end_epoch(val_loss)
