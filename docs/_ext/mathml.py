"""Formulas set as MathML while the pages are built: no script, nothing to download.

All current browsers draw MathML. A formula with a mistake in it is a warning,
and so ends a build with `-W`.
"""

from typing import Any

from docutils import nodes
from math_core import LatexError, LatexToMathML
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.console import strip_escape_sequences

logger = logging.getLogger(__name__)
converter = LatexToMathML()


def mathml(node: nodes.Element, display: bool) -> str:
    """Return the formula of a node as MathML."""
    try:
        return converter.convert_with_local_state(node.astext(), displaystyle=display)
    except LatexError as error:
        logger.warning("formula: %s", strip_escape_sequences(str(error)), location=node)
        return ""


def visit_inline(writer: Any, node: nodes.math) -> None:
    """Write a formula within a line."""
    writer.body.append(mathml(node, display=False))
    raise nodes.SkipNode


def visit_display(writer: Any, node: nodes.math_block) -> None:
    """Write a formula that stands alone."""
    number = f'<span class="eqno">({node["number"]})</span>' if node["number"] else ""
    writer.body.append(writer.starttag(node, "div", CLASS="formula"))
    writer.body.append(f"{number}{mathml(node, display=True)}</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer under the name `mathml`."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_display, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
