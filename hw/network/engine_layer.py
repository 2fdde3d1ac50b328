"""An engine as a layer of a network: streams instead of buses, and its windows by one port."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.blocks.control_port import window_write_layout
from hw.blocks.raster import Raster
from hw.engine_core import EngineCore
from hw.network.lane_requantise import LaneRequantise
from hw.network.streams import value_layout
from hw.shapes import shape_of
from sw.config import EngineConfig
from sw.network.graph import Conv

__all__ = ["EngineLayer"]


class EngineLayer(EngineCore):
    """Convolve by an engine: all channels of a pixel in a beat, all kernels' outputs in a beat.

    Whatever way the products are made, with a template bank or without. An engine that puts out
    exact sums has the layer's requantiser behind it. A frame that comes bad leaves bad.
    Bit-exact to :class:`sw.network.graph.Conv`. ``o`` is registered, and so is ``i.ready``.

    Parameters
    ----------
    layer : Conv
    config : EngineConfig
        Of that layer.

    Members
    -------
    i : ``In(stream.Signature(value_layout(input_range, C)))``
    o : ``Out(stream.Signature(value_layout(output_range, K)))``
    i_write : ``In(stream.Signature(window_write_layout(config)))``, if it has windows
        While no frame is here, but for weights, which wait for that themselves.
    refused : ``Out(1)``
        A set of weights was dropped since the last ``clear``.
    clear : ``In(1)``
    """

    i: stream.Interface
    o: stream.Interface
    i_write: stream.Interface
    refused: Signal
    clear: Signal

    def __init__(self, layer: Conv, config: EngineConfig) -> None:
        self.layer = layer
        channels, kernels = layer.input_shape[0], layer.output_shape[0]
        value, output = shape_of(layer.input_range), shape_of(layer.output_range)
        members = {
            "i": In(stream.Signature(value_layout(value, channels))),
            "o": Out(stream.Signature(value_layout(output, kernels))),
            "refused": Out(1),
            "clear": In(1),
        }
        write = window_write_layout(config)
        if write["window"].width:
            members["i_write"] = In(stream.Signature(write))
        super().__init__(config, members)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.datapath = datapath = self.datapath
        m.submodules.closer = self.closer
        m.submodules.raster = raster = Raster(
            self.config.layer, drain=datapath.latency, judged=True
        )
        self._receive(m, raster)
        waiting = self.announce(m, raster)
        damaged = self.damaged(m)
        self.close(m, damaged)
        self._transmit(m)
        coming, held = Signal(), Signal()
        m.d.comb += coming.eq(raster.busy | waiting)
        m.d.sync += raster.run.eq(~held)
        if hasattr(self, "i_write"):
            self.configure(m, self.i_write)
            if self.config.run_time_weights:
                port = self.load_weights(m, self.i_write, coming | raster.run, held)
                m.d.comb += [port.clear.eq(self.clear), self.refused.eq(port.refused)]
        return m

    def _receive(self, m: Module, raster: Raster) -> None:
        """Take pixels; registers cut the ready path."""
        m.submodules.buffer = buffer = self.input_buffer(raster)
        taken = buffer.i.payload
        m.d.comb += [
            buffer.i.valid.eq(self.i.valid),
            taken.last.eq(self.i.payload.last),
            taken.bad.eq(self.i.payload.bad),
            self.i.ready.eq(buffer.i.ready),
        ]
        for n, value in enumerate(self.i.payload["values"]):
            m.d.comb += taken.pixel[n].eq(value)
        wiring.connect(m, buffer.o, raster.i)

    def _transmit(self, m: Module) -> None:
        """Hand on closed outputs; exact sums by way of the layer's requantiser."""
        closed, kernels = self.closer.o, self.layer.output_shape[0]
        exact = self.config.output.kind == "exact"
        finish = LaneRequantise(
            channels=kernels,
            lanes=kernels,
            sums=self.config.output_range,
            output_range=self.layer.output_range,
            requantise=self.layer.requantise if exact else None,
        )
        m.submodules.finish = finish
        m.d.comb += [
            finish.i.valid.eq(closed.valid),
            Value.cast(finish.i.payload["values"]).eq(closed.payload.y),
            finish.i.payload.last.eq(closed.payload.last),
            finish.i.payload.bad.eq(closed.payload.bad),
            closed.ready.eq(finish.i.ready),
        ]
        wiring.connect(m, finish.o, wiring.flipped(self.o))
