"""The page of a step in a real browser: its numbers, changed by hand, and who reads it where."""

import itertools

import numpy as np
import pytest
from seeing.pages.browsing import (
    LOW_CONTRAST,
    SMALLEST_TEXT,
    ActionChains,
    By,
    all_of,
    browser_fixture,  # noqa: F401
    by_id,
    chromium_fixture,  # noqa: F401
    look,
    point,
    press,
)
from seeing.pages.networks import networks
from selenium.webdriver import Keys

import backproplite as bp
from backproplite.seeing.equations import rounded
from backproplite.training import Batch

NETWORKS = networks()

#: What the page shows now, as text.
SHOWN = """
const texts = (selector, within = document) => [...within.querySelectorAll(selector)].map((e) => e.textContent);
return {
  title: texts("#title")[0], position: texts("#position")[0], list: document.getElementById("list").value,
  formulas: texts("#equations .formula").map((text) => text.trim()),
  lines: texts("#equations .lines li"),
  columns: Object.fromEntries([...document.querySelectorAll(".column")].map((column) =>
    [texts(".symbol", column)[0], [...column.querySelectorAll(".unit")].map((unit) => texts("text", unit))])),
  labels: [...document.querySelectorAll(".link .labels")].map((labels) => texts("text", labels)),
  badges: texts(".badge .number"),
  loss: texts("#loss")[0],
};
"""
#: What is said of the part of the drawing that is chosen.
FACTS = """
return Object.fromEntries([...document.querySelectorAll("#told dl div")].map((pair) =>
  [...pair.children].map((e) => e.textContent)));
"""
LIVE = "return [...window.backproplite.parameters]"


def mlp(*widths, loss, hidden=bp.Tanh, last=bp.Sigmoid, optimizer=None):
    layers = []
    for pair in itertools.pairwise(widths):
        layers += [bp.Dense(*pair), hidden()]
    layers[-1:] = [last()] if last else []
    return bp.Network(layers, loss, optimizer or bp.GradientDescent(0.5), seed=0)


def worked_network():
    layers = [bp.Dense(2, 2), bp.Sigmoid(), bp.Dense(2, 1), bp.Sigmoid()]
    network = bp.Network(layers, bp.HalfSquaredError(), bp.GradientDescent(0.5))
    network.parameters[...] = [0.1, 0.3, 0.2, 0.4, 0.1, 0.2, 0.5, 0.6, 0.1]
    return network


def worked_example():
    return bp.trace(worked_network(), [[0.5, 0.8]], [[1.0]])


def xor():
    return bp.trace(mlp(2, 4, 1, loss=bp.MeanSquaredError()), *bp.datasets.xor())


def wide():
    return bp.trace(mlp(2, 16, 1, loss=bp.MeanSquaredError()), *bp.datasets.xor())


def digits():
    X, y = bp.datasets.digits()
    network = mlp(
        64, 64, 10, loss=bp.SoftmaxCrossEntropy(), hidden=bp.ReLU, last=None, optimizer=bp.Adam()
    )
    return bp.trace(network, X[:4], y[:4])


def batch():
    X, y = bp.datasets.xor()
    layers = [bp.Dense(2, 4), bp.BatchNorm(4), bp.Tanh(), bp.Dropout(0.5), bp.LayerNorm(4)]
    layers += [bp.Dense(4, 2), bp.Softmax()]
    network = bp.Network(layers, bp.CategoricalCrossEntropy(), bp.Momentum(0.1), seed=1)
    return bp.trace(network, X + 0.1, y.ravel().astype(int))


def linear():
    network = bp.Network([bp.Dense(2, 1)], bp.MeanSquaredError(), bp.Momentum(0.1), seed=0)
    return bp.trace(network, [[1.0, 2.0], [0.5, -1.0]], [[1.0], [0.0]])


@pytest.fixture
def show(browser, tmp_path):
    """Open the page of a trace, at its first stage or another."""

    def opened(trace, stage=1):
        path = tmp_path / "step.html"
        trace.to_html(path)
        browser.get(f"{path.as_uri()}#{stage}")
        return browser

    return opened


def shown(browser):
    return browser.execute_script(SHOWN)


def texts(array, digits=4):
    return [rounded(float(number), digits) for number in np.ravel(array)]


def part(browser, name):
    """The unit, edge or bias of an id, such as "e0.1.0", a weight of the first layer."""
    return browser.execute_script("return parts.get(arguments[0]).group", name)


