"""Equations: what is written down is what the code computes, and what is printed comes to it."""

import math
import re

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from printed import unprinted
from strategies import loss_classes, networks, optimizer_classes, seeds, targets_for

import backproplite as bp
from backproplite import activations
from backproplite import layers as layers_
from backproplite.configurable import offered
from backproplite.seeing.equations import Equation, Named, array_text, equation, rounded
from backproplite.seeing.written import evaluate, substitute

mp = mpmath.mp.clone()
mp.dps = 50
RNG = np.random.default_rng
LAYERS = offered(layers_, bp.Layer) + offered(activations, bp.Layer)

# Every written line, beside the code


def numbers_of(configured):
    settings = configured.settings().items()
    return {name: value for name, value in settings if isinstance(value, (int, float))}


def assert_alike(ours, code):
    ours = np.broadcast_to(ours, np.broadcast_shapes(ours.shape, code.shape))
    np.testing.assert_allclose(ours, code.reshape(ours.shape), 1e-12, 1e-12)


@given(st.sampled_from(LAYERS), seeds, st.integers(2, 5), st.integers(1, 5))
def test_lines_of_layers(cls, seed, samples, features):
    if cls is bp.Activation:
        return
    rng, layer = RNG(seed), cls.example(features)
    arrays = layer.named_parameters() | layer.named_state()
    for array in arrays.values():
        array[...] = rng.uniform(0.5, 2, array.shape)
    x = rng.standard_normal((samples, features))
    output, cache = layer.forward_training(x, RNG(seed))
    grad_output = rng.standard_normal(output.shape)
    grad_input = layer.backward(grad_output, cache)

    learns = cls.after_step is not bp.Layer.after_step
    assert set(layer.state_names) < set(layer.written) or not learns
    values = numbers_of(layer) | {name: array.copy() for name, array in arrays.items()}
    values |= {"x": x, "samples": samples, "features": features, "grad_output": grad_output}
    values |= dict(zip(layer.cache_names, cache, strict=False)) if layer.cache_names else {}
    code = {"output": output, "grad_input": grad_input}
    code |= {f"grad_{name}": gradient for name, gradient in layer.named_gradients().items()}
    layer.after_step(cache)
    code |= layer.named_state() if learns else {}
    for name, line in layer.written.items():
        value = evaluate(line, values)
        result = "grad_input" if name == "derivative" else name
        if result in code:
            assert_alike(value * grad_output if name == "derivative" else value, code.pop(result))
        if name not in layer.state_names:
            values[name] = value
    assert not code or cls is bp.Residual  # which leaves its way back to the layers within it


@given(st.sampled_from(loss_classes), seeds, st.integers(1, 5), st.integers(1, 5))
def test_lines_of_losses(cls, seed, samples, width):
    rng, loss = RNG(seed), cls()
    outputs = 2 * rng.standard_normal((samples, width))
    if loss.wants_probabilities:
        outputs = bp.Softmax()(outputs) * 0.98 + 0.01 / width
    targets = loss.prepare_targets("y", targets_for(loss, samples, width, rng), width, np.float64)
    costs, cache = loss.forward(outputs, targets)
    values = numbers_of(loss) | {"outputs": outputs, "targets": targets}
    values |= dict(zip(loss.cache_names, cache, strict=False)) if loss.cache_names else {}
    code = {"costs": costs, "derivative": loss.backward(cache)}
    assert ("predictions" in loss.written) == (loss.applies is not None)
    code |= {"predictions": loss.predictions(outputs)} if loss.applies else {}
    for name, line in loss.written.items():
        values[name] = evaluate(line, values)
        if cls is bp.SoftmaxCrossEntropy and name == "costs":  # the same sum over a row
            values[name], code[name] = (a.sum(axis=1) for a in (values[name], code[name]))
        assert_alike(values[name], code.pop(name))
    assert not code


