"""Training: what an epoch consists of, what history says, and what happens when it ends early."""

import builtins
import copy
import math
import pickle
import sys

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


def same_arrays(one, other):
    return all(map(np.array_equal, one, other))


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
            norms.append(np.linalg.norm(twin.loss_and_gradient(*batch)[1]))
            losses.append(twin.train_step(*batch))
            sizes.append(len(batch[0]) if weights is None else batch[2].sum())
        newest = {name: values[i] for name, values in network.history.items()}
        assert newest["loss"] == pytest.approx(np.average(losses, weights=sizes), rel=1e-14)
        assert newest["gradient_norm"] == pytest.approx(np.mean(norms), rel=1e-14)
        assert newest["val_loss"] == pytest.approx(twin.evaluate(*VALIDATION), rel=1e-14)
        assert newest["learning_rate"] == 0.1
    np.testing.assert_allclose(network.parameters, twin.parameters, rtol=1e-13)


def test_history_has_one_float_an_epoch():
    network = stateful().fit(X, Y, epochs=3, batch_size=4).fit(X, Y, 2, validation_data=VALIDATION)
    assert list(network.history) == ["loss", "val_loss", "learning_rate", "gradient_norm"]
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
    assert same_arrays(given.snapshot(), plain.snapshot())


# A second fit


@pytest.mark.parametrize("rate", SCHEDULES.values(), ids=SCHEDULES)
@pytest.mark.parametrize("batch_size", [None, 4])
@pytest.mark.parametrize("optimizer", optimizer_classes)
def test_a_second_fit_goes_on_to_the_bit(optimizer, batch_size, rate):
    once, twice = stateful(optimizer(rate)), stateful(optimizer(rate))
    once.fit(X, Y, 7, batch_size)
    twice.fit(X, Y, 3, batch_size)
    assert twice.fit(X, Y, 4, batch_size) is twice
    assert same_arrays(once.snapshot(), twice.snapshot())
    assert same_arrays(once.optimizer.state(), twice.optimizer.state())
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


@pytest.mark.parametrize("batch_size", [None, 1, 4])
def test_a_weight_of_0_leaves_a_sample_out(batch_size):
    kept = WEIGHTS > 0
    weighted, fewer = stateful(), stateful()
    X_wild = np.where(kept[:, np.newaxis], X, 1e3)
    weighted.fit(X_wild, Y, 3, batch_size, sample_weight=WEIGHTS)
    fewer.fit(X[kept], Y[kept], 3, batch_size, sample_weight=WEIGHTS[kept])
    assert same_arrays(weighted.snapshot(), fewer.snapshot())
    assert weighted.history["loss"] == fewer.history["loss"]


def test_a_weight_of_0_leaves_a_sample_out_of_a_single_step_too():
    kept = WEIGHTS > 0
    weighted, fewer = stateful(), stateful()
    losses = (
        weighted.train_step(X, Y, WEIGHTS),
        fewer.train_step(X[kept], Y[kept], WEIGHTS[kept]),
    )
    assert losses[0] == losses[1]
    assert same_arrays(weighted.snapshot(), fewer.snapshot())


@given(seeds)
def test_whole_weights_are_repeated_samples(seed):
    weights = RNG(seed).integers(1, 4, 10)
    weighted, repeated = small(seed=seed), small(seed=seed)
    weighted.fit(X, Y, 4, sample_weight=weights)
    repeated.fit(X.repeat(weights, axis=0), Y.repeat(weights, axis=0), 4)
    np.testing.assert_allclose(weighted.history["loss"], repeated.history["loss"], rtol=1e-12)
    np.testing.assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-12, atol=1e-13)


# Callbacks


def test_callbacks_are_called_in_turn_after_each_epoch():
    calls = []

    class Diary(bp.Callback):
        def start(self, network):
            calls.append(("start", network.epoch_count))

        def __call__(self, network):
            calls.append((len(network.history["loss"]), network.epoch_count))

        def finish(self, network):
            calls.append(("finish", network.epoch_count))

    small().fit(X, Y, 2, callbacks=(Diary(), lambda network: calls.append(network.epoch_count)))
    assert calls == [("start", 0), (1, 1), 1, (2, 2), 2, ("finish", 2)]


