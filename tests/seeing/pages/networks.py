"""Networks over all layers, activations, losses and optimizers, each with a batch, for pages."""

import itertools

import numpy as np

import backproplite as bp

SAMPLES, FEATURES = 6, 3


class Swish(bp.Layer):
    """x · sigmoid(beta · x), where beta is learnt for each feature."""

    written = {
        "gate": "sigmoid(beta * x)",
        "output": "x * gate",
        "bend": "grad_output * x * gate * (1 - gate)",
        "grad_beta": "sum(bend * x, samples)",
        "grad_input": "grad_output * gate + bend * beta",
    }

    def __init__(self, features):
        self.features = self.in_features = self.out_features = features
        self.add_parameter("beta", (features,), bp.Constant(1.0))

    def forward(self, x):
        gate = 1 / (1 + np.exp(-self.beta * x))
        return x * gate, (x, gate)

    def backward(self, grad_output, cache):
        x, gate = cache
        bend = grad_output * x * gate * (1 - gate)
        self.grad_beta[...] = (bend * x).sum(axis=0)
        return grad_output * gate + bend * self.beta


class Centre(bp.Layer):
    """Takes away a mean that follows the batches, in training too, and stretches."""

    state_names = ("centre", "seen")
    written = {
        "output": "(x - centre) * stretch",
        "grad_input": "grad_output * stretch",
        "seen": "seen + samples",
        "centre": "centre + (mean(x, samples) - centre) * samples / (seen + samples)",
    }

    def __init__(self, features, stretch=1.5):
        self.features, self.stretch = features, stretch
        self.in_features = self.out_features = features
        self.add_state("centre", (features,), 0.0)
        self.add_state("seen", (), 0.0)

    def forward(self, x):
        return (x - self.centre) * self.stretch, x

    def backward(self, grad_output, x):
        return grad_output * self.stretch

    def after_step(self, x):
        self.seen += len(x)
        self.centre += (x.mean(axis=0) - self.centre) * len(x) / self.seen


class Square(bp.Activation):
    written = {"output": "x ** 2 / height", "derivative": "2 * x / height"}

    def __init__(self, height=4.0):
        self.height = height

    def forward(self, x):
        return x * x / self.height, x

    def local_derivative(self, x):
        return 2 * x / self.height


class FourthPower(bp.Loss):
    written = {
        "costs": "weights * (outputs - targets) ** 4",
        "derivative": "4 * weights * (outputs - targets) ** 3",
    }

    def __init__(self, weights=(1.0, 0.5)):
        self.weights = np.asarray(weights)

    def forward(self, outputs, targets):
        error = outputs - targets
        return self.weights * error**4, error

    def backward(self, error):
        return 4 * self.weights * error**3


class Lion(bp.Optimizer):
    """Moves by the sign of a mean of gradients, in two lines of state."""

    state_names = ("mean", "moves")
    written = {
        "mean": "beta * mean + (1 - beta) * gradient",
        "moves": "moves + abs(sign(mean))",
        "parameter": "parameter - learning_rate * sign(mean) / sqrt(moves + 1)",
    }

    def __init__(self, learning_rate=0.01, beta=0.8, **options):
        super().__init__(learning_rate, **options)
        self.beta = beta

    def update(self, parameters, gradients, rate):
        self.mean *= self.beta
        self.mean += (1 - self.beta) * gradients
        self.moves += np.abs(np.sign(self.mean))
        parameters -= rate * np.sign(self.mean) / np.sqrt(self.moves + 1)


def frozen(layer):
    layer.trainable = False
    return layer


