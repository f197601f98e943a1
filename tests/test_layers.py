"""The layers: numbers worked by hand, the laws that every layer keeps, and layers within layers."""

import copy
import inspect
import pickle

import numpy as np
import oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import activation_classes, matrices, seeds

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


class Gate(bp.Layer):
    """One inner layer's outputs times the sigmoid of another's."""

    def __init__(self, features):
        self.features = self.in_features = self.out_features = features
        self.value = bp.Dense(features, features)
        self.ways = {"open": [bp.Dense(features, features), bp.Sigmoid()]}

    def forward(self, x):
        value, cache = self.value.forward(x)
        dense, sigmoid = self.ways["open"]
        logits, below = dense.forward(x)
        share, above = sigmoid.forward(logits)
        return value * share, (value, share, cache, below, above)

    def backward(self, grad_output, kept):
        value, share, cache, below, above = kept
        dense, sigmoid = self.ways["open"]
        grad_logits = sigmoid.backward(grad_output * value, above)
        return self.value.backward(grad_output * share, cache) + dense.backward(grad_logits, below)


MAKERS = {
    "Dense": lambda: bp.Dense(4, 3),
    "Dropout": lambda: bp.Dropout(0.5),
    "BatchNorm": lambda: bp.BatchNorm(4),
    "LayerNorm": lambda: bp.LayerNorm(4),
    "Residual": lambda: bp.Residual([bp.Dense(4, 3), bp.BatchNorm(3), bp.Tanh(), bp.Dense(3, 4)]),
    "own block": lambda: Gate(4),
    "own layer": lambda: Stretch(4),
} | {cls.__name__: cls for cls in activation_classes}
every_layer = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
TRAINED = ["Dense", "BatchNorm", "LayerNorm", "Residual", "own layer", "own block"]
with_parameters = pytest.mark.parametrize("make", [MAKERS[name] for name in TRAINED], ids=TRAINED)
copied = pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))]
)
four_wide = matrices(columns=st.just(4))


def network_of(*layers, seed=0, **settings):
    return bp.Network(layers, loss=bp.HalfSquaredError(), seed=seed, **settings)


def flat(arrays):
    """All numbers of named arrays, one after the other."""
    return np.concatenate([np.zeros(0), *(array.ravel() for array in arrays.values())])


def stirred(layer, seed=0):
    """The layer with all its numbers away from their starting values."""
    rng = RNG(seed)
    for array in (layer.named_parameters() | layer.named_state()).values():
        array[...] += rng.uniform(0.1, 1, array.shape)
    return layer


def forget_gradients(layer):
    for array in layer.named_gradients().values():
        array[...] = np.nan


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


def test_float32_gradients_of_a_million_samples_are_summed_to_the_last_digits():
    x, grad_output = np.ones((10**6, 1), np.float32), np.full((10**6, 2), -1e-4, np.float32)
    dense, norm = network_of(bp.Dense(1, 2), bp.BatchNorm(2), dtype="float32").layers
    dense.backward(grad_output, x)
    norm.backward_parameters(grad_output, (np.broadcast_to(x, grad_output.shape),))
    for gradient in (dense.grad_bias, dense.grad_weight, norm.grad_bias, norm.grad_scale):
        np.testing.assert_allclose(gradient, np.full_like(gradient, -100), rtol=2e-5)


def test_float32_statistics_of_a_million_samples():
    x = (2000 + RNG(0).uniform(-10, 10, (10**6, 2))).astype(np.float32)
    layer = network_of(bp.BatchNorm(2), dtype="float32").layers[0]
    layer.after_step(layer.forward_training(x, RNG(0))[1])
    np.testing.assert_allclose(layer.running_mean, x.mean(0, np.float64), rtol=1e-7)
    np.testing.assert_allclose(layer.running_variance, x.var(0, np.float64), rtol=1e-5)


# Dropout


def test_dropout_scales_what_it_keeps():
    x = RNG(0).standard_normal((200, 50))
    output, (mask,) = bp.Dropout(0.2).forward_training(x, RNG(1))
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
    close(layer.running_mean, [4])
    close(layer.running_variance, [8])  # the unbiased one
    close(layer.forward(np.array([[3.0]]))[0], [[(3 - 4) / np.sqrt(13) * 6 + 0.5]])


