"""A queue in block memory that cuts a wide stream's ready path without a table a bit."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, Value
from amaranth.lib.memory import Memory

from hw.blocks.stream_buffer import StreamBuffer

__all__ = ["MemoryQueue"]


class MemoryQueue(StreamBuffer):
    """A :class:`~hw.blocks.stream_buffer.StreamBuffer` of block memory: one payload a cycle.

    Four are held: two in the memory, one as it is read from it, one in a register behind that,
    which ECP5 has in its memories. What a :class:`~hw.blocks.skid_buffer.SkidBuffer` takes of
    tables and flip-flops is block memory here: 36 bits of the payload a block on ECP5, 16 on iCE40.
    """

    CAPACITY = 4
    LATENCY = 3

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # Two words are not read yet: another is not written before the first of them is.
        bits = len(Value.cast(self.i.payload))
        m.submodules.words = words = Memory(
            shape=bits, depth=2, init=[], attrs={"ram_style": "block", "no_rw_check": "1"}
        )
        write, read = words.write_port(), words.read_port()
        write_at = Signal()
        read_at = Signal()
        held = Signal(range(self.CAPACITY + 1))
        unread = Signal(range(3))
        fetched = Signal()
        shown = Signal(bits, reset_less=True)
        push = Signal()
        pop = Signal()
        fetch = Signal()
        show = Signal()
        m.d.comb += [
            push.eq(self.i.valid & self.i.ready),
            pop.eq(self.o.valid & self.o.ready),
            show.eq(~self.o.valid | self.o.ready),
            fetch.eq((unread != 0) & (~fetched | show)),
            self.i.ready.eq(held != self.CAPACITY),
            # As `held` in the next cycle would say, without its adder.
            self.i_next.eq(pop | ~((held == self.CAPACITY) | ((held == self.CAPACITY - 1) & push))),
            self.busy.eq(held != 0),
            write.addr.eq(write_at),
            write.en.eq(push),
            write.data.eq(self.i.payload),
            read.addr.eq(read_at),
            read.en.eq(fetch),
            Value.cast(self.o.payload).eq(shown),
        ]
        m.d.sync += [
            held.eq(held + push - pop),
            unread.eq(unread + push - fetch),
            fetched.eq(fetch | (fetched & ~show)),
            write_at.eq(write_at ^ push),
            read_at.eq(read_at ^ fetch),
        ]
        with m.If(show):
            m.d.sync += [self.o.valid.eq(fetched), shown.eq(read.data)]
        return m
