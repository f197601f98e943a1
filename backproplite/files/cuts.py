"""What a file brings along of a fit that was cut off, and how the next one takes it up."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..callbacks import Callback
from ..configurable import Configurable
from ..errors import warn
from ..network import Network
from ..training import Fit


def left_off(network: Network) -> dict[str, Any] | None:
    """Return what the next fit needs to go on with one that is under way, or was in the file."""
    fit = network.under_way
    if fit is None:
        return network.cut_off
    memories = [
        [known_as(each), {name: getattr(each, name) for name in each.state_names}]
        for each in fit.callbacks
        if each.state_names
    ]
    return {
        "plan": [*fit.plan],
        "steps": network.step_count,
        "told": fit.told,
        "stopped": network.stop_training,
        "gradients": network.gradients,  # which those that are told next may look at
        "memories": memories,
    }


def go_on(fit: Fit, network: Network, cut_off: Mapping[str, Any]) -> None:
    """Go on from where a fit of this plan was cut off, the memories of callbacks included.

    If something has trained the network since, that is over.
    """
    if [cut_off["plan"], cut_off["steps"]] != [[*fit.plan], network.step_count]:
        network.cut_off = None
        return
    memories, returning = list(cut_off["memories"]), []
    for callback in fit.callbacks:
        for i, (whose, memory) in enumerate(memories):
            if whose == known_as(callback) and set(memory) == set(callback.state_names):
                returning += [(callback, *each) for each in memory.items()]
                del memories[i]
                break
    for whose, _ in memories:
        warn(f"the training that was cut off had {whose}: give it again, or it is forgotten.")
    network.cut_off = None  # not before: a warning may be an error
    fit.told, network.stop_training = cut_off["told"], cut_off["stopped"]
    network.gradients[...] = cut_off["gradients"]
    for callback, name, value in returning:
        setattr(callback, name, value)


def known_as(callback: Callback) -> str:
    """Return what a callback is known by in another process too: addresses are left out."""
    return re.sub(" at 0x[0-9A-Fa-f]+", "", Configurable.__repr__(callback))
