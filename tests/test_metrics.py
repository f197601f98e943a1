"""Metrics: what each is given, what it is called, where it is kept, and what is refused."""

import functools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_training import WEIGHTS, X, Y, small

import backproplite as bp
from backproplite.metrics import in_own_form

RNG = np.random.default_rng
#: The rows of a problem of each kind: X has 3 columns, as in `test_training`.
BINARY = (X[:, 0] > 0.1).astype(int)
CLASSES = np.arange(len(X)) % 3
PAIRS = np.stack([BINARY, 1 - CLASSES % 2], axis=1)


def network_for(loss, outputs, seed=0):
    return bp.Network([bp.Dense(3, 5), bp.Tanh(), bp.Dense(5, outputs)], loss, bp.Adam(), seed)


KINDS = {
    "yes or no": (bp.SigmoidCrossEntropy(), 1, BINARY),
    "several labels": (bp.SigmoidCrossEntropy(), 2, PAIRS),
    "classes": (bp.SoftmaxCrossEntropy(), 3, CLASSES),
    "one-hot rows": (bp.SoftmaxCrossEntropy(), 3, np.eye(3)[CLASSES]),
    "a number": (bp.MeanSquaredError(), 1, X[:, 1] ** 2),
    "a column": (bp.MeanSquaredError(), 1, X[:, 1:2] ** 2),
    "two numbers": (bp.Huber(), 2, X[:, :2] ** 2),
}


def made(kind):
    loss, outputs, y = KINDS[kind]
    return network_for(loss, outputs), y


# Ours


@given(st.integers(0, 2**32), st.integers(1, 30), st.integers(1, 4))
def test_ours_are_those_of_scikit_learn(seed, samples, width):
    metrics, rng = pytest.importorskip("sklearn.metrics"), RNG(seed)
    labels, others = rng.integers(width, size=(2, samples))
    wanted = metrics.accuracy_score(labels, others)
    assert bp.accuracy(labels, others) == wanted
    assert bp.accuracy(labels[:, None], others) == bp.accuracy(labels, others[:, None]) == wanted
    assert bp.accuracy(labels.astype(str), others.astype(str).tolist()) == wanted
    rows, guesses = rng.integers(2, size=(2, samples, width + 1))
    assert bp.accuracy(rows, guesses) == metrics.accuracy_score(rows, guesses)
    y, p = rng.normal(size=(2, samples + 1, width))
    y[:, 0] = rng.choice([0.5, y[0, 0]])
    p[:, 0] = y[:, 0] + rng.integers(2)
    assert bp.r_squared(y, p) == pytest.approx(metrics.r2_score(y, p), 1e-12, 1e-12)


@given(st.integers(0, 2**32), st.integers(2, 30), st.integers(1, 4))
def test_weights_of_samples_count_as_in_scikit_learn(seed, samples, width):
    metrics, rng = pytest.importorskip("sklearn.metrics"), RNG(seed)
    weights = rng.choice([0.0, 0.5, 3.0], samples)
    weights[0] = 2.0
    labels, others = rng.integers(3, size=(2, samples))
    wanted = metrics.accuracy_score(labels, others, sample_weight=weights)
    assert bp.accuracy(labels, others, weights) == pytest.approx(wanted, 1e-12, 1e-12)
    y, p = rng.normal(size=(2, samples, width))
    weights[1] = 1.0  # else only one sample may count, and nothing varies
    wanted = metrics.r2_score(y, p, sample_weight=weights)
    assert bp.r_squared(y, p, weights) == pytest.approx(wanted, 1e-9, 1e-9)


@pytest.mark.parametrize("metric", [bp.accuracy, bp.r_squared])
@pytest.mark.parametrize("weights", [[1], [1, -1], [0, 0], [[1, 1]], ["a", "b"]])
def test_weights_that_cannot_be_are_refused(metric, weights):
    with pytest.raises((bp.ShapeError, bp.InputError), match="sample_weight"):
        metric([0, 1], [0, 1], weights)


