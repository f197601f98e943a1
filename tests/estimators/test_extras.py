"""What our estimators offer beside scikit-learn's: each by what it must be equal to."""

import pickle
import warnings

import numpy as np
import pytest
from estimators.common import CLASSIFICATION, REGRESSION, estimator, ours, problem, unfinished
from sklearn import (
    base,
    compose,
    metrics,
    model_selection,
    pipeline,
    preprocessing,
    utils,
)

import backproplite as bp
from backproplite import MLPClassifier, MLPRegressor

pytestmark = unfinished

KINDS = [*CLASSIFICATION, *REGRESSION]
QUICK = {"hidden_layer_sizes": (6, 5), "max_iter": 10, "random_state": 0, "batch_size": 16}
SETTINGS = {**QUICK, "learning_rate_init": 0.01}
X, Y = problem("classes")
X_NUMBER, Y_NUMBER = problem("number")
X_NEW, Y_NEW = problem("classes", samples=30, seed=1)
WEIGHTS = np.random.default_rng(0).uniform(0.5, 2, len(X))


def classifier(**more):
    return MLPClassifier(**{**SETTINGS, **more})


def regressor(**more):
    return MLPRegressor(**{**SETTINGS, **more})


def numbers_of(model):
    """All weights and biases of an estimator, as one array."""
    return np.concatenate([each.ravel() for each in model.coefs_ + model.intercepts_])


def assert_same(one, other, tolerance=0.0):
    """Two estimators of the same numbers, and of the same losses on the way to them."""
    scale = abs(numbers_of(other)).max()
    np.testing.assert_allclose(numbers_of(one), numbers_of(other), rtol=0, atol=tolerance * scale)
    np.testing.assert_allclose(one.loss_curve_, other.loss_curve_, rtol=tolerance)


# An activation for each layer.


def test_a_list_of_activations_has_one_for_each_hidden_layer():
    model = classifier(activation=["tanh", "relu"]).fit(X, Y)
    assert [type(each) for each in model.network_.layers] == [
        *(bp.Dense, bp.Tanh, bp.Dense, bp.ReLU, bp.Dense)
    ]
    assert_same(
        classifier(activation=["tanh", "tanh"]).fit(X, Y), classifier(activation="tanh").fit(X, Y)
    )
    mixed = classifier(activation=["logistic", "logistic"]).fit(X, Y)
    assert_same(mixed, classifier(activation="logistic").fit(X, Y))


@pytest.mark.parametrize(
    "activation", ["gelu", "softplus", bp.LeakyReLU(0.3), [bp.ELU(0.5), "silu"]]
)
def test_any_of_our_activations_serves_by_name_or_as_an_instance(activation):
    model = regressor(activation=activation, max_iter=60).fit(X_NUMBER, Y_NUMBER)
    assert model.loss_ < 0.5 * model.loss_curve_[0]
    given = activation[0] if isinstance(activation, list) else activation
    if not isinstance(given, str):
        assert repr(model.network_.layers[1]) == repr(given)
        assert model.network_.layers[1] is not given


@pytest.mark.parametrize(
    "activation", ["softstep", ["relu"], ["relu", "relu", "relu"], 3, [None, None]]
)
def test_activations_that_do_not_fit_are_refused(activation):
    model = classifier(activation=activation)
    before = dict(vars(model))
    with pytest.raises(bp.ParameterError, match="activation must"):
        model.fit(X, Y)
    assert vars(model) == before


# Losses.


def test_a_loss_of_ours_by_its_name_there_is_the_same():
    plain = {"solver": "sgd", "momentum": 0.0, "alpha": 0.0}
    assert_same(
        regressor(loss=bp.HalfSquaredError(), **plain).fit(X_NUMBER, Y_NUMBER),
        regressor(loss="squared_error", **plain).fit(X_NUMBER, Y_NUMBER),
        1e-12,
    )
    twice = regressor(loss=bp.MeanSquaredError(), **plain).fit(X_NUMBER, Y_NUMBER)
    once = regressor(**{**plain, "learning_rate_init": 0.02}).fit(X_NUMBER, Y_NUMBER)
    np.testing.assert_allclose(numbers_of(twice), numbers_of(once), rtol=0, atol=1e-12)
    np.testing.assert_allclose(twice.loss_curve_, 2 * np.array(once.loss_curve_), rtol=1e-12)
    assert_same(classifier(loss=bp.SoftmaxCrossEntropy()).fit(X, Y), classifier().fit(X, Y), 1e-12)


