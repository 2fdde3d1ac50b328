"""ONNX files from anywhere: nodes and arrays, or one line that says what is wrong.

Nothing in a file is trusted: sizes are checked before arrays are made, names before they are
looked up, and no other file is ever opened. Time and memory are bounded by the file's own size.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, numpy_helper

from .graph import NetworkError

__all__ = ["MAX_FILE_BYTES", "Array", "Model", "Node", "read_model"]

Array = npt.NDArray[Any]
_T = TypeVar("_T")

MAX_FILE_BYTES = 64 << 20
MAX_NODES = 4096
MAX_ELEMENTS = 1 << 22
"""Of all arrays of a file together."""

_BITS: dict[int, int] = {
    TensorProto.FLOAT: 32,
    TensorProto.DOUBLE: 64,
    TensorProto.FLOAT16: 16,
    TensorProto.INT4: 4,
    TensorProto.UINT4: 4,
    TensorProto.INT8: 8,
    TensorProto.UINT8: 8,
    TensorProto.INT16: 16,
    TensorProto.UINT16: 16,
    TensorProto.INT32: 32,
    TensorProto.INT64: 64,
    TensorProto.BOOL: 8,
}
_FIELDS: dict[int, tuple[str, int]] = {
    TensorProto.FLOAT: ("float_data", 1),
    TensorProto.DOUBLE: ("double_data", 1),
    TensorProto.INT64: ("int64_data", 1),
    TensorProto.INT4: ("int32_data", 2),
    TensorProto.UINT4: ("int32_data", 2),
}
"""Where values are that are not raw, and how many share an element; else ``int32_data``, 1."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Node:
    """One node of a graph.

    Parameters
    ----------
    name : str
        Its own, or made of its operator and place where it has none.
    operator : str
    inputs : tuple of str
        Names of values; an empty one is an input that is left out.
    output : str
        Of its first output.
    attributes : mapping
        Ints, floats, text, lists of ints or floats, arrays.
    extra_outputs : tuple of str
        Of its further outputs that have a name.
    """

    name: str
    operator: str
    inputs: tuple[str, ...]
    output: str
    attributes: Mapping[str, Any]
    extra_outputs: tuple[str, ...] = ()

    def integer(self, name: str, default: int) -> int:
        """An attribute that is a whole number."""
        return self._attribute(name, default, int, "a whole number")

    def number(self, name: str, default: float) -> float:
        """An attribute that is a number."""
        return self._attribute(name, default, float, "a number")

    def text(self, name: str, default: str) -> str:
        """An attribute that is text, fit for a message."""
        return _short(self._attribute(name, default, str, "text"))

    def integers(self, name: str) -> list[int] | None:
        """An attribute that is a list of whole numbers; None if it is not there."""
        found = self._attribute(name, [], list, "a list of whole numbers")
        if not all(isinstance(value, int) for value in found):
            raise self.error(f"attribute {name}: expected a list of whole numbers")
        return found if name in self.attributes else None

    def _attribute(self, name: str, default: _T, kind: type[_T], what: str) -> _T:
        found = self.attributes.get(name, default)
        if not isinstance(found, kind):
            raise self.error(f"attribute {name}: expected {what}")
        return found

    def error(self, message: str) -> NetworkError:
        """An error that names the node and its operator, unless the message does."""
        named = message.startswith("node ")
        return NetworkError(message if named else f"node {self.name} ({self.operator}): {message}")


@dataclass(frozen=True, kw_only=True, eq=False)
class Model:
    """A file's graph.

    Parameters
    ----------
    nodes : tuple of Node
        As the file has them.
    arrays : mapping of name to array
    input_name : str
    input_type : int
        A ``TensorProto`` data type.
    input_dims : tuple of (int or None)
        None where a dimension is not fixed.
    output_name : str
    """

    nodes: tuple[Node, ...]
    arrays: Mapping[str, Array]
    input_name: str
    input_type: int
    input_dims: tuple[int | None, ...]
    output_name: str


def read_model(path: Path) -> Model:
    """The graph of an ONNX file.

    Raises
    ------
    NetworkError
        If it cannot be read or its graph is malformed; the message names the file and the part.
    """
    proto = _parse(path)
    with _named(path):
        if not proto.HasField("graph") or not proto.graph.node:
            raise NetworkError("graph: there are no nodes (is this an ONNX model?)")
        if proto.functions:
            raise NetworkError(
                f"function {_short(proto.functions[0].name)}: functions of a model's own are not "
                "supported (export without them, or inline them: onnx.inliner)"
            )
        return _model(proto.graph)


def _parse(path: Path) -> onnx.ModelProto:
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise NetworkError(
                f"{path}: {size} bytes; model files have at most {MAX_FILE_BYTES} (a network for a "
                "chip is far smaller)"
            )
        return onnx.ModelProto.FromString(path.read_bytes())
    except FileNotFoundError as error:
        raise NetworkError(f"{path}: no such model file") from error
    except OSError as error:
        raise NetworkError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (DecodeError, RuntimeError, ValueError) as error:
        if isinstance(error, NetworkError):
            raise
        raise NetworkError(f"{path}: not an ONNX file, or a damaged one") from error


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Put the file's name before what is wrong in it."""
    try:
        yield
    except NetworkError as error:
        raise NetworkError(f"{path}: {error}") from error


def _short(text: str) -> str:
    """A name from a file, fit for a message: printable, and not a page long."""
    text = _text(text)
    shown = "".join(c if c.isprintable() else "?" for c in text[:80])
    return shown + "..." if len(text) > 80 else shown


