"""The whole check: it catches what is wrong, passes what is right, and leaves no trace."""

import copy
import math
import re

import numpy as np
import pytest
from checking.common import SCALES, WEIGHTS, DenseByParts, X, Y, mismatch, network, scales
from checking.wrong_gradients import FAULTS, LAYERS, LOSSES, PAIRS, Affine, Pair, replaced
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strategies import (
    activation_classes,
    batch_for,
    families,
    loss_classes,
    matrices,
    networks,
    seeds,
)

import backproplite as bp
from backproplite import GradientMismatch, check_gradients, numerical_gradient

inputs = pytest.mark.parametrize("inputs", SCALES)

# What is wrong is caught.


def pair_arguments(inputs=1.0):
    """What `Pair.forward` takes, for inputs of some size."""
    draw = np.random.default_rng(8).standard_normal
    return inputs * X, draw((4, 4)) / inputs, draw(4), np.array([3, 0, 1, 2, 2])


def targets_of(loss, scale):
    return np.arange(5) % 2 if loss.labels == "categorical" else scale * Y


@scales
@inputs
@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_gradient_is_caught_at_any_scale(fault, scale, inputs):
    name, _ = FAULTS[fault]
    message = mismatch(Affine(4, 4, scale, FAULTS[fault]), inputs * X)
    assert message.startswith(f"the gradient of {name} is ")


@scales
@inputs
@pytest.mark.parametrize("fault", PAIRS)
def test_a_wrong_pair_of_functions_is_caught_at_any_scale(fault, scale, inputs):
    assert mismatch(Pair(scale, PAIRS[fault]).both(), *pair_arguments(inputs))


@scales
@pytest.mark.parametrize("name", LOSSES)
def test_a_wrong_loss_is_caught_at_any_scale(name, scale):
    loss = LOSSES[name](scale)
    assert mismatch(loss, scale * X[:, :2], targets_of(loss, scale), WEIGHTS)


@pytest.mark.parametrize("name", LAYERS)
def test_a_wrong_layer_is_caught(name):
    assert mismatch(LAYERS[name](), X)


def in_a_residual(layer):
    return network(bp.Residual([layer, bp.Tanh()]), bp.Dense(4, 2)), "layers[0].layers[0]."


def behind_ten_sigmoids(layer):
    layers = [each for _ in range(10) for each in (bp.Dense(4, 4), bp.Sigmoid())]
    return network(layer, *layers, bp.Dense(4, 2)), "layers[0]."


@pytest.mark.parametrize("around", [in_a_residual, behind_ten_sigmoids])
@pytest.mark.parametrize("fault", [name for name in FAULTS if FAULTS[name][0] != "x"])
def test_a_wrong_layer_is_caught_in_a_network(fault, around):
    subject, place = around(Affine(4, 4, 1.0, FAULTS[fault]))
    name, _ = FAULTS[fault]
    assert mismatch(subject, X, Y).startswith(f"the gradient of {place}{name} is ")


@pytest.mark.parametrize("name", [n for n in LOSSES if n != "writes to the outputs"])  # harmless
def test_a_wrong_loss_is_caught_in_a_network(name):
    loss = LOSSES[name](0.1)
    assert mismatch(network(bp.Dense(4, 2), loss=loss), X, targets_of(loss, 1), WEIGHTS)


@pytest.mark.parametrize("wrong", ["batch norm without scale", "layer norm with scale too late"])
def test_a_scale_forgotten_is_caught_while_all_scales_are_one(wrong):
    subject = network(bp.Dense(4, 4), LAYERS[wrong](), bp.Tanh(), bp.Dense(4, 2))
    assert "is wrong, by" in mismatch(subject, X, Y)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("entry", [0, 1234, 2999])
@pytest.mark.parametrize("factor", [0, 1.0009])
def test_one_entry_in_3000_is_caught_whatever_is_sampled(factor, entry, seed):
    fault = "weight", replaced(entry, lambda value: factor * value)
    message = mismatch(Affine(4, 750, 1.0, fault), X[:2], seed=seed)
    assert "the gradient of weight is wrong" in message


