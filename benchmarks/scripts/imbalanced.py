"""Frauds, two in a hundred, among payments: class weights, precision and recall."""

import matplotlib.pyplot as plt
from sklearn.datasets import make_classification
from sklearn.metrics import (
    average_precision_score,
    classification_report,
    precision_score,
    recall_score,
)
from sklearn.model_selection import train_test_split

import backproplite as bp

X, y = make_classification(
    30_000, n_features=30, n_informative=12, weights=[0.98], flip_y=0, class_sep=1.5, random_state=0
)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, stratify=y, random_state=0)
print(f"{y_train.sum()} frauds among {len(y_train)} payments")

network = bp.Network(
    [
        bp.Standardize.of(X_train),
        bp.Dense(X.shape[1], 64),
        bp.ReLU(),
        bp.Dropout(0.3),
        bp.Dense(64, 32),
        bp.ReLU(),
        bp.Dropout(0.3),
        bp.Dense(32, 1),
    ],
    loss=bp.SigmoidCrossEntropy(),
    optimizer=bp.Adam(learning_rate=0.001),
    seed=0,
)
network.fit(
    X_train,
    y_train,
    epochs=50,
    batch_size=256,
    validation_split=0.2,
    class_weight="balanced",
    metrics=[precision_score, recall_score, average_precision_score],
    callbacks=bp.EarlyStopping(5, monitor="val_average_precision_score"),
    progress=True,
)

figure, axes = plt.subplots(1, 3, figsize=(14, 4))
for ax, name in zip(axes, ["loss", "precision_score", "recall_score"], strict=True):
    ax.plot(network.history[name], label="training")
    ax.plot(network.history[f"val_{name}"], label="validation")
    ax.set_title(name)
    ax.set_xlabel("epoch")
    ax.legend()
figure.savefig("imbalanced.png")

probabilities = network.predict(X_test).ravel()
print(classification_report(y_test, probabilities > 0.5, target_names=["honest", "fraud"]))
print(f"average precision {average_precision_score(y_test, probabilities):.3f}")
