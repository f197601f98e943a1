"""Networks to draw, and ways to read a picture off again."""

import matplotlib as mpl

mpl.use("Agg")

import numpy as np

import backproplite as bp

XOR = bp.datasets.xor()


def network_of(*layers, **settings):
    defaults = {"loss": bp.MeanSquaredError(), "optimizer": bp.GradientDescent(0.5), "seed": 42}
    layers = layers or (bp.Dense(2, 4), bp.Sigmoid(), bp.Dense(4, 1), bp.Sigmoid())
    return bp.Network(layers, **defaults | settings)


def linear(weight, bias=0.0, **settings):
    """A network without a hidden layer, of these weights: rows are inputs."""
    weight = np.array(weight, float)
    network = network_of(bp.Dense(*weight.shape), **settings)
    network.layers[0].weight[...], network.layers[0].bias[...] = weight, bias
    return network


def recorded(*layers, epochs=3, every=1):
    """A network trained a little, and the recorder of that."""
    network, recorder = network_of(*layers), bp.Recorder(every)
    return network.fit(*XOR, epochs, callbacks=recorder), recorder


def stateful():
    """A network with every sort of state, trained a little, and the recorder of that."""
    return recorded(bp.Dense(2, 4), bp.BatchNorm(4), bp.ReLU(), bp.Dropout(0.3), bp.Dense(4, 1))


class Pairs(bp.Layer):
    """A layer of any width and no parameters: each feature with its square."""

    def forward(self, x):
        return np.concatenate([x, x * x], axis=-1), x

    def backward(self, grad_output, x):
        n = x.shape[-1]
        return grad_output[..., :n] + 2 * x * grad_output[..., n:]


def path_of(rate=0.3, start=0.5, steps=20):
    """Lesson 1: the way down (w - 3)²."""
    function, gradient = (lambda w: (w - 3) ** 2), (lambda w: 2 * (w - 3))
    return function, bp.minimize(function, gradient, start, bp.GradientDescent(rate), steps)


def bowl(w):
    return w[0] ** 2 + 10 * w[1] ** 2


def bowl_path(rate=0.02):
    return bp.minimize(bowl, lambda w: w * [2, 20], [-4, 1.5], bp.GradientDescent(rate), 30)


def texts(ax):
    return [text.get_text() for text in ax.texts]


def legend(ax):
    return [text.get_text().replace("\n", " ") for text in ax.get_legend().get_texts()]


def line(ax, label):
    """The x and y of the one line whose label begins so."""
    (found,) = [each for each in ax.lines if str(each.get_label()).startswith(label)]
    return found.get_data()


def marked(ax, marker):
    """Where lines with this marker have their points."""
    return [each.get_data() for each in ax.lines if each.get_marker() == marker]


def colour_bar(ax):
    (bar,) = [other for other in ax.figure.axes if other is not ax]
    return bar.get_ylabel()


def contours(ax):
    """The level and the points of each contour line."""
    sets = [each for each in ax.collections if hasattr(each, "levels") and not each.filled]
    pairs = [zip(each.levels, each.get_paths(), strict=True) for each in sets]
    return [(level, path.vertices) for each in pairs for level, path in each]


def background(ax):
    """The values of the image, and the middles of its cells."""
    (image,) = ax.images
    values, (left, right, bottom, top) = np.asarray(image.get_array()), image.get_extent()
    rows, columns = values.shape[:2]
    x = left + (np.arange(columns) + 0.5) * (right - left) / columns
    y = bottom + (np.arange(rows) + 0.5) * (top - bottom) / rows
    assert image.origin == "lower"
    return values, np.stack(np.meshgrid(x, y), axis=-1)
