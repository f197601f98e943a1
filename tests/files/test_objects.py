"""What cannot be saved is refused by name, before anything is written."""

import copy
import functools

import numpy as np
import pytest
from files.common import RNG, saved, stateful, zeros

import backproplite as bp
from backproplite.files.networks import network_from_bytes
from backproplite.files.objects import MAXIMUM_DEPTH


class Forgetful(bp.Activation):
    def __init__(self, size, times=1):
        self.size = size

    def forward(self, x):
        return x, x


class Starred(bp.Activation):
    def __init__(self, *sizes):
        self.sizes = sizes


class DoublyStarred(bp.Activation):
    def __init__(self, **sizes):
        self.sizes = sizes


class Doubling(bp.Activation):
    def __init__(self, size):
        self.size = 2 * size


class Picky(bp.Activation):
    def __init__(self, size):
        if size > 1:
            raise OverflowError("too large")
        self.size = size + 1


class Holder(bp.Activation):
    def __init__(self, inner):
        self.inner = inner


class Start(bp.Constant):
    """An initializer that keeps a layer, where no network looks for one."""

    def __init__(self, value):
        self.value = value

    def __call__(self, shape, rng):
        return np.zeros(shape)


class Dense(bp.Dense):
    """A namesake."""


def namesake():
    class Holder(bp.Activation):
        def __init__(self, other=None):
            self.other = other

    return Holder


class Whole(bp.Activation):
    def __init__(self, size):
        self.size = int(size)


class Growing(bp.Activation):
    """A layer that is never built the same twice."""

    built = 0

    def __init__(self):
        Growing.built += 1
        self.add_parameter("weight", (Growing.built,))


class Dropped(bp.Residual):
    """A block with layers of its own making."""

    def __init__(self, features):
        self.features = features
        super().__init__(
            [bp.Dense(features, features, lambda *_: np.ones((3, 3))), bp.Dropout(0.3)]
        )


def later(layer, size):
    layer.size = size
    return layer


def changed():
    block = Dropped(3)
    block.layers[1].rate = 0.5
    return block


def test_what_a_block_makes_by_itself_may_be_what_no_file_can_hold():
    network = bp.Network([Dropped(3)], bp.MeanSquaredError())
    again = network_from_bytes(bp.Network, saved(network), {"Dropped": Dropped})
    assert np.array_equal(again.parameters, network.parameters)


@pytest.mark.parametrize("dtype", ["complex128", "float16"])
def test_a_network_that_computes_in_something_else_is_refused(dtype):
    with pytest.raises(bp.ParameterError, match=f"it computes in {dtype}. Save network.cast"):
        saved(stateful().cast(dtype))


