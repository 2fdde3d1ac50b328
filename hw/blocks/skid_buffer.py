"""Two registers that cut a stream's ready path."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, ShapeLike, Signal
from amaranth.lib.wiring import Out

from hw.blocks.stream_buffer import StreamBuffer

__all__ = ["SkidBuffer"]


class SkidBuffer(StreamBuffer):
    """A :class:`~hw.blocks.stream_buffer.StreamBuffer` of two registers: one payload a cycle.

    Members
    -------
    o_next : ``Out(1)``
        What ``o.valid`` will be in the next cycle; combinational.
    """

    LATENCY = 1

    o_next: Signal

    def __init__(self, shape: ShapeLike) -> None:
        super().__init__(shape, capacity=2, o_next=Out(1))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        spare = Signal(self.shape)
        spare_valid = Signal()
        move = Signal()
        m.d.comb += [
            move.eq(~self.o.valid | self.o.ready),
            self.i.ready.eq(~spare_valid),
            self.busy.eq(self.o.valid),
            self.i_next.eq(move | ~(spare_valid | self.i.valid)),
            self.o_next.eq(~move | spare_valid | self.i.valid),
        ]
        m.d.sync += [self.o.valid.eq(self.o_next), spare_valid.eq(~self.i_next)]
        with m.If(move):
            m.d.sync += self.o.payload.eq(Mux(spare_valid, spare, self.i.payload))
        with m.If(~spare_valid):
            m.d.sync += spare.eq(self.i.payload)
        return m
