"""An activation: its values, its derivative, and gaps where that jumps."""

import numpy as np
import pytest
from pictures import legend, line

import backproplite as bp
from backproplite import plots


@pytest.mark.parametrize("layer", [bp.Sigmoid(), bp.GELU(), bp.Softplus(), bp.Identity()], ids=repr)
@pytest.mark.parametrize("span", [(-5, 5), (-1000, 1000)])
def test_smooth_activations_are_drawn_without_gaps(layer, span):
    ax = plots.activation(layer, span=span)
    x, values = line(ax, "value")
    np.testing.assert_array_equal(values, layer(x))
    at, slopes = line(ax, "derivative")
    np.testing.assert_array_equal(slopes, layer.derivative(at))
    assert (x[0], x[-1]) == span
    assert ax.get_title() == repr(layer)
    ends = f"here from {slopes.min():.3g} to {slopes.max():.3g}"
    assert legend(ax) == ["value f(x)", f"derivative f'(x), {ends}"]


@pytest.mark.parametrize("layer", [bp.ReLU(), bp.LeakyReLU(0.2), bp.ELU(0.5)], ids=repr)
def test_where_the_derivative_jumps_it_has_a_gap(layer):
    x, slopes = line(plots.activation(layer), "derivative")
    (gap,) = np.flatnonzero(np.isnan(slopes))
    assert abs(x[gap]) <= 0.01
    np.testing.assert_array_equal(np.delete(slopes, gap), layer.derivative(np.delete(x, gap)))
