"""Each network that is trained among others ends as if by its own fit."""

import copy
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from many.common import TOLERANCES, XOR, Diary, Fault, alone, assert_same, crowds, small

import backproplite as bp
from backproplite.many import jobs

RNG = np.random.default_rng
X, y = XOR


def usable(crowd):
    """Whether every network can be trained alone: weights may all be 0, batches hold one."""
    for network, own in zip(crowd.networks, crowd.each, strict=True):
        try:
            alone(copy.deepcopy(network), **copy.deepcopy(own | {"epochs": 0}))
        except bp.BackpropliteError:
            return False
    return True


def memories(callbacks):
    """What callbacks remember, as numbers."""
    numbers = []
    for each in callbacks:
        if isinstance(each, bp.EarlyStopping):
            numbers += [each.best_loss, each.best_epoch, each.to_beat, each.waited]
        elif isinstance(each, Diary):
            numbers += [number for pair in each.steps + each.epochs for number in pair]
    return numbers


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.filterwarnings("ignore::backproplite.TrainingWarning")
def test_each_ends_as_if_by_its_own_fit(dtype):
    @settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
    @given(crowds(dtype=dtype))
    def each_ends_so(crowd):
        assume(usable(crowd))
        pairs, each = crowd.together_and_alone()
        for i, (network, twin) in enumerate(pairs):
            assert_same(network, twin)
            mine, its = crowd.together["callbacks"][i], each[i]["callbacks"]
            tolerance = TOLERANCES[dtype]
            assert memories(mine) == pytest.approx(memories(its), tolerance, tolerance)
        for (network, twin), own in zip(pairs, each, strict=True):  # and goes on alone
            alone(network, **own | {"epochs": 1})
            alone(twin, **own | {"epochs": 1})
            assert_same(network, twin)

    each_ends_so()


def test_they_may_take_different_numbers_of_epochs_and_go_on():
    networks = [small(seed, rate) for seed, rate in enumerate((0.001, 0.5, 0.1, 2.0))]
    twins = copy.deepcopy(networks)
    stops = [[bp.EarlyStopping(patience)] for patience in (1, 2, 3, 4)]
    for _ in range(2):
        bp.fit_together(networks, X, y, 40, batch_size=3, callbacks=stops)
        for i, twin in enumerate(twins):
            twin.fit(X, y, 40, batch_size=3, callbacks=bp.EarlyStopping(i + 1))
            assert_same(networks[i], twin)
    assert len({network.epoch_count for network in networks}) > 1


@pytest.mark.parametrize("shared", ["X", "y"])
def test_some_share_data_and_others_have_their_own(shared):
    networks = [small(seed) for seed in range(3)]
    twins = copy.deepcopy(networks)
    given = {"X": [X] * 3, "y": [y] * 3}
    given[shared] = [given[shared][0], given[shared][0], given[shared][0][::-1]]
    bp.fit_together(networks, **given, epochs=3, callbacks=bp.EarlyStopping(9))
    for network, twin, x, targets in zip(networks, twins, given["X"], given["y"], strict=True):
        assert_same(network, twin.fit(x, targets, 3, callbacks=bp.EarlyStopping(9)))


def test_a_list_comes_back_as_it_was_given():
    runs = bp.variants(small(), seed=range(2))
    assert bp.fit_together(runs, X, y, 1) is runs
    layers = [network.layers[0] for network in runs]
    bp.fit_together(runs, X, y, 3)
    for layer, network in zip(layers, runs, strict=True):
        assert layer is network.layers[0]
        network.parameters[...] = 7
        assert (layer.weight == 7).all()
    for network, twin in zip(runs, copy.deepcopy(runs), strict=True):
        assert_same(network, twin)
    for network, twin in zip(runs, pickle.loads(pickle.dumps(runs)), strict=True):
        assert_same(network, twin)


# What is one for all, and one each.


