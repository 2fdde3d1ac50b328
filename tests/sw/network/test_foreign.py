"""Models whose shape we did not write: onnxruntime's quantiser, and Brevitas's exports."""

import warnings

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from tests.sw.network.models import assert_equal_to_onnxruntime

PAD = {"pads": [1, 1, 1, 1]}
ARCHITECTURES = {
    "lenet": ((1, 14, 12), ["conv 6 5", "relu", "max 2", "conv 9 3", "relu", "max 2", "flat",
                           "fc 20", "relu", "fc 10"]),
    "strides": ((3, 15, 17), ["conv 8 3 s2 p1", "relu", "conv 5 2 s3", "relu", "gap", "flat",
                              "fc 4"]),
    "averages": ((2, 12, 13), ["conv 4 3 p1", "relu", "avg 2", "conv 6 3", "relu", "avg 3 s1",
                               "flat", "fc 3"]),
    "without relu": ((2, 8, 8), ["conv 4 3 p2", "max 3 s2 p1", "conv 3 1", "flat", "fc 5"]),
    "clipped": ((1, 9, 9), ["conv 4 3", "relu6", "conv 4 3 s2", "relu6", "gap", "flat", "fc 2"]),
    "normalised": ((2, 10, 10), ["conv 5 3", "norm", "relu", "conv 4 3", "norm", "relu", "gap",
                                 "flat", "fc 6"]),
}  # fmt: skip


class FloatModel:
    """A float model, layer by layer, as a framework would export it."""

    def __init__(self, shape, layers, seed):
        self.rng = np.random.default_rng(seed)
        self.nodes, self.arrays, self.last, self.shape = [], [], "input", shape
        for text in layers:
            word, *rest = text.split()
            options = {o[0]: int(o[1:]) for o in rest if not o.isdigit()}
            self._add(word, [int(o) for o in rest if o.isdigit()], options)
        graph = helper.make_graph(
            self.nodes,
            "float",
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", *shape])],
            [helper.make_tensor_value_info(self.last, TensorProto.FLOAT, None)],
            self.arrays,
        )
        self.model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
        )

    def _array(self, values):
        name = f"array{len(self.arrays)}"
        self.arrays.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def _node(self, operator, *inputs, **attributes):
        output = f"{operator}{len(self.nodes)}"
        self.nodes.append(
            helper.make_node(operator, [self.last, *inputs], [output], output, **attributes)
        )
        self.last = output

    def _pool(self, numbers, options):
        size = numbers[0]
        stride, pad = options.get("s", size), options.get("p", 0)
        self.shape = (
            self.shape[0],
            *((side + 2 * pad - size) // stride + 1 for side in self.shape[1:]),
        )
        return {"kernel_shape": [size] * 2, "strides": [stride] * 2, "pads": [pad] * 4}

    def _add(self, word, numbers, options):
        normal = self.rng.normal
        match word:
            case "conv":
                kernels, size = numbers
                fan = self.shape[0] * size * size
                spread = self.rng.uniform(0.3, 2.0, (kernels, 1, 1, 1))
                weight = normal(0, fan**-0.5, (kernels, self.shape[0], size, size)) * spread
                inputs = [self._array(weight), self._array(normal(0, 0.2, kernels))]
                self._node("Conv", *inputs, **self._pool([size], {"s": 1} | options))
                self.shape = (kernels, *self.shape[1:])
            case "fc":
                fan = int(np.prod(self.shape))
                weight = normal(0, fan**-0.5, (numbers[0], fan))
                self._node(
                    "Gemm", self._array(weight), self._array(normal(0, 0.2, numbers[0])), transB=1
                )
                self.shape = (numbers[0], 1, 1)
            case "norm":
                n = self.shape[0]
                values = (
                    normal(1, 0.3, n),
                    normal(0, 0.3, n),
                    normal(0, 0.3, n),
                    0.5 + self.rng.random(n),
                )
                self._node("BatchNormalization", *map(self._array, values))
            case "max":
                self._node("MaxPool", **self._pool(numbers, options))
            case "avg":
                self._node("AveragePool", **self._pool(numbers, options))
            case "gap":
                self._node("GlobalAveragePool")
                self.shape = (self.shape[0], 1, 1)
            case "relu6":
                self._node("Clip", self._array(np.array(0.0)), self._array(np.array(1.5)))
            case _:
                self._node({"relu": "Relu", "flat": "Flatten", "softmax": "Softmax"}[word])


class Images(CalibrationDataReader):
    def __init__(self, images):
        self.images = iter(images)

    def get_next(self):
        image = next(self.images, None)
        return None if image is None else {"input": image[np.newaxis]}


def quantised(folder, architecture, seed, **options):
    shape, layers = ARCHITECTURES[architecture]
    rng = np.random.default_rng(seed)
    onnx.save(FloatModel(shape, layers, seed).model, folder / "float.onnx")
    images = rng.random((12, *shape), np.float32) * 2 - 0.7
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quant_pre_process(
            str(folder / "float.onnx"), str(folder / "ready.onnx"), skip_symbolic_shape=True
        )
        quantize_static(
            str(folder / "ready.onnx"),
            str(folder / "net.onnx"),
            Images(images),
            quant_format=QuantFormat.QDQ,
            weight_type=QuantType.QInt8,
            **options,
        )
    return folder / "net.onnx", rng


SYMMETRIC = {"ActivationSymmetric": True, "WeightSymmetric": True}


KINDS = {
    "unsigned": (QuantType.QUInt8, {}),
    "signed": (QuantType.QInt8, {}),
    "symmetric": (QuantType.QInt8, {"ActivationSymmetric": True}),
}


@pytest.mark.parametrize("per_channel", [False, True], ids=["per tensor", "per channel"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_onnxruntimes_quantiser(tmp_path, architecture, kind, per_channel):
    words, extra = KINDS[kind]
    options = {"activation_type": words, "per_channel": per_channel, "extra_options": extra}
    path, rng = quantised(tmp_path, architecture, 7, **options)
    limits = np.iinfo(np.uint8 if kind == "unsigned" else np.int8)
    shape = (40, *ARCHITECTURES[architecture][0])
    images = rng.integers(limits.min, limits.max, shape, limits.dtype, endpoint=True)
    imported = assert_equal_to_onnxruntime(path, images, optimise=[True])
    for difference in imported.differences:
        assert difference.steps == 1
        assert difference.values <= (0.25 if difference.floats else 1e-4) * difference.possible
