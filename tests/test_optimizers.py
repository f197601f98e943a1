"""The optimizers: 100 steps of each against PyTorch, and the laws that they keep.

`python tests/test_optimizers.py` writes PyTorch's end points to figures/optimizers.json anew.
"""

import functools
import json
import math
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import optimizer_classes, seeds

import backproplite as bp
from backproplite.functions import norm

FIGURES = Path(__file__).parent / "figures" / "optimizers.json"

OPTIMIZERS = {cls.__name__: cls for cls in optimizer_classes} | {
    "Nesterov": functools.partial(bp.Momentum, nesterov=True)
}
every_optimizer = pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)

SCHEDULE = bp.CosineSchedule(0.1, steps=80, final=0.01)
SETTINGS = {
    "plain": {},
    "clip_norm": {"clip_norm": 1.5},
    "clip_value": {"clip_value": 0.6},
    "weight_decay": {"weight_decay": 0.1},
    "schedule": {"learning_rate": SCHEDULE},
    "everything": {
        "learning_rate": SCHEDULE,
        "clip_norm": 1.5,
        "clip_value": 0.9,
        "weight_decay": 0.1,
    },
}
EVERYTHING = SETTINGS["everything"]
every_setting = pytest.mark.parametrize("setting", SETTINGS)

#: For laws of elementwise arithmetic that every optimizer is put to: any numbers are as good.
few = settings(max_examples=15)


def numbers(seed, size=7):
    """Parameters, and a gradient for each of three steps."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal(size), rng.standard_normal((3, size))


def walk(optimizer, start, gradients, **kwargs):
    """Where the optimizer gets to along given gradients."""
    point = start.copy()
    for gradient in gradients:
        optimizer.step(point, gradient.copy(), **kwargs)
    return point


def state(optimizer):
    """The arrays that it keeps between steps."""
    return [getattr(optimizer, name) for name in optimizer.state_names]


def assert_same_bits(actual, expected):
    assert actual.dtype == expected.dtype
    assert actual.tobytes() == expected.tobytes()


# Against PyTorch: f(x) = log(sum(exp(A x))) + 0.2 sum(sin(2 x)) + 0.05 sum(x²). It is neither
# convex nor separable, and its gradient is now longer, now shorter than the limits for clipping.

MATRIX = ((np.arange(24) * 7 % 11) - 5).reshape(4, 6) / 4
START = np.array([1.5, -2.0, 0.75, 3.0, -1.25, 2.5])
STEPS = 100
#: Weight decay acts on the first stretch only, as on a layer's weight and bias.
WEIGHT, BIAS = slice(0, 4), slice(4, 6)
DECAYING = np.array([1.0, 1, 1, 1, 0, 0])


def slope(x):
    """The gradient of the function."""
    shares = bp.Softmax()((MATRIX @ x)[np.newaxis])[0]
    return MATRIX.T @ shares + 0.4 * np.cos(2 * x) + 0.1 * x


def our_path(name, setting):
    optimizer = OPTIMIZERS[name](**{"learning_rate": 0.05} | SETTINGS[setting])
    point, path = START.copy(), []
    for _ in range(STEPS):
        optimizer.step(point, slope(point), decaying=DECAYING)
        path.append(point.copy())
    return np.array(path)


def torch_path(torch, name, setting):
    """The same by PyTorch, which also differentiates the function by itself."""
    options = {"learning_rate": 0.05, "clip_norm": None, "clip_value": None} | SETTINGS[setting]
    decay = options.get("weight_decay", 0.01 if name == "AdamW" else 0.0)
    rates = options["learning_rate"]
    rates = [rates(i) if callable(rates) else rates for i in range(STEPS)]
    # Our velocity holds the rate of each step, as its docstring says; PyTorch's does not. Where
    # rates change, PyTorch gets the same by a rate of 1 and a gradient that holds rate and decay.
    ours_holds_rate = name in ("Momentum", "Nesterov") and len(set(rates)) > 1

    weight, bias = (
        torch.tensor(START[part], dtype=torch.float64, requires_grad=True)
        for part in (WEIGHT, BIAS)
    )
    groups = [
        {"params": [weight], "weight_decay": 0.0 if ours_holds_rate else decay},
        {"params": [bias], "weight_decay": 0.0},  # or AdamW would shrink it: its docstring
    ]
    optimizer = {
        "GradientDescent": torch.optim.SGD,
        "Momentum": functools.partial(torch.optim.SGD, momentum=0.9),
        "Nesterov": functools.partial(torch.optim.SGD, momentum=0.9, nesterov=True),
        "RMSProp": torch.optim.RMSprop,
        "Adam": torch.optim.Adam,
        "AdamW": torch.optim.AdamW,
    }[name](groups, lr=1.0)

    path = []
    for rate in rates:
        x = torch.cat([weight, bias])
        value = torch.logsumexp(torch.tensor(MATRIX) @ x, 0)
        value = value + 0.2 * torch.sin(2 * x).sum() + 0.05 * (x**2).sum()
        gradient = torch.cat(torch.autograd.grad(value, [weight, bias]))
        if options["clip_value"] is not None:
            gradient = gradient.clamp(-options["clip_value"], options["clip_value"])
        if options["clip_norm"] is not None:  # clip_grad_norm_ divides by the length plus 1e-6
            gradient = gradient * (options["clip_norm"] / gradient.norm()).clamp(max=1.0)
        weight.grad, bias.grad = gradient[WEIGHT].clone(), gradient[BIAS].clone()
        if ours_holds_rate:
            weight.grad = rate * (weight.grad + decay * weight.detach())
            bias.grad = rate * bias.grad
        for group in optimizer.param_groups:
            group["lr"] = 1.0 if ours_holds_rate else rate
        optimizer.step()
        path.append(torch.cat([weight, bias]).detach().numpy())
    return np.array(path)


def store_figures():
    """Write PyTorch's end points."""
    import torch

    ends = {
        name: {setting: torch_path(torch, name, setting)[-1].tolist() for setting in SETTINGS}
        for name in OPTIMIZERS
    }
    note = f"End points after {STEPS} steps by PyTorch {torch.__version__}; see test_optimizers.py"
    FIGURES.write_text(json.dumps({"note": note, "ends": ends}, indent=1) + "\n")


