"""Data people have: tables of pandas and polars, what no column may hold, targets known in part."""

import numpy as np
import pytest

import backproplite as bp

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

RNG = np.random.default_rng
A, B = [0.5, 1.5, -2.0, 4.0], [1.0, 0.0, 1.0, 1.0]
Y = [1.0, 2.0, 0.0, 3.0]
LABELS = [0, 2, 1, 0]
TEXT = ["gas", "oil", "gas", "none"]
SIZES = pytest.mark.parametrize("times", [1, 30], ids=["small", "large"])


def network(features=2, loss=None, outputs=1):
    return bp.Network([bp.Dense(features, outputs)], loss or bp.MeanSquaredError(), seed=0)


TABLES = {
    "pandas": lambda n: pd.DataFrame({"a": A * n, "b": B * n}),
    "pandas, whole numbers": lambda n: pd.DataFrame({"a": A * n, "b": np.array(B * n, int)}),
    "pandas, yes or no": lambda n: pd.DataFrame({"a": A * n, "b": np.array(B * n, bool)}),
    "pandas, Int64": lambda n: pd.DataFrame({"a": A * n, "b": pd.array(B * n, dtype="Int64")}),
    "pandas, Float64": lambda n: pd.DataFrame({"a": A * n, "b": pd.array(B * n, dtype="Float64")}),
    "pandas, boolean": lambda n: pd.DataFrame(
        {"a": A * n, "b": pd.array([bool(b) for b in B] * n, dtype="boolean")}
    ),
    "pandas, float32": lambda n: pd.DataFrame({"a": np.float32(A * n), "b": B * n}),
    "pandas, objects": lambda n: pd.DataFrame({"a": A * n, "b": pd.Series(B * n, dtype=object)}),
    "polars": lambda n: pl.DataFrame({"a": A * n, "b": B * n}),
    "polars, whole numbers": lambda n: pl.DataFrame({"a": A * n, "b": [int(b) for b in B * n]}),
    "polars, yes or no": lambda n: pl.DataFrame({"a": A * n, "b": [bool(b) for b in B * n]}),
    "polars, decimals": lambda n: pl.DataFrame(
        {"a": A * n, "b": pl.Series(B * n).cast(pl.Decimal(10, 2))}
    ),
}
TARGETS = {
    "list": list,
    "Series": pd.Series,
    "Series of its own index": lambda y: pd.Series(y, index=range(len(y))[::-1]),
    "DataFrame": lambda y: pd.DataFrame({"y": y}),
    "Float64": lambda y: pd.Series(y, dtype="Float64"),
    "polars Series": pl.Series,
    "polars DataFrame": lambda y: pl.DataFrame({"y": y}),
}


@SIZES
@pytest.mark.parametrize("table", TABLES)
def test_tables_of_numbers_train_as_their_arrays_and_names_are_kept(table, times):
    plain = network().fit(np.array([A, B]).T.repeat(1, 0).tolist() * times, Y * times, 3)
    X = TABLES[table](times)
    learnt = network().fit(X, Y * times, 3)
    assert np.array_equal(learnt.parameters, plain.parameters)
    assert learnt.feature_names == ("a", "b")
    assert np.array_equal(
        learnt.predict(X[["b", "a"]]), plain.predict(np.array([A, B]).T.tolist() * times)
    )
    with pytest.raises(bp.InputError, match=r"missing: \['b'\]"):
        learnt.predict(X[["a"]])


@pytest.mark.parametrize("target", TARGETS)
def test_targets_are_taken_in_their_order(target):
    X = np.array([A, B]).T
    learnt = network().fit(X, TARGETS[target](Y), 3)
    assert np.array_equal(learnt.parameters, network().fit(X, Y, 3).parameters)


def pandas_of(column):
    return lambda n: pd.DataFrame({"a": A * n, "b": column(n)})


def polars_of(column):
    return lambda n: pl.DataFrame({"a": A * n, "b": column(n)})


