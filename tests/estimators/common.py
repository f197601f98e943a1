"""The estimators, scikit-learn's own beside them, and what both learn from."""

import inspect
import os
import warnings
from importlib import import_module

import numpy as np
import pytest

theirs = pytest.importorskip("sklearn.neural_network")
ConvergenceWarning = pytest.importorskip("sklearn.exceptions").ConvergenceWarning

#: What is judged: ours; or scikit-learn's own, to see that the tests ask for no more than it does.
ours = import_module(os.environ.get("BACKPROPLITE_JUDGED", "backproplite"))
MLPClassifier, MLPRegressor = ours.MLPClassifier, ours.MLPRegressor

#: From 1.7 on, fits take sample weights, and a regressor learns counts.
WEIGHTED = "sample_weight" in inspect.signature(theirs.MLPClassifier.fit).parameters
weighted = pytest.mark.skipif(not WEIGHTED, reason="this scikit-learn's MLP takes no weights")
#: What a short fit warns of.
unfinished = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

CLASSIFICATION = ["binary", "classes", "labels"]
REGRESSION = ["number", "numbers"]


def problem(kind, samples=60, features=4, seed=0, dtype=float):
    """Features and targets of a kind, with something to learn in them."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((samples, features)).astype(dtype)
    signals = X @ rng.standard_normal((features, 3)) + 0.3 * rng.standard_normal((samples, 3))
    y = {
        "binary": np.where(signals[:, 0] > 0, 1, -1),
        "classes": np.array([2, 3, 7])[signals.argmax(axis=1)],
        "labels": (signals > 0).astype(int),
        "number": signals[:, 0],
        "numbers": signals,
        "counts": rng.poisson(np.exp(np.clip(signals[:, 0], -2, 2))).astype(float),
    }
    return X, y[kind]


def estimator(module, kind, **settings):
    """A module's estimator for targets of a kind."""
    if kind in CLASSIFICATION:
        return module.MLPClassifier(**settings)
    return module.MLPRegressor(**settings | ({"loss": "poisson"} if kind == "counts" else {}))


def fitted(kind, **settings):
    """The estimator that is judged, after a short fit, and what it was fitted on."""
    X, y = problem(kind)
    model = estimator(ours, kind, **{"max_iter": 5, "random_state": 0, **settings})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y), X, y
