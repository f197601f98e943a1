"""Workers as processes, with mpi4py: in one process of its own each, started by mpiexec."""

import os
import pathlib
import subprocess
import sys

import pytest

import backproplite

pytest.importorskip("mpi4py")
HERE = pathlib.Path(__file__).parent
MPIEXEC = pathlib.Path(sys.executable).parent / "mpiexec"

pytestmark = pytest.mark.slow


def run(workers, case, folder):
    """Return the steps that each worker has made, and what it says in the end."""
    root = str(pathlib.Path(backproplite.__file__).parents[1])
    subprocess.run(
        [MPIEXEC, "-n", str(workers), sys.executable, HERE / "mpi_worker.py", case, folder],
        env=os.environ | {"PYTHONPATH": root, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        timeout=60,
        check=True,
    )
    texts = [(folder / f"{i}.txt").read_text().split("\n", 1) for i in range(workers)]
    return [int(steps) for steps, _ in texts], [said for _, said in texts]


@pytest.mark.parametrize("workers", [2, 3])
def test_processes_end_as_one_does_on_all_data(workers, tmp_path):
    steps, said = run(workers, "whole", tmp_path)
    assert steps == [30] * workers
    assert all(each.startswith("off by") for each in said)
    assert max(float(each.split()[-1]) for each in said) <= 1e-12
    assert len(set(said)) == 1


@pytest.mark.parametrize("workers", [2, 3])
@pytest.mark.parametrize(
    ("case", "one", "steps", "others", "reason"),
    [
        ("raises", -1, 5, "WorkerError", "OSError: the disk is gone"),
        ("interrupted", -1, 5, "WorkerError", "KeyboardInterrupt"),
        ("bad data", 0, 0, "WorkerError", "InputError: X must be finite"),
        ("diverges", 0, None, "DivergenceError", "turned"),
        ("differs", -1, 0, "ParameterError", "0.5"),
    ],
)
def test_all_come_down_with_the_reason(workers, case, one, steps, others, reason, tmp_path):
    made, said = run(workers, case, tmp_path)
    assert len(set(made)) == 1
    assert steps in (None, made[0])
    failed = said.pop(one)
    assert not failed.startswith("WorkerError")
    assert reason.split(":")[0] in failed
    assert all(each.startswith(others) and reason in each for each in said)
