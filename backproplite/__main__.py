"""The command line: `backproplite xor`, `digits`, `explain`, `check` and `play`."""

from __future__ import annotations

import argparse
import io
import math
import os
import re
import sys
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from types import ModuleType
from typing import Any, NoReturn

import numpy as np

from . import __version__, activations, datasets, layers, losses, plots
from .checking import check_gradients
from .checks import Array, checked_path
from .configurable import offered
from .errors import BackpropliteError, InputError, ParameterError, ShapeError
from .files import write_file
from .initializers import He
from .network import Network
from .optimizers import GradientDescent, Momentum
from .progress import ProgressLines
from .scaling import Standardize
from .seeing import Trace, trace
from .seeing.pages.assembly import SUFFIXES
from .seeing.pages.play_data import SETS
from .seeing.pages.playground import play_page

PICTURES = (".png", ".svg", ".pdf")
MOST_WEIGHTS = 1_000_000
#: The worked example of `explain`: a network that is small enough to follow with a pencil.
EXAMPLE_SIZES = [2, 2, 1]
EXAMPLE_WEIGHTS = [0.1, 0.3, 0.2, 0.4, 0.1, 0.2, 0.5, 0.6, 0.1]
EXAMPLE_X, EXAMPLE_Y = [0.5, 0.8], [1.0]


def xor(options: argparse.Namespace) -> None:
    """Train a 2-4-1 sigmoid network on exclusive or, and show what it has learnt."""
    check_paths(options)
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
        boundary = partial(plots.decision_boundary, network, X, y)
        write_pictures(options.plot, partial(plots.loss_curves, network), boundary)
        print(f"Loss curve and decision boundary: {options.plot}")


def check_paths(options: argparse.Namespace) -> None:
    """Refuse paths that cannot be: a run is not to be lost to a missing folder or library."""
    if options.html:
        checked_path(options.html, SUFFIXES)
    if options.plot:
        checked_path(options.plot, PICTURES)
        plots.require_matplotlib()


def print_answers(X: Array, y: Array, predictions: Array) -> None:
    """Print a table of inputs, targets and predictions, and how many are right."""
    rounded = predictions.round()
    print("\ninput  target  prediction  rounded")
    for x, target, prediction, whole in zip(
        X, y[:, 0], predictions[:, 0], rounded[:, 0], strict=True
    ):
        print(f"{x[0]:.0f} {x[1]:.0f}    {target:6.0f}  {prediction:10.4f}  {whole:7.0f}")
    print_accuracy(rounded, y)


def write_pictures(path: str, left: Callable[..., object], right: Callable[..., object]) -> None:
    """Write two pictures beside each other, in the format of the path."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.5), layout="constrained")
    for draw, ax in zip((left, right), figure.subplots(1, 2), strict=True):
        draw(ax=ax)
    content = io.BytesIO()
    figure.savefig(content, format=path.rpartition(".")[2].lower(), dpi=150)
    write_file(path, content.getvalue())


def digits(options: argparse.Namespace) -> None:
    """Train on real handwritten digits, and tell how many unseen ones are recognised."""
    check_paths(options)
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
    predictions = network.predict(X[test]).argmax(axis=1)
    print_accuracy(predictions, y[test])
    if options.html:
        trace(network, X[train[:4]], y[train[:4]]).to_html(options.html)
        print(f"One more step, on four digits, to walk through: {options.html}")
    if options.plot:
        confusion = partial(plots.confusion_matrix, y[test], predictions)
        write_pictures(options.plot, partial(plots.loss_curves, network), confusion)
        print(f"Loss curves and confusion matrix: {options.plot}")


def print_accuracy(predictions: Array, targets: Array) -> None:
    """Print the share of predictions that are right."""
    print(f"Accuracy: {100 * np.mean(predictions == targets):.1f} %")


def explain(options: argparse.Namespace) -> None:
    """Work through one training step of a small network, every number of it."""
    check_paths(options)
    network = asked_network(options)
    try:
        step = trace(network, *asked_samples(options), digits=options.digits)
    except (InputError, ShapeError) as error:
        raise ParameterError(f"--x, --y: {error}") from None
    print(step)
    if options.html:
        step.to_html(options.html)
        print(f"\nTo walk through: {options.html}")


def asked_network(options: argparse.Namespace) -> Network:
    """Return the network that the options of `explain` describe."""
    if len(options.sizes) < 2:
        raise ParameterError(
            "--sizes takes the number of inputs and the width of each layer, such as 2 3 1; "
            f"got {options.sizes[0]} alone."
        )
    if sum(n * m for n, m in pairwise(options.sizes)) > MOST_WEIGHTS:
        raise ParameterError(
            f"--sizes must make at most {MOST_WEIGHTS:,} weights, or nobody could read the step."
        )
    loss, stack = options.loss(), list[layers.Layer]()
    suited = activations.Identity if loss.applies else loss.suits or options.activation
    last = options.last_activation or suited
    for width, next_width in pairwise(options.sizes):
        stack += [layers.Dense(width, next_width), options.activation()]
    stack[-1:] = [] if last is activations.Identity else [last()]
    seed = 42 if options.seed is None else options.seed
    network = Network(stack, loss, GradientDescent(options.learning_rate), seed=seed)
    weights = options.weights
    if weights is None and options.seed is None and options.sizes == EXAMPLE_SIZES:
        weights = EXAMPLE_WEIGHTS
    if weights is not None:
        set_parameters(network, weights, options.sizes)
    return network


def set_parameters(network: Network, weights: Sequence[float], sizes: Sequence[int]) -> None:
    """Set all parameters of a network, or say how many there are and in which order."""
    if len(weights) != network.parameters.size:
        order = ", ".join(f"weight {n} x {m}, bias {m}" for n, m in pairwise(sizes))
        raise ParameterError(
            f"--weights takes {network.parameters.size} numbers, layer by layer: {order}, each "
            f"weight row by row, a row for each of its inputs; got {len(weights)}."
        )
    network.parameters[...] = weights


def asked_samples(options: argparse.Namespace) -> tuple[Array, Array]:
    """Return the samples and targets that the options of `explain` give, or its example's."""
    inputs, outputs = options.sizes[0], options.sizes[-1]
    x = options.x or (EXAMPLE_X if inputs == len(EXAMPLE_X) else [])
    if not x or len(x) % inputs:
        raise ParameterError(
            f"--x takes {inputs} for each sample, as many numbers as --sizes has inputs, one "
            f"sample after the other; got {len(x) or 'none'}."
        )
    samples = len(x) // inputs
    y = options.y or (EXAMPLE_Y if outputs == len(EXAMPLE_Y) else [])
    classes = options.loss.labels == "categorical" and len(y) == samples
    if len(y) != samples * outputs and not classes:
        label = ", or the number of its class" if options.loss.labels == "categorical" else ""
        raise ParameterError(
            f"--y takes {outputs} for each sample, as many numbers as --sizes has outputs{label}; "
            f"got {len(y) or 'none'} for {samples} sample{'s' * (samples > 1)}."
        )
    return np.reshape(x, (-1, inputs)), np.array(y) if classes else np.reshape(y, (-1, outputs))


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
    import webbrowser

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