@every_setting
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_step_is_pytorchs(name, setting):
    theirs = torch_path(pytest.importorskip("torch"), name, setting)
    largest = np.abs(theirs).max(axis=1, keepdims=True)  # single entries pass through zero
    assert (np.abs(our_path(name, setting) - theirs) <= 1e-13 * largest).all()


@every_setting
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_end_point_is_the_one_stored_from_pytorch(name, setting):
    stored = json.loads(FIGURES.read_text())["ends"][name][setting]
    np.testing.assert_allclose(our_path(name, setting)[-1], stored, rtol=1e-12, atol=0)


def test_the_function_calls_for_every_option():
    """The comparison means something: clipping binds now and then, and every setting differs."""
    gradients = np.array([slope(x) for x in our_path("GradientDescent", "plain")])
    lengths = np.linalg.norm(gradients, axis=1)
    assert lengths.min() < EVERYTHING["clip_norm"] < lengths.max()
    assert np.abs(gradients).min() < EVERYTHING["clip_value"] < np.abs(gradients).max()
    ends = json.loads(FIGURES.read_text())["ends"]
    flat = [tuple(np.round(end, 9)) for row in ends.values() for end in row.values()]
    assert len(set(flat)) == len(OPTIMIZERS) * len(SETTINGS)


def test_clipping_by_length_lacks_pytorchs_millionth():
    torch = pytest.importorskip("torch")
    gradient = np.array([3e-6, 4e-6])
    theirs = torch.tensor(gradient, requires_grad=True)
    theirs.grad = torch.tensor(gradient)
    torch.nn.utils.clip_grad_norm_([theirs], 1e-6)
    bp.GradientDescent(clip_norm=1e-6).clip(gradient)
    np.testing.assert_allclose(gradient, theirs.grad.numpy() * (5e-6 + 1e-6) / 5e-6, rtol=1e-13)


# Closed forms.


