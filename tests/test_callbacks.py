"""Callbacks: who is told of what, and progress."""

import builtins
import sys

import numpy as np
import pytest
from test_training import ERRORS, VALIDATION, X, Y, raiser, small

import backproplite as bp

RNG = np.random.default_rng


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
    ("epochs", "lines"),
    [(0, []), (1, [1]), (3, [1, 2, 3]), (40, range(4, 41, 4)), (19, range(1, 20))],
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


# Errors


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


# Steps


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


@pytest.mark.parametrize(
    "deed",
    [
        lambda network: network.train_step(X, Y),
        lambda network: network.update(),
        lambda network: network.restore(network.snapshot()),
        lambda network: network.evaluate(X, Y),
    ],
    ids=["train_step", "update", "restore", "evaluate"],
)
@pytest.mark.parametrize("batch_size", [None, 4])
def test_a_callback_may_train_or_go_back_within_an_epoch(deed, batch_size):
    class Doing(bp.Callback):
        def after_step(self, network):
            steps.append(network.step_count)
            deed(network)

    steps, network = [], small(optimizer=bp.GradientDescent(0.0))
    network.fit(X, Y, 2, batch_size, callbacks=Doing())
    assert len(steps) == (2 if batch_size is None else 6)
    np.testing.assert_allclose(network.history["loss"], network.evaluate(X, Y), rtol=1e-14)


def test_a_forgotten_comma_in_state_names_is_told():
    class Best(bp.Callback):
        state_names = "best"

    with pytest.raises(
        bp.ParameterError, match=r"^callbacks\[0\]\.state_names must be a tuple of n"
    ):
        small().fit(X, Y, 1, callbacks=Best())
