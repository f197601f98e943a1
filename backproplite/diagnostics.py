"""Whether a network learns, and if not, why not and what helps.

`diagnose` sends a batch forward and back through a copy of the network, lets
copies make some more steps, and says in numbers and in words what it saw; `Watch`
does so during training. The thresholds were found by experiment, on hundreds of
healthy networks and of ones made sick on purpose: `benchmarks/diagnoses.py`.
"""

from __future__ import annotations

import copy
import math
import warnings
from dataclasses import dataclass, replace
from itertools import takewhile
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
#: ±4.4 for a sigmoid, ±2.2 for tanh. From this share of a layer on, that is wrong.
FLAT, SATURATED = 0.05, 0.7
#: A unit is dead if its slope is below this part of the largest for all samples: 0 for a ReLU,
#: never so for a LeakyReLU(0.01). Deep down, where samples look alike, half of n units are by
#: chance, give or take 0.5/√n: wrong is more than half by four times that, or the whole layer.
OFF, DEAD = 1e-4, 0.5
#: What the first layer gets of the last one's gradient: 1e-6 before ten sigmoids, 0.02 to 70 in
#: healthy networks of up to ten layers. FADING counts if the updates shrink as much: gradient
#: descent then stays on the plateau for thousands of epochs, while Adam enlarges them and learns.
VANISHING, FADING, EXPLODING = 1e-3, 1e-2, 200.0
#: A rate is tried for so many steps. It is calm if the loss rises by no more than this part of
#: what guesses cost, and too high if it rises by RISE or more and does not make up for it.
#: Healthy networks rise by at most 0.01, but for RMSProp's first steps.
TRIAL_STEPS, CALM, RISE = 20, 0.01, 0.1
#: A rate is too low if the steps take away less than this part of the loss, each moves the
#: parameters by less than SMALL_UPDATE of their length (1e-3 is usual), a thousand times the rate
#: is no worse, and a higher one takes away WORTH_WHILE or more. No rate that serves stands that;
#: and one that has taken SERVED of the loss away since training began does serve.
SLOW, SMALL_UPDATE, WORTH_WHILE, SERVED = 0.01, 3.6e-4, 1e-3, 0.1
#: It is at rest if the steps take away less than this part of the loss.
AT_REST = 1e-5
#: A network has learnt, and nothing of all this harms it, if its loss is below this part of what
#: guesses cost, which are its own outputs, so many of them, dealt out at random; or if all
#: targets are alike, the outputs at fresh weights.
LEARNT, GUESSES = 0.1, 1000

#: What stands below the table.
LEGEND = """\
outputs: root of the mean square; gradient: length of the derivative of the loss by them, and by the
parameters; update: length of the coming change of the parameters, by their own"""


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
        head = "", "layer", "outputs", "saturated", "dead", "gradient", "by parameters", "update"
        rows = [head, *((str(i), *_cells(each)) for i, each in enumerate(self.layers))]
        a, b, *others = (max(map(len, column)) for column in zip(*rows, strict=True))
        lines = [
            "  ".join([f"{i:{a}}", f"{name:{b}}", *map(str.rjust, cells, others)]).rstrip()
            for i, name, *cells in rows
        ]
        batch = f"{self.loss:.4g} on {self.samples:,} sample{'s'[: self.samples > 1]}"
        return "\n".join([*lines, LEGEND, "", f"The loss is {batch}.", self.verdict])

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
        return _Case(network, _twin(network), _names(network), data, True).diagnosis()


