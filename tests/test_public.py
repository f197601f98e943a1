"""What the package offers: everything says what it is, and signatures show what it takes."""

import inspect
import os
import pkgutil
import re
import subprocess
import sys
import typing
from importlib import import_module
from pathlib import Path

import pytest

import backproplite as bp

ROOT = Path(bp.__file__).parents[1]
MODULES = ["backproplite"] + [
    module.name for module in pkgutil.walk_packages(bp.__path__, "backproplite.")
]


def described(module):
    """Yield the public classes and functions of a module, and the methods that are new with each."""
    for name, thing in vars(module).items():
        here = getattr(thing, "__module__", None) == module.__name__
        if here and callable(thing) and not name.startswith("_"):
            yield name, thing
            if inspect.isclass(thing):
                bases = [
                    each for each in thing.__mro__[1:] if each.__module__.startswith("backprop")
                ]
                old = {*dir(object), *inspect.get_annotations(thing)}.union(*map(vars, bases))
                for method in set(vars(thing)) - old:
                    value = inspect.getattr_static(thing, method)
                    wrapped = isinstance(value, (property, classmethod, staticmethod))
                    if not method.startswith("_") and (wrapped or inspect.isfunction(value)):
                        yield f"{name}.{method}", value


@pytest.mark.parametrize("name", MODULES)
def test_everything_public_says_what_it_is(name):
    module = import_module(name)
    assert module.__doc__
    assert [what for what, thing in described(module) if not thing.__doc__] == []


@pytest.mark.parametrize(
    ("cls", "shown"),
    [
        (
            bp.Dense,
            ["in_features", "out_features", "weight_initializer", "bias_initializer"],
        ),
        (bp.Residual, ["layers"]),
        (bp.Dropout, ["rate"]),
        (bp.Momentum, ["learning_rate", "momentum", "nesterov"]),
        (bp.Adam, ["learning_rate", "beta1", "beta2", "epsilon"]),
        (bp.Network, ["layers", "loss", "optimizer", "seed", "dtype"]),
    ],
)
def test_signatures_show_the_arguments(cls, shown):
    assert list(inspect.signature(cls).parameters)[: len(shown)] == shown


@pytest.mark.parametrize("module", ["layers", "activations", "losses", "optimizers", "schedules"])
def test_no_signature_hides_arguments_behind_stars(module):
    module = getattr(bp, module)
    for name in module.__all__:
        if inspect.isclass(getattr(module, name)) and name not in ("Layer", "Loss", "Activation"):
            arguments = inspect.signature(getattr(module, name)).parameters.values()
            assert not [a for a in arguments if a.kind in (a.VAR_POSITIONAL, a.VAR_KEYWORD)], name


@pytest.mark.parametrize("name", bp.optimizers.__all__)
def test_optimizers_show_their_common_settings(name):
    arguments = inspect.signature(getattr(bp, name)).parameters
    assert next(iter(arguments)) == "learning_rate"
    assert list(arguments)[-3:] == ["clip_norm", "clip_value", "weight_decay"]
    assert {arguments[each].kind for each in list(arguments)[-3:]} == {
        inspect.Parameter.KEYWORD_ONLY
    }


ACCEPTED = """
import numpy as np
import backproplite as bp

dense = bp.Dense(2, 1)
network = bp.Network([dense, bp.Sigmoid()], bp.MeanSquaredError(), bp.Adam(0.1, clip_norm=1))
network.fit(np.zeros((3, 2)), [0, 1, 1], epochs=2, callbacks=[bp.EarlyStopping(3)])
print(dense.weight.sum() + dense.grad_bias, network.layers[0].weight.T, network.history["loss"])
network.layers[0].weight[...] = 0


class Scale(bp.Layer):
    def __init__(self, features: int) -> None:
        self.add_parameter("scale", features)

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return x * self.scale, x
"""
REFUSED = {
    "bp.Adam(lr=0.1)": 'Unexpected keyword argument "lr"',
    "network.fit(None, None, epochs=3)": "incompatible type",
    "bp.Dense(2)": 'Missing positional argument "out_features"',
    "bp.Network([bp.Sigmoid], bp.MeanSquaredError())": "incompatible type",
}


@pytest.mark.slow
def test_mypy_takes_what_is_right_and_refuses_what_is_wrong(tmp_path):
    pytest.importorskip("mypy")
    script = tmp_path / "script.py"
    script.write_text("\n".join([ACCEPTED, *REFUSED]))
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", script.name]
    done = subprocess.run(
        [*command, "--disable-error-code=type-arg"],
        cwd=tmp_path, env=os.environ | {"MYPYPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    errors = re.findall(r"^script\.py:(\d+): error: (.*)$", done.stdout, re.MULTILINE)
    first = ACCEPTED.count("\n") + 2
    lines = [int(line) - first for line, _ in errors]
    assert set(lines) == set(range(len(REFUSED))), done.stdout
    for line, (_, error) in zip(lines, errors, strict=True):
        assert [*REFUSED.values()][line] in error


@pytest.mark.parametrize("name", [n for n in bp.__all__ if isinstance(getattr(bp, n), type)])
def test_the_annotations_of_a_constructor_can_be_looked_up(name):
    cls = getattr(bp, name)
    if inspect.isfunction(cls.__init__):
        assert typing.get_type_hints(cls.__init__) or not inspect.signature(cls).parameters