def test_the_catalogue_stays():
    assert len(FAULTS) + len(LAYERS) + len(LOSSES) + len(PAIRS) >= 95


# What is right passes.


@scales
@inputs
def test_a_layer_or_pair_of_ones_own_passes_at_any_scale(scale, inputs):
    for subject, *arrays in (
        (Affine(4, 4, scale), inputs * X),
        (Pair(scale).both(), *pair_arguments(inputs)),
    ):
        report = check_gradients(subject, *arrays)
        assert [(t.name, t.size, t.checked, t.kinks, t.method) for t in report.tensors] == [
            ("x", 20, 20, 0, "complex step"),
            ("weight", 16, 16, 0, "complex step"),
            ("bias", 4, 4, 0, "complex step"),
        ]
        assert report.error <= 1e-12
    assert report.skipped == ("labels",)


BUILT_IN = [
    lambda: bp.Dense(4, 3),
    lambda: bp.Dropout(0.5),
    lambda: bp.BatchNorm(4),
    lambda: bp.LayerNorm(4),
    lambda: bp.Residual([bp.Dense(4, 4), bp.Dropout(0.3), bp.Residual([bp.LayerNorm(4)])]),
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


PAIR_OF_CLASSES = np.array([[1e-9, 1 - 1e-9], [1 - 1e-6, 1e-6]])
EXTREMES = [
    *((cls(), s * X, -s * X[::-1]) for cls in loss_classes if not cls.labels for s in SCALES[:2]),
    *((bp.SigmoidCrossEntropy(), s * X, X > 0) for s in (1e-3, 300)),
    *((bp.SoftmaxCrossEntropy(), s * X, np.arange(5) % 4) for s in (1e-3, 300)),
    (bp.CategoricalCrossEntropy(), PAIR_OF_CLASSES, [0, 1]),
    (bp.BinaryCrossEntropy(), PAIR_OF_CLASSES[:, :1], [[1.0], [0.0]]),
]


@pytest.mark.parametrize("case", EXTREMES, ids=lambda case: f"{case[0]}, {case[1].flat[0]:.1e}")
def test_losses_pass_however_small_or_sure(case):
    assert check_gradients(*case).error <= 1e-12


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_network_of_everything_passes(dtype):
    layers = [bp.Dense(4, 6), bp.BatchNorm(6), bp.ReLU(), bp.Dropout(0.3), bp.Dense(6, 5)]
    subject = network(*layers, bp.LayerNorm(5), bp.GELU(), bp.Dense(5, 2), dtype=dtype)
    report = check_gradients(subject, X, Y, WEIGHTS)
    assert report.error <= 1e-9
    assert len(report.tensors) == 11


def test_gradients_that_die_away_are_still_compared():
    subject, _ = behind_ten_sigmoids(bp.Dense(4, 4))
    report = check_gradients(subject, X, Y)
    first, *_, last, _ = report.tensors
    assert 0 < first.largest < 1e-6 * last.largest
    assert report.error <= 1e-12


def checked(subject, x, y):
    """A report; networks that cannot learn are left out, such as a softmax of one output."""
    assume(abs(subject.loss_and_gradient(x, y)[1]).max() > 1e-9)
    try:
        return check_gradients(subject, x, y)
    except GradientMismatch as error:
        dropped = "Dropout" in repr(subject)
        assume(not (dropped and "nothing to compare" in str(error)))  # all units were dropped
        raise


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@settings(max_examples=150, deadline=None)
@given(networks())
def test_random_networks_pass(dtype, case):
    """G4; `benchmarks/checkers.py --correct 5000` takes more of them."""
    subject, x, y = case
    subject = bp.Network(copy.deepcopy(subject.layers), loss=subject.loss, dtype=dtype, seed=3)
    report = checked(subject, x, y)
    assert len(report.tensors) == 1 + sum(len(each.named_parameters()) for each in subject.layers)
    assert report.error <= 1e-3  # what a BatchNorm of two samples can lose; else far less


@pytest.mark.slow
@pytest.mark.parametrize("family", families)
@settings(max_examples=10, deadline=None)
@given(st.data())
def test_random_networks_agree_with_both_numerical_slopes(family, data):
    """G1 and G2: 1e-12 of the largest entry by the complex step, 1e-7 by central differences,
    and 1e-5 of each entry above a thousandth of that.

    1e-10 is what rounding leaves of a loss of about 1. `benchmarks/checkers.py --families 300`
    prints the errors of 300 of each.
    """
    subject, x, y = data.draw(families[family])
    report = checked(subject, x, y)
    assert {t.method for t in report.tensors} == {"complex step"}
    assert report.error <= (1e-5 if "anyhow" in family else 1e-12)
    if "anyhow" in family:
        return
    start = subject.parameters.copy()

    def loss(parameters):
        subject.parameters[...] = parameters
        return subject.loss_and_gradient(x, y)[0]

    numerical, place = numerical_gradient(loss, start), 0
    gradient = (loss(start), subject.gradients.copy())[1]
    for tensor in report.tensors[1:]:
        part = slice(place, place := place + tensor.size)
        error, large = abs(gradient - numerical)[part], abs(numerical[part]) > 1e-3 * tensor.largest
        assert (error <= 1e-7 * tensor.largest + 1e-10).all()
        assert (error <= 1e-5 * abs(numerical[part]) + 1e-10)[large].all()


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(matrices(rows=st.integers(3, 5), columns=st.integers(3, 5)), st.floats(-3, 3), seeds)
def test_layers_pass_whatever_the_scale_of_their_inputs(x, exponent, seed):
    width = x.shape[1]
    for layer in (bp.Dense(width, 3), bp.LeakyReLU(), bp.LayerNorm(width), bp.BatchNorm(width)):
        assert check_gradients(layer, 10**exponent * (x + 1), seed=seed).error <= 1e-8


# The seed.


@pytest.mark.parametrize("seed", [0, 17, 2**40])
def test_the_message_ends_with_the_seed_that_repeats_it(seed):
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
    **{name: lambda name=name: (LAYERS[name](), X) for name in LAYERS if "3,000" not in name},
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
    if isinstance(thing, dict):
        return {key: contents(value) for key, value in thing.items()}
    if isinstance(thing, (list, tuple)):
        return [contents(each) for each in thing]
    if type(thing).__module__.startswith(("backproplite", "checking", "test")):
        return type(thing).__name__, contents(vars(thing))
    return thing if isinstance(thing, (int, float, str, type(None))) else type(thing).__name__


def test_the_same_seed_gives_the_same_report():
    subject, generator = (everything(), X, Y), np.random.default_rng(3)
    first = check_gradients(*subject, seed=3)
    assert check_gradients(*subject, seed=3) == first
    assert check_gradients(*subject, seed=generator).tensors == first.tensors


def test_arrays_may_be_anything_that_holds_numbers():
    plain = check_gradients(everything(), X, Y, WEIGHTS)
    frozen = np.asfortranarray(X)
    frozen.flags.writeable = False
    given = frozen, Y.tolist(), WEIGHTS.astype(int)
    assert check_gradients(everything(), *given) == plain


# Bad arguments.

DENSE, LOSS = bp.Dense(4, 2), bp.MeanSquaredError()
PLAIN = (lambda array: 2 * array, lambda grad_output: 2 * grad_output)
PARTS = "a Network, Layer, activation or Loss, or a pair of functions (forward, backward)"
TWO = "takes two arrays, and sample_weight if wanted; got"


@pytest.mark.parametrize(
    ("arguments", "settings", "error", "said"),
    [
        ((3, X), {}, bp.ParameterError, f"subject must be {PARTS}; got 3."),
        ((bp.Tanh, X), {}, bp.ParameterError, "Write it with brackets, as an instance."),
        (((np.tanh,), X), {}, bp.ParameterError, f"subject must be {PARTS}; got (<ufunc"),
        (((np.tanh, 3), X), {}, bp.ParameterError, "or a pair of functions"),
        ((DENSE,), {}, bp.ParameterError, "check_gradients of a Layer takes one array; got 0."),
        ((DENSE, X, Y), {}, bp.ParameterError, "check_gradients of a Layer takes one array; got 2."),
        ((LOSS, X), {}, bp.ParameterError, f"check_gradients of a Loss {TWO} 1."),
        ((LOSS, X, X, X, X), {}, bp.ParameterError, f"check_gradients of a Loss {TWO} 4."),
        ((network(bp.Dense(4, 2)), X), {}, bp.ParameterError, f"check_gradients of a Network {TWO} 1."),
        ((PLAIN,), {}, bp.ParameterError, "forward cannot take the arrays given, 0: missing"),
        ((PLAIN, X, X), {}, bp.ParameterError, "arrays given, 2: too many positional arguments."),
        (
            (PLAIN, [1, 2]),
            {},
            bp.InputError,
            "there is nothing to differentiate: whole numbers cannot be moved a little. Give at "
            "least one array of floats (1.0 for 1, or x.astype(float)).",
        ),
        ((PLAIN, []), {}, bp.InputError, "array must hold at least one number; got shape (0,)."),
        ((PLAIN, "x"), {}, bp.InputError, "array must hold real numbers"),
        ((PLAIN, X * math.nan), {}, bp.InputError, "array must be finite"),
        ((PLAIN, np.longdouble("1e400")), {}, bp.InputError, "array must be finite in float64; got"),
        ((DENSE, X), {"tolerance": 0}, bp.ParameterError, "tolerance must be a finite number above 0"),
        ((DENSE, X), {"tolerance": "1e-6"}, bp.ParameterError, "above 0; got '1e-6'"),
        ((DENSE, X), {"seed": -1}, bp.ParameterError, "seed must be a non-negative int"),
        ((DENSE, X[0]), {}, bp.ShapeError, "x must be 2-D"),
        ((DENSE, X[:, :3]), {}, bp.ShapeError, "x must have 4 features; got 3"),
        ((DENSE, X * math.nan), {}, bp.InputError, "x must be finite"),
        ((network(bp.Dense(4, 2)), X[:, :3], Y), {}, bp.ShapeError, "X must have 4 features"),
        ((network(bp.Dense(4, 2)), X, Y[:3]), {}, bp.ShapeError, "X and y must have the same"),
        ((network(bp.Dense(4, 2)), X, Y, [1]), {}, bp.ShapeError, "sample_weight must hold one"),
        ((LOSS, X, X[:3]), {}, bp.ShapeError, "outputs and targets must have the same number"),
        ((LOSS, X, Y), {}, bp.ShapeError, "targets must have shape (samples, 4)"),
        ((LOSS, X, -X, [1]), {}, bp.ShapeError, "sample_weight must hold one"),
        ((bp.BinaryCrossEntropy(), X, abs(X) > 1), {}, bp.InputError, "outputs must lie between"),
        ((bp.SoftmaxCrossEntropy(), X, [0, 1, 2, 3, 4]), {}, bp.InputError, "labels from 0 to 3"),
    ],
)  # fmt: skip
def test_bad_arguments_are_refused(arguments, settings, error, said):
    with pytest.raises(error, match=re.escape(said)):
        check_gradients(*arguments, **settings)


# What has no gradient, several outputs, several axes


class Embedding(bp.Layer):
    """A row of the weight for each index."""

    def __init__(self, rows, features):
        self.rows, self.out_features = rows, features
        self.add_parameter("weight", (rows, features))

    def forward(self, ids):
        ids = ids[..., 0].astype(int)
        return self.weight[ids], ids

    def backward(self, grad_output, ids):
        self.grad_weight[...] = 0
        np.add.at(self.grad_weight, ids, grad_output)


IDS = np.array([[0], [3], [1], [3], [2], [0]])


class Indexing(Embedding):
    """The same, which takes whole numbers alone."""

    def forward(self, ids):
        return self.weight[ids[:, 0]], ids[:, 0]


class Rounds(bp.Layer):
    """Straight-through: the gradient of the identity, on purpose."""

    def __init__(self):
        self.add_parameter("scale", (4,), bp.Constant(1.3))

    def forward(self, x):
        return np.round(x) * self.scale, np.round(x)

    def backward(self, grad_output, rounded):
        np.sum(grad_output * rounded, axis=0, out=self.grad_scale)
        return grad_output * self.scale


@pytest.mark.parametrize(
    ("subject", "arrays", "skip"),
    [
        (Embedding(4, 3), [IDS], ()),
        (Embedding(4, 3), [IDS], ("x",)),
        (Embedding(4, 3), [IDS.astype(float)], "x"),
        (Indexing(4, 3), [IDS], {"x"}),
        (network(Embedding(4, 3), bp.Tanh(), bp.Dense(3, 2)), [IDS, np.ones((6, 2))], ()),
        (Rounds(), [X], ["x"]),
    ],
)
def test_what_has_no_gradient_is_neither_moved_nor_compared(subject, arrays, skip):
    report = check_gradients(subject, *arrays, skip=skip)
    assert report.skipped in (("x",), ("X",))
    assert report.error < 1e-9
    assert str(report).splitlines()[-1].endswith("not checked: no gradient")


def test_a_wrong_gradient_of_an_embedding_is_caught():
    class Overwrites(Embedding):
        def backward(self, grad_output, ids):
            self.grad_weight[...] = 0
            self.grad_weight[ids] = grad_output  # of two equal indices the last counts

    assert mismatch(Overwrites(4, 3), IDS).startswith("the gradient of weight is wrong")


def test_only_tensors_that_there_are_can_be_skipped():
    with pytest.raises(
        bp.ParameterError, match=r"skip must name tensors out of x, weight, bias; g"
    ):
        check_gradients(bp.Dense(4, 1), X, skip=("y",))


class Both(bp.Layer):
    """Two outputs of unlike shapes."""

    def __init__(self, factor=2.0):
        self.factor = factor

    def forward(self, x):
        return (np.sin(x), (x * x).sum(axis=-1)), x

    def backward(self, grad_output, x):
        of_sines, of_sums = grad_output
        return of_sines * np.cos(x) + self.factor * of_sums[..., np.newaxis] * x


def test_there_may_be_several_outputs():
    kept = []

    def forward(x):
        kept[:] = [x]
        return np.sin(x), x.sum()

    pair = (forward, lambda grad_output: grad_output[0] * np.cos(kept[0]) + grad_output[1])
    for subject in (Both(), pair):
        assert check_gradients(subject, X).error < 1e-12
    assert "the gradient of x is wrong" in mismatch(Both(2.01), X)


class Correlation(bp.Layer):
    """A window of three numbers that goes along the last axis."""

    def __init__(self, fault=1.0):
        self.fault = fault
        self.add_parameter("window", (3,))

    def forward(self, x):
        size = x.shape[-1] - 2
        return sum(self.window[i] * x[..., i : i + size] for i in range(3)), x

    def backward(self, grad_output, x):
        size, grad_input = x.shape[-1] - 2, np.zeros_like(x)
        for i in range(3):
            self.grad_window[i] = self.fault * np.sum(grad_output * x[..., i : i + size])
            grad_input[..., i : i + size] += grad_output * self.window[i]
        return grad_input


@pytest.mark.parametrize("shape", [(2, 5), (2, 3, 5), (2, 2, 3, 5)])
def test_layers_may_have_inputs_of_more_axes(shape):
    x = np.random.default_rng(0).standard_normal(shape)
    assert check_gradients(Correlation(), x).error < 1e-12
    assert "the gradient of window is wrong" in mismatch(Correlation(1.001), x)


def test_a_report_shows_itself_as_its_table():
    report = check_gradients(bp.Dense(4, 2), X)
    assert repr(report) == str(report)


# Gradients that change from call to call, or do not follow grad_output


class Moody(bp.Layer):
    """Right but for those calls of `backward`."""

    def __init__(self, wrong):
        self.wrong, self.calls = wrong, 0

    def forward(self, x):
        return x * x, x

    def backward(self, grad_output, x):
        self.calls += 1
        return grad_output * 2 * x * (1.5 if self.wrong(self.calls) else 1)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda call: call % 2 == 1,
        lambda call: call % 2 == 0,
        *(lambda call, i=i: call == i for i in (1, 3, 4, 5)),
        *(lambda call, i=i: call >= i for i in range(2, 12)),
    ],
)
def test_a_gradient_that_changes_from_call_to_call_is_caught(wrong):
    assert mismatch(Moody(wrong), X)


