"""What is left of a network when training is cut off: the last whole step, and all of it."""

import copy
import errno
import os
import sys
import threading

import numpy as np
import pytest

import backproplite as bp

X = np.random.default_rng(0).normal(size=(12, 3))
Y = np.random.default_rng(1).normal(size=(12, 2))


def small(optimizer=None):
    layers = [bp.Dense(3, 4), bp.BatchNorm(4), bp.Tanh(), bp.Dropout(0.2), bp.Dense(4, 2)]
    return bp.Network(layers, bp.MeanSquaredError(), optimizer or bp.Adam(0.01), seed=3)


def state(network):
    """All that training changes."""
    history = tuple(np.array(values).tobytes() for values in network.history.values())
    return network.record.bytes.tobytes(), history


class States(bp.Callback):
    """Keeps the state after each step and epoch, which is where training may be cut off."""

    state = staticmethod(state)

    def start(self, network):
        self.states = [self.state(network)]

    def after_step(self, network):
        self.states.append(self.state(network))

    def __call__(self, network):
        self.after_step(network)


def whole_states(network, **options):
    """Train a copy; return every state that it comes through."""
    states = States()
    copy.deepcopy(network).fit(X, Y, callbacks=states, **options)
    return states.states


def interrupted_at(moment, function, event="opcode"):
    """Run a function; raise KeyboardInterrupt at the moment-th bytecode of ours. Whether it came."""
    folder = os.path.dirname(bp.__file__)
    count = 0

    def watch(frame, what, _):
        nonlocal count
        if not frame.f_code.co_filename.startswith(folder):
            return None
        frame.f_trace_opcodes = event == "opcode"
        if what == event:
            count += 1
            if count == moment:
                sys.settrace(None)
                raise KeyboardInterrupt
        return watch

    sys._getframe().f_trace_opcodes = True  # Python 3.12 asks for it when the tracing begins
    outer = sys.gettrace()  # a measurement of the coverage, say
    sys.settrace(watch)
    try:
        function()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(outer)
    return False


def saved(network, path):
    network.save(path)
    return path.read_bytes()


OPTIONS = {"epochs": 2}
CASES = {
    "Adam": (bp.Adam(0.01), {"batch_size": 5}),
    "RMSProp": (
        bp.RMSProp(0.01),
        {"batch_size": 7, "shuffle": False, "validation_data": (X, Y)},
    ),
    "Momentum": (bp.Momentum(0.01, nesterov=True), {"sample_weight": range(12)}),
}


@pytest.mark.parametrize(("optimizer", "options"), CASES.values(), ids=CASES)
def test_from_every_whole_state_it_is_saved_loaded_and_trained_to_the_same_end(
    optimizer, options, tmp_path
):
    options = OPTIONS | options
    whole = small(optimizer).fit(X, Y, **options)
    end, path = saved(whole, tmp_path / "end.npz"), tmp_path / "model.npz"
    steps = whole.step_count
    for made in range(steps):

        def cut_off(network, made=made):
            if network.step_count == made + 1:
                raise KeyboardInterrupt

        class Cut(bp.Callback):
            def after_step(self, network, cut_off=cut_off):
                cut_off(network)

        network = small(optimizer)
        with pytest.raises(KeyboardInterrupt):
            network.fit(X, Y, callbacks=Cut(), **options)
        network.save(path)
        loaded = bp.Network.load(path)
        if loaded.epoch_count < 2:
            loaded.fit(X, Y, **options | {"epochs": 2 - loaded.epoch_count})
        assert saved(loaded, path) == end


EVERYWHERE = [
    ("line", 3),
    *(pytest.param(e, 1, marks=pytest.mark.slow) for e in ("line", "opcode")),
]


