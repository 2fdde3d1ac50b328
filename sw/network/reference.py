"""The golden network: what every layer puts out, integer for integer.

Sums are made by products of float matrices, which are fast, and exact here: every product and every
partial sum is a whole number that the float holds, since the layer's own bounds prove it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sw import numeric
from sw.numeric import IntArray, IntRange

from .graph import ArgMax, Conv, Dense, Layer, Network, Pool, Requantise

__all__ = ["Outputs", "layer_outputs", "run", "trace"]

_CELLS_AT_ONCE = 1 << 22
"""Window cells laid out together, to bound memory."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Outputs:
    """What a network gives for images.

    Parameters
    ----------
    frames : IntArray, shape (N, C, H, W)
        The logits, (N, classes, 1, 1), or the last frame; with the output's zero point.
    label : IntArray, shape (N,), optional
        The first of the largest logits.
    """

    frames: IntArray
    label: IntArray | None

    @property
    def arrays(self) -> dict[str, IntArray]:
        """As the commands write them: ``logits`` and ``label``, or ``y``."""
        if self.label is None:
            return {"y": self.frames}
        return {"logits": self.frames.reshape(len(self.frames), -1), "label": self.label}


def run(
    images: npt.NDArray[np.integer],
    network: Network,
    *,
    progress: Callable[[int], None] | None = None,
) -> Outputs:
    """The network's outputs.

    Parameters
    ----------
    images : array of int, shape (N, C, H, W)
        As the model file's quantiser gives them: with the input's zero point.
    network : Network
    progress : callable, optional
        Called with the number of images done since the last call.
    """
    frames = np.empty((len(images), *network.output_shape), np.int64)
    labels = np.empty(len(images), np.int64)
    step = _images_at_once(network)
    for start in range(0, len(images), step):
        part = images[start : start + step]
        found = dict(trace(part, network))
        layers = [layer.name for layer in network.layers]
        here = slice(start, start + len(part))
        if network.classifies:
            labels[here] = found[layers[-1]].reshape(-1)
            layers.pop()
        last = found[layers[-1]] if layers else _streamed(part, network)
        frames[here] = last + network.output_zero_point
        if progress is not None:
            progress(len(part))
    return Outputs(frames=frames, label=labels if network.classifies else None)


def trace(images: npt.NDArray[np.integer], network: Network) -> Iterator[tuple[str, IntArray]]:
    """(layer name, what it puts out), layer by layer: without zero points, as it streams."""
    values = _streamed(images, network)
    for layer in network.layers:
        values = layer_outputs(values, layer)
        yield layer.name, values


def layer_outputs(frames: IntArray, layer: Layer) -> IntArray:
    """What a layer puts out for frames (N, C, H, W)."""
    if isinstance(layer, ArgMax):
        return np.argmax(frames, axis=1, keepdims=True).astype(np.int64)
    if isinstance(layer, Conv):
        sums = _correlated(frames, layer)
    elif isinstance(layer, Dense):
        sums = _dense(frames, layer)
    else:
        sums = _pooled(frames, layer)
    return _requantised(sums, layer.requantise)


def _streamed(images: npt.NDArray[np.integer], network: Network) -> IntArray:
    return images.astype(np.int64) - network.input_zero_point


def _images_at_once(network: Network) -> int:
    """So many that the windows of the largest layer bound the memory."""
    largest = max(_cells(layer) for layer in network.layers)
    return max(1, min(1024, _CELLS_AT_ONCE // largest))


def _cells(layer: Layer) -> int:
    channels, height, width = layer.input_shape
    if isinstance(layer, Conv):
        _, rows, columns = layer.output_shape
        return channels * layer.spec.taps * rows * columns
    return channels * height * width


def _word(weight: IntArray, bias: IntArray | None, values: IntRange) -> type[np.floating]:
    """The float that holds every partial sum exactly."""
    largest = np.abs(weight).reshape(len(weight), -1).sum(axis=1) * max(-values.lo, values.hi, 1)
    most = int(largest.max()) + (0 if bias is None else int(np.abs(bias).max()))
    return np.float32 if most <= 1 << 24 else np.float64


def _correlated(frames: IntArray, layer: Conv) -> IntArray:
    spec, word = layer.spec, _word(layer.spec.weight, layer.spec.bias, layer.input_range)
    padding, (down, right) = spec.padding, spec.stride
    around = ((0, 0), (0, 0), (padding.top, padding.bottom), (padding.left, padding.right))
    padded = np.pad(frames.astype(word), around)
    windows = np.lib.stride_tricks.sliding_window_view(padded, spec.kernel_shape, axis=(2, 3))
    windows = windows[:, :, ::down, ::right]
    cells = windows.transpose(0, 2, 3, 1, 4, 5).reshape(-1, spec.channels * spec.taps)
    sums = cells @ spec.weight.reshape(spec.kernels, -1).astype(word).T
    kernels, rows, columns = spec.output_shape
    placed = sums.reshape(len(frames), rows, columns, kernels).transpose(0, 3, 1, 2)
    return _with_bias(placed, spec.bias)


def _dense(frames: IntArray, layer: Dense) -> IntArray:
    word = _word(layer.weight, layer.bias, layer.input_range)
    weight = layer.weight.reshape(len(layer.weight), -1).astype(word)
    sums = frames.reshape(len(frames), -1).astype(word) @ weight.T
    return _with_bias(sums[:, :, np.newaxis, np.newaxis], layer.bias)


def _with_bias(sums: npt.NDArray[np.floating], bias: IntArray | None) -> IntArray:
    whole = np.ascontiguousarray(sums).astype(np.int64)
    return whole if bias is None else whole + bias[:, np.newaxis, np.newaxis]


def _pooled(frames: IntArray, layer: Pool) -> IntArray:
    padding, (down, right) = layer.padding, layer.stride
    around = ((0, 0), (0, 0), (padding.top, padding.bottom), (padding.left, padding.right))
    padded = np.pad(frames, around, constant_values=layer.padding_value)
    windows = np.lib.stride_tricks.sliding_window_view(padded, layer.kernel, axis=(2, 3))
    windows = windows[:, :, ::down, ::right]
    return windows.max(axis=(4, 5)) if layer.kind == "max" else windows.sum(axis=(4, 5))


def _requantised(sums: IntArray, requantise: Requantise | None) -> IntArray:
    if requantise is None:
        return sums
    scale = requantise.multiplier[:, np.newaxis, np.newaxis]
    return numeric.requantise(sums, scale=scale, shift=requantise.shift, limits=requantise.limits)
