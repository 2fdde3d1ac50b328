"""Computation reuse: the model of the reuse table, and the paper's statistics of operand pairs.

:class:`TableModel` predicts the RTL's counters exactly, because everything they count but time is
decided by the values alone: each channel has its own table of input values, replaced first in,
first out, and looks up every position of the padded frame that a window covers, in raster order.

:func:`pair_statistics` counts what the paper's tables 2 and 3 count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from .config import EngineConfig
from .images import Images
from .numeric import IntArray
from .spec import Padding

__all__ = [
    "FILL_OVERHEAD_CYCLES",
    "REPEAT_BINS",
    "Counters",
    "PairStatistics",
    "TableModel",
    "fill_cycles",
    "pair_statistics",
    "predict",
    "received",
]

FILL_OVERHEAD_CYCLES = 3
"""Cycles of a miss beside its multiplications: from the refused lookup to the next one."""


@dataclass(frozen=True, kw_only=True)
class Counters:
    """The engine's counters, in the order of its registers.

    Parameters
    ----------
    frames : int
        Frames that left the engine, bad ones included.
    cycles : int, optional
        Clock cycles; None where a model without time made the others.
    multiplications_needed : int
        What the frames' outputs need without reuse, the templates' included.
    multiplications_executed : int
        What the multipliers of the table computed.
    lookups, hits, misses : int
        Of all channels' tables; ``lookups == hits + misses``.
    stall_cycles : int
        Cycles that beats waited for misses.
    frame_errors : int
        Frames that were short or long.
    """

    frames: int = 0
    cycles: int | None = None
    multiplications_needed: int = 0
    multiplications_executed: int = 0
    lookups: int = 0
    hits: int = 0
    misses: int = 0
    stall_cycles: int = 0
    frame_errors: int = 0

    def as_dict(self) -> dict[str, int | None]:
        """Names to values, in the order of the registers."""
        return asdict(self)


def fill_cycles(config: EngineConfig) -> int:
    """Cycles that one miss holds a beat: its multiplications, and the overhead."""
    products = len(config.learned) * config.layer.taps
    return -(-products // config.table.multipliers) + FILL_OVERHEAD_CYCLES


def received(images: Images, lengths: Sequence[int]) -> Images:
    """What the engine makes of frames with ``lengths`` pixels: short ones are closed with zeros.

    Parameters
    ----------
    images : Images, shape (N, C, H, W)
        What was meant to be sent. The rest of a long frame is dropped, so it need not be here.
    lengths : sequence of int
        Pixels of each frame that arrived, its last marked with ``tlast``; at least one.
    """
    if min(lengths, default=1) < 1:
        raise ValueError(f"lengths: a frame has at least 1 pixel, not {min(lengths)}")
    frames = images.reshape(*images.shape[:2], -1).copy()
    for frame, length in zip(frames, lengths, strict=True):
        frame[:, length:] = 0
    return frames.reshape(images.shape)


class _Fifo:
    """One channel's table: the last ``entries`` values that missed."""

    def __init__(self, entries: int, lo: int, hi: int) -> None:
        self._lo = lo
        self._present = bytearray(hi - lo + 1)
        self._entries = entries
        self._slots: list[int] = []
        self._oldest = 0

    def contents(self) -> list[int]:
        """The values held, by slot."""
        return [value + self._lo for value in self._slots]

    def look_up(self, values: Images) -> int:
        """Look up ``values`` (1-D) in order, remember those that miss, and count them."""
        # A value that equals the one before it hits and changes nothing: leave these out at once.
        changed = np.flatnonzero(np.diff(values)) + 1
        offsets = np.concatenate((values[:1], values[changed])).astype(np.int64) - self._lo
        present, slots = self._present, self._slots
        misses = 0
        for offset in offsets.tolist():
            if present[offset]:
                continue
            misses += 1
            present[offset] = 1
            if len(slots) < self._entries:
                slots.append(offset)
                continue
            present[slots[self._oldest]] = 0
            slots[self._oldest] = offset
            self._oldest = (self._oldest + 1) % self._entries
        return misses


