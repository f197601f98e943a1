"""Losses over the epochs or steps: of several runs, and under several learning rates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from ..checks import Array
from ..errors import ParameterError
from ..many import Variants
from ..network import Network
from ..seeing.descent import Descent
from .shared import (
    COLOURS,
    Axes,
    add_legend,
    axes_or_new,
    colours_for,
    type_name,
    whole_steps,
    wrapped,
)


@dataclass
class Run:
    """The losses of a run, those of validation too (or none), and what they are counted in."""

    label: str
    steps: Array
    losses: Array
    validation: Array
    unit: str
    remark: str = ""

    @property
    def diverged(self) -> bool:
        """Whether it ended higher than it began, or not finite."""
        return len(self.losses) > 0 and not self.losses[-1] <= self.losses[0]


def loss_curves(
    runs: object,
    *,
    labels: Sequence[str] | None = None,
    validation: bool = True,
    log: bool = True,
    ax: Axes = None,
) -> Axes:
    """Draw the losses of one or several runs; the legend says where each ended.

    Beside others, a run that ended higher than it began may leave the picture at the top.

    Parameters
    ----------
    runs : Network, history, sequence of float, Descent, or a list or dict of these
        A dict has them by label.
    labels : sequence of str, optional
        In place of the labels that there are.
    validation : bool
        Whether to draw the validation losses too, dashed, where there are any.
    log : bool
        Whether the losses are on a logarithmic axis (never where none is above 0).
    ax : matplotlib Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ParameterError
        If a run is none of these, there is none, or the labels are not as many.

    Examples
    --------
    >>> ax = loss_curves({"slow": [1.0, 0.9], "fast": [1.0, 0.2]})
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['slow: ends at 0.9', 'fast: ends at 0.2']
    """
    given = _runs(runs)
    if labels is not None:
        if not isinstance(labels, (list, tuple)) or len(labels) != len(given):
            raise ParameterError(
                f"labels must be a list with a label for each run, {len(given)} in all; "
                f"got {labels!r}."
            )
        for run, label in zip(given, labels, strict=True):
            run.label = str(label)
    ax = draw_losses(ax, given, validation, log)
    ax.set_title("Loss in training")
    return ax


def learning_rates(runs: Mapping[float, object] | Variants, *, ax: Axes = None) -> Axes:
    """Draw the losses under several learning rates; the legend says where each ended.

    A run has diverged if it ended higher than it began, or not finite. Beside
    runs that did not, it may leave the picture at the top.

    Parameters
    ----------
    runs : dict or Variants
        From learning rate to what `loss_curves` takes for one run; or what `variants` returns:
        of several networks with one rate, the median is drawn.
    ax : matplotlib Axes, optional
        Where to draw; a new figure unless given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ParameterError
        If `runs` is neither, or the rate is none of the settings in which the networks differ.

    Examples
    --------
    >>> ax = learning_rates({1.5: [1.0, 4.0], 0.1: [1.0, 0.64]})
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['0.1: ends at 0.64', '1.5: ends at 4, diverged']
    """
    of = {}
    if isinstance(runs, Variants):
        groups = runs.by("learning_rate")
        of = {rate: f" (median of {len(g)})" for rate, g in groups.items() if len(g) > 1}
        runs = {rate: _median(group) for rate, group in groups.items()}
    if not isinstance(runs, Mapping) or not all(isinstance(rate, Real) for rate in runs):
        raise ParameterError(f"runs must be a dict from rate to run; got {type_name(runs)}.")
    given = [
        _run(f"runs[{rate}]", f"{rate:g}{of.get(rate, '')}", runs[rate]) for rate in sorted(runs)
    ]
    for run in given:
        if run.diverged:
            run.remark = ", diverged"
    ax = draw_losses(ax, given, validation=False, log=True)
    title = "learning rate"
    if any(run.remark for run in given):
        title += "\n(diverged: ended higher than it began)"
    ax.get_legend().set_title(title)
    ax.set_title("The learning rate")
    return ax


def _median(networks: Sequence[Network]) -> dict[str, Array]:
    """Return a history: after each epoch, the median loss of the networks that have made it."""
    losses = [network.history["loss"] for network in networks]
    table = np.full((len(losses), max(map(len, losses))), np.nan)
    for row, values in zip(table, losses, strict=True):
        row[: len(values)] = values
    return {"loss": np.nanmedian(table, axis=0)}


def _runs(runs: Any) -> list[Run]:
    """Return every run with its label; a single one is called "loss"."""
    if isinstance(runs, Mapping) and "loss" not in runs:
        return [_run(f"runs[{label!r}]", str(label), run) for label, run in runs.items()]
    if isinstance(runs, Iterable) and not isinstance(runs, Mapping):
        runs = list(runs)
        if runs and not isinstance(runs[0], Real):
            return [_run(f"runs[{i}]", f"run {i + 1}", run) for i, run in enumerate(runs)]
    return [_run("runs", "loss", runs)]


def _run(name: str, label: str, given: Any) -> Run:
    unit, first, validation = "step", 1, np.zeros(0)
    run: Any = given.history if isinstance(given, Network) else given
    if isinstance(run, Descent):
        run, first = run.values, 0
    if isinstance(run, Mapping) and "loss" in run:
        run, validation, unit = run["loss"], run.get("val_loss", validation), "epoch"
    try:
        losses, scores = np.array(run, np.float64), np.array(validation, np.float64)
    except (TypeError, ValueError):
        losses = scores = np.zeros(())
    if losses.ndim != 1 or scores.shape not in ((0,), losses.shape):
        raise ParameterError(
            f"{name} must be a Network, a history, a Descent or a sequence of losses; "
            f"got {type_name(given)}."
        )
    return Run(label, np.arange(first, first + len(losses)), losses, scores, unit)


def draw_losses(ax: Axes, runs: Sequence[Run], validation: bool, log: bool) -> Axes:
    """Draw a curve for each run, with its end marked and told in the legend."""
    if not any(len(run.losses) for run in runs):
        raise ParameterError("runs must hold at least one loss: train the network first.")
    ax = axes_or_new(ax)
    for i, (run, colour) in enumerate(zip(runs, colours_for(len(runs)), strict=True)):
        curves = [(run.label, run.losses, ("-", "-.", ":")[i // len(COLOURS) % 3])]
        if validation and np.isfinite(run.validation).any():
            curves.append((f"{run.label}, validation", run.validation, "--"))
        for name, losses, style in curves:
            end = f"ends at {losses[-1]:.3g}{run.remark}" if len(losses) else "no epoch finished"
            ax.plot(run.steps, losses, style, color=colour, label=wrapped(f"{name}: {end}"))
            ax.plot(run.steps[-1:], losses[-1:], "o", color=colour, markersize=4)
    if log and any(((run.losses > 0) & (run.losses < np.inf)).any() for run in runs):
        ax.set_yscale("log")
    whole_steps(ax, " or ".join(dict.fromkeys(run.unit for run in runs)))
    ax.set_ylabel("loss")
    calm = [run for run in runs if not run.diverged]
    if 0 < len(calm) < len(runs):
        scores = [run.validation for run in calm if validation]
        _keep_visible(ax, np.concatenate([*(run.losses for run in calm), *scores]))
    add_legend(ax)
    return ax


def _keep_visible(ax: Axes, losses: Array) -> None:
    """Leave these about half of the height or more: what goes far beyond would press them flat."""
    log = ax.get_yscale() == "log"
    shown = losses[np.isfinite(losses) & (losses > (0 if log else -np.inf))]
    if shown.size:
        low, high = (np.log if log else np.array)([shown.min(), shown.max()])
        above = np.clip(high - low, np.log(2), np.log(100)) if log else high - low or high or 1.0
        ends = np.array([low - 0.05 * (high + above - low), high + above])
        bottom, top = np.exp(ends) if log else ends
        if any((line.get_ydata() > top).any() for line in ax.lines):
            ax.set_ylim(bottom, top)
