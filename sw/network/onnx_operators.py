"""The operators of a model file, each as what it does to the chain of layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from sw.numeric import IntArray
from sw.spec import Padding

from .graph import Shape
from .onnx_constants import Quantised
from .onnx_file import Node
from .onnx_walk import MAX_SIDE, Walk
from .sums import FloatArray, Window

__all__ = ["AFTER_THE_END", "HANDLERS", "INSTEAD", "ON_WORDS"]

INSTEAD = {
    "QLinearConv": "export in the QDQ format: quant_format=QuantFormat.QDQ",
    "QLinearMatMul": "export in the QDQ format: quant_format=QuantFormat.QDQ",
    "QGemm": "export in the QDQ format: quant_format=QuantFormat.QDQ",
    "ConvInteger": "quantise statically and export in the QDQ format",
    "MatMulInteger": "quantise statically and export in the QDQ format",
    "DynamicQuantizeLinear": "quantise statically: quantize_static",
    "ConvTranspose": "only convolutions that do not enlarge the frame are built: Conv",
    "Sigmoid": "use Relu or Clip",
    "Tanh": "use Relu or Clip",
    "LeakyRelu": "use Relu or Clip",
    "PRelu": "use Relu or Clip",
    "HardSwish": "use Relu or Clip",
    "Trunc": "quantise averages with Quant or QuantizeLinear, rounding half to even",
    "Concat": "networks are a chain: no branches",
    "Shape": "export with fixed shapes: Flatten, or Reshape to a constant",
    "Sub": "quantise the images first: the model's input must be what QuantizeLinear takes",
    "Div": "quantise the images first: the model's input must be what QuantizeLinear takes",
    "Cast": "quantise the images first: the model's input must be what QuantizeLinear takes",
    "LRN": "use BatchNormalization",
    "InstanceNormalization": "use BatchNormalization",
    "LayerNormalization": "use BatchNormalization",
    "Resize": "give images of the size that the network takes",
}


"""What to do about some operators that are not supported."""


def _weights(node: Node, weight: object, axis: int) -> tuple[IntArray, FloatArray]:
    """(integers, a scale a kernel) of a constant whose kernels lie along ``axis``."""
    if not isinstance(weight, Quantised):
        raise node.error(
            "its weights are not quantised (quantise them with QuantizeLinear and "
            "DequantizeLinear, or Quant)"
        )
    if not weight.values.size:
        raise node.error(f"its weights are empty: shape {weight.values.shape}")
    values = np.moveaxis(weight.values, axis, 0)
    scale = np.moveaxis(np.broadcast_to(weight.scale, weight.values.shape), axis, 0)
    flat = scale.reshape(len(scale), -1)
    if (flat != flat[:, :1]).any():
        raise node.error("its weights need one scale, or one an output channel")
    return values, flat[:, 0].copy()


def conv(walk: Walk, node: Node) -> None:
    """A convolution of frames."""
    chain = walk.chain(node)
    weight = walk.constants.any(node, 1)
    if isinstance(weight, Quantised) and weight.values.ndim != 4:
        raise node.error(f"its weights have {weight.values.ndim} dimensions; only 2-D is built")
    values, scale = _weights(node, weight, 0)
    if node.integer("group", 1) != 1:
        raise node.error(
            f"group = {node.integer('group', 1)}: grouped and depthwise convolutions are not "
            "supported (group = 1, with weights of 0 between the groups, gives the same)"
        )
    _require_frame(walk, node)
    if values.shape[1] != chain.shape[0]:
        raise node.error(f"its weights take {values.shape[1]} channels, but it gets {chain.shape}")
    window = _window(walk, node, (int(values.shape[2]), int(values.shape[3])))
    chain.convolve(values, scale, window)
    if len(node.inputs) > 2 and node.inputs[2]:
        _add(walk, node, 2)


def gemm(walk: Walk, node: Node) -> None:
    """A dense layer with a bias."""
    if node.number("alpha", 1.0) != 1.0 or node.number("beta", 1.0) != 1.0:
        raise node.error("alpha and beta must be 1 (fold them into the weights)")
    if node.integer("transA", 0):
        raise node.error("transA must be 0: the images are its rows")
    _dense(walk, node, 0 if node.integer("transB", 0) else 1)
    if len(node.inputs) > 2 and node.inputs[2]:
        _add(walk, node, 2)


def matmul(walk: Walk, node: Node) -> None:
    """A dense layer without a bias."""
    _dense(walk, node, 1)


def _dense(walk: Walk, node: Node, axis: int) -> None:
    chain = walk.chain(node)
    weight = walk.constants.any(node, 1)
    if isinstance(weight, Quantised) and weight.values.ndim != 2:
        raise node.error(f"its weights have {weight.values.ndim} dimensions, not 2")
    values, scale = _weights(node, weight, axis)
    if not walk.flat:
        raise node.error("it takes a vector; put a Flatten before it")
    channels, height, width = chain.shape
    size = channels * height * width
    if values.shape[1] != size:
        raise node.error(f"its weights take {values.shape[1]} values, but it gets {size}")
    frame = values.reshape(len(values), channels, height, width)  # ONNX flattens C, H, W
    chain.convolve(frame, scale, Window(kernel=(height, width), stride=(1, 1)), dense=True)


def add(walk: Walk, node: Node) -> None:
    """The addition of a constant: a bias."""
    if len(node.inputs) != 2 or node.inputs[1] not in walk.constants:
        raise node.error("adding two branches is not supported (networks are a chain)")
    _add(walk, node, 1)


def _add(walk: Walk, node: Node, index: int) -> None:
    chain = walk.chain(node)
    found = walk.constants.any(node, index)
    real = _per_channel(walk, node, index, "the bias")
    if isinstance(found, Quantised):
        size = (found.values.size,)
        values = np.broadcast_to(found.values.reshape(-1), real.shape if size == (1,) else size)
        scale = np.broadcast_to(found.scale, found.values.shape).reshape(-1)
        chain.add(real, values.astype(np.int64), np.broadcast_to(scale, real.shape))
    else:
        chain.add(real, None, None)


def _per_channel(walk: Walk, node: Node, index: int, what: str) -> FloatArray:
    """A constant of one number, or of one a channel, as one a channel."""
    channels = walk.chain(node).shape[0]
    array = walk.constants.array(node, index, what).astype(np.float64)
    broadcast = node.operator in ("Add", "Mul") and not walk.flat  # over (N, C, H, W)
    axis = -3 if broadcast else -1
    along = array.ndim >= -axis and array.shape[axis] == channels
    if array.size != 1 and not (along and array.size == channels):
        raise node.error(f"{what}: shape {array.shape} is not one number, or one a channel")
    return np.broadcast_to(array.reshape(-1), (channels,)).copy()


def batch_normalization(walk: Walk, node: Node) -> None:
    """Folded: a factor and an offset a channel."""
    if node.integer("training_mode", 0):
        raise node.error("training_mode must be 0: export the model for inference")
    gain, offset, mean, variance = (
        _per_channel(walk, node, index, what)
        for index, what in enumerate(("the scale", "B", "the mean", "the variance"), start=1)
    )
    deviation = variance + node.number("epsilon", 1e-5)
    if (deviation <= 0).any():
        raise node.error("its variance must be positive")
    factor = gain / np.sqrt(deviation)
    walk.chain(node).affine(factor, offset - mean * factor)


def mul(walk: Walk, node: Node) -> None:
    """A constant factor, or one a channel."""
    if len(node.inputs) != 2 or node.inputs[1] not in walk.constants:
        raise node.error("multiplying two branches is not supported (networks are a chain)")
    factor = _per_channel(walk, node, 1, "the factor")
    walk.chain(node).affine(factor, np.zeros_like(factor))


def relu(walk: Walk, node: Node) -> None:
    """Nothing below 0."""
    walk.chain(node).clip(0.0, np.inf)


def clip(walk: Walk, node: Node) -> None:
    """Nothing outside two constants, or attributes."""
    bounds: list[float] = []
    for index, (name, default) in enumerate((("min", -np.inf), ("max", np.inf)), start=1):
        if index < len(node.inputs) and node.inputs[index]:
            bounds.append(walk.constants.single(node, index, name))
        else:
            bounds.append(node.number(name, default))
    if not bounds[0] <= bounds[1]:
        raise node.error(f"its bounds {bounds[0]}..{bounds[1]} are empty")
    chain, words = walk.chain(node), walk.words
    if words is None:
        chain.clip(*bounds)
        return
    zero, limits = int(words.zero_point[0]), words.limits
    chain.clip(*((bound - zero) * chain.scale for bound in bounds))
    chain.quantise(chain.scale, limits)
    walk.renamed(node)


def max_pool(walk: Walk, node: Node) -> None:
    """The maximum of windows, of words or of real numbers."""
    window = _window(walk, node, None)
    walk.chain(node).maximum(window)
    if walk.words is not None:
        walk.renamed(node)


def average_pool(walk: Walk, node: Node) -> None:
    """The average of windows."""
    window = _window(walk, node, None)
    if any(window.padding.as_array()) and not node.integer("count_include_pad", 0):
        raise node.error(
            "padding with count_include_pad = 0 divides by another number at the edges "
            "(count_include_pad = 1, or no padding)"
        )
    walk.chain(node).average(window)


def global_average_pool(walk: Walk, node: Node) -> None:
    """The average of the frame."""
    _require_frame(walk, node)
    _, height, width = walk.chain(node).shape
    walk.chain(node).average(Window(kernel=(height, width), stride=(1, 1)))


def reduce_mean(walk: Walk, node: Node) -> None:
    """The average over rows and columns, as frameworks write a global average."""
    axes = node.integers("axes")
    if len(node.inputs) > 1 and node.inputs[1]:
        axes = walk.constants.integers(node, 1, "the axes").reshape(-1).tolist()
    _require_frame(walk, node)
    if axes is None or sorted(a % 4 for a in axes) != [2, 3]:
        raise node.error("only the mean of rows and columns is supported (axes 2 and 3)")
    global_average_pool(walk, node)
    walk.flat = not node.integer("keepdims", 1)


def _require_frame(walk: Walk, node: Node) -> None:
    walk.chain(node)
    if walk.flat:
        raise node.error("it takes frames (N, C, H, W), but what comes in is flattened")


def _window(walk: Walk, node: Node, kernel: tuple[int, int] | None) -> Window:
    """The window of a convolution with ``kernel``, or of a pool."""
    _require_frame(walk, node)
    shape = node.integers("kernel_shape") or kernel
    if shape is None or len(shape) != 2 or (kernel is not None and tuple(shape) != kernel):
        raise node.error(f"kernel_shape {shape} is not that of its 2-D window {kernel or ''}")
    if any(d != 1 for d in node.integers("dilations") or (1, 1)):
        raise node.error("dilations must be 1 (a larger kernel with zeros gives the same)")
    strides = node.integers("strides") or (1, 1)
    if len(strides) != 2 or not all(1 <= s <= MAX_SIDE for s in strides):
        raise node.error(f"strides {strides}: expected two positive numbers")
    size, step = (int(shape[0]), int(shape[1])), (int(strides[0]), int(strides[1]))
    padding = _padding(walk, node, size, step)
    window = Window(kernel=size, stride=step, padding=padding)
    if node.integer("ceil_mode", 0) and not _divides(walk.chain(node).shape, window):
        raise node.error("ceil_mode = 1 is not supported where it matters (pad explicitly)")
    return window


def _padding(walk: Walk, node: Node, kernel: tuple[int, int], stride: tuple[int, int]) -> Padding:
    mode = node.text("auto_pad", "NOTSET")
    if mode in ("SAME_UPPER", "SAME_LOWER"):
        sides: list[tuple[int, int]] = []
        for size, width, step in zip(walk.chain(node).shape[1:], kernel, stride, strict=True):
            total = max(0, (-(-size // step) - 1) * step + width - size)
            less, more = total // 2, total - total // 2
            sides.append((less, more) if mode == "SAME_UPPER" else (more, less))
        (top, bottom), (left, right) = sides
        return Padding(top=top, bottom=bottom, left=left, right=right)
    pads = [0] * 4 if mode == "VALID" else node.integers("pads") or [0] * 4
    if len(pads) != 4 or not all(0 <= p <= MAX_SIDE for p in pads):
        raise node.error(f"pads {pads}: expected four numbers, not negative")
    return Padding.of(np.array(pads, np.int64))


def _divides(shape: Shape, window: Window) -> bool:
    """Whether the last window ends where the frame does."""
    _, height, width = shape
    padding = window.padding
    rows = height + padding.top + padding.bottom - window.kernel[0]
    columns = width + padding.left + padding.right - window.kernel[1]
    return rows % window.stride[0] == 0 and columns % window.stride[1] == 0


def flatten(walk: Walk, node: Node) -> None:
    """From frames to vectors, in the order C, H, W."""
    walk.chain(node)
    if node.integer("axis", 1) not in (1, -3 if not walk.flat else -1):
        raise node.error("axis must be 1: one vector an image")
    walk.flat = True


def reshape(walk: Walk, node: Node) -> None:
    """The same, where the shape is constant and says so."""
    shape = walk.constants.integers(node, 1, "the shape").reshape(-1).tolist()
    channels, height, width = walk.chain(node).shape
    size = channels * height * width
    vector = len(shape) == 2 and (shape[1] == size or (shape[1] == -1 and shape[0] in (0, 1)))
    if not vector or shape[0] not in (-1, 0, 1):
        raise node.error(f"shape {shape[:8]}: only flattening to (N, {size}) is supported")
    walk.flat = True


def squeeze(walk: Walk, node: Node) -> None:
    """Rows and columns go where there is one of each."""
    axes = node.integers("axes")
    if len(node.inputs) > 1 and node.inputs[1]:
        axes = walk.constants.integers(node, 1, "the axes").reshape(-1).tolist()
    if walk.chain(node).shape[1:] != (1, 1) or sorted(a % 4 for a in axes or ()) != [2, 3]:
        raise node.error("only axes 2 and 3 of a frame of one pixel can go (use Flatten)")
    walk.flat = True


def nothing(walk: Walk, node: Node) -> None:
    """What does nothing when a network runs."""
    if node.operator != "Identity":
        walk.chain(node)


def softmax(walk: Walk, node: Node) -> None:
    """Dropped: it keeps the order of the logits."""
    _end(walk, node)
    if node.integer("axis", -1) not in (1, -1 if walk.flat else 1):
        raise node.error("axis must be that of the channels")


def arg_max(walk: Walk, node: Node) -> None:
    """The label."""
    _end(walk, node)
    if node.integer("axis", 0) not in (1, -1 if walk.flat else 1):
        raise node.error("axis must be 1, that of the channels")
    if node.integer("select_last_index", 0):
        raise node.error("select_last_index must be 0: the first of equal logits wins")
    walk.labelled = True


def _end(walk: Walk, node: Node) -> None:
    chain = walk.chain(node)
    if not walk.ended and chain.shape[1:] != (1, 1):
        raise node.error(f"it needs one pixel, but gets frames of shape {chain.shape}")
    walk.ended = True


HANDLERS: Mapping[str, Callable[[Walk, Node], None]] = {
    "Add": add,
    "ArgMax": arg_max,
    "AveragePool": average_pool,
    "BatchNormalization": batch_normalization,
    "Clip": clip,
    "Conv": conv,
    "DequantizeLinear": Walk.dequantize_linear,
    "Dropout": nothing,
    "Flatten": flatten,
    "Gemm": gemm,
    "GlobalAveragePool": global_average_pool,
    "Identity": nothing,
    "LogSoftmax": softmax,
    "MatMul": matmul,
    "MaxPool": max_pool,
    "Mul": mul,
    "Quant": Walk.quant,
    "IntQuant": Walk.quant,
    "QuantizeLinear": Walk.quantize_linear,
    "ReduceMean": reduce_mean,
    "Relu": relu,
    "Reshape": reshape,
    "Softmax": softmax,
    "Squeeze": squeeze,
}
ON_WORDS = {"Clip", "DequantizeLinear", "MaxPool", "Flatten", "Reshape", "Squeeze", "Identity"}
AFTER_THE_END = {
    "ArgMax",
    "DequantizeLinear",
    "Flatten",
    "Identity",
    "Quant",
    "QuantizeLinear",
    "Softmax",
}
