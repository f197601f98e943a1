"""The decision boundary: outputs at their places, lines between classes, samples."""

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb
from pictures import XOR, background, colour_bar, contours, legend, linear, network_of

import backproplite as bp
from backproplite import plots


def samples(ax):
    """The places and the colour of the samples of each class."""
    return {
        each.get_label(): (each.get_offsets().tolist(), tuple(each.get_facecolor()[0][:3]))
        for each in ax.collections
        if str(each.get_label()).startswith("class")
    }


def test_the_background_is_the_output_at_its_place():
    network = network_of().fit(*XOR, 3000)
    ax = plots.decision_boundary(network, *XOR, resolution=30)
    values, places = background(ax)
    predicted = network.predict(places.reshape(-1, 2)).reshape(30, 30)
    np.testing.assert_allclose(values, predicted, atol=1e-9)
    assert ax.images[0].get_clim() == (0, 1)
    ((_, boundary),) = contours(ax)
    assert len(boundary) > 20
    np.testing.assert_allclose(network.predict(boundary), 0.5, atol=0.02)
    assert colour_bar(ax) == "output"


@pytest.mark.parametrize("y", [[0, 1, 1, 0], [[0], [1], [1], [0]]])
def test_samples_and_background_have_the_colours_of_their_classes(y):
    network = network_of(loss=bp.BinaryCrossEntropy())
    ax = plots.decision_boundary(network, XOR[0], y, resolution=5)
    blue, vermilion = to_rgb(plots.COLOURS[0]), to_rgb(plots.COLOURS[1])
    assert samples(ax) == {
        "class 0": ([[0, 0], [1, 1]], blue),
        "class 1": ([[0, 1], [1, 0]], vermilion),
    }
    assert legend(ax) == ["class 0", "class 1"]
    shades = ax.images[0].cmap
    assert [shades(0.0)[:3], shades(1.0)[:3]] == [blue, vermilion]
    np.testing.assert_allclose([*ax.get_xlim(), *ax.get_ylim()], [-0.2, 1.2, -0.2, 1.2])


@pytest.mark.parametrize(("y", "right"), [([0, 0, 1, 1], 4), ([0, 1, 1, 1], 3), ([1, 1, 0, 0], 0)])
def test_the_title_counts_what_is_right(y, right):
    network = linear([[1.0], [0.0]])  # says x₁
    X = [[0.0, 0.0], [0.2, 5.0], [0.9, 1.0], [1.0, 3.0]]
    ax = plots.decision_boundary(network, X, y, resolution=5)
    assert ax.get_title() == f"Decision boundary: {right} of 4 right"


THREE = np.array([[-1.0, 0.0], [1.0, 0.0], [0.1, 4.0], [-0.5, 1.0]]), np.array([0, 1, 2, 2])


@pytest.mark.parametrize(
    ("loss", "y"),
    [
        (bp.SoftmaxCrossEntropy(), THREE[1]),
        (bp.SoftmaxCrossEntropy(), np.eye(3)[THREE[1]]),
        (bp.MeanSquaredError(), np.eye(3)[THREE[1]]),
    ],
    ids=["labels", "one-hot", "squared error"],
)
def test_of_several_classes_each_place_has_the_colour_of_the_predicted_one(loss, y):
    network = linear([[-4, 4, 0], [0, 0, 6]], [0, 0, -6], loss=loss)
    ax = plots.decision_boundary(network, THREE[0], y, resolution=80)
    values, places = background(ax)
    outputs = network.predict(places.reshape(-1, 2))
    tint, palette = 1 - values.reshape(-1, 3), 1 - np.array([*map(to_rgb, plots.COLOURS[:3])])
    strength = np.linalg.norm(tint, axis=1)
    alike = (tint / strength[:, None]) @ (palette / np.linalg.norm(palette, axis=1)[:, None]).T
    np.testing.assert_array_equal(alike.argmax(axis=1), outputs.argmax(axis=1))
    for k in range(3):  # the larger the output, the stronger the colour
        own = outputs.argmax(axis=1) == k
        order = np.argsort(np.clip(outputs[own, k], 0, 1))
        assert (np.diff(strength[own][order]) > -1e-9).all()
    lines = contours(ax)
    assert len(lines) == 3
    for _, line in lines:  # where two share the first place
        first, second = np.sort(network.predict(line), axis=1).T[:-3:-1]
        np.testing.assert_allclose(first, second, atol=0.1)
    assert ax.get_title() == "Decision boundary: 3 of 4 right"
    assert legend(ax) == ["class 0", "class 1", "class 2"]
    assert len(ax.figure.axes) == 1  # no colour bar


