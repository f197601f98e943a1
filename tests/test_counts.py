"""The Poisson loss: its lines, its slope, and scikit-learn's deviance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import seeds, sizes

import backproplite as bp
from backproplite import Poisson
from backproplite.seeing.written import evaluate


def batch(samples, outputs, seed):
    """Logarithms of means, and counts, of which some are 0."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((samples, outputs)), rng.poisson(1.5, (samples, outputs)).astype(
        float
    )


@given(sizes, sizes, seeds)
def test_the_written_lines_are_what_is_computed(samples, outputs, seed):
    logarithms, targets = batch(samples, outputs, seed)
    values = {"outputs": logarithms, "targets": targets}
    for name, line in Poisson.written.items():
        values[name] = evaluate(line, values)
    costs, cache = Poisson().forward(logarithms, targets)
    np.testing.assert_allclose(costs, values["costs"], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(Poisson().backward(cache), values["derivative"], rtol=1e-12)
    np.testing.assert_allclose(Poisson().predictions(logarithms), values["predictions"], rtol=1e-12)


@given(st.integers(1, 5), sizes, seeds)
def test_the_gradient_is_that_of_the_reported_loss(samples, outputs, seed):
    logarithms, targets = batch(samples, outputs, seed)
    slope = bp.numerical_gradient(lambda x: Poisson()(x, targets), logarithms)
    np.testing.assert_allclose(Poisson().gradient(logarithms, targets), slope, rtol=1e-5, atol=1e-8)
    network = bp.Network(
        [bp.Dense(2, 3), bp.Tanh(), bp.Dense(3, outputs)], Poisson(), seed=seed % 7
    )
    bp.check_gradients(network, np.linspace(-1, 1, 2 * samples).reshape(samples, 2), targets)


@given(st.integers(1, 20), seeds)
def test_it_is_half_of_scikit_learns_deviance(samples, seed):
    metrics = pytest.importorskip("sklearn.metrics")
    logarithms, targets = batch(samples, 1, seed)
    half = metrics.mean_poisson_deviance(targets[:, 0], np.exp(logarithms[:, 0])) / 2
    assert Poisson()(logarithms, targets) == pytest.approx(half, rel=1e-12, abs=1e-14)


def test_counts_met_exactly_cost_nothing():
    assert Poisson()(np.log([[3.0], [7.0]]), [[3.0], [7.0]]) == pytest.approx(0, abs=1e-14)
    assert not Poisson().gradient(np.log([[4.0]]), [[4.0]]).round(14).any()


def test_negative_counts_are_refused():
    with pytest.raises(bp.InputError, match=r"must be counts, 0 or more; got -2"):
        Poisson()([[0.0]], [[-2.0]])
    with pytest.raises(bp.InputError, match=r"y must be counts, 0 or more; got -1"):
        bp.MLPRegressor("poisson").fit([[0.0], [1.0]], [-1.0, 2.0])


def test_a_network_of_counts_is_saved_and_loaded(tmp_path):
    X = np.linspace(0, 1, 20).reshape(20, 1)
    model = bp.MLPRegressor("poisson", max_iter=3, tol=10.0, n_iter_no_change=1, random_state=0)
    model.fit(X, np.arange(20) % 4)
    model.network_.save(tmp_path / "counts.npz")
    loaded = bp.Network.load(tmp_path / "counts.npz")
    assert np.array_equal(loaded.predict(X)[:, 0], model.predict(X))
    assert (model.predict(X) > 0).all()
