"""The trace of one training step: the numbers of the step itself, and nothing changed by it."""

import copy
import dataclasses
import pickle
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import networks, optimizer_classes

import backproplite as bp
from backproplite.seeing.pages import step_page

RNG = np.random.default_rng

# Lesson 5


def worked_example():
    network = bp.Network(
        [bp.Dense(2, 2), bp.Sigmoid(), bp.Dense(2, 1), bp.Sigmoid()],
        bp.HalfSquaredError(),
        bp.GradientDescent(0.5),
    )
    network.parameters[...] = [0.1, 0.3, 0.2, 0.4, 0.1, 0.2, 0.5, 0.6, 0.1]
    return network, [[0.5, 0.8]], [[1.0]]


FIGURES = {
    ("layers[0].forward", "output"): [0.31, 0.67],
    ("layers[1].forward", "output"): [0.5768852611320463, 0.6615031592029524],
    ("layers[2].forward", "output"): 0.7853445260877946,
    ("layers[3].forward", "output"): 0.6868308369899564,
    ("loss.forward", "loss"): 0.04903746233020563,
    ("loss.backward", "grad_output"): -0.3131691630100436,
    ("layers[3].backward", "grad_input"): -0.06736088259223719,
    ("layers[2].backward", "grad_bias"): -0.06736088259223719,
    ("layers[2].backward", "grad_weight"): [-0.03885950034430786, -0.04455943664146406],
    ("layers[2].backward", "grad_input"): [-0.03368044129611859, -0.04041652955534231],
    ("layers[1].backward", "grad_input"): [-0.008221013670360489, -0.009049937118499074],
    ("layers[0].backward", "grad_bias"): [-0.008221013670360489, -0.009049937118499074],
    ("layers[0].backward", "grad_weight"): [
        *(-0.004110506835180244, -0.004524968559249537),
        *(-0.006576810936288391, -0.00723994969479926),
    ],
    ("after", "output"): 0.6999681515934268,
    ("after", "loss"): 0.04500955502913245,
}


@pytest.mark.parametrize(("place", "figures"), FIGURES.items())
def test_lesson_5_by_name(place, figures):
    stage, name = place
    array = bp.trace(*worked_example())[stage].arrays[name]
    np.testing.assert_allclose(array.ravel(), figures, rtol=1e-15, atol=1e-16)


@pytest.mark.parametrize(("place", "figures"), FIGURES.items())
@pytest.mark.parametrize("digits", [None, 4, 7, 12, 16])
def test_lesson_5_in_print(place, figures, digits):
    step = bp.trace(*worked_example(), **({} if digits is None else {"digits": digits}))
    digits = digits or 4
    _, block = str(step).split(f" {step[place[0]].title}\n\n")
    texts = re.findall(r"[ \[](-?[\d.]+)\]?$", block.partition("\n\n")[0], re.MULTILINE)
    for figure in np.ravel(figures):
        nearest = min(map(float, texts), key=lambda number, figure=figure: abs(number - figure))
        if digits < 15:
            assert nearest == float(f"{figure:.{digits}g}")
        assert nearest == pytest.approx(figure, rel=max(10.0 ** (1 - digits), 1e-15))


PRINTED = """\
One training step: 9 parameters, 1 sample.
Numbers are rounded to 4 digits; entries are counted from 0.

1. Setup: the sample, its target, the parameters

   x = [0.5 0.8]
   y = [1]
   weight₁ = [[0.1 0.3]
              [0.2 0.4]]
   bias₁ = [0.1 0.2]
   weight₂ = [[0.5]
              [0.6]]
   bias₂ = [0.1]

2. Forward through layers[0] Dense(2, 2)

   z₁ = x · weight₁ + bias₁
     z₁[0] = 0.5 · 0.1 + 0.8 · 0.2 + 0.1 = 0.31
     z₁[1] = 0.5 · 0.3 + 0.8 · 0.4 + 0.2 = 0.67

3. Forward through layers[1] Sigmoid()

   a₁ = 1 / (1 + exp(-z₁))
     a₁[0] = 1 / (1 + exp(-0.31)) = 0.5769
     a₁[1] = 1 / (1 + exp(-0.67)) = 0.6615

4. Forward"""

