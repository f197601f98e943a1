"""Scaling that travels with a network: `Standardize` as a layer, and its counterpart for targets."""

import copy
import pickle
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backproplite as bp
from backproplite.scaling import standards_of

RNG = np.random.default_rng
REGRESSION = [bp.MeanSquaredError, bp.HalfSquaredError, bp.MeanAbsoluteError, bp.Huber]
HARD = {
    "far off": [1e9 - 1, 1e9 + 1, 1e9, 1e9],
    "large": [1e300, -1e300, 1.7e308, 0],
    "tiny": [1e-300, 3e-300, 0, 1e-300],
    "plain": [0.3, 7.5, -2.0, 1.25],
    "small and far": [1e8, 1e8 + 1e-6, 1e8, 1e8],
}


def exact(column):
    """The mean and the deviation of some floats, rounded once."""
    from fractions import Fraction
    from math import isqrt

    numbers = [Fraction(x) for x in column]
    mean = sum(numbers) / len(numbers)
    variance = sum((x - mean) ** 2 for x in numbers) / len(numbers)
    root = Fraction(isqrt(int(variance * 4**1200)), 2**1200) if variance else Fraction(0)
    return float(mean), float(root)


@pytest.mark.parametrize("name", HARD)
def test_mean_and_deviation_are_right_to_rounding(name):
    column = HARD[name]
    mean, deviation = exact(column)
    layer = bp.Standardize.of(np.array(column)[:, None])
    assert layer.mean[0] == pytest.approx(mean, rel=4e-16)
    wanted = deviation if deviation > 1.2e-38 else 1.0
    assert layer.scale[0] == pytest.approx(wanted, rel=4e-16)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e9 + 0.1, -1e-300, 1.7e308, 5e-324])
@pytest.mark.parametrize("samples", [1, 3, 1000])
def test_a_constant_column_gets_scale_1_and_becomes_0(value, samples):
    X = np.full((samples, 1), value)
    layer = bp.Standardize.of(X)
    assert layer.scale == 1
    assert abs(layer.forward(X)[0]).max() <= 2e-16 * abs(value)


def test_a_column_that_differs_by_roundings_only_is_constant():
    X = np.array([[0.1 + 0.2], [0.3], [0.3]])
    assert bp.Standardize.of(X).scale == 1
    assert bp.Standardize.of(X * [1e9]).scale == 1
    assert bp.Standardize.of([[1e9], [1e9 + 1]]).scale == 0.5


@given(st.integers(2, 50), st.integers(1, 4), st.integers(0, 2**32), st.floats(-30, 30))
@settings(max_examples=50)
def test_it_is_what_scikit_learns_scaler_does(samples, features, seed, power):
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    X = 10**power * (RNG(seed).standard_normal((samples, features)) + RNG(seed).uniform(-9, 9))
    scaler = preprocessing.StandardScaler().fit(X)
    layer = bp.Standardize.of(X)
    np.testing.assert_allclose(layer.scale, scaler.scale_, rtol=1e-10)
    np.testing.assert_allclose(layer.forward(X)[0], scaler.transform(X), rtol=1e-9, atol=1e-9)


