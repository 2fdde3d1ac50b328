"""Many counters in one memory, with one adder that visits them in turn."""

from __future__ import annotations

from amaranth.hdl import Array, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["COUNT_BITS", "CounterBank"]

COUNT_BITS = 32


class CounterBank(wiring.Component):
    """Count the cycles in which each event holds, modulo ``2**32``.

    Events wait in a short counter each until it is visited, every ``count`` cycles; its count
    passes by at ``o`` then, as of two cycles before.

    Parameters
    ----------
    count : int

    Members
    -------
    events : ``In(count)``
    clear : ``In(1)``
        All counts become zero; the events of this cycle and the one before may be lost.
    o : ``Out(stream.Signature({"counter": range(count), "count": 32}, always_ready=True))``
    """

    events: Signal
    clear: Signal
    o: stream.Interface

    def __init__(self, count: int) -> None:
        self.count = count
        passing = data.StructLayout({"counter": range(count), "count": COUNT_BITS})
        super().__init__(
            {
                "events": In(count),
                "clear": In(1),
                "o": Out(stream.Signature(passing, always_ready=True)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.counts = memory = Memory(
            shape=COUNT_BITS,
            depth=self.count,
            init=[],
            attrs={"ram_style": "block", "no_rw_check": "1"},
        )
        read, write = memory.read_port(), memory.write_port()
        at, visited = Signal(range(self.count)), Signal(range(self.count))
        # For a round after a clear, or from the start, the memory counts as zeros.
        fresh, was_fresh, valid = Signal(init=1), Signal(init=1), Signal()
        last = at == self.count - 1
        m.d.sync += [
            at.eq(Mux(last | self.clear, 0, at + 1)),
            visited.eq(at),
            was_fresh.eq(fresh),
            valid.eq(~self.clear),
            fresh.eq(self.clear | (fresh & ~last)),
        ]
        waiting: list[Signal] = []
        for n, event in enumerate(self.events):
            held = Signal(range(self.count + 1), name=f"waiting_{n}")
            m.d.sync += held.eq(Mux(visited == n, 0, held) + event)
            with m.If(self.clear):
                m.d.sync += held.eq(event)
            waiting.append(held)
        total = Mux(was_fresh, 0, read.data) + Array(waiting)[visited]
        m.d.comb += [
            read.addr.eq(at),
            write.addr.eq(visited),
            write.en.eq(valid),
            write.data.eq(total),
            self.o.valid.eq(valid),
            self.o.payload.counter.eq(visited),
            self.o.payload["count"].eq(total),
        ]
        return m
