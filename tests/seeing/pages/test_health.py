"""What ails a network on the page: the same as `Watch` says, number for number and word for word."""

import copy
import itertools

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
        bp.Dense(2, 12, bias_initializer=bp.Constant(-9)),
        bp.ReLU(),
        bp.Residual([bp.Dense(12, 12, bp.Constant(3.0)), bp.Tanh()]),
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


def learnt():
    return deep(bp.Tanh(), 2, 8, 1, optimizer=bp.Adam(0.1)).fit(X, Y, epochs=300)


FAR = X * 300, np.column_stack([Y, np.ones(len(Y)), X[:, 0]])
CASES = {
    "healthy": (deep(bp.Tanh(), 2, 8, 8, 1), None),
    "dead": (deep(bp.ReLU(), 2, 9, 7, 1, shift=-9.0), ["dead units"]),
    "some of many are dead": (deep(bp.ReLU(), 2, 90, 1, shift=-1.5), None),
    "saturated": (deep(bp.Tanh(), 2, 8, 8, 1, scale=30.0), ["saturated units"]),
    "saturated, far inputs": (
        deep(bp.Sigmoid(), 2, 8, 3, loss=bp.MeanSquaredError(), scale=2.0),
        ["saturated units"],
        *FAR,
    ),
    "flat, but learning": (deep(bp.Tanh(), 2, 8, 8, 1), None),
    "vanishing": (deep(bp.Sigmoid(), *[2] * 12, 1, loss=bp.Huber()), ["vanishing gradients"]),
    "fading": (deep(bp.Sigmoid(), *[4] * 4, 1), None, np.tile(X, 2)),
    "exploding": (
        deep(bp.LeakyReLU(), *[2] * 9, 2, scale=5.0, loss=bp.SoftmaxCrossEntropy()),
        None,
    ),
    "exploding, but clipped": (
        deep(bp.LeakyReLU(), *[2] * 9, 1, scale=5.0, optimizer=bp.Momentum(0.01, clip_norm=1.0)),
        None,
    ),
    "softmax at its end": (
        deep(bp.GELU(), 2, 6, 2, last=[bp.Softmax()], loss=bp.CategoricalCrossEntropy()),
        None,
    ),
    "others": (others(), None),
    "frozen": (frozen(), None),
    "learnt": (learnt(), None),
}


def seen_on_the_page(network, X, y, losses=(None, None)):
    batch = network.prepare(X, y)
    return play(
        """
        const network = new LiveNetwork(data.given.plan), points = { x: network.x, y: network.y };
        const before = JSON.stringify(network.snapshot());
        const seen = healthOf(network, points, data.known.limits, ...data.given.losses);
        return { ...seen, changed: before !== JSON.stringify(network.snapshot()) };
        """,
        {"plan": plan(network, batch.x, batch.targets), "losses": losses},
    )


@pytest.mark.parametrize("case", CASES)
def test_findings_are_those_of_the_library(case):
    network, names, *data = CASES[case]
    x, y = [*data, X, Y][0], [*data, None][1] if len(data) > 1 else Y
    page = seen_on_the_page(network, x, y)
    with np.errstate(all="ignore"):
        look = Observer(network, network.prepare(x, y)).look(network)
        found = findings(look)
    assert not page["changed"]
    for layer, one in zip(page["layers"], look.layers, strict=True):
        assert layer["name"].split(" ", 1)[1] == one.layer
        for mine, theirs in (
            (layer["gradient"], one.gradient_size),
            (layer["update"], one.update_ratio or 0),
            ((layer["dead"] or {}).get("share"), one.dead_share),
            ((layer["saturated"] or {}).get("share"), one.saturated_share),
        ):
            assert mine == (None if theirs is None else pytest.approx(theirs, rel=1e-9))
    told = {(each["name"], each["text"]) for each in page["findings"]}
    assert {(each.name, each.evidence) for each in found} <= told
    assert {each["name"] for each in page["findings"]} == {each.name for each in found}
    if names is not None:
        assert [each.name for each in found] == names
