"""Labels of any sort as the targets of a network, and its outputs as labels again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..checks import Array, number
from ..errors import InputError, ParameterError, ShapeError


class Labels:
    """The classes of a y, and how they are told to a network.

    Two classes are one output, which says how likely the second is; more are an output each. So
    are the yes and no of several labels, y of shape (samples, labels).

    Parameters
    ----------
    y : array of shape (samples,) or (samples, labels)
        Labels of any sort, all of which it shall know; or 0 and 1 for each label.

    Attributes
    ----------
    classes : array of shape (classes,)
        In their order.
    kind : {"binary", "multiclass", "multilabel"}

    Raises
    ------
    InputError
        If y is numbers that are no labels, or several labels with others than yes and no.
    """

    def __init__(self, y: Array) -> None:
        classes = labels_in(y)
        self.kind = "multilabel" if y.ndim == 2 else "multiclass" if len(classes) > 2 else "binary"
        self.classes = classes

    @property
    def outputs(self) -> int:
        """How many outputs say it."""
        return 1 if self.kind == "binary" else len(self.classes)

    def refuse_fewer(self, y: Array) -> None:
        """Raise an `InputError` if y has not all classes that are known."""
        if not np.array_equal(found := labels_in(y), self.classes):
            raise InputError(
                "warm_start can only be used where `y` has the same classes as in the previous "
                f"call to fit. Previously got {self.classes}, `y` has {found}"
            )

    def targets(self, y: Array, dtype: Any) -> Array:
        """Return labels as targets, shape (samples, outputs), if all of them are known."""
        found = labels_in(y)
        if (y.ndim == 2) != (self.kind == "multilabel") or not np.isin(found, self.classes).all():
            raise InputError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes}. "
                f"'y' has {found}."
            )
        if self.kind == "multilabel":
            return (y != 0).astype(dtype)
        places = np.searchsorted(self.classes, y)
        if self.kind == "binary":
            return places[:, np.newaxis].astype(dtype)
        return (places[:, np.newaxis] == np.arange(len(self.classes))).astype(dtype)

    def weights(self, y: Array, given: Any) -> Array:
        """Return how much each sample counts by its class: "balanced", or numbers by label."""
        labels = [*self.classes.tolist()]
        places = np.searchsorted(self.classes, y)
        if self.kind != "multilabel" and isinstance(given, str) and given == "balanced":
            counts = np.bincount(places, minlength=len(labels))
            return (len(y) / (np.count_nonzero(counts) * np.maximum(counts, 1)))[places]
        if self.kind == "multilabel" or not isinstance(given, Mapping) or not {*given} <= {*labels}:
            raise ParameterError(
                f"class_weight must be 'balanced', or numbers by the labels {labels}, of classes "
                f"that exclude each other; got {given!r}."
            )
        weights = [number(f"class_weight[{k!r}]", given.get(k, 1.0), minimum=0) for k in labels]
        return np.array(weights)[places]

    def decided(self, probabilities: Array) -> Array:
        """Return the labels that probabilities, shape (samples, outputs), are decided for."""
        if self.kind == "multilabel":
            return (probabilities > 0.5).astype(int)
        if self.kind == "multiclass":
            return self.classes[probabilities.argmax(axis=1)]
        return self.classes[(probabilities[:, 0] > 0.5) * (len(self.classes) - 1)]

    def accuracy(self, y: Array, probabilities: Array, weights: Array | None) -> float:
        """Return the share of samples whose label, or whose labels all, are right."""
        decided = self.decided(probabilities)
        if y.shape != decided.shape:
            raise ShapeError(f"y must have shape {decided.shape} for this X; got {y.shape}.")
        if isinstance(y.flat[0], str) != isinstance(decided.flat[0], str):
            raise InputError(f"y must be labels like those of `fit`, {self.classes}; got {y}.")
        right = (decided == y).reshape(len(y), -1).all(axis=1)
        return float(np.average(right, weights=weights))


def labels_in(y: Array) -> Array:
    """Return the classes of y in their order; of several labels, their places."""
    if y.ndim == 2 and y.shape[1] > 1:
        if not np.isin(y, (0, 1)).all():
            raise InputError(
                "Multioutput target data is not supported with label binarization: y of shape "
                f"{y.shape} must be 0 and 1, whether each label applies."
            )
        return np.arange(y.shape[1])
    if y.ndim != 1:
        raise InputError(f"y must have shape (samples,) or (samples, labels); got {y.shape}.")
    if y.dtype.kind == "f" and (y != np.floor(y)).any():
        raise InputError(
            "Unknown label type: continuous. A classifier needs y of classes; for numbers on a "
            "scale there is MLPRegressor."
        )
    try:
        return np.unique(y)
    except TypeError:
        raise InputError(
            "Unknown label type: y mixes labels that have no order, such as text and numbers."
        ) from None
