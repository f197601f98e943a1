"""How often `diagnose` is right: on healthy networks at all stages, and on ones made sick on purpose.

Prints two tables. Healthy: each network is diagnosed at several epochs of its training, and
counts if in the end it has learnt; any finding then is a false verdict. Sick: each must get one of
the findings that are right for it, and after the cure that the finding names, none.
`python benchmarks/diagnoses.py --seeds 5` takes some minutes; `--verbose` prints every miss.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read once, when NumPy is imported

import argparse
import collections
import itertools

import numpy as np

import backproplite as bp
from backproplite.diagnostics import diagnose

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


def network(problem, optimizer, seed, dtype="float64", **shape):
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
    ("xor", lambda: bp.GradientDescent(0.5), {"activation": bp.Sigmoid, "width": 4}, (0, 50, 500, 1000, 2000, 5000), None),
    ("xor", lambda: bp.GradientDescent(2.0), {"activation": bp.Sigmoid, "width": 4}, (0, 50, 500, 3000), None),
    ("xor", lambda: bp.Adam(0.05), {"activation": bp.Sigmoid, "width": 4}, (0, 10, 50, 100, 200, 1000), None),
    ("xor", lambda: bp.Adam(), {"activation": bp.Sigmoid, "width": 4}, (0, 100, 500, 1000, 2000, 6000), None),
    ("xor", lambda: bp.Momentum(0.1), {"activation": bp.Tanh, "width": 4}, (0, 20, 100, 1000), None),
    ("xor", lambda: bp.Adam(0.01), {"width": 8, "weights": bp.He()}, (0, 20, 100, 1000), None),
    ("xor", lambda: bp.RMSProp(), {"activation": bp.Sigmoid, "width": 8}, (0, 20, 100, 1000), None),
    ("digits", lambda: bp.Momentum(0.05), {"width": 64}, EARLY, 32),
    ("digits", lambda: bp.Adam(), {"width": 64}, EARLY, 32),
    ("digits", lambda: bp.AdamW(), {"width": 64}, EARLY, 32),
    ("digits", lambda: bp.RMSProp(0.001), {"width": 64}, EARLY, 32),
    ("digits", lambda: bp.GradientDescent(0.1), {"width": 64}, EARLY, 32),
    ("digits", lambda: bp.Momentum(0.05), {"width": 64, "dtype": "float32"}, EARLY, 32),
    ("digits", lambda: bp.Adam(), {"width": 64, "activation": bp.Sigmoid}, (0, 1, 5, 60), 32),
    ("digits", lambda: bp.Adam(), {"width": 64, "activation": bp.Tanh, "dtype": "float32"}, EARLY, 32),
    ("digits", lambda: bp.Adam(0.003), {"width": 64, "between": norm_and_dropout}, EARLY, 32),
    ("digits", lambda: bp.Momentum(0.05), {"width": 64, "between": batch_norm}, EARLY, 32),
    ("digits", lambda: bp.Adam(), {"width": 32, "between": layer_norm, "depth": 4}, EARLY, 32),
    ("digits", lambda: bp.Momentum(bp.CosineSchedule(0.05, steps=60 * 19)), {"width": 64}, EARLY, 32),
    ("digits", lambda: bp.Adam(bp.WarmUpSchedule(200, 0.003)), {"width": 64}, EARLY, 32),
    ("moons", lambda: bp.Adam(0.01), {"activation": bp.Tanh}, (0, 5, 50, 300), 32),
    ("moons", lambda: bp.Adam(), {"activation": bp.Tanh}, (0, 5, 50, 300), 32),
    ("moons", lambda: bp.GradientDescent(0.5), {"weights": bp.He()}, (0, 5, 50, 1000), None),
    ("moons, MSE", lambda: bp.Momentum(0.3), {"activation": bp.Tanh}, (0, 5, 50, 300), 32),
    ("moons", lambda: bp.Adam(0.01), {"activation": bp.Sigmoid, "depth": 3}, (0, 5, 50, 300), 32),
    ("moons", lambda: bp.Adam(0.01), {"activation": bp.Sigmoid, "depth": 5}, (0, 5, 50, 300), 32),
    ("moons", lambda: bp.Adam(0.003), {"weights": bp.He(), "depth": 10}, (0, 5, 50, 200), 32),
    ("moons", lambda: bp.Adam(0.003), {"activation": bp.Tanh, "depth": 10}, (0, 5, 50, 200), 32),
    ("moons", lambda: bp.Adam(0.01), {"activation": bp.GELU}, (0, 5, 50, 300), 32),
    ("moons", lambda: bp.Adam(0.01), {"activation": bp.LeakyReLU, "width": 8}, (0, 5, 50, 300), 32),
    ("spirals", lambda: bp.Adam(0.005), {"width": 32, "depth": 3, "weights": bp.He()}, (0, 5, 50, 300), 32),
    ("spirals", lambda: bp.Momentum(0.05), {"width": 32, "depth": 3, "activation": bp.Tanh}, (0, 5, 50, 500), 32),
    ("spirals", lambda: bp.Adam(0.005), {"width": 32, "depth": 3, "activation": bp.ELU}, (0, 5, 50, 300), 32),
    ("smooth", lambda: bp.Momentum(0.01), {"width": 32, "activation": bp.Tanh}, (0, 5, 100, 500), 32),
    ("smooth", lambda: bp.RMSProp(0.003), {"width": 32}, (0, 5, 100, 500), 32),
    ("smooth", lambda: bp.Adam(0.01), {"width": 32, "activation": bp.SiLU, "dtype": "float32"}, (0, 5, 100, 300), 32),
    ("noisy", lambda: bp.Adam(0.01), {"width": 8, "activation": bp.Tanh}, (0, 5, 50, 300, 1000), 32),
    ("noisy", lambda: bp.GradientDescent(0.05), {"width": 8, "activation": bp.Softplus}, (0, 5, 50, 300, 2000), None),
    ("noisy", lambda: bp.Momentum(0.01), {"depth": 1}, (0, 5, 50, 300, 1000), 32),
    ("prices", lambda: bp.Adam(0.05), {"width": 32}, (0, 5, 50, 500), 32),
    ("line", lambda: bp.GradientDescent(0.1), {"depth": 1}, (0, 5, 50, 500), None),
    ("line", lambda: bp.Adam(0.05), {"depth": 1}, (0, 5, 50, 500), None),
    ("two labels", lambda: bp.Adam(0.005), {"width": 32}, (0, 5, 50, 200), 32),
]
#: A share of what guesses cost that a healthy network gets below; noise keeps these from less.
GOOD = collections.defaultdict(lambda: 0.25, {"noisy": 0.7})


def left(trained):
    """The loss of a network as a part of what its outputs cost, dealt out at random."""
    problem, made = trained
    (X, y), *_ = LOSSES[problem]
    outputs = made.forward(X)
    other = np.random.default_rng(1).integers(len(X), size=(2, 2000))
    y = np.asarray(y)
    return made.evaluate(X, y) / made.loss(outputs[other[0]], y[other[1]])


def check_healthy(seeds, verbose):
    wrong = looked = unlearnt = 0
    for problem, optimizer, settings, epochs, batch_size in HEALTHY:
        X, y = LOSSES[problem][0]
        here = [0, 0, 0]
        for seed in range(seeds):
            made, seen = network(problem, optimizer(), seed, **settings), []
            for before, epoch in itertools.pairwise((0, *epochs)):
                if epoch > before:
                    made.fit(X, y, epochs=epoch - before, batch_size=batch_size)
                seen.append((epoch, diagnose(made, X, y)))
            if left((problem, made)) > GOOD[problem]:
                here[2] += 1
                continue
            here[1] += len(seen)
            for epoch, diagnosis in seen:
                here[0] += not diagnosis.healthy
                if verbose and not diagnosis.healthy:
                    print("FALSE", problem, made.optimizer, settings, seed, epoch, diagnosis.verdict)
        print(f"{problem:11} {here[0]:3} of {here[1]:4}  unlearnt {here[2]}  {made.optimizer!r:45} {settings}")
        wrong, looked, unlearnt = wrong + here[0], looked + here[1], unlearnt + here[2]
    print(f"false verdicts on healthy networks: {wrong} of {looked} ({unlearnt} runs did not learn)\n")


def rate_times(optimizer, factor):
    made = optimizer()
    made.learning_rate *= factor
    return made


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
SGD, ADAM = (lambda: bp.GradientDescent(0.1)), (lambda: bp.Adam(0.005))


def wrong_weights():
    """Problem, optimizer, sick settings, findings that fit, cured settings."""
    for problem in ("xor", "moons", "digits", "spirals"):
        for optimizer in (SGD, lambda: bp.Momentum(0.02), lambda: bp.RMSProp(0.003), ADAM, lambda: bp.AdamW(0.005)):
            deep = {"depth": 10, "width": 16}
            relu, he = {"activation": bp.ReLU}, {"weights": bp.He()}
            sigmoid, tanh = {"activation": bp.Sigmoid}, {"activation": bp.Tanh}
            vanishing = ["vanishing gradients"]
            yield problem, optimizer, deep | sigmoid, vanishing, deep | relu | he
            yield problem, optimizer, deep | sigmoid, vanishing, deep | sigmoid | {"between": batch_norm}
            tiny = {"weights": bp.Normal(deviation=0.001)}
            five = {"depth": 5, "width": 16}
            yield problem, optimizer, five | relu | tiny, vanishing, five | relu | he
            yield problem, optimizer, five | tanh | tiny, vanishing, five | tanh
            yield problem, optimizer, five | relu | tiny, vanishing, five | relu | tiny | {"between": batch_norm}
            for deviation, depth in ((2, 10), (3, 5), (5, 5), (5, 10)):
                shape = {"depth": depth, "width": 32}
                large = {"weights": bp.Normal(deviation=deviation)}
                yield problem, optimizer, shape | relu | large, (["exploding gradients", "saturated units"] if problem == "xor" else ["exploding gradients"]), shape | relu | he
                both = ["saturated units", "exploding gradients"]
                yield problem, optimizer, shape | tanh | large, both, shape | tanh
            shape = {"depth": 6, "width": 32}
            large = {"weights": bp.Normal(deviation=2)}
            yield problem, optimizer, shape | relu | large, (["exploding gradients", "saturated units"] if problem == "xor" else ["exploding gradients"]), shape | relu | large | {"between": batch_norm}
            off = {"bias": bp.Constant(-10)}
            shape = {"width": 16}
            yield problem, optimizer, shape | relu | off, ["dead units"], shape | relu
            yield problem, optimizer, shape | relu | off, ["dead units"], shape | off | {"activation": bp.LeakyReLU}


class Score:
    def __init__(self, verbose):
        self.rows, self.verbose = collections.defaultdict(lambda: [0, 0, 0, 0]), verbose

    def add(self, group, sick, expected, cured, what):
        row = self.rows[group]
        names = [finding.name for finding in sick.findings]
        found = any(name in names for name in expected)
        row[0] += found
        row[1] += 1
        if cured is not None:
            still = [f.name for f in cured.findings]
            row[2] += not still
            row[3] += 1
            if still and self.verbose:
                print("STILL", what, cured.verdict)
        if not found and self.verbose:
            print("MISSED", what, expected, sick.verdict)

    def print(self):
        for group, (found, of, cured, tried) in self.rows.items():
            print(f"{group:60} found {found:3} of {of:3}   healthy when cured {cured:3} of {tried:3}")
        found, of, cured, tried = (sum(column) for column in zip(*self.rows.values(), strict=True))
        print(f"sick networks found: {found} of {of}; healthy when cured: {cured} of {tried}")


def check_sick(seeds, verbose):
    score = Score(verbose)
    for problem, kind, rate, settings in GOOD_RATES:
        X, y = LOSSES[problem][0]
        for seed in range(seeds):
            good = diagnose(network(problem, kind(rate), seed, **settings), X, y)
            for factor, name in ((100, "learning rate too high"), (0.001, "learning rate too low")):
                made = network(problem, kind(factor * rate), seed, **settings)
                score.add(f"{name}, {kind.__name__}", diagnose(made, X, y), [name], good, (problem, kind, rate, factor, settings, seed))
    for problem, optimizer, sick, expected, cure in wrong_weights():
        X, y = LOSSES[problem][0]
        for seed in range(seeds):
            one, other = (diagnose(network(problem, optimizer(), seed, **s), X, y) for s in (sick, cure))
            score.add(" or ".join(expected) + f", {type(optimizer()).__name__}", one, expected, other, (problem, optimizer(), sick, cure, seed))
    score.print()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--only", choices=["healthy", "sick"])
    arguments = parser.parse_args()
    if arguments.only != "sick":
        check_healthy(arguments.seeds, arguments.verbose)
    if arguments.only != "healthy":
        check_sick(arguments.seeds, arguments.verbose)
