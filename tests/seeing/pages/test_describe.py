"""What a step page shows: text for text what the library prints, and where it stands in the drawing."""

import copy
import dataclasses
import itertools
import re

import numpy as np
import pytest
from javascript import run
from seeing.pages.networks import networks
from seeing.test_equations import (
    Block,
    Blunt,
    Cube,
    Cubed,
    Doubled,
    Drifting,
    Eroding,
    Halving,
    PReLU,
    Uphill,
    batch,
    network_of,
    own,
)

import backproplite as bp
from backproplite.seeing import equations
from backproplite.seeing.equations import rounded
from backproplite.seeing.pages.plan import step_plan

#: For each plan the page data of each sample, after some steps and edits.
DESCRIBED = """data.map(({ plan, steps, edits }) => {
  const network = new LiveNetwork(plan);
  for (let step = 0; step < steps; step++) network.trainStep();
  if (edits) {
    network.parameters[edits.index] = edits.value;
    network.x.data[0] = edits.x;
    network.y.data[0] = edits.y;
    network.rate = edits.rate;
  }
  const pass = network.pass();
  return Array.from({ length: network.x.rows }, (_, sample) => describe(network, pass, sample));
})"""


class BySample(bp.Loss):
    """Its line of costs has one number for each sample."""

    mean_over_outputs = True
    written = {
        "costs": "sum((outputs - targets) ** 2, features)",
        "derivative": "2 * (outputs - targets)",
    }

    def forward(self, outputs, targets):
        return (outputs - targets) ** 2, outputs - targets

    def backward(self, error):
        return 2 * error


class Constructed(bp.Layer):
    """Its names are those that any object of JavaScript has."""

    written = {
        "toString": "x * constructor",
        "output": "toString",
        "valueOf": "grad_output * x",
        "grad_constructor": "sum(valueOf, samples)",
        "grad_input": "grad_output * constructor",
    }

    def __init__(self):
        self.add_parameter("constructor", (2,), bp.Constant(1.5))

    def forward(self, x):
        return x * self.constructor, x

    def backward(self, grad_output, x):
        self.grad_constructor[...] = (grad_output * x).sum(axis=0)
        return grad_output * self.constructor


class Constructing(bp.Optimizer):
    state_names = ("constructor",)
    written = {
        "constructor": "constructor + gradient",
        "parameter": "parameter - learning_rate * constructor",
    }

    def update(self, parameters, gradients, rate):
        self.constructor += gradients
        parameters -= rate * self.constructor


class ThreeAxes(bp.Layer):
    def __init__(self):
        self.add_parameter("weight", (3, 2, 2))

    def forward(self, x):
        return x @ self.weight.sum(axis=0), x

    def backward(self, grad_output, x):
        self.grad_weight[...] = x.T @ grad_output
        return grad_output @ self.weight.sum(axis=0).T


def half_frozen():
    block = Block()
    block.inner.trainable = False
    return block


def recordings():
    """Networks of which something has no lines that a page could use."""
    given = {
        "Cube": own(Cube()),
        "PReLU": own(PReLU()),
        "Doubled": own(Doubled(2, 2)),
        "Drifting": own(Drifting(2)),
        "Block": own(Block()),
        "three axes": own(ThreeAxes()),
        "half frozen": own(half_frozen(), bp.Dense(2, 2)),
        "Cubed": own(loss=Cubed()),
        "Blunt": own(loss=Blunt()),
        "Uphill": own(optimizer=Uphill(0.1, weight_decay=1)),
        "Halving": own(optimizer=Halving(0.1)),
        "Eroding": own(optimizer=Eroding(0.1, weight_decay=1)),
    }
    return {name: (network, *batch(network, 3)) for name, network in given.items()}


def edge_cases():
    """Networks in which what is written depends on the numbers."""
    losses = bp.BinaryCrossEntropy(), bp.CategoricalCrossEntropy()
    sure = [network_of(bp.Dense(3, 2), loss.suits(), loss=loss) for loss in losses]
    for network in sure:
        network.layers[0].weight[...] *= 2000
    optimizer = bp.GradientDescent(0.1, clip_norm=1e6, weight_decay=0.1)
    given = {
        "too short to be clipped": own(optimizer=optimizer),
        "costs by the sample": own(loss=BySample()),
        "names that objects have": own(Constructed(), optimizer=Constructing(0.1)),
    }
    given |= dict(zip(("sure", "sure of a class"), sure, strict=True))
    cases = {name: (network, *batch(network, 3)) for name, network in given.items()}
    still = network_of(bp.Dense(3, 4), loss=bp.MeanSquaredError())
    cases["few weights move"] = still, np.array([[0.0, 0.0, 0.5]]), np.array([[1.0, 2, 3, 4]])
    return cases


