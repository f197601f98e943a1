"""The units of a network, and its weights or their gradients between them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..checks import Array
from ..errors import ParameterError
from ..layers import Dense
from ..network import Network
from .shared import Axes, axes_or_new, blue_to_vermilion, check_network, with_gradients

#: Units of a layer that are drawn without leaving any out, and edges whose values are printed.
MOST_UNITS, MOST_VALUES = 16, 30


def network_diagram(
    network: Network, X: object = None, y: object = None, *, ax: Axes = None
) -> Axes:
    """Draw the units of the Dense layers, and their weights as edges between them.

    Colour and width of an edge show its weight or, with data, the derivative of
    the loss by its weight. Of layers of more than 16 units, the first and the
    last five are drawn. Other layers are named under the units that they follow.

    Parameters
    ----------
    network : Network
        With at least one Dense layer.
    X, y : arrays, optional
        A batch as for `fit`, for the derivatives.
    ax : matplotlib Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ParameterError
        If it is no network, or one without a Dense layer.
    ShapeError, InputError
        If the data cannot be used.

    Examples
    --------
    >>> from backproplite import Dense, MeanSquaredError, Network, Sigmoid
    >>> network = Network([Dense(2, 1), Sigmoid()], loss=MeanSquaredError(), seed=0)
    >>> [text.get_text() for text in network_diagram(network).texts if "put" in text.get_text()]
    ['2 inputs', '1 output']
    """
    check_network(network)
    if not any(isinstance(layer, Dense) for layer in network.layers):
        raise ParameterError("network must have a Dense layer: there are no edges to draw.")
    of, label, title = "weight", "weight", "Network and its weights"
    if X is not None or y is not None:
        network, loss = with_gradients(network, X, y)
        of, label = "grad_weight", "∂loss/∂weight"
        title = f"Gradient of the loss ({loss:.4g}) by each weight"
    columns = _columns(network)
    if any(column.width > MOST_UNITS for column in columns):
        title += "\n(of large layers the first and last five units)"
    rows = max(len(column.units) for column in columns)
    ax = axes_or_new(ax, figsize=(2.4 * len(columns) + 1, min(2 + 0.8 * rows, 5.4)))
    inches = ax.get_window_extent().width / ax.figure.dpi
    font = float(np.clip(4.2 * inches / len(columns), 4, 9))
    image = _draw_edges(ax, columns, of, font)
    ax.figure.colorbar(image, ax=ax, label=label, shrink=0.7)
    _draw_units(ax, columns, font)
    ax.set_title(title)
    ax.set_axis_off()
    return ax


@dataclass
class _Column:
    """Units below each other, the other layers that act on them, and the Dense that leads on."""

    width: int
    others: list[str] = field(default_factory=list)
    dense: Dense | None = None
    dense_name: str = ""

    @property
    def units(self) -> Array:
        """The units that are drawn."""
        if self.width <= MOST_UNITS:
            return np.arange(self.width)
        return np.r_[:5, self.width - 5 : self.width]

    @property
    def heights(self) -> Array:
        """Where they are drawn, around 0, with a gap where some are left out."""
        rows = np.arange(self.width) if self.width <= MOST_UNITS else np.r_[:5, 6:11]
        return rows.max() / 2 - rows


def _columns(network: Network) -> list[_Column]:
    first = next(layer for layer in network.layers if isinstance(layer, Dense))
    columns = [_Column(first.in_features)]
    for i, layer in enumerate(network.layers):
        if not isinstance(layer, Dense):
            columns[-1].others.append(type(layer).__name__)
            continue
        if columns[-1].width != layer.in_features:  # what lies between has changed the number
            columns.append(_Column(layer.in_features))
        name = f"layers[{i}]\n{type(layer).__name__}({layer.in_features}, {layer.out_features})"
        columns[-1].dense, columns[-1].dense_name = layer, name
        columns.append(_Column(layer.out_features))
    return columns


def _draw_edges(ax: Axes, columns: Sequence[_Column], of: str, font: float) -> Any:
    """Draw all edges, the strongest on top, and their values where these are few."""
    from matplotlib.collections import LineCollection

    rows = []  # both ends, the value, and at which share of the way it is written
    for x, (left, right) in enumerate(itertools.pairwise(columns)):
        if left.dense is None:
            continue
        values = getattr(left.dense, of)[np.ix_(left.units, right.units)]
        n, m = values.shape
        share = n / (n + 1) if m > n else 1 / (m + 1)  # there, they are in a column, evenly spaced
        for (i, j), value in np.ndenumerate(values):
            rows.append((x, left.heights[i], x + 1, right.heights[j], value, share))
    table = np.array(rows, np.float64)
    table = table[np.argsort(abs(table[:, 4]), kind="stable")]
    starts, ends, values, shares = table[:, :2], table[:, 2:4], table[:, 4], table[:, 5:]
    largest = abs(values).max() or 1.0
    image = LineCollection(
        [*np.stack([starts, ends], axis=1)], linewidths=0.6 + 4.4 * abs(values) / largest,
        array=values, cmap=blue_to_vermilion("#d9d9d9"), clim=(-largest, largest), zorder=1,
    )  # fmt: skip
    ax.add_collection(image)
    if len(values) <= MOST_VALUES:
        box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 0.8}
        size = font * min(1, 22 / len(values))
        for (x, y), value in zip(starts + shares * (ends - starts), values, strict=True):
            ax.text(x, y, f"{value:.3g}", ha="center", va="center", fontsize=size, bbox=box)
    return image


def _draw_units(ax: Axes, columns: Sequence[_Column], font: float) -> None:
    """Draw the units, with what they are above them and the names of the layers below."""
    last, top = len(columns) - 1, max(column.heights[0] for column in columns)
    area = 4 * font**2 if top < 6 else font**2
    for x, column in enumerate(columns):
        ax.scatter(
            np.full(len(column.units), x), column.heights,
            s=area, color="white", edgecolors="0.2", linewidths=1.5, zorder=2,
        )  # fmt: skip
        if column.width > MOST_UNITS:
            ax.text(x, 0, "⋮", ha="center", va="center", fontsize=2 * font)
        role = "input" if x == 0 else "output" if x == last else "unit"
        count = f"{column.width} {role}{'s' if column.width != 1 else ''}"
        below = {"ha": "center", "va": "top"}
        ax.text(x, top + 0.6, count, ha="center", fontsize=font)
        ax.text(x, -top - 0.6, "\n".join(column.others), fontsize=font, **below)
        if column.dense:
            ax.text(x + 0.5, -top - 0.6, column.dense_name, fontsize=font - 1, color="0.4", **below)
        elif x < last:
            ax.text(x + 0.5, 0, "→", ha="center", va="center", fontsize=2 * font)
    ax.set(xlim=(-0.4, last + 0.4), ylim=(-top - 1.6, top + 1.1))
