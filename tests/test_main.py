"""The command line."""

import contextlib
import io
import os
import re
import signal
import subprocess
import sys

import pytest
from matplotlib.figure import Figure

import backproplite as bp
from backproplite import activations, layers, losses, trace
from backproplite.__main__ import asked_network, asked_samples, main, parser
from backproplite.seeing import pages
from backproplite.seeing.pages.playground import play_page


def run(capsys, *arguments):
    """Return exit status, output and errors of the command."""
    try:
        status = main(arguments)
    except SystemExit as leaving:
        status = leaving.code
    return status, *capsys.readouterr()


def asked(*arguments):
    """Return the network, samples and targets of `explain` with these options."""
    options = parser().parse_args(["explain", *arguments])
    return asked_network(options), *asked_samples(options)


def test_xor_shows_progress_the_table_and_full_accuracy(capsys):
    status, output, errors = run(capsys, "xor")
    assert (status, errors) == (0, "")
    losses = [float(loss) for loss in re.findall(r"^epoch +\d+/5000  loss (\S+)$", output, re.M)]
    assert len(losses) == 10
    assert losses[-1] < 0.01 < losses[0]
    table = re.findall(r"^([01]) ([01]) +([01]) +(0\.\d{4}) +([01])$", output, re.M)
    assert [row[:3] for row in table] == [
        ("0", "0", "0"), ("0", "1", "1"), ("1", "0", "1"), ("1", "1", "0")
    ]  # fmt: skip
    assert all(row[4] == row[2] and round(float(row[3])) == int(row[2]) for row in table)
    assert output.endswith("Accuracy: 100.0 %\n")


@pytest.mark.parametrize("seed", [0, 1])
def test_digits_shows_both_losses_and_an_accuracy_of_97_percent(capsys, seed):
    status, output, errors = run(capsys, "digits", "--seed", str(seed))
    assert (status, errors) == (0, "")
    assert len(re.findall(r"^epoch +\d+/60  loss \d\.\d+  val_loss \d\.\d+$", output, re.M)) == 10
    assert float(re.search(r"^Accuracy: (\d+\.\d) %\n\Z", output, re.M)[1]) >= 97


def test_check_lists_every_layer_activation_and_loss_and_the_worst_error(capsys):
    status, output, errors = run(capsys, "check")
    assert (status, errors) == (0, "")
    names = {*layers.__all__, *activations.__all__, *losses.__all__}
    names -= {"Layer", "Activation", "Loss"}
    names.add("Standardize")
    assert {name for name in names if f"\n{name}(" in output} == names
    worst = [float(x) for x in re.findall(r" (\d\.\de-\d\d)   ", output)]
    assert len(worst) == len(names)
    assert max(worst) < 1e-14
    assert f"All {len(names)} passed. The worst error is {max(worst):.1e}" in output


def test_explain_prints_the_worked_example(capsys):
    status, output, errors = run(capsys, "explain")
    assert (status, errors) == (0, "")
    for line in (
        "z₁[0] = 0.5 · 0.1 + 0.8 · 0.2 + 0.1 = 0.31",
        "loss = ½ · (a₂ - y)² = ½ · (0.6868 - 1)² = 0.04904",
        "∂loss/∂weight₁[1, 1] = 0.8 · (-0.009050) = -0.007240",
        "The loss fell by 8.21 %.",
    ):
        assert f"{line}\n" in output
    _, longer, _ = run(capsys, "explain", "--digits", "14")
    assert "= 0.049037462330206\n" in longer
    assert "= 0.045009555029132\n" in longer


def test_explain_prints_into_whatever_stands_for_the_terminal():
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert main(["explain"]) == 0
    assert "∂loss/∂w" in printed.getvalue()


def test_explain_writes_the_page_of_the_step(capsys, tmp_path):
    path = tmp_path / "step.html"
    status, output, errors = run(capsys, "explain", "--html", str(path))
    assert (status, errors) == (0, "")
    assert output.endswith(f"To walk through: {path}\n")
    assert path.read_text(encoding="utf-8") == pages.step_page(trace(*asked()))