def wide():
    """A network of which not all is drawn, nor worked out."""
    layers = bp.Dense(64, 40), bp.ReLU(), bp.LayerNorm(40), bp.Dense(40, 10)
    network = bp.Network(layers, bp.SoftmaxCrossEntropy(), bp.Adam(0.01, clip_norm=0.1), seed=0)
    X, y = bp.datasets.digits()
    return network, X[:3], y[:3]


def changed(network, X, y):
    """Return what changes on a page, and a network that has gone the same way here."""
    twin, X, y = copy.deepcopy(network), X.copy(), np.array(y, np.float64)
    for _ in range(STEPS):
        twin.train_step(X, y)
    edits = {"index": 3, "value": 0.75, "x": -1.25, "y": 0.5, "rate": 0.0625}
    twin.parameters[3], X.flat[0], y.flat[0] = edits["value"], edits["x"], edits["y"]
    twin.optimizer.learning_rate = edits["rate"]
    return edits, (twin, X, y)


def described(*jobs):
    return run(["engine/engine.js", "step/describe.js"], DESCRIBED, jobs)


def job(*example):
    return {"plan": step_plan(bp.trace(*example)), "steps": 0, "edits": None}


@pytest.fixture(scope="module")
def examples():
    """By name: the trace, the same with every entry worked out, and the page data."""
    given = networks() | recordings() | edge_cases() | {"wide": wide()}
    jobs = {name: job(*each) for name, each in given.items()}
    for name in CHANGED:
        edits, given[f"{name}, changed"] = changed(*given[name])
        jobs[f"{name}, changed"] = {"plan": jobs[name]["plan"], "steps": STEPS, "edits": edits}
    traces = [bp.trace(*each) for each in given.values()]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(equations, "MOST_LINES", 120)
        whole = [bp.trace(*each) for each in given.values()]
    pages = described(*jobs.values())
    return dict(zip(given, zip(traces, whole, pages, strict=True), strict=True))


STEPS = 2
CHANGED = [
    *("xor", "elu, adamw, schedule", "gelu, batch norm", "softplus, dropout", "binary logits"),
    *("residual with all within", "silu, layer norm"),
]
NAMES = [*networks(), *recordings(), *edge_cases(), "wide"]
NAMES += [f"{name}, changed" for name in CHANGED]
NOISE = re.compile(r"\(-[\d.]+e-(1[4-9]|[2-9]\d)\)|-?[\d.]+e-(1[4-9]|[2-9]\d)")


def same(ours, printed):
    """Whether texts are alike; what rounding leaves of a sum that is 0 is 0."""
    return NOISE.sub("0", ours) == NOISE.sub("0", printed)


def text_of(line):
    how = "".join(part if isinstance(part, str) else part["text"] for part in line["parts"])
    return " = ".join(text for text in (line["label"], how, line["value"]) if text)


def pairs(trace, page):
    """Yield each stage, its equations as printed, and as they are on the page."""
    for stage, shown in zip(trace, page["stages"], strict=True):
        yield from (
            (stage, *each) for each in zip(stage.equations, shown["equations"], strict=True)
        )


def by_sample(trace, stage, equation):
    """Whether an array has a row for each sample, of which a page shows one."""
    if stage.name in ("setup", "update") or trace.samples == 1 or equation.value.ndim == 0:
        return False
    of_parameters = {f"grad_{name}" for p in trace.passages for name in p.parameters}
    return len(equation.value) == trace.samples and equation.name not in of_parameters


def excerpt(array, digits=4):
    """Return an array as rows of text, of a large one the corners."""
    array = np.atleast_2d(array).reshape(-1, np.shape(array)[-1] if np.ndim(array) else 1)
    ends = (
        [0, 1, 2, None, n - 3, n - 2, n - 1] if array.size > 36 and n > 6 else range(n)
        for n in array.shape
    )
    down, across = map(list, ends)
    return [
        ["…" if None in (i, j) else rounded(float(array[i, j]), digits) for j in across]
        for i in down
    ]


# The calculation


