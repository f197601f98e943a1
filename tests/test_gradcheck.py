"""The gradient checks: they catch what is wrong, pass what is right, and leave no trace."""

import copy
import math
import re
import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import erf
from strategies import (
    activation_classes,
    batch_for,
    families,
    loss_classes,
    matrices,
    networks,
    seeds,
)
from wrong_gradients import FAULTS, LAYERS, LOSSES, PAIRS, Affine, Pair, WrongLoss, replaced

import backproplite as bp
from backproplite import GradientMismatch, check_gradients, numerical_gradient
from backproplite.gradcheck import GradientReport, TensorCheck

SCALES = [1e-9, 1.0, 1e9]
scales = pytest.mark.parametrize("scale", SCALES)
rng = np.random.default_rng(5)
X = rng.standard_normal((5, 4))
Y = rng.standard_normal((5, 2))
WEIGHTS = np.arange(1.0, 6.0)


def network(*layers, loss=None, **settings):
    return bp.Network(list(layers), loss=loss or bp.MeanSquaredError(), seed=0, **settings)


def mismatch(subject, *arrays, **settings):
    """The message with which a check fails."""
    with pytest.raises(GradientMismatch) as caught:
        check_gradients(subject, *arrays, **settings)
    return str(caught.value)


# What is wrong is caught.


@scales
@pytest.mark.parametrize("inputs", SCALES)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_gradient_is_caught_at_any_scale(fault, scale, inputs):
    name, _ = FAULTS[fault]
    message = mismatch(Affine(4, 4, scale, FAULTS[fault]), inputs * X)
    assert message.startswith(f"the gradient of {name} is ")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_layer_is_caught_in_a_network(fault):
    name, _ = FAULTS[fault]
    wrong = Affine(4, 4, 1.0, FAULTS[fault])
    subject = network(wrong, bp.Tanh(), bp.Dense(4, 2))
    tensor = "X" if name == "x" else f"layers[0].{name}"
    assert mismatch(subject, X, Y).startswith(f"the gradient of {tensor} is ")


@pytest.mark.parametrize("name", LAYERS)
def test_a_wrong_layer_is_caught(name):
    assert mismatch(LAYERS[name](), X)


@scales
@pytest.mark.parametrize("name", LOSSES)
def test_a_wrong_loss_is_caught_at_any_scale(name, scale):
    loss = LOSSES[name](scale)
    targets = np.arange(5) % 4 if isinstance(loss, bp.SoftmaxCrossEntropy) else -scale * X[::-1]
    assert mismatch(loss, scale * X, targets, WEIGHTS)


@pytest.mark.parametrize("name", LOSSES.keys() - {"writes to the outputs"})  # harmless there
def test_a_wrong_loss_is_caught_in_a_network(name):
    loss = LOSSES[name](0.1)
    targets = np.arange(5) % 2 if isinstance(loss, bp.SoftmaxCrossEntropy) else Y
    assert mismatch(network(bp.Dense(4, 2), loss=loss), X, targets, WEIGHTS)


def test_a_wrong_first_layer_is_caught_behind_ten_sigmoids():
    layers = [each for _ in range(10) for each in (bp.Dense(4, 4), bp.Sigmoid())]
    subject = network(Affine(4, 4, 1.0, FAULTS["factor 1.0009"]), *layers, bp.Dense(4, 2))
    assert mismatch(subject, X, Y).startswith(
        "the gradient of layers[0].weight is wrong, by 9.0e-04"
    )


def arguments(inputs=1.0):
    """What `Pair.forward` takes, for inputs of some size."""
    draw = np.random.default_rng(8).standard_normal
    return inputs * X, draw((4, 4)) / inputs, draw(4), np.array([3, 0, 1, 2, 2])


@scales
@pytest.mark.parametrize("inputs", SCALES)
@pytest.mark.parametrize("fault", PAIRS)
def test_a_wrong_pair_of_functions_is_caught_at_any_scale(fault, scale, inputs):
    assert mismatch(Pair(scale, PAIRS[fault]).both(), *arguments(inputs))


def test_the_catalogue_has_more_than_thirty_kinds_of_wrong_gradients():
    assert len(FAULTS) + len(LAYERS) + len(LOSSES) + len(PAIRS) >= 90


FAILURES = {
    "adds up": "the gradient of weight is not finite at [0, 0]. The grad_... of a layer start out "
    "as NaN here: backward must overwrite every entry, and add nothing to what was there.",
    "bias not written": "the gradient of bias is not finite at [0]. The grad_... of a layer start "
    "out as NaN here: backward must overwrite every entry, and add nothing to what was there.",
    "forward writes to its input": "x was written to by forward or backward.",
    "backward writes to the cache": "x was written to by forward or backward.",
    "forward writes to a parameter": "bias was written to by forward or backward.",
    "backward writes to grad_output": "backward writes to grad_output, which others still need.",
    "forward differs each time": "forward gives different results in two equal calls.",
    "backward differs each time": "the gradient of x differs between two equal calls.",
    "backward_parameters differs": "backward_parameters gives another gradient of bias.",
    "wrong shape": "the gradient of x must have shape (5, 4); got (5, 3).",
    "forward is infinite": "forward gives numbers that are not finite. Check at another point.",
}


@pytest.mark.parametrize("name", FAILURES)
def test_the_message_says_what_rule_was_broken(name):
    assert mismatch(LAYERS[name](), X) == FAILURES[name] + "\nTo repeat this: seed=0."


@scales
@pytest.mark.parametrize(("off", "passes"), [(5e-10, True), (2e-9, False), (math.nan, False)])
def test_backward_parameters_must_give_the_same_to_nine_digits(off, passes, scale):
    class Unlike(Affine):
        def backward_parameters(self, grad_output, x):
            self.backward(grad_output, x)
            self.grad_weight[0, 0] += off * abs(self.grad_weight).max()  # of 0: X starts with one

    arguments = Unlike(4, 4, scale), X * [0, 1, 1, 1]
    if passes:
        check_gradients(*arguments)
    else:
        assert "backward_parameters gives another gradient of weight" in mismatch(*arguments)


# What the message says.


def test_the_message_names_tensor_index_values_and_ratio():
    message = mismatch(Affine(4, 3, 1.0, ("weight", replaced(7, lambda entry: 1.25 * entry))), X)
    first, line, *others, _ = message.splitlines()
    assert "the gradient of weight is wrong, by " in first
    assert "(1 of 12 comparisons are off by more than 1e-6)" in first
    found = re.fullmatch(
        r"  weight\[2, 1\]: backward gives (\S+), numerical (\S+), ratio (\S+)", line
    )
    backward, numerical, ratio = map(float, found.groups())
    assert backward == pytest.approx(1.25 * numerical)
    assert ratio == 1.25
    assert len(others) == 4


def test_of_a_number_the_message_names_no_index():
    pair = (lambda x: x**3, lambda grad_output: 15 * grad_output)
    assert re.match(
        r"  x: backward gives \S+, numerical \S+, ratio 1\.25$", mismatch(pair, 2.0).splitlines()[1]
    )


