"""What the pages promise, beyond what their build sees to."""

import inspect
import pathlib
import re

import pytest

import backproplite as bp

DOCS = pathlib.Path(__file__).parents[1] / "docs"
LESSONS = sorted((DOCS / "lessons").glob("[0-9]*.md"))


@pytest.mark.parametrize("number", range(1, len(LESSONS) + 1))
def test_a_lesson_says_its_time_and_needs_only_what_came_before(number):
    text = LESSONS[number - 1].read_text(encoding="utf-8")
    line = re.search(r"^# \d.*\n\n\*\*[^*]+\?\*\*\n\n\*\d\d minutes\. Needs (.*)\.\*$", text, re.M)
    needed = re.findall(r"\[lesson (\d+)\]\((\d\d)-", line[1])
    assert bool(needed) == (number > 1)
    assert all(int(said) == int(linked) < number for said, linked in needed)


@pytest.mark.parametrize(
    "here", re.findall(r"\| ([^|\n]*) \|$", (DOCS / "coming-from.md").read_text("utf-8"), re.M)
)
def test_what_things_are_called_here_is_there(here):
    for name, given in re.findall(r"\b([A-Z]\w*[a-z]\w*)\b(?:\(([^()]*)\))?", here):
        if name not in ("True", "False"):
            found = getattr(bp, name)
            words = re.findall(r"\b[a-z]\w*", re.sub(r'"\w+"', "", given))
            assert {*words} <= {*inspect.signature(found).parameters}, name
    for name in re.findall(r"`network\.(\w+)", here):
        assert hasattr(bp.Network, name)
