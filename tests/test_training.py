"""Training: what an epoch consists of, what history says, and what becomes of one that is cut off."""

import copy
import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import optimizer_classes, seeds

import backproplite as bp

RNG = np.random.default_rng
X, Y = RNG(1).standard_normal((10, 3)), RNG(2).standard_normal((10, 1))
VALIDATION = RNG(3).standard_normal((7, 3)), RNG(4).standard_normal((7, 1))
#: With a sum of 16, so that dividing by it loses nothing.
WEIGHTS = np.array([1.0, 2, 0.5, 4, 1, 0, 4, 1, 2, 0.5])

SCHEDULES = {"constant": 0.01, "cosine": bp.CosineSchedule(0.02, steps=30)}


def small(*layers, **settings):
    layers = layers or (bp.Dense(3, 4), bp.Tanh(), bp.Dense(4, 1))
    defaults = {"loss": bp.MeanSquaredError(), "optimizer": bp.GradientDescent(0.1), "seed": 0}
    return bp.Network(layers, **{**defaults, **settings})


def stateful(optimizer=None):
    """A network with every kind of layer state and randomness."""
    return small(
        *(bp.Dense(3, 5), bp.BatchNorm(5), bp.ReLU(), bp.Dropout(0.3), bp.Dense(5, 1)),
        optimizer=optimizer or bp.Adam(0.05),
    )


class Recorder(bp.Layer):
    """Keeps every batch that passes in training."""

    def __init__(self):
        self.batches = []

    def forward(self, x):
        return x, None

    def forward_training(self, x, rng):
        self.batches.append(x.copy())
        return x, None

    def backward(self, grad_output, cache):
        return grad_output


def recorded(samples, **settings):
    """The number of each sample, batch by batch, in the order in which `fit` used them."""
    recorder = Recorder()
    network = small(recorder, bp.Dense(1, 1), optimizer=bp.GradientDescent(0), seed=3)
    numbers = np.arange(samples, dtype=float).reshape(-1, 1)
    network.fit(numbers, numbers, **settings)
    return [batch[:, 0].tolist() for batch in recorder.batches]


def in_epochs(epochs, **settings):
    """A fitted network with the batches of each of its epochs as (X, y, sample_weight)."""
    recorder = Recorder()
    network = small(recorder, bp.Dense(3, 4), bp.Tanh(), bp.Dense(4, 1))
    twin = copy.deepcopy(network)
    weights = settings.get("sample_weight")
    network.fit(X, Y, epochs, **settings)
    rows = [[X.tolist().index(x) for x in batch.tolist()] for batch in recorder.batches]
    each = [(X[r], Y[r], None if weights is None else weights[r]) for r in rows]
    count = len(each) // epochs
    return network, twin, [each[i : i + count] for i in range(0, len(each), count)]


# Batches


@given(st.integers(1, 20), st.integers(1, 25), st.integers(1, 3), st.booleans())
def test_every_sample_comes_once_an_epoch(samples, batch_size, epochs, shuffle):
    batches = recorded(samples, epochs=epochs, batch_size=batch_size, shuffle=shuffle)
    per_epoch = math.ceil(samples / batch_size)
    assert len(batches) == epochs * per_epoch
    for start in range(0, len(batches), per_epoch):
        epoch = batches[start : start + per_epoch]
        assert all(len(batch) == min(batch_size, samples) for batch in epoch[:-1])
        everyone = [sample for batch in epoch for sample in batch]
        assert sorted(everyone) == list(range(samples))
        assert shuffle or everyone == sorted(everyone)


def test_the_order_is_new_each_epoch():
    epochs = recorded(30, epochs=4, batch_size=29)[::2]
    assert len({tuple(epoch) for epoch in epochs}) == 4
    assert all(len(set(epoch)) == 29 for epoch in epochs)
    assert all(epoch != sorted(epoch) for epoch in epochs)


@pytest.mark.parametrize("batch_size", [10, 11, 1000, None])
def test_a_batch_of_all_samples_is_the_full_batch(batch_size):
    network, plain = small(), small()
    network.fit(X, Y, epochs=3, batch_size=batch_size)
    for _ in range(3):
        plain.train_step(X, Y)
    assert np.array_equal(network.parameters, plain.parameters)


