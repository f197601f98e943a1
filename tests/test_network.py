"""The network: lesson 5's figures, gradients against an oracle, and the laws of a training step."""

import copy
import itertools
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from strategies import (
    activation_classes,
    batch_for,
    loss_classes,
    networks,
    optimizer_classes,
    seeds,
    targets_for,
)

import backproplite as bp
from backproplite import datasets

RNG = np.random.default_rng
X2, Y1 = RNG(5).standard_normal((6, 2)), RNG(6).standard_normal((6, 1))

copied = pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))]
)


def small(*layers, loss=None, **settings):
    layers = layers or (bp.Dense(2, 4), bp.Sigmoid(), bp.Dense(4, 1))
    return bp.Network(layers, loss=loss or bp.MeanSquaredError(), **{"seed": 0, **settings})


def everything():
    """A network in which every kind of state is in use."""
    network = small(
        *(bp.Dense(2, 5), bp.BatchNorm(5), bp.ReLU(), bp.Dropout(0.3)),
        *(bp.Dense(5, 4), bp.LayerNorm(4), bp.Tanh(), bp.Dense(4, 1)),
        optimizer=bp.Adam(bp.CosineSchedule(0.05, steps=50), weight_decay=0.01, clip_norm=1),
    )
    return network.fit(X2, Y1, epochs=3, batch_size=4)


def exactly(given, expected):
    """Equal to 1e-15 of each number."""
    np.testing.assert_allclose(given, expected, rtol=1e-15, atol=0)


@pytest.fixture(params=optimizer_classes)
def optimizer_class(request):
    return request.param


# Lesson 5


@pytest.fixture
def lesson_5():
    network = small(
        *(bp.Dense(2, 2), bp.Sigmoid(), bp.Dense(2, 1), bp.Sigmoid()),
        loss=bp.HalfSquaredError(),
        optimizer=bp.GradientDescent(learning_rate=0.5),
    )
    hidden, _, output, _ = network.layers
    hidden.weight[...], hidden.bias[...] = [[0.1, 0.3], [0.2, 0.4]], [0.1, 0.2]
    output.weight[...], output.bias[...] = [[0.5], [0.6]], 0.1
    return network


LESSON_X, LESSON_Y = np.array([[0.5, 0.8]]), np.array([[1.0]])
LESSON_GRADIENT = [
    *(-0.004110506835180244, -0.004524968559249537, -0.006576810936288391, -0.00723994969479926),
    *(-0.008221013670360489, -0.009049937118499074),
    *(-0.03885950034430786, -0.04455943664146406),
    -0.06736088259223719,
]


def test_lesson_5_forward(lesson_5):
    expected = [
        [[0.31, 0.67]],
        [[0.5768852611320463, 0.6615031592029524]],
        [[0.7853445260877946]],
        [[0.6868308369899564]],
    ]
    x = LESSON_X
    for layer, figures in zip(lesson_5.layers, expected, strict=True):
        x, _ = layer.forward(x)
        exactly(x, figures)
    for output in (
        lesson_5.forward(LESSON_X),
        lesson_5.predict(LESSON_X),
        lesson_5.forward_training(LESSON_X)[0],
    ):
        assert np.array_equal(output, x)
    exactly(lesson_5.evaluate(LESSON_X, LESSON_Y), 0.04903746233020563)


def test_lesson_5_backward(lesson_5):
    outputs, caches = lesson_5.forward_training(LESSON_X)
    expected = [
        [[-0.008221013670360489, -0.009049937118499074]],
        [[-0.03368044129611859, -0.04041652955534231]],
        [[-0.06736088259223719]],
    ]
    grad = lesson_5.loss.gradient(outputs, LESSON_Y)
    exactly(grad, [[-0.3131691630100436]])
    for layer in (3, 2, 1):
        grad = lesson_5.layers[layer].backward(grad, caches[layer])
        exactly(grad, expected[layer - 1])
    lesson_5.layers[0].backward(grad, caches[0])
    exactly(lesson_5.gradients, LESSON_GRADIENT)
    loss, gradient = lesson_5.loss_and_gradient(LESSON_X, LESSON_Y)
    exactly(loss, 0.04903746233020563)
    exactly(gradient, LESSON_GRADIENT)
    exactly(lesson_5.layers[0].grad_weight, np.reshape(LESSON_GRADIENT[:4], (2, 2)))
    exactly(lesson_5.layers[2].grad_weight, np.reshape(LESSON_GRADIENT[6:8], (2, 1)))


@pytest.mark.parametrize("step", ["train_step", "fit"])
def test_lesson_5_update(lesson_5, step):
    before = lesson_5.parameters.copy()
    if step == "fit":
        lesson_5.fit(LESSON_X, LESSON_Y, epochs=1)
        loss = lesson_5.history["loss"][0]
    else:
        loss = lesson_5.train_step(LESSON_X, LESSON_Y)
    exactly(loss, 0.04903746233020563)
    exactly(lesson_5.parameters, before - 0.5 * np.array(LESSON_GRADIENT))
    exactly(lesson_5.predict(LESSON_X), [[0.6999681515934268]])
    # The loss is ½(1 - p)²: an error of one bit of p shows up 2p/(1 - p) times as large.
    assert lesson_5.evaluate(LESSON_X, LESSON_Y) == pytest.approx(0.04500955502913245, rel=2e-15)


# The two jobs


@pytest.mark.parametrize("seed", range(4))
def test_xor_is_learned_in_5000_epochs(seed):
    X, y = datasets.xor()
    network = small(
        *(bp.Dense(2, 4), bp.Sigmoid(), bp.Dense(4, 1), bp.Sigmoid()),
        optimizer=bp.GradientDescent(learning_rate=0.5),
        seed=seed,
    ).fit(X, y, epochs=5000)
    assert np.array_equal(network.predict(X).round(), y)
    assert network.evaluate(X, y) < 0.02


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_handwritten_digits_are_told_apart(dtype):
    X, y = datasets.digits()
    order = RNG(0).permutation(len(X))
    train, held_out = order[360:], order[:360]
    network = small(
        *(bp.Dense(64, 128, bp.He()), bp.ReLU(), bp.Dropout(0.2), bp.Dense(128, 10)),
        loss=bp.SoftmaxCrossEntropy(),
        optimizer=bp.Momentum(0.05),
        dtype=dtype,
    ).fit(X[train], y[train], epochs=25, batch_size=32)
    assert np.mean(network.predict(X[held_out]).argmax(axis=1) == y[held_out]) >= 0.97


