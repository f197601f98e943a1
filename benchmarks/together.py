"""S7: many networks side by side, beside one by one and beside JAX.

The networks of exclusive or are 2-4-1, sigmoid, squared error, float64, full batch, gradient
descent, 2,000 epochs; each has a start and a rate of its own. A whole job is a fresh process.
"""

from itertools import pairwise

import numpy as np

from .measuring import fresh, installed, number_row, ratio_row, take_turns, timed

START = """
import json, sys, time
import numpy as np
count, epochs, again = map(int, sys.argv[1:])
X, y = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[0.0], [1], [1], [0]])
rates = np.linspace(0.1, 0.9, count)
starts = [[rng.normal(size=s) for s in ((2, 4), (4,), (4, 1), (1,))]
          for rng in map(np.random.default_rng, range(count))]
prepare = lambda: None
"""
END = """
losses = job(prepare())
taken = 0
if again:
    prepared = prepare()
    started = time.perf_counter()
    job(prepared)
    taken = time.perf_counter() - started
print(json.dumps([taken, np.asarray(losses)[:, 100].tolist()]))
"""
OURS = """
import backproplite as bp

def prepare():
    networks = []
    for start, rate in zip(starts, rates):
        network = bp.Network([bp.Dense(2, 4), bp.Sigmoid(), bp.Dense(4, 1), bp.Sigmoid()],
                             bp.MeanSquaredError(), bp.GradientDescent(rate), seed=0)
        for layer, weight, bias in zip(network.layers[::2], start[::2], start[1::2]):
            layer.weight[...], layer.bias[...] = weight, bias
        networks.append(network)
    return networks

def job(networks):
    TRAIN
    return [network.history["loss"] for network in networks]
"""
TOGETHER = OURS.replace("TRAIN", "bp.fit_together(networks, X, y, epochs)")
ONE_BY_ONE = OURS.replace("TRAIN", "[network.fit(X, y, epochs) for network in networks]")
JAX = """
import jax
jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp

def loss(parameters, x, y):
    w1, b1, w2, b2 = parameters
    return jnp.mean((jax.nn.sigmoid(jax.nn.sigmoid(x @ w1 + b1) @ w2 + b2) - y) ** 2)

def step(parameters, rate):
    value, gradients = jax.value_and_grad(loss)(parameters, X, y)
    return [p - rate * g for p, g in zip(parameters, gradients)], value

def scan(parameters, rate):
    return jax.lax.scan(lambda p, _: step(p, rate), parameters, None, epochs)[1]

stacked = [np.array(each) for each in zip(*starts)]
"""
SCANS = """
one = jax.jit(scan)
job = lambda _: [np.asarray(one(start, rate)) for start, rate in zip(starts, rates)]
"""
STEPS = """
all_at_once = jax.jit(jax.vmap(step))

def job(_):
    parameters, losses = stacked, []
    for _ in range(epochs):
        parameters, values = all_at_once(parameters, rates)
        losses.append(values)
    return np.array(losses).T
"""
INSIDE = """
all_at_once = jax.jit(jax.vmap(scan))
job = lambda _: np.asarray(all_at_once(stacked, rates))
"""
WAYS = {
    "ours": ("backproplite", TOGETHER),
    "one by one": ("backproplite", ONE_BY_ONE),
    "JAX, one scan a network": ("jax", JAX + SCANS),
    "JAX, vmap and jit of a step": ("jax", JAX + STEPS),
    "JAX, vmap inside a scan": ("jax", JAX + INSIDE),
}


def measure(figures, quick):
    """Return the rows of S7."""
    epochs = 200 if quick else 2000
    for count, goals in ((64, (1 / 30, 1.1)), (1024, (None, 0.6))):
        if not (quick and count > 64):
            rounds = 2 if quick else 5 if count == 64 else 3
            yield from exclusive_or(count, epochs, rounds, *goals)
    yield from larger(quick)
    if installed("joblib") is not None:
        yield processes(quick)


