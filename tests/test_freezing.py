"""Frozen layers: what is not trainable stays as it is, to the bit, whatever trains around it."""

import copy
import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from many import sums
from strategies import networks, optimizer_classes, seeds

import backproplite as bp
from backproplite.layers import parts_of

RNG = np.random.default_rng
X = RNG(0).normal(size=(24, 4))
Y = np.sin(X[:, :1]) + X[:, 1:2]


def deep(optimizer=None, seed=0, **options):
    layers = [
        *(bp.Dense(4, 5), bp.BatchNorm(5), bp.Tanh(), bp.Dropout(0.2)),
        bp.Residual([bp.Dense(5, 5), bp.BatchNorm(5), bp.Tanh()]),
        bp.Dense(5, 1),
    ]
    optimizer = bp.Momentum(0.05, weight_decay=0.01) if optimizer is None else optimizer
    return bp.Network(layers, bp.MeanSquaredError(), optimizer, seed=seed, **options)


def kept(network):
    """All that is kept of frozen parts, the optimizer's numbers of their parameters included."""
    frozen = network.frozen
    names = [f"{place}.{name}" for place, part in frozen.items() for name in part.declared]
    arrays = {name: network.named_arrays()[name] for name in names}
    for place, part in frozen.items():
        arrays |= {f"{place}.{name}": getattr(part, name) for name in part.state_names}
    marks = np.zeros(network.parameters.size, bool)
    where = bp.parameters.carve(marks, bp.parameters.shapes_of(parts_of(network.layers))[0])
    for name in names:
        where[name][...] = True
    for name in network.optimizer.state_names:
        arrays[f"optimizer.{name}"] = getattr(network.optimizer, name)[marks]
    return {name: array.copy() for name, array in arrays.items()}, marks


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name in one:
        assert one[name].tobytes() == other[name].tobytes(), name


WAYS = {
    "fit": lambda network, x, y: network.fit(x, y, 3, batch_size=2),
    "train_step": lambda network, x, y: [network.train_step(x, y) for _ in range(3)],
    "together": lambda network, x, y: bp.fit_together([network, copy.deepcopy(network)], x, y, 3),
    "workers": lambda network, x, y: network.fit(x, y, 3, all_reduce=lambda array: None),
}


@pytest.mark.parametrize("way", WAYS)
@given(networks(), st.sampled_from(optimizer_classes), st.data())
@settings(max_examples=25)
def test_what_is_frozen_stays_to_the_bit_and_the_rest_moves(way, case, optimizer, data):
    network, x, y = case
    options = {"weight_decay": 0.1, "clip_norm": 1.0}
    network.optimizer = optimizer(learning_rate=0.01, **options)
    network.train_step(x, y)  # so that velocities are at hand
    parts = list(parts_of(network.layers).values())
    for part in data.draw(st.lists(st.sampled_from(parts), max_size=3)):
        part.trainable = False
    before, marks = kept(network)
    parameters = network.parameters.copy()
    WAYS[way](network, x, y)
    assert_same(kept(network)[0], before)
    assert not network.gradients[marks].any()
    assert not network.decaying[marks].any()
    moved = network.parameters != parameters
    assert not moved[marks].any()
    _, gradient = network.loss_and_gradient(x, y)
    assert not gradient[marks].any()
    if len(x) > 2 and way == "fit" and gradient[~marks].any():
        assert moved.any()


class Fixed(bp.Layer):
    """What a trained layer does in inference, with no parameters of its own."""

    def __init__(self, layer):
        self.function = copy.deepcopy(layer).forward
        self.slope = self.function.__self__.backward

    def forward(self, x):
        return self.function(x)

    def backward(self, grad_output, cache):
        return self.slope(grad_output, cache)


