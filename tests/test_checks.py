"""What is let in, and what is refused: with the argument, what was expected, what was given."""

import math
import pathlib
import re
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import matrices

from backproplite import checks
from backproplite.errors import InputError, ParameterError, ShapeError

TABLE = [[1.0, 2.0, 0.0], [4.0, 5.0, 1.0]]


def frozen(array):
    array.flags.writeable = False
    return array


def data_frame(dtype="float64"):
    return pytest.importorskip("pandas").DataFrame(TABLE, columns=list("abc")).astype(dtype)


def data_frame_of_several_dtypes():
    return data_frame().astype({"a": "Int64", "b": "int8", "c": "boolean"})


#: The same table in every guise: what makes it, so that a missing pandas skips one case.
GUISES = {
    "float64": lambda: np.array(TABLE),
    "list": lambda: [list(row) for row in TABLE],
    "list of ints": lambda: [[1, 2, 0], [4, 5, 1]],
    "tuple of arrays": lambda: tuple(np.array(row) for row in TABLE),
    "int64": lambda: np.array(TABLE, np.int64),
    "uint8": lambda: np.array(TABLE, np.uint8),
    "float16": lambda: np.array(TABLE, np.float16),
    "float32": lambda: np.array(TABLE, np.float32),
    "longdouble": lambda: np.array(TABLE, np.longdouble),
    "Fortran": lambda: np.asfortranarray(TABLE),
    "strided": lambda: np.repeat(np.repeat(TABLE, 2, 0), 3, 1)[::2, ::3],
    "backwards": lambda: np.array(TABLE)[::-1, ::-1].copy()[::-1, ::-1],
    "broadcast": lambda: np.broadcast_to(np.array(TABLE), (2, 3)),
    "read-only": lambda: frozen(np.array(TABLE)),
    "big-endian": lambda: np.array(TABLE, ">f8"),
    "big-endian ints": lambda: np.array(TABLE, ">i2"),
    "np.matrix": lambda: np.array(TABLE).view(np.matrix),
    "DataFrame": data_frame,
    "DataFrame of ints": lambda: data_frame("int32"),
    "DataFrame of several dtypes": data_frame_of_several_dtypes,
}


