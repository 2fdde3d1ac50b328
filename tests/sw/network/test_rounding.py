"""Factors are exact where they say so, and count what differs where they are not."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sw.network.rounding import Factor, fit, thresholds
from sw.numeric import IntRange, requantise

BYTE = IntRange(0, 255)


def float_steps(scale):
    """As onnxruntime: the sum as float32, times a float32, rounded half to even."""
    factor = np.float32(scale)
    return lambda sums: np.rint(sums.astype(np.float32) * factor).astype(np.int64)


def clipped(function, sums, outputs):
    return np.clip(function(sums), outputs.lo, outputs.hi)


def ours(factor, sums, outputs):
    return requantise(sums, scale=factor.multiplier, shift=factor.shift, limits=outputs)


def fit_one(function, real, sums, outputs):
    return fit([function], [Fraction(float(real))], [sums], outputs)[0]


ranges = st.tuples(st.integers(-3000, 3000), st.integers(0, 3000)).map(
    lambda pair: IntRange(pair[0], pair[0] + pair[1])
)
outputs_ = st.tuples(st.integers(-130, 10), st.integers(0, 255)).map(
    lambda pair: IntRange(pair[0], pair[0] + pair[1])
)
scales = st.one_of(st.floats(1e-4, 4.0), st.integers(-12, 2).map(lambda e: 2.0**e), st.just(1 / 3))


@settings(max_examples=300, deadline=None)
@given(scales, ranges, outputs_)
def test_every_sum_agrees_or_is_counted(scale, sums, outputs):
    function = float_steps(scale)
    factor = fit_one(function, np.float32(scale), sums, outputs)
    every = np.arange(sums.lo, sums.hi + 1)
    difference = np.abs(ours(factor, every, outputs) - clipped(function, every, outputs))
    assert factor.differing == np.count_nonzero(difference)
    assert factor.steps == difference.max()
    assert factor.steps <= 1


@given(scales, ranges, outputs_)
def test_thresholds_are_where_the_output_steps(scale, sums, outputs):
    function = float_steps(scale)
    every = np.arange(sums.lo, sums.hi + 1)
    results = clipped(function, every, outputs)
    for value, found in zip(
        range(outputs.lo + 1, outputs.hi + 1), thresholds(function, sums, outputs), strict=True
    ):
        reached = every[results >= value]
        assert found == (reached[0] if reached.size else sums.hi + 1)


@pytest.mark.parametrize("exponent", range(-20, 4))
def test_powers_of_two_are_shifts(exponent):
    """Even over a range so small that a smaller shift would do."""
    for sums in (IntRange(-5, 3), IntRange(-1_000_000, 2_000_000)):
        factor = fit_one(float_steps(2.0**exponent), 2.0**exponent, sums, BYTE)
        assert factor == Factor(multiplier=2 ** max(exponent, 0), shift=max(-exponent, 0))


def test_kernels_of_one_scale_get_one_factor():
    function, real = float_steps(0.0123), Fraction(float(np.float32(0.0123)))
    sums = [IntRange(-400, 500), IntRange(-9000, 20), IntRange(-30_000, 30_000)]
    together = fit([function] * 3, [real] * 3, sums, BYTE)
    assert len({(f.multiplier, f.shift) for f in together}) == 1
    assert fit_one(function, real, sums[0], BYTE).shift < together[0].shift
    assert all(f.differing == 0 for f in together)


def test_a_real_layers_scale_over_its_whole_range():
    sums, scale = IntRange(-4_000_000, 4_000_000), np.float32(0.00173)
    factor = fit_one(float_steps(scale), scale, sums, IntRange(-128, 127))
    assert factor.differing == 0
    every = np.arange(sums.lo, sums.hi + 1)
    expected = clipped(float_steps(scale), every, IntRange(-128, 127))
    assert np.array_equal(ours(factor, every, IntRange(-128, 127)), expected)


def test_what_no_factor_meets_is_counted():
    """Steps that are not of one slope: every third output is a sum late."""
    late = lambda sums: (sums + (sums % 30 == 0)) // 10  # noqa: E731
    function = lambda sums: np.maximum.accumulate(np.atleast_1d(late(sums - 1)))  # noqa: E731
    sums = IntRange(0, 500)
    every = np.arange(501)
    factor = fit_one(function, Fraction(1, 10), sums, BYTE)
    difference = np.abs(ours(factor, every, BYTE) - clipped(function, every, BYTE))
    assert factor.differing == np.count_nonzero(difference) > 0
    assert factor.steps == difference.max()


def test_a_constant_output_multiplies_by_nothing():
    nothing = fit_one(float_steps(0.001), 0.001, IntRange(-3, 3), BYTE)
    assert (nothing.multiplier, nothing.shift) == (0, 0)


def test_a_shift_that_must_be_small_is_counted_too():
    sums, scale = IntRange(-100_000, 100_000), np.float32(0.00123)
    function, every = float_steps(scale), np.arange(-100_000, 100_001)
    factor = fit([function], [Fraction(float(scale))], [sums], BYTE, max_shift=12)[0]
    assert factor.shift <= 12
    difference = np.abs(ours(factor, every, BYTE) - clipped(function, every, BYTE))
    assert factor.differing == np.count_nonzero(difference) > 0
