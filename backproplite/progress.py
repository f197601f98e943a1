"""What `progress=True` shows of a fit: a bar, or lines. Loaded when that is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .callbacks import Callback
from .checks import whole_number
from .record import HISTORY

if TYPE_CHECKING:
    from .network import Network


class ProgressLines(Callback):
    """Print a line of losses now and then: what `progress=True` does where tqdm is missing.

    Parameters
    ----------
    epochs : int
        How many epochs there will be.
    lines : int
        About how many lines to print over all of them.

    Raises
    ------
    ParameterError
        If `epochs` is below 0, or `lines` below 1.

    Examples
    --------
    >>> ProgressLines(epochs=1000)
    ProgressLines(1000)
    """

    done = printed = 0

    def __init__(self, epochs: int, lines: int = 10) -> None:
        self.epochs = whole_number("epochs", epochs, 0)
        self.lines = whole_number("lines", lines, 1)

    def start(self, network: Network) -> None:
        self.done = self.printed = 0

    def __call__(self, network: Network) -> None:
        self.done += 1
        if self.done % max(self.epochs // self.lines, 1) == 0:
            self.print_line(network)

    def finish(self, network: Network) -> None:
        if self.done > self.printed:
            self.print_line(network)

    def print_line(self, network: Network) -> None:
        """Print the newest losses."""
        self.printed = self.done
        place = f"{self.done:{len(str(self.epochs))}d}/{self.epochs}"
        print(f"epoch {place}  {losses_in_words(network)}", flush=True)


class ProgressBar(Callback):
    """A tqdm bar with the losses beside it: what `progress=True` does where tqdm is installed."""

    bar: Any

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def start(self, network: Network) -> None:
        from tqdm.auto import tqdm

        self.bar = tqdm(total=self.epochs, unit="epoch")

    def __call__(self, network: Network) -> None:
        self.bar.set_postfix_str(losses_in_words(network), refresh=False)
        self.bar.update()

    def finish(self, network: Network) -> None:
        self.bar.close()


def progress_callback(epochs: int) -> Callback:
    """Return the bar where tqdm is installed, the lines where it is not."""
    try:
        import tqdm  # noqa: F401
    except ImportError:
        return ProgressLines(epochs)
    return ProgressBar(epochs)


def losses_in_words(network: Network) -> str:
    """Return the newest losses, and metrics, as text."""
    loss, val_loss = network.history["loss"][-1], network.history["val_loss"][-1]
    said = f"loss {loss:.6f}" + ("" if np.isnan(val_loss) else f"  val_loss {val_loss:.6f}")
    others = {name: values[-1] for name, values in network.history.items() if name not in HISTORY}
    return said + "".join(f"  {k} {v:.6g}" for k, v in others.items() if not np.isnan(v))
