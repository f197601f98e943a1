"""Random batches, layers and networks for your own tests, as strategies of hypothesis.

They are what the library's own tests are made of (extra `testing`). `import
backproplite` does not load this module: write `from backproplite.testing import networks`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from . import activations, losses, optimizers
from . import layers as layers_
from .activations import Softmax
from .checks import Array
from .configurable import offered
from .errors import MissingExtraError
from .layers import Dense, Layer, LayerNorm
from .network import Network
from .scaling import Standardize

try:
    from hypothesis import strategies as st
except ImportError:
    raise MissingExtraError(
        "backproplite.testing needs hypothesis: pip install 'backproplite[testing]'"
    ) from None

#: Builds a layer that takes as many features as it is told.
Kind: TypeAlias = Callable[[int], Layer]

#: A number, or a strategy that draws one.
Size: TypeAlias = int | st.SearchStrategy[int]

#: Numbers of samples and features, small enough that a check of every entry stays quick.
SIZES = st.integers(1, 5)
SAMPLES = st.integers(2, 5)
SEEDS = st.integers(0, 2**32 - 1)


ACTIVATIONS = offered(activations, activations.Activation)
LOSSES = offered(losses, losses.Loss)
OPTIMIZERS = offered(optimizers, optimizers.Optimizer)
KINDS: tuple[Kind, ...] = (
    *(cls.example for cls in ACTIVATIONS),
    *(cls.example for cls in offered(layers_, Layer) if cls is not Dense),
    Standardize.example,
)


@st.composite
def batches(
    draw: st.DrawFn,
    samples: Size = SIZES,
    features: Size = SIZES,
    margin: float = 1e-3,
) -> Array:
    """Arrays of shape (samples, features) of normal numbers, none nearer to 0 than `margin`.

    So they are away from the kink of a ReLU or of an absolute value.

    Parameters
    ----------
    samples, features : int or strategy of int
        The shape; from 1 to 5 each unless given.
    margin : float
        Numbers nearer to 0 are put there.

    Examples
    --------
    >>> from hypothesis import given
    >>> from backproplite import Sigmoid, check_gradients
    >>> @given(batches(features=3))
    ... def test_sigmoid(x):
    ...     check_gradients(Sigmoid(), x)
    >>> test_sigmoid()
    """
    shape = _number(draw, samples), _number(draw, features)
    x = np.random.default_rng(draw(SEEDS)).standard_normal(shape)
    return np.copysign(np.maximum(abs(x), margin), x)


def _number(draw: st.DrawFn, size: Size) -> int:
    return draw(size) if isinstance(size, st.SearchStrategy) else size


@st.composite
def layers(draw: st.DrawFn, features: Size = SIZES, kinds: Sequence[Kind] = KINDS) -> Layer:
    """Random layers that take a number of features, parameters and all.

    Parameters
    ----------
    features : int or strategy of int
        How many; 1 to 5 unless given.
    kinds : sequence of callable (features) -> Layer
        What to draw from; all of the library's but `Dense` unless given.

    Examples
    --------
    >>> from hypothesis import given
    >>> from backproplite import LayerNorm, Tanh, check_gradients
    >>> @given(layers(features=3, kinds=[LayerNorm, lambda features: Tanh()]), batches(features=3))
    ... def test_layers(layer, x):
    ...     check_gradients(layer, x)
    >>> test_layers()
    """
    width = _number(draw, features)
    return draw(st.sampled_from(_fitting(kinds, width) or kinds))(width)


def _fitting(kinds: Sequence[Kind], features: int) -> list[Kind]:
    """Return those that a network can have between so many features: some refuse a single one."""
    refusing = LayerNorm, Softmax
    return [each for each in kinds if features > 1 or not isinstance(each(2), refusing)]


def targets_for(loss: losses.Loss, samples: int, outputs: int, rng: np.random.Generator) -> Array:
    """Return random targets that a loss can take: labels, zeros and ones, or normal numbers.

    Parameters
    ----------
    loss : Loss
        What the targets are for.
    samples, outputs : int
        The shape of the outputs that they will be compared with.
    rng : numpy.random.Generator
        What they are drawn from.

    Returns
    -------
    array of shape (samples,) or (samples, outputs)

    Examples
    --------
    >>> from backproplite import SoftmaxCrossEntropy
    >>> targets_for(SoftmaxCrossEntropy(), 4, 3, np.random.default_rng(0))
    array([2, 1, 1, 0])
    """
    if loss.labels == "categorical":
        return rng.integers(0, outputs, samples)
    if loss.labels == "binary":
        return rng.integers(0, 2, (samples, outputs)).astype(np.float64)
    return rng.standard_normal((samples, outputs))


@st.composite
def networks(
    draw: st.DrawFn,
    kinds: Sequence[Kind] = KINDS,
    losses: Sequence[Callable[[], losses.Loss]] = LOSSES,
    samples: Size = SAMPLES,
    features: Size = SIZES,
) -> tuple[Network, Array, Array]:
    """Random networks, each with a batch that suits it: (network, X, y).

    Parameters
    ----------
    kinds : sequence of callable (features) -> Layer
        What may stand between the `Dense` layers, such as a layer class of your own
        that takes the number of features; all of the library's unless given.
    losses : sequence of callable () -> Loss
        What the loss is drawn from; all of the library's unless given.
    samples, features : int or strategy of int
        The samples of the batch, 2 to 5 unless given; and the features of its inputs, of
        each `Dense` layer and of its targets, 1 to 5 unless given; of classes 2 at least.

    Examples
    --------
    >>> from hypothesis import given
    >>> from backproplite import MeanSquaredError, Tanh, check_gradients
    >>> @given(networks(kinds=[lambda features: Tanh()], losses=[MeanSquaredError]))
    ... def test_networks_of_tanh(case):
    ...     check_gradients(*case)
    >>> test_networks_of_tanh()
    """
    rng = np.random.default_rng(draw(SEEDS))
    n, width, outputs = (_number(draw, size) for size in (samples, features, features))
    X = rng.standard_normal((n, width))
    stack: list[Layer] = []
    for _ in range(draw(st.integers(0, 2))):
        following = _number(draw, features)
        stack.append(Dense(width, following))
        if fitting := _fitting(kinds, following):
            between = draw(st.lists(st.sampled_from(fitting), max_size=3))
            stack += [kind(following) for kind in between]
        width = following
    loss = draw(st.sampled_from(losses))()
    if loss.labels == "categorical":
        outputs = max(outputs, 2)
    stack.append(Dense(width, outputs))
    if loss.suits is not None:
        stack.append(loss.suits())
    optimizer = draw(st.sampled_from(OPTIMIZERS))(learning_rate=0.01)
    network = Network(stack, loss=loss, optimizer=optimizer, seed=rng)
    # Biases of 0 behind a dead ReLU would put the next one exactly on its kink.
    network.parameters[...] += 0.1 * rng.standard_normal(network.parameters.size)
    return network, X, targets_for(loss, n, outputs, rng)
