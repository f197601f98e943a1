"""S1 to S5: the time of one training step, beside bare NumPy, scikit-learn, PyTorch and JAX.

Every contender trains the same network on the same batch with one thread. Each round starts from
fresh networks, and all take turns, so that a noisy machine disturbs them alike.
"""

import functools
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from . import bare
from .measuring import installed, ratio_row, timed

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


def goals(bare_numpy, sklearn, torch, jax):
    return {"numpy": bare_numpy, "sklearn": sklearn, "torch": torch, "jax": jax}


WORKLOADS = {
    "S1": Workload(
        title="XOR 2-4-1 sigmoid, squared error, float64, batch 4, gradient descent",
        sizes=(2, 4, 1),
        batch=4,
        optimizer="gradient descent",
        bare=bare.xor,
        goals=goals(1.25, 0.5, 0.12, 1.0),
    ),
    "S2": Workload(
        title="digits 64-64-10 ReLU, float32, batch 32, momentum",
        sizes=(64, 64, 10),
        batch=32,
        optimizer="momentum",
        bare=bare.two_layers_momentum,
        goals=goals(1.1, 0.5, 0.2, 0.65),
    ),
    "S3": Workload(
        title="tabular 30-100-2 ReLU, float32, batch 200, momentum",
        sizes=(30, 100, 2),
        batch=200,
        optimizer="momentum",
        bare=bare.two_layers_momentum,
        goals=goals(1.0, 0.5, 0.33, 0.65),
    ),
    "S4": Workload(
        title="784-128-10 ReLU, float32, batch 128, Adam",
        sizes=(784, 128, 10),
        batch=128,
        optimizer="adam",
        bare=bare.two_layers_adam,
        goals=goals(1.05, 0.7, 0.75, 1.0),
    ),
    "S5": Workload(
        title="784-512-512-512-10 ReLU, float32, batch 256, momentum",
        sizes=(784, 512, 512, 512, 10),
        batch=256,
        optimizer="momentum",
        bare=bare.four_layers_momentum,
        goals=goals(1.05, 0.85, 0.95, 1.4),
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

    torch.set_num_threads(1)
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


@functools.cache
def jax_step(is_xor, optimizer, learning_rate):
    """Return a compiled step: parameters, memory, x and targets to these two and the loss."""
    import jax
    import jax.numpy as jnp

    def loss_of(parameters, x, y):
        *hidden, last = zip(parameters[::2], parameters[1::2], strict=True)
        for weight, bias in hidden:
            x = jax.nn.sigmoid(x @ weight + bias) if is_xor else jax.nn.relu(x @ weight + bias)
        x = x @ last[0] + last[1]
        if is_xor:
            return jnp.mean((jax.nn.sigmoid(x) - y) ** 2)
        return -jnp.mean(jax.nn.log_softmax(x)[jnp.arange(len(y)), y])

    def moved(gradients, memory):
        if optimizer == "gradient descent":
            return [learning_rate * g for g in gradients], memory
        if optimizer == "momentum":
            velocities = [
                0.9 * v + learning_rate * g for v, g in zip(memory, gradients, strict=True)
            ]
            return velocities, velocities
        steps, means, squares = memory
        steps += 1
        means = [0.9 * m + 0.1 * g for m, g in zip(means, gradients, strict=True)]
        squares = [0.999 * s + 0.001 * g * g for s, g in zip(squares, gradients, strict=True)]
        rate = learning_rate / (1 - 0.9**steps)
        scale = (1 - 0.999**steps) ** 0.5
        changes = [
            rate * m / (jnp.sqrt(s) / scale + 1e-8) for m, s in zip(means, squares, strict=True)
        ]
        return changes, (steps, means, squares)

    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def step(parameters, memory, x, y):
        loss, gradients = jax.value_and_grad(loss_of)(parameters, x, y)
        changes, memory = moved(gradients, memory)
        return [p - c for p, c in zip(parameters, changes, strict=True)], memory, loss

    return step


def jax_jitted(work, X, y):
    import jax.numpy as jnp

    compiled = jax_step(work.is_xor, work.optimizer, work.learning_rate)
    parameters = [jnp.array(each) for each in work.start()]
    memory = [jnp.zeros_like(each) for each in parameters]
    if work.optimizer == "adam":
        memory = (jnp.float32(0), memory, [jnp.zeros_like(each) for each in parameters])
    X, y = jnp.array(X), jnp.array(y)

    def step():
        nonlocal parameters, memory
        parameters, memory, loss = compiled(parameters, memory, X, y)
        return float(loss)

    return repeat(step)


CONTENDERS = {  # name: (the module it needs, the function that builds it)
    "fit": ("backproplite", our_fit),
    "our train_step": ("backproplite", our_train_step),
    "bare NumPy": ("numpy", bare_numpy),
    "scikit-learn fit": ("sklearn", sklearn_fit),
    "scikit-learn partial_fit": ("sklearn", sklearn_partial_fit),
    "PyTorch": ("torch", torch_eager),
    "JAX": ("jax", jax_jitted),
}


def check_same_work(work, builders, steps=100):
    """Assert that all but scikit-learn, which has its own start, report the same losses."""
    tolerance = 1e-10 if work.dtype == "float64" else 1e-5
    X, y = work.data()
    expected = bare_numpy(work, X, y)(steps)
    for name, build in builders.items():
        if not name.startswith("scikit-learn"):
            atol = tolerance * bare_numpy(work, X, y)(1)
            loss = build(work, X, y)(steps)
            np.testing.assert_allclose(loss, expected, tolerance, atol, err_msg=name)


def seconds_of(work, builders, rounds):
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


def measure(figures, quick):
    """Return the rows of some of S1 to S5."""
    if installed("jax") is not None:
        import jax

        jax.config.update("jax_enable_x64", True)
    builders = {name: build for name, (m, build) in CONTENDERS.items() if installed(m) is not None}
    for label in figures:
        work = WORKLOADS[label]
        check_same_work(work, builders)
        seconds = seconds_of(work, builders, 3 if quick else 25)
        for name, theirs in seconds.items():
            if name != "fit":
                goal = work.goals.get(CONTENDERS[name][0])
                if name.endswith("partial_fit"):
                    goal = None
                yield ratio_row(label, work.title, name, "µs", seconds["fit"], theirs, goal, 1e6)
