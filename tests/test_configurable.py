"""Settings and repr: an object shows what it was made from, and no more; what it may be made of."""

import inspect

import numpy as np
import pytest

import backproplite as bp
from backproplite import monitors, scaling
from backproplite.configurable import Configurable, arguments_of, offered


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


def test_what_a_module_offers_below_a_base():
    assert offered(bp.schedules, bp.Schedule) == [
        getattr(bp, name) for name in bp.schedules.__all__ if name != "Schedule"
    ]
    assert offered(bp.errors, bp.ShapeError) == []


# The settings of every class, and where their ranges end

NUMBER, COUNT = "must be a finite number", "must be a whole number of at least 1"
NOT_NEGATIVE, ABOVE = f"{NUMBER} at least 0", f"{NUMBER} above 0"
SHARE, CLOSED_SHARE = f"{NUMBER} at least 0 and below 1", f"{NUMBER} at least 0 and at most 1"
INNER_SHARE = f"{NUMBER} above 0 and below 1"
CHOICE = "must be 'normal' or 'uniform'"
#: What is just inside of each range, and what is just outside, with what else is refused.
ENDS = {
    NUMBER: ([-1e300, 0], []),
    NOT_NEGATIVE: ([0], [-1e-9]),
    ABOVE: ([1e-300], [0, -1]),
    SHARE: ([0, 0.999], [-0.1, 1]),
    CLOSED_SHARE: ([0, 1], [-0.1, 1.1]),
    INNER_SHARE: ([0.001, 0.999], [0, 1]),
    COUNT: ([1, np.int64(7)], [0, -3, 1.5]),
    CHOICE: (["normal", "uniform"], ["Normal", ""]),
}
OF_OPTIMIZERS = {
    "learning_rate": NOT_NEGATIVE,
    "clip_norm": ABOVE,
    "clip_value": ABOVE,
    "weight_decay": NOT_NEGATIVE,
}
ADAMS = OF_OPTIMIZERS | {"beta1": SHARE, "beta2": SHARE, "epsilon": ABOVE}
RANGES = {
    bp.LeakyReLU: {"slope": NUMBER},
    bp.ELU: {"alpha": NOT_NEGATIVE},
    bp.Dense: {"in_features": COUNT, "out_features": COUNT},
    bp.Dropout: {"rate": SHARE},
    bp.BatchNorm: {"features": COUNT, "momentum": CLOSED_SHARE, "epsilon": ABOVE},
    bp.LayerNorm: {"features": COUNT, "epsilon": ABOVE},
    bp.Huber: {"delta": ABOVE},
    bp.Constant: {"value": NUMBER},
    bp.Normal: {"mean": NUMBER, "deviation": NOT_NEGATIVE},
    bp.Uniform: {"low": NUMBER, "high": f"{NUMBER} at least -2"},
    **{cls: {"distribution": CHOICE} for cls in (bp.He, bp.Glorot, bp.LeCun)},
    bp.GradientDescent: OF_OPTIMIZERS,
    bp.Momentum: OF_OPTIMIZERS | {"momentum": SHARE},
    bp.RMSProp: OF_OPTIMIZERS | {"beta2": SHARE, "epsilon": ABOVE},
    bp.Adam: ADAMS,
    bp.AdamW: ADAMS,
    bp.ConstantSchedule: {"learning_rate": NOT_NEGATIVE},
    bp.StepSchedule: {"learning_rate": NOT_NEGATIVE, "every": COUNT, "factor": NOT_NEGATIVE},
    bp.ExponentialSchedule: {"learning_rate": NOT_NEGATIVE, "factor": NOT_NEGATIVE, "every": COUNT},
    bp.CosineSchedule: {"learning_rate": NOT_NEGATIVE, "steps": COUNT, "final": NOT_NEGATIVE},
    bp.WarmUpSchedule: {"steps": COUNT},
    bp.EarlyStopping: {"patience": COUNT, "min_delta": NOT_NEGATIVE},
    bp.Checkpoint: {"every": COUNT, "every_steps": COUNT},
    bp.ReduceOnPlateau: {
        "factor": INNER_SHARE,
        "patience": COUNT,
        "min_delta": NOT_NEGATIVE,
        "minimum_rate": NOT_NEGATIVE,
    },
}
ENDS[f"{NUMBER} at least -2"] = [-2], [-2.1]
#: What is not a number within a range: callables, switches, lists, a name of a file.
OTHERS = {
    bp.Dense: {"weight_initializer", "bias_initializer"},
    bp.Residual: {"layers"},
    bp.Standardize: {"mean", "scale"},
    bp.StandardizedTargets: {"loss", "mean", "scale"},
    bp.Momentum: {"nesterov"},
    bp.WarmUpSchedule: {"then"},
    bp.EarlyStopping: {"restore_best", "monitor", "mode"},
    bp.Checkpoint: {"path", "best_only", "monitor", "mode"},
    bp.ReduceOnPlateau: {"monitor", "mode"},
}
NEEDED = {"path": "model.npz", "low": -2, "learning_rate": 0.1, "then": 0.1, "value": 1.0}
NEEDED |= dict.fromkeys(["in_features", "out_features", "features", "every", "steps"], 2)
NEEDED |= {"rate": 0.5, "factor": 0.5, "patience": 2}