ENDING = """\
13. After the update: forward once more

       z₁ = [0.31 0.67]
   new z₁ = [0.3178 0.6786]
       a₁ = [0.5769 0.6615]
   new a₁ = [0.5788 0.6634]
       z₂ = [0.7853]
   new z₂ = [0.8471]
       a₂ = [0.6868]
   new a₂ = [0.7000]
       loss = 0.04904
   new loss = 0.04501

The loss fell by 8.21 %."""


def test_lesson_5_reads_like_this():
    step = bp.trace(*worked_example())
    assert str(step).startswith(PRINTED)
    assert str(step).endswith(ENDING)
    assert repr(step) == str(step)
    assert step.verdict == "The loss fell by 8.21 %."
    assert "\n   loss = ½ · (a₂ - y)² = ½ · (0.6868 - 1)² = 0.04904\n" in str(step)


def test_a_batch_is_spoken_of_in_the_plural():
    network, X, y = worked_example()
    lines = str(bp.trace(network, 2 * X, 2 * y)).splitlines()
    assert lines[0] == "One training step: 9 parameters, 2 samples."
    assert lines[3] == "1. Setup: the samples, their targets, the parameters"


def test_a_stage_gives_its_parts():
    stage = bp.trace(*worked_example())["layers[2].backward"]
    assert stage.formula == (
        "∂loss/∂weight₂ = a₁ᵀ · ∂loss/∂z₂\n"
        "∂loss/∂bias₂ = Σ ∂loss/∂z₂ over the samples\n"
        "∂loss/∂a₁ = ∂loss/∂z₂ · weight₂ᵀ"
    )
    assert stage.numbers(3).splitlines() == [
        "∂loss/∂weight₂[0, 0] = 0.577 · (-0.0674) = -0.0389",
        "∂loss/∂weight₂[1, 0] = 0.662 · (-0.0674) = -0.0446",
        "∂loss/∂bias₂[0] = -0.0674",
        "∂loss/∂a₁[0] = -0.0674 · 0.5 = -0.0337",
        "∂loss/∂a₁[1] = -0.0674 · 0.6 = -0.0404",
    ]
    assert (stage.numbers(), stage.text()) == (stage.numbers(4), stage.text(4))
    assert list(stage.arrays) == ["grad_weight", "grad_bias", "grad_input"]
    assert (
        stage.text(3).replace("\n  ", "\n").splitlines()[1:3] == stage.numbers(3).splitlines()[:2]
    )
    assert str(stage).startswith("Backward through layers[2] Dense(2, 1)\n\n   ∂loss/∂weight₂ = ")
    assert str(stage.equations[1]) == (
        "∂loss/∂bias₂ = Σ ∂loss/∂z₂ over the samples\n  ∂loss/∂bias₂[0] = -0.06736"
    )


def test_the_loss_goes_back_like_this():
    assert str(bp.trace(*worked_example())["loss.backward"]) == (
        "Backward: how the loss changes with the network's output\n\n"
        "   ∂loss/∂a₂ = a₂ - y\n"
        "     ∂loss/∂a₂[0] = 0.6868 - 1 = -0.3132"
    )


UPDATE = """\
length = √(Σ gradient² over all parameters) = √(3² + 4²) = 5
g(weight₁) = ∂loss/∂weight₁ · clip_norm / length + weight_decay · weight₁
  g(weight₁)[0, 0] = 3 · 2.5 / 5 + 0.25 · 2 = 2
new velocity(weight₁) = momentum · velocity(weight₁) + learning_rate · g(weight₁)
  new velocity(weight₁)[0, 0] = 0.5 · 0 + 0.125 · 2 = 0.25
new weight₁ = weight₁ - new velocity(weight₁)
  new weight₁[0, 0] = 2 - 0.25 = 1.75
g(bias₁) = ∂loss/∂bias₁ · clip_norm / length
  g(bias₁)[0] = 4 · 2.5 / 5 = 2
new velocity(bias₁) = momentum · velocity(bias₁) + learning_rate · g(bias₁)
  new velocity(bias₁)[0] = 0.5 · 0 + 0.125 · 2 = 0.25
new bias₁ = bias₁ - new velocity(bias₁)
  new bias₁[0] = 1 - 0.25 = 0.75"""