# History


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("batch_size", [None, 1, 4, 5, 7])
def test_history_says_what_happened(batch_size, weights):
    network, twin, epochs = in_epochs(
        3, batch_size=batch_size, sample_weight=weights, validation_data=VALIDATION
    )
    for i, epoch in enumerate(epochs):
        losses, sizes, norms = [], [], []
        for batch in epoch:
            loss, gradient = twin.loss_and_gradient(*batch)
            factor = 1 if weights is None else batch[2].mean() / weights[weights > 0].mean()
            norms.append(np.linalg.norm(factor * gradient))
            losses.append(factor * loss)
            sizes.append(len(batch[0]))
            twin.parameters[...] -= 0.1 * factor * gradient
        newest = {name: values[i] for name, values in network.history.items()}
        assert newest["loss"] == pytest.approx(np.average(losses, weights=sizes), rel=1e-14)
        assert newest["gradient_norm"] == pytest.approx(np.mean(norms), rel=1e-14)
        assert newest["val_loss"] == pytest.approx(twin.evaluate(*VALIDATION), rel=1e-14)
        assert newest["learning_rate"] == 0.1
    np.testing.assert_allclose(network.parameters, twin.parameters, rtol=1e-13)


def test_history_has_one_float_an_epoch():
    network = stateful().fit(X, Y, epochs=3, batch_size=4).fit(X, Y, 2, validation_data=VALIDATION)
    assert list(network.history) == [
        *("loss", "val_loss", "learning_rate", "gradient_norm", "train_loss")
    ]
    assert network.epoch_count == 5
    for values in network.history.values():
        assert len(values) == 5
        assert {type(value) for value in values} == {float}
    assert np.isnan(network.history["val_loss"]).tolist() == [True] * 3 + [False] * 2


def test_history_keeps_the_rate_of_the_last_step_of_each_epoch():
    network = small(optimizer=bp.Momentum(lambda step: 0.1 / (1 + step)))
    network.fit(X, Y, epochs=3, batch_size=4)
    assert network.history["learning_rate"] == [0.1 / 3, 0.1 / 6, 0.1 / 9]


def test_history_keeps_the_length_of_the_gradient_before_clipping():
    network = small(optimizer=bp.GradientDescent(0.1, clip_norm=1e-3, clip_value=1e-3))
    expected = np.linalg.norm(network.loss_and_gradient(X, Y)[1])
    network.fit(X, Y, epochs=1)
    assert network.history["gradient_norm"] == pytest.approx([expected], rel=1e-14)


@pytest.mark.parametrize("weights", [(), (None,), (np.arange(7),)])
def test_validation_data_are_scored_as_evaluate_does_and_not_trained_on(weights):
    given, plain = stateful(), stateful()
    scores = []
    given.fit(
        *(X, Y, 4, 4),
        validation_data=(*VALIDATION, *weights),
        callbacks=lambda network: scores.append(network.evaluate(*VALIDATION, *weights)),
    )
    plain.fit(X, Y, 4, 4)
    assert given.history["val_loss"] == scores
    assert np.array_equal(given.snapshot(), plain.snapshot())


# A second fit


@pytest.mark.parametrize("rate", SCHEDULES.values(), ids=SCHEDULES)
@pytest.mark.parametrize("batch_size", [None, 4])
@pytest.mark.parametrize("optimizer", optimizer_classes)
def test_a_second_fit_goes_on_to_the_bit(optimizer, batch_size, rate):
    once, twice = stateful(optimizer(rate)), stateful(optimizer(rate))
    once.fit(X, Y, 7, batch_size)
    twice.fit(X, Y, 3, batch_size)
    assert twice.fit(X, Y, 4, batch_size) is twice
    assert once.record.bytes.tobytes() == twice.record.bytes.tobytes()
    for name in ("loss", "learning_rate", "gradient_norm"):
        assert once.history[name] == twice.history[name]


# Sample weights


@given(st.floats(0.1, 10), st.sampled_from([None, 4]))
def test_weights_all_alike_are_none(weight, batch_size):
    weighted, plain = small(), small()
    weighted.fit(X, Y, 3, batch_size, sample_weight=np.full(10, weight))
    plain.fit(X, Y, 3, batch_size)
    np.testing.assert_allclose(weighted.parameters, plain.parameters, rtol=1e-13)
    np.testing.assert_allclose(weighted.history["loss"], plain.history["loss"], rtol=1e-13)


