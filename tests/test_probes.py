"""Probes: copies of what is to be checked, which can be moved, run and asked for gradients."""

from fractions import Fraction

import numpy as np
import pytest
from wrong_gradients import Affine, Pair

import backproplite as bp
from backproplite.probes import probe_of

X = np.random.default_rng(0).standard_normal((5, 4))
Y = np.random.default_rng(1).standard_normal((5, 2))
WEIGHTS = np.arange(1.0, 6.0)


def network(*layers, **settings):
    return bp.Network(list(layers), loss=bp.MeanSquaredError(), seed=0, **settings)


SUBJECTS = {
    "network": lambda: (network(bp.Dense(4, 3), bp.Dropout(0.5), bp.Dense(3, 2)), X, Y, WEIGHTS),
    "float32 network": lambda: (network(bp.Dense(4, 2), bp.Tanh(), dtype="float32"), X, Y),
    "layer": lambda: (bp.LayerNorm(4), X),
    "dropout": lambda: (bp.Dropout(0.5), X),
    "loss": lambda: (bp.MeanSquaredError(), X, -X, WEIGHTS),
    "labels": lambda: (bp.SoftmaxCrossEntropy(), X, np.arange(5) % 4),
    "functions": lambda: (Pair().both(), X, np.eye(4), np.ones(4), np.arange(5) % 4),
}
subjects = pytest.mark.parametrize("name", SUBJECTS)


def probe(name, dtype=np.float64, seed=0):
    subject, *arrays = SUBJECTS[name]()
    return probe_of(subject, tuple(arrays), np.random.default_rng(seed)).cast(dtype)


@subjects
def test_moving_a_tensor_moves_the_result(name):
    subject = probe(name)
    for tensor in subject.tensors.values():
        before = np.sum(subject.run())
        tensor.flat[:] += 0.25 + np.arange(tensor.size) % 3
        assert np.sum(subject.run()) != before


@subjects
def test_gradients_have_the_names_and_shapes_of_the_tensors(name):
    subject = probe(name)
    shapes = {key: tensor.shape for key, tensor in subject.tensors.items()}
    assert {key: gradient.shape for key, gradient in subject.gradients().items()} == shapes
    assert set(shapes) <= set(subject.arguments())


@subjects
def test_gradients_are_those_of_the_sum_of_the_result(name):
    subject = probe(name)
    for key, gradient in subject.gradients().items():
        tensor = subject.tensors[key]
        start = tensor.copy()

        def total(values, tensor=tensor):
            tensor[...] = values
            return np.sum(subject.run())

        numerical = bp.numerical_gradient(total, start)
        tensor[...] = start
        assert abs(gradient - numerical).max() <= 1e-7 * abs(numerical).max()


@subjects
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_a_cast_computes_in_its_dtype(name, dtype):
    subject = probe(name, dtype)
    assert {tensor.dtype for tensor in subject.tensors.values()} == {np.dtype(dtype)}
    assert np.asarray(subject.forward()).dtype == np.asarray(subject.run()).dtype == dtype
    if dtype != np.complex128:
        assert {gradient.dtype for gradient in subject.gradients().values()} == {np.dtype(dtype)}


@subjects
def test_casts_share_nothing(name):
    subject, *arrays = SUBJECTS[name]()
    template = probe_of(subject, tuple(arrays), np.random.default_rng(0))
    one, other = template.cast(np.float64), template.cast(np.float64)
    expected = np.sum(other.run())
    for tensor in one.tensors.values():
        tensor[...] = 0
    one.gradients()
    assert np.sum(other.run()) == expected


@subjects
def test_a_visit_elsewhere_leaves_no_trace(name):
    subject = probe(name)
    before, expected = subject.run(), subject.gradients()
    elsewhere = subject.elsewhere(np.random.default_rng(5))
    assert not np.array_equal(elsewhere * subject.weights, before)
    assert np.array_equal(subject.run(), before)
    for key, gradient in subject.gradients().items():
        assert np.array_equal(gradient, expected[key])


def test_elsewhere_is_near_by_in_every_entry():
    seen = []
    pair = lambda x: seen.append(x.copy()) or x, lambda grad_output: grad_output
    subject = probe_of(pair, (X,), np.random.default_rng(0)).cast(np.float64)
    seen.clear()
    subject.elsewhere(np.random.default_rng(5))
    scales = seen[0] / X
    assert 0.9 <= scales.min() < scales.max() <= 1  # so probabilities stay some
    assert len(np.unique(scales)) == X.size


@pytest.mark.parametrize("seed", [0, 1])
def test_elsewhere_other_units_are_dropped(seed):
    subject = probe("dropout")
    subject.seed = seed
    dropped = subject.forward() == 0
    assert not np.array_equal(subject.elsewhere(np.random.default_rng(0)) == 0, dropped)
    assert np.array_equal(subject.forward() == 0, dropped)


def test_every_check_drops_other_units():
    assert len({probe("dropout", seed=seed).seed for seed in range(100)}) == 100


