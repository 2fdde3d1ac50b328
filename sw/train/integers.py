"""A quantised network in integers alone: what is exported, and what its layers compute.

Every scale is a power of two, so a layer's integers are exact in any arithmetic that holds them,
and requantising is a shift.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sw.numeric import IntArray, IntRange, requantise

__all__ = ["ACTIVATION", "EXACT", "IntegerLayer", "IntegerNetwork"]

ACTIVATION = IntRange(0, 255)
"""What an activation can be: uint8 with zero point 0, as a pixel."""
EXACT = 1 << 24
"""Float32 holds all integers up to here: onnxruntime sums in it, so no sum may be larger."""


@dataclass(frozen=True, kw_only=True, eq=False)
class IntegerLayer:
    """A convolution or dense layer, with what follows it.

    Parameters
    ----------
    weight : IntArray, shape (K, C, kh, kw), or (K, F) of a dense layer
    bias : IntArray, shape (K,)
        In units of the accumulator.
    frac : IntArray, shape (K,)
        A weight of kernel k is in units of ``2**-frac[k]``.
    input_frac : int
        Inputs are in units of ``2**-input_frac``.
    output_frac : int, optional
        The same of outputs, after a ReLU; None: the layer puts out its accumulators.
    pool : bool
        Whether a 2x2 maximum follows.

    Raises
    ------
    ValueError
        If an accumulator may not be exact in float32, or an output's unit is below its own.
    """

    weight: IntArray
    bias: IntArray
    frac: IntArray
    input_frac: int
    output_frac: int | None = None
    pool: bool = False

    def __post_init__(self) -> None:
        rows = np.abs(self.weight).reshape(len(self.weight), -1).sum(axis=1)
        largest = int((rows * ACTIVATION.hi + np.abs(self.bias)).max())
        if largest > EXACT:
            raise ValueError(f"an accumulator may reach {largest}, above {EXACT}")
        if self.output_frac is not None and self.shifts.min() < 0:
            raise ValueError(f"shifts must be 0 or more, not {self.shifts.min()}")

    @property
    def shifts(self) -> IntArray:
        """Bits by which each kernel's accumulator is shifted to the right, shape (K,)."""
        assert self.output_frac is not None
        return self.input_frac + self.frac - self.output_frac

    @property
    def shift(self) -> int:
        """The largest of :attr:`shifts`, for a requantiser with one shift for all kernels."""
        return int(self.shifts.max())

    @property
    def scale(self) -> IntArray:
        """That requantiser's factors, powers of two, shape (K,)."""
        return np.int64(1) << (self.shift - self.shifts)

    def accumulate(self, x: IntArray) -> IntArray:
        """Accumulators of inputs (N, C, H, W) or (N, F)."""
        if self.weight.ndim == 2:
            return x.reshape(len(x), -1) @ self.weight.T + self.bias
        windows = np.lib.stride_tricks.sliding_window_view(x, self.weight.shape[2:], axis=(2, 3))
        sums = np.tensordot(windows, self.weight, axes=((1, 4, 5), (1, 2, 3)))
        return sums.transpose(0, 3, 1, 2) + self.bias[:, np.newaxis, np.newaxis]

    def run(self, x: IntArray) -> IntArray:
        """What the layer puts out: activations, or accumulators of the last layer."""
        sums = self.accumulate(x)
        if self.output_frac is None:
            return sums
        scale = self.scale.reshape(-1, *[1] * (sums.ndim - 2))
        y = requantise(sums, scale=scale, shift=self.shift, limits=ACTIVATION)
        return _maximum(y) if self.pool else y


@dataclass(frozen=True, kw_only=True, eq=False)
class IntegerNetwork:
    """Layers one after another; the last one's accumulators are the logits.

    Parameters
    ----------
    input_shape : (C, H, W)
    layers : tuple of IntegerLayer
    """

    input_shape: tuple[int, int, int]
    layers: tuple[IntegerLayer, ...]

    def run(self, images: npt.NDArray[np.uint8]) -> list[IntArray]:
        """What every layer puts out for images (N, C, H, W)."""
        outputs: list[IntArray] = [images.astype(np.int64)]
        for layer in self.layers:
            outputs.append(layer.run(outputs[-1]))
        return outputs[1:]


def _maximum(y: IntArray) -> IntArray:
    """2x2 maxima of (N, K, H, W); an odd last row or column is left out."""
    rows, columns = y.shape[2] // 2 * 2, y.shape[3] // 2 * 2
    blocks = y[:, :, :rows, :columns].reshape(*y.shape[:2], rows // 2, 2, columns // 2, 2)
    return blocks.max(axis=(3, 5))
