"""How many threads BLAS has while a network is trained, and that it gets back what it had."""

import builtins
import threading

import numpy as np
import pytest
from test_faults import interrupted_at

import backproplite as bp
from backproplite import threads

HAD = 7


class Library:
    """What threadpoolctl offers of a BLAS."""

    num_threads = HAD
    fails = ()

    def __init__(self):
        self.set = []

    def set_num_threads(self, count):
        self.set.append(count)
        self.num_threads = count
        if len(self.set) in self.fails:
            raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch):
    for name in threads.SETTINGS:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def libraries(monkeypatch):
    both = [Library(), Library()]
    monkeypatch.setattr(threads, "blas", lambda: both)
    yield both
    assert [each.num_threads for each in both] == [HAD, HAD]
    assert not threads._within
    assert not threads._before


def counts(sizes, samples, batch_size=None, scored=0):
    """Fit a network for an epoch; return how many threads there were on the way."""
    network = bp.Network([bp.Dense(*sizes)], bp.MeanSquaredError(), dtype="float32")
    X, y = np.zeros((samples, sizes[0])), np.zeros((samples, sizes[1]))
    seen = []
    network.fit(
        X, y, 1, batch_size, callbacks=lambda _: seen.append(threads.blas()[0].num_threads),
        validation_data=(np.zeros((scored, sizes[0])), np.zeros((scored, sizes[1]))) if scored else None,
    )  # fmt: skip
    return seen


@pytest.mark.parametrize(
    ("sizes", "samples", "batch_size", "scored", "expected"),
    [
        ((2, 4), 4, None, 0, HAD),  # nothing that a BLAS would share
        ((64, 64), 63, None, 0, HAD),
        ((64, 64), 64, None, 0, 1),
        ((64, 64), 64, 63, 0, HAD),
        ((64, 64), 32, None, 9, 1),  # and maybe many more samples in a score
        ((99, 100), 1, None, 0, 1),  # long vectors alone
        ((1023, 1024), 128, None, 0, 1),
        ((1023, 1024), 129, None, 0, HAD),  # products that gain
        ((1023, 1024), 129, 128, 0, 1),
    ],
)
def test_where_products_are_small_blas_has_one_thread(
    libraries, sizes, samples, batch_size, scored, expected
):
    assert counts(sizes, samples, batch_size, scored) == [expected]


def test_the_bounds_are_those_of_one_product():
    assert threads.LEAST == 64 * 64 * 64
    assert threads.MOST == 1024 * 1024 * 128


@pytest.mark.parametrize("name", sorted(threads.SETTINGS))
def test_what_somebody_has_set_is_left_alone(libraries, monkeypatch, name):
    monkeypatch.setenv(name, "2")
    assert counts((64, 64), 64) == [HAD]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_gives_the_threads_back(libraries, error):
    def fail(network):
        assert libraries[0].num_threads == 1
        raise error

    network = bp.Network([bp.Dense(100, 100)], bp.MeanSquaredError())
    with pytest.raises(error):
        network.fit(np.zeros((9, 100)), np.zeros((9, 100)), 1, callbacks=fail)


@pytest.mark.parametrize("calls", [(1,), (2,)])
def test_an_interrupt_while_they_are_taken_gives_them_back(libraries, calls):
    for each in libraries:
        each.fails = calls if each is libraries[1] and calls == (1,) else ()
    libraries[0].fails = (1,) if calls == (2,) else ()
    with pytest.raises(KeyboardInterrupt), threads.one_thread():
        raise AssertionError


def test_the_last_of_several_gives_them_back(libraries):
    inner, outer = threads.one_thread(), threads.one_thread()
    for each in (outer, inner):
        each.__enter__()
    for each in (outer, inner):  # not the way that they nest: fits in two threads
        assert libraries[0].num_threads == 1
        each.__exit__(None, None, None)
    assert libraries[0].num_threads == HAD


def test_fits_in_many_threads_give_them_back(libraries):
    workers = [threading.Thread(target=counts, args=((100, 100), 9)) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def test_ctrl_c_anywhere_keeps_nobody_within(libraries):
    def limited():
        with threads.one_thread():
            pass

    moment, interrupted = 0, True
    while interrupted:
        moment += 1
        interrupted = interrupted_at(moment, limited)
        limited()
        assert libraries[0].num_threads == HAD
    assert moment > 50


def test_without_threadpoolctl_nothing_is_done(monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **named):
        if name == "threadpoolctl":
            raise ImportError
        return real(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    assert threads.blas.__wrapped__() == []
    monkeypatch.setattr(threads, "blas", list)
    with threads.one_thread():
        pass


def test_the_blas_of_numpy_itself_has_one_thread():
    threadpoolctl = pytest.importorskip("threadpoolctl")

    def now():
        libraries = threadpoolctl.threadpool_info()  # SciPy may have brought another
        return {e["num_threads"] for e in libraries if "numpy" in e["filepath"]}

    before = now()
    seen = []
    network = bp.Network([bp.Dense(100, 100)], bp.MeanSquaredError())
    network.fit(np.zeros((9, 100)), np.zeros((9, 100)), 1, callbacks=lambda _: seen.append(now()))
    assert seen == [{1}]
    assert now() == before