def open_box(browser, name):
    browser.execute_script("arguments[0].focus()", part(browser, name))
    press(browser, Keys.ENTER)
    return by_id(browser, "number")


def type_into(browser, name, text):
    box = open_box(browser, name)  # what stands in it is selected
    press(browser, text)
    return box


def at_each_stage(browser, *scripts):
    """What scripts give at each stage."""
    given = ", ".join(f"(() => {{ {script} }})()" for script in scripts)
    return browser.execute_script(
        f"return page.stages.map((_, i) => {{ go(i); return [{given}]; }})"
    )


# Numbers.


def test_every_stage_shows_the_numbers_of_the_trace(show):
    trace = worked_example()
    browser = show(trace)
    for number, stage in enumerate(trace, 1):
        page = shown(browser)
        assert (page["position"], page["list"]) == (f"{number} of {len(trace)}", str(number))
        assert page["title"] == stage.title
        assert page["formulas"] == [
            f"{e.symbol} = {e.formula}" for e in stage.equations if e.formula
        ]
        assert page["lines"] == [line.text() for e in stage.equations for line in e.lines]
        by_id(browser, "next").click()
    by_id(browser, "back").click()
    assert shown(browser)["position"] == f"{len(trace) - 1} of {len(trace)}"


def test_numbers_stand_in_the_drawing_once_they_are_known(show):
    trace = worked_example()
    browser = show(trace)
    values, gradients, loss = {"x": ["0.5", "0.8"], "y": ["1"]}, {}, "not computed yet"
    for stage in trace.stages[:-1]:
        for e in stage.equations:
            if e.name in {"output", "loss"}:
                values[e.symbol] = texts(e.value)
                loss = values.get("loss", [loss])[0]
            if e.name in {"grad_input", "grad_output"}:
                gradients[e.symbol.removeprefix("∂loss/∂")] = texts(e.value)
        page = shown(browser)
        assert page["loss"].removeprefix("Loss").strip(": ") == loss
        for symbol, units in page["columns"].items():
            none = [""] * len(units)
            assert [value for value, _ in units] == values.get(symbol, none)
            assert [gradient for _, gradient in units] == gradients.get(symbol, none)
        press(browser, Keys.ARROW_RIGHT)
    after = shown(browser)
    assert after["columns"]["z₁"] == [["0.31", "→ 0.3178"], ["0.67", "→ 0.6786"]]
    assert after["columns"]["a₂"] == [["0.6868", "→ 0.7000"]]
    assert after["loss"] == "Loss 0.04904 → 0.04501"


def test_edges_and_biases_show_number_then_gradient_then_new_number(show):
    browser, seen = show(worked_example(), 10), []
    for _ in range(3):
        page = shown(browser)
        seen.append(page["labels"][0] + page["badges"][:2])
        press(browser, Keys.ARROW_RIGHT)
    assert seen == [
        ["0.1", "0.3", "0.2", "0.4", "0.1", "0.2"],
        ["-0.004111", "-0.004525", "-0.006577", "-0.007240", "-0.008221", "-0.009050"],
        ["0.1021", "0.3023", "0.2033", "0.4036", "0.1041", "0.2045"],
    ]


def test_the_update_colours_each_edge_by_the_way_it_goes(show):
    trace = xor()
    browser = show(trace, len(trace) - 1)
    ways = browser.execute_script(
        """return [...document.querySelectorAll(".link .edge")].slice(0, 8)
          .map(({ classList }) => classList.contains("grows") - classList.contains("shrinks"))"""
    )
    move = trace["update"].arrays["layers[0].weight"] - trace.passages[0].parameters["weight"].value
    assert ways == np.sign(move).ravel().tolist()


def test_a_sample_stands_beside_its_own_loss(show):
    trace = xor()
    browser = show(trace, len(trace) - 1)
    outputs, (_, y) = trace.passages[-1].output.value, bp.datasets.xor()
    for sample, option in enumerate(all_of(browser, "#sample option")):
        option.click()
        page = shown(browser)
        for flow in (trace.passages[0].x, *(p.output for p in trace.passages)):
            values = [value for value, _ in page["columns"][flow.symbol]]
            assert values == texts(flow.value[sample])
        assert page["columns"]["own loss"][0][0] == texts((outputs - y)[sample] ** 2)[0]
        assert page["loss"] == f"Loss of the batch {rounded(trace.loss, 4)}"


