"""Cross-validation: how well networks like one do on data that they have not seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..checks import Array, generator
from ..configurable import answering
from ..errors import ParameterError
from ..metrics import checked_metrics
from ..network import Network
from ..training import Batch
from .door import checked_rows
from .together import fit_together
from .variants import Variants, variants

__all__ = ["CrossValidation", "cross_validate"]


@dataclass
class CrossValidation:
    """What `cross_validate` has found; printed, a table.

    Attributes
    ----------
    scores : array of shape (folds,)
        Each on the samples that its network has not trained on.
    networks : list of Network
        That of each fold.
    folds : list of pairs of arrays
        The samples that each trained on, and those that it was scored on.
    measure : str
        What the scores are.
    mean, standard_deviation : float
        Of the scores.

    Examples
    --------
    >>> CrossValidation(np.array([0.1, 0.3]), [], [], "loss").mean
    0.2
    """

    scores: Array
    networks: list[Network]
    folds: list[tuple[Array, Array]]
    measure: str

    @property
    def mean(self) -> float:
        """The mean of the scores."""
        return float(self.scores.mean())

    @property
    def standard_deviation(self) -> float:
        """How far the scores are from their mean, √(Σ (score - mean)² / folds)."""
        return float(self.scores.std())

    def __repr__(self) -> str:
        lines = [f"fold  trained on  scored on  epochs  {self.measure}"]
        rows = zip(self.folds, self.networks, self.scores, strict=True)
        for i, ((train, test), network, score) in enumerate(rows):
            line = (
                f"{i:<4}  {len(train):>10}  {len(test):>9}  {network.epoch_count:>6}  {score:.6g}"
            )
            lines.append(line + ("  diverged" if network.diverged else ""))
        return "\n".join([*lines, f"mean {self.mean:.6g} ± {self.standard_deviation:.2g}"])


@answering
def cross_validate(
    network: Network,
    X: Any,
    y: Any,
    epochs: int,
    folds: Any = 5,
    batch_size: int | None = None,
    shuffle: bool = True,
    sample_weight: Any = None,
    class_weight: str | Mapping[Any, float] | None = None,
    callbacks: Any = (),
    progress: bool = False,
    *,
    score: str | Callable[[Any, Any], Any] | None = None,
    seed: int | np.random.Generator | None = None,
    n_jobs: int | None = None,
) -> CrossValidation:
    """Train a fresh network on all folds of the data but one, for each, and score it on that one.

    Parameters
    ----------
    network : Network
        What they are made after, by `variants`; it stays as it is.
    X, y, epochs, batch_size, shuffle, sample_weight, class_weight
        As for `fit`.
    folds : int or sequence of pairs
        Into how many parts to divide the samples; with classes, each has about the same share
        of every class. Or the samples to train on and those to score, for each, as scikit-learn's
        `split` yields them.
    callbacks, progress, n_jobs
        As for `fit_together`. For callbacks the fold that is held out is the validation data: what
        `EarlyStopping` has chosen by it looks a little better there than elsewhere.
    score : {"accuracy", "r_squared"} or callable (targets, predictions) -> float, optional
        The loss unless given; a metric as for `fit`, which gets both in one shape.
    seed : int or numpy.random.Generator, optional
        For the folds; that of the network unless given.

    Returns
    -------
    CrossValidation

    Raises
    ------
    ShapeError, InputError, ParameterError
        If an argument cannot be used.
    DivergenceError
        If all diverge.

    Examples
    --------
    >>> import backproplite as bp
    >>> X, y = bp.datasets.moons(seed=0)
    >>> network = bp.Network([bp.Dense(2, 1)], bp.SigmoidCrossEntropy(), bp.Adam(0.1), seed=0)
    >>> found = cross_validate(network, X, y, epochs=20, folds=4)
    >>> found.scores.shape, found.mean < 0.4
    ((4,), True)

    References
    ----------
    Stone: Cross-validatory choice and assessment of statistical predictions, 1974.
    """
    if not isinstance(network, Network):
        raise ParameterError(f"network must be a Network; got {network!r}.")
    measures = None if score is None else checked_metrics([score], "score")
    measure = "loss" if measures is None else measures.measured()[0]
    whole = network.prepare(X, y)
    if sample_weight is not None:
        whole.weighted("sample_weight", sample_weight)
    pairs = _pairs(network, whole, folds, network.seed if seed is None else seed)
    networks = Variants([variants(network)[0] for _ in pairs], [{} for _ in pairs])
    given = np.asarray(y)
    held_out: list[Any] = []
    for _, test in pairs:
        few = [whole.x[test], given[test]]
        if sample_weight is not None:
            few.append(np.asarray(sample_weight)[test])
        held_out.append(tuple(few))
    options = batch_size, shuffle, held_out, sample_weight, class_weight, callbacks, progress
    rows = [train for train, _ in pairs]
    fit_together(networks, X, y, epochs, *options, rows=rows, n_jobs=n_jobs)
    pairs_of_both = zip(networks, held_out, strict=True)
    if measures is None:
        scores = [each.evaluate(*data) for each, data in pairs_of_both]
    else:
        scores = [measures.of(each, each.prepare(*data))[measure] for each, data in pairs_of_both]
    return CrossValidation(np.array(scores), [*networks], pairs, measure)


def _pairs(network: Network, data: Batch, folds: Any, seed: Any) -> list[tuple[Array, Array]]:
    """Return the samples that each fold is trained on, and those that it is scored on."""
    samples = len(data.x)
    if isinstance(folds, (int, np.integer)) and not isinstance(folds, bool):
        if not 2 <= folds <= samples:
            raise ParameterError(
                f"folds must be from 2 to the number of samples, {samples}; got {folds}."
            )
        order = generator(seed).permutation(samples)
        if network.loss.labels is not None:
            order = order[np.lexsort(data.targets[order].T)]  # class by class
        tests = [np.sort(order[i::folds]) for i in range(folds)]
        every = np.arange(samples)
        return [(np.setdiff1d(every, test, assume_unique=True), test) for test in tests]
    pairs = list(folds) if isinstance(folds, Sequence) or hasattr(folds, "__next__") else []
    if not pairs or any(not isinstance(pair, (tuple, list)) or len(pair) != 2 for pair in pairs):
        raise ParameterError(
            "folds must be a whole number, or a list of pairs (samples to train on, samples to "
            f"score); got {folds!r}."
        )
    return [
        (
            checked_rows(train, samples, f"folds[{i}][0]"),
            checked_rows(test, samples, f"folds[{i}][1]"),
        )
        for i, (train, test) in enumerate(pairs)
    ]
