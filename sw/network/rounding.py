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

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from sw.numeric import IntArray, IntRange, round_half_even_shift

from .graph import MAX_MULTIPLIER_BITS, MAX_SHIFT

__all__ = ["Factor", "Steps", "compare", "fit", "thresholds"]

Steps = Callable[[IntArray], npt.NDArray[Any]]
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


def thresholds(
    function: Steps, sums: IntRange, outputs: IntRange, *, about: float = 0.0
) -> IntArray:
    """The least sum of ``sums`` whose output is at least v, for v in ``outputs.lo + 1 .. hi``.

    ``sums.hi + 1`` where none is. ``about``: roughly outputs a sum, from which the search starts;
    the result does not depend on it.
    """
    wanted = np.arange(outputs.lo + 1, outputs.hi + 1, dtype=np.int64)
    low = np.full(wanted.shape, sums.lo, np.int64)
    high = np.full(wanted.shape, sums.hi + 1, np.int64)

    def narrow(at: IntArray) -> None:
        nonlocal low, high
        with np.errstate(over="ignore"):  # infinity is past every threshold
            reached = function(at) >= wanted
        high = np.where(reached, np.minimum(at, high), high)
        low = np.where(reached, low, np.maximum(at + 1, low))

    if about > 0:
        guess = np.clip((wanted - 0.5) / about, sums.lo, sums.hi).astype(np.int64)
        narrow(np.maximum(guess - 2, sums.lo))
        narrow(np.minimum(guess + 2, sums.hi))
    while (low < high).any():
        narrow(np.minimum((low + high) >> 1, sums.hi))
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
    odd_halves = 2 * np.arange(outputs.lo + 1, outputs.hi + 1, dtype=np.int64) - 1
    rounds_down = odd_halves % 4 == 1  # to an odd value: a tie goes to the even one below
    reached, missed = steps <= sums.hi, steps > sums.lo
    return _sides(steps[reached], odd_halves[reached], rounds_down[reached], reach=True) & _sides(
        steps[missed] - 1, odd_halves[missed], ~rounds_down[missed], reach=False
    )


def _sides(
    totals: IntArray, halves: IntArray, strict: npt.NDArray[np.bool_], *, reach: bool
) -> _Interval:
    """The factors m with ``totals * m >= halves / 2``; not ``reach``: ``<=``; or strictly so."""
    nothing = totals == 0
    if ((halves[nothing] < 0) != reach).any():
        return _NOTHING
    below = (totals > 0) == reach
    lows, highs = below & ~nothing, ~below & ~nothing
    found = _Interval()
    for value, is_open in _extremes(totals[lows], halves[lows], strict[lows], np.max):
        found &= _Interval(low=value, low_open=is_open)
    for value, is_open in _extremes(totals[highs], halves[highs], strict[highs], np.min):
        found &= _Interval(high=value, high_open=is_open)
    return found


def _extremes(
    totals: IntArray,
    halves: IntArray,
    strict: npt.NDArray[np.bool_],
    extreme: Callable[[npt.NDArray[np.float64]], np.float64],
) -> Iterator[tuple[Fraction, bool]]:
    """The few fractions ``halves / (2 * totals)`` that may be the largest, or the smallest."""
    if not totals.size:
        return
    floats = halves / (2 * totals)
    most = extreme(floats)
    near = np.abs(floats - most) <= 1e-12 * np.abs(most)
    divisor = np.gcd(halves[near], 2 * totals[near])
    terms = [halves[near] // divisor, 2 * totals[near] // divisor, strict[near]]
    for numerator, denominator, is_open in np.unique(np.stack(terms), axis=1).T.tolist():
        yield Fraction(numerator, denominator), bool(is_open)


def _ours(factor: tuple[int, int], sums: IntRange, outputs: IntRange) -> IntArray:
    """The thresholds of ``round_half_even(sum * multiplier / 2**shift)``, as :func:`thresholds`."""
    multiplier, shift = factor
    return thresholds(
        lambda x: round_half_even_shift(x * multiplier, shift),
        sums,
        outputs,
        about=multiplier / (1 << shift),
    )


def compare(theirs: IntArray, ours: IntArray) -> tuple[int, int]:
    """(sums whose outputs differ, the largest difference) of two functions, by their thresholds."""
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
        thresholds(function, limits, outputs, about=float(real))
        for function, limits, real in zip(functions, sums, reals, strict=True)
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
        differing, most = compare(steps, _ours(nearest, limits, outputs))
        found.append(
            Factor(multiplier=nearest[0], shift=nearest[1], differing=differing, steps=most)
        )
    return tuple(found)
