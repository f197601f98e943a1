"""Scores are those of scikit-learn's metrics."""

import numpy as np
import pytest
from backproplite.estimators.scores import accuracy, r_squared
from hypothesis import given
from hypothesis import strategies as st

metrics = pytest.importorskip("sklearn.metrics")
weights = st.none() | st.lists(st.floats(0.1, 5), min_size=6, max_size=6).map(np.array)
columns = st.lists(st.lists(st.integers(0, 2), min_size=6, max_size=6), min_size=1, max_size=3)


@given(columns, columns, weights)
def test_r_squared_is_theirs_of_constant_columns_too(y, outputs, weight):
    y, outputs = (np.array(each[: min(len(y), len(outputs))], float).T for each in (y, outputs))
    wanted = metrics.r2_score(y, outputs, sample_weight=weight)
    assert r_squared(y, outputs, weight) == pytest.approx(wanted, rel=1e-12, abs=1e-12)


@given(columns, columns, weights)
def test_accuracy_is_theirs(y, decided, weight):
    wanted = metrics.accuracy_score(y[0], decided[0], sample_weight=weight)
    found = accuracy(np.array(y[0]), np.array(decided[0]), weight)
    assert found == pytest.approx(wanted, rel=1e-12)


@given(columns, columns, weights)
def test_all_labels_of_a_sample_must_be_right(y, decided, weight):
    fewest = min(len(y), len(decided))
    y, decided = (np.minimum(np.array(each[:fewest]).T, 1) for each in (y, decided))
    wanted = metrics.accuracy_score(y, decided, sample_weight=weight)
    assert accuracy(y, decided, weight) == pytest.approx(wanted, rel=1e-12)
