"""What a table of several dtypes costs, beside the same table as floats.

    python benchmarks/tables.py

Each line is the median over the rounds of mixed / floats, both from the same round. The goal is
1.5 at most where there are many rows; with few, pandas itself takes longer to hand over several
dtypes than all the rest takes.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read once, when NumPy is imported

import statistics
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))
import backproplite as bp
from backproplite.checks import real_array

GOAL, MANY = 1.5, 100_000


def table(rows):
    """Return a table of 11 columns: floats, integers, nullable ones, truth values, dummies."""
    rng = np.random.default_rng(0)
    columns = {f"x{i}": rng.normal(size=rows) for i in range(4)}
    columns["count"] = rng.integers(0, 99, rows)
    columns["nullable"] = pd.array(rng.integers(0, 99, rows), dtype="Int64")
    columns["yes"] = rng.random(rows) < 0.5
    columns["letter"] = rng.choice(list("abcd"), rows)
    return pd.get_dummies(pd.DataFrame(columns), columns=["letter"])


def milliseconds(function, *arguments):
    start = time.perf_counter()
    function(*arguments)
    return 1000 * (time.perf_counter() - start)


def compare(what, function, rows, rounds=15):
    """Print the times and the ratio for one use of a table."""
    mixed = table(rows)
    floats = mixed.astype(float)
    pairs = [(milliseconds(function, mixed), milliseconds(function, floats)) for _ in range(rounds)]
    ratio = statistics.median(a / b for a, b in pairs)
    ours, theirs = (statistics.median(times) for times in zip(*pairs, strict=True))
    print(
        f"{what:10} {rows:7,} rows: mixed {ours:7.3f} ms, floats {theirs:7.3f} ms, ratio "
        f"{ratio:.2f}{f' (goal {GOAL})' * (rows == MANY)}"
    )


if __name__ == "__main__":
    for rows in (MANY, 1_000, 10):
        network = bp.Network([bp.Dense(11, 1)], bp.MeanSquaredError(), seed=0)
        compare("conversion", lambda X: real_array("X", X), rows)
        compare("predict", network.predict, rows)
        y = np.zeros(rows)
        compare("fit", lambda X, y=y, fit=network.fit: fit(X, y, 1), rows)
