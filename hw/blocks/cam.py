"""A lookup table of registers and comparators: a content-addressable memory."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data

from hw.blocks.key_table import KeyTable, index_of_line

__all__ = ["Cam"]


class Cam(KeyTable):
    """Compare the key with all entries at once; see :class:`~hw.blocks.key_table.KeyTable`."""

    latency = 2
    """Compare, encode."""
    insert_cycles = 1

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # Whole words rather than a signal an entry: the same gates, but far quicker to simulate.
        keys = Signal(data.ArrayLayout(self.shape, self.entries), reset_less=True)
        valid = Signal(self.entries)
        match = Signal(self.entries)
        oldest = Signal(self.entries)
        key = Signal(self.shape)
        found = self.o.payload
        step = self._step(m)
        replacement = self._replacement(m)
        m.d.comb += [
            replacement.way.eq(found.index),
            self.victim.eq(replacement.victim),
            oldest.eq(1 << self.victim),
            self.hit_next.eq(self.insert | Mux(step, match.any(), found.hit)),
        ]
        m.d.sync += found.hit.eq(self.hit_next)
        with m.If(step):
            # Stage 1: compare with every entry.
            same = Cat(remembered == self.i.payload for remembered in keys)
            m.d.sync += [key.eq(self.i.payload), match.eq(same & valid)]
            # Stage 2: encode.
            m.d.sync += [
                found.key.eq(key),
                found.index.eq(index_of_line(match, len(found.index))),
            ]
        with m.If(self.insert):
            again = Mux(key == found.key, oldest, 0)
            m.d.sync += [
                keys[self.victim].eq(found.key),
                valid.eq(valid | oldest),
                match.eq((match & ~oldest) | again),
                found.index.eq(self.victim),
            ]
        with m.If(self.flush):
            m.d.sync += [valid.eq(0), match.eq(0)]
        return m
