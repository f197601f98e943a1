"""`python -m benchmarks`: all figures of speed in one go, as JSON, a table and pictures.

--only S1 S7     some of them (S1 to S12, and growth)
--quick          few rounds: to see that all works, not to publish
--render         only write the page and the pictures anew from the stored results
--write          store the results, and write the page and the pictures of the documentation
"""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read once, when NumPy is imported
os.environ["MKL_NUM_THREADS"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"

import argparse
import importlib
import json
import platform
import sys
import time
from pathlib import Path

from . import report
from .measuring import ROOT, installed

PARTS = {  # module: the figures that it measures
    "steps": ("S1", "S2", "S3", "S4", "S5"),
    "jobs": ("S6", "S10"),
    "together": ("S7",),
    "predicting": ("S8",),
    "busy": ("S9",),
    "large": ("S11",),
    "files": ("S12",),
    "growth": ("growth",),
}
FIGURES = [figure for figures in PARTS.values() for figure in figures]
LIBRARIES = ("backproplite", "numpy", "sklearn", "torch", "jax", "pandas", "threadpoolctl")


def head(quick):
    """Return what was measured with, and when."""
    return {
        "date": time.strftime("%Y-%m-%d"),
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "versions": {"python": platform.python_version()}
        | {name: installed(name) for name in LIBRARIES},
        "quick": quick,
    }


def processor():
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text("utf-8").splitlines() if cpuinfo.exists() else []
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def measure(figures, quick):
    """Return the rows of some figures, and what could not be measured and why."""
    rows, missing = [], {}
    for module, offered in PARTS.items():
        wanted = [figure for figure in offered if figure in figures]
        if not wanted:
            continue
        started = time.perf_counter()
        try:
            for row in importlib.import_module(f"{__package__}.{module}").measure(wanted, quick):
                rows.append(row.plain())
                print(report.line(row.plain()), flush=True)
        except Exception as error:  # the other parts go on
            missing[" ".join(wanted)] = f"{type(error).__name__}: {error}"
            print(f"{wanted}: {error}", file=sys.stderr)
        print(f"   ({module}: {time.perf_counter() - started:.0f} s)", flush=True)
    return rows, missing


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--only", nargs="+", choices=FIGURES, default=FIGURES, metavar="FIGURE")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--render", action="store_true")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()

    stored = ROOT / "benchmarks" / "results.json"
    if not options.render:
        rows, missing = measure(options.only, options.quick)
        results = {"head": head(options.quick), "rows": rows, "missing": missing}
        if options.write and stored.exists():  # what was not measured now stays
            results = report.merged(json.loads(stored.read_text(encoding="utf-8")), results)
        path = stored if options.write else Path("results.json")
        path.write_text(json.dumps(results, indent=1, ensure_ascii=False), encoding="utf-8")
        print(f"written: {path}")
        if not options.write:
            return
    results = json.loads(stored.read_text(encoding="utf-8"))
    report.write(results, ROOT / "docs", ROOT / "README.md")


if __name__ == "__main__":
    main()
