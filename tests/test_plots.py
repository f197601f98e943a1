"""The pictures: that what is drawn is what the numbers say, and that the captions say the same."""

import itertools
import pickle
import re
import subprocess
import sys

import matplotlib as mpl

mpl.use("Agg")

import numpy as np
import pytest
from matplotlib import animation as motion
from matplotlib import pyplot as plt
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb, to_rgba
from PIL import Image

import backproplite as bp
from backproplite import plots
from backproplite.recording import Recorder

XOR = bp.datasets.xor()
NAN, INF = float("nan"), float("inf")


@pytest.fixture(autouse=True)
def no_figure_is_shown_or_left(monkeypatch):
    monkeypatch.setattr(plt, "show", lambda *_, **__: pytest.fail("a figure was shown"))
    yield
    plt.close("all")


def network_of(*layers, **settings):
    defaults = {"loss": bp.MeanSquaredError(), "optimizer": bp.GradientDescent(0.5), "seed": 42}
    layers = layers or (bp.Dense(2, 4), bp.Sigmoid(), bp.Dense(4, 1), bp.Sigmoid())
    return bp.Network(layers, **defaults | settings)


def stateful():
    """A network of two features with every kind of state, trained a little, and its recorder."""
    layers = bp.Dense(2, 4), bp.BatchNorm(4), bp.ReLU(), bp.Dropout(0.3), bp.Dense(4, 1)
    network, recorder = network_of(*layers, optimizer=bp.Adam(0.01)), Recorder()
    return network.fit(*XOR, 3, callbacks=recorder), recorder


def linear(weight, bias=0.0, **settings):
    """A network without a hidden layer, of these weights: rows are inputs."""
    weight = np.array(weight, float)
    network = network_of(bp.Dense(*weight.shape), **settings)
    network.layers[0].weight[...], network.layers[0].bias[...] = weight, bias
    return network


def texts(ax):
    return [text.get_text() for text in ax.texts]


def legend(ax):
    return [text.get_text().replace("\n", " ") for text in ax.get_legend().get_texts()]


def line(ax, label):
    """The x and y of the one line whose label begins so."""
    (found,) = [each for each in ax.lines if str(each.get_label()).startswith(label)]
    return found.get_data()


def colour_bar(ax):
    (bar,) = [other for other in ax.figure.axes if other is not ax]
    return bar


# What holds for all of them


def square(w):
    return np.sum(np.square(w))


def path_of(rate=0.3, start=0.5, steps=20):
    """Lesson 1: the way down (w - 3)²."""
    function, gradient = (lambda w: (w - 3) ** 2), (lambda w: 2 * (w - 3))
    return function, bp.minimize(function, gradient, start, bp.GradientDescent(rate), steps)


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
    "gradient_flow of several": lambda n, r, ax: plots.gradient_flow({"it": (n, *XOR)}, ax=ax),
    "gradient_flow of epochs": lambda n, r, ax: plots.gradient_flow(r, ax=ax),
    "weight_histograms": lambda n, r, ax: plots.weight_histograms(n, ax=ax),
    "activation_histograms": lambda n, r, ax: plots.activation_histograms(n, XOR[0], ax=ax),
    "loss_landscape": lambda n, r, ax: plots.loss_landscape(n, *XOR, resolution=5, ax=ax),
    "confusion_matrix": lambda n, r, ax: plots.confusion_matrix(
        XOR[1], n.predict(XOR[0]) > 0.5, ax=ax
    ),
}


@pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES)
def test_a_picture_goes_where_it_is_asked_to_and_changes_no_network(draw):
    network, recorder = stateful()
    before = pickle.dumps((network, recorder))
    figure, axes = plt.subplots(1, 2)
    assert draw(network, recorder, axes[1]) is axes[1]
    assert axes[1].has_data()
    assert not axes[0].has_data()
    assert plt.get_fignums() == [figure.number]
    figure.canvas.draw()
    assert pickle.dumps((network, recorder)) == before


@pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES)
def test_without_axes_there_is_one_new_figure(draw):
    other, theirs = plt.subplots()
    ax = draw(*stateful(), None)
    assert ax.figure is not other
    assert plt.get_fignums() == [other.number, ax.figure.number]
    assert not theirs.has_data()
    assert ax.get_title()
    assert type(ax.figure.get_layout_engine()).__name__ == "ConstrainedLayoutEngine"
    ax.figure.canvas.draw()


@pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES)
def test_what_are_no_axes_is_refused(draw):
    network, recorder = stateful()
    figure, axes = plt.subplots(1, 2)
    with pytest.raises(bp.ParameterError, match=r"^ax must be one matplotlib Axes.*got ndarray"):
        draw(network, recorder, axes)
    solid = figure.add_subplot(projection="3d")
    with pytest.raises(bp.ParameterError, match=r"^ax must be flat for this picture; got 3d"):
        draw(network, recorder, solid)
    assert plt.get_fignums() == [figure.number]


@pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES)
def test_without_matplotlib_the_error_names_the_extra(draw, monkeypatch):
    given = stateful()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(bp.MissingExtraError) as caught:
        draw(*given, None)
    assert str(caught.value) == "plots need matplotlib: pip install 'backproplite[plot]'"


def test_without_matplotlib_there_is_no_animation(monkeypatch, tmp_path):
    network, recorder = stateful()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(bp.MissingExtraError, match=r"backproplite\[plot\]"):
        plots.training_animation(recorder, network, *XOR, tmp_path / "it.gif")
    with pytest.raises(bp.MissingExtraError):
        plots.require_matplotlib()
    assert not list(tmp_path.iterdir())


def test_importing_the_module_does_not_import_matplotlib():
    code = "import sys, backproplite.plots; print('matplotlib' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


TAKES_NETWORK = {
    "decision_boundary": lambda n: plots.decision_boundary(n, *XOR),
    "network_diagram": plots.network_diagram,
    "weight_histograms": plots.weight_histograms,
    "activation_histograms": lambda n: plots.activation_histograms(n, XOR[0]),
    "loss_landscape": lambda n: plots.loss_landscape(n, *XOR),
    "gradient_flow": lambda n: plots.gradient_flow({"a": (n, *XOR)}),
}


@pytest.mark.parametrize("draw", TAKES_NETWORK.values(), ids=TAKES_NETWORK)
@pytest.mark.parametrize(
    ("given", "called"),
    [(None, "NoneType"), ([bp.Dense(2, 1)], "list"), (bp.Network, "the class Network")],
)
def test_what_is_no_network_is_named(draw, given, called):
    with pytest.raises(bp.ParameterError, match=rf"^network must be a Network; got {called}\.$"):
        draw(given)
    assert not plt.get_fignums()


TAKES_DATA = {
    "decision_boundary": plots.decision_boundary,
    "network_diagram": plots.network_diagram,
    "gradient_flow": plots.gradient_flow,
    "loss_landscape": plots.loss_landscape,
}
BAD_X = [
    (XOR[0][:, :1], bp.ShapeError, r"^X must have 2 features; got 1"),
    (XOR[0][0], bp.ShapeError, r"^X must be 2-D"),
    (XOR[0] * NAN, bp.InputError, r"^X must be finite"),
]
BAD_Y = [
    (XOR[1][:3], bp.ShapeError, r"^X and y must have the same number of samples"),
    (["a"] * 4, bp.InputError, r"^y must hold real numbers"),
    (np.ones((4, 2)), bp.ShapeError, r"^y must have shape \(samples, 1\)"),
]


@pytest.mark.parametrize(
    ("draw", "X", "y", "error", "text"),
    [
        *((draw, X, XOR[1], *rest) for draw in TAKES_DATA.values() for X, *rest in BAD_X),
        *((draw, XOR[0], y, *rest) for draw in TAKES_DATA.values() for y, *rest in BAD_Y),
        *((lambda n, X, _: plots.activation_histograms(n, X), X, 0, *rest) for X, *rest in BAD_X),
    ],
)
def test_data_go_through_the_checks_of_the_network(draw, X, y, error, text):
    with pytest.raises(error, match=text):
        draw(network_of(), X, y)
    assert not plt.get_fignums()


# Colours

#: What a protanope, a deuteranope and a tritanope see of linear red, green and blue:
#: Machado, Oliveira, Fernandes: A physiologically-based model for simulation of color
#: vision deficiency, 2009.
SIGHTS = {
    "everyone": np.eye(3),
    "protanopia": [[0.1523, 1.0526, -0.2049], [0.1145, 0.7863, 0.0992], [-0.0039, -0.0481, 1.052]],
    "deuteranopia": [[0.3673, 0.8606, -0.228], [0.2801, 0.6725, 0.0474], [-0.0118, 0.0429, 0.9689]],
    "tritanopia": [[1.2555, -0.0767, -0.1788], [-0.0784, 0.9308, 0.1476], [0.0047, 0.6914, 0.3039]],
}


