"""What a playground knows from the start: that data sets are what their Python makes."""

import numpy as np
import pytest
from playing import choices, known, play

import backproplite as bp


@pytest.mark.parametrize("one", known()["sets"], ids=lambda each: each["name"])
def test_a_set_is_what_its_python_makes(one):
    names = {"bp": bp, "np": np}
    exec(one["code"], names)
    assert (names["X"].tolist(), names["y"].tolist()) == (one["X"], one["y"])


def test_every_fifth_sample_is_held_out_and_added_points_are_not():
    points = play("return pointsOf(built(data.given).set, [[7, 8, 1]]);", choices("moons"))
    X, y = bp.datasets.moons(150)
    held = np.arange(150) % 5 == 4
    assert points["X"] == [*X[~held].tolist(), [7, 8]]
    assert points["y"] == [*y[~held].tolist(), 1]
    assert points["validation"] == {"X": X[held].tolist(), "y": y[held].tolist()}


def test_a_network_by_usual_choices_learns_its_set():
    script = "Array.from({ length: 30 }, () => trainer.epoch()[1])"
    script = f"data.given.map((each) => {{ const {{ trainer }} = built(each); return {script}; }})"
    for first, *_, last in play(f"return {script};", [one["choices"] for one in known()["sets"]]):
        assert last < first / 2
