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
from backproplite.__main__ import main, training_picture, worked_example
from backproplite.seeing import pages
from backproplite.seeing.pages.playground import play_page


def run(capsys, *arguments):
    """Return exit status, output and errors of the command."""
    try:
        status = main(arguments)
    except SystemExit as leaving:
        status = leaving.code
    return status, *capsys.readouterr()


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
    assert path.read_text(encoding="utf-8") == pages.step_page(trace(*worked_example()))


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


def test_the_picture_has_the_loss_on_the_left_and_the_boundary_on_the_right(monkeypatch):
    X, y = bp.datasets.xor()
    network = bp.Network([bp.Dense(2, 1)], bp.MeanSquaredError(), seed=0).fit(X, y, 2)
    figures = []

    class Seen(Figure):
        def savefig(self, content, **options):
            figures.append(self)
            super().savefig(content, **options)

    monkeypatch.setattr("matplotlib.figure.Figure", Seen)
    assert training_picture(network, X, y, "some.where/a.PNG").startswith(b"\x89PNG")
    left, right, *_ = figures[0].axes
    assert (left.get_title(), right.get_xlabel()) == ("Loss in training", "x₁")
    assert left.bbox.x1 < right.bbox.x0
    assert left.bbox.y0 == right.bbox.y0


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
    "digits": {"batch-size": "samples per update", "momentum": "how much velocity stays"},
    "explain": {"digits": "of each number", "html": "page of the step, to walk through"},
    "check": {"seed": "for everything that is random"},
    "play": {"html": "where the page goes", "no-browser": "leave it to you to open it"},
}


@pytest.mark.parametrize("command", HELP)
def test_help_says_what_an_option_is_for(capsys, command):
    status, output, _ = run(capsys, command, "--help")
    assert status == 0
    for option, words in HELP[command].items():
        assert re.search(rf"--{option} [\w. ]+\s+{words} *(\(default|\n)", output)
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