class TableModel:
    """The reuse tables of an engine, fed frame by frame; entries stay from frame to frame.

    Parameters
    ----------
    config : EngineConfig
        Without learned kernels there is no table, and nothing is looked up.
    """

    def __init__(self, config: EngineConfig) -> None:
        self._config = config
        self._counters = Counters()
        self.flush()

    def flush(self) -> None:
        """Empty the tables, as any write of a weight does; the counters stay."""
        layer, limits = self._config.layer, self._config.layer.input_format.range
        channels = layer.channels if self._config.learned else 0
        entries = self._config.table.entries
        self._tables = [_Fifo(entries, limits.lo, limits.hi) for _ in range(channels)]

    @property
    def counters(self) -> Counters:
        """The counters so far; ``cycles`` is None."""
        return self._counters

    def contents(self) -> list[list[int]]:
        """The values that each channel's table holds, by slot; no channel without a table."""
        return [table.contents() for table in self._tables]

    def feed(self, images: Images, lengths: Sequence[int] | None = None) -> IntArray:
        """Send frames.

        Parameters
        ----------
        images : Images, shape (N, C, H, W)
        lengths : sequence of int, optional
            Pixels of each frame that arrive, where not all ``H * W``: see :func:`received`.

        Returns
        -------
        IntArray, shape (N,)
            Misses of each frame.
        """
        layer = self._config.layer
        errors = 0
        if lengths is not None:
            images = received(images, lengths)
            errors = sum(
                length != layer.input_shape[1] * layer.input_shape[2] for length in lengths
            )
        rows, columns = layer.padding.as_array().reshape(2, 2).T.tolist()
        covered = layer.covered
        misses = np.zeros(len(images), dtype=np.int64)
        for index, image in enumerate(images if self._tables else ()):
            padded = np.pad(image, ((0, 0), rows, columns))[:, covered]
            misses[index] = sum(
                table.look_up(values) for table, values in zip(self._tables, padded, strict=True)
            )
        self._count(frames=len(images), misses=int(misses.sum()), errors=errors)
        return misses

    def _count(self, *, frames: int, misses: int, errors: int) -> None:
        layer, old = self._config.layer, self._counters
        lookups = frames * int(layer.covered.sum()) * len(self._tables)
        products = len(self._config.learned) * layer.taps
        self._counters = Counters(
            frames=old.frames + frames,
            multiplications_needed=old.multiplications_needed
            + frames * layer.multiplications_needed,
            multiplications_executed=old.multiplications_executed + misses * products,
            lookups=old.lookups + lookups,
            hits=old.hits + lookups - misses,
            misses=old.misses + misses,
            stall_cycles=old.stall_cycles + misses * fill_cycles(self._config),
            frame_errors=old.frame_errors + errors,
        )


def predict(
    images: Images, config: EngineConfig, *, lengths: Sequence[int] | None = None
) -> Counters:
    """The counters of an engine after reset and these frames: :class:`TableModel` in one call."""
    model = TableModel(config)
    model.feed(images, lengths)
    return model.counters


REPEAT_BINS = (
    (1, 5),
    (6, 10),
    (11, 50),
    (51, 100),
    (101, 500),
    (501, 1000),
    (1001, 5000),
    (5001, 10000),
    (10001, None),
)
"""The rows of the paper's tables 2 and 3: how often a pair occurs in an image, from and to."""

_PAIRS_AT_ONCE = 1 << 22


