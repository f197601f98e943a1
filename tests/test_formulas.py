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
SIGNS = str.maketrans({"·": "*", "²": "**2", "³": "**3", "^": "**", "½": "0.5", "≤": "<="})


def python(text):
    """Worked-out text as a Python expression."""
    text = re.sub(rf"√({PLAIN}|V\[\d+\])", r"√(\1)", text).replace("√", "sqrt")
    return re.sub(r"\|([^|]*)\|", r"abs(\1)", text).translate(SIGNS)


def exact(text):
    """The value of a worked line, in fifty digits."""
    functions = {name: getattr(mp, name) for name in ("exp", "log", "tanh", "sqrt", "sign")}
    functions |= {"max": max, "min": min, "abs": abs, "N": lambda text: mp.mpf(float(text))}
    functions["sigmoid"] = lambda x: 1 / (1 + mp.exp(-x))
    return eval(re.sub(rf"(?<![\w.]){PLAIN}", r'N("\g<0>")', python(text)), functions)


def check_lines(step, tolerance=1e-12):
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
                off = exact(how[0]) - line.value
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
                np.testing.assert_allclose(
                    equation.value, value, 1e-9, atol, err_msg=equation.text()
                )
                count += 1
            everywhere[equation.symbol] = here[equation.symbol] = equation.value
    return count


def check(network, X, y):
    step = bp.trace(network, X, y)
    return check_lines(step), check_formulas(network, step)


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
    check_lines(bp.trace(network, [[1.0]], [[0.0, 1.0]]))


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


def test_single_precision():
    layers = bp.Dense(3, 4), bp.BatchNorm(4), bp.GELU(), bp.LayerNorm(4), bp.Dropout(0.5)
    network = network_of(*layers, bp.Dense(4, 2), optimizer=bp.Adam(0.1), dtype="float32")
    assert check_lines(bp.trace(network, *batch(network, 3)), 1e-5) > 100


def test_the_length_of_few_gradients_is_worked_out():
    network = network_of(bp.Dense(1, 1), optimizer=bp.GradientDescent(0.1, clip_norm=1e-3))
    step = bp.trace(network, *batch(network, 1))
    length, *_ = step["update"].equations
    assert re.fullmatch(r"length = √\([^…²]+² \+ [^…²]+²\) = .*", length.lines[0].text())
    check(network, *batch(network, 1))


# Layout


@pytest.mark.parametrize(
    ("formula", "value", "text"),
    [
        ("", [[1.0, 2]], "a = [1 2]"),
        ("what Own makes of b", [[1.0, 2]], "a = what Own makes of b = [1 2]"),
        ("what Own makes of b", [[1.0], [2]], "a = what Own makes of b\na = [[1]\n     [2]]"),
        ("w" * 84, [1.0, 2], f"a = {'w' * 84} = [1 2]"),
        ("w" * 90, [1.0, 2], f"a = {'w' * 90}\na = [1 2]"),
    ],
)
def test_an_equation_that_is_not_worked_out(formula, value, text):
    assert formulas.Equation("output", "a", formula, np.array(value)).text() == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3.0, "a = b + 1 = 2 + 1 = 3"),
        ([3.0, 4], "a = b + 1\n  a[0] = 2 + 1 = 3\n  a[1] = 3 + 1 = 4"),
        (
            np.arange(1.0, 8),
            "a = b + 1\n  a[0] = 0 + 1 = 1\n  ...\n  … and 1 more:\na = [1 2 3 4 5 6 7]",
        ),
    ],
)
def test_an_equation_that_is_worked_out(value, text):
    value = np.array(value)
    result, b = formulas.Named("a", value), formulas.Named("b", value - 1)
    equation = formulas.equation("output", result, "{b} + 1", b=b)
    ours = equation.text()
    if value.size > 6:
        assert len(equation.lines) == 6
        ours = re.sub(r"(\n  a\[[1-9]\].*)+", "\n  ...", ours)
    assert ours == text


# Excerpts


def test_of_long_sums_and_large_arrays_the_beginning_is_worked_out():
    network = network_of(bp.Dense(64, 9), optimizer=bp.GradientDescent(0.1, clip_norm=1e-3))
    step = bp.trace(network, *batch(network, 30))
    check(network, *batch(network, 30))
    expected = {"output": 64, "loss": 270, "grad_weight": 30, "grad_bias": 30, "length": 585}
    equations = {each.name: each for stage in step.stages[:-1] for each in stage.equations}
    for name, terms in expected.items():
        lines = equations[name].lines
        assert len(lines) == min(6, equations[name].value.size)
        assert all(f"+ … ({terms - 5} more)" in line.text() for line in lines)
        assert all(len(line.text()) < 200 for line in lines)


