"""The playground in a real browser: it learns as the library does, and everything can be changed."""

import contextlib
import io
import json

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
    press,
)
from seeing.pages.networks import Swish
from selenium.webdriver import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

import backproplite as bp
from backproplite.seeing.equations import rounded
from backproplite.seeing.pages.playground import play_page

TWO_FRAMES = "requestAnimationFrame(() => requestAnimationFrame(() => arguments[0]()))"
LIVE = "return {parameters: [...window.backproplite.parameters], loss: window.backproplite.loss}"


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The page of each data set, written when it is first asked for."""
    folder, known = tmp_path_factory.mktemp("pages"), {}

    def path_of(name):
        if name not in known:
            known[name] = folder / f"{name}.html"
            known[name].write_text(play_page(name), "utf-8")
        return known[name]

    return path_of


@pytest.fixture
def xor(browser, pages):
    browser.get(pages("xor").as_uri())
    return browser


def show(browser, playground, tmp_path):
    path = tmp_path / "play.html"
    path.write_text(playground.html, "utf-8")
    browser.get(path.as_uri())


def number(browser, name):
    return float(by_id(browser, name).text.replace(",", ""))


def type_into(browser, name, text):
    box = by_id(browser, name)
    box.send_keys(Keys.CONTROL, "a")
    box.send_keys(text, Keys.TAB)


def code(browser):
    return by_id(browser, "code").text


def network_of(text):
    """The network that a page's Python builds and trains."""
    names = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(text, "<page>", "exec"), names)
    return names["network"]


# It learns as the library does.


def labels():
    X, y = bp.datasets.xor()
    layers = [bp.Dense(2, 4), bp.Sigmoid(), bp.Dense(4, 1), bp.Sigmoid()]
    return bp.Network(layers, bp.MeanSquaredError(), bp.GradientDescent(0.5), seed=42), X, y


def randomly():
    X, y = bp.datasets.moons(60)
    layers = [bp.Dense(2, 8), bp.ReLU(), bp.BatchNorm(8), bp.Dropout(0.2), bp.Dense(8, 1)]
    return bp.Network(layers, bp.SigmoidCrossEntropy(), bp.Adam(0.02, clip_norm=1), seed=3), X, y


def arms():
    X, y = bp.datasets.spirals(90, classes=3)
    layers = [bp.Dense(2, 6), Swish(6), bp.Residual([bp.Dense(6, 6), bp.GELU()]), bp.Dense(6, 3)]
    optimizer = bp.Momentum(0.1, nesterov=True, weight_decay=0.01)
    return bp.Network(layers, bp.SoftmaxCrossEntropy(), optimizer, seed=7), X, y


def digits():
    X, y = bp.datasets.digits()
    layers = [bp.Dense(64, 12), bp.LayerNorm(12), bp.ELU(), bp.Dense(12, 10)]
    optimizer = bp.AdamW(bp.CosineSchedule(0.01, 80))
    return bp.Network(layers, bp.SoftmaxCrossEntropy(), optimizer, seed=0), X[:200], y[:200]


def lines():
    X = np.linspace(-2, 2, 40)[:, np.newaxis]
    y = np.hstack([np.sin(2 * X), 30 + 5 * np.cos(X)])
    loss = bp.StandardizedTargets.of(y, bp.Huber())
    layers = [bp.Standardize.of(X), bp.Dense(1, 9), bp.SiLU(), bp.Dense(9, 2)]
    return bp.Network(layers, loss, bp.RMSProp(0.01), seed=1).fit(X, y, 30), X, y


@pytest.mark.parametrize("make", [labels, randomly, arms, digits, lines])
def test_a_hundred_steps_after_edits_are_those_of_the_library(browser, make, tmp_path):
    network, X, y = make()
    show(browser, bp.playground(network, X, y), tmp_path)
    assert by_id(browser, "trouble").text == ""
    rng = np.random.default_rng(5)
    for index in rng.choice(network.parameters.size, 3, replace=False):
        network.parameters[index] = value = rng.standard_normal()
        browser.execute_script("window.backproplite.set(...arguments)", int(index), value)
    browser.execute_script("window.backproplite.step(100)")
    for _ in range(100):
        network.train_step(X, y)
    seen = browser.execute_script(LIVE)
    worst = np.abs(np.array(seen["parameters"]) - network.parameters).max()
    assert worst <= 1e-9 * np.abs(network.parameters).max()
    assert seen["loss"] == pytest.approx(network.loss_and_gradient(X, y)[0], rel=1e-9)
    assert number(browser, "steps") == network.step_count