@pytest.mark.parametrize("frozen", [(0, 2), (2,), (3, 4), (4,), (0,)], ids=str)
@pytest.mark.parametrize("optimizer", optimizer_classes)
def test_the_others_move_as_if_that_part_were_a_fixed_function(optimizer, frozen):
    layers = [  # no bias before a norm, whose gradient would be rounding alone
        *(bp.Dense(4, 5), bp.Tanh(), bp.BatchNorm(5), bp.Dropout(0.2)),
        *(bp.Residual([bp.Dense(5, 5), bp.Tanh(), bp.BatchNorm(5)]), bp.Dense(5, 1)),
    ]
    network = bp.Network(layers, bp.MeanSquaredError(), bp.Momentum(0.05), seed=0)
    network.fit(X, Y, 3)  # so that statistics are there
    network.optimizer = optimizer(0.02, weight_decay=0.1, clip_norm=0.5, clip_value=0.2)
    layers = []
    for i, layer in enumerate(network.layers):
        layers.append(Fixed(layer) if i in frozen else copy.deepcopy(layer))
        layer.trainable = i not in frozen
    other = bp.Network(layers, bp.MeanSquaredError(), network.optimizer, seed=network.seed)
    other.record.views["steps"][()] = network.step_count
    other.record.views["epochs"][()] = network.epoch_count
    for each in (network, other):
        each.fit(X, Y, 4, batch_size=8)
    for i, (one, two) in enumerate(zip(network.layers, other.layers, strict=True)):
        for name, array in one.named_parameters().items() if i not in frozen else ():
            np.testing.assert_allclose(array, two.named_parameters()[name], rtol=1e-9)
    np.testing.assert_allclose(network.predict(X), other.predict(X), rtol=1e-9)
    ours, theirs = (each.history["gradient_norm"][-4:] for each in (network, other))
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop"])
def test_it_is_what_pytorch_does_without_requires_grad(name):
    torch = pytest.importorskip("torch")
    widths, rng = (3, 6, 5, 2), RNG(1)
    x, y = rng.normal(size=(20, 3)), rng.normal(size=(20, 2))
    layers = [bp.Dense(*pair) for pair in itertools.pairwise(widths)]
    stack = [layers[0], bp.Tanh(), layers[1], bp.Tanh(), layers[2]]
    optimizer = {
        "SGD": bp.Momentum(0.1, momentum=0.9, weight_decay=0.0),
        "Adam": bp.Adam(0.01),
        "AdamW": bp.AdamW(0.01, weight_decay=0.0),
        "RMSprop": bp.RMSProp(0.01, beta2=0.99),
    }[name]
    network = bp.Network(stack, bp.MeanSquaredError(), optimizer, seed=0)
    twins = [torch.nn.Linear(*pair).double() for pair in itertools.pairwise(widths)]
    for layer, twin in zip(layers, twins, strict=True):
        twin.weight.data = torch.tensor(layer.weight.T.copy())
        twin.bias.data = torch.tensor(layer.bias.copy())
    theirs = torch.nn.Sequential(twins[0], torch.nn.Tanh(), twins[1], torch.nn.Tanh(), twins[2])
    options = {
        "SGD": {"lr": 0.1, "momentum": 0.9},
        "Adam": {"lr": 0.01, "eps": 1e-8},
        "AdamW": {"lr": 0.01, "eps": 1e-8, "weight_decay": 0.0},
        "RMSprop": {"lr": 0.01, "eps": 1e-8},
    }[name]
    stepper = getattr(torch.optim, name)(theirs.parameters(), **options)
    for stage in (False, True, False):
        layers[1].trainable = not stage
        for parameter in twins[1].parameters():
            parameter.requires_grad = not stage
        for _ in range(5):
            network.train_step(x, y)
            stepper.zero_grad()  # None, so that it leaves out what is frozen
            loss = torch.nn.functional.mse_loss(theirs(torch.tensor(x)), torch.tensor(y))
            loss.backward()
            stepper.step()
        if stage is False and name not in ("SGD", "RMSprop"):
            break  # where it counts the steps of each parameter apart
    for layer, twin in zip(layers, twins, strict=True):
        np.testing.assert_allclose(layer.weight, twin.weight.detach().numpy().T, rtol=1e-9)
        np.testing.assert_allclose(layer.bias, twin.bias.detach().numpy(), rtol=1e-9, atol=1e-12)


def test_it_acts_as_in_inference_and_what_is_thawed_moves_again():
    network = deep().fit(X, Y, 3)
    for layer in network.layers:
        layer.trainable = False
    before = network.record.model.copy()
    outputs, _ = network.forward_training(X)
    assert np.array_equal(outputs, network.forward(X))
    network.fit(X, Y, 2)
    assert np.array_equal(network.record.model, before)
    assert network.history["gradient_norm"][-1] == 0
    for layer in network.layers:
        layer.trainable = True
    network.fit(X, Y, 1)
    assert (network.record.model != before).mean() > 0.9


