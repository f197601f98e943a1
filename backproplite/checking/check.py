"""The gradient check: what `backward` says against what `forward` does.

A derivative is how much a result changes when one number changes a little. So each number is
moved a little, the result watched, and the change compared with the gradient that
backpropagation gave.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from ..checks import generator, number
from ..errors import GradientMismatch, ParameterError
from ..layers import Layer
from ..losses import Loss
from ..network import Network
from .comparison import Comparison, compare, complex_step_agrees
from .report import GradientReport, TensorCheck
from .rounding import rounding_of
from .rules import refuse_disproportion, refuse_others, repeatable_gradients
from .slopes import slopes_of
from .subjects import Subject, complex_copy, subject_of
from .ties import check_ties
from .verdict import judge_all, judge_single

#: The size of the last digit of 1.
DOUBLE, SINGLE = float(np.finfo(np.float64).eps), float(np.finfo(np.float32).eps)


def check_gradients(
    subject: Network | Layer | Loss | tuple[Callable[..., Any], Callable[[Any], Any]],
    *arrays: object,
    tolerance: float = 1e-6,
    skip: Iterable[str] = (),
    seed: int | np.random.Generator | None = 0,
) -> GradientReport:
    """Compare every gradient of a network, layer, loss or pair of functions with numerical ones.

    error = max |backward - numerical| / max |numerical|, for each parameter and
    input on its own; there is no absolute tolerance, so small gradients are held
    to the same standard as large ones

    The training pass is checked, with dropout masks held still. Parameters that
    are whole numbers, such as a bias of 0, are moved a little first, on the copy.
    The outputs of a layer or function get random weights, which are what backward
    is given. Where the slope jumps (ReLU at 0) an entry is left out and counted. Of
    a tensor of more than 2,000 entries, 500 and 20 random signed sums of all entries
    are compared. What works in float32 is checked in float64, then compared with that.

    Parameters
    ----------
    subject : Network, Layer, Loss, or pair of functions (forward, backward)
        What to check. It is not changed. Of a pair, `forward(*arrays)` returns an
        array, a number or a tuple of arrays, and `backward(grad_output)`, called after
        it, the gradient of each array in a tuple (None for one that has none), or of the
        only one. A layer may return a tuple of outputs too; `grad_output` is a tuple then.
    *arrays : array
        (X, y) or (X, y, sample_weight) for a network, (x,) of any number of axes, samples
        first, for a layer or activation, (outputs, targets) or with sample_weight for a
        loss; for functions any, of any shape. Those of whole numbers, such as labels, are
        passed on only.
    tolerance : float
        The largest error that passes.
    skip : iterable of str
        Tensors to leave alone, such as "x" where it holds indices or the gradient is
        straight-through on purpose. What `backward` gives None for is left alone too.
    seed : int or numpy.random.Generator
        For the random choices: weights on outputs, dropout, samples of entries.

    Returns
    -------
    GradientReport
        The error of each tensor.

    Raises
    ------
    GradientMismatch
        An AssertionError, so that a failed check fails a test: if a gradient is
        off, is not finite, was not written, differs from call to call, or if
        there is nothing to compare (zero on both sides, or nothing but kinks).
    ShapeError, InputError, ParameterError
        If the arguments cannot be used.

    Examples
    --------
    >>> from backproplite import Dense
    >>> report = check_gradients(Dense(3, 2), [[0.1, 0.2, 0.3], [1.0, 2.0, 3.0]])
    >>> [tensor.name for tensor in report.tensors], report.error < 1e-12
    (['x', 'weight', 'bias'], True)
    >>> x = np.array([0.5, 1.0, 2.0])
    >>> print(check_gradients((np.sin, lambda grad_output: grad_output * np.sin(x)), x))
    Traceback (most recent call last):
    ...
    backproplite.errors.GradientMismatch: the gradient of x is wrong, ...

    References
    ----------
    Squire, Trapp: Using complex variables to estimate derivatives of real functions, 1998.
    """
    tolerance = number("tolerance", tolerance, above=0)
    if seed is None:
        seed = int(np.random.default_rng().integers(2**32))
    rng = generator(seed)
    try:
        with np.errstate(all="ignore"):
            skipping = frozenset([skip] if isinstance(skip, str) else skip)
            checked = subject_of(subject, arrays, rng, skipping)
            checks, skipped = _compare_all(checked, tolerance, rng)
    except GradientMismatch as error:
        known = not isinstance(seed, np.random.Generator)
        again = f"seed={seed}" if known else "a generator in the state that yours was in"
        raise GradientMismatch(f"{error}\nTo repeat this: {again}.") from None
    return GradientReport(tuple(checks), seed, skipped)


def _compare_all(
    subject: Subject, tolerance: float, rng: np.random.Generator
) -> tuple[list[TensorCheck], tuple[str, ...]]:
    """Check one tensor after the other; return how each fared, and which have no gradient."""
    _refuse_unknown(subject)
    real = subject.cast(np.float64)
    gradients = repeatable_gradients(real, rng)
    without = subject.skip.union(set(real.tensors) - set(gradients))
    subject, real = replace(subject, skip=without), replace(real, skip=without)
    rounding = rounding_of(real, gradients, rng, DOUBLE)
    twin = complex_copy(subject)
    slopes = [
        slopes_of(name, gradients[name], real, twin, rounding.result, rng) for name in gradients
    ]
    exact = twin is not None and all(map(complex_step_agrees, slopes))
    ties = check_ties(real, twin, exact, gradients, rounding, tolerance, rng)
    comparisons = [
        compare(each, exact, tolerance, ties.proven[each.name], subject.kinks_add_up)
        for each in slopes
    ]
    overall = max(each.reach for each in comparisons)
    if not (overall or any(gradient.any() for gradient in gradients.values())):
        raise GradientMismatch(
            "nothing to compare: every gradient is zero on both sides. Check at a point, or with "
            "parameters, where some are not."
        )
    checks = judge_all(comparisons, rounding.gradients, overall, subject, ties.fault)
    refuse_disproportion(real, gradients)
    refuse_others(real, gradients, rng)  # many calls later
    if subject.single:
        _compare_in_single(subject.cast(np.float32), comparisons, overall, rng)
    return checks, tuple(name for name in real.arguments() if name not in gradients)


def _refuse_unknown(subject: Subject) -> None:
    if unknown := subject.skip.difference(subject.arguments()):
        raise ParameterError(
            f"skip must name tensors out of {', '.join(subject.arguments())}; got "
            f"{', '.join(map(repr, sorted(unknown)))}."
        )


def _compare_in_single(
    subject: Subject, comparisons: list[Comparison], overall: float, rng: np.random.Generator
) -> None:
    """Compare the gradients in float32 with those in float64, which have just been checked."""
    gradients = subject.gradients()
    rounding = rounding_of(subject, gradients, rng, SINGLE)
    for each in comparisons:
        judge_single(each, gradients[each.name], rounding.gradients[each.name], overall)
