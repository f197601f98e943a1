"""One network trained by several workers, each on a shard of the data of its own.

All that a worker has of the others is a function that sums an array over all of them. From it
follow how many there are and a place for each, and so all that one must tell the others. What
fails in one is told in the next sum, and brings all down: none waits for ever.
"""

from __future__ import annotations

import math
import os
import platform
import re
import signal
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import numpy as np

from .. import advice
from ..answers.data import no_validation
from ..callbacks import Callback, checked_callbacks
from ..chance import STEP, Chance
from ..checks import Array, column_names, matrix, real_array, switch, whole_number
from ..errors import (
    BackpropliteError,
    DivergenceError,
    InputError,
    ParameterError,
    ShapeError,
    WorkerError,
    warn,
)
from ..functions import is_finite, norm
from ..layers import learn
from ..training import Batch, Fit, Plan, batches, plan_for, train

if TYPE_CHECKING:
    from ..network import Network

#: So many lines are shown of what two workers differ in.
SHOWN = 6
#: So many boxes has the sheet of a worker: that two mark the same ones is out of the question.
BOXES = 256
#: After so many rounds each of a million workers would have a seat.
ROUNDS = 64


class Ended(BackpropliteError):  # noqa: N818 - no error
    """Another worker has come to the end of the fit."""


