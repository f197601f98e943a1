"""Which class a network of two features predicts where."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..checks import Array, whole_number
from ..errors import InputError, ShapeError
from ..network import Network
from .shared import (
    Axes,
    axes_or_new,
    blue_to_vermilion,
    check_network,
    class_labels,
    colours_for,
)

MARKERS = "os^DvP*X<>"


def decision_boundary(
    network: Network, X: object, y: object, *, resolution: int = 200, ax: Axes = None
) -> Axes:
    """Draw which class a network of two features predicts where, and the samples in their classes.

    With one output, the background shows the output and the line is where it is
    0.5. With more, it has the colour of the class with the largest output, the
    stronger the larger that is, and the lines are where two share the first place.

    Parameters
    ----------
    network : Network
        Takes two features.
    X : array of shape (samples, 2)
        The samples.
    y : array of shape (samples,) or (samples, outputs)
        Their classes, as the network's loss takes them: integer labels, one
        column of 0 and 1, or one-hot rows.
    resolution : int
        Points along each side of the background.
    ax : matplotlib Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ShapeError, InputError
        If there are not two features, or the data cannot be used.
    ParameterError
        If another argument is not what it should be.

    Examples
    --------
    >>> import backproplite as bp
    >>> X, y = bp.datasets.xor()
    >>> network = bp.Network([bp.Dense(2, 1), bp.Sigmoid()], loss=bp.MeanSquaredError(), seed=0)
    >>> decision_boundary(network, X, y, resolution=20).get_title()
    'Decision boundary: 2 of 4 right'
    """
    x, classes = samples_and_classes(network, X, y)
    resolution = whole_number("resolution", resolution, 2)
    ax = axes_or_new(ax)
    image, single = draw_boundary(ax, network, x, classes, resolution)
    if single:
        ax.figure.colorbar(image, ax=ax, label="output")
    return ax


def samples_and_classes(network: Network, X: object, y: object) -> tuple[Array, Array]:
    """Return samples of two features, and the class of each, all checked."""
    check_network(network)
    if network.in_features not in (None, 2):
        raise ShapeError(
            "a decision boundary needs a network that takes 2 features, to span the picture; "
            f"this one takes {network.in_features}."
        )
    x, targets, _ = network.prepare(X, y)
    if x.shape[1] != 2:
        raise ShapeError(f"X must have 2 features, to span the picture; got {x.shape[1]}.")
    classes = class_labels("y", targets)
    if targets.shape[1] == 1 and classes.max() > 1:
        raise InputError(f"y must be 0 or 1 for one output; got {classes.max()}.")
    return x, classes


def draw_boundary(
    ax: Axes, network: Network, x: Array, classes: Array, resolution: int
) -> tuple[Any, bool]:
    """Draw background, lines and samples; return the background and whether there is one output."""
    size = np.ptp(x, axis=0)
    margin = 0.2 * np.where(size > 0, size, 1)
    across, up = np.linspace(x.min(axis=0) - margin, x.max(axis=0) + margin, resolution).T
    rows = np.stack(np.meshgrid(across, up), axis=-1)
    outputs = np.array([network.predict(row) for row in rows], np.float64)
    single = outputs.shape[-1] == 1
    half = (across[1] - across[0]) / 2, (up[1] - up[0]) / 2  # of a cell around its middle
    place = across[0] - half[0], across[-1] + half[0], up[0] - half[1], up[-1] + half[1]
    image = ax.imshow(
        outputs[..., 0] if single else _tinted(outputs), blue_to_vermilion("white"), vmin=0, vmax=1,
        alpha=0.7, extent=place, origin="lower", aspect="auto", interpolation="bilinear",
    )  # fmt: skip
    for lead in np.moveaxis(_leads(outputs), -1, 0):
        if lead.min() < 0 < lead.max():
            ax.contour(across, up, lead, [0], colors="black", linewidths=1.5)
    predictions = network.predict(x)
    predicted = predictions[:, 0] > 0.5 if single else predictions.argmax(axis=1)
    above = _draw_samples(ax, x, classes, max(outputs.shape[-1], 2))
    right = int((predicted == classes).sum())
    ax.set_title(f"Decision boundary: {right} of {len(x)} right", pad=above)
    ax.set(xlabel="x₁", ylabel="x₂", xlim=across[[0, -1]], ylim=up[[0, -1]])
    return image, single


def _leads(outputs: Array) -> Array:
    """Return by how much each output exceeds the largest of the others; a single one, 0.5."""
    count = outputs.shape[-1]
    if count == 1:
        return outputs - 0.5
    others = [np.delete(outputs, k, axis=-1).max(axis=-1) for k in range(count)]
    return outputs - np.stack(others, axis=-1)


def _tinted(outputs: Array) -> Array:
    """Return the colour of the class with the largest output, the stronger the larger that is."""
    colours = colours_for(outputs.shape[-1])[outputs.argmax(axis=-1)]
    strength = 0.2 + 0.65 * np.clip(outputs.max(axis=-1, keepdims=True), 0, 1)
    return 1 - strength * (1 - colours)


def _draw_samples(ax: Axes, x: Array, classes: Array, count: int) -> float:
    """Draw the samples and the legend above them; return how far above the title must be."""
    present = np.unique(classes)
    colours, size = colours_for(count), 130 if len(x) <= 20 else 30
    for k in present:
        ax.scatter(
            *x[classes == k].T, s=size, color=colours[k], marker=MARKERS[k % len(MARKERS)],
            edgecolors="black", linewidths=0.6, label=f"class {k}", zorder=3,
        )  # fmt: skip
    # Between picture and title, where there are no samples to hide.
    for lines in range(1, len(present) + 1):
        legend = ax.legend(
            loc="lower center", bbox_to_anchor=(0.5, 1), ncols=-(-len(present) // lines),
            frameon=False, columnspacing=1, handletextpad=0.2, borderaxespad=0.2,
        )  # fmt: skip
        place = legend.get_window_extent()
        if place.width <= ax.bbox.width:
            break
    if lines > 1 and ax.figure.get_layout_engine() is None:  # nothing would make room for it
        ax.legend(loc="best", fontsize="x-small", ncols=2)
        return 6.0
    return float(place.y1 - ax.bbox.y1) * 72 / ax.figure.dpi + 6
