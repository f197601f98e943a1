"""The walker over written lines: what is printed means what is computed."""

import re

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from printed import unprinted

import backproplite as bp
from backproplite.seeing import written
from backproplite.seeing.written import (
    evaluate,
    names_in,
    numbers,
    read,
    substitute,
    symbols,
    tree,
)

RNG = np.random.default_rng(0)
N = 3  # samples and features alike, so that everything is broadcast with everything
VALUES = {
    "x": RNG.standard_normal((N, N)),
    "weight": RNG.standard_normal((N, N)),
    "bias": RNG.standard_normal(N),
    "mean": RNG.standard_normal((1, N)),
    "column": RNG.standard_normal((N, 1)),
    "slope": 0.25,
    "samples": N,
    "features": N,
}

# Random lines, with what NumPy makes of them, and their largest number on the way.

INFIX = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide}
COMPARED = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}
CALLED = {
    "exp": np.exp,
    "tanh": np.tanh,
    "abs": np.abs,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "sqrt": np.sqrt,
    "log": np.log,
}
REDUCED = {"sum": np.sum, "mean": np.mean, "max": np.max, "min": np.min}
AXES = {"samples": -2, "features": -1}


def brackets(line):
    return line if line.isalnum() else f"({line})"


@st.composite
def composed(draw, inner):  # noqa: PLR0911
    (a, left), (b, right) = draw(inner), draw(inner)
    form = draw(st.sampled_from(["infix", "call", "axis", "power", "if", "matrix", "minus", "two"]))
    if form == "infix":
        sign = draw(st.sampled_from(list(INFIX)))
        if sign in "+*" and read(b).operation == sign:
            a, left, b, right = b, right, a, left  # that order of rounding is not what is tested
            assume(read(b).operation != sign)
        return f"{brackets(a)} {sign} {brackets(b)}", INFIX[sign](left, right)
    if form == "call":
        name = draw(st.sampled_from(list(CALLED)))
        return f"{name}({a})", CALLED[name](left)
    if form == "axis":
        name, axis = draw(st.sampled_from(list(REDUCED))), draw(st.sampled_from(list(AXES)))
        whole = left + VALUES["x"]
        reduced = REDUCED[name](whole, axis=AXES[axis], keepdims=True)
        return f"{name}({brackets(a)} + x, {axis})", reduced
    if form == "power":
        power = draw(st.sampled_from([2, 3, 2.5, -1]))
        return f"{brackets(a)} ** {power}", left ** float(power)
    if form == "if":
        sign = draw(st.sampled_from(list(COMPARED)))
        line = f"{brackets(a)} if x {sign} slope else {brackets(b)}"
        return line, np.where(COMPARED[sign](VALUES["x"], 0.25), left, right)
    if form == "matrix":
        product = (left + VALUES["x"]) @ (right * VALUES["weight"]).T
        return f"({brackets(a)} + x) @ T({brackets(b)} * weight)", product
    if form == "minus":
        return f"-{brackets(a)}", -left
    assume(b not in AXES)  # which would be an axis there
    name = draw(st.sampled_from(["max", "min"]))
    return f"{name}({a}, {b})", {"max": np.maximum, "min": np.minimum}[name](left, right)


leaves = st.sampled_from(list(VALUES)).map(lambda name: (name, np.asarray(VALUES[name], float)))
literals = st.sampled_from([0.5, 1, 2, 0.01, 1e-05, 30]).map(
    lambda number: (repr(number), np.asarray(float(number)))
)
lines = st.recursive(leaves | literals, composed, max_leaves=8)


def usual(value):
    """Tell whether a result has no NaN, and is of a size at which rounding does not matter."""
    return np.isfinite(value).all() and np.abs(value).max() < 1e6


@pytest.fixture(autouse=True)
def _no_warnings():
    with np.errstate(all="ignore"):
        yield


@given(lines)
def test_evaluated_lines_are_what_numpy_makes_of_them(example):
    line, value = example
    result = evaluate(line, VALUES)
    assert result.shape == value.shape
    np.testing.assert_allclose(result, value, 1e-9, 1e-9)
    with np.errstate(all="raise"):  # evaluating is quiet whatever NumPy has been told
        evaluate(line, VALUES)


