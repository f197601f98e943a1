"""Operations on arrays in JavaScript: those of NumPy, however their operands are stretched."""

import numpy as np
import pytest
from javascript import run

from backproplite.seeing.pages.plan import plain
from backproplite.seeing.written import OPERATIONS

FILES = ["engine/arrays.js"]
RNG = np.random.default_rng(0)
SHAPES = [(3, 4), (1, 4), (3, 1), (1, 1)]
NUMBERS = [0.0, -0.0, 1.5, -2.0, 1e300, -1e-300, 710.0, -746.0, 0.5]
APPLIED = "data.map(([name, ...operands]) => operations[name](...operands.map(fromPlain)))"


def operands_of(name):
    """Return some operands that an operation takes."""
    if name == "@":
        return [[RNG.standard_normal((2, 3)), RNG.standard_normal((3, 4))]]
    operands = 3 if name == "if" else len(OPERATIONS[name].needs) or (2 if name in "max min" else 1)
    stretched = [
        [RNG.standard_normal(shape) for shape in SHAPES[i:] + SHAPES[:i]] for i in range(4)
    ]
    special = [np.array([NUMBERS[i:] + NUMBERS[:i]]) for i in range(3)]
    return [each[:operands] for each in [*stretched, special]]


def test_every_operation_is_that_of_numpy():
    jobs = [(name, *each) for name in OPERATIONS for each in operands_of(name)]
    results = run(FILES, APPLIED, [[name, *map(np.ndarray.tolist, each)] for name, *each in jobs])
    for (name, *operands), result in zip(jobs, results, strict=True):
        with np.errstate(all="ignore"):
            expected = OPERATIONS[name].compute(*operands)
        assert (result["rows"], result["columns"]) == expected.shape, name
        data = np.array(result["data"], float).reshape(expected.shape)
        np.testing.assert_allclose(data, expected, 1e-14, err_msg=f"{name} {operands}")


def test_operands_stay_as_they_are():
    before = [[1.0, 2.0], [3.0, 4.0]]
    expression = """(() => {
      const [a, b] = [fromRows(data), fromRows(data)];
      for (const [name, compute] of Object.entries(operations)) compute(a, b, a);
      return [toRows(a), toRows(b)];
    })()"""
    assert run(FILES, expression, before) == [before, before]


@pytest.mark.parametrize("shape", [(), (1,), (5,), (2, 3), (40, 30), (1001,)])
def test_numbers_of_a_plan_are_exact(shape):
    array = RNG.standard_normal(shape)
    array = array * 10.0 ** RNG.integers(-300, 300, shape)
    result = run(FILES, "fromPlain(data)", plain(array))
    assert (result["rows"], result["columns"]) == np.atleast_2d(array).shape
    assert [*map(float, result["data"])] == array.ravel().tolist()


@pytest.mark.parametrize(
    ("numbers", "length"),
    [([3.0, -4.0], 5.0), ([3e200, 4e200], 5e200), ([3e-200, 4e-200], 5e-200), ([0.0, 0.0], 0.0)],
)
def test_a_length_has_its_digits_where_its_square_does_not_fit(numbers, length):
    assert run(FILES, "lengthOf(fromPlain(data))", numbers) == pytest.approx(length, rel=1e-15)


def test_what_does_not_fit_is_refused():
    refused = """data.map(([name, one, other]) => {
      try { return operations[name](matrix(...one), matrix(...other)); } catch (error) { return error.message; }
    })"""
    jobs = [["+", [2, 3], [2, 2]], ["@", [2, 3], [2, 3]], ["-", [3, 1], [2, 1]]]
    assert run(FILES, refused, jobs) == [
        "axes of 3 and 2 do not fit each other",
        "3 columns times 2 rows",
        "axes of 3 and 2 do not fit each other",
    ]
