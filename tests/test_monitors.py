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
