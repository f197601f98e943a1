"""Diagnoses: sick networks are told from healthy ones, and nothing about them changes.

`benchmarks/diagnoses.py` tries many more of both.
"""

import contextlib
import copy
import linecache
import math
import warnings

import numpy as np
import pytest
from printed import plain_repr

import backproplite as bp
from backproplite.seeing.health import Observer, best_constant, try_rate
from backproplite.testing import LOSSES, targets_for

XOR, MOONS = bp.datasets.xor(), bp.datasets.moons()
DIGITS = tuple(part[:300] for part in bp.datasets.digits())
#: What the words of a cure may name.
NAMES = {name: getattr(bp, name) for name in bp.__all__}
RNG = np.random.default_rng
NOISE = RNG(1).standard_normal((50, 1)), RNG(2).standard_normal(50)
LINE = NOISE[0], 2 * NOISE[0][:, 0] - 1
LARGE, TINY, OFF = bp.Normal(deviation=2), bp.Normal(deviation=0.001), bp.Constant(-10)


def deep(activation, depth=2, width=16, weights=None, bias=None, features=2, outputs=1, norm=None):
    layers = []
    for i in range(depth - 1):
        layers.append(bp.Dense(width if i else features, width, weights, bias))
        layers += [*([norm(width)] if norm else []), activation()]
    return [*layers, bp.Dense(width if depth > 1 else features, outputs, weights)]


def on_moons(layers, optimizer=None, seed=0, **settings):
    optimizer = bp.GradientDescent(0.1) if optimizer is None else optimizer
    return bp.Network(layers, bp.SigmoidCrossEntropy(), optimizer, seed=seed, **settings)


def on_digits(optimizer, layers=None, seed=0, **settings):
    layers = deep(bp.ReLU, width=64, features=64, outputs=10) if layers is None else layers
    return bp.Network(layers, bp.SoftmaxCrossEntropy(), optimizer, seed=seed, **settings)


def on_xor(optimizer, seed=42):
    layers = [bp.Dense(2, 4), bp.Sigmoid(), bp.Dense(4, 1), bp.Sigmoid()]
    return bp.Network(layers, bp.MeanSquaredError(), optimizer, seed=seed)


def on_line(optimizer):
    return bp.Network([bp.Dense(1, 1)], bp.MeanSquaredError(), optimizer, seed=2)


def names(diagnosis):
    return [finding.name for finding in diagnosis.findings]


def state(network):
    """Everything about a network that training or a look could change."""
    return (
        network.record.bytes.tobytes(),
        network.gradients.tobytes(),
        network.stop_training,
        repr(network.optimizer),
        copy.deepcopy(network.history),
    )


# Sick networks, and their cures


def sick_weights(vanishing="vanishing gradients", exploding="exploding gradients"):
    """Name, finding, sick layers, cured layers."""
    relu, tanh, sigmoid, he = bp.ReLU, bp.Tanh, bp.Sigmoid, bp.He()
    return [
        ("sigmoids", vanishing, deep(sigmoid, 10), deep(relu, 10, weights=he)),
        ("sigmoids, normalised", vanishing, deep(sigmoid, 10), deep(sigmoid, 10, norm=bp.BatchNorm)),
        ("tiny ReLU", vanishing, deep(relu, 5, weights=TINY), deep(relu, 5, weights=he)),
        ("tiny tanh", vanishing, deep(tanh, 5, weights=TINY), deep(tanh, 5, weights=bp.Glorot())),
        ("all zeros", "units all alike", deep(tanh, 2, weights=bp.Zeros()), deep(tanh, 2)),
        ("large ReLU", exploding, deep(relu, 6, 32, LARGE), deep(relu, 6, 32, he)),
        ("normalised", exploding, deep(relu, 6, 32, LARGE), deep(relu, 6, 32, LARGE, norm=bp.BatchNorm)),
        ("large tanh", "saturated units", deep(tanh, 4, 32, LARGE), deep(tanh, 4, 32)),
        ("off", "dead units", deep(relu, bias=OFF), deep(relu, bias=bp.Zeros())),
        ("leaky", "dead units", deep(relu, bias=OFF), deep(bp.LeakyReLU, bias=OFF)),
    ]  # fmt: skip


OPTIMIZERS = [
    bp.GradientDescent(0.1), bp.Momentum(0.02), bp.RMSProp(0.001), bp.Adam(0.005), bp.AdamW(0.005)
]  # fmt: skip


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize("case", sick_weights(), ids=lambda case: case[0])
def test_wrong_weights_are_found_and_the_cure_helps(case, optimizer):
    _, finding, sick, cured = copy.deepcopy(case)
    diagnosis = bp.diagnose(on_moons(sick, copy.deepcopy(optimizer)), *MOONS)
    assert names(diagnosis)[0] == finding
    assert not diagnosis.healthy
    diagnosis = bp.diagnose(on_moons(cured, copy.deepcopy(optimizer)), *MOONS)
    assert (diagnosis.healthy, diagnosis.findings) == (True, ()), diagnosis


@pytest.mark.parametrize("clipping", [{"clip_norm": 1}, {"clip_value": 0.01}])
def test_clipping_cures_exploding_gradients(clipping):
    layers = deep(bp.ReLU, 6, 32, LARGE)
    network = on_moons(layers, bp.GradientDescent(0.1, **clipping))
    assert bp.diagnose(network, *MOONS).healthy
    network.fit(*MOONS, epochs=20, batch_size=32, callbacks=bp.Watch(*MOONS))
    network.optimizer = bp.GradientDescent(0.1)
    network.parameters[...] = on_moons(deep(bp.ReLU, 6, 32, LARGE)).parameters
    assert "exploding gradients" in names(bp.diagnose(network, *MOONS))


RATES = [
    pytest.param(make, kind, rate, data, id=f"{make.__name__} {kind.__name__}", marks=marks)
    for make, kind, rate, data, *marks in [
        (on_xor, bp.GradientDescent, 0.5, XOR),
        (on_xor, bp.AdamW, 0.05, XOR),
        (on_line, bp.GradientDescent, 0.1, LINE),
        (on_digits, bp.GradientDescent, 0.3, DIGITS),
        (on_digits, bp.Momentum, 0.05, DIGITS, pytest.mark.slow),
        (on_digits, bp.RMSProp, 0.005, DIGITS, pytest.mark.slow),
        (on_digits, bp.Adam, 0.01, DIGITS, pytest.mark.slow),
    ]
]


@pytest.mark.parametrize(("make", "kind", "rate", "data"), RATES)
def test_wrong_rates_are_found_and_the_suggested_rate_helps(make, kind, rate, data):
    for factor, finding in ((100, "learning rate too high"), (0.001, "learning rate too low")):
        diagnosis = bp.diagnose(make(kind(rate * factor)), *data)
        assert names(diagnosis) == [finding], diagnosis
        (found,) = diagnosis.findings
        assert f"{rate * factor:g}" in found.evidence
        assert f"{diagnosis.loss:.4g}" in found.evidence or factor < 1
        suggested = eval(found.cure.removeprefix("Use ").removesuffix("."), NAMES)
        assert type(suggested) is kind
        assert bp.diagnose(make(suggested), *data).healthy
    assert bp.diagnose(make(kind(rate)), *data).healthy


@pytest.mark.parametrize("rate", [0, 1e-9, 1e-7, 1e-5, 1e-4])
def test_a_rate_may_be_too_low_by_any_factor(rate):
    assert names(bp.diagnose(on_xor(bp.GradientDescent(rate)), *XOR)) == ["learning rate too low"]


def test_the_lowest_rate_that_does_half_as_well_as_the_best_is_suggested():
    network = on_line(bp.GradientDescent(1e-4))
    (finding,) = bp.diagnose(network, *LINE).findings
    falls = {r: try_rate(network, network.prepare(*LINE), r, 1).fall for r in (0.001, 0.01, 0.1, 1)}
    assert falls[0.001] < 0.5 * max(falls.values()) < falls[0.01] < falls[0.1]
    assert finding.cure == "Use GradientDescent(learning_rate=0.01)."


def test_the_low_ends_of_a_schedule_are_meant():
    warm = bp.WarmUpSchedule(10**6, then=0.5)
    assert bp.diagnose(on_xor(bp.GradientDescent(warm)), *XOR).healthy
    assert not bp.diagnose(on_xor(bp.GradientDescent(warm(0))), *XOR).healthy


