"""Callbacks that watch a number of the history: to stop, to slow down, or to keep the best.

Loaded when one of them is first used.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .callbacks import Callback
from .checks import Array, checked_path, number, switch, whole_number
from .errors import ParameterError

if TYPE_CHECKING:
    from .network import Network

__all__ = ["Checkpoint", "EarlyStopping", "ReduceOnPlateau"]


class Monitor(Callback):
    """Base of the callbacks that watch a number of the history.

    That is the validation loss, or the training loss after the epoch where there is no validation
    data, unless `monitor` names another; `mode` says whether less or more of it is better.
    """

    monitor: str | None
    mode: str | None
    patience: int
    min_delta: float
    #: The number to beat, and for how many epochs none has.
    to_beat: float
    waited: int

    def watch(self, monitor: str | None, mode: str | None) -> None:
        """Take note of what to watch."""
        if not isinstance(monitor, (str, type(None))):
            raise ParameterError(f"monitor must be a name in the history; got {monitor!r}.")
        if mode not in ("min", "max", None):
            raise ParameterError(f'mode must be "min" or "max"; got {mode!r}.')
        if mode is None and usual_mode(monitor) is None:
            raise ParameterError(
                f'mode must be given for monitor={monitor!r}: "min" if less is better, or "max".'
            )
        self.monitor, self.mode = monitor, mode

    def refuse_unfit(self, network: Network, measured: Sequence[str]) -> None:
        """Refuse to watch what is not measured."""
        if self.monitor is not None and self.monitor not in measured:
            raise ParameterError(
                f"monitor must be one of {', '.join(map(repr, measured))} in this fit; got "
                f"{self.monitor!r}. Others come with metrics and validation_data."
            )

    @property
    def needs_score(self) -> bool:  # type: ignore[override]
        """Whether every epoch must be scored."""
        return self.monitor in (None, "train_loss")

    @property
    def sign(self) -> int:
        """1 where less is better, -1 where more is."""
        return -1 if (self.mode or usual_mode(self.monitor)) == "max" else 1

    def newest(self, network: Network) -> float:
        """Return what the newest epoch came to."""
        return network.history[self.monitor or score_name(network)][-1]

    def begin_waiting(self) -> None:
        """Let anything be an improvement."""
        self.to_beat, self.waited = self.sign * np.inf, 0

    def wait(self, score: float) -> bool:
        """Take note of what an epoch came to; tell whether that tries one's patience."""
        self.waited += 1
        if self.sign * score < self.sign * self.to_beat - self.min_delta:
            self.to_beat, self.waited = score, 0
        return self.waited >= self.patience


def usual_mode(name: str | None) -> str | None:
    """Return whether less or more of something is better, as far as its name says."""
    name = (name or "loss").removeprefix("val_")
    if name in ("accuracy", "r_squared") or name.endswith("_score"):
        return "max"
    return "min" if name == "loss" or name.endswith(("_loss", "_error")) else None


class EarlyStopping(Monitor):
    """Stop when the validation loss has not improved for some epochs, and go back to the best.

    `monitor` names something else of the history to go by, such as "val_accuracy".

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
    monitor : str, optional
        What to go by: "loss", "val_loss", "train_loss", or a metric, such as "accuracy", or
        "val_accuracy" for that of the validation data.
    mode : {"min", "max"}, optional
        Whether less or more is better. Known for losses, accuracy and r_squared, and for names
        that end in `_score` ("max"), `_loss` or `_error` ("min").

    Attributes
    ----------
    best_loss : float
        The best so far of what it goes by, that from before the fit among them.
    best_epoch : int or None
        Its epoch, counted from 1 over the network's life; None before any fit.

    Raises
    ------
    ParameterError
        If the patience is below 1, `min_delta` negative, or `mode` unknown; when training begins,
        if what it shall go by is not measured.

    Examples
    --------
    >>> EarlyStopping(patience=5)
    EarlyStopping(5)

    References
    ----------
    Prechelt: Early stopping, but when?, 1998.
    """

    state_names = ("best_loss", "best_epoch", "snapshot", "to_beat", "waited")

    def __init__(
        self,
        patience: int,
        restore_best: bool = True,
        min_delta: float = 0.0,
        monitor: str | None = None,
        mode: str | None = None,
    ) -> None:
        self.patience = whole_number("patience", patience, 1)
        self.restore_best = switch("restore_best", restore_best)
        self.min_delta = number("min_delta", min_delta, minimum=0)
        self.watch(monitor, mode)
        self._forget()

    def _forget(self) -> None:
        self.begin_waiting()
        self.best_loss = self.to_beat
        self.best_epoch: int | None = None
        self.snapshot: Array | None = None

    def start(self, network: Network) -> None:
        self._forget()
        self._look_at(network, network.current_score(self.monitor))
        self.waited = 0

    def __call__(self, network: Network) -> None:
        network.stop_training |= self._look_at(network, self.newest(network))

    def _look_at(self, network: Network, score: float) -> bool:
        if self.sign * score < self.sign * self.best_loss:
            self.snapshot = network.snapshot()
            self.best_loss, self.best_epoch = score, network.epoch_count
        return self.wait(score)

    def finish(self, network: Network) -> None:
        if self.restore_best and self.snapshot is not None:
            network.restore(self.snapshot)


