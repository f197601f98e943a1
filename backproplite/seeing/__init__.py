"""Seeing what a network does: every number of a training step."""

from .equations import Equation
from .tracing import Stage, Trace, trace

__all__ = ["Equation", "Stage", "Trace", "trace"]
