"""What a diagnosis measures: one training pass, layer by layer, and some more steps.

All of it happens on copies, within `np.errstate(all="ignore")`; the network stays as it is.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..activations import Activation
from ..checks import Array
from ..errors import DivergenceError
from ..functions import norm
from ..layers import Layer
from ..network import Network
from ..optimizers import Optimizer
from ..training import Batch

#: An output is saturated where the slope is below this part of the activation's largest: beyond
#: ±4.4 for a sigmoid, ±2.2 for tanh.
FLAT = 0.05
#: A unit is dead if its slope is below this part of the largest for all samples: 0 for a ReLU,
#: never so for a LeakyReLU(0.01).
OFF = 1e-4
#: A rate is tried for so many steps.
TRIAL_STEPS = 20
#: So many of the network's own outputs, dealt out at random, are the guesses that it must beat.
GUESSES = 1000


@dataclass(frozen=True)
class LayerHealth:
    """How one layer fares.

    Attributes
    ----------
    layer : str
        The layer, as it is printed.
    units : int
        Its number of outputs.
    output_size : float
        The root of the mean square of its outputs.
    saturated_share : float or None
        For activations flat on both sides: the part of the outputs, from 0 to 1, on the flat.
    dead_share : float or None
        For other elementwise activations: the part of the units that no sample switches on.
    gradient_size : float
        The Euclidean length of the derivative of the loss by its outputs.
    parameter_gradient_size : float or None
        The length of the derivative by its parameters, if it has any, before clipping.
    update_ratio : float or None
        The length of the change that the optimizer's next step makes to them, by their length.
    """

    layer: str
    units: int
    output_size: float
    saturated_share: float | None
    dead_share: float | None
    gradient_size: float
    parameter_gradient_size: float | None
    update_ratio: float | None


class Look(NamedTuple):
    """What one pass over a batch shows.

    Attributes
    ----------
    loss : float
        The training loss.
    guessed : float
        What guesses cost: the network's own outputs, dealt out to the samples at random.
    rate : float
        The learning rate.
    layers : tuple of LayerHealth
        How each layer fares.
    """

    loss: float
    guessed: float
    rate: float
    layers: tuple[LayerHealth, ...]


class Observer:
    """Looks at a network with a batch, again and again while it trains.

    What takes longer than a pass through a small network is made once: a copy
    of the network, and the names of its layers.
    """

    def __init__(self, network: Network, batch: Batch) -> None:
        self.batch = batch
        self.twin = network.cast(network.dtype)
        self.names = [repr(layer) for layer in network.layers]

    def look(self, network: Network) -> Look:
        """Go forward and back, as the network's coming step will."""
        twin, (x, targets, shares) = self.twin, self.batch
        twin.restore(network.snapshot())
        outputs, caches = zip(*twin.way_forward(x, network.draws()), strict=True)
        loss, grad_output = twin.loss.value_and_gradient(outputs[-1], targets, shares)
        gradient_sizes = _sizes_on_the_way_back(twin.layers, grad_output, caches)
        rate = _newest_rate(network.optimizer)
        change = _coming_change(twin, network.optimizer, rate)
        layers = tuple(
            self._layer_health(i, output, cache, size, change)
            for i, (output, cache, size) in enumerate(
                zip(outputs, caches, gradient_sizes, strict=True)
            )
        )
        return Look(float(loss), _loss_of_guesses(twin, outputs[-1], self.batch), rate, layers)

    def _layer_health(
        self, i: int, output: Array, cache: Any, gradient_size: float, change: Array
    ) -> LayerHealth:
        """Say how the layer at i fares, for a coming change of all parameters."""
        stretch = self.twin.stretches[i]
        parameters, gradients = self.twin.parameters[stretch], self.twin.gradients[stretch]
        trained = parameters.size > 0
        saturated_share, dead_share = _idle_shares(self.twin.layers[i], output, cache)
        return LayerHealth(
            layer=self.names[i],
            units=output.shape[-1],
            output_size=math.sqrt(float(np.mean(output * output))),
            saturated_share=saturated_share,
            dead_share=dead_share,
            gradient_size=gradient_size,
            parameter_gradient_size=norm(gradients) if trained else None,
            update_ratio=ratio(norm(change[stretch]), norm(parameters)) if trained else None,
        )