def test_an_update_reads_like_this():
    optimizer = bp.Momentum(0.125, momentum=0.5, clip_norm=2.5, weight_decay=0.25)
    network = bp.Network([bp.Dense(1, 1)], bp.HalfSquaredError(), optimizer)
    network.parameters[...] = [2, 1]
    update = bp.trace(network, [[0.75]], [[-1.5]])["update"]
    assert update.text() == UPDATE
    assert list(update.arrays) == [
        "length",
        *(f"layers[0].weight{part}" for part in (".gradient", ".velocity", "")),
        *(f"layers[0].bias{part}" for part in (".gradient", ".velocity", "")),
    ]


MOVES = """\
new weight₁ = weight₁ - learning_rate · ∂loss/∂weight₁
  new weight₁[0, 6] = 1 - 0.5 · 9 = -3.5
  new weight₁[0, 3] = 1 - 0.5 · (-8) = 5
  new weight₁[0, 2] = 1 - 0.5 · 4 = -1
  new weight₁[0, 5] = 1 - 0.5 · (-4) = 3
  new weight₁[0, 7] = 1 - 0.5 · 2 = 0
  new weight₁[0, 0] = 1 - 0.5 · 0 = 1
  … and 2 more:
new weight₁ = [   1    1   -1    5    1    3 -3.5    0]"""


def test_the_largest_moves_are_worked_out_the_largest_first():
    network = bp.Network([bp.Dense(1, 8)], bp.HalfSquaredError(), bp.GradientDescent(0.5))
    network.parameters[...] = [1] * 8 + [0] * 8
    step = bp.trace(network, [[1.0]], [[1, 1, -3, 9, 1, 5, -8, -1]])
    assert step["update"].text().partition("\nnew bias")[0] == MOVES


@pytest.mark.parametrize("optimizer", optimizer_classes)
def test_all_lines_of_an_update_are_of_the_entries_that_move_most(optimizer):
    layers = bp.Dense(8, 3), bp.Tanh(), bp.Dense(3, 1)
    network = bp.Network(layers, bp.MeanSquaredError(), optimizer(0.1, weight_decay=0.1), seed=0)
    network.train_step(RNG(0).standard_normal((4, 8)), np.ones((4, 1)))
    step = bp.trace(network, RNG(1).standard_normal((4, 8)), np.zeros((4, 1)))
    moves = np.abs(step["update"].arrays["layers[0].weight"] - network.layers[0].weight)
    largest = [f"[{i // 3}, {i % 3}]" for i in np.argsort(-moves, axis=None)[:6]]
    equations = [e for e in step["update"].equations if e.name.startswith("layers[0].weight")]
    kept = 1 + len(optimizer.state_names)
    assert len(equations) == kept + ("gradient" in optimizer.written_decay)
    for each in equations:
        assert [line.label.removeprefix(each.symbol) for line in each.lines] == largest


def test_what_is_given_has_no_formula():
    setup = bp.trace(*worked_example())["setup"]
    assert {each.formula for each in setup.equations} == {""}
    assert setup.formula == setup.numbers() == ""


def test_what_a_layer_keeps_is_shown_only_where_it_has_changed():
    class Keeping(bp.Identity):
        state_names = ("same", "other")

        def __init__(self):
            self.same, self.other = np.zeros(2), np.zeros(2)

        def after_step(self, cache):
            self.other += 1

    network = bp.Network([bp.Dense(2, 2), Keeping()], bp.MeanSquaredError(), bp.Momentum(0.1))
    names = list(bp.trace(network, [[1.0, 2]], [[0.0, 1]])["update"].arrays)
    assert [name for name in names if name.startswith("layers[1]")] == ["layers[1].other"]


# The numbers are those of the step itself


