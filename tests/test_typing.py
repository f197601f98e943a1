"""What type checkers and editors see: a user's script over the whole of the public API."""

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import backproplite as bp

ROOT = Path(bp.__file__).parents[1]
SCRIPT = Path(__file__).with_name("typed_script.py")
START = """
import backproplite as bp

network = bp.Network([bp.Dense(2, 1)], bp.MeanSquaredError())
"""
#: What is wrong, and what mypy and pyright say of it.
REFUSED = {
    "bp.Adam(lr=0.1)": ('Unexpected keyword argument "lr"', 'No parameter named "lr"'),
    "network.fit(None, None, epochs=3)": ("incompatible type", "cannot be assigned"),
    "bp.Dense(2)": ('Missing positional argument "out_features"', 'missing for parameter "out_f'),
    "bp.Network([bp.Sigmoid], bp.MeanSquaredError())": ("incompatible type", "cannot be assigned"),
    "network.save(b'model.npz')": ("incompatible type", "cannot be assigned"),
    "bp.SGD": ('no attribute "SGD"', '"SGD" is not a known attribute'),
    "bp.trace(network, [[1]])": ('Missing positional argument "y"', 'missing for parameter "y"'),
}


def mypy(script):
    """Return the lines with errors in a script, and what mypy says of them."""
    pytest.importorskip("mypy")
    options = ["--strict", "--follow-imports=silent", "--no-error-summary"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, script.name],
        cwd=script.parent, env=os.environ | {"MYPYPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    return re.findall(r"^\w+\.py:(\d+): error: (.*)$", done.stdout, re.MULTILINE)


def pyright(script):
    """Return the lines with errors in a script, and what pyright says of them."""
    pytest.importorskip("basedpyright")  # pyright, as it installs from PyPI alone
    settings = script.with_name("pyrightconfig.json")
    settings.write_text(
        f'{{"include": ["{script.name}"], "typeCheckingMode": "strict", '
        f'"reportUnusedExpression": false, "extraPaths": ["{ROOT.as_posix()}"]}}'
    )
    command = [sys.executable, "-m", "basedpyright", "-p", str(settings)]
    command += ["--pythonpath", sys.executable]
    done = subprocess.run(command, cwd=script.parent, capture_output=True, text=True, check=False)
    assert re.search(r"^\d+ errors?, ", done.stdout, re.MULTILINE), done.stdout + done.stderr
    return re.findall(r":(\d+):\d+ - error: (.*(?:\n    .*)*)", done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("checker", [mypy, pyright])
def test_type_checkers_take_the_script(checker, tmp_path):
    script = tmp_path / SCRIPT.name
    script.write_text(SCRIPT.read_text(encoding="utf-8"), encoding="utf-8")
    assert checker(script) == []


@pytest.mark.slow
def test_the_script_runs(tmp_path):
    subprocess.run(
        [sys.executable, "-W", "error", SCRIPT], cwd=tmp_path, check=True,
        env=os.environ | {"MPLBACKEND": "agg", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert {path.name for path in tmp_path.iterdir()} == {
        *("model.npz", "step.html", "loss.png", "training.gif")
    }


@pytest.mark.slow
@pytest.mark.parametrize("checker", [mypy, pyright])
def test_type_checkers_refuse_what_is_wrong(checker, tmp_path):
    script = tmp_path / "wrong.py"
    script.write_text("\n".join([START, *REFUSED]))
    errors = checker(script)
    first = START.count("\n") + 2
    assert {int(line) - first for line, _ in errors} == {*range(len(REFUSED))}, errors
    for i, said in enumerate(REFUSED.values()):
        of_line = [error for line, error in errors if int(line) == first + i]
        assert said[checker is pyright] in "".join(of_line)


def public():
    """Yield the public callables and their methods by name."""
    for name in bp.__all__:
        what = getattr(bp, name)
        if callable(what) and name != "Array":
            yield name, what
            for method in dir(what) if inspect.isclass(what) else ():
                member = getattr(what, method)
                ours = str(getattr(member, "__module__", "")).startswith("backproplite")
                if callable(member) and ours and not method.startswith("_"):
                    yield f"{name}.{method}", member


PUBLIC = dict(public())


def test_an_editor_shows_the_parameters_and_the_first_line_of_every_public_name():
    for name, what in PUBLIC.items():
        first, *rest = inspect.getdoc(what).splitlines()
        assert len(first) <= 100, name
        assert first[-1] in ".:", name
        assert not rest or not rest[0], name
        if not (inspect.isclass(what) and issubclass(what, BaseException)):
            kinds = {each.kind for each in inspect.signature(what).parameters.values()}
            assert not {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD} <= kinds, (
                name
            )
            assert not (inspect.isclass(what) and inspect.Parameter.VAR_KEYWORD in kinds), name
    assert len(PUBLIC) > 200
    assert sorted(["__version__", *bp.__all__]) == dir(bp)


@pytest.mark.parametrize(
    ("call", "shown"),
    [
        ("bp.Network(", "Network(layers: Sequence[Layer], loss: Loss, optimizer: Optimizer | None"),
        ("bp.Dense(", "Dense(in_features: int, out_features: int, weight_initializer: "),
        ("bp.Adam(", "Adam(learning_rate: Rate=0.001, beta1: float=0.9"),
        (
            "bp.trace(",
            "trace(network: Network, X: ArrayLike, y: ArrayLike, digits: int=4) -> Trace",
        ),
        ("bp.plots.loss_curves(", "loss_curves(runs: object, *, labels: Sequence[str] | None"),
        ("bp.Network.load(", "load(path: "),
        ("bp.EarlyStopping(", "EarlyStopping(patience: int, restore_best: bool=True"),
        ("bp.Network([], bp.Huber()).fit(", "X: ArrayLike | Batches, y: ArrayLike | None=None"),
    ],
)
def test_an_editor_without_a_running_python_shows_them_too(call, shown):
    jedi = pytest.importorskip("jedi")
    source = f"import backproplite as bp\n{call}"
    project = jedi.Project(ROOT, sys_path=[str(ROOT), *sys.path])
    [found] = jedi.Script(source, project=project).get_signatures(2, len(call))
    assert shown in found.to_string()
    name = call.rpartition("(")[0].rpartition(").")[2].removeprefix("bp.")
    what = getattr(bp.Network, name, None) or bp
    for each in name.split(".") if what is bp else ():
        what = getattr(what, each)
    assert found.docstring(raw=True).splitlines()[0] == inspect.getdoc(what).splitlines()[0]