def many(table, rows=60):
    return pytest.importorskip("pandas").concat([table] * (rows // 2), ignore_index=True)


#: Columns by what NumPy makes of them, in tables of few rows and of many.
COLUMNS = {
    "floats": ([0.5, 2.5], "float64"),
    "float32": ([0.5, 2.5], "float32"),
    "integers": ([1, 2], "int64"),
    "large integers": ([2**63, 5], "uint64"),
    "truth values": ([True, False], "bool"),
    "nullable integers": ([1, 2], "Int64"),
    "nullable floats": ([1.5, 2], "Float64"),
    "nullable truth values": ([True, False], "boolean"),
    "objects": ([7, 0.5], "object"),
    "objects beyond all floats": ([10**400, 0], "object"),
}


@pytest.mark.parametrize("rows", [2, 60])
@pytest.mark.parametrize("names", [list("abcde"), [0, 1, 2, 3, 4], ["a", "a", "b", "b", "a"]])
@given(chosen=st.lists(st.sampled_from([*COLUMNS][:-1]), min_size=1, max_size=5))
def test_a_table_of_any_dtypes_is_what_its_columns_are(names, rows, chosen):
    pandas = pytest.importorskip("pandas")
    columns = [pandas.Series(values, dtype=dtype) for values, dtype in map(COLUMNS.get, chosen)]
    table = pandas.concat(columns, axis=1)
    table.columns = names[: len(columns)]
    array = checks.real_array("X", many(table, rows))
    wanted = np.stack([np.array(COLUMNS[name][0], float) for name in chosen], axis=1)
    assert array.dtype == np.float64
    assert array.flags.c_contiguous
    assert np.array_equal(array, np.tile(wanted, (rows // 2, 1)))


@pytest.mark.parametrize("rows", [2, 60])
@pytest.mark.parametrize(
    ("values", "dtype", "said"),
    [
        ([1, None], "Int64", r"(<NA>|nan) at index \[1, 1\] \(column 'b'\)"),
        ([True, None], "boolean", r"<NA> at index \[1, 1\] \(column 'b'\)"),
        ([1.0, None], "Float64", r"(<NA>|nan) at index \[1, 1\] \(column 'b'\)"),
        ([1.0, None], "float64", r"nan at index \[1, 1\] \(column 'b'\)"),
        (["x", "y"], "category", r"categories in column 'b'"),
        (["x", "y"], "str", r"'x' at index \[0, 1\] \(column 'b'\)"),
        (["2026-11-01"] * 2, "datetime64[s]", r"dates or times in column 'b'"),
        (["1.5", "2"], "object", r"'1.5' at index \[0, 1\] \(column 'b'\)"),
        ([1j, 0], "complex128", r"1j at index \[0, 1\] \(column 'b'\)"),
        COLUMNS["objects beyond all floats"] + (r"inf at index \[0, 1\] \(column 'b'\)",),
    ],
)
def test_what_is_no_number_in_a_table_is_named_by_its_column(values, dtype, said, rows):
    pandas = pytest.importorskip("pandas")
    columns = {"a": [1.5, 2.5], "b": pandas.Series(values, dtype=dtype), "c": [True, False]}
    with pytest.raises(InputError, match=f"^X must .*; got {said}"):
        checks.real_array("X", many(pandas.DataFrame(columns), rows))


@pytest.mark.parametrize(
    ("columns", "names"),
    [
        (["a", "b"], ("a", "b")),
        (("a",), ("a",)),
        ([0, 1], None),
        (["a", 1], None),
        (["a", "a"], None),
        ([], None),
        (None, None),
        (print, None),
    ],
)
def test_columns_have_names_where_these_tell_them_apart(columns, names):
    table = type("Table", (), {"columns": columns})
    assert checks.column_names(table) == names
    assert checks.column_names(np.ones((2, 2))) is None


def test_a_permutation_of_known_columns_is_put_right_and_others_are_refused():
    table = data_frame()
    known = ("c", "a", "b")
    array = checks.matrix("X", table, columns=known)
    assert array.tolist() == table[list(known)].to_numpy().tolist()
    assert array.flags.c_contiguous
    assert checks.matrix("X", table, columns=("a", "b", "c")).tolist() == TABLE
    assert checks.matrix("X", TABLE, columns=known).tolist() == TABLE
    with pytest.raises(InputError, match=r"; missing: \['d'\], new: \['b'\]\."):
        checks.matrix("X", table, columns=("c", "a", "d"))


def contents(value):
    """The bits of an array or a table, to see that nothing was written."""
    return np.asarray(value).tobytes()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("make", GUISES.values(), ids=GUISES)
@pytest.mark.parametrize("check", [checks.real_array, checks.matrix])
def test_numbers_in_any_guise_become_a_plain_array(check, make, dtype):
    value = make()
    before = contents(value)
    array = check("X", value, dtype)
    assert type(array) is np.ndarray
    assert array.dtype == np.dtype(dtype)
    assert array.flags.c_contiguous
    assert array.tolist() == TABLE
    assert contents(value) == before


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        (3, ()),
        (2.5, ()),
        (True, ()),
        (np.float32(1), ()),
        (np.array(7), ()),
        ([], (0,)),
        ([True, False], (2,)),
        (range(3), (3,)),
        (np.ones((2, 0)), (2, 0)),
        (np.ones((2, 1, 3)), (2, 1, 3)),
    ],
)
def test_any_shape_of_real_numbers_is_an_array(value, shape):
    array = checks.real_array("x", value)
    assert array.shape == shape
    assert array.dtype == np.float64
    assert array.tolist() == np.asarray(value).tolist()


@given(x=matrices())
def test_an_array_that_fits_is_not_copied(x):
    assert np.shares_memory(checks.real_array("x", x), x)


@pytest.mark.parametrize(
    "value",
    [
        [1.7e308, 1.7e308],  # the sum overflows
        [1.7e308, 1.7e308, -1.7e308, -1.7e308],
        [5e-324, -0.0],
        [np.finfo(float).max],
    ],
)
def test_extreme_but_finite_numbers_pass_unchanged(value):
    assert contents(checks.real_array("x", value)) == contents(np.array(value))


def test_numbers_too_small_for_the_dtype_become_zero():
    assert checks.real_array("x", [1e-300], np.float32).tolist() == [0]


def sparse():
    return pytest.importorskip("scipy.sparse").csr_array(TABLE)


ENCODE = "Encode it as numbers first."
EACH = "Remove, fill or encode such entries first."
REMOVE = "Remove or fill such values first."
NO_NUMBERS = [
    (lambda: "text", f"text (dtype <U4). {ENCODE}"),
    (lambda: ["1", "2"], f"text (dtype <U1). {ENCODE}"),
    (lambda: b"bytes", f"text (dtype |S5). {ENCODE}"),
    (lambda: np.array(["a"], np.dtypes.StringDType()), f"text (dtype StringDType()). {ENCODE}"),
    (
        lambda: np.array(["2026-11-01"], "M8[D]"),
        "dates or times (dtype datetime64[D]). Give days, seconds or the like since a start.",
    ),
    (
        lambda: np.array([3], "m8[s]"),
        "dates or times (dtype timedelta64[s]). Give days, seconds or the like since a start.",
    ),
    (
        lambda: np.zeros(2, [("a", "i1")]),
        "records (dtype [('a', 'i1')]). Give their fields as columns.",
    ),
    (lambda: None, "None."),
    (lambda: [1, None], f"None at index [1]. {EACH}"),
    (lambda: [[1, 2.5], [True, "a"]], f"text (dtype <U32). {ENCODE}"),
    (lambda: [[1, 2.5], [True, {}]], f"{{}} at index [1, 1]. {EACH}"),
    (lambda: {"a": 1}, "{'a': 1}."),
    (lambda: np.array([1, "a" * 99], object), f"'{'a' * 12}...{'a' * 13}' at index [1]. {EACH}"),
    (lambda: [Lines()], f"two lines at index [0]. {EACH}"),
    (lambda: np.array([1, 2], object), "objects (dtype object). Use astype(float) first."),
    (sparse, "a sparse csr_array. Use its toarray() first."),
]


class Lines:
    def __repr__(self):
        return "two\n  lines"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        *NO_NUMBERS,
        (
            lambda: np.array([1j]),
            "complex numbers (dtype complex128). Take .real or np.abs first.",
        ),
    ],
)
def test_what_are_no_real_numbers_is_refused(make, message):
    with pytest.raises(InputError) as caught:
        checks.real_array("X", make())
    assert str(caught.value) == f"X must hold real numbers; got {message}"


NO_ARRAY = "x must be an array of numbers, every row as long as the others; "


@pytest.mark.parametrize("check", [lambda x: checks.real_array("x", x), checks.floating])
@pytest.mark.parametrize("ragged", [[[1, 2], [3]], ([1], 2), [np.ones(2), np.ones(3)]])
def test_ragged_lists_are_refused(check, ragged):
    with pytest.raises(InputError) as caught:
        check(ragged)
    kind = type(ragged).__name__
    wanted = f"{NO_ARRAY}got a {kind} whose rows differ in length. Even them out first."
    assert str(caught.value) == wanted
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("check", [lambda x: checks.real_array("x", x), checks.floating])
@pytest.mark.parametrize("error", [ValueError, TypeError, RuntimeError])
def test_what_does_not_turn_into_an_array_says_why_itself(check, error):
    class Tensor:
        def __array__(self, dtype=None, copy=None):
            raise error("needs a gradient.\nUse detach() first.")

    with pytest.raises(InputError) as caught:
        check(Tensor())
    assert str(caught.value) == f"{NO_ARRAY}NumPy says: needs a gradient. Use detach() first."


def test_whole_numbers_beyond_all_floats_are_not_finite():
    for huge in (10**400, -(10**400)):
        with pytest.raises(
            InputError, match=r"X must be finite in float64; got inf at index \[1\]"
        ):
            checks.real_array("X", [1, huge])


@pytest.mark.parametrize(
    ("value", "dtype", "message"),
    [
        (math.nan, "float64", "finite in float64; got nan at index []."),
        ([[1, 2], [3, math.nan]], "float64", "finite in float64; got nan at index [1, 1]."),
        ([0, math.inf, math.nan], "float64", "finite in float64; got inf at index [1]."),
        ([-math.inf, math.inf], "float64", "finite in float64; got -inf at index [0]."),
        (
            [[[1, 2], [math.nan, 4]]] * 2,
            "float64",
            "finite in float64; got nan at index [0, 1, 0].",
        ),
    ],
)
def test_the_first_number_that_is_not_finite_is_named(value, dtype, message):
    with pytest.raises(InputError) as caught:
        checks.real_array("X", value, dtype)
    assert str(caught.value) == f"X must be {message} {REMOVE}"


@pytest.mark.parametrize(
    ("value", "place"), [([1, 1e300], "1e+300 at index [1]"), ([10**39], "1e+39 at index [0]")]
)
def test_a_number_too_large_for_the_dtype_is_to_be_scaled_down(value, place):
    with pytest.raises(InputError) as caught:
        checks.real_array("X", value, "float32")
    assert str(caught.value) == f"X must be finite in float32; got {place}. Scale it down first."


@given(x=matrices(), data=st.data(), bad=st.sampled_from([math.nan, math.inf, -math.inf]))
def test_a_number_that_is_not_finite_is_found_anywhere(x, data, bad):
    index = tuple(data.draw(st.integers(0, n - 1)) for n in x.shape)
    x[index] = bad
    with pytest.raises(InputError, match=re.escape(f"got {bad} at index {list(index)}.")):
        checks.real_array("x", x)
    with pytest.raises(InputError):
        checks.matrix("x", x)


# floating: what activations take.


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f8", "c8", "c16"])
def test_floats_and_complex_numbers_stay_as_they_are(dtype):
    x = np.array([1, -2], dtype)
    assert checks.floating(x) is x


@pytest.mark.parametrize("x", [[1, -2], np.array([1, -2], np.int8), np.array([1, -2], ">i4")])
def test_integers_become_float64(x):
    array = checks.floating(x)
    assert array.dtype == np.float64
    assert array.tolist() == [1, -2]


def test_a_bool_a_scalar_and_nan_are_numbers():
    assert checks.floating(True).dtype == checks.floating(3).dtype == np.float64
    assert checks.floating(np.uint8(3)).shape == ()
    assert np.isnan(checks.floating(math.nan))


@pytest.mark.parametrize(("make", "message"), NO_NUMBERS)
def test_floating_refuses_what_is_no_number(make, message):
    with pytest.raises(InputError) as caught:
        checks.floating(make())
    assert str(caught.value) == f"x must hold numbers; got {message}"


# matrix and same_samples.

EMPTY = "X must hold at least one sample and one feature; got shape"
CHECK = "Check how it was selected or loaded."
SIDES = "Rows are samples, columns are features."


@pytest.mark.parametrize(
    ("value", "features", "message"),
    [
        (
            [1, 2, 3],
            None,
            "X must be 2-D, shaped (samples, features); got shape (3,). Reshape one "
            "sample to (1, -1), one feature to (-1, 1).",
        ),
        (
            np.ones((2, 3, 4)),
            None,
            "X must be 2-D, shaped (samples, features); got shape (2, 3, 4). Reshape it to "
            "(2, -1).",
        ),
        (
            3.0,
            None,
            "X must be 2-D, shaped (samples, features); got shape (). Reshape a single number to "
            "(1, 1).",
        ),
        ([], None, f"{EMPTY} (0,). {CHECK}"),
        ([[]], None, f"{EMPTY} (1, 0). {CHECK}"),
        (np.ones((0, 3)), 3, f"{EMPTY} (0, 3). {CHECK}"),
        (TABLE, 2, f"X must have 2 features; got 3 (shape (2, 3)). {SIDES}"),
        (TABLE, 1, f"X must have 1 feature; got 3 (shape (2, 3)). {SIDES}"),
    ],
)
def test_other_shapes_are_no_matrix(value, features, message):
    with pytest.raises(ShapeError) as caught:
        checks.matrix("X", value, features=features)
    assert str(caught.value) == message


@pytest.mark.parametrize("features", [None, 3])
def test_a_matrix_of_the_wanted_width_passes(features):
    assert checks.matrix("X", TABLE, features=features).tolist() == TABLE
    assert checks.matrix("X", [[5]]).tolist() == [[5]]


def test_same_samples():
    checks.same_samples("X", np.ones((2, 3)), "y", np.ones(2))
    with pytest.raises(ShapeError) as caught:
        checks.same_samples("X", np.ones((2, 3)), "y", np.ones((3, 1)))
    assert str(caught.value) == ("X and y must have the same number of samples; got 2 and 3.")


# sample_shares.


@pytest.mark.parametrize(
    "make",
    [
        lambda: [1, 2, 0, 5],
        lambda: np.array([1, 2, 0, 5], np.uint8),
        lambda: frozen(np.array([1.0, 2, 0, 5])),
        lambda: np.array([1.0, 2, 0, 5]) * 1e307,
        lambda: np.array([1.0, 2, 0, 5]) * 1e-320,
        lambda: np.repeat([1.0, 2, 0, 5], 2)[::2],
        lambda: pytest.importorskip("pandas").Series([1, 2, 0, 5]),
    ],
)
def test_weights_become_shares_of_the_whole(make):
    weights = make()
    before = contents(weights)
    shares = checks.sample_shares("sample_weight", weights, 4, np.float64)
    # Subnormal weights have few digits: 1e-320 is 2024 units of the last place.
    tolerance = 1e-3 if np.max(weights) < 1e-300 else 1e-15
    np.testing.assert_allclose(shares, [1 / 8, 2 / 8, 0, 5 / 8], rtol=tolerance)
    assert contents(weights) == before


@given(weights=st.lists(st.floats(0, 1e308), min_size=1).filter(any))
def test_shares_sum_to_one(weights):
    shares = checks.sample_shares("w", weights, len(weights), np.float64)
    assert (shares >= 0).all()
    assert math.fsum(shares) == pytest.approx(1, rel=1e-14)


def test_equal_weights_and_the_dtype_asked_for():
    shares = checks.sample_shares("w", [True] * 4, 4, np.float32)
    assert shares.dtype == np.float32
    assert shares.tolist() == [0.25] * 4


@pytest.mark.parametrize("size", [1e-60, 1e60])
def test_weights_beyond_the_dtype_asked_for_are_shares_too(size):
    assert checks.sample_shares("w", [size, 3 * size], 2, np.float32).tolist() == [0.25, 0.75]


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        (
            [1, 1],
            ShapeError,
            "w must hold one weight per sample, shape (3,); got shape (2,).",
        ),
        (
            [[1], [1], [1]],
            ShapeError,
            "w must hold one weight per sample, shape (3,); got shape (3, 1).",
        ),
        (1.0, ShapeError, "w must hold one weight per sample, shape (3,); got shape ()."),
        (
            [1, -2, -1],
            InputError,
            "w must not be negative; got -2 at index [1]. A weight of 0 leaves a sample out.",
        ),
        ([0, 0, 0], InputError, "w must have at least one weight above 0; got only zeros."),
        (
            [1, math.nan, 1],
            InputError,
            f"w must be finite in float64; got nan at index [1]. {REMOVE}",
        ),
        (
            ["a", "b", "c"],
            InputError,
            f"w must hold real numbers; got text (dtype <U1). {ENCODE}",
        ),
    ],
)
def test_unfit_weights_are_refused(weights, error, message):
    with pytest.raises(error) as caught:
        checks.sample_shares("w", weights, 3, np.float64)
    assert str(caught.value) == message