def test_only_what_is_within_may_be_frozen():
    network = deep().fit(X, Y, 2)
    block = network.layers[4]
    block.layers[1].trainable = False
    before, _ = kept(network)
    others = block.layers[0].weight.copy()
    network.fit(X, Y, 2)
    assert_same(kept(network)[0], before)
    assert {*network.frozen} == {"layers[4].layers[1]"}
    assert (block.layers[0].weight != others).all()


def test_no_gradient_goes_back_further_than_it_must():
    class Witness(bp.Dense):
        def backward(self, grad_output, cache):
            raise AssertionError

        backward_parameters = backward

    network = bp.Network([Witness(4, 3), bp.Tanh(), bp.Dense(3, 1)], bp.MeanSquaredError(), seed=0)
    network.layers[0].trainable = False
    network.fit(X, Y, 1)
    assert network.first_trained == 2


def test_it_takes_effect_within_a_fit_and_each_step():
    network = deep()
    seen = []

    def freeze(network):
        seen.append(network.layers[0].weight.copy())
        if len(seen) == 2:
            network.layers[0].trainable = False
        if len(seen) == 4:
            network.layers[0].trainable = True

    network.fit(X, Y, 5, callbacks=freeze)
    equal = [np.array_equal(a, b) for a, b in itertools.pairwise(seen)]
    assert equal == [False, True, True, False]
    network.layers[0].trainable = False
    before = network.layers[0].weight.copy()
    network.train_step(X, Y)
    assert np.array_equal(network.layers[0].weight, before)


def frozen_at(*places, **options):
    network = deep(**options).fit(X, Y, 2)
    for place in places:
        network.layers[place].trainable = False
    return network


def test_members_with_other_layers_frozen_end_as_alone():
    places = [(), (0,), (0,), (4, 5), (), (1, 3)]
    alone = [frozen_at(*each, seed=i) for i, each in enumerate(places)]
    together = copy.deepcopy(alone)
    for network in alone:
        network.fit(X, Y, 4, batch_size=8)
    bp.fit_together(together, X, Y, 4, batch_size=8)
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_allclose(one.record.model, other.record.model, rtol=1e-12)
        assert [*one.frozen] == [*other.frozen]
        assert_same(kept(one)[0], kept(other)[0])


def test_a_member_that_a_callback_freezes_ends_as_alone():
    def freeze(network):
        if network.epoch_count == 4:
            network.layers[0].trainable = False

    alone, together = ([deep(seed=i).fit(X, Y, 2) for i in range(3)] for _ in range(2))
    for i, network in enumerate(alone):
        network.fit(X, Y, 5, callbacks=freeze if i == 1 else ())
    bp.fit_together(together, X, Y, 5, callbacks=[[], [freeze], []])
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_allclose(one.record.model, other.record.model, rtol=1e-12)


def test_workers_with_other_layers_frozen_are_refused():
    def fit(place):
        network = deep(seed=0)
        network.layers[place].trainable = False
        return lambda all_reduce: network.fit(X, Y, 1, all_reduce=all_reduce)

    for error in sums.together([fit(0), fit(1)]):
        assert isinstance(error, bp.ParameterError)
        assert "frozen=['layers[0]']" in str(error)


@pytest.mark.parametrize("keep", ["file", "pickle", "deepcopy", "cast"])
def test_it_survives(keep, tmp_path):
    network = frozen_at(0, 1)
    network.layers[4].layers[1].trainable = False
    places = ["layers[0]", "layers[1]", "layers[4].layers[1]"]
    if keep == "file":
        network.save(tmp_path / "a.npz")
        again = bp.Network.load(tmp_path / "a.npz")
    elif keep == "cast":
        again = network.cast("float64")
    else:
        again = pickle.loads(pickle.dumps(network)) if keep == "pickle" else copy.deepcopy(network)
    assert [*again.frozen] == [*network.frozen] == places
    before, _ = kept(network)
    for each in (again, network):
        each.fit(X, Y, 2)
        assert_same(kept(each)[0], before)
    assert np.array_equal(again.record.model, network.record.model)
    again.layers[0].trainable = True
    again.fit(X, Y, 1)
    assert not np.array_equal(again.layers[0].weight, network.layers[0].weight)


