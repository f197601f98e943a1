"""A network lives through anything in any order, beside a model of it in twenty lines of NumPy.

`OfThePlain` follows every number of a small network; `OfTheFull` has batch statistics and dropout,
and follows what can be said without them.
"""

import copy
import math
import pickle
import tempfile
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import backproplite as bp
from backproplite.chance import ORDER, Chance

SAMPLES = 7
X = np.random.default_rng(0).standard_normal((SAMPLES, 2))
Y = np.sin(X.sum(axis=1, keepdims=True))


class Trap(bp.Layer):
    """Let everything pass, unless there is a fuse: then do something at that pass, once."""

    fuse = None
    deed = None

    def forward(self, x):
        return x, None

    def forward_training(self, x, rng):
        if Trap.fuse is None:
            return x, None
        Trap.fuse -= 1
        if Trap.fuse or Trap.deed in ("gradient", "after the step"):
            return x, Trap.fuse == 0
        if Trap.deed == "interrupt":
            raise KeyboardInterrupt
        return x * math.nan, None

    def backward(self, grad_output, here):
        spoilt = here and Trap.deed == "gradient"
        return np.full_like(grad_output, math.inf) if spoilt else grad_output

    def after_step(self, here):
        if here and Trap.deed == "after the step":  # the optimizer has moved everything already
            raise KeyboardInterrupt

    def output_width(self, input_width):
        return input_width


def saved_and_loaded(network):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.npz"
        network.save(path)
        return bp.Network.load(path, custom={"Trap": Trap})


WAYS = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda network: pickle.loads(pickle.dumps(network)),
    "save and load": saved_and_loaded,
}


def bits(network):
    """Everything that decides what the network does from now on, and what it remembers."""
    history = [np.array(values).tobytes() for values in network.history.values()]
    settings = network.seed, network.optimizer.learning_rate
    return network.record.bytes.tobytes(), history, settings


DEEDS = {
    "interrupt": KeyboardInterrupt,
    "after the step": KeyboardInterrupt,
    "loss": bp.DivergenceError,
    "gradient": bp.DivergenceError,
}