@given(seed=seeds, nesterov=st.booleans(), setting=st.sampled_from(list(SETTINGS)))
def test_momentum_zero_is_gradient_descent_to_the_bit(seed, nesterov, setting):
    start, gradients = numbers(seed)
    plain = walk(bp.GradientDescent(**SETTINGS[setting]), start, gradients)
    options = {"momentum": 0, "nesterov": nesterov} | SETTINGS[setting]
    assert_same_bits(walk(bp.Momentum(**options), start, gradients), plain)


@given(seed=seeds, setting=st.sampled_from(list(SETTINGS)))
def test_adamw_without_decay_is_adam_to_the_bit(seed, setting):
    start, gradients = numbers(seed)
    options = SETTINGS[setting] | {"weight_decay": 0}
    expected = walk(bp.Adam(**options), start, gradients)
    assert_same_bits(walk(bp.AdamW(**options), start, gradients), expected)


@given(
    curvature=st.floats(0.01, 10),
    rate=st.floats(0, 0.19),
    start=st.floats(1e-3, 100),
    decay=st.floats(0, 1),
)
def test_gradient_descent_on_a_quadratic_has_its_closed_form(curvature, rate, start, decay):
    optimizer = bp.GradientDescent(rate, weight_decay=decay)
    point = np.array([start])
    for _ in range(5):
        optimizer.step(point, curvature * point)
    expected = start * (1 - rate * (curvature + decay)) ** 5
    # Rounding is relative to the terms of 1 - rate · slope, which may cancel.
    np.testing.assert_allclose(point, expected, rtol=1e-13, atol=1e-14 * start)


@pytest.mark.parametrize(("rate", "end"), [(0.01, 1.33098), (0.3, 2.99999997), (1.5, -2621437)])
def test_the_lesson_in_one_dimension(rate, end):
    optimizer, point = bp.GradientDescent(rate), np.array([0.5])
    for _ in range(20):
        optimizer.step(point, 2 * (point - 3))
    np.testing.assert_allclose(point, end, rtol=3e-7)  # as many digits as the lesson gives


@pytest.mark.parametrize(
    ("nesterov", "expected"),
    [
        (False, [1 - 0.2, 0.8 - (0.9 * 0.2 + 0.1), 0.52 - (0.9 * 0.28 - 0.3)]),
        (True, [1 - 0.38, 0.62 - (0.9 * 0.28 + 0.1), 0.268 - (0.9 * -0.048 - 0.3)]),
    ],
)
def test_momentum_by_hand_with_a_changing_rate(nesterov, expected):
    optimizer = bp.Momentum([0.2, 0.1, 0.3].__getitem__, nesterov=nesterov)
    point, path = np.array([1.0]), []
    for gradient in (1.0, 1.0, -1.0):
        optimizer.step(point, np.array([gradient]))
        path.append(point[0])
    np.testing.assert_allclose(path, expected, rtol=1e-14)


signed = st.builds(math.copysign, st.floats(1, 9), st.sampled_from([-1, 1]))


@pytest.mark.parametrize(
    ("make", "first"),
    [
        (bp.Adam, lambda g: g / (abs(g) + 1e-8)),
        (functools.partial(bp.AdamW, weight_decay=0), lambda g: g / (abs(g) + 1e-8)),
        (bp.RMSProp, lambda g: g / (0.1 * abs(g) + 1e-8)),
    ],
)
@given(mantissa=signed, power=st.integers(-140, 140), rate=st.floats(1e-6, 1))
def test_the_first_adaptive_step_has_the_gradients_sign_not_its_size(
    make, first, mantissa, power, rate
):
    gradient, point = mantissa * 10.0**power, np.zeros(1)
    make(rate).step(point, np.array([gradient]))
    np.testing.assert_allclose(point[0], -rate * first(gradient), rtol=1e-12)


@given(mantissa=signed, power=st.integers(-2, 140))
def test_adams_first_step_is_as_long_as_the_rate(mantissa, power):
    point = np.zeros(1)
    bp.Adam(0.125).step(point, np.array([mantissa * 10.0**power]))
    assert point[0] == pytest.approx(-math.copysign(0.125, mantissa), rel=1e-6)  # epsilon / 0.01


