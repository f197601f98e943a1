"""Folds: who trains on what, and what each scores on the rest."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from many.common import assert_same

import backproplite as bp

RNG = np.random.default_rng(0)
X = RNG.standard_normal((40, 3))
numbers = X[:, :1] - X[:, 1:2] ** 2
labels = (RNG.random(40) < 0.25).astype(int)


def network_for(loss=None, outputs=1):
    loss = bp.MeanSquaredError() if loss is None else loss
    layers = [bp.Dense(3, 4), bp.Tanh(), bp.Dense(4, outputs)]
    return bp.Network(layers, loss, bp.Adam(0.05), seed=4)


@given(st.integers(4, 30), st.integers(2, 4), st.integers(0, 5))
def test_every_sample_is_held_out_once(samples, folds, seed):
    found = bp.cross_validate(
        network_for(), X[:samples], numbers[:samples], 0, folds=folds, seed=seed
    )
    tests = [test for _, test in found.folds]
    assert sorted(np.concatenate(tests)) == list(range(samples))
    assert np.ptp([len(test) for test in tests]) <= 1
    for train, test in found.folds:
        assert sorted([*train, *test]) == list(range(samples))


def test_folds_are_shuffled_by_the_seed():
    def held_out(**given):
        return [
            test.tolist()
            for _, test in bp.cross_validate(network_for(), X, numbers, 0, **given).folds
        ]

    assert held_out() == held_out(seed=4) != held_out(seed=5)
    assert held_out()[0] != list(range(8))


@pytest.mark.parametrize("one", [True, False])
def test_each_fold_has_its_share_of_every_class(one):
    loss = bp.SigmoidCrossEntropy() if one else bp.SoftmaxCrossEntropy()
    found = bp.cross_validate(network_for(loss, 1 if one else 2), X, labels, 0, folds=4)
    counts = [labels[test].sum() for _, test in found.folds]
    assert np.ptp(counts) <= 1
    assert np.ptp([len(test) for _, test in found.folds]) <= 1


def test_each_is_trained_on_the_others_and_scored_on_its_own():
    network, weights = network_for(), RNG.integers(1, 4, 40)
    before = network.parameters.copy()
    stop = bp.EarlyStopping(3)
    given = {"batch_size": 8, "sample_weight": weights, "callbacks": stop}
    found = bp.cross_validate(network, X, numbers, 30, folds=3, **given)
    for each, score, (train, test) in zip(found.networks, found.scores, found.folds, strict=True):
        alone = bp.fresh(network, 4)
        alone.fit(
            X[train], numbers[train], 30, 8,
            sample_weight=weights[train], callbacks=bp.EarlyStopping(3),
            validation_data=(X[test], numbers[test], weights[test]),
        )  # fmt: skip
        assert_same(each, alone)
        assert score == pytest.approx(alone.evaluate(X[test], numbers[test], weights[test]), 1e-12)
    assert found.mean == pytest.approx(found.scores.mean())
    assert found.standard_deviation == pytest.approx(found.scores.std())
    np.testing.assert_array_equal(network.parameters, before)
    assert network.step_count == 0


def test_a_score_of_ones_own():
    def accuracy(y, predictions):
        return (y == predictions.argmax(axis=1)).mean()

    network = network_for(bp.SoftmaxCrossEntropy(), 2)
    found = bp.cross_validate(network, X, labels.tolist(), 5, folds=4, score=accuracy)
    for each, score, (_, test) in zip(found.networks, found.scores, found.folds, strict=True):
        assert score == (each.predict(X[test]).argmax(axis=1) == labels[test]).mean()
    lines = repr(found).splitlines()
    assert lines[0].split() == ["fold", "trained", "on", "scored", "on", "epochs", "accuracy"]
    assert lines[1].split()[:4] == ["0", "30", "10", "5"]
    assert lines[-1] == f"mean {found.mean:.6g} ± {found.standard_deviation:.2g}"


@pytest.mark.parametrize("column", [False, True])
def test_a_score_may_be_a_metric_by_name(column):
    y = numbers[:, 0] > 0
    given = y[:, np.newaxis] if column else y
    network = network_for(bp.SigmoidCrossEntropy())
    found = bp.cross_validate(network, X, given, 5, folds=4, score="accuracy")
    other = bp.cross_validate(
        network, X, given, 5, folds=4, score=lambda t, p: (t == (p > 0.5)).mean()
    )
    for each, score, (_, test) in zip(found.networks, found.scores, found.folds, strict=True):
        assert score == ((each.predict(X[test])[:, 0] > 0.5) == y[test]).mean()
    np.testing.assert_array_equal(found.scores, other.scores)
    assert (found.measure, other.measure) == ("accuracy", "lambda")
    for wrong in ("acuracy", ["accuracy"], 7):
        with pytest.raises(bp.ParameterError, match=r"^score must be 'accuracy' or 'r_squared'"):
            bp.cross_validate(network, X, y, 5, score=wrong)


@pytest.mark.parametrize("wrong", [5, None, bp.MLPRegressor()])
def test_what_is_no_network_is_refused(wrong):
    with pytest.raises(bp.ParameterError, match=r"^network must be a Network; got"):
        bp.cross_validate(wrong, X, numbers, 5)


def test_folds_of_scikit_learn_and_tables_will_do():
    selection = pytest.importorskip("sklearn.model_selection")
    splits = selection.KFold(4, shuffle=True, random_state=0).split(X)
    table = pd.DataFrame(X, columns=["a", "b", "c"])
    target = pd.Series(numbers[:, 0], index=range(100, 140))
    found = bp.cross_validate(network_for(), table, target, 3, folds=splits)
    wanted = [*selection.KFold(4, shuffle=True, random_state=0).split(X)]
    for (train, test), (other, rest) in zip(found.folds, wanted, strict=True):
        np.testing.assert_array_equal(train, other)
        np.testing.assert_array_equal(test, rest)
    assert found.networks[0].feature_names == ("a", "b", "c")
    twin = bp.fresh(network_for(), 4).fit(X[wanted[1][0]], numbers[wanted[1][0]], 3)
    np.testing.assert_allclose(found.networks[1].parameters, twin.parameters, 1e-12)


def test_it_is_spread_over_processes_too():
    pytest.importorskip("joblib")
    here, there = (
        bp.cross_validate(network_for(), X, numbers, 5, folds=4, n_jobs=n_jobs) for n_jobs in (1, 2)
    )
    np.testing.assert_allclose(here.scores, there.scores, 1e-12)
