"""What is refused, by whom and in which words, and what is taken in any form.

After every refusal the network is, to the bit, what it was before.
"""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

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
ERRORS = (bp.ShapeError, bp.InputError, bp.ParameterError)
SHAPE, INPUT, PARAMETER = ERRORS


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


# Arguments of the methods

BAD_X = [
    (X[:, :2], SHAPE, r"X must have 3 features.*got 2 \(shape \(5, 2\)\)"),
    (np.ones((5, 4)), SHAPE, r"X must have 3 features.*got 4"),
    (X[0], SHAPE, r"X must be 2-D.*got shape \(3,\).*X\.reshape\(1, -1\)"),
    (X[np.newaxis], SHAPE, r"X must be 2-D.*got shape \(1, 5, 3\).*reshape\(len\(X\), -1\)"),
    (7.0, SHAPE, r"X must be 2-D.*got shape \(\)"),
    ([], SHAPE, r"X must be 2-D.*got shape \(0,\)"),
    (np.empty((0, 3)), SHAPE, r"X must hold at least one sample.*got shape \(0, 3\)"),
    (np.empty((5, 0)), SHAPE, r"X must hold at least one .* feature; got shape \(5, 0\)"),
    (put(X, (3, 1), np.nan), INPUT, r"X must be finite.*got nan at index \[3, 1\]"),
    (put(X, (0, 2), np.inf), INPUT, r"X must be finite.*got inf at index \[0, 2\]"),
    (put(X, (4, 0), -np.inf), INPUT, r"X must be finite.*got -inf at index \[4, 0\]"),
    (put(put(X, (1, 1), np.inf), (2, 2), -np.inf), INPUT, r"got inf at index \[1, 1\]"),
    (X.astype(str), INPUT, r"X must hold real numbers; got dtype <U\d+ from a ndarray"),
    ([["a", "b", "c"]], INPUT, r"X must hold real numbers; got dtype <U1 from a list"),
    (X.astype(object), INPUT, r"X must hold real numbers; got dtype object from a ndarray"),
    (X + 0j, INPUT, r"X must hold real numbers; got dtype complex128.*\.real"),
    (X.astype("M8[D]"), INPUT, r"X must hold real numbers; got dtype datetime64"),
    (sparse.csr_array(X), INPUT, r"X must hold real numbers; got .*csr_array.*\.toarray\(\)"),
    ([[1, 2, 3], [4, 5]], INPUT, r"X must be an array of numbers, every row as long"),
    (None, INPUT, r"X must hold real numbers; got dtype object from a NoneType"),
    (pd.DataFrame({"a": [1], "b": ["x"], "c": [2]}), INPUT, r"got dtype object from a DataFrame"),
]
BAD_Y = {
    "numbers": [
        (TARGETS["pairs"], SHAPE, r"y must have shape \(samples, 1\).*got shape \(5, 2\)"),
        (TARGETS["numbers"][:3], SHAPE, r"X and y must have the same number .*got 5 and 3"),
        (np.arange(6), SHAPE, r"X and y must have the same number of samples; got 5 and 6"),
        (3.0, SHAPE, r"y must have shape \(samples, 1\).*got shape \(\)"),
        (np.ones((5, 1, 1)), SHAPE, r"y must have shape .*got shape \(5, 1, 1\)"),
        ([], SHAPE, r"X and y must have the same number of samples; got 5 and 0"),
        ([1, 2, np.nan, 4, 5], INPUT, r"y must be finite.*got nan at index \[2\]"),
        (["yes"] * 5, INPUT, r"y must hold real numbers; got dtype <U3 from a list"),
        (None, INPUT, r"y must hold real numbers"),
    ],
    "pairs": [
        (np.arange(5), SHAPE, r"y must have shape \(samples, 2\).*got shape \(5,\)"),
        (np.ones((5, 1)), SHAPE, r"y must have shape \(samples, 2\).*got shape \(5, 1\)"),
        (np.ones((2, 5)), SHAPE, r"y must have shape \(samples, 2\).*got shape \(2, 5\)"),
        (np.ones((5, 2)) * 1j, INPUT, r"y must hold real numbers; got dtype complex128"),
    ],
    "labels": [
        ([0, 1, 2, 1, 0], INPUT, r"y must hold whole labels from 0 to 1.*got 2 at index 2"),
        ([0, 1, 1, -1, 0], INPUT, r"y must hold whole labels.*got -1 at index 3"),
        ([0, 1, 1, 0, 0.5], INPUT, r"y must hold whole labels.*got 0.5 at index 4"),
        ([0, 1, 1, 0], SHAPE, r"X and y must have the same number of samples; got 5 and 4"),
        (np.eye(3)[[0, 1, 1, 0, 2]], SHAPE, r"one-hot rows .*\(samples, 2\); got .*\(5, 3\)"),
        (np.ones((5, 1)), SHAPE, r"integer labels of shape \(samples,\).*got shape \(5, 1\)"),
        (np.ones((5, 2)), INPUT, r"each row of y must sum to 1; row 0 sums to 2"),
        ([[2, -1]] * 5, INPUT, r"y must lie between 0 and 1.*got -1"),
        (list("abbab"), INPUT, r"y must hold real numbers; got dtype <U1"),
    ],
    "yes or no": [
        (TARGETS["pairs"] * 2, INPUT, r"y must lie between 0 and 1.*got 2"),
        (-TARGETS["pairs"], INPUT, r"y must lie between 0 and 1.*got -1"),
    ],
    "float32": [([1e300] * 5, INPUT, r"y must be finite in float32; got 1e\+300 at index \[0\]")],
}
BAD_WEIGHTS = [
    ([1, 1, 1], SHAPE, r"sample_weight must hold one .*\(5,\); got shape \(3,\)"),
    (2.0, SHAPE, r"sample_weight must hold one .*got shape \(\)"),
    (np.ones((5, 1)), SHAPE, r"sample_weight must hold one .*got shape \(5, 1\)"),
    ([1, 1, -2, 1, 1], INPUT, r"sample_weight must not be negative; got -2.0 at 2"),
    (np.zeros(5), INPUT, r"sample_weight must have at least one weight above 0"),
    ([1, np.inf, 1, 1, 1], INPUT, r"sample_weight must be finite.*got inf at index \[1\]"),
    (["1"] * 5, INPUT, r"sample_weight must hold real numbers"),
]
BAD_FIT = [
    ({"epochs": 0}, PARAMETER, r"epochs must be a whole number of at least 1; got 0"),
    ({"epochs": -1}, PARAMETER, r"epochs .*got -1"),
    ({"epochs": 1.5}, PARAMETER, r"epochs .*got 1\.5"),
    ({"epochs": True}, PARAMETER, r"epochs .*got True"),
    ({"epochs": "10"}, PARAMETER, r"epochs .*got '10'"),
    ({"epochs": None}, PARAMETER, r"epochs .*got None"),
    ({"batch_size": 0}, PARAMETER, r"batch_size must be a whole number of at least 1; got 0"),
    ({"batch_size": -4}, PARAMETER, r"batch_size .*got -4"),
    ({"batch_size": 2.5}, PARAMETER, r"batch_size .*got 2\.5"),
    ({"batch_size": False}, PARAMETER, r"batch_size .*got False"),
    ({"validation_data": X}, PARAMETER, r"validation_data must be a tuple.*got .*ndarray"),
    ({"validation_data": (X,)}, PARAMETER, r"validation_data must be a tuple \(X, y\)"),
    ({"validation_data": (X,) * 4}, PARAMETER, r"validation_data must be a tuple \(X, y\)"),
    ({"validation_data": 0.2}, PARAMETER, r"validation_data must be .*got .*float"),
    ({"validation_data": (X[:, 1:], [1] * 5)}, SHAPE, r"validation X must have 3 .*got 2"),
    ({"validation_data": (X, [1, 2])}, SHAPE, r"validation X and validation y .*5 and 2"),
    ({"validation_data": (X, [np.nan] * 5)}, INPUT, r"validation y must be finite"),
    ({"validation_data": (X, X[:, 0], [-1] * 5)}, INPUT, r"validation sample_weight .*negative"),
    ({"callbacks": bp.EarlyStopping}, PARAMETER, r"callbacks.* instance .*EarlyStopping"),
    ({"callbacks": [print, 7]}, PARAMETER, r"callbacks\[1\] must be a function.*got 7"),
    ({"callbacks": 7}, PARAMETER, r"callbacks.*got 7"),
    ({"callbacks": None}, PARAMETER, r"callbacks.*got None"),
]

