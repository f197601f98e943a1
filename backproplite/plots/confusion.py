"""Which classes are taken for which."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..checks import same_samples
from ..errors import ParameterError
from .shared import Axes, axes_or_new, class_labels


def confusion_matrix(
    y: object, predictions: object, *, labels: Sequence[str] | None = None, ax: Axes = None
) -> Axes:
    """Draw how many samples of each class (row) were taken for which class (column).

    Parameters
    ----------
    y, predictions : array of shape (samples,) or (samples, classes)
        Labels 0, 1, ...; or a row for each sample whose largest entry is its
        class; or probabilities of class 1.
    labels : sequence of str, optional
        The names of all classes.
    ax : matplotlib Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ShapeError, InputError
        If the two do not fit, are no classes, or these are more than 100.
    ParameterError
        If there are not enough labels.

    Examples
    --------
    >>> confusion_matrix([0, 1, 1, 0], [[0.1], [0.8], [0.3], [0.2]]).get_title()
    'Accuracy 75.0 % (3 of 4)'
    """
    true, predicted = class_labels("y", y), class_labels("predictions", predictions)
    same_samples("y", true, "predictions", predicted)
    count = int(max(true.max(), predicted.max())) + 1
    if labels is not None and (not isinstance(labels, (list, tuple)) or len(labels) < count):
        raise ParameterError(f"labels must be a list of at least {count}; got {labels!r}.")
    names = [str(name) for name in (range(count) if labels is None else labels)]
    counts = np.zeros((len(names), len(names)), int)
    np.add.at(counts, (true, predicted), 1)
    ax = axes_or_new(ax)
    ax.imshow(np.sqrt(counts), "Blues", vmin=0)  # the root: a few errors show beside many hits
    font = min(10, 140 / len(names))
    for (row, column), value in np.ndenumerate(counts):
        colour = "white" if value > 0.51 * counts.max() else "black" if value else "0.6"
        ax.text(column, row, value, ha="center", va="center", color=colour, fontsize=font)
    turn = 90 if max(map(len, names)) * len(names) > 40 else 0
    ax.set_xticks(range(len(names)), names, fontsize=font, rotation=turn)
    ax.set_yticks(range(len(names)), names, fontsize=font)
    ax.set(xlabel="predicted class", ylabel="true class")
    right = int(np.trace(counts))
    ax.set_title(f"Accuracy {100 * right / len(true):.1f} % ({right} of {len(true)})")
    return ax