def learning(layer, *batches):
    """The layer after it has learnt from some batches of one feature."""
    for batch in batches:
        x = np.array(batch)[:, np.newaxis]
        layer.after_step(layer.forward_training(x, RNG(0))[1])
    return layer


def test_running_statistics_worked_by_hand():
    layer = bp.BatchNorm(1, momentum=0.5)
    first, second, third = [1.0, 2, 6], [5.0, 5, 5], [0.0, 2]
    for batch, mean, variance in [(first, 3, 7), (second, 4, 3.5), (third, 2.5, 2.75)]:
        learning(layer, batch)  # two are averaged, since 1 / momentum is 2; then half the way
        close(layer.running_mean, [mean])
        close(layer.running_variance, [variance])


@given(
    st.sampled_from([0, 0.05, 0.1, 0.3, 1]),
    st.lists(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=4), min_size=1, max_size=25),
)
def test_running_statistics_are_an_average_that_counts_its_batches(momentum, batches):
    layer = learning(bp.BatchNorm(1, momentum=momentum), *batches)
    for running, of in (
        (layer.running_mean, np.mean),
        (layer.running_variance, lambda batch: np.var(batch, ddof=1)),
    ):
        values = np.array([of(batch) for batch in batches])
        shares = np.maximum(momentum, 1 / np.arange(1, len(values) + 1))
        left = np.cumprod(np.append(1, (1 - shares)[:0:-1]))[::-1]  # of each share at the end
        assert (shares * left).sum() == pytest.approx(1)  # nothing of the 0 and 1 of the start
        np.testing.assert_allclose(running, [shares * left @ values], 1e-9, 1e-9)


def test_running_statistics_in_the_long_run_are_those_of_the_trusted_form():
    rng, layer, mean, variance = RNG(0), bp.BatchNorm(1), 0.0, 1.0
    for _ in range(300):
        batch = rng.standard_normal(5) + 7
        learning(layer, batch)
        mean += 0.1 * (batch.mean() - mean)
        variance += 0.1 * (batch.var(ddof=1) - variance)
    close(layer.running_mean, [mean], 1e-12)
    close(layer.running_variance, [variance], 1e-12)


@pytest.mark.parametrize("epochs", [1, 20, 50])
def test_a_short_run_is_as_good_in_inference_as_in_training(epochs):
    X = np.arange(2000.0, 2020).reshape(-1, 1)
    y = (X - 2010) / 6
    network = network_of(bp.BatchNorm(1), bp.Dense(1, 1), optimizer=bp.Adam(0.1))
    network.fit(X, y, epochs, validation_data=(X, y))
    assert network.history["val_loss"][-1] < 1.1 * network.evaluate(X, y)
    assert network.history["val_loss"][-1] < 1.5 * network.history["loss"][-1] + 0.01


CONSTANT = [("float32", 100000.1), ("float32", 0.1), ("float32", 3e7), ("float64", 1e12 + 0.1)]


@pytest.mark.parametrize("samples", [3, 7, 100, 5000])
@pytest.mark.parametrize(("dtype", "value"), CONSTANT)
def test_what_is_constant_is_normalised_to_exactly_0(dtype, value, samples):
    column = np.full((samples, 1), value, dtype)
    for layer, x in ((bp.BatchNorm(1), column), (bp.LayerNorm(samples), column.T)):
        assert not network_of(layer, dtype=dtype).forward_training(x)[0].any()


def test_layer_norm_of_numbers_whose_squares_are_no_floats():
    for dtype, size in (("float32", 1e30), ("float64", 1e200)):
        layer = network_of(bp.LayerNorm(4), dtype=dtype).layers[0]
        x = np.array([[1, 2, 3, 4], [size, 2 * size, 3 * size, 4 * size]], dtype)
        with np.errstate(over="ignore"):
            output, cache = layer.forward(x)
        close(output[1], np.array([-3, -1, 1, 3]) / np.sqrt(5), 1e-6)
        close(output[0], np.array([-3, -1, 1, 3]) / np.sqrt(5 + 4e-5), 1e-6)
        assert np.isfinite(layer.backward(np.ones_like(x), cache)).all()


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
    if ours is bp.BatchNorm:
        layer.batches[...] = 10  # so many have gone by, and PyTorch's average moves alike
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
    assert not layer.batches  # one sample has no spread to learn from
    assert not layer.running_mean.any()


