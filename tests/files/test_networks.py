"""Saved networks: they come back to the bit, and go on as if they had never been away."""

import copy
import inspect
import math
import os
import pathlib
import pickle
import threading

import numpy as np
import pytest
from files.common import (
    CUSTOM,
    RNG,
    VALIDATION,
    CutOff,
    Swish,
    X,
    Y,
    bits,
    customized,
    cut_off,
    decaying,
    reloaded,
    saved,
    stateful,
    zeros,
)
from hypothesis import given
from hypothesis import strategies as st
from strategies import networks, optimizer_classes

import backproplite as bp
from backproplite.configurable import Configurable
from backproplite.files.networks import network_from_bytes
from backproplite.files.objects import CLASSES

# Round trips


def test_the_names_of_columns_come_back():
    network = stateful()
    plain = saved(network)
    network.feature_names = ("age", "größe", "\ud800")
    assert reloaded(network).feature_names == network.feature_names
    assert saved(reloaded(network)) == saved(network)
    network.feature_names = None
    assert saved(network) == plain


@given(networks(), st.sampled_from(["float64", "float32"]), st.integers(0, 3))
def test_a_network_comes_back_to_the_bit_and_goes_on_as_it_would_have(given_network, dtype, steps):
    network, inputs, targets = given_network
    network = bp.Network(
        [copy.deepcopy(layer) for layer in network.layers],
        copy.deepcopy(network.loss),
        copy.deepcopy(network.optimizer),
        seed=network.seed,
        dtype=dtype,
    )
    for _ in range(steps):
        network.train_step(inputs, targets)
    again = reloaded(network)
    assert repr(again) == repr(network)
    assert bits(again) == bits(network)
    assert again.predict(inputs).tobytes() == network.predict(inputs).tobytes()
    assert saved(again) == saved(network)
    for each in (network, again):
        each.fit(inputs, targets, 2, batch_size=2)
        each.train_step(inputs, targets)
    assert bits(again) == bits(network)


@pytest.mark.parametrize("batch_size", [None, 3])
@pytest.mark.parametrize("optimizer", optimizer_classes)
def test_going_on_after_loading_is_as_never_having_stopped(tmp_path, optimizer, batch_size):
    settings = {"batch_size": batch_size, "validation_data": VALIDATION}
    whole = stateful(optimizer=optimizer(bp.ExponentialSchedule(0.05, 0.9), clip_norm=1.0))
    parts = copy.deepcopy(whole)
    whole.fit(X, Y, 6, **settings)
    for _ in range(3):
        parts.fit(X, Y, 2, **settings).save(tmp_path / "model.npz")
        parts = bp.Network.load(tmp_path / "model.npz")
    assert bits(parts) == bits(whole)
    assert parts.epoch_count == 6
    assert {type(value) for values in parts.history.values() for value in values} == {float}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_save_between_two_steps_of_an_epoch_is_no_break_either(dtype):
    whole, parts = stateful(dtype=dtype), stateful(dtype=dtype)
    for start in range(0, 10, 2):
        batch = X[start : start + 2], Y[start : start + 2]
        parts = reloaded(parts)
        assert parts.train_step(*batch) == whole.train_step(*batch)
        assert bits(parts) == bits(whole)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_not_even_a_bit_of_nan_is_lost(dtype):
    network = stateful(dtype=dtype).fit(X, Y, 2)
    unsigned = network.parameters.view(f"u{network.dtype.itemsize}")
    unsigned[...] = RNG(0).integers(0, np.iinfo(unsigned.dtype).max, unsigned.size, unsigned.dtype)
    exponent = np.array(np.inf, network.dtype).view(unsigned.dtype)
    unsigned[:4] = exponent + np.array(
        [1, 7, 2**20, 0], unsigned.dtype
    )  # signalling ones, infinity
    unsigned[4:8] = [
        0,
        1,
        2**20,
        unsigned.dtype.type(1) << unsigned.dtype.type(63 % (8 * network.dtype.itemsize)),
    ]
    network.layers[1].running_mean.view(unsigned.dtype)[...] = exponent + unsigned.dtype.type(5)
    network.optimizer.mean[...] = network.parameters
    network.history["val_loss"] = np.array([1, 2]).view(np.float64).tolist()
    assert bits(reloaded(network)) == bits(network)


