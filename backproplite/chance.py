"""Random numbers as a function of a seed and a count: nothing has to be remembered or wound back.

Philox turns a key and a counter into numbers. The key comes from the seed; the counter says
what the numbers are for, and for which step or epoch. So an order, a mask or a first weight
can be drawn again at any time, and comes out the same.
"""

from __future__ import annotations

import numpy as np

from .checks import whole_seed

#: What numbers are drawn for: the first weights, the order of an epoch, the masks of a step, and
#: which samples are held out.
WEIGHTS, ORDER, STEP, SPLIT = range(4)


class Chance:
    """Generators of random numbers, each at the start of a stretch of its own.

    Parameters
    ----------
    seed : int, numpy.random.Generator or None
        A generator is asked for one number; None takes a fresh one from the system.

    Raises
    ------
    ParameterError
        If the seed is something else, negative, or of more than 128 bits.

    Examples
    --------
    >>> chance = Chance(42)
    >>> chance.at(STEP, 7).random() == chance.at(STEP, 7).random()
    True

    References
    ----------
    Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3, 2011.
    """

    def __init__(self, seed: int | np.random.Generator | None = None) -> None:
        self.seed = whole_seed(seed)
        # neighbouring seeds make keys that have nothing to do with each other
        key = np.random.SeedSequence(self.seed).generate_state(2, np.uint64)
        self._philox = np.random.Philox(key=key)
        self._start = self._philox.state
        self._generator = np.random.Generator(self._philox)

    def at(self, purpose: int, count: int) -> np.random.Generator:
        """Move the generator to the start of a stretch and return it: one for all stretches."""
        self._start["state"]["counter"][1:3] = count, purpose  # the first word counts the draws
        self._philox.state = self._start
        return self._generator

    def __reduce__(self) -> tuple[type[Chance], tuple[int]]:
        return Chance, (self.seed,)
