"""Bad input as data: what is given in which place, and what is said to it.

`test_bad_input.py` gives all of it to a network; `docs/bad-input.md` shows it.
What is given is written as the source text that a user would write, and what is said
stands below it. In the calls, `...` stands for what is given.
"""

import copy
from typing import NamedTuple

import numpy as np

import backproplite as bp

X = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0], [0, 0, 0], [1, 1, 1]], dtype=float)
TARGETS = {
    "numbers": np.array([[0], [1], [1], [0], [1]], dtype=float),
    "pairs": np.array([[0, 1], [1, 0], [1, 1], [0, 0], [1, 1]], dtype=float),
    "labels": np.array([0, 1, 1, 0, 1], dtype=float),
    "yes or no": np.array([[0, 1], [1, 0], [1, 1], [0, 0], [1, 1]], dtype=float),
    "float32": np.array([[0], [1], [1], [0], [1]], dtype=float),
}
LOSSES = {"labels": bp.SoftmaxCrossEntropy, "yes or no": bp.SigmoidCrossEntropy}


def network_for(kind):
    """A network with every kind of state in use, for some kind of targets."""
    network = bp.Network(
        [
            *(bp.Dense(3, 4), bp.BatchNorm(4), bp.Tanh(), bp.Dropout(0.2)),
            bp.Dense(4, TARGETS[kind].shape[1] if TARGETS[kind].ndim == 2 else 2),
        ],
        loss=LOSSES.get(kind, bp.MeanSquaredError)(),
        optimizer=bp.Adam(0.01),
        seed=0,
        dtype="float32" if kind == "float32" else "float64",
    )
    return network.fit(X, TARGETS[kind], epochs=2, batch_size=2)


def put(array, place, value):
    """The array with another value at a place."""
    changed = np.array(array, dtype=np.result_type(array, type(value)))
    changed[place] = value
    return changed


class Group(NamedTuple):
    """Cases of one argument: the calls that take it, the kind of targets, and the cases."""

    argument: str
    calls: list[str]
    kind: str
    text: str

    def cases(self):
        """Yield what is given, the name of the error, and its whole text."""
        lines = self.text.strip().splitlines()
        for given, said in zip(lines[::2], lines[1::2], strict=True):
            error, _, text = said.strip().partition(": ")
            yield given.strip(), error, text


def names_for(kind, network):
    """What the calls, and what is given in them, may name."""
    import pandas as pd  # here, so that the documentation can do without them
    from scipy import sparse

    used = bp.Dense(2, 2)
    bp.Network([used], loss=bp.MeanSquaredError())
    table = pd.DataFrame(X, columns=["age", "height", "weight"])
    named = bp.Network([bp.Dense(3, 1)], loss=bp.MeanSquaredError(), seed=0)
    named.fit(table, X[:, 0], epochs=1)
    rest = {
        "table": table,
        "named": named,
        "np": np,
        "pd": pd,
        "sparse": sparse,
        "bp": bp,
        "put": put,
        "used": used,
        "twin": copy.deepcopy(network),
        "narrow": bp.Network([bp.Dense(2, 1)], loss=bp.MeanSquaredError()),
        "labels": bp.Network([bp.Dense(3, 2)], loss=bp.SoftmaxCrossEntropy()),
        "stop": bp.EarlyStopping(3),
    }
    return rest | {"network": network, "X": X, "y": TARGETS[kind]}


TAKES_X = ["network.predict(...)", "network.forward(...)", "network.forward_training(...)"]
TAKES_BOTH = ["network.train_step", "network.evaluate", "network.loss_and_gradient"]
TAKES_Y = ["network.fit(X, ..., epochs=1)", *(f"{name}(X, ...)" for name in TAKES_BOTH)]
TAKES_WEIGHT = ["network.fit(X, y, epochs=1, sample_weight=...)"]
TAKES_WEIGHT += [f"{name}(X, y, ...)" for name in TAKES_BOTH]
TAKES_X += [call.replace("...", "y").replace("X", "...") for call in TAKES_Y]

