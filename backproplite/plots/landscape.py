"""The loss around the place in the space of parameters where a network stands."""

from __future__ import annotations

import copy
import itertools

import numpy as np

from ..checks import Array, generator, number, whole_number
from ..errors import ParameterError
from ..functions import norm
from ..network import Network
from ..training import Batch
from .shared import Axes, axes_or_new, check_network, contour_levels

STAR = {"color": "#D55E00", "markeredgecolor": "white", "markersize": 15, "linestyle": "none"}


def loss_landscape(
    network: Network,
    X: object,
    y: object,
    *,
    span: float = 1.0,
    resolution: int = 31,
    surface: bool = False,
    seed: int | np.random.Generator | None = 0,
    ax: Axes = None,
) -> Axes:
    """Draw the loss on a plane through the network's parameters, as contours or as a surface.

    loss(parameters + a · u + b · v), for a and b from -span to span

    The directions u and v are random; each parameter array of them is scaled to
    the length of that array in the network. So a step of 1 is as large as the
    weights themselves.

    Parameters
    ----------
    network : Network
        In any state; a trained one lies in a valley.
    X, y : arrays
        As for `fit`.
    span : float
        How far to go along both directions.
    resolution : int
        Points along each side.
    surface : bool
        Whether to draw a surface in three dimensions.
    seed : int or numpy.random.Generator
        For the directions.
    ax : matplotlib Axes, optional
        Where to draw, three-dimensional for a surface; a new figure unless given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ShapeError, InputError
        If the data cannot be used.
    ParameterError
        If all parameters are 0, or another argument is not what it should be.

    Examples
    --------
    >>> import backproplite as bp
    >>> network = bp.Network([bp.Dense(1, 1)], loss=bp.MeanSquaredError(), seed=0)
    >>> loss_landscape(network, [[1.0], [2.0]], [1.0, 2.0], resolution=5).get_xlabel()
    'first random direction'

    References
    ----------
    Li, Xu, Taylor, Studer, Goldstein: Visualizing the loss landscape of neural
    nets, 2018; there each filter is scaled by itself.
    """
    check_network(network)
    batch = network.prepare(X, y)
    here = float(network.score(batch))
    span, rng = number("span", span, above=0), generator(seed)
    reach = np.linspace(-span, span, whole_number("resolution", resolution, 2))
    u, v = _direction(network, rng), _direction(network, rng)
    ax = axes_or_new(ax, three_d=bool(surface))
    losses = _losses(network, batch, reach, u, v)
    (_draw_surface if surface else _draw_contours)(ax, reach, losses, here)
    ax.set(xlabel="first random direction", ylabel="second random direction")
    ax.set_title("Loss around the network's parameters")
    ax.legend()
    return ax


def _direction(network: Network, rng: np.random.Generator) -> Array:
    """Return random numbers in the place of the parameters, each array of the old length."""
    twin = copy.deepcopy(network)
    for layer in twin.layers:
        for array in layer.named_parameters().values():
            part = rng.standard_normal(array.shape)
            array[...] = part * (norm(array.ravel()) / norm(part.ravel()))
    if not twin.parameters.any():
        raise ParameterError("network must have parameters that are not 0, to measure steps by.")
    return twin.parameters


def _losses(network: Network, batch: Batch, reach: Array, u: Array, v: Array) -> Array:
    """Return the loss at all places of the plane, rows going along v."""
    twin, losses = copy.deepcopy(network), np.empty((len(reach), len(reach)))
    with np.errstate(all="ignore"):
        for (i, b), (j, a) in itertools.product(enumerate(reach), enumerate(reach)):
            twin.parameters[...] = network.parameters + a * u + b * v
            losses[i, j] = twin.score(batch)
    return np.where(losses < 1e200, losses, np.nan)  # matplotlib finds no way around higher ones


def _draw_contours(ax: Axes, reach: Array, losses: Array, here: float) -> None:
    from matplotlib.colors import BoundaryNorm

    levels = contour_levels(losses)
    if len(levels):
        shades = BoundaryNorm(levels, 256, extend="both")
        image = ax.contourf(reach, reach, losses, levels, norm=shades, extend="both")
        ax.contour(reach, reach, losses, levels, colors="white", linewidths=0.4)
        ax.figure.colorbar(image, ax=ax, label="loss", format="%.2g")
    ax.plot(0, 0, "*", **STAR, label=f"the network, loss {here:.3g}")


def _draw_surface(ax: Axes, reach: Array, losses: Array, here: float) -> None:
    ax.plot_surface(*np.meshgrid(reach, reach), losses, cmap="viridis", alpha=0.9)
    ax.plot([0], [0], [here], "*", **STAR, label=f"the network, loss {here:.3g}", zorder=9)
    ax.set_zlabel("loss", labelpad=8)
    ax.locator_params(nbins=5)
    ax.set_box_aspect(None, zoom=0.85)  # or its labels are cut off
