"""What onnxruntime makes of an exported file is what `predict` gives."""

import json
import os
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest
import strategies
from hypothesis import given, settings
from hypothesis import strategies as st

import backproplite as bp
from backproplite import testing
from backproplite.estimators import onnx as export
from backproplite.seeing.written import OPERATIONS, read

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

DTYPES = ["float64", "float32"]
#: How far from each other the two may be, relative to their size.
TOLERANCES = {"float64": 1e-14, "float32": 1e-6}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.onnx"


def run(path, X):
    """What onnxruntime makes of some rows."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (taken,), (given_,) = session.get_inputs(), session.get_outputs()
    assert (taken.name, given_.name) == ("X", "predictions")
    assert (
        taken.type
        == given_.type
        == {"f8": "tensor(double)", "f4": "tensor(float)"}[X.dtype.str[1:]]
    )
    return session.run(None, {"X": X})[0]


def exported(network, path, X):
    """What onnxruntime makes of some rows, and what the network does."""
    bp.export_onnx(network, path)
    onnx.checker.check_model(path, full_check=True)
    X = np.asarray(X, network.dtype)
    predictions, expected = run(path, X), network.predict(X)
    assert (predictions.shape, predictions.dtype) == (expected.shape, expected.dtype)
    return predictions, expected


def rows(rng, width):
    """Rows of all sizes, up to 1,000 and very near to 0, and ordinary ones."""
    sizes = np.exp(rng.uniform(-30, np.log(1000), (300, width)))
    signs = rng.choice([-1.0, 1.0], sizes.shape)
    edges = np.array([[-1000.0, 0.0, 1000.0], [1000.0] * 3, [0.0] * 3, [-1000.0] * 3])[:, :width]
    return np.vstack([sizes * signs, rng.uniform(-60, 60, sizes.shape), edges])


activations = [*strategies.activation_classes, lambda: bp.ELU(2.5), lambda: bp.LeakyReLU(-0.3)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("make", activations, ids=lambda make: repr(make()))
def test_an_activation_keeps_its_digits_in_the_tails_too(make, dtype, path):
    network = bp.Network([bp.Identity(), make()], bp.MeanSquaredError(), dtype=dtype)
    X = rows(np.random.default_rng(0), 3)
    floor = 1e3 * np.finfo(dtype).tiny  # below which exp(-x) is infinite
    np.testing.assert_allclose(*exported(network, path, X), TOLERANCES[dtype], floor)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", [bp.SigmoidCrossEntropy, bp.SoftmaxCrossEntropy])
def test_the_losses_on_logits_give_probabilities(loss, dtype, path):
    network = bp.Network([bp.Identity()], loss(), dtype=dtype)
    predictions, expected = exported(network, path, rows(np.random.default_rng(0), 3))
    floor = 1e3 * np.finfo(dtype).tiny
    np.testing.assert_allclose(predictions, expected, TOLERANCES[dtype], floor)
    assert predictions.min() >= 0
    assert predictions.max() <= 1


@pytest.mark.skipif("Standardize" not in bp.__all__, reason="there is no Standardize yet")
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_scaling_travels_with_the_model(dtype, path):
    rng = np.random.default_rng(0)
    X = rng.uniform([1e4, -3, 7, 0], [2e5, -1, 7, 1e-3], (50, 4))  # one column is constant
    for y in (200_000 + 50_000 * rng.standard_normal(50), rng.uniform(0, [1e6, 1e-6], (50, 2))):
        layers = [bp.Standardize.of(X), bp.Dense(4, 5), bp.Tanh(), bp.Dense(5, np.size(y) // 50)]
        network = bp.Network(layers, bp.StandardizedTargets.of(y), seed=0, dtype=dtype)
        predictions, expected = exported(network.fit(X, y, epochs=5), path, X)
        assert abs(predictions.mean() / y.mean() - 1) < 0.2
        np.testing.assert_allclose(predictions, expected, TOLERANCES[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("offset", [0.0, 1e3])
@pytest.mark.parametrize("cls", strategies.normalizations)
def test_a_normalization_of_rows_of_any_size(cls, offset, size, dtype, path):
    rng = np.random.default_rng(0)
    network = bp.Network([cls(4)], bp.MeanSquaredError(), seed=0, dtype=dtype)
    network.parameters[...] = rng.standard_normal(8)
    X = offset + size * rng.standard_normal((64, 4))
    network.update_statistics(X)
    predictions, expected = exported(network, path, X)
    np.testing.assert_allclose(predictions, expected, 0, TOLERANCES[dtype] * abs(expected).max())


def test_no_square_of_a_layer_norm_overflows(path):
    network = bp.Network([bp.LayerNorm(2)], bp.MeanSquaredError(), dtype="float32")
    predictions, _ = exported(network, path, [[0.0, 1e30], [3.0, 1.0]])
    np.testing.assert_allclose(predictions, [[-1, 1], [1, -1]], 1e-5)


def test_the_digits_of_a_small_spread_beside_a_large_mean_are_kept(path):
    network = bp.Network([bp.LayerNorm(3)], bp.MeanSquaredError())
    X = 1e8 / 3 + np.array([[0.1, 0.2, 0.5]])
    np.testing.assert_allclose(*exported(network, path, X), 1e-14)


@given(strategies.networks(), st.sampled_from(DTYPES), st.booleans())
@settings(max_examples=100, deadline=None)
def test_random_networks(tmp_path_factory, case, dtype, fitted):
    network, X, y = case
    network = network.cast(dtype)
    if fitted:
        network.fit(X, y, epochs=2)
    path = tmp_path_factory.mktemp("random") / "model.onnx"
    predictions, expected = exported(network, path, X)
    largest = TOLERANCES[dtype] * max(1, abs(expected).max())
    np.testing.assert_allclose(predictions, expected, 0, largest)
    np.testing.assert_allclose(run(path, X[:1].astype(dtype)), expected[:1], 0, largest)


@pytest.mark.parametrize("kind", testing.KINDS, ids=lambda kind: repr(kind(2)))
def test_every_layer_for_one_row_and_for_many(kind, path):
    network = bp.Network([bp.Dense(3, 4), kind(4), bp.Dense(4, 2)], bp.MeanSquaredError(), seed=0)
    rng = np.random.default_rng(0)
    for part in network.layers:  # statistics other than those of the start
        for state in part.named_state().values():
            state[...] = rng.uniform(0.5, 2, state.shape)
    for samples in (1, 500):
        predictions, expected = exported(network, path, rng.standard_normal((samples, 3)))
        np.testing.assert_allclose(predictions, expected, 0, 1e-14)


def test_layers_within_layers_within_layers(path):
    def block(inner):
        return bp.Residual([bp.LayerNorm(3), bp.Dense(3, 3), bp.GELU(), *inner])

    network = bp.Network([block([block([block([])])]), bp.Dense(3, 1)], bp.Huber(), seed=0)
    network.parameters[...] += 0.1
    X = np.random.default_rng(0).standard_normal((9, 3))
    np.testing.assert_allclose(*exported(network, path, X), 0, 1e-14)
    names = {each.name for each in onnx.load(path).graph.initializer}
    assert "layers[0].layers[3].layers[3].layers[1].weight" in names


# Layers of one's own, by their written lines.


class Own(bp.Activation):
    """f(x) = x · beta, until its class gets other lines and code."""

    def __init__(self, beta=2.0):
        self.beta = beta

    def forward(self, x):
        return x * self.beta, x

    def local_derivative(self, x):
        return np.full_like(x, self.beta)


def own(line, code, **attributes):
    """A class of one's own with these lines and this code."""

    def forward(self, x):
        return code(x).astype(x.dtype), x

    lines = line if isinstance(line, dict) else {"output": line}
    return type("Own", (Own,), {"written": lines, "forward": forward, **attributes})