def test_explain_takes_a_network_of_ones_own():
    arguments = """
        --sizes 2 3 1 --weights -1.5 2 -1e-3 4 5 6 -.5 8 9 10 -2e3 12 13 --learning-rate 0.1
        --x 0 1 --y 0.25 --x -1 2 --y -3
        --activation leaky-relu --last-activation identity --loss mean_squared_error
    """
    network, X, y = asked(*arguments.split())
    first, bend, second = network.layers
    assert isinstance(bend, bp.LeakyReLU)
    assert first.weight.tolist() == [[-1.5, 2, -0.001], [4, 5, 6]]
    assert (first.bias.tolist(), second.weight.ravel().tolist()) == ([-0.5, 8, 9], [10, -2000, 12])
    assert second.bias.tolist() == [13]
    assert (X.tolist(), y.tolist()) == ([[0, 1], [-1, 2]], [[0.25], [-3]])
    assert repr((network.loss, network.optimizer)) == (
        "(MeanSquaredError(), GradientDescent(learning_rate=0.1))"
    )


@pytest.mark.parametrize(
    ("options", "last", "y"),
    [
        (["--loss", "SigmoidCrossEntropy", "--sizes", "2", "1"], bp.Dense, [[1]]),
        (["--loss", "BinaryCrossEntropy", "--activation", "ReLU"], bp.Sigmoid, [[1]]),
        (["--loss", "SoftmaxCrossEntropy", "--sizes", "2", "3", "--y", "2"], bp.Dense, [2]),
        (["--loss", "CategoricalCrossEntropy", "--sizes", "2", "2", "--y", "0", "1"], bp.Softmax, [[0, 1]]),
        (["--activation", "Tanh"], bp.Tanh, [[1]]),
    ],
)  # fmt: skip
def test_the_last_layer_of_explain_suits_the_loss(options, last, y):
    network, X, targets = asked(*options)
    assert type(network.layers[-1]) is last
    assert targets.tolist() == y
    trace(network, X, targets)


def test_explain_draws_weights_that_are_not_given_from_the_seed():
    drawn = bp.Network([bp.Dense(2, 2), bp.Sigmoid(), bp.Dense(2, 1)], bp.Huber(), seed=3)
    network, *_ = asked("--seed", "3")
    assert (network.parameters == drawn.parameters).all()
    assert (
        asked("--sizes", "2", "1")[0].parameters
        == asked("--sizes", "2", "1", "--seed", "42")[0].parameters
    ).all()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--sizes 2", "--sizes takes the number of inputs and the width of each layer, such as 2 3 1; got 2 alone."),
        ("--sizes 2000 1000 1", "--sizes must make at most 1,000,000 weights"),
        ("--sizes 3 1", "--x takes 3 for each sample, as many numbers as --sizes has inputs, one sample after the other; got none."),
        ("--x 1 2 3", "--x takes 2 for each sample, as many numbers as --sizes has inputs, one sample after the other; got 3."),
        ("--sizes 2 2", "--y takes 2 for each sample, as many numbers as --sizes has outputs; got none for 1 sample."),
        ("--x 1 2 3 4 --y 1", "--y takes 1 for each sample, as many numbers as --sizes has outputs; got 1 for 2 samples."),
        ("--sizes 2 3 --loss SoftmaxCrossEntropy --y 1 2", "--sizes has outputs, or the number of its class; got 2 for 1 sample."),
        ("--sizes 2 3 --loss SoftmaxCrossEntropy --y 3", "--x, --y: y must hold whole labels from 0 to 2"),
        ("--loss BinaryCrossEntropy --y 3", "--x, --y: y must lie between 0 and 1"),
        (f"--x{' 1' * 130} --y{' 1' * 65}", "--x, --y: X must hold at most 64 samples"),
        ("--sizes 2 3 1 --weights 1 2", "--weights takes 13 numbers, layer by layer: weight 2 x 3, bias 3, weight 3 x 1, bias 1, each weight row by row, a row for each of its inputs; got 2."),
        ("--x 0.5,0.8", "argument --x: must be a number, such as 0.5, and several with spaces between; got '0.5,0.8'"),
        ("--weights 1 inf", "argument --weights: must be a number"),
        ("--activation step", "argument --activation: must be one of ELU, GELU, "),
        ("--loss square", "argument --loss: must be one of BinaryCrossEntropy, "),
    ],
)  # fmt: skip
def test_what_explain_cannot_use_is_named_with_the_mend(capsys, arguments, words):
    status, output, errors = run(capsys, "explain", *arguments.split())
    assert (status, output) == (2, "")
    assert words in errors
    assert len(errors.splitlines()) == 1


