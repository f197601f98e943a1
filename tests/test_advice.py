"""What is said when training cannot go well, and which part of a network is named."""

import copy
import warnings

import numpy as np
import pytest

import backproplite as bp

RNG = np.random.default_rng
X, Y = RNG(0).standard_normal((7, 3)), RNG(1).standard_normal((7, 1))


def network_of(*layers, optimizer=None, dtype="float64", loss=None):
    return bp.Network(layers, loss or bp.MeanSquaredError(), optimizer, seed=0, dtype=dtype)


# Targets out of reach


@pytest.mark.parametrize(
    ("last", "y", "words"),
    [
        (bp.Sigmoid(), [0, 100], r"^Sigmoid\(\) ends .* from 0 to 1; y goes from 0 to 100, and"),
        (bp.Tanh(), [-1.5, 1], r"^Tanh\(\) ends .* from -1 to 1; y goes from -1.5 to 1, and"),
        (bp.Softmax(), [0, 2], r"^Softmax\(\) ends .* from 0 to 1; y goes from 0 to 2, and what"),
        (bp.ReLU(), [-1, 5], r"^ReLU\(\) ends .* from 0 to inf; y goes from -1 to 5, and what"),
        (bp.ELU(0.5), [-1, 5], r"^ELU\(alpha=0.5\) ends .* from -0.5 to inf; y goes from -1 to"),
    ],
)
def test_targets_that_the_last_layer_cannot_give_are_warned_of(last, y, words):
    network = network_of(bp.Dense(1, 2), last)
    with pytest.warns(bp.TrainingWarning, match=words) as caught:
        network.fit([[0.0]], [y], 1)
    assert str(caught[0].message).endswith(
        "End the network in a Dense layer, or scale y into that range."
    )
    assert caught[0].filename == __file__


@pytest.mark.parametrize("last", [bp.Sigmoid(), bp.Tanh(), bp.ReLU(), bp.Identity(), bp.ELU(3)])
def test_targets_at_the_ends_of_the_range_are_not_warned_of(last):
    network_of(bp.Dense(1, 2), last).fit([[0.0]], [[0, 1]], 1)


@pytest.mark.parametrize(("last", "y"), [(bp.Sigmoid(), [0, 1 + 2e-16]), (bp.ReLU(), [-1e-16, 9])])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_targets_that_rounding_moved_out_of_the_range_are_not_warned_of(last, y, dtype):
    targets = np.asarray(y, dtype) + np.array([0, np.finfo(dtype).eps], dtype)
    network_of(bp.Dense(1, 2), last, dtype=dtype).fit([[0.0]], [targets], 1)


def test_what_targets_mean_to_a_loss_of_ones_own_is_its_own_affair():
    class Reward(bp.Loss):
        def forward(self, outputs, targets):
            return -targets * np.log(outputs), (outputs, targets)

        def backward(self, cache):
            return -cache[1] / cache[0]

    rewards = np.eye(2)[[0, 1, 1, 0, 1, 0, 0]] * 5 * Y
    network_of(bp.Dense(3, 2), bp.Softmax(), loss=Reward()).fit(X, rewards, 1)


def test_a_loss_that_takes_classes_has_no_range_to_miss():
    network_of(bp.Dense(3, 2), bp.Tanh(), loss=bp.SoftmaxCrossEntropy()).fit(X, [0, 1] * 3 + [0], 1)


# A loss that runs away


def test_a_loss_that_ran_away_is_warned_of_at_the_end():
    network = network_of(bp.Dense(3, 1), optimizer=bp.GradientDescent(2.5))
    with pytest.warns(bp.TrainingWarning, match=r"^the loss has grown from 3\.1 to ") as caught:
        network.fit(X, Y, 12)
    (message,) = [str(each.message) for each in caught]
    assert message.endswith(
        "in this fit. Build the network anew with a lower learning rate (now 2.5), or clip the "
        "gradients (clip_norm=1)."
    )
    network = network_of(bp.Dense(3, 1), optimizer=bp.GradientDescent(2.5, clip_norm=1))
    network.fit(X, Y, 12)