@given(networks(), st.integers(0, 2))
def test_a_trace_has_the_numbers_of_the_step_to_the_bit(example, steps_before):
    network, X, y = example
    for _ in range(steps_before):
        network.train_step(X, y)
    step = bp.trace(network, X, y)

    twin = copy.deepcopy(network)
    loss, gradient = copy.deepcopy(network).loss_and_gradient(X, y)
    assert step.loss == step["loss.forward"].arrays["loss"] == loss
    traced = [g.value.ravel() for p in step.passages for g in p.gradients.values()]
    assert np.array_equal(np.concatenate(traced), gradient)
    for p in step.passages:
        shown = step[f"{p.place}.backward"].arrays if p.parameters else {}
        assert all(np.array_equal(shown[f"grad_{k}"], g.value) for k, g in p.gradients.items())

    before = [p.value.ravel() for q in step.passages for p in q.parameters.values()]
    assert np.array_equal(np.concatenate(before), twin.parameters)
    assert twin.train_step(X, y) == loss
    update = step["update"].arrays
    for i, (old, new) in enumerate(zip(network.layers, twin.layers, strict=True)):
        for name, value in new.named_parameters().items():
            assert np.array_equal(update[f"layers[{i}].{name}"], value)
        for name, value in new.named_state().items():
            unchanged = np.array_equal(old.named_state()[name], value)
            shown = update.get(f"layers[{i}].{name}")
            assert unchanged if shown is None else np.array_equal(shown, value)

    after = {each.name: each for each in step["after"].equations}
    flows = [output for output, _ in twin.way_forward(X.copy(), network.draws())]
    names = [*(f"layers[{i}].output" for i in range(len(flows) - 1)), "output"]
    for name, p, output in zip(names, step.passages, flows, strict=True):
        assert np.array_equal(after[name].value, output)
        assert after[name].before is p.output
    targets = twin.loss.prepare_targets("y", y, flows[-1].shape[1], twin.dtype)
    assert step.loss_after == after["loss"].value == twin.loss.value(flows[-1], targets)
    assert after["loss"].before.value == loss


@given(networks())
def test_each_sample_costs_what_it_would_cost_alone(example):
    network, X, y = example
    step = bp.trace(network, X, y)
    now, after = step["loss.forward"].arrays, step["after"].arrays
    if len(X) == 1:
        assert "losses" not in now | after
        return
    *_, last = step.passages
    targets = step["setup"].arrays["y"]
    for outputs, arrays in ((last.output.value, now), (after["output"], after)):
        rows = [(outputs[i : i + 1], targets[i : i + 1]) for i in range(len(X))]
        assert np.array_equal(arrays["losses"], [network.loss.value(*row) for row in rows])
        tolerance = 1e-5 if network.dtype == np.float32 else 1e-12
        np.testing.assert_allclose(arrays["losses"].mean(), arrays["loss"], tolerance, tolerance)


@given(networks(), st.integers(0, 2))
def test_a_trace_changes_nothing(example, steps_before):
    network, X, y = example
    if steps_before:
        network.fit(X, y, steps_before)

    def everything():
        record = network.record
        return pickle.dumps(network), record.bytes.tobytes(), network.gradients.tobytes()

    before, data = everything(), (X.copy(), np.copy(y))
    bp.trace(network, X, y)
    assert everything() == before
    assert np.array_equal(X, data[0])
    assert np.array_equal(y, data[1])


def test_a_trace_leaves_the_next_steps_as_they_would_have_been():
    def trained(traced):
        layers = bp.Dense(2, 4), bp.BatchNorm(4), bp.Dropout(0.5), bp.Dense(4, 1)
        network = bp.Network(layers, bp.MeanSquaredError(), bp.Adam(0.1), seed=3)
        X, y = bp.datasets.xor()
        for _ in range(3):
            if traced:
                bp.trace(network, X, y)
            network.fit(X, y, 2, batch_size=3)
        return network

    assert pickle.dumps(trained(True)) == pickle.dumps(trained(False))


def test_the_trace_keeps_its_numbers_when_everything_else_changes():
    network, X, y = worked_example()
    X, y = np.array(X), np.array(y)
    step = bp.trace(network, X, y)
    text = str(step)
    X[...], y[...] = 7, 7
    network.fit([[1.0, 1.0]], [[0.0]], 3)
    assert str(step) == text


def test_dropout_is_the_same_before_and_after():
    layers = bp.Dense(6, 50), bp.Dropout(0.5), bp.Identity()
    network = bp.Network(layers, bp.MeanSquaredError(), bp.GradientDescent(0), seed=5)
    X = RNG(0).standard_normal((3, 6))
    step = bp.trace(network, X, np.zeros((3, 50)))
    (mask,) = step.passages[1].cache
    assert set(np.unique(mask)) == {0, 2}
    assert step.loss == step.loss_after
    (coming,) = network.forward_training(X)[1][1]
    assert np.array_equal(mask, coming)


