"""What all parts share: rows of the table, turns, and fresh processes."""

import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass
class Row:
    """One comparison. Its middle is a ratio where there is something beside, else a number.

    Attributes
    ----------
    figure, work, beside : str
        Which figure, what is done, and what stands beside it, if anything.
    ours, theirs : float or None
        Medians, in `unit`.
    low, middle, high : float
        Quartiles of ours / theirs over the rounds, each from one round; or of ours.
    goal : float or None
        The most that the middle may be.
    """

    figure: str
    work: str
    beside: str
    unit: str
    ours: float
    theirs: float | None
    low: float
    middle: float
    high: float
    goal: float | None = None

    def plain(self):
        """Return it as what JSON can hold."""
        return asdict(self)


def quartiles(values):
    """Return the quartiles of one value or more."""
    return statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3


def ratio_row(figure, work, beside, unit, ours, theirs, goal=None, scale=1.0):
    """Return the row of two lists of measurements, one pair a round."""
    ratios = quartiles([a / b for a, b in zip(ours, theirs, strict=True)])
    medians = statistics.median(ours) * scale, statistics.median(theirs) * scale
    return Row(figure, work, beside, unit, *medians, *ratios, goal)


def number_row(figure, work, unit, ours, goal=None, beside=""):
    """Return the row of a list of measurements that has nothing beside it."""
    low, middle, high = quartiles(ours)
    return Row(figure, work, beside, unit, middle, None, low, middle, high, goal)


def timed(function, *arguments):
    """Return the seconds that a call takes."""
    started = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - started


def take_turns(functions, rounds):
    """Return the seconds of each function by its name, one a round; they take turns."""
    seconds = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            seconds[name].append(timed(function))
    return seconds


#: The memory of a process now and at its peak, for its code: other counters know its parent's too.
MEMORY = """
def megabytes(which):
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith(which))
"""


def fresh(code, *arguments):
    """Run code in a fresh process; return what it prints as JSON, and its seconds."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-c", code, *map(str, arguments)]
    started = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, env=environment, check=True)
    seconds = time.perf_counter() - started
    return json.loads(done.stdout), seconds


def installed(module):
    """Return the version of a module, "" if it has none, None if it is not installed."""
    try:
        return getattr(__import__(module), "__version__", "")
    except ImportError:
        return None