@pytest.mark.parametrize("make", [bp.RMSProp, bp.Adam, bp.AdamW])
@few
@given(seed=seeds, power=st.integers(-30, 30))
def test_gradients_and_epsilon_may_be_scaled_together(make, seed, power):
    """By a power of two, which no rounding touches: the path stays the same to the bit."""
    start, gradients = numbers(seed)
    scale = 2.0**power
    expected = walk(make(epsilon=1e-3), start, gradients)
    assert_same_bits(walk(make(epsilon=1e-3 * scale), start, scale * gradients), expected)


@pytest.mark.parametrize("make", [bp.GradientDescent, bp.Momentum, OPTIMIZERS["Nesterov"]])
@few
@given(seed=seeds, power=st.integers(-30, 30))
def test_gradients_and_parameters_may_be_scaled_together(make, seed, power):
    start, gradients = numbers(seed)
    scale = 2.0**power
    limits = {"clip_value": 0.7, "clip_norm": 1.1}
    scaled = {name: limit * scale for name, limit in limits.items()}
    expected = walk(make(0.1, **limits, weight_decay=0.1), start, gradients)
    optimizer = make(0.1, **scaled, weight_decay=0.1)
    assert_same_bits(walk(optimizer, scale * start, scale * gradients), scale * expected)


@every_optimizer
@few
@given(seed=seeds, cut=st.integers(1, 6))
def test_each_parameter_goes_its_own_way(make, seed, cut):
    """Unless the length of the whole gradient is clipped, parts move as they do in the whole."""
    start, gradients = numbers(seed)
    options = EVERYTHING | {"clip_norm": None}
    whole = walk(make(**options), start, gradients)
    parts = [
        walk(make(**options), start[part], gradients[:, part])
        for part in (slice(None, cut), slice(cut, None))
    ]
    assert_same_bits(np.concatenate(parts), whole)


# Clipping and weight decay.


def vectors():
    """Vectors of entries from 1 to 9 in size, times a power of ten."""
    return st.builds(
        lambda entries, power: np.array(entries) * 10.0**power,
        st.lists(signed, min_size=1, max_size=9),
        st.integers(-200, 200),
    )


@pytest.mark.parametrize(
    ("vector", "length"),
    [
        ([], 0),
        ([0, -0.0], 0),
        ([3e200, -4e200], 5e200),
        ([3e-200, -4e-200], 5e-200),
        ([-math.inf, 1], math.inf),
        ([1, math.nan], math.nan),
    ],
)
def test_the_length_of_any_vector(vector, length):
    assert norm(np.array(vector, float)) == pytest.approx(length, rel=1e-15, abs=0, nan_ok=True)


ADAPTIVE = [bp.RMSProp, bp.Adam, bp.AdamW]


@pytest.mark.parametrize("cls", ADAPTIVE)
@pytest.mark.parametrize(("dtype", "size"), [("float64", 1e160), ("float32", 1e30)])
def test_a_gradient_whose_square_is_no_float_is_said_and_leaves_nothing_behind(cls, dtype, size):
    optimizer, fresh = cls(0.1, weight_decay=0), cls(0.1, weight_decay=0)
    points = np.zeros((2, 2), dtype)
    optimizer.step(points[0], np.ones(2, dtype)), fresh.step(points[1], np.ones(2, dtype))
    with pytest.raises(
        bp.DivergenceError, match=f"^the square of .* {dtype} .* rate 0.1"
    ) as caught:
        optimizer.step(points[0], np.array([1, size], dtype))
    assert caught.value.learning_rate == 0.1
    for _ in range(3):
        optimizer.step(points[0], np.ones(2, dtype)), fresh.step(points[1], np.ones(2, dtype))
    assert np.array_equal(*points)
    assert optimizer.step_count == fresh.step_count == 4


@pytest.mark.parametrize("cls", ADAPTIVE)
def test_such_a_gradient_stops_a_fit_in_that_step_with_the_parameters_as_they_were(cls):
    layers = [bp.Dense(1, 1, bp.Zeros())]
    network = bp.Network(layers, bp.MeanAbsoluteError(), cls(0.1), dtype="float32")
    X, y = np.array([[1.0], [1e30], [1.0]]), np.ones(3)
    with pytest.raises(bp.DivergenceError, match=r"^the square .* in epoch 1, batch 2, "):
        network.fit(X, y, 5, batch_size=1, shuffle=False)
    first = bp.Network([bp.Dense(1, 1, bp.Zeros())], bp.MeanAbsoluteError(), cls(0.1), 0, "float32")
    first.train_step(X[:1], y[:1])
    assert np.array_equal(network.parameters, first.parameters)
    assert network.optimizer.step_count == 1


