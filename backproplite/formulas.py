"""How each layer, loss and optimizer is written down: equations, in symbols and in numbers.

An equation is a template with operands, such as "{x} · {mask}". With the
operands' symbols in their places it is the formula; with their numbers, one
entry after the other, it is the calculation. A class of one's own is written by
its name, until it has a place in one of the tables: `ELEMENTWISE`, `FORWARD`,
`BACKWARD`, `AFTER_STEP`, `COSTS`, `UPDATES`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from string import Formatter
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from . import activations, layers, losses, optimizers
from .checks import Array
from .functions import norm, sigmoid

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


@dataclass(frozen=True, eq=False)
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
        if worked:
            worked.append(f"… and {self.value.size - len(worked):,} more:")
        whole = array_text(self.value, digits, f"{self.symbol} = ")
        return "\n  ".join([head, *worked]) + "\n" + whole

    def __str__(self) -> str:
        return self.text()

    __repr__ = __str__


@dataclass(frozen=True, eq=False)
class Passage:
    """What one layer took in and gave out, on the way forward and on the way back."""

    layer: layers.Layer
    place: str
    cache: Any
    x: Named
    output: Named
    grad_output: Named  # NaN where the step does not need it
    grad_input: Named | None  # None where the step does not need it
    parameters: dict[str, Named]
    gradients: dict[str, Named]


@dataclass(frozen=True, eq=False)
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
    formula = template.format(**{key: operand.symbol for key, operand in operands.items()})

    def worked(index: tuple[int, ...]) -> Line:
        shown = index[1:] if sample and len(result.value) == 1 else index
        label = f"{result.symbol}[{', '.join(map(str, shown))}]" if shown else result.symbol
        return Line(label, tuple(filled(template, operands, index)), float(result.value[index]))

    indices = islice(np.ndindex(result.value.shape), MOST_LINES)
    return Equation(name, result.symbol, formula, result.value, tuple(map(worked, indices)))


def filled(template: str, operands: Mapping[str, Named | Operand], index: tuple[int, ...]) -> Parts:
    """Return a template with the numbers of one entry in the places of its operands."""
    parts: Parts = []
    for text, field, *_ in Formatter().parse(template):
        parts += ([text] if text else []) + (operands[field].at(index) if field else [])
    return parts


def constant(symbol: str, value: float) -> Named:
    """Return a single number with its symbol."""
    return Named(symbol, np.array(value))


def joined(terms: Iterable[Parts], count: int) -> Parts:
    """Return a sum of so many terms, the first few of them."""
    parts: Parts = []
    for first, *rest in islice(terms, MOST_TERMS):
        if parts and isinstance(first, str) and first.startswith("-"):
            parts += [f" - {first[1:]}", *rest]
        else:
            parts += [*([" + "] if parts else []), first, *rest]
    left = count - MOST_TERMS
    return parts + ([f" + … ({left} more)"] if left > 0 else [])


def product(left: Named, right: Named) -> Operand:
    """Return a matrix product: each entry is a sum over a row and a column."""

    def at(index: tuple[int, ...]) -> Parts:
        row, column = left.value[index[-2]], right.value[:, index[-1]]
        pairs = zip(row, column, strict=True)
        return joined(([float(a), " · ", float(b)] for a, b in pairs), len(row))

    return Operand(f"{left.symbol} · {right.symbol}", at)


def total(symbol: str, axis: int, template: str, **operands: Named) -> Operand:
    """Return a sum over the samples (axis -2) or the features (-1) of something elementwise."""
    length = max(operand.value.shape[axis] for operand in operands.values())

    def at(index: tuple[int, ...]) -> Parts:
        places = ((k, index[-1]) if axis == -2 else (index[0], k) for k in range(length))
        return joined((filled(template, operands, place) for place in places), length)

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
    return [
        equation("grad_weight", p.gradients["weight"], "{product}", product=by_weight),
        equation("grad_bias", p.gradients["bias"], "{sum}", sum=over_samples),
        *_by_x(p, "{product}", product=product(g, transposed(weight))),
    ]


def _by_x(p: Passage, template: str, **operands: Any) -> list[Equation]:
    """Return the equation of the gradient by the input, if the step needs it."""
    if not p.grad_input:
        return []
    return [equation("grad_input", p.grad_input, template, True, g=p.grad_output, **operands)]


def _activation_forward(layer: layers.Layer, p: Passage) -> list[Equation]:
    template, _ = _templates(layer)
    operands = p.parameters | _settings(layer) | {"x": p.x}
    return [equation("output", p.output, template, True, **operands)]


def _activation_backward(layer: layers.Layer, p: Passage) -> list[Equation]:
    _, slope = _templates(layer)
    return _by_x(p, "{g} · " + slope, x=p.x, output=p.output, **_settings(layer))


def _templates(layer: layers.Layer) -> tuple[str, str]:
    name = type(layer).__name__
    return ELEMENTWISE.get(type(layer), (name + "({x})", name + "′({x})"))


def _is_elementwise(layer: layers.Layer) -> bool:
    """Tell whether a layer goes back by the chain rule for one number, and by that alone."""
    return type(layer).backward is activations.Activation.backward and not layer.block.shapes


def _settings(configured: Any) -> dict[str, Named]:
    """Return those settings of a layer, loss or optimizer that are numbers."""
    settings = configured.settings().items()
    return {k: constant(k, v) for k, v in settings if isinstance(v, (int, float))}


def _gelu_forward(layer: activations.GELU, p: Passage) -> list[Equation]:
    how = "sigmoid({factor} · ({x} + 0.044715 · {x}³))"
    gate = _gate(p)
    return [
        equation("gate", gate, how, True, x=p.x, factor=GELU_FACTOR),
        equation("output", p.output, "{x} · {gate}", True, x=p.x, gate=gate),
    ]


def _gelu_backward(layer: activations.GELU, p: Passage) -> list[Equation]:
    slope = "({gate} + {x} · {gate} · (1 - {gate}) · {factor} · (1 + 0.134145 · {x}²))"
    return _by_x(p, "{g} · " + slope, x=p.x, gate=_gate(p), factor=GELU_FACTOR)


GELU_FACTOR = constant("√(8/π)", math.sqrt(8 / math.pi))


def _gate(p: Passage) -> Named:
    x = p.x.value
    return Named("gate", sigmoid(float(GELU_FACTOR.value) * (x + 0.044715 * x**3)))


def _softmax(name: str, result: Named, x: Named) -> Equation:
    row = total(f"Σ exp({x.symbol}) over the features", -1, "exp({x})", x=x)
    return equation(name, result, "exp({x}) / ({row})", True, x=x, row=row)


def _softmax_forward(layer: activations.Softmax, p: Passage) -> list[Equation]:
    return [_softmax("output", p.output, p.x)]


def _softmax_backward(layer: activations.Softmax, p: Passage) -> list[Equation]:
    g, output = p.grad_output, p.output
    over = f"Σ {g.symbol} · {output.symbol} over the features"
    row = total(over, -1, "{g} · {output}", g=g, output=output)
    return _by_x(p, "{output} · ({g} - ({row}))", output=output, row=row)


def _dropout_forward(layer: layers.Dropout, p: Passage) -> list[Equation]:
    return [equation("output", p.output, "{x} · {mask}", True, x=p.x, mask=_mask(p))]


def _dropout_backward(layer: layers.Dropout, p: Passage) -> list[Equation]:
    return _by_x(p, "{g} · {mask}", mask=_mask(p))


def _mask(p: Passage) -> Named:
    return Named("mask", p.cache)


def _statistics(layer: layers.Layer, p: Passage) -> tuple[int, str, dict[str, Named]]:
    """Return along which axis a layer normalises, that in words, and what it finds there."""
    axis, over = (-2, "samples") if isinstance(layer, layers.BatchNorm) else (-1, "features")
    x = p.x.value
    mean, variance = x.mean(axis, keepdims=True), x.var(axis, keepdims=True)
    found = {"n": constant("n", x.shape[axis])}
    found |= {"mean": Named("mean", mean), "variance": Named("variance", variance)}
    return axis, f"over the n {over}", found


def _normalization_forward(layer: layers.Layer, p: Passage) -> list[Equation]:
    axis, over, found = _statistics(layer, p)
    x, mean, variance, n = p.x, found["mean"], found["variance"], found["n"]
    sum_ = total(f"Σ {x.symbol} {over}", axis, "{x}", x=x)
    squares = total(f"Σ ({x.symbol} - mean)² {over}", axis, "({x} - {mean})²", x=x, mean=mean)
    operands = p.parameters | _settings(layer) | found | {"x": x}
    template = "{scale} · ({x} - {mean}) / √({variance} + {epsilon}) + {bias}"
    return [
        equation("mean", mean, "({sum}) / {n}", True, sum=sum_, n=n),
        equation("variance", variance, "({squares}) / {n}", True, squares=squares, n=n),
        equation("output", p.output, template, True, **operands),
    ]


def _normalization_backward(layer: layers.Layer, p: Passage) -> list[Equation]:
    axis, over, found = _statistics(layer, p)
    g, scale, n, normalized = p.grad_output, p.parameters["scale"], found["n"], p.cache[0]
    z = Named("normalized", normalized)
    how = "({x} - {mean}) / √({variance} + {epsilon})"
    operands = _settings(layer) | found | {"x": p.x, "z": z}
    pairs = total(f"Σ {g.symbol} · normalized over the samples", -2, "{g} · {z}", g=g, z=z)
    over_samples = total(f"Σ {g.symbol} over the samples", -2, "{g}", g=g)
    equations = [
        equation("normalized", z, how, True, **operands),
        equation("grad_scale", p.gradients["scale"], "{sum}", sum=pairs),
        equation("grad_bias", p.gradients["bias"], "{sum}", sum=over_samples),
    ]
    if not p.grad_input:
        return equations
    scaled = Named("g", g.value * scale.value)
    shift = Named("shift", scaled.value.mean(axis, keepdims=True))
    along = Named("along", (scaled.value * normalized).mean(axis, keepdims=True))
    sum_ = total(f"Σ g {over}", axis, "{g}", g=scaled)
    products = total(f"Σ g · normalized {over}", axis, "{g} · {z}", g=scaled, z=z)
    by_x = "({scaled} - {shift} - {z} · {along}) / √({variance} + {epsilon})"
    return [
        *equations,
        equation("g", scaled, "{g} · {scale}", True, g=g, scale=scale),
        equation("shift", shift, "({sum}) / {n}", True, sum=sum_, n=n),
        equation("along", along, "({products}) / {n}", True, products=products, n=n),
        *_by_x(p, by_x, scaled=scaled, shift=shift, along=along, **operands),
    ]


def _running_statistic(
    layer: layers.BatchNorm, p: Passage, name: str, old: Named, new: Named
) -> Equation:
    mean, variance = (array[0] for array in p.cache[2])
    towards = "{mean}" if name == "running_mean" else "{variance} · {n} / ({n} - 1)"
    return equation(
        f"{p.place}.{name}",
        new,
        "{old} + {momentum} · (" + towards + " - {old})",
        old=old,
        mean=Named("mean", mean),
        variance=Named("variance", variance),
        n=constant("n", len(p.x.value)),
        momentum=constant("momentum", layer.momentum),
    )


# Losses: what one output costs, and how that changes with the output.

COSTS: dict[type, tuple[str, str]] = {
    losses.MeanSquaredError: ("({output} - {target})²", "2 · ({output} - {target})"),
    losses.HalfSquaredError: ("½ · ({output} - {target})²", "({output} - {target})"),
    losses.MeanAbsoluteError: ("|{output} - {target}|", "sign({output} - {target})"),
    losses.Huber: (
        "(½ · ({output} - {target})² if |{output} - {target}| ≤ {delta}"
        " else {delta} · (|{output} - {target}| - ½ · {delta}))",
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
    equations = [_prediction_equation(loss, outputs)] if loss.applies else []
    result = constant("loss", float(value))
    if type(loss) not in COSTS:
        formula = f"{type(loss).__name__}({outputs.symbol}, {targets.symbol})"
        return [*equations, Equation("loss", "loss", formula, result.value)]
    template, _ = COSTS[type(loss)]
    operands = _loss_operands(loss, outputs, targets)
    what = template.format(**{name: operand.symbol for name, operand in operands.items()})
    indices = [
        index
        for index in np.ndindex(outputs.value.shape)
        if targets.value[index] or not isinstance(loss, CATEGORICAL)  # other classes cost nothing
    ]
    terms = Operand(
        what if outputs.value.size == 1 else f"Σ {what}",
        lambda _: joined((filled(template, operands, index) for index in indices), len(indices)),
    )
    count = _divisor(loss, outputs.value)
    whole = "({terms}) / {n}" if count > 1 else "{terms}"
    return [*equations, equation("loss", result, whole, terms=terms, n=constant(str(count), count))]


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
    operands = _loss_operands(loss, outputs, targets) | {"n": constant(str(count), count)}
    return equation("grad_output", gradient, template, True, **operands)


def _prediction_equation(loss: losses.Loss, outputs: Named) -> Equation:
    result = Named("prediction", loss.predictions(outputs.value))
    if type(loss) is losses.SigmoidCrossEntropy:
        template, _ = ELEMENTWISE[activations.Sigmoid]
        return equation("predictions", result, template, True, x=outputs)
    if type(loss) is losses.SoftmaxCrossEntropy:
        return _softmax("predictions", result, outputs)
    how = f"{str(loss.applies).lower()}({outputs.symbol})"
    return Equation("predictions", result.symbol, how, result.value)


def _loss_operands(loss: losses.Loss, outputs: Named, targets: Named) -> dict[str, Named]:
    prediction = Named("prediction", loss.predictions(outputs.value))
    if loss.wants_probabilities:  # the loss holds them off 0 and 1
        _, (held, *_) = loss.forward(outputs.value, targets.value)
        outputs = Named(outputs.symbol, held)
    return _settings(loss) | {"output": outputs, "target": targets, "prediction": prediction}


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
    operands: dict[str, Any] = _settings(optimizer) | {
        "rate": c.rate,
        "step": constant("t", c.step),
        "mean": Named(kept[0].symbol, kept[0].value),
        "square": Named(kept[1].symbol, kept[1].value),
    }
    decays = isinstance(optimizer, optimizers.AdamW) and c.after.ndim > 1
    shrunk = "{before} · (1 - {rate} · {weight_decay})" if decays else "{before}"
    up, down = "{mean} / (1 - {beta1}^{step})", "√({square} / (1 - {beta2}^{step})) + {epsilon}"
    return [*kept, _moved(c, f"{shrunk} - {{rate}} · ({up}) / ({down})", **operands)]


# What clipping and weight decay make of a gradient, before the optimizer sees it.


def length_equation(optimizer: optimizers.Optimizer, gradients: Array) -> Equation:
    """Return the equation of the length that `clip_norm` looks at."""
    held = _held(optimizer, gradients)
    what = "Σ gradient² over all parameters" + ", clipped by value" * bool(optimizer.clip_value)
    terms = Operand(what, lambda _: joined(([float(each), "²"] for each in held), len(held)))
    return equation("length", constant("length", norm(held)), "√({terms})", terms=terms)


def applied_gradient_equation(
    optimizer: optimizers.Optimizer,
    place: str,
    result: Named,
    gradient: Named,
    parameter: Named,
    gradients: Array,
) -> Equation:
    """Return the equation of the gradient that the optimizer applies to one parameter."""
    kind, base = type(optimizer), optimizers.Optimizer
    name, length = f"{place}.gradient", norm(_held(optimizer, gradients))
    if kind.clip is not base.clip or kind.decay not in (base.decay, optimizers.AdamW.decay):
        how = f"what {kind.__name__} makes of {gradient.symbol}"
        return Equation(name, result.symbol, how, result.value)
    numbers = {k: getattr(optimizer, k) for k in ("clip_value", "clip_norm", "weight_decay")}
    operands: dict[str, Any] = {k: constant(k, v) for k, v in numbers.items() if v}
    operands |= {"gradient": gradient, "parameter": parameter, "length": constant("length", length)}
    template = "{gradient}"
    if optimizer.clip_value:
        template = "min(max({gradient}, -{clip_value}), {clip_value})"
    if optimizer.clip_norm and length > optimizer.clip_norm:
        template += " · {clip_norm} / {length}"
    if optimizer.weight_decay and kind.decay is base.decay and parameter.value.ndim > 1:
        template += " + {weight_decay} · {parameter}"
    return equation(name, result, template, **operands)


def _held(optimizer: optimizers.Optimizer, gradients: Array) -> Array:
    """Return the gradients after `clip_value`."""
    limit = optimizer.clip_value
    return gradients if limit is None else np.clip(gradients, -limit, limit)


# The tables.

FORWARD: dict[type, Callable[[Any, Passage], list[Equation]]] = {
    layers.Dense: _dense_forward,
    layers.Dropout: _dropout_forward,
    layers.BatchNorm: _normalization_forward,
    layers.LayerNorm: _normalization_forward,
    activations.GELU: _gelu_forward,
    activations.Softmax: _softmax_forward,
}
BACKWARD: dict[type, Callable[[Any, Passage], list[Equation]]] = {
    layers.Dense: _dense_backward,
    layers.Dropout: _dropout_backward,
    layers.BatchNorm: _normalization_backward,
    layers.LayerNorm: _normalization_backward,
    activations.GELU: _gelu_backward,
    activations.Softmax: _softmax_backward,
}
AFTER_STEP: dict[type, Callable[[Any, Passage, str, Named, Named], Equation]] = {
    layers.BatchNorm: _running_statistic,
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
    if type(layer) in ELEMENTWISE or _is_elementwise(layer):
        return _activation_forward(layer, passage)
    formula = f"{type(layer).__name__}({passage.x.symbol})"
    return [Equation("output", passage.output.symbol, formula, passage.output.value)]


def backward_equations(passage: Passage) -> list[Equation]:
    """Return the equations of a layer's way back."""
    layer = passage.layer
    if write := BACKWARD.get(type(layer)):
        return write(layer, passage)
    if _is_elementwise(layer):
        return _activation_backward(layer, passage)
    how = f"what {type(layer).__name__}.backward makes of {passage.grad_output.symbol}"
    results = {f"grad_{name}": gradient for name, gradient in passage.gradients.items()}
    if passage.grad_input:
        results["grad_input"] = passage.grad_input
    return [Equation(name, result.symbol, how, result.value) for name, result in results.items()]


