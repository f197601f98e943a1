"""Activations: layers without parameters that bend each number, so that depth pays.

Each says how it goes forward and what its local derivative is, next to each
other. An instance can be called on an array like the function it is:
`Sigmoid()(x)`, and `Sigmoid().derivative(x)` is its slope there. All hold over
the whole float range: nothing overflows, and tails keep their digits.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .checks import Array, floating, number
from .functions import decay_of_size, exp, expm1, sigmoid, sigmoid_parts, softmax, softplus
from .layers import Layer

__all__ = [
    "ELU",
    "GELU",
    "Activation",
    "Identity",
    "LeakyReLU",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
]


class Activation(Layer):
    """Base of the elementwise activations: define `forward` and `local_derivative`.

    Examples
    --------
    >>> class Square(Activation):
    ...     def forward(self, x):
    ...         return x * x, x
    ...
    ...     def local_derivative(self, x):
    ...         return 2 * x
    >>> Square().derivative([1.0, 3.0])
    array([2., 6.])
    """

    def local_derivative(self, cache: Any) -> Array:
        """Return the derivative at each entry, from what `forward` left in the cache."""
        raise NotImplementedError(f"{type(self).__name__} must define local_derivative(cache).")

    def backward(self, grad_output: Array, cache: Any) -> Array:
        """Return grad_output · derivative: the chain rule for one number."""
        return grad_output * self.local_derivative(cache)

    @np.errstate(under="ignore")
    def __call__(self, x: object) -> Array:
        """Return the function's values on an array of any shape."""
        return self.forward(floating(x))[0]

    @np.errstate(under="ignore")
    def derivative(self, x: object) -> Array:
        """Return the derivative at each entry of an array of any shape."""
        return self.local_derivative(self.forward(floating(x))[1])

    def output_width(self, input_width: int | None) -> int | None:
        return input_width


class Identity(Activation):
    """Nothing changes: f(x) = x, f'(x) = 1.

    Examples
    --------
    >>> Identity()([-1.0, 2.0])
    array([-1.,  2.])
    """

    range = (-math.inf, math.inf)
    written = {"output": "x", "derivative": "1"}

    def forward(self, x: Array) -> tuple[Array, Array]:
        return x, x

    def local_derivative(self, x: Array) -> Array:
        return np.ones_like(x)


class Sigmoid(Activation):
    """An S from 0 to 1: f(x) = 1 / (1 + e⁻ˣ), f'(x) = f(x) · (1 - f(x)), at most 0.25.

    Examples
    --------
    >>> Sigmoid()([0.0, -1000.0])
    array([0.5, 0. ])
    >>> Sigmoid().derivative([0.0])
    array([0.25])
    """

    range = (0.0, 1.0)
    written = {"output": "1 / (1 + exp(-x))", "derivative": "output * (1 - output)"}

    def forward(self, x: Array) -> tuple[Array, Array]:
        return sigmoid_parts(x)

    def local_derivative(self, tail: Array) -> Array:
        return tail - tail * tail  # f(1 - f), but the tail has digits that 1 - f has not


class Tanh(Activation):
    """An S from -1 to 1: f(x) = (eˣ - e⁻ˣ) / (eˣ + e⁻ˣ), f'(x) = 1 - f(x)², at most 1.

    Examples
    --------
    >>> Tanh()([0.0, 1000.0])
    array([0., 1.])
    >>> Tanh().derivative([0.0])
    array([1.])
    """

    range = (-1.0, 1.0)
    written = {"output": "tanh(x)", "derivative": "1 - output ** 2"}

    def forward(self, x: Array) -> tuple[Array, Array]:
        return np.tanh(x), x

    def local_derivative(self, x: Array) -> Array:
        # 1 - f² without its loss of digits: 4 (tail - tail²) for tail = sigmoid(-2|x|). In few
        # arrays: to make one takes longer than to compute with it.
        twice = np.maximum(np.minimum(x, -x), -400)
        twice += twice
        tail = exp(twice)
        tail /= 1 + tail
        tail -= tail * tail
        tail *= 4
        return tail


