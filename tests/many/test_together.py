"""Each network that is trained among others ends as if by its own fit."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from many.common import XOR, Crowd, Diary, alone, assert_same, become, crowds, small

import backproplite as bp


def usable(crowd):
    """Whether every network can be trained alone: weights may all be 0, batches hold one."""
    for network, own in zip(crowd.networks, crowd.each, strict=True):
        try:
            alone(copy.deepcopy(network), **copy.deepcopy(own | {"epochs": 0}))
        except bp.BackpropliteError:
            return False
    return True


def memories(callbacks):
    return [
        {name: value for name, value in vars(each).items() if name != "snapshot"}
        for each in callbacks
        if isinstance(each, bp.Callback)
    ]


@pytest.mark.filterwarnings("ignore::backproplite.TrainingWarning")
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(crowds())
def test_each_ends_as_if_by_its_own_fit(crowd):
    assume(usable(crowd))
    pairs, each = crowd.together_and_alone()
    for i, (network, twin) in enumerate(pairs):
        assert_same(network, twin, exact=False)
        assert str(memories(crowd.together["callbacks"][i])) == str(memories(each[i]["callbacks"]))
    for (network, twin), own in zip(pairs, each, strict=True):  # and goes on alone
        if not twin.diverged:
            alone(network, **own | {"epochs": 1})
            alone(twin, **own | {"epochs": 1})
            assert_same(network, twin, exact=False)
