"""Pages: what of a trace goes into the page, and that nothing else does (in a browser: test_browser)."""

import html.parser
import itertools
import json
import re

import numpy as np
import pytest

import backproplite as bp
from backproplite.seeing.equations import rounded
from backproplite.seeing.pages import step_page

X, Y = bp.datasets.xor()
RNG = np.random.default_rng


def worked_example(digits=4):
    layers = [bp.Dense(2, 2), bp.Sigmoid(), bp.Dense(2, 1), bp.Sigmoid()]
    network = bp.Network(layers, bp.HalfSquaredError(), bp.GradientDescent(0.5))
    network.parameters[...] = [0.1, 0.3, 0.2, 0.4, 0.1, 0.2, 0.5, 0.6, 0.1]
    return bp.trace(network, [[0.5, 0.8]], [[1.0]], digits=digits)


def batch(*layers, **settings):
    layers = layers or (
        *(bp.Dense(2, 4), bp.BatchNorm(4), bp.Tanh(), bp.Dropout(0.5), bp.LayerNorm(4)),
        *(bp.Dense(4, 2), bp.Softmax()),
    )
    defaults = {"loss": bp.CategoricalCrossEntropy(), "optimizer": bp.Adam(0.1), "seed": 1}
    return bp.trace(bp.Network(layers, **{**defaults, **settings}), X, Y.ravel().astype(int))


def large(*widths, samples=64):
    layers = [
        layer for pair in itertools.pairwise(widths) for layer in (bp.Dense(*pair), bp.ReLU())
    ][:-1]
    network = bp.Network(layers, bp.SoftmaxCrossEntropy(), bp.Adam(0.001), seed=0)
    return bp.trace(
        network, RNG(0).random((samples, widths[0])), RNG(1).integers(0, widths[-1], samples)
    )


def written_into(page):
    return re.search('<script type="application/json" id="data">(.*?)</script>', page, re.S)[1]


def data_of(trace):
    return json.loads(written_into(step_page(trace)), parse_constant=pytest.fail)  # no NaN


def texts(array, digits=4):
    return [[rounded(float(x), digits) for x in row] for row in np.atleast_2d(array)]


class Doubling(bp.Activation):
    """Elementwise, but it does not say by what."""

    def forward(self, x):
        return 2 * x, None

    def backward(self, grad_output, cache):
        return 2 * grad_output


class Named(bp.Tanh):
    """A layer with any name."""

    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return self.name


# The calculation.


@pytest.mark.parametrize("trace", [worked_example(), worked_example(12), batch()])
def test_every_line_is_that_of_the_printed_trace(trace):
    for stage, told in zip(trace.stages, data_of(trace)["stages"], strict=True):
        assert told["title"] == stage.title
        for equation, one in zip(stage.equations, told["equations"], strict=True):
            assert (one["symbol"], one["formula"]) == (equation.symbol, equation.formula)
            lines = [" = ".join(pieces) for pieces in one["lines"]]
            assert lines == [line.text(trace.digits) for line in equation.lines]


@pytest.mark.parametrize("trace", [worked_example(), batch()])
def test_arrays_stand_where_the_lines_do_not_say_everything(trace):
    for stage, told in zip(trace.stages, data_of(trace)["stages"], strict=True):
        for equation, one in zip(stage.equations, told["equations"], strict=True):
            if len(equation.lines) == equation.value.size:
                assert "value" not in one
            elif equation.value.ndim == 0:
                assert one["value"] == rounded(float(equation.value), trace.digits)
            else:
                assert one["value"] == texts(equation.value, trace.digits)


def test_stages_say_which_layer_they_concern():
    ways = [(stage["way"], stage["layer"]) for stage in data_of(worked_example())["stages"]]
    forward = [("forward", layer) for layer in range(5)]
    backward = [("backward", layer) for layer in (4, 3, 2, 1, 0)]
    assert ways == [("setup", None), *forward, *backward, ("update", None), ("after", None)]


