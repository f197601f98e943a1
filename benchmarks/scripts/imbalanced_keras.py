"""Frauds, two in a hundred, among payments: class weights, precision and recall, with Keras."""

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers
from sklearn.datasets import make_classification
from sklearn.metrics import average_precision_score, classification_report
from sklearn.model_selection import train_test_split

X, y = make_classification(
    30_000, n_features=30, n_informative=12, weights=[0.98], flip_y=0, class_sep=1.5, random_state=0
)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, stratify=y, random_state=0)
print(f"{y_train.sum()} frauds among {len(y_train)} payments")

mean, deviation = X_train.mean(axis=0), X_train.std(axis=0)
X_train = (X_train - mean) / deviation
X_test = (X_test - mean) / deviation

honest, frauds = np.bincount(y_train)
class_weight = {0: len(y_train) / (2 * honest), 1: len(y_train) / (2 * frauds)}

keras.utils.set_random_seed(0)
model = keras.Sequential(
    [
        keras.Input(shape=(X_train.shape[1],)),
        layers.Dense(64, activation="relu"),
        layers.Dropout(0.3),
        layers.Dense(32, activation="relu"),
        layers.Dropout(0.3),
        layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=0.001),
    loss="binary_crossentropy",
    metrics=[
        keras.metrics.Precision(name="precision"),
        keras.metrics.Recall(name="recall"),
        keras.metrics.AUC(name="auc", curve="PR"),
    ],
)
early_stopping = keras.callbacks.EarlyStopping(
    monitor="val_auc", mode="max", patience=5, restore_best_weights=True
)
history = model.fit(
    X_train,
    y_train,
    epochs=50,
    batch_size=256,
    validation_split=0.2,
    class_weight=class_weight,
    callbacks=[early_stopping],
    verbose=2,
)

figure, axes = plt.subplots(1, 3, figsize=(14, 4))
for ax, name in zip(axes, ["loss", "precision", "recall"], strict=True):
    ax.plot(history.history[name], label="training")
    ax.plot(history.history[f"val_{name}"], label="validation")
    ax.set_title(name)
    ax.set_xlabel("epoch")
    ax.legend()
figure.savefig("imbalanced.png")

probabilities = model.predict(X_test, verbose=0).ravel()
print(classification_report(y_test, probabilities > 0.5, target_names=["honest", "fraud"]))
print(f"average precision {average_precision_score(y_test, probabilities):.3f}")
