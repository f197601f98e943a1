"""How weights and outputs are distributed, layer by layer."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

import numpy as np

from ..checks import Array
from ..errors import ParameterError
from ..network import Network
from ..seeing.recording import trained_layers
from .shared import Axes, axes_or_new, check_network, colours_for


def weight_histograms(network: Network, *, ax: Axes = None) -> Axes:
    """Draw how the weights of each layer are distributed, as an outline for each layer.

    Of layers with matrices, only these count; of others, all parameters do.

    Parameters
    ----------
    network : Network
        With parameters.
    ax : matplotlib Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ParameterError
        If it is no network, or has no parameters.

    Examples
    --------
    >>> from backproplite import Dense, MeanSquaredError, Network
    >>> network = Network([Dense(2, 3)], loss=MeanSquaredError(), seed=0)
    >>> [label.get_text() for label in weight_histograms(network).get_yticklabels()]
    ['layers[0] Dense(2, 3): weight']
    """
    check_network(network)
    weights = {}
    for name, layer in trained_layers(network).items():
        arrays = layer.named_parameters()
        matrices = {key: array for key, array in arrays.items() if array.ndim > 1} or arrays
        flat = np.concatenate([array.ravel() for array in matrices.values()])
        weights[f"{name}: {', '.join(matrices)}"] = flat
    if not weights:
        raise ParameterError("network must have parameters; it has none.")
    return _draw_histograms(ax, weights, "weight", "Weights of each layer")


def activation_histograms(network: Network, X: object, *, ax: Axes = None) -> Axes:
    """Draw how the outputs of each layer are distributed, in inference, as an outline each.

    Parameters
    ----------
    network : Network
        Any.
    X : array of shape (samples, features)
        What goes in.
    ax : matplotlib Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ParameterError
        If it is no network.
    ShapeError, InputError
        If X cannot be used.

    Examples
    --------
    >>> from backproplite import Dense, MeanSquaredError, Network
    >>> network = Network([Dense(2, 3)], loss=MeanSquaredError(), seed=0)
    >>> ax = activation_histograms(network, [[0.0, 0.0]])
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['layers[0] Dense(2, 3)']
    """
    check_network(network)
    x, outputs = network.prepare_inputs(X), {}
    with np.errstate(all="ignore"):
        for i, layer in enumerate(network.layers):
            x, _ = layer.forward(x)
            outputs[f"layers[{i}] {layer!r}"] = x.ravel()
    return _draw_histograms(ax, outputs, "output", "Outputs of each layer")


def _draw_histograms(ax: Axes, given: Mapping[str, Array], of: str, title: str) -> Axes:
    names = [textwrap.fill(name, 36, break_long_words=False) for name in given]
    lines = len(names) * max(name.count("\n") + 1 for name in names)
    ax = axes_or_new(ax, figsize=(6.4, max(4.8, 1.2 + 0.17 * lines)))
    finite = [array[np.isfinite(array)].astype(float) for array in given.values()]
    everything = np.concatenate(finite)
    low, high = everything.min(initial=0), everything.max(initial=0)  # 0 is always in the picture
    edges = np.linspace(low, high if high > low else low + 1, 51)
    for k, (array, colour) in enumerate(zip(finite, colours_for(len(finite)), strict=True)):
        counts, _ = np.histogram(array, edges)
        outline = 0.9 * counts / max(counts.max(), 1) - k
        ax.stairs(outline, edges, baseline=-k, fill=True, color=colour, alpha=0.3)
        ax.stairs(outline, edges, baseline=None, color=colour, linewidth=1.2)
    ax.set_yticks(0.3 - np.arange(len(given)), names, fontsize="small")  # beside the middle
    ax.tick_params("y", length=0)
    ax.set(xlabel=of, title=f"{title}\n(each outline to its own scale)")
    return ax
