"""What a diagnosis concludes: questions about what was seen, each answered by a finding or none.

The thresholds were found by experiment, on hundreds of healthy networks and of ones made sick
on purpose: `benchmarks/diagnoses.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from itertools import takewhile

import numpy as np

from ..activations import Sigmoid
from ..functions import norm
from ..network import Network
from ..training import Batch
from .health import (
    FLAT,
    TRIAL_STEPS,
    LayerHealth,
    Look,
    Observer,
    Trial,
    ratio,
    targets_vary,
    try_rate,
)

#: From this share of a layer on, saturated outputs are wrong.
SATURATED = 0.7
#: Deep down, where samples look alike, half of n units are dead by chance, give or take 0.5/√n:
#: wrong is more than half by four times that, or the whole layer.
DEAD = 0.5
#: What the first layer gets of the last one's gradient: 1e-6 before ten sigmoids, 0.02 to 70 in
#: healthy networks of up to ten layers. FADING counts if the updates shrink as much: gradient
#: descent then stays on the plateau for thousands of epochs, while Adam enlarges them and learns.
VANISHING, FADING, EXPLODING = 1e-3, 1e-2, 200.0
#: A rate is calm if the loss rises by no more than this part of what guesses cost, and too high
#: if it rises by RISE or more and does not make up for it. Healthy networks rise by at most 0.01,
#: but for RMSProp's first steps.
CALM, RISE = 0.01, 0.1
#: A rate is too low if the steps take away less than this part of the loss, each moves the
#: parameters by less than SMALL_UPDATE of their length (1e-3 is usual), a thousand times the rate
#: is no worse, and a higher one takes away WORTH_WHILE or more. No rate that serves stands that;
#: and one that has taken SERVED of the loss away since training began does serve.
SLOW, SMALL_UPDATE, WORTH_WHILE, SERVED = 0.01, 3.6e-4, 1e-3, 0.1
#: It is at rest if the steps take away less than this part of the loss.
AT_REST = 1e-5
#: A network has learnt, and nothing of all this harms it, if its loss is below this part of what
#: guesses cost, which are its own outputs dealt out at random; or if all targets are alike, the
#: outputs at fresh weights.
LEARNT = 0.1


@dataclass(frozen=True)
class Finding:
    """Something that is wrong: its name, the numbers that show it, and what helps."""

    name: str
    evidence: str
    cure: str

    def __str__(self) -> str:
        return f"{self.name.capitalize()}: {self.evidence} {self.cure}"


@dataclass(frozen=True, eq=False)
class Seen:
    """What the questions are about.

    Attributes
    ----------
    network : Network
        As it is; nothing here changes it.
    batch : Batch
        What it was looked at with.
    look : Look
        What the pass over the batch has shown.
    look_at : callable
        Looks at another state of the network.
    trial : callable or None
        Makes more steps at so many times the rate, and remembers them; None if none may be made.
    """

    network: Network
    batch: Batch
    look: Look
    look_at: Callable[[Network], Look]
    trial: Callable[[float], Trial] | None

    @property
    def layers(self) -> tuple[LayerHealth, ...]:
        """How each layer fares."""
        return self.look.layers

    @property
    def rate(self) -> float:
        """The learning rate."""
        return self.look.rate

    @property
    def learnt(self) -> bool:
        """Whether the loss is far below that of guesses."""
        guessed = self.look.guessed
        known = guessed - (1 - LEARNT) * abs(guessed)  # a loss may be negative
        return self.look.loss <= known < math.inf

    @property
    def ends(self) -> tuple[int, int]:
        """The first and the last layer with a matrix of weights, on which alone decay acts."""
        network = self.network
        found = [i for i, each in enumerate(network.stretches) if network.decaying[each].any()]
        return (found[0], found[-1]) if found else (0, 0)


def see(network: Network, observer: Observer, with_trials: bool) -> Seen:
    """Look at a network as it is now."""
    batch, look = observer.batch, observer.look(network)
    trial = cache(partial(try_rate, network, batch, look.rate)) if with_trials else None
    return Seen(network, batch, look, observer.look, trial)


def findings(seen: Seen) -> tuple[Finding, ...]:
    """Ask all questions, likely causes first."""
    risen = loss_has_risen(seen)
    if risen:
        found = [risen, exploding_gradients(seen)]
    else:
        found = [out_of_range(seen) or exploding_gradients(seen) or rate_too_high(seen)]
    if not seen.learnt:
        dead = dead_units(seen)
        found += [dead, saturated_units(seen), None if dead else vanishing_gradients(seen)]
        if not any(found):
            found.append(rate_too_low(seen))
    return tuple(finding for finding in found if finding)


def loss_has_risen(seen: Seen) -> Finding | None:
    """Ask whether the loss has risen since training began."""
    losses, rates = seen.network.history["loss"], seen.network.history["learning_rate"]
    if not losses or seen.learnt or seen.rate < rates[-1]:  # a lower rate has mended it
        return None
    if not losses[-1] > losses[0] + RISE * min(abs(seen.look.guessed), abs(losses[0])):
        return None
    evidence = (
        f"at {rates[-1]:g} the loss has risen from {losses[0]:.4g} in the first epoch to "
        f"{losses[-1]:.4g} in the last."
    )
    return Finding("learning rate too high", evidence, f"Start again, with {_at(seen, 0.1)}.")


def out_of_range(seen: Seen) -> Finding | None:
    """Ask whether numbers leave the range of floats."""
    loss, sizes = seen.look.loss, [each.gradient_size for each in seen.layers]
    if math.isfinite(loss + sum(sizes)):
        return None
    evidence = f"the loss is {loss:.3g}, the longest gradient {max(sizes):.3g}."
    return Finding("exploding gradients", evidence, _rescaling(seen))


def exploding_gradients(seen: Seen) -> Finding | None:
    """Ask whether gradients grow from layer to layer, and no clipping makes up for it."""
    if seen.learnt or not _growth(seen, seen.layers) > EXPLODING:
        return None
    optimizer = seen.network.optimizer
    if (optimizer.clip_norm or optimizer.clip_value) and (
        seen.trial is None or (_rise(seen, seen.trial(1)) <= CALM and seen.trial(1).fall > 0)
    ):
        return None
    return Finding("exploding gradients", _two_gradients(seen), _rescaling(seen))


def rate_too_high(seen: Seen) -> Finding | None:
    """Ask whether the loss rises in more steps, but not at a lower rate."""
    trial = seen.trial
    if trial is None or not _is_wild(seen, trial(1)):
        return None
    parts = (10.0**-i for i in range(1, 13))
    calm = next((part for part in parts if _rise(seen, trial(part)) <= CALM), 1e-12)
    evidence = (
        f"{TRIAL_STEPS} more steps at {seen.rate:g} take the loss from {seen.look.loss:.4g} up to "
        f"{max(trial(1).losses):.4g}, at {calm * seen.rate:g} to {trial(calm).losses[-1]:.4g}."
    )
    cure = f"Use {_at(seen, calm)}."
    if calm < 0.005:  # so far off, it may not be the rate
        cure = f"{cure} Or: {_rescaling(seen)}"
    return Finding("learning rate too high", evidence, cure)


def dead_units(seen: Seen) -> Finding | None:
    """Ask whether most units of a layer pass nothing on."""
    i, share = _largest([each.dead_share for each in seen.layers])
    units = seen.layers[i].units
    if share < min(DEAD + 2 / math.sqrt(units), 1):
        return None
    return Finding(
        "dead units",
        f"{percent(share)} of the {units} units of {_place(seen, i)} are off for all "
        f"{len(seen.batch.x)} samples, so no gradient passes them.",
        "Use LeakyReLU() for ReLU(), and start biases from Zeros(), weights from He()"
        + _in_training(seen),
    )


def saturated_units(seen: Seen) -> Finding | None:
    """Ask whether most outputs of a layer lie where its activation is flat."""
    i, share = _largest([each.saturated_share for each in seen.layers])
    if share < SATURATED:
        return None
    size = math.sqrt(float(np.mean(seen.batch.x**2)))
    return Finding(
        "saturated units",
        f"{percent(share)} of the outputs of {_place(seen, i)} lie where its slope is below "
        f"{percent(FLAT)} of the largest; X has size {size:.3g}.",
        f"Start the weights from Glorot(), or put BatchNorm({seen.layers[i].units}) before "
        f"{seen.layers[i].layer}; bring X to mean 0 and deviation 1{_in_training(seen)}",
    )


def vanishing_gradients(seen: Seen) -> Finding | None:
    """Ask whether the gradient fades from layer to layer."""
    updates = [seen.layers[i].update_ratio or 0.0 for i in seen.ends]
    limit = FADING if ratio(*updates) < FADING else VANISHING
    growth = _growth(seen, seen.layers)
    if growth == 0 and seen.trial:  # a last layer that starts from zeros passes it on later
        growth = _growth(seen, seen.look_at(seen.trial(1).network).layers)
    if not growth < limit:
        return None
    cure = "Start the weights from He() before ReLU, from Glorot() before others."
    parts = (part for layer in seen.network.layers for part in layer.parts().values())
    if any(isinstance(part, Sigmoid) for part in parts):
        cure = (
            "Use ReLU() for Sigmoid() in hidden layers, with weights from He(), or put "
            f"BatchNorm({seen.layers[seen.ends[0]].units}) after each hidden Dense layer."
        )
    return Finding("vanishing gradients", _two_gradients(seen), cure)


def rate_too_low(seen: Seen) -> Finding | None:
    """Ask whether the loss hardly moves, though a thousand times the rate would do."""
    trial, losses = seen.trial, seen.network.history["loss"]
    scheduled = callable(seen.network.optimizer.learning_rate)
    served = losses and losses[0] - seen.look.loss > SERVED * abs(losses[0])
    if trial is None or scheduled or served or not targets_vary(seen.batch):
        return None
    if seen.rate == 0:
        return Finding("learning rate too low", "it is 0.", "Use 0.01 or so.")
    if not _hardly_moves(seen, trial(1)):
        return None
    rates = (10.0**i for i in range(1, 13))
    tame = list(takewhile(lambda factor: not _is_wild(seen, trial(factor)), rates))
    best = max((trial(factor).fall for factor in tame), default=0)
    if len(tame) < 3 or best < WORTH_WHILE:
        return None
    better = next(factor for factor in tame if trial(factor).fall >= best / 2)
    start, now = trial(1).losses[0], trial(1).losses[-1]
    evidence = (
        f"{TRIAL_STEPS} more steps at {seen.rate:g} take the loss from {start:.4g} to "
        f"{now:.4g}, at {better * seen.rate:g} to {trial(better).losses[-1]:.4g}."
    )
    return Finding("learning rate too low", evidence, f"Use {_at(seen, better)}.")


def health(seen: Seen) -> str:
    """Say why a network without findings seems healthy."""
    if seen.learnt:
        return f"Healthy: it has learnt, as guesses would have a loss of {seen.look.guessed:.4g}."
    if seen.trial is None:
        return "Healthy."
    trial, loss = seen.trial(1), f"{seen.look.loss:.4g}"
    if trial.fall < AT_REST:
        return (
            f"Nothing ails it, but it is at rest: {TRIAL_STEPS} more steps at {seen.rate:g} leave "
            f"the loss at {loss}. That is a minimum, though perhaps not the lowest: another seed "
            "or more units may find a lower one."
        )
    return (
        f"Healthy: {TRIAL_STEPS} more steps at {seen.rate:g} take the loss from {loss} to "
        f"{trial.losses[-1]:.4g}."
    )


# What the questions are made of.


def _rise(seen: Seen, trial: Trial) -> float:
    """Return how far above its start the loss goes, in units of what guesses cost."""
    unit = max(abs(seen.look.guessed), abs(seen.look.loss))
    return ratio(trial.rise, unit) if trial.rise else 0.0


def _is_wild(seen: Seen, trial: Trial) -> bool:
    """Tell whether the loss rises and does not make up for it."""
    return trial.fall < 0.5 and _rise(seen, trial) > max(RISE, 5 * trial.fall)


def _hardly_moves(seen: Seen, trial: Trial) -> bool:
    """Tell whether neither the loss nor the parameters change much."""
    before = seen.network.parameters
    change = norm(trial.network.parameters - before) / TRIAL_STEPS
    return trial.fall <= SLOW and change <= SMALL_UPDATE * max(norm(before), 1)


def _growth(seen: Seen, layers: tuple[LayerHealth, ...]) -> float:
    """Return how many times the last layer's gradient the first one gets."""
    first, last = seen.ends
    return ratio(layers[first].gradient_size, layers[last].gradient_size)


