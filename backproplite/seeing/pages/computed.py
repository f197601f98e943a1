"""The lines that a page evaluates: the written ones, with exact ones in their places."""

from __future__ import annotations

from ...layers import Layer
from ...losses import Loss
from ...optimizers import Optimizer
from ..equations import after_lines, backward_lines, forward_lines, needed, written_lines
from ..exact import EXACT, INFERENCE, Lines, merged, nearest, tell_of_training

#: The methods of which a layer's lines tell.
_WAYS = "forward", "forward_training", "backward", "backward_parameters", "local_derivative"


def shown_lines(layer: Layer, frozen: bool = False) -> dict[str, Lines]:
    """Return a layer's lines of the ways forward and back and after a step, as they are shown."""
    forward = forward_lines(layer, frozen)
    after = {} if frozen else after_lines(layer, layer.state_names)
    results = ["grad_input", *(f"grad_{name}" for name in layer.declared)]
    return {
        "forward": forward,
        "backward": needed(backward_lines(layer, frozen), results),
        "after": {name: line for name, line in after.items() if name not in forward},
    }


def computed_lines(layer: Layer, frozen: bool = False) -> dict[str, Lines]:
    """Return a layer's lines of the same ways, as they are evaluated.

    An elementwise activation has its `derivative` among them.
    """
    shown = shown_lines(layer, frozen)
    lines = {name: line for way in shown.values() for name, line in way.items()}
    if not (frozen and tell_of_training(layer)):
        derivative = written_lines(layer, "written", *_WAYS).get("derivative")
        if derivative:
            del lines["grad_input"]
            lines |= {"derivative": derivative, "grad_input": "grad_output * derivative"}
        lines = merged(lines, nearest(layer, EXACT, *_WAYS, "after_step"))
    forward = needed(lines, shown["forward"])

    def others(*results: str) -> Lines:
        return {k: line for k, line in needed(lines, results).items() if k not in forward}

    return {
        "forward": forward,
        "backward": others("grad_input", *shown["backward"]),
        "after": others(*shown["after"]),
    }


def inference_lines(layer: Layer) -> Lines:
    """Return the lines of what a layer does in inference, if it does something else in training."""
    if not tell_of_training(layer):
        return {}
    return needed(nearest(layer, INFERENCE, "forward", "forward_training"), ["output"])


def loss_lines(loss: Loss) -> tuple[Lines, Lines]:
    """Return a loss's lines as they are written, and as they are evaluated."""
    ways = {"predictions": "predictions", "costs": "forward", "derivative": "backward"}
    shown = {
        name: lines[name]
        for name, method in ways.items()
        if name in (lines := written_lines(loss, "written", method))
    }
    return shown, merged(shown, nearest(loss, EXACT, *ways.values()))


def optimizer_lines(optimizer: Optimizer) -> list[Lines]:
    """Return an optimizer's lines: of the update, of clipping and of weight decay."""
    ways = ("written", "update"), ("written_clip", "clip"), ("written_decay", "decay")
    return [written_lines(optimizer, *way) for way in ways]
