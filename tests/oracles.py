"""What judges the library's numbers: fifty-digit arithmetic, and central differences."""

import mpmath
import numpy as np

mp = mpmath.mp.clone()
mp.dps = 50


def sigmoid(x):
    return 1 / (1 + mp.exp(-x))


def sigmoid_slope(x):
    return (mp.sech(x / 2) / 2) ** 2


def tanh_slope(x):
    return mp.sech(x) ** 2


def softplus(x):
    return mp.log1p(mp.exp(x))


def elu(alpha):
    return lambda x: x if x > 0 else alpha * mp.expm1(x)


def elu_slope(alpha):
    return lambda x: mp.one if x > 0 else alpha * mp.exp(x)


def twice_u(x):
    """The argument of the sigmoid in the tanh form of GELU."""
    return mp.sqrt(8 / mp.pi) * (x + mp.mpf("0.044715") * x**3)


def gelu(x):
    return x * sigmoid(twice_u(x))


def silu(x):
    return x * sigmoid(x)


def silu_slope(x):
    return sigmoid(x) * (1 + x * sigmoid(-x))


def softmax(row):
    exponentials = [mp.exp(mp.mpf(float(x))) for x in row]
    return [e / mp.fsum(exponentials) for e in exponentials]


def exact(function, x):
    """The function's values at the floats of an array, as a list of 50-digit numbers."""
    return [function(mp.mpf(float(each))) for each in x]


def ulps(given, wanted):
    """How far floats are from exact numbers, in units of the last place of a float there."""
    limits = np.finfo(given.dtype)
    lowest = int(np.log2(limits.smallest_subnormal))
    off = []
    for float_, number in zip(given.tolist(), wanted, strict=True):
        place = max(mp.mag(number) - limits.nmant - 1, lowest)
        off.append(float(abs(mp.mpf(float_) - number) / mp.mpf(2) ** int(place)))
    return np.array(off)


# Where exp, 1 + exp and the division all round the same way, a little above -k log 2:
# found by a search over fifty million floats against 64-bit mantissas.
HARD = [4.850072886355757, 5.543925997164429, 6.237374543191701, 12.476645505966557]
HARD += [3.1173528126693433, 1.2388756630421680, 4.1584666, 4.15656590146348, 9.010744352293955]


def float_line(dtype):
    """Floats of both signs, from the smallest to the largest, dense where exp has digits."""
    limits = np.finfo(dtype)
    size = np.concatenate(
        [
            [0, limits.smallest_subnormal, limits.tiny, limits.max],
            np.exp(np.linspace(np.log(limits.smallest_subnormal), np.log(limits.max), 300)[1:-1]),
            np.linspace(0, 760, 400),
            np.arange(1, 60) * np.log(2) / 2 + 2e-9,
            HARD,
        ]
    )
    return np.concatenate([size, -size]).astype(dtype)


def slopes(function, array, step=1e-5):
    """The derivative of a function by each entry of an array that it looks at, about 1e-9 off."""
    found = np.empty(array.shape)
    for place in np.ndindex(array.shape):
        kept, ends = array[place], []
        for side in (step, -step):
            array[place] = kept + side
            ends.append(function())
        array[place] = kept
        found[place] = (ends[0] - ends[1]) / (2 * step)
    return found