#: Everything that is refused.
GROUPS = [
    Group(
        "`X`, for a network of 3 features",
        TAKES_X,
        "numbers",
        r"""
        X[:, :2]
            ShapeError: X must have 3 features; got 2 (shape (5, 2)). Rows are samples, columns are features.
        np.ones((5, 4))
            ShapeError: X must have 3 features; got 4 (shape (5, 4)). Rows are samples, columns are features.
        X[0]
            ShapeError: X must be 2-D, shaped (samples, features); got shape (3,). Reshape one sample to (1, -1), one feature to (-1, 1).
        X[np.newaxis]
            ShapeError: X must be 2-D, shaped (samples, features); got shape (1, 5, 3). Reshape it to (1, -1).
        7.0
            ShapeError: X must be 2-D, shaped (samples, features); got shape (). Reshape a single number to (1, 1).
        []
            ShapeError: X must hold at least one sample and one feature; got shape (0,). Check how it was selected or loaded.
        np.empty((0, 3))
            ShapeError: X must hold at least one sample and one feature; got shape (0, 3). Check how it was selected or loaded.
        np.empty((5, 0))
            ShapeError: X must hold at least one sample and one feature; got shape (5, 0). Check how it was selected or loaded.
        put(X, (3, 1), np.nan)
            InputError: X must be finite in float64; got nan at index [3, 1]. Remove or fill such values first.
        put(X, (0, 2), np.inf)
            InputError: X must be finite in float64; got inf at index [0, 2]. Remove or fill such values first.
        put(X, (4, 0), -np.inf)
            InputError: X must be finite in float64; got -inf at index [4, 0]. Remove or fill such values first.
        put(put(X, (1, 1), np.inf), (2, 2), -np.inf)
            InputError: X must be finite in float64; got inf at index [1, 1]. Remove or fill such values first.
        [[1, 2, 10**400]]
            InputError: X must be finite in float64; got inf at index [0, 2]. Remove or fill such values first.
        X.astype(str)
            InputError: X must hold real numbers; got text (dtype <U32). Encode it as numbers first.
        [["a", "b", "c"]]
            InputError: X must hold real numbers; got text (dtype <U1). Encode it as numbers first.
        X.astype(object)
            InputError: X must hold real numbers; got objects (dtype object). Use astype(float) first.
        X.astype("M8[D]")
            InputError: X must hold real numbers; got dates or times (dtype datetime64[D]). Give days, seconds or the like since a start.
        X + 0j
            InputError: X must hold real numbers; got complex numbers (dtype complex128). Take .real or np.abs first.
        np.zeros(5, dtype=[("a", float)])
            InputError: X must hold real numbers; got records (dtype [('a', '<f8')]). Give their fields as columns.
        np.ma.masked_equal(X, 0)
            InputError: X must not be masked; got a masked array. Fill or drop what is missing first.
        sparse.csr_array(X)
            InputError: X must hold real numbers; got a sparse csr_array. Use its toarray() first.
        [[1, 2, 3], [4, 5]]
            InputError: X must be an array of numbers, every row as long as the others; got a list whose rows differ in length. Even them out first.
        None
            InputError: X must hold real numbers; got None.
        [[1, 2, None]]
            InputError: X must hold real numbers; got None at index [0, 2]. Remove, fill or encode such entries first.
        pd.DataFrame({"a": [1], "b": ["x"], "c": [2]})
            InputError: X must hold real numbers; got 'x' at index [0, 1] (column 'b'). Remove or fill it, or give each value a column of its own: pd.get_dummies(X, columns=['b']), or scikit-learn's OneHotEncoder.
        pd.DataFrame({"a": [1, 2], "b": [0.5, np.nan], "c": [True, False]})
            InputError: X must be finite in float64; got nan at index [1, 1] (column 'b'). Remove or fill such values first.
        pd.DataFrame({"a": [1], "b": pd.array([None], "Int64"), "c": [2]})
            InputError: X must hold real numbers; got <NA> at index [0, 1] (column 'b'). Remove, fill or encode such entries first.
        {"a": 1}
            InputError: X must hold real numbers; got {'a': 1}.
    """,
    ),
    Group(
        "`X` that NumPy does not go through",
        TAKES_X[2:],
        "numbers",
        r"""
        (row for row in X)
            InputError: X must hold real numbers; got generator, which NumPy does not go through. Give np.array(list(X)), a numpy.memmap, or batches (X, y) as X alone.
        map(list, X)
            InputError: X must hold real numbers; got map, which NumPy does not go through. Give np.array(list(X)), a numpy.memmap, or batches (X, y) as X alone.
        print
            InputError: X must hold real numbers; got <built-in function print>.
    """,
    ),
    Group(
        "Batches to train on",
        ["network.fit(..., epochs=2)"],
        "numbers",
        r"""
        []
            InputError: X must give one batch at least; it gave none.
        iter([(X, y)])
            InputError: X must give its batches again and again; got list_iterator, which gives them once. Give a list, or a function that returns a new one each time.
        lambda: iter(())
            InputError: X must give one batch at least; it gave none.
        lambda: None
            InputError: X without y must give batches (X, y), one after the other; got function. Python says: 'NoneType' object is not iterable.
        7
            InputError: X without y must give batches (X, y), one after the other; got int. Python says: 'int' object is not iterable.
        X
            InputError: y must hold real numbers; got None.
        [X, X]
            InputError: batch 1: it must be (X, y) or (X, y, sample_weight); got ndarray.
        [{"X": X, "y": y}]
            InputError: batch 1: it must be (X, y) or (X, y, sample_weight); got dict.
        [(X, y, None, y)]
            InputError: batch 1: it must be (X, y) or (X, y, sample_weight); got tuple of 4.
        [(X[:, :2], y)]
            ShapeError: batch 1: X must have 3 features; got 2 (shape (5, 2)). Rows are samples, columns are features.
        [(X, y[:3])]
            ShapeError: batch 1: X and batch 1: y must have the same number of samples; got 5 and 3.
        [(X, y, -y[:, 0] - 1)]
            InputError: batch 1: sample_weight must not be negative; got -2 at index [1]. A weight of 0 leaves a sample out.
        [(X, y)], batch_size=2
            ParameterError: batch_size cannot be had where X gives batches: they are as large as they come.
        [(X, y)], sample_weight=y
            ParameterError: sample_weight cannot be had where X gives batches: give it in them, (X, y, sample_weight).
        [(X, y)], class_weight="balanced"
            ParameterError: class_weight cannot be had where X gives batches: it needs all data at once. Give a sample_weight in them.
        [(X, y)], validation_data=[(X, y * np.nan)]
            InputError: validation batch 1: y must be finite in float64; got nan at index [0, 0]. Remove or fill such values first.
        [(X, y)], validation_data=iter([(X, y)])
            InputError: validation_data must give its batches again and again; got list_iterator, which gives them once. Give a list, or a function that returns a new one each time.
    """,
    ),
    Group(
        "Batches to predict",
        ["network.predict(...)", "network.forward(...)"],
        "numbers",
        r"""
        (row for row in X)
            ShapeError: batch 1: X must be 2-D, shaped (samples, features); got shape (3,). Reshape one sample to (1, -1), one feature to (-1, 1).
        iter(())
            InputError: X must give one batch at least; it gave none.
        [X, X[:, :2]]
            ShapeError: batch 2: X must have 3 features; got 2 (shape (5, 2)). Rows are samples, columns are features.
        [X, X], 2
            ParameterError: batch_size cannot be had where X gives batches: they are as large as they come.
        print
            InputError: X without y must give batches (X, y), one after the other; got builtin_function_or_method. Python says: 'NoneType' object is not iterable.
    """,
    ),
    Group(
        "`y` of numbers, for one output",
        TAKES_Y,
        "numbers",
        r"""
        np.ones((5, 2))
            ShapeError: y must have shape (samples, 1), one column for each output; got shape (5, 2).
        y[:3]
            ShapeError: X and y must have the same number of samples; got 5 and 3.
        np.arange(6)
            ShapeError: X and y must have the same number of samples; got 5 and 6.
        3.0
            ShapeError: y must have shape (samples, 1), one column for each output; got shape ().
        np.ones((5, 1, 1))
            ShapeError: y must have shape (samples, 1), one column for each output; got shape (5, 1, 1).
        []
            ShapeError: X and y must have the same number of samples; got 5 and 0.
        [1, 2, np.nan, 4, 5]
            InputError: y must be finite in float64; got nan at index [2]. Remove or fill such values first.
        ["yes"] * 5
            InputError: y must hold real numbers; got text (dtype <U3). Encode it as numbers first.
        None
            InputError: y must hold real numbers; got None.
    """,
    ),
    Group(
        "`y` of numbers, for two outputs",
        TAKES_Y,
        "pairs",
        r"""
        np.arange(5)
            ShapeError: y must have shape (samples, 2), one column for each output; got shape (5,). For class labels use SoftmaxCrossEntropy().
        np.ones((5, 1))
            ShapeError: y must have shape (samples, 2), one column for each output; got shape (5, 1).
        y.T
            ShapeError: y must have shape (samples, 2), one column for each output; got shape (2, 5).
        y * 1j
            InputError: y must hold real numbers; got complex numbers (dtype complex128). Take .real or np.abs first.
    """,
    ),
    Group(
        "`y` of class labels, for two outputs",
        TAKES_Y,
        "labels",
        r"""
        [0, 1, 2, 1, 0]
            InputError: y must hold whole labels from 0 to 1, one for each of the 2 outputs; got 2 at index [2]. These are 3 classes: let the last layer have 3 outputs.
        [0, 1, 1, -1, 0]
            InputError: y must hold whole labels from 0 to 1, one for each of the 2 outputs; got -1 at index [3]. These are 3 classes: let the last layer have 3 outputs.
        [0, 1, 1, 0, 0.5]
            InputError: y must hold whole labels from 0 to 1, one for each of the 2 outputs; got 0.5 at index [4]. For plain numbers use MeanSquaredError().
        [1, 2, 2, 1, 1]
            InputError: y must hold whole labels from 0 to 1, one for each of the 2 outputs; got 2 at index [1]. Number them: classes, y = np.unique(y, return_inverse=True).
        [-1, 1, 1, -1, 1]
            InputError: y must hold whole labels from 0 to 1, one for each of the 2 outputs; got -1 at index [0]. Number them: classes, y = np.unique(y, return_inverse=True).
        pd.Series(list("abbab"))
            InputError: y must hold real numbers; got 'a' at index [0]. Number them: classes, y = np.unique(y, return_inverse=True).
        [0, 1, 1, 0]
            ShapeError: X and y must have the same number of samples; got 5 and 4.
        np.eye(3)[[0, 1, 1, 0, 2]]
            ShapeError: y must be integer labels of shape (samples,), or one-hot rows of shape (samples, 2); got shape (5, 3).
        np.ones((5, 1))
            ShapeError: y must be integer labels of shape (samples,), or one-hot rows of shape (samples, 2); got shape (5, 1). Give np.asarray(y).ravel().
        np.ones((5, 2))
            InputError: each row of y must sum to 1; row 0 sums to 2. For several classes at once use SigmoidCrossEntropy().
        [[2, -1]] * 5
            InputError: y must lie between 0 and 1 (one-hot rows); got 2 at index [0, 0]. Number them: classes, y = np.unique(y, return_inverse=True).
        list("abbab")
            InputError: y must hold real numbers; got text (dtype <U1). Number them: classes, y = np.unique(y, return_inverse=True).
    """,
    ),
    Group(
        "`y` of yes and no",
        TAKES_Y,
        "yes or no",
        r"""
        y * 2
            InputError: y must lie between 0 and 1 (0 for no and 1 for yes, or a probability between); got 2 at index [0, 1]. Number them: classes, y = np.unique(y, return_inverse=True).
        y * 2 - 1
            InputError: y must lie between 0 and 1 (0 for no and 1 for yes, or a probability between); got -1 at index [0, 0]. Number them: classes, y = np.unique(y, return_inverse=True).
        [["yes", "no"]] * 5
            InputError: y must hold real numbers; got text (dtype <U3). Number them: classes, y = np.unique(y, return_inverse=True).
        -y
            InputError: y must lie between 0 and 1 (0 for no and 1 for yes, or a probability between); got -1 at index [0, 1]. Number them: classes, y = np.unique(y, return_inverse=True).
    """,
    ),
    Group(
        "`y` of yes and no, for one output",
        [
            "bp.SigmoidCrossEntropy()(np.zeros((4, 1)), ...)",
            "bp.BinaryCrossEntropy()(np.ones((4, 1)), ...)",
        ],
        "numbers",
        r"""
        [1, 2, 1, 2]
            InputError: targets must lie between 0 and 1 (0 for no and 1 for yes, or a probability between); got 2 at index [1, 0]. Number them: classes, targets = np.unique(targets, return_inverse=True).
        [0, 1, 2, 1]
            InputError: targets must lie between 0 and 1 (0 for no and 1 for yes, or a probability between); got 2 at index [2, 0]. For 3 classes use SoftmaxCrossEntropy(), with as many outputs.
        [0, 1, 0.5, 1.5]
            InputError: targets must lie between 0 and 1 (0 for no and 1 for yes, or a probability between); got 1.5 at index [3, 0].
    """,
    ),
    Group(
        "`X` for a network fitted on a table with the columns `'age'`, `'height'` and `'weight'`",
        ["named.predict(...)", "named.evaluate(..., y)", "named.fit(..., y, epochs=1)"],
        "numbers",
        r"""
        table.rename(columns={"age": "years"})
            InputError: X must have the columns that the network was fitted on; missing: ['age'], new: ['years']. Rename or select them, or give an array.
        table[["age", "height"]]
            InputError: X must have the columns that the network was fitted on; missing: ['weight']. Rename or select them, or give an array.
        table.assign(shoes=42)
            InputError: X must have the columns that the network was fitted on; new: ['shoes']. Rename or select them, or give an array.
        table.to_numpy()[:, :2]
            ShapeError: X must have 3 features; got 2 (shape (5, 2)). Rows are samples, columns are features.
    """,
    ),
    Group(
        "`y` in a network of float32",
        TAKES_Y,
        "float32",
        r"""
        [1e300] * 5
            InputError: y must be finite in float32; got 1e+300 at index [0]. Scale it down first.
    """,
    ),
    Group(
        "`sample_weight`",
        TAKES_WEIGHT,
        "numbers",
        r"""
        [1, 1, 1]
            ShapeError: sample_weight must hold one weight per sample, shape (5,); got shape (3,).
        2.0
            ShapeError: sample_weight must hold one weight per sample, shape (5,); got shape ().
        np.ones((5, 1))
            ShapeError: sample_weight must hold one weight per sample, shape (5,); got shape (5, 1).
        [1, 1, -2, 1, 1]
            InputError: sample_weight must not be negative; got -2 at index [2]. A weight of 0 leaves a sample out.
        np.zeros(5)
            InputError: sample_weight must have at least one weight above 0; got only zeros.
        [1, np.inf, 1, 1, 1]
            InputError: sample_weight must be finite in float64; got inf at index [1]. Remove or fill such values first.
        ["1"] * 5
            InputError: sample_weight must hold real numbers; got text (dtype <U1). Encode it as numbers first.
    """,
    ),
    Group(
        "`epochs`",
        ["network.fit(X, y, epochs=...)"],
        "numbers",
        r"""
        -1
            ParameterError: epochs must be a whole number of at least 0; got -1.
        1.5
            ParameterError: epochs must be a whole number of at least 0; got 1.5.
        True
            ParameterError: epochs must be a whole number of at least 0; got True.
        "10"
            ParameterError: epochs must be a whole number of at least 0; got '10'.
        None
            ParameterError: epochs must be a whole number of at least 0; got None.
    """,
    ),
    Group(
        "`shuffle` and `progress`",
        ["network.fit(X, y, epochs=1, ...)"],
        "numbers",
        r"""
        shuffle="no"
            ParameterError: shuffle must be True or False; got 'no'.
        progress=1
            ParameterError: progress must be True or False; got 1.
    """,
    ),
    Group(
        "`batch_size`",
        ["network.fit(X, y, epochs=1, batch_size=...)"],
        "numbers",
        r"""
        0
            ParameterError: batch_size must be a whole number of at least 1; got 0.
        -4
            ParameterError: batch_size must be a whole number of at least 1; got -4.
        2.5
            ParameterError: batch_size must be a whole number of at least 1; got 2.5.
        False
            ParameterError: batch_size must be a whole number of at least 1; got False.
        1
            ParameterError: batch_size=1 lets BatchNorm(4) learn nothing: a single sample has no spread. Give batch_size=2 or more, or use LayerNorm.
    """,
    ),
    Group(
        "`X` of one sample, with a `BatchNorm`",
        ["network.fit(..., [[1.0]], epochs=1)"],
        "numbers",
        r"""
        X[:1]
            ParameterError: X holds a single sample, and BatchNorm(4) learns from two or more. Leave it out.
    """,
    ),
    Group(
        "`X` for the running statistics",
        ["network.update_statistics(...)"],
        "numbers",
        r"""
        X[:1]
            ShapeError: X must hold at least two samples: one has no spread.
        X * 1e200
            InputError: X is too large for float64. Scale it down first.
        X * np.nan
            InputError: X must be finite in float64; got nan at index [0, 0]. Remove or fill such values first.
        X[:, 1:]
            ShapeError: X must have 3 features; got 2 (shape (5, 2)). Rows are samples, columns are features.
    """,
    ),
    Group(
        "`validation_data`",
        ["network.fit(X, y, epochs=1, validation_data=...)"],
        "numbers",
        r"""
        X
            ParameterError: validation_data must be a tuple (X, y) or (X, y, sample_weight); got ndarray of 5.
        (X,)
            ParameterError: validation_data must be a tuple (X, y) or (X, y, sample_weight); got tuple of 1.
        (X, y, y, y)
            ParameterError: validation_data must be a tuple (X, y) or (X, y, sample_weight); got tuple of 4.
        0.2
            ParameterError: validation_data must be a tuple (X, y) or (X, y, sample_weight); got float.
        (X[:, 1:], y)
            ShapeError: validation X must have 3 features; got 2 (shape (5, 2)). Rows are samples, columns are features.
        (X, [1, 2])
            ShapeError: validation X and validation y must have the same number of samples; got 5 and 2.
        (X, [np.nan] * 5)
            InputError: validation y must be finite in float64; got nan at index [0]. Remove or fill such values first.
        (X, y, [-1] * 5)
            InputError: validation sample_weight must not be negative; got -1 at index [0]. A weight of 0 leaves a sample out.
    """,
    ),
    Group(
        "`validation_split`",
        ["network.fit(X, y, epochs=1, ...)"],
        "numbers",
        r"""
        validation_split=0
            ParameterError: validation_split must be a finite number above 0 and below 1; got 0.
        validation_split=1.0
            ParameterError: validation_split must be a finite number above 0 and below 1; got 1.
        validation_split=20
            ParameterError: validation_split must be a finite number above 0 and below 1; got 20.
        validation_split="0.2"
            ParameterError: validation_split must be a finite number above 0 and below 1; got '0.2'.
        validation_split=0.05
            ParameterError: validation_split=0.05 of 5 samples leaves none to validate on.
        validation_split=0.95
            ParameterError: validation_split=0.95 of 5 samples leaves none to train on.
        validation_split=0.2, validation_data=(X, y)
            ParameterError: validation_split cannot be had with validation_data: leave one out.
        validation_split=0.4, sample_weight=[1, 1, -1, 1, 1]
            InputError: sample_weight must not be negative; got -1 at index [2]. A weight of 0 leaves a sample out.
        validation_split=0.4, sample_weight=[1, 1]
            ShapeError: sample_weight must hold one weight per sample, shape (5,); got shape (2,).
    """,
    ),
    Group(
        "`validation_split` of batches",
        ["network.fit(..., epochs=1, validation_split=0.2)"],
        "numbers",
        r"""
        [(X, y)]
            ParameterError: validation_split cannot be had where X gives batches: give validation_data.
    """,
    ),
    Group(
        "`metrics`",
        ["network.fit(X, y, epochs=1, metrics=...)", "network.evaluate(X, y, metrics=...)"],
        "numbers",
        r"""
        "acc"
            ParameterError: metrics must be 'accuracy' or 'r_squared', or a function (targets, predictions) -> number, such as def mae(y, p): return abs(y - p).mean(); got 'acc'.
        ["accuracy", 7]
            ParameterError: metrics[1] must be 'accuracy' or 'r_squared', or a function (targets, predictions) -> number, such as def mae(y, p): return abs(y - p).mean(); got 7.
        7
            ParameterError: metrics must be a sequence of names or functions; got 7.
        None
            ParameterError: metrics must be a sequence of names or functions; got None.
        {"right": "accuracy"}
            ParameterError: metrics must be a sequence of names or functions; got {'right': 'accuracy'}.
        bp.MeanSquaredError()
            ParameterError: metrics must be 'accuracy' or 'r_squared', or a function (targets, predictions) -> number, such as def mae(y, p): return abs(y - p).mean(); got MeanSquaredError().
        ["accuracy", bp.accuracy]
            ParameterError: metrics[1] must have a name of its own, for the history; got 'accuracy'. Define it by def, or set its __name__.
        [lambda y, p: 1, lambda y, p: 2]
            ParameterError: metrics[1] must have a name of its own, for the history; got 'lambda'. Define it by def, or set its __name__.
        bp.datasets.xor.__class__
            ParameterError: metrics must be 'accuracy' or 'r_squared', or a function (targets, predictions) -> number, such as def mae(y, p): return abs(y - p).mean(); got <class 'function'>.
    """,
    ),
    Group(
        "`metrics` that do not work out",
        ["network.evaluate(X, y, metrics=...)"],
        "numbers",
        r"""
        lambda y, p: "0.5"
            ParameterError: the metric 'lambda' must return a number; got '0.5'.
        lambda y, p: [1, 2]
            ParameterError: the metric 'lambda' must return a number; got [1, 2].
        lambda y, p: bp.accuracy(y, y / 2 + 1)
            InputError: predictions must be labels, or probabilities from 0 to 1; got 1 to 1.5. Use a loss on classes, and predict, not forward.
        lambda y, p: bp.r_squared(y, p[1:])
            ShapeError: y and predictions must have the same shape, of one sample at least; got (5,) and (4,).
    """,
    ),
    Group(
        "`monitor` and `mode`",
        ["network.fit(X, y, epochs=1, callbacks=...)"],
        "numbers",
        r"""
        bp.EarlyStopping(3, monitor="val_loss")
            ParameterError: monitor must be one of 'loss', 'learning_rate', 'gradient_norm' in this fit; got 'val_loss'. Others come with metrics and validation_data.
        bp.Checkpoint("model.npz", best_only=True, monitor="accuracy")
            ParameterError: monitor must be one of 'loss', 'learning_rate', 'gradient_norm' in this fit; got 'accuracy'. Others come with metrics and validation_data.
        bp.Checkpoint("model.npz", monitor="accuracy")
            ParameterError: monitor says what the best is: give best_only=True too.
        bp.EarlyStopping(3, monitor="val_f1")
            ParameterError: mode must be given for monitor='val_f1': "min" if less is better, or "max".
        bp.ReduceOnPlateau(monitor="val_f1", mode="auto")
            ParameterError: mode must be "min" or "max"; got 'auto'.
        bp.EarlyStopping(3, monitor=3)
            ParameterError: monitor must be a name in the history; got 3.
    """,
    ),
    Group(
        "`callbacks`",
        ["network.fit(X, y, epochs=1, callbacks=...)"],
        "numbers",
        r"""
        bp.EarlyStopping
            ParameterError: callbacks[0] must be a function of the network, or an instance of a Callback class; got <class 'backproplite.monitors.EarlyStopping'>.
        [print, 7]
            ParameterError: callbacks[1] must be a function of the network, or an instance of a Callback class; got 7.
        7
            ParameterError: callbacks must be a sequence of functions; got 7.
        None
            ParameterError: callbacks must be a sequence of functions; got None.
        "EarlyStopping"
            ParameterError: callbacks must be a sequence of functions; got 'EarlyStopping'.
    """,
    ),
    Group(
        "`layers`",
        ["bp.Network(..., loss=bp.MeanSquaredError())"],
        "numbers",
        r"""
        []
            ParameterError: layers must be a list of at least one Layer; got [].
        None
            ParameterError: layers must be a list of at least one Layer; got None.
        bp.Dense(3, 1)
            ParameterError: layers must be a list of at least one Layer; got Dense(3, 1).
        [bp.Dense(3, 1), bp.Sigmoid]
            ParameterError: layers[1] must be an instance; got the class. Write Sigmoid(...).
        [bp.Dense(3, 1), "relu"]
            ParameterError: layers[1] must be a Layer such as Dense; got 'relu'.
        [bp.Dense(3, 2), used]
            ParameterError: layers[1] Dense(2, 2) belongs to a network already, which would train it too. Make a new layer, or take copy.deepcopy of this one.
        [bp.Dense(3, 2), bp.Dense(3, 1)]
            ShapeError: layers[1] Dense(3, 1) takes 3 features, but layers[0] Dense(3, 2) gives 2. Make the two agree.
    """,
    ),
    Group(
        "`loss`",
        ["bp.Network([bp.Dense(3, 1)], loss=...)"],
        "numbers",
        r"""
        bp.MeanSquaredError
            ParameterError: loss must be an instance; got the class. Write MeanSquaredError(...).
        "mse"
            ParameterError: loss must be a Loss such as MeanSquaredError(); got 'mse'.
        bp.BinaryCrossEntropy()
            ParameterError: BinaryCrossEntropy() takes probabilities, such as Sigmoid() gives, but the last layer is Dense(3, 1). End the network in Sigmoid(), or in a Dense layer with SigmoidCrossEntropy().
    """,
    ),
    Group(
        "`optimizer`",
        [
            "bp.Network([bp.Dense(3, 1)], bp.MeanSquaredError(), optimizer=...)",
            "setattr(network, 'optimizer', ...)",
        ],
        "numbers",
        r"""
        bp.Adam
            ParameterError: optimizer must be an instance; got the class. Write Adam(...).
        0.1
            ParameterError: optimizer must be an Optimizer such as Adam(); got 0.1.
        "sgd"
            ParameterError: optimizer must be an Optimizer such as Adam(); got 'sgd'.
    """,
    ),
    Group(
        "`seed`",
        [
            "bp.Network([bp.Dense(3, 1)], bp.MeanSquaredError(), seed=...)",
            "bp.datasets.moons(seed=...)",
        ],
        "numbers",
        r"""
        -1
            ParameterError: seed must be a non-negative int of at most 128 bits, a numpy.random.Generator, or None for a fresh start each time; got -1.
        0.5
            ParameterError: seed must be a non-negative int of at most 128 bits, a numpy.random.Generator, or None for a fresh start each time; got 0.5.
        True
            ParameterError: seed must be a non-negative int of at most 128 bits, a numpy.random.Generator, or None for a fresh start each time; got True.
        "lucky"
            ParameterError: seed must be a non-negative int of at most 128 bits, a numpy.random.Generator, or None for a fresh start each time; got 'lucky'.
    """,
    ),
    Group(
        "`dtype`",
        ["bp.Network([bp.Dense(3, 1)], bp.MeanSquaredError(), dtype=...)"],
        "numbers",
        r"""
        "float16"
            ParameterError: dtype must be 'float64' or 'float32'; got 'float16'.
        int
            ParameterError: dtype must be 'float64' or 'float32'; got <class 'int'>.
        None
            ParameterError: dtype must be 'float64' or 'float32'; got None.
    """,
    ),
    Group(
        "`learning_rate`",
        [
            "bp.Adam(learning_rate=...)",
            "bp.GradientDescent(...)",
            "bp.CosineSchedule(..., steps=10)",
        ],
        "numbers",
        r"""
        -0.1
            ParameterError: learning_rate must be a finite number at least 0; got -0.1.
        np.nan
            ParameterError: learning_rate must be a finite number at least 0; got nan.
        "fast"
            ParameterError: learning_rate must be a finite number at least 0; got 'fast'.
        True
            ParameterError: learning_rate must be a finite number at least 0; got True.
    """,
    ),
    Group(
        "Other settings",
        ["..."],
        "numbers",
        r"""
        bp.Momentum(momentum=1.0)
            ParameterError: momentum must be a finite number at least 0 and below 1; got 1.
        bp.AdamW(weight_decay=-1)
            ParameterError: weight_decay must be a finite number at least 0; got -1.
        bp.Adam(clip_norm=0)
            ParameterError: clip_norm must be a finite number above 0; got 0.
        bp.Adam(beta2=1)
            ParameterError: beta2 must be a finite number at least 0 and below 1; got 1.
        bp.Huber(delta=-1)
            ParameterError: delta must be a finite number above 0; got -1.
        bp.StepSchedule(0.1, every=0)
            ParameterError: every must be a whole number of at least 1; got 0.
        bp.EarlyStopping(patience=0)
            ParameterError: patience must be a whole number of at least 1; got 0.
        bp.Dense(3, 2.5)
            ParameterError: out_features must be a whole number of at least 1; got 2.5.
        bp.Dense(3, 2, "he")
            ParameterError: the initializer of weight must be a function of shape and generator, such as He(); got 'he'. Activations are layers of their own.
        bp.Dense(3, 2, bp.He)
            ParameterError: the initializer of weight must be a function of shape and generator, such as He(); got <class 'backproplite.initializers.He'>. Activations are layers of their own.
        bp.Dropout(1.0)
            ParameterError: rate must be a finite number at least 0 and below 1; got 1.
        bp.BatchNorm(4, momentum=2)
            ParameterError: momentum must be a finite number at least 0 and at most 1; got 2.
        bp.LeakyReLU(slope=np.inf)
            ParameterError: slope must be a finite number; got inf.
        bp.ELU(alpha=-1)
            ParameterError: alpha must be a finite number at least 0; got -1.
        bp.He("gaussian")
            ParameterError: distribution must be 'normal' or 'uniform'; got 'gaussian'.
        bp.datasets.spirals(classes=1)
            ParameterError: classes must be a whole number of at least 2; got 1.
    """,
    ),
    Group(
        "Names that other libraries use, or that are misspelt",
        ["..."],
        "numbers",
        r"""
        bp.SGD
            UnknownNameError: backproplite has no 'SGD'. Here it is GradientDescent(learning_rate), or Momentum(learning_rate, momentum).
        bp.Linear
            UnknownNameError: backproplite has no 'Linear'. Here it is Dense(in_features, out_features).
        bp.CrossEntropyLoss
            UnknownNameError: backproplite has no 'CrossEntropyLoss'. Here it is SoftmaxCrossEntropy().
        bp.Relu
            UnknownNameError: backproplite has no 'Relu'. Did you mean ReLU?
        bp.Adam(lr=0.1)
            UnknownNameError: Adam has no argument 'lr'. Here it is learning_rate.
        bp.GradientDescent(lr=0.1)
            UnknownNameError: GradientDescent has no argument 'lr'. Here it is learning_rate.
        bp.GradientDescent(momentum=0.9)
            UnknownNameError: GradientDescent has no argument 'momentum'. Momentum(learning_rate, momentum) has it.
        bp.Adam(betas=(0.9, 0.99))
            UnknownNameError: Adam has no argument 'betas'. Here it is beta1 and beta2.
        bp.Dense(2, 3, activation="relu")
            UnknownNameError: Dense has no argument 'activation'. An activation is a layer of its own, behind this one.
        bp.ReLU(0.1)
            UnknownNameError: ReLU takes no arguments; got 0.1. LeakyReLU(slope) has a slope.
        bp.Tanh(3)
            UnknownNameError: Tanh takes no arguments; got 3.
        bp.Softmax(axis=0)
            UnknownNameError: Softmax has no argument 'axis'. It works along the last axis, the features.
        bp.LeakyReLU(0.1, True)
            UnknownNameError: LeakyReLU takes slope; got 0.1, True.
        bp.Network([bp.Dense(3, 1)], bp.MeanSquaredError(), learning_rate=0.1)
            UnknownNameError: Network has no argument 'learning_rate'. It belongs to the optimizer: optimizer.learning_rate.
        network.fit(X, y, epochs=1, verbose=1)
            UnknownNameError: fit has no argument 'verbose'. Here it is progress.
        network.fit(X, y, epochs=1, validation_fraction=0.2)
            UnknownNameError: fit has no argument 'validation_fraction'. Here it is validation_split.
        bp.Network([bp.Dense(3, 1)], bp.MeanSquaredError(), metrics="accuracy")
            UnknownNameError: Network has no argument 'metrics'. They belong to fit: fit(X, y, epochs, metrics=...).
        network.predict(X, verbose=0)
            UnknownNameError: predict has no argument 'verbose'. It prints nothing.
        network.predict(X, 32, 1)
            UnknownNameError: predict takes X, batch_size; got array([[0., 1...[1., 1., 1.]]), 32, 1.
        network.train_step(X, y, batch_size=32)
            UnknownNameError: train_step has no argument 'batch_size'. It belongs to fit: fit(X, y, epochs, batch_size).
        network.predict(X, batch_size=0)
            ParameterError: batch_size must be a whole number of at least 1; got 0.
        network.evaluate(X, y, batch_size=2.5)
            ParameterError: batch_size must be a whole number of at least 1; got 2.5.
        network.fit(X, y, max_iter=10)
            UnknownNameError: fit has no argument 'max_iter'. Here it is epochs.
        setattr(network.optimizer, "lr", 5)
            UnknownNameError: Adam has no attribute 'lr'. Here it is learning_rate.
        setattr(network, "learning_rate", 0.1)
            UnknownNameError: Network has no attribute 'learning_rate'. It belongs to the optimizer: optimizer.learning_rate.
        setattr(network.layers[0], "weights", X)
            UnknownNameError: Dense has no attribute 'weights'. Did you mean weight?
        setattr(network.loss, "mean", False)
            UnknownNameError: MeanSquaredError has no attribute 'mean'. It has no settings.
        setattr(bp.EarlyStopping(3), "patienc", 5)
            UnknownNameError: EarlyStopping has no attribute 'patienc'. Did you mean patience?
    """,
    ),
    Group(
        "Settings that are changed",
        ["..."],
        "numbers",
        r"""
        setattr(network.optimizer, "learning_rate", -0.1)
            ParameterError: learning_rate must be a finite number at least 0; got -0.1.
        setattr(bp.Momentum(), "momentum", 2)
            ParameterError: momentum must be a finite number at least 0 and below 1; got 2.
        setattr(bp.Momentum(), "nesterov", "no")
            ParameterError: nesterov must be True or False; got 'no'.
        setattr(network.layers[3], "rate", 1)
            ParameterError: rate must be a finite number at least 0 and below 1; got 1.
        setattr(network.layers[0], "in_features", 5)
            ParameterError: in_features is fixed: make a new Dense.
        setattr(bp.CosineSchedule(0.1, 5), "steps", 0)
            ParameterError: steps must be a whole number of at least 1; got 0.
    """,
    ),
    Group(
        "Arrays given to losses, activations and optimizers",
        ["..."],
        "numbers",
        r"""
        bp.Sigmoid()("a")
            InputError: x must hold numbers; got text (dtype <U1). Encode it as numbers first.
        bp.ReLU().derivative([1, None])
            InputError: x must hold numbers; got None at index [1]. Remove, fill or encode such entries first.
        bp.Tanh()([[1], [2, 3]])
            InputError: x must be an array of numbers, every row as long as the others; got a list whose rows differ in length. Even them out first.
        bp.MeanSquaredError()([[1.0, 2.0]], [[1.0]])
            ShapeError: targets must have shape (samples, 2), one column for each output; got shape (1, 1).
        bp.BinaryCrossEntropy()([[1.5]], [[1]])
            InputError: outputs must lie between 0 and 1 (probabilities, such as Sigmoid() gives); got 1.5 at index [0, 0].
        bp.SoftmaxCrossEntropy()([[0.5, 0.5]], [2])
            InputError: targets must hold whole labels from 0 to 1, one for each of the 2 outputs; got 2 at index [0]. Number them: classes, targets = np.unique(targets, return_inverse=True).
        bp.Adam().step(np.zeros(3), np.zeros(2))
            ShapeError: parameters and gradients must be vectors of one length; got shapes (3,) and (2,).
        bp.Adam().step(np.zeros(2, int), np.zeros(2))
            InputError: parameters and gradients must be floats; got int64 and float64.
        bp.Momentum(learning_rate=lambda step: -1.0).step(np.zeros(2), np.zeros(2))
            ParameterError: the rate from the schedule must be a finite number at least 0; got -1.
        bp.minimize(lambda w: w, lambda w: w, start="a")
            InputError: start must hold real numbers; got text (dtype <U1). Encode it as numbers first.
    """,
    ),
    Group(
        "The path of a model file",
        ["network.save(...)", "bp.Network.load(...)"],
        "numbers",
        r"""
        7
            InputError: path must be the name of a file; got 7.
        None
            InputError: path must be the name of a file; got None.
    """,
    ),
    Group(
        "Many networks at once: `twin` is another like `network`; `narrow` takes 2 features, `labels` is for classes",
        ["bp.fit_together(...)"],
        "numbers",
        r"""
        [], X, y, epochs=1
            ParameterError: networks must be a list of Network, one at least; got a list that is empty.
        network, X, y, epochs=1
            ParameterError: networks must be a list of Network, one at least; got a Network.
        [network, bp.Network], X, y, epochs=1
            ParameterError: networks[1] must be a Network; got <class 'backproplite.network.Network'>.
        [network, twin, network], X, y, epochs=1
            ParameterError: networks[2] is networks[0] again: each needs a network of its own, such as copy.deepcopy makes.
        [network, narrow], X, y, epochs=1
            ShapeError: networks[1]: X must have 2 features; got 3 (shape (5, 3)). Rows are samples, columns are features.
        [network, labels], X, y, epochs=1
            ShapeError: networks[1]: y must be integer labels of shape (samples,), or one-hot rows of shape (samples, 2); got shape (5, 1). Give np.asarray(y).ravel().
        [network, twin], [X, X, X], y, epochs=1
            ShapeError: X must be one for all networks, or a list of one for each, 2 in all; got 3.
        [network, twin], [X, X[:, :2]], y, epochs=1
            ShapeError: networks[1]: X must have 3 features; got 2 (shape (5, 2)). Rows are samples, columns are features.
        [network, twin], [X, X[:4]], y, epochs=1
            ShapeError: networks[1]: X and y must have the same number of samples; got 4 and 5.
        [network, twin], X, [y, y[:3]], epochs=1
            ShapeError: networks[1]: X and y must have the same number of samples; got 5 and 3.
        [network, twin], X, [y], epochs=1
            ShapeError: y must be one for all networks, or a list of one for each, 2 in all; got 1.
        [network, twin], X * np.nan, y, epochs=1
            InputError: networks[0]: X must be finite in float64; got nan at index [0, 0]. Remove or fill such values first.
        [network, twin], X, y, epochs=-1
            ParameterError: epochs must be a whole number of at least 0; got -1.
        [network, twin], X, y, epochs=1, batch_size=0
            ParameterError: batch_size must be a whole number of at least 1; got 0.
        [network, twin], X, y, epochs=1, batch_size=1
            ParameterError: networks[0]: batch_size=1 lets BatchNorm(4) learn nothing: a single sample has no spread. Give batch_size=2 or more, or use LayerNorm.
        [network, twin], X, y, epochs=1, shuffle=2
            ParameterError: shuffle must be True or False; got 2.
        [network, twin], X, y, epochs=1, validation_data=[(X, y)]
            ShapeError: validation_data must be one for all networks, or a list of one for each, 2 in all; got 1.
        [network, twin], X, y, epochs=1, validation_data=[(X, y), (X, y[:2])]
            ShapeError: networks[1]: validation X and validation y must have the same number of samples; got 5 and 2.
        [network, twin], X, y, epochs=1, validation_data=X
            ParameterError: networks[0]: validation_data must be a tuple (X, y) or (X, y, sample_weight); got ndarray of 5.
        [network, twin], X, y, epochs=1, sample_weight=[[1, 1, 1, 1, 1], [0, 0, 0, 0, 0]]
            InputError: networks[1]: sample_weight must have at least one weight above 0; got only zeros.
        [network, twin], X, y, epochs=1, sample_weight=np.ones((3, 5))
            ShapeError: sample_weight must be one for all networks, or a list of one for each, 2 in all; got 3.
        [network, twin], X, y, epochs=1, class_weight="balanced"
            ParameterError: networks[0]: class_weight needs one class for each sample, which MeanSquaredError() on 1 outputs has not. Use sample_weight.
        [network, twin], X, y, epochs=1, rows=[0, 5]
            InputError: networks[0]: rows must be from 0 to 4; got 0 to 5.
        [network, twin], X, y, epochs=1, rows=[[0, 1], [-1, 1]]
            InputError: networks[1]: rows must be from 0 to 4; got -1 to 1.
        [network, twin], X, y, epochs=1, rows=[[0, 1]]
            ShapeError: rows must be one for all networks, or a list of one for each, 2 in all; got 1.
        [network, twin], X, y, epochs=1, rows=[[0, 1], []]
            InputError: networks[1]: rows must be a 1-D array of whole numbers, or a mask of 5 bools, and choose at least one sample; got dtype float64, shape (0,).
        [network, twin], X, y, epochs=1, rows=[[0.5, 1], [0, 1]]
            InputError: networks[0]: rows must be a 1-D array of whole numbers, or a mask of 5 bools, and choose at least one sample; got dtype float64, shape (2,).
        [network, twin], X, y, epochs=1, rows=[[True, False], [0, 1]]
            InputError: networks[0]: rows must be a 1-D array of whole numbers, or a mask of 5 bools, and choose at least one sample; got dtype bool, shape (2,).
        [network, twin], X, y, epochs=1, rows=[[0, 1], [0, 1]], sample_weight=[0, 0, 1, 1, 1]
            InputError: networks[0]: sample_weight must have at least one weight above 0; got only zeros.
        [network, twin], X, y, epochs=1, rows=[[0, 1], [0, 1]], sample_weight=[1, 1]
            ShapeError: networks[0]: sample_weight must hold one weight per sample, shape (5,); got shape (2,).
        [network, twin], X, y, epochs=1, rows=[[0, [1]], [0, 1]]
            InputError: networks[0]: rows must be an array of numbers, every row as long as the others; got a list whose rows differ in length. Even them out first.
        [network, twin], X, y, epochs=1, rows=5
            InputError: networks[0]: rows must be a 1-D array of whole numbers, or a mask of 5 bools, and choose at least one sample; got dtype int64, shape ().
        [network, twin], X, y, epochs=1, callbacks=[[], [7]]
            ParameterError: networks[1]: callbacks[0] must be a function of the network, or an instance of a Callback class; got 7.
        [network, twin], X, y, epochs=1, callbacks=[[]]
            ShapeError: callbacks must be one for all networks, or a list of one for each, 2 in all; got 1.
        [network, twin], X, y, epochs=1, callbacks=7
            ParameterError: callbacks must be a sequence of functions; got 7.
        [network, twin], X, y, epochs=1, callbacks=[[stop], [stop]]
            ParameterError: callbacks[1] holds an object that is in callbacks[0] too, and it can remember one network only: give each its own.
        [network, twin], X, y, epochs=1, callbacks=bp.Checkpoint("model.npz")
            ParameterError: networks[0] and networks[1] would be saved to one file: give each its own, such as callbacks=[[Checkpoint(f"{i}.npz")] for i in range(2)].
        [network, twin], X, y, epochs=1, n_jobs=0
            ParameterError: n_jobs must be a whole number, -1 for all cores, or None; got 0.
        [network, twin], X, y, epochs=1, n_jobs=1.5
            ParameterError: n_jobs must be a whole number, -1 for all cores, or None; got 1.5.
        [network, twin], X, y, epoch=1
            UnknownNameError: fit_together has no argument 'epoch'. Did you mean epochs?
    """,
    ),
    Group(
        "Networks made from one",
        ["bp.variants(network, ...)"],
        "numbers",
        r"""
        learning_rates=[0.1]
            UnknownNameError: variants has no setting 'learning_rates' of this network. It has seed, loss, optimizer, dtype, learning_rate, beta1, beta2, epsilon, clip_norm, clip_value, weight_decay, bias_initializer, features, in_features, momentum, out_features, rate, weight_initializer.
        learning_rate=-1
            ParameterError: learning_rate must be a finite number at least 0; got -1.
        learning_rate=[]
            ParameterError: learning_rate must have at least one value; got [].
        seed=[0, -1]
            ParameterError: seed must be a non-negative int of at most 128 bits, a numpy.random.Generator, or None for a fresh start each time; got -1.
        rate=[0.1, 1.5]
            ParameterError: rate must be a finite number at least 0 and below 1; got 1.5.
        in_features=[3, 4]
            ParameterError: in_features is fixed: make a new Dense.
        loss="mse"
            ParameterError: loss must be a Loss such as MeanSquaredError(); got 'mse'.
        dtype="int8"
            ParameterError: dtype must be 'float64' or 'float32'; got 'int8'.
    """,
    ),
    Group(
        "Cross-validation",
        ["bp.cross_validate(network, ...)"],
        "numbers",
        r"""
        X, y, epochs=1, folds=1
            ParameterError: folds must be from 2 to the number of samples, 5; got 1.
        X, y, epochs=1, folds=6
            ParameterError: folds must be from 2 to the number of samples, 5; got 6.
        X, y, epochs=1, folds=[0, 1]
            ParameterError: folds must be a whole number, or a list of pairs (samples to train on, samples to score); got [0, 1].
        X, y, epochs=1, folds=[([0, 1], [5])]
            InputError: folds[0][1] must be from 0 to 4; got 5 to 5.
        X, y[:3], epochs=1
            ShapeError: X and y must have the same number of samples; got 5 and 3.
        X, y, epochs=1, folds=2, sample_weight=[1, 2]
            ShapeError: sample_weight must hold one weight per sample, shape (5,); got shape (2,).
        X, y, epochs=1, cv=3
            UnknownNameError: cross_validate has no argument 'cv'. It has X, y, epochs, folds, batch_size, shuffle, sample_weight, class_weight, callbacks, progress, score, seed, n_jobs.
    """,
    ),
]
