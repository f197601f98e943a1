"""The estimators wherever scikit-learn puts an estimator."""

import inspect
import pickle

import numpy as np
import pytest
from estimators.common import (
    CLASSIFICATION,
    REGRESSION,
    WEIGHTED,
    MLPClassifier,
    MLPRegressor,
    fitted,
    ours,
    problem,
    theirs,
    unfinished,
)
from sklearn import (
    base,
    calibration,
    compose,
    config_context,
    ensemble,
    exceptions,
    inspection,
    linear_model,
    model_selection,
    multiclass,
    multioutput,
    pipeline,
    preprocessing,
    utils,
)

pytestmark = unfinished

KINDS = [*CLASSIFICATION, *REGRESSION]
QUICK = {"hidden_layer_sizes": 8, "learning_rate_init": 0.05, "max_iter": 40, "random_state": 0}
X, Y = problem("classes", samples=120)
X_NUMBER, Y_NUMBER = problem("number", samples=120)
WEIGHTS = np.random.default_rng(0).uniform(0.5, 2, len(X))
TABLE_COLUMNS = ["a", "b", "c", "d"]


def classifier(**settings):
    return MLPClassifier(**{**QUICK, **settings})


def regressor(**settings):
    return MLPRegressor(**{**QUICK, **settings})


def table(array=X):
    return pytest.importorskip("pandas").DataFrame(array, columns=TABLE_COLUMNS)


def same_fit(one, other):
    """Whether two fits ended in the same parameters, to the bit."""
    pairs = zip(one.coefs_ + one.intercepts_, other.coefs_ + other.intercepts_, strict=True)
    return all(np.array_equal(*pair) for pair in pairs)


@pytest.fixture
def routing():
    with config_context(enable_metadata_routing=True):
        yield


@pytest.mark.parametrize("kind", KINDS)
def test_a_clone_has_the_parameters_and_none_of_the_fit(kind):
    model, features, targets = fitted(kind, alpha=0.5, hidden_layer_sizes=(3, 2))
    twin = base.clone(model)
    assert twin.get_params() == model.get_params()
    assert not hasattr(twin, "coefs_")
    assert same_fit(twin.fit(features, targets), model)


def test_parameters_are_got_and_set_by_name():
    model = classifier()
    assert model.set_params(alpha=0.25, solver="sgd") is model
    assert model.get_params()["alpha"] == model.alpha == 0.25
    assert list(model.get_params()) == sorted(model.get_params())
    assert model.get_params()["solver"] == "sgd"
    with pytest.raises(ValueError, match="Invalid parameter 'depth' for estimator"):
        model.set_params(depth=3)


def test_the_representation_has_what_is_not_the_default():
    assert repr(MLPClassifier(alpha=0.5, max_iter=3)) == "MLPClassifier(alpha=0.5, max_iter=3)"
    assert repr(MLPRegressor()) == "MLPRegressor()"


def test_notebooks_show_it_as_a_box():
    model = classifier()
    assert "not fitted" in model._repr_html_().lower()
    shown = pipeline.make_pipeline(preprocessing.StandardScaler(), model.fit(X, Y))._repr_html_()
    assert "MLPClassifier" in shown
    assert "StandardScaler" in shown
    assert "<span>Fitted</span>" in model._repr_html_()


def test_in_a_pipeline():
    model = pipeline.make_pipeline(preprocessing.StandardScaler(), classifier())
    scores = model.fit(X, Y).score(X, Y)
    alone = classifier().fit(preprocessing.StandardScaler().fit_transform(X), Y)
    assert scores > 0.8
    assert same_fit(model[-1], alone)