# Gradients

ORACLE_SETTINGS = {bp.GELU: {"approximate": "tanh"}, bp.Softmax: {"dim": -1}}


def wavy(*layers, loss):
    """A network whose parameters are sines, with a batch of cosines."""
    network = small(*layers, loss=loss)
    network.parameters[...] = np.sin(np.arange(network.parameters.size))
    return network, np.cos(np.arange(10.0)).reshape(5, 2)


LABELS = np.array([0, 2, 1, 2, 0])


STORED_LOSS = 1.452306371519502
STORED_GRADIENT = [
    *(-0.14382391866348107, 0.0524044580757955, -0.04234626471026821),
    *(2.4408519386898142e-05, 0.05827640850652549, -0.040164506697411756),
    *(0, 0, 0),
    *(0.009096902047785344, 0.29357841728505785, -0.30116498305336925),
    *(-0.28792174981074525, 0.39271819456516543, -0.3588562138341491),
    *(0.16226230784562057, -0.028733900097189968, -0.13352840774843064),
    *(0.013020333546258134, -0.10190530272922661, 0.08888496918296847),
    *(-0.051929871490567756, -0.054176538535280316, 0.10610641002584807),
    *(-0.29403653038823985, 0.047810961103210425, 0.24622556928502942),
]


def test_gradients_are_the_stored_ones_of_torch():
    network, X = wavy(
        *(bp.Dense(2, 3), bp.BatchNorm(3), bp.Tanh(), bp.Dense(3, 3)),
        loss=bp.SoftmaxCrossEntropy(),
    )
    loss, gradient = network.loss_and_gradient(X, LABELS)
    assert loss == pytest.approx(STORED_LOSS, rel=1e-12)
    largest = np.abs(STORED_GRADIENT).max()
    np.testing.assert_allclose(gradient, STORED_GRADIENT, rtol=0, atol=1e-12 * largest)


@pytest.mark.parametrize(
    "loss", [bp.MeanSquaredError, bp.SigmoidCrossEntropy, bp.SoftmaxCrossEntropy]
)
@pytest.mark.parametrize("activation", activation_classes)
def test_gradients_agree_with_torch(activation, loss):
    torch = pytest.importorskip("torch")
    nn = torch.nn
    network, X = wavy(
        *(bp.Dense(2, 4), bp.BatchNorm(4), activation(), bp.Dense(4, 3), bp.LayerNorm(3)),
        *(activation(), bp.Dense(3, 3)),
        loss=loss(),
    )
    bend = getattr(nn, activation.__name__)(**ORACLE_SETTINGS.get(activation, {}))
    oracle = nn.Sequential(
        *(nn.Linear(2, 4), nn.BatchNorm1d(4), bend, nn.Linear(4, 3), nn.LayerNorm(3)),
        *(bend, nn.Linear(3, 3)),
    ).double()
    with torch.no_grad():
        for ours, theirs in zip(network.layers, oracle, strict=True):
            numbers = ours.named_parameters().values()
            for array, tensor in zip(numbers, theirs.parameters(), strict=True):
                tensor[...] = torch.tensor(array.T)
    measure, y = {
        bp.MeanSquaredError: (nn.MSELoss(), np.sin(np.arange(15.0)).reshape(5, 3)),
        bp.SigmoidCrossEntropy: (nn.BCEWithLogitsLoss(), np.eye(3)[LABELS]),
        bp.SoftmaxCrossEntropy: (nn.CrossEntropyLoss(), LABELS),
    }[loss]
    leaf = torch.tensor(X, requires_grad=True)
    expected = measure(oracle(leaf), torch.tensor(y))
    expected.backward()
    value, _ = network.loss_and_gradient(X, y)
    assert value == pytest.approx(expected.item(), rel=1e-12)
    outputs, caches = network.forward_training(X)
    pairs = [(network.backward(network.loss.gradient(outputs, y), caches), leaf.grad.numpy())]
    for ours, theirs in zip(network.layers, oracle, strict=True):
        grads = ours.named_gradients().values()
        pairs += zip(grads, (p.grad.numpy().T for p in theirs.parameters()), strict=True)
    overall = max(np.abs(theirs).max() for _, theirs in pairs)
    for ours, theirs in pairs:
        # The bias before a BatchNorm has a gradient of 0, so of rounding errors.
        largest = max(np.abs(theirs).max(), 1e-3 * overall)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12 * largest)


@given(networks(dropout=False, batch_norm=False))
def test_the_gradient_of_a_batch_is_the_mean_of_those_of_its_samples(case):
    # A LayerNorm of near-equal features enlarges rounding errors 300 times, two of them 1e5 times.
    network, X, y = case
    pairs = [network.loss_and_gradient(X[i : i + 1], y[i : i + 1]) for i in range(len(X))]
    losses, gradients = zip(*pairs, strict=True)
    loss, gradient = network.loss_and_gradient(X, y)
    assert loss == pytest.approx(np.mean(losses), rel=1e-11)
    size = np.abs(gradients).max(initial=0)
    np.testing.assert_allclose(gradient, np.mean(gradients, axis=0), rtol=0, atol=1e-10 * size)


@given(networks(dropout=False, batch_norm=False), seeds)
def test_the_gradient_with_weights_is_the_weighted_mean(case, seed):
    network, X, y = case
    weights = RNG(seed).integers(1, 5, len(X))
    repeated = network.loss_and_gradient(X.repeat(weights, 0), np.repeat(y, weights, 0))
    loss, gradient = network.loss_and_gradient(X, y, weights)
    assert loss == pytest.approx(repeated[0], rel=1e-11)
    each = [network.loss_and_gradient(X[i : i + 1], y[i : i + 1])[1] for i in range(len(X))]
    size = np.abs(each).max(initial=0)
    np.testing.assert_allclose(gradient, repeated[1], rtol=0, atol=1e-10 * size)


