"""hw.pll: dividers that give exactly the clock, within the data sheets' limits."""

import re
from fractions import Fraction

import pytest

from hw.pll import Ecp5Pll, Ice40Pll, XilinxPll

GIVEN = [10, 12, 16, 25, 27, 48, 50, 100, 125]
WANTED = [*range(8, 200), Fraction(33, 2), Fraction(125, 3)]


def every(pll):
    """Each pair of frequencies that it can make, and its settings."""
    for given in map(Fraction, GIVEN):
        for wanted in map(Fraction, WANTED):
            try:
                yield given, wanted, pll(given, wanted)
            except ValueError as error:
                assert re.search("no dividers make", str(error))  # noqa: PT017


def test_known_settings():
    """What ecppll and icepll say."""
    pll = Ecp5Pll(Fraction(25), Fraction(50))
    assert (pll.input_divider, pll.feedback_divider, pll.output_divider) == (1, 2, 12)
    pll = Ecp5Pll(Fraction(48), Fraction(48))
    assert (pll.input_divider, pll.feedback_divider) == (1, 1)
    pll = Ice40Pll(Fraction(12), Fraction(24))
    assert (pll.divr, pll.divf, pll.divq, pll.filter_range) == (0, 63, 5, 1)
    pll = Ice40Pll(Fraction(100), Fraction(50))
    assert (pll.divf + 1) * 100 / (pll.divr + 1) / 2**pll.divq == 50
    assert pll.filter_range == 5 if pll.divr == 0 else pll.filter_range < 5


def test_ecp5():
    found = list(every(Ecp5Pll))
    assert len(found) > 400
    for given_mhz, wanted_mhz, pll in found:
        assert given_mhz * pll.feedback_divider / pll.input_divider == wanted_mhz
        assert 400 <= wanted_mhz * pll.output_divider <= 800
        assert wanted_mhz * pll.output_divider == pll.oscillator_mhz
        assert Fraction("3.125") <= given_mhz / pll.input_divider <= 400
        assert 1 <= pll.input_divider <= 128
        assert 1 <= pll.feedback_divider <= 80
        assert 1 <= pll.output_divider <= 128


def test_ice40():
    found = list(every(Ice40Pll))
    assert len(found) > 300
    for given_mhz, wanted_mhz, pll in found:
        detector = given_mhz / (pll.divr + 1)
        assert detector * (pll.divf + 1) / 2**pll.divq == wanted_mhz
        assert 533 <= detector * (pll.divf + 1) <= 1066
        assert detector * (pll.divf + 1) == pll.oscillator_mhz
        assert 10 <= detector <= 133
        assert 16 <= wanted_mhz <= 275
        assert (pll.divr, pll.divf) < (16, 128)
        assert 1 <= pll.divq <= 6
        limits = [10, 17, 26, 44, 66, 101, 134]
        assert limits[pll.filter_range - 1] <= detector < limits[pll.filter_range]


def test_xilinx():
    found = list(every(XilinxPll))
    assert len(found) > 200
    for given_mhz, wanted_mhz, pll in found:
        assert given_mhz * pll.multiplier / pll.output_divider == wanted_mhz
        assert 800 <= given_mhz * pll.multiplier == pll.oscillator_mhz <= 1600


@pytest.mark.parametrize("pll", [Ecp5Pll, Ice40Pll, XilinxPll])
def test_what_cannot_be_made(pll):
    with pytest.raises(ValueError, match=r"no dividers make 0\.001 MHz of 25 MHz"):
        pll(Fraction(25), Fraction(1, 1000))
    with pytest.raises(ValueError, match="no dividers make 5000 MHz of 25 MHz"):
        pll(Fraction(25), Fraction(5000))
