"""The golden model against a plain integer loop and against onnxruntime."""

import time
from fractions import Fraction

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from sw import reference
from sw.config import EngineConfig
from sw.configfile import load_config
from sw.images import load_images
from sw.numeric import FixedFormat
from sw.part_configs import OutputConfig
from sw.spec import LayerSpec, Padding
from sw.templates import find_templates
from tests.strategies import engine_configs, images_for, layers


def plain_sum(image, kernel, layer, row, column):
    """One output of a convolution, in Python's integers: no vectors, no padding, no tricks."""
    channels, height, width = layer.input_shape
    total = 0
    for c in range(channels):
        for i in range(kernel.shape[1]):
            for j in range(kernel.shape[2]):
                y = row * layer.stride[0] + i - layer.padding.top
                x = column * layer.stride[1] + j - layer.padding.left
                if 0 <= y < height and 0 <= x < width:
                    total += int(image[c, y, x]) * int(kernel[c, i, j])
    return total


def plain_word(accumulator, k, config):
    """One output word from an accumulator, with Python's own rounding: half to even."""
    output, layer = config.output, config.layer
    if output.kind == "requantise":
        factor = 1
        if output.scale_bits and layer.scale is not None:
            factor = int(layer.scale[k])
        word = round(Fraction(accumulator * factor, 2**output.shift))
        lowest = -(2 ** (output.bits - 1)) if output.signed else 0
        accumulator = min(max(word, lowest), lowest + 2**output.bits - 1)
    return max(accumulator, 0) if output.relu else accumulator


def plain(images, config):
    layer = config.layer
    found = find_templates(layer.weight)
    outputs = np.zeros((len(images), *layer.output_shape), dtype=object)
    for n, k, row, column in np.ndindex(outputs.shape):
        kernel = layer.weight[k]
        template = config.templates == "auto" or (
            config.templates != "none" and k in config.templates
        )
        if template and config.template_scale == "defer" and found[k] is not None:
            kernel = np.sign(kernel)
        total = plain_sum(images[n], kernel, layer, row, column)
        if config.bias_bits and layer.bias is not None:
            total += int(layer.bias[k])
        outputs[n, k, row, column] = plain_word(total, k, config)
    return outputs


SMALL = layers(max_side=6, max_kernels=4, max_channels=2)


@settings(max_examples=150)
@given(st.data())
def test_it_is_a_plain_integer_convolution(data):
    config = data.draw(engine_configs(SMALL))
    images = data.draw(images_for(config, max_frames=2))
    outputs = reference.run(images, config)
    assert outputs.dtype == np.int64
    assert np.array_equal(outputs, plain(images, config))
    assert config.output_range.contains(outputs)


