"""Optimizers: how a gradient becomes a change of the parameters.

An optimizer sees two flat vectors, the parameters and their gradients, and
changes the parameters in place; it knows nothing of layers. One scratch vector
is allocated once and used again at every step. `written` says
what happens in equations.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeAlias

import numpy as np

from .checks import Array, answers, number, switch
from .configurable import Configurable
from .errors import DivergenceError, ParameterError
from .functions import norm
from .parameters import Stateful
from .record import Record

__all__ = ["Adam", "AdamW", "GradientDescent", "Momentum", "Optimizer", "RMSProp"]

#: A learning rate, or a schedule of rates by the step.
Rate: TypeAlias = float | Callable[[int], float]


class Optimizer(Stateful, Configurable):
    """Base of the optimizers: subclass it and define `update(parameters, gradients, rate)`.

    Name the arrays that it keeps between steps in `state_names`; each is there
    as an attribute, zeros at first, of the shape of the parameters. `scratch` is
    an array of that shape too, free for any use within one update.

    Parameters
    ----------
    learning_rate : float or callable
        The rate, or a schedule: any function from the step, counted from 0, to a rate.
    clip_norm : float, optional
        Scale the gradient down to this Euclidean length where it is longer.
        (PyTorch's `clip_grad_norm_` divides by the length plus 1e-6; here it is
        by the length itself.)
    clip_value : float, optional
        Move every entry of the gradient into [-clip_value, clip_value], before `clip_norm`.
    weight_decay : float
        Add weight_decay · parameter to the gradient, after clipping. In a
        network this touches weight matrices only, never biases and norm scales.

    Raises
    ------
    ParameterError
        If a setting is negative or not a finite number, or a schedule returns such a rate.

    Examples
    --------
    >>> class SignDescent(Optimizer):
    ...     def update(self, parameters, gradients, rate):
    ...         parameters -= rate * np.sign(gradients)
    >>> point = np.array([3.0, -2.0])
    >>> SignDescent(learning_rate=0.5).step(point, np.array([10.0, -0.1]))
    >>> point
    array([ 2.5, -1.5])
    """

    #: The equations: one for each of `state_names`, whose new value the later ones use, then one
    #: for the `parameter`.
    written: ClassVar[Mapping[str, str]] = {}
    #: What clipping makes of the gradient; `length` is that of the whole gradient.
    written_clip: ClassVar[Mapping[str, str]] = {
        "clip_value": "min(max(gradient, -clip_value), clip_value)",
        "clip_norm": "gradient * clip_norm / length",
    }
    #: What weight decay makes of the gradient, or of the parameter.
    written_decay: ClassVar[Mapping[str, str]] = {"gradient": "gradient + weight_decay * parameter"}
    scratch: Array
    _count: Array
    _rate: Array

    def __init__(
        self,
        learning_rate: Rate = 0.01,
        *,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        weight_decay: float = 0.0,
    ) -> None:
        if not callable(learning_rate):
            learning_rate = number("learning_rate", learning_rate, minimum=0)
        self.learning_rate = learning_rate
        self.clip_norm = None if clip_norm is None else number("clip_norm", clip_norm, above=0)
        self.clip_value = None if clip_value is None else number("clip_value", clip_value, above=0)
        self.weight_decay = number("weight_decay", weight_decay, minimum=0)
        self.reset(np.zeros(0))

    @property
    def step_count(self) -> int:
        """How many steps it has made."""
        return self._count.item(0)

    @property
    def rate(self) -> float:
        """The learning rate of the newest step."""
        return self._rate.tolist()

    @property
    def decays(self) -> bool:
        """Whether there is weight decay."""
        return self.weight_decay > 0

    def update(self, parameters: Array, gradients: Array, rate: float) -> None:
        """Change the parameters in place."""
        raise NotImplementedError(
            f"{type(self).__name__} must define update(parameters, gradients, rate)."
        )

    def step(self, parameters: Array, gradients: Array, decaying: Array | float = 1.0) -> None:
        """Make one update of the parameters, in place.

        Parameters
        ----------
        parameters, gradients : array of shape (n,)
            Clipping and weight decay change the gradients in place too, to what
            is then applied; without them they are only read. Axes in front are
            vectors side by side.
        decaying : array of shape (n,)
            How much weight decay acts on each parameter: 1, or 0 for not at all.

        Raises
        ------
        ShapeError
            If the two differ in shape, or are not of the shape and dtype of the
            steps before.
        InputError
            If the parameters are not floats.
        ParameterError
            If the schedule returns a rate that is negative or not finite.
        """
        self._prepare(parameters, gradients)
        rate = self.current_rate()
        self._rate[()] = rate
        self.clip(gradients)
        if self.decays:
            self.decay(parameters, gradients, rate, decaying)
        returned: Any = self.update(parameters, gradients, rate)  # type: ignore[func-returns-value]
        if returned is not None:
            raise ParameterError(
                f"update of {type(self).__name__} must change the parameters in place, such as "
                "by parameters -= ..., and return nothing."
            )
        self._count[()] += 1

    def current_rate(self) -> float:
        """Return the learning rate of the coming step."""
        rate, name = self.learning_rate, "learning_rate"
        if callable(rate):
            name = "the rate from the schedule"
            try:
                rate = rate(self.step_count)
            except OverflowError:  # which Python's own floats raise in the place of infinity
                rate = math.inf
        if type(rate) is float and 0 <= rate < math.inf:
            return rate
        return number(name, rate, minimum=0)

    def reset(self, parameters: Array) -> None:
        """Start again at step 0; outside of a network, make room for parameters like these."""
        if self.in_network:  # whose record is the room
            self.clear()
            self._count[()] = self._rate[()] = 0
            return
        self._count, self._rate = np.zeros((), np.int64), np.zeros(())
        self.scratch = np.zeros_like(parameters)
        for name in self.state_names:
            setattr(self, name, np.zeros_like(parameters))

    def views_in(self, record: Record) -> dict[str, Array]:
        """Return views of a record for all that lasts between steps, and new scratch."""
        views = {name: record.views[f"optimizer.{name}"] for name in self.state_names}
        count, rate = record.views["optimizer_steps"], record.views["optimizer_rate"]
        scratch = np.zeros_like(record.views["parameters"])
        return views | {"_count": count, "_rate": rate, "scratch": scratch}

    def clear(self) -> None:
        """Zero the arrays in `state_names`; the step count stays."""
        for name in self.state_names:
            getattr(self, name)[...] = 0

    def _prepare(self, parameters: Array, gradients: Array) -> None:
        """Check the vectors, and make room for them before the first step."""
        fits = parameters.shape == self.scratch.shape and parameters.dtype == self.scratch.dtype
        if fits and parameters.shape == gradients.shape and gradients.dtype.kind == "f":
            return
        floats = parameters.dtype.kind == gradients.dtype.kind == "f"
        vectors = parameters.ndim > 0 and parameters.shape == gradients.shape
        if self.step_count or self.in_network or not (floats and vectors):
            raise answers().no_vectors(type(self).__name__, parameters, gradients, self.scratch)
        self.reset(parameters)

    def clip(self, gradients: Array) -> None:
        """Clip the gradients by value, then by length, in place."""
        if self.clip_value is not None:
            np.clip(gradients, -self.clip_value, self.clip_value, out=gradients)
        if self.clip_norm is not None:
            # 1 where the gradient is short enough: x / x, whatever x is. A length beyond all floats
            # counts as the largest, or nothing would be left.
            length = np.asarray(norm(gradients))[..., np.newaxis]
            factor = self.clip_norm / np.clip(length, self.clip_norm, sys.float_info.max)
            gradients *= factor.astype(gradients.dtype)

    def decay(
        self, parameters: Array, gradients: Array, rate: float, decaying: Array | float
    ) -> None:
        """Add the pull towards zero to the gradients, in place."""
        np.multiply(parameters, self.weight_decay, out=self.scratch)
        self.scratch *= decaying
        gradients += self.scratch


class GradientDescent(Optimizer):
    """Plain gradient descent: parameter -= learning_rate · gradient.

    Parameters
    ----------
    learning_rate, clip_norm, clip_value, weight_decay
        As for every `Optimizer`.

    Raises
    ------
    ParameterError
        If a setting is out of its range.

    Examples
    --------
    >>> point = np.array([3.0])
    >>> GradientDescent(learning_rate=0.1).step(point, np.array([10.0]))
    >>> point
    array([2.])

    References
    ----------
    Cauchy: Méthode générale pour la résolution des systèmes d'équations simultanées, 1847.
    """

    written = {"parameter": "parameter - learning_rate * gradient"}

    def update(self, parameters: Array, gradients: Array, rate: float) -> None:
        parameters -= np.multiply(gradients, rate, out=self.scratch)


class Momentum(Optimizer):
    """Gradient descent with a velocity that remembers earlier gradients.

    velocity = momentum · velocity + learning_rate · gradient; parameter -= velocity

    With `nesterov` the parameter moves by what the velocity will be one step on:
    parameter -= momentum · velocity + learning_rate · gradient.

    PyTorch leaves the rate out of the velocity; the two agree as long as the
    rate does not change.

    Parameters
    ----------
    momentum : float
        How much of the velocity stays at each step, from 0 to below 1.
    nesterov : bool
        Look one step ahead.
    learning_rate, clip_norm, clip_value, weight_decay
        As for every `Optimizer`.

    Raises
    ------
    ParameterError
        If a setting is out of its range.

    Examples
    --------
    >>> point, optimizer = np.array([3.0]), Momentum(learning_rate=0.1, momentum=0.5)
    >>> for _ in range(2):
    ...     optimizer.step(point, np.array([10.0]))
    >>> point
    array([0.5])

    References
    ----------
    Polyak: Some methods of speeding up the convergence of iteration methods, 1964.
    Sutskever, Martens, Dahl, Hinton: On the importance of initialization and
    momentum in deep learning, 2013.
    """

    state_names = ("velocity",)
    velocity: Array
    written = {
        "velocity": "momentum * velocity + learning_rate * gradient",
        "parameter": "parameter - (momentum * velocity + learning_rate * gradient)"
        " if nesterov else parameter - velocity",
    }

    def __init__(
        self,
        learning_rate: Rate = 0.01,
        momentum: float = 0.9,
        nesterov: bool = False,
        *,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(
            learning_rate, clip_norm=clip_norm, clip_value=clip_value, weight_decay=weight_decay
        )
        self.momentum = number("momentum", momentum, minimum=0, below=1)
        self.nesterov = switch("nesterov", nesterov)

    def update(self, parameters: Array, gradients: Array, rate: float) -> None:
        velocity, scratch = self.velocity, self.scratch
        np.multiply(gradients, rate, out=scratch)
        velocity *= self.momentum
        velocity += scratch
        if self.nesterov:
            parameters -= scratch
            parameters -= np.multiply(velocity, self.momentum, out=scratch)
        else:
            parameters -= velocity


class RMSProp(Optimizer):
    """Divide each gradient by the root of its running mean square.

    square = beta2 · square + (1 - beta2) · gradient²
    parameter -= learning_rate · gradient / (√square + epsilon)

    `beta2` is PyTorch's `alpha`.

    Parameters
    ----------
    beta2 : float
        How much of the mean square stays at each step, from 0 to below 1.
    epsilon : float
        Keeps the division finite where a gradient is always zero.
    learning_rate, clip_norm, clip_value, weight_decay
        As for every `Optimizer`.

    Raises
    ------
    ParameterError
        If a setting is out of its range.

    Examples
    --------
    >>> point = np.array([3.0])
    >>> RMSProp(learning_rate=0.1, beta2=0.75).step(point, np.array([10.0]))
    >>> point.round(6)
    array([2.8])

    References
    ----------
    Tieleman, Hinton: Lecture 6.5, COURSERA: Neural networks for machine learning, 2012.
    """

    state_names = ("square",)
    square: Array
    written = {
        "square": "beta2 * square + (1 - beta2) * gradient ** 2",
        "parameter": "parameter - learning_rate * gradient / (sqrt(square) + epsilon)",
    }

    def __init__(
        self,
        learning_rate: Rate = 0.01,
        beta2: float = 0.99,
        epsilon: float = 1e-8,
        *,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(
            learning_rate, clip_norm=clip_norm, clip_value=clip_value, weight_decay=weight_decay
        )
        self.beta2 = number("beta2", beta2, minimum=0, below=1)
        self.epsilon = number("epsilon", epsilon, above=0)

    def update(self, parameters: Array, gradients: Array, rate: float) -> None:
        square, scratch = self.square, self.scratch
        _average_square(square, gradients, self.beta2, rate, scratch)
        np.sqrt(square, out=scratch)
        scratch += _at_work(self.epsilon, square)
        np.divide(gradients, scratch, out=scratch)
        scratch *= rate
        parameters -= scratch


class Adam(Optimizer):
    """Momentum and RMSProp together, with the bias of their slow start corrected.

    mean = beta1 · mean + (1 - beta1) · gradient
    square = beta2 · square + (1 - beta2) · gradient²
    parameter -= learning_rate · mean / (1 - beta1ᵗ) / (√(square / (1 - beta2ᵗ)) + epsilon)

    where t counts the steps from 1.

    Parameters
    ----------
    beta1, beta2 : float
        How much of the mean and of the mean square stays at each step, from 0 to below 1.
    epsilon : float
        Keeps the division finite where a gradient is always zero.
    learning_rate, clip_norm, clip_value, weight_decay
        As for every `Optimizer`.

    Raises
    ------
    ParameterError
        If a setting is out of its range.

    Examples
    --------
    >>> point = np.array([3.0, 3.0])
    >>> Adam(learning_rate=0.1).step(point, np.array([10.0, -0.001]))
    >>> point.round(4)
    array([2.9, 3.1])

    References
    ----------
    Kingma, Ba: Adam: a method for stochastic optimization, 2015.
    """

    state_names = ("mean", "square")
    mean: Array
    square: Array
    written = {
        "mean": "beta1 * mean + (1 - beta1) * gradient",
        "square": "beta2 * square + (1 - beta2) * gradient ** 2",
        "parameter": "parameter - learning_rate * (mean / (1 - beta1 ** step))"
        " / (sqrt(square / (1 - beta2 ** step)) + epsilon)",
    }

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        *,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(
            learning_rate, clip_norm=clip_norm, clip_value=clip_value, weight_decay=weight_decay
        )
        self.beta1 = number("beta1", beta1, minimum=0, below=1)
        self.beta2 = number("beta2", beta2, minimum=0, below=1)
        self.epsilon = number("epsilon", epsilon, above=0)

    def update(self, parameters: Array, gradients: Array, rate: float) -> None:
        mean, square, scratch = self.mean, self.square, self.scratch
        step = self.step_count + 1
        _average_square(square, gradients, self.beta2, rate, scratch)
        np.multiply(gradients, 1 - self.beta1, out=scratch)
        mean *= self.beta1
        mean += scratch
        # Both corrections are taken out of the vectors, which saves a pass over them.
        correction = math.sqrt(1 - self.beta2**step)
        np.sqrt(square, out=scratch)
        scratch += _at_work(self.epsilon * correction, square)
        np.divide(mean, scratch, out=scratch)
        scratch *= rate * correction / (1 - self.beta1**step)
        parameters -= scratch


class AdamW(Adam):
    """Adam whose weight decay acts on the parameter itself, not through the gradient.

    parameter *= 1 - learning_rate · weight_decay, then Adam's update

    Parameters
    ----------
    weight_decay : float
        How fast weights shrink; in a network this touches weight matrices only,
        never biases and norm scales. (PyTorch's `AdamW` shrinks whatever is in
        the parameter group, biases included.)
    beta1, beta2, epsilon
        As for `Adam`.
    learning_rate, clip_norm, clip_value
        As for every `Optimizer`.

    Raises
    ------
    ParameterError
        If a setting is out of its range.

    Examples
    --------
    >>> point = np.array([3.0])
    >>> AdamW(learning_rate=0.1, weight_decay=0.5).step(point, np.array([0.0]))
    >>> point
    array([2.85])

    References
    ----------
    Loshchilov, Hutter: Decoupled weight decay regularization, 2019.
    """

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        *,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(
            learning_rate,
            beta1,
            beta2,
            epsilon,
            clip_norm=clip_norm,
            clip_value=clip_value,
            weight_decay=weight_decay,
        )

    written_decay: ClassVar[Mapping[str, str]] = {
        "parameter": "parameter * (1 - learning_rate * weight_decay)"
    }

    def decay(
        self, parameters: Array, gradients: Array, rate: float, decaying: Array | float
    ) -> None:
        np.multiply(decaying, -rate * self.weight_decay, out=self.scratch)
        self.scratch += 1
        parameters *= self.scratch


def _average_square(
    square: Array, gradients: Array, beta2: float, rate: float, scratch: Array
) -> None:
    """Move the running mean of the squared gradients on by one step."""
    try:
        with np.errstate(all="ignore", over="raise"):  # infinite, it would be so for ever
            np.multiply(gradients, gradients, out=scratch)
    except FloatingPointError:
        what = f"the square of a gradient is beyond all {square.dtype} numbers"
        raise DivergenceError(what, learning_rate=rate) from None
    scratch *= 1 - beta2
    square *= beta2
    square += scratch


def _at_work(epsilon: float, square: Array) -> float:
    """Return epsilon, but no less than what the root of the smallest square is."""
    return max(epsilon, 2.0**-63 if square.itemsize == 4 else 2.0**-511)
