"""The way down a function: on its curve or its contours, and out of the picture."""

import re

import numpy as np
import pytest
from pictures import bowl, bowl_path, contours, legend, line, marked, path_of

import backproplite as bp
from backproplite import plots


@pytest.mark.parametrize("start", [0.5, [0.5]])
def test_the_path_lies_on_the_curve(start):
    function, path = path_of(start=start)
    ax = plots.descent_path(lambda w: float(np.sum(function(w))), path, slope=True)
    w, values = ax.lines[0].get_data()
    np.testing.assert_allclose(values, (w - 3) ** 2)
    x, y = line(ax, "path: ends at 2.99999997")
    np.testing.assert_array_equal(x, path.points.ravel())
    np.testing.assert_array_equal(y, path.values)
    (low, high), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    assert low < x.min() < x.max() < high
    assert bottom < y.min() < y.max() < top
    assert marked(ax, "o")[1] == (0.5, 6.25)
    assert marked(ax, "*") == [(x[-1], y[-1])]
    (x0, x1), (y0, y1) = line(ax, "path: slope -5 at the start")
    assert (y1 - y0) / (x1 - x0) == pytest.approx(-5)
    assert np.interp(0.5, [x0, x1], [y0, y1]) == pytest.approx(6.25)


def test_a_span_is_what_is_shown():
    ax = plots.descent_path(*path_of(), span=(-1, 7))
    assert ax.get_xlim() == (-1, 7)
    ax = plots.descent_path(bowl, bowl_path(), span=(-1, 7))
    assert ax.get_xlim() == (-1, 7) == ax.get_ylim()


def test_a_diverging_path_is_followed_until_it_leaves():
    ax = plots.descent_path(*path_of(1.5))
    assert legend(ax) == ["path: ends at -2621437, leaves the picture after step 3, diverged"]
    x, _ = line(ax, "path")
    low, high = ax.get_xlim()
    assert x.tolist() == [0.5, 8, -7, 23, -37]  # the last one is outside: the line leads there
    assert ((low < x[:4]) & (x[:4] < high)).all()
    assert x[4] < low
    assert ax.get_ylim()[1] < 1000
    assert not marked(ax, "*")


def test_beside_calm_paths_a_diverging_one_does_not_rule_the_picture():
    paths = {rate: path_of(rate)[1] for rate in (0.01, 0.3, 1.5)}
    ax = plots.descent_path(path_of()[0], paths)
    assert ax.get_xlim()[0] < 0.5
    assert 3 < ax.get_xlim()[1] < 10
    assert [text.split(":")[0] for text in legend(ax)] == ["0.01", "0.3", "1.5"]
    assert ["leaves" in text for text in legend(ax)] == [False, False, True]
    assert len({tuple(each.get_color()) for each in ax.lines[1:]}) == 3


@pytest.mark.parametrize(("rate", "start"), [(1e3, 0.5), (1e200, 0.5), (0.3, 3.0)])
def test_a_path_that_is_gone_at_once_or_stays_is_shown_where_it_started(rate, start):
    ax = plots.descent_path(*path_of(rate, start))
    assert ax.get_xlim()[0] < start < ax.get_xlim()[1]
    assert ("diverged" in legend(ax)[0]) == (rate > 1)
    ax.figure.canvas.draw()


def test_where_a_function_is_not_finite_the_curve_has_a_gap():
    function = lambda w: w - np.log(w)  # noqa: E731
    path = bp.minimize(function, lambda w: 1 - 1 / w, 0.05, bp.Adam(0.2), 50)
    w, values = plots.descent_path(function, path).lines[0].get_data()
    assert np.array_equal(np.isfinite(values), w > 0)


@pytest.mark.parametrize("offset", [0, 1, -5])
def test_two_variables_are_drawn_on_contours_of_the_function(offset):
    path = bowl_path()
    ax = plots.descent_path(lambda w: bowl(w) + offset, path)
    np.testing.assert_array_equal(np.transpose(line(ax, "path")), path.points)
    levels, places = zip(*contours(ax), strict=True)
    assert len(levels) == 15
    assert (np.diff(levels, n=2) > 0).all()  # closer together at the bottom
    for level, points in zip(levels[8:], places[8:], strict=True):  # the long ones, drawn finely
        np.testing.assert_allclose(bowl(points.T), level - offset, rtol=0.02)
    (low, high), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    assert ([low, bottom] < path.points.min(axis=0)).all()
    assert (path.points.max(axis=0) < [high, top]).all()
    assert legend(ax)[0] == "path: ends at ({:.3g}, {:.3g})".format(*path.points[-1])


def test_two_variables_may_diverge():
    path = bowl_path(0.11)
    ax = plots.descent_path(bowl, path)
    step = int(re.search(r"after step (\d+), diverged", legend(ax)[0])[1])
    (low, high), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    inside = ((path.points >= [low, bottom]) & (path.points <= [high, top])).all(axis=1)
    assert inside.argmin() == step + 1
    np.testing.assert_array_equal(np.transpose(line(ax, "path")), path.points[: step + 2])


@pytest.mark.parametrize("height", [7.0, np.nan])
def test_a_flat_function_has_no_contours(height):
    assert not plots.descent_path(lambda w: height, bowl_path()).collections
