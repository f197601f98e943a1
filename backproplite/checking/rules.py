"""What code must do before its gradients are worth comparing.

It computes in the precision that it is given, writes to nothing but its own arrays, gives the
same in two equal calls, and gives finite gradients of the right shape.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..checks import Array
from ..errors import GradientMismatch
from .subjects import Subject, holds_real_numbers

#: How far `backward_parameters` may differ from `backward`, beside the largest entry: the same
#: sums in another order, which loses no more than six digits of sixteen.
SAME = 1e-9
#: By how much grad_output is made larger and smaller: powers of two, so that nothing is rounded.
SCALES = 2.0**20, 2.0**-20


def repeatable_gradients(subject: Subject, rng: np.random.Generator) -> dict[str, Array]:
    """Return the gradients by backpropagation; refuse code that breaks a rule."""
    before = {name: tensor.copy() for name, tensor in subject.tensors.items()}
    _refuse_coarse(subject.joined(subject.elsewhere(rng, back=False)))
    first = subject.gradients()
    for name, tensor in subject.tensors.items():
        if not np.array_equal(tensor, before[name]):
            raise GradientMismatch(f"{name} was written to by forward or backward.")
    if not first:
        raise GradientMismatch("nothing to compare: backward gives no gradient.")
    for name, gradient in first.items():
        _refuse_unusable(name, gradient, subject.tensors[name].shape, subject.prefilled)
    refuse_others(subject, first, rng)
    for name, other in subject.parameters_alone().items():
        if not abs(other - first[name]).max() <= SAME * abs(first[name]).max():
            raise GradientMismatch(f"backward_parameters gives another gradient of {name}.")
    _refuse_results(subject.run(), subject.run())
    return first


def refuse_others(subject: Subject, first: dict[str, Array], rng: np.random.Generator) -> None:
    """Refuse gradients that are others in further calls.

    These are of both parities and follow a visit to another point, and what `backward` shall
    overwrite is NaN in some and numbers in others.
    """
    subject.elsewhere(rng)  # what is kept of there shows in the next
    for prefill in (np.nan, 1.0, -0.5):
        for name, gradient in replace(subject, prefill=prefill).gradients().items():
            if not np.array_equal(gradient, first[name]):
                raise GradientMismatch(f"the gradient of {name} differs between two equal calls.")


def refuse_disproportion(subject: Subject, first: dict[str, Array]) -> None:
    """Refuse gradients that do not grow and shrink with grad_output."""
    for factor in SCALES:
        scaled = replace(subject, weights=subject.weights * factor).gradients()
        for name, gradient in scaled.items():
            if not np.allclose(gradient, factor * first[name], rtol=SAME, atol=0):
                raise GradientMismatch(
                    f"the gradient of {name} is not proportional to grad_output: {factor:g} times "
                    "as much must give so many times the gradient."
                )


def _refuse_coarse(outputs: object) -> None:
    if np.asarray(outputs).dtype in (np.float32, np.float16):
        raise GradientMismatch(
            "forward gives float32 or less also where it is given float64, which is too coarse to "
            "be compared: let it compute in the dtype of its arguments."
        )


def _refuse_unusable(name: str, gradient: Array, shape: tuple[int, ...], prefilled: str) -> None:
    if not holds_real_numbers(gradient):
        raise GradientMismatch(
            f"the gradient of {name} must hold real numbers; got dtype {gradient.dtype}."
        )
    if gradient.shape != shape:
        raise GradientMismatch(
            f"the gradient of {name} must have shape {shape}; got {gradient.shape}."
        )
    if not np.isfinite(gradient).all():
        where = [int(i) for i in np.argwhere(~np.isfinite(gradient))[0]]
        raise GradientMismatch(f"the gradient of {name} is not finite at {where}.{prefilled}")


def _refuse_results(result: Array, again: Array) -> None:
    if not np.isfinite(result).all():
        raise GradientMismatch("forward gives numbers that are not finite. Check at another point.")
    if not np.array_equal(result, again):
        raise GradientMismatch("forward gives different results in two equal calls.")
