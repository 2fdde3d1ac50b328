"""Beats to bytes, the low bits first."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["BeatUnpacker"]


class BeatUnpacker(wiring.Component):
    """Take beats apart into bytes, through a register. One byte a cycle, a cycle late.

    A beat is taken with its last byte, so it is held by who offers it and not here.
    ``i.ready`` follows ``o.ready`` in the same cycle.

    Parameters
    ----------
    count : int
        Bytes of a beat.

    Members
    -------
    i : ``In(stream.Signature({"data": 8 * count, "last": 1, "bad": 1}))``
    o : ``Out(stream.Signature({"data": 8, "last": 1, "bad": 1}))``
        ``last`` and ``bad`` come with the beat's last byte.
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, count: int) -> None:
        self.count = count
        beat = data.StructLayout({"data": 8 * count, "last": 1, "bad": 1})
        byte = data.StructLayout({"data": 8, "last": 1, "bad": 1})
        super().__init__({"i": In(stream.Signature(beat)), "o": Out(stream.Signature(byte))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        index, final = Signal(range(self.count)), Signal()
        m.d.comb += final.eq(index == self.count - 1)
        with m.If(self.o.ready | ~self.o.valid):
            m.d.comb += self.i.ready.eq(final)
            m.d.sync += [
                self.o.valid.eq(self.i.valid),
                self.o.payload.data.eq(self.i.payload.data.word_select(index, 8)),
                self.o.payload.last.eq(self.i.payload.last & final),
                self.o.payload.bad.eq(self.i.payload.bad & final),
            ]
            with m.If(self.i.valid):
                m.d.sync += index.eq(index + 1)
                with m.If(final):
                    m.d.sync += index.eq(0)
        return m