@pytest.mark.parametrize("wrap", [lambda it: it, lambda it: [it], lambda it: (i for i in [it])])
def test_callbacks_are_one_or_many(wrap):
    seen = []
    network = small().fit(X, Y, 2, callbacks=wrap(seen.append))
    assert seen == [network, network]


def test_stop_training_stops_after_the_epoch_and_not_the_next_fit():
    def stop(network):
        network.stop_training = network.epoch_count == 2

    network = small().fit(X, Y, 10, batch_size=4, callbacks=stop)
    assert network.epoch_count == 2
    assert network.fit(X, Y, 3).epoch_count == 5


def test_a_callback_sees_the_users_own_error_settings():
    seen = []
    with np.errstate(over="raise", invalid="warn"):
        small().fit(X, Y, 1, callbacks=lambda network: seen.append(np.geterr()))
        assert seen == [np.geterr()]


# Progress


@pytest.fixture
def without_tqdm(monkeypatch):
    original = builtins.__import__

    def importer(name, *args, **kwargs):
        if name.startswith("tqdm"):
            raise ImportError(name)
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", importer)


@pytest.mark.usefixtures("without_tqdm")
@pytest.mark.parametrize(
    ("epochs", "lines"), [(1, [1]), (3, [1, 2, 3]), (40, range(4, 41, 4)), (19, range(1, 20))]
)
def test_progress_without_tqdm_is_a_line_now_and_then(capsys, epochs, lines):
    network = small().fit(X, Y, epochs, progress=True)
    out, err = capsys.readouterr()
    width = len(str(epochs))
    assert out.splitlines() == [
        f"epoch {line:{width}}/{epochs}  loss {network.history['loss'][line - 1]:.6f}"
        for line in lines
    ]
    assert not err


@pytest.mark.usefixtures("without_tqdm")
def test_progress_shows_the_last_epoch_and_the_validation_loss(capsys):
    network = small().fit(X, Y, 23, validation_data=VALIDATION, progress=True)
    *_, before, last = capsys.readouterr().out.splitlines()
    assert before.startswith("epoch 22/23  loss ")
    loss, val_loss = network.history["loss"][-1], network.history["val_loss"][-1]
    assert last == f"epoch 23/23  loss {loss:.6f}  val_loss {val_loss:.6f}"


@pytest.mark.usefixtures("without_tqdm")
@pytest.mark.parametrize(("stop", "lines"), [(7, ["5/50", "7/50"]), (10, ["5/50", "10/50"])])
def test_progress_shows_the_last_epoch_of_a_training_that_stops_early(capsys, stop, lines):
    small().fit(
        X,
        Y,
        50,
        callbacks=lambda n: setattr(n, "stop_training", n.epoch_count == stop),
        progress=True,
    )
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == lines


def test_progress_with_tqdm_is_a_bar(capsys):
    pytest.importorskip("tqdm")
    network = small().fit(X, Y, 3, validation_data=VALIDATION, progress=True)
    out, err = capsys.readouterr()
    assert "3/3" in err
    assert f"loss {network.history['loss'][-1]:.6f}  val_loss " in err
    assert err.endswith("\n")
    assert not out


def test_the_bar_is_closed_when_training_fails(monkeypatch):
    bars = []

    class Bar:
        def __init__(self, **settings):
            assert settings["total"] == 3
            bars.append([])

        def set_postfix_str(self, text, refresh):
            bars[-1].append(text)

        def update(self):
            bars[-1].append("update")

        def close(self):
            bars[-1].append("closed")

    tqdm = pytest.importorskip("tqdm.auto")
    monkeypatch.setattr(tqdm, "tqdm", Bar)
    network = small(optimizer=bp.GradientDescent(lambda step: 1 / (1 - step)))
    with pytest.raises(ZeroDivisionError):
        network.fit(X, Y, 3, progress=True)
    assert bars == [[f"loss {network.history['loss'][0]:.6f}", "update", "closed"]]


