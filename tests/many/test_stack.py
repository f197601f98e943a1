"""What may be trained side by side, and what leaves; that all ends as alone is test_together's."""

import numpy as np
import pytest
from test_faults import States, interrupted_at

import backproplite as bp
from backproplite.callbacks import checked_callbacks
from backproplite.many.stack import CACHE, Draws, Member, Stack, groups, memory_of, train_stack
from backproplite.training import Fit, plan_for

RNG = np.random.default_rng
X = RNG(0).standard_normal((12, 3))
Y = X[:, :1] * X[:, 1:2] / 8


class Scale(bp.Layer):
    """Carries axes in front."""

    def __init__(self, features):
        self.features = self.in_features = self.out_features = features
        self.add_parameter("scale", (features,), bp.Constant(1.0))

    def forward(self, x):
        return x * self.scale[..., np.newaxis, :], x

    def backward(self, grad_output, x):
        np.sum(grad_output * x, axis=-2, out=self.grad_scale)
        return grad_output * self.scale[..., np.newaxis, :]


class NoAxis(Scale):
    def forward(self, x):
        return x * self.scale, x

    def backward(self, grad_output, x):
        np.sum(grad_output * x, axis=0, out=self.grad_scale)
        return grad_output * self.scale


class Mixing(Scale):
    """Runs with an axis in front, but mixes the members."""

    def forward(self, x):
        return (x - x.mean()) * self.scale[..., np.newaxis, :], x


class Counting(Scale):
    """Remembers something that no record holds."""

    calls = 0

    def forward(self, x):
        self.calls += 1
        return super().forward(x)


class Noise(bp.Activation):
    def forward(self, x):
        return x, None

    def forward_training(self, x, rng):
        return x + rng.normal(0.0, 0.1, size=x.shape), None

    def backward(self, grad_output, cache):
        return grad_output


class FourthPower(bp.Loss):
    def forward(self, outputs, targets):
        error = outputs - targets
        return error**4, error

    def backward(self, error):
        return 4 * error**3


class Summed(FourthPower):
    """Gives a cost for each sample, along an axis counted from the front."""

    def forward(self, outputs, targets):
        costs, error = super().forward(outputs, targets)
        return costs.sum(axis=1), error


class SignDescent(bp.Optimizer):
    def update(self, parameters, gradients, rate):
        parameters -= rate * np.sign(gradients)


class OfAll(bp.Optimizer):
    def update(self, parameters, gradients, rate):
        parameters -= rate * gradients / abs(gradients).sum()


def three(middle=bp.Tanh, loss=bp.MeanSquaredError, optimizer=bp.GradientDescent):
    return [
        bp.Network(
            [bp.Dense(3, 4), middle(), bp.Dense(4, 1)],
            loss=loss(),
            optimizer=optimizer(0.002 * (i + 1)),
            seed=i,
        )
        for i in range(3)
    ]


def members_of(networks, batch_size=None, callbacks=()):
    data = networks[0].prepare(X, Y)
    plan = plan_for(data, batch_size, True)
    return [
        Member(each, Fit(data, plan, None, checked_callbacks(callbacks)), name=f"networks[{i}]")
        for i, each in enumerate(networks)
    ]


def sizes(networks, batch_size=None):
    return [len(group) for group in groups(members_of(networks, batch_size))]


@pytest.mark.parametrize("loss", [bp.MeanSquaredError, FourthPower, Summed])
@pytest.mark.parametrize("optimizer", [bp.GradientDescent, SignDescent, OfAll])
@pytest.mark.parametrize("middle", [lambda: Scale(4), lambda: NoAxis(4), lambda: Mixing(4), Noise])
def test_parts_of_ones_own_are_tried(middle, loss, optimizer):
    stacked, alone = three(middle, loss, optimizer), three(middle, loss, optimizer)
    found = groups(members_of(stacked, 5))
    carries = type(middle()) in (Scale, Noise) and loss is not Summed and optimizer is not OfAll
    assert [len(group) for group in found] == ([3] if carries else [1, 1, 1])
    for group in found:
        train_stack(group, 3)
    for one, other in zip(stacked, alone, strict=True):
        other.fit(X, Y, epochs=3, batch_size=5)
        assert np.array_equal(one.parameters, other.parameters)
        assert one.step_count == other.step_count == 9


