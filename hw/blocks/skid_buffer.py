"""Two registers that cut a stream's ready path."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, ShapeLike, Signal, Value
from amaranth.lib.wiring import Out

from hw.blocks.stream_buffer import StreamBuffer
from hw.fanout import kept_register

__all__ = ["SkidBuffer"]

_LANE_BITS = 64


class SkidBuffer(StreamBuffer):
    """A :class:`~hw.blocks.stream_buffer.StreamBuffer` of two registers: one payload a cycle.

    A wide payload lies far apart: each lane but the first has its own copies of what moves it.

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
        i, o = Value.cast(self.i.payload), Value.cast(self.o.payload)
        for n, start in enumerate(range(0, len(o), _LANE_BITS)):
            valid, waits = self.o.valid, spare_valid
            if n:
                valid = kept_register(m, self.o_next, f"valid_{n}")
                waits = kept_register(m, ~self.i_next, f"spare_valid_{n}")
            lane = slice(start, start + _LANE_BITS)
            self._lane(m, o[lane], i[lane], move=~valid | self.o.ready, waits=waits)
        return m

    @staticmethod
    def _lane(m: Module, o: Value, i: Value, *, move: Value, waits: Value) -> None:
        spare = Signal(len(o), name="spare")
        with m.If(move):
            m.d.sync += o.eq(Mux(waits, spare, i))
        with m.If(~waits):
            m.d.sync += spare.eq(i)
