"""Parameters: declared and drawn once, and windows into one vector."""

import copy
import math
import pickle
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import seeds, sizes

import backproplite as bp
from backproplite.parameters import Declared, Stateful, carve

RNG = np.random.default_rng
shapes = st.lists(sizes, max_size=3).map(tuple)
shape_lists = st.lists(shapes, max_size=4)
fronts = st.lists(st.integers(1, 3), max_size=2).map(tuple)


@given(shape_list=shape_lists, front=fronts)
def test_carve_cuts_windows_one_after_the_other_along_the_last_axis(shape_list, front):
    named = {f"p{i}": shape for i, shape in enumerate(shape_list)}
    size = sum(map(math.prod, shape_list))
    vector = np.arange(math.prod(front) * size, dtype=float).reshape(*front, size)
    views = carve(vector, named)
    assert {name: view.shape for name, view in views.items()} == {
        name: (*front, *shape) for name, shape in named.items()
    }
    flat = [np.zeros((*front, 0)), *(view.reshape(*front, -1) for view in views.values())]
    assert np.array_equal(np.concatenate(flat, axis=-1), vector)
    for view in views.values():
        view[...] = -1
    assert (vector == -1).all()


def test_an_empty_shape_is_one_number_and_a_length_of_0_none():
    vector = np.arange(4.0)
    views = carve(vector, {"a": (), "b": (0,), "c": (3,)})
    assert [view.tolist() for view in views.values()] == [0, [], [1, 2, 3]]


@pytest.mark.parametrize(
    ("drawn", "error", "message"),
    [
        (np.zeros((3, 2)), bp.ShapeError, r"the initializer of gain must .* got \(3, 2\)\."),
        (np.zeros(6), bp.ShapeError, r"the initializer of gain must .* got \(6,\)\."),
        (0.0, bp.ShapeError, r"the initializer of gain must return shape \(2, 3\); got \(\)\."),
        (np.full((2, 3), np.nan), bp.InputError, "the initial gain must be finite in float64; .*"),
        (np.full((2, 3), 1j), bp.InputError, "the initial gain must hold real numbers; .*"),
        (None, bp.InputError, "the initial gain must hold real numbers; .*"),
    ],
)
def test_an_initializer_that_returns_something_else_is_refused(drawn, error, message):
    declared = Declared((2, 3), lambda shape, rng: drawn)
    with pytest.raises(error) as caught:
        declared.draw("gain", RNG(0))
    assert re.fullmatch(message, str(caught.value))


@pytest.mark.parametrize(
    "drawn", [[[1, 2], [3, 4]], np.array([[1, 2], [3, 4]], order="F"), np.float32([[1, 2], [3, 4]])]
)
def test_whatever_holds_numbers_of_the_shape_will_do(drawn):
    array = Declared((2, 2), lambda shape, rng: drawn).draw("weight", RNG(0))
    assert array.dtype == np.float64
    assert array.tolist() == [[1, 2], [3, 4]]


def test_an_array_that_an_initializer_returns_stays_its_own():
    kept = np.ones((2, 2))
    array = Declared((2, 2), lambda shape, rng: kept).draw("weight", RNG(0))
    array[...] = 5
    assert (kept == 1).all()


# Declared by a layer


class Counting:
    """An initializer that counts its calls."""

    def __init__(self):
        self.calls = 0

    def __call__(self, shape, rng):
        self.calls += 1
        return rng.standard_normal(shape)


class Pair(bp.Layer):
    """Two parameters of one shape, as many as it takes features."""

    def __init__(self, features, initializer=None):
        self.features = self.in_features = self.out_features = features
        self.add_parameter("first", (features,), initializer or bp.Normal())
        self.add_parameter("second", (features,), initializer or bp.Normal())

    def forward(self, x):
        return x * self.first + self.second, x

    def backward(self, grad_output, x):
        np.sum(grad_output * x, axis=-2, out=self.grad_first)
        np.sum(grad_output, axis=-2, out=self.grad_second)
        return grad_output * self.first


def network_of(*layers, seed=0, **settings):
    return bp.Network(layers, bp.HalfSquaredError(), seed=seed, **settings)


