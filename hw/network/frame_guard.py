"""The entrance of a network: whole frames alone get in."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, ShapeLike, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.network.streams import value_layout

__all__ = ["FrameGuard"]


class FrameGuard(wiring.Component):
    """Make every frame as long as it should be, so that no layer need look.

    A frame starts when its first pixel waits and ``run`` is high; it then goes on to its end. One
    whose ``last`` comes early is filled with zeros; of one that does not end in time the surplus is
    dropped up to its ``last``. Both are ``bad``. One pixel a cycle; combinational both ways.

    Parameters
    ----------
    shape : ShapeLike
        Of a value.
    channels, pixels : int
        Of a frame.

    Members
    -------
    run : ``In(1)``
    i : ``In(stream.Signature({"values": ArrayLayout(shape, channels), "last": 1}))``
    o : ``Out(stream.Signature(value_layout(shape, channels)))``
    begins : ``Out(1)``
        A frame's first pixel is handed on.
    in_frame : ``Out(1)``
        A frame has begun and its last pixel was not handed on, or its surplus is dropped.
    """

    run: Signal
    i: stream.Interface
    o: stream.Interface
    begins: Signal
    in_frame: Signal

    def __init__(self, shape: ShapeLike, *, channels: int, pixels: int) -> None:
        self.pixels = pixels
        values = data.ArrayLayout(shape, channels)
        super().__init__(
            {
                "run": In(1),
                "i": In(stream.Signature(data.StructLayout({"values": values, "last": 1}))),
                "o": Out(stream.Signature(value_layout(shape, channels))),
                "begins": Out(1),
                "in_frame": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        count = Signal(range(self.pixels))
        begun, fill, skip = Signal(), Signal(), Signal()
        final, moved, offered = Signal(), Signal(), Signal()
        m.d.comb += [
            final.eq(count == self.pixels - 1),
            offered.eq(self.i.valid & ~skip & (begun | self.run)),
            self.o.valid.eq(offered | fill),
            self.i.ready.eq(skip | (~fill & (begun | self.run) & self.o.ready)),
            moved.eq(self.o.valid & self.o.ready),
            self.o.payload.last.eq(final),
            self.o.payload.bad.eq(final & (fill | ~self.i.payload.last)),
            self.begins.eq(moved & ~begun),
            self.in_frame.eq(begun | skip),
        ]
        with m.If(~fill):
            m.d.comb += self.o.payload["values"].eq(self.i.payload["values"])
        with m.If(moved):
            m.d.sync += [count.eq(Mux(final, 0, count + 1)), begun.eq(~final)]
            with m.If(fill):
                m.d.sync += fill.eq(~final)
            with m.Elif(self.i.payload.last != final):
                m.d.sync += [fill.eq(~final), skip.eq(final)]
        with m.If(skip & self.i.valid & self.i.payload.last):
            m.d.sync += skip.eq(0)
        return m
