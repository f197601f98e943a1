"""Small data sets to learn on: one real, one exact, three drawn.

Each function returns `(X, y)`, arrays of your own to keep or to change. The
drawn ones are points on curves in the plane, one curve per class, plus normal
noise. They come shuffled, so a slice such as `X[:150]`, `y[:150]` is a fair
training part, and the rest a fair test.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..checks import Array, generator, number, whole_number


def xor() -> tuple[Array, Array]:
    """Exclusive or, the smallest problem that needs a hidden layer.

        y = x₁ + x₂ - 2 x₁ x₂

    Returns
    -------
    X : array, shape (4, 2)
        The inputs 00, 01, 10, 11, in float64.
    y : array, shape (4, 1)
        The targets 0, 1, 1, 0, in float64.

    Examples
    --------
    >>> from backproplite.datasets import xor
    >>> X, y = xor()
    >>> y.ravel().tolist()
    [0.0, 1.0, 1.0, 0.0]

    References
    ----------
    D. E. Rumelhart, G. E. Hinton, R. J. Williams, "Learning internal
    representations by error propagation", in Parallel Distributed Processing,
    volume 1, MIT Press, 1986.
    """
    return np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[0.0], [1], [1], [0]])


def digits() -> tuple[Array, Array]:
    """1,797 real handwritten digits, as images of 8 by 8 pixels.

        X = ink / 16,  ink = the dots set in a block of 4 by 4 (0 to 16)

    They come in the order of their source, not shuffled. The images are read
    from `backproplite/datasets/digits.gz`: gzip over 65 rows of 1,797 bytes, one
    row of ink per pixel, then the labels.

    Returns
    -------
    X : array, shape (1797, 64)
        The pixels, row by row, from 0 (paper) to 1 (ink), in float64.
        `X[i].reshape(8, 8)` is one image.
    y : array, shape (1797,)
        The labels 0 to 9, in int64.

    Examples
    --------
    >>> from backproplite.datasets import digits
    >>> X, y = digits()
    >>> X_train, y_train, X_test, y_test = X[:1500], y[:1500], X[1500:], y[1500:]
    >>> X_test.shape, y_test.shape
    ((297, 64), (297,))

    References
    ----------
    E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits" (the
    test part), UCI Machine Learning Repository, 1998,
    https://doi.org/10.24432/C50P49, under CC BY 4.0.
    """
    import gzip
    from importlib.resources import files

    packed = (files("backproplite.datasets") / "digits.gz").read_bytes()
    # Stored pixel by pixel, not image by image, because that packs 7 % smaller.
    table = np.frombuffer(gzip.decompress(packed), np.uint8).reshape(65, -1)
    return np.divide(table[:64].T, 16, order="C"), table[64].astype(np.int64)


def spirals(
    samples: int = 200,
    classes: int = 2,
    noise: float = 0.1,
    seed: int | np.random.Generator | None = 0,
) -> tuple[Array, Array]:
    """Spiral arms wound around each other, one per class.

        r = √t,  φ = 2π (r + y / classes),  X = (r cos φ, r sin φ) + noise · N(0, 1)

    with t evenly spaced in (0, 1). Each arm makes one turn, and neighbouring
    arms lie 1 / classes apart: lower the noise for many classes.

    Parameters
    ----------
    samples : int
        How many points in all, at least one per class.
    classes : int
        How many arms, at least 2.
    noise : float
        Standard deviation of each coordinate around its curve, in the units of
        X (the curve reaches 1); at least 0.
    seed : int, numpy.random.Generator or None
        Where the randomness comes from; None starts afresh each time.

    Returns
    -------
    X : array, shape (samples, 2)
        The points, shuffled, in float64.
    y : array, shape (samples,)
        The labels 0 to classes - 1, in int64. The classes differ in size by at
        most one.

    Raises
    ------
    ParameterError
        If an argument is out of its range or of the wrong kind.

    Examples
    --------
    >>> from backproplite.datasets import spirals
    >>> X, y = spirals(samples=10, classes=3, seed=1)
    >>> [int((y == label).sum()) for label in range(3)]
    [4, 3, 3]

    References
    ----------
    K. J. Lang, M. J. Witbrock, "Learning to tell two spirals apart",
    Proceedings of the 1988 Connectionist Models Summer School.
    """
    classes = whole_number("classes", classes, 2)

    def curve(t: Array, label: Array) -> Array:
        return _polar(np.sqrt(t), 2 * np.pi * (np.sqrt(t) + label / classes))

    return _scatter(curve, samples, classes, noise, seed)


def moons(
    samples: int = 200, noise: float = 0.1, seed: int | np.random.Generator | None = 0
) -> tuple[Array, Array]:
    """Two half circles that reach into each other, one per class.

        X = (1 - 2y) (cos πt - 1/2, sin πt - 1/4) + noise · N(0, 1)

    with t evenly spaced in (0, 1). Half a turn around the origin carries one
    moon into the other.

    Parameters
    ----------
    samples : int
        How many points in all, at least one per class.
    noise : float
        Standard deviation of each coordinate around its curve, in the units of
        X (the radius is 1); at least 0.
    seed : int, numpy.random.Generator or None
        Where the randomness comes from; None starts afresh each time.

    Returns
    -------
    X : array, shape (samples, 2)
        The points, shuffled, in float64.
    y : array, shape (samples,)
        The labels, 0 for the upper and 1 for the lower moon, in int64. The
        classes differ in size by at most one.

    Raises
    ------
    ParameterError
        If an argument is out of its range or of the wrong kind.

    Examples
    --------
    >>> from backproplite.datasets import moons
    >>> X, y = moons(samples=5)
    >>> X.shape, sorted(y.tolist())
    ((5, 2), [0, 0, 0, 1, 1])

    References
    ----------
    D. Zhou, O. Bousquet, T. N. Lal, J. Weston, B. Schölkopf, "Learning with
    local and global consistency", NIPS 2003.
    """

    def curve(t: Array, label: Array) -> Array:
        upper = _polar(1.0, np.pi * t) - [0.5, 0.25]
        return np.where(label[:, None] == 0, upper, -upper)

    return _scatter(curve, samples, 2, noise, seed)


def circles(
    samples: int = 200, noise: float = 0.05, seed: int | np.random.Generator | None = 0
) -> tuple[Array, Array]:
    """Two circles, one inside the other, one per class.

        X = (1 - y/2) (cos 2πt, sin 2πt) + noise · N(0, 1)

    with t evenly spaced in (0, 1).

    Parameters
    ----------
    samples : int
        How many points in all, at least one per class.
    noise : float
        Standard deviation of each coordinate around its curve, in the units of
        X (the outer radius is 1); at least 0.
    seed : int, numpy.random.Generator or None
        Where the randomness comes from; None starts afresh each time.

    Returns
    -------
    X : array, shape (samples, 2)
        The points, shuffled, in float64.
    y : array, shape (samples,)
        The labels, 0 for the outer and 1 for the inner circle, in int64. The
        classes differ in size by at most one.

    Raises
    ------
    ParameterError
        If an argument is out of its range or of the wrong kind.

    Examples
    --------
    >>> from backproplite.datasets import circles
    >>> X, y = circles(samples=100, noise=0)
    >>> [float((X[y == label] ** 2).sum(axis=1).max().round(9)) for label in (0, 1)]
    [1.0, 0.25]

    References
    ----------
    A. Y. Ng, M. I. Jordan, Y. Weiss, "On spectral clustering: analysis and an
    algorithm", NIPS 2001.
    """

    def curve(t: Array, label: Array) -> Array:
        return _polar(1 - label / 2, 2 * np.pi * t)

    return _scatter(curve, samples, 2, noise, seed)


def _polar(radius: Array | float, angle: Array) -> Array:
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])


def _scatter(
    curve: Callable[[Array, Array], Array],
    samples: int,
    classes: int,
    noise: float,
    seed: int | np.random.Generator | None,
) -> tuple[Array, Array]:
    """Return noisy points of `curve(t, label)`, balanced, evenly spaced and shuffled."""
    samples = whole_number("samples", samples, classes)
    noise = number("noise", noise, minimum=0)
    rng = generator(seed)
    order = rng.permutation(samples)
    # The classes take turns along t, so each one covers its whole curve.
    y = (order % classes).astype(np.int64)
    return curve((order + 0.5) / samples, y) + noise * rng.standard_normal((samples, 2)), y
