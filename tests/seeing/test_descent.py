"""minimize: the path of an optimizer over a function, to the bit, and where it leads nowhere."""

import copy
import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import optimizer_classes, seeds

import backproplite as bp

RNG = np.random.default_rng


def parabola(w):
    return (w - 3) * (w - 3)


def slope(w):
    return 2 * (w - 3)


def bowl(w):
    return 0.5 * w @ (np.arange(1, w.size + 1) * w)


def bowl_slope(w):
    return np.arange(1, w.size + 1) * w


# Lessons 1 and 2


@pytest.mark.parametrize(
    ("rate", "end", "tolerance", "diverged"),
    [(0.01, 1.33098, 5e-6, False), (0.3, 2.99999997, 5e-9, False), (1.5, -2621437, 0, True)],
)
def test_lesson_1(rate, end, tolerance, diverged):
    path = bp.minimize(parabola, slope, 0.5, bp.GradientDescent(rate), steps=20)
    assert path.points[-1] == pytest.approx(end, abs=tolerance)
    assert path.points.shape == path.values.shape == path.gradients.shape == (21,)
    exact = 3 - 2.5 * (1 - 2 * rate) ** np.arange(21)
    np.testing.assert_allclose(path.points, exact, rtol=1e-13)
    assert path.diverged is diverged


def test_lesson_2_uphill_with_the_sign_wrong():
    path = bp.minimize(parabola, lambda w: -slope(w), 0.5, bp.GradientDescent(0.3), steps=20)
    assert path.diverged
    assert (np.diff(path.values) > 0).all()
    np.testing.assert_allclose(path.points, 3 - 2.5 * 1.6 ** np.arange(21), rtol=1e-13)


def test_a_path_prints_as_a_table():
    path = bp.minimize(parabola, slope, 0.5, bp.GradientDescent(1.5), steps=3)
    assert str(path).splitlines() == [
        "step  point  value  gradient",
        "   0    0.5   6.25        -5",
        "   1      8     25        10",
        "   2     -7    100       -20",
        "   3     23    400        40",
        "It diverged.",
    ]


@pytest.mark.parametrize(("steps", "rows"), [(0, 1), (1, 2), (9, 10), (20, 11), (1000, 11)])
def test_of_a_long_path_the_table_shows_some_steps(steps, rows):
    path = bp.minimize(bowl, bowl_slope, np.ones(50), bp.GradientDescent(0.01), steps)
    head, *table = str(path).splitlines()
    shown = [int(line.split()[0]) for line in table]
    assert len(shown) == rows
    assert (shown[0], shown[-1]) == (0, steps)
    assert len({len(line) for line in [head, *table]}) == 1
    assert "[1 1 1 ... 1 1 1]" in table[0]


@pytest.mark.parametrize(("variables", "shown"), [(6, "[1 1 1 1 1 1]"), (7, "[1 1 1 ... 1 1 1]")])
def test_of_more_than_six_variables_some_are_shown(variables, shown):
    assert shown in str(bp.minimize(bowl, bowl_slope, np.ones(variables), steps=0))


# The path is the optimizer's own


SETTINGS = {
    "plain": {},
    "nesterov": {"nesterov": True},
    "limits": {"clip_norm": 0.5, "clip_value": 0.4, "weight_decay": 0.1},
    "schedule": {"learning_rate": bp.CosineSchedule(0.2, steps=10)},
}
OPTIMIZERS = [
    cls(**settings)
    for cls in optimizer_classes
    for name, settings in SETTINGS.items()
    if cls is bp.Momentum or name != "nesterov"
]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize("variables", [1, 2, 7])
def test_the_path_is_that_of_a_loop_by_hand_to_the_bit(optimizer, variables):
    start = RNG(variables).standard_normal(variables)
    path = bp.minimize(bowl, bowl_slope, start, optimizer, steps=15)
    by_hand, point = copy.deepcopy(optimizer), start.copy()
    for i in range(16):
        assert np.array_equal(path.points[i], point)
        assert path.values[i] == bowl(point)
        assert np.array_equal(path.gradients[i], bowl_slope(point))
        by_hand.step(point, bowl_slope(point))
    assert path.points.shape == path.gradients.shape == (16, variables)


@given(st.floats(-100, 100), st.floats(0.001, 0.4), st.integers(0, 30))
def test_a_number_goes_the_way_of_an_array_of_one(start, rate, steps):
    number = bp.minimize(parabola, slope, start, bp.GradientDescent(rate), steps=steps)
    array = bp.minimize(lambda w: parabola(w)[0], slope, [start], bp.GradientDescent(rate), steps)
    assert number.points.shape == (steps + 1,)
    assert array.points.shape == (steps + 1, 1)
    for part in ("points", "values", "gradients"):
        assert np.array_equal(getattr(number, part), getattr(array, part).reshape(steps + 1))
    assert not number.diverged


