"""Hypothesis strategies that several test modules share."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

import backproplite as bp

seeds = st.integers(0, 2**32 - 1)

#: Batch sizes and widths small enough that a check of every entry stays quick.
sizes = st.integers(1, 5)

activation_classes = [
    bp.Identity,
    bp.Sigmoid,
    bp.Tanh,
    bp.ReLU,
    bp.LeakyReLU,
    bp.ELU,
    bp.GELU,
    bp.SiLU,
    bp.Softplus,
    bp.Softmax,
]
elementwise_classes = [cls for cls in activation_classes if cls is not bp.Softmax]

optimizer_classes = [bp.GradientDescent, bp.Momentum, bp.RMSProp, bp.Adam, bp.AdamW]

loss_classes = [
    bp.MeanSquaredError,
    bp.HalfSquaredError,
    bp.MeanAbsoluteError,
    bp.Huber,
    bp.BinaryCrossEntropy,
    bp.CategoricalCrossEntropy,
    bp.SigmoidCrossEntropy,
    bp.SoftmaxCrossEntropy,
]


def matrices(rows=sizes, columns=sizes):
    """Arrays of shape (rows, columns) of normal numbers; kinks at 0 are never hit exactly."""
    return st.builds(
        lambda n, k, seed: np.random.default_rng(seed).standard_normal((n, k)),
        rows,
        columns,
        seeds,
    )


def batch_for(loss, samples, outputs, rng):
    """Outputs and targets that a loss can take."""
    outputs_array = rng.standard_normal((samples, outputs))
    if loss.wants_probabilities:
        outputs_array = bp.Softmax()(outputs_array) * 0.9 + 0.05 / outputs
    return outputs_array, targets_for(loss, samples, outputs, rng)


def targets_for(loss, samples, outputs, rng):
    """Targets that a loss can take."""
    if isinstance(loss, (bp.CategoricalCrossEntropy, bp.SoftmaxCrossEntropy)):
        return rng.integers(0, outputs, samples)
    if isinstance(loss, (bp.BinaryCrossEntropy, bp.SigmoidCrossEntropy)):
        return rng.integers(0, 2, (samples, outputs)).astype(float)
    return rng.standard_normal((samples, outputs))


@st.composite
def networks(draw, dropout=True, batch_norm=True):
    """A random network with a batch that suits it: (network, X, y)."""
    rng = np.random.default_rng(draw(seeds))
    samples, width = draw(st.integers(2, 5)), draw(sizes)
    X = rng.standard_normal((samples, width))
    layers = []
    for _ in range(draw(st.integers(0, 2))):
        following = draw(sizes)
        layers.append(bp.Dense(width, following))
        width = following
        if batch_norm and draw(st.booleans()):
            layers.append(bp.BatchNorm(width))
        if draw(st.booleans()):
            layers.append(bp.LayerNorm(width))
        layers.append(draw(st.sampled_from(activation_classes))())
        if dropout and draw(st.booleans()):
            layers.append(bp.Dropout(0.3))
    outputs = draw(sizes)
    layers.append(bp.Dense(width, outputs))
    loss = draw(st.sampled_from(loss_classes))()
    if loss.wants_probabilities:
        layers.append(getattr(bp, loss.suits)())
    optimizer = draw(st.sampled_from(optimizer_classes))(learning_rate=0.01)
    network = bp.Network(layers, loss=loss, optimizer=optimizer, seed=rng)
    # Biases of 0 behind a dead ReLU would put the next one exactly on its kink.
    network.parameters[...] += 0.1 * rng.standard_normal(network.parameters.size)
    return network, X, targets_for(loss, samples, outputs, rng)