def test_data_may_be_one_each():
    rng = np.random.default_rng(0)
    inputs, targets = rng.random((3, 5, 2)), rng.random((3, 5, 1))
    pairs = [(inputs[i] + 1, targets[i]) for i in range(3)]
    flat = [target[:, 0] for target in targets]
    weights = [None, [1, 2, 3, 4, 5], np.ones(5)]
    for given_x in (inputs, list(inputs), inputs.tolist(), [pd.DataFrame(x) for x in inputs]):
        for given_y in (targets, tuple(targets), targets.tolist(), flat):
            networks = [small(seed) for seed in range(3)]
            options = {"validation_data": pairs, "sample_weight": weights}
            bp.fit_together(networks, given_x, given_y, 2, 2, **options)
            for i, network in enumerate(networks):
                twin = small(i).fit(
                    *(inputs[i], targets[i], 2, 2),
                    validation_data=pairs[i],
                    sample_weight=weights[i],
                )
                assert_same(network, twin)


def test_nested_lists_of_numbers_are_one_for_all():
    networks = [small(seed) for seed in range(4)]  # as many as there are samples
    lists = X.tolist(), y.tolist()
    bp.fit_together(networks, *lists, 3, 2, validation_data=lists, sample_weight=[1, 2, 3, 4])
    for seed, network in enumerate(networks):
        twin = small(seed).fit(X, y, 3, 2, validation_data=(X, y), sample_weight=[1, 2, 3, 4])
        assert_same(network, twin)


@pytest.mark.parametrize("mask", [False, True])
@pytest.mark.parametrize("weights", [None, np.array([1.0, 0, 2, 3])])
@pytest.mark.parametrize("class_weight", [None, "balanced", {1: 3}])
def test_rows_are_those_of_a_fit_of_their_own(mask, weights, class_weight):
    rows = (
        [[0, 2, 3], [2, 1, 0], [3, 3, 3, 0]]
        if not mask
        else [y[:, 0] < 1, y[:, 0] > -1, X[:, 0] > 0]
    )
    networks = [
        bp.Network([bp.Dense(2, 3), bp.ReLU(), bp.Dense(3, 1)], bp.SigmoidCrossEntropy(), seed=i)
        for i in range(3)
    ]
    twins = copy.deepcopy(networks)
    options = {"class_weight": class_weight}
    together = options | {"sample_weight": weights, "rows": rows}
    bp.fit_together(networks, X, y, 3, 2, **together)
    for network, twin, own in zip(networks, twins, map(np.array, rows), strict=True):
        few = None if weights is None else weights[own]
        assert_same(network, twin.fit(X[own], y[own], 3, 2, sample_weight=few, **options))
    alike = [small(seed) for seed in range(2)]
    bp.fit_together(alike, X, y, 3, rows=[3, 0])
    assert_same(alike[1], small(1).fit(X[[3, 0]], y[[3, 0]], 3))


def test_x_is_copied_for_no_network(monkeypatch):
    seen = []
    monkeypatch.setattr(jobs, "train_stack", lambda members, epochs: seen.extend(members))
    x = np.random.default_rng(0).random((50, 2))
    weights = [np.arange(50.0), np.arange(50.0)[::-1], None]
    for options in (
        {"rows": [range(40), range(10, 50), None]},
        {"sample_weight": weights},
        {"rows": [range(40), range(9), range(9)], "sample_weight": weights},
        {"validation_data": (x, x[:, :1]), "callbacks": bp.EarlyStopping(1)},
    ):
        seen.clear()
        bp.fit_together([small(i) for i in range(3)], x, x[:, :1], 1, **options)
        assert {id(member.fit.data) for member in seen} == {id(seen[0].fit.data)}
        assert np.shares_memory(seen[0].fit.data.x, x)
    mixed = [small(0), small(1).cast("float32"), small(2).cast("float32")]
    seen.clear()
    bp.fit_together(mixed, x, x[:, :1], 1, validation_data=(x, x[:, :1]))
    assert seen[1].fit.data is seen[2].fit.data is not seen[0].fit.data
    assert seen[1].fit.scored is seen[2].fit.scored


def test_columns_are_remembered():
    table = pd.DataFrame(X, columns=["left", "right"])
    networks = [small(seed) for seed in range(2)]
    bp.fit_together(networks, table, y, 2)
    assert [network.feature_names for network in networks] == [("left", "right")] * 2
    twins = copy.deepcopy(networks)
    bp.fit_together(networks, table[["right", "left"]], y, 2)
    for network, twin in zip(networks, twins, strict=True):
        assert_same(network, twin.fit(table, y, 2))


# Callbacks.


