"""Written lines: how a class is written down, read by one walker.

A line is an expression such as "x @ weight + bias", in Python's grammar. It is
read once, by Python's own parser, into a tree of the few operations of the
tables below; whatever is not in them is refused, so a line cannot run code. The
tree is then evaluated with NumPy, printed in the field's symbols, or printed with
the numbers of one entry plugged in; as plain data it goes to a page, which does the same.
"""

from __future__ import annotations

import ast
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial, reduce
from itertools import islice
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..checks import Array
from ..errors import ParameterError

#: Numbers, and the text between them.
Parts: TypeAlias = "list[str | float]"

MOST_TERMS = 5  # terms of one sum that are shown
MOST_LEVELS = 60  # of operations within operations
#: From what binds loosely to what binds tightly: an operand below its need stands in brackets.
ANYTHING, CONDITION, COMPARISON, SUM, MATRIX, PRODUCT, SIGN, FRACTION, ROOT, POWER, CALL, NAME = (
    range(12)
)


class Operation(NamedTuple):
    """What an operation looks like, and what it does."""

    template: str  # the name alone where it is written as a call
    rank: int
    needs: tuple[int, ...]  # the rank from which on each operand needs no brackets
    compute: Callable[..., Any]


class Node(NamedTuple):
    """An operation and its operands; or a "name", a "number" of the line, one "plugged" in."""

    operation: str
    operands: tuple[Node, ...] = ()
    name: str = ""
    number: float = 0.0


def _call(name: str, compute: Callable[..., Any]) -> Operation:
    return Operation(name, CALL, (), compute)


def _comparison(sign: str, compare: Callable[..., Any]) -> Operation:
    def compute(left: Any, right: Any) -> Any:
        return compare(left, right) * 1.0  # so that one can calculate with it

    return Operation(f"{{}} {sign} {{}}", COMPARISON, (SUM, SUM), compute)


def _reductions(axis: str, number: int) -> dict[str, Operation]:
    """Return the operations along an axis, which they keep with a length of 1."""

    def reduction(template: str, rank: int, need: int, name: str) -> Operation:
        compute = partial(getattr(np, name), axis=number, keepdims=True)
        return Operation(template, rank, (need,), compute)

    average = f"(Σ {{}} over the n {axis}) / n"
    return {
        f"sum {axis}": reduction(f"Σ {{}} over the {axis}", ANYTHING, MATRIX, "sum"),
        f"mean {axis}": reduction(average, PRODUCT, MATRIX, "mean"),
        f"max {axis}": reduction(f"max({{}} over the {axis})", CALL, ANYTHING, "max"),
        f"min {axis}": reduction(f"min({{}} over the {axis})", CALL, ANYTHING, "min"),
    }


def _matrix_product(left: Any, right: Any) -> Any:
    if min(np.ndim(left), np.ndim(right)) < 2:
        raise ValueError("@ takes arrays of two axes or more")
    return left @ right


