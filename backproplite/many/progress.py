"""What `fit_together(progress=True)` shows: one bar or line for all networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..callbacks import Callback
from ..network import Network


class Overall(Callback):
    """How far many networks are, all together: each tells it of its epochs and of its end.

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
    ended: set[int]
    untold = 0

    def __init__(self, networks: Sequence[Network], epochs: int) -> None:
        self.networks, self.begun = networks, [each.epoch_count for each in networks]
        self.epochs, self.total = epochs, epochs * len(networks)
        self.ended = set()
        size = sum(each.record.bytes.nbytes + each.gradients.nbytes for each in networks)
        head = f"{len(networks)} networks, {size / 1e6:.1f} MB"
        try:
            from tqdm.auto import tqdm
        except ImportError:
            print(head, flush=True)
        else:
            self.bar = tqdm(total=self.total, unit="epoch", desc=head)

    def __call__(self, network: Network) -> None:
        self.untold += 1
        if self.untold >= max(self.total // (100 if self.bar else 10), 1):
            self.show()

    def finish(self, network: Network) -> None:
        self.ended.add(id(network))
        if len(self.ended) == len(self.networks):
            self.show()

    def show(self) -> None:
        """Show how far they are."""
        self.untold, done = 0, 0
        for network, begun in zip(self.networks, self.begun, strict=True):
            done += self.epochs if id(network) in self.ended else network.epoch_count - begun
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
        said += f"{len(self.ended)} done"
        return said + (f"  {diverged} diverged" if diverged else "")
