"""The layers: numbers worked by hand, and the laws that every layer keeps."""

import copy
import inspect
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import activation_classes, matrices, seeds, sizes

import backproplite as bp

RNG = np.random.default_rng


class Stretch(bp.Layer):
    def __init__(self, features):
        self.features = features
        self.in_features = self.out_features = features
        self.add_parameter("factor", (features,), bp.Uniform(0.5, 2.0))
        self.add_parameter("mixer", (features, features))

    def forward(self, x):
        return x @ self.mixer * self.factor, x

    def backward(self, grad_output, x):
        np.sum(grad_output * (x @ self.mixer), axis=-2, out=self.grad_factor)
        np.matmul(x.mT, grad_output * self.factor, out=self.grad_mixer)
        return grad_output * self.factor @ self.mixer.mT


MAKERS = {
    "Dense": lambda: bp.Dense(4, 3),
    "Dropout": lambda: bp.Dropout(0.5),
    "BatchNorm": lambda: bp.BatchNorm(4),
    "LayerNorm": lambda: bp.LayerNorm(4),
    "own layer": lambda: Stretch(4),
} | {cls.__name__: cls for cls in activation_classes}
every_layer = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
TRAINED = ["Dense", "BatchNorm", "LayerNorm", "own layer"]
with_parameters = pytest.mark.parametrize("make", [MAKERS[name] for name in TRAINED], ids=TRAINED)
copied = pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))]
)
four_wide = matrices(columns=st.just(4))


def network_of(*layers, seed=0, **settings):
    return bp.Network(layers, loss=bp.HalfSquaredError(), seed=seed, **settings)


def stirred(layer, seed=0):
    """The layer with all its numbers away from their starting values."""
    rng = RNG(seed)
    layer.block.values += rng.uniform(0.1, 1, layer.block.values.shape)
    for name in layer.state_names:
        getattr(layer, name)[...] += rng.uniform(0.1, 1, 4)
    return layer


def close(given, expected, error=1e-13):
    np.testing.assert_allclose(given, expected, rtol=error, atol=error * np.abs(expected).max())


# Dense


def test_dense_worked_by_hand():
    layer = bp.Dense(3, 2)
    layer.weight[...] = [[1, 2], [3, 4], [5, 6]]
    layer.bias[...] = [10, 20]
    output, cache = layer.forward(np.array([[1.0, 0, 2], [0, 1, -1]]))
    assert output.tolist() == [[21, 34], [8, 18]]
    layer.grad_weight[...] = layer.grad_bias[...] = np.nan
    grad_input = layer.backward(np.array([[1.0, -1], [2, 0.5]]), cache)
    assert grad_input.tolist() == [[-1, -1, -1], [3, 8, 13]]
    assert layer.grad_weight.tolist() == [[1, -1], [2, 0.5], [0, -2.5]]
    assert layer.grad_bias.tolist() == [3, -0.5]


def test_dense_starts_as_glorot_with_no_bias():
    layer = network_of(bp.Dense(30, 70)).layers[0]
    bound = np.sqrt(6 / 100)
    assert 0.99 * bound < np.abs(layer.weight).max() <= bound
    assert layer.weight.std() == pytest.approx(bound / np.sqrt(3), rel=0.05)
    assert not layer.bias.any()


def test_dense_takes_any_initializer():
    def count(shape, rng):
        return np.arange(np.prod(shape)).reshape(shape)

    layer = network_of(bp.Dense(2, 3, count, bp.Constant(0.5))).layers[0]
    assert layer.weight.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert layer.bias.tolist() == [0.5] * 3


