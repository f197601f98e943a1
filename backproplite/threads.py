"""How many threads BLAS uses while a network is trained: one, where more would gain nothing.

Threads wait for each other actively. Where something else keeps the cores busy, a product that they
share waits until the system lets all of them run, which takes longer than all the rest of a small
step. It needs threadpoolctl; without it nothing is done.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

if TYPE_CHECKING:
    from .network import Network
    from .training import Fit

#: Below this many multiplications in a product no BLAS shares it, nor a vector below this size.
LEAST, LEAST_VECTOR = 2**18, 10_000
#: Up to this many, two threads save two fifths at most on a quiet machine, and cost tenfold on a
#: busy one. It is a matter of size alone: the number of threads can change the last bits.
MOST = 2**27
#: Who has set one of these knows better.
SETTINGS = {"OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"}


class _Within:
    """Something that is within."""


#: Those that are within, and how many threads each library had before the first.
_within: WeakSet[_Within] = WeakSet()
_before: dict[Any, int] = {}


def fitting_threads(network: Network, fit: Fit) -> AbstractContextManager[None]:
    """Return the context for a fit, in which BLAS has as many threads as serve it."""
    size, samples = network.parameters.size, fit.plan.batch_size or len(fit.data.x)
    little = size < LEAST_VECTOR and size * samples < LEAST
    nothing_to_share = little and fit.scored is None and fit.metrics is None
    if nothing_to_share or not SETTINGS.isdisjoint(os.environ):
        return nullcontext()
    largest = max(each.stop - each.start for each in network.stretches)
    return one_thread() if samples * largest <= MOST else nullcontext()


@contextmanager
def one_thread() -> Iterator[None]:
    """Let BLAS use one thread in the whole process, until the last that asks for it has left.

    There is no lock, which an interrupt could leave closed. One that it keeps from leaving has left
    once nothing holds it, and the next to leave gives the threads back.
    """
    me, before = _Within(), dict[Any, int]()
    try:
        _within.add(me)  # first, so that nobody gives them back meanwhile
        before |= {each: _before.setdefault(each, each.num_threads) for each in blas()}
        for library in before:
            library.set_num_threads(1)
        yield
    finally:
        _within.discard(me)
        if not _within:
            for library, threads in before.items():
                library.set_num_threads(threads)
            _before.clear()


@cache
def blas() -> list[Any]:
    """Return what controls the threads of each BLAS that is loaded."""
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return []
    return list(ThreadpoolController().select(user_api="blas").lib_controllers)