@pytest.mark.parametrize("cls", optimizer_classes)
@pytest.mark.parametrize(("dtype", "size"), [("float64", 1.7e308), ("float32", 3e38)])
def test_a_gradient_as_long_as_any_moves_the_parameters_once_it_is_clipped(cls, dtype, size):
    optimizer, point = cls(0.1, clip_norm=1.0), np.zeros(2, dtype)
    optimizer.step(point, np.full(2, size, dtype))
    assert (point >= -1).all()
    assert (point < -0.01).all()


@pytest.mark.parametrize("cls", ADAPTIVE)
@pytest.mark.parametrize(("dtype", "epsilon"), [("float32", 1e-50), ("float64", 5e-324)])
@given(power=st.integers(-320, 0))
def test_an_epsilon_that_vanishes_still_keeps_the_division_finite(cls, dtype, epsilon, power):
    optimizer, point = cls(0.1, epsilon=epsilon, weight_decay=0), np.zeros(2, dtype)
    with np.errstate(all="ignore"):
        for _ in range(3):
            optimizer.step(point, np.array([0, 10.0**power], dtype))
    assert point[0] == 0
    assert -3 <= point[1] <= 0  # as far as with any other epsilon


@given(gradient=vectors(), shorter=st.floats(1.001, 1e6))
def test_clip_norm_leaves_shorter_gradients_alone_to_the_bit(gradient, shorter):
    clipped = gradient.copy()
    bp.GradientDescent(clip_norm=math.hypot(*gradient) * shorter).clip(clipped)
    assert_same_bits(clipped, gradient)


@given(gradient=vectors(), longer=st.floats(1.001, 1e80))
def test_clip_norm_gives_longer_gradients_just_that_length(gradient, longer):
    limit = math.hypot(*gradient) / longer
    clipped = gradient.copy()
    bp.GradientDescent(clip_norm=limit).clip(clipped)
    assert math.hypot(*clipped) == pytest.approx(limit, rel=1e-14, abs=0)
    np.testing.assert_allclose(clipped, gradient / longer, rtol=1e-14)


@pytest.mark.parametrize("scale", [1e-30, 1e-15, 1.0, 1e15, 1e30])
def test_clip_norm_holds_in_float32(scale):
    gradient = np.array([3, -4], np.float32) * np.float32(scale)
    bp.GradientDescent(clip_norm=scale).clip(gradient)
    assert gradient.dtype == np.float32
    # Four roundings: scale, quotient, product, and that of the limit itself.
    np.testing.assert_allclose(gradient, [0.6 * scale, -0.8 * scale], rtol=4 * 2.0**-24)


def test_a_gradient_as_long_as_clip_norm_stays():
    gradient = np.array([3.0, -4.0])
    bp.GradientDescent(clip_norm=5).clip(gradient)
    assert gradient.tolist() == [3, -4]


@given(gradient=vectors(), ratio=st.floats(0.01, 100))
def test_clip_value_bounds_each_entry_and_leaves_the_others_alone(gradient, ratio):
    limit = float(np.abs(gradient).max() * ratio)
    clipped = gradient.copy()
    bp.GradientDescent(clip_value=limit).clip(clipped)
    inside = np.abs(gradient) <= limit
    assert_same_bits(clipped[inside], gradient[inside])
    assert_same_bits(clipped[~inside], np.copysign(limit, gradient[~inside]))


def test_values_are_clipped_before_the_length_and_decay_comes_last():
    gradient, point = np.array([30.0, 4.0]), np.array([10.0, 20.0])
    bp.GradientDescent(1, clip_value=3, clip_norm=1, weight_decay=0.5).step(point, gradient)
    clipped = np.array([3, 3]) / math.sqrt(18)
    np.testing.assert_allclose(gradient, clipped + [5, 10], rtol=1e-15)
    np.testing.assert_allclose(point, [10, 20] - gradient, rtol=1e-15)


