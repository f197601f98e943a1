"""The two estimators: what a classifier and a regressor take, learn, predict and score."""

from __future__ import annotations

import math
from typing import Any, Literal, Self, overload

import numpy as np

from ..activations import Sigmoid, Softmax
from ..checks import Array
from ..counts import Poisson
from ..errors import ParameterError
from ..layers import Layer
from ..losses import HalfSquaredError, Loss, SigmoidCrossEntropy, SoftmaxCrossEntropy
from ..metrics import r_squared
from ..scaling import StandardizedTargets
from .base import MLP
from .draws import Draws, split
from .labels import Labels, labels_in
from .manners import stepwise

#: Losses of the regressor, and what scikit-learn calls the activation that goes with each.
LOSSES = {"squared_error": (HalfSquaredError(), "identity"), "poisson": (Poisson(), "exp")}


class MLPClassifier(MLP):
    """A multi-layer perceptron that tells classes apart, in the place of scikit-learn's.

    The same `random_state` gives the same numbers as there. What it takes beside, from `loss` on,
    is off unless asked for.

    loss = Σ weight · cost / Σ weight + ½ alpha · Σ coef² / Σ weight over the samples of a batch

    Parameters
    ----------
    hidden_layer_sizes : sequence of int, or int
        The number of units of each hidden layer.
    activation : str, activation, or list of one for each hidden layer
        "identity", "logistic", "tanh", "relu", or another of ours in lower case; or an instance.
    solver : {"adam", "sgd", "lbfgs"}
        The last needs SciPy.
    alpha : float
        Weight decay, over the samples of a batch; it counts in the loss.
    batch_size : int or "auto"
        Samples per update; "auto" is 200, or all if there are fewer.
    learning_rate : {"constant", "invscaling", "adaptive"}
        How the rate of "sgd" changes: not; over t to the power of `power_t`, after t samples; or to
        a fifth where it stalls.
    learning_rate_init, momentum, nesterovs_momentum, power_t, beta_1, beta_2, epsilon
        Settings of the solvers.
    max_iter : int
        Epochs at most.
    shuffle : bool
        Whether each epoch has an order of its own.
    random_state : int, numpy.random.RandomState or None
        Where first weights, orders and the split come from.
    tol, n_iter_no_change : float, int
        It stops once the loss, or the validation score, has not become better by `tol` for more
        than so many epochs.
    verbose : bool
        Whether to print a line for each epoch.
    warm_start : bool
        Whether `fit` goes on from where the model stands.
    early_stopping, validation_fraction : bool, float
        Whether to hold out such a share of the data, stop by the score on it, and go back to the
        best.
    max_fun : int
        Calls of the loss at most, for "lbfgs".
    loss : "log_loss" or Loss
        Any of ours that takes such targets.
    dropout : float
        The share of each hidden layer's outputs that is dropped in training.
    class_weight : {"balanced"} or mapping, optional
        How much each class counts, by its label; 1 where it is not named.
    callbacks, metrics, progress
        As for `Network.fit`.
    validation_data : (X, y) or (X, y, sample_weight), optional
        Scored after each epoch, as `network_.history["val_loss"]`; early stopping looks at it
        too, and holds out nothing then.
    restore_best : bool
        Whether to go back to the weights of the best epoch, by the loss on the validation data, or
        on the training data if there are none.
    stratify : bool
        Whether early stopping holds out a share of each class, however many there are;
        scikit-learn does so for two classes.
    n_members : int
        So many networks are trained at once, by `fit_together`, each until its own loss gets no
        better (on what is held out, with early stopping); their mean is predicted.
    standardize : bool
        Whether a first layer brings each feature to mean 0 and deviation 1.

    Attributes
    ----------
    network_, networks_ : Network, list of Network
        The plain network: trace, diagnose, save it. Of several members, there is only the list.
    classes_ : array of shape (classes,)
        The labels in their order.
    coefs_, intercepts_ : list of arrays
        The weights and biases of the layers, views into the network.
    loss_, best_loss_, loss_curve_, n_iter_, t_
        The newest loss, the least, that of each epoch; epochs made, and samples seen over all fits.
    validation_scores_, best_validation_score_
        The accuracy on what early stopping holds out; None of several members.
    n_layers_, n_outputs_, out_activation_, n_features_in_, feature_names_in_
        What the network and its data look like.

    Raises
    ------
    ShapeError, InputError, ParameterError
        By `fit`, if parameters or data cannot be used. The constructor takes whatever it is given,
        as scikit-learn wants it.

    Examples
    --------
    >>> import backproplite as bp
    >>> X, y = bp.datasets.moons(200, seed=0)
    >>> model = bp.MLPClassifier(solver="lbfgs", random_state=0).fit(X, y)
    >>> model.score(X, y)
    1.0
    """

    _estimator_type = "classifier"
    fit, score = MLP.fit, MLP.score  # which belong on the page of each
    _labels: Labels

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        loss: Any = "log_loss",
        class_weight: Any = None,
        stratify: bool = False,
        dropout: float = 0.0,
        callbacks: Any = (),
        metrics: Any = (),
        progress: bool = False,
        validation_data: Any = None,
        restore_best: bool = False,
        n_members: int = 1,
        standardize: bool = False,
    ) -> None:
        self.keep(locals())

    @property
    def classes_(self) -> Array:
        """The classes, in the order of the columns of `predict_proba`."""
        self.refuse_unfitted()
        return self._labels.classes

    @stepwise
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """Go on for one epoch over data, of which `classes` names all labels the first time."""
        if classes is None and not self.__sklearn_is_fitted__():
            raise ParameterError("classes must be passed on the first call to partial_fit.")
        return self._fit(X, y, sample_weight, None, True, classes)

    def _learn(self, y: Array, first: bool, classes: Any) -> int:
        given = None if classes is None else labels_in(np.asarray(classes))
        if first:
            self._labels = Labels(y if given is None or y.ndim == 2 else given)
        known = self._labels
        if given is not None and not np.array_equal(given, known.classes):
            raise ParameterError(
                f"`classes={classes!r}` is not the same as on last call to partial_fit, was: "
                f"{known.classes!r}"
            )
        if self.warm_start and not first:
            known.refuse_fewer(y)
        return known.outputs

    def _targets(self, y: Array, dtype: Any) -> Array:
        return self._labels.targets(y, dtype)

    def _loss(self, y: Array) -> tuple[Loss, type[Layer] | None, str]:
        several = self._labels.kind == "multiclass"
        bend: type[Layer] = Softmax if several else Sigmoid
        name = "softmax" if several else "logistic"
        if self.loss == "log_loss":
            return SoftmaxCrossEntropy() if several else SigmoidCrossEntropy(), None, name
        other = "binary" if several else "categorical"
        if not isinstance(self.loss, Loss) or self.loss.labels == other:
            raise ParameterError(
                f"loss must be 'log_loss', or a Loss for {self._labels.kind} targets; got "
                f"{self.loss!r}."
            )
        return self.loss, None if self.loss.applies else self.loss.suits or bend, name

    def _weights(self, y: Array, weights: Array | None, partial: bool) -> Array | None:
        if self.class_weight is None:
            return weights
        if partial and self.class_weight == "balanced":
            raise ParameterError("class_weight='balanced' needs all data: give numbers instead.")
        factors = self._labels.weights(y, self.class_weight)
        return factors if weights is None else weights * factors

    def _split(self, y: Array, draws: Draws) -> tuple[Array, Array]:
        by_class = self._labels.kind == "binary" or (self.stratify and y.ndim == 1)
        return split(draws, len(y), self.validation_fraction, y if by_class else None)

    def _score(self, y: Array, outputs: Array, weights: Array | None) -> float:
        return self._labels.accuracy(y, outputs, weights)

    def predict(self, X: Any) -> Array:
        """Return the likeliest labels, shape (samples,), or which apply, (samples, labels)."""
        outputs, _ = self._outputs(X)
        return self._labels.decided(outputs)

    @overload
    def predict_proba(self, X: Any, return_std: Literal[False] = False) -> Array: ...
    @overload
    def predict_proba(self, X: Any, return_std: Literal[True]) -> tuple[Array, Array]: ...
    def predict_proba(self, X: Any, return_std: bool = False) -> Any:
        """Return how likely each class is, shape (samples, classes); with the spread if wanted.

        The spread is the deviation of the members' probabilities from their mean.
        """
        likely, spread = self._outputs(X)
        if self.n_outputs_ == 1:
            likely, spread = np.hstack([1 - likely, likely]), np.hstack([spread, spread])
        return (likely, spread) if return_std else likely

    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithm of `predict_proba`."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))


