"""The losses: the numbers they should be, the laws they keep, and what they refuse."""

import functools
import re

import numpy as np
import oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import mp
from strategies import batch_for, loss_classes, matrices, seeds, sizes

import backproplite as bp
from backproplite.losses import Loss

STRICT = {"all": "raise", "under": "ignore"}
every_loss = pytest.mark.parametrize("cls", loss_classes)
few = settings(max_examples=30)  # each is put to every loss


def batches(test):
    return few(given(sizes, sizes, seeds)(test))


both_dtypes = pytest.mark.parametrize("dtype", [np.float64, np.float32])
FUSED = [
    (bp.SigmoidCrossEntropy, bp.Sigmoid, bp.BinaryCrossEntropy),
    (bp.SoftmaxCrossEntropy, bp.Softmax, bp.CategoricalCrossEntropy),
]
BINARY = [bp.BinaryCrossEntropy, bp.SigmoidCrossEntropy]
CATEGORICAL = [bp.CategoricalCrossEntropy, bp.SoftmaxCrossEntropy]
REGRESSION = [bp.MeanSquaredError, bp.HalfSquaredError, bp.MeanAbsoluteError, bp.Huber]


def batch(cls, samples, outputs, seed):
    rng = np.random.default_rng(seed)
    return (*batch_for(cls(), samples, outputs, rng), rng.uniform(0.1, 2, samples))


def rows(targets, classes):
    """Class labels as one-hot rows; other targets as they are."""
    return np.eye(classes)[targets] if np.ndim(targets) == 1 else targets


# What one output costs, in 50 digits, and what the sum over a sample's outputs is divided by.
def squared(o, t):
    return (o - t) ** 2


def huber(o, t):
    return (o - t) ** 2 / 2 if abs(o - t) <= 1 else abs(o - t) - mp.mpf(1) / 2


def binary(p, t):
    p = min(max(p, mp.mpf(2) ** -1022), 1 - mp.mpf(2) ** -53)
    return -(t * mp.log(p) + (1 - t) * mp.log1p(-p))


TRUTH = {
    bp.MeanSquaredError: (squared, True),
    bp.HalfSquaredError: (lambda o, t: squared(o, t) / 2, False),
    bp.MeanAbsoluteError: (lambda o, t: abs(o - t), True),
    bp.Huber: (huber, True),
    bp.BinaryCrossEntropy: (binary, True),
    bp.CategoricalCrossEntropy: (lambda p, t: -t * mp.log(max(p, mp.mpf(2) ** -1022)), False),
    bp.SigmoidCrossEntropy: (lambda z, t: mp.log1p(mp.exp(z)) - t * z, True),
}


def truth(cls, outputs, targets, weights=None):
    """The loss in 50 digits, by its formula."""
    targets = rows(targets, outputs.shape[1])
    weights = [mp.mpf(float(w)) for w in (np.ones(len(outputs)) if weights is None else weights)]
    total = mp.zero
    for weight, row, wanted in zip(weights, outputs, targets, strict=True):
        o, t = ([mp.mpf(float(each)) for each in side] for side in (row, wanted))
        if cls is bp.SoftmaxCrossEntropy:
            top = max(o)
            log_sum = mp.log(mp.fsum(mp.exp(each - top) for each in o))  # with top as zero
            total += weight * mp.fsum(b * (log_sum + (top - a)) for a, b in zip(o, t, strict=True))
        else:
            cost, averaged = TRUTH[cls]
            sample = mp.fsum(cost(a, b) for a, b in zip(o, t, strict=True))
            total += weight * sample / (len(o) if averaged else 1)
    return total / mp.fsum(weights)


@every_loss
@pytest.mark.parametrize("weighted", [False, True])
@batches
def test_loss_is_its_formula(cls, weighted, samples, outputs, seed):
    given_, targets, weights = batch(cls, samples, outputs, seed)
    weights = weights if weighted else None
    wanted = float(truth(cls, given_, targets, weights))
    assert cls()(given_, targets, weights) == pytest.approx(wanted, rel=4e-15, abs=4e-16)


@every_loss
@batches
def test_gradient_is_that_of_the_complex_step(cls, samples, outputs, seed):
    given_, targets, weights = batch(cls, samples, outputs, seed)
    targets = cls().prepare_targets("targets", targets, outputs, np.float64)
    for shares in (None, weights / weights.sum()):
        value, gradient = cls().value_and_gradient(given_, targets, shares)
        assert value == cls().value(given_, targets, shares)
        slopes = np.empty_like(given_)
        for place in np.ndindex(given_.shape):
            step = np.zeros(given_.shape, complex)
            step[place] = 1e-30j
            slopes[place] = cls().value(given_ + step, targets, shares).imag / 1e-30
        np.testing.assert_allclose(gradient, slopes, rtol=1e-13, atol=1e-15)