class Bounded(bp.Layer):
    """Not proportional to grad_output."""

    def __init__(self, change):
        self.change = change

    def forward(self, x):
        return x * x, x

    def backward(self, grad_output, x):
        return self.change(grad_output) * 2 * x


@pytest.mark.parametrize(
    "change",
    [
        lambda g: np.clip(g, -3, 3),
        lambda g: np.where(abs(g) < 1e-4, 0, g),
        lambda g: np.minimum(g, 1e3),
    ],
)
def test_a_gradient_that_does_not_follow_grad_output_is_caught(change):
    message = mismatch(Bounded(change), X / 10)
    assert "the gradient of x is not proportional to grad_output" in message


def test_what_only_skips_the_nan_that_stands_there_is_caught():
    class Skips(DenseByParts):
        def backward_parameters(self, grad_output, x):
            self.grad_weight[...] = np.nansum([self.grad_weight, x.T @ grad_output], axis=0)
            self.grad_bias[...] = grad_output.sum(axis=0)

    assert "the gradient of weight differs" in mismatch(Skips(4, 2), X)


def test_what_keeps_its_first_input_on_its_class_is_caught():
    class Keeps(bp.Layer):
        first = None

        def forward(self, x):
            if Keeps.first is None:
                Keeps.first = x.copy()
            return x**3, None

        def backward(self, grad_output, cache):
            return grad_output * 3 * Keeps.first**2

    assert "the gradient of x is wrong" in mismatch(Keeps(), X)


