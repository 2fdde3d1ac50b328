"""The convolution engine: AXI4-Stream in, AXI4-Stream out, AXI4-Lite control."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Member, Out

from hw.blocks.axi import AxiLite, AxiLiteSignature
from hw.blocks.axis import AxiStream, AxiStreamSignature
from hw.blocks.control_port import ControlPort
from hw.blocks.counters import Counters
from hw.blocks.raster import Raster, pixel_layout
from hw.datapath import output_layout
from hw.engine_core import EngineCore
from hw.shapes import byte_width
from sw.config import EngineConfig

__all__ = ["Engine"]


class Engine(EngineCore):
    """Convolve frames with the kernels of a layer; see ``docs/developer/architecture.md``.

    One pixel a clock once the reuse table knows the data; the padded frame's size in clocks a
    frame. Exactly :func:`sw.reference.run`, and its counters are :func:`sw.reuse.predict`'s.

    Parameters
    ----------
    config : EngineConfig

    Members
    -------
    s_axis : ``In(AxiStreamSignature(...))``
        Pixels, channel 0 in the low bits; ``tlast`` with the last of a frame.
    m_axis : ``Out(AxiStreamSignature(..., user_bits=1))``
        Output words, kernel 0 in the low bits; ``tlast`` with the last of a frame, and with it
        ``tuser`` if the frame came too short or too long.
    s_axil : ``In(AxiLiteSignature())``
    s_weight : ``In(AxiStreamSignature(...))``, only with run-time weights
        Sets of weights, signed, one a beat in the order of (C, L, kh, kw); ``tlast`` with the last
        of a set, which takes effect at the next frame boundary.
    """

    s_axis: AxiStream
    m_axis: AxiStream
    s_axil: AxiLite
    s_weight: AxiStream

    def __init__(self, config: EngineConfig) -> None:
        pixel, output = pixel_layout(config.layer).size, output_layout(config).size
        members: dict[str, Member] = {
            "s_axis": In(AxiStreamSignature(data_bits=byte_width(pixel))),
            "m_axis": Out(AxiStreamSignature(data_bits=byte_width(output), user_bits=1)),
            "s_axil": In(AxiLiteSignature()),
        }
        if config.run_time_weights:
            weight = AxiStreamSignature(data_bits=byte_width(config.layer.weight_format.bits))
            members["s_weight"] = In(weight)
        super().__init__(config, members)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.datapath = self.datapath
        events = self.datapath.events.shape()
        m.submodules.counters = counters = Counters(self.config, events)
        m.submodules.control = control = ControlPort(self.config, counters.names)
        m.submodules.raster = raster = Raster(self.config.layer, drain=self.datapath.latency)
        m.submodules.closer = closer = self.closer
        wiring.connect(m, wiring.flipped(self.s_axil), control.bus)
        self._receive(m, raster)
        waiting = self.announce(m, raster)
        damaged = self.damaged(m)
        self.close(m, damaged)
        self._transmit(m)
        self.configure(m, control.o_write)

        coming, busy, held = Signal(), Signal(), Signal()
        if self.config.run_time_weights:
            port = self.load_weights(m, control.o_write, coming | raster.run, held)
            m.d.comb += [
                port.i.valid.eq(self.s_weight.tvalid),
                port.i.payload.weight.eq(self.s_weight.tdata),
                port.i.payload.last.eq(self.s_weight.tlast),
                self.s_weight.tready.eq(port.i.ready),
                port.clear.eq(control.clear_counters),
                control.refused.eq(port.refused),
            ]
        # Late by a cycle, and safe: no frame begins while neither the raster nor the port runs.
        m.d.sync += [
            raster.run.eq(control.run & ~held),
            control.idle.eq(~busy & ~raster.run),
        ]
        m.d.comb += [
            coming.eq(raster.busy | waiting),
            busy.eq(coming | closer.busy),
            control.in_frame.eq(raster.in_frame),
            control.damaged.eq(damaged),
            control.i_count.valid.eq(counters.o.valid),
            control.i_count.payload.eq(counters.o.payload),
            counters.clear.eq(control.clear_counters),
            self.datapath.flush.eq(control.flush_table),
        ]
        events, sent = counters.events, Signal()
        m.d.comb += [
            sent.eq(closer.o.valid & closer.o.ready),
            events.busy.eq(busy),
            events.last.eq(sent & closer.o.payload.last),
            events.bad.eq(sent & closer.o.payload.last & closer.o.payload.bad),
            events.strategy.eq(self.datapath.events),
        ]
        return m

    def _receive(self, m: Module, raster: Raster) -> None:
        """Take pixels from the bus; registers cut its ready path."""
        m.submodules.buffer = buffer = self.input_buffer(raster)
        m.d.comb += [
            buffer.i.valid.eq(self.s_axis.tvalid),
            buffer.i.payload.last.eq(self.s_axis.tlast),
            Value.cast(buffer.i.payload.pixel).eq(self.s_axis.tdata),
            self.s_axis.tready.eq(buffer.i.ready),
        ]
        wiring.connect(m, buffer.o, raster.i)

    def _transmit(self, m: Module) -> None:
        """Put closed outputs on the bus."""
        closed = self.closer.o
        m.d.comb += [
            self.m_axis.tvalid.eq(closed.valid),
            self.m_axis.tdata.eq(closed.payload.y),
            self.m_axis.tlast.eq(closed.payload.last),
            self.m_axis.tuser.eq(closed.payload.bad),
            closed.ready.eq(self.m_axis.tready),
        ]
