"""What holds for all pictures: axes, figures, and networks that stay as they are."""

import pickle
import re
import subprocess
import sys

import numpy as np
import pytest
from matplotlib import pyplot as plt
from pictures import XOR, path_of, stateful

import backproplite as bp
from backproplite import plots
from backproplite.plots.shared import class_labels, colours_for, contour_levels

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
FLOW = "Gradient flow", "layer with parameters, counted from the input", "mean |∂loss/∂parameter|"
HISTOGRAM = "\n(each outline to its own scale)"
#: The title of each, and what its axes are called.
CAPTIONS = {
    "loss_curves": ("Loss in training", "epoch", "loss"),
    "learning_rates": ("The learning rate", "epoch", "loss"),
    "descent_path": ("Descent: ○ start, ★ end", "w", "f(w)"),
    "activation": ("ReLU()", "x", ""),
    "decision_boundary": ("Decision boundary: 3 of 4 right", "x₁", "x₂"),
    "network_diagram": ("Network and its weights", "", ""),
    "network_diagram of gradients": ("Gradient of the loss (0.3348) by each weight", "", ""),
    "gradient_flow": FLOW,
    "gradient_flow of epochs": (FLOW[0], "epoch", FLOW[2]),
    "weight_histograms": (f"Weights of each layer{HISTOGRAM}", "weight", ""),
    "activation_histograms": (f"Outputs of each layer{HISTOGRAM}", "output", ""),
    "loss_landscape": (
        *("Loss around the network's parameters", "first random direction"),
        "second random direction",
    ),
    "confusion_matrix": ("Accuracy 100.0 % (4 of 4)", "predicted class", "true class"),
}
every_picture = pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES)


@every_picture
def test_a_picture_goes_where_it_is_asked_to_and_changes_nothing_else(draw):
    given = stateful()
    before = pickle.dumps(given)
    figure, axes = plt.subplots(1, 2)
    assert draw(*given, axes[1]) is axes[1]
    assert axes[1].has_data()
    assert not axes[0].has_data()
    assert plt.get_fignums() == [figure.number]
    figure.canvas.draw()
    new = draw(*given, None)  # on a figure of its own
    assert plt.get_fignums() == [figure.number, new.figure.number]
    assert new.get_title() == axes[1].get_title() != ""
    new.figure.canvas.draw()
    assert pickle.dumps(given) == before


@every_picture
def test_what_are_no_axes_is_refused(draw):
    figure, axes = plt.subplots(1, 2)
    with pytest.raises(bp.ParameterError, match=r"^ax must be one matplotlib Axes.*got ndarray"):
        draw(*stateful(), axes)
    solid = figure.add_subplot(projection="3d")
    with pytest.raises(bp.ParameterError, match=r"^ax must be flat for this picture; got 3d"):
        draw(*stateful(), solid)
    assert plt.get_fignums() == [figure.number]


@every_picture
def test_without_matplotlib_the_error_names_the_extra(draw, monkeypatch):
    given = stateful()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(bp.MissingExtraError) as caught:
        draw(*given, None)
    assert str(caught.value) == "plots need matplotlib: pip install 'backproplite[plot]'"
    with pytest.raises(bp.MissingExtraError):
        plots.training_animation(*reversed(given), *XOR)


@pytest.mark.parametrize("name", PICTURES)
def test_captions(name):
    ax = PICTURES[name](*stateful(), None)
    title = re.sub(r"\d of 4 right|\(\d\.\d+\)", "#", ax.get_title())  # which training decides
    wanted = re.sub(r"\d of 4 right|\(\d\.\d+\)", "#", CAPTIONS[name][0])
    assert (title, ax.get_xlabel(), ax.get_ylabel()) == (wanted, *CAPTIONS[name][1:])


@pytest.mark.parametrize(
    ("values", "levels"),
    [
        ([0.0, 16.0], np.arange(1, 16) ** 2 / 16),
        ([-16.0, np.nan, 0.0, np.inf], np.arange(1, 16) ** 2 / 16 - 16),
        ([2.0, 18.0], 2 + np.arange(1, 16) ** 2 / 16),
        ([1.0, 1.6e3], np.geomspace(1, 1.6e3, 17)[1:-1]),
        ([1e-9, 10.0], np.geomspace(1e-3, 10, 17)[1:-1]),
        ([3.0, 3.0], []),
        ([1.0, 1.0 + 1e-12], []),
        ([np.nan, np.inf], []),
    ],
)
def test_contours_are_inside_and_closer_together_at_the_bottom(values, levels):
    np.testing.assert_allclose(contour_levels(np.array(values)), levels, 1e-12, 1e-12)


@pytest.mark.parametrize(
    ("given", "labels"),
    [
        ([3, 0, 2], [3, 0, 2]),
        ([[0.2, 0.8], [0.9, 0.1]], [1, 0]),
        ([[0.2, 0.8, 0.0]], [1]),
        ([[0.2], [0.8]], [0, 1]),
        ([0.0, 0.5, 0.51, 1.0], [0, 0, 1, 1]),
        ([0.0, 2.0], [0, 2]),
    ],
)
def test_class_labels(given, labels):
    assert class_labels("y", given).tolist() == labels


def test_more_things_than_the_palette_has_colours_are_shades_that_differ():
    assert len({*map(tuple, colours_for(7))}) == 7
    shades = colours_for(8)
    assert len({*map(tuple, shades)}) == 8
    assert np.diff(shades.sum(axis=1)).min() > 0  # from dark to light


def test_matplotlib_is_loaded_only_to_draw():
    code = "import sys; from backproplite.plots import *; print('matplotlib' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
