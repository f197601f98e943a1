"""The page of one training step: a trace as one file of HTML, to walk through and to change."""

from __future__ import annotations

from typing import Any

from .assembly import page
from .plan import step_plan


def step_page(trace: Any) -> str:
    """Return a page on which to walk through a trace, and to change its numbers.

    Parameters
    ----------
    trace : Trace
        Its numbers are shown to `trace.digits` digits.

    Returns
    -------
    str
        The whole page: HTML that needs no other file.

    Examples
    --------
    >>> import backproplite as bp
    >>> network = bp.Network([bp.Dense(2, 1)], bp.HalfSquaredError(), seed=0)
    >>> page = step_page(bp.trace(network, [[0.5, 0.8]], [[1.0]]))
    >>> page[:15]
    '<!DOCTYPE html>'
    """
    return page("step/step.html", step_plan(trace))
