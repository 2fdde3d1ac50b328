"""The same pixels with more or fewer channels a beat."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, ShapeLike, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.network.streams import value_layout
from sw.network.window import groups_of

__all__ = ["LaneConverter"]


class LaneConverter(wiring.Component):
    """Hand on each pixel's channels ``outputs`` a beat, which came ``inputs`` a beat.

    One of the two is a multiple of the other. Beats that hold none of the pixel's channels are
    neither made nor expected. A narrowing one takes no beat while it hands one on; ``o`` is
    registered. ``i.ready`` follows ``o.ready`` in the same cycle.

    Parameters
    ----------
    shape : ShapeLike
        Of a value.
    channels, inputs, outputs : int

    Members
    -------
    i : ``In(stream.Signature(value_layout(shape, inputs)))``
    o : ``Out(stream.Signature(value_layout(shape, outputs)))``

    Raises
    ------
    ValueError
        If neither number of lanes is a multiple of the other.
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, shape: ShapeLike, *, channels: int, inputs: int, outputs: int) -> None:
        if inputs % outputs and outputs % inputs:
            raise ValueError(f"{inputs} and {outputs} lanes: neither is a multiple of the other")
        self.inputs, self.outputs = inputs, outputs
        self.groups_in, self.groups_out = groups_of(channels, inputs), groups_of(channels, outputs)
        super().__init__(
            {
                "i": In(stream.Signature(value_layout(shape, inputs))),
                "o": Out(stream.Signature(value_layout(shape, outputs))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if self.inputs >= self.outputs:
            self._narrow(m)
        else:
            self._widen(m)
        return m

    def _narrow(self, m: Module) -> None:
        """A beat is kept, and shifted out."""
        parts = self.inputs // self.outputs
        kept = Signal.like(Value.cast(self.i.payload["values"]), reset_less=True)
        last, bad = Signal(), Signal()
        part, group = Signal(range(parts)), Signal(range(self.groups_in))
        width = len(Value.cast(self.o.payload["values"]))
        in_last = self.groups_out - (self.groups_in - 1) * parts  # parts of a pixel's last beat
        final = Signal()
        m.d.comb += [
            final.eq(part == Mux(group == self.groups_in - 1, in_last - 1, parts - 1)),
            Value.cast(self.o.payload["values"]).eq(kept[:width]),
            self.o.payload.last.eq(last & final),
            self.o.payload.bad.eq(bad & final),
            self.i.ready.eq(~self.o.valid | (self.o.ready & final)),
        ]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += [part.eq(part + 1), kept.eq(kept >> width)]
            with m.If(final):
                m.d.sync += [part.eq(0), self.o.valid.eq(0)]
                m.d.sync += group.eq(Mux(group == self.groups_in - 1, 0, group + 1))
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [
                self.o.valid.eq(1),
                kept.eq(self.i.payload["values"]),
                last.eq(self.i.payload.last),
                bad.eq(self.i.payload.bad),
            ]

    def _widen(self, m: Module) -> None:
        """Beats are collected, the lowest first, and aligned when a pixel ends early."""
        parts = self.outputs // self.inputs
        width = len(Value.cast(self.i.payload["values"]))
        part, group = Signal(range(parts)), Signal(range(self.groups_in))
        complete = Signal()
        pixel_ends = group == self.groups_in - 1
        kept = Value.cast(self.o.payload["values"])
        m.d.comb += [
            complete.eq((part == parts - 1) | pixel_ends),
            self.i.ready.eq(~self.o.valid | self.o.ready),
        ]
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(self.i.valid & self.i.ready):
            for n in range(parts):
                with m.If(part == n):
                    m.d.sync += kept.word_select(n, width).eq(self.i.payload["values"])
            m.d.sync += [
                self.o.payload.last.eq(self.i.payload.last),
                self.o.payload.bad.eq(self.i.payload.bad),
                self.o.valid.eq(complete),
                part.eq(Mux(complete, 0, part + 1)),
                group.eq(Mux(pixel_ends, 0, group + 1)),
            ]
