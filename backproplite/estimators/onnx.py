"""Networks as ONNX files, which many programs run, most of them without Python (extra `onnx`).

What a layer does is read from its written lines: each operation of a line becomes a node of the
graph. Where those tell of training, or lose digits that the code keeps, `exact` has others. All
are worked out on the way for a few random rows too, and must give what the code gives.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from functools import partial, reduce
from itertools import islice
from numbers import Real
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..checks import Array, refuse_class
from ..errors import MissingExtraError, ParameterError
from ..files.whole import write_file
from ..layers import Layer, Residual
from ..losses import Loss
from ..network import Network
from ..seeing.equations import written_lines
from ..seeing.exact import EXACT, INFERENCE, nearest, tell_of_training
from ..seeing.written import AXES, OPERATIONS, Node, names_in, read

SIGMOID = read("1 / (1 + exp(-x))")  # ONNX's own is 0 below -90 in onnxruntime

COMPARISONS = {"<": "Less", "<=": "LessOrEqual", ">": "Greater", ">=": "GreaterOrEqual"}
OPERATORS = {
    **COMPARISONS,
    **{"+": "Add", "-": "Sub", "*": "Mul", "/": "Div", "**": "Pow", "@": "MatMul"},
    **{"negative": "Neg", "sqrt": "Sqrt", "abs": "Abs", "exp": "Exp", "log": "Log"},
    **{"sign": "Sign", "tanh": "Tanh", "T": "Transpose", "max": "Max", "min": "Min"},
}
REDUCTIONS = {"sum": "ReduceSum", "mean": "ReduceMean", "max": "ReduceMax", "min": "ReduceMin"}
OPSET, IR_VERSION = 18, 8  # of ONNX 1.13, from the end of 2022
MAXIMUM_BYTES = 2**31 - 2**20  # that of a protocol buffer, with some room


class Tensor(NamedTuple):
    """A tensor of the graph, and what it is for the rows on which the export is tried."""

    name: str
    value: Array


#: Numbers become tensors where a node takes one; so what is computed of numbers alone is one.
Operand: TypeAlias = Tensor | float


def export_onnx(network: Network, path: object) -> None:
    """Write a network to an ONNX file: an old one is replaced whole or stays.

    predictions = network.predict(X), computed in the network's dtype

    The file's input "X" has shape (samples, features) and its output "predictions" shape
    (samples, outputs), for any number of samples. Dropout is left out, and a `BatchNorm` uses its
    running statistics. A layer of one's own is exported by its written lines: `written`, or
    `exported` where those tell of training. If the columns have names, these stand in the
    metadata as "feature_names".

    Parameters
    ----------
    network : Network
        Of an estimator, its `network_`.
    path : str or path-like
        Taken exactly as given, such as `model.onnx`.

    Raises
    ------
    MissingExtraError
        If onnx is not installed (extra `onnx`).
    ParameterError
        If a layer has no written lines, or its lines do not give what its code gives; nothing is
        written then.
    InputError
        If the path cannot be that of a file.
    OSError
        If the disk fails or is full; an old file is still there then.

    Examples
    --------
    >>> import os, tempfile
    >>> import backproplite as bp
    >>> network = bp.Network([bp.Dense(2, 1)], loss=bp.SigmoidCrossEntropy(), seed=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     bp.export_onnx(network, os.path.join(folder, "model.onnx"))

    References
    ----------
    Open Neural Network Exchange, https://onnx.ai.
    """
    refuse_class("network", network)
    if not isinstance(network, Network):
        raise ParameterError(
            f"network must be a Network, such as the network_ of an estimator; got {network!r}."
        )
    size = network.record.model.nbytes
    if size > MAXIMUM_BYTES:
        raise ParameterError(
            f"an ONNX file holds up to {MAXIMUM_BYTES:,} bytes of numbers; these are {size:,}."
        )
    write_file(path, _model(network).SerializeToString())


@np.errstate(all="ignore")
def _model(network: Network) -> Any:
    """Return a network as a model of the library onnx."""
    import backproplite

    rows = np.random.default_rng(0).standard_normal((7, network.in_features or 3))
    rows = rows.astype(network.dtype)
    graph = _Graph(network.dtype)
    helper = graph.onnx.helper
    outputs = graph.through(network.layers, "", Tensor("X", rows))
    predictions = graph.finish(network.loss, outputs, network.predict(rows))
    graph.nodes.append(helper.make_node("Identity", [predictions.name], ["predictions"]))

    def described(name: str, width: int | None) -> Any:
        return helper.make_tensor_value_info(name, graph.type, ["samples", width])

    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "network",
            [described("X", network.in_features)],
            [described("predictions", network.out_features)],
            [*graph.initializers.values()],
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="backproplite",
        producer_version=backproplite.__version__,
        doc_string=network.summary(),
    )
    if network.feature_names:
        helper.set_model_props(model, {"feature_names": json.dumps(network.feature_names)})
    return model


class _Graph:
    """The nodes and numbers of a model, as far as it has come.

    Parameters
    ----------
    dtype : numpy.dtype
        That of all numbers.
    """

    def __init__(self, dtype: np.dtype[Any]) -> None:
        try:
            import onnx
        except ImportError:
            raise MissingExtraError(
                "export_onnx needs onnx: pip install 'backproplite[onnx]'"
            ) from None
        self.onnx: Any = onnx
        self.dtype, self.type = dtype, self.onnx.helper.np_dtype_to_tensor_dtype(dtype)
        self.nodes: list[Any] = []
        self.initializers: dict[str, Any] = {}
        self.place = ""

    def through(self, layers: Sequence[Layer], where: str, x: Tensor) -> Tensor:
        """Add layers, and return what comes out."""
        for i, layer in enumerate(layers):
            place = f"{where}layers[{i}]"
            scope: dict[str, Operand] = {"x": x}
            if isinstance(layer, Residual):
                scope["inner"] = self.through(layer.layers, f"{place}.", x)
            lines = _lines(layer, place, "output", "forward", "forward_training")
            try:
                expected, _ = layer.forward(x.value)
            except Exception as error:
                error.add_note(
                    f"This came up in {place} {layer!r}, tried on random rows of shape "
                    f"{x.value.shape}. If it takes others only, let it set in_features."
                )
                raise
            x = self.add(layer, place, lines, scope, expected)
        return x

    def finish(self, loss: Loss, outputs: Tensor, predictions: Array) -> Tensor:
        """Add what the loss makes of the outputs."""
        if type(loss).predictions is Loss.predictions:
            return outputs
        lines = _lines(loss, "loss", "predictions", "predictions")
        return self.add(loss, "loss", lines, {"x": outputs, "outputs": outputs}, predictions)

    def add(
        self,
        thing: Layer | Loss,
        place: str,
        lines: Mapping[str, str],
        scope: dict[str, Operand],
        expected: Array,
    ) -> Tensor:
        """Add lines, and return what the last comes to, if that is what the code gives."""
        self.place = place
        try:
            for name, line in lines.items():
                for other in sorted(names_in(line) - scope.keys()):  # always in the same order
                    scope[other] = self.own(thing, other, scope)
                scope[name] = self.expression(read(line), scope)
        except (TypeError, ValueError) as error:
            raise _refused(thing, place, f"its lines cannot be worked out: {error}") from error
        result = self.tensor(scope[name])
        size = np.max(abs(expected), initial=0, where=np.isfinite(expected))
        near = math.sqrt(np.finfo(self.dtype).eps) * size
        if result.value.shape != expected.shape or not np.allclose(
            result.value, expected, 0, near, equal_nan=True
        ):
            raise _refused(thing, place, "its lines give something else than its code")
        return Tensor(result.name, expected)

    def own(self, thing: Layer | Loss, name: str, scope: Mapping[str, Operand]) -> Operand:
        """Return what a line calls by the name of an attribute, or of an axis: its length."""
        if name in AXES:
            x, axis = self.tensor(scope["x"]), AXES[name]
            length = self.node("Shape", x.name, start=axis, end=axis + 1 or None)
            count = np.array([x.value.shape[axis]], self.dtype)
            return Tensor(self.node("Cast", length, to=self.type), count)
        value = getattr(thing, name, None)
        if isinstance(value, Real):
            return float(value)
        if not isinstance(value, np.ndarray):
            raise ValueError(f"{name} is neither a number nor an array of {thing!r}")
        array = value.astype(self.dtype)
        return Tensor(self.initializer(f"{self.place}.{name}", array), array)

    def expression(self, node: Node, scope: Mapping[str, Operand]) -> Operand:
        """Add the nodes of an expression, and return what it comes to."""
        if node.operation == "number":
            return node.number
        if node.operation == "name":
            return scope[node.name]
        operands = [self.expression(each, scope) for each in node.operands]
        if node.operation == "sigmoid":
            return self.expression(SIGMOID, {"x": operands[0]})
        values = (each.value if isinstance(each, Tensor) else each for each in operands)
        value = OPERATIONS[node.operation].compute(*values)
        if not any(isinstance(each, Tensor) for each in operands):
            return float(value)
        return Tensor(self.computed(node.operation, [self.tensor(o).name for o in operands]), value)

    def computed(self, operation: str, names: list[str]) -> str:
        """Add the nodes of an operation, and return the name of what it gives."""
        kind, _, detail = operation.partition(" ")
        if detail in AXES:
            axis = self.initializer(f"axis {detail}", np.array([AXES[detail]]))
            return self.node(REDUCTIONS[kind], *names, axis, keepdims=1)
        if detail:  # a square or a cube, which are exact as products
            return reduce(partial(self.node, "Mul"), names * int(detail))
        if kind == "if":
            this, test, other = names
            truth = self.node("Cast", test, to=self.onnx.TensorProto.BOOL)
            return self.node("Where", truth, this, other)
        name = self.node(OPERATORS[kind], *names)
        return self.node("Cast", name, to=self.type) if kind in COMPARISONS else name

    def node(self, operation: str, *operands: str, **attributes: Any) -> str:
        """Add a node, and return its name, which is that of its output too."""
        name = f"{self.place}.{operation}_{len(self.nodes)}"
        node = self.onnx.helper.make_node(operation, operands, [name], name, **attributes)
        self.nodes.append(node)
        return name

    def tensor(self, operand: Operand) -> Tensor:
        """Return an operand as a tensor."""
        if isinstance(operand, Tensor):
            return operand
        value = np.asarray(operand, self.dtype)
        return Tensor(self.initializer(repr(operand), value), value)

    def initializer(self, name: str, numbers: Array) -> str:
        """Put numbers into the graph, and return their name."""
        self.initializers[name] = self.onnx.numpy_helper.from_array(numbers, name)
        return name


def _lines(thing: Layer | Loss, place: str, result: str, *methods: str) -> Mapping[str, str]:
    """Return the lines of what a layer or loss does in inference, up to a result."""
    lines = nearest(thing, {**EXACT, **INFERENCE}, *methods)
    if result not in lines:
        lines = written_lines(thing, "written", *methods)
        if result not in lines:
            why = "it has no written lines of its own. Give its class some, such as"
            raise _refused(thing, place, f'{why} written = {{"{result}": "..."}}')
        if isinstance(thing, Layer) and tell_of_training(thing):
            why = "its written lines tell of training. Give its class others, such as"
            raise _refused(thing, place, f'{why} exported = {{"{result}": "..."}}')
    return dict(islice(lines.items(), [*lines].index(result) + 1))


def _refused(thing: Layer | Loss, place: str, why: str) -> ParameterError:
    return ParameterError(
        f"{place} {thing!r} cannot be exported: {why.rstrip('.')}. Nothing was written."
    )
