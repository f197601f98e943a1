"""What `fit_together(progress=True)` shows: one bar or line for all networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..callbacks import Callback
from ..network import Network


class Overall(Callback):
    """How far many networks are, all together: what trains them tells it of each epoch.

    Parameters
    ----------
    networks : sequence of Network
    epochs : int
        How many each shall make.
    """

    bar: Any = None
    #: How many epochs each had made before.
    begun: list[int]
    total: int
    #: Of how many epochs nothing has been shown yet.
    untold = 0

    def __init__(self, networks: Sequence[Network], epochs: int) -> None:
        self.networks, self.begun = networks, [each.epoch_count for each in networks]
        self.epochs, self.total = epochs, epochs * len(networks)
        size = sum(each.record.bytes.nbytes + each.gradients.nbytes for each in networks)
        head = f"{len(networks)} networks, {size / 1e6:.1f} MB"
        try:
            from tqdm.auto import tqdm
        except ImportError:
            print(head, flush=True)
        else:
            self.bar = tqdm(total=self.total, unit="epoch", desc=head)

    def __call__(self, network: Network) -> None:
        if self.is_due(1):
            self.show()

    def is_due(self, epochs: int) -> bool:
        """Take note of so many epochs; tell whether it is time to show how far they are."""
        self.untold += epochs
        return self.untold >= self.total // (10 if self.bar is None else 100)

    def left(self) -> list[int]:
        """Return how many epochs each has yet to make."""
        return [
            0
            if network.stop_training or network.diverged
            else begun + self.epochs - network.epoch_count
            for network, begun in zip(self.networks, self.begun, strict=True)
        ]

    def show(self) -> None:
        """Show how far they are."""
        self.untold = 0
        done = self.total - sum(self.left())
        if self.bar is None:
            print(f"epoch {done:{len(str(self.total))}d}/{self.total}  {self}", flush=True)
        else:
            self.bar.set_postfix_str(str(self), refresh=False)
            self.bar.update(done - self.bar.n)

    def close(self) -> None:
        """Leave what is shown as it is."""
        if self.bar is not None:
            self.bar.close()

    def __str__(self) -> str:
        """Return the median of the newest losses, and what has become of how many."""
        diverged = sum(each.diverged is not None for each in self.networks)
        others = [each for each in self.networks if not each.diverged and each.history["loss"]]
        losses = [each.history["loss"][-1] for each in others]
        said = f"median loss {np.median(losses):.6f}  " if losses else ""
        said += f"{self.left().count(0)} done"
        return said + (f"  {diverged} diverged" if diverged else "")
