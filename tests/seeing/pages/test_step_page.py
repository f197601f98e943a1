"""The page of a step as a file: the plan in it, and that it needs and does nothing else."""

import collections
import html.parser
import json
import re

import numpy as np
import pytest

import backproplite as bp
from backproplite.seeing.pages import step_page
from backproplite.seeing.pages.plan import step_plan

X, Y = bp.datasets.xor()


def traced(*layers):
    layers = layers or (bp.Dense(2, 4), bp.BatchNorm(4), bp.Tanh(), bp.Dense(4, 2), bp.Softmax())
    network = bp.Network(layers, bp.CategoricalCrossEntropy(), bp.Adam(0.1), seed=1)
    return bp.trace(network, X, Y.ravel().astype(int))


def written_into(page):
    return re.search('<script type="application/json" id="data">(.*?)</script>', page, re.S)[1]


def scripts_of(page):
    return re.search('<script>\n"use strict";\n(.*?)</script>', page, re.S)[1]


class Named(bp.Tanh):
    """A layer with any name."""

    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return self.name


class Mystery(bp.Identity):
    """A layer that does not say by which lines it computes."""

    def forward(self, x):
        return x + 1, x


def test_the_plan_is_in_it_and_takes_no_more_room_than_it_must():
    trace = traced()
    written = written_into(step_page(trace))
    plan = json.loads(written, parse_constant=pytest.fail)  # no NaN
    assert plan == json.loads(json.dumps(step_plan(trace)))
    assert str(trace).startswith(f"{plan['head']}\n{plan['note']}\n")
    assert written == json.dumps(plan, separators=(",", ":")).replace("<", "\\u003c")


def test_it_says_why_it_is_a_recording():
    plan = json.loads(written_into(step_page(traced(bp.Dense(2, 2), Mystery(), bp.Softmax()))))
    assert plan["alive"] is False
    assert plan["why"].startswith("layers[1] Mystery ")


def test_many_numbers_take_eleven_letters_each():
    network = bp.Network([bp.Dense(300, 200)], bp.MeanSquaredError(), bp.Adam(), seed=0)
    page = step_page(bp.trace(network, np.ones((1, 300)), np.ones((1, 200))))
    numbers = 3 * network.parameters.size  # and what Adam keeps of each
    assert len(page) - len(step_page(traced())) < 11 * numbers


def test_it_needs_no_other_file():
    page = step_page(traced())
    assert "default-src 'none'" in page
    assert set(re.findall(r"https?://[^\"' ]+", page)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"\b(src|href|srcset)=|@import|@font-face|fetch\(|XMLHttpRequest", page)
    assert set(re.findall(r"url\(([^)]*)\)", page)) <= {"#arrow-ahead", "#arrow-back"}
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|\beval\b|new Function", page)


def test_no_name_is_given_twice_by_its_scripts():
    script = scripts_of(step_page(traced()))
    names = re.findall(r"^(?:async )?(?:function|const|let|class) +(\w+)", script, re.MULTILINE)
    assert len(names) > 200
    assert [name for name, count in collections.Counter(names).items() if count > 1] == []


def test_it_is_well_formed():
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
    reader.feed(step_page(traced()))
    assert reader.open == []
    assert len(reader.ids) == len(set(reader.ids)) > 5


@pytest.mark.parametrize(
    "name", ["</script><script>alert(1)</script>", "<!--<script>", "a\u2028b", "\ud800", "{{data}}"]
)
def test_no_name_breaks_out_of_the_data(name):
    trace = traced(bp.Dense(2, 2), Named(name), bp.Dense(2, 2), bp.Softmax())
    page = step_page(trace)
    page.encode()
    written = written_into(page)
    assert not set("<\u2028\ud800") & set(written)
    assert json.loads(written)["layers"][1]["name"] == name
    assert page.count("<script") == step_page(traced()).count("<script")


def test_nothing_of_the_template_is_left_over():
    page = step_page(traced())
    assert page.startswith("<!DOCTYPE html>\n<html lang=")
    assert not re.search(r"\{\{[\w/.]+\}\}", page)


def test_the_trace_stays_as_it_was():
    trace = traced()
    before = str(trace)
    assert step_page(trace) == step_page(trace)
    assert str(trace) == before
