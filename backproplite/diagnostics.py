"""Whether a network learns, and if not, why not and what helps.

`diagnose` sends a batch forward and back through a copy of the network, lets
copies make some more steps, and says in numbers and in words what it saw; `Watch`
does so during training. The thresholds come from hundreds of networks, healthy
ones and ones made sick on purpose, that `benchmarks/diagnoses.py` trains again.
"""

from __future__ import annotations

import copy
import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from .activations import Activation, Sigmoid
from .checks import Array, whole_number
from .errors import DivergenceError, ParameterError
from .functions import norm
from .layers import Layer
from .network import Data, Network
from .optimizers import Optimizer
from .training import Callback

#: An output is saturated where the slope is below this part of the activation's largest: beyond
#: ±4.4 for a sigmoid, ±2.2 for tanh. That is wrong from this share of a layer on.
FLAT, SATURATED = 0.05, 0.7
#: A unit is dead if its slope is below this part of the largest for every sample: 0 for a ReLU,
#: never so for a LeakyReLU(0.01). That is wrong from this share of a layer on.
OFF, DEAD = 1e-4, 0.5
#: What the first layer gets of the last one's gradient: 1e-6 behind ten sigmoids, 0.02 to 70 in
#: healthy networks of up to ten layers. The middle number counts if the updates shrink as much,
#: as in gradient descent, which stays on the plateau then; Adam enlarges them, and learns.
VANISHING, FADING, EXPLODING = 1e-3, 1e-2, 200.0
#: A rate is tried for so many steps. It is good if the loss rises by no more than the first part
#: of what guesses cost, and too high from the second part on; healthy networks stay below 0.01.
TRIAL_STEPS, CALM, RISE = 20, 0.01, 0.1
#: A rate is too low if the steps take away less than the first part of the loss, each moves no
#: layer by more than the second part of its size (1e-3 is usual), and a thousand times the rate
#: is good still, and takes away the third part at least. No rate that serves stands that.
SLOW, SMALL_UPDATE, WORTH_WHILE = 0.01, 5e-4, 1e-3
#: A network has learnt, and what it has of all this does no harm, if its loss is below this part
#: of what guesses cost: its own outputs, dealt out to the samples at random.
LEARNT, GUESSES = 0.1, 1000


class TrainingWarning(UserWarning):
    """Training starts to go wrong; the message says how, with the numbers, and the cure."""


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


@dataclass(frozen=True)
class Finding:
    """Something that is wrong: its name, the numbers that show it, and what helps."""

    name: str
    evidence: str
    cure: str

    def __str__(self) -> str:
        return f"{self.name.capitalize()}: {self.evidence} {self.cure}"