def seen(colours, sight):
    """CIE L*a*b* of colours as someone sees them; a distance of 2.3 is just noticeable."""
    rgb = np.array([to_rgb(colour) for colour in colours])
    light = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    light = np.clip(light @ np.transpose(SIGHTS[sight]), 0, 1)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = light @ np.transpose(to_xyz) / [0.9505, 1, 1.089]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


@pytest.mark.parametrize("sight", SIGHTS)
def test_colours_are_told_apart_by_everyone(sight):
    palette = seen(plots.COLOURS, sight)
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(palette, 2)) > 15
    shades = plots._diverging("white")(np.linspace(0, 1, 21))[:, :3]
    two_sides = seen(shades, sight)
    distance = np.linalg.norm(two_sides - two_sides[::-1], axis=1)
    assert (distance[:9] > 15).all()  # but for the very middle
    assert distance[0] > 80
    red, green = seen(["red", "green"], "deuteranopia")
    assert np.linalg.norm(red - green) < np.linalg.norm(seen(["red", "green"], "everyone")) / 2


def test_many_things_have_shades_from_dark_to_light():
    shades = seen(plots._colours(20), "everyone")
    assert (np.diff(shades[:, 0]) > 0).all()
    assert shades[-1, 0] < 90  # still visible on white


# Losses


def test_a_network_is_drawn_with_its_history():
    network = network_of().fit(*XOR, 30, validation_data=XOR)
    ax = plots.loss_curves(network)
    x, y = line(ax, "loss: ")
    assert x.tolist() == list(range(1, 31))
    assert y.tolist() == network.history["loss"]
    assert line(ax, "loss, validation")[1].tolist() == network.history["val_loss"]
    train, validation = ax.lines[0], ax.lines[2]
    assert train.get_color() is validation.get_color()
    assert (train.get_linestyle(), validation.get_linestyle()) == ("-", "--")
    assert legend(ax) == [
        f"loss: ends at {network.history['loss'][-1]:.3g}",
        f"loss, validation: ends at {network.history['val_loss'][-1]:.3g}",
    ]
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_yscale()) == ("epoch", "loss", "log")


def test_validation_and_log_may_be_left_out():
    network = network_of().fit(*XOR, 3, validation_data=XOR)
    ax = plots.loss_curves(network, validation=False, log=False)
    assert len(legend(ax)) == 1
    assert ax.get_yscale() == "linear"
    assert len(legend(plots.loss_curves(network_of().fit(*XOR, 3)))) == 1  # there is none


def test_a_run_may_be_many_things():
    network = network_of().fit(*XOR, 2)
    descent = path_of(steps=2)[1]
    ax = plots.loss_curves([network, network.history, [3.0, 2.0], np.array([1.0]), descent])
    curves = [each.get_data() for each in ax.lines[::2]]
    losses = network.history["loss"]
    assert [y.tolist() for _, y in curves] == [losses, losses, [3, 2], [1], descent.values.tolist()]
    assert [x[0] for x, _ in curves] == [1, 1, 1, 1, 0]
    assert [text.split(":")[0] for text in legend(ax)] == [f"run {i}" for i in range(1, 6)]
    assert ax.get_xlabel() == "epoch or step"
    for single in ([3.0, 2.0], (3, 2), np.array([3.0, 2.0]), iter([3, 2]), {"loss": [3, 2]}):
        assert line(plots.loss_curves(single), "loss: ")[1].tolist() == [3, 2]
    table = plots.loss_curves(np.array([[3.0, 2.0], [5.0, 4.0]]))
    assert line(table, "run 2")[1].tolist() == [5, 4]


def test_labels_are_those_given():
    assert legend(plots.loss_curves({"a": [1.0], "b": [2.0]})) == ["a: ends at 1", "b: ends at 2"]
    ax = plots.loss_curves([[1.0], [2.0]], labels=("x", 7))
    assert legend(ax) == ["x: ends at 1", "7: ends at 2"]
    long = "a label that is much longer than anyone would wish it to be on a picture"
    ax = plots.loss_curves([0.5, 0.25], labels=[long])
    assert legend(ax) == [f"{long}: ends at 0.25"]
    assert max(map(len, ax.get_legend().get_texts()[0].get_text().split("\n"))) <= 44


def test_the_end_of_each_curve_is_marked():
    ax = plots.loss_curves([[3.0, 2.0, 1.0], [5.0]])
    assert [each.get_data() for each in ax.lines[1::2]] == [([3], [1]), ([1], [5])]
    assert [each.get_marker() for each in ax.lines[1::2]] == ["o", "o"]


def test_zeros_have_no_logarithm():
    assert plots.loss_curves([0.0, 0.0]).get_yscale() == "linear"
    ax = plots.loss_curves([1.0, 0.0])
    assert ax.get_yscale() == "log"
    assert legend(ax) == ["loss: ends at 0"]
    ax.figure.canvas.draw()


def test_epochs_are_whole_numbers():
    for losses in ([1.0], [1.0, 0.5], [1.0, 0.5, 0.25]):
        ax = plots.loss_curves(losses)
        low, high = ax.get_xlim()
        ticks = [tick for tick in ax.get_xticks() if low <= tick <= high]
        assert ticks == [round(tick) for tick in ticks] != []


def test_a_long_legend_stands_beside_the_picture():
    runs = [[1.0, 1 / (i + 1)] for i in range(9)]
    ax = plots.loss_curves(runs)
    ax.figure.canvas.draw()
    assert ax.get_legend().get_window_extent().x0 >= ax.get_window_extent().x1
    assert ax.get_legend().get_window_extent().x1 <= ax.figure.bbox.x1
    plain = plots.loss_curves(runs, ax=plt.subplots()[1])  # where no layout would make room
    plain.figure.canvas.draw()
    assert plain.get_legend().get_window_extent().x1 <= plain.get_window_extent().x1


def test_more_runs_than_colours_differ_in_colour_and_style():
    ax = plots.loss_curves([[1.0, 0.5]] * 12)
    looks = {(each.get_linestyle(), tuple(each.get_color())) for each in ax.lines[::2]}
    assert len(looks) == 12
    assert len({style for style, _ in looks}) == 2


@pytest.mark.parametrize(
    ("runs", "text"),
    [
        (network_of(), r"^runs must hold at least one loss: train the network first"),
        ([], r"^runs must hold at least one loss"),
        ({}, r"^runs must hold at least one loss"),
        ({"a": []}, r"^runs must hold at least one loss"),
        (7, r"^runs must be a Network, a history, .* sequence of losses; got int"),
        (None, r"^runs must be .*got NoneType"),
        ("losses", r"^runs\[0\] must be .*got str"),
        ([[1.0], "b"], r"^runs\[1\] must be .*got str"),
        ({"x": [[1.0, 2.0]]}, r"^runs\['x'\] must be .*got list"),
        ({"x": {"val_loss": [1.0]}}, r"^runs\['x'\] must be .*got dict"),
        ({"loss": [1.0, 2.0], "val_loss": [1.0]}, r"^runs must be .*got dict"),
        (bp.Network, r"^runs must be .*got the class Network"),
    ],
)
def test_bad_runs_are_named(runs, text):
    with pytest.raises(bp.ParameterError, match=text):
        plots.loss_curves(runs)
    assert not plt.get_fignums()


@pytest.mark.parametrize("labels", ["a", ["a"], ["a", "b", "c"], 3])
def test_labels_must_be_as_many_as_runs(labels):
    with pytest.raises(bp.ParameterError, match=r"^labels must be a list .* 2 in all; got"):
        plots.loss_curves([[1.0], [2.0]], labels=labels)


def test_learning_rates_are_in_order_and_say_where_they_ended():
    ax = plots.learning_rates({2.0: [0.3, 0.4], 0.1: [0.3, 0.2], 0.5: [0.3, 0.3]})
    assert legend(ax) == ["0.1: ends at 0.2", "0.5: ends at 0.3", "2: ends at 0.4, diverged"]
    title = ax.get_legend().get_title().get_text()
    assert title == "learning rate\n(diverged: ended higher than it began)"
    calm = plots.learning_rates({0.1: [0.3, 0.2]})
    assert calm.get_legend().get_title().get_text() == "learning rate"
    assert line(ax, "0.1")[1].tolist() == [0.3, 0.2]


