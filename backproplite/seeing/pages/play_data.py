"""What a playground knows from the start: data sets, losses with their heads, and thresholds.

A data set is given by the Python that makes it, which the page shows, beside the numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ... import activations, datasets, losses, optimizers
from ...checks import Array
from ...layers import Dense
from .. import findings, health
from ..written import forms
from .plan import layer_entry, loss_entry, optimizer_entry


def _curve() -> tuple[Array, Array]:
    X = np.linspace(-1, 1, 100)[:, np.newaxis]
    return X, np.sin(5 * X[:, 0]) / 2 + X[:, 0] / 2


def _labels_of_xor() -> tuple[Array, Array]:
    X, y = datasets.xor()
    return X, y.ravel()


#: By name: what makes a data set, the same as it is written down, and choices that learn it.
SETS: dict[str, tuple[Callable[[], tuple[Array, Array]], list[str], dict[str, Any]]] = {
    "moons": (
        lambda: datasets.moons(150),
        ["X, y = bp.datasets.moons(150)"],
        {"layers": [8, 8], "learningRate": 0.03, "batchSize": 10},
    ),
    "xor": (
        _labels_of_xor,
        ["X, y = bp.datasets.xor()", "y = y.ravel()"],
        {"layers": [4], "learningRate": 0.1, "batchSize": None},
    ),
    "circles": (
        lambda: datasets.circles(150),
        ["X, y = bp.datasets.circles(150)"],
        {"layers": [6], "learningRate": 0.03, "batchSize": 10},
    ),
    "spirals": (
        lambda: datasets.spirals(200, noise=0.03),
        ["X, y = bp.datasets.spirals(200, noise=0.03)"],
        {"layers": [16, 16], "learningRate": 0.01, "batchSize": 10},
    ),
    "regression": (
        _curve,
        [
            "X = np.linspace(-1, 1, 100)[:, np.newaxis]",
            "y = np.sin(5 * X[:, 0]) / 2 + X[:, 0] / 2",
        ],
        {"layers": [8, 8], "learningRate": 0.01, "batchSize": 10},
    ),
}
#: What a loss is chosen from, where y are classes and where they are numbers; the first is usual.
LOSSES: dict[str, list[type[losses.Loss]]] = {
    "classes": [
        *(losses.SigmoidCrossEntropy, losses.SoftmaxCrossEntropy, losses.BinaryCrossEntropy),
        *(losses.CategoricalCrossEntropy, losses.MeanSquaredError, losses.HalfSquaredError),
    ],
    "numbers": [
        *(losses.MeanSquaredError, losses.HalfSquaredError, losses.MeanAbsoluteError),
        losses.Huber,
    ],
}
ACTIVATIONS = [name for name in activations.__all__ if name not in ("Activation", "Softmax")]
#: By name, with usual settings; Nesterov's is Momentum with another line.
OPTIMIZERS = {
    **{name: getattr(optimizers, name)() for name in optimizers.__all__ if name != "Optimizer"},
    "Nesterov": optimizers.Momentum(nesterov=True),
}
#: By what the page judges how a network fares: the same as `diagnose`.
THRESHOLDS = {
    name: getattr(module, name)
    for module, names in (
        (findings, ("SATURATED", "DEAD", "VANISHING", "FADING", "EXPLODING", "RISE")),
        (health, ("FLAT", "OFF", "LEARNT")),
    )
    for name in names
}


def play_data() -> dict[str, Any]:
    """Return all of it as plain data, by the names that the page knows it under."""
    return {
        "sets": [_set(name) for name in SETS],
        "kinds": {kind: [_loss(kind, each) for each in some] for kind, some in LOSSES.items()},
        "activations": ACTIVATIONS,
        "optimizers": [*OPTIMIZERS],
        "limits": THRESHOLDS,
        "catalogue": _catalogue(),
    }


def _catalogue() -> dict[str, Any]:
    """Return the entries in a plan of all that can be chosen, by their names."""
    layers = [Dense(1, 1), *(getattr(activations, name)() for name in (*ACTIVATIONS, "Softmax"))]
    return {
        "forms": forms(),
        "layers": {type(each).__name__: layer_entry(each) for each in layers},
        "losses": {each.__name__: loss_entry(each()) for some in LOSSES.values() for each in some},
        "optimizers": {name: optimizer_entry(each) for name, each in OPTIMIZERS.items()},
    }


def _set(name: str) -> dict[str, Any]:
    """Return a data set; one of few samples holds none out."""
    make, code, choices = SETS[name]
    X, y = make()
    kind = "numbers" if name == "regression" else "classes"
    start = {"activation": "Tanh", "optimizer": "Adam", "seed": "0", "settings": {}} | choices
    return {
        "name": name,
        "kind": kind,
        "X": X.tolist(),
        "y": y.astype(float if kind == "numbers" else int).tolist(),
        "code": "\n".join(code),
        "held": len(X) > 4,
        "choices": {"dataset": name, "loss": LOSSES[kind][0].__name__, **start},
    }


def _loss(kind: str, loss: type[losses.Loss]) -> dict[str, Any]:
    """Return a loss, whether each class has an output of its own, and what outputs go through."""
    head = loss.suits.__name__ if loss.suits else None
    if kind == "classes" and loss.labels is None:
        head = "Sigmoid"
    return {"name": loss.__name__, "labels": loss.labels, "head": head}
