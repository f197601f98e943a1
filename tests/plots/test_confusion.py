"""The confusion matrix: a count in each cell, and the accuracy."""

import numpy as np
import pytest
from pictures import XOR

from backproplite import plots

TRUE, PREDICTED = [0, 0, 0, 1, 1, 2, 2, 2, 2], [0, 0, 1, 1, 1, 2, 0, 2, 2]


def cells(ax):
    table = np.full(ax.images[0].get_array().shape, -1)
    for text in ax.texts:
        column, row = text.get_position()
        table[row, column] = int(text.get_text())
    return table.tolist()


@pytest.mark.parametrize("y", [TRUE, np.eye(3)[TRUE], np.array(TRUE)[:, None]])
@pytest.mark.parametrize("predictions", [PREDICTED, 0.1 + 0.7 * np.eye(3)[PREDICTED]])
def test_each_cell_has_its_count(y, predictions):
    ax = plots.confusion_matrix(y, predictions)
    counts = [[2, 1, 0], [0, 2, 0], [1, 0, 3]]
    assert cells(ax) == counts
    np.testing.assert_allclose(ax.images[0].get_array() ** 2, counts)
    assert ax.get_title() == "Accuracy 77.8 % (7 of 9)"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted class", "true class")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["0", "1", "2"]


def test_probabilities_of_class_1_are_classes():
    ax = plots.confusion_matrix(XOR[1], [[0.1], [0.9], [0.4], [0.5]])
    assert cells(ax) == [[2, 0], [1, 1]]


def test_labels_name_the_classes_also_those_that_do_not_occur():
    ax = plots.confusion_matrix([0, 1], [0, 0], labels=["cat", "dog", "eel"])
    assert [label.get_text() for label in ax.get_xticklabels()] == ["cat", "dog", "eel"]
    assert cells(ax) == [[1, 0, 0], [1, 0, 0], [0, 0, 0]]
    assert cells(plots.confusion_matrix([0, 0], [0, 0])) == [[2]]
