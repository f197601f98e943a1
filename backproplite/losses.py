"""Losses: how wrong the outputs are, as one number, and the exact gradient of that number.

Each class says what one sample costs (`forward`) and how that changes with the
outputs (`backward`), next to each other. Averaging over the samples, weighted
or not, is done once, in the base class, for the number and the gradient alike:
what is reported is what is differentiated. `written` says the same in equations.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from .activations import Activation, Sigmoid, Softmax
from .checks import Array, answers, matrix, number, real_array, same_samples, sample_shares
from .configurable import Configurable
from .errors import ShapeError
from .functions import decay_of_size, log1p, row_sum, sigmoid, softmax, softmax_parts

__all__ = [
    "BinaryCrossEntropy",
    "CategoricalCrossEntropy",
    "HalfSquaredError",
    "Huber",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "SigmoidCrossEntropy",
    "SoftmaxCrossEntropy",
]


class Loss(Configurable):
    """Base of the losses: subclass it and define `forward` and `backward`.

    loss = Σᵢ shareᵢ · lossᵢ over the samples i, where shareᵢ is 1/n, or with
    sample weights wᵢ / Σⱼ wⱼ: weights are normalised by their sum, so that
    weights which are all alike give what no weights give. (In the batches of a `fit`,
    shareᵢ is wᵢ / n over the mean weight of all its samples, so that a weight means the
    same in every batch.)

    Examples
    --------
    >>> class FourthPower(Loss):
    ...     def forward(self, outputs, targets):
    ...         error = outputs - targets
    ...         return error**4, error
    ...
    ...     def backward(self, error):
    ...         return 4 * error**3
    >>> loss = FourthPower()
    >>> loss([[1.0], [2.0]], [[0.0], [0.0]])
    8.5
    >>> loss.gradient([[1.0], [2.0]], [[0.0], [0.0]])
    array([[ 2.],
           [16.]])
    """

    #: The activation that the loss applies itself, so that the network must not; None for most.
    applies: type[Activation] | None = None
    #: What targets stand for: "binary" yes or no, "categorical" classes, None plain numbers.
    labels: str | None = None
    #: Whether outputs must lie between 0 and 1.
    wants_probabilities = False
    #: The activation that makes such probabilities of outputs; None if any output will do.
    suits: type[Activation] | None = None
    #: Whether a sample costs the mean of its outputs' costs; else it is their sum.
    mean_over_outputs = False
    #: The equations: `costs` of each output, their `derivative`, `predictions` where it makes them.
    written: ClassVar[Mapping[str, str]] = {}
    #: What the first entries of the cache, a tuple, are called in them.
    cache_names: tuple[str, ...] = ()

    def parts(self) -> list[Loss]:
        """Return the loss itself, and then the one that it stands around, if any."""
        return [self]

    def forward(self, outputs: Array, targets: Array) -> tuple[Array, Any]:
        """Return the costs, one row for each sample, and a cache for `backward`."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(outputs, targets).")

    def backward(self, cache: Any) -> Array:
        """Return the derivative of each sample's costs by its own outputs."""
        raise NotImplementedError(f"{type(self).__name__} must define backward(cache).")

    def predictions(self, outputs: Array) -> Array:
        """Turn the network's outputs into the space of the targets."""
        return outputs

    def own_targets(self, targets: Array) -> Array:
        """Turn prepared targets back into the space that they were given in."""
        return targets

    def prepare_targets(self, name: str, targets: object, outputs: int, dtype: DTypeLike) -> Array:
        """Return targets as a (samples, outputs) array, or say what is wrong with them."""
        array = real_array(name, targets, dtype, self.labels)
        if array.ndim == 1 and outputs == 1:
            array = array.reshape(-1, 1)
        if array.ndim != 2 or array.shape[1] != outputs:
            raise answers().no_targets(name, array, outputs)
        return array

    def class_weights(self, given: Any, targets: Array) -> Array:
        """Return how much each sample counts by its class, for prepared targets.

        Parameters and errors are those of `class_weight` in `Network.fit`.
        """
        outputs = targets.shape[1]
        exclusive = self.labels == "categorical" or (self.labels == "binary" and outputs == 1)
        if not exclusive or not np.isin(targets, (0, 1)).all():
            raise answers().nothing_to_weigh(self, outputs, exclusive)
        classes = targets.argmax(axis=1) if outputs > 1 else targets[:, 0].astype(np.intp)
        weights = np.ones(max(outputs, 2))
        if isinstance(given, Mapping) and all(label in range(len(weights)) for label in given):
            for label, weight in given.items():
                weights[int(label)] = number(f"class_weight[{label!r}]", weight, minimum=0)
        elif isinstance(given, str) and given == "balanced":
            weights /= np.maximum(np.bincount(classes, minlength=len(weights)), 1)
        else:
            raise answers().no_class_weights(given, len(weights))
        return weights[classes]

    def value(self, outputs: Array, targets: Array, shares: Array | None = None) -> Any:
        """Return the loss, for prepared targets and shares."""
        costs, _ = self.forward(outputs, targets)
        return self._average(costs, outputs, self._weights(outputs, shares))

    def value_and_gradient(
        self, outputs: Array, targets: Array, shares: Array | None = None
    ) -> tuple[Any, Array]:
        """Return the loss and its gradient in one pass, for prepared targets and shares."""
        costs, cache = self.forward(outputs, targets)
        weights = self._weights(outputs, shares)
        return self._average(costs, outputs, weights), self.backward(cache) * weights

    def count(self, outputs: Array) -> int:
        """Return what costs are divided by where samples count alike."""
        samples, width = outputs.shape[-2:]
        return samples * (width if self.mean_over_outputs else 1)

    def _weights(self, outputs: Array, shares: Array | None) -> Any:
        """Return what each cost counts in the loss: the 1/n, which is nowhere else."""
        if shares is None:
            return 1 / self.count(outputs)
        return shares[..., np.newaxis] / (outputs.shape[-1] if self.mean_over_outputs else 1)

    def _average(self, costs: Array, outputs: Array, weights: Any) -> Any:
        """Return the sum over samples and outputs of the costs, each times its weight."""
        if costs.shape != outputs.shape:
            costs = self._in_rows(costs, outputs)
        if type(weights) is float:
            return np.add.reduce(costs, (-2, -1)) * weights
        return np.add.reduce(costs * weights, (-2, -1))

    def _in_rows(self, costs: Array, outputs: Array) -> Array:
        """Return costs of one's own as a row for each sample, or say what is wrong with them."""
        if costs.shape == outputs.shape[:-1]:
            return costs[..., np.newaxis]
        if costs.shape[:-1] != outputs.shape[:-1]:
            raise ShapeError(
                f"forward of {type(self).__name__} must return one row of costs for each of the "
                f"{outputs.shape[-2]} samples, not their mean (Loss averages them); got shape "
                f"{costs.shape}."
            )
        return costs

    @np.errstate(under="ignore")
    def __call__(self, outputs: object, targets: object, sample_weight: object = None) -> float:
        """Return the loss of a batch.

        Parameters
        ----------
        outputs : array of shape (samples, outputs)
            What the network gave.
        targets : array
            What it should have given: the same shape, or class labels where
            the loss takes them.
        sample_weight : array of shape (samples,), optional
            How much each sample counts; normalised by the sum of the weights.

        Raises
        ------
        ShapeError
            If the shapes do not fit.
        InputError
            If there is a NaN, an infinity, text, a label out of range, a negative weight.
        """
        return float(self.value(*self.prepare(outputs, targets, sample_weight)))

    def gradient(self, outputs: object, targets: object, sample_weight: object = None) -> Array:
        """Return the derivative of the loss by each output, in the shape of the outputs.

        Parameters, and errors raised, are those of calling the loss.
        """
        checked = self.prepare(outputs, targets, sample_weight)
        with np.errstate(all="ignore"):  # the loss may not fit where this does
            gradient = self.value_and_gradient(*checked)[1]
        return gradient.reshape(np.asarray(outputs).shape)

    def prepare(
        self, outputs: object, targets: object, sample_weight: object = None
    ) -> tuple[Array, Array, Array | None]:
        """Return outputs, targets and shares ready for use, or say what is wrong with them.

        Parameters, and errors raised, are those of calling the loss.
        """
        dtype = np.float32 if getattr(outputs, "dtype", None) == np.float32 else np.float64
        given = real_array("outputs", outputs, dtype)
        if given.ndim == 1 and np.asarray(targets).ndim == 1:
            given = given.reshape(-1, 1)
        given = matrix("outputs", given, dtype)
        if self.wants_probabilities:
            maker = getattr(self.suits, "__name__", "Sigmoid")
            _refuse_outside_0_1("outputs", given, f"probabilities, such as {maker}() gives")
        wanted = self.prepare_targets("targets", targets, given.shape[1], dtype)
        same_samples("outputs", given, "targets", wanted)
        if sample_weight is None:
            return given, wanted, None
        return given, wanted, sample_shares("sample_weight", sample_weight, len(given), dtype)