def test_a_last_batch_of_one_leaves_the_running_statistics_alone():
    X = RNG(0).standard_normal((7, 2)) + [0, 9]
    network = network_of(bp.BatchNorm(2, momentum=0), bp.Dense(2, 1))
    network.fit(X, X[:, 0], 1, batch_size=3, shuffle=False)
    layer = network.layers[0]
    assert layer.batches == 2
    close(layer.running_mean, X[:6].mean(axis=0))


def test_running_statistics_move_only_with_a_step():
    X, y = RNG(0).standard_normal((2, 6, 3)) + 5
    network = network_of(bp.BatchNorm(3), bp.Dense(3, 3), bp.BatchNorm(3))
    before = network.snapshot()
    _, caches = network.forward_training(X)
    network.backward(y, caches)
    network.loss_and_gradient(X, y)
    for call in (network.forward, network.predict, lambda X: network.evaluate(X, y)):
        with pytest.warns(bp.TrainingWarning, match=r"of BatchNorm\(3\) are still those of the"):
            call(X)
    assert np.array_equal(network.snapshot(), before)
    network.train_step(X, y)
    assert (network.snapshot() != before).all()


# Laws of every layer


def assert_backward_is_what_forward_does(layer, x):
    """By central differences of a weighted sum of the outputs of the training pass."""
    output, cache = layer.forward_training(x, RNG(0))
    grad_output = RNG(1).uniform(0.5, 1.5, output.shape)

    def total():
        return np.sum(layer.forward_training(x, RNG(0))[0] * grad_output)

    grad_input = layer.backward(grad_output, cache)
    pairs = [(grad_input, x)]
    pairs += zip(layer.named_gradients().values(), layer.named_parameters().values(), strict=True)
    for gradient, array in pairs:
        np.testing.assert_allclose(gradient, oracles.slopes(total, array), rtol=1e-6, atol=1e-7)


@every_layer
@given(seeds)
@settings(max_examples=10)
def test_backward_is_what_forward_does(make, seed):
    x = RNG(seed).standard_normal((5, 4))
    x += np.copysign(0.01, x)  # no step over a corner
    assert_backward_is_what_forward_does(stirred(make(), seed), x)


@every_layer
@given(four_wide, seeds)
def test_backward_is_linear_in_grad_output(make, x, seed):
    layer = stirred(make(), seed)
    output, cache = layer.forward_training(x, RNG(seed))
    g, h = RNG(seed).standard_normal((2, *output.shape))

    def back(grad_output):
        grad_input = layer.backward(grad_output, cache)
        return np.append(grad_input, flat(layer.named_gradients()))

    expected = 2 * back(g) - 3 * back(h)
    size = 2 * np.abs(back(g)).max() + 3 * np.abs(back(h)).max()
    np.testing.assert_allclose(back(2 * g - 3 * h), expected, rtol=0, atol=1e-13 * size)


@every_layer
def test_nothing_of_a_batch_stays_on_the_layer(make):
    layer = stirred(make())
    x = RNG(0).standard_normal((5, 4))
    before = pickle.dumps(layer)
    layer.forward(x)
    layer.forward_training(x, RNG(0))
    assert pickle.dumps(layer) == before


@every_layer
def test_a_prediction_between_forward_and_backward_harms_nothing(make):
    layer = stirred(make())
    x, other = RNG(0).standard_normal((2, 5, 4))
    output, cache = layer.forward_training(x, RNG(0))
    grad_input = layer.backward(output, cache)
    gradients = flat(layer.named_gradients())
    forget_gradients(layer)
    layer.forward(other)
    layer.forward_training(other[:2], RNG(1))
    assert np.array_equal(layer.backward(output, cache), grad_input)
    assert np.array_equal(flat(layer.named_gradients()), gradients)


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
    expected = flat(layer.named_gradients())
    forget_gradients(layer)
    layer.backward_parameters(output, cache)
    assert np.array_equal(flat(layer.named_gradients()), expected)