@every_loss
@batches
def test_gradient_is_that_of_central_differences_of_the_reported_loss(cls, samples, outputs, seed):
    given_, targets, weights = batch(cls, samples, outputs, seed)
    step = np.zeros_like(given_)
    place = np.unravel_index(seed % given_.size, given_.shape)
    step[place] = 1e-5
    for weighting in (None, weights):
        high, low = (cls()(given_ + side * step, targets, weighting) for side in (1, -1))
        gradient = cls().gradient(given_, targets, weighting)
        # 1e-5 is also how far a corner of the absolute error, or of Huber's curve, is felt.
        if cls in (bp.MeanAbsoluteError, bp.Huber):
            size = abs(given_ - targets)[place]
            if min(size, abs(size - 1)) < 1e-5:
                continue
        assert gradient[place] == pytest.approx((high - low) / 2e-5, rel=1e-6, abs=1e-9)


# Hand-worked: MSE and its kin on errors (1, -3), (0, 2); Huber with delta 1.
ERRORS = [[1.0, -3.0], [0.0, 2.0]]


@pytest.mark.parametrize(
    ("loss", "value", "gradient"),
    [
        (bp.MeanSquaredError(), 14 / 4, [[0.5, -1.5], [0, 1]]),
        (bp.HalfSquaredError(), 14 / 4, [[0.5, -1.5], [0, 1]]),
        (bp.MeanAbsoluteError(), 6 / 4, [[0.25, -0.25], [0, 0.25]]),
        (bp.Huber(), (0.5 + 2.5 + 0 + 1.5) / 4, [[0.25, -0.25], [0, 0.25]]),
        (bp.Huber(delta=2), (0.5 + 4 + 0 + 2) / 4, [[0.25, -0.5], [0, 0.5]]),
        (bp.Huber(delta=0.5), (0.375 + 1.375 + 0 + 0.875) / 4, [[0.125, -0.125], [0, 0.125]]),
    ],
)
@pytest.mark.parametrize("shift", [0, 5])
def test_losses_of_errors_worked_by_hand(loss, value, gradient, shift):
    targets = np.full((2, 2), shift)
    assert loss(np.add(ERRORS, shift), targets) == value
    assert np.array_equal(loss.gradient(np.add(ERRORS, shift), targets), gradient)


@pytest.mark.parametrize(
    ("loss", "value", "gradient"),
    [  # two squares of 1 to 4: over all 12 elements, or halved and over the 3 samples
        (bp.MeanSquaredError(), 30 / 12, 2 / 12),
        (bp.HalfSquaredError(), 15 / 3, 1 / 3),
        (bp.MeanAbsoluteError(), 10 / 12, 1 / 12),
        (bp.Huber(), (4 * 10 - 2 * 4) / 4 / 12, 1 / 12),
    ],
)
def test_with_several_outputs_value_and_gradient_share_one_divisor(loss, value, gradient):
    outputs = np.array([[1.0, 2, 3, 4], [0, 0, 0, 0], [0, 0, 0, 0]])
    slope = np.sign(outputs) if "Squared" not in repr(loss) else outputs
    assert loss(outputs, np.zeros((3, 4))) == pytest.approx(value, rel=1e-15)
    np.testing.assert_allclose(
        loss.gradient(outputs, np.zeros((3, 4))), slope * gradient, rtol=1e-15
    )


def test_half_squared_error_on_the_figures_of_lesson_5():
    loss, prediction = bp.HalfSquaredError(), [[0.6868308369899564]]
    assert loss(prediction, [[1.0]]) == pytest.approx(0.04903746233020563, rel=1e-15)
    assert loss.gradient(prediction, [[1.0]]) == pytest.approx(-0.3131691630100436, rel=1e-15)
    after = loss([[0.6999681515934268]], [[1.0]])
    assert after == pytest.approx(0.04500955502913245, rel=1e-14)


