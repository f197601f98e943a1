"""What is left of a network when training is cut off: the last whole step, and all of it."""

import copy
import errno
import os
import sys
import threading

import numpy as np
import pytest

import backproplite as bp
from backproplite.saving import network_from_bytes, network_to_bytes

X = np.random.default_rng(0).normal(size=(12, 3))
Y = np.random.default_rng(1).normal(size=(12, 2))


def small(optimizer=None):
    layers = [bp.Dense(3, 4), bp.BatchNorm(4), bp.Tanh(), bp.Dropout(0.2), bp.Dense(4, 2)]
    return bp.Network(layers, bp.MeanSquaredError(), optimizer or bp.Adam(0.01), seed=3)


def everything(network):
    """All numbers that a step moves."""
    optimizer = network.optimizer
    return [optimizer.step_count, *network.snapshot(), *(a.copy() for a in optimizer.state())]


def whole_steps(network, monkeypatch, **options):
    """Train a copy; return its numbers before the first step, and after each."""
    twin = copy.deepcopy(network)
    steps, update = [everything(twin)], bp.Network.update

    def watched(self, caches=()):
        update(self, caches)
        steps.append(everything(self))

    with monkeypatch.context() as patch:
        patch.setattr(bp.Network, "update", watched)
        twin.fit(X, Y, **options)
    return steps


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def assert_whole(network, steps):
    assert same(everything(network), steps[network.optimizer.step_count])
    assert {len(values) for values in network.history.values()} == {network.epoch_count}
    assert np.isfinite(network.predict(X)).all()
    network.fit(X, Y, epochs=1, batch_size=5)


def interrupted_at(moment, function):
    """Run a function; raise KeyboardInterrupt at the moment-th line of ours. Whether it came."""
    folder = os.path.dirname(bp.__file__)
    count = 0

    def watch(frame, event, _):
        nonlocal count
        if not frame.f_code.co_filename.startswith(folder):
            return None
        if event == "line":
            count += 1
            if count == moment:
                sys.settrace(None)
                raise KeyboardInterrupt
        return watch

    outer = sys.gettrace()  # a measurement of the coverage, say
    sys.settrace(watch)
    try:
        function()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(outer)
    return False


def finished(network, epochs, **options):
    """All that is left of a network, saved and loaded again and trained to the end."""
    loaded = network_from_bytes(bp.Network, network_to_bytes(bp.Network, network))
    if loaded.epoch_count < epochs:
        loaded.fit(X, Y, epochs=epochs - loaded.epoch_count, **options)
    return network_to_bytes(bp.Network, loaded)


@pytest.mark.parametrize(
    ("optimizer", "options"),
    [
        (bp.Adam(0.01), {"batch_size": 5}),
        (bp.RMSProp(0.01), {"batch_size": 7, "shuffle": False, "validation_data": (X, Y)}),
        (bp.Momentum(0.01, nesterov=True), {"sample_weight": range(12)}),
    ],
    ids=["Adam", "RMSProp", "Momentum"],
)
def test_ctrl_c_at_any_line_of_fit_leaves_the_last_whole_step_to_go_on_from(
    optimizer, options, monkeypatch
):
    """Saved, loaded and trained to the end, it is to the bit what it would have become."""
    options = options | {"epochs": 2}
    fresh = small(copy.deepcopy(optimizer))
    steps = whole_steps(fresh, monkeypatch, **options)
    to_the_end = finished(fresh, **options)
    reached, moment = set(), 1
    while True:
        network = copy.deepcopy(fresh)
        if not interrupted_at(moment, lambda network=network: network.fit(X, Y, **options)):
            break
        reached.add(network.optimizer.step_count)
        assert finished(network, **options) == to_the_end
        assert_whole(network, steps)
        moment += 1
    assert reached == set(range(len(steps)))
    assert moment > 150


def test_ctrl_c_at_any_line_of_a_train_step_undoes_it():
    fresh = small()
    before = everything(fresh)
    after = copy.deepcopy(fresh)
    after.train_step(X, Y)
    moment, undone = 1, 0
    while True:
        network = copy.deepcopy(fresh)
        if not interrupted_at(moment, lambda network=network: network.train_step(X, Y)):
            break
        undone += same(everything(network), before)
        assert same(everything(network), before) or same(everything(network), everything(after))
        moment += 1
    assert undone > 50