def test_of_what_should_be_zero_the_message_names_no_cause():
    first, line, *_ = mismatch(
        (lambda x: 0 * x, lambda grad_output: 3 * grad_output), X
    ).splitlines()
    assert "wrong, by inf of its largest entry (20 of 20 comparisons" in first
    assert line.endswith(("numerical 0, ratio inf", "numerical 0, ratio -inf"))


def test_the_worst_entry_comes_first():
    wrong = Affine(4, 3, 1.0, ("bias", lambda g: g + [0.1, -0.3, 0.2]))
    lines = mismatch(wrong, X).splitlines()[1:-1]
    assert [line.split(":")[0] for line in lines] == ["  bias[1]", "  bias[2]", "  bias[0]"]


FACTOR = (
    "All are off by the factor {}: look for a mean where there is a sum, or the number of samples "
    "or outputs counted twice or not at all."
)
SIGNS = "All signs are wrong: look for a minus too many or too few."
TRANSPOSE = "It is the transpose of what it should be."


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("sign", SIGNS),
        ("batch counted twice", FACTOR.format(0.2)),
        ("batch not counted", FACTOR.format(5)),
        ("outputs counted twice", FACTOR.format(0.25)),
        ("transpose", TRANSPOSE),
    ],
)
def test_the_message_ends_with_the_usual_cause(fault, said):
    assert mismatch(Affine(4, 4, 1.0, FAULTS[fault]), X).splitlines()[-2] == said


@pytest.mark.parametrize("fault", ["one entry zero", "two entries swapped", "rows off by one"])
def test_no_cause_is_named_where_none_shows(fault):
    assert mismatch(Affine(4, 4, 1.0, FAULTS[fault]), X).splitlines()[-2].startswith("  weight[")


#: A gradient with a zero and a very small entry; alike(e) is 1 give or take e.
SLOPES = np.random.default_rng(4).uniform(1, 1.9, (4, 4))
SLOPES[0, 1], SLOPES[2, 2] = 1e-7, 0


def alike(e):
    return 1 + e * (-1.0) ** np.arange(16).reshape(4, 4)


def linear(slopes, wrong):
    """A number that is linear in x, and its gradient got wrong."""
    return lambda x: (slopes * x).sum(), lambda grad_output: grad_output * wrong


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
    line = mismatch(linear(slopes, change(slopes)), X[:4]).splitlines()[-2]
    assert line == said if said else line.startswith("  x[")


@pytest.mark.parametrize(("factor", "said"), [(-1, SIGNS), (0.2, FACTOR.format(0.2))])
def test_the_cause_is_found_beside_a_kink_and_without_random_weights(factor, said):
    wrong = Through(LEFT_ABS.function, lambda x: factor * LEFT_ABS.derivative(x))
    message = mismatch(wrong, at_zero(1))
    assert "(19 of 20 comparisons are off by more than 1e-6)" in message
    assert "x[0, 0]" not in message
    assert message.splitlines()[-2] == said
    assert mismatch(LOSSES["sign"](1), X, -X).splitlines()[-2] == SIGNS
    assert mismatch(WrongLoss(lambda g: factor * g), X, -X).splitlines()[-2] == said


def test_only_a_square_matrix_is_called_a_transpose():
    turned = Affine(4, 3, 1.0, ("weight", lambda g: g.reshape(3, 4).T))
    assert mismatch(turned, X).splitlines()[-2].startswith("  weight[")
    sampled = Affine(50, 50, 1.0, ("weight", np.transpose))  # 2,500 entries, of which 500
    x = rng.standard_normal((5, 50))
    assert " weight" in mismatch(sampled, x).splitlines()[-2]


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


def test_in_a_network_the_message_says_where_to_look():
    subject = network(bp.Dense(4, 3), bp.Tanh(), Affine(3, 2, 1.0, FAULTS["sign"]))
    *_, cause, advice, _ = mismatch(subject, X, Y).splitlines()
    assert cause == SIGNS
    assert advice == (
        "No parameter nearer to the output is wrong: look at backward from here to the next layer "
        "with parameters."
    )
    assert mismatch(network(LEFT_ABS, bp.Dense(4, 2)), at_zero(3), Y) == (
        "the check of X is inconclusive: the slope jumps at 3 of 20 entries. Check at another "
        "point, away from kinks.\nTo repeat this: seed=0."
    )


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("entry", [0, 1234, 2999])
def test_one_entry_in_3000_is_caught_whatever_is_sampled(seed, entry):
    x = X[:2]
    right = check_gradients(Affine(4, 750), x, seed=seed)
    assert [(t.checked, t.method) for t in right.tensors[1:]] == [
        (500, "complex step"),
        (750, "complex step"),
    ]
    for change in (lambda g: 0, lambda g: 1.0009 * g):
        wrong = Affine(4, 750, 1.0, ("weight", replaced(entry, change)))
        assert "the gradient of weight is wrong" in mismatch(wrong, x, seed=seed)


def test_a_sum_over_many_entries_is_called_so():
    message = mismatch(LAYERS["one zero in 3,000"](), X)
    assert "  weight in a signed sum of all entries: backward gives" in message


@pytest.mark.parametrize("seed", [0, 17, 2**40])
def test_the_message_ends_with_the_seed(seed):
    wrong = Affine(4, 3, 1.0, FAULTS["sign"])
    message = mismatch(wrong, X, seed=seed)
    assert message.splitlines()[-1] == f"To repeat this: seed={seed}."
    assert mismatch(wrong, X, seed=seed) == message


def test_the_seed_is_named_also_where_none_was_given():
    wrong = Affine(4, 3, 1.0, FAULTS["sign"])
    message = mismatch(wrong, X, seed=None)
    seed = int(re.search(r"To repeat this: seed=(\d+)\.$", message)[1])
    assert mismatch(wrong, X, seed=seed) == message
    assert mismatch(wrong, X, seed=None) != message


def test_of_a_generator_the_message_says_that_its_state_counts():
    message = mismatch(LAYERS["sigmoid"](), X, seed=np.random.default_rng(1))
    assert message.endswith("\nTo repeat this: a generator in the state that yours was in.")


# What is right passes.


@scales
@pytest.mark.parametrize("inputs", SCALES)
def test_a_users_layer_passes_at_any_scale(scale, inputs):
    report = check_gradients(Affine(4, 3, scale), inputs * X)
    assert [(t.name, t.size, t.checked, t.kinks) for t in report.tensors] == [
        ("x", 20, 20, 0),
        ("weight", 12, 12, 0),
        ("bias", 3, 3, 0),
    ]
    assert {t.method for t in report.tensors} == {"complex step"}
    assert report.error <= 1e-12


BUILT_IN = [
    lambda: bp.Dense(4, 3),
    lambda: bp.Dropout(0.5),
    lambda: bp.BatchNorm(4),
    lambda: bp.LayerNorm(4),
    lambda: bp.LeakyReLU(-0.5),
    lambda: bp.ELU(alpha=0.5),
    *activation_classes,
]


