"""Gradient checks: what `backward` says against what `forward` does.

`check` goes through it from the start to the end: `subjects` are what is checked, `rules` what
they must keep to, `slopes` the numerical slopes, `rounding` what last digits do. `comparison` sets
slopes and gradients side by side, `verdict` decides, `words` explains, and `report` is for you.
"""

from . import check, comparison, rounding, rules, slopes, subjects, ties, verdict
from .check import check_gradients
from .report import GradientReport, TensorCheck
from .slopes import numerical_gradient

__all__ = ["GradientReport", "TensorCheck", "check_gradients", "numerical_gradient"]

for _module in (check, comparison, rounding, rules, slopes, subjects, ties, verdict):
    vars(_module)["__tracebackhide__"] = True  # pytest shows the test and the layer, not these
