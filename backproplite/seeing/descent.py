"""Gradient descent on any function, with the path kept: to watch an optimizer at work."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..checks import Array, real_array, whole_number
from ..errors import InputError, ParameterError, ShapeError
from ..optimizers import GradientDescent, Optimizer


@dataclass(frozen=True, eq=False)
class Descent:
    """The path that an optimizer took; `print` it for a table.

    Attributes
    ----------
    points : array of shape (steps + 1,) or (steps + 1, variables)
        Where it was, the start first. Fewer where numbers ceased to be finite.
    values : array of shape (steps + 1,)
        The function at each point; NaN where the point is not finite.
    gradients : array of the shape of points
        Its gradient at each point; NaN where the value is not finite.
    """

    points: Array
    values: Array
    gradients: Array

    @property
    def diverged(self) -> bool:
        """Whether the function ended higher than it began, or it or its gradient not finite."""
        finite = np.isfinite(self.gradients[-1]).all()
        return not (finite and self.values[-1] <= self.values[0])

    def __str__(self) -> str:
        last = len(self.values) - 1
        shown = sorted({*range(0, last, max(last // 10, 1)), last})
        columns = self.points, self.values, self.gradients
        rows = [("step", "point", "value", "gradient")] + [
            (str(i), *(_in_one_line(column[i]) for column in columns)) for i in shown
        ]
        a, b, c, d = (max(map(len, column)) for column in zip(*rows, strict=True))
        table = [f"{i:>{a}}  {j:>{b}}  {k:>{c}}  {m:>{d}}" for i, j, k, m in rows]
        return "\n".join(table + ["It diverged."] * self.diverged)


def _in_one_line(array: Array) -> str:
    """Return a point or a number as the table shows it."""
    return np.array2string(
        array,
        formatter={"float_kind": lambda number: f"{number:.8g}"},
        threshold=6,
        max_line_width=10_000,
    )


def minimize(
    function: Callable[[Any], Any],
    gradient: Callable[[Any], Any] | None,
    start: object,
    optimizer: Optimizer | None = None,
    steps: int = 100,
) -> Descent:
    """Let an optimizer walk down a function of one or many variables, and keep its path.

    with gradient descent: pointₜ₊₁ = pointₜ - learning_rate · gradient(pointₜ)

    It ends early only where numbers cease to be finite: a divergence is a result
    here, not an error, and so is an OverflowError from the function.

    Parameters
    ----------
    function : callable
        From a point, a number or an array like `start`, to a number.
    gradient : callable or None
        From a point to the derivative by each variable, in the shape of `start`;
        None takes it numerically.
    start : number, or array of shape (variables,)
        Where to begin.
    optimizer : Optimizer, optional
        What makes the steps; `GradientDescent(0.1)` unless given. A copy of it is used.
    steps : int
        How many updates to make.

    Returns
    -------
    Descent
        The points, and the values and gradients there.

    Raises
    ------
    InputError
        If the start is not made of finite numbers.
    ShapeError
        If the start has more than one axis, the function returns more than one
        number, or the gradient has another shape than the start.
    ParameterError
        If another argument is not what it should be.

    Examples
    --------
    >>> path = minimize(
    ...     lambda w: (w - 3) ** 2, lambda w: 2 * (w - 3), 0.5, GradientDescent(0.3), steps=20
    ... )
    >>> path.points[:3], path.points[-1].round(8)
    (array([0.5, 2. , 2.6]), np.float64(2.99999997))

    References
    ----------
    Cauchy: Méthode générale pour la résolution des systèmes d'équations simultanées, 1847.
    """
    point = real_array("start", start).copy()
    if point.ndim > 1 or not point.size:
        raise ShapeError(f"start must be a number or a 1-D array of some; got shape {point.shape}.")
    optimizer = GradientDescent(0.1) if optimizer is None else optimizer
    if not isinstance(optimizer, Optimizer):
        raise ParameterError(f"optimizer must be an Optimizer such as Adam(); got {optimizer!r}.")
    optimizer, steps = copy.deepcopy(optimizer), whole_number("steps", steps, 0)
    if gradient is None:
        gradient = partial(_numerical, function)
    for name, given in (("function", function), ("gradient", gradient)):
        if not callable(given):
            raise ParameterError(f"{name} must be a function of a point; got {given!r}.")

    with np.errstate(all="ignore"):
        return _walk(function, gradient, point, optimizer, steps)


def _walk(
    function: Callable[[Any], Any],
    gradient: Callable[[Any], Any],
    point: Array,
    optimizer: Optimizer,
    steps: int,
) -> Descent:
    """Make the steps, or as many as numbers stay finite for."""
    flat = point.reshape(-1)  # a view: optimizers want an axis
    optimizer.reset(flat)
    points: list[Array] = []
    values: list[Array] = []
    gradients: list[Array] = []
    while True:
        points.append(point.copy())
        values.append(evaluated("function", function, point, ()))
        slope = np.full_like(point, np.nan)
        if np.isfinite(values[-1]):
            slope = evaluated("gradient", gradient, point, point.shape)
        gradients.append(slope)
        if len(points) > steps or not np.isfinite(slope).all():
            return Descent(np.array(points), np.array(values), np.array(gradients))
        optimizer.step(flat, slope.flatten())


def evaluated(
    name: str, function: Callable[[Any], Any], point: Array, shape: tuple[int, ...]
) -> Array:
    """Return what a user's function gives at a point, as new floats of the expected shape."""
    if not np.isfinite(point).all():
        return np.full(shape, np.nan)  # not every function bears to be asked there
    try:
        returned = function(point.copy()[()])  # [()] makes a number of an array without axes
    except OverflowError:  # which Python's own floats and math raise in the place of infinity
        return np.full(shape, np.nan)
    try:
        value = np.asarray(returned)
    except ValueError:  # ragged
        value = np.array(None)
    if value.dtype.kind not in "biuf":
        raise ParameterError(f"{name} must return real numbers; got {returned!r}.")
    if value.shape != shape and not value.size == 1 == point.size:
        expected = f"an array of shape {shape}" if shape else "one number"
        raise ShapeError(f"{name} must return {expected}; got shape {value.shape}.")
    return value.reshape(shape).astype(np.float64)


def _numerical(function: Callable[[Any], Any], point: Any) -> Array:
    """Return the gradient taken numerically, NaN where that meets the end of the finite."""
    from ..checking import numerical_gradient  # only who brings no gradient needs it

    try:
        return numerical_gradient(function, point)
    except InputError:  # not finite a little further on
        return np.full_like(point, np.nan)
