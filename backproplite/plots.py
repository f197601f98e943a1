"""Pictures of networks and of their training, drawn by matplotlib (extra `plot`).

Every function draws on the axes that it is given, or on those of a new figure,
and returns them; none shows anything. Networks are only read: what has to be
computed is computed on a copy. Where colours tell things apart, they do so for
colour-blind readers too. Without matplotlib each raises a `MissingExtraError`.
"""

from __future__ import annotations

import copy
import re
import tempfile
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from .activations import Activation
from .checks import Array, generator, matrix, number, real_array, same_samples, whole_number
from .descent import Descent, _evaluated
from .errors import InputError, MissingExtraError, ParameterError, ShapeError
from .files import checked_path, write_file
from .functions import norm
from .layers import Dense
from .network import Network
from .recording import Recorder, gradient_sizes, trained_layers

Axes: TypeAlias = Any

#: The palette of Okabe and Ito (Color universal design, 2008), less its yellow, faint on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = "os^DvP*X<>"
STAR = {"color": "#D55E00", "markeredgecolor": "white", "markersize": 15, "linestyle": "none"}
#: Units of a layer that are drawn without leaving any out, and edges whose values are printed.
MOST_UNITS, MOST_VALUES = 16, 30


# Losses


@dataclass
class _Run:
    """A curve of losses."""

    label: str
    steps: Array
    losses: Array
    validation: Array
    unit: str
    remark: str = ""


def loss_curves(
    runs: object,
    *,
    labels: Sequence[str] | None = None,
    validation: bool = True,
    log: bool = True,
    ax: Axes = None,
) -> Axes:
    """Draw the losses of one or several runs; the legend says where each ended.

    Parameters
    ----------
    runs : Network, history, sequence of float, Descent, or a list or dict of these
        A dict has them by label.
    labels : sequence of str, optional
        In place of the labels that there are.
    validation : bool
        Whether to draw the validation losses too, dashed, where there are any.
    log : bool
        Whether the losses are on a logarithmic axis (never where none is above 0).
    ax : matplotlib Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ParameterError
        If a run is of another kind, there is none, or the labels are not as many.

    Examples
    --------
    >>> ax = loss_curves({"slow": [1.0, 0.9], "fast": [1.0, 0.2]})
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['slow: ends at 0.9', 'fast: ends at 0.2']
    """
    given = _runs(runs)
    if labels is not None:
        if not isinstance(labels, (list, tuple)) or len(labels) != len(given):
            raise ParameterError(
                f"labels must be a list with a label for each run, {len(given)} in all; "
                f"got {labels!r}."
            )
        for run, label in zip(given, labels, strict=True):
            run.label = str(label)
    ax = _draw_losses(ax, given, validation, log)
    ax.set_title("Loss in training")
    return ax


def learning_rates(runs: Mapping[float, object], *, ax: Axes = None) -> Axes:
    """Draw the losses under several learning rates; the legend says where each ended.

    A run has diverged if it ended higher than it began, or not finite. Beside
    runs that did not, it may leave the picture at the top.

    Parameters
    ----------
    runs : dict
        From learning rate to what `loss_curves` takes for one run.
    ax : matplotlib Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ParameterError
        If `runs` is no such dict.

    Examples
    --------
    >>> ax = learning_rates({1.5: [1.0, 4.0], 0.1: [1.0, 0.64]})
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['0.1: ends at 0.64', '1.5: ends at 4, diverged']
    """
    if not isinstance(runs, Mapping) or not all(isinstance(rate, Real) for rate in runs):
        raise ParameterError(f"runs must be a dict from rate to run; got {_kind(runs)}.")
    given = [_run(f"runs[{rate}]", f"{rate:g}", runs[rate]) for rate in sorted(runs)]
    for run in given:
        if len(run.losses) and not run.losses[-1] <= run.losses[0]:
            run.remark = ", diverged"
    ax = _draw_losses(ax, given, validation=False, log=True)
    calm = [run.losses.max() for run in given if len(run.losses) and not run.remark]
    if calm and ax.get_ylim()[1] > 100 * max(calm) > 0:
        ax.set_ylim(top=100 * max(calm))
    ax.get_legend().set_title(
        "learning rate" + "\n(diverged: ended higher than it began)" * any(r.remark for r in given)
    )
    ax.set_title("The learning rate")
    return ax


def _runs(runs: Any) -> list[_Run]:
    """Return every run with its label; a single one is called "loss"."""
    if isinstance(runs, Mapping) and "loss" not in runs:
        return [_run(f"runs[{label!r}]", str(label), run) for label, run in runs.items()]
    if isinstance(runs, Iterable) and not isinstance(runs, Mapping):
        runs = list(runs)
        if runs and not isinstance(runs[0], Real):
            return [_run(f"runs[{i}]", f"run {i + 1}", run) for i, run in enumerate(runs)]
    return [_run("runs", "loss", runs)]


def _run(name: str, label: str, given: Any) -> _Run:
    unit, first, validation = "step", 1, np.zeros(0)
    run: Any = given.history if isinstance(given, Network) else given
    if isinstance(run, Descent):
        run, first = run.values, 0
    if isinstance(run, Mapping) and "loss" in run:
        run, validation, unit = run["loss"], run.get("val_loss", validation), "epoch"
    try:
        losses, scores = np.array(run, np.float64), np.array(validation, np.float64)
    except (TypeError, ValueError):
        losses = scores = np.zeros(())
    if losses.ndim != 1 or scores.shape not in ((0,), losses.shape):
        raise ParameterError(
            f"{name} must be a Network, a history, a Descent or a sequence of losses; "
            f"got {_kind(given)}."
        )
    return _Run(label, np.arange(first, first + len(losses)), losses, scores, unit)


