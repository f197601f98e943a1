"""The loss for counts. Loaded when it is first used."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from .checks import Array
from .errors import InputError
from .losses import Loss

__all__ = ["Poisson"]


class Poisson(Loss):
    """Half the Poisson deviance of counts, on the logarithms of their means.

    loss = 1/n Σ t log t - t - t z + exp(z) for outputs z; gradient = (exp(z) - t) / n

    The network ends in a `Dense` layer without an activation; `predict` gives exp(z).

    Raises
    ------
    ShapeError
        When called with arrays that do not fit.
    InputError
        When called with targets below 0, or not finite numbers.

    Examples
    --------
    >>> loss = Poisson()
    >>> loss([[0.0]], [[1.0]])
    0.0
    >>> loss.gradient([[0.0], [0.0]], [[0.0], [4.0]])
    array([[ 0.5],
           [-1.5]])
    """

    written = {
        "predictions": "exp(outputs)",
        "costs": "predictions - targets * outputs"
        " + (targets * log(targets) - targets if targets > 0 else 0)",
        "derivative": "predictions - targets",
    }

    def prepare_targets(self, name: str, targets: object, outputs: int, dtype: DTypeLike) -> Array:
        array = super().prepare_targets(name, targets, outputs, dtype)
        if array.min() < 0:
            raise InputError(f"{name} must be counts, 0 or more; got {array.min():g}.")
        return array

    def forward(self, outputs: Array, targets: Array) -> tuple[Array, Array]:
        counts = np.where(targets > 0, targets, 1)
        means = np.exp(outputs)
        least = targets * np.log(counts) - targets
        return means - targets * outputs + least, means - targets

    def backward(self, difference: Array) -> Array:
        return difference

    def predictions(self, outputs: Array) -> Array:
        return np.exp(outputs)
