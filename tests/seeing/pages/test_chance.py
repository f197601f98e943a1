"""Random numbers of the page: those of the library, to the bit."""

import itertools

import numpy as np
import pytest
from javascript import run

from backproplite.chance import ORDER, STEP, WEIGHTS, Chance

SEEDS = [0, 1, 2, 42, 2**31, 2**32 - 1, 2**32, 2**53 + 1, 2**64 - 1, 3**70, 2**127, 2**128 - 1]
COUNTS = [0, 1, 7, 2**33 + 5]
SAMPLES = [0, 1, 2, 3, 4, 5, 33, 64, 65, 300]

DRAWN = """data.map(([seed, purpose, count]) => {
  const chance = new Chance(seed), at = () => chance.at(purpose, count);
  const many = (draw) => Array.from({length: 9}, draw);
  let generator = at();
  const drawn = {random: many(() => generator.random()), one: at().random()};
  generator = at();
  drawn.random32 = many(() => generator.random32());
  generator = at();
  drawn.mixed = many((_, i) => i % 3 ? generator.random() : generator.random32());
  generator = at();
  drawn.uniform = many(() => generator.uniform(-0.7, 0.7));
  return drawn;
})"""


def test_numbers_are_those_of_the_library():
    cases = list(itertools.product(SEEDS, [WEIGHTS, ORDER, STEP], COUNTS))
    drawn = run(["engine/chance.js"], DRAWN, [[str(s), p, c] for s, p, c in cases])
    for (seed, purpose, count), numbers in zip(cases, drawn, strict=True):
        chance = Chance(seed)
        rng = chance.at(purpose, count)
        mixed = [rng.random() if i % 3 else float(rng.random(dtype=np.float32)) for i in range(9)]
        assert numbers == {
            "random": chance.at(purpose, count).random(9).tolist(),
            "one": chance.at(purpose, count).random(),
            "random32": chance.at(purpose, count).random(9, np.float32).tolist(),
            "mixed": mixed,
            "uniform": chance.at(purpose, count).uniform(-0.7, 0.7, 9).tolist(),
        }


@pytest.mark.parametrize("seed", [0, 42, 2**128 - 1])
def test_orders_are_those_of_the_library(seed):
    orders = run(
        ["engine/chance.js"],
        "data.samples.map((n, i) => new Chance(data.seed).at(ORDER, i).permutation(n))",
        {"seed": str(seed), "samples": SAMPLES},
    )
    chance = Chance(seed)
    assert orders == [chance.at(ORDER, i).permutation(n).tolist() for i, n in enumerate(SAMPLES)]
