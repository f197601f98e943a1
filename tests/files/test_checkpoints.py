"""Checkpoints: when they are written, and how training goes on from them."""

import math

import numpy as np
import pytest
from files.common import VALIDATION, CutOff, X, Y, bits, saved, stateful

import backproplite as bp


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