# Arguments of the constructor

USED = bp.Dense(2, 2)
bp.Network([USED], loss=bp.MeanSquaredError())
BAD_NETWORK = [
    ({"layers": []}, PARAMETER, r"layers must be a list of at least one Layer; got \[\]"),
    ({"layers": None}, PARAMETER, r"layers must be a list .*got None"),
    ({"layers": bp.Dense(3, 1)}, PARAMETER, r"layers must be a list .*got Dense\(3, 1\)"),
    ({"layers": [bp.Dense(3, 1), bp.Sigmoid]}, PARAMETER, r"layers\[1\] .*Write Sigmoid\("),
    ({"layers": [bp.Dense(3, 1), "relu"]}, PARAMETER, r"layers\[1\] must be a Layer.*'relu'"),
    ({"layers": [bp.Dense(3, 2), USED]}, PARAMETER, r"layers\[1\] .*belongs to a network"),
    ({"layers": [bp.Dense(3, 2), bp.Dense(3, 1)]}, SHAPE, r"layers\[1\] .*layers\[0\] .*gives 2"),
    ({"loss": bp.MeanSquaredError}, PARAMETER, r"loss must be a Loss.*got <class"),
    ({"loss": "mse"}, PARAMETER, r"loss must be a Loss such as.*got 'mse'"),
    (
        {"loss": bp.BinaryCrossEntropy()},
        PARAMETER,
        r"BinaryCrossEntropy.*Sigmoid\(\).* Dense\(3, 1\)",
    ),
    ({"optimizer": bp.Adam}, PARAMETER, r"optimizer must be an Optimizer.*got <class"),
    ({"optimizer": 0.1}, PARAMETER, r"optimizer must be an Optimizer.*got 0.1"),
    ({"seed": -1}, PARAMETER, r"seed must be a non-negative int.*got -1"),
    ({"seed": 0.5}, PARAMETER, r"seed must be .*got 0\.5"),
    ({"seed": True}, PARAMETER, r"seed must be .*got True"),
    ({"seed": "lucky"}, PARAMETER, r"seed must be .*got 'lucky'"),
    ({"dtype": "float16"}, PARAMETER, r"dtype must be 'float64' or 'float32'; got 'float16'"),
    ({"dtype": int}, PARAMETER, r"dtype must be .*got <class 'int'>"),
    ({"dtype": None}, PARAMETER, r"dtype must be .*got None"),
]
BAD_OPTIMIZER = [
    (bp.Adam, PARAMETER, r"optimizer must be an Optimizer.*got <class"),
    (None, PARAMETER, r"optimizer must be an Optimizer.*got None"),
    ("sgd", PARAMETER, r"optimizer must be .*got 'sgd'"),
]
BAD_RATES = [
    ({"cls": bp.GradientDescent, "learning_rate": -0.1}, r"learning_rate .*at least 0; got -0\.1"),
    ({"cls": bp.Momentum, "learning_rate": np.nan}, r"learning_rate .*finite.*got nan"),
    ({"cls": bp.Adam, "learning_rate": "fast"}, r"learning_rate .*got 'fast'"),
    ({"cls": bp.RMSProp, "learning_rate": True}, r"learning_rate .*got True"),
    ({"cls": bp.Momentum, "momentum": 1.0}, r"momentum .*at least 0 and below 1; got 1"),
    ({"cls": bp.AdamW, "weight_decay": -1}, r"weight_decay .*at least 0; got -1"),
    ({"cls": bp.Adam, "clip_norm": 0}, r"clip_norm .*above 0; got 0"),
    ({"cls": bp.StepSchedule, "learning_rate": -1, "every": 5}, r"learning_rate .*got -1"),
    ({"cls": bp.Huber, "delta": -1}, r"delta .*above 0; got -1"),
]