def test_a_callback_given_once_is_copied_and_a_function_shared():
    stop, diary, calls = bp.EarlyStopping(2), Diary(), []
    networks = [small(seed, 5.0) for seed in range(3)]
    bp.fit_together(networks, X, y, 30, callbacks=[stop, diary, calls.append])
    assert stop.best_epoch is None
    assert not diary.epochs
    assert len(calls) == sum(network.epoch_count for network in networks)
    assert {*map(id, calls)} == {*map(id, networks)}
    for seed, network in enumerate(networks):
        assert_same(network, small(seed, 5.0).fit(X, y, 30, callbacks=bp.EarlyStopping(2)))


@pytest.mark.parametrize("function", [lambda network: None, [].append])
def test_a_single_callback_is_as_good_as_a_list(function):
    networks = bp.fit_together([small(0), small(1)], X, y, 1, callbacks=function)
    assert [network.epoch_count for network in networks] == [1, 1]


def test_a_callback_may_not_train_them():
    networks = [small(0), small(1)]
    with pytest.raises(bp.ParameterError, match=r"networks\[0\] is being trained already"):
        bp.fit_together(networks, X, y, 2, callbacks=lambda _: bp.fit_together(networks, X, y, 1))


@pytest.mark.parametrize("at", range(1, 9))
@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("no")])
def test_an_error_leaves_each_at_its_last_whole_step_to_go_on_from(at, error):
    networks = [small(seed) for seed in range(3)] + [small(3, hidden=2)]
    twins, whole = copy.deepcopy(networks), copy.deepcopy(networks)
    diaries = [[Diary()], [Fault(error, at)], [], []]
    with pytest.raises(type(error)) as caught:
        bp.fit_together(networks, X, y, 2, batch_size=1, callbacks=diaries)
    assert "This came up in networks[1]." in caught.value.__notes__
    steps = []
    for network, twin, other in zip(networks, twins, whole, strict=True):
        steps.append(network.step_count)
        if network.step_count:
            fault = Fault(KeyboardInterrupt(), network.step_count)
            with pytest.raises(KeyboardInterrupt):
                twin.fit(X, y, 2, batch_size=1, callbacks=fault)
            np.testing.assert_array_equal(network.parameters, twin.parameters)
            assert network.record.batches == twin.record.batches
        network.fit(X, y, 2 - network.epoch_count, batch_size=1)
        np.testing.assert_array_equal(
            network.parameters, other.fit(X, y, 2, batch_size=1).parameters
        )
        assert network.history["loss"] == other.history["loss"]
    assert set(steps[:3]) <= {at, at - 1, at + 1, 0, 8}
    assert at in steps


class Interrupting(bp.Layer):
    """Raises after so many calls."""

    calls = None

    def forward(self, x):
        if self.calls is not None:
            self.calls.append(1)
            if len(self.calls) == 7:
                raise KeyboardInterrupt
        return x, None

    def backward(self, grad_output, cache):
        return grad_output


def test_an_interrupt_within_a_step_undoes_it(monkeypatch):
    def make(seed):
        layers = [bp.Dense(2, 4), Interrupting(), bp.Tanh(), bp.Dense(4, 1)]
        return bp.Network(layers, bp.MeanSquaredError(), seed=seed)

    networks = [make(seed) for seed in range(3)]
    wanted = [make(seed).fit(X, y, 20) for seed in range(3)]
    calls = []
    with pytest.raises(KeyboardInterrupt):
        bp.fit_together(
            networks, X, y, 20,
            callbacks=lambda _: monkeypatch.setattr(Interrupting, "calls", calls),
        )  # fmt: skip
    monkeypatch.setattr(Interrupting, "calls", None)
    assert 0 < sum(network.step_count for network in networks) < 60
    for network, other in zip(networks, wanted, strict=True):
        network.fit(X, y, 20 - network.epoch_count)
        np.testing.assert_array_equal(network.parameters, other.parameters)
        assert network.history["loss"] == other.history["loss"]


