"""What code must do before its gradients are worth comparing.

It computes in the precision that it is given, writes to nothing but its own arrays, gives the
same in two equal calls, and gives finite gradients of the right shape.
"""

from __future__ import annotations

import numpy as np

from ..checks import Array
from ..errors import GradientMismatch
from .subjects import Subject, holds_real_numbers

#: How far `backward_parameters` may differ from `backward`, beside the largest entry: the same
#: sums in another order, which loses no more than six digits of sixteen.
SAME = 1e-9


def repeatable_gradients(subject: Subject, rng: np.random.Generator) -> dict[str, Array]:
    """Return the gradients by backpropagation; refuse code that breaks a rule."""
    before = {name: tensor.copy() for name, tensor in subject.tensors.items()}
    _refuse_coarse(subject.elsewhere(rng))
    first = subject.gradients()
    subject.elsewhere(rng)  # what is kept of there would show in the second gradients
    again = subject.gradients()
    for name, tensor in subject.tensors.items():
        if not np.array_equal(tensor, before[name]):
            raise GradientMismatch(f"{name} was written to by forward or backward.")
    if not first:
        raise GradientMismatch("nothing to compare: backward gives no gradient.")
    for name, gradient in first.items():
        _refuse_unusable(name, gradient, subject.tensors[name].shape)
        if not np.array_equal(gradient, again[name]):
            raise GradientMismatch(f"the gradient of {name} differs between two equal calls.")
    for name, other in subject.parameters_alone().items():
        if not abs(other - first[name]).max() <= SAME * abs(first[name]).max():
            raise GradientMismatch(f"backward_parameters gives another gradient of {name}.")
    _refuse_results(subject.run(), subject.run())
    return first


def _refuse_coarse(outputs: object) -> None:
    if np.asarray(outputs).dtype in (np.float32, np.float16):
        raise GradientMismatch(
            "forward gives float32 or less also where it is given float64, which is too coarse to "
            "be compared: let it compute in the dtype of its arguments."
        )


def _refuse_unusable(name: str, gradient: Array, shape: tuple[int, ...]) -> None:
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
        raise GradientMismatch(
            f"the gradient of {name} is not finite at {where}. The grad_... of a layer start out "
            "as NaN here: backward must overwrite every entry, and add nothing to what was there."
        )


def _refuse_results(result: Array, again: Array) -> None:
    if not np.isfinite(result).all():
        raise GradientMismatch("forward gives numbers that are not finite. Check at another point.")
    if not np.array_equal(result, again):
        raise GradientMismatch("forward gives different results in two equal calls.")