def test_a_schedule_that_is_used_up_is_not_asked_again():
    table = [0.5] * 30
    network = on_xor(bp.GradientDescent(lambda step: table[step]))
    network.fit(*XOR, epochs=30, callbacks=bp.Watch(*XOR))
    assert bp.diagnose(network, *XOR).healthy


def test_divergence_is_named_after_it_has_happened():
    network = on_line(bp.GradientDescent(3.0))
    with pytest.raises(bp.DivergenceError):
        network.fit(*LINE, epochs=5000)
    (finding,) = bp.diagnose(network, *LINE).findings
    assert finding.name == "learning rate too high"
    assert f"{network.history['loss'][0]:.4g} in the first epoch" in finding.evidence
    assert "GradientDescent(learning_rate=0.3)" in finding.cure
    network.optimizer = bp.GradientDescent(0.3)  # the cure, from fresh weights
    network.parameters[...] = on_line(bp.Adam()).parameters
    assert bp.diagnose(network, *LINE).healthy


def test_a_loss_that_is_not_finite_is_a_finding():
    network = on_line(bp.GradientDescent(0.1))
    network.parameters[...] = 1e200
    diagnosis = bp.diagnose(network, *LINE)
    assert names(diagnosis) == ["exploding gradients"]
    assert "the loss is inf" in diagnosis.verdict
    assert "The loss is inf" in str(diagnosis)


@pytest.mark.parametrize("rate", [0.1, 1e6])
def test_a_rate_far_too_high_may_come_from_the_weights(rate):
    layers = deep(bp.ReLU, 4, 32, bp.Normal(), features=1)
    layers[-1].weight *= 1000
    network = bp.Network(layers, bp.MeanSquaredError(), bp.GradientDescent(rate), seed=0)
    (finding,) = bp.diagnose(network, *LINE).findings
    assert finding.name == "learning rate too high"
    suggested, _, other = finding.cure.partition(" Or: ")
    assert "clip_norm=1" in other
    assert "He()" in other
    network.optimizer = eval(suggested.removeprefix("Use ").removesuffix("."), NAMES)
    assert bp.diagnose(network, *LINE).healthy


def test_a_loss_that_has_risen_does_not_hide_exploding_gradients():
    network = on_moons(deep(bp.ReLU, 6, 32, LARGE))
    network.history["loss"] += [1.0, 1e9]
    network.history["learning_rate"] += [0.1, 0.1]
    found = names(bp.diagnose(network, *MOONS))
    assert found == ["learning rate too high", "exploding gradients"]


def test_a_rate_is_not_called_too_low_where_something_else_is_wrong():
    weight = 1 + 9 * MOONS[1]  # so that the last bias, which is not dead, has something to learn
    network = on_moons(deep(bp.ReLU, bias=OFF), bp.GradientDescent(1e-7))
    assert names(bp.diagnose(network, *MOONS, weight)) == ["dead units"]
    cured = on_moons(deep(bp.ReLU), bp.GradientDescent(1e-7))
    assert names(bp.diagnose(cured, *MOONS, weight)) == ["learning rate too low"]


# Data, layers and settings that do not suit each other

FEATURES = RNG(0).normal(size=(200, 5))
SMOOTH = np.sin(FEATURES[:, 0]) + FEATURES[:, 1] * FEATURES[:, 2]
SMOOTH = (SMOOTH - SMOOTH.mean()) / SMOOTH.std()
PAIR = np.stack([SMOOTH, 1000 * FEATURES[:, 3]], axis=1)
#: Twelve of a thousand, half hidden by noise.
RARE = RNG(0).normal(size=(1000, 3)), None
RARE = RARE[0], (RARE[0][:, 0] + 2 * RNG(1).normal(size=1000) > 5).astype(float)


def standardised(data):
    return (data - data.mean(axis=0)) / data.std(axis=0)


def on_numbers(optimizer=None, layers=None, outputs=1, loss=None, seed=0):
    layers = [bp.Dense(5, 16), bp.ReLU(), bp.Dense(16, outputs)] if layers is None else layers
    return bp.Network(layers, loss or bp.MeanSquaredError(), optimizer, seed=seed)


SCALES = {
    "y of a house": (FEATURES, 200_000 + 50_000 * SMOOTH, "scale of y"),
    "y far off": (FEATURES, 50 + 20 * SMOOTH, "scale of y"),
    "large y": (FEATURES, 5000 * SMOOTH, "scale of y"),
    "tiny y": (FEATURES, 1e-4 * SMOOTH, "scale of y"),
    "unlike y": (FEATURES, PAIR, "scale of y"),
    "X of 100": (100 * FEATURES, SMOOTH, "scale of X"),
    "X of 1e6": (1e6 * FEATURES, SMOOTH, "scale of X"),
    "X of 1e8": (1e8 * FEATURES, SMOOTH, "scale of X"),
    "one X of 1e6": (FEATURES * [1, 1, 1e6, 1, 1], SMOOTH, "scale of X"),
    "tiny X": (1e-4 * FEATURES, SMOOTH, "scale of X"),
}


@pytest.mark.parametrize("optimizer", [None, *OPTIMIZERS], ids=repr)
@pytest.mark.parametrize("case", SCALES, ids=str)
def test_scales_are_named_before_and_after_training_and_scaling_cures(case, optimizer):
    X, y, finding = SCALES[case]
    if case == "y far off" and optimizer:
        return  # others get there
    network = on_numbers(copy.deepcopy(optimizer), outputs=y[0].size)
    for _ in range(2):
        diagnosis = bp.diagnose(network, X, y)
        assert names(diagnosis) == [finding], diagnosis
        network.optimizer = bp.Adam()  # which does not diverge
        network.fit(X, y, epochs=10, batch_size=32)
    cure = diagnosis.findings[0].cure
    part = eval(cure.rpartition(" ")[2].removesuffix("."), NAMES | {"X": X, "y": y})
    network = on_numbers(copy.deepcopy(optimizer), outputs=y[0].size)
    if "X" in finding:
        network = on_numbers(optimizer, [part, *copy.deepcopy(network.layers)], y[0].size)
    else:
        network.loss = part
    assert bp.diagnose(network, X, y).healthy
    network.optimizer = bp.Adam(0.01)
    assert bp.diagnose(network.fit(X, y, epochs=200, batch_size=32), X, y).healthy
    assert (network.evaluate(X, y) < 0.2) or y.ndim == 2


def test_a_loss_that_scales_is_not_scaled_once_more():
    loss = bp.StandardizedTargets(bp.Huber(), 0.0, 1.0)
    (finding,) = bp.diagnose(on_numbers(loss=loss), FEATURES, 5000 * SMOOTH).findings
    assert finding.cure == "Let the loss be StandardizedTargets.of(y, Huber())."


def test_far_targets_that_are_reached_and_learnt_scales_are_healthy():
    y = 200 + 50 * SMOOTH
    network = on_numbers(bp.Adam(0.05))
    for _ in range(4):
        assert bp.diagnose(network, FEATURES, y).healthy
        network.fit(FEATURES, y, epochs=100, batch_size=32)
    X, y = 5000 * LINE[0], 3000 * LINE[1]
    network = on_line(bp.Adam())
    network.parameters[...] = 1.2, -3000
    assert "has learnt" in bp.diagnose(network, X, y).verdict


def test_a_batch_norm_in_front_takes_any_scale():
    layers = [bp.BatchNorm(5), bp.Dense(5, 16), bp.ReLU(), bp.Dense(16, 1)]
    assert bp.diagnose(on_numbers(layers=layers), 1e6 * FEATURES, SMOOTH).healthy


class Linear(bp.Dense):
    """One's own, of which nobody knows that it is linear."""


class Bending(bp.Layer):
    """A block that bends numbers between two Dense layers by itself."""

    def __init__(self):
        self.inner = [bp.Dense(2, 8), bp.Dense(8, 1)]

    def forward(self, x):
        hidden, first = self.inner[0].forward(x)
        hidden = np.tanh(hidden)
        output, second = self.inner[1].forward(hidden)
        return output, (first, hidden, second)

    def backward(self, grad_output, cache):
        first, hidden, second = cache
        grad = self.inner[1].backward(grad_output, second) * (1 - hidden * hidden)
        return self.inner[0].backward(grad, first)


