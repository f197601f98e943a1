"""How scikit-learn wants to be dealt with, by an estimator that does not need it.

What scikit-learn asks of others, parameters, tags and requests, is answered here. It is never
imported unless the caller has done so; where it is there, data are checked and warnings and errors
raised as it does, else as the rest of this library does.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from functools import cache, update_wrapper
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

import numpy as np

from ..checks import Array, column_names, matrix, real_array, same_samples
from ..configurable import arguments_of
from ..errors import (
    InputError,
    NotFittedError,
    ParameterError,
    ShapeError,
    TrainingWarning,
    warn,
)

Method = TypeVar("Method", bound=Callable[..., Any])
#: What each method takes besides the data, which scikit-learn may route to it.
METADATA = {
    "fit": ("sample_weight",),
    "partial_fit": ("classes", "sample_weight"),
    "score": ("sample_weight",),
}


def scikit_learn_is_there() -> bool:
    """Whether the caller has imported scikit-learn, a version whose checks can be used."""
    validation = sys.modules.get("sklearn.utils.validation")
    return hasattr(validation, "validate_data")


def of_both(ours: Any, name: str) -> Any:
    """Return an exception or warning that is also scikit-learn's of this name, if that is there."""
    return _of_both(ours, name) if scikit_learn_is_there() else ours


@cache
def _of_both(ours: Any, name: str) -> Any:
    from sklearn import exceptions

    return type(name, (ours, getattr(exceptions, name)), {"__module__": __name__})


class Stepwise:
    """A method that an estimator has only if its solver goes in steps."""

    def __init__(self, method: Callable[..., Any]) -> None:
        self.method = method
        update_wrapper(self, method)  # type: ignore[arg-type]

    def __get__(self, owner: Any, cls: type) -> Any:
        if owner is not None and owner.solver not in ("sgd", "adam"):
            raise AttributeError(
                f"{self.method.__name__} is only available for stochastic optimizers. "
                f"{owner.solver} is not stochastic."
            )
        return self.method.__get__(owner, cls)


def stepwise(method: Method) -> Method:
    """Return a method that is there only if the solver goes in steps."""
    described: Any = Stepwise(method)
    return described


