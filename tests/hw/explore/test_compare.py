"""Which engine is the smallest at each rate, and by how much."""

from hw.explore.compare import choices, contests, kind_of, tables
from tests.hw.explore.rows import point, row

ROWS = [
    row(point(strategy="direct", input_bits=8), size=300, rate=1.0),
    row(point(strategy="value_table", input_bits=8), size=200, rate=0.995),
    row(point(strategy="value_table", fold__kernels=7, input_bits=8), size=120, rate=0.2),
    row(point(strategy="direct", fold__kernels=7, input_bits=8), size=100, rate=0.2),
    row(point(strategy="direct", bank="serial", input_bits=8), size=150, rate=0.3),
    row(point(strategy="direct", input_bits=4), size=50, rate=0.9),
    row(point(strategy="direct", input_bits=8, fold__taps=9), size=1, rate=2) | {"state": "failed"},
]


EIGHT = "ecp5, 8 bits"


def found():
    return {(c.group, c.rate): c for c in contests(ROWS)}


def test_one_for_each_rate_of_a_front_and_rates_nearly_alike_are_one():
    assert list(found()) == [(EIGHT, 0.995), (EIGHT, 0.3), (EIGHT, 0.2), ("ecp5, 4 bits", 0.9)]


def test_the_smallest_of_each_kind_that_is_fast_enough():
    contest = found()[EIGHT, 0.2]
    assert [kind_of(row) for row in contest.smallest] == [
        "direct",
        "value_table",
        "direct, serial bank",
    ]
    assert [contest.times(row) for row in contest.smallest] == [1, 1.2, 1.5]
    assert [kind_of(row) for row in found()[EIGHT, 0.995].smallest] == ["value_table", "direct"]


def test_what_auto_took_is_held_against_what_could_be_chosen():
    auto = row(point(strategy="auto", auto__rate=0.15, input_bits=8), size=110, rate=0.2)
    fixed = row(point(strategy="constant", input_bits=8), size=10, rate=1.0)
    rows = [*ROWS, fixed, auto | {"chosen": "value_table, fold 7 x 1 (some 1 LUT4-eq): because"}]
    (choice,) = choices(rows)
    assert choice.smallest is ROWS[3]
    assert choice.times == 1.1
    assert "| 8 | 0.15 | value_table, fold 7 x 1, 110 LUT4-eq | 1.10: direct " in tables(rows)
    assert kind_of(rows[-1]) == "value_table"
    assert kind_of(auto) == "auto"


def test_markdown():
    routed = row(point(strategy="direct", target="asic"), rate=0.25, fmax_mhz=99.6, target="asic")
    routed["area"] |= {"lut4_eq": None, "dsp": None, "bram": None, "um2": 1234.5}
    text = tables([*ROWS, routed])
    assert text.startswith("### ecp5, 8 bits\n\n| pixels a cycle |")
    assert "\n| 0.2 | direct `fold.kernels=7` | 100 LUT4-eq | value_table 1.20, " in text
    assert text.endswith("\n| 0.25 | direct | 1,234 um2, 100 MHz | none |\n")
    assert tables([]) == ""