def test_behind_a_column_transformer_of_a_table():
    pandas = pytest.importorskip("pandas")
    frame = table().assign(colour=np.where(X[:, 0] > 0, "red", "blue"))
    columns = compose.make_column_transformer(
        (preprocessing.StandardScaler(), TABLE_COLUMNS),
        (preprocessing.OneHotEncoder(sparse_output=False), ["colour"]),
    )
    model = pipeline.make_pipeline(columns, classifier())
    model.fit(frame, pandas.Series(Y, name="kind"))
    assert model[-1].n_features_in_ == 6
    assert model.score(frame, Y) > 0.8


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_set_output_of_what_comes_before_gives_it_names(container):
    pytest.importorskip(container)
    scaler = preprocessing.StandardScaler().set_output(transform=container)
    model = pipeline.make_pipeline(scaler, classifier()).fit(table(), Y)
    if not hasattr(
        preprocessing.StandardScaler().fit(model[:-1].transform(table())), "feature_names_in_"
    ):
        pytest.skip(f"this scikit-learn sees no names in this {container}")
    assert model[-1].feature_names_in_.tolist() == TABLE_COLUMNS


def test_names_of_features_are_kept_and_held_to():
    model = classifier().fit(table(), Y)
    assert model.feature_names_in_.tolist() == TABLE_COLUMNS
    assert model.feature_names_in_.dtype == object
    assert np.array_equal(model.predict_proba(table()), classifier().fit(X, Y).predict_proba(X))
    with pytest.raises(ValueError, match="should match those that were passed during fit"):
        model.predict(table()[TABLE_COLUMNS[::-1]])
    with pytest.raises(ValueError, match="should match those that were passed during fit"):
        model.predict_proba(table().rename(columns={"a": "z"}))
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        model.predict(X)
    with pytest.warns(
        UserWarning, match="X has feature names, but MLPClassifier was fitted without"
    ):
        classifier().fit(X, Y).predict(table())
    assert not hasattr(model.fit(X, Y), "feature_names_in_")


@pytest.mark.parametrize("rows", [X[:, :3], np.ones((5, 6))])
def test_another_number_of_features_is_refused(rows):
    model = classifier(max_iter=2).fit(X, Y)
    words = f"X has {rows.shape[1]} features, but MLPClassifier is expecting 4 features as input"
    with pytest.raises(ValueError, match=words):
        model.predict(rows)


@pytest.mark.parametrize(
    "weights", [np.ones(119), np.arange(120) - 5.0, np.zeros(120), np.ones((120, 2)), "even"]
)
def test_weights_that_cannot_be_are_refused_and_nothing_changes(weights):
    for model, y in ((classifier(), Y), (regressor(), Y_NUMBER)):
        before = dict(vars(model))
        with pytest.raises(ValueError, match="weight"):
            model.fit(X, y, sample_weight=weights)
        assert vars(model) == before


def test_a_fit_that_diverges_is_no_model_unless_there_is_a_best_to_go_back_to():
    wild = {"solver": "sgd", "activation": "identity", "learning_rate_init": 1.0, "max_iter": 200}
    with pytest.raises(ValueError, match="non-finite parameter weights"):
        regressor(**wild, hidden_layer_sizes=100).fit(X, 1e3 * Y_NUMBER)
    model = regressor(**wild, hidden_layer_sizes=100, early_stopping=True)
    with pytest.warns(exceptions.ConvergenceWarning):
        model.fit(X, 1e3 * Y_NUMBER)
    assert np.isnan(model.validation_scores_[-1])
    assert len(model.validation_scores_) == len(model.loss_curve_) == model.n_iter_
    assert np.isfinite(model.predict(X)).all()


def test_what_has_not_been_fitted_predicts_nothing():
    for method in ("predict", "predict_proba", "predict_log_proba"):
        with pytest.raises(exceptions.NotFittedError, match="not fitted yet"):
            getattr(classifier(), method)(X)
    with pytest.raises(exceptions.NotFittedError, match="not fitted yet"):
        regressor().predict(X)