@pytest.mark.parametrize(
    ("encoding", "line"),
    [
        ("ascii", "dloss/dz2 = dloss/da2 * a2 * (1 - a2)"),
        ("cp1252", "dloss/dz2 = dloss/da2 · a2 · (1 - a2)"),
        ("utf-8", "∂loss/∂z₂ = ∂loss/∂a₂ · a₂ · (1 - a₂)"),
    ],
)
def test_explain_is_legible_where_letters_are_few(encoding, line, tmp_path):
    path = tmp_path / "Schritt₁.html"
    result = subprocess.run(
        [sys.executable, "-m", "backproplite", "explain", "--html", path],
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": encoding},
        check=True,
    )
    printed = result.stdout.decode(encoding)
    assert f"   {line}\n" in printed.replace("\r\n", "\n")
    shown = path if encoding == "utf-8" else str(path).replace("₁", "\\u2081")
    assert printed.rstrip().endswith(f"To walk through: {shown}")
    assert path.exists()


@pytest.mark.parametrize("epochs", [1, 30])
def test_xor_writes_the_page_of_its_last_step(capsys, tmp_path, epochs):
    path = tmp_path / "step.html"
    arguments = ["xor", "--epochs", str(epochs)]
    _, expected, _ = run(capsys, *arguments)
    status, output, errors = run(capsys, *arguments, "--html", str(path))
    assert (status, errors) == (0, "")
    assert output == f"{expected}The last step, to walk through: {path}\n"
    loss = re.findall(r"loss (\S+)", output)[-1]  # of the last epoch, before its update
    X, y = bp.datasets.xor()
    network = bp.Network(
        [bp.Dense(2, 4), bp.Sigmoid(), bp.Dense(4, 1), bp.Sigmoid()],
        loss=bp.MeanSquaredError(),
        optimizer=bp.GradientDescent(0.5),
        seed=42,
    )
    if epochs > 1:
        network.fit(X, y, epochs - 1)
    step = trace(network, X, y)
    assert f"{step.loss:.6f}" == loss
    assert path.read_text(encoding="utf-8") == pages.step_page(step)


@pytest.mark.parametrize(
    ("name", "start"), [("a.png", b"\x89PNG"), ("a.SVG", b"<?xml"), ("a.pdf", b"%PDF")]
)
def test_xor_writes_a_picture(capsys, tmp_path, name, start):
    path = tmp_path / name
    status, output, errors = run(capsys, "xor", "--epochs", "20", "--plot", str(path))
    assert (status, errors) == (0, "")
    assert output.endswith(f"Loss curve and decision boundary: {path}\n")
    assert path.read_bytes().startswith(start)


