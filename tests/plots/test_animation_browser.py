"""An animation of training in a real browser, on a phone."""

from seeing.pages.browsing import browser_fixture, chromium_fixture, look  # noqa: F401

import backproplite as bp
from backproplite import plots


def test_an_animation_fits_a_phone(browser, tmp_path):
    network, recorder = bp.Network([bp.Dense(2, 1)], bp.MeanSquaredError(), seed=0), bp.Recorder()
    X, y = bp.datasets.xor()
    network.fit(X, y, 2, callbacks=recorder)
    path = tmp_path / "training.html"
    plots.training_animation(recorder, network, X, y, path)
    look(browser, 360, 740)
    browser.get(path.as_uri())
    browser.execute_async_script("document.querySelector('img').decode().then(arguments[0])")
    assert browser.execute_script("return document.documentElement.scrollWidth") == 360
    assert browser.execute_script("return document.documentElement.scrollHeight") <= 740
    shown, drawn = browser.execute_script(
        "const image = document.querySelector('img'); return [image.width, image.naturalWidth]"
    )
    assert shown > 0.6 * drawn  # or nobody can read what is written in it
    sizes = browser.execute_script(
        "return [...document.querySelectorAll('button')].map("
        "(e) => [e.getBoundingClientRect().width, e.getBoundingClientRect().height])"
    )
    assert len(sizes) == 9
    assert all(width > 30 and height >= 40 for width, height in sizes)  # for fingers
    browser.get_log("performance")  # its pictures are requested, from data: in the file itself