def test_layers_may_write_over_what_they_are_given():
    class InPlace(bp.Layer):
        def forward(self, x):
            x[x < 0] = 0
            return x, [x > 0]

        def backward(self, grad_output, cache):
            (positive,) = cache
            grad_output[~positive] = 0
            positive[...] = True
            return grad_output

    def traced(layer):
        layers = layer, bp.Dense(3, 5), layer, bp.Dense(5, 5), layer
        network = bp.Network(copy.deepcopy(layers), bp.MeanSquaredError(), seed=1)
        return bp.trace(network, X, RNG(2).standard_normal((4, 5)))

    X = RNG(1).standard_normal((4, 3))
    unharmed = X.copy()
    one, other = traced(InPlace()), traced(bp.ReLU())
    assert np.array_equal(X, unharmed)
    assert one.passages[2].grad_input.value.any()
    for p, q in zip(one.passages, other.passages, strict=True):
        for part in ("x", "output", "grad_output", "grad_input"):
            ours, reference = getattr(p, part), getattr(q, part)
            assert (ours is None) == (reference is None)
            assert ours is None or np.array_equal(ours.value, reference.value, equal_nan=True)
        assert isinstance(p.layer, bp.Dense) or np.array_equal(p.cache[0], p.output.value > 0)
        assert all(np.array_equal(p.gradients[k].value, q.gradients[k].value) for k in p.gradients)


def test_the_first_layer_is_asked_for_no_more_than_training_asks():
    class First(bp.Dense):
        def backward(self, grad_output, x):
            raise AssertionError

    network = bp.Network([First(2, 1)], bp.MeanSquaredError(), seed=0)
    step = bp.trace(network, [[1.0, 2]], [[3.0]])
    assert list(step["layers[0].backward"].arrays) == ["grad_weight", "grad_bias"]


# Its shape


@given(networks())
def test_stages_come_in_the_order_of_the_step(example):
    network, X, y = example
    step = bp.trace(network, X, y)
    names = [f"layers[{i}]" for i in range(len(network.layers))]
    assert [stage.name for stage in step] == [
        "setup",
        *(f"{name}.forward" for name in names),
        "loss.forward",
        "loss.backward",
        *(f"{name}.backward" for name in reversed(names)),
        "update",
        "after",
    ]
    assert len(step) == len(step.stages)
    assert all(step[stage.name] is stage for stage in step)
    titles = re.findall(r"^(\d+)\. (.*)$", str(step), re.MULTILINE)
    assert titles == [(str(i), stage.title) for i, stage in enumerate(step, 1)]
    symbols = [e.symbol for stage in step for e in stage.equations if "₁" in e.symbol]
    assert len(symbols) == len(set(symbols))
    for stage in step:
        assert all(
            each.value.dtype == network.dtype or each.value.ndim == 0 for each in stage.equations
        )


def test_symbols_are_numbered_by_the_dense_layers():
    layers = [bp.LayerNorm(2), bp.Tanh(), bp.Dense(2, 2), bp.ReLU(), bp.ReLU(), bp.LayerNorm(2)]
    layers += [bp.Dense(2, 2), *(bp.Dense(2, 2) for _ in range(9))]
    step = bp.trace(bp.Network(layers, bp.MeanSquaredError(), seed=0), [[1.0, 2]], [[0, 1]])
    symbols = [p.output.symbol for p in step.passages]
    assert symbols[:8] == ["h₀", "a₀", "z₁", "a₁", "a₁′", "h₁", "z₂", "z₃"]
    assert symbols[-1] == "z₁₁"
    assert list(step["setup"].arrays)[:5] == [
        *("X", "y", "layers[0].scale", "layers[0].bias", "layers[2].weight"),
    ]
    assert [e.symbol for e in step["setup"].equations][2:8] == [
        *("scale₀", "bias₀", "weight₁", "bias₁", "scale₁", "bias₁′"),
    ]


@pytest.mark.parametrize("first", [[bp.Dropout(0.5)], [bp.Tanh(), bp.Dropout(0.5)]])
def test_below_the_first_parameters_there_is_no_way_back(first):
    network = bp.Network([*first, bp.Dense(2, 1)], bp.MeanSquaredError(), seed=0)
    step = bp.trace(network, [[1.0, 2], [3, 4]], [[0.0], [1]])
    names = [stage.name for stage in step if ".backward" in stage.name]
    assert names == ["loss.backward", f"layers[{len(first)}].backward"]
    assert list(step[names[1]].arrays) == ["grad_weight", "grad_bias"]
    for p in step.passages[:-1]:
        assert p.grad_input is None
        assert np.isnan(p.grad_output.value).all()
    assert step.passages[-1].grad_input is None


