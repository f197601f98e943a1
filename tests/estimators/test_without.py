"""The estimators where scikit-learn has not been imported, or is not installed."""

import subprocess
import sys

import pytest

#: Fits both estimators, and prints what they have become.
FITS = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.standard_normal((40, 3))
words = np.array(["no", "yes"])[(X[:, 0] > 0).astype(int)]
one = bp.MLPClassifier(max_iter=200, learning_rate_init=0.05, random_state=0).fit(X, words)
other = bp.MLPRegressor(early_stopping=True, learning_rate_init=0.05, random_state=0).fit(X, X[:, 1])
one.partial_fit(X, words)
assert one.score(X, words) > 0.95 and other.score(X, X[:, 1]) > 0.5
assert one.predict(X[:3]).tolist() == words[:3].tolist()
assert one.predict_proba(X).shape == (40, 2) and other.predict(X).shape == (40,)
assert repr(other.set_params(alpha=0.5)).startswith("MLPRegressor(alpha=0.5, ")
print([float(np.sum(each)) for model in (one, other) for each in model.coefs_])
"""

#: Refuses to import scikit-learn, as if it were not there.
BLOCKED = """
import sys
class NotThere:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "sklearn":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, NotThere())
"""


def printed(code):
    """What Python prints for some code, run on its own with all warnings as errors."""
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert not finished.stderr, finished.stderr
    return finished.stdout


def test_nothing_of_scikit_learn_is_imported_unless_the_caller_has_done_so():
    code = "import sys, backproplite as bp\n" + FITS
    assert printed(code + "print('sklearn' in sys.modules)").endswith("False\n")


def test_all_works_where_it_is_not_installed_and_gives_the_same_numbers():
    pytest.importorskip("sklearn")
    alone = printed(BLOCKED + "import backproplite as bp" + FITS)
    assert printed("import sklearn.neural_network, backproplite as bp" + FITS) == alone
    assert alone.count(",") == 3


REFUSED = """
import backproplite as bp, numpy as np
X, y = np.arange(12.0).reshape(6, 2), np.array([0, 1, 0, 1, 0, 1])
model = bp.MLPClassifier(max_iter=300, solver="sgd", tol=10.0, n_iter_no_change=1)
def refused(call, *words):
    try:
        call()
    except (bp.BackpropliteError, ValueError) as error:
        assert all(word in str(error) for word in words), error
    else:
        raise AssertionError(words)
refused(lambda: model.predict(X), "not fitted yet", "fit")
refused(lambda: model.fit(X, y[:4]), "X", "y", "6", "4")
refused(lambda: model.fit([[1.0, np.nan]] * 6, y), "X", "nan")
refused(lambda: model.fit(X, np.linspace(0, 1, 6)), "MLPRegressor")
refused(lambda: model.fit(X[0], y), "X", "(2,)")
refused(lambda: model.fit(X, y).predict(X[:, :1]), "2", "1")
refused(lambda: bp.MLPRegressor().fit(X, ["a"] * 6), "y")
refused(lambda: bp.MLPRegressor(alpha=-1).fit(X, y), "alpha")
print("all")
"""


def test_what_is_wrong_is_refused_without_it_too():
    assert printed(BLOCKED + REFUSED) == "all\n"


def test_without_scipy_lbfgs_names_what_to_install():
    code = BLOCKED.replace('== "sklearn"', 'in ("sklearn", "scipy")') + (
        "import backproplite as bp\n"
        "try:\n    bp.MLPRegressor(solver='lbfgs').fit([[0.0], [1.0]], [0.0, 1.0])\n"
        "except ImportError as error:\n    print(isinstance(error, bp.BackpropliteError), error)\n"
    )
    assert printed(code).startswith("True ")
    assert "pip install" in printed(code)