@dataclass(frozen=True, kw_only=True, eq=False)
class PairStatistics:
    """How often operand pairs repeat, image by image.

    Parameters
    ----------
    repeats : IntArray, shape (N, len(REPEAT_BINS))
        Distinct (input value, weight value) pairs that occur so often in the image.
    multiplications : int
        Multiplications of one image: all occurrences of all pairs.
    """

    repeats: IntArray
    multiplications: int

    @property
    def distinct(self) -> IntArray:
        """Distinct pairs of each image, shape (N,): multiplications with perfect reuse."""
        return self.repeats.sum(axis=1)


def pair_statistics(
    images: npt.NDArray[np.generic],
    weight: npt.NDArray[np.generic],
    *,
    stride: tuple[int, int] = (1, 1),
    padding: Padding | None = None,
) -> PairStatistics:
    """Count distinct operand pairs and their repeats, as the paper's tables 2 and 3 do.

    Parameters
    ----------
    images : array, shape (N, C, H, W)
        Input values, of any type: equal values are one operand. Padding zeros are operands too.
    weight : array, shape (K, C, kh, kw)
    stride, padding
        Of the layer.

    Raises
    ------
    ValueError
        If the shapes do not fit one another.

    Notes
    -----
    Input value x meets weight w as often as, over the channels and cells of a kernel, x lies
    under the cell (in any window) times the number of kernels with w there: a product of two
    count matrices, without going through the multiplications.
    """
    if weight.ndim != 4 or images.ndim != 4 or images.shape[1] != weight.shape[1]:
        raise ValueError(
            f"expected images (N, C, H, W) and weight (K, C, kh, kw) of the same C, got "
            f"{images.shape} and {weight.shape}"
        )
    kernels = _kernels_by_cell_and_value(weight)
    rows, columns = (padding or Padding()).as_array().reshape(2, 2).T.tolist()
    padded = np.pad(images, ((0, 0), (0, 0), rows, columns))
    repeats = np.zeros((len(images), len(REPEAT_BINS)), dtype=np.int64)
    for row, image in zip(repeats, padded, strict=True):
        values, index = np.unique(image, return_inverse=True)
        windows = np.lib.stride_tricks.sliding_window_view(
            index.reshape(image.shape), weight.shape[2:], axis=(1, 2)
        )[:, :: stride[0], :: stride[1]]
        cells = windows.transpose(0, 3, 4, 1, 2).reshape(len(kernels), -1)
        row[:] = _repeats(_values_by_cell(cells, len(values)), kernels)
    spans = zip(padded.shape[2:], weight.shape[2:], stride, strict=True)
    positions = prod((side - kernel) // step + 1 for side, kernel, step in spans)
    return PairStatistics(repeats=repeats, multiplications=weight.size * positions)


def _kernels_by_cell_and_value(weight: npt.NDArray[np.generic]) -> IntArray:
    """Kernels that have a weight value at a cell, shape (C * kh * kw, weight values)."""
    values, index = np.unique(weight, return_inverse=True)
    cells = index.reshape(len(weight), -1).T
    return _values_by_cell(cells, len(values)).T


def _values_by_cell(index: IntArray, values: int) -> IntArray:
    """How often each value index occurs in each row of ``index``, shape (values, rows)."""
    cells = len(index)
    flat = index * cells + np.arange(cells)[:, np.newaxis]
    return np.bincount(flat.ravel(), minlength=values * cells).reshape(values, cells)


def _repeats(found: IntArray, kernels: IntArray) -> IntArray:
    """Pairs in each of the bins, from inputs by cell (x, c) and kernels by cell (c, w)."""
    firsts = np.array([first for first, _ in REPEAT_BINS])
    bins = np.zeros(len(REPEAT_BINS) + 1, dtype=np.int64)
    step = max(1, _PAIRS_AT_ONCE // kernels.shape[1])
    for start in range(0, len(found), step):
        counts = np.einsum("xc,cw->xw", found[start : start + step], kernels)
        places = np.searchsorted(firsts, counts.ravel(), side="right")  # 0: the pair never occurs
        bins += np.bincount(places, minlength=len(bins))
    return bins[1:]
