"""One training step, every number: forward, loss, backward, update, and the loss after it.

`trace` makes the step on a copy of the network, keeps what each layer took in
and gave out, and has `equations` write it down. The result is data, which prints
as a worked example and makes a page to step through.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from textwrap import indent
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..checks import Array, checked_path, whole_number
from ..errors import DivergenceError, ParameterError, ShapeError
from ..files import write_file
from ..functions import norm
from ..network import Network
from ..parameters import carve
from .equations import (
    OWN_LOSS,
    Change,
    Equation,
    Named,
    Passage,
    after_step_equations,
    applied_gradient_equation,
    backward_equations,
    digits_to_tell,
    forward_equations,
    held_by_value,
    length_equation,
    loss_equations,
    loss_gradient_equation,
    own_losses,
    rounded,
    symbols_of,
    update_equations,
)
from .legible import legible
from .pages import step_page
from .pages.assembly import SUFFIXES, frame

MOST_SAMPLES = 64
INDENT = "   "
AFTER = "After the update: forward once more"


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
        return legible(f"{self.title}\n\n{indent(self.text(), INDENT)}")

    __repr__ = __str__


@dataclass(frozen=True, eq=False)
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
    network : Network
        As it was before the step.
    update : dict of str to array
        The vectors before the update, named as in the network, and after it, as in "new gradients".
    flows_after : list of array
        What flows between the layers after the update.
    """

    stages: tuple[Stage, ...]
    passages: tuple[Passage, ...]
    samples: int
    loss: float
    loss_after: float
    digits: int
    network: Network
    update: dict[str, Array]
    flows_after: list[Array]

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
        if percent < 1:  # which four digits of the two hardly show
            digits = digits_to_tell(self.loss, self.loss_after, self.digits)
            old, new = (rounded(each, digits) for each in (self.loss, self.loss_after))
            much += f", from {old} to {new}"
        return f"The loss {'fell' if change < 0 else 'rose'} by {much}."

    def __str__(self) -> str:
        count = sum(each.value.size for p in self.passages for each in p.parameters.values())
        head = (
            f"One training step: {count:,} parameter{'s' * (count != 1)}, "
            f"{self.samples} sample{'s' * (self.samples > 1)}.\n"
            f"Numbers are rounded to {self.digits} digits; entries are counted from 0."
        )
        blocks = [
            f"{number}. {stage.title}\n\n{indent(stage.text(self.digits), INDENT)}".rstrip()
            for number, stage in enumerate(self.stages, 1)
        ]
        return legible("\n\n".join([head, *blocks, self.verdict]))

    __repr__ = __str__

    def to_html(self, path: str | PathLike[str]) -> None:
        """Write a page on which to walk through the stages: one file that needs nothing else.

        Raises `InputError` if the file cannot be there, such as where its folder is missing.
        """
        write_file(checked_path(path, SUFFIXES), step_page(self).encode())

    def _repr_html_(self) -> str:
        """Show the page in a notebook, in a frame of its own."""
        return frame(step_page(self), "One training step", 720)


def trace(network: Network, X: ArrayLike, y: ArrayLike, digits: int = 4) -> Trace:
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
    x, targets, _ = network.prepare(X, y)
    if len(x) > MOST_SAMPLES:
        raise ShapeError(
            f"X must hold at most {MOST_SAMPLES} samples, or nobody could read the trace; "
            f"got {len(x):,}. Trace a few of them: X[:4], y[:4]."
        )
    with np.errstate(all="ignore"):
        return _traced(network, x, targets, digits)


def _traced(network: Network, x: Array, targets: Array, digits: int) -> Trace:
    twin = copy.deepcopy(network)
    flows, caches = _way_forward(twin, x, network.draws())
    loss, grad_output = twin.loss.value_and_gradient(flows[-1], targets)
    if not math.isfinite(loss):
        raise DivergenceError(
            f"the loss turned {loss}", learning_rate=twin.optimizer.current_rate()
        )
    passages = _way_back(twin, flows, caches, grad_output)
    vectors: dict[str, Array] = {}
    update = tuple(_update(twin, passages, caches, vectors))
    flows_after = _way_forward(twin, x, network.draws())[0]
    loss_after = float(twin.loss.value(flows_after[-1], targets))
    y = Named("y", targets.copy())

    last, trained = passages[-1], reversed(passages[twin.first_trained :])
    stages = [
        _setup(passages, y),
        *(_through(p, "forward", forward_equations(p)) for p in passages),
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
        *(_through(p, "backward", backward_equations(p)) for p in trained),
        Stage("update", f"Update by {twin.optimizer!r}", update),
        Stage("after", AFTER, tuple(_after(twin, passages, flows_after[1:], y, float(loss)))),
    ]
    before = copy.deepcopy(network)
    return Trace(
        *(tuple(stages), passages, len(x), float(loss), loss_after, digits),
        *(before, vectors, flows_after),
    )


def _way_forward(
    network: Network, x: Array, draws: np.random.Generator
) -> tuple[list[Array], list[Any]]:
    """Go forward through the layers as a training step does, and keep what flows."""
    flows, caches = [x.copy()], []
    for output, cache in network.way_forward(x.copy(), draws):
        flows.append(output.copy())  # the next layer may write over what it is given
        caches.append(cache)
    return flows, caches


