"""What turns an exact sum into a word of the next layer; the error of a network that cannot be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sw.numeric import IntArray, IntRange
from sw.spec import SpecError

__all__ = [
    "MAX_ACCUMULATOR_BITS",
    "MAX_MULTIPLIER_BITS",
    "MAX_SHIFT",
    "NetworkError",
    "Requantise",
    "require",
    "word_of",
]

MAX_MULTIPLIER_BITS = 32
MAX_SHIFT = 62
MAX_ACCUMULATOR_BITS = 32
"""Of every exact sum, as ONNX's own int32; with the multiplier it then fits 64 bits."""


class NetworkError(SpecError):
    """A network that cannot be; the message names the file or layer, the field and the remedy."""


def require(condition: bool, message: str) -> None:
    """Raise :class:`NetworkError` with ``message`` unless ``condition``."""
    if not condition:
        raise NetworkError(message)


def word_of(limits: IntRange) -> tuple[int, bool]:
    """(bits, signed) of the narrowest word that carries ``limits``; at least one bit."""
    return max(limits.bits, 1), limits.signed


@dataclass(frozen=True, kw_only=True, eq=False)
class Requantise:
    """``clamp(round_half_even(acc[k] * multiplier[k] / 2**shift), limits)``.

    One shift for all kernels, so that they differ by the multiplier alone. Where all scales are
    powers of two the multipliers are, and all 1 where the scales are equal: then there is nothing
    to multiply.

    Parameters
    ----------
    multiplier : IntArray, shape (K,)
        Unsigned, at most :data:`MAX_MULTIPLIER_BITS` bits; one a kernel (a pool: a channel).
    shift : int
        Bits to the right, 0 to :data:`MAX_SHIFT`.
    limits : IntRange
        Of the output, inclusive; any bounds. At most 16 bits. ReLU: ``limits.lo`` is 0.
    """

    multiplier: IntArray
    shift: int
    limits: IntRange

    def __post_init__(self) -> None:
        array = self.multiplier
        require(
            array.ndim == 1 and array.dtype == np.int64,
            f"requantise.multiplier: expected int64, one a kernel, got {array.dtype} {array.shape}",
        )
        require(
            IntRange.of_bits(MAX_MULTIPLIER_BITS, signed=False).contains(array),
            f"requantise.multiplier must be 0 to 2**{MAX_MULTIPLIER_BITS} - 1",
        )
        require(
            0 <= self.shift <= MAX_SHIFT,
            f"requantise.shift must be 0 to {MAX_SHIFT}, not {self.shift}",
        )
        bits, _ = word_of(self.limits)
        require(bits <= 16, f"requantise.limits: {self.limits} take {bits} bits; 16 are the most")

    @property
    def multiplies(self) -> bool:
        """Whether any multiplier is other than 1."""
        return bool((self.multiplier != 1).any())

    def product_range(self, accumulators: Sequence[IntRange]) -> IntRange:
        """Exact bounds of ``acc[k] * multiplier[k]`` over all kernels."""
        return IntRange.union_of(
            limits.scaled(int(factor))
            for limits, factor in zip(accumulators, self.multiplier, strict=True)
        )