@pytest.mark.parametrize("name", NAMES)
def test_stages_and_formulas_are_those_of_the_printed_trace(examples, name):
    trace, _, pages = examples[name]
    for page in pages:
        heads = [(stage["name"], stage["title"]) for stage in page["stages"]]
        assert heads == [(stage.name, stage.title) for stage in trace]
        for _, equation, shown in pairs(trace, page):
            assert (shown["symbol"], shown["formula"]) == (equation.symbol, equation.formula)


@pytest.mark.parametrize("name", NAMES)
def test_lines_are_those_of_the_printed_trace(examples, name):
    trace, whole, pages = examples[name]
    for sample, page in enumerate(pages):
        for (stage, equation, shown), (_, full, _) in zip(
            pairs(trace, page), pairs(whole, page), strict=True
        ):
            lines = equation.lines
            if by_sample(trace, stage, equation):
                row = re.compile(rf"\[{sample}[,\]]")
                lines = [line for line in full.lines if row.search(line.label, len(full.symbol))][
                    :6
                ]
            texts = [text_of(line) for line in shown["lines"]]
            assert len(texts) == len(lines)
            for ours, line in zip(texts, lines, strict=True):
                assert same(ours, line.text())


@pytest.mark.parametrize("name", NAMES)
def test_arrays_stand_where_lines_do_not_say_all(examples, name):
    trace, _, pages = examples[name]
    for sample, page in enumerate(pages):
        for stage, equation, shown in pairs(trace, page):
            part = equation.value
            if by_sample(trace, stage, equation):
                part = part[sample]
            if stage.name == "after" and equation.name in ("loss", "losses"):
                continue
            left = part.size - len(shown["lines"])
            assert shown["more"] == (left if shown["lines"] else 0)
            if left:
                assert_texts(shown["array"], excerpt(part))
            else:
                assert shown["array"] is None


def assert_texts(ours, printed):
    for row, wanted in zip(ours, printed, strict=True):
        assert len(row) == len(wanted)
        assert all(map(same, row, wanted))


@pytest.mark.parametrize("name", NAMES)
def test_the_last_stage_has_the_old_forward_pass_beside_the_new(examples, name):
    trace, _, pages = examples[name]
    for sample, page in enumerate(pages):
        shown = page["stages"][-1]["equations"]
        for equation, one in zip(trace["after"].equations, shown, strict=True):
            before, now = equation.before.value, equation.value
            assert one["before"]["symbol"] == equation.before.symbol
            digits = 4
            if now.ndim:
                before, now = (each[[sample]] for each in (before, now))
            if now.size == 1 and "loss" in equation.name:
                digits = equations.digits_to_tell(before.item(), now.item(), 4)
            assert_texts(one["before"]["array"], excerpt(before, digits))
            assert_texts(one["array"], excerpt(now, digits))


# Where it stands in the drawing


def parts_of(page):
    """Return all that has an id."""
    units = [unit for column in page["columns"] for unit in column["units"]]
    return units + [part for link in page["links"] for part in (*link["edges"], *link["biases"])]


def shows(part, text):
    numbers = [(part.get("weight") or part).get(k) for k in ("value", "gradient", "after")]
    return any(same(text, each) for each in (*numbers, part.get("slope")) if each)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_named_is_drawn_and_shows_that_number(examples, name):
    trace, _, pages = examples[name]
    for page in pages:
        parts = {part["id"]: part for part in parts_of(page)}
        assert len(parts) == len(parts_of(page))
        count = 0
        for stage, equation, shown in pairs(trace, page):
            for line in shown["lines"]:
                refs = [(part["ref"], part["text"]) for part in line["parts"] if part != str(part)]
                refs += [(line[ref], line["value"]) for ref in ("ref", "valueRef") if line[ref]]
                count += len(refs)
                assert {ref for ref, _ in refs} <= {*parts}
                if stage.name.startswith("layers") and by_sample(trace, stage, equation):
                    assert all(shows(parts[ref], text) for ref, text in refs)
        assert count > 10


