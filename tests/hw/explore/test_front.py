"""The front, against its definition."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.explore.front import chip_area, fronts, pareto, size_of
from sw.auto import BRAM_COST, DSP_COST
from tests.hw.explore.rows import point, row


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9))))
def test_the_front_is_what_nothing_beats(rows):
    front = pareto(rows, lambda r: r[0], lambda r: r[1])
    assert len(set(front)) == len(front)
    assert set(front) == {
        (cost, gain)
        for cost, gain in rows
        if not any(c <= cost and g >= gain and (c, g) != (cost, gain) for c, g in rows)
    }
    assert front == sorted(front)


def test_area_of_a_chip_prices_what_is_no_table():
    area = {"lut4_eq": 100, "dsp": 2, "bram": 3}
    assert chip_area(area) == 100 + 2 * DSP_COST + 3 * BRAM_COST
    assert size_of({"area": {"lut4_eq": None, "um2": 7.5, "gates": 3}}) == 7.5
    assert size_of({"area": {"lut4_eq": None, "um2": None, "gates": None}}) is None


def test_weights_that_never_change_are_no_rivals_of_those_that_do():
    rows = [
        row(point(strategy=name), size=size) for name, size in (("constant", 9), ("direct", 99))
    ]
    assert fronts(rows) == rows


def test_targets_and_widths_have_fronts_of_their_own():
    rows = [
        row(point(a=1), size=10, rate=0.1),
        row(point(a=2), size=20, rate=0.05),
        row(point(a=3, target="ice40"), size=30, rate=0.05),
        row(point(a=4, input_bits=12), size=40, rate=0.01),
        row(point(a=5), size=1, rate=1.0) | {"state": "failed"},
    ]
    assert [one["settings"]["a"] for one in fronts(rows)] == [1, 3, 4]


@pytest.mark.parametrize("settings", [{}, {"input_bits": 8}])
def test_no_rows_no_front(settings):
    assert fronts([row(point(**settings)) | {"state": "impossible"}]) == []