@pytest.mark.parametrize(
    ("initializer", "error", "text"),
    [
        (lambda shape, rng: np.zeros(3), bp.ShapeError, r"weight .*\(2, 3\); got \(3,\)"),
        (lambda shape, rng: np.zeros(shape[::-1]), bp.ShapeError, r"weight .*; got \(3, 2\)"),
        (lambda shape, rng: np.full(shape, np.nan), bp.InputError, "initial weight .*finite"),
        (lambda shape, rng: "much", bp.InputError, "initial weight"),
    ],
)
def test_an_initializer_of_other_things_is_refused(initializer, error, text):
    with pytest.raises(error, match=text):
        bp.Dense(2, 3, initializer)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: bp.Dense(0, 1), "in_features .*at least 1; got 0"),
        (lambda: bp.Dense(1, 1.5), "out_features .*got 1.5"),
        (lambda: bp.Dense(True, 1), "in_features .*got True"),
        (lambda: bp.Dense("2", 1), "in_features .*got '2'"),
        (lambda: bp.Dropout(-0.1), "rate .*at least 0 and below 1; got -0.1"),
        (lambda: bp.Dropout(1), "rate .*below 1; got 1"),
        (lambda: bp.Dropout(np.nan), "rate .*got nan"),
        (lambda: bp.BatchNorm(0), "features .*got 0"),
        (lambda: bp.BatchNorm(2, momentum=1.5), "momentum .*at least 0 and at most 1; got 1.5"),
        (lambda: bp.BatchNorm(2, momentum=-0.1), "momentum .*got -0.1"),
        (lambda: bp.BatchNorm(2, epsilon=0), "epsilon .*above 0; got 0"),
        (lambda: bp.LayerNorm(-3), "features .*got -3"),
        (lambda: bp.LayerNorm(2, epsilon=-1.0), "epsilon .*got -1"),
    ],
)
def test_settings_out_of_range_are_refused(make, text):
    with pytest.raises(bp.ParameterError, match=text):
        make()


# Dropout


def test_dropout_scales_what_it_keeps():
    x = RNG(0).standard_normal((200, 50))
    output, mask = bp.Dropout(0.2).forward_training(x, RNG(1))
    assert set(np.unique(mask)) == {0, 1 / 0.8}
    assert np.array_equal(output, x * mask)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_keeps_the_mean(rate):
    output, _ = bp.Dropout(rate).forward_training(np.ones((1000, 100)), RNG(0))
    # Six standard deviations of a mean of 100,000 independent entries.
    assert output.mean() == pytest.approx(1, abs=6 * np.sqrt(rate / (1 - rate) / 1e5))
    assert np.mean(output == 0) == pytest.approx(rate, abs=6 * np.sqrt(rate * (1 - rate) / 1e5))


def test_dropout_goes_back_through_the_same_mask():
    layer, x = bp.Dropout(0.5), np.ones((20, 10))
    output, cache = layer.forward_training(x, RNG(0))
    layer.forward_training(x, RNG(1))
    assert np.array_equal(layer.backward(3 * x, cache), 3 * output)


def test_dropout_of_rate_0_and_inference_pass_everything():
    x = RNG(0).standard_normal((5, 4))
    for output, cache in (
        bp.Dropout(0).forward_training(x, RNG(1)),
        bp.Dropout(0.9).forward(x),
    ):
        assert np.array_equal(output, x)
        assert np.array_equal(bp.Dropout(0.9).backward(x, cache), x)


