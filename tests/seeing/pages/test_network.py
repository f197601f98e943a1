"""The proof: networks on a page go as in the library, to 1e-9, whatever is in them."""

import copy

import numpy as np
import pytest
from javascript import run
from seeing.pages.networks import networks

import backproplite as bp
from backproplite.functions import norm
from backproplite.seeing.equations import held_by_value
from backproplite.seeing.pages.plan import plan, step_plan
from backproplite.training import Batch

NETWORKS = networks()
EDITS = 5

#: A hundred steps, with edits of parameters, inputs and targets on the way.
STEPS = """data.map(({plan, edits}) => {
  const network = new LiveNetwork(plan), losses = [];
  for (let step = 0; step < 100; step++) {
    for (const {index, value, x, y} of edits.filter((each) => each.step === step)) {
      network.parameters[index] = value;
      network.x.data.set(x);
      network.y.data.set(y);
    }
    losses.push(network.trainStep());
  }
  return {
    losses, parameters: network.parameters, predictions: network.predict(network.x).data,
    loss: network.lossOf(network.x, network.y), training: network.trainingLoss(),
  };
})"""


def edited(network, x, y):
    """Return edits at random steps; of prepared inputs and targets."""
    rng = np.random.default_rng(len(network.parameters))
    edits = []
    for step in [0, *sorted(rng.choice(np.arange(1, 100), EDITS, replace=False))]:
        x = x + 0.01 * rng.standard_normal(x.shape)
        if network.loss.labels:
            y = np.roll(y, 1, axis=0)
        else:
            y = np.abs(y + 0.01 * rng.standard_normal(y.shape))
        index = int(rng.integers(len(network.parameters)))
        value = network.parameters[index] + 0.1
        edits.append({"step": int(step), "index": index, "value": value, "x": x, "y": y})
    return edits


def in_the_library(network, x, y, edits):
    losses = []
    for step in range(100):
        for edit in (each for each in edits if each["step"] == step):
            network.parameters[edit["index"]] = edit["value"]
            x, y = edit["x"], edit["y"]
        losses.append(float(network.step(Batch(x, y))))
    return losses, x, y


def test_a_hundred_steps_with_edits_are_those_of_the_library():
    jobs, expected = [], []
    for network, X, y in networks().values():
        x, targets, _ = network.prepare(X, y)
        written, edits = plan(network, x, targets), edited(network, x, targets)
        assert (written["alive"], written["why"]) == (True, "")
        flat = [e | {"x": e["x"].ravel().tolist(), "y": e["y"].ravel().tolist()} for e in edits]
        jobs.append({"plan": written, "edits": flat})
        losses, x, targets = in_the_library(network, x, targets, edits)
        expected.append((network, losses, x, targets))
    pages = run(["engine/engine.js"], STEPS, jobs)
    for name, page, (network, losses, x, targets) in zip(NETWORKS, pages, expected, strict=True):
        training = network.loss.value(network.forward_training(x)[0], targets)
        wanted = {
            "losses": losses,
            "parameters": network.parameters,
            "predictions": network.predictions(x).ravel(),
            "loss": network.score(Batch(x, targets)),
            "training": training,
        }
        for what, number in wanted.items():
            # 1e-9 of each number, and what a sum of numbers up to 1 may be rounded by
            np.testing.assert_allclose(page[what], number, 1e-9, 1e-14, err_msg=f"{name}: {what}")


# One step, with all its numbers.

PASS = """data.map((plan) => {
  const network = new LiveNetwork(plan), before = JSON.stringify(network.snapshot());
  const pass = network.pass();
  return { ...pass, unchanged: JSON.stringify(network.snapshot()) === before };
})"""


def array(given):
    return np.array(given["data"], float).reshape(given["rows"], given["columns"])


def same(page, library, what):
    np.testing.assert_allclose(page, np.reshape(library, np.shape(page)), 1e-9, 1e-12, err_msg=what)


@pytest.fixture(scope="module")
def passes():
    """Return the pass of a page and the trace of the library for each network, by its name."""
    traces = {name: bp.trace(*given) for name, given in NETWORKS.items()}
    pages = run(["engine/engine.js"], PASS, [step_plan(trace) for trace in traces.values()])
    return dict(zip(traces, zip(pages, traces.values(), strict=True), strict=True))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_pass_has_the_numbers_of_a_trace(passes, name):
    page, trace = passes[name]
    assert page["unchanged"]
    same(page["loss"], trace.loss, "loss")
    same(page["lossAfter"], trace.loss_after, "loss after")
    last = trace.passages[-1]
    same(array(page["gradOutput"]), last.grad_output.value, "grad_output")
    for i, p in enumerate(trace.passages):
        same(array(page["flows"][i + 1]), p.output.value, f"output of {p.place}")
        same(array(page["flowsAfter"][i + 1]), trace.flows_after[i + 1], f"after {p.place}")
        assert (page["gradFlows"][i] is None) == (p.grad_input is None)
        if p.grad_input:
            same(array(page["gradFlows"][i]), p.grad_input.value, f"grad_input of {p.place}")