DUMMIES = r"pd\.get_dummies\(X, columns=\['b'\]\), or scikit-learn's OneHotEncoder"
TO_DUMMIES = r"X\.to_dummies\('b'\), or scikit-learn's OneHotEncoder"
REFUSED = {
    "text": (pandas_of(lambda n: TEXT * n), f"column 'b'.* {DUMMIES}"),
    "text as objects": (
        pandas_of(lambda n: pd.Series(TEXT * n, dtype=object)),
        rf"'gas' at index \[0, 1\] \(column 'b'\)\. .* {DUMMIES}",
    ),
    "categories": (
        pandas_of(lambda n: pd.Categorical(TEXT * n)),
        f"categories in column.* {DUMMIES}",
    ),
    "numbered categories": (
        pandas_of(lambda n: pd.Categorical(LABELS * n)),
        f"categories in column 'b'.* {DUMMIES}",
    ),
    "dates": (
        pandas_of(lambda n: pd.to_datetime(["2020-01-01"] * 4 * n)),
        r"dates or times in column 'b'\. Give days",
    ),
    "durations": (pandas_of(lambda n: pd.to_timedelta(LABELS * n)), "dates or times in column 'b'"),
    "periods": (
        pandas_of(lambda n: pd.period_range("2020", periods=4 * n, freq="D")),
        "dates or times in column 'b'",
    ),
    "polars text": (polars_of(lambda n: TEXT * n), f"column 'b'.* {TO_DUMMIES}"),
    "polars categories": (
        polars_of(lambda n: pl.Series(TEXT * n, dtype=pl.Categorical)),
        f"categories in column 'b'.* {TO_DUMMIES}",
    ),
    "polars enum": (
        polars_of(lambda n: pl.Series(TEXT * n, dtype=pl.Enum(["gas", "oil", "none"]))),
        f"categories in column 'b'.* {TO_DUMMIES}",
    ),
    "polars dates": (
        polars_of(lambda n: pl.Series(["2020-01-01"] * 4 * n).str.to_date()),
        "dates or times in column 'b'",
    ),
    "polars durations": (
        polars_of(lambda n: pl.Series(LABELS * n).cast(pl.Duration)),
        "dates or times in column 'b'",
    ),
    "lazy": (lambda n: TABLES["polars"](n).lazy(), r"got a LazyFrame\. Give X\.collect\(\)\."),
    "Int64 with NA": (
        pandas_of(lambda n: pd.array([1, None, 2, 3] * n, dtype="Int64")),
        r"at index \[1, 1\] \(column 'b'\)",
    ),
    "Float64 with NA": (
        pandas_of(lambda n: pd.array([1, None, 2, 3] * n, dtype="Float64")),
        r"at index \[1, 1\] \(column 'b'\)",
    ),
    "boolean with NA": (
        pandas_of(lambda n: pd.array([True, None] * 2 * n, dtype="boolean")),
        r"at index \[1, 1\] \(column 'b'\)",
    ),
    "NaN": (
        pandas_of(lambda n: [1, np.nan, 2, 3] * n),
        r"got nan at index \[1, 1\] \(column 'b'\)",
    ),
    "polars null": (
        polars_of(lambda n: [1.0, None, 2.0, 3.0] * n),
        r"got nan at index \[1, 1\] \(column 'b'\)",
    ),
}


@SIZES
@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_number_is_refused_by_its_column_with_the_mend(what, times):
    make, words = REFUSED[what]
    fresh = network()
    before = fresh.record.bytes.copy()
    with pytest.raises(bp.InputError, match=words):
        fresh.fit(make(times), Y * times, 1)
    assert np.array_equal(fresh.record.bytes, before)
    assert fresh.feature_names is None


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (
            pd.Series(pd.Categorical(TEXT)),
            r"y must hold real numbers; got categories\. .* y\.cat\.codes",
        ),
        (pd.Series(pd.Categorical(LABELS)), r"got categories\. Number them: y\.cat\.codes\."),
        (pd.DataFrame({"k": pd.Categorical(TEXT)}), r"in column 'k'\. Number them: y\['k'\]\.cat"),
        (
            pl.Series(TEXT, dtype=pl.Categorical),
            r"got categories\. Number them: y\.to_physical\(\)",
        ),
        (pd.Series(TEXT), r"got .*\. Number them: classes, y = np\.unique\(y"),
        (pl.Series(TEXT), r"got .*\. Number them: classes, y = np\.unique\(y"),
        (pd.Series(pd.to_datetime(["2020-01-01"] * 4)), r"got dates or times\. Give days"),
        (pd.Series([0, None, 1, 2], dtype="Int64"), r"y must be finite|<NA> at index \[1\]"),
        (pl.Series([0, None, 1, 2]), r"got nan at index \[1\]"),
    ],
)
def test_targets_that_are_no_numbers_are_refused_with_the_mend(y, words):
    with pytest.raises(bp.InputError, match=words):
        network(loss=bp.SoftmaxCrossEntropy(), outputs=3).fit(np.array([A, B]).T, y, 1)