def test_small_sums_are_worked_out_to_the_end():
    network = network_of(bp.Dense(5, 1), bp.Softmax())
    assert "…" not in str(bp.trace(network, *batch(network, 5)))


# Classes of one's own


class Cube(bp.Activation):
    def forward(self, x):
        return x**3, x

    def local_derivative(self, x):
        return 3 * x * x


class PReLU(bp.Activation):
    def __init__(self):
        self.add_parameter("slope", (2,), bp.Constant(0.5))

    def forward(self, x):
        return np.where(x > 0, x, self.slope * x), x

    def backward(self, grad_output, x):
        np.sum(np.where(x > 0, 0, grad_output * x), axis=-2, out=self.grad_slope)
        return np.where(x > 0, grad_output, self.slope * grad_output)


class Doubled(bp.Dense):
    def forward(self, x):
        return 2 * super().forward(x)[0], x

    def backward(self, grad_output, x):
        return 2 * super().backward(grad_output, x)

    def backward_parameters(self, grad_output, x):
        super().backward_parameters(2 * grad_output, x)


class Sharp(bp.Softmax):
    def forward(self, x):
        return super().forward(2 * x)

    def backward(self, grad_output, probabilities):
        return 2 * super().backward(grad_output, probabilities)


class Drifting(bp.BatchNorm):
    def after_step(self, cache):
        self.running_mean += 1


class Cubed(bp.MeanSquaredError):
    def forward(self, outputs, targets):
        error = outputs - targets
        return abs(error) ** 3, error

    def backward(self, error):
        return 3 * error * abs(error)


class Gentle(bp.SigmoidCrossEntropy):
    """Applies the sigmoid itself, as its base does."""


class Uphill(bp.GradientDescent):
    def update(self, parameters, gradients, rate):
        parameters += rate * gradients


class Halving(bp.GradientDescent):
    def clip(self, gradients):
        gradients /= 2


class Eroding(bp.Momentum):
    def decay(self, parameters, gradients, rate, scratch):
        gradients += 1


def own(*layers, **settings):
    return network_of(bp.Dense(3, 2), *layers, bp.Dense(2, 2), **settings)


@pytest.mark.parametrize(
    ("network", "stage", "formula"),
    [
        (lambda: own(Cube()), "layers[1].forward", "a₁ = Cube(z₁)"),
        (lambda: own(Cube()), "layers[1].backward", "∂loss/∂z₁ = ∂loss/∂a₁ · Cube′(z₁)"),
        (lambda: own(PReLU()), "layers[1].forward", "a₁ = PReLU(z₁)"),
        (
            lambda: own(PReLU()),
            "layers[1].backward",
            "∂loss/∂slope₁ = what PReLU.backward makes of ∂loss/∂a₁\n"
            "∂loss/∂z₁ = what PReLU.backward makes of ∂loss/∂a₁",
        ),
        (lambda: own(Doubled(2, 2)), "layers[1].forward", "z₂ = Doubled(z₁)"),
        (
            lambda: network_of(Doubled(3, 2)),
            "layers[0].backward",
            "∂loss/∂weight₁ = what Doubled.backward makes of ∂loss/∂z₁\n"
            "∂loss/∂bias₁ = what Doubled.backward makes of ∂loss/∂z₁",
        ),
        (lambda: own(Sharp()), "layers[1].forward", "a₁ = Sharp(z₁)"),
        (
            lambda: own(Sharp()),
            "layers[1].backward",
            "∂loss/∂z₁ = what Sharp.backward makes of ∂loss/∂a₁",
        ),
        (
            lambda: own(Drifting(2)),
            "update",
            "new running_mean(z₁) = what Drifting.after_step makes of running_mean(z₁)",
        ),
        (lambda: own(loss=Cubed()), "loss.forward", "loss = Cubed(z₂, y)"),
        (lambda: own(loss=Cubed()), "loss.backward", "∂loss/∂z₂ = what Cubed.backward gives"),
        (lambda: own(loss=Gentle()), "loss.forward", "prediction = sigmoid(z₂)"),
        (lambda: own(optimizer=Uphill(0.1)), "update", "new bias₂ = bias₂ + change"),
        (
            lambda: own(optimizer=Uphill(0.1, weight_decay=1)),
            "update",
            "g(weight₁) = ∂loss/∂weight₁ + weight_decay · weight₁",
        ),
        (
            lambda: own(optimizer=Halving(0.1)),
            "update",
            "g(bias₁) = what Halving makes of ∂loss/∂bias₁",
        ),
        (
            lambda: own(optimizer=Eroding(0.1, weight_decay=1)),
            "update",
            "g(weight₁) = what Eroding makes of ∂loss/∂weight₁",
        ),
    ],
)
def test_a_class_of_ones_own_is_written_by_its_name(network, stage, formula):
    network = network()
    step = bp.trace(network, *batch(network, 3))
    assert formula in step[stage].formula
    assert formula.splitlines()[-1] in str(step)