@pytest.mark.parametrize("route", [False, True], ids=["without routing", "with routing"])
@pytest.mark.parametrize("weighted", [False, True], ids=["as they are", "weighted"])
@pytest.mark.parametrize("make", [classifier, regressor])
def test_in_searches(make, weighted, route):
    features, targets = (X, Y) if make is classifier else (X_NUMBER, Y_NUMBER)
    grid, given = {"alpha": [1e-4, 100.0]}, {"sample_weight": WEIGHTS} if weighted else {}
    with config_context(enable_metadata_routing=route):
        model = make()
        if route and weighted:
            model.set_fit_request(sample_weight=True).set_score_request(sample_weight=False)
        exact = model_selection.GridSearchCV(model, grid, cv=2).fit(features, targets, **given)
        drawn = model_selection.RandomizedSearchCV(model, grid, n_iter=2, cv=2, random_state=0)
        drawn.fit(features, targets, **given)
    assert exact.best_params_ == drawn.best_params_ == {"alpha": 1e-4}
    best = make(alpha=1e-4).fit(features, targets, **given)
    assert same_fit(exact.best_estimator_, best)
    assert same_fit(drawn.best_estimator_, best)
    assert not weighted or not same_fit(best, make(alpha=1e-4).fit(features, targets))


def test_weights_that_nobody_asked_for_are_refused_where_metadata_are_routed(routing):
    search = model_selection.GridSearchCV(classifier(), {"alpha": [1e-4]}, cv=2)
    with pytest.raises(
        ValueError, match=r"\[sample_weight\] are passed but are not explicitly set"
    ):
        search.fit(X, Y, sample_weight=WEIGHTS)


def test_what_is_requested_survives_a_clone(routing):
    model = classifier().set_fit_request(sample_weight="importance")
    twin = base.clone(model)
    assert twin.get_metadata_routing().fit.requests["sample_weight"] == "importance"
    twin.set_fit_request(sample_weight=False)
    model.get_metadata_routing().fit.add_request(param="sample_weight", alias="other")
    assert model.get_metadata_routing().fit.requests["sample_weight"] == "importance"
    with pytest.raises(TypeError, match="colour"):
        model.set_fit_request(colour=True)


@pytest.mark.slow  # two processes import all anew
def test_in_searches_with_two_processes():
    search = model_selection.GridSearchCV(classifier(), {"alpha": [1e-4, 100.0]}, cv=2, n_jobs=2)
    assert same_fit(search.fit(X, Y).best_estimator_, classifier().fit(X, Y))


@pytest.mark.parametrize("make", [classifier, regressor])
def test_in_cross_validation(make):
    features, targets = (X, Y) if make is classifier else (X_NUMBER, Y_NUMBER)
    scores = model_selection.cross_val_score(make(), features, targets, cv=3)
    found = model_selection.cross_validate(make(), features, targets, cv=3, return_estimator=True)
    assert scores.tolist() == found["test_score"].tolist()
    assert scores.min() > 0.5
    splits = model_selection.check_cv(3, targets, classifier=make is classifier)
    train, test = next(splits.split(features, targets))
    alone = make().fit(features[train], targets[train])
    assert same_fit(found["estimator"][0], alone)
    assert scores[0] == alone.score(features[test], targets[test])


def test_in_cross_validation_by_several_scores():
    scoring = ["accuracy", "neg_log_loss", "roc_auc_ovr", "f1_macro"]
    found = model_selection.cross_validate(classifier(), X, Y, cv=2, scoring=scoring)
    assert found["test_neg_log_loss"].max() < 0
    assert (
        min(found[f"test_{name}"].min() for name in ("accuracy", "roc_auc_ovr", "f1_macro")) > 0.6
    )
    predicted = model_selection.cross_val_predict(classifier(), X, Y, cv=2, method="predict_proba")
    assert predicted.shape == (120, 3)


def test_a_learning_curve_rises():
    _, train, test = model_selection.learning_curve(
        classifier(), X, Y, train_sizes=[0.2, 1.0], cv=3, exploit_incremental_learning=False
    )
    assert train.shape == test.shape == (2, 3)
    assert test[1].mean() > test[0].mean()
    _, _, parts = model_selection.learning_curve(
        classifier(), X, Y, train_sizes=[0.5, 1.0], cv=3, exploit_incremental_learning=True
    )
    assert np.isfinite(parts).all()


def test_permutation_finds_the_column_that_counts():
    targets = (X[:, 2] > 0).astype(int)
    model = classifier().fit(X, targets)
    found = inspection.permutation_importance(model, X, targets, n_repeats=3, random_state=0)
    assert found.importances_mean.argmax() == 2


