"""The comparison: which numerical slope to trust, where it jumps, and sums of many entries."""

import math
import warnings

import numpy as np
import pytest
from checking.common import (
    LEFT_ABS,
    Through,
    X,
    Y,
    at_zero,
    mismatch,
    network,
    scales,
    wrong,
)
from checking.wrong_gradients import replaced
from printed import plain_repr
from scipy.special import erf

import backproplite as bp
from backproplite import check_gradients

# Code that complex numbers cannot pass.


class UnitRows(bp.Layer):
    def forward(self, x):
        length = np.linalg.norm(x, axis=-1, keepdims=True)
        return x / length, (x / length, length)

    def backward(self, grad_output, cache):
        unit, length = cache
        return (grad_output - unit * (grad_output * unit).sum(axis=-1, keepdims=True)) / length


def one_by_one(function):
    """What a user writes with a loop of plain floats."""
    return lambda x: np.array([[function(float(entry)) for entry in row] for row in x])


REAL_ONLY = {
    "abs": Through(np.abs, np.sign),
    "abs in a product": Through(lambda x: x * np.abs(x), lambda x: 2 * np.abs(x)),
    "arctan2": Through(lambda x: np.arctan2(x, 2.0), lambda x: 2 / (4 + x * x)),
    "math": Through(np.vectorize(math.sin), np.cos),
    "float": Through(one_by_one(lambda entry: entry**3), lambda x: 3 * x * x),
    "float64 only": Through(lambda x: np.sin(x.astype(np.float64)), np.cos),
    "real part": Through(lambda x: np.sin(np.real(x)), np.cos),
    "steep": Through(lambda x: np.sin(50 * np.real(x)), lambda x: 50 * np.cos(50 * x)),
    "norm": UnitRows(),
    "another for complex numbers": Through(
        lambda x: np.sin(x) * (2 if np.iscomplexobj(x) else 1), np.cos
    ),
}


@pytest.mark.parametrize("name", REAL_ONLY)
def test_without_complex_numbers_central_differences_decide(name):
    layer = REAL_ONLY[name]
    for report in (
        check_gradients(layer, X),
        check_gradients(network(bp.Dense(4, 3), layer, bp.Dense(3, 2)), X, Y),
    ):
        assert {t.method for t in report.tensors} == {"central differences"}
        assert 0 < report.error <= 1e-6


@pytest.mark.parametrize("name", REAL_ONLY)
@pytest.mark.parametrize(
    "change", [lambda g: 1.0009 * g, lambda g: -g, replaced(3, lambda entry: 1.001 * entry)]
)
def test_without_complex_numbers_wrong_gradients_are_caught_too(name, change):
    assert "the gradient of x is wrong" in mismatch(wrong(REAL_ONLY[name], change), X)


def test_functions_of_scipy_that_take_complex_numbers_are_checked_exactly():
    layer = Through(erf, lambda x: 2 / np.sqrt(np.pi) * np.exp(-x * x))
    (tensor,) = check_gradients(layer, X).tensors
    assert tensor.method == "complex step"
    assert tensor.error <= 1e-12


def test_warnings_decide_nothing_but_those_of_a_lost_imaginary_part():
    def forward(x):
        warnings.warn("theirs", UserWarning, stacklevel=1)
        return np.sin(x)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (tensor,) = check_gradients((forward, lambda g: g * np.cos(X)), X).tensors
        assert tensor.method == "complex step"
        (tensor,) = check_gradients(REAL_ONLY["float64 only"], X).tensors
        assert tensor.method == "central differences"


# Kinks.

#: The same function, written so that complex numbers pass.
COMPARED = Through(lambda x: np.where(x > 0, x, -x), LEFT_ABS.derivative)
KINKED = [bp.ReLU(), bp.LeakyReLU(), bp.ELU(alpha=0.5), COMPARED, LEFT_ABS]


@pytest.mark.parametrize("layer", KINKED, ids=plain_repr)
def test_an_entry_at_a_kink_is_left_out_and_counted_up_to_a_tenth(layer):
    (tensor,) = check_gradients(layer, at_zero(2)).tensors
    assert (tensor.checked, tensor.kinks) == (18, 2)
    message = mismatch(layer, at_zero(3))
    assert "the check of x is inconclusive: the slope jumps at 3 of 20 entries" in message


@pytest.mark.parametrize(
    ("layer", "near"),
    [
        *((layer, near) for layer in KINKED[:4] for near in (1e-5, -1e-6, 1e-7, -1e-9)),
        *((LEFT_ABS, near) for near in (1e-5, -1e-6)),  # without complex numbers, no nearer
    ],
    ids=plain_repr,
)
def test_an_entry_near_a_kink_is_compared(layer, near):
    x = at_zero(0)
    x[0] = near
    assert check_gradients(layer, x).tensors[0].kinks == 0
    off = wrong(layer, replaced(0, lambda entry: entry + 0.1))
    assert "the gradient of x is wrong" in mismatch(off, x)