class Estimator:
    """What scikit-learn's tools want to know of an estimator: its parameters, tags and requests."""

    #: "classifier" or "regressor", under the name that scikit-learn asks for.
    _estimator_type: ClassVar[str]
    n_features_in_: int
    feature_names_in_: Array

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def keep(self, given: dict[str, Any]) -> None:
        """Keep the arguments of the constructor as they are, which `fit` looks at."""
        vars(self).update({name: value for name, value in given.items() if name != "self"})

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name, as they were given."""
        return {name: getattr(self, name) for name in sorted(arguments_of(type(self)))}

    def set_params(self, **parameters: Any) -> Self:
        """Change parameters, which the next `fit` looks at."""
        known = self.get_params()
        for name in parameters:
            if name not in known:
                raise ParameterError(
                    f"Invalid parameter {name!r} for estimator {self!r}. Valid parameters are: "
                    f"{[*known]}."
                )
        vars(self).update(parameters)
        return self

    def __repr__(self) -> str:
        shown = []
        for name, argument in arguments_of(type(self)).items():
            given = getattr(self, name)
            if repr(given) != repr(argument.default):
                shown.append(f"{name}={given!r}")
        return f"{type(self).__name__}({', '.join(shown)})"

    def _repr_html_(self) -> str | None:
        if not scikit_learn_is_there():
            return None
        from sklearn.utils import estimator_html_repr

        return str(estimator_html_repr(self))

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags, InputTags, RegressorTags, Tags, TargetTags

        classifies = self._estimator_type == "classifier"
        return Tags(
            estimator_type=self._estimator_type,
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags(multi_label=True) if classifies else None,
            regressor_tags=None if classifies else RegressorTags(),
            input_tags=InputTags(sparse=True),
        )

    def __sklearn_is_fitted__(self) -> bool:
        return "networks_" in vars(self)

    def refuse_unfitted(self) -> None:
        """Raise a `NotFittedError`, scikit-learn's too, before the first `fit`."""
        if not self.__sklearn_is_fitted__():
            raise of_both(NotFittedError, "NotFittedError")(
                f"This {type(self).__name__} instance is not fitted yet. Call 'fit' with "
                "appropriate arguments before using this estimator."
            )

    # Which metadata go to which method, if scikit-learn routes them.

    def get_metadata_routing(self) -> Any:
        """Return which metadata scikit-learn shall pass on to which method."""
        from sklearn.utils.metadata_routing import MetadataRequest

        if "_metadata_request" in vars(self):
            return copy.deepcopy(self._metadata_request)
        requests = MetadataRequest(owner=type(self).__name__)
        for method, names in METADATA.items():
            for name in names:
                if hasattr(self, method) and (name != "classes" or hasattr(self, "predict_proba")):
                    getattr(requests, method).add_request(param=name, alias=None)
        return requests

    def set_fit_request(self, **requests: Any) -> Self:
        """Say which metadata `fit` wants: `sample_weight`, as True, False, None or a name."""
        return self._request("fit", requests)

    def set_partial_fit_request(self, **requests: Any) -> Self:
        """Say which metadata `partial_fit` wants, as `set_fit_request` does."""
        return self._request("partial_fit", requests)

    def set_score_request(self, **requests: Any) -> Self:
        """Say which metadata `score` wants, as `set_fit_request` does."""
        return self._request("score", requests)

    def _request(self, method: str, requests: dict[str, Any]) -> Self:
        import sklearn

        if not sklearn.get_config()["enable_metadata_routing"]:
            raise RuntimeError(
                "This method is only available when metadata routing is enabled: "
                "sklearn.set_config(enable_metadata_routing=True)."
            )
        kept = self.get_metadata_routing()
        for name, alias in requests.items():
            if name not in METADATA[method]:
                raise TypeError(f"{method} takes {METADATA[method]} as metadata; got {name!r}.")
            getattr(kept, method).add_request(param=name, alias=alias)
        self._metadata_request = kept
        return self

    # Data, checked.

    def checked(self, X: Any, first: bool = False, **settings: Any) -> Any:
        """Return X, and y if it is among the settings, as arrays, or say what is wrong with them.

        Parameters
        ----------
        X : array, table or sparse matrix of shape (samples, features)
        first : bool
            Whether its features are those to keep; else they must be those that are kept.
        y : array, optional
        y_numeric : bool, optional
            Whether y must be numbers.
        """
        if not scikit_learn_is_there():
            return self._checked_here(X, first, **settings)
        from sklearn.utils.validation import validate_data

        if "y" in settings:
            settings["multi_output"] = True
        settings |= {"accept_sparse": ["csr", "csc"], "dtype": (np.float64, np.float32)}
        found = validate_data(self, X, reset=first, **settings)
        x, *y = found if "y" in settings else (found,)
        return (dense(x), *y) if y else dense(x)

    def _checked_here(self, X: Any, first: bool, y_numeric: bool = False, **settings: Any) -> Any:
        kept = (None, None) if first else (self.n_features_in_, self.names())
        dtype = np.float32 if getattr(X, "dtype", None) == np.float32 else np.float64
        x = matrix("X", dense(X), dtype, *kept)
        if "y" in settings:
            if (y := settings["y"]) is None:
                raise InputError("fit requires y to be passed, but the target y is None.")
            y = real_array("y", y, np.float64) if y_numeric else np.asarray(y)
            same_samples("X", x, "y", np.atleast_1d(y))
        if first:
            self.n_features_in_, names = x.shape[1], column_names(X)
            vars(self).pop("feature_names_in_", None)
            if names:
                self.feature_names_in_ = np.array(names, dtype=object)
        return (x, y) if "y" in settings else x

    def names(self) -> tuple[str, ...] | None:
        """Return the names of the features, if they have any."""
        return tuple(self.feature_names_in_) if "feature_names_in_" in vars(self) else None


def dense(X: Any) -> Any:
    """Return a sparse matrix as an array, anything else as it is."""
    return X.toarray() if hasattr(X, "toarray") else X


def one_column(y: Array) -> Array:
    """Return y of shape (samples, 1) as (samples,), with scikit-learn's warning of it."""
    if y.ndim != 2 or y.shape[1] != 1:
        return y
    warn(
        "A column-vector y was passed when a 1d array was expected. Please change the shape of y "
        "to (n_samples, ), for example using ravel().",
        of_both(TrainingWarning, "DataConversionWarning"),
    )
    return y[:, 0]


def checked_weights(weights: Any, x: Array) -> Array | None:
    """Return sample weights as an array of shape (samples,); None is none."""
    if weights is None:
        return None
    if isinstance(weights, (int, float)):
        return np.full(len(x), weights, x.dtype)
    array = real_array("sample_weight", weights, x.dtype)
    if array.shape != (len(x),):
        raise ShapeError(
            f"sample_weight must have shape ({len(x)},), a weight for each sample; got "
            f"{array.shape}."
        )
    if not (array > 0).any() or (array < 0).any():
        raise InputError("sample_weight must not be negative, and not all zero.")
    return array
