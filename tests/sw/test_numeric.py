"""Formats, ranges, rounding and saturation against Python's exact numbers."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sw.numeric import (
    FIXED8_INPUT,
    FixedFormat,
    IntRange,
    requantise,
    round_half_even_shift,
    saturate,
)

INT64 = st.integers(-(2**63), 2**63 - 1)
NUMBERS = st.integers(-(2**40), 2**40)


@st.composite
def ranges(draw):
    lo = draw(NUMBERS)
    return IntRange(lo, draw(st.integers(lo, lo + 2**20)))


@st.composite
def members(draw):
    found = draw(ranges())
    return found, draw(st.integers(found.lo, found.hi))


@given(ranges())
def test_a_range_has_the_narrowest_word(found):
    def fits(bits):
        word = IntRange.of_bits(bits, signed=found.signed) if bits else IntRange(0, 0)
        return word.lo <= found.lo and found.hi <= word.hi

    assert fits(found.bits)
    assert found.bits == int(found.signed) or not fits(found.bits - 1)


@pytest.mark.parametrize(
    ("lo", "hi", "bits"),
    [(0, 0, 0), (0, 1, 1), (-1, 0, 1), (-1, 1, 2), (0, 255, 8), (-128, 127, 8), (-129, 0, 9)],
)
def test_words(lo, hi, bits):
    assert IntRange(lo, hi).bits == bits


@given(members(), members(), NUMBERS)
def test_arithmetic_of_ranges_holds_that_of_members(first, second, factor):
    (a, x), (b, y) = first, second
    assert (a + b).contains(x + y)
    assert (-a).contains(-x)
    assert (a * b).lo <= x * y <= (a * b).hi
    assert a.scaled(factor).lo <= x * factor <= a.scaled(factor).hi
    assert a.union(b).contains([x, y])
    assert IntRange.union_of([a, b]) == a.union(b)


@given(ranges(), ranges())
def test_bounds_of_ranges_are_reached(a, b):
    corners = [x * y for x in (a.lo, a.hi) for y in (b.lo, b.hi)]
    assert a * b == IntRange(min(corners), max(corners))
    assert a + b == IntRange(a.lo + b.lo, a.hi + b.hi)


def test_contains():
    found = IntRange(-1, 3)
    assert found.contains([])
    assert found.contains(np.array([-1, 3], np.int8))
    assert not found.contains(4)
    assert not found.contains(-2)
    assert not found.contains(np.array([2**64 - 1], np.uint64))


def test_no_ranges_are_zero():
    assert IntRange.union_of([]) == IntRange(0, 0)


def test_an_empty_range_is_refused():
    with pytest.raises(ValueError, match=r"^range 3\.\.2 is empty$"):
        IntRange(3, 2)


@pytest.mark.parametrize("bits", [3, 17])
def test_formats_are_4_to_16_bits(bits):
    with pytest.raises(ValueError, match=f"^bits must be 4 to 16, not {bits}$"):
        FixedFormat(bits=bits, frac=0, signed=True)


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("frac", [-3, 0, 8, 20])
@pytest.mark.parametrize("bits", [4, 16])
def test_every_word_survives_the_real_numbers(bits, frac, signed):
    form = FixedFormat(bits=bits, frac=frac, signed=signed)
    words = np.arange(form.range.lo, form.range.hi + 1)
    assert len(words) == 2**bits
    assert np.array_equal(form.quantise(form.to_real(words)), words)
    assert form.to_real(1) == form.step == 2.0**-frac


def test_quantise_rounds_half_to_even_and_saturates():
    form = FixedFormat(bits=8, frac=1, signed=True)
    reals = [0.25, 0.75, 1.25, -0.25, -0.75, 63.4, 64, np.inf, -64.2, -np.inf]
    assert form.quantise(reals).tolist() == [0, 2, 2, 0, -2, 127, 127, 127, -128, -128]


def test_the_papers_format_is_one_step_short_of_one():
    assert FIXED8_INPUT.quantise([-1, 0, 0.5, 1]).tolist() == [0, 0, 128, 255]


@given(st.lists(INT64, min_size=1), st.integers(0, 63))
def test_shifts_round_half_to_even(values, shift):
    expected = [round(Fraction(value, 2**shift)) for value in values]
    assert round_half_even_shift(values, shift).tolist() == expected


@given(st.integers(-(2**30), 2**30), st.integers(1, 20))
def test_ties_go_to_even(whole, shift):
    value = (2 * whole + 1) << (shift - 1)
    result = round_half_even_shift(value, shift).item()
    assert result % 2 == 0
    assert abs(result * 2**shift - value) == 2 ** (shift - 1)


@pytest.mark.parametrize("shift", [-1, 64])
def test_other_shifts_are_refused(shift):
    with pytest.raises(ValueError, match=f"^shift must be 0 to 63, not {shift}$"):
        round_half_even_shift([1], shift)


def test_a_shift_by_zero_is_a_copy():
    values = np.array([1, 2])
    round_half_even_shift(values, 0)[0] = 9
    assert values.tolist() == [1, 2]


@given(st.lists(INT64, min_size=1), ranges())
def test_saturation(values, limits):
    expected = [min(max(value, limits.lo), limits.hi) for value in values]
    assert saturate(values, limits).tolist() == expected


@given(
    st.lists(st.integers(-(2**46), 2**46), min_size=1),
    st.integers(0, 65535),
    st.integers(0, 47),
    st.integers(1, 32),
    st.booleans(),
)
def test_requantisation(values, scale, shift, bits, signed):
    limits = IntRange.of_bits(bits, signed=signed)
    rounded = [round(Fraction(value * scale, 2**shift)) for value in values]
    expected = [min(max(value, limits.lo), limits.hi) for value in rounded]
    assert requantise(values, scale=scale, shift=shift, limits=limits).tolist() == expected


def test_a_scale_a_kernel():
    accumulators = np.full((1, 2, 1, 2), 10)
    scales = np.array([1, 3])[:, None, None]
    limits = IntRange(-128, 127)
    result = requantise(accumulators, scale=scales, shift=2, limits=limits)
    assert result.tolist() == [[[[2, 2]], [[8, 8]]]]