@every_layer
def test_float32_stays_float32(make):
    x = RNG(0).standard_normal((5, 4)).astype(np.float32)
    layer = network_of(make(), dtype="float32").layers[0]
    for output, cache in (layer.forward_training(x, RNG(0)), layer.forward(x)):
        assert output.dtype == layer.backward(output, cache).dtype == np.float32
    arrays = layer.named_parameters() | layer.named_state()
    for array in (*arrays.values(), *layer.named_gradients().values()):
        assert array.dtype == np.float32


# The views


@with_parameters
@copied
def test_views_share_memory_with_the_network(make, duplicate):
    network = duplicate(network_of(bp.Dense(4, 4), make()))
    network.parameters[...] = np.arange(network.parameters.size)
    network.gradients[...] = -network.parameters
    for names, vector in (("named_parameters", 1), ("named_gradients", -1)):
        numbers = np.concatenate([flat(getattr(layer, names)()) for layer in network.layers])
        assert np.array_equal(numbers, vector * network.parameters)
    for layer in network.layers:
        for view in layer.named_parameters().values():
            view[...] += 0.5
    assert np.array_equal(network.parameters, 0.5 + np.arange(network.parameters.size))


@with_parameters
@copied
def test_a_copy_of_a_layer_is_equal_free_and_lives_apart(make, duplicate):
    layer = network_of(stirred(make())).layers[0]
    twin = duplicate(layer)
    mine, its = layer.named_parameters(), twin.named_parameters()
    assert np.array_equal(flat(its), flat(mine))
    assert list(its) == list(mine)
    for name in mine:
        its[name] += 1
        assert np.array_equal(its[name], mine[name] + 1)
    network_of(twin)  # belongs to no network yet


def test_a_pickle_holds_each_parameter_and_gradient_once():
    layer = network_of(bp.Dense(100, 100)).layers[0]
    assert len(pickle.dumps(layer)) < 1.1 * 2 * (layer.weight.nbytes + layer.bias.nbytes)


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


@pytest.mark.parametrize(
    "name", ["factor", "mixer", "grad_factor", "grad_free", "forward", "not a name"]
)
def test_a_parameter_needs_a_name_of_its_own(name):
    with pytest.raises(bp.ParameterError, match=name):
        Stretch(2).add_parameter(name, (1,))


# Layers on their way into a network


@with_parameters
def test_a_layer_with_parameters_belongs_to_one_place_in_one_network(make):
    twice = bp.Dense(4, 4)
    with pytest.raises(
        bp.ParameterError, match=r"layers\[2\] Dense\(4, 4\) stands twice in layers"
    ):
        network_of(twice, bp.Tanh(), twice)
    layer = make()
    network_of(layer)
    with pytest.raises(bp.ParameterError, match=r"layers\[1\].* belongs to a network already"):
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


def test_a_gradient_of_something_undeclared_is_refused():
    layer = type("Own", (bp.Layer,), {})()
    layer.weight = np.ones(3)
    with pytest.raises(AttributeError, match=r"weight .*add_parameter\('weight', shape\)"):
        layer.grad_weight = np.ones(3)


def test_a_parameter_may_be_a_single_number():
    class Gain(bp.Layer):
        def __init__(self):
            self.add_parameter("gain", (), bp.Constant(2.0))

        def forward(self, x):
            return self.gain * x, x

        def backward(self, grad_output, x):
            self.grad_gain[...] = np.sum(grad_output * x)
            return grad_output * self.gain

    network = network_of(Gain(), bp.Dense(2, 1), optimizer=bp.GradientDescent(0.1))
    network.train_step([[1.0, 2]], [[3.0]])
    (gain,) = network.parameters[:1]
    assert network.layers[0].gain == gain == 2 - 0.1 * network.gradients[0] != 2


