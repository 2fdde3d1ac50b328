"""From an ONNX file to a network: QDQ or QONNX operators, in a chain.

The importer follows the images through the graph, node by node. A node that it cannot take is
refused by its name and operator, with what would work instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from onnx import TensorProto

from sw.numeric import IntArray, IntRange
from sw.spec import Padding, SpecError

from .chain import Chain, Difference, Window
from .graph import Network, NetworkError, Shape
from .onnx_constants import Constants, Grid, Quantised, grid_of_quant, grid_of_quantize
from .onnx_file import Model, Node, read_model

__all__ = ["Imported", "Tensor", "import_network"]

FloatArray = npt.NDArray[np.float64]

_BITS: dict[int, tuple[int, bool]] = {
    TensorProto.UINT8: (8, False),
    TensorProto.INT8: (8, True),
    TensorProto.UINT16: (16, False),
    TensorProto.INT16: (16, True),
}
_MAX_SIDE = 4096
_MAX_CHANNELS = 1 << 16

_INSTEAD = {
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


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """Where the file has the integers that a layer puts out.

    Parameters
    ----------
    name : str
        The tensor in the graph: q of a QuantizeLinear, or the real numbers of a Quant.
    scale : float
        The real value of one unit of the stream.
    zero_point : int
        The stream carries ``q - zero_point``.
    real : bool
        Whether the tensor has real numbers, not q.
    """

    name: str
    scale: float
    zero_point: int
    real: bool


@dataclass(frozen=True, kw_only=True)
class Imported:
    """A network, and how it stands to its file.

    Parameters
    ----------
    network : Network
    tensors : mapping of layer name to Tensor
        For the layers whose outputs the file has.
    input_scale, output_scale : float
        The real values of one unit of the images and of the logits.
    differences : tuple of Difference
        None: the network's integers are those of the file for every input.
    """

    network: Network
    tensors: Mapping[str, Tensor]
    input_scale: float
    output_scale: float
    differences: tuple[Difference, ...]


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
        return _Importer(model).run()
    except NetworkError as error:
        raise NetworkError(f"{path}: {error}") from error
    except MemoryError as error:
        raise NetworkError(f"{path}: the model is too large for this machine's memory") from error


class _Importer:
    """The walk through one model."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._constants = Constants(model)
        self._chain: Chain | None = None
        self._input_scale = 1.0
        self._input_limits = IntRange(0, 0)
        self._zero_points = [0]
        self._words: Grid | None = None
        """The grid of the integers at hand, between QuantizeLinear and DequantizeLinear."""
        self._flat = False
        self._ended = False
        """After a Softmax or ArgMax: nothing that changes the order of the logits may follow."""
        self._labelled = False
        self._tensors: dict[str, Tensor] = {}

    def run(self) -> Imported:
        """Follow the images from the input to the output."""
        consumers: dict[str, list[Node]] = {}
        for node in self._model.nodes:
            if node.output in self._constants:
                continue
            for name in set(node.inputs):
                consumers.setdefault(name, []).append(node)
        name, seen = self._model.input_name, 0
        while name != self._model.output_name:
            nodes = consumers.get(name, [])
            if len(nodes) != 1:
                raise self._not_a_chain(name, nodes)
            seen += 1
            if seen > len(self._model.nodes):
                raise nodes[0].error("the graph has a cycle: it leads back to itself")
            self._take(nodes[0], name)
            name = nodes[0].output
        if consumers.get(name):
            raise self._not_a_chain(name, consumers[name])
        return self._finished()

    def _not_a_chain(self, name: str, nodes: list[Node]) -> NetworkError:
        if not nodes:
            return NetworkError(
                f"graph: value {name[:80]!r} leads nowhere, and is not the output "
                f"{self._model.output_name[:80]!r}"
            )
        places = ", ".join(f"{node.name} ({node.operator})" for node in nodes[:4])
        return NetworkError(
            f"graph: value {name[:80]!r} goes to {places}, or past the output: networks are "
            "a chain, without branches (no skip connections)"
        )

    def _take(self, node: Node, name: str) -> None:
        handler = _HANDLERS.get(node.operator)
        if handler is None:
            instead = _INSTEAD.get(node.operator, f"supported are {', '.join(sorted(_HANDLERS))}")
            raise node.error(f"the operator is not supported ({instead})")
        if node.extra_outputs:
            raise node.error("it has more than one output (use its first alone)")
        if self._ended and node.operator not in _AFTER_THE_END:
            raise node.error("it follows the Softmax or ArgMax that ends the network")
        if node.inputs.count(name) != 1 or (node.inputs[0] != name):
            raise node.error("the images must come in as its first input, the constants after them")
        if self._words is not None and node.operator not in _ON_WORDS:
            raise node.error("it takes integers; put a DequantizeLinear before it")
        try:
            handler(self, node)
        except SpecError as error:
            text = str(error)
            raise (error if text.startswith("node ") else node.error(text)) from error

    def _finished(self) -> Imported:
        chain = self._chain
        if chain is None:
            raise NetworkError("graph: it has no quantiser at its input (see docs/user/network.md)")
        zero_point = 0 if chain.is_open else self._zero_points[-1]
        try:
            chain.finish()
            network = Network(
                layers=tuple(chain.layers),
                input_range=self._input_limits,
                input_zero_point=self._zero_points[0],
                output_zero_point=zero_point,
            )
        except NetworkError as error:
            raise NetworkError(f"output {self._model.output_name[:80]!r}: {error}") from error
        except SpecError as error:
            raise NetworkError(str(error)) from error
        if self._labelled and not network.classifies:
            raise NetworkError(
                "ArgMax: the frame before it must have one pixel and several channels"
            )
        return Imported(
            network=network,
            tensors=self._tensors,
            input_scale=self._input_scale,
            output_scale=chain.scale,
            differences=tuple(chain.differences),
        )

    # --- quantisers

    def chain(self, node: Node) -> Chain:
        """The chain so far, on real numbers."""
        if self._chain is None:
            raise node.error(
                "the images come in unquantised (put a quantiser first: QuantizeLinear and "
                "DequantizeLinear, or Quant)"
            )
        return self._chain

    def _to_grid(self, node: Node, grid: Grid, *, real: bool) -> None:
        """What is at hand is rounded to a grid; the first one is that of the images."""
        if self._ended:
            return
        if grid.scale.size != 1 or grid.zero_point.size != 1:
            raise node.error(
                "scales a channel are for weights; values between layers need one (per-tensor)"
            )
        limits, scale = grid.limits, float(grid.scale[0])
        if limits.bits > 16:
            raise node.error(
                f"its words have {limits.bits} bits without zero point; 16 are the most"
            )
        zero = int(grid.zero_point[0])
        if self._chain is None:
            self._start(node, scale, limits, zero)
            return
        before = len(self._chain.layers)
        self._chain.quantise(scale, limits, reals=real)
        self._zero_points.append(zero)
        if self._chain.layers:
            last = self._chain.layers[-1].name
            if len(self._chain.layers) > before or last in self._tensors:
                self._tensors[last] = Tensor(
                    name=node.output, scale=scale, zero_point=zero, real=real
                )

    def _start(self, node: Node, scale: float, limits: IntRange, zero: int) -> None:
        self._chain = Chain(_input_shape(node, self._model), limits, scale)
        self._flat = len(self._model.input_dims) == 2
        self._input_scale, self._input_limits, self._zero_points = scale, limits, [zero]

    def quantize_linear(self, node: Node) -> None:
        """Real numbers to words."""
        grid = grid_of_quantize(node, self._constants)
        self._to_grid(node, grid, real=False)
        self._words = grid

    def dequantize_linear(self, node: Node) -> None:
        """Words to real numbers; of the same grid, or the first node of a model of integers."""
        if self._chain is None:
            bits = _BITS.get(self._model.input_type)
            if bits is None:
                raise node.error("the model's input must be 8 or 16 bit integers, or float32")
            words = IntRange.of_bits(bits[0], signed=bits[1])
            grid = grid_of_quantize(node, self._constants)
            self._to_grid(
                node, Grid(scale=grid.scale, zero_point=grid.zero_point, words=words), real=False
            )
        elif self._words is None:
            raise node.error("it takes real numbers; put a QuantizeLinear before it")
        elif not self._ended:
            grid = grid_of_quantize(node, self._constants)
            same = np.array_equal(grid.scale, self._words.scale)
            if not same or not np.array_equal(grid.zero_point, self._words.zero_point):
                raise node.error("its scale or zero point is not that of the QuantizeLinear before")
        self._words = None

    def quant(self, node: Node) -> None:
        """QONNX's quantiser: real numbers to real numbers on a grid."""
        self._to_grid(node, grid_of_quant(node, self._constants), real=True)

    # --- layers

    def _weights(self, node: Node, weight: object, axis: int) -> tuple[IntArray, FloatArray]:
        """(integers, a scale a kernel) of a constant whose kernels lie along ``axis``."""
        if not isinstance(weight, Quantised):
            raise node.error(
                "its weights are not quantised (quantise them with QuantizeLinear and "
                "DequantizeLinear, or Quant)"
            )
        values = np.moveaxis(weight.values, axis, 0)
        scale = np.moveaxis(np.broadcast_to(weight.scale, weight.values.shape), axis, 0)
        flat = scale.reshape(len(scale), -1)
        if not flat.size or (flat != flat[:, :1]).any():
            raise node.error("its weights need one scale, or one an output channel")
        return values, flat[:, 0].copy()

    def conv(self, node: Node) -> None:
        """A convolution of frames."""
        chain = self.chain(node)
        weight = self._constants.any(node, 1)
        if isinstance(weight, Quantised) and weight.values.ndim != 4:
            raise node.error(f"its weights have {weight.values.ndim} dimensions; only 2-D is built")
        values, scale = self._weights(node, weight, 0)
        if node.attributes.get("group", 1) != 1:
            raise node.error(
                f"group = {node.attributes['group']}: grouped and depthwise convolutions are not "
                "supported (group = 1, with weights of 0 between the groups, gives the same)"
            )
        self._require_frame(node)
        if values.shape[1] != chain.shape[0]:
            raise node.error(
                f"its weights take {values.shape[1]} channels, but it gets {chain.shape}"
            )
        window = self._window(node, (int(values.shape[2]), int(values.shape[3])))
        chain.convolve(values, scale, window)
        if len(node.inputs) > 2 and node.inputs[2]:
            self._add(node, 2)

    def gemm(self, node: Node) -> None:
        """A dense layer with a bias."""
        attributes = node.attributes
        if attributes.get("alpha", 1.0) != 1.0 or attributes.get("beta", 1.0) != 1.0:
            raise node.error("alpha and beta must be 1 (fold them into the weights)")
        if attributes.get("transA", 0):
            raise node.error("transA must be 0: the images are its rows")
        self._dense(node, 0 if attributes.get("transB", 0) else 1)
        if len(node.inputs) > 2 and node.inputs[2]:
            self._add(node, 2)

    def matmul(self, node: Node) -> None:
        """A dense layer without a bias."""
        self._dense(node, 1)

    def _dense(self, node: Node, axis: int) -> None:
        chain = self.chain(node)
        weight = self._constants.any(node, 1)
        if isinstance(weight, Quantised) and weight.values.ndim != 2:
            raise node.error(f"its weights have {weight.values.ndim} dimensions, not 2")
        values, scale = self._weights(node, weight, axis)
        if not self._flat:
            raise node.error("it takes a vector; put a Flatten before it")
        channels, height, width = chain.shape
        size = channels * height * width
        if values.shape[1] != size:
            raise node.error(f"its weights take {values.shape[1]} values, but it gets {size}")
        frame = values.reshape(len(values), channels, height, width)  # ONNX flattens C, H, W
        chain.convolve(frame, scale, Window(kernel=(height, width), stride=(1, 1)), dense=True)

    def add(self, node: Node) -> None:
        """The addition of a constant: a bias."""
        if len(node.inputs) != 2 or node.inputs[1] not in self._constants:
            raise node.error("adding two branches is not supported (networks are a chain)")
        self._add(node, 1)

    def _add(self, node: Node, index: int) -> None:
        chain = self.chain(node)
        found = self._constants.any(node, index)
        real = self._per_channel(node, index, "the bias")
        if isinstance(found, Quantised):
            size = (found.values.size,)
            values = np.broadcast_to(found.values.reshape(-1), real.shape if size == (1,) else size)
            scale = np.broadcast_to(found.scale, found.values.shape).reshape(-1)
            chain.add(real, values.astype(np.int64), np.broadcast_to(scale, real.shape))
        else:
            chain.add(real, None, None)

    def _per_channel(self, node: Node, index: int, what: str) -> FloatArray:
        """A constant of one number, or of one a channel, as one a channel."""
        channels = self.chain(node).shape[0]
        array = self._constants.array(node, index, what).astype(np.float64)
        axis = -1 if self._flat else -3
        fits = array.size == 1 or (
            array.size == channels and (array.ndim == 1 or array.shape[axis] == channels)
        )
        if not fits or (
            array.size > 1
            and array.ndim == 1
            and not self._flat
            and index == 1
            and node.operator in ("Add", "Mul")
        ):
            raise node.error(f"{what}: shape {array.shape} is not one number, or one a channel")
        return np.broadcast_to(array.reshape(-1), (channels,)).copy()

    def batch_normalization(self, node: Node) -> None:
        """Folded: a factor and an offset a channel."""
        if node.attributes.get("training_mode", 0):
            raise node.error("training_mode must be 0: export the model for inference")
        gain, offset, mean, variance = (
            self._per_channel(node, index, what)
            for index, what in enumerate(("the scale", "B", "the mean", "the variance"), start=1)
        )
        deviation = variance + float(node.attributes.get("epsilon", 1e-5))
        if (deviation <= 0).any():
            raise node.error("its variance must be positive")
        factor = gain / np.sqrt(deviation)
        self.chain(node).affine(factor, offset - mean * factor)

    def mul(self, node: Node) -> None:
        """A constant factor, or one a channel."""
        if len(node.inputs) != 2 or node.inputs[1] not in self._constants:
            raise node.error("multiplying two branches is not supported (networks are a chain)")
        factor = self._per_channel(node, 1, "the factor")
        self.chain(node).affine(factor, np.zeros_like(factor))

    # --- activations and pools

    def relu(self, node: Node) -> None:
        """Nothing below 0."""
        self.chain(node).clip(0.0, np.inf)

    def clip(self, node: Node) -> None:
        """Nothing outside two constants, or attributes."""
        bounds: list[float] = []
        for index, (name, default) in enumerate((("min", -np.inf), ("max", np.inf)), start=1):
            if index < len(node.inputs) and node.inputs[index]:
                bounds.append(float(self._constants.array(node, index, name).reshape(-1)[0]))
            else:
                bounds.append(float(node.attributes.get(name, default)))
        if not bounds[0] <= bounds[1]:
            raise node.error(f"its bounds {bounds[0]}..{bounds[1]} are empty")
        chain, words = self.chain(node), self._words
        if words is None:
            chain.clip(*bounds)
            return
        zero, limits = int(words.zero_point[0]), words.limits
        chain.clip(*((bound - zero) * chain.scale for bound in bounds))
        chain.quantise(chain.scale, limits)
        self._after_words(node)

    def max_pool(self, node: Node) -> None:
        """The maximum of windows, of words or of real numbers."""
        window = self._window(node, None)
        self.chain(node).maximum(window)
        if self._words is not None:
            self._after_words(node)

    def average_pool(self, node: Node) -> None:
        """The average of windows."""
        window = self._window(node, None)
        if any(window.padding.as_array()) and not node.attributes.get("count_include_pad", 0):
            raise node.error(
                "padding with count_include_pad = 0 divides by another number at the edges "
                "(count_include_pad = 1, or no padding)"
            )
        self.chain(node).average(window)

    def global_average_pool(self, node: Node) -> None:
        """The average of the frame."""
        self._require_frame(node)
        _, height, width = self.chain(node).shape
        self.chain(node).average(Window(kernel=(height, width), stride=(1, 1)))

    def reduce_mean(self, node: Node) -> None:
        """The average over rows and columns, as frameworks write a global average."""
        axes = node.attributes.get("axes")
        if len(node.inputs) > 1 and node.inputs[1]:
            axes = self._constants.integers(node, 1, "the axes").reshape(-1).tolist()
        self._require_frame(node)
        if axes is None or sorted(a % 4 for a in axes) != [2, 3]:
            raise node.error("only the mean of rows and columns is supported (axes 2 and 3)")
        self.global_average_pool(node)
        self._flat = not node.attributes.get("keepdims", 1)

    def _require_frame(self, node: Node) -> None:
        self.chain(node)
        if self._flat:
            raise node.error("it takes frames (N, C, H, W), but what comes in is flattened")

    def _window(self, node: Node, kernel: tuple[int, int] | None) -> Window:
        """The window of a convolution with ``kernel``, or of a pool."""
        self._require_frame(node)
        attributes = node.attributes
        shape = attributes.get("kernel_shape", kernel)
        if shape is None or len(shape) != 2 or (kernel is not None and tuple(shape) != kernel):
            raise node.error(f"kernel_shape {shape} is not that of its 2-D window {kernel or ''}")
        if any(d != 1 for d in attributes.get("dilations", (1, 1))):
            raise node.error("dilations must be 1 (a larger kernel with zeros gives the same)")
        strides = attributes.get("strides", (1, 1))
        if len(strides) != 2 or not all(1 <= s <= _MAX_SIDE for s in strides):
            raise node.error(f"strides {strides}: expected two positive numbers")
        size, step = (int(shape[0]), int(shape[1])), (int(strides[0]), int(strides[1]))
        padding = self._padding(node, size, step)
        window = Window(kernel=size, stride=step, padding=padding)
        if attributes.get("ceil_mode", 0) and not self._divides(window):
            raise node.error("ceil_mode = 1 is not supported where it matters (pad explicitly)")
        return window

    def _padding(self, node: Node, kernel: tuple[int, int], stride: tuple[int, int]) -> Padding:
        mode = node.attributes.get("auto_pad", "NOTSET") or "NOTSET"
        if mode in ("SAME_UPPER", "SAME_LOWER"):
            sides: list[tuple[int, int]] = []
            for size, width, step in zip(self.chain(node).shape[1:], kernel, stride, strict=True):
                total = max(0, (-(-size // step) - 1) * step + width - size)
                less, more = total // 2, total - total // 2
                sides.append((less, more) if mode == "SAME_UPPER" else (more, less))
            (top, bottom), (left, right) = sides
            return Padding(top=top, bottom=bottom, left=left, right=right)
        pads = [0] * 4 if mode == "VALID" else node.attributes.get("pads", [0] * 4)
        if len(pads) != 4 or not all(0 <= p <= _MAX_SIDE for p in pads):
            raise node.error(f"pads {pads}: expected four numbers, not negative")
        return Padding.of(np.array(pads, np.int64))

    def _divides(self, window: Window) -> bool:
        """Whether the last window ends where the frame does."""
        _, height, width = self._chain.shape if self._chain else (0, 0, 0)
        padding = window.padding
        rows = height + padding.top + padding.bottom - window.kernel[0]
        columns = width + padding.left + padding.right - window.kernel[1]
        return rows % window.stride[0] == 0 and columns % window.stride[1] == 0

    # --- shapes and ends

    def _after_words(self, node: Node) -> None:
        """What changes no word: the last layer's integers have a new name."""
        assert self._chain is not None
        assert self._words is not None
        if self._chain.layers and not self._chain.is_open:
            self._tensors[self._chain.layers[-1].name] = Tensor(
                name=node.output,
                scale=float(self._words.scale[0]),
                zero_point=int(self._words.zero_point[0]),
                real=False,
            )

    def flatten(self, node: Node) -> None:
        """From frames to vectors, in the order C, H, W."""
        self.chain(node)
        if node.attributes.get("axis", 1) not in (1, -3 if not self._flat else -1):
            raise node.error("axis must be 1: one vector an image")
        self._flat = True

    def reshape(self, node: Node) -> None:
        """The same, where the shape is constant and says so."""
        shape = self._constants.integers(node, 1, "the shape").reshape(-1).tolist()
        channels, height, width = self.chain(node).shape
        size = channels * height * width
        vector = len(shape) == 2 and (shape[1] == size or (shape[1] == -1 and shape[0] in (0, 1)))
        if not vector or shape[0] not in (-1, 0, 1):
            raise node.error(f"shape {shape[:8]}: only flattening to (N, {size}) is supported")
        self._flat = True

    def squeeze(self, node: Node) -> None:
        """Rows and columns go where there is one of each."""
        axes = node.attributes.get("axes")
        if len(node.inputs) > 1 and node.inputs[1]:
            axes = self._constants.integers(node, 1, "the axes").reshape(-1).tolist()
        if self.chain(node).shape[1:] != (1, 1) or sorted(a % 4 for a in axes or ()) != [2, 3]:
            raise node.error("only axes 2 and 3 of a frame of one pixel can go (use Flatten)")
        self._flat = True

    def nothing(self, node: Node) -> None:
        """What does nothing when a network runs."""
        if self._chain is None and node.operator != "Identity":
            raise node.error("the images come in unquantised (put a quantiser first)")

    def softmax(self, node: Node) -> None:
        """Dropped: it keeps the order of the logits."""
        self._end(node)
        if node.attributes.get("axis", -1) not in (1, -1 if self._flat else 1):
            raise node.error("axis must be that of the channels")

    def arg_max(self, node: Node) -> None:
        """The label."""
        self._end(node)
        if node.attributes.get("axis", 0) not in (1, -1 if self._flat else 1):
            raise node.error("axis must be 1, that of the channels")
        if node.attributes.get("select_last_index", 0):
            raise node.error("select_last_index must be 0: the first of equal logits wins")
        self._labelled = True

    def _end(self, node: Node) -> None:
        chain = self.chain(node)
        if not self._ended and chain.shape[1:] != (1, 1):
            raise node.error(f"it needs one pixel, but gets frames of shape {chain.shape}")
        self._ended = True


def _input_shape(node: Node, model: Model) -> Shape:
    """(C, H, W) of the model's input."""
    dims = model.input_dims
    if len(dims) not in (2, 4) or any(d is None or d < 1 for d in dims[1:]):
        shown = ", ".join("?" if d is None else str(d) for d in dims[:8])
        raise node.error(
            f"the model's input has shape ({shown}); expected (N, C, H, W) with fixed C, H and W "
            "(export with a fixed image shape), or (N, F)"
        )
    shape = [int(d or 0) for d in dims[1:]] + [1] * (4 - len(dims))
    if shape[0] > _MAX_CHANNELS or max(shape[1:]) > _MAX_SIDE:
        raise node.error(f"images of shape {tuple(shape)} are too large")
    return shape[0], shape[1], shape[2]


_HANDLERS: Mapping[str, Callable[[_Importer, Node], None]] = {
    "Add": _Importer.add,
    "ArgMax": _Importer.arg_max,
    "AveragePool": _Importer.average_pool,
    "BatchNormalization": _Importer.batch_normalization,
    "Clip": _Importer.clip,
    "Conv": _Importer.conv,
    "DequantizeLinear": _Importer.dequantize_linear,
    "Dropout": _Importer.nothing,
    "Flatten": _Importer.flatten,
    "Gemm": _Importer.gemm,
    "GlobalAveragePool": _Importer.global_average_pool,
    "Identity": _Importer.nothing,
    "LogSoftmax": _Importer.softmax,
    "MatMul": _Importer.matmul,
    "MaxPool": _Importer.max_pool,
    "Mul": _Importer.mul,
    "Quant": _Importer.quant,
    "IntQuant": _Importer.quant,
    "QuantizeLinear": _Importer.quantize_linear,
    "ReduceMean": _Importer.reduce_mean,
    "Relu": _Importer.relu,
    "Reshape": _Importer.reshape,
    "Softmax": _Importer.softmax,
    "Squeeze": _Importer.squeeze,
}
_ON_WORDS = {"Clip", "DequantizeLinear", "MaxPool", "Flatten", "Reshape", "Squeeze", "Identity"}
_AFTER_THE_END = {
    "ArgMax",
    "DequantizeLinear",
    "Flatten",
    "Identity",
    "Quant",
    "QuantizeLinear",
    "Softmax",
}
