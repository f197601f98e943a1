"""Networks as model files: all that training changes, by name, and the settings beside it."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from ..checks import Array, checked_path
from ..errors import ModelFileError, ParameterError
from ..layers import Layer, checked_layers, parts_of
from ..network import Network
from ..optimizers import Optimizer
from ..parameters import shapes_of
from ..record import HISTORY, Record
from .archive import from_bytes, to_pieces
from .cuts import left_off
from .objects import CLASSES, Reader, Writer
from .whole import read_file, write_file

#: Steps and epochs are fewer, so that there is room to count on.
MAXIMUM_COUNT = 2**53
#: In seconds, for another thread that is just writing an epoch into the lists of the history.
PAUSES = 0, 0.001, 0.01, 0.1


def save_network(network: Network, path: object) -> None:
    """Write all of a network to a file, once its settings have proved to come back as they are."""
    checked_path(path)
    write_file(path, *to_pieces(*contents(network)))


def refuse_unsavable(network: Network) -> None:
    """Raise the `ParameterError` of saving a network that would not come back as it is."""
    contents(network)


def load_network(cls: type[Any], path: object, custom: Mapping[str, Any] | None = None) -> Any:
    """Return the network of a file, a `cls`."""
    content = read_file(path)
    try:
        return network_from_bytes(cls, content, custom)
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from error.__cause__


# Saving.


def contents(network: Network) -> tuple[dict[str, Array], dict[str, Any]]:
    """Return all of a network, as arrays by name and plain data.

    Raises `ParameterError` if some part of it would not come back as it is.
    """
    if str(network.dtype) not in ("float64", "float32"):
        raise ParameterError(
            f"the network cannot be saved: it computes in {network.dtype}. "
            'Save network.cast("float64").'
        )
    network.refuse_changed_layers()
    writer = Writer(parts_of(network.layers).values())
    layers = {f"layers[{i}]": layer for i, layer in enumerate(network.layers)}
    data = {
        "layers": [_described(writer, place, layer) for place, layer in layers.items()],
        "loss": _described(writer, "loss", network.loss),
        "optimizer": _described(writer, "optimizer", network.optimizer),
        "dtype": str(network.dtype),
        "seed": network.seed,
        "cut_off": _remembered(writer, left_off(network)),
        "custom": list(writer.custom),
    }
    if frozen := [p for p, part in parts_of(network.layers).items() if not part.trainable]:
        data["frozen"] = frozen
    if network.feature_names:
        data["feature_names"] = list(network.feature_names)
    # Copies: it may go on training in another thread while they are written.
    arrays = {name: array.copy() for name, array in network.named_arrays().items()}
    return writer.arrays | arrays | _history(network), data


def _history(network: Network) -> dict[str, Array]:
    """Return the history as arrays; refuse one that has become something else."""
    arrays, history = {}, network.history
    for pause in PAUSES:
        time.sleep(pause)
        history = {k: v[:] if isinstance(v, list) else [None] for k, v in network.history.items()}
        if len({len(values) for values in history.values()}) == 1:
            break
    epochs = len(history.get("loss", ()))
    for name in dict.fromkeys([*HISTORY, *history]):
        values = history.get(name, [None])
        floats = all(isinstance(value, float) for value in values)
        if not (floats and len(values) == epochs and name.isidentifier()):
            raise ParameterError(f"the network cannot be saved: history[{name!r}] is not its own.")
        arrays[f"history.{name}"] = np.array(values, np.float64)
    return arrays


def _described(writer: Writer, place: str, thing: Any) -> Any:
    """Return the description of an object; refuse one that would not come back from it as it is."""
    description = writer.describe(place, thing)
    try:
        again = Reader(dict(writer.arrays), writer.custom).build(description)
        if _outline(again) == _outline(thing):
            return description
        why = f"{thing!r} would come back as {again!r}, with other settings or shapes"
    except Exception as error:  # there is no telling what a class does with its own settings
        why = f"{thing!r} could not be built again ({type(error).__name__}: {error})"
    raise ParameterError(
        f"the network cannot be saved: {why}. Let each __init__ keep its arguments as they are, "
        "and name in state_names what else changes in training."
    )


def _remembered(writer: Writer, cut_off: dict[str, Any] | None) -> Any:
    """Return the description of what the next fit needs; refuse what no file would give back."""
    description = writer.describe("cut_off", cut_off)
    try:
        Reader(dict(writer.arrays), writer.custom).build(description)
    except Exception as error:  # as for an object
        raise ParameterError(f"the memory of a callback cannot be saved: {error}") from None
    return description


def _outline(thing: Any) -> Any:
    """Return all of an object but the numbers that training changes."""
    parts = parts_of([thing]) if isinstance(thing, Layer) else {}
    writer = Writer(parts.values())
    description = json.dumps(writer.describe("", thing))
    arrays = {
        where: (array.dtype, array.shape, array.tobytes()) for where, array in writer.arrays.items()
    }
    inner = [_setting_of(part) for part in [*parts.values()][1:]]
    return description, arrays, shapes_of(parts), inner


def _setting_of(part: Layer) -> Any:
    """Return the description of an inner layer, None where there is none.

    Its block builds it again by itself, so it may be made of what no file can hold; but if
    somebody has changed its settings since, that would be lost.
    """
    with suppress(ParameterError):
        return json.dumps(Writer(part.parts().values()).describe("", part))
    return None


# Loading.


def network_from_bytes(
    cls: type[Any], content: bytes, custom: Mapping[str, Any] | None = None
) -> Any:
    """Return the network of a model file's content, a `cls`.

    Raises `ModelFileError`, and nothing else, for content that is not as `save_network` writes it.
    """
    custom = _checked_custom({} if custom is None else custom)
    arrays, data = from_bytes(content)
    try:
        return _network(cls, arrays, custom, data)
    except ModelFileError:
        raise
    except Exception as error:  # there is no telling what a class does with wrong settings
        words = " ".join(f"{type(error).__name__}: {error}".split())
        raise ModelFileError(f"what the file describes cannot be built: {words}") from error


def _checked_custom(custom: Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(custom, Mapping) or not all(map(callable, custom.values())):
        raise ParameterError(f"custom must be a dict such as {{'Swish': Swish}}; got {custom!r}.")
    for name in custom:
        if name in CLASSES:
            raise ParameterError(f"custom must not redefine {name}, which is a class of ours.")
    return custom


def _network(cls: type[Any], arrays: dict[str, Array], custom: Mapping[str, Any], data: Any) -> Any:
    """Build a network, once all has been checked that could be wrong: it takes room."""
    match data:
        case {
            "layers": list(described),
            "loss": loss,
            "optimizer": optimizer,
            "dtype": "float64" | "float32" as dtype,
            "seed": int(seed),
            "cut_off": dict() | None as cut_off,
            "custom": list(names),
            **named,
        } if named.keys() <= {"feature_names", "frozen"}:
            reader = Reader(arrays, custom, np.dtype(dtype))
            reader.check_names(names)
        case _:
            raise ModelFileError("the description of the network is incomplete.")
    layers = [reader.build(each) for each in described]
    loss, optimizer = reader.build(loss), reader.build(optimizer)
    parts = parts_of(checked_layers(layers))
    if not isinstance(optimizer, Optimizer):
        raise ModelFileError(f"the optimizer is none, but {optimizer!r}.")
    cut_off = reader.build(cut_off)
    values = _values(reader, parts, optimizer)
    history = _entries(reader)
    if reader.arrays:
        raise ModelFileError(f"the file has arrays that belong to nothing: {[*reader.arrays][:3]}.")

    for place, part in parts.items():
        part.start_from({name: values[f"{place}.{name}"] for name in part.declared})
    network = cls(layers, loss, optimizer, seed=seed, dtype=dtype)
    network.feature_names = _feature_names(named, network)
    frozen: Any = named.get("frozen", [])
    for part in parts.values():
        part.trainable = True  # whatever its class begins with
    for place in frozen:
        parts[place].trainable = False
    for name, view in network.named_arrays().items():
        view[...] = values[name]
    network.history.update({name: array.tolist() for name, array in history.items()})
    _check_cut_off(cut_off, network.gradients)
    network.cut_off = cut_off
    return network


def _entries(reader: Reader) -> dict[str, Array]:
    """Return the arrays of the history, by what they are called in it."""
    places = [place for place in reader.arrays if place.startswith("history.")]
    others = [place.removeprefix("history.") for place in places]
    names = dict.fromkeys([*HISTORY, *filter(str.isidentifier, others)])
    history = {name: reader.take(f"history.{name}", dtype=np.float64) for name in names}
    if {array.shape for array in history.values()} != {(history["loss"].size,)}:
        raise ModelFileError("the history is not made of lists of one length.")
    return history


def _feature_names(named: Mapping[Any, Any], network: Network) -> tuple[str, ...] | None:
    """Return what the columns of a network's inputs are called, None where they had no names."""
    if "feature_names" not in named:
        return None
    match named["feature_names"]:
        case [*names] if all(isinstance(name, str) for name in names):
            if len({*names}) == len(names) == (network.in_features or len(names)) > 0:
                return tuple(names)
    raise ModelFileError("the names of the columns are not those of its features.")


