"""The values of a sub-step, out of the window where the last beat ended."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Array, Module, Signal, Value, ValueLike
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hw.blocks.raster import pixel_layout
from hw.blocks.tapped_delay import TappedDelay
from hw.fold import FoldGeometry

__all__ = ["WindowFetch"]


class WindowFetch(wiring.Component):
    """Show the values that each lane needs.

    o[c][t] = i(age(tap)).channel, of channel lane c and tap lane t in the groups of ``step``  (1)

    :attr:`latency` enabled cycles later. The window ends with the last beat that moved; ``step``
    may be fetched from the cycle after that move to the cycle of the next one. What was fetched
    stays right while the window moves on.

    Parameters
    ----------
    geometry : FoldGeometry

    Members
    -------
    i : ``In(stream.Signature(pixel_layout(layer), always_ready=True))``
        Valid in the cycle of a move.
    step : ``In(geometry.step_layout)``
    enable : ``In(1)``
        The stages move.
    o : ``Out(value).array(channel lanes, tap lanes)``
    """

    i: stream.Interface
    step: data.View
    enable: Signal
    o: Any

    def __init__(self, geometry: FoldGeometry) -> None:
        self.geometry = geometry
        self.pixel = pixel_layout(geometry.config.layer)
        super().__init__(
            {
                "i": In(stream.Signature(self.pixel, always_ready=True)),
                "step": In(geometry.step_layout),
                "enable": In(1),
                "o": Out(geometry.value_shape).array(*geometry.values),
            }
        )

    @property
    def latency(self) -> int:
        """Enabled cycles from a sub-step to its values."""
        return self.geometry.fetch_latency

    def elaborate(self, platform: object) -> Module:
        m = Module()
        g = self.geometry
        if g.window_in_memory:
            pixels = [self._read(m, lane) for lane in range(g.taps.lanes)]
        else:
            pixels = self._selected(m)
        group: Value = self.step.channel
        for n in range(1, self.latency):
            group = self._register(m, group, f"group_{n}")
        # The last stage: the channels of the group.
        for c in range(g.channels.lanes):
            of_groups = [g.channels.part(n, c) or 0 for n in range(g.channels.groups)]
            for t, pixel in enumerate(pixels):
                chosen = Array(pixel[channel] for channel in of_groups)[group]
                if self.latency:
                    chosen = self._register(m, chosen, f"value_{c}_{t}")
                m.d.comb += self.o[c][t].eq(chosen)
        return m

    def _register(self, m: Module, value: ValueLike, name: str) -> Signal:
        register = Signal(Value.cast(value).shape(), name=name, reset_less=True)
        with m.If(self.enable):
            m.d.sync += register.eq(value)
        return register

    def _selected(self, m: Module) -> list[data.View]:
        """Stage 1: the pixel of each tap lane, out of the window's registers."""
        g = self.geometry
        lanes = [g.ages(lane) for lane in range(g.taps.lanes)]
        taps = sorted({age + 1 for ages in lanes for age in ages})
        m.submodules.window = window = TappedDelay(self.pixel, taps)
        m.d.comb += [
            window.i.valid.eq(self.i.valid),
            window.i.payload.eq(self.i.payload),
            window.o.ready.eq(1),
        ]
        pixels = []
        for lane, ages in enumerate(lanes):
            shown = [window.o.payload[taps.index(age + 1)] for age in ages]
            if not self.latency:
                pixels.append(shown[0])
                continue
            pixel = Signal(self.pixel, name=f"pixel_{lane}", reset_less=True)
            with m.If(self.enable):
                m.d.sync += pixel.eq(Array(map(Value.cast, shown))[self.step.tap])
            pixels.append(pixel)
        return pixels

    def _read(self, m: Module, lane: int) -> data.View:
        """Stage 1: the pixel of a tap lane, out of its own memory of the last beats.

        The beat to come is written in every cycle, and for good in that of its move, beside the
        window: a step in the write enables would come late, through their decoders.
        """
        ages = self.geometry.ages(lane)
        bits = ceil_log2(max(ages) + 2)
        memory = Memory(shape=self.pixel, depth=1 << bits, init=[], attrs={"no_rw_check": "1"})
        m.submodules[f"pixels_{lane}"] = memory
        write, read = memory.write_port(), memory.read_port()
        # Where the next beat goes; the window's last is one word before.
        head = Signal(bits, name=f"head_{lane}")
        offset = Signal(bits, name=f"offset_{lane}")
        with m.If(self.i.valid):
            m.d.sync += head.eq(head + 1)
        m.d.comb += [
            write.en.eq(1),
            write.addr.eq(head),
            write.data.eq(self.i.payload),
            offset.eq(Array((-age - 1) % (1 << bits) for age in ages)[self.step.tap]),
            read.en.eq(self.enable),
            read.addr.eq(head + offset),
        ]
        if self.geometry.channels.groups == 1:
            return read.data
        # Stage 2: hold it, for the memory is slow.
        pixel = Signal(self.pixel, name=f"pixel_{lane}", reset_less=True)
        with m.If(self.enable):
            m.d.sync += pixel.eq(read.data)
        return pixel