@pytest.mark.parametrize("end", [NAN, INF])
def test_a_run_that_is_not_finite_at_the_end_diverged(end):
    ax = plots.learning_rates({1.0: [0.3, end], 0.1: [0.3, 0.2]})
    assert legend(ax)[1] == f"1: ends at {end}, diverged"
    ax.figure.canvas.draw()


def test_rates_of_lesson_1_and_the_one_that_diverges_leaves_at_the_top():
    paths = {rate: path_of(rate)[1] for rate in (1.5, 0.01, 0.3)}
    ax = plots.learning_rates(paths)
    assert legend(ax) == [
        "0.01: ends at 2.79",
        "0.3: ends at 7.56e-16",
        "1.5: ends at 6.87e+12, diverged",
    ]
    bottom, top = ax.get_ylim()
    assert top == pytest.approx(625)  # a hundred times the start
    assert bottom < 7.56e-16
    assert plots.learning_rates({1.5: paths[1.5]}).get_ylim()[1] > 6.87e12  # alone it may fill it


def test_a_run_without_an_epoch_stands_in_the_legend():
    assert legend(plots.learning_rates({9.0: [], 1.0: [1.0]}))[1] == "9: no epoch finished"


def test_rates_that_look_alike_are_both_drawn():
    assert len(legend(plots.learning_rates({0.1: [1.0], 0.1 + 1e-12: [2.0]}))) == 2


@pytest.mark.parametrize("runs", [[[1.0]], {"fast": [1.0]}, None, network_of()])
def test_rates_must_be_numbers(runs):
    with pytest.raises(bp.ParameterError, match=r"^runs must be a dict from rate to run; got"):
        plots.learning_rates(runs)


# Functions


@pytest.mark.parametrize("start", [0.5, [0.5]])
def test_the_path_lies_on_the_curve(start):
    function, path = path_of(start=start)
    ax = plots.descent_path(lambda w: float(np.sum(function(w))), path)
    w, values = ax.lines[0].get_data()
    np.testing.assert_allclose(values, (w - 3) ** 2)
    x, y = line(ax, "path")
    np.testing.assert_array_equal(x, path.points.ravel())
    np.testing.assert_array_equal(y, path.values)
    (low, high), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    assert low < x.min() < x.max() < high
    assert bottom < y.min() < y.max() < top
    assert legend(ax) == ["path: ends at 2.99999997"]


def test_circle_and_star_are_start_and_end():
    function, path = path_of()
    ax = plots.descent_path(function, path)
    marked = {each.get_marker(): each.get_data() for each in ax.lines[2:]}
    assert marked["o"] == (path.points[0], path.values[0])
    assert marked["*"] == (path.points[-1], path.values[-1])
    assert ax.get_title() == "Descent: ○ start, ★ end"


@pytest.mark.parametrize("start", [0.5, [0.5, 2.0]])
def test_a_span_is_what_is_shown(start):
    def bowl(w):
        return np.sum(np.square(w))

    path = bp.minimize(bowl, lambda w: 2 * w, start, steps=3)
    ax = plots.descent_path(bowl, path, span=(-1, 7))
    assert ax.get_xlim() == (-1, 7)
    assert np.ndim(start) == 0 or ax.get_ylim() == (-1, 7)
    with pytest.raises(bp.ParameterError, match=r"^span must be two numbers; got 7"):
        plots.descent_path(bowl, path, span=7)


def test_the_slope_is_a_tangent_at_the_start():
    function, path = path_of()
    ax = plots.descent_path(function, path, slope=True)
    (x0, x1), (y0, y1) = line(ax, "path: slope -5 at the start")
    assert (x0, x1) == ax.get_xlim()
    assert (y1 - y0) / (x1 - x0) == pytest.approx(-5)
    assert np.interp(0.5, [x0, x1], [y0, y1]) == pytest.approx(6.25)


def test_a_diverging_path_is_followed_until_it_leaves():
    function, path = path_of(1.5)
    ax = plots.descent_path(function, path)
    assert legend(ax) == ["path: ends at -2621437, leaves the picture after step 3, diverged"]
    x, _ = line(ax, "path")
    low, high = ax.get_xlim()
    assert x.tolist() == [0.5, 8, -7, 23, -37]  # the last one is outside: the line leads there
    assert ((low < x[:4]) & (x[:4] < high)).all()
    assert x[4] < low
    assert ax.get_ylim()[1] < 1000
    assert "*" not in [each.get_marker() for each in ax.lines]


def test_beside_calm_paths_a_diverging_one_does_not_rule_the_picture():
    function, _ = path_of()
    paths = {rate: path_of(rate)[1] for rate in (0.01, 0.3, 1.5)}
    ax = plots.descent_path(function, paths)
    low, high = ax.get_xlim()
    assert low < 0.5
    assert 3 < high < 10
    for text, rate in zip(legend(ax), paths, strict=True):
        after = re.search(r"leaves the picture after step (\d+)", text)
        points = paths[rate].points
        inside = (low <= points) & (points <= high)
        assert bool(after) == (not inside.all())
        if after:
            assert inside[: int(after[1]) + 1].all()
            assert not inside[int(after[1]) + 1]
    assert len({tuple(each.get_color()) for each in ax.lines[1:]}) == 3


@pytest.mark.parametrize("rate", [1e3, 1e200])
def test_a_path_that_is_gone_at_once_shows_where_it_started(rate):
    function, path = path_of(rate)
    ax = plots.descent_path(function, path)
    low, high = ax.get_xlim()
    assert low < 0.5 < high
    assert "diverged" in legend(ax)[0]
    ax.figure.canvas.draw()


def test_a_path_that_stays_has_a_picture_too():
    function, path = path_of(start=3.0)
    ax = plots.descent_path(function, path)
    assert ax.get_xlim()[0] < 3 < ax.get_xlim()[1]
    assert legend(ax) == ["path: ends at 3"]


def test_where_a_function_is_not_finite_the_curve_has_a_gap():
    path = bp.minimize(lambda w: w - np.log(w), lambda w: 1 - 1 / w, 0.05, bp.Adam(0.2), 50)
    ax = plots.descent_path(lambda w: w - np.log(w), path)
    w, values = ax.lines[0].get_data()
    assert np.isnan(values[w <= 0]).all()
    assert np.isfinite(values[w > 0]).all()
    ax.figure.canvas.draw()


def bowl(w):
    return w[0] ** 2 + 10 * w[1] ** 2


def bowl_path(rate=0.02, steps=30):
    gradient = lambda w: np.array([2, 20]) * w  # noqa: E731
    return bp.minimize(bowl, gradient, [-4, 1.5], bp.GradientDescent(rate), steps)


def test_two_variables_are_drawn_on_contours_of_the_function():
    path = bowl_path()
    ax = plots.descent_path(bowl, path)
    np.testing.assert_array_equal(np.transpose(line(ax, "path")), path.points)
    contours = ax.collections[0]
    lines = [
        (level, shape.vertices)
        for level, shape in zip(contours.levels, contours.get_paths(), strict=True)
    ]
    assert len(lines) == 15
    for level, places in lines[8:]:  # the outer ones, long against the distance of the grid
        np.testing.assert_allclose(bowl(places.T), level, rtol=0.02)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("w₁", "w₂")
    (low, high), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    assert ([low, bottom] < path.points.min(axis=0)).all()
    assert (path.points.max(axis=0) < [high, top]).all()
    assert legend(ax)[0] == "path: ends at ({:.3g}, {:.3g})".format(*path.points[-1])


def test_two_variables_may_diverge():
    path = bowl_path(0.11)
    ax = plots.descent_path(bowl, path)
    step = int(re.search(r"after step (\d+), diverged", legend(ax)[0])[1])
    (low, high), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    inside = ((path.points >= [low, bottom]) & (path.points <= [high, top])).all(axis=1)
    assert inside[: step + 1].all()
    assert not inside[step + 1]
    np.testing.assert_array_equal(np.transpose(line(ax, "path")), path.points[: step + 2])


def test_a_flat_function_has_no_contours():
    flat = lambda w: 7.0  # noqa: E731
    ax = plots.descent_path(flat, bp.minimize(flat, lambda w: 0 * w, [1.0, 2.0], steps=2))
    assert not ax.collections
    ax.figure.canvas.draw()


@pytest.mark.parametrize("offset", [0.0, 1e-9, 1.0, -5.0, 1e9])
def test_levels_are_inside_the_values_and_closer_at_the_bottom(offset):
    values = offset + np.linspace(0, 10, 50).reshape(5, 10)
    levels = plots._levels(values)
    assert values.min() < levels[0]
    assert levels[-1] < values.max()
    assert (np.diff(levels) > 0).all()
    assert (np.diff(levels, n=2) > 0).all()


