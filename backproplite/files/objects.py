"""Objects as plain data, for model files, and objects from plain data again.

An object is described by the name of its class and by its settings, which are plain data, arrays,
or such objects in their turn. No code is in a description, and none comes from it: names are
looked up in a fixed table of our classes, and among the classes and functions that a user gives.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import FunctionType
from typing import Any

import numpy as np

from .. import activations, counts, initializers, layers, losses, optimizers, scaling, schedules
from ..checks import Array
from ..configurable import Configurable, arguments_of, offered
from ..errors import ModelFileError, ParameterError
from ..layers import Layer
from .archive import numbers

#: All that a description may name without further ado.
CLASSES: dict[str, type[Configurable]] = {
    cls.__name__: cls
    for module, base in (
        (layers, Layer),
        (activations, activations.Activation),
        (losses, losses.Loss),
        (optimizers, optimizers.Optimizer),
        (schedules, schedules.Schedule),
        (initializers, Configurable),
        (scaling, Configurable),
        (counts, losses.Loss),
    )
    for cls in offered(module, base)
}
MAXIMUM_DEPTH, MAXIMUM_INTEGER = 60, 2**128 - 1


class Writer:
    """Describes values, and puts aside what plain data cannot hold.

    Parameters
    ----------
    known : iterable of Layer
        The layers whose numbers are saved with the network. Others must have none.

    Attributes
    ----------
    arrays : dict of arrays
        By the place where each was found.
    custom : dict
        The classes and functions that are not ours, by name.
    """

    def __init__(self, known: Iterable[Layer] = ()) -> None:
        self.known = {id(layer) for layer in known}
        self.arrays: dict[str, Array] = {}
        self.custom: dict[str, Any] = {}

    def describe(self, where: str, value: Any) -> Any:
        """Return plain data for a value; what JSON has no word for gets a tag."""
        cls = type(value)
        if value is None or cls in (bool, int, str) or (cls is float and math.isfinite(value)):
            return value
        if cls is list:
            return [self.describe(f"{where}[{i}]", item) for i, item in enumerate(value)]
        tag: str
        content: Any
        if cls is float:
            tag, content = "float", repr(value)
        elif cls is tuple:
            tag, content = "tuple", self.describe(where, list(value))
        elif cls is dict and all(type(key) is str and key.isidentifier() for key in value):
            tag, content = "dict", self.settings(where, value)
        elif cls is np.ndarray or isinstance(value, np.generic):
            tag, content = "array" if cls is np.ndarray else "number", where
            self.arrays[where] = numbers(where, np.array(value))
        elif isinstance(value, (FunctionType, type)):
            tag, content = "name", self.name(where, value)
        elif isinstance(value, Configurable):
            tag, content = "object", self.object(where, value)
        else:
            raise ParameterError(
                f"{where} cannot be saved: {value!r} is neither plain data (numbers, text, lists, "
                "tuples, dicts, arrays) nor a function or an object with settings, like a Schedule."
            )
        return {tag: content}

    def settings(self, where: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return plain data for values that have names."""
        return {key: self.describe(f"{where}.{key}", value) for key, value in values.items()}

    def object(self, where: str, thing: Configurable) -> list[Any]:
        """Return the name of an object's class, and its settings."""
        name, settings = self.name(where, type(thing)), thing.settings()
        for argument in arguments_of(type(thing)):
            if argument not in settings:
                raise ParameterError(
                    f"{where} cannot be saved: {name} does not keep its argument {argument}, so it "
                    "could not be built again. Make it an attribute of the same name in __init__."
                )
        has_numbers = isinstance(thing, Layer) and (thing.declared or thing.state_names)
        if has_numbers and id(thing) not in self.known:
            raise ParameterError(
                f"{where} cannot be saved: {thing!r} has numbers of its own, which the network "
                "does not know of. Let a layer hold it."
            )
        return [name, self.settings(f"{where}.settings", settings)]

    def name(self, where: str, thing: Any) -> str:
        """Return the name of a class or function, and remember it if it is not ours."""
        name: str = thing.__name__
        if not name.isidentifier():
            raise ParameterError(
                f"{where} cannot be saved: a lambda has no name to find it by. Define it with def, "
                "or as a class with settings, and give it to load as custom={'its_name': ...}."
            )
        known = CLASSES[name] if name in CLASSES else self.custom.setdefault(name, thing)
        if known is not thing:
            raise ParameterError(f"{where} cannot be saved: {name!r} has two meanings. Rename one.")
        return name


