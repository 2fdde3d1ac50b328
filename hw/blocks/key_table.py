"""The contract of every organisation of a lookup table: which entry holds a key."""

from __future__ import annotations

from typing import ClassVar

from amaranth.hdl import Cat, Module, Shape, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.blocks.replacement import Replacement
from sw.config import TableConfig

__all__ = ["KeyTable", "index_of_line"]


class KeyTable(wiring.Component):
    """Find which entry holds a key; remember new keys, each in the place of an older one.

    Beat-synchronous, :attr:`latency` beats, 2 or more; all of ``o`` is registered. A key that is
    shown and misses may be remembered: ``insert`` is high for a cycle, in the next one ``index``
    is the entry that made room, and :attr:`insert_cycles` after it ``hit`` is high and beats may
    move again. The keys behind it find it then. Hits, misses and entries are exactly
    :class:`sw.tables.Table`'s.

    Parameters
    ----------
    shape : Shape
        Of a key.
    table : TableConfig

    Members
    -------
    i : ``In(stream.Signature(shape))``
    o : ``Out(stream.Signature({"key": shape, "hit": 1, "index": range(entries)}))``
        At most one entry matches; without a hit ``index`` is arbitrary.
    used : ``In(1)``
        With a move: the key shown was looked up, for the replacement. Only with ``hit``.
    insert : ``In(1)``
        Remember the key shown. Only while ``hit`` is low, and no beat moves until it is high.
    flush : ``In(1)``
        Forget all keys and uses, at any time; what is shown at ``o`` stays, and so does an entry
        that was made for it, though unknown; the keys behind it become misses.
    hit_next : ``Out(1)``
        What ``o.payload.hit`` will be in the next cycle; combinational.
    victim : ``Out(range(entries))``
        The entry that makes room for the key shown; combinational.
    """

    latency: ClassVar[int]
    insert_cycles: ClassVar[int]

    i: stream.Interface
    o: stream.Interface
    used: Signal
    insert: Signal
    flush: Signal
    hit_next: Signal
    victim: Signal

    def __init__(self, shape: Shape, table: TableConfig) -> None:
        self.shape = shape
        self.table = table
        self.entries = entries = table.entries
        found = data.StructLayout({"key": shape, "hit": 1, "index": range(entries)})
        super().__init__(
            {
                "i": In(stream.Signature(shape)),
                "o": Out(stream.Signature(found)),
                "used": In(1),
                "insert": In(1),
                "flush": In(1),
                "hit_next": Out(1),
                "victim": Out(range(entries)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        raise NotImplementedError

    def _step(self, m: Module) -> Signal:
        """Whether a beat moves; connects the handshakes."""
        step = Signal(name="step")
        m.d.comb += [
            self.o.valid.eq(self.i.valid),
            self.i.ready.eq(self.o.ready),
            step.eq(self.i.valid & self.o.ready),
        ]
        return step

    def _replacement(self, m: Module) -> Replacement:
        """The policy, told of all that happens but in which set and way."""
        table = self.table
        m.submodules.replacement = block = Replacement(
            table.replacement, table.sets, table.set_entries
        )
        m.d.comb += [
            block.used.eq(self.used),
            block.replaced.eq(self.insert),
            block.flush.eq(self.flush),
        ]
        return block


def index_of_line(lines: Value, bits: int) -> Value:
    """The number of the line that is high; at most one is, so each bit is an OR of some."""
    count = len(lines)
    ones = [sum(1 << n for n in range(count) if n >> bit & 1) for bit in range(bits)]
    return Cat((lines & mask).any() for mask in ones)
