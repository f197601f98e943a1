"""Exact lines: what a machine evaluates in the place of written lines that would lose digits.

Written lines say what happens as plainly as they can. Some overflow where the code does not, or
lose all digits where two numbers almost meet; here are others of the same results, which keep to
the code. Pages that live compute by them, and ONNX files.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from ..configurable import is_ours
from ..layers import Layer, Residual

#: Lines by the names of their results, in the order in which they are worked out.
Lines: TypeAlias = Mapping[str, str]

#: log(more) for more = 1 + small, and what rounding that sum has taken from it.
_LOG = "(log(more) - (more - 1 - small) / more)"
#: The smallest positive float, which stands for a probability of 0, and the largest below 1.
_TINY, _MOST = "2.2250738585072014e-308", "0.9999999999999999"

#: In the place of the written lines of a class, after helpers that only machines see.
EXACT: dict[str, Lines] = {
    "BatchNorm": {  # a batch of one sample has no spread, and leaves the running statistics out
        "near": "x - mean(x, samples)",
        "slip": "mean(near, samples)",  # what rounding the mean has left in
        "mean": "mean(x, samples) + slip",
        "rest": "near - slip",
        "variance": "mean(rest ** 2, samples)",
        "normalized": "rest / sqrt(variance + epsilon)",
        "share": "max(momentum, 1 / (batches + 1)) if samples > 1 else 0",
        "running_mean": "(1 - share) * running_mean + share * mean",
        "running_variance": "(1 - share) * running_variance"
        " + share * variance * samples / max(samples - 1, 1)",
        "batches": "batches + (samples > 1)",
    },
    "BinaryCrossEntropy": {
        "outputs": f"min(max(outputs, {_TINY}), {_MOST})",
        "more": "1 - outputs",
        "small": "-outputs",
        "costs": f"-(targets * log(outputs) + (1 - targets) * {_LOG})",
    },
    "CategoricalCrossEntropy": {
        "outputs": f"max(outputs, {_TINY})",
        "costs": "-targets * log(outputs)",
    },
    "ELU": {  # exp(x) - 1 = 2t / (1 - t), with t = tanh(x/2)
        "half": "tanh(min(x, 0) / 2)",
        "output": "max(x, 0) + alpha * (2 * half / (1 - half))",
    },
    "GELU": {"output": "x / (1 + exp(-sqrt(8 / pi) * (x + 0.044715 * x * x * x)))"},
    "LayerNorm": {
        "near": "x - mean(x, features)",
        "rest": "near - mean(near, features)",  # what rounding the mean has left in
        "size": "max(max(abs(rest), features), 1)",  # so that no square is too large
        "small": "rest / size",
        "deviation": "sqrt(mean(small ** 2, features) + epsilon / size / size)",
        "normalized": "small / deviation",
        "output": "normalized * scale + bias",
        "grad_input": "(grad_normalized - shift - normalized * stretch) / deviation / size",
    },
    "Residual": {"output": "x + inner", "grad_input": "grad_output + grad_inner"},
    "Sigmoid": {  # where it is almost 1, a loss may look at how far it is from that
        "tail": "1 / (1 + exp(abs(x)))",
        "output": "1 - tail if x > 0 else tail",
        "derivative": "tail * (1 - tail)",
    },
    "SigmoidCrossEntropy": {
        "small": "exp(-abs(outputs))",
        "more": "1 + small",
        "costs": f"max(outputs, 0) - targets * outputs + {_LOG}",
        "positive": "outputs > 0",
        "derivative": "(positive - targets + small * (1 - positive - targets)) / more",
    },
    "Softmax": {"share": "exp(x - max(x, features))", "output": "share / sum(share, features)"},
    "SoftmaxCrossEntropy": {  # with the largest output of a row as 0: Σ share is 1 + Σ difference
        "shifted": "outputs - max(outputs, features)",
        "share": "exp(shifted)",
        "predictions": "share / sum(share, features)",
        "difference": "share - targets",
        "small": "sum(difference, features)",
        "more": "1 + small",
        "costs": f"targets * ({_LOG} - shifted)",
        "derivative": "(difference - targets * small) / more",
    },
    "Softplus": {
        "small": "exp(-abs(x))",
        "more": "1 + small",
        "output": f"max(x, 0) + {_LOG}",
    },
    "StandardizedTargets": {"predictions": "outputs * scale + mean"},
    "Tanh": {"tail": "1 / (1 + exp(2 * abs(x)))", "derivative": "4 * tail * (1 - tail)"},
}

#: What inference does, and a frozen layer, where written lines tell of training.
INFERENCE: dict[str, Lines] = {
    "BatchNorm": {
        "normalized": "(x - running_mean) / sqrt(running_variance + epsilon)",
        "output": "scale * normalized + bias",
        "grad_input": "grad_output * scale / sqrt(running_variance + epsilon)",
    },
    "Dropout": {"output": "x", "grad_input": "grad_output"},
}


def nearest(thing: Any, table: Mapping[str, Lines], *methods: str) -> Lines:
    """Return the lines that a table has of the class whose methods an object has, or none.

    A class that is not of ours may have its own `exported`, which tells of inference.
    """
    for cls in type(thing).__mro__:
        exported = {} if table is EXACT else vars(cls).get("exported", {})
        lines = table.get(cls.__name__, {}) if is_ours(cls) else exported
        if lines:
            return lines
        if any(method in vars(cls) for method in methods):
            break
    return {}


def merged(shown: Lines, exact: Lines) -> dict[str, str]:
    """Return written lines with exact ones in their places, after the helpers of these.

    >>> merged({"output": "a", "grad_input": "b"}, {"small": "c", "output": "d"})
    {'small': 'c', 'output': 'd', 'grad_input': 'b'}
    """
    left, lines = dict(exact), {}
    for name, line in shown.items():
        if name not in exact:
            lines[name] = line
        while name in left:
            helper = next(iter(left))
            lines[helper] = left.pop(helper)
    return lines | left


def tell_of_training(layer: Layer) -> bool:
    """Whether a layer's written lines tell of training, where it does something else."""
    plain = Layer.forward_training, Residual.forward_training
    return type(layer).forward_training not in plain