@given(st.sampled_from(optimizer_classes), seeds, st.booleans(), st.booleans(), st.booleans())
def test_lines_of_optimizers(cls, seed, clips, holds, decays):
    rng = RNG(seed)
    settings = {
        "clip_norm": rng.uniform(0.1, 9) if clips else None,
        "clip_value": rng.uniform(0.1, 3) if holds else None,
        "weight_decay": rng.uniform(0.1, 1) if decays else 0.0,
    }
    flags = {k: v for k, v in cls().settings().items() if isinstance(v, bool)}
    flags = {name: bool(rng.integers(2)) for name in flags}
    optimizer = cls(rng.uniform(0.1, 1), **settings, **flags)
    point = rng.standard_normal(4)
    optimizer.reset(point)
    for step in range(1, 4):
        gradient = rng.standard_normal(4)
        values = numbers_of(optimizer) | {"parameter": point.copy(), "gradient": gradient.copy()}
        values |= {name: getattr(optimizer, name).copy() for name in optimizer.state_names}
        values |= {"learning_rate": optimizer.current_rate(), "step": step}
        optimizer.step(point, gradient)
        if holds:
            values["gradient"] = evaluate(optimizer.written_clip["clip_value"], values)
        values["length"] = np.sqrt(np.sum(values["gradient"] ** 2))
        if clips and values["length"] > optimizer.clip_norm:
            values["gradient"] = evaluate(optimizer.written_clip["clip_norm"], values)
        for name, line in optimizer.written_decay.items() if decays else ():
            values[name] = evaluate(line, values)
        assert_alike(values["gradient"], gradient)
        assert list(optimizer.written) == [*optimizer.state_names, "parameter"]
        for name, line in optimizer.written.items():
            values[name] = evaluate(substitute(line, flags), values)
            code = point if name == "parameter" else getattr(optimizer, name)
            np.testing.assert_allclose(values[name], code, 1e-11, 1e-12)


# The lines of a trace


def check_lines(step, tolerance=1e-9):
    """Every line comes to its value, which is the array's at the place that it names."""
    count = 0
    for each in (each for stage in step for each in stage.equations):
        for line in each.lines:
            place = re.fullmatch(r"(.*?)(?:\[([\d, ]+)\])?", line.label)
            index = tuple(map(int, place[2].split(", "))) if place[2] else ()
            index = (0,) * (each.value.ndim - len(index)) + index
            assert place[1] == each.symbol
            assert line.value == each.value[index]
            label, *how, value = line.text(17).split(" = ")
            assert label == line.label
            assert float(value) == line.value
            numbers = [1.0, *(abs(part) for part in line.parts if isinstance(part, float))]
            if how and "…" not in how[0]:
                off = evaluate(unprinted(how[0]), {}) - line.value
                assert abs(off) <= tolerance * max(numbers), line.text(17)
            count += 1
    return count


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
def test_every_line_comes_to_its_number(example):
    check_lines(bp.trace(*example))


@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("cls", LAYERS)
def test_layers(cls, samples):
    if cls is bp.Activation:
        return
    network = network_of(
        bp.Dense(3, 4), cls.example(4), bp.Dense(cls.example(4).output_width(4), 2)
    )
    step = bp.trace(network, *batch(network, samples))
    assert check_lines(step) > 5 * samples
    assert cls.__name__ not in "".join(s.formula for s in step) or cls is bp.Residual


@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("outputs", [1, 2, 3])
@pytest.mark.parametrize("cls", loss_classes)
def test_losses(cls, outputs, samples):
    loss = cls()
    outputs += loss.labels == "categorical"  # which refuses a single one
    last = [loss.suits()] if loss.wants_probabilities else []
    network = network_of(bp.Dense(2, outputs), *last, loss=loss)
    step = bp.trace(network, *batch(network, samples))
    assert check_lines(step) > 5
    assert cls.__name__ not in "".join(s.formula for s in step)