OUTPUTS = [[0.9, -1.2, 2.5], [0.3, -0.4, 0.8]]
SINGLY = [[0.9, 0.2, 0.6], [0.3, 0.05, 0.5]]  # probabilities of each
EITHER = [[0.7, 0.2, 0.1], [0.3, 0.15, 0.55]]  # probabilities of one of three
NUMBERS = [[0.4, -1.0, 0.1], [0.3, 1.5, -0.9]]
YES_NO = [[1.0, 0, 0], [1, 1, 0]]
THIRD, SIXTH = 1 / 3, 1 / 6
TORCH = [  # loss, outputs, targets, and the loss and gradient of torch 2.13 in float64
    (
        bp.MeanSquaredError(),
        OUTPUTS,
        NUMBERS,
        2.091666666666667,
        [[SIXTH, -1 / 15, 0.8], [0, -19 / 30, 17 / 30]],
    ),
    (bp.HalfSquaredError(), OUTPUTS, NUMBERS, 3.1375, [[0.25, -0.1, 1.2], [0, -0.95, 0.85]]),
    (
        bp.MeanAbsoluteError(),
        OUTPUTS,
        NUMBERS,
        1.1166666666666665,
        [[SIXTH, -SIXTH, SIXTH], [0, -SIXTH, SIXTH]],
    ),
    (
        bp.Huber(delta=0.7),
        OUTPUTS,
        NUMBERS,
        0.6016666666666666,
        [[1 / 12, -1 / 30, 7 / 60], [0, -7 / 60, 7 / 60]],
    ),
    (
        bp.BinaryCrossEntropy(),
        SINGLY,
        YES_NO,
        1.0229411762143439,
        [
            [-0.1851851851851852, 0.2083333333333333, 0.4166666666666667],
            [-0.5555555555555555, -3.3333333333333335, THIRD],
        ],
    ),
    (
        bp.CategoricalCrossEntropy(),
        EITHER,
        [1, 2],
        1.1036374565948603,
        [[0, -2.5, 0], [0, 0, -0.9090909090909091]],
    ),
    (
        bp.SigmoidCrossEntropy(),
        OUTPUTS,
        YES_NO,
        0.9702995398631544,
        [
            [-0.04817508289583269, 0.03857920275016373, 0.1540236366631261],
            [-0.07092624719805683, -0.09978127668540866, 0.11499574685460208],
        ],
    ),
    (
        bp.SoftmaxCrossEntropy(),
        OUTPUTS,
        [1, 2],
        2.2750869104639335,
        [
            [0.08229790427186236, -0.4899220925901619, 0.40762418831829955],
            [0.15896701582446818, 0.07894068384600732, -0.23790769967047543],
        ],
    ),
]


@pytest.mark.parametrize(("loss", "outputs", "targets", "value", "gradient"), TORCH, ids=repr)
def test_loss_and_gradient_are_those_stored_from_torch(loss, outputs, targets, value, gradient):
    assert loss(outputs, targets) == pytest.approx(value, rel=1e-15)
    np.testing.assert_allclose(loss.gradient(outputs, targets), gradient, rtol=2e-15, atol=1e-16)


def torch_loss(torch, loss):
    functional = torch.nn.functional
    return {
        "MeanSquaredError": functional.mse_loss,
        "HalfSquaredError": lambda o, t: functional.mse_loss(o, t, reduction="sum") / 2 / len(o),
        "MeanAbsoluteError": functional.l1_loss,
        "Huber": functools.partial(functional.huber_loss, delta=getattr(loss, "delta", None)),
        "BinaryCrossEntropy": functional.binary_cross_entropy,
        "CategoricalCrossEntropy": lambda p, t: functional.nll_loss(p.log(), t),
        "SigmoidCrossEntropy": functional.binary_cross_entropy_with_logits,
        "SoftmaxCrossEntropy": functional.cross_entropy,
    }[type(loss).__name__]


@pytest.mark.parametrize("loss", [row[0] for row in TORCH], ids=repr)
def test_loss_and_gradient_are_those_of_torch(loss):
    torch = pytest.importorskip("torch")
    outputs, targets, _ = batch(type(loss), 20, 4, 7)
    tensor = torch.tensor(outputs, requires_grad=True)
    theirs = torch_loss(torch, loss)(tensor, torch.tensor(targets))
    theirs.backward()
    assert loss(outputs, targets) == pytest.approx(theirs.item(), rel=1e-14)
    np.testing.assert_allclose(
        loss.gradient(outputs, targets), tensor.grad.numpy(), rtol=1e-13, atol=1e-16
    )


@every_loss
@few
@given(sizes, sizes, seeds, st.floats(0.01, 100))
def test_no_loss_is_below_0(cls, samples, outputs, seed, scale):
    given_, targets, weights = batch(cls, samples, outputs, seed)
    if not cls.wants_probabilities:
        given_ = given_ * scale
    assert cls()(given_, targets) >= 0
    assert cls()(given_, targets, weights) >= 0


