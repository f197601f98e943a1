"""How eight ways to learn compare on four data sets, with scikit-learn."""

import warnings

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits, load_iris, make_circles, make_moons
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import MinMaxScaler

warnings.filterwarnings("ignore", category=ConvergenceWarning)

sgd = {"solver": "sgd", "learning_rate_init": 0.2}
plain = sgd | {"momentum": 0}
heavy = sgd | {"momentum": 0.9, "nesterovs_momentum": False}
nesterov = sgd | {"momentum": 0.9, "nesterovs_momentum": True}
strategies = {
    "constant": plain | {"learning_rate": "constant"},
    "constant, momentum": heavy | {"learning_rate": "constant"},
    "constant, Nesterov": nesterov | {"learning_rate": "constant"},
    "falling": plain | {"learning_rate": "invscaling"},
    "falling, momentum": heavy | {"learning_rate": "invscaling"},
    "falling, Nesterov": nesterov | {"learning_rate": "invscaling"},
    "adaptive": plain | {"learning_rate": "adaptive"},
    "adam": {"solver": "adam", "learning_rate_init": 0.01},
}
problems = {
    "iris": load_iris(return_X_y=True),
    "digits": load_digits(return_X_y=True),
    "circles": make_circles(noise=0.2, factor=0.5, random_state=1),
    "moons": make_moons(noise=0.3, random_state=0),
}

scores = {label: [] for label in strategies}
figure, axes = plt.subplots(2, 2, figsize=(16, 9), layout="constrained")
for ax, (problem, (X, y)) in zip(axes.flat, problems.items(), strict=True):
    scaled = MinMaxScaler().fit_transform(X)
    epochs = 15 if problem == "digits" else 400
    for label, settings in strategies.items():
        model = MLPClassifier(max_iter=epochs, random_state=0, **settings).fit(scaled, y)
        scores[label].append(model.score(scaled, y))
        print(f"{problem:8} {label:20} accuracy {scores[label][-1]:.3f}  loss {model.loss_:.4f}")
        ax.plot(model.loss_curve_, label=label)
    ax.set_title(problem)
    ax.set_xlabel("epoch")
    ax.set_ylabel("loss")
    ax.set_yscale("log")
    ax.legend()
figure.savefig("learning_strategies.png")

means = {label: sum(found) / len(found) for label, found in scores.items()}
best = max(means, key=means.get)
print(f"best on average: {best}, accuracy {means[best]:.3f}")
