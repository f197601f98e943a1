"""The verdict: the tolerance, zeros, and what rounding excuses or leaves undecided."""

import copy
import re

import numpy as np
import pytest
from checking.common import Through, X, Y, mismatch, network, scales
from checking.wrong_gradients import FAULTS, Affine

import backproplite as bp
from backproplite import check_gradients


@pytest.mark.parametrize(("tolerance", "passes"), [(1e-2, True), (1e-3, True), (8e-4, False)])
def test_the_tolerance_is_the_largest_error_that_passes(tolerance, passes):
    layer = Affine(4, 3, 1.0, FAULTS["factor 1.0009"])
    if passes:
        assert check_gradients(layer, X, tolerance=tolerance).error == pytest.approx(9e-4)
    else:
        assert "by 9.0e-04 of its" in mismatch(layer, X, tolerance=tolerance)


# Zeros.


def test_a_zero_gradient_passes_in_a_network():
    # A shift before a BatchNorm changes nothing, and neither does a unit that is never on.
    subject = network(bp.Dense(4, 3), bp.BatchNorm(3), bp.Dense(3, 3), bp.ReLU(), bp.Dense(3, 2))
    subject.layers[2].bias[...] = -100
    report = check_gradients(subject, X, Y)
    assert [t.name for t in report.tensors if t.largest] == ["layers[4].bias"]
    assert report.error <= 1e-12


def test_a_gradient_of_nothing_but_rounding_is_reported_as_zero():
    # What BatchNorm takes away again leaves the last digits.
    subject = network(bp.Dense(4, 3), bp.BatchNorm(3), bp.Tanh(), bp.Dense(3, 2))
    bias = check_gradients(subject, X, Y).tensors[2]
    assert (bias.name, bias.largest, bias.error) == ("layers[0].bias", 0, 0)
    subject.loss_and_gradient(X, Y)
    assert 0 < abs(subject.layers[0].grad_bias).max() < 1e-12


@pytest.mark.parametrize(
    ("subject", "arrays"),
    [
        (Through(lambda x: 0 * x, lambda x: 0 * x), [X]),
        ((lambda x: x.argmax(axis=1), lambda grad_output: 0 * X), [X]),
        (bp.MeanSquaredError(), [X, X.copy()]),
        (network(bp.Identity()), [X, X]),
    ],
)
def test_where_all_is_zero_there_is_nothing_to_compare(subject, arrays):
    assert mismatch(subject, *arrays) == (
        "nothing to compare: every gradient is zero on both sides. Check at a point, or with "
        "parameters, where some are not.\nTo repeat this: seed=0."
    )


def test_a_zero_gradient_is_refused_but_in_a_network():
    # a batch of one has no spread, so it gives its bias
    assert mismatch(bp.BatchNorm(4), X[:1]) == (
        "nothing to compare: the gradient of scale is zero on both sides. Check at a point, or "
        "with parameters, where it is not.\n"
        "  x      nothing to compare\n  scale  nothing to compare\n  bias   right, to 0.0e+00\n"
        "To repeat this: seed=0."
    )


# Rounding.


@pytest.mark.parametrize(("offset", "passes"), [(1e5, True), (1e7, False), (1e8, False)])
def test_a_gradient_must_stand_out_of_rounding_a_thousand_times(offset, passes):
    layer = Through(lambda x: offset + np.abs(x), np.sign)
    if passes:
        assert check_gradients(layer, X).error <= 1e-4
    else:
        found = re.match(
            r"the check of x is inconclusive: its gradient, (\S+) at most, drowns in the rounding "
            r"of the result, (\S+)\.\n",
            mismatch(layer, X),
        )
        largest, noise = map(float, found.groups())
        assert 1e-2 < noise / largest / (offset / 1e7) < 1


UNDECIDED = (
    "the check of {} is inconclusive: rounding in the last digits of what goes in changes its "
    "gradient by {}. Check at another point."
)


@pytest.mark.parametrize(
    ("dtype", "bias", "said"),
    [
        ("float64", 35.5, UNDECIDED),
        ("float64", 15.25, None),
        ("float32", 15.25, f"{UNDECIDED} (In float32.)"),
    ],
)
def test_where_rounding_decides_the_gradient_it_is_inconclusive(dtype, bias, said):
    # A prediction of 1 - 2e-16, where 0 was wanted: what is left of 1 - p is rounding.
    subject = network(bp.Dense(1, 1), bp.Sigmoid(), loss=bp.BinaryCrossEntropy(), dtype=dtype)
    subject.parameters[...] = 1.5, bias
    arrays = [[0.3], [1.3]], [[0.0], [0.0]]
    if said is None:
        assert check_gradients(subject, *arrays).error <= 1e-9
    else:
        first, *_ = mismatch(subject, *arrays).splitlines()
        change = re.search(r"changes its gradient by (\S+)\. Check", first)[1]
        assert first == said.format("layers[0].bias", change)
        assert 0.1 < float(change) < 2