class Begun(bp.Dense):
    """A layer that is frozen from the start."""

    def __init__(self, in_features, out_features):
        self.trainable = False
        super().__init__(in_features, out_features)


def test_a_file_knows_what_was_thawed(tmp_path):
    network = bp.Network([Begun(4, 1)], bp.MeanSquaredError(), seed=0)
    for frozen in (True, False):
        network.layers[0].trainable = not frozen
        network.save(tmp_path / "a.npz")
        again = bp.Network.load(tmp_path / "a.npz", custom={"Begun": Begun})
        assert bool(again.frozen) is frozen


@pytest.mark.parametrize("places", [["layers[9]"], [0], "layers[0]", [["layers[0]"]], 3])
def test_a_file_that_freezes_what_is_not_there_is_refused(places, monkeypatch):
    from backproplite.files import networks as files
    from backproplite.files.archive import to_bytes

    arrays, data = files.contents(frozen_at(0))
    content = to_bytes(arrays, data | {"frozen": places})
    with pytest.raises(bp.ModelFileError):
        files.network_from_bytes(bp.Network, content)


def test_checks_look_at_frozen_layers_too():
    network = frozen_at(0, 1, 3)
    report = bp.check_gradients(network, X[:6], Y[:6])
    assert "layers[0].weight" in {tensor.name for tensor in report.tensors}
    assert [*network.frozen] == ["layers[0]", "layers[1]", "layers[3]"]
    layer = bp.BatchNorm(4)
    layer.trainable = False
    bp.check_gradients(layer, X[:6])
    assert not layer.trainable


def test_a_minimizer_does_not_move_what_is_frozen():
    optimize = pytest.importorskip("scipy.optimize")
    network = frozen_at(0, 1, 3)
    before = network.layers[0].weight.copy()

    def loss(parameters):
        network.parameters[...] = parameters
        return network.loss_and_gradient(X, Y)

    start = network.loss_and_gradient(X, Y)[0]
    found = optimize.minimize(loss, network.parameters.copy(), jac=True, method="L-BFGS-B")
    assert found.fun < start
    assert np.array_equal(network.layers[0].weight, before)


def test_statistics_of_frozen_layers_are_not_set_anew():
    network = frozen_at(1)
    before = network.layers[1].running_mean.copy()
    inner = network.layers[4].layers[1].running_mean.copy()
    network.update_statistics(X + 3)
    assert np.array_equal(network.layers[1].running_mean, before)
    assert not np.array_equal(network.layers[4].layers[1].running_mean, inner)


def test_a_fresh_network_keeps_what_is_frozen():
    network = frozen_at(0, 1)
    new = network.fresh(seed=5)
    assert [*new.frozen] == [*network.frozen]
    for name in ("weight", "bias"):
        assert np.array_equal(getattr(new.layers[0], name), getattr(network.layers[0], name))
    assert np.array_equal(new.layers[1].running_mean, network.layers[1].running_mean)
    assert not np.array_equal(new.layers[5].weight, network.layers[5].weight)


def test_a_summary_marks_them():
    network = frozen_at(0, 1)
    network.layers[4].layers[1].trainable = False
    lines = network.summary().splitlines()
    assert lines[1].startswith("0  Dense(4, 5), frozen ")
    assert lines[2].startswith("1  BatchNorm(5), frozen ")
    assert ", partly frozen " in lines[5]
    assert lines[-2].split() == ["total", str(network.parameters.size)]
    assert lines[-1].split() == ["trained", "36"]
    assert "trained" not in deep().summary()


def test_a_trace_shows_them_frozen():
    network = frozen_at(0, 1)
    before = network.record.model.copy()
    step = bp.trace(network, X[:4], Y[:4])
    assert step["layers[0].forward"].title == "Forward through layers[0] Dense(4, 5), frozen"
    assert step["layers[1].forward"].formula == (
        "normalized = (z₁ - running_mean) / √(running_variance + epsilon)\n"
        "h₁ = scale₁ · normalized + bias₁′"
    )
    changed = {name.partition(".")[0] for name in step["update"].arrays}
    assert changed == {"layers[4]", "layers[5]"}
    assert np.array_equal(network.record.model, before)
    twin = copy.deepcopy(network)
    twin.train_step(X[:4], Y[:4])
    change = step["update"].arrays["layers[5].weight"]
    assert np.array_equal(change, twin.layers[5].weight)


