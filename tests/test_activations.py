"""The activations: right to the last places over the whole float line, and lawful."""

import math

import numpy as np
import oracles
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from oracles import mp
from strategies import activation_classes, elementwise_classes, matrices, seeds

import backproplite as bp
from backproplite.activations import Activation

STRICT = {"all": "raise", "under": "ignore"}
floats = st.floats(allow_nan=False, allow_infinity=False)
every_activation = pytest.mark.parametrize("cls", activation_classes)
elementwise = pytest.mark.parametrize("cls", elementwise_classes)
both_dtypes = pytest.mark.parametrize("dtype", [np.float64, np.float32])

BOUNDED = {  # the function and its derivative in 50 digits
    "sigmoid": (bp.Sigmoid(), oracles.sigmoid, oracles.sigmoid_slope),
    "tanh": (bp.Tanh(), mp.tanh, oracles.tanh_slope),
    "softplus": (bp.Softplus(), oracles.softplus, oracles.sigmoid),
    "elu": (bp.ELU(), oracles.elu(1), oracles.elu_slope(1)),
    "elu, alpha 0.3": (bp.ELU(0.3), oracles.elu(0.3), oracles.elu_slope(0.3)),
}
bounded = pytest.mark.parametrize("name", BOUNDED)
SMOOTH = {name: (f, truth) for name, (f, truth, _) in BOUNDED.items()}
SMOOTH |= {"gelu": (bp.GELU(), oracles.gelu), "silu": (bp.SiLU(), oracles.silu)}


@bounded
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_values_and_slopes_hold_their_digits_on_the_whole_line(name, dtype):
    activation, truth, slope = BOUNDED[name]
    x = oracles.float_line(dtype)
    assert oracles.ulps(activation(x), oracles.exact(truth, x)).max() <= 2
    assert oracles.ulps(activation.derivative(x), oracles.exact(slope, x)).max() <= 4


@bounded
@given(st.lists(floats | st.floats(-50, 50), min_size=1, max_size=20))
def test_any_value_is_within_2_ulp_and_any_slope_within_4(name, numbers):
    activation, truth, slope = BOUNDED[name]
    x = np.array(numbers)
    assert oracles.ulps(activation(x), oracles.exact(truth, x)).max() <= 2
    assert oracles.ulps(activation.derivative(x), oracles.exact(slope, x)).max() <= 4


def test_silu_is_within_3_ulp_where_its_sigmoid_is_a_normal_float():
    x = oracles.float_line(np.float64)
    x = x[x > -708]
    assert oracles.ulps(bp.SiLU()(x), oracles.exact(oracles.silu, x)).max() <= 3


def test_silu_derivative_is_within_4_ulp_on_the_right():
    x = oracles.float_line(np.float64)
    x = x[x > 0]  # on the left it passes through 0
    slopes = bp.SiLU().derivative(x)
    assert oracles.ulps(slopes, oracles.exact(oracles.silu_slope, x)).max() <= 4


def test_gelu_loses_no_more_digits_than_its_exponent_must():
    x = oracles.float_line(np.float64)
    x = x[abs(x) < 22]
    wanted = np.array(oracles.exact(oracles.gelu, x), float)
    exponent = np.array(oracles.exact(oracles.twice_u, x), float)
    # A rounding of the exponent is that much of the exponential, and there are about four.
    allowed = 4 * 2.0**-53 * (1 + np.maximum(-exponent, 0)) * abs(wanted) + 1e-307
    assert (abs(bp.GELU()(x) - wanted) <= allowed).all()


def test_gelu_stays_within_0_0005_of_the_form_with_erf():
    x = np.linspace(-10, 10, 2001)
    exact = np.array([z / 2 * (1 + math.erf(z / math.sqrt(2))) for z in x])
    assert 0.0004 < abs(bp.GELU()(x) - exact).max() < 0.0005


@pytest.mark.parametrize("name", SMOOTH)
@given(st.floats(-20, 20).map(lambda x: x if abs(x) > 1e-20 else 0.0))
@example(0.0)
def test_derivative_is_that_of_the_50_digit_function(name, x):
    activation, truth = SMOOTH[name]
    at = mp.mpf(x)
    if x == 0 and name.startswith("elu"):
        at = mp.mpf(-1) / 10**20  # at the corner, the left side's
    wanted = float(mp.diff(truth, at, h=mp.mpf(10) ** -22))
    # 4e-16: where the sum in the derivatives of GELU and SiLU passes through 0.
    assert float(activation.derivative(x)) == pytest.approx(wanted, rel=4e-15, abs=4e-16)