def test_pointing_tells_what_is_known_and_lights_the_factors(show):
    browser = show(worked_example(), 4)  # z₂ = a₁ · weight₂ + bias₂
    for name, facts in {
        "u1.0": {"z₁[0]": "0.31"},
        "u4.0": {},
        "e0.1.0": {"weight₁[1, 0]": "0.2"},
        "b2.0": {"bias₂[0]": "0.1"},
        "loss": {},
    }.items():
        point(browser, part(browser, name))
        if name.startswith("e"):  # the middle of an edge may lie under another one
            browser.execute_script("arguments[0].focus()", part(browser, name))
            point(browser, by_id(browser, "title"))
        assert browser.execute_script(FACTS) == facts
        assert [e.get_attribute("id") for e in all_of(browser, ".part.chosen")] == [""]
    point(browser, part(browser, "u2.1"))
    assert [e.text for e in all_of(browser, ".factor.chosen")] == ["a₁", "0.6615"][1:]
    factor = next(e for e in all_of(browser, ".lines .factor") if e.text == "0.6")
    point(browser, factor)
    assert all_of(browser, ".part.chosen") == [part(browser, "e2.1.0")]
    browser.execute_script("arguments[0].focus()", factor)
    press(browser, Keys.ARROW_UP, Keys.ARROW_UP)
    point(browser, by_id(browser, "title"))
    assert all_of(browser, ".part.chosen") == [part(browser, "e2.0.0")]
    symbol = next(e for e in all_of(browser, ".formula .factor") if e.text == "weight₂")
    point(browser, symbol)
    assert len(all_of(browser, ".part.chosen")) == 3  # two weights and a bias


def test_keys_go_through_all_parts_and_all_of_them_speak(show):
    trace = worked_example()
    browser = show(trace, len(trace))
    reached, told = [], {}
    browser.execute_script("arguments[0].focus()", part(browser, "u0.0"))
    while (here := browser.switch_to.active_element) not in reached:
        reached.append(here)
        facts = browser.execute_script(FACTS)
        assert all(f"{k} = {v}" in here.get_attribute("aria-label") for k, v in facts.items())
        told |= facts
        press(browser, Keys.ARROW_DOWN)
    assert len(reached) == len(all_of(browser, ".part"))
    for e in (e for stage in trace for e in stage.equations):
        for index in np.ndindex(e.value.shape):
            alone = e.value.ndim == 2 and len(e.value) == 1 and "weight" not in e.symbol
            entry = f"[{', '.join(map(str, index[alone:]))}]" if index else ""
            assert told.get(e.symbol + entry, "new loss") in (texts(e.value[index])[0], "new loss")
    browser.execute_script("arguments[0].focus()", part(browser, "u0.0"))
    with_shift = ActionChains(browser, duration=0).key_down(Keys.SHIFT).send_keys(Keys.ARROW_DOWN)
    with_shift.key_up(Keys.SHIFT).perform()
    assert browser.switch_to.active_element == part(browser, "e0.0.0")
    press(browser, Keys.ARROW_LEFT)
    browser.execute_script("allFactors()[allFactors().length - 1].focus()")
    last = browser.switch_to.active_element
    with_shift.perform()  # formulas have no columns, and after the last factor there is none
    assert browser.switch_to.active_element == last
    press(browser, Keys.ESCAPE)
    assert not all_of(browser, ".part.chosen")


# Changing numbers.


def check_live(browser, network, X, y):
    """The page must show what the library computes from the same numbers."""
    trace = bp.trace(network, X, y)
    assert browser.execute_script(LIVE) == network.parameters.tolist()
    assert browser.execute_script("return backproplite.loss") == pytest.approx(
        trace.loss, rel=1e-12
    )
    stage = int(shown(browser)["list"])
    lines = [line.text() for e in trace.stages[stage - 1].equations for line in e.lines]
    assert shown(browser)["lines"] == lines


def test_whatever_is_typed_all_numbers_follow(show):
    network, X, y = worked_network(), np.array([[0.5, 0.8]]), np.array([[1.0]])
    browser = show(worked_example(), 11)
    for name, text, changed, index in [
        ("e0.1.0", "0.75", network.parameters, 2),
        ("b2.0", "-1e-1", network.parameters, 8),
        ("u0.1", "0,25", X, (0, 1)),
        ("u6.0", "−2.5", y, (0, 0)),
    ]:
        type_into(browser, name, text)
        changed[index] = float(text.replace(",", ".").replace("−", "-"))
        check_live(browser, network, X, y)
        assert rounded(changed[index], 4) in by_id(browser, "said").get_attribute("textContent")
        press(browser, Keys.ENTER)
        assert browser.switch_to.active_element == part(browser, name)
    by_id(browser, "rate").click()
    press(browser, "2.5", Keys.ENTER)
    network.optimizer.learning_rate = 2.5
    press(browser, Keys.ARROW_RIGHT)
    check_live(browser, network, X, y)
    assert by_id(browser, "rate").text == "learning_rate 2.5"
    by_id(browser, "reset").click()
    check_live(browser, worked_network(), [[0.5, 0.8]], [[1.0]])