def _text(value: str | bytes) -> str:
    """A name from a file; what is not UTF-8 comes as bytes."""
    if not isinstance(value, str):
        raise NetworkError(f"name {value[:20]!r} is not UTF-8: the file is damaged")
    return value


def _model(graph: onnx.GraphProto) -> Model:
    if len(graph.node) > MAX_NODES:
        raise NetworkError(f"graph: {len(graph.node)} nodes; at most {MAX_NODES} are taken")
    if graph.sparse_initializer:
        raise NetworkError("graph: sparse initializers are not supported (store them dense)")
    arrays = _arrays(graph)
    nodes: list[Node] = []
    made = set(arrays)
    inputs = [found for found in graph.input if _text(found.name) not in arrays]
    made |= {found.name for found in inputs}
    for index, proto in enumerate(graph.node):
        node = _node(index, proto)
        for output in (node.output, *node.extra_outputs):
            if output in made:
                raise node.error(f"output {_short(output)} is made twice in the graph")
            made.add(output)
        nodes.append(node)
    if len(inputs) != 1 or len(graph.output) != 1:
        raise NetworkError(
            f"graph: expected one input and one output, found {len(inputs)} and "
            f"{len(graph.output)} (the images, and the logits or the label)"
        )
    kind, dims = _type_of(inputs[0])
    return Model(
        nodes=tuple(nodes),
        arrays=arrays,
        input_name=inputs[0].name,
        input_type=kind,
        input_dims=dims,
        output_name=_text(graph.output[0].name),
    )


def _type_of(value: onnx.ValueInfoProto) -> tuple[int, tuple[int | None, ...]]:
    tensor = value.type.tensor_type
    if not value.type.HasField("tensor_type") or not tensor.HasField("shape"):
        raise NetworkError(
            f"input {_short(value.name)}: its shape is missing (export with a fixed image shape, "
            "(N, C, H, W))"
        )
    dims = [d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim]
    return tensor.elem_type, tuple(dims)


def _arrays(graph: onnx.GraphProto) -> dict[str, Array]:
    """Initializers and the values of Constant nodes, by name."""
    arrays: dict[str, Array] = {}
    left = MAX_ELEMENTS
    for tensor in graph.initializer:
        if _text(tensor.name) in arrays:
            raise NetworkError(f"initializer {_short(tensor.name)}: the name comes twice")
        arrays[tensor.name] = _array(tensor, f"initializer {_short(tensor.name)}", left)
        left -= arrays[tensor.name].size
    return arrays


def _array(tensor: TensorProto, where: str, most: int) -> Array:
    """A tensor's values, once it is sure that there are as many as it says."""
    if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
        raise NetworkError(
            f"{where}: its data lie in another file, which is not opened (save the model as one "
            "file: onnx.save(model, path, save_as_external_data=False))"
        )
    if tensor.data_type not in _BITS:
        raise NetworkError(f"{where}: data type {tensor.data_type} is not supported")
    if tensor.HasField("segment") or any(d < 0 for d in tensor.dims) or len(tensor.dims) > 8:
        raise NetworkError(f"{where}: dims {list(tensor.dims)[:9]} are no shape")
    count = math.prod(tensor.dims)
    if count > most:
        raise NetworkError(f"{where}: too many values; at most {MAX_ELEMENTS} in a model")
    bits = _BITS[tensor.data_type]
    if tensor.HasField("raw_data"):
        found, expected = len(tensor.raw_data), -(-count * bits // 8)
    else:
        field, shared = _FIELDS.get(tensor.data_type, ("int32_data", 1))
        found, expected = len(getattr(tensor, field)), -(-count // shared)
    if found != expected:
        raise NetworkError(
            f"{where}: dims {list(tensor.dims)} do not fit its data ({found} where {expected} are "
            "due): the file is damaged"
        )
    try:
        array = numpy_helper.to_array(tensor)
    except (ValueError, TypeError, OverflowError) as error:
        raise NetworkError(f"{where}: its data cannot be read: the file is damaged") from error
    return array.astype(np.int8) if bits == 4 else array


def _node(index: int, proto: onnx.NodeProto) -> Node:
    operator = _short(proto.op_type) or "no operator"
    name = _short(proto.name) or f"{operator}_{index}"
    if not proto.output or not proto.output[0]:
        raise NetworkError(f"node {name} ({operator}): it has no output")
    attributes = {
        _text(found.name): _attribute(found, f"node {name} ({operator}): {_short(found.name)}")
        for found in proto.attribute
    }
    return Node(
        name=name,
        operator=operator,
        inputs=tuple(map(_text, proto.input)),
        output=_text(proto.output[0]),
        attributes=attributes,
        extra_outputs=tuple(filter(None, map(_text, proto.output[1:]))),
    )


def _attribute(proto: onnx.AttributeProto, where: str) -> Any:
    kinds = onnx.AttributeProto
    match proto.type:
        case kinds.INT:
            return proto.i
        case kinds.FLOAT:
            return proto.f
        case kinds.STRING:
            return proto.s.decode("utf-8", "replace")
        case kinds.INTS:
            return list(proto.ints)
        case kinds.FLOATS:
            return list(proto.floats)
        case kinds.TENSOR:
            return _array(proto.t, where, MAX_ELEMENTS)
    return None  # graphs and the like: the operators that have them are refused by their name