class Workers:
    """All workers of a fit, as one of them sees them.

    Parameters
    ----------
    all_reduce : function of an array
        Puts the sum over all workers in its place.

    Attributes
    ----------
    count : int
        How many there are.
    place : int
        The row that is its own in a table of all.
    over : bool
        Whether all have been told of a failure, or cannot be: then there are no more sums.
    """

    count, place, over = 1, 0, False
    #: Whether they have proved to be alike, so that steps can be compared.
    alike = False
    #: Whether an interrupt waits for the next sum.
    interrupted = False
    handler: Any = None

    def __init__(self, all_reduce: Callable[[Array], object]) -> None:
        if not callable(all_reduce):
            raise ParameterError(
                f"all_reduce must be a function that sums an array in place; got {all_reduce!r}."
            )
        self.all_reduce = all_reduce

    def sum(self, array: Array) -> None:
        """Put the sum over all workers in the place of an array."""
        self.over = True  # if that fails, there is no way to tell
        returned = self.all_reduce(array)
        if returned is not None and returned is not array:
            raise ParameterError(
                "all_reduce must sum the array in place; it returned another "
                f"{type(returned).__name__}. With mpi4py: lambda buffer: "
                "comm.Allreduce(MPI.IN_PLACE, buffer)."
            )
        self.over = False

    def meet(self) -> None:
        """Find out how many workers there are, and a place for each among them.

        Each marks half of the boxes on a sheet, by chance: on their sum is seen by all whether it
        is one, as on that of two who look alike it would not be. Then each takes a seat by
        chance; those who share one move to free ones, until none is shared.
        """
        chance, sheet = np.random.default_rng(), np.zeros(BOXES)
        sheet[chance.permutation(BOXES)[: BOXES // 2]] = 1
        self.sum(sheet)
        count = 2 * sheet.sum() / BOXES
        if count < 1 or (sheet % 1).any() or count % 1:
            self.refuse_sum()
        self.count = int(count)
        seats = np.zeros(4 * self.count)
        seat = chance.integers(len(seats))
        for _ in range(ROUNDS):
            if seats.max() == 1:
                break
            if seats[seat] > 1:
                seat = chance.choice(np.flatnonzero(seats == 0))
            seats[...] = 0
            seats[seat] = 1
            self.sum(seats)
            if seats.sum() != count or seats[seat] < 1:
                self.refuse_sum()
        else:
            self.refuse_sum()
        self.place = int(seats[:seat].sum())

    def refuse_sum(self) -> NoReturn:
        """Say that what should sum over all workers does not."""
        self.over = True
        raise ParameterError("all_reduce must give every worker the sum over all of them.")

    def gather(self, row: Sequence[float]) -> Array:
        """Return a table of the numbers of all workers, a row from each."""
        table = np.zeros((self.count, len(row)))
        table[self.place] = row
        self.sum(table.reshape(-1))
        return table

    def texts(self, own: str, places: list[int]) -> list[str]:
        """Return the texts of some of the workers; each gives its own."""
        letters = np.frombuffer(own.encode(), np.uint8)
        lengths = self.gather([len(letters)])[places, 0].astype(int)
        table = np.zeros((len(places), lengths.max()))
        if self.place in places:
            table[places.index(self.place), : len(letters)] = letters
        self.sum(table.reshape(-1))
        rows = zip(table.astype(np.uint8), lengths, strict=True)
        return [row[:length].tobytes().decode() for row, length in rows]

    def agree(
        self,
        network: Network,
        width: int,
        work: Callable[[], Sequence[float]],
        error: BaseException | None = None,
    ) -> Array:
        """Let each do its own work, which gives so many numbers; return those of all.

        If it fails in one, or something has failed there before, it fails in all.
        """
        row: Sequence[float] = [0.0] * width
        try:
            row = work()
        except BaseException as found:
            error = error or found
        error = error or self.interrupt()
        table = self.gather([error is not None, *row])
        if table[:, 0].any():
            self.come_down(network, error)
        return table[:, 1:]

    def come_down(self, network: Network, error: BaseException | None) -> None:
        """Raise one's own error, or what another worker says of its.

        Who is a step ahead of one that failed after the sum of that step takes the step back.
        """
        steps = network.step_count
        table = self.gather([error is not None, steps])
        first = int(table[:, 0].argmax())
        failed = f"{type(error).__name__}: {error}".rstrip(": ")
        (said,) = self.texts(f"({whoami()}) failed: {failed}", [first])
        self.over = True
        if self.alike and steps > table[:, 1].min():
            network.record.all_or_nothing.undo()
        if error is not None:
            raise error
        raise WorkerError(f"another worker {said}")

    def interrupt(self) -> BaseException | None:
        """Return what an interrupt raises that has come meanwhile."""
        if self.interrupted:
            self.interrupted = False
            try:
                self.handler(signal.SIGINT, None)
            except BaseException as error:
                return error
        return None

    @contextmanager
    def interrupts(self) -> Iterator[None]:
        """Let an interrupt wait for the next sum, where all can be told; a second does not wait."""
        self.handler = signal.getsignal(signal.SIGINT)
        main = threading.current_thread() is threading.main_thread()
        if not (main and callable(self.handler)):
            yield
            return

        def wait(number: int, frame: Any) -> None:
            if self.interrupted:
                self.handler(number, frame)
            self.interrupted = True

        signal.signal(signal.SIGINT, wait)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, self.handler)
        if (error := self.interrupt()) is not None:  # it came after the last sum
            raise error


def whoami() -> str:
    """Return what tells a worker from others in a message."""
    return f"process {os.getpid()} on {platform.node()}"


def nothing(batch: Batch) -> Batch:
    """Return no samples of a batch."""
    return Batch(batch.x[:0], batch.targets[:0])


class Shard(NamedTuple):
    """The samples of one worker that count, and the sum of their weights as they were given."""

    batch: Batch
    weight: float

    @classmethod
    def of(cls, network: Network, X: Any, y: Any, sample_weight: Any = None, of: str = "") -> Shard:
        """Return samples ready for use, or say what is wrong with them; there may be none."""
        if hasattr(X, "__len__") and len(X) == 0:
            return cls._empty(network, X, y, of)
        weights = None if sample_weight is None else real_array(f"{of}sample_weight", sample_weight)
        if weights is not None and weights.shape == (len(X),) and not weights.any():
            return cls(nothing(network.prepare(X, y, None, of)), 0.0)
        batch = network.prepare(X, y, weights, of)
        with np.errstate(over="ignore"):
            return cls(batch, float(len(batch.x) if weights is None else weights.sum()))

    @classmethod
    def _empty(cls, network: Network, X: Any, y: Any, of: str) -> Shard:
        shape, features = np.shape(X), network.in_features
        if len(shape) != 2 or features not in (None, shape[1]) or np.shape(y)[:1] != (0,):
            wanted = "features" if features is None else features
            raise ShapeError(
                f"{of}X of a worker without samples must have shape (0, {wanted}), and {of}y a "
                f"length of 0; got shapes {shape} and {np.shape(y)}."
            )
        targets = np.zeros((0, network.out_features or 1), network.dtype)
        return cls(Batch(np.zeros(shape, network.dtype), targets), 0.0)

    def of_classes(self, network: Network, weights: Mapping[Any, float]) -> Shard:
        """Return those that count, each as much as its class does too."""
        batch, weight = self
        factors = network.loss.class_weights(weights, batch.targets)
        if not factors.any():
            return Shard(nothing(batch), 0.0)
        shares = 1 / len(batch.x) if batch.shares is None else batch.shares
        return Shard(
            batch.weighted("class_weight", factors), weight * float((shares * factors).sum())
        )

    def share(self, table: Array) -> float:
        """Return the weight of a sample here, on average, over that of all, of a table of both."""
        samples, weight = table.sum(axis=0)
        if not self.batch.x.size:
            return 0.0
        return self.weight / len(self.batch.x) / (weight / samples)

    def numbers(self) -> list[float]:
        """Return how many there are, and what they weigh."""
        return [len(self.batch.x), self.weight]


class Door:
    """What one worker is given for a fit, checked, and then agreed on with the others."""

    validation: Shard | None = None

    def __init__(self, network: Network, workers: Workers, given: Mapping[str, Any]) -> None:
        self.network, self.workers, self.given = network, workers, given
        self.said = ""

    def look(self) -> list[float]:
        """Check all; return numbers that say whether the workers agree."""
        network, given = self.network, self.given
        network.refuse_changed_layers()
        for name in ("metrics", "validation_split"):
            if given[name] not in ((), None):
                raise ParameterError(
                    f"{name} cannot be had with all_reduce, where no worker has all samples."
                )
        if given["y"] is None:
            raise ParameterError("all_reduce needs arrays X and y, not batches.")
        self.shard = Shard.of(network, given["X"], given["y"], given["sample_weight"])
        self.epochs = whole_number("epochs", given["epochs"], 0)
        if given["batch_size"] is not None:
            whole_number("batch_size", given["batch_size"], 1)
        switch("shuffle", given["shuffle"])
        self.watchers = checked_callbacks(given["callbacks"])
        if switch("progress", given["progress"]):
            from ..progress import progress_callback

            self.watchers.append(progress_callback(self.epochs))
        self.look_at_validation(given["validation_data"])
        self.classes = 0
        if given["class_weight"] is not None:
            self.classes = max(self.shard.batch.targets.shape[1], 2)
            network.loss.class_weights(given["class_weight"], self.shard.batch.targets)
        self.said = self.in_words()
        needed = any(each.needs_score for each in self.watchers)
        return [zlib.crc32(self.said.encode()), needed, self.validation is not None]

    def look_at_validation(self, data: Any) -> None:
        """Check the validation data, whose columns must be like those of the training data."""
        if data is None:
            return
        if not isinstance(data, (tuple, list)) or len(data) not in (2, 3):
            raise no_validation(data)
        network, (X, y, *weight) = self.network, data
        if columns := not network.feature_names and column_names(self.given["X"]):
            X = matrix("validation X", X, network.dtype, network.in_features, columns)
        weights = weight[0] if weight else None
        self.validation = Shard.of(network, X, y, weights, "validation ")

    def in_words(self) -> str:
        """Return all that must be alike on all workers, a line for each thing."""
        settings = ("epochs", "batch_size", "shuffle", "class_weight")
        lines = [
            *re.sub(" at 0x[0-9A-Fa-f]+", "", repr(self.network)).splitlines(),
            f"seed={self.network.seed}",
            *(f"{name}={self.given[name]!r}" for name in settings),
            f"frozen={[*self.network.frozen]}",
            f"all that training changes: checksum {zlib.crc32(self.network.record.bytes.data):x}",
        ]
        return "\n".join(line.strip() for line in lines)

    def agree(self) -> SharedFit:
        """Return the fit that all workers have agreed on."""
        network, workers = self.network, self.workers
        table = workers.agree(network, 3, self.look)
        self.refuse_others(table[:, 0])
        needed, validated = table[:, 1].any(), table[:, 2].any()
        weights = self.weights_of_classes() if self.classes else None
        validation = self.validation
        if validation is None:
            validation = Shard(nothing(self.shard.batch), 0.0)
        shuffle, batch_size = bool(self.given["shuffle"]), self.given["batch_size"]

        def numbers() -> list[float]:
            if weights is not None:
                self.shard = self.shard.of_classes(network, weights)
            checksum = plan_for(self.shard.batch, None, False).checksum
            return [*self.shard.numbers(), checksum, *validation.numbers()]

        table = workers.agree(network, 5, numbers)
        refuse_weightless(table[:, :2], "")
        if validated:
            refuse_weightless(table[:, 3:], "validation ")
        order = np.lexsort(table[:, :3].T)
        sizes = table[:, 0].astype(int)
        size = int(min(batch_size or sizes.max(), sizes.max()))
        everything = zlib.crc32(np.ascontiguousarray(table[order, :3]).data)
        plan = Plan(int(sizes.sum()), size, shuffle, everything)
        fit = SharedFit(network, workers, self.shard, plan, self.watchers, table[:, :2])
        fit.rank = order.tolist().index(workers.place)
        if validated:
            fit.score_on(validation, table[:, 3:])
        elif needed:
            fit.score_on(self.shard, table[:, :2])
        return fit

    def refuse_others(self, checksums: Array) -> None:
        """Refuse workers that differ, with both shown."""
        places = [0, int((checksums != checksums[0]).argmax())]
        if not places[1]:
            self.workers.alike = True
            return
        own = f"{whoami()}\n{self.said}"
        (one, *ones), (other, *others) = (t.split("\n") for t in self.workers.texts(own, places))
        self.workers.over = True
        differing = [
            [x for x in a if x not in b][:SHOWN] for a, b in ((ones, others), (others, ones))
        ]
        here, there = (" ".join(lines).rstrip(",") for lines in differing)
        raise ParameterError(
            f"all workers must train the same network in the same way; {one} has {here}; {other} "
            f"has {there}. Give all the same, from one seed or one file."
        )

    def weights_of_classes(self) -> Any:
        """Return what classes count over the samples of all workers."""
        network, weights, k = self.network, self.given["class_weight"], self.classes
        if weights == "balanced":
            labels = {label: label for label in range(k)}

            def count() -> list[float]:
                classes = network.loss.class_weights(labels, self.shard.batch.targets)
                return np.bincount(classes.astype(int), minlength=k).tolist()

            counts = self.workers.agree(network, k, count).sum(axis=0)
            weights = dict(enumerate(1 / np.maximum(counts, 1)))
        return weights


def refuse_weightless(table: Array, of: str) -> None:
    """Refuse samples of all workers that weigh nothing together, or more than a float holds."""
    samples, weight = table.sum(axis=0)
    if not samples:
        raise InputError(f"{of}X must hold a sample that counts on one worker at least; none has.")
    if not 0 < weight < math.inf:
        raise InputError(
            f"{of}sample_weight must have a sum over all workers that is a float; got {weight}. "
            "Scale it."
        )


class SharedFit(Fit):
    """The share of one worker in a fit of several.

    Step i is made on the i-th batches of all workers together, each of `batch_size` samples at
    most; who has none left takes part with nothing.

    Parameters
    ----------
    network : Network
    workers : Workers
    shard : Shard
        What this one trains on.
    plan : Plan
        That of all together.
    callbacks : sequence of Callback
    table : array of shape (workers, 2)
        How many samples each has, and what they weigh.
    """

    #: Its place among the shards in the order of their numbers, which no chance has a hand in.
    rank = 0
    newest, closed = math.nan, False
    data: Batch
    scored_share = 0.0

    def __init__(
        self,
        network: Network,
        workers: Workers,
        shard: Shard,
        plan: Plan,
        callbacks: Sequence[Callback],
        table: Array,
    ) -> None:
        super().__init__(shard.batch, plan, None, callbacks)
        self.scored, self.workers = None, workers
        self.own = plan_for(shard.batch, plan.batch_size, plan.shuffled)
        self.sizes, self.share = table[:, 0].astype(int), shard.share(table)
        self.steps = -(-int(self.sizes.max()) // plan.batch_size)
        self.chance: Chance | None = None
        parameters, states = network.parameters.size, network.record.model.size
        states -= parameters
        parts = [part for layer in network.layers for part in layer.parts().values()]
        lengths = [sum(np.size(getattr(p, n)) for n in p.state_names) for p in parts]
        self.lengths = [length for length in lengths if length]
        ends = np.cumsum([parameters, states, len(self.lengths), 1, 1, 1, 1])
        self.buffer = np.zeros(ends[-1], network.dtype)
        pieces = np.split(self.buffer, ends[:-1])
        self.gradients, self.moved, self.learners, self.value, self.rate, *flags = pieces
        self.failed, self.ended = flags

    def score_on(self, shard: Shard, table: Array) -> None:
        """Score each epoch on these samples of all workers."""
        self.scored = shard.batch
        self.scored_share = shard.share(table) * len(shard.batch.x) / table[:, 0].sum()

    # What takes the place of what a fit alone does.

    def batches(self, network: Network) -> Iterator[tuple[Batch, float | None]]:
        yield from batches(network, self.data, self.own)
        while network.record.batches < self.steps:
            yield nothing(self.data), None
        self.newest = self.new_score(network)

    def score(self, network: Network) -> float:
        """Return the newest score, that of the start or of the newest epoch."""
        return self.newest

    def new_score(self, network: Network) -> float:
        """Return the loss now on what all workers are scored on."""
        if self.scored is None:
            return math.nan
        scored = self.scored

        def fill() -> None:
            if len(scored.x):
                self.value[...] = float(network.score(scored)) * self.scored_share

        self.sum(network, fill)
        return float(self.value[0])

    def step(self, network: Network, batch: Batch, weight: float | None) -> float:
        """Make one step together with all other workers, or none."""
        start, size = network.record.batches * self.plan.batch_size, self.plan.batch_size
        samples = int(np.clip(self.sizes - start, 0, size).sum())
        share = self.share * len(batch.x) / samples
        self.sum(network, lambda: self.fill(network, batch, share))
        loss, rate = float(self.value[0]), network.optimizer.current_rate()
        if not math.isclose(rate * self.workers.count, self.rate[0], rel_tol=1e-5):
            raise ParameterError(
                f"the learning rate must be the same on all workers; here it is {rate:g}, on "
                f"average {self.rate[0] / self.workers.count:g}. Give callbacks that change it "
                "to all."
            )
        if not math.isfinite(loss):
            raise DivergenceError(f"the loss turned {loss}", learning_rate=rate)
        states = network.record.model[len(self.gradients) :]
        learnt = states + self.moved / np.repeat(np.maximum(self.learners, 1), self.lengths)
        if not is_finite(learnt):
            raise DivergenceError("a running statistic turned NaN or infinite", learning_rate=rate)
        network.gradients[...] = self.gradients
        network.update((), float(samples), loss, norm(network.gradients))
        states[...] = learnt
        return loss

    def fill(self, network: Network, batch: Batch, share: float) -> None:
        """Write into the buffer what this worker adds to the step."""
        self.rate[...] = network.optimizer.current_rate()
        if not len(batch.x):
            return
        outputs, caches = zip(*network.way_forward(batch.x, self.draws(network)), strict=True)
        loss, slope = network.loss.value_and_gradient(outputs[-1], batch.targets, batch.shares)
        network.backward_parameters(slope, caches)
        np.multiply(network.gradients, share, out=self.gradients)
        self.value[...] = loss * share
        self.learn(network, caches, len(batch.x))

    def draws(self, network: Network) -> np.random.Generator:
        """Return the generator of the coming step: another on each worker."""
        if not self.rank:
            return network.draws()
        if self.chance is None:
            own = np.random.SeedSequence([self.rank, network.seed]).generate_state(4)
            self.chance = Chance(int.from_bytes(own.tobytes(), "little"))
        return self.chance.at(STEP, network.step_count)

    def learn(self, network: Network, caches: Sequence[Any], samples: int) -> None:
        """Let layers learn from the batch; keep how that moves their state, and put it back."""
        states = network.record.model[len(self.gradients) :]
        before = states.copy()
        try:
            learn(network.layers, caches)
            moved = states - before
        finally:
            states[...] = before
        ends = np.cumsum([0, *self.lengths]).tolist()
        for i, (start, end) in enumerate(pairwise(ends)):
            if moved[start:end].any():
                self.moved[start:end] = moved[start:end] * samples
                self.learners[i] = samples

    # Sums, and the end.

    def sum(
        self,
        network: Network,
        fill: Callable[[], None],
        error: BaseException | None = None,
        ended: bool = False,
    ) -> None:
        """Fill the buffer and sum it; if something has failed in one worker, it does in all."""
        self.buffer[...] = 0
        try:
            fill()
        except BaseException as found:
            error = error or found
        error = error or self.workers.interrupt()
        if error is not None:
            self.buffer[...] = 0
        self.failed[...], self.ended[...] = error is not None, ended
        self.workers.sum(self.buffer)
        if self.failed[0]:
            self.workers.come_down(network, error)
        self.closed = self.ended[0] > 0
        if self.closed and not ended:
            network.stop_training = True
            raise Ended

    def run(self, network: Network, epochs: int, names: tuple[str, ...] | None) -> None:
        """Train, from the checks before the fit to the end that all workers come to."""
        error: BaseException | None = None
        try:
            if len(self.data.x):
                advice.before_fit(network, self)
            self.newest = self.new_score(network)
            with self.of(network), suppress(Ended):
                network.feature_names = network.feature_names or names
                train(network, self, epochs)
        except BaseException as found:
            error = found
            if self.workers.over:
                raise
        self.close(network, error)

    def close(self, network: Network, error: BaseException | None) -> None:
        """Come to the end with all others; warn if they differ by then."""
        if not self.closed:
            self.sum(network, lambda: None, error, ended=True)

        def checksum() -> list[float]:
            return [zlib.crc32(network.record.model.data)]

        checksums = self.workers.agree(network, 1, checksum, error)
        if (checksums != checksums[0]).any():
            warn(
                "the workers have ended with different parameters: something has changed them on "
                "some only, such as EarlyStopping. Give it to all."
            )


GIVEN = (
    *("X", "y", "epochs", "batch_size", "shuffle", "validation_data", "sample_weight"),
    *("class_weight", "callbacks", "progress", "metrics", "validation_split"),
)


def fit_with_workers(
    network: Network, all_reduce: Callable[[Array], object], *arguments: Any
) -> Network:
    """Train a network as one of several workers; the arguments are those of `Network.fit`."""
    workers, given = Workers(all_reduce), dict(zip(GIVEN, arguments, strict=True))
    with workers.interrupts():
        workers.meet()
        fit = Door(network, workers, given).agree()
        fit.run(network, given["epochs"], column_names(given["X"]))
    if len(fit.data.x):
        advice.after_fit(network, fit)
    return network