def test_values_that_differ_by_rounding_have_no_levels():
    assert not plots._levels(np.array([[1.0, 1 + 1e-15]])).size
    assert not plots._levels(np.full((2, 2), NAN)).size


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ({"paths": [1, 2]}, bp.ParameterError, r"^paths must be a Descent or a dict .*got list"),
        ({"paths": {"a": 3}}, bp.ParameterError, r"^paths must be .*got dict"),
        ({"paths": {}}, bp.ShapeError, r"^paths must all have one variable, or all two; got \[\]"),
        ({"function": 3}, bp.ParameterError, r"^function must be a function of a point; got int"),
        ({"paths": bp.minimize(square, None, np.ones(3))}, bp.ShapeError, r"^paths .*got \[3\]"),
        ({"paths": {"a": path_of()[1], "b": bowl_path()}}, bp.ShapeError, r"got \[1, 2\]"),
        ({"paths": bowl_path(), "slope": True}, bp.ParameterError, r"^slope must be False for two"),
    ],
)
def test_bad_paths_are_refused(given, error, text):
    with pytest.raises(error, match=text):
        plots.descent_path(**{"function": square, "paths": path_of()[1]} | given)
    assert not plt.get_fignums()


@pytest.mark.parametrize(
    "layer", [bp.Sigmoid(), bp.Tanh(), bp.GELU(), bp.SiLU(), bp.Softplus(), bp.Identity()], ids=repr
)
@pytest.mark.parametrize("span", [(-5, 5), (-1000, 1000)])
def test_smooth_activations_are_drawn_without_gaps(layer, span):
    ax = plots.activation(layer, span=span)
    x, values = line(ax, "value")
    np.testing.assert_array_equal(values, layer(x))
    at, slopes = line(ax, "derivative")
    np.testing.assert_array_equal(slopes, layer.derivative(at))
    assert (x[0], x[-1]) == span
    assert ax.get_title() == repr(layer)


@pytest.mark.parametrize("layer", [bp.ReLU(), bp.LeakyReLU(0.2), bp.ELU(0.5)], ids=repr)
def test_where_the_derivative_jumps_it_has_a_gap(layer):
    x, slopes = line(plots.activation(layer), "derivative")
    gap = np.flatnonzero(np.isnan(slopes))
    assert len(gap) == 1
    assert abs(x[gap[0]]) <= 0.01
    rest = np.delete(slopes, gap), np.delete(x, gap)
    np.testing.assert_array_equal(rest[0], layer.derivative(rest[1]))


def test_the_legend_of_the_sigmoid_says_its_largest_slope():
    text = legend(plots.activation(bp.Sigmoid()))[1]
    assert text == f"derivative f'(x), here from {bp.Sigmoid().derivative(5.0):.3g} to 0.25"


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"activation": bp.Softmax()}, r"^Softmax\(\) is not elementwise"),
        ({"activation": bp.Sigmoid}, r"^activation must be an instance .*got the class Sigmoid"),
        ({"activation": bp.Dense(1, 1)}, r"^activation must be an instance .*got Dense"),
        ({"activation": np.tanh}, r"^activation must be"),
        ({"span": 5}, r"^span must be two numbers; got 5"),
        ({"span": (1, 2, 3)}, r"^span must be two numbers"),
        ({"span": (1, 1)}, r"^span\[1\] must be a finite number above 1; got 1"),
        ({"span": (NAN, 1)}, r"^span\[0\] must be a finite number; got nan"),
    ],
)
def test_bad_activations_are_refused(given, text):
    with pytest.raises(bp.ParameterError, match=text):
        plots.activation(**{"activation": bp.ReLU()} | given)
    assert not plt.get_fignums()


# Classes


def background(ax):
    """The image, and the middles of its cells."""
    (image,) = ax.images
    values = image.get_array()
    left, right, bottom, top = image.get_extent()
    x = left + (np.arange(values.shape[1]) + 0.5) * (right - left) / values.shape[1]
    y = bottom + (np.arange(values.shape[0]) + 0.5) * (top - bottom) / values.shape[0]
    assert image.origin == "lower"
    return image, np.asarray(values), np.stack(np.meshgrid(x, y), axis=-1)


def contour_places(ax):
    sets = [each for each in ax.collections if hasattr(each, "levels")]
    return [np.concatenate([path.vertices for path in each.get_paths()]) for each in sets]


def test_the_background_is_the_output_at_its_place():
    network = network_of().fit(*XOR, 3000)
    ax = plots.decision_boundary(network, *XOR, resolution=30)
    image, values, places = background(ax)
    predicted = network.predict(places.reshape(-1, 2)).reshape(30, 30)
    np.testing.assert_allclose(values, predicted, atol=1e-9)
    assert image.get_clim() == (0, 1)
    (boundary,) = contour_places(ax)
    assert len(boundary) > 20
    np.testing.assert_allclose(network.predict(boundary), 0.5, atol=0.02)
    assert colour_bar(ax).get_ylabel() == "output"


def test_blue_is_class_0_and_vermilion_is_class_1():
    network = network_of().fit(*XOR, 3000)
    ax = plots.decision_boundary(network, *XOR, resolution=30)
    image, values, _ = background(ax)
    for shown, colour in ((values.min(), "#0072B2"), (values.max(), "#D55E00")):
        cell = np.array(image.to_rgba(shown)[:3])
        own = np.linalg.norm(cell - to_rgb(colour))
        other = {"#0072B2": "#D55E00", "#D55E00": "#0072B2"}[colour]
        assert own < np.linalg.norm(cell - to_rgb(other)) / 2
    drawn = {each.get_label(): each for each in ax.collections if hasattr(each, "get_offsets")}
    for label, colour, places in (
        ("class 0", "#0072B2", [[0, 0], [1, 1]]),
        ("class 1", "#D55E00", [[0, 1], [1, 0]]),
    ):
        assert drawn[label].get_offsets().tolist() == places
        assert tuple(drawn[label].get_facecolor()[0]) == to_rgba(colour)
    assert legend(ax) == ["class 0", "class 1"]
    handles = ax.get_legend().legend_handles
    assert [tuple(each.get_facecolor()[0][:3]) for each in handles] == [
        to_rgb("#0072B2"),
        to_rgb("#D55E00"),
    ]
    markers = [
        each.get_paths()[0].vertices for each in drawn.values() if each.get_label()[0] == "c"
    ]
    assert markers[0].shape != markers[1].shape  # a circle and a square


def test_the_samples_have_room_around_them_and_nothing_upon_them():
    ax = plots.decision_boundary(network_of(), *XOR)
    np.testing.assert_allclose([*ax.get_xlim(), *ax.get_ylim()], [-0.2, 1.2, -0.2, 1.2])
    ax.figure.canvas.draw()
    box = ax.get_legend().get_window_extent()
    assert box.y0 >= ax.get_window_extent().y1
    assert ax.title.get_window_extent().y0 >= box.y1 - 1


def test_the_title_counts_what_is_right():
    network = linear([[1.0], [0.0]])  # says x₁
    X = [[0.0, 0.0], [0.2, 5.0], [0.9, 1.0], [1.0, 3.0]]
    for y, right in (([0, 0, 1, 1], 4), ([0, 1, 1, 1], 3), ([1, 1, 0, 0], 0)):
        ax = plots.decision_boundary(network, X, y, resolution=5)
        assert ax.get_title() == f"Decision boundary: {right} of 4 right"


def three_classes(loss):
    """A network that has class 0 on the left, 1 on the right, 2 far up."""
    last = [bp.Softmax()] if loss.wants_probabilities else []
    network = network_of(bp.Dense(2, 3), *last, loss=loss)
    network.layers[0].weight[...] = [[-4, 4, 0], [0, 0, 6]]
    network.layers[0].bias[...] = [0, 0, -6]
    return network


THREE = np.array([[-1.0, 0.0], [1.0, 0.0], [0.1, 4.0], [-0.5, 1.0]]), np.array([0, 1, 2, 2])


