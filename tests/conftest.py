"""Settings for all tests.

Examples are the same in every run, so that a run can be repeated; for new ones:
`pytest --hypothesis-profile=explore`.
"""

import itertools

import pytest
from hypothesis import settings

from backproplite import layers

settings.register_profile("explore", deadline=None)
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def first_looks_are_counted_from_0(monkeypatch):
    """So that layers that are looked at outside of a network are the same in every order of tests."""
    monkeypatch.setattr(layers, "_LOOKS", itertools.count())
