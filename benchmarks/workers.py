"""What a step costs when several processes train one network, and what of it is the sum.

    mpiexec -n 2 python benchmarks/workers.py

Each worker has an equal shard of one batch. The first line is the same step without `all_reduce`,
on all samples in one process (the others wait). `sum` is the median time within `all_reduce`,
waiting for slower workers included, `compute` is the rest. Needs `pip install mpi4py mpich`.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read once, when NumPy is imported

import itertools
import statistics
import sys
import time
from pathlib import Path

import numpy as np
from mpi4py import MPI

sys.path.insert(0, str(Path(__file__).parents[1]))
import backproplite as bp

COMM = MPI.COMM_WORLD
CASES = {
    "digits 64-64-10": ((64, 64, 10), 256),
    "images 784-512-512-10": ((784, 512, 512, 10), 1024),
}
ROUNDS, STEPS = 7, 20


def build(sizes):
    layers = []
    for pair in itertools.pairwise(sizes):
        layers += [bp.Dense(*pair, bp.He()), bp.ReLU()]
    optimizer = bp.Momentum(0.01)
    return bp.Network(layers[:-1], bp.SoftmaxCrossEntropy(), optimizer, seed=0, dtype="float32")


def main():
    spent = []

    def add(buffer):
        start = time.perf_counter()
        COMM.Allreduce(MPI.IN_PLACE, buffer)
        spent.append(time.perf_counter() - start)

    for name, (sizes, samples) in CASES.items():
        rng = np.random.default_rng(0)
        X = rng.normal(size=(samples, sizes[0])).astype("f4")
        y = rng.integers(0, sizes[-1], samples)
        own = slice(COMM.rank * samples // COMM.size, (COMM.rank + 1) * samples // COMM.size)
        alone, shared, sums = [], [], []
        for _ in range(ROUNDS):
            if not COMM.rank:
                network, start = build(sizes), time.perf_counter()
                network.fit(X, y, STEPS)
                alone.append((time.perf_counter() - start) / STEPS)
            COMM.Barrier()
            spent.clear()
            network, start = build(sizes), time.perf_counter()
            network.fit(X[own], y[own], STEPS, all_reduce=add)
            shared.append((time.perf_counter() - start) / STEPS)
            sums.append(statistics.median(spent))
        if not COMM.rank:
            one, all_, add_ = (1e6 * statistics.median(each) for each in (alone, shared, sums))
            print(
                f"{name}, {network.parameters.nbytes:,} bytes, {COMM.size} workers: alone "
                f"{one:,.0f} us, together {all_:,.0f} us (compute {all_ - add_:,.0f}, sum "
                f"{add_:,.0f}), ratio {all_ / one:.2f}",
                flush=True,
            )


main()
