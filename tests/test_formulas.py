"""What a trace writes down is arithmetic: every line, and every formula, comes to its number."""

import ast
import math
import re

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import (
    activation_classes,
    loss_classes,
    networks,
    optimizer_classes,
    seeds,
    targets_for,
)

import backproplite as bp
from backproplite import formulas
from backproplite.formulas import array_text, rounded, written

mp = mpmath.mp.clone()
mp.dps = 50
RNG = np.random.default_rng
PLAIN = r"\d+(?:\.\d*)?(?:e[+-]?\d+)?"
SIGNS = str.maketrans({"·": "*", "²": "**2", "³": "**3", "^": "**", "½": "0.5"})


def python(text):
    """Worked-out text as a Python expression."""
    text = re.sub(rf"√({PLAIN}|V\[\d+\])", r"√(\1)", text).replace("√", "sqrt")
    return re.sub(r"\|([^|]*)\|", r"abs(\1)", text).translate(SIGNS)


def huber(error, delta, where=lambda condition, one, other: one if condition else other):
    size = abs(error)
    return where(size <= delta, error * error / 2, delta * (size - delta / 2))


def exact(text, delta):
    """The value of a worked line, in fifty digits."""
    functions = {name: getattr(mp, name) for name in ("exp", "log", "tanh", "sqrt", "sign")}
    functions |= {"max": max, "min": min, "abs": abs, "N": lambda text: mp.mpf(float(text))}
    functions["sigmoid"] = lambda x: 1 / (1 + mp.exp(-x))
    functions["huber"] = lambda error: huber(error, delta)
    return eval(re.sub(rf"(?<![\w.]){PLAIN}", r'N("\g<0>")', python(text)), functions)


def delta_of(network):
    return getattr(network.loss, "delta", None)


def check_lines(network, step, tolerance=1e-12):
    """Every line comes to its value, which is the array's at the place that it names."""
    count = 0
    for equation in (each for stage in step for each in stage.equations):
        for line in equation.lines:
            place = re.fullmatch(r"(.*?)(?:\[([\d, ]+)\])?", line.label)
            index = tuple(map(int, place[2].split(", "))) if place[2] else ()
            index = (0,) * (equation.value.ndim - len(index)) + index
            assert place[1] == equation.symbol
            assert line.value == equation.value[index]
            label, *how, value = line.text(17).split(" = ")
            assert label == line.label
            assert float(value) == line.value
            numbers = [abs(part) for part in line.parts if not isinstance(part, str)]
            if how and "…" not in how[0]:
                off = exact(how[0], delta_of(network)) - line.value
                assert abs(off) <= tolerance * max([abs(line.value), *numbers]), line.text(17)
            count += 1
    return count


# The formulas in symbols, for whole arrays


class Elementwise(ast.NodeTransformer):
    """`a if condition else b`, for every entry of an array."""

    def visit_IfExp(self, node):
        self.generic_visit(node)
        parts = [node.test, node.body, node.orelse]
        return ast.Call(ast.Name("where", ast.Load()), parts, [])


def total(array, axis):
    return np.sum(array, axis=axis, keepdims=axis is not None)


def evaluated(formula, symbols, times):
    """A formula's value, with arrays in the places of its symbols."""
    sums = {"samples": -2, "features": -1, "parameters": None}
    formula = re.sub(
        r"Σ (.*?) over (?:the n |the |all )(\w+)(?:, clipped by value)?",
        lambda found: f"total({found[1]}, {sums[found[2]]})",
        formula,
    )
    formula = re.sub(r"Σ (.*?)(\) / \d+)?$", r"total(\1, None)\2", formula)
    longest_first = sorted(symbols, key=len, reverse=True)
    pattern = rf"(?<!\w)({'|'.join(map(re.escape, longest_first))})(ᵀ?)(?![\w′])"
    formula = re.sub(
        pattern,
        lambda found: f"V[{longest_first.index(found[1])}]{'.T' * bool(found[2])}",
        formula.replace("·", times).translate(SIGNS),  # first, as ² is a part of words
    )
    functions = {name: getattr(np, name) for name in ("exp", "log", "tanh", "sqrt", "sign", "abs")}
    functions |= {"max": np.maximum, "min": np.minimum, "where": np.where, "total": total}
    functions |= {"sigmoid": bp.Sigmoid(), "π": np.pi, "V": [symbols[s] for s in longest_first]}
    functions["huber"] = lambda error: huber(error, symbols["delta"], np.where)
    tree = Elementwise().visit(ast.parse(python(formula), mode="eval"))
    return eval(compile(ast.fix_missing_locations(tree), formula, "eval"), functions)


