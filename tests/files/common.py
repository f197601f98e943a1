"""Networks with all there is in them, and what a file makes of them."""

import hashlib

import numpy as np
import pytest

import backproplite as bp
from backproplite.files.archive import from_bytes, to_bytes
from backproplite.files.networks import contents, network_from_bytes

RNG = np.random.default_rng
X, Y = RNG(1).standard_normal((10, 3)), RNG(2).standard_normal((10, 1))
VALIDATION = RNG(3).standard_normal((7, 3)), RNG(4).standard_normal((7, 1))


class Swish(bp.Layer):
    """A layer of one's own, with a parameter, a state, and settings of many sorts."""

    state_names = ("seen",)

    def __init__(self, features, *, start=1.0, mask=None, gate=None, words=("a", ["b"])):
        self.features = self.in_features = self.out_features = features
        self.start, self.mask, self.gate, self.words = start, mask, gate, words
        self.add_parameter("beta", (features,), bp.Constant(1.0))
        self.beta[...] = 3.0  # a file must win over that
        self.seen = np.zeros(features)

    def forward(self, x):
        return x * self.beta, x

    def backward(self, grad_output, x):
        np.sum(grad_output * x, axis=-2, out=self.grad_beta)
        return grad_output * self.beta

    def after_step(self, x):
        self.seen += x.sum(axis=0)


def decaying(step):
    return 0.1 / (1 + step)


class Block(bp.Layer):
    """Layers within a layer, in every place where they may be."""

    def __init__(self, features):
        self.features = features
        self.inner = bp.Dense(features, features)
        self.more = [bp.BatchNorm(features), {"a": bp.Dropout(0.2)}]

    @property
    def way(self):
        return [self.inner, self.more[0], self.more[1]["a"]]

    def forward(self, x):
        return self.forward_training(x, None)

    def forward_training(self, x, rng):
        caches = []
        for layer in self.way:
            x, cache = layer.forward(x) if rng is None else layer.forward_training(x, rng)
            caches.append(cache)
        return x, caches

    def backward(self, grad_output, caches):
        for layer, cache in zip(self.way[::-1], caches[::-1], strict=True):
            grad_output = layer.backward(grad_output, cache)
        return grad_output

    def after_step(self, caches):
        self.more[0].after_step(caches[1])


def stateful(seed=0, optimizer=None, dtype="float64"):
    """A network with state of every sort, and chance."""
    return bp.Network(
        [
            bp.Dense(3, 5, weight_initializer=bp.He("uniform")),
            bp.BatchNorm(5),
            bp.ReLU(),
            bp.Residual([bp.Dense(5, 5), bp.BatchNorm(5), bp.Dropout(0.3)]),
            bp.Dense(5, 1),
        ],
        loss=bp.Huber(0.7),
        optimizer=optimizer or bp.Adam(bp.WarmUpSchedule(3, bp.CosineSchedule(0.05, steps=40))),
        seed=seed,
        dtype=dtype,
    )


def customized(**settings):
    """A network with layers and functions of one's own."""
    return bp.Network(
        [bp.Dense(3, 2, bias_initializer=zeros), Swish(2, **settings), Block(2), bp.Dense(2, 1)],
        loss=bp.MeanSquaredError(),
        optimizer=bp.Momentum(decaying),
        seed=1,
    )


def zeros(shape, rng):
    return np.zeros(shape)


CUSTOM = {"Swish": Swish, "Block": Block, "decaying": decaying, "zeros": zeros}


class CutOff(bp.Callback):
    """Ends the training after a step."""

    def __init__(self, step):
        self.step = step

    def after_step(self, network):
        if network.step_count == self.step:
            raise KeyboardInterrupt


def cut_off():
    """A network in its third epoch of three batches, two of which it has seen."""
    network = stateful()
    with pytest.raises(KeyboardInterrupt):
        network.fit(X, Y, 5, batch_size=4, callbacks=CutOff(8))
    return network


def saved(network):
    return to_bytes(*contents(network))


def reloaded(network, custom=None):
    return network_from_bytes(type(network), saved(network), custom)


def bits(network):
    """All that training changes."""
    history = [np.array(values).tobytes() for values in network.history.values()]
    return network.record.bytes.tobytes(), *history


def forged(change, network=None):
    """A file that fits together, whose arrays and data have been changed."""
    arrays, data = from_bytes(saved(network or stateful().fit(X, Y, 2)))
    arrays = {name: array.copy() for name, array in arrays.items()}
    change(arrays, data)
    return to_bytes(arrays, data)


def signed(content):
    """A file with the digest that belongs to it, as any forger can make it."""
    directory = int.from_bytes(content[-98:-94], "little")
    return content[:-64] + hashlib.sha256(content[directory:-64]).hexdigest().encode()
