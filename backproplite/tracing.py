"""One training step, every number: forward, loss, backward, update, and the loss after it.

`trace` makes the step on a copy of the network, keeps what each layer took in
and gave out, and has `formulas` write it down. The result is data, which prints
as a worked example and makes a page to step through.
"""

from __future__ import annotations

import copy
import html
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import indent
from typing import Any

import numpy as np

from .activations import Activation
from .checks import Array, whole_number
from .errors import DivergenceError, ParameterError, ShapeError
from .files import checked_path, write_file
from .formulas import (
    Change,
    Equation,
    Named,
    Passage,
    after_step_equation,
    applied_gradient_equation,
    backward_equations,
    constant,
    forward_equations,
    length_equation,
    loss_equations,
    loss_gradient_equation,
    update_equations,
)
from .layers import Dense, Layer
from .network import Network
from .pages import step_page
from .parameters import carve

MOST_SAMPLES = 64
INDENT = "   "


@dataclass(frozen=True)
class Stage:
    """One stage of a training step.

    Attributes
    ----------
    name : str
        "setup", "layers[0].forward", "loss.forward", "loss.backward",
        "layers[0].backward", "update" or "after".
    title : str
        What happens in it, in words.
    equations : tuple of Equation
        How each of its results comes about.
    """

    name: str
    title: str
    equations: tuple[Equation, ...]

    @property
    def arrays(self) -> dict[str, Array]:
        """The results by name, such as "output", "grad_weight" or "loss"."""
        return {each.name: each.value for each in self.equations}

    @property
    def formula(self) -> str:
        """The formulas in symbols, one a line."""
        return "\n".join(f"{e.symbol} = {e.formula}" for e in self.equations if e.formula)

    def numbers(self, digits: int = 4) -> str:
        """Return the formulas with the numbers plugged in, one a line."""
        return "\n".join(line.text(digits) for e in self.equations for line in e.lines)

    def text(self, digits: int = 4) -> str:
        """Return formulas and numbers as they stand in the printed trace."""
        return "\n".join(each.text(digits) for each in self.equations)

    def __str__(self) -> str:
        return f"{self.title}\n\n{indent(self.text(), INDENT)}"

    __repr__ = __str__


@dataclass(frozen=True)
class Trace:
    """The worked example of one training step; `print` it, or step through it with `to_html`.

    Attributes
    ----------
    stages : tuple of Stage
        In the order in which they happen.
    passages : tuple of Passage
        What each layer took in and gave out, in the order of the layers.
    samples : int
        How many samples the batch has.
    loss, loss_after : float
        The loss before the update and, on the same batch, after it.
    digits : int
        To how many digits numbers are printed.
    """

    stages: tuple[Stage, ...]
    passages: tuple[Passage, ...]
    samples: int
    loss: float
    loss_after: float
    digits: int

    def __getitem__(self, name: str) -> Stage:
        """Return the stage of this name."""
        for stage in self.stages:
            if stage.name == name:
                return stage
        names = ", ".join(stage.name for stage in self.stages)
        raise ParameterError(f"there is no stage {name!r}; the stages are {names}.")

    def __iter__(self) -> Iterator[Stage]:
        return iter(self.stages)

    def __len__(self) -> int:
        return len(self.stages)

    @property
    def verdict(self) -> str:
        """What the step did to the loss, in words."""
        change = self.loss_after - self.loss
        if not math.isfinite(change) or self.loss == 0:
            return f"The loss went from {self.loss:g} to {self.loss_after:g}."
        if change == 0:
            return f"The loss stayed at {self.loss:g}."
        percent = 100 * abs(change / self.loss)
        much = f"{percent:.2f} %" if 0.01 <= percent < 1e6 else f"{percent:.2g} %"
        return f"The loss {'fell' if change < 0 else 'rose'} by {much}."

    def __str__(self) -> str:
        count = sum(each.value.size for p in self.passages for each in p.parameters.values())
        plural = "s" if self.samples > 1 else ""
        head = (
            f"One training step: {count:,} parameters, {self.samples} sample{plural}.\n"
            f"Numbers are rounded to {self.digits} digits; entries are counted from 0."
        )
        blocks = [
            f"{number}. {stage.title}\n\n{indent(stage.text(self.digits), INDENT)}".rstrip()
            for number, stage in enumerate(self.stages, 1)
        ]
        return "\n\n".join([head, *blocks, self.verdict])

    __repr__ = __str__

    def to_html(self, path: object) -> None:
        """Write a page on which to walk through the stages: one file that needs nothing else.

        Raises `InputError` if the file cannot be there, such as where its folder is missing.
        """
        write_file(checked_path(path, (".html", ".htm")), step_page(self).encode())

    def _repr_html_(self) -> str:
        """Show the page in a notebook, in a frame of its own."""
        return (
            f'<iframe srcdoc="{html.escape(step_page(self))}" title="{html.escape(self.verdict)}" '
            'style="width: 100%; height: 720px; border: 0"></iframe>'
        )


