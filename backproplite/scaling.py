"""Scaling that travels with a network: a layer for inputs, a loss around another for targets.

Numbers of about 0 and 1 are what networks learn from. Both keep what brings data there, so that it
is saved with the network, and `predict` takes and gives the units that the data came in.
"""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .checks import Array, matrix, real_array, refuse_class
from .errors import ParameterError, ShapeError
from .functions import centred, total
from .layers import Layer
from .losses import Loss, MeanSquaredError

__all__ = ["Standardize", "StandardizedTargets"]

#: A deviation of no more than so many roundings of the mean is none, nor one below float32.
ROUNDINGS, LEAST = 4, float(np.finfo(np.float32).tiny)


def standards_of(x: Array) -> tuple[Array, Array]:
    """Return the mean of each column and its (biased) deviation, 1 for a constant column."""

    def power_below(numbers: Array) -> Array:  # to divide by it rounds nothing
        return np.ldexp(1.0, np.frexp(np.abs(numbers).max(axis=0))[1] - 1)

    peak = power_below(x)
    mean, rest = centred(x / peak, -2)  # whose sums cannot overflow
    reach = power_below(rest)
    deviation = reach * np.sqrt(total((rest / reach) ** 2, -2) / len(x))
    constant = deviation <= ROUNDINGS * np.finfo(x.dtype).eps * np.abs(mean[0])
    deviation *= peak
    return mean[0] * peak, np.where(constant | (deviation < LEAST), 1.0, deviation)


def standards(mean: object, scale: object, axes: tuple[int, ...]) -> list[Array]:
    """Return what brings numbers to mean 0 and deviation 1, checked, of as many axes as may be."""
    single = getattr(mean, "dtype", None) == getattr(scale, "dtype", None) == np.float32
    dtype = np.float32 if single else np.float64  # as a network of float32 has it
    pair = {"mean": mean, "scale": scale}  # copied: the caller's own may change
    given = [real_array(name, each, dtype).copy() for name, each in pair.items()]
    if given[0].ndim not in axes or given[0].size == 0 or given[0].shape != given[1].shape:
        raise ShapeError(
            "mean and scale must have one number for each column, both of them; got shapes "
            f"{given[0].shape} and {given[1].shape}."
        )
    if (given[1] <= 0).any():
        raise ParameterError(
            f"scale must be above 0; got {given[1].min():g}. For a constant column give 1."
        )
    return given


def shortened(*arrays: Array) -> str:
    """Return about how arrays look, the middle of those of more than three numbers left out."""

    def shown(array: Array) -> str:
        texts = [f"{each:.4g}" for each in array.flat]
        texts[1:-1] = texts[1:-1] if len(texts) < 4 else ["..."]
        return f"[{', '.join(texts)}]" if array.ndim else texts[0]

    return ", ".join(map(shown, arrays))


class Standardize(Layer):
    """Bring each feature to mean 0 and deviation 1, by numbers that are not trained.

    output = (x - mean) / scale

    As the first layer it lets a network take data in their own units: the numbers are saved with
    it, so that new data are brought there by the same ones. `Standardize.of(X)` finds them.

    Parameters
    ----------
    mean, scale : array of shape (features,)
        What is subtracted from each feature, and what it is then divided by.

    Raises
    ------
    ShapeError, InputError
        If the two are not finite numbers, one for each feature.
    ParameterError
        If a scale is not above 0.

    Examples
    --------
    >>> layer = Standardize.of([[1.0, 5.0], [3.0, 5.0]])
    >>> layer
    Standardize([2, 5], [1, 1])
    >>> layer.forward(np.array([[4.0, 6.0]]))[0]
    array([[2., 1.]])

    References
    ----------
    LeCun, Bottou, Orr, Müller: Efficient backprop, 1998.
    """

    state_names = ("mean", "scale")
    range = (-math.inf, math.inf)
    mean: Array
    scale: Array

    cache_names = ("mean", "scale")
    written = {"output": "(x - mean) / scale", "grad_input": "grad_output / scale"}

    def __init__(self, mean: ArrayLike, scale: ArrayLike) -> None:
        for name, value in zip(self.state_names, standards(mean, scale, axes=(1,)), strict=True):
            self.add_state(name, value.shape, value)
        self.in_features = self.out_features = len(self.mean)

    def __setattr__(self, name: str, value: object) -> None:
        if self.in_network and name in self.state_names and value is not getattr(self, name):
            pair = {"mean": self.mean, "scale": self.scale, name: value}
            value = standards(pair["mean"], pair["scale"], axes=(1,))[[*pair].index(name)]
        super().__setattr__(name, value)

    @classmethod
    def of(cls, X: ArrayLike) -> Self:
        """Return one for data like these: the mean of each column, and its deviation.

        The deviation is that of the numbers themselves (divided by n). A constant column gets 1,
        and so does one that differs by roundings only, or by less than 1.2e-38.

        Parameters
        ----------
        X : array of shape (samples, features)
            The training data alone: what is held out must not be looked at.

        Raises
        ------
        ShapeError, InputError
            If X is not a finite array of that shape.
        """
        return cls(*standards_of(matrix("X", X)))

    @classmethod
    def example(cls, features: int) -> Self:
        return cls(np.arange(features) / 8, np.arange(features) / 4 + 0.5)

    def forward(self, x: Array) -> tuple[Array, Any]:
        output = x - self.mean[..., np.newaxis, :]
        output /= self.scale[..., np.newaxis, :]
        return output, (self.mean, self.scale)

    def backward(self, grad_output: Array, cache: Any) -> Array:
        return grad_output / cache[1][..., np.newaxis, :]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({shortened(self.mean, self.scale)})"


