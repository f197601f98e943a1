"""What to do when training cannot go well: imported only when there is something to say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .checks import Array
from .training import FAR, Batch

if TYPE_CHECKING:
    from .network import Network


def out_of_reach(targets: Array, low: float, high: float, last: object) -> str:
    """Return what to say of targets that the last layer cannot give."""
    return (
        f"{last!r} ends the network, and gives numbers from {low:g} to {high:g}; y goes from "
        f"{targets.min():g} to {targets.max():g}, and what lies outside cannot be learnt. End the "
        "network in a Dense layer, or scale y into that range."
    )


def ran_away(network: Network, data: Batch, before: float) -> str | None:
    """Return what to say of a fit that left the loss far above that of before; None of others."""
    after = network.score(data)
    if not after > FAR * max(before, _of_zeros(network, data)):
        return None
    rate = network.optimizer.rate
    return (
        f"the loss has grown from {before:.3g} to {after:.3g} in this fit. Build the network anew "
        f"with a lower learning rate (now {rate:g}), or clip the gradients (clip_norm=1)."
    )


def cure(network: Network, data: Batch, before: float | None) -> dict[str, str]:
    """Return the cure where the learning rate is not to blame for a divergence; else nothing.

    It is not if the loss was infinite, or far beyond what outputs of zero cost, before the first
    step of the fit.
    """
    zeros, dtype = _of_zeros(network, data), network.dtype
    if not np.isfinite(zeros):
        return {
            "cure": f"y reaches {_size(data.targets):.3g}, beyond what the loss can hold in "
            f"{dtype}: scale it, such as (y - y.mean(axis=0)) / y.std(axis=0)."
        }
    if before is not None and not before > FAR**2 * zeros > 0:
        return {}
    parameters, inputs = _size(network.parameters), _size(data.x)
    if inputs > parameters:
        return {
            "cure": f"The loss was as large before the first step, since X reaches {inputs:.3g}: "
            "scale it, such as (X - X.mean(axis=0)) / X.std(axis=0)."
        }
    return {
        "cure": f"The loss was as large before the first step, since the parameters reach "
        f"{parameters:.3g}, as after a training that ran away: build the network anew."
    }


def _of_zeros(network: Network, data: Batch) -> float:
    """Return what outputs of zero would cost."""
    return float(network.loss.value(np.zeros_like(data.targets), data.targets, data.shares))


def _size(array: Array) -> float:
    return float(np.abs(array).max(initial=0))
