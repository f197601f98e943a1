"""Keeping what a network passes through in training, for pictures of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..callbacks import Callback
from ..checks import Array, whole_number
from ..layers import Layer


class Recorder(Callback):
    """Keep parameters, loss and gradient sizes of every so many epochs.

    It only reads. Used in another `fit` of the same network it goes on, with
    another network it begins anew.

    Parameters
    ----------
    every : int
        Record each epoch whose number, counted over the network's life, is a multiple of this.

    Attributes
    ----------
    epochs : list of int
        The epochs recorded, counted from 1; the other lists have an entry for each.
    parameters : list of arrays of shape (n,)
        What `network.restore` takes: the parameters after the epoch, and the layers' state.
    losses : list of float
        The training loss of the epoch, as in `network.history`.
    gradient_sizes : dict of lists of float
        For each layer with parameters, such as "layers[0] Dense(2, 4)", the mean
        absolute value of its gradients in the last step of the epoch; after clipping
        or weight decay, of what was applied in their place.

    Raises
    ------
    ParameterError
        If `every` is not a whole number of at least 1.

    Examples
    --------
    >>> import backproplite as bp
    >>> X, y = bp.datasets.xor()
    >>> network = bp.Network([bp.Dense(2, 1), bp.Sigmoid()], loss=bp.MeanSquaredError(), seed=0)
    >>> recorder = Recorder(every=10)
    >>> network = network.fit(X, y, epochs=35, callbacks=recorder)
    >>> recorder.epochs, list(recorder.gradient_sizes)
    ([10, 20, 30], ['layers[0] Dense(2, 1)'])
    """

    state_names = ("epochs", "parameters", "losses", "sizes")

    def __init__(self, every: int = 1) -> None:
        self.every = whole_number("every", every, 1)
        self._forget()

    def start(self, network: Any) -> None:
        history = network.history["loss"]  # which shows whether it is the network that was recorded
        if self.losses != [history[i - 1] for i in self.epochs if i <= len(history)]:
            self._forget()

    def __call__(self, network: Any) -> None:
        if network.epoch_count % self.every:
            return
        self.epochs.append(network.epoch_count)
        self.parameters.append(network.snapshot())
        self.losses.append(network.history["loss"][-1])
        for i, (name, size) in enumerate(gradient_sizes(network).items()):
            if i == len(self.sizes):
                self.sizes.append((name, []))
            self.sizes[i][1].append(size)

    @property
    def gradient_sizes(self) -> dict[str, list[float]]:
        """The mean absolute gradient of each layer with parameters, by its name."""
        return dict(self.sizes)

    def _forget(self) -> None:
        self.epochs: list[int] = []
        self.parameters: list[Array] = []
        self.losses: list[float] = []
        self.sizes: list[tuple[str, list[float]]] = []


def trained_layers(network: Any) -> dict[str, Layer]:
    """Return the layers that have parameters, by their names."""
    return {
        f"layers[{i}] {layer!r}": layer
        for i, layer in enumerate(network.layers)
        if layer.named_parameters()
    }


def gradient_sizes(network: Any) -> dict[str, float]:
    """Return the mean absolute value of the newest gradients of each layer with parameters."""
    stretches = (each for each in network.stretches if each.start < each.stop)
    return {
        name: float(np.abs(network.gradients[stretch]).mean())
        for name, stretch in zip(trained_layers(network), stretches, strict=True)
    }
