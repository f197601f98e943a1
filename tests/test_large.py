"""Data larger than memory: nothing is copied whole, and what comes out is what arrays give."""

import copy
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import networks, seeds

import backproplite as bp
from backproplite import checks, large
from backproplite.training import Plan

RNG = np.random.default_rng
X, Y = RNG(1).integers(-4, 5, (10, 3)).astype(float), RNG(2).integers(-1, 2, (10, 1)).astype(float)
WEIGHTS = np.array([1.0, 2, 0.5, 4, 1, 0, 4, 1, 2, 0.5])
LABELS = np.array([0, 1, 2, 1, 0, 2, 2, 0, 1, 1])


def small(loss=None, outputs=1, **settings):
    layers = [bp.Dense(3, 5), bp.BatchNorm(5), bp.ReLU(), bp.Dropout(0.3), bp.Dense(5, outputs)]
    defaults = {"optimizer": bp.Adam(0.05), "seed": 0}
    return bp.Network(layers, loss or bp.MeanSquaredError(), **{**defaults, **settings})


def cut(*arrays, size=4):
    """The arrays in batches."""
    starts = range(0, len(arrays[0]), size)
    return [tuple(array[i : i + size] for array in arrays) for i in starts]


def everything(network):
    """All that training changes, but for the plan: that of batches is another."""
    state = network.record.views.items()
    views = [view.tobytes() for name, view in state if name != "running"]
    return views, {name: repr(values) for name, values in network.history.items()}


@pytest.fixture
def tiny(monkeypatch):
    """Every array is large, and a block has three rows."""
    monkeypatch.setattr(large, "LARGE", 0)
    monkeypatch.setattr(large, "SMALL", 0)
    monkeypatch.setattr(checks, "BLOCK", (3, 10**6))


# Large arrays


def mapped(array, folder, dtype=None, order="C"):
    """The array in a file."""
    path = folder / f"{len([*folder.iterdir()])}.bin"
    there = np.memmap(path, dtype or array.dtype, "w+", shape=array.shape, order=order)
    there[...] = array
    there.flush()
    return np.memmap(path, there.dtype, "r", shape=array.shape, order=order)