@pytest.mark.parametrize(("event", "stride"), EVERYWHERE)
@pytest.mark.parametrize(("optimizer", "options"), CASES.values(), ids=CASES)
def test_ctrl_c_anywhere_in_fit_leaves_a_whole_state(optimizer, options, event, stride):
    options = OPTIONS | options
    fresh = small(optimizer)
    states = whole_states(fresh, **options)
    reached, moment = set(), 1
    while True:
        network = copy.deepcopy(fresh)
        fit = lambda network=network: network.fit(X, Y, **options)  # noqa: E731
        if not interrupted_at(moment, fit, event):
            break
        left = state(network)
        # Where training has just begun, all that is written is what it goes through.
        reached.add(states.index(left) if left in states else begun(network, fresh))
        moment += stride
    assert reached >= set(range(len(states)))
    assert moment > 500


def begun(network, fresh):
    """Tell a network that has begun its first epoch, and no more, from one that is half-changed."""
    assert network.record.batches == 0
    network.record.views["running"][...] = fresh.record.views["running"]
    assert state(network) == state(fresh)
    return -1


@pytest.mark.parametrize("event", ["line", pytest.param("opcode", marks=pytest.mark.slow)])
def test_ctrl_c_anywhere_in_a_train_step_makes_it_or_undoes_it(event):
    fresh = small()
    after = copy.deepcopy(fresh)
    after.train_step(X, Y)
    reached, moment = [], 1
    while True:
        network = copy.deepcopy(fresh)
        step = lambda network=network: network.train_step(X, Y)  # noqa: E731
        if not interrupted_at(moment, step, event):
            break
        reached.append([state(fresh), state(after)].index(state(network)))
        moment += 1
    assert reached == sorted(reached)
    assert set(reached) == {0, 1}


def test_ctrl_c_while_the_best_is_brought_back_brings_back_all_of_it_or_nothing():
    fresh = small().fit(X, Y, epochs=3)
    stopping = bp.EarlyStopping(1)
    stopping.start(fresh)
    fresh.history["val_loss"][-1] = 0.1
    stopping(fresh)
    best, moment = fresh.snapshot(), 1
    fresh.fit(X, Y, epochs=3)
    reached = []
    while True:
        network = copy.deepcopy(fresh)
        came = interrupted_at(moment, lambda network=network: stopping.finish(network))
        kept = [fresh.snapshot().tobytes(), best.tobytes()]
        reached.append(kept.index(network.snapshot().tobytes()))
        if not came:
            break
        moment += 1
    assert reached == sorted(reached)
    assert set(reached) == {0, 1}


def assert_whole(network, states):
    assert state(network) in states
    assert {len(values) for values in network.history.values()} == {network.epoch_count}
    assert np.isfinite(network.predict(X)).all()
    network.fit(X, Y, epochs=1, batch_size=5)


@pytest.mark.parametrize("error", [MemoryError, OSError, KeyboardInterrupt, ZeroDivisionError])
@pytest.mark.parametrize("place", ["layer", "loss", "schedule", "optimizer", "callback"])
def test_an_error_from_anywhere_comes_through_and_leaves_the_last_whole_step(error, place):
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
    states = whole_states(small(), **options)
    callbacks = [failing(lambda network: None)] if place == "callback" else []
    target = {"layer": network.layers[4], "loss": network.loss, "optimizer": network.optimizer}
    if place in target:
        name = "update" if place == "optimizer" else "forward"
        vars(target[place])[name] = failing(getattr(target[place], name))
    with pytest.raises(error, match="in the middle"):
        network.fit(X, Y, callbacks=callbacks, **options)
    assert network.step_count == (24 if place == "callback" else 7)
    assert_whole(network, states)


def test_a_full_disk_ends_the_training_and_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "model.npz"
    network = small()
    states = whole_states(network, epochs=3)
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
    assert_whole(network, states)


def test_divergence_is_told_in_its_batch_and_the_last_finite_numbers_stay():
    network = bp.Network(
        [bp.Dense(3, 4), bp.BatchNorm(4), bp.Dense(4, 2)],
        bp.MeanSquaredError(),
        bp.GradientDescent(lambda step: 0.1 if step < 4 else 1e200),
        seed=0,
    )
    states = States()
    with pytest.raises(bp.DivergenceError, match=r"in epoch 2, batch 3, at learning rate 1e\+200"):
        network.fit(X, Y, epochs=3, batch_size=5, callbacks=states)
    assert state(network) == states.states[-1]
    assert network.step_count == 5
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
