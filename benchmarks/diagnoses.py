"""How often `diagnose` is right, on healthy networks and on ones made sick on purpose.

Prints three tables. Healthy: each network is diagnosed at several epochs of its training, and
counts if in the end it has learnt; any finding then is a false verdict. Unsuited: data, layers and
settings that do not suit each other; each network and its cured twin is diagnosed before and after
training, and the cure helps if it takes a third of the loss away, in units of what the best
constant prediction costs and in the worst column. Sick: each must get a finding that is right for
it, and with the cure that the finding names, none. Rates that are far too high or low count where
training shows that they are. `python benchmarks/diagnoses.py --seeds 5` takes some minutes;
`--verbose` prints every miss.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read once, when NumPy is imported

import argparse
import collections
import contextlib
import copy
import itertools
import warnings

import numpy as np

import backproplite as bp
from backproplite.seeing import Watch, diagnose
from backproplite.seeing.health import best_constant

XOR, MOONS, SPIRALS = bp.datasets.xor(), bp.datasets.moons(), bp.datasets.spirals(300, 3)
DIGITS = tuple(part[:600] for part in bp.datasets.digits())
RNG = np.random.default_rng(5)
FEATURES = RNG.normal(size=(200, 5))
SMOOTH = FEATURES, np.sin(FEATURES[:, 0]) + FEATURES[:, 1] * FEATURES[:, 2]
NOISY = FEATURES, SMOOTH[1] + RNG.normal(size=200)
PRICES = FEATURES, 200 + 50 * SMOOTH[1]
LINE = FEATURES[:, :1], 2 * FEATURES[:, 0] - 1
TWO = FEATURES, np.stack([SMOOTH[1] > 0, FEATURES[:, 3] > 0], axis=1).astype(float)


def layers(data, outputs, activation=bp.ReLU, depth=2, width=16, weights=None, **extra):
    """Dense layers, `depth` of them, with what stands between them."""
    between, bias, last = (extra.get(name) for name in ("between", "bias", "last"))
    made, features = [], data[0].shape[1]
    for _ in range(depth - 1):
        made += [bp.Dense(features, width, weights, bias), *(between(width) if between else ())]
        made += [activation()]
        features = width
    return [*made, bp.Dense(features, outputs, weights), *([last()] if last else [])]


LOSSES = {
    "xor": (XOR, 1, bp.MeanSquaredError, bp.Sigmoid),
    "moons": (MOONS, 1, bp.SigmoidCrossEntropy, None),
    "moons, MSE": (MOONS, 1, bp.MeanSquaredError, bp.Sigmoid),
    "spirals": (SPIRALS, 3, bp.SoftmaxCrossEntropy, None),
    "digits": (DIGITS, 10, bp.SoftmaxCrossEntropy, None),
    "smooth": (SMOOTH, 1, bp.MeanSquaredError, None),
    "noisy": (NOISY, 1, bp.MeanSquaredError, None),
    "prices": (PRICES, 1, bp.MeanSquaredError, None),
    "line": (LINE, 1, bp.MeanSquaredError, None),
    "two labels": (TWO, 2, bp.SigmoidCrossEntropy, None),
}


def network(problem, optimizer, seed, dtype="float64", clip_norm=None, **shape):
    optimizer.clip_norm = clip_norm
    data, outputs, loss, last = LOSSES[problem]
    made = layers(data, outputs, **{"last": last, **shape})
    return bp.Network(made, loss(), optimizer, seed=seed, dtype=dtype)


def batch_norm(width):
    return [bp.BatchNorm(width)]


def layer_norm(width):
    return [bp.LayerNorm(width)]


def norm_and_dropout(width):
    return [bp.BatchNorm(width), bp.Dropout(0.2)]


#: Problem, optimizer, settings of the network, epochs at which to look, batch size.
EARLY = (0, 1, 5, 60)
HEALTHY = [
    (
        "xor",
        lambda: bp.GradientDescent(0.5),
        {"activation": bp.Sigmoid, "width": 4},
        (0, 50, 500, 1000, 2000, 5000),
        None,
    ),
    (
        "xor",
        lambda: bp.GradientDescent(2.0),
        {"activation": bp.Sigmoid, "width": 4},
        (0, 50, 500, 3000),
        None,
    ),
    (
        "xor",
        lambda: bp.Adam(0.05),
        {"activation": bp.Sigmoid, "width": 4},
        (0, 10, 50, 100, 200, 1000),
        None,
    ),
    (
        "xor",
        bp.Adam,
        {"activation": bp.Sigmoid, "width": 4},
        (0, 100, 500, 1000, 1500, 2000, 2500, 6000),
        None,
    ),
    (
        "xor",
        lambda: bp.Momentum(0.1),
        {"activation": bp.Tanh, "width": 4},
        (0, 20, 100, 1000),
        None,
    ),
    ("xor", lambda: bp.Adam(0.01), {"width": 8, "weights": bp.He()}, (0, 20, 100, 1000), None),
    ("xor", bp.RMSProp, {"activation": bp.Sigmoid, "width": 8}, (0, 20, 100, 1000), None),
    ("digits", lambda: bp.Momentum(0.05), {"width": 64}, EARLY, 32),
    ("digits", bp.Adam, {"width": 64}, EARLY, 32),
    ("digits", bp.AdamW, {"width": 64}, EARLY, 32),
    ("digits", lambda: bp.RMSProp(0.001), {"width": 64}, EARLY, 32),
    ("digits", bp.RMSProp, {"width": 128}, EARLY, 32),
    ("digits", lambda: bp.GradientDescent(0.1), {"width": 64}, EARLY, 32),
    ("digits", lambda: bp.Momentum(0.05), {"width": 64, "dtype": "float32"}, EARLY, 32),
    ("digits", bp.Adam, {"width": 64, "activation": bp.Sigmoid}, (0, 1, 5, 60), 32),
    (
        "digits",
        bp.Adam,
        {"width": 64, "activation": bp.Tanh, "dtype": "float32"},
        EARLY,
        32,
    ),
    ("digits", lambda: bp.Adam(0.003), {"width": 64, "between": norm_and_dropout}, EARLY, 32),
    ("digits", lambda: bp.Momentum(0.05), {"width": 64, "between": batch_norm}, EARLY, 32),
    ("digits", bp.Adam, {"width": 32, "between": layer_norm, "depth": 4}, EARLY, 32),
    (
        "digits",
        lambda: bp.Momentum(bp.CosineSchedule(0.05, steps=60 * 19)),
        {"width": 64},
        EARLY,
        32,
    ),
    ("digits", lambda: bp.Adam(bp.WarmUpSchedule(200, 0.003)), {"width": 64}, EARLY, 32),
    ("moons", lambda: bp.Adam(0.01), {"activation": bp.Tanh}, (0, 5, 50, 300), 32),
    ("moons", bp.Adam, {"activation": bp.Tanh}, (0, 5, 50, 300), 32),
    ("moons", lambda: bp.GradientDescent(0.5), {"weights": bp.He()}, (0, 5, 50, 1000), None),
    ("moons, MSE", lambda: bp.Momentum(0.3), {"activation": bp.Tanh}, (0, 5, 50, 300), 32),
    ("moons", lambda: bp.Adam(0.01), {"activation": bp.Sigmoid, "depth": 3}, (0, 5, 50, 300), 32),
    ("moons", lambda: bp.Adam(0.01), {"activation": bp.Sigmoid, "depth": 5}, (0, 5, 50, 300), 32),
    ("moons", lambda: bp.Adam(0.003), {"weights": bp.He(), "depth": 10}, (0, 5, 50, 200), 32),
    ("moons", lambda: bp.Adam(0.003), {"activation": bp.Tanh, "depth": 10}, (0, 5, 50, 200), 32),
    ("moons", lambda: bp.Adam(0.01), {"activation": bp.GELU}, (0, 5, 50, 300), 32),
    ("moons", lambda: bp.Adam(0.01), {"activation": bp.LeakyReLU, "width": 8}, (0, 5, 50, 300), 32),
    (
        "spirals",
        lambda: bp.Adam(0.005),
        {"width": 32, "depth": 3, "weights": bp.He()},
        (0, 5, 50, 300),
        32,
    ),
    (
        "spirals",
        lambda: bp.Momentum(0.05),
        {"width": 32, "depth": 3, "activation": bp.Tanh},
        (0, 5, 50, 500),
        32,
    ),
    (
        "spirals",
        lambda: bp.Adam(0.005),
        {"width": 32, "depth": 3, "activation": bp.ELU},
        (0, 5, 50, 300),
        32,
    ),
    (
        "smooth",
        lambda: bp.Momentum(0.01),
        {"width": 32, "activation": bp.Tanh},
        (0, 5, 100, 500),
        32,
    ),
    ("smooth", lambda: bp.RMSProp(0.003), {"width": 32}, (0, 5, 100, 500), 32),
    (
        "smooth",
        lambda: bp.Adam(0.01),
        {"width": 32, "activation": bp.SiLU, "dtype": "float32"},
        (0, 5, 100, 300),
        32,
    ),
    (
        "noisy",
        lambda: bp.Adam(0.01),
        {"width": 8, "activation": bp.Tanh},
        (0, 5, 50, 300, 1000),
        32,
    ),
    (
        "noisy",
        lambda: bp.GradientDescent(0.05),
        {"width": 8, "activation": bp.Softplus},
        (0, 5, 50, 300, 2000),
        None,
    ),
    ("noisy", lambda: bp.Momentum(0.01), {"depth": 1}, (0, 5, 50, 300, 1000), 32),
    ("prices", lambda: bp.Adam(0.05), {"width": 32}, (0, 5, 50, 500), 32),
    ("line", lambda: bp.GradientDescent(0.1), {"depth": 1}, (0, 5, 50, 500), None),
    ("line", lambda: bp.Adam(0.05), {"depth": 1}, (0, 5, 50, 500), None),
    ("two labels", lambda: bp.Adam(0.005), {"width": 32}, (0, 5, 50, 200), 32),
]
#: A share of what guesses cost that a healthy network gets below; noise keeps these from less.
GOOD = collections.defaultdict(lambda: 0.25, {"noisy": 0.7})


def left(problem, made):
    """Return the loss of a network as a part of what its outputs cost, dealt out at random."""
    (X, y), *_ = LOSSES[problem]
    outputs = made.forward(X)
    other = np.random.default_rng(1).integers(len(X), size=(2, 2000))
    y = np.asarray(y)
    return made.evaluate(X, y) / made.loss(outputs[other[0]], y[other[1]])


def check_healthy(seeds, verbose):
    """Diagnose and watch healthy networks all through their training."""
    total = np.zeros(4, int)
    for (problem, optimizer, settings, epochs, batch_size), seed in itertools.product(
        HEALTHY, range(seeds)
    ):
        (X, y), *_ = LOSSES[problem]
        made, seen = network(problem, optimizer(), seed, **settings), []
        watch = Watch(X[:100], y[:100])
        for before, epoch in itertools.pairwise((0, *epochs)):
            if epoch > before:
                with warnings.catch_warnings(action="ignore"):
                    made.fit(X, y, epoch - before, batch_size, callbacks=watch)
            seen.append(diagnose(made, X, y))
        if left(problem, made) > GOOD[problem]:
            total[3] += 1
            continue
        false = [each for each in [*seen, watch.diagnosis] if each and not each.healthy]
        total[:3] += [
            sum(not each.healthy for each in seen),
            len(seen),
            watch.diagnosis is not None,
        ]
        if false:
            print("FALSE", problem, made.optimizer, settings, seed)
            print(*[each if verbose else each.verdict for each in false], sep="\n")
    wrong, looked, warned, unlearnt = total
    runs = len(HEALTHY) * seeds - unlearnt
    print(f"false verdicts on healthy networks: {wrong} of {looked}; of Watch: {warned} of {runs}")
    print(f"runs that did not learn, and do not count: {unlearnt}\n")


#: Optimizers with a good rate for each problem, and an activation.
GOOD_RATES = [
    ("xor", bp.GradientDescent, 1.0, {"activation": bp.Sigmoid, "width": 4}),
    ("xor", bp.Momentum, 0.1, {"activation": bp.Tanh, "width": 4}),
    ("xor", bp.RMSProp, 0.03, {"activation": bp.Sigmoid, "width": 8}),
    ("xor", bp.Adam, 0.05, {"activation": bp.Tanh, "width": 8}),
    ("xor", bp.AdamW, 0.05, {"activation": bp.Sigmoid, "width": 4}),
    ("digits", bp.GradientDescent, 0.3, {"width": 64}),
    ("digits", bp.Momentum, 0.05, {"width": 64}),
    ("digits", bp.RMSProp, 0.003, {"width": 64}),
    ("digits", bp.Adam, 0.005, {"width": 64}),
    ("digits", bp.AdamW, 0.005, {"width": 64, "activation": bp.Tanh}),
    ("moons", bp.GradientDescent, 0.5, {"weights": bp.He()}),
    ("moons", bp.Momentum, 0.1, {"activation": bp.Tanh}),
    ("moons", bp.RMSProp, 0.01, {"activation": bp.Tanh}),
    ("moons", bp.Adam, 0.02, {"weights": bp.He()}),
    ("moons, MSE", bp.AdamW, 0.02, {"activation": bp.Tanh}),
    ("spirals", bp.GradientDescent, 0.3, {"width": 32, "depth": 3, "weights": bp.He()}),
    ("spirals", bp.Momentum, 0.05, {"width": 32, "depth": 3, "activation": bp.Tanh}),
    ("spirals", bp.Adam, 0.01, {"width": 32, "depth": 3, "weights": bp.He()}),
    ("smooth", bp.GradientDescent, 0.1, {"width": 32, "activation": bp.Tanh}),
    ("smooth", bp.Momentum, 0.01, {"width": 32}),
    ("smooth", bp.Adam, 0.02, {"width": 32, "activation": bp.Tanh}),
    ("two labels", bp.Adam, 0.02, {"width": 32}),
    ("line", bp.GradientDescent, 0.1, {"depth": 1}),
]


OPTIMIZERS = [
    lambda: bp.GradientDescent(0.1),
    lambda: bp.Momentum(0.02),
    lambda: bp.RMSProp(0.001),
    lambda: bp.Adam(0.005),
    lambda: bp.AdamW(0.005),
]
WRONG_RATES = {100: "learning rate too high", 0.001: "learning rate too low"}


def wrong_weights():
    """Yield problem, optimizer, sick settings, findings that fit, cured settings."""
    relu, tanh, sigmoid = ({"activation": each} for each in (bp.ReLU, bp.Tanh, bp.Sigmoid))
    he, tiny = {"weights": bp.He()}, {"weights": bp.Normal(deviation=0.001)}
    normed, off = {"between": batch_norm}, {"bias": bp.Constant(-10)}
    vanishing, exploding, saturated = (
        [f"{each}"] for each in ("vanishing gradients", "exploding gradients", "saturated units")
    )
    deep, five, six = ({"depth": d, "width": w} for d, w in ((10, 16), (5, 16), (6, 32)))
    for problem, optimizer in itertools.product(("xor", "moons", "digits", "spirals"), OPTIMIZERS):
        # Four samples are too few for batch statistics; and a sigmoid ends that network.
        many, ended = problem != "xor", saturated if problem == "xor" else []
        pairs = [
            (deep | sigmoid, vanishing, deep | relu | he),
            (five | relu | tiny, vanishing, five | relu | he),
            (five | tanh | tiny, vanishing, five | tanh),
            (relu | off, ["dead units"], relu),
            (relu | off, ["dead units"], {"activation": bp.LeakyReLU}),
        ]
        for deviation, depth in ((2, 10), (3, 5), (5, 5), (5, 10)):
            shape, large = {"depth": depth, "width": 32}, {"weights": bp.Normal(0, deviation)}
            pairs.append((shape | relu | large, exploding + ended, shape | relu | he))
            pairs.append((shape | tanh | large, saturated + exploding, shape | tanh))
        if many:
            large = six | relu | {"weights": bp.Normal(deviation=2)}
            pairs += [
                (deep | sigmoid, vanishing, deep | sigmoid | normed),
                (large, exploding, large | normed),
                (large, exploding, large | {"clip_norm": 1.0}),
            ]
        for sick, expected, cured in pairs:
            yield problem, optimizer, sick, expected, cured


DECAYS = (bp.GradientDescent, 0.1, 1), (bp.Adam, 0.01, 1), (bp.AdamW, 0.01, 20)
CLASSES = (SPIRALS, 3, bp.SoftmaxCrossEntropy()), (MOONS, 1, bp.SigmoidCrossEntropy())


def unsuited():
    """Yield finding, data, layers and loss of the sick and of the cured, and their optimizers."""
    dense, tanh, relu, mse = bp.Dense, bp.Tanh, bp.ReLU, bp.MeanSquaredError
    X, y = SMOOTH
    y = standard(y)
    pair = np.stack([y, X[:, 3]], axis=1)
    plain = lambda n=1: [dense(5, 32), relu(), dense(32, n)]  # noqa: E731
    for optimizer in (bp.Adam(0.005), bp.RMSProp(0.003), bp.Momentum(0.02), bp.AdamW(0.005)):
        twice = optimizer, optimizer
        for size in (60, 100, 300, 1e4, 1e6, 1e8, 1e-4):
            yield "scale of X", ((X * size, y), plain(), mse()), ((X, y), plain(), mse()), twice
        for size in (1e4, 1e6, 1e8, 1e-4):
            far = 4 * size + size * y
            yield "scale of y", ((X, far), plain(), mse()), ((X, y), plain(), mse()), twice
        for sizes in ([1, 100], [1e-3, 1]):
            sick = (X, pair * sizes), plain(2), mse()
            yield "scale of y", sick, ((X, pair), plain(2), mse()), twice
        for last, targets in ((bp.Sigmoid, 20 * y), (bp.Tanh, 3 * y), (bp.ReLU, 2 * y)):
            sick = (X, targets), [*plain(), last()], mse()
            yield "outputs out of reach", sick, ((X, y), plain(), mse()), twice
        for data, outputs, loss in CLASSES:
            good = [dense(2, 32), tanh(), dense(32, 16), tanh(), dense(16, outputs)]
            cured = data, good, loss
            cut = data, [*good, relu()], loss
            yield "outputs out of reach", cut, cured, twice
            yield "no hidden layer", (data, [dense(2, outputs)], loss), cured, twice
            for n in (2, 3):
                row = [dense(2 if i == 0 else 16, 16) for i in range(n)]
                sick = data, [*row, dense(16, outputs)], loss
                yield "no activation between", sick, cured, twice
            for weights in (bp.Zeros(), bp.Constant(0.3)):
                same = [dense(2, 32, weights), tanh(), dense(32, outputs, weights)]
                yield "units all alike", (data, same, loss), cured, twice
    for kind, rate, decay in DECAYS:
        for data, outputs, loss in CLASSES:
            case = data, [dense(2, 32), tanh(), dense(32, outputs)], loss
            strong, weak = (kind(rate, weight_decay=each) for each in (decay, decay / 1000))
            yield "weight decay too strong", case, case, (strong, weak)


def standard(data):
    """Bring each column to mean 0 and deviation 1."""
    return (data - data.mean(axis=0)) / data.std(axis=0)


def check_unsuited(seeds, verbose):
    """Diagnose data, layers and settings that do not suit each other, and apply the cures."""
    rows = collections.defaultdict(lambda: np.zeros(5, int))
    for name, *cases, optimizers in unsuited():
        for seed in range(seeds):
            results = []
            for (data, stack, loss), optimizer in zip(cases, optimizers, strict=True):
                made = bp.Network(copy.deepcopy(stack), loss, optimizer, seed=seed)
                found = [diagnose(made, *data)]
                with (
                    warnings.catch_warnings(action="ignore"),
                    contextlib.suppress(bp.DivergenceError),
                ):
                    made.fit(*data, epochs=200, batch_size=32)
                with np.errstate(all="ignore"):
                    batch = made.prepare(*data)
                    constant = np.broadcast_to(best_constant(loss, batch), batch.targets.shape)
                    costs, flat = (
                        loss.forward(each, batch.targets)[0].mean(axis=0)
                        for each in (made.forward(batch.x), constant)
                    )
                    share = costs.sum() / flat.sum() if loss.labels else max(costs / flat)
                results.append((found[0], diagnose(made, *data), share))
            (before, after, sick), (fresh, trained, cured) = results
            named = [any(f.name == name for f in each.findings) for each in (before, after)]
            helps = not sick <= 1.5 * cured
            rows[name] += [*named, fresh.healthy, helps, 1]
            if verbose and not (all(named) and fresh.healthy and helps):
                print("UNSUITED", name, cases[0][1:], optimizers, seed, f"{sick:.3g} {cured:.3g}")
                print(*(each.verdict for each in (before, after, fresh, trained)), sep="\n")
    for name, (before, after, healthy, helps, number) in sorted(rows.items()):
        print(
            f"{name:24} found {before:3}, after training {after:3}; "
            f"cured: healthy {healthy:3}, helped {helps:3} of {number:3}"
        )


class Score:
    """How many of the sick networks were found, and how many were healthy when cured."""

    def __init__(self, verbose):
        self.rows, self.verbose = collections.defaultdict(lambda: np.zeros(3, int)), verbose

    def add(self, group, sick, expected, cured, what):
        """Count one network, and print it if something was missed."""
        found = any(finding.name in expected for finding in sick.findings)
        self.rows[group] += [found, cured.healthy, 1]
        if self.verbose and not found:
            print("MISSED", *what, sick.verdict)
        if self.verbose and not cured.healthy:
            print("STILL", *what, cured.verdict)

    def print(self):
        """Print the table."""
        for group, (found, cured, number) in sorted(self.rows.items()):
            print(f"{group:55} found {found:3}, healthy when cured {cured:3} of {number:3}")
        found, cured, number = sum(self.rows.values())
        print(f"sick networks: found {found}, healthy when cured {cured} of {number}")


def learns(problem, made):
    """Train a network as its problem wants it, and tell whether it has learnt."""
    X, y = LOSSES[problem][0]
    epochs, batch_size = (3000, None) if problem in ("xor", "line") else (60, 32)
    try:
        made.fit(X, y, epochs=epochs, batch_size=batch_size)
        with np.errstate(all="ignore"):
            return left(problem, made) <= GOOD[problem]
    except (bp.DivergenceError, bp.InputError):
        return False


def check_rates(seeds, score):
    """Diagnose rates that are too high or low by far, where training shows that they are."""
    anyway = 0
    for problem, kind, rate, settings in GOOD_RATES:
        X, y = LOSSES[problem][0]
        for seed, (factor, name) in itertools.product(range(seeds), WRONG_RATES.items()):
            made = network(problem, kind(factor * rate), seed, **settings)
            sick = diagnose(made, X, y)
            if learns(problem, made):
                anyway += 1
                continue
            cured = diagnose(network(problem, kind(rate), seed, **settings), X, y)
            what = problem, kind.__name__, factor * rate, settings, seed
            score.add(f"{name}, {kind.__name__}", sick, [name], cured, what)
    print(f"{anyway} runs at a rate 100 times too high or 1000 times too low learnt all the same")


def check_weights(seeds, score):
    """Diagnose networks that start from wrong weights, biases or activations."""
    for problem, optimizer, sick, expected, cure in wrong_weights():
        X, y = LOSSES[problem][0]
        for seed in range(seeds):
            made = [network(problem, optimizer(), seed, **settings) for settings in (sick, cure)]
            diagnoses = [diagnose(each, X, y) for each in made]
            what = problem, optimizer(), sick, cure, seed
            group = f"{' or '.join(expected)}, {type(optimizer()).__name__}"
            score.add(group, diagnoses[0], expected, diagnoses[1], what)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--only", choices=["healthy", "sick", "unsuited"])
    arguments = parser.parse_args()
    if arguments.only in (None, "healthy"):
        check_healthy(arguments.seeds, arguments.verbose)
    if arguments.only in (None, "unsuited"):
        check_unsuited(arguments.seeds, arguments.verbose)
    if arguments.only in (None, "sick"):
        score = Score(arguments.verbose)
        check_rates(arguments.seeds, score)
        check_weights(arguments.seeds, score)
        score.print()