def test_a_network_without_parameters():
    network = bp.Network([bp.Tanh(), bp.Identity()], bp.MeanSquaredError())
    step = bp.trace(network, [[1.0, 2], [3, 4]], [[0.0, 1], [1, 0]])
    assert [stage.name for stage in step][-3:] == ["loss.backward", "update", "after"]
    assert step["update"].equations == ()
    assert step.verdict.startswith("The loss stayed at 0.")
    assert "0 parameters" in str(step)
    assert "\n\n\n" not in str(step)


@pytest.mark.parametrize("optimizer", optimizer_classes)
def test_the_update_says_what_the_optimizer_keeps(optimizer):
    network = bp.Network([bp.Dense(2, 1)], bp.MeanSquaredError(), optimizer(0.1), seed=0)
    step = bp.trace(network, [[1.0, 2]], [[3.0]])
    kept = optimizer.state_names
    assert list(step["update"].arrays) == [
        *(f"layers[0].weight.{name}" for name in kept), "layers[0].weight",
        *(f"layers[0].bias.{name}" for name in kept), "layers[0].bias",
    ]  # fmt: skip


class Swish(bp.Layer):
    def __init__(self, features):
        self.features = self.in_features = self.out_features = features
        self.add_parameter("beta", (features,), bp.Constant(1.0))

    def forward(self, x):
        gate = bp.Sigmoid()(self.beta * x)
        return x * gate, (x, gate)

    def backward(self, grad_output, cache):
        x, gate = cache
        slope = gate * (1 - gate)
        np.sum(grad_output * x * x * slope, axis=-2, out=self.grad_beta)
        return grad_output * (gate + self.beta * x * slope)


def test_one_parameter_is_spoken_of_in_the_singular():
    step = bp.trace(bp.Network([Swish(1)], bp.MeanSquaredError()), [[1.0]], [[3.0]])
    assert str(step).startswith("One training step: 1 parameter, 1 sample.\n")


def test_a_large_network_is_shown_in_excerpts():
    X, y = bp.datasets.digits()
    layers = bp.Dense(64, 256), Swish(256), bp.LayerNorm(256), bp.Dense(256, 10)
    optimizer = bp.Adam(0.1, clip_norm=0.1, weight_decay=0.1)
    network = bp.Network(layers, bp.SoftmaxCrossEntropy(), optimizer, dtype="float32", seed=0)
    step = bp.trace(network, X[:64], y[:64])
    text = str(step)
    lines = text.splitlines()
    assert len(lines) < 750
    assert max(map(len, lines)) < 250
    assert text.count("more)") > 50
    assert "19,978 parameters, 64 samples." in lines[0]
    assert "∂loss/∂beta₁ = what Swish.backward makes of ∂loss/∂h₁" in text


def test_single_precision_stays_single():
    layers = bp.Dense(2, 3), bp.BatchNorm(3), bp.Tanh(), bp.Dense(3, 1)
    network = bp.Network(layers, bp.MeanSquaredError(), dtype="float32", seed=0)
    step = bp.trace(network, *bp.datasets.xor())
    arrays = [array for stage in step for array in stage.arrays.values() if array.ndim]
    assert {array.dtype for array in arrays} == {np.dtype("float32")}


# The verdict


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        (0.5, 0.25, "The loss fell by 50.00 %."),
        (0.5, 0.75, "The loss rose by 50.00 %."),
        (-2.0, -3.0, "The loss fell by 50.00 %."),
        (1.0, 1 - 1e-9, "The loss fell by 1e-07 %, from 1 to 0.999999999."),
        (1.0, 1 - 1.234e-4, "The loss fell by 0.01 %, from 1 to 0.999877."),
        (0.693147, 0.693355, "The loss rose by 0.03 %, from 0.693147 to 0.693355."),
        (
            0.25,
            0.25 * (1 + 1e-16 * 3),
            "The loss rose by 2.2e-14 %, from 0.25 to 0.25000000000000006.",
        ),
        (1.0, 51.0, "The loss rose by 5000.00 %."),
        (1.0, 1e300, "The loss rose by 1e+302 %."),
        (0.5, 0.5, "The loss stayed at 0.5."),
        (0.0, 0.0, "The loss went from 0 to 0."),
        (0.0, 0.5, "The loss went from 0 to 0.5."),
        (0.5, np.inf, "The loss went from 0.5 to inf."),
        (0.5, np.nan, "The loss went from 0.5 to nan."),
        (1e-300, 1.0, "The loss rose by 1e+302 %."),
    ],
)
def test_verdict(before, after, verdict):
    step = bp.trace(*worked_example())
    assert dataclasses.replace(step, loss=before, loss_after=after).verdict == verdict