def structures():
    """Name, finding, sick layers, layers with the cure, on the moons."""
    dense, tanh, same = bp.Dense, bp.Tanh, bp.Constant(0.5)
    linear, hidden, alike = "no activation between", "no hidden layer", "units all alike"
    good = [dense(2, 8), tanh(), dense(8, 1)]
    return [
        ("none", hidden, [dense(2, 1)], [dense(2, 16), tanh(), dense(16, 1)]),
        ("normalised", hidden, [bp.BatchNorm(2), dense(2, 1)], good),
        ("in a row", linear, [dense(2, 8), dense(8, 1)], good),
        ("dropout", linear, [dense(2, 8), bp.Dropout(0.1), dense(8, 1)], good),
        ("norm", linear, [dense(2, 8), bp.BatchNorm(8), dense(8, 1)], good),
        ("in a block", linear, [dense(2, 8), bp.Residual([dense(8, 8), dense(8, 8)]), tanh(), dense(8, 1)], good),
        ("first two", linear, [dense(2, 8), dense(8, 8), tanh(), dense(8, 1)], good),
        ("same weights", alike, [dense(2, 8, same), tanh(), dense(8, 1, same)], good),
        ("all zeros", alike, [dense(2, 8, bp.Zeros()), tanh(), dense(8, 1, bp.Zeros())], good),
        ("in the middle", alike, [dense(2, 8), tanh(), dense(8, 8, same), tanh(), dense(8, 1, same)], good),
    ]  # fmt: skip


@pytest.mark.parametrize("case", structures(), ids=lambda case: case[0])
def test_wrong_structures_are_found_before_and_after_training(case):
    _, finding, sick, cured = copy.deepcopy(case)
    network = on_moons(sick, bp.Adam(0.01))
    for _ in range(2):
        assert names(bp.diagnose(network, *MOONS)) == [finding]
        network.fit(*MOONS, epochs=5, batch_size=32)
    network = on_moons(cured, bp.Adam(0.01))
    assert bp.diagnose(network, *MOONS).healthy
    assert network.fit(*MOONS, epochs=300, batch_size=32).evaluate(*MOONS) < 0.1


@pytest.mark.parametrize("last", [[], [bp.Sigmoid()]], ids=repr)
def test_exclusive_or_without_a_hidden_layer_is_named(last):
    def network(layers):
        return bp.Network([*layers, *last], bp.MeanSquaredError(), bp.Adam(0.05), seed=0)

    made = network([bp.Dense(2, 1)])
    for _ in range(2):
        (finding,) = bp.diagnose(made, *XOR).findings
        assert finding.name == "no hidden layer"
        assert "a linear copy gets to loss 0.25," in finding.evidence
        made.fit(*XOR, epochs=1000)
    layers = eval(f"[{finding.cure.removeprefix('Begin with ').removesuffix('.')}]", NAMES)
    assert network(layers).fit(*XOR, epochs=500).evaluate(*XOR) < 1e-3


def test_only_a_place_narrower_than_both_sides_may_be_meant():
    layers = [bp.Dense(5, 2), bp.Dense(2, 1), bp.Tanh(), bp.Dense(1, 1)]
    found = names(bp.diagnose(on_numbers(bp.Adam(0.01), layers), FEATURES, SMOOTH))
    assert found == ["no activation between"]


NO_WRONG_STRUCTURES = {
    "a narrow place": [bp.Dense(2, 1), bp.Dense(1, 3), bp.Tanh(), bp.Dense(3, 1)],
    "a block that adds": [bp.Dense(2, 8), bp.Residual([bp.Dense(8, 8)]), bp.Tanh(), bp.Dense(8, 1)],
    "a block that bends": [Bending()],
    "one's own": [Linear(2, 8), bp.Dense(8, 1)],
    "zeros at the end": [bp.Dense(2, 8), bp.Tanh(), bp.Dense(8, 1, bp.Zeros())],
    "a block that starts as nothing": [
        bp.Dense(2, 8),
        bp.Residual([bp.Dense(8, 8), bp.Tanh(), bp.Dense(8, 8, bp.Zeros())]),
        bp.Tanh(),
        bp.Dense(8, 1),
    ],
}


@pytest.mark.parametrize("case", NO_WRONG_STRUCTURES)
def test_these_structures_are_not_called_wrong(case):
    network = on_moons(copy.deepcopy(NO_WRONG_STRUCTURES[case]), bp.Adam(0.01))
    assert bp.diagnose(network, *MOONS).healthy


@pytest.mark.parametrize("data", [NOISE, LINE, (FEATURES, FEATURES[:, 0] > 0)], ids=str)
def test_what_a_hidden_layer_does_not_help_needs_none(data):
    network = on_numbers(bp.Adam(0.01), [bp.Dense(data[0].shape[1], 1)])
    assert bp.diagnose(network, *data).healthy
    assert bp.diagnose(network.fit(*data, epochs=50), *data).healthy


@pytest.mark.parametrize(
    ("data", "layers", "loss"),
    [
        ((FEATURES, 50 + 20 * SMOOTH), [bp.Sigmoid()], bp.MeanSquaredError()),
        ((FEATURES, SMOOTH), [bp.Tanh()], bp.MeanSquaredError()),
        ((FEATURES, SMOOTH), [bp.ReLU()], bp.Huber()),
        ((FEATURES, SMOOTH), [bp.ELU(0.5)], bp.MeanAbsoluteError()),
        ((FEATURES, SMOOTH > 0), [bp.ReLU()], bp.SigmoidCrossEntropy()),
        ((FEATURES, SMOOTH > 0), [bp.Tanh()], bp.SigmoidCrossEntropy()),
    ],
    ids=str,
)
def test_outputs_out_of_reach_are_named_before_and_after_training(data, layers, loss):
    network = on_numbers(bp.Adam(0.01), deep(bp.Tanh, features=5) + layers, loss=loss)
    for _ in range(2):
        (finding,) = bp.diagnose(network, *data).findings
        assert finding.name == "outputs out of reach"
        assert f"layers[3] {layers[0]!r}" in finding.evidence
        assert finding.cure.startswith(f"Leave out layers[3] {layers[0]!r}")
        with warnings.catch_warnings(action="ignore"):
            network.fit(*data, epochs=30)
    network = on_numbers(bp.Adam(0.01), deep(bp.Tanh, features=5), loss=loss)
    y = standardised(data[1]) if data[1].dtype == float else data[1]
    assert bp.diagnose(network, data[0], y).healthy


def test_an_activation_that_reaches_all_targets_may_end_the_network():
    for last, y in ((bp.Sigmoid(), SMOOTH > 0), (bp.LeakyReLU(), SMOOTH), (bp.ReLU(), SMOOTH**2)):
        layers = [*deep(bp.Tanh, features=5), last]
        assert bp.diagnose(on_numbers(bp.Adam(0.01), layers), FEATURES, y).healthy


@pytest.mark.parametrize(
    "optimizer",
    [
        bp.GradientDescent(0.1, weight_decay=1.0),
        bp.Momentum(0.05, weight_decay=0.3),
        bp.Adam(0.01, weight_decay=1.0),
        bp.AdamW(0.01, weight_decay=10.0),
    ],
    ids=repr,
)
def test_weight_decay_that_outweighs_the_data_is_named_and_less_of_it_cures(optimizer):
    network = on_moons(deep(bp.Tanh), optimizer)
    for _ in range(2):
        (finding,) = bp.diagnose(network, *MOONS).findings
        assert finding.name == "weight decay too strong"
        network.fit(*MOONS, epochs=200)
    sick = network.evaluate(*MOONS)
    optimizer.weight_decay = float(finding.cure.rpartition("=")[2].removesuffix("."))
    network = on_moons(deep(bp.Tanh), optimizer)
    assert bp.diagnose(network, *MOONS).healthy
    assert network.fit(*MOONS, epochs=500).evaluate(*MOONS) < sick - 0.2


