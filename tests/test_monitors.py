"""What watches the training: early stopping, the best that is kept, and a rate that is lowered."""

import math

import numpy as np
import pytest
from test_training import VALIDATION, WEIGHTS, X, Y, small

import backproplite as bp

RNG = np.random.default_rng

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


# What is watched


def told(monitor, scores, **settings):
    """What a callback has to do with a metric that has these values, the first before the fit."""
    ahead = iter(scores)

    def metric(y, p):
        return next(ahead)

    metric.__name__ = monitor
    return {"metrics": metric, **settings}


@pytest.mark.parametrize(
    ("monitor", "mode", "scores", "epochs", "best"),
    [
        ("accuracy_score", None, [0.1, 0.5, 0.7, 0.6, 0.7, 0.9], 4, 2),
        ("accuracy_score", "min", [0.5, 0.4, 0.5, 0.5, 0.1], 3, 1),
        ("mean_error", None, [9, 5, 4, 6, 4, 1], 4, 2),
        ("own", "max", [1, 2, 3, 3, 3, 4], 4, 2),
        ("own", "max", [9, 2, 3, 3], 2, 0),
    ],
)
def test_early_stopping_goes_by_what_it_is_told(monitor, mode, scores, epochs, best):
    stopping, states = bp.EarlyStopping(2, monitor=monitor, mode=mode), []
    network = small()
    before = network.snapshot()
    network.fit(
        X, Y, 5, **told(monitor, scores),
        callbacks=[stopping, lambda network: states.append(network.snapshot())],
    )  # fmt: skip
    assert network.epoch_count == epochs
    assert (stopping.best_epoch, stopping.best_loss) == (best, scores[best])
    np.testing.assert_array_equal(network.snapshot(), [before, *states][best])
    assert np.isnan(network.history["train_loss"]).all()  # nothing is scored in vain


def test_early_stopping_may_go_by_the_validation_data():
    stopping = bp.EarlyStopping(4, monitor="val_r_squared")
    network = overfitting().fit(
        *FEW, 300, 5, validation_data=MANY, metrics="r_squared", callbacks=stopping
    )
    values = network.history["val_r_squared"]
    best = int(np.argmax(values))
    assert 0 < best < len(values) - 1
    assert (stopping.best_epoch, stopping.best_loss) == (best + 1, values[best])
    assert network.evaluate(*MANY, metrics="r_squared")["r_squared"] == values[best]


def test_early_stopping_may_go_by_the_loss_of_the_batches():
    stopping = bp.EarlyStopping(50, monitor="loss")
    network = small().fit(X, Y, 20, 3, callbacks=stopping)
    losses = network.history["loss"]
    assert (stopping.best_epoch, stopping.best_loss) == (int(np.argmin(losses)) + 1, min(losses))


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        (None, 1),
        *((name, 1) for name in ("loss", "val_loss", "train_loss", "log_loss", "max_error")),
        *((name, -1) for name in ("accuracy", "val_accuracy", "val_r_squared", "f1_score")),
    ],
)
def test_what_is_better_is_known_by_the_name(name, mode):
    stopping = bp.EarlyStopping(3, monitor=name)
    assert stopping.sign == mode
    assert stopping.best_loss == mode * math.inf
    for given, sign in {"min": 1, "max": -1}.items():
        stopping.mode = given
        assert stopping.sign == sign


def test_what_is_watched_shows_and_may_be_changed():
    stopping = bp.EarlyStopping(3, monitor="val_f", mode="max")
    assert repr(stopping) == "EarlyStopping(3, monitor='val_f', mode='max')"
    with pytest.raises(bp.ParameterError, match="mode must be given"):
        stopping.mode = None
    stopping.monitor, stopping.mode = "accuracy", None
    assert not stopping.needs_score
    stopping.monitor = "train_loss"
    assert stopping.needs_score


@pytest.mark.parametrize(
    "monitor", ["val_accuracy", "val_loss", "train_loss", "accuracy", "nonsense"]
)
@pytest.mark.parametrize("validated", [False, True])
@pytest.mark.parametrize("measured", [False, True])
def test_only_what_is_measured_can_be_watched(monitor, validated, measured):
    network = small(loss=bp.SigmoidCrossEntropy())
    options = {"metrics": "accuracy"} if measured else {}
    options |= {"validation_split": 0.2} if validated else {}
    known = {"accuracy": measured, "val_accuracy": measured and validated, "val_loss": validated}
    known["train_loss"] = not validated
    stopping = bp.EarlyStopping(3, monitor=monitor, mode="min")
    data = X, (Y > 0) * 1.0, 2
    if known.get(monitor):
        network.fit(*data, callbacks=stopping, **options)
        assert stopping.best_loss in network.history[monitor] or stopping.best_epoch == 0
        return
    with pytest.raises(bp.ParameterError, match=f"monitor must be one of .* got '{monitor}'"):
        network.fit(*data, callbacks=stopping, **options)
    assert {len(values) for values in network.history.values()} == {0}
    assert network.step_count == 0


