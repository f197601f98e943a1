"""Many networks at once: trained side by side, in grids, in folds, as an ensemble."""

from .cross_validation import CrossValidation, cross_validate
from .together import fit_together, predict_together
from .variants import Variants, fresh, variants

__all__ = [
    "CrossValidation",
    "Variants",
    "cross_validate",
    "fit_together",
    "fresh",
    "predict_together",
    "variants",
]