def test_probabilities_count_as_what_they_decide():
    assert bp.accuracy([0, 1, 1, 0], [0.5, 0.51, 0.2, 0.4]) == 0.75
    assert bp.accuracy([[0, 1], [1, 1]], [[0.2, 0.9], [0.7, 0.5]]) == 0.5
    rows = [[0.4, 0.35, 0.25], [0.2, 0.45, 0.35]]  # none is above a half
    assert bp.accuracy([0, 1], rows) == bp.accuracy([[1, 0, 0], [0, 1, 0]], rows) == 1
    assert bp.accuracy([0, 2], [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]) == 1  # as sure as can be


REFUSED = [
    ("([0, 1], [0, 1, 1])", "ShapeError", "got (2,) and (3,)"),
    ("([[0, 1]], [0, 1])", "ShapeError", "got (1, 2) and (2,)"),
    ("([], [])", "ShapeError", "one sample at least"),
    ("([[1, 0]], [[0.5, 0.2, 0.3]])", "ShapeError", "got (1, 2) and (1, 3)"),
    ("(np.zeros((2, 2, 2)), np.zeros((2, 2, 2)))", "ShapeError", "got (2, 2, 2)"),
    ("([0, 3], [[0.5, 0.5], [0.1, 0.9]])", "InputError", "labels from 0 to 1"),
    ("(['a', 'b'], [[0.5, 0.5], [0.1, 0.9]])", "InputError", "labels from 0 to 1"),
    ("(['a', 'b'], [0, 1])", "InputError", "text and numbers"),
    ("([0, 2], [0.1, 0.9])", "InputError", "probabilities of yes; got 2.0. For"),
    ("([0.3, 0.2], [0.1, 0.9])", "InputError", "use r_squared"),
    ("([0, 1], [-0.1, 0.9])", "InputError", "from 0 to 1; got -0.1 to 0.9"),
    ("([0, 1], [1.5, 1])", "InputError", "predict, not forward"),
    ("([0, 1], [np.nan, 1])", "InputError", "predictions must be finite"),
    ("([0, np.nan], [0, 1])", "InputError", "y must be finite"),
]


@pytest.mark.parametrize(("arguments", "error", "text"), REFUSED)
def test_what_cannot_be_compared_is_refused(arguments, error, text):
    with pytest.raises(getattr(bp, error)) as caught:
        eval(f"bp.accuracy{arguments}")
    assert text in str(caught.value)


@pytest.mark.parametrize("arguments", [([1, 2], [1]), ([[1, 2]], [1, 2]), ([], [])])
def test_the_shapes_of_r_squared_must_be_alike(arguments):
    with pytest.raises(bp.ShapeError, match="same shape"):
        bp.r_squared(*arguments)


# What a metric is given


def seen_by(kind, decisions):
    """What a metric gets of a network, and what the network predicts."""
    network, y = made(kind)
    seen = []

    def keep(targets, predictions):
        seen.append((targets, predictions))
        return 0.0

    def keep_decisions(y_true, y_pred):
        return keep(y_true, y_pred)

    network.evaluate(X, y, metrics=keep_decisions if decisions else keep)
    return *seen[0], network.predict(X), np.asarray(y)


def test_a_metric_gets_labels_and_probabilities_or_decisions():
    targets, predictions, given, y = seen_by("yes or no", False)
    assert targets.shape == predictions.shape == y.shape
    assert targets.dtype == int
    np.testing.assert_array_equal(targets, y)
    np.testing.assert_array_equal(predictions, given[:, 0])
    targets, predictions, given, y = seen_by("yes or no", True)
    np.testing.assert_array_equal(predictions, given[:, 0] > 0.5)
    assert predictions.dtype == int
    for kind in ("classes", "one-hot rows"):
        targets, predictions, given, _ = seen_by(kind, False)
        np.testing.assert_array_equal(targets, CLASSES)
        np.testing.assert_array_equal(predictions, given)
        targets, predictions, given, _ = seen_by(kind, True)
        np.testing.assert_array_equal(predictions, given.argmax(axis=1))
        assert targets.shape == predictions.shape == (len(X),)
    targets, predictions, given, y = seen_by("several labels", True)
    np.testing.assert_array_equal(targets, y)
    np.testing.assert_array_equal(predictions, given > 0.5)


