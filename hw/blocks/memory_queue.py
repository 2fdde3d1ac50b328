"""A queue in block memory that cuts a wide stream's ready path without a table a bit."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Module, Mux, ShapeLike, Signal, Value, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.blocks.stream_buffer import StreamBuffer
from hw.fanout import kept_register

__all__ = ["MemoryQueue"]

_LANE_BITS = 72
"""Of a lane: two blocks of ECP5, which can lie side by side, with what moves them near by."""


class MemoryQueue(StreamBuffer):
    """A :class:`~hw.blocks.stream_buffer.StreamBuffer` of block memory: one payload a cycle.

    What a :class:`~hw.blocks.skid_buffer.SkidBuffer` takes of tables and flip-flops for each bit
    is block memory here: 36 bits of the payload a block on ECP5, 16 on iCE40. The blocks of a
    wide payload lie far apart, so the queue is made of lanes that move in lockstep, each by
    registers of its own. With a ``foresight`` it keeps room for all that may be on its way, and is
    so much longer that back-pressure costs no cycle of its own.
    """

    LATENCY = 4

    def __init__(self, shape: ShapeLike, *, foresight: int = 0) -> None:
        # Flip-flops of a pointer, which has twice as many states. When all that is held waits, two
        # payloads are behind the memory: one word of it more than are needed.
        self.ring = 3 + foresight
        super().__init__(shape, capacity=2 * self.ring + 1, foresight=foresight)

    @property
    def room_latency(self) -> int:
        """One cycle more than what is foreseen: what leaves comes from far."""
        return 1 + self.foresight

    def elaborate(self, platform: object) -> Module:
        m = Module()
        push = Signal()
        pop = Signal()
        held = Signal(range(self.capacity + 1))
        room = self.capacity - self.foresight
        ready = [Signal(init=1, name=f"ready_{n}") for n in range(1 + self.foresight)]
        m.d.comb += [
            self.i.ready.eq(ready[-1]),
            push.eq(self.i.valid & self.i.ready),
            pop.eq(self.o.valid & self.o.ready),
            self.busy.eq(held != 0),
            # Without `pop`, which comes from far.
            self.i_next.eq(held < Mux(push, room - 1, room)),
        ]
        m.d.sync += [held.eq(held + push - pop), Cat(ready).eq(Cat(self.i_next, *ready[:-1]))]

        bits = Value.cast(self.i.payload)
        lanes = [
            _Lane(len(bits[n:][:_LANE_BITS]), ring=self.ring)
            for n in range(0, len(bits), _LANE_BITS)
        ]
        for n, lane in enumerate(lanes):
            m.submodules[f"lane_{n}"] = lane
            m.d.comb += [
                lane.i.valid.eq(push),
                lane.i.payload.eq(bits[n * _LANE_BITS :]),
                lane.o.ready.eq(self.o.ready),
            ]
        m.d.comb += [
            self.o.valid.eq(lanes[0].o.valid),
            Value.cast(self.o.payload).eq(Cat(lane.o.payload for lane in lanes)),
        ]
        return m


class _Lane(wiring.Component):
    """Some bits of the payload, and all that moves them.

    Its pointers are rings that count by shifting, and address the memory as they are.
    """

    i: Any
    o: Any

    def __init__(self, bits: int, *, ring: int) -> None:
        self.bits = bits
        self.ring = ring
        super().__init__(
            {
                "i": In(stream.Signature(unsigned(bits), always_ready=True)),
                "o": Out(stream.Signature(unsigned(bits))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.words = words = Memory(
            shape=self.bits,
            depth=1 << self.ring,
            init=[],
            attrs={"ram_style": "block", "no_rw_check": "1"},
        )
        write, read = words.write_port(), words.read_port()
        write_at = Signal(self.ring)
        read_at = Signal(self.ring)
        stored = Signal()  # whether there is a word to fetch: `read_at != write_at`
        fetched = Signal()
        show = Signal()
        free = Signal()
        fetch = Signal()

        # Stage 1: what comes. Stage 2: into the memory.
        came = kept_register(m, self.i.valid, "came")
        word = Signal(self.bits, reset_less=True)
        m.d.sync += word.eq(self.i.payload)
        m.d.comb += [write.en.eq(came), write.addr.eq(write_at), write.data.eq(word)]
        _count(m, write_at, came)

        # Stage 3: out of the memory. Stage 4: a register, which ECP5 has in its memories.
        shown = Signal(self.bits, reset_less=True)
        m.d.comb += [
            show.eq(~self.o.valid | self.o.ready),
            free.eq(~fetched | show),
            fetch.eq(stored & free),
            read.en.eq(free),  # whatever it reads if nothing is stored: `stored` would come late
            read.addr.eq(read_at),
            self.o.payload.eq(shown),
        ]
        _count(m, read_at, fetch)
        m.d.sync += [
            stored.eq(came | Mux(fetch, _after(read_at) != write_at, stored)),
            fetched.eq(stored | ~free),
            self.o.valid.eq(fetched | ~show),
        ]
        with m.If(show):
            m.d.sync += shown.eq(read.data)
        return m


def _count(m: Module, ring: Signal, step: Value) -> None:
    """Move the ring on."""
    with m.If(step):
        m.d.sync += ring.eq(_after(ring))


def _after(ring: Signal) -> Value:
    """The ring shifted by one, its last bit inverted into its first."""
    return Cat(~ring[-1], ring[:-1])
