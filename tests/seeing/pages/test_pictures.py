"""What the playground's pictures are drawn by: axes, curves that stay short, views of data."""

import numpy as np
import pytest
from javascript import run

FILES = ["engine/arrays.js", "play/curve.js", "play/view.js"]


def test_ticks_are_round_and_lie_between_the_ends():
    seen = run(
        FILES, "data.map((each) => ticks(...each))", [[0, 1, 4], [-1.2, 1.2, 4], [0, 730, 8]]
    )
    assert seen == [
        [0, 0.5, 1],
        [-1, 0, 1],
        [0, 100, 200, 300, 400, 500, 600, 700],
    ]


def test_a_long_curve_keeps_its_ends_and_is_thinned_evenly():
    seen = run(
        FILES,
        """(() => {
          const curve = new LossCurve();
          for (let epoch = 1; epoch <= data; epoch++) curve.add(epoch, 1 / epoch, null);
          return curve.all;
        })()""",
        10_001,
    )
    epochs = np.array([row[0] for row in seen])
    assert (epochs[0], epochs[-1]) == (1, 10_001)
    assert 1000 <= len(epochs) <= 2001
    assert set(np.diff(epochs)) == {8}
    assert [row[1] for row in seen] == (1 / epochs).tolist()


def test_axes_have_equal_steps_or_equal_factors():
    seen = run(
        FILES,
        """data.map((losses) => {
          const step = stepAxis(losses), factor = factorAxis(losses);
          return [losses.map(step.share), factor && [factor.ticks, losses.map(factor.share)]];
        })""",
        [[0.5, 0.25, 0.005], [2, -1], [0, 0]],
    )
    (steps, (powers, factors)), (below, _), (_, none) = seen
    assert steps == pytest.approx([1 / 1.05, 0.5 / 1.05, 0.01 / 1.05])
    assert powers == pytest.approx([0.001, 0.01, 0.1, 1])
    assert factors == pytest.approx(1 + np.log10([0.5, 0.25, 0.005]) / 3)
    assert below == pytest.approx([1 / 1.05, 0])
    assert none is None


def test_a_view_frames_the_data_and_its_grid_goes_from_the_upper_left():
    points = {"X": [[0, 10], [1, 30]], "y": [1, 0]}
    view, rows, label = run(
        FILES,
        """(() => {
          const view = viewOf({ kind: "classes" }, data);
          const grid = toRows(gridOf(view));
          return [view, [grid.length, grid[0], grid[1], grid.at(-1)], [classOf([0.2]), classOf([0.1, 0.7, 0.2])]];
        })()""",
        points,
    )
    assert view["bounds"] == [pytest.approx([-0.12, 1.12]), pytest.approx([7.6, 32.4])]
    assert (view["kind"], view["y"], view["range"]) == ("classes", [[1], [0]], [0, 1])
    count, first, second, last = rows
    half = np.array([1.24, 24.8]) / 40 / 2
    assert count == 1600
    assert first == pytest.approx([-0.12 + half[0], 32.4 - half[1]])
    assert second == pytest.approx([-0.12 + 3 * half[0], 32.4 - half[1]])
    assert last == pytest.approx([1.12 - half[0], 7.6 + half[1]])
    assert label == [0, 1]
