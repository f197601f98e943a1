"""The reference: the directive `{public}`, and a build that fails when a public name is missing.

It fails as well where a line says nothing to a reader: `(*given, **named)`, or a field `Type:`.

A class shows what is its own: a method that only does what its base says is left to the base,
and the written lines follow the docstring in the order in which they are computed.

Docstrings are plain text, written to be read in a terminal, so that their |x| and
2 * x are not taken for markup here.
"""

import importlib
import inspect
import re
from collections.abc import Iterator
from types import FunctionType

from docutils import nodes
from sphinx.addnodes import desc_parameter
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.inspect import signature, stringify_signature

import backproplite
from backproplite.configurable import Answering

logger = logging.getLogger(__name__)
MODULES = ("datasets", "plots", "testing")
NOISE = re.compile(r"\*+(_+|args|given|named|kwargs|options)")


class Public(SphinxDirective):
    """Documents the names of the package that it is given, one a line; of a module, all of its own.

    Those of a module come in the order in which it defines them.
    """

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Hand each name that there is to autodoc."""
        self.env.note_dependency(backproplite.__file__)
        given = [name for name in self.content if hasattr(backproplite, name)]
        names = [each for name in given for each in offered(name)]
        lines = [line for name in names for line in documented(name)]
        return self.parse_text_to_nodes("\n".join(["```{eval-rst}", *lines, "```"]))


def offered(name: str) -> list[str]:
    """Return a name, or the public names of the module that it is the name of."""
    module = getattr(backproplite, name)
    if not inspect.ismodule(module):
        return [name]
    return sorted(module.__all__, key=lambda each: list(vars(module)).index(each))


def documented(name: str) -> list[str]:
    """Return the lines that hand a name to autodoc."""
    what = getattr(backproplite, name)
    if not inspect.isclass(what):
        return [f".. autofunction:: backproplite.{name}"]
    kind = "exception" if issubclass(what, BaseException) else "class"
    left_out = ", ".join(said_by_a_base(what))
    return [f".. auto{kind}:: backproplite.{name}", f"   :exclude-members: {left_out}", ""]


def said_by_a_base(cls: type) -> list[str]:
    """Return the attributes of a class that a base explains, and it does not itself."""
    bases = [base for base in cls.__mro__[1:] if base.__module__.startswith("backproplite")]

    def own(member: object) -> bool:
        documents_itself = isinstance(member, (FunctionType, classmethod, property))
        return documents_itself and bool(member.__doc__)

    return [
        name
        for name, member in vars(cls).items()
        if not own(member) and any(name in vars(base) for base in bases)
    ]


def keep_plain(app: Sphinx, kind: str, name: str, what: object, options: object, lines: list[str]):
    """Escape what would be markup, outside of the examples; add the written lines."""
    in_example = False
    for i, line in enumerate(lines):
        in_example = line.lstrip().startswith(">>>") or (in_example and bool(line.strip()))
        if not in_example:
            lines[i] = re.sub(r"[|*]", r"\\\g<0>", line)
    if kind in ("attribute", "property"):
        lines[:0] = ["..", ""]  # a comment, or napoleon takes what stands before a colon for a type
    if kind == "class" and (written := vars(what).get("written")):
        equations = [f"    {name} = {line}" for name, line in written.items()]
        lines += ["", "Written lines", "-------------", "::", "", *equations, ""]


def with_arguments(
    app: Sphinx, kind: str, name: str, what: object, options: object, given: str | None, *_: object
) -> tuple[str, str] | None:
    """Give a class the arguments of its constructor, where autodoc took those of `__new__`."""
    if kind != "class" or not issubclass(what, Answering):
        return None
    return stringify_signature(signature(what), show_annotation=False), ""


def refuse_noise(app: Sphinx, doctree: nodes.document) -> None:
    """Fail the build if a line of the reference says nothing to its readers."""
    fields = (field for field in doctree.findall(nodes.field_name) if field.astext() == "Type")
    stars = (each for each in doctree.findall(desc_parameter) if NOISE.fullmatch(each.astext()))
    for node in (*fields, *stars):
        logger.error("says nothing to a reader: %s", node.astext(), location=node)
        app.statuscode = 1


def public_names() -> Iterator[str]:
    """Yield every name that the reference owes to its readers."""
    for name in backproplite.__all__:
        if not inspect.ismodule(getattr(backproplite, name)):
            yield f"backproplite.{name}"
    for module in (importlib.import_module(f"backproplite.{name}") for name in MODULES):
        for name, what in vars(module).items():
            if getattr(what, "__module__", "").startswith(module.__name__) and name[0] != "_":
                yield f"{module.__name__}.{name}"


def refuse_gaps(app: Sphinx, env: BuildEnvironment) -> None:
    """Fail the build if a public name is missing from the reference."""
    missing = sorted(set(public_names()) - set(env.domains.python_domain.objects))
    if missing:
        logger.error("missing from docs/reference: %s", ", ".join(missing))
        app.statuscode = 1  # with or without -W


def setup(app: Sphinx) -> dict[str, bool]:
    """Register all of it."""
    app.add_directive("public", Public)
    app.connect("autodoc-process-docstring", keep_plain, priority=400)  # before napoleon
    app.connect("autodoc-process-signature", with_arguments)
    app.connect("doctree-read", refuse_noise)
    app.connect("env-updated", refuse_gaps)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