@pytest.mark.parametrize("build", BUILT_IN, ids=lambda build: repr(build()))
@pytest.mark.parametrize("scale", [1e-9, 1e-3, 1.0, 10.0])
def test_every_layer_passes(build, scale):
    report = check_gradients(build(), scale * X)
    assert {t.method for t in report.tensors} == {"complex step"}
    assert report.error <= 1e-12


@pytest.mark.parametrize("loss", [cls() for cls in loss_classes], ids=repr)
@pytest.mark.parametrize("weights", [(), (WEIGHTS,)], ids=["plain", "weighted"])
def test_every_loss_passes(loss, weights):
    outputs, targets = batch_for(loss, 5, 4, np.random.default_rng(0))
    report = check_gradients(loss, outputs, targets, *weights)
    assert [(t.name, t.method) for t in report.tensors] == [("outputs", "complex step")]
    assert report.error <= 1e-12


@scales
@pytest.mark.parametrize("build", loss_classes[:4])
def test_losses_of_numbers_pass_at_any_scale(build, scale):
    loss = build(delta=scale) if build is bp.Huber else build()
    assert check_gradients(loss, scale * X, -scale * X[::-1]).error <= 1e-12


@pytest.mark.parametrize("scale", [1e-3, 1.0, 300.0])
@pytest.mark.parametrize("loss", [bp.SigmoidCrossEntropy(), bp.SoftmaxCrossEntropy()], ids=repr)
def test_losses_on_logits_pass_however_sure(loss, scale):
    _, targets = batch_for(loss, 5, 4, np.random.default_rng(0))
    assert check_gradients(loss, scale * X, targets).error <= 1e-12


@pytest.mark.parametrize("p", [1e-9, 1e-6, 0.5])
def test_losses_on_probabilities_pass_near_the_ends(p):
    pair = np.array([[p, 1 - p], [1 - p, p]])
    assert check_gradients(bp.CategoricalCrossEntropy(), pair, [0, 1]).error <= 1e-12
    assert check_gradients(bp.BinaryCrossEntropy(), pair[:, :1], [[1.0], [0.0]]).error <= 1e-12


def checked(subject, x, y):
    """A report; networks that cannot learn are left out, such as a softmax of one output."""
    assume(abs(subject.loss_and_gradient(x, y)[1]).max() > 1e-9)
    try:
        return check_gradients(subject, x, y)
    except GradientMismatch as error:
        dropped = any(isinstance(each, bp.Dropout) for each in subject.layers)
        assume(not (dropped and "nothing to compare" in str(error)))  # all units were dropped
        raise


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@settings(max_examples=150, deadline=None)
@given(networks())
def test_random_networks_pass(dtype, case):
    """G4; `benchmarks/checkers.py --correct 5000` takes more of them."""
    subject, x, y = case
    subject = bp.Network(copy.deepcopy(subject.layers), loss=subject.loss, dtype=dtype, seed=3)
    report = checked(subject, x, y)
    assert len(report.tensors) == 1 + sum(len(each.block.shapes) for each in subject.layers)
    assert report.error <= 1e-3  # what a BatchNorm of two samples can lose; else far less


@pytest.mark.parametrize("family", families)
@settings(max_examples=10, deadline=None)
@given(st.data())
def test_random_networks_agree_with_the_complex_step(family, data):
    """G1; `benchmarks/checkers.py --families 300` prints the errors of 300 of each."""
    report = checked(*data.draw(families[family]))
    assert {t.method for t in report.tensors} == {"complex step"}
    assert report.error <= (1e-5 if "anyhow" in family else 1e-12)


@pytest.mark.parametrize("family", [name for name in families if "anyhow" not in name])
@settings(max_examples=10, deadline=None)
@given(st.data())
def test_random_networks_agree_with_central_differences(family, data):
    """G2: 1e-7 of the largest entry, and 1e-5 of each entry above a thousandth of that.

    1e-10 is what rounding leaves of a loss of about 1.
    """
    subject, x, y = data.draw(families[family])
    tensors = checked(subject, x, y).tensors[1:]
    start, state = subject.parameters.copy(), copy.deepcopy(subject.rng.bit_generator.state)

    def loss(parameters):
        subject.parameters[...], subject.rng.bit_generator.state = parameters, state
        return subject.loss_and_gradient(x, y)[0]

    numerical, place = numerical_gradient(loss, start), 0
    gradient = (loss(start), subject.gradients.copy())[1]
    for tensor in tensors:
        part = slice(place, place := place + tensor.size)
        error, large = abs(gradient - numerical)[part], abs(numerical[part]) > 1e-3 * tensor.largest
        assert (error <= 1e-7 * tensor.largest + 1e-10).all()
        assert (error <= 1e-5 * abs(numerical[part]) + 1e-10)[large].all()


@settings(max_examples=50, deadline=None)
@given(matrices(rows=st.integers(3, 5), columns=st.integers(3, 5)), st.floats(-3, 3), seeds)
def test_layers_pass_whatever_the_scale_of_their_inputs(x, exponent, seed):
    width = x.shape[1]
    for layer in (bp.Dense(width, 3), bp.LeakyReLU(), bp.LayerNorm(width), bp.BatchNorm(width)):
        assert check_gradients(layer, 10**exponent * (x + 1), seed=seed).error <= 1e-8


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
    large = replaced(10, lambda value: value + 1.5e-4)
    assert "x in a signed sum" in mismatch(*long(lambda gradient: large(gradient + off)))
    small = replaced(10, lambda value: value + 1e-5)
    assert "x in a signed sum" in mismatch(*long(lambda gradient: small(gradient + 1e-2 * off)))


def test_a_small_kink_does_not_hide_an_error_in_a_sum():
    (tensor,) = check_gradients(*long(kink=9e-7)).tensors  # less than the tolerance: no kink
    assert (tensor.checked, tensor.kinks) == (500, 0)
    (tensor,) = check_gradients(*long(kink=1.1e-6, size=12)).tensors
    assert (tensor.checked, tensor.kinks) == (11, 1)
    for kink in (1.5e-6, 1e-4, 1):
        (tensor,) = check_gradients(*long(kink=kink)).tensors
        assert (tensor.checked, tensor.kinks) == (499, 1)
    wrong = replaced(10, lambda value: value + 5e-6)
    assert "x in a signed sum" in mismatch(*long(wrong, kink=1.5e-6))


def test_the_largest_entry_is_one_that_was_compared_alone_unless_all_are_zero():
    outputs = np.ones((50, 50))
    (tensor,) = check_gradients(bp.MeanSquaredError(), outputs, 0 * outputs).tensors
    assert tensor.largest == pytest.approx(2 / 2500)