@pytest.mark.parametrize("decisions", [False, True])
def test_a_metric_gets_numbers_in_one_shape(decisions):
    for kind in ("a number", "a column"):
        targets, predictions, given, y = seen_by(kind, decisions)
        np.testing.assert_array_equal(targets, y.ravel())
        np.testing.assert_array_equal(predictions, given[:, 0])
    targets, predictions, given, y = seen_by("two numbers", decisions)
    np.testing.assert_array_equal(targets, y)
    np.testing.assert_array_equal(predictions, given)


def test_a_probability_of_exactly_a_half_decides_for_no():
    likely = np.array([[0.5], [np.nextafter(0.5, 1)]])
    _, _, decisions = in_own_form(bp.SigmoidCrossEntropy(), np.ones((2, 1)), likely)
    assert decisions.tolist() == [0, 1]


def test_probabilities_between_classes_are_plain_numbers():
    soft = np.full((2, 3), 1 / 3)
    targets, predictions, decisions = in_own_form(bp.SoftmaxCrossEntropy(), soft, soft / 2)
    assert targets is soft
    np.testing.assert_array_equal(predictions, decisions)


def test_targets_come_back_in_the_users_own_space():
    class Tenfold(bp.MeanSquaredError):
        def prepare_targets(self, name, targets, outputs, dtype):
            return super().prepare_targets(name, targets, outputs, dtype) / 10

        def own_targets(self, targets):
            return targets * 10

        def predictions(self, outputs):
            return outputs * 10

    seen = []
    network = network_for(Tenfold(), 1)
    network.evaluate(X, 7 + X[:, :1], metrics=lambda y, p: seen.append((y, p)) or 1)
    np.testing.assert_allclose(seen[0][0], 7 + X[:, 0], 1e-12)
    np.testing.assert_array_equal(seen[0][1], network.predict(X)[:, 0])


def test_a_metric_may_write_into_what_it_gets():
    def spoil(targets, predictions):
        targets[...], predictions[...] = 0, 0
        return 1

    network, y = made("a column")
    before = y.copy()
    found = network.evaluate(X, y, metrics=[spoil, "r_squared"])
    assert found["r_squared"] == bp.r_squared(before, network.predict(X))
    np.testing.assert_array_equal(y, before)


def averaged(y_true, y_pred):
    from sklearn.metrics import f1_score

    return f1_score(y_true, y_pred, average="macro")


#: A metric of scikit-learn, the kinds of targets it is for, and what it is given by hand.
STRANGERS = [
    ("accuracy_score", {}, ["yes or no", "several labels", "classes"], "decisions"),
    ("f1_score", {}, ["yes or no"], "decisions"),
    ("f1_score", {"average": "macro"}, ["classes", "several labels"], "decisions"),
    ("balanced_accuracy_score", {}, ["yes or no", "one-hot rows"], "decisions"),
    ("roc_auc_score", {}, ["yes or no", "several labels"], "probabilities"),
    ("roc_auc_score", {"multi_class": "ovr"}, ["classes"], "probabilities"),
    ("log_loss", {}, ["yes or no", "classes"], "probabilities"),
    ("brier_score_loss", {}, ["yes or no"], "probabilities"),
    ("r2_score", {}, ["a number", "a column", "two numbers"], "probabilities"),
    ("mean_squared_error", {}, ["a number", "a column", "two numbers"], "probabilities"),
    ("mean_absolute_error", {}, ["a number", "a column", "two numbers"], "probabilities"),
]