@pytest.mark.parametrize(
    ("loss", "y"),
    [
        (bp.SoftmaxCrossEntropy(), THREE[1]),
        (bp.SoftmaxCrossEntropy(), np.eye(3)[THREE[1]]),
        (bp.CategoricalCrossEntropy(), THREE[1].tolist()),
        (bp.MeanSquaredError(), np.eye(3)[THREE[1]]),
    ],
    ids=["labels", "one-hot", "probabilities", "squared error"],
)
def test_the_background_has_the_colour_of_the_predicted_class(loss, y):
    network = three_classes(loss)
    ax = plots.decision_boundary(network, THREE[0], y, resolution=40)
    _, values, places = background(ax)
    outputs = network.predict(places.reshape(-1, 2))
    palette = np.array([to_rgb(colour) for colour in plots.COLOURS[:3]])
    direction = (1 - values.reshape(-1, 3))[:, None] / np.linalg.norm(
        1 - values.reshape(-1, 3), axis=1
    )[:, None, None]
    ideal = (1 - palette) / np.linalg.norm(1 - palette, axis=1, keepdims=True)
    nearest = np.linalg.norm(direction - ideal, axis=-1).argmin(axis=1)
    np.testing.assert_array_equal(nearest, outputs.argmax(axis=1))
    strength = np.linalg.norm(1 - values.reshape(-1, 3), axis=1)
    for k in range(3):  # the larger the output, the stronger the colour
        own = nearest == k
        order = np.clip(outputs[own, k], 0, 1)
        assert (np.diff(strength[own][np.argsort(order)]) > -1e-9).all()
    assert ax.get_title() == "Decision boundary: 3 of 4 right"
    assert legend(ax) == ["class 0", "class 1", "class 2"]
    assert len(ax.figure.axes) == 1  # no colour bar


def test_lines_are_where_two_classes_share_the_first_place():
    network = three_classes(bp.SoftmaxCrossEntropy())
    ax = plots.decision_boundary(network, *THREE, resolution=80)
    sets = contour_places(ax)
    assert len(sets) == 3
    for places in sets:
        outputs = np.sort(network.predict(places), axis=1)
        np.testing.assert_allclose(outputs[:, -1], outputs[:, -2], atol=0.1)


def test_a_class_that_is_never_predicted_has_no_line():
    network = linear(np.zeros((2, 3)), [0.0, 1.0, -1.0], loss=bp.SoftmaxCrossEntropy())
    ax = plots.decision_boundary(network, [[0, 0], [1, 1]], [0, 2], resolution=5)
    assert not contour_places(ax)
    assert legend(ax) == ["class 0", "class 2"]


def test_many_classes_have_their_own_looks():
    X, y = bp.datasets.spirals(60, classes=12, noise=0)
    network = network_of(bp.Dense(2, 12), loss=bp.SoftmaxCrossEntropy())
    ax = plots.decision_boundary(network, X, y, resolution=20)
    assert legend(ax) == [f"class {k}" for k in range(12)]
    scatters = [each for each in ax.collections if str(each.get_label()).startswith("class")]
    assert len({tuple(each.get_facecolor()[0]) for each in scatters}) == 12
    ax.figure.canvas.draw()
    box = ax.get_legend().get_window_extent()
    assert ax.title.get_window_extent().y0 >= box.y1 - 1
    assert box.x0 >= 0
    assert box.x1 <= ax.figure.bbox.x1


@pytest.mark.parametrize("y", [[0, 1, 1, 0], [[0], [1], [1], [0]], np.array([0, 1, 1, 0.0])])
def test_one_output_takes_labels_and_columns(y):
    network = network_of(bp.Dense(2, 1), loss=bp.SigmoidCrossEntropy())
    ax = plots.decision_boundary(network, XOR[0], y, resolution=5)
    scatters = {each.get_label(): each for each in ax.collections if hasattr(each, "get_offsets")}
    assert scatters["class 1"].get_offsets().tolist() == [[0, 1], [1, 0]]


def test_one_sample_and_a_constant_network_have_a_picture():
    ax = plots.decision_boundary(linear([[0.0], [0.0]], 0.7), [[3.0, 3.0]], [1], resolution=5)
    assert not contour_places(ax)
    np.testing.assert_allclose(ax.get_xlim(), [2.8, 3.2])
    assert ax.get_title() == "Decision boundary: 1 of 1 right"


class Pairs(bp.Layer):
    """A layer of any width: each feature with its square."""

    def forward(self, x):
        return np.concatenate([x, x * x], axis=-1), x

    def backward(self, grad_output, x):
        n = x.shape[-1]
        return grad_output[..., :n] + 2 * x * grad_output[..., n:]


@pytest.mark.parametrize(
    ("network", "X", "y", "error", "text"),
    [
        (linear(np.ones((1, 1))), [[1.0]], [1], bp.ShapeError, r"takes 2 features.*takes 1\.$"),
        (linear(np.ones((3, 1))), np.ones((2, 3)), [1, 0], bp.ShapeError, r"this one takes 3\.$"),
        (network_of(Pairs()), np.ones((2, 3)), np.ones((2, 6)), bp.ShapeError, r"^X must have 2"),
        (
            linear(np.ones((2, 1))),
            [[1, 2]],
            [3],
            bp.InputError,
            r"^y must be 0 or 1 for one .*got 3",
        ),
        (linear(np.ones((2, 1))), [[1, 2]], [-1], bp.InputError, r"^y must hold whole .*got -1\."),
        (linear(np.ones((2, 1))), [[1, 2]], [2.5], bp.InputError, r"^y must hold .*got 2\.5"),
    ],
)
def test_a_boundary_needs_two_features_and_classes(network, X, y, error, text):
    with pytest.raises(error, match=text):
        plots.decision_boundary(network, X, y)
    assert not plt.get_fignums()


@pytest.mark.parametrize("resolution", [1, 0, 2.5, "high", True])
def test_bad_resolutions_are_refused(resolution):
    for draw in (plots.decision_boundary, plots.loss_landscape):
        with pytest.raises(
            bp.ParameterError, match=r"^resolution must be a whole number .*least 2"
        ):
            draw(network_of(), *XOR, resolution=resolution)
    assert not plt.get_fignums()


TRUE, PREDICTED = [0, 0, 0, 1, 1, 2, 2, 2, 2], [0, 0, 1, 1, 1, 2, 0, 2, 2]
COUNTS = [[2, 1, 0], [0, 2, 0], [1, 0, 3]]


def cells(ax):
    shape = ax.images[0].get_array().shape
    table = np.full(shape, -1)
    for text in ax.texts:
        column, row = text.get_position()
        table[row, column] = int(text.get_text())
    return table


@pytest.mark.parametrize("y", [TRUE, np.eye(3)[TRUE], np.array(TRUE)[:, None]])
@pytest.mark.parametrize("predictions", [PREDICTED, 0.1 + 0.7 * np.eye(3)[PREDICTED]])
def test_each_cell_has_its_count(y, predictions):
    ax = plots.confusion_matrix(y, predictions)
    assert cells(ax).tolist() == COUNTS
    assert ax.get_title() == "Accuracy 77.8 % (7 of 9)"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted class", "true class")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["0", "1", "2"]
    shade = np.asarray(ax.images[0].get_array())
    assert np.argsort(shade.ravel(), kind="stable").tolist() == (
        np.argsort(np.ravel(COUNTS), kind="stable").tolist()
    )


def test_probabilities_of_class_1_are_classes():
    ax = plots.confusion_matrix(XOR[1], [[0.1], [0.9], [0.4], [0.5]])
    assert cells(ax).tolist() == [[2, 0], [1, 1]]
    assert cells(plots.confusion_matrix([0, 1], [0.2, 0.7])).tolist() == [[1, 0], [0, 1]]


def test_labels_name_the_classes_also_those_that_do_not_occur():
    ax = plots.confusion_matrix([0, 1], [0, 0], labels=["cat", "dog", "eel"])
    assert [label.get_text() for label in ax.get_xticklabels()] == ["cat", "dog", "eel"]
    assert cells(ax).tolist() == [[1, 0, 0], [1, 0, 0], [0, 0, 0]]
    only_one = plots.confusion_matrix([0, 0], [0, 0])
    assert cells(only_one).tolist() == [[2]]
    only_one.figure.canvas.draw()


def luminance(colour):
    rgb = np.array(to_rgb(colour))
    light = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return light @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize("largest", [1, 7, 40, 1000])
def test_counts_can_be_read(largest):
    counts = np.unique(np.linspace(0, largest, 12).round().astype(int))
    true = np.repeat(np.arange(len(counts)), counts)
    ax = plots.confusion_matrix(true, np.zeros_like(true))
    image = ax.images[0]
    for text in ax.texts:
        if text.get_text() != "0":
            column, row = text.get_position()
            dark, light = sorted(
                map(
                    luminance, (text.get_color(), image.to_rgba(image.get_array())[row, column, :3])
                )
            )
            assert (light + 0.05) / (dark + 0.05) > 4.5  # the least that WCAG asks of a text