def test_a_number_is_changed_by_keys_and_by_dragging(show):
    browser = show(worked_example(), 2)
    box = open_box(browser, "e0.0.0")
    press(browser, Keys.ARROW_UP, Keys.ARROW_UP, Keys.ARROW_DOWN)
    assert browser.execute_script(LIVE)[0] == 0.2
    pull = ActionChains(browser, duration=0).move_to_element(box).click_and_hold()
    pull.move_by_offset(31, 0).release().perform()
    assert browser.execute_script(LIVE)[0] == 0.7
    press(browser, Keys.ESCAPE)
    assert browser.execute_script(LIVE)[0] == 0.1
    assert not by_id(browser, "box").is_displayed()
    part(browser, "u0.0").click()
    assert by_id(browser, "what").text == "x[0]"


#: What is typed into the box, and a word of the answer.
NONSENSE = {
    "abc": "“abc” is no number.",
    Keys.BACKSPACE: "Type a number.",
    "1e999": "1e999 is too large.",
    "NaN": "“NaN” is no number.",
    "Infinity": "“Infinity” is no number.",
    "0x10": "“0x10” is no number.",
    "1e200": "The step would diverge",
}


def test_nonsense_is_refused_beside_the_box(show):
    browser = show(linear(), 2)
    type_into(browser, "e0.0.0", "7")
    press(browser, Keys.ENTER)
    page, parameters = shown(browser), browser.execute_script(LIVE)
    assert parameters[0] == 7
    for typed, why in NONSENSE.items():
        box = type_into(browser, "e0.0.0", typed)
        press(browser, Keys.ENTER)
        refusal = by_id(browser, "refusal").text
        assert refusal.startswith(why)
        assert refusal.endswith(" It stays 7.")
        assert box.get_attribute("aria-invalid") == "true"
        assert (shown(browser), browser.execute_script(LIVE)) == (page, parameters)
        press(browser, Keys.ESCAPE)
        assert not box.is_displayed()
        assert shown(browser) == page


def test_next_step_goes_on_as_the_library_does(show):
    network, (X, y) = mlp(2, 4, 1, loss=bp.MeanSquaredError()), bp.datasets.xor()
    browser = show(xor(), 13)
    for step in (1, 2, 3):
        by_id(browser, "train").click()
        network.train_step(X, y)
        assert by_id(browser, "steps").text == f"Step {step}"
        assert shown(browser)["loss"].startswith(
            f"Loss of the batch {rounded(network.evaluate(X, y), 4)} → "
        )
        assert browser.execute_script(LIVE) == pytest.approx(network.parameters, rel=1e-12)
    by_id(browser, "reset").click()
    fresh = mlp(2, 4, 1, loss=bp.MeanSquaredError())
    assert by_id(browser, "steps").text == "Step 0"
    assert browser.execute_script(LIVE) == fresh.parameters.tolist()


def test_a_schedule_stays_unless_the_rate_is_changed(show):
    optimizer = bp.GradientDescent(bp.ExponentialSchedule(0.5, 0.5))
    network, (X, y) = (
        mlp(2, 2, 1, loss=bp.MeanSquaredError(), optimizer=optimizer),
        bp.datasets.xor(),
    )
    browser = show(bp.trace(network, X, y))
    by_id(browser, "rate").click()
    press(browser, "nonsense", Keys.ESCAPE)
    for rate in ("0.5", "0.25", "0.125"):
        assert by_id(browser, "rate").text == f"learning_rate {rate}"
        by_id(browser, "train").click()
        network.train_step(X, y)
    assert browser.execute_script(LIVE) == pytest.approx(network.parameters, rel=1e-12)
    by_id(browser, "rate").click()
    press(browser, "0.3", Keys.ENTER)
    by_id(browser, "train").click()
    assert by_id(browser, "rate").text == "learning_rate 0.3"


