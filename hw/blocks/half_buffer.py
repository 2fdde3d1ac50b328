"""One register that cuts a stream's ready path, for streams that pause after each payload."""

from __future__ import annotations

from amaranth.hdl import Module, ShapeLike, Signal

from hw.blocks.stream_buffer import StreamBuffer

__all__ = ["HalfBuffer"]


class HalfBuffer(StreamBuffer):
    """A :class:`~hw.blocks.stream_buffer.StreamBuffer` of one register.

    At most one payload every second cycle, and so without a multiplexer: where payloads are that
    far apart anyway it costs flip-flops alone.
    """

    LATENCY = 1

    def __init__(self, shape: ShapeLike) -> None:
        super().__init__(shape, capacity=1)

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