def test_a_run_can_be_paused_and_is_as_far_as_the_library_then(browser, pages):
    browser.get(pages("moons").as_uri())
    run = by_id(browser, "run")
    run.click()
    assert run.text == "Pause"
    WebDriverWait(browser, 10).until(lambda _: number(browser, "epochs") >= 3)
    run.click()
    assert run.text == "Start"
    seen, steps = browser.execute_script(LIVE), number(browser, "steps")
    network = network_of(code(browser))
    np.testing.assert_allclose(seen["parameters"], network.parameters, rtol=1e-9, atol=1e-12)
    assert steps == network.step_count
    assert number(browser, "loss") == pytest.approx(network.history["loss"][-1], rel=1e-3)
    loss = by_id(browser, "validation-loss").text.split()[-1]
    assert float(loss) == pytest.approx(network.history["val_loss"][-1], rel=1e-3)


def test_a_step_an_epoch_and_back_to_the_start(browser, pages):
    browser.get(pages("circles").as_uri())
    start = browser.execute_script(LIVE)
    by_id(browser, "one-step").click()
    assert [number(browser, name) for name in ("epochs", "steps")] == [0, 1]
    by_id(browser, "one-epoch").click()
    assert [number(browser, name) for name in ("epochs", "steps")] == [1, 12]
    assert network_of(code(browser)).step_count == 12
    type_into(browser, "rate", "0.2")
    by_id(browser, "reset").click()
    assert [number(browser, name) for name in ("epochs", "steps")] == [0, 0]
    assert browser.execute_script(LIVE) == start
    assert "learning_rate=0.2" in code(browser)


def test_asking_for_numbers_stops_a_run(xor):
    by_id(xor, "run").click()
    xor.execute_script("window.backproplite.step(2)")
    assert by_id(xor, "run").text == "Start"
    seen = xor.execute_script(LIVE)["parameters"]
    np.testing.assert_allclose(seen, network_of(code(xor)).parameters, rtol=1e-9)
    xor.execute_script("window.backproplite.reset()")
    assert number(xor, "steps") == 0


# Choices.


def test_what_is_chosen_is_built(xor):
    for name, value in [
        *(("activation", "ReLU"), ("loss-choice", "MeanSquaredError")),
        ("optimizer", "Momentum"),
    ]:
        Select(by_id(xor, name)).select_by_value(value)
    type_into(xor, "seed", "12")
    type_into(xor, "rate", "0,25")
    type_into(xor, "batch", "3")
    type_into(xor, "memory", "0.8")
    for label in ("One hidden layer more", "One unit more in hidden layer 1"):
        xor.find_element(By.CSS_SELECTOR, f"[aria-label='{label}']").click()
    network = network_of(code(xor))
    assert [repr(each) for each in network.layers] == [
        *("Dense(2, 5)", "ReLU()", "Dense(5, 4)", "ReLU()", "Dense(4, 1)", "Sigmoid()")
    ]
    assert (repr(network.loss), network.seed) == ("MeanSquaredError()", 12)
    assert repr(network.optimizer) == "Momentum(learning_rate=0.25, momentum=0.8)"
    Select(by_id(xor, "optimizer")).select_by_value("GradientDescent")
    assert not by_id(xor, "memory").is_displayed()
    Select(by_id(xor, "optimizer")).select_by_value("RMSProp")
    assert "beta2" in by_id(xor, "settings").text
    xor.execute_script("window.backproplite.step(4)")
    network = network_of(code(xor))
    seen = xor.execute_script(LIVE)["parameters"]
    np.testing.assert_allclose(seen, network.parameters, rtol=1e-9)
    assert (network.epoch_count, network.step_count) == (2, 4)


def test_a_network_of_ones_own_is_changed_too(browser, tmp_path):
    network, X, y = lines()
    show(browser, bp.playground(network, X, y), tmp_path)
    assert Select(by_id(browser, "loss-choice")).first_selected_option.text == "Huber"
    assert code(browser).splitlines()[-3].startswith('network = bp.Network.load("model.npz")')
    type_into(browser, "rate", "0.5")
    by_id(browser, "reset").click()
    assert "network.optimizer.learning_rate = 0.5" in code(browser)
    assert browser.execute_script(LIVE)["parameters"] == network.parameters.tolist()
    note = by_id(browser, "note").text
    assert note == "Drawn from seed 1, as the library draws them: the order of samples."
    browser.find_element(By.CSS_SELECTOR, "[aria-label='One unit more in hidden layer 1']").click()
    browser.execute_script("window.backproplite.step(3)")
    seen = browser.execute_script(LIVE)["parameters"]
    text = code(browser)
    assert "[bp.Dense(1, 10), bp.SiLU(), bp.Dense(10, 2)]" in text
    np.testing.assert_allclose(seen, network_of(text).parameters, rtol=1e-9)
    all_of(browser, "#sets label")[2].click()
    assert "bp.datasets.xor" in code(browser)
    all_of(browser, "#sets label")[0].click()
    assert browser.execute_script(LIVE)["parameters"] == network.parameters.tolist()