def run_onnx(node, inputs, constants, shape):
    """What onnxruntime computes for one node from ``x`` of uint8 to ``y`` of int32."""
    graph = helper.make_graph(
        [node],
        "layer",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, inputs["x"].shape)],
        [helper.make_tensor_value_info("y", TensorProto.INT32, shape)],
        [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(["y"], inputs)[0]


@settings(max_examples=60)
@given(st.data())
def test_onnxruntime_gives_the_same(data):
    layer = data.draw(layers(max_bits=8, biased=False))
    config = EngineConfig(name="x", layer=layer)
    images = data.draw(images_for(config))
    # Both operands as unsigned bytes, shifted with their zero points: with signed weights
    # onnxruntime saturates sums of two products on processors without VNNI.
    zero = 128 if layer.input_format.signed else 0
    node = helper.make_node(
        "ConvInteger",
        ["x", "w", "x_zero", "w_zero"],
        ["y"],
        strides=list(layer.stride),
        pads=layer.padding.as_array().tolist(),
    )
    expected = run_onnx(
        node,
        {"x": (images + zero).astype(np.uint8)},
        {
            "w": (layer.weight + 128).astype(np.uint8),
            "x_zero": np.array(zero, np.uint8),
            "w_zero": np.array(128, np.uint8),
        },
        (len(images), *layer.output_shape),
    )
    assert np.array_equal(reference.run(images, config), expected)


def test_a_thousand_images_take_at_most_ten_seconds():
    config = load_config("cifar10-layer1")
    images = load_images("samples:cifar10", config)
    before = time.process_time()
    outputs = reference.run(images, config)
    assert time.process_time() - before < 10
    assert outputs.shape == (1000, 32, 30, 30)


@pytest.mark.parametrize("name", ["cifar10-layer1", "cifar10-layer1-plain", "mnist-layer1"])
def test_the_named_layers_on_real_images(name):
    config = load_config(name)
    images = load_images(f"samples:{name.partition('-')[0]}:20", config)
    windows = np.lib.stride_tricks.sliding_window_view(images.astype(np.int64), (3, 3), (2, 3))
    expected = np.einsum("nchwij,kcij->nkhw", windows, config.layer.weight)
    assert np.array_equal(reference.run(images, config), expected)


def wide_layer(kernel):
    """One 7x7 kernel over 16-bit operands in 64 channels: the widest sums that can be."""
    return LayerSpec(
        weight=np.broadcast_to(np.asarray(kernel, np.int64), (1, 64, 7, 7)).copy(),
        input_shape=(64, 7, 8),
        input_format=FixedFormat(bits=16, frac=0, signed=False),
        weight_format=FixedFormat(bits=16, frac=0, signed=True),
    )


def test_the_widest_sums_are_exact():
    layer = wide_layer(-(2**15))
    layer.weight[0, 0, 0, 0] = 2**15 - 1  # else it would be a template
    images = np.full((1, *layer.input_shape), 65535)
    config = EngineConfig(name="wide", layer=layer)
    assert config.learned == (0,)
    expected = 65535 * (-(2**15) * (64 * 49 - 1) + 2**15 - 1)
    assert reference.run(images, config).tolist() == [[[[expected, expected]]]]


def test_the_widest_templates_are_exact():
    layer = wide_layer(-(2**15))
    images = np.full((1, *layer.input_shape), 65535)
    config = EngineConfig(name="wide", layer=layer)
    assert config.learned == ()
    assert reference.run(images, config)[0, 0, 0, 0] == -65535 * 2**15 * 64 * 49


def test_requantised_widest_sums_do_not_overflow():
    layer = wide_layer(-(2**15))
    scaled = LayerSpec(**vars(layer) | {"scale": np.array([65535]), "bias": np.array([-(2**31)])})
    output = OutputConfig(kind="requantise", bits=32, shift=47, scale_bits=16)
    config = EngineConfig(name="wide", layer=scaled, bias_bits=32, output=output)
    images = np.full((1, *layer.input_shape), 65535)
    exact = (-65535 * 2**15 * 64 * 49 - 2**31) * 65535
    assert reference.run(images, config)[0, 0, 0, 0] == round(exact / 2**47)


@pytest.mark.parametrize("type_", [np.uint8, np.int8, np.uint16, np.int32, np.uint64])
def test_the_type_of_the_images_does_not_matter(type_):
    config = load_config("tiny")
    images = (np.arange(2 * 6 * 7) % 128).reshape(1, 2, 6, 7)
    expected = reference.run(images.astype(np.int64), config)
    assert np.array_equal(reference.run(images.astype(type_), config), expected)


def test_progress_adds_up(monkeypatch):
    monkeypatch.setattr(reference, "_PIXELS_AT_ONCE", 3 * 2 * 6 * 7)
    config = load_config("tiny")
    images = np.zeros((10, 2, 6, 7), dtype=np.uint8)
    steps = []
    reference.run(images, config, progress=steps.append)
    assert steps == [3, 3, 3, 1]


@pytest.mark.parametrize(("pixels", "cells"), [(1, 1), (200, 300), (1 << 15, 1 << 21)])
def test_chunks_do_not_show(monkeypatch, rng, pixels, cells):
    config = load_config("cifar10-layer1", assignments=["output.relu=true"])
    images = rng.integers(0, 256, (3, 3, 32, 32))
    expected = reference.run(images, config)
    monkeypatch.setattr(reference, "_PIXELS_AT_ONCE", pixels)
    monkeypatch.setattr(reference, "_CELLS_AT_ONCE", cells)
    assert np.array_equal(reference.run(images, config), expected)


def test_a_large_frame_stays_within_memory(rng):
    layer = LayerSpec(
        weight=rng.integers(-256, 256, (1, 1, 7, 7)),
        input_shape=(1, 1024, 1024),
        stride=(1, 4),
        padding=Padding.of(3),
    )
    images = rng.integers(0, 256, (1, 1, 1024, 1024), dtype=np.uint8)
    outputs = reference.run(images, EngineConfig(name="large", layer=layer))
    patch = np.pad(images[0, 0].astype(np.int64), 3)[500:507, 400:407]
    assert outputs[0, 0, 500, 100] == (patch * layer.weight[0, 0]).sum()


def test_no_images_give_no_outputs():
    config = load_config("tiny")
    assert reference.run(np.zeros((0, 2, 6, 7), np.uint8), config).shape == (0, 6, 4, 5)


def test_blocks_compose_as_the_rtl_does():
    config = load_config("tiny")
    images = np.arange(84, dtype=np.uint8).reshape(1, 2, 6, 7)
    frames = reference.raster(images, config)
    bank = reference.template_bank(frames, config)
    products = reference.learned(frames, config)
    assert bank.shape == (1, 4, 4, 5)
    assert products.shape == (1, 2, 4, 5)
    merged = reference.merge(bank, products, config)
    assert np.array_equal(merged[:, :4], bank)
    assert np.array_equal(reference.run(images, config), merged)


def test_a_sum_of_exactly_2_to_the_31_is_exact():
    layer = LayerSpec(
        weight=np.full((1, 1, 1, 2), -(2**15)),
        input_shape=(1, 1, 2),
        input_format=FixedFormat(bits=16, frac=0, signed=True),
        weight_format=FixedFormat(bits=16, frac=0, signed=True),
    )
    images = np.full((1, 1, 1, 2), -(2**15), np.int16)
    for templates in ("auto", "none"):
        config = EngineConfig(name="edge", layer=layer, templates=templates)
        assert reference.run(images, config).item() == 2**31
