"""The one place that checks what users pass in: shapes, dtypes, ranges, finiteness.

Every message says which argument is meant, what was expected, what was given,
and how to mend it. Arrays come back in the wanted dtype, in C order; the
caller's own array is never written to.
"""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .errors import InputError, ParameterError, ShapeError

Array: TypeAlias = NDArray[Any]


def real_array(name: str, value: object, dtype: DTypeLike = np.float64) -> Array:
    """Return `value` as an array of finite real numbers in `dtype`, any shape.

    Raises `InputError` for text, objects, complex numbers, sparse matrices,
    ragged lists, NaN and infinity.
    """
    try:
        given = np.asarray(value)
    except (ValueError, TypeError, RuntimeError) as error:
        raise InputError(
            f"{name} must be an array of numbers, every row as long as the others; {error}"
        ) from None
    if isinstance(value, np.ma.MaskedArray):
        raise InputError(f"{name} must not be masked: fill or drop what is missing first.")
    if given.dtype.kind == "O" and not isinstance(value, np.ndarray):
        given = _numbers_from_table(given)
    if given.dtype.kind not in "biuf":
        raise InputError(
            f"{name} must hold real numbers; got dtype {given.dtype} from a "
            f"{type(value).__name__}. Convert it first ({_mend(given.dtype.kind)})."
        )
    with np.errstate(over="ignore"):
        array = np.ascontiguousarray(given, dtype=dtype).reshape(given.shape)
    if not np.isfinite(array).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise InputError(
            f"{name} must be finite in {array.dtype}; got {given[where]} at index "
            f"{list(where)}. Remove or fill such values first."
        )
    return array


def floating(x: object) -> Array:
    """Return x as floats: floats and complex numbers as they are, integers as float64."""
    try:
        array = np.asarray(x)
    except (ValueError, TypeError) as error:
        raise InputError(f"x must be an array of numbers; {error}") from None
    if array.dtype.kind in "fc":
        return array
    if array.dtype.kind in "biu":
        return array.astype(np.float64)
    raise InputError(f"x must hold numbers; got dtype {array.dtype} from a {type(x).__name__}.")


def _numbers_from_table(given: Array) -> Array:
    """Return the entries of a table with columns of several kinds as float64, if all are real."""
    if all(isinstance(entry, (Real, np.bool_)) for entry in given.flat):
        return given.astype(np.float64)
    return given


def _mend(kind: str) -> str:
    """Say how to turn an array of this dtype kind into real numbers."""
    return {
        "c": "take .real or np.abs",
        "O": "for a sparse matrix .toarray(), for a table keep the numeric columns",
    }.get(kind, "encode text, dates and the like as numbers")


def matrix(
    name: str, value: object, dtype: DTypeLike = np.float64, features: int | None = None
) -> Array:
    """Return `value` as a finite (samples, features) array with at least one sample."""
    array = real_array(name, value, dtype)
    if array.ndim != 2:
        hint = (
            f"For one sample use {name}.reshape(1, -1), for one feature {name}.reshape(-1, 1)."
            if array.ndim == 1
            else f"For samples of several axes use {name}.reshape(len({name}), -1)."
        )
        raise ShapeError(
            f"{name} must be 2-D, shaped (samples, features); got shape {array.shape}. {hint}"
        )
    if array.size == 0:
        raise ShapeError(
            f"{name} must hold at least one sample and one feature; got shape {array.shape}."
        )
    if features is not None and array.shape[1] != features:
        raise ShapeError(
            f"{name} must have {features} feature{'s'[: features != 1]}; "
            f"got {array.shape[1]} (shape {array.shape})."
        )
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
    array = real_array(name, weights, dtype)
    if array.shape != (samples,):
        raise ShapeError(
            f"{name} must hold one weight per sample, shape ({samples},); got shape {array.shape}."
        )
    if array.size and array.min() < 0:
        raise InputError(f"{name} must not be negative; got {array.min()} at {array.argmin()}.")
    if not array.any():
        raise InputError(f"{name} must have at least one weight above 0; got only zeros.")
    array = array / array.max()  # so that the sum can neither overflow nor vanish
    return array / array.sum()


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
    limits = {
        "at least": minimum, "at most": maximum, "above": above, "below": below
    }  # fmt: skip
    bounds = " and ".join(f"{k} {v:g}" for k, v in limits.items() if math.isfinite(v))
    expected = f"a finite number{' ' if bounds else ''}{bounds}"
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        raise ParameterError(f"{name} must be {expected}; got {value!r}.")
    try:
        given = float(value)
    except OverflowError:
        given = math.inf
    within = minimum <= given <= maximum and above < given < below
    if not (math.isfinite(given) and within):
        raise ParameterError(f"{name} must be {expected}; got {given:g}.")
    return given


def whole_number(name: str, value: object, minimum: int) -> int:
    """Return an int that is at least `minimum`, or raise `ParameterError`."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Integral) or value < minimum:
        raise ParameterError(f"{name} must be a whole number of at least {minimum}; got {value!r}.")
    return int(value)


def generator(seed: object) -> np.random.Generator:
    """Return a random generator: the one given, or a new one from an int or None."""
    if isinstance(seed, np.random.Generator):
        return seed
    if seed is None:
        return np.random.default_rng()
    if isinstance(seed, (bool, np.bool_)) or not isinstance(seed, Integral) or seed < 0:
        raise ParameterError(
            "seed must be a non-negative int, a numpy.random.Generator, or None for a fresh "
            f"start each time; got {seed!r}."
        )
    return np.random.default_rng(int(seed))