@pytest.mark.parametrize("loss", [bp.CategoricalCrossEntropy(), bp.SoftmaxCrossEntropy()])
def test_losses_on_rows_of_probabilities(loss):
    last = [bp.Softmax()] if loss.wants_probabilities else []
    network = network_of(bp.Dense(2, 3), *last, loss=loss)
    step = bp.trace(network, batch(network, 2)[0], [[0, 0.3, 0.7], [0, 0, 1]])
    assert check_lines(step)
    assert step["loss.forward"].numbers().count("log") == 3  # other classes cost nothing


@pytest.mark.parametrize("loss", [bp.BinaryCrossEntropy(), bp.CategoricalCrossEntropy()])
def test_losses_of_a_network_that_is_sure_and_wrong(loss):
    network = network_of(bp.Dense(1, 2), loss.suits(), loss=loss)
    network.layers[0].weight[...] = [[2000.0, -2000.0]]
    step = bp.trace(network, [[1.0]], [[0.0, 1.0]])
    assert not re.search(r"log\((1 - 1|0)\)", step["loss.forward"].numbers(17))


@pytest.mark.parametrize(
    ("loss", "outputs", "samples", "formula"),
    [
        (bp.SigmoidCrossEntropy(), 1, 1, "loss = log(1 + exp(z₁)) - y · z₁"),
        (
            bp.SigmoidCrossEntropy(),
            2,
            3,
            "own loss = (Σ (log(1 + exp(z₁)) - y · z₁)) / 2\nloss = (Σ own loss) / 3",
        ),
        (bp.HalfSquaredError(), 2, 2, "own loss = Σ ½ · (z₁ - y)²\nloss = (Σ own loss) / 2"),
        (bp.CategoricalCrossEntropy(), 2, 1, "loss = Σ -y · log(a₁)"),
        (bp.MeanAbsoluteError(), 1, 3, "own loss = |z₁ - y|\nloss = (Σ own loss) / 3"),
    ],
)
def test_losses_read_like_this(loss, outputs, samples, formula):
    last = [loss.suits()] if loss.wants_probabilities else []
    network = network_of(bp.Dense(2, outputs), *last, loss=loss)
    step = bp.trace(network, *batch(network, samples))
    assert step["loss.forward"].formula.endswith(formula)


def test_what_only_the_gradient_by_the_input_needs_is_left_out_where_that_is():
    network = network_of(bp.BatchNorm(3), bp.Dense(3, 2))
    arrays = bp.trace(network, *batch(network, 4))["layers[0].backward"].arrays
    assert list(arrays) == ["grad_scale", "grad_bias"]


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
    assert check_lines(bp.trace(network, *batch(network, 4))) > 50


def test_single_precision():
    layers = bp.Dense(3, 4), bp.BatchNorm(4), bp.GELU(), bp.LayerNorm(4), bp.Dropout(0.5)
    network = network_of(*layers, bp.Dense(4, 2), optimizer=bp.Adam(0.1), dtype="float32")
    assert check_lines(bp.trace(network, *batch(network, 3)), 1e-5) > 100


def test_the_length_of_few_gradients_is_worked_out():
    network = network_of(bp.Dense(1, 1), optimizer=bp.GradientDescent(0.1, clip_norm=1e-3))
    length, *_ = bp.trace(network, *batch(network, 1))["update"].equations
    assert re.fullmatch(r"length = √\([^…²]+² \+ [^…²]+²\) = .*", length.lines[0].text())


def test_the_length_is_that_after_clipping_by_value():
    optimizer = bp.GradientDescent(0.1, clip_norm=1e-3, clip_value=1e-4)
    network = network_of(bp.Dense(1, 1), optimizer=optimizer)
    length = bp.trace(network, *batch(network, 1))["update"].equations[0].text()
    assert length.endswith(
        "all parameters, clipped by value) = √((-0.0001)² + (-0.0001)²) = 0.0001414"
    )


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
    assert Equation("output", "a", formula, np.array(value)).text() == text


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
    result, b = Named("a", value), Named("b", value - 1)
    line = equation("output", result, "b + 1", {"b": b})
    ours = line.text()
    if value.size > 6:
        assert len(line.lines) == 6
        ours = re.sub(r"(\n  a\[[1-9]\].*)+", "\n  ...", ours)
    assert ours == text


