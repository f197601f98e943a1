"""The network: a list of layers and a loss, trained by backpropagation.

One training step goes forward through the layers and keeps what each will
need, takes the loss and its gradient, goes backward through the layers, and
lets the optimizer move the parameters. `fit` repeats the step.
"""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeAlias, TypeVar, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .callbacks import checked_callbacks
from .chance import STEP, WEIGHTS, Chance
from .checks import (
    Array,
    column_names,
    in_one_block,
    matrix,
    real_array,
    refuse_class,
    same_samples,
    switch,
    whole_number,
)
from .configurable import Answering, answering, refuse_unknown, signature_of
from .errors import DivergenceError, ParameterError, ShapeError, UnknownNameError
from .functions import is_finite, norm
from .layers import Layer, check_neighbours, checked_layers, parts_of, way_back, way_forward
from .losses import Loss
from .optimizers import Adam, Optimizer
from .parameters import Stateful, carve, shapes_of
from .record import Record
from .training import Batch, Fit, plan_for, train

if TYPE_CHECKING:
    from .large import Stream

__all__ = ["Network"]

Given = ParamSpec("Given")
Result = TypeVar("Result")
#: Batches, one after the other, or what returns them anew.
Batches: TypeAlias = Iterable[Any] | Callable[[], Iterable[Any]]
#: Metrics, by name or as functions of targets and predictions; one alone will do.
Measures: TypeAlias = str | Callable[[Any, Any], Any] | Iterable[str | Callable[[Any, Any], Any]]


def in_use(
    method: Callable[Concatenate[Network, Given], Result],
) -> Callable[Concatenate[Network, Given], Result]:
    """Let no floating-point flag of the user's act within, and name the part that fails."""

    @wraps(method)
    @np.errstate(all="ignore")
    def using(network: Network, /, *arguments: Given.args, **named: Given.kwargs) -> Result:
        try:
            return method(network, *arguments, **named)
        except (DivergenceError, ParameterError, UnknownNameError):
            raise
        except Exception as error:
            if isinstance(error, TypeError):
                refuse_unknown(method.__name__, signature_of(method), (network, *arguments), named)
            from .advice import name_part

            named.pop("batch_size", None)
            name_part(error, network, *arguments, *named.values())
            raise

    return using