@every_optimizer
@few
@given(seed=seeds, data=st.data())
def test_weight_decay_touches_what_decays_only(make, seed, data):
    start, gradients = numbers(seed)
    touched = np.array(data.draw(st.lists(st.booleans(), min_size=7, max_size=7)))
    without = walk(make(0.1, weight_decay=0), start, gradients)
    with_decay = walk(make(0.1, weight_decay=0.5), start, gradients, decaying=touched * 1.0)
    everywhere = walk(make(0.1, weight_decay=0.5), start, gradients)
    assert_same_bits(with_decay[~touched], without[~touched])
    assert_same_bits(with_decay[touched], everywhere[touched])
    assert (everywhere != without).all()


@few
@given(seed=seeds, rate=st.floats(0, 1), decay=st.floats(0, 1))
def test_decay_alone_shrinks_parameters(seed, rate, decay):
    start, _ = numbers(seed)
    still = [np.zeros(start.size)]
    plain = walk(bp.GradientDescent(rate, weight_decay=decay), start, still)
    decoupled = walk(bp.AdamW(rate, weight_decay=decay), start, still)
    expected = start * (1 - rate * decay)
    for end in (plain, decoupled):
        np.testing.assert_allclose(end, expected, rtol=1e-15, atol=3e-16 * np.abs(start).max())


@every_optimizer
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_gradients_are_only_read_without_clipping_and_coupled_decay(make, weight_decay):
    start, (gradient, *_) = numbers(0)
    optimizer = make(weight_decay=weight_decay)
    given_gradient = gradient.copy()
    if weight_decay == 0 or isinstance(optimizer, bp.AdamW):
        gradient.flags.writeable = False
    optimizer.step(start.copy(), gradient)
    changed = not np.array_equal(gradient, given_gradient)
    assert changed == (weight_decay > 0 and not isinstance(optimizer, bp.AdamW))


@few
@given(seed=seeds)
def test_clipped_and_decayed_gradients_are_left_as_applied(seed):
    start, (gradient, *_) = numbers(seed)
    point = start.copy()
    bp.GradientDescent(0.25, clip_value=0.5, clip_norm=1, weight_decay=0.1).step(point, gradient)
    assert_same_bits(point, start - 0.25 * gradient)


@every_optimizer
@few
@given(seed=seeds)
def test_a_zero_gradient_moves_nothing_from_rest(make, seed):
    start, _ = numbers(seed)
    optimizer = make(1, clip_norm=1, clip_value=1, weight_decay=0)
    assert_same_bits(walk(optimizer, start, np.zeros((3, start.size))), start)


# What it steps on.

#: A stretch, every other, backwards.
VIEWS = [slice(3, 10), slice(1, 15, 2), slice(10, 3, -1)]


@every_optimizer
@few
@given(part=st.sampled_from(VIEWS), seed=seeds)
def test_views_into_bigger_arrays_are_stepped_on_in_place(make, part, seed):
    start, gradients = numbers(seed)
    outer = np.full((2, 20), 7.0)
    point, gradient = outer[0, part], outer[1, part]
    point[...] = start
    optimizer = make(**EVERYTHING)
    for each in gradients:
        gradient[...] = each
        optimizer.step(point, gradient)
    # Over strides, the length may be summed in another order.
    np.testing.assert_allclose(point, walk(make(**EVERYTHING), start, gradients), atol=1e-14)
    point[...] = gradient[...] = 7
    assert (outer == 7).all()


@every_optimizer
@few
@given(seed=seeds)
def test_float32_stays_float32(make, seed):
    start, gradients = numbers(seed)
    optimizer = make(**EVERYTHING)
    narrow = walk(optimizer, start.astype(np.float32), gradients.astype(np.float32))
    arrays = [narrow, optimizer.scratch, *state(optimizer)]
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}
    wide = walk(make(**EVERYTHING), start, gradients)
    # Three steps of less than 0.1 each, some rounded off by 1e-7; a small gradient may lose more.
    np.testing.assert_allclose(narrow, wide, rtol=0, atol=1e-5)