@given(lines)
def test_axes_in_front_are_stacks_of_lines(example):
    line, value = example
    stacked = VALUES | {"x": np.stack([VALUES["x"], 2 * VALUES["x"]])}
    result = np.broadcast_to(evaluate(line, stacked), (2, N, N))
    np.testing.assert_allclose(result[0], np.broadcast_to(value, (N, N)), 1e-9, 1e-9)
    doubled = evaluate(line, VALUES | {"x": 2 * VALUES["x"]})
    np.testing.assert_allclose(result[1], np.broadcast_to(doubled, (N, N)), 1e-9, 1e-9)


def test_one_can_calculate_with_comparisons():
    steps = evaluate("(x > 0) + (x >= 1) - -(x < 2) * (x <= 1)", {"x": np.array([-1.0, 1, 2, 3])})
    assert steps.tolist() == [1, 3, 2, 2]


# What is printed, read again.


def flattened(node):
    """The tree, without the order of a + (b + c), and with `@` as `*`, which looks alike."""
    operands = [flattened(each) for each in node.operands]
    operation = "*" if node.operation == "@" else node.operation
    if operation in ("+", "*"):
        operands = [
            part
            for each in operands
            for part in (each[1] if each[0] == operation and each[1] else [each])
        ]
    return operation, operands, node.name or node.number


@settings(max_examples=500)
@given(lines)
def test_symbols_can_be_read_in_one_way_only(example):
    line, _ = example
    assume(not re.search(r"T\(|, (samples|features)\)", line))
    assert flattened(read(unprinted(symbols(line, {})))) == flattened(read(line))


@given(lines, st.data())
def test_the_numbers_plugged_in_come_to_the_entry(example, data):
    line, value = example
    assume(usual(value))
    index = data.draw(st.sampled_from(list(np.ndindex(value.shape))))
    parts = numbers(line, VALUES, index)
    assert not {"x", "weight", "bias", "slope"} & set(parts)
    text = "".join(part if isinstance(part, str) else f"{part:.17g}" for part in parts)
    assert "…" not in text
    worked_out = evaluate(unprinted(text), {})
    largest = max([1.0, *(abs(part) for part in parts if isinstance(part, float))])
    assert worked_out == pytest.approx(value[index], rel=1e-6, abs=1e-6 * largest), text


def test_an_entry_of_a_matrix_product_is_a_row_times_a_column():
    x, weight = np.array([[1.0, -2.0], [3.0, 4.0]]), np.array([[5.0, 6.0], [7.0, -8.0]])
    shown = numbers("x @ weight + bias", {"x": x, "weight": weight, "bias": np.ones(2)}, (1, 1))
    assert plugged(shown) == "3 · 6 + 4 · (-8) + 1"


def plugged(parts):
    return "".join(part if isinstance(part, str) else f"{part:g}" for part in parts)


WIDE = {"x": np.arange(1.0, 8).reshape(1, 7), "y": -np.arange(1.0, 8).reshape(1, 7), "slope": 0.1}
WIDE["five"] = WIDE["x"][:, :5]


@pytest.mark.parametrize(
    ("line", "index", "text"),
    [
        ("sum(x, features)", (0, 0), "1 + 2 + 3 + 4 + 5 + … (2 more)"),
        ("sum(x, samples)", (6,), "7"),
        ("sum(y, features)", (0, 0), "-1 + (-2) + (-3) + (-4) + (-5) + … (2 more)"),
        ("sum(-x, features)", (0, 0), "-1 - 2 - 3 - 4 - 5 + … (2 more)"),
        ("2 - sum(T(x), samples)", (0, 0), "2 - (1 + 2 + 3 + 4 + 5 + … (2 more))"),
        (
            "mean((x - y) ** 2, features)",
            (0, 0),
            "((1 - (-1))² + (2 - (-2))² + (3 - (-3))² + (4 - (-4))² + (5 - (-5))² + … (2 more)) / 7",
        ),
        ("mean(x, samples)", (0, 2), "3 / 1"),
        ("max(y, features)", (0, 0), "max(-1, -2, -3, -4, -5, … (2 more))"),
        ("x @ T(y)", (0, 0), "1 · (-1) + 2 · (-2) + 3 · (-3) + 4 · (-4) + 5 · (-5) + … (2 more)"),
        ("y if y > 0 else slope * y", (0, 1), "-2 if -2 > 0 else 0.1 · (-2)"),
        ("exp(-y) + exp(y) - y ** 3", (0, 0), "exp(-(-1)) + exp(-1) - (-1)³"),
        ("x - y * x", (0, 1), "2 - (-2) · 2"),
        ("y ** 3 + x", (0, 1), "(-2)³ + 2"),
        (
            "sum(x - y, samples) + sum(T(five) - 1, samples)",
            (0, 0),
            "1 - (-1) + ((1 - 1) + (2 - 1) + (3 - 1) + (4 - 1) + (5 - 1))",
        ),
        ("sqrt(y) / y ** y + abs(y)", (0, 0), "√(-1) / (-1)^(-1) + |-1|"),
    ],
)
def test_numbers_plugged_in(line, index, text):
    assert plugged(numbers(line, WIDE, index)) == text


