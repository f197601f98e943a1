"""Callbacks: what `fit` calls when training begins and ends, and after steps and epochs.

Any function that takes the network is one; it is called after every epoch. It stops the
training by setting `network.stop_training = True`. One that must know more is a `Callback`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from .configurable import Configurable
from .errors import ParameterError

if TYPE_CHECKING:
    from .network import Network

__all__ = ["Callback"]


class Callback(Configurable):
    """Base of the callbacks that need to know when training begins and ends.

    Examples
    --------
    >>> class Announce(Callback):
    ...     def start(self, network):
    ...         print("here we go")
    """

    #: Whether every epoch must be scored. Without validation data the training data are, then.
    needs_score = False
    #: Whether it saves the network: what cannot be saved is refused when training begins, then.
    saves = False
    #: The attributes that are its memory: numbers, text, arrays, or lists, tuples and dicts of
    #: such. They are in every file that is saved while a fit is under way, and `start` is
    #: followed by their return when that fit goes on from the file.
    state_names: tuple[str, ...] = ()

    def settings(self) -> dict[str, object]:
        """Return the constructor's arguments by name, but for those that are its memory."""
        found = super().settings()
        return {name: found[name] for name in found if name not in self.state_names}

    @property
    def watches_steps(self) -> bool:
        """Whether it does anything after a step."""
        return type(self).after_step is not Callback.after_step

    def refuse_unfit(self, network: Network, measured: Sequence[str]) -> None:
        """Refuse a `fit` that is to begin, with these names in its history."""

    def start(self, network: Network) -> None:
        """Take note that a `fit` begins."""

    def after_step(self, network: Network) -> None:
        """Take note that a step is over."""

    def __call__(self, network: Network) -> None:
        """Take note that an epoch is over."""

    def finish(self, network: Network) -> None:
        """Take note that `fit` ends, in whatever way: also after an error or Ctrl-C."""


class _Function(Callback):
    """A plain function, called after every epoch."""

    def __init__(self, function: Callable[[Any], object]) -> None:
        self.function = function

    def __repr__(self) -> str:
        return repr(self.function)

    def __call__(self, network: Network) -> None:
        self.function(network)


def checked_callbacks(callbacks: Any) -> list[Callback]:
    """Return what `fit` is given as callbacks; a single one is as good as a list of one."""
    listing = isinstance(callbacks, Iterable) and not isinstance(callbacks, str)
    if not callable(callbacks) and not listing:
        raise ParameterError(f"callbacks must be a sequence of functions; got {callbacks!r}.")
    listed = [callbacks] if callable(callbacks) else list(callbacks)
    for i, callback in enumerate(listed):
        if isinstance(callback, type) or not callable(callback):
            raise ParameterError(
                f"callbacks[{i}] must be a function of the network, or an instance of a Callback "
                f"class; got {callback!r}."
            )
        if isinstance(names := getattr(callback, "state_names", ()), str):
            raise ParameterError(
                f"callbacks[{i}].state_names must be a tuple of names; got {names!r}. Write "
                f"({names!r},)."
            )
    return [each if isinstance(each, Callback) else _Function(each) for each in listed]
