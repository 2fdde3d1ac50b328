"""The stored networks: what they are, and that they know the repository's images."""

import json
from math import prod
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper, shape_inference

from sw.configfile import load_config
from sw.data import load_samples
from sw.reference import run

ROOT = Path(__file__).parents[2]
MODELS = sorted((ROOT / "sw/models").glob("*.onnx"))
SHAPES = {(1, 28, 28): "mnist", (3, 32, 32): "cifar10"}


def dataset(model):
    shape = model.graph.input[0].type.tensor_type.shape.dim
    return SHAPES[tuple(dim.dim_value for dim in shape[1:])]


def integers(model, ending):
    return {
        constant.name: numpy_helper.to_array(constant).astype(np.int64)
        for constant in model.graph.initializer
        if constant.name.endswith(ending)
    }


def properties(model):
    return {entry.key: entry.value for entry in model.metadata_props}


def session_of(model):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model.SerializeToString(), options)


def test_the_networks_for_chips_are_there():
    assert {"mnist-net", "cifar10-net"} <= {path.stem for path in MODELS}


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_it_is_as_good_as_it_says(path):
    model = onnx.load(path)
    samples = load_samples(dataset(model))
    (logits,) = session_of(model).run(None, {"image": samples.images.astype(np.float32) / 256})
    top1 = 100 * float((logits.argmax(axis=1) == samples.labels).mean())
    assert abs(top1 - float(properties(model)["top1"])) < 4  # of 1,000 of the 10,000 images
    assert path.stat().st_size < 1 << 20


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_it_is_that_of_its_stored_run(path):
    found = properties(onnx.load(path))
    records = (ROOT / "reports/training").glob("*/run.json")
    runs = [json.loads(record.read_text()) for record in records]
    (made,) = [run for run in runs if run["command"] == found["command"]]
    assert found["top1"] == f"{made['result']['top1']:.2f}"


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_its_layer_file_is_its_first_layer(path):
    config = load_config(str(path.with_name(f"{path.stem}-layer1.toml")))
    model = onnx.load(path)
    assert np.array_equal(
        config.layer.weight, integers(model, "weight.integers")["layer1.weight.integers"]
    )
    info = onnx.helper.make_tensor_value_info("layer1.integers", onnx.TensorProto.UINT8, None)
    model.graph.output.append(info)
    images = load_samples(dataset(model)).images[:8]
    found = session_of(model).run(["layer1.integers"], {"image": images.astype(np.float32) / 256})
    assert np.array_equal(run(images.astype(np.int64), config), found[0])


def multiply_adds(model):
    """Of the Conv and Gemm nodes, templates included."""
    inferred = shape_inference.infer_shapes(model)
    shapes = {
        value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in [*inferred.graph.value_info, *inferred.graph.output]
    }
    weights = integers(model, "weight.integers")
    nodes = [node for node in model.graph.node if node.op_type in ("Conv", "Gemm")]
    return sum(
        weights[f"{node.input[1]}.integers"].size * prod(shapes[node.output[0]][2:])
        for node in nodes
    )


@pytest.mark.parametrize(
    ("name", "templates", "learned", "operations"),
    [("mnist-net", 16, 6_500, 500_000), ("cifar10-net", 25, 100_000, 4_000_000)],
)
def test_a_network_for_a_chip_is_small(name, templates, learned, operations):
    model = onnx.load(ROOT / f"sw/models/{name}.onnx")
    weights = integers(model, "weight.integers")
    first = weights["layer1.weight.integers"]
    assert np.abs(first[:templates]).max() == 1
    assert sum(w.size for w in weights.values()) - first[:templates].size <= learned
    assert multiply_adds(model) <= operations
    assert float(properties(model)["top1"]) >= {"mnist-net": 98.5, "cifar10-net": 77}[name]
