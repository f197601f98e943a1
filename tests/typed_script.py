"""A user's script over the whole public API, to be read by type checkers, and run.

Not a test itself: `test_typing.py` hands it to mypy and pyright, and runs it once.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import backproplite as bp
from backproplite import plots

# Arrays


def shares(array: bp.Array) -> bp.Array:
    result: bp.Array = array / array.sum()  # which is Any to NumPy's stubs
    return result


counts: NDArray[np.float64] = np.array([1.0, 3.0])
assert_type(shares(counts), bp.Array)

# Data sets

X, y = bp.datasets.xor()
assert_type(X, bp.Array)
assert_type(y, bp.Array)
images, digits = bp.datasets.digits()
bp.datasets.spirals(samples=20, classes=3, noise=0.1, seed=None)
bp.datasets.moons(20, noise=0.1, seed=np.random.default_rng(0))
bp.datasets.circles(20, 0.05, seed=1)

# A layer, an activation, a loss, an optimizer and a callback of one's own


class Swish(bp.Layer):
    def __init__(self, features: int) -> None:
        self.features = self.in_features = self.out_features = features
        self.add_parameter("beta", (features,), bp.Constant(1.0))

    @classmethod
    def example(cls, features: int) -> "Swish":
        return cls(features)

    def forward(self, x: bp.Array) -> tuple[bp.Array, tuple[bp.Array, bp.Array]]:
        gate = bp.Sigmoid()(self.beta * x)
        return x * gate, (x, gate)

    def backward(self, grad_output: bp.Array, cache: tuple[bp.Array, bp.Array]) -> bp.Array:
        x, gate = cache
        slope = gate * (1 - gate)
        np.sum(grad_output * x * x * slope, axis=-2, out=self.grad_beta)
        grad_input: bp.Array = grad_output * (gate + self.beta * x * slope)
        return grad_input


class Noise(bp.Layer):
    def __init__(self, deviation: float) -> None:
        self.deviation = deviation

    def forward(self, x: bp.Array) -> tuple[bp.Array, None]:
        return x, None

    def forward_training(self, x: bp.Array, rng: np.random.Generator) -> tuple[bp.Array, None]:
        return x + self.deviation * rng.standard_normal(x.shape), None

    def backward(self, grad_output: bp.Array, cache: None) -> bp.Array:
        return grad_output


class Square(bp.Activation):
    written = {"output": "x ** 2", "derivative": "2 * x"}

    def forward(self, x: bp.Array) -> tuple[bp.Array, bp.Array]:
        return x * x, x

    def local_derivative(self, cache: bp.Array) -> bp.Array:
        return 2 * cache


class LogCosh(bp.Loss):
    def forward(self, outputs: bp.Array, targets: bp.Array) -> tuple[bp.Array, bp.Array]:
        return np.log(np.cosh(outputs - targets)), outputs - targets

    def backward(self, cache: bp.Array) -> bp.Array:
        return np.tanh(cache)


class SignDescent(bp.Optimizer):
    def update(self, parameters: bp.Array, gradients: bp.Array, rate: float) -> None:
        parameters -= rate * np.sign(gradients)


class Epochs(bp.Callback):
    state_names = ("count",)

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, network: bp.Network) -> None:
        self.count += 1
        network.stop_training = self.count == 3


def at_the_end(network: bp.Network) -> None:
    network.optimizer.learning_rate = 0.01


# Layers, losses, optimizers, schedules, initializers, with all that they take

dense = bp.Dense(2, 4, bp.He("uniform"), bias_initializer=bp.Zeros())
assert_type(dense.weight, bp.Array)
assert_type(dense.grad_bias, bp.Array)
assert_type(dense.in_features, int)
dense.weight[...] = 0.5
rate: float = bp.CosineSchedule(0.1, steps=100, final=0.01)(3)
schedules: list[Callable[[int], float]] = [
    bp.ConstantSchedule(0.1),
    bp.StepSchedule(0.1, every=10, factor=0.5),
    bp.ExponentialSchedule(0.1, 0.9, every=2),
    bp.WarmUpSchedule(5, then=bp.CosineSchedule(0.1, 100)),
    lambda step: 1 / (1 + step),
]
optimizers: list[bp.Optimizer] = [
    bp.GradientDescent(schedules[0], clip_norm=1.0, clip_value=0.5, weight_decay=1e-4),
    bp.Momentum(0.1, momentum=0.8, nesterov=True),
    bp.RMSProp(0.01, beta2=0.9, epsilon=1e-7),
    bp.Adam(0.001, beta1=0.9, beta2=0.99, epsilon=1e-8),
    bp.AdamW(lambda step: 0.1, weight_decay=0.01),
    SignDescent(learning_rate=0.001),
]
initializers = [bp.Normal(0.0, 0.1), bp.Uniform(-1, 1), bp.Glorot(), bp.LeCun(), np.zeros]
activations: list[bp.Activation] = [
    *(bp.Identity(), bp.Sigmoid(), bp.Tanh(), bp.ReLU(), bp.LeakyReLU(slope=0.1), bp.ELU(0.5)),
    *(bp.GELU(), bp.SiLU(), bp.Softplus(), bp.Softmax(), Square()),
]
assert_type(bp.Tanh()(0.5), bp.Array)
assert_type(bp.Tanh().derivative(X), bp.Array)
losses: list[bp.Loss] = [
    *(bp.MeanSquaredError(), bp.HalfSquaredError(), bp.MeanAbsoluteError(), bp.Huber(delta=2.0)),
    *(bp.BinaryCrossEntropy(), bp.CategoricalCrossEntropy(), LogCosh()),
    *(bp.SigmoidCrossEntropy(), bp.SoftmaxCrossEntropy()),
]
assert_type(losses[0](y, y), float)
assert_type(losses[0].gradient(y, y), bp.Array)
block = bp.Residual([bp.Dense(4, 4), bp.Tanh(), bp.Dropout(0.1), bp.BatchNorm(4), bp.LayerNorm(4)])

# A network, trained

network = bp.Network(
    [dense, Swish(4), Noise(0.01), block, bp.Dense(4, 1), bp.Sigmoid()],
    loss=bp.MeanSquaredError(),
    optimizer=bp.Adam(learning_rate=0.05),
    seed=0,
    dtype="float64",
)
assert_type(network.layers, tuple[bp.Layer, ...])
assert_type(network.parameters, bp.Array)
assert_type(network.gradients, bp.Array)
assert_type(network.optimizer, bp.Optimizer)
assert_type(network.loss, bp.Loss)
assert_type(network.seed, int)
assert_type(network.epoch_count, int)
for layer in network.layers:
    if isinstance(layer, bp.Dense):
        assert_type(layer.weight, bp.Array)
stopping = bp.EarlyStopping(patience=10, restore_best=True, min_delta=1e-4)
trained = network.fit(
    X,
    y,
    epochs=4,
    batch_size=2,
    shuffle=True,
    validation_data=(X, y),
    sample_weight=[1, 1, 2, 2],
    class_weight=None,
    callbacks=[stopping, Epochs(), at_the_end, lambda network: None],
    progress=False,
    all_reduce=None,
)
assert_type(trained, bp.Network)
assert_type(stopping.best_epoch, int | None)
assert_type(network.history, dict[str, list[float]])
assert_type(network.history["loss"][-1], float)
network.fit([[0, 1], [1, 1]], [1, 0], 1, callbacks=at_the_end)


def batches() -> Iterator[tuple[bp.Array, bp.Array]]:
    yield X, y


network.fit(batches, epochs=1, validation_data=batches)
network.fit([(X, y), (X, y)], epochs=1)
assert_type(network.predict(X), bp.Array)
assert_type(network.predict([[0, 1]], batch_size=1), bp.Array)
assert_type(network.forward(X), bp.Array)
assert_type(network.evaluate(X, y, sample_weight=np.ones(4)), float)
assert_type(network.train_step(X, y, [1, 1, 1, 1]), float)
loss, gradient = network.loss_and_gradient(X, y)
assert_type(loss, float)
assert_type(gradient, bp.Array)
outputs, caches = network.forward_training(X)
network.backward(network.loss.gradient(outputs, y), caches)
network.update()
network.update_statistics(X)
assert_type(network.summary(), str)

# Kept, and brought back

path = Path("model.npz")
network.save(path)
network.save("model.npz")
loaded = bp.Network.load(path, custom={"Swish": Swish, "Noise": Noise})
assert_type(loaded, bp.Network)
checkpoint = bp.Checkpoint(path, every=2, best_only=True, every_steps=None)

# Seen

step = bp.trace(network, X[:1], y[:1], digits=3)
assert_type(step, bp.Trace)
assert_type(step["loss.forward"], bp.Stage)
assert_type(step.stages, tuple[bp.Stage, ...])
assert_type(step.verdict, str)
step.to_html("step.html")
diagnosis = bp.diagnose(network, X, y, sample_weight=None)
assert_type(diagnosis, bp.Diagnosis)
assert_type(diagnosis.findings, tuple[bp.Finding, ...])
model = bp.Network([bp.Dense(2, 3), bp.Tanh(), bp.Dense(3, 1)], bp.MeanSquaredError(), seed=0)
recorder, watch = bp.Recorder(every=1), bp.Watch(X, y, every=1)
model.fit(X, y, epochs=2, callbacks=[recorder, watch])
descent = bp.minimize(
    lambda point: (point**2).sum(),
    lambda point: 2 * point,
    start=[1.0, 2.0],
    optimizer=bp.Momentum(0.1),
    steps=20,
)
assert_type(descent, bp.Descent)
assert_type(descent.points, bp.Array)

# Proven

report = bp.check_gradients(Swish(3), np.ones((2, 3)) / 7, tolerance=1e-6, skip=["x"], seed=None)
assert_type(report, bp.GradientReport)
assert_type(report.error, float)
assert_type([tensor.name for tensor in report.tensors], list[str])
bp.check_gradients((np.sin, lambda grad_output: grad_output * np.cos(counts)), counts)
bp.check_gradients(losses[0], [[0.3]], [[1.0]])
assert_type(bp.numerical_gradient(lambda x: float((x * x).sum()), counts), bp.Array)

# Many

runs = bp.variants(model, learning_rate=[0.01, 0.1], seed=range(2))
assert_type(runs, bp.Variants)
assert_type(runs[0], bp.Network)
assert_type(runs[1:], bp.Variants)
assert_type(runs.settings, list[dict[str, Any]])
together = bp.fit_together(
    runs,
    X,
    y,
    epochs=2,
    batch_size=2,
    shuffle=False,
    validation_data=(X, y),
    sample_weight=None,
    class_weight=None,
    callbacks=bp.EarlyStopping(2),
    progress=False,
    rows=None,
    n_jobs=None,
)
assert_type(together, bp.Variants)
mean, spread = bp.predict_together(runs, X)
assert_type(mean, bp.Array)
assert_type(bp.fresh(model, seed=1, optimizer=bp.Adam()), bp.Network)
found = bp.cross_validate(model, X, y, epochs=1, folds=2, batch_size=2)
assert_type(found, bp.CrossValidation)
assert_type(found.scores, bp.Array)
assert_type(found.networks, list[bp.Network])

# Drawn

plots.loss_curves(network, validation=True, log=True).figure.savefig("loss.png")
plots.learning_rates(runs)
plots.decision_boundary(model, X, y, resolution=10)
bp.plots.network_diagram(model, X, y)
plots.gradient_flow(recorder)
plots.weight_histograms(model)
plots.activation_histograms(model, X)
plots.confusion_matrix([0, 1], [0, 1], labels=["no", "yes"])
plots.activation(bp.ReLU(), span=(-1, 1))
plots.descent_path(lambda point: (point**2).sum(), {"momentum": descent})
plots.loss_landscape(model, X, y, resolution=3)
plots.training_animation(recorder, model, X, y, "training.gif", frames=2, fps=5)

# Refused

try:
    network.fit(X, y, epochs=1)
except bp.DivergenceError as error:
    assert_type(error.epoch, int | None)
    assert_type(error.learning_rate, float)
except (bp.ShapeError, bp.InputError, bp.ParameterError, bp.NotFittedError) as error:
    print(error)
except bp.BackpropliteError as error:
    print(error)

# Metrics


def within_ten(y: bp.Array, predictions: bp.Array) -> float:
    return float(np.mean(abs(y - predictions) < 10))


assert_type(bp.accuracy([0, 1], [0, 0]), float)
assert_type(bp.r_squared([0.0, 1.0], [0.0, 0.9]), float)
model.fit(X, y, epochs=4, metrics=["r_squared", within_ten], validation_split=0.25)
assert_type(model.history["val_r_squared"], list[float])
assert_type(model.evaluate(X, y, metrics="r_squared"), dict[str, float])
bp.EarlyStopping(3, monitor="val_r_squared", mode="max")
bp.Checkpoint(path, best_only=True, monitor="r_squared", mode=None)
bp.ReduceOnPlateau(0.5, patience=2, min_delta=1e-3, monitor="loss", mode="min", minimum_rate=1e-5)

# Scaling, freezing, starting afresh

scale = bp.Standardize.of(X)
assert_type(scale, bp.Standardize)
bp.Standardize([0.5, 0.5], scale=[1.0, 2.0])
scaled = bp.Network([scale, bp.Dense(2, 1)], bp.StandardizedTargets.of(y, loss=bp.Huber()), seed=0)
bp.StandardizedTargets(bp.MeanSquaredError(), mean=0.0, scale=2.0)
assert_type(scaled.loss.own_targets(y), bp.Array)
scaled.layers[1].trainable = False
assert_type(scaled.fresh(seed=1, loss=bp.MeanSquaredError(), optimizer=bp.Adam()), bp.Network)

# Estimators

classifier = bp.MLPClassifier(
    hidden_layer_sizes=(4,),
    activation=["tanh"],
    max_iter=3,
    random_state=0,
    dropout=0.1,
    class_weight="balanced",
    callbacks=[Epochs()],
    metrics=["accuracy"],
    standardize=True,
)
assert_type(classifier.fit(images[:50], digits[:50]), bp.MLPClassifier)
assert_type(classifier.predict(images), bp.Array)
assert_type(classifier.predict_proba(images), bp.Array)
assert_type(classifier.score(images, digits), float)
assert_type(classifier.network_, bp.Network)
assert_type(classifier.classes_, bp.Array)
assert_type(classifier.coefs_, list[bp.Array])
assert_type(classifier.loss_curve_, list[float])
regressor = bp.MLPRegressor(hidden_layer_sizes=3, tol=1.0, n_iter_no_change=2).fit(X, y[:, 0])
assert_type(regressor, bp.MLPRegressor)
assert_type(regressor.predict(X), bp.Array)


def leave(several: bp.MLPRegressor) -> tuple[bp.Array, bp.Array]:
    bp.export_onnx(model, "model.onnx")  # which needs its extra, so that this is not called here
    return several.predict(X, return_std=True)
