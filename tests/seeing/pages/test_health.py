"""What ails a network on the page: the same as `Watch` says, number for number and word for word."""

import copy
import itertools
from functools import cache

import numpy as np
import pytest
from playing import play

import backproplite as bp
from backproplite.seeing.findings import findings
from backproplite.seeing.health import Observer
from backproplite.seeing.pages.plan import plan

X, Y = bp.datasets.moons(60)


def deep(activation, *widths, scale=1.0, shift=0.0, loss=None, last=(), optimizer=None):
    """A network with such an activation between Dense layers, whose weights are scaled and biases shifted."""
    layers = []
    for one, other in itertools.pairwise(widths):
        layers += [bp.Dense(one, other), copy.deepcopy(activation)]
    network = bp.Network(
        [*layers[:-1], *last], loss or bp.SigmoidCrossEntropy(), optimizer or bp.Adam(0.01), seed=3
    )
    for layer in network.layers:
        if isinstance(layer, bp.Dense):
            layer.weight[...] *= scale
            layer.bias[...] += shift
    return network


def others():
    """Layers with others within them, of which some are frozen."""
    layers = [
        bp.Dense(2, 12),
        bp.ReLU(),
        bp.Residual([bp.Dense(12, 12, bp.Constant(30.0)), bp.Tanh()]),
        bp.BatchNorm(12),
        bp.Dropout(0.3),
        bp.Dense(12, 1),
    ]
    return bp.Network(layers, bp.SigmoidCrossEntropy(), seed=0)


def frozen():
    network = deep(bp.ReLU(), 2, 9, 9, 1, shift=-9.0)
    for layer in network.layers[:2]:
        layer.trainable = False
    return network


def learning():
    network = deep(bp.Tanh(), 2, 20, 1, scale=20, optimizer=bp.Adam(0.02))
    network.layers[2].weight[...] /= 20
    return network.fit(X, Y, epochs=50)


def learnt():
    return deep(bp.Tanh(), 2, 8, 1, optimizer=bp.Adam(0.1)).fit(X, Y, epochs=300)


FAR = X * 300, np.column_stack([Y, np.ones(len(Y)), X[:, 0]])
#: A network, the names of what ails it, and the data if they are others.
CASES = {
    "healthy": (deep(bp.Tanh(), 2, 8, 8, 1), []),
    "dead": (deep(bp.ReLU(), 2, 9, 7, 1, shift=-9.0), ["dead units"]),
    "few dead": (deep(bp.ReLU(), 2, 40, 1, shift=-0.3), []),
    "most dead": (deep(bp.ReLU(), 2, 40, 1, shift=-0.6), ["dead units"]),
    "saturated": (deep(bp.Tanh(), 2, 8, 8, 1, scale=30.0), ["saturated units"]),
    "saturated by its inputs": (
        deep(bp.Sigmoid(), 2, 8, 3, loss=bp.MeanSquaredError(), scale=2.0),
        ["saturated units"],
        *FAR,
    ),
    "saturated, but learning": (learning(), []),
    "vanishing": (deep(bp.Sigmoid(), *[2] * 12, 1, loss=bp.Huber()), ["vanishing gradients"]),
    "fading": (
        deep(bp.Sigmoid(), 2, 4, 4, 4, 4, 1, optimizer=bp.GradientDescent(0.1)),
        ["vanishing gradients"],
    ),
    "fading, but enlarged": (deep(bp.Sigmoid(), 2, 4, 4, 4, 4, 1), []),
    "exploding": (
        deep(bp.LeakyReLU(0.5), *[2] * 9, 2, scale=5.0, loss=bp.SoftmaxCrossEntropy()),
        ["exploding gradients"],
    ),
    "exploding, but clipped": (
        deep(bp.LeakyReLU(0.5), *[2] * 9, 1, scale=5.0, optimizer=bp.Momentum(0.01, clip_norm=1.0)),
        [],
    ),
    "with softmax": (
        deep(bp.GELU(), 2, 6, 2, last=[bp.Softmax()], loss=bp.CategoricalCrossEntropy()),
        [],
    ),
    "others within": (others(), ["saturated units"]),
    "frozen": (frozen(), ["dead units"]),
    "learnt": (learnt(), []),
}


