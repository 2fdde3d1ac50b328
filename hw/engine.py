"""The convolution engine: AXI4-Stream in, AXI4-Stream out, AXI4-Lite control."""

from __future__ import annotations

from amaranth.hdl import Const, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.blocks.axi import AxiLite, AxiLiteSignature
from hw.blocks.axis import AxiStream, AxiStreamSignature
from hw.blocks.control_port import ControlPort
from hw.blocks.counters import Counters
from hw.blocks.frame_closer import FrameCloser
from hw.blocks.half_buffer import HalfBuffer
from hw.blocks.kernel_registers import KernelRegisters
from hw.blocks.memory_queue import MemoryQueue
from hw.blocks.raster import Raster, ends_with_last, pixel_layout
from hw.blocks.skid_buffer import SkidBuffer
from hw.blocks.stream_buffer import StreamBuffer
from hw.blocks.weight_port import WeightPort
from hw.datapath import Datapath, output_layout
from hw.pace import Pace, cycles_per_frame
from hw.shapes import byte_width
from sw.config import EngineConfig

__all__ = ["Engine"]


def _output_queue(config: EngineConfig) -> type[StreamBuffer]:
    """Where outputs wait: one register is enough where none follows in the next cycle."""
    if config.several_cycles:
        return HalfBuffer
    return MemoryQueue if config.output.queue == "memory" else SkidBuffer


