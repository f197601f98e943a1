"""The diagram of a network: which edge has which weight or gradient."""

import re

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from pictures import Pairs, colour_bar, linear, network_of, texts

import backproplite as bp
from backproplite import plots


def edges(ax):
    """Value, colour and width of each edge, by its two ends; the one on top is the last."""
    (lines,) = [each for each in ax.collections if isinstance(each, LineCollection)]
    lines.update_scalarmappable()
    ends = [tuple(map(tuple, segment)) for segment in lines.get_segments()]
    colours = [tuple(colour[:3]) for colour in lines.get_colors()]
    looks = zip(lines.get_array(), colours, lines.get_linewidths(), strict=True)
    return dict(zip(ends, looks, strict=True))


def units(ax):
    """Where the units of each column are, from top to bottom."""
    scatters = [each for each in ax.collections if not isinstance(each, LineCollection)]
    return [[tuple(place) for place in each.get_offsets()] for each in scatters]


def check_edges(ax, column, values):
    """Each unit of a column is joined to each of the next by an edge of the value for both."""
    columns, drawn = units(ax), edges(ax)
    assert (len(columns[column]), len(columns[column + 1])) == np.shape(values)
    for (i, j), value in np.ndenumerate(values):
        assert drawn[columns[column][i], columns[column + 1][j]][0] == pytest.approx(value, 1e-14)


def test_each_weight_is_an_edge_between_its_units():
    network = network_of()
    ax = plots.network_diagram(network)
    check_edges(ax, 0, network.layers[0].weight)
    check_edges(ax, 1, network.layers[2].weight)
    assert len(edges(ax)) == 12
    assert colour_bar(ax) == "weight"
    assert ax.get_title() == "Network and its weights"
    for text in ("2 inputs", "4 units", "1 output", "Sigmoid", "layers[2]\nDense(4, 1)"):
        assert text in texts(ax)


def test_with_data_the_edges_are_the_gradients_of_lesson_5():
    layers = bp.Dense(2, 2), bp.Sigmoid(), bp.Dense(2, 1), bp.Sigmoid()
    network = network_of(*layers, loss=bp.HalfSquaredError())
    network.parameters[...] = [0.1, 0.3, 0.2, 0.4, 0.1, 0.2, 0.5, 0.6, 0.1]
    ax = plots.network_diagram(network, [[0.5, 0.8]], [[1.0]])
    hidden = [
        [-0.004110506835180244, -0.004524968559249537],
        [-0.006576810936288391, -0.00723994969479926],
    ]
    output = [[-0.03885950034430786], [-0.04455943664146406]]
    check_edges(ax, 0, hidden)
    check_edges(ax, 1, output)
    assert {f"{gradient:.3g}" for gradient in np.ravel([*hidden, np.ravel(output)])} <= {*texts(ax)}
    assert colour_bar(ax) == "∂loss/∂weight"
    assert ax.get_title() == "Gradient of the loss (0.04904) by each weight"


def test_colour_shows_the_sign_and_width_the_size():
    drawn = edges(plots.network_diagram(linear([[-2.0, 1.0], [0.0, 2.0]])))
    look = {value: (colour, width) for value, colour, width in drawn.values()}
    assert list(look) == [0, 1, -2, 2]  # the strongest come last, on top
    assert look[-2][0] == pytest.approx(to_rgb(plots.COLOURS[0]), abs=0.01)
    assert look[2][0] == pytest.approx(to_rgb(plots.COLOURS[1]), abs=0.01)
    assert np.ptp(look[0][0]) < 0.01  # grey
    assert look[-2][1] == look[2][1] > look[1][1] > look[0][1] > 0


def test_each_value_is_written_on_its_own_edge():
    ax = plots.network_diagram(network_of(bp.Dense(3, 5), bp.Tanh(), bp.Dense(5, 2)))
    drawn = edges(ax)
    written = [text for text in ax.texts if re.fullmatch(r"-?[\d.e-]+", text.get_text())]
    assert len(written) == len(drawn) == 25
    for text in written:
        x, y = text.get_position()
        (value,) = [
            value
            for ((x0, y0), (x1, y1)), (value, *_) in drawn.items()
            if x0 < x < x1 and np.isclose(np.interp(x, [x0, x1], [y0, y1]), y)
        ]
        assert f"{value:.3g}" == text.get_text()
    many = plots.network_diagram(network_of(bp.Dense(6, 6)))
    assert not [text for text in texts(many) if re.fullmatch(r"-?[\d.e-]+", text)]


def test_of_a_large_layer_the_first_and_last_units_are_drawn():
    network = network_of(bp.Dense(16, 17), bp.ReLU(), bp.Dense(17, 1))
    ax = plots.network_diagram(network)
    shown = [0, 1, 2, 3, 4, 12, 13, 14, 15, 16]
    check_edges(ax, 0, network.layers[0].weight[:, shown])
    check_edges(ax, 1, network.layers[2].weight[shown])
    assert texts(ax).count("⋮") == 1
    assert "17 units" in texts(ax)
    assert "of large layers the first and last five units" in ax.get_title()


def test_other_layers_are_named_under_the_units_that_they_follow():
    layers = bp.BatchNorm(2), bp.Dense(2, 3), Pairs(), bp.Dropout(0.1), bp.Dense(6, 2), bp.Softmax()
    network = network_of(*layers, loss=bp.CategoricalCrossEntropy())
    ax = plots.network_diagram(network)
    check_edges(ax, 0, network.layers[1].weight)
    check_edges(ax, 2, network.layers[4].weight)
    assert len(edges(ax)) == 6 + 12
    place = {text.get_text(): text.get_position()[0] for text in ax.texts}
    assert [place[name] for name in ("BatchNorm", "Pairs\nDropout", "Softmax")] == [0, 1, 3]
    assert [place[name] for name in ("layers[1]\nDense(2, 3)", "→")] == [0.5, 1.5]