class ReduceOnPlateau(Monitor):
    """Lower the learning rate when the validation loss has not improved for some epochs.

    learning_rate ← max(factor · learning_rate, minimum_rate)

    Parameters
    ----------
    factor : float
        By what to multiply it, below 1.
    patience : int
        Epochs without improvement after which to do so; from there they are counted anew.
    min_delta : float
        What counts as an improvement must be larger than this.
    monitor, mode : str, optional
        What to go by, as for `EarlyStopping`.
    minimum_rate : float
        It is never lowered below this.

    Raises
    ------
    ParameterError
        If an argument is not what it should be; when training begins, if what it shall go by is
        not measured, or the learning rate is a schedule.

    Examples
    --------
    >>> ReduceOnPlateau(factor=0.5, patience=5)
    ReduceOnPlateau(factor=0.5, patience=5)
    """

    state_names = ("to_beat", "waited")

    def __init__(
        self,
        factor: float = 0.1,
        patience: int = 10,
        min_delta: float = 0.0,
        monitor: str | None = None,
        mode: str | None = None,
        minimum_rate: float = 0.0,
    ) -> None:
        self.factor = number("factor", factor, above=0, below=1)
        self.patience = whole_number("patience", patience, 1)
        self.min_delta = number("min_delta", min_delta, minimum=0)
        self.watch(monitor, mode)
        self.minimum_rate = number("minimum_rate", minimum_rate, minimum=0)
        self.begin_waiting()

    def refuse_unfit(self, network: Network, measured: Sequence[str]) -> None:
        super().refuse_unfit(network, measured)
        if callable(schedule := network.optimizer.learning_rate):
            raise ParameterError(
                f"ReduceOnPlateau needs a learning rate that is a number; got {schedule!r}."
            )

    def start(self, network: Network) -> None:
        self.begin_waiting()

    def __call__(self, network: Network) -> None:
        if self.wait(self.newest(network)):
            optimizer, self.waited = network.optimizer, 0
            rate: Any = optimizer.learning_rate
            optimizer.learning_rate = min(rate, max(self.factor * rate, self.minimum_rate))


class Checkpoint(Monitor):
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
    monitor, mode : str, optional
        What the best is the best by, as for `EarlyStopping`.

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
        monitor: str | None = None,
        mode: str | None = None,
    ) -> None:
        checked_path(path)
        self.path: Any = path
        self.every = whole_number("every", every, 1)
        self.best_only = switch("best_only", best_only)
        self.watch(monitor, mode)
        if monitor is not None and not best_only:
            raise ParameterError("monitor says what the best is: give best_only=True too.")
        if every_steps is not None:
            every_steps = whole_number("every_steps", every_steps, 1)
            if best_only:
                raise ParameterError("every_steps cannot be had with best_only: leave one out.")
        self.every_steps = every_steps

    @property
    def needs_score(self) -> bool:  # type: ignore[override]
        """Whether every epoch must be scored."""
        return self.best_only and super().needs_score

    def after_step(self, network: Network) -> None:
        if self.every_steps and network.step_count % self.every_steps == 0:
            network.save(self.path)

    def __call__(self, network: Network) -> None:
        if network.epoch_count % self.every:
            return
        scores = self.sign * np.array(network.history[self.monitor or score_name(network)])
        improved = scores[-1] < np.nanmin([np.inf, *scores[self.every - 1 : -1 : self.every]])
        if improved or not (self.best_only and os.path.exists(self.path)):
            network.save(self.path)


def score_name(network: Network) -> str:
    """Return where the history has the newest score."""
    return "train_loss" if np.isnan(network.history["val_loss"][-1]) else "val_loss"
