"""Bytes to beats: as many bytes as a beat has, side by side."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["BeatPacker"]


class BeatPacker(wiring.Component):
    """Put bytes together to beats, the first byte in the low bits.

    While a beat waits no byte is taken: a beat every ``count + 1`` cycles.

    Parameters
    ----------
    count : int
        Bytes of a beat.

    Members
    -------
    i : ``In(stream.Signature({"data": 8, "last": 1}))``
        ``last`` counts with a beat's last byte alone.
    o : ``Out(stream.Signature({"data": 8 * count, "last": 1}))``
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, count: int) -> None:
        self.count = count
        beat = data.StructLayout({"data": 8 * count, "last": 1})
        super().__init__(
            {
                "i": In(stream.Signature(data.StructLayout({"data": 8, "last": 1}))),
                "o": Out(stream.Signature(beat)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        index = Signal(range(self.count))
        m.d.comb += self.i.ready.eq(~self.o.valid)
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(self.i.valid & self.i.ready):
            word = self.o.payload.data
            m.d.sync += [
                word.eq(Cat(word[8:], self.i.payload.data)),
                self.o.payload.last.eq(self.i.payload.last),
                index.eq(index + 1),
            ]
            with m.If(index == self.count - 1):
                m.d.sync += [index.eq(0), self.o.valid.eq(1)]
        return m
