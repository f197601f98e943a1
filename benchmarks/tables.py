"""S11: what a table of several dtypes costs, beside the same table as floats.

With few rows, pandas itself takes longer to hand over several dtypes than all the rest takes.
"""

import numpy as np

import backproplite as bp
from backproplite.checks import real_array

from .measuring import ratio_row, timed

GOAL, MANY = 1.5, 100_000


def table(rows):
    """Return a table of 11 columns: floats, integers, nullable ones, truth values, dummies."""
    import pandas as pd

    rng = np.random.default_rng(0)
    columns = {f"x{i}": rng.normal(size=rows) for i in range(4)}
    columns["count"] = rng.integers(0, 99, rows)
    columns["nullable"] = pd.array(rng.integers(0, 99, rows), dtype="Int64")
    columns["yes"] = rng.random(rows) < 0.5
    columns["letter"] = rng.choice(list("abcd"), rows)
    return pd.get_dummies(pd.DataFrame(columns), columns=["letter"])


def compare(what, function, rows, rounds):
    """Return the row of one use of a table."""
    mixed = table(rows)
    floats = mixed.astype(float)
    pairs = [(timed(function, mixed), timed(function, floats)) for _ in range(rounds)]
    ours, theirs = map(list, zip(*pairs, strict=True))
    goal = GOAL if rows == MANY else None
    work = f"{what} of {rows:,} rows of several dtypes"
    return ratio_row("S11", work, "as floats", "ms", ours, theirs, goal, 1e3)


def measure(quick):
    """Return the rows of conversion, prediction and training."""
    for rows in (MANY, 1_000):
        network = bp.Network([bp.Dense(11, 1)], bp.MeanSquaredError(), seed=0)
        rounds, y = 3 if quick else 15, np.zeros(rows)
        yield compare("conversion", lambda X: real_array("X", X), rows, rounds)
        yield compare("predict", network.predict, rows, rounds)
        yield compare("fit", lambda X, y=y, fit=network.fit: fit(X, y, 1), rows, rounds)
