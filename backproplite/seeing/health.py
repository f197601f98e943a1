"""What a diagnosis measures: one training pass, layer by layer, and some more steps.

All of it happens on copies, within `np.errstate(all="ignore")`; the network stays as it is.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np

from ..activations import Activation, Sigmoid
from ..checks import Array
from ..errors import DivergenceError
from ..functions import norm
from ..layers import Dense, Layer, parts_of
from ..losses import Loss
from ..network import Network
from ..optimizers import Optimizer
from ..training import Batch

#: An output is saturated where the slope is below this part of the activation's largest: beyond
#: ±4.4 for a sigmoid, ±2.2 for tanh.
FLAT = 0.05
#: A unit is dead if its slope is below this part of the largest for all samples: 0 for a ReLU,
#: never so for a LeakyReLU(0.01).
OFF = 1e-4
#: Units are alike if they differ by no more than this part of the largest number among them.
ALIKE = 1e-6
#: A rate is tried for so many steps.
TRIAL_STEPS = 20
#: A network has learnt if its loss is below this part of what the best constant prediction
#: costs, in each column of plain targets too.
LEARNT = 0.1


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
        Of a block, here and below, that of the worst activation within it.
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


class Passage(NamedTuple):
    """How the batch went through a layer of the network, or one within it that has none itself."""

    place: str
    layer: Layer
    x: Array
    output: Array
    saturated_share: float | None
    dead_share: float | None
    alike: bool  # whether all units have the same weights, and get the same gradient

    def __str__(self) -> str:
        return f"{self.place} {self.layer!r}"


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


@dataclass(frozen=True, eq=False)
class Look:
    """What one pass over a batch shows of a network."""

    network: Network
    batch: Batch
    loss: float
    #: What the best constant prediction costs; if all targets are alike, fresh weights.
    constant: float
    #: Whether the loss is far below that.
    learnt: bool
    rate: float
    layers: tuple[LayerHealth, ...]
    #: In the order in which the batch left the layers; a block comes after those within it.
    passages: tuple[Passage, ...]
    outputs: Array
    #: What is left of the samples' gradients once they have cancelled: 0 at a minimum, 1 where
    #: all samples pull the same way.
    cancelled: Callable[[], float]
    #: Which part of the coming step is weight decay.
    decay_share: Callable[[], float]
    #: Makes more steps at so many times the rate, and remembers them; None if none may be made.
    trial: Callable[..., Trial] | None

    @property
    def ends(self) -> tuple[int, int]:
        """The first and the last layer with a matrix of weights, on which alone decay acts."""
        network = self.network
        found = [i for i, each in enumerate(network.stretches) if network.decaying[each].any()]
        return (found[0], found[-1]) if found else (0, 0)


class Observer:
    """Looks at a network with a batch, again and again while it trains.

    What takes longer than a pass through a small network is made once: a copy
    of the network, the names of its layers, and the best constant prediction.
    """

    def __init__(self, network: Network, batch: Batch) -> None:
        self.batch = batch
        self._begin(network)

    def _begin(self, network: Network) -> None:
        """Make what is made once, as long as the same layers are frozen."""
        batch, self.frozen = self.batch, [*network.frozen]
        self.twin = network.cast(network.dtype)
        self.names = [repr(layer) for layer in network.layers]
        self.calls: list[tuple[str, Layer, Array, Array, Any]] = []
        for place, part in parts_of(self.twin.layers).items():
            if len(part.parts()) == 1 or "." not in place:
                self._listen(place, part)
        if np.ptp(batch.targets, axis=0).any():
            constant = np.broadcast_to(best_constant(network.loss, batch), batch.targets.shape)
        else:
            *_, (constant, _) = fresh(network).way_forward(batch.x)
        self.constants = _costs(network.loss, constant, batch)

    def look(self, network: Network, with_trials: bool = False) -> Look:
        """Go forward and back, as the network's coming step will."""
        if self.frozen != [*network.frozen]:
            self._begin(network)
        twin, batch, rate = self.twin, self.batch, _newest_rate(network.optimizer)
        twin.restore(network.snapshot())
        self.calls.clear()
        outputs, caches = zip(*twin.way_forward(batch.x, network.draws()), strict=True)
        loss, grad = twin.loss.value_and_gradient(outputs[-1], batch.targets, batch.shares)
        sizes: list[float] = []
        gradient = grad
        for layer, kept in zip(reversed(twin.layers), reversed(caches), strict=True):
            sizes.insert(0, norm(gradient.ravel()))
            gradient = layer.backward(gradient, kept)
        twin.zero_frozen()
        below = range(network.first_trained if self.frozen else 0)
        still = {*self.frozen, *(f"layers[{i}]" for i in below)}  # no gradient needs to get there
        passages = tuple(
            Passage(place, layer, x, output, *shares, alike)
            for place, layer, x, output, kept in self.calls
            for moves in [still.isdisjoint((place, place.split(".")[0]))]
            for shares in [_idle_shares(layer, output, kept) if moves else (None, None)]
            for alike in [with_trials and moves and _alike(layer)]
        )
        gradients = twin.gradients.copy()
        change = partial(_change, network.optimizer, twin, gradients, learning_rate=rate)
        step = change()

        def cancelled() -> float:
            signs = np.random.default_rng(0).choice([-1, 1], (len(batch.x), 1))
            twin.backward(grad * signs.astype(twin.dtype), caches)
            return ratio(norm(gradients), norm(twin.gradients) * math.sqrt(len(batch.x)))

        return Look(
            network=network,
            batch=batch,
            loss=float(loss),
            constant=float(self.constants[0]),
            learnt=self._learnt(outputs[-1]),
            rate=rate,
            layers=tuple(
                self._health(i, output, size, passages, step)
                for i, (output, size) in enumerate(zip(outputs, sizes, strict=True))
            ),
            passages=passages,
            outputs=outputs[-1],
            cancelled=cancelled,
            decay_share=lambda: ratio(norm(step - change(weight_decay=0.0)), norm(step)),
            trial=cache(partial(try_rate, network, batch, rate)) if with_trials else None,
        )

    def _listen(self, place: str, part: Layer) -> None:
        """Note what passes through a part of the copy."""
        plain = type(part).forward_training is Layer.forward_training
        name = "forward" if plain or place in self.frozen else "forward_training"
        forward = getattr(part, name)

        def noted(x: Array, *rng: np.random.Generator) -> tuple[Array, Any]:
            output, kept = forward(x, *rng)
            self.calls.append((place, part, x, output, kept))
            return output, kept

        vars(part)[name] = noted

    def _learnt(self, outputs: Array) -> bool:
        """Tell whether outputs cost far less than the best constant, which may cost below 0."""
        costs = _costs(self.twin.loss, outputs, self.batch)
        return bool((costs <= self.constants - (1 - LEARNT) * abs(self.constants)).all())

    def _health(
        self, i: int, output: Array, size: float, passages: tuple[Passage, ...], change: Array
    ) -> LayerHealth:
        """Say how the layer at i fares, for a coming change of all parameters."""
        twin, stretch = self.twin, self.twin.stretches[i]
        within = [each for each in passages if each.place.split(".")[0] == f"layers[{i}]"]
        gradients, parameters = norm(twin.gradients[stretch]), norm(twin.parameters[stretch])
        trained = stretch.stop > stretch.start and f"layers[{i}]" not in self.frozen
        return LayerHealth(
            layer=self.names[i],
            units=output.shape[-1],
            output_size=math.sqrt(float(np.mean(output * output))),
            saturated_share=_worst([each.saturated_share for each in within]),
            dead_share=_worst([each.dead_share for each in within]),
            gradient_size=size,
            parameter_gradient_size=gradients if trained else None,
            update_ratio=ratio(norm(change[stretch]), parameters) if trained else None,
        )


