"""What a diagnosis concludes: questions about a look, each answered by a finding or none.

The thresholds were found by experiment, on hundreds of healthy networks and of ones made sick
on purpose: `benchmarks/diagnoses.py`.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from itertools import pairwise, takewhile

import numpy as np

from ..activations import Activation, Identity, Sigmoid, Tanh
from ..checks import Array
from ..functions import norm
from ..layers import BatchNorm, Dense, Dropout, Layer
from ..losses import MeanSquaredError
from ..network import Network
from ..optimizers import Adam
from ..scaling import Standardize
from ..training import Batch
from .health import FLAT, TRIAL_STEPS, Look, Observer, Trial, fresh, more_steps, ratio

#: From this share of a layer on, saturated outputs are wrong.
SATURATED = 0.7
#: Deep down, where samples look alike, half of n units are dead by chance, give or take 0.5/√n:
#: wrong is more than half by four times that, or the whole layer.
DEAD = 0.5
#: What the first layer gets of the last one's gradient: 1e-6 before ten sigmoids, 0.02 to 70 in
#: healthy networks of up to ten layers. FADING counts if the updates shrink as much: gradient
#: descent then stays on the plateau for thousands of epochs, while Adam enlarges them and learns.
VANISHING, FADING, EXPLODING = 1e-3, 1e-2, 200.0
#: A rate is calm if the loss rises by no more than this part of what a constant costs, and too
#: high if it rises by RISE or more and neither makes up for it, nor in LONG steps does better than
#: a lower rate. Healthy networks rise by at most 0.01, but for the first steps of Adam and RMSProp.
CALM, RISE, LONG = 0.01, 0.1, 100
#: A rate is too low if the steps take away less than this part of the loss, each moves the
#: parameters by less than SMALL_UPDATE of their length (1e-3 is usual), a thousand times the rate
#: is no worse, and a higher one takes away WORTH_WHILE or more. No rate that serves stands that;
#: and one that has taken SERVED of the loss away since training began does serve.
SLOW, SMALL_UPDATE, WORTH_WHILE, SERVED = 0.01, 3.6e-4, 1e-3, 0.1
#: It is at rest if the steps take away less than this part of the loss, and the gradients of the
#: samples cancel to less than CANCELLED.
AT_REST, CANCELLED = 1e-5, 0.01
#: From inputs of this size on, copies scaled to about 1 learn more: of 30, Adam leaves a fifth of
#: what a constant costs, of 60 a half, of 100 more than all. Smaller than SMALL, neither inputs nor
#: targets are learnt from.
LARGE_INPUTS, SMALL = 50.0, 1e-3
#: Targets of this size are not learnt, of FAR or more only if they can be reached. Columns may
#: differ in deviation by UNLIKE.
LARGE, FAR, UNLIKE = 1e3, 10.0, 30.0
#: Copies that try another network or weight decay make so many steps on so many samples; from
#: FEW samples on, the other network is judged by those that it has not seen.
COPY_STEPS, COPY_SAMPLES, FEW = 300, 500, 40
#: How much better that must be, or how much worse a score, in units of what a constant costs.
CLEARLY = 0.1
#: These change nothing but the scale of things: two Dense layers with them between are one.
LINEAR = Dense, BatchNorm, Dropout, Identity, Standardize


@dataclass(frozen=True)
class Finding:
    """Something that is wrong: its name, the numbers that show it, and what helps."""

    name: str
    evidence: str
    cure: str

    def __str__(self) -> str:
        return f"{self.name[0].upper()}{self.name[1:]}: {self.evidence} {self.cure}"


def findings(seen: Look) -> tuple[Finding, ...]:
    """Ask all questions, likely causes first; what may follow from a cause is not asked then.

    A look while it trains asks only what training changes.
    """
    groups = (OF_THE_TASK, OF_TRAINING, OF_ITS_END) if seen.trial else (OF_TRAINING,)
    for questions in groups:
        asked = [each for each in questions if not seen.learnt or each in EVEN_IF_LEARNT]
        found = tuple(finding for finding in (each(seen) for each in asked) if finding)
        if found:
            return found
    return ()


# Data, layers and settings that do not suit each other.


def scale_of_inputs(seen: Look) -> Finding | None:
    """Ask whether inputs are far from 1 in size, and nothing brings them there."""
    sizes = np.sqrt(np.mean(seen.batch.x.astype(np.float64) ** 2, axis=0))
    column, size = sizes.argmax(), sizes.max()
    scaled = isinstance(seen.network.layers[0], (BatchNorm, Standardize))
    if SMALL <= size <= LARGE_INPUTS or size == 0 or scaled:
        return None
    evidence = f"column {column} of X has size {size:.3g}, where about 1 is wanted."
    return Finding("scale of X", evidence, "Begin the network with Standardize.of(X).")


def scale_of_targets(seen: Look) -> Finding | None:
    """Ask whether targets are too large, too small, or too unlike, to be learnt."""
    targets = seen.batch.targets.astype(np.float64)
    means, deviations = targets.mean(axis=0), targets.std(axis=0)
    size, spread = max(abs(means).max(), deviations.max()), deviations[deviations > 0]
    if seen.network.loss.labels or not spread.size or outputs_out_of_reach(seen):
        return None
    unlike = spread.max() > UNLIKE * spread.min()
    far = size > FAR and seen.loss > 2 * seen.constant and _fall(seen) < SLOW
    if not (unlike or far or size > LARGE or spread.max() < SMALL):
        return None
    shown = (", ".join(f"{each:.4g}" for each in numbers[:4]) for numbers in (means, deviations))
    why = "the largest hide the others" if unlike else "about 0 and 1 are wanted"
    evidence = "y has mean {} and deviation {}, where {}.".format(*shown, why)
    inner = seen.network.loss.parts()[-1]
    loss = "" if type(inner) is MeanSquaredError else f", {inner!r}"
    return Finding("scale of y", evidence, f"Let the loss be StandardizedTargets.of(y{loss}).")


def outputs_out_of_reach(seen: Look) -> Finding | None:
    """Ask whether the last activation cannot give what the targets, or logits, ask for."""
    last, loss, targets = seen.passages[-1], seen.network.loss, seen.batch.targets
    low, high = last.layer.range or (-math.inf, math.inf)
    least, most = (-math.inf, math.inf) if loss.applies else (targets.min(), targets.max())
    if low <= least and most <= high:
        return None
    evidence = f"{least:.4g} to {most:.4g} is asked for, but {last} gives only {low:g} to {high:g}."
    other = "" if loss.applies else f", or bring y to {low:g} to {high:g}"
    return Finding("outputs out of reach", evidence, f"Leave out {last}{other}.")


def units_alike(seen: Look) -> Finding | None:
    """Ask whether all units of a layer do the same, and will for ever."""
    found = next((each for each in seen.passages if each.alike), None)
    if found is None:
        return None
    evidence = f"those of {found} have the same weights and gradients, and do the work of one."
    return Finding("units all alike", evidence, "Draw the weights at random: Glorot() or He().")


def too_linear(seen: Look) -> Finding | None:
    """Ask whether two Dense layers do no more than one, or a copy with a hidden one does more."""
    passages = seen.passages
    way = [seen.batch.x, *(each.output for each in passages)]
    bends = [
        i
        for i, (each, x) in enumerate(zip(passages, way, strict=False))
        if type(each.layer) not in LINEAR or each.x is not x
    ]
    for i, j in pairwise(i for i, each in enumerate(passages) if type(each.layer) is Dense):
        first, second = passages[i], passages[j]
        # a narrow place may be meant, and what enters a block may go around it
        wide = first.output.shape[-1] >= min(first.x.shape[-1], second.output.shape[-1])
        together = first.place.rpartition(".")[0] == second.place.rpartition(".")[0]
        if wide and together and not any(i < bend <= j for bend in bends):
            evidence = f"{first} and {second} do no more than one such layer."
            cure = f"Put Tanh(), or ReLU() with weights from He(), after {first}."
            return Finding("no activation between", evidence, cure)
    inputs, outputs = seen.batch.x.shape[-1], seen.outputs.shape[-1]
    if bends not in ([], [len(passages) - 1]):
        return None
    hidden: list[Layer] = [Dense(inputs, 32), Tanh(), Dense(32, outputs)]
    plain, bent = _held_out(seen, [Dense(inputs, outputs)]), _held_out(seen, hidden)
    if not (bent < plain / 2 and plain - bent > 2 * CLEARLY * abs(seen.constant)):
        return None
    return Finding(
        "no hidden layer",
        f"a linear copy gets to loss {plain:.4g}, one with 32 units of Tanh() to {bent:.4g}.",
        f"Begin with {', '.join(map(repr, hidden))}.",
    )


def decay_too_strong(seen: Look) -> Finding | None:
    """Ask whether copies learn far more without weight decay."""
    decay = seen.network.optimizer.weight_decay
    if not decay:
        return None
    start = fresh(seen.network)
    if not Observer(start, seen.batch).look(start).decay_share() > CLEARLY:
        return None
    ends = []
    for weight_decay in (decay, 0.0):
        tried = fresh(seen.network)
        vars(tried.optimizer).update(learning_rate=seen.rate, weight_decay=weight_decay)
        ends.append(more_steps(tried, _some(seen), COPY_STEPS)[-1])
    if not ends[0] - ends[1] > 2 * CLEARLY * abs(seen.constant):
        return None
    evidence = f"a copy gets to loss {ends[0]:.4g} with {decay:g}, to {ends[1]:.4g} without any."
    cure = f"Start again, with weight_decay={decay / 1000:g}."
    return Finding("weight decay too strong", evidence, cure)


def batches_of_one(seen: Look) -> Finding | None:
    """Ask whether batch statistics are those of one sample."""
    found = next((each for each in seen.passages if isinstance(each.layer, BatchNorm)), None)
    if found is None or len(seen.batch.x) > 1:
        return None
    evidence = f"of one sample {found} makes its bias, whatever the sample."
    return Finding("batches of one", evidence, "Use a batch_size of 16 or more, or LayerNorm.")


# What goes wrong in training.


def rate_too_high(seen: Look) -> Finding | None:
    """Ask whether the loss has risen, or will, and a lower rate does better in the long run."""
    if loss_has_risen(seen) or exploding_gradients(seen):
        return loss_has_risen(seen)
    trial = seen.trial
    if trial is None or not _is_wild(seen, trial(1)):
        return None
    parts = (10.0**-i for i in range(1, 13))
    calm = next((part for part in parts if _rise(seen, trial(part)) <= CALM), 1e-12)
    if trial(1, LONG).losses[-1] <= trial(calm, LONG).losses[-1]:
        return None
    cure = f"Use {_at(seen, calm)}."
    if calm < 0.005:  # so far off, it may not be the rate
        cure = f"{cure} Or: {_rescaling(seen)}"
    return Finding("learning rate too high", _tried(seen, calm, max(trial(1).losses)), cure)


def loss_has_risen(seen: Look) -> Finding | None:
    """Ask whether the loss has risen since training began."""
    losses, rates = seen.network.history["loss"], seen.network.history["learning_rate"]
    if not losses or seen.learnt or seen.rate < rates[-1]:  # a lower rate has mended it
        return None
    if not losses[-1] > losses[0] + RISE * min(abs(seen.constant), abs(losses[0])):
        return None
    evidence = (
        f"at {rates[-1]:g} the loss has risen from {losses[0]:.4g} in the first epoch to "
        f"{losses[-1]:.4g} in the last."
    )
    return Finding("learning rate too high", evidence, f"Start again, with {_at(seen, 0.1)}.")


def exploding_gradients(seen: Look) -> Finding | None:
    """Ask whether gradients grow without bound, or by layers, and no clipping makes up for it."""
    sizes = [each.gradient_size for each in seen.layers]
    if not math.isfinite(seen.loss + sum(sizes)) and not loss_has_risen(seen):
        evidence = f"the loss is {seen.loss:.3g}, the longest gradient {max(sizes):.3g}."
        return Finding("exploding gradients", evidence, _rescaling(seen))
    if seen.learnt or not _growth(seen) > EXPLODING:
        return None
    optimizer = seen.network.optimizer
    if (optimizer.clip_norm or optimizer.clip_value) and (
        seen.trial is None or (_rise(seen, seen.trial(1)) <= CALM and seen.trial(1).fall > 0)
    ):
        return None
    return Finding("exploding gradients", _two_gradients(seen), _rescaling(seen))


def dead_units(seen: Look) -> Finding | None:
    """Ask whether most units of a layer pass nothing on."""
    found = max(seen.passages, key=lambda each: each.dead_share or 0.0)
    share, units = found.dead_share or 0.0, found.output.shape[-1]
    if share < min(DEAD + 2 / math.sqrt(units), 1):
        return None
    return Finding(
        "dead units",
        f"{percent(share)} of the {units} units of {found} are off for all "
        f"{len(seen.batch.x)} samples, so no gradient passes them.",
        "Use LeakyReLU() for ReLU(), and start biases from Zeros(), weights from He()"
        + _in_training(seen),
    )


def saturated_units(seen: Look) -> Finding | None:
    """Ask whether most outputs of a layer lie where its activation is flat."""
    found = max(seen.passages, key=lambda each: each.saturated_share or 0.0)
    share, units = found.saturated_share or 0.0, found.output.shape[-1]
    if share < SATURATED or seen.loss < seen.constant / 2:  # which shows that it learns
        return None
    size = math.sqrt(float(np.mean(seen.batch.x**2)))
    return Finding(
        "saturated units",
        f"{percent(share)} of the outputs of {found} lie where its slope is below "
        f"{percent(FLAT)} of the largest; X has size {size:.3g}.",
        f"Start the weights from Glorot(), or put BatchNorm({units}) before "
        f"{found.layer!r}; bring X to mean 0 and deviation 1{_in_training(seen)}",
    )


def vanishing_gradients(seen: Look) -> Finding | None:
    """Ask whether the gradient fades from layer to layer."""
    updates = [seen.layers[i].update_ratio or 0.0 for i in seen.ends]
    limit = FADING if ratio(*updates) < FADING else VANISHING
    growth = math.nan if dead_units(seen) else _growth(seen)
    if growth == 0 and seen.trial:  # a last layer that starts from zeros passes it on later
        later = seen.trial(1).network
        growth = _growth(Observer(later, seen.batch).look(later))
    if not growth < limit:
        return None
    cure = "Start the weights from He() before ReLU, from Glorot() before others."
    if any(isinstance(each.layer, Sigmoid) for each in seen.passages):
        cure = (
            "Use ReLU() for Sigmoid() in hidden layers, with weights from He(), or put "
            f"BatchNorm({seen.layers[seen.ends[0]].units}) after each hidden Dense layer."
        )
    return Finding("vanishing gradients", _two_gradients(seen), cure)


def rate_too_low(seen: Look) -> Finding | None:
    """Ask whether the loss hardly moves, though a thousand times the rate would do."""
    trial, losses = seen.trial, seen.network.history["loss"]
    scheduled = callable(seen.network.optimizer.learning_rate)
    served = losses and losses[0] - seen.loss > SERVED * abs(losses[0])
    if trial is None or scheduled or served or not np.ptp(seen.batch.targets, axis=0).any():
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
    evidence = _tried(seen, better, trial(1).losses[-1])
    return Finding("learning rate too low", evidence, f"Use {_at(seen, better)}.")


# What shows only once a network is trained, and may be wrong where it has learnt, too.


def overfitting(seen: Look) -> Finding | None:
    """Ask whether the validation loss has risen while the training loss fell."""
    scores, losses = (np.array(seen.network.history[name]) for name in ("val_loss", "loss"))
    if not np.isfinite(scores).any():
        return None
    best = int(np.nanargmin(scores))
    rise, enough = scores[-1] - scores[best], CLEARLY * abs(seen.constant)
    if not rise > enough or best + 1 == len(losses) or not seen.loss < 0.9 * losses[best + 1]:
        return None
    return Finding(
        "overfitting",
        f"since epoch {best + 1} the validation loss has risen from {scores[best]:.4g} to "
        f"{scores[-1]:.4g}, while the training loss fell from {losses[best]:.4g} to "
        f"{seen.loss:.4g}.",
        "Start again, with callbacks=EarlyStopping(10), which goes back to the best epoch; more "
        "samples, fewer units or Dropout(0.5) may lower it further.",
    )


def inference_differs(seen: Look) -> Finding | None:
    """Ask whether the network predicts far worse than it trains."""
    network = seen.network
    kept = (type(each.layer).after_step is not Layer.after_step for each in seen.passages)
    if not any(kept) or not network.step_count:
        return None
    score = network.score(seen.batch)
    if not score > 2 * seen.loss + CLEARLY * abs(seen.constant):
        return None
    return Finding(
        "inference differs",
        f"on these samples the loss is {seen.loss:.4g} in training, and {score:.4g} in inference, "
        f"which goes by running statistics of {network.step_count} steps.",
        "Call network.update_statistics(X), or train on for some dozens of steps at a tenth of the "
        "rate.",
    )


def class_never_predicted(seen: Look) -> Finding | None:
    """Ask whether training has come to rest with a rare class that is never predicted."""
    loss, targets = seen.network.loss, seen.batch.targets
    if not loss.labels or (loss.labels == "binary" and targets.shape[1] > 1):
        return None
    true, chosen = (_classes(each) for each in (targets, loss.predictions(seen.outputs)))
    counts = np.bincount(true, minlength=max(2, targets.shape[1]))
    missed = np.setdiff1d(counts.nonzero(), chosen)
    rare = [each for each in missed if counts[each] < len(true) / 2 / len(counts)]
    if not rare or not seen.network.step_count or _fall(seen) > CLEARLY:
        return None
    return Finding(
        "class never predicted",
        f"{counts[rare[0]]} of {len(true)} samples are of class {rare[0]}, and no prediction is.",
        'Train with class_weight="balanced", or a larger sample_weight for them.',
    )


OF_THE_TASK = (
    *(scale_of_inputs, scale_of_targets, outputs_out_of_reach, units_alike, too_linear),
    *(decay_too_strong, batches_of_one),
)
OF_TRAINING = (
    *(rate_too_high, exploding_gradients, dead_units, saturated_units, vanishing_gradients),
)
OF_ITS_END = rate_too_low, overfitting, inference_differs, class_never_predicted
EVEN_IF_LEARNT = rate_too_high, overfitting, inference_differs, class_never_predicted


def health(seen: Look) -> str:
    """Say why a network without findings seems healthy."""
    constant = f"the best constant prediction costs {seen.constant:.4g}"
    if seen.learnt:
        return f"Healthy: it has learnt, as {constant}."
    if seen.trial is None:
        return "Healthy."
    trial, loss = seen.trial(1), f"{seen.loss:.4g}"
    if trial.fall < AT_REST and not seen.cancelled() > CANCELLED:
        return (
            f"Nothing ails it, but it is at rest: {TRIAL_STEPS} more steps at {seen.rate:g} leave "
            f"the loss at {loss}; {constant}. That is a minimum, though perhaps not the lowest: "
            "another seed or more units may find a lower one."
        )
    steps = f"{TRIAL_STEPS} more steps at {seen.rate:g} take the loss from {loss} to "
    if seen.network.step_count and not seen.loss < seen.constant:
        head = "Nothing ails it, but it does no better than a constant yet"
    else:
        head = "Healthy"
    return f"{head}: {steps}{trial.losses[-1]:.4g}; {constant}."


# What the questions are made of.


def _held_out(seen: Look, layers: list[Layer]) -> float:
    """Train such layers in place of the network's, and return the loss on samples held out."""
    network, batch = seen.network, _some(seen)
    if isinstance(network.layers[0], Standardize):
        layers = [copy.deepcopy(network.layers[0]), *layers]
    if isinstance(network.layers[-1], Activation):
        layers = [*layers, copy.deepcopy(network.layers[-1])]
    rows = np.arange(len(batch.x)) % 2 if len(batch.x) >= FEW else np.zeros(len(batch.x))
    tried = Network(layers, network.loss, Adam(0.03), seed=0, dtype=network.dtype)
    more_steps(tried, batch.select(rows == 0), COPY_STEPS)
    return tried.score(batch.select(rows == rows[-1]))