def test_a_name_may_be_a_parameter_of_one_layer_and_free_in_another():
    class Other(bp.Layer):
        pass

    bp.Layer().add_parameter("shift", 3)
    with pytest.raises(AttributeError, match=r"^Other has no attribute 'shift'"):
        _ = Other().shift
    Other().shift = 7


def test_an_own_layer_is_short():
    assert len([line for line in inspect.getsource(Stretch).splitlines() if line]) <= 15


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


# Layers within layers


class Block(bp.Layer):
    """The shortest block: all that it does, its inner layer does."""

    def __init__(self, inner):
        self.inner = inner

    def forward(self, x):
        return self.inner.forward(x)

    def backward(self, grad_output, cache):
        return self.inner.backward(grad_output, cache)


class Aware(Block):
    """A block that tells its inner layer that it is in training."""

    def forward_training(self, x, rng):
        return self.inner.forward_training(x, rng)

    def after_step(self, cache):
        self.inner.after_step(cache)


class Holding(bp.Layer):
    """Holds something that is or holds layers, and lets everything pass."""

    def __init__(self, held):
        self.held = held

    def forward(self, x):
        return x, None

    def backward(self, grad_output, cache):
        return grad_output


def test_the_parameters_of_an_inner_layer_belong_to_the_network():
    network = network_of(Block(bp.Dense(3, 3)), bp.Dense(3, 1))
    assert network.parameters.size == 16
    assert network.stretches == [slice(0, 12), slice(12, 16)]
    assert network.first_trained == 0
    assert network.summary().splitlines()[1].split()[-1] == "12"
    before = network.parameters.copy()
    network.train_step(RNG(0).standard_normal((5, 3)), np.ones((5, 1)))
    assert (network.parameters != before).all()


@pytest.mark.parametrize(
    ("hold", "names"),
    [
        (lambda a, b: a, ["held.weight", "held.bias"]),
        (lambda a, b: [a, b], ["held[0].weight", "held[0].bias", "held[1].scale", "held[1].bias"]),
        (lambda a, b: (b, a), ["held[0].scale", "held[0].bias", "held[1].weight", "held[1].bias"]),
        (
            lambda a, b: {"up": a, 7: [b]},
            ["held['up'].weight", "held['up'].bias", "held[7][0].scale", "held[7][0].bias"],
        ),
        (
            lambda a, b: Block(bp.Residual([a, bp.Tanh(), b])),
            [
                *("held.inner.layers[0].weight", "held.inner.layers[0].bias"),
                *("held.inner.layers[2].scale", "held.inner.layers[2].bias"),
            ],
        ),
        (lambda a, b: [3, "text", None, np.ones(2)], []),
    ],
    ids=["attribute", "list", "tuple", "dict", "nested", "no layers"],
)
def test_layers_may_be_held_in_any_order_and_are_named_by_their_way(hold, names):
    block = Holding(hold(bp.Dense(2, 2), bp.LayerNorm(2)))
    network = network_of(block, bp.Dense(2, 1))
    assert list(block.named_parameters()) == names
    for which, vector in (
        (block.named_parameters(), network.parameters),
        (block.named_gradients(), network.gradients),
    ):
        assert list(which) == names
        vector[...] = np.arange(vector.size)
        assert flat(which).tolist() == vector[network.stretches[0]].tolist()


def test_names_of_parts_and_of_state():
    block = bp.Residual([bp.Dense(2, 3), bp.BatchNorm(3), bp.Dense(3, 2)])
    network = network_of(bp.Tanh(), block)
    assert list(block.parts()) == ["", "layers[0]", "layers[1]", "layers[2]"]
    assert block.parts()["layers[1]"] is block.layers[1]
    names = "running_mean", "running_variance", "batches"
    assert list(block.named_state()) == [f"layers[1].{name}" for name in names]
    assert list(bp.BatchNorm(3).named_state()) == [*names]
    views = network.record.views
    assert np.shares_memory(views["layers[1].layers[1].running_mean"], block.layers[1].running_mean)


def cyclic():
    block = Holding(None)
    block.held = [Holding(block)]
    return block


