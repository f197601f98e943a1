"""The page to step through, in a real browser: every stage, every number, keys, themes, widths.

Left out where there is no Chromium with its driver, unless BACKPROPLITE_BROWSER=required.
"""

import json
import os
import shutil

import numpy as np
import pytest

import backproplite as bp
from backproplite import plots
from backproplite.seeing.equations import rounded

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
from selenium.webdriver import ActionChains, Keys  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402

BROWSERS = "chromium", "chromium-browser", "google-chrome"
CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), None)
DRIVER = shutil.which("chromedriver")
if not (CHROMIUM and DRIVER):
    missing = "no browser: chromium and chromedriver are needed"
    if os.environ.get("BACKPROPLITE_BROWSER") == "required":
        raise RuntimeError(missing)
    pytest.skip(missing, allow_module_level=True)

FLAGS = [
    *("headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-sync"),
    *("disable-background-networking", "disable-component-update"),
]

#: What the page shows now, as text.
SHOWN = """
const texts = (selector) => [...document.querySelectorAll(selector)].map((e) => e.textContent);
return {
  position: texts("#position")[0], title: texts("#title")[0],
  slider: document.getElementById("slider").valueAsNumber, list: document.getElementById("list").value,
  formulas: texts(".formula").map((text) => text.trim()),
  lines: texts(".lines li"),
  arrays: [...document.querySelectorAll(".array")].map((e) => [
    e.firstElementChild.textContent,
    e.querySelector("table") ? [...e.querySelectorAll("tr")].map((r) => [...r.cells].map((c) => c.textContent))
      : e.lastElementChild.textContent,
  ]),
  columns: [...document.querySelectorAll("g:has(> .symbol)")].map((column) => ({
    role: column.getAttribute("class"),
    symbol: column.querySelector(".symbol").textContent,
    units: [...column.querySelectorAll(".unit")].map((unit) =>
      [...unit.querySelectorAll("text")].map((e) => e.textContent)),
  })),
  links: [...document.querySelectorAll(".link")].map((link) => ({
    role: link.getAttribute("class").split(" ").filter((c) => !["link", "few", ""].includes(c)).join(),
    labels: [...link.querySelectorAll(".labels text")].map((e) => e.textContent),
    grows: [...link.querySelectorAll(".edge")].map((e) => e.classList.contains("grows") - e.classList.contains("shrinks")),
  })),
};
"""
#: What is said of the part of the drawing that is pointed at or has the focus.
TIP = """
const tip = document.getElementById("tip");
return tip.hidden ? null
  : Object.fromEntries([...tip.querySelectorAll("tr")].map((row) => [...row.cells].map((c) => c.textContent)));
"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in FLAGS:
        options.add_argument(f"--{flag}")
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    try:
        yield driver
    finally:
        driver.quit()


@pytest.fixture
def browser(chromium):
    """The browser at a desk's size, whose console must stay silent, and which must load nothing."""
    chromium.get("about:blank")
    chromium.get_log("performance")
    look(chromium, 1280, 900)
    yield chromium
    assert chromium.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in chromium.get_log("performance")]
    requests = [
        e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"
    ]
    assert {url.partition(":")[0] for url in requests} <= {"file", "about"}
    assert not [
        url for url in requests if not url.partition("#")[0].endswith((".html", "about:srcdoc"))
    ]


def look(browser, width, height, scheme="light"):
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500},
    )
    features = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": name, "value": value} for name, value in features.items()]},
    )


def show(browser, trace, tmp_path, stage=None):
    path = tmp_path / "step.html"
    trace.to_html(path)
    browser.get(path.as_uri() + (f"#{stage}" if stage else ""))


def shown(browser):
    return browser.execute_script(SHOWN)


def by_id(browser, name):
    return browser.find_element(By.ID, name)


def press(browser, *keys):
    ActionChains(browser, duration=0).send_keys(*keys).perform()


def worked_example():
    layers = [bp.Dense(2, 2), bp.Sigmoid(), bp.Dense(2, 1), bp.Sigmoid()]
    network = bp.Network(layers, bp.HalfSquaredError(), bp.GradientDescent(0.5))
    network.parameters[...] = [0.1, 0.3, 0.2, 0.4, 0.1, 0.2, 0.5, 0.6, 0.1]
    return bp.trace(network, [[0.5, 0.8]], [[1.0]])