def test_of_a_large_array_the_corners_are_written():
    trace = large(20, 4, samples=8)
    x, y, weight, *_ = (equation["value"] for equation in data_of(trace)["stages"][0]["equations"])
    kept = [0, 1, 2, 17, 18, 19]
    corners = texts(trace["setup"].arrays["X"][np.ix_([0, 1, 2, 5, 6, 7], kept)])
    assert [row[:3] + row[4:] for row in x[:3] + x[4:]] == corners
    assert x[3] == ["…"] * 7
    assert {row[3] for row in x} == {"…"}
    assert y == texts(trace["setup"].arrays["y"])
    assert [row for row in weight if "…" not in row] == texts(
        trace["setup"].arrays["layers[0].weight"][kept]
    )


# The drawing.


def test_columns_hold_what_flows_and_the_gradients_that_the_step_computes():
    trace = worked_example()
    columns = data_of(trace)["columns"]
    assert [c["symbol"] for c in columns] == ["x", "z₁", "a₁", "z₂", "a₂", "loss", "y"]
    assert [c["size"] for c in columns] == [2, 2, 2, 1, 1, 1, 1]
    for i, column in enumerate(columns[1:5]):
        assert column["values"] == texts(trace[f"layers[{i}].forward"].arrays["output"])
    for i, column in enumerate(columns[1:4], 1):
        assert column["gradients"] == texts(trace[f"layers[{i}].backward"].arrays["grad_input"])
    assert columns[4]["gradients"] == [["-0.3132"]]
    assert [("gradients" in c) for c in columns] == [False, True, True, True, True, False, False]
    assert [c.get("after") for c in columns[4:]] == [[["0.7000"]], [["0.04501"]], None]
    assert columns[5]["values"] == [["0.04904"]]
    assert columns[6]["values"] == [["1"]]


def test_a_batch_has_a_row_for_each_sample():
    trace = batch()
    columns = data_of(trace)["columns"]
    assert columns[0]["values"] == texts(X)
    assert columns[-1]["values"] == texts(trace["setup"].arrays["y"])
    assert columns[1]["gradients"] == texts(trace["layers[1].backward"].arrays["grad_input"])
    assert columns[-3]["after"] == texts(trace["after"].arrays["output"])


def test_what_lies_before_the_first_parameter_has_no_gradient():
    columns = data_of(batch(bp.Tanh(), bp.Dense(2, 2), bp.Softmax()))["columns"]
    assert [c["symbol"] for c in columns if "gradients" in c] == ["z₁", "a₁"]


def test_weights_lie_on_edges_and_other_parameters_in_the_units_they_lead_to():
    trace = batch()
    links = data_of(trace)["links"]
    first = trace.passages[0]
    weight, (bias,) = links[0]["weight"], links[0]["parameters"]
    new = trace["update"].arrays
    assert weight["symbol"] == "weight₁"
    assert weight["values"] == texts(first.parameters["weight"].value)
    assert weight["gradients"] == texts(first.gradients["weight"].value)
    assert weight["after"] == texts(new["layers[0].weight"])
    assert bias["symbol"] == "bias₁"
    assert [bias["after"]] == texts(new["layers[0].bias"])
    assert [p["symbol"] for p in links[1]["parameters"]] == ["scale₁", "bias₁′"]
    assert [links[-1]["name"], links[-2]["name"]] == ["CategoricalCrossEntropy()", "Softmax()"]


def test_moves_say_which_way_and_how_far_compared_with_the_farthest():
    trace = batch(bp.Dense(2, 3), bp.Tanh(), bp.Dense(3, 2), bp.Softmax(), optimizer=bp.Momentum(1))
    new, moves, changes = trace["update"].arrays, [], []
    for i in (0, 2):
        link = data_of(trace)["links"][i]
        for name, one in (("weight", link["weight"]), ("bias", link["parameters"][0])):
            moves += np.ravel(one["moves"]).tolist()
            changes += (new[f"layers[{i}].{name}"] - trace.passages[i].parameters[name].value).flat
    assert max(map(abs, moves)) == 1
    assert moves == [float(f"{change / np.abs(changes).max():.1g}") for change in changes]


