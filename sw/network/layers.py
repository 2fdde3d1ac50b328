"""The kinds of layer; :mod:`sw.network.graph` says what they mean and joins them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from sw.numeric import IntArray, IntRange
from sw.spec import LayerSpec, Padding

from .requantiser import MAX_ACCUMULATOR_BITS, Requantise, require

__all__ = ["ArgMax", "Conv", "Dense", "Layer", "Pool", "Shape"]

Shape = tuple[int, int, int]
"""(C, H, W) of a frame."""

MAX_OUTPUTS = 4096
MAX_DENSE_WEIGHTS = 1 << 22
MAX_SIDE = 4096

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


@dataclass(frozen=True, kw_only=True, eq=False)
class _Layer:
    """What all layers have.

    Parameters
    ----------
    name : str
        Lower-case letters, digits and underscores; unique in the network.
    """

    name: str

    def __post_init__(self) -> None:
        require(
            _NAME.fullmatch(self.name) is not None,
            f"layer name must be lower-case letters, digits and _, 63 at most, not {self.name!r}",
        )

    def _require(self, condition: bool, message: str) -> None:
        require(condition, f"layer {self.name}: {message}")


@dataclass(frozen=True, kw_only=True, eq=False)
class _Summing(_Layer):
    """A layer with exact sums and a requantiser behind them.

    Parameters
    ----------
    input_range : IntRange
        Of every value that comes in.
    requantise : Requantise, optional
        None: the exact sums go out.
    """

    input_range: IntRange
    requantise: Requantise | None = None

    def _check_sums(self) -> None:
        word = IntRange.of_bits(MAX_ACCUMULATOR_BITS, signed=True)
        found = IntRange.union_of(self.accumulator_ranges)
        self._require(
            word.contains([found.lo, found.hi]),
            f"its sums are {found.lo}..{found.hi}; {MAX_ACCUMULATOR_BITS} signed bits are the "
            "most, as in ONNX (fewer inputs, narrower weights or a smaller bias)",
        )
        if self.requantise is not None:
            self._require(
                len(self.requantise.multiplier) == self.output_shape[0],
                f"requantise.multiplier: expected {self.output_shape[0]} values, one an output "
                f"channel, got {len(self.requantise.multiplier)}",
            )
            bits = self.requantise.product_range(self.accumulator_ranges).bits
            self._require(bits <= 63, f"requantise: sum times multiplier take {bits} bits, not 63")

    @property
    def output_shape(self) -> Shape:
        """(K, OH, OW)."""
        raise NotImplementedError

    @cached_property
    def accumulator_ranges(self) -> tuple[IntRange, ...]:
        """Exact bounds of each output channel's sum, bias included, with these weights."""
        raise NotImplementedError

    @property
    def output_range(self) -> IntRange:
        """Of every value that goes out."""
        if self.requantise is None:
            return IntRange.union_of(self.accumulator_ranges)
        return self.requantise.limits


