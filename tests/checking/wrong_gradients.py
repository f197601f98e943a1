"""A catalogue of wrong gradients, each a slip that people make."""

from __future__ import annotations

import numpy as np

import backproplite as bp


class Affine(bp.Layer):
    """A dense layer whose outputs are `scale` times as large, to be got wrong in many ways."""

    def __init__(self, inputs, outputs, scale=1.0, fault=None):
        self.scale, self.fault = scale, fault
        self.add_parameter("weight", (inputs, outputs))
        self.add_parameter("bias", (outputs,), bp.initializers.Normal(1.0))

    def forward(self, x):
        return (x @ self.weight + self.bias) * self.scale, x

    def backward(self, grad_output, x):
        grad = grad_output * self.scale
        right = {"weight": x.mT @ grad, "bias": grad.sum(axis=-2), "x": grad @ self.weight.mT}
        if self.fault is not None:
            name, change = self.fault
            right[name] = change(right[name])
        self.grad_weight[...], self.grad_bias[...] = right["weight"], right["bias"]
        return right["x"]


def replaced(index, value):
    """A change of one entry."""

    def change(gradient):
        wrong = np.array(gradient)
        wrong.flat[index] = value(gradient.flat[index])
        return wrong

    return change


def swapped(gradient):
    wrong = gradient.copy()
    wrong.flat[0], wrong.flat[1] = gradient.flat[1], gradient.flat[0]
    return wrong


#: name: (which gradient, what is done to it). The layer is 4 to 4, the batch has 5 samples.
FAULTS = {
    "factor 1.0009": ("weight", lambda g: g * 1.0009),
    "factor 1.0009 in the bias": ("bias", lambda g: g * 1.0009),
    "factor 1.0009 in the input": ("x", lambda g: g * 1.0009),
    "batch counted twice": ("weight", lambda g: g / 5),
    "batch not counted": ("bias", lambda g: g * 5),
    "outputs counted twice": ("x", lambda g: g / 4),
    "sign": ("weight", lambda g: -g),
    "sign in the input": ("x", lambda g: -g),
    "transpose": ("weight", lambda g: g.T),
    "one entry zero": ("weight", replaced(7, lambda entry: 0)),
    "one entry off by 0.1 %": ("weight", replaced(7, lambda entry: 1.001 * entry)),
    "one bias wrong": ("bias", replaced(2, lambda entry: -entry)),
    "one entry of the input wrong": ("x", replaced(-1, lambda entry: 2 * entry)),
    "two entries swapped": ("weight", swapped),
    "two biases swapped": ("bias", swapped),
    "rows off by one": ("weight", lambda g: np.roll(g, 1, axis=0)),
    "columns off by one": ("x", lambda g: np.roll(g, 1, axis=1)),
    "samples in reverse": ("x", lambda g: g[::-1]),
    "all zero": ("weight", np.zeros_like),
    "all zero in the bias": ("bias", np.zeros_like),
    "all zero in the input": ("x", np.zeros_like),
    "the same for all": ("bias", lambda g: np.full_like(g, g.mean())),
    "size only": ("weight", abs),
    "clipped": ("weight", lambda g: np.clip(g, -0.9 * abs(g).max(), 0.9 * abs(g).max())),
    "rounded to three digits": ("x", lambda g: np.round(g / abs(g).max(), 3) * abs(g).max()),
    "half precision": ("weight", lambda g: (g / abs(g).max()).astype(np.float16) * abs(g).max()),
    "one NaN": ("weight", replaced(3, lambda entry: np.nan)),
    "one infinity": ("x", replaced(3, lambda entry: np.inf)),
}


class Stale(bp.Dropout):
    """Dropout that goes back through the mask of an earlier call."""

    mask = None

    def forward_training(self, x, rng):
        output, (mask,) = super().forward_training(x, rng)
        stale, self.mask = self.mask, mask
        return output, (rng.permutation(mask) if stale is None else stale,)


class OtherMask(bp.Dropout):
    def forward_training(self, x, rng):
        return super().forward_training(x, rng)[0], super().forward_training(x, rng)[1]


class NotEnlarged(bp.Dropout):
    def backward(self, grad_output, cache):
        return grad_output * (cache[0] > 0)


class Accumulating(Affine):
    def backward(self, grad_output, x):
        self.grad_weight[...] += x.mT @ grad_output
        self.grad_bias[...] = grad_output.sum(axis=-2)
        return grad_output @ self.weight.mT