def test_a_step_that_diverges_is_not_made(show):
    browser = show(linear())
    before = browser.execute_script(LIVE)
    by_id(browser, "rate").click()
    press(browser, "1e150", Keys.ENTER)
    page = shown(browser)
    by_id(browser, "train").click()
    assert by_id(browser, "why").text.startswith("The step would diverge: ")
    assert by_id(browser, "steps").text == "Step 0"
    assert (browser.execute_script(LIVE), shown(browser)) == (before, page)
    by_id(browser, "reset").click()
    assert not by_id(browser, "why").text
    assert by_id(browser, "rate").text == "learning_rate 0.1"


@pytest.mark.parametrize("make", [batch, digits, linear])
def test_steps_of_a_script_agree_with_the_library(show, make):
    trace = make()
    network, browser = trace.network, show(trace)
    given = trace["setup"].arrays
    index, count, before = len(network.parameters) // 2, 20, network.parameters.tolist()
    browser.execute_script("backproplite.set(arguments[0], 0.125)", index)
    network.parameters[index] = 0.125
    browser.execute_script("backproplite.step(arguments[0])", count)
    y = given["y"] if given["y"].shape[1] == 1 else given["y"].argmax(axis=1)
    for _ in range(count):
        network.train_step(given["X"], y)
    ours, theirs = network.parameters, np.array(browser.execute_script(LIVE))
    assert np.abs(ours - theirs).max() <= 1e-9 * np.abs(ours).max()
    browser.execute_script("backproplite.reset()")
    assert browser.execute_script(LIVE) == before
    with pytest.raises(Exception, match="finite number"):
        browser.execute_script("backproplite.set(0, NaN)")


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_a_hundred_steps_on_the_page_are_those_of_the_library(show, name):
    network, X, y = networks()[name]
    trace = bp.trace(network, X, y)
    x, targets, _ = network.prepare(X, y)
    browser, rng = show(trace), np.random.default_rng(0)
    for _ in range(4):
        index = int(rng.integers(len(network.parameters)))
        network.parameters[index] += 0.1
        browser.execute_script("backproplite.set(...arguments)", index, network.parameters[index])
        for _ in range(25):
            network.step(Batch(x, targets))
        browser.execute_script("backproplite.step(25)")
    theirs = np.array(browser.execute_script(LIVE))
    assert np.abs(network.parameters - theirs).max() <= 1e-9 * np.abs(network.parameters).max()


def test_a_nudge_is_measured_beside_what_the_gradient_promised(show):
    trace = xor()
    browser = show(trace, 10)
    (X, y), network = bp.datasets.xor(), mlp(2, 4, 1, loss=bp.MeanSquaredError())
    gradient = trace["layers[0].backward"].arrays["grad_weight"][1, 2]
    for stage, known in ((10, False), (11, True)):
        assert shown(browser)["list"] == str(stage)
        browser.execute_script("arguments[0].focus()", part(browser, "e0.1.2"))
        for size in ("+0.01", "-0.1", "+0.001"):
            next(e for e in all_of(browser, "#size option") if e.text == size).click()
            network.parameters[6] += float(size)
            moved = network.evaluate(X, y) - trace.loss
            network.parameters[6] -= float(size)
            said = by_id(browser, "moved").text
            assert f"would move the loss by {rounded(moved, 4)} (measured" in said
            promised = f"the gradient promised {rounded(gradient * float(size), 4)}."
            assert (promised in said) == known
        browser.execute_script("document.activeElement.blur()")
        press(browser, Keys.ARROW_RIGHT)
    browser.execute_script("arguments[0].focus()", part(browser, "u1.0"))
    assert not by_id(browser, "nudge").is_displayed()
    assert browser.execute_script(LIVE) == network.parameters.tolist()


class Odd(bp.Layer):
    """A layer without written lines."""

    def forward(self, x):
        return 2 * x, None

    def backward(self, grad_output, cache):
        return 2 * grad_output


def test_a_recording_says_that_it_is_one_and_cannot_be_changed(show):
    network = bp.Network([bp.Dense(2, 2), Odd()], bp.MeanSquaredError(), seed=0)
    trace = bp.trace(network, [[0.5, 1.0]], [[0.0, 1.0]])
    browser = show(trace, 3)
    assert by_id(browser, "why").text.startswith("This page is a recording:")
    assert "Odd" in by_id(browser, "why").text
    assert not by_id(browser, "train").is_displayed()
    output = trace.passages[-1].output
    assert [u[0] for u in shown(browser)["columns"][output.symbol]] == texts(output.value)
    browser.execute_script("arguments[0].focus()", part(browser, "e0.0.0"))
    press(browser, Keys.ENTER)
    assert not by_id(browser, "box").is_displayed()
    assert not by_id(browser, "nudge").is_displayed()


# For a class.


