"""Maximum or average of each channel's windows."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.network.lane_requantise import LaneRequantise
from hw.network.streams import value_layout
from hw.network.window_reader import WindowReader
from hw.shapes import shape_of
from sw.network.graph import Pool
from sw.network.plan import PoolPlan, geometry_of
from sw.numeric import IntRange

__all__ = ["PoolLayer"]


class PoolLayer(wiring.Component):
    """Reduce each window to one value a channel, a cell a cycle.

    o[c] = requantise(max or sum of x[c] over the window)                                     (1)

    ``plan.channels`` channels at once; a window of all channels takes a cycle for each cell and
    group of channels. Bit-exact to :class:`sw.network.graph.Pool`. ``o`` is registered; ``i.ready``
    does not depend on ``o.ready``.

    Parameters
    ----------
    layer : Pool
    plan : PoolPlan

    Members
    -------
    i : ``In(stream.Signature(value_layout(input_range, plan.channels)))``
    o : ``Out(stream.Signature(value_layout(output_range, plan.channels)))``
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, layer: Pool, plan: PoolPlan) -> None:
        self.layer = layer
        self.plan = plan
        value = shape_of(layer.input_range)
        self.geometry = geometry_of(layer, plan)
        self.reader = WindowReader(value, self.geometry, padding_value=layer.padding_value)
        self.sums = IntRange.union_of(layer.accumulator_ranges)
        self.requantise = LaneRequantise(
            channels=layer.input_shape[0],
            lanes=plan.channels,
            sums=self.sums,
            output_range=layer.output_range,
            requantise=layer.requantise,
        )
        output = shape_of(layer.output_range)
        super().__init__(
            {
                "i": In(stream.Signature(value_layout(value, plan.channels))),
                "o": Out(stream.Signature(value_layout(output, plan.channels))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.reader = reader = self.reader
        m.submodules.requantise = finish = self.requantise
        wiring.connect(m, wiring.flipped(self.i), reader.i)
        wiring.connect(m, finish.o, wiring.flipped(self.o))
        move = Signal()
        cell, out = reader.o.payload, finish.i.payload
        m.d.comb += [move.eq(~finish.i.valid | finish.i.ready), reader.o.ready.eq(move)]
        with m.If(move):
            m.d.sync += [
                finish.i.valid.eq(reader.o.valid & cell.last),
                out.last.eq(cell.final),
                out.bad.eq(cell.bad),
            ]
        for n, value in enumerate(cell["values"]):
            total = Signal(shape_of(self.sums), name=f"total_{n}", reset_less=True)
            with m.If(move & reader.o.valid):
                m.d.sync += total.eq(Mux(cell.first, value, self._reduced(total, value)))
            m.d.comb += out["values"][n].eq(total)
        return m

    def _reduced(self, total: Signal, value: Value) -> Value:
        """What is known of a window, and one cell more."""
        if self.layer.kind == "average":
            return total + value
        return Mux(value > total, value, total)
