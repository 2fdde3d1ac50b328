"""Sums that have no grid yet, and what a model file says of their outputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from sw.numeric import MIN_BITS, FixedFormat, IntArray, IntRange
from sw.spec import LayerSpec, Padding

from .graph import NetworkError, Shape
from .rounding import Steps, compare, thresholds

__all__ = [
    "SAME_SCALE",
    "FloatArray",
    "Sums",
    "Window",
    "even_out",
    "float_noise",
    "layer_spec",
    "output_steps",
    "pooled",
    "settle_offset",
]

FloatArray = npt.NDArray[np.float64]

SAME_SCALE = 1e-5
"""Relative difference up to which two scales are one: float32 rounds products of scales."""
_WEIGHT_BITS = 16


@dataclass(frozen=True, kw_only=True)
class Window:
    """A pool's window: see :class:`sw.network.graph.Pool`."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: Padding = field(default_factory=Padding)


@dataclass(kw_only=True)
class Sums:
    """A layer whose outputs have no grid yet.

    Parameters
    ----------
    kind : "conv" | "dense" | "average" | "pass"
        Pass: the values as they came, waiting for another grid.
    shape : (C, H, W)
        Of what goes out.
    unit : array of float64, shape (K,)
        The real value of one unit of each channel's sum; positive.
    weight : IntArray, shape (K, C, kh, kw), optional
    bias : IntArray, shape (K,), optional
        In units of the sums.
    offset : array of float64, shape (K,), optional
        Real numbers that are added to the sums, where they are no whole units.
    window : Window
        A convolution's stride and padding, an average's window.
    float32_factor : callable, optional
        From an output scale to the float32 factors, shape (K,), that onnxruntime multiplies the
        sums by; None: its arithmetic is that of reals.
    """

    kind: Literal["conv", "dense", "average", "pass"]
    shape: Shape
    unit: FloatArray
    weight: IntArray | None = None
    bias: IntArray | None = None
    offset: FloatArray | None = None
    window: Window = field(default_factory=lambda: Window(kernel=(1, 1), stride=(1, 1)))
    float32_factor: Callable[[np.float32], npt.NDArray[np.float32]] | None = None
    clip_lo: float = -np.inf
    clip_hi: float = np.inf
    maxima: list[Window] = field(default_factory=list)


def pooled(shape: Shape, window: Window) -> Shape:
    """(C, OH, OW) of windows over a frame; refused by the layer if none fits."""
    padding = window.padding
    around = (padding.top + padding.bottom, padding.left + padding.right)
    rows, columns = (
        max(0, size + sides - kernel) // max(stride, 1) + 1
        for size, sides, kernel, stride in zip(
            shape[1:], around, window.kernel, window.stride, strict=True
        )
    )
    return shape[0], rows, columns


def layer_spec(sums: Sums, shape: Shape, limits: IntRange) -> LayerSpec:
    """A convolution's layer, for frames of ``shape`` with values in ``limits``."""
    assert sums.weight is not None
    low, high = int(sums.weight.min(initial=-1)), int(sums.weight.max(initial=0))
    weight_bits = max(MIN_BITS, IntRange(low, high).bits)
    if weight_bits > _WEIGHT_BITS:
        raise NetworkError(f"its weights take {weight_bits} bits; {_WEIGHT_BITS} are the most")
    if limits.bits > _WEIGHT_BITS:
        raise NetworkError(f"its inputs take {limits.bits} bits; {_WEIGHT_BITS} are the most")
    return LayerSpec(
        weight=sums.weight,
        input_shape=shape,
        input_format=FixedFormat(bits=max(MIN_BITS, limits.bits), frac=0, signed=limits.signed),
        weight_format=FixedFormat(bits=weight_bits, frac=0, signed=True),
        bias=sums.bias,
        stride=sums.window.stride,
        padding=sums.window.padding,
    )


def output_steps(sums: Sums, scale: float) -> list[Steps]:
    """What the model file says of each channel: from its sum to its output, unclipped."""
    if sums.kind == "pass":
        return [_pass_steps(float(unit), scale) for unit in sums.unit]
    if sums.float32_factor is not None:
        return [_float32_steps(f) for f in sums.float32_factor(np.float32(scale))]
    return _shifted(sums, scale, np.zeros(len(sums.unit)))


