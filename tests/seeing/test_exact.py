"""Exact lines: they keep the digits that the code keeps, wherever the inputs are."""

import numpy as np
import pytest

import backproplite as bp
from backproplite.seeing.exact import EXACT, INFERENCE, merged, nearest
from backproplite.seeing.pages.computed import computed_lines, inference_lines, loss_lines
from backproplite.seeing.written import evaluate

HALF = [1000.0, 750.0, 700.0, 100.0, 40.0, 37.0, 10.0, 1.0, 1e-3, 1e-9, 1e-17, 1e-300, 0.0]
FAR = np.array([[-x for x in HALF] + HALF[::-1]])
SMALLEST = 1e-300  # below which floats have not all their digits

ACTIVATIONS = [getattr(bp, name) for name in bp.activations.__all__ if name != "Activation"]
ELEMENTWISE = [activation for activation in ACTIVATIONS if activation is not bp.Softmax]


def worked_out(lines, values):
    """Return all values after the lines."""
    for name, line in lines.items():
        values[name] = np.atleast_2d(evaluate(line, values))
    return values


def settings(thing):
    return {k: v for k, v in thing.settings().items() if isinstance(v, (int, float))}


@pytest.mark.parametrize("cls", ELEMENTWISE, ids=lambda cls: cls.__name__)
def test_activations(cls):
    layer = cls()
    output, cache = layer.forward(FAR)
    lines = computed_lines(layer)
    values = worked_out(lines["forward"], settings(layer) | {"x": FAR, "grad_output": 2 + 0 * FAR})
    values = worked_out(lines["backward"], values)
    np.testing.assert_allclose(values["output"], output, 1e-9, SMALLEST)
    slope = layer.local_derivative(cache)
    np.testing.assert_allclose(values["derivative"] + 0 * FAR, slope, 1e-9, SMALLEST)
    np.testing.assert_allclose(values["grad_input"], 2 * slope, 1e-9, SMALLEST)


def test_a_sigmoid_has_its_digits_below_1():
    x = np.linspace(20, 40, 41)[np.newaxis]
    values = worked_out(computed_lines(bp.Sigmoid())["forward"], {"x": x})
    assert np.array_equal(values["output"], bp.Sigmoid()(x))


def rows(rng, samples=200, features=3):
    """Return rows of numbers from everywhere."""
    return rng.choice(FAR[0], (samples, features))


def test_softmax():
    layer, x = bp.Softmax(), rows(np.random.default_rng(0))
    output, cache = layer.forward(x)
    values = worked_out(computed_lines(layer)["forward"], {"x": x, "grad_output": x / 7})
    values = worked_out(computed_lines(layer)["backward"], values)
    np.testing.assert_allclose(values["output"], output, 1e-9, SMALLEST)
    np.testing.assert_allclose(values["grad_input"], layer.backward(x / 7, cache), 1e-9, 1e-12)


def of_class(rng, samples, features):
    """Return one-hot targets, and some between."""
    targets = np.eye(features)[rng.integers(0, features, samples)]
    targets[::3] = (targets[::3] + 0.5) / (1 + features / 2)
    return targets


LOSSES = [getattr(bp, name) for name in bp.losses.__all__ if name != "Loss"]


@pytest.mark.parametrize("cls", LOSSES, ids=lambda cls: cls.__name__)
def test_losses(cls):
    rng, loss = np.random.default_rng(1), cls()
    outputs = rows(rng)
    if loss.wants_probabilities:
        outputs = rng.choice(
            [0.0, 5e-324, 1e-300, 1e-17, 1e-9, 0.5, 1 - 1e-9, 1 - 2**-53, 1.0], outputs.shape
        )
    targets = {
        "categorical": of_class(rng, *outputs.shape),
        "binary": rng.choice([0.0, 0.25, 1.0], outputs.shape),
        None: rows(rng),
    }[loss.labels]
    costs, cache = loss.forward(outputs, targets)
    given = settings(loss) | {"outputs": outputs, "targets": targets}
    values = worked_out(loss_lines(loss)[1], given)
    assert np.isfinite(values["costs"]).all()
    np.testing.assert_allclose(values["costs"], costs, 1e-9, SMALLEST)
    np.testing.assert_allclose(values["derivative"], loss.backward(cache), 1e-9, SMALLEST)
    if "predictions" in values:
        expected = loss.predictions(outputs)
        np.testing.assert_allclose(values["predictions"], expected, 1e-9, SMALLEST)


