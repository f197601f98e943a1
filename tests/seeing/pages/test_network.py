"""The proof: networks on a page go exactly as in the library, whatever is in them."""

import numpy as np
from javascript import run
from seeing.pages.networks import networks

from backproplite.seeing.pages.plan import plan
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
