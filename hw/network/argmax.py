"""The number of the largest of a frame's values, behind them."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, ShapeLike, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.network.streams import value_layout

__all__ = ["ArgMaxLayer"]


class ArgMaxLayer(wiring.Component):
    """Pass the logits on, one a beat, and then the number of the largest; of equal ones the first.

    So a frame has ``classes + 1`` beats, and its ``last`` and ``bad`` come with the label. One beat
    a cycle; ``o`` is registered, and ``i.ready`` follows ``o.ready`` in the same cycle. Bit-exact
    to :class:`sw.network.graph.ArgMax`.

    Parameters
    ----------
    shape : ShapeLike
        Of a logit.
    output : ShapeLike
        Of a beat that leaves: holds a logit, and a label.
    classes : int

    Members
    -------
    i : ``In(stream.Signature(value_layout(shape, 1)))``
    o : ``Out(stream.Signature(value_layout(output, 1)))``
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, shape: ShapeLike, output: ShapeLike, classes: int) -> None:
        self.shape = shape
        self.classes = classes
        self.label = Signal(range(classes))
        super().__init__(
            {
                "i": In(stream.Signature(value_layout(shape, 1))),
                "o": Out(stream.Signature(value_layout(output, 1))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        number, label = Signal(range(self.classes)), self.label
        best = Signal(self.shape, reset_less=True)
        labelled, bad = Signal(), Signal()  # the label is next, and whether its frame is bad
        move, larger = Signal(), Signal()
        value, out = self.i.payload["values"][0], self.o.payload
        m.d.comb += [
            move.eq(~self.o.valid | self.o.ready),
            self.i.ready.eq(move & ~labelled),
            larger.eq((number == 0) | (value > best)),
        ]
        with m.If(move):
            m.d.sync += [
                self.o.valid.eq(self.i.valid | labelled),
                out["values"][0].eq(Mux(labelled, label, value)),
                out.last.eq(labelled),
                out.bad.eq(labelled & bad),
                labelled.eq(0),
            ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [
                number.eq(Mux(self.i.payload.last, 0, number + 1)),
                labelled.eq(self.i.payload.last),
                bad.eq(self.i.payload.bad),
            ]
            with m.If(larger):
                m.d.sync += [best.eq(value), label.eq(number)]
        return m