def test_a_loss_that_grows_from_next_to_nothing_has_not_run_away():
    network = network_of(bp.Dense(3, 1), optimizer=bp.GradientDescent(2.5))
    network.fit(X, network.predict(X) + 1e-12, 5)
    assert network.history["loss"][-1] > 1000 * network.history["loss"][0]


def test_a_network_that_went_back_to_its_best_has_not_run_away():
    network = network_of(bp.Dense(3, 1), optimizer=bp.GradientDescent(2.5))
    network.fit(X, Y, 12, callbacks=bp.EarlyStopping(20))
    assert network.history["loss"][-1] > 1000 * network.history["loss"][0]


# A divergence that the learning rate is not to blame for

SPOILT = (
    r"The loss was as large before the first step, since the parameters reach 9e\+104, as after"
)
LARGE_X = r"The loss was as large before the first step, since X reaches 2e\+200: begin"
LARGE_Y = r"y reaches 1e\+20, beyond what the loss can hold in float32: scale it, as loss=Stand"
RATE = r"The last finite parameters are kept\. Lower the learning rate, scale the inputs, or clip"
WRITTEN = r"layers\[0\]\.weight is not finite, and was not before this step\. Set it anew, or"


def told_of(network, x, y, use="fit"):
    before = network.record.model.copy()
    with pytest.raises(bp.DivergenceError) as caught:
        network.fit(x, y, 200) if use == "fit" else network.train_step(x, y)
    return caught.value, before


@pytest.mark.parametrize("rate", [0.1, 1e-30])
def test_a_network_that_is_spoilt_is_said_to_be(rate):
    network = network_of(bp.Dense(3, 2), bp.ReLU(), bp.Dense(2, 1))
    network.optimizer = bp.GradientDescent(rate)
    network.parameters[...] = 9e104
    error, _ = told_of(network, X, Y)
    with pytest.raises(bp.DivergenceError, match=SPOILT):
        raise error


@pytest.mark.parametrize(
    ("scale_x", "scale_y", "dtype", "words"),
    [
        (1, 1e20, "float32", LARGE_Y),
        (1, 1e200, "float64", r"y reaches 1e\+200, beyond what the loss can hold in float64"),
        (2e200, 1, "float64", LARGE_X),
    ],
)
@pytest.mark.parametrize("use", ["fit", "train_step"])
def test_numbers_too_large_for_the_first_step_are_named(scale_x, scale_y, dtype, words, use):
    network = network_of(bp.Dense(3, 2), bp.Dense(2, 1), dtype=dtype)
    x, y = np.ones((4, 3)) * scale_x, np.ones((4, 1)) * scale_y
    if use == "train_step" and scale_x > 1:
        words = RATE  # one step cannot tell a network that is spoilt from a rate that spoilt it
    error, before = told_of(network, x, y, use)
    with pytest.raises(bp.DivergenceError, match=words):
        raise error
    assert np.array_equal(network.record.model, before)


def test_a_rate_that_is_too_high_is_said_to_be():
    network = network_of(bp.Dense(3, 2), bp.ReLU(), bp.Dense(2, 1))
    network.optimizer = bp.GradientDescent(50.0)
    with pytest.raises(bp.DivergenceError, match=RATE):
        network.fit(X, Y, 200)


@pytest.mark.parametrize("use", ["fit", "train_step"])
def test_parameters_that_were_not_finite_before_the_step_are_named(use):
    network = network_of(bp.Dense(3, 1))
    network.layers[0].weight[1] = np.nan
    error, _ = told_of(network, X, Y, use)
    with pytest.raises(bp.DivergenceError, match=WRITTEN):
        raise error


# Parts of one's own


class Mine(bp.Layer):
    """Gives what it is told to give, or fails."""

    def __init__(self, forward=None, backward=None):
        self.forwards, self.backwards = forward, backward

    def forward(self, x):
        return self.forwards(x) if self.forwards else (x, None)

    def backward(self, grad_output, cache):
        return self.backwards(grad_output) if self.backwards else grad_output


