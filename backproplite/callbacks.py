"""Callbacks: what `fit` calls when training begins and ends, and after steps and epochs.

Any function that takes the network is one; it is called after every epoch. It stops the
training by setting `network.stop_training = True`. One that must know more is a `Callback`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from .checks import Array, checked_path, number, switch, whole_number
from .configurable import Configurable
from .errors import ParameterError

if TYPE_CHECKING:
    from .network import Network

__all__ = ["Callback", "Checkpoint", "EarlyStopping"]


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
    if not callable(callbacks) and not isinstance(callbacks, Iterable):
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


class EarlyStopping(Callback):
    """Stop when the validation loss has not improved for some epochs, and go back to the best.

    The best parameters are those of the very epoch whose score was best, or those from
    before the fit if it only made them worse. They come back however training ends: by
    patience, by the last epoch, by an error or by Ctrl-C. Without `validation_data` the
    training data are scored after each epoch, as `history["train_loss"]`.

    Parameters
    ----------
    patience : int
        Epochs without improvement after which to stop.
    restore_best : bool
        Whether to go back to the best parameters.
    min_delta : float
        What counts as an improvement, against the patience, must be larger than this, in units
        of the loss. The best is the best by however little.

    Attributes
    ----------
    best_loss : float
        The best score so far, that from before the fit among them.
    best_epoch : int or None
        Its epoch, counted from 1 over the network's life; None before any fit.

    Raises
    ------
    ParameterError
        If the patience is below 1, or `min_delta` negative.

    Examples
    --------
    >>> EarlyStopping(patience=5)
    EarlyStopping(5)

    References
    ----------
    Prechelt: Early stopping, but when?, 1998.
    """

    needs_score = True
    state_names = ("best_loss", "best_epoch", "snapshot", "to_beat", "waited")

    def __init__(self, patience: int, restore_best: bool = True, min_delta: float = 0.0) -> None:
        self.patience = whole_number("patience", patience, 1)
        self.restore_best = switch("restore_best", restore_best)
        self.min_delta = number("min_delta", min_delta, minimum=0)
        self._forget()

    def _forget(self) -> None:
        self.best_loss = self.to_beat = np.inf
        self.best_epoch: int | None = None
        self.snapshot: Array | None = None
        self.waited = 0

    def start(self, network: Network) -> None:
        self._forget()
        self._look_at(network, network.current_score())

    def __call__(self, network: Network) -> None:
        self.waited += 1
        self._look_at(network, network.history[score_name(network)][-1])
        network.stop_training |= self.waited >= self.patience

    def _look_at(self, network: Network, score: float) -> None:
        if score < self.best_loss:
            self.snapshot = network.snapshot()
            self.best_loss, self.best_epoch = score, network.epoch_count
        if score < self.to_beat - self.min_delta:
            self.to_beat, self.waited = score, 0

    def finish(self, network: Network) -> None:
        if self.restore_best and self.snapshot is not None:
            network.restore(self.snapshot)


class Checkpoint(Callback):
    """Save the network to a file after every epoch, or every few, or only the best so far.

    Training that was cut off goes on from the file as if nothing had happened:
    `network = Network.load(path)`, then `fit` with the same data and callbacks for the epochs
    that are left, `epochs - network.epoch_count`. One that was saved half-way is finished
    first. An error of the disk ends the training, with the network and an old file as they were.

    Parameters
    ----------
    path : str or path-like
        The file, taken exactly as given; an old one is replaced whole or stays.
    every : int
        Epochs from one save to the next, counted over the network's life.
    best_only : bool
        Save only when `val_loss` is lower than after all such epochs before, also
        those of earlier calls of `fit`; or when there is no file yet. Without
        `validation_data` the training data are scored after each epoch, as
        `history["train_loss"]`, and compared among themselves.
    every_steps : int, optional
        Save within epochs too, every so many steps.

    Raises
    ------
    InputError
        If the path cannot be that of a file.
    ParameterError
        If `every` or `every_steps` is below 1, or `every_steps` is given with `best_only`; when
        training begins, if the network could not be saved.

    Examples
    --------
    >>> Checkpoint("model.npz", every=10)
    Checkpoint('model.npz', every=10)
    """

    saves = True

    def __init__(
        self,
        path: object,
        every: int = 1,
        best_only: bool = False,
        every_steps: int | None = None,
    ) -> None:
        checked_path(path)
        self.path: Any = path
        self.every = whole_number("every", every, 1)
        self.best_only = self.needs_score = switch("best_only", best_only)
        if every_steps is not None:
            every_steps = whole_number("every_steps", every_steps, 1)
            if best_only:
                raise ParameterError("every_steps cannot be had with best_only: leave one out.")
        self.every_steps = every_steps

    def after_step(self, network: Network) -> None:
        if self.every_steps and network.step_count % self.every_steps == 0:
            network.save(self.path)

    def __call__(self, network: Network) -> None:
        if network.epoch_count % self.every:
            return
        scores = network.history[score_name(network)]
        improved = scores[-1] < np.nanmin([np.inf, *scores[self.every - 1 : -1 : self.every]])
        if improved or not (self.best_only and os.path.exists(self.path)):
            network.save(self.path)


def score_name(network: Network) -> str:
    """Return where the history has the newest score."""
    return "train_loss" if np.isnan(network.history["val_loss"][-1]) else "val_loss"
