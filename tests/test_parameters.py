"""The flat vectors and the windows into them."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import seeds, sizes

import backproplite as bp
from backproplite.parameters import ParameterBlock, carve, decaying_stretches, draw, gather

shapes = st.lists(sizes, min_size=1, max_size=3).map(tuple)
shape_lists = st.lists(shapes, max_size=4)

NORMAL = bp.Normal(deviation=1)


def block_of(shape_list, seed=None):
    """A block with a parameter of each shape; with a seed, of random values and gradients."""
    block = ParameterBlock()
    for i, shape in enumerate(shape_list):
        block.add(f"p{i}", shape, NORMAL)
    if seed is not None:
        rng = np.random.default_rng(seed)
        block.values[...] = rng.standard_normal(block.values.size)
        block.gradients[...] = rng.standard_normal(block.gradients.size)
    return block


@given(shape_list=shape_lists)
def test_views_cover_both_vectors_in_the_order_of_declaration(shape_list):
    block = block_of(shape_list)
    size = sum(map(math.prod, shape_list))
    assert block.values.shape == block.gradients.shape == (size,)
    block.values[...] = np.arange(size)
    block.gradients[...] = -np.arange(size)
    views = block.views()
    names = [f"p{i}" for i in range(len(shape_list))]
    assert list(views) == names + [f"grad_{name}" for name in names]
    assert [views[name].shape for name in names] == shape_list
    assert [views[f"grad_{name}"].shape for name in names] == shape_list
    values = [number for name in names for number in views[name].ravel()]
    assert values == list(range(size))
    assert [-number for name in names for number in views[f"grad_{name}"].ravel()] == values


@given(shape_list=shape_lists)
def test_views_share_memory_with_the_vectors(shape_list):
    block = block_of(shape_list)
    for name, view in block.views().items():
        mine, other = block.values, block.gradients
        if name.startswith("grad_"):
            mine, other = other, mine
        assert np.shares_memory(view, mine)
        assert not np.shares_memory(view, other)
        view[...] = 7
        assert view.size == (mine == 7).sum()
        mine[...] = 8
        assert (view == 8).all()


@given(blocks=st.lists(shape_lists, max_size=3), seed=seeds)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_gather_keeps_numbers_and_order_in_the_dtype_asked_for(dtype, blocks, seed):
    blocks = [block_of(shape_list, seed + i) for i, shape_list in enumerate(blocks)]
    before = [(block.values.copy(), block.gradients.copy()) for block in blocks]
    values, gradients = gather(iter(blocks), dtype)
    assert values.dtype == gradients.dtype == dtype
    assert values.ndim == gradients.ndim == 1
    assert values.tolist() == [x for v, _ in before for x in v.astype(dtype)]
    assert gradients.tolist() == [x for _, g in before for x in g.astype(dtype)]
    for block, (value, gradient) in zip(blocks, before, strict=True):
        assert block.in_network
        assert np.array_equal(block.values, value.astype(dtype))
        assert np.array_equal(block.gradients, gradient.astype(dtype))


@given(blocks=st.lists(shape_lists, min_size=1, max_size=3))
def test_after_gather_the_views_are_windows_onto_the_gathered_vectors(blocks):
    blocks = [block_of(shape_list) for shape_list in blocks]
    values, gradients = gather(blocks, np.float64)
    assert not np.shares_memory(values, gradients)
    for number, block in enumerate(blocks):
        for name, view in block.views().items():
            view[...] = -number if name.startswith("grad_") else number
    counts = [block.values.size for block in blocks]
    assert values.tolist() == np.repeat(range(len(blocks)), counts).tolist()
    assert gradients.tolist() == (-values).tolist()


def test_a_new_block_is_empty_and_of_no_network():
    block = ParameterBlock()
    assert block.values.shape == block.gradients.shape == (0,)
    assert block.views() == {}
    assert not block.in_network
    assert block.fresh_values(np.random.default_rng(0)).shape == (0,)
    assert block.is_untouched()


def test_gathering_nothing_gives_empty_vectors():
    values, gradients = gather([], np.float32)
    assert values.shape == gradients.shape == (0,)


def test_carve_cuts_windows_one_after_the_other():
    vector = np.arange(10.0)
    views = carve(vector, {"a": (2, 3), "b": (), "c": (0,), "d": (2,)})
    assert {name: view.tolist() for name, view in views.items()} == {
        "a": [[0, 1, 2], [3, 4, 5]],
        "b": 6,
        "c": [],
        "d": [7, 8],
    }
    views["b"][...] = -1
    assert vector[6] == -1


@given(shape_list=shape_lists, seed=seeds)
def test_fresh_values_are_the_initializers_draws_one_after_the_other(shape_list, seed):
    rng = np.random.default_rng(seed)
    drawn = [NORMAL(shape, rng).ravel() for shape in shape_list]
    fresh = block_of(shape_list).fresh_values(np.random.default_rng(seed))
    assert fresh.tolist() == [number for array in drawn for number in array]


def test_a_new_gradient_is_zero_and_adding_keeps_the_earlier_values():
    block = ParameterBlock()
    block.add("a", (2,), bp.Constant(1))
    block.values[...] = [5, 6]
    block.add("b", (3,), bp.Constant(2))
    assert block.values.tolist() == [5, 6, 2, 2, 2]
    assert block.gradients.tolist() == [0] * 5


@given(shape_list=st.lists(shapes, min_size=1, max_size=3), data=st.data())
def test_one_changed_number_is_noticed(shape_list, data):
    block = block_of(shape_list)
    assert block.is_untouched()
    index = data.draw(st.integers(0, block.values.size - 1))
    block.values[index] += 1e-9
    assert not block.is_untouched()


@given(blocks=st.lists(shape_lists, max_size=3))
def test_decaying_stretches_are_the_matrices(blocks):
    blocks = [block_of(shape_list) for shape_list in blocks]
    values, _ = gather(blocks, np.float64)
    for block in blocks:
        for name, shape in block.shapes.items():
            block.views()[name][...] = len(shape) > 1
    decayed = np.zeros_like(values)
    for part in decaying_stretches(iter(blocks)):
        decayed[part] += 1
    assert decayed.tolist() == values.tolist()


def test_biases_and_norm_scales_do_not_decay():
    layers = [bp.Dense(2, 3), bp.BatchNorm(3), bp.LayerNorm(3), bp.Dense(3, 1)]
    optimizer = bp.GradientDescent(0.1, weight_decay=1)
    network = bp.Network(layers, loss=bp.MeanSquaredError(), optimizer=optimizer)
    network.parameters[...] = 1
    network.gradients[...] = 0
    network.update()
    for layer in layers:
        for name in layer.block.shapes:
            view = getattr(layer, name)
            np.testing.assert_allclose(view, 0.9 if name == "weight" else 1, rtol=1e-15)


def test_a_name_is_taken_once():
    block = block_of([(2,)], seed=0)
    before = block.values.copy()
    with pytest.raises(bp.ParameterError) as caught:
        block.add("p0", (3,), NORMAL)
    assert str(caught.value) == "the layer has a parameter called 'p0' already."
    assert block.values.tolist() == before.tolist()
    assert block.shapes == {"p0": (2,)}


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
    block = ParameterBlock()
    with pytest.raises(error) as caught:
        block.add("gain", (2, 3), lambda shape, rng: drawn)
    assert re.fullmatch(message, str(caught.value))
    assert block.shapes == {}
    assert block.values.size == 0


def test_an_initializer_that_fails_only_later_is_named_too():
    drawn = iter([np.zeros(2), np.zeros(2), np.zeros(3)])
    block = ParameterBlock()
    block.add("gain", (2,), lambda shape, rng: next(drawn))
    with pytest.raises(
        bp.ShapeError, match=r"^the initializer of gain must return shape \(2,\); g"
    ):
        block.fresh_values(np.random.default_rng(0))


@pytest.mark.parametrize(
    "drawn", [[[1, 2], [3, 4]], np.array([[1, 2], [3, 4]], order="F"), np.float32([[1, 2], [3, 4]])]
)
def test_whatever_holds_numbers_of_the_shape_will_do(drawn):
    array = draw("weight", (2, 2), lambda shape, rng: drawn, np.random.default_rng(0))
    assert array.dtype == np.float64
    assert array.tolist() == [[1, 2], [3, 4]]


def test_an_array_that_an_initializer_returns_stays_its_own():
    kept = np.ones((2, 2))
    block = ParameterBlock()
    block.add("weight", (2, 2), lambda shape, rng: kept)
    block.values[...] = 5
    assert (kept == 1).all()