def shared():
    inner = bp.Dense(2, 2)
    return Holding([inner, [inner]])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (cyclic, r"^held\[0\]\.held Holding is used twice: make a new layer\.$"),
        (shared, r"^held\[1\]\[0\] Dense is used twice: make a new layer\.$"),
        (
            lambda: Holding({bp.Dense(2, 2)}),
            "^held is a set of layers, whose order is lost: make it a list",
        ),
        (
            lambda: Holding(np.array([bp.Dense(2, 2)], object)),
            "^held is a ndarray of layers, whose order is lost: make it a list",
        ),
        (lambda: Holding([frozenset([bp.Tanh()])]), r"^held\[0\] is a frozenset of layers"),
    ],
)
def test_what_cannot_be_put_in_order_is_refused(make, message):
    with pytest.raises(bp.ParameterError, match=message):
        network_of(make())


def test_a_set_of_other_things_is_no_trouble():
    assert network_of(Holding({1, 2}), bp.Dense(2, 1)).parameters.size == 3


def test_an_inner_layer_belongs_to_one_place_too():
    inner = bp.Dense(2, 2)
    with pytest.raises(bp.ParameterError, match=r"^layers\[1\]\.inner Dense\(2, 2\) stands twice"):
        network_of(Block(inner), Block(inner))
    with pytest.raises(bp.ParameterError, match=r"^layers\[1\] Dense\(2, 2\) stands twice"):
        network_of(Block(inner), inner)
    network_of(Block(inner))
    for take in (lambda: network_of(Block(inner)), lambda: bp.Residual([inner])):
        with pytest.raises(bp.ParameterError, match="belongs to a network already"):
            take()


class Deaf(Block):
    """Tells nothing of training, and `Half` nothing of the step."""


class Half(Block):
    def forward_training(self, x, rng):
        return self.inner.forward_training(x, rng)


DROPOUT = (
    r"holds inner Dropout\(0\.5\), which behaves differently in training, and never tells it: "
)
DROPOUT += (
    r"define forward_training\(self, x, rng\) in Deaf, and call that of the layers within it\."
)
LEARNS = r"holds inner BatchNorm\(2\), which learns after each step, and never tells it: "
LEARNS += r"define after_step\(self, cache\) in Half, and call that of the layers within it\."


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: [Deaf(bp.Dropout(0.5))], rf"^layers\[0\] Deaf\(.*\) {DROPOUT}$"),
        (lambda: [bp.Tanh(), Half(bp.BatchNorm(2))], rf"^layers\[1\] Half\(.*\) {LEARNS}$"),
        (lambda: [Aware(Deaf(bp.Dropout(0.5)))], rf"^layers\[0\]\.inner Deaf\(.*\) {DROPOUT}$"),
        (
            lambda: [Deaf(Aware(bp.Dense(2, 2)))],
            "^.*holds inner Aware.*, which behaves differently",
        ),
        (lambda: [Deaf(bp.Residual([bp.Dropout(0.5)]))], "holds inner.layers.0. Dropout"),
    ],
)
def test_a_block_that_would_not_tell_its_layers_of_training_is_refused(make, message):
    with pytest.raises(bp.ParameterError, match=message):
        network_of(*make())
    with pytest.raises(bp.ParameterError, match=message):
        bp.Residual(make())


def test_a_block_that_tells_them_works_like_the_layers_alone():
    X, y = RNG(0).standard_normal((2, 9, 3))

    def layers():
        return bp.Dense(3, 3), bp.BatchNorm(3), bp.Dropout(0.5), bp.Dense(3, 3)

    plain = network_of(*layers())
    blocks = network_of(*(Aware(layer) for layer in layers()))
    for network in (plain, blocks):
        network.fit(X, y, epochs=3, batch_size=4)
    assert blocks.record.bytes.tobytes() == plain.record.bytes.tobytes()
    assert blocks.history == plain.history
    assert np.array_equal(blocks.predict(X), plain.predict(X))


@pytest.mark.parametrize("late", [bp.Dense(2, 2), [bp.Tanh()], {"a": (bp.Dense(2, 2),)}])
def test_a_layer_that_is_set_once_the_network_is_built_is_refused(late):
    block = Holding(None)
    network_of(block, bp.Dense(2, 1))
    with pytest.raises(AttributeError, match=r"^held would never be trained: the network has"):
        block.held = late
    block.held = "anything else"
    free = copy.deepcopy(block)
    free.held = late
    network_of(free)