def test_everything_is_chosen_by_keys(xor):
    def go_to(test):
        for _ in range(60):
            press(xor, Keys.TAB)
            element = xor.switch_to.active_element
            if test(element):
                return element
        raise AssertionError("the keys do not get there")

    go_to(lambda e: e.get_attribute("name") == "set")
    press(xor, Keys.ARROW_RIGHT)
    assert "bp.datasets.circles" in code(xor)
    go_to(lambda e: e.get_attribute("id") == "activation")
    press(xor, "R")
    assert "bp.ReLU()" in code(xor)
    go_to(lambda e: e.get_attribute("aria-label") == "One hidden layer fewer")
    press(xor, Keys.SPACE)
    assert "ReLU" not in code(xor)
    part = go_to(lambda e: e.get_attribute("class") == "unit chosen")
    assert part.get_attribute("aria-label") == "x[0], input"
    press(xor, Keys.ARROW_RIGHT)
    weight = xor.execute_script("return window.backproplite.parameters[0]")
    part = xor.switch_to.active_element
    assert part.get_attribute("aria-label").startswith("x[0] → z₁[0]; weight₁[0, 0] = ")
    assert float(part.get_attribute("aria-label").split(" = ")[1].split(";")[0]) == pytest.approx(
        weight, rel=1e-3
    )
    assert by_id(xor, "tip").text.startswith("x[0] → z₁[0]\nweight₁[0, 0] = ")


def test_nonsense_is_refused_beside_the_box(xor):
    before = code(xor)
    for name, typed, words in [
        ("rate", "fast", 'must be a number of at least 0; got "fast". 0.1 is kept.'),
        ("rate", "-1", 'must be a number of at least 0; got "-1". 0.1 is kept.'),
        ("memory", "1", 'must be below 1; got "1". 0.9 is kept.'),
        ("batch", "0", 'must be a whole number of at least 1; got "0". all is kept.'),
        ("seed", "1.5", 'must be a whole number of at least 0; got "1.5". 0 is kept.'),
        ("first", "", 'must be a number; got "". 0.5 is kept.'),
    ]:
        box = by_id(xor, name)
        shown = box.get_attribute("value")
        type_into(xor, name, typed or Keys.DELETE)
        assert by_id(xor, f"{name}-refused").text == words
        assert box.get_attribute("value") == shown
        assert box.get_attribute("aria-invalid") == "true"
        assert code(xor) == before
        type_into(xor, name, shown)
        assert by_id(xor, f"{name}-refused").text == ""


def test_points_are_added_by_a_click_by_keys_and_by_numbers(xor):
    plane = by_id(xor, "plane")
    ActionChains(xor, duration=0).move_to_element_with_offset(plane, 0, 0).click().perform()
    all_of(xor, "#classes label")[1].click()
    xor.execute_script("arguments[0].focus()", plane)
    press(xor, Keys.ARROW_RIGHT, Keys.ARROW_UP, Keys.ARROW_UP, Keys.ENTER)
    type_into(xor, "first", "0.25")
    by_id(xor, "add").click()
    (points,) = (line for line in code(xor).splitlines() if line.startswith("X = np.vstack"))
    added = np.array(json.loads(points.removeprefix("X = np.vstack([X, ").removesuffix("])")))
    step = 1.24 / 40
    np.testing.assert_allclose(added[0], 0.5, atol=0.005)
    np.testing.assert_allclose(added[1], added[0] + [step, 2 * step], atol=2e-3)
    np.testing.assert_allclose(added[2], [0.25, added[1, 1]])
    assert "y = np.append(y, [0, 1, 1])" in code(xor)
    xor.execute_script("window.backproplite.step(3)")
    seen = xor.execute_script(LIVE)["parameters"]
    np.testing.assert_allclose(seen, network_of(code(xor)).parameters, rtol=1e-9)
    for _ in range(3):
        by_id(xor, "take").click()
    assert by_id(xor, "take").get_property("disabled")


