"""How much rounding matters: the result and the gradients, with last digits changed.

That tells a zero left by terms that cancel, such as the bias before a BatchNorm gets, from a
gradient that is merely small.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ..checks import Array
from .subjects import Subject

#: How often the digits are changed: the largest change of eight stands for what rounding may do.
TRIALS = 8
#: By how many units of the last digit, to either side: as much as a few operations lose.
UNITS = 4


class Rounding(NamedTuple):
    """By how much things change when last digits of what goes in do."""

    result: float
    gradients: dict[str, float]  # the largest entry of each


def rounding_of(
    subject: Subject, gradients: dict[str, Array], rng: np.random.Generator, epsilon: float
) -> Rounding:
    """Shake the tensors of a subject, and what layers hand on, in digits of size `epsilon`."""

    def shake(array: Array) -> Array:
        units = rng.integers(-UNITS, UNITS + 1, array.shape)
        return array * (1 + epsilon * units.astype(array.dtype))

    shaken, result = replace(subject, shake=shake), subject.run()
    before = {name: tensor.copy() for name, tensor in subject.tensors.items()}
    blur, changes = 0.0, dict.fromkeys(gradients, 0.0)
    for _ in range(TRIALS):
        for tensor in subject.tensors.values():
            tensor[...] = shake(tensor)
        blur = max(blur, float(np.sum(abs(shaken.run() - result))))
        for name, gradient in shaken.gradients().items():
            changes[name] = max(changes[name], float(abs(gradient - gradients[name]).max()))
        for name, tensor in subject.tensors.items():
            tensor[...] = before[name]
    return Rounding(blur, changes)
