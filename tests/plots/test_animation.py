"""The training in motion: each frame, and the files."""

import pickle
import re
import sys

import numpy as np
import pytest
from matplotlib import animation as motion
from matplotlib import pyplot as plt
from pictures import XOR, background, recorded, refused
from PIL import Image

import backproplite as bp
from backproplite import plots


class Keeper(motion.AbstractMovieWriter):
    """Instead of writing frames it looks at each."""

    def __init__(self, look):
        super().__init__()
        self.look = look

    def setup(self, fig, outfile, dpi=None):
        pass

    def grab_frame(self, **_):
        self.look()

    def finish(self):
        pass


def test_each_frame_shows_the_network_as_it_was():
    network, recorder = recorded(epochs=20)
    network.fit(*XOR, 1)  # further than was recorded
    before = pickle.dumps((network, recorder))
    animation = plots.training_animation(recorder, network, *XOR, frames=4, fps=8)
    assert animation.event_source.interval == 125
    left, right = animation._fig.axes
    seen = []

    def look():
        dot = np.ravel(right.lines[-1].get_data()).tolist()
        seen.append((*background(left), right.get_title(), dot))

    animation.save("ignored", writer=Keeper(look))
    for epoch, (values, places, title, dot) in zip((1, 7, 14, 20), seen, strict=True):
        twin = pickle.loads(before)[0]
        twin.restore(recorder.parameters[epoch - 1])
        predicted = twin.predict(places.reshape(-1, 2)).reshape(values.shape)
        np.testing.assert_allclose(values, predicted, atol=1e-9)
        loss = network.history["loss"][epoch - 1]
        assert title == f"Epoch {epoch}: loss {loss:.3g}"
        assert dot == [epoch, loss]
    epochs, losses = right.lines[0].get_data()
    assert (epochs.tolist(), losses.tolist()) == (recorder.epochs, recorder.losses)
    assert pickle.dumps((network, recorder)) == before


@pytest.mark.parametrize(("frames", "drawn"), [(1, 1), (2, 2), (60, 3)])
def test_a_gif_has_the_frames_asked_for(tmp_path, frames, drawn):
    network, recorder = recorded()
    path = tmp_path / "training.GIF"
    plots.training_animation(recorder, network, *XOR, path, frames=frames, fps=20)
    with Image.open(path) as picture:
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
    with refused(ZeroDivisionError, ""):
        plots.training_animation(recorder, network, *XOR, path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_without_matplotlib_there_is_no_animation(monkeypatch, tmp_path):
    network, recorder = recorded()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(bp.MissingExtraError):
        plots.training_animation(recorder, network, *XOR, tmp_path / "it.gif")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("path", "text"),
    [("nowhere/it.gif", "does not exist"), ("it.mp4", r"must end in \.gif or \.html")],
)
def test_a_bad_path_is_refused_before_any_work(tmp_path, path, text):
    with refused(bp.InputError, text):
        plots.training_animation(None, None, None, None, tmp_path / path)


_, OTHER = recorded(bp.Dense(2, 3), bp.Sigmoid(), bp.Dense(3, 1))


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ({"recorder": None}, bp.ParameterError, r"^recorder must be a Recorder .*got NoneType"),
        ({"recorder": bp.Recorder()}, bp.ParameterError, r"^recorder must .* at least one epoch"),
        ({"recorder": OTHER}, bp.ParameterError, r"^recorder must have recorded this network"),
        ({"network": None}, bp.ParameterError, r"^network must be a Network"),
        ({"X": np.ones((4, 3))}, bp.ShapeError, r"^X must have 2 features; got 3"),
        ({"y": [5] * 4}, bp.InputError, r"^y must be 0 or 1 for one output"),
        ({"frames": 0}, bp.ParameterError, r"^frames must be a whole number of at least 1"),
        ({"fps": 0}, bp.ParameterError, r"^fps must be a finite number .*above 0"),
        ({"fps": 1000}, bp.ParameterError, r"^fps must be .*at most 50"),
    ],
)
def test_bad_animations_are_refused(tmp_path, given, error, text):
    network, recorder = recorded()
    good = {"recorder": recorder, "network": network, "X": XOR[0], "y": XOR[1]}
    with refused(error, text):
        plots.training_animation(**good | given, path=tmp_path / "it.gif")
    assert not list(tmp_path.iterdir())
