"""Brevitas's exports: QONNX, run by ONNX's reference evaluator, and QCDQ, by onnxruntime."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

from sw.network.compare import onnxruntime_tensors
from sw.network.graph import ArgMax, Conv, Dense, Pool
from sw.network.onnx_import import import_network
from sw.network.reference import run
from tests.sw.network.models import differing_layers

FOLDER = Path(__file__).parent / "brevitas"
NAMES = sorted(path.stem.removeprefix("qonnx-") for path in FOLDER.glob("qonnx-*.onnx"))


class Quant(OpRun):
    """As qonnx.custom_op.general.quant defines it."""

    op_domain = "qonnx.custom_op.general"

    def _run(self, x, scale, zero, bits, *, signed=1, narrow=0, rounding_mode="ROUND"):
        assert rounding_mode == "ROUND"
        low = -(2.0 ** (bits - 1)) + narrow if signed else 0.0 * bits
        high = 2.0 ** (bits - 1) - 1 if signed else 2.0**bits - 1 - narrow
        words = np.rint(np.clip(x / scale + zero, low, high))
        return (((words - zero) * scale).astype(np.float32),)


def qonnx_values(path, images, imported):
    """The file's tensors, of one image after the other, and its output."""
    model = onnx.load(path)
    output = model.graph.output[0].name
    model.opset_import[0].version = 15  # the evaluator's older BatchNormalization is in training
    model.graph.output.extend(
        helper.make_empty_tensor_value_info(tensor.name) for tensor in imported.tensors.values()
    )
    evaluator = ReferenceEvaluator(model, new_ops=[Quant])
    feed = (images * np.float32(imported.input_scale)).astype(np.float32)
    assert imported.network.input_zero_point == 0
    found = [evaluator.run(None, {model.graph.input[0].name: image[np.newaxis]}) for image in feed]
    names = [value.name for value in model.graph.output]
    columns = [np.concatenate(column) for column in zip(*found, strict=True)]
    return dict(zip(names, columns, strict=True)), output


def onnxruntime_values(path, images, imported):
    """Of an optimised session; the output of a plain one.

    An optimised one computes a last MatMul, which has no quantiser behind it, from activations that
    it quantises again.
    """
    tensors, output = onnxruntime_tensors(path, imported, images)
    plain, _ = onnxruntime_tensors(path, imported, images, optimise=False)
    return tensors | {output: plain[output]}, output


@pytest.fixture
def images():
    return np.random.default_rng(5).integers(0, 256, (24, 1, 12, 12), dtype=np.uint8)


@pytest.mark.parametrize("kind", ["qonnx", "qcdq"])
@pytest.mark.parametrize("name", NAMES)
def test_exports(name, kind, images):
    imported = import_network(FOLDER / f"{kind}-{name}.onnx")
    layers = [Conv, Pool, Conv, Dense, ArgMax]
    assert [type(layer) for layer in imported.network.layers] == layers
    values = qonnx_values if kind == "qonnx" else onnxruntime_values
    tensors, output = values(FOLDER / f"{kind}-{name}.onnx", images, imported)
    wrong = differing_layers(imported, images, tensors)
    said = {difference.layer for difference in imported.differences}
    assert wrong.keys() <= said
    assert all(w.differing <= 0.01 * w.values and w.steps <= 1 for w in wrong.values())
    if name == "shifts":
        assert wrong == {}
        assert said == set()
    if not wrong:
        logits = tensors[output] / imported.output_scale
        ours = run(images, imported.network).frames.reshape(logits.shape)
        equal = (np.abs(ours - logits) < 0.1).all(axis=1)
        assert equal.mean() > (0.999 if name == "shifts" else 0.9)


def test_both_formats_are_one_network(images):
    for name in NAMES:
        qonnx, qcdq = (
            run(images, import_network(FOLDER / f"{kind}-{name}.onnx").network)
            for kind in ("qonnx", "qcdq")
        )
        assert np.abs(qonnx.frames - qcdq.frames).max() <= (0 if name == "shifts" else 200)


def test_low_widths_stay_low():
    network = import_network(FOLDER / "qcdq-low.onnx").network
    assert [layer.output_range.bits for layer in network.layers[:3]] == [4, 4, 4]
    assert network.layers[0].spec.weight_format.bits == 4