class Cost(bp.Loss):
    def __init__(self, backward):
        self.backwards = backward

    def forward(self, outputs, targets):
        return (outputs - targets) ** 2, outputs - targets

    def backward(self, error):
        return self.backwards(2 * error)


FORWARD, BACK = "on the way forward, must give", "on the way back, must give"
#: What a layer of 4 features does, and what is said of it where there are {n} samples.
FAULTS = {
    "a list": ({"forward": lambda x: (x.tolist(), None)}, f"{FORWARD} floats of shape ({{n}}, any); it gave a list."),
    "nothing": ({"forward": lambda x: None}, f"{FORWARD} its output and a cache; it gave nothing."),
    "no cache": ({"forward": lambda x: x}, f"{FORWARD} its output and a cache; it gave float64 of shape ({{n}}, 4)."),
    "rows": ({"forward": lambda x: (x[:1], None)}, f"{FORWARD} floats of shape ({{n}}, any); it gave float64 of shape (1, 4)."),
    "objects": ({"forward": lambda x: (x.astype(object), None)}, f"{FORWARD} floats of shape ({{n}}, any); it gave object of shape ({{n}}, 4)."),
    "whole numbers": ({"forward": lambda x: (x.astype(int), None)}, f"{FORWARD} floats of shape ({{n}}, any); it gave int64 of shape ({{n}}, 4)."),
    "no gradient": ({"backward": lambda g: None}, f"{BACK} floats of shape ({{n}}, 4); it gave nothing."),
    "one row back": ({"backward": lambda g: g[:1]}, f"{BACK} floats of shape ({{n}}, 4); it gave float64 of shape (1, 4)."),
    "a wide one": ({"backward": lambda g: np.hstack([g, g])}, f"{BACK} floats of shape ({{n}}, 4); it gave float64 of shape ({{n}}, 8)."),
}  # fmt: skip


@pytest.mark.parametrize(("does", "words"), FAULTS.values(), ids=FAULTS)
def test_a_layer_that_misbehaves_is_refused_by_name_before_training(does, words):
    network = network_of(bp.Dense(3, 4), Mine(**does), bp.Dense(4, 1))
    before = network.record.bytes.copy()
    with pytest.raises(bp.ParameterError) as caught:
        network.fit(X, Y, 1)
    assert str(caught.value) == f"layers[1] {network.layers[1]!r}, {words.format(n=2)}"
    assert np.array_equal(network.record.bytes, before)


@pytest.mark.parametrize("name", ["nothing", "no cache"])
@pytest.mark.parametrize("use", ["predict", "forward", "evaluate"])
def test_errors_that_a_layer_causes_in_use_name_it(name, use):
    does, words = FAULTS[name]
    network = network_of(bp.Dense(3, 4), bp.BatchNorm(4), Mine(**does), bp.Dense(4, 1))
    with pytest.raises(Exception) as caught:
        getattr(network, use)(X, *((Y,) if use == "evaluate" else ()))
    assert caught.value.__notes__ == [f"layers[2] {network.layers[2]!r}, {words.format(n=7)}"]


@pytest.mark.parametrize("name", ["nothing", "no cache", "rows", "no gradient", "a wide one"])
@pytest.mark.parametrize("use", ["train_step", "loss_and_gradient"])
def test_errors_that_a_layer_causes_in_a_step_name_it(name, use):
    does, words = FAULTS[name]
    network = network_of(bp.Dense(3, 4), Mine(**does), bp.Dense(4, 1))
    with pytest.raises(Exception) as caught:
        getattr(network, use)(X, Y)
    assert caught.value.__notes__ == [f"layers[1] {network.layers[1]!r}, {words.format(n=7)}"]


def test_errors_that_a_layer_causes_late_name_it():
    class Tiring(Mine):
        def forward(self, x):
            return x, network.step_count

        def backward(self, grad_output, steps):
            return None if steps == 3 else grad_output

    network = network_of(bp.Dense(3, 4), Tiring(), bp.Dense(4, 1))
    with pytest.raises(Exception) as caught:
        network.fit(X, Y, 9)
    words = FAULTS["no gradient"][1].format(n=7)
    assert caught.value.__notes__ == [f"layers[1] {network.layers[1]!r}, {words}"]
    assert network.step_count == 3


