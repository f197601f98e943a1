"""The door of `fit_together`: what is given for all networks, or one each, becomes members.

Everything is checked here, before anything changes; what several networks share, once.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from .. import advice
from ..callbacks import Callback, checked_callbacks
from ..checks import Array, answers, real_array, switch, whole_number
from ..configurable import is_ours
from ..errors import BackpropliteError, InputError, ParameterError, ShapeError
from ..large import both_validations, split, validation_for
from ..metrics import checked_metrics
from ..monitors import Checkpoint
from ..network import Network
from ..training import Batch, Fit, Plan, plan_for
from .stack import Member, likeness


def checked_networks(networks: Any) -> list[Network]:
    """Return the networks; refuse what is none, is under way, or comes twice."""
    if not isinstance(networks, (list, tuple)) or not networks:
        what = type(networks).__name__
        what += "" if not isinstance(networks, (list, tuple)) else " that is empty"
        raise ParameterError(f"networks must be a list of Network, one at least; got a {what}.")
    places: dict[int, int] = {}
    for i, network in enumerate(networks):
        if not isinstance(network, Network):
            raise ParameterError(f"networks[{i}] must be a Network; got {network!r}.")
        if (first := places.setdefault(id(network), i)) != i:
            raise ParameterError(
                f"networks[{i}] is networks[{first}] again: each needs a network of its own, such "
                "as copy.deepcopy makes."
            )
        if network.under_way is not None:
            raise ParameterError(f"networks[{i}] is being trained already, by another fit.")
        with of_network(i):
            network.refuse_changed_layers()
    return list(networks)


@contextmanager
def of_network(i: int) -> Iterator[None]:
    """Say in an error which network it is about."""
    try:
        yield
    except BackpropliteError as error:
        error.args = (f"networks[{i}]: {error}", *error.args[1:])
        raise
    except Exception as error:
        error.add_note(f"This came up in networks[{i}].")
        raise


# What is one for all, and what one each.


def axes(given: Any) -> int:
    """Return how many axes something has, as far as its first entries tell."""
    if isinstance(given, (list, tuple, range)):
        return 1 + axes(next((each for each in given if each is not None), None))
    return int(getattr(given, "ndim", 2 if hasattr(given, "columns") else 0))


def listed(name: str, given: Any, networks: int) -> list[Any]:
    """Return what there is for each network; refuse another number of them."""
    if len(given) != networks:
        raise ShapeError(
            f"{name} must be one for all networks, or a list of one for each, {networks} in all; "
            f"got {len(given)}."
        )
    return list(given)


def inputs_of_each(name: str, given: Any, networks: int, ndim: int) -> list[Any]:
    """Return what each network gets: one for all has `ndim` axes, one each an axis more."""
    return listed(name, given, networks) if axes(given) > ndim else [given] * networks


def targets_of_each(y: Any, networks: int) -> list[Any]:
    """Return the y of each network: a list of arrays, or three axes, are one each."""
    arrays = isinstance(y, (list, tuple)) and any(axes(e) and hasattr(e, "ndim") for e in y)
    return listed("y", y, networks) if arrays or axes(y) > 2 else [y] * networks


def validation_of_each(given: Any, networks: int) -> list[Any]:
    """Return the validation data of each network: a list of pairs are one each."""
    pairs = isinstance(given, (list, tuple)) and [each for each in given if each is not None]
    if pairs and all(isinstance(e, (list, tuple)) and e and axes(e[0]) >= 2 for e in pairs):
        return listed("validation_data", given, networks)
    return [given] * networks


def callbacks_of_each(callbacks: Any, networks: int) -> list[list[Callback]]:
    """Return the callbacks of each network: a list of lists, or copies of those given once."""
    lists = isinstance(callbacks, (list, tuple)) and callbacks
    if lists and all(isinstance(each, (list, tuple)) for each in callbacks):
        own = [[*each] for each in listed("callbacks", callbacks, networks)]
    else:
        checked_callbacks(callbacks)
        once = [callbacks] if callable(callbacks) else list(callbacks)
        own = [[own_copy(each) for each in once] for _ in range(networks)]
    checked = []
    for i, each in enumerate(own):
        with of_network(i):
            checked.append(checked_callbacks(each))
    refuse_shared(checked)
    return checked


def own_copy(callback: Any) -> Any:
    """Return a copy of a callback; a function or method is one for all."""
    return callback if inspect.isroutine(callback) else copy.deepcopy(callback)


def refuse_shared(callbacks: Sequence[Sequence[Callback]]) -> None:
    """Refuse a callback whose memory, or whose file, would be that of several networks."""
    owners: dict[Hashable, int] = {}
    for i, each in enumerate(callbacks):
        for callback in each:
            if isinstance(callback, Checkpoint):
                if (first := owners.setdefault(str(callback.path), i)) != i:
                    raise ParameterError(
                        f"networks[{first}] and networks[{i}] would be saved to one file: give "
                        'each its own, such as callbacks=[[Checkpoint(f"{i}.npz")] for i in '
                        f"range({len(callbacks)})]."
                    )
            elif callback.state_names and (first := owners.setdefault(id(callback), i)) != i:
                raise ParameterError(
                    f"callbacks[{i}] holds an object that is in callbacks[{first}] too, and it can "
                    "remember one network only: give each its own."
                )


def checked_rows(rows: Any, samples: int, name: str = "rows") -> Array:
    """Return which samples a network trains on, as whole numbers from 0."""
    try:
        given = np.asarray(rows)
    except ValueError as error:
        raise answers().no_array(name, rows, error) from None
    chosen = np.flatnonzero(given) if given.dtype == bool and given.shape == (samples,) else given
    if chosen.ndim != 1 or not chosen.size or chosen.dtype.kind not in "iu":
        raise InputError(
            f"{name} must be a 1-D array of whole numbers, or a mask of {samples} bools, and "
            f"choose at least one sample; got dtype {given.dtype}, shape {given.shape}."
        )
    given = chosen
    if given.min() < 0 or given.max() >= samples:
        raise InputError(
            f"{name} must be from 0 to {samples - 1}; got {given.min()} to {given.max()}."
        )
    return given.astype(np.intp)


# The members.


class Known:
    """What has been made, by what it was made from: many networks ask for the same."""

    def __init__(self) -> None:
        self.made: dict[Hashable, Any] = {}

    def once(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return what was made for this key, made now if it was not."""
        if key not in self.made:
            self.made[key] = make()
        return self.made[key]