def make(network, cls, **given):
    cls(**given)


def set_optimizer(network, optimizer):
    network.optimizer = optimizer


def build(network, **given):
    """Build a new network, while another looks on that must not change either."""
    bp.Network(**{"layers": [bp.Dense(3, 1)], "loss": bp.MeanSquaredError(), **given})


TAKES_X = ["forward", "predict", "forward_training"]
TAKES_Y = ["fit", "train_step", "evaluate", "loss_and_gradient"]

#: What is called, the kind of targets, what is given, the error, and its text.
ROWS = [
    *((what, "numbers", {"X": x}, *rest) for what in TAKES_X + TAKES_Y for x, *rest in BAD_X),
    *(
        (what, kind, {"y": y}, *rest)
        for what in TAKES_Y
        for kind, bad in BAD_Y.items()
        for y, *rest in bad
    ),
    *(
        (what, "numbers", {"sample_weight": weight}, *rest)
        for what in TAKES_Y
        for weight, *rest in BAD_WEIGHTS
    ),
    *(("fit", "numbers", *row) for row in BAD_FIT),
    *((build, "numbers", *row) for row in BAD_NETWORK),
    *((make, "numbers", given, PARAMETER, text) for given, text in BAD_RATES),
    *((set_optimizer, "numbers", {"optimizer": it}, *rest) for it, *rest in BAD_OPTIMIZER),
]


@pytest.fixture(scope="module")
def fitted():
    return {kind: network_for(kind) for kind in TARGETS}