class MeanSquaredError(Loss):
    """The mean of the squared errors over all elements, samples and outputs.

    loss = 1/(n·k) Σ (output - target)² for n samples of k outputs;
    gradient = 2 (output - target) / (n·k)

    Raises
    ------
    ShapeError, InputError
        When called with arrays that do not fit or are not finite numbers.

    Examples
    --------
    >>> loss = MeanSquaredError()
    >>> loss([[1.0, 2.0]], [[0.0, 0.0]])
    2.5
    >>> loss.gradient([[1.0, 2.0]], [[0.0, 0.0]])
    array([[1., 2.]])
    """

    mean_over_outputs = True
    written = {"costs": "(outputs - targets) ** 2", "derivative": "2 * (outputs - targets)"}

    def forward(self, outputs: Array, targets: Array) -> tuple[Array, Array]:
        error = outputs - targets
        return error * error, error

    def backward(self, error: Array) -> Array:
        return error + error


class HalfSquaredError(Loss):
    """Half the squared error summed over the outputs, averaged over the samples.

    loss = 1/n Σ ½ (output - target)²; gradient = (output - target) / n

    Raises
    ------
    ShapeError, InputError
        When called with arrays that do not fit or are not finite numbers.

    Examples
    --------
    >>> loss = HalfSquaredError()
    >>> loss([[1.0, 2.0]], [[0.0, 0.0]])
    2.5
    >>> loss.gradient([[1.0, 2.0]], [[0.0, 0.0]])
    array([[1., 2.]])
    """

    written = {"costs": "0.5 * (outputs - targets) ** 2", "derivative": "outputs - targets"}

    def forward(self, outputs: Array, targets: Array) -> tuple[Array, Array]:
        error = outputs - targets
        return error * error / 2, error

    def backward(self, error: Array) -> Array:
        return error