def test_clickers_keys_list_and_address_lead_through_the_stages(show):
    browser = show(worked_example(), 5)
    for key, number in [
        *((Keys.PAGE_DOWN, 6), (Keys.SPACE, 7), (Keys.ARROW_RIGHT, 8), (Keys.PAGE_UP, 7)),
        *((Keys.ARROW_LEFT, 6), (Keys.END, 13), (Keys.PAGE_DOWN, 13), (Keys.HOME, 1)),
        *((Keys.PAGE_UP, 1), (Keys.SPACE, 2)),
    ]:
        press(browser, key)
        assert shown(browser)["list"] == str(number)
    by_id(browser, "next").click()
    press(browser, Keys.SPACE)  # presses the button, once
    assert shown(browser)["list"] == "4"
    all_of(browser, "#list option")[8].click()
    assert shown(browser)["list"] == "9"
    assert browser.current_url.endswith("#9")
    browser.execute_script("location.hash = '#99'")
    assert shown(browser)["list"] == "13"


def test_stages_play_by_themselves(show):
    browser = show(worked_example(), 11)
    went = browser.execute_async_script(
        """
        at("pace").options[0].value = "0.01";
        at("pace").selectedIndex = 0;
        at("play").click();
        const [seen, done] = [[at("play").ariaPressed], arguments[0]];
        const watch = new MutationObserver(() => {
          seen.push(at("position").textContent);
          if (at("play").ariaPressed === "false") done(seen);
        });
        for (const id of ["position", "play"]) watch.observe(at(id), { childList: true });
        """
    )
    assert went == ["true", "12 of 13", "13 of 13", "13 of 13"]


