"""The training loop: a fit, its epochs, and the batches that an epoch goes through.

What a fit has to know to go on after a cut is its plan and the memories of its callbacks, which a
file brings along. All else is in the record.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .callbacks import Callback
from .chance import ORDER
from .checks import Array, blocks, sample_shares
from .errors import BackpropliteError, DivergenceError, ParameterError

if TYPE_CHECKING:
    from .large import Stream
    from .metrics import Metrics
    from .network import Network


class Batch(NamedTuple):
    """Samples that have been checked: inputs, targets, and the share of each in the loss.

    Attributes
    ----------
    x : array of shape (samples, features)
    targets : array of shape (samples, outputs)
    shares : array of shape (samples,) or None
        They sum to 1 over all the data, and to 1 on average over batches of them; None where
        all samples count alike.
    """

    x: Array
    targets: Array
    shares: Array | None = None

    def select(self, rows: Any) -> Batch:
        """Return some of the samples. The mean gradient of such batches is that of all."""
        x, shares = _rows_of(self.x, rows), self.shares
        if shares is not None:
            shares = shares[rows] * (len(shares) / len(x))
        return Batch(x, _rows_of(self.targets, rows), shares)

    def weighted(self, name: str, weights: object) -> Batch:
        """Return the samples that count, each as much as it says; all alike is no weights."""
        samples, dtype = len(self.x), self.targets.dtype
        shares = sample_shares(name, weights, samples, dtype)
        if self.shares is not None:
            shares = sample_shares(name, shares * self.shares, samples, dtype)
        counted = shares > 0
        x, targets, shares = self.x[counted], self.targets[counted], shares[counted]
        return Batch(x, targets, shares if shares.min() < shares.max() else None)


def _rows_of(array: Array, rows: Any) -> Array:
    """Return some rows of an array; by `take`, which is three times as fast, if it can."""
    numbered = isinstance(array, np.ndarray) and getattr(rows, "dtype", bool) == np.intp
    return array.take(rows, 0) if numbered else array[rows]


class Plan(NamedTuple):
    """What an epoch goes through; one that was cut off is finished by the same plan alone."""

    samples: int
    batch_size: int
    shuffled: bool
    checksum: int


def plan_for(data: Batch | Stream, batch_size: int | None, shuffled: bool) -> Plan:
    """Return the plan of an epoch over some data; all samples at once if there is no batch size."""
    if not isinstance(data, Batch):
        return data.plan
    checksum, samples = 0, len(data.x)
    for array in [each for each in data if each is not None]:
        for rows in blocks(array):
            checksum = zlib.crc32(np.ascontiguousarray(array[rows]).data, checksum)
    return Plan(samples, min(batch_size or samples, samples), bool(shuffled), checksum)


class Fit:
    """A fit under way: what it goes through, what it is scored on, and whom it tells.

    Parameters
    ----------
    data : Batch or Stream
        All that it trains on.
    plan : Plan
        How.
    validation : Batch or Stream or None
        What else each epoch is scored on.
    callbacks : sequence of Callback
        In the order in which they are told.
    metrics : Metrics, optional
        What else is measured after each epoch, on both.

    Attributes
    ----------
    scored : Batch or Stream or None
        What each epoch is scored on: without validation data the training data, if a callback
        needs scores.
    told : int
        How many have been told of the newest step or epoch, while that is going on; else 0.
    """

    def __init__(
        self,
        data: Any,
        plan: Plan,
        validation: Any,
        callbacks: Sequence[Callback],
        metrics: Metrics | None = None,
    ) -> None:
        self.data, self.plan, self.callbacks, self.metrics = data, plan, callbacks, metrics
        self.validation = validation
        needed = any(each.needs_score for each in callbacks)
        self.scored = data if validation is None and needed else validation
        self.steppers = [each.after_step for each in callbacks if each.watches_steps]
        self.told = 0
        self.first_loss: float | None = None
        self.users_settings = np.geterr()  # which the callbacks run under

    @contextmanager
    def of(self, network: Network) -> Iterator[None]:
        """Be the network's only fit; tell the callbacks when it begins, and when it ends."""
        from .threads import fitting_threads

        try:
            if vars(network).setdefault("under_way", self) is not self:
                raise ParameterError(
                    "the network is being trained already, by a fit that calls this one or in "
                    "another thread: a callback must not train it, and each thread needs a network "
                    "of its own."
                )
            network.stop_training, network.diverged = False, None
            with ExitStack() as stack:
                stack.enter_context(fitting_threads(network, self))
                for callback in self.callbacks:
                    callback.start(network)
                    stack.callback(callback.finish, network)
                if any(callback.saves for callback in self.callbacks):  # once all have a memory
                    network.refuse_unsavable()
                network.record.enter(() if self.metrics is None else self.metrics.measured())
                if network.cut_off is not None:
                    from .files.cuts import go_on

                    go_on(self, network, network.cut_off)
                yield
        finally:
            if network.under_way is self:
                del network.under_way

    def tell(self, network: Network, listeners: Sequence[Callable[[Any], object]]) -> None:
        """Tell the callbacks that have not been told."""
        for i in range(self.told, len(listeners)):
            self.told = i + 1
            try:
                with np.errstate(**self.users_settings):
                    listeners[i](network)
            except Exception as error:
                error.add_note(f"This came up in the callback {listeners[i]!r}.")
                raise
        self.told = 0

    def batches(self, network: Network) -> Iterator[tuple[Batch, float | None]]:
        """Return the batches that are left of an epoch, with their weights."""
        return batches(network, self.data, self.plan)

    def step(self, network: Network, batch: Batch, weight: float | None) -> Any:
        """Make one step, and return the loss before it."""
        return network.step(batch, float(len(batch.x)) if weight is None else weight)

    def score(self, network: Network) -> float:
        """Return the loss now on what each epoch is scored on; NaN where there is nothing."""
        return math.nan if self.scored is None else float(network.score(self.scored))

    @property
    def score_name(self) -> str:
        """Where the history has that score."""
        return "train_loss" if self.scored is self.data else "val_loss"

    @property
    def measured(self) -> list[str]:
        """What the history has numbers of in this fit."""
        scores = [] if self.scored is None else [self.score_name]
        metrics = [] if self.metrics is None else self.metrics.measured(self.validation is not None)
        return ["loss", *scores, *metrics, "learning_rate", "gradient_norm"]

    def measure(self, network: Network, epoch: int) -> dict[str, float]:
        """Return the metrics after an epoch, by the names that the history has them under."""
        if self.metrics is None:
            return {}
        with np.errstate(**self.users_settings):
            return self.metrics.after(epoch, network, self.data, self.validation)

    def now(self, network: Network, name: str) -> float:
        """Return what the history would have under a name; NaN for what only an epoch tells."""
        if name == self.score_name:
            return self.score(network)
        return self.measure(network, network.epoch_count).get(name, math.nan)


