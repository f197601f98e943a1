"""Metrics: what else than the loss is measured of a network, such as the share of right answers.

A metric is a function of targets and predictions. It gets both in one shape and in the user's own
form: labels, not one-hot rows. Loaded when the first is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from inspect import signature
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from .checks import Array, answers, real_array, sample_shares
from .errors import InputError, ParameterError, ShapeError
from .large import pieces
from .losses import Loss
from .record import HISTORY

if TYPE_CHECKING:
    from .large import Stream
    from .network import Network
    from .training import Batch

__all__ = ["accuracy", "r_squared"]


def accuracy(y: ArrayLike, predictions: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
    """Return the share of samples that are right.

    accuracy = Σ weight · [prediction = y] / Σ weight

    Parameters
    ----------
    y : array of shape (samples,), (samples, 1) or (samples, k)
        Labels of any sort, one-hot rows, or 0 and 1 for each of several labels.
    predictions : array of such a shape
        Labels; or probabilities: of yes, which is where they are above 0.5, or of each class, the
        largest of which counts. Of several labels, all must be right.
    sample_weight : array of shape (samples,), optional
        How much each sample counts beside the others.

    Returns
    -------
    float

    Raises
    ------
    ShapeError
        If the two have not the same number of samples and columns.
    InputError
        If y holds no classes, the predictions are neither such nor probabilities, or the weights
        are negative or all 0.

    Examples
    --------
    >>> accuracy([0, 1, 1, 0], [[0.1], [0.9], [0.4], [0.2]])
    0.75
    >>> accuracy([0, 2], [[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]])
    1.0
    """
    wanted, given = _labels("y", y), _labels("predictions", predictions)
    text = [array.dtype.kind == "U" for array in (wanted, given)]
    likely = not text[1] and bool((given != np.floor(given)).any())
    if given.ndim == 2 and (wanted.ndim == 1 or (likely and not text[0] and _is_one_hot(wanted))):
        if wanted.ndim == 1:
            _refuse_other_labels(wanted, given.shape[1])
        elif wanted.shape == given.shape:
            wanted = wanted.argmax(axis=1)
        given, likely = given.argmax(axis=1), False
    _refuse_mismatch(wanted, given, y, predictions)
    if text[0] != text[1]:
        raise InputError("y and predictions must be labels of one sort; got text and numbers.")
    if likely:
        if (others := wanted[~np.isin(wanted, (0, 1))]).size:
            raise InputError(
                "y must be 0 or 1 where predictions are probabilities of yes; got "
                f"{answers().shown(others.item(0))}. For plain numbers use r_squared."
            )
        if not ((given >= 0) & (given <= 1)).all():
            raise InputError(
                "predictions must be labels, or probabilities from 0 to 1; got "
                f"{given.min():g} to {given.max():g}. Use a loss on classes, and predict, not "
                "forward."
            )
        given = given > 0.5
    right = (wanted == given).reshape(len(given), -1).all(axis=1)
    return float(np.average(right, weights=_shares(sample_weight, len(right))))


def r_squared(
    y: ArrayLike, predictions: ArrayLike, sample_weight: ArrayLike | None = None
) -> float:
    """Return the share of the variance that is explained: 1 for all, 0 for what the mean does.

    r_squared = 1 - Σ weight · (y - prediction)² / Σ weight · (y - mean of y)²; of several columns,
    their mean

    Parameters
    ----------
    y, predictions : array of shape (samples,), (samples, 1) or (samples, k)
        A column that does not vary counts 1 where it is met exactly, else 0.
    sample_weight : array of shape (samples,), optional
        How much each sample counts beside the others, in the mean of y too.

    Returns
    -------
    float

    Raises
    ------
    ShapeError, InputError
        If the two are not finite numbers, as many of each, or the weights are negative or all 0.

    Examples
    --------
    >>> r_squared([1, 2, 3], [[1], [2], [4]])
    0.5
    """
    wanted, given = (
        without_column(real_array(name, each))
        for name, each in {"y": y, "predictions": predictions}.items()
    )
    _refuse_mismatch(wanted, given, y, predictions)
    mean = partial(np.average, axis=0, weights=_shares(sample_weight, len(wanted)))
    left, spread = mean((wanted - given) ** 2), mean((wanted - mean(wanted)) ** 2)
    explained = 1 - left / np.where(spread > 0, spread, 1)
    return float(np.where(spread > 0, explained, left == 0).mean())


def _shares(weights: object, samples: int) -> Array | None:
    """Return sample weights as shares; None is none."""
    if weights is None:
        return None
    return sample_shares("sample_weight", weights, samples, np.float64)


def _labels(name: str, value: Any) -> Array:
    """Return labels, or probabilities: text as it is, all else as finite numbers."""
    array = np.asarray(value)
    text = array.size > 0 and isinstance(array.flat[0], str)
    return without_column(array.astype(str) if text else real_array(name, value))


def without_column(array: Array) -> Array:
    """Return an array of a single column as one of samples: (n, 1) and (n,) mean the same."""
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def _is_one_hot(rows: Array) -> bool:
    return bool(np.isin(rows, (0, 1)).all() and (rows.sum(axis=1) == 1).all())


def _refuse_other_labels(labels: Array, classes: int) -> None:
    if not np.isin(labels, np.arange(classes)).all():
        raise InputError(
            f"y must be labels from 0 to {classes - 1} where predictions have a column for each "
            f"class; got {answers().shown(labels)}. Number them: classes, y = np.unique(y, "
            "return_inverse=True)."
        )


def _refuse_mismatch(wanted: Array, given: Array, y: Any, predictions: Any) -> None:
    if wanted.shape != given.shape or wanted.ndim not in (1, 2) or not wanted.size:
        raise ShapeError(
            "y and predictions must have the same shape, of one sample at least; got "
            f"{np.shape(y)} and {np.shape(predictions)}."
        )


#: The metrics that have names.
NAMED = {"accuracy": accuracy, "r_squared": r_squared}


def checked_metrics(given: Any, argument: str = "metrics") -> Metrics | None:
    """Return what `fit` is given as metrics; a single one is as good as a list of one."""
    listing = isinstance(given, Iterable) and not isinstance(given, Mapping)
    if not callable(given) and not listing:
        raise ParameterError(f"metrics must be a sequence of names or functions; got {given!r}.")
    functions: dict[str, Callable[[Array, Array], Any]] = {}
    listed = [given] if isinstance(given, str) or callable(given) else [*given]
    for i, each in enumerate(listed):
        place = f"{argument}[{i}]" if len(listed) > 1 else argument
        function = NAMED.get(each) if isinstance(each, str) else each
        if isinstance(function, (type, Loss)) or not callable(function):
            raise ParameterError(
                f"{place} must be {' or '.join(map(repr, NAMED))}, or a function (targets, "
                "predictions) -> number, such as def mae(y, p): return abs(y - p).mean(); got "
                f"{each!r}."
            )
        name = name_of(function)
        taken = [*HISTORY, *functions, *(f"val_{known}" for known in functions)]
        if not name.isidentifier() or name in taken or f"val_{name}" in taken:
            raise ParameterError(
                f"{place} must have a name of its own, for the history; got {name!r}. "
                "Define it by def, or set its __name__."
            )
        functions[name] = function
    return Metrics(functions) if functions else None


def name_of(function: Any) -> str:
    """Return what a function is called: its name, that of what a partial calls, or its class's."""
    inner = function if hasattr(function, "__name__") else getattr(function, "func", function)
    return str(getattr(inner, "__name__", type(inner).__name__)).strip("<>")