def batch():
    X, y = bp.datasets.xor()
    layers = [
        bp.Dense(2, 4),
        bp.BatchNorm(4),
        bp.Tanh(),
        bp.Dropout(0.5),
        bp.Dense(4, 1),
        bp.Sigmoid(),
    ]
    optimizer = bp.Adam(0.1, clip_norm=0.01)
    return bp.trace(bp.Network(layers, bp.MeanSquaredError(), optimizer, seed=1), X, y, digits=6)


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


def digits():
    X, y = bp.datasets.digits()
    layers = [bp.Dense(64, 16), Swish(16), bp.LayerNorm(16), bp.Dense(16, 10)]
    loss, optimizer = bp.SoftmaxCrossEntropy(), bp.Momentum(0.1)
    return bp.trace(bp.Network(layers, loss, optimizer, dtype="float32", seed=0), X[:3], y[:3])


TRACES = {"worked example": worked_example, "batch": batch, "digits": digits}


@pytest.fixture(params=TRACES)
def trace(request):
    return TRACES[request.param]()


def known_numbers(trace):
    """Every entry of every array of a trace: its name as the page writes it, and its text."""
    known = {}
    for equation in (each for stage in trace.stages for each in stage.equations):
        value, alone = equation.value, trace.samples == 1 and equation.value.ndim == 2
        alone = alone and len(value) == 1 and "weight" not in equation.symbol
        for index in np.ndindex(value.shape):
            entry = f"[{', '.join(map(str, index[alone:]))}]" if index else ""
            known[equation.symbol + entry] = rounded(float(value[index]), trace.digits)
    return known


# Every number of every stage.


def check_stage(browser, trace, number):
    """Compare all that is on the page with one stage of the trace, counted from 1."""
    page, stage = shown(browser), trace.stages[number - 1]
    assert page["position"] == f"Stage {number} of {len(trace)}"
    assert page["title"] == stage.title
    assert (page["slider"], page["list"]) == (number, str(number))
    assert page["formulas"] == [f"{e.symbol} = {e.formula}" for e in stage.equations if e.formula]
    assert page["lines"] == [line.text(trace.digits) for e in stage.equations for line in e.lines]
    arrays = [e for e in stage.equations if len(e.lines) != e.value.size]
    assert [symbol for symbol, _ in page["arrays"]] == [f"{e.symbol} =" for e in arrays]
    for (_, rows), equation in zip(page["arrays"], arrays, strict=True):
        check_array(rows, equation.value, trace.digits)


def check_array(rows, value, digits):
    if value.ndim == 0:
        assert rows == rounded(float(value), digits)
        return
    value = np.atleast_2d(value)
    for i, row in zip(kept(len(value), value.size), rows, strict=True):
        for j, text in zip(kept(value.shape[1], value.size), row, strict=True):
            gap = i is None or j is None
            assert text == ("…" if gap else rounded(float(value[i, j]), digits))


def kept(count, size):
    return [0, 1, 2, None, -3, -2, -1] if size > 36 and count > 6 else range(count)


def test_the_button_leads_through_every_stage(browser, trace, tmp_path):
    show(browser, trace, tmp_path)
    for number in range(1, len(trace) + 1):
        check_stage(browser, trace, number)
        by_id(browser, "next").click()
    check_stage(browser, trace, len(trace))
    by_id(browser, "back").click()
    check_stage(browser, trace, len(trace) - 1)


def test_slider_list_and_keys_lead_to_every_stage(browser, tmp_path):
    trace = worked_example()
    show(browser, trace, tmp_path)
    slider = by_id(browser, "slider")
    for number in range(2, len(trace) + 1):
        slider.send_keys(Keys.ARROW_RIGHT)
        check_stage(browser, trace, number)
    assert slider.get_attribute("aria-valuetext") == f"13 of 13: {trace.stages[-1].title}"
    browser.execute_script("document.activeElement.blur()")
    for number in range(len(trace) - 1, 0, -1):
        press(browser, Keys.ARROW_LEFT)
        check_stage(browser, trace, number)
    press(browser, Keys.ARROW_LEFT)
    check_stage(browser, trace, 1)
    for key, number in ((Keys.ARROW_RIGHT, 2), (Keys.END, 13), (Keys.HOME, 1)):
        press(browser, key)
        check_stage(browser, trace, number)
    options = by_id(browser, "list").find_elements(By.TAG_NAME, "option")
    assert [o.text for o in options] == [f"{i}. {s.title}" for i, s in enumerate(trace, 1)]
    for number in (9, 4):
        options[number - 1].click()
        check_stage(browser, trace, number)


