"""The command line: `backproplite xor`, `digits`, `explain`, `check` and `play`."""

from __future__ import annotations

import argparse
import io
import os
import sys
import webbrowser
from collections.abc import Callable, Sequence
from typing import NoReturn

import numpy as np

from . import __version__, activations, datasets, layers, losses, plots
from .checking import check_gradients
from .checks import Array, checked_path
from .configurable import offered
from .errors import BackpropliteError, ParameterError
from .files import write_file
from .initializers import He
from .network import Network
from .optimizers import GradientDescent, Momentum
from .progress import ProgressLines
from .scaling import Standardize
from .seeing import Trace, trace
from .seeing.pages.playground import SUFFIXES, play_page, set_names

PICTURES = (".png", ".svg", ".pdf")


def xor(options: argparse.Namespace) -> None:
    """Train a 2-4-1 sigmoid network on exclusive or, and show what it has learnt."""
    if options.html:
        checked_path(options.html, (".html", ".htm"))
    if options.plot:  # a run is not to be lost to a missing folder or library
        checked_path(options.plot, PICTURES)
        plots.require_matplotlib()
    X, y = datasets.xor()
    network = Network(
        [
            layers.Dense(2, options.hidden),
            activations.Sigmoid(),
            layers.Dense(options.hidden, 1),
            activations.Sigmoid(),
        ],
        loss=losses.MeanSquaredError(),
        optimizer=GradientDescent(options.learning_rate),
        seed=options.seed,
    )
    print(f"Exclusive or: a 2-{options.hidden}-1 sigmoid network, mean squared error,")
    print(f"gradient descent at {options.learning_rate:g}, seed {options.seed}.\n")
    steps: list[Trace] = []

    def keep_last_step(network: Network) -> None:
        if options.html and network.epoch_count == options.epochs - 1:
            steps.append(trace(network, X, y))

    keep_last_step(network)  # if it is the only one
    network.fit(X, y, options.epochs, callbacks=[keep_last_step, ProgressLines(options.epochs)])
    print_answers(X, y, network.predict(X))
    for step in steps:
        step.to_html(options.html)
        print(f"The last step, to walk through: {options.html}")
    if options.plot:
        write_file(options.plot, training_picture(network, X, y, options.plot))
        print(f"Loss curve and decision boundary: {options.plot}")


def print_answers(X: Array, y: Array, predictions: Array) -> None:
    """Print a table of inputs, targets and predictions, and how many are right."""
    rounded = predictions.round()
    print("\ninput  target  prediction  rounded")
    for x, target, prediction, whole in zip(
        X, y[:, 0], predictions[:, 0], rounded[:, 0], strict=True
    ):
        print(f"{x[0]:.0f} {x[1]:.0f}    {target:6.0f}  {prediction:10.4f}  {whole:7.0f}")
    print_accuracy(rounded, y)