@pytest.mark.parametrize(
    ("y", "predictions", "labels", "error", "text"),
    [
        ([0, 1], [0], None, bp.ShapeError, r"^y and predictions must have the same number"),
        ([], [], None, bp.ShapeError, r"^y must be labels .*got \(0,\)"),
        ([0], np.ones((1, 1, 1)), None, bp.ShapeError, r"^predictions must be labels"),
        ([0, -1], [0, 1], None, bp.InputError, r"^y must hold whole labels from 0 to 99; got -1"),
        ([0, 1], [0, 2.5], None, bp.InputError, r"^predictions must hold whole .*got 2\.5"),
        ([0, 100], [0, 1], None, bp.InputError, r"^y must hold whole labels .*got 100"),
        (["a"], [0], None, bp.InputError, r"^y must hold real numbers"),
        ([0, 2], [0, 1], ["a", "b"], bp.ParameterError, r"^labels must be a list of at least 3"),
        (
            [0, 1],
            [0, 1],
            "ab",
            bp.ParameterError,
            r"^labels must be a list of at least 2; got 'ab'",
        ),
    ],
)
def test_bad_classes_are_refused(y, predictions, labels, error, text):
    with pytest.raises(error, match=text):
        plots.confusion_matrix(y, predictions, labels=labels)
    assert not plt.get_fignums()


# Networks


def edges(ax):
    """Ends, value, colour and width of each edge, by its two ends."""
    (lines,) = [each for each in ax.collections if isinstance(each, LineCollection)]
    lines.update_scalarmappable()
    return lines, {
        tuple(map(tuple, segment)): (value, tuple(colour), width)
        for segment, value, colour, width in zip(
            lines.get_segments(),
            lines.get_array(),
            lines.get_colors(),
            lines.get_linewidths(),
            strict=True,
        )
    }


def units(ax):
    """Where the units of each column are, from top to bottom."""
    return [
        each.get_offsets().tolist()
        for each in ax.collections
        if not isinstance(each, LineCollection)
    ]


def lesson_5():
    network = network_of(
        *(bp.Dense(2, 2), bp.Sigmoid(), bp.Dense(2, 1), bp.Sigmoid()), loss=bp.HalfSquaredError()
    )
    network.parameters[...] = [0.1, 0.3, 0.2, 0.4, 0.1, 0.2, 0.5, 0.6, 0.1]
    return network, [[0.5, 0.8]], [[1.0]]


def test_each_weight_is_an_edge_between_its_units():
    network = network_of()
    ax = plots.network_diagram(network)
    columns, (_, drawn) = units(ax), edges(ax)
    assert [len(column) for column in columns] == [2, 4, 1]
    assert len(drawn) == 12
    for left, layer in ((0, network.layers[0]), (1, network.layers[2])):
        for (i, j), weight in np.ndenumerate(layer.weight):
            ends = tuple(columns[left][i]), tuple(columns[left + 1][j])
            assert drawn[ends][0] == weight
    assert colour_bar(ax).get_ylabel() == "weight"
    assert ax.get_title() == "Network and its weights"
    for text in ("2 inputs", "4 units", "1 output", "Sigmoid", "layers[2]\nDense(4, 1)"):
        assert text in texts(ax)


def test_with_data_the_edges_are_the_gradients_of_lesson_5():
    network, X, y = lesson_5()
    ax = plots.network_diagram(network, X, y)
    columns, (_, drawn) = units(ax), edges(ax)
    expected = {
        (0, 0, 0): -0.004110506835180244,
        (0, 0, 1): -0.004524968559249537,
        (0, 1, 0): -0.006576810936288391,
        (0, 1, 1): -0.00723994969479926,
        (1, 0, 0): -0.03885950034430786,
        (1, 1, 0): -0.04455943664146406,
    }
    for (left, i, j), gradient in expected.items():
        ends = tuple(columns[left][i]), tuple(columns[left + 1][j])
        assert drawn[ends][0] == pytest.approx(gradient, rel=1e-14)
        assert f"{gradient:.3g}" in texts(ax)
    assert colour_bar(ax).get_ylabel() == "∂loss/∂weight"
    assert ax.get_title() == "Gradient of the loss (0.04904) by each weight"


def test_colour_shows_the_sign_and_width_the_size():
    ax = plots.network_diagram(linear([[-2.0, 1.0], [0.0, 2.0]]))
    lines, drawn = edges(ax)
    assert lines.get_clim() == (-2, 2)
    look = {value: (colour[:3], width) for value, colour, width in drawn.values()}
    assert look[-2][0] == pytest.approx(to_rgb("#0072B2"), abs=0.01)
    assert look[2][0] == pytest.approx(to_rgb("#D55E00"), abs=0.01)
    assert max(look[0][0]) - min(look[0][0]) < 0.01  # grey
    assert look[-2][1] == look[2][1] > look[1][1] > look[0][1] > 0
    assert lines.get_array().tolist() == [0, 1, -2, 2]  # the strongest come last, on top


def test_each_value_is_written_on_its_own_edge():
    ax = plots.network_diagram(network_of(bp.Dense(3, 5), bp.Tanh(), bp.Dense(5, 2)))
    _, drawn = edges(ax)
    written = [text for text in ax.texts if re.fullmatch(r"-?[\d.e-]+", text.get_text())]
    assert len(written) == len(drawn) == 25
    assert len({text.get_position() for text in written}) == 25
    for text in written:
        x, y = text.get_position()
        on = [
            value
            for ((x0, y0), (x1, y1)), (value, _, _) in drawn.items()
            if x0 < x < x1 and np.isclose(np.interp(x, [x0, x1], [y0, y1]), y)
        ]
        assert f"{on[0]:.3g}" == text.get_text()
        assert len(on) == 1
    for column in (0, 1):
        heights = sorted(
            t.get_position()[1] for t in written if column < t.get_position()[0] < column + 1
        )
        np.testing.assert_allclose(np.diff(heights), np.diff(heights)[0])


def test_many_values_are_not_written():
    ax = plots.network_diagram(network_of(bp.Dense(6, 6)))
    assert not [text for text in texts(ax) if re.fullmatch(r"-?[\d.e-]+", text)]
    assert len(edges(ax)[1]) == 36


def test_of_a_large_layer_the_first_and_last_units_are_drawn():
    network = network_of(bp.Dense(16, 17), bp.ReLU(), bp.Dense(17, 1))
    ax = plots.network_diagram(network)
    columns, (_, drawn) = units(ax), edges(ax)
    assert [len(column) for column in columns] == [16, 10, 1]
    assert texts(ax).count("⋮") == 1
    assert "of large layers the first and last five units" in ax.get_title()
    shown = [0, 1, 2, 3, 4, 12, 13, 14, 15, 16]
    for place, unit in enumerate(shown):
        ends = tuple(columns[1][place]), tuple(columns[2][0])
        assert drawn[ends][0] == network.layers[2].weight[unit, 0]
    assert "17 units" in texts(ax)
    gap = -np.diff([y for _, y in columns[1]])
    assert gap.tolist() == [1, 1, 1, 1, 2, 1, 1, 1, 1]
    dots = next(text for text in ax.texts if text.get_text() == "⋮")
    assert dots.get_position()[1] == (columns[1][4][1] + columns[1][5][1]) / 2


def test_other_layers_are_named_under_the_units_that_they_follow():
    network = network_of(
        *(bp.BatchNorm(2), bp.Dense(2, 3, bp.He()), Pairs(), bp.Dropout(0.1)),
        *(bp.Dense(6, 2), bp.Softmax()),
        loss=bp.CategoricalCrossEntropy(),
    )
    ax = plots.network_diagram(network)
    assert [len(column) for column in units(ax)] == [2, 3, 6, 2]
    place = {text.get_text(): text.get_position()[0] for text in ax.texts}
    assert place["BatchNorm"] == 0
    assert place["Pairs\nDropout"] == 1
    assert place["→"] == 1.5
    assert place["Softmax"] == 3
    assert place["layers[1]\nDense(2, 3)"] == 0.5
    assert place["layers[4]\nDense(6, 2)"] == 2.5
    assert len(edges(ax)[1]) == 6 + 12


def test_zeros_are_drawn_thin_and_grey():
    network = network_of()
    network.parameters[...] = 0
    ax = plots.network_diagram(network)
    lines, drawn = edges(ax)
    assert {value for value, *_ in drawn.values()} == {0}
    assert max(width for *_, width in drawn.values()) < 1
    assert lines.get_clim() == (-1, 1)
    ax.figure.canvas.draw()


def test_a_diagram_needs_edges():
    with pytest.raises(bp.ParameterError, match=r"^network must have a Dense layer"):
        plots.network_diagram(network_of(bp.BatchNorm(2)))
    with pytest.raises(bp.ParameterError, match=r"^X and y must both be given"):
        plots.network_diagram(network_of(), XOR[0])
    with pytest.raises(bp.ParameterError, match=r"^X and y must both be given"):
        plots.network_diagram(network_of(), y=XOR[1])