@elementwise
@given(matrices())
def test_derivative_is_that_of_the_complex_step(cls, x):
    slope = cls()(x + 1e-30j).imag / 1e-30
    np.testing.assert_allclose(cls().derivative(x), slope, rtol=4e-15, atol=4e-16)


@elementwise
@given(matrices())
def test_derivative_is_that_of_central_differences(cls, x):
    x = x + np.sign(x) * 1e-5  # no step over a corner
    slope = (cls()(x + 1e-6) - cls()(x - 1e-6)) / ((x + 1e-6) - (x - 1e-6))
    np.testing.assert_allclose(cls().derivative(x), slope, rtol=2e-9, atol=1e-9)


@given(matrices(), seeds)
def test_softmax_derivative_is_that_of_the_complex_step(x, seed):
    direction = np.random.default_rng(seed).standard_normal(x.shape)
    change = bp.Softmax()(x + 1e-30j * direction).imag / 1e-30
    jacobian = bp.Softmax().derivative(x)
    assert jacobian.shape == (*x.shape, x.shape[1])
    np.testing.assert_allclose(
        np.einsum("nij,nj->ni", jacobian, direction), change, rtol=1e-13, atol=1e-15
    )


@given(matrices(), seeds)
def test_softmax_backward_is_its_jacobian_applied(x, seed):
    grad_output = np.random.default_rng(seed).standard_normal(x.shape)
    _, cache = bp.Softmax().forward(x)
    wanted = np.einsum("nij,ni->nj", bp.Softmax().derivative(x), grad_output)
    np.testing.assert_allclose(
        bp.Softmax().backward(grad_output, cache), wanted, rtol=1e-13, atol=1e-15
    )


def whole_line_rows(dtype):
    """The whole float line in rows of two, each number once beside each kind of neighbour."""
    x = oracles.float_line(dtype)
    return np.concatenate([np.stack([x, x[np.argsort(x)]], 1), np.stack([x, -x], 1)])


@both_dtypes
@every_activation
def test_no_warning_and_nothing_but_finite_floats_for_any_finite_input(cls, dtype):
    x = whole_line_rows(dtype)
    with np.errstate(**STRICT):
        output, cache = cls().forward(x)
        arrays = [output, cls()(x), cls().derivative(x)]
        arrays += [cls().backward(np.full_like(x, size), cache) for size in (1, -1, 1e30)]
    for array in arrays:
        assert array.dtype == dtype
        assert np.isfinite(array).all()


def test_a_steep_left_side_does_no_harm_on_the_right():
    x = np.array([np.finfo(float).max, 1.0, -1.0])
    with np.errstate(**STRICT):
        assert bp.LeakyReLU(slope=-3.0)(x).tolist() == [x[0], 1, 3]


@pytest.mark.parametrize(
    ("activation", "left", "right", "left_slope", "right_slope"),
    [
        (bp.Sigmoid(), 0, 1, 0, 0),
        (bp.Tanh(), -1, 1, 0, 0),
        (bp.ReLU(), 0, 1e6, 0, 1),
        (bp.LeakyReLU(0.5), -5e5, 1e6, 0.5, 1),
        (bp.ELU(2.0), -2, 1e6, 0, 1),
        (bp.GELU(), 0, 1e6, 0, 1),
        (bp.SiLU(), 0, 1e6, 0, 1),
        (bp.Softplus(), 0, 1e6, 0, 1),
        (bp.Identity(), -1e6, 1e6, 1, 1),
    ],
)
def test_far_out_every_activation_is_its_asymptote(
    activation, left, right, left_slope, right_slope
):
    assert activation([-1e6, 1e6]).tolist() == [left, right]
    assert activation.derivative([-1e6, 1e6]).tolist() == [left_slope, right_slope]