def _sizes_on_the_way_back(
    layers: Sequence[Layer], grad_output: Array, caches: Sequence[Any]
) -> list[float]:
    """Go back through all layers; return the length of the gradient by the outputs of each."""
    sizes: list[float] = []
    for layer, cache in zip(reversed(layers), reversed(caches), strict=True):
        sizes.insert(0, norm(grad_output.ravel()))
        grad_output = layer.backward(grad_output, cache)
    return sizes


def _coming_change(twin: Network, optimizer: Optimizer, rate: float) -> Array:
    """Return the change that the optimizer's next step would make to the parameters."""
    optimizer, after = copy.deepcopy(optimizer), twin.parameters.copy()
    optimizer.learning_rate = rate
    optimizer.step(after, twin.gradients.copy(), twin.decaying)
    return after - twin.parameters


def _newest_rate(optimizer: Optimizer) -> float:
    """Return the rate, but do not ask a schedule that has begun for more than it was made for."""
    begun = callable(optimizer.learning_rate) and optimizer.step_count
    return optimizer.rate if begun else optimizer.current_rate()


def _idle_shares(layer: Layer, output: Array, cache: Any) -> tuple[float | None, float | None]:
    """Return the shares of saturated outputs and of dead units, None where they mean nothing."""
    if not isinstance(layer, Activation):
        return None, None
    try:
        slope = np.abs(layer.local_derivative(cache))
    except NotImplementedError:  # it has a backward of its own
        return None, None
    if slope.shape != output.shape:  # a softmax, say, whose outputs hang together
        return None, None
    curve = np.abs(layer.derivative(np.linspace(-20, 20, 41)[:, np.newaxis] + 0 * output[0]))
    steepest = curve.max()
    if curve[[0, -1]].max() < FLAT * steepest:
        return float(np.mean(slope < FLAT * steepest)), None
    return None, float(np.mean((slope < OFF * steepest).all(axis=0)))


def _loss_of_guesses(network: Network, outputs: Array, batch: Batch) -> float:
    """Return what the outputs cost, dealt out to the samples at random."""
    if not targets_vary(batch):  # so dealt out they are as good as ever
        return _untrained_loss(network, batch)
    rng = np.random.default_rng(0)
    one, other = (rng.choice(len(outputs), GUESSES, p=batch.shares) for _ in range(2))
    return float(network.loss.value(outputs[one], batch.targets[other]))


def targets_vary(batch: Batch) -> bool:
    """Tell whether the targets are not all alike."""
    return bool(np.ptp(batch.targets, axis=0).any())


def _untrained_loss(network: Network, batch: Batch) -> float:
    """Return the loss at fresh weights."""
    twin, rng = network.cast(network.dtype), np.random.default_rng(0)
    for part in (part for layer in twin.layers for part in layer.parts().values()):
        for name, declared in part.declared.items():
            getattr(part, name)[...] = declared.draw(name, rng)
    *_, (outputs, _) = twin.way_forward(batch.x)
    return float(twin.loss.value(outputs, batch.targets, batch.shares))


class Trial(NamedTuple):
    """Some more steps at some rate.

    Attributes
    ----------
    losses : list of float
        Before the first step, and after each; infinite in the end if they diverge.
    network : Network
        The copy that made them.
    """

    losses: list[float]
    network: Network

    @property
    def rise(self) -> float:
        """How far above its start the loss goes."""
        return max(self.losses) - self.losses[0]

    @property
    def fall(self) -> float:
        """Which part of the loss they take away."""
        start, end = self.losses[0], self.losses[-1]
        return (start - end) / abs(start) if start else 0.0


def try_rate(network: Network, batch: Batch, rate: float, factor: float) -> Trial:
    """Make more steps on a copy, at so many times the rate; at another one, from rest."""
    twin = network.cast(network.dtype)
    twin.optimizer.learning_rate = factor * rate
    if factor != 1:
        twin.optimizer.reset(twin.parameters)
    losses: list[float] = []
    for _ in range(TRIAL_STEPS + 1):
        twin.record.views["steps"][()] = (
            network.step_count
        )  # the same dropout, so that losses compare
        try:
            losses.append(twin.step(batch))
        except DivergenceError:
            losses.append(math.inf)
            break
    return Trial(losses, twin)


def ratio(a: float, b: float) -> float:
    """Return a / b, also where b is 0."""
    return a / b if b else math.inf if a else math.nan