@every_optimizer
def test_the_schedule_is_asked_for_each_step_once(make):
    asked = []

    def schedule(step):
        asked.append(step)
        return 0.1 / (step + 1)

    optimizer, point = make(schedule), np.ones(2)
    for step in range(5):
        optimizer.step(point, np.ones(2))
        assert optimizer.step_count == step + 1
        assert optimizer.rate == 0.1 / (step + 1)
    assert asked == [0, 1, 2, 3, 4]


@every_optimizer
@pytest.mark.parametrize(
    ("rate", "shown"),
    [
        (-0.1, "-0.1"),
        (math.nan, "nan"),
        (math.inf, "inf"),
        (None, "None"),
        ("fast", "'fast'"),
        (True, "True"),
        (1j, "1j"),
    ],
)
def test_a_bad_rate_from_a_schedule_changes_nothing(make, rate, shown):
    optimizer = make(lambda step: 0.1 if step < 2 else rate, clip_value=0.1, weight_decay=0.1)
    start, gradients = numbers(0)
    point = walk(optimizer, start, gradients[:2])
    arrays = [point, gradients[2], *state(optimizer)]
    before = [array.copy() for array in arrays]
    with pytest.raises(bp.ParameterError) as caught:
        optimizer.step(point, gradients[2])
    assert str(caught.value) == (
        f"the rate from the schedule must be a finite number at least 0; got {shown}."
    )
    assert optimizer.step_count == 2
    for array, kept in zip(arrays, before, strict=True):
        assert_same_bits(array, kept)


@every_optimizer
def test_state_is_kept_between_steps_and_reset_forgets_it(make):
    start, gradients = numbers(1)
    fresh, optimizer = (make(**EVERYTHING) for _ in range(2))
    expected = walk(fresh, start, gradients)
    first = walk(optimizer, start, gradients[:1])
    kept = [optimizer.scratch, *state(optimizer)]
    assert len(kept) == 1 + len(optimizer.state_names)
    assert all(array.any() for array in kept)
    assert_same_bits(walk(optimizer, first, gradients[1:]), expected)
    assert all(a is b for a, b in zip(kept, [optimizer.scratch, *state(optimizer)], strict=True))
    optimizer.reset(start)
    assert (optimizer.step_count, optimizer.rate) == (0, 0)
    assert not any(array.any() for array in state(optimizer))
    assert_same_bits(walk(optimizer, start, gradients), expected)


@every_optimizer
def test_reset_makes_room_for_parameters_of_another_kind(make):
    optimizer = make()
    optimizer.step(np.ones(3), np.ones(3))
    other = np.ones(5, np.float32)
    optimizer.reset(other)
    assert optimizer.scratch.shape == (5,)
    assert not any(np.shares_memory(other, a) for a in [optimizer.scratch, *state(optimizer)])
    optimizer.step(other, np.ones(5, np.float32))
    assert (other < 1).all()


@every_optimizer
@pytest.mark.parametrize(
    ("parameters", "gradients", "error", "message"),
    [
        (np.ones(2), np.ones((2, 1)), bp.ShapeError, "got shapes (2,) and (2, 1)."),
        (np.ones(()), np.ones(()), bp.ShapeError, "vectors of one length; got shapes () and ()."),
        (np.ones(3), np.ones(1), bp.ShapeError, "got shapes (3,) and (1,)."),
        (np.ones(2, int), np.ones(2), bp.InputError, "must be floats; got int64 and float64."),
        (np.ones(2, bool), np.ones(2), bp.InputError, "must be floats; got bool and float64."),
        (
            np.ones(2, complex),
            np.ones(2),
            bp.InputError,
            "must be floats; got complex128 and float64.",
        ),
    ],
)
def test_unfit_vectors_are_refused_and_unchanged(make, parameters, gradients, error, message):
    optimizer = make(**EVERYTHING)
    before = parameters.copy(), gradients.copy()
    with pytest.raises(error) as caught:
        optimizer.step(parameters, gradients)
    assert str(caught.value).startswith("parameters ")
    assert str(caught.value).endswith(message)
    assert optimizer.step_count == 0
    assert_same_bits(parameters, before[0])
    assert_same_bits(gradients, before[1])