def training_picture(network: Network, X: Array, y: Array, path: str) -> bytes:
    """Return a picture of the loss beside the decision boundary, in the format of the path."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    plots.loss_curves(network, ax=left)
    plots.decision_boundary(network, X, y, ax=right)
    content = io.BytesIO()
    figure.savefig(content, format=path.rpartition(".")[2].lower(), dpi=150)
    return content.getvalue()


def digits(options: argparse.Namespace) -> None:
    """Train on real handwritten digits, and tell how many unseen ones are recognised."""
    X, y = datasets.digits()
    rng = np.random.default_rng(options.seed)
    test, validation, train = np.split(rng.permutation(len(X)), [360, 540])
    network = Network(
        [
            layers.Dropout(0.1),
            layers.Dense(64, options.hidden, He()),
            activations.ReLU(),
            layers.Dropout(0.5),
            layers.Dense(options.hidden, 10),
        ],
        loss=losses.SoftmaxCrossEntropy(),
        optimizer=Momentum(options.learning_rate, options.momentum),
        seed=rng,
        dtype="float32",
    )
    print(f"Handwritten digits: {len(train)} to train on, {len(validation)} to validate,")
    print(f"{len(test)} held out. A 64-{options.hidden}-10 network with dropout, cross-entropy,")
    print(f"momentum {options.momentum:g}, batches of {options.batch_size}, seed {options.seed}.\n")
    network.fit(
        X[train],
        y[train],
        options.epochs,
        options.batch_size,
        validation_data=(X[validation], y[validation]),
        callbacks=ProgressLines(options.epochs),
    )
    print("\nOn the held-out digits:")
    print_accuracy(network.predict(X[test]).argmax(axis=1), y[test])


def print_accuracy(predictions: Array, targets: Array) -> None:
    """Print the share of predictions that are right."""
    print(f"Accuracy: {100 * np.mean(predictions == targets):.1f} %")


def explain(options: argparse.Namespace) -> None:
    """Work through one training step of a 2-2-1 sigmoid network, every number of it."""
    if options.html:
        checked_path(options.html, (".html", ".htm"))
    step = trace(*worked_example(), digits=options.digits)
    print(step)
    if options.html:
        step.to_html(options.html)
        print(f"\nTo walk through: {options.html}")


def worked_example() -> tuple[Network, Array, Array]:
    """Return a network that is small enough to follow with a pencil, a sample and its target."""
    hidden, output = layers.Dense(2, 2), layers.Dense(2, 1)
    hidden.weight[...], hidden.bias[...] = [[0.1, 0.3], [0.2, 0.4]], [0.1, 0.2]
    output.weight[...], output.bias[...] = [[0.5], [0.6]], 0.1
    network = Network(
        [hidden, activations.Sigmoid(), output, activations.Sigmoid()],
        loss=losses.HalfSquaredError(),
        optimizer=GradientDescent(learning_rate=0.5),
        seed=0,  # so that its page is the same each time
    )
    return network, np.array([[0.5, 0.8]]), np.array([[1.0]])


def check(options: argparse.Namespace) -> None:
    """Check every gradient of every layer, activation and loss, and print the worst errors."""
    rng = np.random.default_rng(options.seed)
    x = rng.standard_normal((5, 4))
    targets = {
        None: x + 0.7,
        "binary": rng.integers(0, 2, (5, 4)),
        "categorical": rng.integers(0, 4, 5),
    }
    classes = [*offered(layers, layers.Layer), *offered(activations, activations.Activation)]
    classes.append(Standardize)
    cases: list[tuple[layers.Layer | losses.Loss, tuple[Array, ...]]]
    cases = [(cls.example(4), (x,)) for cls in classes]
    for loss in (cls() for cls in offered(losses, losses.Loss)):
        outputs = activations.Softmax()(x) if loss.wants_probabilities else x
        cases.append((loss, (outputs, targets[loss.labels])))
    print(f"{'subject':40}{'tensors':>8}{'worst error':>13}   compared with")
    worst = 0.0
    for subject, arrays in cases:
        report = check_gradients(subject, *arrays, seed=options.seed)
        methods = " and ".join(sorted({tensor.method for tensor in report.tensors}))
        print(f"{subject!r:40}{len(report.tensors):8}{report.error:13.1e}   {methods}")
        worst = max(worst, report.error)
    print(f"\nAll {len(cases)} passed. The worst error is {worst:.1e} of the largest entry.")


def play(options: argparse.Namespace) -> None:
    """Write a page on which a network learns, and all of it can be changed; show it."""
    path = checked_path(options.html, SUFFIXES)
    write_file(path, play_page(options.data).encode())
    print(f"To play with: {path}")
    if options.browser:
        webbrowser.open(path.resolve().as_uri())


def whole(minimum: int) -> Callable[[str], int]:
    """Return a converter of option texts to whole numbers of at least `minimum`."""

    def convert(text: str) -> int:
        if not text.strip().lstrip("-").isdigit() or int(text) < minimum:
            raise argparse.ArgumentTypeError(
                f"must be a whole number of at least {minimum}; got {text!r}"
            )
        return int(text)

    return convert


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    top = _Parser(prog="backproplite", description="Small neural networks, on NumPy alone.")
    top.add_argument("--version", action="version", version=f"backproplite {__version__}")
    commands = top.add_subparsers(title="commands", dest="command", metavar="COMMAND")

    def command(name: str, run: object, seed: int | None) -> argparse.ArgumentParser:
        what = str(run.__doc__)
        added = commands.add_parser(
            name,
            help=what[0].lower() + what[1:-1],
            description=what,
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        )
        added.set_defaults(run=run, plot=None, html=None, browser=True)
        if seed is not None:
            added.add_argument(
                "--seed", type=whole(0), default=seed, help="for everything that is random"
            )
        return added

    def training(added: argparse.ArgumentParser, epochs: int, rate: float, hidden: int) -> None:
        added.add_argument("--epochs", type=whole(1), default=epochs, help="times through the data")
        added.add_argument("--learning-rate", type=float, default=rate, help="size of the steps")
        added.add_argument(
            "--hidden", type=whole(1), default=hidden, help="units in the hidden layer"
        )

    added = command("xor", xor, seed=42)
    training(added, epochs=5000, rate=0.5, hidden=4)
    added.add_argument(
        "--plot",
        metavar="FILE",
        default=argparse.SUPPRESS,
        help="picture of the loss and the boundary",
    )
    added.add_argument(
        "--html",
        metavar="FILE",
        default=argparse.SUPPRESS,
        help="page of the last step, to walk through",
    )
    added = command("digits", digits, seed=0)
    training(added, epochs=60, rate=0.05, hidden=256)
    added.add_argument("--batch-size", type=whole(1), default=32, help="samples per update")
    added.add_argument("--momentum", type=float, default=0.9, help="how much velocity stays")
    added = command("explain", explain, seed=None)
    added.add_argument("--digits", type=whole(1), default=4, help="of each number")
    added.add_argument(
        "--html",
        metavar="FILE",
        default=argparse.SUPPRESS,
        help="page of the step, to walk through",
    )
    command("check", check, seed=0)
    added = command("play", play, seed=None)
    added.add_argument(
        "data", nargs="?", choices=set_names(), default="moons", help="what it learns at first"
    )
    added.add_argument("--html", metavar="FILE", default="play.html", help="where the page goes")
    added.add_argument(
        "--no-browser",
        dest="browser",
        action="store_false",
        default=argparse.SUPPRESS,
        help="leave it to you to open it",
    )
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    top = parser()
    options = top.parse_args(arguments)
    if options.command is None:
        top.print_help()
        return 2
    if isinstance(sys.stdout, io.TextIOWrapper):  # which may lack letters of a path
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        options.run(options)
        sys.stdout.flush()
    except BackpropliteError as error:
        print(f"backproplite {options.command}: {error}", file=sys.stderr)
        return 2 if isinstance(error, ParameterError) else 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
