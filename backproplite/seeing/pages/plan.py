"""A network as plain data, by which a page computes as the library does.

Of each layer, of the loss and of the optimizer the plan has the written lines as trees, the exact
lines that are evaluated in their places, and all numbers. All lines are tried here first: what has
none, or others than its code, is replayed by the page as it was recorded.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Container, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from ... import activations, counts, losses, optimizers
from ...activations import Activation
from ...checks import Array, number
from ...configurable import Configurable
from ...errors import ParameterError
from ...functions import norm
from ...layers import Dense, Dropout, Layer, Residual, parts_of
from ...losses import Loss
from ...network import Network
from ...optimizers import Optimizer
from ...parameters import carve, shapes_of
from ..equations import (
    after_lines,
    backward_lines,
    forward_lines,
    held_by_value,
    needed,
    settings_of,
    symbols_of,
    written_lines,
)
from ..exact import EXACT, INFERENCE, merged, nearest, tell_of_training
from ..written import evaluate, forms, tree

#: What is plain data already.
Plain: TypeAlias = dict[str, Any]
#: What lines may use by their names.
Values: TypeAlias = dict[str, Array]

FEW = 1000  # numbers that are written out; more are written as bytes
RATES = 1000  # steps of a schedule that a page knows
CLOSE = 1e-9  # how near lines must come to their code, of the largest number


def step_plan(trace: Any) -> Plain:
    """Return the plan of the network of a trace, with its batch and what was recorded of it."""
    given = trace["setup"].arrays
    head, note, *_ = str(trace).splitlines()
    network = trace.network
    written = plan(network, given["X"], given["y"])
    written |= {"head": head, "note": note, "digits": trace.digits}
    if not written["alive"]:
        _record(written, trace)
    return written


def plan(network: Network, x: Array | None = None, y: Array | None = None) -> Plain:
    """Return a network as plain data, with prepared inputs and targets if they are given.

    Its lines are tried on these, or else on random numbers.
    """
    twin = network.cast(np.float64)
    reader = _Reader(twin)
    rows = reader.normal(7, network.in_features or 3) if x is None else np.asarray(x, np.float64)
    moving = _moving(twin)
    with np.errstate(all="ignore"):
        layers, outputs = reader.through(twin.layers, "", rows)
        loss = reader.loss(twin.loss, outputs, None if y is None else np.asarray(y, np.float64))
        optimizer = reader.optimizer(twin.optimizer, moving)
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


def catalogue() -> Plain:
    """Return the entries of what a page may build networks of, with default settings."""
    dense = Dense(1, 1)
    return {
        "dense": layer_entry(dense),
        "activations": {k: layer_entry(v) for k, v in _all_of(activations, "Activation")},
        "losses": {k: loss_entry(v) for k, v in [*_all_of(losses, "Loss"), *_all_of(counts)]},
        "optimizers": {k: optimizer_entry(v) for k, v in _all_of(optimizers, "Optimizer")},
    }


def _all_of(module: Any, base: str = "") -> list[tuple[str, Any]]:
    return [(name, getattr(module, name)()) for name in module.__all__ if name != base]


# Entries.


def layer_entry(
    layer: Layer, place: str = "", frozen: bool = False, parameters: Mapping[str, Any] | None = None
) -> Plain:
    """Return a layer as plain data."""
    shown = _shown(layer, frozen)
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
        "parameters": parameters or {},
        "state": {name: plain(getattr(layer, name)) for name in layer.state_names},
        "draws": "mask" if type(layer).forward_training is Dropout.forward_training else None,
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


# Lines.


def _shown(layer: Layer, frozen: bool) -> dict[str, dict[str, str]]:
    """Return a layer's lines of each way, as they are written."""
    forward = forward_lines(layer, frozen)
    after = {} if frozen else after_lines(layer, layer.state_names)
    results = ["grad_input", *(f"grad_{name}" for name in layer.declared)]
    return {
        "forward": forward,
        "backward": needed(backward_lines(layer, frozen), results),
        "after": {name: line for name, line in after.items() if name not in forward},
    }


