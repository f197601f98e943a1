"""How a step grows with width, depth, batch and the number of members: ReLU, float32, momentum."""

from . import bare, steps, together
from .measuring import fresh, installed, ratio_row

CONTENDERS = ("fit", "bare NumPy", "PyTorch")
POINTS = [
    *(("width", n, (64, n, n, 10), 64) for n in (8, 32, 128, 512)),
    *(("depth", n, (64, *[64] * n, 10), 64) for n in (1, 4, 16, 64)),
    *(("batch", n, (64, 64, 64, 10), n) for n in (1, 16, 256, 4096)),
]
MEMBERS = (1, 4, 16, 64, 256, 1024)


def measure(figures, quick):
    """Return a row for each point: our step, beside others."""
    builders = {
        name: build
        for name, (module, build) in steps.CONTENDERS.items()
        if name in CONTENDERS and installed(module) is not None
    }
    for what, size, sizes, batch in POINTS:
        work = steps.Workload("", sizes, batch, "momentum", bare.layers_momentum, {})
        steps.check_same_work(work, builders, steps=3)
        seconds = steps.seconds_of(work, builders, 2 if quick else 9)
        for name, theirs in seconds.items():
            if name != "fit":
                yield ratio_row(
                    "growth", f"{what} {size}", name, "µs", seconds["fit"], theirs, None, 1e6
                )
    ways = ["ours", "one by one", "JAX, vmap inside a scan"]
    codes = {n: together.WAYS[n][1] for n in ways if installed(together.WAYS[n][0]) is not None}
    epochs, alone = 200 if quick else 1000, []
    for count in MEMBERS[:3] if quick else MEMBERS:
        seconds = {name: [] for name in codes}
        for _ in range(2 if quick else 3):
            for name, code in codes.items():
                if name == "one by one" and count > 1:
                    seconds[name] = alone[: len(seconds["ours"])]
                    continue
                (taken, _), _ = fresh(together.START + code + together.END, count, epochs, 1)
                seconds[name].append(taken / count / epochs)
        if count == 1:
            alone = seconds["one by one"]
        for name, theirs in seconds.items():
            if name != "ours":
                ours = seconds["ours"]
                yield ratio_row("growth", f"members {count}", name, "µs", ours, theirs, None, 1e6)