def seen_on_the_page(*cases):
    """What the page sees of each network on its data, and the losses of two epochs if there were any."""
    given = []
    for network, X, y, *losses in cases:
        batch = network.prepare(X, y)
        given.append({"plan": plan(network, batch.x, batch.targets), "losses": losses})
    return play(
        """
        return data.given.map(({ plan, losses }) => {
          const network = new LiveNetwork(plan), points = { x: network.x, y: network.y };
          const before = JSON.stringify(network.snapshot());
          const seen = healthOf(network, points, data.known.limits, ...losses);
          return { ...seen, changed: before !== JSON.stringify(network.snapshot()) };
        });
        """,
        given,
    )


@cache
def pages():
    seen = seen_on_the_page(*((network, *(data or (X, Y))) for network, _, *data in CASES.values()))
    return dict(zip(CASES, seen, strict=True))


@pytest.mark.parametrize("case", CASES)
def test_findings_are_those_of_the_library(case):
    network, names, *data = CASES[case]
    X_seen, y = data or (X, Y)
    page = pages()[case]
    with np.errstate(all="ignore"):
        look = Observer(network, network.prepare(X_seen, y)).look(network)
        found = findings(look)
    assert [each.name for each in found] == names
    assert {each["name"] for each in page["findings"]} == {*names}
    assert {each.evidence for each in found} <= {each["text"] for each in page["findings"]}
    assert not page["changed"]
    for i, (layer, one) in enumerate(zip(page["layers"], look.layers, strict=True)):
        assert layer["name"] == f"layers[{i}] {one.layer}"
        assert layer["update"] == pytest.approx(one.update_ratio or 0, rel=1e-9)
        if i + 1 > network.first_trained:  # further down, no gradient is needed
            assert layer["gradient"] == pytest.approx(one.gradient_size, rel=1e-9)
        for kind in ("dead", "saturated"):
            share = layer[kind] and layer[kind]["share"]
            assert share == getattr(one, f"{kind}_share")
        if layer["dead"]:
            assert np.mean(layer["dead"]["off"]) == layer["dead"]["share"]


def test_each_layer_is_told_that_is_dead():
    assert [each["layer"] for each in pages()["dead"]["findings"]] == [1, 3]


def test_a_loss_that_has_risen_is_told_until_it_has_fallen():
    network = CASES["healthy"][0]
    first = network.evaluate(X, Y)
    network.history["loss"].extend([first, 1.25 * first])
    network.history["learning_rate"].extend([0.01, 0.01])
    with np.errstate(all="ignore"):
        (found,) = findings(Observer(network, network.prepare(X, Y)).look(network))
    risen, fallen = seen_on_the_page(
        (network, X, Y, *network.history["loss"]), (network, X, Y, first, 1.05 * first)
    )
    assert risen["findings"] == [{"layer": None, "name": found.name, "text": found.evidence}]
    assert fallen["findings"] == []


def test_targets_that_are_all_alike_are_no_reason_to_say_nothing():
    (page,) = seen_on_the_page((CASES["dead"][0], X, np.ones(len(X))))
    assert {each["name"] for each in page["findings"]} == {"dead units"}


def test_numbers_are_written_as_python_writes_them():
    numbers = [0, 1, 100, 0.5, 123456, 1234567, 1e-4, 1e-5, 0.00012345, 2.5e20, -0.125, 99.96, 1e22]
    written = play(
        "return data.given.flatMap((each) => [2, 3, 4, 6].map((digits) => general(each, digits)));",
        numbers,
    )
    assert written == [f"{each:.{digits}g}" for each in numbers for digits in (2, 3, 4, 6)]