def test_it_has_numbers_of_its_own():
    mean = np.array([1.0, 2.0])
    layer = bp.Standardize(mean, [1.0, 2.0])
    mean[0] = 7
    assert layer.mean.tolist() == [1.0, 2.0]
    with pytest.raises(bp.ParameterError, match="scale must be above 0; got 0"):
        layer.scale = [1.0, 0.0]
    layer.scale = [2.0, 2.0]
    assert layer.forward(np.array([[3.0, 3.0]]))[0].tolist() == [[1.0, 0.5]]


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: bp.Standardize([1, 2], [1]), bp.ShapeError, r"got shapes \(2,\) and \(1,\)"),
        (lambda: bp.Standardize(1, 1), bp.ShapeError, r"one number for each column"),
        (lambda: bp.Standardize([], []), bp.ShapeError, r"one number for each column"),
        (lambda: bp.Standardize([[1]], [[1]]), bp.ShapeError, r"one number for each column"),
        (lambda: bp.Standardize([1], [0]), bp.ParameterError, "scale must be above 0; got 0"),
        (lambda: bp.Standardize([1], [-1]), bp.ParameterError, "For a constant column give 1"),
        (lambda: bp.Standardize([np.nan], [1]), bp.InputError, "mean must be finite"),
        (lambda: bp.Standardize(["a"], [1]), bp.InputError, "mean must hold real numbers"),
        (lambda: bp.Standardize.of([1, 2]), bp.ShapeError, "X must be 2-D"),
        (lambda: bp.Standardize.of([[np.nan]]), bp.InputError, "X must be finite"),
    ],
)
def test_what_cannot_scale_is_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_a_repr_stays_readable():
    assert repr(bp.Standardize([0.5, 1], [2, 200_000])) == "Standardize([0.5, 1], [2, 2e+05])"
    wide = bp.Standardize.of(RNG(0).normal(size=(5, 64)))
    assert len(repr(wide)) < 70
    assert "..." in repr(wide)
    loss = bp.StandardizedTargets(bp.Huber(2), 200_000, 50_000)
    assert repr(loss) == "StandardizedTargets(Huber(delta=2.0), 2e+05, 5e+04)"


def small(X, y, dtype="float64", loss=None):
    loss = bp.StandardizedTargets.of(y) if loss is None else loss
    width = y.shape[1] if y.ndim > 1 else 1
    layers = [bp.Standardize.of(X), bp.Dense(X.shape[1], 6), bp.Tanh(), bp.Dense(6, width)]
    return bp.Network(layers, loss, bp.Adam(0.02), seed=3, dtype=dtype)


def house(samples=60, outputs=1, seed=0):
    rng = RNG(seed)
    X = rng.normal(size=(samples, 3)) * [1e6, 1, 1e-3] + [5e6, -3, 0]
    shape = (samples,) if outputs == 1 else (samples, outputs)
    y = 200_000 + 50_000 * np.sin((X[:, 0] - 5e6) / 1e6) + 1000 * rng.normal(size=samples)
    return X, y if outputs == 1 else y[:, None] * rng.uniform(1e-3, 1, shape)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("keep", ["file", "pickle", "deepcopy"])
def test_the_numbers_travel_with_the_network(keep, dtype, tmp_path):
    X, y = house()
    network = small(X, y, dtype).fit(X, y, 3)
    before = network.predict(X)
    if keep == "file":
        network.save(tmp_path / "model.npz")
        again = bp.Network.load(tmp_path / "model.npz")
    else:
        again = pickle.loads(pickle.dumps(network)) if keep == "pickle" else copy.deepcopy(network)
    assert again.predict(X).dtype == before.dtype == dtype
    assert np.array_equal(again.predict(X), before)
    assert np.array_equal(again.layers[0].scale, network.layers[0].scale)
    assert repr(again) == repr(network)
    assert np.array_equal(again.fit(X, y, 2).parameters, network.fit(X, y, 2).parameters)
    assert np.array_equal(network.layers[0].mean, bp.Standardize.of(X).mean.astype(dtype))


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("loss", REGRESSION)
def test_it_trains_as_on_arrays_that_were_scaled_before_to_the_bit(loss, outputs):
    X, y = house(outputs=outputs)
    (m, s), (my, sy) = (standards_of(a.reshape(len(a), -1)) for a in (X, y))
    by_itself = small(X, y, loss=bp.StandardizedTargets.of(y, loss()))
    by_hand = bp.Network(
        [bp.Dense(3, 6), bp.Tanh(), bp.Dense(6, outputs)], loss(), bp.Adam(0.02), seed=3
    )
    by_hand.parameters[...] = by_itself.parameters
    scaled = (X - m) / s, (y.reshape(len(y), -1) - my) / sy
    weights = RNG(1).uniform(size=len(X))
    by_itself.fit(X, y, 20, batch_size=16, sample_weight=weights, validation_data=(X, y))
    by_hand.fit(*scaled, 20, batch_size=16, sample_weight=weights, validation_data=scaled)
    assert np.array_equal(by_itself.parameters, by_hand.parameters)
    assert by_itself.history == by_hand.history
    assert by_itself.evaluate(X, y) == by_hand.evaluate(*scaled)
    np.testing.assert_allclose(by_itself.predict(X), by_hand.predict(scaled[0]) * sy + my, 1e-12)
    loss = by_itself.loss
    prepared = loss.prepare_targets("y", y, outputs, np.float64)
    np.testing.assert_allclose(loss.own_targets(prepared), y.reshape(len(y), -1), rtol=1e-12)
    plain = loss.loss
    assert np.array_equal(plain.own_targets(prepared), prepared)