@pytest.mark.parametrize("use", ["predict", "forward", "forward_training", "evaluate", "fit"])
@pytest.mark.parametrize("error", [ZeroDivisionError, MemoryError, ValueError])
def test_an_error_in_a_layer_is_noted_with_its_place(use, error):
    def fail(x):
        raise error("mine")

    network = network_of(bp.Dense(3, 4), Mine(fail), bp.Dense(4, 1))
    arguments = {"evaluate": (Y,), "fit": (Y, 1)}.get(use, ())
    with pytest.raises(error, match="mine") as caught:
        getattr(network, use)(X, *arguments)
    place = f"layers[1] {network.layers[1]!r}, on the way forward"
    assert caught.value.__notes__ == [f"This came up in {place}."]


def test_what_users_pass_in_wrong_is_no_fault_of_a_layer():
    with pytest.raises(bp.ShapeError) as caught:
        network_of(bp.Dense(3, 1)).predict(X[:, :2])
    assert not hasattr(caught.value, "__notes__")


def test_a_loss_that_misbehaves_is_named():
    network = network_of(bp.Dense(3, 1), loss=Cost(lambda gradient: gradient[:1]))
    with pytest.raises(bp.ParameterError) as caught:
        network.fit(X, Y, 1)
    assert str(caught.value) == (
        f"the loss {network.loss!r} must give floats of shape (2, 1); it gave float64 of shape "
        "(1, 1)."
    )
    network.loss = Cost(lambda gradient: gradient)
    network.fit(X, Y, 1)
    network.loss = Cost(lambda gradient: gradient.tolist())  # tried anew
    with pytest.raises(TypeError) as failed:
        network.fit(X, Y, 1)
    assert failed.value.__notes__ == [f"This came up in the loss {network.loss!r}."]


def test_a_part_that_cannot_be_copied_is_not_tried_and_trains():
    class Alone(Mine):
        def __deepcopy__(self, memo):
            raise TypeError("there is one of it")

    network_of(bp.Dense(3, 4), Alone(), bp.Dense(4, 1)).fit(X, Y, 2)


def test_a_layer_that_needs_more_samples_than_a_trial_has_trains():
    def only_many(x):
        if len(x) < 4:
            raise bp.InputError("too few")
        return x, None

    network_of(bp.Dense(3, 4), Mine(only_many), bp.Dense(4, 1)).fit(X, Y, 2)


def test_a_trial_leaves_no_trace():
    class Counting(bp.Layer):
        def __init__(self):
            self.seen = []

        def forward(self, x):
            self.seen.append(len(x))
            return x, x

        def backward(self, grad_output, x):
            return grad_output

    network = network_of(bp.Dense(3, 4), Counting(), bp.Dropout(0.5), bp.Dense(4, 1))
    plain = network_of(bp.Dense(3, 4), bp.Identity(), bp.Dropout(0.5), bp.Dense(4, 1))
    network.fit(X, Y, 2, batch_size=4)
    plain.fit(X, Y, 2, batch_size=4)
    assert network.layers[1].seen == [4, 3, 4, 3]
    assert np.array_equal(network.parameters, plain.parameters)


def test_callbacks_schedules_and_optimizers_that_fail_are_named():
    def fail(_):
        raise ZeroDivisionError("mine")

    class Failing(bp.Optimizer):
        update = fail

        def __init__(self):
            super().__init__(0.1)
            self.update = lambda *_: fail(None)

    class After(bp.Callback):
        after_step = staticmethod(fail)

    for optimizer, callback, words in [
        (bp.Adam(fail), (), "This came up in the update by Adam(learning_rate=<function"),
        (Failing(), (), "This came up in the update by Failing()"),
        (None, fail, "This came up in the callback <function"),
        (None, After(), "This came up in the callback <function"),
    ]:
        with pytest.raises(ZeroDivisionError, match="mine") as caught:
            network_of(bp.Dense(3, 1), optimizer=optimizer).fit(X, Y, 1, callbacks=callback)
        assert caught.value.__notes__[0].startswith(words)