def test_results_can_be_guessed_first(show):
    browser = show(worked_example(), 4)
    browser.execute_script("document.getElementById('guess').click()")
    page = shown(browser)
    assert page["lines"] == ["z₂[0] = 0.5769 · 0.5 + 0.6615 · 0.6 + 0.1 = ?"]
    assert page["columns"]["z₂"] == [["?", ""]]
    assert page["columns"]["a₁"] == [["0.5769", ""], ["0.6615", ""]]
    assert "0.7853" not in browser.page_source.partition('id="data"')[0]
    all_of(browser, ".unseen")[0].click()
    assert shown(browser)["lines"][0].endswith(" = 0.7853")
    assert shown(browser)["columns"]["z₂"] == [["0.7853", ""]]
    press(browser, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert shown(browser)["loss"] == "Loss ?"
    by_id(browser, "show").click()
    assert shown(browser)["loss"] == "Loss 0.04904"
    assert not by_id(browser, "show").is_displayed()


def test_on_paper_all_stages_stand_under_one_drawing(show):
    trace = worked_example()
    browser = show(trace, 3)
    look(browser, 1280, 720, "dark", media="print")
    browser.execute_script("dispatchEvent(new Event('beforeprint'))")
    paper = by_id(browser, "handout").get_attribute("textContent")
    for number, stage in enumerate(trace, 1):
        assert f"{number}. {stage.title}" in paper
        for line in (line for e in stage.equations for line in e.lines):
            assert line.text() in paper
    assert trace.verdict in paper
    assert len([e for e in all_of(browser, "svg") if e.is_displayed()]) == 1
    assert shown(browser)["columns"]["z₂"] == [["0.7853", "-0.06736"]]
    assert not by_id(browser, "next").is_displayed()
    style = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert style == "rgb(255, 255, 255)"
    look(browser, 1280, 720)
    browser.execute_script("dispatchEvent(new Event('afterprint'))")
    assert shown(browser)["list"] == "3"
    assert not by_id(browser, "handout").text


# Where and by whom it is read.

#: Whether drawing and calculation stand wholly on the screen, and which of the labels cover something.
PLACES = """
const box = (e) => e.getBoundingClientRect();
const [drawing, svg, calculation, equations] = ["#drawing", "svg", "#calculation", "#equations"]
  .map((selector) => box(document.querySelector(selector)));
const apart = (a, b) => a.right <= b.left + 1 || b.right <= a.left + 1 || a.bottom <= b.top + 2 || b.bottom <= a.top + 2;
const words = [...document.querySelectorAll("svg text")].filter((e) => e.textContent).map((e) => [box(e), e]);
const covered = words.flatMap(([a, e], i) => words.slice(i + 1).filter(([b]) => !apart(a, b))
  .map(([, other]) => `${e.textContent} covers ${other.textContent}`));
const boxes = [...document.querySelectorAll(".unit rect:not(.pixel), .badge rect")];
covered.push(...words.filter(([a, e]) => e.closest(".labels") && boxes.some((b) => !apart(a, box(b))))
  .map(([, e]) => `${e.textContent} covers a unit`));
return { covered, fits: document.documentElement.scrollHeight <= innerHeight &&
  document.documentElement.scrollWidth <= innerWidth && svg.left >= drawing.left - 1 && svg.right <= drawing.right + 1 &&
  svg.top >= drawing.top - 1 && svg.bottom <= drawing.bottom + 1 && calculation.top < innerHeight &&
  calculation.bottom <= innerHeight + 1 && equations.width > 300,
  beside: drawing.right <= calculation.left };
"""


@pytest.mark.parametrize("make", [worked_example, xor, wide, digits])
def test_drawing_and_calculation_are_seen_together_on_a_projector(show, make):
    browser = show(make())
    for places, smallest in at_each_stage(browser, PLACES, SMALLEST_TEXT):
        assert places == {"covered": [], "fits": True, "beside": True}
        assert smallest >= 12


def test_longer_numbers_get_wider_places(show):
    browser = show(xor(), 13)
    width = "return parts.get('u0.0').group.getBBox().width"
    before = browser.execute_script(width)
    type_into(browser, "u0.0", "-0.0000123456")
    press(browser, Keys.ENTER)
    assert shown(browser)["columns"]["x"][0][0] == "-1.235e-05"
    assert browser.execute_script(width) > before
    assert browser.execute_script(PLACES)["covered"] == []
    assert browser.switch_to.active_element == part(browser, "u0.0")


#: What of a page stands out of a phone's sides, and whether what the stage concerns is in view.
BEYOND = """
const beyond = [...document.querySelectorAll("body *")].filter((e) => e.checkVisibility() &&
  !e.closest(".scroll, #drawing, #said, h1, option") && e.getBoundingClientRect().right > innerWidth + 1);
const lit = document.querySelector(".link.forward .line, .link.backward .line")?.getBoundingClientRect();
return [beyond.map((e) => e.outerHTML.slice(0, 99)), document.documentElement.scrollWidth,
  !lit || (lit.right > 0 && lit.left < innerWidth)];
"""


@pytest.mark.parametrize("make", [worked_example, batch, digits])
def test_a_phone_shows_one_below_the_other(show, browser, make):
    look(browser, 390, 844)
    show(make())
    for places, smallest in at_each_stage(browser, BEYOND, SMALLEST_TEXT):
        assert places == [[], 390, True]
        assert smallest >= 12


def test_larger_text_is_larger(show):
    browser = show(xor(), 4)
    before = browser.execute_script(SMALLEST_TEXT)
    browser.execute_script("document.getElementById('larger').click()")
    assert browser.execute_script(SMALLEST_TEXT) >= 1.2 * before
    assert browser.execute_script(PLACES)["fits"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out(show, browser, scheme):
    look(browser, 1280, 720, scheme)
    show(batch())
    browser.execute_script("document.getElementById('options').open = true")
    chosen = "keep([...parts.keys()][(5 * current) % parts.size]);"
    assert not [low for [low] in at_each_stage(browser, chosen + LOW_CONTRAST) if low]
    type_into(browser, "e0.0.0", "abc")
    assert browser.execute_script(LOW_CONTRAST) == []
    paper = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 24, 29)"}[scheme]


def test_it_can_be_read_without_seeing_it(show):
    browser = show(worked_example())
    tree = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    named = {
        (n["role"]["value"], n.get("name", {}).get("value", "")) for n in tree if not n["ignored"]
    }
    for expected in [
        *(("button", "Previous stage"), ("button", "Next →"), ("button", "Play")),
        *(("navigation", "Stages"), ("combobox", "Go to stage"), ("figure", "The network")),
        *(("region", "Calculation"), ("button", "Next step"), ("button", "Back to the start")),
        ("heading", "Setup: the sample, its target, the parameters"),
        ("group", "Columns of units: x (2), z₁ (2), a₁ (2), z₂ (1), a₂ (1), loss (1), y (1)"),
        ("button", "x[0] → z₁[1]; weight₁[0, 1] = 0.3"),
        ("image", "z₁[0] is not computed yet."),
    ]:
        assert expected in named
    assert {"main", "banner", "status"} <= {role for role, _ in named}
    assert by_id(browser, "stage").get_attribute("aria-live") == "polite"
    box = open_box(browser, "e0.0.1")
    assert box.accessible_name == "weight₁[0, 1]"


def test_the_focus_can_be_seen_and_goes_through_the_page(show):
    browser, order = show(worked_example(), 2), []
    by_id(browser, "back").send_keys("")
    browser.execute_script("document.getElementById('back').focus()")
    for _ in range(12):
        one = browser.switch_to.active_element
        name = one.get_attribute("id") or f"{one.get_attribute('class')} {one.tag_name}".split()[0]
        order.append(name)
        if one.tag_name == "button":
            assert one.value_of_css_property("outline-style") == "solid"
        press(browser, Keys.TAB)
    assert order[:4] == ["back", "next", "play", "list"]
    assert [name for name in order if name in {"unit", "train", "rate", "factor"}] == [
        *("unit", "train", "rate", "factor")
    ]


def test_touching_a_part_opens_its_box(show):
    browser = show(worked_example(), 3)
    place = browser.execute_script(
        "const r = arguments[0].getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]",
        part(browser, "u0.1"),
    )
    touch = {"touchPoints": [{"x": place[0], "y": place[1]}]}
    browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    try:
        browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchStart", **touch})
        browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        browser.execute_async_script(
            "requestAnimationFrame(() => requestAnimationFrame(arguments[0]))"
        )
        assert by_id(browser, "what").text == "x[1]"
    finally:
        browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})


