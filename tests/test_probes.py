"""Probes: copies of what is to be checked, which can be moved, run and asked for gradients."""

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
    assert np.asarray(subject.forward()).dtype == dtype
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


def test_elsewhere_other_units_are_dropped():
    subject = probe("dropout")
    dropped = subject.forward() == 0
    assert not np.array_equal(subject.elsewhere(np.random.default_rng(0)) == 0, dropped)
    assert np.array_equal(subject.forward() == 0, dropped)


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


def test_outputs_of_layers_and_functions_get_random_weights():
    for name in ("layer", "functions"):
        first, same, other = (probe(name, seed=seed).weights for seed in (0, 0, 1))
        assert np.array_equal(first, same)
        assert not np.array_equal(first, other)
    assert probe("layer").weights.shape == X.shape
    assert probe("functions").weights.shape == ()


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


def test_one_return_value_of_forward_is_too_few():
    class NoCache(bp.Tanh):
        def forward(self, x):
            return super().forward(x)[0]

    for subject, arrays in ((NoCache(), (X,)), (network(bp.Dense(4, 2), NoCache()), (X, Y))):
        with pytest.raises(bp.GradientMismatch, match="two things: the output and a cache"):
            probe_of(subject, arrays, np.random.default_rng(0)).cast(np.float64).run()
