"""Rules that code must keep to before its gradients are worth comparing."""

import math

import numpy as np
import pytest
from checking.common import X, mismatch, scales
from checking.wrong_gradients import LAYERS, Affine

from backproplite import check_gradients

NOT_FINITE = (
    "the gradient of {} is not finite at {}. The grad_... of a layer start out as NaN here: "
    "backward must overwrite every entry, and add nothing to what was there."
)


def once(*answers):
    """A way back that gives one answer after the other, the last one for ever."""
    left = list(answers)
    return lambda grad_output: left.pop(0) if len(left) > 1 else left[0]


BROKEN = {
    **{
        name: ((LAYERS[name](), X), said)
        for name, said in {
            "adds up": NOT_FINITE.format("weight", [0, 0]),
            "bias not written": NOT_FINITE.format("bias", [0]),
            "forward writes to its input": "x was written to by forward or backward.",
            "backward writes to the cache": "x was written to by forward or backward.",
            "forward writes to a parameter": "bias was written to by forward or backward.",
            "backward writes to grad_output": "backward writes to grad_output, which others still "
            "need.",
            "forward differs each time": "forward gives different results in two equal calls.",
            "backward differs each time": "the gradient of x differs between two equal calls.",
            "backward_parameters differs": "backward_parameters gives another gradient of bias.",
            "wrong shape": "the gradient of x must have shape (5, 4); got (5, 3).",
            "forward is infinite": "forward gives numbers that are not finite. Check at another "
            "point.",
        }.items()
    },
    "a list forward": (
        ((lambda x: [[1j], [1, 2]], np.cos), X),
        "forward must return an array of real numbers, or a tuple of them; got a list.",
    ),
    "a tuple of text forward": (
        ((lambda x: (x, "x"), np.cos), X),
        "forward must return an array of real numbers, or a tuple of them; got a tuple.",
    ),
    "nothing forward": (
        ((lambda x: None, np.cos), X),
        "forward must return an array of real numbers, or a tuple of them; got a NoneType.",
    ),
    "complex numbers forward": (
        ((lambda x: 1j * x, np.cos), X),
        "forward must return an array of real numbers, or a tuple of them; got a ndarray.",
    ),
    **{
        f"{dtype} forward": (
            ((lambda x, dtype=dtype: np.sin(np.real(x).astype(dtype)), np.cos), X),
            "forward gives float32 or less also where it is given float64, which is too coarse to "
            "be compared: let it compute in the dtype of its arguments.",
        )
        for dtype in ("float16", "float32")
    },
    "nothing backward": (
        ((np.sin, lambda grad_output: None), X),
        "nothing to compare: backward gives no gradient.",
    ),
    "complex numbers backward": (
        ((np.sin, lambda grad_output: 1j * grad_output), X),
        "the gradient of x must hold real numbers; got dtype complex128.",
    ),
    "too few backward": (
        ((lambda a, b, n: a * b, lambda grad_output: (1, 2)), 1.0, 2.0, 3),
        "backward must return a gradient for each of a, b, n, or None, in a tuple; got 2.",
    ),
    "writes to grad_output": (
        ((np.copy, lambda grad_output: grad_output.__imul__(1.5)), X),
        "backward writes to grad_output, which others still need.",
    ),
    "another gradient the second time": (
        ((np.copy, once(X, X, X, X + 1e-9)), X),
        "the gradient of a differs between two equal calls.",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_the_message_says_which_rule_was_broken(name):
    arguments, said = BROKEN[name]
    assert mismatch(*arguments) == said + "\nTo repeat this: seed=0."


@pytest.mark.parametrize(
    "change", [lambda a, b: a[:2], lambda a, b: (a, b, b), lambda a, b: [a, b]]
)
def test_forward_of_a_layer_returns_two_things(change):
    class Wrong(Affine):
        def forward(self, x):
            return change(*super().forward(x))

    said = "forward must return two things: the output and a cache.\nTo repeat this: seed=0."
    assert mismatch(Wrong(4, 4), X) == said


@scales
@pytest.mark.parametrize(("off", "passes"), [(5e-10, True), (2e-9, False), (math.nan, False)])
def test_backward_parameters_gives_the_same_to_nine_digits(off, passes, scale):
    class Unlike(Affine):
        def backward_parameters(self, grad_output, x):
            self.backward(grad_output, x)
            self.grad_weight[0, 0] += off * abs(self.grad_weight).max()  # of 0: X starts with one

    arguments = Unlike(4, 4, scale), X * [0, 1, 1, 1]
    if passes:
        check_gradients(*arguments)
    else:
        assert "backward_parameters gives another gradient of weight" in mismatch(*arguments)
