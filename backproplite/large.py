"""Data larger than memory: arrays made ready row by row, and batches that come in a stream.

Loaded when such are met.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from .chance import SPLIT
from .checks import (
    Array,
    answers,
    blocks,
    column_names,
    in_one_block,
    matrix,
    number,
    real_array,
    same_samples,
)
from .errors import BackpropliteError, InputError, ParameterError
from .training import Batch, Plan

if TYPE_CHECKING:
    from .network import Network

#: The bytes from which on an array is worth a look at its blocks.
SMALL = 2**18
#: The bytes that an array made ready may take as a whole.
LARGE = 2**26
#: What stands for the end of a stream.
END = object()


class Rows:
    """What is made of the rows of an array, when they are taken.

    Parameters
    ----------
    array : array or Rows
        In memory, or in a file that is mapped.
    ready : function of an array
        What makes rows ready for use.
    """

    def __init__(self, array: Any, ready: Callable[[Any], Array]) -> None:
        self.array, self.ready = array, ready
        first = ready(array[:1])
        self.dtype, self.ndim, self.shape = first.dtype, first.ndim, (len(array), *first.shape[1:])
        self.size, self.nbytes = first.size * len(array), first.nbytes * len(array)

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, rows: Any) -> Any:
        """Return rows made ready; of a mask, what makes them."""
        if getattr(getattr(rows, "dtype", None), "kind", "") == "b":
            return Rows(np.flatnonzero(rows), self.__getitem__)
        return self.ready(self.array[rows])


def in_blocks(name: str, value: Any, ready: Callable[[str, Any], Array]) -> Any:
    """Return what `ready(name, value)` does, without a copy of all that is large.

    An array that is as it should be is looked at block by block; one that is not is made ready
    when its rows are taken.
    """
    plain = isinstance(value, np.ndarray) and not isinstance(value, np.ma.MaskedArray)
    if not plain or value.nbytes <= SMALL or value.dtype.kind not in "biuf":
        return ready(name, value)
    given = np.asarray(value)
    first = ready(f"{name}[:1]", given[:1])
    as_it_is = given.flags.c_contiguous and np.may_share_memory(first, given)
    if not as_it_is and first.nbytes * len(given) <= LARGE:
        return ready(name, value)
    for block in blocks(given):
        ready(f"{name}[{block.start}:{block.stop}]", given[block])
    if not as_it_is:
        return Rows(given, partial(ready, name))
    array = given.reshape(len(given), *first.shape[1:])
    array.flags.writeable = False
    return array


def inputs_in_blocks(network: Network, X: Any, of: str = "") -> Any:
    """Return inputs as `prepare_inputs` does, large ones as `in_blocks` does."""
    wanted = network.dtype, network.in_features, network.feature_names
    return in_blocks(f"{of}X", X, lambda name, x: matrix(name, x, *wanted))


def data_in_blocks(
    network: Network,
    X: Any,
    y: Any,
    sample_weight: object = None,
    of: str = "",
    class_weight: object = None,
) -> Batch:
    """Return data as `prepare` does, large arrays as `in_blocks` does."""
    if max(getattr(X, "nbytes", 0), getattr(y, "nbytes", 0)) <= SMALL:
        return network.prepare(X, y, sample_weight, of, class_weight)
    x = inputs_in_blocks(network, X, of)
    width = network.out_features or [*network.way_forward(np.array(x[:2]))][-1][0].shape[-1]
    ready = partial(network.loss.prepare_targets, outputs=width, dtype=network.dtype)
    targets = in_blocks(f"{of}y", y, ready)
    same_samples(f"{of}X", x, f"{of}y", targets)
    if sample_weight is not None or class_weight is not None:  # a mask may choose some
        x, targets = (
            Rows(each, np.asarray) if each.nbytes > LARGE else each for each in (x, targets)
        )
    return network.weighted(Batch(x, targets), sample_weight, class_weight, of)


def data_for(
    network: Network,
    X: Any,
    y: Any,
    epochs: int,
    batch_size: object,
    sample_weight: object = None,
    class_weight: object = None,
    validation_split: object = None,
) -> Batch | Stream:
    """Return what to go through so many times: arrays, or batches where there is no y."""
    if y is not None or hasattr(X, "shape"):
        return data_in_blocks(network, X, y, sample_weight, "", class_weight)
    weights = {"sample_weight": sample_weight, "class_weight": class_weight}
    refuse_options(batch_size=batch_size, **weights, validation_split=validation_split)
    try:
        return Stream("X", X, network.prepare, "", epochs)
    except BackpropliteError as error:
        error.add_note("Where there is no y, X stands for batches (X, y).")
        raise


def data_to_fit(
    network: Network,
    X: Any,
    y: Any,
    epochs: int,
    batch_size: object,
    sample_weight: object,
    class_weight: object,
    validation_data: Any,
    validation_split: Any,
    metrics: object,
) -> tuple[Batch | Stream, Batch | Stream | None]:
    """Return what to train on, and what to validate on; metrics go through both once more."""
    if validation_split is None:
        times = epochs if metrics is None else 2 * epochs
        data = data_for(network, X, y, times, batch_size, sample_weight, class_weight)
        like = data.like if isinstance(data, Stream) else X
        return data, validation_for(network, validation_data, like, times)
    if validation_data is not None:
        raise both_validations()
    data = data_for(network, X, y, epochs, batch_size, None, None, validation_split)
    weights = sample_weight, class_weight
    return split(network, data, validation_split, *weights)


def both_validations() -> ParameterError:
    """Return the error for two sorts of validation data."""
    return ParameterError("validation_split cannot be had with validation_data: leave one out.")


def split(
    network: Network, data: Any, fraction: Any, sample_weight: Any, class_weight: object
) -> tuple[Batch, Batch]:
    """Return data without a fraction of the samples, and that fraction, each with its weights.

    The same seed holds out the same samples; of each class, about the same share.
    """
    fraction = number("validation_split", fraction, above=0, below=1)
    samples = len(data.x)
    count = round(fraction * samples)
    if not 0 < count < samples:
        what = "validate" if not count else "train"
        raise ParameterError(
            f"validation_split={fraction:g} of {samples} samples leaves none to {what} on."
        )
    order = network.chance.at(SPLIT, 0).permutation(samples)
    if network.loss.labels is not None:
        order = order[np.lexsort(data.targets[:][order].T)]  # class by class
    held_out = np.zeros(samples, bool)
    held_out[order[(2 * np.arange(count) + 1) * samples // (2 * count)]] = True
    if sample_weight is not None:
        weights = real_array("sample_weight", sample_weight)
        if weights.shape != (samples,) or (weights < 0).any():
            raise answers().no_weights("sample_weight", weights, samples)
    parts = []
    for of, rows in {"": ~held_out, "validation ": held_out}.items():
        part = Batch(*(selected(each, rows) for each in data[:2]))
        own = None if sample_weight is None else weights[rows]
        parts.append(network.weighted(part, own, None if of else class_weight, of))
    return parts[0], parts[1]


def selected(array: Any, rows: Array) -> Any:
    """Return some rows of an array, when they are taken if it is large."""
    return (Rows(array, np.asarray) if array.nbytes > LARGE else array)[rows]


def validation_for(network: Network, given: Any, like: object, epochs: int | None = None) -> Any:
    """Return validation data ready for use, with columns like those of the training data.

    Large arrays, and batches, are to be scored in so many epochs; None is for arrays in memory.
    """
    prepare = network.prepare if epochs is None else partial(data_in_blocks, network)
    columns = None if network.feature_names else column_names(like)

    def ready(X: Any, y: Any, weight: object = None, of: str = "validation ") -> Batch:
        if columns:
            X = matrix(f"{of}X", X, network.dtype, network.in_features, columns)
        return prepare(X, y, weight, of)

    if given is None:
        return None
    if epochs is not None and is_stream(given):
        return Stream("validation_data", given, ready, "validation ", epochs)
    if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
        raise answers().no_validation(given)
    return ready(*given)


def average(
    data: Batch | Stream, value: Callable[[Batch], Any], batch_size: int | None = None
) -> Any:
    """Return the mean of a number of each batch, or of each block where data are at hand."""
    parts = [(value(batch), weight) for batch, weight in pieces(data, batch_size)]
    if len(parts) == 1:
        return parts[0][0]
    total = sum(weight for _, weight in parts)
    return sum(each * np.float64(weight / total) for each, weight in parts)


def pieces(data: Batch | Stream, batch_size: int | None = None) -> Iterator[tuple[Batch, float]]:
    """Return the batches of a stream, or blocks of data at hand, each with what it weighs."""
    if isinstance(data, Stream):
        return data.pieces()
    parts = map(data.select, blocks(data.x, batch_size))
    return ((batch, float(len(batch.x))) for batch in parts)


def outputs_of(
    network: Network, X: Any, batch_size: int | None, made_of: Callable[[Array], Array]
) -> Array:
    """Return what is made of inputs, block by block, or of each batch of them."""
    if is_batch(X) or is_stream(X):
        refuse_options(batch_size=batch_size)
        numbered = enumerate(whole("X", begun("X", X)), 1)
        given = ((f"batch {i}: ", each[0] if is_batch(each) else each) for i, each in numbered)
        return np.concatenate([made_of(network.prepare_inputs(x, of)) for of, x in given])
    x = inputs_in_blocks(network, X)
    if batch_size is None and in_one_block(x):
        return made_of(x)
    first, *others = blocks(x, batch_size)
    begun_with = made_of(x[first])
    outputs = np.empty((len(x), *begun_with.shape[1:]), begun_with.dtype)
    outputs[first] = begun_with
    for rows in others:
        outputs[rows] = made_of(x[rows])
    return outputs


def is_stream(value: Any) -> bool:
    """Tell whether something gives batches one after the other, and is no array or table itself.

    A list does if it holds batches (X, y), and these hold arrays.
    """
    if isinstance(value, (list, tuple)):
        return bool(value) and is_batch(value[0])
    others = str, bytes, Mapping, Set
    iterable = isinstance(value, Iterable) and not isinstance(value, others)
    return callable(value) or (iterable and not hasattr(value, "shape"))


def is_batch(value: Any) -> bool:
    """Tell whether something is a list or tuple that begins with a matrix."""
    return isinstance(value, (list, tuple)) and bool(value) and getattr(value[0], "ndim", 0) == 2


def refuse_options(**options: object) -> None:
    """Refuse what cannot be had with batches."""
    mends = {
        "batch_size": "they are as large as they come.",
        "sample_weight": "give it in them, (X, y, sample_weight).",
        "validation_split": "give validation_data.",
        "class_weight": "it needs all data at once. Give a sample_weight in them.",
    }
    for name, value in options.items():
        if value is not None:
            raise ParameterError(f"{name} cannot be had where X gives batches: {mends[name]}")


def begun(name: str, source: Any) -> Iterator[Any]:
    """Return a new iterator over batches."""
    try:
        return iter(source if hasattr(source, "__iter__") or not callable(source) else source())
    except TypeError as error:
        raise InputError(
            f"{name} without y must give batches (X, y), one after the other; got "
            f"{type(source).__name__}. Python says: {error}."
        ) from None


def whole(name: str, batches: Iterator[Any]) -> Iterator[Any]:
    """Return an iterator over the same; refuse one that gives none."""
    first = next(batches, END)
    if first is END:
        raise InputError(f"{name} must give one batch at least; it gave none.")
    return chain([first], batches)


class Stream:
    """Batches that come one after the other, begun anew each time that they are gone through.

    It stands in the place of a `Batch` of all data, and has the x, targets and shares of the first.

    Parameters
    ----------
    name : str
        What it is called in messages.
    source : iterable, or function that returns one
        Of batches (X, y) or (X, y, sample_weight).
    prepare : function of X, y, sample_weight and `of`
        What makes a `Batch` of one of them.
    of : str
        Whose they are, for the messages: "validation ".
    epochs : int
        How many times it is to be gone through.

    Attributes
    ----------
    like
        The first inputs as they came, which may be a table that names its columns.
    """

    #: It is gone through as it comes: by nothing can an epoch tell it from another.
    plan = Plan(samples=0, batch_size=0, shuffled=False, checksum=1)

    def __init__(
        self, name: str, source: Any, prepare: Callable[..., Batch], of: str, epochs: int
    ) -> None:
        self.name, self.source, self.prepare, self.of = name, source, prepare, of
        self.users_settings = np.geterr()  # which the source runs under
        batches = begun(name, source)
        if batches is source and epochs > 1:
            raise InputError(
                f"{name} must give its batches again and again; got {type(source).__name__}, which "
                "gives them once. Give a list, or a function that returns a new one each time."
            )
        batches = whole(name, batches)
        given = next(batches)
        self.ahead: Iterator[Any] | None = chain([given], batches)
        first, _ = self._prepared(given, 1)
        self.x, self.targets, self.shares = first
        self.select = first.select
        self.like = given[0]

    def pieces(self, done: int = 0) -> Iterator[tuple[Batch, float]]:
        """Yield the batches after those that are done, each with the sum of its weights."""
        batches, self.ahead, number = self.ahead or begun(self.name, self.source), None, 0
        while True:
            with np.errstate(**self.users_settings):
                given = next(batches, END)
            if given is END:
                break
            number += 1
            if number > done:
                yield self._prepared(given, number)
        if not number:
            raise InputError(
                f"{self.name} ran dry: it gave no batch when it was begun anew. Give a list, or a "
                "function that returns a new iterator each time."
            )

    def _prepared(self, given: Any, number: int) -> tuple[Batch, float]:
        of = f"{self.of}batch {number}: "
        if not isinstance(given, (list, tuple)) or len(given) not in (2, 3):
            length = f" of {len(given)}" if isinstance(given, (list, tuple)) else ""
            raise InputError(
                f"{of}it must be (X, y) or (X, y, sample_weight); got "
                f"{type(given).__name__}{length}."
            )
        X, y, *weight = given
        batch = self.prepare(X, y, *weight, of=of)
        if not weight or weight[0] is None:
            return batch, float(len(batch.x))
        return batch, float(np.sum(np.asarray(weight[0], float)))
