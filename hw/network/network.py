"""A network with the buses of an engine: AXI4-Stream in and out, AXI4-Lite control."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.blocks.axi import AxiLite, AxiLiteSignature
from hw.blocks.axis import AxiStream, AxiStreamSignature
from hw.blocks.half_buffer import HalfBuffer
from hw.blocks.skid_buffer import SkidBuffer
from hw.network.chain import Chain, ComputingLayer, output_shape
from hw.network.control import NetworkControl
from hw.network.counter_bank import CounterBank
from hw.network.engine_layer import EngineLayer
from hw.network.frame_guard import FrameGuard
from hw.network.mac_layer import MacLayer
from hw.shapes import byte_width
from sw.network.config import NetworkConfig
from sw.network.loading import WINDOW_BITS
from sw.network.plan import plans_of
from sw.network.registers import counter_names

__all__ = ["Accelerator"]

_FRAME_BITS = 12
"""Of the count of frames in flight; a chain holds far fewer."""


class Accelerator(wiring.Component):
    """Classify frames: pixels in, logits and a label out; see :class:`~hw.network.chain.Chain`.

    Parameters
    ----------
    config : NetworkConfig
        With every layer's settings filled in, as :func:`sw.network.planner.plan` does.

    Members
    -------
    s_axis : ``In(AxiStreamSignature(...))``
        Pixels, channel 0 in the low bits; ``tlast`` with the last of a frame.
    m_axis : ``Out(AxiStreamSignature(..., user_bits=1))``
        One value a beat, its sign extended to whole bytes: the logits, then the label; or the last
        frame, pixel by pixel. ``tlast`` with the last, and with it ``tuser`` if the frame came too
        short or too long.
    s_axil : ``In(AxiLiteSignature())``
        :func:`sw.network.registers.network_registers`.
    """

    s_axis: AxiStream
    m_axis: AxiStream
    s_axil: AxiLite

    def __init__(self, config: NetworkConfig) -> None:
        self.config = config
        self.network = network = config.network
        self.chain = Chain(network, plans_of(config))
        channels, height, width = network.input_shape
        self.guard = FrameGuard(self.chain.value, channels=channels, pixels=height * width)
        pixel = byte_width(channels * self.chain.value.width)
        output = byte_width(output_shape(network).width)
        super().__init__(
            {
                "s_axis": In(AxiStreamSignature(data_bits=pixel)),
                "m_axis": Out(AxiStreamSignature(data_bits=output, user_bits=1)),
                "s_axil": In(AxiLiteSignature()),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.control = control = NetworkControl(self.network)
        m.submodules.counters = counters = CounterBank(len(counter_names(self.network)))
        m.submodules.guard = guard = self.guard
        m.submodules.chain = chain = self.chain
        wiring.connect(m, wiring.flipped(self.s_axil), control.bus)
        wiring.connect(m, guard.o, chain.i)
        wiring.connect(m, counters.o, control.i_count)
        self._receive(m)
        sent = self._transmit(m)
        ends = sent & self.m_axis.tlast
        frames = Signal(_FRAME_BITS)
        m.d.sync += frames.eq(frames + guard.begins - ends)
        busy = guard.in_frame | (frames != 0)
        m.d.comb += [
            guard.run.eq(control.run),
            control.idle.eq(~busy),
            control.in_frame.eq(guard.in_frame),
            counters.clear.eq(control.clear),
        ]
        events = [ends, busy, ends & self.m_axis.tuser]
        for layer in chain.layers:
            events += [_steps(layer), layer.o.valid & ~layer.o.ready]
        m.d.sync += counters.events.eq(Cat(events))
        self._load(m, control)
        return m

    def _receive(self, m: Module) -> None:
        """Take pixels from the bus; registers cut its ready path."""
        guard = self.guard
        m.submodules.input_buffer = buffer = SkidBuffer(guard.i.payload.shape())
        taken = buffer.i.payload
        m.d.comb += [
            buffer.i.valid.eq(self.s_axis.tvalid),
            taken.last.eq(self.s_axis.tlast),
            Value.cast(taken["values"]).eq(self.s_axis.tdata),
            self.s_axis.tready.eq(buffer.i.ready),
        ]
        wiring.connect(m, buffer.o, guard.i)

    def _transmit(self, m: Module) -> Value:
        """Put values on the bus; registers cut its ready path. Returns whether one moves."""
        chain = self.chain
        m.submodules.output_buffer = buffer = HalfBuffer(chain.o.payload.shape())
        wiring.connect(m, chain.o, buffer.i)
        value = output_shape(self.network)
        word = Signal(value)
        m.d.comb += [
            word.eq(buffer.o.payload["values"][0]),
            self.m_axis.tdata.eq(word),
            self.m_axis.tvalid.eq(buffer.o.valid),
            self.m_axis.tlast.eq(buffer.o.payload.last),
            self.m_axis.tuser.eq(buffer.o.payload.bad),
            buffer.o.ready.eq(self.m_axis.tready),
        ]
        return buffer.o.valid & self.m_axis.tready

    def _load(self, m: Module, control: NetworkControl) -> None:
        """Bring words to the layers that they are for; one for no layer is dropped."""
        load, refused = control.o_load, []
        m.d.comb += load.ready.eq(1)
        for n, layer in enumerate(self.chain.layers):
            mine = load.valid & (load.payload.layer == n)
            if isinstance(layer, EngineLayer):
                refused.append(layer.refused)
                m.d.comb += layer.clear.eq(control.clear)
            write = getattr(self.chain, f"write_{n}", None)
            if write is None:
                continue
            m.d.comb += write.valid.eq(mine)
            m.d.comb += write.payload.data.eq(load.payload.data)
            m.d.comb += write.payload.index.eq(load.payload.index)
            if isinstance(layer, EngineLayer):
                windows = Value.cast(write.payload.window)
                m.d.comb += windows.eq(1 << load.payload.index[-WINDOW_BITS:])
                with m.If(mine):
                    m.d.comb += load.ready.eq(write.ready)
        m.d.comb += control.refused.eq(Cat(refused).any())


def _steps(layer: ComputingLayer) -> Value:
    """Whether a layer does a step of its work."""
    if isinstance(layer, EngineLayer):
        return layer.o.valid & layer.o.ready
    steps = layer.steps if isinstance(layer, MacLayer) else layer.reader.o
    return steps.valid & steps.ready
