"""How each layer, loss and optimizer is written down: equations, in symbols and in numbers.

An equation is a template with operands, such as "{x} · {mask}". With the
operands' symbols in their places it is the formula; with their numbers, one
entry after the other, it is the calculation. A class of one's own is written by
its name, until it has a place in one of the tables: `ELEMENTWISE`, `FORWARD`,
`BACKWARD`, `COSTS`, `UPDATES`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from string import Formatter
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from . import activations, layers, losses, optimizers
from .checks import Array

#: Numbers, and the text between them.
Parts: TypeAlias = "list[str | float]"

MOST_LINES = 6  # entries of one array that are worked out
MOST_TERMS = 5  # terms of one sum that are shown
MOST_NUMBERS = 36  # of an array that is printed whole
LINE_WIDTH = 96


class Named(NamedTuple):
    """An array and its symbol."""

    symbol: str
    value: Array

    def at(self, index: tuple[int, ...]) -> Parts:
        """Return the number that stands in one entry of a result; the array is broadcast to it."""
        own = index[len(index) - self.value.ndim :]
        fitted = (i if n > 1 else 0 for i, n in zip(own, self.value.shape, strict=True))
        return [float(self.value[tuple(fitted)])]


class Operand(NamedTuple):
    """A part of a formula that stands for several numbers, such as a sum."""

    symbol: str
    at: Callable[[tuple[int, ...]], Parts]


class Line(NamedTuple):
    """One entry of an equation, worked out: label = parts = value."""

    label: str
    parts: tuple[str | float, ...]
    value: float

    def text(self, digits: int = 4) -> str:
        """Return the line with its numbers rounded to some digits."""
        how = written(self.parts, digits)
        value = rounded(self.value, digits)
        return f"{self.label} = {value}" if how == value else f"{self.label} = {how} = {value}"


@dataclass(frozen=True)
class Equation:
    """symbol = formula, and what that gives.

    Attributes
    ----------
    name : str
        The name by which code calls the result, such as "output" or "grad_weight".
    symbol : str
        Its symbol, such as "z₁" or "∂loss/∂weight₁".
    formula : str
        How it comes about, in symbols; empty where it is given.
    value : array
        The numbers.
    lines : tuple of Line
        The formula with the numbers plugged in, for the first few entries.
    """

    name: str
    symbol: str
    formula: str
    value: Array
    lines: tuple[Line, ...] = ()

    def text(self, digits: int = 4) -> str:
        """Return the equation, worked out, as a few lines of text."""
        if not self.formula:
            return array_text(self.value, digits, f"{self.symbol} = ")
        head = f"{self.symbol} = {self.formula}"
        worked = [line.text(digits) for line in self.lines]
        if len(worked) == self.value.size:
            if self.value.ndim == 0:  # the label is the symbol again
                return head + worked[0].removeprefix(self.symbol)
            return "\n  ".join([head, *worked])
        in_one = array_text(self.value, digits, f"{head} = ")
        if not worked and len(in_one) <= LINE_WIDTH and "\n" not in in_one:
            return in_one
        whole = array_text(self.value, digits, f"{self.symbol} = ")
        return "\n  ".join([head, *worked]) + "\n" + whole


@dataclass(frozen=True)
class Passage:
    """What one layer took in and gave out, on the way forward and on the way back."""

    layer: layers.Layer
    place: str
    cache: Any
    x: Named
    output: Named
    grad_output: Named
    grad_input: Named | None  # None where the step does not need it
    parameters: dict[str, Named]
    gradients: dict[str, Named]


@dataclass(frozen=True)
class Change:
    """What the optimizer did to one parameter."""

    place: str
    rate: Named
    step: int  # counted from 1
    before: Named
    after: Array
    gradient: Named
    state_before: dict[str, Named]
    state_after: dict[str, Array]


def equation(
    name: str, result: Named, template: str, sample: bool = False, **operands: Named | Operand
) -> Equation:
    """Build an equation; `sample` leaves the index of the only sample out of the labels."""
    pieces = [(text, field) for text, field, *_ in Formatter().parse(template)]
    formula = "".join(text + (operands[field].symbol if field else "") for text, field in pieces)

    def worked(index: tuple[int, ...]) -> Line:
        parts: Parts = []
        for text, field in pieces:
            parts += [text] + (operands[field].at(index) if field else [])
        shown = index[1:] if sample and len(result.value) == 1 else index
        label = f"{result.symbol}[{', '.join(map(str, shown))}]" if shown else result.symbol
        return Line(label, tuple(parts), float(result.value[index]))

    indices = islice(np.ndindex(result.value.shape), MOST_LINES)
    return Equation(name, result.symbol, formula, result.value, tuple(map(worked, indices)))


def constant(symbol: str, value: float) -> Named:
    """Return a single number with its symbol."""
    return Named(symbol, np.array(value))


def joined(terms: list[Parts]) -> Parts:
    """Return a sum of terms, the first few of them."""
    parts: Parts = []
    for term in terms[:MOST_TERMS]:
        parts += [" + ", *term] if parts else term
    left = len(terms) - MOST_TERMS
    return parts + ([f" + … ({left} more)"] if left > 0 else [])


def product(left: Named, right: Named) -> Operand:
    """Return a matrix product: each entry is a sum over a row and a column."""

    def at(index: tuple[int, ...]) -> Parts:
        pairs = zip(left.value[index[-2]], right.value[:, index[-1]], strict=True)
        return joined([[float(a), " · ", float(b)] for a, b in pairs])

    return Operand(f"{left.symbol} · {right.symbol}", at)


def total(symbol: str, axis: int, template: str, **operands: Named) -> Operand:
    """Return a sum over the samples (axis -2) or the features (-1) of something elementwise."""
    pieces = [(text, field) for text, field, *_ in Formatter().parse(template)]
    length = max(operand.value.shape[axis] for operand in operands.values())

    def at(index: tuple[int, ...]) -> Parts:
        terms = []
        for k in range(length):
            here = (k, index[-1]) if axis == -2 else (index[0], k)
            term: Parts = []
            for text, field in pieces:
                term += ([text] if text else []) + (operands[field].at(here) if field else [])
            terms.append(term)
        return joined(terms)

    return Operand(symbol, at)


def transposed(named: Named) -> Named:
    """Return the transpose."""
    return Named(f"{named.symbol}ᵀ", named.value.mT)


# Layers. An activation is written by two templates, for its value and its derivative.

ELEMENTWISE: dict[type, tuple[str, str]] = {
    activations.Identity: ("{x}", "1"),
    activations.Sigmoid: ("1 / (1 + exp(-{x}))", "{output} · (1 - {output})"),
    activations.Tanh: ("tanh({x})", "(1 - {output}²)"),
    activations.ReLU: ("max(0, {x})", "(1 if {x} > 0 else 0)"),
    activations.LeakyReLU: ("{x} if {x} > 0 else {slope} · {x}", "(1 if {x} > 0 else {slope})"),
    activations.ELU: (
        "{x} if {x} > 0 else {alpha} · (exp({x}) - 1)",
        "(1 if {x} > 0 else {alpha} · exp({x}))",
    ),
    activations.GELU: ("{x} · sigmoid(1.5958 · ({x} + 0.044715 · {x}³))", "gelu′({x})"),
    activations.SiLU: ("{x} · sigmoid({x})", "sigmoid({x}) · (1 + {x} · (1 - sigmoid({x})))"),
    activations.Softplus: ("log(1 + exp({x}))", "sigmoid({x})"),
}


def _dense_forward(layer: layers.Dense, p: Passage) -> list[Equation]:
    weight, bias = p.parameters["weight"], p.parameters["bias"]
    formula = "{product} + {bias}"
    return [equation("output", p.output, formula, True, product=product(p.x, weight), bias=bias)]


def _dense_backward(layer: layers.Dense, p: Passage) -> list[Equation]:
    weight, g = p.parameters["weight"], p.grad_output
    by_weight = product(transposed(p.x), g)
    over_samples = total(f"Σ {g.symbol} over the samples", -2, "{g}", g=g)
    equations = [
        equation("grad_weight", p.gradients["weight"], "{product}", product=by_weight),
        equation("grad_bias", p.gradients["bias"], "{sum}", sum=over_samples),
    ]
    if p.grad_input:
        by_x = product(g, transposed(weight))
        equations.append(equation("grad_input", p.grad_input, "{product}", True, product=by_x))
    return equations


def _activation_forward(layer: activations.Activation, p: Passage) -> list[Equation]:
    template, _ = _templates(layer)
    return [equation("output", p.output, template, True, x=p.x, **_settings(layer))]


def _activation_backward(layer: activations.Activation, p: Passage) -> list[Equation]:
    if not p.grad_input:
        return []
    _, slope = _templates(layer)
    template = "{g} · " + slope
    operands = _settings(layer) | {"g": p.grad_output, "x": p.x, "output": p.output}
    return [equation("grad_input", p.grad_input, template, True, **operands)]


def _templates(layer: activations.Activation) -> tuple[str, str]:
    name = type(layer).__name__
    return ELEMENTWISE.get(type(layer), (name + "({x})", name + "′({x})"))


def _settings(configured: Any) -> dict[str, Named]:
    """Return those settings of a layer, loss or optimizer that are numbers."""
    settings = configured.settings().items()
    return {k: constant(k, v) for k, v in settings if isinstance(v, (int, float))}


def _softmax_forward(layer: activations.Softmax, p: Passage) -> list[Equation]:
    row = total(f"Σ exp({p.x.symbol})", -1, "exp({x})", x=p.x)
    return [equation("output", p.output, "exp({x}) / ({row})", True, x=p.x, row=row)]


def _softmax_backward(layer: activations.Softmax, p: Passage) -> list[Equation]:
    if not p.grad_input:
        return []
    g, output = p.grad_output, p.output
    row = total(f"Σ {g.symbol} · {output.symbol}", -1, "{g} · {output}", g=g, output=output)
    operands: dict[str, Any] = {"g": g, "output": output, "row": row}
    return [equation("grad_input", p.grad_input, "{output} · ({g} - ({row}))", True, **operands)]


def _dropout_forward(layer: layers.Dropout, p: Passage) -> list[Equation]:
    return [equation("output", p.output, "{x} · {mask}", True, x=p.x, mask=_mask(p))]


def _dropout_backward(layer: layers.Dropout, p: Passage) -> list[Equation]:
    if not p.grad_input:
        return []
    operands = {"g": p.grad_output, "mask": _mask(p)}
    return [equation("grad_input", p.grad_input, "{g} · {mask}", True, **operands)]


def _mask(p: Passage) -> Named:
    return Named("mask", p.cache)


def _normalization_forward(
    layer: layers.BatchNorm | layers.LayerNorm, p: Passage
) -> list[Equation]:
    axis, over = (-2, "samples") if isinstance(layer, layers.BatchNorm) else (-1, "features")
    x, count = p.x, constant("n", p.x.value.shape[axis])
    mean = Named("mean", x.value.mean(axis=axis, keepdims=True))
    variance = Named("variance", x.value.var(axis=axis, keepdims=True))
    squares = f"Σ ({x.symbol} - mean)²"
    operands: dict[str, Any] = p.parameters | _settings(layer)
    operands |= {"x": x, "mean": mean, "variance": variance}
    return [
        equation(
            "mean", mean, "({sum}) / {n}", n=count,
            sum=total(f"Σ {x.symbol} over the n {over}", axis, "{x}", x=x),
        ),
        equation(
            "variance", variance, "({sum}) / {n}", n=count,
            sum=total(squares, axis, "({x} - {mean})²", x=x, mean=mean),
        ),
        equation(
            "output", p.output, "{scale} · ({x} - {mean}) / √({variance} + {epsilon}) + {bias}",
            True, **operands,
        ),
    ]  # fmt: skip


def _normalization_backward(
    layer: layers.BatchNorm | layers.LayerNorm, p: Passage
) -> list[Equation]:
    g, scale, normalized = p.grad_output, p.parameters["scale"], Named("normalized", p.cache[0])
    pairs = total(f"Σ {g.symbol} · normalized over the samples", -2, "{g} · {n}", g=g, n=normalized)
    over_samples = total(f"Σ {g.symbol} over the samples", -2, "{g}", g=g)
    equations = [
        Equation(
            "normalized",
            "normalized",
            f"({p.x.symbol} - mean) / √(variance + epsilon)",
            normalized.value,
        ),
        equation("grad_scale", p.gradients["scale"], "{sum}", sum=pairs),
        equation("grad_bias", p.gradients["bias"], "{sum}", sum=over_samples),
    ]
    if not p.grad_input:
        return equations
    axis, over = (-2, "samples") if isinstance(layer, layers.BatchNorm) else (-1, "features")
    scaled = scale.value * g.value
    means = {
        "shift": Named(f"mean(g) over the {over}", scaled.mean(axis, keepdims=True)),
        "along": Named("mean(g · normalized)", (scaled * p.cache[0]).mean(axis, keepdims=True)),
    }
    operands = {"g": g, "scale": scale, "n": normalized} | means
    deviation = Named("√(variance + epsilon)", p.cache[1])
    template = "({g} · {scale} - {shift} - {n} · {along}) / {deviation}"
    by_x = equation("grad_input", p.grad_input, template, True, deviation=deviation, **operands)
    note = Equation("g", "g", f"{g.symbol} · {scale.symbol}", scaled)
    return [*equations, note, by_x]


# Losses: what one output costs, and how that changes with the output.

COSTS: dict[type, tuple[str, str]] = {
    losses.MeanSquaredError: ("({output} - {target})²", "2 · ({output} - {target})"),
    losses.HalfSquaredError: ("½ · ({output} - {target})²", "({output} - {target})"),
    losses.MeanAbsoluteError: ("|{output} - {target}|", "sign({output} - {target})"),
    losses.Huber: (
        "huber({output} - {target})",
        "min(max({output} - {target}, -{delta}), {delta})",
    ),
    losses.BinaryCrossEntropy: (
        "-({target} · log({output}) + (1 - {target}) · log(1 - {output}))",
        "((1 - {target}) / (1 - {output}) - {target} / {output})",
    ),
    losses.CategoricalCrossEntropy: ("-{target} · log({output})", "-{target} / {output}"),
    losses.SigmoidCrossEntropy: (
        "(log(1 + exp({output})) - {target} · {output})",
        "({prediction} - {target})",
    ),
    losses.SoftmaxCrossEntropy: (
        "-{target} · log({prediction})",
        "({prediction} - {target})",
    ),
}
CATEGORICAL = losses.CategoricalCrossEntropy, losses.SoftmaxCrossEntropy


def loss_equations(loss: losses.Loss, outputs: Named, targets: Named, value: Any) -> list[Equation]:
    """Return the equations of the loss: the predictions where it makes them, then the number."""
    equations = []
    if loss.applies:
        formula = f"{loss.applies.lower()}({outputs.symbol})"
        predictions = loss.predictions(outputs.value)
        equations.append(Equation("predictions", "prediction", formula, predictions))
    symbol = constant("loss", float(value))
    if type(loss) not in COSTS:
        formula = f"{type(loss).__name__}({outputs.symbol}, {targets.symbol})"
        return [*equations, Equation("loss", "loss", formula, symbol.value)]
    template, _ = COSTS[type(loss)]
    count = _divisor(loss, outputs.value)
    prediction = Named("prediction", loss.predictions(outputs.value))
    operands = {"output": outputs, "target": targets, "prediction": prediction}
    what = template.format(**{name: operand.symbol for name, operand in operands.items()})
    cost = _cost_terms(loss, template, operands, what)
    if outputs.value.size == 1:
        return [*equations, equation("loss", symbol, "{cost}", cost=cost)]
    whole = "({cost}) / {n}" if count > 1 else "{cost}"
    return [*equations, equation("loss", symbol, whole, cost=cost, n=constant(str(count), count))]


def _cost_terms(loss: losses.Loss, template: str, operands: dict[str, Named], what: str) -> Operand:
    """Return the sum of what every output of every sample costs."""
    pieces = [(text, field) for text, field, *_ in Formatter().parse(template)]
    outputs, targets = operands["output"].value, operands["target"].value

    def at(_: tuple[int, ...]) -> Parts:
        terms = []
        for index in np.ndindex(outputs.shape):
            if isinstance(loss, CATEGORICAL) and targets[index] == 0:
                continue  # the other classes cost nothing
            term: Parts = []
            for text, field in pieces:
                term += [text] + (operands[field].at(index) if field else [])
            terms.append(term)
        return joined(terms)

    return Operand(what if outputs.size == 1 else f"Σ {what}", at)


def loss_gradient_equation(
    loss: losses.Loss, outputs: Named, targets: Named, gradient: Named
) -> Equation:
    """Return the equation of the derivative of the loss by the outputs."""
    if type(loss) not in COSTS:
        how = f"what {type(loss).__name__}.backward gives"
        return Equation("grad_output", gradient.symbol, how, gradient.value)
    count = _divisor(loss, outputs.value)
    template = COSTS[type(loss)][1]
    if count > 1:
        template += " / {n}"
    elif template[0] + template[-1] == "()":
        template = template[1:-1]
    operands = {"output": outputs, "target": targets, "n": constant(str(count), count)}
    operands["prediction"] = Named("prediction", loss.predictions(outputs.value))
    return equation("grad_output", gradient, template, True, **operands, **_settings(loss))


def _divisor(loss: losses.Loss, outputs: Array) -> int:
    samples, divisor = loss._counts(outputs)
    return samples * divisor


# Optimizers: how a gradient moves a parameter.


def _moved(c: Change, template: str, **operands: Any) -> Equation:
    result = Named(c.before.symbol, c.after)
    moved = equation(c.place, result, template, before=c.before, **operands)
    lines = (line._replace(label=f"new {line.label}") for line in moved.lines)
    new = f"new {moved.symbol}"
    return Equation(moved.name, new, moved.formula, moved.value, tuple(lines))


def _gradient_descent(optimizer: optimizers.GradientDescent, c: Change) -> list[Equation]:
    return [_moved(c, "{before} - {rate} · {gradient}", rate=c.rate, gradient=c.gradient)]


def _states(optimizer: optimizers.Optimizer, c: Change, **templates: str) -> list[Equation]:
    """Return the equations of what the optimizer keeps of this parameter."""
    operands: dict[str, Any] = _settings(optimizer) | c.state_before
    operands |= {"gradient": c.gradient, "rate": c.rate}
    return [
        equation(
            f"{c.place}.{name}",
            Named(f"new {c.state_before[name].symbol}", c.state_after[name]),
            template,
            **operands,
        )
        for name, template in templates.items()
    ]


def _momentum(optimizer: optimizers.Momentum, c: Change) -> list[Equation]:
    kept = _states(optimizer, c, velocity="{momentum} · {velocity} + {rate} · {gradient}")
    velocity = Named(kept[0].symbol, kept[0].value)
    if not optimizer.nesterov:
        return [*kept, _moved(c, "{before} - {velocity}", velocity=velocity)]
    operands = _settings(optimizer) | {"velocity": velocity, "rate": c.rate, "g": c.gradient}
    return [*kept, _moved(c, "{before} - ({momentum} · {velocity} + {rate} · {g})", **operands)]


SQUARE = "{beta2} · {square} + (1 - {beta2}) · {gradient}²"


def _rmsprop(optimizer: optimizers.RMSProp, c: Change) -> list[Equation]:
    kept = _states(optimizer, c, square=SQUARE)
    square = Named(kept[0].symbol, kept[0].value)
    operands = _settings(optimizer) | {"square": square, "rate": c.rate, "gradient": c.gradient}
    template = "{before} - {rate} · {gradient} / (√{square} + {epsilon})"
    return [*kept, _moved(c, template, **operands)]


def _adam(optimizer: optimizers.Adam, c: Change) -> list[Equation]:
    mean = "{beta1} · {mean} + (1 - {beta1}) · {gradient}"
    kept = _states(optimizer, c, mean=mean, square=SQUARE)
    corrected = {
        kind: Named(f"({state.symbol} / (1 - {name}^{c.step}))", state.value / (1 - beta**c.step))
        for kind, state, name, beta in (
            ("mean", kept[0], "beta1", optimizer.beta1),
            ("square", kept[1], "beta2", optimizer.beta2),
        )
    }
    operands = _settings(optimizer) | {"rate": c.rate} | corrected
    decays = isinstance(optimizer, optimizers.AdamW) and c.after.ndim > 1
    shrunk = "{before} · (1 - {rate} · {weight_decay})" if decays else "{before}"
    step = " - {rate} · {mean} / (√{square} + {epsilon})"
    return [*kept, _moved(c, shrunk + step, **operands)]


# The tables.

FORWARD: dict[type, Callable[[Any, Passage], list[Equation]]] = {
    layers.Dense: _dense_forward,
    layers.Dropout: _dropout_forward,
    layers.BatchNorm: _normalization_forward,
    layers.LayerNorm: _normalization_forward,
    activations.Softmax: _softmax_forward,
}
BACKWARD: dict[type, Callable[[Any, Passage], list[Equation]]] = {
    layers.Dense: _dense_backward,
    layers.Dropout: _dropout_backward,
    layers.BatchNorm: _normalization_backward,
    layers.LayerNorm: _normalization_backward,
    activations.Softmax: _softmax_backward,
}
UPDATES: dict[type, Callable[[Any, Change], list[Equation]]] = {
    optimizers.GradientDescent: _gradient_descent,
    optimizers.Momentum: _momentum,
    optimizers.RMSProp: _rmsprop,
    optimizers.Adam: _adam,
    optimizers.AdamW: _adam,
}


def forward_equations(passage: Passage) -> list[Equation]:
    """Return the equations of a layer's way forward."""
    layer = passage.layer
    if write := FORWARD.get(type(layer)):
        return write(layer, passage)
    if isinstance(layer, activations.Activation):
        return _activation_forward(layer, passage)
    formula = f"{type(layer).__name__}({passage.x.symbol})"
    return [Equation("output", passage.output.symbol, formula, passage.output.value)]


