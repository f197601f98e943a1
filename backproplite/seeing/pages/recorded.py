"""Pages: a trace as one file of HTML, on which to walk through its stages.

The page itself is in `step/`; here it is
given its numbers. They become text by the functions that print a trace, so that
page and print agree, and only those that the page shows go along, so that the
page of a large network stays small.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...activations import Activation
from ...checks import Array
from ...layers import BatchNorm, Dense, Dropout
from ..equations import MOST_NUMBERS, Equation, Named, Passage, rounded
from .assembly import page

UNITS = 12, 8, 6, 4  # of a column that are drawn: the most that keep within MOST_EDGES
FEWEST_UNITS = 3
MOST_EDGES = 300
MOST_VALUES = 6000  # of units, over all samples that can be chosen


def step_page(trace: Any) -> str:
    """Return a page on which to walk through a trace: HTML that needs no other file.

    Parameters
    ----------
    trace : Trace
        Its numbers are shown to `trace.digits` digits.

    Returns
    -------
    str
        The whole page. In a large network some units and samples are left out; it says which.

    Examples
    --------
    >>> import backproplite as bp
    >>> network = bp.Network([bp.Dense(2, 1)], bp.HalfSquaredError(), seed=0)
    >>> page = step_page(bp.trace(network, [[0.5, 0.8]], [[1.0]]))
    >>> page[:15]
    '<!DOCTYPE html>'
    """
    return page("step/step.html", _Page(trace).data())


class _Page:
    """What goes into one page; columns are what flows, links are what lies between them."""

    def __init__(self, trace: Any) -> None:
        self.trace, self.digits, self.passages = trace, trace.digits, trace.passages
        flows = [self.passages[0].x, *(p.output for p in self.passages)]
        self.flows = [Named(flow.symbol, _rows(flow.value)) for flow in flows]
        self.wirings = [_wiring(p) for p in self.passages]
        self.units = next((n for n in UNITS if self._edges(n) <= MOST_EDGES), FEWEST_UNITS)
        drawn = sum(min(self.units, flow.value.shape[1]) for flow in self.flows)
        self.samples = min(trace.samples, max(1, MOST_VALUES // drawn))
        old = {
            f"{p.place}.{name}": one.value
            for p in self.passages
            for name, one in p.parameters.items()
        }
        self.updated = old | trace["update"].arrays  # what is frozen is not among these
        moves = [self.updated[name] - value for name, value in old.items()]
        self.largest_move = max((float(np.abs(move).max()) for move in moves), default=0.0)

    def data(self) -> dict[str, Any]:
        """Return all of it as plain data."""
        places = {p.place: i for i, p in enumerate(self.passages)} | {"loss": len(self.passages)}
        head, note, *_ = str(self.trace).splitlines()
        return {
            "head": head,
            "note": note,
            "verdict": self.trace.verdict,
            "samples": self.trace.samples,
            "drawn_samples": self.samples,
            "columns": self._columns(),
            "links": self._links(),
            "stages": [self._stage(stage, places) for stage in self.trace.stages],
        }

    def _edges(self, units: int) -> int:
        """Return how many edges there are if so many units of a column are drawn."""
        widths = [min(units, flow.value.shape[1]) for flow in self.flows]
        counts = {"dense": lambda i: widths[i] * widths[i + 1], "each": lambda i: widths[i]}
        return sum(counts[wiring](i) for i, wiring in enumerate(self.wirings) if wiring in counts)

    # The drawing.

    def _columns(self) -> list[dict[str, Any]]:
        """Return the columns of units: what flows, then the loss and the targets."""
        gradients = [p.grad_input for p in self.passages] + [self.passages[-1].grad_output]
        columns = [self._column(*each) for each in zip(self.flows, gradients, strict=True)]
        after = self.trace["after"].arrays
        columns[-1]["after"] = self._cut(_rows(after["output"]))
        loss = self._column(Named("loss", np.array([[self.trace.loss]])))
        loss["after"] = self._cut(after["loss"].reshape(1, 1))
        return [*columns, loss, self._column(Named("y", self.trace["setup"].arrays["y"]))]

    def _column(self, flow: Named, gradient: Named | None = None) -> dict[str, Any]:
        column = {"symbol": flow.symbol, "size": flow.value.shape[1]}
        column["values"] = self._cut(flow.value)
        if gradient:
            column["gradients"] = self._cut(_rows(gradient.value))
        return column

    def _links(self) -> list[dict[str, Any]]:
        """Return the layers, and the loss as one to which every output leads."""
        links = [
            self._link(p, wiring) for p, wiring in zip(self.passages, self.wirings, strict=True)
        ]
        name = self.trace["loss.forward"].title.removeprefix("Loss: ")
        return [*links, {"name": name, "wiring": "dense", "parameters": []}]

    def _link(self, p: Passage, wiring: str) -> dict[str, Any]:
        """Return one layer: its edges, and the parameters of the units that it leads to."""
        link: dict[str, Any] = {"name": repr(p.layer) + ", frozen" * p.frozen, "wiring": wiring}
        slopes = _slopes(p)
        if slopes is not None:
            link["slopes"] = self._cut(slopes)
        width = p.output.value.shape[-1]
        link["parameters"] = []
        for name, parameter in p.parameters.items():
            if wiring == "dense" and name == "weight":
                link["weight"] = self._parameter(p, name)
            elif parameter.value.shape == (width,):
                link["parameters"].append(self._parameter(p, name))
        return link

    def _parameter(self, p: Passage, name: str) -> dict[str, Any]:
        old, new = p.parameters[name], self.updated[f"{p.place}.{name}"]
        gradient = p.gradients[name].value if name in p.gradients else np.zeros_like(new)
        moves = (new - old.value) / (self.largest_move or 1.0)
        first = (slice(self.units),) * new.ndim
        return {
            "symbol": old.symbol,
            "values": self._texts(old.value[first]),
            "gradients": self._texts(gradient[first]),
            "after": self._texts(new[first]),
            "moves": np.vectorize(lambda move: float(f"{move:.1g}"))(moves[first]).tolist(),
        }

    def _cut(self, array: Array) -> Any:
        return self._texts(array[: self.samples, : self.units])

    def _texts(self, array: Array) -> Any:
        """Return the numbers of an array as text, in nested lists."""
        if array.ndim == 0:
            return rounded(float(array), self.digits)
        return [self._texts(part) for part in array]

    # The calculation.

    def _stage(self, stage: Any, places: dict[str, int]) -> dict[str, Any]:
        place, _, way = stage.name.rpartition(".")
        equations = [self._equation(each) for each in stage.equations]
        return {
            "title": stage.title,
            "way": way,
            "layer": places.get(place),
            "equations": equations,
        }

    def _equation(self, equation: Equation) -> dict[str, Any]:
        lines = [line.pieces(self.digits) for line in equation.lines]
        written_down = {"symbol": equation.symbol, "formula": equation.formula, "lines": lines}
        if len(lines) < equation.value.size:
            written_down["value"] = self._excerpt(equation.value)
        return written_down

    def _excerpt(self, array: Array) -> Any:
        """Return an array as rows of text; of a large one, as in print, the corners."""
        if array.ndim == 0:
            return self._texts(array)
        rows = array.reshape(-1, array.shape[-1])
        down, across = ([*range(n)] for n in rows.shape)
        if array.size > MOST_NUMBERS:
            down, across = ([*i[:3], -1, *i[-3:]] if len(i) > 6 else i for i in (down, across))
        return [
            ["…" if -1 in (i, j) else rounded(float(rows[i, j]), self.digits) for j in across]
            for i in down
        ]


def _rows(array: Array) -> Array:
    """Return an array with one row of numbers for each sample."""
    return array.reshape(len(array), -1)


def _wiring(p: Passage) -> str:
    """Return how a layer is drawn: "dense", "each" unit to its own, or "all" to all."""
    if isinstance(p.layer, Dense):
        return "dense"
    return "each" if isinstance(p.layer, BatchNorm) or _slopes(p) is not None else "all"


def _slopes(p: Passage) -> Array | None:
    """Return how each unit of a layer changes with its own input, if it has no other."""
    if isinstance(p.layer, Dropout):
        return p.scope["mask"].value
    if not isinstance(p.layer, Activation):
        return None
    try:
        with np.errstate(all="ignore"):
            slopes = p.layer.local_derivative(p.cache)
    except NotImplementedError:  # one that defines backward alone
        return None
    return slopes if np.shape(slopes) == p.x.value.shape else None