def _draw_losses(ax: Axes, runs: Sequence[_Run], validation: bool, log: bool) -> Axes:
    if not any(len(run.losses) for run in runs):
        raise ParameterError("runs must hold at least one loss: train the network first.")
    ax = _axes(ax)
    for i, (run, colour) in enumerate(zip(runs, _colours(len(runs)), strict=True)):
        curves = [(run.label, run.losses, ("-", "-.", ":")[i // len(COLOURS) % 3])]
        if validation and np.isfinite(run.validation).any():
            curves.append((f"{run.label}, validation", run.validation, "--"))
        for name, losses, style in curves:
            end = f"ends at {losses[-1]:.3g}{run.remark}" if len(losses) else "no epoch finished"
            ax.plot(run.steps, losses, style, color=colour, label=_filled(f"{name}: {end}"))
            ax.plot(run.steps[-1:], losses[-1:], "o", color=colour, markersize=4)
    if log and any((run.losses > 0).any() for run in runs):
        ax.set_yscale("log")
    _whole_steps(ax, " or ".join(dict.fromkeys(run.unit for run in runs)))
    ax.set_ylabel("loss")
    _legend(ax)
    return ax


# Functions


def descent_path(
    function: Callable[[Any], Any],
    paths: Descent | Mapping[str, Descent],
    *,
    slope: bool = False,
    span: tuple[float, float] | None = None,
    ax: Axes = None,
) -> Axes:
    """Draw the way that `minimize` took: on the curve of one variable, or on the contours of two.

    A path that diverged is followed as long as the picture stays readable; the
    legend then says after which step it leaves.

    Parameters
    ----------
    function : callable
        What was minimised.
    paths : Descent or dict of Descent
        A dict has them by label.
    slope : bool
        Whether to draw the tangent at each start; for one variable only.
    span : (float, float), optional
        From where to where, on each axis of two variables; around the paths unless given.
    ax : matplotlib Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ParameterError
        If `paths` is of another kind, or a slope is wanted for two variables.
    ShapeError
        If there are more than two variables.

    Examples
    --------
    >>> from backproplite import GradientDescent, minimize
    >>> path = minimize(lambda w: w * w, lambda w: 2 * w, 1.0, GradientDescent(0.1), steps=1)
    >>> descent_path(lambda w: w * w, path).get_legend().get_texts()[0].get_text()
    'path: ends at 0.8'
    """
    named = {"path": paths} if isinstance(paths, Descent) else paths
    if not isinstance(named, Mapping) or not all(isinstance(p, Descent) for p in named.values()):
        raise ParameterError(f"paths must be a Descent or a dict of them; got {_kind(paths)}.")
    if not callable(function):
        raise ParameterError(f"function must be a function of a point; got {_kind(function)}.")
    sizes = {path.points[0].size for path in named.values()}
    if sizes not in ({1}, {2}):
        raise ShapeError(f"paths must all have one variable, or all two; got {sorted(sizes)}.")
    if slope and sizes == {2}:
        raise ParameterError("slope must be False for two variables: it is a tangent to a curve.")
    if span is None:
        low, high = _window(list(named.values()))
    else:
        low, high = (np.full(next(iter(sizes)), end) for end in _checked_span(span))
    ax = _axes(ax)
    shape = next(iter(named.values())).points[0].shape
    (_draw_curve if sizes == {1} else _draw_contours)(ax, function, shape, low, high)
    for (label, path), colour in zip(named.items(), _colours(len(named)), strict=True):
        _draw_path(ax, str(label), path, low, high, colour)
        if slope:
            start, gradient = path.points.flat[0], path.gradients.flat[0]
            text = f"{label}: slope {gradient:.3g} at the start"
            ends = np.array([low[0], high[0]])
            tangent = path.values[0] + gradient * (ends - start)
            ax.plot(ends, tangent, "--", color=colour, linewidth=1, label=_filled(text))
    _legend(ax)
    ax.set_title("Descent: ○ start, ★ end")
    return ax


def _window(paths: Sequence[Descent]) -> tuple[Array, Array]:
    """Return the corners of a box around all paths, of diverging ones around their beginning."""
    tracks = [(path.diverged, path.points.reshape(len(path.points), -1)) for path in paths]
    shown = [points for diverged, points in tracks if not diverged]
    reach = 3 * np.ptp(np.concatenate(shown), axis=0).max() if shown else 0
    for diverged, points in tracks:
        if diverged:
            far = abs(points - points[0]).max(axis=1)
            near = far <= (reach or 4 * far[:2].max())
            shown.append(points if near.all() else points[: max(near.argmin(), 1)])
    box = np.concatenate(shown)
    size = np.ptp(box, axis=0)
    size = np.maximum(size, size.max() / 2 or 1)
    middle = (box.min(axis=0) + box.max(axis=0)) / 2
    return middle - 0.7 * size, middle + 0.7 * size


def _draw_curve(
    ax: Axes, function: Callable[[Any], Any], shape: tuple[int, ...], low: Array, high: Array
) -> None:
    w = np.linspace(low[0], high[0], 401)
    values = _on_grid(function, w.reshape(-1, *shape))
    ax.plot(w, values, color="0.6", linewidth=2)
    # Fixed here, so that a path which leaves does not take the picture along.
    ax.set(xlim=(low[0], high[0]), ylim=ax.get_ylim(), xlabel="w", ylabel="f(w)")


def _draw_contours(
    ax: Axes, function: Callable[[Any], Any], shape: tuple[int, ...], low: Array, high: Array
) -> None:
    across, up = np.linspace(low, high, 101).T
    points = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    values = _on_grid(function, points).reshape(101, 101)
    levels = _levels(values)
    if len(levels):
        lines = ax.contour(across, up, values, levels, colors="0.65", linewidths=0.8)
        ax.clabel(lines, levels[5:], fmt="%.3g", fontsize=7, colors="0.4")
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), xlabel="w₁", ylabel="w₂")


def _on_grid(function: Callable[[Any], Any], points: Iterable[Array]) -> Array:
    """Return the function at each point, NaN where it is not finite."""
    with np.errstate(all="ignore"):
        values = np.array([_evaluated("function", function, point, ()) for point in points])
    return np.where(np.isfinite(values), values, np.nan)


def _levels(values: Array) -> Array:
    """Return heights for contours inside the range of the values, closer together at the bottom."""
    finite = values[np.isfinite(values)]
    low, high = finite.min(initial=np.inf), finite.max(initial=-np.inf)
    if not high - low > 1e-9 * abs(high):  # flat, but for rounding, or nowhere finite
        return np.zeros(0)
    if 0 < low < high / 100:
        return np.geomspace(max(low, high / 1e4), high, 17)[1:-1]
    return low + (high - low) * np.linspace(0, 1, 17)[1:-1] ** 2


def _draw_path(ax: Axes, label: str, path: Descent, low: Array, high: Array, colour: Any) -> None:
    points = path.points.reshape(len(path.points), -1)
    places = points if points.shape[1] == 2 else np.column_stack([points, path.values])
    digits = 9 if points.shape[1] == 1 else 3
    end = ", ".join(f"{coordinate:.{digits}g}" for coordinate in points[-1])
    text = f"{label}: ends at {end if len(points[-1]) == 1 else f'({end})'}"
    inside = ((low <= points) & (points <= high)).all(axis=1)
    shown = len(points) if inside.all() else int(inside.argmin())
    if not inside.all():
        text += f", leaves the picture after step {shown - 1}"
    text += ", diverged" * path.diverged
    # One point more, so that a line leads out of the picture.
    x, y = places[: shown + 1].T
    size = 4 if shown <= 60 else 2
    ax.plot(x, y, "o-", color=colour, markersize=size, linewidth=1, label=_filled(text))
    ax.plot(x[:1], y[:1], "o", color=colour, markerfacecolor="white", markersize=9)
    if inside.all():
        ax.plot(x[-1:], y[-1:], "*", color=colour, markeredgecolor="white", markersize=15)


def activation(
    activation: Activation, *, span: tuple[float, float] = (-5, 5), ax: Axes = None
) -> Axes:
    """Draw an elementwise activation and its derivative.

    Parameters
    ----------
    activation : Activation
        An instance, such as `Sigmoid()`.
    span : (float, float)
        From where to where.
    ax : matplotlib Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ParameterError
        If it is no activation, not an elementwise one, or the span is empty.

    Examples
    --------
    >>> from backproplite import Sigmoid
    >>> activation(Sigmoid()).get_legend().get_texts()[1].get_text()
    "derivative f'(x), here from 0.00665 to 0.25"
    """
    if not isinstance(activation, Activation):
        raise ParameterError(
            f"activation must be an instance such as Sigmoid(); got {_kind(activation)}."
        )
    x = np.linspace(*_checked_span(span), 1001)
    values, slopes = activation(x), activation.derivative(x)
    if slopes.shape != x.shape:
        raise ParameterError(f"{activation!r} is not elementwise: it has no one curve.")
    ax = _axes(ax)
    ax.axhline(0, color="0.85", linewidth=0.8)
    ax.axvline(0, color="0.85", linewidth=0.8)
    ax.plot(x, values, color=COLOURS[0], linewidth=2, label="value f(x)")
    text = f"derivative f'(x), here from {slopes.min():.3g} to {slopes.max():.3g}"
    # A gap where it jumps: where it differs from point to point, and much more than beside.
    change = abs(np.diff(slopes))
    beside = np.maximum(np.roll(change, 1), np.roll(change, -1))
    jumps = np.flatnonzero((change > 0.1) & (change > 4 * beside)) + 1
    x, slopes = np.insert(x, jumps, x[jumps]), np.insert(slopes, jumps, np.nan)
    ax.plot(x, slopes, "--", color=COLOURS[1], linewidth=2, label=text)
    ax.set(xlabel="x", title=repr(activation))
    ax.legend()
    return ax


# Classes


def decision_boundary(
    network: Network, X: object, y: object, *, resolution: int = 200, ax: Axes = None
) -> Axes:
    """Draw which class a network of two features predicts where, and the samples in their classes.

    With one output, the background shows the output and the line is where it is
    0.5. With more, it has the colour of the class with the largest output, the
    stronger the larger that is, and the lines are where two share the first place.

    Parameters
    ----------
    network : Network
        Takes two features.
    X : array of shape (samples, 2)
        The samples.
    y : array of shape (samples,) or (samples, outputs)
        Their classes, as the network's loss takes them: integer labels, one
        column of 0 and 1, or one-hot rows.
    resolution : int
        Points along each side of the background.
    ax : matplotlib Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ShapeError, InputError
        If there are not two features, or the data cannot be used.
    ParameterError
        If another argument is not what it should be.

    Examples
    --------
    >>> import backproplite as bp
    >>> X, y = bp.datasets.xor()
    >>> network = bp.Network([bp.Dense(2, 1), bp.Sigmoid()], loss=bp.MeanSquaredError(), seed=0)
    >>> decision_boundary(network, X, y, resolution=20).get_title()
    'Decision boundary: 3 of 4 right'
    """
    x, classes = _planar(network, X, y)
    resolution = whole_number("resolution", resolution, 2)
    ax = _axes(ax)
    image = _draw_boundary(ax, network, x, classes, resolution)
    if image is not None:
        ax.figure.colorbar(image, ax=ax, label="output")
    return ax


def _planar(network: Network, X: object, y: object) -> tuple[Array, Array]:
    """Return samples of two features, and their classes."""
    _check_network(network)
    if network.in_features not in (None, 2):
        raise ShapeError(
            "a decision boundary needs a network that takes 2 features, to span the picture; "
            f"this one takes {network.in_features}."
        )
    x, targets, _ = network._checked(X, y, None)
    if x.shape[1] != 2:
        raise ShapeError(f"X must have 2 features, to span the picture; got {x.shape[1]}.")
    classes = _classes("y", targets)
    if targets.shape[1] == 1 and classes.max() > 1:
        raise InputError(f"y must be 0 or 1 for one output; got {classes.max()}.")
    return x, classes


def _draw_boundary(ax: Axes, network: Network, x: Array, classes: Array, resolution: int) -> Any:
    """Draw background, lines and samples; return the image if it shows the one output there is."""
    size = np.ptp(x, axis=0)
    margin = 0.2 * np.where(size > 0, size, 1)
    across, up = np.linspace(x.min(axis=0) - margin, x.max(axis=0) + margin, resolution).T
    rows = np.stack(np.meshgrid(across, up), axis=-1)
    outputs = np.array([network.predict(row) for row in rows], np.float64)
    single = outputs.shape[-1] == 1
    if single:
        heights = outputs - 0.5
    else:  # by how much each output exceeds the largest of the others
        each = range(outputs.shape[-1])
        others = [np.delete(outputs, k, axis=-1).max(axis=-1) for k in each]
        heights = outputs - np.stack(others, axis=-1)
    half = (across[1] - across[0]) / 2, (up[1] - up[0]) / 2  # of a cell around its middle
    place = across[0] - half[0], across[-1] + half[0], up[0] - half[1], up[-1] + half[1]
    image = ax.imshow(
        outputs[..., 0] if single else _tinted(outputs), _diverging("white"), vmin=0, vmax=1,
        alpha=0.7, extent=place, origin="lower", aspect="auto", interpolation="bilinear",
    )  # fmt: skip
    for height in np.moveaxis(heights, -1, 0):
        if height.min() < 0 < height.max():
            ax.contour(across, up, height, [0], colors="black", linewidths=1.5)
    predictions = network.predict(x)
    predicted = predictions[:, 0] > 0.5 if single else predictions.argmax(axis=1)
    lines = _draw_samples(ax, x, classes, max(outputs.shape[-1], 2))
    right = int((predicted == classes).sum())
    ax.set_title(f"Decision boundary: {right} of {len(x)} right", pad=11 + 17 * lines)
    ax.set(xlabel="x₁", ylabel="x₂", xlim=across[[0, -1]], ylim=up[[0, -1]])
    return image if single else None


def _tinted(outputs: Array) -> Array:
    """Return the colour of the class with the largest output, the stronger the larger that is."""
    colours = _colours(outputs.shape[-1])[outputs.argmax(axis=-1)]
    strength = 0.2 + 0.65 * np.clip(outputs.max(axis=-1, keepdims=True), 0, 1)
    return 1 - strength * (1 - colours)


def _draw_samples(ax: Axes, x: Array, classes: Array, count: int) -> int:
    """Draw the samples and the legend above them; return how many lines that has."""
    present = np.unique(classes)
    colours, size = _colours(count), 130 if len(x) <= 20 else 30
    for k in present:
        ax.scatter(
            *x[classes == k].T, s=size, color=colours[k], marker=MARKERS[k % len(MARKERS)],
            edgecolors="black", linewidths=0.6, label=f"class {k}", zorder=3,
        )  # fmt: skip
    # Between picture and title, where there are no samples to hide.
    lines = -(-len(present) // 5)
    columns = -(-len(present) // lines)
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=columns, frameon=False)
    return lines


def confusion_matrix(
    y: object, predictions: object, *, labels: Sequence[str] | None = None, ax: Axes = None
) -> Axes:
    """Draw how many samples of each class (row) were taken for which class (column).

    Parameters
    ----------
    y, predictions : array of shape (samples,) or (samples, classes)
        Labels 0, 1, ...; or a row for each sample whose largest entry is its
        class; or probabilities of class 1.
    labels : sequence of str, optional
        The names of all classes.
    ax : matplotlib Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ShapeError, InputError
        If the two do not fit, are no classes, or these are more than 100.
    ParameterError
        If there are not enough labels.

    Examples
    --------
    >>> confusion_matrix([0, 1, 1, 0], [[0.1], [0.8], [0.3], [0.2]]).get_title()
    'Accuracy 75.0 % (3 of 4)'
    """
    true, predicted = _classes("y", y), _classes("predictions", predictions)
    same_samples("y", true, "predictions", predicted)
    count = int(max(true.max(), predicted.max())) + 1
    if labels is not None and (not isinstance(labels, (list, tuple)) or len(labels) < count):
        raise ParameterError(f"labels must be a list of at least {count}; got {labels!r}.")
    names = [str(name) for name in (range(count) if labels is None else labels)]
    counts = np.zeros((len(names), len(names)), int)
    np.add.at(counts, (true, predicted), 1)
    ax = _axes(ax)
    ax.imshow(
        np.sqrt(counts), "Blues", vmin=0
    )  # the root, so that a few errors show beside many hits
    font = min(10, 140 / len(names))
    for (row, column), value in np.ndenumerate(counts):
        colour = "white" if value > 0.51 * counts.max() else "black" if value else "0.6"
        ax.text(column, row, value, ha="center", va="center", color=colour, fontsize=font)
    longest = max(map(len, names))
    turn = {"rotation": 90} if longest * len(names) > 40 else {}
    ax.set_xticks(range(len(names)), names, fontsize=font, **turn)
    ax.set_yticks(range(len(names)), names, fontsize=font)
    ax.set(xlabel="predicted class", ylabel="true class")
    right = int(np.trace(counts))
    ax.set_title(f"Accuracy {right / len(true):.1%} ({right} of {len(true)})".replace("%", " %"))
    return ax


def _classes(name: str, given: object) -> Array:
    """Return labels: as given, or of the largest in each row, or from probabilities of class 1."""
    array = real_array(name, given)
    if array.ndim not in (1, 2) or array.size == 0:
        raise ShapeError(
            f"{name} must be labels (samples,) or rows (samples, classes); got {array.shape}."
        )
    if array.ndim == 2 and array.shape[1] > 1:
        return array.argmax(axis=1)
    flat = array.ravel()
    if flat.min() >= 0 and flat.max() <= 1:
        return (flat > 0.5).astype(np.intp)
    bad = (flat < 0) | (flat != np.floor(flat)) | (flat > 99)
    if bad.any():
        raise InputError(f"{name} must hold whole labels from 0 to 99; got {flat[bad][0]:g}.")
    return flat.astype(np.intp)


# Networks


def network_diagram(
    network: Network, X: object = None, y: object = None, *, ax: Axes = None
) -> Axes:
    """Draw the units of the Dense layers, and their weights as edges between them.

    Colour and width of an edge show its weight or, with data, the derivative of
    the loss by its weight. Of layers of more than 16 units, the first and the
    last five are drawn. Other layers are named under the units that they follow.

    Parameters
    ----------
    network : Network
        With at least one Dense layer.
    X, y : arrays, optional
        A batch as for `fit`, for the derivatives.
    ax : matplotlib Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ParameterError
        If it is no network, or one without a Dense layer.
    ShapeError, InputError
        If the data cannot be used.

    Examples
    --------
    >>> from backproplite import Dense, MeanSquaredError, Network, Sigmoid
    >>> network = Network([Dense(2, 1), Sigmoid()], loss=MeanSquaredError(), seed=0)
    >>> [text.get_text() for text in network_diagram(network).texts if "put" in text.get_text()]
    ['2 inputs', '1 output']
    """
    _check_network(network)
    if not any(isinstance(layer, Dense) for layer in network.layers):
        raise ParameterError("network must have a Dense layer: there are no edges to draw.")
    of, label, title = "weight", "weight", "Network and its weights"
    if X is not None or y is not None:
        network, loss = _with_gradients(network, X, y)
        of, label = "grad_weight", "∂loss/∂weight"
        title = f"Gradient of the loss ({loss:.4g}) by each weight"
    widths, notes, edges = _columns(network)
    places = [_slots(width) for width in widths]
    if any(len(units) < width for (units, _), width in zip(places, widths, strict=True)):
        title += "\n(of large layers the first and last five units)"
    rows = max(len(units) for units, _ in places)
    ax = _axes(ax, figsize=(2.4 * len(widths) + 1, min(2 + 0.8 * rows, 5.4)))
    inches = ax.get_window_extent().width / ax.figure.dpi
    font = float(np.clip(4.2 * inches / len(widths), 4, 9))
    image = _draw_edges(ax, places, edges, of, font)
    ax.figure.colorbar(image, ax=ax, label=label, shrink=0.7)
    _draw_units(ax, widths, places, notes, edges, font)
    ax.set_title(title)
    ax.set_axis_off()
    return ax


#: The Dense layers of a diagram and their names, by the column on their left.
_Edges: TypeAlias = "dict[int, tuple[str, Dense]]"


def _columns(network: Network) -> tuple[list[int], list[list[str]], _Edges]:
    """Return how many units each column has, what else acts on them, and the edges between."""
    widths: list[int] = []
    notes: list[list[str]] = [[]]
    edges: _Edges = {}
    for i, layer in enumerate(network.layers):
        if not isinstance(layer, Dense):
            notes[-1].append(type(layer).__name__)
            continue
        if not widths or widths[-1] != layer.in_features:
            notes += [[]] * bool(widths)  # what lies between has changed the number of features
            widths.append(layer.in_features)
        name = f"layers[{i}]\n{type(layer).__name__}({layer.in_features}, {layer.out_features})"
        edges[len(widths) - 1] = name, layer
        widths.append(layer.out_features)
        notes.append([])
    return widths, notes, edges


def _slots(width: int) -> tuple[Array, Array]:
    """Return which units of a column are drawn, and at what height."""
    if width <= MOST_UNITS:
        units = rows = np.arange(width)
    else:
        units, rows = np.r_[:5, width - 5 : width], np.r_[:5, 6:11]
    return units, rows.max() / 2 - rows


def _draw_edges(
    ax: Axes, places: Sequence[tuple[Array, Array]], edges: _Edges, of: str, font: float
) -> Any:
    """Draw all edges, the strongest on top, and their values where these are few."""
    from matplotlib.collections import LineCollection

    rows = []  # both ends, the value, and at which share of the way it is written
    for left, (_, layer) in edges.items():
        (sources, y), (targets, z) = places[left], places[left + 1]
        n, m = len(sources), len(targets)
        share = n / (n + 1) if m > n else 1 / (m + 1)  # there, they are in a column, evenly spaced
        for i, j in np.ndindex(n, m):
            value = getattr(layer, of)[sources[i], targets[j]]
            rows.append((left, y[i], left + 1, z[j], value, share))
    table = np.array(rows, np.float64)
    table = table[np.argsort(abs(table[:, 4]), kind="stable")]
    starts, ends, values, shares = table[:, :2], table[:, 2:4], table[:, 4], table[:, 5:]
    largest = abs(values).max() or 1.0
    image = LineCollection(
        [*np.stack([starts, ends], axis=1)], linewidths=0.6 + 4.4 * abs(values) / largest,
        array=values, cmap=_diverging("#d9d9d9"), clim=(-largest, largest), zorder=1,
    )  # fmt: skip
    ax.add_collection(image)
    if len(values) <= MOST_VALUES:
        box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 0.8}
        for (x, y), value in zip(starts + shares * (ends - starts), values, strict=True):
            size = font * min(1, 22 / len(values))
            ax.text(x, y, f"{value:.3g}", ha="center", va="center", fontsize=size, bbox=box)
    return image


def _draw_units(
    ax: Axes,
    widths: Sequence[int],
    places: Sequence[tuple[Array, Array]],
    notes: Sequence[Sequence[str]],
    edges: _Edges,
    font: float,
) -> None:
    top = max(heights[0] for _, heights in places)
    area = 4 * font**2 if top < 6 else font**2
    for column, (width, (units, heights)) in enumerate(zip(widths, places, strict=True)):
        x = np.full(len(units), column)
        ax.scatter(x, heights, s=area, color="white", edgecolors="0.2", linewidths=1.5, zorder=2)
        if len(units) < width:
            ax.text(column, 0, "⋮", ha="center", va="center", fontsize=2 * font)
        kind = "input" if column == 0 else "output" if column == len(widths) - 1 else "unit"
        kind = f"{width} {kind}" + "s" * (width != 1)
        ax.text(column, top + 0.6, kind, ha="center", fontsize=font)
        ax.text(column, -top - 0.6, "\n".join(notes[column]), ha="center", va="top", fontsize=font)
        if column in edges:
            name = edges[column][0]
            style = {"va": "top", "color": "0.4", "fontsize": font - 1}
            ax.text(column + 0.5, -top - 0.6, name, ha="center", **style)
        elif column < len(widths) - 1:
            ax.text(column + 0.5, 0, "→", ha="center", va="center", fontsize=2 * font)
    ax.set(xlim=(-0.4, len(widths) - 0.6), ylim=(-top - 1.6, top + 1.1))


def gradient_flow(subject: object, X: object = None, y: object = None, *, ax: Axes = None) -> Axes:
    """Draw the size of the gradient in each layer that has parameters, from input to output.

    The size is the mean absolute value over all parameters of the layer. What is 0
    or not finite stands at the lower or upper edge, as a triangle.

    Parameters
    ----------
    subject : Network, dict, or Recorder
        A network, with X and y; a dict from label to (network, X, y); or the
        recorder of a training, for one line per layer over the epochs.
    X, y : arrays, optional
        A batch as for `fit`.
    ax : matplotlib Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ParameterError
        If the subject is of another kind, or has no parameters or epochs.
    ShapeError, InputError
        If the data cannot be used.

    Examples
    --------
    >>> from backproplite import Dense, MeanSquaredError, Network
    >>> network = Network([Dense(1, 1), Dense(1, 1)], loss=MeanSquaredError(), seed=0)
    >>> len(gradient_flow(network, [[1.0]], [[0.0]]).get_xticks())
    2
    """
    if isinstance(subject, Recorder):
        curves, steps, unit = subject.gradient_sizes, subject.epochs, "epoch"
    else:
        curves = _flows(subject, X, y)
        steps = list(range(1, 1 + max(map(len, curves.values()), default=0)))
        unit = "layer with parameters, counted from the input"
    if not steps or not curves:
        raise ParameterError("subject must have parameters, and a Recorder at least one epoch.")
    ax = _axes(ax)
    if any(size > 0 for sizes in curves.values() for size in sizes):
        ax.set_yscale("log")
    for label, colour in zip(curves, _colours(len(curves)), strict=True):
        _draw_flow(ax, label, np.array(steps), np.array(list(curves[label])), colour)
    _whole_steps(ax, unit)
    if isinstance(subject, Network):
        ax.set_xticks(steps, trained_layers(subject), rotation=30, ha="right")
    else:
        _legend(ax)
    ax.set(ylabel="mean |∂loss/∂parameter|", title="Gradient flow")
    return ax


def _flows(subject: Any, X: object, y: object) -> dict[str, list[float]]:
    """Return the gradient sizes of one or several networks by label."""
    given = {"network": (subject, X, y)} if isinstance(subject, Network) else subject
    if not isinstance(given, Mapping) or not all(
        isinstance(value, (tuple, list)) and len(value) == 3 for value in given.values()
    ):
        raise ParameterError(
            "subject must be a Network, with X and y, a Recorder, or a dict from label to "
            f"(network, X, y); got {_kind(subject)}."
        )
    for network, *_ in given.values():
        _check_network(network)
    return {
        str(label): list(gradient_sizes(_with_gradients(*value)[0]).values())
        for label, value in given.items()
    }


def _draw_flow(ax: Axes, label: str, steps: Array, sizes: Array, colour: Any) -> None:
    steps, seen = steps[: len(sizes)], (sizes > 0) & np.isfinite(sizes)
    style = "o-" if len(steps) <= 30 else "-"
    ax.plot(steps, np.where(seen, sizes, np.nan), style, color=colour, label=_filled(label))
    for mask, height, marker, what in (
        (sizes == 0, 0.02, "v", "0"), (~np.isfinite(sizes), 0.98, "^", "not finite")
    ):  # fmt: skip
        if mask.any():
            ax.plot(
                steps[mask], np.full(mask.sum(), height), marker, color=colour,
                label=_filled(f"{label}: {what}"), transform=ax.get_xaxis_transform(),
            )  # fmt: skip


def weight_histograms(network: Network, *, ax: Axes = None) -> Axes:
    r"""Draw how the weights of each layer are distributed, as an outline for each layer.

    Of layers with matrices, only these count; of others, all parameters do.

    Parameters
    ----------
    network : Network
        With parameters.
    ax : matplotlib Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ParameterError
        If it is no network, or has no parameters.

    Examples
    --------
    >>> from backproplite import Dense, MeanSquaredError, Network
    >>> network = Network([Dense(2, 3)], loss=MeanSquaredError(), seed=0)
    >>> [label.get_text() for label in weight_histograms(network).get_yticklabels()]
    ['layers[0] Dense(2, 3):\nweight']
    """
    _check_network(network)
    given = {}
    for name, layer in trained_layers(network).items():
        arrays = {key: getattr(layer, key) for key in layer.block.shapes}
        matrices = {key: array for key, array in arrays.items() if array.ndim > 1} or arrays
        given[f"{name}: {', '.join(matrices)}"] = np.concatenate(
            [*map(np.ravel, matrices.values())]
        )
    if not given:
        raise ParameterError("network must have parameters; it has none.")
    return _draw_histograms(_axes(ax), given, "weight", "Weights of each layer")


def activation_histograms(network: Network, X: object, *, ax: Axes = None) -> Axes:
    """Draw how the outputs of each layer are distributed, in inference, as an outline each.

    Parameters
    ----------
    network : Network
        Any.
    X : array of shape (samples, features)
        What goes in.
    ax : matplotlib Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ParameterError
        If it is no network.
    ShapeError, InputError
        If X cannot be used.

    Examples
    --------
    >>> from backproplite import Dense, MeanSquaredError, Network
    >>> network = Network([Dense(2, 3)], loss=MeanSquaredError(), seed=0)
    >>> ax = activation_histograms(network, [[0.0, 0.0]])
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['layers[0] Dense(2, 3)']
    """
    _check_network(network)
    x, given = matrix("X", X, network.dtype, network.in_features), {}
    with np.errstate(all="ignore"):
        for i, layer in enumerate(network.layers):
            x, _ = layer.forward(x)
            given[f"layers[{i}] {layer!r}"] = x.ravel()
    return _draw_histograms(_axes(ax), given, "output", "Outputs of each layer")


def _draw_histograms(ax: Axes, given: Mapping[str, Array], of: str, title: str) -> Axes:
    finite = {name: array[np.isfinite(array)].astype(float) for name, array in given.items()}
    everything = np.concatenate([*finite.values()])  # and 0, which is always in the picture
    low, high = everything.min(initial=0), everything.max(initial=0)
    edges = np.linspace(low, high if high > low else low + 1, 51)
    for k, (array, colour) in enumerate(zip(finite.values(), _colours(len(given)), strict=True)):
        counts, _ = np.histogram(array, edges)
        outline = 0.9 * counts / max(counts.max(), 1) - k
        ax.stairs(outline, edges, baseline=-k, fill=True, color=colour, alpha=0.3)
        ax.stairs(outline, edges, baseline=None, color=colour, linewidth=1.2)
    ax.set_yticks(-np.arange(len(given)), [_filled(name, 24) for name in given], fontsize="small")
    ax.set(xlabel=of, title=f"{title}\n(each outline to its own scale)")
    return ax


def loss_landscape(
    network: Network,
    X: object,
    y: object,
    *,
    span: float = 1.0,
    resolution: int = 31,
    surface: bool = False,
    seed: int | np.random.Generator | None = 0,
    ax: Axes = None,
) -> Axes:
    """Draw the loss on a plane through the network's parameters, as contours or as a surface.

    loss(parameters + a · u + b · v), for a and b from -span to span

    The directions u and v are random; each parameter array of them is scaled to
    the length of that array in the network. So a step of 1 is as large as the
    weights themselves.

    Parameters
    ----------
    network : Network
        In any state; a trained one lies in a valley.
    X, y : arrays
        As for `fit`.
    span : float
        How far to go along both directions.
    resolution : int
        Points along each side.
    surface : bool
        Whether to draw a surface in three dimensions.
    seed : int or numpy.random.Generator
        For the directions.
    ax : matplotlib Axes, optional
        Where to draw, three-dimensional for a surface; a new figure unless given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ShapeError, InputError
        If the data cannot be used.
    ParameterError
        If all parameters are 0, or another argument is not what it should be.

    Examples
    --------
    >>> import backproplite as bp
    >>> network = bp.Network([bp.Dense(1, 1)], loss=bp.MeanSquaredError(), seed=0)
    >>> loss_landscape(network, [[1.0], [2.0]], [1.0, 2.0], resolution=5).get_xlabel()
    'first random direction'

    References
    ----------
    Li, Xu, Taylor, Studer, Goldstein: Visualizing the loss landscape of neural
    nets, 2018; there each filter is scaled by itself.
    """
    _check_network(network)
    data, twin = network._checked(X, y, None), copy.deepcopy(network)
    span, rng = number("span", span, above=0), generator(seed)
    reach = np.linspace(-span, span, whole_number("resolution", resolution, 2))
    u, v = _direction(twin, rng), _direction(twin, rng)
    ax = _axes(ax, three_d=bool(surface))
    losses, start = np.empty((len(reach), len(reach))), twin.parameters.copy()
    with np.errstate(all="ignore"):
        here = twin._evaluate(*data)
        for i, j in np.ndindex(losses.shape):
            twin.parameters[...] = start + reach[j] * u + reach[i] * v
            losses[i, j] = twin._evaluate(*data)
    losses[~(losses < 1e200)] = np.nan  # matplotlib finds no way around higher ones
    (_draw_surface if surface else _draw_landscape)(ax, reach, losses, here)
    ax.set(xlabel="first random direction", ylabel="second random direction")
    ax.set_title("Loss around the network's parameters")
    ax.legend()
    return ax


def _direction(network: Network, rng: np.random.Generator) -> Array:
    direction = rng.standard_normal(network.parameters.size)
    rest = direction
    for layer in network.layers:
        for name in layer.block.shapes:
            own = getattr(layer, name)
            part, rest = rest[: own.size], rest[own.size :]
            part *= norm(own.ravel()) / norm(part)
    if not direction.any():
        raise ParameterError("network must have parameters that are not 0, to measure steps by.")
    return direction


def _draw_landscape(ax: Axes, reach: Array, losses: Array, here: float) -> None:
    from matplotlib.colors import BoundaryNorm

    levels = _levels(losses)
    if len(levels):
        shades = BoundaryNorm(levels, 256, extend="both")
        image = ax.contourf(reach, reach, losses, levels, norm=shades, extend="both")
        ax.contour(reach, reach, losses, levels, colors="white", linewidths=0.4)
        ax.figure.colorbar(image, ax=ax, label="loss", format="%.2g")
    ax.plot(0, 0, "*", **STAR, label=f"the network, loss {here:.3g}")


def _draw_surface(ax: Axes, reach: Array, losses: Array, here: float) -> None:
    ax.plot_surface(*np.meshgrid(reach, reach), losses, cmap="viridis", alpha=0.9)
    ax.plot([0], [0], [here], "*", **STAR, label=f"the network, loss {here:.3g}", zorder=9)
    ax.set_zlabel("loss", labelpad=8)
    ax.locator_params(nbins=5)
    ax.set_box_aspect(None, zoom=0.85)  # or its labels are cut off


def training_animation(
    recorder: Recorder,
    network: Network,
    X: object,
    y: object,
    path: object = None,
    *,
    frames: int = 60,
    fps: float = 10,
) -> Any:
    """Show the decision boundary of two features beside the loss, as training went.

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
            f"recorder must be a Recorder with at least one epoch in it; got {_kind(recorder)}."
        )
    frames, fps = whole_number("frames", frames, 1), number("fps", fps, above=0, maximum=50)
    x, classes = _planar(network, X, y)
    twin = copy.deepcopy(network)
    if [a.shape for a in recorder.parameters[0]] != [a.shape for a in twin.snapshot()]:
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

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.5), layout="constrained")
    epochs, losses = np.array(recorder.epochs), np.array(recorder.losses)
    _draw_losses(right, [_Run("loss", epochs, losses, np.zeros(0), "epoch")], False, True)
    (here,) = right.plot(epochs[:1], losses[:1], "o", color=COLOURS[1], markersize=9)

    def draw(k: int) -> None:
        twin.restore(recorder.parameters[k])
        left.clear()
        _draw_boundary(left, twin, *data, resolution=100)
        right.set_title(f"Epoch {epochs[k]}: loss {losses[k]:.3g}")
        here.set_data(epochs[k : k + 1], losses[k : k + 1])

    chosen = np.unique(np.linspace(len(epochs) - 1, 0, frames).round().astype(int))
    draw(int(chosen[0]))
    figure.canvas.draw()
    figure.set_layout_engine("none")  # laid out once, or it takes half the time again
    return figure, FuncAnimation(figure, draw, chosen.tolist(), interval=1000 / fps)


#: Signs on the buttons of a page, by the names that matplotlib gives them.
SIGNS = {
    "minus": "−", "fast-backward": "|◂", "step-backward": "‹", "play": "▸", "pause": "‖",
    "step-forward": "›", "fast-forward": "▸|", "plus": "+",
}  # fmt: skip
PAGE = """<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><title>Training</title>
<meta name="viewport" content="width=device-width">
<style>body {{ font-family: system-ui, sans-serif }} i {{ font-style: normal }}
.animation {{ display: block }} .anim-buttons {{ flex-wrap: wrap }}
img, input {{ max-width: 100% }}
.fa-flip-horizontal {{ display: inline-block; transform: scaleX(-1) }}
{signs}</style>
{player}</html>
"""


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


# What they share


def require_matplotlib() -> Any:
    """Return pyplot, or say what to install."""
    try:
        import matplotlib.pyplot
    except ImportError:
        raise MissingExtraError("plots need matplotlib: pip install 'backproplite[plot]'") from None
    return matplotlib.pyplot


def _axes(ax: Axes, three_d: bool = False, **options: Any) -> Axes:
    """Return the axes given, if they are fit, or those of a new figure."""
    plt = require_matplotlib()
    if ax is None:
        projection = {"projection": "3d"} if three_d else {}
        return plt.subplots(layout="constrained", subplot_kw=projection, **options)[1]
    if not isinstance(ax, plt.Axes):
        raise ParameterError(
            f"ax must be one matplotlib Axes, such as axes[0] of several; got {_kind(ax)}."
        )
    if (ax.name == "3d") != three_d:
        wanted = "three-dimensional (projection='3d')" if three_d else "flat"
        raise ParameterError(f"ax must be {wanted} for this picture; got {ax.name} axes.")
    return ax


def _with_gradients(network: Network, X: object, y: object) -> tuple[Network, float]:
    """Return a copy with the gradients of a batch, and the loss."""
    if X is None or y is None:
        raise ParameterError("X and y must both be given: a gradient is that of a batch.")
    network = copy.deepcopy(network)
    with np.errstate(all="ignore"):
        loss, _ = network.loss_and_gradient(X, y)
    return network, loss


def _checked_span(span: object) -> tuple[float, float]:
    if not isinstance(span, (tuple, list)) or len(span) != 2:
        raise ParameterError(f"span must be two numbers; got {span!r}.")
    low = number("span[0]", span[0])
    return low, number("span[1]", span[1], above=low)


def _check_network(network: object) -> None:
    if not isinstance(network, Network):
        raise ParameterError(f"network must be a Network; got {_kind(network)}.")


def _colours(count: int) -> Array:
    """Return a colour for each of several things: the palette, or shades where it is too small."""
    require_matplotlib()
    from matplotlib import colormaps, colors

    if count <= len(COLOURS):
        return np.array([colors.to_rgb(colour) for colour in COLOURS[:count]])
    return colormaps["viridis"](np.linspace(0, 0.9, count))[:, :3]


def _diverging(middle: str) -> Any:
    """Return a colour map from blue (low) over another colour to vermilion (high)."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("", [COLOURS[0], middle, COLOURS[1]])


def _legend(ax: Axes) -> None:
    """Put a long legend beside the picture, where the layout makes room for it."""
    entries = len(ax.get_legend_handles_labels()[1])
    points = sum(len(line.get_xdata()) for line in ax.lines)
    if entries > 6 and ax.figure.get_layout_engine() is not None:
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize="small")
    else:  # to look for the best place among very many points takes seconds
        ax.legend(loc="best" if points < 50_000 else "upper right")


def _whole_steps(ax: Axes, unit: str) -> None:
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator(steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))
    ax.set_xlabel(unit)


def _filled(text: str, width: int = 44) -> str:
    return textwrap.fill(text, width)


def _kind(given: object) -> str:
    return f"the class {given.__name__}" if isinstance(given, type) else type(given).__name__
