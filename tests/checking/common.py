"""What several tests of the gradient checks use."""

import numpy as np
import pytest

import backproplite as bp

SCALES = [1e-9, 1.0, 1e9]
scales = pytest.mark.parametrize("scale", SCALES)
rng = np.random.default_rng(5)
X = rng.standard_normal((5, 4))
Y = rng.standard_normal((5, 2))
WEIGHTS = np.arange(1.0, 6.0)


def network(*layers, loss=None, **settings):
    return bp.Network(list(layers), loss=loss or bp.MeanSquaredError(), seed=0, **settings)


def mismatch(subject, *arrays, **settings):
    """The message with which a check fails."""
    with pytest.raises(bp.GradientMismatch) as caught:
        bp.check_gradients(subject, *arrays, **settings)
    return str(caught.value)


def at_zero(count):
    """An input of which so many entries are exactly 0."""
    x = np.random.default_rng(1).standard_normal((5, 4))
    x.flat[:count] = 0
    return x


class Through(bp.Layer):
    """An elementwise layer of a function and its derivative."""

    def __init__(self, function, derivative):
        self.function, self.derivative = function, derivative

    def forward(self, x):
        return self.function(x), x

    def backward(self, grad_output, x):
        return grad_output * self.derivative(x)


#: Kinks at 0, out of reach of complex numbers; the derivative there is that of the left side.
LEFT_ABS = Through(np.abs, lambda x: np.where(x > 0, 1.0, -1.0))


def wrong(layer, change):
    """The same layer, with a change made to its gradient by the input."""

    class Wrong(type(layer)):
        def backward(self, grad_output, cache):
            return change(super().backward(grad_output, cache))

    wrong = Wrong.__new__(Wrong)
    vars(wrong).update(vars(layer))
    return wrong


class DenseByParts(bp.Dense):
    """A `Dense` whose `backward` asks `backward_parameters`, for faults to be put in there."""

    def backward(self, grad_output, x):
        self.backward_parameters(grad_output, x)
        return grad_output @ self.weight.T
