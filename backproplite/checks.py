"""The one place that checks what users pass in: shapes, dtypes, ranges, finiteness.

Every message says which argument is meant, what was expected, what was given,
and how to mend it. Arrays come back in the wanted dtype, in C order; the
caller's own array is never written to.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .errors import InputError, ParameterError, ShapeError

__all__ = ["Array"]

#: An array of numbers of any shape and dtype, for annotations.
Array: TypeAlias = NDArray[Any]
_cast = np.errstate(over="ignore")(np.ndarray.astype)
__tracebackhide__ = True  # pytest shows what was asked for, not the door
#: The rows of a block, and the numbers that these may come to.
BLOCK = 4096, 2**22


def real_array(
    name: str, value: object, dtype: DTypeLike = np.float64, labels: str | None = None
) -> Array:
    """Return `value` as an array of finite real numbers in `dtype`, any shape.

    Raises `InputError` for text, objects, complex numbers, sparse matrices, ragged lists, NaN
    and infinity. For `labels` of any sort, the message says how text is numbered.
    """
    given = value if type(value) is np.ndarray else _as_array(name, value)
    if given.dtype.kind not in "biuf":
        raise answers().no_numbers(name, value, given, "real numbers", labels)
    array = np.asarray(given if given.dtype == dtype else _cast(given, dtype), order="C").view()
    # A sum of squares is quick, and finite unless some number is not, or is beyond most.
    if not (math.isfinite(abs(np.vdot(array, array))) or np.isfinite(array).all()):
        raise answers().not_finite(name, value, given, array)
    array.flags.writeable = False  # it may be the user's own, and layers may try
    return array


def blocks(array: Array, batch_size: object = None) -> list[slice]:
    """Return slices that part an array into blocks of `batch_size` rows, or of few enough."""
    if batch_size is None:
        rows = max(1, min(BLOCK[0], BLOCK[1] // (math.prod(array.shape[1:]) or 1)))
    else:
        rows = whole_number("batch_size", batch_size, 1)
    return [slice(start, start + rows) for start in range(0, len(array), rows)]


def in_one_block(array: Array) -> bool:
    """Tell whether an array is no more than a block."""
    return array.ndim > 0 and len(array) <= BLOCK[0] and array.size <= BLOCK[1]


def answers() -> Any:
    """Return what says what is wrong with data: loaded when something is."""
    from .answers import data

    return data


def floating(x: object) -> Array:
    """Return x as floats: floats and complex numbers as they are, integers as float64."""
    array = _as_array("x", x)
    if array.dtype.kind in "fc":
        return array
    if array.dtype.kind in "biu":
        return array.astype(np.float64)
    raise answers().no_numbers("x", x, array, "numbers")


def _as_array(name: str, value: Any) -> Array:
    """Return what NumPy makes of a value; a table of several dtypes column by column.

    As a whole it would become a table of objects, which takes longer unless it is small.
    """
    if hasattr(type(value), "dtypes") or hasattr(type(value), "cat"):  # pandas, polars
        answers().refuse_columns(name, value)
    if isinstance(value, np.ma.MaskedArray):
        raise answers().masked(name)
    try:
        if hasattr(value, "columns") and hasattr(value, "items") and len(value) > 50:
            dtypes = {*value.dtypes}
            if len(dtypes) > 1 or not all(isinstance(each, np.dtype) for each in dtypes):
                columns = [_as_numbers(np.asarray(column)) for _, column in value.items()]
                if all(column.dtype.kind in "biuf" for column in columns):
                    return np.stack(columns, axis=1)
        array = np.asarray(value)
        return array if isinstance(value, np.ndarray) else _as_numbers(array)
    except (ValueError, TypeError, RuntimeError) as error:
        raise answers().no_array(name, value, error) from None


def _as_numbers(given: Array) -> Array:
    """Return objects that are all real numbers as float64, anything else as it is."""
    if given.dtype.kind == "O" and all(isinstance(e, (Real, np.bool_)) for e in given.flat):
        return np.array([_as_float(entry) for entry in given.flat]).reshape(given.shape)
    return given


def _as_float(value: Any) -> float:
    """Return a float, infinity for a whole number beyond all floats."""
    try:
        return float(value)
    except OverflowError:
        return math.inf


def column_names(table: object) -> tuple[str, ...] | None:
    """Return the names of a table's columns; None where there are none to tell them apart by."""
    columns = getattr(table, "columns", None)
    names = tuple(columns) if isinstance(columns, Iterable) else ()
    named = all(isinstance(each, str) for each in names) and len({*names}) == len(names)
    return names if names and named else None


