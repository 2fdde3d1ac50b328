"""ONNX models for tests, written operator by operator, and onnxruntime's integers of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from sw.network.compare import compare_layers, compare_output, onnxruntime_tensors
from sw.network.onnx_import import import_network
from sw.network.reference import run

INT8, UINT8 = np.dtype(np.int8), np.dtype(np.uint8)


class Builder:
    """A model that grows at its end; QDQ by default, QONNX by :meth:`quant`."""

    def __init__(self, input_shape, *, dims=None):
        self.nodes, self.arrays = [], []
        self.input_shape = tuple(input_shape)
        self.dims = dims or ["N", *input_shape]
        self.last = "input"
        self.input_scale, self.input_zero = 1.0, 0
        self._grid = None

    def array(self, name, values):
        full = f"{name}_{len(self.arrays)}"
        self.arrays.append(numpy_helper.from_array(np.asarray(values, order="C"), full))
        return full

    def node(self, operator, *inputs, domain="", name=None, **attributes):
        output = f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(
            helper.make_node(
                operator, [self.last, *inputs], [output], name=name or output, domain=domain,
                **attributes,
            )
        )  # fmt: skip
        self.last = output
        return self

    def constant_node(self, operator, inputs, domain="", **attributes):
        output = f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(
            helper.make_node(operator, inputs, [output], name=output, domain=domain, **attributes)
        )
        return output

    def quantise(self, scale, zero=0, dtype=UINT8):
        if not self.nodes:
            self.input_scale, self.input_zero = scale, zero
        grid = self.array("scale", np.float32(scale)), self.array("zero", np.array(zero, dtype))
        return self.node("QuantizeLinear", *grid).node("DequantizeLinear", *grid)

    def quant(self, scale, zero=0, bits=8, *, signed=1, narrow=0):
        if not self.nodes:
            self.input_scale, self.input_zero = scale, zero
        inputs = [self.array(n, np.float32(v)) for n, v in (("s", scale), ("z", zero), ("b", bits))]
        return self.node(
            "Quant", *inputs, domain="qonnx.custom_op.general", signed=signed, narrow=narrow,
            rounding_mode="ROUND",
        )  # fmt: skip

    def weight(self, values, scale, *, zero=None, axis=0):
        scale = np.asarray(scale, np.float32)
        zeros = np.zeros(scale.shape, values.dtype) if zero is None else zero
        return self.constant_node(
            "DequantizeLinear",
            [self.array("w", values), self.array("ws", scale), self.array("wz", zeros)],
            axis=axis,
        )

    def bias(self, values, scale):
        scale = np.asarray(scale, np.float32)
        return self.constant_node(
            "DequantizeLinear", [self.array("b", values.astype(np.int32)), self.array("bs", scale)],
            axis=0,
        )  # fmt: skip

    def conv(self, weight, scale, bias=None, **attributes):
        inputs = [self.weight(weight, scale)]
        if bias is not None:
            inputs.append(bias if isinstance(bias, str) else self.bias(*bias))
        return self.node("Conv", *inputs, **attributes)

    def gemm(self, weight, scale, bias=None, **attributes):
        inputs = [self.weight(weight, scale)]
        if bias is not None:
            inputs.append(bias if isinstance(bias, str) else self.bias(*bias))
        return self.node("Gemm", *inputs, transB=1, **attributes)

    def model(self):
        graph = helper.make_graph(
            self.nodes,
            "test",
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, self.dims)],
            [helper.make_tensor_value_info(self.last, self._output_type(), None)],
            self.arrays,
        )
        opsets = [helper.make_opsetid("", 19), helper.make_opsetid("qonnx.custom_op.general", 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=9)

    def _output_type(self):
        return TensorProto.INT64 if self.nodes[-1].op_type == "ArgMax" else TensorProto.FLOAT

    def save(self, path: Path) -> Path:
        onnx.save(self.model(), path)
        return path


def differing_layers(imported, images, tensors):
    """The layers that differ from what ran the file, by name."""
    found = compare_layers(imported, images, tensors)
    assert {layer.layer for layer in found} == imported.tensors.keys()
    return {layer.layer: layer for layer in found if layer.differing}


def assert_equal_to_onnxruntime(path, images, *, optimise=(True, False)):
    """Every integer that the file has, and its output, are the golden network's.

    But for what the import itself says may differ, in layers where it says so.
    """
    imported = import_network(path)
    said = {difference.layer: difference.steps for difference in imported.differences}
    for level in optimise:
        tensors, output = onnxruntime_tensors(path, imported, images, optimise=level)
        for layer, found in differing_layers(imported, images, tensors).items():
            assert found.steps <= said.get(layer, 0), (found, level)
        if not imported.remarks:
            assert (
                compare_output(imported, run(images, imported.network), tensors[output]).differing
                == 0
            )
    return imported
