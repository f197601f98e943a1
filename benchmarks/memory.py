"""What data larger than memory, and a million rows, cost in memory.

    python benchmarks/memory.py [GIGABYTES]

Each use runs in a process of its own, whose memory is read every two milliseconds. "own" is what
the process holds for itself (RssAnon, Python and NumPy included), which the goals are about: 300 MB
at most for a file of 4 GB. "resident" counts the pages of the file too that it has looked at, which
the system keeps as long as it has nothing better to keep, and takes back at any time.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PREPARE = """
import numpy as np, backproplite as bp
rows, features = {rows}, 256
X = np.memmap({path!r}, {dtype!r}, "r", shape=(rows, features))
y = np.zeros(rows, np.int8)
y[::3] = 1
network = bp.Network(
    [bp.Dense(features, 128), bp.ReLU(), bp.Dense(128, 10)], bp.SoftmaxCrossEntropy(),
    bp.Momentum(0.01), seed=0, dtype="float32",
)
"""
FIT = "network.fit(X, y, epochs=1, batch_size=256)"
USES = {
    "nothing": ("<f4", ""),
    "fit": ("<f4", FIT),
    "fit, big-endian": (">f4", FIT),
    "predict": ("<f4", "network.predict(X)"),
    "evaluate": ("<f4", "network.evaluate(X, y)"),
}
MILLION = """
import numpy as np, backproplite as bp
rows = {rows}
X = np.ones((rows, 8), np.float32)
network = bp.Network(
    [bp.Dense(8, 512), bp.ReLU(), bp.Dense(512, 1)], bp.MeanSquaredError(), seed=0, dtype="float32"
)
network.predict(X)
"""


def peak(code):
    """Return the highest own and resident memory of a process that runs some code, in MB."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    environment["OPENBLAS_NUM_THREADS"] = "1"
    process = subprocess.Popen([sys.executable, "-c", code], env=environment)
    own = resident = 0
    while process.poll() is None:
        status = Path(f"/proc/{process.pid}/status").read_text("utf-8")
        found = dict(re.findall(r"(RssAnon|VmHWM):\s*(\d+)", status))
        own = max(own, int(found.get("RssAnon", 0)))
        resident = max(resident, int(found.get("VmHWM", 0)))
        time.sleep(0.002)
    if process.returncode:
        raise RuntimeError(f"this failed: {code}")
    return {"own": own / 1000, "resident": resident / 1000}


def measure(gigabytes=4.0):
    """Return the memory of each use in MB, by its name."""
    rows = round(gigabytes * 1e9 / 1024)
    with tempfile.NamedTemporaryFile() as file:
        file.truncate(rows * 1024)  # zeros, which take no place on the disk, but in memory
        found = {
            f"{use}, {gigabytes:g} GB": peak(
                PREPARE.format(rows=rows, path=file.name, dtype=dtype) + code
            )
            for use, (dtype, code) in USES.items()
        }
    for rows in (10_000, 1_000_000):
        found[f"predict, {rows:,} rows of 32 bytes"] = peak(MILLION.format(rows=rows))
    return found


if __name__ == "__main__":
    figures = measure(*map(float, sys.argv[1:]))
    for use, each in figures.items():
        print(f"{use:36} own {each['own']:7.1f} MB, resident {each['resident']:8.1f} MB")
    print(json.dumps(figures))
