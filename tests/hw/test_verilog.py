"""The Verilog that is written: what a memory begins with, in few lines."""

import re

import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.targets import verilog

ROWS = 40


class Rom(wiring.Component):
    """Words of 16 bits that begin as they are told."""

    address: Signal
    data: Signal

    def __init__(self, rows):
        self.rows = rows
        super().__init__({"address": In(range(len(rows))), "data": Out(16)})

    def elaborate(self, _platform):
        m = Module()
        m.submodules.words = memory = Memory(shape=16, depth=len(self.rows), init=self.rows)
        read = memory.read_port()
        m.d.comb += [read.addr.eq(self.address), self.data.eq(read.data)]
        return m


def rows_of(text):
    """What the statements give, done as a simulator does them."""
    found = {}
    loop = r"for \(init_row = (\d+); init_row < (\d+); init_row = init_row \+ 1\) "
    for line in re.findall(r"^    (?:for .*|\S+\[\d+\] = \S+;)$", text, flags=re.MULTILINE):
        value = int(re.search(r"16'h(\w+);", line)[1], 16)
        if bounds := re.match(rf"    {loop}\S+\[init_row\] = ", line):
            found |= dict.fromkeys(range(int(bounds[1]), int(bounds[2])), value)
        else:
            found[int(re.search(r"\[(\d+)\]", line)[1])] = value
    return [found[row] for row in range(len(found))]


@pytest.mark.parametrize(
    "rows",
    [
        [0] * ROWS,
        list(range(ROWS)),
        [7] * 3 + [8] * 4 + [0] * (ROWS - 8) + [1],
        [1, 0, 0, 0, 0] * 8,
    ],
)
def test_rows_begin_as_they_are_told(rows):
    assert rows_of(verilog.convert(Rom(rows))) == rows