@pytest.mark.parametrize(
    ("scores", "settings", "saved"),
    [
        ([0.1, 0.3, 0.2, 0.3, 0.4], {"monitor": "accuracy_score"}, [1, 2, 5]),
        ([0.1, 0.3, 0.2, 0.3, 0.4], {"monitor": "accuracy_score", "every": 2}, [2]),
        ([3, 4, 2, math.nan, 1], {"monitor": "own", "mode": "min"}, [1, 3, 5]),
    ],
)
def test_a_checkpoint_keeps_the_best_by_what_it_is_told(tmp_path, scores, settings, saved):
    path, network, written = tmp_path / "model.npz", small(), []
    checkpoint = bp.Checkpoint(path, best_only=True, **settings)
    assert not checkpoint.needs_score
    network.fit(
        X, Y, 5, **told(settings["monitor"], scores),
        callbacks=[checkpoint, lambda _: written.append(bp.Network.load(path).epoch_count)
                   if path.exists() else None],
    )  # fmt: skip
    assert [*dict.fromkeys(written)] == saved


# A rate that is lowered


def lowered(scores, **settings):
    """The learning rate after each epoch that came to such a score."""
    network, rates = small(), []
    callback = bp.ReduceOnPlateau(monitor="own", mode=settings.pop("mode", "min"), **settings)
    network.fit(
        X, Y, len(scores), **told("own", scores),
        callbacks=[callback, lambda it: rates.append(it.optimizer.learning_rate)],
    )  # fmt: skip
    assert network.history["learning_rate"] == [0.1, *rates[:-1]]
    return rates


@pytest.mark.parametrize(
    ("scores", "settings", "rates"),
    [
        ([3, 3, 3, 2, 2, 2], {"patience": 2}, [0.1, 0.1, 0.05, 0.05, 0.05, 0.025]),
        ([3, 3, 3, 3, 3], {"patience": 1}, [0.1, 0.05, 0.025, 0.0125, 0.00625]),
        ([3, 2.5, 2, 1.5], {"patience": 1, "min_delta": 0.6}, [0.1, 0.05, 0.05, 0.025]),
        ([1, 2, 2, 3], {"patience": 1, "mode": "max"}, [0.1, 0.1, 0.05, 0.05]),
        ([3, 3, 3], {"patience": 1, "minimum_rate": 0.04}, [0.1, 0.05, 0.04]),
        ([3, 3, 3], {"patience": 1, "minimum_rate": 0.7}, [0.1, 0.1, 0.1]),
        ([math.nan, math.nan, 3], {"patience": 2}, [0.1, 0.05, 0.05]),
    ],
)
def test_the_rate_is_lowered_when_nothing_gets_better(scores, settings, rates):
    assert lowered(scores, factor=0.5, **settings) == pytest.approx(rates, 1e-15)


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("patience", [1, 2, 5])
def test_the_rate_is_lowered_where_torch_lowers_it(mode, patience):
    torch = pytest.importorskip("torch")
    scores = RNG(patience).normal(size=60).round(1).tolist()
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 0.1)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, mode, 0.7, patience - 1, 0.3, "abs", min_lr=0.01, eps=0
    )
    rates = []
    for score in scores:
        plateau.step(score)
        rates.append(optimizer.param_groups[0]["lr"])
    settings = {"factor": 0.7, "min_delta": 0.3, "minimum_rate": 0.01, "mode": mode}
    assert lowered(scores, patience=patience, **settings) == pytest.approx(rates, 1e-12)


def test_the_rate_goes_by_the_validation_loss():
    callback = bp.ReduceOnPlateau(0.5, 3)
    network = overfitting().fit(*FEW, 200, 5, validation_data=MANY, callbacks=callback)
    best, waited, rate = math.inf, 0, 0.0015
    for score, used in zip(
        network.history["val_loss"], network.history["learning_rate"], strict=True
    ):
        assert used == pytest.approx(rate, 1e-12)
        best, waited = (score, 0) if score < best else (best, waited + 1)
        rate, waited = (rate / 2, 0) if waited == 3 else (rate, waited)
    assert rate < 0.0015
    network.fit(*FEW, 1, 5, validation_data=MANY, callbacks=callback)
    assert (callback.to_beat, callback.waited) == (network.history["val_loss"][-1], 0)


def test_a_schedule_is_not_lowered():
    network = small(optimizer=bp.Adam(bp.CosineSchedule(0.1, 9)))
    stopping = bp.EarlyStopping(2)
    network.fit(X, Y, 1, 3)
    before = network.record.bytes.copy()
    with pytest.raises(bp.ParameterError, match=r"needs a learning rate that is a number; got Cos"):
        network.fit(X, Y, 1, 3, callbacks=[stopping, bp.ReduceOnPlateau()])
    np.testing.assert_array_equal(network.record.bytes, before)
