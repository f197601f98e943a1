"""Checkpoints: when they are written, and how training goes on from them."""

import math
import warnings

import numpy as np
import pytest
from files.common import VALIDATION, CutOff, X, Y, bits, saved, stateful

import backproplite as bp
from backproplite.files.networks import network_from_bytes
from backproplite.files.objects import Writer


def test_training_that_was_cut_off_goes_on_from_the_checkpoint(tmp_path):
    path, settings = tmp_path / "model.npz", {"batch_size": 3, "validation_data": VALIDATION}

    def cut_off(network):
        if network.epoch_count == 5:
            raise KeyboardInterrupt

    network, whole = stateful(), stateful()
    with pytest.raises(KeyboardInterrupt):
        network.fit(X, Y, 9, callbacks=[bp.Checkpoint(path, every=2), cut_off], **settings)
    again = bp.Network.load(path)
    assert again.epoch_count == 4
    assert bits(again.fit(X, Y, 9 - 4, **settings)) == bits(whole.fit(X, Y, 9, **settings))


def test_training_goes_on_from_a_checkpoint_in_the_middle_of_an_epoch(tmp_path):
    path, settings = tmp_path / "model.npz", {"batch_size": 3, "validation_data": VALIDATION}

    network, whole = stateful(), stateful()
    callbacks = [bp.Checkpoint(path, every=99, every_steps=5), CutOff(16)]
    with pytest.raises(KeyboardInterrupt):
        network.fit(X, Y, 6, callbacks=callbacks, **settings)
    again = bp.Network.load(path)
    assert (again.step_count, again.epoch_count) == (15, 3)
    assert saved(again) == path.read_bytes()
    assert saved(again.fit(X, Y, 6 - 3, **settings)) == saved(whole.fit(X, Y, 6, **settings))


def written_at(tmp_path, scores, **settings):
    """The epochs after which a file is written, for validation losses one after the other."""
    network, checkpoint = stateful(), bp.Checkpoint(tmp_path / "model.npz", **settings)
    written = []
    network.save = lambda path: (
        bp.Network.save(network, path),
        written.append(network.epoch_count),
    )
    for score in scores:
        network.record.views["epochs"][()] += 1
        for values in network.history.values():
            values.append(score)
        checkpoint(network)
    return written


@pytest.mark.parametrize(
    ("settings", "written"),
    [
        ({}, [1, 2, 3, 4, 5, 6, 7]),
        ({"every": 2}, [2, 4, 6]),
        ({"every": 10}, []),
        ({"best_only": True}, [1, 2, 5, 7]),
        ({"best_only": True, "every": 2}, [2, 6]),
        ({"best_only": True, "every": 3}, [3, 6]),
    ],
)
def test_when_a_checkpoint_is_written(tmp_path, settings, written):
    assert written_at(tmp_path, [5.0, 4.0, 4.0, 4.5, 3.0, 3.5, 2.0], **settings) == written


def test_the_first_checkpoint_is_written_whatever_the_score(tmp_path):
    assert written_at(tmp_path, [math.nan, math.nan, 2.0, math.nan, 3.0], best_only=True) == [1, 3]


def test_the_best_is_the_best_over_all_calls_of_fit(tmp_path):
    path = tmp_path / "model.npz"
    network, settings = stateful(), {"batch_size": 3, "validation_data": VALIDATION}
    network.fit(X, Y, 10, callbacks=bp.Checkpoint(path, best_only=True), **settings)
    assert bp.Network.load(path).epoch_count == np.argmin(network.history["val_loss"]) + 1
    again = bp.Network.load(path)
    again.optimizer.learning_rate = 3.0  # from now on it gets worse
    best = path.read_bytes()
    again.fit(X, Y, 2, callbacks=bp.Checkpoint(path, best_only=True), **settings)
    assert path.read_bytes() == best


def test_the_best_is_found_without_validation_data(tmp_path):
    network = stateful()
    network.fit(X, Y, 4, callbacks=bp.Checkpoint(tmp_path / "model.npz", best_only=True))
    assert np.isfinite(network.history["train_loss"]).all()
    network.fit(X, Y, 1, callbacks=bp.Checkpoint(tmp_path / "model.npz"))
    assert np.isnan(network.history["train_loss"][-1])
    assert np.isnan(network.history["val_loss"]).all()