def test_a_class_that_is_never_predicted_has_no_line():
    network = linear(np.zeros((2, 3)), [0.0, 1.0, -1.0], loss=bp.SoftmaxCrossEntropy())
    ax = plots.decision_boundary(network, [[0, 0], [1, 1]], [0, 2], resolution=5)
    assert not contours(ax)
    assert legend(ax) == ["class 0", "class 2"]


def test_one_sample_and_a_constant_network_have_a_picture():
    ax = plots.decision_boundary(linear([[0.0], [0.0]], 0.7), [[3.0, 3.0]], [1], resolution=5)
    assert not contours(ax)
    np.testing.assert_allclose(ax.get_xlim(), [2.8, 3.2])
    assert ax.get_title() == "Decision boundary: 1 of 1 right"


def test_lines_are_black_and_each_class_has_a_marker_of_its_own():
    ax = plots.decision_boundary(
        linear([[-4, 4, 0], [0, 0, 6]], [0, 0, -6], loss=bp.SoftmaxCrossEntropy()),
        *THREE, resolution=20,
    )  # fmt: skip
    lines = [each for each in ax.collections if hasattr(each, "levels")]
    assert len(lines) == 3
    assert all(np.array_equal(each.get_edgecolor()[0], [0, 0, 0, 1]) for each in lines)
    outlines = [each.get_paths()[0].vertices.tolist() for each in ax.collections[3:]]
    assert len(outlines) == 3
    assert all(outlines.count(each) == 1 for each in outlines)


@pytest.mark.parametrize(("samples", "size"), [(20, 130), (21, 30)])
def test_few_samples_are_drawn_large(samples, size):
    X = np.stack([np.arange(samples), 5.0 * np.arange(samples)], axis=1)
    ax = plots.decision_boundary(linear([[1.0], [0.0]]), X, np.arange(samples) % 2, resolution=5)
    assert ax.collections[-1].get_sizes().tolist() == [size]
    width = samples - 1  # a fifth of the samples' own size on each side
    np.testing.assert_allclose(ax.get_xlim(), [-0.2 * width, 1.2 * width])


def picture_of_classes(count, ax=None):
    X = np.stack([np.arange(count), np.arange(count) % 3], axis=1)
    network = linear(np.ones((2, count)), loss=bp.SoftmaxCrossEntropy())
    ax = plots.decision_boundary(network, X, np.arange(count), resolution=5, ax=ax)
    ax.figure.canvas.draw()
    return ax, ax.get_legend().get_window_extent(), ax.title.get_window_extent()


@pytest.mark.parametrize("size", [8, 10, 16])
@pytest.mark.parametrize("count", [2, 5, 6, 10])
def test_the_legend_stands_between_picture_and_title(count, size):
    with plt.rc_context({"font.size": size}):
        ax, legend, title = picture_of_classes(count)
    assert ax.bbox.y1 <= legend.y0
    assert legend.y1 <= title.y0 < ax.figure.bbox.y1
    assert title.y0 - legend.y1 < 10
    assert 0 <= legend.x0 < legend.x1 <= ax.figure.bbox.x1


def test_the_legend_stands_in_the_picture_where_nothing_makes_room_for_it():
    _, axes = plt.subplots(1, 2, figsize=(6, 4))
    ax, legend, title = picture_of_classes(10, axes[0])
    assert (ax.bbox.x0 <= legend.x0) & (legend.x1 <= ax.bbox.x1) & (legend.y1 <= ax.bbox.y1)
    assert title.y1 <= ax.figure.bbox.y1
    ax, legend, title = picture_of_classes(2, axes[1])
    assert ax.bbox.y1 <= legend.y0 <= legend.y1 <= title.y0