def everything():
    """An object of each class that a file may name, with settings unlike the usual ones."""
    schedule = bp.StepSchedule(0.5, 7, factor=0.25)
    options = {"clip_norm": 2.0, "clip_value": 0.5, "weight_decay": 0.125}
    given_settings = {
        "Dense": (3, 4, bp.Normal(0.5, 0.25), bp.Uniform(-0.5, 2.0)),
        "Dropout": (0.25,),
        "Residual": ([bp.Dense(4, 2), bp.BatchNorm(2), bp.Dense(2, 4)],),
        "BatchNorm": (4, 0.5, 1e-3),
        "LayerNorm": (4, 1e-3),
        "Standardize": ([0.1, 1e9, -3.0, 0.0], [0.2, 1.5, 4.0, 1.0]),
        "StandardizedTargets": (bp.Huber(3.0), [0.1, 200_000.0], [0.2, 50_000.0]),
        "LeakyReLU": (0.25,),
        "ELU": (2.0,),
        "Huber": (3.0,),
        "Constant": (0.75,),
        "Normal": (0.5, 2.0),
        "Uniform": (-2.0, 3.0),
        "He": ("uniform",),
        "Glorot": ("uniform",),
        "LeCun": ("uniform",),
        "ConstantSchedule": (0.3,),
        "StepSchedule": (0.5, 7, 0.25),
        "ExponentialSchedule": (0.5, 0.25, 3),
        "CosineSchedule": (0.5, 100, 0.125),
        "WarmUpSchedule": (5, bp.WarmUpSchedule(3, schedule)),
    }
    for name, cls in CLASSES.items():
        if issubclass(cls, bp.Optimizer):
            yield cls(schedule, **options)
        else:
            yield cls(*given_settings.get(name, ()))
    yield bp.Momentum(0.5, 0.75, True)
    yield bp.Adam(0.5, 0.75, 0.875, 1e-3, **options)


@pytest.mark.parametrize("thing", [*everything()], ids=repr)
def test_every_class_comes_back_with_its_settings(thing):
    parts = {"layers": [bp.Dense(3, 4), bp.Dense(4, 2)], "loss": bp.MeanSquaredError()}
    if isinstance(thing, bp.Dense):
        parts["layers"][0] = thing
    elif isinstance(thing, bp.Layer):
        parts["layers"].insert(1, thing)
    elif isinstance(thing, bp.Loss):
        parts["loss"] = thing
        if thing.wants_probabilities:
            parts["layers"].append(thing.suits())
    elif isinstance(thing, bp.Schedule):
        parts["optimizer"] = bp.Momentum(thing)
    elif isinstance(thing, bp.Optimizer):
        parts["optimizer"] = thing
    else:
        parts["layers"][0] = bp.Dense(3, 4, thing)
    network = bp.Network(**copy.deepcopy(parts))
    assert repr(thing) in repr(network)
    assert repr(reloaded(network)) == repr(network)


def test_the_table_has_every_class_that_a_network_is_made_of():
    public = {
        name: thing
        for name, thing in ((name, getattr(bp, name)) for name in bp.__all__)
        if inspect.isclass(thing)
        and issubclass(thing, Configurable)
        and not issubclass(thing, bp.Callback)
    }
    bases = {"Layer", "Activation", "Loss", "Optimizer", "Schedule"}
    assert {name: public[name] for name in public.keys() - bases} == CLASSES


def test_numpy_finds_everything_under_its_name(tmp_path):
    network = cut_off()
    network.save(tmp_path / "a model")
    with np.load(tmp_path / "a model", allow_pickle=False) as opened:
        for name in opened.files[1:]:
            found = opened[name]
            if name.startswith("history."):
                expected = np.array(network.history[name.removeprefix("history.")])
            elif name in network.record.views:
                expected = network.record.views[name]
            else:
                expected = eval(name, {"layers": network.layers})
            assert found.tobytes() == expected.tobytes()
        assert {"layers[3].layers[0].weight", "layers[1].running_mean", "steps"} < {*opened.files}


def test_a_loaded_network_is_like_any_other(tmp_path):
    network = stateful().fit(X, Y, 2)
    network.save(tmp_path / "model.npz")
    again = bp.Network.load(tmp_path / "model.npz")
    assert not again.gradients.any()
    assert np.shares_memory(again.layers[0].weight, again.parameters)
    assert np.shares_memory(again.layers[0].grad_weight, again.gradients)
    assert not np.shares_memory(again.parameters, again.gradients)
    for twin in (copy.deepcopy(again), pickle.loads(pickle.dumps(again)), reloaded(again)):
        assert bits(twin) == bits(network)
        twin.fit(X, Y, 1, batch_size=4)
    assert bits(twin) == bits(again.fit(X, Y, 1, batch_size=4))
    assert bits(again) == bits(network.fit(X, Y, 1, batch_size=4))


