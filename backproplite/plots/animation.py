"""A training in motion, as a GIF or as a page."""

from __future__ import annotations

import copy
import os
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ..checks import Array, checked_path, number, whole_number
from ..errors import ParameterError
from ..files import write_file
from ..network import Network
from ..seeing.recording import Recorder
from .boundary import draw_boundary, samples_and_classes
from .losses import Run, draw_losses
from .shared import COLOURS, require_matplotlib, type_name

#: Signs on the buttons of a page, by the names that matplotlib gives them.
SIGNS = {
    "minus": "−", "fast-backward": "|◂", "step-backward": "‹", "play": "▸", "pause": "‖",
    "step-forward": "›", "fast-forward": "▸|", "plus": "+",
}  # fmt: skip
PAGE = """<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><title>Training</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body {{ font-family: system-ui, sans-serif }} i {{ font-style: normal }}
body .animation {{ display: block }} img {{ max-width: 100%; max-height: calc(100vh - 9rem) }}
.anim-controls, body .animation input.anim-slider {{ width: 100%; max-width: 30rem; margin: auto }}
body .anim-buttons {{ display: flex; gap: 2px }}
body .anim-buttons button {{ flex: 1; min-width: 0; height: 2.5rem }}
.fa-flip-horizontal {{ display: inline-block; transform: scaleX(-1) }}
{signs}</style>
{player}</html>
"""


def training_animation(
    recorder: Recorder,
    network: Network,
    X: object,
    y: object,
    path: str | os.PathLike[str] | None = None,
    *,
    frames: int = 60,
    fps: float = 10,
) -> Any:
    """Show the decision boundary of two features above the loss, as training went.

    Parameters
    ----------
    recorder : Recorder
        Of the training.
    network : Network
        The one that was trained. A copy goes through the recorded epochs.
    X, y : arrays
        As for `decision_boundary`.
    path : path, optional
        A file to write: .gif, or .html for a page with buttons that needs nothing else.
    frames : int
        How many epochs to show at most, evenly chosen among those recorded.
    fps : float
        Frames in a second.

    Returns
    -------
    matplotlib.animation.FuncAnimation

    Raises
    ------
    InputError, ShapeError
        If the path or the data cannot be used; nothing is written then.
    ParameterError
        If the recorder is empty or of another network, or another argument is wrong.

    Examples
    --------
    >>> import backproplite as bp
    >>> X, y = bp.datasets.xor()
    >>> network, recorder = bp.Network([bp.Dense(2, 1)], loss=bp.MeanSquaredError()), Recorder()
    >>> network = network.fit(X, y, epochs=3, callbacks=recorder)
    >>> training_animation(recorder, network, X, y, "training.gif")  # doctest: +SKIP
    """
    target = None if path is None else checked_path(path, (".gif", ".html"))
    if not isinstance(recorder, Recorder) or not recorder.epochs:
        raise ParameterError(
            f"recorder must be a Recorder with at least one epoch in it; got {type_name(recorder)}."
        )
    frames, fps = whole_number("frames", frames, 1), number("fps", fps, above=0, maximum=50)
    x, classes = samples_and_classes(network, X, y)
    twin = copy.deepcopy(network)
    if recorder.parameters[0].shape != twin.snapshot().shape:
        raise ParameterError("recorder must have recorded this network; its layers are others.")
    figure, animation = _animated(recorder, twin, (x, classes), frames, fps)
    if target is not None:
        try:
            write_file(target, _encoded(animation, target.suffix.lower(), fps))
        finally:
            require_matplotlib().close(figure)
    return animation


def _animated(
    recorder: Recorder, twin: Network, data: tuple[Array, Array], frames: int, fps: float
) -> tuple[Any, Any]:
    """Return a figure and its animation."""
    plt = require_matplotlib()
    from matplotlib.animation import FuncAnimation

    # Upright, so that it can be read on a phone.
    figure, (above, below) = plt.subplots(
        2, figsize=(5, 7.5), height_ratios=[3, 2], layout="constrained"
    )
    epochs, losses = np.array(recorder.epochs), np.array(recorder.losses)
    draw_losses(below, [Run("loss", epochs, losses, np.zeros(0), "epoch")], False, True)
    (here,) = below.plot(epochs[:1], losses[:1], "o", color=COLOURS[1], markersize=9)

    def draw(k: int) -> None:
        twin.restore(recorder.parameters[k])
        above.clear()
        draw_boundary(above, twin, *data, resolution=100)
        below.set_title(f"Epoch {epochs[k]}: loss {losses[k]:.3g}")
        here.set_data(epochs[k : k + 1], losses[k : k + 1])

    # From the last one backwards, so that this is always shown.
    chosen = np.unique(np.linspace(len(epochs) - 1, 0, frames).round().astype(int))
    draw(int(chosen[0]))
    figure.canvas.draw()
    figure.set_layout_engine("none")  # laid out once, or it takes half the time again
    return figure, FuncAnimation(figure, draw, chosen.tolist(), interval=1000 / fps)


def _encoded(animation: Any, suffix: str, fps: float) -> bytes:
    """Return the bytes of a GIF, or of a page with all frames in it."""
    import matplotlib as mpl

    if suffix == ".gif":
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "training.gif"
            animation.save(file, "pillow", fps)
            return file.read_bytes()
    with mpl.rc_context({"animation.embed_limit": 2**20, "animation.frame_format": "jpeg"}):
        player = animation.to_jshtml(fps)
    player = re.sub("<link[^>]*>", "", player)  # to a font on the web, with the buttons' signs
    player = player.replace("<img ", '<img alt="decision boundary and loss, epoch by epoch" ')
    signs = "\n".join(f'.fa-{name}::before {{ content: "{sign}" }}' for name, sign in SIGNS.items())
    return PAGE.format(signs=signs, player=player).encode()
