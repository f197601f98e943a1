"""Networks side by side: for now, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..checks import Array
from ..errors import DivergenceError
from ..training import Batch, Fit, train

if TYPE_CHECKING:
    from ..network import Network


@dataclass(eq=False)
class Member:
    """A network under way among others.

    Attributes
    ----------
    network : Network
    fit : Fit
        Its data are one object for all members that share them.
    rows : array of int or None
        Which samples of the data it trains on; None for all.
    shares : array or None
        What each of these rows counts.
    name : str
        What errors call it.
    """

    network: Network
    fit: Fit
    rows: Array | None = None
    shares: Array | None = None
    name: str = "the network"
    under_way: ExitStack = field(default_factory=ExitStack)

    def batch(self, places: Any) -> Batch:
        """Return some of its samples, by their places among them."""
        if self.rows is None:
            return self.fit.data.select(places)
        x, targets, _ = self.fit.data
        few = Batch(self.rows, targets[self.rows], self.shares).select(places)
        return Batch(x[few.x], few.targets, few.shares)

    def settle(self) -> None:
        """Take its own samples out of the data of all."""
        if self.rows is not None:
            scored = self.fit.scored is self.fit.data
            self.fit.data, self.rows = self.batch(slice(None)), None
            if scored:
                self.fit.scored = self.fit.data


def groups(members: Sequence[Member]) -> list[list[Member]]:
    """Return the members by what can be trained side by side."""
    return [[member] for member in members]


def train_stack(members: Sequence[Member], epochs: int) -> None:
    """Train the members of one group side by side; each ends as if by its own `train`."""
    for member in members:
        member.settle()
        try:
            with member.fit.of(member.network):
                train(member.network, member.fit, epochs)
        except DivergenceError as error:
            member.network.diverged = error.with_traceback(None)
        except BaseException as error:
            error.add_note(f"This came up in {member.name}.")
            raise