def real(text: str) -> float:
    """Convert the text of an option to a finite number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(
            f"must be a number, such as 0.5, and several with spaces between; got {text!r}"
        )
    return value


def one_of(module: ModuleType, base: type) -> Callable[[str], type]:
    """Return a converter of names, in any case, to the classes below a base in a module."""
    classes: list[type] = offered(module, base)

    def convert(text: str) -> type:
        for cls in classes:
            if cls.__name__.lower() == text.replace("-", "").replace("_", "").lower():
                return cls
        names = ", ".join(cls.__name__ for cls in classes)
        raise argparse.ArgumentTypeError(f"must be one of {names}; got {text!r}")

    return convert


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, and to which -1e-3 is a number, not an option."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._negative_number_matcher = re.compile(r"-\.?\d")

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

    added = command("xor", xor, seed=42)
    training_options(added, epochs=5000, rate=0.5, hidden=4)
    optional(added, "--plot", "picture of the loss and the boundary", metavar="FILE")
    optional(added, "--html", "page of the last step, to walk through", metavar="FILE")
    added = command("digits", digits, seed=0)
    training_options(added, epochs=60, rate=0.05, hidden=256)
    added.add_argument("--batch-size", type=whole(1), default=32, help="samples per update")
    added.add_argument("--momentum", type=real, default=0.9, help="how much velocity stays")
    optional(added, "--plot", "picture of the losses and the mistakes", metavar="FILE")
    optional(added, "--html", "page of one more step, to walk through", metavar="FILE")
    explain_options(command("explain", explain, seed=None))
    command("check", check, seed=0)
    added = command("play", play, seed=None)
    added.add_argument(
        "data", nargs="?", choices=[*SETS], default="moons", help="what it learns at first"
    )
    added.add_argument("--html", metavar="FILE", default="play.html", help="where the page goes")
    optional(
        added, "--no-browser", "leave it to you to open it", dest="browser", action="store_false"
    )
    return top


def optional(added: argparse.ArgumentParser, name: str, what: str, **how: Any) -> None:
    """Add an option that need not be given, and of whose default the help says nothing."""
    added.add_argument(name, default=argparse.SUPPRESS, help=what, **how)


def training_options(added: argparse.ArgumentParser, epochs: int, rate: float, hidden: int) -> None:
    """Add the options of a network of one hidden layer and its training."""
    added.add_argument("--epochs", type=whole(1), default=epochs, help="times through the data")
    added.add_argument("--learning-rate", type=real, default=rate, help="size of the steps")
    added.add_argument("--hidden", type=whole(1), default=hidden, help="units in the hidden layer")


def explain_options(added: argparse.ArgumentParser) -> None:
    """Add the options that describe the network and the samples of `explain`."""
    added.set_defaults(sizes=EXAMPLE_SIZES, x=None, y=None, weights=None, seed=None)
    added.set_defaults(last_activation=None)
    numbers = {"type": real, "nargs": "+", "metavar": "NUMBER"}
    sizes = "number of inputs, then the width of each layer (default: 2 2 1)"
    optional(added, "--sizes", sizes, type=whole(1), nargs="+", metavar="N")
    optional(added, "--x", "the inputs, one sample after the other", action="extend", **numbers)
    optional(added, "--y", "the targets, likewise", action="extend", **numbers)
    optional(added, "--weights", "weight and bias of each layer, row by row", **numbers)
    optional(added, "--seed", "for weights that are not given", type=whole(0), metavar="N")
    added.add_argument("--learning-rate", type=real, default=0.5, help="size of the step")
    bend = one_of(activations, activations.Activation)
    added.add_argument(
        "--activation", metavar="NAME", type=bend, default="Sigmoid", help="after each layer"
    )
    last = "after the last layer, where it is to be another"
    optional(added, "--last-activation", last, metavar="NAME", type=bend)
    loss = one_of(losses, losses.Loss)
    what = "what the step is to make smaller"
    added.add_argument("--loss", metavar="NAME", type=loss, default="HalfSquaredError", help=what)
    added.add_argument("--digits", type=whole(1), default=4, help="of each number")
    optional(added, "--html", "page of the step, to walk through", metavar="FILE")


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
