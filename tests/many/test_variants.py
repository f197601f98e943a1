"""Networks made from one: at rest, with the weights that their seeds draw."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from many.common import XOR, assert_same, small
from strategies import networks as drawn_networks

import backproplite as bp

X, y = XOR


def with_all():
    block = bp.Residual([bp.Dense(4, 4), bp.BatchNorm(4), bp.Tanh()])
    layers = [bp.Dense(2, 4, bp.He()), block, bp.Dropout(0.2), bp.Dropout(0.3), bp.Dense(4, 1)]
    return bp.Network(layers, bp.Huber(0.5), bp.Momentum(0.1, clip_norm=1.0), 3, "float32")


def test_a_fresh_one_is_as_it_was_built():
    network, first = with_all(), with_all()
    network.fit(X, y, 3, 2)
    before = pickle.dumps(network)
    assert_same(bp.fresh(network, 3), first)
    assert pickle.dumps(network) == before
    assert repr(bp.fresh(network, 3)) == repr(first)
    assert_same(bp.fresh(network, 3).fit(X, y, 3, 2), network)
    seeds = {bp.fresh(network).seed for _ in range(3)}
    assert len(seeds) == 3


@given(drawn_networks())
def test_any_network_can_be_made_anew(case):
    network, X, y = case
    one = bp.fresh(network, 5)
    twin = bp.fresh(copy.deepcopy(network).fit(X, y, 0), 5)
    assert_same(one, twin)
    assert repr(one) == repr(network)
    assert one.step_count == one.optimizer.step_count == 0


def test_what_is_asked_for_takes_the_place_of_what_was():
    given = {"loss": bp.MeanSquaredError(), "optimizer": bp.Adam(0.2), "dtype": "float64"}
    network = bp.fresh(with_all(), 0, **given)
    assert repr(network.loss) == repr(given["loss"])
    assert repr(network.optimizer) == repr(given["optimizer"])
    assert network.dtype == np.float64


class Counting(bp.Layer):
    """Counts the samples that it has met, from a start that its constructor is given."""

    state_names = ("met",)

    def __init__(self, start, forgets=False):
        if not forgets:
            self.start = start
        self.add_state("met", (), start)

    def forward(self, x):
        return x, len(x)

    def backward(self, grad_output, cache):
        return grad_output

    def after_step(self, cache):
        self.met += cache


def test_the_state_of_a_layer_of_ones_own_starts_again():
    network = bp.Network([bp.Dense(2, 1), Counting(7)], bp.MeanSquaredError()).fit(X, y, 2)
    assert network.layers[1].met == 15
    assert bp.fresh(network).layers[1].met == 7
    network = bp.Network([bp.Dense(2, 1), Counting(7, True)], bp.MeanSquaredError())
    with pytest.raises(bp.ParameterError, match=r"layers\[1\] .* cannot be made anew"):
        bp.fresh(network)


def test_variants_are_all_combinations():
    runs = bp.variants(with_all(), learning_rate=[0.1, 0.2], momentum=0.5, seed=range(3))
    assert runs.settings[4] == {"learning_rate": 0.2, "momentum": 0.5, "seed": 1}
    assert len(runs) == 6
    for network, settings in zip(runs, runs.settings, strict=True):
        assert network.optimizer.learning_rate == settings["learning_rate"]
        assert network.optimizer.momentum == 0.5
        assert network.optimizer.clip_norm == 1.0
        assert network.seed == settings["seed"]
        np.testing.assert_array_equal(
            network.parameters, bp.fresh(with_all(), settings["seed"]).parameters
        )
    memory = {id(network.record.bytes) for network in runs}
    assert len(memory) == 6


def test_a_setting_of_layers_is_that_of_all_that_have_it():
    runs = bp.variants(with_all(), rate=np.array([0.5, 0.0]))
    for network, rate in zip(runs, (0.5, 0.0), strict=True):
        assert [network.layers[2].rate, network.layers[3].rate] == [rate, rate]
        assert network.seed == 3


def test_optimizers_and_losses_may_be_varied_too():
    runs = bp.variants(
        small(),
        optimizer=[bp.Adam(), bp.GradientDescent()],
        loss=[bp.Huber(), bp.MeanSquaredError()],
        dtype="float32",
        learning_rate=bp.ExponentialSchedule(0.1, 0.5, 2),
    )
    assert [type(network.optimizer).__name__ for network in runs[::2]] == [
        "Adam",
        "GradientDescent",
    ]
    assert [type(network.loss).__name__ for network in runs[:2]] == ["Huber", "MeanSquaredError"]
    assert all(isinstance(n.optimizer.learning_rate, bp.ExponentialSchedule) for n in runs)
    bp.fit_together(runs, X, y, 2)


def test_they_are_a_list_that_knows_its_settings():
    runs = bp.variants(small(), learning_rate=[0.1, 0.01], seed=[1, 2])
    groups = runs.by("learning_rate")
    assert {rate: [*group] for rate, group in groups.items()} == {0.1: runs[:2], 0.01: runs[2:]}
    assert runs[1:3].settings == runs.settings[1:3]
    assert groups[0.01].by("seed").keys() == {1, 2}
    for other in (copy.deepcopy(runs), pickle.loads(pickle.dumps(runs))):
        assert type(other) is bp.Variants
        assert other.settings == runs.settings
        assert_same(other[2], runs[2])
    with pytest.raises(bp.ParameterError, match="settings: learning_rate, seed; got 'rate'"):
        runs.by("rate")


def test_they_are_printed_as_a_table():
    runs = bp.variants(small(), learning_rate=[0.1, 1e-5], seed=7)
    assert repr(runs) == (
        "   learning_rate  seed  epochs\n"
        "0            0.1     7       0\n"
        "1          1e-05     7       0"
    )
    bp.fit_together(runs, X, y, 3, validation_data=(X, y))
    runs[1].diverged = bp.DivergenceError("it", 1.0)
    head, first, second = repr(runs).splitlines()
    assert head.split() == ["learning_rate", "seed", "epochs", "loss", "val_loss"]
    losses = [runs[0].history[name][-1] for name in ("loss", "val_loss")]
    assert first.split() == ["0", "0.1", "7", "3", *(f"{loss:.6g}" for loss in losses)]
    assert second.endswith("diverged")
    many = repr(bp.variants(small(), seed=range(100))).splitlines()
    assert len(many) == 62
    assert many[31].split() == ["..."] * 3
    assert many[-1].split() == ["99", "99", "0"]
    runs.append(small())
    assert repr(runs).startswith("[Network(")


def test_only_a_network_can_be_varied():
    for make in (bp.variants, bp.fresh):
        with pytest.raises(bp.ParameterError, match="network must be a Network; got 7"):
            make(7)