@pytest.mark.parametrize("missing", [True, False])
def test_no_progress_means_silence(capsys, monkeypatch, missing):
    if missing:
        monkeypatch.setitem(sys.modules, "tqdm", None)
    small().fit(X, Y, 3)
    assert capsys.readouterr() == ("", "")


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
    assert same_arrays(network.snapshot()[1:], good.snapshot()[1:])
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
    network.loss.good_calls, network.optimizer.deed = 10**6, lambda parameters: None
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


def test_a_divergence_error_crosses_processes():
    error = bp.DivergenceError("the loss turned nan", learning_rate=0.5, epoch=3, batch=2)
    twin = pickle.loads(pickle.dumps(error))
    assert vars(twin) == vars(error)
    assert str(twin) == str(error)
    assert isinstance(twin, ArithmeticError)


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
    assert same_arrays(network.snapshot(), before)


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


@pytest.mark.parametrize("rate", [-1, np.nan, np.inf, "fast", None, True])
def test_a_schedule_that_returns_no_rate_is_refused(rate):
    network = small(optimizer=bp.GradientDescent(lambda step: rate))
    before = pickle.dumps(network.snapshot())
    with pytest.raises(bp.ParameterError, match=r"rate .*at least 0; got"):
        network.fit(X, Y, 1)
    assert pickle.dumps(network.snapshot()) == before


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_a_callback_that_raises_leaves_the_last_whole_step(error):
    network, good = small(), small()
    with pytest.raises(type(error), match="mine") as caught:
        network.fit(X, Y, 9, callbacks=lambda net: net.epoch_count < 4 or raiser(error)())
    assert caught.value is error
    assert np.array_equal(network.parameters, good.fit(X, Y, 4).parameters)
    assert network.history["loss"] == good.history["loss"]
    assert np.array_equal(network.fit(X, Y, 3).parameters, good.fit(X, Y, 3).parameters)


def test_callbacks_hear_of_the_end_after_an_error():
    ended = []

    class Ended(bp.Callback):
        def __init__(self, name):
            self.name = name

        def finish(self, network):
            ended.append(self.name)

    class Broken(Ended):
        def start(self, network):
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        small().fit(X, Y, 3, callbacks=[Ended(1), Ended(2), raiser(ValueError("mine"))])
    assert sorted(ended) == [1, 2]
    with pytest.raises(ValueError, match="mine"):
        small().fit(X, Y, 3, callbacks=[Ended(3), Broken(5), Ended(4)])
    assert sorted(ended) == [1, 2, 3]


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
    arrays = [*network.snapshot(), *network.optimizer.state()]
    return pickle.dumps([*arrays, network.history, network.rng.bit_generator.state])


def test_a_callback_may_hear_of_every_step():
    heard = []

    class Hearing(bp.Callback):
        def after_step(self, network):
            heard.append((network.epoch_count, network.optimizer.step_count, np.geterr()["over"]))

        def __call__(self, network):
            heard.append(network.epoch_count)

    with np.errstate(over="raise"):
        small().fit(X, Y, 2, batch_size=5, callbacks=[Hearing(), bp.EarlyStopping(9)])
    steps = [(epoch, step, "raise") for epoch, step in ((0, 1), (0, 2), (1, 3), (1, 4))]
    assert heard == [*steps[:2], 1, *steps[2:], 2]


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
    fresh._unfinished_epoch = None
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


def test_an_error_just_after_a_step_does_not_draw_its_dropout_again():
    network, whole = stateful(), stateful()
    update = network.update

    def late(caches):
        update(caches)
        raise KeyboardInterrupt

    network.update = late
    with pytest.raises(KeyboardInterrupt):
        network.train_step(X, Y)
    del network.update
    whole.train_step(X, Y)
    assert network.train_step(X, Y) == whole.train_step(X, Y)
    assert everything(network) == everything(whole)


def test_a_new_optimizer_in_the_middle_of_an_epoch_is_no_trouble():
    def renew(network):
        network.optimizer = bp.Momentum(0.01)

    network = small().fit(X, Y, 1, callbacks=After(2, renew), **PLAN)
    assert (network.optimizer.step_count, len(network.history["loss"])) == (2, 1)


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