@pytest.mark.parametrize("rate", [0.0, 1e-300])
def test_a_step_that_moves_nothing_has_no_moves(rate):
    link = data_of(batch(bp.Dense(2, 2), bp.Softmax(), optimizer=bp.GradientDescent(rate)))
    assert np.ravel(link["links"][0]["weight"]["moves"]).tolist() == [0.0] * 4


@pytest.mark.parametrize("frozen", [(0,), (2,), (0, 2), (1, 2), (0, 1, 2)], ids=str)
def test_what_is_frozen_is_drawn_with_no_gradient_and_stays(frozen):
    layers = [bp.Dense(2, 3), bp.BatchNorm(3), bp.Dense(3, 2), bp.Softmax()]
    for i in frozen:
        layers[i].trainable = False
    links = data_of(batch(*layers))["links"]
    for i, link in enumerate(links[:3]):
        assert link["name"].endswith(", frozen") is (i in frozen)
        for one in (link.get("weight"), *link["parameters"]):
            if one and i in frozen:
                assert one["after"] == one["values"]
                assert {*np.ravel(one["gradients"])} == {"0"}
                assert not np.any(one["moves"])


def test_layers_are_drawn_by_what_depends_on_what():
    trace = batch()
    wirings = ["dense", "each", "each", "each", "all", "dense", "all", "dense"]
    assert [link["wiring"] for link in data_of(trace)["links"]] == wirings
    own = data_of(batch(bp.Dense(2, 2), Doubling(), bp.Softmax()))
    assert own["links"][1]["wiring"] == "all"


def test_slopes_are_the_local_derivatives():
    trace = batch()
    _, norm, tanh, dropout, *_ = data_of(trace)["links"]
    assert "slopes" not in norm
    assert tanh["slopes"] == texts(1 - trace["layers[2].forward"].arrays["output"] ** 2)
    assert dropout["slopes"] == texts(trace.passages[3].cache[0])
    assert {"0", "2"} == set(np.ravel(dropout["slopes"]))


def test_a_parameter_that_belongs_to_no_unit_is_not_drawn():
    class Slope(bp.Layer):
        def __init__(self):
            self.add_parameter("slope", (), bp.Constant(2.0))

        def forward(self, x):
            return self.slope * x, x

        def backward(self, grad_output, x):
            self.grad_slope[...] = np.sum(grad_output * x)
            return self.slope * grad_output

    link = data_of(batch(bp.Dense(2, 2), Slope(), bp.Softmax()))["links"][1]
    assert (link["wiring"], link["parameters"]) == ("all", [])


def test_a_network_without_parameters_has_a_page():
    told = data_of(batch(bp.Softmax()))
    assert not any("gradients" in column for column in told["columns"][:1])
    assert told["links"][0]["parameters"] == []


# Large networks.


def test_a_large_network_makes_a_small_page():
    page = step_page(large(784, 512, 10))
    assert len(page.encode()) < 200_000
    told = json.loads(written_into(page))
    assert [c["size"] for c in told["columns"]] == [784, 512, 512, 10, 1, 10]
    assert [len(c["values"][0]) for c in told["columns"]] == [12, 12, 12, 10, 1, 10]


@pytest.mark.parametrize("widths", [[64, 64, 10], [2] + [16] * 9 + [2], [30] * 40])
def test_edges_and_bytes_stay_bounded(widths):
    trace = large(*widths)
    page = step_page(trace)
    told = json.loads(written_into(page))
    drawn = [len(column["values"][0]) for column in told["columns"]]
    edges = [
        drawn[i] * drawn[i + 1] if link["wiring"] == "dense" else drawn[i]
        for i, link in enumerate(told["links"][:-1])
    ]
    assert sum(edges) <= 300 or max(drawn) == 3
    rest = written_into(page).partition('"stages"')[0]
    assert len(rest) < 300_000