@every_optimizer
@pytest.mark.parametrize("other", [np.ones(3), np.ones(1), np.ones(2, np.float32)])
def test_other_parameters_after_a_step_are_refused(make, other):
    optimizer = make()
    optimizer.step(np.ones(2), np.ones(2))
    with pytest.raises(bp.ShapeError) as caught:
        optimizer.step(other, np.ones_like(other))
    assert str(caught.value) == (
        f"{type(optimizer).__name__} works on 2 parameters of float64; got {other.size} of "
        f"{other.dtype}. Take a new optimizer."
    )
    assert (other == 1).all()
    with pytest.raises(bp.ShapeError, match="got shapes"):
        optimizer.step(np.ones(2), np.ones(1))


@every_optimizer
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@every_setting
def test_a_later_step_allocates_next_to_nothing(make, dtype, setting):
    size = 100_000
    parameters = np.linspace(-1, 1, size, dtype=dtype)
    gradients = np.linspace(1, -1, size, dtype=dtype)
    optimizer = make(**SETTINGS[setting])
    decaying = (np.arange(size) % 3 > 0).astype(dtype)
    optimizer.step(parameters, gradients, decaying)
    tracemalloc.start()
    try:
        optimizer.step(parameters, gradients, decaying)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4_000  # an array would be 400,000


# Settings, and optimizers of one's own.


@pytest.mark.parametrize(
    ("cls", "defaults"),
    [
        (bp.GradientDescent, {"learning_rate": 0.01}),
        (bp.Momentum, {"learning_rate": 0.01, "momentum": 0.9, "nesterov": False}),
        (bp.RMSProp, {"learning_rate": 0.01, "beta2": 0.99, "epsilon": 1e-8}),
        (bp.Adam, {"learning_rate": 0.001, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}),
        (bp.AdamW, {"learning_rate": 0.001, "weight_decay": 0.01, "epsilon": 1e-8}),
    ],
)
def test_defaults(cls, defaults):
    common = {"clip_norm": None, "clip_value": None, "weight_decay": 0.0}
    assert (common | defaults).items() <= cls().settings().items()


def test_an_optimizer_of_ones_own_has_its_state_kept():
    class Heavy(bp.Optimizer):
        state_names = ("total",)

        def update(self, parameters, gradients, rate):
            self.total += gradients
            np.multiply(self.total, rate, out=self.scratch)
            parameters -= self.scratch

    optimizer = Heavy(0.5, clip_value=1)
    point = np.zeros(2, np.float32)
    for _ in range(2):
        optimizer.step(point, np.array([4, -0.5], np.float32))
    assert optimizer.total.tolist() == [2, -1]
    assert optimizer.total.dtype == np.float32
    assert point.tolist() == [-1.5, 0.75]


def test_an_optimizer_without_update_says_so():
    class Lazy(bp.Optimizer):
        pass

    with pytest.raises(NotImplementedError) as caught:
        Lazy().step(np.ones(1), np.ones(1))
    assert str(caught.value) == "Lazy must define update(parameters, gradients, rate)."


def test_an_update_that_returns_something_has_not_changed_the_parameters_in_place():
    class Returning(bp.Optimizer):
        def update(self, parameters, gradients, rate):
            return parameters - rate * gradients

    optimizer = Returning(0.1)
    with pytest.raises(bp.ParameterError) as caught:
        optimizer.step(np.ones(2), np.ones(2))
    assert str(caught.value) == (
        "update of Returning must change the parameters in place, such as by parameters -= ..., "
        "and return nothing."
    )
    assert optimizer.step_count == 0


@pytest.mark.parametrize("rate", [-1, "fast", math.nan])
def test_a_bad_rate_that_was_set_afterwards_is_refused_by_name(rate):
    optimizer = bp.GradientDescent(0.1)
    with pytest.raises(
        bp.ParameterError, match=r"^learning_rate must be a finite number at least 0"
    ):
        optimizer.learning_rate = rate
    assert optimizer.learning_rate == 0.1


if __name__ == "__main__":
    store_figures()


def test_a_schedule_that_grows_beyond_all_floats_is_refused():
    optimizer = bp.GradientDescent(lambda step: 10.0 ** (400 * step))
    optimizer.step(np.ones(1), np.ones(1))
    with pytest.raises(bp.ParameterError, match=r"the rate from the schedule must be .* got inf"):
        optimizer.step(np.ones(1), np.ones(1))
