"""The plan of a network: what lives, what is a recording and why, and what goes into it."""

import json

import numpy as np
import pytest
from javascript import run
from seeing.pages.networks import Centre, FourthPower, Lion, Square, Swish, networks

import backproplite as bp
from backproplite.seeing.pages.plan import plan, step_plan
from backproplite.seeing.written import tree

X = np.random.default_rng(0).standard_normal((4, 3))
Y = np.random.default_rng(1).standard_normal((4, 2))


def own(base, **attributes):
    return type(base)("Own", (base,), attributes)


def noisy(self, x, rng):
    return x + rng.standard_normal(x.shape), x


class Block(bp.Layer):
    written = {"output": "x", "grad_input": "grad_output"}

    def __init__(self):
        self.inner = bp.Dense(3, 3)

    def forward(self, x):
        return x, x

    def backward(self, grad_output, x):
        return grad_output


class Deep(bp.Layer):
    def forward(self, x):
        return x[:, np.newaxis], x

    def backward(self, grad_output, x):
        return grad_output[:, 0]


class Back(bp.Layer):
    def forward(self, x):
        return x[:, 0], x

    def backward(self, grad_output, x):
        return grad_output[:, np.newaxis]


class Rectified(bp.Activation):
    """Written down for positive numbers alone."""

    written = {"output": "x", "derivative": "1"}

    def forward(self, x):
        return np.maximum(x, 0), x

    def local_derivative(self, x):
        return (x > 0) * 1.0


class Three(bp.Layer):
    def __init__(self):
        self.add_parameter("weight", (2, 3, 3))

    def forward(self, x):
        return x @ self.weight.sum(axis=0), x

    def backward(self, grad_output, x):
        self.grad_weight[...] = x.T @ grad_output
        return grad_output @ self.weight.sum(axis=0).T


class Taking(bp.Layer):
    """A line takes the name of a parameter, so that what it does depends on how often."""

    written = {
        "beta": "beta * 2",
        "output": "x * beta",
        "grad_beta": "2 * sum(grad_output * x, samples)",
        "grad_input": "grad_output * beta",
    }

    def __init__(self):
        self.add_parameter("beta", (3,), bp.Constant(1.1))

    def forward(self, x):
        return x * self.beta * 2, x

    def backward(self, grad_output, x):
        self.grad_beta[...] = 2 * (grad_output * x).sum(axis=0)
        return grad_output * self.beta * 2


class Refusing(bp.Identity):
    """Cannot be tried."""

    def __init__(self, refused="forward"):
        self.refused = refused

    def forward(self, x):
        if self.refused == "forward":
            raise ValueError("only in training.")
        return x, x

    def forward_training(self, x, rng):
        return x, x

    def backward(self, grad_output, cache):
        if self.refused == "backward" and abs(grad_output).max() > 0.4:
            raise OverflowError
        return grad_output


NO_LINES = "has no written lines; give its class `written = {...}`."
OTHER = "that gives something else than its code."
LAYERS = {
    f"layers[1] Own {NO_LINES}": [own(Swish, written={})(3)],
    "layers[1] Own has no written line of grad_beta; give its class `written = {...}`.": [
        own(Swish, written={k: v for k, v in Swish.written.items() if k != "grad_beta"})(3)
    ],
    f"layers[1] Own has a written line of output {OTHER}": [
        own(Square, written={"output": "x * 1.00001", "derivative": "1"})()
    ],
    f"layers[1] Own has a written line of grad_input {OTHER}": [
        own(Square, written=Square.written | {"derivative": "x"})()
    ],
    f"layers[1] Own has a written line of seen {OTHER}": [
        own(Centre, written=Centre.written | {"seen": "seen + 1"})(3)
    ],
    "layers[1] Own has no written line of seen; give its class `written = {...}`.": [
        own(Centre, written={k: v for k, v in Centre.written.items() if k != "seen"})(3)
    ],
    "layers[1] Own cannot be computed: the line 'x + noise' names 'noise', which is not known "
    "here.": [own(bp.Identity, written={"output": "x + noise", "derivative": "1"})()],
    "layers[1] Own has no written lines; give its class `written = {...}`. ": [
        own(bp.Identity, forward_training=noisy)()
    ],
    f"layers[1] Own has a written line of output {OTHER} ": [
        own(bp.Identity, forward_training=noisy, written={"output": "x", "derivative": "1"})()
    ],
    "layers[1] Own has written lines of training alone; give its class `exported` for inference.": [
        own(
            bp.Identity,
            written={"output": "2 * x", "derivative": "1"},
            forward_training=lambda self, x, rng: (2 * x, x),
        )()
    ],
    "layers[1] Block has layers within it, of which written lines cannot tell.": [Block()],
    "layers[1] Taking has a written line of beta, a name that stands for something else already.": [
        Taking()
    ],
    "layers[1] Refusing raised ValueError when its lines were tried: only in training.": [
        Refusing()
    ],
    "layers[1] Refusing raised OverflowError when its lines were tried.": [Refusing("backward")],
    f"layers[1].layers[0] Own {NO_LINES}": [bp.Residual([own(Swish, written={})(3)])],
    "layers[1] Deep computes with arrays of more than two axes. layers[2] Back computes with "
    "arrays of more than two axes.": [Deep(), Back()],
}


