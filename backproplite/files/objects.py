"""Objects as plain data, for model files, and objects from plain data again.

An object is described by the name of its class and by its settings, which are plain data, arrays,
or such objects in their turn. No code is in a description, and none comes from it: names are
looked up in a fixed table of our classes, and among the classes and functions that a user gives.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from inspect import Parameter, signature
from types import FunctionType
from typing import Any

import numpy as np

from .. import activations, initializers, layers, losses, optimizers, schedules
from ..checks import Array
from ..configurable import Configurable, arguments_of, offered
from ..errors import ModelFileError, ParameterError
from ..layers import Layer

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
    )
    for cls in offered(module, base)
}
MAXIMUM_DEPTH, MAXIMUM_INTEGER = 20, 2**128 - 1


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
        self.known = list(known)
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
            tag = "dict"
            content = {key: self.describe(f"{where}.{key}", value[key]) for key in value}
        elif cls is np.ndarray or isinstance(value, np.generic):
            tag, content = "array" if cls is np.ndarray else "number", where
            self.arrays[where] = np.asarray(value)
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

    def object(self, where: str, thing: Configurable) -> list[Any]:
        """Return the name of an object's class, and its settings."""
        name, settings = self.name(where, type(thing)), thing.settings()
        for argument in (*arguments_of(type(thing)), *_starred(type(thing))):
            if argument not in settings:
                raise ParameterError(
                    f"{where} cannot be saved: {name} does not keep its argument {argument}, so it "
                    "could not be built again. Make it an attribute of the same name in __init__."
                )
        keeps = isinstance(thing, Layer) and (thing.declared or thing.state_names)
        if keeps and not any(thing is layer for layer in self.known):
            raise ParameterError(
                f"{where} cannot be saved: {thing!r} has numbers of its own, which the network "
                "does not know of. Declare them in the outer layer."
            )
        where = f"{where}.settings"
        return [name, {key: self.describe(f"{where}.{key}", settings[key]) for key in settings}]

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
    """Builds values from their descriptions, taking arrays and custom names from where they are."""

    def __init__(self, arrays: dict[str, Array], custom: Mapping[str, Any]) -> None:
        self.arrays = arrays
        self.custom = custom

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
                value = {key: self.build(items[key], depth + 1) for key in items}
            case [("array", str(where))]:
                value = self.take(where).copy()
            case [("number", str(where))] if self.arrays.get(where, np.zeros(1)).shape == ():
                value = self.take(where)[()]
            case [("name", str(name))]:
                value = self.named(name)
            case [("object", [str(name), dict(settings)])]:
                value = self.object(name, settings, depth + 1)
            case _:
                raise ModelFileError("a setting is described in a way that means nothing.")
        return value

    def object(self, name: str, settings: dict[str, Any], depth: int = 0) -> Any:
        """Return an object built from its settings."""
        cls = self.named(name)
        if not isinstance(cls, type) or not issubclass(cls, Configurable):
            raise ModelFileError(f"{name!r} is not a class of objects with settings.")
        return cls(**{key: self.build(settings[key], depth + 1) for key in settings})

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
        """Return an array, which nothing else may take after that; perhaps of a known shape."""
        if where not in self.arrays:
            raise ModelFileError(f"the array {where!r} is missing.")
        array = self.arrays.pop(where)
        if shape is not None and (array.shape != shape or array.dtype != dtype):
            raise ModelFileError(
                f"{where} must have shape {shape} and dtype {np.dtype(dtype)}; got {array.shape}, "
                f"{array.dtype}."
            )
        return array


def _starred(cls: type) -> list[str]:
    """Return the arguments that a constructor takes under no name."""
    star: list[str] = []
    for base in cls.__mro__[:-1]:
        if "__init__" in vars(base):
            kinds = {p.kind: str(p) for p in signature(vars(base)["__init__"]).parameters.values()}
            if Parameter.VAR_POSITIONAL in kinds:
                return [kinds[Parameter.VAR_POSITIONAL]]
            if Parameter.VAR_KEYWORD not in kinds:
                return []
            star = [kinds[Parameter.VAR_KEYWORD]]
    return star
