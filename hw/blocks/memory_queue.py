"""A queue in block memory that cuts a wide stream's ready path without a table a bit."""

from __future__ import annotations

from amaranth.hdl import Module, ShapeLike, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["MemoryQueue"]


class MemoryQueue(wiring.Component):
    """Pass a stream on through a memory: ``i.ready`` and all of ``o`` are registered.

    One payload a cycle; three are held, one of them in the memory's output register. Latency is
    two cycles. What a :class:`~hw.blocks.skid_buffer.SkidBuffer` takes of tables and
    flip-flops is block memory here: 36 bits of the payload a block on ECP5, 16 on iCE40.

    Parameters
    ----------
    shape : ShapeLike

    Members
    -------
    i : ``In(stream.Signature(shape))``
    o : ``Out(stream.Signature(shape))``
    i_next : ``Out(1)``
        What ``i.ready`` will be in the next cycle; combinational.
    busy : ``Out(1)``
        A payload is held.
    """

    CAPACITY = 3
    LATENCY = 2

    i: stream.Interface
    o: stream.Interface
    i_next: Signal
    busy: Signal

    def __init__(self, shape: ShapeLike) -> None:
        super().__init__(
            {
                "i": In(stream.Signature(shape)),
                "o": Out(stream.Signature(shape)),
                "i_next": Out(1),
                "busy": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # Two words behind the output's: a third is not written before the first was read.
        bits = len(Value.cast(self.i.payload))
        m.submodules.words = words = Memory(
            shape=bits, depth=2, init=[], attrs={"ram_style": "block", "no_rw_check": "1"}
        )
        write, read = words.write_port(), words.read_port()
        write_at = Signal()
        read_at = Signal()
        held = Signal(range(self.CAPACITY + 1))
        next_held = Signal.like(held)
        push = Signal()
        pop = Signal()
        move = Signal()
        m.d.comb += [
            push.eq(self.i.valid & self.i.ready),
            pop.eq(self.o.valid & self.o.ready),
            move.eq((held != self.o.valid) & (~self.o.valid | pop)),
            next_held.eq(held + push - pop),
            self.i.ready.eq(held != self.CAPACITY),
            self.i_next.eq(next_held != self.CAPACITY),
            self.busy.eq(held != 0),
            write.addr.eq(write_at),
            write.en.eq(push),
            write.data.eq(self.i.payload),
            read.addr.eq(read_at),
            read.en.eq(move),
            Value.cast(self.o.payload).eq(read.data),
        ]
        m.d.sync += [
            held.eq(next_held),
            self.o.valid.eq(move | (self.o.valid & ~pop)),
            write_at.eq(write_at ^ push),
            read_at.eq(read_at ^ move),
        ]
        return m
