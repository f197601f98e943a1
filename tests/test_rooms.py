"""The order of the rooms: which module, or folder of modules, may import from which."""

import ast
import pathlib
import subprocess
import sys

import pytest

import backproplite

PACKAGE = pathlib.Path(backproplite.__file__).parent

#: From the innermost to the outermost. A module imports only from the lines above its own.
ROOMS = [
    {"errors"},
    {"checks", "files"},
    {"configurable"},
    {"functions"},
    {"parameters"},
    {"initializers", "schedules", "optimizers", "losses", "datasets"},
    {"layers"},
    {"activations"},
    {"training", "storage", "descriptions"},
    {"saving"},
    {"network"},
    {"probes"},
    {"gradcheck"},
    {"descent", "formulas", "diagnostics", "recording"},
    {"pages"},
    {"tracing"},
    {"plots", "testing"},
    {"__init__"},
    {"__main__"},
]
FOLDERS = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
MODULES = sorted(FOLDERS | {path.stem for path in PACKAGE.glob("*.py")})


def trees(module):
    """The syntax trees of a module's file, or of all files in its folder."""
    for path in PACKAGE.glob(f"{module}/*.py" if module in FOLDERS else f"{module}.py"):
        yield ast.parse(path.read_text(encoding="utf-8"))


def imports(module):
    """Names of the package's own modules that a module imports, wherever in the file."""
    level = 2 if module in FOLDERS else 1  # the dots that lead to the package
    for node in (node for tree in trees(module) for node in ast.walk(tree)):
        if isinstance(node, ast.ImportFrom) and node.level == level:
            names = [node.module] if node.module else [alias.name for alias in node.names]
            yield from (name if name in MODULES else "__init__" for name in names)


def others(module):
    """Top-level names of everything else that a module imports at its top."""
    for node in (node for tree in trees(module) for node in tree.body):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        if isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.partition(".")[0]


def test_every_module_has_its_room():
    assert sorted(set.union(*ROOMS)) == MODULES


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_from_rooms_above(module):
    place = next(i for i, room in enumerate(ROOMS) if module in room)
    above = set().union(*ROOMS[:place])
    assert set(imports(module)) <= above


@pytest.mark.parametrize("module", MODULES)
def test_only_numpy_and_the_standard_library_are_imported_at_the_top(module):
    assert set(others(module)) <= {"numpy"} | set(sys.stdlib_module_names)


def test_importing_the_package_loads_numpy_and_nothing_else():
    code = (
        "import sys, numpy.random; before = set(sys.modules); import backproplite;"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before};"
        "print(sorted(new - {'numpy'} - set(sys.stdlib_module_names)))"
    )
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "['backproplite']"


def test_every_public_name_is_there_and_documented():
    for name in backproplite.__all__:
        public = getattr(backproplite, name)
        assert public.__doc__, name