@pytest.mark.parametrize(
    ("arguments", "words", "right", "title"),
    [
        (["xor"], "Loss curve and decision boundary", "x₁", "Decision boundary: 2 of 4"),
        (["digits", "--hidden", "4"], "Loss curves and confusion matrix", "predicted class", "Accuracy {} % ("),
    ],
)  # fmt: skip
def test_a_picture_has_the_losses_on_the_left(
    capsys, tmp_path, monkeypatch, arguments, words, right, title
):
    path = tmp_path / "a.PNG"
    figures = []

    class Seen(Figure):
        def savefig(self, content, **options):
            figures.append(self)
            super().savefig(content, **options)

    monkeypatch.setattr("matplotlib.figure.Figure", Seen)
    status, output, errors = run(capsys, *arguments, "--epochs", "2", "--plot", str(path))
    assert (status, errors) == (0, "")
    assert output.endswith(f"{words}: {path}\n")
    assert path.read_bytes().startswith(b"\x89PNG")
    first, second, *_ = figures[0].axes
    assert (first.get_title(), second.get_xlabel()) == ("Loss in training", right)
    assert first.bbox.x1 < second.bbox.x0
    accuracy = re.search(r"Accuracy: (\S+) %", output)[1]
    assert second.get_title().startswith(title.format(accuracy))


def test_digits_writes_the_page_of_one_more_step(capsys, tmp_path, monkeypatch):
    path, seen = tmp_path / "step.html", []

    def traced(network, X, y):
        images, labels = bp.datasets.digits()
        assert [labels[(images == x).all(axis=1)] for x in X] == y.reshape(-1, 1).tolist()
        seen.append((network.epoch_count, trace(network, X, y)))
        return seen[0][1]

    monkeypatch.setattr("backproplite.__main__.trace", traced)
    arguments = ["digits", "--epochs", "2", "--hidden", "4"]
    _, expected, _ = run(capsys, *arguments)
    status, output, errors = run(capsys, *arguments, "--html", str(path))
    assert (status, errors) == (0, "")
    assert output == f"{expected}One more step, on four digits, to walk through: {path}\n"
    ((epochs, step),) = seen
    assert (epochs, step.samples, step.passages[1].output.value.dtype) == (2, 4, "float32")
    assert path.read_text(encoding="utf-8") == pages.step_page(step)


