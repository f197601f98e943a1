"""Equations: how each result of a training step comes about, in symbols and in numbers.

They are made of the written lines of layers, losses and optimizers, and of the
numbers of the step. What has no written lines is written by its name.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..activations import Activation
from ..checks import Array
from ..configurable import Configurable
from ..functions import norm
from ..layers import Dense, Layer
from ..losses import Loss
from ..optimizers import Optimizer
from .exact import INFERENCE, nearest, tell_of_training
from .legible import legible
from .written import MATRIX, evaluate, names_in, numbers, substitute, symbols

MOST_LINES = 6  # entries of one array that are worked out
MOST_NUMBERS = 36  # of an array that is printed whole
LINE_WIDTH = 96
OWN_LOSS = "own loss"  # of one sample of a batch


class Named(NamedTuple):
    """An array and its symbol."""

    symbol: str
    value: Array


#: What a line may use, by the names that it uses.
Scope: TypeAlias = Mapping[str, Named]


class Line(NamedTuple):
    """One entry of an equation, worked out: label = parts = value."""

    label: str
    parts: tuple[str | float, ...]
    value: float

    def pieces(self, digits: int = 4) -> list[str]:
        """Return the label, how the value comes about unless that is the value, and the value."""
        texts = (part if isinstance(part, str) else rounded(part, digits) for part in self.parts)
        how, value = "".join(texts), rounded(self.value, digits)
        return [self.label, value] if how == value else [self.label, how, value]

    def text(self, digits: int = 4) -> str:
        """Return the line with its numbers rounded to some digits."""
        return " = ".join(self.pieces(digits))


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
        The formula with the numbers plugged in, for a few entries.
    before : Named, optional
        What it was before the step.
    """

    name: str
    symbol: str
    formula: str
    value: Array
    lines: tuple[Line, ...] = ()
    before: Named | None = None

    def text(self, digits: int = 4) -> str:
        """Return the equation, worked out, as a few lines of text."""
        if self.before:
            return self._beside(self.before, digits)
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

    def _beside(self, before: Named, digits: int) -> str:
        """Return what it was, and what it is now."""
        if not self.value.ndim:
            digits = digits_to_tell(float(before.value), float(self.value), digits)
        old = f"{before.symbol} = ".rjust(len(f"{self.symbol} = "))
        new = array_text(self.value, digits, f"{self.symbol} = ")
        return array_text(before.value, digits, old) + "\n" + new

    def __str__(self) -> str:
        return legible(self.text())

    __repr__ = __str__


@dataclass(frozen=True, eq=False)
class Passage:
    """What one layer took in and gave out, on the way forward and on the way back."""

    layer: Layer
    place: str
    cache: Any
    x: Named
    output: Named
    grad_output: Named  # NaN where the step does not need it
    grad_input: Named | None  # None where the step does not need it
    parameters: dict[str, Named]
    gradients: dict[str, Named]  # of what is trained
    state: dict[str, Array]  # before the step
    frozen: bool = False

    @cached_property
    def scope(self) -> Scope:
        """What the layer's lines may use, with what those of the way forward give."""
        samples, features = self.x.value.shape[-2:]
        given = _settings(self.layer) | {k: Named(k, v) for k, v in self.state.items()}
        given |= self.parameters
        given |= {"samples": _number("n", samples), "features": _number("features", features)}
        given |= {"x": self.x, "output": self.output, "grad_output": self.grad_output}
        return _completed(_with_cache(given, self.layer, self.cache), self.forward_lines)

    @cached_property
    def forward_lines(self) -> dict[str, str]:
        """The written lines up to that of the output."""
        return forward_lines(self.layer, self.frozen)


@dataclass(frozen=True, eq=False)
class Change:
    """What the optimizer did to one parameter."""

    place: str
    rate: float
    step: int  # counted from 1
    before: Named
    after: Array
    gradient: Named
    applied: Named  # what clipping and weight decay have made of the gradient
    state_before: dict[str, Named]
    state_after: dict[str, Array]
    decays: bool
    length: float  # of the whole gradient

    @cached_property
    def worked(self) -> list[tuple[int, ...]]:
        """The entries that are worked out: all of a few, else those that move most, in order."""
        if self.after.size <= MOST_LINES:
            return [*np.ndindex(self.after.shape)]
        # In single precision, so that moves which are alike but for rounding count as alike.
        moves = np.abs(self.after - self.before.value).astype(np.float32)
        largest = np.argsort(-moves, axis=None, kind="stable")[:MOST_LINES]
        return [*map(tuple, np.transpose(np.unravel_index(largest, moves.shape)).tolist())]