def test_an_activation_of_ones_own_is_worked_out_by_its_name():
    network = network_of(bp.Dense(1, 1), Cube())
    network.parameters[...] = [2, 0]
    step = bp.trace(network, [[1.0]], [[7.5]])
    assert step["layers[1].forward"].numbers() == "a₁[0] = Cube(2) = 8"
    assert step["layers[1].backward"].numbers() == "∂loss/∂z₁[0] = 1 · Cube′(2) = 12"


@pytest.mark.parametrize("optimizer", [Uphill(0.1), Eroding(0.1, weight_decay=1)])
def test_lines_of_an_optimizer_of_ones_own_come_to_their_values(optimizer):
    network = own(optimizer=optimizer)
    assert check_lines(bp.trace(network, *batch(network, 3))) > 50


def sign_descent(optimizer, change):
    template = "{before} - {rate} · sign({gradient})"
    operands = {"before": change.before, "rate": change.rate, "gradient": change.gradient}
    after = formulas.Named(f"new {change.before.symbol}", change.after)
    return [formulas.equation(change.place, after, template, **operands)]


class SignDescent(bp.Optimizer):
    def update(self, parameters, gradients, rate):
        parameters -= rate * np.sign(gradients)


def test_a_class_of_ones_own_can_have_its_place_in_the_tables(monkeypatch):
    def forward(layer, p):
        how = "{x} if {x} > 0 else {slope} · {x}"
        return [formulas.equation("output", p.output, how, x=p.x, **p.parameters)]

    def backward(layer, p):
        slope, g = p.gradients["slope"], p.grad_output
        what = f"Σ (0 if {p.x.symbol} > 0 else {g.symbol} · {p.x.symbol}) over the samples"
        term = formulas.total(what, -2, "(0 if {x} > 0 else {g} · {x})", x=p.x, g=g)
        how, operands = "{g} if {x} > 0 else {slope} · {g}", p.parameters | {"x": p.x, "g": g}
        return [
            formulas.equation("grad_slope", slope, "{term}", term=term),
            formulas.equation("grad_input", p.grad_input, how, **operands),
        ]

    def drift(layer, p, name, old, new):
        return formulas.equation(f"{p.place}.{name}", new, "{old} + 1", old=old)

    cost = "|{output} - {target}|³", "3 · ({output} - {target}) · |{output} - {target}|"
    monkeypatch.setitem(formulas.ELEMENTWISE, Cube, ("{x}³", "3 · {x}²"))
    monkeypatch.setitem(formulas.FORWARD, PReLU, forward)
    monkeypatch.setitem(formulas.BACKWARD, PReLU, backward)
    for table in (formulas.FORWARD, formulas.BACKWARD):
        monkeypatch.setitem(table, Drifting, table[bp.BatchNorm])
    monkeypatch.setitem(formulas.AFTER_STEP, Drifting, drift)
    monkeypatch.setitem(formulas.COSTS, Cubed, cost)
    monkeypatch.setitem(formulas.UPDATES, SignDescent, sign_descent)
    settings = {"loss": Cubed(), "optimizer": SignDescent(0.1)}
    network = own(Cube(), PReLU(), bp.Identity(), Drifting(2), **settings)
    step = bp.trace(network, *batch(network, 3))
    assert not re.search("Cube|PReLU|after_step", "".join(stage.formula for stage in step))
    assert check_lines(step)
    assert check_formulas(network, step)


# Numbers as text

floats = st.floats(allow_nan=False, allow_infinity=False)


def size_of_digit(number, digits):
    """What 1 is worth in the last digit."""
    return mp.mpf(10) ** (int(mp.floor(mp.log10(abs(mp.mpf(number))))) - digits + 1)


