"""A fit that goes as scikit-learn's does, on the training loop of the core.

What differs from a fit of one's own is where chance comes from, that the weight decay counts in the
loss, divided by the samples of the batch, and that a weight is one beside those of its batch only.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import advice
from ..callbacks import checked_callbacks
from ..checks import Array
from ..counts import Poisson
from ..errors import DivergenceError
from ..functions import is_finite, norm
from ..layers import Layer, way_forward
from ..metrics import Metrics
from ..network import Network
from ..optimizers import Adam
from ..training import Batch, Fit, Plan, train
from .draws import Draws, orders


class Data(NamedTuple):
    """Samples: for the network with their shares, y as it was given, and the sum of the weights."""

    batch: Batch
    y: Array
    weight: float | None


class Replay(Fit):
    """A fit of batches drawn as scikit-learn draws them, with its loss.

    loss = Σᵢ wᵢ · lossᵢ / Σᵢ wᵢ + ½ alpha · Σ weight² / Σᵢ wᵢ over the samples i of a batch

    Parameters
    ----------
    network : Network
    data : Data
    batch_size : int
    alpha : float
        How strong the decay of weight matrices is.
    theirs : bool
        Whether the loss is one of scikit-learn's: it sums the costs of all outputs, reports the
        mean of squared errors, and takes no probability for less than one rounding step.
    draws : numpy.random.RandomState or None
        Where the order of each epoch comes from; None for that of the data.
    callbacks : sequence of callables
    held : Data or None
        What each epoch is scored on.
    metrics : Metrics or None

    Attributes
    ----------
    predictions : array of shape (samples, outputs)
        The newest on what is held out.
    """

    predictions: Array

    def __init__(
        self,
        network: Network,
        data: Data,
        batch_size: int,
        alpha: float,
        theirs: bool,
        draws: Draws | None = None,
        callbacks: Sequence[Any] = (),
        held: Data | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        samples, outputs = data.batch.targets.shape
        plan = Plan(samples, batch_size, draws is not None, 0)
        validation = None if held is None else held.batch
        super().__init__(data.batch, plan, validation, checked_callbacks(callbacks), metrics)
        self.held, self.theirs = held, theirs
        self.per_share = (data.weight or 0.0) / samples
        self.alpha, self.decayed = alpha, 0.0
        self.decay = np.empty_like(network.parameters)
        self.scratch = np.empty_like(network.parameters)
        self.orders = None if draws is None else orders(draws, samples)
        plain = Layer.forward_training
        self.draws_masks = any(type(e).forward_training is not plain for e in network.layers)
        optimizer: Any = network.optimizer
        self.epsilon = optimizer.epsilon if type(optimizer) is Adam else None
        squared = network.loss.labels is None and not isinstance(network.loss, Poisson)
        self.counted = 1 / outputs if squared else 1.0
        rounding = np.finfo(network.dtype).eps
        self.most = math.inf if network.loss.labels is None else -math.log(rounding)

    def run(self, network: Network, epochs: int) -> None:
        """Train for so many epochs, or until the network is told to stop."""
        advice.before_fit(network, self)
        network.record.forget_epoch()
        try:
            with self.of(network):
                train(network, self, epochs)
        finally:
            if self.epsilon is not None:
                vars(network.optimizer)["epsilon"] = self.epsilon

    def batches(self, network: Network) -> Iterator[tuple[Batch, float | None]]:
        samples, size = self.plan.samples, self.plan.batch_size
        order = None if self.orders is None else next(self.orders)
        for start in range(0, samples, size):
            rows = slice(start, start + size)
            batch = self.part(rows if order is None else order[rows])
            if batch[1] is None or batch[1] > 0:
                yield batch

    def part(self, rows: Any) -> tuple[Batch, float | None]:
        """Return some samples, with their shares in their own loss, and what all of them weigh."""
        x, targets, shares = self.data.select(rows)
        if shares is None:
            return Batch(x, targets), None
        share = float(shares.sum())
        return Batch(x, targets, shares / (share or 1.0)), share * self.per_share * len(x)

    def slope(self, network: Network, batch: Batch, weight: float | None) -> tuple[float, Any]:
        """Return the loss of a batch and the caches; leave its slope in `network.gradients`."""
        x, targets, shares = batch
        rng = network.draws() if self.draws_masks else None
        outputs, caches = zip(*way_forward(network.layers, x, rng), strict=True)
        if self.theirs:
            costs, cache = network.loss.forward(outputs[-1], targets)
            share = 1 / len(x) if shares is None else shares[:, np.newaxis]
            loss = float(np.sum(np.minimum(costs, self.most) * (share * self.counted)))
            slope = network.loss.backward(cache) * share
        else:
            loss, slope = network.loss.value_and_gradient(outputs[-1], targets, shares)
        network.backward_parameters(slope, caches)
        weight = len(x) if weight is None else weight
        if weight != self.decayed:
            self.decay, self.decayed = network.decaying * (self.alpha / weight), weight
        decay, gradients = self.scratch, network.gradients
        np.multiply(network.parameters, self.decay, out=decay)
        gradients += decay
        return loss + float(decay @ network.parameters) / 2, caches

    def step(self, network: Network, batch: Batch, weight: float | None) -> float:
        """Make one step, and return the loss before it."""
        loss, caches = self.slope(network, batch, weight)
        optimizer: Any = network.optimizer
        if not is_finite(loss):
            raise DivergenceError(f"the loss turned {loss}", optimizer.current_rate())
        if self.epsilon is not None:  # which is added there once the bias has been corrected
            late = self.epsilon / math.sqrt(1 - optimizer.beta2 ** (optimizer.step_count + 1))
            vars(optimizer)["epsilon"] = late
        network.update(caches, float(len(batch.x)), loss, norm(network.gradients))
        return loss

    def score(self, network: Network) -> float:
        """Return the loss on what is held out, and keep the predictions."""
        if self.held is None:
            return super().score(network)
        x, targets, shares = self.held.batch
        outputs = network.forward(x)
        self.predictions = network.loss.predictions(outputs)
        return float(network.loss.value(outputs, targets, shares))
