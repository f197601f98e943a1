"""The shared functions: right to the last places, over the whole float line."""

import math

import numpy as np
import oracles
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import matrices, seeds

from backproplite.functions import (
    MANY,
    centred,
    decay_of_size,
    norm,
    product,
    product_over_samples,
    row_maximum,
    row_sum,
    sigmoid,
    softmax,
    softmax_parts,
    softplus,
    sum_over_samples,
    total,
)

STRICT = {"all": "raise", "under": "ignore"}
floats = st.floats(allow_nan=False, allow_infinity=False)
both_dtypes = pytest.mark.parametrize("dtype", [np.float64, np.float32])
LARGEST = np.finfo(float).max


@pytest.mark.parametrize(
    ("function", "truth"), [(sigmoid, oracles.sigmoid), (softplus, oracles.softplus)]
)
@given(st.lists(floats, min_size=1, max_size=20))
def test_sigmoid_and_softplus_are_within_2_ulp(function, truth, numbers):
    x = np.concatenate([numbers, oracles.float_line(np.float64)[::20]])
    with np.errstate(**STRICT):
        assert oracles.ulps(function(x), oracles.exact(truth, x)).max() <= 2


def test_decay_of_size_is_exp_of_minus_the_size():
    x = oracles.float_line(np.float64)
    with np.errstate(**STRICT):
        assert np.array_equal(decay_of_size(x), np.exp(-abs(x)))


@given(matrices(columns=st.sampled_from([1, 2, 31, 32, 33, 40])), st.booleans())
def test_row_maximum_is_the_maximum_of_each_row(x, stacked):
    if stacked:
        x = np.stack([x, x[::-1]])
    assert np.array_equal(row_maximum(x), np.max(x, axis=-1, keepdims=True))
    assert np.array_equal(row_maximum(x[..., 0, :]), x[..., 0, :].max(axis=-1, keepdims=True))


@given(st.lists(floats, min_size=1, max_size=6))
def test_softmax_of_any_row_is_right(row):
    with np.errstate(**STRICT):
        given_ = softmax(np.array(row))
    wanted = oracles.softmax(row)
    # The exponent carries one rounding of the difference, up to 745 of its own last places.
    np.testing.assert_allclose(given_, np.array(wanted, float), rtol=745 * 2.0**-52, atol=1e-307)
    assert abs(given_.sum() - 1) <= 4 * 2.0**-53


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=6))
def test_float32_softmax_of_any_row_is_right(row):
    with np.errstate(**STRICT):
        given_ = softmax(np.array(row, np.float32))
    assert given_.dtype == np.float32
    np.testing.assert_allclose(
        given_, np.array(oracles.softmax(row), float), rtol=110 * 2.0**-23, atol=1e-37
    )


@given(matrices(columns=st.sampled_from([1, 3, 10, 40])))
def test_softmax_rows_are_positive_and_sum_to_1(x):
    p = softmax(x)
    assert (p > 0).all()
    np.testing.assert_allclose(p.sum(axis=-1), 1, rtol=1e-15)


@given(matrices(), st.integers(-1000, 1000))
def test_softmax_does_not_move_under_a_shift_of_the_row(x, shift):
    x = np.round(x * 1024) / 1024  # so that adding the shift is exact
    assert np.array_equal(softmax(x + shift), softmax(x))


@given(matrices(), seeds)
def test_softmax_does_not_care_for_the_order_of_classes(x, seed):
    order = np.random.default_rng(seed).permutation(x.shape[1])
    np.testing.assert_allclose(softmax(x[:, order]), softmax(x)[:, order], rtol=1e-15)


def test_softmax_goes_along_the_last_axis_of_any_array():
    x = np.random.default_rng(0).standard_normal((2, 3, 4))
    for i in range(2):
        assert np.array_equal(softmax(x)[i], softmax(x[i]))
    np.testing.assert_allclose(softmax(x[0, 0]), softmax(x)[0, 0], rtol=1e-15)


@both_dtypes
def test_softmax_parts_hold_their_distance_from_the_maximum(dtype):
    largest = float(np.finfo(dtype).max)
    x = np.array([[1, 3, 2], [largest, 0, -1], [largest, -largest, largest]], dtype)
    with np.errstate(**STRICT):
        shifted, exponentials = softmax_parts(x)
        totals = row_sum(exponentials)
    # 2 · largest does not fit a float: as far as a float goes then.
    wanted = np.array([[-2, 0, -1], [0, -largest, -largest], [0, -largest, 0]], dtype)
    assert np.array_equal(shifted, wanted)
    assert np.array_equal(exponentials, np.exp(wanted))
    np.testing.assert_allclose(totals, [[np.exp(-2.0) + 1 + np.exp(-1.0)], [1], [2]], rtol=1e-7)
    assert {part.dtype for part in (shifted, exponentials, totals)} == {np.dtype(dtype)}


