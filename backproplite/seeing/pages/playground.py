"""The playground: a page on which a network learns before one's eyes, and all of it can be changed.

The page itself is in `play/`; here it is given data sets, what can be chosen, and a
network of one's own, if there is one.
"""

from __future__ import annotations

import ast
import base64
import gzip
import re
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ... import activations, counts, initializers, layers, losses, optimizers, scaling, schedules
from ...activations import Activation
from ...checks import Array, checked_path
from ...configurable import Configurable, is_ours
from ...errors import ParameterError, ShapeError
from ...files import write_file
from ...layers import Dense
from ...network import Network
from .assembly import SUFFIXES, frame, page, text
from .plan import plain, plan
from .play_data import play_data

MOST_SAMPLES = 2000
MOST_PLAIN = 8  # numbers that are given as such; bytes take less room
MOST_WRITTEN = 500  # numbers that the Python on the page has in full
MODULES = activations, counts, initializers, layers, losses, optimizers, scaling, schedules
NAMES = sorted(name for module in MODULES for name in module.__all__)


class Playground:
    """A page on which a network learns; it shows itself in a notebook.

    Attributes
    ----------
    html : str
        The whole page, which needs no other file.
    """

    def __init__(self, html: str) -> None:
        self.html = html

    def __repr__(self) -> str:
        return f"Playground({len(self.html) / 1000:.0f} kB of HTML)"

    def _repr_html_(self) -> str:
        """Show the page in a notebook, in a frame of its own."""
        return frame(self.html, "backproplite playground", 900)


def playground(
    network: Network,
    X: ArrayLike,
    y: ArrayLike,
    path: str | PathLike[str] | None = None,
    validation_data: tuple[ArrayLike, ArrayLike] | None = None,
) -> Playground:
    """Make a page on which a network learns before one's eyes, and everything can be changed.

    It starts from the network as it is, and computes as the library does: after
    so many steps on the page the losses are those after so many steps of `fit`.
    Data of two columns are shown with the decision boundary, of one column with
    the fitted curve.

    Parameters
    ----------
    network : Network
        It is not changed. Its layers, loss and optimizer need written lines.
    X : array of shape (samples, features)
        At most 2,000 samples.
    y : array of shape (samples, outputs)
        Their targets, as for `fit`.
    path : path, optional
        The file to write, ending in .html or .htm; if there is none, nothing is written.
    validation_data : tuple of arrays, optional
        Samples and targets whose loss is shown beside that of training.

    Returns
    -------
    Playground
        Its `html` is the page; in a notebook it shows itself.

    Raises
    ------
    ShapeError, InputError
        If the data cannot be used, there are too many samples, or the file cannot be there.
    ParameterError
        If `network` is no Network, or a part of it has no lines by which a page could compute.

    Examples
    --------
    >>> import backproplite as bp
    >>> X, y = bp.datasets.xor()
    >>> layers = [bp.Dense(2, 4), bp.Tanh(), bp.Dense(4, 1), bp.Sigmoid()]
    >>> network = bp.Network(layers, bp.MeanSquaredError(), bp.GradientDescent(0.5), seed=42)
    >>> playground(network, X, y).html[:15]
    '<!DOCTYPE html>'
    """
    if not isinstance(network, Network):
        raise ParameterError(f"network must be a Network; got {type(network).__name__}.")
    target = None if path is None else checked_path(path, SUFFIXES)
    x, targets = _checked(network, X, y, "")
    validation = None
    if validation_data is not None:
        validation = _checked(network, *validation_data, "validation ")
    written = plan(network, x, targets)
    if not written["alive"]:
        raise ParameterError(
            f"network must have layers, a loss and an optimizer by whose written lines a page can "
            f"compute. {written['why']} bp.trace(network, X, y) shows a step of any network."
        )
    html = _page("yours", _given(network, x, targets, validation, written))
    if target is not None:
        write_file(target, html.encode())
    return Playground(html)


def play_page(name: str) -> str:
    """Return the page that begins with one of its own data sets, and a network that learns it.

    Examples
    --------
    >>> play_page("moons")[:15]
    '<!DOCTYPE html>'
    """
    return _page(name)


def _page(start: str, given: dict[str, Any] | None = None) -> str:
    data = play_data()
    sets = [*([given] if given else []), *data["sets"]]
    data |= {"start": start, "step": _packed_step_page()}
    data["sets"] = [each | {"X": plain(each["X"], MOST_PLAIN)} for each in sets]
    return _without_comments(page("play/play.html", data))


def _without_comments(content: str) -> str:
    """Leave out lines of scripts that are comments: who reads them reads the sources."""
    return re.sub(r"(?m)^ *//.*\n", "", content)


def _packed_step_page() -> str:
    """Return the page of a step, without data, and without the engine, which is here already.

    It is packed, or it would be half of this page.
    """
    engine = text("engine/engine.js").rstrip("\n")
    content = text("step/step.html").replace(engine, "{{ENGINE}}").replace("{{data}}", "{{PLAN}}")
    return base64.b64encode(gzip.compress(_without_comments(content).encode(), mtime=0)).decode()