@pytest.mark.parametrize("name", NETWORKS)
def test_a_pass_has_the_results_of_all_lines_that_are_shown(passes, name):
    page, trace = passes[name]
    trained = trace.passages[trace.network.first_trained :]
    for scope, p in zip(page["scopes"][-len(trained) :], trained, strict=True):
        arrays = trace[f"{p.place}.forward"].arrays | trace[f"{p.place}.backward"].arrays
        for what, value in arrays.items():
            if "layers[" not in what:  # of what is within a block
                same(array(scope[what]), value, f"{p.place} {what}")


@pytest.mark.parametrize("name", NETWORKS)
def test_a_pass_has_the_update_of_a_trace(passes, name):
    page, trace = passes[name]
    update, optimizer = page["update"], trace.network.optimizer
    same(page["gradients"], trace.update["gradients"], "gradients")
    same(update["applied"], trace.update["new gradients"], "applied")
    same(update["parametersAfter"], trace.update["new parameters"], "new parameters")
    for state in optimizer.state_names:
        same(update["stateBefore"][state], trace.update[state], state)
        same(update["stateAfter"][state], trace.update[f"new {state}"], f"new {state}")
    same(update["rate"], optimizer.current_rate(), "rate")
    assert update["step"] == optimizer.step_count + 1
    length = norm(held_by_value(optimizer, trace.update["gradients"]))
    np.testing.assert_allclose(update["length"], length, 1e-9)
    for states, p in zip(page["layersAfter"], trace.passages, strict=True):
        for state in p.layer.state_names:
            same(array(states[state]), getattr(p.layer, state), f"{p.place} {state}")


# What a page does with it.

XOR, X, Y = NETWORKS["xor"]


def on_xor(expression, network=XOR):
    x, targets, _ = network.prepare(X, Y)
    return run(["engine/engine.js"], expression, plan(network, x, targets))


def test_restored_it_goes_the_same_way_again():
    network = copy.deepcopy(NETWORKS["gelu, batch norm"][0])
    network.optimizer = bp.Adam(bp.StepSchedule(0.1, every=2))
    x, targets, _ = network.prepare(*NETWORKS["gelu, batch norm"][1:])
    expression = """(() => {
      const network = new LiveNetwork(data), steps = () => [1, 2, 3].map(() => network.trainStep());
      const start = structuredClone(network.snapshot()), first = steps();
      network.rate = 7;
      network.restore(start);
      return [first, steps(), network.steps];
    })()"""
    first, again, steps = run(["engine/engine.js"], expression, plan(network, x, targets))
    assert first == again
    assert steps == network.step_count + 3


def test_a_rate_that_is_set_takes_the_place_of_a_schedule():
    network = copy.deepcopy(XOR)
    network.optimizer = bp.GradientDescent(lambda step: [0.5, 0.25, 0.125][step])
    expression = """(() => {
      const network = new LiveNetwork(data), rates = [];
      for (let step = 0; step < 5; step++) { rates.push(network.rate); network.trainStep(); }
      network.rate = 0.75;
      network.trainStep();
      return [...rates, network.rate];
    })()"""
    assert on_xor(expression, network) == [0.5, 0.25, 0.125, 0.125, 0.125, 0.75]


@pytest.mark.parametrize("change", ["network.rate = 1e308", "network.parameters.fill(1e308)"])
def test_a_step_that_would_turn_infinite_is_none(change):
    expression = f"""(() => {{
      const network = new LiveNetwork(data), caught = [];
      {change};
      const before = JSON.stringify(network.snapshot());
      for (const step of [() => network.trainStep(), () => network.pass()]) {{
        try {{ step(); }} catch (error) {{ caught.push(error instanceof Divergence && error.message); }}
      }}
      return [caught, JSON.stringify(network.snapshot()) === before];
    }})()"""
    network = bp.Network([bp.Dense(2, 1)], bp.MeanSquaredError(), bp.GradientDescent(0.1), seed=0)
    caught, unchanged = on_xor(expression, network)
    assert unchanged
    assert len(caught) == 2
    assert all("turned" in message for message in caught)


@pytest.mark.parametrize("count", ["-1", "1.5", "NaN", "null", '"2"', "1e9"])
def test_steps_are_counted_in_whole_numbers(count):
    refused = run(
        ["engine/engine.js"],
        f"(() => {{ try {{ refuseCount({count}); }} catch (error) {{ return error.message; }} }})()",
    )
    assert refused == "step takes a whole number of steps, from 0 to 1,000,000."
