"""What is printed where there are fewer letters than the equations need."""

import io
import os
import subprocess
import sys

import pytest

import backproplite as bp
from backproplite.__main__ import asked_network, asked_samples, parser
from backproplite.seeing.legible import SPELLED, legible

PRINT = """
import backproplite as bp
from backproplite.__main__ import asked_network, asked_samples, parser

options = parser().parse_args(["explain"])
step = bp.trace(asked_network(options), *asked_samples(options))
print(step)
print(step["loss.forward"])
print(step["layers[0].backward"].equations)
"""


@pytest.mark.parametrize("encoding", ["ascii", "cp437", "cp1252", "cp932", "utf-8"])
def test_a_trace_can_be_printed_into_any_pipe(encoding):
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PRINT],
        env=environment,
        capture_output=True,
        check=True,
    )
    assert done.stderr == b""
    printed = done.stdout.decode(encoding)
    assert "?" not in printed
    assert printed.count("loss/") > 20
    squared = {"ascii": "1/2 * (a2 - y)^2", "utf-8": "½ · (a₂ - y)²", "cp1252": "½ · (a2 - y)²"}
    if encoding in squared:
        assert printed.count(f"loss = {squared[encoding]} = ") == 2


@pytest.fixture
def stdout_in(monkeypatch):
    """Let standard output have an encoding."""

    def put(encoding):
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding))

    return put


def test_only_what_is_missing_is_spelled(stdout_in):
    text = "√(a₁ᵀ · π) ≤ Σ x² … größer ★"
    stdout_in("cp437")  # which has √ π · ≤ Σ ² ö ß
    assert legible(text) == "√(a1^T · π) ≤ Σ x² ... größer ?"
    stdout_in("ascii")
    assert legible(text) == "sqrt (a1^T * pi) <= sum x^2 ... gro?er ?"
    stdout_in("utf-8")
    assert legible(text) == text


@pytest.mark.parametrize("stdout", [None, io.StringIO()])
def test_where_no_encoding_is_known_nothing_changes(stdout, monkeypatch):
    monkeypatch.setattr(sys, "stdout", stdout)
    assert legible("∂loss/∂a₁") == "∂loss/∂a₁"


def test_every_sign_of_the_equations_is_spelled(stdout_in):
    network = bp.Network(
        [
            bp.Dense(2, 3),
            bp.GELU(),
            bp.LayerNorm(3),
            bp.Softplus(),
            bp.BatchNorm(3),
            bp.Dense(3, 1),
        ],
        loss=bp.Huber(),
        optimizer=bp.Adam(clip_norm=0.1, clip_value=1.0, weight_decay=0.1),
        seed=0,
    )
    X, y = bp.datasets.xor()
    options = parser().parse_args(["explain"])
    example = bp.trace(asked_network(options), *asked_samples(options))
    whole = str(bp.trace(network, X, y)) + str(example)
    stdout_in("ascii")
    plain = str(bp.trace(network, X, y)) + str(example)
    assert plain.isascii()
    assert "?" not in plain
    assert legible(whole) == plain
    assert {sign for sign in whole if not sign.isascii() and not sign.isnumeric()} <= {*SPELLED}
