"""The pages of what was measured are what the stored results say, and the six scripts run."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BENCHMARKS = ROOT / "benchmarks"
if not BENCHMARKS.is_dir():
    pytest.skip("the benchmarks are not in the wheel", allow_module_level=True)


def module_of(*path):
    spec = importlib.util.spec_from_file_location("module", BENCHMARKS.joinpath(*path))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def report():
    return module_of("report.py")


@pytest.fixture
def scripts():
    return module_of("scripts", "__main__.py")


def row(figure, middle, goal=None, beside="JAX", work="a step", theirs=2.0):
    numbers = {"low": middle - 0.1, "middle": middle, "high": middle + 0.1, "goal": goal}
    return {"figure": figure, "work": work, "beside": beside, "unit": "ms", "ours": 1.0} | {
        "theirs": theirs, **numbers
    }  # fmt: skip


@pytest.fixture
def results():
    rows = [
        row("S1", 0.5, goal=0.5),
        row("S1", 1.25, goal=1.0, beside="bare NumPy"),
        row("S10", 9.0, goal=8.0, beside="", theirs=None, work="import"),
        *(row("growth", 0.5, work=f"{what} 8") for what in ("width", "depth", "batch", "members")),
    ]
    head = {"date": "2026-11-26", "processor": "a processor", "cores": 2, "system": "Linux"}
    head |= {"versions": {"numpy": "2.4.6", "torch": None}, "quick": False}
    return {"head": head, "rows": rows, "missing": {"S7": "no such thing"}}


def test_the_page_says_what_was_met_and_what_fell_short(report, results):
    page = report.page(results)
    assert "| S1 | a step | JAX | 1 ms | 2 ms | 0.5 (0.4 to 0.6) | ≤ 0.5 | met |" in page
    assert "| S1 | ″ | bare NumPy | 1 ms | 2 ms | 1.25 (1.15 to 1.35) | ≤ 1 | **short** |" in page
    assert "| S10 | import |  | 1 ms |  |  | ≤ 8 ms | **short** |" in page
    assert "1 of 3 goals are met" in page
    assert "numpy 2.4.6." in page
    assert "Not measured: S7 (no such thing)." in page


def test_what_is_measured_again_replaces_what_was_stored(report, results):
    again = {"head": results["head"], "rows": [row("S7", 3.0), row("S1", 2.0)], "missing": {}}
    merged = report.merged(results, again)
    figures = [each["figure"] for each in merged["rows"]]
    assert figures == ["S1", "S7", "S10", *["growth"] * 4]
    assert merged["rows"][0]["middle"] == 2.0
    assert not merged["missing"]


def test_the_pictures_and_the_page_are_written(report, results, tmp_path):
    pytest.importorskip("matplotlib")
    (tmp_path / "_static").mkdir()
    readme = tmp_path / "README.md"
    readme.write_text(f"above\n{report.BEGIN}\nold\n{report.END}\nbelow\n", encoding="utf-8")
    report.write(results, tmp_path, readme)
    table = report.summary(results["rows"])
    assert "| S1  a step | 1.25 (≤ 1) |  |  | 0.5 (≤ 0.5) |" in table
    written = f"above\n{report.BEGIN}\n{table}{report.END}\nbelow\n"
    assert readme.read_text(encoding="utf-8") == written
    assert (tmp_path / "speed.md").read_text(encoding="utf-8") == report.page(results)
    for name in ("speed", "growth"):
        assert "</svg>" in (tmp_path / "_static" / f"{name}.svg").read_text(encoding="utf-8")


def test_the_documentation_has_the_page_of_the_stored_results(report):
    stored = json.loads((BENCHMARKS / "results.json").read_text(encoding="utf-8"))
    assert (ROOT / "docs" / "speed.md").read_text(encoding="utf-8") == report.page(stored)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert report.summary(stored["rows"]) in readme


def test_lines_of_code_are_counted_alone(scripts):
    source = '"""What it is."""\n\n# why\ndef double(x):  # how\n    """Return."""\n    return (\n'
    assert scripts.counted_lines(source + '        2 * x\n    )\n\ntext = """a\n\nb"""\n') == 7


def test_no_script_of_ours_is_longer_than_theirs(scripts):
    lines = {
        name: (scripts.lines_of(name), scripts.lines_of(script.theirs(name)))
        for name, script in scripts.SCRIPTS.items()
    }
    assert len(lines) == 6
    assert {name: pair for name, pair in lines.items() if pair[0] > pair[1]} == {}


def test_what_is_worse_by_more_than_the_noise_is_no_script_of_ours(scripts, monkeypatch):
    results = {"regression": 47.0, "regression_keras": 46.0, "digits": 0.97, "digits_torch": 0.99}
    monkeypatch.setattr(scripts, "run", lambda name: (2.0, results[name]))
    assert scripts.measure("regression", 1)["ours"]["seconds"] == 2.0
    with pytest.raises(AssertionError):
        scripts.measure("digits", 1)
    results["regression"] = 50.0
    with pytest.raises(AssertionError):
        scripts.measure("regression", 1)


def test_the_documentation_has_the_table_of_the_stored_scripts(scripts):
    stored = json.loads(scripts.STORED.read_text(encoding="utf-8"))
    assert [row["script"] for row in stored] == [*scripts.SCRIPTS]
    for row in stored:
        names = {
            "ours": row["script"],
            "theirs": scripts.SCRIPTS[row["script"]].theirs(row["script"]),
        }
        for who, name in names.items():
            assert row[who]["lines"] == scripts.lines_of(name)
    table = f"{scripts.BEGIN}\n{scripts.table(stored)}{scripts.END}"
    page, readme = (path.read_text(encoding="utf-8") for path in scripts.PAGES)
    assert table in page
    assert table in readme or scripts.BEGIN not in readme
    for name in scripts.SCRIPTS:
        assert f"benchmarks/scripts/{name}.py" in page


@pytest.mark.slow
def test_our_scripts_run(scripts, tmp_path):
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    for name in scripts.SCRIPTS:
        source = (BENCHMARKS / "scripts" / f"{name}.py").read_text(encoding="utf-8")
        short, replaced = re.subn(r"(epochs=|max_iter=|else )\d+", r"\g<1>2", source)
        assert replaced, name
        (tmp_path / f"short_{name}.py").write_text(short, encoding="utf-8")
    together = "".join(f"import short_{name}; print()\n" for name in scripts.SCRIPTS)
    (tmp_path / "together.py").write_text(together, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "MPLBACKEND": "agg", "PYTHONUTF8": "1"}
    command = [sys.executable, "together.py"]  # one process, which imports what they need once
    options = {"capture_output": True, "encoding": "utf-8"}
    done = subprocess.run(command, cwd=tmp_path, check=False, env=environment, **options)
    assert done.returncode == 0, done.stderr
    for script in scripts.SCRIPTS.values():
        assert re.search(rf"{script.measure}.* \d+\.\d+\n\n", done.stdout), script
    pictures = {path.name for path in tmp_path.glob("*.png")}
    assert pictures == {"learning_strategies.png", "imbalanced.png", "regression.png"}
