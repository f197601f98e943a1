"""Numerical slopes: the steps that are made, and how near they come."""

import math

import numpy as np
import pytest
from checking.common import Through, X, mismatch, wrong
from hypothesis import given
from hypothesis import strategies as st
from strategies import matrices

import backproplite as bp
from backproplite import check_gradients, numerical_gradient

CLOSED_FORMS = {
    "sum of squares": (lambda x: (x**2).sum(), lambda x: 2 * x),
    "linear": (lambda x: 3 * x.sum(), lambda x: np.full_like(x, 3)),
    "constant": (lambda x: 4.0, np.zeros_like),
    "product": (
        lambda x: np.prod(2 + np.sin(x)),
        lambda x: np.prod(2 + np.sin(x)) * np.cos(x) / (2 + np.sin(x)),
    ),
    "exponential": (lambda x: np.exp(x).sum(), np.exp),
    "an array of one": (lambda x: np.cos(x).sum().reshape(1, 1), lambda x: -np.sin(x)),
    "size": (lambda x: np.sqrt((x**2).sum()), lambda x: x / np.sqrt((x**2).sum())),
}


@pytest.mark.parametrize("shape", [(), (1,), (4,), (2, 1, 3), (0,)])
@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_numerical_gradients_match_closed_forms(name, shape):
    function, derivative = CLOSED_FORMS[name]
    x = np.random.default_rng(0).standard_normal(shape)
    gradient, expected = numerical_gradient(function, x), derivative(x)
    assert gradient.shape == shape
    assert gradient.dtype == np.float64
    assert (abs(gradient - expected) <= 1e-9 * abs(expected).max(initial=1)).all()


@given(matrices(), st.floats(-6, 6))
def test_numerical_gradients_are_good_to_seven_digits_at_any_scale(x, exponent):
    x = 10**exponent * x
    gradient = numerical_gradient(lambda z: np.sqrt(1 + z**2).sum(), x)
    assert abs(gradient - x / np.sqrt(1 + x**2)).max() <= 1e-7


@pytest.mark.parametrize("x", [2.0, 2, np.float32(2), [2.0], (2, 2), [[1, 2], [3, 4]]])
def test_numerical_gradients_take_anything_that_holds_numbers(x):
    gradient = numerical_gradient(lambda z: (z**3).sum(), x)
    np.testing.assert_allclose(gradient, 3 * np.asarray(x) ** 2.0, rtol=1e-9)


def test_one_entry_is_moved_to_either_side_as_far_as_the_formula_says():
    points = []
    numerical_gradient(lambda x: points.append(x) or 0.0, [0.5, -3.0])
    step = np.finfo(float).eps ** (1 / 3)
    expected = [[0, 0], [step, 0], [-step, 0], [0, 3 * step], [0, -3 * step]]
    np.testing.assert_allclose(np.array(points) - [0.5, -3.0], expected, rtol=1e-9)


def test_a_function_that_writes_to_its_argument_does_no_harm():
    def square_and_spoil(x):
        x *= x
        return x.sum()

    x = X.copy()
    np.testing.assert_allclose(numerical_gradient(square_and_spoil, x), 2 * X, atol=1e-9)
    assert np.array_equal(x, X)


@pytest.mark.parametrize(
    ("function", "x", "error", "said"),
    [
        (lambda x: x, [1.0, 2.0], bp.ShapeError, r"function must return one number; .* \(2,\)"),
        (lambda x: [], [1.0], bp.ShapeError, r"one number; got shape \(0,\)"),
        (lambda x: None, [1.0], bp.InputError, "the result of function must hold real numbers"),
        (lambda x: 1j, [1.0], bp.InputError, "the result of function must hold real numbers"),
        (lambda x: math.nan, [1.0], bp.InputError, "the result of function must be finite"),
        (np.sum, ["a"], bp.InputError, "x must hold real numbers"),
        (np.sum, [1.0, math.nan], bp.InputError, r"x must be finite .* at index \[1\]"),
    ],
)
def test_numerical_gradients_refuse_what_they_cannot_use(function, x, error, said):
    with pytest.raises(error, match=said):
        numerical_gradient(function, x)


# Moves and steps of a check.