def backward_equations(passage: Passage) -> list[Equation]:
    """Return the equations of a layer's way back."""
    layer = passage.layer
    if write := BACKWARD.get(type(layer)):
        return write(layer, passage)
    if isinstance(layer, activations.Activation):
        return _activation_backward(layer, passage)
    how = f"what {type(layer).__name__}.backward makes of {passage.grad_output.symbol}"
    results = {f"grad_{name}": gradient for name, gradient in passage.gradients.items()}
    if passage.grad_input:
        results["grad_input"] = passage.grad_input
    return [Equation(name, result.symbol, how, result.value) for name, result in results.items()]


def update_equations(optimizer: optimizers.Optimizer, change: Change) -> list[Equation]:
    """Return the equations of one parameter's update."""
    if write := UPDATES.get(type(optimizer)):
        return write(optimizer, change)
    difference = Named("change", change.after - change.before.value)
    return [_moved(change, "{before} + {change}", change=difference)]


# Numbers as text.


def rounded(number: float, digits: int) -> str:
    """Return a number with so many significant digits, but never fewer than before its point."""
    if number == 0:
        return "0"
    if not math.isfinite(number):
        return str(number)
    if abs(number) >= 10 ** max(digits, 6) or abs(number) < 1e-4:
        text = f"{number:.{digits - 1}e}"
    elif abs(number) >= 10**digits:
        return f"{number:.0f}"
    else:
        text = f"{number:#.{digits}g}"
    if not math.isclose(float(text), number, rel_tol=1e-13):
        return text
    mantissa, *exponent = text.split("e")  # 0.7 is exact, 0.7000 is rounded
    return "e".join([mantissa.rstrip("0").rstrip("."), *exponent])