class Door:
    """What `fit_together` is given, checked for one network after the other."""

    def __init__(
        self,
        networks: list[Network],
        X: Any,
        y: Any,
        batch_size: Any,
        shuffle: Any,
        validation_data: Any,
        sample_weight: Any,
        class_weight: Any,
        callbacks: Any,
        rows: Any,
        metrics: Any,
        validation_split: Any,
    ) -> None:
        count = len(networks)
        if y is None:
            raise InputError(
                "y is missing: fit_together takes arrays X and y. Batches cannot be shared, since "
                "each network has an order of its own."
            )
        self.networks, self.known = networks, Known()
        self.batch_size = None if batch_size is None else whole_number("batch_size", batch_size, 1)
        self.shuffle, self.class_weight = switch("shuffle", shuffle), class_weight
        self.X, self.y = inputs_of_each("X", X, count, 2), targets_of_each(y, count)
        self.weights = inputs_of_each("sample_weight", sample_weight, count, 1)
        self.rows = inputs_of_each("rows", rows, count, 1)
        self.validation = validation_of_each(validation_data, count)
        self.metrics, self.fraction = checked_metrics(metrics), validation_split
        if validation_data is not None and validation_split is not None:
            raise both_validations()
        self.callbacks = callbacks_of_each(callbacks, count)
        weighted = sample_weight is not None or class_weight is not None
        one_for_all = len({(id(a), id(b)) for a, b in zip(self.y, self.weights, strict=True)}) == 1
        #: What there is to warn of, and the networks that it is about.
        self.doubts: dict[str, list[int]] = {}
        #: Whether X stays whole while each network weighs, and leaves out, samples of it.
        self.each_weighs = weighted and not one_for_all and len({*map(id, self.X)}) < count

    def members(self) -> list[Member]:
        """Return the networks as members, or say what is wrong with one of them."""
        members = []
        for i in range(len(self.networks)):
            with of_network(i):
                members.append(self.member(i))
        return members

    def member(self, i: int) -> Member:
        """Return one network with what is its own."""
        network, data, rows, shares = self.networks[i], self.data(i), None, None
        scored = self.scored(i)
        if self.rows[i] is not None or self.each_weighs or self.fraction is not None:
            rows, shares, held_out = self.part(i, data)
            if held_out is not None:
                scored = Batch(data.x[held_out.x], held_out.targets, held_out.shares)
            own = Batch(data.x[rows], data.targets[rows], shares)
            plan = self.plan(own)
        else:
            data = own = self.weighted(i, data)
            plan = self.known.once(("plan", id(data)), lambda: self.plan(data))
        fit = Fit(own, plan, scored, self.callbacks[i], self.metrics)
        advice.refuse_unfit(network, fit)
        if said := advice.out_of_reach(network, fit):
            self.doubts.setdefault(said, []).append(i)
        name = f"networks[{i}]"
        if rows is None or fit.scored is own:  # which has to be at hand as a whole
            return Member(network, fit, name=name)
        fit.data = data
        return Member(network, fit, rows, shares, name)

    def data(self, i: int) -> Batch:
        """Return the whole data of a network, which others may share."""
        network, X, y = self.networks[i], self.X[i], self.y[i]
        alike = network.dtype, network.in_features, network.feature_names
        x = self.known.once((id(X), *alike), lambda: network.prepare_inputs(X))
        key = id(x), id(y), self.targets_like(network)
        return self.known.once(key, lambda: Batch(x, network.prepare(x, y).targets))

    def scored(self, i: int) -> Batch | None:
        """Return the validation data of a network, which others may share."""
        network, given, X = self.networks[i], self.validation[i], self.X[i]
        alike = network.dtype, network.in_features, network.feature_names
        key = "validation", id(given), id(X), *alike, self.targets_like(network)
        return self.known.once(key, lambda: validation_for(network, given, X))

    def targets_like(self, network: Network) -> Hashable:
        """Return what two networks have in common that make the same of targets."""
        loss = network.loss
        if network.out_features is None or not all(is_ours(type(p)) for p in loss.parts()):
            return id(network)
        return network.out_features, likeness(loss)

    def weighted(self, i: int, data: Batch) -> Batch:
        """Return the data with their weights, which others may share."""
        weights, by_class = self.weights[i], self.class_weight
        if weights is None and by_class is None:
            return data
        key = "weighted", id(data), id(weights)
        return self.known.once(key, lambda: self.networks[i].weighted(data, weights, by_class))

    def part(self, i: int, data: Batch) -> tuple[Array, Array | None, Batch | None]:
        """Return which samples of the data a network trains on, and what each counts.

        What it holds out for validation comes with it, as a batch of the numbers of the samples.
        """
        samples, weights = len(data.x), self.weights[i]
        rows = np.arange(samples) if self.rows[i] is None else checked_rows(self.rows[i], samples)
        if weights is not None:
            array = real_array("sample_weight", weights)
            if array.shape != (samples,):
                raise answers().no_weights("sample_weight", array, samples)
            weights = array[rows]
        # A batch whose inputs are the numbers of its samples.
        network, few, held_out = self.networks[i], Batch(rows, data.targets[rows]), None
        if self.fraction is None:
            few = network.weighted(few, weights, self.class_weight)
        else:
            few, held_out = split(network, few, self.fraction, weights, self.class_weight)
        return few.x, few.shares, held_out

    def plan(self, data: Batch) -> Plan:
        """Return the plan of an epoch over some data."""
        return plan_for(data, self.batch_size, self.shuffle)
