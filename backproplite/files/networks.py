"""Networks as model files: the record, the history, the seed, and the settings of all parts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..checks import Array, checked_path
from ..errors import ModelFileError, ParameterError
from ..layers import Layer, checked_layers, parts_of
from ..network import Network
from ..optimizers import Optimizer
from ..record import HISTORY, PLAN, SUMS
from .archive import from_bytes, to_bytes
from .objects import CLASSES, Reader, Writer
from .whole import read_file, write_file


def save_network(network: Network, path: object) -> None:
    """Write all of a network to a file, once its settings have proved to come back as they are."""
    checked_path(path)
    write_file(path, network_to_bytes(network))


def load_network(cls: type[Any], path: object, custom: Mapping[str, Any] | None = None) -> Any:
    """Return the network of a file, a `cls`."""
    content = read_file(path)
    try:
        return network_from_bytes(cls, content, custom)
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from error.__cause__


# Saving.


def network_to_bytes(network: Network) -> bytes:
    """Return the content of a model file.

    Raises `ParameterError` if some part of the network would not come back as it is.
    """
    objects: dict[str, Any] = {f"layers[{i}]": layer for i, layer in enumerate(network.layers)}
    objects |= {"loss": network.loss, "optimizer": network.optimizer}
    writer = Writer(parts_of(network.layers).values())
    described = {place: writer.describe(place, thing) for place, thing in objects.items()}
    reader = Reader(dict(writer.arrays), writer.custom)
    for place, thing in objects.items():
        _prove(place, thing, described[place], reader)
    for name, values in network.history.items():
        if name not in HISTORY or not all(isinstance(value, float) for value in values):
            raise ParameterError(f"the network cannot be saved: history[{name!r}] is not its own.")
    history = {f"history.{name}": np.array(network.history[name], np.float64) for name in HISTORY}
    data = {
        "layers": [described[f"layers[{i}]"] for i in range(len(network.layers))],
        "loss": described["loss"],
        "optimizer": described["optimizer"],
        "dtype": str(network.dtype),
        "seed": network.seed,
        "custom": list(writer.custom),
    }
    return to_bytes(writer.arrays | network.named_arrays() | history, data)


def _prove(place: str, thing: Any, description: Any, reader: Reader) -> None:
    """Refuse an object that could not be built again as it is from its description."""
    try:
        again = reader.build(description)
        if _outline(place, again) == _outline(place, thing):
            return
        why = f"it would not come back as it is, but {thing!r} as {again!r}"
    except Exception as error:  # there is no telling what a class does with its own settings
        why = f"{thing!r} could not be built again ({error})"
    raise ParameterError(
        f"the network cannot be saved: {why}. Let each __init__ keep its arguments as they are, "
        "and name in state_names what else changes in training."
    )


def _outline(place: str, thing: Any) -> Any:
    """Return all of an object but the numbers that the record holds."""
    parts = parts_of([thing]) if isinstance(thing, Layer) else {}
    writer = Writer(parts.values())
    description = writer.describe(place, thing)
    settings = {
        name: (array.dtype, array.shape, array.tobytes()) for name, array in writer.arrays.items()
    }
    return description, settings, _shapes(parts)


def _shapes(parts: Mapping[str, Layer]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of all parameters, and of what layers keep besides, by their places."""
    parameters = {
        f"{place}.{name}": declared.shape
        for place, part in parts.items()
        for name, declared in part.declared.items()
    }
    return parameters | {
        f"{place}.{name}": np.shape(getattr(part, name))
        for place, part in parts.items()
        for name in part.state_names
    }


# Loading.


def network_from_bytes(
    cls: type[Any], content: bytes, custom: Mapping[str, Any] | None = None
) -> Any:
    """Return the network of a model file's content, a `cls`.

    Raises `ModelFileError`, and nothing else, for content that `network_to_bytes` does not make.
    """
    custom = _checked_custom({} if custom is None else custom)
    arrays, data = from_bytes(content)
    try:
        return _network(cls, Reader(arrays, custom), data)
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


def _network(cls: type[Any], reader: Reader, data: Any) -> Any:
    """Build a network, once all has been checked that could be wrong: it takes room."""
    match data:
        case {
            "layers": list(described),
            "loss": loss,
            "optimizer": optimizer,
            "dtype": "float64" | "float32" as dtype,
            "seed": int(seed),
            "custom": list(names),
        } if len(data) == 6:
            reader.check_names(names)
        case _:
            raise ModelFileError("the description of the network is incomplete.")
    layers = [reader.build(each) for each in described]
    loss, optimizer = reader.build(loss), reader.build(optimizer)
    parts = parts_of(checked_layers(layers))
    if not isinstance(optimizer, Optimizer):
        raise ModelFileError(f"the optimizer is none, but {optimizer!r}.")
    values = _values(reader, parts, optimizer, np.dtype(dtype))
    history = {name: _taken_list(reader, f"history.{name}") for name in HISTORY}
    if reader.arrays:
        raise ModelFileError(f"the file has arrays that belong to nothing: {[*reader.arrays][:3]}.")

    for place, part in parts.items():
        part.start_from({name: values[f"{place}.{name}"] for name in part.declared})
    network = cls(layers, loss, optimizer, seed=seed, dtype=dtype)
    for name, view in network.named_arrays().items():
        view[...] = values[name]
    network.history.update(history)
    return network


def _values(
    reader: Reader, parts: Mapping[str, Layer], optimizer: Optimizer, dtype: np.dtype[Any]
) -> dict[str, Array]:
    """Return all that the record of such a network holds, from the arrays of a file."""
    shapes = _shapes(parts)
    size = sum(
        math.prod(shapes[f"{p}.{name}"]) for p, part in parts.items() for name in part.declared
    )
    shapes |= {f"optimizer.{name}": (size,) for name in optimizer.state_names}
    values = {name: reader.take(name, shape, dtype) for name, shape in shapes.items()}
    values |= {
        name: reader.take(name, (), np.int64) for name in ("steps", "epochs", "optimizer.steps")
    }
    values["optimizer.rate"] = reader.take("optimizer.rate", (), np.float64)
    values["running"] = reader.take("running", (PLAN + SUMS,), np.float64)
    counts = values["steps"], values["epochs"], values["optimizer.steps"], values["optimizer.rate"]
    if min(counts) < 0 or not _can_run(*values["running"].tolist()):
        raise ModelFileError("the counts of steps and epochs are such as training never makes.")
    return values


def _can_run(
    samples: float,
    batch_size: float,
    shuffled: float,
    checksum: float,
    batches: float,
    *sums: float,
) -> bool:
    """Tell whether an epoch can have such a plan, and have come to such sums."""
    if samples == 0:  # none that could be finished
        return not any((batch_size, shuffled, checksum))
    whole = all(
        each.is_integer() and each >= 0 for each in (samples, batch_size, checksum, batches)
    )
    return (
        whole
        and 1 <= batch_size <= samples < 2**53
        and shuffled in (0, 1)
        and batches <= math.ceil(samples / batch_size)
        and (sums[-1] > 0 if batches else not any(sums))
    )


def _taken_list(reader: Reader, where: str) -> list[float]:
    """Return a list of floats."""
    array = reader.take(where)
    if array.ndim != 1 or array.dtype != np.float64:
        raise ModelFileError("the history is not made of lists of floats.")
    return array.tolist()
