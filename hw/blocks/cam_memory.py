"""A lookup table in memories: the bits of a key address the entries that may hold it."""

from __future__ import annotations

from functools import reduce
from operator import and_

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib.memory import Memory

from hw.blocks.key_table import KeyTable, index_of_line
from hw.protection import state

__all__ = ["MemoryCam"]

PART_BITS = 9
"""Key bits that address a memory, at most: the depth of a block memory at its full width."""


class MemoryCam(KeyTable):
    """A content-addressable memory, transposed; see :class:`~hw.blocks.key_table.KeyTable`.

    The key is cut into parts. A memory for each part has, at the part's every value, a bit for
    each entry: whether its key has that value there. The AND of the words that a key addresses
    says which entry holds it. Beside them a memory of the keys themselves says which bits an
    entry has set, valid or not; so these are cleared when the entry makes room, and a flush need
    not. A reset at any time leaves it so.

    Guarded, a word that was changed is read as one without entries, whose keys so are misses, and
    is made good when a key comes or goes there. The keys that say what to clear are kept twice.
    """

    latency = 3
    """Read, AND, encode."""
    insert_cycles = 5
    """Read the old key, its words; clear its bits; set the new one's; read again."""

    def elaborate(self, platform: object) -> Module:
        m = Module()
        match = Signal(self.entries)
        oldest = Signal(self.entries)
        key = Signal(self.shape)
        compared = Signal(self.shape)
        found = self.o.payload
        step = self._step(m)
        replacement = self._replacement(m)
        moving = self._moving(m)
        mended = Signal(1 + len(self._parts(key)))
        valid = self._valid(m, oldest, mended=mended)
        words = self._words(m, step, moving, behind=key, mended=mended)
        encoded = index_of_line(match, len(found.index))
        m.d.comb += [
            replacement.way.eq(found.index),
            self.victim.eq(replacement.victim),
            oldest.eq(1 << self.victim),
            self.hit_next.eq(moving[4] | Mux(step, match.any(), found.hit)),
            self.index_next.eq(Mux(self.insert, self.victim, Mux(step, encoded, found.index))),
        ]
        m.d.sync += [found.hit.eq(self.hit_next), found.index.eq(self.index_next)]
        with m.If(step):
            # Stage 1: read. Stage 2: AND.
            m.d.sync += [key.eq(self.i.payload), compared.eq(key), match.eq(words & valid)]
            # Stage 3: encode.
            m.d.sync += found.key.eq(compared)
        with m.If(self.insert):
            again = Mux(compared == found.key, oldest, 0)
            m.d.sync += match.eq((match & ~oldest) | again)
        with m.If(self.flush):
            m.d.sync += match.eq(0)
        return m

    def _moving(self, m: Module) -> list[Signal]:
        """Which cycle of an insertion this is, one signal each: ``insert``, and four after it."""
        cycles = [self.insert]
        for n in range(1, self.insert_cycles):
            cycle = Signal(name=f"insert_{n}")
            m.d.sync += cycle.eq(cycles[-1])
            cycles.append(cycle)
        return cycles

    def _parts(self, key: Value) -> list[Value]:
        """The key in parts of about the same size."""
        count = -(-self.shape.width // PART_BITS)
        size = -(-self.shape.width // count)
        bits = Value.cast(key)
        return [bits[n : n + size] for n in range(0, self.shape.width, size)]

    def _words(
        self, m: Module, step: Signal, moving: list[Signal], *, behind: Signal, mended: Signal
    ) -> Value:
        """Stage 1, and all of an insertion; returns the AND of the words that were read.

        ``behind``: the key whose words these are while no insertion goes on. ``mended``: a changed
        word is written, by memory.
        """
        found = self.o.payload
        place = Signal(self.entries)
        m.d.comb += place.eq(1 << found.index)
        old = self._old_key(m, moving, mended[-1])
        guard = self.guard
        words: list[Value] = []
        keys = (self.i.payload, behind, old, found.key)
        for n, (new, last, gone, come) in enumerate(zip(*map(self._parts, keys), strict=True)):
            memory = Memory(
                shape=guard.width(self.entries),
                depth=1 << len(new),
                init=[],
                attrs={"no_rw_check": "1", "ram_style": "block", **state("cam")},
            )
            m.submodules[f"lines_{n}"] = memory
            write, read = memory.write_port(), memory.read_port()
            # Read for the key that comes, or in an insertion: the old word, the new, the last.
            m.d.comb += [
                read.addr.eq(new),
                read.en.eq(step | moving[1] | moving[2] | moving[4]),
            ]
            for cycle, address in ((1, gone), (2, come), (4, last)):
                with m.If(moving[cycle]):
                    m.d.comb += read.addr.eq(address)
            damaged = guard.damaged(read.data)
            word = Mux(damaged, 0, read.data[: self.entries]) if guard.on else read.data
            # Clear the bit in the old word, then set it in the new one; where both are one word
            # it stays, for that word is not to be read while it is written.
            m.d.comb += [
                write.addr.eq(Mux(moving[3], come, gone)),
                write.data.eq(guard.guarded(Mux(moving[3], word | place, word & ~place))),
                write.en.eq(moving[3] | (moving[2] & (gone != come))),
            ]
            m.d.comb += mended[n].eq(write.en & damaged)
            words.append(word)
        return reduce(and_, words)

    def _old_key(self, m: Module, moving: list[Signal], mended: Value) -> Value:
        """The key whose bits the entry has set, from the cycle after ``insert`` on.

        Guarded, it is kept with its parity, and once more in case that is wrong.
        """
        guard, key = self.guard, Value.cast(self.o.payload.key)
        width = guard.width(len(key))
        memory = Memory(
            shape=width + len(key) * int(guard.on),
            depth=self.entries,
            init=[],
            attrs={"no_rw_check": "1", **state("cam")},
        )
        m.submodules.keys = memory
        write, read = memory.write_port(), memory.read_port()
        m.d.comb += [
            read.addr.eq(self.victim),
            read.en.eq(moving[0]),
            write.addr.eq(self.o.payload.index),
            write.data.eq(Cat(guard.guarded(key), key)[: len(write.data)]),
            write.en.eq(moving[3]),
        ]
        if not guard.on:
            return read.data
        first, second = read.data[:width], read.data[width:]
        m.d.comb += mended.eq(moving[1] & (first[: len(key)] != second))
        return Mux(guard.damaged(first), second, first[: len(key)])
