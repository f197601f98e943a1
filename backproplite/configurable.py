"""Objects that are known by their settings: layers, losses, optimizers, schedules.

The settings are the constructor's arguments, kept under their own names as
attributes. From that one convention follow the readable `repr`, the plain data that
describes an object, and the check of a setting that changes: the constructor must take it.
A name that is none of theirs is answered with the one that was meant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, wraps
from inspect import Parameter, Signature, get_annotations, signature
from types import ModuleType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

Base = TypeVar("Base")
Given = ParamSpec("Given")
Result = TypeVar("Result")
NOTHING = Signature([Parameter("self", Parameter.POSITIONAL_ONLY)])
STARRED = Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD


class Answering:
    """Something that says what there is in the place of a name that it does not know.

    Classes of the package do; those that a user derives from them may keep what they like.
    """

    if not TYPE_CHECKING:  # which reads the constructors, and knows of each attribute

        def __new__(cls, /, *given: Any, **named: Any) -> Any:
            if given or named:
                plain = cls.__init__ is object.__init__
                taken = NOTHING if plain else signature_of(cls.__init__)
                refuse_unknown(cls.__name__, taken, (None, *given), named)
            return super().__new__(cls)

        __new__.__signature__ = NOTHING

        def __setattr__(self, name: str, value: object) -> None:
            cls = type(self)
            known = name in vars(self) or name[0] == "_" or hasattr(cls, name)
            if not known and is_ours(cls) and name not in attributes_of(cls):
                from .answers.names import no_attribute

                raise no_attribute(cls.__name__, name, [*arguments_of(cls)], attributes_of(cls))
            super().__setattr__(name, value)


class Configurable(Answering):
    """Something that can be built again from its constructor's arguments."""

    if not TYPE_CHECKING:

        def __setattr__(self, name: str, value: object) -> None:
            """Take a changed setting as the constructor of the nearest class of ours takes it."""
            kept = vars(self)
            if name in kept and name in (arguments := settings_of_ours(type(self))):
                given = {each: kept[each] for each in arguments if each in kept} | {name: value}
                if given.keys() == arguments.keys():
                    cls = next(filter(is_ours, type(self).__mro__))
                    twin = cls(**given)
                    self.refuse_other(name, twin)
                    value = vars(twin)[name]
            super().__setattr__(name, value)

    def refuse_other(self, name: str, twin: Any) -> None:
        """Refuse a setting that only a new object can have; the twin has it."""

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
        own = [*signature_of(vars(base)["__init__"]).parameters.values()][1:]
        starred = {str(each): each for each in own if each.kind in STARRED}
        for argument in own:
            if argument.kind not in STARRED:
                arguments.setdefault(argument.name, argument)
        if len(starred) != 1 or own[-1].kind is not Parameter.VAR_KEYWORD:
            break
    return arguments | starred


@cache
def attributes_of(cls: type) -> list[str]:
    """Return the attributes that a class of ours keeps: settings, and what bodies declare."""
    found: list[str] = []
    for base in cls.__mro__[:-1]:
        found += [*arguments_of(base), *get_annotations(base), *vars(base).get("state_names", ())]
    return [name for name in found if name[0] != "_"]


@cache
def settings_of_ours(cls: type) -> dict[str, Parameter]:
    """Return the constructor's arguments of the nearest class of ours: found out once."""
    return arguments_of(next(filter(is_ours, cls.__mro__)))


def is_ours(thing: Any) -> bool:
    """Whether a class or function is one of the package, not of its user."""
    return str(thing.__module__).startswith(f"{__package__}.")


def refuse_unknown(
    what: str, taken: Signature, given: Sequence[Any], named: Mapping[str, Any]
) -> None:
    """Raise an error that says which arguments there are, if there are not those given."""
    try:
        taken.bind_partial(*given, **named)
    except TypeError:
        from .answers.names import no_argument

        _, *names = taken.parameters  # all but self
        raise no_argument(what, names, given[1:], named) from None


def answering(function: Callable[Given, Result]) -> Callable[Given, Result]:
    """Let a method say what there is in the place of an argument that it does not know."""

    @wraps(function)
    def answered(*given: Given.args, **named: Given.kwargs) -> Result:
        try:
            return function(*given, **named)
        except TypeError:
            refuse_unknown(function.__name__, signature_of(function), given, named)
            raise

    return answered


@cache
def signature_of(function: Callable[..., object]) -> Signature:
    """Return the signature of a function: found out once, as that takes long."""
    return signature(function)


def offered(module: ModuleType, base: type[Base]) -> list[type[Base]]:
    """Return the classes below a base that a module offers."""
    classes = (getattr(module, name) for name in module.__all__)
    return [cls for cls in classes if issubclass(cls, base) and cls is not base]