@pytest.mark.parametrize("cls", REGRESSION)
@given(matrices())
def test_loss_and_gradient_of_numbers_met_exactly_are_0(cls, x):
    assert cls()(x, x) == 0
    assert not cls().gradient(x, x).any()


@pytest.mark.parametrize("cls", [*BINARY, *CATEGORICAL])
@batches
def test_loss_of_classes_met_exactly_is_0(cls, samples, outputs, seed):
    _, targets, _ = batch(cls, samples, outputs, seed)
    certain = rows(targets, outputs)
    if not cls.wants_probabilities:
        certain = 2000 * certain - 1000
    # A probability of 1 counts as one rounding step less in BinaryCrossEntropy.
    most = 2.0**-52 if cls is bp.BinaryCrossEntropy else 0
    assert 0 <= cls()(certain, targets) <= most
    if not cls.wants_probabilities:
        assert not cls().gradient(certain, targets).any()


@every_loss
@few
@given(sizes, sizes, seeds, st.floats(1e-300, 1e300))
def test_weights_that_are_all_alike_give_what_no_weights_give(cls, samples, outputs, seed, weight):
    given_, targets, _ = batch(cls, samples, outputs, seed)
    for alike in (np.ones(samples, int), np.full(samples, weight)):
        plain = cls()(given_, targets)
        assert cls()(given_, targets, alike) == pytest.approx(plain, rel=2e-15)
        gradient = cls().gradient(given_, targets)
        np.testing.assert_allclose(cls().gradient(given_, targets, alike), gradient, rtol=2e-15)


@every_loss
@few
@given(sizes, sizes, seeds, st.integers(-900, 900))
def test_the_scale_of_weights_changes_nothing(cls, samples, outputs, seed, exponent):
    given_, targets, weights = batch(cls, samples, outputs, seed)
    scaled = weights * 2.0**exponent
    assert cls()(given_, targets, scaled) == cls()(given_, targets, weights)
    gradient = cls().gradient(given_, targets, weights)
    assert np.array_equal(cls().gradient(given_, targets, scaled), gradient)


@every_loss
@batches
def test_a_weight_of_0_leaves_the_sample_out(cls, samples, outputs, seed):
    given_, targets, weights = batch(cls, samples + 1, outputs, seed)
    left_out = seed % (samples + 1)
    weights[left_out] = 0
    others = np.arange(samples + 1) != left_out
    alone = cls()(given_[others], targets[others], weights[others])
    assert cls()(given_, targets, weights) == pytest.approx(alone, rel=2e-15)
    gradient = cls().gradient(given_, targets, weights)
    assert not gradient[left_out].any()
    np.testing.assert_allclose(
        gradient[others],
        cls().gradient(given_[others], targets[others], weights[others]),
        rtol=2e-15,
    )


@every_loss
@batches
def test_a_batch_is_the_weighted_mean_of_its_samples(cls, samples, outputs, seed):
    given_, targets, weights = batch(cls, samples, outputs, seed)
    each = [slice(i, i + 1) for i in range(samples)]
    losses = [cls()(given_[i], targets[i]) for i in each]
    gradients = np.concatenate([cls().gradient(given_[i], targets[i]) for i in each])
    for weighting in (None, weights):
        shares = np.ones(samples) if weighting is None else weights
        shares = shares / shares.sum()
        assert cls()(given_, targets, weighting) == pytest.approx(shares @ losses, rel=4e-15)
        np.testing.assert_allclose(
            cls().gradient(given_, targets, weighting), gradients * shares[:, None], rtol=4e-15
        )


@every_loss
@batches
def test_a_repeated_sample_is_one_of_double_weight(cls, samples, outputs, seed):
    given_, targets, _ = batch(cls, samples, outputs, seed)
    twice = [0, *range(samples)]
    weights = np.ones(samples)
    weights[0] = 2
    wanted = cls()(given_[twice], targets[twice])
    assert cls()(given_, targets, weights) == pytest.approx(wanted, rel=4e-15)


@pytest.mark.parametrize("cls", CATEGORICAL)
@batches
def test_integer_labels_are_one_hot_rows(cls, samples, outputs, seed):
    given_, labels, weights = batch(cls, samples, outputs, seed)
    for alike in (np.eye(outputs)[labels], labels.astype(float), labels.tolist()):
        assert cls()(given_, alike, weights) == cls()(given_, labels, weights)
        gradient = cls().gradient(given_, labels, weights)
        assert np.array_equal(cls().gradient(given_, alike, weights), gradient)


