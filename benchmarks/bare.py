"""The networks of the benchmark by hand, in bare NumPy, one function for each.

Each takes the parameters to start from, in the order weight, bias, weight, bias, ..., and returns
a function that makes one training step on a batch: forward, loss, backward, update. It updates
the parameters in place and returns the loss before the update. Nothing is checked and nothing can
be configured. The optimizers use up the gradients as scratch, which pays on large arrays.
"""

import numpy as np


def xor(parameters, learning_rate):
    """One hidden layer, sigmoids, mean squared error, gradient descent."""
    weight_1, bias_1, weight_2, bias_2 = parameters

    def step(x, targets):
        nonlocal weight_1, bias_1, weight_2, bias_2  # for -= in place
        hidden = 1 / (1 + np.exp(-(x @ weight_1 + bias_1)))
        outputs = 1 / (1 + np.exp(-(hidden @ weight_2 + bias_2)))
        errors = outputs - targets
        loss = float((errors * errors).sum()) / errors.size

        grad_2 = (2 / errors.size) * errors * outputs * (1 - outputs)
        grad_1 = grad_2 @ weight_2.T * hidden * (1 - hidden)
        weight_2 -= learning_rate * (hidden.T @ grad_2)
        bias_2 -= learning_rate * grad_2.sum(axis=0)
        weight_1 -= learning_rate * (x.T @ grad_1)
        bias_1 -= learning_rate * grad_1.sum(axis=0)
        return loss

    return step


def two_layers_momentum(parameters, learning_rate):
    """One hidden layer of ReLU, softmax cross-entropy, momentum."""
    weight_1, bias_1, weight_2, bias_2 = parameters
    velocities = [np.zeros_like(parameter) for parameter in parameters]

    def step(x, labels):
        hidden = np.maximum(x @ weight_1 + bias_1, 0)
        loss, grad_2 = softmax_cross_entropy(hidden @ weight_2 + bias_2, labels)
        grad_1 = grad_2 @ weight_2.T * (hidden > 0)
        gradients = x.T @ grad_1, grad_1.sum(axis=0), hidden.T @ grad_2, grad_2.sum(axis=0)

        for arrays in zip(parameters, gradients, velocities, strict=True):
            update_by_momentum(*arrays, learning_rate)
        return loss

    return step


def two_layers_adam(parameters, learning_rate):
    """One hidden layer of ReLU, softmax cross-entropy, Adam."""
    weight_1, bias_1, weight_2, bias_2 = parameters
    means = [np.zeros_like(parameter) for parameter in parameters]
    squares = [np.zeros_like(parameter) for parameter in parameters]
    steps = 0

    def step(x, labels):
        nonlocal steps
        hidden = np.maximum(x @ weight_1 + bias_1, 0)
        loss, grad_2 = softmax_cross_entropy(hidden @ weight_2 + bias_2, labels)
        grad_1 = grad_2 @ weight_2.T * (hidden > 0)
        gradients = x.T @ grad_1, grad_1.sum(axis=0), hidden.T @ grad_2, grad_2.sum(axis=0)

        steps += 1
        for arrays in zip(parameters, gradients, means, squares, strict=True):
            update_by_adam(*arrays, learning_rate, steps=steps)
        return loss

    return step


def four_layers_momentum(parameters, learning_rate):
    """Three hidden layers of ReLU, softmax cross-entropy, momentum."""
    weight_1, bias_1, weight_2, bias_2, weight_3, bias_3, weight_4, bias_4 = parameters
    velocities = [np.zeros_like(parameter) for parameter in parameters]

    def step(x, labels):
        hidden_1 = np.maximum(x @ weight_1 + bias_1, 0)
        hidden_2 = np.maximum(hidden_1 @ weight_2 + bias_2, 0)
        hidden_3 = np.maximum(hidden_2 @ weight_3 + bias_3, 0)
        loss, grad_4 = softmax_cross_entropy(hidden_3 @ weight_4 + bias_4, labels)
        grad_3 = grad_4 @ weight_4.T * (hidden_3 > 0)
        grad_2 = grad_3 @ weight_3.T * (hidden_2 > 0)
        grad_1 = grad_2 @ weight_2.T * (hidden_1 > 0)
        gradients = [x.T @ grad_1, grad_1.sum(axis=0)]
        gradients += [hidden_1.T @ grad_2, grad_2.sum(axis=0)]
        gradients += [hidden_2.T @ grad_3, grad_3.sum(axis=0)]
        gradients += [hidden_3.T @ grad_4, grad_4.sum(axis=0)]

        for arrays in zip(parameters, gradients, velocities, strict=True):
            update_by_momentum(*arrays, learning_rate)
        return loss

    return step


def softmax_cross_entropy(logits, labels):
    """Return the mean loss of a batch and its gradient by the logits."""
    rows = np.arange(len(labels))
    shifted = logits - logits.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    sums = exponentials.sum(axis=1, keepdims=True)
    loss = float((np.log(sums[:, 0]) - shifted[rows, labels]).sum()) / len(labels)
    gradient = exponentials / sums
    gradient[rows, labels] -= 1
    gradient /= len(labels)
    return loss, gradient


def update_by_momentum(parameter, gradient, velocity, learning_rate, momentum=0.9):
    velocity *= momentum
    gradient *= learning_rate
    velocity += gradient
    parameter -= velocity


def update_by_adam(parameter, gradient, mean, square, learning_rate, *, steps):
    beta1, beta2, epsilon = 0.9, 0.999, 1e-8
    mean *= beta1
    mean += (1 - beta1) * gradient
    square *= beta2
    gradient *= gradient
    gradient *= 1 - beta2
    square += gradient
    scale = np.sqrt(square, out=gradient)
    scale /= (1 - beta2**steps) ** 0.5
    scale += epsilon
    change = np.divide(mean, scale, out=scale)
    change *= learning_rate / (1 - beta1**steps)
    parameter -= change


def layers_momentum(parameters, learning_rate):
    """Any number of hidden layers of ReLU, softmax cross-entropy, momentum."""
    weights, biases = parameters[::2], parameters[1::2]
    velocities = [np.zeros_like(parameter) for parameter in parameters]

    def step(x, labels):
        inputs = [x]
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            inputs.append(np.maximum(inputs[-1] @ weight + bias, 0))
        loss, grad = softmax_cross_entropy(inputs[-1] @ weights[-1] + biases[-1], labels)
        gradients = []
        for i in range(len(weights) - 1, -1, -1):
            gradients = [inputs[i].T @ grad, grad.sum(axis=0), *gradients]
            if i:
                grad = grad @ weights[i].T * (inputs[i] > 0)
        for arrays in zip(parameters, gradients, velocities, strict=True):
            update_by_momentum(*arrays, learning_rate)
        return loss

    return step
