"""Lines tried: each must give what its code gives, or a page may not compute by it.

What is returned is why it may not, as the end of a sentence about the class; "" if it may.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from typing import Any, TypeAlias

import numpy as np

from ...checks import Array
from ...configurable import is_ours
from ...errors import DivergenceError, ParameterError
from ...functions import norm
from ...layers import Dropout, Layer, Residual
from ...losses import Loss
from ...network import Network
from ..equations import settings_of
from ..exact import EXACT, Lines, nearest, tell_of_training
from ..written import evaluate
from .computed import computed_lines, inference_lines, loss_lines, optimizer_lines

#: What lines may use by their names.
Values: TypeAlias = dict[str, Any]

CLOSE = 1e-9  # how near lines must come to their code, of the largest number
NOISE = 1e-14  # of the largest number that goes in: what rounding may leave where all cancels


def draws_masks(layer: Layer) -> bool:
    """Whether a layer draws masks as `Dropout` does; of other draws, a page knows nothing."""
    return type(layer).forward_training is Dropout.forward_training


def try_layer(
    layer: Layer, x: Array, rng: np.random.Generator, frozen: bool, goes_on: bool
) -> tuple[Array, str]:
    """Return what a layer makes of x, and why it may not be computed by its lines.

    Frozen, it has no gradients; the way back goes on beyond it, or ends there.
    """
    before = {name: np.copy(getattr(layer, name)) for name in layer.state_names}
    inference = layer.forward(x.copy())[0].copy()
    if frozen:
        output, cache = layer.forward(x.copy())
    else:
        output, cache = layer.forward_training(x.copy(), rng)
    output = output.copy()
    axes = max(a.ndim for a in (x, output, *(getattr(layer, name) for name in layer.declared)))
    if axes > 2:
        return output, "computes with arrays of more than two axes"
    if len(layer.parts()) > 1 and not isinstance(layer, Residual):
        return output, "has layers within it, of which written lines cannot tell"

    grad_output = rng.standard_normal(output.shape)
    grad_input = layer.backward(grad_output.copy(), cache)
    values = _given(layer, x, grad_output) | before
    if isinstance(layer, Residual):
        values |= {"inner": cache[0], "grad_inner": grad_input - grad_output}
    if draws_masks(layer) and not frozen:
        values["mask"] = cache[0]
    lines = computed_lines(layer, frozen)
    gradients = {f"grad_{name}": getattr(layer, f"grad_{name}") for name in layer.declared}
    back = ({} if frozen else gradients) | ({"grad_input": grad_input} if goes_on else {})
    noise = NOISE * np.abs(x).max(initial=0)
    back_noise = max(NOISE, noise) * np.abs(grad_output).max(initial=0)
    why = _try(lines["forward"], values, {"output": output}, noise)
    why = why or _try(lines["backward"], values, back, back_noise)
    if not (why or frozen):
        layer.after_step(cache)
        after = {name: getattr(layer, name) for name in layer.state_names}
        changed = {k: new for k, new in after.items() if not np.array_equal(new, before[k])}
        why = _try_inference(layer, values, inference, noise)
        why = why or _try(lines["after"], values, changed, noise, held=before)
    return output, why


def _given(layer: Layer, x: Array, grad_output: Array) -> Values:
    """Return what every layer's lines may use."""
    values: Values = settings_of(layer)
    values |= {name: getattr(layer, name).copy() for name in layer.declared}
    return values | {"x": x, "grad_output": grad_output, "samples": len(x), "features": x.shape[1]}


def try_on_others(
    layer: Layer, features: int, rng: np.random.Generator, frozen: bool, goes_on: bool
) -> str:
    """Return why one's own layer may not be computed by its lines, though its batch says it may.

    They may be true of that batch alone. Of inputs that the layer refuses, nothing is said.
    """
    if is_ours(type(layer)):
        return ""
    others = 3 * rng.standard_normal((7, features))
    try:
        why = try_layer(copy.deepcopy(layer), others, rng, frozen, goes_on)[1]
    except Exception:
        return ""
    return why and f"{why}, for other inputs"