class MeanAbsoluteError(Loss):
    """The mean of the absolute errors over all elements.

    loss = 1/(n·k) Σ |output - target|; gradient = sign(output - target) / (n·k),
    taken as 0 where output and target are equal

    Raises
    ------
    ShapeError, InputError
        When called with arrays that do not fit or are not finite numbers.

    Examples
    --------
    >>> loss = MeanAbsoluteError()
    >>> loss([[1.0, -2.0]], [[0.0, 0.0]])
    1.5
    >>> loss.gradient([[1.0, -2.0]], [[0.0, 0.0]])
    array([[ 0.5, -0.5]])
    """

    mean_over_outputs = True
    written = {"costs": "abs(outputs - targets)", "derivative": "sign(outputs - targets)"}

    def forward(self, outputs: Array, targets: Array) -> tuple[Array, Array]:
        error = outputs - targets
        return np.maximum(error, -error), error

    def backward(self, error: Array) -> Array:
        return np.sign(error)


class Huber(Loss):
    """Squared for small errors, straight for large ones: outliers pull no harder than delta.

    loss = 1/(n·k) Σ ½e² where |e| ≤ delta, delta·(|e| - ½delta) elsewhere, e = output - target;
    gradient = e / (n·k), its size held to delta

    Parameters
    ----------
    delta : float
        Where the parabola passes into straight lines, in units of the targets.

    Raises
    ------
    ParameterError
        If delta is not above 0.
    ShapeError, InputError
        When called with arrays that do not fit or are not finite numbers.

    Examples
    --------
    >>> loss = Huber(delta=1.0)
    >>> loss([[0.5, 3.0]], [[0.0, 0.0]])
    1.3125
    >>> loss.gradient([[0.5, 3.0]], [[0.0, 0.0]])
    array([[0.25, 0.5 ]])

    References
    ----------
    Huber: Robust estimation of a location parameter, 1964.
    """

    mean_over_outputs = True
    written = {
        "costs": "0.5 * (outputs - targets) ** 2 if abs(outputs - targets) <= delta"
        " else delta * (abs(outputs - targets) - 0.5 * delta)",
        "derivative": "min(max(outputs - targets, -delta), delta)",
    }

    def __init__(self, delta: float = 1.0) -> None:
        self.delta = number("delta", delta, above=0)

    def forward(self, outputs: Array, targets: Array) -> tuple[Array, Array]:
        error = outputs - targets
        held = np.minimum(np.maximum(error, -self.delta), self.delta)
        return held * (error - held / 2), held  # both branches of the formula in one

    def backward(self, held: Array) -> Array:
        return held