@dataclass(frozen=True)
class Diagnosis:
    """What `diagnose` found; `print` it for a table and the verdict.

    Attributes
    ----------
    layers : tuple of LayerHealth
        In the order of the network.
    findings : tuple of Finding
        The likely cause first; none if the network is healthy.
    verdict : str
        The findings in sentences, or why the network seems healthy.
    loss : float
        The training loss of the batch.
    samples : int
        How many samples the batch has.
    """

    layers: tuple[LayerHealth, ...]
    findings: tuple[Finding, ...]
    verdict: str
    loss: float
    samples: int

    @property
    def healthy(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def __str__(self) -> str:
        rows = [
            ("", "layer", "outputs", "saturated", "dead", "gradient", "by parameters", "update")
        ] + [
            (
                str(i),
                each.layer,
                _written(each.output_size),
                _percent(each.saturated_share),
                _percent(each.dead_share),
                _written(each.gradient_size),
                _written(each.parameter_gradient_size),
                _written(each.update_ratio),
            )
            for i, each in enumerate(self.layers)
        ]
        a, b, *others = (max(map(len, column)) for column in zip(*rows, strict=True))
        lines = [
            "  ".join([f"{i:{a}}", f"{j:{b}}", *map(str.rjust, numbers, others)]).rstrip()
            for i, j, *numbers in rows
        ]
        plural = "s" if self.samples > 1 else ""
        return "\n".join(
            [*lines, f"loss {self.loss:.4g} on {self.samples:,} sample{plural}", "", self.verdict]
        )

    __repr__ = __str__


def diagnose(network: Network, X: object, y: object, sample_weight: object = None) -> Diagnosis:
    """Tell whether a network learns, and if not, why not and what helps.

    It looks at one training pass over the batch, and at what the loss does in 20
    more steps on it. All that happens on copies: the network stays as it is. Give
    it all the training data, or at least some dozens of samples.

    The findings are "exploding gradients", "learning rate too high", "dead units",
    "saturated units", "vanishing gradients" and "learning rate too low" (not said
    of a schedule, whose low ends are meant).

    Parameters
    ----------
    network : Network
        At any stage of its training.
    X, y, sample_weight
        As for `fit`.

    Returns
    -------
    Diagnosis
        Sizes, shares and ratios by layer, and the findings.

    Raises
    ------
    ShapeError, InputError
        If the data cannot be used.
    ParameterError
        If it is not a network, or its optimizer has been given to another one.

    Examples
    --------
    >>> import backproplite as bp
    >>> X, y = bp.datasets.moons()
    >>> layers = [bp.Dense(2, 8, bias_initializer=bp.Constant(-10)), bp.ReLU(), bp.Dense(8, 1)]
    >>> diagnosis = diagnose(bp.Network(layers, bp.SigmoidCrossEntropy(), seed=0), X, y)
    >>> diagnosis.healthy, diagnosis.findings[0].name, diagnosis.layers[1].dead_share
    (False, 'dead units', 1.0)

    References
    ----------
    Glorot, Bengio: Understanding the difficulty of training deep feedforward
    neural networks, 2010.
    """
    if not isinstance(network, Network):
        raise ParameterError(f"network must be a Network; got {type(network).__name__}.")
    network._check_optimizer()
    data = network._checked(X, y, sample_weight)
    with np.errstate(all="ignore"):
        return _Case(network, _twin(network), data, with_trials=True).diagnosis()


class Watch(Callback):
    """Warn once, with the cure, when training starts to go wrong.

    When `fit` begins, it does what `diagnose` does, which costs about 20 steps on
    the batch, and 100 if the network is sick. Each later look costs two more passes
    over the batch, forward and back: it sees dead and saturated units, gradients
    that vanish or explode, and a loss that has risen. The run stays the same, to the bit.

    Parameters
    ----------
    X, y
        The batch to look at; some dozens of the training samples will do.
    every : int
        Look after each epoch whose number is a multiple of this.

    Attributes
    ----------
    diagnosis : Diagnosis or None
        The one that it warned of; None as long as all is well.

    Raises
    ------
    ParameterError
        If `every` is not a whole number of at least 1.
    ShapeError, InputError
        When `fit` begins, if the network cannot use the data.

    Examples
    --------
    >>> import backproplite as bp
    >>> X, y = bp.datasets.xor()
    >>> layers = [bp.Dense(2, 4), bp.Sigmoid(), bp.Dense(4, 1), bp.Sigmoid()]
    >>> network = bp.Network(layers, bp.MeanSquaredError(), bp.GradientDescent(0.5), seed=42)
    >>> watch = Watch(X, y, every=100)
    >>> network = network.fit(X, y, epochs=1000, callbacks=watch)
    >>> watch.diagnosis is None
    True
    """

    def __init__(self, X: object, y: object, every: int = 1) -> None:
        self.every = whole_number("every", every, 1)
        self._batch = X, y
        self.diagnosis: Diagnosis | None = None

    def start(self, network: Network) -> None:
        """Diagnose the network as it is before training."""
        self._data = network._checked(*self._batch, None, of="watched ")
        self._twin = _twin(network)
        self._look(network, "before training", with_trials=True)

    def __call__(self, network: Network) -> None:
        """Look at the network after an epoch."""
        if network.epoch_count % self.every == 0:
            self._look(network, f"after epoch {network.epoch_count}", with_trials=False)

    def _look(self, network: Network, when: str, with_trials: bool) -> None:
        if self.diagnosis is not None:
            return
        self._twin.restore(network.snapshot())
        with np.errstate(all="ignore"):
            diagnosis = _Case(network, self._twin, self._data, with_trials).diagnosis()
        if diagnosis.findings:
            self.diagnosis = diagnosis
            warnings.warn(f"{when}: {diagnosis.findings[0]}", TrainingWarning, stacklevel=4)


class _Case:
    """One network with one batch, and the questions that are asked about them."""

    def __init__(self, network: Network, twin: Network, data: Data, with_trials: bool) -> None:
        self.network, self.data, self.with_trials = network, data, with_trials
        self.optimizer, self.history = network.optimizer, network.history
        self.rate = _newest_rate(network.optimizer)
        self.loss, self.guessed, self.layers = _look(twin, self.optimizer, self.rate, data)
        self.targets_vary = bool(np.ptp(data[1], axis=0).any())
        if self.history["loss"] and not self.targets_vary:  # a guess is as good as knowledge then
            self.guessed = self.history["loss"][0]
        self.learnt = self.loss <= LEARNT * self.guessed < math.inf
        #: First and last layer with weights, and where the gradient is compared there.
        self.ends = _ends(network.layers)
        self._trials: dict[float, tuple[list[float], Network]] = {}

    def diagnosis(self) -> Diagnosis:
        """Ask all questions, likely causes first."""
        found = [self.exploding() or self.rate_too_high()]
        if not self.learnt:
            dead = self.dead()
            found += [dead, self.saturated(), None if dead else self.vanishing()]
        if not (self.learnt or any(found)):
            found += [self.rate_too_low()]
        findings = tuple(finding for finding in found if finding)
        verdict = "\n".join(map(str, findings)) or self.health()
        return Diagnosis(self.layers, findings, verdict, self.loss, len(self.data[0]))

    def trial(self, factor: float = 1.0) -> tuple[list[float], Network]:
        """Return the losses of more steps at so many times the rate, and the copy after them."""
        if factor not in self._trials:
            self._trials[factor] = _more_steps(self.network, self.data, self.rate, factor)
        return self._trials[factor]

    def rise(self, factor: float = 1.0) -> float:
        """Return how far above its start the loss goes in them, in units of what guesses cost."""
        losses = self.trial(factor)[0]
        rise = max(losses) - losses[0]
        return rise / max(abs(self.guessed), abs(self.loss)) if rise else 0.0

    def fall(self, factor: float = 1.0) -> float:
        """Return which part of the loss they take away."""
        losses = self.trial(factor)[0]
        return 1 - losses[-1] / losses[0] if losses[0] else 0.0

    def growth(self, layers: tuple[LayerHealth, ...]) -> float:
        """Return how many times the last layer's gradient the first one gets."""
        (_, first), (_, last) = self.ends
        return _ratio(layers[first].gradient_size, layers[last].gradient_size)

    def exploding(self) -> Finding | None:
        """Numbers out of range, or a gradient that grows from layer to layer."""
        growth, sizes = self.growth(self.layers), [each.gradient_size for each in self.layers]
        name = "exploding gradients"
        cure = (
            "Start the weights from He() before ReLU, from Glorot() before others, or put "
            f"BatchNorm({self.layers[self.ends[0][0]].units}) after each hidden Dense layer; "
            "clip_norm=1 in the optimizer keeps its steps short."
        )
        if not math.isfinite(self.loss + sum(sizes)):
            evidence = f"the loss is {self.loss:g}, the longest gradient {max(sizes):g}."
            return Finding(name, evidence, f"{cure} Inputs and targets should be about 1 in size.")
        clipped = self.optimizer.clip_norm or self.optimizer.clip_value
        if growth > EXPLODING and not self.learnt and not (clipped and self.falls()):
            return Finding(name, self.compared("larger"), cure)
        if self.with_trials and self.wild() and self.calm_factor() is None:
            losses = self.trial(0.0001)[0]
            return Finding(
                name,
                f"even at {0.0001 * self.rate:g}, a ten-thousandth of the learning rate, the loss "
                f"goes from {losses[0]:.4g} to {max(losses):.4g} in {TRIAL_STEPS} steps.",
                cure,
            )
        return None

    def falls(self) -> bool:
        """Whether the loss goes down at the present rate, as far as that has been looked into."""
        return not self.with_trials or (self.rise() <= CALM and self.fall() > SLOW)

    def compared(self, how: str) -> str:
        """Say how the gradients by the first and by the last layer's output differ."""
        (_, first), (_, last) = self.ends
        a, b = self.layers[first].gradient_size, self.layers[last].gradient_size
        return (
            f"the gradient by the output of {self.place(first)} has length {a:.2g}, that of "
            f"{self.place(last)} {b:.2g}: it gets {how} on its way back, {_ratio(a, b):.2g} times."
        )

    def place(self, i: int) -> str:
        """Name a layer."""
        return f"layers[{i}] {self.layers[i].layer}"

    def calm_factor(self) -> float | None:
        """Return the largest part of the rate at which the loss does not rise."""
        return next((f for f in (0.1, 0.01, 0.001, 0.0001) if self.rise(f) <= CALM), None)

    def wild(self, factor: float = 1.0) -> bool:
        """Whether the loss rises and does not make up for it: RMSProp's first steps may jump."""
        return self.rise(factor) > max(RISE, 5 * self.fall(factor)) and self.fall(factor) < 0.5

    def rate_too_high(self) -> Finding | None:
        """A loss that has risen, or rises in some more steps, but not at a lower rate."""
        name, losses, rates = (
            "learning rate too high",
            self.history["loss"],
            self.history["learning_rate"],
        )
        if losses and self.rate >= rates[-1] and losses[-1] > losses[0] + RISE * self.guessed:
            return Finding(
                name,
                f"at {self.rate:g} the loss has risen from {losses[0]:.4g} in the first epoch to "
                f"{losses[-1]:.4g} in the last.",
                f"Start again from fresh weights with {self.at(0.1)}.",
            )
        if not self.with_trials or not self.wild() or (calm := self.calm_factor()) is None:
            return None
        wild, tame = self.trial()[0], self.trial(calm)[0]
        evidence = (
            f"in {TRIAL_STEPS} more steps at {self.rate:g} the loss goes from {wild[0]:.4g} up to "
            f"{max(wild):.4g}; at {calm * self.rate:g} it goes to {tame[-1]:.4g}."
        )
        return Finding(name, evidence, f"Use {self.at(calm)}.")

    def at(self, factor: float) -> str:
        """Name the optimizer with so many times the present rate."""
        return f"{type(self.optimizer).__name__}(learning_rate={factor * self.rate:.3g})"

    def dead(self) -> Finding | None:
        """A layer most of whose units pass nothing on."""
        samples = len(self.data[0])
        share, i = max(((each.dead_share or 0.0, i) for i, each in enumerate(self.layers)))
        units = self.layers[i].units
        if share < min(DEAD + 2 / math.sqrt(units), 1):  # half may be off by chance, deep down
            return None
        return Finding(
            "dead units",
            f"{share:.0%} of the {units} units of {self.place(i)} are off for all {samples} "
            "samples, so that no gradient passes them.",
            "Use LeakyReLU() for ReLU(), start biases from Zeros() and weights from He(); if they "
            f"died in training, start again with {self.at(0.1)}.",
        )

    def saturated(self) -> Finding | None:
        """A layer most of whose outputs lie where the activation is flat."""
        share, i = max(((each.saturated_share or 0.0, i) for i, each in enumerate(self.layers)))
        if share < SATURATED:
            return None
        units, size = self.layers[i].units, math.sqrt(float(np.mean(self.data[0] ** 2)))
        return Finding(
            "saturated units",
            f"{share:.0%} of the outputs of {self.place(i)} lie where it is flat: its slope is "
            f"below {FLAT:.0%} of the largest. X has size {size:.3g}.",
            f"Start the weights from Glorot(), or put BatchNorm({units}) before "
            f"{self.layers[i].layer}; bring X to mean 0 and deviation 1; if it came in training, "
            f"start again with {self.at(0.1)}.",
        )

    def vanishing(self) -> Finding | None:
        """A gradient that fades from layer to layer, now and after some more steps."""
        (a, _), (b, _) = self.ends
        updates = _ratio(self.layers[a].update_ratio or 0.0, self.layers[b].update_ratio or 0.0)
        limit = FADING if updates < FADING else VANISHING
        if not self.growth(self.layers) < limit:
            return None
        if self.with_trials and self.growth(self.layers) == 0:  # as behind a last layer of zeros
            later = _look(self.trial()[1], self.optimizer, self.rate, self.data)[2]
            if not self.growth(later) < limit:
                return None
        units = self.layers[a].units
        activations = [layer for layer in self.network.layers if isinstance(layer, Sigmoid)]
        cure = f"Put BatchNorm({units}) after each hidden Dense layer, or "
        cure += (
            "use ReLU() for Sigmoid() in between, with weights from He()."
            if activations
            else "start the weights from He() before ReLU, from Glorot() before others."
        )
        return Finding("vanishing gradients", self.compared("smaller"), cure)

    def rate_too_low(self) -> Finding | None:
        """A loss that hardly moves, though a thousand times the rate would be good."""
        if not self.with_trials or callable(self.optimizer.learning_rate) or not self.targets_vary:
            return None
        name = "learning rate too low"
        if self.rate == 0:
            return Finding(name, "it is 0.", "Use a rate such as 0.01.")
        change = norm(self.trial()[1].parameters - self.network.parameters)
        update = change / TRIAL_STEPS / max(norm(self.network.parameters), 1)
        if update > SMALL_UPDATE or self.fall() > SLOW:
            return None
        if max(map(self.rise, (10, 100))) > CALM or self.wild(1000):
            return None
        if self.fall(1000) < WORTH_WHILE:
            return None
        better = next(f for f in (10, 100, 1000) if self.fall(f) > self.fall(1000) / 2)
        evidence = (
            f"{TRIAL_STEPS} more steps at {self.rate:g} lower the loss by "
            f"{self.fall():.2g} of itself, at {better * self.rate:g} by {self.fall(better):.2g}."
        )
        return Finding(name, evidence, f"Use {self.at(better)}.")

    def health(self) -> str:
        """Say why the network seems healthy."""
        if self.learnt:
            return (
                f"Healthy: the loss is {self.loss / self.guessed:.1%} of the "
                f"{self.guessed:.4g} that guesses would cost, so the network has learnt."
            )
        if not self.with_trials:
            return "Healthy."
        end = self.trial()[0][-1]
        return (
            f"Healthy: {TRIAL_STEPS} more steps at {self.rate:g} take the loss from "
            f"{self.loss:.4g} to {end:.4g}."
        )


def _twin(network: Network) -> Network:
    """Return a copy that has forgotten its history, which may be long."""
    return copy.deepcopy(network, {id(network.history): {}})


def _newest_rate(optimizer: Optimizer) -> float:
    """Return the rate; a schedule that has begun is not asked for more than it has given."""
    begun = callable(optimizer.learning_rate) and optimizer.step_count
    return optimizer.rate if begun else optimizer.current_rate()


def _more_steps(
    network: Network, data: Data, rate: float, factor: float
) -> tuple[list[float], Network]:
    """Make more steps on a copy, from rest if the rate is another one."""
    twin, losses = _twin(network), []
    twin.optimizer.learning_rate = factor * rate
    if factor != 1:
        twin.optimizer.reset(twin.parameters)
    for _ in range(TRIAL_STEPS + 1):
        twin.rng = copy.deepcopy(network.rng)  # the same dropout in all, so that losses compare
        try:
            losses.append(twin._step(*data)[0])
        except DivergenceError:
            losses.append(math.inf)
            break
    return losses, twin


def _look(
    twin: Network, optimizer: Optimizer, rate: float, data: Data
) -> tuple[float, float, tuple[LayerHealth, ...]]:
    """Go forward and back; return the loss, what guesses would cost, and how each layer fares."""
    x, targets, shares = data
    outputs, caches, sizes = [], [], []
    for layer in twin.layers:
        x, cache = layer.forward_training(x, twin.rng)
        outputs.append(x)
        caches.append(cache)
    loss, grad = twin.loss.value_and_gradient(x, targets, shares)
    for layer, cache in zip(reversed(twin.layers), reversed(caches), strict=True):
        sizes.append(norm(grad.ravel()))
        grad = layer.backward(grad, cache)
    rng = np.random.default_rng(0)
    one, other = (rng.choice(len(x), GUESSES, p=shares) for _ in range(2))
    guessed = float(twin.loss.value(x[one], targets[other]))
    updates = iter(_updates(twin, optimizer, rate))
    layers = tuple(
        LayerHealth(
            repr(layer),
            output.shape[-1],
            math.sqrt(float(np.mean(output * output))),
            *_idle_shares(layer, output, cache),
            size,
            norm(layer.block.gradients) if layer.block.shapes else None,
            next(updates) if layer.block.shapes else None,
        )
        for layer, output, cache, size in zip(
            twin.layers, outputs, caches, reversed(sizes), strict=True
        )
    )
    return float(loss), guessed, layers


def _updates(twin: Network, optimizer: Optimizer, rate: float) -> list[float]:
    """Return the size of the next update by that of the parameters, where there are any."""
    optimizer, after = copy.deepcopy(optimizer), twin.parameters.copy()
    optimizer.learning_rate = rate
    optimizer.step(after, twin.gradients.copy(), twin._decaying)
    change, ratios, start = after - twin.parameters, [], 0
    for values in (layer.block.values for layer in twin.layers if layer.block.shapes):
        ratios.append(_ratio(norm(change[start : start + values.size]), norm(values)))
        start += values.size
    return ratios


def _idle_shares(layer: Layer, output: Array, cache: Any) -> tuple[float | None, float | None]:
    """Return the shares of saturated outputs and of dead units; None where they mean nothing."""
    if not isinstance(layer, Activation):
        return None, None
    try:
        slope = np.abs(layer.local_derivative(cache))
    except NotImplementedError:
        return None, None
    if slope.shape != output.shape:  # as in a softmax, whose outputs hang together
        return None, None
    curve = np.abs(layer.derivative(np.linspace(-20, 20, 401)))
    if max(curve[0], curve[-1]) < FLAT * curve.max():
        return float(np.mean(slope < FLAT * curve.max())), None
    return None, float(np.mean((slope < OFF * curve.max()).all(axis=0)))


def _ends(layers: tuple[Layer, ...]) -> list[tuple[int, int]]:
    """Return the first and last layer with a matrix of weights, each with its normalisation."""
    found = []
    for i, layer in enumerate(layers):
        if any(len(shape) > 1 for shape in layer.block.shapes.values()):
            found.append((i, i))
        elif layer.block.shapes and found and found[-1][1] == i - 1:
            found[-1] = found[-1][0], i
    return [found[0], found[-1]] if found else [(0, 0), (0, 0)]


def _ratio(a: float, b: float) -> float:
    return a / b if b else math.inf if a else math.nan


def _written(size: float | None) -> str:
    return "" if size is None else f"{size:.2e}"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"
