"""Each operator that a model may have, beside onnxruntime; and each refusal with its remedy."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from sw.network.graph import ArgMax, Conv, Dense, NetworkError, Pool
from sw.network.onnx_import import import_network
from sw.network.reference import run
from sw.numeric import IntRange
from tests.sw.network.models import INT8, UINT8, Builder, assert_equal_to_onnxruntime

RNG = np.random.default_rng(8)
S = 2.0**-7


def weight(*shape):
    return RNG.integers(-128, 128, shape).astype(np.int8)


def bias(kernels, scale):
    return RNG.integers(-2000, 2000, kernels), scale * S


def start(shape=(2, 8, 8), scale=2.0**-8, **grid):
    return Builder(shape).quantise(scale, **grid)


def convolved(kernels=3, scale=2.0**-8):
    """Images, and a convolution's sums."""
    return start().conv(weight(kernels, 2, 3, 3), S, bias(kernels, scale))


def small_conv(built, kernels=3):
    return built.conv(weight(kernels, 3, 3, 3), S)


def reals(built, *values):
    return [built.array("real", np.asarray(v, np.float32)) for v in values]


def words_of(built, *values):
    return [built.array("integers", np.asarray(v, np.int64)) for v in values]


def normalised(built, gain=(0.5, 2.0, 1.0)):
    offset, mean, variance = np.zeros(3), np.zeros(3), np.ones(3)
    inputs = reals(built, gain, offset, mean, variance)
    return built.node("BatchNormalization", *inputs, epsilon=0.0)


def transposed(built, size=18, outputs=4):
    found = built.weight(weight(outputs, size), S)
    return built.node("MatMul", built.constant_node("Transpose", [found], perm=[1, 0]))


def to_grid(built, scale=2.0**-4, zero=0, dtype=UINT8):
    return built.quantise(scale, zero, dtype)


def clipped_words():
    built = convolved()
    scale, zero = built.array("s", np.float32(2.0**-3)), built.array("z", np.array(2, np.int8))
    bounds = [built.array("bound", np.array(v, np.int8)) for v in (-6, 9)]
    built.node("QuantizeLinear", scale, zero).node("Clip", *bounds)
    return built.node("DequantizeLinear", scale, zero)


def added_bias():
    built = start().conv(weight(3, 2, 3, 3), S)
    values = built.array("b", np.array([[[5]], [[-70]], [[900]]], np.int32)[np.newaxis])
    scale = built.array("bs", np.float32(2.0**-15))
    return to_grid(built.node("Add", built.constant_node("DequantizeLinear", [values, scale])))


