"""Where weights start: each initializer is called with a shape and a random generator.

He, Glorot and LeCun choose the spread from the number of inputs and outputs of
the layer, so that signals neither fade nor grow on their way through many
layers. Any function `(shape, rng) -> array` serves as an initializer too.
"""

from __future__ import annotations

import math

import numpy as np

from .checks import Array, number
from .configurable import Configurable
from .errors import ParameterError

__all__ = [
    "Constant",
    "Glorot",
    "He",
    "LeCun",
    "Normal",
    "Uniform",
    "Zeros",
]


class Constant(Configurable):
    """Every entry the same number.

    Parameters
    ----------
    value : float
        The number.

    Raises
    ------
    ParameterError
        If the value is not a finite number.

    Examples
    --------
    >>> Constant(0.1)((2,), np.random.default_rng(0))
    array([0.1, 0.1])
    """

    def __init__(self, value: float) -> None:
        self.value = number("value", value)

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        return np.full(shape, self.value)


class Zeros(Constant):
    """Every entry zero: the usual start of a bias.

    Examples
    --------
    >>> Zeros()((2,), np.random.default_rng(0))
    array([0., 0.])
    """

    def __init__(self) -> None:
        super().__init__(0.0)


class Normal(Configurable):
    """Normally distributed entries: N(mean, deviation²).

    Parameters
    ----------
    mean, deviation : float
        Mean and standard deviation.

    Raises
    ------
    ParameterError
        If the deviation is negative, or either is not a finite number.

    Examples
    --------
    >>> Normal(deviation=0.1)((100, 100), np.random.default_rng(0)).std().round(2)
    np.float64(0.1)
    """

    def __init__(self, mean: float = 0.0, deviation: float = 0.05) -> None:
        self.mean = number("mean", mean)
        self.deviation = number("deviation", deviation, minimum=0)

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        return rng.normal(self.mean, self.deviation, shape)


class Uniform(Configurable):
    """Entries spread evenly between two bounds: U(low, high).

    Parameters
    ----------
    low, high : float
        The bounds; `low` is included, `high` is not.

    Raises
    ------
    ParameterError
        If `low` is above `high`, or either is not a finite number.

    Examples
    --------
    >>> abs(Uniform(-1, 1)((100,), np.random.default_rng(0))).max() <= 1
    np.True_
    """

    def __init__(self, low: float = -0.05, high: float = 0.05) -> None:
        self.low = number("low", low)
        self.high = number("high", high, minimum=self.low)

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        return rng.uniform(self.low, self.high, shape)


class _Scaled(Configurable):
    """Entries of mean zero whose variance is set by the layer's inputs and outputs."""

    def __init__(self, distribution: str = "normal") -> None:
        if distribution not in ("normal", "uniform"):
            raise ParameterError(
                f"distribution must be 'normal' or 'uniform'; got {distribution!r}."
            )
        self.distribution = distribution

    def variance(self, inputs: int, outputs: int) -> float:
        """Return the variance of a weight of a layer with so many inputs and outputs."""
        raise NotImplementedError

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """Return the starting values for a weight of shape (inputs, outputs).

        Of three axes or more it is that of a convolution, (outputs, inputs, receptive field ...):
        an input then counts once for each place of the field, and so does an output.
        """
        if not shape:
            raise ParameterError(
                f"{type(self).__name__} needs inputs and outputs to count, and a single number has "
                "none; start it with Constant or Normal."
            )
        outputs, inputs, *field = shape if len(shape) > 2 else (shape[-1], shape[0])
        places = math.prod(field)
        deviation = math.sqrt(self.variance(inputs * places, outputs * places))
        if self.distribution == "normal":
            return rng.normal(0.0, deviation, shape)
        bound = math.sqrt(3) * deviation  # the variance of U(-b, b) is b²/3
        return rng.uniform(-bound, bound, shape)


class He(_Scaled):
    """Variance 2 / inputs: for layers that a ReLU follows.

    Parameters
    ----------
    distribution : {"normal", "uniform"}
        The shape of the distribution; the variance is the same.

    Raises
    ------
    ParameterError
        If the distribution is neither of the two.

    Examples
    --------
    >>> He()((200, 100), np.random.default_rng(0)).std().round(2)
    np.float64(0.1)

    References
    ----------
    He, Zhang, Ren, Sun: Delving deep into rectifiers, 2015.
    """

    def variance(self, inputs: int, outputs: int) -> float:
        return 2 / inputs


class Glorot(_Scaled):
    """Variance 2 / (inputs + outputs): for sigmoid, tanh and linear layers.

    Parameters
    ----------
    distribution : {"normal", "uniform"}
        The shape of the distribution; the variance is the same.

    Raises
    ------
    ParameterError
        If the distribution is neither of the two.

    Examples
    --------
    >>> Glorot()((150, 50), np.random.default_rng(0)).std().round(2)
    np.float64(0.1)

    References
    ----------
    Glorot, Bengio: Understanding the difficulty of training deep feedforward
    neural networks, 2010.
    """

    def variance(self, inputs: int, outputs: int) -> float:
        return 2 / (inputs + outputs)


class LeCun(_Scaled):
    """Variance 1 / inputs: keeps the size of a signal through a linear layer.

    Parameters
    ----------
    distribution : {"normal", "uniform"}
        The shape of the distribution; the variance is the same.

    Raises
    ------
    ParameterError
        If the distribution is neither of the two.

    Examples
    --------
    >>> LeCun()((100, 100), np.random.default_rng(0)).std().round(2)
    np.float64(0.1)

    References
    ----------
    LeCun, Bottou, Orr, Müller: Efficient BackProp, 1998.
    """

    def variance(self, inputs: int, outputs: int) -> float:
        return 1 / inputs
