"""Rows of two sweeps are compared but for who made them, and when."""

from hw.explore.scaling import unlike
from hw.explore.space import Point
from tests.hw.explore.rows import row


def rows(count):
    return [row(Point.of({"table.entries": n}), size=100 + n) for n in range(1, count + 1)]


def test_equal_rows_in_another_order_made_by_others():
    others = [r | {"worker": "elsewhere:1", "seconds": {"build": 9.0}} for r in reversed(rows(3))]
    assert unlike(rows(3), others) == []


def test_what_differs_or_is_missing_on_either_side_is_named():
    assert unlike(rows(3), rows(2)) == ["table.entries=3"]
    assert unlike(rows(2), rows(3)) == ["table.entries=3"]
    changed = rows(2)
    changed[0]["cycles"] = -1
    assert unlike(rows(2), changed) == ["table.entries=1"]