@pytest.mark.parametrize("batch_size", [None, 2, 4])
def test_a_weight_of_0_leaves_a_sample_out(batch_size):
    kept = WEIGHTS > 0
    weighted, fewer = stateful(), stateful()
    X_wild = np.where(kept[:, np.newaxis], X, 1e3)
    weighted.fit(X_wild, Y, 3, batch_size, sample_weight=WEIGHTS)
    fewer.fit(X[kept], Y[kept], 3, batch_size, sample_weight=WEIGHTS[kept])
    assert np.array_equal(weighted.snapshot(), fewer.snapshot())
    assert weighted.history["loss"] == fewer.history["loss"]


def test_a_weight_of_0_leaves_a_sample_out_of_a_single_step_too():
    kept = WEIGHTS > 0
    weighted, fewer = stateful(), stateful()
    losses = (
        weighted.train_step(X, Y, WEIGHTS),
        fewer.train_step(X[kept], Y[kept], WEIGHTS[kept]),
    )
    assert losses[0] == losses[1]
    assert np.array_equal(weighted.snapshot(), fewer.snapshot())


@given(seeds)
def test_whole_weights_are_repeated_samples(seed):
    weights = RNG(seed).integers(1, 4, 10)
    weighted, repeated = small(seed=seed), small(seed=seed)
    weighted.fit(X, Y, 4, sample_weight=weights)
    repeated.fit(X.repeat(weights, axis=0), Y.repeat(weights, axis=0), 4)
    np.testing.assert_allclose(weighted.history["loss"], repeated.history["loss"], rtol=1e-12)
    np.testing.assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-12, atol=1e-13)


# Divergence


class Explode(bp.Momentum):
    """Works for some steps, and then does something else to the parameters."""

    def __init__(self, good_steps, deed, **settings):
        super().__init__(0.1, **settings)
        self.good_steps, self.deed = good_steps, deed

    def update(self, parameters, gradients, rate):
        super().update(parameters, gradients, rate)
        if self.step_count >= self.good_steps:
            self.deed(parameters)


class Spoiled(bp.MeanSquaredError):
    """Turns to some value after some calls."""

    def __init__(self, good_calls, added):
        self.good_calls, self.added = good_calls, added

    def forward(self, outputs, targets):
        self.good_calls -= 1
        costs, cache = super().forward(outputs, targets)
        return (costs if self.good_calls >= 0 else costs + self.added), cache


def spoil(value):
    def deed(parameters):
        parameters[2] = value

    return deed


WAYS_TO_DIVERGE = {
    **{
        f"parameter {value}": lambda value=value: {"optimizer": Explode(4, spoil(value))}
        for value in (np.nan, np.inf, -np.inf)
    },
    **{
        f"loss {value}": lambda value=value: {"loss": Spoiled(4, value)}
        for value in (np.nan, np.inf, -np.inf)
    },
}
ways = pytest.mark.parametrize("way", WAYS_TO_DIVERGE.values(), ids=WAYS_TO_DIVERGE)
diverging = (bp.Dense(3, 4), bp.BatchNorm(4), bp.Tanh(), bp.Dense(4, 1))


@ways
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_divergence_in_fit_stops_in_that_very_step(way, dtype):
    # Four good steps of three an epoch: the fifth is batch 2 of epoch 2.
    network = small(*copy.deepcopy(diverging), dtype=dtype, **way())
    good = small(*copy.deepcopy(diverging), dtype=dtype, optimizer=Explode(99, None))
    if "loss" in way():
        network.optimizer = Explode(99, None)
    with pytest.raises(bp.DivergenceError, match=r"epoch 2, batch 2, at learning rate 0\.1") as e:
        network.fit(X, Y, 5, batch_size=4, shuffle=False)
    assert (e.value.epoch, e.value.batch, e.value.learning_rate) == (2, 2, 0.1)
    for rows in (slice(0, 4), slice(4, 8), slice(8, 10), slice(0, 4)):
        good.train_step(X[rows], Y[rows])
    assert np.array_equal(network.parameters, good.parameters)
    assert np.array_equal(network.snapshot(), good.snapshot())
    assert network.epoch_count == len(network.history["loss"]) == 1


@ways
def test_divergence_in_train_step_names_no_epoch(way):
    network = small(**way())
    for _ in range(4):
        network.train_step(X, Y)
    before = network.parameters.copy()
    with pytest.raises(bp.DivergenceError, match=r"(NaN|nan|inf).*, at learning rate") as caught:
        network.train_step(X, Y)
    assert (caught.value.epoch, caught.value.batch) == (None, None)
    assert np.array_equal(network.parameters, before)


