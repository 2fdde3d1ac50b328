"""hw.targets.rtlil: what Yosys is told of the memories, and of the registers that must stay."""

import re

import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.fanout import kept_register
from hw.flow import synthesise
from hw.flow.ecp5 import family
from hw.targets.rtlil import convert


class Store(wiring.Component):
    """Two memories of 512 words of 36 bits, read in turn at an address that is never written."""

    address: Signal
    word: Signal
    chosen: Signal
    o: Signal

    def __init__(self, *attributes):
        self.attributes = attributes
        super().__init__({"address": In(9), "word": In(36), "o": Out(36), "chosen": In(1)})

    def elaborate(self, _platform):
        m = Module()
        words = []
        for n, attributes in enumerate(self.attributes):
            m.submodules[f"memory_{n}"] = memory = Memory(
                shape=36, depth=512, init=[], attrs={"ram_style": "block", **attributes}
            )
            write, read = memory.write_port(), memory.read_port()
            m.d.comb += [
                read.addr.eq(self.address),
                write.addr.eq(~self.address),
                write.data.eq(self.word),
                write.en.eq(1),
            ]
            words.append(read.data)
        late = Signal()
        m.d.sync += late.eq(self.chosen)
        m.d.comb += self.o.eq(words[0])
        with m.If(late):
            m.d.comb += self.o.eq(words[-1])
        return m


UNCHECKED = {"no_rw_check": "1"}


@pytest.mark.parametrize("attributes", [({}, UNCHECKED), (UNCHECKED, {}), (UNCHECKED, UNCHECKED)])
def test_the_ports_of_unchecked_memories_say_so(attributes):
    text = convert(Store(*attributes), name="store")
    ports = re.findall(r"cell \$memrd_v2.*?COLLISION_X_MASK (\S+)", text, re.DOTALL)
    assert ports == ["1'1" if of == UNCHECKED else "1'0" for of in attributes]


@pytest.mark.parametrize(("attributes", "tables"), [({}, 36), (UNCHECKED, 0)])
def test_an_unchecked_memory_is_block_memory_alone(attributes, tables):
    source = {"store.il": convert(Store(attributes), name="store")}
    area = synthesise(source, top="store", family=family()).area
    inverters = 9
    assert area["bram"] == 1
    assert area["ff"] >= tables
    assert tables <= area["lut4_eq"] - inverters <= 2 * tables + 2


class Copies(wiring.Component):
    """Three registers of the same value, each with a user of its own."""

    i: Signal
    word: Signal
    o: Signal

    def __init__(self, *, kept):
        self.kept = kept
        super().__init__({"i": In(1), "word": In(2), "o": Out(6)})

    def elaborate(self, _platform):
        m = Module()
        for n in range(3):
            move = kept_register(m, self.i, f"move_{n}")
            if not self.kept:
                move.attrs.clear()
            word = Signal(2, name=f"word_{n}")
            with m.If(move):
                m.d.sync += word.eq(self.word + word + n)
            m.d.comb += self.o.word_select(n, 2).eq(word)
        return m


@pytest.mark.parametrize(("kept", "registers"), [(True, 3), (False, 1)])
def test_a_kept_register_is_not_merged_with_its_equals(kept, registers):
    source = {"copies.il": convert(Copies(kept=kept), name="copies")}
    assert synthesise(source, top="copies", family=family()).area["ff"] == registers + 6
