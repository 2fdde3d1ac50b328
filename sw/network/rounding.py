"""Requantisers in integers that give what another arithmetic gives, proved over all inputs.

What a model file says of a requantiser is a function of the exact sum that never falls: a product
in floats, rounded, clipped. Such a function is its **thresholds**: the least sum that gives at
least v, for each output v. Ours, ``round_half_even(sum * m)`` with ``m = multiplier / 2**shift``,
meets threshold t of v, and no sum below it does, exactly if

    t * m >= v - 1/2    and    (t - 1) * m < v - 1/2

(where v is odd a tie rounds down, to even: ``>`` and ``<=``). So each threshold bounds m from both
sides, the bounds are fractions, and any m within all of them gives the same output for **every**
sum of the proven range. :func:`fit` takes the one with the fewest bits. If there is none it takes
the best it finds, and counts the sums for which the output differs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from sw.numeric import IntArray, IntRange

from .graph import MAX_MULTIPLIER_BITS, MAX_SHIFT

__all__ = ["Factor", "Steps", "fit", "thresholds"]

Steps = Callable[[IntArray], IntArray]
"""From exact sums to outputs before the clip; never falls."""

_FALLBACK_BITS = 24
"""Of the multiplier where no factor is exact: as many as a float32 has."""


@dataclass(frozen=True, kw_only=True)
class Factor:
    """``multiplier / 2**shift``, and how far it is from what it stands for.

    Parameters
    ----------
    multiplier, shift : int
    differing : int
        Sums of the proven range whose output differs; 0: proved equal for all.
    steps : int
        The largest difference of an output.
    """

    multiplier: int
    shift: int
    differing: int = 0
    steps: int = 0


def thresholds(function: Steps, sums: IntRange, outputs: IntRange) -> IntArray:
    """The least sum of ``sums`` whose output is at least v, for v in ``outputs.lo + 1 .. hi``.

    ``sums.hi + 1`` where none is.
    """
    wanted = np.arange(outputs.lo + 1, outputs.hi + 1, dtype=np.int64)
    low = np.full(wanted.shape, sums.lo, np.int64)
    high = np.full(wanted.shape, sums.hi + 1, np.int64)
    while (low < high).any():
        middle = (low + high) >> 1
        reached = function(middle) >= wanted
        high = np.where(reached, np.minimum(middle, high), high)
        low = np.where(reached, low, np.minimum(middle + 1, high))
    return low


@dataclass(frozen=True)
class _Interval:
    """Factors from ``low`` to ``high``; an open side is itself out."""

    low: Fraction = Fraction(0)
    high: Fraction = Fraction(1 << 62)
    low_open: bool = False
    high_open: bool = False

    def __and__(self, other: _Interval) -> _Interval:
        low = max((self.low, self.low_open), (other.low, other.low_open))
        high = min((self.high, not self.high_open), (other.high, not other.high_open))
        return _Interval(low[0], high[0], low[1], not high[1])

    def __contains__(self, factor: Fraction) -> bool:
        above = factor > self.low or (factor == self.low and not self.low_open)
        return above and (factor < self.high or (factor == self.high and not self.high_open))

    @property
    def empty(self) -> bool:
        """Whether no factor is in it."""
        return self.low > self.high or (self.low == self.high and (self.low_open or self.high_open))

    def dyadic(self, max_shift: int) -> tuple[int, int] | None:
        """(multiplier, shift) with the smallest shift; None if there is none in 32 bits."""
        for shift in range(max_shift + 1):
            scaled = self.low * (1 << shift)
            multiplier = -(-scaled.numerator // scaled.denominator)
            multiplier += int(multiplier == scaled and self.low_open)
            if multiplier.bit_length() > MAX_MULTIPLIER_BITS:
                return None
            if Fraction(multiplier, 1 << shift) in self:
                return multiplier, shift
        return None


_NOTHING = _Interval(Fraction(1), Fraction(0))


def _meeting(steps: IntArray, sums: IntRange, outputs: IntRange) -> _Interval:
    """All factors, not negative, that have these thresholds."""
    found = _Interval()
    for index, threshold in enumerate(steps.tolist()):
        value = outputs.lo + 1 + index
        half, odd = Fraction(2 * value - 1, 2), value % 2 != 0
        if threshold <= sums.hi:
            found &= _side(threshold, half, reaches=True, strict=odd)
        if threshold > sums.lo:
            found &= _side(threshold - 1, half, reaches=False, strict=not odd)
    return found


def _side(total: int, half: Fraction, *, reaches: bool, strict: bool) -> _Interval:
    """The factors m with ``total * m >= half``, or ``<=`` where it does not reach it."""
    if total == 0:
        return _Interval() if (half < 0) == reaches else _NOTHING
    if reaches == (total > 0):
        return _Interval(low=half / total, low_open=strict)
    return _Interval(high=half / total, high_open=strict)


def _ours(factor: tuple[int, int], sums: IntRange, outputs: IntRange) -> IntArray:
    """The thresholds of ``round_half_even(sum * multiplier / 2**shift)``, as :func:`thresholds`."""
    multiplier, shift = factor
    found: list[int] = []
    for value in range(outputs.lo + 1, outputs.hi + 1):
        double = (2 * value - 1) << shift  # 2 * sum * multiplier >= double, or > where v is odd
        if multiplier == 0:
            reached = double < 0
            found.append(sums.lo if reached else sums.hi + 1)
            continue
        divisor = 2 * multiplier
        least = double // divisor + 1 if value % 2 else -(-double // divisor)
        found.append(min(max(least, sums.lo), sums.hi + 1))
    return np.array(found, np.int64)


def _compare(theirs: IntArray, ours: IntArray) -> tuple[int, int]:
    """(sums whose outputs differ, the largest difference), from both functions' thresholds."""
    at = np.concatenate([theirs, ours])
    change = np.concatenate([np.ones_like(theirs), -np.ones_like(ours)])
    order = np.argsort(at, kind="stable")
    at, difference = at[order], np.abs(np.cumsum(change[order]))
    widths = np.diff(at, append=at[-1:])
    holds = widths > 0
    most = int(difference[holds].max()) if holds.any() else 0
    return int(widths[holds & (difference > 0)].sum()), most


