"""What holds for all pictures: axes, data, networks that stay as they are, colours."""

import itertools
import pickle
import subprocess
import sys

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb
from pictures import XOR, legend, network_of, path_of, recorded, refused

import backproplite as bp
from backproplite import plots

#: Each picture of a network, its recorder and axes.
PICTURES = {
    "loss_curves": lambda n, r, ax: plots.loss_curves(n, ax=ax),
    "learning_rates": lambda n, r, ax: plots.learning_rates({0.1: n}, ax=ax),
    "descent_path": lambda n, r, ax: plots.descent_path(*path_of(), ax=ax),
    "activation": lambda n, r, ax: plots.activation(n.layers[2], ax=ax),
    "decision_boundary": lambda n, r, ax: plots.decision_boundary(n, *XOR, resolution=9, ax=ax),
    "network_diagram": lambda n, r, ax: plots.network_diagram(n, ax=ax),
    "network_diagram of gradients": lambda n, r, ax: plots.network_diagram(n, *XOR, ax=ax),
    "gradient_flow": lambda n, r, ax: plots.gradient_flow(n, *XOR, ax=ax),
    "gradient_flow of epochs": lambda n, r, ax: plots.gradient_flow(r, ax=ax),
    "weight_histograms": lambda n, r, ax: plots.weight_histograms(n, ax=ax),
    "activation_histograms": lambda n, r, ax: plots.activation_histograms(n, XOR[0], ax=ax),
    "loss_landscape": lambda n, r, ax: plots.loss_landscape(n, *XOR, resolution=5, ax=ax),
    "confusion_matrix": lambda n, r, ax: plots.confusion_matrix(XOR[1], XOR[1], ax=ax),
}
every_picture = pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES)


def stateful():
    """A network with every sort of state, and its recorder."""
    layers = bp.Dense(2, 4), bp.BatchNorm(4), bp.ReLU(), bp.Dropout(0.3), bp.Dense(4, 1)
    return recorded(*layers, optimizer=bp.Adam(0.01))


@every_picture
def test_a_picture_goes_where_it_is_asked_to_and_changes_no_network(draw):
    given = stateful()
    before = pickle.dumps(given)
    figure, axes = plt.subplots(1, 2)
    assert draw(*given, axes[1]) is axes[1]
    assert axes[1].has_data()
    assert not axes[0].has_data()
    assert plt.get_fignums() == [figure.number]
    figure.canvas.draw()
    assert pickle.dumps(given) == before


@every_picture
def test_without_axes_there_is_one_new_figure(draw):
    other, theirs = plt.subplots()
    ax = draw(*stateful(), None)
    assert plt.get_fignums() == [other.number, ax.figure.number]
    assert not theirs.has_data()
    assert ax.get_title()
    ax.figure.canvas.draw()


@every_picture
def test_what_are_no_axes_is_refused(draw):
    figure, axes = plt.subplots(1, 2)
    with refused(bp.ParameterError, r"^ax must be one matplotlib Axes.*got ndarray"):
        draw(*stateful(), axes)
    solid = figure.add_subplot(projection="3d")
    with refused(bp.ParameterError, r"^ax must be flat for this picture; got 3d"):
        draw(*stateful(), solid)


@every_picture
def test_without_matplotlib_the_error_names_the_extra(draw, monkeypatch):
    given = stateful()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(bp.MissingExtraError) as caught:
        draw(*given, None)
    assert str(caught.value) == "plots need matplotlib: pip install 'backproplite[plot]'"
    with pytest.raises(bp.MissingExtraError):
        plots.require_matplotlib()


def test_matplotlib_is_loaded_only_to_draw():
    code = "import sys; from backproplite.plots import *; print('matplotlib' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


@pytest.mark.parametrize(
    "draw",
    [
        lambda n: plots.decision_boundary(n, *XOR),
        plots.network_diagram,
        plots.weight_histograms,
        lambda n: plots.activation_histograms(n, XOR[0]),
        lambda n: plots.loss_landscape(n, *XOR),
        lambda n: plots.gradient_flow({"a": (n, *XOR)}),
    ],
)
@pytest.mark.parametrize(
    ("given", "called"), [([bp.Dense(2, 1)], "list"), (bp.Network, "the class Network")]
)
def test_what_is_no_network_is_named(draw, given, called):
    with refused(bp.ParameterError, rf"^network must be a Network; got {called}\.$"):
        draw(given)


@pytest.mark.parametrize(
    "draw",
    [
        plots.decision_boundary,
        plots.network_diagram,
        plots.gradient_flow,
        plots.loss_landscape,
        lambda n, X, y: plots.activation_histograms(n, X),
    ],
)
def test_data_go_through_the_checks_of_the_network(draw):
    X, y = XOR
    with refused(bp.ShapeError, r"^X must have 2 features; got 1"):
        draw(network_of(), X[:, :1], y)
    with refused(bp.InputError, r"^X must be finite"):
        draw(network_of(), X * np.nan, y)
    if draw.__name__ != "<lambda>":  # which takes no y
        with refused(bp.ShapeError, r"^X and y must have the same number of samples"):
            draw(network_of(), X, y[:3])


#: What a protanope, a deuteranope and a tritanope see of linear red, green and blue:
#: Machado, Oliveira, Fernandes: A physiologically-based model for simulation of color
#: vision deficiency, 2009.
SIGHTS = {
    "everyone": np.eye(3),
    "protanopia": [[0.1523, 1.0526, -0.2049], [0.1145, 0.7863, 0.0992], [-0.0039, -0.0481, 1.052]],
    "deuteranopia": [[0.3673, 0.8606, -0.228], [0.2801, 0.6725, 0.0474], [-0.0118, 0.0429, 0.9689]],
    "tritanopia": [[1.2555, -0.0767, -0.1788], [-0.0784, 0.9308, 0.1476], [0.0047, 0.6914, 0.3039]],
}


@pytest.mark.parametrize("sight", SIGHTS)
def test_colours_are_told_apart_by_everyone(sight):
    rgb = np.array([to_rgb(colour) for colour in plots.COLOURS])
    light = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    light = np.clip(light @ np.transpose(SIGHTS[sight]), 0, 1)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = light @ np.transpose(to_xyz) / [0.9505, 1, 1.089]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116).T
    seen = np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)  # CIE L*a*b*
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 15


def test_a_long_legend_stands_beside_the_picture():
    runs = [[1.0, 1 / (i + 1)] for i in range(9)]
    ax = plots.loss_curves(runs)
    ax.figure.canvas.draw()
    assert len(legend(ax)) == 9
    assert ax.get_legend().get_window_extent().x0 >= ax.get_window_extent().x1