@pytest.mark.parametrize("data", ["diabetes", "wine", "house"])
def test_raw_data_train_as_well_as_with_scikit_learns_scalers(data):
    datasets = pytest.importorskip("sklearn.datasets")
    scaler = pytest.importorskip("sklearn.preprocessing").StandardScaler
    if data == "diabetes":
        X, y = datasets.load_diabetes(return_X_y=True, scaled=False)
    else:
        X, y = datasets.load_wine(return_X_y=True) if data == "wine" else house(200)
    of_X, of_y = scaler().fit(X), scaler().fit(y.reshape(-1, 1))
    width = X.shape[1]

    def network(first, outputs, loss):
        layers = [*first, bp.Dense(width, 16), bp.ReLU(), bp.Dense(16, outputs)]
        return bp.Network(layers, loss, bp.Adam(0.01), seed=0)

    first = [bp.Standardize.of(X)]
    if data == "wine":
        ours, theirs = (network(f, 3, bp.SoftmaxCrossEntropy()) for f in (first, []))
        their_y = y
    else:
        ours = network(first, 1, bp.StandardizedTargets.of(y))
        theirs, their_y = network([], 1, bp.MeanSquaredError()), of_y.transform(y.reshape(-1, 1))
    ours.fit(X, y, 60, batch_size=32)
    theirs.fit(of_X.transform(X), their_y, 60, batch_size=32)
    ends = ours.history["loss"][-1], theirs.history["loss"][-1]
    assert ends[0] == pytest.approx(ends[1], rel=1e-9)
    assert ends[0] < (0.1 if data == "wine" else 0.5)
    if data == "house":
        assert np.abs(ours.predict(X)[:, 0] - y).mean() < 10_000


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (
            lambda: bp.StandardizedTargets(bp.SoftmaxCrossEntropy(), 0, 1),
            bp.ParameterError,
            r"needs a loss of plain numbers, .* got SoftmaxCrossEntropy\(\)\. Classes",
        ),
        (
            lambda: bp.StandardizedTargets(bp.BinaryCrossEntropy(), 0, 1),
            bp.ParameterError,
            "Classes, probabilities and what is scaled already are not to be",
        ),
        (
            lambda: bp.StandardizedTargets.of([1, 3], bp.StandardizedTargets.of([1, 3])),
            bp.ParameterError,
            "what is scaled already",
        ),
        (lambda: bp.StandardizedTargets(bp.Huber, 0, 1), bp.ParameterError, r"Write Huber\("),
        (lambda: bp.StandardizedTargets(None, 0, 1), bp.ParameterError, "got None"),
        (
            lambda: bp.StandardizedTargets(bp.Huber(), 0, 0),
            bp.ParameterError,
            "scale must be above 0",
        ),
        (
            lambda: bp.StandardizedTargets(bp.Huber(), [0, 1], [1]),
            bp.ShapeError,
            r"got shapes \(2,\) and \(1,\)",
        ),
        (
            lambda: bp.StandardizedTargets(bp.Huber(), [[0]], [[1]]),
            bp.ShapeError,
            "one number for each column",
        ),
        (lambda: bp.StandardizedTargets.of(["a", "b"]), bp.InputError, "y must hold real numbers"),
        (lambda: bp.StandardizedTargets.of([np.inf, 1]), bp.InputError, "y must be finite"),
        (
            lambda: bp.StandardizedTargets.of([[1, 2], [3, 4]])([[0.0]], [1]),
            bp.ShapeError,
            "is for 2 outputs; the network has 1",
        ),
        (
            lambda: bp.StandardizedTargets(bp.Huber(), 0, 1e-300)([[0.0]], [1e300]),
            bp.InputError,
            "targets must be finite in float64; got inf",
        ),
    ],
)
def test_what_targets_cannot_be_scaled_by_is_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_class_weights_are_refused_as_by_the_loss_within():
    X, y = house()
    with pytest.raises(bp.ParameterError, match="class_weight needs one class for each sample"):
        small(X, y).fit(X, y, 1, class_weight="balanced")


