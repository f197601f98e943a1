"""Everything that a picture refuses, each once: in which words, and without a figure left."""

import numpy as np
import pytest
from matplotlib import pyplot as plt
from pictures import XOR, Pairs, bowl, bowl_path, linear, network_of, path_of, recorded

import backproplite as bp
from backproplite import plots

X, Y = XOR
NAN = float("nan")
PARAMETER, SHAPE, INPUT = bp.ParameterError, bp.ShapeError, bp.InputError

NETWORK, RECORDER = recorded()
_, OTHER = recorded(bp.Dense(2, 3), bp.Sigmoid(), bp.Dense(3, 1))


def animate(**given):
    good = {"recorder": RECORDER, "network": NETWORK, "X": X, "y": Y, "path": "it.gif"}
    plots.training_animation(**good | given)


# fmt: off
REFUSALS = [
    (lambda: plots.loss_curves(network_of()), PARAMETER, r"runs must hold at least one loss: train"),
    (lambda: plots.loss_curves(7), PARAMETER, r"runs must be a Network, a history, .*losses; got int"),
    (lambda: plots.loss_curves([[1.0], "b"]), PARAMETER, r"runs\[1\] must be .*got str"),
    (lambda: plots.loss_curves({"x": [[1.0, 2.0]]}), PARAMETER, r"runs\['x'\] must be .*got list"),
    (lambda: plots.loss_curves({"loss": [1, 2], "val_loss": [1]}), PARAMETER, r"runs must .*got dict"),
    (lambda: plots.loss_curves(bp.Network), PARAMETER, r"runs must be .*got the class Network"),
    (lambda: plots.loss_curves([1.0], labels="a"), PARAMETER, r"labels must be a list .* 1 in all"),
    (lambda: plots.loss_curves([1.0], labels=[1, 2]), PARAMETER, r"labels must .* 1 in all; got"),
    (lambda: plots.learning_rates([[1.0]]), PARAMETER, r"runs must be a dict from rate.*; got list"),
    (lambda: plots.learning_rates({"fast": [1.0]}), PARAMETER, r"runs must be a dict.*; got dict"),
    (lambda: plots.learning_rates({0.5: [1.0], 0.25: "a"}), PARAMETER, r"runs\[0\.25\] must be"),
    (lambda: plots.descent_path(bowl, [1]), PARAMETER, r"paths must be a Descent or .*got list"),
    (lambda: plots.descent_path(bowl, {"a": 3}), PARAMETER, r"paths must be .*got dict"),
    (lambda: plots.descent_path(bowl, {}), SHAPE, r"paths must all have one variable.*; got \[\]"),
    (lambda: plots.descent_path(3, bowl_path()), PARAMETER, r"function must be a function.*; got int"),
    (lambda: plots.descent_path(bowl, bp.minimize(sum, None, np.ones(3))), SHAPE, r"paths .*got \[3\]"),
    (lambda: plots.descent_path(bowl, {1: path_of()[1], 2: bowl_path()}), SHAPE, r".*got \[1, 2\]"),
    (lambda: plots.descent_path(bowl, bowl_path(), slope=True), PARAMETER, r"slope must be False"),
    (lambda: plots.descent_path(bowl, bowl_path(), span=7), PARAMETER, r"span must be two .*got 7"),
    (lambda: plots.activation(bp.Softmax()), PARAMETER, r"Softmax\(\) is not elementwise"),
    (lambda: plots.activation(bp.Sigmoid), PARAMETER, r"activation must be .*got the class Sigmoid"),
    (lambda: plots.activation(bp.Dense(1, 1)), PARAMETER, r"activation must be an instance .*got Dense"),
    (lambda: plots.activation(bp.ReLU(), span=(1, 2, 3)), PARAMETER, r"span must be two numbers"),
    (lambda: plots.activation(bp.ReLU(), span=(1, 1)), PARAMETER, r"span\[1\] must .* above 1;"),
    (lambda: plots.activation(bp.ReLU(), span=(NAN, 1)), PARAMETER, r"span\[0\] must .*; got nan"),
    (lambda: plots.decision_boundary(None, X, Y), PARAMETER, r"network must be a Network; got NoneType"),
    (lambda: plots.decision_boundary(network_of(), X[:, :1], Y), SHAPE, r"X must have 2 features; got 1"),
    (lambda: plots.decision_boundary(network_of(), X, Y[:3]), SHAPE, r"X and y must have the same"),
    (lambda: plots.decision_boundary(linear(np.ones((3, 1))), X, Y), SHAPE, r".*this one takes 3\.$"),
    (lambda: plots.decision_boundary(network_of(Pairs()), [[1]], [[1, 1]]), SHAPE, r"X must have 2 features, to"),
    (lambda: plots.decision_boundary(network_of(), X, 3 * Y), INPUT, r"y must be 0 or 1 .*got 3"),
    (lambda: plots.decision_boundary(network_of(), X, -Y), INPUT, r"y must hold whole labels.*got -1\."),
    (lambda: plots.decision_boundary(network_of(), X, Y, resolution=1), PARAMETER, r"resolution .*least 2"),
    (lambda: plots.confusion_matrix([0, 1], [0]), SHAPE, r"y and predictions must have the same number"),
    (lambda: plots.confusion_matrix([], []), SHAPE, r"y must be labels .*got \(0,\)"),
    (lambda: plots.confusion_matrix([0], np.ones((1, 1, 1))), SHAPE, r"predictions must be labels"),
    (lambda: plots.confusion_matrix([0, -1], [0, 1]), INPUT, r"y must hold whole labels .*got -1"),
    (lambda: plots.confusion_matrix([0, 1], [0, 2.5]), INPUT, r"predictions must hold whole .*got 2\.5"),
    (lambda: plots.confusion_matrix([0, 100], [0, 1]), INPUT, r"y .*labels from 0 to 99; got 100"),
    (lambda: plots.confusion_matrix(["a"], [0]), INPUT, r"y must hold real numbers"),
    (lambda: plots.confusion_matrix([0, 1], [0, 2], labels=["a"]), PARAMETER, r"labels .*least 3;"),
    (lambda: plots.confusion_matrix([0], [1], labels="ab"), PARAMETER, r"labels .* 2; got 'ab'"),
    (lambda: plots.network_diagram(bp.Network), PARAMETER, r"network must be .*got the class Network"),
    (lambda: plots.network_diagram(network_of(Pairs())), PARAMETER, r"network must have a Dense layer"),
    (lambda: plots.network_diagram(network_of(), X), PARAMETER, r"X and y must both be given"),
    (lambda: plots.network_diagram(network_of(), None, Y), PARAMETER, r"X and y must both be given"),
    (lambda: plots.network_diagram(network_of(), X * NAN, Y), INPUT, r"X must be finite"),
    (lambda: plots.gradient_flow(network_of()), PARAMETER, r"X and y must both be given"),
    (lambda: plots.gradient_flow(None), PARAMETER, r"subject must be a Network, with X .*got NoneType"),
    (lambda: plots.gradient_flow({1: (network_of(), X)}), PARAMETER, r"subject must be .*got dict"),
    (lambda: plots.gradient_flow({1: (7, X, Y)}), PARAMETER, r"network must be a Network; got int"),
    (lambda: plots.gradient_flow({}), PARAMETER, r"subject must have parameters"),
    (lambda: plots.gradient_flow(bp.Recorder()), PARAMETER, r"subject .* a Recorder at least one epoch"),
    (lambda: plots.gradient_flow(network_of(), X * NAN, Y), INPUT, r"X must be finite"),
    (lambda: plots.weight_histograms(7), PARAMETER, r"network must be a Network; got int"),
    (lambda: plots.weight_histograms(network_of(Pairs())), PARAMETER, r"network must have parameters;"),
    (lambda: plots.activation_histograms(7, X), PARAMETER, r"network must be a Network; got int"),
    (lambda: plots.activation_histograms(network_of(), X.T), SHAPE, r"X must have 2 features; got 4"),
    (lambda: plots.loss_landscape(7, X, Y), PARAMETER, r"network must be a Network; got int"),
    (lambda: plots.loss_landscape(network_of(), X, Y[:3]), SHAPE, r"X and y must have the same"),
    (lambda: plots.loss_landscape(network_of(), X, Y, span=0), PARAMETER, r"span .*above 0; got 0"),
    (lambda: plots.loss_landscape(network_of(), X, Y, resolution=1), PARAMETER, r"resolution .*least 2"),
    (lambda: plots.loss_landscape(network_of(), X, Y, seed=-1), PARAMETER, r"seed must be"),
    (lambda: plots.loss_landscape(linear([[0], [0]]), X, Y), PARAMETER, r"network .*that are not 0"),
    (lambda: animate(path="nowhere/it.gif"), INPUT, r"the folder .* does not exist"),
    (lambda: animate(path="it.mp4"), INPUT, r"path must end in \.gif or \.html"),
    (lambda: animate(recorder=None), PARAMETER, r"recorder must be a Recorder .*got NoneType"),
    (lambda: animate(recorder=bp.Recorder()), PARAMETER, r"recorder must be .* at least one epoch"),
    (lambda: animate(recorder=OTHER), PARAMETER, r"recorder must have recorded this network"),
    (lambda: animate(network=None), PARAMETER, r"network must be a Network"),
    (lambda: animate(y=[5] * 4), INPUT, r"y must be 0 or 1 for one output"),
    (lambda: animate(frames=0), PARAMETER, r"frames must be a whole number of at least 1"),
    (lambda: animate(fps=0), PARAMETER, r"fps must be a finite number .*above 0"),
    (lambda: animate(fps=1000), PARAMETER, r"fps must be .*at most 50"),
]
# fmt: on


@pytest.mark.parametrize(("draw", "error", "text"), REFUSALS)
def test_a_picture_is_refused(tmp_path, monkeypatch, draw, error, text):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match="^" + text):
        draw()
    assert not plt.get_fignums()
    assert not list(tmp_path.iterdir())
