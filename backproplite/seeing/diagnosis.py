"""Whether a network learns, and if not, why not and what helps.

`diagnose` sends a batch forward and back through a copy of the network, lets
copies make some more steps, and says in numbers and in words what it saw; `Watch`
does so during training.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..callbacks import Callback
from ..checks import whole_number
from ..errors import ParameterError, warn
from ..network import Network
from .findings import Finding, findings, health, percent
from .health import LayerHealth, Observer

#: What stands below the table.
LEGEND = """\
outputs: root of the mean square; gradient: length of the derivative of the loss by them, and by the
parameters; update: length of the coming change of the parameters, by their own"""


@dataclass(frozen=True)
class Diagnosis:
    """What `diagnose` found; `print` it for a table and the verdict.

    Attributes
    ----------
    layers : tuple of LayerHealth
        In the order of the network.
    findings : tuple of Finding
        The likely cause first; none if the network is healthy.
    verdict : str
        The findings in sentences, or why the network seems healthy.
    loss : float
        The training loss of the batch.
    samples : int
        How many samples the batch has.
    """

    layers: tuple[LayerHealth, ...]
    findings: tuple[Finding, ...]
    verdict: str
    loss: float
    samples: int

    @property
    def healthy(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def __str__(self) -> str:
        head = "", "layer", "outputs", "saturated", "dead", "gradient", "by parameters", "update"
        rows = [head, *((str(i), *_cells(each)) for i, each in enumerate(self.layers))]
        a, b, *others = (max(map(len, column)) for column in zip(*rows, strict=True))
        lines = [
            "  ".join([f"{i:{a}}", f"{name:{b}}", *map(str.rjust, cells, others)]).rstrip()
            for i, name, *cells in rows
        ]
        batch = f"{self.loss:.4g} on {self.samples:,} sample{'s'[: self.samples > 1]}"
        return "\n".join([*lines, LEGEND, "", f"The loss is {batch}.", self.verdict])

    __repr__ = __str__


def diagnose(
    network: Network, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
) -> Diagnosis:
    """Tell whether a network learns, and if not, why not and what helps.

    It looks at one training pass over the batch, and at what the loss does in 20
    more steps on it. All that happens on copies: the network stays as it is. Give
    it all the training data, or at least some dozens of samples.

    Of the task it finds "scale of X", "scale of y", "outputs out of reach", "units all alike",
    "no activation between", "no hidden layer", "weight decay too strong" and "batches of one";
    of training "learning rate too high", "exploding gradients", "dead units", "saturated units"
    and "vanishing gradients"; where there is none of these "learning rate too low" (not said of
    a schedule, whose low ends are meant), "overfitting", "inference differs" and "class never
    predicted". Learnt is what costs less than a tenth of the best constant prediction.

    Parameters
    ----------
    network : Network
        At any stage of its training.
    X, y, sample_weight
        As for `fit`.

    Returns
    -------
    Diagnosis
        Sizes, shares and ratios by layer, and the findings.

    Raises
    ------
    ShapeError, InputError
        If the data cannot be used.
    ParameterError
        If it is not a network.

    Examples
    --------
    >>> import backproplite as bp
    >>> X, y = bp.datasets.moons()
    >>> layers = [bp.Dense(2, 8, bias_initializer=bp.Constant(-10)), bp.ReLU(), bp.Dense(8, 1)]
    >>> diagnosis = diagnose(bp.Network(layers, bp.SigmoidCrossEntropy(), seed=0), X, y)
    >>> diagnosis.healthy, diagnosis.findings[0].name, diagnosis.layers[1].dead_share
    (False, 'dead units', 1.0)

    References
    ----------
    Glorot, Bengio: Understanding the difficulty of training deep feedforward
    neural networks, 2010.
    """
    if not isinstance(network, Network):
        raise ParameterError(f"network must be a Network; got {type(network).__name__}.")
    observer = Observer(network, network.prepare(X, y, sample_weight))
    return _diagnosis(network, observer, with_trials=True)


class Watch(Callback):
    """Warn once, with the cure, when training starts to go wrong.

    When `fit` begins, it does what `diagnose` does, which costs as much as some 20
    steps on the batch, or up to a thousand if the network is sick. Each later look costs two
    more passes over the batch, forward and back, and a third of a millisecond, which
    is more than an epoch of the smallest networks: there, use `every`. It sees dead
    and saturated units, gradients that vanish or explode, and a loss that has risen.
    It warns once in its life. The run stays the same, to the bit.

    Parameters
    ----------
    X, y
        The batch to look at; some dozens of the training samples will do.
    every : int
        Look after each epoch whose number is a multiple of this.

    Attributes
    ----------
    diagnosis : Diagnosis or None
        The one that it warned of; None as long as all is well.

    Raises
    ------
    ParameterError
        If `every` is not a whole number of at least 1.
    ShapeError, InputError
        When `fit` begins, if the network cannot use the data.

    Examples
    --------
    >>> import backproplite as bp
    >>> X, y = bp.datasets.xor()
    >>> layers = [bp.Dense(2, 4), bp.Sigmoid(), bp.Dense(4, 1), bp.Sigmoid()]
    >>> network = bp.Network(layers, bp.MeanSquaredError(), bp.GradientDescent(0.5), seed=42)
    >>> watch = Watch(X, y, every=100)
    >>> network = network.fit(X, y, epochs=1000, callbacks=watch)
    >>> watch.diagnosis is None
    True
    """

    diagnosis: Diagnosis | None = None
    state_names = ("warned",)

    def __init__(self, X: ArrayLike, y: ArrayLike, every: int = 1) -> None:
        self.every = whole_number("every", every, 1)
        self._data = X, y
        self.warned = False

    def start(self, network: Network) -> None:
        self._observer = Observer(network, network.prepare(*self._data, of="watched "))
        if network.cut_off is None:  # else it was looked at when that fit began
            self._look(network, "before training", with_trials=True)

    def __call__(self, network: Network) -> None:
        if network.epoch_count % self.every == 0:
            self._look(network, f"after epoch {network.epoch_count}", with_trials=False)

    def _look(self, network: Network, when: str, with_trials: bool) -> None:
        if self.warned:
            return
        diagnosis = _diagnosis(network, self._observer, with_trials)
        if not diagnosis.healthy:
            self.diagnosis, self.warned = diagnosis, True
            first = diagnosis.findings[0]
            warn(f"{first.name} {when}: {first.evidence} {first.cure}")


@np.errstate(all="ignore")
def _diagnosis(network: Network, observer: Observer, with_trials: bool) -> Diagnosis:
    """Look, ask all questions, and say what came out."""
    seen = observer.look(network, with_trials)
    found = findings(seen)
    verdict = "\n".join(map(str, found)) or health(seen)
    return Diagnosis(seen.layers, found, verdict, seen.loss, len(seen.batch.x))


def _cells(each: LayerHealth) -> list[str]:
    """Return a layer's numbers as they stand in the table."""
    shares = ("" if s is None else percent(s) for s in (each.saturated_share, each.dead_share))
    lengths = each.gradient_size, each.parameter_gradient_size, each.update_ratio
    written = ("" if length is None else f"{length:.1e}" for length in lengths)
    return [each.layer, f"{each.output_size:.3g}", *shares, *written]
