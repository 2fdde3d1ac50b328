"""A lookup table of registers and comparators: a content-addressable memory."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data

from hw.blocks.key_table import KeyTable, index_of_line
from hw.protection import state

__all__ = ["Cam"]


class Cam(KeyTable):
    """Compare the key with all entries at once; see :class:`~hw.blocks.key_table.KeyTable`.

    Guarded, keys are compared with their parities, so one that was changed equals no other.
    """

    latency = 3
    """Compare, encode, hand on."""
    insert_cycles = 1

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # Whole words rather than a signal an entry: the same gates, but far quicker to simulate.
        bits = self.guard.width(self.shape.width)
        keys = Signal(data.ArrayLayout(bits, self.entries), reset_less=True, attrs=state("cam"))
        match = Signal(self.entries)
        oldest = Signal(self.entries)
        key = Signal(self.shape)
        found = self.o.payload
        behind: Any = Signal(self.o.payload.shape())
        step = self._step(m)
        damaged = Cat(self.guard.damaged(kept) for kept in keys)
        valid = self._valid(m, oldest, damaged=damaged)
        replacement = self._replacement(m)
        m.d.comb += [
            replacement.way.eq(found.index),
            self.victim.eq(replacement.victim),
            oldest.eq(1 << self.victim),
            self.hit_next.eq(self.insert | Mux(step, behind.hit, found.hit)),
            self.index_next.eq(Mux(self.insert, self.victim, Mux(step, behind.index, found.index))),
        ]
        m.d.sync += [found.hit.eq(self.hit_next), found.index.eq(self.index_next)]
        with m.If(step):
            # Stage 1: compare with every entry.
            asked = self.guard.guarded(Value.cast(self.i.payload).as_unsigned())
            same = Cat(kept == asked for kept in keys)
            m.d.sync += [key.eq(self.i.payload), match.eq(same & valid)]
            # Stage 2: encode.
            m.d.sync += [
                behind.key.eq(key),
                behind.hit.eq(match.any()),
                behind.index.eq(index_of_line(match, len(found.index))),
            ]
            # Stage 3: hand on, since many wait for whether it is a hit.
            m.d.sync += found.key.eq(behind.key)
        with m.If(self.insert):
            again = Mux(key == found.key, oldest, 0)
            m.d.sync += [
                keys[self.victim].eq(self.guard.guarded(Value.cast(found.key))),
                match.eq((match & ~oldest) | again),
            ]
            with m.If(behind.key == found.key):
                m.d.sync += [behind.hit.eq(1), behind.index.eq(self.victim)]
            with m.Elif(behind.index == self.victim):
                m.d.sync += behind.hit.eq(0)
        with m.If(self.flush):
            m.d.sync += [match.eq(0), behind.hit.eq(0)]
        return m