@pytest.mark.parametrize("looks", ["not at all", "once", "often"])
def test_an_initializer_is_asked_once_for_each_parameter(looks):
    counting = Counting()
    layer = Pair(3, counting)
    assert counting.calls == 0  # declared only
    for _ in range(["not at all", "once", "often"].index(looks)):
        assert layer.first.any()
        assert not layer.grad_first.any()
    network = network_of(layer)
    network.fit([[1.0, 2, 3]], [[1.0, 2, 3]], epochs=2)
    network.optimizer = bp.Momentum()
    copy.deepcopy(network), copy.copy(layer), pickle.dumps(bp.Dense(1, 1)), network.cast("float32")
    assert counting.calls == 2


def test_what_was_looked_at_or_written_stays_and_the_rest_is_drawn_from_the_networks_seed():
    def made(seed):
        looked_at, written = Pair(3), Pair(3)
        seen = looked_at.first.copy()
        written.second[...] = [7, 8, 9]
        network = network_of(looked_at, written, Pair(3), seed=seed)
        assert network.layers == (looked_at, written, network.layers[2])
        assert np.array_equal(looked_at.first, seen)
        assert written.second.tolist() == [7, 8, 9]
        return network.parameters.reshape(6, 3)

    one, again, other = made(1), made(1), made(2)
    assert np.array_equal(one[1:], again[1:])
    assert (one == other).all(axis=1).tolist() == [False, False, False, True, False, False]


def test_parameters_of_one_shape_start_differently():
    layer = Pair(4)
    assert (layer.first != layer.second).all()
    assert (layer.first != Pair(4).first).all()
    rows = network_of(Pair(4), Pair(4)).parameters.reshape(4, 4)
    assert len(np.unique(rows)) == 16


def test_a_bad_initializer_is_refused_when_it_is_asked_by_the_parameters_name():
    def bad(shape, rng):
        return np.zeros(7)

    for ask in (lambda layer: layer.second, network_of):
        layer = Pair(3)
        layer.declared["second"] = Declared((3,), bad)
        with pytest.raises(bp.ShapeError, match=r"^the initializer of second must return shape"):
            ask(layer)


def test_a_float_parameter_in_float32_is_the_same_number_rounded():
    narrow, wide = (network_of(Pair(3), dtype=dtype) for dtype in ("float32", "float64"))
    assert narrow.parameters.dtype == np.float32
    assert np.array_equal(narrow.parameters, wide.parameters.astype(np.float32))


# Bound to a record


class Counter(Stateful):
    state_names = ("seen",)

    def __init__(self):
        self.seen = np.zeros(2)


def test_what_is_bound_writes_into_its_view_and_a_copy_is_free():
    counter, record = Counter(), np.zeros(5)
    counter.seen = np.ones(2)  # nothing is bound yet
    counter.bind({"seen": record[1:3]})
    assert counter.in_network
    counter.seen = counter.seen + [3, 4]
    counter.seen += 1
    counter.note = "free"
    assert record.tolist() == [0, 4, 5, 0, 0]
    free = copy.deepcopy(counter)
    assert (free.in_network, free.note) == (False, "free")
    free.seen = np.zeros(2)
    assert record.tolist() == [0, 4, 5, 0, 0]


# Weight decay


@given(features=sizes, seed=seeds)
def test_matrices_decay_and_biases_and_norm_scales_do_not(features, seed):
    layers = [bp.Dense(features, 3), bp.BatchNorm(3), bp.Residual([bp.Dense(3, 3)]), Pair(3)]
    optimizer = bp.GradientDescent(0.1, weight_decay=1)
    network = network_of(*layers, optimizer=optimizer, seed=seed, dtype="float32")
    network.parameters[...] = 1
    network.gradients[...] = 0
    network.update()
    assert network.decaying.dtype == np.float32
    np.testing.assert_allclose(network.parameters, 1 - 0.1 * network.decaying, rtol=1e-6)
    for layer in layers:
        for name, view in layer.named_parameters().items():
            np.testing.assert_allclose(view, 0.9 if name.endswith("weight") else 1, rtol=1e-6)