def over(function, axis):
    return lambda x: x + function(x, axis, keepdims=True)


#: A line for every operation of the language, and what it means.
LINES = {
    "x + 1": lambda x: x + 1,
    "x - beta": lambda x: x - 2,
    "2 * x": lambda x: 2 * x,
    "x / 3": lambda x: x / 3,
    "-x": lambda x: -x,
    "x ** 2": lambda x: x**2,
    "x ** 3": lambda x: x**3,
    "abs(x) ** 1.5": lambda x: abs(x) ** 1.5,
    "sqrt(abs(x))": lambda x: np.sqrt(abs(x)),
    "exp(x)": np.exp,
    "x * exp(sqrt(2) * 3)": lambda x: x * np.exp(np.sqrt(2) * 3),
    "log(abs(x))": lambda x: np.log(abs(x)),
    "sign(x) * pi": lambda x: np.sign(x) * np.pi,
    "tanh(x)": np.tanh,
    "sigmoid(3 * x)": lambda x: 1 / (1 + np.exp(-3 * x)),
    "max(x, 0, -x / 2)": lambda x: np.maximum(x, -x / 2),
    "min(x, beta)": lambda x: np.minimum(x, 2),
    "x * (x < 0.5)": lambda x: x * (x < 0.5),
    "x * (x <= 0)": lambda x: x * (x <= 0),
    "x * (x > 0.5) + 1": lambda x: x * (x > 0.5) + 1,
    "x * (0 >= x)": lambda x: x * (x <= 0),
    "1 if x > 0 else x if x > -1 else -1": lambda x: np.where(x > 0, 1, np.maximum(x, -1)),
    "x if beta > 1 else 2 * x": lambda x: x,
    "x if x else 5": lambda x: np.where(x != 0, x, 5),
    "x @ T(x) @ x": lambda x: x @ x.T @ x,
    "x + samples": lambda x: x + len(x),
    "x / features": lambda x: x / x.shape[1],
    "x + sum(x, samples)": over(np.sum, 0),
    "x + sum(x, features)": over(np.sum, 1),
    "x + mean(x, samples)": over(np.mean, 0),
    "x + mean(x, features)": over(np.mean, 1),
    "x + max(x, samples)": over(np.max, 0),
    "x + max(x, features)": over(np.max, 1),
    "x + min(x, samples)": over(np.min, 0),
    "x + min(x, features)": over(np.min, 1),
}


