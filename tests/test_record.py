"""The record: all that training changes, in one piece of memory; a step happens whole or not."""

import copy
import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import networks, optimizer_classes

import backproplite as bp
from backproplite.record import Record

RNG = np.random.default_rng
X, Y = RNG(1).standard_normal((10, 3)), RNG(2).standard_normal((10, 1))
copied = pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))]
)


class Tally(bp.Layer):
    """Counts what it has seen, by assigning new arrays."""

    state_names = ("seen", "steps")

    def __init__(self):
        self.seen, self.steps = np.zeros(3), np.zeros(())

    def forward(self, x):
        return x, x

    def backward(self, grad_output, cache):
        return grad_output

    def after_step(self, x):
        self.seen = self.seen + x.sum(axis=-2)
        self.steps = self.steps + 1


class Drift(bp.Optimizer):
    """Keeps a sum of gradients, by assigning new arrays."""

    state_names = ("total",)

    def update(self, parameters, gradients, rate):
        self.total = self.total + gradients
        parameters -= rate * self.total


def full(optimizer=None, **settings):
    """A network in which all is in use that training can change."""
    layers = [Tally(), bp.Dense(3, 5), bp.BatchNorm(5), bp.Tanh(), bp.Dropout(0.2)]
    layers += [bp.Residual([bp.Dense(5, 5), bp.BatchNorm(5)]), bp.Dense(5, 1)]
    optimizer = optimizer or bp.Adam(0.05)
    return bp.Network(layers, bp.MeanSquaredError(), optimizer, **{"seed": 0} | settings)


def arrays_of(network):
    """Every array that training changes, from where its owner has it."""
    optimizer = network.optimizer
    found = [network.parameters, *(getattr(optimizer, name) for name in optimizer.state_names)]
    for layer in network.layers:
        found += [*layer.named_parameters().values(), *layer.named_state().values()]
    return found


def counts(network):
    """Steps and epochs of its life, and steps of its optimizer."""
    views = network.record.views
    counted = network.step_count, network.epoch_count, network.optimizer.step_count
    assert counted == (views["steps"], views["epochs"], views["optimizer_steps"])
    return counted


def copies(network):
    """A copy of every view of its record, by name."""
    return {name: view.copy() for name, view in network.record.views.items()}


def assert_in_one_piece(network):
    record = network.record
    for array in arrays_of(network):
        assert np.shares_memory(array, record.bytes)
    assert sum(view.nbytes for view in record.views.values()) == record.bytes.nbytes
    for number, view in enumerate(record.views.values(), start=1):
        view[...] = number
    flat = [view.ravel().view(np.uint8) for view in record.views.values()]
    assert np.array_equal(np.concatenate(flat), record.bytes)


@given(case=networks())
def test_all_that_training_changes_is_a_view_into_one_piece_of_memory(case):
    network, X, y = case
    network.fit(X, y, 1)
    assert_in_one_piece(network)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("optimizer", [*optimizer_classes, Drift])
def test_views_by_name(optimizer, dtype):
    network = full(optimizer(0.01), dtype=dtype).fit(X, Y, 2, 4)
    names = ["steps", "epochs", "optimizer_steps", "optimizer_rate", "running", "parameters"]
    names += ["layers[0].seen", "layers[0].steps"]
    statistics = "running_mean", "running_variance", "batches"
    names += [f"layers[2].{each}" for each in statistics]
    names += [f"layers[5].layers[1].{each}" for each in statistics]
    names += [f"optimizer.{name}" for name in network.optimizer.state_names]
    views = network.record.views
    assert list(views) == names
    assert {views[name].dtype for name in names[5:]} == {np.dtype(dtype)}
    assert counts(network) == (6, 2, 6)
    assert views["layers[0].steps"] == 6
    assert views["optimizer_rate"] == network.optimizer.rate == 0.01
    sizes = [views[name].size for name in names[5:] if not name.startswith("optimizer")]
    assert network.record.model.size == sum(sizes)
    assert_in_one_piece(network)


def test_what_is_assigned_to_state_goes_into_the_record():
    network = full(Drift(0.01)).fit(X, Y, 3)
    tally, optimizer, views = network.layers[0], network.optimizer, network.record.views
    np.testing.assert_allclose(tally.seen, 3 * X.sum(axis=0), rtol=1e-14)
    assert tally.seen is views["layers[0].seen"]
    assert optimizer.total is views["optimizer.total"]
    assert optimizer.total.any()
    snapshot = network.snapshot()
    network.fit(X, Y, 1)
    assert tally.steps == 4
    network.restore(snapshot)
    assert tally.steps == 3