#: The value and the slope at minus infinity, and those at infinity.
AT_INFINITY = {
    "Identity": (-np.inf, 1, np.inf, 1), "Sigmoid": (0, 0, 1, 0), "Tanh": (-1, 0, 1, 0),
    "ReLU": (0, 0, np.inf, 1), "LeakyReLU": (-np.inf, 0.01, np.inf, 1), "ELU": (-1, 0, np.inf, 1),
    "GELU": (0, 0, np.inf, 1), "SiLU": (0, 0, np.inf, 1), "Softplus": (0, 0, np.inf, 1),
}  # fmt: skip


@elementwise
@both_dtypes
def test_infinite_inputs_have_the_limits_for_values_and_slopes(cls, dtype):
    x = np.array([-np.inf, np.inf], dtype)
    found = np.stack([cls()(x), cls().derivative(x)]).T.ravel()
    np.testing.assert_array_equal(found, np.array(AT_INFINITY[cls.__name__], dtype))


@elementwise
@given(matrices(), seeds)
def test_backward_is_grad_output_times_the_derivative(cls, x, seed):
    grad_output = np.random.default_rng(seed).standard_normal(x.shape)
    _, cache = cls().forward(x)
    wanted = grad_output * cls().derivative(x)
    assert np.array_equal(cls().backward(grad_output, cache), wanted)


@every_activation
@given(matrices(), seeds, st.floats(-10, 10))
def test_backward_is_linear_in_grad_output(cls, x, seed, factor):
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((2, *x.shape))
    _, cache = cls().forward(x)
    together = cls().backward(factor * a + b, cache)
    apart = factor * cls().backward(a, cache) + cls().backward(b, cache)
    # Softmax subtracts a row's sum, so that rounding is relative to the row.
    np.testing.assert_allclose(together, apart, rtol=1e-13, atol=1e-14)


@given(floats)
def test_sigmoid_of_minus_x_is_1_minus_sigmoid(x):
    # Both sides are rounded, and the subtraction is: 2 units in the last place below 1.
    assert abs(bp.Sigmoid()(-x) - (1 - bp.Sigmoid()(x))) <= 2 * 2.0**-53


@given(st.floats(-1e300, 1e300))
def test_symmetries(x):
    assert bp.Tanh()(-x) == -bp.Tanh()(x)
    assert bp.Sigmoid().derivative(-x) == bp.Sigmoid().derivative(x)
    assert bp.Tanh().derivative(-x) == bp.Tanh().derivative(x)
    # f(x) - f(-x) = x for each of the smooth relatives of ReLU.
    for relative in (bp.GELU(), bp.SiLU(), bp.Softplus(), bp.ReLU()):
        assert relative(x) - relative(-x) == pytest.approx(x, rel=1e-15, abs=4e-16)


@given(st.floats(-100, 100))
def test_relations_between_activations(x):
    assert bp.Tanh()(x) == pytest.approx(2 * bp.Sigmoid()(2 * x) - 1, abs=4e-16)
    assert bp.SiLU()(x) == x * bp.Sigmoid()(x)
    assert bp.Softplus().derivative(x) == bp.Sigmoid()(x)
    assert bp.LeakyReLU(slope=0)(x) == bp.ReLU()(x)
    assert bp.Softmax()([x, 0.0])[0] == pytest.approx(bp.Sigmoid()(x), rel=1e-15)


@pytest.mark.parametrize("zero", [0.0, -0.0])
@pytest.mark.parametrize(
    ("activation", "value", "slope"),
    [
        (bp.ReLU(), 0, 0),
        (bp.LeakyReLU(), 0, 0.01),
        (bp.LeakyReLU(slope=0.3), 0, 0.3),
        (bp.ELU(), 0, 1),
        (bp.ELU(alpha=0.5), 0, 0.5),
        (bp.Sigmoid(), 0.5, 0.25),
        (bp.Tanh(), 0, 1),
        (bp.GELU(), 0, 0.5),
        (bp.SiLU(), 0, 0.5),
        (bp.Softplus(), math.log(2), 0.5),
        (bp.Identity(), 0, 1),
    ],
)
def test_values_and_slopes_at_0_are_those_of_the_left_side(activation, value, slope, zero):
    assert activation(zero) == value
    assert activation.derivative(zero) == slope


def test_sigmoid_on_the_figures_of_lesson_5():
    np.testing.assert_allclose(
        bp.Sigmoid()([0.31, 0.67, 0.7853445260877946]),
        [0.5768852611320463, 0.6615031592029524, 0.6868308369899564],
        rtol=4e-16,
    )