@pytest.mark.parametrize("name", NAMES)
def test_units_hold_what_flows_before_and_after_and_its_gradient(examples, name):
    trace, _, pages = examples[name]
    after = [each.value for each in trace["after"].equations]
    for sample, page in enumerate(pages):
        *flows, loss, y = page["columns"]
        assert [column["symbol"] for column in flows] == [
            "x", *(p.output.symbol for p in trace.passages)
        ]  # fmt: skip
        assert [(c["kind"], c["symbol"]) for c in (loss, y)] == [("loss", "loss"), ("targets", "y")]
        values = [trace.passages[0].x.value, *(p.output.value for p in trace.passages)]
        gradients = [p.grad_input for p in trace.passages] + [trace.passages[-1].grad_output]
        news = [None, *after]
        for column, value, gradient, new in zip(flows, values, gradients, news, strict=False):
            assert column["size"] == value.shape[1]
            for j, unit in enumerate(column["units"]):
                assert same(unit["value"], rounded(float(value[sample, j]), 4))
                assert unit["raw"] == pytest.approx(value[sample, j], 1e-9, 1e-12)
                for array, text in ((gradient and gradient.value, "gradient"), (new, "after")):
                    if array is None:
                        assert unit[text] is None
                    else:
                        assert same(unit[text], rounded(float(array[sample, j]), 4))
        targets = trace["setup"].arrays["y"][sample]
        assert [unit["raw"] for unit in y["units"]] == targets[: len(y["units"])].tolist()


@pytest.mark.parametrize("name", NAMES)
def test_parameters_lie_on_edges_and_in_units(examples, name):
    trace, _, (page, *_) = examples[name]
    update = trace["update"].arrays
    vector = np.concatenate(
        [p.value.ravel() for q in trace.passages for p in q.parameters.values()]
    )
    moved = trace.update["new parameters"]
    largest = np.abs(moved - vector).max() or 1
    for p, link in zip(trace.passages, page["links"], strict=True):
        weights = [edge["weight"] for edge in link["edges"] if edge["weight"]]
        for part in [*weights, *link["biases"]]:
            k, index = part["parameter"], part["symbol"].partition("[")
            name = next(n for n, each in p.parameters.items() if each.symbol == index[0])
            place = tuple(map(int, index[2].rstrip("]").split(", ")))
            old, new = p.parameters[name].value[place], update.get(f"{p.place}.{name}")
            assert part["raw"] == pytest.approx(old, 1e-12)
            assert same(part["value"], rounded(float(old), 4))
            assert vector[k] == old
            new = old if new is None else new[place]
            assert same(part["after"], rounded(float(new), 4))
            assert part["move"] == pytest.approx((new - old) / largest, 1e-6, 1e-9)
            if name in p.gradients:
                gradient = float(p.gradients[name].value[place])
                assert same(part["gradient"], rounded(gradient, 4))
            else:
                assert part["gradient"] is None


def test_layers_are_drawn_by_what_depends_on_what(examples):
    def wirings(name):
        return [link["wiring"] for link in examples[name][2][0]["links"]]

    assert wirings("silu, layer norm") == ["all", "dense", "all", "each", "dense"]
    assert wirings("softplus, dropout") == ["each", "dense", "each", "each", "dense"]
    assert wirings("gelu, batch norm") == ["dense", "each", "each", "dense"]
    assert wirings("classes") == ["dense", "each", "dense", "all"]
    assert wirings("residual") == ["dense", "all", "dense"]
    assert wirings("PReLU") == ["dense", "all", "dense"]


def test_slopes_are_the_local_derivatives(examples):
    trace, _, pages = examples["softplus, dropout"]
    (mask,), slopes = trace.passages[3].cache, trace.passages[2].layer.derivative
    for sample, page in enumerate(pages):
        dropped = [edge["slope"] for edge in page["links"][3]["edges"]]
        assert dropped == [rounded(float(x), 4) for x in mask[sample]]
        softplus = slopes(trace.passages[2].x.value[sample])
        bends = [edge["slope"] for edge in page["links"][2]["edges"]]
        assert bends == [rounded(float(x), 4) for x in softplus]


def test_of_an_image_all_is_drawn_and_of_wide_columns_the_first_units(examples):
    trace, _, pages = examples["wide"]
    for sample, page in enumerate(pages):
        x, *others, _, _ = page["columns"]
        assert [c["size"] for c in page["columns"]] == [64, 40, 40, 40, 10, 1, 10]
        assert [len(c["units"]) for c in others] == [12, 12, 12, 10]
        inputs = trace["setup"].arrays["X"][sample]
        assert [unit["pixel"] for unit in x["units"]] == pytest.approx(inputs / inputs.max())
        assert len(page["links"][0]["edges"]) == 64 * 12
        assert {unit["pixel"] for column in others for unit in column["units"]} == {None}