def test_the_python_is_copied(xor):
    xor.execute_cdp_cmd(
        "Browser.grantPermissions",
        {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]},
    )
    by_id(xor, "copy").click()
    copied = xor.execute_async_script(
        "navigator.clipboard.readText().then(arguments[0], (e) => arguments[0](String(e)))"
    )
    assert copied == xor.execute_script("return document.getElementById('code').textContent")
    assert by_id(xor, "said").get_attribute("textContent") == "Copied."


# What it tells.


def test_pointing_at_a_part_gives_its_numbers_and_shows_a_unit_large(xor):
    parameters = xor.execute_script(LIVE)["parameters"]
    picture = "return document.getElementById('plane').toDataURL()"
    whole = xor.execute_script(picture)
    ActionChains(xor, duration=0).move_to_element(all_of(xor, ".unit")[3]).perform()
    xor.execute_async_script(TWO_FRAMES)
    assert by_id(xor, "output-head").text == "Output of a₁[1]"
    assert xor.execute_script(picture) != whole
    lines = by_id(xor, "tip").text.split("\n")
    assert lines[:2] == ["a₁[1], Dense(2, 4), Tanh()", "bias₁[1] = 0"]
    ActionChains(xor, duration=0).move_to_element(by_id(xor, "network-head")).perform()
    xor.execute_async_script(TWO_FRAMES)
    assert not by_id(xor, "tip").is_displayed()
    assert xor.execute_script(picture) == whole
    edge = all_of(xor, ".edge")[5]
    middle = xor.execute_script(
        """const path = arguments[0].firstElementChild, p = path.getPointAtLength(0.85 * path.getTotalLength());
        const m = path.getScreenCTM(); return [Math.round(p.x + m.e), Math.round(p.y + m.f)]""",
        edge,
    )
    pointer = ActionChains(xor, duration=0)
    pointer.w3c_actions.pointer_action.move_to_location(*middle)
    pointer.perform()
    lines = by_id(xor, "tip").text.split("\n")
    assert lines[0] == "x[1] → a₁[1]"
    assert lines[1] == f"weight₁[1, 1] = {rounded(parameters[5], 4)}"
    network = network_of(code(xor))
    gradient = network.loss_and_gradient(*bp.datasets.xor())[1][5]
    assert lines[2] == f"∂loss/∂weight₁[1, 1] = {rounded(float(gradient), 4)}"


def test_edges_show_size_and_sign_and_units_what_they_give(browser, tmp_path):
    X, y = bp.datasets.xor()
    network = bp.Network([bp.Dense(2, 2), bp.Tanh(), bp.Dense(2, 1)], bp.MeanSquaredError(), seed=0)
    network.parameters[...] = [2, -1, 0, 0.5, 0, 0, 1, -1, 0]
    show(browser, bp.playground(network, X, y), tmp_path)
    edges = browser.execute_script(
        """return [...document.querySelectorAll(".edge")].map((e) =>
          [e.classList.contains("minus"), parseFloat(e.firstElementChild.style.strokeWidth)])"""
    )
    weights = np.array([2, -1, 0, 0.5, 1, -1])
    assert [minus for minus, _ in edges] == (weights < 0).tolist()
    widest = edges[0][1]
    expected = np.maximum(np.abs(weights) / 2 * widest, 0.6)
    np.testing.assert_allclose([width for _, width in edges], expected, atol=0.11)
    sides = browser.execute_script(
        """const pen = document.querySelectorAll(".unit canvas")[2].getContext("2d", { willReadFrequently: true });
        const { data } = pen.getImageData(0, 0, 40, 40);
        return [data.slice(4 * 20 * 40, 4 * 20 * 40 + 3), data.slice(4 * (21 * 40 - 1), 4 * (21 * 40 - 1) + 3)]"""
    )
    left, right = sides  # tanh(2 x₁) is below 0 at the left alone
    assert left[0] > left[2]
    assert right[2] > right[0]


def test_the_curve_of_the_loss_grows_and_has_two_axes(browser, pages):
    browser.get(pages("moons").as_uri())
    shown = "return document.getElementById('curve').toDataURL()"
    pictures = [browser.execute_script(shown)]
    for _ in range(2):
        by_id(browser, "one-epoch").click()
        pictures.append(browser.execute_script(shown))
    by_id(browser, "log").click()
    browser.execute_async_script(TWO_FRAMES)
    pictures.append(browser.execute_script(shown))
    assert len(set(pictures)) == 4