@pytest.mark.parametrize(("name", "settings", "kinds", "form"), STRANGERS)
def test_those_of_scikit_learn_work_as_they_are(name, settings, kinds, form):
    function = getattr(pytest.importorskip("sklearn.metrics"), name)
    metric = functools.partial(function, **settings) if settings else function
    for kind in kinds:
        network, y = made(kind)
        y = CLASSES if kind == "one-hot rows" else np.asarray(y)
        given = network.fit(X, KINDS[kind][2], 2, metrics=metric).predict(X)
        if form == "decisions":
            given = given.argmax(axis=1) if y is CLASSES else (given > 0.5).astype(int)
        by_hand = function(y, given.reshape(y.shape) if given.size == y.size else given, **settings)
        assert network.history[name][-1] == pytest.approx(by_hand, 1e-12)


def test_a_function_of_y_pred_may_wrap_one():
    pytest.importorskip("sklearn")
    network, y = made("classes")
    guesses = network.predict(X).argmax(axis=1)
    found = network.evaluate(X, y, metrics=[averaged, lambda y, p: averaged(y, p.argmax(axis=1))])
    assert found["averaged"] == found["lambda"] == averaged(y, guesses)


def test_a_log_loss_gets_probabilities_whatever_it_calls_them():
    def my_log_loss(y_true, y_pred):
        return -np.log(y_pred[np.arange(len(y_true)), y_true]).mean()

    network, y = made("classes")
    found = network.evaluate(X, y, metrics=my_log_loss)
    assert found["my_log_loss"] == pytest.approx(found["loss"], 1e-12)


def test_of_several_labels_all_must_be_right_if_each_sample_has_one():
    network, _ = made("several labels")
    network.layers[-1].bias[...] = 9  # it says yes to both
    assert network.evaluate(X, np.eye(2)[BINARY], metrics="accuracy")["accuracy"] == 0


def test_what_has_no_signature_or_name_will_do():
    class Distance:
        def __call__(self, y, p):
            return np.abs(y - p).max()

    network, y = made("a number")
    found = network.evaluate(X, y, metrics=(Distance(), math.dist))  # math.dist is written in C
    errors = y - network.predict(X)[:, 0]
    assert found["Distance"] == abs(errors).max()
    assert found["dist"] == pytest.approx(np.linalg.norm(errors), 1e-12)


# What comes of it


@pytest.mark.parametrize(
    "metrics", ["accuracy", bp.accuracy, ["accuracy"], (each for each in ["accuracy"])]
)
def test_one_metric_is_as_good_as_a_list_of_one(metrics):
    network, y = made("classes")
    seen = []
    network.fit(
        X, y, 3, batch_size=4, sample_weight=WEIGHTS + 1, validation_data=(X[:5], y[:5]),
        metrics=metrics,
        callbacks=lambda it: seen.append([bp.accuracy(each, it.predict(X[: len(each)]))
                                          for each in (y, y[:5])]),
    )  # fmt: skip
    assert [*zip(network.history["accuracy"], network.history["val_accuracy"], strict=True)] == [
        *map(tuple, seen)
    ]
    assert network.history["accuracy"][-1] == network.evaluate(X, y, metrics="accuracy")["accuracy"]


def test_evaluate_returns_them_with_the_loss():
    network, y = made("a number")
    counted = WEIGHTS > 0
    assert not counted.all()
    found = network.evaluate(X, y, WEIGHTS, batch_size=3, metrics=("r_squared", np.dot))
    predictions = network.predict(X[counted], batch_size=3)[:, 0]
    assert found == {
        "loss": network.evaluate(X, y, WEIGHTS, batch_size=3),
        "r_squared": bp.r_squared(y[counted], predictions),
        "dot": y[counted] @ predictions,
    }
    assert isinstance(network.evaluate(X, y, metrics=()), float)


def test_the_history_has_nan_where_there_was_nothing_to_measure():
    network, y = made("a number")
    network.fit(X, y, 2).fit(X, y, 1, metrics="r_squared").fit(X, y, 2)
    assert {len(values) for values in network.history.values()} == {5}
    assert np.isnan(network.history["r_squared"]).tolist() == [True, True, False, True, True]
    assert np.isnan(network.history["val_r_squared"]).all()