class Watch(Callback):
    """Warn once, with the cure, when training starts to go wrong.

    When `fit` begins, it does what `diagnose` does, which costs as much as some 20
    steps on the batch, or up to 300 if the network is sick. Each later look costs two
    more passes over the batch, forward and back, and a third of a millisecond, which
    is more than an epoch of the smallest networks: there, use `every`. It sees dead
    and saturated units, gradients that vanish or explode, and a loss that has risen.
    It warns once in its life. The run stays the same, to the bit.

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
        self._twin, self._names = _twin(network), _names(network)
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
            case = _Case(network, self._twin, self._names, self._data, with_trials)
            diagnosis = case.diagnosis()
        if diagnosis.findings:
            self.diagnosis = diagnosis
            # Six calls lead from the user's line to here when fit begins, five after an epoch.
            level = 6 if with_trials else 5
            first = diagnosis.findings[0]
            message = f"{first.name} {when}: {first.evidence} {first.cure}"
            warnings.warn(message, TrainingWarning, stacklevel=level)


class _Case:
    """One network with one batch, and the questions that are asked about them."""

    def __init__(
        self, network: Network, twin: Network, names: list[str], data: Data, with_trials: bool
    ) -> None:
        self.network, self.names, self.data = network, names, data
        self.with_trials = with_trials
        self.optimizer, self.history = network.optimizer, network.history
        self.rate = _newest_rate(network.optimizer)
        self.loss, self.guessed, self.layers = self.look(twin)
        self.targets_vary = bool(np.ptp(data[1], axis=0).any())
        if not self.targets_vary:  # then outputs dealt out at random are as good as ever
            self.guessed = _untrained_loss(network, data)
        known = self.guessed - (1 - LEARNT) * abs(self.guessed)  # a loss may be negative
        self.learnt = self.loss <= known < math.inf
        self.first, self.last = _ends(network.layers)
        self.trials: dict[float, list[float]] = {}

    def diagnosis(self) -> Diagnosis:
        """Ask all questions, likely causes first."""
        risen = self.risen()
        found = [risen, self.exploding(bool(risen)) or self.rate_too_high(bool(risen))]
        if not self.learnt:
            dead = self.dead()
            found += [dead, self.saturated(), None if dead else self.vanishing()]
        if not (self.learnt or any(found)):
            found.append(self.rate_too_low())
        findings = tuple(finding for finding in found if finding)
        verdict = "\n".join(map(str, findings)) or self.health()
        return Diagnosis(self.layers, findings, verdict, self.loss, len(self.data[0]))

    # What the questions are made of.

    def look(self, twin: Network) -> tuple[float, float, tuple[LayerHealth, ...]]:
        """Go forward and back; return the loss, what guesses cost, and how each layer fares."""
        x, targets, shares = self.data
        passed = []
        for name, layer in zip(self.names, twin.layers, strict=True):
            x, cache = layer.forward_training(x, twin.rng)
            passed.append((name, layer, x, cache))
        loss, grad = twin.loss.value_and_gradient(x, targets, shares)
        rng = np.random.default_rng(0)
        one, other = (rng.choice(len(x), GUESSES, p=shares) for _ in range(2))
        guessed = float(twin.loss.value(x[one], targets[other]))
        found: list[LayerHealth] = []
        for name, layer, output, cache in reversed(passed):
            sizes = output.shape[-1], math.sqrt(float(np.mean(output * output)))
            gradient_size, idle = norm(grad.ravel()), _idle_shares(layer, output, cache)
            grad = layer.backward(grad, cache)
            by_parameters = norm(layer.block.gradients) if layer.block.shapes else None
            found.append(LayerHealth(name, *sizes, *idle, gradient_size, by_parameters, None))
        ratios = _update_ratios(twin, self.optimizer, self.rate)
        pairs = zip(reversed(found), ratios, strict=True)
        return float(loss), guessed, tuple(replace(each, update_ratio=r) for each, r in pairs)

    def trial(self, factor: float = 1.0) -> list[float]:
        """Return the losses of more steps at so many times the rate; keep the copy if that is 1."""
        if factor not in self.trials:
            self.trials[factor], twin = _more_steps(self.network, self.data, self.rate, factor)
            if factor == 1:
                self.later = twin
        return self.trials[factor]

    def rise(self, factor: float = 1.0) -> float:
        """Return how far above its start the loss goes in them, in units of what guesses cost."""
        losses = self.trial(factor)
        rise = max(losses) - losses[0]
        return _ratio(rise, max(abs(self.guessed), abs(self.loss))) if rise else 0.0

    def fall(self, factor: float = 1.0) -> float:
        """Return which part of the loss they take away."""
        losses = self.trial(factor)
        return (losses[0] - losses[-1]) / abs(losses[0]) if losses[0] else 0.0

    def wild(self, factor: float = 1.0) -> bool:
        """Tell whether the loss rises and does not make up for it."""
        fall = self.fall(factor)
        return fall < 0.5 and self.rise(factor) > max(RISE, 5 * fall)

    def growth(self, layers: tuple[LayerHealth, ...]) -> float:
        """Return how many times the last layer's gradient the first one gets."""
        return _ratio(layers[self.first].gradient_size, layers[self.last].gradient_size)

    def gradients(self) -> str:
        """Say how the gradients of the first and of the last layer differ."""
        (one, a), (other, b) = (
            (self.place(i), self.layers[i].gradient_size) for i in (self.first, self.last)
        )
        return (
            f"the gradient by the outputs of {other} has length {b:.2g}, by those of {one} "
            f"{a:.2g}, which is {_ratio(a, b):.2g} times as long."
        )

    def place(self, i: int) -> str:
        """Name a layer."""
        return f"layers[{i}] {self.layers[i].layer}"

    def at(self, factor: float) -> str:
        """Name the optimizer with so many times the present rate."""
        return f"{type(self.optimizer).__name__}(learning_rate={factor * self.rate:.3g})"

    # The questions.

    def risen(self) -> Finding | None:
        """Ask whether the loss has risen since training began."""
        losses, rates = self.history["loss"], self.history["learning_rate"]
        if not losses or self.learnt or self.rate < rates[-1]:  # a lower rate has mended it
            return None
        if not losses[-1] > losses[0] + RISE * min(abs(self.guessed), abs(losses[0])):
            return None
        evidence = (
            f"at {rates[-1]:g} the loss has risen from {losses[0]:.4g} in the first epoch to "
            f"{losses[-1]:.4g} in the last."
        )
        return Finding("learning rate too high", evidence, f"Start again, with {self.at(0.1)}.")

    def exploding(self, risen: bool) -> Finding | None:
        """Ask whether numbers leave the range of floats, or gradients grow from layer to layer."""
        sizes = [each.gradient_size for each in self.layers]
        if not risen and not math.isfinite(self.loss + sum(sizes)):
            evidence = f"the loss is {self.loss:.3g}, the longest gradient {max(sizes):.3g}."
            return Finding("exploding gradients", evidence, self.rescaling())
        if self.learnt or not self.growth(self.layers) > EXPLODING:
            return None
        clipped = self.optimizer.clip_norm or self.optimizer.clip_value
        if clipped and (not self.with_trials or (self.rise() <= CALM and self.fall() > 0)):
            return None
        return Finding("exploding gradients", self.gradients(), self.rescaling())

    def rescaling(self) -> str:
        """Name what keeps numbers at a good size."""
        return (
            "Start the weights from He() before ReLU, from Glorot() before others, or put "
            f"BatchNorm({self.layers[self.first].units}) after each hidden Dense layer; give the "
            "optimizer clip_norm=1; bring X, and targets that are not labels, to about 1 in size."
        )

    def rate_too_high(self, risen: bool) -> Finding | None:
        """Ask whether the loss rises in more steps, but not at a lower rate."""
        if risen or not self.with_trials or not self.wild():
            return None
        parts = (10.0**-i for i in range(1, 13))
        calm = next((part for part in parts if self.rise(part) <= CALM), 1e-12)
        evidence = (
            f"{TRIAL_STEPS} more steps at {self.rate:g} take the loss from {self.loss:.4g} up to "
            f"{max(self.trial()):.4g}, at {calm * self.rate:g} to {self.trial(calm)[-1]:.4g}."
        )
        cure = f"Use {self.at(calm)}."
        if calm < 0.005:  # so far off, it may not be the rate
            cure = f"{cure} Or: {self.rescaling()}"
        return Finding("learning rate too high", evidence, cure)

    def dead(self) -> Finding | None:
        """Ask whether most units of a layer pass nothing on."""
        shares = [each.dead_share or 0.0 for each in self.layers]
        i, share = int(np.argmax(shares)), max(shares)
        units, samples = self.layers[i].units, len(self.data[0])
        if share < min(DEAD + 2 / math.sqrt(units), 1):
            return None
        return Finding(
            "dead units",
            f"{_percent(share)} of the {units} units of {self.place(i)} are off for all {samples} "
            "samples, so no gradient passes them.",
            "Use LeakyReLU() for ReLU(), and start biases from Zeros(), weights from He()"
            + self.in_training(),
        )

    def saturated(self) -> Finding | None:
        """Ask whether most outputs of a layer lie where its activation is flat."""
        shares = [each.saturated_share or 0.0 for each in self.layers]
        i, share = int(np.argmax(shares)), max(shares)
        if share < SATURATED:
            return None
        size = math.sqrt(float(np.mean(self.data[0] ** 2)))
        return Finding(
            "saturated units",
            f"{_percent(share)} of the outputs of {self.place(i)} lie where its slope is below "
            f"{_percent(FLAT)} of the largest; X has size {size:.3g}.",
            f"Start the weights from Glorot(), or put BatchNorm({self.layers[i].units}) before "
            f"{self.layers[i].layer}; bring X to mean 0 and deviation 1{self.in_training()}",
        )

    def in_training(self) -> str:
        """Name the cure for what training has done; a later look of Watch knows that it has."""
        condition = "if it came in training" if self.with_trials else "as it came in training"
        return f"; {condition}, start again with {self.at(0.1)}."

    def vanishing(self) -> Finding | None:
        """Ask whether the gradient fades from layer to layer."""
        updates = [self.layers[i].update_ratio or 0.0 for i in (self.first, self.last)]
        limit = FADING if _ratio(*updates) < FADING else VANISHING
        growth = self.growth(self.layers)
        if growth == 0 and self.with_trials:  # a last layer that starts from zeros passes it later
            self.trial()
            growth = self.growth(self.look(self.later)[2])
        if not growth < limit:
            return None
        cure = "Start the weights from He() before ReLU, from Glorot() before others."
        if any(isinstance(layer, Sigmoid) for layer in self.network.layers):
            cure = (
                "Use ReLU() for Sigmoid() in hidden layers, with weights from He(), or put "
                f"BatchNorm({self.layers[self.first].units}) after each hidden Dense layer."
            )
        return Finding("vanishing gradients", self.gradients(), cure)

    def rate_too_low(self) -> Finding | None:
        """Ask whether the loss hardly moves, though a thousand times the rate would do."""
        scheduled, losses = callable(self.optimizer.learning_rate), self.history["loss"]
        served = losses and losses[0] - self.loss > SERVED * abs(losses[0])
        if scheduled or served or not (self.with_trials and self.targets_vary):
            return None
        if self.rate == 0:
            return Finding("learning rate too low", "it is 0.", "Use 0.01 or so.")
        start, now = self.trial()[0], self.trial()[-1]
        change = norm(self.later.parameters - self.network.parameters) / TRIAL_STEPS
        if self.fall() > SLOW or change > SMALL_UPDATE * max(norm(self.network.parameters), 1):
            return None
        tame = list(takewhile(lambda f: not self.wild(f), (10.0**i for i in range(1, 13))))
        best = max(map(self.fall, tame), default=0)
        if len(tame) < 3 or best < WORTH_WHILE:
            return None
        better = next(factor for factor in tame if self.fall(factor) >= best / 2)
        evidence = (
            f"{TRIAL_STEPS} more steps at {self.rate:g} take the loss from {start:.4g} to "
            f"{now:.4g}, at {better * self.rate:g} to {self.trial(better)[-1]:.4g}."
        )
        return Finding("learning rate too low", evidence, f"Use {self.at(better)}.")

    def health(self) -> str:
        """Say why the network seems healthy."""
        if self.learnt:
            return f"Healthy: it has learnt, as guesses would have a loss of {self.guessed:.4g}."
        if not self.with_trials:
            return "Healthy."
        if self.fall() < AT_REST:
            return (
                f"Nothing ails it, but it is at rest: {TRIAL_STEPS} more steps at "
                f"{self.rate:g} leave the loss at {self.loss:.4g}. That is a minimum, though "
                "perhaps not the lowest: another seed or more units may find a lower one."
            )
        return (
            f"Healthy: {TRIAL_STEPS} more steps at {self.rate:g} take the loss from "
            f"{self.loss:.4g} to {self.trial()[-1]:.4g}."
        )


