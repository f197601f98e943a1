"""The explanation of a wrong gradient."""

import re

import numpy as np
import pytest
from checking.common import LEFT_ABS, DenseByParts, X, Y, at_zero, mismatch, network, scales, wrong
from checking.wrong_gradients import FAULTS, LAYERS, LOSSES, Affine, WrongLoss, replaced

import backproplite as bp

FACTOR = (
    "All are off by the factor {}: look for a mean where there is a sum, or the number of samples "
    "or outputs counted twice or not at all."
)
SIGNS = "All signs are wrong: look for a minus too many or too few."
TRANSPOSE = "It is the transpose of what it should be."


COLUMNS = "Each column is off by a factor of its own: look for a scale of the features."
LEFT_OUT = "backward seems to leave out grad_output: multiply by it."


def end_of(message):
    """The last line before the table of tensors, if there is one, and the seed."""
    of_table = re.compile(r"  \S+ +(right|wrong|inconclusive|nothing)\b")
    return [line for line in message.splitlines()[:-1] if not of_table.match(line)][-1]


@scales
def test_a_whole_message(scale):
    outputs = 2 * scale * np.array([[1.0, 2.0, 4.0, 8.0]])  # the gradient is half of them
    wrong = WrongLoss(lambda g: g * [1.5, 1.125, 1.25, 1])
    table = [(2, 5, 4, 1.25), (0, 1.5, 1, 1.5), (1, 2.25, 2, 1.125)]
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
    line = end_of(mismatch(Affine(4, 4, 1.0, FAULTS[fault]), X))
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
        (lambda g: -g * alike(3e-4), COLUMNS),
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
    line = end_of(mismatch(linear, X[:4]))
    assert line == said if said else line.startswith("  x[")


@pytest.mark.parametrize(("factor", "said"), [(-1, SIGNS), (0.2, FACTOR.format(0.2))])
def test_the_cause_is_found_beside_a_kink_and_without_random_weights(factor, said):
    message = mismatch(wrong(LEFT_ABS, lambda g: factor * g), at_zero(1))
    assert "(19 of 20 comparisons are off by more than 1e-6)" in message
    assert "x[0, 0]" not in message
    assert end_of(message) == said
    assert end_of(mismatch(LOSSES["sign"](1), X, -X)) == SIGNS
    assert end_of(mismatch(WrongLoss(lambda g: factor * g), X, -X)) == said


@scales
def test_a_backward_that_leaves_out_grad_output_is_told_so(scale):
    pair = (lambda x: scale * (x * x).sum(), lambda grad_output: scale * 2 * X)
    assert end_of(mismatch(pair, X)) == LEFT_OUT
    pair = (lambda x: scale * x * x, lambda grad_output: scale * 2 * X)  # of several outputs
    assert end_of(mismatch(pair, X)) == LEFT_OUT


def test_only_a_square_matrix_of_which_all_is_known_is_called_a_transpose():
    turned = Affine(4, 3, 1.0, ("weight", lambda g: g.reshape(3, 4).T))
    assert end_of(mismatch(turned, X)).startswith("  weight[")
    sampled = Affine(50, 50, 1.0, ("weight", np.transpose))  # 2,500 entries, of which 500
    x = np.random.default_rng(0).standard_normal((5, 50))
    assert " weight" in end_of(mismatch(sampled, x))


def test_in_a_network_the_message_says_where_to_look():
    subject = network(bp.Dense(4, 3), bp.Tanh(), Affine(3, 2, 1.0, FAULTS["sign"]))
    *_, cause, advice, x, first, bias, wrong, last, _ = mismatch(subject, X, Y).splitlines()
    assert cause == SIGNS
    assert advice == (
        "No parameter nearer to the output is wrong: look at backward from here to the next layer "
        "with parameters."
    )
    assert wrong == "  layers[2].weight  wrong, by 2.0e+00"
    assert re.match(r"  X {17}right, to \d\.\de-1\d$", x)
    assert all("right, to " in line for line in (first, bias, last))


def test_the_advice_is_given_only_where_a_gradient_is_wrong():
    assert mismatch(network(LEFT_ABS, bp.Dense(4, 2)), at_zero(3), Y) == (
        "the check of X is inconclusive: the slope jumps at 3 of 20 entries. Check at another "
        "point, away from kinks.\n  X                 inconclusive, at kinks\n"
        "  layers[1].weight  right, to 4.9e-11\n  layers[1].bias    right, to 3.6e-11\n"
        "To repeat this: seed=0."
    )


class Penalized(DenseByParts):
    def backward_parameters(self, grad_output, x):
        super().backward_parameters(grad_output, x)
        self.grad_weight += 0.1 * self.weight


def test_a_penalty_on_one_side_is_told_with_its_factor():
    assert end_of(mismatch(Penalized(4, 3), X)) == (
        "It is off by 0.1 times weight itself: look for a penalty or weight decay that is on one "
        "side only."
    )


def test_factors_of_columns_are_told():
    pair = (lambda x: x * np.array([2.0, 3.0, 4.0, 5.0]), lambda grad_output: grad_output)
    assert end_of(mismatch(pair, X)) == COLUMNS


class Halves(bp.Layer):
    """Keeps its outputs, which a neighbour may write to."""

    def forward(self, x):
        y = np.tanh(x)
        return y, y

    def backward(self, grad_output, y):
        return grad_output * (1 - y * y)


class Doubles(bp.Layer):
    def forward(self, x):
        x *= 2
        return x, None

    def backward(self, grad_output, cache):
        return 2 * grad_output


def test_a_neighbour_that_writes_in_place_is_named():
    subject = network(bp.Dense(4, 3), Halves(), Doubles(), bp.Dense(3, 2))
    assert mismatch(subject, X, Y).splitlines()[0] == (
        "the gradient of layers[0].bias is wrong: layers[2] Doubles() writes to what it is given, "
        "which layers[1] may still need: let it make a new array."
    )
    right = network(bp.Dense(4, 3), Doubles(), bp.Dense(3, 2))  # nobody needs it there
    assert bp.check_gradients(right, X, Y).error < 1e-9


def test_layers_are_not_spoken_of_to_those_who_gave_functions():
    message = mismatch((lambda x: 3 * x, lambda grad_output: grad_output * np.nan), X)
    assert message.splitlines()[0] == "the gradient of x is not finite at [0, 0]."


def test_an_entry_that_was_not_sampled_is_told_by_what_its_sums_show():
    subject = Affine(50, 60, 1.0, ("weight", replaced(1234, lambda entry: 1.0001 * entry)))
    x = np.random.default_rng(0).standard_normal((5, 50))
    first = mismatch(subject, x).splitlines()[0]
    found = re.fullmatch(
        r"the gradient of weight is wrong, by (\S+) of its largest entry \(an entry that was not "
        r"sampled, which shows in signed sums of all\)\.",
        first,
    )
    assert 5e-6 < float(found[1]) < 1e-4  # of a size that single comparisons would show
