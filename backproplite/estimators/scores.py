"""Scores of predictions as scikit-learn counts them, with sample weights."""

from __future__ import annotations

import math

import numpy as np

from ..checks import Array


def accuracy(y: Array, decided: Array, weights: Array | None) -> float:
    """Return the share of samples whose label, or whose labels all, are right."""
    right = decided == y
    right = right.all(axis=1) if right.ndim == 2 else right
    return float(np.average(right, weights=weights))


def r_squared(y: Array, outputs: Array, weights: Array | None) -> float:
    """Return the share of the variance of y that outputs explain, on average over the columns."""
    if len(y) < 2 or not np.isfinite(outputs).all():
        return math.nan
    y = y.reshape(len(y), -1)
    mean = np.average(y, axis=0, weights=weights)
    rest = np.average((y - outputs) ** 2, axis=0, weights=weights)
    spread = np.average((y - mean) ** 2, axis=0, weights=weights)
    some = spread > 0
    shares = np.where(some, rest / np.where(some, spread, 1), rest > 0)
    return float(np.mean(1 - shares))