def test_decision_boundaries_are_drawn():
    pytest.importorskip("matplotlib").use("agg")
    pyplot = pytest.importorskip("matplotlib.pyplot")
    for targets in (Y, Y > 2):
        model = classifier().fit(X[:, :2], targets)
        shown = inspection.DecisionBoundaryDisplay.from_estimator(
            model, X[:, :2], response_method="predict", grid_resolution=20
        )
        assert set(np.unique(shown.response)) <= {0, 1, 2}
    shown = inspection.DecisionBoundaryDisplay.from_estimator(
        model, X[:, :2], response_method="predict_proba", grid_resolution=20
    )
    grid = np.column_stack([shown.xx0.ravel(), shown.xx1.ravel()])
    np.testing.assert_allclose(shown.response.ravel(), model.predict_proba(grid)[:, 1])
    pyplot.close("all")


def test_partial_dependence_of_either():
    for make, features, targets in [(classifier, X, Y), (regressor, X_NUMBER, Y_NUMBER)]:
        found = inspection.partial_dependence(
            make(max_iter=5).fit(features, targets), features, [0], grid_resolution=5
        )
        assert found["average"].shape == ((3, 5) if make is classifier else (1, 5))


LOGISTIC = linear_model.LogisticRegression(solver="newton-cholesky")
OF_CLASSES = {
    "voting": lambda: ensemble.VotingClassifier(
        [("mlp", classifier()), ("linear", LOGISTIC)], voting="soft"
    ),
    "stacking": lambda: ensemble.StackingClassifier([("mlp", classifier())], LOGISTIC, cv=2),
    "calibrated": lambda: calibration.CalibratedClassifierCV(classifier(), cv=2),
    "bagging": lambda: ensemble.BaggingClassifier(classifier(), n_estimators=3, random_state=0),
    "one against the rest": lambda: multiclass.OneVsRestClassifier(classifier()),
    "one against one": lambda: multiclass.OneVsOneClassifier(classifier()),
    "boosted": lambda: ensemble.AdaBoostClassifier(classifier(), n_estimators=2, random_state=0),
    "thresholds": lambda: multiclass.OneVsRestClassifier(
        model_selection.TunedThresholdClassifierCV(classifier(), cv=2, thresholds=5)
    ),
}


@pytest.mark.parametrize("make", OF_CLASSES.values(), ids=OF_CLASSES)
def test_as_a_part_of_other_classifiers(make):
    model = make().fit(X, Y)
    assert model.score(X, Y) > 0.7
    assert set(model.predict(X)) == {2, 3, 7}


OF_NUMBERS = {
    "voting": lambda: ensemble.VotingRegressor([("mlp", regressor())]),
    "stacking": lambda: ensemble.StackingRegressor([("mlp", regressor())], cv=2),
    "bagging": lambda: ensemble.BaggingRegressor(regressor(), n_estimators=3, random_state=0),
    "targets changed": lambda: compose.TransformedTargetRegressor(
        regressor(), transformer=preprocessing.StandardScaler()
    ),
}


@pytest.mark.parametrize("make", OF_NUMBERS.values(), ids=OF_NUMBERS)
def test_as_a_part_of_other_regressors(make):
    assert make().fit(X_NUMBER, Y_NUMBER).score(X_NUMBER, Y_NUMBER) > 0.7


def test_one_for_each_output():
    features, labels = problem("labels", samples=120)
    model = multioutput.MultiOutputClassifier(classifier()).fit(features, labels)
    assert model.predict(features).shape == labels.shape
    features, numbers = problem("numbers", samples=120)
    model = multioutput.MultiOutputRegressor(regressor()).fit(features, numbers)
    assert model.score(features, numbers) > 0.7
    chain = multioutput.RegressorChain(regressor()).fit(features, numbers)
    assert chain.predict(features).shape == numbers.shape


def dumped(model, path):
    joblib = pytest.importorskip("joblib")
    joblib.dump(model, path)
    return joblib.load(path)