def trace(network: Network, X: object, y: object, digits: int = 4) -> Trace:
    """Make one training step on a copy of a network, and keep every number of it.

    xₖ₊₁ = layerₖ(xₖ); loss(xₙ, y); ∂loss/∂xₖ = layerₖ.backward(∂loss/∂xₖ₊₁);
    parameter ← optimizer(parameter, ∂loss/∂parameter)

    In the formulas z is what a `Dense` layer gives, a an activation, h any other
    layer; they are numbered by the `Dense` layers. The training pass is traced,
    and the loss after it is that of the same batch under the same dropout masks.

    Parameters
    ----------
    network : Network
        It is not changed.
    X : array of shape (samples, features)
        A few samples, at most 64.
    y : array of shape (samples, outputs)
        Their targets, as for `fit`.
    digits : int
        To how many significant digits numbers are printed.

    Returns
    -------
    Trace
        Its stages are data: `trace["layers[0].backward"].arrays["grad_weight"]`.

    Raises
    ------
    ShapeError, InputError
        If the data cannot be used, or there are too many samples to read.
    ParameterError
        If `network` is no Network.
    DivergenceError
        If the step would end in NaN or infinity.

    Examples
    --------
    >>> from backproplite import Dense, GradientDescent, HalfSquaredError
    >>> network = Network([Dense(1, 1)], HalfSquaredError(), GradientDescent(0.1))
    >>> network.parameters[...] = [2.0, 0.0]
    >>> step = trace(network, [[3.0]], [[5.0]])
    >>> print(step["layers[0].backward"].formula)
    ∂loss/∂weight₁ = xᵀ · ∂loss/∂z₁
    ∂loss/∂bias₁ = Σ ∂loss/∂z₁ over the samples
    >>> print(step.verdict)
    The loss fell by 100.00 %.
    """
    if not isinstance(network, Network):
        raise ParameterError(f"network must be a Network; got {type(network).__name__}.")
    digits = whole_number("digits", digits, 1)
    x, targets, _ = network._checked(X, y, None)
    if len(x) > MOST_SAMPLES:
        raise ShapeError(
            f"X must hold at most {MOST_SAMPLES} samples, or nobody could read the trace; "
            f"got {len(x):,}. Trace a few of them: X[:4], y[:4]."
        )
    with np.errstate(all="ignore"):
        return _traced(copy.deepcopy(network), x, targets, digits)


