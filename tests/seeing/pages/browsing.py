"""Pages in a real browser, whose console must stay silent and which must load nothing.

Left out where there is no Chromium with its driver, unless BACKPROPLITE_BROWSER=required.
"""

import json
import os
import shutil

import pytest

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
from selenium.webdriver import ActionChains  # noqa: E402
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


#: Every text on the page that stands out by less than 4.5 : 1 from what is behind it.
LOW_CONTRAST = """
const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
const linear = (c) => (c /= 255, c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
const luminance = (colour) => {
  const [r, g, b] = channels(colour).map(linear);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const clear = (colour) => colour === "rgba(0, 0, 0, 0)" || colour === "transparent" || colour === "none";
const paper = getComputedStyle(document.body).backgroundColor;
const behind = (element) => {
  for (let e = element; e; e = e.parentElement) {
    const box = e instanceof SVGElement && e.querySelector(":scope > rect, :scope > circle:last-child");
    if (box && box !== element && !clear(getComputedStyle(box).fill)) return getComputedStyle(box).fill;
    const { backgroundColor } = getComputedStyle(e);
    if (!clear(backgroundColor)) return backgroundColor;
  }
  return paper;
};
const own = (e) => [...e.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
return [...document.querySelectorAll("body *")].filter((e) => own(e) && e.checkVisibility()
    && !e.closest("script, option, [aria-disabled=true]")).flatMap((e) => {
  const style = getComputedStyle(e);
  const text = e instanceof SVGElement ? style.fill : style.color;
  const [dark, light] = [luminance(text), luminance(behind(e))].sort((a, b) => a - b);
  const contrast = (light + 0.05) / (dark + 0.05);
  return contrast < 4.5 ? [`${contrast.toFixed(2)}: ${e.outerHTML.slice(0, 120)}`] : [];
});
"""
#: The smallest letters on the page, in pixels of the screen, those of a scaled drawing too.
SMALLEST_TEXT = """
const own = (e) => [...e.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
return Math.min(...[...document.querySelectorAll("body *")].filter((e) => own(e) && e.checkVisibility()
    && !e.closest("script, #said, h1")).map((e) =>
  parseFloat(getComputedStyle(e).fontSize) * (e instanceof SVGGraphicsElement ? e.getScreenCTM().a : 1)));
"""


@pytest.fixture(name="chromium", scope="module")
def chromium_fixture(tmp_path_factory):
    """A browser of which the tests of a module share one, for it takes a second to start."""
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


@pytest.fixture(name="browser")
def browser_fixture(chromium):
    """The browser at a projector's size, on an empty page; the test must make no noise."""
    chromium.get("about:blank")
    chromium.get_log("performance")
    chromium.get_log("browser")
    look(chromium, 1280, 720)
    yield chromium
    assert chromium.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in chromium.get_log("performance")]
    requests = [
        e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"
    ]
    # A worker of the page's own text is loaded from blob:.
    assert {url.partition(":")[0] for url in requests} <= {"file", "about", "blob"}
    assert not [
        url
        for url in requests
        if not url.startswith("blob:")
        and not url.partition("#")[0].endswith((".html", "about:srcdoc", "about:blank"))
    ]


def look(browser, width, height, scheme="light", media=""):
    """Give the browser a size, a colour scheme and still pictures."""
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500},
    )
    features = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {
            "media": media,
            "features": [{"name": name, "value": value} for name, value in features.items()],
        },
    )


def by_id(browser, name):
    return browser.find_element(By.ID, name)


def all_of(browser, selector):
    return browser.find_elements(By.CSS_SELECTOR, selector)


def press(browser, *keys):
    ActionChains(browser, duration=0).send_keys(*keys).perform()


def point(browser, element):
    ActionChains(browser, duration=0).move_to_element(element).perform()