@copied
def test_copies_are_in_one_piece_and_share_nothing(duplicate):
    network = full().fit(X, Y, 3, 4, validation_data=(X, Y))
    before = network.record.bytes.copy()
    twin = duplicate(network)
    assert twin.record.bytes.tobytes() == before.tobytes()
    np.testing.assert_equal(twin.history, network.history)
    for one in [
        *arrays_of(twin),
        twin.gradients,
        twin.record.all_or_nothing.before,
        twin.optimizer.scratch,
    ]:
        for other in [*arrays_of(network), network.gradients, network.optimizer.scratch]:
            assert not np.shares_memory(one, other)
    twin.fit(X, Y, 2, 4)
    assert network.record.bytes.tobytes() == before.tobytes()
    assert network.epoch_count == len(network.history["loss"]) == 3
    assert_in_one_piece(twin)


# A step happens whole or not


def raiser(*_):
    raise ZeroDivisionError("mine")


def half_way(parameters, gradients, rate):
    parameters[::2] += 1
    raise ZeroDivisionError("mine")


STAGES = {
    "forward": lambda network: setattr(network.layers[3], "forward", raiser),
    "loss": lambda network: setattr(network.loss, "forward", raiser),
    "loss backward": lambda network: setattr(network.loss, "backward", raiser),
    "backward": lambda network: setattr(network.layers[3], "backward", raiser),
    "schedule": lambda network: setattr(network.optimizer, "learning_rate", raiser),
    "half an update": lambda network: setattr(network.optimizer, "update", half_way),
    "last after_step": lambda network: setattr(network.layers[5], "after_step", raiser),
}


@pytest.mark.parametrize("optimizer", [bp.Adam, Drift])
@pytest.mark.parametrize("spoil", STAGES.values(), ids=STAGES)
@pytest.mark.parametrize("train", ["train_step", "fit"])
def test_a_step_that_fails_anywhere_leaves_every_byte(spoil, optimizer, train):
    network = full(optimizer(0.01)).fit(X, Y, 2, 4, validation_data=(X, Y))
    before, history = copies(network), copy.deepcopy(network.history)
    spoil(network)
    arguments = {"train_step": (X, Y), "fit": (X, Y, 1, 4)}[train]
    with pytest.raises(ZeroDivisionError, match="mine"):
        getattr(network, train)(*arguments)
    if train == "fit":
        before["running"][:4] = network.record.plan  # the plan of an epoch without steps
    for name, view in network.record.views.items():
        assert np.array_equal(view, before[name]), name
    assert network.history == history


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("where", ["parameter", "statistic"])
def test_a_step_that_diverges_leaves_all_but_a_rested_optimizer(where, value):
    network = full(Drift(0.01)).fit(X, Y, 2, 4)
    before = copies(network)
    if where == "parameter":
        network.optimizer.update = lambda parameters, *_: parameters.fill(value)
    else:
        network.layers[0].after_step = lambda x: network.layers[0].seen.fill(value)
    with pytest.raises(bp.DivergenceError, match=r"^a parameter or running statistic turned"):
        network.train_step(X, Y)
    assert before.pop("optimizer.total").any()
    assert not network.optimizer.total.any()
    for name, array in before.items():
        assert np.array_equal(network.record.views[name], array), name


def made(history=1):
    record = Record({"parameters": (4,)}, {"optimizer.velocity": (4,)}, np.dtype(np.float64))
    for values in record.history.values():
        values.extend([0.5] * history)
    return record


