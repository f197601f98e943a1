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
from typing import Any

import numpy as np

from .activations import Activation
from .checks import Array, whole_number
from .errors import ParameterError, ShapeError
from .files import write_file
from .formulas import (
    Change,
    Equation,
    Named,
    Passage,
    backward_equations,
    constant,
    forward_equations,
    loss_equations,
    loss_gradient_equation,
    update_equations,
)
from .layers import Dense
from .network import Network
from .pages import step_page
from .parameters import carve

MOST_SAMPLES = 64


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
    digits: int = 4

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
        percent = f"{100 * abs(change) / self.loss:.2f} %"
        return f"The loss {'fell' if change < 0 else 'rose'} by {percent}."

    def __str__(self) -> str:
        count = sum(each.value.size for p in self.passages for each in p.parameters.values())
        plural = "s" if self.samples > 1 else ""
        head = (
            f"One training step: {count:,} parameters, {self.samples} sample{plural}.\n"
            f"Numbers are rounded to {self.digits} digits; entries are counted from 0.\n"
        )
        blocks = [
            f"\n{number}. {stage.title}\n\n" + _indented(stage.text(self.digits))
            for number, stage in enumerate(self.stages, 1)
        ]
        return "\n".join([head, *blocks, "", self.verdict]).replace("\n\n\n", "\n\n")

    __repr__ = __str__

    def to_html(self, path: object) -> None:
        """Write a page on which to walk through the stages: one file that needs nothing else.

        Raises `InputError` if the file cannot be there, such as where its folder is missing.
        """
        write_file(path, step_page(self).encode())

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
    network._check_optimizer()
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
    flows, caches = [x], []
    for layer in twin.layers:
        output, cache = layer.forward_training(flows[-1], twin.rng)
        flows.append(output)
        caches.append(cache)
    loss, grad_output = twin.loss.value_and_gradient(flows[-1], targets)
    passages = _way_back(twin, flows, caches, grad_output)
    y = Named("y", targets)

    before, layer_state = _optimizer_state(twin), _layer_state(twin)
    twin.update(caches)
    update = [*_changes(twin, passages, before), *_new_layer_state(twin, layer_state)]
    twin.rng.bit_generator.state = random_state
    outputs, _ = twin._forward_training(x)
    loss_after = float(twin.loss.value(outputs, targets))

    first = next((i for i, p in enumerate(passages) if p.parameters), len(passages))
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
        *(_backward_stage(p) for p in reversed(passages[first:])),
        Stage("update", f"Update by {twin.optimizer!r}", tuple(update)),
        _after(twin, outputs, last, loss_after),
    ]
    return Trace(tuple(stages), passages, len(x), float(loss), loss_after, digits)


def _way_back(
    twin: Network, flows: list[Array], caches: list[Any], grad_output: Array
) -> tuple[Passage, ...]:
    """Go back through the layers as a training step does, and name all that was met."""
    flow_symbols, parameter_symbols = _symbols(twin)
    first, passages = twin._first_trained, []
    for i in range(len(twin.layers) - 1, -1, -1):
        layer, grad_input = twin.layers[i], None
        if i > first:
            grad_input = layer.backward(grad_output, caches[i])
        elif i == first:
            layer.backward_parameters(grad_output, caches[i])
        x, output = (Named(flow_symbols[j], flows[j]) for j in (i, i + 1))
        symbols = parameter_symbols[i]
        parameters = {k: Named(s, getattr(layer, k).copy()) for k, s in symbols.items()}
        gradients = {
            k: Named(f"∂loss/∂{s}", getattr(layer, f"grad_{k}").copy()) for k, s in symbols.items()
        }
        passages.append(
            Passage(
                layer=layer,
                place=f"layers[{i}]",
                cache=copy.deepcopy(caches[i]),
                x=x,
                output=output,
                grad_output=Named(f"∂loss/∂{output.symbol}", grad_output),
                grad_input=None if grad_input is None else Named(f"∂loss/∂{x.symbol}", grad_input),
                parameters=parameters,
                gradients=gradients,
            )
        )
        if grad_input is not None:
            grad_output = grad_input
    return tuple(reversed(passages))


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


def _indented(text: str) -> str:
    return "\n".join(f"   {line}".rstrip() for line in text.splitlines())


# The stages.


def _setup(passages: tuple[Passage, ...], y: Named) -> Stage:
    given = {"X": passages[0].x, "y": y} | {
        f"{p.place}.{name}": parameter for p in passages for name, parameter in p.parameters.items()
    }
    equations = tuple(Equation(name, one.symbol, "", one.value) for name, one in given.items())
    return Stage("setup", "Setup: the sample, its target, the parameters", equations)


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


def _optimizer_state(network: Network) -> dict[str, Array]:
    optimizer = network.optimizer
    return {name: getattr(optimizer, name).copy() for name in optimizer.state_names} | {
        "gradients": network.gradients.copy()
    }


def _changes(
    twin: Network, passages: tuple[Passage, ...], before: dict[str, Array]
) -> Iterator[Equation]:
    """Yield the equations of every parameter's update."""
    optimizer = twin.optimizer
    places = [(p, name) for p in passages for name in p.parameters]
    shapes = {f"{p.place}.{name}": p.parameters[name].value.shape for p, name in places}
    now = _optimizer_state(twin) | {"parameters": twin.parameters.copy()}
    cut_before = {name: carve(vector, shapes) for name, vector in before.items()}
    cut_now = {name: carve(vector, shapes) for name, vector in now.items()}
    for p, name in places:
        place, symbol = f"{p.place}.{name}", p.parameters[name].symbol
        gradient = p.gradients[name]
        applied = cut_now["gradients"][place]
        if not np.array_equal(applied, gradient.value):
            names = "clip_value", "clip_norm", "weight_decay"
            set_ones = {name: getattr(optimizer, name) for name in names}
            how = " and ".join(f"{k}={v:g}" for k, v in set_ones.items() if v)
            how = f"{gradient.symbol} after {how}"
            yield Equation(f"{place}.gradient", f"g({symbol})", how, applied)
            gradient = Named(f"g({symbol})", applied)
        kept = optimizer.state_names
        yield from update_equations(
            optimizer,
            Change(
                place=place,
                rate=constant("learning_rate", optimizer.rate),
                step=optimizer.step_count,
                before=p.parameters[name],
                after=cut_now["parameters"][place],
                gradient=gradient,
                state_before={k: Named(f"{k}({symbol})", cut_before[k][place]) for k in kept},
                state_after={k: cut_now[k][place] for k in kept},
            ),
        )


def _layer_state(network: Network) -> dict[tuple[int, str], Array]:
    """Return what layers keep besides parameters, such as running statistics."""
    return {
        (i, name): getattr(layer, name).copy()
        for i, layer in enumerate(network.layers)
        for name in layer.state_names
    }


def _new_layer_state(twin: Network, before: dict[tuple[int, str], Array]) -> Iterator[Equation]:
    for (i, name), old in before.items():
        new = getattr(twin.layers[i], name)
        if not np.array_equal(new, old):
            how = f"what {type(twin.layers[i]).__name__}.after_step makes of {name}"
            yield Equation(f"layers[{i}].{name}", f"new {name}", how, new.copy())