class Unwritten(Affine):
    def backward(self, grad_output, x):
        self.grad_weight[...] = x.mT @ grad_output
        return grad_output @ self.weight.mT


class WritesInput(Affine):
    def forward(self, x):
        x *= 1.5
        return super().forward(x)


class WritesCache(Affine):
    def backward(self, grad_output, x):
        grad_input = super().backward(grad_output, x)
        x[...] = 0
        return grad_input


class WritesParameter(Affine):
    def forward(self, x):
        self.bias += 0.1
        return super().forward(x)


class WritesGradient(Affine):
    def backward(self, grad_output, x):
        grad_input = super().backward(grad_output, x)
        grad_output *= 0
        return grad_input


class Noisy(Affine):
    def forward(self, x):
        output, cache = super().forward(x)
        return output + 1e-9 * np.random.default_rng().standard_normal(output.shape), cache


class Remembering(Affine):
    calls = 0

    def backward(self, grad_output, x):
        self.calls += 1
        return super().backward(grad_output, x) * self.calls


class OtherParameters(Affine):
    def backward_parameters(self, grad_output, x):
        self.grad_weight[...], self.grad_bias[...] = x.mT @ grad_output, grad_output.mean(axis=-2)


class WrongShape(Affine):
    def backward(self, grad_output, x):
        return super().backward(grad_output, x)[:, :3]


class InfiniteForward(Affine):
    def forward(self, x):
        return super().forward(x)[0] + np.inf, x


class NoShift(bp.BatchNorm):
    """Batch normalisation whose mean does not depend on x."""

    def backward(self, grad_output, cache):
        shift = self.scale / cache[1] * grad_output.mean(axis=-2)
        return super().backward(grad_output, cache) + shift


class NoStretch(bp.BatchNorm):
    def backward(self, grad_output, cache):
        self.backward_parameters(grad_output, cache)
        return (grad_output - grad_output.mean(axis=-2)) * self.scale / cache[1]


class NoScale(bp.BatchNorm):
    """Right as long as scale is 1."""

    def backward(self, grad_output, cache):
        return super().backward(grad_output, cache) / self.scale


class NoRowShift(bp.LayerNorm):
    def backward(self, grad_output, cache):
        shift = (grad_output * self.scale).mean(axis=-1, keepdims=True) / cache[1]
        return super().backward(grad_output, cache) + shift


class NoRowStretch(bp.LayerNorm):
    def backward(self, grad_output, cache):
        self.backward_parameters(grad_output, cache)
        grad = grad_output * self.scale
        return (grad - grad.mean(axis=-1, keepdims=True)) / cache[1]


class ScaleTooLate(bp.LayerNorm):
    """Right as long as scale is 1, or the same for all features."""

    def backward(self, grad_output, cache):
        kept = self.scale.copy()
        self.scale[...] = 1
        grad_input = super().backward(grad_output, cache) * kept
        self.scale[...] = kept
        return grad_input


class DiagonalSoftmax(bp.Softmax):
    def backward(self, grad_output, probabilities):
        return grad_output * probabilities * (1 - probabilities)


class UnweightedSoftmax(bp.Softmax):
    def backward(self, grad_output, probabilities):
        return probabilities * (grad_output - grad_output.mean(axis=-1, keepdims=True))


class WrongSigmoid(bp.Sigmoid):
    """f for f (1 - f)."""

    def local_derivative(self, tail):
        return tail


class WrongTanh(bp.Tanh):
    def local_derivative(self, x):
        return 1 - np.tanh(x)


class WrongReLU(bp.ReLU):
    def local_derivative(self, x):
        return (x > 0.5).astype(x.dtype)


class ReLUOfOnes(bp.ReLU):
    def local_derivative(self, x):
        return np.ones_like(x)


class WrongSlope(bp.LeakyReLU):
    def local_derivative(self, x):
        return np.where(x > 0, 1, self.slope * 1.0009)


class WrongELU(bp.ELU):
    """Right as long as alpha is 1."""

    def local_derivative(self, x):
        return np.where(x > 0, 1, np.exp(np.minimum(x, 0)))


class HalfGELU(bp.GELU):
    """The product rule with one of its terms."""

    def local_derivative(self, x):
        return (super().forward(x)[0] / x).real