class _BinaryLoss(Loss):
    """What the two losses on yes-or-no targets share."""

    labels = "binary"
    mean_over_outputs = True

    def prepare_targets(self, name: str, targets: object, outputs: int, dtype: DTypeLike) -> Array:
        array = super().prepare_targets(name, targets, outputs, dtype)
        meaning = "0 for no and 1 for yes, or a probability between"
        _refuse_outside_0_1(name, array, meaning, self.labels)
        return array


class BinaryCrossEntropy(_BinaryLoss):
    """Cross-entropy of yes-or-no targets and predicted probabilities, over all elements.

    loss = -1/(n·k) Σ t log p + (1 - t) log(1 - p); gradient = (p - t) / (p (1 - p)) / (n·k)

    Probabilities of exactly 0 and 1 count as the smallest positive float, and as
    one rounding step below 1. `SigmoidCrossEntropy` on the logits is exact there too.

    Raises
    ------
    ShapeError
        When called with arrays that do not fit.
    InputError
        When called with predictions or targets outside 0 ... 1, or not finite numbers.

    Examples
    --------
    >>> loss = BinaryCrossEntropy()
    >>> round(loss([[0.5], [0.5]], [[0.0], [1.0]]), 4)
    0.6931
    >>> loss.gradient([[0.5], [0.5]], [[0.0], [1.0]])
    array([[ 1.],
           [-1.]])
    """

    suits = Sigmoid
    wants_probabilities = True
    cache_names = ("outputs",)
    written = {
        "costs": "-(targets * log(outputs) + (1 - targets) * log(1 - outputs))",
        "derivative": "(1 - targets) / (1 - outputs) - targets / outputs",
    }

    def forward(self, outputs: Array, targets: Array) -> tuple[Array, Any]:
        limits = np.finfo(outputs.dtype)
        p = np.minimum(np.maximum(outputs, limits.tiny), 1 - limits.epsneg)
        cost = -(targets * np.log(p) + (1 - targets) * np.log1p(-p))
        return cost, (p, targets)

    def backward(self, cache: tuple[Array, Array]) -> Array:
        p, targets = cache
        return (1 - targets) / (1 - p) - targets / p


class SigmoidCrossEntropy(_BinaryLoss):
    """Sigmoid and binary cross-entropy in one, on logits: exact however sure the network is.

    loss = 1/(n·k) Σ log(1 + exp(z)) - t z for logits z; gradient = (sigmoid(z) - t) / (n·k)

    The network ends in a `Dense` layer without an activation; `predict` gives probabilities.

    Raises
    ------
    ShapeError
        When called with arrays that do not fit.
    InputError
        When called with targets outside 0 ... 1, or not finite numbers.

    Examples
    --------
    >>> loss = SigmoidCrossEntropy()
    >>> loss([[1000.0]], [[0.0]])
    1000.0
    >>> loss.gradient([[0.0], [0.0]], [[0.0], [1.0]])
    array([[ 0.25],
           [-0.25]])
    """

    applies = Sigmoid
    written = {
        "predictions": "1 / (1 + exp(-outputs))",
        "costs": "log(1 + exp(outputs)) - targets * outputs",
        "derivative": "predictions - targets",
    }

    def forward(self, outputs: Array, targets: Array) -> tuple[Array, Any]:
        small = decay_of_size(outputs)
        cost = np.maximum(outputs, 0) - targets * outputs + log1p(small)
        return cost, (outputs > 0, small, targets)

    def backward(self, cache: tuple[Array, Array, Array]) -> Array:
        # sigmoid - t, without losing the digits where the two almost meet.
        positive, small, targets = cache
        return ((positive - targets) + small * (~positive - targets)) / (1 + small)

    def predictions(self, outputs: Array) -> Array:
        return sigmoid(outputs)


