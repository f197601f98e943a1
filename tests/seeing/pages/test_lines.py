"""Lines in JavaScript: evaluated, printed in symbols and with numbers, as in the library."""

import numpy as np
from javascript import run

import backproplite as bp
from backproplite.seeing.equations import rounded
from backproplite.seeing.written import MATRIX, evaluate, forms, numbers, symbols, tree

FILES = ["engine/arrays.js", "engine/lines.js"]
RNG = np.random.default_rng(0)
ROWS = 7  # more than the terms of a sum that are shown
SHAPES = {
    **{"x": (ROWS, ROWS), "weight": (ROWS, ROWS), "output": (ROWS, ROWS), "bias": (1, ROWS)},
    **{"column": (ROWS, 1), "slope": (1, 1), "a": (1, 1), "b": (2, 2)},
}
NAMES = {"x": "z₁", "weight": "weight₁", "slope": "-2", "bias": "∂loss/∂bias", "column": "q / r"}
LINES = [
    *("x @ weight + bias", "T(x) @ output", "sum(output, samples)", "x - (bias - slope)"),
    *(
        "x @ (weight @ x)",
        "(x @ weight) @ x",
        "x * (weight * x)",
        "x / (weight / x)",
        "-x * -slope",
    ),
    *("x - -x", "x ** slope", "(-x) ** 2 + (x + 1) ** 3", "abs(x - 1) * sqrt(abs(x) + 1)"),
    *("x if x > bias else slope if x <= column else -1", "(x < 0.5) * (x >= pi)", "T(x + weight)"),
    *("max(x, weight, 1)", "min(max(x, -slope), slope)", "max(x, features)", "min(b, samples)"),
    *(
        "mean(x * weight, features) / 3",
        "sum(x ** 2, features) ** 2",
        "sum(sum(x, samples), features)",
    ),
    *("1 / (1 + exp(-x))", "sigmoid(x) * tanh(x) - sign(x) * log(abs(x))", "x + 1e-05 + 1e22 * 2"),
    *("a - b", "mean(a, samples)", "b @ b", "0.1 + 1e-7 * 123456.75 - 0.0001 + 1e16 + 1e15"),
]
for module in (bp.activations, bp.layers, bp.losses, bp.optimizers, bp.counts, bp.scaling):
    for thing in map(vars(module).get, module.__all__):
        LINES += {**getattr(thing, "written", {}), **getattr(thing, "written_clip", {})}.values()
LINES = [line for line in dict.fromkeys(LINES) if "nesterov" not in line]


def values_of(line):
    """Return numbers for the names of a line: wide ones, for which products fit."""
    found = {}
    for name in sorted(bp.seeing.written.names_in(line)):
        shape = SHAPES.get(name, SHAPES["x"])
        found[name] = RNG.standard_normal(shape).round(3)
    return found


def test_lines_come_to_what_they_come_to_in_the_library():
    jobs = [(line, values_of(line)) for line in LINES]
    given = [[tree(line), {k: v.tolist() for k, v in values.items()}] for line, values in jobs]
    expression = """data.map(([tree, values]) => compile(tree)(Object.fromEntries(
      Object.entries(values).map(([name, rows]) => [name, fromRows(rows)]))))"""
    for (line, values), result in zip(jobs, run(FILES, expression, given), strict=True):
        expected = np.atleast_2d(evaluate(line, values))
        assert (result["rows"], result["columns"]) == expected.shape, line
        data = np.array(result["data"], float).reshape(expected.shape)
        np.testing.assert_allclose(data, expected, 1e-12, 1e-12, err_msg=line)


def test_formulas_are_those_of_the_library():
    expression = "(forms = data.forms, data.lines.map(([tree, within]) => formula(tree, data.names, within)))"
    jobs = [(line, within) for line in LINES for within in (0, MATRIX)]
    given = {"forms": forms(), "names": NAMES, "lines": [(tree(line), need) for line, need in jobs]}
    assert run(FILES, expression, given) == [symbols(line, NAMES, need) for line, need in jobs]


def test_numbers_plugged_in_are_those_of_the_library():
    jobs = []
    for line in LINES:
        values = values_of(line)
        rows, columns = np.atleast_2d(evaluate(line, values)).shape
        last = rows - 1, columns - 1
        every = [*np.ndindex(rows, columns)][:6]
        jobs += [(line, values, [(0, 0)]), (line, values, [last]), (line, values, every)]
    expression = """(forms = data.forms, data.lines.map(([tree, values, indices]) => plugged(
      tree, Object.fromEntries(Object.entries(values).map(([k, v]) => [k, fromRows(v)])), ...indices)))"""
    given = [[tree(line), {k: v.tolist() for k, v in vs.items()}, at] for line, vs, at in jobs]
    results = run(FILES, expression, {"forms": forms(), "lines": given})
    for (line, values, indices), parts in zip(jobs, results, strict=True):
        plain = [part["number"] if isinstance(part, dict) else part for part in parts]
        assert plain == numbers(line, values, *indices), line
        for part in parts:
            if isinstance(part, dict) and part["name"] in values:
                place = part["row"], part["column"]
                assert values[part["name"]][place] == part["number"], line


def test_a_scope_that_needs_no_line_stays_out():
    expression = "needed(data.lines, data.results).map(([name]) => name)"
    lines = [("a", tree("x + 1")), ("b", tree("x")), ("c", tree("a * y")), ("a", tree("c"))]
    assert run(FILES, expression, {"lines": lines, "results": ["c"]}) == ["a", "c"]


HARD = [
    *(0.0, -0.0, 1.0, -1.0, 0.7, 0.1 + 0.2, 1e-5, 9.9996e-5, 1e-4, 0.00012345, 123456.0, 999999.5),
    *(1e6, 1234567.0, 0.125, 0.375, 2.5, 3.5, 0.5, 12345.5, 12346.5, 1.00005, 9999.5, 99995.0),
    *(5e-324, 1.7976931348623157e308, 1e22, 1e-7, 0.15, 0.25, 0.35, 1.25, 1.35, 1e16, 2**53 + 0.0),
    *(float("inf"), float("-inf"), float("nan"), 1e5, 99999.5, 0.999951, 0.00099995, 4.35, 1e21),
]


def test_rounded_numbers_are_those_of_the_library():
    ties = [k / 2**n for n in range(1, 12) for k in range(1, 200, 2)]
    rng = np.random.default_rng(0)
    drawn = (rng.standard_normal(300) * 10.0 ** rng.integers(-9, 12, 300)).tolist()
    jobs = [[x, digits] for x in [*HARD, *ties, *drawn] for digits in (1, 2, 3, 4, 6, 9, 15)]
    expression = "data.map(([number, digits]) => rounded(Number(number), digits))"
    given = [[str(x).replace("inf", "Infinity").replace("nan", "NaN"), d] for x, d in jobs]
    assert run(FILES, expression, given) == [rounded(x, digits) for x, digits in jobs]
