"""Hypothesis strategies that several test modules share; most are the library's own."""

from __future__ import annotations

import itertools

from hypothesis import strategies as st

import backproplite as bp
from backproplite import testing

seeds, sizes, targets_for = testing.SEEDS, testing.SIZES, testing.targets_for
activation_classes = list(testing.ACTIVATIONS)
elementwise_classes = [cls for cls in activation_classes if cls is not bp.Softmax]
optimizer_classes = list(testing.OPTIMIZERS)
loss_classes = list(testing.LOSSES)


def matrices(rows=sizes, columns=sizes):
    """Arrays of shape (rows, columns) of normal numbers; kinks at 0 are never hit exactly."""
    return testing.batches(rows, columns)


def batch_for(loss, samples, outputs, rng):
    """Outputs and targets that a loss can take."""
    outputs_array = rng.standard_normal((samples, outputs))
    if loss.wants_probabilities:
        outputs_array = bp.Softmax()(outputs_array) * 0.9 + 0.05 / outputs
    return outputs_array, targets_for(loss, samples, outputs, rng)


def networks(dropout=True, batch_norm=True):
    """Random networks as in `backproplite.testing`, without some layers if wanted."""
    left_out = {bp.Dropout: not dropout, bp.BatchNorm: not batch_norm}
    kinds = [
        kind
        for kind in testing.KINDS
        if not any(left_out.get(type(part)) for part in kind(2).parts().values())
    ]
    return testing.networks(kinds=kinds)


def normalized(cls):
    """Networks with a normalisation where it belongs, right behind a `Dense`.

    What it makes of two features, of two samples, of a single input or of what is normalised
    already hardly depends on the parameters before it: most of their gradient cancels.
    """
    kinds = [cls, lambda _: bp.Tanh(), lambda _: bp.ReLU()]
    drawn = testing.networks(kinds, samples=st.integers(8, 16), features=st.integers(3, 6))

    def belongs(case):
        pairs = itertools.pairwise(case[0].layers)
        return all(type(before) is bp.Dense for before, each in pairs if type(each) is cls)

    return drawn.filter(belongs)


normalizations = [bp.BatchNorm, bp.LayerNorm]
_smooth = [kind for kind in testing.KINDS if type(kind(2)) not in normalizations]
#: Networks by what is special to them. "anyhow" is where a gradient may cancel.
families = {type(kind(2)).__name__: testing.networks([kind]) for kind in _smooth}
families |= {cls.__name__: testing.networks(_smooth, [cls]) for cls in loss_classes}
families |= {cls.__name__: normalized(cls) for cls in normalizations}
families |= {f"{cls.__name__}, anyhow": testing.networks([cls]) for cls in normalizations}
