"""Callbacks: who is told of what, early stopping, checkpoints, and progress."""

import builtins
import math
import sys

import numpy as np
import pytest
from test_training import ERRORS, VALIDATION, WEIGHTS, X, Y, raiser, small

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


# Early stopping


def noisy_line(seed, samples):
    rng = RNG(seed)
    inputs = rng.standard_normal((samples, 3))
    return inputs, inputs[:, :1] + 0.8 * rng.standard_normal((samples, 1))


FEW, MANY = noisy_line(1, 10), noisy_line(11, 30)


def overfitting(rate=0.0015):
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
    assert np.array_equal(network.snapshot(), states[best])
    assert len(scores) == (best + 1 + patience if patience == 3 else 12)


def test_early_stopping_without_restoring_only_stops():
    stopping, plain = bp.EarlyStopping(2, restore_best=False), overfitting()
    network = overfitting().fit(*FEW, 500, 5, validation_data=MANY, callbacks=stopping)
    assert network.epoch_count == stopping.best_epoch + 2
    plain.fit(*FEW, network.epoch_count, 5)
    assert np.array_equal(network.snapshot(), plain.snapshot())


def scripted(monkeypatch, scores):
    """A network whose validation losses are these, after training has begun."""
    network, ahead = small(), iter([math.inf, *scores])
    monkeypatch.setattr(network, "score", lambda batch: next(ahead))
    return network


@pytest.mark.parametrize(
    ("scores", "settings", "epochs", "best"),
    [
        ([5, 4, 3, 2, 1], {"patience": 1}, 5, 5),
        ([5, 4, 4, 3, 2], {"patience": 1}, 3, 2),
        ([5, 4, 4, 3, 3], {"patience": 2}, 5, 4),
        ([5, 6, 4, 5, 5], {"patience": 2}, 5, 3),
        ([5, 6, 6, 4, 5], {"patience": 2}, 3, 1),
        ([5, 4.5, 4, 3.5, 3], {"patience": 1, "min_delta": 1}, 2, 2),
        ([5, 4.5, 4, 3.5, 3], {"patience": 2, "min_delta": 1}, 3, 3),
        ([5, 4.5, 3.5, 3, 2.5], {"patience": 2, "min_delta": 1}, 5, 5),
        ([5, 4, 3, 2, 1], {"patience": 1, "min_delta": 1}, 2, 2),
        ([5, 4.5, 4.7, 4.6, 4.4], {"patience": 3, "min_delta": 1}, 4, 2),
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
    np.testing.assert_allclose(network.history["train_loss"], scores, rtol=1e-14)
    assert np.isnan(network.history["val_loss"]).all()
    assert 0 < int(np.argmin(scores)) < len(scores) - 1
    np.testing.assert_allclose(network.evaluate(*FEW, weights), min(scores), rtol=1e-14)
    assert stopping.best_loss == min(network.history["train_loss"])


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
    assert np.array_equal(network.snapshot(), state)
    assert stopping.best_epoch is None


def test_before_any_training_there_is_no_best():
    stopping = bp.EarlyStopping(1)
    assert (stopping.best_loss, stopping.best_epoch) == (math.inf, None)


def test_callbacks_show_their_settings():
    assert repr(bp.EarlyStopping(5)) == "EarlyStopping(5)"
    assert repr(bp.EarlyStopping(5, min_delta=0.1)) == "EarlyStopping(5, min_delta=0.1)"


def test_early_stopping_goes_back_to_before_a_fit_that_made_it_worse():
    network, stopping = overfitting(), bp.EarlyStopping(3)
    network.fit(*FEW, 500, 5, validation_data=MANY, callbacks=stopping)
    before, epochs = network.snapshot(), network.epoch_count
    network.optimizer = bp.GradientDescent(1e-3)
    network.fit(FEW[0], FEW[1] + 9, 4, validation_data=MANY, callbacks=stopping)
    assert min(network.history["val_loss"][epochs:]) > network.evaluate(*MANY)
    assert np.array_equal(network.snapshot(), before)
    assert (stopping.best_epoch, stopping.best_loss) == (epochs, network.evaluate(*MANY))


def test_scores_of_the_training_data_are_not_compared_with_those_of_others(tmp_path):
    path, network = tmp_path / "model.npz", overfitting()
    network.fit(*FEW, 30, callbacks=bp.Checkpoint(path, best_only=True))
    network.fit(*FEW, 1, validation_data=MANY, callbacks=bp.Checkpoint(path, best_only=True))
    assert network.history["val_loss"][-1] > min(network.history["train_loss"][:-1])
    assert bp.Network.load(path).epoch_count == 31  # the best of its sort


def test_a_forgotten_comma_in_state_names_is_told():
    class Best(bp.Callback):
        state_names = "best"

    with pytest.raises(
        bp.ParameterError, match=r"^callbacks\[0\]\.state_names must be a tuple of n"
    ):
        small().fit(X, Y, 1, callbacks=Best())
