"""Images to the stream's bytes, and its output words back to integers.

The streams carry one pixel a beat, channel 0 in the low bits; one output position a beat, kernel 0
in the low bits; one weight a beat. All are rounded up to whole bytes. All of it is vectorised: the
words of a thousand frames take well under a second.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .config import EngineConfig
from .images import Images
from .numeric import IntArray
from .registers import weight_writes

__all__ = [
    "input_bytes",
    "output_beats",
    "output_bytes",
    "pack_images",
    "pack_values",
    "pack_weights",
    "unpack_output",
    "weight_bytes",
]

_WORD_BITS = 57
"""Widest field that an unaligned 64-bit load holds whatever bit of its first byte it starts at."""


def input_bytes(config: EngineConfig) -> int:
    """Bytes of ``s_axis.tdata``."""
    return -(-config.layer.channels * config.layer.input_format.bits // 8)


def _output_bits(config: EngineConfig) -> int:
    """Bits of one kernel's output word."""
    return max(config.output_range.bits, 1)


def output_bytes(config: EngineConfig) -> int:
    """Bytes of ``m_axis.tdata``."""
    return -(-config.layer.kernels * _output_bits(config) // 8)


def output_beats(config: EngineConfig) -> int:
    """Output beats of a frame, ``OH * OW``."""
    _, rows, columns = config.layer.output_shape
    return rows * columns


def pack_images(images: Images, config: EngineConfig) -> npt.NDArray[np.uint8]:
    """Pixels as they travel: shape (N, H * W, input_bytes), least significant byte first.

    Parameters
    ----------
    images : Images, shape (N, C, H, W)
    """
    return pack_values(images, config.layer.input_format.bits)


def pack_values(images: npt.NDArray[np.integer], bits: int) -> npt.NDArray[np.uint8]:
    """As :func:`pack_images`, of values of so many bits, 16 at most."""
    count, channels, height, width = images.shape
    pixels = images.transpose(0, 2, 3, 1).reshape(count, height * width, channels)
    words = np.ascontiguousarray(pixels.astype("<i4")).view(np.uint8)
    words = words.reshape(count, height * width, channels, 4)
    if bits == 8:
        return np.ascontiguousarray(words[..., 0])
    fields = np.unpackbits(words[..., :2], axis=-1, bitorder="little")[..., :bits]
    flat = fields.reshape(count, height * width, channels * bits)
    return np.packbits(flat, axis=-1, bitorder="little")


def weight_bytes(config: EngineConfig) -> int:
    """Bytes of ``s_weight.tdata``."""
    return -(-config.layer.weight_format.bits // 8)


def pack_weights(weight: npt.ArrayLike, config: EngineConfig) -> npt.NDArray[np.uint8]:
    """A set of weights as it travels: shape (C * L * kh * kw, weight_bytes), low byte first.

    In the order of the window's addresses, (C, L, kh, kw); sign bits fill the last byte.

    Parameters
    ----------
    weight : array of int, shape (L, C, kh, kw)

    Raises
    ------
    SpecError
        As :func:`sw.registers.weight_writes`.
    """
    words = np.array([data for _, data in weight_writes(config, weight)], "<u4")
    return words.view(np.uint8).reshape(-1, words.itemsize)[:, : weight_bytes(config)].copy()


def unpack_output(beats: npt.NDArray[np.uint8], config: EngineConfig) -> IntArray:
    """Output beats to integers.

    Parameters
    ----------
    beats : array of bytes, shape (N, OH * OW, bytes of a beat or more)
        Least significant byte first; bytes beyond ``m_axis.tdata`` are ignored.

    Returns
    -------
    IntArray, shape (N, K, OH, OW)
    """
    frames, positions, stride = beats.shape
    bits, signed = _output_bits(config), config.output_range.signed
    assert bits <= _WORD_BITS, f"an output word of {bits} bits"
    buffer = np.zeros(beats.size + 8, np.uint8)  # the last load may reach past the end
    buffer[: beats.size] = beats.reshape(-1)
    result = np.empty((frames, config.layer.kernels, positions), np.int64)
    for kernel in range(config.layer.kernels):
        byte, bit = divmod(kernel * bits, 8)
        strides = (positions * stride, stride)
        words = np.ndarray((frames, positions), "<i8", buffer, offset=byte, strides=strides)
        # To the top of the word, so that the shift back extends the sign.
        left = np.left_shift(words, 64 - bits - bit)
        if signed:
            result[:, kernel] = left >> (64 - bits)
        else:
            result[:, kernel] = (left.view(np.uint64) >> np.uint64(64 - bits)).view(np.int64)
    return result.reshape(frames, *config.layer.output_shape)
