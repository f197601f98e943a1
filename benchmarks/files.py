"""S12: what it costs to save a network, beside `np.savez` of the same numbers.

Both write to the same disk and wait until it has them.
"""

import os
import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np

import backproplite as bp

from .measuring import number_row, ratio_row, take_turns

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


def compare(folder, count, sizes, goal, rounds):
    """Return the rows of one network."""
    network = checkpoint(sizes)
    assert network.parameters.size == count
    path, other = Path(folder, "model.npz"), Path(folder, "arrays.npz")
    network.save(path)
    with np.load(path) as opened:
        arrays = {f"array {i}": opened[name] for i, name in enumerate(opened.files)}
    uses = {
        "save": lambda: network.save(path),
        "savez": lambda: savez(other, arrays),
        "load": lambda: bp.Network.load(path),
    }
    times = take_turns(uses, rounds)
    work = f"save, {count:,} parameters"
    beside = "np.savez and fsync"
    yield ratio_row("S12", work, beside, "ms", times["save"], times["savez"], goal, 1e3)
    loads = [1e3 * each for each in times["load"]]
    yield number_row("S12", f"load, {count:,} parameters", "ms", loads)


def measure(figures, quick):
    """Return the rows of S12."""
    with tempfile.TemporaryDirectory() as folder:
        for count, (sizes, goal) in SIZES.items():
            yield from compare(folder, count, sizes, goal, 5 if quick else 31)