def test_divergence_counts_epochs_over_the_networks_life():
    network = small().fit(X, Y, 3)
    network.optimizer.learning_rate = 1e308
    with pytest.raises(bp.DivergenceError, match="epoch 4, batch 1, at learning rate 1e"):
        network.fit(X * 1e3, Y * 1e3, 3)


@ways
def test_after_a_divergence_training_goes_on(way):
    network = small(**way())
    with pytest.raises(bp.DivergenceError):
        network.fit(X, Y, 9)
    vars(network.loss)["good_calls"] = 10**6
    vars(network.optimizer)["deed"] = lambda parameters: None
    network.optimizer.learning_rate = 0.01
    before = network.evaluate(X, Y)
    assert network.fit(X, Y, 50).evaluate(X, Y) < 0.9 * before
    assert np.isfinite(network.predict(X)).all()


def test_after_a_parameter_diverged_the_optimizer_starts_from_rest():
    network = small(optimizer=Explode(4, spoil(np.nan)))
    with pytest.raises(bp.DivergenceError):
        network.fit(X, Y, 9)
    assert not network.optimizer.velocity.any()
    assert network.optimizer.step_count == 4  # so that a schedule goes on where it stood


@pytest.mark.parametrize("optimizer", optimizer_classes)
@pytest.mark.parametrize("scale", [1.0, 1e150, 1e155, 1e300])
def test_a_real_divergence_raises_no_other_warning(optimizer, scale):
    network, kept = small(bp.Dense(3, 1), optimizer=optimizer(1e200)), []
    with pytest.raises(
        bp.DivergenceError, match=r"epoch \d+, batch [123], at learning rate 1e\+200"
    ):
        network.fit(
            X * scale, Y * scale, 9, 4, callbacks=lambda n: kept.append(n.parameters.copy())
        )
    assert np.isfinite(network.parameters).all()
    assert len(kept) == network.epoch_count


def test_huge_parameters_are_not_divergence():
    network = small()
    network.layers[0].weight[...] = 1e200  # its square does not fit a float
    before = network.evaluate(X, Y)
    assert network.fit(X, Y, 20).evaluate(X, Y) < before


def test_running_statistics_stay_finite_too():
    network = small(bp.Dense(3, 4), bp.BatchNorm(4), bp.Dense(4, 1))
    before = network.snapshot()
    with pytest.raises(bp.DivergenceError):
        network.train_step(X * 1e200, Y)
    assert np.array_equal(network.snapshot(), before)


# Errors of the user's own


def raiser(error):
    def raise_it(*_):
        raise error

    return raise_it


def half_way(error):
    """Spoil half the parameters, and then raise."""

    def deed(parameters):
        parameters[::2] = 7
        raise error

    return deed


ERRORS = [ValueError("mine"), KeyboardInterrupt("mine"), ZeroDivisionError("mine")]


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_an_optimizer_that_raises_leaves_the_last_whole_step(error):
    network, good = small(optimizer=Explode(3, half_way(error))), small(optimizer=bp.Momentum(0.1))
    with pytest.raises(type(error), match="mine") as caught:
        network.fit(X, Y, 9)
    assert caught.value is error
    assert np.array_equal(network.parameters, good.fit(X, Y, 3).parameters)
    assert network.optimizer.step_count == network.epoch_count == 3


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_a_schedule_that_raises_leaves_the_last_whole_step(error):
    network = small(optimizer=bp.Momentum(lambda step: 0.1 if step < 5 else raiser(error)()))
    good = small(optimizer=bp.Momentum(0.1))
    with pytest.raises(type(error), match="mine") as caught:
        network.fit(X, Y, 9)
    assert caught.value is error
    assert np.array_equal(network.parameters, good.fit(X, Y, 5).parameters)
    network.optimizer.learning_rate = 0.1
    assert np.array_equal(network.fit(X, Y, 3).parameters, good.fit(X, Y, 3).parameters)


# Epochs that are cut off

PLAN = {"batch_size": 3, "validation_data": VALIDATION}


class After(bp.Callback):
    """Does something to a network after a number of steps of one `fit`."""

    def __init__(self, steps, deed):
        self.steps, self.deed = steps, deed

    def after_step(self, network):
        self.steps -= 1
        if self.steps == 0:
            self.deed(network)


def cut_off(steps, network, **plan):
    with pytest.raises(KeyboardInterrupt):
        network.fit(X, Y, 5, callbacks=After(steps, raiser(KeyboardInterrupt())), **PLAN | plan)
    return network