# Handing it on


@given(networks())
def test_a_trace_can_be_copied_and_pickled(example):
    step = bp.trace(*example)
    for copied in (copy.copy(step), copy.deepcopy(step), pickle.loads(pickle.dumps(step))):
        assert str(copied) == str(step)
        assert [p.place for p in copied.passages] == [p.place for p in step.passages]


def test_traces_can_be_told_apart_and_kept_in_sets():
    one, other = (bp.trace(*worked_example()) for _ in range(2))
    assert one != other
    assert len({one, other, *one.stages, *one.stages[3].equations}) == 2 + len(one) + 1
    assert one.stages[3] in one


# Bad input


def small(**settings):
    settings = {"loss": bp.MeanSquaredError(), "seed": 0} | settings
    return bp.Network([bp.Dense(2, 1)], **settings)


X, Y = np.ones((3, 2)), np.ones((3, 1))
LARGE = np.full((3, 2), 1e200)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: bp.trace("net", X, Y), bp.ParameterError, "network must be a Network; got str"),
        (lambda: bp.trace(small().layers[0], X, Y), bp.ParameterError, "got Dense"),
        (
            lambda: bp.trace(small(), np.ones((65, 2)), np.ones((65, 1))),
            bp.ShapeError,
            "X must hold at most 64 samples, or nobody could read the trace; got 65. Trace a few",
        ),
        (lambda: bp.trace(small(), np.ones((3, 3)), Y), bp.ShapeError, "X must have 2 features"),
        (lambda: bp.trace(small(), X, [["a"]] * 3), bp.InputError, "y must hold real numbers"),
        (
            lambda: bp.trace(small(), X, Y, digits=0),
            bp.ParameterError,
            "digits must be a whole number of at least 1; got 0.",
        ),
        (
            lambda: bp.trace(small(), X, Y)["layers[1].forward"],
            bp.ParameterError,
            "there is no stage 'layers[1].forward'; the stages are setup, layers[0].forward, loss",
        ),
        (lambda: bp.trace(small(), X, Y)[0], bp.ParameterError, "there is no stage 0"),
        (lambda: bp.trace(small(), LARGE, Y), bp.DivergenceError, "the loss turned inf"),
        (
            lambda: bp.trace(small(optimizer=bp.GradientDescent(1e308)), X * 100, Y),
            bp.DivergenceError,
            "a parameter or running statistic turned NaN or infinite",
        ),
        (
            lambda: bp.trace(small(optimizer=bp.GradientDescent(lambda step: -1)), X, Y),
            bp.ParameterError,
            "schedule",
        ),
    ],
)
def test_bad_input_is_refused_in_one_line(call, error, words):
    with pytest.raises(error) as caught:
        call()
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_training_refuses_tracing_refuses_in_the_same_words():
    for optimizer in (bp.GradientDescent(1e308), bp.GradientDescent(lambda step: -1)):
        network = small(optimizer=optimizer)
        before = pickle.dumps(network.parameters)
        with pytest.raises(bp.BackpropliteError) as traced:
            bp.trace(network, X * 100, Y)
        assert pickle.dumps(network.parameters) == before
        with pytest.raises(bp.BackpropliteError) as trained:
            network.train_step(X * 100, Y)
        assert str(traced.value) == str(trained.value)
        assert type(traced.value) is type(trained.value)


# As a page


@pytest.mark.parametrize("name", ["step.html", "step.htm"])
def test_the_page_is_written_to_a_file(tmp_path, name):
    step = bp.trace(*worked_example())
    step.to_html(tmp_path / name)
    assert (tmp_path / name).read_text("utf-8") == step_page(step)
    with pytest.raises(bp.InputError, match="does not exist"):
        step.to_html(tmp_path / "missing" / name)
    with pytest.raises(bp.InputError, match=r"path must end in \.html or \.htm; got 'step\.txt'"):
        step.to_html(tmp_path / "step.txt")


def test_a_notebook_shows_the_page_in_a_frame():
    step = bp.trace(*worked_example())
    frame = step._repr_html_()
    assert re.match(r'<iframe srcdoc="[^"<>]*" title="One training step"', frame)
    assert frame.endswith('" style="width: 100%; height: 720px; border: 0"></iframe>')