def computed_lines(layer: Layer, frozen: bool = False) -> dict[str, dict[str, str]]:
    """Return a layer's lines of each way, as they are evaluated."""
    shown = _shown(layer, frozen)
    ways = "forward", "forward_training", "backward", "backward_parameters", "local_derivative"
    exact = nearest(layer, EXACT, *ways, "after_step")
    if frozen and tell_of_training(layer):
        exact = {}
    together = {name: line for lines in shown.values() for name, line in lines.items()}
    derivative = written_lines(layer, "written", *ways).get("derivative")
    if derivative and "grad_input" in shown["backward"]:
        together.pop("grad_input")
        together |= {"derivative": derivative, "grad_input": "grad_output * derivative"}
    together = merged(together, exact)
    forward = needed(together, shown["forward"])
    computed = {"forward": forward}
    for way, names in (("backward", {*shown["backward"], "grad_input"}), ("after", shown["after"])):
        lines = needed(together, names)
        computed[way] = {name: line for name, line in lines.items() if name not in forward}
    return computed


def inference_lines(layer: Layer) -> dict[str, str]:
    """Return the lines of what a layer does in inference, if it does something else in training."""
    if not tell_of_training(layer):
        return {}
    return needed(nearest(layer, INFERENCE, "forward", "forward_training"), ["output"])


def loss_lines(loss: Loss) -> tuple[dict[str, str], dict[str, str]]:
    """Return a loss's lines as they are written, and as they are evaluated."""
    ways = {"predictions": "predictions", "costs": "forward", "derivative": "backward"}
    shown = {
        name: lines[name]
        for name, method in ways.items()
        if name in (lines := written_lines(loss, "written", method))
    }
    return shown, merged(shown, nearest(loss, EXACT, *ways.values()))


def optimizer_lines(optimizer: Optimizer) -> list[dict[str, str]]:
    """Return an optimizer's lines: of the update, of clipping and of weight decay."""
    ways = ("written", "update"), ("written_clip", "clip"), ("written_decay", "decay")
    return [written_lines(optimizer, *way) for way in ways]


# Trying the lines.


