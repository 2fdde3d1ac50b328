"""From an ONNX file to a network: QDQ or QONNX operators, in a chain.

The importer follows the images through the graph, node by node. A node that it cannot take is
refused by its name and operator, with what would work instead.
"""

from __future__ import annotations

from pathlib import Path

from sw.spec import SpecError

from .graph import NetworkError
from .onnx_file import Model, Node, read_model
from .onnx_operators import AFTER_THE_END, HANDLERS, INSTEAD, ON_WORDS
from .onnx_walk import Imported, Tensor, Walk

__all__ = ["Imported", "Tensor", "import_network"]


def import_network(path: Path) -> Imported:
    """The network of an ONNX file.

    Raises
    ------
    NetworkError
        If the file is damaged, or has what is not supported; the message names the file, the node,
        its operator, and what would work instead.
    """
    model = read_model(path)
    try:
        return _followed(model)
    except NetworkError as error:
        raise NetworkError(f"{path}: {error}") from error
    except MemoryError as error:
        raise NetworkError(f"{path}: the model is too large for this machine's memory") from error


def _followed(model: Model) -> Imported:
    """Follow the images from the input to the output."""
    walk = Walk(model)
    consumers: dict[str, list[Node]] = {}
    for node in model.nodes:
        if node.output in walk.constants:
            continue
        for name in set(node.inputs):
            consumers.setdefault(name, []).append(node)
    name, seen = model.input_name, 0
    while name != model.output_name:
        nodes = consumers.get(name, [])
        if len(nodes) != 1:
            raise _not_a_chain(model, name, nodes)
        seen += 1
        if seen > len(model.nodes):
            raise nodes[0].error("the graph has a cycle: it leads back to itself")
        _take(walk, nodes[0], name)
        name = nodes[0].output
    if consumers.get(name):
        raise _not_a_chain(model, name, consumers[name])
    return walk.finished()


def _not_a_chain(model: Model, name: str, nodes: list[Node]) -> NetworkError:
    if not nodes:
        return NetworkError(
            f"graph: value {name[:80]!r} leads nowhere, and is not the output "
            f"{model.output_name[:80]!r}"
        )
    places = ", ".join(f"{node.name} ({node.operator})" for node in nodes[:4])
    return NetworkError(
        f"graph: value {name[:80]!r} goes to {places}, or past the output: networks are "
        "a chain, without branches (no skip connections)"
    )


def _take(walk: Walk, node: Node, name: str) -> None:
    handler = HANDLERS.get(node.operator)
    if handler is None:
        instead = INSTEAD.get(node.operator, f"supported are {', '.join(sorted(HANDLERS))}")
        raise node.error(f"the operator is not supported ({instead})")
    if node.extra_outputs:
        raise node.error("it has more than one output (use its first alone)")
    if walk.ended and node.operator not in AFTER_THE_END:
        raise node.error("it follows the Softmax or ArgMax that ends the network")
    if node.inputs.count(name) != 1 or (node.inputs[0] != name):
        raise node.error("the images must come in as its first input, the constants after them")
    if walk.words is not None and node.operator not in ON_WORDS:
        raise node.error("it takes integers; put a DequantizeLinear before it")
    try:
        handler(walk, node)
    except SpecError as error:
        raise node.error(str(error)) from error