def _check_cut_off(cut_off: Any, gradients: Array) -> None:
    """Refuse what no fit under way leaves."""
    match cut_off:
        case None:
            return
        case {
            "plan": [int(), int(), bool(), int()],
            "steps": int(),
            "told": int(told),
            "stopped": bool(),
            "gradients": np.ndarray() as given,
            "memories": list(memories),
        } if told >= 0 and (given.shape, given.dtype) == (gradients.shape, gradients.dtype):
            if all(map(_is_memory, memories)):
                return
    raise ModelFileError("what the file says of a fit under way is such as none leaves.")


def _is_memory(memory: Any) -> bool:
    """Tell whether something can be what a callback remembers, with whose it is."""
    match memory:
        case [str(), dict()]:
            return True
    return False


def _values(reader: Reader, parts: Mapping[str, Layer], optimizer: Optimizer) -> dict[str, Array]:
    """Return all that training changes in such a network, from the arrays of a file."""
    parameters, states = shapes_of(parts)
    size = sum(map(math.prod, parameters.values()))
    kept = {f"optimizer.{name}": (size,) for name in optimizer.state_names}
    shapes = parameters | states | kept
    values = {name: reader.take(name, shape, reader.dtype) for name, shape in shapes.items()}
    for name, view in Record({}, {}, reader.dtype).views.items():
        values[name] = reader.take(name, view.shape, view.dtype)
    _check_counts(values)
    return values


def _check_counts(values: Mapping[str, Array]) -> None:
    """Refuse counts and sums that training never makes: going on from them would not end well."""
    counts = [values[name] for name in ("steps", "epochs", "optimizer_steps")]
    *plan, batches, losses, norms, weight = values["running"].tolist()
    samples, batch_size, *_ = plan
    can_be = (
        all(0 <= count < MAXIMUM_COUNT for count in counts)
        and 0 <= values["optimizer_rate"] < math.inf
        and all(each.is_integer() and 0 <= each < MAXIMUM_COUNT for each in [*plan, batches])
        and (0 < weight < math.inf if batches else not any((losses, norms, weight)))
        and (batch_size == 0 or 0 <= batches * batch_size < samples + batch_size)
    )
    if not can_be:
        raise ModelFileError("the counts of steps and epochs are such as training never makes.")
