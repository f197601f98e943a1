"""Learning rates that change: each schedule is called with the step and returns the rate.

Steps count updates, from 0. Any function `step -> rate` serves as a schedule
too; these are the usual ones, given as `learning_rate` to an optimizer.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from .checks import number, whole_number
from .configurable import Configurable

__all__ = [
    "ConstantSchedule",
    "CosineSchedule",
    "ExponentialSchedule",
    "Schedule",
    "StepSchedule",
    "WarmUpSchedule",
]


class Schedule(Configurable):
    """Base of the schedules: subclass it and define `__call__(step) -> rate`."""

    def __call__(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(step).")


class ConstantSchedule(Schedule):
    """The same rate at every step: rate(step) = learning_rate.

    Parameters
    ----------
    learning_rate : float
        The rate.

    Raises
    ------
    ParameterError
        If the rate is negative or not finite.

    Examples
    --------
    >>> ConstantSchedule(0.1)(1000)
    0.1
    """

    def __init__(self, learning_rate: float) -> None:
        self.learning_rate = number("learning_rate", learning_rate, minimum=0)

    def __call__(self, step: int) -> float:
        return self.learning_rate


class StepSchedule(Schedule):
    """Drop the rate at regular intervals: rate(step) = learning_rate · factor^⌊step / every⌋.

    Parameters
    ----------
    learning_rate : float
        The rate of step 0.
    every : int
        Steps between two drops.
    factor : float
        What the rate is multiplied by at each drop.

    Raises
    ------
    ParameterError
        If a rate or factor is negative, or `every` is below 1.

    Examples
    --------
    >>> schedule = StepSchedule(0.8, every=10, factor=0.5)
    >>> [schedule(step) for step in (0, 9, 10, 20)]
    [0.8, 0.8, 0.4, 0.2]
    """

    def __init__(self, learning_rate: float, every: int, factor: float = 0.1) -> None:
        self.learning_rate = number("learning_rate", learning_rate, minimum=0)
        self.every = whole_number("every", every, 1)
        self.factor = number("factor", factor, minimum=0)

    def __call__(self, step: int) -> float:
        return self.learning_rate * self.factor ** (step // self.every)


class ExponentialSchedule(Schedule):
    """Shrink the rate smoothly: rate(step) = learning_rate · factor^(step / every).

    Parameters
    ----------
    learning_rate : float
        The rate of step 0.
    factor : float
        What the rate has been multiplied by after `every` steps.
    every : int
        The number of steps that `factor` is spread over.

    Raises
    ------
    ParameterError
        If a rate or factor is negative, or `every` is below 1.

    Examples
    --------
    >>> schedule = ExponentialSchedule(0.8, factor=0.25, every=2)
    >>> [schedule(step) for step in (0, 1, 2)]
    [0.8, 0.4, 0.2]
    """

    def __init__(self, learning_rate: float, factor: float, every: int = 1) -> None:
        self.learning_rate = number("learning_rate", learning_rate, minimum=0)
        self.factor = number("factor", factor, minimum=0)
        self.every = whole_number("every", every, 1)

    def __call__(self, step: int) -> float:
        return self.learning_rate * self.factor ** (step / self.every)


class CosineSchedule(Schedule):
    """Half a cosine wave from the first rate down to the last, which then stays.

    rate(step) = final + (learning_rate - final) · (1 + cos(π · min(step / steps, 1))) / 2

    Parameters
    ----------
    learning_rate : float
        The rate of step 0.
    steps : int
        The step at which the final rate is reached.
    final : float
        The last rate.

    Raises
    ------
    ParameterError
        If a rate is negative, or `steps` is below 1.

    Examples
    --------
    >>> schedule = CosineSchedule(0.8, steps=100)
    >>> [round(schedule(step), 3) for step in (0, 50, 100, 200)]
    [0.8, 0.4, 0.0, 0.0]

    References
    ----------
    Loshchilov, Hutter: SGDR: stochastic gradient descent with warm restarts, 2017.
    """

    def __init__(self, learning_rate: float, steps: int, final: float = 0.0) -> None:
        self.learning_rate = number("learning_rate", learning_rate, minimum=0)
        self.steps = whole_number("steps", steps, 1)
        self.final = number("final", final, minimum=0)

    def __call__(self, step: int) -> float:
        wave = (1 + math.cos(math.pi * min(step / self.steps, 1))) / 2
        return self.final + (self.learning_rate - self.final) * wave


class WarmUpSchedule(Schedule):
    """Rise in a straight line at first, then follow another rate or schedule.

    rate(step) = then(0) · (step + 1) / steps for step < steps, then(step - steps) after that

    Parameters
    ----------
    steps : int
        How many steps the rise takes.
    then : float or callable
        The rate that follows, or a schedule that starts anew after the rise.

    Raises
    ------
    ParameterError
        If a rate is negative, or `steps` is below 1.

    Examples
    --------
    >>> schedule = WarmUpSchedule(4, then=0.8)
    >>> [round(schedule(step), 3) for step in (0, 1, 3, 4, 100)]
    [0.2, 0.4, 0.8, 0.8, 0.8]

    References
    ----------
    Goyal and others: Accurate, large minibatch SGD, 2017.
    """

    def __init__(self, steps: int, then: float | Callable[[int], float]) -> None:
        self.steps = whole_number("steps", steps, 1)
        self.then = then if callable(then) else ConstantSchedule(then)

    def __call__(self, step: int) -> float:
        if step < self.steps:
            return self.then(0) * (step + 1) / self.steps
        return self.then(step - self.steps)