def test_saving_changes_nothing_in_the_network():
    network, twin = stateful().fit(X, Y, 2), stateful().fit(X, Y, 2)
    gradients = network.gradients.copy()
    saved(network)
    assert np.array_equal(network.gradients, gradients)
    assert bits(network.fit(X, Y, 2)) == bits(twin.fit(X, Y, 2))


def test_the_layers_of_a_loaded_network_keep_their_numbers_elsewhere():
    layer = copy.deepcopy(reloaded(stateful().fit(X, Y, 1)).layers[0])
    weight = layer.weight.copy()
    bp.Network([layer], loss=bp.MeanSquaredError(), seed=9)
    assert np.array_equal(layer.weight, weight)


def test_nothing_is_drawn_by_loading(monkeypatch):
    network = customized().fit(X, Y, 1)
    content = saved(network)
    monkeypatch.setattr(bp.Glorot, "__call__", None)
    monkeypatch.setattr("backproplite.parameters.Declared.draw", None)

    class Undrawn(Swish):
        def __init__(self, features, **settings):
            self.features, self.in_features, self.out_features = features, features, features
            vars(self).update(settings)
            self.add_parameter("beta", (features,), bp.Constant(1.0))
            self.seen = np.zeros(features)

    assert bits(network_from_bytes(bp.Network, content, CUSTOM | {"Swish": Undrawn})) == bits(
        network
    )


def test_a_save_in_the_midst_of_training_in_another_thread_is_whole(tmp_path):
    network, path = stateful(), tmp_path / "model.npz"
    trainer = threading.Thread(target=lambda: network.fit(X, Y, 300, batch_size=2))
    trainer.start()
    while trainer.is_alive():
        network.save(path)
        bp.Network.load(path)


def test_a_save_waits_for_the_epoch_that_another_thread_is_writing(tmp_path, monkeypatch):
    network = bp.Network([bp.Dense(3, 1)], bp.MeanSquaredError(), seed=0).fit(X, Y, 3)
    rate = network.history["learning_rate"].pop()
    moments = iter([lambda: None, lambda: network.history["learning_rate"].append(rate)])
    monkeypatch.setattr("time.sleep", lambda pause: next(moments)())
    network.save(tmp_path / "model.npz")
    again = bp.Network.load(tmp_path / "model.npz")
    assert repr(again.history) == repr(network.history)  # NaN are not equal


# One's own classes and functions

