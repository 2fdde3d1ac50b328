"""Fault sites: the marked state of a design is found in its Verilog, with its paths and sizes."""

import pytest
from amaranth.back import verilog
from amaranth.hdl import Elaboratable, Module, Signal
from amaranth.lib.memory import Memory

from hw.protection import state
from sim.fault_sites import Site, fault_sites


class Remembering(Elaboratable):
    """Registers and a memory; what is not marked is not a site."""

    def __init__(self, depth):
        self.depth = depth
        self.i, self.o = Signal(12), Signal(12)

    def elaborate(self, _platform):
        m = Module()
        memory = Memory(
            shape=12, depth=self.depth, init=[3], attrs={"no_rw_check": "1", **state("table")}
        )
        m.submodules.products = memory
        write, read = memory.write_port(), memory.read_port()
        keys = Signal(12, attrs=state("cam"), reset_less=True)
        valid = Signal(attrs={**state("cam"), "keep": "1"})
        other = Signal(12)
        m.d.sync += [keys.eq(self.i), valid.eq(keys.any()), other.eq(keys)]
        m.d.comb += [write.addr.eq(self.i), write.data.eq(other), write.en.eq(valid)]
        m.d.comb += [read.addr.eq(self.i), read.en.eq(1), self.o.eq(read.data)]
        return m


class Around(Elaboratable):
    def __init__(self, depth):
        self.one, self.two = Remembering(depth), Remembering(2)

    def elaborate(self, _platform):
        m = Module()
        m.submodules.one = self.one
        m.submodules.two = self.two
        return m


@pytest.mark.parametrize("depth", [2, 300])
def test_marked_state_is_found(depth):
    dut = Around(depth)
    ports = [dut.one.i, dut.one.o, dut.two.i, dut.two.o]
    text = verilog.convert(dut, name="top", ports=ports, emit_src=False, strip_internal_attrs=True)
    found = {site.path: site for site in fault_sites(text)}
    assert found == {
        f"{block}.{name}": Site(path=f"{block}.{name}", kind=kind, words=words, bits=bits)
        for block, size in (("one", depth), ("two", 2))
        for name, kind, words, bits in (
            ("products", "table", size, 12),
            ("keys", "cam", None, 12),
            ("valid", "cam", None, 1),
        )
    }
    assert found["one.products"].size == 12 * depth
    assert found["two.valid"].size == 1