class ReLU(Activation):
    """Positive numbers pass, the others become 0: f(x) = max(x, 0), f'(x) = 1 if x > 0 else 0.

    At exactly 0 the derivative is that of the left side, 0.

    Examples
    --------
    >>> ReLU()([-1.0, 2.0])
    array([0., 2.])
    >>> ReLU().derivative([-1.0, 0.0, 2.0])
    array([0., 0., 1.])

    References
    ----------
    Nair, Hinton: Rectified linear units improve restricted Boltzmann machines, 2010.
    """

    range = (0.0, math.inf)
    written = {"output": "max(0, x)", "derivative": "1 if x > 0 else 0"}

    def forward(self, x: Array) -> tuple[Array, Array]:
        return np.maximum(x, 0), x

    def local_derivative(self, x: Array) -> Array:
        return (x > 0).astype(x.dtype)


class LeakyReLU(Activation):
    """Like ReLU, with a small slope on the left: f(x) = x if x > 0 else slope · x.

    f'(x) = 1 if x > 0 else slope. At exactly 0 the derivative is that of the left side, slope.

    Parameters
    ----------
    slope : float
        The slope for negative numbers.

    Raises
    ------
    ParameterError
        If the slope is not a finite number.

    Examples
    --------
    >>> LeakyReLU(slope=0.1)([-1.0, 2.0])
    array([-0.1,  2. ])
    >>> LeakyReLU(slope=0.1).derivative([-1.0, 0.0, 2.0])
    array([0.1, 0.1, 1. ])

    References
    ----------
    Maas, Hannun, Ng: Rectifier nonlinearities improve neural network acoustic models, 2013.
    """

    range = (-math.inf, math.inf)
    written = {"output": "x if x > 0 else slope * x", "derivative": "1 if x > 0 else slope"}

    def __init__(self, slope: float = 0.01) -> None:
        self.slope = number("slope", slope)

    def forward(self, x: Array) -> tuple[Array, Array]:
        return np.maximum(x, 0) + self.slope * np.minimum(x, 0), x

    def local_derivative(self, x: Array) -> Array:
        return np.where(x > 0, 1, self.slope).astype(x.dtype)


class ELU(Activation):
    """Positive numbers pass, negative ones run out to -alpha: f(x) = x if x > 0 else alpha(eˣ - 1).

    f'(x) = 1 if x > 0 else alpha eˣ

    Parameters
    ----------
    alpha : float
        How far down the left side goes, at least 0.

    Raises
    ------
    ParameterError
        If alpha is negative or not a finite number.

    Examples
    --------
    >>> ELU()([-1000.0, 2.0])
    array([-1.,  2.])
    >>> ELU(alpha=0.5).derivative([0.0, 2.0])
    array([0.5, 1. ])

    References
    ----------
    Clevert, Unterthiner, Hochreiter: Fast and accurate deep network learning by
    exponential linear units, 2016.
    """

    written = {
        "output": "x if x > 0 else alpha * (exp(x) - 1)",
        "derivative": "1 if x > 0 else alpha * exp(x)",
    }

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = number("alpha", alpha, minimum=0)
        self.range = (-self.alpha, math.inf)

    def forward(self, x: Array) -> tuple[Array, Array]:
        return np.where(x > 0, x, self.alpha * expm1(np.minimum(x, 0))), x

    def local_derivative(self, x: Array) -> Array:
        return np.where(x > 0, 1, self.alpha * exp(np.minimum(x, 0)))


class GELU(Activation):
    """The tanh form of GELU, as used in GPT-2; it stays within 0.0005 of the erf form.

    f(x) = ½x (1 + tanh(u)) = x · sigmoid(2u), with u = √(2/π) (x + 0.044715 x³);
    f'(x) = sigmoid(2u) + 2x sigmoid'(2u) u'

    PyTorch has it as `GELU(approximate="tanh")`.

    Examples
    --------
    >>> GELU()([-1000.0, 0.0, 1000.0])
    array([  -0.,    0., 1000.])
    >>> GELU().derivative([0.0])
    array([0.5])

    References
    ----------
    Hendrycks, Gimpel: Gaussian error linear units, 2016.
    """

    range = (-0.17005, math.inf)
    written = {
        "gate": "sigmoid(sqrt(8 / pi) * (x + 0.044715 * x ** 3))",
        "output": "x * gate",
        "derivative": "gate + x * gate * (1 - gate) * sqrt(8 / pi) * (1 + 0.134145 * x ** 2)",
    }

    def forward(self, x: Array) -> tuple[Array, Array]:
        return np.maximum(x, -30) * sigmoid(self._twice_u(_near(x, 30))), x

    def local_derivative(self, x: Array) -> Array:
        near = _near(x, 30)  # beyond which it is flat or straight to the last bit
        small = decay_of_size(self._twice_u(near))
        slope = small / (1 + small) ** 2
        twice_slope_of_u = math.sqrt(8 / math.pi) * (1 + 3 * 0.044715 * near * near)
        return sigmoid(self._twice_u(near)) + near * slope * twice_slope_of_u

    def _twice_u(self, x: Array) -> Array:
        return math.sqrt(8 / math.pi) * (x + 0.044715 * x * x * x)


