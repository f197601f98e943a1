"""What it costs to save a network, beside `np.savez` of the same numbers.

Both write to the same disk and wait until it has them. They take turns; a ratio is the median over
the rounds of ours / theirs, both from the same round: below 1, ours is faster.

    python benchmarks/files.py [folder]     (a temporary one, if none is named)
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read once, when NumPy is imported

import statistics
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
import backproplite as bp

#: Networks by the number of their parameters, and the most that saving one may cost.
SIZES = {1_441: ((22, 60, 1), 2.0), 1_000_001: ((998, 1_000, 1), 1.5)}


def checkpoint(sizes):
    """Return a network that has made a step, so that its optimizer has something to keep."""
    layers = []
    for size, next_size in pairwise(sizes):
        layers += [bp.Dense(size, next_size), bp.ReLU()]
    network = bp.Network(layers[:-1], bp.MeanSquaredError(), seed=0)
    network.train_step(np.ones((2, sizes[0])), np.ones((2, sizes[-1])))
    return network


def savez(path, arrays):
    with open(path, "wb") as file:
        np.savez(file, **arrays)
        file.flush()
        os.fsync(file.fileno())


def milliseconds(function, *arguments):
    start = time.perf_counter()
    function(*arguments)
    return 1000 * (time.perf_counter() - start)


def compare(folder, count, sizes, goal, rounds=31):
    """Print the median times and ratios for one network."""
    network = checkpoint(sizes)
    assert network.parameters.size == count
    path, other = Path(folder, "model.npz"), Path(folder, "arrays.npz")
    network.save(path)
    with np.load(path) as opened:
        arrays = {f"array {i}": opened[name] for i, name in enumerate(opened.files)}
    times = {"ours": [], "savez": [], "load": []}
    for _ in range(rounds):
        times["ours"].append(milliseconds(network.save, path))
        times["savez"].append(milliseconds(savez, other, arrays))
        times["load"].append(milliseconds(bp.Network.load, path))
    ratio = statistics.median(map(lambda a, b: a / b, times["ours"], times["savez"]))
    ours, theirs, load = (statistics.median(values) for values in times.values())
    print(
        f"{count:9,} parameters, {path.stat().st_size:10,} bytes: save {ours:6.2f} ms, savez "
        f"{theirs:6.2f} ms, ratio {ratio:.2f} (goal {goal}); load {load:6.2f} ms"
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if sys.argv[1:] else None) as folder:
        for count, (sizes, goal) in SIZES.items():
            compare(folder, count, sizes, goal)