def test_a_checkpoint_refuses_bad_arguments_at_once(tmp_path):
    with pytest.raises(bp.InputError, match="does not exist"):
        bp.Checkpoint(tmp_path / "missing" / "model.npz")
    with pytest.raises(bp.ParameterError, match="every must be a whole number of at least 1"):
        bp.Checkpoint(tmp_path / "model.npz", every=0)
    with pytest.raises(bp.ParameterError, match="every_steps must be a whole number of at least 1"):
        bp.Checkpoint(tmp_path / "model.npz", every_steps=0)
    with pytest.raises(bp.ParameterError, match=r"^every_steps cannot be had with best_only: leav"):
        bp.Checkpoint(tmp_path / "model.npz", best_only=True, every_steps=3)
    assert (
        repr(bp.Checkpoint("a.npz", 2, best_only=True))
        == "Checkpoint('a.npz', every=2, best_only=True)"
    )


# Callbacks with a memory


class Best(bp.Callback):
    """A user's own: it remembers the best loss and all that came before."""

    state_names = ("best", "seen", "steps")

    def start(self, network):
        self.best, self.seen, self.steps = None, [], 0

    def after_step(self, network):
        self.steps += 1

    def __call__(self, network):
        loss = network.history["loss"][-1]
        self.best = loss if self.best is None else min(loss, self.best)
        self.seen.append((network.epoch_count, np.array([loss])))


class Saver(bp.Callback):
    """Keeps what a checkpoint would write, after each step and each epoch."""

    def start(self, network):
        self.files = []

    def __call__(self, network):
        self.files.append(saved(network))

    after_step = __call__


def memories(callbacks):
    """What callbacks remember, to the bit."""
    writer = Writer()
    plain = [
        writer.describe(f"[{i}].{name}", getattr(each, name))
        for i, each in enumerate(callbacks)
        for name in each.state_names
    ]
    return plain, {where: array.tobytes() for where, array in writer.arrays.items()}


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("validated", [True, False])
def test_callbacks_go_on_from_every_cut_as_if_nothing_had_happened(place, validated):
    def callbacks():
        watchers = [bp.EarlyStopping(3, min_delta=1e-4), Best(), bp.Recorder(2)]
        watchers.insert(place, Saver())
        return watchers

    settings = {"batch_size": 2, "validation_data": VALIDATION if validated else None}
    whole, told = stateful(), callbacks()
    end = saved(whole.fit(X, Y, 30, callbacks=told, **settings))
    files = told[place].files
    assert len(files) > 20
    assert whole.cut_off is None
    for content in files[::5] + files[11::12]:  # the latter after each second epoch
        network, again = network_from_bytes(bp.Network, content), callbacks()
        left = 30 - network.epoch_count
        assert saved(network) == content
        assert saved(network.fit(X, Y, left, callbacks=again, **settings)) == end
        assert memories(again) == memories(told)


def test_what_is_kept_of_a_fit_is_for_that_fit_alone(tmp_path):
    path = tmp_path / "model.npz"
    network = stateful()
    callbacks = [bp.EarlyStopping(5), bp.Checkpoint(path), CutOff(7), Best()]
    with pytest.raises(KeyboardInterrupt):
        network.fit(X, Y, 9, 4, callbacks=callbacks)
    stopping = bp.EarlyStopping(5)
    network = bp.Network.load(path)
    network.fit(X, Y + 10, 1, 4, callbacks=stopping)  # other data
    assert stopping.best_loss > 1
    assert network.cut_off is None
    network, counting = bp.Network.load(path), Best()
    network.train_step(X, Y)  # trained by something else
    network.fit(X, Y, 1, 4, callbacks=counting)
    assert counting.steps == 3
    with pytest.warns(bp.TrainingWarning, match=r"had EarlyStopping\(5\): give it again, or it is"):
        bp.Network.load(path).fit(X, Y, 1, 4, callbacks=Best())
    with pytest.warns(bp.TrainingWarning, match=r"had EarlyStopping\(5\)"):
        bp.Network.load(path).fit(X, Y, 1, 4, callbacks=[Best(), bp.EarlyStopping(6)])