def equation(
    name: str,
    result: Named,
    line: str,
    scope: Scope,
    of_samples: bool = False,
    indices: Iterable[tuple[int, ...]] | None = None,
) -> Equation:
    """Return the equation of a written line, with the first few entries worked out, or those named.

    The label leaves out the index of an only sample.
    """
    values = _values(scope)

    def worked(index: tuple[int, ...]) -> Line:
        shown = index[1:] if of_samples and len(result.value) == 1 else index
        label = f"{result.symbol}[{', '.join(map(str, shown))}]" if shown else result.symbol
        return Line(label, tuple(numbers(line, values, index)), float(result.value[index]))

    indices = islice(np.ndindex(result.value.shape), MOST_LINES) if indices is None else indices
    formula = symbols(line, _symbols(scope))
    return Equation(name, result.symbol, formula, result.value, tuple(map(worked, indices)))


def written_lines(configured: Configurable, attribute: str, *methods: str) -> dict[str, str]:
    """Return the lines that are written of some methods, with all conditions on settings settled.

    There are none if a class has its own such method but not its own lines.
    """
    classes = type(configured).__mro__

    def depth(name: str) -> int:
        return next((i for i, cls in enumerate(classes) if name in vars(cls)), len(classes))

    if any(depth(method) < depth(attribute) for method in methods):
        return {}
    flags = {k: v for k, v in configured.settings().items() if isinstance(v, bool)}
    lines = getattr(configured, attribute)
    return {name: substitute(line, flags) if flags else line for name, line in lines.items()}


def forward_lines(layer: Layer, frozen: bool) -> dict[str, str]:
    """Return a layer's lines up to that of the output."""
    lines = _layer_lines(layer, frozen, "forward", "forward_training")
    place = [*lines].index("output") + 1 if "output" in lines else 0
    return dict(islice(lines.items(), place))


def backward_lines(layer: Layer, frozen: bool) -> dict[str, str]:
    """Return a layer's lines of the way back."""
    methods = "backward", "backward_parameters", "local_derivative"
    lines = _layer_lines(layer, frozen, *methods)
    if "derivative" in lines:
        lines["grad_input"] = substitute("grad_output * derivative", lines)
    forward = forward_lines(layer, frozen)
    return {k: line for k, line in lines.items() if k not in (*forward, "output", "derivative")}


def after_lines(layer: Layer, changed: Iterable[str]) -> dict[str, str]:
    """Return a layer's lines of what becomes of its state by a batch."""
    return needed(written_lines(layer, "written", "after_step", "forward_training"), changed)


def _layer_lines(layer: Layer, frozen: bool, *methods: str) -> dict[str, str]:
    """Return the lines that are written of some methods; those of inference if it is frozen."""
    if not (frozen and tell_of_training(layer)):
        return written_lines(layer, "written", *methods)
    return dict(nearest(layer, INFERENCE, *methods))


def symbols_of(layers: Iterable[Layer]) -> tuple[list[str], list[dict[str, str]]]:
    """Return a symbol for what flows between the layers, and for each parameter."""
    seen: Counter[str] = Counter()

    def symbol(name: str) -> str:
        numbered = f"{name}{_subscript(number)}"
        seen[numbered] += 1
        return numbered + "′" * (seen[numbered] - 1)

    number, flows, parameters = 0, ["x"], []
    for layer in layers:
        number += isinstance(layer, Dense)
        letter = "z" if isinstance(layer, Dense) else "a" if isinstance(layer, Activation) else "h"
        flows.append(symbol(letter))
        parameters.append({name: symbol(name) for name in layer.named_parameters()})
    return flows, parameters


def _subscript(number: int) -> str:
    return str(number).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))