class _Reader:
    """Makes entries of a network, and tries their lines; `why` says of which it is a recording."""

    def __init__(self, network: Network) -> None:
        self.network, self.why = network, list[str]()
        self.rng = np.random.default_rng(0)
        self.symbols = {
            f"layers[{i}].{name}": symbol
            for i, symbols in enumerate(symbols_of(network.layers)[1])
            for name, symbol in symbols.items()
        }
        self.shapes = shapes_of(parts_of(network.layers))[0]
        ends = np.cumsum([math.prod(shape) for shape in self.shapes.values()]).tolist()
        self.offsets = dict(zip(self.shapes, [0, *ends], strict=False))

    def normal(self, *shape: int) -> Array:
        return self.rng.standard_normal(shape)

    def through(self, layers: Sequence[Layer], where: str, x: Array) -> tuple[list[Plain], Array]:
        """Return the entries of layers, and what they make of x in training."""
        entries = []
        for i, layer in enumerate(layers):
            entry, x = self.layer(layer, f"{where}layers[{i}]", x)
            entries.append(entry)
        return entries, x

    def layer(self, layer: Layer, place: str, x: Array) -> tuple[Plain, Array]:
        """Return the entry of a layer, and what it makes of x in training."""
        parameters = {
            name: {
                "symbol": self.symbols[whole],
                "shape": self.shapes[whole],
                "offset": self.offsets[whole],
            }
            for name in layer.named_parameters()
            if (whole := f"{place}.{name}")
        }
        frozen = place in self.network.frozen
        inner = list[Plain]()
        if isinstance(layer, Residual):
            inner, _ = self.through(layer.layers, f"{place}.", x)
        entry = layer_entry(layer, place, frozen, parameters)
        output, why = self.tried(layer, place, frozen, x)
        if why:
            self.why.append(f"{place} {type(layer).__name__} {why}.")
        if why or any("recorded" in each for each in inner):
            return entry | {"recorded": {}}, output
        own = {name: each for name, each in parameters.items() if name in layer.declared}
        return entry | {"parameters": own, "layers": inner}, output

    def tried(self, layer: Layer, place: str, frozen: bool, x: Array) -> tuple[Array, str]:
        """Return what a layer makes of x, and why its lines cannot be used, if so."""
        kept = {name: np.copy(getattr(layer, name)) for name in layer.state_names}
        inference, _ = layer.forward(x.copy())
        if frozen:
            output, cache = layer.forward(x.copy())
        else:
            output, cache = layer.forward_training(x.copy(), self.rng)
        output = output.copy()
        if len(layer.parts()) > 1 and not isinstance(layer, Residual):
            return output, "has layers within it, of which written lines cannot tell"
        given = {name: getattr(layer, name) for name in layer.declared}
        if max(x.ndim, output.ndim, *(each.ndim for each in given.values()), 0) > 2:
            return output, "computes with arrays of more than two axes"
        values: Values = (
            settings_of(layer) | kept | {k: v.copy() for k, v in given.items()} | {"x": x}
        )
        values |= {"samples": np.array(x.shape[0]), "features": np.array(x.shape[1])}
        values["grad_output"] = self.normal(*output.shape)
        grad_input = layer.backward(values["grad_output"].copy(), cache)
        if isinstance(layer, Residual):
            values |= {"inner": cache[0], "grad_inner": grad_input - values["grad_output"]}
        if layer_entry(layer)["draws"] and not frozen:
            values["mask"] = cache[0]
        lines = computed_lines(layer, frozen)
        expected = {
            "forward": {"output": output},
            "backward": {} if frozen else {f"grad_{k}": getattr(layer, f"grad_{k}") for k in given},
        }
        if self.needs_grad_input(place):
            expected["backward"]["grad_input"] = grad_input
        why = _complaint(lines["forward"], values, expected["forward"])
        why = why or _complaint(lines["backward"], values, expected["backward"])
        if frozen or why:
            return output, why
        if tell_of_training(layer):
            told = inference_lines(layer)
            if not told:
                return output, "has written lines of training alone; give its class `exported`"
            why = _complaint(told, dict(values), {"output": inference})
        layer.after_step(cache)
        new = {k: now for k in kept if not np.array_equal(now := getattr(layer, k), kept[k])}
        return output, why or _complaint(lines["after"], values, new, held=kept)

    def needs_grad_input(self, place: str) -> bool:
        """Whether a step goes back beyond a layer."""
        top = int(place[place.index("[") + 1 : place.index("]")])
        return top > self.network.first_trained or "." in place

    def loss(self, loss: Loss, outputs: Array, targets: Array | None) -> Plain:
        """Return the entry of a loss."""
        entry, (_, lines) = loss_entry(loss), loss_lines(loss.parts()[-1])
        if targets is None:
            targets = self.targets(loss.labels, outputs)
        why = self.tried_loss(loss, lines, entry, outputs, targets)
        if why:
            self.why.append(f"The loss {type(loss.parts()[-1]).__name__} {why}.")
        return entry | ({"recorded": {}} if why else {})

    def targets(self, labels: str | None, outputs: Array) -> Array:
        """Return some targets of a kind."""
        if labels == "binary":
            return self.rng.integers(0, 2, outputs.shape) * 1.0
        if labels == "categorical":
            return np.eye(outputs.shape[-1])[self.rng.integers(0, outputs.shape[-1], len(outputs))]
        return abs(self.normal(*outputs.shape))

    def tried_loss(
        self, loss: Loss, lines: dict[str, str], entry: Plain, outputs: Array, targets: Array
    ) -> str:
        """Return why the lines of a loss cannot be used, if so."""
        *around, own = loss.parts()
        if outputs.ndim != 2:
            return "is taken of arrays of more than two axes"
        value, gradient = loss.value_and_gradient(outputs.copy(), targets)
        count = own.count(outputs)
        values: Values = settings_of(own) | {"outputs": outputs, "targets": targets}
        values |= {"samples": np.array(len(outputs)), "features": np.array(outputs.shape[1])}
        if "predictions" not in lines:
            if type(own).predictions is not Loss.predictions:
                return "has no written line of its predictions; give its class `written`"
            values["predictions"] = outputs
        expected = {"costs": None, "derivative": gradient * count}
        if "predictions" in lines:
            expected["predictions"] = own.predictions(outputs)
        why = _complaint(lines, values, expected)
        if why:
            return why
        total = values["costs"].sum() / count
        if not _close(total, value):
            return "has written lines that give something else than its code"
        if len(around) > 1 or (around and not entry["outer"]):
            return "stands within another of one's own"
        return ""

    def optimizer(self, optimizer: Optimizer, moving: Array) -> Plain:
        """Return the entry of an optimizer."""
        entry = optimizer_entry(optimizer)
        why = self.tried_optimizer(optimizer, moving)
        if why:
            self.why.append(f"The optimizer {type(optimizer).__name__} {why}.")
        return entry | ({"recorded": {}} if why else {})

    def tried_optimizer(self, optimizer: Optimizer, moving: Array) -> str:
        """Return why the lines of an optimizer cannot be used, if so, by one step."""
        lines, clip, decay = optimizer_lines(optimizer)
        clips = optimizer.clip_value is not None or optimizer.clip_norm is not None
        if (clips and not clip) or (optimizer.decays and not decay):
            return "has no written lines of its own clipping or weight decay"
        network = self.network
        size = network.parameters.shape
        network.gradients[...] = self.normal(*size) * moving
        for name in optimizer.state_names:
            getattr(optimizer, name)[...] = abs(self.normal(*size))
        names = optimizer.state_names
        values: Values = settings_of(optimizer) | {k: getattr(optimizer, k).copy() for k in names}
        values |= {"parameter": network.parameters.copy(), "gradient": network.gradients.copy()}
        values |= {
            "learning_rate": np.array(optimizer.current_rate()),
            "step": np.array(optimizer.step_count + 1),
        }
        network.update()
        if optimizer.clip_value is not None:
            values["gradient"] = evaluate(clip["clip_value"], values)
        length = norm(values["gradient"])
        if optimizer.clip_norm is not None and length > optimizer.clip_norm:
            values["gradient"] = evaluate(clip["clip_norm"], values | {"length": np.array(length)})
        for name, line in decay.items() if optimizer.decays else ():
            decayed = evaluate(line, values)
            values[name] = np.where(network.decaying, decayed, values[name])
        expected = {k: getattr(optimizer, k) for k in names} | {"parameter": network.parameters}
        return _complaint(lines, values, expected, counted=moving)


