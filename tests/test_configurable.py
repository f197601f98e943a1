"""Settings and repr: an object shows what it was made from, and no more."""

import numpy as np
import pytest

import backproplite as bp
from backproplite.configurable import Configurable


class Example(Configurable):
    def __init__(self, first, second=2, *, third=None, fourth=0.5):
        self.first, self.second, self.third, self.fourth = first, second, third, fourth


class Forgetful(Configurable):
    def __init__(self, kept, lost, also_kept=1, also_lost=2):
        self.kept, self.also_kept = kept, also_kept
        self.extra = lost + also_lost


class Passing(Example):
    """Passes all but its own argument on."""

    def __init__(self, first, own=7, **options):
        super().__init__(first, **options)
        self.own = own


class Inheriting(Passing):
    pass


class Closed(Example):
    """Fixes what its base would have taken."""

    def __init__(self, own=7):
        super().__init__(own, third=3)
        self.own = own


class Starred(Configurable):
    def __init__(self, *numbers, **options):
        self.numbers, self.options = numbers, options


class Bare(Configurable):
    pass


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        (Example(1), "Example(1)"),
        (Example(1, 2, third=None, fourth=0.5), "Example(1)"),
        (Example("a", 3), "Example('a', second=3)"),
        (Example(1, third="x", fourth=1.5), "Example(1, third='x', fourth=1.5)"),
        (Example(1, 2.0), "Example(1, second=2.0)"),
        (Example(1, True), "Example(1, second=True)"),
        (Example(Example(None)), "Example(Example(None))"),
        (Example(1, third=np.array([1, 2])), "Example(1, third=array([1, 2]))"),
        (Forgetful(1, 5), "Forgetful(1)"),
        (Forgetful(1, 5, 3, 4), "Forgetful(1, also_kept=3)"),
        (Passing(1), "Passing(1)"),
        (Passing(1, 7, second=3, fourth=1.0), "Passing(1, second=3, fourth=1.0)"),
        (Inheriting(1, 8), "Inheriting(1, own=8)"),
        (Closed(), "Closed()"),
        (Closed(5), "Closed(own=5)"),
        (Starred(1, 2, a=3), "Starred()"),
        (Bare(), "Bare()"),
        (bp.Adam(), "Adam()"),
        (bp.Adam(0.01), "Adam(learning_rate=0.01)"),
        (bp.AdamW(weight_decay=0.01), "AdamW()"),
        (bp.AdamW(weight_decay=0), "AdamW(weight_decay=0.0)"),
        (bp.Momentum(0.1, nesterov=True), "Momentum(learning_rate=0.1, nesterov=True)"),
        (bp.GradientDescent(clip_norm=1), "GradientDescent(clip_norm=1.0)"),
        (
            bp.GradientDescent(bp.CosineSchedule(0.1, 5)),
            "GradientDescent(learning_rate=CosineSchedule(0.1, 5))",
        ),
        (bp.WarmUpSchedule(3, 0.5), "WarmUpSchedule(3, ConstantSchedule(0.5))"),
        (bp.He("uniform"), "He(distribution='uniform')"),
        (bp.Zeros(), "Zeros()"),
        (bp.Dense(2, 3), "Dense(2, 3)"),
        (bp.Dense(2, 3, bp.He()), "Dense(2, 3, weight_initializer=He())"),
    ],
    ids=str,
)
def test_repr_shows_positional_arguments_and_what_is_not_the_default(made, shown):
    assert repr(made) == shown


@pytest.mark.parametrize(
    ("made", "settings"),
    [
        (Example(1, third=3), {"first": 1, "second": 2, "third": 3, "fourth": 0.5}),
        (Forgetful(1, 5), {"kept": 1, "also_kept": 1}),
        (Passing(1, third=3), {"first": 1, "own": 7, "second": 2, "third": 3, "fourth": 0.5}),
        (Closed(), {"own": 7}),
        (Bare(), {}),
        (bp.StepSchedule(1, 5), {"learning_rate": 1.0, "every": 5, "factor": 0.1}),
        (bp.Zeros(), {}),
        (
            bp.Dense(2, 3),
            {"in_features": 2, "out_features": 3}
            | dict.fromkeys(["weight_initializer", "bias_initializer"]),
        ),
    ],
    ids=str,
)
def test_settings_are_the_arguments_that_were_kept(made, settings):
    assert made.settings() == settings
    assert list(made.settings()) == list(settings)


def test_settings_stand_as_they_are_now():
    made = Example(1)
    made.second = 5
    assert made.settings()["second"] == 5
    assert repr(made) == "Example(1, second=5)"


@pytest.mark.parametrize(
    "made",
    [
        bp.Momentum(bp.WarmUpSchedule(3, bp.StepSchedule(1, 2)), 0.5, True, clip_value=3),
        bp.AdamW(beta1=0.5, epsilon=1e-3, weight_decay=0.5),
        bp.RMSProp(beta2=0.5, clip_norm=2),
        bp.ExponentialSchedule(0.1, 0.5, every=3),
        bp.Uniform(-1, 1),
        bp.Dense(2, 3, bp.Normal(1, 2), bp.Constant(0.1)),
        bp.BatchNorm(3, epsilon=1e-3),
        bp.LeakyReLU(0.2),
        bp.Huber(2.0),
    ],
    ids=repr,
)
def test_a_repr_is_the_call_that_makes_the_object_again(made):
    again = eval(repr(made), vars(bp).copy())
    assert type(again) is type(made)
    assert repr(again) == repr(made)
    assert repr(again.settings()) == repr(made.settings())
