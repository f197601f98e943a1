"""scikit-learn's own checks of what an estimator must do, each a test."""

import warnings

import pytest
from estimators.common import MLPClassifier, MLPRegressor, unfinished

checks = pytest.importorskip("sklearn.utils.estimator_checks")

#: Small and quick, but not so that they fall short of the scores that some checks ask for.
QUICK = {"hidden_layer_sizes": 10, "learning_rate_init": 0.05}


def all_checks(*estimators):
    """A mark that runs a test with each check of each estimator."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Estimator .* does not inherit from", UserWarning)
        pairs = [pair for each in estimators for pair in checks.estimator_checks_generator(each)]
    names = [f"{type(each).__name__}-{check.func.__name__}" for each, check in pairs]
    return pytest.mark.parametrize(("estimator", "check"), pairs, ids=names)


@unfinished
@all_checks(MLPClassifier(**QUICK, max_iter=20), MLPRegressor(**QUICK, max_iter=50))
def test_what_every_estimator_must_do(estimator, check):
    check(estimator)


@unfinished
@pytest.mark.slow
@all_checks(
    *(cls(max_iter=100) for cls in (MLPClassifier, MLPRegressor)),
    *(cls(**QUICK, max_iter=30, solver="lbfgs") for cls in (MLPClassifier, MLPRegressor)),
)
def test_what_every_estimator_must_do_with_other_settings(estimator, check):
    check(estimator)
