"""The state of an importer: where the images are in a model's graph, and on which grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from onnx import TensorProto

from sw.numeric import IntRange
from sw.spec import SpecError

from .chain import Chain
from .difference import Difference
from .graph import Network, NetworkError, Shape
from .onnx_constants import Constants, Grid, grid_of_quant, grid_of_quantize
from .onnx_file import Model, Node

__all__ = ["MAX_SIDE", "Imported", "Tensor", "Walk"]

MAX_SIDE = 4096
_MAX_CHANNELS = 1 << 16
_BITS: dict[int, tuple[int, bool]] = {
    TensorProto.UINT8: (8, False),
    TensorProto.INT8: (8, True),
    TensorProto.UINT16: (16, False),
    TensorProto.INT16: (16, True),
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
    notes : tuple of str
        What else is not exactly as the file says. Without both, the network's integers are those
        of the file for every input.
    output : "logits" | "label" | "probabilities"
        What the file's output is; logits may be a frame.
    """

    network: Network
    tensors: Mapping[str, Tensor]
    input_scale: float
    output_scale: float
    differences: tuple[Difference, ...]
    notes: tuple[str, ...] = ()
    output: Literal["logits", "label", "probabilities"] = "logits"

    @property
    def remarks(self) -> tuple[str, ...]:
        """All that is not exactly as the file says, a line each."""
        return (*map(str, self.differences), *self.notes)


class Walk:
    """What is known at a place of the chain.

    Parameters
    ----------
    model : Model

    Attributes
    ----------
    constants : Constants
    words : Grid, optional
        The grid of the integers at hand, between QuantizeLinear and DequantizeLinear.
    flat : bool
        Whether frames have become vectors.
    ended : bool
        After a Softmax or ArgMax: nothing that changes the order of the logits may follow.
    labelled : bool
        After an ArgMax.
    tensors : dict of layer name to Tensor
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.constants = Constants(model)
        self.words: Grid | None = None
        self.flat = False
        self.ended = False
        self.labelled = False
        self.tensors: dict[str, Tensor] = {}
        self._chain: Chain | None = None
        self._input_scale = 1.0
        self._input_limits = IntRange(0, 0)
        self._zero_points = [0]

    def chain(self, node: Node) -> Chain:
        """The chain so far, on real numbers."""
        if self._chain is None:
            raise node.error(
                "the images come in unquantised (put a quantiser first: QuantizeLinear and "
                "DequantizeLinear, or Quant)"
            )
        return self._chain

    def to_grid(self, node: Node, grid: Grid, *, real: bool) -> None:
        """What is at hand is rounded to a grid; the first one is that of the images."""
        if self.ended:
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
            if len(self._chain.layers) > before or last in self.tensors:
                self.tensors[last] = Tensor(
                    name=node.output, scale=scale, zero_point=zero, real=real
                )

    def _start(self, node: Node, scale: float, limits: IntRange, zero: int) -> None:
        self._chain = Chain(_input_shape(node, self.model), limits, scale)
        self.flat = len(self.model.input_dims) == 2
        self._input_scale, self._input_limits, self._zero_points = scale, limits, [zero]

    def quantize_linear(self, node: Node) -> None:
        """Real numbers to words."""
        grid = grid_of_quantize(node, self.constants)
        self.to_grid(node, grid, real=False)
        self.words = grid

    def dequantize_linear(self, node: Node) -> None:
        """Words to real numbers; of the same grid, or the first node of a model of integers."""
        if self._chain is None:
            bits = _BITS.get(self.model.input_type)
            if bits is None:
                raise node.error("the model's input must be 8 or 16 bit integers, or float32")
            words = IntRange.of_bits(bits[0], signed=bits[1])
            grid = grid_of_quantize(node, self.constants)
            self.to_grid(
                node, Grid(scale=grid.scale, zero_point=grid.zero_point, words=words), real=False
            )
        elif self.words is None:
            raise node.error("it takes real numbers; put a QuantizeLinear before it")
        elif not self.ended:
            grid = grid_of_quantize(node, self.constants)
            same = np.array_equal(grid.scale, self.words.scale)
            if not same or not np.array_equal(grid.zero_point, self.words.zero_point):
                raise node.error("its scale or zero point is not that of the QuantizeLinear before")
        self.words = None

    def quant(self, node: Node) -> None:
        """QONNX's quantiser: real numbers to real numbers on a grid."""
        self.to_grid(node, grid_of_quant(node, self.constants), real=True)

    def renamed(self, node: Node) -> None:
        """What changes no word: the last layer's integers have a new name."""
        assert self._chain is not None
        assert self.words is not None
        if self._chain.layers and not self._chain.is_open:
            self.tensors[self._chain.layers[-1].name] = Tensor(
                name=node.output,
                scale=float(self.words.scale[0]),
                zero_point=int(self.words.zero_point[0]),
                real=False,
            )

    def finished(self) -> Imported:
        """What came of it, at the output."""
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
            raise NetworkError(f"output {self.model.output_name[:80]!r}: {error}") from error
        except SpecError as error:
            raise NetworkError(str(error)) from error
        if self.labelled and not network.classifies:
            raise NetworkError(
                "ArgMax: the frame before it must have one pixel and several channels"
            )
        return Imported(
            network=network,
            tensors=self.tensors,
            input_scale=self._input_scale,
            output_scale=chain.scale,
            differences=tuple(chain.differences),
            notes=tuple(chain.notes),
            output="label" if self.labelled else "probabilities" if self.ended else "logits",
        )


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
    if shape[0] > _MAX_CHANNELS or max(shape[1:]) > MAX_SIDE:
        raise node.error(f"images of shape {tuple(shape)} are too large")
    return shape[0], shape[1], shape[2]
