"""Subjects: copies of what is to be checked, which can be moved, run and asked for gradients."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from checking.common import WEIGHTS, X, Y, mismatch, network
from checking.wrong_gradients import Affine, Pair

import backproplite as bp
from backproplite import check_gradients
from backproplite.checking.subjects import subject_of

SUBJECTS = {
    "network": lambda: (network(bp.Dense(4, 3), bp.Dropout(0.5), bp.Dense(3, 2)), X, Y, WEIGHTS),
    "float32 network": lambda: (network(bp.Dense(4, 2), bp.Tanh(), dtype="float32"), X, Y),
    "layer": lambda: (bp.LayerNorm(4), X),
    "block": lambda: (bp.Residual([bp.Dense(4, 4), bp.Dropout(0.5)]), X),
    "dropout": lambda: (bp.Dropout(0.5), X),
    "loss": lambda: (bp.MeanSquaredError(), X, -X, WEIGHTS),
    "labels": lambda: (bp.SoftmaxCrossEntropy(), X, np.arange(5) % 4),
    "functions": lambda: (Pair().both(), X, np.eye(4), np.ones(4), np.arange(5) % 4),
}
subjects = pytest.mark.parametrize("name", SUBJECTS)


def prepared(subject, *arrays, dtype=np.float64, seed=0):
    return subject_of(subject, arrays, np.random.default_rng(seed)).cast(dtype)


@subjects
def test_gradients_are_those_of_the_sum_of_the_result(name):
    subject = prepared(*SUBJECTS[name]())
    gradients, tensors = subject.gradients(), subject.tensors
    assert gradients.keys() == tensors.keys() <= set(subject.arguments())
    for key, gradient in gradients.items():
        start = tensors[key].copy()

        def total(values, tensor=tensors[key]):
            tensor[...] = values
            return np.sum(subject.run())

        numerical = bp.numerical_gradient(total, start)
        tensors[key][...] = start
        assert abs(gradient - numerical).max() <= 1e-7 * abs(numerical).max()


@subjects
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_a_cast_computes_in_its_dtype(name, dtype):
    subject = prepared(*SUBJECTS[name](), dtype=dtype)
    assert {tensor.dtype for tensor in subject.tensors.values()} == {np.dtype(dtype)}
    assert np.asarray(subject.run()).dtype == dtype
    if dtype != np.complex128:
        assert {gradient.dtype for gradient in subject.gradients().values()} == {np.dtype(dtype)}


@subjects
def test_casts_share_nothing(name):
    given, *arrays = SUBJECTS[name]()
    template = subject_of(given, tuple(arrays), np.random.default_rng(0))
    one, other = template.cast(np.float64), template.cast(np.float64)
    expected = np.sum(other.run())
    for tensor in one.tensors.values():
        tensor[...] = 0
    one.gradients()
    assert np.sum(other.run()) == expected


@subjects
def test_a_visit_elsewhere_is_near_by_and_leaves_no_trace(name):
    subject = prepared(*SUBJECTS[name]())
    before, expected = subject.run(), subject.gradients()
    elsewhere = subject.elsewhere(np.random.default_rng(5))
    assert not np.array_equal(elsewhere * subject.weights, before)
    assert np.array_equal(subject.run(), before)
    for key, gradient in subject.gradients().items():
        assert np.array_equal(gradient, expected[key])


def test_elsewhere_every_entry_is_smaller_by_a_tenth_at_most():
    seen = []
    pair = lambda x: seen.append(x.copy()) or x, lambda grad_output: grad_output
    subject = prepared(pair, X)
    seen.clear()
    subject.elsewhere(np.random.default_rng(5))
    ratios = seen[0] / X
    assert 0.9 <= ratios.min() < ratios.max() <= 1  # so probabilities stay some
    assert len(np.unique(ratios)) == X.size


@pytest.mark.parametrize("seed", [0, 1])
def test_each_check_drops_other_units_the_same_each_time_and_others_elsewhere(seed):
    subject = prepared(*SUBJECTS["dropout"](), seed=seed)
    dropped = subject.forward()[0] == 0
    assert not np.array_equal(subject.elsewhere(np.random.default_rng(0)) == 0, dropped)
    assert np.array_equal(subject.forward()[0] == 0, dropped)
    other = prepared(*SUBJECTS["dropout"](), seed=seed + 2)
    assert not np.array_equal(other.forward()[0] == 0, dropped)


@pytest.mark.parametrize("name", ["network", "layer", "block"])
def test_parameters_alone_have_the_same_gradients(name):
    subject = prepared(*SUBJECTS[name]())
    expected, alone = subject.gradients(), subject.parameters_alone()
    assert expected.keys() - alone.keys() == {"X" if name == "network" else "x"}
    for key, gradient in alone.items():
        np.testing.assert_allclose(gradient, expected[key], rtol=1e-12)


def test_all_that_layers_hand_on_can_be_shaken():
    shapes = []
    subject = replace(
        prepared(*SUBJECTS["network"]()),
        shake=lambda array: shapes.append(array.shape) or array,
    )
    subject.gradients()
    forward, back = [(5, 3), (5, 3), (5, 2)], [(5, 2), (5, 3), (5, 3), (5, 4)]
    assert shapes == forward + back


# What is moved, and what it is called.


@subjects
def test_tensors_are_named_by_their_place(name):
    named = {
        "layer": ["x", "scale", "bias"],
        "block": ["x", "layers[0].weight", "layers[0].bias"],
        "network": ["X", *(f"layers[{i}].{each}" for i in (0, 2) for each in ("weight", "bias"))],
        "float32 network": ["X", "layers[0].weight", "layers[0].bias"],
        "dropout": ["x"],
        "functions": ["x", "weight", "bias"],
    }
    assert list(prepared(*SUBJECTS[name]()).tensors) == named.get(name, ["outputs"])


def test_a_layer_keeps_the_parameters_that_it_has():
    drawn = bp.Dense(4, 2)
    drawn.weight[...] = 0.5
    assert (prepared(drawn, X, seed=3).tensors["weight"] == 0.5).all()


def test_parameters_that_nobody_has_looked_at_are_drawn_the_same_each_time_and_differ():
    one, other = (prepared(bp.Residual([bp.Dense(4, 4), bp.Dense(4, 4)]), X).tensors for _ in "ab")
    names = "layers[0].weight", "layers[1].weight"
    assert all(np.array_equal(one[name], other[name]) for name in names)
    assert (one[names[0]] != one[names[1]]).all()


@pytest.mark.parametrize(
    ("start", "stays"),
    [
        ([0.0, 0.0], [False, False]),
        ([1.0, 1.0], [False, False]),
        ([0.0, 0.5], [False, True]),
        ([-2.0, 0.25], [False, True]),
    ],
)
def test_parameters_that_are_whole_numbers_are_moved_on_the_copy(start, stays):
    layer = bp.Dense(4, 2)
    layer.bias[...] = start
    moved = prepared(layer, X).tensors["bias"]
    assert [bool(same) for same in moved == start] == stays
    assert np.array_equal(layer.bias, start)
    moves = np.sort(prepared(bp.Dense(4, 200), X).tensors["bias"])
    assert -0.2 <= moves[0] < -0.19
    assert 0.19 < moves[-1] <= 0.2
    assert np.diff(moves).all()


def test_sample_weights_count():
    loss = prepared(*SUBJECTS["loss"]())
    assert loss.run() == pytest.approx(bp.MeanSquaredError()(X, -X, WEIGHTS))
    subject = prepared(network(bp.Dense(4, 2)), X, Y, [0.0, 1, 0, 2, 0])
    assert np.array_equal(subject.tensors["X"], X[[1, 3]])  # no others enter batch statistics


@pytest.mark.parametrize("name", ["layer", "functions"])
def test_outputs_of_layers_and_functions_get_random_weights(name):
    first, same, other = (prepared(*SUBJECTS[name](), seed=seed).weights for seed in (0, 0, 1))
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)
    assert first.shape == (X.shape if name == "layer" else ())


@pytest.mark.parametrize(
    ("array", "single"), [(X, False), (X.astype(np.float32), True), (X.tolist(), False)]
)
def test_what_works_in_float32_is_known_by_its_arrays_but_a_network_by_its_dtype(array, single):
    def is_single(subject, *arrays):
        return subject_of(subject, arrays, np.random.default_rng(0)).single

    assert is_single(Affine(4, 2), array) is single
    assert is_single((np.sin, np.cos), array) is single
    assert is_single(bp.MeanSquaredError(), array, -X) is single
    for dtype in ("float64", "float32"):
        assert is_single(network(bp.Dense(4, 2), dtype=dtype), array, Y) is (dtype == "float32")


# Pairs of functions of any arrays.


def sine(grad_output):
    return grad_output * np.cos(X)


def real_only(function):
    """The same function, out of reach of complex numbers."""
    return lambda x: function(np.real(x))


CUBE = np.random.default_rng(2).standard_normal((2, 3, 3))
KINKED_X = np.where(np.arange(20).reshape(5, 4) == 7, 0, X)
#: functions, arrays, and the names of those that have a gradient
FUNCTIONS = {
    "one array": ((np.sin, sine), [X], "x"),
    "a tuple of one": ((np.sin, lambda grad_output: (sine(grad_output),)), [X], "x"),
    "a list": ([np.sin, sine], [X.tolist()], "x"),
    "a number": ((lambda x: x**3, lambda grad_output: 12 * grad_output), [2.0], "x"),
    "a number made of an array": (
        (lambda x: (x**3).sum(), lambda grad_output: 3 * grad_output * X**2),
        [X],
        "x",
    ),
    "one axis": ((lambda x: 1 / x, lambda grad_output: -grad_output / X[0] ** 2), [X[0]], "x"),
    "three axes": (
        (lambda x: x @ x, lambda grad_output: grad_output @ CUBE.mT + CUBE.mT @ grad_output),
        [CUBE],
        "x",
    ),
    "any number of arrays": (
        (lambda *a: a[0] * a[1], lambda grad_output: (grad_output * Y[1], grad_output * Y[0])),
        [Y[0], Y[1]],
        "a[0] a[1]",
    ),
    "gradient of one among others": (
        (lambda x, power: x**power, lambda grad_output: grad_output * 3 * X**2),
        [X, 3],
        "x",
    ),
    "floats without a gradient": (
        (lambda x, targets: x * targets, lambda grad_output: (grad_output * Y, None)),
        [Y + 1, Y],
        "x",
    ),
    "kinks": (
        (real_only(np.abs), lambda grad_output: grad_output * np.where(KINKED_X > 0, 1, -1)),
        [KINKED_X],
        "x",
    ),
    "out of reach of complex numbers": ((real_only(np.sin), sine), [X], "x"),
    "more entries than are compared": (
        (np.sin, lambda grad_output: grad_output * np.cos(np.arange(3000.0))),
        [np.arange(3000.0)],
        "x",
    ),
    "fractions": (
        (lambda x: x * x, lambda grad_output: grad_output * np.array([1.0, 4, 2])),
        [[Fraction(1, 2), 2, True]],
        "x",
    ),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_right_pair_of_functions_passes_and_a_wrong_one_does_not(name):
    (forward, backward), arrays, names = FUNCTIONS[name]
    report = check_gradients((forward, backward), *arrays)
    assert [t.name for t in report.tensors] == names.split()
    assert report.error <= 1e-9
    assert report.tensors[0].kinks == (1 if name == "kinks" else 0)
    for factor in (1.0009, -1, 0):

        def wrong(grad_output, factor=factor):
            returned = backward(grad_output)
            several = returned if isinstance(returned, tuple) else (returned,)
            return tuple(None if gradient is None else factor * gradient for gradient in several)

        assert f"the gradient of {names.split()[-1]} is wrong" in mismatch(
            (forward, wrong), *arrays
        )


def test_arguments_of_functions_that_do_not_tell_are_numbered():
    pair = max, lambda grad_output: (0.0, grad_output)
    assert prepared(pair, 2.0, 3.0).arguments() == ["arrays[0]", "arrays[1]"]


def test_whole_numbers_are_handed_on_as_they_are():
    seen = []

    def forward(x, labels, flags):
        seen.append((labels.dtype, flags.dtype))
        return x[labels] * flags[:, np.newaxis]

    arrays = X, [1, 2], np.array([True, False])
    subject = prepared((forward, np.sin), *arrays, dtype=np.complex128)
    subject.run()
    assert list(subject.tensors) == ["x"]
    assert subject.arguments() == ["x", "labels", "flags"]
    assert set(seen) == {(np.dtype(int), np.dtype(bool))}


@pytest.mark.parametrize("returned", [3.0, (3.0,), [3.0, None], (3.0, 7)])
def test_backward_need_not_give_gradients_of_whole_numbers(returned):
    subject = prepared((lambda x, n: x * n, lambda grad_output: returned), 2.0, 3)
    assert subject.gradients() == {"x": 3}


def test_functions_get_copies():
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
    for each, other in given:
        assert not np.shares_memory(x, each)
        assert not np.shares_memory(labels, other)


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

    x = X.astype(np.float32)
    slope = 1 - np.tanh(X.astype(np.float32).astype(float)) ** 2
    pair = forward, lambda grad_output: grad_output * slope.astype(grad_output.dtype)
    assert check_gradients(pair, x).error <= 1e-12
    assert seen == {np.dtype(each) for each in ("float32", "float64", "complex128")}


# What is given stays as it is, also where code writes to it.


def test_a_loss_with_a_memory_keeps_it():
    class Counting(bp.MeanSquaredError):
        def __init__(self):
            self.seen = []

        def forward(self, outputs, targets):
            self.seen.append(outputs)
            return super().forward(outputs, targets)

    loss = Counting()
    prepared(loss, X, -X).gradients()
    assert loss.seen == []