def settings_of(configured: Configurable) -> dict[str, Array]:
    """Return those settings that are numbers or arrays of them, of up to two axes."""
    settings = {
        name: np.asarray(value)
        for name, value in configured.settings().items()
        if isinstance(value, (int, float, np.ndarray))
    }
    return {
        name: array.astype(np.float64)
        for name, array in settings.items()
        if array.ndim < 3 and array.dtype.kind in "bif"
    }


def _settings(configured: Configurable) -> dict[str, Named]:
    return {name: Named(name, array) for name, array in settings_of(configured).items()}


def _number(symbol: str, value: float) -> Named:
    return Named(symbol, np.array(float(value)))


def _with_cache(given: dict[str, Named], written: Layer | Loss, cache: Any) -> dict[str, Named]:
    """Add the entries of the cache that a class names; they win, but keep their symbols."""
    entries = dict(zip(written.cache_names, cache, strict=False)) if written.cache_names else {}
    return given | {
        name: Named(given[name].symbol if name in given else name, value)
        for name, value in entries.items()
    }


def _completed(scope: Scope, lines: Mapping[str, str]) -> Scope:
    """Add what lines give that is not there yet."""
    for name, line in lines.items():
        if name not in scope:
            value = evaluate(line, _values(scope)).astype(scope["x"].value.dtype)
            scope = {**scope, name: Named(name, value)}
    return scope


def _values(scope: Scope) -> dict[str, Array]:
    return {name: named.value for name, named in scope.items()}


def _symbols(scope: Scope) -> dict[str, str]:
    return {name: named.symbol for name, named in scope.items()}


# Layers.


def forward_equations(p: Passage) -> list[Equation]:
    """Return the equations of a layer's way forward."""
    if not p.forward_lines:
        how = f"{type(p.layer).__name__}({p.x.symbol})"
        return [Equation("output", p.output.symbol, how, p.output.value)]
    return [
        equation(name, p.scope[name], line, p.scope, of_samples=True)
        for name, line in p.forward_lines.items()
    ]


def backward_equations(p: Passage) -> list[Equation]:
    """Return the equations of a layer's way back, as far as the step goes."""
    results = {f"grad_{name}": gradient for name, gradient in p.gradients.items()}
    parameters = set(results)
    if p.grad_input:
        results["grad_input"] = p.grad_input
    lines = needed(backward_lines(p.layer, p.frozen), results)
    scope = _completed({**p.scope, **results}, lines)
    equations = [
        equation(name, scope[name], line, scope, of_samples=name not in parameters)
        for name, line in lines.items()
    ]
    unwritten = {name: result for name, result in results.items() if name not in lines}
    how = f"what {type(p.layer).__name__}.backward makes of {p.grad_output.symbol}"
    if type(p.layer).backward is Activation.backward:
        how = f"{p.grad_output.symbol} · {type(p.layer).__name__}′({p.x.symbol})"
    return equations + [Equation(k, r.symbol, how, r.value) for k, r in unwritten.items()]


def needed(lines: Mapping[str, str], results: Iterable[str]) -> dict[str, str]:
    """Return those lines on which results depend, each on what stands before it."""
    names, found = set(results), list[tuple[str, str]]()
    for name, line in reversed([*lines.items()]):
        if name in names:
            names |= names_in(line)
            found.append((name, line))
    return dict(reversed(found))


def after_step_equations(p: Passage, new: Mapping[str, Array]) -> Iterator[Equation]:
    """Yield the equations of what a layer keeps of a batch besides its parameters."""
    before = {name: Named(f"{name}({p.x.symbol})", value) for name, value in p.state.items()}
    changed = [name for name in new if not np.array_equal(new[name], p.state[name])]
    lines = after_lines(p.layer, changed)
    scope = _completed({**p.scope, **before}, lines)
    after = {name: scope[name] for name in lines if name not in {**p.scope, **before}}
    after |= {name: Named(f"new {before[name].symbol}", new[name]) for name in changed}
    for name, result in after.items():
        if name in lines:
            yield equation(f"{p.place}.{name}", result, lines[name], scope)
        else:
            how = f"what {type(p.layer).__name__}.after_step makes of {before[name].symbol}"
            yield Equation(f"{p.place}.{name}", result.symbol, how, result.value)