def _checked(network: Network, X: ArrayLike, y: ArrayLike, of: str) -> tuple[Array, Array]:
    """Return samples and targets as the network takes them; refuse too many."""
    x, targets, _ = network.prepare(X, y, of=of)
    if len(x) > MOST_SAMPLES:
        raise ShapeError(
            f"{of}X must hold at most {MOST_SAMPLES:,} samples, or the page would be slow; got "
            f"{len(x):,}. Take a part of them: X[:{MOST_SAMPLES}], y[:{MOST_SAMPLES}]."
        )
    return x, targets


def _given(
    network: Network,
    x: Array,
    targets: Array,
    validation: tuple[Array, Array] | None,
    written: dict[str, Any],
) -> dict[str, Any]:
    """Return data and network of one's own as a data set of the page."""
    labelled = _are_labels(network, targets)
    shown = _labels if labelled else network.loss.own_targets
    y = shown(targets)
    held = validation and {
        "X": plain(validation[0], MOST_PLAIN),
        "y": shown(validation[1]).tolist(),
    }
    return {
        "name": "yours",
        "kind": "classes" if labelled else "numbers",
        "X": x.tolist(),
        "y": y.tolist(),
        "code": "\n".join(
            [*_code("X", x), *_code("y", y)]
            + (["validation = ...  # the validation data that you gave"] if validation else [])
        ),
        "validation": held,
        "choices": _choices(network),
        "plan": written | {"x": None, "y": None},
        "described": _described(network),
    }


def _are_labels(network: Network, targets: Array) -> bool:
    """Tell whether targets are classes: zeros and ones, in one column or one for each class."""
    exact = bool(np.isin(targets, (0, 1)).all())
    one_each = network.loss.labels == "categorical" and bool((targets.sum(axis=1) == 1).all())
    return exact and (one_each or targets.shape[1] == 1)


def _labels(targets: Array) -> Array:
    return targets.argmax(axis=1) if targets.shape[1] > 1 else targets[:, 0].astype(np.int64)


def _choices(network: Network) -> dict[str, Any]:
    """Return what would be chosen to make a network much like this one."""
    widths = [each.out_features for each in network.layers if isinstance(each, Dense)]
    names = [type(each).__name__ for each in network.layers[:-1] if isinstance(each, Activation)]
    return {
        "layers": widths[:-1],
        "activation": names[0] if names else "Tanh",
        "loss": type(network.loss.parts()[-1]).__name__,
        "optimizer": type(network.optimizer).__name__,
        "settings": {},
        "learningRate": network.optimizer.current_rate(),
        "batchSize": None,
        "seed": str(network.seed),
    }


def _described(network: Network) -> dict[str, Any]:
    """Return the Python that makes this network; of one that was trained, that loads it.

    What has no Python of its own, such as a function that is a schedule, is left to the reader.
    """
    fresh = network.fresh(seed=network.seed)
    first = not network.step_count and np.array_equal(network.parameters, fresh.parameters)
    if network.step_count or (not first and network.parameters.size > MOST_WRITTEN):
        return {
            "given": 'network = bp.Network.load("model.npz")  # after network.save("model.npz")'
        }
    layers = [_python(each) for each in network.layers]
    loss, optimizer = _python(network.loss), _python(network.optimizer)
    try:
        ast.parse(f"[{', '.join([*layers, loss, optimizer])}]")
    except SyntaxError:
        return {"given": "network = ...  # the network that you gave"}
    start = [] if first else [f"network.parameters[...] = {network.parameters.tolist()}"]
    frozen = (place for place, each in network.frozen.items() if not each.trainable)
    start += [f"network.{place}.trainable = False" for place in frozen]
    return {
        "layers": layers,
        "loss": loss,
        "optimizer": optimizer,
        "seed": str(network.seed),
        "dtype": str(network.dtype),
        "start": start,
    }


def _python(thing: Configurable) -> str:
    """Return what is printed of an object, with `bp.` before the names of the library."""
    settings = thing.settings()
    if any(isinstance(value, np.ndarray) for value in settings.values()):  # which print rounded
        given = (f"{name}={_written(value)}" for name, value in settings.items())
        of = "bp." * is_ours(type(thing))
        return f"{of}{type(thing).__name__}({', '.join(given)})"
    names = rf"(?<![\w.])({'|'.join(NAMES)})(?=\()"
    return re.sub(names, r"bp.\1", repr(thing))


def _written(value: object) -> str:
    if isinstance(value, Configurable):
        return _python(value)
    return repr(value.tolist() if isinstance(value, np.ndarray) else value)


def _code(name: str, array: Array) -> list[str]:
    if array.size > MOST_WRITTEN:
        return [f"{name} = ...  # the {name} that you gave"]
    return [f"{name} = np.array({array.tolist()})"]
