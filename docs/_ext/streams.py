"""What a cell prints, put together as it was printed.

The kernel sends it in pieces, and may cut between a line and its line end. myst-nb
ends each piece with a line end of its own, so that an empty line comes in there.
"""

from typing import Any

from myst_nb.core import render
from sphinx.application import Sphinx

merge = render.coalesce_streams


def joined(outputs: list[Any]) -> list[Any]:
    """Join the pieces of each stream, then leave the rest to myst-nb."""
    whole: dict[str, Any] = {}
    kept = []
    for output in outputs:
        first = whole.get(output.get("name", ""))
        if first is None:
            kept.append(output)
            if output["output_type"] == "stream":
                whole[output["name"]] = output
        else:
            first["text"] += output["text"]
    return merge(kept)


def setup(app: Sphinx) -> dict[str, bool]:
    """Put it in the place of myst-nb's."""
    render.coalesce_streams = joined
    return {"parallel_read_safe": True, "parallel_write_safe": True}
