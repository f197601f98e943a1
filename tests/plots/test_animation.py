"""The training in motion: each frame, and the files."""

import pickle
import re

import numpy as np
import pytest
from matplotlib import animation as motion
from matplotlib import pyplot as plt
from pictures import XOR, background, recorded
from PIL import Image

from backproplite import plots


@pytest.mark.parametrize("chosen", [(1, 7, 14, 20), (20,)])
def test_each_frame_shows_the_network_as_it_was(monkeypatch, tmp_path, chosen):
    network, recorder = recorded(epochs=20)
    network.fit(*XOR, 1)  # further than was recorded
    before = pickle.dumps((network, recorder))
    animation = plots.training_animation(recorder, network, *XOR, frames=len(chosen), fps=8)
    assert animation.event_source.interval == 125
    above, below = animation._fig.axes
    seen = []

    def look(*_, **__):
        dot = np.ravel(below.lines[-1].get_data()).tolist()
        seen.append((*background(above), below.get_title(), dot))

    monkeypatch.setattr(motion.PillowWriter, "grab_frame", look)
    monkeypatch.setattr(motion.PillowWriter, "finish", lambda _: None)
    animation.save(tmp_path / "it.gif", "pillow")
    for epoch, (values, places, title, dot) in zip(chosen, seen, strict=True):
        twin = pickle.loads(before)[0]
        twin.restore(recorder.parameters[epoch - 1])
        predicted = twin.predict(places.reshape(-1, 2)).reshape(values.shape)
        np.testing.assert_allclose(values, predicted, atol=1e-9)
        loss = network.history["loss"][epoch - 1]
        assert title == f"Epoch {epoch}: loss {loss:.3g}"
        assert dot == [epoch, loss]
    assert (below.get_xlabel(), below.get_ylabel()) == ("epoch", "loss")
    epochs, losses = below.lines[0].get_data()
    assert (epochs.tolist(), losses.tolist()) == (recorder.epochs, recorder.losses)
    assert pickle.dumps((network, recorder)) == before


@pytest.mark.parametrize(("frames", "drawn"), [(1, 1), (2, 2), (60, 3)])
def test_a_gif_has_the_frames_asked_for(tmp_path, frames, drawn):
    network, recorder = recorded()
    path = tmp_path / "training.GIF"
    plots.training_animation(recorder, network, *XOR, path, frames=frames, fps=20)
    with Image.open(path) as picture:
        assert picture.height > 1.2 * picture.width  # to be read on a phone
        assert (picture.format, picture.n_frames) == ("GIF", drawn)
        assert drawn == 1 or picture.info["duration"] == 50
    assert list(tmp_path.iterdir()) == [path]
    assert not plt.get_fignums()


def test_a_page_needs_nothing_else(tmp_path):
    network, recorder = recorded(epochs=6)
    path = tmp_path / "training.html"
    plots.training_animation(recorder, network, *XOR, str(path), frames=2, fps=2.5)
    page = path.read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "http" not in re.sub(r"data:image/jpeg;base64,[^\"]*", "", page)
    assert "<link" not in page
    assert page.count("data:image/jpeg;base64,") == 2
    assert '<img alt="' in page
    assert re.search(r"frames, img_id, slider_id, 400(\.0)?,", page)  # milliseconds for a frame
    used = set(re.findall(r'class="fa (fa-[\w-]+)', page))
    assert len(used) == 8
    for name in used:
        assert f".{name}::before" in page  # or the button would be blank
    assert list(tmp_path.iterdir()) == [path]
    assert not plt.get_fignums()


def test_a_failure_leaves_the_old_file(tmp_path, monkeypatch):
    network, recorder = recorded()
    path = tmp_path / "training.gif"
    path.write_bytes(b"old")
    monkeypatch.setattr(motion.PillowWriter, "finish", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        plots.training_animation(recorder, network, *XOR, path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    assert not plt.get_fignums()
