"""One register that cuts a stream's ready path, for streams that pause after each payload."""

from __future__ import annotations

from amaranth.hdl import Module, ShapeLike, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["HalfBuffer"]


class HalfBuffer(wiring.Component):
    """Pass a stream on through a register: ``i.ready`` and all of ``o`` are registered.

    At most one payload every second cycle, and so without a multiplexer: where payloads are that
    far apart anyway it costs flip-flops alone. One is held. Latency is one cycle.

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

    CAPACITY = 1
    LATENCY = 1

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
        keep = Signal()
        m.d.comb += [
            keep.eq(self.o.valid & ~self.o.ready),
            self.i.ready.eq(~self.o.valid),
            self.i_next.eq(~keep & ~(self.i.valid & self.i.ready)),
            self.busy.eq(self.o.valid),
        ]
        m.d.sync += self.o.valid.eq(~self.i_next)
        with m.If(self.i.ready):
            m.d.sync += self.o.payload.eq(self.i.payload)
        return m