def made(cls, **settings):
    """One of a class, its settings as given and the rest as they must be."""
    arguments = arguments_of(cls)
    needed = [name for name in arguments if arguments[name].default is inspect.Parameter.empty]
    needed += ["low"] if cls is bp.Uniform else []
    if issubclass(cls, bp.Residual):
        settings = {"layers": [bp.ReLU()]}
    if "scale" in needed:
        settings = {"mean": [0.5], "scale": [2.0]} | settings
    if "loss" in needed:
        settings = {"loss": bp.Huber()} | settings
    return cls(**{name: NEEDED.get(name) for name in needed} | settings)


def test_every_setting_of_every_class_has_a_range():
    modules = bp.activations, monitors, bp.initializers, bp.layers, bp.losses, bp.optimizers
    offered_ = [
        cls for module in (*modules, bp.schedules, scaling) for cls in offered(module, Configurable)
    ]
    for cls in set(offered_) - {bp.Optimizer}:
        assert {*RANGES.get(cls, {}), *OTHERS.get(cls, {})} == set(arguments_of(cls)), cls


@pytest.mark.parametrize(
    ("cls", "name", "wanted"),
    [(cls, name, wanted) for cls in RANGES for name, wanted in RANGES[cls].items()],
)
def test_a_setting_out_of_its_range_is_refused_by_name(cls, name, wanted):
    inside, outside = ENDS[wanted]
    for value in inside:
        assert vars(made(cls, **{name: value}))[name] == value
    outside = [*outside, None, "1", [1]] + ([True, np.nan, np.inf] if wanted != CHOICE else [])
    if arguments_of(cls)[name].default is None:
        outside.remove(None)
    for value in outside:
        with pytest.raises(bp.ParameterError) as caught:
            made(cls, **{name: value})
        shown = f"{value:g}" if isinstance(value, (int, float)) else repr(value)
        shown = repr(value) if wanted in (COUNT, CHOICE) or value is True else shown
        assert str(caught.value) == f"{name} {wanted}; got {shown}."


def test_a_warm_up_to_a_negative_rate_is_refused():
    with pytest.raises(bp.ParameterError, match=r"^learning_rate .* at least 0; got -1"):
        bp.WarmUpSchedule(3, then=-1)


@pytest.mark.parametrize("initializer", [bp.He, "he", 0.5])
@pytest.mark.parametrize("name", ["weight", "bias"])
def test_an_initializer_must_be_a_function(name, initializer):
    with pytest.raises(bp.ParameterError) as caught:
        bp.Dense(2, 3, **{f"{name}_initializer": initializer})
    assert str(caught.value) == (
        f"the initializer of {name} must be a function of shape and generator, such as He(); got "
        f"{initializer!r}. Activations are layers of their own."
    )


# Settings that change

FIXED = {"in_features", "out_features", "features", "weight_initializer", "bias_initializer"}


@pytest.mark.parametrize(
    ("cls", "name", "wanted"),
    [(cls, name, wanted) for cls in RANGES for name, wanted in RANGES[cls].items()],
)
def test_a_setting_is_checked_when_it_is_assigned(cls, name, wanted):
    thing = made(cls)
    before = vars(thing)[name]
    inside, outside = ENDS[wanted]
    for value in [*outside, "1", [1]] + ([True, np.nan] if wanted != CHOICE else []):
        with pytest.raises(bp.ParameterError, match=f"^{name} {wanted}"):
            setattr(thing, name, value)
        assert vars(thing)[name] == before
    for value in inside:
        if name in FIXED:
            if value != before:
                refusals = f"^({name} is fixed: make a new|LayerNorm\\(1\\) would give its bias)"
                with pytest.raises(bp.ParameterError, match=refusals):
                    setattr(thing, name, value)
        else:
            setattr(thing, name, value)
            assert vars(thing)[name] == value
            assert type(vars(thing)[name]) is type(vars(made(cls, **{name: value}))[name])


@pytest.mark.parametrize(
    ("cls", "name"),
    [(bp.Momentum, "nesterov"), (bp.EarlyStopping, "restore_best"), (bp.Checkpoint, "best_only")],
)
def test_a_switch_is_true_or_false(cls, name):
    thing = made(cls)
    for value in (np.True_, False):
        setattr(thing, name, value)
        assert vars(thing)[name] is bool(value)
    for value in ("no", 1, None):
        for attempt in (lambda v: made(cls, **{name: v}), lambda v: setattr(thing, name, v)):
            with pytest.raises(bp.ParameterError) as caught:
                attempt(value)
            assert str(caught.value) == f"{name} must be True or False; got {value!r}."