@pytest.mark.parametrize("name", ["network", "layer"])
def test_parameters_alone_have_the_same_gradients(name):
    subject = probe(name)
    expected = subject.gradients()
    alone = subject.parameters_alone()
    assert expected.keys() - alone.keys() == {"X" if name == "network" else "x"}
    for key, gradient in alone.items():
        np.testing.assert_allclose(gradient, expected[key], rtol=1e-12)


def test_shaken_results_differ_in_the_last_digits_only_behind_each_layer():
    subject = probe("network")
    result = subject.run()
    shaken = []
    subject.shake = lambda array: shaken.append(array.shape) or array * (1 + 1e-12)
    assert subject.run() == pytest.approx(result, rel=1e-10)
    assert subject.run() != result
    assert shaken == 2 * [(5, 3), (5, 3), (5, 2)]
    shaken.clear()
    subject.gradients()
    assert shaken == [(5, 3), (5, 3), (5, 2), (5, 2), (5, 3), (5, 3), (5, 4)]


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
    moved = probe_of(layer, (X,), np.random.default_rng(0)).cast(np.float64).tensors
    assert [bool(same) for same in moved["bias"] == start] == stays
    assert abs(moved["bias"] - start).max() <= 0.2
    assert np.array_equal(moved["weight"], layer.weight)
    assert np.array_equal(layer.bias, start)


def test_they_are_moved_each_on_its_own_to_either_side():
    bias = probe_of(bp.Dense(4, 200), (X,), np.random.default_rng(0)).cast(np.float64)
    moves = np.sort(bias.tensors["bias"])
    assert -0.2 <= moves[0] < -0.19
    assert 0.19 < moves[-1] <= 0.2
    assert np.diff(moves).all()


def test_tensors_are_named_by_their_place():
    assert list(probe("layer").tensors) == ["x", "scale", "bias"]
    assert list(probe("network").tensors) == [
        *("X", "layers[0].weight", "layers[0].bias", "layers[2].weight", "layers[2].bias"),
    ]


def test_sample_weights_count():
    assert probe("loss").run() == pytest.approx(bp.MeanSquaredError()(X, -X, WEIGHTS))
    weighted = network(bp.Dense(4, 2)), (X, Y, [0.0, 1, 0, 2, 0])
    subject = probe_of(*weighted, np.random.default_rng(0)).cast(np.float64)
    assert np.array_equal(subject.tensors["X"], X[[1, 3]])  # no others enter batch statistics


def test_outputs_of_layers_and_functions_get_random_weights():
    for name in ("layer", "functions"):
        first, same, other = (probe(name, seed=seed).weights for seed in (0, 0, 1))
        assert np.array_equal(first, same)
        assert not np.array_equal(first, other)
    assert probe("layer").weights.shape == X.shape
    assert probe("functions").weights.shape == ()
    assert probe_of((np.sin, np.cos), (X,), np.random.default_rng(0)).weights.shape == X.shape


@pytest.mark.parametrize(
    ("arrays", "single"),
    [([X], False), ([X.astype(np.float32)], True), ([X.tolist()], False)],
)
def test_what_works_in_float32_is_known_by_its_arrays(arrays, single):
    for subject in (Affine(4, 2), (np.sin, np.cos)):
        assert probe_of(subject, tuple(arrays), np.random.default_rng(0)).single is single
    loss = bp.MeanSquaredError(), *arrays, -X
    assert probe_of(loss[0], loss[1:], np.random.default_rng(0)).single is single


def test_a_network_works_in_its_own_dtype_whatever_the_arrays():
    for dtype in ("float64", "float32"):
        subject = network(bp.Dense(4, 2), dtype=dtype)
        assert probe_of(subject, (X, Y), np.random.default_rng(0)).single is (dtype == "float32")


def test_whole_numbers_are_handed_on_as_they_are():
    seen = []

    def forward(x, labels, flags):
        seen.append((labels, flags))
        return x[labels] * flags[:, np.newaxis]

    arrays = X, [1, 2], np.array([True, False])
    subject = probe_of((forward, np.sin), arrays, np.random.default_rng(0)).cast(np.complex128)
    subject.run()
    assert list(subject.tensors) == ["x"]
    assert subject.arguments() == ["x", "labels", "flags"]
    for labels, flags in seen:
        assert (labels.dtype.kind, flags.dtype.kind) == ("i", "b")


def test_numbers_of_all_kinds_become_floats():
    pair = lambda x: 2 * x, lambda grad_output: 2 * grad_output
    mixed = probe_of(pair, ([Fraction(1, 2), 2, True],), np.random.default_rng(0))
    assert mixed.cast(np.float64).tensors["x"].tolist() == [0.5, 2, 1]


def test_backward_need_not_give_gradients_of_whole_numbers():
    for returned in (3.0, (3.0,), [3.0, None], (3.0, 7)):
        pair = lambda x, n: x * n, lambda grad_output, returned=returned: returned
        subject = probe_of(pair, (2.0, 3), np.random.default_rng(0)).cast(np.float64)
        assert subject.gradients() == {"x": 3}