# Losses.


def loss_equations(loss: Loss, outputs: Named, targets: Named, value: Any) -> list[Equation]:
    """Return the equations of the loss: predictions where it makes them, each sample's, the number.

    A batch's is the mean of what its samples cost, each by itself.
    """
    loss = loss.parts()[-1]  # the targets are ready for it
    scope = _loss_scope(loss, outputs, targets)
    equations = _prediction_equations(loss, scope)
    costs, result = written_lines(loss, "written", "forward").get("costs"), np.array(float(value))
    own, samples = own_losses(loss, outputs.value, targets.value), len(outputs.value)
    formula, lines = f"{type(loss).__name__}({outputs.symbol}, {targets.symbol})", list[Line]()
    if costs is not None:
        formula, lines = _costs_formula(loss, costs, scope), _costs_lines(loss, costs, scope, own)
    if samples == 1:
        one = tuple(Line("loss", line.parts, float(result)) for line in lines)
        return [*equations, Equation("loss", "loss", formula, result, one)]
    mean = numbers("sum(own, samples)", {"own": own[:, np.newaxis]}, (0, 0))
    line = Line("loss", ("(", *mean, ") / ", str(samples)), float(result))
    return [
        *equations,
        Equation("losses", OWN_LOSS, formula, own, tuple(lines)),
        Equation("loss", "loss", f"(Σ {OWN_LOSS}) / {samples}", result, (line,)),
    ]


def own_losses(loss: Loss, outputs: Array, targets: Array) -> Array:
    """Return what each sample costs, as the loss of a batch of it alone."""
    pairs = zip(outputs[:, np.newaxis], targets[:, np.newaxis], strict=True)
    return np.array([loss.value(*pair) for pair in pairs], outputs.dtype)


def _costs_formula(loss: Loss, costs: str, scope: Scope) -> str:
    """Return what a sample costs in symbols: a sum over its outputs, or their mean."""
    alone, count = scope["outputs"].value.shape[1] == 1, loss.count(scope["outputs"].value[:1])
    formula = symbols(costs, _symbols(scope), within=0 if alone else MATRIX)
    formula = formula if alone else f"Σ {formula}"
    return f"({formula}) / {count}" if count > 1 else formula


def _costs_lines(loss: Loss, costs: str, scope: Scope, own: Array) -> list[Line]:
    """Return the same in numbers, for the first few samples."""
    values, targets = _values(scope), scope["targets"].value
    count, width = loss.count(scope["outputs"].value[:1]), evaluate(costs, values).shape[-1]
    lines = []
    for i, value in enumerate(own[:MOST_LINES]):
        # Other classes than the right one cost nothing.
        entries = [(i, j) for j in range(width) if loss.labels != "categorical" or targets[i, j]]
        parts = numbers(costs, values, *entries)
        parts = ["(", *parts, ") / ", str(count)] if count > 1 else parts
        lines.append(Line(f"{OWN_LOSS}[{i}]", tuple(parts), float(value)))
    return lines


def loss_gradient_equation(loss: Loss, outputs: Named, targets: Named, gradient: Named) -> Equation:
    """Return the equation of the derivative of the loss by the outputs."""
    loss = loss.parts()[-1]
    derivative = written_lines(loss, "written", "backward").get("derivative")
    if derivative is None:
        how = f"what {type(loss).__name__}.backward gives"
        return Equation("grad_output", gradient.symbol, how, gradient.value)
    scope, count = _loss_scope(loss, outputs, targets), loss.count(outputs.value)
    if count > 1:
        derivative = substitute(f"derivative / {count}", {"derivative": derivative})
    return equation("grad_output", gradient, derivative, scope, of_samples=True)


def _prediction_equations(loss: Loss, scope: Scope) -> list[Equation]:
    predictions, line = scope["predictions"], written_lines(loss, "written", "predictions")
    if "predictions" in line:
        return [equation("predictions", predictions, line["predictions"], scope, of_samples=True)]
    if loss.applies is None:
        return []
    how = f"{loss.applies.__name__.lower()}({scope['outputs'].symbol})"
    return [Equation("predictions", predictions.symbol, how, predictions.value)]