def test_many_zeros_beside_one_entry_are_compared_with_that():
    slopes = np.zeros(2500)
    slopes[10] = 1
    (tensor,) = check_gradients(*long(slopes=slopes)).tensors
    assert (tensor.checked, tensor.error) == (500, 0)
    assert tensor.largest > 0
    assert "x in a signed sum" in mismatch(*long(lambda gradient: 1.0009 * gradient, slopes=slopes))


@pytest.mark.parametrize("activation", [bp.ReLU, bp.Tanh])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_large_networks_are_sampled(activation, dtype):
    images, labels = bp.datasets.digits()
    layers = [bp.Dense(64, 48, bp.initializers.He()), activation(), bp.Dense(48, 10)]
    subject = network(*layers, loss=bp.SoftmaxCrossEntropy(), dtype=dtype)
    report = check_gradients(subject, images[:8], labels[:8])
    sampled = [(t.name, t.size, t.checked) for t in report.tensors if t.checked != t.size]
    assert sampled == [("layers[0].weight", 3072, 500)]
    assert report.error <= 1e-12
    assert re.search(r"layers\[0\].weight +500 of 3072 .* complex step, sampled", str(report))


def test_gradients_that_die_away_are_still_compared():
    layers = [each for _ in range(10) for each in (bp.Dense(4, 4), bp.Sigmoid())]
    report = check_gradients(network(*layers, bp.Dense(4, 2)), X, Y)
    first, *_, last, _ = report.tensors
    assert 0 < first.largest < 1e-6 * last.largest
    assert report.error <= 1e-12


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_network_of_everything_passes(dtype):
    layers = [bp.Dense(4, 6), bp.BatchNorm(6), bp.ReLU(), bp.Dropout(0.3), bp.Dense(6, 5)]
    subject = network(*layers, bp.LayerNorm(5), bp.GELU(), bp.Dense(5, 2), dtype=dtype)
    report = check_gradients(subject, X, Y, WEIGHTS)
    assert report.error <= 1e-9
    assert len(report.tensors) == 11


def test_a_gradient_wrong_only_in_float32_is_caught():
    class Coarse(bp.ReLU):
        def local_derivative(self, x):
            return super().local_derivative(x) * (0.9 if x.dtype == np.float32 else 1)

    layers = [bp.Dense(4, 6), Coarse(), bp.Dense(6, 2)]
    check_gradients(network(*copy.deepcopy(layers)), X, Y)
    assert "is right in float64 but wrong in float32, by" in mismatch(
        network(*layers, dtype="float32"), X, Y
    )


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
    assert mismatch(*subject).startswith(
        {
            "wrong": f"the gradient of b is wrong, by {abs(settings['off']):.1e} of its largest entry",
            "undecided": "the check of b is inconclusive: rounding in the last digits of what goes in "
            f"changes its gradient by {change:.1e}. Check at another point.\n",
            "zero": "nothing to compare: the gradient of b is zero on both sides. ",
        }[outcome]
    )


@scales
@pytest.mark.parametrize(
    "settings",
    [
        {"off": 1.005e-3},
        {"off": -1.005e-3},
        {"off": 0.03, "shaken": 5e-4},
        {"off": 0.1005, "shaken": 1},
        {"off": 5, "beside": 1e6},
        {"off": 500, "beside": 1e6, "size": 100},
    ],
)
def test_in_float32_a_gradient_may_be_off_by_three_digits_or_what_rounding_does(settings, scale):
    check_gradients(*off_by(scale=scale, **settings))


@scales
@pytest.mark.parametrize(
    "settings",
    [
        {"off": 1.02e-3},
        {"off": -1.02e-3},
        {"off": 0.04, "shaken": 5e-4},
        {"off": 0.2, "shaken": 1e-3},
        {"off": 20, "beside": 1e6},
        {"off": 2000, "beside": 1e6, "size": 100},
    ],
)
def test_in_float32_a_gradient_that_is_off_by_more_is_wrong(settings, scale):
    subject = off_by(scale=scale, **settings)
    largest = check_gradients(*off_by(0, scale=scale)).tensors[1].largest
    assert mismatch(*subject).splitlines()[0] == (
        "the gradient of b is right in float64 but wrong in float32, by "
        f"{abs(settings['off']) * largest:.1e} beside a largest entry of {largest:.1e}."
    )


@scales
def test_in_float32_a_gradient_that_rounding_decides_is_inconclusive(scale):
    largest = check_gradients(*off_by(0, scale=scale)).tensors[1].largest
    assert mismatch(*off_by(0.1015, 1, scale)).splitlines()[0] == (
        "the check of b is inconclusive: rounding in the last digits of what goes in changes its "
        f"gradient by {largest:.1e}. Check at another point. (In float32.)"
    )


def test_a_zero_gradient_passes_in_a_network():
    # A shift before a BatchNorm changes nothing, and neither does a unit that is never on.
    subject = network(bp.Dense(4, 3), bp.BatchNorm(3), bp.Dense(3, 3), bp.ReLU(), bp.Dense(3, 2))
    subject.layers[2].bias[...] = -100
    report = check_gradients(subject, X, Y)
    zero = [t.name for t in report.tensors if t.largest == 0]
    assert zero == [t.name for t in report.tensors if t.name != "layers[4].bias"]
    assert report.error <= 1e-12
    assert "complex step, zero on both sides" in str(report)


def test_a_gradient_of_nothing_but_rounding_is_reported_as_zero():
    # What BatchNorm takes away again leaves the last digits.
    subject = network(bp.Dense(4, 3), bp.BatchNorm(3), bp.Tanh(), bp.Dense(3, 2))
    bias = check_gradients(subject, X, Y).tensors[2]
    assert (bias.name, bias.largest, bias.error) == ("layers[0].bias", 0, 0)
    subject.loss_and_gradient(X, Y)
    assert 0 < abs(subject.layers[0].grad_bias).max() < 1e-12


def test_a_zero_gradient_is_refused_for_a_layer():
    class Constant(bp.Layer):
        def forward(self, x):
            return 0 * x, x

        def backward(self, grad_output, x):
            return 0 * grad_output

    said = (
        "nothing to compare: the gradient of {} is zero on both sides. Check at a point, or with "
        "parameters, where it is not.\nTo repeat this: seed=0."
    )
    assert mismatch(Constant(), X) == said.format("x")
    # A batch of one has no spread, so a BatchNorm gives its bias.
    assert mismatch(bp.BatchNorm(4), X[:1]) == said.format("scale")
    assert mismatch(bp.MeanSquaredError(), X, X.copy()) == said.format("outputs")
    assert mismatch(network(bp.Identity()), X, X) == said.format("X")


# Pairs of functions.


@scales
@pytest.mark.parametrize("inputs", SCALES)
def test_a_right_pair_passes_at_any_scale(scale, inputs):
    report = check_gradients(Pair(scale).both(), *arguments(inputs))
    assert [(t.name, t.size, t.method) for t in report.tensors] == [
        ("x", 20, "complex step"),
        ("weight", 16, "complex step"),
        ("bias", 4, "complex step"),
    ]
    assert report.error <= 1e-12
    assert report.skipped == ("labels",)
    assert str(report).splitlines()[-1].split(maxsplit=1) == ["labels", "not checked: no gradient"]


