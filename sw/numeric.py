"""Fixed-point formats, exact integer ranges, rounding and saturation: the one place for each.

Everything that decides a width in ``hw/`` or a value in ``sw/`` goes through here, so the two
cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = [
    "FIXED8_INPUT",
    "MAX_BITS",
    "MIN_BITS",
    "FixedFormat",
    "IntArray",
    "IntRange",
    "requantise",
    "round_half_even_shift",
    "saturate",
]

IntArray = npt.NDArray[np.int64]

MIN_BITS = 4
MAX_BITS = 16
"""Narrowest and widest operand, in bits, that the engine is built for."""


@dataclass(frozen=True)
class IntRange:
    """The closed interval of integers ``lo..hi``: interval arithmetic that proves a width.

    Sums, scalings and shifts of ranges are exact bounds of the same operation on their members,
    so a signal of :attr:`bits` bits and :attr:`signed` never overflows.

    Raises
    ------
    ValueError
        If ``lo > hi``.
    """

    lo: int
    hi: int

    def __post_init__(self) -> None:
        if self.lo > self.hi:
            raise ValueError(f"range {self.lo}..{self.hi} is empty")

    @property
    def signed(self) -> bool:
        """Whether a member can be negative."""
        return self.lo < 0

    @property
    def bits(self) -> int:
        """Bits of the narrowest two's complement (or unsigned) word that holds the range."""
        if self.signed:
            return 1 + max((-self.lo - 1).bit_length(), max(self.hi, 0).bit_length())
        return self.hi.bit_length()

    def __add__(self, other: IntRange) -> IntRange:
        return IntRange(self.lo + other.lo, self.hi + other.hi)

    def __neg__(self) -> IntRange:
        return IntRange(-self.hi, -self.lo)

    def __mul__(self, other: IntRange) -> IntRange:
        corners = [a * b for a in (self.lo, self.hi) for b in (other.lo, other.hi)]
        return IntRange(min(corners), max(corners))

    def scaled(self, factor: int) -> IntRange:
        """The range of ``factor * x``."""
        return self * IntRange(factor, factor)

    def union(self, other: IntRange) -> IntRange:
        """The smallest range that holds both."""
        return IntRange(min(self.lo, other.lo), max(self.hi, other.hi))

    def contains(self, values: npt.ArrayLike) -> bool:
        """Whether every one of ``values`` lies in the range (true for no values)."""
        array = np.asarray(values)
        return bool(array.size == 0 or (array.min() >= self.lo and array.max() <= self.hi))

    @staticmethod
    def of_bits(bits: int, *, signed: bool) -> IntRange:
        """All values of a word of ``bits`` bits."""
        if signed:
            return IntRange(-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
        return IntRange(0, (1 << bits) - 1)

    @staticmethod
    def union_of(ranges: Iterable[IntRange]) -> IntRange:
        """The smallest range that holds all ``ranges``; ``0..0`` for none."""
        found = list(ranges)
        if not found:
            return IntRange(0, 0)
        return IntRange(min(r.lo for r in found), max(r.hi for r in found))


@dataclass(frozen=True, kw_only=True)
class FixedFormat:
    """A fixed-point format: an integer word whose unit is ``2**-frac``.

    Parameters
    ----------
    bits : int
        Width of the word, 4 to 16.
    frac : int
        Fractional bits; any integer (negative: a unit above one; above ``bits``: all below one).
    signed : bool
        Two's complement if true.

    Raises
    ------
    ValueError
        If ``bits`` is out of range.
    """

    bits: int
    frac: int
    signed: bool

    def __post_init__(self) -> None:
        if not MIN_BITS <= self.bits <= MAX_BITS:
            raise ValueError(f"bits must be {MIN_BITS} to {MAX_BITS}, not {self.bits}")

    @property
    def range(self) -> IntRange:
        """The integers a word can hold."""
        return IntRange.of_bits(self.bits, signed=self.signed)

    @property
    def step(self) -> float:
        """The real value of one unit."""
        return 2.0**-self.frac

    def quantise(self, real: npt.ArrayLike) -> IntArray:
        """Nearest integers to ``real / step``, ties to even, saturated to the format."""
        units = np.rint(np.asarray(real, dtype=np.float64) / self.step)
        return np.clip(units, self.range.lo, self.range.hi).astype(np.int64)

    def to_real(self, units: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """The real values of integers of this format."""
        return np.asarray(units, dtype=np.float64) * self.step


FIXED8_INPUT = FixedFormat(bits=8, frac=8, signed=False)
"""The paper's ``fixed8`` for input values: 0..255 in units of 1/256."""


def round_half_even_shift(values: npt.ArrayLike, shift: int) -> IntArray:
    """``values / 2**shift`` rounded to the nearest integer, ties to even; exact for any int64.

    Raises
    ------
    ValueError
        If ``shift`` is not 0 to 63.
    """
    array = np.asarray(values, dtype=np.int64)
    if not 0 <= shift <= 63:
        raise ValueError(f"shift must be 0 to 63, not {shift}")
    if shift == 0:
        return array.copy()
    floor = array >> shift
    remainder = array - (floor << shift)
    half = 1 << (shift - 1)
    up = (remainder > half) | ((remainder == half) & ((floor & 1) == 1))
    return floor + up


def saturate(values: npt.ArrayLike, limits: IntRange) -> IntArray:
    """``values`` clipped into ``limits``."""
    return np.clip(np.asarray(values, dtype=np.int64), limits.lo, limits.hi)


def requantise(
    accumulator: npt.ArrayLike, *, scale: npt.ArrayLike, shift: int, limits: IntRange
) -> IntArray:
    """``saturate(round_half_even(accumulator * scale / 2**shift))``.

    Parameters
    ----------
    accumulator : array of int, shape (..., K, OH, OW) or any that ``scale`` broadcasts to
    scale : array of int
        One factor a kernel, already shaped to broadcast.
    shift : int
        Bits to the right, not negative.
    limits : IntRange
        The output format's range.
    """
    product = np.asarray(accumulator, dtype=np.int64) * np.asarray(scale, dtype=np.int64)
    return saturate(round_half_even_shift(product, shift), limits)
