"""How far diabetes has gone after a year: a line and a network beside each other, with Keras."""

import keras
import matplotlib.pyplot as plt
from keras import layers
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split

X, y = load_diabetes(return_X_y=True, scaled=False)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=0)


def build_and_fit(hidden, learning_rate):
    normalizer = layers.Normalization()
    normalizer.adapt(X_train)
    model = keras.Sequential(
        [normalizer, *[layers.Dense(width, activation="relu") for width in hidden], layers.Dense(1)]
    )
    model.compile(optimizer=keras.optimizers.Adam(learning_rate), loss="mse", metrics=["mae"])
    early_stopping = keras.callbacks.EarlyStopping(
        monitor="val_mae", patience=20, restore_best_weights=True
    )
    history = model.fit(
        X_train, y_train, epochs=200, validation_split=0.2, callbacks=[early_stopping], verbose=0
    )
    return model, history


keras.utils.set_random_seed(0)
linear, linear_history = build_and_fit([], learning_rate=1.0)
network, network_history = build_and_fit([32, 32], learning_rate=0.01)
network.summary()

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 5))
for label, history in {"linear": linear_history, "network": network_history}.items():
    left.plot(history.history["loss"], label=f"{label}, training")
    left.plot(history.history["val_loss"], label=f"{label}, validation")
left.set_xlabel("epoch")
left.set_ylabel("loss")
left.set_yscale("log")
left.legend()
predictions = network.predict(X_test, verbose=0).ravel()
right.scatter(y_test, predictions)
right.axline((150, 150), slope=1, color="grey")
right.set_xlabel("measured")
right.set_ylabel("predicted")
figure.savefig("regression.png")

network.save("regression.keras")
again = keras.models.load_model("regression.keras")
for label, model in {"linear": linear, "network": again}.items():
    loss, error = model.evaluate(X_test, y_test, verbose=0)
    print(f"{label}: mean absolute error {error:.1f}")
