"""Pages: a trace as one file of HTML."""

from __future__ import annotations

from typing import Any


def step_page(trace: Any) -> str:
    """Return the page of a trace."""
    return f"<pre>{trace}</pre>"
