"""What the package offers: everything says what it is, and signatures show what it takes."""

import inspect
import pkgutil
import typing
from importlib import import_module

import pytest

import backproplite as bp

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


@pytest.mark.parametrize("name", [n for n in bp.__all__ if isinstance(getattr(bp, n), type)])
def test_the_annotations_of_a_constructor_can_be_looked_up(name):
    cls = getattr(bp, name)
    if inspect.isfunction(cls.__init__):
        assert typing.get_type_hints(cls.__init__) or not inspect.signature(cls).parameters