@pytest.mark.parametrize("with_rows", [False, True])
def test_a_network_saved_in_the_middle_goes_on_alone(tmp_path, with_rows):
    rows = [[0, 1, 2], [3, 2, 1], [1, 3, 0]] if with_rows else None
    networks = [small(seed, 0.001) for seed in range(3)]
    paths = [tmp_path / f"{seed}.npz" for seed in range(3)]
    callbacks = [
        [bp.Checkpoint(path, every=100, every_steps=7), bp.EarlyStopping(5)] for path in paths
    ]
    together = {"callbacks": callbacks, "validation_data": (X, y), "rows": rows}
    bp.fit_together(networks, X, y, 5, 2, **together)
    for i, (path, network) in enumerate(zip(paths, networks, strict=True)):
        own = rows[i] if rows else slice(None)
        loaded = bp.Network.load(path)
        assert loaded.record.batches
        options = {"validation_data": (X, y), "callbacks": bp.EarlyStopping(5)}
        loaded.fit(X[own], y[own], 5 - loaded.epoch_count, 2, **options)
        assert_same(loaded, network)
    again = [bp.Network.load(path) for path in paths]
    together["callbacks"] = bp.EarlyStopping(5)
    bp.fit_together(again, X, y, 5 - again[0].epoch_count, 2, **together)
    for one, other in zip(again, networks, strict=True):
        assert_same(one, other)


# Divergence.


def exploding(seed=0):
    layers = [bp.Dense(2, 4), bp.Dense(4, 1)]
    return bp.Network(layers, bp.MeanSquaredError(), bp.GradientDescent(50.0), seed=seed)


def calm(seed=0):
    return bp.fresh(exploding(), seed, optimizer=bp.GradientDescent(0.01))


@pytest.mark.filterwarnings("ignore::backproplite.TrainingWarning")
@pytest.mark.parametrize("batch_size", [None, 2])
def test_one_that_diverges_is_put_back_and_hurts_no_other(batch_size):
    networks = [calm(0), exploding(1), calm(2), exploding(3), small(4)]
    twins, calls = copy.deepcopy(networks), []
    bp.fit_together(networks, X, y, 500, batch_size, callbacks=calls.append)
    for i, (network, twin) in enumerate(zip(networks, twins, strict=True)):
        alone(twin, X, y, 500, batch_size)
        assert (network.diverged is not None) == (i in (1, 3))
        assert_same(network, twin)
        assert calls.count(network) == network.epoch_count
    error = networks[1].diverged
    assert isinstance(error, bp.DivergenceError)
    assert error.__traceback__ is None
    assert np.isfinite(networks[1].parameters).all()
    assert str(pickle.loads(pickle.dumps(networks[1])).diverged) == str(error)
    networks[1].fit(X, y, 0)
    assert networks[1].diverged is None


def test_if_all_diverge_it_is_raised():
    networks = [exploding(seed) for seed in range(3)]
    with pytest.raises(bp.DivergenceError) as caught:
        bp.fit_together(networks, X, y, 500)
    assert caught.value.__notes__ == ["All 3 networks have diverged; this is networks[0]."]
    assert all(str(network.diverged) for network in networks)
    assert str(caught.value) == str(networks[0].diverged)
    assert networks[0].diverged.__traceback__ is None


# What is said.


def test_a_warning_comes_once_and_names_the_networks():
    def bounded(seed):
        return bp.Network([bp.Dense(2, 1), bp.Sigmoid()], bp.MeanSquaredError(), seed=seed)

    networks = [small(9), *map(bounded, range(5))]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        bp.fit_together(networks, X, 5 * y, 1)
    (one,) = caught
    assert one.filename == __file__
    named = "networks[1], networks[2], networks[3] and 2 more: Sigmoid() ends the network"
    assert str(one.message).startswith(named)