def after_step_equation(passage: Passage, name: str, old: Array, new: Array) -> Equation:
    """Return the equation of what a layer keeps of a batch besides its parameters."""
    layer, symbol = passage.layer, f"{name}({passage.x.symbol})"
    before, after = Named(symbol, old), Named(f"new {symbol}", new)
    if write := AFTER_STEP.get(type(layer)):
        return write(layer, passage, name, before, after)
    how = f"what {type(layer).__name__}.after_step makes of {symbol}"
    return Equation(f"{passage.place}.{name}", after.symbol, how, new)


def update_equations(optimizer: optimizers.Optimizer, change: Change) -> list[Equation]:
    """Return the equations of one parameter's update."""
    if write := UPDATES.get(type(optimizer)):
        return write(optimizer, change)
    difference = Named("change", change.after - change.before.value)
    return [_moved(change, "{before} + {change}", change=difference)]


# Numbers as text.


def rounded(number: float, digits: int) -> str:
    """Return a number with so many significant digits, but all of those before its point.

    A million or more is written in powers of ten, unless it has so many digits; so
    is what is below 0.0001.
    """
    if number == 0:
        return "0"
    if not math.isfinite(number):
        return str(number)
    text = f"{number:.{digits - 1}e}"
    power = int(text.partition("e")[2])
    if -5 < power < max(digits, 6):
        text = f"{number:.{max(digits - 1 - power, 0)}f}"
    mantissa, *exponent = text.split("e")
    if "." in mantissa and math.isclose(float(text), number, rel_tol=1e-13):
        mantissa = mantissa.rstrip("0").rstrip(".")  # 0.7 is exact, 0.7000 is rounded
    return "e".join([mantissa, *exponent])


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
