"""What tests of the playground's engine share: its files, and training in Node by choices."""

from functools import cache

from javascript import run

from backproplite.seeing.pages.play_data import play_data

FILES = [
    "engine/engine.js",
    *(f"play/{name}.js" for name in ("data", "build", "trainer", "running", "python", "health")),
]

#: Builds what was chosen, with points added.
PLAYED = """
  const known = data.known;
  const built = (choices, added = []) => {
    const set = known.sets.find((each) => each.name === choices.dataset);
    const plan = planOf(choices, set, known), network = new LiveNetwork(plan);
    const outputs = plan.layers.findLast((layer) => layer.class === "Dense").parameters.bias.shape[0];
    const prepared = (added) => preparedPoints(pointsOf(set, added), plan.loss, outputs);
    const trainer = new Trainer(network, prepared(added), choices.batchSize, added);
    return { set, plan, network, trainer, prepared };
  };
"""


@cache
def known():
    return play_data()


def choices(dataset, **others):
    start = next(each["choices"] for each in known()["sets"] if each["name"] == dataset)
    return start | others


def play(expression, data=None):
    """What JavaScript with `built`, `known` and `data.given` returns."""
    script = f"(() => {{ {PLAYED} {expression} }})()"
    return run(FILES, script, {"known": known(), "given": data})