class MLPRegressor(MLP):
    """A multi-layer perceptron that predicts numbers, in the place of scikit-learn's.

    The same `random_state` gives the same numbers as there.

    Parameters
    ----------
    loss : {"squared_error", "poisson"} or Loss
        Half the squared error; half the Poisson deviance of counts; or any of ours on plain
        numbers.
    standardize : bool
        Whether features and targets are brought to mean 0 and deviation 1 within the network. The
        losses are in units of the targets' deviation then, `predict` in their own.
    hidden_layer_sizes, activation, solver, alpha, ...
        As for `MLPClassifier`; it knows no `class_weight` and no `stratify`.

    Attributes
    ----------
    network_, networks_, coefs_, intercepts_, loss_curve_, ...
        As for `MLPClassifier`; the validation scores are R².

    Raises
    ------
    ShapeError, InputError, ParameterError
        By `fit`, if parameters or data cannot be used.

    Examples
    --------
    >>> import backproplite as bp
    >>> X = np.linspace(-3, 3, 100).reshape(-1, 1)
    >>> model = bp.MLPRegressor(activation="tanh", solver="lbfgs", random_state=0)
    >>> model = model.fit(X, np.sin(X[:, 0]))
    >>> model.predict([[0.5]]).round(1)
    array([0.5])
    """

    _estimator_type = "regressor"
    fit, score = MLP.fit, MLP.score

    def __init__(
        self,
        loss: Any = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        dropout: float = 0.0,
        callbacks: Any = (),
        metrics: Any = (),
        progress: bool = False,
        validation_data: Any = None,
        restore_best: bool = False,
        n_members: int = 1,
        standardize: bool = False,
    ) -> None:
        self.keep(locals())

    @stepwise
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Go on for one epoch over data; the first time from new weights."""
        return self._fit(X, y, sample_weight, partial=True)

    def _learn(self, y: Array, first: bool, classes: Any) -> int:
        return 1 if y.ndim == 1 else y.shape[1]

    def _targets(self, y: Array, dtype: Any) -> Array:
        return self.networks_[0].loss.prepare_targets("y", y, self.n_outputs_, dtype)

    def _loss(self, y: Array) -> tuple[Loss, type[Layer] | None, str]:
        if isinstance(self.loss, str) and self.loss in LOSSES:
            loss, name = LOSSES[self.loss]
        elif isinstance(self.loss, Loss) and not self.loss.labels:
            loss, name = self.loss, "identity"
        else:
            second = (
                "" if isinstance(self.loss, (str, Loss)) else " hidden_layer_sizes comes second."
            )
            raise ParameterError(
                f"loss must be {' or '.join(map(repr, LOSSES))}, or a Loss of plain numbers such "
                f"as Huber(); got {self.loss!r}.{second}"
            )
        if self.standardize and self.loss != "poisson":
            loss = StandardizedTargets.of(y, loss)
        return loss, loss.suits, name

    def _score(self, y: Array, outputs: Array, weights: Array | None) -> float:
        defined = len(y) > 1 and np.isfinite(outputs).all()
        return r_squared(y, outputs, weights) if defined else math.nan

    @overload
    def predict(self, X: Any, return_std: Literal[False] = False) -> Array: ...
    @overload
    def predict(self, X: Any, return_std: Literal[True]) -> tuple[Array, Array]: ...
    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Return the outputs, shape (samples,), or (samples, outputs); with the spread if wanted.

        The spread is the deviation of the members' outputs from their mean.
        """
        pair = [each[:, 0] if each.shape[1] == 1 else each for each in self._outputs(X)]
        return tuple(pair) if return_std else pair[0]
