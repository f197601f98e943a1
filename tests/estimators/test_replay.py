"""What a fit that goes as scikit-learn's does takes over of it, and where members differ."""

import numpy as np
import pytest

import backproplite as bp

theirs = pytest.importorskip("sklearn.neural_network")
pytestmark = pytest.mark.filterwarnings("ignore")

rng = np.random.default_rng(0)
X = rng.normal(size=(120, 4))
Y = (X[:, 0] > 0).astype(int)


@pytest.mark.parametrize("labels", [Y, Y + (X[:, 1] > 0)])
def test_no_cost_is_more_than_what_a_rounding_step_from_0_costs(labels):
    far = X * 1e6  # from the bound, near which the digits of 1 - p are few there
    settings = {"max_iter": 5, "random_state": 0, "solver": "sgd", "learning_rate_init": 1e-15}
    model = bp.MLPClassifier(**settings).fit(far, labels)
    other = theirs.MLPClassifier(**settings).fit(far, labels)
    assert model.network_.evaluate(far, labels) > 2 * model.loss_
    np.testing.assert_allclose(model.loss_curve_, other.loss_curve_, rtol=1e-12)


def test_a_second_fit_that_improves_nothing_stays_where_it_ends():
    settings = {
        **{"solver": "sgd", "early_stopping": True, "warm_start": True, "random_state": 0},
        **{"max_iter": 30, "n_iter_no_change": 100, "learning_rate_init": 0.3},
    }
    both = [module.MLPClassifier(**settings) for module in (bp, theirs)]
    for model in both:
        model.fit(X, Y)
        best = model.best_validation_score_
        model.set_params(max_iter=3, alpha=100.0).fit(X, Y)  # decay makes it worse
        assert model.best_validation_score_ == best
    for here, there in zip(both[0].coefs_, both[1].coefs_, strict=True):
        np.testing.assert_allclose(here, there, rtol=0, atol=1e-12)


def test_a_member_is_what_it_would_be_alone():
    settings = {
        **{"solver": "sgd", "alpha": 3.0, "batch_size": 120, "max_iter": 20, "tol": 0.0},
        **{"random_state": 0, "learning_rate_init": 0.05},
    }
    model = bp.MLPClassifier(**settings, n_members=2).fit(X, Y)
    alone = bp.MLPClassifier(**settings).fit(X, Y)
    first, second = model.networks_
    np.testing.assert_allclose(first.parameters, alone.network_.parameters, rtol=0, atol=1e-12)
    assert not np.allclose(first.parameters, second.parameters)
