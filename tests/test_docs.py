"""What the pages promise, beyond what their build sees to."""

import pathlib
import re

import pytest

DOCS = pathlib.Path(__file__).parents[1] / "docs"
LESSONS = sorted((DOCS / "lessons").glob("[0-9]*.md"))


@pytest.mark.parametrize("number", range(1, len(LESSONS) + 1))
def test_a_lesson_says_its_time_and_needs_only_what_came_before(number):
    text = LESSONS[number - 1].read_text(encoding="utf-8")
    line = re.search(r"^# \d.*\n\n\*\*[^*]+\?\*\*\n\n\*\d\d minutes\. Needs (.*)\.\*$", text, re.M)
    needed = re.findall(r"\[lesson (\d+)\]\((\d\d)-", line[1])
    assert bool(needed) == (number > 1)
    assert all(int(said) == int(linked) < number for said, linked in needed)