def train(network: Network, fit: Fit, epochs: int) -> None:
    """Train a network for a number of epochs, or until it is told to stop."""
    with np.errstate(all="ignore"):  # a step looks for NaN and infinity itself
        if fit.told:  # it was cut off when some callbacks had been told, and others not
            fit.tell(network, fit.steppers if network.record.batches else fit.callbacks)
        for _ in range(epochs):
            if network.stop_training and not network.record.batches:
                break
            network.record.begin_epoch(fit.plan)
            for batch, weight in fit.batches(network):
                make_step(network, batch, fit, weight)
                fit.tell(network, fit.steppers)
            end_epoch(network, fit)
            fit.tell(network, fit.callbacks)


def batches(
    network: Network, data: Batch | Stream, plan: Plan
) -> Iterator[tuple[Batch, float | None]]:
    """Yield the batches that are left of an epoch, with their weights; the last may be small."""
    samples, batch_size, shuffled, _ = plan
    done = network.record.batches
    if not isinstance(data, Batch):
        yield from data.pieces(done=done)
        return
    if batch_size == samples:  # an order makes no difference
        if not done:
            yield data, None
        return
    order = None
    if shuffled:
        order = network.chance.at(ORDER, network.epoch_count).permutation(samples)
    for start in range(done * batch_size, samples, batch_size):
        rows = slice(start, start + batch_size)
        yield data.select(rows if order is None else order[rows]), None


def make_step(network: Network, batch: Batch, fit: Fit, weight: float | None = None) -> None:
    """Make one step; an error says where in the training it came, and what to do.

    The batch counts in its epoch as many samples as it has, unless a weight is given.
    """
    try:
        loss = fit.step(network, batch, weight)
    except DivergenceError as error:
        from .advice import cure

        error.epoch, error.batch = network.epoch_count + 1, network.record.batches + 1
        error.cure = cure(network, batch, fit.first_loss) or error.cure
        raise
    except BackpropliteError:
        raise
    except Exception as error:
        from .advice import name_part

        name_part(error, network, batch.x, batch.targets)
        raise
    if fit.first_loss is None:
        fit.first_loss = loss


def end_epoch(network: Network, fit: Fit) -> None:
    """Write the history of an epoch that has had all its steps."""
    epoch = network.epoch_count + 1
    measured = {fit.score_name: fit.score(network)} | fit.measure(network, epoch)
    with network.record.counts_or_nothing:
        network.record.end_epoch(measured)