def best_constant(loss: Loss, batch: Batch) -> Array:
    """Return the outputs, the same for all samples, that cost least."""
    targets, shares = batch.targets, batch.shares
    if loss.labels:
        limits = np.finfo(targets.dtype)
        p = np.clip(np.average(targets, axis=0, weights=shares), limits.tiny, 1 - limits.epsneg)
        if loss.applies is None:
            return p
        return np.log(p) - np.log1p(-p) if loss.applies is Sigmoid else np.log(p)
    low, high = targets.min(axis=0), targets.max(axis=0)
    for _ in range(60):  # halve the way to where the loss is flat, column by column
        middle = low / 2 + high / 2
        outputs = np.broadcast_to(middle, targets.shape)
        falls = loss.value_and_gradient(outputs, targets, shares)[1].sum(axis=0) < 0
        low, high = np.where(falls, middle, low), np.where(falls, high, middle)
    return low / 2 + high / 2


def _costs(loss: Loss, outputs: Array, batch: Batch) -> Array:
    """Return the loss, and what each column of plain numbers that vary costs by itself."""
    total = loss.value(outputs, batch.targets, batch.shares)
    costs, _ = loss.forward(outputs, batch.targets)
    if loss.labels or costs.shape != outputs.shape:
        return np.array([total])
    varies = np.ptp(batch.targets, axis=0) > 0
    return np.array([total, *np.average(costs, axis=0, weights=batch.shares)[varies]])