class Reader:
    """Builds values from their descriptions, taking arrays and custom names from where they are.

    Parameters
    ----------
    arrays : dict of arrays
        By place. Each can be taken once.
    custom : mapping
        The classes and functions that are not ours, by name.
    dtype : numpy.dtype, optional
        That of the network. The layers may then have only what the arrays have numbers for: a
        description must not take more room than comes with it.
    """

    def __init__(
        self, arrays: dict[str, Array], custom: Mapping[str, Any], dtype: Any = None
    ) -> None:
        self.arrays = arrays
        self.custom = custom
        self.dtype = dtype
        self.left = Counter(
            (where.rpartition(".")[2], array.shape)
            for where, array in arrays.items()
            if array.dtype == dtype
        )

    def build(self, data: Any, depth: int = 0) -> Any:
        """Return the value that plain data describes."""
        if depth > MAXIMUM_DEPTH or (type(data) is int and abs(data) > MAXIMUM_INTEGER):
            raise ModelFileError("a setting is nested too deeply, or too large a number.")
        if isinstance(data, list):
            return [self.build(item, depth + 1) for item in data]
        if not isinstance(data, dict):
            return data
        value: Any
        match list(data.items()):
            case [("float", "inf" | "-inf" | "nan" as text)]:
                value = float(text)
            case [("tuple", list(items))]:
                value = tuple(self.build(items, depth))
            case [("dict", dict(items))]:
                value = self.settings(items, depth)
            case [("array", str(where))]:
                value = self.take(where).copy()
            case [("number", str(where))]:
                value = self.take(where, ())[()]
            case [("name", str(name))]:
                value = self.named(name)
            case [("object", [str(name), dict(settings)])]:
                value = self.object(name, self.settings(settings, depth + 1))
            case _:
                raise ModelFileError("a setting is described in a way that means nothing.")
        return value

    def settings(self, data: Mapping[str, Any], depth: int) -> dict[str, Any]:
        """Return the values that plain data describes by name."""
        return {key: self.build(value, depth + 1) for key, value in data.items()}

    def object(self, name: str, settings: dict[str, Any]) -> Any:
        """Return an object with these settings; a layer is stopped before it takes too much room.

        Whatever a layer of ours takes room for, it declares before.
        """
        cls = self.named(name)
        if not isinstance(cls, type) or not issubclass(cls, Configurable):
            raise ModelFileError(f"{name!r} is not a class of objects with settings.")
        if not issubclass(cls, Layer) or self.dtype is None:
            return cls(**settings)

        def after_a_look(
            declare: Callable[..., None], name: str, shape: Any, *rest: Any, **named: Any
        ) -> None:
            axes = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
            self.left[name, axes] -= 1
            if self.left[name, axes] < 0:
                raise ModelFileError(
                    f"an array is missing: the {name} of a {cls.__name__}, with shape {axes} and "
                    f"dtype {self.dtype}."
                )
            declare(layer, name, shape, *rest, **named)

        layer = cls.__new__(cls, **settings)
        hooks = {
            each.__name__: partial(after_a_look, each)
            for each in (cls.add_parameter, cls.add_state)
        }
        vars(layer).update(hooks)
        cls.__init__(layer, **settings)
        for hook in hooks:
            del vars(layer)[hook]
        return layer

    def named(self, name: str) -> Any:
        """Return the class or function of a name."""
        if name in CLASSES:
            return CLASSES[name]
        self.check_names([name])
        return self.custom[name]

    def check_names(self, names: list[Any]) -> None:
        """See that the user has given all classes and functions that are asked for."""
        missing = [name for name in names if name not in self.custom]
        if not all(isinstance(name, str) and name.isidentifier() for name in missing):
            raise ModelFileError(f"the file names what can be no class: {missing[:3]}.")
        if missing:
            given = ", ".join(f"{name!r}: {name}" for name in missing[:10])
            raise ModelFileError(
                f"the file uses what is not of backproplite: pass custom={{{given}}}, with the "
                "classes or functions of these names, if you know them."
            )

    def take(self, where: str, shape: tuple[int, ...] | None = None, dtype: Any = None) -> Array:
        """Return an array, which nothing else may take after that."""
        if where not in self.arrays:
            raise ModelFileError(f"the array {where!r} is missing.")
        array = self.arrays.pop(where)
        wanted = array.shape if shape is None else shape, np.dtype(dtype or array.dtype)
        if (array.shape, array.dtype) != wanted:
            raise ModelFileError(
                f"{where} must have shape {wanted[0]} and dtype {wanted[1]}; got {array.shape}, "
                f"{array.dtype}."
            )
        return array