class WrongSoftplus(bp.Softplus):
    def local_derivative(self, x):
        return bp.Sigmoid()(1.0009 * x)


class NotComplex(bp.Layer):
    """A wrong gradient in code that complex numbers cannot pass."""

    def forward(self, x):
        return np.abs(x) * np.arctan2(x, 2.0), x

    def backward(self, grad_output, x):
        return grad_output * 1.0009 * (np.sign(x) * np.arctan2(x, 2.0) + abs(x) * 2 / (4 + x * x))


class HidesFromComplexNumbers(bp.Layer):
    """A term that a complex step does not see, left out of the gradient."""

    def forward(self, x):
        return 2 * x + np.abs(x) ** 3, x

    def backward(self, grad_output, x):
        return 2 * grad_output


LAYERS = {
    "stale mask": lambda: Stale(0.5),
    "another mask": lambda: OtherMask(0.5),
    "mask not enlarged": lambda: NotEnlarged(0.5),
    "adds up": lambda: Accumulating(4, 4),
    "bias not written": lambda: Unwritten(4, 4),
    "forward writes to its input": lambda: WritesInput(4, 4),
    "backward writes to the cache": lambda: WritesCache(4, 4),
    "forward writes to a parameter": lambda: WritesParameter(4, 4),
    "backward writes to grad_output": lambda: WritesGradient(4, 4),
    "forward differs each time": lambda: Noisy(4, 4),
    "backward differs each time": lambda: Remembering(4, 4),
    "backward_parameters differs": lambda: OtherParameters(4, 4),
    "wrong shape": lambda: WrongShape(4, 4),
    "forward is infinite": lambda: InfiniteForward(4, 4),
    "one zero in 3,000": lambda: Affine(4, 750, 1.0, ("weight", replaced(2345, lambda entry: 0))),
    "one of 3,000 off by 0.1 %": lambda: Affine(
        4, 750, 1.0, ("weight", replaced(17, lambda entry: 1.001 * entry))
    ),
    "factor 1.0009 on 3,000": lambda: Affine(4, 750, 1.0, ("weight", lambda g: 1.0009 * g)),
    "batch norm without shift": lambda: NoShift(4),
    "batch norm without stretch": lambda: NoStretch(4),
    "batch norm without scale": lambda: NoScale(4),
    "layer norm without shift": lambda: NoRowShift(4),
    "layer norm without stretch": lambda: NoRowStretch(4),
    "layer norm with scale too late": lambda: ScaleTooLate(4),
    "softmax without its outer product": DiagonalSoftmax,
    "softmax with a plain mean": UnweightedSoftmax,
    "sigmoid": WrongSigmoid,
    "tanh without its square": WrongTanh,
    "kink in the wrong place": WrongReLU,
    "no kink": ReLUOfOnes,
    "slope": lambda: WrongSlope(0.1),
    "alpha forgotten": lambda: WrongELU(alpha=0.5),
    "half of a product rule": HalfGELU,
    "slightly wrong sigmoid": WrongSoftplus,
    "factor 1.0009 out of reach of complex numbers": NotComplex,
    "unseen by complex numbers": HidesFromComplexNumbers,
}


class WrongLoss(bp.MeanSquaredError):
    def __init__(self, change):
        self.change = change

    def backward(self, error):
        return self.change(super().backward(error))


class WeightsForgotten(bp.MeanSquaredError):
    def value_and_gradient(self, outputs, targets, shares=None):
        value, _ = super().value_and_gradient(outputs, targets, shares)
        return value, super().value_and_gradient(outputs, targets)[1]


class WrongCrossEntropy(bp.SoftmaxCrossEntropy):
    """The targets are never taken away."""

    def backward(self, cache):
        exponentials, totals, _ = cache
        return exponentials / totals


class OffByOneLabel(bp.SoftmaxCrossEntropy):
    def forward(self, outputs, targets):
        costs, _ = super().forward(outputs, targets)
        return costs, super().forward(outputs, np.roll(targets, 1, axis=-1))[1]


class WrongHuber(bp.Huber):
    """The error is not held to delta."""

    def forward(self, outputs, targets):
        return super().forward(outputs, targets)[0], outputs - targets


class WritesOutputs(bp.MeanSquaredError):
    def forward(self, outputs, targets):
        outputs -= targets
        return super().forward(outputs, 0 * targets)