def matrix(
    name: str,
    value: object,
    dtype: DTypeLike = np.float64,
    features: int | None = None,
    columns: tuple[str, ...] | None = None,
) -> Array:
    """Return `value` as a finite (samples, features) array with at least one sample.

    Where `columns` are known, a table that names its own must have the same, in any order.
    """
    array = real_array(name, value, dtype)
    given = column_names(value) if columns else None
    if columns and given and given != columns:
        if {*given} != {*columns}:
            raise answers().other_columns(name, given, columns)
        array = array.take([given.index(each) for each in columns], axis=1)
    if array.ndim != 2 or array.size == 0 or features not in (None, array.shape[1]):
        raise answers().no_matrix(name, array, features)
    return array


def same_samples(name: str, array: Array, other_name: str, other: Array) -> None:
    """Refuse two arrays that differ in their number of samples."""
    if len(array) != len(other):
        raise ShapeError(
            f"{name} and {other_name} must have the same number of samples; "
            f"got {len(array)} and {len(other)}."
        )


def sample_shares(name: str, weights: object, samples: int, dtype: DTypeLike) -> Array:
    """Return sample weights as non-negative shares of shape (samples,) that sum to 1."""
    array = real_array(name, weights)
    if array.shape != (samples,) or (array < 0).any() or not array.any():
        raise answers().no_weights(name, array, samples)
    array = array / array.max()  # so that the sum can neither overflow nor vanish
    return (array / array.sum()).astype(dtype)


def number(
    name: str,
    value: object,
    *,
    minimum: float = -math.inf,
    maximum: float = math.inf,
    above: float = -math.inf,
    below: float = math.inf,
) -> float:
    """Return a finite real number within its bounds, or raise `ParameterError`."""
    real = isinstance(value, Real) and not isinstance(value, (bool, np.bool_))
    given = _as_float(value) if real else math.nan
    if not (math.isfinite(given) and minimum <= given <= maximum and above < given < below):
        raise answers().out_of_range(name, given if real else value, minimum, maximum, above, below)
    return given


def whole_number(name: str, value: object, minimum: int) -> int:
    """Return an int that is at least `minimum`, or raise `ParameterError`."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Integral) or value < minimum:
        raise ParameterError(f"{name} must be a whole number of at least {minimum}; got {value!r}.")
    return int(value)


def switch(name: str, value: object) -> bool:
    """Return a bool, or raise `ParameterError`."""
    if not isinstance(value, (bool, np.bool_)):
        raise ParameterError(f"{name} must be True or False; got {value!r}.")
    return bool(value)


def refuse_class(name: str, given: object) -> None:
    """Refuse a class where an instance is wanted."""
    if isinstance(given, type):
        raise ParameterError(
            f"{name} must be an instance; got the class. Write {given.__name__}(...)."
        )


def whole_seed(seed: object) -> int:
    """Return a seed as an int; ask a generator for one, or the system for None."""
    if isinstance(seed, np.random.Generator):
        return int(seed.integers(2**63))
    if seed is None:
        return int(np.random.SeedSequence().generate_state(1, np.uint64)[0])
    whole = isinstance(seed, Integral) and not isinstance(seed, (bool, np.bool_))
    if not whole or not 0 <= int(seed) < 2**128:  # type: ignore[call-overload]
        raise ParameterError(
            "seed must be a non-negative int of at most 128 bits, a numpy.random.Generator, or "
            f"None for a fresh start each time; got {seed!r}."
        )
    return int(seed)  # type: ignore[call-overload]


def generator(seed: object) -> np.random.Generator:
    """Return a random generator: the one given, or a new one from an int or None."""
    if isinstance(seed, np.random.Generator):
        return seed
    return np.random.default_rng(whole_seed(seed))


def as_path(path: object) -> Path:
    """Return a path; refuse what is none, or names a folder."""
    if not isinstance(path, (str, os.PathLike)) or "\0" in str(path):
        raise InputError(f"path must be the name of a file; got {path!r}.")
    target = Path(path)
    if target.exists() and not target.is_file():
        what = "a folder" if target.is_dir() else "no ordinary file"
        raise InputError(f"path must name a file; {str(target)!r} is {what}.")
    return target


def checked_path(path: object, suffixes: tuple[str, ...] = ()) -> Path:
    """Return the path of a file to be written; refuse one that cannot be, before any work is done.

    Raises `InputError` if it is no path, its folder does not exist, it is a folder
    itself, or its name ends in none of the suffixes, if there are any.
    """
    target = as_path(path)
    if not target.parent.is_dir():
        raise InputError(
            f"the folder {str(target.parent)!r} does not exist. Make it, or choose another path."
        )
    if suffixes and target.suffix.lower() not in suffixes:
        raise InputError(f"path must end in {' or '.join(suffixes)}; got {target.name!r}.")
    return target