@given(networks())
def test_backward_parameters_gives_the_gradients_of_backward(case):
    network, X, y = case
    outputs, caches = network.forward_training(X)
    grad_output = network.loss.gradient(outputs, y)
    network.gradients[...] = np.nan
    assert network.backward(grad_output, caches).shape == X.shape
    expected = network.gradients.copy()
    network.gradients[...] = np.nan
    network.backward_parameters(grad_output, caches)
    assert np.array_equal(network.gradients, expected)
    assert np.isfinite(expected).all()


def test_training_does_not_go_back_into_the_inputs():
    class First(bp.Dense):
        def backward(self, grad_output, cache):
            raise AssertionError("nobody needs the gradient by X")

    network = small(bp.Tanh(), First(2, 3), bp.Tanh(), bp.Dense(3, 1))
    assert network.fit(X2, Y1, epochs=9).evaluate(X2, Y1) < network.history["loss"][0]


@given(seeds)
def test_renaming_the_hidden_units_changes_nothing(seed):
    network, order = small(bp.Dense(2, 6), bp.Tanh(), bp.Dense(6, 1), seed=seed), RNG(seed)
    hidden, _, output = network.layers
    loss, _ = network.loss_and_gradient(X2, Y1)
    order = order.permutation(6)
    before = network.predict(X2), hidden.grad_weight[:, order], output.grad_weight[order]
    hidden.weight[...], hidden.bias[...] = hidden.weight[:, order], hidden.bias[order]
    output.weight[...] = output.weight[order]
    assert network.loss_and_gradient(X2, Y1)[0] == pytest.approx(loss, rel=1e-14)
    after = network.predict(X2), hidden.grad_weight, output.grad_weight
    for one, other in zip(before, after, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-14 * np.abs(one).max())


# What does not change


@pytest.mark.parametrize(
    "use",
    [
        lambda network: network.predict(X2),
        lambda network: network.forward(X2),
        lambda network: network.evaluate(X2, Y1),
        lambda network: network.evaluate(X2, Y1, np.arange(6)),
        lambda network: list(network.way_forward(X2)),
        lambda network: network.score(network.prepare(X2, Y1)),
        lambda network: network.cast("float32").fit(X2, Y1, 1),
        lambda network: (repr(network), network.summary(), copy.copy(network)),
    ],
    ids=[
        "predict",
        "forward",
        "evaluate",
        "evaluate weighted",
        "way_forward",
        "score",
        "cast",
        "copy",
    ],
)
def test_using_a_network_does_not_change_it(use):
    network = everything()
    before = pickle.dumps(network)
    use(network)
    assert pickle.dumps(network) == before


def test_loss_and_gradient_changes_the_gradients_only():
    network = everything()
    before, gradients = pickle.dumps(network), network.gradients.copy()
    loss, gradient = network.loss_and_gradient(X2, Y1)
    assert np.array_equal(gradient, network.gradients)
    assert not np.shares_memory(gradient, network.gradients)
    network.gradients[...] = gradients
    assert pickle.dumps(network) == before
    assert network.train_step(X2, Y1) == loss


def test_a_prediction_between_forward_and_backward_harms_nothing():
    network = everything()
    outputs, caches = network.forward_training(X2)
    network.backward(outputs, caches)
    expected = network.gradients.copy()
    network.predict(X2[:2] * 7), network.evaluate(X2[:1], Y1[:1])
    network.backward(outputs, caches)
    assert np.array_equal(network.gradients, expected)


def test_threads_may_predict_at_once():
    network, X = everything(), RNG(0).standard_normal((50, 40, 2))
    with ThreadPoolExecutor(4) as pool:
        at_once = list(pool.map(network.predict, X))
    assert np.array_equal(at_once, [network.predict(each) for each in X])


# float32


@given(networks())
def test_float64_is_the_default(case):
    network, X, _ = case
    assert network.dtype == network.predict(X).dtype == network.gradients.dtype == np.float64


@pytest.mark.parametrize("loss", loss_classes)
@pytest.mark.parametrize("weighted", [False, True])
def test_float32_all_the_way(loss, weighted):
    class Witness(Double):
        def backward(self, grad_output, cache):
            arrays.append(grad_output)
            return super().backward(grad_output, cache)

    loss, rng, arrays = loss(), RNG(0), []
    network = small(
        *(bp.Dense(3, 4), bp.BatchNorm(4), bp.GELU(), bp.LayerNorm(4), bp.Dropout(0.2)),
        Witness(),
        *(bp.Dense(4, 3), *([bp.Softmax()] if loss.wants_probabilities else [])),
        loss=loss,
        dtype="float32",
        optimizer=bp.AdamW(clip_norm=1.0, clip_value=1.0),
    )
    X = rng.standard_normal((6, 3))
    y = targets_for(loss, 6, 3, rng)
    weights = np.arange(6) if weighted else None
    network.fit(X, y, 2, batch_size=4, sample_weight=weights)
    outputs, caches = network.forward_training(X.astype(np.float32))
    targets = loss.prepare_targets("y", y, 3, np.float32)
    shares = np.full(6, 1 / 6, np.float32) if weighted else None
    grad_output = loss.value_and_gradient(outputs, targets, shares)[1]
    arrays += [
        *(network.parameters, network.loss_and_gradient(X, y, weights)[1], network.gradients),
        *(network.forward(X), network.predict(X), outputs, grad_output),
        *(network.backward(grad_output, caches), network.snapshot(), network.decaying),
        *(network.optimizer.mean, network.optimizer.square, network.optimizer.scratch),
    ]
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}
    assert {type(v) for values in network.history.values() for v in values} == {float}
    assert type(network.evaluate(X, y)) is type(network.train_step(X, y)) is float


def test_a_layer_that_gives_float64_trains_in_a_float32_network():
    class Rough(Double):
        def forward(self, x):
            return x * np.array(2.0), ()

        def backward(self, grad_output, cache):
            return grad_output * np.array(2.0)

    ended = []
    for between in (Rough(), Double()):
        network = small(bp.Dense(2, 3), between, bp.Dense(3, 1), dtype="float32")
        network.fit(X2, Y1, 3)
        ended.append([network.train_step(X2, Y1), *network.parameters])
        assert network.dtype == np.float32
    np.testing.assert_allclose(*ended, 1e-5)