def _traced(twin: Network, x: Array, targets: Array, digits: int) -> Trace:
    random_state = twin.rng.bit_generator.state
    flows, caches = _way_forward(twin, x)
    loss, grad_output = twin.loss.value_and_gradient(flows[-1], targets)
    if not math.isfinite(loss):
        raise DivergenceError(
            f"the loss turned {loss}", learning_rate=twin.optimizer.current_rate()
        )
    passages = _way_back(twin, flows, caches, grad_output)
    update = _update(twin, passages, caches)
    twin.rng.bit_generator.state = random_state
    outputs, _ = twin._forward_training(x.copy())
    loss_after = float(twin.loss.value(outputs, targets))
    y = Named("y", targets.copy())

    last = passages[-1]
    stages = [
        _setup(passages, y),
        *(_forward_stage(p) for p in passages),
        Stage(
            "loss.forward",
            f"Loss: {twin.loss!r}",
            tuple(loss_equations(twin.loss, last.output, y, loss)),
        ),
        Stage(
            "loss.backward",
            "Backward: how the loss changes with the network's output",
            (loss_gradient_equation(twin.loss, last.output, y, last.grad_output),),
        ),
        *(_backward_stage(p) for p in reversed(passages[twin._first_trained :])),
        Stage("update", f"Update by {twin.optimizer!r}", update),
        _after(twin, outputs, last, loss_after),
    ]
    return Trace(tuple(stages), passages, len(x), float(loss), loss_after, digits)


def _way_forward(twin: Network, x: Array) -> tuple[list[Array], list[Any]]:
    """Go forward through the layers as a training step does, and keep what flows."""
    flows, caches, output = [x.copy()], [], x.copy()  # a layer may write over what it is given
    for layer in twin.layers:
        output, cache = layer.forward_training(output, twin.rng)
        flows.append(output.copy())
        caches.append(cache)
    return flows, caches


def _way_back(
    twin: Network, flows: list[Array], caches: list[Any], grad_output: Array
) -> tuple[Passage, ...]:
    """Go back through the layers as a training step does, and name all that was met."""
    flow_symbols, parameter_symbols = _symbols(twin)
    named = [Named(*each) for each in zip(flow_symbols, flows, strict=True)]
    first, passages = twin._first_trained, []
    for i in range(len(twin.layers) - 1, -1, -1):
        layer, cache, known = twin.layers[i], copy.deepcopy(caches[i]), grad_output.copy()
        grad_input: Array | None = None
        if i > first:
            grad_input = layer.backward(grad_output, caches[i])
        elif i == first:
            layer.backward_parameters(grad_output, caches[i])
        by_x = f"∂loss/∂{named[i].symbol}"
        passages.append(
            Passage(
                layer=layer,
                place=f"layers[{i}]",
                cache=cache,
                x=named[i],
                output=named[i + 1],
                grad_output=Named(f"∂loss/∂{named[i + 1].symbol}", known),
                grad_input=None if grad_input is None else Named(by_x, grad_input.copy()),
                parameters=_named(layer, "", parameter_symbols[i]),
                gradients=_named(layer, "grad_", parameter_symbols[i]),
            )
        )
        grad_output = np.full_like(flows[i], np.nan) if grad_input is None else grad_input
    return tuple(reversed(passages))


def _named(layer: Layer, prefix: str, symbols: dict[str, str]) -> dict[str, Named]:
    """Return a layer's parameters, or with "grad_" their gradients, with their symbols."""
    by = "∂loss/∂" if prefix else ""
    return {
        name: Named(by + symbol, getattr(layer, prefix + name).copy())
        for name, symbol in symbols.items()
    }


def _symbols(network: Network) -> tuple[list[str], list[dict[str, str]]]:
    """Return a symbol for what flows between the layers, and for each parameter."""
    seen: Counter[str] = Counter()

    def symbol(name: str) -> str:
        numbered = f"{name}{_subscript(number)}"
        seen[numbered] += 1
        return numbered + "′" * (seen[numbered] - 1)

    number, flows, parameters = 0, ["x"], []
    for layer in network.layers:
        number += isinstance(layer, Dense)
        letter = "z" if isinstance(layer, Dense) else "a" if isinstance(layer, Activation) else "h"
        flows.append(symbol(letter))
        parameters.append({name: symbol(name) for name in layer.block.shapes})
    return flows, parameters


def _subscript(number: int) -> str:
    return str(number).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))


# The stages.


