"""Handwritten digits, with the accuracy after each epoch, saved and loaded again."""

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import backproplite as bp

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X / 16, y, test_size=0.2, stratify=y, random_state=0
)

network = bp.Network(
    [bp.Dense(64, 64), bp.ReLU(), bp.Dense(64, 64), bp.ReLU(), bp.Dense(64, 10)],
    loss=bp.SoftmaxCrossEntropy(),
    optimizer=bp.Momentum(learning_rate=0.05),
    seed=0,
    dtype="float32",
)
print(network.summary())
network.fit(
    X_train,
    y_train,
    epochs=20,
    batch_size=32,
    validation_data=(X_test, y_test),
    metrics="accuracy",
    progress=True,
)

network.save("digits.npz")
network = bp.Network.load("digits.npz")
probabilities = network.predict(X_test[:1])[0]
guess = probabilities.argmax()
print(f"the first is a {y_test[0]}; guessed {guess}, with {probabilities[guess]:.1%}")
print(f"test accuracy {network.evaluate(X_test, y_test, metrics='accuracy')['accuracy']:.3f}")