POINTS = [-40.0, -3.0, -0.5, 0.0, 0.7, 2.5, 40.0]
TORCH = {  # values, and derivatives, of torch 2.13 in float64
    "Sigmoid": (
        [4.248354255291589e-18, 0.04742587317756678, 0.3775406687981454]
        + [0.5, 0.6681877721681662, 0.9241418199787566, 1],
        [4.248354255291589e-18, 0.04517665973091214, 0.2350037122015945]
        + [0.25, 0.22171287329310904, 0.07010371654510807, 0],
    ),
    "Tanh": (
        [-1, -0.9950547536867305, -0.46211715726000974]
        + [0, 0.6043677771171635, 0.9866142981514303, 1],
        [0, 0.009866037165440166, 0.7864477329659274]
        + [1, 0.6347395899824586, 0.02659222668316057, 0],
    ),
    "ReLU": ([0, 0, 0, 0, 0.7, 2.5, 40], [0, 0, 0, 0, 1, 1, 1]),
    "LeakyReLU": ([-0.4, -0.03, -0.005, 0, 0.7, 2.5, 40], [0.01, 0.01, 0.01, 0.01, 1, 1, 1]),
    "ELU": (
        [-1, -0.950212931632136, -0.3934693402873666, 0, 0.7, 2.5, 40],
        [4.2483542552915889e-18, 0.049787068367863944, 0.6065306597126334, 1, 1, 1, 1],
    ),
    "GELU": (
        [0, -0.0036373920817729943, -0.15428599017485606]
        + [0, 0.5305701347051167, 2.484915733910001, 40],
        [0, -0.011584166630969648, 0.13263009646535764]
        + [0.5, 0.976357218656104, 1.037951576212666, 1],
    ),
    "SiLU": (
        [-1.6993417021166355e-16, -0.14227761953270035, -0.1887703343990727]
        + [0, 0.46773144051771626, 2.3103545499468914, 40],
        [-1.6568581595637197e-16, -0.08810410601516962, 0.2600388126973482]
        + [0.5, 0.8233867834733425, 1.0994011113415267, 1],
    ),
    "Softplus": (
        [4.248354255291589e-18, 0.04858735157374206, 0.4740769841801067]
        + [0.6931471805599453, 1.103186048885458, 2.5788897342925496, 40],
        [4.248354255291589e-18, 0.04742587317756679, 0.37754066879814546]
        + [0.5, 0.6681877721681662, 0.9241418199787564, 1],
    ),
}


def torch_function(torch, name):
    functional = torch.nn.functional
    options = {"GELU": {"approximate": "tanh"}, "Softplus": {"threshold": 1000}}.get(name, {})
    snake = {"LeakyReLU": "leaky_relu"}.get(name, name.lower())
    return lambda x: getattr(functional, snake)(x, **options)


@pytest.mark.parametrize("name", TORCH)
def test_values_and_slopes_are_those_stored_from_torch(name):
    activation, (values, slopes) = getattr(bp, name)(), TORCH[name]
    # torch takes 1 ± tanh and s(1 - s), which have lost their last digits at the ends.
    np.testing.assert_allclose(activation(POINTS), values, rtol=1e-15, atol=1e-16)
    np.testing.assert_allclose(activation.derivative(POINTS), slopes, rtol=1e-14, atol=1e-17)


@pytest.mark.parametrize("name", TORCH)
def test_values_and_gradients_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    x, grad_output = np.random.default_rng(3).standard_normal((2, 20, 3)) * 3
    ours, cache = getattr(bp, name)().forward(x)
    tensor = torch.tensor(x, requires_grad=True)
    theirs = torch_function(torch, name)(tensor)
    theirs.backward(torch.tensor(grad_output))
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-13, atol=1e-15)
    grad_input = getattr(bp, name)().backward(grad_output, cache)
    np.testing.assert_allclose(grad_input, tensor.grad.numpy(), rtol=1e-11, atol=1e-15)


def test_softmax_is_that_stored_from_torch():
    output, cache = bp.Softmax().forward(np.array([POINTS[1:6]]))
    wanted = [0.003140631832388414, 0.03826072833086494, 0.06308127663157603]
    wanted += [0.12703009160753034, 0.7684872715976402]
    np.testing.assert_allclose(output, [wanted], rtol=1e-15)
    wanted = [-0.01136739959214089, -0.10022254854929459, -0.10215777096542222]
    wanted += [-0.0786903962632375, 0.2924381153700955]
    grad_input = bp.Softmax().backward(np.array([[1.0, 2, 3, 4, 5]]), cache)
    np.testing.assert_allclose(grad_input, [wanted], rtol=1e-14)


