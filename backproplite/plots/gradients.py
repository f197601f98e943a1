"""The size of the gradients, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..checks import Array
from ..errors import ParameterError
from ..network import Network
from ..seeing.recording import Recorder, gradient_sizes, trained_layers
from .shared import (
    Axes,
    add_legend,
    axes_or_new,
    check_network,
    colours_for,
    type_name,
    whole_steps,
    with_gradients,
    wrapped,
)


def gradient_flow(subject: object, X: object = None, y: object = None, *, ax: Axes = None) -> Axes:
    """Draw the size of the gradient in each layer that has parameters, from input to output.

    The size is the mean absolute value over all parameters of the layer. What is 0
    or not finite stands at the lower or upper edge, as a triangle.

    Parameters
    ----------
    subject : Network, dict, or Recorder
        A network, with X and y; a dict from label to (network, X, y); or the
        recorder of a training, for one line per layer over the epochs.
    X, y : arrays, optional
        A batch as for `fit`.
    ax : matplotlib Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ParameterError
        If the subject is none of these, or has no parameters or epochs.
    ShapeError, InputError
        If the data cannot be used.

    Examples
    --------
    >>> from backproplite import Dense, MeanSquaredError, Network
    >>> network = Network([Dense(1, 1), Dense(1, 1)], loss=MeanSquaredError(), seed=0)
    >>> len(gradient_flow(network, [[1.0]], [[0.0]]).get_xticks())
    2
    """
    if isinstance(subject, Recorder):
        curves, steps, unit = subject.gradient_sizes, subject.epochs, "epoch"
    else:
        curves = _flows(subject, X, y)
        steps = list(range(1, 1 + max(map(len, curves.values()), default=0)))
        unit = "layer with parameters, counted from the input"
    if not steps or not curves:
        raise ParameterError("subject must have parameters, and a Recorder at least one epoch.")
    ax = axes_or_new(ax)
    if any(size > 0 for sizes in curves.values() for size in sizes):
        ax.set_yscale("log")
    for (label, sizes), colour in zip(curves.items(), colours_for(len(curves)), strict=True):
        _draw_flow(ax, label, np.array(steps[: len(sizes)]), np.array(sizes), colour)
    whole_steps(ax, unit)
    if isinstance(subject, Network):
        ax.set_xticks(steps, trained_layers(subject), rotation=30, ha="right")
    else:
        add_legend(ax)
    ax.set(ylabel="mean |∂loss/∂parameter|", title="Gradient flow")
    return ax


def _flows(subject: Any, X: object, y: object) -> dict[str, list[float]]:
    """Return the gradient sizes of one or several networks by label."""
    given = {"network": (subject, X, y)} if isinstance(subject, Network) else subject
    if not isinstance(given, Mapping) or not all(
        isinstance(value, (tuple, list)) and len(value) == 3 for value in given.values()
    ):
        raise ParameterError(
            "subject must be a Network, with X and y, a Recorder, or a dict from label to "
            f"(network, X, y); got {type_name(subject)}."
        )
    for network, *_ in given.values():
        check_network(network)
    return {
        str(label): list(gradient_sizes(with_gradients(*value)[0]).values())
        for label, value in given.items()
    }


def _draw_flow(ax: Axes, label: str, steps: Array, sizes: Array, colour: Any) -> None:
    seen = (sizes > 0) & np.isfinite(sizes)
    style = "o-" if len(steps) <= 30 else "-"
    ax.plot(steps, np.where(seen, sizes, np.nan), style, color=colour, label=wrapped(label))
    for mask, height, marker, what in (
        (sizes == 0, 0.02, "v", "0"), (~np.isfinite(sizes), 0.98, "^", "not finite")
    ):  # fmt: skip
        if mask.any():
            ax.plot(
                steps[mask], np.full(mask.sum(), height), marker, color=colour,
                label=wrapped(f"{label}: {what}"), transform=ax.get_xaxis_transform(),
            )  # fmt: skip