def everything(network):
    return network.record.bytes.tobytes(), pickle.dumps(network.history)


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("steps", [1, 3, 4, 7, 20])
def test_an_epoch_that_was_cut_off_is_finished_first_and_counts_as_one(steps, shuffle):
    network = cut_off(steps, stateful(), shuffle=shuffle)
    assert network.epoch_count == (steps - 1) // 4
    assert len(network.history["loss"]) == network.epoch_count
    network.fit(X, Y, 5 - network.epoch_count, shuffle=shuffle, **PLAN)
    assert everything(network) == everything(stateful().fit(X, Y, 5, shuffle=shuffle, **PLAN))


@pytest.mark.parametrize(
    "other",
    [
        lambda network: network.fit(X[::-1], Y, 1, **PLAN),
        lambda network: network.fit(X, -Y, 1, **PLAN),
        lambda network: network.fit(X, Y, 1, sample_weight=1 + X[:, 0] ** 2, **PLAN),
        lambda network: network.fit(X, Y, 1, **PLAN | {"batch_size": 5}),
        lambda network: network.fit(X, Y, 1, shuffle=False, **PLAN),
        lambda network: (network.train_step(X, Y), network.fit(X, Y, 1, **PLAN)),
        lambda network: (network.restore(network.snapshot()), network.fit(X, Y, 1, **PLAN)),
    ],
)
def test_an_epoch_is_not_finished_with_other_data_nor_after_other_training(other):
    network, fresh = cut_off(2, small()), cut_off(2, small())
    fresh.record.forget_epoch()
    other(network)
    other(fresh)
    assert everything(network) == everything(fresh)
    assert network.epoch_count == 1


def test_a_step_that_failed_does_not_count_when_another_is_made():
    network = small()
    network.layers[1].forward = raiser(ZeroDivisionError("mine"))
    with pytest.raises(ZeroDivisionError):
        network.fit(X, Y, 1, **PLAN)
    del network.layers[1].forward
    network.optimizer.update = raiser(ZeroDivisionError("mine"))
    with pytest.raises(ZeroDivisionError):
        network.fit(X, Y, 1, **PLAN)
    del network.optimizer.update
    network.train_step(X, Y)
    network.fit(X, Y, 1, **PLAN)
    assert network.optimizer.step_count == 1 + 4


def test_dropout_is_drawn_as_if_a_step_that_failed_had_never_begun():
    network = stateful()
    network.loss.backward = raiser(ZeroDivisionError("mine"))
    with pytest.raises(ZeroDivisionError):
        network.train_step(X, Y)
    del network.loss.backward
    assert network.train_step(X, Y) == stateful().train_step(X, Y)


def test_ctrl_c_while_the_history_is_written_leaves_all_lists_alike_and_the_epoch_to_finish():
    class Interrupted(list):
        def append(self, value):
            raise KeyboardInterrupt

    network = small().fit(X, Y, 1, **PLAN)
    kept = network.history["learning_rate"]
    network.history["learning_rate"] = Interrupted(kept)
    with pytest.raises(KeyboardInterrupt):
        network.fit(X, Y, 1, **PLAN)
    assert {len(values) for values in network.history.values()} == {network.epoch_count} == {1}
    network.history["learning_rate"] = kept
    assert everything(network.fit(X, Y, 1, **PLAN)) == everything(small().fit(X, Y, 2, **PLAN))


def test_a_batch_size_beyond_the_samples_is_the_full_batch_also_when_cut_off():
    network = cut_off(1, small(), batch_size=99)
    network.fit(X, Y, 1, batch_size=None, validation_data=VALIDATION)
    assert (network.optimizer.step_count, network.epoch_count) == (1, 1)


# Weights


