"""What a network is refused for, warned of and told, around its training.

Loaded when the first network is built; a step that goes well does not call it.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .activations import Sigmoid, Softmax
from .checks import Array, blocks, refuse_class
from .configurable import is_ours
from .errors import BackpropliteError, InputError, ParameterError, ShapeError, warn
from .functions import is_finite
from .layers import BatchNorm, Layer, LayerNorm, learn, parts_of
from .losses import Loss
from .training import Batch, Fit

if TYPE_CHECKING:
    from .large import Stream
    from .network import Network


#: A loss so many times that of before, or of outputs that are all zero, is no stage of learning.
FAR = 1000


def before_fit(network: Network, fit: Fit) -> None:
    """Refuse parts that do not give what they should, and warn of what cannot be learnt."""
    refuse_unfit(network, fit)
    if said := out_of_reach(network, fit):
        warn(said)


def after_fit(network: Network, fit: Fit) -> None:
    """Warn of a fit that has made the loss, of all its data, thousands of times as large."""
    if said := run_away(network, fit.data, fit.first_loss):
        warn(said)


def refuse_unfit(network: Network, fit: Fit) -> None:
    """Refuse parts that do not give what they should, or that learn nothing in such a fit."""
    parts = (*parts_of(network.layers).values(), *network.loss.parts())
    if network.tried is not network.loss and not all(is_ours(type(part)) for part in parts):
        refuse_faulty_parts(network, fit.data.select(slice(2)))
    network.tried = network.loss
    for callback in fit.callbacks:
        callback.refuse_unfit(network, fit.measured)
    if fit.plan.batch_size == 1:
        _refuse_batches_of_one(network, fit.plan.samples)


def out_of_reach(network: Network, fit: Fit) -> str | None:
    """Return what to say of targets that the last layer cannot give, if there are any."""
    targets, last = fit.data.targets, network.layers[-1]
    if network.loss.labels is not None or not all(is_ours(type(p)) for p in network.loss.parts()):
        return None  # they are to be met
    low, high = last.range or (-math.inf, math.inf)
    lowest, highest = math.inf, -math.inf
    for rows in blocks(targets):
        lowest, highest = min(lowest, targets[rows].min()), max(highest, targets[rows].max())
    rounding = 1e-6 * max(-lowest, highest)  # which scaling into the range leaves
    if low - rounding <= lowest <= highest <= high + rounding:
        return None
    return (
        f"{last!r} ends the network, and gives numbers from {low:g} to {high:g}; y goes from "
        f"{lowest:g} to {highest:g}, and what lies outside cannot be learnt. End "
        "the network in a Dense layer, or scale y into that range."
    )


def run_away(network: Network, data: Batch | Stream, before: float | None) -> str | None:
    """Return what to say of a loss that a fit has made thousands of times as large, if it has."""
    if before is None or not network.history["loss"][-1] > FAR * before > 0:
        return None
    # A stream may be at its end.
    after = network.score(data) if type(data) is Batch else network.history["loss"][-1]
    if not after > FAR * max(before, _of_zeros(network, data)):
        return None
    return (
        f"the loss has grown from {before:.3g} to {after:.3g} in this fit. Build the network "
        f"anew with a lower learning rate (now {network.optimizer.rate:g}), or clip the "
        "gradients (clip_norm=1)."
    )


def cure(network: Network, data: Batch, before: float | None) -> str | None:
    """Return what to do about a divergence where the learning rate is not to blame; else None.

    It is not if the loss was infinite, or far beyond what outputs of zero cost, before the first
    step of the fit.
    """
    for name, array in network.named_arrays().items():
        if not np.isfinite(array).all():
            return (
                f"{name} is not finite, and was not before this step. Set it anew, or build the "
                "network anew; if a layer writes into it on the way forward, that must not be."
            )
    if not len(data.x):  # a worker that had no sample left
        return None
    zeros = _of_zeros(network, data)
    if not np.isfinite(zeros):
        return (
            f"The parameters are as they were. y reaches {_size(data.targets):.3g}, beyond what "
            f"the loss can hold in {network.dtype}: scale it, as loss=StandardizedTargets.of(y) "
            "does."
        )
    if before is not None and not before > FAR**2 * zeros > 0:
        return None
    x = data.x
    for layer in network.layers[: network.first_trained]:  # such as one that scales
        x, _ = layer.forward(x)
    parameters, inputs = _size(network.parameters), _size(x)
    # Parameters that have moved since the first step say nothing about it.
    if inputs > (parameters if before is None else FAR):
        return (
            f"The loss was as large before the first step, since X reaches {inputs:.3g}: "
            "begin the network with Standardize.of(X)."
        )
    return (
        f"The loss was as large before the first step, since the parameters reach "
        f"{parameters:.3g}, as after a training that ran away: build the network anew."
    )


class PartError(ParameterError):
    """A part of one's own that gives something else than it should."""