class StandardizedTargets(Loss):
    """Another loss, taken of targets brought to mean 0 and deviation 1; `predict` goes back.

    loss(outputs, (target - mean) / scale); prediction = output · scale + mean

    So y may be in any unit, and `predict` is in the same. The reported loss is in the unit that
    scale is: a mean squared error of 0.2 is 0.2 times the variance of y.

    Parameters
    ----------
    loss : Loss
        What it costs then: any loss of plain numbers. `Huber(delta)` counts in scales.
    mean, scale : float or array of shape (outputs,)
        What is subtracted from the targets, and what they are then divided by.
        `StandardizedTargets.of(y)` finds them.

    Raises
    ------
    ParameterError
        If the loss takes classes or probabilities, or scales already, or a scale is not above 0.
    ShapeError, InputError
        If mean and scale are not finite numbers, as many of each; or when called with arrays that
        do not fit or are not finite numbers.

    Examples
    --------
    >>> loss = StandardizedTargets.of([150_000, 250_000])
    >>> loss
    StandardizedTargets(MeanSquaredError(), [2e+05], [5e+04])
    >>> loss([[0.0], [0.0]], [150_000, 250_000])
    1.0
    >>> loss.predictions(np.array([[0.5]]))
    array([[225000.]])
    """

    def __init__(self, loss: Loss, mean: ArrayLike, scale: ArrayLike) -> None:
        refuse_class("loss", loss)
        plain = isinstance(loss, Loss) and not loss.labels and not loss.wants_probabilities
        if not plain or isinstance(loss, StandardizedTargets):
            raise ParameterError(
                "StandardizedTargets needs a loss of plain numbers, such as MeanSquaredError(); "
                f"got {loss!r}. Classes, probabilities and what is scaled already are not to be "
                "scaled: give their loss as it is."
            )
        self.loss = loss
        self.mean, self.scale = standards(mean, scale, axes=(0, 1))
        self.mean_over_outputs, self.cache_names = loss.mean_over_outputs, loss.cache_names
        self.applies, self.suits = loss.applies, loss.suits

    @classmethod
    def of(cls, y: ArrayLike, loss: Loss | None = None) -> Self:
        """Return one for targets like these, with another loss than `MeanSquaredError` if given.

        Parameters
        ----------
        y : array of shape (samples,) or (samples, outputs)
            The targets of the training data: each column has a mean and a deviation, found
            as in `Standardize.of`.
        loss : Loss, optional
            What is taken of them.

        Raises
        ------
        ShapeError, InputError
            If y is not a finite array of such a shape.
        ParameterError
            If the loss takes classes or probabilities.
        """
        array = real_array("y", y)
        numbers = matrix("y", array.reshape(-1, 1) if array.ndim == 1 else array)
        return cls(MeanSquaredError() if loss is None else loss, *standards_of(numbers))

    def parts(self) -> list[Loss]:
        return [self, *self.loss.parts()]

    def forward(self, outputs: Array, targets: Array) -> tuple[Array, Any]:
        return self.loss.forward(outputs, targets)

    def backward(self, cache: Any) -> Array:
        return self.loss.backward(cache)

    def predictions(self, outputs: Array) -> Array:
        return self._back(self.loss.predictions(outputs))

    def own_targets(self, targets: Array) -> Array:
        return self._back(self.loss.own_targets(targets))

    def _back(self, numbers: Array) -> Array:
        """Return standardized numbers in the unit of the targets."""
        return numbers * self.scale.astype(numbers.dtype) + self.mean.astype(numbers.dtype)

    @np.errstate(over="ignore")
    def prepare_targets(self, name: str, targets: object, outputs: int, dtype: DTypeLike) -> Array:
        array = self.loss.prepare_targets(name, targets, outputs, np.float64)
        if self.mean.shape not in ((), (outputs,)):
            raise ShapeError(
                f"{self!r} is for {self.mean.size} outputs; the network has {outputs}. Make it of "
                "targets with a column for each."
            )
        return real_array(name, (array - self.mean) / self.scale, dtype)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.loss!r}, {shortened(self.mean, self.scale)})"
