"""Which network suits breast cancer best: a grid search over a pipeline."""

from sklearn.datasets import load_breast_cancer
from sklearn.metrics import classification_report
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from backproplite import MLPClassifier

cancer = load_breast_cancer()
X_train, X_test, y_train, y_test = train_test_split(
    cancer.data, cancer.target, test_size=0.3, stratify=cancer.target, random_state=0
)

pipeline = Pipeline(
    [
        ("scale", StandardScaler()),
        ("mlp", MLPClassifier(solver="adam", max_iter=300, early_stopping=True, random_state=0)),
    ]
)
grid = {
    "mlp__hidden_layer_sizes": [(16,), (64,), (32, 16)],
    "mlp__activation": ["tanh", "relu"],
    "mlp__alpha": [1e-4, 1e-2],
    "mlp__learning_rate_init": [0.003, 0.03],
}
search = GridSearchCV(pipeline, grid, cv=5, scoring="accuracy")
search.fit(X_train, y_train)

results = search.cv_results_
for place in results["rank_test_score"].argsort()[:5]:
    mean, spread = results["mean_test_score"][place], results["std_test_score"][place]
    print(f"{mean:.3f} ± {spread:.3f}  {results['params'][place]}")
print(f"best in cross-validation: {search.best_score_:.3f} with {search.best_params_}")
print(classification_report(y_test, search.predict(X_test), target_names=cancer.target_names))
print(f"test accuracy {search.score(X_test, y_test):.3f}")