def test_softmax_is_that_of_torch():
    torch = pytest.importorskip("torch")
    x, grad_output = np.random.default_rng(4).standard_normal((2, 20, 5)) * 3
    tensor = torch.tensor(x, requires_grad=True)
    theirs = torch.softmax(tensor, -1)
    theirs.backward(torch.tensor(grad_output))
    ours, cache = bp.Softmax().forward(x)
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-14)
    grad_input = bp.Softmax().backward(grad_output, cache)
    np.testing.assert_allclose(grad_input, tensor.grad.numpy(), rtol=1e-12, atol=1e-15)


@every_activation
@both_dtypes
def test_nothing_is_written_to_and_nothing_kept(cls, dtype):
    x, grad_output = np.random.default_rng(5).standard_normal((2, 3, 4)).astype(dtype)
    x.setflags(write=False)
    grad_output.setflags(write=False)
    layer = cls()
    before = dict(vars(layer))
    output, cache = layer.forward(x)
    kept = output.copy()
    first = layer.backward(grad_output, cache)
    layer.forward(x + 1)  # another pass in between does no harm
    assert np.array_equal(layer.backward(grad_output, cache), first)
    assert np.array_equal(output, kept)
    assert first.dtype == output.dtype == dtype
    assert vars(layer) == before


@every_activation
@pytest.mark.parametrize("x", [[1, -2, 3], (True, False), np.array([[1], [2]], np.int8)])
def test_whole_numbers_and_lists_become_float64(cls, x):
    assert cls()(x).dtype == cls().derivative(x).dtype == np.float64
    assert np.array_equal(cls()(x), cls()(np.array(x, float)))
    assert np.array_equal(cls().derivative(x), cls().derivative(np.array(x, float)))


@elementwise
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 0), (2, 3, 4)])
def test_elementwise_activations_keep_any_shape(cls, shape):
    assert np.shape(cls()(np.ones(shape))) == shape
    assert np.shape(cls().derivative(np.ones(shape))) == shape


def test_settings_reach_the_function():
    assert bp.LeakyReLU(slope=-1)([-2.0, 2.0]).tolist() == [2, 2]
    assert bp.LeakyReLU()([-2.0]).tolist() == [-0.02]
    assert bp.ELU(alpha=0)([-2.0, 2.0]).tolist() == [0, 2]
    assert bp.ELU()([-2.0]) == np.expm1(-2.0)


@every_activation
def test_activations_have_no_width_of_their_own(cls):
    assert cls().output_width(7) == 7
    assert cls().output_width(None) is None


@pytest.mark.parametrize("cls", activation_classes)
def test_activations_stay_within_their_range_and_come_to_its_ends(cls):
    x = np.r_[-1e300, -np.logspace(3, -3, 4001), np.logspace(-3, 3, 4001), 1e300].reshape(-1, 1)
    x = np.hstack([x, -x, 0 * x])  # which makes no difference to those that see one at a time
    y = cls()(x)
    low, high = cls().range
    assert low <= y.min() <= y.max() <= high
    near = {-math.inf: -1e290, math.inf: 1e290}
    assert y.min() <= near.get(low, low + 1e-4)
    assert y.max() >= near.get(high, high - 1e-4)


def test_the_range_of_elu_is_that_of_its_alpha():
    assert bp.ELU(2.5).range == (-2.5, math.inf)


def test_an_activation_of_ones_own_needs_two_methods():
    class Square(Activation):
        def forward(self, x):
            return x * x, x

        def local_derivative(self, x):
            return 2 * x

    assert Square()([3]) == 9
    assert Square().derivative([3]) == 6
    assert Square().backward(np.array([10.0]), np.array([3.0])) == 60
    assert Square().range is None


def test_an_unfinished_activation_says_what_is_missing():
    class Unfinished(Activation):
        def forward(self, x):
            return x, x

    with pytest.raises(NotImplementedError, match=r"^Unfinished must define local_derivative"):
        Unfinished().derivative([1.0])