def test_ctrl_c_while_the_best_comes_back_does_not_leave_half_of_it():
    network = small()

    def interrupted(snapshot):
        del network.restore
        network.parameters[:3] = 0
        raise KeyboardInterrupt

    def spoil(network):
        network.restore = interrupted

    stopping = bp.EarlyStopping(1)
    with pytest.raises(KeyboardInterrupt):
        network.fit(X, Y, 1, callbacks=[stopping, spoil])
    assert same_arrays(network.snapshot(), stopping.snapshot)


def test_a_batch_size_beyond_the_samples_is_the_full_batch_also_when_cut_off():
    network = cut_off(1, small(), batch_size=99)
    network.fit(X, Y, 1, batch_size=None, validation_data=VALIDATION)
    assert (network.optimizer.step_count, network.epoch_count) == (1, 1)


# Early stopping


def noisy_line(seed, samples):
    rng = RNG(seed)
    inputs = rng.standard_normal((samples, 3))
    return inputs, inputs[:, :1] + 0.8 * rng.standard_normal((samples, 1))


FEW, MANY = noisy_line(1, 10), noisy_line(11, 30)


def overfitting(rate=0.003):
    """A network that soon learns its few samples by heart."""
    return small(
        *(bp.Dense(3, 20), bp.BatchNorm(20), bp.Tanh(), bp.Dense(20, 1)),
        optimizer=bp.Momentum(rate),
    )


def interrupt(network):
    if network.epoch_count == 12:
        raise KeyboardInterrupt


ENDINGS = {
    "patience": (3, 500, ()),
    "last epoch": (100, 12, ()),
    "interrupt": (100, 500, interrupt),
    "error": (100, 500, lambda network: 1 / (network.epoch_count - 12)),
    "stop_training": (100, 500, lambda n: setattr(n, "stop_training", n.epoch_count == 12)),
    "divergence": (100, 500, lambda n: n.epoch_count == 12 and n.parameters.fill(1e308)),
}


@pytest.mark.parametrize("listed_first", [True, False])
@pytest.mark.parametrize(("patience", "epochs", "ending"), ENDINGS.values(), ids=ENDINGS)
def test_early_stopping_restores_the_best_epoch(patience, epochs, ending, listed_first):
    network, stopping, states = overfitting(), bp.EarlyStopping(patience), []
    callbacks = [stopping, *([ending] if ending else [])][:: 1 if listed_first else -1]
    callbacks = [lambda network: states.append(network.snapshot()), *callbacks]
    try:
        network.fit(*FEW, epochs, 5, validation_data=MANY, callbacks=callbacks)
    except (KeyboardInterrupt, ZeroDivisionError, bp.DivergenceError):
        assert ending
    scores = network.history["val_loss"]
    # A callback before it that raised kept the newest epoch from being compared.
    compared = scores if listed_first or ending is None else scores[:12]
    best = int(np.argmin(compared))
    assert 0 < best < len(scores) - 1  # or the test would prove nothing
    assert (stopping.best_epoch, stopping.best_loss) == (best + 1, scores[best])
    assert network.evaluate(*MANY) == stopping.best_loss
    assert same_arrays(network.snapshot(), states[best])
    assert len(scores) == (best + 1 + patience if patience == 3 else 12)


def test_early_stopping_without_restoring_only_stops():
    stopping, plain = bp.EarlyStopping(2, restore_best=False), overfitting()
    network = overfitting().fit(*FEW, 500, 5, validation_data=MANY, callbacks=stopping)
    assert network.epoch_count == stopping.best_epoch + 2
    plain.fit(*FEW, network.epoch_count, 5)
    assert same_arrays(network.snapshot(), plain.snapshot())


def scripted(monkeypatch, scores):
    """A network whose validation losses are these."""
    network, ahead = small(), iter(scores)
    monkeypatch.setattr(network, "_evaluate", lambda *_: next(ahead))
    return network