def test_a_loss_that_has_run_away_is_told_once():
    networks = [small(0), exploding(1), exploding(2)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        bp.fit_together(networks, X, y, 3)
    (one,) = caught
    assert str(one.message).startswith("networks[1], networks[2]: the loss has grown from")


@pytest.mark.parametrize("with_tqdm", [False, True])
def test_progress_is_that_of_all(capsys, monkeypatch, with_tqdm):
    if not with_tqdm:
        monkeypatch.setitem(__import__("sys").modules, "tqdm.auto", None)
    networks = [small(0), small(1, 0.001), exploding(2), exploding(3)]
    stops = [[], [bp.EarlyStopping(1, min_delta=1.0)], [], []]
    bp.fit_together(networks, X, y, 400, callbacks=stops, progress=True)
    captured = capsys.readouterr()
    shown = captured.err.split("\r") if with_tqdm else captured.out.splitlines()
    assert "4 networks, 0.0 MB" in shown[0 if not with_tqdm else -1]
    assert "1600/1600" in shown[-1]
    assert "4 done  2 diverged" in shown[-1]
    assert (
        f"median loss {np.median([n.history['loss'][-1] for n in networks[:2]]):.6f}" in shown[-1]
    )
    assert len(shown) < 200


# An ensemble.


def test_an_ensemble_gives_mean_and_spread():
    networks = [small(seed) for seed in range(5)]
    each = [network.predict(X) for network in networks]
    mean, spread = bp.predict_together(networks, X)
    np.testing.assert_allclose(mean, np.mean(each, axis=0), rtol=1e-14)
    np.testing.assert_allclose(spread, np.std(each, axis=0), rtol=1e-13)
    assert not bp.predict_together(networks[:1], X)[1].any()
    wide = bp.Network([bp.Dense(2, 3)], bp.MeanSquaredError())
    with pytest.raises(
        bp.ShapeError, match=r"networks\[5\]: an ensemble .* 1 as networks\[0\]; got 3"
    ):
        bp.predict_together([*networks, wide], X)
    with pytest.raises(bp.ShapeError, match=r"networks\[0\]: X must have 2 features; got 1"):
        bp.predict_together(networks, X[:, :1])


def nearness(y, p):
    return float(-abs(y - p).max())


@pytest.mark.parametrize("options", [{}, {"batch_size": 7}, {"n_jobs": 2}])
@pytest.mark.parametrize("weights", [None, np.arange(40) + 1.0])
def test_metrics_and_what_is_held_out_are_each_ones_own(options, weights):
    X, y = RNG(0).normal(size=(40, 2)), RNG(1).normal(size=40)
    networks = [small(seed, rate) for seed, rate in enumerate([0.1, 0.01, 0.1])]
    networks[1].fit(X, y, 2, metrics=lambda y, p: 0.5)  # of its own, before
    twins = [copy.deepcopy(network) for network in networks]
    given = {"metrics": ["r_squared", nearness], "validation_split": 0.3, "sample_weight": weights}
    stop = bp.EarlyStopping(4, monitor="val_nearness", mode="max")
    bp.fit_together(networks, X, y, 30, callbacks=[stop], **given, **options)
    epochs = set()
    for network, twin in zip(networks, twins, strict=True):
        batch_size = options.get("batch_size")
        twin.fit(X, y, 30, batch_size, callbacks=copy.deepcopy(stop), **given)
        assert_same(network, twin)
        assert {len(values) for values in network.history.values()} == {network.epoch_count}
        epochs.add(network.epoch_count)
    assert len(epochs) > 1  # or they have not left one by one


def test_rows_of_ones_own_are_split_and_measured():
    X, y = RNG(0).normal(size=(40, 2)), RNG(1).integers(2, size=40)
    rows = [np.arange(30), np.arange(10, 40), np.arange(30)]
    networks = [
        bp.Network([bp.Dense(2, 4), bp.Tanh(), bp.Dense(4, 1)], bp.SigmoidCrossEntropy(), seed=seed)
        for seed in range(3)
    ]
    twins = copy.deepcopy(networks)
    given = {"metrics": "accuracy", "validation_split": 0.4, "class_weight": "balanced"}
    bp.fit_together(networks, X, y, 5, rows=rows, **given)
    for network, twin, own in zip(networks, twins, rows, strict=True):
        assert_same(network, twin.fit(X[own], y[own], 5, **given))
        assert np.isfinite(network.history["val_accuracy"]).all()


def test_a_metric_that_fails_names_the_network():
    def fails(y, p):
        seen.append(1)
        return "text" if len(seen) == 4 else 1

    seen, networks = [], [small(seed) for seed in range(3)]
    with pytest.raises(bp.ParameterError, match="got 'text', after epoch 2") as caught:
        bp.fit_together(networks, *XOR, 5, metrics=fails)
    assert caught.value.__notes__ == ["This came up in networks[0]."]
    for network in networks:
        assert {len(values) for values in network.history.values()} == {1}
        assert network.step_count == 2
    with pytest.raises(bp.ParameterError, match="leave one out"):
        bp.fit_together(networks, *XOR, 5, validation_split=0.5, validation_data=XOR)
    with pytest.raises(bp.ParameterError, match=r"^networks\[0\]: .* leaves none to validate on"):
        bp.fit_together(networks, *XOR, 5, validation_split=0.01)