def test_arguments_of_functions_that_do_not_tell_are_numbered():
    def forward(first, *others, last=3):
        return first * others[0]

    rng = np.random.default_rng(0)
    assert probe_of((forward, np.sin), (X, X, X), rng).arguments() == [
        "first",
        "others[0]",
        "others[1]",
    ]
    pair = max, lambda grad_output: (0.0, grad_output)
    assert probe_of(pair, (2.0, 3.0), rng).arguments() == ["arrays[0]", "arrays[1]"]


def test_a_layer_keeps_the_parameters_that_it_has():
    layer = bp.Dense(4, 2)
    tensors = probe_of(layer, (X,), np.random.default_rng(3)).cast(np.float64).tensors
    assert np.array_equal(tensors["weight"], layer.weight)


# What is given stays as it is


def test_arrays_stay_as_they_are_also_where_a_layer_writes_to_them():
    class InPlace(bp.Tanh):
        def forward(self, x):
            x *= 2
            return super().forward(x)

    for subject, arrays in ((InPlace(), [X]), (network(InPlace()), [X, -X, WEIGHTS])):
        given = [array.copy() for array in arrays]
        prepared = probe_of(subject, tuple(given), np.random.default_rng(0)).cast(np.float64)
        prepared.elsewhere(np.random.default_rng(0))
        assert all(map(np.array_equal, given, arrays))


def test_a_loss_with_a_memory_keeps_it():
    class Counting(bp.MeanSquaredError):
        def __init__(self):
            self.seen = []

        def forward(self, outputs, targets):
            self.seen.append(outputs)
            return super().forward(outputs, targets)

    loss = Counting()
    probe_of(loss, (X, -X), np.random.default_rng(0)).cast(np.float64).gradients()
    assert loss.seen == []


# What is refused


def refusal(error, subject, *arrays):
    """What is said where gradients are asked for."""
    with pytest.raises(error) as caught:
        probe_of(subject, arrays, np.random.default_rng(0)).cast(np.float64).gradients()
    return str(caught.value)


@pytest.mark.parametrize("wrong", [lambda a, b: a[:2], lambda a, b: (a, b, b), lambda a, b: [a, b]])
def test_forward_must_return_two_things(wrong):
    class Wrong(bp.Tanh):
        def forward(self, x):
            return wrong(*super().forward(x))

    for subject, arrays in ((Wrong(), (X,)), (network(bp.Dense(4, 2), Wrong()), (X, Y))):
        assert refusal(bp.GradientMismatch, subject, *arrays) == (
            "forward must return two things: the output and a cache."
        )


def overwriting(grad_output):
    grad_output *= 2
    return grad_output


LAYER, LOSS = bp.Dense(4, 2), bp.MeanSquaredError()
PARTS = "a Network, Layer, activation or Loss, or a pair of functions (forward, backward)"


@pytest.mark.parametrize(
    ("subject", "arrays", "error", "said"),
    [
        (3, [X], bp.ParameterError, f"subject must be {PARTS}; got 3."),
        (
            bp.Tanh,
            [X],
            bp.ParameterError,
            f"subject must be {PARTS}; got {bp.Tanh!r}. Write it with brackets, as an instance.",
        ),
        (LAYER, [], bp.ParameterError, "check_gradients of a Layer takes one array; got 0."),
        (LAYER, [X, Y], bp.ParameterError, "check_gradients of a Layer takes one array; got 2."),
        (
            LOSS,
            [X],
            bp.ParameterError,
            "check_gradients of a Loss takes two arrays, and sample_weight if wanted; got 1.",
        ),
        (
            (lambda x: x, overwriting),
            [X],
            bp.GradientMismatch,
            "backward writes to grad_output, which others still need.",
        ),
        (
            (lambda x: (x, x), np.cos),
            [X],
            bp.GradientMismatch,
            "forward must return one array of real numbers; got a tuple.",
        ),
        (
            (lambda x, y, z: x * y, lambda grad_output: (1, 2)),
            [1.0, 2.0, 3],
            bp.GradientMismatch,
            "backward must return a gradient for each of x, y, z, or None, in a tuple; got 2.",
        ),
        (
            (np.sin, np.cos),
            [[1, 2]],
            bp.InputError,
            "there is nothing to differentiate: whole numbers cannot be moved a little. Give at "
            "least one array of floats (1.0 for 1, or x.astype(float)).",
        ),
        (
            (lambda x: x, np.cos),
            [[]],
            bp.InputError,
            "x must hold at least one number; got shape (0,).",
        ),
        (
            (lambda x: x, np.cos),
            [X, X],
            bp.ParameterError,
            "forward cannot take the arrays given, 2: too many positional arguments.",
        ),
    ],
)
def test_what_cannot_be_checked_is_refused(subject, arrays, error, said):
    assert refusal(error, subject, *arrays) == said


def test_the_input_must_have_the_features_of_the_layer():
    said = refusal(bp.ShapeError, LAYER, X[:, :3])
    assert said.startswith("x must have 4 features; got 3")


@pytest.mark.parametrize("subject", [bp.Tanh(), (lambda x: x, lambda grad_output: grad_output)])
def test_what_float64_cannot_hold_is_refused(subject):
    said = refusal(bp.InputError, subject, np.full((1, 1), np.longdouble("1e400")))
    assert said.startswith("x must be finite in float64; got ")
