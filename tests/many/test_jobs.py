"""Work that is spread over workers comes back as if it had been done here."""

import copy
import os
import signal
import sys

import numpy as np
import pytest
from many.common import XOR, Diary, Fault, assert_same, small

import backproplite as bp
from backproplite.many import jobs
from backproplite.many.stack import Member

joblib = pytest.importorskip("joblib")
X, y = XOR
#: What starts processes warns of these by itself.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


class Memo:
    """Any callable will do as a callback; this one counts, and notes where."""

    def __init__(self):
        self.count, self.process = 0, None

    def __call__(self, network):
        self.count += 1
        self.process = os.getpid()


def crowd():
    """Networks of two architectures, one of which diverges, and callbacks with memories."""
    wild = bp.Network([bp.Dense(2, 4), bp.Dense(4, 1)], bp.MeanSquaredError(),
                      bp.GradientDescent(50.0), seed=9)  # fmt: skip
    normal = bp.Network(
        [bp.Dense(2, 4), bp.BatchNorm(4), bp.ReLU(), bp.Dropout(0.2), bp.Dense(4, 1)],
        bp.MeanSquaredError(),
    )
    networks = [*(small(seed, 0.3) for seed in range(3)), wild]
    networks += bp.variants(normal, seed=range(3))
    callbacks = [[bp.EarlyStopping(9), Diary(), Memo()] for _ in networks]
    return networks, callbacks


def trained(networks, callbacks, **options):
    return bp.fit_together(
        networks, X, y, 30, 2, callbacks=callbacks, validation_data=(X, y), **options
    )


def check(**options):
    networks, callbacks = crowd()
    layers = [network.layers[0] for network in networks]
    held = [network.parameters for network in networks]
    trained(networks, callbacks, **options)
    others, memories = crowd()
    trained(others, memories)
    for network, other in zip(networks, others, strict=True):
        assert_same(network, other)
    assert networks[3].diverged
    for mine, its in zip(callbacks, memories, strict=True):
        assert mine[0].best_epoch == its[0].best_epoch
        np.testing.assert_allclose(mine[1].steps, its[1].steps, 1e-9, 1e-12)
        assert mine[2].count == its[2].count
        assert (mine[2].process == os.getpid()) == (not options)
    for network, layer, parameters in zip(networks, layers, held, strict=True):
        assert network.layers[0] is layer
        np.testing.assert_array_equal(network.parameters[: layer.weight.size], layer.weight.ravel())
        if options:  # what somebody holds a view of has not moved
            assert parameters is network.parameters
    trained(networks, memories)
    trained(others, callbacks)
    for network, other in zip(networks, others, strict=True):
        assert_same(network, other)


def test_two_processes():
    check(n_jobs=2)


class Freeze:
    def __call__(self, network):
        network.layers[0].trainable = False


def test_the_rate_that_a_callback_lowered_and_the_layer_that_it_froze_come_back():
    networks = [small(seed, 0.3) for seed in range(3)]
    others = copy.deepcopy(networks)
    for each, n_jobs in ((networks, 2), (others, None)):
        lower = bp.ReduceOnPlateau(0.5, 1, min_delta=9.0)
        bp.fit_together(each, X, y, 4, callbacks=[lower, Freeze()], n_jobs=n_jobs)
        assert {network.optimizer.learning_rate for network in each} == {0.3 / 8}
        assert [[*network.frozen] for network in each] == [["layers[0]"]] * 3


def test_threads():
    with joblib.parallel_config("threading"):
        networks, callbacks = crowd()
        others, memories = copy.deepcopy((networks, callbacks))
        trained(networks, callbacks, n_jobs=3)
    trained(others, memories)
    for network, other in zip(networks, others, strict=True):
        assert_same(network, other)


def test_a_backend_that_gives_all_at_once(monkeypatch):
    from joblib._parallel_backends import LokyBackend

    monkeypatch.setattr(LokyBackend, "supports_return_generator", False)
    check(n_jobs=2)


def test_none_is_what_joblib_has_been_told(monkeypatch):
    seen = []

    def here(members, epochs, n_jobs, workers, overall):
        seen.append(workers)

    monkeypatch.setattr(jobs, "_train_in_workers", here)
    networks = [small(0), small(1)]
    bp.fit_together(networks, X, y, 1)
    with joblib.parallel_config(n_jobs=2):
        bp.fit_together(networks, X, y, 1)
        bp.fit_together(networks, X, y, 1, n_jobs=1)
        bp.fit_together(networks, X, y, 1, n_jobs=5)
    monkeypatch.delitem(sys.modules, "joblib")  # nobody has asked for it
    bp.fit_together(networks, X, y, 1)
    assert "joblib" not in sys.modules
    assert seen == [2, 5]