def _largest(shares: list[float | None]) -> tuple[int, float]:
    """Return the place of the largest share, and the share."""
    known = [share or 0.0 for share in shares]
    return int(np.argmax(known)), max(known)


# What their answers are made of.


def _two_gradients(seen: Seen) -> str:
    """Say how the gradients of the first and of the last layer differ."""
    first, last = seen.ends
    a, b = (seen.layers[i].gradient_size for i in (first, last))
    return (
        f"the gradient by the outputs of {_place(seen, last)} has length {b:.2g}, by those of "
        f"{_place(seen, first)} {a:.2g}, which is {ratio(a, b):.2g} times as long."
    )


def _rescaling(seen: Seen) -> str:
    """Name what keeps numbers at a good size."""
    return (
        "Start the weights from He() before ReLU, from Glorot() before others, or put "
        f"BatchNorm({seen.layers[seen.ends[0]].units}) after each hidden Dense layer; give the "
        "optimizer clip_norm=1; bring X, and targets that are not labels, to about 1 in size."
    )


def _in_training(seen: Seen) -> str:
    """Name the cure for what training has done; a later look of Watch knows that it has."""
    condition = "as it came in training" if seen.trial is None else "if it came in training"
    return f"; {condition}, start again with {_at(seen, 0.1)}."


def _at(seen: Seen, factor: float) -> str:
    """Name the optimizer with so many times the present rate."""
    return f"{type(seen.network.optimizer).__name__}(learning_rate={factor * seen.rate:.3g})"


def _place(seen: Seen, i: int) -> str:
    """Name a layer."""
    return f"layers[{i}] {seen.layers[i].layer}"


def percent(share: float) -> str:
    """Return a share in words."""
    return f"{100 * share:.0f} %"
