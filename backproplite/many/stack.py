"""Networks of one architecture side by side: one network whose every array has an axis in front.

Each member's record is a row of one memory: what trains the whole trains the members, and they
stay ordinary networks. What fails together is done one by one, so that a failure is one's own.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..chance import ORDER, Chance
from ..checks import Array
from ..configurable import Configurable, is_ours
from ..errors import DivergenceError
from ..layers import parts_of
from ..optimizers import Optimizer
from ..parameters import Stateful
from ..record import Record
from ..training import Batch, Fit, make_step, train
from .progress import Overall

if TYPE_CHECKING:
    from ..network import Network

#: The bytes that a stack may work on: about what one core keeps in its cache.
CACHE = 2**22
#: As many samples are scored side by side at most; more are scored network by network.
SCORED = 2048
#: The settings of an optimizer that need not be alike, as they act on each parameter by itself.
VARYING = {"learning_rate", "momentum", "weight_decay", "clip_norm", "clip_value"}


@dataclass(eq=False)
class Member:
    """A network under way among others.

    Attributes
    ----------
    network : Network
    fit : Fit
        Its data are one object for all members that share them.
    rows : array of int or None
        Which samples of the data it trains on; None for all.
    shares : array or None
        What each of these rows counts.
    name : str
        What errors call it.
    """

    network: Network
    fit: Fit
    rows: Array | None = None
    shares: Array | None = None
    name: str = "the network"
    under_way: ExitStack = field(default_factory=ExitStack)
    #: What shows how far all are, if anything does.
    watch: Overall | None = None
    found: Any = None

    def counts(self) -> Array | None:
        """Return what each of its samples counts."""
        return self.fit.data.shares if self.rows is None else self.shares

    def batch(self, places: Any) -> Batch:
        """Return some of its samples, by their places among them."""
        if self.rows is None:
            return self.fit.data.select(places)
        x, targets, _ = self.fit.data
        rows, shares = self.rows[places], self.shares
        if shares is not None:
            shares = shares[places] * (len(shares) / len(rows))
        return Batch(x[rows], targets[rows], shares)

    def settle(self) -> None:
        """Take its own samples out of the data of all."""
        if self.rows is not None:
            scored = self.fit.scored is self.fit.data
            self.fit.data, self.rows = self.batch(slice(None)), None
            if scored:
                self.fit.scored = self.fit.data

    def begin(self) -> None:
        """Be under way, until `under_way` is closed."""
        if self.fit.scored is self.fit.data or self.fit.metrics is not None:
            self.settle()
        self.under_way.enter_context(self.fit.of(self.network))

    def tell(self, listeners: Sequence[Any]) -> None:
        """Tell its callbacks."""
        try:
            self.fit.tell(self.network, listeners)
        except BaseException as error:
            error.add_note(f"This came up in {self.name}.")
            raise

    def measure(self) -> dict[str, float]:
        """Return its metrics after the epoch that has had all its steps."""
        try:
            return self.fit.measure(self.network, self.network.epoch_count + 1)
        except BaseException as error:
            error.add_note(f"This came up in {self.name}.")
            raise

    def do(self, work: Any, *arguments: Any) -> bool:
        """Do something with the network alone; tell whether it came through without diverging."""
        try:
            work(self.network, *arguments)
        except DivergenceError as error:
            self.network.diverged = error.with_traceback(None)
            return False
        except BaseException as error:
            error.add_note(f"This came up in {self.name}.")
            raise
        return True

    def has_stopped(self) -> bool:
        """Whether its next epoch shall not be made."""
        return self.network.stop_training and not self.network.record.batches

    def go_on_alone(self, epochs: int) -> None:
        """Make so many epochs alone, one that is under way among them; then it is over."""
        self.settle()
        if self.watch is not None:
            self.fit.callbacks = [*self.fit.callbacks, self.watch]
        self.do(train, self.fit, epochs)
        self.under_way.close()

    def note(self) -> None:
        """Keep in mind what its callbacks find, which may change it."""
        parts = [vars(part) for part in _parts(self.network)]
        self.found = self.network.record, [(part, {**part}) for part in parts]

    def changed(self) -> bool | None:
        """Tell whether callbacks have changed how it learns; None if it is like no other now."""
        record, found = self.found
        now = [vars(part) for part in _parts(self.network)]
        if record is not self.network.record or len(now) != len(found):
            return None
        for part, (before, values) in zip(now, found, strict=True):
            differing = {name for name in part if part[name] is not values.get(name, part)}
            if part is not before or part.keys() != values.keys():
                return None
            if not differing <= VARYING or any(part[name] is None for name in differing):
                return None
            if differing:
                return True
        return False


def train_stack(members: Sequence[Member], epochs: int) -> None:
    """Train members side by side as far as they can be; each ends as if by its own `train`."""
    with ExitStack() as all_under_way:
        for member in members:
            all_under_way.enter_context(member.under_way)
            member.begin()
        for group in groups(members):  # as they are after their callbacks have begun
            if len(group) == 1:
                group[0].go_on_alone(epochs)
                continue
            stack = Stack(group)
            try:
                with np.errstate(all="ignore"):
                    stack.train(epochs)
            finally:
                stack.hand_out_history()
            for member in stack.members:
                member.under_way.close()


class Stack:
    """Members side by side, and the network that is all of them.

    Attributes
    ----------
    members : list of Member
        Those that are under way.
    whole : Network
        All of them as one network, whose arrays have an axis in front.
    order : array of shape (members, samples)
        In which order each goes through its samples in this epoch.
    """

    members: list[Member]
    #: Those with callbacks.
    listening: list[Member]
    whole: Network
    data: Data
    scored: Data | None
    #: How long the history of each was when the whole was made, and the epochs handed out since.
    begun: list[int]
    handed_out: int

    def __init__(self, members: Sequence[Member]) -> None:
        # The C library of Linux gives what is freed back to the system, page by page, and takes it
        # anew in each step, until something as large as this was freed: that takes a third longer.
        np.empty(2**24, np.uint8)
        first = members[0].network
        size = first.record.bytes.size
        self.memory = np.zeros((len(members), -(-size // 64) * 64), np.uint8)  # each begins aligned
        self.rows = self.memory[:, :size]
        self.gradients = np.zeros((len(members), first.parameters.size), first.dtype)
        self.order = np.zeros((len(members), 0), np.intp)
        for i, member in enumerate(members):
            member.network.move(self.rows[i], self.gradients[i])
        self.gather([*members])

    def gather(self, members: list[Member]) -> None:
        """Make one network of these, which are the first rows of the memory."""
        networks, fits, count = [m.network for m in members], [m.fit for m in members], len(members)
        whole = networks[0].cast(networks[0].dtype)
        whole.optimizer = side_by_side(networks[0].optimizer)
        whole.move(self.memory[:count], self.gradients[:count])
        joined: Any = whole.optimizer
        joined.join([network.optimizer for network in networks])
        whole.chance = Chances([network.chance for network in networks])
        scored: Data | None
        data = scored = Data(
            [fit.data for fit in fits], [m.rows for m in members], [m.counts() for m in members]
        )
        if fits[0].scored is not fits[0].data:
            others = [fit.scored for fit in fits if fit.scored]
            scored = Data.of(others) if others else None
        for network in networks:
            whole.record.enter(network.history)
        now = {"members": members, "whole": whole, "data": data, "scored": scored}
        listening = [member for member in members if member.fit.callbacks]
        for member in listening:
            member.note()
        now["listening"] = listening
        now |= {"begun": [len(each.history["loss"]) for each in networks], "handed_out": 0}
        vars(self).update(now)  # at once: an interrupt may come at any time

    def release(self, leaving: Sequence[Member]) -> None:
        """Let members live on their own; the last ones take their rows."""
        self.hand_out_history()
        members, count = [*self.members], len(self.members) - len(leaving)
        for member in leaving:
            memory, gradients = member.network.record.bytes, member.network.gradients
            member.network.move(np.zeros_like(memory), np.zeros_like(gradients))
        free = [i for i in range(count) if members[i] in leaving]
        last = [i for i in range(count, len(members)) if members[i] not in leaving]
        for i, j in zip(free, last, strict=True):
            members[j].network.move(self.rows[i], self.gradients[i])
            members[i], self.order[i] = members[j], self.order[j]
        if count:
            self.gather(members[:count])
        else:
            self.members = self.listening = []

    def hand_out_history(self) -> None:
        """Write into the history of each what has come since the last time."""
        if not self.members:
            return
        count, new = len(self.members), slice(self.handed_out, None)
        for name, entries in self.whole.record.history.items():
            table = np.array(entries[new])  # epochs by members, or one number for all
            columns = table.T.tolist() if table.ndim > 1 else [table.tolist()] * count
            for member, begun, values in zip(self.members, self.begun, columns, strict=True):
                if name in member.network.history:
                    member.network.history[name][begun + self.handed_out :] = values
        self.handed_out = len(self.whole.record.history["loss"])

    def train(self, epochs: int) -> None:
        """Make the epochs, as `training.train` does; who stops or diverges leaves."""
        for member in self.members:
            if member.fit.told:
                steppers, batches = member.fit.steppers, member.network.record.batches
                member.tell(steppers if batches else member.fit.callbacks)
        for epoch in range(epochs):
            stopped = [each for each in self.members if each.has_stopped()]
            if stopped:
                self.release(stopped)
                for member in stopped:
                    member.under_way.close()
            if not self.members:
                break
            for member in self.listening if epoch else self.members:  # who may have meddled with it
                member.network.record.begin_epoch(member.fit.plan)
            for stretch in self.batches():
                self.step(stretch)
                for member in self.listening:
                    member.tell(member.fit.steppers)
                self.look_again(epochs - epoch)
            self.end_epoch()
            watch = self.members[0].watch if self.members else None
            if watch is not None and watch.is_due(len(self.members)):
                self.hand_out_history()
                watch.show()
            self.look_again(epochs - epoch - 1)
        self.hand_out_history()

    def look_again(self, epochs: int) -> None:
        """Take account of what callbacks have changed; who is no longer alike goes on alone."""
        changes = [(member, member.changed()) for member in self.listening]
        other = [member for member, changed in changes if changed is None]
        if other:
            self.release(other)
            for member in other:
                member.go_on_alone(epochs)
        if any(changed for _, changed in changes):
            self.hand_out_history()
            self.gather(self.members)

    def batches(self) -> Iterator[slice | None]:
        """Yield the batches that are left of an epoch as stretches of the order; None for all."""
        first = self.members[0]
        samples, batch_size, shuffled, _ = first.fit.plan
        done = first.network.record.batches
        if batch_size == samples:
            if not done:
                yield None
            return
        orders = [np.arange(samples)] * len(self.members)
        if shuffled:
            networks = [member.network for member in self.members]
            orders = [n.chance.at(ORDER, n.epoch_count).permutation(samples) for n in networks]
        self.order = np.array(orders)
        for start in range(done * batch_size, samples, batch_size):
            if self.members:
                yield slice(start, start + batch_size)

    def step(self, stretch: slice | None) -> None:
        """Make one step of all; what fails together is done one by one."""
        batch = (
            self.data.all
            if stretch is None
            else self.data.take(self.order[: len(self.members), stretch])
        )
        try:
            losses = self.whole.step(batch, float(batch.x.shape[-2]))
        except Exception as error:
            failing = self.failing(batch) if isinstance(error, DivergenceError) else []
            for member in failing:
                self.step_alone(member, stretch)
            rest = [member for member in self.members if member not in failing]
            if failing and rest == self.members:  # all that failed have left
                if rest:
                    self.step(stretch)
                return
            for member in rest:
                self.step_alone(member, stretch)
            return
        if self.members[0].fit.first_loss is None:
            for member, loss in zip(self.members, losses.tolist(), strict=True):
                member.fit.first_loss = loss

    def failing(self, batch: Batch) -> list[Member]:
        """Return the members whose loss is not finite."""
        *_, (outputs, _) = self.whole.way_forward(batch.x)
        losses = self.whole.loss.value(outputs, batch.targets, batch.shares)
        return [
            each for each, loss in zip(self.members, losses, strict=True) if not np.isfinite(loss)
        ]

    def step_alone(self, member: Member, stretch: slice | None) -> None:
        """Make the step of one member; it leaves if it diverges."""
        whole = stretch is None
        places = slice(None) if whole else self.order[self.members.index(member), stretch]
        if not member.do(make_step, member.batch(places), member.fit):
            self.release([member])
            member.under_way.close()

    def end_epoch(self) -> None:
        """Write the history of an epoch, and tell the callbacks."""
        if not self.members:
            return
        measured = {self.members[0].fit.score_name: self.score()}
        tables = [member.measure() for member in self.members]
        measured |= {name: np.array([each[name] for each in tables]) for name in tables[0]}
        with self.whole.record.counts_or_nothing:
            self.whole.record.end_epoch(measured)
        if self.listening:
            self.hand_out_history()
            for member in self.listening:
                member.tell(member.fit.callbacks)

    def score(self) -> Any:
        """Return the loss of each on what an epoch is scored on."""
        if self.scored is None:
            return math.nan
        pairs = [(member.network, member.fit.scored) for member in self.members]
        if pairs[0][1] is None or len(pairs[0][1].x) <= SCORED:
            return self.whole.score(self.scored.all)
        return np.array([network.score(scored) for network, scored in pairs if scored])


class Data:
    """The samples of members of one size: arrays for all, and which rows of them are whose."""

    def __init__(
        self,
        batches: Sequence[Batch],
        rows: Sequence[Array | None],
        shares: Sequence[Array | None],
    ) -> None:
        self.x, self.targets = pooled([b.x for b in batches]), pooled([b.targets for b in batches])
        self.rows = None if rows[0] is None else np.array(rows)
        self.shares = None if shares[0] is None else np.array(shares)

    @classmethod
    def of(cls, batches: Sequence[Batch]) -> Data:
        """Return all samples of some batches."""
        return cls(batches, [None], [batch.shares for batch in batches])

    @cached_property
    def all(self) -> Batch:
        """All samples of each member."""
        return Batch(rows_of(*self.x, self.rows), rows_of(*self.targets, self.rows), self.shares)

    def take(self, places: Array) -> Batch:
        """Return some samples of each member, by their places among its own."""
        rows, shares = places, None
        if self.rows is not None:
            rows = np.take_along_axis(self.rows, places, axis=1)
        if self.shares is not None:
            few = np.take_along_axis(self.shares, places, axis=1)
            shares = few * (self.shares.shape[1] / few.shape[1])
        return Batch(rows_of(*self.x, rows), rows_of(*self.targets, rows), shares)


def pooled(arrays: Sequence[Array]) -> tuple[Array, Array | None]:
    """Return one array, and where in it the samples of each begin; None if they are the same."""
    distinct = {id(array): array for array in arrays}
    if len(distinct) == 1:
        return arrays[0], None
    starts = np.cumsum([0, *map(len, distinct.values())])
    begin = dict(zip(distinct, starts.tolist(), strict=False))
    return np.concatenate([*distinct.values()]), np.array([[begin[id(each)]] for each in arrays])


def rows_of(array: Array, starts: Array | None, rows: Array | None) -> Array:
    """Return rows of a pooled array, an axis for the members in front; None for all rows."""
    if starts is None:
        return array if rows is None else array[rows]
    if rows is None:  # some may share theirs
        rows = np.arange(len(array) // len(np.unique(starts)))
    return array[starts + rows]


class SideBySide(Optimizer):
    """What makes an optimizer that of many networks which have made as many steps."""

    optimizers: list[Optimizer]
    known_rate: Any
    any_decays = False

    def join(self, optimizers: list[Optimizer]) -> None:
        """Take over the rate and the settings of each, as a column where they differ."""
        self.optimizers, dtype = optimizers, self.scratch.dtype
        self.any_decays = any(each.decays for each in optimizers)
        for name in VARYING & vars(self).keys() - {"learning_rate"}:
            values = [vars(each)[name] for each in optimizers]
            # a length is a float64 number, and what it is compared with
            vars(self)[name] = column(values, np.float64 if name == "clip_norm" else dtype)
        rates = [each.learning_rate for each in optimizers]
        self.known_rate = None if any(map(callable, rates)) else column(rates, np.float64)

    def current_rate(self) -> Any:
        if self.known_rate is not None:
            return self.known_rate
        return column([each.current_rate() for each in self.optimizers], np.float64)

    def update(self, parameters: Array, gradients: Array, rate: Any) -> None:
        rate = rate.astype(self.scratch.dtype) if isinstance(rate, np.ndarray) else rate
        return super().update(parameters, gradients, rate)

    @property
    def decays(self) -> bool:
        return self.any_decays

    def views_in(self, record: Record) -> dict[str, Array]:
        views = super().views_in(record)
        counts = {name: views[name][..., np.newaxis] for name in ("_count", "_rate")}
        return views | (counts if record.bytes.ndim > 1 else {})

    def clear(self) -> None:
        """Leave that to the one that diverges, once it is on its own."""


def side_by_side(optimizer: Optimizer) -> Optimizer:
    """Return a copy of an optimizer that can be that of many networks."""
    twin, cls = copy.copy(optimizer), type(optimizer)
    twin.__class__ = type(cls.__name__, (SideBySide, cls), {"__module__": __name__})
    return twin


def column(values: Sequence[Any], dtype: Any) -> Any:
    """Return one number for all where they are alike, else a column of them."""
    return values[0] if len({*values}) == 1 else np.array(values, dtype)[:, np.newaxis]


class Chances(Chance):
    """The random numbers of many networks: each draws its own."""

    def __init__(self, each: Sequence[Chance]) -> None:
        self.each = each

    def at(self, purpose: int, count: Any) -> Any:
        """Return what draws for all, each at a stretch of its own."""
        pairs = zip(self.each, count, strict=True)
        return Draws([chance.at(purpose, number) for chance, number in pairs])


class Draws:
    """What a layer is given for a generator: its draws are one of each generator's."""

    def __init__(self, generators: Sequence[np.random.Generator]) -> None:
        self.generators = generators

    def __getattr__(self, name: str) -> Any:
        def draw(*given: Any, **named: Any) -> Array:
            given, named = tuple(map(own, given)), {key: own(value) for key, value in named.items()}
            return np.array([getattr(each, name)(*given, **named) for each in self.generators])

        def own(value: Any) -> Any:  # of a shape with an axis for the members, the part of one
            return value[1:] if isinstance(value, tuple) and len(value) > 2 else value

        return draw