def written(parts: tuple[str | float, ...] | Parts, digits: int) -> str:
    """Return text and numbers in one string; negative numbers in brackets after an operator."""
    texts = list(parts)
    result = ""
    for i, part in enumerate(texts):
        if isinstance(part, str):
            result += part
            continue
        number = rounded(part, digits)
        follower = texts[i + 1] if i + 1 < len(texts) else ""
        powered = isinstance(follower, str) and follower[:1] in ("²", "³")
        before = result.rstrip()[-1:]
        bracketed = number.startswith("-") and (before in tuple("·-+/√") or powered)
        result += f"({number})" if bracketed else number
    return result


def array_text(array: Array, digits: int, start: str = "") -> str:
    """Return an array as text with its columns under each other; of a large one, the corners."""
    shown = array[0] if array.ndim == 2 and len(array) == 1 else array
    corners = shown
    if shown.size > MOST_NUMBERS:
        ends = ([i for i in range(n) if i < 3 or i >= n - 3] for n in shown.shape)
        corners = shown[np.ix_(*ends)]
    width = max((len(rounded(float(x), digits)) for x in corners.flat), default=0)
    text = np.array2string(
        shown,
        formatter={"float_kind": lambda x: rounded(float(x), digits).rjust(width)},
        threshold=MOST_NUMBERS,
        edgeitems=3,
        max_line_width=LINE_WIDTH if shown.ndim < 2 else 10_000,
        prefix=start,
    )
    return start + text.replace("...", "…")
