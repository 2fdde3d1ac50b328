"""hw.fanout: equal registers that synthesis must not make one."""

import json

import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.fanout import kept_register
from hw.flow import load_family, synthesise
from hw.targets.rtlil import convert

COPIES = 4


class Copies(wiring.Component):
    """As many enables of one value, each with a register of its own or all with one."""

    enable: Signal
    word: Signal
    o: Signal

    def __init__(self, *, kept):
        self.kept = kept
        super().__init__({"enable": In(1), "word": In(COPIES), "o": Out(COPIES)})

    def elaborate(self, _platform):
        m = Module()
        for n in range(COPIES):
            if self.kept:
                enable = kept_register(m, self.enable, f"enable_{n}")
            else:
                enable = Signal(name=f"enable_{n}")
                m.d.sync += enable.eq(self.enable)
            with m.If(enable):
                m.d.sync += self.o[n].eq(self.word[n])
        return m


@pytest.mark.parametrize(("kept", "registers"), [(True, 2 * COPIES), (False, COPIES + 1)])
@pytest.mark.parametrize("family", ["ecp5", "ice40"])
def test_each_user_keeps_its_register(family, kept, registers):
    source = {"copies.il": convert(Copies(kept=kept), name="copies")}
    netlist = synthesise(source, top="copies", family=load_family(family))
    assert netlist.area["ff"] == registers
    cells = json.loads(netlist.netlist.read_text())["modules"]["copies"]["cells"].values()
    enables = [cell["connections"].get(pin) for cell in cells for pin in ("CE", "E")]
    used = {tuple(bits) for bits in enables if bits and isinstance(bits[0], int)}
    assert len(used) == (COPIES if kept else 1)