def _try_inference(layer: Layer, values: Values, output: Array, noise: float) -> str:
    """Return why a layer's inference may not be computed by its lines."""
    if not tell_of_training(layer):
        return ""
    lines = inference_lines(layer)
    if not lines:
        return "has written lines of training alone; give its class `exported` for inference"
    given = {name: value for name, value in values.items() if name not in lines}
    return _try(lines, given, {"output": output}, noise)


def try_loss(loss: Loss, outputs: Array, targets: Array) -> str:
    """Return why a loss may not be computed by its lines."""
    *around, own = loss.parts()
    if outputs.ndim > 2:
        return "is taken of arrays of more than two axes"
    if len(around) > 1 or (around and not nearest(around[0], EXACT, "predictions")):
        return "stands within another of one's own"
    value, gradient = loss.value_and_gradient(outputs.copy(), targets)
    lines, count = loss_lines(own)[1], own.count(outputs)
    values: Values = settings_of(own) | {"outputs": outputs, "targets": targets}
    values |= {"samples": len(outputs), "features": outputs.shape[1]}
    expected: dict[str, Array | None] = {"costs": None, "derivative": gradient * count}
    if type(own).predictions is Loss.predictions:
        values["predictions"] = outputs
    else:
        expected["predictions"] = own.predictions(outputs.copy())
    why = _try(lines, values, expected)
    if not why and not _close(values["costs"].sum() / count, value):
        why = "has a written line of costs that gives something else than its code"
    return why


def try_optimizer(network: Network, rng: np.random.Generator, moving: Array) -> str:
    """Return why a network's optimizer may not be computed by its lines, by one step with it."""
    optimizer = network.optimizer
    lines, clip, decay = optimizer_lines(optimizer)
    clips = optimizer.clip_value is not None or optimizer.clip_norm is not None
    if (clips and not clip) or (optimizer.decays and not decay):
        return "has no written lines of its own clipping or weight decay"
    network.gradients[...] = rng.standard_normal(moving.shape) * moving
    vectors = {name: getattr(optimizer, name) for name in optimizer.state_names}
    for vector in vectors.values():
        vector[...] = abs(rng.standard_normal(moving.shape))
    vectors["parameter"] = network.parameters
    values: Values = settings_of(optimizer) | {k: vector.copy() for k, vector in vectors.items()}
    values["gradient"] = network.gradients.copy()
    values |= {"learning_rate": optimizer.current_rate(), "step": optimizer.step_count + 1}
    try:
        network.update()
    except DivergenceError:
        return "turned infinite when its lines were tried"
    if optimizer.clip_value is not None:
        values["gradient"] = evaluate(clip["clip_value"], values)
    values["length"] = norm(values["gradient"])
    if optimizer.clip_norm is not None and values["length"] > optimizer.clip_norm:
        values["gradient"] = evaluate(clip["clip_norm"], values)
    for name, line in decay.items() if optimizer.decays else ():
        values[name] = np.where(network.decaying, evaluate(line, values), values[name])
    return _try(lines, values, vectors, counted=moving)


def _try(
    lines: Lines,
    values: Values,
    expected: Mapping[str, Array | None],
    noise: float = 0.0,
    held: Collection[str] = (),
    counted: Any = 1.0,
) -> str:
    """Work out lines, and say why they are not what their code gives.

    Their results become values for those that follow, but for `held` names.
    """
    missing = [name for name in expected if name not in lines]
    if missing:
        has = f"has no written line of {missing[0]}" if lines else "has no written lines"
        return f"{has}; give its class `written = {{...}}`"
    given = {*values} - {*held} - {*expected} - {"outputs"}  # that of a loss is kept off 0
    for name, line in lines.items():
        if name in given:
            return f"has a written line of {name}, a name that stands for something else already"
        try:
            result = np.atleast_2d(evaluate(line, values))
        except ParameterError as error:
            return f"cannot be computed: {str(error).partition('; known are')[0].rstrip('.')}"
        code = expected.get(name)
        if code is not None and not _close(result * counted, np.atleast_2d(code) * counted, noise):
            return f"has a written line of {name} that gives something else than its code"
        if name not in held:
            values[name] = result
    return ""


def _close(result: Array, code: Array, noise: float = 0.0) -> bool:
    size = np.max(abs(code), initial=0, where=np.isfinite(code))
    alike = np.shape(result) == np.shape(code)
    return alike and np.allclose(result, code, 0, CLOSE * size + noise, equal_nan=True)