def test_the_address_remembers_the_stage(browser, tmp_path):
    trace = worked_example()
    show(browser, trace, tmp_path, stage=5)
    check_stage(browser, trace, 5)
    press(browser, Keys.ARROW_RIGHT)
    assert browser.current_url.endswith("#6")
    browser.refresh()
    check_stage(browser, trace, 6)
    browser.execute_script("location.hash = '#99'")
    check_stage(browser, trace, 13)


# The drawing.


def test_the_part_that_a_stage_concerns_lights_up(browser, trace, tmp_path):
    show(browser, trace, tmp_path)
    layers = len(trace.passages)
    weighted = [any(v.value.ndim == 2 for v in p.parameters.values()) for p in trace.passages]
    with_gradient = [p.grad_input is not None for p in trace.passages] + [True]
    for stage in trace.stages:
        page = shown(browser)
        links = {i: link["role"] for i, link in enumerate(page["links"]) if link["role"]}
        columns = {i: each["role"] for i, each in enumerate(page["columns"]) if each["role"]}
        place, _, way = stage.name.rpartition(".")
        layer = layers if place == "loss" else int(place[7:-1]) if place else None
        targets = {layers + 2: "from"} if place == "loss" else {}
        if way == "setup":
            assert links == {i: way for i in range(layers) if weighted[i]}
            assert columns == {0: way, layers + 2: way}
        elif way == "forward":
            assert links == {layer: way} | ({layers + 1: way} if place == "loss" else {})
            assert columns == {layer: "from", layer + 1: way} | targets
        elif way == "backward":
            assert links == {layer: way}
            result = way if with_gradient[layer] else "from"
            assert columns == {layer: result, layer + 1: "from"} | targets
        elif way == "update":
            assert set(links.values()) == {way}
        else:
            assert (links, columns) == ({}, {layers: "forward", layers + 1: "forward"})
        press(browser, Keys.ARROW_RIGHT)


def test_units_show_their_numbers_once_they_are_known(browser, tmp_path):
    trace = worked_example()
    show(browser, trace, tmp_path)
    values, gradients = {"x": ["0.5", "0.8"], "y": ["1"]}, {}
    for stage in trace.stages[:-1]:
        for name, array in stage.arrays.items():
            texts = [rounded(float(x), trace.digits) for x in np.ravel(array)]
            symbol = next(e.symbol for e in stage.equations if e.name == name)
            if name in {"output", "loss"}:
                values[symbol] = texts
            if name in {"grad_input", "grad_output"}:
                gradients[symbol.removeprefix("∂loss/∂")] = texts
        columns = {column["symbol"]: column["units"] for column in shown(browser)["columns"]}
        assert list(columns) == ["x", "z₁", "a₁", "z₂", "a₂", "loss", "y"]
        for symbol, units in columns.items():
            none = [""] * len(units)
            assert [value for value, _ in units] == values.get(symbol, none)
            assert [gradient for _, gradient in units] == gradients.get(symbol, none)
        press(browser, Keys.ARROW_RIGHT)
    after = shown(browser)["columns"]
    assert [after[4]["units"], after[5]["units"]] == [[["0.7000", ""]], [["0.04501", ""]]]
    assert by_id(browser, "proof").text == "Loss 0.04904 → 0.04501. The loss fell by 8.21 %."


def test_edges_show_weight_then_gradient_then_new_weight(browser, tmp_path):
    show(browser, worked_example(), tmp_path)
    seen = []
    for stage in (10, 11, 12):
        by_id(browser, "list").find_elements(By.TAG_NAME, "option")[stage - 1].click()
        seen.append(shown(browser)["links"][0]["labels"])
    assert seen == [
        ["0.1", "0.3", "0.2", "0.4"],
        ["-0.004111", "-0.004525", "-0.006577", "-0.007240"],
        ["0.1021", "0.3023", "0.2033", "0.4036"],
    ]


def test_the_update_colours_each_edge_by_the_way_it_goes(browser, tmp_path):
    trace = batch()
    show(browser, trace, tmp_path, stage=16)
    links, new = shown(browser)["links"], trace["update"].arrays
    for i in (0, 4):
        old = trace.passages[i].parameters["weight"].value
        assert links[i]["grows"] == np.sign(new[f"layers[{i}].weight"] - old).ravel().tolist()