UNSAVABLE = {
    "a lambda": (Holder(lambda step: 0.1), "a lambda has no name to find it by. Define it with def, or as a class with s", "custom={'its_name'"),
    "part of a function": (Holder(functools.partial(zeros)), "layers[0]", "object with settings, like a Schedule."),
    "an object": (Holder(object()), "layers[0].settings.inner", "is neither plain data"),
    "a set": (Holder({1}), "layers[0].settings.inner", "is neither plain data"),
    "bytes": (Holder(b"1"), "layers[0].settings.inner", "is neither plain data"),
    "a dict of odd keys": (Holder({"../x": 1}), "layers[0]", "is neither plain data"),
    "a dict of numbers": (Holder({1: 1}), "layers[0]", "is neither plain data"),
    "a complex number": (Holder([1j]), "layers[0].settings.inner[0]", "is neither plain data"),
    "a masked array": (Holder(np.ma.array([1])), "layers[0]", "is neither plain data"),
    "a generator": (Holder(RNG(0)), "layers[0].settings.inner", "is neither plain data"),
    "an array of objects": (Holder(np.array([None])), "layers[0].settings", "array of numbers"),
    "text of NumPy": (Holder(np.str_("a")), "layers[0].settings.inner", "array of numbers"),
    "a huge number": (Holder(2**128), "too large a number", ""),
    "a deep list": (
        Holder(functools.reduce(lambda inner, _: [inner], range(90), 1)), "nested too deeply", ""
    ),
    "a lot of text": (Holder("x" * 100_000), "a model file holds up to", ""),
    "a layer with parameters": (bp.Dense(1, 1, Start(bp.Dense(1, 1))), "layers[0].settings.weight", "Let a layer"),
    "a layer with statistics": (bp.Dense(1, 1, Start([bp.BatchNorm(1)])), "value[0]", "numbers of"),
    "a lost argument": (Forgetful(1), "layers[0]", "Forgetful does not keep its argument times, so it could not be built again. Make it"),
    "starred arguments": (Starred(1), "layers[0]", "does not keep its argument *sizes"),
    "arguments by name": (DoublyStarred(a=1), "layers[0]", "does not keep its argument **sizes"),
    "a changed argument": (Doubling(2), "Doubling(4) would come back as Doubling(8)", "keep its arg"),
    "an argument turned bad": (Picky(1), "Picky(2) could not be built again", "(OverflowError: too large)"),
    "a namesake of ours": (Dense(1, 1), "layers[0]", "'Dense' has two meanings"),
    "an inner layer that was changed": (changed(), "with other settings or shapes", ""),
    "truth turned a number": (later(Whole(1), True), "Whole(True) would come back as Whole(1)", ""),
    "a shape of its own": (Growing(), "with other settings or shapes", ""),
    "two of one name": (Holder(namesake()()), "layers[0].settings", "'Holder' has two meanings"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNSAVABLE)
def test_what_could_not_be_built_again_is_refused_before_anything_is_written(tmp_path, name):
    layer, *words = copy.deepcopy(UNSAVABLE[name])
    network = bp.Network([layer], loss=bp.MeanSquaredError())
    (tmp_path / "model.npz").write_text("an old one")
    with pytest.raises(bp.ParameterError) as caught:
        network.save(tmp_path / "model.npz")
    assert all(word in str(caught.value) for word in words)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["an old one"]


@pytest.mark.parametrize("wrap", [lambda x: [x], lambda x: (x,), lambda x: {"a": x}, Holder])
@pytest.mark.parametrize("depth", [3, *range(26, 32), *range(55, 65), 100])
def test_what_is_saved_is_not_too_deep_to_be_loaded(wrap, depth):
    inner = functools.reduce(lambda inner, _: wrap(inner), range(depth), 1)
    network = bp.Network([Holder(inner)], loss=bp.MeanSquaredError())
    refusal = ""
    try:
        content = saved(network)
    except bp.ParameterError as error:
        refusal = str(error)
    if refusal:
        assert depth > MAXIMUM_DEPTH / 2 - 3  # some count twice
        assert "a setting is nested too deeply, or too large a number." in refusal
    else:
        assert depth < MAXIMUM_DEPTH
        again = network_from_bytes(bp.Network, content, {"Holder": Holder})
        assert repr(again.layers[0].inner) == repr(inner)


def test_a_lambda_as_schedule_is_refused_by_name():
    network = stateful(optimizer=bp.Adam(lambda step: 0.1))
    with pytest.raises(
        bp.ParameterError, match=r"optimizer\.settings\.learning_rate cannot be sav"
    ):
        saved(network)


@pytest.mark.parametrize(
    "history", [{"loss": ["text"]}, {"accuracy": [0.5] * 9}, {"a b": []}, {"loss": [1j]}]
)
def test_a_history_that_is_not_the_networks_is_refused(history):
    network = stateful()
    network.history.update(history)
    with pytest.raises(bp.ParameterError, match="is not its own"):
        saved(network)
    del network.history["loss"]
    with pytest.raises(bp.ParameterError):
        saved(network)


def test_settings_changed_to_something_bad_are_refused():
    network = stateful()
    vars(network.optimizer)["learning_rate"] = -1.0  # behind the back of the check
    with pytest.raises(bp.ParameterError, match="learning_rate must be a finite number at least 0"):
        saved(network)


def test_a_state_of_another_shape_than_it_would_have_is_refused():
    layer = bp.BatchNorm(3)
    layer.running_mean = np.zeros(1)
    network = bp.Network([layer, bp.Dense(3, 1)], loss=bp.MeanSquaredError())
    with pytest.raises(bp.ParameterError, match=r"with other settings or shapes\. Let each"):
        saved(network)
