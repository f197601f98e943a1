"""S9: a step while something else keeps all cores busy, beside the same step in quiet.

Each contender trains in a process of its own, with as many threads as it takes by itself. Loops
that do nothing are halted and let go, one for each core, so that quiet and busy alternate.
"""

import json
import os
import signal
import subprocess
import sys
import time

from .measuring import ROOT, installed, ratio_row

CONTENDERS = {
    "ours, with threadpoolctl": ("threadpoolctl", "fit"),
    "ours, without": ("backproplite", "fit"),
    "scikit-learn": ("sklearn", "scikit-learn fit"),
}
WORKER = """
import sys, time, json
label, contender, seconds = sys.argv[1:]
if contender == "ours, without":
    sys.modules["threadpoolctl"] = None
from benchmarks import busy, steps
work = steps.WORKLOADS[label]
run = steps.CONTENDERS[busy.CONTENDERS[contender][1]][1](work, *work.data())
run(5)
one = min(steps.timed(run, 5) / 5 for _ in range(3))
count = max(1, round(0.02 / one))
for _ in sys.stdin:
    taken, until = [], time.perf_counter() + float(seconds)
    while not taken or time.perf_counter() < until:
        taken.append(steps.timed(run, count) / count)
    print(json.dumps(sum(taken) / len(taken)), flush=True)
"""


def measure(figures, quick):
    """Return the rows of S9: the mean step of each stretch of time, busy over quiet."""
    hogs = [
        subprocess.Popen([sys.executable, "-c", "while 1: pass"]) for _ in range(os.cpu_count())
    ]
    try:
        yield from compare(hogs, quick)
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()


def compare(hogs, quick):
    from .steps import WORKLOADS

    environment = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    environment["PYTHONPATH"] = str(ROOT)
    for label in ("S1", "S4") if quick else WORKLOADS:
        for name, (module, _) in CONTENDERS.items():
            if installed(module) is None:
                continue
            send(hogs, signal.SIGSTOP)
            command = [sys.executable, "-c", WORKER, label, name, "0.3"]
            worker = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
            )
            quiet, busy = [], []
            with worker:
                for _ in range(3 if quick else 7):
                    for found, sign in ((quiet, signal.SIGSTOP), (busy, signal.SIGCONT)):
                        send(hogs, sign)
                        time.sleep(0.05)
                        worker.stdin.write("\n")
                        worker.stdin.flush()
                        found.append(json.loads(worker.stdout.readline()))
                worker.stdin.close()
            work = f"{label} on a busy machine: {name}"
            goal = 3.0 if name == "ours, with threadpoolctl" else None
            yield ratio_row("S9", work, "itself, quiet", "µs", busy, quiet, goal, 1e6)


def send(hogs, sign):
    for hog in hogs:
        hog.send_signal(sign)