def _some(seen: Look) -> Batch:
    """Return some of the samples, in random order, for steps of copies."""
    rows = np.random.default_rng(0).permutation(len(seen.batch.x))[:COPY_SAMPLES]
    return seen.batch.select(rows)


def _fall(seen: Look) -> float:
    """Return which part of the loss more steps take away."""
    return math.inf if seen.trial is None else seen.trial(1).fall


def _classes(numbers: Array) -> Array:
    """Return the class of each sample: a column stands for each, or one for yes."""
    return numbers.argmax(axis=1) if numbers.shape[1] > 1 else (numbers[:, 0] > 0.5).astype(int)


def _rise(seen: Look, trial: Trial) -> float:
    """Return how far above its start the loss goes, in units of what a constant costs."""
    unit = max(abs(seen.constant), abs(seen.loss))
    return ratio(trial.rise, unit) if trial.rise else 0.0


def _is_wild(seen: Look, trial: Trial) -> bool:
    """Tell whether the loss rises and does not make up for it."""
    return trial.fall < 0.5 and _rise(seen, trial) > max(RISE, 5 * trial.fall)


def _hardly_moves(seen: Look, trial: Trial) -> bool:
    """Tell whether neither the loss nor the parameters change much."""
    before = seen.network.parameters
    change = norm(trial.network.parameters - before) / TRIAL_STEPS
    return trial.fall <= SLOW and change <= SMALL_UPDATE * max(norm(before), 1)


