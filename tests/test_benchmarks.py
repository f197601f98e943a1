"""The page of measured speed is what the stored results say."""

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BENCHMARKS = ROOT / "benchmarks"
if not BENCHMARKS.is_dir():
    pytest.skip("the benchmarks are not in the wheel", allow_module_level=True)


@pytest.fixture
def report():
    spec = importlib.util.spec_from_file_location("report", BENCHMARKS / "report.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