# Residual


def test_residual_worked_by_hand():
    block = bp.Residual([bp.Dense(1, 2, bp.Constant(3)), bp.Dense(2, 1, bp.Constant(0.5))])
    output, cache = block.forward(np.array([[2.0]]))
    assert output.tolist() == [[2 + 2 * (2 * 3 * 0.5)]]
    assert block.backward(np.array([[10.0]]), cache).tolist() == [[10 + 10 * 2 * 0.5 * 3]]
    first, second = block.layers
    assert first.grad_weight.tolist() == [[2 * 10 * 0.5] * 2]
    assert second.grad_weight.tolist() == [[10 * 6.0]] * 2
    assert (block.in_features, block.out_features) == (1, 1)


def inside():
    return [bp.Dense(4, 6), bp.BatchNorm(6), bp.ReLU(), bp.Dropout(0.4), bp.Dense(6, 4)]


@given(four_wide, seeds)
def test_residual_adds_the_input_to_what_its_layers_make_of_it(x, seed):
    layers = inside()
    block = stirred(bp.Residual(layers), seed)
    rng, same = RNG(seed), RNG(seed)
    plain = trained = x
    for layer in layers:
        plain, _ = layer.forward(plain)
        trained, _ = layer.forward_training(trained, same)
    assert np.array_equal(block.forward(x)[0], x + plain)
    assert np.array_equal(block.forward_training(x, rng)[0], x + trained)
    assert rng.random() == same.random()


@given(seeds)
@settings(max_examples=20)
def test_residual_goes_back_as_it_went_forward_with_normalisation_and_dropout_in_it(seed):
    x = RNG(seed).standard_normal((5, 4))
    block = stirred(bp.Residual(inside()), seed)
    block.layers[2] = bp.Softplus()  # no corner to step over
    assert_backward_is_what_forward_does(block, x)


def test_residual_in_fit_learns_and_its_statistics_move_after_steps_only():
    X = RNG(0).standard_normal((20, 4)) + 3
    network = network_of(bp.Residual(inside()), bp.Dense(4, 1), optimizer=bp.Adam(0.01))
    norm = network.layers[0].layers[1]
    network.loss_and_gradient(X, X[:, 0])
    assert not norm.running_mean.any()
    with pytest.warns(bp.TrainingWarning):
        assert not np.array_equal(network.forward(X), network.forward_training(X)[0])
    network.train_step(X, X[:, 0])
    assert norm.running_mean.all()
    assert np.shares_memory(norm.running_mean, network.record.bytes)
    network.fit(X, X[:, 0], epochs=60, batch_size=5)
    assert network.evaluate(X, X[:, 0]) < 0.1 * network.history["loss"][0]


def test_deep_residual_networks_pass_the_gradient_on():
    X = RNG(0).standard_normal((20, 4))

    def first_gradient(wrap):
        layers = [wrap([bp.Dense(4, 4), bp.Sigmoid()]) for _ in range(20)]
        layers = [each for group in layers for each in group]
        network = network_of(*layers, bp.Dense(4, 1), seed=1)
        return np.abs(network.loss_and_gradient(X, X[:, 0])[1][network.stretches[0]]).max()

    assert first_gradient(lambda pair: pair) < 1e-9
    assert first_gradient(lambda pair: [bp.Residual(pair)]) > 1e-2


@pytest.mark.parametrize(
    ("layers", "error", "message"),
    [
        ([], bp.ParameterError, "layers must be a list of at least one Layer; got []."),
        (
            [bp.Dense(3, 4), bp.Tanh()],
            bp.ShapeError,
            "the layers of Residual take 3 features and give 4, which cannot be added. Make the "
            "two agree.",
        ),
        (
            [bp.Dense(3, 4), bp.Dense(5, 3)],
            bp.ShapeError,
            "layers[1] Dense(5, 3) takes 5 features, but layers[0] Dense(3, 4) gives 4. Make the "
            "two agree.",
        ),
        ([bp.Tanh], bp.ParameterError, "layers[0] must be an instance; got the class. Write Tanh("),
    ],
)
def test_a_residual_of_what_does_not_fit_is_refused(layers, error, message):
    with pytest.raises(error) as caught:
        bp.Residual(layers)
    assert str(caught.value).startswith(message)