def test_a_setting_is_taken_as_the_constructor_takes_it():
    schedule = bp.WarmUpSchedule(3, 0.1)
    schedule.then = 0.5
    assert repr(schedule.then) == "ConstantSchedule(0.5)"
    block = bp.Residual([bp.Dense(2, 2)])
    with pytest.raises(bp.ParameterError, match="layers is fixed"):
        block.layers = [bp.Dense(3, 3)]
    dense = bp.Dense(2, 3)
    dense.weight[...] = 7
    with pytest.raises(bp.ParameterError, match="weight_initializer is fixed"):
        dense.weight_initializer = bp.He()
    dense.out_features = 3
    assert (dense.weight == 7).all()


def every_class():
    modules = bp.activations, monitors, bp.initializers, bp.layers, bp.losses, bp.optimizers
    found = {
        cls for module in (*modules, bp.schedules, scaling) for cls in offered(module, Configurable)
    }
    return sorted(found - {bp.Optimizer}, key=lambda cls: cls.__name__)


@pytest.mark.parametrize("cls", every_class())
def test_what_no_class_of_ours_has_is_refused_and_users_may_have_it(cls):
    with pytest.raises(bp.UnknownNameError, match=f"^{cls.__name__} has no argument 'nonsense'"):
        cls(nonsense=1)
    thing = made(cls)
    arguments = len(arguments_of(cls))
    with pytest.raises(bp.UnknownNameError, match=f"^{cls.__name__} takes .*; got 0, 0"):
        cls(*[0] * (arguments + 2))
    with pytest.raises(bp.UnknownNameError, match=f"^{cls.__name__} has no attribute 'nonsense'"):
        thing.nonsense = 1
    assert not hasattr(thing, "nonsense")
    own = type("Own", (cls,), {})
    with pytest.raises(bp.UnknownNameError, match=r"^Own has no argument 'nonsense'"):
        own(nonsense=1)
    theirs = made(own)
    theirs.nonsense = 1
    assert theirs.nonsense == 1


class Borrowed(bp.Adam):
    """One of a user's: it has an argument of its own, and renames another."""

    def __init__(self, lr, own=1, **options):
        super().__init__(lr, **options)
        self.own, self.memory = own, {}


class Mixed(bp.Layer, Example):
    """Its constructor is that of a class of the user's, behind ours."""


def test_classes_of_ones_own_take_what_they_like():
    borrowed = Borrowed(lr=0.5, own=2, beta1=0.5)
    borrowed.own = borrowed.anything = "text"
    assert (borrowed.learning_rate, borrowed.beta1, borrowed.memory) == (0.5, 0.5, {})
    with pytest.raises(TypeError, match="unexpected keyword argument 'eps'"):
        Borrowed(0.1, eps=1)
    with pytest.raises(bp.ParameterError, match=r"^beta1 must be"):
        borrowed.beta1 = 2
    assert Mixed(1, fourth=2).fourth == 2


def test_one_that_does_not_keep_its_settings_is_not_checked():
    class Own(bp.WarmUpSchedule):
        def __init__(self, steps):
            self.steps = steps

    own = Own(3)
    own.steps = "many"
    assert own.steps == "many"


def test_signatures_are_those_of_the_constructors():
    assert str(inspect.signature(bp.ReLU)) == str(inspect.signature(bp.MeanSquaredError)) == "()"
    assert [*inspect.signature(bp.Huber).parameters] == ["delta"]
    assert next(iter(inspect.signature(bp.Network.fit).parameters)) == "self"


@pytest.mark.parametrize(
    ("attempt", "said"),
    [
        (lambda n: setattr(n, "learning_rate", 0.1), "'learning_rate'. It belongs to the opt"),
        (lambda n: setattr(n, "optimiser", bp.Adam()), "'optimiser'. Did you mean optimizer?"),
        (lambda n: setattr(n, "foo", 1), "'foo'. It has layers, loss, optimizer, seed, dtype."),
    ],
)
def test_a_network_has_no_other_attributes(attempt, said):
    network = bp.Network([bp.Dense(1, 1)], bp.MeanSquaredError())
    with pytest.raises(AttributeError) as caught:
        attempt(network)
    assert str(caught.value).startswith(f"Network has no attribute {said}")
    network.stop_training = True
    own = type("Own", (bp.Network,), {})([bp.Dense(1, 1)], bp.MeanSquaredError())
    attempt(own)


def test_an_error_from_within_fit_is_left_as_it_is():
    network = bp.Network([bp.Dense(1, 1)], bp.MeanSquaredError())

    def broken(network, lr=None):
        raise TypeError("mine")

    with pytest.raises(TypeError, match=r"^mine\b"):
        network.fit([[1]], [1], 1, callbacks=broken)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'layers'"):
        bp.Network(loss=bp.MeanSquaredError())
    with pytest.raises(bp.ParameterError, match=r"^epochs must be .*; got None\."):
        network.fit([[1]], [1])
    with pytest.raises(bp.UnknownNameError, match=r"^fit has no argument 'verbose'. Here it is pr"):
        network.fit([[1]], [1], 1, verbose=1)