def test_no_weights_at_all_are_only_zeros():
    with pytest.raises(InputError, match="w must have at least one weight above 0"):
        checks.sample_shares("w", [], 0, np.float64)


# number and whole_number.


@pytest.mark.parametrize(
    "value",
    [2, 2.0, np.int8(2), np.uint64(2), np.float16(2), np.float32(2), np.longdouble(2), Fraction(2)],
)
def test_any_real_scalar_is_a_number(value):
    result = checks.number("x", value, minimum=2, maximum=2, above=1, below=3)
    assert type(result) is float
    assert result == 2


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_a_finite_number_comes_back_as_it_is(value):
    assert checks.number("x", value) == value


@pytest.mark.parametrize(
    ("value", "bounds", "message"),
    [
        (math.nan, {}, "a finite number; got nan."),
        (math.inf, {}, "a finite number; got inf."),
        (-math.inf, {"below": 1}, "a finite number below 1; got -inf."),
        (np.float64("nan"), {"minimum": 0}, "a finite number at least 0; got nan."),
        (-1, {"minimum": 0}, "a finite number at least 0; got -1."),
        (1.5, {"maximum": 1}, "a finite number at most 1; got 1.5."),
        (0, {"above": 0}, "a finite number above 0; got 0."),
        (1, {"below": 1}, "a finite number below 1; got 1."),
        (2, {"minimum": 0, "below": 1}, "a finite number at least 0 and below 1; got 2."),
        (2, {"above": 0, "maximum": 1}, "a finite number at most 1 and above 0; got 2."),
        (True, {}, "a finite number; got True."),
        (np.True_, {}, "a finite number; got np.True_."),
        ("0.1", {}, "a finite number; got '0.1'."),
        (None, {"minimum": 0}, "a finite number at least 0; got None."),
        (1j, {}, "a finite number; got 1j."),
        ([1.0], {}, "a finite number; got [1.0]."),
        (np.array(1.0), {}, "a finite number; got array(1.)."),
        (Decimal("0.1"), {}, "a finite number; got Decimal('0.1')."),
    ],
)
def test_what_is_no_number_within_bounds_is_refused(value, bounds, message):
    with pytest.raises(ParameterError) as caught:
        checks.number("rate", value, **bounds)
    assert str(caught.value) == f"rate must be {message}"