@pytest.mark.parametrize(
    ("widths", "units"),
    [([12, 12, 12], 12), ([12, 12, 13], 12), ([1, 12, 12, 12], 8), ([1, 11, 12, 12], 12)],
)
def test_as_many_units_are_drawn_as_leave_300_edges(widths, units):
    layers = [bp.Dense(*pair) for pair in itertools.pairwise(widths)]
    layers.insert(len(layers) - 1, bp.Tanh())
    network = bp.Network(layers, bp.MeanSquaredError(), seed=0)
    told = data_of(bp.trace(network, np.ones((1, widths[0])), np.ones((1, widths[-1]))))
    assert max(len(column["values"][0]) for column in told["columns"]) == units


def test_it_says_how_many_samples_can_be_chosen():
    few, many = data_of(batch()), data_of(large(*[30] * 40))
    assert (few["samples"], few["drawn_samples"]) == (4, 4)
    assert many["samples"] == 64
    assert many["drawn_samples"] == len(many["columns"][0]["values"]) < 64


# The page as a file.


def test_head_note_and_verdict_are_those_of_the_printed_trace():
    trace = batch()
    told = data_of(trace)
    assert str(trace).startswith(f"{told['head']}\n{told['note']}\n")
    assert told["verdict"] == trace.verdict


def test_the_data_take_no_more_room_than_they_must():
    written = written_into(step_page(batch()))
    again = json.dumps(json.loads(written), separators=(",", ":"))
    assert written == again.replace("<", "\\u003c")


def test_the_page_needs_no_other_file():
    page = step_page(worked_example())
    assert "default-src 'none'" in page
    assert set(re.findall(r"https?://[^\"' ]+", page)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"\b(src|href|srcset)=|@import|@font-face|fetch\(|XMLHttpRequest", page)
    assert set(re.findall(r"url\(([^)]*)\)", page)) == {"#arrow-ahead", "#arrow-back"}
    assert "innerHTML" not in page


def test_the_page_is_well_formed():
    class Reader(html.parser.HTMLParser):
        def __init__(self):
            super().__init__()
            self.open = []
            self.ids = []

        def handle_starttag(self, tag, attributes):
            self.ids += [value for name, value in attributes if name == "id"]
            if tag not in {"meta", "input"}:
                self.open.append(tag)

        def handle_endtag(self, tag):
            assert self.open.pop() == tag

        def handle_startendtag(self, tag, attributes):
            pass

    reader = Reader()
    reader.feed(step_page(worked_example()))
    assert reader.open == []
    assert len(reader.ids) == len(set(reader.ids))


@pytest.mark.parametrize(
    "name", ["</script><script>alert(1)</script>", "<!--<script>", "a\u2028b", "\ud800", "{{data}}"]
)
def test_no_name_breaks_out_of_the_data(name):
    trace = batch(bp.Dense(2, 2), Named(name), bp.Dense(2, 2), bp.Softmax())
    page = step_page(trace)
    page.encode()
    written = written_into(page)
    assert not set("<\u2028\ud800") & set(written)
    assert json.loads(written)["stages"][2]["title"] == trace.stages[2].title
    assert page.count("<script") == step_page(worked_example()).count("<script")


def test_the_template_is_there_with_one_place_for_the_data():
    page = step_page(worked_example())
    assert page.startswith("<!DOCTYPE html>\n<html lang=")
    assert "{{data}}" not in page


def test_the_trace_stays_as_it_was():
    trace = batch()
    before = str(trace)
    assert step_page(trace) == step_page(trace)
    assert str(trace) == before
