"""The draws are scikit-learn's own: its splits and its shuffles are the oracle."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from backproplite.estimators.draws import generator_of, orders, split

selection = pytest.importorskip("sklearn.model_selection")
utils = pytest.importorskip("sklearn.utils")

seeds = st.integers(0, 2**32 - 1)


@given(seeds, st.integers(3, 60), st.floats(0.05, 0.9))
def test_a_split_is_theirs_and_leaves_as_many_numbers_drawn(seed, samples, fraction):
    draws, theirs = np.random.RandomState(seed), np.random.RandomState(seed)
    rows = np.arange(samples)
    assume(2 <= np.ceil(fraction * samples) < samples)
    found = split(draws, samples, fraction, None)
    wanted = selection.train_test_split(rows, test_size=fraction, random_state=theirs)
    assert [each.tolist() for each in found] == [each.tolist() for each in wanted]
    assert draws.random() == theirs.random()


@given(seeds, st.lists(st.integers(2, 20), min_size=2, max_size=4), st.floats(0.1, 0.7))
def test_so_is_one_by_class(seed, counts, fraction):
    classes = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    samples, rows = len(classes), np.arange(len(classes))
    held_out = np.ceil(fraction * samples)
    assume(len(counts) <= held_out <= samples - len(counts))
    draws, theirs = np.random.RandomState(seed), np.random.RandomState(seed)
    found = split(draws, samples, fraction, classes)
    wanted = selection.train_test_split(
        rows, test_size=fraction, random_state=theirs, stratify=classes
    )
    assert [each.tolist() for each in found] == [each.tolist() for each in wanted]
    assert draws.random() == theirs.random()


@given(seeds, st.integers(1, 50))
def test_the_order_of_each_epoch_is_that_of_the_one_before_shuffled_as_theirs(seed, samples):
    theirs, wanted = np.random.RandomState(seed), np.arange(samples)
    found = orders(np.random.RandomState(seed), samples)
    for _ in range(3):
        wanted = utils.shuffle(wanted, random_state=theirs)
        assert next(found).tolist() == wanted.tolist()


@pytest.mark.parametrize("given_", [0, 2**32 - 1, np.int64(7), np.random.RandomState(3)])
def test_a_random_state_is_read_as_theirs(given_):
    state = generator_of(given_).get_state()
    assert all(map(np.array_equal, state[1:], utils.check_random_state(given_).get_state()[1:]))


def test_none_is_the_generator_that_all_of_numpy_shares():
    assert generator_of(None) is utils.check_random_state(None)