def test_pointing_at_a_part_shows_its_numbers(browser, tmp_path):
    trace = worked_example()
    show(browser, trace, tmp_path, stage=3)
    known, told = known_numbers(trace), {}
    parts = browser.find_elements(By.CSS_SELECTOR, ".part")
    for part in parts:
        x, y = browser.execute_script(
            """
            const line = arguments[0].querySelector("line"), m = arguments[0].getScreenCTM();
            if (!line) { const r = arguments[0].getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; }
            const [x1, y1, x2, y2] = ["x1", "y1", "x2", "y2"].map((name) => line[name].baseVal.value);
            return [m.a * (0.8 * x1 + 0.2 * x2) + m.e, m.d * (0.8 * y1 + 0.2 * y2) + m.f];
            """,
            part,
        )
        pointer = ActionChains(browser, duration=0)
        pointer.w3c_actions.pointer_action.move_to_location(round(x), round(y))
        pointer.perform()
        assert "chosen" in part.get_attribute("class")
        told |= browser.execute_script(TIP)
    slopes = {k: v for k, v in told.items() if k.startswith("∂") and not k.startswith("∂loss")}
    sigmoid = bp.Sigmoid().derivative([0.31, 0.67, 0.7853445260877946])
    assert list(slopes.values()) == [rounded(float(slope), 4) for slope in sigmoid]
    assert {k: v for k, v in told.items() if k not in slopes} == known
    ActionChains(browser, duration=0).move_to_element(by_id(browser, "title")).perform()
    assert browser.execute_script(TIP) is None


@pytest.mark.parametrize("make", [worked_example, batch])
def test_keys_go_through_all_parts_of_the_drawing(browser, make, tmp_path):
    trace = make()
    show(browser, trace, tmp_path)
    known, parts = known_numbers(trace), browser.find_elements(By.CSS_SELECTOR, ".part")
    by_id(browser, "slider").click()
    if trace.samples > 1:
        by_id(browser, "sample").find_elements(By.TAG_NAME, "option")[2].click()
        browser.execute_script("document.getElementById('slider').focus()")
    press(browser, Keys.TAB)
    reached, last = [], None
    while (part := browser.switch_to.active_element) != last:
        told = browser.execute_script(TIP)
        for name, value in told.items():
            assert known.get(name, value) == value
            assert name in known or name.startswith(("∂a", "∂h"))
            assert f"{name} = {value}" in part.get_attribute("aria-label")
        reached.append(part)
        last = part
        press(browser, Keys.ARROW_DOWN)
    assert len(reached) == len(parts) == len(set(reached))
    press(browser, Keys.PAGE_UP)
    assert browser.switch_to.active_element not in reached[-1:]
    press(browser, Keys.ESCAPE)
    assert browser.execute_script(TIP) is None
    assert (
        browser.execute_script("return document.querySelectorAll('.part[tabindex=\"0\"]').length")
        == 1
    )


def test_a_chosen_sample_is_drawn(browser, tmp_path):
    trace = batch()
    show(browser, trace, tmp_path, stage=len(trace) - 1)
    options = by_id(browser, "sample").find_elements(By.TAG_NAME, "option")
    assert [option.text for option in options] == ["0", "1", "2", "3"]
    flows = [trace.passages[0].x, *(p.output for p in trace.passages)]
    for sample, option in enumerate(options):
        option.click()
        columns = shown(browser)["columns"]
        for flow, column in zip(flows, columns, strict=False):
            values = [rounded(float(x), trace.digits) for x in flow.value[sample]]
            assert [value for value, _ in column["units"]] == values
        assert columns[-1]["units"][0][0] == rounded(float(sample in (1, 2)), 6)


def test_touching_a_part_shows_its_numbers(browser, tmp_path):
    show(browser, worked_example(), tmp_path, stage=3)
    unit = browser.find_elements(By.CSS_SELECTOR, ".unit")[2]
    place = browser.execute_script(
        "const r = arguments[0].getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]",
        unit,
    )
    touch = {"touchPoints": [{"x": place[0], "y": place[1]}]}
    browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    try:
        browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchStart", **touch})
        browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        assert browser.execute_async_script(
            "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done(document.activeElement.classList.contains('unit'))))"
        )
        assert browser.execute_script(TIP)["z₁[0]"] == "0.31"
    finally:
        browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})


