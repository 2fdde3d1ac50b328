"""Images to the bulk bench's input file, and its output file back to integers.

What a beat looks like is :mod:`sw.packing`'s; here are the files, some megabytes at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from sw.config import EngineConfig
from sw.images import Images
from sw.numeric import IntArray
from sw.packing import output_beats, output_bytes, pack_images, pack_weights, unpack_output

__all__ = ["decode_output", "output_file_bytes", "write_input", "write_weights"]

_BYTES_AT_ONCE = 1 << 24


def write_input(images: Images, config: EngineConfig, path: Path) -> None:
    """Write the bench's input file: pixels most significant byte first, as ``$fread`` has it."""
    step = max(1, _BYTES_AT_ONCE // (32 * max(images[0].size, 1)))
    with path.open("wb") as file:
        for start in range(0, len(images), step):
            packed = pack_images(images[start : start + step], config)
            file.write(np.ascontiguousarray(packed[..., ::-1]).data)


def write_weights(sets: Iterable[IntArray], config: EngineConfig, path: Path) -> None:
    """Write the bench's file of weights: one set after the other, bytes as in the input file."""
    with path.open("wb") as file:
        for weight in sets:
            file.write(pack_weights(weight, config)[:, ::-1].tobytes())


def _file_stride(config: EngineConfig) -> int:
    """Bytes of a beat in the bench's output file: whole 32-bit words."""
    return -(-output_bytes(config) // 4) * 4


def output_file_bytes(frames: int, config: EngineConfig) -> int:
    """Bytes of the bench's output file for so many frames."""
    return frames * output_beats(config) * _file_stride(config)


def _parts(path: Path, frames: int, frame_bytes: int) -> Iterator[tuple[slice, bytes]]:
    """A file's frames, some at a time, as (which frames, their bytes)."""
    step = max(1, _BYTES_AT_ONCE // frame_bytes)
    with path.open("rb") as file:
        for start in range(0, frames, step):
            part = slice(start, min(start + step, frames))
            yield part, file.read((part.stop - start) * frame_bytes)


def decode_output(path: Path, frames: int, config: EngineConfig) -> IntArray:
    """Read the bench's output file: beats of whole 32-bit words, least significant first.

    Parameters
    ----------
    path : Path
        Holds exactly ``frames`` frames.

    Returns
    -------
    IntArray, shape (frames, K, OH, OW)
    """
    beats, stride = output_beats(config), _file_stride(config)
    result = np.empty((frames, *config.layer.output_shape), np.int64)
    for part, data in _parts(path, frames, beats * stride):
        words = np.frombuffer(data, np.uint8).reshape(-1, beats, stride)
        result[part] = unpack_output(words, config)
    return result
