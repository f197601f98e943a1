"""Where members are trained: here, or spread over workers by joblib (extra `parallel`).

A worker trains copies. What they have become is taken over, all of it or none, by the caller's own
networks and callbacks, so that whoever holds a layer or a view of it sees it change.
"""

from __future__ import annotations

import inspect
import itertools
import pickle
import sys
import traceback
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

import numpy as np

from ..callbacks import Callback
from ..checks import Array
from ..errors import MissingExtraError, ParameterError
from ..layers import parts_of
from ..network import Network
from ..threads import one_thread
from .progress import Overall
from .stack import Member, groups, train_stack


def checked_jobs(n_jobs: Any) -> int | None:
    """Return over how many processes to spread, None to ask joblib; refuse what is no number."""
    whole = isinstance(n_jobs, int) and not isinstance(n_jobs, bool)
    if n_jobs is not None and (not whole or n_jobs == 0):
        raise ParameterError(
            f"n_jobs must be a whole number, -1 for all cores, or None; got {n_jobs!r}."
        )
    if n_jobs not in (None, 1):
        try:
            import joblib  # noqa: F401
        except ImportError:
            raise MissingExtraError(
                "n_jobs needs joblib: pip install 'backproplite[parallel]'"
            ) from None
    return n_jobs


def workers_for(n_jobs: int | None) -> int:
    """Return how many workers joblib would have; where nobody has asked for it, one."""
    if n_jobs is None and "joblib" not in sys.modules:
        return 1
    import joblib

    return int(joblib.effective_n_jobs(n_jobs))


def train_members(
    members: Sequence[Member], epochs: int, n_jobs: int | None, overall: Overall | None
) -> None:
    """Train all members, wherever joblib says."""
    workers = 1 if n_jobs == 1 else workers_for(n_jobs)
    for member in members:
        member.network.stop_training, member.network.diverged = False, None
    with ExitStack() as stack:
        if overall is not None:
            stack.callback(overall.close)
        if workers > 1:
            _train_in_workers(members, epochs, n_jobs, workers, overall)
            return
        if overall is not None:
            for member in members:
                member.watch = overall
        for group in groups(members):
            train_stack(group, epochs)
        if overall is not None:
            overall.show()


def spread(grouped: Sequence[list[Member]], workers: int) -> list[list[Member]]:
    """Cut groups so that there is work for all workers, into nearly equal pieces."""
    total, pieces = sum(map(len, grouped)), []
    for group in grouped:
        count = min(-(-len(group) * workers // total), len(group))
        ends = [len(group) * i // count for i in range(count + 1)]
        pieces += [group[a:b] for a, b in itertools.pairwise(ends)]
    return sorted(pieces, key=len, reverse=True)  # so that none is begun late and takes long


class Outcome(NamedTuple):
    """What training has changed of a member.

    Attributes
    ----------
    views : dict of arrays
        Its record.
    gradients : array
    known : int
        How long its history was before.
    history : dict of arrays
        What has been added to it.
    own : dict
        Attributes of the network.
    settings : dict
        Those of the optimizer, but for functions.
    trainable : list of bool
        Which of all layers are.
    callbacks : list of dict
        Attributes of each callback.
    first_loss : float or None
    """

    views: dict[str, Array]
    gradients: Array
    known: int
    history: dict[str, Array]
    own: dict[str, Any]
    settings: dict[str, Any]
    trainable: list[bool]
    callbacks: list[dict[str, Any]]
    first_loss: float | None


def outcome(member: Member, known: int) -> Outcome:
    """Return what training has changed of a member whose history was so long before."""
    network, fit = member.network, member.fit
    own = {name: getattr(network, name) for name in ("stop_training", "diverged", "cut_off")}
    settings, *kept = (
        {name: value for name, value in memory.items() if not _is_setting(value)}
        for memory in (network.optimizer.settings(), *map(memory_of, fit.callbacks))
    )
    trainable = [part.trainable for part in parts_of(network.layers).values()]
    views = network.record.views
    history = {name: np.array(values[known:]) for name, values in network.history.items()}
    rest = settings, trainable, kept, fit.first_loss
    return Outcome(views, network.gradients, known, history, own, *rest)


def memory_of(callback: Callback) -> dict[str, Any]:
    """Return the attributes of a callback, or of the object that it wraps."""
    whose = vars(callback).get("function", callback)
    return {} if inspect.isroutine(whose) else getattr(whose, "__dict__", {})


def _is_setting(value: Any) -> bool:
    """Whether a value is no memory: functions, and networks, which the caller has himself."""
    return callable(value) or isinstance(value, Network)


def take_over(member: Member, become: Outcome) -> None:
    """Let a member be what it has become in a worker; where that is this process, it is already."""
    network, fit = member.network, member.fit
    network.record.enter(become.history)
    with network.record.all_or_nothing:
        for name, array in become.views.items():
            network.record.views[name][...] = array
        for name, values in become.history.items():
            network.history[name][become.known :] = values.tolist()
    network.gradients[...] = become.gradients
    vars(network).update(become.own)
    vars(network.optimizer).update(become.settings)
    for part, trainable in zip(parts_of(network.layers).values(), become.trainable, strict=True):
        part.trainable = trainable
    for callback, memory in zip(fit.callbacks, become.callbacks, strict=True):
        memory_of(callback).update(memory)
    fit.first_loss = become.first_loss


def _work(
    place: int, members: Sequence[Member], epochs: int
) -> tuple[int, list[Outcome], BaseException | None, str]:
    """Train members in a worker; return what they have become, also where that ended in an error.

    With it comes the text of its traceback, which does not travel.
    """
    for member in members:
        for array in member.fit.data:
            if array is not None:
                array.flags.writeable = False  # as it was here; a layer may try
    known = [len(member.network.history["loss"]) for member in members]
    error, text = None, ""
    try:
        with one_thread():
            train_stack(members, epochs)
    except BaseException as raised:
        error, text = portable(raised), "".join(traceback.format_exception(raised))
    return place, [*map(outcome, members, known)], error, text


def portable(error: BaseException) -> BaseException:
    """Return an error that comes through to another process: as it is, if it does."""
    try:
        pickle.loads(pickle.dumps(error))
        return error
    except Exception:
        other = RuntimeError(f"{type(error).__name__}: {error}")
        for note in getattr(error, "__notes__", ()):
            other.add_note(note)
        return other


def _train_in_workers(
    members: Sequence[Member],
    epochs: int,
    n_jobs: int | None,
    workers: int,
    overall: Overall | None,
) -> None:
    import joblib
    from joblib.parallel import get_active_backend

    pieces = spread(groups(members), workers)
    as_they_come = get_active_backend()[0].supports_return_generator
    parallel = joblib.Parallel(
        n_jobs, batch_size=1, return_as="generator_unordered" if as_they_come else "list"
    )
    calls = (joblib.delayed(_work)(i, piece, epochs) for i, piece in enumerate(pieces))
    results = parallel(calls)
    with one_thread():  # for all, where workers are threads of this process
        try:
            for place, outcomes, error, text in results:
                for member, become in zip(pieces[place], outcomes, strict=True):
                    take_over(member, become)
                if overall is not None:
                    overall.show()
                if error is not None:
                    if error.__traceback__ is None:
                        error.add_note(f"In the worker it came up so:\n{text}")
                    raise error
        except BaseException as error:
            if as_they_come:
                results.throw(error)  # or joblib would warn of what is not waited for
            raise