def deep(activation, depth=10):
    layers = [bp.Dense(2, 8), activation()]
    for _ in range(depth - 1):
        layers += [bp.Dense(8, 8), activation()]
    return network_of(*layers, bp.Dense(8, 1))


def test_the_flow_is_the_mean_size_of_each_layers_gradient():
    network = deep(bp.Sigmoid, 3)
    ax = plots.gradient_flow(network, *XOR)
    network.loss_and_gradient(*XOR)
    expected = [abs(layer.block.gradients).mean() for layer in network.layers[::2]]
    x, y = line(ax, "network")
    assert x.tolist() == [1, 2, 3, 4]
    np.testing.assert_allclose(y, expected, rtol=1e-14)
    assert ax.get_yscale() == "log"
    assert ax.get_ylabel() == "mean |∂loss/∂parameter|"
    names = [label.get_text() for label in ax.get_xticklabels()]
    assert names == [f"layers[{2 * i}] {layer!r}" for i, layer in enumerate(network.layers[::2])]


def test_several_networks_are_drawn_side_by_side():
    sick, well = deep(bp.Sigmoid), deep(bp.ReLU, 5)
    ax = plots.gradient_flow({"sigmoid": (sick, *XOR), "ReLU": [well, *XOR]})
    assert legend(ax) == ["sigmoid", "ReLU"]
    assert len(line(ax, "sigmoid")[1]) == 11
    assert len(line(ax, "ReLU")[1]) == 6
    sizes = line(ax, "sigmoid")[1]
    assert sizes[-1] > 1e5 * sizes[0]  # it vanishes on the way back
    assert ax.get_xlabel() == "layer with parameters, counted from the input"


def test_a_recorder_is_drawn_over_its_epochs():
    network, recorder = network_of(), Recorder(5)
    network.fit(*XOR, 40, callbacks=recorder)
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
    triangles = {each.get_label(): each for each in ax.lines}
    assert triangles["dead: 0"].get_xdata().tolist() == [1, 2]
    assert triangles["dead: 0"].get_marker() == "v"
    assert max(triangles["dead: 0"].get_ydata()) < 0.1  # of the height of the axes
    assert triangles["broken: not finite"].get_xdata().tolist() == [1]
    assert min(triangles["broken: not finite"].get_ydata()) > 0.9
    assert np.isnan(triangles["dead"].get_ydata()).tolist() == [True, True, False]
    ax.figure.canvas.draw()


def test_nothing_but_zeros_has_no_logarithm():
    ax = plots.gradient_flow(linear([[1.0], [0.0]]), [[1.0, 0.0]], [1.0])
    assert ax.get_yscale() == "linear"
    ax.figure.canvas.draw()


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ((network_of(),), r"^X and y must both be given"),
        ((None,), r"^subject must be a Network, with X and y, a Recorder, .*got NoneType"),
        (({"a": network_of()},), r"^subject must be .*got dict"),
        (({"a": (network_of(), XOR[0])},), r"^subject must be .*got dict"),
        (({},), r"^subject must have parameters, and a Recorder at least one epoch"),
        ((Recorder(),), r"^subject must have parameters, and a Recorder at least one epoch"),
        ((network_of(Pairs()), [[1.0]], [[1.0, 1.0]]), r"^subject must have parameters"),
    ],
)
def test_bad_subjects_are_refused(given, text):
    with pytest.raises(bp.ParameterError, match=text):
        plots.gradient_flow(*given)
    assert not plt.get_fignums()


def outlines(ax):
    """Edges and heights of each layer's outline, its baseline taken off."""
    steps = [each.get_data() for each in ax.patches if not each.get_fill()]
    return [(edges, values + k) for k, (values, edges, _) in enumerate(steps)]


def names_beside(ax):
    return [label.get_text().replace("\n", " ") for label in ax.get_yticklabels()]


def test_each_outline_is_the_histogram_of_its_layers_weights():
    layers = bp.Dense(2, 40), bp.BatchNorm(40), bp.ReLU(), bp.Dense(40, 1)
    network = network_of(*layers).fit(*XOR, 5)
    network.layers[0].bias[...] = 50  # does not count
    ax = plots.weight_histograms(network)
    assert names_beside(ax) == [
        "layers[0] Dense(2, 40): weight",
        "layers[1] BatchNorm(40): scale, bias",
        "layers[3] Dense(40, 1): weight",
    ]
    norm_layer = network.layers[1]
    arrays = layers[0].weight, np.r_[norm_layer.scale, norm_layer.bias], layers[3].weight
    for (bins, heights), array in zip(outlines(ax), arrays, strict=True):
        counts, _ = np.histogram(array, bins)
        assert counts.sum() == array.size
        np.testing.assert_allclose(heights, 0.9 * counts / counts.max(), atol=1e-12)
    assert ax.get_title().endswith("(each outline to its own scale)")
    assert ax.get_xlabel() == "weight"


def test_activations_are_those_of_the_inference_pass():
    network, _ = stateful()
    ax = plots.activation_histograms(network, XOR[0])
    assert len(names_beside(ax)) == 5
    x = XOR[0]
    for layer, (bins, heights) in zip(network.layers, outlines(ax), strict=True):
        x, _ = layer.forward(x)
        counts, _ = np.histogram(x, bins)
        assert counts.sum() == x.size
        np.testing.assert_allclose(heights, 0.9 * counts / counts.max(), atol=1e-12)


@pytest.mark.parametrize("value", [0.0, 1.0, -1e-30, 1e30])
def test_values_all_alike_have_an_outline(value):
    network = network_of()
    network.parameters[...] = value
    ax = plots.weight_histograms(network)
    assert [heights.max() for _, heights in outlines(ax)] == [pytest.approx(0.9)] * 2
    assert [(heights > 0).sum() for _, heights in outlines(ax)] == [1, 1]
    ax.figure.canvas.draw()


def test_numbers_that_are_not_finite_are_left_out():
    big = linear([[1e200], [1.0]])
    ax = plots.activation_histograms(network_of(bp.Dense(2, 1), Pairs()), [[1e200, 0], [0, 1.0]])
    assert len(outlines(ax)) == 2
    assert big.parameters[0] == 1e200


def test_a_network_without_parameters_has_no_weights_but_outputs():
    network = network_of(Pairs())
    with pytest.raises(bp.ParameterError, match=r"^network must have parameters; it has none"):
        plots.weight_histograms(network)
    assert names_beside(plots.activation_histograms(network, XOR[0])) == ["layers[0] Pairs()"]


# The loss around the parameters


def test_directions_are_as_long_as_the_weights_array_by_array():
    network = network_of(bp.Dense(2, 4), bp.BatchNorm(4), bp.Dense(4, 1))
    network.layers[0].bias[...] = 3
    direction = plots._direction(network, np.random.default_rng(0))
    start = 0
    for array in (
        *(network.layers[0].weight, network.layers[0].bias),
        *(network.layers[1].scale, network.layers[1].bias),
        *(network.layers[2].weight, network.layers[2].bias),
    ):
        part = direction[start : start + array.size]
        assert np.linalg.norm(part) == pytest.approx(np.linalg.norm(array))
        start += array.size
    assert start == len(direction)


def surface_of(network, X, y, span, resolution, seed):
    rng = np.random.default_rng(seed)
    u, v = plots._direction(network, rng), plots._direction(network, rng)
    steps, start = np.linspace(-span, span, resolution), network.parameters.copy()
    losses = np.empty((resolution, resolution))
    for i, b in enumerate(steps):
        for j, a in enumerate(steps):
            network.parameters[...] = start + a * u + b * v
            losses[i, j] = network.evaluate(X, y)
    network.parameters[...] = start
    return steps, losses


def test_the_contours_are_those_of_the_loss():
    network, _ = stateful()
    ax = plots.loss_landscape(network, *XOR, span=0.5, resolution=41, seed=3)
    steps, losses = surface_of(network, *XOR, 0.5, 41, 3)
    bands = next(each for each in ax.collections if each.filled)
    lines = next(each for each in ax.collections if not each.filled)
    np.testing.assert_array_equal(lines.levels, plots._levels(losses))
    assert (bands.zmin, bands.zmax) == (losses.min(), losses.max())
    checked = 0
    for level, path in zip(lines.levels, lines.get_paths(), strict=True):
        for x, y in path.vertices[::7]:
            i, j = np.searchsorted(steps, y) - 1, np.searchsorted(steps, x) - 1
            around = losses[max(i, 0) : i + 2, max(j, 0) : j + 2]
            assert around.min() - 1e-9 <= level <= around.max() + 1e-9
            checked += 1
    assert checked > 50
    bar = colour_bar(ax)
    assert bar.get_ylabel() == "loss"


