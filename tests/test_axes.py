"""Axes in front: networks side by side, in one array each, become what they become alone."""

import numpy as np
import pytest
from strategies import loss_classes, optimizer_classes, targets_for

import backproplite as bp
from backproplite.configurable import offered
from backproplite.parameters import carve

RNG = np.random.default_rng
MEMBERS, SAMPLES, STEPS = 3, 6, 20
LAYERS = [
    *offered(bp.layers, bp.Layer),
    *(cls for cls in offered(bp.activations, bp.Layer) if cls is not bp.activations.Activation),
]


class Draws:
    """Random numbers for all members at once, or the part of one of them."""

    def __init__(self, member=slice(None)):
        self.rng, self.member = RNG(9), member

    def random(self, shape, dtype):
        tail = shape[-2:]
        return self.rng.random((MEMBERS, *tail), dtype)[self.member]


class Stack:
    """Layers, a loss and an optimizer by hand: on one vector, or on several side by side."""

    def __init__(self, make, vectors, member):
        self.layers, self.loss, self.optimizer = make()
        self.draws, self.vector = Draws(member), vectors[member].copy()
        self.gradients, self.losses = np.zeros_like(self.vector), []
        front = self.vector.shape[:-1]
        shapes = {
            (i, path, name): declared.shape
            for i, layer in enumerate(self.layers)
            for path, part in layer.parts().items()
            for name, declared in part.declared.items()
        }
        views, gradients = carve(self.vector, shapes), carve(self.gradients, shapes)
        for i, layer in enumerate(self.layers):
            for path, part in layer.parts().items():
                bound = {name: views[i, path, name] for name in part.declared}
                bound |= {f"grad_{name}": gradients[i, path, name] for name in part.declared}
                for name in part.state_names:
                    start = getattr(part, name)
                    bound[name] = np.broadcast_to(start, (*front, *start.shape)).copy()
                part.bind(bound)
        self.decaying = np.arange(self.vector.shape[-1]) % 2.0

    def step(self, x, targets, shares):
        caches = []
        for layer in self.layers:
            x, cache = layer.forward_training(x, self.draws)
            caches.append(cache)
        loss, grad = self.loss.value_and_gradient(x, targets, shares)
        self.losses.append(loss)
        for layer, cache in zip(self.layers[::-1], caches[::-1], strict=True):
            grad = layer.backward(grad, cache)
        self.optimizer.step(self.vector, self.gradients, self.decaying)
        for layer, cache in zip(self.layers, caches, strict=True):
            layer.after_step(cache)
        return grad

    def predict(self, x):
        for layer in self.layers:
            x, _ = layer.forward(x)
        return self.loss.predictions(x)

    def numbers(self):
        """All that it has become, by name."""
        found = {"parameters": self.vector, "gradients": self.gradients}
        for name in self.optimizer.state_names:
            found[f"optimizer.{name}"] = getattr(self.optimizer, name)
        for i, layer in enumerate(self.layers):
            found |= {f"{i}.{name}": array for name, array in layer.named_state().items()}
        return found


def assert_side_by_side_is_alone(make, weighted):
    layers, loss, _ = make()
    rng, outputs = RNG(3), layers[-1].output_width(layers[0].out_features)
    size = bp.Network(layers, loss).parameters.size
    vectors = rng.uniform(-0.7, 0.7, (MEMBERS, size))
    x = rng.standard_normal((STEPS, MEMBERS, SAMPLES, 4))
    y = np.array(
        [
            [
                loss.prepare_targets("y", targets_for(loss, SAMPLES, outputs, rng), outputs, float)
                for _ in range(MEMBERS)
            ]
            for _ in range(STEPS)
        ]
    )
    shares = rng.dirichlet(np.ones(SAMPLES), (STEPS, MEMBERS))
    together = Stack(make, vectors, slice(None))
    alone = [Stack(make, vectors, member) for member in range(MEMBERS)]
    for step in range(STEPS):
        weights = shares[step] if weighted else None
        grads = together.step(x[step], y[step], weights)
        for member, each in enumerate(alone):
            share = weights[member] if weighted else None
            grad = each.step(x[step, member], y[step, member], share)
            assert np.array_equal(grads[member], grad)
    for member, each in enumerate(alone):
        one, other = together.numbers(), each.numbers()
        assert list(one) == list(other)
        for name in one:
            assert np.array_equal(one[name][member], other[name]), name
        losses = [value[member] for value in together.losses]
        np.testing.assert_allclose(losses, each.losses, rtol=1e-14)
        assert np.array_equal(together.predict(x[0])[member], each.predict(x[0, member]))
    assert np.isfinite(together.vector).all()
    assert (together.vector != vectors).any(axis=-1).all()


@pytest.mark.parametrize("cls", LAYERS)
def test_every_layer_and_activation(cls):
    def make():
        layer = cls.example(5)
        last = bp.Dense(layer.output_width(5), 3)
        layers = [bp.Dense(4, 5), layer, last]
        return layers, bp.HalfSquaredError(), bp.GradientDescent(0.01)

    assert_side_by_side_is_alone(make, weighted=False)


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("cls", loss_classes)
def test_every_loss(cls, weighted):
    def make():
        loss = cls()
        last = [loss.suits()] if loss.suits else []
        return [bp.Dense(4, 3), *last], loss, bp.GradientDescent(0.1)

    assert_side_by_side_is_alone(make, weighted)


@pytest.mark.parametrize(
    "settings",
    [{}, {"clip_value": 0.3, "clip_norm": 0.5, "weight_decay": 0.1}],
    ids=["plain", "clipped and decaying"],
)
@pytest.mark.parametrize("cls", [*optimizer_classes, "Nesterov"])
def test_every_optimizer(cls, settings):
    def make():
        rate = bp.CosineSchedule(0.1, steps=30)
        nesterov = cls == "Nesterov"
        optimizer = bp.Momentum(rate, nesterov=True, **settings) if nesterov else None
        optimizer = optimizer or cls(rate, **settings)
        return [bp.Dense(4, 5), bp.Tanh(), bp.Dense(5, 3)], bp.MeanSquaredError(), optimizer

    assert_side_by_side_is_alone(make, weighted=True)


def test_two_axes_in_front():
    x = RNG(0).standard_normal((2, 3, 6, 4))
    for cls in LAYERS:
        layer = cls.example(4)
        if not layer.named_parameters():
            output, cache = layer.forward(x)
            grads = layer.backward(output, cache)
            for place in np.ndindex(2, 3):
                alone, cache = layer.forward(x[place])
                assert np.array_equal(output[place], alone)
                assert np.array_equal(grads[place], layer.backward(alone, cache))