def _way_back(
    twin: Network, flows: list[Array], caches: list[Any], grad_output: Array
) -> tuple[Passage, ...]:
    """Go back through the layers as a training step does, and name all that was met."""
    flow_symbols, parameter_symbols = symbols_of(twin.layers)
    named = [Named(*each) for each in zip(flow_symbols, flows, strict=True)]
    first, passages = twin.first_trained, []
    for i in range(len(twin.layers) - 1, -1, -1):
        layer, cache, known = twin.layers[i], copy.deepcopy(caches[i]), grad_output.copy()
        grad_input: Array | None = None
        if i > first:
            grad_input = layer.backward(grad_output, caches[i])
        elif i == first:
            layer.backward_parameters(grad_output, caches[i])
        by_x = f"∂loss/∂{named[i].symbol}"
        trained = {
            name: gradient
            for name, gradient in layer.named_gradients().items()
            if f"layers[{i}].{name}".rpartition(".")[0] not in twin.frozen
        }
        passages.append(
            Passage(
                layer=layer,
                place=f"layers[{i}]",
                cache=cache,
                x=named[i],
                output=named[i + 1],
                grad_output=Named(f"∂loss/∂{named[i + 1].symbol}", known),
                grad_input=None if grad_input is None else Named(by_x, grad_input.copy()),
                parameters=_named(layer.named_parameters(), parameter_symbols[i]),
                gradients=_named(trained, parameter_symbols[i], "∂loss/∂"),
                state={name: array.copy() for name, array in layer.named_state().items()},
                frozen=f"layers[{i}]" in twin.frozen,
            )
        )
        grad_output = np.full_like(flows[i], np.nan) if grad_input is None else grad_input
    return tuple(reversed(passages))


def _named(arrays: dict[str, Array], symbols: dict[str, str], by: str = "") -> dict[str, Named]:
    """Return copies of a layer's parameters, or of their gradients, with symbols."""
    return {name: Named(by + symbols[name], array.copy()) for name, array in arrays.items()}


# The stages.


def _setup(passages: tuple[Passage, ...], y: Named) -> Stage:
    given = {"X": passages[0].x, "y": y} | {
        f"{p.place}.{name}": parameter for p in passages for name, parameter in p.parameters.items()
    }
    equations = tuple(Equation(name, one.symbol, "", one.value) for name, one in given.items())
    what = "the sample, its target" if len(y.value) == 1 else "the samples, their targets"
    return Stage("setup", f"Setup: {what}, the parameters", equations)


def _through(p: Passage, way: str, equations: list[Equation]) -> Stage:
    title = f"{way.capitalize()} through {p.place} {p.layer!r}{', frozen' * p.frozen}"
    return Stage(f"{p.place}.{way}", title, tuple(equations))


def _after(
    twin: Network, passages: tuple[Passage, ...], flows: list[Array], y: Named, loss: float
) -> Iterator[Equation]:
    """Yield the new forward pass beside the old one."""

    def beside(name: str, old: Named, new: Array) -> Equation:
        return Equation(name, f"new {old.symbol}", "", new, before=old)

    last, outputs = passages[-1], flows[-1]
    for p, new in zip(passages, flows, strict=True):
        yield beside("output" if p is last else f"{p.place}.output", p.output, new)
    if len(y.value) > 1:
        old, new = (own_losses(twin.loss, each, y.value) for each in (last.output.value, outputs))
        yield beside("losses", Named(OWN_LOSS, old), new)
    after = np.array(float(twin.loss.value(outputs, y.value)))
    yield beside("loss", Named("loss", np.array(loss)), after)


# What the update changed.


def _update(
    twin: Network, passages: tuple[Passage, ...], caches: list[Any], vectors: dict[str, Array]
) -> Iterator[Equation]:
    """Make the update, and yield the equations of all that it changed; note the vectors."""
    twin.zero_frozen()
    before = _vectors(twin)
    twin.update(caches)
    vectors |= before | {f"new {name}": vector for name, vector in _vectors(twin).items()}
    if twin.optimizer.clip_norm is not None:
        yield length_equation(twin.optimizer, before["gradients"])
    for change in _changes(twin, passages, before):
        if not np.array_equal(change.applied.value, change.gradient.value):
            yield applied_gradient_equation(twin.optimizer, change)
        yield from update_equations(twin.optimizer, change)
    for p in passages:
        yield from after_step_equations(p, p.layer.named_state())


def _vectors(network: Network) -> dict[str, Array]:
    """Return copies of the parameters, the gradients, and what the optimizer keeps of them."""
    optimizer = network.optimizer
    vectors = {name: getattr(optimizer, name) for name in optimizer.state_names}
    vectors |= {"parameters": network.parameters, "gradients": network.gradients}
    return {name: vector.copy() for name, vector in vectors.items()}


def _changes(
    twin: Network, passages: tuple[Passage, ...], before: dict[str, Array]
) -> Iterator[Change]:
    """Yield what has become of each parameter."""
    optimizer, kept = twin.optimizer, twin.optimizer.state_names
    places = {f"{p.place}.{name}": (p, name) for p in passages for name in p.parameters}
    shapes = {place: p.parameters[name].value.shape for place, (p, name) in places.items()}
    old, new = (
        {name: carve(vector, shapes) for name, vector in vectors.items()}
        for vectors in (before, _vectors(twin))
    )
    decaying = carve(twin.decaying * optimizer.weight_decay, shapes)
    length = norm(held_by_value(optimizer, before["gradients"]))
    for place, (p, name) in places.items():
        if name not in p.gradients:
            continue
        symbol, gradient = p.parameters[name].symbol, p.gradients[name]
        applied = Named(f"g({symbol})", new["gradients"][place])
        unchanged = np.array_equal(applied.value, gradient.value)
        yield Change(
            place=place,
            rate=optimizer.rate,
            step=optimizer.step_count,
            before=p.parameters[name],
            after=new["parameters"][place],
            gradient=gradient,
            applied=gradient if unchanged else applied,
            state_before={k: Named(f"{k}({symbol})", old[k][place]) for k in kept},
            state_after={k: new[k][place] for k in kept},
            decays=bool(decaying[place].any()),
            length=length,
        )