def _weighted_ranges(
    weight: IntArray, bias: IntArray | None, values: IntRange
) -> tuple[IntRange, ...]:
    """Bounds of ``bias[k] + sum of x * weight[k]``, ``x`` in ``values`` or 0 (a padded cell)."""
    values = values.union(IntRange(0, 0))
    flat = weight.reshape(len(weight), -1)
    plus, minus = np.maximum(flat, 0).sum(axis=1), np.maximum(-flat, 0).sum(axis=1)
    offsets = np.zeros(len(weight), np.int64) if bias is None else bias
    return tuple(
        values.scaled(int(p)) + (-values).scaled(int(m)) + IntRange(int(b), int(b))
        for p, m, b in zip(plus, minus, offsets, strict=True)
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Conv(_Summing):
    """A convolution: ``spec`` has its weights, bias, stride, padding, shapes and formats.

    ``spec.input_format`` holds ``input_range`` (it may be wider); ``spec.scale`` is None, since the
    factors are the requantiser's. Fractional bits are 0 and mean nothing.
    """

    spec: LayerSpec

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require(self.spec.scale is None, "spec.scale: the factors belong in requantise")
        limits = self.spec.input_format.range
        self._require(
            limits.contains([self.input_range.lo, self.input_range.hi]),
            f"spec.input_format {limits} does not hold input_range {self.input_range}",
        )
        self._check_sums()

    @property
    def input_shape(self) -> Shape:
        """(C, H, W)."""
        return self.spec.input_shape

    @property
    def output_shape(self) -> Shape:
        """(K, OH, OW)."""
        return self.spec.output_shape

    @cached_property
    def accumulator_ranges(self) -> tuple[IntRange, ...]:
        """Exact bounds of each kernel's sum, bias included, with these weights."""
        return _weighted_ranges(self.spec.weight, self.spec.bias, self.input_range)

    @property
    def multiplications(self) -> int:
        """Of a frame, without reuse."""
        return self.spec.multiplications_needed


@dataclass(frozen=True, kw_only=True, eq=False)
class Dense(_Summing):
    """A fully connected layer: N kernels as large as the frame, each at its one place.

    Parameters
    ----------
    weight : IntArray, shape (N, C, H, W)
        At most 16 signed bits. ``weight[n, c, y, x]`` meets channel c of the pixel in row y,
        column x: beat ``y * W + x`` of the frame.
    bias : IntArray, shape (N,), optional
        In units of the sums.
    """

    weight: IntArray
    bias: IntArray | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require(
            self.weight.ndim == 4 and self.weight.dtype == np.int64,
            f"weight: expected int64 (N, C, H, W), got {self.weight.dtype} {self.weight.shape}",
        )
        self._require(
            1 <= len(self.weight) <= MAX_OUTPUTS and 1 <= self.weight.size <= MAX_DENSE_WEIGHTS,
            f"weight: {self.weight.shape}: at most {MAX_OUTPUTS} outputs and {MAX_DENSE_WEIGHTS} "
            "weights, and at least one of each",
        )
        self._require(
            IntRange.of_bits(16, signed=True).contains(self.weight),
            "weight: values do not fit 16 signed bits",
        )
        self._require(
            self.bias is None
            or (self.bias.shape == (len(self.weight),) and self.bias.dtype == np.int64),
            f"bias: expected {len(self.weight)} int64, one an output",
        )
        self._check_sums()

    @property
    def input_shape(self) -> Shape:
        """(C, H, W)."""
        _, channels, height, width = self.weight.shape
        return channels, height, width

    @property
    def output_shape(self) -> Shape:
        """(N, 1, 1)."""
        return len(self.weight), 1, 1

    @property
    def weight_range(self) -> IntRange:
        """The range of the smallest signed word that holds all weights; at least 2 bits."""
        lowest, highest = int(self.weight.min()), int(self.weight.max())
        return IntRange.of_bits(IntRange(min(lowest, -2), highest).bits, signed=True)

    @cached_property
    def accumulator_ranges(self) -> tuple[IntRange, ...]:
        """Exact bounds of each output's sum, bias included, with these weights."""
        return _weighted_ranges(self.weight, self.bias, self.input_range)

    @property
    def multiplications(self) -> int:
        """Of a frame: one a weight."""
        return self.weight.size


@dataclass(frozen=True, kw_only=True, eq=False)
class Pool(_Summing):
    """The maximum or the sum of the window, channel by channel.

    Parameters
    ----------
    kind : "max" | "average"
        Average: the exact sum of the window; the requantiser divides, so it must be there.
    input_shape : (C, H, W)
    kernel, stride : (vertical, horizontal)
        A kernel as large as the frame is a global pool; one of 1x1 is nothing but a requantiser.
    padding : Padding
        Smaller than the kernel. Its cells are :attr:`padding_value`.
    """

    kind: Literal["max", "average"]
    input_shape: Shape
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: Padding = field(default_factory=Padding)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require(self.kind in ("max", "average"), f"kind: {self.kind!r} is no pool")
        channels, height, width = self.input_shape
        self._require(
            1 <= channels <= MAX_OUTPUTS and 1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE,
            f"input_shape: {self.input_shape} is out of range (1 to {MAX_OUTPUTS} channels, 1 to "
            f"{MAX_SIDE} rows and columns)",
        )
        padding = self.padding
        around = ((padding.top, padding.bottom), (padding.left, padding.right))
        for kernel, stride, sides, size in zip(
            self.kernel, self.stride, around, self.padded_shape, strict=True
        ):
            self._require(stride >= 1, f"stride must be at least 1, not {stride}")
            self._require(
                1 <= kernel <= size,
                f"kernel must be 1 to {size}, the padded frame, not {kernel}",
            )
            self._require(
                min(sides) >= 0 and max(sides) < kernel,
                f"padding must be less than the kernel, {kernel}, not {max(sides)}",
            )
        self._require(
            self.kind == "max" or self.requantise is not None,
            "requantise: an average needs one, which divides",
        )
        self._check_sums()

    @property
    def padded_shape(self) -> tuple[int, int]:
        """Rows and columns of a frame with its padding."""
        _, height, width = self.input_shape
        padding = self.padding
        return height + padding.top + padding.bottom, width + padding.left + padding.right

    @property
    def padding_value(self) -> int:
        """What a padded cell counts as: nothing that could win a maximum, and 0 in a sum."""
        return self.input_range.lo if self.kind == "max" else 0

    @property
    def output_shape(self) -> Shape:
        """(C, OH, OW)."""
        rows, columns = (
            (size - kernel) // stride + 1
            for size, kernel, stride in zip(
                self.padded_shape, self.kernel, self.stride, strict=True
            )
        )
        return self.input_shape[0], rows, columns

    @cached_property
    def accumulator_ranges(self) -> tuple[IntRange, ...]:
        """Exact bounds of each channel's maximum or sum."""
        limits = self.input_range
        if self.kind == "average":
            padded = limits.union(IntRange(0, 0)) if any(self.padding.as_array()) else limits
            limits = padded.scaled(self.kernel[0] * self.kernel[1])
        return (limits,) * self.input_shape[0]

    @property
    def multiplications(self) -> int:
        """Of a frame: none but the requantiser's."""
        return 0


@dataclass(frozen=True, kw_only=True, eq=False)
class ArgMax(_Layer):
    """The number of the largest channel of a frame of one pixel; of equal ones the first.

    Parameters
    ----------
    classes : int
        Channels that come in: 2 or more. What comes in are the network's logits, which leave the
        network too.
    input_range : IntRange
    """

    classes: int
    input_range: IntRange

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require(
            2 <= self.classes <= MAX_OUTPUTS,
            f"classes must be 2 to {MAX_OUTPUTS}, not {self.classes}",
        )

    @property
    def input_shape(self) -> Shape:
        """(classes, 1, 1)."""
        return self.classes, 1, 1

    @property
    def output_shape(self) -> Shape:
        """(1, 1, 1)."""
        return 1, 1, 1

    @property
    def output_range(self) -> IntRange:
        """0 to classes - 1."""
        return IntRange(0, self.classes - 1)

    @property
    def multiplications(self) -> int:
        """None."""
        return 0


Layer = Conv | Dense | Pool | ArgMax
