"""The network: a list of layers and a loss, trained by backpropagation.

One training step goes forward through the layers and keeps what each will
need, takes the loss and its gradient, goes backward through the layers, and
lets the optimizer move the parameters. `fit` repeats the step.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from typing import Any

import numpy as np

from .checks import Array, generator, matrix, same_samples, sample_shares, whole_number
from .errors import DivergenceError, ParameterError
from .functions import norm
from .layers import Layer, check_neighbours
from .losses import Loss
from .optimizers import Adam, Optimizer
from .parameters import decaying_stretches, gather
from .saving import load_network, save_network
from .training import (
    Callback,
    Epoch,
    Kind,
    checksum,
    in_training,
    progress_callback,
    watching_steps,
)

#: Prepared inputs, prepared targets, and the share of each sample (None: all alike).
Data = tuple[Array, Array, Array | None]


class Network:
    """A feed-forward neural network.

    output = layerₙ(... layer₂(layer₁(X))); training moves the parameters
    against the gradient of loss(output, y)

    Parameters
    ----------
    layers : sequence of Layer
        In the order in which data passes through them. Parameters that nobody
        has changed are drawn anew from `seed`; changed ones stay as they are.
    loss : Loss
        What training makes small.
    optimizer : Optimizer, optional
        How it does so; `Adam()` unless given. Each network needs its own.
    seed : int or numpy.random.Generator, optional
        For the first weights, the shuffling and the dropout. The same seed gives
        the same numbers; without one they differ each time.
    dtype : {"float64", "float32"}
        The precision of all arithmetic.

    Attributes
    ----------
    parameters, gradients : array of shape (n,)
        Every trainable number, layer after layer, and the newest gradient of each.
    history : dict of lists of float
        One entry per epoch: "loss", the mean over its batches as they came;
        "val_loss", after the epoch (NaN without validation data);
        "learning_rate", of its last step; "gradient_norm", the mean over its batches.
    epoch_count : int
        Epochs trained so far, over all calls of `fit`.

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

    def __init__(
        self,
        layers: Sequence[Layer],
        loss: Loss,
        optimizer: Optimizer | None = None,
        seed: int | np.random.Generator | None = None,
        dtype: str = "float64",
    ) -> None:
        self.layers = tuple(_checked_layers(layers))
        self.in_features, self.out_features = check_neighbours(self.layers)
        self.loss = loss
        if dtype not in ("float64", "float32", np.float64, np.float32):
            raise ParameterError(f"dtype must be 'float64' or 'float32'; got {dtype!r}.")
        self.rng = generator(seed)
        optimizer = _checked_optimizer(Adam() if optimizer is None else optimizer)
        for layer in self.layers:
            if layer.block.is_untouched():
                layer.block.values = layer.block.fresh_values(self.rng)
        self._gather(np.dtype(dtype))
        self.optimizer = optimizer
        self.history: dict[str, list[float]] = {
            name: [] for name in ("loss", "val_loss", "learning_rate", "gradient_norm")
        }
        self.epoch_count = 0
        self._steps_made = 0
        self._unfinished_epoch: Epoch | None = None
        self.stop_training = False

    # One training step: forward, loss, backward, update.

    def forward_training(self, X: object) -> tuple[Array, list[Any]]:
        """Go forward as training does; return the outputs and each layer's cache."""
        return self._forward_training(matrix("X", X, self.dtype, self.in_features))

    def _forward_training(self, x: Array) -> tuple[Array, list[Any]]:
        caches = []
        for layer in self.layers:
            x, cache = layer.forward_training(x, self.rng)
            caches.append(cache)
        return x, caches

    def backward(self, grad_output: Array, caches: Sequence[Any]) -> Array:
        """Go back through all layers, overwriting `gradients`; return the gradient by x."""
        for layer, cache in zip(reversed(self.layers), reversed(caches), strict=True):
            grad_output = layer.backward(grad_output, cache)
        return grad_output

    def backward_parameters(self, grad_output: Array, caches: Sequence[Any]) -> None:
        """Go back only as far as there are parameters, not into x, which saves a product."""
        first = self._first_trained
        for i in range(len(self.layers) - 1, first, -1):
            grad_output = self.layers[i].backward(grad_output, caches[i])
        if first < len(self.layers):
            self.layers[first].backward_parameters(grad_output, caches[first])

    def update(self, caches: Sequence[Any] = ()) -> None:
        """Let the optimizer move the parameters, and layers learn what else they keep of a batch.

        If that fails, or ends in NaN or infinity, everything is as it was before.
        """
        self._check_optimizer()
        optimizer, arrays = self._optimizer, self._arrays()
        state = optimizer.state()
        count, rate, steps = optimizer.step_count, optimizer.rate, self._steps_made
        for kept, array in zip(self._before, [*arrays, *state], strict=True):
            kept[...] = array
        try:
            optimizer.step(self._parameters, self._gradients, self._decaying)
            for i in self._learning if caches else ():
                self.layers[i].after_step(caches[i])
            if not all(map(_is_finite, arrays)):
                raise DivergenceError(
                    "a parameter or running statistic turned NaN or infinite",
                    learning_rate=optimizer.rate,
                )
            self._steps_made += 1
        except BaseException as error:
            for kept, array in zip(self._before, [*arrays, *state], strict=True):
                array[...] = kept
            optimizer.step_count, optimizer.rate, self._steps_made = count, rate, steps
            if isinstance(error, DivergenceError):
                for array in state:
                    array[...] = 0  # or the next step would meet the same infinity
            raise

    def _step(
        self,
        x: Array,
        targets: Array,
        shares: Array | None,
        weight: float = 1.0,
        epoch: Epoch | None = None,
    ) -> float:
        """Make one step on prepared data; return the loss before it."""
        outputs, caches = self._forward_training(x)
        loss, grad_output = self._loss.value_and_gradient(outputs, targets, shares)
        if not math.isfinite(loss):
            raise DivergenceError(
                f"the loss turned {loss}", learning_rate=self._optimizer.current_rate()
            )
        self.backward_parameters(grad_output, caches)
        if epoch is not None:
            epoch.note(self._steps_made, weight, float(loss), norm(self._gradients))
        self.update(caches)
        return float(loss)

    def _whole_step(self, *batch: Any) -> float:
        """Make one step; if it fails, all is as if it had not begun, the random numbers too."""
        steps = self._steps_made
        drawn = self.rng.bit_generator.state if self._drawing else None
        try:
            return self._step(*batch)
        except BaseException:
            if self._steps_made == steps:
                if drawn:
                    self.rng.bit_generator.state = drawn
                if self._unfinished_epoch is not None:
                    self._unfinished_epoch.forget(steps + 1)
            raise

    def train_step(self, X: object, y: object, sample_weight: object = None) -> float:
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
        self._check_optimizer()
        data = self._checked(X, y, sample_weight)
        with np.errstate(all="ignore"):
            return self._whole_step(*data)

    def loss_and_gradient(
        self, X: object, y: object, sample_weight: object = None
    ) -> tuple[float, Array]:
        """Return the training loss of a batch and its derivative by every parameter.

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
        x, targets, shares = self._checked(X, y, sample_weight)
        outputs, caches = self._forward_training(x)
        loss, grad_output = self._loss.value_and_gradient(outputs, targets, shares)
        self.backward_parameters(grad_output, caches)
        return float(loss), self._gradients.copy()

    # Many steps.

    def fit(
        self,
        X: object,
        y: object,
        epochs: int,
        batch_size: int | None = None,
        shuffle: bool = True,
        validation_data: Sequence[object] | None = None,
        sample_weight: object = None,
        callbacks: Callable[[Network], object] | Iterable[Callable[[Network], object]] = (),
        progress: bool = False,
    ) -> Network:
        """Train for a number of epochs; called again, go on from there.

        An epoch that was cut off is finished first if it is called with the same data,
        `batch_size` and `shuffle`, and counts as one.

        Parameters
        ----------
        X : array of shape (samples, features)
            The inputs: anything that NumPy can make an array of real numbers of.
        y : array of shape (samples, outputs)
            The targets; shape (samples,) will do for one output, or for class labels.
        epochs : int
            How many times to go through all samples.
        batch_size : int, optional
            Samples per update; all at once unless given. A last smaller batch
            counts for as many samples as it has.
        shuffle : bool
            Whether to put the samples into a new random order each epoch.
        validation_data : (X, y) or (X, y, sample_weight), optional
            Scored after each epoch, without training on it.
        sample_weight : array of shape (samples,), optional
            How much each sample counts; normalised by the sum over the batch. A
            sample of weight 0 is left out.
        callbacks : callable or sequence of callables
            Each is called with the network after every epoch.
        progress : bool
            Show a bar where tqdm is installed, a line now and then where it is not.

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
        """
        self._check_optimizer()
        data = self._checked(X, y, sample_weight)
        epochs = whole_number("epochs", epochs, 1)
        if batch_size is not None:
            batch_size = whole_number("batch_size", batch_size, 1)
        watchers = _checked_callbacks(callbacks)
        if progress:
            watchers.append(progress_callback(epochs))
        validation = self._checked_validation(validation_data, data, watchers)
        samples = len(data[0])
        kind = samples, min(batch_size or samples, samples), bool(shuffle), checksum(data)
        step_watchers = watching_steps(watchers)
        users_settings = np.geterr()

        def tell(listeners: Iterable[Callable[[Network], object]]) -> None:
            for listener in listeners:
                with np.errstate(**users_settings):
                    listener(self)

        with in_training(self, watchers), np.errstate(all="ignore"):
            for _ in range(epochs):
                epoch = self._epoch(kind)
                for rows in epoch.batches(self.rng, self._steps_made):
                    try:
                        self._whole_step(*_select(data, rows), epoch)
                    except DivergenceError as error:
                        batch = 1 + epoch.sums[self._steps_made][0]
                        raise error.at(self.epoch_count + 1, batch) from None
                    if step_watchers:
                        tell(step_watchers)
                self._finish(epoch, validation)
                tell(watchers)
                if self.stop_training:
                    break
        return self

    def _epoch(self, kind: Kind) -> Epoch:
        """Return the epoch that was cut off, if nothing has been trained since, or a new one."""
        epoch = self._unfinished_epoch
        if epoch is None or epoch.kind != kind or self._steps_made not in epoch.sums:
            epoch = self._unfinished_epoch = Epoch(kind, self._steps_made)
        return epoch

    def _finish(self, epoch: Epoch, validation: Data | None) -> None:
        """Write the history of an epoch that has had all its steps."""
        entries = len(self.history["loss"])
        batches, losses, norms, weights = epoch.sums[self._steps_made]
        val_loss = math.nan if validation is None else self._evaluate(*validation)
        newest = losses / weights, val_loss, self._optimizer.rate, norms / batches
        try:
            for values, value in zip(self.history.values(), newest, strict=True):
                values.append(value)
            self._unfinished_epoch = None
            self.epoch_count += 1
        except BaseException:  # Ctrl-C, just here: all of it or none
            for values in self.history.values():
                del values[entries:]
            self._unfinished_epoch = epoch
            raise

    # Using the network. Nothing here changes it.

    def forward(self, X: object) -> Array:
        """Return the raw outputs of the last layer, shape (samples, outputs).

        Raises
        ------
        ShapeError, InputError
            If X is not a finite array of shape (samples, features).
        """
        return self._forward(matrix("X", X, self.dtype, self.in_features))

    def predict(self, X: object) -> Array:
        """Return the outputs in the space of the targets, shape (samples, outputs).

        That is what `forward` gives, but probabilities for the losses on logits. It
        is always 2-D: for one output, compare `predict(X)[:, 0]` with a y of shape (samples,).

        Raises
        ------
        ShapeError, InputError
            If X is not a finite array of shape (samples, features).
        """
        return self.loss.predictions(self.forward(X))

    def evaluate(self, X: object, y: object, sample_weight: object = None) -> float:
        """Return the loss on some data, as inference sees it.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.

        Raises
        ------
        ShapeError, InputError
            If the data cannot be used.
        """
        return self._evaluate(*self._checked(X, y, sample_weight))

    def _forward(self, x: Array) -> Array:
        for layer in self.layers:
            x, _ = layer.forward(x)
        return x

    def _evaluate(self, x: Array, targets: Array, shares: Array | None) -> float:
        return float(self.loss.value(self._forward(x), targets, shares))

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
    def dtype(self) -> np.dtype[Any]:
        """The precision of all arithmetic."""
        return self._parameters.dtype

    @property
    def loss(self) -> Loss:
        """What training makes small. A new one may be set, if it suits the last layer."""
        return self._loss

    @loss.setter
    def loss(self, loss: Loss) -> None:
        self._loss = _checked_loss(loss, self.layers[-1])

    @property
    def optimizer(self) -> Optimizer:
        """What moves the parameters. A new one may be set, and starts from rest."""
        return self._optimizer

    @optimizer.setter
    def optimizer(self, optimizer: Optimizer) -> None:
        self._optimizer = _checked_optimizer(optimizer)
        optimizer.reset(self._parameters)
        optimizer.claim = self._claim = object()
        self._make_room()

    def _make_room(self) -> None:
        """Make room for what a step that fails goes back to."""
        self._before = [array.copy() for array in [*self._arrays(), *self._optimizer.state()]]

    def snapshot(self) -> list[Array]:
        """Return copies of the parameters and of the layers' state, for `restore`."""
        return [array.copy() for array in self._arrays()]

    def restore(self, snapshot: list[Array]) -> None:
        """Go back to the numbers of a snapshot of this network."""
        self._unfinished_epoch = None
        for array, kept in zip(self._arrays(), snapshot, strict=True):
            array[...] = kept

    def _arrays(self) -> list[Array]:
        state = [getattr(layer, name) for layer in self._keeping for name in layer.state_names]
        return [self._parameters, *state]

    def _gather(self, dtype: np.dtype[Any]) -> None:
        """Move all layers' parameters into one vector of this dtype."""
        blocks = [layer.block for layer in self.layers]
        self._parameters, self._gradients = gather(blocks, dtype)
        self._decaying = decaying_stretches(blocks)
        self._keeping = [layer for layer in self.layers if layer.state_names]
        kinds = [type(layer) for layer in self.layers]
        self._drawing = any(kind.forward_training is not Layer.forward_training for kind in kinds)
        self._learning = [i for i, k in enumerate(kinds) if k.after_step is not Layer.after_step]
        trained = [i for i, block in enumerate(blocks) if block.shapes]
        self._first_trained = trained[0] if trained else len(self.layers)
        for layer in self.layers:
            layer.move_to(dtype)

    def __getstate__(self) -> dict[str, Any]:
        # Each layer brings its own numbers along; the vectors are gathered again from them.
        left_out = ("_parameters", "_gradients", "_before")
        return {k: v for k, v in vars(self).items() if k not in left_out} | {"dtype": self.dtype}

    def __setstate__(self, state: dict[str, Any]) -> None:
        dtype = state.pop("dtype")
        vars(self).update(state)
        self._gather(dtype)
        self._make_room()

    def __copy__(self) -> Network:
        return copy.deepcopy(self)  # two networks with the same layers would train each other

    # Model files.

    def save(self, path: object) -> None:
        """Write the whole network to a file: an old one is replaced whole or stays.

        Besides the layers, the loss and the optimizer with all their numbers, it
        holds the history, the state of the random generator, and how far an epoch is that
        was cut off. So a network that is loaded goes on exactly as this one would have.
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
        save_network(Network, self, path)

    @classmethod
    def load(cls, path: object, custom: Mapping[str, Any] | None = None) -> Network:
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
        width = self.in_features
        rows = [("", "layer", "output", "parameters")]
        for i, layer in enumerate(self.layers):
            width = layer.output_width(width)
            shape = f"(samples, {'?' if width is None else width})"
            rows.append((str(i), repr(layer), shape, f"{layer.block.values.size:,}"))
        rows.append(("", "total", "", f"{self._parameters.size:,}"))
        a, b, c, d = (max(map(len, column)) for column in zip(*rows, strict=True))
        return "\n".join(f"{i:{a}}  {j:{b}}  {k:{c}}  {m:>{d}}" for i, j, k, m in rows)

    # Checking what comes in.

    def _check_optimizer(self) -> None:
        if self._optimizer.claim is not self._claim:
            raise ParameterError(
                "the optimizer has been given to another network since. Give each its own."
            )

    def _checked(self, X: object, y: object, sample_weight: object, of: str = "") -> Data:
        """Return inputs, targets and shares ready for use, or raise; `of` names whose they are."""
        x = matrix(f"{of}X", X, self.dtype, self.in_features)
        outputs = self.out_features or self._forward(x[:1]).shape[-1]
        targets = self.loss.prepare_targets(f"{of}y", y, outputs, self.dtype)
        same_samples(f"{of}X", x, f"{of}y", targets)
        if sample_weight is None:
            return x, targets, None
        shares = sample_shares(f"{of}sample_weight", sample_weight, len(x), self.dtype)
        counted = shares > 0  # a sample that does not count must not enter batch statistics either
        return x[counted], targets[counted], shares[counted]

    def _checked_validation(
        self, given: Sequence[object] | None, data: Data, watchers: list[Any]
    ) -> Data | None:
        """Return validation data ready for use; the training data if a callback needs a score."""
        if given is None:
            scored = any(isinstance(w, Callback) and w.needs_score for w in watchers)
            return data if scored else None
        if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
            raise ParameterError(
                "validation_data must be a tuple (X, y) or (X, y, sample_weight); got "
                f"{type(given).__name__}{f' of {len(given)}' if isinstance(given, Sized) else ''}."
            )
        X, y, *weight = given
        return self._checked(X, y, weight[0] if weight else None, of="validation ")


def _checked_layers(layers: Sequence[Layer]) -> list[Layer]:
    """Return the layers as a list; refuse what is none, or belongs to a network already."""
    if not isinstance(layers, (list, tuple)) or not layers:
        raise ParameterError(f"layers must be a list of at least one Layer; got {layers!r}.")
    for i, layer in enumerate(layers):
        _refuse_class(f"layers[{i}]", layer)
        if not isinstance(layer, Layer):
            raise ParameterError(f"layers[{i}] must be a Layer such as Dense; got {layer!r}.")
        twice = any(layer is other for other in layers[:i])
        if layer.block.shapes and (layer.block.in_network or twice):
            raise ParameterError(
                f"layers[{i}] {layer!r} belongs to a network already, which would train it too. "
                "Make a new layer, or take copy.deepcopy of this one."
            )
    return list(layers)


def _checked_loss(loss: Loss, last: Layer) -> Loss:
    """Return the loss; refuse it after a last layer with which it cannot mean anything."""
    _refuse_class("loss", loss)
    if not isinstance(loss, Loss):
        raise ParameterError(f"loss must be a Loss such as MeanSquaredError(); got {loss!r}.")
    if loss.applies == type(last).__name__:
        raise ParameterError(
            f"{loss!r} applies {loss.applies} itself: leave out the last layer {last!r}."
        )
    unsuitable = last.gives_probabilities is False or (
        # Classes share a probability of 1; with a sigmoid each, all could claim it.
        loss.suits == "Softmax" and type(last).__name__ == "Sigmoid"
    )
    if loss.wants_probabilities and unsuitable:
        raise ParameterError(
            f"{loss!r} takes probabilities, such as {loss.suits}() gives, but the last layer is "
            f"{last!r}. End the network in {loss.suits}(), or in a Dense layer with "
            f"{loss.suits}CrossEntropy()."
        )
    return loss


def _refuse_class(name: str, given: object) -> None:
    if isinstance(given, type):
        raise ParameterError(
            f"{name} must be an instance; got the class. Write {given.__name__}(...)."
        )


def _checked_optimizer(optimizer: Optimizer) -> Optimizer:
    _refuse_class("optimizer", optimizer)
    if not isinstance(optimizer, Optimizer):
        raise ParameterError(f"optimizer must be an Optimizer such as Adam(); got {optimizer!r}.")
    return optimizer


def _checked_callbacks(callbacks: Any) -> list[Any]:
    """Return callbacks as a list; a single one is as good as a list of one."""
    if not callable(callbacks) and not isinstance(callbacks, Iterable):
        raise ParameterError(f"callbacks must be a sequence of functions; got {callbacks!r}.")
    listed = [callbacks] if callable(callbacks) else list(callbacks)
    for i, callback in enumerate(listed):
        if isinstance(callback, type) or not callable(callback):
            raise ParameterError(
                f"callbacks[{i}] must be a function of the network, or an instance of a Callback "
                f"class; got {callback!r}."
            )
    return listed


def _select(data: Data, rows: Any) -> tuple[Array, Array, Array | None, float]:
    """Return a batch, its shares summing to 1, and how much the batch counts among the others."""
    x, targets, shares = data
    if rows is None:
        return x, targets, shares, 1.0
    if shares is None:
        return x[rows], targets[rows], None, len(x[rows])
    weight = shares[rows].sum()
    return x[rows], targets[rows], shares[rows] / weight, float(weight)


def _is_finite(array: Array) -> bool:
    # The sum of squares is one quick product; only if it overflows, look at every number.
    return math.isfinite(np.vdot(array, array)) or bool(np.isfinite(array).all())
