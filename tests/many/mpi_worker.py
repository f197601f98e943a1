"""One of several workers that mpiexec starts: `python mpi_worker.py CASE FOLDER`."""

import os
import pathlib
import signal
import sys

import numpy as np
from mpi4py import MPI

import backproplite as bp

CASE, FOLDER = sys.argv[1], pathlib.Path(sys.argv[2])
COMM = MPI.COMM_WORLD
LAST = COMM.size - 1


def add(buffer):
    COMM.Allreduce(MPI.IN_PLACE, buffer)


def build(rate=0.01):
    optimizer = bp.Adam(rate, clip_norm=0.1, weight_decay=0.1)
    layers = [bp.Dense(3, 5), bp.Tanh(), bp.Dense(5, 2)]
    return bp.Network(layers, bp.MeanSquaredError(), optimizer, seed=0)


rng = np.random.default_rng(0)
X, y, weight = rng.normal(size=(20, 3)), rng.normal(size=(20, 2)), rng.uniform(0, 2, 20)
sizes = [13, 7, 0][: COMM.size]
ends = np.cumsum([0, *sizes]).tolist()
own = slice(ends[COMM.rank], ends[COMM.rank + 1])
network, callbacks = build(), []


def fail(network):
    if network.step_count == 5 and COMM.rank == LAST:
        if CASE == "raises":
            raise OSError("the disk is gone")
        if CASE == "interrupted":
            os.kill(os.getpid(), signal.SIGINT)


if CASE == "differs" and COMM.rank == LAST:
    network = build(0.5)
if CASE == "bad data" and COMM.rank == 0:
    X[3, 1] = np.nan
if CASE == "diverges" and COMM.rank == 0:
    y[3] = 1e200
try:
    network.fit(X[own], y[own], 30, sample_weight=weight[own], callbacks=fail, all_reduce=add)
    one = build().fit(X, y, 30, sample_weight=weight)
    said = f"off by {np.abs(network.parameters - one.parameters).max()}"
except BaseException as error:
    said = f"{type(error).__name__}: {error}"
(FOLDER / f"{COMM.rank}.txt").write_text(f"{network.step_count}\n{said}")