def test_a_trace_of_a_frozen_layer_in_the_middle_shows_the_way_through():
    network = frozen_at(4, 1)
    network.layers[4].layers[1].trainable = False
    step = bp.trace(network, X[:4], Y[:4])
    names = [stage.name for stage in step]
    assert "layers[4].backward" in names
    assert not {"grad_layers[0].weight"} & step["layers[4].backward"].arrays.keys()
    formula = step["layers[1].backward"].formula
    assert formula == "∂loss/∂z₁ = ∂loss/∂h₁ · scale₁ / √(running_variance + epsilon)"


def test_a_diagnosis_calls_no_frozen_layer_sick():
    dead = [bp.Dense(4, 8, bias_initializer=bp.Constant(-100.0)), bp.ReLU(), bp.BatchNorm(8)]
    network = bp.Network([*dead, bp.Dense(8, 1)], bp.MeanSquaredError(), seed=0)
    names = {finding.name for finding in bp.diagnose(network, X, Y).findings}
    assert names == {"dead units"}
    network.layers[0].trainable = False
    diagnosis = bp.diagnose(network, X, Y)
    assert "dead units" not in {finding.name for finding in diagnosis.findings}
    assert diagnosis.layers[0].parameter_gradient_size is None
    assert diagnosis.layers[0].update_ratio is None

    sigmoids = [part for _ in range(8) for part in (bp.Dense(4, 4), bp.Sigmoid())]
    fading = bp.Network([*sigmoids, bp.Dense(4, 1)], bp.MeanSquaredError(), bp.Adam(), seed=0)
    assert {f.name for f in bp.diagnose(fading, X, Y).findings} == {"vanishing gradients"}
    for layer in fading.layers[:14]:
        layer.trainable = False
    assert "vanishing gradients" not in {f.name for f in bp.diagnose(fading, X, Y).findings}


def test_a_watch_sees_what_is_frozen_on_the_way():
    network = deep()

    def freeze(network):
        network.layers[3].trainable = network.layers[1].trainable = False

    watch = bp.Watch(X, Y)
    network.fit(X, Y, 3, callbacks=[freeze, watch])
    assert watch.diagnosis is None


def test_what_is_neither_true_nor_false_is_refused():
    network = deep()
    for wrong in ("no", 0, None):
        with pytest.raises(bp.ParameterError, match="trainable must be True or False"):
            network.layers[0].trainable = wrong
    assert network.layers[0].trainable is True
    with pytest.raises(bp.UnknownNameError, match="trainable"):
        network.layers[0].trainble = False


class Block(bp.Layer):
    """A block of a user's own, which trains what is within by itself."""

    def __init__(self, features):
        self.features = features
        self.norm, self.dense = bp.BatchNorm(features), bp.Dense(features, features)

    def forward(self, x):
        hidden, first = self.norm.forward(x)
        output, second = self.dense.forward(hidden)
        return output, (first, second)

    def forward_training(self, x, rng):
        hidden, first = self.norm.forward_training(x, rng)
        output, second = self.dense.forward(hidden)
        return output, (first, second)

    def backward(self, grad_output, cache):
        return self.norm.backward(self.dense.backward(grad_output, cache[1]), cache[0])

    def after_step(self, cache):
        self.norm.after_step(cache[0])


@pytest.mark.parametrize("what", ["block", "norm", "dense"])
def test_blocks_of_ones_own_stay_too(what):
    network = bp.Network([Block(4), bp.Dense(4, 1)], bp.MeanSquaredError(), seed=0).fit(X, Y, 2)
    block = network.layers[0]
    (block if what == "block" else getattr(block, what)).trainable = False
    before, _ = kept(network)
    network.fit(X, Y, 3)
    assert before
    assert_same(kept(network)[0], before)


@given(seeds)
@settings(max_examples=10)
def test_going_on_from_a_cut_is_as_without_one_where_layers_are_frozen(seed):
    one, other = (frozen_at(0, 4, seed=seed) for _ in range(2))
    one.fit(X, Y, 4, batch_size=8)
    for _ in range(4):
        other = pickle.loads(pickle.dumps(other)).fit(X, Y, 1, batch_size=8)
    assert np.array_equal(one.record.model, other.record.model)
