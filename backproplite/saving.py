"""Saving networks to model files, and loading them so that training goes on to the bit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.random import MT19937, PCG64, PCG64DXSM, SFC64, Philox

from .checks import Array, whole_number
from .descriptions import CLASSES, MAXIMUM_INTEGER, Reader, Writer
from .errors import ModelFileError, ParameterError
from .files import checked_path, read_file, write_file
from .layers import Layer
from .storage import from_bytes, to_bytes
from .training import Epoch

GENERATORS = {cls.__name__: cls for cls in (PCG64, PCG64DXSM, Philox, SFC64, MT19937)}
#: What numbers in a generator's state may be at most; NumPy itself does not look.
LIMITS = {"pos": 624, "buffer_pos": 4, "has_uint32": 1, "uinteger": 2**32 - 1}
HISTORY = "loss", "val_loss", "learning_rate", "gradient_norm"

#: An object, the name of one of its arrays, and what belongs into that.
Kept = tuple[Any, str, Array]


def save_network(cls: type[Any], network: Any, path: object) -> None:
    """Write all of a network to a file, once it has proved to come back from that as it is."""
    checked_path(path)
    write_file(path, network_to_bytes(cls, network))


def load_network(cls: type[Any], path: object, custom: Mapping[str, Any] | None = None) -> Any:
    """Return the network of a file, a `cls`."""
    content = read_file(path)
    try:
        return network_from_bytes(cls, content, custom)
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from error.__cause__


def network_to_bytes(cls: type[Any], network: Any) -> bytes:
    """Return the content of a model file, which can be loaded as a `cls`.

    Raises `ParameterError` if some part of the network would not come back as it is.
    """
    writer = Writer()
    content = _content(network, writer)
    try:
        again = network_from_bytes(cls, content, writer.custom)
    except ModelFileError as error:
        raise ParameterError(f"the network cannot be saved: {error}") from error
    if _content(again, Writer()) != content:
        pairs = zip(_objects(network), _objects(again), strict=True)
        changed = [f"{old!r} as {new!r}" for old, new in pairs if repr(old) != repr(new)]
        raise ParameterError(
            f"the network cannot be saved: it would not come back as it is, but "
            f"{'; '.join(changed) or 'with other numbers'}. Let each __init__ keep its arguments "
            "as they are, and name in state_names what else changes in training."
        )
    return content


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


def _objects(network: Any) -> list[Any]:
    return [*network.layers, network.loss, network.optimizer]


def _checked_custom(custom: Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(custom, Mapping) or not all(map(callable, custom.values())):
        raise ParameterError(f"custom must be a dict such as {{'Swish': Swish}}; got {custom!r}.")
    for name in custom:
        if name in CLASSES:
            raise ParameterError(f"custom must not redefine {name}, which is a class of ours.")
    return custom


def _content(network: Any, writer: Writer) -> bytes:
    """Return a network as the content of a file."""
    optimizer, rng = network.optimizer, network.rng
    own = type(rng) is np.random.Generator and type(rng.bit_generator) in GENERATORS.values()
    if not own:
        raise ParameterError(f"the network cannot be saved: rng {rng!r} is not one of NumPy's own.")
    described = []
    for i, layer in enumerate(network.layers):
        names = list(layer.block.shapes)
        described.append([*writer.object(f"layers[{i}]", layer, in_network=True), names])
        for name in [*names, *layer.state_names]:
            writer.arrays[f"layers[{i}].{name}"] = getattr(layer, name)
    for name in optimizer.state_names:
        writer.arrays[f"optimizer.{name}"] = getattr(optimizer, name)
    for name, values in network.history.items():
        if name not in HISTORY or not all(isinstance(value, float) for value in values):
            raise ParameterError(f"the network cannot be saved: history[{name!r}] is not its own.")
        writer.arrays[f"history.{name}"] = np.array(values, np.float64)
    epoch = network._unfinished_epoch
    sums = None if epoch is None else epoch.sums.get(network._steps_made)
    if sums is not None:  # else nothing was cut off, or other steps have been made since
        writer.arrays["epoch.sums"] = np.array(sums, np.float64)
        if epoch.order is not None:
            writer.arrays["epoch.order"] = epoch.order
    data = {
        "layers": described,
        "loss": writer.describe("loss", network.loss),
        "optimizer": writer.describe("optimizer", optimizer),
        "step_count": optimizer.step_count,
        "rate": float(optimizer.rate),
        "dtype": str(network.dtype),
        "epoch_count": network.epoch_count,
        "epoch": None if sums is None else list(epoch.kind),
        "rng": writer.describe("rng", rng.bit_generator.state),
        "custom": list(writer.custom),
    }
    return to_bytes(writer.arrays, data)


def _network(cls: type[Any], reader: Reader, data: Any) -> Any:
    """Build a network, once all has been checked that could be wrong: it takes room."""
    match data:
        case {
            "layers": list(described),
            "loss": loss,
            "optimizer": optimizer,
            "step_count": steps,
            "rate": float(rate),
            "dtype": "float64" | "float32" as dtype,
            "epoch_count": epochs,
            "epoch": kind,
            "rng": dict(rng),
            "custom": list(names),
        } if len(data) == 10:
            reader.check_names(names)
        case _:
            raise ModelFileError("the description of the network is incomplete.")
    steps, epochs = whole_number("step_count", steps, 0), whole_number("epoch_count", epochs, 0)
    generator = _generator(reader.build(rng))
    loss, optimizer = reader.build(loss), reader.build(optimizer)
    kept: list[Kept] = []
    layers = [_layer(reader, i, each, np.dtype(dtype), kept) for i, each in enumerate(described)]
    size = sum(layer.block.values.size for layer in layers)
    for name in optimizer.state_names:
        kept.append((optimizer, name, _taken(reader, f"optimizer.{name}", (size,), dtype)))
    lists = {name: reader.take(f"history.{name}") for name in HISTORY}
    if any(values.ndim != 1 or values.dtype != np.float64 for values in lists.values()):
        raise ModelFileError("the history is not made of lists of floats.")
    epoch = None if kind is None else _epoch(reader, kind)
    if reader.arrays:
        raise ModelFileError(f"the file has arrays that belong to nothing: {[*reader.arrays][:3]}.")

    network = cls(layers, loss, optimizer, seed=generator, dtype=dtype)
    for owner, name, array in kept:
        getattr(owner, name)[...] = array
    network.gradients[...] = 0
    optimizer.step_count, optimizer.rate, network.epoch_count = steps, rate, epochs
    network._unfinished_epoch = epoch
    network.history = {name: values.tolist() for name, values in lists.items()}
    return network


def _layer(reader: Reader, i: int, described: Any, dtype: np.dtype[Any], kept: list[Kept]) -> Layer:
    """Build a layer, and note what belongs into it: its parameters, and the rest that it keeps."""
    match described:
        case [str(name), dict(settings), list(names)]:
            stored = {each: reader.take(f"layers[{i}].{each}") for each in names}
        case _:
            raise ModelFileError(f"layers[{i}] is not described as a layer is.")
    if any(array.dtype != dtype for array in stored.values()):
        raise ModelFileError(f"layers[{i}] has parameters that are not {dtype}.")
    layer = reader.object(name, settings, stored)
    if not isinstance(layer, Layer) or list(layer.block.shapes) != names:
        raise ModelFileError(f"layers[{i}] {layer!r} is not a layer with parameters {names}.")
    kept += [(layer, each, array) for each, array in stored.items()]
    for each in layer.state_names:
        array = _taken(reader, f"layers[{i}].{each}", getattr(layer, each).shape, dtype)
        kept.append((layer, each, array))
    return layer


def _epoch(reader: Reader, kind: Any) -> Epoch:
    """Return the epoch that a network was saved in the middle of."""
    match kind:
        case [int(samples), int(batch_size), bool(), int()] if 1 <= batch_size <= samples:
            epoch = Epoch(tuple(kind), 0)
        case _:
            raise ModelFileError("the epoch that was cut off is not described as one is.")
    batches, *sums = _taken(reader, "epoch.sums", (4,), "float64").tolist()
    most = -(-samples // batch_size)
    if not (batches.is_integer() and 0 <= batches <= most) or (batches and not sums[-1] > 0):
        raise ModelFileError("the epoch that was cut off has sums that it cannot have.")
    epoch.sums[0] = int(batches), *sums
    if "epoch.order" in reader.arrays:
        order = _taken(reader, "epoch.order", (samples,), "int64")
        found = np.zeros(samples, bool)
        found[order[(order >= 0) & (order < samples)]] = True
        if not found.all():
            raise ModelFileError("the epoch that was cut off has an order that leaves samples out.")
        epoch.order = order.copy()
    return epoch


def _taken(reader: Reader, where: str, shape: tuple[int, ...], dtype: Any) -> Array:
    array = reader.take(where)
    if array.shape != shape or array.dtype != dtype:
        raise ModelFileError(
            f"{where} must have shape {shape} and dtype {dtype}; got {array.shape}, {array.dtype}."
        )
    return array


def _generator(state: Any) -> np.random.Generator:
    """Return a random generator in a given state, if its kind can come into that."""
    bit_generator = GENERATORS[state["bit_generator"]](0)
    if not _alike(state, bit_generator.state) or _is_stuck(**state["state"]):
        raise ModelFileError("the random generator is in a state that it cannot come into.")
    bit_generator.state = state
    return np.random.Generator(bit_generator)


def _is_stuck(inc: int = 1, pos: int | None = None, key: Any = None, **_: Any) -> bool:
    """Tell whether a generator would draw zeros for ever, and whoever wants another would hang."""
    return inc % 2 == 0 or (pos is not None and not key[1:].any())


def _alike(given: Any, model: Any, name: str = "") -> bool:
    """Tell whether a generator's state is made like that of another generator of its kind."""
    if isinstance(model, dict):
        same = isinstance(given, dict) and given.keys() == model.keys()
        return same and all(_alike(given[key], model[key], key) for key in model)
    if isinstance(model, np.ndarray):
        same = isinstance(given, np.ndarray) and given.shape == model.shape
        return same and given.dtype == model.dtype
    if isinstance(model, str):
        return bool(given == model)
    return type(given) is int and 0 <= given <= LIMITS.get(name, MAXIMUM_INTEGER)
