"""The data sets: what they hold, and the laws of the drawn ones."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import backproplite.datasets
from backproplite.datasets import circles, digits, moons, spirals, xor
from backproplite.errors import ParameterError

DRAWN = [spirals, moons, circles]
drawn = pytest.mark.parametrize("draw", DRAWN)
# A law about balance needs samples on both sides of a multiple of the classes.
sizes = st.tuples(st.integers(2, 6), st.integers(0, 60)).map(lambda pair: (pair[0], sum(pair)))


def turns(X):
    """The angle of each point, in turns."""
    return np.arctan2(X[:, 1], X[:, 0]) / (2 * np.pi)


def off_whole(x):
    """How far each number is from a whole one."""
    return np.abs(x - np.round(x))


def assert_evenly_spaced(t, y):
    """Together the points stand evenly in (0, 1), and so do those of each class."""
    places = t * len(t)
    np.testing.assert_allclose(np.sort(places), np.arange(len(t)) + 0.5)
    for label in np.unique(y):
        np.testing.assert_allclose(np.diff(np.sort(places[y == label])), y.max() + 1)


def test_xor_is_the_truth_table():
    X, y = xor()
    assert X.dtype == y.dtype == np.float64
    assert X.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert y.tolist() == [[0], [1], [1], [0]]


def test_digits_are_stored_whole():
    X, y = digits()
    assert X.shape == (1797, 64)
    assert X.dtype == np.float64
    assert X.flags.c_contiguous
    assert y.shape == (1797,)
    assert y.dtype == np.int64
    assert (X.min(), X.max()) == (0, 1)
    pixels = (X * 16).astype(np.uint8)
    assert np.array_equal(pixels / 16, X)
    stored = hashlib.sha256(pixels.tobytes() + y.astype(np.uint8).tobytes()).hexdigest()
    assert stored == "87ff0c9e40dc7e2c0e34e7257799c2e3f3aec1a016363bb11cad869ec428a826"


def test_digits_are_those_of_scikit_learn():
    given_X, given_y = pytest.importorskip("sklearn.datasets").load_digits(return_X_y=True)
    X, y = digits()
    assert np.array_equal(X, given_X / 16)
    assert np.array_equal(y, given_y)


def test_digits_are_read_from_a_zip(tmp_path):
    package = Path(backproplite.__file__).parent
    for name in ("checks.py", "errors.py", "datasets/__init__.py", "datasets/digits.gz"):
        copy = tmp_path / "tree" / "backproplite" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(package / name, copy)
    (tmp_path / "tree" / "backproplite" / "__init__.py").touch()
    archive = shutil.make_archive(str(tmp_path / "wheel"), "zip", tmp_path / "tree")
    code = (
        f"import sys; sys.path.insert(0, {archive!r}); from backproplite import datasets; "
        "print(datasets.__file__, datasets.digits()[0].shape)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert archive in run.stdout
    assert "(1797, 64)" in run.stdout


def test_the_licence_stands_beside_the_digits():
    data = Path(backproplite.datasets.__file__).parent
    text = (data / "LICENSE-digits.txt").read_text(encoding="utf-8")
    for part in ("Alpaydin", "Kaynak", "10.24432/C50P49", "creativecommons.org/licenses/by/4.0/"):
        assert part in text
    assert (data / "digits.gz").stat().st_size < 41_000


@pytest.mark.parametrize("load", [xor, digits, *DRAWN])
def test_every_call_returns_arrays_of_its_own(load):
    X, y = load()
    kept_X, kept_y = X.copy(), y.copy()
    X[...] = 7
    y[...] = 7
    again_X, again_y = load()
    assert np.array_equal(again_X, kept_X)
    assert np.array_equal(again_y, kept_y)


@drawn
def test_drawn_defaults(draw):
    X, y = draw()
    assert X.shape == (200, 2)
    assert X.dtype == np.float64
    assert y.dtype == np.int64
    assert np.bincount(y).tolist() == [100, 100]
    assert np.abs(X).max() < 2


@given(size=sizes)
def test_spirals_are_balanced(size):
    classes, samples = size
    X, y = spirals(samples=samples, classes=classes)
    assert X.shape == (samples, 2)
    counts = np.bincount(y, minlength=classes)
    assert len(counts) == classes
    assert counts.min() >= 1
    assert np.ptp(counts) <= 1


@pytest.mark.parametrize("draw", [moons, circles])
@given(samples=st.integers(2, 60))
def test_two_classes_are_balanced(draw, samples):
    X, y = draw(samples=samples)
    assert X.shape == (samples, 2)
    assert np.bincount(y).tolist() == [samples - samples // 2, samples // 2]


@given(size=sizes)
def test_spirals_without_noise_lie_on_their_arms(size):
    classes, samples = size
    X, y = spirals(samples=samples, classes=classes, noise=0)
    radius = np.hypot(*X.T)
    np.testing.assert_allclose(off_whole(turns(X) - radius - y / classes), 0, atol=1e-12)
    assert_evenly_spaced(radius**2, y)


@given(samples=st.integers(2, 60))
def test_moons_without_noise_are_half_circles(samples):
    X, y = moons(samples=samples, noise=0)
    upper, lower = X[y == 0] + [0.5, 0.25], X[y == 1] - [0.5, 0.25]
    np.testing.assert_allclose(np.hypot(*upper.T), 1)
    np.testing.assert_allclose(np.hypot(*lower.T), 1)
    half_turns = np.concatenate([turns(upper), turns(-lower)]) * 2
    assert_evenly_spaced(half_turns, np.sort(y))


@given(samples=st.integers(2, 60))
def test_circles_without_noise_are_circles(samples):
    X, y = circles(samples=samples, noise=0)
    np.testing.assert_allclose(np.hypot(*X.T), np.where(y == 0, 1, 0.5))
    assert_evenly_spaced(turns(X) % 1, y)


@drawn
@pytest.mark.parametrize("noise", [0.1, 0.5])
def test_noise_is_the_standard_deviation_of_each_coordinate(draw, noise):
    # The same seed shuffles alike, so the curve itself can be taken away.
    off = draw(samples=20_000, noise=noise)[0] - draw(samples=20_000, noise=0)[0]
    np.testing.assert_allclose(off.mean(axis=0), 0, atol=5 * noise / np.sqrt(20_000))
    np.testing.assert_allclose(off.std(axis=0), noise, rtol=0.03)
    assert abs(np.corrcoef(off.T)[0, 1]) < 0.04


@drawn
def test_points_come_shuffled(draw):
    _, y = draw(samples=1000)
    repeats = (y[1:] == y[:-1]).mean()
    assert 0.4 < repeats < 0.6
    X, _ = draw(samples=1000, noise=0)
    steps = np.linalg.norm(np.diff(X, axis=0), axis=1)
    assert np.median(steps) > 0.3


@drawn
@given(seed=st.integers(0, 2**64))
def test_a_seed_gives_the_same_bits(draw, seed):
    X, y = draw(samples=30, seed=seed)
    for same in (seed, np.random.default_rng(seed)):
        again_X, again_y = draw(samples=30, seed=same)
        assert X.tobytes() == again_X.tobytes()
        assert y.tobytes() == again_y.tobytes()
    assert X.tobytes() != draw(samples=30, seed=seed + 1)[0].tobytes()


@drawn
def test_the_default_seed_is_zero_and_none_starts_afresh(draw):
    assert np.array_equal(draw()[0], draw(seed=0)[0])
    assert not np.array_equal(draw(seed=None)[0], draw(seed=None)[0])


@drawn
def test_a_generator_is_advanced(draw):
    rng = np.random.default_rng(3)
    assert not np.array_equal(draw(seed=rng)[0], draw(seed=rng)[0])


@drawn
@pytest.mark.parametrize("seed", [0, None])
def test_the_global_generator_is_left_alone(draw, seed):
    before = np.random.get_state(legacy=False)  # noqa: NPY002 - the one under guard
    draw(seed=seed)
    after = np.random.get_state(legacy=False)  # noqa: NPY002
    np.testing.assert_equal(after, before)


@drawn
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"samples": 1}, "samples must be a whole number of at least 2; got 1."),
        ({"samples": 10.0}, "samples must be a whole number of at least 2; got 10.0."),
        ({"samples": True}, "samples must be a whole number of at least 2; got True."),
        ({"noise": -0.1}, "noise must be a finite number at least 0; got -0.1."),
        ({"noise": np.nan}, "noise must be a finite number at least 0; got nan."),
        ({"noise": "much"}, "noise must be a finite number at least 0; got 'much'."),
        (
            {"seed": -1},
            "seed must be a non-negative int of at most 128 bits, a numpy.random.Generator, or None",
        ),
        (
            {"seed": 0.5},
            "seed must be a non-negative int of at most 128 bits, a numpy.random.Generator, or None",
        ),
    ],
)
def test_unfit_settings_are_refused(draw, settings, message):
    with pytest.raises(ParameterError) as caught:
        draw(**settings)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"classes": 1}, "classes must be a whole number of at least 2; got 1."),
        ({"classes": 2.5}, "classes must be a whole number of at least 2; got 2.5."),
        ({"classes": 5, "samples": 4}, "samples must be a whole number of at least 5; got 4."),
    ],
)
def test_unfit_classes_are_refused(settings, message):
    with pytest.raises(ParameterError) as caught:
        spirals(**settings)
    assert str(caught.value) == message


@drawn
def test_numpy_numbers_and_negative_zero_are_welcome(draw):
    X, _ = draw(samples=np.int64(9), noise=np.float32(0), seed=np.uint8(0))
    assert np.array_equal(X, draw(samples=9, noise=-0.0)[0])