def test_an_absolute_loss_heeds_no_outlier():
    targets = Y_NUMBER.copy()
    targets[:6] += 100
    settings = {
        "hidden_layer_sizes": 20,
        "max_iter": 300,
        "learning_rate_init": 0.01,
        "random_state": 0,
    }
    robust, squared = (
        MLPRegressor(loss, **settings).fit(X_NUMBER, targets)
        for loss in (bp.Huber(0.5), "squared_error")
    )
    off = [np.median(abs(model.predict(X_NUMBER) - Y_NUMBER)) for model in (robust, squared)]
    assert off[0] < 0.5 * off[1]


@pytest.mark.parametrize(
    ("make", "loss"),
    [
        (classifier, bp.SigmoidCrossEntropy()),
        (classifier, "squared_error"),
        (classifier, bp.Huber),
        (regressor, bp.SoftmaxCrossEntropy()),
        (regressor, "log_loss"),
        (regressor, (30,)),
    ],
)
def test_a_loss_for_other_targets_is_refused(make, loss):
    with pytest.raises(bp.ParameterError, match="loss must be"):
        make(loss=loss).fit(X, Y)


# Weights that are set.


@pytest.mark.parametrize("name", ["coefs_", "intercepts_"])
def test_weights_of_other_shapes_are_refused_and_nothing_changes(name):
    model = classifier().fit(X, Y)
    before, kept = numbers_of(model).copy(), getattr(model, name)
    for wrong in ([0 * kept[0]], [0 * kept[0], *kept[2:], kept[1]]):
        with pytest.raises(bp.ShapeError, match="must keep its shapes"):
            setattr(model, name, wrong)
    assert np.array_equal(numbers_of(model), before)
    setattr(model, name, [each + 1 for each in kept])
    assert not np.array_equal(numbers_of(model), before)


# Scores.


@pytest.mark.parametrize("sort", ["datetime64[D]", "bool", "object", "float", "str"])
def test_labels_of_any_sort_are_scored(sort):
    labels = (Y[0] == Y).astype(int).astype("datetime64[D]" if sort[0] == "d" else sort)
    if sort == "object":
        labels = labels.astype(bool).astype(object)
    plain = classifier(early_stopping=True).fit(X, (Y[0] == Y).astype(int))
    model = classifier(early_stopping=True).fit(X, labels)
    assert model.validation_scores_ == plain.validation_scores_
    assert model.score(X, labels, WEIGHTS) == plain.score(X, (Y[0] == Y).astype(int), WEIGHTS)


def test_a_score_refuses_labels_of_another_sort():
    with pytest.raises(bp.InputError, match="labels like those of"):
        classifier().fit(X, Y).score(X, Y.astype(str))


# Weights of classes.


@pytest.mark.parametrize("options", [{}, {"early_stopping": True}, {"solver": "lbfgs"}])
def test_weights_of_classes_are_weights_of_their_samples(options):
    by_class = {2: 3.0, 7: 0.5}
    by_hand = np.array([by_class.get(label, 1.0) for label in Y.tolist()])
    one = classifier(class_weight=by_class, **options).fit(X, Y)
    other = classifier(**options).fit(X, Y, sample_weight=by_hand)
    assert np.array_equal(numbers_of(one), numbers_of(other))
    both = classifier(class_weight=by_class, **options).fit(X, Y, sample_weight=WEIGHTS)
    other = classifier(**options).fit(X, Y, sample_weight=by_hand * WEIGHTS)
    assert np.array_equal(numbers_of(both), numbers_of(other))