def test_what_was_stands_above_what_is():
    now, before = np.array([[1.0, 2]]), Named("a", np.array([[0.5, 1]]))
    assert (
        Equation("", "new a", "", now, before=before).text() == "    a = [0.5   1]\nnew a = [1 2]"
    )
    before = Named("loss", np.array(0.693147))
    one = Equation("", "new loss", "", np.array(0.693355), before=before)
    assert one.text() == "    loss = 0.693147\nnew loss = 0.693355"


# Excerpts


def test_of_long_sums_and_large_arrays_the_beginning_is_worked_out():
    network = network_of(bp.Dense(64, 9), optimizer=bp.GradientDescent(0.1, clip_norm=1e-3))
    step = bp.trace(network, *batch(network, 30))
    check_lines(step)
    expected = {"output": 64, "losses": 9, "loss": 30, "grad_weight": 30, "grad_bias": 30}
    expected["length"] = 585
    equations = {each.name: each for stage in step.stages[:-1] for each in stage.equations}
    for name, terms in expected.items():
        lines = equations[name].lines
        assert len(lines) == min(6, equations[name].value.size)
        assert all(f"+ … ({terms - 5} more)" in line.text() for line in lines)
        assert all(len(line.text()) < 200 for line in lines)


def test_small_sums_are_worked_out_to_the_end():
    for layers, samples in (((bp.Dense(5, 1), bp.Sigmoid()), 5), ((bp.LayerNorm(5),), 1)):
        network = network_of(*layers)
        assert "…" not in str(bp.trace(network, *batch(network, samples)))


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


class Blunt(bp.SigmoidCrossEntropy):
    def predictions(self, outputs):
        return super().predictions(outputs)


class Uphill(bp.GradientDescent):
    def update(self, parameters, gradients, rate):
        parameters += rate * gradients


class Halving(bp.GradientDescent):
    def clip(self, gradients):
        gradients /= 2


class Eroding(bp.Momentum):
    def decay(self, parameters, gradients, rate, scratch):
        gradients += 1


class Block(bp.Layer):
    def __init__(self):
        self.inner = bp.Dense(2, 2)

    def forward(self, x):
        return self.inner.forward(x)

    def backward(self, grad_output, cache):
        return self.inner.backward(grad_output, cache)


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
        (lambda: own(Drifting(2)), "layers[1].forward", "h₁ = scale₁ · normalized + bias₁′"),
        (lambda: own(Block()), "layers[1].forward", "h₁ = Block(z₁)"),
        (
            lambda: own(Block()),
            "layers[1].backward",
            "∂loss/∂inner.weight₁ = what Block.backward makes of ∂loss/∂h₁",
        ),
        (lambda: own(Block()), "update", "new inner.weight₁ = inner.weight₁ - learning_rate · "),
        (lambda: own(bp.Residual([bp.Tanh()])), "layers[1].forward", "h₁ = z₁ + inner"),
        (
            lambda: own(bp.Residual([bp.BatchNorm(2)])),
            "update",
            "new layers[0].running_mean(z₁) = what Residual.after_step makes of "
            "layers[0].running_mean(z₁)",
        ),
        (lambda: own(loss=Cubed()), "loss.forward", "own loss = Cubed(z₂, y)"),
        (lambda: own(loss=Cubed()), "loss.backward", "∂loss/∂z₂ = what Cubed.backward gives"),
        (lambda: own(loss=Gentle()), "loss.forward", "prediction = 1 / (1 + exp(-z₂))"),
        (lambda: own(loss=Blunt()), "loss.forward", "prediction = sigmoid(z₂)"),
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
def test_what_is_not_written_down_is_written_by_its_name(network, stage, formula):
    network = network()
    step = bp.trace(network, *batch(network, 3))
    assert formula in step[stage].formula
    assert formula.splitlines()[-1] in str(step)
    assert check_lines(step)


class WrittenCube(Cube):
    written = {"output": "x ** 3", "derivative": "3 * x ** 2"}