FORMS = {
    "as it is": lambda array, _: array,
    "mapped": mapped,
    "mapped float32": lambda array, folder: mapped(array, folder, "float32"),
    "mapped int8": lambda array, folder: mapped(array, folder, "int8"),
    "mapped big-endian": lambda array, folder: mapped(array, folder, ">f8"),
    "mapped Fortran order": lambda array, folder: mapped(array, folder, order="F"),
    "strided": lambda array, _: np.repeat(array, 2, axis=0)[::2],
    "list": lambda array, _: array.tolist(),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("batch_size", [None, 4])
@pytest.mark.parametrize(
    ("loss", "y"),
    [
        (bp.MeanSquaredError, Y),
        (bp.MeanSquaredError, Y[:, 0]),
        (bp.SoftmaxCrossEntropy, LABELS),
        (bp.SoftmaxCrossEntropy, np.eye(3)[LABELS]),
    ],
    ids=["numbers", "a vector", "labels", "classes"],
)
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_large_arrays_train_and_predict_to_the_bit_as_small_ones(
    form, loss, y, batch_size, dtype, tmp_path, request
):
    def results():
        network = small(loss(), 3 if loss is bp.SoftmaxCrossEntropy else 1, dtype=dtype)
        network.fit(given[0], given[1], 3, batch_size, sample_weight=WEIGHTS)
        network.fit(*(given[0], given[1], 2, batch_size), validation_data=(given[0], given[1]))
        bits = network.record.bytes.tobytes()
        return bits, network.predict(given[0], 3), network.evaluate(given[0], given[1], None, 3)

    given = X, y
    plain = results()
    request.getfixturevalue("tiny")
    given = form(X, tmp_path), form(y, tmp_path)
    bits, predictions, score = results()
    assert bits == plain[0]
    np.testing.assert_array_equal(predictions, plain[1], strict=True)
    assert score == plain[2]


def test_class_weights_and_early_stopping_take_large_arrays(tiny, tmp_path):
    def trained(x, y):
        network = small(bp.SoftmaxCrossEntropy(), 3)
        network.fit(x, y, 5, 4, class_weight="balanced", callbacks=bp.EarlyStopping(1))
        return everything(network)

    lazy = mapped(X, tmp_path, "float32"), mapped(LABELS, tmp_path, "int8")
    assert trained(*lazy) == trained(X, LABELS)


def test_rows_of_a_file_are_made_ready_when_they_are_taken(tiny, tmp_path):
    there = mapped(X, tmp_path, "float32")
    network = small()
    batch = large.data_in_blocks(network, there, Y, WEIGHTS)
    assert type(batch.x) is large.Rows
    assert batch.x.shape == (9, 3)
    assert batch.x.dtype == batch.x[:1].dtype == network.dtype
    assert np.array_equal(batch.x[2:7], X[WEIGHTS > 0][2:7])
    assert type(network.prepare(there, Y, WEIGHTS).x) is np.ndarray
    there = mapped(X, tmp_path)
    as_it_is = large.data_in_blocks(network, there, Y).x
    assert np.shares_memory(as_it_is, there)


def test_an_array_that_is_as_it_should_be_is_looked_at_and_never_written_to(tiny):
    own = X.copy()
    x = large.data_in_blocks(small(), own, Y).x
    assert np.shares_memory(x, own)
    assert own.flags.writeable
    assert not x.flags.writeable
    strided = np.repeat(X, 2, axis=1)[:, ::2], np.repeat(X, 2, axis=0)[::2]
    for each in strided:
        assert large.data_in_blocks(small(), each, Y).x[2:5].flags.c_contiguous


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_what_is_wrong_in_a_large_array_is_found_in_its_block(dtype, tiny):
    bad = X.astype(dtype)
    bad[7, 1] = np.nan
    message = r"^X\[6:9\] must be finite in float64; got nan at index \[1, 1\]\."
    with pytest.raises(bp.InputError, match=message):
        small().fit(bad, Y, 1)
    with pytest.raises(bp.InputError, match=message):
        small().predict(bad)
    labels = np.where(np.arange(10) == 9, 3, LABELS).astype("int8")
    with pytest.raises(bp.InputError, match=r"^validation y\[9:12\] must hold whole labels"):
        small(bp.SoftmaxCrossEntropy(), 3).fit(X, LABELS, 1, validation_data=(X, labels))
    with pytest.raises(bp.ShapeError, match=r"^X\[:1\] must have 3 features; got 2"):
        small().predict(bad[:, :2])
    with pytest.raises(bp.InputError, match=r"^X must not be masked"):
        small().predict(np.ma.array(X))


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited otherwise there")
@pytest.mark.parametrize(
    ("dtype", "order", "call"),
    [
        ("<f4", "C", "network.fit(X, y, 1, 4000, sample_weight=1 - y)"),
        ("|u1", "F", "network.fit(X, y, 1, 4000, False, sample_weight=1 - y)"),
        pytest.param("<f8", "F", "network.fit(X, y, 1, 4000)", marks=pytest.mark.slow),
        pytest.param(">f4", "C", "network.fit(X, y, 1, 4000, False)", marks=pytest.mark.slow),
    ],
)
def test_a_file_is_never_in_memory(dtype, order, call, tmp_path):
    """There are 600,000 rows of 128, for which a mask needs 77 MB and a copy 307; it has 60."""
    script = f"""
        import re, resource
        import numpy as np
        import backproplite as bp
        path, form = {str(tmp_path / "X")!r}, {{"shape": (600_000, 128), "order": {order!r}}}
        np.memmap(path, {dtype!r}, "w+", **form)
        X = np.memmap(path, {dtype!r}, "r", **form)
        y = np.zeros(len(X), "int8")
        y[7] = 1
        network = bp.Network(
            [bp.Dense(128, 4), bp.ReLU(), bp.Dense(4, 2)], bp.SoftmaxCrossEntropy(), seed=0,
            dtype="float32",
        )
        few = X[:8000], y[:8000]
        network.fit(*few, 1, 4000, sample_weight=1 - few[1], validation_data=few).predict(few[0])
        used = 1024 * int(re.search(r"VmData:\\s*(\\d+)", open("/proc/self/status").read())[1])
        resource.setrlimit(resource.RLIMIT_DATA, (used + 60_000_000, resource.RLIM_INFINITY))
        {call}
        assert network.predict(X).shape == (len(X), 2)
        network.evaluate(X, y)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True)


# Blocks


@given(networks(), st.integers(1, 20))
def test_a_batch_size_changes_no_prediction_and_no_score(case, batch_size):
    network, x, y, *_ = case
    for method in (network.predict, network.forward):
        expected = method(x)
        np.testing.assert_allclose(method(x, batch_size), expected, rtol=1e-12, atol=1e-14)
        assert method(x, batch_size=len(x) + 1).tobytes() == expected.tobytes()
    score = network.evaluate(x, y)
    assert network.evaluate(x, y, batch_size=batch_size) == pytest.approx(score, rel=1e-12)
    assert network.evaluate(x, y, batch_size=len(x)) == score


@given(seeds, st.integers(1, 20))
def test_weights_mean_the_same_in_blocks(seed, batch_size):
    weights = RNG(seed).integers(0, 4, 10)
    weights[seed % 10] = 1
    network = small()
    score = network.evaluate(X, Y, weights)
    assert network.evaluate(X, Y, weights, batch_size) == pytest.approx(score, rel=1e-13)


def test_many_rows_go_in_blocks_and_few_at_once():
    sizes = []

    class Counter(bp.Identity):
        def forward(self, x):
            sizes.append(x.shape)
            return super().forward(x)

    network = bp.Network([Counter(), bp.Dense(2, 1)], bp.MeanSquaredError(), seed=0)
    x = RNG(0).standard_normal((9000, 2))
    predictions = network.predict(x)
    assert sizes == [(4096, 2), (4096, 2), (808, 2)]
    # What a row gives does not depend on how many follow it.
    assert network.predict(x[:8192]).tobytes() == predictions[:8192].tobytes()
    sizes.clear()
    network.predict(x[:4096])
    network.evaluate(x[:4096], x[:4096, :1])
    network.evaluate(x, x[:, :1])
    assert sizes == [(4096, 2), (4096, 2), (4096, 2), (4096, 2), (808, 2)]
    wide = np.zeros((5, 2**20))
    assert [*map(len, map(wide.__getitem__, checks.blocks(wide)))] == [4, 1]


# Batches


class Loader:
    """As a DataLoader: it has a length, begins anew, and is no sequence."""

    def __init__(self, batches):
        self.batches, self.begun = batches, 0

    def __len__(self):
        return len(self.batches)

    def __iter__(self):
        self.begun += 1
        return iter(self.batches)


class Tensor:
    """As a tensor: NumPy can make an array of it."""

    def __init__(self, array):
        self.array, self.ndim, self.shape = array, array.ndim, array.shape

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.array, dtype)


SOURCES = {
    "list": list,
    "tuple": tuple,
    "lists": lambda batches: [*map(list, batches)],
    "loader": Loader,
    "generator function": lambda batches: lambda: (batch for batch in batches),
    "function that returns a list": lambda batches: lambda: batches,
    "tensors": lambda batches: Loader([[*map(Tensor, batch)] for batch in batches]),
    "tables": lambda batches: [(pd.DataFrame(x), *rest) for x, *rest in batches],
    "plain lists": lambda batches: lambda: [[a.tolist() for a in batch] for batch in batches],
}


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("validation", [False, True])
@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_batches_train_to_the_bit_as_a_batch_size_does(source, validation, early):
    callbacks = [[bp.EarlyStopping(3)] * early for _ in range(2)]
    plain = small().fit(
        *(X, Y, 5, 4, False),
        validation_data=(X, Y) if validation else None,
        callbacks=callbacks[0],
    )
    given = small().fit(
        source(cut(X, Y)),
        epochs=5,
        validation_data=source(cut(X, Y, size=20)) if validation else None,
        callbacks=callbacks[1],
    )
    assert everything(given)[0] == everything(plain)[0]
    for name, values in plain.history.items():
        exact = name != "train_loss"  # which is scored batch by batch
        np.testing.assert_allclose(given.history[name], values, rtol=0 if exact else 1e-13)


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_batches_are_scored_and_predicted(source):
    network = small().fit(X, Y, 3)
    if source is not SOURCES["plain lists"]:  # which could be rows
        np.testing.assert_allclose(network.predict(source(cut(X, Y))), network.predict(X), 1e-13)
    assert network.evaluate(source(cut(X, Y))) == pytest.approx(network.evaluate(X, Y), rel=1e-13)
    weighted = network.evaluate(source(cut(X, Y, WEIGHTS)))
    assert weighted == pytest.approx(network.evaluate(X, Y, WEIGHTS), rel=1e-13)


def test_batches_of_inputs_are_predicted():
    network = small()
    for batches in ([X[:4], X[4:]], (x for x in (X[:4], X[4:])), lambda: [X[:4], X[4:]]):
        np.testing.assert_allclose(network.predict(batches), network.predict(X), rtol=1e-13)
    assert network.predict(X.tolist()).shape == network.predict([*X]).shape == (10, 1)


def test_a_batch_divides_by_the_sum_of_its_weights_and_counts_as_much():
    given, plain = small(), small()
    batches = cut(X, Y, WEIGHTS)
    losses = [plain.train_step(*batch) for batch in batches]
    given.fit(batches, epochs=1)
    np.testing.assert_array_equal(given.parameters, plain.parameters)
    expected = np.average(losses, weights=[batch[2].sum() for batch in batches])
    assert given.history["loss"] == pytest.approx([expected], rel=1e-14)


def test_batches_are_begun_once_an_epoch_and_no_more():
    training, validation = Loader(cut(X, Y)), Loader(cut(X, Y))
    small().fit(training, epochs=4, validation_data=validation)
    assert (training.begun, validation.begun) == (4, 4)
    training.begun = 0
    small().fit(training, epochs=4, callbacks=bp.EarlyStopping(9))
    assert training.begun == 9  # and for the score before, and after each epoch


def test_what_gives_its_batches_once_will_do_for_once():
    plain = small().fit(X, Y, 1, 4, False, validation_data=(X, Y))
    given = small().fit(iter(cut(X, Y)), epochs=1, validation_data=iter([(X, Y)]))
    assert everything(given) == everything(plain)
    assert small().evaluate(iter([(X, Y)])) == small().evaluate(X, Y)
    network = small()
    with pytest.raises(bp.InputError, match="X ran dry"):
        network.fit(iter(cut(X, Y)), epochs=1, callbacks=bp.EarlyStopping(1))
    assert network.step_count == 0


def test_a_source_that_runs_dry_is_named_and_the_epochs_before_stand():
    once = iter(cut(X, Y))
    network = small()
    with pytest.raises(bp.InputError, match="X ran dry: it gave no batch when it was begun anew"):
        network.fit(lambda: once, epochs=3)
    assert everything(network) == everything(small().fit(cut(X, Y), epochs=1))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ((X[:, :2], Y), r"^batch 3: X must have 3 features; got 2"),
        ((X, Y * np.nan), r"^batch 3: y must be finite"),
        ((X, Y, -WEIGHTS), r"^batch 3: sample_weight must not be negative"),
        (X, r"^batch 3: it must be \(X, y\) or \(X, y, sample_weight\); got ndarray\."),
    ],
)
def test_a_batch_that_does_not_fit_is_named_and_the_steps_before_it_stand(bad, message):
    network, plain = small(), small()
    with pytest.raises(bp.BackpropliteError, match=message):
        network.fit([*cut(X, Y)[:2], bad], epochs=2)
    for batch in cut(X, Y)[:2]:
        plain.train_step(*batch)
    assert np.array_equal(network.snapshot(), plain.snapshot())
    assert network.step_count == 2
    # Once it is mended, the epoch is gone on with.
    network.fit(cut(X, Y), epochs=1)
    assert everything(network) == everything(small().fit(cut(X, Y), epochs=1))


@pytest.mark.parametrize("steps", range(1, 8))
def test_batches_cut_off_and_saved_are_gone_on_with_to_the_bit(steps, tmp_path):
    class Cut(bp.Callback):
        def after_step(self, network):
            if network.step_count == steps:
                raise KeyboardInterrupt

    more = {"validation_data": cut(X, Y)}
    network, stopping = small(), bp.EarlyStopping(2)
    checkpoint = bp.Checkpoint(tmp_path / "m.npz", every_steps=1)
    with pytest.raises(KeyboardInterrupt):
        network.fit(cut(X, Y), epochs=4, callbacks=[stopping, checkpoint, Cut()], **more)
    loaded = bp.Network.load(tmp_path / "m.npz")
    assert loaded.step_count == steps
    loaded.fit(
        *(Loader(cut(X, Y)), None, 4 - loaded.epoch_count),
        callbacks=[bp.EarlyStopping(2), bp.Checkpoint(tmp_path / "m.npz", every_steps=1)],
        **more,
    )
    whole = small().fit(cut(X, Y), epochs=4, callbacks=bp.EarlyStopping(2), **more)
    assert everything(loaded) == everything(whole)


def test_batches_of_a_plan_of_their_own_begin_an_epoch_that_arrays_had_begun():
    class Cut(bp.Callback):
        def after_step(self, network):
            raise KeyboardInterrupt

    network = small()
    with pytest.raises(KeyboardInterrupt):
        network.fit(X, Y, 1, 4, callbacks=Cut())
    with pytest.raises(KeyboardInterrupt):
        network.fit(cut(X, Y), epochs=1, callbacks=Cut())
    assert (network.step_count, network.record.batches) == (2, 1)
    network.train_step(X, Y)  # after which nothing is under way
    network.fit(cut(X, Y), epochs=1)
    assert network.step_count == 3 + 3
    assert Plan(*map(int, network.record.plan)) == large.Stream.plan


def test_the_columns_of_batches_are_learnt_and_put_right():
    names = ["a", "b", "c"]
    tables = [(pd.DataFrame(x, columns=names), y) for x, y in cut(X, Y)]
    turned = [(x[["c", "a", "b"]], y) for x, y in tables]
    given = small().fit([tables[0], *turned[1:]], epochs=2, validation_data=turned)
    plain = small().fit(cut(X, Y), epochs=2, validation_data=cut(X, Y))
    assert given.feature_names == ("a", "b", "c")
    assert everything(given) == everything(plain)
    with pytest.raises(bp.InputError, match="validation batch 1: X must have the columns"):
        small().fit(tables, epochs=1, validation_data=[(tables[0][0].rename(columns=str.upper), Y)])


def test_the_source_runs_under_the_users_settings_and_its_errors_come_through():
    def batches():
        yield X, Y
        np.array([1.0]) / 0
        yield X, Y

    network = small()
    with np.errstate(all="raise"), pytest.raises(FloatingPointError):
        network.fit(batches, epochs=1)
    assert network.step_count == 1
    with np.errstate(all="ignore"):
        assert small().fit(batches, epochs=1).step_count == 2


def test_a_fit_that_runs_away_over_batches_is_told_though_they_are_at_their_end():
    network = bp.Network([bp.Dense(3, 1)], bp.MeanSquaredError(), bp.GradientDescent(1.5), seed=0)
    with pytest.warns(bp.TrainingWarning, match="the loss has grown from"):
        network.fit(iter(cut(X, Y, size=1)), epochs=1)


def test_dropout_and_the_statistics_of_a_copy_are_those_of_the_steps():
    network = small().fit(cut(X, Y), epochs=2)
    twin = copy.deepcopy(network)
    assert everything(network.fit(cut(X, Y), epochs=2)) == everything(twin.fit(cut(X, Y), epochs=2))
