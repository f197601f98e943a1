"""Histograms: each outline is that of its layer's numbers."""

import itertools

import numpy as np
import pytest
from pictures import XOR, Pairs, network_of, recorded

import backproplite as bp
from backproplite import plots


def outlines(ax):
    """Edges and heights of each layer's outline, its baseline taken off."""
    steps = [each.get_data() for each in ax.patches if not each.get_fill()]
    return [(edges, values + k) for k, (values, edges, _) in enumerate(steps)]


def names_beside(ax):
    return [label.get_text().replace("\n", " ") for label in ax.get_yticklabels()]


def check_outlines(ax, arrays):
    for (bins, heights), array in zip(outlines(ax), arrays, strict=True):
        assert len(heights) == 50
        counts, _ = np.histogram(array, bins)
        assert counts.sum() == array.size
        np.testing.assert_allclose(heights, 0.9 * counts / counts.max(), atol=1e-12)


def layers():
    return bp.Dense(2, 40), bp.BatchNorm(40), bp.ReLU(), bp.Dropout(0.3), bp.Dense(40, 1)


def test_each_outline_is_the_histogram_of_its_layers_weights():
    network, _ = recorded(*layers(), epochs=1)
    first, second, *_, last = network.layers
    first.bias[...] = 50  # does not count
    ax = plots.weight_histograms(network)
    assert names_beside(ax) == [
        "layers[0] Dense(2, 40): weight",
        "layers[1] BatchNorm(40): scale, bias",
        "layers[4] Dense(40, 1): weight",
    ]
    check_outlines(ax, [first.weight, np.r_[second.scale, second.bias], last.weight])
    assert ax.get_xlabel() == "weight"


def test_activations_are_those_of_the_inference_pass():
    network, _ = recorded(*layers())
    ax = plots.activation_histograms(network, XOR[0])
    x, outputs = XOR[0], []
    for layer in network.layers:
        x, _ = layer.forward(x)
        outputs.append(x)
    check_outlines(ax, outputs)
    assert names_beside(ax)[3] == "layers[3] Dropout(0.3)"


@pytest.mark.parametrize("value", [0.0, 1.0, -1e-30, 1e30])
def test_values_all_alike_have_an_outline(value):
    network = network_of()
    network.parameters[...] = value
    for bins, heights in outlines(plots.weight_histograms(network)):
        assert heights[heights > 0].tolist() == [pytest.approx(0.9)]
        assert (np.diff(bins) > 0).all()


def test_numbers_that_are_not_finite_are_left_out():
    network = network_of(bp.Dense(2, 1), Pairs())
    network.layers[0].weight[...] = [[1e200], [1.0]]
    with np.errstate(over="ignore"):
        outputs = network.forward(np.eye(2))
    assert np.isinf(outputs).sum() == 1
    ax = plots.activation_histograms(network, np.eye(2))
    check_outlines(ax, [outputs[:, 0], outputs[np.isfinite(outputs)]])


def test_a_network_without_parameters_has_outputs():
    ax = plots.activation_histograms(network_of(Pairs()), XOR[0])
    assert names_beside(ax) == ["layers[0] Pairs()"]


@pytest.mark.parametrize("count", [1, 11, 30])
@pytest.mark.parametrize("initializer", [None, bp.He("uniform")])
def test_the_names_of_many_layers_can_be_read(count, initializer):
    layers = [bp.Dense(4, 4, weight_initializer=initializer) for _ in range(count)]
    ax = plots.weight_histograms(network_of(*layers))
    ax.figure.canvas.draw()
    places = [label.get_window_extent() for label in ax.get_yticklabels()]
    assert len(places) == count
    assert all(upper.y0 >= lower.y1 for upper, lower in itertools.pairwise(places))
    assert ax.bbox.width > 200
    rows = ax.transData.transform([(0, -k) for k in range(count + 1)])[:, 1]
    for place, bottom in zip(places, rows, strict=False):  # beside its own outline
        assert bottom < (place.y0 + place.y1) / 2 < bottom + (rows[0] - rows[1])