@pytest.mark.parametrize("value", [3, 10**30, np.int8(3), np.uint64(3)])
def test_a_whole_number_comes_back_as_an_int(value):
    result = checks.whole_number("epochs", value, 3)
    assert type(result) is int
    assert result == value


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (2, "2"),
        (-5, "-5"),
        (np.int64(2), "np.int64(2)"),
        (3.0, "3.0"),
        (True, "True"),
        (np.True_, "np.True_"),
        ("3", "'3'"),
        (None, "None"),
        ([3], "[3]"),
        (math.nan, "nan"),
    ],
)
def test_what_is_no_whole_number_is_refused(value, shown):
    with pytest.raises(ParameterError) as caught:
        checks.whole_number("epochs", value, 3)
    assert str(caught.value) == f"epochs must be a whole number of at least 3; got {shown}."


@pytest.mark.parametrize("value", [True, np.True_])
def test_a_bool_is_no_whole_number_even_where_1_would_do(value):
    with pytest.raises(ParameterError, match="epochs must be a whole number of at least 0"):
        checks.whole_number("epochs", value, 0)


# Seeds.


@pytest.mark.parametrize("seed", [0, 2**128 - 1, np.int64(7)])
def test_a_whole_seed_stays(seed):
    assert type(checks.whole_seed(seed)) is int
    assert checks.whole_seed(seed) == seed