def wants_decisions(name: str, function: Callable[..., Any]) -> bool:
    """Whether a function wants decisions, not probabilities: scikit-learn calls them y_pred.

    It calls those of a log loss so too, which are probabilities.
    """
    try:
        second = [*signature(function).parameters][1:2]
    except (TypeError, ValueError):  # some that are written in C have none
        second = []
    return function is accuracy or (second == ["y_pred"] and "log_loss" not in name)


class Metrics:
    """The metrics of a fit or an evaluation.

    Parameters
    ----------
    functions : dict of functions
        By the names that the history has them under.
    """

    def __init__(self, functions: dict[str, Callable[[Array, Array], Any]]) -> None:
        self.functions = functions

    def measured(self, validated: bool = True) -> list[str]:
        """Return the names of what is measured, on the validation data too if there are any."""
        return [*self.functions, *(f"val_{name}" for name in self.functions if validated)]

    def after(
        self, epoch: int, network: Network, data: Batch | Stream, validation: Batch | Stream | None
    ) -> dict[str, float]:
        """Return what is measured after an epoch, by the names in the history."""
        found = self.of(network, data, epoch=epoch)
        if validation is not None:
            others = self.of(network, validation, epoch=epoch)
            found |= {f"val_{name}": value for name, value in others.items()}
        return found

    def of(
        self,
        network: Network,
        data: Batch | Stream,
        batch_size: int | None = None,
        epoch: int | None = None,
    ) -> dict[str, float]:
        """Return what each comes to on all of some data.

        Inputs go through the network block by block; targets and predictions are gathered.
        """
        when = "" if epoch is None else f", after epoch {epoch}"
        loss, found = network.loss, {}
        parts = [
            (loss.own_targets(batch.targets), network.predictions(batch.x))
            for batch, _ in pieces(data, batch_size)
        ]
        targets, *forms = in_own_form(loss, *map(np.concatenate, zip(*parts, strict=True)))
        for name, function in self.functions.items():
            given = forms[wants_decisions(name, function)].copy()  # it may write into its own
            try:
                value = function(targets.copy(), given)
            except Exception as error:
                error.add_note(f"This came up in the metric {name!r}{when}.")
                raise
            number = value.item() if getattr(value, "ndim", None) == 0 else value
            if not isinstance(number, Real) or isinstance(number, bool):
                raise ParameterError(
                    f"the metric {name!r} must return a number; got {answers().shown(value)}{when}."
                )
            found[name] = float(number)
        return found


def in_own_form(loss: Loss, targets: Array, predictions: Array) -> tuple[Array, Array, Array]:
    """Return targets as the user has them, predictions, and decisions where there are classes.

    Those of one output have shape (samples,). Probabilities between classes are plain numbers.
    """
    decisions = predictions
    if loss.labels is not None and np.isin(targets, (0, 1)).all():
        if loss.labels == "categorical":
            targets, decisions = targets.argmax(axis=1), predictions.argmax(axis=1)
        else:
            targets, decisions = targets.astype(int), (predictions > 0.5).astype(int)
    return without_column(targets), without_column(predictions), without_column(decisions)