@pytest.mark.parametrize(
    "optimizer",
    [
        bp.GradientDescent(0.5, weight_decay=0.01),
        bp.Adam(0.01, weight_decay=1e-3),
        bp.AdamW(0.01),
        bp.AdamW(0.01, weight_decay=0.3),
    ],
    ids=repr,
)
def test_weight_decay_that_only_holds_back_is_healthy(optimizer):
    network = on_moons(deep(bp.Tanh), optimizer)
    for _ in range(3):
        assert bp.diagnose(network, *MOONS).healthy
        network.fit(*MOONS, epochs=100)


def test_batch_statistics_of_one_sample_are_named():
    network = on_moons(deep(bp.Tanh, norm=bp.BatchNorm), bp.Adam(0.01))
    (finding,) = bp.diagnose(network, MOONS[0][:1], MOONS[1][:1]).findings
    assert finding.name == "batches of one"
    assert finding.evidence.startswith("of one sample layers[1] BatchNorm(16)")
    with pytest.raises(bp.ParameterError):  # so no other way leads there
        network.fit(*MOONS, epochs=1, batch_size=1)
    assert bp.diagnose(network, *MOONS).healthy
    assert bp.diagnose(on_moons(deep(bp.Tanh)), MOONS[0][:1], MOONS[1][:1]).healthy
    assert "batches of one" not in names(bp.diagnose(network, MOONS[0][:2], MOONS[1][:2]))


# What a trained network may hide


def test_running_statistics_that_are_off_are_named_and_more_steps_cure():
    layers = [bp.Dense(5, 8), bp.BatchNorm(8, momentum=0.05), bp.ReLU(), bp.Dense(8, 1)]
    network, X = on_numbers(bp.Adam(0.05), layers), 5 + FEATURES
    assert bp.diagnose(network, X, SMOOTH).healthy
    network.fit(X, SMOOTH, epochs=60)
    layers[1].running_mean[...] = 0
    (finding,) = bp.diagnose(network, X, SMOOTH).findings
    assert finding.name == "inference differs"
    assert f"in training, and {network.evaluate(X, SMOOTH):.4g} in inference" in finding.evidence
    if hasattr(network, "update_statistics"):
        twin = copy.deepcopy(network)
        twin.update_statistics(X)
        assert bp.diagnose(twin, X, SMOOTH).healthy
    network.optimizer = bp.Adam(0.005)
    assert bp.diagnose(network.fit(X, SMOOTH, epochs=100), X, SMOOTH).healthy


def test_overfitting_is_named_and_early_stopping_cures():
    y = SMOOTH + 0.5 * RNG(1).normal(size=200)
    known, new = (FEATURES[:40], y[:40]), (FEATURES[40:], y[40:])

    def fit(**settings):
        network = on_numbers(bp.Adam(0.01), deep(bp.Tanh, width=64, features=5))
        return network.fit(*known, 300, **{"validation_data": new, **settings})

    network = fit()
    (finding,) = bp.diagnose(network, *known).findings
    assert finding.name == "overfitting"
    scores = network.history["val_loss"]
    assert f"since epoch {np.argmin(scores) + 1} " in finding.evidence
    assert f"from {min(scores):.4g} to {scores[-1]:.4g}" in finding.evidence
    stopped = fit(callbacks=bp.EarlyStopping(10))
    assert bp.diagnose(stopped, *known).healthy
    assert stopped.evaluate(*new) < network.evaluate(*new) - 0.1
    stopped = fit(callbacks=bp.EarlyStopping(299))  # which goes back from where it is overfitted
    assert scores == stopped.history["val_loss"]
    assert bp.diagnose(stopped, *known).healthy
    assert bp.diagnose(fit(validation_data=None), *known).healthy
    assert bp.diagnose(fit(validation_data=known), *known).healthy


def test_a_rare_class_that_is_never_predicted_is_named_and_weights_cure():
    X = RARE[0]
    for loss, y, outputs, rare in (
        (bp.SigmoidCrossEntropy(), RARE[1], 1, 1),
        (bp.SigmoidCrossEntropy(), 1 - RARE[1], 1, 0),
        (bp.SoftmaxCrossEntropy(), RARE[1], 2, 1),
    ):
        weight = len(y) / np.bincount(y.astype(int))[y.astype(int)]

        def network(loss=loss, outputs=outputs):
            layers = deep(bp.Tanh, width=8, features=3, outputs=outputs)
            return bp.Network(layers, loss, bp.Adam(0.01), seed=0)

        made = network()
        assert bp.diagnose(made, X, y).healthy
        made.fit(X, y, epochs=20, batch_size=32)
        (finding,) = bp.diagnose(made, X, y).findings
        assert finding.name == "class never predicted"
        count = np.sum(y == rare)
        assert finding.evidence.startswith(f"{count} of 1000 samples are of class {rare}, ")
        made = network().fit(X, y, epochs=100, sample_weight=weight)
        assert bp.diagnose(made, X, y, weight).healthy
        assert rare in _labels(made.predict(X))


def test_a_class_is_missed_only_once_trained_where_it_is_rare_and_classes_exclude_each_other():
    X, y = RARE
    assert bp.diagnose(on_moons(deep(bp.Tanh, features=3)), X, y).healthy  # made no step yet
    layers, both = deep(bp.Tanh, features=3, outputs=2), np.stack([y, X[:, 1] > 0], axis=1)
    assert bp.diagnose(on_moons(layers, bp.Adam(0.003)).fit(X, both, 30, 32), X, both).healthy
    for share, finding in ((0.2, ["class never predicted"]), (0.3, [])):
        y = (np.arange(1000) < 1000 * share).astype(float)  # which X says nothing of
        network = on_moons([bp.Dense(3, 1)], bp.Adam(0.01)).fit(X, y, epochs=300)
        assert names(bp.diagnose(network, X, y)) == finding


def test_numbers_are_no_classes():
    network = on_numbers(bp.Adam(0.003), deep(bp.Tanh, features=3)).fit(*RARE, 20, 32)
    assert not (network.predict(RARE[0]) > 0.5).any()
    assert bp.diagnose(network, *RARE).healthy


def _labels(predictions):
    return predictions.argmax(axis=1) if predictions.shape[1] > 1 else predictions[:, 0] > 0.5


# Against the best constant prediction


@pytest.mark.parametrize("shares", [None, RNG(5).dirichlet(np.ones(40))], ids=["plain", "weighted"])
@pytest.mark.parametrize("loss", [cls() for cls in LOSSES], ids=repr)
def test_no_other_constant_is_better_than_the_best(loss, shares):
    rng = RNG(3)
    network = bp.Network([bp.Dense(2, 3), *([loss.suits()] if loss.suits else [])], loss, seed=0)
    targets = network.prepare(np.zeros((40, 2)), targets_for(loss, 40, 3, rng)).targets
    batch = bp.training.Batch(np.zeros((40, 2)), targets, shares)
    best = best_constant(loss, batch)

    def cost(constant):
        return loss.value(np.broadcast_to(constant, targets.shape), targets, shares)

    for size in (1e-3, 0.03, 1.0):
        for _ in range(50):
            other = best + size * rng.standard_normal(3)
            if loss.suits:  # which must stay probabilities
                other = np.clip(other, 0.01, 0.99)
                other = other / other.sum() if loss.labels == "categorical" else other
            assert cost(best) <= cost(other) + 1e-9


def test_each_column_must_be_learnt():
    X, y = FEATURES, np.stack([FEATURES[:, 0], 5 * FEATURES[:, 1]], axis=1)
    network = on_numbers(bp.Adam(), [bp.Dense(5, 2)], outputs=2)
    network.parameters[...] = 0
    network.layers[0].weight[1, 1] = 5
    assert network.evaluate(X, y) < 0.05 * np.mean(y**2)
    assert "it has learnt" not in bp.diagnose(network, X, y).verdict
    network.layers[0].weight[0, 0] = 1
    assert "it has learnt" in bp.diagnose(network, X, y).verdict


def test_what_is_worse_than_a_constant_has_learnt_nothing():
    network = on_moons(deep(bp.Tanh), bp.Adam(0.01)).fit(*MOONS, epochs=300)
    network.layers[-1].weight *= -8
    network.layers[-1].bias *= -8
    diagnosis = bp.diagnose(network, *MOONS)
    assert diagnosis.loss > 1
    assert "it does no better than a constant yet" in diagnosis.verdict
    assert "the best constant prediction costs 0.6931." in diagnosis.verdict
    assert "no better" not in bp.diagnose(on_moons(deep(bp.Tanh)), *MOONS).verdict  # untrained