def test_the_width_of_a_residual():
    open_ended = bp.Residual([bp.Tanh(), bp.Dropout(0.1)])
    assert (open_ended.in_features, open_ended.out_features) == (None, None)
    half_open = bp.Residual([Holding(None), bp.Dense(2, 3), Holding(None)])
    assert (half_open.in_features, half_open.out_features) == (None, None)
    assert bp.Residual([bp.Dense(3, 2), Holding(None)]).out_features is None
    assert bp.Residual([Holding(None), bp.Dense(2, 3)]).out_features == 3
    assert [open_ended.output_width(width) for width in (None, 3)] == [None, 3]
    network = network_of(bp.Dense(2, 3), open_ended, bp.Residual([bp.Dense(3, 3)]))
    assert (network.in_features, network.out_features) == (2, 3)
    with pytest.raises(bp.ShapeError, match=r"^layers\[1\] Residual\(.*\) takes 3 features, but"):
        network_of(bp.Dense(2, 4), bp.Residual([bp.Dense(3, 3)]))
    assert repr(open_ended) == "Residual([Tanh(), Dropout(0.1)])"


class Halved(bp.Residual):
    """It says what it does, but not what it does in training."""

    def forward(self, x):
        output, cache = super().forward(x)
        return 0.5 * output, cache


class OnItsClass(bp.Layer):
    inner = bp.Dense(2, 2)


class Sums(bp.Layer):
    """It keeps something, and has no parameters."""

    state_names = ("total",)

    def __init__(self):
        self.total = np.zeros(2)


class Plain(bp.Layer):
    def __init__(self, inner):
        self.inner = inner


class Louder(bp.Residual):
    def after_step(self, cache):
        super().after_step(cache)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: [Halved([bp.Dense(2, 2)])], "define forward_training.self, x, rng. too"),
        (lambda: [OnItsClass()], "has inner Dense.* on its class"),
        (lambda: [Sums()] * 2, "stands twice"),
        (lambda: [Plain(Louder([bp.Dense(2, 2)]))], "learns after each step, and never tells it"),
        (lambda: [bp.Dense(2, 2, bp.Sigmoid())], "initializer of weight must be a function"),
    ],
)
def test_what_would_go_wrong_in_silence_is_refused(make, message):
    with pytest.raises(bp.ParameterError, match=message):
        network_of(*make())


@pytest.mark.parametrize("shape", [2.5, -1, (0,), (2, None), "ab"])
def test_a_shape_is_of_whole_numbers(shape):
    with pytest.raises(bp.ParameterError, match="the shape of scale must be a whole number"):
        Plain(None).add_parameter("scale", shape)


def test_a_parameter_may_be_declared_by_a_numpy_integer_but_not_once_it_is_too_late():
    layer = Plain(None)
    layer.add_parameter("scale", np.int64(3))
    assert layer.scale.shape == (3,)
    network_of(layer)
    with pytest.raises(bp.ParameterError, match="shift comes too late"):
        layer.add_parameter("shift", 3)


def test_layers_put_into_a_layer_later_are_refused_before_they_are_left_untrained(tmp_path):
    network = network_of(bp.Residual([bp.Dense(2, 2)]))
    network.layers[0].layers.append(bp.Dense(2, 2))
    for use in (
        lambda: network.fit(np.ones((2, 2)), np.ones((2, 2)), 1),
        lambda: network.save(tmp_path / "a.npz"),
        lambda: bp.trace(network, np.ones((2, 2)), np.ones((2, 2))),
        lambda: bp.check_gradients(network, np.ones((2, 2)), np.ones((2, 2))),
    ):
        with pytest.raises(bp.ParameterError, match="Build a new Network"):
            use()
    with pytest.raises(AttributeError):
        network.layers = ()