@pytest.mark.parametrize("way", ["pickle", "joblib", "compressed"])
@pytest.mark.parametrize("kind", KINDS)
def test_pickled_it_predicts_and_goes_on_the_same(kind, way, tmp_path):
    model, features, targets = fitted(kind)
    if way == "pickle":
        twin = pickle.loads(pickle.dumps(model))
    else:
        twin = dumped(model, tmp_path / ("model.joblib" + ".gz" * (way == "compressed")))
    assert np.array_equal(twin.predict(features), model.predict(features))
    assert twin.loss_curve_ == model.loss_curve_
    before = [each.copy() for each in model.coefs_]
    twin.partial_fit(features, targets)
    assert all(map(np.array_equal, before, model.coefs_))
    assert same_fit(model.partial_fit(features, targets), twin)
    for each in (*model.coefs_, *twin.coefs_):
        assert not np.isnan(each).any()


def test_the_kind_of_estimator_is_known():
    for model, is_one in [(classifier(), base.is_classifier), (regressor(), base.is_regressor)]:
        assert is_one(model)
    assert not base.is_classifier(regressor())
    for name in ("MLPClassifier", "MLPRegressor"):
        tags = [utils.get_tags(getattr(module, name)()) for module in (ours, theirs)]
        assert tags[0] == tags[1]


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_parameters_are_theirs_with_their_defaults_and_then_our_own(name):
    mine, wanted = (
        dict(inspect.signature(getattr(module, name)).parameters) for module in (ours, theirs)
    )
    for parameter, of_theirs in wanted.items():
        assert mine[parameter].default == of_theirs.default
    if WEIGHTED:  # a regressor's loss stands first from 1.7 on
        by_place = [
            [n for n, p in each.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
            for each in (mine, wanted)
        ]
        assert by_place[0] == by_place[1]
        for method in ("fit", "partial_fit", "predict", "score"):
            taken = [
                list(inspect.signature(getattr(getattr(each, name), method)).parameters)
                for each in (ours, theirs)
            ]
            assert taken[0][: len(taken[1])] == taken[1]


def test_a_parameter_that_is_wrong_is_named_when_it_is_fitted():
    for wrong in [
        {"solver": "newton"},
        {"activation": "softstep"},
        {"learning_rate": "falling"},
        {"learning_rate_init": 0.0},
        {"alpha": -1.0},
        {"power_t": -1.0},
        {"epsilon": 0.0},
        {"max_iter": 0},
        {"max_iter": np.inf},
        {"max_iter": "auto"},
        {"max_fun": 0},
        {"tol": -1.0},
        {"momentum": 1.5},
        {"beta_1": 1.5},
        {"beta_2": -0.5},
        {"validation_fraction": 1.0},
        {"batch_size": 0},
        {"batch_size": np.inf},
        {"hidden_layer_sizes": (5, 0)},
        {"hidden_layer_sizes": "10"},
        {"n_iter_no_change": 0},
        {"shuffle": "yes"},
        {"random_state": "now"},
    ]:
        for model in (classifier(**wrong), regressor(**wrong)):
            before = dict(vars(model))
            with pytest.raises(ValueError, match=next(iter(wrong))):
                model.fit(X, Y)
            assert vars(model) == before


def test_what_is_said_on_the_way_is_what_theirs_says(capsys):
    said = []
    for module in (ours, theirs):
        settings = {**QUICK, "verbose": True, "max_iter": 12, "n_iter_no_change": 2}
        for more in (
            {},
            {"early_stopping": True},
            {"tol": 1.0},
            {"tol": 1.0, "early_stopping": True},
        ):
            module.MLPClassifier(**settings, **more).fit(X, Y)
        module.MLPClassifier(
            **{**settings, "solver": "sgd", "learning_rate": "adaptive", "tol": 1.0, "max_iter": 40}
        ).fit(X, Y)
        module.MLPRegressor(**settings).partial_fit(X_NUMBER, Y_NUMBER)
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]
    assert "Iteration 1, loss = " in said[0]
    assert "Validation score: " in said[0]
    assert "Setting learning rate to" in said[0]
