"""What pytest shows of a check that fails, and the recipe of the documentation for its conftest."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "check-your-own-layer.md"
LAYER = """
import numpy as np
import backproplite as bp


class Cube(bp.Layer):
    def __init__(self, features):
        self.add_parameter("scale", (features,), bp.Constant(1.0))

    @classmethod
    def example(cls, features):
        return cls(features)

    def forward(self, x):
        return self.scale * x**3, x

    def backward(self, grad_output, x):
        np.sum(grad_output * x**3, axis=-2, out=self.grad_scale)
        return self.scale * grad_output * 3 * x**2


class Averages(Cube):
    def backward(self, grad_output, x):
        np.mean(grad_output * x**3, axis=-2, out=self.grad_scale)
        return self.scale * grad_output * 3 * x**2
"""
TESTS = """

class Breaks(Cube):
    def backward(self, grad_output, x):
        return self.no_such_thing * grad_output


x = np.random.default_rng(0).normal(size=(5, 3))


def test_averages():
    bp.check_gradients(Averages(3), x)


def test_breaks():
    bp.check_gradients(Breaks(3), x)


def test_shape():
    bp.check_gradients(bp.Dense(4, 2), x)


def test_slope():
    bp.numerical_gradient(lambda x: x, x)
"""


def run_pytest(folder, *options):
    """Return what pytest prints of the tests in a folder."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module", params=["long", "short"])
def printed(request, tmp_path_factory):
    """How tracebacks are shown, and what pytest prints of the tests above."""
    folder = tmp_path_factory.mktemp("failing")
    (folder / "test_own.py").write_text(LAYER + TESTS, encoding="utf-8")
    return request.param, run_pytest(folder, f"--tb={request.param}")


WHOLE = """\
    def test_averages():
>       bp.check_gradients(Averages(3), x)
E       backproplite.errors.GradientMismatch: the gradient of scale is wrong, by 8.0e-01 of its \
largest entry (3 of 3 comparisons are off by more than 1e-6).
E         scale[0]: backward gives #, numerical #, ratio 0.2
E         scale[1]: backward gives #, numerical #, ratio 0.2
E         scale[2]: backward gives #, numerical #, ratio 0.2
E       All are off by the factor 0.2: look for a mean where there is a sum, or the number of \
samples or outputs counted twice or not at all.
E         x      right, to #
E         scale  wrong, by 8.0e-01
E       To repeat this: seed=0.

test_own.py:#: GradientMismatch
"""


def test_a_failure_is_the_line_of_the_test_and_the_table(printed):
    style, output = printed
    assert "4 failed" in output
    line = (LAYER + TESTS).splitlines().index("    bp.check_gradients(Averages(3), x)") + 1
    assert f"test_own.py:{line}: " in output
    assert "E   backproplite.errors.GradientMismatch: the gradient of scale" in output.replace(
        "E       ", "E   "
    )
    if style == "long":
        pattern = re.escape(WHOLE).replace(re.escape("#"), r"-?\d[\d.]*(e-\d+)?")
        assert re.search(rf"^_+ test_averages _+\n\n{pattern}^_", output, re.MULTILINE)


def test_no_frame_of_the_library_is_shown(printed):
    _, output = printed
    ours = (PAGE.parents[1] / "backproplite").rglob("*.py")
    assert [path.name for path in ours if re.search(rf"\b{path.name}:\d", output)] == []
    assert "Parameters\n" not in output


def test_what_breaks_in_the_layer_is_shown_there(printed):
    _, output = printed
    line = (LAYER + TESTS).splitlines().index("        return self.no_such_thing * grad_output") + 1
    assert f"test_own.py:{line}: " in output
    assert "AttributeError: 'Breaks' object has no attribute 'no_such_thing'" in output


@pytest.mark.parametrize(
    ("error", "source"),
    [
        ("ShapeError: x must have 4 features", "bp.check_gradients(bp.Dense(4, 2), x)"),
        ("ShapeError: function must return one", "bp.numerical_gradient(lambda x: x, x)"),
    ],
)
def test_what_was_given_wrongly_is_shown_in_the_test(printed, error, source):
    _, output = printed
    assert error in output
    line = (LAYER + TESTS).splitlines().index(f"    {source}") + 1
    assert f"test_own.py:{line}: " in output


def test_the_recipe_finds_all_layers_of_a_module(tmp_path):
    page = PAGE.read_text(encoding="utf-8")
    files = re.findall(r"```python\n# (\w+\.py)\n(.*?)```", page, re.DOTALL)
    assert [name for name, _ in files] == ["conftest.py", "test_my_layers.py"]
    lines = [line for line in files[0][1].splitlines() if line and not line.startswith("import")]
    assert len(lines) <= 5
    for name, content in [*files, ("my_layers.py", LAYER)]:
        (tmp_path / name).write_text(content, encoding="utf-8")
    output = run_pytest(tmp_path, "--tb=line", "-rA")
    assert "PASSED test_my_layers.py::test_gradients[Cube]" in output
    assert "FAILED test_my_layers.py::test_gradients[Averages]" in output
    assert "1 failed, 1 passed" in output