@pytest.mark.parametrize(
    ("widths", "units"),
    [([12, 12, 12], 12), ([12, 12, 13], 12), ([1, 12, 12, 12], 8), ([1, 11, 12, 12], 12)],
)
def test_as_many_units_are_drawn_as_leave_300_edges(widths, units):
    layers = [bp.Dense(*pair) for pair in itertools.pairwise(widths)]
    layers.insert(len(layers) - 1, bp.Tanh())
    network = bp.Network(layers, bp.MeanSquaredError(), seed=0)
    X, y = np.ones((1, widths[0])), np.ones((1, widths[-1]))
    ((page,),) = described(job(network, X, y))
    assert max(len(column["units"]) for column in page["columns"]) == units


def test_what_can_be_edited_says_of_which_sample_it_is(examples):
    pages = examples["xor"][2]
    for sample, page in enumerate(pages):
        x, *_, y = page["columns"]
        for what, column in (("x", x), ("y", y)):
            places = [unit["editable"] for unit in column["units"]]
            assert places == [
                {"what": what, "row": sample, "column": j} for j in range(len(places))
            ]
    assert not any(part.get("editable") for part in parts_of(examples["Cube"][2][0]))
    assert examples["Cube"][2][0]["alive"] is False
    assert "Cube has no written lines" in examples["Cube"][2][0]["why"]


# Losses


@pytest.mark.parametrize("name", NAMES)
def test_each_samples_loss_stands_apart_from_that_of_the_batch(examples, name):
    trace, _, pages = examples[name]
    own = trace["loss.forward"].arrays.get("losses", [trace.loss])
    after = trace["after"].arrays.get("losses", [trace.loss_after])
    for page, mine, later in zip(pages, own, after, strict=True):
        told = page["loss"]
        digits = equations.digits_to_tell(trace.loss, trace.loss_after, 4)
        texts = rounded(trace.loss, digits), rounded(trace.loss_after, digits)
        assert (told["batch"], told["batchAfter"]) == texts
        digits = equations.digits_to_tell(float(mine), float(later), 4)
        assert (told["own"], told["ownAfter"]) == (rounded(mine, digits), rounded(later, digits))
        assert told["verdict"] == trace.verdict
        (unit,) = page["columns"][-2]["units"]
        assert (unit["id"], unit["value"], unit["after"]) == ("loss", told["own"], told["ownAfter"])
        assert unit["raw"] == pytest.approx(float(mine), 1e-9)


def test_the_verdict_is_the_printed_one():
    losses = [1e-300, 0.1234567, 0.25, 0.250001, 0.5, 0.5 * (1 + 1e-4), 51.0, 1e7, 1e300, 0.0]
    pairs = [*itertools.product(losses, losses), (-2.0, -3.0), (1.0, 1 - 1e-9), (0.5, 0.4975)]
    step = bp.trace(*networks()["xor"])
    printed = [dataclasses.replace(step, loss=a, loss_after=b).verdict for a, b in pairs]
    files = ["engine/engine.js", "step/describe.js"]
    assert run(files, "data.map(([a, b]) => verdictOf(a, b, 4))", pairs) == printed


def test_the_update_is_called_by_the_rate_that_was_set():
    schedule = bp.WarmUpSchedule(10, bp.ExponentialSchedule(0.02, 0.5, every=40))
    optimizers = [bp.Adam(), bp.Momentum(momentum=0.5), bp.AdamW(0.25), bp.RMSProp(schedule, 0.5)]
    given = [{"name": repr(each), "rate": 0.25} for each in optimizers]
    for optimizer in optimizers:
        optimizer.learning_rate = 0.125
    called = """data.map((optimizer) =>
      optimizerName({ plan: { optimizer }, optimizer: { rates: [0.125] }, alive: true }))"""
    files = ["engine/engine.js", "step/describe.js"]
    assert run(files, called, given) == [*map(repr, optimizers)]


def test_more_digits_than_javascript_has_and_more_features_than_a_call_takes():
    network, X, y = wide()
    many = bp.Network([bp.Dense(200_000, 1)], bp.MeanSquaredError(), bp.GradientDescent(1e-6))
    given = network, X, y, 150
    pages = described(job(*given), job(many, np.ones((1, 200_000)), [[1.0]]))
    assert pages[0][0]["digits"] == 90
    np.testing.assert_allclose(float(pages[0][0]["loss"]["batch"]), bp.trace(*given).loss, 1e-12)
    assert pages[1][0]["columns"][0]["size"] == 200_000