@pytest.mark.parametrize("workers", range(1, 8))
@pytest.mark.parametrize("sizes", [[1], [64], [3, 5], [1, 1, 1], [40, 1, 2], [2] * 9])
def test_there_is_work_for_all(sizes, workers):
    members = iter([Member(None, None) for _ in range(sum(sizes))])
    grouped = [[next(members) for _ in range(size)] for size in sizes]
    pieces = jobs.spread(grouped, workers)
    assert len(pieces) >= min(workers, sum(sizes))
    assert len(pieces) <= max(workers + len(sizes), 1)
    assert max(map(len, pieces)) <= -(-sum(sizes) // workers)
    flat = [member for piece in pieces for member in piece]
    assert {*flat} == {member for group in grouped for member in group}
    assert len(flat) == sum(sizes)


class UnfriendlyError(Exception):
    """An error that no pickle brings back."""

    def __init__(self, what, why):
        super().__init__(f"{what} {why}")


def unfriendly():
    return UnfriendlyError("no", "way")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("no"), "ValueError('no')"),
        (KeyboardInterrupt(), "KeyboardInterrupt()"),
        (unfriendly, "RuntimeError('UnfriendlyError: no way')"),
    ],
)
def test_an_error_in_a_worker_names_the_network_and_the_line(error, expected):
    networks = [small(seed) for seed in range(4)]
    callbacks = [[], [], [Fault(error, 3)], []]
    with pytest.raises((ValueError, KeyboardInterrupt, RuntimeError)) as caught:
        bp.fit_together(networks, X, y, 5, callbacks=callbacks, n_jobs=2)
    assert repr(caught.value) == expected
    notes = caught.value.__notes__
    assert "This came up in networks[2]." in notes
    assert "raise self.error" in notes[-1]
    whole = [small(seed).fit(X, y, 5) for seed in range(4)]
    for network, other in zip(networks, whole, strict=True):
        network.fit(X, y, 5 - network.epoch_count)
        np.testing.assert_array_equal(network.parameters, other.parameters)


class Interrupting(bp.Callback):
    """Presses Ctrl-C in the process that waits."""

    def __init__(self, whose):
        self.whose = whose

    def __call__(self, network):
        if network.epoch_count == 3:
            os.kill(self.whose, signal.SIGINT)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_ctrl_c_leaves_each_network_as_it_was_or_done():
    networks = [small(seed) for seed in range(4)]
    callbacks = [[Interrupting(os.getpid())], [], [], []]
    with pytest.raises(KeyboardInterrupt):
        bp.fit_together(networks, X, y, 200_000, callbacks=callbacks, n_jobs=2)
    for seed, network in enumerate(networks):
        assert_same(network, small(seed))
    check(n_jobs=2)


def test_progress_goes_by_what_comes_back(capsys):
    networks = [small(seed) for seed in range(4)]
    bp.fit_together(networks, X, y, 5, progress=True, n_jobs=2)
    shown = capsys.readouterr().err.split("\r")
    assert "20/20" in shown[-1]
    assert "4 done" in shown[-1]


def test_without_joblib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "joblib", None)
    networks = [small(0)]
    with pytest.raises(bp.MissingExtraError, match=r"backproplite\[parallel\]"):
        bp.fit_together(networks, X, y, 1, n_jobs=2)
    bp.fit_together(networks, X, y, 1, n_jobs=1)


def test_without_threadpoolctl_it_goes_on_too(monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    with joblib.parallel_config("threading"):
        bp.fit_together([small(0), small(1)], X, y, 1, n_jobs=2)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_cluster_of_dask():
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with (
        distributed.LocalCluster(processes=True, **options) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config("dask"),
    ):
        check(n_jobs=None)
        networks = [small(seed) for seed in range(4)]
        with pytest.raises(ValueError, match="no") as caught:
            bp.fit_together(networks, X, y, 5, callbacks=[[], [], [], [Fault(ValueError("no"), 2)]])
        assert "This came up in networks[3]." in caught.value.__notes__