NAMES = {
    "x": "z₁",
    "output": "a₁",
    "outputs": "a₂",
    "targets": "y",
    "grad_output": "∂loss/∂a₁",
    "square": "new square(weight₁)",
    "gradient": "∂loss/∂weight₁",
}


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("x @ weight + bias", "z₁ · weight + bias"),
        ("T(x) @ grad_output", "z₁ᵀ · ∂loss/∂a₁"),
        ("sum(grad_output, samples)", "Σ ∂loss/∂a₁ over the samples"),
        ("1 / (1 + exp(-x))", "1 / (1 + exp(-z₁))"),
        ("exp(x) / sum(exp(x), features)", "exp(z₁) / (Σ exp(z₁) over the features)"),
        ("mean((x - mean) ** 2, samples)", "(Σ (z₁ - mean)² over the n samples) / n"),
        ("grad_output * (output * (1 - output))", "∂loss/∂a₁ · a₁ · (1 - a₁)"),
        ("grad_output * (1 if x > 0 else slope)", "∂loss/∂a₁ · (1 if z₁ > 0 else slope)"),
        ("(x > 0) * x - (x < 0)", "(z₁ > 0) · z₁ - (z₁ < 0)"),
        ("0.5 * (outputs - targets) ** 2", "½ · (a₂ - y)²"),
        ("abs(outputs - targets) <= delta", "|a₂ - y| ≤ delta"),
        ("-targets / outputs", "-y / a₂"),
        ("min(max(outputs, -delta), delta)", "min(max(a₂, -delta), delta)"),
        ("max(exp(x), features)", "max(exp(z₁) over the features)"),
        ("sigmoid(sqrt(8 / pi) * x ** 3)", "sigmoid(√(8 / π) · z₁³)"),
        ("gradient ** 2 + gradient", "(∂loss/∂weight₁)² + ∂loss/∂weight₁"),
        ("gradient / (sqrt(square) + 1)", "∂loss/∂weight₁ / (√(new square(weight₁)) + 1)"),
        ("mean / (1 - beta1 ** step)", "mean / (1 - beta1^step)"),
        ("(a @ b) * c @ d", "((a · b) · c) · d"),
        ("a @ (b @ c) / n", "a · b · c / n"),
        ("a - (b - c) + (d + e)", "a - (b - c) + d + e"),
        ("a + (b - c)", "a + (b - c)"),
        ("-(a * b) - -(a + b)", "-(a · b) - (-(a + b))"),
        ("sqrt(x ** 2) + sqrt(abs(x)) ** 2", "√(z₁²) + (√|z₁|)²"),
        ("T(x ** 2) + T(T(x))", "(z₁²)ᵀ + (z₁ᵀ)ᵀ"),
        ("mean(x - 2.0, features)", "(Σ (z₁ - 2) over the n features) / n"),
        ("a * -b + -c", "a · (-b) + (-c)"),
        ("a / (b * c) * (d / e)", "a / (b · c) · (d / e)"),
        ("T(a + b) ** 2 ** c", "((a + b)ᵀ)^(2^c)"),
        ("1 / gradient", "1 / (∂loss/∂weight₁)"),
        ("a if b > 0 else c if d else e", "a if b > 0 else c if d else e"),
    ],
)
def test_symbols(line, text):
    assert symbols(line, NAMES) == text


def test_a_whole_stands_in_brackets_where_it_needs_them():
    assert symbols("a + b", {}, within=written.MATRIX) == "(a + b)"
    assert symbols("a @ b", {}, within=written.MATRIX) == "a · b"


def test_several_entries_are_summed():
    assert plugged(numbers("x - 1", WIDE, (0, 0), (0, 2))) == "(1 - 1) + (3 - 1)"
    assert plugged(numbers("x", WIDE, *np.ndindex(1, 7))) == "1 + 2 + 3 + 4 + 5 + … (2 more)"


