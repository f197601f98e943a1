"""Objects that are known by their settings: layers, losses, optimizers, schedules.

The settings are the constructor's arguments, kept under their own names as
attributes. From that one convention follow the readable `repr` and the plain
data that describes an object.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from inspect import Parameter, signature
from types import ModuleType
from typing import TypeVar

Base = TypeVar("Base")
STARRED = Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD


class Configurable:
    """Something that can be built again from its constructor's arguments."""

    def settings(self) -> dict[str, object]:
        """Return the constructor's arguments by name, as they stand now.

        An argument that the class did not keep as an attribute is left out.
        """
        return {name: vars(self)[name] for name in arguments_of(type(self)) if name in vars(self)}

    def __repr__(self) -> str:
        """Show positional arguments by value, and the others where they differ from the default."""
        arguments = arguments_of(type(self))
        shown = []
        for name, value in self.settings().items():
            default = arguments[name].default
            if default is Parameter.empty:
                shown.append(repr(value))
            elif type(value) is not type(default) or value != default:
                shown.append(f"{name}={value!r}")
        return f"{type(self).__name__}({', '.join(shown)})"


def arguments_of(cls: type) -> dict[str, Parameter]:
    """Return a constructor's arguments by name; in the place of `**options`, those of its base.

    Others that come without a name, and so can be no setting, are called such as "*sizes".
    """
    arguments: dict[str, Parameter] = {}
    starred: dict[str, Parameter] = {}
    for base in (base for base in cls.__mro__[:-1] if "__init__" in vars(base)):
        own = taken_by(vars(base)["__init__"])[1:]
        starred = {str(each): each for each in own if each.kind in STARRED}
        for argument in own:
            if argument.kind not in STARRED:
                arguments.setdefault(argument.name, argument)
        if len(starred) != 1 or own[-1].kind is not Parameter.VAR_KEYWORD:
            break
    return arguments | starred


@cache
def taken_by(function: Callable[..., object]) -> tuple[Parameter, ...]:
    """Return the arguments of a function: found out once, as that takes long."""
    return tuple(signature(function).parameters.values())


def offered(module: ModuleType, base: type[Base]) -> list[type[Base]]:
    """Return the classes below a base that a module offers."""
    classes = (getattr(module, name) for name in module.__all__)
    return [cls for cls in classes if issubclass(cls, base) and cls is not base]
