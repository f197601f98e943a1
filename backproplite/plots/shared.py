"""What the pictures share: axes, colours and legends, and the checks of what they are given."""

from __future__ import annotations

import copy
import textwrap
from typing import Any, TypeAlias

import numpy as np

from ..checks import Array, number, real_array
from ..errors import InputError, MissingExtraError, ParameterError, ShapeError
from ..network import Network

Axes: TypeAlias = Any

#: The palette of Okabe and Ito (Color universal design, 2008), less its yellow, faint on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")


def require_matplotlib() -> Any:
    """Return pyplot, or say what to install."""
    try:
        import matplotlib.pyplot
    except ImportError:
        raise MissingExtraError("plots need matplotlib: pip install 'backproplite[plot]'") from None
    return matplotlib.pyplot


def axes_or_new(ax: Axes, three_d: bool = False, **options: Any) -> Axes:
    """Return the axes given, if they are fit, or those of a new figure."""
    plt = require_matplotlib()
    if ax is None:
        projection = {"projection": "3d"} if three_d else {}
        return plt.subplots(layout="constrained", subplot_kw=projection, **options)[1]
    if not isinstance(ax, plt.Axes):
        raise ParameterError(
            f"ax must be one matplotlib Axes, such as axes[0] of several; got {type_name(ax)}."
        )
    if (ax.name == "3d") != three_d:
        wanted = "three-dimensional (projection='3d')" if three_d else "flat"
        raise ParameterError(f"ax must be {wanted} for this picture; got {ax.name} axes.")
    return ax


# Colours and captions


def colours_for(count: int) -> Array:
    """Return a colour for each of several things: the palette, or shades where it is too small."""
    require_matplotlib()
    from matplotlib import colormaps, colors

    if count <= len(COLOURS):
        return np.array([colors.to_rgb(colour) for colour in COLOURS[:count]])
    return colormaps["viridis"](np.linspace(0, 0.9, count))[:, :3]


def blue_to_vermilion(middle: str) -> Any:
    """Return a colour map from blue (low) over another colour to vermilion (high)."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("", [COLOURS[0], middle, COLOURS[1]])


def contour_levels(values: Array) -> Array:
    """Return heights for contours inside the range of the values, closer together at the bottom."""
    finite = values[np.isfinite(values)]
    low, high = finite.min(initial=np.inf), finite.max(initial=-np.inf)
    if not high - low > 1e-9 * abs(high):  # flat, but for rounding, or nowhere finite
        return np.zeros(0)
    if 0 < low < high / 100:
        return np.geomspace(max(low, high / 1e4), high, 17)[1:-1]
    return low + (high - low) * np.linspace(0, 1, 17)[1:-1] ** 2


def add_legend(ax: Axes) -> None:
    """Put a long legend beside the picture, where the layout makes room for it."""
    entries = len(ax.get_legend_handles_labels()[1])
    points = sum(len(line.get_xdata()) for line in ax.lines)
    if entries > 6 and ax.figure.get_layout_engine() is not None:
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize="small")
    else:  # to look for the best place among very many points takes seconds
        ax.legend(loc="best" if points < 50_000 else "upper right")


def whole_steps(ax: Axes, unit: str) -> None:
    """Let the horizontal axis count something, in whole numbers."""
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator(steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))
    ax.set_xlabel(unit)


def wrapped(text: str, width: int = 44) -> str:
    """Break a text into lines that a legend has room for."""
    return textwrap.fill(text, width)


# Networks and what is given with them


def check_network(network: object) -> None:
    """Refuse what is no network."""
    if not isinstance(network, Network):
        raise ParameterError(f"network must be a Network; got {type_name(network)}.")


def with_gradients(network: Network, X: Any, y: Any) -> tuple[Network, float]:
    """Return a copy with the gradients of a batch, and the loss."""
    if X is None or y is None:
        raise ParameterError("X and y must both be given: a gradient is that of a batch.")
    network = copy.deepcopy(network)
    with np.errstate(all="ignore"):
        loss, _ = network.loss_and_gradient(X, y)
    return network, loss


def class_labels(name: str, given: object) -> Array:
    """Return labels: as given, or of the largest in each row, or from probabilities of class 1."""
    array = real_array(name, given)
    if array.ndim not in (1, 2) or array.size == 0:
        raise ShapeError(
            f"{name} must be labels (samples,) or rows (samples, classes); got {array.shape}."
        )
    if array.ndim == 2 and array.shape[1] > 1:
        return array.argmax(axis=1)
    flat = array.ravel()
    if flat.min() >= 0 and flat.max() <= 1:
        return (flat > 0.5).astype(np.intp)
    bad = (flat < 0) | (flat != np.floor(flat)) | (flat > 99)
    if bad.any():
        raise InputError(f"{name} must hold whole labels from 0 to 99; got {flat[bad][0]:g}.")
    return flat.astype(np.intp)


def interval(span: object) -> tuple[float, float]:
    """Return the two ends of a span, or say what is wrong with it."""
    if not isinstance(span, (tuple, list)) or len(span) != 2:
        raise ParameterError(f"span must be two numbers; got {span!r}.")
    low = number("span[0]", span[0])
    return low, number("span[1]", span[1], above=low)


def type_name(given: object) -> str:
    """Return what to call a wrong argument in a message."""
    return f"the class {given.__name__}" if isinstance(given, type) else type(given).__name__
