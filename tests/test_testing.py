"""The strategies for tests of one's own: what they draw is what they say, and it suits."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

import backproplite as bp
from backproplite import testing
from backproplite.testing import KINDS, LOSSES, batches, layers, networks, targets_for


@given(batches())
def test_batches_are_small_finite_and_away_from_zero(x):
    assert x.ndim == 2
    assert all(1 <= size <= 5 for size in x.shape)
    assert 1e-3 <= abs(x).min() <= abs(x).max() < 10


@given(batches(samples=7, features=st.integers(2, 3), margin=0.5))
def test_batches_have_the_shape_and_margin_asked_for(x):
    assert x.shape in {(7, 2), (7, 3)}
    assert abs(x).min() >= 0.5


def test_batches_hold_numbers_of_both_signs_and_at_the_margin_only_those_too_near():
    x = find(batches(5, 5, margin=0.1), lambda x: (x == 0.1).any() and (x == -0.1).any())
    assert 0.3 < (x > 0).mean() < 0.7


@given(networks())
def test_networks_come_with_a_batch_that_suits_them(case):
    network, X, y = case
    assert 2 <= len(X) == len(y) <= 5
    assert np.isfinite(network.evaluate(X, y))
    assert np.isfinite(network.train_step(X, y))


@pytest.mark.parametrize("kind", [kind(3) for kind in KINDS], ids=repr)
def test_every_kind_of_layer_is_drawn(kind):
    network, *_ = find(networks(), lambda case: type(kind) in map(type, case[0].layers))
    assert network.parameters.size > 0


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_is_drawn_behind_what_it_needs(loss):
    network, X, y = find(networks(), lambda case: type(case[0].loss) is loss)
    assert loss.suits is None or type(network.layers[-1]) is loss.suits
    assert np.isfinite(network.evaluate(X, y))


class Mine(bp.Layer):
    def __init__(self, features):
        self.features = self.in_features = self.out_features = features
        self.add_parameter("scale", (features,), bp.Constant(1.0))

    def forward(self, x):
        return x * self.scale, x

    def backward(self, grad_output, x):
        np.sum(grad_output * x, axis=-2, out=self.grad_scale)
        return grad_output * self.scale


class MyLoss(bp.Loss):
    def forward(self, outputs, targets):
        return (outputs - targets) ** 4, outputs - targets

    def backward(self, error):
        return 4 * error**3


@pytest.mark.parametrize("kind", [kind(2) for kind in KINDS], ids=repr)
def test_layers_of_every_kind_are_drawn(kind):
    assert type(find(layers(features=2), lambda layer: type(layer) is type(kind))) is type(kind)


@given(layers(features=4), batches(samples=3, features=4))
def test_layers_are_as_wide_as_is_asked_for(layer, x):
    bp.check_gradients(layer, x, seed=0)


@given(layers(features=st.integers(3, 4), kinds=[Mine]))
def test_layers_are_made_of_what_is_asked_for(layer):
    assert type(layer) is Mine
    assert layer.features in (3, 4)


@given(networks(kinds=[Mine], losses=[MyLoss]))
def test_networks_are_made_of_what_is_asked_for(case):
    network, X, y = case
    assert {type(layer) for layer in network.layers} <= {bp.Dense, Mine}
    assert type(network.loss) is MyLoss
    bp.check_gradients(network, X, y)


@given(networks(samples=7, features=st.integers(3, 4)))
def test_networks_are_as_large_as_is_asked_for(case):
    network, X, _ = case
    widths = [layer.in_features for layer in network.layers if type(layer) is bp.Dense]
    assert len(X) == 7
    assert {*widths, network.out_features} <= {3, 4}


def test_kinds_of_ones_own_are_drawn_with_their_width():
    def is_between(case):
        layers = case[0].layers
        return any(type(layer) is Mine and layer.features > 1 for layer in layers)

    assert find(networks(kinds=[Mine]), is_between)


@settings(max_examples=20)
@given(st.data())
def test_a_network_is_drawn_anew_each_time(data):
    one, other = (data.draw(networks())[0] for _ in range(2))
    assert one is not other
    assert not set(map(id, one.layers)) & set(map(id, other.layers))
    assert one.optimizer is not other.optimizer


@pytest.mark.parametrize("loss", LOSSES)
def test_targets_suit_their_loss(loss):
    targets = targets_for(loss(), 200, 3, np.random.default_rng(0))
    if "Categorical" in loss.__name__ or "Softmax" in loss.__name__:
        assert targets.shape == (200,)
        assert set(targets) == {0, 1, 2}
    elif "CrossEntropy" in loss.__name__:
        assert targets.shape == (200, 3)
        assert set(targets.flat) == {0.0, 1.0}
    else:
        assert targets.shape == (200, 3)
        assert targets.std() == pytest.approx(1, abs=0.1)


def test_without_hypothesis_the_extra_is_named():
    code = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "import backproplite\n"
        "try: import backproplite.testing\n"
        "except backproplite.MissingExtraError as error: print(error)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == (
        "backproplite.testing needs hypothesis: pip install 'backproplite[testing]'"
    )


def test_the_package_does_not_load_it_by_itself():
    code = "import sys, backproplite; print('hypothesis' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "False"


def test_names_are_documented():
    for name in ("batches", "layers", "networks", "targets_for"):
        assert getattr(testing, name).__doc__
