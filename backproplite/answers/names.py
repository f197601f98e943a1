"""What things are called here that have other names in PyTorch, Keras and scikit-learn.

Loaded when a name is not found. An answer is what it is called here, or a sentence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from ..errors import UnknownNameError
from .data import shown

#: Classes, functions and modules. Upper and lower case are not told apart.
NAMES = {
    "Linear": "Dense(in_features, out_features)",
    "MSELoss": "MeanSquaredError()",
    "MSE": "MeanSquaredError()",
    "L1Loss": "MeanAbsoluteError()",
    "MAE": "MeanAbsoluteError()",
    "SmoothL1Loss": "Huber()",
    "HuberLoss": "Huber()",
    "CrossEntropyLoss": "SoftmaxCrossEntropy()",
    "CrossEntropy": "SoftmaxCrossEntropy()",
    "SparseCategoricalCrossentropy": "SoftmaxCrossEntropy()",
    "LogSoftmax": "SoftmaxCrossEntropy(), which applies it",
    "NLLLoss": "CategoricalCrossEntropy(), on probabilities",
    "BCELoss": "BinaryCrossEntropy()",
    "BCEWithLogitsLoss": "SigmoidCrossEntropy()",
    "SGD": "GradientDescent(learning_rate), or Momentum(learning_rate, momentum)",
    "RMSprop": "RMSProp()",
    "LBFGS": "loss_and_gradient, a method of networks that scipy.optimize can minimize",
    "BatchNorm1d": "BatchNorm(features)",
    "BatchNormalization": "BatchNorm(features)",
    "LayerNormalization": "LayerNorm(features)",
    "Swish": "SiLU()",
    "PReLU": "LeakyReLU(slope)",
    "Sequential": "Network(layers, loss, optimizer)",
    "Model": "Network(layers, loss, optimizer)",
    "Module": "Layer, the base of layers of one's own",
    "Parameter": "add_parameter, a method of layers",
    "Flatten": "X.reshape(len(X), -1), before the network",
    "Input": "in_features, of the first Dense layer",
    "StandardScaler": "Standardize.of(X), as the first layer",
    "Normalization": "Standardize.of(X), as the first layer",
    "ReduceLROnPlateau": "ReduceOnPlateau(factor, patience)",
    "DataLoader": "batch_size, an argument of fit",
    "ModelCheckpoint": "Checkpoint(path)",
    "StepLR": "StepSchedule(learning_rate, every, factor)",
    "ExponentialLR": "ExponentialSchedule(learning_rate, factor)",
    "ExponentialDecay": "ExponentialSchedule(learning_rate, factor, every)",
    "CosineAnnealingLR": "CosineSchedule(learning_rate, steps, final)",
    "CosineDecay": "CosineSchedule(learning_rate, steps, final)",
    "LambdaLR": "any function of the step, as learning_rate",
    "XavierNormal": "Glorot()",
    "GlorotNormal": "Glorot()",
    "XavierUniform": 'Glorot("uniform")',
    "GlorotUniform": 'Glorot("uniform")',
    "HeNormal": "He()",
    "KaimingNormal": "He()",
    "HeUniform": 'He("uniform")',
    "KaimingUniform": 'He("uniform")',
    "LecunNormal": "LeCun()",
    "RandomNormal": "Normal(mean, deviation)",
    "RandomUniform": "Uniform(low, high)",
    "Ones": "Constant(1.0)",
    "gradcheck": "check_gradients(subject, ...)",
    "check_grad": "check_gradients(subject, ...)",
    "load_model": "Network.load(path)",
    "load": "Network.load(path)",
    "clone": "fresh(network)",
    "clone_model": "fresh(network)",
    "freeze": "layer.trainable = False",
    "train_test_split": "validation_split, an argument of fit",
    "cross_val_score": "cross_validate(network, X, y, epochs)",
    "GridSearchCV": "variants(network) and fit_together(networks, X, y, epochs)",
    "f1_score": "any function of targets and predictions, as metrics of fit",
    "confusion_matrix": "plots.confusion_matrix(y, predictions)",
    "to_onnx": "export_onnx(network, path)",
    "onnx": "export_onnx(network, path)",
    "nn": "backproplite itself, which has all layers and losses",
    "optim": "backproplite itself, which has all optimizers",
    "Conv1d": "There are no convolutions.",
    "Conv2d": "There are no convolutions.",
    "Embedding": "There are no embeddings.",
    "LSTM": "There are no recurrent layers.",
    "GRU": "There are no recurrent layers.",
    "RNN": "There are no recurrent layers.",
    "no_grad": "Nothing is recorded in the first place.",
}
#: Arguments and attributes. Of several names, that which is there counts.
SETTINGS = {
    "lr": "learning_rate",
    "learning_rate_init": "learning_rate",
    "initial_learning_rate": "learning_rate",
    "eta": "learning_rate",
    "betas": "beta1 beta2",
    "beta_1": "beta1",
    "beta_2": "beta2",
    "rho": "beta2",
    "alpha": "slope beta2",
    "eps": "epsilon",
    "momentum": "beta1",
    "max_norm": "clip_norm",
    "clipnorm": "clip_norm",
    "global_clipnorm": "clip_norm",
    "clipvalue": "clip_value",
    "decay": "weight_decay",
    "l2": "weight_decay",
    "negative_slope": "slope",
    "p": "rate",
    "num_features": "features",
    "normalized_shape": "features",
    "units": "out_features",
    "input_dim": "in_features",
    "input_shape": "in_features",
    "kernel_initializer": "weight_initializer",
    "std": "deviation",
    "stddev": "deviation",
    "minval": "low",
    "maxval": "high",
    "gamma": "factor",
    "decay_rate": "factor",
    "step_size": "every",
    "decay_steps": "steps every",
    "t_max": "steps",
    "eta_min": "final",
    "warmup_steps": "steps",
    "n_iter_no_change": "patience",
    "tol": "min_delta",
    "threshold": "min_delta",
    "min_lr": "minimum_rate",
    "restore_best_weights": "restore_best",
    "filepath": "path",
    "save_best_only": "best_only",
    "save_freq": "every_steps",
    "criterion": "loss",
    "random_state": "seed",
    "n_epochs": "epochs",
    "nb_epoch": "epochs",
    "num_epochs": "epochs",
    "max_iter": "epochs",
    "verbose": "progress",
    "validation_set": "validation_data",
    "eval_set": "validation_data",
    "validation_fraction": "validation_split",
    "x": "X",
}
#: What is done in another way, or in another place.
SENTENCES = {
    "verbose": "It prints nothing.",
    "validation_split": "It belongs to fit: fit(X, y, epochs, validation_split=0.2).",
    "early_stopping": "Give callbacks=EarlyStopping(patience).",
    "learning_rate": "It belongs to the optimizer: optimizer.learning_rate.",
    "weight_decay": "It belongs to the optimizer: optimizer.weight_decay.",
    "momentum": "Momentum(learning_rate, momentum) has it.",
    "nesterov": "Momentum(learning_rate, momentum, nesterov=True) has it.",
    "amsgrad": "That variant is not here.",
    "activation": "An activation is a layer of its own, behind this one.",
    "bias": "A bias is always there.",
    "use_bias": "A bias is always there.",
    "axis": "It works along the last axis, the features.",
    "dim": "It works along the last axis, the features.",
    "inplace": "Arrays are never changed in place.",
    "affine": "Scale and bias are always there.",
    "approximate": "It is the tanh form.",
    "reduction": "The loss is the mean over the samples.",
    "from_logits": "SoftmaxCrossEntropy and SigmoidCrossEntropy take logits.",
    "label_smoothing": "Give y as rows of probabilities.",
    "weight": "Weights are given to fit.",
    "pos_weight": "Weights are given to fit.",
    "class_weight": "Weights are given to fit.",
    "optimizer": "It belongs to the network: Network(layers, loss, optimizer).",
    "loss": "It belongs to the network: Network(layers, loss, optimizer).",
    "seed": "It belongs to the network: Network(..., seed=0).",
    "random_state": "It belongs to the network: Network(..., seed=0).",
    "steps_per_epoch": "It follows from batch_size.",
    "initial_epoch": "Called again, fit goes on from where it stood.",
    "warm_start": "Called again, fit goes on from where it stood.",
    "batch_size": "It belongs to fit: fit(X, y, epochs, batch_size).",
    "epochs": "It belongs to fit: fit(X, y, epochs).",
    "callbacks": "They belong to fit: fit(X, y, epochs, callbacks=...).",
    "hidden_layer_sizes": "Give the layers: [Dense(2, 8), ReLU(), Dense(8, 1)].",
    "metrics": "They belong to fit: fit(X, y, epochs, metrics=...).",
    "device": "All is computed by the processor.",
    "return_sequences": "There are no recurrent layers.",
    "training": "fit trains, predict does not: nothing has to be set.",
    "trainable": "Layers are frozen once they are made: layer.trainable = False.",
    "frozen": "Layers are frozen as a whole: layer.trainable = False.",
    "requires_grad": "Layers are frozen as a whole: layer.trainable = False.",
}


def no_argument(
    what: str, taken: Sequence[str], given: Sequence[Any], named: Mapping[str, Any]
) -> UnknownNameError:
    """Return the error for arguments that a class or function does not have."""
    for name in named:
        if name not in taken:
            return _error(what, "argument", name, taken)
    takes = f"takes {', '.join(taken)}" if taken else "takes no arguments"
    more = " LeakyReLU(slope) has a slope." if what == "ReLU" else ""
    return UnknownNameError(f"{what} {takes}; got {', '.join(map(shown, given))}.{more}")


def no_attribute(
    what: str, name: str, settings: Sequence[str], known: Sequence[str]
) -> UnknownNameError:
    """Return the error for an attribute that nothing would ever read."""
    return _error(what, "attribute", name, settings, known)


def no_name(name: str, offered: Iterable[str]) -> UnknownNameError:
    """Return the error for what the package does not have."""
    answers = {key.casefold(): answer for key, answer in NAMES.items()}
    ours = {each.casefold(): each for each in offered}
    said = answers.get(name.casefold().replace("_", ""), answers.get(name.casefold(), ""))
    if not said:
        near = get_close_matches(name.casefold(), ours, 1, cutoff=0.75)
        said = f"Did you mean {ours[near[0]]}?" if near else "See dir(backproplite)."
    elif said[-1] != ".":
        said = f"Here it is {said}."
    return UnknownNameError(f"backproplite has no {name!r}. {said}")


def _error(
    what: str, role: str, name: str, settings: Sequence[str], known: Sequence[str] = ()
) -> UnknownNameError:
    """Return the error for a name, with what it is called here, or the nearest there is."""
    known = [*settings, *known]
    here = [each for each in SETTINGS.get(name.casefold(), "").split() if each in known]
    near = get_close_matches(name, known, 1)
    if here:
        said = f"Here it is {' and '.join(here)}."
    elif name.casefold() in SENTENCES:
        said = SENTENCES[name.casefold()]
    elif near:
        said = f"Did you mean {near[0]}?"
    else:
        said = f"It has {', '.join(settings)}." if settings else "It has no settings."
    return UnknownNameError(f"{what} has no {role} {name!r}. {said}")
