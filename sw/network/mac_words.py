"""The weights of a MAC layer as they lie in its memory; ``hw.network.mac_layer`` says how."""

from __future__ import annotations

import numpy as np

from sw.numeric import IntArray, IntRange

from .graph import Conv, Dense
from .plan import MacPlan

__all__ = ["bias_digits", "mac_words", "weight_bits"]


def weight_bits(layer: Conv | Dense) -> int:
    """Bits of a weight, signed: also of weights that are loaded later."""
    if isinstance(layer, Dense):
        return layer.weight_range.bits
    return layer.spec.weight_format.bits


def bias_digits(layer: Conv | Dense) -> int:
    """Digits of a bias, in base ``2**weight_bits``; 0: the layer has none."""
    _, bias = _parts(layer)
    if bias is None:
        return 0
    bits = IntRange(min(int(bias.min()), -1), max(int(bias.max()), 0)).bits
    return -(-bits // weight_bits(layer))


def _parts(layer: Conv | Dense) -> tuple[IntArray, IntArray | None]:
    """Weights (K, C, kh, kw) and bias (K,)."""
    if isinstance(layer, Dense):
        return layer.weight, layer.bias
    return layer.spec.weight, layer.spec.bias


def mac_words(layer: Conv | Dense, plan: MacPlan) -> IntArray:
    """The memory's words, each a weight a lane.

    Returns
    -------
    IntArray, shape (words, plan.kernels * plan.channels)
        A group of kernels after the other: the digits of its biases, the highest first, in the
        lanes of channel 0; then its weights by row, column and group of channels. Lane
        ``m * plan.channels + c`` is that of the group's kernel m and channel c.
    """
    weight, bias = _parts(layer)
    kernels, channels, height, width = weight.shape
    groups = -(-kernels // plan.kernels), -(-channels // plan.channels)
    padded = np.zeros(
        (groups[0] * plan.kernels, groups[1] * plan.channels, height, width), np.int64
    )
    padded[:kernels, :channels] = weight
    split = padded.reshape(groups[0], plan.kernels, groups[1], plan.channels, height, width)
    lanes = plan.kernels * plan.channels
    steps = split.transpose(0, 4, 5, 2, 1, 3).reshape(groups[0], -1, lanes)
    digits = _digits(bias, weight_bits(layer), bias_digits(layer), groups[0] * plan.kernels)
    places = np.zeros((groups[0], digits.shape[1], plan.kernels, plan.channels), np.int64)
    places[..., 0] = digits.reshape(groups[0], plan.kernels, -1).transpose(0, 2, 1)
    before = places.reshape(groups[0], -1, lanes)
    return np.concatenate([before, steps], axis=1).reshape(-1, lanes)


def _digits(bias: IntArray | None, bits: int, count: int, kernels: int) -> IntArray:
    """Signed digits of each bias, the highest first, shape (kernels, count)."""
    digits = np.zeros((kernels, count), np.int64)
    if bias is None:
        return digits
    left = bias.copy()
    for place in reversed(range(count)):
        digit = (left + (1 << (bits - 1))) % (1 << bits) - (1 << (bits - 1))
        digits[: len(bias), place] = digit
        left = (left - digit) >> bits
    assert not left.any(), "a bias has more digits"
    return digits
