"""Looking at networks and optimizers: what goes on in them, and whether it is well."""

from .descent import Descent, minimize
from .diagnosis import Diagnosis, TrainingWarning, Watch, diagnose
from .findings import Finding
from .health import LayerHealth
from .recording import Recorder

__all__ = [
    "Descent",
    "Diagnosis",
    "Finding",
    "LayerHealth",
    "Recorder",
    "TrainingWarning",
    "Watch",
    "diagnose",
    "minimize",
]
