"""What a classifier and a regressor share: their networks, the fit, and what is known after it."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, Self

import numpy as np

from .. import activations
from ..activations import Activation, Sigmoid
from ..answers.data import no_validation
from ..callbacks import checked_callbacks
from ..checks import Array, number, same_samples, switch, whole_number
from ..configurable import offered
from ..errors import (
    DivergenceError,
    InputError,
    MissingExtraError,
    ParameterError,
    ShapeError,
    TrainingWarning,
    warn,
)
from ..functions import is_finite
from ..layers import Dense, Dropout, Layer
from ..losses import Loss
from ..many import fit_together, predict_together
from ..metrics import checked_metrics, without_column
from ..monitors import EarlyStopping
from ..network import Network
from ..optimizers import Adam, Momentum, Optimizer
from ..progress import progress_callback
from ..scaling import Standardize
from ..training import Batch
from .draws import Draws, first_values, generator_of, split
from .manners import Estimator, checked_weights, dense, of_both, one_column
from .replay import Data, Replay

#: Activations by their names in lower case; scikit-learn calls the sigmoid logistic.
ACTIVATIONS = {cls.__name__.lower(): cls for cls in offered(activations, Activation)}
ACTIVATIONS["logistic"] = Sigmoid
CHOICES = {
    "solver": ("lbfgs", "sgd", "adam"),
    "learning_rate": ("constant", "invscaling", "adaptive"),
}
BOUNDS: list[tuple[tuple[str, ...], dict[str, float]]] = [
    (("alpha", "power_t", "tol"), {"minimum": 0}),
    (
        ("momentum", "validation_fraction", "beta_1", "beta_2", "dropout"),
        {"minimum": 0, "below": 1},
    ),
    (("learning_rate_init", "epsilon"), {"above": 0}),
]
WHOLE = "max_iter", "max_fun", "n_members", "n_iter_no_change", "batch_size"
#: What some of these may be instead.
INSTEAD = {"n_iter_no_change": math.inf, "batch_size": "auto"}
SWITCHES = (
    *("shuffle", "warm_start", "nesterovs_momentum", "early_stopping"),
    *("restore_best", "progress", "standardize"),
)
#: What "lbfgs" cannot heed.
STEPWISE = "dropout", "callbacks", "metrics", "progress", "restore_best"
#: What is known of how a fit of steps has gone.
COURSE = "loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_"


class Views(list[Array]):
    """Arrays of a network's layers: what is put into the list is written into the network."""

    def __setitem__(self, place: Any, value: Any) -> None:
        self[place][...] = value


def activation_of(given: Any) -> Layer:
    """Return a new activation, by its name or like another."""
    if isinstance(given, str) and given in ACTIVATIONS:
        return ACTIVATIONS[given]()
    if not isinstance(given, Layer):
        raise ParameterError(
            f"activation must be one of {', '.join(ACTIVATIONS)}, an instance such as "
            f"LeakyReLU(0.1), or a list of one for each hidden layer; got {given!r}."
        )
    return copy.deepcopy(given)


