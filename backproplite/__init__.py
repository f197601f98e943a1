"""Small neural networks trained by backpropagation, on NumPy alone.

A network is a list of layers and a loss; `fit` trains it and `predict` uses it.
Every gradient can be checked with `check_gradients`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import (
    activations,
    callbacks,
    checks,
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
from .checks import *
from .errors import *
from .initializers import *
from .layers import *
from .losses import *
from .network import *
from .optimizers import *
from .schedules import *

if TYPE_CHECKING:
    from . import datasets as datasets
    from . import plots as plots
    from .checking import *
    from .counts import *
    from .estimators import *
    from .estimators.onnx import export_onnx as export_onnx
    from .many import *
    from .metrics import *
    from .monitors import *
    from .scaling import *
    from .seeing import *

__version__ = "0.1.0"

#: The names of each folder that are loaded when they are first used; modules under "".
_RINGS = {
    "": ["datasets", "plots"],
    "checking": ["GradientReport", "check_gradients", "numerical_gradient"],
    "estimators": ["MLPClassifier", "MLPRegressor"],
    "estimators.onnx": ["export_onnx"],
    "many": [
        "CrossValidation",
        "Variants",
        "cross_validate",
        "fit_together",
        "fresh",
        "predict_together",
        "variants",
    ],
    "metrics": ["accuracy", "r_squared"],
    "monitors": ["Checkpoint", "EarlyStopping", "ReduceOnPlateau"],
    "counts": ["Poisson"],
    "scaling": ["Standardize", "StandardizedTargets"],
    "seeing": [
        "Descent",
        "Diagnosis",
        "Equation",
        "Finding",
        "LayerHealth",
        "Playground",
        "Recorder",
        "Stage",
        "Trace",
        "Watch",
        "diagnose",
        "minimize",
        "playground",
        "trace",
    ],
}

__all__ = [
    *activations.__all__,
    *callbacks.__all__,
    *checks.__all__,
    *errors.__all__,
    *initializers.__all__,
    *layers.__all__,
    *losses.__all__,
    *network.__all__,
    *optimizers.__all__,
    *schedules.__all__,
    *(name for names in _RINGS.values() for name in names),
]


if not TYPE_CHECKING:  # which would take any name for one of ours

    def __getattr__(name: str) -> Any:
        """Load a part of the library when a name of it is first used."""
        for folder, names in _RINGS.items():
            if name in names:
                module = import_module(f".{folder or name}", __name__)
                globals()[name] = getattr(module, name) if folder else module
                return globals()[name]
        if name.startswith("_"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from .answers import names as answers

        raise answers.no_name(name, __all__)


def __dir__() -> list[str]:
    return sorted(["__version__", *__all__])