def test_functions_of_a_number_are_given_a_number():
    kinds = []

    def function(w):
        kinds.append(type(w))
        return w * w

    bp.minimize(function, lambda w: 2 * w, 1, steps=1)
    bp.minimize(lambda w: function(w)[0], lambda w: 2 * w, [1], steps=1)
    assert kinds == [np.float64] * 2 + [np.ndarray] * 2


@given(seeds, st.integers(1, 6))
def test_without_a_gradient_it_is_taken_numerically(seed, variables):
    start = RNG(seed).standard_normal(variables)
    numerical = bp.minimize(bowl, None, start, bp.Momentum(0.05), steps=10)
    exact = bp.minimize(bowl, bowl_slope, start, bp.Momentum(0.05), steps=10)
    np.testing.assert_allclose(numerical.points, exact.points, rtol=1e-7, atol=1e-7)


def test_without_anything_else_it_is_gradient_descent_at_a_tenth():
    path = bp.minimize(parabola, slope, 0.5)
    assert np.array_equal(
        path.points, bp.minimize(parabola, slope, 0.5, bp.GradientDescent(0.1), 100).points
    )
    assert len(path.points) == 101


def test_what_is_given_stays_as_it_is():
    network = bp.Network([bp.Dense(1, 1)], bp.MeanSquaredError(), bp.Adam(0.1), seed=0)
    network.train_step([[1.0]], [[2.0]])
    optimizer, start = network.optimizer, np.array([1.0, 2.0])
    before = pickle.dumps(optimizer)
    bp.minimize(bowl, bowl_slope, start, optimizer, steps=3)
    assert pickle.dumps(optimizer) == before
    assert start.tolist() == [1, 2]
    network.train_step([[1.0]], [[2.0]])


def test_a_schedule_with_a_memory_stays_as_it_is():
    class Schedule:
        def __init__(self):
            self.asked = []

        def __call__(self, step):
            self.asked.append(step)
            return 0.1

    schedule = Schedule()
    bp.minimize(parabola, slope, 0.5, bp.GradientDescent(schedule), steps=3)
    assert schedule.asked == []


@pytest.mark.parametrize("start", [0.5, [0.5]])
@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_one_number_may_come_in_any_shape(start, shape):
    path = bp.minimize(
        lambda w: np.reshape(parabola(w), shape), lambda w: np.reshape(slope(w), shape), start
    )
    assert path.values.shape == (101,)
    assert path.gradients.shape == path.points.shape == (101, *np.shape(start))


def test_an_optimizer_that_has_worked_starts_from_rest():
    used = bp.Adam(0.1)
    used.step(np.ones(3), np.ones(3))
    paths = (bp.minimize(parabola, slope, 0.5, optimizer) for optimizer in (used, bp.Adam(0.1)))
    assert np.array_equal(*(path.points for path in paths))


def test_functions_may_write_over_what_they_are_given_and_what_they_gave():
    buffer = np.empty(2)

    def function(w):
        w *= w
        return w.sum()

    def gradient(w):
        w *= 2
        buffer[...] = w
        return buffer

    path = bp.minimize(function, gradient, [1.0, 2.0], bp.GradientDescent(0.1), steps=5)
    points = np.outer(0.8 ** np.arange(6), [1.0, 2.0])
    np.testing.assert_allclose(path.points, points, rtol=1e-14)
    np.testing.assert_allclose(path.values, (points**2).sum(axis=1), rtol=1e-14)
    np.testing.assert_allclose(path.gradients, 2 * points, rtol=1e-14)


def test_the_table_shows_eight_digits():
    path = bp.Descent(np.array([1 / 3]), np.array([2e9 / 3]), np.array([1e-9 / 3]))
    assert str(path).splitlines()[1].split() == [
        "0",
        "0.33333333",
        "6.6666667e+08",
        "3.3333333e-10",
    ]


def test_paths_can_be_told_apart_copied_and_pickled():
    path = bp.minimize(parabola, slope, 0.5)
    twin = pickle.loads(pickle.dumps(copy.deepcopy(path)))
    assert str(twin) == str(path)
    assert len({path, twin}) == 2


# Where it leads nowhere


@pytest.mark.parametrize("gradient", [bowl_slope, None])
@pytest.mark.parametrize("rate", [10, 1e10, 1e308])
def test_too_high_a_rate_ends_early_and_is_no_error(rate, gradient):
    path = bp.minimize(bowl, gradient, [1.0, -1.0], bp.GradientDescent(rate), steps=2000)
    assert path.diverged
    assert len(path.points) == len(path.values) == len(path.gradients) < 2000
    assert np.isfinite(path.points[:-1]).all()
    assert np.isfinite(path.values[:-1]).all()
    assert np.isfinite(path.gradients[:-1]).all()
    assert np.isnan(path.gradients[-1]).all()
    assert str(path).endswith("\nIt diverged.")


CLIFFS = {
    "inf": lambda w: math.inf,
    "nan": lambda w: math.nan,
    "minus infinity": lambda w: -math.inf,
    "numpy's overflow": lambda w: np.exp(1000 * w),
    "math's overflow": lambda w: math.exp(1000 * w),
    "a float's overflow": lambda w: float(10 * w) ** 1000,
}