def _growth(seen: Look) -> float:
    """Return how many times the last layer's gradient the first one gets."""
    first, last = seen.ends
    return ratio(seen.layers[first].gradient_size, seen.layers[last].gradient_size)


# What their answers are made of.


def _tried(seen: Look, factor: float, loss: float) -> str:
    """Say what the present rate does, and what so many times it does."""
    assert seen.trial is not None
    way = "up to" if loss > seen.loss else "to"
    return (
        f"{TRIAL_STEPS} more steps at {seen.rate:g} take the loss from {seen.loss:.4g} {way} "
        f"{loss:.4g}, at {factor * seen.rate:g} to {seen.trial(factor).losses[-1]:.4g}."
    )


def _two_gradients(seen: Look) -> str:
    """Say how the gradients of the first and of the last layer differ."""
    first, last = seen.ends
    a, b = (seen.layers[i].gradient_size for i in (first, last))
    names = [f"layers[{i}] {seen.layers[i].layer}" for i in (first, last)]
    return (
        f"the gradient by the outputs of {names[1]} has length {b:.2g}, by those of "
        f"{names[0]} {a:.2g}, which is {ratio(a, b):.2g} times as long."
    )


def _rescaling(seen: Look) -> str:
    """Name what keeps numbers at a good size."""
    return (
        "Start the weights from He() before ReLU, from Glorot() before others, or put "
        f"BatchNorm({seen.layers[seen.ends[0]].units}) after each hidden Dense layer; give the "
        "optimizer clip_norm=1; bring X, and targets that are not labels, to about 1 in size."
    )


def _in_training(seen: Look) -> str:
    """Name the cure for what training has done; a later look of Watch knows that it has."""
    condition = "as it came in training" if seen.trial is None else "if it came in training"
    return f"; {condition}, start again with {_at(seen, 0.1)}."


def _at(seen: Look, factor: float) -> str:
    """Name the optimizer with so many times the present rate."""
    return f"{type(seen.network.optimizer).__name__}(learning_rate={factor * seen.rate:.3g})"


def percent(share: float) -> str:
    """Return a share in words."""
    return f"{100 * share:.0f} %"