@given(st.integers(1, 12), st.integers(1, 12), seeds)
def test_the_mean_gradient_of_the_batches_is_the_gradient_of_all(samples, batch_size, seed):
    rng = RNG(seed)
    x, y = rng.standard_normal((samples, 3)), rng.standard_normal((samples, 1))
    weights = 10 ** rng.uniform(-3, 3, samples)
    network = small()
    data = network.prepare(x, y, weights)
    sums = [np.zeros(1 + network.parameters.size)]
    for start in range(0, samples, batch_size):
        batch = data.select(slice(start, start + batch_size))
        outputs, caches = network.forward_training(batch.x)
        loss, gradient = network.loss.value_and_gradient(outputs, batch.targets, batch.shares)
        network.backward(gradient, caches)
        sums.append(len(batch.x) / samples * np.r_[loss, network.gradients])
    loss, gradient = network.loss_and_gradient(x, y, weights)
    np.testing.assert_allclose(sum(sums), np.r_[loss, gradient], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("batch_size", [None, 3, 2, 1])
def test_a_weight_means_the_same_in_every_batch(batch_size):
    network = small(
        bp.Dense(1, 1), optimizer=bp.GradientDescent(lambda step: 0.1 / (1 + step / 30))
    )
    weights = [100] * 3 + [1] * 3
    network.fit(np.ones((6, 1)), [1, 1, 1, 0, 0, 0], 3000, batch_size, sample_weight=weights)
    assert network.predict([[1.0]]) == pytest.approx(300 / 303, abs=3e-4)


@pytest.mark.parametrize("batch_size", [None, 4])
@pytest.mark.parametrize("weights", [np.ones(7), np.full(7, 0.3), np.full(7, 7e300)])
def test_weights_that_are_all_alike_are_no_weights(batch_size, weights):
    weighted, plain = stateful(), stateful()  # of 7 samples each would count a rounded 1/7
    weighted.fit(X[:7], Y[:7], 3, batch_size, sample_weight=weights)
    plain.fit(X[:7], Y[:7], 3, batch_size)
    assert np.array_equal(weighted.snapshot(), plain.snapshot())
    assert weighted.history["loss"] == plain.history["loss"]


LABELS = np.array([0, 0, 0, 0, 0, 0, 0, 2, 2, 1])


@pytest.mark.parametrize("batch_size", [None, 3])
@pytest.mark.parametrize(
    ("loss", "y", "given", "weights"),
    [
        (bp.SoftmaxCrossEntropy(), LABELS, "balanced", [1 / 7] * 7 + [1 / 2] * 2 + [1]),
        (bp.SoftmaxCrossEntropy(), LABELS, {1: 10, 2: 0.5}, [1] * 7 + [0.5] * 2 + [10]),
        (bp.SoftmaxCrossEntropy(), LABELS, {0: 0}, [0] * 7 + [1] * 3),
        (bp.SoftmaxCrossEntropy(), np.eye(3)[LABELS], {1.0: 10}, [1] * 9 + [10]),
        (bp.SigmoidCrossEntropy(), LABELS == 1, "balanced", [1 / 9] * 9 + [1]),
        (bp.SigmoidCrossEntropy(), (LABELS == 1).reshape(-1, 1), {1: 9, 0: 1}, [1] * 9 + [9]),
    ],
)
def test_class_weights_are_weights_of_the_samples(loss, y, given, weights, batch_size):
    outputs = 1 if loss.labels == "binary" else 3
    networks = [small(bp.Dense(3, outputs), loss=loss) for _ in range(3)]
    by_class, by_sample, both = networks
    by_class.fit(X, y, 2, batch_size, class_weight=given)
    by_sample.fit(X, y, 2, batch_size, sample_weight=weights)
    np.testing.assert_allclose(by_class.parameters, by_sample.parameters, rtol=1e-12)
    if given != "balanced":  # which looks at the samples that count alone
        both.fit(X, y, 2, batch_size, sample_weight=WEIGHTS, class_weight=given)
        by_sample = small(bp.Dense(3, outputs), loss=loss)
        by_sample.fit(X, y, 2, batch_size, sample_weight=WEIGHTS * weights)
        np.testing.assert_allclose(both.parameters, by_sample.parameters, rtol=1e-12)


def test_balanced_weights_find_a_rare_class_at_every_batch_size():
    rng = RNG(0)
    x = rng.standard_normal((2000, 3))
    score = x @ [2.0, 1.0, -1.0] + rng.standard_normal(2000)
    y = score > np.quantile(score, 0.99)
    recalls = []
    for batch_size, epochs in [(None, 300), (100, 15), (8, 2)]:
        network = small(bp.Dense(3, 1), loss=bp.SigmoidCrossEntropy(), optimizer=bp.Adam(0.02))
        network.fit(x, y, epochs, batch_size, class_weight="balanced")
        recalls.append(float((network.predict(x)[y, 0] > 0.5).mean()))
    assert min(recalls) >= 0.85


def test_class_weights_do_not_act_on_validation_data():
    y = LABELS == 1
    network = small(bp.Dense(3, 1), loss=bp.SigmoidCrossEntropy())
    network.fit(X, y, 1, validation_data=(X, y), class_weight="balanced")
    assert network.history["val_loss"] == [network.evaluate(X, y)]
