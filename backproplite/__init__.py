"""Small neural networks trained by backpropagation, on NumPy alone.

A network is a list of layers and a loss; `fit` trains it and `predict` uses it.
Every gradient can be checked with `check_gradients`.
"""

from importlib import import_module
from types import ModuleType

from . import datasets
from .activations import (
    ELU,
    GELU,
    Activation,
    Identity,
    LeakyReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from .descent import Descent, minimize
from .diagnostics import Diagnosis, Finding, LayerHealth, TrainingWarning, Watch, diagnose
from .errors import (
    BackpropliteError,
    DivergenceError,
    GradientMismatch,
    InputError,
    MissingExtraError,
    ModelFileError,
    NotFittedError,
    ParameterError,
    ShapeError,
)
from .formulas import Equation
from .gradcheck import GradientReport, check_gradients, numerical_gradient
from .initializers import Constant, Glorot, He, LeCun, Normal, Uniform, Zeros
from .layers import BatchNorm, Dense, Dropout, Layer, LayerNorm
from .losses import (
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    HalfSquaredError,
    Huber,
    Loss,
    MeanAbsoluteError,
    MeanSquaredError,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
)
from .network import Network
from .optimizers import Adam, AdamW, GradientDescent, Momentum, Optimizer, RMSProp
from .recording import Recorder
from .schedules import (
    ConstantSchedule,
    CosineSchedule,
    ExponentialSchedule,
    Schedule,
    StepSchedule,
    WarmUpSchedule,
)
from .tracing import Stage, Trace, trace
from .training import Callback, Checkpoint, EarlyStopping

__version__ = "0.1.0"

__all__ = [
    "ELU",
    "GELU",
    "Activation",
    "Adam",
    "AdamW",
    "BackpropliteError",
    "BatchNorm",
    "BinaryCrossEntropy",
    "Callback",
    "CategoricalCrossEntropy",
    "Checkpoint",
    "Constant",
    "ConstantSchedule",
    "CosineSchedule",
    "Dense",
    "Descent",
    "Diagnosis",
    "DivergenceError",
    "Dropout",
    "EarlyStopping",
    "Equation",
    "ExponentialSchedule",
    "Finding",
    "Glorot",
    "GradientDescent",
    "GradientMismatch",
    "GradientReport",
    "HalfSquaredError",
    "He",
    "Huber",
    "Identity",
    "InputError",
    "Layer",
    "LayerHealth",
    "LayerNorm",
    "LeCun",
    "LeakyReLU",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "MissingExtraError",
    "ModelFileError",
    "Momentum",
    "Network",
    "Normal",
    "NotFittedError",
    "Optimizer",
    "ParameterError",
    "RMSProp",
    "ReLU",
    "Recorder",
    "Schedule",
    "ShapeError",
    "SiLU",
    "Sigmoid",
    "SigmoidCrossEntropy",
    "Softmax",
    "SoftmaxCrossEntropy",
    "Softplus",
    "Stage",
    "StepSchedule",
    "Tanh",
    "Trace",
    "TrainingWarning",
    "Uniform",
    "WarmUpSchedule",
    "Watch",
    "Zeros",
    "check_gradients",
    "datasets",
    "diagnose",
    "minimize",
    "numerical_gradient",
    "plots",
    "trace",
]


def __getattr__(name: str) -> ModuleType:
    """Load the pictures when they are first asked for: most programs draw none."""
    if name == "plots":
        return import_module(".plots", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