class WritesTargets(bp.MeanSquaredError):
    def forward(self, outputs, targets):
        targets += 1
        return super().forward(outputs, targets)


#: Each for errors of a size of about `scale`.
LOSSES = {
    "factor 1.0009": lambda scale: WrongLoss(lambda g: 1.0009 * g),
    "samples counted twice": lambda scale: WrongLoss(lambda g: g / len(g)),
    "outputs not counted": lambda scale: WrongLoss(lambda g: g * g.shape[-1]),
    "half": lambda scale: WrongLoss(lambda g: g / 2),
    "sign": lambda scale: WrongLoss(lambda g: -g),
    "one entry": lambda scale: WrongLoss(replaced(4, lambda entry: 0)),
    "all zero": lambda scale: WrongLoss(np.zeros_like),
    "NaN": lambda scale: WrongLoss(lambda g: g * np.nan),
    "weights forgotten": lambda scale: WeightsForgotten(),
    "targets forgotten": lambda scale: WrongCrossEntropy(),
    "labels off by one": lambda scale: OffByOneLabel(),
    "error not held": WrongHuber,
    "writes to the outputs": lambda scale: WritesOutputs(),
    "writes to the targets": lambda scale: WritesTargets(),
}


class Pair:
    """The functions of a small classifier: forward(x, weight, bias, labels), and the way back.

    `scale` is how large the loss is; `fault` changes the tuple of gradients.
    """

    def __init__(self, scale=1.0, fault=None):
        self.scale, self.fault = scale, fault

    def forward(self, x, weight, bias, labels):
        self.x, self.weight = x, weight
        self.hidden = np.tanh(x @ weight + bias)
        self.ones = np.eye(self.hidden.shape[1], dtype=np.int8)[labels]
        return self.scale * ((self.hidden - self.ones) ** 2).mean()

    def backward(self, grad_output):
        grad = grad_output * self.scale * 2 * (self.hidden - self.ones) / self.hidden.size
        grad = grad * (1 - self.hidden**2)
        gradients = [grad @ self.weight.T, self.x.T @ grad, grad.sum(axis=0), None]
        if self.fault is not None:
            self.fault(self, gradients)
        return tuple(gradients)

    def both(self):
        return self.forward, self.backward


def changed(which, change):
    """A fault that changes one of the gradients x, weight, bias."""

    def fault(pair, gradients):
        gradients[which] = change(gradients[which])

    return fault


def forgets_tanh(pair, gradients):
    gradients[2] = gradients[2] / (1 - pair.hidden**2).mean(axis=0)


def adds_up(pair, gradients):
    pair.total = gradients[1] + getattr(pair, "total", 0)
    gradients[1] = pair.total


def from_the_first_call(pair, gradients):
    pair.first = getattr(pair, "first", gradients[0])
    gradients[0] = pair.first


def from_the_call_before(pair, gradients):
    before = getattr(pair, "before", gradients[0])
    pair.before, gradients[0] = gradients[0], (gradients[0] + before) / 2


def writes_to_an_argument(pair, gradients):
    pair.weight *= 0.5


def one_too_few(pair, gradients):
    del gradients[1]


#: Faults of a pair of functions of x (5, 4), weight (4, 4), bias (4,) and labels.
PAIRS = {
    "factor 1.0009": changed(1, lambda g: 1.0009 * g),
    "sign": changed(0, lambda g: -g),
    "transpose": changed(1, lambda g: g.T),
    "batch counted twice": changed(2, lambda g: g / 5),
    "one bias": changed(2, replaced(3, lambda entry: 1.01 * entry)),
    "one entry zero": changed(1, replaced(6, lambda entry: 0)),
    "all zero": changed(0, np.zeros_like),
    "NaN": changed(2, lambda g: g * np.nan),
    "wrong shape": changed(2, lambda g: g[:, np.newaxis]),
    "text": changed(2, lambda g: g.astype(str)),
    "complex": changed(0, lambda g: g + 0j),
    "none at all": lambda pair, gradients: gradients.__setitem__(slice(None), [None] * 4),
    "tanh forgotten": forgets_tanh,
    "adds up": adds_up,
    "from the first call": from_the_first_call,
    "from the call before": from_the_call_before,
    "writes to an argument": writes_to_an_argument,
    "one too few": one_too_few,
}
