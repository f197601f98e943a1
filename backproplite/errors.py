"""The exceptions that backproplite raises.

Every one is a `BackpropliteError`, and each is also the built-in error that
people would catch for such a fault.
"""

from __future__ import annotations

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
    "UnknownNameError",
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
        *,
        learning_rate: float,
        epoch: int | None = None,
        batch: int | None = None,
    ) -> None:
        self.what, self.learning_rate, self.epoch, self.batch = what, learning_rate, epoch, batch
        where = "" if epoch is None else f" in epoch {epoch}, batch {batch}"
        super().__init__(
            f"{what}{where}, at learning rate {learning_rate:g}. The last finite parameters are "
            "kept. Lower the learning rate, scale the inputs, or clip the gradients (clip_norm=1)."
        )

    def at(self, epoch: int, batch: int) -> DivergenceError:
        """Return the same error with the place in the training that it came from."""
        return DivergenceError(
            self.what, learning_rate=self.learning_rate, epoch=epoch, batch=batch
        )

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by value, so that the error crosses from a worker process."""
        settings = {k: getattr(self, k) for k in ("learning_rate", "epoch", "batch")}
        return _rebuild_divergence, (self.what, settings)


def _rebuild_divergence(what: str, settings: dict[str, float | int | None]) -> DivergenceError:
    return DivergenceError(what, **settings)  # type: ignore[arg-type]