def exclusive_or(count, epochs, rounds, ratio_goal, goal):
    """Compare a number of networks of exclusive or: the training alone, and as a whole job."""
    ways = {name: code for name, (m, code) in WAYS.items() if installed(m) is not None}
    if count > 64:
        del ways["one by one"]  # it takes as long for each as with few, and for all minutes
    alone, jobs = ({name: [] for name in ways} for _ in range(2))
    losses = {}
    for _ in range(rounds):
        for name, code in ways.items():
            (taken, losses[name]), _ = fresh(START + code + END, count, epochs, 1)
            alone[name].append(taken / count / epochs)
            if name != "one by one":
                jobs[name].append(fresh(START + code + END, count, epochs, 0)[1])
    for name, found in losses.items():
        np.testing.assert_allclose(found, losses["ours"], 1e-10, err_msg=name)
    work = f"{count:,} networks of exclusive or"
    micro = [1e6 * each for each in alone["ours"]]
    yield number_row("S7", f"{work}, a network-step", "µs", micro, goal)
    for name, theirs in alone.items():
        if name != "ours":
            goal = ratio_goal if name == "one by one" else None
            what = f"{work}, a network-step"
            yield ratio_row("S7", what, name, "µs", alone["ours"], theirs, goal, 1e6)
    for name, theirs in jobs.items():
        if name.startswith("JAX"):
            what = f"{work}, {epochs:,} epochs from a fresh process"
            yield ratio_row("S7", what, name, "s", jobs["ours"], theirs, 1.0)


def larger(quick):
    """Compare larger networks with one by one."""
    cases = [
        (16, (64, 64, 10), 32, 1500, 1 / 3),
        (64, (64, 64, 10), 32, 1500, 1.0),
        (8, (784, 128, 10), 128, 1280, 1.0),
        (4, (784, 512, 512, 512, 10), 256, 512, 1.0),
    ]
    for count, sizes, batch, samples, goal in cases:
        times = beside_one_by_one(count, sizes, batch, samples, 2 if quick else 9)
        work = f"{count} networks {'-'.join(map(str, sizes))}, float32, batch {batch}, an epoch"
        yield ratio_row(
            "S7", work, "one by one", "ms", times["ours"], times["one by one"], goal, 1e3
        )


def networks_of(count, sizes, dtype="float32"):
    """Return networks with ReLU, softmax and momentum."""
    import backproplite as bp

    networks = []
    for seed in range(count):
        layers = []
        for fan_in, fan_out in pairwise(sizes):
            layers += [bp.Dense(fan_in, fan_out), bp.ReLU()]
        optimizer = bp.Momentum(0.01 / (1 + seed / count))
        loss = bp.SoftmaxCrossEntropy()
        networks.append(bp.Network(layers[:-1], loss, optimizer, seed, dtype))
    return networks


def beside_one_by_one(count, sizes, batch, samples, rounds):
    """Return the seconds of an epoch of all, both ways."""
    import backproplite as bp

    rng = np.random.default_rng(0)
    X = rng.random((samples, sizes[0]), dtype=np.float32)
    y = rng.integers(sizes[-1], size=samples)
    together, others = networks_of(count, sizes), networks_of(count, sizes)
    ways = {
        "ours": lambda: bp.fit_together(together, X, y, 1, batch),
        "one by one": lambda: [network.fit(X, y, 1, batch) for network in others],
    }
    return take_turns(ways, rounds)


def processes(quick):
    """Compare two processes with one."""
    import backproplite as bp

    X, y = bp.datasets.digits()
    seconds = {1: [], 2: []}
    for _ in range(1 if quick else 3):
        for jobs, found in seconds.items():
            networks = networks_of(40 if quick else 200, (64, 64, 10))
            if jobs == 2:
                bp.fit_together(networks_of(2, (64, 64, 10)), X, y, 1, 32, n_jobs=2)  # starts them
            epochs = 2 if quick else 10
            found.append(timed(lambda: bp.fit_together(networks, X, y, epochs, 32, n_jobs=jobs)))  # noqa: B023
    work = f"{40 if quick else 200} networks of digits in two processes"
    return ratio_row("S7", work, "in one", "s", seconds[2], seconds[1], 0.6)
