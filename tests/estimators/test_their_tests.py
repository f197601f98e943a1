"""scikit-learn's own tests of its MLP, with ours put in its place.

They are read from the scikit-learn that is installed, and run as if they stood here.
"""

import inspect
from types import ModuleType

import pytest
from estimators.common import ours, theirs

tests = pytest.importorskip("sklearn.neural_network.tests.test_mlp")

#: Those that look at what is private there, by what they look at; and one that pins the words of a
#: version, which call a label True.
PRIVATE = {
    "test_early_stopping_stratified": "Classes with too few members are: ['True']",
    "test_fit": "puts weights and the state of a fit into an estimator that has never been fitted",
    "test_gradient": "_loss_grad_lbfgs",
    "test_learning_rate_warmstart": "_optimizer",
    "test_adaptive_learning_rate": "_optimizer",
    "test_n_iter_no_change": "_no_improvement_count",
    "test_n_iter_no_change_inf": "_no_improvement_count",
}
#: Those that go through thousands of epochs.
LONG = ["test_n_iter_no_change_inf", "test_partial_fit_classification"]

LINE = f"from {theirs.__name__} import MLPClassifier, MLPRegressor"


def with_ours(module):
    """A module's tests by name, written over ours in place of theirs."""
    source = inspect.getsource(module)
    assert source.count(LINE) == 1
    rewritten = ModuleType(module.__name__)
    code = source.replace(LINE, LINE.replace(theirs.__name__, ours.__name__))
    exec(compile(code, module.__file__, "exec"), vars(rewritten))
    return {name: each for name, each in vars(rewritten).items() if name.startswith("test_")}


found = with_ours(tests)
globals().update({name: test for name, test in found.items() if name not in PRIVATE})
for name in LONG:
    pytest.mark.slow(found[name])
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def global_random_seed():
    """The seed that scikit-learn's own run of its tests would choose."""
    return 42


def test_those_left_out_are_tests_of_theirs():
    assert set(PRIVATE) | set(LONG) <= set(found)