def _change(optimizer: Optimizer, twin: Network, gradients: Array, **settings: float) -> Array:
    """Return the change that a step of the optimizer would make to the parameters."""
    optimizer, after = copy.deepcopy(optimizer), twin.parameters.copy()
    vars(optimizer).update(settings)
    optimizer.step(after, gradients.copy(), twin.decaying)
    return after - twin.parameters


def _newest_rate(optimizer: Optimizer) -> float:
    """Return the rate, but do not ask a schedule that has begun for more than it was made for."""
    begun = callable(optimizer.learning_rate) and optimizer.step_count
    return optimizer.rate if begun else optimizer.current_rate()


def _idle_shares(layer: Layer, output: Array, kept: Any) -> tuple[float | None, float | None]:
    """Return the shares of saturated outputs and of dead units, None where they mean nothing."""
    if not isinstance(layer, Activation):
        return None, None
    try:
        slope = np.abs(layer.local_derivative(kept))
    except NotImplementedError:  # it has a backward of its own
        return None, None
    if slope.shape != output.shape:  # a softmax, say, whose outputs hang together
        return None, None
    forward = type(layer).forward  # not the one that takes notes
    points = np.linspace(-20, 20, 41)[:, np.newaxis] + 0 * output[0]
    curve = np.abs(layer.local_derivative(forward(layer, points)[1]))
    steepest = curve.max()
    if curve[[0, -1]].max() < FLAT * steepest:
        return float(np.mean(slope < FLAT * steepest)), None
    return None, float(np.mean((slope < OFF * steepest).all(axis=0)))


def _alike(layer: Layer) -> bool:
    """Tell whether all units of a layer do, and will do, the same."""
    if not isinstance(layer, Dense) or layer.out_features == 1:
        return False
    arrays = layer.weight, layer.grad_weight, layer.bias[None], layer.grad_bias[None]
    return all(np.ptp(each, axis=1).max() <= ALIKE * abs(each).max() for each in arrays)


def _worst(shares: list[float | None]) -> float | None:
    """Return the largest share that is known, if any."""
    return max((share for share in shares if share is not None), default=None)


def fresh(network: Network) -> Network:
    """Return a copy at fresh weights, with its optimizer at rest."""
    twin, rng = network.cast(network.dtype), np.random.default_rng(0)
    for place, part in parts_of(twin.layers).items():
        for name, declared in part.declared.items() if place not in network.frozen else ():
            getattr(part, name)[...] = declared.draw(name, rng)
    twin.optimizer.reset(twin.parameters)
    return twin


def try_rate(
    network: Network, batch: Batch, rate: float, factor: float, steps: int = TRIAL_STEPS
) -> Trial:
    """Make more steps on a copy, at so many times the rate; at another one, from rest."""
    twin = network.cast(network.dtype)
    twin.optimizer.learning_rate = factor * rate
    if factor != 1:
        twin.optimizer.reset(twin.parameters)
    return Trial(more_steps(twin, batch, steps), twin)


def more_steps(network: Network, batch: Batch, steps: int) -> list[float]:
    """Make steps, and return the losses before the first and after each."""
    losses: list[float] = []
    count = network.step_count
    for _ in range(steps + 1):
        network.record.views["steps"][()] = count  # the same dropout, so that losses compare
        try:
            losses.append(network.step(batch))
        except DivergenceError:
            return [*losses, math.inf]
    return losses


def ratio(a: float, b: float) -> float:
    """Return a / b, also where b is 0."""
    return a / b if b else math.inf if a else math.nan