@np.errstate(all="ignore")
def test_gradients_cancel_at_a_minimum_and_pull_one_way_far_from_it():
    for shift, scale in ((0.0, 1.0), (1e5, 1e4)):
        X, y = FEATURES, shift + scale * (SMOOTH + FEATURES[:, 0])
        network = on_numbers(bp.Adam(), [bp.Dense(5, 1)])
        look = Observer(network, network.prepare(X, y)).look(network)
        if shift:
            assert 0.3 < look.cancelled() <= 1
        solution = np.linalg.lstsq(np.c_[X, np.ones(len(X))], y)[0]
        network.parameters[...] = solution
        assert Observer(network, network.prepare(X, y)).look(network).cancelled() < 1e-9


def test_a_rate_that_hardly_moves_is_no_minimum():
    network = on_moons(deep(bp.Tanh), bp.GradientDescent(lambda step: 1e-9))
    verdict = bp.diagnose(network, *MOONS).verdict
    assert "minimum" not in verdict
    assert "at rest" not in verdict


@pytest.mark.parametrize("activation", [bp.Tanh, bp.ReLU])
@pytest.mark.parametrize("seed", range(6))
def test_a_sine_after_one_epoch_is_healthy(activation, seed):
    X = np.linspace(-3, 3, 200)[:, np.newaxis]
    layers = [bp.Dense(1, 32), activation(), bp.Dense(32, 1)]
    for batch_size in (None, 32):
        network = on_numbers(bp.Adam(0.01), copy.deepcopy(layers), seed=seed)
        network.fit(X, np.sin(X), 1, batch_size)
        assert bp.diagnose(network, X, np.sin(X)).healthy


def test_clipping_that_does_not_help_does_not_hide_exploding_gradients():
    network = on_moons(deep(bp.ReLU, 6, 32, LARGE), bp.GradientDescent(0.0, clip_norm=1))
    assert names(bp.diagnose(network, *MOONS)) == ["exploding gradients"]


