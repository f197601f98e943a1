"""The explanation of a wrong gradient."""

import re

import numpy as np
import pytest
from checking.common import LEFT_ABS, X, Y, at_zero, mismatch, network, scales, wrong
from checking.wrong_gradients import FAULTS, LAYERS, LOSSES, Affine, WrongLoss, replaced

import backproplite as bp

FACTOR = (
    "All are off by the factor {}: look for a mean where there is a sum, or the number of samples "
    "or outputs counted twice or not at all."
)
SIGNS = "All signs are wrong: look for a minus too many or too few."
TRANSPOSE = "It is the transpose of what it should be."


@scales
def test_a_whole_message(scale):
    outputs = 2 * scale * np.array([[1.0, 2.0, 4.0, 8.0]])  # the gradient is half of them
    wrong = WrongLoss(lambda g: g * [1.5, 1.125, 1.25, 1])
    table = [(2, 5, 4, 1.25), (0, 1.5, 1, 1.5), (1, 2.25, 2, 1.125), (3, 8, 8, 1)]
    assert mismatch(wrong, outputs, 0 * outputs).splitlines() == [
        "the gradient of outputs is wrong, by 1.2e-01 of its largest entry (3 of 4 comparisons are "
        "off by more than 1e-6).",
        *(
            f"  outputs[0, {i}]: backward gives {scale * backward:.10g}, numerical "
            f"{scale * numerical:.10g}, ratio {ratio}"
            for i, backward, numerical, ratio in table
        ),
        "To repeat this: seed=0.",
    ]
    assert mismatch(Affine(4, 4, scale, FAULTS["sign"]), X).count("\n  weight[") == 5


def test_a_number_has_no_index_and_a_sum_is_called_so():
    pair = (lambda x: x**3, lambda grad_output: 15 * grad_output)
    line = mismatch(pair, 2.0).splitlines()[1]
    assert re.match(r"  x: backward gives \S+, numerical \S+, ratio 1\.25$", line)
    message = mismatch(LAYERS["one zero in 3,000"](), X)
    assert "  weight in a signed sum of all entries: backward gives" in message


def test_of_what_should_be_zero_no_cause_is_named():
    pair = (lambda x: 0 * x, lambda grad_output: 3 * grad_output)
    first, line, *_ = mismatch(pair, X).splitlines()
    assert "wrong, by inf of its largest entry (20 of 20 comparisons" in first
    assert line.endswith(("numerical 0, ratio inf", "numerical 0, ratio -inf"))


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("sign", SIGNS),
        ("batch counted twice", FACTOR.format(0.2)),
        ("batch not counted", FACTOR.format(5)),
        ("outputs counted twice", FACTOR.format(0.25)),
        ("transpose", TRANSPOSE),
        ("one entry zero", None),
        ("two entries swapped", None),
        ("rows off by one", None),
    ],
)
def test_the_message_ends_with_the_usual_cause(fault, said):
    line = mismatch(Affine(4, 4, 1.0, FAULTS[fault]), X).splitlines()[-2]
    assert line == said if said else line.startswith("  weight[")


#: A gradient with a zero and a very small entry; alike(e) is 1 give or take e.
SLOPES = np.random.default_rng(4).uniform(1, 1.9, (4, 4))
SLOPES[0, 1], SLOPES[2, 2] = 1e-7, 0


def alike(e):
    return 1 + e * (-1.0) ** np.arange(16).reshape(4, 4)


@scales
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda g: -g, SIGNS),
        (lambda g: -0.5 * g, FACTOR.format(-0.5)),
        (lambda g: 0.2 * g, FACTOR.format(0.2)),
        (lambda g: -g * alike(5e-5), SIGNS),
        (lambda g: -g * alike(3e-4), None),
        (lambda g: g.T * alike(5e-5), TRANSPOSE),
        (lambda g: g.T * alike(3e-4), None),
        (lambda g: replaced(4, lambda entry: 5 * entry)(g.T), TRANSPOSE),  # 5e-7 beside 1.9
        (lambda g: np.where(np.eye(4), 1.3 * g, g), None),  # none is off by more than itself
        (lambda g: g.reshape(2, 8).T.reshape(4, 4), None),
    ],
)
def test_a_cause_is_named_only_where_it_is_plain(change, said, scale):
    slopes = scale * SLOPES
    given = change(slopes)
    linear = (lambda x: (slopes * x).sum(), lambda grad_output: grad_output * given)
    line = mismatch(linear, X[:4]).splitlines()[-2]
    assert line == said if said else line.startswith("  x[")


@pytest.mark.parametrize(("factor", "said"), [(-1, SIGNS), (0.2, FACTOR.format(0.2))])
def test_the_cause_is_found_beside_a_kink_and_without_random_weights(factor, said):
    message = mismatch(wrong(LEFT_ABS, lambda g: factor * g), at_zero(1))
    assert "(19 of 20 comparisons are off by more than 1e-6)" in message
    assert "x[0, 0]" not in message
    assert message.splitlines()[-2] == said
    assert mismatch(LOSSES["sign"](1), X, -X).splitlines()[-2] == SIGNS
    assert mismatch(WrongLoss(lambda g: factor * g), X, -X).splitlines()[-2] == said


@scales
def test_a_backward_that_leaves_out_grad_output_is_told_so(scale):
    pair = (lambda x: scale * (x * x).sum(), lambda grad_output: scale * 2 * X)
    said = mismatch(pair, X).splitlines()[-2]
    assert said == "backward seems to leave out grad_output: multiply by it."
    pair = (lambda x: scale * x * x, lambda grad_output: scale * 2 * X)  # of several outputs
    assert mismatch(pair, X).splitlines()[-2].startswith("  x[")


def test_only_a_square_matrix_of_which_all_is_known_is_called_a_transpose():
    turned = Affine(4, 3, 1.0, ("weight", lambda g: g.reshape(3, 4).T))
    assert mismatch(turned, X).splitlines()[-2].startswith("  weight[")
    sampled = Affine(50, 50, 1.0, ("weight", np.transpose))  # 2,500 entries, of which 500
    x = np.random.default_rng(0).standard_normal((5, 50))
    assert " weight" in mismatch(sampled, x).splitlines()[-2]


def test_in_a_network_the_message_says_where_to_look():
    subject = network(bp.Dense(4, 3), bp.Tanh(), Affine(3, 2, 1.0, FAULTS["sign"]))
    *_, cause, advice, _ = mismatch(subject, X, Y).splitlines()
    assert cause == SIGNS
    assert advice == (
        "No parameter nearer to the output is wrong: look at backward from here to the next layer "
        "with parameters."
    )


def test_the_advice_is_given_only_where_a_gradient_is_wrong():
    assert mismatch(network(LEFT_ABS, bp.Dense(4, 2)), at_zero(3), Y) == (
        "the check of X is inconclusive: the slope jumps at 3 of 20 entries. Check at another "
        "point, away from kinks.\nTo repeat this: seed=0."
    )