def _twin(network: Network) -> Network:
    """Return a copy, without the history, which may be long."""
    return copy.deepcopy(network, {id(network.history): {}})


def _untrained_loss(network: Network, data: Data) -> float:
    """Return the loss at fresh weights."""
    twin, rng = _twin(network), np.random.default_rng(0)
    for layer in twin.layers:
        layer.block.values[...] = layer.block.fresh_values(rng)
    return float(twin.loss.value(twin._forward_training(data[0])[0], *data[1:]))


def _names(network: Network) -> list[str]:
    """Return how each layer is printed: finding that out takes longer than a small layer's pass."""
    return [repr(layer) for layer in network.layers]


def _newest_rate(optimizer: Optimizer) -> float:
    """Return the rate, but do not ask a schedule that has begun for more than it was made for."""
    begun = callable(optimizer.learning_rate) and optimizer.step_count
    return optimizer.rate if begun else optimizer.current_rate()


def _more_steps(
    network: Network, data: Data, rate: float, factor: float
) -> tuple[list[float], Network]:
    """Make more steps on a copy; at another rate than the present one, from rest."""
    twin, losses = _twin(network), []
    twin.optimizer.learning_rate = factor * rate
    if factor != 1:
        twin.optimizer.reset(twin.parameters)
    for _ in range(TRIAL_STEPS + 1):
        twin.rng = copy.deepcopy(network.rng)  # the same dropout each time, so that losses compare
        try:
            losses.append(twin._step(*data))
        except DivergenceError:
            losses.append(math.inf)
            break
    return losses, twin