def test_what_no_record_holds_is_trained_one_by_one():
    assert sizes(three(lambda: Counting(4))) == [1, 1, 1]


def test_who_is_alike():
    def pair(change, batch_size=None):
        networks = three()[:2]
        change(networks[1])
        return sizes(networks, batch_size)

    def other(optimizer):
        return lambda network: setattr(network, "optimizer", optimizer)

    rate = bp.CosineSchedule(0.1, 10)
    assert pair(other(bp.GradientDescent(rate, weight_decay=0.1))) == [2]
    assert pair(other(bp.GradientDescent(clip_norm=1.0))) == [1, 1]
    assert pair(other(bp.Adam())) == [1, 1]
    assert pair(lambda network: network.train_step(X, Y)) == [1, 1]
    assert pair(lambda network: network.fit(X, Y, epochs=1)) == [1, 1]
    assert pair(lambda network: setattr(network, "loss", bp.Huber())) == [1, 1]
    assert sizes([*three(bp.Tanh), *three(bp.Sigmoid)]) == [3, 3]
    assert sizes([*three(lambda: bp.Dropout(0.1)), *three(lambda: bp.Dropout(0.2))]) == [3, 3]
    assert sizes([network.cast(np.float32) for network in three()][:1] + three()) == [1, 3]


def test_groups_fit_the_cache():
    wide = [
        bp.Network([bp.Dense(3, 2000), bp.Dense(2000, 1)], loss=bp.MeanSquaredError(), seed=i)
        for i in range(20)
    ]
    found = groups(members_of(wide))
    size = memory_of(found[0][0])
    assert size > 4 * wide[0].parameters.nbytes
    assert {len(group) for group in found[:-1]} == {CACHE // size}


def test_each_draws_its_own():
    draws = Draws([RNG(i) for i in range(3)])
    drawn = draws.random((3, 5, 2), np.float32)
    for i in range(3):
        assert np.array_equal(drawn[i], RNG(i).random((5, 2), np.float32))
    drawn = Draws([RNG(i) for i in range(3)]).normal(1.0, 2.0, size=(5, 2))
    for i in range(3):
        assert np.array_equal(drawn[i], RNG(i).normal(1.0, 2.0, size=(5, 2)))


def test_the_numbers_of_each_are_rows_of_one_memory():
    networks = three()
    before = [network.parameters.copy() for network in networks]
    stack = Stack(members_of(networks))
    for i, network in enumerate(networks):
        assert np.array_equal(network.parameters, before[i])
        assert np.array_equal(stack.whole.parameters[i], before[i])
        for array in (network.parameters, network.layers[0].weight, network.record.bytes):
            assert np.shares_memory(array, stack.memory[i])
        assert np.shares_memory(network.gradients, stack.gradients[i])
    stack.whole.layers[0].weight[1, 0, 0] = 7.0
    assert networks[1].layers[0].weight[0, 0] == 7.0


def test_who_leaves_lives_on_its_own():
    networks, members = three(), None
    members = members_of(networks)
    stack = Stack(members)
    stack.release(members[:1])
    stack.step(None)
    assert [network.step_count for network in networks] == [0, 1, 1]
    assert not np.shares_memory(networks[0].parameters, stack.memory)
    assert stack.members == [members[2], members[1]]


class Stop(bp.Callback):
    """Stops one network after some epochs."""

    def __init__(self, seed, after):
        self.seed, self.after = seed, after

    def __call__(self, network):
        network.stop_training = network.seed == self.seed and network.epoch_count >= self.after


@pytest.mark.parametrize("seed", range(3))
def test_who_stops_makes_no_more_steps(seed):
    networks, twins = three(), three()
    train_stack(members_of(networks, 5, [Stop(seed, 2)]), 4)
    for network, twin in zip(networks, twins, strict=True):
        twin.fit(X, Y, 2 if network.seed == seed else 4, batch_size=5)
        assert np.array_equal(network.parameters, twin.parameters)
        assert network.history["loss"] == pytest.approx(twin.history["loss"], rel=1e-14)


def test_who_diverges_leaves_in_that_step():
    networks, twins = three(), three()
    for each in (networks[1], twins[1]):
        each.optimizer.learning_rate = 1e200
    members = members_of(networks, 5)
    train_stack(members, 4)
    with pytest.raises(bp.DivergenceError) as caught:
        twins[1].fit(X, Y, 4, batch_size=5)
    assert str(networks[1].diverged) == str(caught.value)
    assert networks[1].diverged.__traceback__ is None
    for i, (network, twin) in enumerate(zip(networks, twins, strict=True)):
        if i != 1:
            twin.fit(X, Y, 4, batch_size=5)
            assert network.diverged is None
        assert np.array_equal(network.parameters, twin.parameters)
        assert network.step_count == twin.step_count


def test_what_fails_together_is_done_one_by_one(monkeypatch):
    networks, twins = three(), three()
    monkeypatch.setattr(Stack, "failing", lambda stack, batch: [])
    for each in (networks[1], twins[1]):
        each.optimizer.learning_rate = 1e200
    train_stack(members_of(networks, 5), 4)
    for i, (network, twin) in enumerate(zip(networks, twins, strict=True)):
        if i != 1:
            twin.fit(X, Y, 4, batch_size=5)
            assert np.array_equal(network.parameters, twin.parameters)
    assert networks[1].diverged


def test_an_error_names_the_member():
    def complain(network):
        if network.seed == 2:
            raise RuntimeError("enough")

    networks = three()
    with pytest.raises(RuntimeError, match="enough") as caught:
        train_stack(members_of(networks, None, [complain]), 3)
    assert any("networks[2]" in note for note in caught.value.__notes__)
    assert [len(network.history["loss"]) for network in networks] == [1, 1, 1]
    assert not any(network.under_way for network in networks)


def state(network):
    """All that training changes, but for the plan of an epoch without a step."""
    history = tuple(np.array(values).tobytes() for values in network.history.values())
    arrays = network.named_arrays()
    if not network.record.batches:
        del arrays["running"]
    return {name: array.tobytes() for name, array in arrays.items()}, history


class WholeStates(States):
    state = staticmethod(state)


def one_leaves_and_one_diverges():
    networks = [
        bp.Network(
            [bp.Dense(3, 2), bp.BatchNorm(2), bp.Dropout(0.2), bp.Dense(2, 1)],
            bp.MeanSquaredError(),
            bp.Momentum(0.01),
            seed=i,
        )
        for i in range(4)
    ]
    networks[1].optimizer.learning_rate = 1e200
    return networks


@pytest.mark.parametrize("event", ["line", pytest.param("opcode", marks=pytest.mark.slow)])
def test_ctrl_c_anywhere_leaves_each_in_a_whole_state(event):
    def train(networks):
        train_stack(members_of(networks, 7, [Stop(2, 1)]), 2)

    possible = []
    for network in one_leaves_and_one_diverges():
        states = WholeStates()
        try:
            network.fit(X, Y, 1 if network.seed == 2 else 2, batch_size=7, callbacks=states)
        except bp.DivergenceError:
            states(network)
        possible.append(states.states)
    moment, interrupted = 0, True
    while interrupted:
        moment += 211
        networks = one_leaves_and_one_diverges()
        interrupted = interrupted_at(moment, lambda networks=networks: train(networks), event)
        for network, states in zip(networks, possible, strict=True):
            assert state(network) in states, moment
    assert moment > 500
    assert [state(each) for each in networks] == [states[-1] for states in possible]


class Meddle(bp.Callback):
    """Does something to a network once it has made some steps."""

    def __init__(self, change, after):
        self.change, self.after = change, after

    def after_step(self, network):
        if network.step_count == self.after:
            self.change(network)


def half_the_rate(network):
    network.optimizer.learning_rate /= 2


def another_schedule(network):
    network.optimizer.learning_rate = bp.CosineSchedule(0.01, 20)


def clipping(network):
    network.optimizer.clip_norm = 0.1


def another_optimizer(network):
    network.optimizer = bp.Adam(0.01)


def another_loss(network):
    network.loss = bp.Huber()


def more_dropout(network):
    network.layers[1].rate = 0.5


def half_the_weights(network):
    network.layers[0].weight[...] /= 2


def a_step_between(network):
    network.train_step(X, Y)


def different_things(network):
    (another_optimizer if network.seed == 2 else half_the_rate)(network)


@pytest.mark.parametrize("whose", [{0, 1, 2}, {1}])
@pytest.mark.parametrize("after", [3, 4])  # in the middle of an epoch, and at its end
@pytest.mark.parametrize(
    "change",
    [
        *(half_the_rate, another_schedule, clipping, another_optimizer, another_loss),
        *(more_dropout, half_the_weights, a_step_between, different_things),
    ],
)
def test_what_callbacks_change_changes(change, after, whose):
    def changed(network):
        if network.seed in whose:
            change(network)

    networks, twins = three(lambda: bp.Dropout(0.2)), three(lambda: bp.Dropout(0.2))
    train_stack(members_of(networks, 6, [Meddle(changed, after)]), 4)
    for network, twin in zip(networks, twins, strict=True):
        twin.fit(X, Y, 4, batch_size=6, callbacks=[Meddle(changed, after)])
        assert np.array_equal(network.parameters, twin.parameters)
        assert network.history["loss"] == twin.history["loss"]
        assert repr(network) == repr(twin)


def test_who_diverges_in_the_update_leaves_the_others_their_velocity():
    networks, twins = three(optimizer=bp.Momentum), three(optimizer=bp.Momentum)
    for each in (networks[1], twins[1]):
        each.layers[2].weight[...] = 30.0  # so that the gradient is large
        each.optimizer.learning_rate = lambda step: 0.0 if step < 4 else 1.7e308
    train_stack(members_of(networks, 5), 4)
    for i, (network, twin) in enumerate(zip(networks, twins, strict=True)):
        if i == 1:
            with pytest.raises(bp.DivergenceError):
                twin.fit(X, Y, 4, batch_size=5)
        else:
            twin.fit(X, Y, 4, batch_size=5)
        assert np.array_equal(network.optimizer.velocity, twin.optimizer.velocity)
        assert np.array_equal(network.parameters, twin.parameters)


def test_what_a_callback_changes_after_an_epoch_changes():
    def change(network):
        if network.epoch_count == 2:
            (more_dropout if network.seed == 2 else half_the_rate)(network)

    networks, twins = three(lambda: bp.Dropout(0.2)), three(lambda: bp.Dropout(0.2))
    train_stack(members_of(networks, 6, [change]), 4)
    for network, twin in zip(networks, twins, strict=True):
        twin.fit(X, Y, 4, batch_size=6, callbacks=[change])
        assert np.array_equal(network.parameters, twin.parameters)


def test_own_rows_are_scored_where_there_is_nothing_else():
    networks, twins, rows = three(), three(), np.arange(12).reshape(3, 4)
    members = members_of(networks, None, [bp.EarlyStopping(2)])
    for member, own in zip(members, rows, strict=True):
        plan = plan_for(member.fit.data.select(own), None, True)
        member.fit = Fit(member.fit.data, plan, None, [bp.EarlyStopping(2)])
        member.rows = own
    train_stack(members, 3)
    for network, twin, own in zip(networks, twins, rows, strict=True):
        twin.fit(X[own], Y[own], 3, callbacks=bp.EarlyStopping(2))
        assert network.history["train_loss"] == twin.history["train_loss"]
        assert np.array_equal(network.parameters, twin.parameters)


def test_what_mixes_is_found_out_between_networks_that_are_alike():
    twice = [three(lambda: Mixing(4))[0] for _ in range(2)]
    assert sizes(twice) == [1, 1]