class Network(Answering):
    """A feed-forward neural network.

    output = layerₙ(... layer₂(layer₁(X))); training moves the parameters
    against the gradient of loss(output, y)

    Parameters
    ----------
    layers : sequence of Layer
        In the order in which data passes through them. Parameters that nobody has
        looked at yet are drawn from `seed`; the others stay as they are.
    loss : Loss
        What training makes small.
    optimizer : Optimizer, optional
        How it does so; `Adam()` unless given. The network takes a copy, and keeps it as
        `network.optimizer`.
    seed : int or numpy.random.Generator, optional
        For the first weights, the shuffling and the dropout, each a function of the seed
        and a count. The same seed gives the same numbers; without one they differ each time.
    dtype : {"float64", "float32"}
        The precision of all arithmetic.

    Attributes
    ----------
    parameters, gradients : array of shape (n,)
        Every trainable number, layer after layer, and the newest gradient of each.
    history : dict of lists of float
        One entry per epoch: "loss", the mean over its batches as they came;
        "val_loss", after the epoch (NaN without validation data);
        "learning_rate", of its last step; "gradient_norm", the mean over its batches, before
        clipping; "train_loss", the loss on the training data after the epoch, if a callback needs
        a score and there is no validation data (else NaN); and each metric that a fit was given,
        such as "accuracy" and "val_accuracy" (NaN for epochs of other fits).
    record : Record
        All that training changes, the parameters and the history among it.
    seed : int
        What its random numbers come from.
    feature_names : tuple of str or None
        The columns of the first table with names that it was fitted on. Tables given later must
        have the same; another order is put right. None is what forgets them.

    Raises
    ------
    ShapeError
        If two neighbouring layers do not fit.
    ParameterError
        If an argument is not what it should be, or a layer is used twice.

    Examples
    --------
    >>> import backproplite as bp
    >>> X, y = bp.datasets.xor()
    >>> network = Network(
    ...     [bp.Dense(2, 4), bp.Sigmoid(), bp.Dense(4, 1), bp.Sigmoid()],
    ...     loss=bp.MeanSquaredError(),
    ...     optimizer=bp.GradientDescent(learning_rate=0.5),
    ...     seed=42,
    ... )
    >>> network.fit(X, y, epochs=5000).predict(X).round().ravel()
    array([0., 1., 1., 0.])

    References
    ----------
    Rumelhart, Hinton, Williams: Learning representations by back-propagating errors, 1986.
    """

    in_features: int | None
    out_features: int | None
    chance: Chance
    record: Record
    #: Where the parameters of each layer lie in the vector.
    stretches: list[slice]
    #: The first layer that has parameters which are trained.
    first_trained: int
    #: The parts that are frozen, by place; all that they keep between steps; their gradients.
    _frozen: dict[str, Layer]
    _still: list[Array]
    _zeroed: list[Array]
    #: The newest freezing of any layer when it last looked which of its own are.
    _looked = -1
    stop_training = False
    feature_names: tuple[str, ...] | None = None
    _parameters: Array
    _gradients: Array
    _optimizer: Optimizer
    _parts: dict[str, Layer]
    #: The loss that parts of the user's own have been tried with.
    tried: Loss | None
    #: The `fit` that is under way, if any.
    under_way: Fit | None = None
    #: What ended the newest `fit_together` of this network, if it diverged.
    diverged: DivergenceError | None = None
    #: What a file has brought along of a `fit` that was under way, for the next to go on from.
    cut_off: dict[str, Any] | None = None

    def __init__(
        self,
        layers: Sequence[Layer],
        loss: Loss,
        optimizer: Optimizer | None = None,
        seed: int | np.random.Generator | None = None,
        dtype: DTypeLike = "float64",
    ) -> None:
        self._layers = tuple(checked_layers(layers))
        self.in_features, self.out_features = check_neighbours(self.layers)
        self.loss = loss
        if dtype not in ("float64", "float32", np.float64, np.float32):
            raise ParameterError(f"dtype must be 'float64' or 'float32'; got {dtype!r}.")
        self.chance = Chance(seed)
        optimizer = _own(Adam() if optimizer is None else optimizer)
        rng, drawn = self.chance.at(WEIGHTS, 0), []
        for place, part in parts_of(self.layers).items():
            if any(isinstance(value, Network) for value in vars(part).values()):
                raise ParameterError(
                    f"{place} holds a Network: give it the layers of that instead."
                )
            drawn.append((part, part.draw(rng, dtype)))
        for part, values in drawn:  # once all have proved to be what they should
            part.start_from(values)
        self._gather(np.dtype(dtype), optimizer)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers, in the order in which data passes through them."""
        return self._layers

    # One training step: forward, loss, backward, update.

    def step(self, batch: Batch, weight: float | None = None) -> Any:
        """Make one step on a prepared batch, or none: if it fails, all is as it was before.

        Parameters
        ----------
        batch : Batch
            What `prepare` returns.
        weight : float, optional
            What it counts in the epoch that it is part of, if any.

        Returns
        -------
        float
            The loss before the step.

        Raises
        ------
        DivergenceError
            If the loss, a parameter or a running statistic turns NaN or infinite.
        """
        outputs, caches = self._forward_training(batch.x)
        loss, grad_output = self._loss.value_and_gradient(outputs, batch.targets, batch.shares)
        if not is_finite(loss):
            rate = self.optimizer.current_rate()
            raise DivergenceError(f"the loss turned {loss}", learning_rate=rate)
        self.backward_parameters(grad_output, caches)
        gradient_norm = norm(self._gradients)  # before clipping changes them
        self.update(caches, weight, loss, gradient_norm)
        return loss

    def way_forward(
        self, x: Array, rng: np.random.Generator | None = None
    ) -> Iterator[tuple[Array, Any]]:
        """Yield the output and the cache of each layer as the coming step makes them.

        Another generator than `draws()` makes other dropout masks.
        """
        self._look_again()
        return way_forward(self.layers, x, self.draws() if rng is None else rng)

    def draws(self) -> np.random.Generator:
        """Return the generator of the coming step's random numbers, at its start."""
        return self.chance.at(STEP, self.step_count)

    @in_use
    def forward_training(self, X: ArrayLike) -> tuple[Array, list[Any]]:
        """Go forward as the coming step does; return the outputs and each layer's cache."""
        return self._forward_training(self.prepare_inputs(X))

    def _forward_training(self, x: Array) -> tuple[Array, list[Any]]:
        self._look_again()
        rng = self.draws() if self._differs_in_training else None
        caches = []
        for layer in self._layers:  # `way_forward` written out: 3 % of the smallest steps
            if rng is None or not layer.trainable:
                x, cache = layer.forward(x)
            else:
                x, cache = layer.forward_training(x, rng)
            caches.append(cache)
        return x, caches

    def backward(self, grad_output: Array, caches: Sequence[Any]) -> Array:
        """Go back through all layers, overwriting `gradients`; return the gradient by x.

        Those of frozen layers are zeros.
        """
        grad_input = way_back(self.layers, grad_output, caches)
        self.zero_frozen()
        return grad_input

    def backward_parameters(self, grad_output: Array, caches: Sequence[Any]) -> None:
        """Go back only as far as there are parameters, not into x, which saves a product."""
        layers, first = self._layers, self.first_trained
        grad_output = way_back(layers, grad_output, caches, first + 1)
        if first < len(layers):
            layers[first].backward_parameters(grad_output, caches[first])
        self.zero_frozen()

    def zero_frozen(self) -> None:
        """Set the gradients of frozen layers to zero."""
        for gradient in self._zeroed:
            gradient[...] = 0

    def update(
        self,
        caches: Sequence[Any] = (),
        weight: float | None = None,
        loss: Any = 0.0,
        gradient_norm: Any = 0.0,
    ) -> None:
        """Let the optimizer move the parameters, and layers learn what else they keep of a batch.

        If that fails, or ends in NaN or infinity, everything is as it was before. Without a weight
        it is in no epoch.
        """
        optimizer, record = self._optimizer, self.record
        decaying = self.decaying if optimizer.decays else 1.0
        try:
            with record.all_or_nothing:
                before = [view.copy() for view in self._still]
                optimizer.step(self._parameters, self._gradients, decaying)
                for i in self._learning if caches else ():
                    self.layers[i].after_step(caches[i])
                for view, value in zip(self._still, before, strict=True):
                    view[...] = value
                if not is_finite(record.model):
                    what = "a parameter or running statistic turned NaN or infinite"
                    raise DivergenceError(what, learning_rate=optimizer.rate)
                record.count_step(weight, loss, gradient_norm)
        except DivergenceError:
            optimizer.clear()  # or the next step would meet the same infinity
            raise
        except Exception as error:
            error.add_note(f"This came up in the update by {optimizer!r}.")
            raise

    @in_use
    def update_statistics(self, X: ArrayLike) -> None:
        """Set the running statistics of `BatchNorm` to those of some data, in one training pass.

        To be called once the parameters are what they shall be, if something else than `fit` and
        `train_step` has moved them, such as a minimizer that calls `loss_and_gradient`. All
        other layers that learn from batches meet X as one more of them.

        Raises
        ------
        ShapeError, InputError
            If X is not a finite array of two samples or more; nothing has changed then.
        """
        from .advice import update_statistics

        update_statistics(self, self.prepare_inputs(X))

    @in_use
    def train_step(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float:
        """Make one update on one batch.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.

        Returns
        -------
        float
            The loss before the update.

        Raises
        ------
        ShapeError, InputError
            If the data cannot be used; nothing has changed then.
        DivergenceError
            If the loss or a parameter turns NaN or infinite; the parameters are
            as they were before the step.
        """
        batch = self.prepare(X, y, sample_weight)
        try:
            return float(self.step(batch))
        except DivergenceError as error:
            from .advice import cure

            error.cure = cure(self, batch, 0.0) or error.cure
            raise

    @in_use
    def loss_and_gradient(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> tuple[float, Array]:
        """Return the training loss of a batch and its derivative by every parameter.

        Dropout has the masks of the coming step, so that the same call returns the same. The
        derivative by what is frozen is given as 0, so that no minimizer moves it.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.

        Returns
        -------
        loss : float
        gradient : array of shape (n,)
            In the order of `parameters`; a copy, safe from the next call.

        Raises
        ------
        ShapeError, InputError
            If the data cannot be used.
        """
        x, targets, shares = self.prepare(X, y, sample_weight)
        outputs, caches = self._forward_training(x)
        loss, grad_output = self.loss.value_and_gradient(outputs, targets, shares)
        self.backward_parameters(grad_output, caches)
        return float(loss), self.gradients.copy()

    # Many steps.

    @answering
    def fit(
        self,
        X: ArrayLike | Batches,
        y: ArrayLike | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        shuffle: bool = True,
        validation_data: Sequence[Any] | Batches | None = None,
        sample_weight: ArrayLike | None = None,
        class_weight: str | Mapping[Any, float] | None = None,
        callbacks: Callable[[Network], object] | Iterable[Callable[[Network], object]] = (),
        progress: bool = False,
        all_reduce: Callable[[Array], object] | None = None,
        metrics: Measures = (),
        validation_split: float | None = None,
    ) -> Network:
        """Train for a number of epochs; called again, go on from there.

        An epoch that was cut off is finished first if it is called with the same data,
        `batch_size` and `shuffle`, and counts as one. (One of batches, whichever: as many are
        passed over as are done.)

        Parameters
        ----------
        X : array of shape (samples, features)
            The inputs: anything that NumPy can make an array of real numbers of. Without y,
            batches (X, y) or (X, y, sample_weight): an iterable that begins anew in each epoch,
            or a function that returns a new one. They come in its order, in its sizes; each
            divides by the sum of its weights, which is what it counts in `history`.
        y : array of shape (samples, outputs)
            The targets; shape (samples,) will do for one output, or for class labels.
        epochs : int
            How many times to go through all samples; with 0, a fit that was cut off is ended.
        batch_size : int, optional
            Samples per update; all at once unless given. A last smaller batch
            counts for as many samples as it has.
        shuffle : bool
            Whether to put the samples into a new random order each epoch.
        validation_data : (X, y) or (X, y, sample_weight) or batches of such, optional
            Scored after each epoch, without training on it.
        sample_weight : array of shape (samples,), optional
            How much each sample counts beside the others; a batch of heavy samples makes a larger
            step. Only relations matter: weights that are all alike are no weights. A sample of
            weight 0 is left out. (`train_step`, `loss_and_gradient` and `evaluate`, which know one
            batch, divide by the sum of its weights.)
        class_weight : {"balanced"} or mapping, optional
            How much each class counts, by its label, 1 where it is not named; times
            `sample_weight`. "balanced" lets all classes count alike: samples / (classes · samples
            of the class). It does not act on validation data.
        callbacks : callable or sequence of callables
            Each is called with the network after every epoch.
        progress : bool
            Show a bar where tqdm is installed, a line now and then where it is not.
        all_reduce : function of an array, optional
            Puts the sum over all workers in the place of the array. Each calls `fit` with a shard
            of the data, of any size, and all end alike, as one would on all data.
        metrics : {"accuracy", "r_squared"} or function, or a sequence of such
            What else to measure after each epoch, on all training data and on the validation data:
            functions (targets, predictions) -> number, scikit-learn's for instance. It is in
            `history` under the function's name, and as "val_accuracy", say, for validation data.
            Both come in one shape, (samples,) for one output. A loss on classes gives labels as
            targets, and probabilities as predictions; or, to a parameter called `y_pred`, the
            decisions. All samples that count do so alike. Targets and predictions of batches are
            gathered.
        validation_split : float, optional
            The share of the samples to hold out as validation data, the same for the same seed; of
            each class about as much. Weights go along.

        Returns
        -------
        Network
            The network itself.

        Raises
        ------
        ShapeError, InputError, ParameterError
            If an argument cannot be used; nothing has changed then.
        DivergenceError
            If the loss or a parameter turns NaN or infinite, in that very step;
            the last finite parameters are kept.
        WorkerError
            If another worker fails.

        Warns
        -----
        TrainingWarning
            If there are targets that the last activation cannot reach, or the loss has run away.
        """
        if all_reduce is not None:
            from .many.workers import fit_with_workers

            given = X, y, epochs, batch_size, shuffle, validation_data, sample_weight, class_weight
            others = callbacks, progress, metrics, validation_split
            return fit_with_workers(self, all_reduce, *given, *others)
        from . import advice
        from .large import data_to_fit
        from .metrics import checked_metrics

        self.refuse_changed_layers()
        epochs = whole_number("epochs", epochs, 0)
        if batch_size is not None:
            batch_size = whole_number("batch_size", batch_size, 1)
        watchers, measures = checked_callbacks(callbacks), checked_metrics(metrics)
        of_data = X, y, epochs, batch_size, sample_weight, class_weight
        data, validation = data_to_fit(self, *of_data, validation_data, validation_split, measures)
        if switch("progress", progress):
            from .progress import progress_callback

            watchers.append(progress_callback(epochs))
        plan = plan_for(data, batch_size, switch("shuffle", shuffle))
        if plan.batch_size == plan.samples > 0:
            data = data.select(slice(None))  # a step needs them all in memory
        fit = Fit(data, plan, validation, watchers, measures)
        advice.before_fit(self, fit)
        names = column_names(X if isinstance(data, Batch) else data.like)
        with fit.of(self):
            self.feature_names = self.feature_names or names
            train(self, fit, epochs)
        advice.after_fit(self, fit)
        return self

    def fresh(
        self,
        seed: int | np.random.Generator | None = None,
        *,
        loss: Loss | None = None,
        optimizer: Optimizer | None = None,
    ) -> Network:
        """Return a network of the same architecture with new weights, such as for a fold.

        Layers that are frozen keep their numbers. `bp.variants` makes several that differ.

        Parameters
        ----------
        seed : int or numpy.random.Generator, optional
            As for `Network`: without one it differs each time.
        loss, optimizer
            In place of those of the network.

        Raises
        ------
        ParameterError
            If an argument is not what it should be, or a layer cannot be made anew.
        """
        from .many import fresh

        return fresh(self, seed, loss=loss, optimizer=optimizer)

    # Using the network. Nothing here changes it.

    @in_use
    def forward(self, X: ArrayLike | Batches, batch_size: int | None = None) -> Array:
        """Return the raw outputs of the last layer, shape (samples, outputs).

        Parameters, and errors raised, are those of `predict`.
        """
        return self._outputs(X, batch_size, lambda outputs: outputs)

    @in_use
    def predict(self, X: ArrayLike | Batches, batch_size: int | None = None) -> Array:
        """Return the outputs in the space of the targets, shape (samples, outputs).

        That is what `forward` gives, but probabilities for the losses on logits. It
        is always 2-D: for one output, compare `predict(X)[:, 0]` with a y of shape (samples,).

        Parameters
        ----------
        X : array of shape (samples, features)
            Or batches of X or of (X, y), as for `fit`.
        batch_size : int, optional
            How many rows go through the layers at a time; without it at most 4,096, so that a
            million take no more memory than these.

        Raises
        ------
        ShapeError, InputError, ParameterError
            If X is not a finite array of shape (samples, features), or the size no whole number.
        """
        return self._outputs(X, batch_size, self.loss.predictions)

    def _outputs(self, X: Any, batch_size: int | None, finish: Callable[[Array], Array]) -> Array:
        """Return what becomes of the outputs, block by block."""
        self._warn_if_statistics_are_unset()
        if batch_size is None and type(X) is np.ndarray and in_one_block(X):
            return finish(self._forward(self.prepare_inputs(X)))
        from .large import outputs_of

        return outputs_of(self, X, batch_size, lambda x: finish(self._forward(x)))

    @overload
    def evaluate(
        self, /, X: Any, y: Any = None, sample_weight: Any = None, batch_size: int | None = None
    ) -> float: ...

    @overload
    def evaluate(
        self,
        /,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        batch_size: int | None = None,
        *,
        metrics: Measures,
    ) -> dict[str, float]: ...

    @in_use
    def evaluate(
        self,
        X: ArrayLike | Batches,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        batch_size: int | None = None,
        metrics: Measures = (),
    ) -> Any:
        """Return the loss on some data, as inference sees it.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`, batches included.
        batch_size : int, optional
            As for `predict`.
        metrics
            As for `fit`.

        Returns
        -------
        float, or dict of float
            With metrics the loss and these by name: {"loss": 0.3, "accuracy": 0.9}.

        Raises
        ------
        ShapeError, InputError, ParameterError
            If the data cannot be used.
        """
        from .large import data_for
        from .metrics import checked_metrics

        self._warn_if_statistics_are_unset()
        measures = checked_metrics(metrics)
        data = data_for(self, X, y, 1 if measures is None else 2, batch_size, sample_weight)
        loss = float(self.score(data, batch_size))
        return loss if measures is None else {"loss": loss} | measures.of(self, data, batch_size)

    def _warn_if_statistics_are_unset(self) -> None:
        if self._learning:
            from .advice import warn_if_statistics_are_unset

            warn_if_statistics_are_unset(self)

    def current_score(self, name: str | None = None) -> float:
        """Return what an epoch of the fit under way would come to now: its score, or a metric."""
        fit = self.under_way
        return math.inf if fit is None else fit.now(self, name or fit.score_name)

    @np.errstate(all="ignore")
    def score(self, data: Batch | Stream, batch_size: int | None = None) -> Any:
        """Return the loss on what `prepare` returns, as inference sees it, block by block."""

        def value(batch: Batch) -> Any:
            return self.loss.value(self._forward(batch.x), batch.targets, batch.shares)

        few = batch_size is None and in_one_block(data.x) and in_one_block(data.targets)
        if isinstance(data, Batch) and (few or self.record.sums.ndim > 1):  # many share few
            return value(data)
        from .large import average

        return average(data, value, batch_size)

    @np.errstate(all="ignore")
    def predictions(self, x: Array) -> Array:
        """Return what `predict` does, for inputs that are ready for use."""
        return self.loss.predictions(self._forward(x))

    def _forward(self, x: Array) -> Array:
        for layer in self.layers:
            x, _ = layer.forward(x)
        return x

    # The parameters, and copies of them.

    @property
    def parameters(self) -> Array:
        """Every trainable number, shape (n,). Write into it: parameters[...] = values."""
        return self._parameters

    @property
    def gradients(self) -> Array:
        """The newest derivative of the loss by each parameter, shape (n,).

        After a step with clipping or weight decay, what was applied in its place.
        """
        return self._gradients

    @property
    def frozen(self) -> Mapping[str, Layer]:
        """The layers that are frozen, or within one that is, by their places."""
        self._look_again()
        return self._frozen

    @property
    def decaying(self) -> Array:
        """How much weight decay acts on each parameter: 1 on matrices, else 0, as on the frozen."""
        self._look_again()
        return self._decaying

    @cached_property
    def _decaying(self) -> Array:
        marks = [
            np.full(math.prod(shape), len(shape) > 1 and place not in self.frozen, self.dtype)
            for place, part in self._parts.items()
            for shape, _ in part.declared.values()
        ]
        return np.concatenate([np.zeros(0, self.dtype), *marks])

    @property
    def dtype(self) -> np.dtype[Any]:
        """The precision of all arithmetic."""
        return self._parameters.dtype

    @property
    def seed(self) -> int:
        """What its random numbers come from."""
        return self.chance.seed

    @property
    def step_count(self) -> int:
        """Steps made in the network's life."""
        return self.record.steps

    @property
    def epoch_count(self) -> int:
        """Epochs trained so far, over all calls of `fit`."""
        return self.record.epochs

    @property
    def history(self) -> dict[str, list[float]]:
        """What each epoch came to."""
        return self.record.history

    @property
    def loss(self) -> Loss:
        """What training makes small. A new one may be set, if it suits the last layer."""
        return self._loss

    @loss.setter
    def loss(self, loss: Loss) -> None:
        from .advice import checked_loss

        self._loss = checked_loss(loss, self.layers)

    @property
    def optimizer(self) -> Optimizer:
        """What moves the parameters. When one is set, a copy of it starts from rest.

        All arrays are new then: take `parameters` and the layers' views anew.
        """
        return self._optimizer

    @optimizer.setter
    def optimizer(self, optimizer: Optimizer) -> None:
        self._gather(self.dtype, _own(optimizer))

    def named_arrays(self) -> dict[str, Array]:
        """Return all that training changes by name, such as "layers[0].weight" or "steps"."""
        parameters = carve(self._parameters, shapes_of(self._parts)[0])
        others = {name: view for name, view in self.record.views.items() if name != "parameters"}
        return parameters | others

    def refuse_changed_layers(self) -> None:
        """Raise a `ParameterError` if layers were put into a layer, or taken out, meanwhile."""
        now = parts_of(self.layers)
        if now.keys() != self._parts.keys() or any(now[p] is not self._parts[p] for p in now):
            raise ParameterError(
                "layers within a layer have changed since the network was built, which would "
                "never be trained. Build a new Network."
            )

    def snapshot(self) -> Array:
        """Return a copy of the parameters and of the layers' state, for `restore`."""
        return self.record.model.copy()

    def restore(self, snapshot: Array) -> None:
        """Go back to the numbers of a snapshot of this network."""
        numbers = real_array("snapshot", snapshot, self.dtype)
        if numbers.shape != self.record.model.shape:
            raise ShapeError(
                f"snapshot must be of a network like this one, shape {self.record.model.shape}; "
                f"got {numbers.shape}."
            )
        self.record.forget_epoch()
        self.record.model[...] = numbers

    def cast(self, dtype: DTypeLike) -> Network:
        """Return a copy, without the history, that computes in this dtype, complex ones too."""
        # deepcopy believes its memo that the history has been copied already: to an empty one
        twin = copy.deepcopy(self, {id(self.history): {name: [] for name in self.history}})
        twin._gather(np.dtype(dtype), twin.optimizer)
        return twin

    def move(self, memory: Array, gradients: Array) -> None:
        """Let all that training changes, and the gradients, live in this memory from now on.

        The numbers come along. With an axis in front they do not: the network then is many side by
        side, whose numbers are those that the memory holds, a record in each row.
        """
        self._gather(self.dtype, self._optimizer, memory, gradients)

    def _gather(
        self,
        dtype: np.dtype[Any],
        optimizer: Optimizer,
        memory: Array | None = None,
        gradients: Array | None = None,
    ) -> None:
        """Bring all that training changes into a new record, and bind its owners to it."""
        parts = parts_of(self.layers)
        shapes, states = shapes_of(parts)
        size = sum(map(math.prod, shapes.values()))
        kept = {f"optimizer.{name}": (size,) for name in optimizer.state_names}
        record = Record({"parameters": (size,)} | states, kept, dtype, memory)
        if gradients is None:
            gradients = np.zeros(size, dtype)
        own = {"_parameters": record.views["parameters"], "_gradients": gradients}
        parameters, slopes = (carve(vector, shapes) for vector in own.values())
        owners: list[tuple[Stateful, dict[str, Array]]] = []
        for place, part in parts.items():
            views = {name: parameters[f"{place}.{name}"] for name in part.declared}
            views |= {f"grad_{name}": slopes[f"{place}.{name}"] for name in part.declared}
            views |= {name: record.views[f"{place}.{name}"] for name in part.state_names}
            owners.append((part, views))
        owners.append((optimizer, optimizer.views_in(record)))
        if record.bytes.ndim == 1:
            _bring_along(owners)
            if "record" in vars(self):
                record.take_over(*self.record.counted())
        self._bind(owners, own | {"record": record, "_optimizer": optimizer, "_parts": parts})

    def _bind(
        self, owners: list[tuple[Stateful, dict[str, Array]]], own: Mapping[str, object]
    ) -> None:
        """Let all owners live in a new record, or none."""
        before = [(owner, {"in_network": owner.in_network} | vars(owner)) for owner, _ in owners]
        mine = dict(vars(self))
        try:
            for owner, views in owners:
                owner.bind(views)
            vars(self).update(own)
            self._look_over()
        except BaseException:
            for owner, state in before:
                vars(owner).update(state)
            vars(self).update(mine)
            raise

    def _look_over(self) -> None:
        """Note what a step need not find out anew each time."""
        sizes = [sum(a.size for a in each.named_parameters().values()) for each in self.layers]
        ends = np.cumsum(sizes).tolist()
        self.stretches = [slice(end - n, end) for n, end in zip(sizes, ends, strict=True)]
        self.tried = None
        self._looked = -1
        self._look_again()

    def _look_again(self) -> None:
        """Note which layers are frozen, if any was since, and what follows from that."""
        if self._looked == (newest := Layer.freezings):
            return
        places = tuple(f"{place}." for place, part in self._parts.items() if not part.trainable)
        frozen = {p: part for p, part in self._parts.items() if f"{p}.".startswith(places)}
        classes = {i: type(layer) for i, layer in enumerate(self.layers) if layer.trainable}
        plain = Layer.forward_training
        self._differs_in_training = any(c.forward_training is not plain for c in classes.values())
        self._learning = [i for i, c in classes.items() if c.after_step is not Layer.after_step]
        moving = (p for p, part in self._parts.items() if part.declared and p not in frozen)
        first = next(moving, f"layers[{len(self.layers)}]")
        self.first_trained = int(first[first.index("[") + 1 : first.index("]")])

        shapes, optimizer = shapes_of(self._parts)[0], self._optimizer

        def still(vector: Array) -> list[Array]:
            views = carve(vector, shapes)
            return [views[f"{p}.{name}"] for p, part in frozen.items() for name in part.declared]

        kept = [getattr(part, name) for part in frozen.values() for name in part.state_names]
        for vector in (self._parameters, *(getattr(optimizer, n) for n in optimizer.state_names)):
            kept += still(vector)
        self._frozen, self._still, self._zeroed = frozen, kept, still(self._gradients)
        vars(self).pop("_decaying", None)
        self._looked = newest

    def __getstate__(self) -> dict[str, Any]:
        self.refuse_changed_layers()
        # Layers and optimizer bring their numbers along; the record is gathered again from them.
        left_out = ["_parameters", "_gradients", "_parts", "_decaying", "record", "under_way"]
        left_out += ["_frozen", "_still", "_zeroed"]
        state = {name: value for name, value in vars(self).items() if name not in left_out}
        return state | {"dtype": self.dtype, "counted": self.record.counted()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        dtype, counted = state.pop("dtype"), state.pop("counted")
        vars(self).update(state)
        self._gather(dtype, self._optimizer)
        self.record.take_over(*counted)

    def __copy__(self) -> Network:
        return copy.deepcopy(self)  # two networks with the same layers would train each other

    # Model files.

    def refuse_unsavable(self) -> None:
        """Raise the `ParameterError` of `save` if something could not be loaded again."""
        from .files import refuse_unsavable

        refuse_unsavable(self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the whole network to a file: an old one is replaced whole or stays.

        Besides the layers, the loss and the optimizer with all their numbers, it
        holds the history, the seed, and how far an epoch is that was cut off. So a network
        that is loaded goes on exactly as this one would have.
        `numpy.load` opens the file too.

        Parameters
        ----------
        path : str or path-like
            Taken exactly as given; by custom it ends in `.npz`.

        Raises
        ------
        InputError
            If the path cannot be that of a file.
        ParameterError
            If something could not be loaded again as it is, such as a lambda or a
            layer that does not keep its arguments; nothing is written then.
        OSError
            If the disk fails or is full; an old file is still there then.

        Examples
        --------
        >>> import os, tempfile
        >>> from backproplite import Dense, MeanSquaredError
        >>> network = Network([Dense(2, 1)], loss=MeanSquaredError(), seed=0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "model.npz")
        ...     network.save(path)
        ...     loaded = Network.load(path)
        >>> bool((loaded.parameters == network.parameters).all())
        True
        """
        from .files import save_network

        save_network(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str], custom: Mapping[str, Any] | None = None) -> Network:
        """Return the network that `save` wrote to a file. No code ever runs from it.

        Parameters
        ----------
        path : str or path-like
            The file.
        custom : dict, optional
            Classes and functions of your own that the network uses, by name:
            `{"Swish": Swish}`.

        Returns
        -------
        Network
            As it was when it was saved; only `gradients` are zeros.

        Raises
        ------
        ModelFileError
            If the file is damaged, is no model, or needs a class that `custom` lacks.
        FileNotFoundError, OSError
            If there is no such file, or the disk fails.
        InputError, ParameterError
            If an argument is not what it should be.
        """
        from .files import load_network

        return load_network(cls, path, custom)

    # What it looks like.

    def __repr__(self) -> str:
        layers = "".join(f"        {layer!r},\n" for layer in self.layers)
        return (
            f"Network(\n    [\n{layers}    ],\n    loss={self.loss!r},\n"
            f"    optimizer={self.optimizer!r},\n    dtype='{self.dtype}',\n)"
        )

    def summary(self) -> str:
        """Return a table of the layers: output shapes and numbers of parameters.

        Examples
        --------
        >>> from backproplite import Dense, MeanSquaredError, ReLU
        >>> print(Network([Dense(2, 3), ReLU(), Dense(3, 1)], loss=MeanSquaredError()).summary())
           layer        output        parameters
        0  Dense(2, 3)  (samples, 3)           9
        1  ReLU()       (samples, 3)           0
        2  Dense(3, 1)  (samples, 1)           4
           total                              13
        """
        from .summary import summary

        return summary(self)

    # Checking what comes in.

    def prepare_inputs(self, X: object, of: str = "") -> Array:
        """Return inputs ready for use, or say what is wrong with them, as `prepare` does."""
        return matrix(f"{of}X", X, self.dtype, self.in_features, self.feature_names)

    def prepare(
        self,
        X: object,
        y: object,
        sample_weight: object = None,
        of: str = "",
        class_weight: object = None,
    ) -> Batch:
        """Return inputs, targets and shares ready for use, or say what is wrong with them.

        Parameters
        ----------
        X, y, sample_weight, class_weight
            As for `fit`. A sample of weight 0 is left out: it must not enter batch
            statistics either.
        of : str
            Whose they are, for the messages: "validation ".

        Returns
        -------
        Batch

        Raises
        ------
        ShapeError, InputError
            If the data cannot be used.
        """
        x = self.prepare_inputs(X, of)
        outputs = self.out_features or self._forward(x[:1].copy()).shape[-1]
        targets = self.loss.prepare_targets(f"{of}y", y, outputs, self.dtype)
        same_samples(f"{of}X", x, f"{of}y", targets)
        return self.weighted(Batch(x, targets), sample_weight, class_weight, of)

    def weighted(
        self, batch: Batch, sample_weight: object, class_weight: object, of: str = ""
    ) -> Batch:
        """Return the samples of a prepared batch that count, with their shares."""
        if sample_weight is not None:
            batch = batch.weighted(f"{of}sample_weight", sample_weight)
        if class_weight is not None:
            weights = self.loss.class_weights(class_weight, batch.targets[:])
            batch = batch.weighted("class_weight", weights)
        return batch


def _bring_along(owners: list[tuple[Stateful, dict[str, Array]]]) -> None:
    """Write into views what their owners have by now; what has no room yet is zeros."""
    with np.errstate(over="ignore"):
        for owner, views in owners:
            for name, view in views.items():
                if name in vars(owner) or not name.startswith("grad_"):
                    value = getattr(owner, name)
                    if value.size:
                        view[...] = value


def _own(optimizer: Optimizer) -> Optimizer:
    """Return a copy of an optimizer, at rest."""
    refuse_class("optimizer", optimizer)
    if not isinstance(optimizer, Optimizer):
        raise ParameterError(f"optimizer must be an Optimizer such as Adam(); got {optimizer!r}.")
    own = copy.deepcopy(optimizer)  # bound to no record
    own.reset(np.zeros(0))
    return own
