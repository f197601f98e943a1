"""Pages put together: a template, the styles and scripts it names, and its data, in one file."""

from __future__ import annotations

import json
import re
from typing import Any

SUFFIXES = ".html", ".htm"


def page(template: str, data: Any) -> str:
    """Return a page that needs no other file.

    `{{step/step.css}}` in the template stands for that file of this folder, which may name
    others, and `{{data}}` for the data as JSON.
    """
    written = json.dumps(data, separators=(",", ":"), allow_nan=False)
    # Else a layer that is named "</script>" would end the data.
    return text(template).replace("{{data}}", written.replace("<", "\\u003c"))


def text(name: str) -> str:
    """Return a file of this folder, with the files that it names in their places."""
    from importlib.resources import files

    content = files(__package__).joinpath(name).read_text("utf-8")
    return re.sub(r"\{\{([\w/]+\.\w+)\}\}", lambda found: text(found[1]).rstrip("\n"), content)


def frame(content: str, title: str, height: int) -> str:
    """Return a frame that shows a page within another, such as a notebook."""
    import html

    return (
        f'<iframe srcdoc="{html.escape(content)}" title="{html.escape(title)}" '
        f'style="width: 100%; height: {height}px; border: 0"></iframe>'
    )
