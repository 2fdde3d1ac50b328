"""The content-addressable memory of the reuse table: registers and comparators."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Shape, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Cam"]


class Cam(wiring.Component):
    """Find which entry holds a key; remember the keys that none holds, the oldest making room.

    Beat-synchronous, :attr:`latency` beats. What is shown follows :attr:`insert`: one cycle
    after it, the key shown is a hit at what :attr:`victim` was. So do the match lines of the
    key behind it, which was compared before. First in, first out. All of ``o`` is registered.

    Parameters
    ----------
    shape : Shape
        Of a key.
    entries : int
        Keys remembered, at least 1.

    Members
    -------
    i : ``In(stream.Signature(shape))``
    o : ``Out(stream.Signature({"key": shape, "hit": 1, "index": range(entries)}))``
        At most one entry matches; ``index`` is 0 without a hit.
    insert : ``In(1)``
        Remember the key shown at ``o``. Allowed only while ``hit`` is low and no beat moves.
    flush : ``In(1)``
        Forget all keys; what is shown at ``o`` stays, the key behind it becomes a miss, and an
        insert goes where it would have.
    hit_next : ``Out(1)``
        What ``o.payload.hit`` will be in the next cycle; combinational.
    victim : ``Out(range(entries))``
        The entry that the next insert overwrites.
    """

    i: stream.Interface
    o: stream.Interface
    insert: Signal
    flush: Signal
    hit_next: Signal
    victim: Signal

    def __init__(self, shape: Shape, entries: int) -> None:
        if entries < 1:
            raise ValueError(f"entries must be at least 1, not {entries}")
        self.shape = shape
        self.entries = entries
        found = data.StructLayout({"key": shape, "hit": 1, "index": range(entries)})
        super().__init__(
            {
                "i": In(stream.Signature(shape)),
                "o": Out(stream.Signature(found)),
                "insert": In(1),
                "flush": In(1),
                "hit_next": Out(1),
                "victim": Out(range(entries)),
            }
        )

    @property
    def latency(self) -> int:
        """Beats from a key to where it is: compare, encode."""
        return 2

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # Whole words rather than a signal an entry: the same gates, but far quicker to simulate.
        keys = Signal(data.ArrayLayout(self.shape, self.entries), reset_less=True)
        valid = Signal(self.entries)
        match = Signal(self.entries)
        oldest = Signal(self.entries)
        key = Signal(self.shape)
        found = self.o.payload
        step = Signal()
        m.d.comb += [
            self.o.valid.eq(self.i.valid),
            self.i.ready.eq(self.o.ready),
            step.eq(self.i.valid & self.o.ready),
            oldest.eq(1 << self.victim),
            self.hit_next.eq(self.insert | Mux(step, match.any(), found.hit)),
        ]
        m.d.sync += found.hit.eq(self.hit_next)
        with m.If(step):
            # Stage 1: compare with every entry.
            same = Cat(remembered == self.i.payload for remembered in keys)
            m.d.sync += [key.eq(self.i.payload), match.eq(same & valid)]
            # Stage 2: match lines are one-hot, so each bit of the index is an OR of some.
            m.d.sync += found.key.eq(key)
            for bit in range(len(found.index)):
                lines = sum(1 << n for n in range(self.entries) if n >> bit & 1)
                m.d.sync += found.index[bit].eq((match & lines).any())
        with m.If(self.insert):
            again = Mux(key == found.key, oldest, 0)
            m.d.sync += [
                keys[self.victim].eq(found.key),
                valid.eq(valid | oldest),
                match.eq((match & ~oldest) | again),
                found.index.eq(self.victim),
                self.victim.eq(self.victim + 1),
            ]
            with m.If(self.victim == self.entries - 1):
                m.d.sync += self.victim.eq(0)
        with m.If(self.flush):
            m.d.sync += [valid.eq(0), match.eq(0)]
        return m