def test_lines_are_put_in_the_places_of_names():
    clipped = {"gradient": "gradient * clip_norm / length"}
    decayed = substitute("gradient + decay * parameter", clipped)
    assert decayed == "gradient * clip_norm / length + decay * parameter"
    whole = substitute("max(x, features) - 2 * gradient ** 2", {"gradient": decayed, "max": "0"})
    assert whole == f"max(x, features) - 2 * ({decayed}) ** 2"
    assert names_in(whole) == {"x", "gradient", "clip_norm", "length", "decay", "parameter"}
    nested = "a if nesterov else (b if c > 0 else d)"
    assert substitute(nested, {"nesterov": True, "c": "e"}) == "a"
    assert substitute(nested, {"nesterov": False, "c": "e"}) == "b if e > 0 else d"


@given(lines, lines)
def test_a_line_in_the_place_of_a_name_is_its_value(outer, inner):
    full = f"{brackets(inner[0])} + weight"
    result = evaluate(substitute(outer[0], {"x": full}), VALUES)
    expected = evaluate(outer[0], VALUES | {"x": inner[1] + VALUES["weight"]})
    np.testing.assert_allclose(result, expected, 1e-9, 1e-9)


# As plain data


def test_tree():
    assert tree("x @ T(weight) + 2") == ["+", ["@", "x", ["T", "weight"]], 2]
    assert tree("a if b > 0.5 else -c") == ["if", "a", [">", "b", 0.5], ["negative", "c"]]
    assert tree("mean(x ** 2, samples)") == ["mean samples", ["** 2", "x"]]


# Refusals


@pytest.mark.parametrize(
    "line",
    [
        *("x.shape", "x[0]", "[x]", "(x, x)", "{x}", "'text'", "f'{x}'", "b''", "...", "None"),
        *("True", "1j", "1e999", "lambda: x", "lambda x: x", "(x := 1)", "*x", "exp(*[x])"),
        *("exp(x=x)", "exp(**x)", "exp()", "exp(x, x)", "max(x)", "sum(x)"),
        *("sum(x, rows)", "sum(x, 0)", "mean(x, x)", "sin(x)", "open('x')", "x.exp(x)"),
        *("__import__('os')", "eval('1')", "exp(x)(x)", "[x for x in x]", "await x", "(yield x)"),
        *("x and x", "x or x", "not x", "~x", "+x", "x // 2", "x % 2", "x | x", "x << 1", "x is x"),
        *("x == x", "x != x", "x in x", "1 < x < 2", "", " ", "x +", "(x", "x y", "x; x", "x = 1"),
        *("import os", "x\0", "x if x", "-" * 70 + "x", "(" * 9999, "+".join("x" * 999)),
    ],
)
@pytest.mark.parametrize(
    "use",
    [
        lambda line: evaluate(line, VALUES),
        lambda line: numbers(line, VALUES, (0, 0)),
        lambda line: symbols(line, {}),
        lambda line: substitute(line, {}),
        lambda line: substitute("x", {"x": line}),
        tree,
        names_in,
    ],
)
def test_what_is_not_of_the_language_is_refused(line, use):
    with pytest.raises(bp.ParameterError) as caught:
        use(line)
    message = str(caught.value)
    assert message.startswith(f"the line {line[:200]!r}"[:-1])
    assert message.endswith(written.ALLOWED)
    assert "\n" not in message
    assert len(message) < 1000


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "exp(sin(x))",
            "the line 'exp(sin(x))' cannot be read: 'sin(x)' is not of the language. A",
        ),
        ("x +", "the line 'x +' cannot be read: invalid syntax. A line is made of names, numbers"),
        (
            "y + x",
            "the line 'y + x' names 'y', which is not known here; known are: x, weight, bias, "
            "mean, column, slope, samples, features.",
        ),
        ("x @ slope", "the line 'x @ slope' cannot be worked out: @ takes arrays of two axes or"),
        ("x @ wide", "the line 'x @ wide' cannot be worked out: matmul: Input operand 1 has a"),
        ("x + wide", "cannot be worked out: operands could not be broadcast together with shapes"),
        ("x - wide", "with shapes (3,3) (4,5)."),
        ("T(bias)", "the line 'T(bias)' cannot be worked out: "),
        ("sum(bias, samples)", "cannot be worked out: axis -2 is out of bounds"),
        (3, "a written line must be text; got int. A line is made of names"),
    ],
)
def test_refusals_say_what_is_wrong(line, message):
    values = VALUES | {"wide": np.ones((4, 5))} if "wide" in str(line) else VALUES
    with pytest.raises(bp.ParameterError, match=re.escape(message)):
        evaluate(line, values)