AXES = {"samples": -2, "features": -1}
SIGNS: dict[type[ast.AST], str] = {
    **{ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.MatMult: "@", ast.Div: "/", ast.Pow: "**"},
    **{ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="},
}
FUNCTIONS = {
    "T": Operation("{}ᵀ", POWER, (CALL,), np.matrix_transpose),
    "sqrt": Operation("√{}", ROOT, (NAME,), np.sqrt),
    "abs": Operation("|{}|", NAME, (ANYTHING,), np.abs),
    "exp": _call("exp", np.exp),
    "log": _call("log", np.log),
    "sign": _call("sign", np.sign),
    "tanh": _call("tanh", np.tanh),
    "sigmoid": _call("sigmoid", lambda x: 1 / (1 + np.exp(-x))),
    "max": _call("max", lambda *several: reduce(np.maximum, several)),
    "min": _call("min", lambda *several: reduce(np.minimum, several)),
}
OPERATIONS = {
    "+": Operation("{} + {}", SUM, (SUM, MATRIX), np.add),
    "-": Operation("{} - {}", SUM, (SUM, MATRIX), np.subtract),
    "@": Operation("{} · {}", MATRIX, (SIGN, SIGN), _matrix_product),
    "*": Operation("{} · {}", PRODUCT, (PRODUCT, SIGN), np.multiply),
    "/": Operation("{} / {}", PRODUCT, (MATRIX, ROOT), np.divide),
    "negative": Operation("-{}", SIGN, (SIGN,), np.negative),
    "**": Operation("{}^{}", POWER, (CALL, CALL), np.power),
    "** 2": Operation("{}²", POWER, (CALL,), np.square),
    "** 3": Operation("{}³", POWER, (CALL,), lambda x: x**3),
    "<": _comparison("<", np.less),
    "<=": _comparison("≤", np.less_equal),
    ">": _comparison(">", np.greater),
    ">=": _comparison("≥", np.greater_equal),
    "if": Operation(
        "{} if {} else {}",
        CONDITION,
        (COMPARISON, COMPARISON, CONDITION),
        lambda this, test, other: np.where(test, this, other),
    ),
    **FUNCTIONS,
    **_reductions("samples", AXES["samples"]),
    **_reductions("features", AXES["features"]),
}
SPELLED = {0.5: "½", math.pi: "π"}
ALLOWED = (
    "A line is made of names, numbers, pi, + - * / ** @, 'a if b > c else d', "
    f"{' '.join(FUNCTIONS)} and, with an axis, as in sum(a, samples) or mean(a, features), "
    "sum mean max min."
)


def evaluate(line: str, values: Mapping[str, Any]) -> Array:
    """Return what a line comes to, given the arrays and numbers that it names.

    Parameters
    ----------
    line : str
        An expression. Sums and means along an axis keep it, with a length of 1.
    values : dict
        Arrays, whose last two axes are samples and features, and numbers, by name.

    Returns
    -------
    array
        Computed as it is written; it is not saved from overflow, and does not warn of it.

    Raises
    ------
    ParameterError
        If the line is not of the language, or cannot be worked out with these values.

    Examples
    --------
    >>> evaluate("x * sum(x, features)", {"x": np.array([[1.0, 2.0]])})
    array([[3., 6.]])
    """
    with _explained(line, values):
        return np.asarray(_value(read(line), values))


def symbols(line: str, names: Mapping[str, str], within: int = ANYTHING) -> str:
    """Return a line as the field writes it, with symbols in the places of names.

    `within` is the rank below which the whole stands in brackets.

    >>> symbols("x @ weight + abs(bias) ** 2", {"x": "z₁"})
    'z₁ · weight + |bias|²'
    """
    return "".join(map(str, _operand(read(line), names, within)))


def numbers(line: str, values: Mapping[str, Any], *indices: tuple[int, ...]) -> Parts:
    """Return a line with the numbers from which an entry of its result comes about.

    Sums and matrix products are written out, as far as their first few terms; so is
    the sum of the entries, if there are several.

    >>> numbers("x @ T(x) - 1", {"x": np.array([[3.0, -2.0]])}, (0, 0))
    [3.0, ' · ', 3.0, ' + ', '(', -2.0, ')', ' · ', '(', -2.0, ')', ' - ', '1']
    """
    node, fronts = read(line), [(0,) * (2 - len(index)) for index in indices]
    entries = (
        _plugged(node, values, front + index) for front, index in zip(fronts, indices, strict=True)
    )
    with _explained(line, values):
        return _printed(_shortened("terms", entries, len(indices)), {})[0]


def tree(line: str) -> Any:
    """Return the tree of a line as plain data: a name, a number, or [operation, operand, ...].

    >>> tree("x @ weight + 2")
    ['+', ['@', 'x', 'weight'], 2]
    """
    return _plain(read(line))


def forms() -> dict[str, Any]:
    """Return, as plain data, how operations are printed."""
    return {
        "operations": {k: [each.template, each.rank, each.needs] for k, each in OPERATIONS.items()},
        "ranks": {
            **{"ANYTHING": ANYTHING, "SUM": SUM, "MATRIX": MATRIX},
            **{"SIGN": SIGN, "FRACTION": FRACTION, "NAME": NAME},
        },
        "spelled": {str(number): symbol for number, symbol in SPELLED.items()},
        "most_terms": MOST_TERMS,
    }


def names_in(line: str) -> set[str]:
    """Return the names whose values a line needs."""
    return _names(read(line))


def substitute(line: str, given: Mapping[str, str | bool]) -> str:
    """Return a line with lines in the places of names.

    A conditional on a name that is given as True or False is settled.

    >>> substitute("parameter - (a if nesterov else 2 * b)", {"nesterov": False, "b": "c + d"})
    'parameter - 2 * (c + d)'
    """
    for each in (line, *(each for each in given.values() if isinstance(each, str))):
        read(each)
    return ast.unparse(_Substitution(given).visit(ast.parse(line.strip(), mode="eval")))


class _Substitution(ast.NodeTransformer):
    def __init__(self, given: Mapping[str, str | bool]) -> None:
        self.given = given

    def visit_Name(self, node: ast.Name) -> ast.expr:
        line = self.given.get(node.id)
        return ast.parse(line.strip(), mode="eval").body if isinstance(line, str) else node

    def visit_IfExp(self, node: ast.IfExp) -> Any:
        truth = self.given.get(node.test.id) if isinstance(node.test, ast.Name) else None
        if isinstance(truth, bool):
            return self.visit(node.body if truth else node.orelse)
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.Call:
        node.args = [self.visit(each) for each in node.args]
        return node


# Reading.


def read(line: str) -> Node:
    """Return the tree of a line, or raise `ParameterError` if it is not of the language."""
    if not isinstance(line, str):
        raise ParameterError(f"a written line must be text; got {type(line).__name__}. {ALLOWED}")
    return _read_once(line)


@cache
def _read_once(line: str) -> Node:
    try:
        return _node(ast.parse(line.strip(), mode="eval").body, MOST_LEVELS)
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        why = error.msg if isinstance(error, SyntaxError) else "Python's parser gives up on it"
        raise ParameterError(f"the line {_quoted(line)} cannot be read: {why}. {ALLOWED}") from None


def _quoted(line: str) -> str:
    return repr(line if len(line) <= 200 else f"{line[:200]}…")


def _node(tree: ast.expr, levels: int) -> Node:
    """Return Python's tree as one of our own, in which so many levels may be left."""
    if not levels:
        raise SyntaxError("it is nested too deeply")
    match tree:
        case ast.Name(id="pi"):
            return Node("number", number=math.pi)
        case ast.Name(id=name):
            return Node("name", name=name)
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            if number <= sys.float_info.max:
                return Node("number", number=number)
    operation, *operands = _operation(tree)
    return Node(operation, tuple(_node(each, levels - 1) for each in operands))


def _operation(tree: ast.expr) -> tuple[Any, ...]:
    """Return the name of an operation, and its operands."""
    match tree:
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return "negative", operand
        case ast.BinOp(op=ast.Pow(), left=left, right=ast.Constant(value=2 | 3 as power)):
            return f"** {power:.0f}", left
        case (
            ast.BinOp(op=op, left=left, right=right)
            | ast.Compare(ops=[op], left=left, comparators=[right])
        ) if type(op) in SIGNS:
            return SIGNS[type(op)], left, right
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return "if", body, test, orelse
        case ast.Call(func=ast.Name(id=name), args=[operand, ast.Name(id=axis)], keywords=[]) if (
            f"{name} {axis}" in OPERATIONS
        ):
            return f"{name} {axis}", operand
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in FUNCTIONS:
            if (len(args) > 1) if name in ("max", "min") else (len(args) == 1):
                return name, *args
    raise SyntaxError(f"{ast.unparse(tree)!r} is not of the language")


def _names(node: Node) -> set[str]:
    own = {node.name} if node.operation == "name" else set()
    return own.union(*map(_names, node.operands))


# Evaluating.


@contextmanager
def _explained(line: str, values: Mapping[str, Any]) -> Iterator[None]:
    """Compute without warnings, and say of which line an error is."""
    try:
        with np.errstate(all="ignore"):
            yield
    except ParameterError:
        raise
    except KeyError as error:
        known = ", ".join(values) or "none"
        raise ParameterError(
            f"the line {_quoted(line)} names {error}, which is not known here; known are: {known}."
        ) from None
    except (ValueError, TypeError, IndexError) as error:
        why = str(error).strip()
        raise ParameterError(f"the line {_quoted(line)} cannot be worked out: {why}.") from error


def _value(node: Node, values: Mapping[str, Any]) -> Any:
    if node.operation == "name":
        return values[node.name]
    if node.operation == "number":
        return float(node.number)
    return OPERATIONS[node.operation].compute(*(_value(each, values) for each in node.operands))


def _plugged(node: Node, values: Mapping[str, Any], index: tuple[int, ...]) -> Node:
    """Return how one entry comes about: a tree of the numbers from which it is computed."""

    def at(operand: Node, *row_and_column: int) -> Node:
        return _plugged(operand, values, index[:-2] + row_and_column)

    def shape(operand: Node) -> tuple[int, ...]:
        return np.shape(_value(operand, values))

    i, j = index[-2:]
    name, _, axis = node.operation.partition(" ")
    match name, node.operands:
        case "name", ():
            return Node("plugged", number=_entry(np.asarray(values[node.name]), index))
        case "T", (operand,):
            return at(operand, j, i)
        case "@", (left, right):
            length = shape(left)[-1]
            products = (Node("*", (at(left, i, k), at(right, k, j))) for k in range(length))
            return _shortened("terms", products, length)
        case _, (operand,) if axis in AXES:
            length = shape(operand)[AXES[axis]]
            places = ((k, j) if axis == "samples" else (i, k) for k in range(length))
            entries = (at(operand, *place) for place in places)
            if name in FUNCTIONS:
                return _shortened(name, entries, length)
            total = _shortened("terms", entries, length)
            return Node("/", (total, Node("plugged", number=length))) if name == "mean" else total
    return Node(node.operation, tuple(at(each, i, j) for each in node.operands), number=node.number)


def _entry(array: Array, index: tuple[int, ...]) -> float:
    """Return the number that stands in one entry of a result; the array is broadcast to it."""
    own = index[len(index) - array.ndim :]
    return float(array[tuple(i if n > 1 else 0 for i, n in zip(own, array.shape, strict=True))])


def _shortened(operation: str, entries: Iterable[Node], length: int) -> Node:
    """Return an operation on many entries, with the first few of them."""
    shown = tuple(islice(entries, MOST_TERMS))
    if length == 1:
        return shown[0]
    if length > MOST_TERMS:
        shown += (Node("name", name=f"… ({length - MOST_TERMS} more)"),)
    return Node(operation, shown)


# Printing.


def _printed(node: Node, names: Mapping[str, str]) -> tuple[Parts, int]:
    """Return a tree as text and numbers, and how tightly they bind."""
    match node.operation:
        case "name":
            symbol = names.get(node.name, node.name)
            return [symbol], FRACTION if {"/", " "} & set(symbol) else NAME
        case "number":
            return [SPELLED.get(node.number) or repr(node.number).removesuffix(".0")], NAME
        case "plugged":
            return [node.number], SIGN if node.number < 0 else NAME
        case "terms":
            return _joined([_operand(each, names, MATRIX) for each in node.operands]), SUM
    operation = OPERATIONS[node.operation]
    texts, needs = _form(operation, len(node.operands))
    parts: Parts = [texts[0]]
    for before, operand, need, after in zip(texts, node.operands, needs, texts[1:], strict=False):
        # a + (b + c) is a + b + c
        alike = node.operation in ("+", "*", "@") and operand.operation == node.operation
        shown = _operand(operand, names, operation.rank if alike else need)
        parts += [*(_unsigned(shown) if before.strip() in OPERATORS else shown), after]
    return [part for part in parts if part != ""], operation.rank


OPERATORS = frozenset("+-·/")


def _form(operation: Operation, operands: int) -> tuple[list[str], tuple[int, ...]]:
    """Return the texts around the operands, and what each needs."""
    if "{}" in operation.template:
        return operation.template.split("{}"), operation.needs
    inner = [", "] * (operands - 1)
    return [f"{operation.template}(", *inner, ")"], (ANYTHING,) * operands


def _operand(node: Node, names: Mapping[str, str], need: int) -> Parts:
    parts, rank = _printed(node, names)
    return ["(", *parts, ")"] if rank < need else parts


def _unsigned(parts: Parts) -> Parts:
    """Put in brackets what follows upon an operator and begins with a minus."""
    first, *rest = parts
    if isinstance(first, str):
        return ["(", *parts, ")"] if first.startswith("-") else parts
    return ["(", first, ")", *rest] if first < 0 else parts


def _joined(terms: Iterable[Parts]) -> Parts:
    """Return a sum of terms; one that begins with a minus is subtracted."""
    parts: Parts = []
    for term in terms:
        first = term[0]
        if not parts:
            parts += term
        elif isinstance(first, str) and first.startswith("-"):
            parts += [f" - {first[1:]}", *term[1:]]
        else:
            parts += [" + ", *_unsigned(term)]
    return parts


def _plain(node: Node) -> Any:
    if node.operation == "name":
        return node.name
    return [node.operation, *map(_plain, node.operands)] if node.operands else node.number
