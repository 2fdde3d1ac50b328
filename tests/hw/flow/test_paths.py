"""hw.flow.paths: SDF read as it is, the longest paths found, and told in groups."""

from itertools import pairwise

import pytest

from hw.flow import groups, place, read_delays, synthesise, wrap
from hw.flow.paths import Delays
from tests.hw.flow.common import COUNTER, ECP5

SDF = r"""
(DELAYFILE
  (SDFVERSION "3.0")
  (CELL
    (CELLTYPE "top")
    (INSTANCE )
    (DELAY
      (ABSOLUTE
        (INTERCONNECT dut.a\[0\]_TRELLIS_FF_Q/Q dut.b_LUT4_Z/A (100:150:200) (100:150:300))
        (INTERCONNECT dut.a\[0\]_TRELLIS_FF_Q/Q dut.b_LUT4_Z/B (900:900:900) (900:900:900))
        (INTERCONNECT dut.b_LUT4_Z/F dut.c1_TRELLIS_FF_Q/DI (10:10:10) (10:10:10))
        (INTERCONNECT dut.a\[0\]_TRELLIS_FF_Q/Q dut.c2_TRELLIS_FF_Q/DI (2000:2000:2000) (1:1:1))
        (INTERCONNECT din/O dut.a\[0\]_TRELLIS_FF_Q/DI (5000:5000:5000) (5000:5000:5000))
      )
    )
  )
  (CELL
    (CELLTYPE "TRELLIS_FF")
    (INSTANCE dut.a\[0\]_TRELLIS_FF_Q)
    (DELAY
      (ABSOLUTE
        (IOPATH CLK Q (430:477:500) (430:477:500))
      )
    )
    (TIMINGCHECK
      (SETUPHOLD (posedge DI) (posedge CLK) (0:0:0) (267:285:303))
    )
  )
  (CELL
    (CELLTYPE "TRELLIS_COMB")
    (INSTANCE dut.b_LUT4_Z)
    (DELAY
      (ABSOLUTE
        (IOPATH A F (200:218:900) (200:218:900))
        (IOPATH B F (200:218:200) (200:218:200))
      )
    )
  )
  (CELL
    (CELLTYPE "TRELLIS_FF")
    (INSTANCE dut.c1_TRELLIS_FF_Q)
    (TIMINGCHECK
      (SETUPHOLD (posedge DI) (posedge CLK) (0:0:40) (267:285:303))
      (SETUPHOLD (negedge DI) (posedge CLK) (0:0:0) (267:285:303))
    )
  )
  (CELL
    (CELLTYPE "TRELLIS_FF")
    (INSTANCE dut.c2_TRELLIS_FF_Q)
    (TIMINGCHECK
      (SETUPHOLD (posedge DI) (posedge CLK) (-5:-5:-10) (267:285:303))
    )
  )
)
"""


@pytest.fixture
def sdf(tmp_path):
    path = tmp_path / "delays.sdf"
    path.write_text(SDF)
    return path


def test_the_longest_way_counts(sdf):
    (group,) = groups(read_delays(sdf), megahertz=450)
    assert (group.start, group.end) == ("a", "c#")
    assert group.slow == 1  # by way of b: 500 + 300 + 900 + 10 + 40; straight: 500 + 2000
    assert group.worst.pins[-1] == ("dut.c2_TRELLIS_FF_Q", "DI")
    assert group.worst.logic == pytest.approx(0.5)
    assert group.worst.routing == pytest.approx(2.0)


def test_wires_are_scaled(sdf):
    (group,) = groups(read_delays(sdf, wire_scale=0.25), megahertz=600)
    assert group.worst.signals == ["a", "b", "c1"]
    assert group.worst.logic == pytest.approx(0.5 + 0.9 + 0.04)
    assert group.worst.routing == pytest.approx((0.3 + 0.01) / 4)
    assert group.slow == 0
    assert groups(read_delays(sdf, wire_scale=0.25), megahertz=700)[0].slow == 1


def test_what_comes_from_no_clock_is_no_path(sdf):
    """Nor is what comes from a pin: ``din``."""
    assert all(group.end != "a" for group in groups(read_delays(sdf), megahertz=100))


def test_a_long_chain():
    length = 5000
    delays = Delays(clocked={("a", "Q"): 1.0}, checks={("z", "DI"): 0.0})
    cells = ["a", *(f"c{n}" for n in range(length)), "z"]
    for before, cell in pairwise(cells):
        delays.wires[cell, "DI"] = ((before, "Q"), 0.001)
        if cell != "z":
            delays.arcs[cell, "Q"].append(((cell, "DI"), 0.001))
    (group,) = groups(delays, megahertz=100)
    assert group.worst.delay == pytest.approx(1 + 0.001 * (2 * length + 1))
    assert group.slow == 1


def test_of_a_placed_design(cache):  # noqa: ARG001
    block = synthesise({"top.v": COUNTER}, top="counter", family=ECP5)
    file = place(wrap(block), ECP5.device("25k-6"))
    found = groups(read_delays(file), megahertz=1)
    ends = {(group.start, group.end) for group in found}
    assert ("in", "count") in ends
    assert all(group.slow == 0 and group.worst.delay > 0.5 for group in found)
    delays = [group.worst.delay for group in found]
    assert delays == sorted(delays, reverse=True)