def _complaint(
    lines: Mapping[str, str],
    values: Values,
    expected: Mapping[str, Array | None],
    held: Container[str] = (),
    counted: Any = 1.0,
) -> str:
    """Work out lines; say why they are not what their code gives, if so.

    Their results become values for those that follow, but those of `held` names.
    """
    missing = [name for name in expected if name not in lines]
    if missing and not lines:
        return "has no written lines; give its class `written = {...}`"
    if missing:
        return f"has no written line of {missing[0]}; add it to `written`"
    for name, line in lines.items():
        try:
            result = np.atleast_2d(evaluate(line, values))
        except ParameterError as error:
            return f"cannot be computed by its lines: {str(error).rstrip('.')}"
        code = expected.get(name)
        if code is not None and not _close(result * counted, np.atleast_2d(code) * counted):
            return f"has a written line of {name} that gives something else than its code"
        if name not in held:
            values[name] = result
    return ""


def _close(result: Array, code: Array) -> bool:
    """Whether lines give what their code gives."""
    size = np.max(abs(code), initial=0, where=np.isfinite(code))
    return np.shape(result) == np.shape(code) and np.allclose(
        result, code, 0, CLOSE * size, equal_nan=True
    )


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


def plain(array: Any) -> Any:
    """Return an array as nested lists, or of many numbers the shape and the bytes."""
    array = np.asarray(array, np.float64)
    if array.size <= FEW:
        return array.tolist()
    bytes64 = base64.b64encode(array.astype("<f8").tobytes())
    return {"shape": array.shape, "float64": bytes64.decode()}