@given(st.integers(0, 2**32))
@settings(max_examples=20)
def test_the_gradient_is_that_of_the_loss(seed):
    rng = RNG(seed)
    outputs, targets = rng.normal(size=(4, 2)), 1e5 + 1e4 * rng.normal(size=(4, 2))
    for inner in (bp.MeanSquaredError(), bp.HalfSquaredError()):
        bp.check_gradients(bp.StandardizedTargets.of(targets, inner), outputs, targets)


class Cubic(bp.Loss):
    """One of a user's own."""

    def forward(self, outputs, targets):
        error = np.abs(outputs - targets)
        return error**3, (error, np.sign(outputs - targets))

    def backward(self, cache):
        return 3 * cache[0] ** 2 * cache[1]


def test_a_loss_of_ones_own_is_tried_within_too(tmp_path):
    X, y = house()
    network = small(X, y, loss=bp.StandardizedTargets.of(y, Cubic())).fit(X, y, 3)
    network.save(tmp_path / "a.npz")
    again = bp.Network.load(tmp_path / "a.npz", custom={"Cubic": Cubic})
    assert np.array_equal(again.predict(X), network.predict(X))

    class Wrong(Cubic):
        def backward(self, cache):
            return super().backward(cache)[:, :, None]

    broken = small(X, y, loss=bp.StandardizedTargets.of(y, Wrong()))
    with pytest.raises(bp.ParameterError, match="the loss StandardizedTargets"):
        broken.fit(X, y, 1)


def test_members_with_other_numbers_train_side_by_side_as_alone():
    def make():
        sets = [house(seed=seed) for seed in range(3)]
        return [(small(X, y), X, y) for X, y in sets]

    alone, together = make(), make()
    for network, X, y in alone:
        network.fit(X, y, 5, batch_size=16)
    networks, Xs, ys = (list(each) for each in zip(*together, strict=True))
    bp.fit_together(networks, Xs, ys, 5, batch_size=16)
    for (one, X, _), other in zip(alone, networks, strict=True):
        assert np.array_equal(one.record.model, other.record.model)
        assert np.array_equal(one.predict(X), other.predict(X))


def test_losses_whose_numbers_look_alike_are_not_taken_for_one():
    X, y = house()
    losses = [bp.StandardizedTargets(bp.MeanSquaredError(), 200_000 + i, 50_000) for i in (0, 1)]
    networks = [small(X, y, loss=loss) for loss in losses]
    assert repr(losses[0]) == repr(losses[1])
    bp.fit_together(networks, X, y, 2)
    alone = small(X, y, loss=losses[1]).fit(X, y, 2)
    assert np.array_equal(networks[1].parameters, alone.parameters)