def _shifted(sums: Sums, scale: float, by: FloatArray) -> list[Steps]:
    """The same in real numbers, each channel moved by so many steps of the output."""
    whole = np.zeros(len(sums.unit), np.int64) if sums.bias is None else sums.bias
    exact = whole * sums.unit if sums.offset is None else sums.offset
    return [
        _real_steps(float(unit), float(real), int(bias), scale, float(move))
        for unit, real, bias, move in zip(sums.unit, exact, whole, by, strict=True)
    ]


def float_noise(
    sums: Sums, scale: float, ranges: tuple[IntRange, ...], limits: IntRange
) -> list[tuple[int, int]]:
    """For how many sums of each channel a float32 sum may round otherwise, and by how much.

    A float32 sum of n terms is off by at most n units in the last place of the largest partial
    sum; where every term is a whole number of a power of two, only the last addition is.
    """
    largest = np.array([max(-r.lo, r.hi, 1) for r in ranges], np.float64)
    terms = sums.window.kernel[0] * sums.window.kernel[1]
    if sums.weight is not None:
        terms = sums.weight[0].size
    exact = (np.frexp(sums.unit)[0] == 0.5) & (largest < 1 << 24)
    offset = np.zeros(len(sums.unit)) if sums.offset is None else sums.offset / sums.unit
    sure = exact & (np.rint(offset) == offset) & (np.frexp(scale)[0] == 0.5)
    error = np.where(exact, 1, terms + 3) * 2.0**-24 * largest * sums.unit / scale
    error = np.where(sure, 0.0, np.minimum(error, 0.25))
    late, early = _shifted(sums, scale, -error), _shifted(sums, scale, error)
    return [
        compare(
            thresholds(a, possible, limits, about=unit / scale),
            thresholds(b, possible, limits, about=unit / scale),
        )
        for a, b, possible, unit in zip(late, early, ranges, sums.unit, strict=True)
    ]


def _pass_steps(source: float, scale: float) -> Steps:
    """From one grid to another, as a DequantizeLinear and a QuantizeLinear do."""
    factor, divisor = np.float32(source), np.float32(scale)
    return lambda x: np.rint(x.astype(np.float32) * factor / divisor)


def _float32_steps(factor: np.float32) -> Steps:
    """As onnxruntime requantises: float32 product, rounded half to even."""
    return lambda x: np.rint(x.astype(np.float32) * factor)


def _real_steps(unit: float, offset: float, bias: int, scale: float, move: float) -> Steps:
    """The real value over the output's scale, rounded half to even."""
    return lambda x: np.rint(((x - bias) * unit + offset) / scale + move)


def settle_offset(sums: Sums, unit: FloatArray) -> None:
    """Make the real offsets whole units of the sums, the nearest."""
    if sums.offset is None:
        return
    if sums.weight is not None:  # a kernel of zeros has any unit that is fine enough
        idle = ~sums.weight.reshape(len(sums.weight), -1).any(axis=1)
        sums.unit = np.where(idle, unit, sums.unit)
    units = np.rint(sums.offset / sums.unit)
    if (np.abs(units) >= 1 << 31).any():
        raise NetworkError("its bias is more than 32 bits in units of its sums (a smaller one)")
    bias = units.astype(np.int64)
    sums.bias = bias if sums.bias is None else sums.bias + bias


def even_out(sums: Sums) -> None:
    """Give all channels one unit, by the weights, so that their sums can be compared."""
    assert sums.weight is not None
    unit = float(sums.unit.min())
    ratio = sums.unit / unit
    whole = np.rint(ratio)
    if not np.allclose(ratio, whole, rtol=SAME_SCALE, atol=0) or whole.max() >= 1 << 15:
        raise NetworkError(
            "the last layer's weights have a scale a kernel and its output is not quantised, "
            "so its sums cannot be compared (quantise the output, or give the last layer one "
            "scale: per_channel=False)"
        )
    factors = whole.astype(np.int64)
    sums.weight = sums.weight * factors[:, np.newaxis, np.newaxis, np.newaxis]
    sums.bias = None if sums.bias is None else sums.bias * factors
    sums.unit = np.full(len(sums.unit), unit)