def groups(members: Sequence[Member]) -> list[list[Member]]:
    """Return the members in groups that can be trained side by side, each fit for the cache."""
    alike: dict[Any, list[Member]] = {}
    for member in members:
        alike.setdefault(likeness_of_member(member), []).append(member)
    found: list[list[Member]] = []
    for group in alike.values():
        size = max(CACHE // memory_of(group[0]), 1)
        if len(group) == 1 or not stackable(group[:2]):
            size = 1
        found += [group[i : i + size] for i in range(0, len(group), size)]
    return found


def memory_of(member: Member) -> int:
    """Return about how many bytes a step of a member works on."""
    network, width = member.network, member.network.in_features or 1
    widths = [width := layer.output_width(width) or width for layer in network.layers]
    samples = member.fit.plan.batch_size
    return 4 * network.record.model.nbytes + 3 * samples * sum(widths) * network.dtype.itemsize


def likeness_of_member(member: Member) -> Any:
    """Return something hashable that is equal for members that can be trained side by side."""
    network, fit, optimizer = member.network, member.fit, member.network.optimizer
    record, plan, scored = network.record, fit.plan, fit.scored
    done = record.batches if record.plan.tolist() == [*plan] else 0
    free = {name for name in VARYING if vars(optimizer).get(name) is not None}
    return (
        *(likeness(layer) for layer in network.layers),
        likeness(network.loss),
        *(likeness(optimizer, free), optimizer.step_count),
        *(network.dtype.str, plan.samples, plan.batch_size, plan.shuffled, done),
        *(member.rows is None, member.counts() is None, fit.data.x.shape[1:]),
        scored and (scored is fit.data, len(scored.x), scored.shares is None),
    )


def likeness(value: Any, besides: Set[str] = frozenset()) -> Any:
    """Return something hashable that is equal for what computes alike, whatever its numbers."""
    if isinstance(value, Configurable):
        skipped = {"in_network", "_declared", "scratch", "_count", "_rate", *besides}
        if isinstance(value, Stateful):
            skipped |= {*value.state_names}
        for name in getattr(value, "declared", ()):
            skipped |= {name, f"grad_{name}"}
        own = ((name, likeness(each)) for name, each in vars(value).items() if name not in skipped)
        return type(value), *own
    if isinstance(value, (list, tuple)):
        return type(value), *map(likeness, value)
    if isinstance(value, Mapping):
        return type(value), *map(likeness, value.items())
    if isinstance(value, np.ndarray):
        return value.shape, value.dtype.str, value.tobytes()
    if isinstance(value, (str, int, float, bool, type(None))):
        return type(value), value
    return id(value)


def stackable(members: Sequence[Member]) -> bool:
    """Tell whether networks end alike side by side and alone: parts of one's own are tried."""
    if all(is_ours(type(part)) for part in _parts(members[0].network)):
        return True
    try:
        with np.errstate(all="ignore"):
            return _ends_alike(members)
    except Exception:
        return False


def _ends_alike(members: Sequence[Member]) -> bool:
    """Make two steps of copies side by side, and alone."""
    alone, together = (
        [
            Member(
                copy.deepcopy(m.network), Fit(m.fit.data, m.fit.plan, None, ()), m.rows, m.shares
            )
            for m in members
        ]
        for _ in range(2)
    )
    for pair in (alone, together):
        pair[1].network.parameters[...] *= 0.9  # in case the two are one network
    before = [likeness(part) for part in _parts(alone[0].network)]
    places = np.arange(members[0].fit.plan.batch_size)
    stack = Stack(together)
    for _ in range(2):
        stack.whole.step(stack.data.take(np.array([places, places])))
        for member in alone:
            member.network.step(member.batch(places))
    after = [likeness(part) for part in _parts(alone[0].network)]
    tolerance = 1e-9 if members[0].network.dtype == np.float64 else 1e-4
    pairs = [
        pair
        for one, two in zip(alone, together, strict=True)
        for pair in zip(_numbers(one.network), _numbers(two.network), strict=True)
    ]
    return before == after and all(np.allclose(*pair, tolerance, tolerance) for pair in pairs)


def _parts(network: Network) -> list[Configurable]:
    return [*parts_of(network.layers).values(), *network.loss.parts(), network.optimizer]


def _numbers(network: Network) -> list[Array]:
    """Return all that a step has changed."""
    return [*network.record.views.values(), network.gradients]