def _setup(passages: tuple[Passage, ...], y: Named) -> Stage:
    given = {"X": passages[0].x, "y": y} | {
        f"{p.place}.{name}": parameter for p in passages for name, parameter in p.parameters.items()
    }
    equations = tuple(Equation(name, one.symbol, "", one.value) for name, one in given.items())
    what = "the sample, its target" if len(y.value) == 1 else "the samples, their targets"
    return Stage("setup", f"Setup: {what}, the parameters", equations)


def _forward_stage(p: Passage) -> Stage:
    equations = forward_equations(p)
    return Stage(f"{p.place}.forward", f"Forward through {p.place} {p.layer!r}", tuple(equations))


def _backward_stage(p: Passage) -> Stage:
    equations = backward_equations(p)
    title = f"Backward through {p.place} {p.layer!r}"
    return Stage(f"{p.place}.backward", title, tuple(equations))


def _after(twin: Network, outputs: Array, last: Passage, loss_after: float) -> Stage:
    symbol = f"new {last.output.symbol}"
    how = "the same forward pass with the new parameters"
    return Stage(
        "after",
        "After the update: the proof",
        (
            Equation("output", symbol, how, outputs),
            Equation("loss", "new loss", f"loss of {symbol}", np.array(loss_after)),
        ),
    )


# What the update changed.


def _update(
    twin: Network, passages: tuple[Passage, ...], caches: list[Any]
) -> tuple[Equation, ...]:
    """Make the update, and return the equations of all that it changed."""
    before, layer_state = _optimizer_state(twin), _layer_state(twin)
    twin.update(caches)
    changes = list(_changes(twin, passages, before))
    for (i, name), old in layer_state.items():
        new = getattr(twin.layers[i], name)
        if not np.array_equal(new, old):
            changes.append(after_step_equation(passages[i], name, old, new))
    return tuple(changes)


def _optimizer_state(network: Network) -> dict[str, Array]:
    optimizer = network.optimizer
    state = {name: getattr(optimizer, name) for name in optimizer.state_names}
    vectors = state | {"parameters": network.parameters, "gradients": network.gradients}
    return {name: vector.copy() for name, vector in vectors.items()}


def _layer_state(network: Network) -> dict[tuple[int, str], Array]:
    """Return what layers keep besides parameters, such as running statistics."""
    return {
        (i, name): getattr(layer, name).copy()
        for i, layer in enumerate(network.layers)
        for name in layer.state_names
    }


def _changes(
    twin: Network, passages: tuple[Passage, ...], before: dict[str, Array]
) -> Iterator[Equation]:
    """Yield the equations of every parameter's update."""
    optimizer, kept = twin.optimizer, twin.optimizer.state_names
    places = [(p, name) for p in passages for name in p.parameters]
    shapes = {f"{p.place}.{name}": p.parameters[name].value.shape for p, name in places}
    cut_before, cut_now = (
        {name: carve(vector, shapes) for name, vector in vectors.items()}
        for vectors in (before, _optimizer_state(twin))
    )
    if optimizer.clip_norm:
        yield length_equation(optimizer, before["gradients"])
    for p, name in places:
        place, parameter, gradient = f"{p.place}.{name}", p.parameters[name], p.gradients[name]
        symbol = parameter.symbol
        applied = Named(f"g({symbol})", cut_now["gradients"][place])
        if not np.array_equal(applied.value, gradient.value):
            yield applied_gradient_equation(
                optimizer, place, applied, gradient, parameter, before["gradients"]
            )
            gradient = applied
        yield from update_equations(
            optimizer,
            Change(
                place=place,
                rate=constant("learning_rate", optimizer.rate),
                step=optimizer.step_count,
                before=parameter,
                after=cut_now["parameters"][place],
                gradient=gradient,
                state_before={k: Named(f"{k}({symbol})", cut_before[k][place]) for k in kept},
                state_after={k: cut_now[k][place] for k in kept},
            ),
        )
