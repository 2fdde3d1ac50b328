"""Two registers that cut a stream's ready path."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, ShapeLike, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["SkidBuffer"]


class SkidBuffer(wiring.Component):
    """Pass a stream on through registers: ``i.ready`` and all of ``o`` are registered.

    One payload a cycle; two are held. Latency is one cycle.

    Parameters
    ----------
    shape : ShapeLike

    Members
    -------
    i : ``In(stream.Signature(shape))``
    o : ``Out(stream.Signature(shape))``
    i_next, o_next : ``Out(1)``
        What ``i.ready`` and ``o.valid`` will be in the next cycle; combinational.
    busy : ``Out(1)``
        A payload is held.
    """

    CAPACITY = 2
    LATENCY = 1

    i: stream.Interface
    o: stream.Interface
    i_next: Signal
    o_next: Signal
    busy: Signal

    def __init__(self, shape: ShapeLike) -> None:
        self.shape = shape
        super().__init__(
            {
                "i": In(stream.Signature(shape)),
                "o": Out(stream.Signature(shape)),
                "i_next": Out(1),
                "o_next": Out(1),
                "busy": Out(1),
            }
        )

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
