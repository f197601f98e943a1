"""Multi-layer perceptrons with the parameters, methods and numbers of scikit-learn's."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, Self

import numpy as np

from ..activations import Identity, ReLU, Sigmoid, Tanh
from ..checks import Array, number, switch, whole_number
from ..errors import (
    DivergenceError,
    InputError,
    MissingExtraError,
    ParameterError,
    TrainingWarning,
    warn,
)
from ..functions import is_finite
from ..layers import Dense, Layer
from ..losses import HalfSquaredError, Loss, SigmoidCrossEntropy, SoftmaxCrossEntropy
from ..network import Network
from ..optimizers import Adam, Momentum, Optimizer
from ..training import Batch
from .draws import first_values, generator_of, split
from .labels import Labels, labels_in
from .manners import Available, Estimator, checked_weights, dense, of_both, one_column
from .poisson import Poisson
from .replay import Replay

#: scikit-learn's names of activations.
ACTIVATIONS = {"identity": Identity, "logistic": Sigmoid, "tanh": Tanh, "relu": ReLU}
#: Losses of the regressor, and what scikit-learn calls the activation that goes with each.
LOSSES = {"squared_error": (HalfSquaredError(), "identity"), "poisson": (Poisson(), "exp")}
CHOICES = {
    "solver": ("lbfgs", "sgd", "adam"),
    "learning_rate": ("constant", "invscaling", "adaptive"),
    "activation": tuple(ACTIVATIONS),
}
FROM_0 = "alpha", "power_t", "tol", "momentum", "validation_fraction", "beta_1", "beta_2"
ABOVE_0 = "learning_rate_init", "epsilon"
#: Whole numbers, and what each may be instead.
WHOLE = {"max_iter": None, "max_fun": None, "n_iter_no_change": math.inf, "batch_size": "auto"}
SWITCHES = "shuffle", "warm_start", "nesterovs_momentum", "early_stopping"


class Views(list[Array]):
    """Arrays of a network's layers: what is put into the list is written into the network."""

    def __setitem__(self, place: Any, value: Any) -> None:
        self[place][...] = value


def refuse_whole_batches(model: Any) -> None:
    """Raise an `AttributeError` if the solver does not go in steps."""
    if model.solver not in ("sgd", "adam"):
        raise AttributeError(
            f"partial_fit is only available for stochastic optimizers. {model.solver} is not "
            "stochastic."
        )