def test_no_metric_changes_how_it_learns():
    one, y = made("classes")
    two, _ = made("classes")
    one.fit(X, y, 4, batch_size=3)
    two.fit(X, y, 4, batch_size=3, metrics="accuracy")
    np.testing.assert_array_equal(one.parameters, two.parameters)
    assert one.history["loss"] == two.history["loss"]


def test_batches_are_gathered():
    network, y = made("classes")
    whole, _ = made("classes")
    parts = [(X[i : i + 5], y[i : i + 5]) for i in range(0, len(X), 5)]
    network.fit(lambda: iter(parts), epochs=2, metrics="accuracy", validation_data=parts)
    assert network.history["accuracy"] == network.history["val_accuracy"]
    found = network.evaluate(parts, metrics=["accuracy"])
    assert found["accuracy"] == network.history["accuracy"][-1]
    assert found["accuracy"] == bp.accuracy(y, network.predict(X))
    with pytest.raises(bp.InputError, match="again and again"):
        whole.fit(iter(parts), epochs=1, metrics="accuracy")
    assert whole.fit(iter(parts), epochs=1).epoch_count == 1


def test_users_error_settings_hold_within():
    seen = []
    with np.errstate(over="raise", divide="warn"):
        small().fit(X, Y, 1, metrics=lambda y, p: seen.append(np.geterr()) or 1)
        assert seen == [np.geterr()]


# What fails


def raising(y, p):
    raise ZeroDivisionError("of its own")


FAILING = [
    (raising, ZeroDivisionError, "of its own"),
    (
        lambda y, p: "0.5",
        bp.ParameterError,
        "'lambda' must return a number; got '0.5', after epoch",
    ),
    (lambda y, p: y, bp.ParameterError, "must return a number; got array"),
    (lambda y, p: None, bp.ParameterError, "must return a number; got None"),
    (lambda y, p: True, bp.ParameterError, "must return a number; got True"),
    (lambda y, p: 1j, bp.ParameterError, "must return a number; got 1j"),
]


@pytest.mark.parametrize(("metric", "error", "text"), FAILING)
@pytest.mark.parametrize("batch_size", [None, 5])
def test_one_that_fails_is_named_with_its_epoch(metric, error, text, batch_size):
    network, plain = small(), small()
    network.fit(X, Y, 2, batch_size)
    plain.fit(X, Y, 3, batch_size)
    with pytest.raises(error, match=text) as caught:
        network.fit(X, Y, 5, batch_size, metrics=metric)
    said = [str(caught.value), *getattr(caught.value, "__notes__", [])]
    assert sum("after epoch 3" in each for each in said) == 1
    assert any(repr(metric.__name__.strip("<>")) in each for each in said)
    # the epoch has had all its steps, and only lacks its end
    np.testing.assert_array_equal(network.parameters, plain.parameters)
    assert network.epoch_count == 2
    assert {len(values) for values in network.history.values()} == {2}
    network.fit(X, Y, 1, batch_size)
    np.testing.assert_array_equal(network.parameters, plain.parameters)
    assert network.history["loss"] == plain.history["loss"]


def test_nan_and_numbers_of_any_sort_are_numbers():
    network = small()
    given = iter([np.float32(0.5), np.array(2), 3, math.nan, math.inf])
    network.fit(X, Y, 5, metrics=lambda y, p: next(given))
    np.testing.assert_array_equal(network.history["lambda"], [0.5, 2, 3, math.nan, math.inf])
    assert {type(value) for value in network.history["lambda"]} == {float}


def test_an_interrupt_in_a_metric_goes_on_its_way():
    def interrupt(y, p):
        raise KeyboardInterrupt

    network = small()
    with pytest.raises(KeyboardInterrupt):
        network.fit(X, Y, 2, metrics=interrupt)
    assert {len(values) for values in network.history.values()} == {0}
    assert network.fit(X, Y, 1).epoch_count == 1
    np.testing.assert_array_equal(network.parameters, small().fit(X, Y, 1).parameters)