def with_layers(layers):
    return bp.Network(
        [bp.Dense(3, 3), *layers, bp.Dense(3, 2)], bp.MeanSquaredError(), bp.Adam(), seed=0
    )


@pytest.mark.parametrize("why", LAYERS)
def test_a_network_with_a_layer_that_cannot_live_says_why(why):
    written = plan(with_layers(LAYERS[why]))
    assert (written["alive"], written["why"]) == (False, why.strip())
    assert "recorded" in written["layers"][1]
    assert "recorded" not in written["layers"][0]


def test_lines_that_are_true_of_this_batch_alone_are_not_computed_by():
    layers = [Rectified(), bp.Dense(3, 2)]
    written = plan(bp.Network(layers, bp.MeanSquaredError(), seed=0), abs(X), Y)
    assert written["why"] == (
        f"layers[0] Rectified has a written line of output {OTHER[:-1]}, for other inputs."
    )


WRONG = {"costs": "(outputs - targets) ** 4", "derivative": "outputs"}
LOSSES = {
    f"The loss Own {NO_LINES}": own(FourthPower, written={})(),
    "The loss Own has a written line of costs that gives something else than its code.": own(
        FourthPower, written=FourthPower.written | {"costs": "outputs"}
    )(),
    f"The loss Own has a written line of derivative {OTHER}": own(FourthPower, written=WRONG)(),
    "The loss Own has no written line of predictions; give its class `written = {...}`.": own(
        FourthPower, predictions=lambda self, outputs: 2 * outputs
    )(),
}


@pytest.mark.parametrize("why", LOSSES)
def test_a_loss_that_cannot_live_says_why(why):
    written = plan(bp.Network([bp.Dense(3, 2)], LOSSES[why], seed=0))
    assert (written["alive"], written["why"]) == (False, why)
    assert written["loss"]["recorded"] == {}


def steep(self, parameters, gradients, rate):
    if abs(gradients).max() > 0.5:
        raise ValueError("steep")
    parameters -= 1e-6 * gradients


OPTIMIZERS = {
    f"The optimizer Own {NO_LINES}": own(Lion, written={})(),
    f"The optimizer Own has a written line of mean {OTHER}": own(
        Lion, written=Lion.written | {"mean": "beta * mean + gradient"}
    )(),
    f"The optimizer Own has a written line of parameter {OTHER}": own(
        Lion, written=Lion.written | {"parameter": "parameter"}
    )(),
    "The optimizer Own has no written line of moves; give its class `written = {...}`.": own(
        Lion, written={k: v for k, v in Lion.written.items() if k != "moves"}
    )(),
    "The optimizer Own has no written lines of its own clipping or weight decay.": own(
        Lion, clip=lambda self, gradients: None
    )(clip_norm=1.0),
    "The optimizer Own has a written line of beta, a name that stands for something else "
    "already.": own(Lion, written={"beta": "2 * beta"} | Lion.written)(),
    "The optimizer Own raised ValueError when its lines were tried: steep.": own(
        bp.GradientDescent, update=steep
    )(),
    "The optimizer Own turned infinite when its lines were tried.": own(
        bp.GradientDescent, update=lambda self, parameters, gradients, rate: parameters.fill(np.inf)
    )(),
}


@pytest.mark.parametrize("why", OPTIMIZERS)
def test_an_optimizer_that_cannot_live_says_why(why):
    written = plan(bp.Network([bp.Dense(3, 2)], bp.MeanSquaredError(), OPTIMIZERS[why], seed=0))
    assert (written["alive"], written["why"]) == (False, why)
    assert written["optimizer"]["recorded"] == {}


