"""The report: what a passed check found."""

import pytest
from checking.common import X, Y, network

import backproplite as bp
from backproplite.checking import GradientReport, TensorCheck


def test_the_table_says_how_each_tensor_fared_and_what_was_left_out():
    tensors = (
        TensorCheck("x", 20, 18, 2, 1.0, 3e-13, "complex step"),
        TensorCheck("weight", 3000, 500, 0, 1.0, 2e-9, "central differences"),
        TensorCheck("bias", 4000, 480, 20, 0.0, 0.0, "complex step"),
    )
    report = GradientReport(tensors, 0, ("labels",))
    assert report.error == 2e-9
    assert (
        str(report)
        == """\
tensor      entries    error  method
x                20  3.0e-13  complex step, 2 at a kink
weight  500 of 3000  2.0e-09  central differences, sampled
bias    480 of 4000  0.0e+00  complex step, sampled, 20 at a kink, zero on both sides
labels                        not checked: no gradient"""
    )


def test_the_report_gives_the_sizes_of_gradients_and_the_seed():
    subject = network(bp.Dense(4, 2))
    subject.layers[0].bias[...] = [0.5, -1.5]
    report = bp.check_gradients(subject, X, Y, seed=7)
    subject.loss_and_gradient(X, Y)
    largest = {t.name: t.largest for t in report.tensors}
    for name, gradient in subject.layers[0].named_gradients().items():
        assert largest[f"layers[0].{name}"] == pytest.approx(abs(gradient).max())
    assert report.seed == 7
