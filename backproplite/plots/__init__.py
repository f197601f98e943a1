"""Pictures of networks and of their training, drawn by matplotlib (extra `plot`).

Every function draws on the axes that it is given, or on those of a new figure,
and returns them; none shows anything. Networks are only read: what has to be
computed is computed on a copy. Where colours tell things apart, they do so for
colour-blind readers too. Without matplotlib each raises a `MissingExtraError`.

There is a module for each subject; what several of them need is in `shared`.
"""

from .activations import activation
from .animation import training_animation
from .boundary import decision_boundary
from .confusion import confusion_matrix
from .descent import descent_path
from .diagram import network_diagram
from .gradients import gradient_flow
from .histograms import activation_histograms, weight_histograms
from .landscape import loss_landscape
from .losses import learning_rates, loss_curves
from .shared import COLOURS, require_matplotlib

__all__ = [
    "COLOURS",
    "activation",
    "activation_histograms",
    "confusion_matrix",
    "decision_boundary",
    "descent_path",
    "gradient_flow",
    "learning_rates",
    "loss_curves",
    "loss_landscape",
    "network_diagram",
    "require_matplotlib",
    "training_animation",
    "weight_histograms",
]