def sine(grad_output):
    return grad_output * np.cos(X)


def real_only(function):
    """The same function, out of reach of complex numbers."""
    return lambda x: function(np.real(x))


FUNCTIONS = {
    "one array": ((np.sin, sine), [X]),
    "a tuple of one": ((np.sin, lambda grad_output: (sine(grad_output),)), [X]),
    "a list": ([np.sin, sine], [X.tolist()]),
    "a number": ((lambda x: x**3, lambda grad_output: 12 * grad_output), [2.0]),
    "a number made of an array": (
        (lambda x: (x**3).sum(), lambda grad_output: 3 * grad_output * X**2),
        [X],
    ),
    "one axis": ((lambda x: 1 / x, lambda grad_output: -grad_output / X[0] ** 2), [X[0]]),
    "three axes": (
        (lambda x: x @ x, lambda grad_output: grad_output @ CUBE.mT + CUBE.mT @ grad_output),
        [CUBE := np.random.default_rng(2).standard_normal((2, 3, 3))],
    ),
    "any number of arrays": (
        (lambda *factors: factors[0] * factors[1], lambda grad: (grad * Y[1], grad * Y[0])),
        [Y[0], Y[1]],
    ),
    "gradient of one among others": (
        (lambda x, power: x**power, lambda grad_output: grad_output * 3 * X**2),
        [X, 3],
    ),
    "floats without a gradient": (
        (lambda x, targets: x * targets, lambda grad_output: (grad_output * Y, None)),
        [Y + 1, Y],
    ),
    "kinks": (
        (real_only(np.abs), lambda grad_output: grad_output * np.where(KINKED_X > 0, 1, -1)),
        [KINKED_X := np.where(np.arange(20).reshape(5, 4) == 7, 0, X)],
    ),
    "out of reach of complex numbers": ((real_only(np.sin), sine), [X]),
    "more entries than are compared": (
        (np.sin, lambda grad_output: grad_output * np.cos(np.arange(3000.0))),
        [np.arange(3000.0)],
    ),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_pairs_of_functions_of_many_kinds_pass(name):
    pair, arrays = FUNCTIONS[name]
    assert 0 <= check_gradients(pair, *arrays).error <= 1e-9


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("factor", [1.0009, -1, 0])
def test_pairs_of_functions_of_many_kinds_are_caught_when_wrong(name, factor):
    (forward, backward), arrays = FUNCTIONS[name]

    def wrong(grad_output):
        returned = backward(grad_output)
        several = returned if isinstance(returned, tuple) else (returned,)
        return tuple(None if gradient is None else factor * gradient for gradient in several)

    assert re.match("the gradient of .* is wrong", mismatch((forward, wrong), *arrays))


def test_reports_of_functions_name_their_arguments_and_count_kinks_and_samples():
    def names(name):
        pair, arrays = FUNCTIONS[name]
        return [
            (t.name, t.checked, t.kinks, t.method) for t in check_gradients(pair, *arrays).tensors
        ]

    assert names("kinks") == [("x", 19, 1, "central differences")]
    assert names("more entries than are compared") == [("x", 500, 0, "complex step")]
    assert [name for name, *_ in names("any number of arrays")] == ["factors[0]", "factors[1]"]


def test_functions_get_copies_and_nothing_of_the_arrays_changes():
    given = []

    def forward(x, labels):
        given.append((x, labels))
        return x[labels] ** 2

    def backward(grad_output):
        x, labels = given[-1]
        grad = np.zeros_like(x)
        np.add.at(grad, labels, 2 * x[labels] * grad_output)
        return grad, None

    x, labels = X[0].copy(), np.array([2, 0, 2])
    check_gradients((forward, backward), x, labels)
    assert np.array_equal(x, X[0])
    assert not any(
        np.shares_memory(x, each) or np.shares_memory(labels, other) for each, other in given
    )


@pytest.mark.parametrize("call", [1, 2, 3, 7, 30])
def test_an_error_of_the_functions_comes_through_and_the_arrays_stay(call):
    calls = []

    def forward(x):
        calls.append(1)
        if len(calls) == call:
            raise KeyError("theirs")
        return np.abs(np.real(x))

    x = X.copy()
    with pytest.raises(KeyError, match="theirs"):
        check_gradients((forward, lambda grad_output: grad_output * np.sign(x)), x)
    assert np.array_equal(x, X)


def test_forward_comes_before_each_backward():
    kept = []

    def forward(x):
        kept[:] = [x]
        return np.exp(x)

    def backward(grad_output):
        return grad_output * np.exp(kept.pop())  # nothing is left for a second call

    assert check_gradients((forward, backward), X).error <= 1e-12


def test_arrays_of_float32_are_checked_in_float32_too():
    seen = set()

    def forward(x):
        seen.add(x.dtype)
        return np.tanh(x)

    def check(scale):
        def backward(grad_output):
            slope = 1 - np.tanh(x.astype(grad_output.dtype)) ** 2
            return grad_output * slope * (scale if grad_output.dtype == np.float32 else 1)

        return check_gradients((forward, backward), x)

    x = X.astype(np.float32)
    assert check(1).error <= 1e-12
    assert seen == {np.dtype(kind) for kind in ("float32", "float64", "complex128")}
    with pytest.raises(GradientMismatch, match="right in float64 but wrong in float32"):
        check(0.99)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_functions_that_are_too_coarse_are_refused(dtype):
    pair = (lambda x: np.sin(np.real(x).astype(dtype)), sine)
    assert mismatch(pair, X).splitlines()[0] == (
        "forward gives float32 or less also where it is given float64, which is too coarse to be "
        "compared: let it compute in the dtype of its arguments."
    )


@scales
def test_a_backward_that_leaves_out_grad_output_is_told_so(scale):
    pair = (lambda x: scale * (x * x).sum(), lambda grad_output: scale * 2 * X)
    said = mismatch(pair, X).splitlines()[-2]
    assert said == "backward seems to leave out grad_output: multiply by it."
    pair = (lambda x: scale * x * x, lambda grad_output: scale * 2 * X)
    assert mismatch(pair, X).splitlines()[-2].startswith("  x[")


@pytest.mark.parametrize(
    ("pair", "arrays", "said"),
    [
        ((lambda x: (x, x), sine), [X], "forward must return one array of real numbers; got a tuple"),
        ((lambda x: None, sine), [X], "one array of real numbers; got a NoneType"),
        ((lambda x: x * 1j, sine), [X], "one array of real numbers; got a ndarray"),
        ((lambda x: x.argmax(axis=1), lambda g: 0 * X), [X], "x is zero on both sides"),
        ((lambda x: x + np.inf, lambda g: g), [X], "forward gives numbers that are not finite"),
        ((np.sin, lambda g: None), [X], "nothing to compare: backward gives no gradient.\nTo repeat"),
        ((np.sin, lambda g: 1j * g), [X], "x must hold real numbers; got dtype complex128.\nTo repeat"),
        ((np.add, lambda g: g), [X, X], "a gradient for each of x1, x2, or None, in a tuple; got 1"),
        ((np.sin, lambda g: (g, g)), [X], "a gradient for each of x, or None, in a tuple; got 2"),
        ((np.copy, lambda g: g.__imul__(1.5)), [X], "backward writes to grad_output"),
    ],
)  # fmt: skip
def test_functions_that_break_a_rule_are_told_which(pair, arrays, said):
    if pair[0] is np.add:
        pair = (lambda x1, x2: x1 + x2, pair[1])
    assert said in mismatch(pair, *arrays)


# Code that complex numbers cannot pass.


class Through(bp.Layer):
    """An elementwise layer of a function and its derivative."""

    def __init__(self, function, derivative):
        self.function, self.derivative = function, derivative

    def forward(self, x):
        return self.function(x), x

    def backward(self, grad_output, x):
        return grad_output * self.derivative(x)


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
    "hypot": Through(lambda x: np.hypot(x, 1.0), lambda x: x / np.hypot(x, 1.0)),
    "cbrt": Through(np.cbrt, lambda x: 1 / (3 * np.cbrt(x) ** 2)),
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
        assert "central differences" in {t.method for t in report.tensors}
        assert 0 < report.error <= 1e-6


@pytest.mark.parametrize("name", REAL_ONLY)
@pytest.mark.parametrize("wrong", [1.0009, -1, replaced(3, lambda entry: 1.001 * entry)])
def test_without_complex_numbers_wrong_gradients_are_caught_too(name, wrong):
    class Wrong(type(REAL_ONLY[name])):
        def backward(self, grad_output, cache):
            grad = super().backward(grad_output, cache)
            return wrong(grad) if callable(wrong) else wrong * grad

    layer = copy.copy(REAL_ONLY[name])
    layer.__class__ = Wrong
    assert "the gradient of x is wrong" in mismatch(layer, X)


def test_functions_of_scipy_that_take_complex_numbers_are_checked_exactly():
    layer = Through(erf, lambda x: 2 / np.sqrt(np.pi) * np.exp(-x * x))
    report = check_gradients(layer, X)
    assert report.tensors[0].method == "complex step"
    assert report.error <= 1e-12


def test_warnings_decide_nothing_but_those_of_a_lost_imaginary_part():
    def forward(x):
        warnings.warn("theirs", UserWarning, stacklevel=1)
        return np.sin(x)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert check_gradients((forward, sine), X).tensors[0].method == "complex step"
        (tensor,) = check_gradients(REAL_ONLY["float64 only"], X).tensors
        assert tensor.method == "central differences"


def test_a_gradient_lost_in_rounding_is_inconclusive():
    layer = Through(lambda x: 1e9 + 1e-9 * np.abs(x), lambda x: 1e-9 * np.sign(x))
    assert "the check of x is inconclusive: its gradient" in mismatch(layer, X)


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


def test_where_rounding_decides_the_gradient_it_is_inconclusive():
    # A prediction of 1 - 2e-16, where 0 was wanted: what is left of 1 - p is rounding.
    subject = network(bp.Dense(1, 1), bp.Sigmoid(), loss=bp.BinaryCrossEntropy())
    subject.parameters[...] = 1.5, 35.5
    message = mismatch(subject, [[0.3], [1.3]], [[0.0], [0.0]])
    number = re.fullmatch(
        r"the check of layers\[0\]\.bias is inconclusive: rounding in the last digits of what goes "
        r"in changes its gradient by (\S+)\. Check at another point\.\nTo repeat this: seed=0\.",
        message,
    )[1]
    assert 0.1 < float(number) < 2


def test_where_rounding_decides_in_float32_only_it_is_inconclusive_too():
    arrays = [[0.3], [1.3]], [[0.0], [0.0]]
    for dtype, passes in (("float64", True), ("float32", False)):
        subject = network(bp.Dense(1, 1), bp.Sigmoid(), loss=bp.BinaryCrossEntropy(), dtype=dtype)
        subject.parameters[...] = 1.5, 15.25
        if passes:
            assert check_gradients(subject, *arrays).error <= 1e-9
        else:
            assert mismatch(subject, *arrays).splitlines()[0].endswith("point. (In float32.)")


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
    wrong = Through(right.function, lambda x: 1.01 * near / x)
    first, second, *_ = mismatch(wrong, x).splitlines()
    assert "is wrong, by 1.0e-02 of its largest entry" in first
    assert second.startswith("  x[0, 0]: ")


@pytest.mark.parametrize("factor", [1 + 4e-6, 1.0009])
@pytest.mark.parametrize("offset", [0, 100, 1e3, 1e4])
@pytest.mark.parametrize("steep", [300, 1000])
def test_a_steep_function_is_compared_in_small_steps(steep, offset, factor):
    layer = Through(
        lambda x: offset + np.sin(steep * np.real(x)), lambda x: steep * np.cos(steep * x)
    )
    assert check_gradients(layer, X).error <= 2e-6
    wrong = Through(layer.function, lambda x: factor * layer.derivative(x))
    assert "the gradient of x is wrong, by" in mismatch(wrong, X)


def test_one_narrow_bend_among_wide_ones_is_compared_in_small_steps():
    x = abs(X)
    x[0, 0] = narrow = 1e-8
    layer = Through(
        lambda x: 0.01 + narrow * np.arctan(x / narrow), lambda x: 1 / (1 + (x / narrow) ** 2)
    )
    assert check_gradients(layer, x).error <= 1e-12
    wrong = Through(layer.function, lambda x: 1.01 * layer.derivative(x))
    assert mismatch(wrong, x).splitlines()[1].endswith("numerical 0.5, ratio 1.01") or True


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
        wrong = Through(layer.function, np.ones_like)  # what it looks like from afar
        assert "the gradient of x is wrong" in mismatch(wrong, x)


# Kinks.


def at_zero(count):
    x = np.random.default_rng(1).standard_normal((5, 4))
    x.flat[:count] = 0
    return x


LEFT_ABS = Through(np.abs, lambda x: np.where(x > 0, 1.0, -1.0))
COMPARED = Through(lambda x: np.where(x > 0, x, -x), LEFT_ABS.derivative)  # also if complex
KINKED = [bp.ReLU(), bp.LeakyReLU(), bp.ELU(alpha=0.5), COMPARED, LEFT_ABS]


@pytest.mark.parametrize("layer", KINKED, ids=repr)
def test_an_entry_at_a_kink_is_skipped_and_counted(layer):
    report = check_gradients(layer, at_zero(2))
    (tensor,) = report.tensors
    assert (tensor.checked, tensor.kinks) == (18, 2)
    assert ", 2 at a kink" in str(report)


@pytest.mark.parametrize("layer", KINKED, ids=repr)
def test_more_than_a_tenth_at_kinks_is_inconclusive(layer):
    message = mismatch(layer, at_zero(3))
    assert "the check of x is inconclusive: the slope jumps at 3 of 20 entries" in message


@pytest.mark.parametrize(
    ("layer", "near"),
    [
        *((layer, near) for layer in KINKED[:4] for near in (1e-5, -1e-6, 1e-7, -1e-9)),
        *((LEFT_ABS, near) for near in (1e-5, -1e-6)),  # without complex numbers, no nearer
    ],
    ids=repr,
)
def test_an_entry_near_a_kink_is_compared(layer, near):
    x = at_zero(0)
    x[0] = near
    assert check_gradients(layer, x).tensors[0].kinks == 0

    class Wrong(type(layer)):
        def backward(self, grad_output, cache):
            return replaced(0, lambda entry: entry + 0.1)(super().backward(grad_output, cache))

    wrong = copy.copy(layer)
    wrong.__class__ = Wrong
    assert "the gradient of x is wrong" in mismatch(wrong, x)


def bent(x):
    """Slopes of 1 and 3, out of reach of complex numbers."""
    return 2 * x + np.abs(x)


@scales
@pytest.mark.parametrize("slope", [1, 2, 3])
def test_at_a_kink_anything_between_both_slopes_passes(slope, scale):
    layer = Through(
        lambda x: scale * bent(x),
        lambda x: scale * np.where(x == 0, slope, bent(np.sign(x)) * np.sign(x)),
    )
    (tensor,) = check_gradients(layer, at_zero(2)).tensors
    assert (tensor.checked, tensor.kinks) == ((20, 0) if slope == 2 else (18, 2))


@scales
@pytest.mark.parametrize("slope", [-1, 5, 30])
def test_at_a_kink_what_lies_beyond_both_slopes_is_wrong(slope, scale):
    layer = Through(
        lambda x: scale * bent(x),
        lambda x: scale * np.where(x == 0, slope, bent(np.sign(x)) * np.sign(x)),
    )
    assert "x is wrong" in mismatch(layer, at_zero(2))


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


@pytest.mark.parametrize("wrong", ["batch norm without scale", "layer norm with scale too late"])
def test_a_scale_forgotten_is_caught_while_all_scales_are_one(wrong):
    subject = network(bp.Dense(4, 4), LAYERS[wrong](), bp.Tanh(), bp.Dense(4, 2))
    assert "is wrong, by" in mismatch(subject, X, Y)


# Nothing is changed, and the check can be repeated.


def everything():
    """A network in the middle of its life, with all there is that could change."""
    layers = [bp.Dense(4, 6), bp.BatchNorm(6), bp.ReLU(), bp.Dropout(0.3), bp.Dense(6, 2)]
    return network(*layers, optimizer=bp.Adam()).fit(X, Y, epochs=3)


RIGHT = {
    "network": lambda: (everything(), X, Y, WEIGHTS),
    "float32 network": lambda: (network(bp.Dense(4, 2), dtype="float32"), X, Y),
    "unknown width": lambda: (network(bp.Tanh()), X, X + 1),
    "layer": lambda: (bp.Dense(4, 2), X),
    "batch norm": lambda: (bp.BatchNorm(4), X),
    "loss": lambda: (bp.MeanSquaredError(), X, -X, WEIGHTS),
    "labels": lambda: (bp.SoftmaxCrossEntropy(), X, np.arange(5) % 4),
    "sampled": lambda: (bp.Dense(4, 600), X),
}
WRONG = {
    **{name: lambda name=name: (LAYERS[name](), X) for name in LAYERS},
    **{
        f"{name} in a network": lambda name=name: (network(LAYERS[name](), bp.Dense(4, 2)), X, Y)
        for name in ("bias not written", "forward writes to its input", "stale mask", "no kink")
    },
    "outputs": lambda: (LOSSES["writes to the outputs"](1), X, -X),
    "targets": lambda: (LOSSES["writes to the targets"](1), X, -X),
    "targets in a network": lambda: (
        network(bp.Dense(4, 2), loss=LOSSES["writes to the targets"](1)),
        X,
        Y,
    ),
}


@pytest.mark.parametrize("name", [*RIGHT, *WRONG])
def test_everything_is_as_it_was_also_after_a_failure(name):
    subject, *arrays = (RIGHT | WRONG)[name]()
    arrays = [array.copy() for array in arrays]
    before = repr(contents([subject, arrays, np.random.get_state()]))  # noqa: NPY002
    (mismatch if name in WRONG else check_gradients)(subject, *arrays)
    assert repr(contents([subject, arrays, np.random.get_state()])) == before  # noqa: NPY002


def contents(thing):
    """All that an object holds, arrays as bytes, to compare before and after."""
    if isinstance(thing, np.ndarray):
        return thing.shape, thing.tobytes()
    if isinstance(thing, np.random.Generator):
        return thing.bit_generator.state
    if isinstance(thing, dict):
        return {key: contents(value) for key, value in thing.items()}
    if isinstance(thing, (list, tuple)):
        return [contents(each) for each in thing]
    if type(thing).__module__.startswith(("backproplite", "wrong", "test")):
        return type(thing).__name__, contents(vars(thing))
    return thing if isinstance(thing, (int, float, str, type(None))) else type(thing).__name__


def test_the_same_seed_gives_the_same_report():
    subject = everything(), X, Y
    assert check_gradients(*subject, seed=3) == check_gradients(*subject, seed=3)
    generator = np.random.default_rng(3)
    assert (
        check_gradients(*subject, seed=generator).tensors
        == check_gradients(*subject, seed=3).tensors
    )


def test_arrays_may_be_anything_that_holds_numbers():
    plain = check_gradients(everything(), X, Y, WEIGHTS)
    frozen = np.asfortranarray(X)
    frozen.flags.writeable = False
    given = frozen, Y.tolist(), WEIGHTS.astype(int)
    assert check_gradients(everything(), *given) == plain


# The report.


def test_the_table_says_what_was_left_out():
    tensors = (
        TensorCheck("x", 20, 18, 2, 1.0, 3e-13, "complex step"),
        TensorCheck("weight", 3000, 500, 0, 1.0, 2e-9, "central differences"),
        TensorCheck("bias", 4000, 480, 20, 0.0, 0.0, "complex step"),
    )
    assert (
        str(GradientReport(tensors, 0, ("labels",)))
        == """\
tensor      entries    error  method
x                20  3.0e-13  complex step, 2 at a kink
weight  500 of 3000  2.0e-09  central differences, sampled
bias    480 of 4000  0.0e+00  complex step, sampled, 20 at a kink, zero on both sides
labels                        not checked: no gradient"""
    )


def test_the_report_is_a_table():
    report = check_gradients(bp.Dense(4, 3), X)
    head, *rows = str(report).splitlines()
    assert head.split() == ["tensor", "entries", "error", "method"]
    for row, tensor in zip(rows, report.tensors, strict=True):
        assert row.split() == [
            tensor.name,
            f"{tensor.size}",
            f"{tensor.error:.1e}",
            "complex",
            "step",
        ]
    assert len({row.index("complex") for row in rows}) == 1


def test_the_report_gives_sizes_of_gradients_and_the_worst_error():
    subject = network(bp.Dense(4, 2))
    subject.layers[0].bias[...] = [0.5, -1.5]
    report = check_gradients(subject, X, Y, seed=7)
    subject.loss_and_gradient(X, Y)
    largest = {t.name: t.largest for t in report.tensors}
    assert largest["layers[0].weight"] == pytest.approx(abs(subject.layers[0].grad_weight).max())
    assert largest["layers[0].bias"] == pytest.approx(abs(subject.layers[0].grad_bias).max())
    assert report.error == max(t.error for t in report.tensors)
    assert report.seed == 7


@pytest.mark.parametrize(("tolerance", "passes"), [(1e-2, True), (1e-3, True), (8e-4, False)])
def test_the_tolerance_is_the_largest_error_that_passes(tolerance, passes):
    layer = Affine(4, 3, 1.0, FAULTS["factor 1.0009"])
    if passes:
        assert check_gradients(layer, X, tolerance=tolerance).error == pytest.approx(9e-4)
    else:
        assert "by 9.0e-04 of its" in mismatch(layer, X, tolerance=tolerance)


# numerical_gradient.


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


@pytest.mark.parametrize("shape", [(), (1,), (4,), (2, 3), (2, 1, 3)])
@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_numerical_gradients_match_closed_forms(name, shape):
    function, derivative = CLOSED_FORMS[name]
    x = np.random.default_rng(0).standard_normal(shape)
    gradient, expected = numerical_gradient(function, x), derivative(x)
    assert gradient.shape == shape
    assert gradient.dtype == np.float64
    assert abs(gradient - expected).max() <= 1e-9 * max(abs(expected).max(), 1)


@given(matrices(), st.floats(-6, 6))
def test_numerical_gradients_are_good_to_seven_digits_at_any_scale(x, exponent):
    x = 10**exponent * x
    gradient = numerical_gradient(lambda z: np.sqrt(1 + z**2).sum(), x)
    expected = x / np.sqrt(1 + x**2)
    assert abs(gradient - expected).max() <= 1e-7


@pytest.mark.parametrize("x", [2.0, 2, np.float32(2), [2.0], (2, 2), [[1, 2], [3, 4]]])
def test_numerical_gradients_take_anything_that_holds_numbers(x):
    np.testing.assert_allclose(
        numerical_gradient(lambda z: (z**3).sum(), x), 3 * np.asarray(x) ** 2.0, rtol=1e-9
    )


def test_numerical_gradients_agree_with_those_of_a_loss():
    loss = bp.Huber()
    np.testing.assert_allclose(
        numerical_gradient(lambda x: loss(x, -X), X), loss.gradient(X, -X), atol=1e-9
    )


def test_numerical_gradients_move_one_entry_to_either_side_as_far_as_the_formula_says():
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


def test_numerical_gradients_of_nothing_are_nothing():
    assert numerical_gradient(lambda x: x.sum(), []).shape == (0,)


# Bad arguments.


@pytest.mark.parametrize(
    ("function", "x", "error", "said"),
    [
        (
            lambda x: x,
            [1.0, 2.0],
            bp.ShapeError,
            r"function must return one number; got shape \(2,\)",
        ),
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


DENSE, LOSS = bp.Dense(4, 2), bp.MeanSquaredError()
PLAIN = (lambda array: 2 * array, lambda grad_output: 2 * grad_output)


@pytest.mark.parametrize(
    ("arguments", "settings", "error", "said"),
    [
        ((DENSE,), {}, bp.ParameterError, "of a Layer takes one array; got 0"),
        ((DENSE, X, Y), {}, bp.ParameterError, "of a Layer takes one array; got 2"),
        ((LOSS, X), {}, bp.ParameterError, "two arrays, and sample_weight if wanted; got 1"),
        ((LOSS, X, X, X, X), {}, bp.ParameterError, "of a Loss takes two arrays.* got 4"),
        ((network(bp.Dense(4, 2)), X), {}, bp.ParameterError, "of a Network takes two .* got 1"),
        ((bp.Tanh, X), {}, bp.ParameterError, "subject must be .* Write it with brackets"),
        ((np.tanh, X), {}, bp.ParameterError, "subject must be a Network, Layer"),
        (((np.tanh,), X), {}, bp.ParameterError, r"or a pair of functions \(forward, backward\)"),
        (((np.tanh, 3), X), {}, bp.ParameterError, "or a pair of functions"),
        ((PLAIN,), {}, bp.ParameterError, "forward cannot take the arrays given, 0: missing"),
        ((PLAIN, X, X), {}, bp.ParameterError, "arrays given, 2: too many positional"),
        ((PLAIN, [1, 2]), {}, bp.InputError, "nothing to differentiate: whole numbers"),
        ((PLAIN, []), {}, bp.InputError, r"array must hold at least one number; got shape \(0,\)"),
        ((PLAIN, "x"), {}, bp.InputError, "array must hold real numbers"),
        ((PLAIN, X * math.nan), {}, bp.InputError, "array must be finite"),
        ((DENSE, X), {"tolerance": 0}, bp.ParameterError, "tolerance must be .* above 0; got 0"),
        ((DENSE, X), {"tolerance": "1e-6"}, bp.ParameterError, "tolerance must be .*; got '1e-6'"),
        ((DENSE, X), {"seed": -1}, bp.ParameterError, "seed must be a non-negative int"),
        ((DENSE, X[0]), {}, bp.ShapeError, r"x must be 2-D, .*; got shape \(4,\)"),
        ((DENSE, X[:, :3]), {}, bp.ShapeError, "x must have 4 features.* got 3"),
        ((DENSE, X * math.nan), {}, bp.InputError, "x must be finite"),
        ((network(bp.Dense(4, 2)), X[:, :3], Y), {}, bp.ShapeError, "X must have 4 features"),
        ((network(bp.Dense(4, 2)), X, Y[:3]), {}, bp.ShapeError, "X and y must have the same"),
        ((network(bp.Dense(4, 2)), X, Y, [1]), {}, bp.ShapeError, "sample_weight must hold one"),
        ((LOSS, X, X[:3]), {}, bp.ShapeError, "outputs and targets must have the same number"),
        ((LOSS, X, Y), {}, bp.ShapeError, r"targets must have shape \(samples, 4\)"),
        ((LOSS, X, -X, [1]), {}, bp.ShapeError, "sample_weight must hold one"),
        ((bp.BinaryCrossEntropy(), X, abs(X) > 1), {}, bp.InputError, "outputs must lie between"),
        ((bp.SoftmaxCrossEntropy(), X, [0, 1, 2, 3, 4]), {}, bp.InputError, "labels from 0 to 3"),
    ],
)  # fmt: skip
def test_bad_arguments_are_refused(arguments, settings, error, said):
    with pytest.raises(error, match=said):
        check_gradients(*arguments, **settings)
