"""Small neural networks trained by backpropagation, on NumPy alone.

A network is a list of layers and a loss; `fit` trains it and `predict` uses it.
Every gradient can be checked with `check_gradients`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import (
    activations,
    callbacks,
    errors,
    initializers,
    layers,
    losses,
    network,
    optimizers,
    schedules,
)
from .activations import *
from .callbacks import *
from .errors import *
from .initializers import *
from .layers import *
from .losses import *
from .network import *
from .optimizers import *
from .schedules import *

if TYPE_CHECKING:
    from . import datasets, plots, testing
    from .checking import GradientReport, check_gradients, numerical_gradient
    from .seeing import (
        Descent,
        Diagnosis,
        Equation,
        Finding,
        LayerHealth,
        Recorder,
        Stage,
        Trace,
        TrainingWarning,
        Watch,
        diagnose,
        minimize,
        trace,
    )

__version__ = "0.1.0"

#: What is loaded when it is first asked for, and from which folder.
_RINGS = {
    "GradientReport": "checking",
    "check_gradients": "checking",
    "numerical_gradient": "checking",
    "Descent": "seeing",
    "Diagnosis": "seeing",
    "Equation": "seeing",
    "Finding": "seeing",
    "LayerHealth": "seeing",
    "Recorder": "seeing",
    "Stage": "seeing",
    "Trace": "seeing",
    "TrainingWarning": "seeing",
    "Watch": "seeing",
    "diagnose": "seeing",
    "minimize": "seeing",
    "trace": "seeing",
    "datasets": "",
    "plots": "",
}

__all__ = [
    *activations.__all__,
    *callbacks.__all__,
    *errors.__all__,
    *initializers.__all__,
    *layers.__all__,
    *losses.__all__,
    *network.__all__,
    *optimizers.__all__,
    *schedules.__all__,
    *_RINGS,
]


def __getattr__(name: str) -> Any:
    """Load a part of the library when a name of it is first used."""
    if name not in _RINGS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    folder = _RINGS[name]
    value = (
        getattr(import_module(f".{folder}", __name__), name)
        if folder
        else import_module(f".{name}", __name__)
    )
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