def test_what_it_cannot_do_is_said_once_for_each():
    layers, loss = [own(Swish, written={})(3)], own(FourthPower, written={})()
    network = bp.Network([*layers, bp.Dense(3, 2)], loss, own(Lion, written={})(), seed=0)
    assert plan(network)["why"] == (
        f"layers[0] Own {NO_LINES} The loss Own {NO_LINES} The optimizer Own {NO_LINES}"
    )


# Recordings.

RECORDED = {
    "a layer": with_layers([own(Swish, written={})(3)]),
    "a block, trained": with_layers([bp.Residual([own(Swish, written={})(3), bp.BatchNorm(3)])]),
    "of three axes": with_layers([Deep(), Back()]),
    "a parameter of three axes": with_layers([Three()]),
    "what cannot be tried": with_layers([Refusing()]),
    "what keeps a state": with_layers([own(Centre, written={})(3)]),
    "a loss": bp.Network([bp.Dense(3, 2)], own(FourthPower, written={})(), bp.Adam(), seed=0),
    "an optimizer": bp.Network(
        [bp.Dense(3, 2)], bp.MeanSquaredError(), own(Lion, written={})(clip_norm=0.1), seed=0
    ),
}
REPLAYED = """data.map((plan) => {
  const network = new LiveNetwork(plan), caught = [];
  try { network.trainStep(); } catch (error) { caught.push(error.message); }
  return { ...network.pass(), caught, again: network.pass().loss, rate: network.rate };
})"""


def test_what_cannot_live_is_replayed():
    traces = [bp.trace(network, X, Y) for network in RECORDED.values()]
    plans = [step_plan(trace) for trace in traces]
    assert not any(each["alive"] for each in plans)
    for page, trace, written in zip(
        run(["engine/engine.js"], REPLAYED, plans), traces, plans, strict=True
    ):
        assert page["caught"] == [written["why"]]
        assert page["rate"] == trace.network.optimizer.current_rate()
        pairs = [
            (page["loss"], trace.loss),
            (page["again"], trace.loss),
            (page["lossAfter"], trace.loss_after),
            (page["gradients"], trace.update["gradients"]),
            (page["update"]["applied"], trace.update["new gradients"]),
            (page["update"]["parametersAfter"], trace.update["new parameters"]),
            (page["predictions"]["data"], trace.passages[-1].output.value),
        ]
        for name in trace.network.optimizer.state_names:
            pairs.append((page["update"]["stateAfter"][name], trace.update[f"new {name}"]))
        for i, p in enumerate(trace.passages):
            pairs.append((page["flows"][i + 1]["data"], p.output.value))
            pairs.append((page["flowsAfter"][i + 1]["data"], trace.flows_after[i + 1]))
            if p.grad_input:
                pairs.append((page["gradFlows"][i]["data"], p.grad_input.value))
        for result, expected in pairs:
            np.testing.assert_allclose(
                result, np.ravel(expected) if np.ndim(expected) else expected, 1e-9, 1e-12
            )


# What goes into it.


def test_a_step_has_its_batch_its_head_and_its_digits():
    network = bp.Network([bp.Dense(3, 2)], bp.MeanSquaredError(), seed=2**100)
    network.train_step(X, Y)
    written = step_plan(bp.trace(network, X, Y, digits=3))
    assert json.loads(json.dumps(written, allow_nan=False)) is not None
    assert written["x"] == X.tolist()
    assert written["y"] == Y.tolist()
    assert written["head"] == "One training step: 8 parameters, 4 samples."
    assert written["note"].startswith("Numbers are rounded to 3 digits")
    assert [written[k] for k in ("digits", "steps", "epochs", "seed")] == [3, 1, 0, str(2**100)]


def test_a_layer_is_written_as_it_is_shown_and_as_it_is_evaluated():
    network = bp.Network([bp.Dense(3, 2), bp.Tanh()], bp.MeanSquaredError(), seed=0)
    dense, tanh = plan(network)["layers"]
    assert dense["forward"] == {"output": tree("x @ weight + bias")}
    assert dense["parameters"] == {
        "weight": {"symbol": "weight₁", "shape": (3, 2), "offset": 0},
        "bias": {"symbol": "bias₁", "shape": (2,), "offset": 6},
    }
    assert dense["exact"] == {}
    assert tanh["backward"] == {"grad_input": tree("grad_output * (1 - output ** 2)")}
    assert [*tanh["exact"]["backward"]] == ["tail", "derivative", "grad_input"]
    assert (dense["elementwise"], tanh["elementwise"]) == (False, True)
    assert (dense["place"], tanh["name"]) == ("layers[0]", "Tanh()")


