"""The schedules: their values by hand, and the laws of their curves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from printed import plain_repr
from strategies import optimizer_classes

import backproplite as bp

rates = st.floats(1e-6, 10)
steps = st.integers(0, 1000)
lengths = st.integers(1, 300)
shrinking = st.floats(0.01, 1)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (bp.ConstantSchedule(0.3), {0: 0.3, 1: 0.3, 10**9: 0.3}),
        (bp.ConstantSchedule(0), {0: 0.0, 7: 0.0}),
        (bp.StepSchedule(0.8, every=3), {0: 0.8, 2: 0.8, 3: 0.08, 5: 0.08, 6: 0.008}),
        (bp.StepSchedule(0.8, every=1, factor=2), {0: 0.8, 1: 1.6, 3: 6.4}),
        (bp.StepSchedule(0.8, every=2, factor=0), {0: 0.8, 1: 0.8, 2: 0.0, 9: 0.0}),
        (bp.ExponentialSchedule(0.8, 0.5), {0: 0.8, 1: 0.4, 2: 0.2}),
        (bp.ExponentialSchedule(0.8, 0.25, every=4), {0: 0.8, 2: 0.4, 4: 0.2, 6: 0.1}),
        (bp.ExponentialSchedule(0.8, 0), {0: 0.8, 1: 0.0}),
        (bp.CosineSchedule(0.8, 6), {0: 0.8, 2: 0.6, 3: 0.4, 4: 0.2, 6: 0.0, 7: 0.0, 99: 0.0}),
        (bp.CosineSchedule(0.8, 6, final=0.2), {0: 0.8, 2: 0.65, 3: 0.5, 4: 0.35, 6: 0.2, 9: 0.2}),
        (bp.CosineSchedule(0.2, 2, final=0.8), {0: 0.2, 1: 0.5, 2: 0.8}),
        (bp.WarmUpSchedule(4, 0.8), {0: 0.2, 1: 0.4, 2: 0.6, 3: 0.8, 4: 0.8, 99: 0.8}),
        (bp.WarmUpSchedule(1, 0.8), {0: 0.8, 1: 0.8}),
        (
            bp.WarmUpSchedule(2, bp.StepSchedule(0.8, every=2, factor=0.5)),
            {0: 0.4, 1: 0.8, 2: 0.8, 3: 0.8, 4: 0.4, 6: 0.2},
        ),
        (bp.WarmUpSchedule(2, lambda step: 10 - step), {0: 5, 1: 10, 2: 10, 3: 9, 5: 7}),
        (bp.WarmUpSchedule(2, bp.WarmUpSchedule(2, 0.8)), {0: 0.2, 1: 0.4, 2: 0.4, 3: 0.8}),
    ],
    ids=plain_repr,
)
def test_values_by_hand(schedule, expected):
    given_rates = [schedule(step) for step in expected]
    # Some roundings of numbers below 1.
    np.testing.assert_allclose(given_rates, list(expected.values()), rtol=1e-15, atol=3e-16)


@given(rate=rates, step=steps, every=lengths, factor=shrinking)
def test_the_first_rate_is_the_one_given(rate, step, every, factor):
    assert bp.ConstantSchedule(rate)(step) == rate
    assert bp.StepSchedule(rate, every, factor)(0) == rate
    assert bp.ExponentialSchedule(rate, factor, every)(0) == rate
    assert bp.CosineSchedule(rate, every)(0) == rate


@given(rate=rates, step=steps, every=lengths, factor=shrinking)
def test_each_interval_multiplies_the_rate_by_the_factor(rate, step, every, factor):
    for schedule in (
        bp.StepSchedule(rate, every, factor),
        bp.ExponentialSchedule(rate, factor, every),
    ):
        # The power's exponent is off by an ulp of up to 1000, times log(factor); 0 is underflow.
        expected = factor * schedule(step)
        assert schedule(step + every) == pytest.approx(expected, rel=1e-12, abs=1e-300)


@given(rate=rates, count=st.integers(0, 30), every=lengths, factor=shrinking)
def test_steps_and_the_exponential_meet_at_each_drop(rate, count, every, factor):
    drop = count * every
    stairs, curve = (
        bp.StepSchedule(rate, every, factor),
        bp.ExponentialSchedule(rate, factor, every),
    )
    assert stairs(drop) == pytest.approx(curve(drop), rel=1e-14)
    assert stairs(drop + every - 1) == stairs(drop)


@given(rate=rates, step=steps, every=lengths, factor=shrinking, share=st.floats(0, 1))
def test_no_rate_ever_rises_after_the_warm_up(rate, step, every, factor, share):
    for schedule in (
        bp.ConstantSchedule(rate),
        bp.StepSchedule(rate, every, factor),
        bp.ExponentialSchedule(rate, factor, every),
        bp.CosineSchedule(rate, every, final=share * rate),
    ):
        # Where the factor is next to 1, rounding may go either way.
        assert 0 <= schedule(step + 1) <= schedule(step) * (1 + 1e-15)


@given(rate=rates, final=rates, length=lengths, beyond=steps)
def test_the_cosine_ends_at_its_final_rate_and_stays(rate, final, length, beyond):
    assert bp.CosineSchedule(rate, length, final)(length + beyond) == final


@given(rate=rates, final=rates, length=lengths, data=st.data())
def test_the_cosine_falls_as_slowly_at_first_as_at_last(rate, final, length, data):
    step = data.draw(st.integers(0, length))
    schedule = bp.CosineSchedule(rate, length, final)
    assert schedule(step) + schedule(length - step) == pytest.approx(rate + final, rel=1e-14)


@given(rate=rates, length=lengths, data=st.data())
def test_the_warm_up_rises_evenly_to_the_first_rate_of_what_follows(rate, length, data):
    then = bp.ExponentialSchedule(rate, 0.5, every=7)
    schedule = bp.WarmUpSchedule(length, then)
    step = data.draw(st.integers(0, length - 1))
    assert schedule(step) == pytest.approx((step + 1) * schedule(0), rel=1e-14)
    assert schedule(length - 1) == pytest.approx(rate, rel=1e-15)
    assert schedule(length + step) == then(step)


@pytest.mark.parametrize("cls", optimizer_classes)
@pytest.mark.parametrize(
    "schedule",
    [
        bp.ConstantSchedule(0.1),
        bp.StepSchedule(0.1, every=2),
        bp.ExponentialSchedule(0.1, 0.9),
        bp.CosineSchedule(0.1, 3),
        bp.WarmUpSchedule(3, 0.1),
        lambda step: 0.1 / (1 + step),
        lambda step: np.float32(0.125),
        np.int64,
        [0.4, 0.3, 0.2, 0.1].__getitem__,
    ],
)
def test_optimizers_follow_schedules_and_plain_functions(cls, schedule):
    by_schedule, by_hand = cls(schedule), cls()
    point, same = np.array([1.0, -2.0]), np.array([1.0, -2.0])
    for step in range(4):
        by_schedule.step(point, 2 * point)
        assert by_schedule.rate == schedule(step)
        by_hand.learning_rate = float(schedule(step))
        by_hand.step(same, 2 * same)
    assert point.tolist() == same.tolist()


def test_a_schedule_without_a_call_says_so():
    class Lazy(bp.Schedule):
        pass

    with pytest.raises(NotImplementedError) as caught:
        Lazy()(0)
    assert str(caught.value) == "Lazy must define __call__(step)."


def test_settings_unless_given():
    assert bp.StepSchedule(0.5, every=3).factor == 0.1
    assert bp.ExponentialSchedule(0.5, 0.9).every == 1
    assert bp.CosineSchedule(0.5, steps=3).final == 0