class MLP(Estimator):
    """What the classifier and the regressor share: the fit, and what is known after it."""

    network_: Network
    loss_: float
    loss_curve_: list[float]
    best_loss_: Any
    validation_scores_: Any
    best_validation_score_: Any

    def _targets(self, y: Array, dtype: Any, first: bool, classes: Any) -> Array:
        """Return y as targets, and take note of what classes there are."""
        raise NotImplementedError

    def _score(self, y: Array, outputs: Array, weights: Array | None) -> float:
        """Return how well outputs meet y."""
        raise NotImplementedError

    def _loss(self) -> tuple[Loss, str]:
        """Return the loss, and what scikit-learn calls the activation that goes with it."""
        raise NotImplementedError

    # The fit.

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on data, from new first weights unless `warm_start` is set.

        Parameters
        ----------
        X : array, table or sparse matrix of shape (samples, features)
        y : array of shape (samples,) or (samples, outputs)
        sample_weight : array of shape (samples,), optional
            How much each sample counts beside the others of its batch.

        Returns
        -------
        The estimator itself.

        Raises
        ------
        InputError, ParameterError, ValueError
            If something cannot be used; nothing has changed then. Or if the training diverges.
        """
        return self._fit(X, y, sample_weight)

    def _fit(
        self, X: Any, y: Any, weights: Any, partial: bool = False, classes: Any = None
    ) -> Self:
        before = dict(vars(self))
        try:
            self._refuse_parameters(partial)
            first = not self.__sklearn_is_fitted__() or not (self.warm_start or partial)
            numeric = self.estimator_type == "regressor"
            x, y = self.checked(X, first, y=dense(y), y_numeric=numeric)
            y, weights = one_column(y), checked_weights(weights, x)
            targets = self._targets(y, x.dtype, first, classes)
            draws = generator_of(self.random_state)
            if first:
                self._begin(x, targets.shape[1], draws)
            elif not partial:
                self.network_.optimizer = self._optimizer()
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise
        dtype = self.network_.dtype
        batch = Batch(x.astype(dtype, copy=False), targets.astype(dtype, copy=False))
        if self.solver == "lbfgs":
            self._minimize(batch, weights)
        else:
            self._descend(batch, y, weights, draws, partial)
        return self

    def _refuse_parameters(self, partial: bool) -> None:
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise ParameterError(
                    f"{name} must be one of {choices}; got {getattr(self, name)!r}."
                )
        for name in FROM_0:
            number(name, getattr(self, name), minimum=0)
        for name in ABOVE_0:
            number(name, getattr(self, name), above=0)
        for name in SWITCHES:
            switch(name, getattr(self, name))
        for name, else_ in WHOLE.items():
            if else_ is None or getattr(self, name) != else_:
                whole_number(name, getattr(self, name), 1)
        if partial and self.early_stopping:
            raise ParameterError("partial_fit does not support early_stopping=True")

    def _begin(self, x: Array, outputs: int, draws: np.random.RandomState) -> None:
        """Build the network, with the first weights of scikit-learn."""
        sizes = self.hidden_layer_sizes
        sizes = [*sizes] if isinstance(sizes, Iterable) else [sizes]
        if not all(np.array(sizes) > 0):
            raise ParameterError(f"hidden_layer_sizes must be > 0, got {sizes}.")
        loss, self.out_activation_ = self._loss()
        factor = 2.0 if self.activation == "logistic" else 6.0
        widths, layers = [x.shape[1], *sizes, outputs], list[Layer]()
        for inputs, units in pairwise(widths):
            layers += [Dense(inputs, units), ACTIVATIONS[self.activation]()]
            layers[-2].start_from(first_values(draws, inputs, units, factor))
        self.network_ = Network(layers[:-1], loss, self._optimizer(), dtype=x.dtype)
        self.n_iter_ = self.t_ = self._no_improvement_count = 0
        self.n_layers_, self.n_outputs_ = len(widths), outputs
        self._best = self.network_.snapshot() if self.early_stopping else None
        if self.solver == "lbfgs":
            return
        self.loss_curve_ = []
        held_out = self.early_stopping
        self.best_loss_ = None if held_out else math.inf
        self.validation_scores_ = [] if held_out else None
        self.best_validation_score_ = -math.inf if held_out else None

    def _optimizer(self) -> Optimizer:
        if self.solver == "sgd":
            return Momentum(self.learning_rate_init, self.momentum, self.nesterovs_momentum)
        return Adam(self.learning_rate_init, self.beta_1, self.beta_2, self.epsilon)

    def _descend(
        self,
        batch: Batch,
        y: Array,
        weights: Array | None,
        draws: np.random.RandomState,
        partial: bool,
    ) -> None:
        """Train step by step."""
        network, held_out = self.network_, None
        if self.early_stopping:
            binary = self.estimator_type == "classifier" and self.n_outputs_ == 1
            classes = y if binary else None  # there, more than two are not stratified
            rows, others = split(draws, len(y), self.validation_fraction, classes)
            held_out = batch.x[others], y[others], None if weights is None else weights[others]
            batch, weights = batch.select(rows), None if weights is None else weights[rows]
        samples = len(batch.x)
        size = min(200, samples) if self.batch_size == "auto" else self.batch_size
        if size > samples:
            warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be "
                "clipped.",
                UserWarning,
            )
        replay = Replay(
            network,
            batch,
            min(size, samples),
            weights,
            self.alpha,
            draws if self.shuffle else None,
            [lambda network: self._end_epoch(network, samples, held_out)],
        )
        self.n_iter_ = 0
        try:
            replay.run(network, 1 if partial else self.max_iter)
        except KeyboardInterrupt:
            warn("Training interrupted by user.", UserWarning)
        except DivergenceError as error:
            self._diverged(error, held_out is not None)
        else:
            if not (partial or network.stop_training):
                warn(
                    f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the "
                    "optimization hasn't converged yet.",
                    of_both(TrainingWarning, "ConvergenceWarning"),
                )
        if self._best is not None:  # there, a second fit that does not improve is kept as it is
            network.restore(self._best)
            self._best = None

    def _diverged(self, error: DivergenceError, held_out: bool) -> None:
        """Say that training has diverged, unless there is a best to go back to."""
        if not held_out:
            raise InputError(
                "Solver produced non-finite parameter weights. The input data may contain large "
                f"values and need to be preprocessed. ({error})"
            ) from error
        self.validation_scores_.append(math.nan)

    def _end_epoch(self, network: Network, samples: int, held_out: Any) -> None:
        """Take note of an epoch, and stop if it is time."""
        self.n_iter_ += 1
        self.t_ += samples
        self.loss_ = network.history["loss"][-1]
        self.loss_curve_.append(self.loss_)
        self._tell(f"Iteration {self.n_iter_}, loss = {self.loss_:.8f}")
        if held_out is None:
            improved = self.loss_ <= self.best_loss_ - self.tol
            self.best_loss_ = min(self.loss_, self.best_loss_)
        else:
            x, y, weights = held_out
            score = self._score(y, network.predict(x), weights)
            self.validation_scores_.append(score)
            self._tell(f"Validation score: {score:f}")
            improved = not score < self.best_validation_score_ + self.tol
            if score > self.best_validation_score_:
                self.best_validation_score_, self._best = score, network.snapshot()
        self._no_improvement_count = 0 if improved else self._no_improvement_count + 1
        if self.solver == "sgd" and self.learning_rate == "invscaling":
            rate = self.learning_rate_init / (self.t_ + 1) ** self.power_t
            network.optimizer.learning_rate = rate
        if self._no_improvement_count > self.n_iter_no_change:
            what = "Training loss" if held_out is None else "Validation score"
            self._give_up(
                network,
                f"{what} did not improve more than tol={self.tol:f} for "
                f"{self.n_iter_no_change} consecutive epochs.",
            )

    def _give_up(self, network: Network, why: str) -> None:
        """Stop, or go on at a fifth of the rate if it is adaptive."""
        optimizer = network.optimizer
        adaptive = self.solver == "sgd" and self.learning_rate == "adaptive"
        if not adaptive or optimizer.current_rate() <= 1e-6:
            network.stop_training = True
            self._tell(why + (" Learning rate too small." if adaptive else "") + " Stopping.")
            return
        optimizer.learning_rate = optimizer.current_rate() / 5
        self._no_improvement_count = 0
        self._tell(f"{why} Setting learning rate to {optimizer.learning_rate:f}")

    def _tell(self, line: str) -> None:
        if self.verbose:
            print(line)

    def _minimize(self, batch: Batch, weights: Array | None) -> None:
        """Train on all data at once, by SciPy's L-BFGS."""
        try:
            from scipy.optimize import minimize
        except ImportError:
            raise MissingExtraError("solver='lbfgs' needs SciPy: pip install scipy") from None
        network = self.network_
        replay = Replay(network, batch, len(batch.x), weights, self.alpha)
        whole = replay.part(slice(None))

        @np.errstate(all="ignore")
        def slope(point: Array) -> tuple[float, Array]:
            network.parameters[...] = point
            return replay.slope(network, *whole), network.gradients.astype(np.float64)

        found = minimize(
            slope,
            network.parameters.astype(np.float64),
            jac=True,
            method="L-BFGS-B",
            options={"maxfun": self.max_fun, "maxiter": self.max_iter, "gtol": self.tol},
        )
        network.parameters[...] = found.x
        self.n_iter_, self.loss_ = min(found.nit, self.max_iter), float(found.fun)
        if not is_finite(network.parameters):
            self._diverged(DivergenceError("the loss turned NaN", math.nan), False)
        if found.status:
            warn(
                f"lbfgs failed to converge after {self.n_iter_} iteration(s) (status="
                f"{found.status}): {found.message}. Raise max_iter={self.max_iter}, or scale the "
                "data.",
                of_both(TrainingWarning, "ConvergenceWarning"),
            )

    # What it has learnt.

    @property
    def coefs_(self) -> list[Array]:
        """The weight of each layer, shape (inputs, outputs): views into the network's numbers."""
        return self._views("weight")

    @coefs_.setter
    def coefs_(self, values: Any) -> None:
        self._views("weight")[:] = values

    @property
    def intercepts_(self) -> list[Array]:
        """The bias of each layer, shape (outputs,): views into the network's numbers."""
        return self._views("bias")

    @intercepts_.setter
    def intercepts_(self, values: Any) -> None:
        self._views("bias")[:] = values

    def _views(self, name: str) -> Views:
        self.refuse_unfitted()
        layers = (layer for layer in self.network_.layers if isinstance(layer, Dense))
        return Views(getattr(layer, name) for layer in layers)

    def _outputs(self, X: Any) -> Array:
        self.refuse_unfitted()
        return self.network_.predict(self.checked(X))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return how well predictions meet y: the accuracy of a classifier, R² of a regressor.

        Parameters are those of `fit`.
        """
        outputs = self._outputs(X)
        y = np.asarray(dense(y))
        y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
        return self._score(y, outputs, checked_weights(sample_weight, outputs))


class MLPClassifier(MLP):
    """A multi-layer perceptron that tells classes apart, with scikit-learn's parameters."""

    estimator_type = "classifier"

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
        verbose: bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: int = 10,
        max_fun: int = 15000,
    ) -> None:
        self.keep(locals())

    @property
    def classes_(self) -> Array:
        """The classes, in the order of the columns of `predict_proba`."""
        if "_labels" not in vars(self):
            self.refuse_unfitted()
        return self._labels.classes

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """Go on for one epoch over data, of which `classes` names all labels the first time."""
        if classes is None and not self.__sklearn_is_fitted__():
            raise ParameterError("classes must be passed on the first call to partial_fit.")
        return self._fit(X, y, sample_weight, True, classes)

    partial_fit: Any = Available(refuse_whole_batches, _partial_fit)

    def _targets(self, y: Array, dtype: Any, first: bool, classes: Any) -> Array:
        given = None if classes is None else labels_in(np.asarray(classes))
        if first:
            several = y.ndim == 2 or given is None
            self._labels = Labels(y if several else given)
        known = self._labels
        if given is not None and not np.array_equal(given, known.classes):
            raise ParameterError(
                f"`classes={classes!r}` is not the same as on last call to partial_fit, was: "
                f"{known.classes!r}"
            )
        known.refuse_others(y, not first and bool(self.warm_start))
        return known.targets(y, dtype)

    def _loss(self) -> tuple[Loss, str]:
        if self._labels.kind == "multiclass":
            return SoftmaxCrossEntropy(), "softmax"
        return SigmoidCrossEntropy(), "logistic"

    def _score(self, y: Array, outputs: Array, weights: Array | None) -> float:
        right = self._labels.decided(outputs) == y
        right = right.all(axis=1) if right.ndim == 2 else right
        return float(np.average(right, weights=weights))

    def predict(self, X: Any) -> Array:
        """Return the likeliest labels, shape (samples,), or which apply, (samples, labels)."""
        outputs = self._outputs(X)
        return self._labels.decided(outputs)

    def predict_proba(self, X: Any) -> Array:
        """Return how likely each class is, shape (samples, classes)."""
        likely = self._outputs(X)
        return np.hstack([1 - likely, likely]) if self.n_outputs_ == 1 else likely

    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithm of `predict_proba`."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))