ALMOST_ALIKE = 1000 + 1e-9 * np.arange(12.0).reshape(4, 3) ** 2
BATCHES = {
    "huge": 1e200 * np.array([[1.0, 2.0, -1.0], [3.0, 0.0, 1.0]]),  # not for BatchNorm
    "far": 1000 * np.random.default_rng(2).standard_normal((5, 3)),
    "alike": np.full((6, 3), 0.1),
    "almost alike": ALMOST_ALIKE,
    "one": np.array([[1000.0, -1000.0, 0.3]]),
    "two": np.array([[1000.0, -1000.0, 0.3], [999.0, 1000.0, 0.3]]),
}


CASES = [(cls, batch) for cls in (bp.BatchNorm, bp.LayerNorm) for batch in BATCHES]


@pytest.mark.parametrize(("cls", "batch"), CASES[1:])
@np.errstate(over="ignore")
def test_normalizations(cls, batch):
    x = BATCHES[batch]
    rng, layer = np.random.default_rng(3), cls(3)
    layer.scale[...], layer.bias[...] = rng.standard_normal((2, 3))
    state = {name: value.copy() for name, value in layer.named_state().items()}
    grad_output = rng.standard_normal(x.shape)
    output, cache = layer.forward_training(x, rng)
    grad_input = layer.backward(grad_output, cache)
    layer.after_step(cache)
    values = settings(layer) | state | layer.named_parameters()
    values |= {"x": x, "grad_output": grad_output, "samples": len(x), "features": 3}
    lines = computed_lines(layer)
    values = worked_out(lines["forward"], values)
    values = worked_out(lines["backward"], values)
    expected = {"output": output, "grad_input": grad_input} | {
        f"grad_{name}": gradient for name, gradient in layer.named_gradients().items()
    }
    for name, code in expected.items():
        size = max(np.abs(code).max(), np.abs(layer.bias).max())
        np.testing.assert_allclose(values[name].reshape(code.shape), code, 0, 1e-9 * size)
    learnt = dict(values)
    for name, line in lines["after"].items():
        (learnt if name in state else values)[name] = np.atleast_2d(evaluate(line, values))
    for name, code in layer.named_state().items():
        np.testing.assert_allclose(learnt[name].reshape(code.shape), code, 1e-9)
    inference = inference_lines(layer)
    if inference:
        result = worked_out(inference, values | layer.named_state())["output"]
        np.testing.assert_allclose(result, layer.forward(x)[0], 1e-9)


def test_merged_lines_come_where_those_stand_that_they_replace():
    shown = {"mean": "m", "output": "o", "grad_input": "g"}
    exact = {"near": "n", "mean": "M", "tail": "t", "grad_input": "G", "last": "l"}
    assert [*merged(shown, exact).items()] == [
        *(("near", "n"), ("mean", "M"), ("output", "o"), ("tail", "t")),
        *(("grad_input", "G"), ("last", "l")),
    ]


def test_lines_are_those_of_the_class_whose_code_runs():
    ours = {"ELU": {"output": "e"}}
    steep = type("Steep", (bp.ELU,), {"local_derivative": lambda self, x: x})
    assert nearest(bp.ELU(), ours, "forward") == ours["ELU"]
    assert nearest(steep(), ours, "forward") == ours["ELU"]
    assert nearest(steep(), ours, "forward", "local_derivative") == {}
    own = type("ELU", (bp.Activation,), {"exported": {"output": "x"}, "forward": None})
    assert nearest(own(), INFERENCE, "forward") == {"output": "x"}
    assert nearest(own(), EXACT, "forward") == {}