@scales
@pytest.mark.parametrize(
    ("slope", "compared"),
    [(1, 18), (2, 20), (3, 18), (-1, None), (5, None), (30, None)],
)
def test_at_a_kink_anything_between_both_slopes_passes_and_nothing_else(slope, compared, scale):
    layer = Through(  # slopes of 1 and 3, out of reach of complex numbers
        lambda x: scale * (2 * x + np.abs(x)),
        lambda x: scale * np.where(x == 0, slope, 2 + np.sign(x)),
    )
    if compared is None:
        assert "x is wrong" in mismatch(layer, at_zero(2))
    else:
        (tensor,) = check_gradients(layer, at_zero(2)).tensors
        assert (tensor.checked, tensor.kinks) == (compared, 20 - compared)


def test_errors_of_exactly_zero_are_kinks_of_the_absolute_error():
    targets = -X
    targets[0, :2] = X[0, :2]
    (tensor,) = check_gradients(bp.MeanAbsoluteError(), X, targets).tensors
    assert (tensor.checked, tensor.kinks) == (18, 2)


def test_units_that_get_nothing_but_zeros_are_no_kinks():
    x, y = bp.datasets.xor()
    report = check_gradients(network(bp.Dense(2, 4), bp.ReLU(), bp.Dense(4, 1)), x, y)
    assert [t.kinks for t in report.tensors] == [0, 0, 0, 0, 0]
    dead = network(bp.Dense(2, 1), bp.ReLU(), bp.Dense(1, 3), bp.ReLU(), bp.Dense(3, 1))
    assert check_gradients(dead, x, y + 0.5).error <= 1e-12


# Signed sums of many entries.


def long(change=lambda gradient: gradient, kink=0.0, slopes=1.0, size=2500):
    """A sum of so many entries, of which 3 is at a kink, where the slope jumps by so much.

    By the default seed 3 is in the sample; 10 and 2499 are not.
    """
    x = np.linspace(0.1, 1, size)
    x[3] = 0

    def slope(x):
        return slopes * np.where(x > 0, 1, 1 - kink)  # also if x is complex

    return (lambda x: (slope(x) * x).sum(), lambda grad_output: grad_output * change(slope(x))), x


@pytest.mark.parametrize("entry", [10, 2499])
def test_a_sum_of_many_entries_shows_an_error_of_more_than_four_tolerances(entry):
    check_gradients(*long(replaced(entry, lambda value: value + 3.9e-6)))
    message = mismatch(*long(replaced(entry, lambda value: value + 4.1e-6)))
    assert message.splitlines()[1].startswith("  x in a signed sum of all entries: ")


def test_a_sum_of_many_entries_may_be_off_by_as_much_as_they_are():
    off = 9e-7 * np.random.default_rng(0).uniform(-1, 1, 2500)
    check_gradients(*long(lambda gradient: gradient + off))
    check_gradients(*long(replaced(3, lambda value: value + 9e-7)))
    for more, others in ((1.5e-4, off), (1e-5, 1e-2 * off)):
        change = replaced(10, lambda value, more=more: value + more)
        subject = long(lambda gradient, others=others, change=change: change(gradient + others))
        assert "x in a signed sum" in mismatch(*subject)


@pytest.mark.parametrize(
    ("kink", "size", "compared", "kinks"),
    [(9e-7, 2500, 500, 0), (1.1e-6, 12, 11, 1), (1.5e-6, 2500, 499, 1), (1, 2500, 499, 1)],
)
def test_a_slope_that_jumps_by_less_than_the_tolerance_is_no_kink(kink, size, compared, kinks):
    (tensor,) = check_gradients(*long(kink=kink, size=size)).tensors
    assert (tensor.checked, tensor.kinks) == (compared, kinks)


def test_a_small_kink_does_not_hide_an_error_in_a_sum():
    wrong = replaced(10, lambda value: value + 5e-6)
    assert "x in a signed sum" in mismatch(*long(wrong, kink=1.5e-6))


def test_the_largest_entry_is_one_that_was_compared_alone_unless_all_are_zero():
    outputs = np.ones((50, 50))
    (tensor,) = check_gradients(bp.MeanSquaredError(), outputs, 0 * outputs).tensors
    assert tensor.largest == pytest.approx(2 / 2500)
    slopes = np.zeros(2500)
    slopes[10] = 1  # which is not in the sample
    (tensor,) = check_gradients(*long(slopes=slopes)).tensors
    assert (tensor.checked, tensor.error) == (500, 0)
    assert tensor.largest > 0
    assert "x in a signed sum" in mismatch(*long(lambda gradient: 1.0009 * gradient, slopes=slopes))


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_large_networks_are_sampled(dtype):
    images, labels = bp.datasets.digits()
    layers = [bp.Dense(64, 48, bp.initializers.He()), bp.ReLU(), bp.Dense(48, 10)]
    subject = network(*layers, loss=bp.SoftmaxCrossEntropy(), dtype=dtype)
    report = check_gradients(subject, images[:8], labels[:8])
    sampled = [(t.name, t.size, t.checked) for t in report.tensors if t.checked != t.size]
    assert sampled == [("layers[0].weight", 3072, 500)]
    assert report.error <= 1e-12