# Where rounding hides much


@pytest.mark.parametrize("seed", range(12))
def test_right_gradients_beside_a_singular_point_pass(seed):
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((4, 3)) * 10 ** rng.uniform(-6, 1, (4, 1))
    kept = []

    def norms(x):
        kept[:] = [x]
        return np.linalg.norm(x, axis=1)

    def backward(grad_output):
        return grad_output[:, np.newaxis] * kept[0] / norms(kept[0])[:, np.newaxis]

    check_gradients((norms, backward), rows, seed=seed)
    wrong = norms, lambda grad_output: 1.001 * backward(grad_output)
    assert "the gradient of x is wrong" in mismatch(wrong, rows)


@pytest.mark.parametrize(("off", "said"), [(0, None), (1e-4, "inconclusive: backward is off by ")])
def test_what_rounding_hides_is_not_called_right(off, said):
    pair = (lambda x: abs(x) + 1e5, lambda grad_output: grad_output * np.sign(X) * (1 + off))
    if said is None:
        assert check_gradients(pair, X).error < 1e-5
    else:
        assert said in mismatch(pair, X)


def test_a_bias_beside_large_inputs_is_compared():
    class Biased(DenseByParts):
        def backward_parameters(self, grad_output, x):
            super().backward_parameters(grad_output, x)
            self.grad_bias *= 1.01

    check_gradients(bp.Dense(4, 2), 1e12 * X)
    assert "the gradient of bias is wrong, by 1.0e-02" in mismatch(Biased(4, 2), 1e12 * X)


@pytest.mark.parametrize("at_zero", [1.2, -0.2, 1000, -5])
@pytest.mark.parametrize(
    "relu",
    [
        lambda x: np.maximum(x, 0),
        lambda x: np.where(x > 0, abs(x), 0),
        lambda x: x * (x > 0),
        lambda x: x * (np.real(x) > 0),
        lambda x: np.where(np.real(x) > 0, x, 0),
    ],
)
def test_a_value_outside_the_slopes_at_a_kink_is_caught(relu, at_zero):
    x = X.copy()
    x[1, 1] = 0
    for value in (0, 0.5, 1):
        pair = (relu, lambda g, value=value: g * np.where(x == 0, value, x > 0))
        check_gradients(pair, x)
    pair = (relu, lambda g: g * np.where(x == 0, at_zero, x > 0))
    assert "the gradient of x is wrong" in mismatch(pair, x)
