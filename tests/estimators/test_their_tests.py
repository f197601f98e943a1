"""scikit-learn's own tests of its MLP, with ours put in its place.

They are read from the scikit-learn that is installed, and run as if they stood here.
"""

import inspect
from types import ModuleType

import numpy as np
import pytest
from estimators.common import MLPClassifier, ours, theirs, unfinished

import backproplite as bp

tests = pytest.importorskip("sklearn.neural_network.tests.test_mlp")

#: What the tests look at in private, and where ours has it.
ELSEWHERE = {
    f"from {theirs.__name__} import MLPClassifier": f"from {ours.__name__} import MLPClassifier",
    "._optimizer.learning_rate": ".network_.optimizer.learning_rate",
}
#: Those that cannot be of ours, and why. What is public of them, tests below have.
LEFT_OUT = {
    "test_fit": "builds what a fit leaves out of private parts, before any fit",
    "test_gradient": "calls _loss_grad_lbfgs",
    "test_early_stopping_stratified": "wants a label named as True, which theirs turned it into",
}


def with_ours(module):
    """A module's tests by name, written over ours in place of theirs."""
    source = inspect.getsource(module)
    for there, here in ELSEWHERE.items():
        assert there in source
        source = source.replace(there, here)
    rewritten = ModuleType(module.__name__)
    exec(compile(source, module.__file__, "exec"), vars(rewritten))
    return {name: each for name, each in vars(rewritten).items() if name.startswith("test_")}


found = with_ours(tests)
globals().update({name: test for name, test in found.items() if name not in LEFT_OUT})
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def global_random_seed():
    """The seed that scikit-learn's own run of its tests chooses unless it is told another."""
    return 42


def test_what_is_said_of_their_tests_is_of_tests_that_are_there():
    assert {*LEFT_OUT} <= {*found}
    assert len(found) > 30


def test_a_step_is_that_of_the_worked_example_in_theirs():
    X, y = np.array([[0.6, 0.8, 0.7]]), np.array([0])
    model = MLPClassifier(
        2, "logistic", solver="sgd", learning_rate_init=0.1, alpha=0.1, momentum=0, max_iter=1
    )
    model.partial_fit(X, y, classes=[0, 1])
    model.coefs_ = [np.array([[0.1, 0.2], [0.3, 0.1], [0.5, 0]]), np.array([[0.1], [0.2]])]
    model.intercepts_ = [np.array([0.1, 0.1]), np.array([1.0])]
    model.partial_fit(X, y)
    weights = [[[0.098, 0.195756], [0.2956664, 0.096008], [0.4939998, -0.002244]]]
    weights += [[[0.04706], [0.154089]]]
    for given, wanted in zip(model.coefs_, weights, strict=True):
        np.testing.assert_allclose(given, wanted, atol=5e-4)
    for given, wanted in zip(model.intercepts_, [[0.098333, 0.09626], [0.9235]], strict=True):
        np.testing.assert_allclose(given, wanted, atol=5e-4)
    assert model.predict_proba(X)[0, 1] == pytest.approx(0.739, abs=5e-4)


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("labels", [2, 3])
def test_gradients_are_right(activation, labels):
    X, y = np.random.default_rng(42).random((5, 10)), np.arange(5) % labels
    model = MLPClassifier(10, activation, solver="lbfgs", max_iter=1, random_state=1).fit(X, y)
    bp.check_gradients(model.network_, X, y.reshape(5, 1) if labels == 2 else y)


@unfinished
def test_a_class_of_one_cannot_be_held_out_and_is_named():
    model = MLPClassifier(early_stopping=True)
    with pytest.raises(ValueError, match=r"have only 1 member.*too few members are: \['oak'\]"):
        model.fit([[1, 2], [2, 3], [3, 4], [4, 5]], ["ash", "ash", "ash", "oak"])
