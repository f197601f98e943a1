"""Objects that are known by their settings: layers, losses, optimizers, schedules.

The settings are the constructor's arguments, kept under their own names as
attributes. From that one convention follow the readable `repr` and the plain
data that describes an object.
"""

from __future__ import annotations

import inspect


class Configurable:
    """Something that can be built again from its constructor's arguments."""

    def settings(self) -> dict[str, object]:
        """Return the constructor's arguments by name, as they stand now.

        An argument that the class did not keep as an attribute is left out.
        """
        names = inspect.signature(type(self)).parameters
        return {name: vars(self)[name] for name in names if name in vars(self)}

    def __repr__(self) -> str:
        """Show positional arguments by value, and the others where they differ from the default."""
        signature = inspect.signature(type(self)).parameters
        shown = []
        for name, value in self.settings().items():
            default = signature[name].default
            if default is inspect.Parameter.empty:
                shown.append(repr(value))
            elif type(value) is not type(default) or value != default:
                shown.append(f"{name}={value!r}")
        return f"{type(self).__name__}({', '.join(shown)})"