def test_ctrl_c_while_the_best_is_brought_back_brings_it_back_whole():
    fresh = small().fit(X, Y, epochs=3)
    stopping = bp.EarlyStopping(1)
    stopping.start(fresh)
    fresh.history["val_loss"][-1] = 0.1
    stopping(fresh)
    best, moment = everything(fresh)[1:4], 1
    fresh.fit(X, Y, epochs=3)
    while True:
        network = copy.deepcopy(fresh)
        came = interrupted_at(moment, lambda network=network: stopping.finish(network))
        assert same(everything(network)[1:4], best) or moment <= 2  # before it has begun
        if not came:
            break
        moment += 1
    assert moment > 5


@pytest.mark.parametrize("error", [MemoryError, OSError, KeyboardInterrupt, ZeroDivisionError])
@pytest.mark.parametrize("place", ["layer", "loss", "schedule", "optimizer", "callback"])
def test_an_error_from_anywhere_comes_through_and_leaves_the_last_whole_step(
    error, place, monkeypatch
):
    calls = 0

    def failing(function):
        def wrapper(*arguments):
            nonlocal calls
            calls += 1
            result = function(*arguments)
            if calls == 8:
                raise error("in the middle")
            return result

        return wrapper

    network = small(bp.Adam(failing(lambda step: 0.01) if place == "schedule" else 0.01))
    options = {"epochs": 12, "batch_size": 5}
    expected = small()
    steps = whole_steps(expected, monkeypatch, **options)
    callbacks = [failing(lambda network: None)] if place == "callback" else []
    target = {"layer": network.layers[4], "loss": network.loss, "optimizer": network.optimizer}
    if place in target:
        name = "update" if place == "optimizer" else "forward"
        vars(target[place])[name] = failing(getattr(target[place], name))
    with pytest.raises(error, match="in the middle"):
        network.fit(X, Y, callbacks=callbacks, **options)
    assert network.optimizer.step_count == (24 if place == "callback" else 7)
    assert_whole(network, steps)


def test_a_full_disk_ends_the_training_and_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "model.npz"
    network = small()
    steps = whole_steps(network, monkeypatch, epochs=3)
    network.fit(X, Y, epochs=1, callbacks=bp.Checkpoint(path))
    old = path.read_bytes()

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        network.fit(X, Y, epochs=2, callbacks=bp.Checkpoint(path))
    assert path.read_bytes() == old
    assert os.listdir(tmp_path) == ["model.npz"]
    assert network.epoch_count == 2
    assert_whole(network, steps)


def test_divergence_is_told_in_its_batch_and_the_last_finite_numbers_stay(monkeypatch):
    network = bp.Network(
        [bp.Dense(3, 4), bp.BatchNorm(4), bp.Dense(4, 2)],
        bp.MeanSquaredError(),
        bp.GradientDescent(lambda step: 0.1 if step < 4 else 1e200),
        seed=0,
    )
    records, update = [], bp.Network.update

    def watched(self, caches=()):
        update(self, caches)
        records.append(everything(self))

    monkeypatch.setattr(bp.Network, "update", watched)
    with pytest.raises(bp.DivergenceError, match=r"in epoch 2, batch 3, at learning rate 1e\+200"):
        network.fit(X, Y, epochs=3, batch_size=5)
    assert same(everything(network), records[-1])
    assert len(records) == 5
    assert np.isfinite(network.parameters).all()


def test_threads_may_predict_at_once_and_while_another_evaluates():
    network = small().fit(X, Y, epochs=3)
    inputs = [np.random.default_rng(i).normal(size=(40 + i, 3)) for i in range(8)]
    expected = [network.predict(x) for x in inputs]
    wrong = []

    def work(i):
        for _ in range(200):
            if not np.array_equal(network.predict(inputs[i]), expected[i]):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(50):
        network.evaluate(X, Y)
    for thread in threads:
        thread.join()
    assert not wrong