@pytest.mark.parametrize(("units", "dead"), [(64, 50), (16, 16), (100, 71)])
def test_most_of_a_layer_is_enough_to_be_called_dead(units, dead):
    network = on_moons(deep(bp.ReLU, 2, units, bp.He()), bp.Adam(0.01))
    network.layers[0].bias[:dead] = -100
    found = bp.diagnose(network, *MOONS)
    assert names(found) == ["dead units"], found
    network.layers[0].bias[: units // 2] = 0
    assert bp.diagnose(network, *MOONS).healthy


# Healthy networks


@pytest.mark.parametrize("seed", range(8))
def test_xor_is_healthy_from_start_to_end(seed):
    network = on_xor(bp.GradientDescent(0.5), seed)
    for epochs in (0, 100, 400, 1500, 3000):
        if epochs:
            network.fit(*XOR, epochs=epochs)
        diagnosis = bp.diagnose(network, *XOR)
        assert diagnosis.healthy, diagnosis
    assert "it has learnt" in diagnosis.verdict


@pytest.mark.parametrize(
    ("optimizer", "dtype"),
    [(bp.Momentum(0.05), "float64"), (bp.Adam(), "float64"), (bp.RMSProp(), "float32")],
)
def test_digits_are_healthy_from_start_to_end(optimizer, dtype):
    network = on_digits(optimizer, dtype=dtype)
    for epochs in (0, 1, 4, 30):
        if epochs:
            network.fit(*DIGITS, epochs=epochs, batch_size=32)
        diagnosis = bp.diagnose(network, *DIGITS)
        assert diagnosis.healthy, diagnosis
    assert diagnosis.layers[0].output_size.__class__ is float


HEALTHY = {
    "tanh": lambda: deep(bp.Tanh),
    "deep tanh": lambda: deep(bp.Tanh, 10),
    "deep ReLU": lambda: deep(bp.ReLU, 10, 32, bp.He()),
    "three sigmoids": lambda: deep(bp.Sigmoid, 3),
    "layer norm": lambda: deep(bp.GELU, 4, norm=bp.LayerNorm),
    "batch norm": lambda: deep(bp.ReLU, 3, norm=bp.BatchNorm),
    "dropout": lambda: [*deep(bp.ELU, outputs=16), bp.Dropout(0.3), bp.SiLU(), bp.Dense(16, 1)],
}


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("layers", HEALTHY.values(), ids=HEALTHY)
def test_many_networks_are_healthy(layers, seed):
    network = on_moons(layers(), bp.Adam(0.005), seed)
    for _ in range(3):
        diagnosis = bp.diagnose(network, *MOONS)
        assert diagnosis.healthy, diagnosis
        network.fit(*MOONS, epochs=20, batch_size=32)


def test_a_minimum_that_noise_keeps_high_is_healthy():
    network = on_line(bp.GradientDescent(0.1)).fit(*NOISE, epochs=500)
    diagnosis = bp.diagnose(network, *NOISE)
    assert diagnosis.healthy
    assert "has learnt" not in diagnosis.verdict
    assert f"leave the loss at {diagnosis.loss:.4g}; the best constant" in diagnosis.verdict


def test_five_sigmoids_depend_on_the_optimizer():
    made = {kind: on_moons(deep(bp.Sigmoid, 5), kind(0.01)) for kind in (bp.Momentum, bp.Adam)}
    verdicts = {kind: names(bp.diagnose(network, *MOONS)) for kind, network in made.items()}
    assert verdicts == {bp.Momentum: ["vanishing gradients"], bp.Adam: []}
    made[bp.Adam].fit(*MOONS, epochs=200, batch_size=32)
    assert made[bp.Adam].evaluate(*MOONS) < 0.1  # so the verdict was right


@pytest.mark.parametrize("seed", range(4))
def test_a_plateau_is_not_a_rate_too_low(seed):
    network = on_xor(bp.Adam(), seed)
    for _ in range(16):
        assert bp.diagnose(network, *XOR).healthy
        network.fit(*XOR, epochs=200)


def test_a_slow_rate_that_serves_is_not_too_low():
    network = on_xor(bp.Adam(0.0005), seed=4).fit(*XOR, epochs=1600)
    for _ in range(4):
        network.fit(*XOR, epochs=200)
        assert bp.diagnose(network, *XOR).healthy
    assert network.history["loss"][-1] < 0.15


def test_the_jump_of_a_first_step_is_made_up_for():
    network = on_digits(bp.RMSProp(), deep(bp.ReLU, width=512, features=64, outputs=10))
    assert bp.diagnose(network, *DIGITS).healthy
    assert network.train_step(*DIGITS) < network.train_step(*DIGITS)


def test_a_smaller_jump_that_takes_longer_is_healthy():
    network = bp.Network(
        deep(bp.ReLU, 10, 32, bp.He(), features=64, outputs=10),
        bp.SoftmaxCrossEntropy(),
        bp.RMSProp(0.003),
        seed=0,
    )
    X, y = bp.datasets.digits()
    assert bp.diagnose(network, X[:600], y[:600]).healthy


def test_lower_rates_are_tried_from_rest():
    network = on_line(bp.Momentum(0.05)).fit(*LINE, epochs=1)
    network.optimizer.velocity[...] = 3
    (finding,) = bp.diagnose(network, *LINE).findings
    assert finding.cure == "Use Momentum(learning_rate=0.005)."


def test_a_tiny_rise_of_what_has_been_learnt_is_healthy():
    network = on_line(bp.GradientDescent(0.1))
    for shift in (1e-6, 1e-4):
        network.parameters[...] = 2, -1 + shift
        network.fit(*LINE, epochs=1)
    assert network.history["loss"][0] < network.history["loss"][1]
    assert bp.diagnose(network, *LINE).healthy


class Shifted(bp.MeanSquaredError):
    """A loss that may be negative."""

    def forward(self, outputs, targets):
        costs, cache = super().forward(outputs, targets)
        return costs - 5, cache


def test_a_negative_loss_is_not_taken_for_knowledge():
    X, y = MOONS
    network = bp.Network(deep(bp.ReLU, bias=OFF), Shifted(), bp.Adam(0.01), seed=0)
    diagnosis = bp.diagnose(network, X, y)
    assert diagnosis.loss < 0
    assert names(diagnosis) == ["dead units"]
    network = bp.Network(deep(bp.Tanh), Shifted(), bp.Adam(0.01), seed=0)
    assert bp.diagnose(network, X, y).healthy
    assert bp.diagnose(network.fit(X, y, epochs=300), X, y).healthy
    network.optimizer = bp.GradientDescent(1e-7)
    network.parameters[...] = bp.Network(deep(bp.Tanh), Shifted(), seed=0).parameters
    (finding,) = bp.diagnose(network, X, y).findings
    assert finding.name == "learning rate too low"
    network.optimizer = eval(finding.cure.removeprefix("Use ").removesuffix("."), NAMES)
    before = network.evaluate(X, y)
    assert network.fit(X, y, epochs=20).evaluate(X, y) < before - 0.01


def test_guesses_are_weighted_as_the_samples_are():
    X, y = NOISE[0], NOISE[1].copy()
    y[0], weight = 1e9, np.ones(50)
    weight[0] = 1e-30
    network = on_line(bp.GradientDescent(0.1))
    assert "has learnt" not in bp.diagnose(network, X, y, weight).verdict


def test_a_last_layer_that_starts_from_zeros_is_healthy():
    layers = deep(bp.ReLU, 3, weights=bp.He())
    layers[-1] = bp.Dense(16, 1, bp.Zeros())
    assert bp.diagnose(on_moons(layers), *MOONS).healthy


@pytest.mark.parametrize("data", [(XOR[0][:1], XOR[1][:1]), (XOR[0], np.ones((4, 1)))])
def test_targets_that_do_not_vary_are_no_puzzle(data):
    network = on_xor(bp.GradientDescent(0.5))
    assert bp.diagnose(network, *data).healthy
    network.fit(*data, epochs=3000)
    diagnosis = bp.diagnose(network, *data)
    assert diagnosis.healthy
    assert "has learnt" in diagnosis.verdict


def test_one_sample_learnt_step_by_step_is_healthy():
    network = on_xor(bp.GradientDescent(0.5))
    for _ in range(2000):
        network.train_step(XOR[0][1:2], XOR[1][1:2])
    assert bp.diagnose(network, XOR[0][1:2], XOR[1][1:2]).healthy


def test_what_has_been_learnt_exactly_is_healthy():
    X = LINE[0]
    network = on_line(bp.GradientDescent(0.1))
    network.parameters[...] = [2.0, 1.0]
    assert bp.diagnose(network, X, 2 * X + 1).healthy
    network.parameters[...] = 0
    assert bp.diagnose(network, X, 0 * X).healthy


# The numbers


@pytest.mark.parametrize(
    "optimizer",
    [bp.GradientDescent(0.1, clip_norm=0.01), bp.Momentum(0.1), bp.AdamW(0.01), bp.RMSProp(0.01)],
    ids=repr,
)
def test_the_numbers_are_those_of_the_next_step(optimizer):
    X, y = MOONS
    weight = RNG(0).random(len(X))
    block = bp.Residual([bp.Dense(4, 4), bp.Tanh(), bp.Dropout(0.3), bp.Dense(4, 4)])
    layers = [*deep(bp.Tanh, norm=bp.BatchNorm, outputs=4), block, bp.Softplus(), bp.Dense(4, 1)]
    network = on_moons(layers, optimizer).fit(X, y, epochs=3, batch_size=50)
    diagnosis = bp.diagnose(network, X, y, weight)

    twin, batch = copy.deepcopy(network), network.prepare(X, y, weight)
    outputs, caches = zip(*twin.way_forward(batch.x), strict=True)
    loss, grad = twin.loss.value_and_gradient(outputs[-1], batch.targets, batch.shares)
    assert diagnosis.loss == pytest.approx(loss, rel=1e-12)
    lengths = []
    for layer, cache in zip(reversed(twin.layers), reversed(caches), strict=True):
        lengths.append(np.linalg.norm(grad))
        grad = layer.backward(grad, cache)
    gradients, before = twin.gradients.copy(), twin.parameters.copy()
    twin.step(batch)

    assert diagnosis.samples == len(X)
    assert [each.layer for each in diagnosis.layers] == [repr(layer) for layer in network.layers]
    for i, (each, stretch) in enumerate(zip(diagnosis.layers, twin.stretches, strict=True)):
        assert each.units == outputs[i].shape[1]
        assert each.output_size == pytest.approx(np.sqrt(np.mean(outputs[i] ** 2)), rel=1e-12)
        assert each.gradient_size == pytest.approx(lengths[-1 - i], rel=1e-12)
        if not before[stretch].size:
            assert each.parameter_gradient_size is each.update_ratio is None
            continue
        length = np.linalg.norm(gradients[stretch])
        assert each.parameter_gradient_size == pytest.approx(length, rel=1e-12)
        change = (twin.parameters - before)[stretch]
        ratio = np.linalg.norm(change) / np.linalg.norm(before[stretch])
        assert each.update_ratio == pytest.approx(ratio, rel=1e-12)


def one_layer(activation, x):
    """How the activation fares on these inputs."""
    x = np.array(x, float)
    network = bp.Network([activation, bp.Dense(x.shape[1], 1)], bp.MeanSquaredError(), seed=0)
    return bp.diagnose(network, x, np.zeros(len(x))).layers[0]


class OwnSigmoid(bp.Activation):
    def forward(self, x):
        value = 1 / (1 + np.exp(-x))
        return value, value

    def local_derivative(self, value):
        return value * (1 - value)


class BackwardOnly(bp.Activation):
    def forward(self, x):
        return 2 * x, None

    def backward(self, grad_output, cache):
        return 2 * grad_output


class OwnSlopes(bp.Activation):
    """A ReLU whose left slope is trained, one for each unit."""

    def __init__(self, features):
        self.features = features
        self.add_parameter("slope", (features,), bp.Zeros())

    def forward(self, x):
        return np.maximum(x, 0) + self.slope * np.minimum(x, 0), x

    def local_derivative(self, x):
        return np.where(x > 0, 1, self.slope)

    def backward(self, grad_output, x):
        np.sum(grad_output * np.minimum(x, 0), axis=-2, out=self.grad_slope)
        return super().backward(grad_output, x)


def test_activations_with_parameters_will_do():
    layer = OwnSlopes(4)
    layer.slope[...] = [0, 0.5, 0, 0]
    assert one_layer(layer, [[-1, -1, 1, 5], [-2, -1, -1, 3]]).dead_share == 0.25


@pytest.mark.parametrize("activation", [bp.Sigmoid(), OwnSigmoid()])
def test_saturated_outputs_are_counted(activation):
    health = one_layer(activation, [[0, 4.3, -4.3], [5, -5, 20]])
    assert (health.saturated_share, health.dead_share) == (0.5, None)
    assert one_layer(bp.Tanh(), [[2.1, 2.3, -2.3, 0]]).saturated_share == 0.5


def test_dead_units_are_counted_and_not_entries():
    x = [[-1, 1, 0, -1], [-2, -1, 0, 2], [-3, -9, 0, -1]]
    health = one_layer(bp.ReLU(), x)
    assert (health.saturated_share, health.dead_share) == (None, 0.5)
    assert one_layer(bp.LeakyReLU(), x).dead_share == 0
    assert one_layer(bp.Softplus(), np.array(x) * 20).dead_share == 0.25
    assert one_layer(bp.GELU(), np.array(x) * 20).dead_share == 0.25


@pytest.mark.parametrize("layer", [bp.Softmax(), BackwardOnly(), bp.Dropout(0.5), bp.LayerNorm(2)])
def test_other_layers_have_no_idle_units(layer):
    health = one_layer(layer, [[-50, 50], [-60, 60]])
    assert health.saturated_share is health.dead_share is None


def test_a_few_dead_units_are_only_shown():
    network = on_moons(deep(bp.ReLU, 2, 10, bp.He()), bp.Adam(0.01))
    network.layers[0].bias[:3] = -100
    diagnosis = bp.diagnose(network, *MOONS)
    assert diagnosis.layers[1].dead_share == 0.3
    assert diagnosis.healthy
    assert "  30 %  " in str(diagnosis)


def test_the_evidence_is_made_of_the_numbers():
    layers = deep(bp.Sigmoid, 10)
    diagnosis = bp.diagnose(on_moons(layers), *MOONS)
    first, last = diagnosis.layers[0].gradient_size, diagnosis.layers[-1].gradient_size
    (finding,) = diagnosis.findings
    assert f"{first:.2g}" in finding.evidence
    assert f"{last:.2g}" in finding.evidence
    assert f"{first / last:.2g} times" in finding.evidence
    assert 0.25**9 / 10 < first / last < 0.25**9 * 10
    for word in ("ReLU()", "He()", "BatchNorm(16)"):
        assert word in finding.cure

    diagnosis = bp.diagnose(on_moons(deep(bp.ReLU, bias=OFF)), *MOONS)
    (finding,) = diagnosis.findings
    assert (
        "100 % of the 16 units of layers[1] ReLU() are off for all 200 samples" in finding.evidence
    )
    for word in ("LeakyReLU()", "Zeros()", "He()", "GradientDescent(learning_rate=0.01)"):
        assert word in finding.cure

    diagnosis = bp.diagnose(on_moons(deep(bp.Tanh, 2, 64), seed=1), 40 * MOONS[0], MOONS[1])
    (finding,) = diagnosis.findings
    share, size = diagnosis.layers[1].saturated_share, np.sqrt(np.mean((40 * MOONS[0]) ** 2))
    assert f"{100 * share:.0f} % of the outputs of layers[1] Tanh()" in finding.evidence
    assert f"X has size {size:.3g}" in finding.evidence
    for word in ("Glorot()", "BatchNorm(64)", "deviation 1"):
        assert word in finding.cure


def test_printed_it_is_a_table_and_a_verdict():
    diagnosis = bp.diagnose(on_xor(bp.GradientDescent(0.5)), *XOR)
    text = str(diagnosis)
    assert repr(diagnosis) == text
    rows = text.splitlines()
    head = "layer outputs saturated dead gradient by parameters update"
    assert rows[0].split() == head.split()
    assert rows[1].split()[:3] == ["0", "Dense(2,", "4)"]
    for row, each in zip(rows[1:], diagnosis.layers, strict=False):
        assert f"  {each.output_size:.3g}" in row
        assert f"  {each.gradient_size:.1e}" in row
        if each.update_ratio is not None:
            assert row.endswith(f"{each.parameter_gradient_size:.1e}  {each.update_ratio:.1e}")
    assert "0 %" in rows[2]
    assert f"The loss is {diagnosis.loss:.4g} on 4 samples." in text
    assert text.endswith(diagnosis.verdict)
    sick = bp.diagnose(on_xor(bp.GradientDescent(50)), *XOR)
    assert sick.verdict == "\n".join(map(str, sick.findings))
    assert str(sick).splitlines()[-1].startswith("Learning rate too high: ")


def test_samples_of_weight_zero_do_not_count():
    network = on_moons(deep(bp.Tanh))
    X, y = MOONS
    weight = np.arange(200) % 2
    one, other = bp.diagnose(network, X, y, weight), bp.diagnose(network, X[1::2], y[1::2])
    assert one.samples == other.samples == 100
    np.testing.assert_allclose(
        [each.gradient_size for each in one.layers],
        [each.gradient_size for each in other.layers],
        rtol=1e-12,
    )


# Nothing changes


def everything(optimizer):
    layers = [
        *deep(bp.ReLU, norm=bp.BatchNorm, outputs=8),
        bp.Dropout(0.3),
        bp.Tanh(),
        bp.Dense(8, 1),
    ]
    return on_moons(layers, optimizer)


@pytest.mark.parametrize(
    "optimizer",
    [bp.Adam(0.01), bp.Momentum(lambda step: 50 / (1 + step), clip_norm=1.0)],
    ids=plain_repr,
)
def test_a_diagnosis_changes_nothing(optimizer):
    network = everything(copy.deepcopy(optimizer)).fit(*MOONS, epochs=3, batch_size=32)
    X, y = MOONS[0].copy(), MOONS[1].copy()
    before = state(network)
    one = bp.diagnose(network, X, y)
    assert state(network) == before
    assert bp.diagnose(network, X, y) == one
    np.testing.assert_array_equal(X, MOONS[0])
    np.testing.assert_array_equal(y, MOONS[1])
    assert network.optimizer.learning_rate == optimizer.learning_rate


def test_a_diagnosis_is_frozen():
    diagnosis = bp.diagnose(on_xor(bp.Adam()), *XOR)
    with pytest.raises(AttributeError):
        diagnosis.loss = 0
    with pytest.raises(AttributeError):
        diagnosis.layers[0].units = 0


def test_what_cannot_be_diagnosed_is_refused():
    network = on_xor(bp.Adam())
    with pytest.raises(bp.ParameterError, match="network must be a Network; got Dense"):
        bp.diagnose(bp.Dense(2, 1), *XOR)
    with pytest.raises(bp.ShapeError, match="X must have 2 features"):
        bp.diagnose(network, np.ones((4, 3)), XOR[1])
    with pytest.raises(bp.ShapeError, match="y must have shape"):
        bp.diagnose(network, XOR[0], np.ones((4, 2)))


def test_layers_without_parameters_will_do():
    network = bp.Network([bp.Sigmoid()], bp.MeanSquaredError(), bp.Adam())
    diagnosis = bp.diagnose(network, XOR[0], XOR[0])
    assert diagnosis.healthy
    assert diagnosis.layers[0].update_ratio is None


# Layers within layers


class Block(bp.Layer):
    """One that knows nothing of diagnoses."""

    def __init__(self, *layers):
        self.layers = layers

    def forward(self, x):
        caches = []
        for layer in self.layers:
            x, cache = layer.forward(x)
            caches.append(cache)
        return x, caches

    def backward(self, grad_output, caches):
        for layer, cache in zip(reversed(self.layers), reversed(caches), strict=True):
            grad_output = layer.backward(grad_output, cache)
        return grad_output


def test_a_block_is_diagnosed_as_its_layers_are():
    plain = on_moons(deep(bp.Sigmoid, 10))
    layers = deep(bp.Sigmoid, 10)
    blocks = [Block(*layers[i : i + 2]) for i in range(0, 18, 2)]
    blocked = on_moons([*blocks, layers[-1]])
    blocked.parameters[...] = plain.parameters
    one, other = bp.diagnose(plain, *MOONS), bp.diagnose(blocked, *MOONS)
    assert names(one) == names(other) == ["vanishing gradients"]
    assert one.findings[0].cure == other.findings[0].cure  # which knows of the sigmoids within
    for i in range(9):
        assert one.layers[2 * i].parameter_gradient_size == other.layers[i].parameter_gradient_size
        assert one.layers[2 * i].update_ratio == other.layers[i].update_ratio


@pytest.mark.parametrize("wrap", [bp.Residual, lambda layers: Block(*layers)])
def test_idle_units_within_blocks_are_counted(wrap):
    def diagnosis(activation, bias):
        block = wrap([bp.Dense(16, 16, bias_initializer=bias), activation, bp.Dense(16, 16)])
        return bp.diagnose(on_moons([bp.Dense(2, 16), block, bp.Dense(16, 1)]), *MOONS)

    found = diagnosis(bp.ReLU(), OFF)
    assert [each.dead_share for each in found.layers] == [None, 1, None]
    (finding,) = found.findings
    assert finding.name == "dead units"
    assert "of layers[1].layers[1] ReLU() are off" in finding.evidence
    found = diagnosis(bp.Sigmoid(), OFF)
    assert found.layers[1].saturated_share > 0.9
    assert "of layers[1].layers[1] Sigmoid() lie" in found.findings[0].evidence
    assert diagnosis(bp.Tanh(), bp.Zeros()).healthy


def test_residual_blocks_cure_vanishing_gradients():
    def network(wrap):
        inner = [wrap([bp.Dense(16, 16), bp.Sigmoid()]) for _ in range(9)]
        return on_moons([bp.Dense(2, 16), bp.Sigmoid(), *inner, bp.Dense(16, 1)])

    assert names(bp.diagnose(network(lambda layers: Block(*layers)), *MOONS)) == [
        "vanishing gradients"
    ]
    assert "vanishing gradients" not in names(bp.diagnose(network(bp.Residual), *MOONS))


@pytest.mark.parametrize("wrap", [lambda layer: layer, lambda layer: bp.Residual([layer])])
def test_all_trials_drop_the_same_entries(wrap):
    layers = [bp.Dense(2, 8), wrap(bp.Dropout(0.5)), bp.Dense(8, 1)]
    network = on_moons(layers).fit(*MOONS, epochs=3, batch_size=32)
    batch = network.prepare(*MOONS)
    losses = [loss for factor in (1, 0.1) for loss in try_rate(network, batch, 0.0, factor).losses]
    assert set(losses) == {network.loss_and_gradient(*MOONS)[0]}
    assert losses[0] != network.evaluate(*MOONS)


def test_a_later_look_drops_what_the_coming_step_will():
    network = everything(bp.Adam(0.01))
    observer = Observer(network, network.prepare(*MOONS))
    for _ in range(3):
        network.fit(*MOONS, epochs=1, batch_size=32)
        assert observer.look(network).loss == network.loss_and_gradient(*MOONS)[0]


# Watching


def warnings_of(network, data, epochs, watch, **settings):
    """Train with a watch, and return what it warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with contextlib.suppress(bp.DivergenceError):
            network.fit(*data, epochs=epochs, callbacks=watch, **settings)
    assert all(each.category is bp.TrainingWarning for each in caught)
    assert all(each.filename == __file__ for each in caught)
    assert all(".fit(" in linecache.getline(__file__, each.lineno) for each in caught)
    return [str(each.message) for each in caught]


def test_watch_warns_once_before_a_rate_that_diverges():
    watch = bp.Watch(*LINE)
    (message,) = warnings_of(on_line(bp.GradientDescent(3.0)), LINE, 5000, watch)
    assert message.startswith("learning rate too high before training: 20 more steps at 3 take")
    assert message.endswith("Use GradientDescent(learning_rate=0.3).")
    assert "\n" not in message
    assert names(watch.diagnosis) == ["learning rate too high"]
    assert warnings_of(on_line(bp.GradientDescent(3.0)), LINE, 5000, watch) == []


@pytest.mark.parametrize(
    ("layers", "start", "cure"),
    [
        (deep(bp.Sigmoid, 10), "vanishing gradients before training", "ReLU()"),
        (deep(bp.ReLU, 6, 32, LARGE), "exploding gradients before training", "clip_norm=1"),
        (deep(bp.ReLU, bias=OFF), "dead units before training", "LeakyReLU()"),
    ],
)
def test_watch_warns_once_of_wrong_weights(layers, start, cure):
    (message,) = warnings_of(on_moons(copy.deepcopy(layers)), MOONS, 20, bp.Watch(*MOONS))
    assert message.startswith(start)
    assert cure in message


@pytest.mark.parametrize("every", [1, 7])
def test_watch_sees_training_go_wrong(every):
    rate = {True: 0.05, False: 3.0}
    network = on_line(bp.GradientDescent(lambda step: rate[step < 40]))
    watch = bp.Watch(*LINE, every=every)
    message, at_the_end = warnings_of(network, LINE, 80, watch)
    assert at_the_end.startswith("the loss has grown")
    epoch = int(message.split(" after epoch ")[1].split(":")[0])
    assert 41 <= epoch <= 50
    assert epoch % every == 0
    assert message.startswith("learning rate too high")
    assert message.endswith("Start again, with GradientDescent(learning_rate=0.3).")
    assert np.isfinite(network.history["loss"]).all()  # long before it diverges


def test_watch_sees_units_die():
    network = on_digits(bp.Momentum(lambda step: 0.05 if step < 40 else 5.0))
    (message,) = warnings_of(network, DIGITS, 20, bp.Watch(*DIGITS), batch_size=32)
    assert int(message.split(" after epoch ")[1].split(":")[0]) <= 6
    assert "Momentum(learning_rate=0.5)" in message


def test_watch_knows_what_came_in_training():
    network = on_xor(bp.GradientDescent(lambda step: 0.5 if step < 300 else 100))
    (message,) = warnings_of(network, XOR, 400, bp.Watch(*XOR))
    assert message.startswith("saturated units after epoch 30")
    assert message.endswith(
        "; as it came in training, start again with GradientDescent(learning_rate=10)."
    )


@pytest.mark.parametrize("batch_size", [None, 32])
def test_a_run_with_a_watch_is_the_same_to_the_bit(batch_size):
    plain, watched = everything(bp.Adam(0.01)), everything(bp.Adam(0.01))
    plain.fit(*MOONS, 15, batch_size)
    watch = bp.Watch(MOONS[0][:50], MOONS[1][:50])
    watched.fit(*MOONS, 15, batch_size, callbacks=watch)  # silent: a warning would be an error
    assert watch.diagnosis is None
    for name in ("loss", "learning_rate", "gradient_norm"):
        assert plain.history[name] == watched.history[name]
    assert state(plain)[:4] == state(watched)[:4]  # val_loss is NaN


def test_a_run_that_goes_wrong_is_the_same_too():
    plain, watched = (on_xor(bp.GradientDescent(50)) for _ in range(2))
    plain.fit(*XOR, epochs=50)
    assert len(warnings_of(watched, XOR, 50, bp.Watch(*XOR))) == 1
    assert np.array_equal(plain.parameters, watched.parameters)


def test_watch_is_silent_on_healthy_runs():
    on_xor(bp.GradientDescent(0.5)).fit(*XOR, 3000, callbacks=bp.Watch(*XOR, every=10))
    watch = bp.Watch(DIGITS[0][:64], DIGITS[1][:64])
    network = on_digits(bp.Momentum(0.05))
    for _ in range(3):  # in several calls, too
        network.fit(*DIGITS, 5, batch_size=32, callbacks=watch)
    assert watch.diagnosis is None


def test_a_later_look_costs_two_passes():
    passes = []

    class Counter(bp.Layer):
        def forward(self, x):
            passes.append("forward")
            return x, None

        def backward(self, grad_output, cache):
            passes.append("backward")
            return grad_output

    network = on_moons([bp.Dense(2, 4), Counter(), bp.Dense(4, 1)])
    watch = bp.Watch(*MOONS, every=3)
    network.fit(*MOONS, epochs=1, callbacks=watch)
    assert len(passes) < 2 * 30
    passes.clear()
    watch(network)
    assert passes == []
    network.record.views["epochs"][()] = 3
    watch(network)
    assert passes == ["forward", "backward"]


def test_watch_refuses_what_it_cannot_look_at():
    with pytest.raises(bp.ParameterError, match="every must be a whole number"):
        bp.Watch(*XOR, every=0)
    network = on_xor(bp.Adam())
    before = state(network)
    with pytest.raises(bp.ShapeError, match="watched X must have 2 features"):
        network.fit(*XOR, epochs=1, callbacks=bp.Watch(np.ones((4, 3)), XOR[1]))
    assert state(network) == before


def test_watch_is_printed_without_its_data():
    assert repr(bp.Watch(*DIGITS, every=5)) == "Watch(every=5)"


def test_the_warning_can_be_made_an_error():
    assert issubclass(bp.TrainingWarning, UserWarning)
    with pytest.raises(bp.TrainingWarning, match="learning rate too high"):
        on_xor(bp.GradientDescent(50)).fit(*XOR, epochs=5, callbacks=bp.Watch(*XOR))


def test_what_is_not_known_is_not_a_number_of_the_table():
    network = on_line(bp.GradientDescent(0.1))
    network.parameters[...] = 0
    health = bp.diagnose(network, *LINE).layers[0]
    assert health.output_size == 0
    assert health.update_ratio == math.inf


def test_a_network_that_stands_still_is_not_praised_for_it():
    X, y = bp.datasets.xor()
    layers = [bp.Dense(2, 4, bp.He()), bp.ReLU(), bp.Dense(4, 1), bp.Sigmoid()]
    network = bp.Network(layers, bp.MeanSquaredError(), bp.GradientDescent(0.5), seed=4)
    found = bp.diagnose(network.fit(X, y, epochs=2000), X, y)  # it gives three points one answer
    assert found.verdict.startswith(
        "Nothing ails it, but it is at rest: 20 more steps at 0.5 leave"
    )
    assert (
        f"the loss at {found.loss:.4g}; the best constant prediction costs 0.25." in found.verdict
    )