@pytest.mark.parametrize("gradient", [lambda w: 1.0, None])
@pytest.mark.parametrize("cliff", CLIFFS.values(), ids=CLIFFS)
def test_a_function_that_is_not_finite_ends_the_path(cliff, gradient):
    at_once = bp.minimize(cliff, gradient, 2.0, bp.GradientDescent(0.5))
    assert at_once.diverged
    assert len(at_once.points) == 1
    later = bp.minimize(lambda w: w if w > 1 else cliff(2 - w), gradient, 2.0, steps=50)
    assert later.diverged
    assert 10 <= len(later.points) <= 12
    assert np.isfinite(later.values[:-1]).all()


@pytest.mark.parametrize("bad", [np.inf, np.nan, [0.0, np.nan]])
def test_a_gradient_that_is_not_finite_ends_the_path(bad):
    path = bp.minimize(bowl, lambda w: np.ones(2) * bad, [1.0, 2.0])
    assert path.diverged
    assert len(path.points) == 1
    assert path.values == [4.5]


def test_functions_are_not_asked_where_a_point_is_not_finite():
    asked = []

    def function(w):
        asked.append(w)
        return math.floor(w)

    path = bp.minimize(function, lambda w: 1e300, 1.0, bp.GradientDescent(1e300))
    assert asked == [1]
    assert path.points.tolist() == [1, -math.inf]
    assert path.diverged


def test_the_numerical_gradient_may_look_over_a_cliff():
    path = bp.minimize(np.log, None, 1e-7, steps=5)
    assert len(path.points) == 1
    assert path.diverged


@pytest.mark.parametrize(
    ("values", "gradient", "diverged"),
    [
        ([1, 2, 1], 0, False),
        ([1, 0, 1.1], 0, True),
        ([1, 0.5], np.nan, True),
        ([1, np.nan], np.nan, True),
        ([np.inf], np.nan, True),
        ([1, -np.inf], np.nan, True),
    ],
)
def test_diverged_is_higher_than_it_began_or_not_finite(values, gradient, diverged):
    gradients = np.zeros(len(values))
    gradients[-1] = gradient
    path = bp.Descent(np.zeros(len(values)), np.array(values, float), gradients)
    assert path.diverged is diverged


# Bad input


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((3, slope, 0.5), bp.ParameterError, "function must be a function of a point; got 3"),
        ((parabola, 3, 0.5), bp.ParameterError, "gradient must be a function of a point; got 3"),
        ((None, None, 0.5), bp.ParameterError, "function must be a function of a point; got None"),
        ((parabola, slope, "a"), bp.InputError, "start must hold real numbers"),
        ((parabola, slope, math.nan), bp.InputError, "start must be finite"),
        ((parabola, slope, [[1.0]]), bp.ShapeError, "a number or a 1-D array"),
        ((parabola, slope, []), bp.ShapeError, "start must be a number or"),
        ((parabola, slope, 0.5, bp.Adam), bp.ParameterError, "an Optimizer such as Adam(); got"),
        ((parabola, slope, 0.5, 0.1), bp.ParameterError, "an Optimizer such as Adam(); got 0.1"),
        ((parabola, slope, 0.5, None, -1), bp.ParameterError, "whole number of at least 0; got -1"),
        ((parabola, slope, 0.5, None, 1.5), bp.ParameterError, "steps must be a whole number"),
        ((parabola, slope, [0.5, 1]), bp.ShapeError, "function must return one number; got shape"),
        ((parabola, None, [0.5, 1]), bp.ShapeError, "function must return one number; got shape"),
        ((bowl, lambda w: 1.0, [0.5, 1]), bp.ShapeError, "an array of shape (2,); got shape ()"),
        ((bowl, lambda w: np.ones((1, 2)), [0.5, 1]), bp.ShapeError, "got shape (1, 2)"),
        ((bowl, lambda w: np.ones(3), [0.5, 1]), bp.ShapeError, "got shape (3,)"),
        ((parabola, lambda w: [1, 2], 0.5), bp.ShapeError, "gradient must return one number"),
        ((lambda w: None, slope, 0.5), bp.ParameterError, "real numbers; got None"),
        ((lambda w: "1", slope, 0.5), bp.ParameterError, "function must return real numbers"),
        ((lambda w: 1j, slope, 0.5), bp.ParameterError, "real numbers; got 1j"),
        ((lambda w: [1, [2]], slope, 0.5), bp.ParameterError, "real numbers; got [1, [2]]"),
        ((parabola, lambda w: None, 0.5), bp.ParameterError, "gradient must return real numbers"),
        (
            (parabola, slope, 0.5, bp.GradientDescent(lambda step: -1)),
            bp.ParameterError,
            "the rate from the schedule must be",
        ),
    ],
)
def test_bad_input_is_refused_in_one_line(arguments, error, words):
    with pytest.raises(error) as caught:
        bp.minimize(*arguments)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyError])
def test_errors_of_the_function_itself_come_through(error):
    def function(w):
        raise error

    with pytest.raises(error):
        bp.minimize(function, None, 0.5)