def test_a_trace_shows_the_loss_within_and_targets_that_are_ready():
    X, y = house(3)
    network = small(X, y, loss=bp.StandardizedTargets.of(y, bp.Huber(0.5)))
    step = bp.trace(network, X, y)
    assert step["layers[0].forward"].formula == "h₀ = (x - mean) / scale"
    assert "delta" in step["loss.forward"].formula
    assert "StandardizedTargets(Huber(delta=0.5)," in step["loss.forward"].title
    assert np.array_equal(step["setup"].arrays["y"], network.prepare(X, y).targets)


def test_a_diagnosis_names_them_and_is_content_with_them():
    X, y = house()
    bare = bp.Network([bp.Dense(3, 6), bp.Tanh(), bp.Dense(6, 1)], bp.Huber(), seed=0)
    cures = [finding.cure for finding in bp.diagnose(bare, X, y).findings]
    assert cures[0] == "Begin the network with Standardize.of(X)."
    assert "Let the loss be StandardizedTargets.of(y, Huber())." in cures
    assert bp.diagnose(small(X, y), X, y).healthy


def test_a_divergence_is_not_blamed_on_inputs_that_are_scaled():
    X, y = house()
    network = small(1e9 * X, y)
    network.parameters[...] = 1e200
    with pytest.raises(bp.DivergenceError, match="since the parameters reach"):
        network.fit(1e9 * X, y, 1)


def test_fresh_networks_are_scaled_alike():
    X, y = house()
    network = small(X, y).fit(X, y, 5)
    new = network.fresh(seed=3)
    assert np.array_equal(new.layers[0].scale, network.layers[0].scale)
    assert new.loss is not network.loss
    assert new.epoch_count == 0
    assert np.array_equal(new.parameters, small(X, y).parameters)
    assert not np.array_equal(network.fresh(seed=4).parameters, new.parameters)
    other = network.fresh(0, loss=bp.Huber(), optimizer=bp.Momentum())
    assert type(other.loss) is bp.Huber
    assert type(other.optimizer) is bp.Momentum


def test_large_arrays_are_scaled_block_by_block(tmp_path):
    rng = RNG(0)
    X, y = rng.normal(size=(40_000, 3)), 1e5 + 1e4 * rng.normal(size=40_000)
    mapped = np.memmap(tmp_path / "y", float, "w+", shape=y.shape)
    mapped[...] = y
    one, other = small(X, y), small(X, y)
    one.fit(X, y, 1, batch_size=4096)
    other.fit(X, mapped, 1, batch_size=4096)
    assert np.array_equal(one.parameters, other.parameters)
    assert one.evaluate(X, y) == other.evaluate(X, mapped)


@pytest.mark.parametrize("make", [bp.Standardize, partial(bp.StandardizedTargets, bp.Huber())])
def test_what_becomes_of_the_callers_arrays_is_his_own_affair(make):
    mean, scale = np.zeros(2), np.ones(2)
    one = make(mean, scale)
    mean += 1
    scale += 1
    assert one.mean.tolist() == [0, 0]
    assert one.scale.tolist() == [1, 1]


@pytest.mark.parametrize("in_network", [False, True])
def test_other_numbers_are_checked_as_the_first_were(in_network):
    layer = bp.Standardize([1.0, 2.0], [3.0, 4.0])
    if in_network:
        bp.Network([layer, bp.Dense(2, 1)], bp.MeanSquaredError(), seed=0)
    for name, value, error in [
        ("mean", [1, 2, 3], bp.ShapeError),
        ("mean", [1, np.nan], bp.InputError),
        ("scale", [0, 1], bp.ParameterError),
    ]:
        with pytest.raises(error):
            setattr(layer, name, value)
    assert repr(layer) == "Standardize([1, 2], [3, 4])"
    layer.mean, layer.scale = [5, 6], [7, 8]
    layer.scale += 1
    assert layer.forward(np.array([[13.0, 15.0]]))[0].tolist() == [[1, 1]]