def test_balanced_is_what_scikit_learn_calls_so():
    rare = np.where(np.arange(60) < 6, "rare", "common")
    rare[0] = "single"
    weights = utils.class_weight.compute_sample_weight("balanced", rare)
    one = classifier(class_weight="balanced").fit(X, rare)
    assert_same(one, classifier().fit(X, rare, sample_weight=weights), 1e-12)


@pytest.mark.parametrize("given", ["even", {"oak": 2.0}, {2: -1.0}, {2: np.nan}, 3.0])
def test_weights_of_classes_that_cannot_be_are_refused(given):
    with pytest.raises(bp.BackpropliteError, match="class_weight"):
        classifier(class_weight=given).fit(X, Y)


# Dropout.


def test_dropout_acts_in_training_only_and_comes_from_the_random_state():
    one, other = (classifier(dropout=0.5).fit(X, Y) for _ in range(2))
    assert_same(one, other)
    assert [layer.rate for layer in one.network_.layers if isinstance(layer, bp.Dropout)] == [
        0.5,
        0.5,
    ]
    assert np.array_equal(one.predict_proba(X), one.predict_proba(X))
    assert not np.array_equal(numbers_of(one), numbers_of(classifier().fit(X, Y)))
    assert_same(classifier(dropout=0.0).fit(X, Y), classifier().fit(X, Y))
    another = classifier(dropout=0.5, random_state=1).fit(X, Y)
    assert not np.array_equal(numbers_of(one), numbers_of(another))
    assert len(one.coefs_) == 3


def test_dropout_drops_its_share_and_makes_up_for_it():
    settings = {"max_iter": 1, "batch_size": 60, "shuffle": False}
    whole, hardly, half = (
        classifier(dropout=rate, **settings).fit(X, Y).loss_ for rate in (0.0, 1e-12, 0.5)
    )
    assert hardly == pytest.approx(whole, rel=1e-9)
    assert abs(half - whole) > 1e-3
    wide = {**settings, "hidden_layer_sizes": 4000, "alpha": 0.0}
    whole, half = (classifier(dropout=rate, **wide).fit(X, Y).loss_ for rate in (0.0, 0.5))
    assert half == pytest.approx(whole, rel=0.05)


@pytest.mark.parametrize(
    "wrong", [{"dropout": 1.0}, {"dropout": -0.1}, {"dropout": 0.5, "solver": "lbfgs"}]
)
def test_dropout_that_cannot_be_is_refused(wrong):
    model = classifier(**wrong)
    before = dict(vars(model))
    with pytest.raises(bp.ParameterError, match="dropout"):
        model.fit(X, Y)
    assert vars(model) == before


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("callbacks", bp.EarlyStopping(3)),
        ("metrics", "accuracy"),
        ("progress", True),
        ("restore_best", True),
        ("validation_data", (X_NEW, Y_NEW)),
    ],
)
def test_what_goes_by_epochs_is_refused_where_there_are_none(name, given):
    with pytest.raises(bp.ParameterError, match=rf"solver='lbfgs'.*leave out {name}\."):
        classifier(solver="lbfgs", **{name: given}).fit(X, Y)


# What watches: callbacks, metrics, validation data, a bar.


def test_callbacks_get_the_network_after_each_epoch_and_may_stop_it():
    seen = []

    def watch(network):
        seen.append((network.epoch_count, network.history["loss"][-1]))
        network.stop_training = network.epoch_count == 4

    model = classifier(callbacks=[watch]).fit(X, Y)
    assert model.n_iter_ == len(seen) == 4
    assert [loss for _, loss in seen] == model.loss_curve_
    assert classifier(callbacks=watch, max_iter=2).fit(X, Y).n_iter_ == 2


def macro_f1(y_true, y_pred):
    return metrics.f1_score(y_true, y_pred, average="macro")


def test_an_interrupt_keeps_what_has_been_learnt():
    def interrupt(network):
        if network.epoch_count == 3:
            raise KeyboardInterrupt

    model = classifier(callbacks=[interrupt])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, Y)
    assert [str(each.message) for each in caught] == ["Training interrupted by user."]
    assert model.n_iter_ == 3
    assert_same(model, classifier(max_iter=3).fit(X, Y))


