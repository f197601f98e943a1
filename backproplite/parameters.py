"""One flat vector of parameters, one of gradients, and the named views into them.

A layer's `weight` is a window onto a stretch of one long vector. So an
optimizer, a gradient check or a saved model deals with two 1-D arrays and
needs to know nothing of layers. This is the only module that cuts the windows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from .checks import Array, real_array
from .errors import ParameterError, ShapeError

#: Takes a shape and a random generator, returns the starting values.
Initializer: TypeAlias = "Callable[[tuple[int, ...], np.random.Generator], Any]"


class ParameterBlock:
    """The named parameters of one layer: a vector of values, one of gradients, views into both."""

    def __init__(self) -> None:
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.initializers: dict[str, Initializer] = {}
        self.values: Array = np.zeros(0)
        self.gradients: Array = np.zeros(0)
        self.in_network = False

    def add(self, name: str, shape: tuple[int, ...], initializer: Initializer) -> None:
        """Append a parameter, drawn from a generator of fixed seed until a network draws it."""
        if name in self.shapes:
            raise ParameterError(f"the layer has a parameter called {name!r} already.")
        if not callable(initializer) or isinstance(initializer, type):
            raise ParameterError(
                f"the initializer of {name} must be a function of shape and generator, such as "
                f"He(); got {initializer!r}. Activations are layers of their own."
            )
        draw(name, shape, initializer, np.random.default_rng(0))  # refuse before anything changes
        self.shapes[name], self.initializers[name] = shape, initializer
        fresh = self.fresh_values(np.random.default_rng(0))
        self.values = np.concatenate([self.values, fresh[self.values.size :]])
        self.gradients = np.zeros_like(self.values)

    def fresh_values(self, rng: np.random.Generator) -> Array:
        """Draw starting values for all parameters, as one vector."""
        drawn = [
            draw(name, self.shapes[name], self.initializers[name], rng) for name in self.shapes
        ]
        return np.concatenate([np.zeros(0), *(array.ravel() for array in drawn)])

    def is_untouched(self) -> bool:
        """Tell whether the values are still those that `add` drew."""
        return np.array_equal(self.values, self.fresh_values(np.random.default_rng(0)))

    def move(self, values: Array, gradients: Array) -> None:
        """Live in these two vectors from now on, with the same numbers."""
        values[...], gradients[...] = self.values, self.gradients
        self.values, self.gradients = values, gradients

    def views(self) -> dict[str, Array]:
        """Cut `name` from the values and `grad_name` from the gradients, for each parameter."""
        return carve(self.values, self.shapes) | {
            f"grad_{name}": view for name, view in carve(self.gradients, self.shapes).items()
        }


def draw(
    name: str, shape: tuple[int, ...], initializer: Initializer, rng: np.random.Generator
) -> Array:
    """Return an initializer's values, checked: finite numbers of the asked shape."""
    values = real_array(f"the initial {name}", initializer(shape, rng))
    if values.shape != shape:
        raise ShapeError(
            f"the initializer of {name} must return shape {shape}; got {values.shape}."
        )
    return values


def carve(vector: Array, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Array]:
    """Return a view of each shape, one after the other along the vector."""
    views, start = {}, 0
    for name, shape in shapes.items():
        stop = start + math.prod(shape)
        views[name] = vector[start:stop].reshape(shape)
        start = stop
    return views


def gather(blocks: Iterable[ParameterBlock], dtype: DTypeLike) -> tuple[Array, Array]:
    """Move blocks side by side into one new pair of vectors, and return the pair."""
    blocks = list(blocks)
    sizes = {str(i): (block.values.size,) for i, block in enumerate(blocks)}
    total = sum(block.values.size for block in blocks)
    values, gradients = np.zeros(total, dtype), np.zeros(total, dtype)
    pairs = zip(carve(values, sizes).values(), carve(gradients, sizes).values(), strict=True)
    for block, (value, gradient) in zip(blocks, pairs, strict=True):
        block.move(value, gradient)
        block.in_network = True
    return values, gradients


def decaying_stretches(blocks: Iterable[ParameterBlock]) -> list[slice]:
    """Return where weight decay applies: the matrices, not the biases and scales."""
    stretches, start = [], 0
    for block in blocks:
        for shape in block.shapes.values():
            stop = start + math.prod(shape)
            if len(shape) > 1:
                stretches.append(slice(start, stop))
            start = stop
    return stretches