@pytest.mark.parametrize(
    ("arguments", "name", "opened"),
    [([], "moons", True), (["spirals", "--no-browser"], "spirals", False)],
)
def test_play_writes_a_page_and_opens_it(capsys, tmp_path, monkeypatch, arguments, name, opened):
    monkeypatch.chdir(tmp_path)
    seen = []
    monkeypatch.setattr("webbrowser.open", seen.append)
    assert run(capsys, "play", *arguments) == (0, "To play with: play.html\n", "")
    assert (tmp_path / "play.html").read_text("utf-8") == play_page(name)
    assert seen == [(tmp_path / "play.html").as_uri()] * opened


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["explain", "--html", "missing/step.html"], "the folder 'missing' does not exist"),
        (["xor", "--html", "missing/step.html"], "the folder 'missing' does not exist"),
        (["play", "--html", "missing/play.html"], "the folder 'missing' does not exist"),
        (["play", "--html", "play.txt"], "must end in .html or .htm; got 'play.txt'"),
        (["xor", "--plot", "missing/xor.png"], "the folder 'missing' does not exist"),
        (["xor", "--plot", "xor.doc"], "must end in .png or .svg or .pdf; got 'xor.doc'"),
        (["xor", "--plot", "."], "'.' is a folder"),
        (["digits", "--plot", "missing/a.png"], "the folder 'missing' does not exist"),
        (["digits", "--html", "a.txt"], "must end in .html or .htm; got 'a.txt'"),
    ],
)
def test_a_path_that_cannot_be_is_refused_before_the_work(
    capsys, tmp_path, monkeypatch, arguments, words
):
    monkeypatch.chdir(tmp_path)
    status, output, errors = run(capsys, *arguments)
    assert (status, output) == (1, "")
    assert words in errors
    assert len(errors.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_without_matplotlib_the_picture_names_the_extra(capsys, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    status, output, errors = run(capsys, "xor", "--plot", str(tmp_path / "a.png"))
    assert (status, output) == (1, "")
    assert errors.endswith("pip install 'backproplite[plot]'\n")
    assert len(errors.splitlines()) == 1


def test_options_change_the_run(capsys):
    _, first, _ = run(capsys, "xor", "--epochs", "50", "--seed", "1")
    _, again, _ = run(capsys, "xor", "--epochs", "50", "--seed", "1")
    _, other, _ = run(capsys, "xor", "--epochs", "50", "--seed", "2")
    _, wider, _ = run(capsys, "xor", "--epochs", "50", "--seed", "1", "--hidden", "8")
    _, faster, _ = run(capsys, "xor", "--epochs", "50", "--seed", "1", "--learning-rate", "2")
    assert first == again
    assert len({first, other, wider, faster}) == 4
    assert "2-8-1" in wider


def test_digits_depend_on_the_seed_alone(capsys):
    options = "digits", "--epochs", "1", "--hidden", "4"
    _, first, _ = run(capsys, *options, "--seed", "3")
    _, again, _ = run(capsys, *options, "--seed", "3")
    _, other, _ = run(capsys, *options, "--seed", "4")
    assert first == again
    assert first.splitlines()[3:] != other.splitlines()[3:]
    assert "momentum 0.9, batches of 32, seed 3.\n" in first
    assert "\nOn the held-out digits:\nAccuracy" in first


HELP = {
    "xor": {
        "seed": "for everything that is random",
        "epochs": "times through the data",
        "hidden": "units in the hidden layer",
        "plot": "picture of the loss and the boundary",
        "html": "page of the last step, to walk through",
    },
    "digits": {
        "batch-size": "samples per update",
        "momentum": "how much velocity stays",
        "plot": "picture of the losses and the mistakes",
        "html": "page of one more step, to walk through",
    },
    "explain": {
        "digits": "of each number",
        "html": "page of the step, to walk through",
        "weights": "weight and bias of each layer, row by row",
    },
    "check": {"seed": "for everything that is random"},
    "play": {"html": "where the page goes", "no-browser": "leave it to you to open it"},
}


@pytest.mark.parametrize("command", HELP)
def test_help_says_what_an_option_is_for(capsys, command):
    status, output, _ = run(capsys, command, "--help")
    assert status == 0
    for option, words in HELP[command].items():
        assert re.search(rf"--{option} [\w. \[\]]+\s+{words} *(\(default|\n)", output)
    assert " None" not in output


def test_the_version_is_told(capsys):
    assert run(capsys, "--version") == (0, f"backproplite {bp.__version__}\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["xor", "--epochs", "0"],
        ["xor", "--epochs", "many"],
        ["xor", "--learning-rate", "-1"],
        ["xor", "--learning-rate", "nan"],
        ["xor", "--hidden", "0"],
        ["xor", "--seed", "-3"],
        ["xor", "--colour", "red"],
        ["digits", "--batch-size", "0"],
        ["digits", "--momentum", "1"],
        ["play", "chess"],
        ["dance"],
    ],
)
def test_a_bad_option_is_one_line_and_status_2(capsys, arguments):
    status, output, errors = run(capsys, *arguments)
    assert (status, output) == (2, "")
    assert len(errors.splitlines()) == 1
    assert errors.startswith("backproplite")
    assert arguments[-1] in errors or arguments[-1].lstrip("-") in errors


def test_without_a_command_the_help_lists_them(capsys):
    status, output, _ = run(capsys)
    assert status == 2
    assert all(f"    {command} " in output for command in HELP)


def test_divergence_is_one_line_and_status_1(capsys):
    status, _, errors = run(capsys, "digits", "--learning-rate", "1e30")
    assert status == 1
    assert len(errors.splitlines()) == 1
    assert "epoch 1, batch 2" in errors


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is sent otherwise there")
def test_ctrl_c_leaves_quietly():
    code = (  # which hears of Ctrl-C even where the tests run in the background of a shell
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from backproplite.__main__ import main; sys.exit(main(['xor', '--epochs', '100000000']))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.stdout.readline()  # by now it trains
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "")


@pytest.mark.skipif(os.name == "nt", reason="pipes close otherwise there")
def test_a_reader_that_has_seen_enough_is_no_error():
    process = subprocess.Popen(
        [sys.executable, "-m", "backproplite", "check"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert (process.wait(60), errors) == (0, "")
