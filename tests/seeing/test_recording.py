"""The recorder: what it keeps of which epochs, and that it only reads."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest

import backproplite as bp
from backproplite.seeing.recording import Recorder, gradient_sizes, trained_layers

X = np.random.default_rng(1).standard_normal((10, 2))
Y = np.random.default_rng(2).standard_normal((10, 1))


def network_of(*layers, **settings):
    layers = layers or (
        *(bp.Dense(2, 4), bp.BatchNorm(4), bp.Tanh(), bp.Dropout(0.3)),
        bp.Dense(4, 1),
    )
    return bp.Network(
        layers, loss=bp.MeanSquaredError(), **{"optimizer": bp.Momentum(0.05), "seed": 0} | settings
    )


@pytest.mark.parametrize(("every", "epochs"), [(1, [1, 2, 3, 4, 5, 6, 7]), (3, [3, 6]), (8, [])])
def test_every_so_many_epochs_are_kept(every, epochs):
    recorder = Recorder(every)
    network_of().fit(X, Y, 7, callbacks=recorder)
    assert recorder.epochs == epochs
    assert len(recorder.parameters) == len(recorder.losses) == len(epochs)
    assert all(len(sizes) == len(epochs) for sizes in recorder.gradient_sizes.values())


def test_what_is_kept_is_what_the_network_was_after_each_epoch():
    recorder, seen = Recorder(), []

    def look(network):
        layers = network.layers[0], network.layers[1], network.layers[4]
        names = ("weight", "bias"), ("scale", "bias"), ("weight", "bias")
        sizes = [
            np.concatenate([abs(getattr(layer, f"grad_{n}")).ravel() for n in both]).mean()
            for layer, both in zip(layers, names, strict=True)
        ]
        seen.append((network.snapshot(), network.history["loss"][-1], sizes))

    network = network_of().fit(X, Y, 4, batch_size=4, callbacks=[look, recorder])
    assert list(recorder.gradient_sizes) == [
        "layers[0] Dense(2, 4)",
        "layers[1] BatchNorm(4)",
        "layers[4] Dense(4, 1)",
    ]
    for i, (snapshot, loss, sizes) in enumerate(seen):
        assert np.array_equal(recorder.parameters[i], snapshot)
        assert recorder.losses[i] == loss
        kept = [each[i] for each in recorder.gradient_sizes.values()]
        assert kept == pytest.approx(sizes, rel=1e-14)
        assert {type(size) for size in kept} == {float}
    # the parameters, four running means and variances, and the count of batches
    assert recorder.parameters[0].shape == (network.parameters.size + 9,)


def test_the_network_goes_back_to_a_recorded_epoch():
    recorder, network = Recorder(), network_of()
    network.fit(X, Y, 2, callbacks=recorder)
    then = network.predict(X)
    network.fit(X, Y, 5, callbacks=recorder)
    assert not np.array_equal(network.predict(X), then)
    network.restore(recorder.parameters[1])
    assert np.array_equal(network.predict(X), then)


def test_recording_changes_nothing():
    plain, watched = network_of(), network_of()
    plain.fit(X, Y, 5, batch_size=3)
    watched.fit(X, Y, 5, batch_size=3, callbacks=Recorder(2))
    assert pickle.dumps(plain) == pickle.dumps(watched)


def test_another_fit_of_the_same_network_goes_on():
    recorder, network = Recorder(2), network_of()
    network.fit(X, Y, 3, callbacks=recorder).fit(X, Y, 3, callbacks=recorder)
    assert recorder.epochs == [2, 4, 6]
    assert recorder.losses == network.history["loss"][1::2]


@pytest.mark.parametrize("trained", [0, 1, 9])
def test_another_network_begins_anew(trained):
    recorder = Recorder()
    network_of().fit(X, Y, 3, callbacks=recorder)
    other = network_of(bp.Dense(2, 1), seed=5)
    if trained:
        other.fit(X, Y, trained)
    other.fit(X, Y, 2, callbacks=recorder)
    assert recorder.epochs == [trained + 1, trained + 2]
    assert list(recorder.gradient_sizes) == ["layers[0] Dense(2, 1)"]
    assert recorder.parameters[-1].shape == (3,)


def test_a_network_made_alike_begins_anew_too():
    recorder = Recorder()
    network_of().fit(X, Y, 3, callbacks=recorder)
    network_of().fit(X, Y, 2, callbacks=recorder)
    assert recorder.epochs == [1, 2]


def test_a_diverging_training_leaves_its_finite_epochs():
    recorder = Recorder()
    network = network_of(bp.Dense(2, 1), optimizer=bp.GradientDescent(1e60))
    with pytest.raises(bp.DivergenceError):
        network.fit(X, Y, 50, callbacks=recorder)
    assert recorder.losses == network.history["loss"]
    assert len(recorder.epochs) == network.epoch_count > 0


def test_clipped_gradients_are_recorded_as_they_were_applied():
    recorder = Recorder()
    network = network_of(bp.Dense(2, 1), optimizer=bp.GradientDescent(0.1, clip_value=1e-6))
    network.fit(X, Y, 1, callbacks=recorder)
    assert recorder.gradient_sizes == {"layers[0] Dense(2, 1)": [pytest.approx(1e-6)]}


def test_layers_without_parameters_have_no_gradients():
    network = network_of(bp.Dense(2, 3), bp.ReLU(), bp.Dense(3, 1, bp.Zeros()))
    assert list(trained_layers(network).values()) == [network.layers[0], network.layers[2]]
    network.loss_and_gradient(X, Y)
    sizes = gradient_sizes(network)
    assert sizes["layers[0] Dense(2, 3)"] == 0  # nothing comes back through a zero
    assert list(sizes.values())[1] > 0


def test_bad_every_is_refused():
    with pytest.raises(bp.ParameterError, match=r"every must be a whole number of at least 1"):
        Recorder(0)


def test_gradients_of_a_block_are_those_of_its_layers():
    network = network_of(bp.Dense(2, 4), bp.Residual([bp.Dense(4, 4), bp.Tanh()]), bp.Dense(4, 1))
    network.loss_and_gradient(X, Y)
    inner = network.layers[1].layers[0]
    entries = np.concatenate([abs(inner.grad_weight).ravel(), abs(inner.grad_bias)])
    assert list(gradient_sizes(network).values())[1] == pytest.approx(entries.mean(), rel=1e-14)


def test_copies_and_pickles_carry_on():
    recorder, network = Recorder(2), network_of()
    network.fit(X, Y, 2, callbacks=recorder)
    for other in (copy.deepcopy(recorder), pickle.loads(pickle.dumps(recorder))):
        copy.deepcopy(network).fit(X, Y, 2, callbacks=other)
        assert other.epochs == [2, 4]
    assert recorder.epochs == [2]
    assert repr(Recorder()) == "Recorder()"
    assert repr(recorder) == "Recorder(every=2)"


def test_seeing_needs_no_matplotlib():
    code = "import sys, backproplite.seeing; print('matplotlib' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
