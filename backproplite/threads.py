"""How many threads BLAS uses while a network is trained: one, where more would gain nothing.

Threads wait for each other actively. Where something else keeps the cores busy, a product that they
share waits until the system lets all of them run, which takes longer than all the rest of a small
step. It needs threadpoolctl; without it nothing is done.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .network import Network
    from .training import Fit

#: Below this many multiplications in a product no BLAS shares it, nor a vector below this size.
LEAST, LEAST_VECTOR = 2**18, 10_000
#: Up to this many, a product is done sooner than a thread that was put to sleep wakes up.
MOST = 2**28

_lock = Lock()
_limited: list[list[tuple[Any, int]]] = []  # for each that is within, what to go back to


def fitting_threads(network: Network, fit: Fit) -> AbstractContextManager[None]:
    """Return the context for a fit, in which BLAS has as many threads as serve it."""
    size, samples = network.parameters.size, fit.plan.batch_size
    if size < LEAST_VECTOR and size * samples < LEAST and fit.scored is None:
        return nullcontext()
    largest = max(each.stop - each.start for each in network.stretches)
    return one_thread() if samples * largest <= MOST else nullcontext()


@contextmanager
def one_thread() -> Iterator[None]:
    """Let BLAS use one thread in the whole process, until the last that asks for it has left."""
    libraries = blas()
    mine: list[tuple[Any, int]] = []
    try:
        with _lock:
            mine += _limited[0] if _limited else [(each, each.num_threads) for each in libraries]
            _limited.append(mine)
            for library, _ in mine:
                library.set_num_threads(1)
        yield
    finally:
        with _lock:
            _limited[:] = [each for each in _limited if each is not mine]
            for library, threads in () if _limited else mine:
                library.set_num_threads(threads)


@cache
def blas() -> list[Any]:
    """Return what controls the threads of each BLAS that is loaded."""
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return []
    return list(ThreadpoolController().select(user_api="blas").lib_controllers)