class MLP(Estimator):
    """A multi-layer perceptron with the parameters, methods and numbers of scikit-learn's."""

    #: The trained networks: one, or as many as there are members.
    networks_: list[Network]
    loss_: float
    loss_curve_: list[float]
    best_loss_: Any
    validation_scores_: Any
    best_validation_score_: Any
    _best: Array | None = None

    # What the two differ in.

    def _learn(self, y: Array, first: bool, classes: Any) -> int:
        """Take note of what y has to tell apart, or refuse it; return how many outputs do."""
        raise NotImplementedError

    def _targets(self, y: Array, dtype: Any) -> Array:
        """Return y as targets, shape (samples, outputs)."""
        raise NotImplementedError

    def _score(self, y: Array, outputs: Array, weights: Array | None) -> float:
        """Return how well outputs meet y."""
        raise NotImplementedError

    def _loss(self, y: Array) -> tuple[Loss, type[Layer] | None, str]:
        """Return the loss for a y, the layer before it, and what scikit-learn calls both."""
        raise NotImplementedError

    def _weights(self, y: Array, weights: Array | None, partial: bool) -> Array | None:
        """Return how much each sample counts."""
        return weights

    # The fit.

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, validation_data: Any = None
    ) -> Self:
        """Train on data, from new first weights unless `warm_start` is set.

        Parameters
        ----------
        X : array, table or sparse matrix of shape (samples, features)
        y : array of shape (samples,) or (samples, outputs)
        sample_weight : array of shape (samples,), optional
            How much each sample counts beside the others of its batch.
        validation_data : (X, y) or (X, y, sample_weight), optional
            In the place of the parameter of this name.

        Returns
        -------
        The estimator itself.

        Raises
        ------
        ShapeError, InputError, ParameterError
            If something cannot be used; nothing has changed then. Or if the training diverges.
            Where scikit-learn is imported, what it says of data that it refuses: a ValueError too.
        """
        return self._fit(X, y, sample_weight, validation_data)

    def _fit(
        self,
        X: Any,
        y: Any,
        weights: Any,
        validation: Any = None,
        partial: bool = False,
        classes: Any = None,
    ) -> Self:
        before = dict(vars(self))
        try:
            self._refuse_parameters(partial)
            first = not self.__sklearn_is_fitted__() or not (self.warm_start or partial)
            numeric = self._estimator_type == "regressor"
            x, y = self.checked(X, first, y=dense(y), y_numeric=numeric)
            y, weights = one_column(y), checked_weights(weights, x)
            outputs = self._learn(y, first, classes)
            trained, held = (x, y, self._weights(y, weights, partial)), None
            draws = generator_of(self.random_state)
            values = self._first_values(x.shape[1], outputs, draws) if first else []
            validation = self.validation_data if validation is None else validation
            if validation is not None:
                held = self._validation(validation)
            elif self.early_stopping and self.solver != "lbfgs":
                parts = self._split(y, draws)
                trained, held = (tuple(select(each, rows) for each in trained) for rows in parts)
            if first:
                self._begin(*trained[:2], values, draws)
            data, others = self._data(*trained), None if held is None else self._data(*held)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise
        if not (first or partial):
            for network in self.networks_:
                network.optimizer = self._optimizer(len(data.y))
        self._train(data, others, draws, partial)
        return self

    def _refuse_parameters(self, partial: bool) -> None:
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise ParameterError(
                    f"{name} must be one of {', '.join(choices)}; got {getattr(self, name)!r}."
                )
        for names, bounds in BOUNDS:
            for name in names:
                number(name, getattr(self, name), **bounds)
        for name in WHOLE:
            if name not in INSTEAD or getattr(self, name) != INSTEAD[name]:
                whole_number(name, getattr(self, name), 1)
        for name in SWITCHES:
            switch(name, getattr(self, name))
        checked_callbacks(self.callbacks)
        checked_metrics(self.metrics)
        if partial and self.early_stopping:
            raise ParameterError("partial_fit does not support early_stopping=True")
        if self.solver == "lbfgs" and (given := [name for name in STEPWISE if getattr(self, name)]):
            raise ParameterError(
                f"solver='lbfgs' minimizes one function, without epochs: leave out {given[0]}."
            )
        if self.n_members > 1 and self.solver == "sgd" and self.learning_rate != "constant":
            raise ParameterError("learning_rate must be 'constant' where n_members is above 1.")

    # The networks.

    def _hidden(self) -> tuple[list[int], list[Layer]]:
        """Return the number of units of each hidden layer, and their activations."""
        sizes, given = self.hidden_layer_sizes, self.activation
        listed = [sizes] if isinstance(sizes, str) or not isinstance(sizes, Iterable) else sizes
        sizes = [whole_number("hidden_layer_sizes", each, 1) for each in listed]
        listed = [*given] if isinstance(given, (list, tuple)) else [given] * len(sizes)
        if len(listed) != len(sizes):
            raise ParameterError(
                f"activation must have one for each of the {len(sizes)} hidden layers; got "
                f"{len(listed)}."
            )
        return sizes, [activation_of(each) for each in listed]

    def _first_values(
        self, features: int, outputs: int, draws: Draws
    ) -> list[list[dict[str, Array]]]:
        """Return the first weights and biases of each member, those of scikit-learn first."""
        sizes, bends = self._hidden()
        bends += [bends[-1] if bends else activation_of(self.activation)]
        ways = [*zip(pairwise([features, *sizes, outputs]), bends, strict=True)]
        return [
            [first_values(draws, *ends, 2.0 if type(b) is Sigmoid else 6.0) for ends, b in ways]
            for _ in range(self.n_members)
        ]

    def _begin(self, x: Array, y: Array, values: list[Any], draws: Draws) -> None:
        """Build the networks, and forget what an earlier fit has come to."""
        own_seeds = self.n_members > 1 or self.dropout
        seeds = draws.randint(2**31, size=len(values)).tolist() if own_seeds else [0]
        loss, last, self.out_activation_ = self._loss(y)
        self.networks_ = []
        for each, seed in zip(values, seeds, strict=True):
            layers: list[Layer] = [Standardize.of(x)] if self.standardize else []
            bends = self._hidden()[1]
            for i, numbers in enumerate(each):
                layers.append(Dense(*numbers["weight"].shape))
                layers[-1].start_from(numbers)
                layers += bends[i : i + 1]
                if self.dropout and i < len(bends):
                    layers.append(Dropout(self.dropout))
            layers += [] if last is None else [last()]
            optimizer = self._optimizer(len(x))
            self.networks_.append(Network(layers, loss, optimizer, seed, dtype=x.dtype))
            self.networks_[-1].feature_names = self.names()
        self.n_layers_, self.n_outputs_ = len(values[0]) + 1, len(values[0][-1]["bias"])
        self.n_iter_ = self.t_ = 0
        for name in COURSE:
            vars(self).pop(name, None)

    def _optimizer(self, samples: int) -> Optimizer:
        """Return a new optimizer; that of members sees to the weight decay too."""
        rate = self.learning_rate_init
        decay = self.alpha / self._batch_size(samples) if self.n_members > 1 else 0.0
        if self.solver == "sgd":
            nesterov = bool(self.nesterovs_momentum)
            return Momentum(rate, self.momentum, nesterov, weight_decay=decay)
        return Adam(rate, self.beta_1, self.beta_2, self.epsilon, weight_decay=decay)

    def _batch_size(self, samples: int) -> int:
        return min(200 if self.batch_size == "auto" else self.batch_size, samples)

    # Data.

    def _split(self, y: Array, draws: Draws) -> tuple[Array, Array]:
        """Return the rows to train on, and those held out."""
        return split(draws, len(y), self.validation_fraction, None)

    def _validation(self, given: Any) -> tuple[Any, Any, Any]:
        if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
            raise no_validation(given)
        if self.solver == "lbfgs":
            raise ParameterError("solver='lbfgs' has no epochs: leave out validation_data.")
        X, y, weights = [*given, None][:3]
        x, y = self.checked(X), np.asarray(dense(y))
        same_samples("validation X", x, "validation y", y)
        return x, one_column(y), checked_weights(weights, x)

    def _data(self, x: Array, y: Array, weights: Array | None) -> Data:
        """Return what the networks train on, or are scored on."""
        dtype = self.networks_[0].dtype
        batch = Batch(x.astype(dtype, copy=False), self._targets(y, dtype))
        if weights is None:
            return Data(batch, y, None)
        weight = float(weights.sum())
        shares = (weights / (weight or 1.0)).astype(dtype, copy=False)
        return Data(Batch(*batch[:2], shares), y, weight)

    # Training.

    def _train(self, data: Data, held: Data | None, draws: Draws, partial: bool) -> None:
        """Train the networks by what the parameters say."""
        if self.solver == "lbfgs":
            for network in self.networks_:
                self._minimize(network, data)
            return
        if self.batch_size != "auto" and self.batch_size > len(data.y):
            warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be "
                "clipped.",
                UserWarning,
            )
        epochs, self.n_iter_ = 1 if partial else self.max_iter, 0
        scored = bool(self.early_stopping) and len(self.networks_) == 1
        if "loss_curve_" not in vars(self) or (self.best_loss_ is None) != scored:
            self._begin_course(scored)
        try:
            if len(self.networks_) > 1:
                self._train_together(data, held, epochs)
            else:
                self._train_one(data, held, epochs, draws)
        except DivergenceError as error:
            raise diverged(error) from error
        if not partial and not all(network.stop_training for network in self.networks_):
            warn(
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the "
                "optimization hasn't converged yet.",
                of_both(TrainingWarning, "ConvergenceWarning"),
            )

    def _begin_course(self, scored: bool) -> None:
        """Let nothing be known yet of how a fit goes."""
        self.loss_curve_, self._no_improvement_count = [], 0
        self.best_loss_ = None if scored else math.inf
        scored = scored and len(self.networks_) == 1  # members have their own history
        self.validation_scores_ = [] if scored else None
        self.best_validation_score_ = -math.inf if scored else None
        self._best = self.networks_[0].snapshot() if scored else None

    def _train_one(self, data: Data, held: Data | None, epochs: int, draws: Draws) -> None:
        """Train one network as scikit-learn does, on the loop of the core."""
        network, size = self.networks_[0], self._batch_size(len(data.y))
        watchers: list[Any] = [lambda _: self._end_epoch(network, replay), *self._callbacks()]
        if self.progress:
            watchers.append(progress_callback(epochs))
        told = draws if self.shuffle else None, watchers, held, checked_metrics(self.metrics)
        replay: Replay = Replay(network, data, size, self.alpha, self._is_theirs, *told)
        try:
            replay.run(network, epochs)
        except KeyboardInterrupt:
            network.stop_training = True
            warn("Training interrupted by user.", UserWarning)
        except DivergenceError as error:
            if not self.early_stopping:
                raise
            network.stop_training = True
            self.n_iter_, self.loss_ = self.n_iter_ + 1, math.nan
            for course in (self.loss_curve_, self.validation_scores_):
                course.append(math.nan)
            kept = f"The weights of the best epoch are kept: {error}"
            warn(kept, of_both(TrainingWarning, "ConvergenceWarning"))
        if self._best is not None:  # there, a second fit that does not improve is kept as it is
            network.restore(self._best)
            self._best = None

    @property
    def _is_theirs(self) -> bool:
        """Whether the loss is one of scikit-learn's, which it reports in its own way."""
        return isinstance(self.loss, str)

    def _callbacks(self) -> list[Any]:
        """Return the callbacks, and what brings back the best weights."""
        given = [*checked_callbacks(self.callbacks)]
        if self.restore_best and not self.early_stopping:
            given.append(EarlyStopping(self.max_iter + 1))
        return given

    def _end_epoch(self, network: Network, replay: Replay) -> None:
        """Take note of an epoch, and stop if it is time."""
        self.n_iter_ += 1
        self.t_ += replay.plan.samples
        self.loss_ = network.history["loss"][-1]
        self.loss_curve_.append(self.loss_)
        self._tell(f"Iteration {self.n_iter_}, loss = {self.loss_:.8f}")
        if self.early_stopping and replay.held is not None:
            score = self._score(replay.held.y, replay.predictions, replay.held.batch.shares)
            self.validation_scores_.append(score)
            self._tell(f"Validation score: {score:f}")
            improved = not score < self.best_validation_score_ + self.tol
            if score > self.best_validation_score_:
                self.best_validation_score_, self._best = score, network.snapshot()
        else:
            improved = self.loss_ <= self.best_loss_ - self.tol
            self.best_loss_ = min(self.loss_, self.best_loss_)
        self._no_improvement_count = 0 if improved else self._no_improvement_count + 1
        if self.solver == "sgd" and self.learning_rate == "invscaling":
            rate = self.learning_rate_init / (self.t_ + 1) ** self.power_t
            network.optimizer.learning_rate = rate
        if self._no_improvement_count > self.n_iter_no_change:
            self._give_up(network, "Validation score" if self.early_stopping else "Training loss")

    def _give_up(self, network: Network, what: str) -> None:
        """Stop, or go on at a fifth of the rate if it is adaptive."""
        adaptive = self.solver == "sgd" and self.learning_rate == "adaptive"
        rate, outcome = network.optimizer.current_rate(), "Stopping."
        if adaptive and rate > 1e-6:
            network.optimizer.learning_rate = rate / 5
            self._no_improvement_count, outcome = 0, f"Setting learning rate to {rate / 5:f}"
        else:
            network.stop_training = True
            outcome = "Learning rate too small. Stopping." if adaptive else outcome
        self._tell(
            f"{what} did not improve more than tol={self.tol:f} for {self.n_iter_no_change} "
            f"consecutive epochs. {outcome}"
        )

    def _tell(self, line: str) -> None:
        if self.verbose:
            print(line)

    def _train_together(self, data: Data, held: Data | None, epochs: int) -> None:
        """Train all members at once, each from its own first weights and in its own order."""
        networks, samples, loss = self.networks_, len(data.y), self.networks_[0].loss
        before = [network.epoch_count for network in networks]

        def own(data: Data) -> tuple[Any, Any, Any]:
            return data.batch.x, loss.own_targets(data.batch.targets), data.batch.shares

        patience, scored = int(min(self.n_iter_no_change, self.max_iter)), bool(self.early_stopping)
        stopping = EarlyStopping(patience, scored, self.tol, None if scored else "loss")
        x, y, weights = own(data)
        fit_together(
            networks,
            x,
            y,
            epochs,
            self._batch_size(samples),
            bool(self.shuffle),
            None if held is None else [each for each in own(held) if each is not None],
            weights,
            callbacks=[*self._callbacks(), stopping],
            progress=self.progress,
            metrics=self.metrics,
        )
        losses = [network.history["loss"][n:] for network, n in zip(networks, before, strict=True)]
        self.n_iter_ = max(map(len, losses))
        self.t_ += samples * self.n_iter_
        curve = [
            np.mean([each[i] for each in losses if i < len(each)]) for i in range(self.n_iter_)
        ]
        self.loss_curve_ += map(float, curve)
        self.loss_ = self.loss_curve_[-1]
        self.best_loss_ = min(self.loss_curve_)

    def _minimize(self, network: Network, data: Data) -> None:
        """Train on all data at once, by SciPy's L-BFGS."""
        try:
            from scipy.optimize import minimize
        except ImportError:
            raise MissingExtraError("solver='lbfgs' needs SciPy: pip install scipy") from None
        replay = Replay(network, data, len(data.y), self.alpha, self._is_theirs)
        whole = replay.part(slice(None))

        @np.errstate(all="ignore")
        def slope(point: Array) -> tuple[float, Array]:
            network.parameters[...] = point
            return replay.slope(network, *whole)[0], network.gradients.astype(np.float64)

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
            raise diverged("L-BFGS ended in NaN or infinity.")
        if found.status:
            warn(
                f"lbfgs failed to converge after {self.n_iter_} iteration(s) (status="
                f"{found.status}): {found.message}. Raise max_iter={self.max_iter}, or scale the "
                "data.",
                of_both(TrainingWarning, "ConvergenceWarning"),
            )

    # What it has learnt.

    @property
    def network_(self) -> Network:
        """The trained network: trace, diagnose and save it like any other."""
        self.refuse_unfitted()
        if len(self.networks_) > 1:
            raise AttributeError(f"there are {len(self.networks_)} networks: see networks_.")
        return self.networks_[0]

    @property
    def coefs_(self) -> list[Array]:
        """The weight of each layer, shape (inputs, outputs): views into the network's numbers."""
        return self._views("weight")

    @coefs_.setter
    def coefs_(self, values: Any) -> None:
        self._write("weight", values)

    @property
    def intercepts_(self) -> list[Array]:
        """The bias of each layer, shape (outputs,): views into the network's numbers."""
        return self._views("bias")

    @intercepts_.setter
    def intercepts_(self, values: Any) -> None:
        self._write("bias", values)

    def _views(self, name: str) -> Views:
        layers = (layer for layer in self.network_.layers if isinstance(layer, Dense))
        return Views(getattr(layer, name) for layer in layers)

    def _write(self, name: str, values: Any) -> None:
        views = self._views(name)
        wanted, given = ([np.shape(each) for each in arrays] for arrays in (views, values))
        if wanted != given:
            raise ShapeError(f"{name} must keep its shapes, {wanted}; got {given}.")
        for view, value in zip(views, values, strict=True):
            view[...] = value

    def _outputs(self, X: Any) -> tuple[Array, Array]:
        """Return what the networks predict, on average, and how far apart they are."""
        self.refuse_unfitted()
        x = self.checked(X)
        if len(self.networks_) > 1:
            return predict_together(self.networks_, x)
        outputs = self.networks_[0].predict(x)
        return outputs, np.zeros_like(outputs)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return how well predictions meet y: the accuracy of a classifier, R² of a regressor.

        Parameters are those of `fit`.
        """
        outputs, _ = self._outputs(X)
        y = without_column(np.atleast_1d(dense(y)))
        return self._score(y, outputs, checked_weights(sample_weight, outputs))


def select(array: Any, rows: Array) -> Any:
    """Return some rows of an array; None stays."""
    return None if array is None else array[rows]


def diverged(error: object) -> InputError:
    """Return what scikit-learn says of training that diverged."""
    return InputError(
        "Solver produced non-finite parameter weights. The input data may contain large values and "
        f"need to be preprocessed. {error}"
    )
