"""Parameters: declared by layers, drawn once, and then named views into one flat vector.

A layer's `weight` is a window onto a stretch of one long vector. So an optimizer, a gradient
check or a saved model deals with two 1-D arrays and needs to know nothing of layers.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from .checks import Array, real_array
from .errors import ShapeError

#: Takes a shape and a random generator, returns the starting values.
Initializer: TypeAlias = Callable[[tuple[int, ...], "np.random.Generator"], Any]


class Declared(NamedTuple):
    """A parameter as a layer declares it: its shape, and what draws its first values."""

    shape: tuple[int, ...]
    initializer: Initializer

    def draw(self, name: str, rng: np.random.Generator, dtype: DTypeLike = np.float64) -> Array:
        """Return first values, checked: numbers of the declared shape, finite in this dtype."""
        values = real_array(f"the initial {name}", self.initializer(self.shape, rng), dtype)
        if values.shape != self.shape:
            raise ShapeError(
                f"the initializer of {name} must return shape {self.shape}; got {values.shape}."
            )
        return values.copy()


class Stateful:
    """Something with arrays that training changes: a network binds them to views of its record."""

    #: The attributes that are such arrays. They are saved with the network.
    state_names: tuple[str, ...] = ()
    #: Whether they are views into the record of a network.
    in_network = False

    def bind(self, views: Mapping[str, Array]) -> None:
        """Take these views for its arrays from now on."""
        vars(self).update(views, in_network=True)

    def __setattr__(self, name: str, value: object) -> None:
        if self.in_network and name in self.state_names:
            # x += y ends by setting x to itself; another array would not be part of the record
            if value is not vars(self)[name]:
                vars(self)[name][...] = value
        else:
            super().__setattr__(name, value)

    def __copy__(self) -> Stateful:
        return copy.deepcopy(self)  # two with one set of arrays would train each other

    def __getstate__(self) -> dict[str, Any]:
        """Leave the binding out: a copy stands alone until a network binds it."""
        return {name: value for name, value in vars(self).items() if name != "in_network"}


def shapes_of(parts: Mapping[str, Any]) -> list[dict[str, tuple[int, ...]]]:
    """Return the shapes of all parameters by their places, and of what layers keep besides."""
    parameters = {
        f"{place}.{name}": declared.shape
        for place, part in parts.items()
        for name, declared in part.declared.items()
    }
    states = {
        f"{place}.{name}": np.shape(getattr(part, name))
        for place, part in parts.items()
        for name in part.state_names
    }
    return [parameters, states]


def carve(vector: Array, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Array]:
    """Return a view of each shape, one after the other along the vector's last axis."""
    views, start = {}, 0
    for name, shape in shapes.items():
        stop = start + math.prod(shape)
        views[name] = vector[..., start:stop].reshape((*vector.shape[:-1], *shape))
        start = stop
    return views
