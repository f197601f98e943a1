"""Tied entries: the shares that they get of a slope must sum to it."""

import re

import numpy as np
import pytest
from checking.common import mismatch

from backproplite import check_gradients

RNG = np.random.default_rng
FOURFOLD = np.array([[1.0, 2, 3], [1, 5, 3], [1, 0, 1], [1, 5, 3]])
RARE = RNG(0).standard_normal((30, 4))
RARE[3, 1] = RARE[7, 1] = RARE[:, 1].max() + 0.5


def reduced(function, shares):
    """A function over the samples, and a backward that gives each entry so much of the slope."""
    kept = []

    def forward(x):
        kept[:] = [np.array(x)]
        return function(x)

    return forward, lambda grad_output: grad_output * shares(kept[0])


def full(x):
    return (x == x.max(axis=0)).astype(float)


def split(x):
    return full(x) / full(x).sum(axis=0)


def first(x):
    return (np.arange(len(x))[:, np.newaxis] == x.argmax(axis=0)).astype(float)


def middle(x):
    return (x == np.median(x, axis=0)).astype(float)


def largest(x):
    return x.max(axis=0)


def median(x):
    return np.median(x, axis=0)


def sorted_top(x):
    return np.sort(x, axis=0)[-1]


@pytest.mark.parametrize("x", [FOURFOLD, RARE, np.ones((4, 3))], ids=["often", "rare", "all"])
@pytest.mark.parametrize("function", [largest, sorted_top])
def test_each_tied_entry_given_the_whole_slope_is_caught(function, x):
    message = mismatch(reduced(function, full), x)
    assert message.startswith("the gradient is wrong where entries are equal: x[")
    assert "Share the slope among tied entries, or give it to one." in message
    for right in (split, first):
        (tensor,) = check_gradients(reduced(function, right), x).tensors
        assert (tensor.kinks, tensor.checked) == (0, x.size)


def test_a_tie_of_the_median_is_seen():
    x = np.array([[1.0, 2, 3], [1, 2, 3], [0.2, 1.1, 2.5], [4, 7, 8], [3, 0.3, -1]])
    assert "where entries are equal" in mismatch(reduced(median, middle), x)
    halves = lambda x: middle(x) / middle(x).sum(axis=0)  # noqa: E731
    assert check_gradients(reduced(median, halves), x).error < 1e-9


def test_ties_between_arguments_are_seen():
    a, b = RNG(2).standard_normal(40), RNG(3).standard_normal(40)
    b[3] = a[3]

    def pair(at_ties):
        def backward(grad_output):
            of_a = np.where(a == b, at_ties, a > b)
            return grad_output * of_a, grad_output * np.where(a == b, at_ties, a < b)

        return np.maximum, backward

    message = mismatch(pair(1.0), a, b)
    assert "where entries are equal: " in message
    assert "[3], " in message
    assert check_gradients(pair(0.5), a, b).error < 1e-9


def test_a_wrong_share_says_what_the_sum_should_be():
    x = np.array([2.0, 1.0, 2.0, 2.0, 2.0])
    pair = (lambda x: 10 * x.max(), lambda grad_output: grad_output * 10.0 * (x == 2))
    message = mismatch(pair, x).splitlines()[0]
    found = re.fullmatch(
        r"the gradient is wrong where entries are equal: x\[0\], x\[2\], x\[3\] and 1 more, moved "
        r"together, change the result by (\S+), but backward gives them (\S+) in all\. Share the "
        r"slope among tied entries, or give it to one\.",
        message,
    )
    assert float(found[2]) == pytest.approx(4 * float(found[1]), rel=1e-9)


def test_equal_entries_that_meet_a_kink_together_prove_nothing():
    x = RNG(4).standard_normal((6, 5))
    x[0, 0] = x[1, 1] = 0
    pair = (lambda x: np.maximum(x, 0), lambda grad_output: grad_output * (x > 0))
    (tensor,) = check_gradients(pair, x).tensors
    assert (tensor.kinks, tensor.checked) == (2, 28)


def test_of_many_groups_some_are_moved():
    x = np.repeat(RNG(5).standard_normal(200), 2)
    pair = (lambda x: x**2, lambda grad_output: grad_output * 2 * x)
    assert check_gradients(pair, x).error < 1e-12
