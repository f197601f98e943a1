"""The exceptions: what they are, what they say, and that they survive a pickle."""

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

import backproplite as bp

PARENTS = [
    (bp.ShapeError, {ValueError}),
    (bp.InputError, {ValueError}),
    (bp.ParameterError, {ValueError}),
    (bp.UnknownNameError, {TypeError, AttributeError}),
    (bp.NotFittedError, {ValueError, AttributeError}),
    (bp.ModelFileError, {ValueError}),
    (bp.GradientMismatch, {AssertionError}),
    (bp.DivergenceError, {ArithmeticError}),
]


@pytest.mark.parametrize(("error", "parents"), PARENTS)
def test_each_is_ours_and_the_built_in_that_people_would_catch(error, parents):
    assert set(error.__bases__) == {bp.BackpropliteError} | parents


def test_the_common_base_is_no_built_in_fault():
    assert bp.BackpropliteError.__bases__ == (Exception,)


@pytest.mark.parametrize("error", [bp.BackpropliteError] + [e for e, _ in PARENTS[:-1]])
def test_a_pickle_keeps_class_and_message(error):
    again = pickle.loads(pickle.dumps(error("what happened")))
    assert type(again) is error
    assert str(again) == "what happened"


def test_divergence_says_what_and_where_and_how_to_mend_it():
    error = bp.DivergenceError("the loss turned nan", learning_rate=0.5, epoch=3, batch=2)
    assert str(error) == (
        "the loss turned nan in epoch 3, batch 2, at learning rate 0.5. The last finite "
        "parameters are kept. Lower the learning rate, scale the inputs, or clip the gradients "
        "(clip_norm=1)."
    )
    assert (error.epoch, error.batch, error.learning_rate) == (3, 2, 0.5)


def test_divergence_outside_of_fit_has_no_place():
    error = bp.DivergenceError("the loss turned inf", learning_rate=1e-3)
    assert str(error).startswith("the loss turned inf, at learning rate 0.001. The last")
    assert (error.epoch, error.batch, error.learning_rate) == (None, None, 1e-3)


def test_divergence_can_be_told_its_place_later():
    error = bp.DivergenceError("the loss turned inf", learning_rate=0.1)
    error.epoch, error.batch, error.cure = 4, 5, "Wait."
    said = "the loss turned inf in epoch 4, batch 5, at learning rate 0.1. Wait."
    assert str(error) == str(pickle.loads(pickle.dumps(error))) == said


counts = st.none() | st.integers(1, 10**6)


@given(what=st.text("aµ%{}"), rate=st.floats(0, 1e9), epoch=counts, batch=counts)
@pytest.mark.parametrize("duplicate", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy])
def test_copies_of_a_divergence_are_complete(duplicate, what, rate, epoch, batch):
    error = bp.DivergenceError(what, learning_rate=rate, epoch=epoch, batch=batch)
    again = duplicate(error)
    assert type(again) is bp.DivergenceError
    assert vars(again) == vars(error)
    assert str(again) == str(error)
