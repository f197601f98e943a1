"""The way down a function of one or two variables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..checks import Array
from ..errors import ParameterError, ShapeError
from ..seeing.descent import Descent, evaluated
from .shared import (
    Axes,
    add_legend,
    axes_or_new,
    colours_for,
    contour_levels,
    interval,
    type_name,
    wrapped,
)


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
        If `paths` is something else, or a slope is wanted for two variables.
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
        raise ParameterError(f"paths must be a Descent or a dict of them; got {type_name(paths)}.")
    if not callable(function):
        raise ParameterError(f"function must be a function of a point; got {type_name(function)}.")
    shape, low, high = _frame(list(named.values()), slope, span)
    ax = axes_or_new(ax)
    (_draw_curve if len(low) == 1 else _draw_contours)(ax, function, shape, low, high)
    for (label, path), colour in zip(named.items(), colours_for(len(named)), strict=True):
        _draw_path(ax, str(label), path, low, high, colour)
        if slope:
            _draw_tangent(ax, str(label), path, np.array([low[0], high[0]]), colour)
    add_legend(ax)
    ax.set_title("Descent: ○ start, ★ end")
    return ax


def _frame(
    paths: Sequence[Descent], slope: bool, span: tuple[float, float] | None
) -> tuple[tuple[int, ...], Array, Array]:
    """Return the shape of a point, and the lower and upper ends of the picture's variables."""
    sizes = {path.points[0].size for path in paths}
    if sizes not in ({1}, {2}):
        raise ShapeError(f"paths must all have one variable, or all two; got {sorted(sizes)}.")
    if slope and sizes == {2}:
        raise ParameterError("slope must be False for two variables: it is a tangent to a curve.")
    shape = paths[0].points[0].shape
    if span is None:
        return shape, *_window(paths)
    low, high = interval(span)
    return shape, np.full(max(sizes), low), np.full(max(sizes), high)


def _window(paths: Sequence[Descent]) -> tuple[Array, Array]:
    """Return the corners of a box around all paths, of diverging ones around their beginning."""
    shown = [_rows(path) for path in paths if not path.diverged]
    reach = 3 * np.ptp(np.concatenate(shown), axis=0).max() if shown else 0
    for points in (_rows(path) for path in paths if path.diverged):
        far = abs(points - points[0]).max(axis=1)
        near = far <= (reach or 4 * far[:2].max())
        shown.append(points if near.all() else points[: max(near.argmin(), 1)])
    box = np.concatenate(shown)
    size = np.ptp(box, axis=0)
    size = np.maximum(size, size.max() / 2 or 1)
    middle = (box.min(axis=0) + box.max(axis=0)) / 2
    return middle - 0.7 * size, middle + 0.7 * size


def _rows(path: Descent) -> Array:
    """Return the points as rows, also those of one variable."""
    return path.points.reshape(len(path.points), -1)


def _draw_curve(
    ax: Axes, function: Callable[[Any], Any], shape: tuple[int, ...], low: Array, high: Array
) -> None:
    w = np.linspace(low[0], high[0], 401)
    ax.plot(w, _on_grid(function, w.reshape(-1, *shape)), color="0.6", linewidth=2)
    # Fixed here, so that a path which leaves does not take the picture along.
    ax.set(xlim=(low[0], high[0]), ylim=ax.get_ylim(), xlabel="w", ylabel="f(w)")


def _draw_contours(
    ax: Axes, function: Callable[[Any], Any], shape: tuple[int, ...], low: Array, high: Array
) -> None:
    across, up = np.linspace(low, high, 101).T
    points = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, *shape)
    values = _on_grid(function, points).reshape(101, 101)
    levels = contour_levels(values)
    if len(levels):
        lines = ax.contour(across, up, values, levels, colors="0.65", linewidths=0.8)
        ax.clabel(lines, levels[5:], fmt="%.3g", fontsize=7, colors="0.4")
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), xlabel="w₁", ylabel="w₂")


def _on_grid(function: Callable[[Any], Any], points: Iterable[Array]) -> Array:
    """Return the function at each point, NaN where it is not finite."""
    with np.errstate(all="ignore"):
        values = np.array([evaluated("function", function, point, ()) for point in points])
    return np.where(np.isfinite(values), values, np.nan)


def _draw_path(ax: Axes, label: str, path: Descent, low: Array, high: Array, colour: Any) -> None:
    points = _rows(path)
    if points.shape[1] == 1:
        x, y, end = points[:, 0], path.values, f"{points[-1, 0]:.9g}"
    else:
        x, y, end = *points.T, "({:.3g}, {:.3g})".format(*points[-1])
    text = f"{label}: ends at {end}"
    inside = ((low <= points) & (points <= high)).all(axis=1)
    shown = len(points) if inside.all() else int(inside.argmin())
    if shown < len(points):
        text += f", leaves the picture after step {shown - 1}"
    if path.diverged:
        text += ", diverged"
    line = slice(shown + 1)  # one point more, so that it leads out of the picture
    size = 4 if shown <= 60 else 2
    ax.plot(x[line], y[line], "o-", color=colour, markersize=size, linewidth=1, label=wrapped(text))
    ax.plot(x[:1], y[:1], "o", color=colour, markerfacecolor="white", markersize=9)
    if shown == len(points):
        ax.plot(x[-1:], y[-1:], "*", color=colour, markeredgecolor="white", markersize=15)


def _draw_tangent(ax: Axes, label: str, path: Descent, ends: Array, colour: Any) -> None:
    start, gradient = path.points.flat[0], path.gradients.flat[0]
    heights = path.values[0] + gradient * (ends - start)
    text = wrapped(f"{label}: slope {gradient:.3g} at the start")
    ax.plot(ends, heights, "--", color=colour, linewidth=1, label=text)