def test_the_mends_mend():
    X = pd.DataFrame({"a": A, "b": pd.Categorical(TEXT)})
    y = pd.Series(pd.Categorical(TEXT))
    learnt = network(4, bp.SoftmaxCrossEntropy(), 3)
    learnt.fit(pd.get_dummies(X, columns=["b"]), y.cat.codes, 1)
    assert learnt.feature_names == ("a", "b_gas", "b_none", "b_oil")
    other = network(4, bp.SoftmaxCrossEntropy(), 3)
    X, y = pl.DataFrame({"a": A, "b": TEXT}), pl.Series(TEXT, dtype=pl.Categorical)
    other.fit(X.to_dummies("b"), y.to_physical(), 1)


def test_masked_arrays_are_refused_and_for_targets_the_recipe_is_named():
    masked = np.ma.array(np.ones((4, 2)), mask=[[0, 1]] * 4)
    with pytest.raises(bp.InputError, match=r"^X must not be masked.* first\.$"):
        network().fit(masked, Y, 1)
    with pytest.raises(bp.InputError, match=r"give y\.filled\(np\.nan\) to a loss of your own"):
        network(outputs=2).fit(np.ones((4, 2)), masked, 1)


# The two recipes of the documentation


class KnownSquaredError(bp.Loss):
    def prepare_targets(self, name, targets, outputs, dtype):
        return np.asarray(targets, dtype).reshape(-1, outputs)

    def forward(self, outputs, targets):
        error = np.where(np.isnan(targets), 0, outputs - targets)
        return error**2, error

    def backward(self, error):
        return 2 * error


class WeightedSquaredError(bp.Loss):
    def __init__(self, weights):
        self.weights = np.asarray(weights, float)

    def forward(self, outputs, targets):
        error = outputs - targets
        return self.weights * error**2, error

    def backward(self, error):
        return 2 * self.weights * error


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("loss", [KnownSquaredError(), WeightedSquaredError([1.0, 10.0])], ids=repr)
def test_losses_of_ones_own_for_targets_known_in_part_and_for_weights(loss, dtype, tmp_path):
    rng = RNG(0)
    X, y = rng.normal(size=(40, 3)), rng.normal(size=(40, 2))
    weights = np.ones((40, 2))
    if isinstance(loss, KnownSquaredError):
        weights = (rng.random((40, 2)) < 0.6).astype(float)
        y[weights == 0] = np.nan
    else:
        weights *= loss.weights
    layers = [bp.Dense(3, 4), bp.Tanh(), bp.Dense(4, 2)]
    learnt = bp.Network(layers, loss, bp.Adam(0.01), seed=0, dtype=dtype)
    bp.check_gradients(learnt, X[:6], y[:6])
    outputs = learnt.forward(X)
    wanted = np.nansum(weights * (outputs - y) ** 2) / 40
    assert learnt.evaluate(X, y) == pytest.approx(wanted, rel=1e-6 if dtype == "float32" else 1e-14)
    learnt.fit(X, y, 3, batch_size=16, validation_data=(X, y))
    assert np.isfinite(learnt.history["val_loss"]).all()
    learnt.save(tmp_path / "a.npz")
    name = type(loss).__name__
    again = bp.Network.load(tmp_path / "a.npz", custom={name: type(loss)})
    assert again.evaluate(X, y) == learnt.evaluate(X, y)


def test_what_is_not_known_pulls_at_nothing():
    rng = RNG(0)
    X, y = rng.normal(size=(10, 3)), rng.normal(size=(10, 2))
    y[:, 1] = np.nan
    learnt = bp.Network([bp.Dense(3, 2)], KnownSquaredError(), bp.GradientDescent(0.1), seed=0)
    before = learnt.layers[0].weight.copy()
    learnt.fit(X, y, 3)
    moved = learnt.layers[0].weight != before
    assert moved[:, 0].all()
    assert not moved[:, 1].any()