def numbers_in(settings):
    return {k: v for k, v in settings.items() if isinstance(v, (int, float))}


def symbols_beforehand(network, step):
    """What stands in formulas without having been computed: settings, and what was kept."""
    optimizer = network.optimizer
    symbols = numbers_in(optimizer.settings()) | numbers_in(network.loss.settings())
    symbols |= {"learning_rate": optimizer.current_rate(), "t": optimizer.step_count + 1}
    symbols["gradient"] = np.concatenate(
        [np.zeros(0), *(g.value.ravel() for p in step.passages for g in p.gradients.values())]
    )
    if optimizer.clip_value:
        symbols["gradient"] = symbols["gradient"].clip(-optimizer.clip_value, optimizer.clip_value)
    start = 0
    for p in step.passages:
        for parameter in p.parameters.values():
            shape, stop = parameter.value.shape, start + parameter.value.size
            for name in optimizer.state_names:
                kept = getattr(optimizer, name)[start:stop].reshape(shape)
                symbols[f"{name}({parameter.symbol})"] = kept
            start = stop
    for layer, p in zip(network.layers, step.passages, strict=True):
        for name in layer.state_names:
            symbols[f"{name}({p.x.symbol})"] = getattr(layer, name)
    return symbols


def symbols_of(layer, passage):
    """What formulas of a layer call by names that other layers use too."""
    symbols = numbers_in(layer.settings())
    if isinstance(layer, bp.Dropout):
        symbols["mask"] = passage.cache
    if isinstance(layer, (bp.BatchNorm, bp.LayerNorm)):
        samples, features = passage.x.value.shape
        symbols["n"] = samples if isinstance(layer, bp.BatchNorm) else features
    return symbols


def check_formulas(network, step):
    """Every formula comes to its array, from arrays that stages before it gave."""
    everywhere, count = symbols_beforehand(network, step), 0
    own = {
        p.place: symbols_of(layer, p)
        for layer, p in zip(network.layers, step.passages, strict=True)
    }
    layers = dict(zip(own, network.layers, strict=True))
    for stage in step.stages[:-1]:
        for equation in stage.equations:
            place = stage.name.rpartition(".")[0]
            if ".running" in equation.name:
                place = equation.name.rpartition(".")[0]
            here = own.setdefault(place, {})
            if equation.formula:
                times = "@" if isinstance(layers.get(place), bp.Dense) else "*"
                symbols = everywhere | here
                value = evaluated(equation.formula, symbols, times)
                sizes = [np.abs(v).max() for s, v in symbols.items() if s in equation.formula]
                value = np.reshape(value, equation.value.shape)
                atol = 1e-12 * max([*sizes, np.abs(equation.value).max()])
                np.testing.assert_allclose(equation.value, value, 1e-9, atol, err_msg=equation.text())
                count += 1
            everywhere[equation.symbol] = here[equation.symbol] = equation.value
    return count


def check(network, X, y):
    step = bp.trace(network, X, y)
    return check_lines(network, step), check_formulas(network, step)


def network_of(*layers, loss=None, optimizer=None, **settings):
    """A network that is not as it was drawn: scales are not 1, and biases not 0."""
    network = bp.Network(
        layers, loss or bp.MeanSquaredError(), optimizer or bp.GradientDescent(0.1), 0, **settings
    )
    network.parameters[...] += 0.3 * RNG(1).standard_normal(network.parameters.size)
    return network


