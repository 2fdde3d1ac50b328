"""Networks from ONNX files: every integer of every layer is onnxruntime's."""

import numpy as np
import pytest

from sw.network.graph import ArgMax, Conv, Dense, Pool
from sw.network.onnx_import import import_network
from sw.numeric import IntRange
from tests.sw.network.models import INT8, Builder, assert_equal_to_onnxruntime


def words(rng, shape, dtype=np.uint8):
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)


def small(rng, *, scale=2.0**-7):
    """Conv, ReLU, max pool, conv, average, dense: power-of-two scales."""
    w = lambda *shape: rng.integers(-128, 128, shape).astype(np.int8)  # noqa: E731
    b = lambda n: rng.integers(-3000, 3000, n)  # noqa: E731
    return (
        Builder((2, 9, 8))
        .quantise(2.0**-8)
        .conv(w(5, 2, 3, 3), scale, (b(5), 2.0**-8 * scale), pads=[1, 1, 1, 1])
        .node("Relu")
        .quantise(2.0**-5)
        .node("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
        .quantise(2.0**-5)
        .conv(w(4, 5, 2, 3), scale, (b(4), 2.0**-5 * scale), strides=[1, 2])
        .node("Relu")
        .quantise(2.0**-3)
        .node("Flatten")
        .quantise(2.0**-3)
        .gemm(w(7, 12), scale, (b(7), 2.0**-3 * scale))
        .quantise(2.0**-1, 3, INT8)
    )


@pytest.fixture
def rng():
    return np.random.default_rng(2026)


def test_a_small_network(rng, tmp_path):
    path = small(rng).node("Softmax").node("ArgMax", axis=1).save(tmp_path / "net.onnx")
    imported = assert_equal_to_onnxruntime(path, words(rng, (20, 2, 9, 8)))
    network = imported.network
    assert [type(layer) for layer in network.layers] == [Conv, Pool, Conv, Dense, ArgMax]
    assert imported.differences == ()
    assert all(not layer.requantise.multiplies for layer in network.layers[:1])
    assert network.layers[0].requantise.shift == 8 + 7 - 5
    assert network.layers[0].output_range == IntRange(0, 255)
    assert network.output_zero_point == 3


def test_without_a_quantised_output_logits_are_exact_sums(rng, tmp_path):
    net = small(rng)
    net.nodes = net.nodes[:-2]
    net.last = net.nodes[-1].output[0]
    path = net.save(tmp_path / "net.onnx")
    imported = assert_equal_to_onnxruntime(path, words(rng, (9, 2, 9, 8)))
    assert imported.network.layers[-2].requantise is None
    assert imported.output_scale == 2.0**-10
    assert import_network(path).network.digest == imported.network.digest
