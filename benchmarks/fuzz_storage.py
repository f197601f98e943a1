"""Try hard to break the loading of model files; the same, shorter, is in the tests.

    python benchmarks/fuzz_storage.py mutate 1000000    files damaged in bytes, data or arrays
    python benchmarks/fuzz_storage.py kill 100          writers killed while they save
    python benchmarks/fuzz_storage.py memory            the peak of memory of hostile files
    python benchmarks/fuzz_storage.py atheris -max_total_time=600

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

sys.path[:0] = [str(pathlib.Path(__file__).parents[1] / folder) for folder in ("", "tests")]


def mutate(count: str) -> None:
    """Load damaged files, a thousand times ten thousand or so."""
    from test_saving import outcomes

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
    """Kill writers at random moments while they save over an old file."""
    from test_saving import killed_while_saving

    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "model.npz")
        unreadable, most_left, left, amid = killed_while_saving(path, int(rounds))
    print(
        f"{rounds} kills, {amid} of them with a file half-written: {unreadable} files unreadable,"
    )
    print(f"at most {most_left} temporary file left beside it, {left} after the next save")


def memory() -> None:
    """Measure the resident memory that loading each hostile file takes, in a process of its own."""
    import test_saving
    import test_storage

    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "model.npz")
        for name, make in (test_storage.BOMBS | test_saving.BOMBS).items():
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
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(what)).split()[1])


def fuzz_with_atheris(options: list[str]) -> None:
    """Let atheris damage files, descriptions and array headers, with digests that fit."""
    import atheris

    with atheris.instrument_imports(include=["backproplite", "numpy.lib", "json"]):
        import numpy as np

        import backproplite as bp
        from backproplite import storage
        from backproplite.saving import network_from_bytes, network_to_bytes

    class CutOff(bp.Callback):
        def after_step(self, network):
            if network.optimizer.step_count == 3:
                raise KeyboardInterrupt

    network = bp.Network(
        [bp.Dense(2, 2), bp.BatchNorm(2), bp.ReLU(), bp.Dense(2, 1, bp.He())],
        loss=bp.Huber(),
        optimizer=bp.Adam(bp.WarmUpSchedule(2, bp.CosineSchedule(0.1, steps=9))),
        seed=0,
    )
    with contextlib.suppress(KeyboardInterrupt):  # so that half an epoch is in the file
        network.fit([[0.0, 1.0], [1.0, 0.5]], [0.0, 1.0], 2, batch_size=1, callbacks=CutOff())
    whole = network_to_bytes(bp.Network, network)
    arrays, data = storage.from_bytes(whole)
    text = json.dumps(data, separators=(",", ":")).encode()
    array = storage._array_to_bytes(np.arange(3.0))

    def signed(content: bytes) -> bytes:
        return content[:-64] + storage.hashlib.sha256(content[:-64]).hexdigest().encode()

    def with_text(given: bytes) -> bytes:
        try:
            return storage.to_bytes(arrays, json.loads(given))
        except (ValueError, RecursionError):
            return given

    def with_array(given: bytes) -> bytes:
        header, entry = storage._member(b"data.npy", given, 0)
        directory = storage._directory([entry], len(header) + len(given))
        return signed(header + given + directory + bytes(64))

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
        atheris.Setup([sys.argv[0], folder, "-max_len=8000", *options], try_to_load)
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
