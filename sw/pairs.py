"""The paper's statistics of operand pairs: how often the same product is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from .numeric import IntArray
from .spec import Padding

__all__ = ["REPEAT_BINS", "PairStatistics", "pair_statistics"]

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
    """Pairs in each of the bins, from inputs by cell (x, c) and kernels by cell (c, w).

    In 32 bits where the counts fit, four times faster. A matrix product of floats would start
    threads, which for so little takes longer than the product.
    """
    firsts = [first for first, _ in REPEAT_BINS]
    bins = np.zeros(len(REPEAT_BINS), dtype=np.int64)
    largest = int(found.sum(axis=1).max(initial=0)) * int(kernels.max(initial=0))
    word = np.int32 if largest <= np.iinfo(np.int32).max else np.int64
    inputs, factors = found.astype(word), kernels.astype(word)
    step = max(1, _PAIRS_AT_ONCE // kernels.shape[1])
    for start in range(0, len(inputs), step):
        counts = np.einsum("xc,cw->xw", inputs[start : start + step], factors)
        pairs = np.bincount(counts.ravel(), minlength=firsts[-1] + 1)  # by how often they occur
        bins += np.add.reduceat(pairs, firsts)
    return bins
