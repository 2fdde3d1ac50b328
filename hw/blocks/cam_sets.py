"""A lookup table of sets: a key may be in one of the ways of its set alone, as in a cache."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib.memory import Memory
from amaranth.utils import ceil_log2

from hw.blocks.key_table import KeyTable, index_of_line
from hw.protection import state

__all__ = ["SetCam"]


class SetCam(KeyTable):
    """Compare the key with the ways of its set; see :class:`~hw.blocks.key_table.KeyTable`.

    The low bits of the key are its set, the others its tag, which a memory a way keeps. Entry
    ``way * sets + set``.

    Guarded, tags are kept and compared with their parities, so one that was changed equals no
    other. It is forgotten when it is read.
    """

    latency = 2
    """Read, compare."""
    insert_cycles = 2
    """Write; read again for the key behind."""

    def elaborate(self, platform: object) -> Module:
        m = Module()
        key = Signal(self.shape)
        again = Signal()
        match = Signal(self.table.ways)
        found = self.o.payload
        which, _ = self._cut(key)
        shown_which, _ = self._cut(found.key)
        step = self._step(m)
        replacement = self._replacement(m)
        way = index_of_line(match, len(replacement.way))
        m.d.comb += [
            replacement.which.eq(shown_which),
            replacement.way.eq(found.index[len(which) :]),
            self.victim.eq(Cat(shown_which, replacement.victim)),
            self.hit_next.eq(again | Mux(step, match.any(), found.hit)),
            self.index_next.eq(
                Mux(self.insert, self.victim, Mux(step, Cat(which, way), found.index))
            ),
        ]
        m.d.sync += [
            again.eq(self.insert),
            found.hit.eq(self.hit_next),
            found.index.eq(self.index_next),
        ]
        # Stage 1: read the set's tags, anew once the key before has been put there.
        asked = Mux(again, which, self._cut(self.i.payload)[0])
        read = Signal()
        m.d.comb += read.eq(step | again)
        damaged = Signal(self.table.ways)
        present = self._present(m, read, asked, key=key, damaged=damaged)
        self._tags(m, read, asked, key=key, match=match, present=present, damaged=damaged)
        with m.If(step):
            # Stage 2: compare, and encode the way.
            m.d.sync += [key.eq(self.i.payload), found.key.eq(key)]
        return m

    def _cut(self, key: Value) -> tuple[Value, Value]:
        """Set and tag."""
        bits, sets = Value.cast(key), ceil_log2(self.table.sets)
        return bits[:sets], bits[sets:]

    def _present(
        self, m: Module, read: Signal, asked: Value, *, key: Signal, damaged: Signal
    ) -> Signal:
        """Which ways of the set that was read, that of ``key``, hold a key."""
        table = self.table
        present = Signal(table.ways)
        here = Signal(table.sets)
        m.d.comb += here.eq(1 << self._cut(key)[0])
        lost = Cat(here & bad.replicate(table.sets) for bad in present & damaged)
        valid = self._valid(m, 1 << self.victim, damaged=lost)
        if self.guard.on:
            m.d.sync += present.eq(present & ~damaged)
        with m.If(read):
            ways = (valid[n : n + table.sets] for n in range(0, self.entries, table.sets))
            m.d.sync += present.eq(Cat(way.bit_select(asked, 1) for way in ways))
        with m.If(self.flush):
            m.d.sync += present.eq(0)
        return present

    def _tags(
        self,
        m: Module,
        read: Signal,
        asked: Value,
        *,
        key: Signal,
        match: Signal,
        present: Signal,
        damaged: Signal,
    ) -> None:
        """The ways' memories, and which of them has the tag of ``key``, or what was changed."""
        guard = self.guard
        which, tag = self._cut(self.o.payload.key)
        _, wanted = self._cut(key)
        for way in range(self.table.ways):
            same: Value = Const(1)
            if len(tag):
                memory = Memory(
                    shape=guard.width(len(tag)),
                    depth=self.table.sets,
                    init=[],
                    attrs={"no_rw_check": "1", **state("cam")},
                )
                m.submodules[f"tags_{way}"] = memory
                write, port = memory.write_port(), memory.read_port()
                m.d.comb += [
                    write.addr.eq(which),
                    write.data.eq(guard.guarded(tag)),
                    write.en.eq(self.insert & (self.victim[len(which) :] == way)),
                    port.addr.eq(asked),
                    port.en.eq(read),
                ]
                same = port.data == guard.guarded(wanted)
                m.d.comb += damaged[way].eq(guard.damaged(port.data))
            m.d.comb += match[way].eq(same & present[way])