def test_the_picture_has_the_colour_of_the_likeliest_class_and_the_points_upon_it(
    browser, tmp_path
):
    X, y = np.array([[-1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]), np.array([0, 1, 2])
    network = bp.Network([bp.Dense(2, 3)], bp.SoftmaxCrossEntropy(), seed=0)
    network.parameters[...] = [-9, 0, 9, 0, 9, 0, 0, 0, 0]
    show(browser, bp.playground(network, X, y), tmp_path)
    pixels, colours = browser.execute_script(
        """
        const { width, height } = document.getElementById("plane");
        const { data } = document.getElementById("plane").getContext("2d").getImageData(0, 0, width, height);
        const style = getComputedStyle(document.documentElement);
        const edge = 0.12 / 1.24;
        const places = [[edge, 1 - edge], [0.5, edge], [1 - edge, 1 - edge], [0.05, 0.6], [0.5, 0.3], [0.95, 0.6]];
        return [places.map(([x, y]) => 4 * (Math.floor(y * height) * width + Math.floor(x * width)))
          .map((k) => [...data.slice(k, k + 3)]), ["minus", "plus", "class-2"].map((name) => style.getPropertyValue(`--${name}`))];
        """
    )
    full = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in colours])
    assert pixels[:3] == full.tolist()
    np.testing.assert_allclose(pixels[3:], 255 - 0.6 * (255 - full), atol=1)
    assert by_id(browser, "key").text == "Colour: the likeliest class. Right: 3 of 3 samples."


def test_divergence_is_told_and_nothing_is_half_changed(xor):
    Select(by_id(xor, "optimizer")).select_by_value("GradientDescent")
    Select(by_id(xor, "loss-choice")).select_by_value("MeanSquaredError")
    Select(by_id(xor, "activation")).select_by_value("Identity")
    xor.execute_script("window.backproplite.step(3)")
    before = xor.execute_script(LIVE)
    type_into(xor, "rate", "1e308")
    by_id(xor, "run").click()
    WebDriverWait(xor, 10).until(lambda _: by_id(xor, "trouble").text)
    told = by_id(xor, "trouble").text
    assert told.startswith("Training stopped: ")
    assert "at learning rate 1e+308. The last finite parameters are kept. Lower the" in told
    assert by_id(xor, "run").text == "Start"
    after = xor.execute_script(LIVE)
    assert np.isfinite(after["parameters"]).all()
    if number(xor, "steps") == 3:
        assert after == before


def test_dead_units_are_shown_where_they_are_in_the_words_of_diagnose(browser, tmp_path):
    X, y = bp.datasets.moons(60)
    layers = [bp.Dense(2, 8, bias_initializer=bp.Constant(-10)), bp.ReLU(), bp.Dense(8, 1)]
    network = bp.Network(layers, bp.SigmoidCrossEntropy(), seed=0)
    show(browser, bp.playground(network, X, y), tmp_path)
    badges = [each.text for each in all_of(browser, ".badge")]
    assert badges == ["", "8 of 8 dead", ""]
    dead = [each.get_attribute("class") == "unit dead" for each in all_of(browser, ".unit")]
    assert dead == [False, False, *[True] * 8, False]
    finding = bp.diagnose(network, X, y).findings[0]
    assert by_id(browser, "findings").text == f"{finding.name}: {finding.evidence}"
    sizes = [each.text.split("\n")[-1] for each in all_of(browser, "#sizes li")]
    expected = [each.gradient_size for each in bp.diagnose(network, X, y).layers]
    assert [float(size) for size in sizes] == pytest.approx(expected, rel=0.05)


def test_the_step_that_comes_next_opens_with_every_number(browser, pages):
    browser.get(pages("moons").as_uri())
    browser.execute_script("window.backproplite.step(5)")
    start = browser.execute_script(LIVE)["parameters"]
    by_id(browser, "every-number").click()
    frame = WebDriverWait(browser, 10).until(lambda _: all_of(browser, "dialog iframe"))[0]
    browser.switch_to.frame(frame)
    WebDriverWait(browser, 10).until(
        lambda _: browser.execute_script("return Boolean(window.backproplite)")
    )
    assert list(browser.execute_script(LIVE)["parameters"]) == start
    browser.execute_script("window.backproplite.step(1)")
    after = browser.execute_script(LIVE)["parameters"]
    browser.switch_to.default_content()
    by_id(browser, "close").click()
    assert all_of(browser, "iframe") == []
    by_id(browser, "one-step").click()
    assert browser.execute_script(LIVE)["parameters"] == pytest.approx(after, rel=1e-12)


