"""How far diabetes has gone after a year: a line and a network beside each other."""

import matplotlib.pyplot as plt
from sklearn.datasets import load_diabetes
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import train_test_split

import backproplite as bp

X, y = load_diabetes(return_X_y=True, scaled=False)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=0)


def build_and_fit(layers, learning_rate):
    scaled = [bp.Standardize.of(X_train), *layers]
    loss = bp.StandardizedTargets.of(y_train)
    return bp.Network(scaled, loss, bp.Adam(learning_rate), seed=0).fit(
        X_train,
        y_train,
        epochs=200,
        batch_size=32,
        validation_split=0.2,
        metrics=mean_absolute_error,
        callbacks=bp.EarlyStopping(20, monitor="val_mean_absolute_error"),
    )


linear = build_and_fit([bp.Dense(10, 1)], learning_rate=0.01)
network = build_and_fit(
    [bp.Dense(10, 32), bp.ReLU(), bp.Dense(32, 32), bp.ReLU(), bp.Dense(32, 1)], learning_rate=0.001
)
print(network.summary())

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 5))
bp.plots.loss_curves({"linear": linear, "network": network}, ax=left)
predictions = network.predict(X_test).ravel()
right.scatter(y_test, predictions)
right.axline((150, 150), slope=1, color="grey")
right.set_xlabel("measured")
right.set_ylabel("predicted")
figure.savefig("regression.png")

network.save("regression.npz")
again = bp.Network.load("regression.npz")
for label, model in {"linear": linear, "network": again}.items():
    found = model.evaluate(X_test, y_test, metrics=mean_absolute_error)
    print(f"{label}: mean absolute error {found['mean_absolute_error']:.1f}")
