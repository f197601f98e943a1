"""A network as a table of its layers, loaded when one is asked for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .network import Network


class Table(str):
    """Text that the prompt shows as it is."""

    def __repr__(self) -> str:
        return str(self)


def summary(network: Network) -> Table:
    """Return a table of the layers, as `Network.summary` has it."""
    width = network.in_features
    rows = [("", "layer", "output", "parameters")]
    for i, (layer, stretch) in enumerate(zip(network.layers, network.stretches, strict=True)):
        width = layer.output_width(width)
        shape = f"(samples, {'?' if width is None else width})"
        place = f"layers[{i}]"
        inner = any(each.startswith(f"{place}.") for each in network.frozen)
        name = repr(layer) + (", frozen" if place in network.frozen else ", partly frozen" * inner)
        rows.append((str(i), name, shape, f"{stretch.stop - stretch.start:,}"))
    rows.append(("", "total", "", f"{network.parameters.size:,}"))
    if network.frozen:
        shapes = [each.shape for part in network.frozen.values() for each in part.declared.values()]
        size = sum(map(math.prod, shapes))
        rows.append(("", "trained", "", f"{network.parameters.size - size:,}"))
    a, b, c, d = (max(map(len, column)) for column in zip(*rows, strict=True))
    return Table("\n".join(f"{i:{a}}  {j:{b}}  {k:{c}}  {m:>{d}}" for i, j, k, m in rows))