SETTINGS = {
    "arrays": {"mask": np.array([[True, False]]), "start": np.array([1, 2], np.int16)},
    "arrays within": {
        "mask": (np.ones(2), [np.ones(1)]),
        "gate": {"a": np.zeros(1), "b": (np.full(2, 5.0),)},
        "words": ({"a": np.full(1, 6.0)}, {"a": np.full(1, 7.0)}),
    },
    "numbers of NumPy": {"start": np.float32(0.1), "mask": np.bool_(True), "gate": np.int64(3)},
    "numbers of Python": {"start": 2**100, "mask": True, "gate": -0.0},
    "no finite numbers": {"start": math.inf, "mask": -math.inf, "gate": math.nan},
    "NaN of NumPy": {"start": np.float64(np.nan)},
    "lists": {"mask": [1, [2.5, None], ()], "gate": {"b": 1, "a": (2, {"c": "text"})}},
    "text": {"words": "é \n \0 \ud800"},
    "activations": {"gate": bp.LeakyReLU(0.5)},
    "classes": {"gate": bp.Tanh, "mask": decaying},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_of_all_kinds_come_back_as_they_are(name):
    network = customized(**SETTINGS[name]).fit(X, Y, 3, batch_size=4)
    again = reloaded(network, CUSTOM)
    assert bits(again) == bits(network)
    one, other = network.layers[1].settings(), again.layers[1].settings()
    assert repr(one) == repr(other)
    assert [type(value) for value in one.values()] == [type(value) for value in other.values()]
    assert bits(again.fit(X, Y, 2, batch_size=4)) == bits(network.fit(X, Y, 2, batch_size=4))


def test_arrays_in_settings_belong_to_the_layer():
    mask = reloaded(customized(mask=np.ones(2)), CUSTOM).layers[1].mask
    mask[...] = 0
    assert mask.flags.aligned


def test_what_a_file_needs_is_said_all_at_once():
    content = saved(customized())
    wanted = "{'zeros': zeros, 'Swish': Swish, 'Block': Block, 'decaying': decaying}"
    with pytest.raises(bp.ModelFileError) as caught:
        network_from_bytes(bp.Network, content)
    assert f"pass custom={wanted}" in str(caught.value)
    with pytest.raises(bp.ModelFileError, match=r"pass custom=\{'Swish': Swish\}"):
        network_from_bytes(
            bp.Network, content, {name: CUSTOM[name] for name in CUSTOM if name != "Swish"}
        )


@pytest.mark.parametrize(
    ("custom", "message"),
    [
        ([Swish], "custom must be a dict such as"),
        ({"Swish": 3}, "custom must be a dict such as"),
        ({"Dense": Swish}, "must not redefine Dense"),
    ],
)
def test_custom_must_make_sense(custom, message):
    with pytest.raises(bp.ParameterError, match=message):
        network_from_bytes(bp.Network, saved(stateful()), custom)


def test_a_custom_class_that_has_changed_is_noticed():
    class Changed(Swish):
        def __init__(self, features, **settings):
            super().__init__(features)
            self.add_parameter("gamma", (1,), zeros)

    for changed in (Changed, bp.Layer, bp.Momentum, decaying, int):
        with pytest.raises(bp.ModelFileError):
            network_from_bytes(bp.Network, saved(customized()), {**CUSTOM, "Swish": changed})


def test_a_network_of_ones_own_class():
    class Own(bp.Network):
        pass

    class Fixed(bp.Network):
        def __init__(self):
            super().__init__([bp.Dense(3, 1)], loss=bp.MeanSquaredError())

    again = reloaded(Own([bp.Dense(3, 1)], loss=bp.MeanSquaredError()))
    assert type(again) is Own
    content = saved(Fixed())
    assert network_from_bytes(bp.Network, content).in_features == 3
    with pytest.raises(bp.ModelFileError, match="Fixed has no argument 'seed'"):
        network_from_bytes(Fixed, content)


# Paths and disks


def test_the_path_is_taken_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in ("model", "model.npz", pathlib.Path("a.b.c")):
        stateful().save(path)
        assert isinstance(bp.Network.load(path), bp.Network)
    assert sorted(os.listdir()) == ["a.b.c", "model", "model.npz"]


def test_bad_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in (3, None, b"model.npz"):
        with pytest.raises(bp.InputError, match="path must be the name of a file"):
            stateful().save(path)
        with pytest.raises(bp.InputError, match="path must be the name of a file"):
            bp.Network.load(path)
    for path in (tmp_path, os.devnull):
        with pytest.raises(bp.InputError, match="path must name a file"):
            bp.Network.load(path)
    with pytest.raises(bp.InputError, match="the folder 'missing' does not exist"):
        stateful().save("missing/model.npz")
    with pytest.raises(FileNotFoundError, match=r"model\.npz"):
        bp.Network.load("model.npz")


def test_the_error_names_the_file(tmp_path):
    path = tmp_path / "model.npz"
    path.write_bytes(saved(stateful())[:-1])
    with pytest.raises(bp.ModelFileError) as caught:
        bp.Network.load(path)
    assert str(caught.value).startswith(f"{path}: this is no backproplite model, or its end is")


def test_a_file_with_classes_of_ones_own_is_loaded_with_them(tmp_path):
    network = customized().fit(X, Y, 2)
    network.save(tmp_path / "model.npz")
    assert bits(bp.Network.load(tmp_path / "model.npz", CUSTOM)) == bits(network)


@pytest.mark.parametrize("weight", [1e-3, 0.5, 30.0])
def test_an_epoch_with_weights_that_was_cut_off_is_finished(weight):
    whole, cut = stateful(), stateful()
    data = {"batch_size": 4, "sample_weight": np.linspace(weight, 2 * weight, len(X))}
    whole.fit(X, Y, 2, **data)
    with pytest.raises(KeyboardInterrupt):
        cut.fit(X, Y, 2, callbacks=CutOff(1), **data)
    assert bits(reloaded(cut).fit(X, Y, 2, **data)) == bits(whole)


def test_the_path_is_looked_at_first(tmp_path):
    network = stateful(optimizer=bp.Adam(lambda step: 0.1))
    with pytest.raises(bp.InputError, match="does not exist"):
        network.save(tmp_path / "missing" / "model.npz")


def full_disk(*_):
    raise OSError(28, "No space left on device")


def test_a_full_disk_leaves_the_old_file_and_the_network(tmp_path, monkeypatch):
    network = stateful().fit(X, Y, 1)
    network.save(tmp_path / "model.npz")
    before, twin = bits(network), copy.deepcopy(network)
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        network.fit(X, Y, 3, callbacks=bp.Checkpoint(tmp_path / "model.npz"))
    monkeypatch.undo()
    assert os.listdir(tmp_path) == ["model.npz"]
    assert bits(bp.Network.load(tmp_path / "model.npz")) == before
    assert bits(network) == bits(twin.fit(X, Y, 1))
    assert bits(network.fit(X, Y, 2)) == bits(twin.fit(X, Y, 2))
