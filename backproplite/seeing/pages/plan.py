"""A network as plain data, by which a page computes as the library does.

Of each layer, of the loss and of the optimizer the plan has the written lines as trees, the exact
lines that are evaluated in their places, and all numbers. All lines are tried here first: what has
none, or others than its code, is replayed by the page as it was recorded.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from ...activations import Activation
from ...checks import Array, number
from ...configurable import Configurable
from ...functions import norm
from ...layers import Layer, Residual, parts_of
from ...losses import Loss
from ...network import Network
from ...optimizers import Optimizer
from ...parameters import carve, shapes_of
from ..equations import held_by_value, settings_of, symbols_of
from ..exact import EXACT, nearest
from ..written import forms, tree
from .computed import computed_lines, inference_lines, loss_lines, optimizer_lines, shown_lines
from .trying import draws_masks, try_layer, try_loss, try_on_others, try_optimizer

#: What is plain data already.
Plain: TypeAlias = dict[str, Any]

FEW = 1000  # numbers that are written out; more are written as bytes
MOST_DIGITS = 90  # that JavaScript can round to
RATES = 1000  # steps of a schedule that a page knows


def step_plan(trace: Any) -> Plain:
    """Return the plan of the network of a trace, with its batch and what was recorded of it."""
    given = trace["setup"].arrays
    head, note, *_ = str(trace).splitlines()
    outputs = [p.output.value for p in trace.passages]
    written = plan(trace.network, given["X"], given["y"], outputs)
    written |= {"head": head, "note": note, "digits": min(trace.digits, MOST_DIGITS)}
    rate = written["optimizer"]["rate"]
    if isinstance(rate, list):
        written["note"] += f" After {len(rate):,} steps the learning rate stays as it is."
    if not written["alive"]:
        _record(written, trace)
    return written


def plan(
    network: Network,
    x: Array | None = None,
    y: Array | None = None,
    outputs: Sequence[Array] = (),
) -> Plain:
    """Return a network as plain data, with prepared inputs and targets if they are given.

    Its lines are tried on these, or else on random numbers. `outputs` are those of its layers,
    to go on from where one of them cannot be tried.
    """
    twin = network.cast(np.float64)
    reader = _Reader(twin, outputs)
    rows = reader.rng.standard_normal((7, network.in_features or 3)) if x is None else x
    moving = _moving(twin)
    with np.errstate(all="ignore"):
        layers, last = reader.through(twin.layers, "", rows.astype(np.float64))
        loss = reader.loss(last, None if y is None else y.astype(np.float64))
        optimizer = reader.optimizer(moving)
    decays = network.optimizer.decays
    return {
        "alive": not reader.why,
        "why": " ".join(reader.why),
        "dtype": str(network.dtype),
        "seed": str(network.seed),
        "steps": network.step_count,
        "epochs": network.epoch_count,
        "forms": forms(),
        "parameters": plain(network.parameters),
        "decaying": plain(network.decaying) if decays else None,
        "moving": None if moving.all() else plain(moving),
        "x": None if x is None else plain(x),
        "y": None if y is None else plain(y),
        "flows": symbols_of(network.layers)[0],
        "layers": layers,
        "loss": loss,
        "optimizer": optimizer,
    }


# Entries.


def layer_entry(layer: Layer, place: str = "", frozen: bool = False) -> Plain:
    """Return a layer as plain data."""
    shown = shown_lines(layer, frozen)
    entry: Plain = {
        "class": type(layer).__name__,
        "name": repr(layer),
        "place": place,
        "frozen": frozen,
        "elementwise": type(layer).backward is Activation.backward,
        **{way: _trees(lines) for way, lines in shown.items()},
        "exact": {
            way: _trees(lines)
            for way, lines in computed_lines(layer, frozen).items()
            if lines != shown[way]
        },
        "settings": _plain_settings(layer),
        "parameters": {},
        "state": {name: plain(getattr(layer, name)) for name in layer.state_names},
        "draws": "mask" if draws_masks(layer) else None,
        "layers": [],
    }
    inference = inference_lines(layer)
    return entry | ({"inference": _trees(inference)} if inference and not frozen else {})


def loss_entry(loss: Loss) -> Plain:
    """Return a loss as plain data: the one that others stand around, if any, and these."""
    *around, own = loss.parts()
    shown, computed = loss_lines(own)
    entry = {
        "class": type(own).__name__,
        "name": repr(loss),
        "costs": None,
        "derivative": None,
        "predictions": None,
        **_trees(shown),
        "exact": _trees(computed) if computed != shown else None,
        "mean_over_outputs": own.mean_over_outputs,
        "labels": own.labels,
        "applies": own.applies and own.applies.__name__,
        "settings": _plain_settings(own),
        "outer": None,
    }
    for each in around[:1]:
        lines = _trees(nearest(each, EXACT, "predictions"))
        entry["outer"] = {"settings": _plain_settings(each), **lines} if lines else None
    return entry


def optimizer_entry(optimizer: Optimizer) -> Plain:
    """Return an optimizer as plain data."""
    lines, clip, decay = map(_trees, optimizer_lines(optimizer))
    return {
        "class": type(optimizer).__name__,
        "name": repr(optimizer),
        "lines": lines,
        "clip": clip,
        "decay": decay,
        "settings": _plain_settings(optimizer),
        "state": {name: plain(getattr(optimizer, name)) for name in optimizer.state_names},
        "steps": optimizer.step_count,
        "rate": _rates(optimizer),
        "clip_norm": optimizer.clip_norm,
        "clip_value": optimizer.clip_value,
        "weight_decay": optimizer.weight_decay,
    }


def _rates(optimizer: Optimizer) -> float | list[float]:
    """Return the learning rate; of a schedule, those of the coming steps."""
    if not callable(optimizer.learning_rate):
        return optimizer.learning_rate
    rates = list[float]()
    try:
        for step in range(RATES):
            rate = optimizer.learning_rate(optimizer.step_count + step)
            rates.append(number("the rate from the schedule", rate, minimum=0))
    except Exception:  # one's own may have an end, at which a page stays
        if not rates:
            raise
    return rates


def _trees(lines: Mapping[str, str]) -> Plain:
    return {name: tree(line) for name, line in lines.items()}


def _plain_settings(configured: Configurable) -> Plain:
    return {name: plain(array) for name, array in settings_of(configured).items()}


# A network.


class _Reader:
    """Makes entries of a network, and tries their lines; `why` says why it is a recording."""

    def __init__(self, network: Network, outputs: Sequence[Array]) -> None:
        self.network, self.outputs, self.why = network, outputs, list[str]()
        self.rng = np.random.default_rng(0)
        self.symbols = {
            f"layers[{i}].{name}": symbol
            for i, symbols in enumerate(symbols_of(network.layers)[1])
            for name, symbol in symbols.items()
        }
        self.shapes = shapes_of(parts_of(network.layers))[0]
        ends = np.cumsum([math.prod(shape) for shape in self.shapes.values()]).tolist()
        self.offsets = dict(zip(self.shapes, [0, *ends], strict=False))

    def through(
        self, layers: Sequence[Layer], where: str, x: Array | None
    ) -> tuple[list[Plain], Array | None]:
        """Return the entries of layers, and what they make of x in training, if that is known."""
        entries = []
        for i, layer in enumerate(layers):
            beyond = bool(where) or i > self.network.first_trained
            entry, x = self.layer(layer, f"{where}layers[{i}]", x, beyond)
            if x is None and self.outputs and not where:
                x = self.outputs[i].astype(np.float64)
            entries.append(entry)
        return entries, x

    def layer(
        self, layer: Layer, place: str, x: Array | None, goes_on: bool
    ) -> tuple[Plain, Array | None]:
        """Return the entry of a layer, and what it makes of x in training, if that is known."""
        frozen, inner = place in self.network.frozen, list[Plain]()
        if isinstance(layer, Residual):
            inner, _ = self.through(layer.layers, f"{place}.", x)
        entry = layer_entry(layer, place, frozen)
        output, why = None, ""
        if x is not None:
            try:
                others = try_on_others(layer, x.shape[-1], self.rng, frozen, goes_on)
                output, why = try_layer(layer, x, self.rng, frozen, goes_on)
                why = why or others
            except Exception as error:
                why = _raised(error)
        if why:
            self.why.append(f"{place} {type(layer).__name__} {why}.")
        if x is None or why or any("recorded" in each for each in inner):
            entry |= {
                "recorded": {},
                "parameters": self.parameters(place, layer.named_parameters()),
            }
        else:
            entry |= {"layers": inner, "parameters": self.parameters(place, layer.declared)}
        return entry, output

    def parameters(self, place: str, names: Iterable[str]) -> Plain:
        """Return where parameters of a layer stand in the vector of all."""
        whole = {name: f"{place}.{name}" for name in names}
        return {
            name: {"symbol": self.symbols[w], "shape": self.shapes[w], "offset": self.offsets[w]}
            for name, w in whole.items()
        }

    def loss(self, outputs: Array | None, targets: Array | None) -> Plain:
        """Return the entry of the loss."""
        loss = self.network.loss
        if outputs is None:
            return loss_entry(loss)
        targets = self.targets(loss.labels, outputs) if targets is None else targets
        try:
            why = try_loss(loss, outputs, targets)
        except Exception as error:
            why = _raised(error)
        return self.noted(loss_entry(loss), "The loss", why)

    def optimizer(self, moving: Array) -> Plain:
        """Return the entry of the optimizer."""
        entry = optimizer_entry(self.network.optimizer)
        try:
            why = try_optimizer(self.network, self.rng, moving)
        except Exception as error:
            why = _raised(error)
        return self.noted(entry, "The optimizer", why)

    def noted(self, entry: Plain, what: str, why: str) -> Plain:
        """Return an entry, to be recorded if there is a reason for it."""
        if not why:
            return entry
        self.why.append(f"{what} {entry['class']} {why}.")
        return entry | {"recorded": {}}

    def targets(self, labels: str | None, outputs: Array) -> Array:
        """Return some targets of a kind."""
        if labels == "binary":
            return self.rng.integers(0, 2, outputs.shape) * 1.0
        if labels == "categorical":
            return np.eye(outputs.shape[-1])[self.rng.integers(0, outputs.shape[-1], len(outputs))]
        return abs(self.rng.standard_normal(outputs.shape))


def _raised(error: Exception) -> str:
    """Return why there is no computing by the lines of what cannot even be tried."""
    first, *_ = str(error).splitlines() or [""]
    said = f": {first.rstrip('.')}" if first else ""
    return f"raised {type(error).__name__} when its lines were tried{said}"


def _moving(network: Network) -> Array:
    """Return 1 for each parameter that is trained, 0 for what is frozen."""
    moving = np.ones(network.parameters.shape)
    for whole, view in carve(moving, shapes_of(parts_of(network.layers))[0]).items():
        view[...] = whole.rpartition(".")[0] not in network.frozen
    return moving


# Recordings.


def _record(written: Plain, trace: Any) -> None:
    """Add to a plan what was recorded of what has no usable lines."""
    for i, (entry, p) in enumerate(zip(written["layers"], trace.passages, strict=True)):
        if "recorded" in entry:
            entry["state"] = {name: plain(each) for name, each in p.state.items()}
            entry["recorded"] = {
                "output": _rows(p.output.value),
                "grad_input": p.grad_input and _rows(p.grad_input.value),
                "gradients": {name: plain(each.value) for name, each in p.gradients.items()},
                "state_after": {name: plain(each) for name, each in p.layer.named_state().items()},
                "output_after": _rows(trace.flows_after[i + 1]),
            }
    loss, last, targets = trace.network.loss, trace.passages[-1], trace["setup"].arrays["y"]
    if "recorded" in written["loss"]:
        written["loss"]["recorded"] = {
            "loss": trace.loss,
            "loss_after": trace.loss_after,
            "costs": _rows(loss.forward(last.output.value.copy(), targets)[0]),
            "costs_after": _rows(loss.forward(trace.flows_after[-1].copy(), targets)[0]),
            "predictions": _rows(loss.predictions(last.output.value.copy())),
            "grad_output": _rows(last.grad_output.value),
        }
    optimizer, update = trace.network.optimizer, trace.update
    if "recorded" in written["optimizer"]:
        names = optimizer.state_names
        written["optimizer"]["recorded"] = {
            "applied": plain(update["new gradients"]),
            "length": float(norm(held_by_value(optimizer, update["gradients"]))),
            "rate": optimizer.current_rate(),
            "step": optimizer.step_count + 1,
            "state_before": {name: plain(update[name]) for name in names},
            "state_after": {name: plain(update[f"new {name}"]) for name in names},
            "parameters_after": plain(update["new parameters"]),
        }


def _rows(array: Array) -> Any:
    """Return an array with one row of numbers for each sample."""
    return plain(array.reshape(len(array), -1))


def plain(array: Any, few: int = FEW) -> Any:
    """Return an array as nested lists, or of many or infinite numbers the shape and the bytes."""
    array = np.asarray(array, np.float64)
    if array.size <= few and np.isfinite(array).all():  # JSON has no other numbers
        return array.tolist()
    bytes64 = base64.b64encode(array.astype("<f8").tobytes())
    return {"shape": array.shape, "float64": bytes64.decode()}
