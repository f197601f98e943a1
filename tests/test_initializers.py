"""The initializers: the spread that their formulas promise, and where the numbers come from."""

import math

import numpy as np
import pytest
from hypothesis import given
from strategies import seeds

import backproplite as bp
from backproplite.chance import WEIGHTS

SHAPE = (300, 100)
COUNT = 300 * 100

SCALED = [
    (bp.He, 2 / 300),
    (bp.Glorot, 2 / (300 + 100)),
    (bp.LeCun, 1 / 300),
]
EVERY = [
    bp.Constant(0.5),
    bp.Zeros(),
    bp.Normal(),
    bp.Uniform(),
    *(cls(distribution) for cls, _ in SCALED for distribution in ("normal", "uniform")),
]
every_initializer = pytest.mark.parametrize("initializer", EVERY, ids=repr)


def draw(initializer, shape=SHAPE, seed=0):
    return initializer(shape, np.random.default_rng(seed))


def assert_normal(sample, mean, deviation):
    """Five standard errors of the mean, of the deviation, and of the share beyond one deviation."""
    root = math.sqrt(COUNT)
    assert abs(sample.mean() - mean) < 5 * deviation / root
    assert abs(sample.std() / deviation - 1) < 5 / math.sqrt(2) / root
    beyond = (np.abs(sample - mean) > deviation).mean()
    assert abs(beyond - 0.3173105) < 5 * math.sqrt(0.3173 * 0.6827) / root


def assert_uniform(sample, low, high):
    """All within the bounds, both of them nearly reached, and a quarter in each quarter."""
    width = high - low
    assert low <= sample.min() < low + 20 * width / COUNT  # missed by chance: exp(-20)
    assert high >= sample.max() > high - 20 * width / COUNT
    quarters = np.histogram(sample, bins=4, range=(low, high))[0] / COUNT
    assert np.abs(quarters - 0.25).max() < 5 * math.sqrt(0.25 * 0.75 / COUNT)


@pytest.mark.parametrize(("cls", "variance"), SCALED)
@pytest.mark.parametrize("seed", range(3))
def test_the_spread_follows_from_inputs_and_outputs(cls, variance, seed):
    assert cls().variance(*SHAPE) == variance
    deviation = math.sqrt(variance)
    assert_normal(draw(cls(), seed=seed), 0, deviation)
    assert_normal(draw(cls("normal"), seed=seed), 0, deviation)
    bound = math.sqrt(3 * variance)
    assert_uniform(draw(cls("uniform"), seed=seed), -bound, bound)


@pytest.mark.parametrize(
    ("cls", "bound"),
    [(bp.He, math.sqrt(6 / 300)), (bp.Glorot, math.sqrt(6 / 400)), (bp.LeCun, math.sqrt(3 / 300))],
)
def test_uniform_bounds_are_the_ones_of_the_papers(cls, bound):
    assert_uniform(draw(cls("uniform")), -bound, bound)


@pytest.mark.parametrize("distribution", ["normal", "uniform"])
@pytest.mark.parametrize(
    ("cls", "shape", "variance"),
    [
        (bp.He, (64, 16, 5, 5), 2 / (16 * 25)),
        (bp.Glorot, (64, 16, 5, 5), 2 / (80 * 25)),
        (bp.LeCun, (64, 16, 5, 5), 1 / (16 * 25)),
        (bp.He, (200, 50, 3), 2 / 150),
        (bp.He, (200, 50), 2 / 200),  # inputs first, without a receptive field
        (bp.Glorot, (300, 50), 2 / 350),
        (bp.He, (40_000,), 2 / 40_000),
    ],
)
def test_each_place_of_a_receptive_field_counts(cls, shape, variance, distribution):
    assert draw(cls(distribution), shape).var() == pytest.approx(variance, rel=0.05)


@pytest.mark.parametrize("seed", range(3))
def test_normal_and_uniform_take_their_settings(seed):
    assert_normal(draw(bp.Normal(), seed=seed), 0, 0.05)
    assert_normal(draw(bp.Normal(2, 0.5), seed=seed), 2, 0.5)
    assert_uniform(draw(bp.Uniform(), seed=seed), -0.05, 0.05)
    assert_uniform(draw(bp.Uniform(1, 4), seed=seed), 1, 4)


def test_defaults():
    assert bp.Normal().settings() == {"mean": 0, "deviation": 0.05}
    assert bp.Uniform().settings() == {"low": -0.05, "high": 0.05}
    assert bp.He().distribution == bp.Glorot().distribution == bp.LeCun().distribution == "normal"


@pytest.mark.parametrize(
    ("initializer", "value"),
    [
        (bp.Zeros(), 0),
        (bp.Constant(-1.5), -1.5),
        (bp.Normal(3, 0), 3),
        (bp.Uniform(2, 2), 2),
    ],
)
def test_no_spread_gives_the_same_number_everywhere(initializer, value):
    array = draw(initializer, (2, 3))
    assert array.dtype == np.float64
    assert array.tolist() == [[value] * 3] * 2


@every_initializer
@pytest.mark.parametrize("shape", [(4,), (2, 3), (2, 3, 4)])
def test_any_shape_is_filled(initializer, shape):
    array = draw(initializer, shape)
    assert array.shape == shape
    assert np.isfinite(array).all()


@every_initializer
@given(seed=seeds)
def test_the_same_state_gives_the_same_draw_and_no_other_generator_moves(initializer, seed):
    before = np.random.get_state(legacy=False)  # noqa: NPY002 - the one under guard
    rng, same = np.random.default_rng(seed), np.random.default_rng(seed)
    for _ in range(2):
        assert initializer((2, 3), rng).tobytes() == initializer((2, 3), same).tobytes()
    np.testing.assert_equal(np.random.get_state(legacy=False), before)  # noqa: NPY002


@pytest.mark.parametrize("initializer", EVERY[2:], ids=repr)
def test_the_generator_is_advanced(initializer):
    rng = np.random.default_rng(0)
    first = initializer((2, 3), rng)
    assert (first != initializer((2, 3), rng)).all()
    assert (first != draw(initializer, (2, 3), seed=1)).all()


@every_initializer
def test_dense_starts_from_its_initializers(initializer):
    layer = bp.Dense(3, 2, initializer, initializer)
    network = bp.Network([layer], loss=bp.MeanSquaredError(), seed=5)
    rng = network.chance.at(WEIGHTS, 0)
    assert layer.weight.tolist() == initializer((3, 2), rng).tolist()
    assert layer.bias.tolist() == initializer((2,), rng).tolist()


def test_any_function_serves_as_an_initializer():
    asked = []

    def initializer(shape, rng):
        asked.append((shape, type(rng)))
        return np.arange(math.prod(shape)).reshape(shape)  # integers, too

    layer = bp.Dense(3, 2, initializer)
    assert layer.weight.dtype == np.float64
    assert layer.weight.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert layer.bias.tolist() == [0, 0]
    assert asked == [((3, 2), np.random.Generator)]


def test_the_base_of_the_scaled_ones_has_no_variance():
    scaled = bp.He.__mro__[1]
    with pytest.raises(NotImplementedError):
        draw(scaled())


@pytest.mark.parametrize("cls", [bp.He, bp.Glorot, bp.LeCun])
def test_a_single_number_has_no_inputs_to_count(cls):
    with pytest.raises(bp.ParameterError) as caught:
        cls()((), np.random.default_rng(0))
    assert str(caught.value) == (
        f"{cls.__name__} needs inputs and outputs to count, and a single number has none; start it "
        "with Constant or Normal."
    )
