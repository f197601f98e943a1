"""What is refused, by whom and in which words, and what is taken in any form.

The table is in `bad_input_cases.py`. After every refusal the network is, to the bit, what it
was before.
"""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from bad_input_cases import GROUPS, TARGETS, X, names_for, network_for, put

import backproplite as bp

ROWS = [
    pytest.param(call, group.kind, *case, id=call.replace("...", case[0]))
    for group in GROUPS
    for call in group.calls
    for case in group.cases()
]


@pytest.fixture(scope="module")
def fitted():
    return {kind: network_for(kind) for kind in TARGETS}


@pytest.mark.parametrize(("call", "kind", "given", "error", "text"), ROWS)
def test_bad_input_is_named_and_changes_nothing(fitted, call, kind, given, error, text):
    network = fitted[kind]
    before = pickle.dumps(network)
    with pytest.raises(bp.BackpropliteError) as caught:
        eval(call.replace("...", given), names_for(kind, network))
    assert (type(caught.value).__name__, str(caught.value)) == (error, text)
    assert pickle.dumps(network) == before


def test_there_are_many_different_refusals():
    assert len({text for group in GROUPS for *_, text in group.cases()}) >= 90


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


def mixed(frame):
    if frame.ndim == 1:
        return frame.astype("Int64")
    return frame.astype(dict(zip(frame, ("bool", "Int64", "float32"), strict=False)))


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
    "table of nullable integers": lambda array: table(array.astype(int)).astype("Int64"),
    "table of several dtypes": lambda array: mixed(table(array)),
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


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_losses_activations_and_checks_take_any_form_too(fitted, form):
    given = tuple(map(form, (X, X[::-1], TARGETS["numbers"])))
    kept = copy.deepcopy(given)
    for loss in (bp.MeanSquaredError(), bp.Huber(), bp.SigmoidCrossEntropy()):
        # An array of float32 is reckoned with in float32.
        assert loss(*given[:2]) == pytest.approx(loss(X, X[::-1]), rel=1e-6)
        np.testing.assert_allclose(loss.gradient(*given[:2]), loss.gradient(X, X[::-1]), rtol=1e-6)
    assert np.array_equal(bp.ReLU()(given[0]), X)
    assert np.array_equal(bp.ReLU().derivative(given[0]), X)
    assert bp.check_gradients(fitted["numbers"], given[0], given[2])
    for one, other in zip(given, kept, strict=True):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other), strict=True)


@pytest.mark.parametrize("form", ["Fortran order", "strided", "reversed", "big-endian"])
@pytest.mark.parametrize(
    "layer",
    [bp.Dense(3, 2), bp.BatchNorm(3), bp.LayerNorm(3), bp.Dropout(0.5), bp.GELU(), bp.Softmax()],
    ids=repr,
)
def test_layers_take_arrays_of_any_layout_and_write_to_none(layer, form):
    def there_and_back(x):
        output, cache = layer.forward_training(x, np.random.default_rng(0))
        grad_output = make(np.cos(np.array(output, float)))
        grad_output.flags.writeable = False
        return output, layer.backward(grad_output, cache), *layer.named_gradients().values()

    make = np.array
    wanted = [array.copy() for array in there_and_back(X)]
    make = FORMS[form]
    x = make(X)
    x.flags.writeable = False
    for given, array in zip(there_and_back(x), wanted, strict=True):
        np.testing.assert_allclose(given, array, rtol=1e-13, atol=1e-15)
    assert np.array_equal(x, X)


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
    network = bp.Network([bp.Dense(3, 2), bp.LayerNorm(2), bp.Dense(2, 1)], bp.MeanSquaredError())
    network.fit(X[:1], [1.0], 2)
    assert network.predict(X[:1]).shape == (1, 1)