def batch(network, samples, seed=2):
    X = RNG(seed).standard_normal((samples, network.in_features))
    outputs = network.forward(X).shape[1]
    return X, targets_for(network.loss, samples, outputs, RNG(seed + 1))


@given(networks())
def test_every_line_and_every_formula_comes_to_its_number(example):
    check(*example)


def with_layer(layer):
    return network_of(bp.Dense(3, 4), layer, bp.Dense(4, 2))


LAYERS = {cls.__name__: cls for cls in activation_classes} | {
    "Dropout": lambda: bp.Dropout(0.5),
    "BatchNorm": lambda: bp.BatchNorm(4, momentum=0.3, epsilon=0.01),
    "LayerNorm": lambda: bp.LayerNorm(4, epsilon=0.01),
    "steep LeakyReLU": lambda: bp.LeakyReLU(-0.5),
    "high ELU": lambda: bp.ELU(2.5),
}


@pytest.mark.parametrize("samples", [1, 2, 7])
@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_layers(layer, samples):
    network = with_layer(layer())
    check(network, *batch(network, samples))


@pytest.mark.parametrize("place", ["first", "last"])
@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_layers_at_either_end(layer, place):
    layers = (layer(), bp.Dense(4, 4)) if place == "first" else (bp.Dense(4, 4), layer())
    network = network_of(*layers)
    check(network, *batch(network, 3))


@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("outputs", [1, 2, 3])
@pytest.mark.parametrize("loss", [*loss_classes, lambda: bp.Huber(0.1)])
def test_losses(loss, outputs, samples):
    loss = loss()
    last = [getattr(bp, loss.suits)()] if loss.wants_probabilities else []
    network = network_of(bp.Dense(2, outputs), *last, loss=loss)
    check(network, *batch(network, samples))


@pytest.mark.parametrize("loss", [bp.CategoricalCrossEntropy(), bp.SoftmaxCrossEntropy()])
def test_losses_on_rows_of_probabilities(loss):
    last = [bp.Softmax()] if loss.wants_probabilities else []
    network = network_of(bp.Dense(2, 3), *last, loss=loss)
    check(network, batch(network, 2)[0], [[0.2, 0.3, 0.5], [0, 0.4, 0.6]])


@pytest.mark.parametrize("loss", [bp.BinaryCrossEntropy(), bp.CategoricalCrossEntropy()])
def test_losses_of_a_network_that_is_sure_and_wrong(loss):
    network = network_of(bp.Dense(1, 2), getattr(bp, loss.suits)(), loss=loss)
    network.layers[0].weight[...] = [[2000.0, -2000.0]]
    check_lines(network, bp.trace(network, [[1.0]], [[0.0, 1.0]]))


SETTINGS = {
    "plain": {},
    "weight decay": {"weight_decay": 0.3},
    "clipped by norm": {"clip_norm": 0.01},
    "too short to be clipped": {"clip_norm": 1e6},
    "clipped by value": {"clip_value": 0.02},
    "all at once": {"weight_decay": 0.3, "clip_norm": 0.05, "clip_value": 0.02},
    "schedule": {"learning_rate": bp.CosineSchedule(0.2, steps=20)},
}


@pytest.mark.parametrize("steps_before", [0, 9])
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("optimizer", [*optimizer_classes, "nesterov"])
def test_optimizers(optimizer, settings, steps_before):
    if optimizer == "nesterov":
        optimizer, settings = bp.Momentum, settings | {"nesterov": True}
    layers = bp.Dense(3, 2), bp.BatchNorm(2), bp.Tanh(), bp.Dense(2, 1)
    network = network_of(*layers, optimizer=optimizer(**settings))
    for seed in range(steps_before):
        network.train_step(*batch(network, 5, seed))
    check(network, *batch(network, 4))
