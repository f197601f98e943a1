"""The landscape of the loss: heights, directions, and where the network stands."""

import numpy as np
import pytest
from matplotlib import pyplot as plt
from pictures import (
    XOR,
    colour_bar,
    contours,
    legend,
    linear,
    marked,
    network_of,
    recorded,
)

import backproplite as bp
from backproplite import plots


def losses_around(network, span, resolution, seed):
    """The loss on the plane of two directions, each array in them as long as the network's own."""
    rng, directions = np.random.default_rng(seed), []
    arrays = [
        getattr(layer, name)
        for layer in network.layers
        for name in ("weight", "scale", "bias")
        if hasattr(layer, name)
    ]
    for _ in "uv":
        parts = [rng.standard_normal(array.size) for array in arrays]
        lengths = [np.linalg.norm(array) for array in arrays]
        scaled = [p * n / np.linalg.norm(p) for p, n in zip(parts, lengths, strict=True)]
        directions.append(np.concatenate(scaled))
    steps, start = np.linspace(-span, span, resolution), network.parameters.copy()
    losses = np.empty((resolution, resolution))
    for i, j in np.ndindex(losses.shape):
        network.parameters[...] = start + steps[j] * directions[0] + steps[i] * directions[1]
        losses[i, j] = network.evaluate(*XOR)
    network.parameters[...] = start
    return steps, losses


def test_the_contours_are_those_of_the_loss():
    network, _ = recorded(bp.Dense(2, 4), bp.BatchNorm(4), bp.ReLU(), bp.Dense(4, 1))
    ax = plots.loss_landscape(network, *XOR, span=0.5, resolution=41, seed=3)
    steps, losses = losses_around(network, 0.5, 41, 3)
    bands = next(each for each in ax.collections if each.filled)
    assert (bands.zmin, bands.zmax) == pytest.approx((losses.min(), losses.max()), rel=1e-12)
    lines = contours(ax)
    assert len(lines) == 15
    for level, points in lines:
        for x, y in points[::7]:
            i, j = np.searchsorted(steps, y) - 1, np.searchsorted(steps, x) - 1
            around = losses[max(i, 0) : i + 2, max(j, 0) : j + 2]
            assert around.min() - 1e-9 <= level <= around.max() + 1e-9
    assert colour_bar(ax) == "loss"


@pytest.mark.parametrize("seed_of", [int, np.random.default_rng])
def test_the_star_is_the_network_and_its_loss(seed_of):
    network, _ = recorded(epochs=100)
    ax = plots.loss_landscape(network, *XOR, resolution=5, seed=seed_of(1))
    assert np.array_equal(marked(ax, "*"), [([0], [0])])
    assert legend(ax) == [f"the network, loss {network.evaluate(*XOR):.3g}"]
    assert ax.get_xlim() == (-1, 1) == ax.get_ylim()
    _, losses = losses_around(network, 1.0, 5, 1)
    bands = next(each for each in ax.collections if each.filled)
    assert (bands.zmin, bands.zmax) == pytest.approx((losses.min(), losses.max()), rel=1e-12)


def test_a_surface_is_drawn_in_three_dimensions():
    network, _ = recorded(epochs=100)
    solid = plt.figure().add_subplot(projection="3d")
    ax = plots.loss_landscape(network, *XOR, resolution=5, surface=True, ax=solid)
    assert ax is solid
    _, losses = losses_around(network, 1.0, 5, 0)
    low, high = ax.get_zlim()
    assert low <= losses.min() < losses.max() <= high
    star = np.ravel(ax.lines[0].get_data_3d())
    assert star.tolist() == [0, 0, pytest.approx(network.evaluate(*XOR))]
    assert plots.loss_landscape(network, *XOR, resolution=3, surface=True).name == "3d"
    flat = plt.subplots()[1]
    with pytest.raises(bp.ParameterError, match=r"^ax must be three-dimensional .*got rectilinear"):
        plots.loss_landscape(network, *XOR, surface=True, ax=flat)


@pytest.mark.parametrize("surface", [False, True])
def test_losses_that_are_not_finite_leave_a_hole(surface):
    network = linear([[1e154], [1e154]])
    ax = plots.loss_landscape(network, *XOR, resolution=9, surface=surface)
    ax.figure.canvas.draw()


def test_a_flat_loss_has_no_contours():
    network = network_of(bp.Dense(2, 2), bp.ReLU(), bp.Dense(2, 1, bp.Zeros()))
    network.layers[0].bias[...] = -100
    ax = plots.loss_landscape(network, *XOR, span=0.1, resolution=5)
    assert not ax.collections
    assert legend(ax) == ["the network, loss 0.5"]