def test_dropout_draws_the_mask_from_the_generator_alone():
    layer, x = bp.Dropout(0.5), np.ones((9, 9))
    first, again, other = (layer.forward_training(x, RNG(seed))[0] for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


# The normalisations


def test_batch_norm_worked_by_hand():
    layer = bp.BatchNorm(1, epsilon=5.0)
    layer.scale[...], layer.bias[...] = 6, 0.5
    # Mean 4, variance 4, so x - 4 is divided by 3.
    output, cache = layer.forward_training(np.array([[2.0], [6]]), RNG(0))
    close(output, [[-3.5], [4.5]])
    # Σg = 4, Σg·n = 4/3: (g - 2 - n·2/3) · 6/3
    close(layer.backward(np.array([[1.0], [3]]), cache), [[-10 / 9], [10 / 9]])
    close(layer.grad_scale, [4 / 3])
    close(layer.grad_bias, [4])
    layer.after_step(cache)
    close(layer.running_mean, [0.4])
    close(layer.running_variance, [0.9 + 0.1 * 8])  # the unbiased variance is 8
    close(layer.forward(np.array([[3.0]]))[0], [[(3 - 0.4) / np.sqrt(6.7) * 6 + 0.5]])


def test_running_statistics_worked_by_hand():
    layer = bp.BatchNorm(1, momentum=0.5)
    for mean, variance in [(1.5, 4), (2.25, 5.5)]:
        layer.after_step(layer.forward_training(np.array([[1.0], [2], [6]]), RNG(0))[1])
        close(layer.running_mean, [mean])  # half the way from 0 to 3, and half the rest
        close(layer.running_variance, [variance])  # from 1 towards 14 / 2


def test_settings_unless_given():
    assert (bp.BatchNorm(4).momentum, bp.BatchNorm(4).epsilon) == (0.1, 1e-5)
    assert bp.LayerNorm(4).epsilon == 1e-5
    for layer in (bp.BatchNorm(4), bp.LayerNorm(4)):
        assert layer.in_features == layer.out_features == layer.features == 4


@pytest.mark.parametrize("normalization", [bp.BatchNorm, bp.LayerNorm])
def test_normalisations_start_without_a_scale_and_a_shift(normalization):
    layer = network_of(normalization(2), dtype="float32").layers[0]
    assert (layer.scale.tolist(), layer.bias.tolist()) == ([1, 1], [0, 0])


def test_layer_norm_worked_by_hand():
    layer = bp.LayerNorm(2, epsilon=5.0)
    layer.scale[...], layer.bias[...] = [6, 3], [0.5, 0]
    output, cache = layer.forward(np.array([[2.0, 6]]))
    close(output, [[-3.5, 2]])
    # The gradient by the normalised row is (6, 9), its mean 7.5, its mean along n 1.
    close(layer.backward(np.array([[1.0, 3]]), cache), [[(-1.5 + 2 / 3) / 3, (1.5 - 2 / 3) / 3]])
    close(layer.grad_scale, [-2 / 3, 2])
    close(layer.grad_bias, [1, 3])


@pytest.mark.parametrize(
    ("ours", "theirs"), [(bp.BatchNorm, "BatchNorm1d"), (bp.LayerNorm, "LayerNorm")]
)
def test_normalisations_agree_with_torch(ours, theirs):
    torch = pytest.importorskip("torch")
    rng = RNG(3)
    layer, oracle = ours(4), getattr(torch.nn, theirs)(4).double()
    layer.scale[...], layer.bias[...] = rng.standard_normal((2, 4))
    with torch.no_grad():
        oracle.weight[...], oracle.bias[...] = torch.tensor(layer.scale), torch.tensor(layer.bias)
    for _ in range(3):
        x, grad_output = rng.standard_normal((2, 7, 4)) * [[[3]], [[1]]] + 2
        leaf = torch.tensor(x, requires_grad=True)
        expected = oracle(leaf)
        oracle.zero_grad()
        expected.backward(torch.tensor(grad_output))
        output, cache = layer.forward_training(x, rng)
        close(output, expected.detach().numpy())
        close(layer.backward(grad_output, cache), leaf.grad.numpy(), 1e-12)
        close(layer.grad_scale, oracle.weight.grad.numpy())
        close(layer.grad_bias, oracle.bias.grad.numpy())
        layer.after_step(cache)
    oracle.eval()
    close(layer.forward(x)[0], oracle(torch.tensor(x)).detach().numpy())
    if theirs == "BatchNorm1d":
        close(layer.running_mean, oracle.running_mean.numpy())
        close(layer.running_variance, oracle.running_var.numpy())


@given(four_wide, seeds)
def test_batch_norm_in_inference_is_a_straight_line(x, seed):
    layer = stirred(bp.BatchNorm(4), seed)
    slope = layer.scale / np.sqrt(layer.running_variance + layer.epsilon)
    output, cache = layer.forward(x)
    close(output, (x - layer.running_mean) * slope + layer.bias)
    close(layer.backward(np.ones_like(x), cache), np.ones_like(x) * slope)


def test_batch_norm_of_one_sample_gives_the_bias():
    layer = bp.BatchNorm(2)
    layer.bias[...] = [3, -4]
    output, cache = layer.forward_training(np.array([[5.0, 6]]), RNG(0))
    assert output.tolist() == [[3, -4]]
    assert not layer.backward(np.array([[1.0, 2]]), cache).any()
    layer.after_step(cache)
    close(layer.running_mean, [0.5, 0.6])
    assert layer.running_variance.tolist() == [1, 1]  # one sample has no spread to learn from


def test_running_statistics_move_only_with_a_step():
    X, y = RNG(0).standard_normal((2, 6, 3)) + 5
    network = network_of(bp.BatchNorm(3), bp.Dense(3, 3), bp.BatchNorm(3))
    before = network.snapshot()
    _, caches = network.forward_training(X)
    network.backward(y, caches)
    network.loss_and_gradient(X, y)
    network.forward(X), network.predict(X), network.evaluate(X, y)
    bp.check_gradients(network, X, y)
    assert all(map(np.array_equal, network.snapshot(), before))
    network.train_step(X, y)
    assert not any(map(np.array_equal, network.snapshot(), before))


def test_running_statistics_stay_when_the_step_fails():
    network = network_of(bp.BatchNorm(2), bp.Dense(2, 1), optimizer=bp.GradientDescent(1e308))
    before = network.snapshot()
    with pytest.raises(bp.DivergenceError):
        network.train_step([[1.0, 2], [3, 5]], [100.0, -100])
    assert all(map(np.array_equal, network.snapshot(), before))


# Laws of every layer


@every_layer
def test_backward_is_what_forward_does(make):
    x = RNG(5).standard_normal((5, 4)) + 0.1
    assert bp.check_gradients(stirred(make()), x)


@every_layer
@given(four_wide, seeds)
def test_backward_is_linear_in_grad_output(make, x, seed):
    layer = stirred(make(), seed)
    output, cache = layer.forward_training(x, RNG(seed))
    g, h = RNG(seed).standard_normal((2, *output.shape))

    def back(grad_output):
        grad_input = layer.backward(grad_output, cache)
        return np.concatenate([grad_input.ravel(), layer.block.gradients])

    expected = 2 * back(g) - 3 * back(h)
    size = 2 * np.abs(back(g)).max() + 3 * np.abs(back(h)).max()
    np.testing.assert_allclose(back(2 * g - 3 * h), expected, rtol=0, atol=1e-13 * size)


@every_layer
def test_nothing_of_a_batch_stays_on_the_layer(make):
    layer = stirred(make())
    x = RNG(0).standard_normal((5, 4))
    before = pickle.dumps(layer), set(vars(layer))
    layer.forward(x)
    layer.forward_training(x, RNG(0))
    assert (pickle.dumps(layer), set(vars(layer))) == before


@every_layer
def test_a_prediction_between_forward_and_backward_harms_nothing(make):
    layer = stirred(make())
    x, other = RNG(0).standard_normal((2, 5, 4))
    output, cache = layer.forward_training(x, RNG(0))
    grad_input = layer.backward(output, cache)
    gradients = layer.block.gradients.copy()
    layer.block.gradients[...] = np.nan
    layer.forward(other)
    layer.forward_training(other[:2], RNG(1))
    assert np.array_equal(layer.backward(output, cache), grad_input)
    assert np.array_equal(layer.block.gradients, gradients)


@every_layer
def test_neither_input_nor_gradient_is_written_to(make):
    layer = stirred(make())
    x = RNG(0).standard_normal((5, 4))
    x.flags.writeable = False
    for output, cache in (layer.forward(x), layer.forward_training(x, RNG(0))):
        output.flags.writeable = False
        layer.backward(output, cache)
        assert np.array_equal(x, RNG(0).standard_normal((5, 4)))


@with_parameters
def test_backward_parameters_gives_the_gradients_of_backward(make):
    layer = stirred(make())
    output, cache = layer.forward_training(RNG(0).standard_normal((5, 4)), RNG(0))
    layer.backward(output, cache)
    expected = layer.block.gradients.copy()
    layer.block.gradients[...] = np.nan
    layer.backward_parameters(output, cache)
    assert np.array_equal(layer.block.gradients, expected)


@every_layer
def test_a_leading_axis_is_many_batches_side_by_side(make):
    layer, x = stirred(make()), RNG(0).standard_normal((3, 5, 4))
    output, cache = layer.forward(x)
    close(output, np.stack([layer.forward(each)[0] for each in x]), 1e-15)
    in_training, _ = layer.forward_training(x, RNG(1))
    rng = RNG(1)
    close(in_training, np.stack([layer.forward_training(each, rng)[0] for each in x]), 1e-13)
    if not layer.block.shapes:
        one_by_one = [layer.backward(each, layer.forward(each)[1]) for each in x]
        close(layer.backward(x, cache), np.stack(one_by_one), 1e-15)


@every_layer
def test_float32_stays_float32(make):
    x = RNG(0).standard_normal((5, 4)).astype(np.float32)
    layer = network_of(make(), dtype="float32").layers[0]
    for output, cache in (layer.forward_training(x, RNG(0)), layer.forward(x)):
        assert output.dtype == layer.backward(output, cache).dtype == np.float32
    arrays = [value for value in vars(layer).values() if isinstance(value, np.ndarray)]
    assert {array.dtype for array in arrays} <= {np.dtype(np.float32)}


# The views


@with_parameters
@copied
def test_views_share_memory_with_the_network(make, duplicate):
    network = duplicate(network_of(bp.Dense(4, 4), make()))
    for layer in network.layers:
        for name in layer.block.shapes:
            assert np.shares_memory(getattr(layer, name), network.parameters)
            assert np.shares_memory(getattr(layer, f"grad_{name}"), network.gradients)
    network.parameters[...] = np.arange(network.parameters.size)
    flat = [getattr(layer, name).ravel() for layer in network.layers for name in layer.block.shapes]
    assert np.array_equal(np.concatenate(flat), network.parameters)


@with_parameters
@copied
def test_a_copy_of_a_layer_is_equal_free_and_lives_apart(make, duplicate):
    layer = network_of(stirred(make())).layers[0]
    twin = duplicate(layer)
    assert np.array_equal(twin.block.values, layer.block.values)
    twin.block.values += 1
    for name in layer.block.shapes:
        assert np.array_equal(getattr(twin, name), getattr(layer, name) + 1)
    network_of(twin)  # belongs to no network yet


def test_a_pickle_holds_each_parameter_and_gradient_once():
    layer = bp.Dense(100, 100)
    assert len(pickle.dumps(layer)) < 1.1 * (
        layer.block.values.nbytes + layer.block.gradients.nbytes
    )


def test_a_view_cannot_be_replaced_but_changed_in_place():
    network = network_of(bp.Dense(2, 3))
    layer = network.layers[0]
    for name in ("weight", "bias", "grad_weight", "grad_bias"):
        with pytest.raises(AttributeError, match=rf"layer\.{name}\[\.\.\.\] = value"):
            setattr(layer, name, np.zeros_like(getattr(layer, name)))
    before = network.parameters.copy()
    layer.weight += 1
    layer.bias *= 0
    layer.bias -= 2
    assert np.array_equal(network.parameters, [*(before[:6] + 1), -2, -2, -2])
    layer.note = "anything else may be set"
    assert layer.note


@pytest.mark.parametrize(
    "name", ["factor", "mixer", "grad_factor", "grad_free", "forward", "not a name"]
)
def test_a_parameter_needs_a_name_of_its_own(name):
    with pytest.raises(bp.ParameterError, match=name):
        Stretch(2).add_parameter(name, (1,))


# Layers on their way into a network


def test_layers_changed_by_hand_keep_their_numbers_and_others_are_drawn():
    changed = bp.Dense(2, 3)
    changed.weight[0, 0] = 7
    kept = changed.block.values.copy()
    first, again, other = (
        network_of(copy.copy(changed), bp.Dense(3, 3), bp.LayerNorm(3), seed=seed)
        for seed in (1, 1, 2)
    )
    assert np.array_equal(first.layers[0].block.values, kept)
    assert np.array_equal(first.parameters, again.parameters)
    assert np.array_equal(other.layers[0].block.values, kept)
    assert not np.array_equal(first.layers[1].weight, other.layers[1].weight)


@with_parameters
def test_a_layer_with_parameters_belongs_to_one_place_in_one_network(make):
    twice = bp.Dense(4, 4)
    with pytest.raises(bp.ParameterError, match=r"layers\[2\] Dense\(4, 4\) .*deepcopy"):
        network_of(twice, bp.Tanh(), twice)
    layer = make()
    network_of(layer)
    with pytest.raises(bp.ParameterError, match=r"layers\[1\] .*belongs to a network already"):
        network_of(bp.Dense(4, 4), layer)


def test_layers_without_parameters_may_be_shared():
    bend = bp.Tanh()
    first, second = (network_of(bp.Dense(2, 2), bend, bp.Dense(2, 1), bend) for _ in range(2))
    assert first.evaluate([[1.0, 2]], [0.5]) == second.evaluate([[1.0, 2]], [0.5])


# A layer of one's own


def test_a_shape_of_one_axis_may_be_an_int():
    layer = bp.Layer()
    layer.add_parameter("shift", 3, bp.Zeros())
    assert layer.shift.shape == layer.grad_shift.shape == (3,)


@pytest.mark.parametrize("initializer", [bp.He, "he", 0.5])
def test_an_initializer_must_be_a_function(initializer):
    with pytest.raises(bp.ParameterError, match=r"initializer of weight .*got "):
        bp.Dense(2, 3, initializer)


def test_a_gradient_of_something_undeclared_is_refused():
    layer = bp.Layer()
    layer.weight = np.ones(3)
    with pytest.raises(AttributeError, match=r"weight .*add_parameter\('weight', shape\)"):
        layer.grad_weight = np.ones(3)


def test_an_own_layer_is_short():
    assert len([line for line in inspect.getsource(Stretch).splitlines() if line]) <= 15


@given(sizes, sizes, seeds)
def test_an_own_layer_passes_the_gradient_check(samples, features, seed):
    x = RNG(seed).standard_normal((samples, features))
    bp.check_gradients(Stretch(features), x)


@copied
def test_an_own_layer_works_like_a_built_in_one(duplicate):
    X = RNG(0).standard_normal((20, 3))
    network = network_of(bp.Dense(3, 3), bp.Tanh(), Stretch(3), optimizer=bp.Adam(0.01))
    bp.check_gradients(network, X, X**2)
    network.fit(X, X**2, epochs=30)
    assert network.history["loss"][-1] < 0.8 * network.history["loss"][0]
    twin = duplicate(network)
    assert np.array_equal(twin.predict(X), network.predict(X))
    losses = [each.fit(X, X**2, epochs=2).history["loss"] for each in (twin, network)]
    assert losses[0] == losses[1]
    assert repr(network.layers[2]) == "Stretch(3)"
    assert ["2", "Stretch(3)", "(samples,", "3)", "12"] in map(
        str.split, network.summary().splitlines()
    )


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: bp.Layer().forward(1), r"Layer must define forward\(x\)"),
        (lambda: bp.Layer().forward_training(1, RNG(0)), r"must define forward\(x\)"),
        (lambda: bp.Layer().backward(1, 1), r"^Layer must define backward\(grad_output, cache\)"),
        (lambda: bp.Layer().backward_parameters(1, 1), "must define backward"),
    ],
)
def test_what_a_layer_does_not_define_is_named(call, text):
    with pytest.raises(NotImplementedError, match=text):
        call()