class WrittenPReLU(PReLU):
    written = {
        "output": "x if x > 0 else slope * x",
        "grad_slope": "sum(0 if x > 0 else grad_output * x, samples)",
        "unused": "x / 0",
        "grad_input": "grad_output if x > 0 else slope * grad_output",
    }


class WrittenDrift(Drifting):
    written = bp.BatchNorm.written | {"running_mean": "running_mean + 1"}


class WrittenCubed(Cubed):
    written = {
        "costs": "abs(outputs - targets) ** 3",
        "derivative": "3 * (outputs - targets) * abs(outputs - targets)",
    }


class SignDescent(bp.Optimizer):
    written = {"parameter": "parameter - learning_rate * sign(gradient)"}

    def update(self, parameters, gradients, rate):
        parameters -= rate * np.sign(gradients)


def test_a_class_of_ones_own_is_worked_out_from_its_written_lines():
    settings = {"loss": WrittenCubed(), "optimizer": SignDescent(0.1)}
    network = own(WrittenCube(), WrittenPReLU(), WrittenDrift(2), **settings)
    step = bp.trace(network, *batch(network, 3))
    text = str(step)
    assert "∂loss/∂z₁ = ∂loss/∂a₁ · 3 · z₁²" in text
    assert "own loss = (Σ |z₂ - y|³) / 2\n" in text
    assert "new weight₁ = weight₁ - learning_rate · sign(∂loss/∂weight₁)" in text
    assert "new running_mean(a₁′) = running_mean(a₁′) + 1" in text
    assert not re.search("unused|what|Cubed?\\(z|PReLU\\(z", text)
    assert check_lines(step) > 50


class Gated(Cube):
    """With settings that are no numbers, and one whose condition is settled."""

    written = {
        "output": "x ** 3 if cubed else x ** 2",
        "derivative": "3 * x ** 2 if cubed else 2 * x",
    }

    def __init__(self, x="x ** (", cubed=True, named=None):
        self.x, self.cubed, self.named = x, cubed, named


def test_a_setting_of_text_is_no_line():
    step = bp.trace(own(Gated()), np.ones((2, 3)), np.ones((2, 2)))
    assert "a₁ = z₁³" in str(step)
    assert " if " not in str(step)


class Counting(SignDescent):
    """Keeps more than it writes down."""

    state_names = ("steps",)

    def update(self, parameters, gradients, rate):
        self.steps += 1
        super().update(parameters, gradients, rate)

    written = SignDescent.written


def test_what_an_optimizer_keeps_and_does_not_write_down_has_no_equation():
    step = bp.trace(own(WrittenCube(), optimizer=Counting(0.1)), np.ones((2, 3)), np.ones((2, 2)))
    assert "new weight₁ = weight₁ - learning_rate · sign(∂loss/∂weight₁)" in str(step)
    assert "steps" not in str(step["update"])


def test_a_line_that_cannot_be_worked_out_is_refused():
    class Wrong(Cube):
        written = {"output": "x ** 3 + shift"}

    with pytest.raises(bp.ParameterError, match=r"'x \*\* 3 \+ shift' names 'shift', which is not"):
        bp.trace(own(Wrong()), np.ones((1, 3)), np.ones((1, 2)))


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
    if rows > 1:  # one line for each row, and its columns under those of the others
        rows_of_numbers = [line.rstrip("]") for line in lines if line.strip(" …")]
        assert len(rows_of_numbers) == (rows if array.size <= 36 else min(rows, 6))
        assert len({*map(len, rows_of_numbers)}) == 1


@pytest.mark.parametrize("column", range(7))
def test_the_widest_number_shown_makes_all_columns_as_wide(column):
    array = np.ones((7, 7))
    array[:, column] = -1000
    width = 1 if column == 3 else 5  # the one that is left out
    shown = ["-1000" if k == column else "1".rjust(width) for k in range(7)]
    shown[3] = "…"
    assert array_text(array, 4).splitlines()[0] == f"[[{' '.join(shown)}]"