class Model:
    """Dense, tanh, Dense; mean squared error; momentum."""

    def __init__(self, network):
        first, last = network.layers[0], network.layers[-1]
        self.numbers = [a.copy() for a in (first.weight, first.bias, last.weight, last.bias)]
        self.chance = Chance(network.seed)
        self.rate = network.optimizer.learning_rate
        self.losses, self.scores, self.rates = [], [], []
        self.steps, self.cut_off = 0, None
        self.rest()

    def rest(self):
        self.velocity = [np.zeros_like(number) for number in self.numbers]

    def predict(self, x):
        weight, bias, last_weight, last_bias = self.numbers
        return np.tanh(x @ weight + bias) @ last_weight + last_bias

    def loss(self, x, y):
        return float(((self.predict(x) - y) ** 2).mean())

    def step(self, x, y):
        self.steps += 1
        loss = self.loss(x, y)
        weight, bias, last_weight, _ = self.numbers
        hidden = np.tanh(x @ weight + bias)
        slope = 2 * (self.predict(x) - y) / len(x)
        below = slope @ last_weight.T * (1 - hidden**2)
        gradients = x.T @ below, below.sum(axis=0), hidden.T @ slope, slope.sum(axis=0)
        for number, velocity, gradient in zip(self.numbers, self.velocity, gradients, strict=True):
            velocity[...] = 0.9 * velocity + self.rate * gradient
            number[...] -= velocity
        return loss

    def fit(self, epochs, batch_size, shuffle, validation, passes=math.inf):
        """Train until the passes are used up, and one more would have begun."""
        size = SAMPLES if batch_size is None else batch_size
        for _ in range(epochs):
            if self.cut_off is None or self.cut_off[0] != (size, shuffle):
                rows = np.arange(SAMPLES)
                if size < SAMPLES and shuffle:
                    rows = self.chance.at(ORDER, len(self.losses)).permutation(SAMPLES)
                self.cut_off = (size, shuffle), rows, 0, 0.0
            plan, rows, first, total = self.cut_off
            for start in range(first, SAMPLES, size):
                if passes == 0:
                    return
                passes -= 1
                batch = rows[start : start + size]
                total += self.step(X[batch], Y[batch]) * len(batch)
                self.cut_off = plan, rows, start + size, total
            self.cut_off = None
            self.losses.append(total / SAMPLES)
            self.scores.append(self.loss(X, Y) if validation else math.nan)
            self.rates.append(self.rate)

    def passes_in(self, epochs, batch_size, shuffle, **_):
        """How many steps such a `fit` makes."""
        size = SAMPLES if batch_size is None else batch_size
        went_on = self.cut_off is not None and self.cut_off[0] == (size, shuffle)
        done = self.cut_off[2] // size if went_on else 0
        return epochs * -(-SAMPLES // size) - done


plans = st.fixed_dictionaries(
    {
        "epochs": st.integers(1, 3),
        "batch_size": st.sampled_from([None, 2, 3, 7]),
        "shuffle": st.booleans(),
        "validation": st.booleans(),
    }
)


def fit(network, plan, **more):
    plan = dict(plan)
    validation = (X, Y) if plan.pop("validation") else None
    return network.fit(X, Y, validation_data=validation, **plan, **more)


class Life(RuleBasedStateMachine):
    """What may happen to a network. An epoch that is cut off is finished by the next `fit` like it."""

    def __init__(self):
        super().__init__()
        Trap.fuse = None
        # the trial of a trap would burn its fuse
        self.untried = mock.patch("backproplite.advice.refuse_faulty_parts", return_value=None)
        self.untried.start()
        self.network = self.born()
        self.model = Model(self.network)
        self.twin = self.twins_bits = None

    def teardown(self):
        Trap.fuse = None
        self.untried.stop()

    @rule(plan=plans)
    def fit(self, plan):
        assert fit(self.network, plan) is self.network
        self.model.fit(**plan)

    @rule(start=st.integers(0, SAMPLES - 1))
    def train_step(self, start):
        loss = self.network.train_step(X[start:], Y[start:])
        self.agree(loss, self.model.step(X[start:], Y[start:]))
        self.model.cut_off = None

    @rule()
    def look(self):
        before = bits(self.network)
        self.agree(self.network.predict(X), self.model.predict(X))
        self.agree(self.network.forward(X), self.model.predict(X))
        self.agree(self.network.evaluate(X, Y), self.model.loss(X, Y))
        assert bits(self.network) == before

    @rule(rate=st.sampled_from([0.0, 0.01, 0.1]))
    def change_the_learning_rate(self, rate):
        self.network.optimizer.learning_rate = self.model.rate = rate

    @rule()
    def take_a_new_optimizer(self):
        self.network.optimizer = type(self.network.optimizer)(learning_rate=0.05)
        self.model.rate, self.model.steps = 0.05, 0
        self.model.rest()

    @rule(how=st.sampled_from(list(WAYS)))
    def copy(self, how):
        before = bits(self.network)
        self.twin = WAYS[how](self.network)
        self.twins_bits = bits(self.twin)
        assert self.twins_bits == bits(self.network) == before
        assert not np.shares_memory(self.twin.parameters, self.network.parameters)

    @precondition(lambda self: self.twin is not None)
    @rule(plan=plans)
    def wake_the_twin(self, plan):
        """It goes on as the original did when it was copied: a copy of it, and it, to the bit."""
        again = copy.deepcopy(self.twin)
        assert bits(fit(self.twin, plan)) == bits(fit(again, plan))
        self.twins_bits = bits(self.twin)

    @rule(how=st.sampled_from(list(WAYS)), plan=plans)
    def go_on_as_a_copy(self, how, plan):
        copied = WAYS[how](self.network)
        assert bits(fit(copied, plan)) == bits(fit(self.network, plan))
        self.network = copied
        self.model.fit(**plan)

    @rule(plan=plans, data=st.data(), deed=st.sampled_from(list(DEEDS)))
    def break_a_fit(self, plan, data, deed):
        Trap.fuse, Trap.deed = data.draw(st.integers(1, self.model.passes_in(**plan))), deed
        self.model.fit(**plan, passes=Trap.fuse - 1)
        with pytest.raises(DEEDS[deed]):
            fit(self.network, plan)
        Trap.fuse = None
        if deed == "gradient":
            self.model.rest()

    @rule(plan=plans, data=st.data())
    def interrupt_in_a_callback(self, plan, data):
        epochs = data.draw(st.integers(1, plan["epochs"]))
        until = self.network.epoch_count + epochs

        def interrupt(network):
            if network.epoch_count == until:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            fit(self.network, plan, callbacks=interrupt)
        self.model.fit(**plan | {"epochs": epochs})

    @rule(deed=st.sampled_from(list(DEEDS)))
    def break_a_step(self, deed):
        Trap.fuse, Trap.deed = 1, deed
        with pytest.raises(DEEDS[deed]):
            self.network.train_step(X, Y)
        Trap.fuse = None
        if deed == "gradient":
            self.model.rest()

    @rule(plan=plans)
    def give_bad_data(self, plan):
        before = bits(self.network)
        with pytest.raises(bp.InputError):
            self.network.fit(X * math.nan, Y, plan["epochs"])
        with pytest.raises(bp.ShapeError):
            self.network.train_step(X, Y[:-1])
        assert bits(self.network) == before

    @invariant()
    def numbers_are_finite(self):
        assert np.isfinite(self.network.snapshot()).all()
        assert np.isfinite(self.network.predict(X)).all()

    @invariant()
    def layers_look_into_the_vectors(self):
        network = self.network
        for whole, owners in (("parameters", "named_parameters"), ("gradients", "named_gradients")):
            vector = getattr(network, whole)
            parts = [
                array for layer in network.layers for array in getattr(layer, owners)().values()
            ]
            assert all(np.shares_memory(part, vector) for part in parts)
            flat = np.concatenate([part.ravel() for part in parts])
            assert np.array_equal(flat, vector, equal_nan=True)

    @invariant()
    def history_is_that_of_whole_epochs(self):
        history = self.network.history
        assert self.network.epoch_count == len(self.model.losses)
        assert self.network.optimizer.step_count == self.model.steps
        assert {len(values) for values in history.values()} == {self.network.epoch_count}
        assert history["learning_rate"] == self.model.rates
        assert list(np.isnan(history["val_loss"])) == list(np.isnan(self.model.scores))
        self.agree(history["loss"], self.model.losses)
        self.agree(history["val_loss"], self.model.scores)

    @invariant()
    def numbers_are_those_of_the_model(self):
        ours = np.concatenate([number.ravel() for number in self.model.numbers])
        if ours.size == self.network.parameters.size:
            self.agree(self.network.parameters, ours)

    @invariant()
    def the_twin_sleeps(self):
        assert self.twin is None or bits(self.twin) == self.twins_bits


class OfThePlain(Life):
    def born(self):
        return bp.Network(
            [bp.Dense(2, 3), bp.Tanh(), Trap(), bp.Dense(3, 1)],
            loss=bp.MeanSquaredError(),
            optimizer=bp.Momentum(0.05),
            seed=4,
        )

    def agree(self, given, wanted):
        np.testing.assert_allclose(given, wanted, rtol=1e-9, atol=1e-11)


class OfTheFull(Life):
    def born(self):
        return bp.Network(
            [bp.Dense(2, 3), bp.BatchNorm(3), bp.Tanh(), bp.Dropout(0.2), Trap(), bp.Dense(3, 1)],
            loss=bp.MeanSquaredError(),
            optimizer=bp.Adam(0.05, clip_norm=1.0),
            seed=4,
            dtype="float32",
        )

    def agree(self, given, wanted):
        """The model has neither dropout nor batch statistics, so only counts can agree."""
        assert np.shape(given) == np.shape(wanted)


LIVES = settings(
    max_examples=70, stateful_step_count=40, suppress_health_check=[HealthCheck.too_slow]
)
TestOfThePlain, TestOfTheFull = OfThePlain.TestCase, OfTheFull.TestCase
# A first step that was broken off leaves gradients, and no statistics.
pytest.mark.filterwarnings("ignore:the running statistics:backproplite.TrainingWarning")(
    TestOfTheFull
)
TestOfThePlain.settings = TestOfTheFull.settings = LIVES
