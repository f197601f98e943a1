"""The description of each page, for search engines and links: its first paragraph."""

from html import escape
from textwrap import shorten
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx


def describe(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Put the first paragraph of a page, up to 200 characters of it, into its head."""
    first = next(iter(doctree.findall(nodes.paragraph)), None) if doctree else None
    if first:
        text = escape(shorten(first.astext(), 200, placeholder=" …"))
        context["metatags"] += f'\n<meta name="description" content="{text}">'


def setup(app: Sphinx) -> dict[str, bool]:
    """Let it see every page."""
    app.connect("html-page-context", describe)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
