"""Try hard to break the loading of model files; the same, shorter, is in the tests.

    python benchmarks/fuzz_files.py mutate 1000000    files damaged in bytes, data or arrays
    python benchmarks/fuzz_files.py kill 100          writers killed while they save
    python benchmarks/fuzz_files.py memory            the peak of memory of hostile files
    python benchmarks/fuzz_files.py atheris -max_total_time=600

The first three need the extra `test`; the last needs atheris (pip install atheris) and guides its
damage by the lines of code that it reaches. Anything but a `ModelFileError` ends with a traceback.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

# In the place of this folder, whose files.py is not meant.
sys.path[:1] = [str(pathlib.Path(__file__).parents[1] / folder) for folder in ("", "tests")]


def mutate(count: str) -> None:
    """Load damaged files, a thousand times ten thousand or so."""
    from files.test_strangers import outcomes

    start, loaded, refused = time.time(), 0, 0
    for seed in range(int(count) // 10_000):
        more_loaded, more_refused = outcomes(10_000, seed=1000 + seed)
        loaded, refused = loaded + more_loaded, refused + more_refused
        print(f"{loaded + refused:,} files: {refused:,} refused", end="\r", flush=True)
    print(
        f"{loaded + refused:,} files: {refused:,} refused, {loaded:,} another model; nothing else"
    )
    print(f"{time.time() - start:.0f} seconds")


def kill(rounds: str) -> None:
    """Kill writers at random moments while they write over an old file."""
    from files.test_whole import killed_while_writing

    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "model.npz")
        damaged, most_left, left, amid = killed_while_writing(path, int(rounds))
    print(f"{rounds} kills, {amid} of them with a file half-written: {damaged} files damaged,")
    print(f"at most {most_left} temporary file left beside it, {left} after the next save")


def memory() -> None:
    """Measure the resident memory that loading each hostile file takes, in a process of its own."""
    from files import test_archive, test_strangers

    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "model.npz")
        for name, make in (test_archive.BOMBS | test_strangers.BOMBS).items():
            path.write_bytes(make())
            subprocess.run([sys.executable, __file__, "peak", str(path), name], check=True)


def peak(path: str, name: str) -> None:
    """Print how much memory one hostile file takes, its own bytes included (Linux only)."""
    from backproplite import ModelFileError, Network

    before = resident("VmRSS")
    with contextlib.suppress(ModelFileError):
        Network.load(path)
    taken, size = resident("VmHWM") - before, os.path.getsize(path)
    verdict = "ok" if taken <= 2 * size + 10**7 else "TOO MUCH"
    print(f"{name:32} {size:12,} bytes take {taken:12,} of {2 * size + 10**7:12,}  {verdict}")


def resident(what: str) -> int:
    """Return the memory of this process, now (VmRSS) or at its highest (VmHWM), in bytes."""
    lines = pathlib.Path("/proc/self/status").read_text("utf-8").splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(what)).split()[1])


def fuzz_with_atheris(options: list[str]) -> None:
    """Let atheris damage files, descriptions and array headers, with digests that fit."""
    import atheris

    with atheris.instrument_imports(include=["backproplite", "numpy.lib", "json"]):
        import numpy as np

        import backproplite as bp
        from backproplite.files import archive
        from backproplite.files.networks import network_from_bytes

    from files.common import cut_off, saved, signed

    whole = saved(cut_off())
    arrays, data = archive.from_bytes(whole)
    text = json.dumps(data, separators=(",", ":")).encode()
    start = archive.to_bytes({"x": np.arange(3.0)}, {})
    array = start[start.index(b"x.npy") + 5 : start.index(b"PK\1\2")]

    def with_text(given: bytes) -> bytes:
        try:
            return archive.to_bytes(arrays, json.loads(given))
        except (ValueError, RecursionError):
            return given

    def with_array(given: bytes) -> bytes:
        return signed(start.replace(array, given))

    makers = [lambda given: given, signed, with_text, with_array]

    def try_to_load(given: bytes) -> None:
        if given:
            with contextlib.suppress(bp.ModelFileError):
                network_from_bytes(bp.Network, makers[given[0] % 4](given[1:]))

    assert network_from_bytes(bp.Network, with_text(text)).history
    with tempfile.TemporaryDirectory() as folder:
        for i, seed in enumerate([b"\0" + whole, b"\1" + whole, b"\2" + text, b"\3" + array]):
            pathlib.Path(folder, str(i)).write_bytes(seed)
            try_to_load(seed)
        atheris.Setup([sys.argv[0], folder, "-max_len=20000", *options], try_to_load)
        atheris.Fuzz()


if __name__ == "__main__":
    what, *arguments = sys.argv[1:] or ["help"]
    commands = {"mutate": mutate, "kill": kill, "memory": memory, "peak": peak}
    if what == "atheris":
        fuzz_with_atheris(arguments)
    elif what in commands:
        commands[what](*arguments)
    else:
        sys.exit(__doc__)
