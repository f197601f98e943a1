"""An activation and its derivative."""

from __future__ import annotations

import numpy as np

from ..activations import Activation
from ..errors import ParameterError
from .shared import COLOURS, Axes, axes_or_new, interval, type_name


def activation(
    activation: Activation, *, span: tuple[float, float] = (-5, 5), ax: Axes = None
) -> Axes:
    """Draw an elementwise activation and its derivative.

    Parameters
    ----------
    activation : Activation
        An instance, such as `Sigmoid()`.
    span : (float, float)
        From where to where.
    ax : matplotlib Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ParameterError
        If it is no activation, not an elementwise one, or the span is empty.

    Examples
    --------
    >>> from backproplite import Sigmoid
    >>> activation(Sigmoid()).get_legend().get_texts()[1].get_text()
    "derivative f'(x), here from 0.00665 to 0.25"
    """
    if not isinstance(activation, Activation):
        raise ParameterError(
            f"activation must be an instance such as Sigmoid(); got {type_name(activation)}."
        )
    x = np.linspace(*interval(span), 1001)
    values, slopes = activation(x), activation.derivative(x)
    if slopes.shape != x.shape:
        raise ParameterError(f"{activation!r} is not elementwise: it has no one curve.")
    ax = axes_or_new(ax)
    ax.axhline(0, color="0.85", linewidth=0.8)
    ax.axvline(0, color="0.85", linewidth=0.8)
    ax.plot(x, values, color=COLOURS[0], linewidth=2, label="value f(x)")
    text = f"derivative f'(x), here from {slopes.min():.3g} to {slopes.max():.3g}"
    # A gap where it jumps: where it differs from point to point, and much more than beside.
    change = abs(np.diff(slopes))
    beside = np.maximum(np.roll(change, 1), np.roll(change, -1))
    jumps = np.flatnonzero((change > 0.1) & (change > 4 * beside)) + 1
    x, slopes = np.insert(x, jumps, x[jumps]), np.insert(slopes, jumps, np.nan)
    ax.plot(x, slopes, "--", color=COLOURS[1], linewidth=2, label=text)
    ax.set(xlabel="x", title=repr(activation))
    ax.legend()
    return ax
