"""Chance: random numbers are a function of a seed and a count, whatever was drawn before."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import seeds

import backproplite as bp
from backproplite.chance import ORDER, STEP, WEIGHTS, Chance

RNG = np.random.default_rng
X, Y = RNG(1).standard_normal((10, 3)), RNG(2).standard_normal((10, 1))

purposes = st.sampled_from([WEIGHTS, ORDER, STEP])
counts = st.integers(0, 2**40)


def drawn(chance, purpose, count):
    """Numbers of several types, some of which leave half a word in the generator."""
    rng = chance.at(purpose, count)
    numbers = rng.random(3), rng.random(3, np.float32), rng.permutation(5), rng.standard_normal(2)
    return np.concatenate(numbers).tobytes()


@given(seed=seeds, asked=st.lists(st.tuples(purposes, counts), min_size=1, max_size=6))
def test_the_same_seed_purpose_and_count_give_the_same_numbers_in_any_order(seed, asked):
    chance = Chance(seed)
    first = [drawn(chance, *each) for each in asked]
    assert [drawn(chance, *each) for each in asked[::-1]] == first[::-1]
    for twin in (Chance(seed), copy.deepcopy(chance), pickle.loads(pickle.dumps(chance))):
        assert twin.seed == seed
        assert [drawn(twin, *each) for each in asked] == first


@given(seed=seeds, count=counts)
def test_other_seeds_purposes_and_counts_give_other_numbers(seed, count):
    chance = Chance(seed)
    found = [drawn(chance, purpose, count) for purpose in (WEIGHTS, ORDER, STEP)]
    found += [drawn(chance, STEP, count + 1), drawn(Chance(seed + 1), STEP, count)]
    found += [drawn(Chance(seed + 2**64), STEP, count)]
    assert len(set(found)) == 6


def test_a_stretch_is_long_and_the_numbers_are_even():
    numbers = Chance(0).at(STEP, 0).random(100_000)
    assert len(np.unique(numbers)) == 100_000
    assert numbers.mean() == pytest.approx(0.5, abs=5 / np.sqrt(12e5))
    across = np.array([Chance(0).at(STEP, count).random() for count in range(2000)])
    assert across.mean() == pytest.approx(0.5, abs=5 / np.sqrt(12 * 2000))


def test_a_seed_from_a_generator_is_its_next_number():
    rng = RNG(7)
    first, second = Chance(rng), Chance(rng)
    assert [first.seed, second.seed] == RNG(7).integers(2**63, size=2).tolist()


def test_without_a_seed_chance_is_fresh_and_yet_can_be_repeated():
    chance = Chance()
    assert chance.seed != Chance().seed
    assert drawn(Chance(chance.seed), STEP, 3) == drawn(chance, STEP, 3)


# In a network


def noisy(seed=0):
    layers = [bp.Dense(3, 8), bp.Tanh(), bp.Dropout(0.5), bp.Dense(8, 1)]
    return bp.Network(layers, bp.MeanSquaredError(), bp.GradientDescent(0.1), seed)


@given(seed=seeds)
def test_the_first_weights_are_a_function_of_the_seed(seed):
    network, again, other = (noisy(each) for each in (seed, seed, seed + 1))
    assert network.seed == seed
    assert np.array_equal(network.parameters, again.parameters)
    assert not np.array_equal(network.parameters, other.parameters)
    state = np.random.get_state(legacy=False)  # noqa: NPY002 - must not have moved
    noisy(None).fit(X, Y, 1, 4)
    np.testing.assert_equal(np.random.get_state(legacy=False), state)  # noqa: NPY002


def test_masks_are_those_of_the_coming_step_however_often_one_looks():
    network, plain = noisy(), noisy()
    for _ in range(3):
        outputs, _ = network.forward_training(X)
        loss, gradient = network.loss_and_gradient(X, Y)
        network.fit(X, Y, 1, 4, callbacks=lambda net: setattr(net, "stop_training", True))
        plain.fit(X, Y, 1, 4)
        again = network.loss_and_gradient(X, Y)
        assert np.array_equal(again[1], network.loss_and_gradient(X, Y)[1])
        assert again[0] != loss
        assert not np.array_equal(network.forward_training(X)[0], outputs)
    for _ in range(2):
        loss, gradient = network.loss_and_gradient(X, Y)
        *_, (outputs, _) = network.way_forward(X)
        assert network.train_step(X, Y) == loss == network.loss(outputs, Y)
        assert np.array_equal(network.gradients, gradient)
        plain.train_step(X, Y)
    assert np.array_equal(network.parameters, plain.parameters)


def test_each_step_draws_masks_of_its_own():
    network = noisy()
    network.optimizer.learning_rate = 0
    losses = [network.train_step(X, Y) for _ in range(20)]
    assert len(set(losses)) == 20


def test_another_generator_makes_other_masks():
    network = noisy()
    usual, other = (list(network.way_forward(X, rng))[2][1][0] for rng in (network.draws(), RNG(3)))
    assert not np.array_equal(usual, other)
    assert np.array_equal(usual, list(network.way_forward(X))[2][1][0])


@pytest.mark.parametrize("epochs", [0, 1, 5])
def test_the_order_of_an_epoch_is_a_function_of_seed_and_epoch(epochs):
    class Seen(bp.Layer):
        def forward(self, x):
            seen.extend(x[:, 0])
            return x, None

        def backward(self, grad_output, cache):
            return grad_output

    def orders(before):
        network = bp.Network([Seen(), bp.Dense(3, 1)], bp.MeanSquaredError(), seed=4)
        if before:
            network.fit(X, Y, before, 2, shuffle=False)
        network.train_step(X, Y)  # a step more or less makes no difference
        seen.clear()
        network.fit(X, Y, 1, 4)
        return list(seen)[-len(X) :]  # before these, it is tried out on two rows

    seen = []
    expected = X[Chance(4).at(ORDER, epochs).permutation(10), 0]
    assert orders(epochs) == expected.tolist()
