"""The exceptions that backproplite raises, and the way that it warns.

Every one is a `BackpropliteError`, and each is also the built-in error that
people would catch for such a fault.
"""

from __future__ import annotations

import contextlib
import os
import sys
import warnings

import numpy as np

__all__ = [
    "BackpropliteError",
    "DivergenceError",
    "GradientMismatch",
    "InputError",
    "MissingExtraError",
    "ModelFileError",
    "NotFittedError",
    "ParameterError",
    "ShapeError",
    "TrainingWarning",
    "UnknownNameError",
    "WorkerError",
]


class BackpropliteError(Exception):
    """Anything that backproplite refuses or that went wrong inside it."""


class ShapeError(BackpropliteError, ValueError):
    """An array, or two neighbouring layers, whose shapes do not fit."""


class InputError(BackpropliteError, ValueError):
    """Data that cannot be used: NaN, text, labels out of range, no samples."""


class ParameterError(BackpropliteError, ValueError):
    """A setting out of its range or of the wrong kind, such as a negative learning rate."""


class UnknownNameError(BackpropliteError, TypeError, AttributeError):
    """An argument, an attribute or a class that is not there, or has another name here."""


class NotFittedError(BackpropliteError, ValueError, AttributeError):
    """Something was asked of a model that has not been fitted yet."""


class ModelFileError(BackpropliteError, ValueError):
    """A model file that cannot be read, or that is not what it says it is."""


class MissingExtraError(BackpropliteError, ImportError):
    """Something that needs a library which is not installed; the message names the extra to add."""


class GradientMismatch(BackpropliteError, AssertionError):  # noqa: N818 - it reads as what was found
    """A gradient that disagrees with the numerical one."""


class WorkerError(BackpropliteError, RuntimeError):
    """Another worker of the same `fit` has failed; the message says which, and of what."""


class TrainingWarning(UserWarning):
    """Training goes wrong, or is about to; the message gives the cure."""


class DivergenceError(BackpropliteError, ArithmeticError):
    """Training turned NaN or infinite; the last finite parameters are back in the network.

    Attributes
    ----------
    epoch : int or None
        The epoch, counted from 1 over the network's life; None outside of `fit`.
    batch : int or None
        The batch within the epoch, counted from 1; None outside of `fit`.
    learning_rate : float
        The rate of the step that failed.
    """

    def __init__(
        self,
        what: str,
        learning_rate: float,
        epoch: int | None = None,
        batch: int | None = None,
        cure: str = "The last finite parameters are kept. Lower the learning rate, scale the "
        "inputs, or clip the gradients (clip_norm=1).",
    ) -> None:
        # Given by place, they are what a copy is made from, such as one from a worker process.
        super().__init__(what, learning_rate, epoch, batch, cure)
        self.what, self.cure = what, cure
        self.learning_rate, self.epoch, self.batch = learning_rate, epoch, batch

    def __str__(self) -> str:
        where = "" if self.epoch is None else f" in epoch {self.epoch}, batch {self.batch}"
        return f"{self.what}{where}, at learning rate {self.learning_rate:g}. {self.cure}"


#: Where the lines are that no warning is about.
HELPERS = contextlib.__file__, np.errstate.__call__.__code__.co_filename
INSIDE = os.path.join(os.path.dirname(__file__), ""), *HELPERS


def warn(message: str, category: type[Warning] = TrainingWarning) -> None:
    """Warn of the line that began the training: the newest outside of this library."""
    # warnings.warn(..., skip_file_prefixes=INSIDE) does the same, from Python 3.12 on.
    frame = sys._getframe()
    while frame.f_back and frame.f_code.co_filename.startswith(INSIDE):
        frame = frame.f_back
    place = frame.f_code.co_filename, frame.f_lineno, frame.f_globals.get("__name__")
    registry = frame.f_globals.setdefault("__warningregistry__", {})
    warnings.warn_explicit(message, category, *place, registry)