def test_a_seed_from_a_generator_is_its_next_number_and_none_is_fresh():
    rng, same = np.random.default_rng(0), np.random.default_rng(0)
    assert [checks.whole_seed(rng) for _ in range(2)] == same.integers(2**63, size=2).tolist()
    assert checks.whole_seed(None) != checks.whole_seed(None)


@pytest.mark.parametrize("seed", [0, 42, 2**100, np.int64(7), np.uint8(7)])
def test_an_int_seeds_a_new_generator(seed):
    drawn = checks.generator(seed).random(3)
    assert drawn.tolist() == np.random.default_rng(int(seed)).random(3).tolist()


def test_a_generator_is_taken_as_it_is_and_none_is_fresh():
    rng = np.random.default_rng(0)
    assert checks.generator(rng) is rng
    assert checks.generator(None).random() != checks.generator(None).random()


@pytest.mark.parametrize(
    "seed",
    [-1, 2**128, 1.0, True, np.False_, "1", [1], np.random.RandomState(0)],
)
@pytest.mark.parametrize("check", [checks.whole_seed, checks.generator])
def test_other_seeds_are_refused(check, seed):
    with pytest.raises(ParameterError) as caught:
        check(seed)
    assert str(caught.value) == (
        "seed must be a non-negative int of at most 128 bits, a numpy.random.Generator, or None "
        f"for a fresh start each time; got {seed!r}."
    )