def test_metrics_are_measured_after_each_epoch():
    measured = ["accuracy", macro_f1]
    model = classifier(metrics=measured, validation_data=(X_NEW, Y_NEW)).fit(X, Y)
    history = model.network_.history
    assert len(history["accuracy"]) == len(history["val_macro_f1"]) == 10
    assert history["accuracy"][-1] == model.score(X, Y)
    assert history["val_accuracy"][-1] == model.score(X_NEW, Y_NEW)
    assert history["macro_f1"][-1] == pytest.approx(macro_f1(Y, model.predict(X)))
    assert history["val_macro_f1"][-1] == pytest.approx(macro_f1(Y_NEW, model.predict(X_NEW)))
    model = regressor(metrics=[metrics.mean_absolute_error, "r_squared"], standardize=True)
    history = model.fit(X_NUMBER, 100 * Y_NUMBER).network_.history
    off = np.mean(abs(model.predict(X_NUMBER) - 100 * Y_NUMBER))
    assert history["mean_absolute_error"][-1] == pytest.approx(off, rel=1e-12)
    assert history["r_squared"][-1] == pytest.approx(model.score(X_NUMBER, 100 * Y_NUMBER))


def test_callbacks_may_watch_metrics_and_stop_by_them():
    watch = bp.EarlyStopping(3, monitor="val_accuracy")
    settings = {"metrics": "accuracy", "validation_data": (X_NEW, Y_NEW), "max_iter": 200}
    model = classifier(callbacks=[watch], **settings).fit(X, Y)
    assert model.n_iter_ < 200
    assert model.score(X_NEW, Y_NEW) == max(model.network_.history["val_accuracy"])
    assert classifier(callbacks=[watch], **settings).fit(X, Y).n_iter_ == model.n_iter_


def test_validation_data_are_in_the_history():
    model = classifier(validation_data=(X_NEW, Y_NEW)).fit(X, Y)
    lost = metrics.log_loss(Y_NEW, model.predict_proba(X_NEW))
    assert model.network_.history["val_loss"][-1] == pytest.approx(lost, rel=1e-12)
    assert len(model.network_.history["val_loss"]) == 10
    assert_same(model, classifier().fit(X, Y))
    given = classifier(validation_data=(X, Y)).fit(X, Y, validation_data=(X_NEW, Y_NEW))
    assert given.network_.history["val_loss"] == model.network_.history["val_loss"]
    weights = np.arange(30.0)
    model.fit(X, Y, validation_data=(X_NEW, Y_NEW, weights))
    lost = metrics.log_loss(Y_NEW, model.predict_proba(X_NEW), sample_weight=weights)
    assert model.network_.history["val_loss"][-1] == pytest.approx(lost, rel=1e-12)


@pytest.mark.parametrize("make", [classifier, regressor])
def test_early_stopping_looks_at_validation_data_and_holds_out_nothing(make):
    features, targets = (X, Y) if make is classifier else (X_NUMBER, Y_NUMBER)
    new = (X_NEW, Y_NEW) if make is classifier else problem("number", samples=30, seed=1)
    model = make(early_stopping=True, validation_data=new, max_iter=30, n_iter_no_change=3)
    model.fit(features, targets)
    assert model.t_ == len(features) * model.n_iter_
    assert len(model.validation_scores_) == model.n_iter_
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert model.score(*new) == pytest.approx(model.best_validation_score_, rel=1e-12)


@pytest.mark.parametrize(
    "given",
    [
        (X_NEW,),
        X_NEW,
        (X_NEW, Y_NEW[:5]),
        (X_NEW[:, :2], Y_NEW),
        (X_NEW, Y_NEW + 50),
        (X_NEW, Y_NEW, [1.0]),
    ],
    ids=["no y", "not a pair", "another length", "fewer features", "unknown labels", "a weight"],
)
def test_validation_data_that_cannot_be_are_refused_and_nothing_changes(given):
    model = classifier(max_iter=2).fit(X, Y)
    before = dict(vars(model))
    with pytest.raises(ValueError, match=r"."):
        model.fit(X, Y, validation_data=given)
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[name] is before[name] for name in before)


