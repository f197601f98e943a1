"""Looking at networks and optimizers: every number of a step, and whether all is well."""

from .descent import Descent, minimize
from .diagnosis import Diagnosis, Watch, diagnose
from .equations import Equation
from .findings import Finding
from .health import LayerHealth
from .pages.playground import Playground, playground
from .recording import Recorder
from .tracing import Stage, Trace, trace

__all__ = [
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
]
