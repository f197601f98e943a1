"""What each page owes to those who do not see it: a description, and words for its pictures.

The description, for search engines and links, is the first paragraph. A picture without
words fails the build.
"""

from html import escape
from textwrap import shorten
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)


def describe(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Put the first paragraph of a page, up to 200 characters of it, into its head."""
    if not doctree:  # an index or the search
        return
    for paragraph in list(doctree.findall(nodes.paragraph))[:1]:
        text = escape(shorten(paragraph.astext(), 200, placeholder=" …"))
        context["metatags"] += f'\n<meta name="description" content="{text}">'
    for picture in doctree.findall(nodes.image):
        if len(picture.get("alt", "").split()) < 3:
            logger.error("a picture without words: %s", picture["uri"], location=page)
            app.statuscode = 1


def setup(app: Sphinx) -> dict[str, bool]:
    """Let it see every page."""
    app.connect("html-page-context", describe)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
