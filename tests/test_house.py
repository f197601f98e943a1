"""The order of the house: what may import what, and what every room says of itself."""

import ast
import inspect
import pathlib
import re
import subprocess
import sys

import pytest

import backproplite

PACKAGE = pathlib.Path(backproplite.__file__).parent

#: The core, from the innermost module to the outermost. Each imports only from those before it.
CORE = [
    *("errors", "checks", "configurable", "functions", "chance", "parameters", "record"),
    *("initializers", "schedules", "layers", "activations", "losses", "optimizers"),
    *("callbacks", "training", "advice", "network"),
]
#: What stands around it. Each imports only the core and what stands before it.
RINGS = [
    *("answers", "large", "metrics", "monitors", "threads", "progress", "scaling", "counts"),
    *("summary", "files", "many", "checking", "datasets", "seeing", "plots", "estimators"),
    *("testing", "__init__", "__main__"),
]
#: The core hands over to a ring when a network is saved or loaded, to show progress, to train with
#: as many threads as serve it, where data are large or come in batches, and where something is wrong.
#: What to say when training fails is loaded when it does.
HANDED_OVER = {("network", "files"), ("network", "progress"), ("network", "many")}
HANDED_OVER |= {("training", "advice"), ("training", "threads"), ("training", "files")}
HANDED_OVER |= {("network", "large"), ("advice", "large"), ("network", "metrics")}
HANDED_OVER |= {("network", "summary")}
HANDED_OVER |= {("checks", "answers"), ("configurable", "answers"), ("layers", "answers")}

PATHS = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
ORDER = [*CORE, *RINGS]


def room(path):
    """The module of the core, or the ring, that a file belongs to."""
    return path.parts[0].removesuffix(".py")


def tree_of(path):
    return ast.parse((PACKAGE / path).read_text(encoding="utf-8"))


def imports(path):
    """The rooms that a file imports from, wherever it does, and the names that it takes.

    What only a type checker imports does not count.
    """
    tree = tree_of(path)
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = (PACKAGE / path).parents[node.level - 1]
            inside = base.relative_to(PACKAGE).parts
            names = [alias.name for alias in node.names]
            first = [*inside, *(node.module or "").split(".")]
            if inside or node.module:
                yield first[0], names
            else:
                yield from ((name if name in ORDER else "__init__", []) for name in names)


def test_every_file_has_its_room():
    assert {room(path) for path in PATHS} == set(ORDER)


@pytest.mark.parametrize("path", PATHS, ids=str)
def test_imports_go_downwards_only(path):
    own = room(path)
    for other, _ in imports(path):
        allowed = other == own or (own, other) in HANDED_OVER or own == "__init__"
        assert allowed or ORDER.index(other) < ORDER.index(own), f"{path} imports {other}"


@pytest.mark.parametrize("path", [p for p in PATHS if room(p) in RINGS], ids=str)
def test_no_ring_reaches_into_what_is_private_in_the_core(path):
    taken = {name for other, names in imports(path) if other in CORE for name in names}
    assert not {name for name in taken if name.startswith("_")}
    private = {
        node.attr
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute) and node.attr.startswith("_")
        if not (node.attr.startswith("__") or ast.unparse(node.value) in ("self", "cls", "sys"))
    }
    own = {
        node.name
        for each in PATHS
        if room(each) == room(path)
        for node in ast.walk(tree_of(each))
        if isinstance(node, ast.FunctionDef)
    }
    assert private <= own


@pytest.mark.parametrize("path", PATHS, ids=str)
def test_only_numpy_and_the_standard_library_are_imported_at_the_top(path):
    extras = {"hypothesis"} if room(path) == "testing" else set()
    for node in tree_of(path).body:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module]
        for name in names:
            assert name.partition(".")[0] in {"numpy", *sys.stdlib_module_names} | extras


def test_importing_the_package_loads_the_core_and_nothing_else():
    code = (
        "import sys, numpy.random; before = set(sys.modules); import backproplite;"
        "print(sorted(set(sys.modules) - before - set(sys.stdlib_module_names)))"
    )
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    loaded = ast.literal_eval(result.stdout)
    ours = {f"backproplite.{module}" for module in CORE if module != "advice"} | {"backproplite"}
    assert {name for name in loaded if name.startswith("backproplite")} == ours
    assert {name.partition(".")[0] for name in loaded} <= {"backproplite", "numpy"} | set(
        sys.stdlib_module_names
    )


#: Scripts that compute, in a page, in a worker and in Node. What else there is shows it on a page.
PAGES = PACKAGE / "seeing" / "pages"
COMPUTING = [f"engine/{path.name}" for path in sorted(PAGES.glob("engine/*.js"))]
COMPUTING += ["step/describe.js", "step/equations.js"]
COMPUTING += [
    f"play/{name}.js" for name in ("build", "data", "health", "python", "running", "trainer")
]


@pytest.mark.parametrize("name", COMPUTING)
def test_a_script_that_computes_knows_of_no_page(name):
    script = re.sub(r"//.*", "", (PAGES / name).read_text("utf-8"))
    assert not re.search(r"\b(document|window|navigator|localStorage)\b|\bat\(\"", script)


@pytest.mark.parametrize("path", sorted(PAGES.rglob("*.js")), ids=lambda path: path.name)
def test_a_script_says_what_lives_there_in_lines_that_fit(path):
    lines = path.read_text("utf-8").splitlines()
    assert lines[0].startswith("// ")
    assert max(map(len, lines)) <= 110


@pytest.mark.parametrize("path", PATHS, ids=str)
def test_a_module_says_what_lives_there(path):
    assert ast.get_docstring(tree_of(path))


def test_every_public_name_is_there_and_documented():
    for name in backproplite.__all__:
        assert getattr(backproplite, name).__doc__, name
        assert name in dir(backproplite)


@pytest.mark.parametrize("name", [n for n in backproplite.__all__ if n[0].isupper()])
def test_a_public_method_says_what_it_does_unless_its_base_does(name):
    cls = getattr(backproplite, name)
    for method, function in vars(cls).items():
        if inspect.isfunction(function) and not method.startswith("_"):
            assert inspect.getdoc(getattr(cls, method)), f"{name}.{method}"