CASES = {
    "relu before the quantiser": lambda: to_grid(convolved().node("Relu"), zero=3),
    "relu after the quantiser": lambda: to_grid(
        to_grid(convolved(), 2.0**-3, 0, INT8).node("Relu"), 2.0**-3, 0, INT8
    ),
    "relu after a quantiser, then another grid": lambda: to_grid(
        to_grid(convolved(), 2.0**-3, 0, INT8).node("Relu"), 2.0**-2
    ),
    "another grid alone": lambda: to_grid(
        to_grid(convolved(), 2.0**-3, 4, INT8), 2.0**-2, -6, INT8
    ),
    "clip": lambda: to_grid(
        (c := convolved()).node("Clip", *reals(c, 0.0, 1.5)), 2.0**-4
    ),
    "clip of words": clipped_words,
    "maximum with padding, signed": lambda: to_grid(convolved(), 2.0**-3, 5, INT8).node(
        "MaxPool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]
    ),
    "maximum before the quantiser": lambda: to_grid(
        convolved().node("MaxPool", kernel_shape=[2, 2], strides=[2, 2]).node("Relu")
    ),
    "average with padding": lambda: to_grid(
        to_grid(convolved()).node(
            "AveragePool", kernel_shape=[2, 2], pads=[1, 1, 1, 1], count_include_pad=1
        )
    ),
    "mean of rows and columns": lambda: to_grid(
        (c := to_grid(convolved(), 2.0**-4)).node("ReduceMean", *words_of(c, [2, 3]), keepdims=0)
    ),
    "normalisation": lambda: to_grid(normalised(convolved())),
    "normalisation that turns a sign": lambda: to_grid(normalised(convolved(), (-0.5, 1.0, 0.0))),
    "a factor": lambda: to_grid(
        (c := convolved()).node("Mul", *reals(c, np.full((1, 3, 1, 1), 2)))
    ),
    "a bias of its own": added_bias,
    "auto_pad": lambda: to_grid(
        start().conv(weight(3, 2, 3, 3), S, auto_pad="SAME_UPPER", strides=[2, 2])
    ),
    "auto_pad of even kernels": lambda: to_grid(
        start().conv(weight(3, 2, 2, 4), S, auto_pad="SAME_LOWER")
    ),
    "uneven padding": lambda: to_grid(
        start(zero=9).conv(weight(3, 2, 3, 3), S, pads=[0, 2, 1, 0]), 2.0**-2, 100
    ),
    "ceil_mode that changes nothing": lambda: to_grid(convolved()).node(
        "MaxPool", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1
    ),
    "what does nothing": lambda: to_grid(convolved().node("Identity")).node("Dropout"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_operators_of_frames(tmp_path, case):
    built = CASES[case]()
    images = RNG.integers(0, 256, (6, *built.input_shape), np.uint8)
    imported = assert_equal_to_onnxruntime(built.save(tmp_path / "net.onnx"), images)
    assert imported.remarks == () or case == "mean of rows and columns"  # 36 values: it has ties


def flattened():
    return to_grid(small_conv(to_grid(convolved(scale=2.0**-8)).node(
        "MaxPool", kernel_shape=[2, 2], strides=[1, 1])), 2.0**-2)  # fmt: skip


VECTORS = {
    "flatten": lambda b: b.node("Flatten").gemm(weight(4, 27), S),
    "reshape": lambda b: b.node("Reshape", *words_of(b, [0, -1])).gemm(weight(4, 27), S),
    "reshape to a size": lambda b: b.node("Reshape", *words_of(b, [-1, 27])).gemm(weight(4, 27), S),
    "matrix product": lambda b: transposed(b.node("Flatten"), 27),
    "squeeze": lambda b: to_grid(b.node("GlobalAveragePool"), 2.0**-2).node(
        "Squeeze", *words_of(b, [2, 3])).gemm(weight(4, 3), S),
    "two layers": lambda b: to_grid(b.node("Flatten").gemm(weight(5, 27), S).node("Relu"),
                                    2.0**-1).gemm(weight(4, 5), S, bias(4, 0.5)),
    "softmax": lambda b: b.node("Flatten").gemm(weight(4, 27), S).node("Softmax", axis=-1)
        .node("ArgMax", axis=1, keepdims=0),
    "log softmax": lambda b: b.node("Flatten").gemm(weight(4, 27), S).node("LogSoftmax", axis=1)
        .node("ArgMax", axis=1),
}  # fmt: skip


@pytest.mark.parametrize("case", VECTORS)
def test_operators_of_vectors(tmp_path, case):
    built = VECTORS[case](flattened())
    images = RNG.integers(0, 256, (30, 2, 8, 8), np.uint8)
    path = built.save(tmp_path / "net.onnx")
    optimise = (False,) if case == "matrix product" else (True, False)
    imported = assert_equal_to_onnxruntime(path, images, optimise=optimise)
    assert isinstance(imported.network.layers[-1], ArgMax)
    assert imported.network.output_shape == (4, 1, 1)


def test_vectors_as_images(tmp_path):
    built = Builder((12, 1, 1), dims=["N", 12]).quantise(2.0**-8).gemm(weight(3, 12), S)
    images = RNG.integers(0, 256, (9, 12, 1, 1), np.uint8)
    imported = assert_equal_to_onnxruntime(built.save(tmp_path / "net.onnx"), images)
    assert [type(layer) for layer in imported.network.layers] == [Dense, ArgMax]


@pytest.mark.parametrize("kind", [np.int8, np.int16, np.uint16])
def test_words_of_other_widths(tmp_path, kind):
    limits = np.iinfo(kind)
    built = start((1, 6, 6), 2.0**-8, dtype=np.dtype(kind)).conv(weight(2, 1, 3, 3), S)
    built.quantise(2.0**-3, 0, np.dtype(kind))
    model = built.model()
    model.opset_import[0].version = 21
    model.ir_version = 10
    onnx.save(model, tmp_path / "net.onnx")
    images = RNG.integers(limits.min, limits.max, (5, 1, 6, 6), kind, endpoint=True)
    found = assert_equal_to_onnxruntime(tmp_path / "net.onnx", images, optimise=[False])
    assert found.network.layers[0].output_range == IntRange(limits.min, limits.max)


def test_images_that_are_words_already(tmp_path):
    model = to_grid(convolved()).model()
    del model.graph.node[0]  # the QuantizeLinear
    model.graph.node[0].input[0] = "input"
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.UINT8
    onnx.save(model, tmp_path / "net.onnx")
    images = RNG.integers(0, 256, (5, 2, 8, 8), np.uint8)
    assert_equal_to_onnxruntime(tmp_path / "net.onnx", images)


def test_bipolar_weights_are_templates(tmp_path):
    built = start((1, 6, 6)).quant(2.0**-8, signed=0)
    real = built.array("w", RNG.normal(size=(3, 1, 3, 3)).astype(np.float32))
    signs = built.constant_node(
        "BipolarQuant", [real, built.array("s", np.float32(0.5))], "qonnx.custom_op.general"
    )
    path = to_grid(built.node("Conv", signs), 2.0**-4).save(tmp_path / "net.onnx")
    (layer,) = import_network(path).network.layers
    assert isinstance(layer, Conv)
    assert set(np.unique(layer.spec.weight)) == {-1, 1}


def test_a_relu_costs_no_layer(tmp_path):
    path = CASES["relu after the quantiser"]().save(tmp_path / "net.onnx")
    (layer,) = import_network(path).network.layers
    assert layer.output_range == IntRange(0, 127)


def test_another_grid_is_a_mean_of_one_value(tmp_path):
    path = CASES["another grid alone"]().save(tmp_path / "net.onnx")
    _, layer = import_network(path).network.layers
    assert isinstance(layer, Pool)
    assert (layer.kind, layer.kernel) == ("average", (1, 1))


def test_a_network_of_frames_has_no_label(tmp_path):
    path = to_grid(convolved()).save(tmp_path / "net.onnx")
    outputs = run(np.zeros((2, 2, 8, 8), np.uint8), import_network(path).network)
    assert outputs.arrays.keys() == {"y"}
    assert outputs.arrays["y"].shape == (2, 3, 6, 6)


def test_the_last_weights_take_up_their_scales(tmp_path):
    """Powers of two a kernel, and an output that is not quantised."""
    built = flattened().node("Flatten")
    scales = np.array([2.0**-7, 2.0**-9, 2.0**-8, 2.0**-7])
    path = built.gemm(weight(4, 27), scales).save(tmp_path / "net.onnx")
    images = RNG.integers(0, 256, (9, 2, 8, 8), np.uint8)
    imported = assert_equal_to_onnxruntime(path, images)
    assert imported.output_scale == 2.0**-2 * 2.0**-9


REFUSED = {
    "unquantised images": (
        lambda: Builder((1, 8, 8)).conv(weight(2, 1, 3, 3), S), "the images come in unquantised",
    ),
    "unquantised weights": (
        lambda: (b := start()).node("Conv", *reals(b, np.ones((2, 2, 3, 3)))),
        "its weights are not quantised (quantise them with QuantizeLinear",
    ),
    "two layers without a quantiser": (
        lambda: small_conv(convolved()), "another layer of weights follows values that are not",
    ),
    "an average without a quantiser": (
        lambda: convolved().node("GlobalAveragePool"), "an average follows values that are not",
    ),
    "normalisation after relu": (
        lambda: normalised(convolved().node("Relu")), "before any activation, pool or quantiser",
    ),
    "normalisation after a quantiser": (
        lambda: normalised(to_grid(convolved())), "must follow a convolution or a dense layer",
    ),
    "average with padding": (
        lambda: to_grid(convolved()).node("AveragePool", kernel_shape=[2, 2], pads=[1, 1, 1, 1]),
        "count_include_pad = 0 divides by another number at the edges (count_include_pad = 1",
    ),
    "ceil_mode": (
        lambda: to_grid(convolved()).node("MaxPool", kernel_shape=[3, 3], strides=[2, 2],
                                          ceil_mode=1),
        "ceil_mode = 1 is not supported where it matters (pad explicitly)",
    ),
    "dense of frames": (
        lambda: to_grid(convolved()).gemm(weight(4, 108), S), "takes a vector; put a Flatten",
    ),
    "convolution of vectors": (
        lambda: small_conv(to_grid(convolved()).node("Flatten")), "but what comes in is flattened",
    ),
    "another size": (
        lambda: to_grid(convolved()).node("Flatten").gemm(weight(4, 99), S),
        "its weights take 99 values, but it gets 108",
    ),
    "scaled gemm": (
        lambda: to_grid(convolved()).node("Flatten").gemm(weight(4, 108), S, alpha=0.5),
        "alpha and beta must be 1 (fold them into the weights)",
    ),
    "reshape to a frame": (
        lambda: (b := to_grid(convolved())).node("Reshape", *words_of(b, [0, 9, 3, 4])),
        "only flattening to (N, 108) is supported",
    ),
    "sigmoid": (
        lambda: to_grid(convolved().node("Sigmoid")),
        "(Sigmoid): the operator is not supported (use Relu or Clip)",
    ),
    "softmax within": (
        lambda: flattened().node("Flatten").gemm(weight(4, 27), S).node("Softmax").node("Relu"),
        "it follows the Softmax or ArgMax that ends the network",
    ),
    "softmax of frames": (
        lambda: convolved().node("Softmax", axis=1), "it needs one pixel, but gets frames",
    ),
    "argmax of rows": (
        lambda: flattened().node("Flatten").gemm(weight(4, 27), S).node("ArgMax", axis=0),
        "axis must be 1, that of the channels",
    ),
    "last of the largest": (
        lambda: flattened().node("Flatten").gemm(weight(4, 27), S).node(
            "ArgMax", axis=1, select_last_index=1),
        "select_last_index must be 0",
    ),
    "relu at the end": (
        lambda: flattened().node("Flatten").gemm(weight(4, 27), S).node("Relu"),
        "the model's output is not quantised (put a quantiser behind the last layer",
    ),
    "scales at the end": (
        lambda: flattened().node("Flatten").gemm(weight(4, 27), np.array([0.1, 0.2, 0.17, 0.3])),
        "so its sums cannot be compared (quantise the output",
    ),
    "rounding up": (
        lambda: (b := convolved()).node("Quant", *reals(b, 0.1, 0, 8), rounding_mode="CEIL"),
        "rounding_mode CEIL is not supported (ROUND is, half to even)",
    ),
    "bits": (
        lambda: (b := convolved()).node("Quant", *reals(b, 0.1, 0, 40)), "bits: expected one",
    ),
    "wide words": (
        lambda: (b := convolved()).node("Quant", *reals(b, 0.1, 0, 20)), "16 are the most",
    ),
    "scales between layers": (
        lambda: (b := convolved()).node("Quant", *reals(b, np.ones((1, 3, 1, 1)), 0, 8)),
        "values between layers need one (per-tensor)",
    ),
    "a bias of another shape": (
        lambda: (b := convolved()).node("Add", *reals(b, np.ones(3))),
        "the bias: shape (3,) is not one number, or one a channel",
    ),
    "an empty clip": (
        lambda: (b := convolved()).node("Clip", *reals(b, 2, 1)), "its bounds 2.0..1.0 are empty",
    ),
    "training": (
        lambda: (b := convolved()).node(
            "BatchNormalization", *reals(b, *np.ones((4, 3))), training_mode=1),
        "training_mode must be 0: export the model for inference",
    ),
    "two branches": (
        lambda: (b := to_grid(convolved())).node("Add", b.last), "as its first input",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(tmp_path, case):
    make, message = REFUSED[case]
    path = make().save(tmp_path / "net.onnx")
    with pytest.raises(NetworkError) as refusal:
        import_network(path)
    assert message in str(refusal.value)
    assert str(refusal.value).startswith(f"{path}: ")