def try_parts(network: Network, x: Array, batch: Batch | None = None) -> None:
    """Go through a network, and refuse the part that does not give what it should.

    Without a batch, only the way forward is gone, as in inference; with one, a step but its update.
    Other errors come through, with a note of where they came up.
    """
    layers = [f"layers[{i}] {layer!r}" for i, layer in enumerate(network.layers)]
    rng, passed = None if batch is None else network.draws(), []
    place = ""
    try:
        for name, layer in zip(layers, network.layers, strict=True):
            place = f"{name}, on the way forward,"
            width = layer.output_width(x.shape[-1])
            given = layer.forward(x) if rng is None else layer.forward_training(x, rng)
            if not isinstance(given, tuple) or len(given) != 2:
                raise _wrong(place, "its output and a cache", given)
            passed.append((x.shape, given[1]))
            x = _checked(place, given[0], len(x), width)
        if batch is None:
            return
        place = f"the loss {network.loss!r}"
        _, gradient = network.loss.value_and_gradient(x, batch.targets, batch.shares)
        _checked(place, gradient, *x.shape)
        for i in range(len(layers) - 1, -1, -1):
            place = f"{layers[i]}, on the way back,"
            shape, cache = passed[i]
            gradient = _checked(place, network.layers[i].backward(gradient, cache), *shape)
    except BackpropliteError:
        raise
    except Exception as error:
        error.add_note(f"This came up in {place.rstrip(',')}.")
        raise


def refuse_faulty_parts(network: Network, few: Batch) -> None:
    """Refuse parts that do not give what they should; tried on a copy, which may be spoilt."""
    with np.errstate(all="ignore"):
        try:
            try_parts(copy.deepcopy(network), few.x, few)
        except PartError:
            raise
        except Exception:
            return  # a step will say so, unless it is the copy, or the few, alone that fail


def name_part(error: Exception, network: Network, X: Any, y: Any = None, *weights: Any) -> None:
    """Add to an error which part of the network it came from, and what was wrong with it."""
    try:
        x = network.prepare_inputs(X)
        try_parts(network, x)
        if y is not None:
            try_parts(network, x, network.prepare(x, y, *weights))
    except Exception as found:
        if isinstance(found, PartError) or hasattr(found, "__notes__"):
            error.add_note(getattr(found, "__notes__", [str(found)])[0])


def _checked(place: str, given: Any, samples: int, width: int | None) -> Array:
    """Return an array of floats of a shape, of any width where that is None; refuse others."""
    if (
        isinstance(given, np.ndarray)
        and given.dtype.kind == "f"
        and given.ndim == 2
        and len(given) == samples
        and width in (None, given.shape[1])
    ):
        return given
    shape = f"({samples}, {'any' if width is None else width})"
    raise _wrong(place, f"floats of shape {shape}", given)


def _wrong(place: str, wanted: str, given: Any) -> PartError:
    """Return the error for a part that gives something else than it should."""
    what = "nothing" if given is None else f"a {type(given).__name__}"
    if isinstance(given, np.ndarray):
        what = f"{given.dtype} of shape {given.shape}"
    return PartError(f"{place} must give {wanted}; it gave {what}.")