class SiLU(Activation):
    """x times its own sigmoid, also called swish: f(x) = x · sigmoid(x).

    f'(x) = sigmoid(x) (1 + x (1 - sigmoid(x)))

    Examples
    --------
    >>> SiLU()([-1000.0, 0.0, 1000.0])
    array([  -0.,    0., 1000.])
    >>> SiLU().derivative([0.0])
    array([0.5])

    References
    ----------
    Elfwing, Uchibe, Doya: Sigmoid-weighted linear units, 2018.
    """

    range = (-0.27847, math.inf)
    written = {"output": "x * sigmoid(x)", "derivative": "sigmoid(x) * (1 + x * (1 - sigmoid(x)))"}

    def forward(self, x: Array) -> tuple[Array, Array]:
        return np.maximum(x, -800) * sigmoid(x), x  # which is 0 there

    def local_derivative(self, x: Array) -> Array:
        near = _near(x, 800)
        return sigmoid(near) * (1 + near * sigmoid(-near))  # 1 - sigmoid, with all its digits


class Softplus(Activation):
    """A smooth ReLU: f(x) = log(1 + eˣ), f'(x) = sigmoid(x).

    Examples
    --------
    >>> Softplus()([-1000.0, 0.0, 1000.0]).round(4)
    array([0.000e+00, 6.931e-01, 1.000e+03])
    >>> Softplus().derivative([0.0])
    array([0.5])

    References
    ----------
    Dugas, Bengio, Bélisle, Nadeau, Garcia: Incorporating second-order functional
    knowledge for better option pricing, 2001.
    """

    range = (0.0, math.inf)
    written = {"output": "log(1 + exp(x))", "derivative": "sigmoid(x)"}

    def forward(self, x: Array) -> tuple[Array, Array]:
        return softplus(x), x

    def local_derivative(self, x: Array) -> Array:
        return sigmoid(x)


class Softmax(Activation):
    """Positive numbers that sum to 1 in each row: f(x)ᵢ = exp(xᵢ) / Σⱼ exp(xⱼ).

    It is not elementwise: every output depends on every input of its row, and
    `derivative` returns the whole Jacobian, ∂fᵢ/∂xⱼ = fᵢ (1 if i = j else 0) - fᵢ fⱼ.

    Examples
    --------
    >>> Softmax()([[1000.0, 1000.0]])
    array([[0.5, 0.5]])
    >>> Softmax().derivative([0.0, 0.0])
    array([[ 0.25, -0.25],
           [-0.25,  0.25]])
    """

    range = (0.0, 1.0)
    written = {
        "output": "exp(x) / sum(exp(x), features)",
        "grad_input": "output * (grad_output - sum(grad_output * output, features))",
    }

    def forward(self, x: Array) -> tuple[Array, Array]:
        probabilities = softmax(x)
        return probabilities, probabilities

    def backward(self, grad_output: Array, probabilities: Array) -> Array:
        # The Jacobian times grad_output, without forming the Jacobian.
        weighted = grad_output * probabilities
        return weighted - probabilities * np.add.reduce(weighted, axis=-1, keepdims=True)

    def local_derivative(self, probabilities: Array) -> Array:
        """Return the Jacobian of each row, shape (..., features, features)."""
        column = probabilities[..., np.newaxis]
        return column * np.eye(probabilities.shape[-1], dtype=column.dtype) - column * column.mT


def _near(x: Array, most: float) -> Array:
    """Hold x to [-most, most], complex numbers too."""
    return np.minimum(np.maximum(x, -most), most)
