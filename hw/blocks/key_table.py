"""The contract of every organisation of a lookup table: which entry holds a key."""

from __future__ import annotations

from typing import ClassVar

from amaranth.hdl import Cat, Module, Mux, Shape, Signal, Value, ValueLike
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.blocks.replacement import Replacement
from hw.protection import Guard, state
from sw.part_configs import TableConfig

__all__ = ["KeyTable", "index_of_line"]


class KeyTable(wiring.Component):
    """Find which entry holds a key; remember new keys, each in the place of an older one.

    Beat-synchronous, :attr:`latency` beats, 2 or more; all of ``o`` is registered. A key that is
    shown and misses may be remembered: ``insert`` is high for a cycle, in the next one ``index``
    is the entry that made room, and :attr:`insert_cycles` after it ``hit`` is high and beats may
    move again. The keys behind it find it then. Hits, misses and entries are exactly
    :class:`sw.tables.Table`'s.

    Guarded, an entry of which one bit was changed is not found any more, wherever the bit lies, and
    no other is found instead of it. It is forgotten when that is noticed.

    Parameters
    ----------
    shape : Shape
        Of a key.
    table : TableConfig
    guard : Guard, optional
        How keys are kept; plain without it.

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
    hit_next, index_next : ``Out(1)``, ``Out(range(entries))``
        What ``hit`` and ``index`` will be in the next cycle; combinational.
    victim : ``Out(range(entries))``
        The entry that makes room for the key shown; combinational.
    errors : ``Out(1)``, only guarded
        A damaged entry was found.
    forget, forgotten : ``In(1)``, ``In(range(entries))``, only guarded
        Forget this entry, at any time, in the way of ``flush``, but that keys behind the one that
        is shown may find it still.
    """

    latency: ClassVar[int]
    insert_cycles: ClassVar[int]

    i: stream.Interface
    o: stream.Interface
    used: Signal
    insert: Signal
    flush: Signal
    hit_next: Signal
    index_next: Signal
    victim: Signal
    errors: Signal
    forget: Signal
    forgotten: Signal

    def __init__(self, shape: Shape, table: TableConfig, guard: Guard | None = None) -> None:
        self.shape = shape
        self.table = table
        self.guard = guard or Guard()
        self.entries = entries = table.entries
        found = data.StructLayout({"key": shape, "hit": 1, "index": range(entries)})
        members = {
            "i": In(stream.Signature(shape)),
            "o": Out(stream.Signature(found)),
            "used": In(1),
            "insert": In(1),
            "flush": In(1),
            "hit_next": Out(1),
            "index_next": Out(range(entries)),
            "victim": Out(range(entries)),
        }
        if self.guard.on:
            members |= {"errors": Out(1), "forget": In(1), "forgotten": In(range(entries))}
        super().__init__(members)

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

    def _valid(
        self, m: Module, victim: Value, *, damaged: ValueLike = 0, mended: ValueLike = 0
    ) -> Value:
        """Which entries hold a key, one bit each; ``victim`` does from ``insert`` on.

        Guarded, it is kept twice, the second time inverted, so that synthesis keeps both. An entry
        whose marks differ is forgotten, as those that are ``damaged``; ``mended`` is counted alone.
        """
        valid = Signal(self.entries, name="valid", attrs=state("cam"))
        if not self.guard.on:
            with m.If(self.insert):
                m.d.sync += valid.eq(valid | victim)
            with m.If(self.flush):
                m.d.sync += valid.eq(0)
            return valid
        absent = Signal(
            self.entries, name="absent", init=(1 << self.entries) - 1, attrs=state("cam")
        )
        lost = Signal(self.entries, name="lost")
        following = Signal(self.entries, name="valid_next")
        known = valid & ~absent
        m.d.comb += lost.eq(~(valid ^ absent) | (known & Value.cast(damaged)))
        forgotten = Mux(self.forget, 1 << self.forgotten, 0)
        inserted = Mux(self.insert, victim, 0)
        kept = (known & ~lost & ~forgotten) | inserted
        m.d.comb += following.eq(Mux(self.flush, 0, kept))
        m.d.sync += [valid.eq(following), absent.eq(~following)]
        m.d.comb += self.errors.eq(lost.any() | Value.cast(mended).any())
        return known & ~lost

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