def test_float32_is_near_float64():
    single, double = (small(dtype=dtype) for dtype in ("float32", "float64"))
    assert np.array_equal(single.parameters, double.parameters.astype(np.float32))
    _, expected = double.loss_and_gradient(X2, Y1)
    np.testing.assert_allclose(single.loss_and_gradient(X2, Y1)[1], expected, atol=1e-6)


# Predictions


@pytest.mark.parametrize(
    ("loss", "activation"),
    [(bp.SigmoidCrossEntropy, bp.Sigmoid), (bp.SoftmaxCrossEntropy, bp.Softmax)],
)
def test_fused_losses_predict_probabilities_and_forward_logits(loss, activation):
    network = small(bp.Dense(2, 3), loss=loss())
    logits = X2 @ network.layers[0].weight + network.layers[0].bias
    assert np.array_equal(network.forward(X2), logits)
    np.testing.assert_allclose(network.predict(X2), activation()(logits), rtol=1e-15)


@pytest.mark.parametrize(
    ("fused", "plain", "activation"),
    [
        (bp.SigmoidCrossEntropy, bp.BinaryCrossEntropy, bp.Sigmoid),
        (bp.SoftmaxCrossEntropy, bp.CategoricalCrossEntropy, bp.Softmax),
    ],
)
def test_fused_losses_train_like_the_plain_ones(fused, plain, activation):
    rng = RNG(0)
    y = targets_for(fused(), 6, 3, rng)
    one = small(bp.Dense(2, 3), loss=fused()).fit(X2, y, epochs=20)
    two = small(bp.Dense(2, 3), activation(), loss=plain()).fit(X2, y, epochs=20)
    np.testing.assert_allclose(one.parameters, two.parameters, rtol=1e-11)
    np.testing.assert_allclose(one.predict(X2), two.predict(X2), rtol=1e-11)
    assert one.evaluate(X2, y) == pytest.approx(two.evaluate(X2, y), rel=1e-11)


@pytest.mark.parametrize("loss", loss_classes)
def test_evaluate_is_the_loss_of_the_outputs(loss):
    loss, rng = loss(), RNG(1)
    last = [bp.Softmax()] if loss.wants_probabilities else []
    network = small(bp.Dense(2, 3), bp.Dropout(0.5), *last, loss=loss)
    _, y = batch_for(loss, 6, 3, rng)
    for weights in (None, [0, 1, 2, 3, 4, 5]):
        # The network leaves a sample of weight 0 out, so the sum may round another way.
        expected = pytest.approx(loss(network.forward(X2), y, weights), rel=1e-14)
        assert network.evaluate(X2, y, weights) == expected


# Named columns


COLUMNS = ["age", "height", "weight"]


def fitted_on_a_table():
    table = pd.DataFrame(RNG(0).normal(size=(6, 3)), columns=COLUMNS)
    network = bp.Network([bp.Dense(3, 1)], bp.MeanSquaredError(), seed=0)
    return network.fit(table, table["age"], epochs=1), table


USES_OF_X = {
    "predict": lambda network, X: network.predict(X),
    "forward": lambda network, X: network.forward(X),
    "forward_training": lambda network, X: network.forward_training(X)[0],
    "evaluate": lambda network, X: network.evaluate(X, np.arange(6)),
    "loss_and_gradient": lambda network, X: network.loss_and_gradient(X, np.arange(6))[1],
    "train_step": lambda network, X: network.train_step(X, np.arange(6)),
    "prepare": lambda network, X: network.prepare(X, np.arange(6)).x,
    "fit": lambda network, X: network.fit(X, np.arange(6), 2, 3).parameters,
    "validation": lambda network, X: network.fit(
        np.ones((1, 3)), [1], 1, validation_data=(X, np.arange(6))
    ).history["val_loss"][-1],
}


@pytest.mark.parametrize("use", USES_OF_X.values(), ids=USES_OF_X)
@pytest.mark.parametrize("columns", [*itertools.permutations(COLUMNS)])
def test_columns_in_another_order_are_put_right(use, columns):
    network, table = fitted_on_a_table()
    assert network.feature_names == tuple(COLUMNS)
    wanted = use(copy.deepcopy(network), table.to_numpy())
    assert np.array_equal(use(network, table[list(columns)]), wanted)
    assert network.feature_names == tuple(COLUMNS)


@pytest.mark.parametrize("use", USES_OF_X.values(), ids=USES_OF_X)
def test_columns_of_other_names_are_refused_and_change_nothing(use):
    network, table = fitted_on_a_table()
    before = pickle.dumps(network)
    with pytest.raises(bp.InputError, match=r"missing: \['age'\], new: \['years'\]"):
        use(network, table.rename(columns={"age": "years"}))
    assert pickle.dumps(network) == before
    network.feature_names = None
    use(network, table.rename(columns={"age": "years"}))


def test_the_columns_of_the_first_fit_hold_for_its_validation_data_too():
    network = bp.Network([bp.Dense(3, 1)], bp.MeanSquaredError(), seed=0)
    table = pd.DataFrame(np.eye(3), columns=COLUMNS)
    with pytest.raises(bp.InputError, match="validation X must have the columns"):
        network.fit(table, [1, 2, 3], 1, validation_data=(table.add_prefix("a "), [1, 2, 3]))
    assert network.feature_names is None
    assert network.epoch_count == 0
    network.fit(table, [1, 2, 3], 1, validation_data=(table[COLUMNS[::-1]], [1, 2, 3]))
    assert network.history["val_loss"] == [network.evaluate(np.eye(3), [1, 2, 3])]


def test_columns_are_remembered_by_copies_and_only_where_they_have_names():
    network, table = fitted_on_a_table()
    assert copy.deepcopy(network).feature_names == network.cast("float32").feature_names
    assert pickle.loads(pickle.dumps(network)).feature_names == tuple(COLUMNS)
    network.fit(table.to_numpy(), table["age"], 1)
    assert network.feature_names == tuple(COLUMNS)
    other = bp.Network([bp.Dense(3, 1)], bp.MeanSquaredError(), seed=0)
    other.fit(pd.DataFrame(table.to_numpy()), table["age"], epochs=1)
    assert other.feature_names is None
    assert other.fit(table, table["age"], epochs=1).feature_names == tuple(COLUMNS)