@pytest.mark.parametrize(
    ("scores", "settings", "epochs", "best"),
    [
        ([5, 4, 3, 2, 1], {"patience": 1}, 5, 5),
        ([5, 4, 4, 3, 2], {"patience": 1}, 3, 2),
        ([5, 4, 4, 3, 3], {"patience": 2}, 5, 4),
        ([5, 6, 4, 5, 5], {"patience": 2}, 5, 3),
        ([5, 6, 6, 4, 5], {"patience": 2}, 3, 1),
        ([5, 4.5, 4, 3.5, 3], {"patience": 1, "min_delta": 1}, 2, 1),
        ([5, 4.5, 4, 3.5, 3], {"patience": 2, "min_delta": 1}, 3, 1),
        ([5, 4.5, 3.5, 3, 2.5], {"patience": 2, "min_delta": 1}, 5, 3),
        ([5, 4, 3, 2, 1], {"patience": 1, "min_delta": 1}, 2, 1),
        ([math.nan, 4, math.nan, 3, 3], {"patience": 2}, 5, 4),
        ([math.nan, math.inf, 1, 1, 1], {"patience": 2}, 2, None),
    ],
)
def test_early_stopping_counts_epochs_without_improvement(
    monkeypatch, scores, settings, epochs, best
):
    network, stopping = scripted(monkeypatch, scores), bp.EarlyStopping(**settings)
    network.fit(X, Y, 5, validation_data=VALIDATION, callbacks=stopping)
    assert network.epoch_count == epochs
    assert stopping.best_epoch == best
    assert stopping.best_loss == (math.inf if best is None else scores[best - 1])


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_early_stopping_scores_the_training_data_where_there_are_no_others(weights):
    network, stopping = overfitting(rate=0.05), bp.EarlyStopping(20)
    scores = []
    network.fit(
        *(*FEW, 20, 5),
        sample_weight=weights,
        callbacks=[lambda net: scores.append(net.evaluate(*FEW, weights)), stopping],
    )
    np.testing.assert_allclose(network.history["val_loss"], scores, rtol=1e-14)
    assert 0 < int(np.argmin(scores)) < len(scores) - 1
    np.testing.assert_allclose(network.evaluate(*FEW, weights), min(scores), rtol=1e-14)
    assert stopping.best_loss == min(network.history["val_loss"])


def test_early_stopping_starts_anew_in_each_fit():
    network, stopping = overfitting(), bp.EarlyStopping(3)
    network.fit(*FEW, 500, 5, validation_data=MANY, callbacks=stopping)
    first = network.epoch_count
    other = MANY[0], MANY[1] + 10
    network.fit(*FEW, 500, 5, validation_data=other, callbacks=stopping)
    assert stopping.best_loss > 10  # worse than the best of the first fit, and yet its best
    assert first < stopping.best_epoch <= network.epoch_count
    assert network.evaluate(*other) == stopping.best_loss


def test_early_stopping_forgets_the_best_of_an_earlier_fit():
    network, stopping = overfitting(), bp.EarlyStopping(3)
    network.fit(*FEW, 500, 5, validation_data=MANY, callbacks=stopping)
    network.parameters[...] = 0.5
    state = network.snapshot()
    with pytest.raises(bp.DivergenceError):
        network.fit(FEW[0], FEW[1] * 1e200, 5, callbacks=stopping)
    assert same_arrays(network.snapshot(), state)
    assert stopping.best_epoch is None


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"patience": 0}, "patience .*at least 1; got 0"),
        ({"patience": 2.5}, "patience .*got 2.5"),
        ({"patience": 1, "min_delta": -0.1}, "min_delta .*at least 0; got -0.1"),
        ({"patience": 1, "min_delta": math.nan}, "min_delta .*got nan"),
    ],
)
def test_settings_of_early_stopping_out_of_range_are_refused(settings, text):
    with pytest.raises(bp.ParameterError, match=text):
        bp.EarlyStopping(**settings)


def test_callbacks_show_their_settings():
    assert repr(bp.EarlyStopping(5)) == "EarlyStopping(5)"
    assert repr(bp.EarlyStopping(5, min_delta=0.1)) == "EarlyStopping(5, min_delta=0.1)"
