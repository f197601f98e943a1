"""S11: data larger than memory, and tables of several dtypes."""

from . import memory, tables
from .measuring import installed, number_row


def measure(figures, quick):
    """Return the rows of S11."""
    for work, peaks in memory.measure(0.5 if quick else 4.0).items():
        goal = 300 if " GB" in work and "nothing" not in work else None
        yield number_row("S11", f"memory of its own: {work}", "MB", [peaks["own"]], goal)
    if installed("pandas") is not None:
        yield from tables.measure(quick)