# Copies


@copied
def test_a_copy_goes_on_by_itself_and_alike(duplicate):
    network = everything()
    untouched = pickle.dumps(network)
    twin = duplicate(network)
    assert np.array_equal(twin.gradients, network.gradients)
    twin.fit(X2, Y1, epochs=4, batch_size=4)
    assert pickle.dumps(network) == untouched
    network.fit(X2, Y1, epochs=4, batch_size=4)
    assert np.array_equal(twin.parameters, network.parameters)
    assert twin.record.bytes.tobytes() == network.record.bytes.tobytes()
    assert twin.history["loss"] == network.history["loss"]
    assert twin.epoch_count == network.epoch_count == 7
    assert twin.dtype == network.dtype


def test_a_snapshot_holds_parameters_and_running_statistics():
    network = everything()
    snapshot = network.snapshot()
    predictions = network.predict(X2)
    network.fit(X2, Y1, epochs=2)
    assert (network.snapshot() != snapshot).all()
    views = network.parameters, network.layers[0].weight
    network.restore(snapshot)
    assert np.array_equal(network.predict(X2), predictions)
    assert views[0] is network.parameters
    assert np.shares_memory(*views)


# Optimizers in a network


def test_weight_decay_leaves_biases_and_norm_scales_alone(optimizer_class):
    network = small(
        *(bp.Dense(2, 3), bp.BatchNorm(3), bp.Tanh(), bp.LayerNorm(3), bp.Dense(3, 2)),
        optimizer=optimizer_class(0.01, weight_decay=0.1),
    )
    network.parameters[...] = RNG(0).uniform(0.5, 1, network.parameters.shape)
    before = {(i, name): view.copy() for i, name, view in named(network)}
    # These targets are hit exactly, so the gradient is zero and only the decay moves anything.
    network.train_step(X2, network.forward_training(X2)[0])
    for i, name, view in named(network):
        ratio = view / before[i, name]
        assert (ratio < 1).all() if name == "weight" else (ratio == 1).all()
        if name == "weight" and optimizer_class in (bp.GradientDescent, bp.Momentum, bp.AdamW):
            np.testing.assert_allclose(ratio, 0.999, rtol=1e-14)


def named(network):
    for i, layer in enumerate(network.layers):
        for name, view in layer.named_parameters().items():
            yield i, name, view


def test_weight_decay_is_not_part_of_the_reported_gradient_or_loss(optimizer_class):
    decayed, plain = (
        small(optimizer=optimizer_class(0.1, weight_decay=decay)) for decay in (0.5, 0.0)
    )
    for network in (decayed, plain):
        network.fit(X2, Y1, epochs=1)
    assert decayed.history["loss"] == plain.history["loss"]
    assert decayed.history["gradient_norm"] == plain.history["gradient_norm"]
    assert not np.array_equal(decayed.parameters, plain.parameters)


def test_a_new_optimizer_may_be_set_and_starts_from_rest():
    network = small(optimizer=bp.Adam(0.1)).fit(X2, Y1, epochs=3)
    used = small(optimizer=bp.Momentum(0.05)).fit(X2, Y1, epochs=3).optimizer
    twin = copy.deepcopy(network)
    network.optimizer, twin.optimizer = used, bp.Momentum(0.05)
    assert network.optimizer is not used
    assert network.fit(X2, Y1, 3).history["loss"] == twin.fit(X2, Y1, 3).history["loss"]


def test_the_learning_rate_of_an_optimizer_may_be_changed():
    network = small(optimizer=bp.GradientDescent(0.1)).fit(X2, Y1, epochs=2)
    network.optimizer.learning_rate = 0.02
    network.fit(X2, Y1, epochs=1)
    assert network.history["learning_rate"] == [0.1, 0.1, 0.02]


def test_one_optimizer_given_to_two_networks_trains_each_as_if_alone(optimizer_class):
    def given(optimizer):
        return small(optimizer=optimizer, seed=1), small(bp.Dense(2, 1), optimizer=optimizer)

    shared = optimizer_class(bp.CosineSchedule(0.1, steps=9), clip_norm=1, weight_decay=0.1)
    first, second = given(shared)
    alone = [given(copy.deepcopy(shared))[i] for i in range(2)]
    for _ in range(3):
        first.train_step(X2, Y1)
        second.fit(X2, Y1, 2, 4)
        alone[0].train_step(X2, Y1)
        alone[1].fit(X2, Y1, 2, 4)
    for network, twin in zip((first, second), alone, strict=True):
        assert network.record.bytes.tobytes() == twin.record.bytes.tobytes()
    assert (shared.step_count, shared.rate, shared.in_network) == (0, 0, False)
    shared.learning_rate = 7
    assert callable(first.optimizer.learning_rate)


def test_an_optimizer_that_has_stepped_on_its_own_starts_from_rest_in_a_network():
    used = bp.Momentum(0.05)
    used.step(np.ones(3), np.ones(3))
    one, other = small(optimizer=used), small(optimizer=bp.Momentum(0.05))
    assert one.fit(X2, Y1, 3).history["loss"] == other.fit(X2, Y1, 3).history["loss"]
    assert (used.step_count, used.velocity.size) == (1, 3)


def test_an_optimizer_in_a_network_steps_on_its_parameters_only():
    optimizer = small(optimizer=bp.Momentum(0.1)).optimizer
    with pytest.raises(bp.ShapeError, match=r"^Momentum works on 17 parameters of float64; "):
        optimizer.step(np.ones(3), np.ones(3))


def test_an_optimizer_may_be_reset_by_hand():
    network = small(optimizer=bp.Momentum(0.1)).fit(X2, Y1, epochs=3)
    network.optimizer.reset(network.parameters)
    before = network.parameters.copy()
    assert (network.step_count, network.epoch_count, network.optimizer.step_count) == (3, 3, 0)
    network.train_step(X2, Y1)
    np.testing.assert_allclose(network.parameters, before - 0.1 * network.gradients, rtol=1e-14)


