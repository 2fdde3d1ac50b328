"""What an engine is made of, whatever it is reached by: buses, or the streams of a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from amaranth.hdl import Const, Module, ShapeLike, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import Member

from hw.blocks.frame_closer import FrameCloser
from hw.blocks.half_buffer import HalfBuffer
from hw.blocks.kernel_registers import KernelRegisters
from hw.blocks.launch import Launch
from hw.blocks.memory_queue import MemoryQueue
from hw.blocks.raster import Raster, ends_with_last, pixel_layout
from hw.blocks.skid_buffer import SkidBuffer
from hw.blocks.stream_buffer import StreamBuffer
from hw.blocks.weight_port import WeightPort
from hw.datapath import Datapath, output_layout
from hw.pace import Pace, cycles_per_frame
from sw.config import EngineConfig

__all__ = ["EngineCore"]


_HOPS = 2
"""Registers between the decision that a beat moves and the datapath, where both can be apart."""


def _output_queue(config: EngineConfig, hops: int) -> Callable[[ShapeLike], StreamBuffer]:
    """Where outputs wait: one register is enough where none follows in the next cycle."""
    if config.several_cycles:
        return HalfBuffer
    if config.output.queue == "memory":
        return partial(MemoryQueue, foresight=hops)
    return SkidBuffer


class EngineCore(wiring.Component):
    """The datapath of an engine, the end of its frames, and what joins and sets them.

    Parameters
    ----------
    config : EngineConfig
    members : mapping of str to Member
        Of the component that it is the core of.
    """

    def __init__(self, config: EngineConfig, members: Mapping[str, Member]) -> None:
        self.config = config
        self.datapath = Datapath(config)
        self.pixel = pixel_layout(config.layer)
        self.output = output_layout(config)
        # Beats can be sent on a long way if nothing holds them at its end, and results have room.
        spread = config.output.queue == "memory" and not config.several_cycles
        self.hops = _HOPS if spread and not self.datapath.holds else 0
        self.closer = FrameCloser(
            self.output,
            queue=_output_queue(config, self.hops),
            ends_late=not ends_with_last(config.layer),
        )
        super().__init__(members)

    @property
    def latency(self) -> int:
        """Cycles from the last pixel of a window to its output, when nothing waits.

        One each in the input's buffer, the raster and at full rate the beats' buffer, and those of
        the way to the datapath and of the frame closer.
        """
        buffers = 2 if self.config.several_cycles else 3
        return self.datapath.latency + buffers + self.hops + self.closer.latency

    @property
    def cycles_per_frame(self) -> int:
        """Cycles from frame to frame, when nothing waits for pixels, outputs or misses.

        The buffer of folded engines takes a pixel every other cycle. Padding does not pass it,
        which is not counted.
        """
        buffer = [Pace(hold=2, hold_emitting=2)] if self.config.several_cycles else []
        return cycles_per_frame(self.config.layer, [*self.datapath.paces, *buffer])

    def input_buffer(self, raster: Raster) -> StreamBuffer:
        """Where pixels wait for the raster."""
        buffer = HalfBuffer if self.config.several_cycles else SkidBuffer
        return buffer(raster.i.payload.shape())

    def announce(self, m: Module, raster: Raster) -> Value:
        """Bring beats to the datapath, whose pace hangs on what comes next.

        At full rate they wait in a buffer, so that registers alone say what comes; where a beat
        lasts several cycles there is time. Returns whether a beat waits there, or is on its way.
        """
        datapath = self.datapath
        if self.config.several_cycles:
            wiring.connect(m, raster.o, datapath.i)
            m.d.comb += [
                datapath.i_next.eq(raster.o_next),
                datapath.o_next.eq(self.closer.i_next),
            ]
            return Const(0)
        m.submodules.beats = beats = SkidBuffer(raster.o.payload.shape())
        wiring.connect(m, raster.o, beats.i)
        if self.hops:
            return beats.busy | self._launch(m, beats)
        wiring.connect(m, beats.o, datapath.i)
        m.d.comb += [
            datapath.i_next.eq(beats.o_next),
            datapath.o_next.eq(self.closer.i_next),
        ]
        return beats.busy

    def _launch(self, m: Module, beats: SkidBuffer) -> Value:
        """Send beats on a long way; returns whether one is under way."""
        datapath = self.datapath
        m.submodules.launch = launch = Launch(beats.shape, hops=self.hops)
        wiring.connect(m, beats.o, launch.i)
        m.d.comb += [
            launch.i_next.eq(beats.o_next),
            launch.room.eq(self.closer.i_next),
            datapath.i.valid.eq(launch.o.valid),
            datapath.i.payload.eq(launch.o.payload),
            datapath.i_next.eq(launch.o_next),
            datapath.o_next.eq(1),
        ]
        return launch.busy

    def damaged(self, m: Module) -> Signal:
        """Whether outputs may come of a damaged weight: until a new set takes effect."""
        damaged = Signal()
        if self.config.run_time_weights:
            was_damaged = Signal()
            m.d.comb += damaged.eq(was_damaged | self.datapath.damaged)
            m.d.sync += was_damaged.eq(damaged & ~self.datapath.swap)
        return damaged

    def close(self, m: Module, damaged: Signal) -> None:
        """Bring outputs to the closer; a frame that used a ``damaged`` weight is bad."""
        result, beat = self.datapath.o, self.closer.i.payload
        m.d.comb += [
            self.closer.i.valid.eq(result.valid),
            result.ready.eq(self.closer.i.ready),
            beat.y.eq(result.payload.y),
            beat.emit.eq(result.payload.marks.emit),
            beat.last.eq(result.payload.marks.last),
            beat.end.eq(result.payload.marks.end),
            beat.bad.eq(result.payload.marks.bad | damaged),
        ]

    def configure(self, m: Module, write: stream.Interface) -> None:
        """Bring window writes to the biases, factors and magnitudes that they set."""
        config = self.config
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

    def load_weights(
        self, m: Module, write: stream.Interface, coming: Value, held: Signal
    ) -> WeightPort:
        """Take sets of weights; swap them in when no beat is ``coming``, nor may begin to.

        From the cycle after ``held`` on, none may.
        """
        m.submodules.weight_port = port = WeightPort(self.config)
        m.submodules.weight_buffer = buffer = HalfBuffer(port.o.payload.shape())
        chosen = write.valid & write.payload.window.weight
        still = Signal()  # and it stays so while the set is pending
        m.d.sync += still.eq(port.pending & ~coming)
        m.d.comb += [
            port.i_write.valid.eq(chosen),
            port.i_write.payload.index.eq(write.payload.index),
            port.i_write.payload.weight.eq(write.payload.data),
            port.swap.eq(port.pending & still & ~buffer.busy & self.datapath.loaded),
            self.datapath.swap.eq(port.swap),
            held.eq(port.pending),
        ]
        with m.If(chosen):
            m.d.comb += write.ready.eq(port.i_write.ready)
        wiring.connect(m, port.o, buffer.i)
        wiring.connect(m, buffer.o, self.datapath.i_weight)
        return port