def off_by(off, shaken=0.0, scale=1.0, beside=1.0, size=1.0, dtype=np.float32):
    """A linear function of a and b, whose gradient by b is off by a factor in one dtype.

    `shaken` is by how much more it is off at any other point, as if digits were lost; `beside` is
    how large the gradient by a is next to that by b, and `size` how large a is.
    """
    a, b, given = (size * X).astype(dtype), X.astype(dtype), []

    def forward(a, b):
        given[:] = [b]
        return scale * (beside * a + b)

    def backward(grad_output):
        error = 0.0
        if grad_output.dtype == dtype:
            error = off if np.array_equal(given[0], b) else off + shaken
        return scale * beside * grad_output, scale * (1 + error) * grad_output

    return (forward, backward), a, b


@scales
@pytest.mark.parametrize(
    ("settings", "outcome"),
    [
        ({"off": 0.99e-6}, "passes"),
        ({"off": -1.005e-6}, "wrong"),
        ({"off": 1.005e-6, "shaken": 1e-10}, "passes"),
        ({"off": 1.008e-6, "shaken": 1e-10}, "wrong"),
        ({"off": 1.008e-6, "shaken": 1e-6}, "passes"),
        ({"off": 1.02e-6, "shaken": 1e-6}, "undecided"),
        ({"off": 6e-5, "shaken": 1e-6}, "undecided"),
        ({"off": 7e-5, "shaken": 1e-6}, "wrong"),
        ({"off": 9e-5, "shaken": 1e-4, "beside": 1e4}, "passes"),
        ({"off": 1.1e-4, "shaken": 1e-4, "beside": 1e4}, "undecided"),
        ({"off": 9e-5, "beside": 1e10}, "passes"),
        ({"off": 1.1e-4, "beside": 1e10}, "wrong"),
        ({"off": 0, "beside": 1e12}, "zero"),
        ({"off": 4e-5, "beside": 1e10, "size": 0}, "passes"),
        ({"off": 7e-5, "beside": 1e10, "size": 0}, "wrong"),
        ({"off": 9e-5, "beside": 1e8, "size": 100}, "passes"),
        ({"off": 1.1e-4, "beside": 1e8, "size": 100}, "wrong"),
    ],
)
def test_a_gradient_may_be_off_by_six_digits_or_a_little_that_rounding_does(
    settings, outcome, scale
):
    subject = off_by(scale=scale, dtype=np.float64, **settings)
    if outcome == "passes":
        error = check_gradients(*subject).tensors[1].error
        assert error == pytest.approx(settings["off"], rel=1e-6)
        return
    change = settings.get("shaken", 0) * check_gradients(*off_by(0, scale=scale)).tensors[1].largest
    said = {
        "wrong": f"the gradient of b is wrong, by {abs(settings['off']):.1e} of its largest entry",
        "undecided": UNDECIDED.format("b", f"{change:.1e}"),
        "zero": "the check of b is inconclusive: its gradient, ",
    }
    assert mismatch(*subject).startswith(said[outcome])


@scales
@pytest.mark.parametrize(
    ("settings", "outcome"),
    [
        ({"off": 1.005e-3}, "passes"),
        ({"off": -1.005e-3}, "passes"),
        ({"off": 1.02e-3}, "wrong"),
        ({"off": -1.02e-3}, "wrong"),
        ({"off": 0.03, "shaken": 5e-4}, "passes"),
        ({"off": 0.04, "shaken": 5e-4}, "wrong"),
        ({"off": 0.2, "shaken": 1e-3}, "wrong"),
        ({"off": 0.1005, "shaken": 1}, "passes"),
        ({"off": 0.1015, "shaken": 1}, "undecided"),
        ({"off": 5, "beside": 1e6}, "passes"),
        ({"off": 20, "beside": 1e6}, "wrong"),
        ({"off": 500, "beside": 1e6, "size": 100}, "passes"),
        ({"off": 2000, "beside": 1e6, "size": 100}, "wrong"),
    ],
)
def test_in_float32_it_may_be_off_by_three_digits_or_what_rounding_does(settings, outcome, scale):
    subject = off_by(scale=scale, **settings)
    if outcome == "passes":
        check_gradients(*subject)
        return
    largest = check_gradients(*off_by(0, scale=scale)).tensors[1].largest
    assert (
        mismatch(*subject).splitlines()[0]
        == {
            "wrong": "the gradient of b is right in float64 but wrong in float32, by "
            f"{abs(settings['off']) * largest:.1e} beside a largest entry of {largest:.1e}.",
            "undecided": f"{UNDECIDED.format('b', f'{largest:.1e}')} (In float32.)",
        }[outcome]
    )


def test_a_network_wrong_only_in_float32_is_caught():
    class Coarse(bp.ReLU):
        def local_derivative(self, x):
            return super().local_derivative(x) * (0.9 if x.dtype == np.float32 else 1)

    layers = [bp.Dense(4, 6), Coarse(), bp.Dense(6, 2)]
    check_gradients(network(*copy.deepcopy(layers)), X, Y)
    message = mismatch(network(*layers, dtype="float32"), X, Y)
    assert "is right in float64 but wrong in float32, by" in message