class MLPRegressor(MLP):
    """A multi-layer perceptron that predicts numbers, with scikit-learn's parameters."""

    estimator_type = "regressor"

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
        verbose: bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: int = 10,
        max_fun: int = 15000,
    ) -> None:
        self.keep(locals())

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Go on for one epoch over data; the first time from new weights."""
        return self._fit(X, y, sample_weight, True)

    partial_fit: Any = Available(refuse_whole_batches, _partial_fit)

    def _targets(self, y: Array, dtype: Any, first: bool, classes: Any) -> Array:
        y = y[:, np.newaxis] if y.ndim == 1 else y
        return self._loss()[0].prepare_targets("y", y, y.shape[1], y.dtype)

    def _loss(self) -> tuple[Loss, str]:
        return LOSSES[self.loss]

    def _score(self, y: Array, outputs: Array, weights: Array | None) -> float:
        return r_squared(y if y.ndim == 2 else y[:, np.newaxis], outputs, weights)

    def predict(self, X: Any) -> Array:
        """Return the outputs, shape (samples,), or (samples, outputs) where there are several."""
        outputs = self._outputs(X)
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs


def r_squared(y: Array, outputs: Array, weights: Array | None) -> float:
    """Return the share of the variance of y that outputs explain, on average over the columns."""
    if len(y) < 2 or not np.isfinite(outputs).all():
        return math.nan
    mean = np.average(y, axis=0, weights=weights)
    rest = np.average((y - outputs) ** 2, axis=0, weights=weights)
    spread = np.average((y - mean) ** 2, axis=0, weights=weights)
    some = spread > 0
    shares = np.where(some, rest / np.where(some, spread, 1), rest > 0)
    return float(np.mean(1 - shares))
