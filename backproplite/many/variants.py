"""Networks made anew from one: of the same architecture, at rest, with settings that differ."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterable, Sequence
from typing import Any, SupportsIndex, overload

import numpy as np
from numpy.typing import DTypeLike

from ..configurable import arguments_of
from ..errors import ParameterError, UnknownNameError
from ..layers import Layer, parts_of
from ..losses import Loss
from ..network import Network
from ..optimizers import Optimizer

__all__ = ["Variants", "fresh", "variants"]

#: What a network is built from, besides its layers.
OWN = "seed", "loss", "optimizer", "dtype"


def fresh(
    network: Network,
    seed: int | np.random.Generator | None = None,
    *,
    loss: Loss | None = None,
    optimizer: Optimizer | None = None,
    dtype: DTypeLike | None = None,
) -> Network:
    """Return a network of the same architecture that nobody has trained: weights drawn anew.

    Parameters
    ----------
    network : Network
        What it is made after; it stays as it is. Layers that are frozen keep their numbers.
    seed : int or numpy.random.Generator, optional
        As for `Network`: without one it differs each time.
    loss, optimizer, dtype
        In place of those of the network.

    Returns
    -------
    Network

    Raises
    ------
    ParameterError
        If an argument is not what it should be, or a layer keeps a state that its constructor,
        given the layer's settings, does not make.

    Examples
    --------
    >>> import backproplite as bp
    >>> network = bp.Network([bp.Dense(2, 1)], bp.MeanSquaredError(), seed=0)
    >>> trained = copy.deepcopy(network).fit([[0, 1]], [1], epochs=5)
    >>> bool((fresh(trained, seed=0).parameters == network.parameters).all())
    True
    """
    if not isinstance(network, Network):
        raise ParameterError(f"network must be a Network; got {network!r}.")
    return build(network, fresh_layers(network), seed, loss, optimizer, dtype)


def build(
    network: Network,
    layers: Sequence[Layer],
    seed: Any,
    loss: Loss | None = None,
    optimizer: Optimizer | None = None,
    dtype: DTypeLike | None = None,
) -> Network:
    """Return a network of these layers that is like another in all else."""
    return type(network)(
        layers,
        copy.deepcopy(network.loss) if loss is None else loss,
        network.optimizer if optimizer is None else optimizer,  # it takes a copy, at rest
        seed,
        network.dtype.name if dtype is None else dtype,
    )


def fresh_layers(network: Network) -> list[Layer]:
    """Return copies of the layers, their parameters not drawn yet, their state as at first."""
    network.refuse_changed_layers()
    layers = copy.deepcopy(network.layers)
    for place, part in parts_of(layers).items():
        if place in network.frozen:
            continue
        for name in part.declared:
            vars(part).pop(name, None)
            vars(part).pop(f"grad_{name}", None)
        if part.state_names:
            try:
                new = type(part)(**part.settings())
                first = {name: np.array(getattr(new, name)) for name in part.state_names}
            except Exception as error:
                raise ParameterError(
                    f"{place} {part!r} cannot be made anew ({type(error).__name__}: {error}). Let "
                    "its __init__ keep its arguments as they are."
                ) from None
            vars(part).update(first)
    return [*layers]


class Variants(list[Network]):
    """Networks, and the settings in which they differ; printed, a table of what each came to.

    Attributes
    ----------
    settings : list of dict
        Those of each network.

    Examples
    --------
    >>> import backproplite as bp
    >>> network = bp.Network([bp.Dense(2, 1)], bp.MeanSquaredError(), seed=0)
    >>> runs = variants(network, learning_rate=[0.1, 0.01])
    >>> for rate, group in runs.by("learning_rate").items():
    ...     print(rate, len(group))
    0.1 1
    0.01 1
    """

    def __init__(self, networks: Iterable[Network], settings: Iterable[dict[str, Any]]) -> None:
        super().__init__(networks)
        self.settings = list(settings)

    @overload
    def __getitem__(self, place: SupportsIndex) -> Network: ...
    @overload
    def __getitem__(self, place: slice) -> Variants: ...
    def __getitem__(self, place: SupportsIndex | slice) -> Network | Variants:
        if isinstance(place, slice):
            return Variants(super().__getitem__(place), self.settings[place])
        return super().__getitem__(place)

    def by(self, name: str) -> dict[Any, Variants]:
        """Return those that have each value of a setting.

        Raises
        ------
        ParameterError
            If they have no such setting.
        """
        if not self.settings or name not in self.settings[0]:
            there = ", ".join(self.settings[0]) if self.settings else "none"
            raise ParameterError(f"name must be one of the settings: {there}; got {name!r}.")
        found: dict[Any, Variants] = {}
        for network, settings in zip(self, self.settings, strict=True):
            group = found.setdefault(settings[name], Variants([], []))
            group.append(network)
            group.settings.append(settings)
        return found

    def __repr__(self) -> str:
        if len(self) != len(self.settings):  # it was changed as any list may be
            return super().__repr__()
        names = list(self.settings[0]) if self.settings else []
        rows = [["", *names, "epochs", "loss", "val_loss", ""]]
        for i, (network, settings) in enumerate(zip(self, self.settings, strict=True)):
            row = [str(i), *(_shown(settings[name]) for name in names), str(network.epoch_count)]
            for name in ("loss", "val_loss"):
                values = network.history[name]
                row.append(f"{values[-1]:.6g}" if values and not np.isnan(values[-1]) else "")
            rows.append([*row, "diverged" if network.diverged else ""])
        used = [i == 0 or any(row[i] for row in rows[1:]) for i in range(len(rows[0]))]
        rows = [[cell for cell, has in zip(row, used, strict=True) if has] for row in rows]
        if len(rows) > 61:
            rows[31:-30] = [["..."] * len(rows[0])]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(f"{cell:>{w}}" for cell, w in zip(row, widths, strict=True)).rstrip()
            for row in rows
        )


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def variants(network: Network, **settings: Any) -> Variants:
    """Return fresh, independent networks made after one: one for each combination of settings.

    Parameters
    ----------
    network : Network
        What they are made after; it stays as it is.
    **settings
        `seed`, `loss`, `optimizer`, `dtype`, a setting of the optimizer such as `learning_rate`,
        or one of layers such as the `rate` of Dropout, for all layers that have it. Each is a
        value, or a list, tuple, range or array of values. The seed is that of the network
        unless given, so that all start from the same weights.

    Returns
    -------
    Variants
        A list of the networks, in the order of `itertools.product`, that knows the settings of
        each; `fit_together` trains it, `plots.learning_rates` draws it.

    Raises
    ------
    UnknownNameError
        If the network has no such setting.
    ParameterError
        If a value is not what the setting takes, or there is none.

    Examples
    --------
    >>> import backproplite as bp
    >>> X, y = bp.datasets.xor()
    >>> network = bp.Network([bp.Dense(2, 4), bp.Tanh(), bp.Dense(4, 1)], bp.MeanSquaredError())
    >>> runs = variants(network, learning_rate=[0.01, 0.1], seed=range(4))
    >>> len(bp.fit_together(runs, X, y, epochs=10))
    8
    >>> runs.settings[1]
    {'learning_rate': 0.01, 'seed': 1}
    """
    if not isinstance(network, Network):
        raise ParameterError(f"network must be a Network; got {network!r}.")
    values = {name: _values(name, given) for name, given in settings.items()}
    combinations = [
        dict(zip(values, each, strict=True)) for each in itertools.product(*values.values())
    ]
    return Variants([_variant(network, each) for each in combinations], combinations)


def _values(name: str, given: Any) -> list[Any]:
    """Return the values that a setting shall have."""
    several = isinstance(given, (list, tuple, range, np.ndarray))
    values = (
        given.tolist() if isinstance(given, np.ndarray) else list(given) if several else [given]
    )
    if not isinstance(values, list) or not values:
        raise ParameterError(f"{name} must have at least one value; got {given!r}.")
    return values


def _variant(network: Network, settings: dict[str, Any]) -> Network:
    """Return one fresh network with its settings."""
    own = {name: settings[name] for name in OWN if name in settings}
    layers = fresh_layers(network)
    optimizer = copy.deepcopy(own.pop("optimizer", network.optimizer))
    parts = parts_of(layers).values()
    of_optimizer = arguments_of(type(optimizer))
    for name in settings.keys() - {*OWN}:
        owners = [part for part in parts if name in arguments_of(type(part))]
        owners = [optimizer] if name in of_optimizer else owners
        if not owners:
            inner = {each for part in parts for each in arguments_of(type(part))}
            there = dict.fromkeys([*OWN, *of_optimizer, *sorted(inner)])
            raise UnknownNameError(
                f"variants has no setting {name!r} of this network. It has {', '.join(there)}."
            )
        for owner in owners:
            setattr(owner, name, settings[name])
    seed = own.pop("seed", network.seed)
    return build(network, layers, seed, optimizer=optimizer, **own)