def call(network, what, kind, given):
    """Call a function or a method of the network, with good arguments besides those given."""
    if callable(what):
        return what(network, **given)
    good = {"X": X}
    if what in TAKES_Y:
        good["y"] = TARGETS[kind]
    if what == "fit":
        good["epochs"] = 1
    return getattr(network, what)(**good | given)


@pytest.mark.parametrize(("what", "kind", "given", "error", "text"), ROWS)
def test_bad_input_is_named_and_changes_nothing(fitted, what, kind, given, error, text):
    network = fitted[kind]
    before = pickle.dumps(network)
    with pytest.raises(error, match=text) as caught:
        call(network, what, kind, given)
    assert type(caught.value) is error
    assert pickle.dumps(network) == before


def test_a_refused_fit_has_not_started():
    network, calls = network_for("numbers"), []

    class Diary(bp.Callback):
        def start(self, network):
            calls.append("start")

    with pytest.raises(bp.InputError):
        network.fit(X, TARGETS["numbers"] * np.nan, 1, callbacks=Diary())
    with pytest.raises(bp.InputError):
        network.fit(X, X[:, 0], 1, validation_data=(X * np.nan, X[:, 0]), callbacks=Diary())
    assert not calls


def test_the_place_of_the_first_bad_number_is_given_in_huge_arrays_too():
    big = np.full((5, 3), 1e308)  # finite, though its sum is not
    network = network_for("numbers")
    with np.errstate(over="ignore"):
        assert network.predict(big).shape == (5, 1)
    with pytest.raises(bp.InputError, match=r"got nan at index \[4, 2\]"):
        network.predict(put(big, (4, 2), np.nan))


# Input in other forms


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def strided(array):
    wide = np.full((2 * len(array), *array.shape[1:]), np.nan)
    wide[::2] = array
    return wide[::2]


def table(array):
    return pd.DataFrame(array) if array.ndim == 2 else pd.Series(array, index=list("vwxyz"))


FORMS = {
    "list": np.ndarray.tolist,
    "tuple": lambda array: tuple(map(tuple, array)) if array.ndim == 2 else tuple(array),
    "list of arrays": list,
    **{
        np.dtype(name).name: lambda array, name=name: array.astype(name)
        for name in ("bool", "int64", "int8", "uint8", "uint64", "float16", "float32", "longdouble")
    },
    "big-endian": lambda array: array.astype(">f8"),
    "big-endian int": lambda array: array.astype(">i4"),
    "Fortran order": np.asfortranarray,
    "transposed": lambda array: array.T.copy().T,
    "strided": strided,
    "reversed": lambda array: array[::-1].copy()[::-1],
    "read-only": read_only,
    "table": table,
    "table of integers": lambda array: table(array.astype(int)),
    "table of float32": lambda array: table(array.astype("float32")),
}


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_input_in_any_form_gives_the_bits_of_plain_arrays(fitted, form, kind):
    y, weights = TARGETS[kind], np.array([1.0, 1, 0, 1, 1])
    given = tuple(map(form, (X, y, weights)))
    kept = copy.deepcopy(given)
    results = []
    for data in (given, (X, y, weights)):
        network = copy.deepcopy(fitted[kind])
        network.fit(
            *(data[0], data[1], 2, 2),
            sample_weight=data[2],
            validation_data=data,
        )
        results.append(
            [
                *network.history.values(),
                network.train_step(*data),
                *network.loss_and_gradient(*data),
                *(network.predict(data[0]), network.forward(data[0])),
                network.evaluate(*data),
                *network.snapshot(),
            ]
        )
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other, strict=True)
    for one, other in zip(given, kept, strict=True):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other), strict=True)


@pytest.mark.parametrize("kind", TARGETS)
def test_plain_arrays_are_not_written_to(fitted, kind):
    arrays = tuple(map(read_only, (X, TARGETS[kind], np.arange(5.0))))
    network = copy.deepcopy(fitted[kind])
    network.fit(arrays[0], arrays[1], 2, 2, sample_weight=arrays[2], validation_data=arrays)
    bp.check_gradients(network, *arrays, tolerance=1e-4)
    assert np.array_equal(arrays[0], X)
    assert np.array_equal(arrays[1], TARGETS[kind])


@pytest.mark.parametrize("epochs", [np.int64(2), np.uint8(2)])
def test_whole_numbers_of_numpy_are_whole_numbers(epochs):
    network = network_for("numbers")
    assert network.fit(X, X[:, 0], epochs, batch_size=epochs).epoch_count == 4


def test_one_sample_is_enough():
    network = network_for("numbers")
    network.fit(X[:1], [1.0], 2)
    assert network.predict(X[:1]).shape == (1, 1)
