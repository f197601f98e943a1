"""What holds for all pictures: axes, figures, and networks that stay as they are."""

import pickle
import subprocess
import sys

import pytest
from matplotlib import pyplot as plt
from pictures import XOR, path_of, stateful

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


def test_matplotlib_is_loaded_only_to_draw():
    code = "import sys; from backproplite.plots import *; print('matplotlib' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
