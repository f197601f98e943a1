"""A fit that goes as scikit-learn's does, on the training loop of the core.

What differs from a fit of one's own is where chance comes from, that the weight decay counts in the
loss, divided by the samples of the batch, and that a weight is one beside those of its batch only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..callbacks import checked_callbacks
from ..checks import Array
from ..errors import DivergenceError
from ..functions import is_finite, norm
from ..layers import Dropout, way_forward
from ..losses import HalfSquaredError, SigmoidCrossEntropy, SoftmaxCrossEntropy
from ..network import Network
from ..optimizers import Adam
from ..training import Batch, Fit, Plan, train
from .draws import orders


class Replay(Fit):
    """A fit of batches drawn as scikit-learn draws them, with its loss.

    loss = Σᵢ wᵢ · lossᵢ / Σᵢ wᵢ + ½ alpha · Σ weight² / Σᵢ wᵢ over the samples i of a batch

    Parameters
    ----------
    network : Network
    batch : Batch
        All samples.
    batch_size : int
    weights : array of shape (samples,) or None
        How much each sample counts.
    alpha : float
        How strong the decay of weight matrices is.
    draws : numpy.random.RandomState or None
        Where the order of each epoch comes from; None for that of the data.
    callbacks : sequence of callables
    """

    def __init__(
        self,
        network: Network,
        batch: Batch,
        batch_size: int,
        weights: Array | None,
        alpha: float,
        draws: np.random.RandomState | None = None,
        callbacks: Sequence[Callable[[Network], object]] = (),
        validation: Batch | None = None,
    ) -> None:
        samples = len(batch.x)
        plan = Plan(samples, batch_size, draws is not None, 0)
        super().__init__(batch, plan, validation, checked_callbacks(callbacks))
        self.weights, self.decay = weights, alpha * network.decaying
        self.scratch = np.empty_like(self.decay)
        self.orders = None if draws is None else orders(draws, samples)
        outputs, loss = batch.targets.shape[1], network.loss
        #: By how much the costs of all outputs count in the loss, and in its gradient.
        self.counted = self.pulling = 1 / outputs if loss.mean_over_outputs else 1.0
        #: More than this no cost counts.
        self.most = math.inf
        if type(loss) in (SigmoidCrossEntropy, SoftmaxCrossEntropy):
            self.counted = self.pulling = 1.0
            self.most = -math.log(np.finfo(network.dtype).eps)
        elif type(loss) is HalfSquaredError:
            self.counted = 1 / outputs
        optimizer: Any = network.optimizer
        self.epsilon = optimizer.epsilon if type(optimizer) is Adam else None
        self.draws_masks = any(type(layer) is Dropout for layer in network.layers)

    def run(self, network: Network, epochs: int) -> None:
        """Train for so many epochs, or until the network is told to stop."""
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
        x, targets, _ = self.data.select(rows)
        if self.weights is None:
            return Batch(x, targets), None
        weights = self.weights[rows]
        total = float(weights.sum())
        return Batch(x, targets, weights / (total or 1.0)), total

    def slope(self, network: Network, batch: Batch, weight: float | None) -> float:
        """Return the loss of a batch, and leave its derivative in `network.gradients`."""
        x, targets, shares = batch
        rng = network.draws() if self.draws_masks else None
        outputs, caches = zip(*way_forward(network.layers, x, rng), strict=True)
        costs, cache = network.loss.forward(outputs[-1], targets)
        share = 1 / len(x) if shares is None else shares[:, np.newaxis]
        loss = float(np.sum(np.minimum(costs, self.most) * (share * self.counted)))
        slope = network.loss.backward(cache) * (share * self.pulling)
        network.backward_parameters(slope, caches)
        decay = np.multiply(network.parameters, self.decay, out=self.scratch)
        decay /= len(x) if weight is None else weight
        network.gradients[...] += decay
        return loss + float(decay @ network.parameters) / 2

    def step(self, network: Network, batch: Batch, weight: float | None) -> float:
        """Make one step, and return the loss before it."""
        loss = self.slope(network, batch, weight)
        optimizer: Any = network.optimizer
        if not is_finite(loss):
            raise DivergenceError(f"the loss turned {loss}", optimizer.current_rate())
        if self.epsilon is not None:  # which is added there once the bias has been corrected
            late = self.epsilon / math.sqrt(1 - optimizer.beta2 ** (optimizer.step_count + 1))
            vars(optimizer)["epsilon"] = late
        network.update((), float(len(batch.x)), loss, norm(network.gradients))
        return loss