# Networks of every shape


@pytest.mark.parametrize("normalization", [bp.BatchNorm, bp.LayerNorm])
def test_a_normalization_must_fit_its_neighbours(normalization):
    with pytest.raises(bp.ShapeError, match=r"layers\[1\] .*takes 3 features.* gives 4"):
        small(bp.Dense(2, 4), normalization(3))
    with pytest.raises(bp.ShapeError, match=r"layers\[1\] Dense.*takes 4 .*gives 3"):
        small(normalization(3), bp.Dense(4, 1))


def test_a_refused_network_leaves_its_layers_free():
    layers = [bp.Dense(2, 4), bp.Dense(5, 1)]
    with pytest.raises(bp.ShapeError):
        small(*layers)
    expected = small(bp.Dense(2, 4), bp.Dense(4, 1)).parameters
    assert np.array_equal(small(layers[0], bp.Dense(4, 1)).parameters, expected)


@pytest.mark.parametrize(
    ("loss", "last"),
    [
        (bp.SigmoidCrossEntropy(), bp.Sigmoid()),
        (bp.SoftmaxCrossEntropy(), bp.Softmax()),
        *((bp.BinaryCrossEntropy(), last) for last in (bp.ReLU(), bp.Dense(4, 4), bp.Identity())),
        *((bp.CategoricalCrossEntropy(), last) for last in (bp.Tanh(), bp.Sigmoid())),
    ],
    ids=repr,
)
def test_a_loss_that_the_last_layer_cannot_suit_is_refused(loss, last):
    with pytest.raises(bp.ParameterError) as caught:
        small(bp.Dense(2, 4), last, loss=loss)
    assert repr(loss) in str(caught.value)
    assert repr(last) in str(caught.value)


@pytest.mark.parametrize(
    ("loss", "last"),
    [
        (bp.SigmoidCrossEntropy(), bp.Softmax()),
        (bp.BinaryCrossEntropy(), bp.Softmax()),
        (bp.CategoricalCrossEntropy(), bp.Softmax()),
        (bp.BinaryCrossEntropy(), bp.Sigmoid()),
        (bp.MeanSquaredError(), bp.Sigmoid()),
    ],
    ids=repr,
)
def test_a_loss_that_suits_the_last_layer_is_taken(loss, last):
    y = targets_for(loss, 6, 4, RNG(0)).clip(0, 1)
    network = small(bp.Dense(2, 4), last, loss=loss, optimizer=bp.GradientDescent(0.01))
    assert network.fit(X2, y, epochs=1).evaluate(X2, y) < network.history["loss"][0]


def test_a_layer_is_known_by_its_class_and_not_by_its_name():
    class Softmax(bp.Layer):
        """Somebody's own, which is no softmax."""

        def forward(self, x):
            return 2 * x, None

        def backward(self, grad_output, cache):
            return 2 * grad_output

    class Mine(bp.Softmax):
        pass

    small(bp.Dense(2, 4), Softmax(), loss=bp.SoftmaxCrossEntropy()).fit(X2, [0, 1, 2] * 2, 1)
    with pytest.raises(bp.ParameterError) as caught:
        small(bp.Dense(2, 4), Mine(), loss=bp.SoftmaxCrossEntropy())
    assert str(caught.value) == (
        "SoftmaxCrossEntropy() applies Softmax itself: leave out the last layer Mine()."
    )
    small(bp.Dense(2, 4), Mine(), loss=bp.CategoricalCrossEntropy())


def test_a_new_loss_may_be_set_if_it_suits_the_last_layer():
    network = small()
    network.loss = bp.HalfSquaredError()
    assert network.evaluate(X2, Y1) == bp.HalfSquaredError()(network.forward(X2), Y1)
    for loss in (bp.BinaryCrossEntropy(), bp.HalfSquaredError, "mse"):
        with pytest.raises(bp.ParameterError):
            network.loss = loss
    assert repr(network.loss) == "HalfSquaredError()"


def test_a_last_layer_that_may_give_probabilities_is_taken():
    layers = bp.Dense(2, 1), bp.Sigmoid(), bp.Dropout(0.5)
    network = small(*layers, loss=bp.BinaryCrossEntropy())
    assert 0 < network.evaluate(X2, np.ones(6)) < np.inf


def test_activations_may_come_first():
    network = small(bp.Tanh(), bp.Dropout(0.0), bp.Dense(2, 1), optimizer=bp.GradientDescent(0.1))
    plain = small(bp.Dense(2, 1), optimizer=bp.GradientDescent(0.1))
    assert (network.in_features, network.out_features) == (2, 1)
    network.fit(X2, Y1, epochs=3)
    plain.fit(np.tanh(X2), Y1, epochs=3)
    assert np.array_equal(network.parameters, plain.parameters)
    with pytest.raises(bp.ShapeError, match="X must have 2 features"):
        network.predict(X2[:, :1])


def test_a_network_without_parameters_is_a_function():
    network = small(bp.Tanh(), bp.Dropout(0.5))
    assert network.parameters.shape == (0,)
    assert np.array_equal(network.predict(X2), np.tanh(X2))
    network.fit(X2, X2, epochs=2, batch_size=4)
    assert network.history["gradient_norm"] == [0, 0]
    assert network.loss_and_gradient(X2, X2)[1].shape == (0,)


def test_a_network_of_any_width_takes_each_width_anew():
    network = small(bp.Tanh())
    for width in (2, 3, 1):
        X = np.ones((4, width))
        assert network.evaluate(X, np.tanh(X)) == 0
        with pytest.raises(bp.ShapeError, match="y must have shape"):
            network.evaluate(X, np.ones((4, width + 1)))


def test_layers_of_unknown_width_are_measured():
    network = small(Double(), bp.Dense(2, 3), Double(), optimizer=bp.GradientDescent(0.01))
    assert network.in_features is None
    y = RNG(0).standard_normal((6, 3))
    assert network.fit(X2, y, epochs=9).history["loss"][-1] < network.history["loss"][0]
    with pytest.raises(bp.ShapeError, match=r"y must have shape \(samples, 3\)"):
        network.evaluate(X2, y[:, :2])


