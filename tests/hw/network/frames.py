"""Frames as a network's layers hand them on, and plain models of what the layers compute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sw.network.graph import Conv, Dense, Pool, Requantise
from sw.network.window import groups_of
from sw.numeric import IntArray, requantise

Beat = dict[str, Any]


def to_beats(frame: IntArray, lanes: int, *, bad: bool = False) -> list[Beat]:
    """A frame, shape (C, H, W), as beats; 0 in lanes without a channel."""
    channels = len(frame)
    groups = groups_of(channels, lanes)
    padded = np.zeros((groups * lanes, *frame.shape[1:]), np.int64)
    padded[:channels] = frame
    pixels = padded.transpose(1, 2, 0).reshape(-1, lanes)
    beats = [{"values": row, "last": 0, "bad": 0} for row in pixels.tolist()]
    beats[-1] |= {"last": 1, "bad": int(bad)}
    return beats


def expected(frame: IntArray, lanes: int, *, bad: bool = False) -> list[Beat]:
    """As :func:`to_beats`, with None where a lane has no channel."""
    beats = to_beats(frame, lanes, bad=bad)
    spare = -len(frame) % lanes
    groups = groups_of(len(frame), lanes)
    if spare:
        for beat in beats[groups - 1 :: groups]:
            beat["values"] = [*beat["values"][:-spare], *[None] * spare]
    return beats


def _windows(frame: IntArray, kernel: Sequence[int], stride: Sequence[int]) -> IntArray:
    """Shape (C, OH, OW, kh, kw)."""
    every = np.lib.stride_tricks.sliding_window_view(frame, tuple(kernel), axis=(1, 2))
    return every[:, :: stride[0], :: stride[1]]


def _finished(sums: IntArray, how: Requantise | None) -> IntArray:
    if how is None:
        return sums
    scale = how.multiplier[:, None, None]
    return requantise(sums, scale=scale, shift=how.shift, limits=how.limits)


def model(layer: Conv | Dense | Pool, frame: IntArray) -> IntArray:
    """What a layer gives, shape (K, OH, OW)."""
    if isinstance(layer, Pool):
        around = layer.padding
        pads = ((0, 0), (around.top, around.bottom), (around.left, around.right))
        padded = np.pad(frame, pads, constant_values=layer.padding_value)
        windows = _windows(padded, layer.kernel, layer.stride)
        reduce = np.max if layer.kind == "max" else np.sum
        return _finished(reduce(windows, axis=(-2, -1)), layer.requantise)
    if isinstance(layer, Dense):
        weight, bias, stride, padded = layer.weight, layer.bias, (1, 1), frame
    else:
        spec, around = layer.spec, layer.spec.padding
        pads = ((0, 0), (around.top, around.bottom), (around.left, around.right))
        weight, bias, stride = spec.weight, spec.bias, spec.stride
        padded = np.pad(frame, pads)
    windows = _windows(padded, weight.shape[2:], stride)
    sums = np.einsum("cyxij,kcij->kyx", windows, weight)
    if bias is not None:
        sums = sums + bias[:, None, None]
    return _finished(sums, layer.requantise)
