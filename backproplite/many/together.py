"""Networks trained side by side, in one process or several, and what they predict together."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from .. import advice
from ..checks import Array, column_names, switch, whole_number
from ..configurable import answering
from ..errors import ShapeError, warn
from ..network import Network
from .door import Door, checked_networks, of_network
from .jobs import checked_jobs, train_members
from .progress import Overall
from .stack import Member

Networks = TypeVar("Networks", bound=Sequence[Network])


@answering
def fit_together(
    networks: Networks,
    X: Any,
    y: Any,
    epochs: int,
    batch_size: int | None = None,
    shuffle: bool = True,
    validation_data: Any = None,
    sample_weight: Any = None,
    class_weight: str | Mapping[Any, float] | None = None,
    callbacks: Any = (),
    progress: bool = False,
    *,
    rows: Any = None,
    n_jobs: int | None = None,
    metrics: Any = (),
    validation_split: float | None = None,
) -> Networks:
    """Train networks side by side; each ends as if by its own `fit`.

    Networks of one architecture, loss and optimizer class are trained as one, which takes a
    fraction of the time where they are small. What is given below is one for all, or a
    list of one for each: then it has an axis more, but for y, where a list of arrays is one each.

    Parameters
    ----------
    networks : list of Network
        They may differ in anything: seed, settings, layers.
    X : array of shape (samples, features), or one each
        Copied for no network that trains on all of it, or on some `rows`; but where a callback
        needs a score and there is no validation data, the rows are copied.
    y : array of shape (samples, outputs) or (samples,), or a list of such arrays
        Three axes are one each too. Nested lists are one for all.
    epochs, batch_size, shuffle, class_weight
        As for `fit`.
    validation_data : (X, y) or (X, y, sample_weight), or a list of such, optional
        None in the list is none.
    sample_weight : array of shape (samples,), or one each, optional
        As for `fit`; with `rows`, it is that of all samples.
    callbacks : callable or sequence of callables, or a list of lists
        Those given once are copied for each network, functions are shared. To look into a
        callback afterwards, give each network a list of its own.
    progress : bool
        Show one bar or line now and then for all: the median loss, how many are done or diverged.
    rows : whole numbers or mask of shape (samples,), or one each, optional
        The samples that a network trains on, as if by `fit(X[rows], y[rows])`: folds, or samples
        drawn with repetition.
    n_jobs : int, optional
        Over how many processes to spread the work, with joblib (extra `parallel`), or threads or
        machines if `joblib.parallel_config` says so; -1 for all cores. None is 1, unless within
        a `joblib.parallel_config`. BLAS works in one thread in each, where joblib or threadpoolctl
        can see to it. Functions among the callbacks act there, not here.
    metrics
        As for `fit`: one for all, measured network by network. `rows` are copied then.
    validation_split : float, optional
        As for `fit`: each holds out samples of its own, by its seed.

    Returns
    -------
    list of Network
        The same as given. A network that diverged is back at its last finite parameters, with the
        error in `network.diverged`, which is None otherwise.

    Raises
    ------
    ShapeError, InputError, ParameterError
        If an argument cannot be used; nothing has changed then. It names the network by its place.
    DivergenceError
        If all diverge.
    MissingExtraError
        If `n_jobs` is given and joblib is missing.

    Notes
    -----
    It takes the memory of the networks twice, and what a step of a group keeps: the outputs
    of all layers, for a batch of each. Groups are no larger than what a core has in its cache.
    Their `parameters` and the layers' arrays are rows of it then: take views anew.

    After an error or Ctrl-C each network is at its last whole step, and goes on from
    there, by this or by its own `fit`; work that was in other processes has not happened.

    Examples
    --------
    >>> import backproplite as bp
    >>> X, y = bp.datasets.xor()
    >>> networks = [
    ...     bp.Network([bp.Dense(2, 4), bp.Tanh(), bp.Dense(4, 1)], bp.MeanSquaredError(), seed=i)
    ...     for i in range(3)
    ... ]
    >>> [network.epoch_count for network in bp.fit_together(networks, X, y, epochs=5)]
    [5, 5, 5]
    """
    listed = checked_networks(networks)
    epochs, n_jobs = whole_number("epochs", epochs, 0), checked_jobs(n_jobs)
    given = X, y, batch_size, shuffle, validation_data, sample_weight, class_weight, callbacks
    door = Door(listed, *given, rows, metrics, validation_split)
    members = door.members()
    overall = Overall(listed, epochs) if switch("progress", progress) else None
    for said, places in door.doubts.items():
        warn_of(said, places)
    for network, table in zip(listed, door.X, strict=True):
        network.feature_names = network.feature_names or column_names(table)
    train_members(members, epochs, n_jobs, overall)
    look_back(members)
    return networks


def look_back(members: Sequence[Member]) -> None:
    """Warn of losses that have run away, and raise the error if all have diverged."""
    networks = [member.network for member in members]
    errors = [network.diverged for network in networks]
    if errors[0] and all(errors):
        error = copy.copy(errors[0])  # a traceback would keep everything alive
        error.add_note(f"All {len(errors)} networks have diverged; this is networks[0].")
        raise error
    runaways: list[tuple[int, str]] = []
    for i, member in enumerate(members):
        before, losses = member.fit.first_loss, member.network.history["loss"]
        ran = losses and before and losses[-1] > advice.FAR * before
        if ran and not member.network.diverged:
            said = advice.run_away(member.network, member.batch(slice(None)), before)
            runaways += [(i, said)] if said else []
    if runaways:
        warn_of(runaways[0][1], [i for i, _ in runaways])


def warn_of(said: str, places: Sequence[int]) -> None:
    """Warn once of what is true of several networks."""
    named = ", ".join(f"networks[{i}]" for i in places[:3])
    more = f" and {len(places) - 3} more" if len(places) > 3 else ""
    warn(f"{named}{more}: {said}")


def predict_together(networks: Sequence[Network], X: Any) -> tuple[Array, Array]:
    """Return the mean of what networks predict, and how far apart they are.

    mean = Σ predict / n; spread = √(Σ (predict - mean)² / n)

    Parameters
    ----------
    networks : list of Network
        An ensemble: the same inputs and outputs.
    X : array of shape (samples, features)
        As for `predict`.

    Returns
    -------
    mean, spread : arrays of shape (samples, outputs)

    Raises
    ------
    ShapeError, InputError, ParameterError
        If X or the networks cannot be used.

    Examples
    --------
    >>> import backproplite as bp
    >>> network = bp.Network([bp.Dense(1, 1)], bp.MeanSquaredError())
    >>> mean, spread = predict_together(bp.variants(network, seed=range(5)), [[0.5], [1.0]])
    >>> mean.shape, bool((spread > 0).all())
    ((2, 1), True)

    References
    ----------
    Lakshminarayanan, Pritzel, Blundell: Simple and scalable predictive uncertainty estimation
    using deep ensembles, 2017.
    """
    mean: Array = np.zeros(())
    spread: Array = np.zeros(())
    for i, network in enumerate(checked_networks(networks)):
        with of_network(i):
            predicted = network.predict(X)
            if i and predicted.shape != mean.shape:
                raise ShapeError(
                    f"an ensemble must have the same outputs: {mean.shape[1]} as networks[0]; "
                    f"got {predicted.shape[1]}."
                )
        step = predicted - mean  # one at a time, which needs room for three
        mean = mean + step / (i + 1)
        spread = spread + step * (predicted - mean)
    return mean, np.sqrt(spread / len(networks))