# Held out


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_held_out_is_as_if_given_apart(kind):
    network, y = made(kind)
    alone, _ = made(kind)
    seen = []
    network.fit(X, y, 3, 4, validation_split=0.3, metrics=lambda t, p: seen.append(t) or len(t))
    held = round(0.3 * len(X))
    assert network.history["val_lambda"] == [held] * 3
    assert network.history["lambda"] == [len(X) - held] * 3
    again, _ = made(kind)
    rows = [X[:, 0].tolist().index(each) for each in held_out_of(again, y, 0.3)]
    rest = np.setdiff1d(np.arange(len(X)), rows)
    alone.fit(X[rest], y[rest], 3, 4, validation_data=(X[rows], y[rows]))
    np.testing.assert_array_equal(network.parameters, alone.parameters)
    np.testing.assert_allclose(network.history["val_loss"], alone.history["val_loss"], 1e-12)


def held_out_of(network, y, fraction, **options):
    """The first column of what is held out, sorted as it stands in X."""
    seen = []

    class Look(bp.Callback):
        def start(self, network):
            seen.extend(network.under_way.validation.x[:, 0].tolist())

    network.fit(X, y, 0, validation_split=fraction, callbacks=Look(), **options)
    return seen


def test_the_seed_alone_says_what_is_held_out():
    first = held_out_of(network_for(bp.MeanSquaredError(), 1, seed=3), X[:, 1], 0.4)
    trained = network_for(bp.MeanSquaredError(), 1, seed=3).fit(X, X[:, 2], 5)
    assert held_out_of(trained, X[:, 1], 0.4) == first
    assert held_out_of(network_for(bp.MeanSquaredError(), 1, seed=4), X[:, 1], 0.4) != first


@given(st.integers(0, 2**32), st.floats(0.05, 0.95))
def test_each_class_gives_its_share(seed, fraction):
    many = RNG(seed).normal(size=(200, 3))
    y = RNG(seed).choice(3, size=200, p=[0.1, 0.3, 0.6])
    network, seen = network_for(bp.SoftmaxCrossEntropy(), 3, seed), []
    network.fit(
        many, y, 1, validation_split=fraction, metrics=lambda t, p: seen.append(np.bincount(t)) or 0
    )
    rest, held = (np.resize([*each, 0, 0], 3) for each in seen)
    assert (rest + held == np.bincount(y, minlength=3)).all() or min(map(len, seen)) < 3
    assert (abs(held - fraction * np.bincount(y, minlength=3)) <= 1.5).all()


def test_weights_go_along():
    y, weights = X[:, 1], np.arange(1.0, len(X) + 1)
    network = network_for(bp.MeanSquaredError(), 1)
    rows = [X[:, 0].tolist().index(each) for each in held_out_of(network, y, 0.3)]
    rest = np.setdiff1d(np.arange(len(X)), rows)
    network.fit(X, y, 2, 4, sample_weight=weights, validation_split=0.3)
    alone = network_for(bp.MeanSquaredError(), 1)
    alone.fit(
        X[rest], y[rest], 2, 4, sample_weight=weights[rest],
        validation_data=(X[rows], y[rows], weights[rows]),
    )  # fmt: skip
    np.testing.assert_array_equal(network.parameters, alone.parameters)
    np.testing.assert_array_equal(network.history["val_loss"], alone.history["val_loss"])
    one, two = (network_for(bp.SigmoidCrossEntropy(), 1) for _ in range(2))
    rows = [X[:, 0].tolist().index(each) for each in held_out_of(one, BINARY, 0.3)]
    rest = np.setdiff1d(np.arange(len(X)), rows)
    one.fit(X, BINARY, 2, class_weight="balanced", validation_split=0.3)
    held = X[rows], BINARY[rows]
    two.fit(X[rest], BINARY[rest], 2, class_weight="balanced", validation_data=held)
    np.testing.assert_array_equal(one.parameters, two.parameters)
    np.testing.assert_allclose(one.history["val_loss"], two.history["val_loss"], 1e-12)