@pytest.mark.parametrize("cls", CATEGORICAL)
def test_targets_may_be_probabilities_that_sum_to_1_as_float32_can(cls):
    soft = np.full((2, 3), 1 / 3, np.float32)
    given_ = np.array(EITHER)
    wanted = float(truth(cls, given_, np.full((2, 3), 1 / 3)))  # and then to the last digit
    assert cls()(given_, soft) == pytest.approx(wanted, rel=1e-15)


@pytest.mark.parametrize("cls", BINARY)
@batches
def test_binary_targets_may_be_probabilities(cls, samples, outputs, seed):
    given_, targets, _ = batch(cls, samples, outputs, seed)
    soft = 0.1 + 0.7 * targets
    wanted = float(truth(cls, given_, soft))
    assert cls()(given_, soft) == pytest.approx(wanted, rel=4e-15)
    mixed = 0.8 * cls().gradient(given_, np.ones_like(soft))
    mixed += 0.2 * cls().gradient(given_, np.zeros_like(soft))
    gradient = cls().gradient(given_, np.full_like(soft, 0.8))
    np.testing.assert_allclose(gradient, mixed, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(("fused", "activation", "unfused"), FUSED)
@batches
def test_a_fused_loss_is_its_activation_and_its_plain_loss(
    fused, activation, unfused, samples, outputs, seed
):
    logits, targets, weights = batch(fused, samples, outputs, seed)
    probabilities, cache = activation().forward(logits)
    np.testing.assert_allclose(fused().predictions(logits), probabilities, rtol=1e-15)
    plain = unfused()(probabilities, targets, weights)
    assert fused()(logits, targets, weights) == pytest.approx(plain, rel=1e-13, abs=1e-15)
    gradient = activation().backward(unfused().gradient(probabilities, targets, weights), cache)
    np.testing.assert_allclose(
        fused().gradient(logits, targets, weights), gradient, rtol=1e-12, atol=1e-15
    )


@pytest.mark.parametrize("cls", [*REGRESSION, bp.BinaryCrossEntropy, bp.CategoricalCrossEntropy])
def test_other_losses_leave_predictions_as_they_are(cls):
    outputs = np.array([[1.0, -2.0]])
    assert cls().predictions(outputs) is outputs
    assert cls().applies is None


def test_fused_losses_name_what_they_apply():
    assert [fused.applies for fused, _, _ in FUSED] == [bp.Sigmoid, bp.Softmax]
    assert [plain.suits for _, _, plain in FUSED] == [bp.Sigmoid, bp.Softmax]
    assert {cls for cls in loss_classes if cls.wants_probabilities} == {f[2] for f in FUSED}


@given(st.floats(-745, 745))
def test_sigmoid_cross_entropy_holds_its_digits_however_sure_the_network(z):
    loss, at = bp.SigmoidCrossEntropy(), mp.mpf(z)
    wanted = [oracles.softplus(at), oracles.softplus(-at)]  # for targets 0 and 1
    slopes = [oracles.sigmoid(at), -oracles.sigmoid(-at)]
    for target in (0, 1):
        value = np.array([loss([[z]], [[target]])])
        assert oracles.ulps(value, [wanted[target]]) <= 2
        assert oracles.ulps(loss.gradient([[z]], [[target]])[0], [slopes[target]]) <= 4


@pytest.mark.parametrize("far", [40.0, 1e3, 1e20, 1e35, 1e100, 1e300, 8e307])
def test_softmax_cross_entropy_far_out_is_the_distance_of_the_logits(far):
    loss = bp.SoftmaxCrossEntropy()
    assert loss([[far, -far, 0.0]], [1]) == 2 * far
    assert loss([[far, -far, 0.0]], [2]) == far
    assert loss([[far, -far, 0.0]], [0]) == pytest.approx(np.exp(-far), rel=1e-15)
    gradient = loss.gradient([[far, -far, 0.0]], [1])
    np.testing.assert_allclose(gradient, [[1, -1, 0]], atol=1e-17)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("far", [1.0, 5.0, 17.0, 40.0, 80.0])
def test_softmax_cross_entropy_that_is_sure_and_right_keeps_its_digits(far, dtype):
    loss, small = bp.SoftmaxCrossEntropy(), oracles.mp.exp(-far)
    z, labels = np.array([[far, 0, 0], [0, far, 0], [far, far, 0]], dtype), [0, 1, 0]
    wanted = [oracles.mp.log1p(2 * small)] * 2 + [oracles.mp.log(2 + small)]
    for row in range(3):
        value = np.array([loss(z[[row]], [labels[row]])], dtype)
        assert oracles.ulps(value, [wanted[row]]) <= 4
    gradient, total = loss.gradient(z, labels), 1 + 2 * small
    wanted = [-2 * small / total, small / total, small / total]
    wanted += [small / total, -2 * small / total, small / total]
    assert oracles.ulps(3 * gradient[:2].ravel(), wanted).max() <= 6


def far_values(draw_from, size, largest, smallest):
    """Numbers of both signs whose exponents are spread evenly, with the ends among them."""
    values = np.exp(draw_from.uniform(np.log(smallest), np.log(largest), size))
    values = np.minimum(values, largest)
    ends = draw_from.choice([0, smallest, largest], size)
    values = np.where(draw_from.random(size) < 0.3, ends, values)
    return values * draw_from.choice([-1, 1], size)


@every_loss
@both_dtypes
@batches
def test_no_warning_and_the_true_value_wherever_it_fits_a_float(cls, dtype, samples, outputs, seed):
    draw_from, limits = np.random.default_rng(seed), np.finfo(dtype)
    largest = float(limits.max) / (4 * samples * outputs)  # so that the sum fits, too
    if cls in (bp.MeanSquaredError, bp.HalfSquaredError):
        largest = np.sqrt(largest) / 2
    smallest, size = float(limits.smallest_subnormal), (samples, outputs)
    given_ = far_values(draw_from, size, largest, smallest).astype(dtype)
    _, targets, weights = batch(cls, *size, seed)
    if cls.wants_probabilities:
        given_ = abs(far_values(draw_from, size, 1, smallest)).astype(dtype)
        given_ = np.where(draw_from.random(size) < 0.5, given_, 1 - given_)
        given_ = given_.astype(np.float64)  # 50 digits know only the limits of float64
        given_ = np.clip(given_, float(limits.tiny), 1 - float(limits.epsneg)).astype(dtype)
    elif cls in REGRESSION:
        targets = far_values(draw_from, size, largest, smallest).astype(dtype)
    weights = weights.astype(dtype)
    with np.errstate(**STRICT):
        for weighting in (None, weights):
            wanted = float(truth(cls, given_, targets, weighting))
            value = cls()(given_, targets, weighting)
            gradient = cls().gradient(given_, targets, weighting)
            accuracy = 16 * float(limits.eps)
            assert value == pytest.approx(wanted, rel=accuracy, abs=accuracy)
            assert np.isfinite(gradient).all()
            assert gradient.dtype == dtype


@pytest.mark.parametrize("cls", [bp.BinaryCrossEntropy, bp.CategoricalCrossEntropy])
@both_dtypes
def test_probabilities_of_0_and_1_give_finite_losses_and_gradients(cls, dtype):
    certain = np.eye(2, dtype=dtype)
    limits = np.finfo(dtype)
    wrong = -np.log(float(limits.tiny))
    if cls is bp.BinaryCrossEntropy:
        wrong = (wrong - np.log(float(limits.epsneg))) / 2
    with np.errstate(**STRICT):
        assert cls()(certain, 1 - certain) == pytest.approx(wrong, rel=1e-6)
        gradients = [cls().gradient(certain, t) for t in (certain, 1 - certain)]
    assert np.isfinite(gradients).all()
    assert gradients[1][0, 1] == pytest.approx(
        -1 / float(limits.tiny) / (4 if cls is bp.BinaryCrossEntropy else 2)
    )


@every_loss
@both_dtypes
def test_dtype_stays_and_nothing_is_written_to(cls, dtype):
    outputs, targets, weights = batch(cls, 4, 3, 8)
    arrays = [outputs.astype(dtype), targets, weights]
    copies = [array.copy() for array in arrays]
    for array in arrays:
        array.setflags(write=False)
    assert isinstance(cls()(*arrays), float)
    assert cls().gradient(*arrays).dtype == cls().gradient(*arrays[:2]).dtype == dtype
    prepared = cls().prepare_targets("targets", targets, 3, dtype)
    shares = (weights / weights.sum()).astype(dtype)
    assert cls().value(arrays[0], prepared).dtype == dtype
    assert cls().value(arrays[0], prepared, shares).dtype == dtype
    assert all(np.array_equal(a, b) for a, b in zip(arrays, copies, strict=True))


@every_loss
def test_lists_integers_and_any_memory_layout_give_the_same(cls):
    outputs, targets, weights = batch(cls, 4, 3, 9)
    wanted = cls()(outputs, targets, weights), cls().gradient(outputs, targets, weights).tolist()
    strided = np.repeat(outputs, 2, axis=0)[::2]
    for alike in (outputs.tolist(), np.asfortranarray(outputs), strided, outputs.astype(">f8")):
        given_ = alike, targets.tolist(), tuple(weights)
        assert (cls()(*given_), cls().gradient(*given_).tolist()) == wanted


@pytest.mark.parametrize("cls", [*REGRESSION, *BINARY])
def test_one_output_may_come_without_its_axis(cls):
    outputs, targets, _ = batch(cls, 4, 1, 10)
    wanted = cls()(outputs, targets)
    assert cls()(outputs[:, 0], targets[:, 0]) == cls()(outputs, targets[:, 0]) == wanted
    gradient = cls().gradient(outputs[:, 0], targets[:, 0])
    assert gradient.shape == (4,)
    assert np.array_equal(gradient, cls().gradient(outputs, targets)[:, 0])
    assert cls().gradient(outputs, targets[:, 0]).shape == (4, 1)


PAIR = [[0.25, 0.75], [0.5, 0.5]]  # probabilities and logits alike
LABELS = [[0, 1], [1, 0]]
NAN = float("nan")
ONE_COLUMN = "targets must have shape (samples, 2), one column for each output; got shape "
WHOLE = "targets must hold whole labels from 0 to 1, one for each of the 2 outputs; got "
ROWS = "targets must be integer labels of shape (samples,), or one-hot rows of shape (samples, 2); "
INSIDE = "must lie between 0 and 1 ("


@pytest.mark.parametrize(
    ("losses", "arrays", "message"),
    [
        (loss_classes, [[[0.5, NAN]] * 2, LABELS], "outputs must be finite in float64; got nan"),
        (loss_classes, [[0.5, 0.5], LABELS], "outputs must be 2-D, shaped (samples, features); "),
        (loss_classes, [PAIR, [[0, NAN]] * 2], "targets must be finite in float64; got nan"),
        (loss_classes, [PAIR[:1], LABELS], "outputs and targets must have the same number of"),
        (loss_classes, [PAIR, LABELS, [1, -1]], "sample_weight must not be negative; got -1"),
        (loss_classes, [PAIR, LABELS, [1]], "sample_weight must hold one weight per sample, sh"),
        ([*REGRESSION, *BINARY], [PAIR, [1, 0]], f"{ONE_COLUMN}(2,). For class labels use Soft"),
        ([*REGRESSION, *BINARY], [PAIR, [[1], [0]]], f"{ONE_COLUMN}(2, 1)."),
        ([*REGRESSION, *BINARY], [PAIR, [PAIR]], f"{ONE_COLUMN}(1, 2, 2)."),
        (BINARY, [PAIR, [[0, 1], [2, -1]]], f"targets {INSIDE}0 for no and 1 for yes, or a pro"),
        (CATEGORICAL, [PAIR, [0]], "outputs and targets must have the same number of"),
        (CATEGORICAL, [PAIR, [[1], [0]]], f"{ROWS}got shape (2, 1)."),
        (CATEGORICAL, [PAIR, [0, 2]], f"{WHOLE}2 at index [1]."),
        (CATEGORICAL, [PAIR, [-1, 0]], f"{WHOLE}-1 at index [0]."),
        (CATEGORICAL, [PAIR, [0, 0.5]], f"{WHOLE}0.5 at index [1]."),
        (CATEGORICAL, [PAIR, [[0, 1], [2, -1]]], f"targets {INSIDE}one-hot rows); got 2 at ind"),
        (CATEGORICAL, [PAIR, [[0, 1], [1, 1]]], "each row of targets must sum to 1; row 1 sums"),
        (CATEGORICAL, [PAIR, [[0, 1], [0.5, 0.4999]]], "each row of targets must sum to 1; row"),
        *(
            ([plain], [[[0.5, 0.5], [1.5, -0.5]], LABELS], f"outputs {INSIDE}probabilities, such as"
            f" {activation.__name__}() gives); got 1.5 at index [1, 0].")
            for _, activation, plain in FUSED
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_by_name(losses, arrays, message):
    for cls in losses:
        for function in (cls(), cls().gradient):
            with pytest.raises((bp.ShapeError, bp.InputError), match=f"^{re.escape(message)}"):
                function(*arrays)


@pytest.mark.parametrize(("averaged", "divisor"), [(False, 2), (True, 6)])
def test_a_loss_of_ones_own_needs_two_methods(averaged, divisor):
    class Fourth(Loss):
        mean_over_outputs = averaged

        def forward(self, outputs, targets):
            return (outputs - targets) ** 4, outputs - targets

        def backward(self, error):
            return 4 * error**3

    outputs, targets = np.array([[1.0, 2, 0], [0, 0, 3]]), np.zeros((2, 3))
    assert Fourth()(outputs, targets) == 98 / divisor
    assert np.array_equal(Fourth().gradient(outputs, targets), 4 * outputs**3 / divisor)
    assert Fourth()(outputs, targets, [1, 3]) == pytest.approx(260 / 4 * 2 / divisor)


@pytest.mark.parametrize("missing", ["forward", "backward"])
def test_an_unfinished_loss_says_what_is_missing(missing):
    class Unfinished(Loss):
        if missing == "backward":

            def forward(self, outputs, targets):
                return outputs, None

    with pytest.raises(NotImplementedError, match=f"^Unfinished must define {missing}"):
        Unfinished().gradient([[1.0]], [[1.0]])


def test_costs_that_are_averaged_already_are_refused():
    class Averaged(Loss):
        def forward(self, outputs, targets):
            return np.mean((outputs - targets) ** 2), outputs - targets

        def backward(self, error):
            return 2 * error

    for function in (Averaged(), Averaged().gradient):
        with pytest.raises(bp.ShapeError) as caught:
            function([[1.0], [2.0], [3.0]], [[0.0]] * 3)
        assert str(caught.value) == (
            "forward of Averaged must return one row of costs for each of the 3 samples, "
            "not their mean (Loss averages them); got shape ()."
        )


def test_costs_may_be_one_number_for_each_sample():
    class Length(Loss):
        def forward(self, outputs, targets):
            length = np.sqrt(np.sum((outputs - targets) ** 2, axis=1))
            return length, (outputs - targets) / length[:, np.newaxis]

        def backward(self, direction):
            return direction

    outputs, targets = [[3.0, 4.0], [0.0, 1.0]], np.zeros((2, 2))
    assert Length()(outputs, targets) == 3
    assert Length()(outputs, targets, [3, 1]) == 4
    assert np.allclose(Length().gradient(outputs, targets, [3, 1]), [[0.45, 0.6], [0, 0.25]])


@every_loss
@pytest.mark.parametrize(
    ("given_as", "reckoned_in"),
    [(np.float16, "float64"), (np.float32, "float32"), (np.float64, "float64")],
)
def test_outputs_must_be_finite_in_the_dtype_that_is_reckoned_in(cls, given_as, reckoned_in):
    outputs = np.array([[0.5, np.nan], [0.5, 0.5]], given_as)
    with pytest.raises(bp.InputError, match=f"^outputs must be finite in {reckoned_in}; got nan"):
        cls()(outputs, [[0, 1], [0, 1]])


# Class weights


@pytest.mark.parametrize(
    ("loss", "targets", "given", "error", "words"),
    [
        (bp.MeanSquaredError(), [[1.0]], "balanced", bp.ParameterError, "needs one class for each"),
        (bp.SigmoidCrossEntropy(), [[1, 0]], {0: 2}, bp.ParameterError, "on 2 outputs has not. Us"),
        (bp.SigmoidCrossEntropy(), [[-1.0]], {0: 2}, bp.InputError, "got probabilities between th"),
        (bp.SigmoidCrossEntropy(), [[0.5]], {0: 2}, bp.InputError, "got probabilities between th"),
        (bp.SoftmaxCrossEntropy(), [[1, 0]], {2: 1}, bp.ParameterError, "from 0 to 1; got 2."),
        (bp.SoftmaxCrossEntropy(), [[1, 0]], {"a": 1}, bp.ParameterError, "from 0 to 1; got 'a'."),
        (bp.SigmoidCrossEntropy(), [[1]], {-1: 1}, bp.ParameterError, "from 0 to 1; got -1."),
        (bp.SigmoidCrossEntropy(), [[1]], {0: -1}, bp.ParameterError, r"class_weight\[0\] must be"),
        (
            bp.SigmoidCrossEntropy(),
            [[1]],
            {0: "a"},
            bp.ParameterError,
            r"class_weight\[0\] must be",
        ),
        (bp.SigmoidCrossEntropy(), [[1]], "equal", bp.ParameterError, '"balanced" or a mapping'),
        (
            bp.SigmoidCrossEntropy(),
            [[1]],
            [1, 2],
            bp.ParameterError,
            r"0: 1, 1: 10\}; got \[1, 2\]",
        ),
    ],
)
def test_class_weights_that_mean_nothing_are_refused(loss, targets, given, error, words):
    with pytest.raises(error, match=words):
        loss.class_weights(given, np.array(targets, float))