def networks():
    """Return pairs of a network and its batch by their names."""
    rng = np.random.default_rng(13)
    X = rng.standard_normal((SAMPLES, FEATURES))
    numbers = rng.standard_normal((SAMPLES, 2))
    answers = rng.integers(0, 2, (SAMPLES, 2)) * 1.0
    classes = rng.integers(0, 4, SAMPLES)
    counts = rng.poisson(2.0, (SAMPLES, 1)) * 1.0
    xor = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])

    def of(layers, loss, optimizer, y, x=X, steps=0):
        network = bp.Network(layers, loss, optimizer, seed=42)
        for _ in range(steps):
            network.train_step(x, y)
        return network, x, y

    def dense(*sizes, between=bp.Tanh):
        layers = []
        for wide, wider in itertools.pairwise(sizes):
            layers += [bp.Dense(wide, wider), between()]
        return layers[:-1]

    block = [bp.Dense(5, 5), bp.Dropout(0.25), bp.BatchNorm(5), bp.SiLU(), bp.Dense(5, 5)]
    cosine = bp.CosineSchedule(0.05, steps=60, final=0.001)
    scaled = bp.StandardizedTargets.of(100 + 30 * numbers, bp.Huber(0.7))
    rate = bp.WarmUpSchedule(10, bp.ExponentialSchedule(0.02, 0.5, every=40))
    return {
        "xor": of(
            dense(2, 4, 1, between=bp.Sigmoid) + [bp.Sigmoid()],
            bp.MeanSquaredError(),
            bp.GradientDescent(0.5),
            (xor.sum(axis=1) == 1)[:, np.newaxis],
            xor,
        ),
        "one sample": of(
            dense(3, 4, 2), bp.HalfSquaredError(), bp.Momentum(0.05), numbers[:1], X[:1]
        ),
        "nesterov, identity": of(
            dense(3, 5, 2, between=bp.Identity),
            bp.MeanAbsoluteError(),
            bp.Momentum(0.01, nesterov=True),
            numbers,
        ),
        "relu, huber, decay": of(
            dense(3, 6, 4, 2, between=bp.ReLU),
            bp.Huber(0.5),
            bp.RMSProp(0.01, weight_decay=0.1),
            numbers,
        ),
        "leaky, adam": of(
            [bp.Dense(3, 5), bp.LeakyReLU(0.2), bp.Dense(5, 2)],
            bp.MeanSquaredError(),
            bp.Adam(0.02, clip_value=0.05),
            numbers,
        ),
        "elu, adamw, schedule": of(
            [bp.Dense(3, 5), bp.ELU(0.7), bp.Dense(5, 2)],
            bp.HalfSquaredError(),
            bp.AdamW(cosine, weight_decay=0.2, clip_norm=0.5),
            numbers,
        ),
        "gelu, batch norm": of(
            [bp.Dense(3, 5), bp.BatchNorm(5), bp.GELU(), bp.Dense(5, 2)],
            bp.MeanSquaredError(),
            bp.GradientDescent(0.1, clip_norm=0.1, clip_value=0.08),
            numbers,
            steps=3,
        ),
        "silu, layer norm": of(
            [bp.LayerNorm(3), bp.Dense(3, 5), bp.LayerNorm(5, 1e-3), bp.SiLU(), bp.Dense(5, 2)],
            bp.MeanSquaredError(),
            bp.Adam(0.01),
            numbers,
        ),
        "softplus, dropout": of(
            [bp.Dropout(0.2), bp.Dense(3, 7), bp.Softplus(), bp.Dropout(0.5), bp.Dense(7, 2)],
            bp.MeanSquaredError(),
            bp.RMSProp(rate),
            numbers,
            steps=2,
        ),
        "binary": of(
            [*dense(3, 5, 2), bp.Sigmoid()],
            bp.BinaryCrossEntropy(),
            bp.GradientDescent(0.3),
            answers,
        ),
        "binary logits": of(
            dense(3, 5, 2), bp.SigmoidCrossEntropy(), bp.Momentum(0.2, weight_decay=0.01), answers
        ),
        "classes": of(
            [*dense(3, 5, 4), bp.Softmax()],
            bp.CategoricalCrossEntropy(),
            bp.GradientDescent(0.3),
            classes,
        ),
        "class logits": of(
            dense(3, 5, 4), bp.SoftmaxCrossEntropy(), bp.Adam(0.05, weight_decay=0.05), classes
        ),
        "counts": of(dense(3, 5, 1, between=bp.Sigmoid), bp.Poisson(), bp.Adam(0.05), counts),
        "standardized": of(
            [bp.Standardize.of(50 + 10 * X), *dense(3, 5, 2)],
            scaled,
            bp.Momentum(0.05),
            100 + 30 * numbers,
            50 + 10 * X,
        ),
        "residual": of(
            [bp.Dense(3, 5), bp.Residual([bp.Dense(5, 5), bp.Tanh()]), bp.Dense(5, 2)],
            bp.MeanSquaredError(),
            bp.GradientDescent(0.1),
            numbers,
        ),
        "residual with all within": of(
            [bp.Dense(3, 5), bp.Residual([*block, bp.Residual([bp.Tanh()])]), bp.Dense(5, 2)],
            bp.MeanSquaredError(),
            bp.AdamW(0.02, weight_decay=0.1),
            numbers,
            steps=1,
        ),
        "frozen first": of(
            [
                *(frozen(bp.Dense(3, 5)), bp.Tanh(), bp.Dense(5, 5)),
                *(frozen(bp.BatchNorm(5)), frozen(bp.Dropout(0.5)), frozen(bp.GELU())),
                *(frozen(bp.LayerNorm(5)), bp.Dense(5, 2)),
            ],
            bp.MeanSquaredError(),
            bp.Adam(0.02, weight_decay=0.1),
            numbers,
        ),
        "frozen within": of(
            [
                bp.Dense(3, 4),
                bp.Residual([bp.Dense(4, 4), frozen(bp.BatchNorm(4)), frozen(bp.Dense(4, 4))]),
                *(frozen(bp.Residual([bp.Dense(4, 4), bp.Dropout(0.5)])), bp.Dense(4, 2)),
            ],
            bp.MeanSquaredError(),
            bp.Momentum(0.02, clip_norm=0.2),
            numbers,
        ),
        "layers of one's own": of(
            [bp.Dense(3, 4), Swish(4), Centre(4), bp.Dense(4, 3), Square(), bp.Dense(3, 2)],
            bp.StandardizedTargets(FourthPower(), [0.5, 0.0], [2.0, 1.0]),
            Lion(0.02, weight_decay=0.01, clip_norm=1.0),
            numbers,
        ),
        "far out": of(
            [bp.Dense(3, 4, weight_initializer=bp.Constant(300.0)), bp.Softplus(), bp.Dense(4, 4)],
            bp.SoftmaxCrossEntropy(),
            bp.GradientDescent(1e-3),
            classes,
        ),
        "nothing but a batch norm of one": of(
            [bp.BatchNorm(3), bp.Dense(3, 2)],
            bp.MeanSquaredError(),
            bp.GradientDescent(0.1),
            numbers[:1],
            X[:1],
        ),
    }