def checked_loss(loss: Loss, layers: Sequence[Layer]) -> Loss:
    """Return the loss; refuse it after a last layer with which it cannot mean anything."""
    _refuse_what_passes_nothing_on(layers, loss)
    last = layers[-1]
    refuse_class("loss", loss)
    if not isinstance(loss, Loss):
        raise ParameterError(f"loss must be a Loss such as MeanSquaredError(); got {loss!r}.")
    if loss.applies and isinstance(last, loss.applies):
        raise ParameterError(
            f"{loss!r} applies {loss.applies.__name__} itself: leave out the last layer {last!r}."
        )
    low, high = last.range or (0, 1)
    unsuitable = not 0 <= low <= high <= 1 or (
        # Classes share a probability of 1; with a sigmoid each, all could claim it.
        loss.suits is Softmax and isinstance(last, Sigmoid)
    )
    if loss.suits and loss.wants_probabilities and unsuitable:
        suited = loss.suits.__name__
        raise ParameterError(
            f"{loss!r} takes probabilities, such as {suited}() gives, but the last layer is "
            f"{last!r}. End the network in {suited}(), or in a Dense layer with "
            f"{suited}CrossEntropy()."
        )
    return loss


def _refuse_what_passes_nothing_on(layers: Sequence[Layer], loss: Any) -> None:
    """Raise a `ParameterError` for what makes the same of any single feature."""
    width = None
    for layer in layers:
        for part in layer.parts().values():
            if isinstance(part, LayerNorm) and part.features == 1:
                raise ParameterError(
                    f"{part!r} makes its bias of any input, since a single feature has no spread. "
                    "Use BatchNorm(1), or leave it out."
                )
        if isinstance(layer, Softmax) and width == 1:
            raise ParameterError(
                f"{layer!r} makes 1 of any single feature. Let the layer before it give one for "
                "each class, two at least, or use Sigmoid()."
            )
        width = layer.output_width(width)
    if width == 1 and getattr(loss, "labels", None) == "categorical":
        raise ParameterError(
            f"{loss!r} needs an output for each class, two at least: a single one would always "
            "have the probability 1. For yes or no use SigmoidCrossEntropy()."
        )


def _refuse_batches_of_one(network: Network, samples: int) -> None:
    """Raise a `ParameterError` for a fit in batches of one sample with a `BatchNorm`."""
    for layer in _batch_norms(network):
        if samples == 1:
            why = "X holds a single sample, and {} learns from two or more. Leave it out."
        else:
            why = (
                "batch_size=1 lets {} learn nothing: a single sample has no spread. Give "
                "batch_size=2 or more, or use LayerNorm."
            )
        raise ParameterError(why.format(layer))


def warn_if_statistics_are_unset(network: Network) -> None:
    """Warn of a `BatchNorm` at its start in a network that somebody trains."""
    for layer in _batch_norms(network):
        moved = layer.running_mean.any() or (layer.running_variance != 1).any()
        if not (layer.batches.any() or moved) and network.gradients.any():
            warn(
                f"the running statistics of {layer!r} are still those of the start: neither fit "
                "nor train_step has met a batch of two samples. Call "
                "network.update_statistics(X) first."
            )


def update_statistics(network: Network, x: Array) -> None:
    """Set the running statistics to those of x, or leave all as it was."""
    if len(x) == 1:
        raise ShapeError("X must hold at least two samples: one has no spread.")
    _, caches = network.forward_training(x)
    with network.record.all_or_nothing:
        for part in _batch_norms(network):
            part.batches[...] = 0
        learn(network.layers, caches)
        if not is_finite(network.record.model):
            raise InputError(f"X is too large for {network.dtype}. Scale it down first.")


def _batch_norms(network: Network) -> list[BatchNorm]:
    """Return those that learn from batches."""
    parts, frozen = parts_of(network.layers), network.frozen
    return [p for place, p in parts.items() if isinstance(p, BatchNorm) and place not in frozen]


def _of_zeros(network: Network, data: Batch | Stream) -> float:
    """Return what outputs of zero would cost; of a stream, in its first batch."""

    def value(batch: Batch) -> Any:
        return network.loss.value(np.zeros_like(batch.targets), batch.targets, batch.shares)

    from .large import average

    return float(average(data.select(slice(None)), value))


def _size(array: Array) -> float:
    return float(np.abs(array).max(initial=0))