def operations(node):
    return {node.operation}.union(*map(operations, node.operands))


def test_the_lines_have_every_operation():
    found = set().union(*(operations(read(line)) for line in LINES))
    assert found == {*OPERATIONS, "name", "number"}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("line", LINES)
def test_a_class_of_ones_own_is_exported_by_its_line(line, dtype, path):
    layer = own(line, LINES[line])()
    network = bp.Network([bp.Identity(), layer], bp.MeanSquaredError(), dtype=dtype)
    X = np.random.default_rng(0).uniform(-2, 2, (5, 3))
    X[0, 0] = 0
    with np.errstate(divide="ignore"):
        predictions, expected = exported(network, path, X)
    np.testing.assert_allclose(predictions, expected, TOLERANCES[dtype], TOLERANCES[dtype])


def test_several_lines_parameters_state_and_settings(path):
    class Own(bp.Layer):
        written = {
            "shifted": "x - centre",
            "output": "(shifted * scale if bend else 0 * x) ** 2 + epsilon",
            "grad_input": "2 * output",
        }
        state_names = ("centre",)

        def __init__(self, bend=True, epsilon=1e-3):
            self.bend, self.epsilon = bend, epsilon
            self.in_features = self.out_features = 2
            self.add_parameter("scale", (2,))
            self.add_state("centre", (2,), 0.25)

        def forward(self, x):
            return ((x - self.centre) * self.scale) ** 2 + self.epsilon, x

        def backward(self, grad_output, x):
            return grad_output

    network = bp.Network([Own(), bp.Residual([Own()])], bp.MeanSquaredError(), seed=0)
    np.testing.assert_allclose(*exported(network, path, [[1.0, 2.0], [-3.0, 0.5]]), 1e-14)


Clipped = type("Clipped", (bp.ReLU,), {"forward": lambda self, x: (np.minimum(x, 1), x)})