class Double(bp.Layer):
    def forward(self, x):
        return 2 * x, None

    def backward(self, grad_output, cache):
        return 2 * grad_output


def test_one_output_takes_targets_of_one_axis():
    network = small()
    assert network.evaluate(X2, Y1[:, 0]) == network.evaluate(X2, Y1)


# What it looks like


def test_repr_builds_the_network_again():
    network = small(
        *(bp.Dense(2, 3, bp.He("uniform")), bp.LeakyReLU(0.2), bp.Dropout(0.1)),
        *(bp.BatchNorm(3, epsilon=0.1), bp.Dense(3, 1)),
        loss=bp.Huber(2.0),
        optimizer=bp.Momentum(0.1, nesterov=True),
        dtype="float32",
    )
    assert repr(network) == (
        "Network(\n"
        "    [\n"
        "        Dense(2, 3, weight_initializer=He(distribution='uniform')),\n"
        "        LeakyReLU(slope=0.2),\n"
        "        Dropout(0.1),\n"
        "        BatchNorm(3, epsilon=0.1),\n"
        "        Dense(3, 1),\n"
        "    ],\n"
        "    loss=Huber(delta=2.0),\n"
        "    optimizer=Momentum(learning_rate=0.1, nesterov=True),\n"
        "    dtype='float32',\n"
        ")"
    )
    again = eval(repr(network), vars(bp))
    assert repr(again) == repr(network)


def test_summary_knows_the_width_before_the_first_dense_layer():
    rows = small(bp.Tanh(), bp.Dense(3, 1)).summary().splitlines()
    assert rows[1] == "0  Tanh()       (samples, 3)           0"


def test_a_pickle_holds_each_number_but_once():
    network = small(bp.Dense(100, 100), optimizer=bp.GradientDescent(0.1))
    values, gradients, scratch = 3 * (8 * network.parameters.size,)
    assert len(pickle.dumps(network)) < values + gradients + scratch + 5000


def test_an_update_needs_no_caches_of_layers_that_learn_from_them():
    network = small(bp.Dense(3, 2), bp.BatchNorm(2))
    network.gradients[...] = 1.0
    statistics = network.layers[1].running_mean.copy()
    network.update()
    assert np.array_equal(network.layers[1].running_mean, statistics)
    assert (network.step_count, network.optimizer.step_count) == (1, 1)


@pytest.mark.parametrize(
    ("layers", "loss", "message"),
    [
        (
            [bp.Softmax()],
            bp.MeanSquaredError,
            r"^Softmax\(\) makes 1 of any .* Sigmoid",
        ),
        ([bp.LayerNorm(1)], bp.MeanSquaredError, r"^LayerNorm\(1\) makes .* Use BatchNorm\(1\)"),
        ([bp.Tanh(), bp.Softmax(), bp.Dense(1, 2)], bp.MeanSquaredError, "Softmax.* of any single"),
        ([bp.Softmax()], bp.CategoricalCrossEntropy, "Softmax.* of any single"),
        (
            [],
            bp.SoftmaxCrossEntropy,
            r"SoftmaxCrossEntropy\(\) needs an output for each class, .* yes",
        ),
        (
            [bp.Identity(), bp.Sigmoid()],
            bp.CategoricalCrossEntropy,
            r"CategoricalCrossEntropy\(\) needs an output",
        ),
    ],
)
def test_what_passes_nothing_on_is_refused_with_the_mend(layers, loss, message):
    with pytest.raises(bp.ParameterError, match=message):
        bp.Network([bp.Dense(3, 1), *layers], loss())
    wide = [each for each in layers if not isinstance(each, (bp.Dense, bp.LayerNorm))]
    bp.Network([bp.Dense(3, 2), *wide], bp.MeanSquaredError())


def test_a_layer_norm_of_one_feature_is_refused_wherever_it_stands():
    with pytest.raises(bp.ParameterError, match=r"^LayerNorm\(1\) makes its bias"):
        bp.Network([bp.LayerNorm(1), bp.Dense(1, 2)], bp.MeanSquaredError())
    with pytest.raises(bp.ParameterError, match=r"^LayerNorm\(1\) makes its bias"):
        bp.Network([bp.Dense(2, 1), bp.Residual([bp.LayerNorm(1)])], bp.MeanSquaredError())


def normalised(dtype="float64"):
    """A network with one BatchNorm, and one within a block, and the two."""
    block = bp.Residual([bp.BatchNorm(3), bp.Tanh()])
    network = small(bp.Dense(2, 3), bp.BatchNorm(3), block, bp.Dense(3, 1), dtype=dtype)
    return network, [network.layers[1], block.layers[0]]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_statistics_are_set_from_data_for_an_outside_minimizer(dtype):
    network, norms = normalised(dtype)
    for _ in range(20):
        network.parameters[...] -= 0.1 * network.loss_and_gradient(X2, Y1)[1]
    for _ in range(2):  # once and again come to the same
        network.update_statistics(X2)
        for norm, x in zip(norms, inputs_of(network, norms, X2), strict=True):
            assert norm.batches == 1
            np.testing.assert_allclose(norm.running_mean, x.mean(axis=0), 1e-5, 1e-6)
            np.testing.assert_allclose(norm.running_variance, x.var(axis=0, ddof=1), 1e-5)
    network.predict(X2), network.evaluate(X2, Y1)  # and no warning


def inputs_of(network, norms, X):
    """What comes into each BatchNorm in training."""
    outputs = [output for output, _ in network.way_forward(X.astype(network.dtype))]
    return outputs[: len(norms)]


def test_statistics_that_nobody_has_set_are_warned_of_once_the_network_is_trained():
    network, _ = normalised()
    network.predict(X2), network.evaluate(X2, Y1)  # nobody has begun
    network.train_step(X2[:1], Y1[:1])  # which a BatchNorm learns nothing from
    for use in (network.forward, network.predict, lambda X: network.evaluate(X, Y1)):
        with pytest.warns(
            bp.TrainingWarning, match=r"Call network\.update_statistics\(X\)"
        ) as seen:
            use(X2)
        assert {warning.filename for warning in seen} == {__file__}
    network.layers[1].running_mean[...] = 1.0  # taken from another library, say
    network.layers[2].layers[0].running_variance[...] = 2.0
    network.predict(X2)


