"""What is said to names of other libraries: each answer names something that there is."""

import inspect
import re
import subprocess
import sys

import pytest

import backproplite as bp
from backproplite.answers.names import NAMES, SENTENCES, SETTINGS
from backproplite.configurable import Answering, arguments_of

CLASSES = [
    cls
    for cls in (getattr(bp, name) for name in bp.__all__)
    if inspect.isclass(cls) and issubclass(cls, Answering)
]
TAKEN = {name for cls in CLASSES for name in arguments_of(cls)}
TAKEN |= {*inspect.signature(bp.Network.fit).parameters}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("change", [str, str.lower, str.upper])
def test_a_class_of_another_library_is_answered(name, change):
    with pytest.raises(bp.UnknownNameError) as caught:
        getattr(bp, change(name))
    assert isinstance(caught.value, AttributeError)
    answer = NAMES[name] if NAMES[name].endswith(".") else f"Here it is {NAMES[name]}."
    assert str(caught.value) == f"backproplite has no {change(name)!r}. {answer}"
    assert not hasattr(bp, name)


@pytest.mark.parametrize("answer", [*NAMES.values(), *SENTENCES.values()])
def test_what_an_answer_calls_is_there_and_takes_what_it_says(answer):
    for name, given in re.findall(r"\b([A-Z]\w+)\(([\w, ]*)\)", answer):
        taken = arguments_of(getattr(bp, name))
        assert {*re.findall(r"[a-z]\w*", given)} <= {*taken}, name


def test_no_answer_stands_for_what_is_here():
    assert not {*bp.__all__} & {*NAMES}
    for name in ("trainable", "frozen", "requires_grad"):
        assert "layer.trainable = False" in SENTENCES[name]


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_of_another_library_is_one_here(name):
    assert {*SETTINGS[name].split()} <= TAKEN
    assert name == name.casefold()


@pytest.mark.parametrize("name", SENTENCES)
def test_a_sentence_is_one(name):
    assert re.fullmatch(r"[A-Zf].*\.", SENTENCES[name])
    assert name == name.casefold()


@pytest.mark.parametrize(
    ("name", "near"), [("Relu", "ReLU"), ("adam", "Adam"), ("Gradientdecent", "GradientDescent")]
)
def test_the_nearest_name_is_offered(name, near):
    with pytest.raises(AttributeError, match=f"^backproplite has no '{name}'. Did you mean {near}"):
        getattr(bp, name)


def test_a_name_like_none_is_sent_to_the_list():
    with pytest.raises(AttributeError, match=r"^backproplite has no 'foo'\. See dir"):
        _ = bp.foo
    with pytest.raises(AttributeError, match=r"^module 'backproplite' has no attribute '_foo'$"):
        _ = bp._foo


@pytest.mark.parametrize(
    "code", ["bp.Adam()", "bp.Network([bp.Dense(2, 1)], bp.MeanSquaredError())"]
)
def test_the_answers_are_loaded_with_an_error_only(code):
    loaded = f"import sys, backproplite as bp; {code}; print('backproplite.answers' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