def test_what_is_all_rounding_is_no_reason_to_be_a_recording():
    sure = bp.Dense(3, 2, weight_initializer=lambda shape, rng: np.full(shape, [-1e3, 1e3]))
    network = bp.Network([sure, bp.Softmax(), bp.Dense(2, 2)], bp.MeanSquaredError(), seed=0)
    assert plan(network, abs(X), Y)["alive"]


def test_a_frozen_layer_is_written_as_in_inference():
    layer = bp.BatchNorm(3)
    layer.trainable = False
    entry = plan(bp.Network([bp.Dense(3, 3), layer], bp.MeanSquaredError()))["layers"][1]
    assert entry["frozen"]
    assert [*entry["forward"]] == ["normalized", "output"]
    assert "inference" not in entry
    assert entry["after"] == {}


def test_many_numbers_are_bytes_and_a_wide_network_lives():
    rng = np.random.default_rng(0)
    digits, classes = rng.random((32, 64)), rng.integers(0, 10, 32)
    layers = [bp.Dense(64, 64), bp.ReLU(), bp.Dense(64, 10)]
    network = bp.Network(layers, bp.SoftmaxCrossEntropy(), bp.Adam(0.01), seed=0)
    x, y, _ = network.prepare(digits, classes)
    written = plan(network, x, y)
    assert written["alive"]
    assert written["x"]["shape"] == (32, 64)
    assert written["y"] == y.tolist()
    expression = (
        "(() => { const n = new LiveNetwork(data); n.trainStep(); return n.parameters; })()"
    )
    parameters = run(["engine/engine.js"], expression, written)
    network.train_step(digits, classes)
    np.testing.assert_allclose(parameters, network.parameters, 1e-9, 1e-14)


def test_a_network_of_float32_is_computed_in_float64():
    network = bp.Network(
        [bp.Dense(3, 2), bp.GELU()], bp.MeanSquaredError(), seed=0, dtype="float32"
    )
    written = step_plan(bp.trace(network, X, Y))
    assert (written["alive"], written["dtype"]) == (True, "float32")
    assert written["parameters"] == network.parameters.astype(float).tolist()


def test_the_networks_of_the_proof_have_everything():
    given = [network for network, _, _ in networks().values()]
    names = {type(part).__name__ for n in given for part in n._parts.values()}
    names |= {type(part).__name__ for n in given for part in n.loss.parts()}
    names |= {type(n.optimizer).__name__ for n in given}
    offered = {*bp.activations.__all__, *bp.layers.__all__, *bp.losses.__all__, "Poisson"}
    offered |= {*bp.optimizers.__all__, *bp.scaling.__all__}
    assert offered - names == {"Activation", "Layer", "Loss", "Optimizer"}


class Clip(bp.Activation):
    written = {"output": "min(x, most)", "derivative": "x < most"}

    def __init__(self, most=np.inf):
        self.most = most

    def forward(self, x):
        return np.minimum(x, self.most), x

    def local_derivative(self, x):
        return (x < self.most) * 1.0


def test_a_setting_may_be_infinite():
    network = bp.Network([bp.Dense(3, 2), Clip()], bp.MeanSquaredError(), seed=0)
    written = step_plan(bp.trace(network, X, Y))
    assert (written["alive"], written["why"]) == (True, "")
    loss = run(["engine/engine.js"], "new LiveNetwork(data).trainingLoss()", written)
    np.testing.assert_allclose(loss, network.evaluate(X, Y), 1e-12)


@pytest.mark.parametrize(("schedule", "steps"), [([0.1, 0.2].__getitem__, "2"), (abs, "1,000")])
def test_a_page_says_for_how_many_steps_it_knows_a_schedule(schedule, steps):
    network = bp.Network([bp.Dense(3, 2)], bp.MeanSquaredError(), bp.Adam(schedule), seed=0)
    note = step_plan(bp.trace(network, X, Y))["note"]
    assert note.endswith(f" After {steps} steps the learning rate stays as it is.")