def test_an_update_that_ends_in_infinity_says_so():
    network = small(bp.Dense(1, 1), optimizer=bp.GradientDescent(1e300))
    network.gradients[...] = 1e300
    message = r"^a parameter or running statistic turned NaN or infinite, at learning rate 1e\+300"
    with np.errstate(all="ignore"), pytest.raises(bp.DivergenceError, match=message):
        network.update()


def test_the_training_pass_is_in_the_precision_of_the_network():
    outputs, _ = small(bp.Dense(2, 1), dtype="float32").forward_training(np.ones((3, 2)))
    assert outputs.dtype == np.float32


def test_summary_counts_shapes_and_parameters():
    network = small(Double(), bp.Dense(30, 40), bp.ReLU(), bp.BatchNorm(40), Double(), bp.Tanh())
    assert network.summary().splitlines() == [
        "   layer          output         parameters",
        "0  Double()       (samples, ?)            0",
        "1  Dense(30, 40)  (samples, 40)       1,240",
        "2  ReLU()         (samples, 40)           0",
        "3  BatchNorm(40)  (samples, 40)          80",
        "4  Double()       (samples, ?)            0",
        "5  Tanh()         (samples, ?)            0",
        "   total                              1,320",
    ]


# What it offers those who look into it


def test_the_way_forward_is_that_of_the_coming_step():
    network = everything()
    outputs, caches = zip(*network.way_forward(X2), strict=True)
    expected, _ = network.forward_training(X2)
    assert len(outputs) == len(network.layers)
    assert np.array_equal(outputs[-1], expected)
    network.backward(outputs[-1], caches)
    gradients = network.gradients.copy()
    network.backward_parameters(outputs[-1], caches)
    assert np.array_equal(network.gradients, gradients)


def test_prepared_batches_are_checked_and_trained_on():
    network, twin = everything(), everything()
    batch = network.prepare(X2.tolist(), Y1[:, 0], [1, 1, 2, 0, 0, 4])
    assert [array.shape for array in batch] == [(4, 2), (4, 1), (4,)]
    assert batch.shares.tolist() == [1 / 8, 1 / 8, 2 / 8, 4 / 8]
    weights = [1, 1, 2, 0, 0, 4]
    assert network.score(batch) == twin.evaluate(X2, Y1, weights)
    assert network.step(batch) == twin.train_step(X2, Y1, weights)
    assert network.record.bytes.tobytes() == twin.record.bytes.tobytes()
    assert network.prepare(X2, Y1).shares is None
    with pytest.raises(bp.ShapeError, match=r"^my X must have 2 features"):
        network.prepare(Y1, Y1, of="my ")


def test_the_first_layers_without_parameters_are_not_gone_back_through():
    class Wall(bp.Layer):
        def forward(self, x):
            return x, None

        def backward(self, grad_output, cache):
            raise AssertionError("nothing below is trained")

    network = small(Wall(), bp.Tanh(), bp.Dense(2, 1))
    assert network.first_trained == 2
    network.fit(X2, Y1, 1)
    assert small(bp.Tanh(), bp.Dropout(0.1)).first_trained == 2


def test_ctrl_c_while_an_optimizer_is_set_sets_it_or_leaves_the_old_one():
    from test_faults import interrupted_at

    x, y = np.ones((3, 2)), np.ones((3, 1))
    fresh = bp.Network([bp.Dense(2, 1)], bp.MeanSquaredError(), bp.Adam(), seed=0).fit(x, y, 2)
    for moment in range(1, 10_000, 23):
        network = copy.deepcopy(fresh)

        def change(network=network):
            network.optimizer = bp.Momentum()

        came = interrupted_at(moment, change)
        views = network.record.views
        kept = {f"optimizer.{name}" for name in network.optimizer.state_names}
        assert {name for name in views if name.startswith("optimizer.")} == kept
        assert np.shares_memory(network.parameters, views["parameters"])
        assert np.shares_memory(network.layers[0].weight, network.parameters)
        assert np.shares_memory(network.layers[0].grad_weight, network.gradients)
        network.fit(x, y, 1)
        if not came:
            break
    assert type(network.optimizer) is bp.Momentum


def test_numbers_too_large_for_the_precision_are_refused_and_leave_no_trace():
    layer = bp.Dense(2, 1, bp.Constant(1e300))
    with pytest.raises(bp.InputError, match="the initial weight must be finite in float32"):
        bp.Network([layer], bp.MeanSquaredError(), dtype="float32")
    assert bp.Network([layer], bp.MeanSquaredError()).parameters[0] == 1e300


def test_a_copy_of_a_networks_optimizer_is_its_own():
    network = bp.Network([bp.Dense(2, 1)], bp.MeanSquaredError(), bp.Momentum(), seed=0)
    copy.copy(network.optimizer).step(np.ones(3), np.ones(3))
    assert network.optimizer.step_count == 0
    assert not network.optimizer.velocity.any()


@pytest.mark.parametrize("snapshot", ["abc", [1.0], np.full(3, np.nan)])
def test_a_snapshot_that_is_none_changes_nothing(snapshot):
    network = bp.Network([bp.Dense(2, 1)], bp.MeanSquaredError(), seed=0)
    before = network.record.bytes.copy()
    with pytest.raises(bp.BackpropliteError, match="snapshot must"):
        network.restore(snapshot)
    assert np.array_equal(network.record.bytes, before)


def test_a_network_whose_arrays_come_back_read_only_trains():
    # as they do where workers map large arrays from a file that they share
    network = small(bp.Dense(2, 3), bp.BatchNorm(3), bp.Dense(3, 1)).fit(X2, Y1, 2)
    buffers = []
    content = pickle.dumps(network, protocol=5, buffer_callback=buffers.append)
    assert buffers
    again = pickle.loads(content, buffers=[bytes(each) for each in buffers])
    assert np.array_equal(again.fit(X2, Y1, 2).snapshot(), network.fit(X2, Y1, 2).snapshot())