def test_the_star_is_the_network_and_its_loss():
    network = network_of().fit(*XOR, 100)
    ax = plots.loss_landscape(network, *XOR, resolution=5)
    loss = network.evaluate(*XOR)
    (star,) = [each for each in ax.lines if each.get_marker() == "*"]
    assert star.get_data() == ([0], [0]) or np.array_equal(np.ravel(star.get_data()), [0, 0])
    assert legend(ax) == [f"the network, loss {loss:.3g}"]
    assert ax.get_xlim() == (-1, 1) == ax.get_ylim()


def test_the_same_seed_gives_the_same_plane():
    def middle_row(seed):
        ax = plots.loss_landscape(network_of(), *XOR, resolution=5, seed=seed)
        return next(each for each in ax.collections if each.filled).levels.tolist()

    assert middle_row(1) == middle_row(np.random.default_rng(1)) != middle_row(2)


def test_a_surface_is_drawn_in_three_dimensions():
    network = network_of().fit(*XOR, 100)
    ax = plots.loss_landscape(network, *XOR, resolution=5, surface=True)
    assert ax.name == "3d"
    ax.figure.canvas.draw()
    _, losses = surface_of(network, *XOR, 1.0, 5, 0)
    low, high = ax.get_zlim()
    assert low <= losses.min() < losses.max() <= high
    x, y, z = (np.ravel(each) for each in ax.lines[0].get_data_3d())
    assert [x[0], y[0]] == [0, 0]
    assert z[0] == pytest.approx(network.evaluate(*XOR))
    assert ax.get_zlabel() == "loss"
    flat = plt.subplots()[1]
    with pytest.raises(bp.ParameterError, match=r"^ax must be three-dimensional .*got rectilinear"):
        plots.loss_landscape(network, *XOR, surface=True, ax=flat)
    solid = plt.figure().add_subplot(projection="3d")
    given = plots.loss_landscape(network, *XOR, resolution=3, surface=True, ax=solid)
    assert given is solid


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


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"span": 0}, r"^span must be a finite number above 0; got 0"),
        ({"span": INF}, r"^span must be a finite number above 0"),
        ({"seed": -1}, r"^seed must be"),
    ],
)
def test_bad_landscapes_are_refused(given, text):
    with pytest.raises(bp.ParameterError, match=text):
        plots.loss_landscape(network_of(), *XOR, **given)
    zero = network_of()
    zero.parameters[...] = 0
    with pytest.raises(bp.ParameterError, match=r"^network must have parameters that are not 0"):
        plots.loss_landscape(zero, *XOR)
    assert not plt.get_fignums()


# Motion


def trained(epochs=20, every=1):
    network, recorder = network_of(), Recorder(every)
    return network.fit(*XOR, epochs, callbacks=recorder), recorder


def test_each_frame_shows_the_network_as_it_was(monkeypatch):
    network, recorder = trained()
    network.fit(*XOR, 1)  # further than was recorded
    before = pickle.dumps(network)
    animation = plots.training_animation(recorder, network, *XOR, frames=4, fps=8)
    assert animation.event_source.interval == 125
    seen = []
    left, right = animation._fig.axes

    def look(*_):
        _, values, places = background(left)
        dot = right.lines[-1]
        seen.append((values, places, right.get_title(), np.ravel(dot.get_data()).tolist()))

    animation.save("ignored", writer=Keeper(look))
    for epoch, (values, places, title, dot) in zip((1, 7, 14, 20), seen, strict=True):
        twin = pickle.loads(before)
        twin.restore(recorder.parameters[epoch - 1])
        predicted = twin.predict(places.reshape(-1, 2)).reshape(values.shape)
        np.testing.assert_allclose(values, predicted, atol=1e-9)
        loss = network.history["loss"][epoch - 1]
        assert title == f"Epoch {epoch}: loss {loss:.3g}"
        assert dot == [epoch, loss]
    curve = right.lines[0].get_data()
    assert curve[0].tolist() == recorder.epochs
    assert curve[1].tolist() == recorder.losses
    assert pickle.dumps(network) == before


class Keeper(motion.AbstractMovieWriter):
    """Instead of writing frames it looks at each."""

    def __init__(self, look):
        super().__init__()
        self.look = look

    def setup(self, fig, outfile, dpi=None):
        pass

    def grab_frame(self, **_):
        self.look()

    def finish(self):
        pass


@pytest.mark.parametrize(("frames", "drawn"), [(1, 1), (2, 2), (60, 3)])
def test_a_gif_has_the_frames_asked_for(tmp_path, frames, drawn):
    network, recorder = trained(3)
    before = pickle.dumps((network, recorder))
    path = tmp_path / "training.GIF"
    plots.training_animation(recorder, network, *XOR, path, frames=frames, fps=20)
    with Image.open(path) as picture:
        assert picture.format == "GIF"
        assert picture.n_frames == drawn
        if drawn > 1:
            assert picture.info["duration"] == 50
    assert list(tmp_path.iterdir()) == [path]
    assert not plt.get_fignums()
    assert pickle.dumps((network, recorder)) == before


def test_a_page_needs_nothing_else(tmp_path):
    network, recorder = trained(6)
    path = tmp_path / "training.html"
    plots.training_animation(recorder, network, *XOR, str(path), frames=2, fps=2.5)
    page = path.read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "http" not in re.sub(r"data:image/jpeg;base64,[^\"]*", "", page)
    assert "<link" not in page
    assert page.count("data:image/jpeg;base64,") == 2
    assert '<img alt="' in page
    used = set(re.findall(r'class="fa (fa-[\w-]+)', page))
    assert len(used) == 8
    for name in used:
        assert f".{name}::before" in page  # or the button would be blank
    assert not plt.get_fignums()
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_the_old_file(tmp_path, monkeypatch):
    network, recorder = trained(3)
    path = tmp_path / "training.gif"
    path.write_bytes(b"old")
    monkeypatch.setattr(motion.PillowWriter, "finish", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        plots.training_animation(recorder, network, *XOR, path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    assert not plt.get_fignums()


def test_a_bad_path_is_refused_before_any_work(tmp_path):
    for path, text in (
        (tmp_path / "nowhere" / "it.gif", "does not exist"),
        (tmp_path / "it.mp4", r"must end in \.gif or \.html"),
        (tmp_path, "is a folder"),
        (7, "must be the name of a file"),
    ):
        with pytest.raises(bp.InputError, match=text):
            plots.training_animation(None, None, None, None, path)
    assert not list(tmp_path.iterdir())


OTHER = Recorder()
network_of(bp.Dense(2, 3), bp.Sigmoid(), bp.Dense(3, 1)).fit(*XOR, 2, callbacks=OTHER)


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        (
            {"recorder": None},
            bp.ParameterError,
            r"^recorder must be a Recorder with .*got NoneType",
        ),
        ({"recorder": Recorder()}, bp.ParameterError, r"^recorder must be .* at least one epoch"),
        ({"recorder": Recorder}, bp.ParameterError, r"^recorder .*got the class Recorder"),
        ({"recorder": OTHER}, bp.ParameterError, r"^recorder must have recorded this network"),
        ({"network": None}, bp.ParameterError, r"^network must be a Network"),
        ({"X": np.ones((4, 3))}, bp.ShapeError, r"^X must have 2 features; got 3"),
        ({"y": [5] * 4}, bp.InputError, r"^y must be 0 or 1 for one output"),
        ({"frames": 0}, bp.ParameterError, r"^frames must be a whole number of at least 1"),
        ({"fps": 0}, bp.ParameterError, r"^fps must be a finite number .*above 0"),
        ({"fps": 1000}, bp.ParameterError, r"^fps must be .*at most 50"),
    ],
)
def test_bad_animations_are_refused(tmp_path, given, error, text):
    network, recorder = trained(2)
    good = {"recorder": recorder, "network": network, "X": XOR[0], "y": XOR[1]}
    with pytest.raises(error, match=text):
        plots.training_animation(**good | given, path=tmp_path / "it.gif")
    assert not list(tmp_path.iterdir())
    assert not plt.get_fignums()


# Looking at them small


@pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES)
def test_a_small_picture_is_drawn_without_complaint(draw):
    figure, ax = plt.subplots(figsize=(3, 2.4), layout="constrained")
    draw(*stateful(), ax)
    figure.canvas.draw()
    assert ax.get_window_extent().width > 60