class Engine(wiring.Component):
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
        self.config = config
        self.datapath = Datapath(config)
        self.pixel = pixel_layout(config.layer)
        self.output = output_layout(config)
        self.closer = FrameCloser(
            self.output, queue=_output_queue(config), ends_late=not ends_with_last(config.layer)
        )
        members = {
            "s_axis": In(AxiStreamSignature(data_bits=byte_width(self.pixel.size))),
            "m_axis": Out(AxiStreamSignature(data_bits=byte_width(self.output.size), user_bits=1)),
            "s_axil": In(AxiLiteSignature()),
        }
        if config.run_time_weights:
            weight = AxiStreamSignature(data_bits=byte_width(config.layer.weight_format.bits))
            members["s_weight"] = In(weight)
        super().__init__(members)

    @property
    def latency(self) -> int:
        """Cycles from the last pixel of a window to its output, when nothing waits.

        One each in the input's buffer, the raster and at full rate the beats' buffer, and those of
        the frame closer.
        """
        buffers = 2 if self.config.several_cycles else 3
        return self.datapath.latency + buffers + self.closer.latency

    @property
    def cycles_per_frame(self) -> int:
        """Cycles from frame to frame, when nothing waits for pixels, outputs or misses.

        The buffer of folded engines takes a pixel every other cycle. Padding does not pass it,
        which is not counted.
        """
        buffer = [Pace(hold=2, hold_emitting=2)] if self.config.several_cycles else []
        return cycles_per_frame(self.config.layer, [*self.datapath.paces, *buffer])

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
        waiting = self._announce(m, raster)
        damaged = self._damaged(m)
        self._transmit(m, closer, damaged)
        self._configure(m, control)

        coming, busy, held = Signal(), Signal(), Signal()
        if self.config.run_time_weights:
            self._load_weights(m, control, coming, held)
        m.d.comb += [
            coming.eq(raster.busy | waiting),
            busy.eq(coming | closer.busy),
            self.datapath.o_next.eq(closer.i_next),
            raster.run.eq(control.run & ~held),
            control.idle.eq(~busy),
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
        buffer = (HalfBuffer if self.config.several_cycles else SkidBuffer)(
            raster.i.payload.shape()
        )
        m.submodules.buffer = buffer
        m.d.comb += [
            buffer.i.valid.eq(self.s_axis.tvalid),
            buffer.i.payload.last.eq(self.s_axis.tlast),
            Value.cast(buffer.i.payload.pixel).eq(self.s_axis.tdata),
            self.s_axis.tready.eq(buffer.i.ready),
        ]
        wiring.connect(m, buffer.o, raster.i)

    def _announce(self, m: Module, raster: Raster) -> Value:
        """Bring beats to the datapath, whose pace hangs on what comes next.

        At full rate they wait in a buffer, so that registers alone say what comes; where a beat
        lasts several cycles there is time. Returns whether a beat waits there.
        """
        datapath = self.datapath
        if self.config.several_cycles:
            wiring.connect(m, raster.o, datapath.i)
            m.d.comb += datapath.i_next.eq(raster.o_next)
            return Const(0)
        m.submodules.beats = beats = SkidBuffer(raster.o.payload.shape())
        wiring.connect(m, raster.o, beats.i)
        wiring.connect(m, beats.o, datapath.i)
        m.d.comb += datapath.i_next.eq(beats.o_next)
        return beats.busy

    def _transmit(self, m: Module, closer: FrameCloser, damaged: Signal) -> None:
        """Put closed outputs on the bus; a frame that used a ``damaged`` weight is bad."""
        result, beat = self.datapath.o, closer.i.payload
        m.d.comb += [
            closer.i.valid.eq(result.valid),
            result.ready.eq(closer.i.ready),
            beat.y.eq(result.payload.y),
            beat.emit.eq(result.payload.marks.emit),
            beat.last.eq(result.payload.marks.last),
            beat.end.eq(result.payload.marks.end),
            beat.bad.eq(result.payload.marks.bad | damaged),
            self.m_axis.tvalid.eq(closer.o.valid),
            self.m_axis.tdata.eq(closer.o.payload.y),
            self.m_axis.tlast.eq(closer.o.payload.last),
            self.m_axis.tuser.eq(closer.o.payload.bad),
            closer.o.ready.eq(self.m_axis.tready),
        ]

    def _damaged(self, m: Module) -> Signal:
        """Whether outputs may come of a damaged weight: until a new set takes effect."""
        damaged = Signal()
        if self.config.run_time_weights:
            was_damaged = Signal()
            m.d.comb += damaged.eq(was_damaged | self.datapath.damaged)
            m.d.sync += was_damaged.eq(damaged & ~self.datapath.swap)
        return damaged

    def _configure(self, m: Module, control: ControlPort) -> None:
        """Bring window writes to the biases, factors and magnitudes that they set."""
        config, write = self.config, control.o_write
        vectors = {
            "bias": (config.bias_bits, config.bias),
            "scale": (config.output.scale_bits, config.scale),
            "magnitude": (config.magnitude_bits, config.magnitudes),
        }
        m.d.comb += write.ready.eq(1)
        windows = [name for name, _ in write.payload.shape()["window"].shape]
        for name, (width, init) in vectors.items():
            if name not in windows:
                continue
            m.submodules[name] = registers = KernelRegisters(width, init.tolist())
            m.d.comb += [
                registers.i.valid.eq(write.valid & write.payload.window[name]),
                registers.i.payload.index.eq(write.payload.index),
                registers.i.payload.data.eq(write.payload.data),
                Value.cast(getattr(self.datapath, name)).eq(registers.o),
            ]

    def _load_weights(self, m: Module, control: ControlPort, coming: Signal, held: Signal) -> None:
        """Take sets of weights; between two frames, when no beat is ``coming``, swap them in."""
        m.submodules.weight_port = port = WeightPort(self.config)
        m.submodules.weight_buffer = buffer = HalfBuffer(port.o.payload.shape())
        write = control.o_write
        chosen = write.valid & write.payload.window.weight
        m.d.comb += [
            port.i.valid.eq(self.s_weight.tvalid),
            port.i.payload.weight.eq(self.s_weight.tdata),
            port.i.payload.last.eq(self.s_weight.tlast),
            self.s_weight.tready.eq(port.i.ready),
            port.i_write.valid.eq(chosen),
            port.i_write.payload.index.eq(write.payload.index),
            port.i_write.payload.weight.eq(write.payload.data),
            port.clear.eq(control.clear_counters),
            port.swap.eq(port.pending & ~buffer.busy & self.datapath.loaded & ~coming),
            self.datapath.swap.eq(port.swap),
            control.refused.eq(port.refused),
            held.eq(port.pending),
        ]
        with m.If(chosen):
            m.d.comb += write.ready.eq(port.i_write.ready)
        wiring.connect(m, port.o, buffer.i)
        wiring.connect(m, buffer.o, self.datapath.i_weight)