@pytest.mark.parametrize("function", [sigmoid, softplus, decay_of_size, softmax])
def test_a_complex_step_passes_through(function):
    x = np.linspace(-3, 3, 8).reshape(2, 4)
    direction = np.random.default_rng(1).standard_normal(x.shape)
    slope = function(x + 1e-20j * direction).imag / 1e-20
    central = (function(x + 1e-6 * direction) - function(x - 1e-6 * direction)) / 2e-6
    np.testing.assert_allclose(slope, central, rtol=1e-8)


@both_dtypes
@pytest.mark.parametrize("scale", [1e-38, 1e-30, 1e-16, 1e-15, 1.0, 1e15, 1e37])
def test_norm_is_the_euclidean_length_at_every_scale(dtype, scale):
    with np.errstate(**STRICT):
        length = norm(np.array([3 * scale, -4 * scale], dtype))
    assert length == pytest.approx(5 * scale, rel=2e-15 if dtype is np.float64 else 2e-7)
    assert isinstance(length, float)


@given(st.lists(floats, max_size=5))
def test_norm_agrees_with_hypot(numbers):
    with np.errstate(**STRICT):
        assert norm(np.array(numbers)) == pytest.approx(math.hypot(*numbers), rel=2e-15, abs=5e-323)


@pytest.mark.parametrize(
    ("vector", "length"),
    [([], 0), ([0.0, 0.0], 0), ([1.0, math.inf], math.inf), ([-math.inf, 0.0], math.inf)],
)
def test_norm_at_the_edges(vector, length):
    assert norm(np.array(vector)) == length


def test_norm_of_nan_is_nan():
    assert math.isnan(norm(np.array([1.0, math.nan])))


SHAPES = [(1, 3), (MANY, 2), (MANY + 1, 2), (3, MANY + 5, 2), (5, 40_000)]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", SHAPES)
def test_sums_hold_their_digits_and_their_type(shape, dtype):
    rng = np.random.default_rng(0)
    x, y = (rng.uniform(1, 2, (*shape[:-1], width)).astype(dtype) for width in (shape[-1], 3))
    eps, exact = np.finfo(dtype).eps, x.astype(np.longdouble)
    for axis in (-2, -1):
        wanted, out = exact.sum(axis, keepdims=True), np.empty_like(x.sum(axis))
        given = total(x, axis, keepdims=True)
        total(x, axis, out=out)
        assert given.dtype == dtype
        assert given.shape == wanted.shape
        np.testing.assert_allclose(given.astype(np.longdouble), wanted, 200 * eps)
        np.testing.assert_array_equal(out, np.squeeze(given, axis))
        mean, rest = centred(x, axis)
        assert mean.dtype == rest.dtype == dtype
        wanted = exact - exact.mean(axis, keepdims=True)
        np.testing.assert_allclose(rest.astype(np.longdouble), wanted, 0, 2 * eps)
    sum_over_samples(x, out := np.empty_like(x[..., 0, :]))
    np.testing.assert_allclose(out.astype(np.longdouble), exact.sum(-2), 200 * eps)
    out = np.empty((*shape[:-2], shape[-1], 3), dtype)
    product_over_samples(x, y, out)
    np.testing.assert_allclose(out, x.astype(float).mT @ y.astype(float), 200 * eps)


@both_dtypes
@given(matrices(), seeds)
def test_products_and_sums_are_the_same_alone_side_by_side_and_in_any_type(dtype, x, seed):
    x = x.astype(dtype)
    weight = np.random.default_rng(seed).standard_normal((x.shape[1], 3)).astype(dtype)
    pair, weights = np.stack([x, x[::-1]]), np.stack([weight, -weight])
    together = product(pair, weights)
    for i in range(2):
        assert np.array_equal(product(pair[i], weights[i]), together[i])
        assert np.array_equal(product(pair[i], weights[i]), pair[i] @ weights[i])
    sum_over_samples(pair, sums := np.empty_like(pair[:, 0]))
    for type_ in (np.float32, np.float64):
        sum_over_samples(x, out := np.empty(x.shape[1], type_))
        assert np.array_equal(out, sums[0].astype(type_))
        product(x, weight.astype(type_), out := np.empty((len(x), 3), type_))
        np.testing.assert_allclose(out, together[0], 1e-4, 1e-4 * abs(x).max())


def test_nothing_is_written_to():
    x = np.random.default_rng(2).standard_normal((3, 4))
    x.setflags(write=False)
    results = [f(x) for f in (decay_of_size, sigmoid, softplus, softmax, softmax_parts)]
    assert len(results) == 5
    assert total(x, -2).shape == centred(x, -1)[1][0].shape == (4,)
    assert norm(x[0]) > 0