@given(numbers=st.lists(st.integers(0, 255), min_size=1, max_size=50))
def test_what_fails_within_a_record_is_undone_and_what_succeeds_stays(numbers):
    record = made()
    with record.all_or_nothing:
        record.bytes[: len(numbers)] = numbers
    before = record.bytes.copy()

    def fail():
        with record.all_or_nothing:
            record.bytes[...] += 1
            record.history["loss"].append(3.0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert record.bytes.tobytes() == before.tobytes()
    assert record.bytes[: len(numbers)].tolist() == numbers
    assert {tuple(values) for values in record.history.values()} == {(0.5,)}


def test_an_epoch_is_counted_by_hand():
    record = made(history=0)
    record.begin_epoch([5, 3, 1, 99])
    record.views["optimizer_rate"][()] = 0.1
    record.count_step(3.0, 2.0, 10.0)
    assert (record.steps, record.batches, record.epochs) == (1, 1, 0)
    record.begin_epoch([5, 3, 1, 99])  # the same plan: nothing is forgotten
    record.count_step(2.0, 7.0, 30.0)
    record.end_epoch({"val_loss": 0.25, "train_loss": 0.5})
    assert record.history == {
        "loss": [(3 * 2 + 2 * 7) / 5],
        "val_loss": [0.25],
        "learning_rate": [0.1],
        "gradient_norm": [20.0],
        "train_loss": [0.5],
    }
    assert (record.steps, record.batches, record.epochs) == (2, 0, 1)


@pytest.mark.parametrize(
    "meanwhile",
    [
        lambda record: record.begin_epoch([5, 3, 0, 99]),
        lambda record: record.count_step(None, 2.0, 10.0),
        lambda record: record.forget_epoch(),
    ],
)
def test_an_epoch_cut_off_is_forgotten_when_something_else_trains(meanwhile):
    record = made()
    record.begin_epoch([5, 3, 1, 99])
    record.count_step(3.0, 2.0, 10.0)
    meanwhile(record)
    record.begin_epoch([5, 3, 1, 99])
    assert record.batches == 0
    assert not record.sums.any()


# What goes on in another record


def test_a_new_optimizer_keeps_all_else():
    network = full().fit(X, Y, 3, 4)
    before = copies(network)
    history = copy.deepcopy(network.history["loss"])
    network.optimizer = bp.Momentum(0.02)
    kept = {"parameters", *(name for name in before if name.startswith("layers"))}
    for name in kept:
        assert np.array_equal(network.record.views[name], before[name])
    assert counts(network) == (9, 3, 0)
    assert network.history["loss"] == history
    assert not network.optimizer.velocity.any()
    network.fit(X, Y, 1, 4)
    assert counts(network) == (12, 4, 3)
    assert_in_one_piece(network)


def test_a_new_optimizer_in_the_middle_of_an_epoch_lets_it_go_on():
    def renew(network):
        if network.step_count == 2:
            network.optimizer = bp.Momentum(0.01)

    class Watching(bp.Callback):
        def after_step(self, network):
            renew(network)

    network = full().fit(X, Y, 1, 4, callbacks=Watching())
    assert counts(network) == (3, 1, 1)
    assert np.isfinite(network.history["loss"]).all()


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
def test_cast_gives_a_copy_of_another_precision(dtype):
    network = full().fit(X, Y, 2, 4)
    before = network.record.bytes.copy()
    twin = network.cast(dtype)
    assert network.record.bytes.tobytes() == before.tobytes()
    assert {array.dtype for array in arrays_of(twin)} == {np.dtype(dtype)}
    assert np.array_equal(twin.parameters, network.parameters.astype(dtype))
    assert (twin.step_count, twin.seed) == (network.step_count, network.seed)
    assert twin.history == {name: [] for name in network.history}
    assert len(network.history["loss"]) == 2
    single = X.astype(twin.dtype)
    *_, (outputs, _) = twin.way_forward(single)
    assert outputs.dtype == twin.dtype
    np.testing.assert_allclose(outputs, network.forward_training(X)[0], rtol=1e-5, atol=1e-6)


def test_a_snapshot_of_another_network_is_refused():
    network = full()
    with pytest.raises(bp.ShapeError) as caught:
        network.restore(np.zeros(3))
    shape = network.record.model.shape
    assert str(caught.value) == (
        f"snapshot must be of a network like this one, shape {shape}; got (3,)."
    )


def test_what_an_optimizer_keeps_may_have_any_name():
    class Counting(bp.GradientDescent):
        state_names = ("steps", "running")

    network = bp.Network([bp.Dense(2, 1)], bp.MeanSquaredError(), Counting(0.1), seed=0)
    network.train_step([[1.0, 2.0]], [1.0])
    assert network.record.views["optimizer.steps"].shape == (3,)
    assert (network.optimizer.step_count, network.optimizer.rate) == (1, 0.1)