def _nearest(factor: Fraction, max_shift: int) -> tuple[int, int]:
    """A factor as a multiplier of :data:`_FALLBACK_BITS` bits, if the shift allows, and a shift."""
    shift = 0
    while shift < max_shift and factor * (1 << (shift + 1)) < 1 << _FALLBACK_BITS:
        shift += 1
    multiplier = min(round(factor * (1 << shift)), (1 << MAX_MULTIPLIER_BITS) - 1)
    while shift and multiplier % 2 == 0:
        multiplier, shift = multiplier // 2, shift - 1
    return multiplier, shift


def _is_power_of_two(factor: Fraction) -> bool:
    return factor > 0 and factor.numerator.bit_count() == factor.denominator.bit_count() == 1


def _factor(interval: _Interval, real: Fraction, max_shift: int) -> tuple[int, int] | None:
    """What to take of an interval: the real factor if a power of two, or the smallest shift."""
    if interval.empty:
        return None
    if _is_power_of_two(real) and real in interval:
        multiplier, shift = real.numerator, real.denominator.bit_length() - 1
        if shift <= max_shift and multiplier.bit_length() <= MAX_MULTIPLIER_BITS:
            return multiplier, shift
    return interval.dyadic(max_shift)


def fit(
    functions: Sequence[Steps],
    reals: Sequence[Fraction],
    sums: Sequence[IntRange],
    outputs: IntRange,
    *,
    max_shift: int = MAX_SHIFT,
) -> tuple[Factor, ...]:
    """For each kernel the factor whose rounding gives what its function gives.

    Kernels of one real factor get one factor where that is exact for all of them.

    Parameters
    ----------
    functions : sequence of callable
        What is to be met: outputs of an array of sums, before the clip into ``outputs``.
    reals : sequence of Fraction
        About the factors, not negative; taken where no factor is exact.
    sums : sequence of IntRange
        Every sum that can be; the proof is over all of them.
    outputs : IntRange
        What the output is clipped into.
    max_shift : int

    Returns
    -------
    tuple of Factor
        With ``differing == 0`` the outputs are equal for every sum.
    """
    theirs = [
        thresholds(function, limits, outputs)
        for function, limits in zip(functions, sums, strict=True)
    ]
    intervals = [
        _meeting(steps, limits, outputs) for steps, limits in zip(theirs, sums, strict=True)
    ]
    shared: dict[Fraction, _Interval] = {}
    for real, interval in zip(reals, intervals, strict=True):
        shared[real] = shared.get(real, _Interval()) & interval
    together = {real: _factor(interval, real, max_shift) for real, interval in shared.items()}
    found: list[Factor] = []
    for steps, interval, real, limits in zip(theirs, intervals, reals, sums, strict=True):
        exact = together[real] or _factor(interval, real, max_shift)
        if exact is not None:
            found.append(Factor(multiplier=exact[0], shift=exact[1]))
            continue
        nearest = _nearest(real, max_shift)
        differing, most = _compare(steps, _ours(nearest, limits, outputs))
        found.append(
            Factor(multiplier=nearest[0], shift=nearest[1], differing=differing, steps=most)
        )
    return tuple(found)
