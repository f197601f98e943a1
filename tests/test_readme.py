"""Every code block of README.md works as printed."""

import pathlib
import re
import shlex
import subprocess
import sys

import pytest

import backproplite as bp

README = pathlib.Path(__file__).parents[1] / "README.md"
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
PYTHON = [block for language, block in BLOCKS if language == "python"]
CONSOLE = [block.strip() for language, block in BLOCKS if language == "console"]


def test_the_readme_has_only_blocks_that_are_tested_here():
    assert [language for language, _ in BLOCKS] == ["console"] * 2 + ["python"] * 4 + [
        "console",
        "python",
    ]


def test_the_first_example_recognises_digits(capsys):
    names = {}
    exec(PYTHON[0], names)
    assert re.fullmatch(r"9\d% right\n", capsys.readouterr().out)
    assert len(PYTHON[0].strip().splitlines()) <= 13


def test_the_traced_step_is_printed_and_made_a_page(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"bp": bp}
    exec(PYTHON[1], names)
    assert names["step"].verdict in capsys.readouterr().out
    assert "<html" in (tmp_path / "step.html").read_text(encoding="utf-8")


def test_the_step_by_hand_is_the_step_of_the_library():
    by_hand, by_library = {"bp": bp}, {"bp": bp}
    start = PYTHON[1].partition("step =")[0]
    exec(start + PYTHON[2], by_hand)
    exec(start, by_library)
    by_library["network"].train_step(by_library["X"], by_library["y"])
    assert (by_hand["network"].parameters == by_library["network"].parameters).all()


def test_the_trained_network_is_healthy_and_pictured(capsys, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib").use("agg")
    from matplotlib import pyplot

    monkeypatch.chdir(tmp_path)
    names = {"bp": bp}
    exec(PYTHON[1].partition("step =")[0] + PYTHON[3], names)
    pyplot.close("all")
    assert "Healthy" in capsys.readouterr().out
    assert (tmp_path / "xor.png").read_bytes().startswith(b"\x89PNG")


def test_the_documentation_command_sets_up_and_then_runs_sphinx():
    setup, install, build = CONSOLE[2].split(" && ")
    assert setup == "python3 -m venv .venv"
    assert shlex.split(install) == [".venv/bin/pip", "install", "-q", "-e", ".[docs]"]
    assert build == ".venv/bin/python -m sphinx -q docs docs/_build/html"


@pytest.mark.parametrize("faulty", [False, True])
def test_the_layer_of_ones_own_passes_in_pytest_and_fails_when_wrong(faulty, tmp_path):
    source = PYTHON[4]
    if faulty:
        source = source.replace("x * x * slope", "x * slope")
    (tmp_path / "test_my_layer.py").write_text(source, encoding="utf-8")
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert result.returncode == faulty
    assert ("GradientMismatch" in result.stdout) == faulty


def test_the_main_command_sets_up_and_then_runs_what_runs_here():
    setup, install, *jobs = CONSOLE[0].split(" && ")
    assert setup == "python3 -m venv .venv"
    assert install == ".venv/bin/pip install -q ."
    for job in jobs:
        program, *arguments = shlex.split(job)
        assert program == ".venv/bin/backproplite"
        result = subprocess.run(
            [sys.executable, "-m", "backproplite", *arguments],
            capture_output=True,
            text=True,
            check=True,
        )
        accuracy = float(re.search(r"Accuracy: (\d+\.\d) %", result.stdout)[1])
        assert accuracy >= {"xor": 100.0, "digits": 97.0}[arguments[0]]


def test_the_test_command_sets_up_and_then_runs_pytest():
    setup, install, tests = CONSOLE[1].split(" && ")
    assert setup == "python3 -m venv .venv"
    assert shlex.split(install) == [".venv/bin/pip", "install", "-q", "-e", ".[test]"]
    assert tests == ".venv/bin/python -m pytest -q -n auto"


def test_pictures_are_there_are_small_and_say_what_they_show():
    pictures = re.findall(r"!\[(.*?)\]\((.*?)\)", README.read_text(encoding="utf-8"))
    assert len(pictures) == 4
    for text, path in pictures:
        assert len(text) > 40
        assert 0 < (README.parent / path).stat().st_size < 200_000