def _update_ratios(twin: Network, optimizer: Optimizer, rate: float) -> list[float | None]:
    """Return the length of the coming update by that of the parameters, for each layer."""
    optimizer, after = copy.deepcopy(optimizer), twin.parameters.copy()
    optimizer.learning_rate = rate
    optimizer.step(after, twin.gradients.copy(), twin._decaying)
    change, start = after - twin.parameters, 0
    ratios: list[float | None] = []
    for values in (layer.block.values for layer in twin.layers):
        stop = start + values.size
        ratios.append(_ratio(norm(change[start:stop]), norm(values)) if values.size else None)
        start = stop
    return ratios


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


def _ends(layers: tuple[Layer, ...]) -> tuple[int, int]:
    """Return the first and the last layer with a matrix of weights."""
    shapes = (layer.block.shapes.values() for layer in layers)
    found = [i for i, each in enumerate(shapes) if any(len(shape) > 1 for shape in each)] or [0]
    return found[0], found[-1]


def _cells(each: LayerHealth) -> list[str]:
    """Return a layer's numbers as they stand in the table."""
    shares = ("" if s is None else _percent(s) for s in (each.saturated_share, each.dead_share))
    lengths = each.gradient_size, each.parameter_gradient_size, each.update_ratio
    written = ("" if length is None else f"{length:.1e}" for length in lengths)
    return [each.layer, f"{each.output_size:.3g}", *shares, *written]


def _ratio(a: float, b: float) -> float:
    return a / b if b else math.inf if a else math.nan


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