def test_the_best_weights_come_back_if_wanted():
    new = problem("number", samples=20, seed=1)
    settings = {"validation_data": new, "max_iter": 80, "learning_rate_init": 0.05, "solver": "sgd"}
    best, last = (
        regressor(restore_best=each, **settings).fit(X_NUMBER, Y_NUMBER) for each in (True, False)
    )
    lost = best.network_.history["val_loss"]
    assert min(lost) < lost[-1]

    def loss(model):
        return np.mean((model.predict(new[0]) - new[1]) ** 2) / 2

    assert loss(best) == pytest.approx(min(lost), rel=1e-12)
    assert loss(last) == pytest.approx(lost[-1], rel=1e-12)
    assert best.loss_curve_ == last.loss_curve_


def test_progress_is_shown_if_wanted(capsys):
    pytest.importorskip("tqdm")
    model = classifier(progress=True).fit(X, Y)
    shown = capsys.readouterr()
    assert "10/10" in shown.err + shown.out
    assert f"{model.loss_:.4g}"[:5] in shown.err + shown.out
    assert_same(model, classifier().fit(X, Y))


def test_a_stratified_split_has_of_each_class_its_share():
    rare = np.array([0] * 40 + [1] * 16 + [2] * 4)
    settings = {"early_stopping": True, "validation_fraction": 0.5, "stratify": True}
    model = classifier(**settings).fit(X, rare)
    draws = np.random.RandomState(0)
    for rows, columns in [(4, 6), (6, 5), (5, 3)]:
        draws.uniform(size=rows * columns + columns)
    _, test = model_selection.train_test_split(
        np.arange(60), test_size=0.5, random_state=draws, stratify=rare
    )
    assert np.bincount(rare[test]).tolist() == [20, 8, 2]
    assert model.best_validation_score_ == model.score(X[test], rare[test])
    with pytest.raises(ValueError, match="only 1 member"):
        classifier(**settings).fit(X, np.where(np.arange(60) == 0, 3, rare))


# Members.


