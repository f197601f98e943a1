"""S8: what a prediction costs, beside bare NumPy, scikit-learn and PyTorch: 64-64-10, float32."""

import warnings

import numpy as np

from .measuring import MEMORY, fresh, installed, ratio_row, timed

MILLION = f"""
{MEMORY}
import sys
import numpy as np, backproplite as bp
X = np.ones((int(sys.argv[1]), 64), np.float32)
network = bp.Network([bp.Dense(64, 64), bp.ReLU(), bp.Dense(64, 10)], bp.SoftmaxCrossEntropy(),
                     seed=0, dtype="float32")
network.predict(X[:10])
before = megabytes("VmRSS")
P = network.predict(X)
print(megabytes("VmHWM") - before - P.nbytes / 1e6)
"""


def contenders():
    """Return functions of X that give probabilities, of the same network where it can be set."""
    import backproplite as bp

    network = bp.Network(
        [bp.Dense(64, 64), bp.ReLU(), bp.Dense(64, 10)],
        bp.SoftmaxCrossEntropy(),
        seed=0,
        dtype="float32",
    )
    parameters = [network.layers[i].named_parameters() for i in (0, 2)]
    (weight_1, bias_1), (weight_2, bias_2) = ((p["weight"], p["bias"]) for p in parameters)

    def bare(X):
        logits = np.maximum(X @ weight_1 + bias_1, 0) @ weight_2 + bias_2
        exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
        return exponentials / exponentials.sum(axis=1, keepdims=True)

    found = {"ours": network.predict, "bare NumPy": bare}
    if installed("sklearn") is not None:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.neural_network import MLPClassifier

        model = MLPClassifier((64,), max_iter=1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(np.eye(20, 64, dtype=np.float32), np.arange(20) % 10)
        model.coefs_, model.intercepts_ = [weight_1, weight_2], [bias_1, bias_2]
        found["scikit-learn"] = model.predict_proba
    if installed("torch") is not None:
        import torch

        torch.set_num_threads(1)
        first, last = torch.nn.Linear(64, 64), torch.nn.Linear(64, 10)
        pairs = (first.weight, weight_1.T), (first.bias, bias_1), (last.weight, weight_2.T)
        with torch.no_grad():
            for theirs, value in (*pairs, (last.bias, bias_2)):
                theirs[...] = torch.tensor(value.copy())
        net = torch.nn.Sequential(first, torch.nn.ReLU(), last, torch.nn.Softmax(1))

        def of_torch(X):
            with torch.inference_mode():
                return net(torch.from_numpy(X)).numpy()

        found["PyTorch"] = of_torch
    return found


def call(function, X, times):
    for _ in range(times):
        function(X)


def measure(figures, quick):
    """Return the rows of S8."""
    goals = {1: {"scikit-learn": 0.15, "PyTorch": 0.5}, 10_000: {"bare NumPy": 1.1}}
    found = contenders()
    for rows, goal in goals.items():
        X = np.random.default_rng(0).random((rows, 64), dtype=np.float32)
        for name, function in found.items():
            np.testing.assert_allclose(function(X), found["ours"](X), 1e-4, 1e-6, err_msg=name)
        calls = 500 if rows == 1 else 3
        seconds = {name: [] for name in found}
        for _ in range(5 if quick else 41):
            for name, function in found.items():
                taken = timed(call, function, X, calls)
                seconds[name].append(taken / calls)
        work = f"predict, {rows:,} row{'s' * (rows > 1)}"
        for name, theirs in seconds.items():
            if name != "ours":
                ours = seconds["ours"]
                yield ratio_row("S8", work, name, "µs", ours, theirs, goal.get(name), 1e6)
    rounds = 1 if quick else 3
    few, many = ([fresh(MILLION, n)[0] for _ in range(rounds)] for n in (100_000, 1_000_000))
    work = "predict, 1,000,000 rows: memory beside input and output"
    yield ratio_row("S8", work, "100,000 rows", "MB", many, few, 1.1)
