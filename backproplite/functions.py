"""The few numerical functions that several modules share, exact over the whole float range.

They are written so that nothing overflows, no digit is lost in the tails, and
complex numbers pass through (`np.minimum(x, -x)` is -|x| without an `abs` that
would drop the imaginary part), so that a complex step can check them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from .checks import Array


def _rounded_once(function: np.ufunc) -> Callable[[Array], Array]:
    """Return the function with float32 taken through float64.

    NumPy's own float32 forms are up to 2.5 units of the last place off, too much to build on.
    """

    def rounded(x: Array) -> Array:
        """Return the function's values, rounded once."""
        if x.itemsize > 4:  # no float32, and asked faster than by the dtype
            return function(x)
        return function(x, dtype=np.float64).astype(np.float32)

    return rounded


ZERO, ONE = np.zeros(()), np.ones(())
exp, expm1, log1p = _rounded_once(np.exp), _rounded_once(np.expm1), _rounded_once(np.log1p)


def decay_of_size(x: Array) -> Array:
    """Return exp(-|x|), which lies between 0 and 1 for every x."""
    return exp(np.minimum(x, -x))


def sigmoid_parts(x: Array) -> tuple[Array, Array]:
    """Return 1 / (1 + exp(-x)), and its tail: how far it is from 0 or 1, whichever is nearer.

    For x > 0 it is 1 - tail. For x < 0 it is exp(x) (1 - tail), which is the tail again but
    rounds one time less. (Arrays of no axes start faster than Python's numbers.)
    """
    if x.itemsize < 8:  # NumPy's own float32 exponential is too rough
        value, tail = sigmoid_parts(x.astype(np.float64))
        return value.astype(x.dtype), tail.astype(x.dtype)
    small = np.exp(np.minimum(x, -x))
    tail = small / (ONE + small)
    value = np.exp(np.minimum(x, ZERO))  # only where x < 0, so that it cannot overflow
    value -= value * tail
    return value, tail


def sigmoid(x: Array) -> Array:
    """Return 1 / (1 + exp(-x))."""
    return sigmoid_parts(x)[0]


def softplus(x: Array) -> Array:
    """Return log(1 + exp(x))."""
    return np.maximum(x, 0) + log1p(decay_of_size(x))


@np.errstate(over="ignore")  # the difference of two floats may not fit a float
def softmax_parts(x: Array) -> tuple[Array, Array]:
    """Return x less its row maximum, and the exponential of that."""
    shifted = x - row_maximum(x)
    np.maximum(shifted, np.finfo(x.dtype).min, out=shifted)
    return shifted, np.exp(shifted)  # NumPy's own: the sum and the division round more


def row_sum(x: Array) -> Array:
    """Return the sum of each row, shape (..., 1): as a product, which is faster."""
    return product(x, _ones(x.shape[-1], x.dtype))[..., np.newaxis]


@lru_cache(16)
def _ones(length: int, dtype: np.dtype[Any]) -> Array:
    return np.ones(length, dtype)


def row_maximum(x: Array) -> Array:
    """Return the largest entry of each row, shape (..., 1).

    NumPy goes along short rows slowly and along long columns fast: with a few
    classes, turning the array first takes a third of the time.
    """
    if x.ndim == 1 or x.shape[-1] > 32:
        return np.maximum.reduce(x, axis=-1, keepdims=True)
    return np.maximum.reduce(x.mT.copy(), axis=-2)[..., np.newaxis]


@np.errstate(over="ignore")
def softmax(x: Array) -> Array:
    """Return exp(x) / sum(exp(x)) along the last axis."""
    exponentials = np.exp(x - row_maximum(x))
    return exponentials / row_sum(exponentials)


#: Rows of float32 that may be added one by one, which loses digits; more are summed in float64.
MANY = 2048


def total(x: Array, axis: int, **options: Any) -> Any:
    """Return the sum along an axis, with the options of NumPy's own."""
    if x.itemsize == 4 and x.shape[axis] > MANY:
        return np.add.reduce(x, axis, np.float64, **options).astype(np.float32)
    return np.add.reduce(x, axis, **options)


def product(x: Array, y: Array, out: Array | None = None) -> Array:
    """Return x @ y; of plain matrices and vectors as `dot`, which starts in a third of the time."""
    if x.ndim < 3 > y.ndim and (out is None or x.dtype is y.dtype is out.dtype):
        return x.dot(y, out)
    return np.matmul(x, y, out=out)


def product_over_samples(x: Array, y: Array, out: Array) -> None:
    """Write x.mT @ y into an array; of many float32 samples in float64, part by part."""
    if x.itemsize > 4 or x.shape[-2] <= MANY:
        product(x.mT, y, out)
        return
    sums = np.zeros(out.shape)
    for start in range(0, x.shape[-2], MANY):
        rows = slice(start, start + MANY)
        sums += x[..., rows, :].mT @ y[..., rows, :]
    out[...] = sums


def sum_over_samples(x: Array, out: Array) -> None:
    """Write the sum of the samples into an array: of some as a product, which is faster."""
    if x.shape[-2] > MANY:
        total(x, -2, out=out)
    else:
        product(_ones(x.shape[-2], x.dtype), x, out)


def centred(x: Array, axis: int) -> tuple[Array, Array]:
    """Return the mean along an axis, and x less the mean."""
    count = x.shape[axis]
    mean = total(x, axis, keepdims=True) / count
    rest = x - mean
    slip = total(rest, axis, keepdims=True) / count  # what rounding the mean has left in
    rest -= slip
    return mean + slip, rest


def norm(vector: Array) -> Any:
    """Return the Euclidean length along the last axis, also where its square would not fit."""
    if vector.ndim > 1:
        squares = np.vecdot(vector, vector)
        lengths = np.sqrt(squares, dtype=np.float64)
        if not (np.minimum.reduce(squares, None) > 1e-30 and math.isfinite(squares.sum())):
            for i in np.argwhere(~((squares > 1e-30) & (squares < math.inf))):
                lengths[*i] = norm(vector[*i])
        return lengths
    square = float(np.vdot(vector, vector))  # which, unlike dot, overflows without a warning
    if 1e-30 < square < math.inf:
        return math.sqrt(square)
    largest = float(np.abs(vector).max(initial=0.0))
    if largest == 0 or not math.isfinite(largest):
        return largest
    return largest * math.sqrt(float(np.sum((vector / largest) ** 2)))


def is_finite(array: Any) -> bool:
    """Tell whether a number, or all those of an array, are finite."""
    if isinstance(array, (float, np.generic)):
        return math.isfinite(array)
    # The sum of squares is one quick product; only if it overflows, look at every number.
    square = np.vdot(array, array) if array.ndim == 1 else np.vecdot(array, array).sum()
    return math.isfinite(abs(square)) or bool(np.isfinite(array).all())