def test_unscaled_inputs_are_named_however_far_the_parameters_have_run():
    network = network_of(
        *(bp.Dense(3, 8), bp.ReLU(), bp.Dense(8, 1)), optimizer=bp.GradientDescent(0.1)
    )
    with pytest.raises(bp.DivergenceError, match=r"since X reaches .*: begin the"):
        network.fit(X * 1e4, Y, 50)


# What layers are given


@pytest.mark.parametrize(
    "use",
    [
        lambda network, x: network.fit(x, Y, 1),
        lambda network, x: network.predict(x),
        lambda network, x: network.evaluate(x, Y),
        lambda network, x: network.loss_and_gradient(x, Y),
    ],
)
def test_layers_cannot_write_into_what_users_pass_in(use):
    class Writing(bp.Layer):
        def forward(self, x):
            x *= 1.1
            return x, x

        def backward(self, grad_output, x):
            return grad_output

    x = X.copy()
    with pytest.raises(ValueError, match="read-only") as caught:
        use(network_of(Writing(), bp.Dense(3, 1)), x)
    assert "layers[0] Writing(), on the way forward" in caught.value.__notes__[0]
    assert np.array_equal(x, X)
    assert x.flags.writeable


@pytest.mark.parametrize(
    "use",
    [
        lambda network, x, y: network.predict(x),
        lambda network, x, y: network.forward(x),
        lambda network, x, y: network.forward_training(x),
        lambda network, x, y: network.evaluate(x, y),
        lambda network, x, y: network.loss_and_gradient(x, y),
        lambda network, x, y: network.train_step(x, y),
        lambda network, x, y: network.fit(x, y, 2, validation_data=(x, y)),
        bp.trace,
        bp.diagnose,
        lambda network, x, y: bp.check_gradients(network, x / 10, y),
        lambda network, x, y: bp.Sigmoid()(x),
        lambda network, x, y: bp.Tanh().derivative(x),
        lambda network, x, y: network.loss(x[:, :1], y),
        lambda network, x, y: network.loss.gradient(x[:, :1], y),
    ],
)
def test_floating_point_flags_of_the_users_act_nowhere_within(use):
    def network():
        layers = bp.Dense(3, 4), bp.Sigmoid(), bp.Dense(4, 4), bp.Softmax(), bp.Dense(4, 1)
        return network_of(*layers, loss=bp.SigmoidCrossEntropy())

    x, y = 900 * X, [0, 1, 0, 1, 0, 1, 0]
    use(network(), x, y)
    with np.errstate(all="raise"), warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        use(network(), x, y)


# One fit at a time


def test_a_fit_within_a_fit_is_refused_by_name():
    network = network_of(bp.Dense(3, 1))
    with pytest.raises(bp.ParameterError, match=r"^the network is being trained already, by a fit"):
        network.fit(X, Y, 2, callbacks=lambda each: each.fit(X, Y, 1))
    assert network.under_way is None
    copy.deepcopy(network).fit(X, Y, 1)
    other = network_of(bp.Dense(3, 1))
    network.fit(X, Y, 1, callbacks=lambda _: other.fit(X, Y, 1))
    network.fit(X, Y, 1, callbacks=lambda each: copy.deepcopy(each).fit(X, Y, 1))


def test_a_second_thread_is_refused_by_name():
    import threading

    network = network_of(bp.Dense(3, 1))
    within, over = threading.Event(), threading.Event()

    def wait(_):
        within.set()
        assert over.wait(60)

    thread = threading.Thread(target=lambda: network.fit(X, Y, 1, callbacks=wait))
    thread.start()
    assert within.wait(60)
    try:
        with pytest.raises(bp.ParameterError, match=r"in another thread: .* each thread needs a"):
            network.fit(X, Y, 1)
    finally:
        over.set()
        thread.join()
    assert network.fit(X, Y, 1).epoch_count == 2