def test_the_layer_of_the_page_is_exported(path):
    page = pathlib.Path(__file__).parents[2] / "docs" / "reference" / "export.md"
    names = {"bp": bp}
    exec(re.search("```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)[1], names)
    bp.check_gradients(names["Swish"](1.5), np.array([[0.3, -2.0]]))
    network = bp.Network([bp.Dense(2, 2), names["Swish"](1.5)], bp.MeanSquaredError(), seed=0)
    np.testing.assert_allclose(*exported(network, path, [[1.0, -1.0]]), 1e-14)


class Noisy(Own):
    """Adds noise in training."""

    written = {"output": "x * mask"}

    def forward_training(self, x, rng):
        return x * rng.random(x.shape), x


def test_what_inference_does_is_exported_where_the_lines_tell_of_training(path):
    calm = type("Calm", (Noisy,), {"exported": {"output": "x * beta"}})
    for layer in (calm(), type("Calmer", (calm,), {})()):
        network = bp.Network([bp.Identity(), layer], bp.MeanSquaredError())
        np.testing.assert_allclose(*exported(network, path, [[1.0, 2.0]]))


def test_a_class_derived_from_ours_is_exported_if_it_goes_forward_likewise(path):
    class Slower(bp.ELU):
        def local_derivative(self, x):
            return 0.5 * super().local_derivative(x)

    network = bp.Network([bp.Identity(), Slower(2.0)], bp.MeanSquaredError())
    np.testing.assert_allclose(*exported(network, path, [[1.0, -1e-9]]), 1e-14)


def test_a_class_derived_from_ours_with_code_and_lines_of_its_own(path):
    lines = {"output": "min(x, 1)"}
    layer = type("Own", (bp.ELU,), {"written": lines, "forward": Clipped.forward})()
    network = bp.Network([bp.Identity(), layer], bp.MeanSquaredError())
    np.testing.assert_allclose(*exported(network, path, [[1.5, -3.0]]), 0)


def test_numbers_outside_the_domain_are_no_matter(path):
    layer = own("3 * log(x)", lambda x: np.log(x**3))()
    network = bp.Network([bp.Identity(), layer], bp.MeanSquaredError())
    np.testing.assert_allclose(*exported(network, path, [[0.1, 1e-3], [-1.0, 5.0]]), 1e-14)


class Doubled(bp.MeanSquaredError):
    """Its predictions are twice the outputs."""

    def predictions(self, outputs):
        return 2 * outputs


def test_a_loss_of_ones_own_with_predictions(path):
    loss = type("Written", (Doubled,), {"written": {"predictions": "2 * outputs", "costs": "1"}})
    network = bp.Network([bp.Dense(2, 1)], loss(), seed=0)
    np.testing.assert_allclose(*exported(network, path, [[1.0, -1.0]]), 1e-14)


# What cannot be exported.

REFUSED = {
    "layers[1] Own() cannot be exported: it has no written lines of its own": Own,
    "layers[1] Clipped() cannot be exported: it has no written lines of its own": Clipped,
    "layers[1].layers[0] Own() cannot be exported": lambda: bp.Residual([Own()]),
    "layers[1] Noisy() cannot be exported: its written lines tell of training": Noisy,
    "something else than its code": own("x + 1e-5", lambda x: x),
    "lines give something else": own("mean(x, samples)", lambda x: x),
    "else than its code": own("2", lambda x: 0 * x + 2),
    "gamma is neither a number nor an array of Own()": own("x * gamma", lambda x: x),
    "forward is neither a number nor": own("x * forward", lambda x: x),
    "cannot be worked out: matmul": own("x @ x", lambda x: x),
    "'exec(x)' is not of the language": own("exec(x)", lambda x: x),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_cannot_be_exported_is_named_and_nothing_is_written(message, path):
    network = bp.Network([bp.Dense(2, 3), REFUSED[message]()], bp.MeanSquaredError(), seed=0)
    path.write_bytes(b"old")
    with pytest.raises(bp.ParameterError) as caught:
        bp.export_onnx(network, path)
    assert message in str(caught.value)
    assert str(caught.value).endswith(". Nothing was written.")
    assert ".. Nothing" not in str(caught.value)
    assert [(each, each.read_bytes()) for each in path.parent.iterdir()] == [(path, b"old")]


def test_a_layer_that_does_not_say_what_it_takes_is_named(path):
    def forward(self, x):
        return x * np.ones(4), x

    layer = type("Own", (Own,), {"forward": forward, "written": {"output": "x"}})()
    with pytest.raises(ValueError, match="broadcast") as caught:
        bp.export_onnx(bp.Network([layer], bp.MeanSquaredError()), path)
    (note,) = caught.value.__notes__
    assert note.startswith("This came up in layers[0] Own(), tried on random rows of shape (7, 3)")
    assert not path.exists()


def test_a_loss_without_lines_is_named(path):
    with pytest.raises(bp.ParameterError, match=r"^loss Doubled\(\) cannot be .*'?predictions"):
        bp.export_onnx(bp.Network([bp.Dense(2, 1)], Doubled()), path)


def test_what_is_no_network_or_no_path(tmp_path):
    network = bp.Network([bp.Dense(2, 1)], bp.MeanSquaredError())
    with pytest.raises(bp.ParameterError, match="network must be a Network, such as the network_"):
        bp.export_onnx(object(), tmp_path / "model.onnx")
    with pytest.raises(bp.ParameterError, match=r"got the class\. Write Network"):
        bp.export_onnx(bp.Network, tmp_path / "model.onnx")
    with pytest.raises(bp.InputError, match="path must name a file"):
        bp.export_onnx(network, tmp_path)
    assert not [*tmp_path.iterdir()]


def test_more_than_a_file_holds_is_refused(monkeypatch, path):
    monkeypatch.setattr(export, "MAXIMUM_BYTES", 100)
    network = bp.Network([bp.Dense(3, 4)], bp.MeanSquaredError(), dtype="float32")
    bp.export_onnx(network, path)
    network = bp.Network([bp.Dense(3, 4)], bp.MeanSquaredError())
    with pytest.raises(bp.ParameterError, match=r"holds up to 100 bytes .* these are 128"):
        bp.export_onnx(network, path)


def test_without_onnx_the_extra_is_named(monkeypatch, path):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(bp.MissingExtraError, match=r"pip install 'backproplite\[onnx\]'"):
        bp.export_onnx(bp.Network([bp.Dense(2, 1)], bp.MeanSquaredError()), path)
    assert not path.exists()


def test_untrained_statistics_are_warned_of(path):
    network = bp.Network([bp.Dense(2, 2), bp.BatchNorm(2)], bp.MeanSquaredError(), seed=0)
    network.train_step([[1.0, 2.0]], [[1.0, 2.0]])
    with pytest.warns(bp.TrainingWarning, match="running statistics"):
        bp.export_onnx(network, path)


# The file.


def test_the_file_says_where_it_comes_from_and_what_it_needs(path):
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame({"größe": [1.0, 2.0], "age": [3.0, 4.0]})
    network = bp.Network([bp.Dense(2, 2)], bp.SoftmaxCrossEntropy(), seed=0)
    network.fit(X, [0, 1], epochs=1)
    bp.export_onnx(network, path)
    model = onnx.load(path)
    assert (model.producer_name, model.producer_version) == ("backproplite", bp.__version__)
    assert model.doc_string == network.summary()
    assert (model.ir_version, [each.version for each in model.opset_import]) == (8, [18])
    (named,) = model.metadata_props
    assert (named.key, json.loads(named.value)) == ("feature_names", ["größe", "age"])
    arrays = {each.name: onnx.numpy_helper.to_array(each) for each in model.graph.initializer}
    assert arrays.keys() == {"layers[0].weight", "layers[0].bias", "axis features"}
    assert (arrays["layers[0].weight"] == network.layers[0].weight).all()


def test_shapes_are_said_as_far_as_they_are_known(path):
    def shapes(layers):
        bp.export_onnx(bp.Network(layers, bp.MeanSquaredError()), path)
        graph = onnx.load(path).graph
        types = (each.type.tensor_type.shape.dim for each in (*graph.input, *graph.output))
        return [[each.dim_param or each.dim_value for each in dims] for dims in types]

    assert shapes([bp.Tanh(), bp.Dense(4, 2)]) == [["samples", 4], ["samples", 2]]
    assert shapes([bp.Tanh()]) == [["samples", 0], ["samples", 0]]


def test_the_same_network_makes_the_same_bytes(path):
    code = """if True:
        import backproplite as bp, sys
        layers = [bp.Dense(3, 4), bp.BatchNorm(4), bp.LayerNorm(4), bp.ELU(), bp.Dense(4, 2)]
        network = bp.Network(layers, bp.SoftmaxCrossEntropy(), seed=0)
        network.feature_names = ("a", "b", "c")
        bp.export_onnx(network, sys.argv[1])
    """
    contents = set()
    for seed in ("1", "2"):  # of the order of sets
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", code, path], check=True, env=environment)
        contents.add(path.read_bytes())
    assert len(contents) == 1


def test_the_network_is_left_as_it_was(path):
    network = bp.Network([bp.Dense(2, 3), bp.BatchNorm(3)], bp.MeanSquaredError(), seed=0)
    network.fit([[1.0, 2.0], [3.0, 5.0]], np.ones((2, 3)), epochs=2)
    before, gradients = network.record.bytes.copy(), network.gradients.copy()
    bp.export_onnx(network, path)
    assert (network.record.bytes == before).all()
    assert (network.gradients == gradients).all()