def test_no_epochs_end_a_fit_that_was_cut_off_at_its_end(tmp_path):
    path = tmp_path / "model.npz"
    settings = {"batch_size": 4, "validation_data": VALIDATION}
    stopping = bp.EarlyStopping(2)
    whole = stateful().fit(X, Y, 99, callbacks=[stopping, bp.Checkpoint(path)], **settings)
    assert whole.epoch_count < 99
    for epochs in (0, 5):
        again = bp.Network.load(path).fit(X, Y, epochs, callbacks=bp.EarlyStopping(2), **settings)
        assert saved(again) == saved(whole)


def test_what_a_checkpoint_cannot_save_is_refused_before_training(tmp_path):
    network = bp.Network([bp.Dense(3, 1)], bp.MeanSquaredError(), bp.Adam(lambda step: 0.1))
    with pytest.raises(bp.ParameterError, match="a lambda has no name"):
        network.fit(X, Y, 60, callbacks=bp.Checkpoint(tmp_path / "model.npz", every=50))
    assert network.step_count == 0


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        ({1: object()}, "odd cannot be saved: .* is neither plain data"),
        (10**400, "the memory of a callback cannot be saved: a setting .* too large a number"),
        (np.array(["text"]), "odd must be an array of numbers; got dtype <U4"),
    ],
)
def test_a_memory_that_no_file_can_hold_is_refused_before_training(tmp_path, odd, words):
    class Odd(bp.Callback):
        state_names = ("odd",)

        def start(self, network):
            self.odd = odd

    network = stateful()
    with pytest.raises(bp.ParameterError, match=words):
        network.fit(X, Y, 1, callbacks=[Odd(), bp.Checkpoint(tmp_path / "model.npz")])
    assert network.step_count == 0


class Apart(bp.Callback):
    """Its memory is a setting, a property, and a slot; its other setting shows its address."""

    __slots__ = ("seen",)
    state_names = ("factor", "count", "seen")

    def __init__(self, function, factor=1.0):
        self.function, self.factor = function, factor

    @property
    def count(self):
        return self._count

    @count.setter
    def count(self, value):
        self._count = value

    def start(self, network):
        self.count = self.seen = 0

    def __call__(self, network):
        self.factor, self.count, self.seen = self.factor / 2, self.count + 1, self.seen + 1


def test_a_memory_comes_back_however_it_is_kept(tmp_path):
    path, again = tmp_path / "model.npz", Apart(lambda: 2)
    with pytest.raises(KeyboardInterrupt):
        stateful().fit(X, Y, 5, callbacks=[Apart(lambda: 1), bp.Checkpoint(path), CutOff(3)])
    network = bp.Network.load(path)
    network.fit(X, Y, 5 - network.epoch_count, callbacks=again)
    assert (again.factor, again.count, again.seen) == (1 / 32, 5, 5)


def test_a_warning_that_is_an_error_lets_nothing_be_forgotten(tmp_path):
    path, again = tmp_path / "model.npz", Best()
    with pytest.raises(KeyboardInterrupt):
        stateful().fit(X, Y, 5, callbacks=[Best(), bp.Checkpoint(path), CutOff(3)])
    network = bp.Network.load(path)
    with warnings.catch_warnings(action="error"), pytest.raises(bp.TrainingWarning):
        network.fit(X, Y, 2)
    network.fit(X, Y, 5 - network.epoch_count, callbacks=again)
    assert [epoch for epoch, _ in again.seen] == [1, 2, 3, 4, 5]


def test_a_watch_warns_once_in_a_fit_that_is_cut_off(tmp_path):
    path = tmp_path / "model.npz"
    network = stateful(optimizer=bp.GradientDescent(lambda step: 0.01))
    network.optimizer = bp.GradientDescent(3.0)
    watch = bp.Watch(X, Y)
    with pytest.warns(bp.TrainingWarning), pytest.raises(KeyboardInterrupt):
        network.fit(X, Y, 9, callbacks=[watch, bp.Checkpoint(path), CutOff(3)])
    assert watch.warned
    again = bp.Watch(X, Y)
    bp.Network.load(path).fit(X, Y, 2, callbacks=again)
    assert again.warned
    assert again.diagnosis is None