# Where and by whom it is read.


def test_touching_a_part_gives_its_numbers(xor):
    place = xor.execute_script(
        "const r = arguments[0].getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]",
        all_of(xor, ".unit")[4],
    )
    touch = {"touchPoints": [{"x": place[0], "y": place[1]}]}
    xor.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    try:
        xor.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchStart", **touch})
        xor.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        xor.execute_async_script(TWO_FRAMES)
        assert by_id(xor, "tip").text.startswith("a₁[2], Dense(2, 4), Tanh()\nbias₁[2] = 0")
    finally:
        xor.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})


def test_it_can_be_read_without_seeing_it(browser, pages):
    browser.get(pages("moons").as_uri())
    tree = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    named = {
        (n["role"]["value"], n.get("name", {}).get("value", "")) for n in tree if not n["ignored"]
    }
    for expected in [
        *(("button", "Start"), ("button", "One step"), ("button", "Reset"), ("radio", "moons")),
        *(("combobox", "Activation"), ("textbox", "Learning rate"), ("textbox", "x₁")),
        *(("radio", "class 1"), ("checkbox", "logarithmic"), ("heading", "Is all well?")),
        ("button", "One unit more in hidden layer 2"),
    ]:
        assert expected in named
    plane = by_id(browser, "plane").get_attribute("aria-label")
    assert plane.startswith("The decision boundary over 120 samples of 2 columns: ")
    by_id(browser, "one-epoch").click()
    assert by_id(browser, "said").get_attribute("textContent").startswith("Epoch 1, loss 0.")
    assert by_id(browser, "plane").get_attribute("aria-label") != plane


def test_text_stands_out_and_is_large_enough_in_both_themes(browser, pages):
    for width, height, scheme in [(1280, 720, "light"), (390, 844, "dark")]:
        look(browser, width, height, scheme)
        browser.get(pages("xor").as_uri())
        type_into(browser, "rate", "fast")
        assert browser.execute_script(LOW_CONTRAST) == []
        assert browser.execute_script(SMALLEST_TEXT) >= 12


def test_nothing_is_wider_than_a_phone(browser, pages):
    look(browser, 390, 844)
    browser.get(pages("spirals").as_uri())
    assert browser.execute_script("return document.documentElement.scrollWidth") == 390
    beyond = browser.execute_script(
        """return [...document.querySelectorAll("body *")].filter((e) => !e.closest("#scroll, pre, #tip, h1, #said")
          && e.getBoundingClientRect().right > innerWidth).map((e) => e.outerHTML.slice(0, 99))"""
    )
    assert beyond == []


def test_on_a_projector_it_is_seen_at_once(browser, pages):
    browser.get(pages("moons").as_uri())
    bottoms = browser.execute_script(
        "return ['drawing', 'plane', 'curve', 'findings', 'sizes'].map((id) => document.getElementById(id).getBoundingClientRect().bottom)"
    )
    assert max(bottoms) <= 720


def test_it_runs_in_the_frame_of_a_notebook(browser, tmp_path):
    network, X, y = labels()
    path = tmp_path / "notebook.html"
    shown = bp.playground(network, X, y)._repr_html_()
    path.write_text(f"<!DOCTYPE html><title>Notebook</title>{shown}", "utf-8")
    browser.get(path.as_uri())
    browser.switch_to.frame(browser.find_element(By.TAG_NAME, "iframe"))
    by_id(browser, "run").click()
    WebDriverWait(browser, 10).until(lambda _: number(browser, "epochs") >= 3)
    browser.switch_to.default_content()


def test_names_are_text_and_nothing_else(browser, tmp_path):
    name = "</script><script>window.hacked=1</script><b onclick=x>&amp;\u2028"
    hostile = type(name, (bp.Tanh,), {})
    network = bp.Network([bp.Dense(2, 2), hostile(), bp.Dense(2, 1)], bp.MeanSquaredError(), seed=0)
    show(browser, bp.playground(network, *bp.datasets.xor()), tmp_path)
    by_id(browser, "one-step").click()
    seen = "return [window.hacked ?? null, document.querySelectorAll('b').length]"
    assert browser.execute_script(seen) == [None, 0]
    assert name in all_of(browser, "#sizes li")[1].get_attribute("textContent")