@pytest.mark.parametrize(("size", "alone", "together"), [(2000, 2000, 0), (2001, 500, 20)])
def test_of_more_than_2000_entries_500_are_moved_alone_and_all_together_20_times(
    size, alone, together
):
    x, moves = np.linspace(0.1, 1, size), []

    def forward(given):
        moves.append(np.real(given) - x)
        return np.sin(given)

    check_gradients((forward, lambda grad_output: grad_output * np.cos(x)), x)
    moves = np.array(moves) / np.finfo(float).eps ** (1 / 3)
    moves = moves[abs(moves).max(axis=1) < 1.1]  # those to look elsewhere are larger
    single = moves[np.count_nonzero(moves, axis=1) == 1]
    pairs = single.reshape(alone, 2, size)  # to either side
    np.testing.assert_allclose(pairs.sum(axis=1), 0, atol=1e-9)
    np.testing.assert_allclose(pairs[:, 0].max(axis=1), 1, rtol=1e-9)
    assert len(np.unique(pairs[:, 0].argmax(axis=1))) == alone
    pairs = moves[np.count_nonzero(moves, axis=1) == size].reshape(together, 2, size)
    np.testing.assert_allclose(pairs.sum(axis=1), 0, atol=1e-9)
    np.testing.assert_allclose(abs(pairs), 1 / math.sqrt(size), rtol=1e-9)
    signs = np.sign(pairs[:, 0])
    assert len(np.unique(signs, axis=0)) == together
    assert (abs(signs.mean(axis=1)) < 0.1).all()


@pytest.mark.parametrize(
    ("part", "offset", "error"),
    [
        *((np.array, offset, 1e-12) for offset in (0, 1e-4, 1, 100)),
        *((np.real, offset, 1e-6) for offset in (0, 1e-4)),
    ],
)
@pytest.mark.parametrize("near", [1e-5, 1e-6, 1e-8])
def test_beside_the_end_of_a_domain_a_gradient_is_compared(near, part, offset, error):
    x = abs(X)
    x[0, 0] = near  # the first steps lead to the logarithm of a negative number
    right = Through(lambda x: offset + near * np.log(part(x)), lambda x: near / x)
    assert check_gradients(right, x).error <= error
    first, second, *_ = mismatch(wrong(right, lambda g: 1.01 * g), x).splitlines()
    assert "is wrong, by 1.0e-02 of its largest entry" in first
    assert second.startswith("  x[0, 0]: ")


@pytest.mark.parametrize("offset", [0, 100, 1e3, 1e4])
@pytest.mark.parametrize("steep", [300, 1000])
def test_a_steep_function_is_compared_in_small_steps(steep, offset):
    layer = Through(
        lambda x: offset + np.sin(steep * np.real(x)), lambda x: steep * np.cos(steep * x)
    )
    assert check_gradients(layer, X).error <= 2e-6
    for factor in (1 + 4e-6, 1.0009):
        off = wrong(layer, lambda g, factor=factor: factor * g)
        assert "the gradient of x is wrong, by" in mismatch(off, X)


def test_one_narrow_bend_among_wide_ones_is_compared_in_small_steps():
    x = abs(X)
    x[0, 0] = narrow = 1e-8
    layer = Through(
        lambda x: 0.01 + narrow * np.arctan(x / narrow), lambda x: 1 / (1 + (x / narrow) ** 2)
    )
    assert check_gradients(layer, x).error <= 1e-12
    line = mismatch(wrong(layer, lambda g: 1.01 * g), x).splitlines()[1]
    assert line.startswith("  x[0, 0]: ")
    assert line.endswith("ratio 1.01")


@pytest.mark.parametrize("part", [np.array, np.real], ids=["complex", "real"])
def test_wide_steps_that_agree_over_a_narrow_bend_do_not_count(part):
    def bump(x):
        return np.exp(-((part(x) / 1e-9) ** 2))

    layer = Through(
        lambda x: x.real * 0 + part(x) * (1 + bump(x)),
        lambda x: 1 + bump(x) * (1 - 2 * (x / 1e-9) ** 2),
    )
    x = 1e-10 * X
    assert check_gradients(layer, x).error <= 1e-6
    if part is np.array:
        from_afar = Through(layer.function, np.ones_like)
        assert "the gradient of x is wrong" in mismatch(from_afar, x)