def test_a_network_too_large_to_draw_is_drawn_in_part(browser, tmp_path):
    network = bp.Network(
        [bp.Dense(784, 512), bp.ReLU(), bp.Dense(512, 10)], bp.SoftmaxCrossEntropy(), seed=0
    )
    X = np.random.default_rng(0).random((8, 784))
    show(browser, bp.trace(network, X, np.arange(8)), tmp_path, stage=2)
    text = browser.execute_script("return document.querySelector('svg').textContent")
    assert "… 772 more" in text
    assert text.count("… 500 more") == 2
    assert "only the first units are drawn" in by_id(browser, "left-out").text
    assert browser.execute_script("return document.querySelectorAll('*').length") < 2000
    assert len(browser.find_elements(By.CSS_SELECTOR, ".link.forward .edge")) == 144


# Where and by whom it is read.


def test_nothing_is_wider_than_a_phone(browser, trace, tmp_path):
    look(browser, 360, 740)
    show(browser, trace, tmp_path)
    for _ in trace.stages:
        wide = browser.execute_script(
            """
            const beyond = [...document.querySelectorAll("body *")].filter((e) =>
              !e.closest(".scroll, #drawing, #tip") && e.getBoundingClientRect().right > innerWidth);
            return [document.documentElement.scrollWidth, beyond.map((e) => e.outerHTML.slice(0, 99))];
            """
        )
        assert wide == [360, []]
        press(browser, Keys.ARROW_RIGHT)


def test_what_a_stage_concerns_is_in_view(browser, tmp_path):
    look(browser, 360, 740)
    trace = worked_example()
    show(browser, trace, tmp_path)
    for stage in trace.stages[:-2]:
        middles = browser.execute_script(
            """return [...document.querySelectorAll(".link.forward, .link.backward")].map((e) => {
              const r = e.querySelector(".line").getBoundingClientRect(); return r.x + r.width / 2; })"""
        )
        assert stage.name == "setup" or 0 < middles[0] < 360
        press(browser, Keys.ARROW_RIGHT)