class _CategoricalLoss(Loss):
    """What the two losses on class targets share."""

    labels = "categorical"

    def prepare_targets(self, name: str, targets: object, outputs: int, dtype: DTypeLike) -> Array:
        array = real_array(name, targets, dtype, self.labels)
        if array.ndim == 1:
            return one_hot(name, array, outputs)
        if array.ndim != 2 or array.shape[1] != outputs:
            raise answers().no_classes(name, array, outputs)
        _refuse_outside_0_1(name, array, "one-hot rows", self.labels)
        sums = array.sum(axis=1)
        if (abs(sums - 1) > 1e-5).any():
            raise answers().no_shares_of_1(name, sums)
        return array / sums[:, np.newaxis]  # to the last digit


class CategoricalCrossEntropy(_CategoricalLoss):
    """Cross-entropy of class targets and predicted probabilities, averaged over the samples.

    loss = -1/n Σ t log p; gradient = -t / p / n

    A probability of exactly 0 counts as the smallest positive float.
    `SoftmaxCrossEntropy` on the logits is exact there too, and faster.

    Raises
    ------
    ShapeError
        When called with arrays that do not fit.
    InputError
        When called with predictions outside 0 ... 1, labels out of range or
        not whole numbers, or numbers that are not finite.

    Examples
    --------
    >>> loss = CategoricalCrossEntropy()
    >>> round(loss([[0.5, 0.25, 0.25]], [0]), 4)
    0.6931
    >>> loss.gradient([[0.5, 0.25, 0.25]], [0])
    array([[-2., -0., -0.]])
    """

    suits = Softmax
    wants_probabilities = True
    cache_names = ("outputs",)
    written = {"costs": "-targets * log(outputs)", "derivative": "-targets / outputs"}

    def forward(self, outputs: Array, targets: Array) -> tuple[Array, Any]:
        p = np.maximum(outputs, np.finfo(outputs.dtype).tiny)
        return -targets * np.log(p), (p, targets)

    def backward(self, cache: tuple[Array, Array]) -> Array:
        p, targets = cache
        return -targets / p


class SoftmaxCrossEntropy(_CategoricalLoss):
    """Softmax and cross-entropy in one, on logits: exact however sure the network is.

    loss = 1/n Σ log(Σⱼ exp(zⱼ)) - Σⱼ tⱼ zⱼ for logits z; gradient = (softmax(z) - t) / n

    The network ends in a `Dense` layer without an activation; `predict` gives probabilities.

    Raises
    ------
    ShapeError
        When called with arrays that do not fit.
    InputError
        When called with labels out of range or not whole numbers, or numbers that are not finite.

    Examples
    --------
    >>> loss = SoftmaxCrossEntropy()
    >>> loss([[1000.0, 0.0]], [1])
    1000.0
    >>> loss.gradient([[0.0, 0.0]], [1])
    array([[ 0.5, -0.5]])
    """

    applies = Softmax
    written = {
        "predictions": "exp(outputs) / sum(exp(outputs), features)",
        "costs": "-targets * log(predictions)",
        "derivative": "predictions - targets",
    }

    def forward(self, outputs: Array, targets: Array) -> tuple[Array, Any]:
        # t (log(Σ exp z) - z), with the largest z of each row as zero. Targets sum to 1, so Σ exp z
        # is 1 + Σ (exp z - t): that keeps its digits where one class has almost all.
        shifted, exponentials = softmax_parts(outputs)
        exponentials -= targets
        rest = row_sum(exponentials)
        return targets * (np.log1p(rest) - shifted), (exponentials, rest, targets)

    def backward(self, cache: tuple[Array, Array, Array]) -> Array:
        difference, rest, targets = cache  # over 1 + rest, softmax - t is exp z - t - t rest
        gradient = difference - targets * rest
        gradient /= 1 + rest
        return gradient

    def predictions(self, outputs: Array) -> Array:
        return softmax(outputs)


def one_hot(name: str, labels: Array, classes: int) -> Array:
    """Return rows with a 1 at each label's place: labels 0 ... classes - 1, whole numbers."""
    rows = labels[:, np.newaxis] == np.arange(classes, dtype=labels.dtype)
    if np.count_nonzero(rows) < len(labels):
        raise answers().no_label(name, labels, ~rows.any(axis=1), classes)
    return rows.astype(labels.dtype)


def _refuse_outside_0_1(name: str, array: Array, meaning: str, labels: str | None = None) -> None:
    if array.size and (array.min() < 0 or array.max() > 1):
        raise answers().outside_0_1(name, array, meaning, labels)
