"""Frames of a network as they travel, and what it puts out back to integers."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from sw.numeric import IntArray
from sw.packing import pack_values

from .graph import Network, word_of

__all__ = ["NetworkOutputs", "input_bytes", "output_beats", "output_bytes", "pack", "unpack"]


@dataclass(frozen=True, kw_only=True, eq=False)
class NetworkOutputs:
    """What a network says of N frames.

    Parameters
    ----------
    y : IntArray, shape (N, C, H, W)
        Its last frame, or the logits, with the zero point.
    label : IntArray, shape (N,), optional
        If it classifies.
    """

    y: IntArray
    label: IntArray | None = None

    @property
    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """By their names in an output file."""
        if self.label is None:
            return {"y": self.y}
        return {"logits": self.y.reshape(len(self.y), -1), "label": self.label}


def input_bytes(network: Network) -> int:
    """Bytes of a pixel."""
    return -(-network.input_shape[0] * word_of(network.input_range)[0] // 8)


def output_bytes(network: Network) -> int:
    """Bytes of a value that leaves: a logit or a label."""
    limits = network.output_range
    if network.classifies:
        limits = limits.union(network.layers[-1].output_range)
    return -(-word_of(limits)[0] // 8)


def output_beats(network: Network) -> int:
    """Values of a frame that leave: its logits and its label, or its last frame."""
    return prod(network.output_shape) + int(network.classifies)


def pack(images: npt.NDArray[np.integer], network: Network) -> npt.NDArray[np.uint8]:
    """Pixels as they travel, shape (N, H * W, input_bytes), least significant byte first.

    Parameters
    ----------
    images : array of int, shape (N, C, H, W)
        With the zero point.
    """
    values = images.astype(np.int64) - network.input_zero_point
    return pack_values(values, word_of(network.input_range)[0])


def unpack(beats: npt.NDArray[np.uint8], network: Network) -> NetworkOutputs:
    """What left, shape (N, output_beats, output_bytes or more), least significant byte first."""
    size = output_bytes(network)
    limits = network.output_range
    words = np.zeros((*beats.shape[:2], 8), np.uint8)
    words[..., 8 - size :] = beats[..., :size]
    signed = limits.signed
    shift = 8 * (8 - size)
    if signed:
        values = words.view("<i8")[..., 0] >> shift
    else:
        values = (words.view("<u8")[..., 0] >> np.uint64(shift)).astype(np.int64)
    channels, height, width = network.output_shape
    count = channels * height * width
    pixels = values[:, :count].reshape(len(values), height, width, channels)
    y = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)) + network.output_zero_point
    return NetworkOutputs(y=y, label=values[:, count] if network.classifies else None)
