"""A quantised network as files: ONNX with QDQ, and its first layer as our layer file.

In the ONNX file each Conv and Gemm stands between QuantizeLinear and DequantizeLinear, each scale
is a power of two and each zero point 0. So onnxruntime has the same integers whether it fuses them
or computes in float32.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from sw.numeric import FIXED8_INPUT, FixedFormat, IntRange
from sw.spec import LayerSpec, layer_bytes

from .integers import IntegerLayer, IntegerNetwork
from .loop import Metrics
from .options import Options
from .quantise import Quantised, integers_of

__all__ = ["exported", "layer_config", "layer_spec", "onnx_bytes"]

OPSET = 21
"""The first with DequantizeLinear of int16, for weights of more than 8 bits."""
IR_VERSION = 10
WEIGHT_FRAC = {"fixed8": 8, "int8": 7}
"""Fractional bits of the formats' weights in a layer file."""
INPUT, LOGITS = "image", "logits"


class _Graph:
    """Nodes and constants of a model in the making.

    Parameters
    ----------
    network : IntegerNetwork
    """

    def __init__(self, network: IntegerNetwork) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._unit = self._constant("unit", np.float32(2.0 ** -network.layers[0].input_frac))
        self._zero = self._constant("zero", np.uint8(0))

    def rounded(self, x: str, name: str) -> str:
        """``x`` as uint8 and back, in the unit of the layer."""
        around = [self._unit, self._zero]
        quantised = self.add("QuantizeLinear", [x, *around], f"{name}.integers")
        return self.add("DequantizeLinear", [quantised, *around], f"{name}.real")

    def layer(self, x: str, name: str, layer: IntegerLayer) -> str:
        """A layer's nodes, from its input in real numbers to its output in the same."""
        weight = self._integers(f"{name}.weight", layer.weight, layer.frac)
        bias_frac = layer.frac + layer.input_frac
        bias = self._integers(f"{name}.bias", layer.bias.astype(np.int32), bias_frac)
        if layer.weight.ndim == 2:
            flat = self.add("Flatten", [x], f"{name}.flat")
            return self.add("Gemm", [flat, weight, bias], LOGITS, transB=1)
        sums = self.add("Conv", [x, weight, bias], f"{name}.sums")
        y = self.add("Relu", [sums], f"{name}.positive")
        assert layer.output_frac is not None
        self._unit = self._constant(f"{name}.unit", np.float32(2.0**-layer.output_frac))
        y = self.rounded(y, name)
        if not layer.pool:
            return y
        window = {"kernel_shape": [2, 2], "strides": [2, 2]}
        return self.rounded(self.add("MaxPool", [y], f"{name}.maximum", **window), f"{name}.pooled")

    def add(self, kind: str, inputs: list[str], output: str, **attributes: object) -> str:
        """A node that is called as what it puts out."""
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def _integers(self, name: str, values: np.ndarray, frac: np.ndarray) -> str:
        """Integers in units of 2**-frac, one for each of their rows, as real numbers."""
        if values.dtype != np.int32:
            values = values.astype(np.int8 if np.abs(values).max() <= 127 else np.int16)
        units = np.exp2(-frac).astype(np.float32)
        axis = {"axis": 0}
        if (units == units[0]).all():  # a scale and zero point for all, as every importer knows
            units, axis = units[0], {}
        scale = self._constant(f"{name}.unit", units)
        inputs = [self._constant(f"{name}.integers", values), scale]
        return self.add("DequantizeLinear", inputs, name, **axis)

    def _constant(self, name: str, value: np.ndarray | np.generic) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name


def onnx_bytes(network: IntegerNetwork, name: str, properties: Mapping[str, str]) -> bytes:
    """The network as an ONNX file; the same bytes for the same integers.

    Its input ``image`` is float32 (N, C, H, W), pixels/256; its output ``logits`` (N, 10).

    Parameters
    ----------
    network : IntegerNetwork
    name : str
        Of the graph.
    properties : mapping
        The model's metadata: what made it, and how good it is.
    """
    graph = _Graph(network)
    x = graph.rounded(INPUT, "input")
    for number, layer in enumerate(network.layers, start=1):
        x = graph.layer(x, f"layer{number}", layer)
    classes = len(network.layers[-1].weight)
    inputs = [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["N", *network.input_shape])]
    outputs = [helper.make_tensor_value_info(LOGITS, TensorProto.FLOAT, ["N", classes])]
    model = helper.make_model(
        helper.make_graph(graph.nodes, name, inputs, outputs, graph.constants),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="katazome",
    )
    helper.set_model_props(model, dict(properties))
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


def exported(
    network: Quantised, options: Options, command: str, metrics: Metrics
) -> dict[str, str | bytes]:
    """A finished run's network and first layer, by the names of their files."""
    integers = integers_of(network)
    properties = {"command": command, "top1": f"{metrics['top1']:.2f}", "input": "pixels/256"}
    title, layer = options.title, layer_spec(integers, WEIGHT_FRAC[options.format])
    return {
        f"{title}.onnx": onnx_bytes(integers, title, properties),
        f"{title}-layer1.npz": layer_bytes(layer),
        f"{title}-layer1.toml": layer_config(integers, f"{title}-layer1"),
    }


def layer_spec(network: IntegerNetwork, frac: int) -> LayerSpec:
    """The first layer for an engine; its factors requantise as the network does.

    Parameters
    ----------
    network : IntegerNetwork
    frac : int
        Fractional bits of weights: of their format alone, no effect on the integers.
    """
    layer = network.layers[0]
    largest = int(np.abs(layer.weight).max())
    bits = max(frac + 1, IntRange(-largest, largest).bits)
    return LayerSpec(
        weight=layer.weight,
        input_shape=network.input_shape,
        input_format=FIXED8_INPUT,
        weight_format=FixedFormat(bits=bits, frac=frac, signed=True),
        bias=layer.bias,
        scale=layer.scale,
    )


def layer_config(network: IntegerNetwork, name: str) -> str:
    """The configuration that puts out what the network's first layer does, before its maximum.

    Parameters
    ----------
    network : IntegerNetwork
    name : str
        The layer file is called ``name.npz`` and lies beside it.
    """
    layer = network.layers[0]
    bias = int(np.abs(layer.bias).max())
    return f"""\
# As python -m sw.train left it: the convolution, its ReLU and its rounding to 8 bits.
name = "{name}"
bias_bits = {IntRange(-bias, bias).bits}

[layer]
file = "{name}.npz"

[output]
kind = "requantise"
bits = 8
signed = false
shift = {layer.shift}
scale_bits = {int(layer.scale.max()).bit_length()}
relu = true
"""
