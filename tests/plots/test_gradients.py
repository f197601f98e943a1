"""The gradient flow: the size of each layer's gradient."""

import numpy as np
from pictures import XOR, legend, line, linear, network_of, recorded

import backproplite as bp
from backproplite import plots


def deep(activation, depth):
    layers = [bp.Dense(2, 8), activation()]
    for _ in range(depth - 1):
        layers += [bp.Dense(8, 8), activation()]
    return network_of(*layers, bp.Dense(8, 1))


def test_the_flow_is_the_mean_size_of_each_layers_gradient():
    network = deep(bp.Sigmoid, 3)
    ax = plots.gradient_flow(network, *XOR)
    network.loss_and_gradient(*XOR)
    dense = network.layers[::2]
    gradients = [np.r_[layer.grad_weight.ravel(), layer.grad_bias] for layer in dense]
    x, y = line(ax, "network")
    assert x.tolist() == [1, 2, 3, 4]
    np.testing.assert_allclose(y, [abs(each).mean() for each in gradients], rtol=1e-14)
    assert (ax.get_yscale(), ax.get_ylabel()) == ("log", "mean |∂loss/∂parameter|")
    names = [label.get_text() for label in ax.get_xticklabels()]
    assert names == [f"layers[{2 * i}] {layer!r}" for i, layer in enumerate(dense)]


def test_several_networks_are_drawn_side_by_side():
    sick, well = deep(bp.Sigmoid, 10), deep(bp.ReLU, 5)
    ax = plots.gradient_flow({"sigmoid": (sick, *XOR), "ReLU": [well, *XOR]})
    assert legend(ax) == ["sigmoid", "ReLU"]
    assert len(line(ax, "ReLU")[1]) == 6
    sizes = line(ax, "sigmoid")[1]
    assert len(sizes) == 11
    assert sizes[-1] > 1e5 * sizes[0]  # it vanishes on the way back
    assert ax.get_xlabel() == "layer with parameters, counted from the input"


def test_a_recorder_is_drawn_over_its_epochs():
    _, recorder = recorded(epochs=40, every=5)
    ax = plots.gradient_flow(recorder)
    assert legend(ax) == ["layers[0] Dense(2, 4)", "layers[2] Dense(4, 1)"]
    for name, sizes in recorder.gradient_sizes.items():
        x, y = line(ax, name)
        assert x.tolist() == [5, 10, 15, 20, 25, 30, 35, 40]
        assert y.tolist() == sizes
    assert ax.get_xlabel() == "epoch"


def test_what_is_zero_or_not_finite_stands_at_the_edge():
    dead = deep(bp.ReLU, 2)
    dead.layers[2].bias[...] = -100
    broken = linear([[1e200], [1e200]])
    ax = plots.gradient_flow({"dead": (dead, *XOR), "broken": (broken, XOR[0] * 1e200, XOR[1])})
    assert legend(ax) == ["dead", "dead: 0", "broken", "broken: not finite"]
    x, height = line(ax, "dead: 0")
    assert x.tolist() == [1, 2]
    assert max(height) < 0.1  # of the height of the axes
    x, height = line(ax, "broken: not finite")
    assert x.tolist() == [1]
    assert min(height) > 0.9
    assert np.isnan(ax.lines[0].get_ydata()).tolist() == [True, True, False]
    ax.figure.canvas.draw()


def test_nothing_but_zeros_has_no_logarithm():
    ax = plots.gradient_flow(linear([[1.0], [0.0]]), [[1.0, 0.0]], [1.0])
    assert ax.get_yscale() == "linear"
