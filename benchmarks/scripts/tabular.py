"""Prices from a table: residual blocks, dropout, a falling rate, the best kept."""

from sklearn.datasets import make_friedman1
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.model_selection import train_test_split

import backproplite as bp

X, y = make_friedman1(2000, n_features=10, noise=1.0, random_state=0)
y = 200_000 + 10_000 * (y - y.mean())
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0)


def block(width, dropout=0.3):
    return bp.Residual(
        [bp.Dense(width, width), bp.ReLU(), bp.Dropout(dropout), bp.Dense(width, width)]
    )


network = bp.Network(
    [
        bp.Standardize.of(X_train),
        bp.Dense(X.shape[1], 64),
        block(64),
        block(64),
        bp.ReLU(),
        bp.Dense(64, 1),
    ],
    loss=bp.StandardizedTargets.of(y_train, bp.Huber()),
    optimizer=bp.AdamW(0.003, weight_decay=0.1, clip_norm=1.0),
    seed=0,
    dtype="float32",
)
stopping = bp.EarlyStopping(patience=20)
network.fit(
    X_train,
    y_train,
    epochs=200,
    batch_size=64,
    validation_split=0.2,
    callbacks=[bp.ReduceOnPlateau(factor=0.5, patience=5), stopping],
    progress=True,
)
predictions = network.predict(X_test).ravel()
print(f"best after epoch {stopping.best_epoch}")
print(f"mean absolute error {mean_absolute_error(y_test, predictions):,.0f}")
print(f"R² {r2_score(y_test, predictions):.3f}")