@pytest.mark.parametrize("kind", KINDS)
def test_members_predict_their_mean_and_how_far_apart_they_are(kind):
    features, targets = problem(kind)
    model = estimator(ours, kind, **SETTINGS, n_members=4).fit(features, targets)
    assert len(model.networks_) == 4
    each = np.array([network.predict(features) for network in model.networks_])
    if kind in CLASSIFICATION:
        found, spread = model.predict_proba(features, return_std=True)
        if kind == "binary":
            each = np.concatenate([1 - each, each], axis=2)
        decided = found > 0.5 if kind == "labels" else model.classes_[found.argmax(axis=1)]
        assert np.array_equal(model.predict(features), decided)
    else:
        found, spread = model.predict(features, return_std=True)
        assert found.ndim == targets.ndim
        each = each.reshape(4, *found.shape)
    np.testing.assert_allclose(found, each.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(spread, each.std(axis=0), rtol=1e-6, atol=1e-12)
    assert spread.max() > 1e-3
    curves = [network.history["loss"] for network in model.networks_]
    np.testing.assert_allclose(model.loss_curve_, np.mean(curves, axis=0), rtol=1e-12)
    assert model.n_iter_ == 10
    assert model.t_ == 600
    assert model.score(features, targets) > 0.2


def test_members_are_repeatable_pickled_and_searched():
    one, other = (regressor(n_members=3).fit(X_NUMBER, Y_NUMBER) for _ in range(2))
    assert np.array_equal(one.predict(X_NUMBER), other.predict(X_NUMBER))
    twin = pickle.loads(pickle.dumps(one))
    assert np.array_equal(one.predict(X_NUMBER), twin.predict(X_NUMBER))
    another = regressor(n_members=3, random_state=1).fit(X_NUMBER, Y_NUMBER)
    assert not np.array_equal(one.predict(X_NUMBER), another.predict(X_NUMBER))
    search = model_selection.GridSearchCV(regressor(), {"n_members": [1, 2]}, cv=2)
    assert search.fit(X_NUMBER, Y_NUMBER).best_params_["n_members"] in (1, 2)
    with pytest.raises(AttributeError, match="networks_"):
        one.coefs_  # noqa: B018


def test_members_heed_weights_and_validation_data():
    by_hand = np.where(Y == 2, 3.0, 1.0)
    one = classifier(n_members=2, class_weight={2: 3.0}).fit(X, Y)
    other = classifier(n_members=2).fit(X, Y, sample_weight=by_hand)
    assert np.array_equal(one.predict_proba(X), other.predict_proba(X))
    assert not np.array_equal(
        one.predict_proba(X), classifier(n_members=2).fit(X, Y).predict_proba(X)
    )
    settings = {"validation_data": (X_NEW, Y_NEW), "restore_best": True, "max_iter": 40}
    settings["metrics"] = "accuracy"
    model = classifier(n_members=2, **settings).fit(X, Y)
    for network in model.networks_:
        lost = metrics.log_loss(Y_NEW, network.predict(X_NEW))
        assert lost == pytest.approx(min(network.history["val_loss"]), rel=1e-9)
        assert len(network.history["val_accuracy"]) == 40


def test_members_stop_each_at_its_time_and_show_how_far_they_are(capsys):
    settings = {"max_iter": 300, "tol": 0.01, "n_iter_no_change": 3, "learning_rate_init": 0.03}
    model = regressor(n_members=3, progress=True, **settings).fit(X_NUMBER, Y_NUMBER)
    epochs = [len(network.history["loss"]) for network in model.networks_]
    assert model.n_iter_ == max(epochs) < 300
    assert len({*epochs}) > 1
    for network in model.networks_:
        losses = network.history["loss"]
        assert min(losses[-3:]) > min(losses[:-3]) - 0.01  # no improvement in three epochs
    shown = capsys.readouterr()
    assert "3 networks" in shown.err + shown.out
    held = regressor(n_members=2, early_stopping=True, **settings).fit(X_NUMBER, Y_NUMBER)
    assert held.n_iter_ < 300
    assert held.best_validation_score_ is held.validation_scores_ is None
    assert held.best_loss_ == min(held.loss_curve_)


def test_each_member_stops_where_its_own_loss_gets_no_better():
    stopping = {"tol": 0.02, "n_iter_no_change": 3, "max_iter": 200, "learning_rate_init": 0.05}
    model = classifier(n_members=3, **stopping).fit(X, Y)
    for network in model.networks_:
        to_beat, waits = np.inf, [0]
        for loss in network.history["loss"]:
            improved = loss < to_beat - 0.02
            to_beat = loss if improved else to_beat
            waits.append(0 if improved else waits[-1] + 1)
        assert waits[-1] == 3 == max(waits)
    assert len({network.epoch_count for network in model.networks_}) > 1


def test_of_members_that_stop_early_there_are_losses_and_no_scores():
    model = classifier(n_members=2, early_stopping=True, max_iter=30).fit(X, Y)
    assert model.best_loss_ == min(model.loss_curve_)
    assert model.validation_scores_ is model.best_validation_score_ is None
    curve = model.loss_curve_
    model.set_params(warm_start=True).fit(X, Y)
    assert model.loss_curve_ is curve
    assert len(curve) == 30 + model.n_iter_


# Scaling.

SCALES = np.array([1e-3, 1.0, 50.0, 1e4])
SHIFTS = np.array([5.0, -2.0, 1000.0, 3e4])


def test_standardized_a_classifier_is_one_behind_a_scaler():
    features = X * SCALES + SHIFTS
    model = classifier(standardize=True).fit(features, Y)
    apart = pipeline.make_pipeline(preprocessing.StandardScaler(), classifier()).fit(features, Y)
    assert_same(model, apart[-1], 1e-9)
    np.testing.assert_allclose(
        model.predict_proba(features), apart.predict_proba(features), rtol=1e-9
    )
    assert len(model.coefs_) == 3


@pytest.mark.parametrize("kind", REGRESSION)
def test_standardized_a_regressor_is_one_between_two_scalers(kind):
    features, targets = problem(kind)
    features, targets = features * SCALES + SHIFTS, targets * 5e4 + 2e5
    settings = {**SETTINGS, "max_iter": 80}
    model = MLPRegressor(**settings, standardize=True).fit(features, targets)
    apart = compose.TransformedTargetRegressor(
        pipeline.make_pipeline(preprocessing.StandardScaler(), MLPRegressor(**settings)),
        transformer=preprocessing.StandardScaler(),
    ).fit(features, targets)
    assert_same(model, apart.regressor_[-1], 1e-9)
    np.testing.assert_allclose(model.predict(features), apart.predict(features), rtol=1e-9)
    assert model.score(features, targets) == pytest.approx(apart.score(features, targets), rel=1e-9)
    assert model.score(features, targets) > 0.5


def test_a_constant_column_harms_nothing_and_statistics_stay_those_of_the_first_data():
    features = np.column_stack([X, np.full(60, 7.0)])
    model = regressor(standardize=True).fit(features, Y_NUMBER)
    assert np.isfinite(model.predict(features)).all()
    before = model.network_.layers[0].mean.copy()
    model.partial_fit(features + 100, Y_NUMBER)
    assert np.array_equal(model.network_.layers[0].mean, before)
    model.fit(features + 100, Y_NUMBER)
    np.testing.assert_allclose(model.network_.layers[0].mean, before + 100)


# The plain network within.


@pytest.mark.parametrize("kind", KINDS)
def test_the_network_within_predicts_is_saved_traced_and_checked(kind, tmp_path):
    features, targets = problem(kind)
    model = estimator(ours, kind, **SETTINGS, standardize=True, dropout=0.2).fit(features, targets)
    network = model.network_
    assert isinstance(network, bp.Network)
    found = network.predict(features)
    if kind in CLASSIFICATION:
        likely = model.predict_proba(features)
        assert np.array_equal(found, likely[:, 1:] if kind == "binary" else likely)
    else:
        assert np.array_equal(found.reshape(targets.shape), model.predict(features))
    network.save(tmp_path / "model.npz")
    assert np.array_equal(bp.Network.load(tmp_path / "model.npz").predict(features), found)
    own = np.searchsorted(model.classes_, targets) if kind in ("binary", "classes") else targets
    assert bp.trace(network, features[:2], own[:2].reshape(2, -1) if kind != "classes" else own[:2])
    assert bp.diagnose(network, features, own.reshape(60, -1) if kind != "classes" else own)
    assert len(network.history["loss"]) == 10


def test_writing_to_coefs_is_writing_to_the_network():
    model = regressor().fit(X_NUMBER, Y_NUMBER)
    model.coefs_[0][...] = 0.0
    assert not model.network_.layers[0].weight.any()
    twin = pickle.loads(pickle.dumps(model))
    twin.coefs_[1][...] = 1.0
    assert not np.array_equal(model.coefs_[1], twin.coefs_[1])


# All of it together, in scikit-learn's tools.


def test_what_is_ours_survives_a_clone_and_is_searched():
    model = classifier(
        activation=["gelu", bp.LeakyReLU(0.2)], dropout=0.1, class_weight={2: 2.0}, standardize=True
    )
    twin = base.clone(model)
    assert repr(twin) == repr(model)
    grid = {
        "dropout": [0.0, 0.3],
        "standardize": [True, False],
        "activation": ["silu", ["tanh", "relu"]],
    }
    search = model_selection.GridSearchCV(model, grid, cv=2).fit(X, Y)
    assert search.best_params_.keys() == grid.keys()
    assert search.best_score_ > 0.3


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_members": 0},
        {"n_members": 1.5},
        {"standardize": "yes"},
        {"restore_best": 1.0},
        {"progress": "bar"},
        {"callbacks": [3]},
        {"metrics": ["sharpness"]},
        {"dropout": "half"},
    ],
    ids=repr,
)
def test_what_is_wrong_with_them_is_named_and_nothing_changes(wrong):
    for model in (classifier(**wrong), regressor(**wrong)):
        before = dict(vars(model))
        with pytest.raises((ValueError, TypeError), match=next(iter(wrong))):
            model.fit(X, Y)
        assert vars(model) == before
