"""What is said of data and numbers that cannot be used: what was given, and how to mend it."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Iterable, Mapping, Sized
from numbers import Real
from typing import Any

import numpy as np

from ..checks import Array, column_names
from ..errors import InputError, ParameterError, ShapeError

#: What arrays of each sort hold that are not of real numbers, and how to make numbers of it.
MENDS = {
    **dict.fromkeys("UST", ("text", "Encode it as numbers first.")),
    **dict.fromkeys("Mm", ("dates or times", "Give days, seconds or the like since a start.")),
    "c": ("complex numbers", "Take .real or np.abs first."),
    "V": ("records", "Give their fields as columns."),
}
#: What the dtypes of columns begin with that hold no numbers, though NumPy may make some of them.
COLUMNS = {
    **dict.fromkeys(("categ", "enum"), "categories"),
    **dict.fromkeys(("date", "time", "duration", "period", "interval"), "dates or times"),
}
TWO_AXES = "be 2-D, shaped (samples, features)"


def refuse_columns(name: str, table: Any) -> None:
    """Refuse a table, or column, of pandas or polars that holds something else than numbers."""
    if hasattr(table, "collect"):
        cls, own = type(table).__name__, _variable(name)
        raise InputError(f"{name} must be at hand; got a {cls}. Give {own}.collect().")
    is_table = hasattr(table, "columns")
    columns = zip(table.columns, table.dtypes, strict=True) if is_table else [("", table.dtype)]
    for column, dtype in columns:
        words = (what for start, what in COLUMNS.items() if str(dtype).lower().startswith(start))
        if what := next(words, None):
            where = f" in column {column!r}" if is_table else ""
            mend = MENDS["M"][1] if "dates" in what else _encoded(name, table, column)
            raise InputError(f"{name} must hold real numbers; got {what}{where}. {mend}")


def _encoded(name: str, table: Any, column: Any) -> str:
    """Return what makes numbers of the categories of a column."""
    if _variable(name) != "y":
        return f"Instead, {_dummies(name, table, column)}."
    codes = "to_physical()" if hasattr(table, "to_dummies") else "cat.codes"
    return f"Number them: y{f'[{column!r}]' if column else ''}.{codes}."


def _dummies(name: str, table: Any, column: Any) -> str:
    """Return what makes a column of numbers for each value of one that has none."""
    own = _variable(name)
    call = f"pd.get_dummies({own}, columns=[{column!r}])"
    if hasattr(table, "to_dummies"):
        call = f"{own}.to_dummies({column!r})"
    return f"give each value a column of its own: {call}, or scikit-learn's OneHotEncoder"


def masked(name: str) -> InputError:
    """Return the error for masked arrays."""
    mend = "Fill or drop what is missing first"
    if _variable(name) == "y":
        mend += (
            ", or give y.filled(np.nan) to a loss of your own that leaves NaN out: the "
            'documentation, "Data people have", has one of ten lines'
        )
    return InputError(f"{name} must not be masked; got a masked array. {mend}.")


def no_array(name: str, value: object, error: Exception) -> InputError:
    """Return the error for what NumPy cannot make an array of."""
    if isinstance(value, (list, tuple)) and isinstance(error, ValueError):
        given = f"got a {type(value).__name__} whose rows differ in length. Even them out first"
    else:
        given = f"NumPy says: {' '.join(str(error).split()).rstrip('.')}"
    return InputError(
        f"{name} must be an array of numbers, every row as long as the others; {given}."
    )


def no_numbers(
    name: str, value: object, given: Array, wanted: str, labels: str | None = None
) -> InputError:
    """Return the error for an array that holds something else."""
    said = _in_words(name, value, given, labels)
    return InputError(f"{name} must hold {wanted}; got {said}")


def _in_words(name: str, value: object, given: Array, labels: str | None) -> str:
    """Say what was given in the place of numbers, and how to make numbers of it."""
    code = given.dtype.kind
    if code in MENDS:
        what, mend = MENDS[code]
        mend = numbered(name) if labels else mend
        return f"{what} (dtype {given.dtype}). {mend}"
    if hasattr(value, "toarray"):
        return f"a sparse {type(value).__name__}. Use its toarray() first."
    if given.ndim == 0:
        if isinstance(value, Iterable) and not isinstance(value, Mapping):
            return (
                f"{type(value).__name__}, which NumPy does not go through. Give "
                f"np.array(list({name})), a numpy.memmap, or batches (X, y) as X alone."
            )
        return f"{shown(value)}."
    for index, entry in np.ndenumerate(given):
        if not isinstance(entry, (Real, np.bool_)):
            where = f"{shown(entry)} {_place(value, index)}"
            mend = "Remove, fill or encode such entries first."
            if isinstance(entry, str) and (names := column_names(value)):
                mend = f"Remove or fill it, or {_dummies(name, value, names[index[1]])}."
            return f"{where}. {numbered(name) if labels and isinstance(entry, str) else mend}"
    return f"objects (dtype {given.dtype}). Use astype(float) first."


def not_finite(name: str, value: object, given: Array, array: Array) -> InputError:
    """Return the error for numbers that are not finite, or not in the dtype of `array`."""
    where = tuple(np.argwhere(~np.isfinite(array))[0].tolist())
    mend = "Scale it down" if np.isfinite(given[where]) else "Remove or fill such values"
    return InputError(
        f"{name} must be finite in {array.dtype}; got {given[where]} {_place(value, where)}. "
        f"{mend} first."
    )


def no_matrix(name: str, array: Array, features: int | None) -> ShapeError:
    """Return the error for an array that has another shape than (samples, features)."""
    shape = f"got shape {array.shape}"
    if array.size == 0:
        said = f"hold at least one sample and one feature; {shape}. Check how it was selected"
        said += " or loaded"
    elif array.ndim == 0:
        said = f"{TWO_AXES}; {shape}. Reshape a single number to (1, 1)"
    elif array.ndim == 1:
        said = f"{TWO_AXES}; {shape}. Reshape one sample to (1, -1), one feature to (-1, 1)"
    elif array.ndim > 2:
        said = f"{TWO_AXES}; {shape}. Reshape it to ({len(array)}, -1)"
    else:
        said = (
            f"have {features} feature{'s'[: features != 1]}; got {array.shape[1]} (shape "
            f"{array.shape}). Rows are samples, columns are features"
        )
    return ShapeError(f"{name} must {said}.")


def out_of_range(
    name: str, value: Any, minimum: float, maximum: float, above: float, below: float
) -> ParameterError:
    """Return the error for what is no finite number within its bounds."""
    limits = {"at least": minimum, "at most": maximum, "above": above, "below": below}
    bounds = " and ".join(f"{k} {v:g}" for k, v in limits.items() if math.isfinite(v))
    got = f"{value:g}" if isinstance(value, float) else repr(value)
    return ParameterError(
        f"{name} must be a finite number{' ' if bounds else ''}{bounds}; got {got}."
    )


def other_columns(name: str, given: tuple[str, ...], columns: tuple[str, ...]) -> InputError:
    """Return the error for a table whose columns are not those that were learnt."""
    lists = {
        "missing": [each for each in columns if each not in given],
        "new": [each for each in given if each not in columns],
    }
    said = ", ".join(f"{what}: {shown(names)}" for what, names in lists.items() if names)
    return InputError(
        f"{name} must have the columns that the network was fitted on; {said}. Rename or "
        "select them, or give an array."
    )


def no_label(name: str, labels: Array, bad: Array, classes: int) -> InputError:
    """Return the error for labels that are not those of so many outputs, and what numbers them."""
    first, found = int(np.argmax(bad)), len(np.unique(labels))
    if (labels != np.floor(labels)).any():
        mend = "For plain numbers use MeanSquaredError()."
    elif found > classes:
        mend = f"These are {found} classes: let the last layer have {found} outputs."
    else:
        mend = numbered(name)
    return InputError(
        f"{name} must hold whole labels from 0 to {classes - 1}, one for each of the "
        f"{classes} outputs; got {labels[first]:g} at index [{first}]. {mend}"
    )


def no_classes(name: str, array: Array, outputs: int) -> ShapeError:
    """Return the error for an array that holds neither labels nor one-hot rows."""
    column = array.shape[1:] == (1,)
    return ShapeError(
        f"{name} must be integer labels of shape (samples,), or one-hot rows of shape "
        f"(samples, {outputs}); got shape {array.shape}."
        f"{f' Give np.asarray({_variable(name)}).ravel().' if column else ''}"
    )


def no_targets(name: str, array: Array, outputs: int) -> ShapeError:
    """Return the error for targets that have not one column for each output."""
    labels = array.ndim == 1
    return ShapeError(
        f"{name} must have shape (samples, {outputs}), one column for each output; "
        f"got shape {array.shape}.{' For class labels use SoftmaxCrossEntropy().' * labels}"
    )


def no_shares_of_1(name: str, sums: Array) -> InputError:
    """Return the error for rows of classes whose sums are not 1."""
    row = int(np.argmax(abs(sums - 1)))
    return InputError(
        f"each row of {name} must sum to 1; row {row} sums to {sums[row]:g}. For several "
        "classes at once use SigmoidCrossEntropy()."
    )


def no_validation(given: object) -> ParameterError:
    """Return the error for what is no pair of inputs and targets, with or without weights."""
    length = f" of {len(given)}" if isinstance(given, Sized) else ""
    return ParameterError(
        "validation_data must be a tuple (X, y) or (X, y, sample_weight); got "
        f"{type(given).__name__}{length}."
    )


def no_weights(name: str, array: Array, samples: int) -> InputError | ShapeError:
    """Return the error for what are not the weights of so many samples."""
    if array.shape != (samples,):
        return ShapeError(
            f"{name} must hold one weight per sample, shape ({samples},); got shape {array.shape}."
        )
    if (array < 0).any():
        return InputError(
            f"{name} must not be negative; got {array.min():g} at index [{array.argmin()}]. "
            "A weight of 0 leaves a sample out."
        )
    return InputError(f"{name} must have at least one weight above 0; got only zeros.")


def nothing_to_weigh(loss: object, outputs: int, exclusive: bool) -> InputError | ParameterError:
    """Return the error for weights of classes where samples have not one class each."""
    if exclusive:
        return InputError("class_weight needs y of classes; got probabilities between them.")
    return ParameterError(
        f"class_weight needs one class for each sample, which {loss!r} on {outputs} "
        "outputs has not. Use sample_weight."
    )


def no_class_weights(given: object, classes: int) -> ParameterError:
    """Return the error for what does not say how much so many classes count."""
    if isinstance(given, Mapping):
        unknown = next(label for label in given if label not in range(classes))
        return ParameterError(
            f"class_weight must name classes from 0 to {classes - 1}; got {unknown!r}."
        )
    return ParameterError(
        f'class_weight must be "balanced" or a mapping such as {{0: 1, 1: 10}}; got {given!r}.'
    )


def no_vectors(
    optimizer: str, parameters: Array, gradients: Array, known: Array
) -> InputError | ShapeError:
    """Return the error for what an optimizer cannot step with, or not after earlier steps."""
    if parameters.ndim == 0 or parameters.shape != gradients.shape:
        return ShapeError(
            "parameters and gradients must be vectors of one length; got shapes "
            f"{parameters.shape} and {gradients.shape}."
        )
    if parameters.dtype.kind != "f" or gradients.dtype.kind != "f":
        return InputError(
            "parameters and gradients must be floats; got "
            f"{parameters.dtype} and {gradients.dtype}."
        )
    return ShapeError(
        f"{optimizer} works on {known.size} parameters of {known.dtype}; got {parameters.size} "
        f"of {parameters.dtype}. Take a new optimizer."
    )


def outside_0_1(name: str, array: Array, meaning: str, labels: str | None) -> InputError:
    """Return the error for numbers that are no probabilities; labels may be others in disguise."""
    first = np.argwhere((array < 0) | (array > 1))[0].tolist()
    said = f"({meaning}); got {array[tuple(first)]:g} at index {first}."
    found = len(np.unique(array)) if labels else 0
    if found == 2:
        said += f" {numbered(name)}"
    elif found > 2 and array.shape[1] == 1 and (array == np.floor(array)).all():
        said += f" For {found} classes use SoftmaxCrossEntropy(), with as many outputs."
    return InputError(f"{name} must lie between 0 and 1 {said}")


def numbered(name: str) -> str:
    """Return the line that numbers labels of any sort."""
    y = _variable(name)
    return f"Number them: classes, {y} = np.unique({y}, return_inverse=True)."


def _variable(name: str) -> str:
    """Return what "validation y" is called in code."""
    return name.rpartition(" ")[2]


def shown(value: Any) -> str:
    """Return how a value looks, cut short, in one line."""
    return " ".join(reprlib.repr(value).split())


def _place(value: object, index: tuple[int, ...]) -> str:
    """Return where an entry stands, with the name of its column if that has one."""
    names = column_names(value)
    return f"at index {list(index)}" + (f" (column {names[index[1]]!r})" if names else "")