@given(floats, st.integers(1, 20))
def test_numbers_are_rounded_to_the_nearest(number, digits):
    text = rounded(number, digits)
    assert re.fullmatch(r"-?\d+(\.\d+)?(e[+-]\d+)?", text)
    assert not re.match(r"-0(\.0*)?(e|$)", text)
    if number:
        assert abs(mp.mpf(text) - number) <= size_of_digit(number, digits) / 2 * (1 + mp.mpf(1e-30))
    assert digits < 17 or float(text) == number


@given(floats, st.integers(1, 20))
def test_numbers_show_fewer_digits_only_where_they_are_exact(number, digits):
    text = rounded(number, digits)
    shown = re.sub(r"e.*|\D", "", text).lstrip("0")
    assert len(shown) >= digits or math.isclose(float(text), number, rel_tol=1e-13)
    assert not ("." in text and text.partition("e")[0].endswith("0")) or len(shown) == digits


@given(st.integers(-(10**15), 10**15), st.integers(1, 17))
def test_whole_numbers_keep_the_digits_before_their_point(number, digits):
    text = rounded(float(number), digits)
    if abs(number) < 10 ** max(digits, 6) - 0.5 * 10 ** max(6 - digits, 0):
        assert text == str(number)


@pytest.mark.parametrize(
    ("number", "digits", "text"),
    [
        (0.7, 4, "0.7"),
        (0.70000001, 4, "0.7000"),
        (1234.5678, 4, "1235"),
        (9999.7, 4, "10000"),
        (123.45, 3, "123"),
        (0.99999, 4, "1.000"),
        (3.4, 1, "3"),
        (123456.7, 4, "123457"),
        (1234567.0, 4, "1.235e+06"),
        (1234567.0, 7, "1234567"),
        (1e10, 4, "1e+10"),
        (0.0001, 4, "0.0001"),
        (0.00012345, 3, "0.000123"),
        (0.00001234, 4, "1.234e-05"),
        (1e-5, 4, "1e-05"),
        (0.1, 17, "0.10000000000000001"),
        (5e-324, 2, "4.9e-324"),
        (-1.5, 4, "-1.5"),
        (-0.0, 4, "0"),
        (math.nan, 4, "nan"),
        (math.inf, 4, "inf"),
        (-math.inf, 4, "-inf"),
    ],
)
def test_rounded(number, digits, text):
    assert rounded(number, digits) == text


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ((-1.0, " · ", -2.0), "-1 · (-2)"),
        ((1.0, " - ", -2.0, " + ", -3.0), "1 - (-2) + (-3)"),
        ((-2.0, "²"), "(-2)²"),
        ((-2.0, "² + ", 3.0), "(-2)² + 3"),
        ((-2.0, "³ + ", 2.0, "²"), "(-2)³ + 2²"),
        (("exp(-", -1.5, ")"), "exp(-(-1.5))"),
        (("exp(", -1.5, ")"), "exp(-1.5)"),
        ((1.0, " / √", -math.inf), "1 / √(-inf)"),
        (("-", 0.0, " / ", -0.0), "-0 / 0"),
        (("max(0, ", -3.0, ")"), "max(0, -3)"),
    ],
)
def test_negative_numbers_stand_in_brackets_after_an_operator(parts, text):
    assert written(parts, 4) == text


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.array(2.5), "a = 2.5"),
        (np.array([[1.0, -0.0]]), "a = [1 0]"),
        (np.array([[1.0], [-20.5]]), "a = [[    1]\n     [-20.5]]"),
        (np.array([math.nan, math.inf, -1e-9]), "a = [   nan    inf -1e-09]"),
        (np.arange(1.0, 38.0), "a = [ 1  2  3 … 35 36 37]"),
        (np.eye(7)[:2], "a = [[1 0 0 0 0 0 0]\n     [0 1 0 0 0 0 0]]"),
    ],
)
def test_arrays_have_their_columns_under_each_other(array, text):
    assert array_text(array, 4, "a = ") == text


@given(seeds, st.integers(1, 40), st.integers(1, 40))
def test_arrays_as_text_are_no_larger_than_a_screen(seed, rows, columns):
    array = RNG(seed).standard_normal((rows, columns)) * 10.0 ** RNG(seed).integers(-300, 300)
    lines = array_text(array, 4, "a = ").splitlines()
    assert len(lines) <= 36
    assert max(map(len, lines)) <= 4 + 36 * 12
    numbers = re.findall(r"[\d.e+-]+", "".join(lines).replace("a =", ""))
    assert len(numbers) == (array.size if array.size <= 36 else min(rows, 6) * min(columns, 6))
    assert ("…" in "".join(lines)) == (array.size > 36)