def _loss_scope(loss: Loss, outputs: Named, targets: Named) -> Scope:
    predictions = Named("prediction", loss.predictions(outputs.value))
    given = _settings(loss) | {"outputs": outputs, "targets": targets, "predictions": predictions}
    samples, features = outputs.value.shape
    given |= {"samples": _number("n", samples), "features": _number("features", features)}
    return _with_cache(given, loss, loss.forward(outputs.value, targets.value)[1])


# Optimizers.


def update_equations(optimizer: Optimizer, c: Change) -> list[Equation]:
    """Return the equations of one parameter's update."""
    new = Named(f"new {c.before.symbol}", c.after)
    lines = written_lines(optimizer, "written", "update")
    scope: Scope = (
        _settings(optimizer)
        | c.state_before
        | {
            "parameter": c.before,
            "gradient": c.applied,
            "learning_rate": _number("learning_rate", c.rate),
            "step": _number("t", c.step),
        }
    )
    if "parameter" not in lines:
        scope = {**scope, "change": Named("change", c.after - c.before.value)}
        return [equation(c.place, new, "parameter + change", scope, indices=c.worked)]
    if c.decays and "parameter" in (shrunk := written_lines(optimizer, "written_decay", "decay")):
        lines |= {"parameter": substitute(lines["parameter"], shrunk)}
    equations = []
    for name, after in c.state_after.items():
        kept = Named(f"new {c.state_before[name].symbol}", after)
        if name in lines:
            each = equation(f"{c.place}.{name}", kept, lines[name], scope, indices=c.worked)
            equations.append(each)
        scope = {**scope, name: kept}
    return [*equations, equation(c.place, new, lines["parameter"], scope, indices=c.worked)]


def length_equation(optimizer: Optimizer, gradients: Array) -> Equation:
    """Return the equation of the length that `clip_norm` looks at."""
    held = held_by_value(optimizer, gradients)
    what = "Σ gradient² over all parameters" + ", clipped by value" * bool(optimizer.clip_value)
    indices = [(0, i) for i in range(held.size)]
    terms = numbers("gradient ** 2", {"gradient": held[np.newaxis]}, *indices)
    length = norm(held)
    line = Line("length", ("√(", *terms, ")"), length)
    return Equation("length", "length", f"√({what})", np.array(length), (line,))


def held_by_value(optimizer: Optimizer, gradients: Array) -> Array:
    """Return the gradients after `clip_value`."""
    limit = optimizer.clip_value
    return gradients if limit is None else np.clip(gradients, -limit, limit)


def applied_gradient_equation(optimizer: Optimizer, c: Change) -> Equation:
    """Return the equation of what clipping and weight decay make of a gradient."""
    name, how = f"{c.place}.gradient", f"what {type(optimizer).__name__} makes of"
    clip = written_lines(optimizer, "written_clip", "clip")
    decay = written_lines(optimizer, "written_decay", "decay")
    if not (clip and decay):
        return Equation(name, c.applied.symbol, f"{how} {c.gradient.symbol}", c.applied.value)
    line, done = "gradient", []
    if optimizer.clip_value is not None:
        done.append(clip["clip_value"])
    if optimizer.clip_norm is not None and c.length > optimizer.clip_norm:
        done.append(clip["clip_norm"])
    if c.decays and "gradient" in decay:
        done.append(decay["gradient"])
    for each in done:
        line = substitute(each, {"gradient": line})
    scope = {
        k: _number(k, v)
        for k in ("clip_value", "clip_norm", "weight_decay")
        if (v := getattr(optimizer, k))
    }
    scope |= {"gradient": c.gradient, "parameter": c.before, "length": _number("length", c.length)}
    return equation(name, c.applied, line, scope, indices=c.worked)


# Numbers as text.


def digits_to_tell(before: float, after: float, digits: int) -> int:
    """Return to how many digits two numbers are to be printed to see by how much they differ."""
    change, size = abs(after - before), max(abs(before), abs(after))
    if change == 0 or not math.isfinite(change):
        return digits
    return max(digits, min(2 - math.floor(math.log10(change / size)), 17))


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
