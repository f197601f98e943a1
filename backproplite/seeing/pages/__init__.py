"""Pages that live: a step to walk through and change, and a network to watch as it learns."""

from .step_page import step_page

__all__ = ["step_page"]
