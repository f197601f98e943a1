"""The median time of one training step: ours beside bare NumPy, scikit-learn and PyTorch.

Every contender trains the same network on the same batch with one thread. They take turns, round
after round, so that a noisy machine disturbs all of them alike, and each round starts from fresh
networks. A ratio is the median over the rounds of ours / theirs, both from the same round: below
1, ours is faster. README.md says what the rows mean.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read once, when NumPy is imported
os.environ.setdefault("MKL_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import importlib
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import bare
import numpy as np

SECONDS = 0.03  # the least that a contender trains in each round


@dataclass
class Workload:
    """A network, its batch and its optimizer, with the goals of ours / theirs."""

    title: str
    sizes: tuple
    batch: int
    optimizer: str
    bare: Callable
    goals: dict  # by the module of the contender

    @property
    def is_xor(self):
        """Whether it is float64, sigmoids and squared errors; else float32, ReLU, softmax."""
        return self.optimizer == "gradient descent"

    @property
    def dtype(self):
        """The type of all arrays but the labels."""
        return "float64" if self.is_xor else "float32"

    @property
    def learning_rate(self):
        """Small enough for random data, where a network can only learn by heart."""
        return {"gradient descent": 0.5, "momentum": 0.01, "adam": 0.001}[self.optimizer]

    def data(self):
        """One batch: the four points of XOR, or random inputs with random labels."""
        if self.is_xor:
            return np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[0.0], [1], [1], [0]])
        rng = np.random.default_rng(0)
        X = rng.standard_normal((self.batch, self.sizes[0]), dtype=np.float32)
        return X, rng.integers(self.sizes[-1], size=self.batch)

    def start(self):
        """Parameters to start from, in the order weight, bias, weight, bias, ..."""
        rng = np.random.default_rng(1)
        parameters = []
        for fan_in, fan_out in zip(self.sizes, self.sizes[1:], strict=False):
            weight = rng.standard_normal((fan_in, fan_out)) * (2 / fan_in) ** 0.5
            parameters += [weight.astype(self.dtype), np.zeros(fan_out, self.dtype)]
        return parameters


def goals(bare_numpy, sklearn, torch):
    return {"bare": bare_numpy, "sklearn": sklearn, "torch": torch}


WORKLOADS = {
    "S1": Workload(
        title="XOR 2-4-1 sigmoid, squared error, float64, batch 4, gradient descent",
        sizes=(2, 4, 1),
        batch=4,
        optimizer="gradient descent",
        bare=bare.xor,
        goals=goals(1.25, 0.5, 0.12),
    ),
    "S2": Workload(
        title="digits 64-64-10 ReLU, float32, batch 32, momentum",
        sizes=(64, 64, 10),
        batch=32,
        optimizer="momentum",
        bare=bare.two_layers_momentum,
        goals=goals(1.2, 0.5, 0.2),
    ),
    "S3": Workload(
        title="tabular 30-100-2 ReLU, float32, batch 200, momentum",
        sizes=(30, 100, 2),
        batch=200,
        optimizer="momentum",
        bare=bare.two_layers_momentum,
        goals=goals(1.15, 0.5, 0.33),
    ),
    "S4": Workload(
        title="784-128-10 ReLU, float32, batch 128, Adam",
        sizes=(784, 128, 10),
        batch=128,
        optimizer="adam",
        bare=bare.two_layers_adam,
        goals=goals(1.1, 0.8, 0.8),
    ),
    "S5": Workload(
        title="784-512-512-512-10 ReLU, float32, batch 256, momentum",
        sizes=(784, 512, 512, 512, 10),
        batch=256,
        optimizer="momentum",
        bare=bare.four_layers_momentum,
        goals=goals(1.1, 1.0, 0.9),
    ),
}


# The contenders. Each builds its network and returns run(steps), which makes that many training
# steps on the batch and returns the loss that the last of them reported.


def our_network(work):
    import backproplite as bp

    layers = []
    for fan_in, fan_out in zip(work.sizes, work.sizes[1:], strict=False):
        layers += [bp.Dense(fan_in, fan_out), bp.Sigmoid() if work.is_xor else bp.ReLU()]
    network = bp.Network(
        layers if work.is_xor else layers[:-1],
        loss=bp.MeanSquaredError() if work.is_xor else bp.SoftmaxCrossEntropy(),
        optimizer={
            "gradient descent": bp.GradientDescent,
            "momentum": bp.Momentum,
            "adam": bp.Adam,
        }[work.optimizer](learning_rate=work.learning_rate),
        seed=0,
        dtype=work.dtype,
    )
    start = work.start()
    for layer, weight, bias in zip(network.layers[::2], start[::2], start[1::2], strict=True):
        layer.weight[...] = weight
        layer.bias[...] = bias
    return network


def our_fit(work, X, y):
    network = our_network(work)

    def run(steps):
        network.fit(X, y, epochs=steps)
        return network.history["loss"][-1]

    return run


def our_train_step(work, X, y):
    network = our_network(work)
    return repeat(lambda: network.train_step(X, y))


def bare_numpy(work, X, y):
    step = work.bare(work.start(), work.learning_rate)
    return repeat(lambda: step(X, y))


def sklearn_model(work):
    """Start from weights of its own; for XOR its output is linear, which is less work."""
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    return (MLPRegressor if work.is_xor else MLPClassifier)(
        hidden_layer_sizes=work.sizes[1:-1],
        activation="logistic" if work.is_xor else "relu",
        solver="adam" if work.optimizer == "adam" else "sgd",
        learning_rate_init=work.learning_rate,
        momentum=0.9 if work.optimizer == "momentum" else 0.0,
        nesterovs_momentum=False,
        alpha=0.0,
        batch_size=work.batch,
        shuffle=False,
        tol=0.0,
        n_iter_no_change=10**9,  # never stop early
        warm_start=True,
        random_state=0,
    )


def sklearn_fit(work, X, y):
    from sklearn.exceptions import ConvergenceWarning

    model = sklearn_model(work)
    y = y.ravel()

    def run(steps):
        with warnings.catch_warnings():  # max_iter is the number of steps that we ask for
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.set_params(max_iter=steps).fit(X, y)
        return model.loss_

    return run


def sklearn_partial_fit(work, X, y):
    model = sklearn_model(work)
    y = y.ravel()
    model.partial_fit(X, y, **({} if work.is_xor else {"classes": np.arange(work.sizes[-1])}))
    return repeat(lambda: model.partial_fit(X, y).loss_)


def torch_eager(work, X, y):
    import torch
    from torch import nn

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    layers = []
    for weight, bias in zip(work.start()[::2], work.start()[1::2], strict=True):
        linear = nn.Linear(*weight.shape)
        linear.weight = nn.Parameter(torch.tensor(weight.T.copy()))
        linear.bias = nn.Parameter(torch.tensor(bias))
        layers += [linear, nn.Sigmoid() if work.is_xor else nn.ReLU()]
    network = nn.Sequential(*(layers if work.is_xor else layers[:-1]))
    loss_function = nn.MSELoss() if work.is_xor else nn.CrossEntropyLoss()
    if work.optimizer == "adam":
        optimizer = torch.optim.Adam(network.parameters(), work.learning_rate, fused=True)
    else:
        momentum = 0.9 if work.optimizer == "momentum" else 0.0
        optimizer = torch.optim.SGD(
            network.parameters(), work.learning_rate, momentum=momentum, fused=True
        )
    X, y = torch.tensor(X), torch.tensor(y)

    def step():
        optimizer.zero_grad()
        loss = loss_function(network(X), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return repeat(step)


def repeat(step):
    def run(steps):
        for _ in range(steps):
            loss = step()
        return loss

    return run


CONTENDERS = {  # name: (the module it needs, the function that builds it)
    "ours fit": ("backproplite", our_fit),
    "ours train_step": ("backproplite", our_train_step),
    "bare NumPy": ("bare", bare_numpy),
    "sklearn fit": ("sklearn", sklearn_fit),
    "sklearn partial_fit": ("sklearn", sklearn_partial_fit),
    "torch": ("torch", torch_eager),
}


def check_same_work(work, builders):
    """Assert that all but scikit-learn, which has its own start, report the same third loss."""
    tolerance = 1e-10 if work.dtype == "float64" else 1e-4
    X, y = work.data()
    expected = bare_numpy(work, X, y)(4)  # the loss before the fourth update, so after three
    for name, build in builders.items():
        if not name.startswith("sklearn"):
            np.testing.assert_allclose(build(work, X, y)(4), expected, tolerance, err_msg=name)


def measure(work, builders, rounds):
    """Seconds of a step for each contender, one figure a round."""
    X, y = work.data()
    steps = {name: steps_to_time(build(work, X, y)) for name, build in builders.items()}
    seconds = {name: [] for name in builders}
    for _ in range(rounds):
        for name, build in builders.items():
            run = build(work, X, y)
            run(3)  # warm up
            seconds[name].append(timed(run, steps[name]) / steps[name])
    return seconds


def steps_to_time(run):
    """How many steps take at least SECONDS."""
    steps = 5
    while timed(run, steps) < SECONDS:
        steps *= 2
    return steps


def timed(run, steps):
    started = time.perf_counter()
    run(steps)
    return time.perf_counter() - started


def report(label, work, seconds):
    """Print one row for each contender."""
    print(f"\n{label} {work.title}")
    for name, theirs in seconds.items():
        goal = work.goals.get(CONTENDERS[name][0])
        columns = [f"{statistics.median(theirs) * 1e6:10.1f}"]
        for ours in ("ours fit", "ours train_step"):
            known = goal and ours in seconds
            columns.append(f"{ratio(seconds[ours], theirs):10.3f}" if known else " " * 10)
        columns.append(f"{goal:10.2f}" if goal else "")
        print(f"   {name:20}{''.join(columns)}".rstrip(), flush=True)


def ratio(ours, theirs):
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    parser.add_argument("--without", nargs="+", choices=["backproplite", "sklearn", "torch"])
    parser.add_argument("--rounds", type=int, default=25)
    options = parser.parse_args()

    sys.path.insert(0, str(Path(__file__).parent.parent))  # the checkout, installed or not
    builders = {}
    for name, (module, build) in CONTENDERS.items():
        if module in (options.without or []):
            continue
        try:
            version = getattr(importlib.import_module(module), "__version__", "")
        except ModuleNotFoundError as error:
            print(f"{name}: left out, {error}")
            continue
        print(f"{name}: {module} {version}" if version else f"{name}: NumPy {np.__version__}")
        builders[name] = build

    for label in options.only:
        check_same_work(WORKLOADS[label], builders)

    print(f"\nMedians of {options.rounds} rounds, {os.environ['OPENBLAS_NUM_THREADS']} thread(s)")
    print(f"   {'':20}{'µs/step':>10}{'fit/it':>10}{'step/it':>10}{'goal ≤':>10}")
    for label in options.only:
        work = WORKLOADS[label]
        report(label, work, measure(work, builders, options.rounds))


if __name__ == "__main__":
    main()