def test_a_masked_array_is_refused_rather_than_unmasked():
    hidden = np.ma.array([1.0, 999.0], mask=[False, True])
    with pytest.raises(InputError, match=r"^X must not be masked; got a masked array\. Fill"):
        checks.real_array("X", hidden)


def test_a_table_of_numbers_and_truth_values_is_taken_as_numbers():
    table = pytest.importorskip("pandas").DataFrame({"size": [1.5, 2.0], "red": [True, False]})
    assert checks.real_array("X", table).tolist() == [[1.5, 1.0], [2.0, 0.0]]


# Paths (what is no path at all is refused where files are written)


@pytest.mark.parametrize(
    ("name", "suffixes", "good"),
    [
        ("a.png", (".png", ".svg"), True),
        ("a.PNG", (".png", ".svg"), True),
        ("a.svg", (".png", ".svg"), True),
        ("a", (), True),
        ("a", (".png",), False),
        ("a.png.txt", (".png", ".svg"), False),
        (".png", (".png",), False),
    ],
)
def test_suffixes(tmp_path, name, suffixes, good):
    path = tmp_path / name
    if good:
        assert checks.checked_path(path, suffixes) == path
        return
    with pytest.raises(InputError) as caught:
        checks.checked_path(path, suffixes)
    assert str(caught.value) == f"path must end in {' or '.join(suffixes)}; got {name!r}."


def test_checking_a_path_makes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert checks.checked_path("a.png") == pathlib.Path("a.png")
    assert not [*tmp_path.iterdir()]