def test_an_image_and_its_weights_are_drawn_as_images(show):
    trace = digits()
    browser = show(trace, 2)
    pixels = browser.execute_script(
        "return [...document.querySelectorAll('.pixel')].map((e) => Number(e.style.fillOpacity))"
    )
    x = trace.passages[0].x.value[0]
    assert np.allclose(pixels, (x - x.min()) / (x.max() - x.min()), atol=1e-6)
    signs = browser.execute_script(
        """const id = (j) => Array.from({ length: 64 }, (_, i) => `e0.${i}.${j}`);
        return id(3).map((name) => parts.get(name).pixel.classList.contains("negative"))"""
    )
    weight = trace.passages[0].parameters["weight"].value
    assert signs == (weight[:, 3] < 0).tolist()
    type_into(browser, "u0.2", "0")
    assert browser.execute_script("return parts.get('u0.2').pixel.style.fillOpacity") == "0"
    assert "… 52 more" in browser.execute_script("return document.querySelector('svg').textContent")


def test_it_runs_in_the_frame_of_a_notebook(browser, tmp_path):
    trace = worked_example()
    path = tmp_path / "notebook.html"
    path.write_text(f"<!DOCTYPE html><title>Notebook</title>{trace._repr_html_()}", "utf-8")
    browser.get(path.as_uri())
    browser.switch_to.frame(browser.find_element(By.TAG_NAME, "iframe"))
    root = "const { scrollHeight, clientHeight } = document.documentElement; return scrollHeight - clientHeight;"
    assert at_each_stage(browser, root) == [[0]] * len(trace)
    by_id(browser, "back").click()
    assert shown(browser)["list"] == str(len(trace) - 1)
    browser.execute_script("backproplite.step(2)")
    assert by_id(browser, "steps").text == "Step 2"
    browser.switch_to.default_content()
    assert browser.current_url == path.as_uri()


def test_it_says_where_its_numbers_come_from(show):
    layers = [bp.Dense(2, 2), bp.Residual([bp.Dropout(0.5)])]
    network = bp.Network(layers, bp.MeanSquaredError(), seed=42, dtype="float32")
    browser = show(bp.trace(network, [[1.0, 2.0]], [[0.0, 1.0]]))
    assert by_id(browser, "note").text == (
        "Numbers are rounded to 4 digits; entries are counted from 0. "
        "Dropout's masks are drawn from seed 42, as the library draws them. "
        "The library computes in float32, this page in float64."
    )


def test_names_are_text_and_nothing_else(show, browser):
    name = "</script><script>window.hacked=1</script><b onclick=x>&amp;\u2028" + "long" * 60
    network = bp.Network(
        [bp.Dense(2, 2), type(name, (bp.Tanh,), {})()], bp.MeanSquaredError(), seed=0
    )
    trace = bp.trace(network, [[0.0, 1.0]], [[0.0, 1.0]])
    look(browser, 390, 844)
    show(trace)
    title, width = "return at('title').textContent", "return document.documentElement.scrollWidth"
    assert at_each_stage(browser, title, width) == [[stage.title, 390] for stage in trace]
    found = "return [window.hacked ?? null, document.querySelectorAll('b').length]"
    assert browser.execute_script(found) == [None, 0]