def luminance(colour):
    channels = [int(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(share * c for share, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_text_stands_out_in_both_themes(browser, tmp_path):
    show(browser, batch(), tmp_path)
    papers = []
    for scheme in ("light", "dark"):
        look(browser, 1280, 900, scheme)
        browser.get(browser.current_url.partition("#")[0])
        for _ in range(17):
            pairs, paper = browser.execute_script(
                """
                const colour = (e, name) => getComputedStyle(e)[name];
                const behind = (e) => { while (e && colour(e, "backgroundColor") === "rgba(0, 0, 0, 0)") e = e.parentElement;
                  return e && colour(e, "backgroundColor"); };
                const html = [...document.querySelectorAll("header *, nav *, #stage *, figcaption *, #equations *, footer *")]
                  .filter((e) => e.ariaDisabled !== "true" && e.textContent.trim())
                  .map((e) => [colour(e, "color"), behind(e), e.outerHTML]);
                const units = [...document.querySelectorAll(".unit text")]
                  .map((e) => [colour(e, "fill"), colour(e.parentElement.querySelector("rect"), "fill"), e.outerHTML]);
                const paper = colour(document.body, "backgroundColor");
                const texts = [...document.querySelectorAll("svg text")].map((e) => [colour(e, "fill"), paper, e.outerHTML]);
                return [[...html, ...units, ...texts], paper];
                """
            )
            for text, ground, where in pairs:
                dark, light = sorted((luminance(text), luminance(ground)))
                assert (light + 0.05) / (dark + 0.05) >= 4.5, (text, ground, where)
            press(browser, Keys.ARROW_RIGHT)
        papers.append(luminance(paper))
    assert papers[0] > 0.9
    assert papers[1] < 0.05


def test_it_can_be_read_without_seeing_it(browser, tmp_path):
    show(browser, worked_example(), tmp_path)
    tree = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    named = {
        (n["role"]["value"], n.get("name", {}).get("value", "")) for n in tree if not n["ignored"]
    }
    for expected in [
        *(("button", "Previous stage"), ("button", "Next →"), ("navigation", "Stages")),
        *(("slider", "Stage"), ("combobox", "Go to stage"), ("figure", "The network")),
        ("region", "Calculation"),
        ("heading", "Setup: the sample, its target, the parameters"),
        ("group", "Columns of units: x (2), z₁ (2), a₁ (2), z₂ (1), a₂ (1), loss (1), y (1)"),
    ]:
        assert expected in named
    assert {"main", "banner"} <= {role for role, _ in named}
    assert any(
        role == "image" and name.startswith("x[0] → z₁[1]; weight₁[0, 1] = 0.3;")
        for role, name in named
    )
    live = by_id(browser, "stage")
    assert live.get_attribute("aria-live") == "polite"
    assert by_id(browser, "title") in live.find_elements(By.TAG_NAME, "h2")


def test_the_focus_can_be_seen_and_goes_through_the_controls(browser, tmp_path):
    show(browser, worked_example(), tmp_path)
    while browser.switch_to.active_element.get_attribute("id") != "back":
        press(browser, Keys.TAB)  # browsers differ in where they begin
    order = [browser.switch_to.active_element]
    for _ in range(4):
        press(browser, Keys.TAB)
        order.append(browser.switch_to.active_element)
    assert [e.get_attribute("id") for e in order[:4]] == ["back", "list", "next", "slider"]
    assert "unit" in order[4].get_attribute("class")
    assert order[4].find_element(By.TAG_NAME, "rect").value_of_css_property("stroke-width") == "4px"
    for control in order[:4]:
        browser.execute_script("document.activeElement.blur()")
        while browser.switch_to.active_element != control:
            press(browser, Keys.TAB)
        assert control.value_of_css_property("outline-style") == "solid"


def test_it_runs_in_the_frame_of_a_notebook(browser, tmp_path):
    trace = worked_example()
    path = tmp_path / "notebook.html"
    path.write_text(f"<!DOCTYPE html><title>Notebook</title>{trace._repr_html_()}", "utf-8")
    browser.get(path.as_uri())
    browser.switch_to.frame(browser.find_element(By.TAG_NAME, "iframe"))
    for number in range(1, len(trace) + 1):
        check_stage(browser, trace, number)
        root = browser.find_element(By.TAG_NAME, "html")
        assert root.get_property("scrollHeight") == root.get_property("clientHeight")
        by_id(browser, "next").click()
    press(browser, Keys.HOME)
    check_stage(browser, trace, 1)
    browser.switch_to.default_content()
    assert browser.current_url == path.as_uri()


def test_names_are_text_and_nothing_else(browser, tmp_path):
    name = "</script><script>window.hacked=1</script><b onclick=x>&amp;\u2028" + "long" * 60
    hostile = type(name, (bp.Tanh,), {})
    network = bp.Network([bp.Dense(2, 2), hostile()], bp.MeanSquaredError(), seed=0)
    trace = bp.trace(network, [[0.0, 1.0]], [[0.0, 1.0]])
    look(browser, 360, 740)
    show(browser, trace, tmp_path)
    for number in range(1, len(trace) + 1):
        check_stage(browser, trace, number)
        assert browser.execute_script("return document.documentElement.scrollWidth") == 360
        by_id(browser, "next").click()
    assert browser.execute_script(
        "return [window.hacked ?? null, document.querySelectorAll('b').length]"
    ) == [None, 0]
    assert name in trace.stages[2].title


def test_an_animation_fits_a_phone(chromium, tmp_path):
    network, recorder = bp.Network([bp.Dense(2, 1)], bp.MeanSquaredError(), seed=0), bp.Recorder()
    X, y = bp.datasets.xor()
    network.fit(X, y, 2, callbacks=recorder)
    path = tmp_path / "training.html"
    plots.training_animation(recorder, network, X, y, path)
    look(chromium, 360, 740)
    chromium.get(path.as_uri())
    chromium.execute_async_script("document.querySelector('img').decode().then(arguments[0])")
    assert chromium.execute_script("return document.documentElement.scrollWidth") == 360
    assert chromium.execute_script("return document.documentElement.scrollHeight") <= 740
    shown, drawn = chromium.execute_script(
        "const image = document.querySelector('img'); return [image.width, image.naturalWidth]"
    )
    assert shown > 0.6 * drawn  # or nobody can read what is written in it
    sizes = chromium.execute_script(
        "return [...document.querySelectorAll('button')].map("
        "(e) => [e.getBoundingClientRect().width, e.getBoundingClientRect().height])"
    )
    assert len(sizes) == 9
    assert all(width > 30 and height >= 40 for width, height in sizes)  # for fingers