def test_what_is_large_is_held_out_without_a_copy(monkeypatch):
    from backproplite import checks, large

    y = X[:, 1]
    plain = network_for(bp.MeanSquaredError(), 1).fit(X, y, 2, 4, validation_split=0.3)
    monkeypatch.setattr(large, "LARGE", 8)
    monkeypatch.setattr(checks, "BLOCK", (2, 100))
    lazy = network_for(bp.MeanSquaredError(), 1)
    kinds = []
    lazy.fit(
        X, y, 2, 4, validation_split=0.3,
        callbacks=lambda network: kinds.append(type(network.under_way.data.x)),
    )  # fmt: skip
    assert kinds == [large.Rows] * 2
    np.testing.assert_array_equal(plain.parameters, lazy.parameters)
    np.testing.assert_allclose(plain.history["val_loss"], lazy.history["val_loss"], 1e-12)


def test_columns_of_a_table_that_is_split_are_remembered():
    pd = pytest.importorskip("pandas")
    table = pd.DataFrame(X, columns=["a", "b", "c"])
    network = network_for(bp.MeanSquaredError(), 1).fit(table, X[:, 1], 1, validation_split=0.3)
    assert network.feature_names == ("a", "b", "c")


# Going on


@pytest.mark.parametrize("batch_size", [None, 4])
@pytest.mark.parametrize("every_steps", [1, 2, 3])
def test_a_fit_that_was_cut_off_goes_on_to_the_bit(tmp_path, batch_size, every_steps):
    def options(path):
        return {
            "metrics": ["accuracy", lambda_free],
            "validation_split": 0.25,
            "callbacks": [
                bp.EarlyStopping(3, monitor="val_accuracy"),
                bp.ReduceOnPlateau(0.5, 2, monitor="lambda_free", mode="min"),
                bp.Checkpoint(path, every_steps=every_steps),
                cut_off_at,
            ],
        }

    class CutOff(bp.Callback):
        at = -1

        def after_step(self, network):
            if network.step_count == self.at:
                raise KeyboardInterrupt

    cut_off_at = CutOff()
    whole, y = made("classes")
    whole.fit(X, y, 8, batch_size, **options(tmp_path / "whole.npz"))
    for step in range(every_steps, whole.step_count, 2 * every_steps):
        path, cut_off_at.at = tmp_path / f"{step}.npz", step
        network, _ = made("classes")
        with pytest.raises(KeyboardInterrupt):
            network.fit(X, y, 8, batch_size, **options(path))
        cut_off_at.at = -1
        network = bp.Network.load(path)
        network.fit(X, y, 8 - network.epoch_count, batch_size, **options(path))
        np.testing.assert_array_equal(network.record.bytes, whole.record.bytes)
        np.testing.assert_equal(network.history, whole.history)
        assert network.optimizer.learning_rate == whole.optimizer.learning_rate


def lambda_free(y, p):
    return float(((np.eye(3)[y] - p) ** 2).sum())


def test_a_file_keeps_the_history_of_every_name(tmp_path):
    network, y = made("classes")
    network.fit(X, y, 2).fit(X, y, 2, metrics=["accuracy", lambda_free])
    network.save(tmp_path / "model.npz")
    again = bp.Network.load(tmp_path / "model.npz")
    np.testing.assert_equal(again.history, network.history)
    assert [*again.history] == [*network.history]
    again.save(tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "model.npz").read_bytes()


def test_progress_shows_them(capsys, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "tqdm", None)
    network, y = made("classes")
    network.fit(X, y, 1).fit(X, y, 1, metrics="accuracy", validation_split=0.3, progress=True)
    line = capsys.readouterr().out.splitlines()[-1]
    newest = {name: values[-1] for name, values in network.history.items()}
    assert line.endswith(
        f"val_loss {newest['val_loss']:.6f}  accuracy {newest['accuracy']:.6g}  "
        f"val_accuracy {newest['val_accuracy']:.6g}"
    )
    network.fit(X, y, 1, progress=True)
    assert "accuracy" not in capsys.readouterr().out
