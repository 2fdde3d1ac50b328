"""The datapath: beats in, one output word of every kernel out, all paths aligned."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from amaranth.hdl import Module, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.bank_plan import plan_bank
from hw.blocks.bias_adder import BiasAdder
from hw.blocks.raster import MARKS, beat_layout, pixel_layout
from hw.blocks.requantise import Requantise
from hw.blocks.reuse_table import ReuseTable, table_events_layout
from hw.blocks.tapped_delay import TappedDelay
from hw.blocks.template_bank import TemplateBank
from hw.blocks.transposed_accumulator import TransposedAccumulator
from hw.shapes import shape_of
from sw.config import EngineConfig

__all__ = ["Datapath", "output_layout", "result_layout"]


def output_layout(config: EngineConfig) -> data.ArrayLayout:
    """One output word a kernel, kernel 0 in the low bits."""
    return data.ArrayLayout(shape_of(config.output_range), config.layer.kernels)


def result_layout(config: EngineConfig) -> data.StructLayout:
    """The output words, and the marks of the beat they belong to."""
    return data.StructLayout({"y": output_layout(config), "marks": MARKS})


class Datapath(wiring.Component):
    """Compute every kernel at every beat.

    The reuse table may hold a beat; all else is beat-synchronous and moves with it. The shorter
    of the two paths (bank; table and accumulators) gets its pixels later, since a pixel is
    narrower than a sum. ``o.valid`` and ``i.ready`` follow ``i.valid`` and ``o.ready`` in the same
    cycle.

    Parameters
    ----------
    config : EngineConfig

    Members
    -------
    i : ``In(stream.Signature(beat_layout(layer)))``
    o : ``Out(stream.Signature(result_layout(config)))``
        Results :attr:`latency` beats later.
    bias : as :class:`BiasAdder`, only where there is one
    scale : as :class:`Requantise`, only where it has a factor
    flush : ``In(1)``
        Empty the reuse table.
    i_weight : as :class:`ReuseTable`, only with learned kernels
    events : ``Out(table_events_layout(channels))``
    """

    i: stream.Interface
    o: stream.Interface
    i_weight: stream.Interface
    bias: data.View
    scale: data.View
    flush: Value
    events: data.View

    def __init__(self, config: EngineConfig) -> None:
        self.config = config
        self.bank = TemplateBank(plan_bank(config)) if config.template_kernels else None
        self.accumulator = TransposedAccumulator(config) if config.learned else None
        self.table = ReuseTable(config) if config.learned else None
        self.bias_adder = BiasAdder(config)
        self.requantise = Requantise(config)
        members = {
            "i": In(stream.Signature(beat_layout(config.layer))),
            "o": Out(stream.Signature(result_layout(config))),
            "flush": In(1),
            "events": Out(table_events_layout(config.layer.channels)),
        }
        if config.bias_bits:
            members["bias"] = self.bias_adder.signature.members["bias"]
        if self.requantise.scaled:
            members["scale"] = self.requantise.signature.members["i_scale"]
        if self.table is not None:
            members["i_weight"] = self.table.signature.members["i_weight"]
        super().__init__(members)

    @cached_property
    def bank_delay(self) -> int:
        """Beats by which the bank's pixels are held back."""
        return max(0, self._learned_latency - self._bank_latency)

    @cached_property
    def table_delay(self) -> int:
        """Beats by which the table's pixels are held back."""
        return max(0, self._bank_latency - self._learned_latency)

    @property
    def latency(self) -> int:
        """Beats from a window's last pixel to its outputs."""
        sums = max(self._bank_latency, self._learned_latency)
        return sums + self.bias_adder.latency + self.requantise.latency

    @property
    def _bank_latency(self) -> int:
        return self.bank.latency if self.bank is not None else 0

    @property
    def _learned_latency(self) -> int:
        if self.table is None or self.accumulator is None:
            return 0
        return self.table.latency + self.accumulator.latency

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.bias_adder = self.bias_adder
        m.submodules.requantise = self.requantise
        layer = self.config.layer
        m.submodules.pixels = pixels = TappedDelay(
            pixel_layout(layer), [self.bank_delay, self.table_delay]
        )
        m.submodules.marks = marks = TappedDelay(
            MARKS, [self.table_delay, self.latency], resettable=True
        )
        m.d.comb += [
            pixels.i.payload.eq(self.i.payload.pixel),
            marks.i.payload.eq(self.i.payload.marks),
        ]
        valid, ready = self.i.valid, self.bias_adder.i.ready
        if self.table is not None:
            m.submodules.table = self.table
            valid = self._look_up(m, pixels.o.payload[1], marks.o.payload[0].used, ready)
        else:
            m.d.comb += self.i.ready.eq(ready)
        # Everything else moves with the beat that the table lets go.
        moving = [pixels, marks, *self._bank(m, pixels.o.payload[0]), *self._accumulate(m)]
        for block in moving:
            m.d.comb += [block.i.valid.eq(valid), block.o.ready.eq(ready)]
        m.d.comb += self.bias_adder.i.valid.eq(valid)
        self._finish(m, marks.o.payload[1])
        return m

    def _look_up(self, m: Module, pixel: Value, live: Value, ready: Value) -> Value:
        """Ask the table for the beat's products; returns whether the beat may move."""
        table = self.table
        assert table is not None
        m.d.comb += [
            table.i.payload.pixel.eq(pixel),
            table.i.payload.live.eq(live),
            table.i.valid.eq(self.i.valid),
            self.i.ready.eq(table.i.ready),
            table.o.ready.eq(ready),
            table.flush.eq(self.flush),
            self.events.eq(table.events),
        ]
        wiring.connect(m, wiring.flipped(self.i_weight), table.i_weight)
        return table.o.valid

    def _bank(self, m: Module, pixel: Value) -> Iterator[TemplateBank]:
        """The template kernels' sums."""
        if self.bank is None:
            return
        m.submodules.bank = self.bank
        m.d.comb += self.bank.i.payload.eq(pixel)
        for k in self.config.template_kernels:
            m.d.comb += self.bias_adder.i.payload[f"k{k}"].eq(self.bank.o.payload[f"k{k}"])
        yield self.bank

    def _accumulate(self, m: Module) -> Iterator[TransposedAccumulator]:
        """The learned kernels' sums."""
        if self.table is None or self.accumulator is None:
            return
        m.submodules.accumulator = self.accumulator
        m.d.comb += [
            term.eq(product)
            for terms, products in zip(
                self.accumulator.i.payload, self.table.o.payload, strict=True
            )
            for term, product in zip(terms, products, strict=True)
        ]
        for n, k in enumerate(self.config.learned):
            m.d.comb += self.bias_adder.i.payload[f"k{k}"].eq(self.accumulator.o.payload[n])
        yield self.accumulator

    def _finish(self, m: Module, marks: Value) -> None:
        """Biases, and the output words beside their marks."""
        m.d.comb += [
            self.o.payload.y.eq(self.requantise.o.payload),
            self.o.payload.marks.eq(marks),
            self.o.valid.eq(self.requantise.o.valid),
            self.requantise.o.ready.eq(self.o.ready),
        ]
        wiring.connect(m, self.bias_adder.o, self.requantise.i)
        if self.config.bias_bits:
            m.d.comb += self.bias_adder.bias.eq(self.bias)
        if self.requantise.scaled:
            m.d.comb += self.requantise.i_scale.eq(self.scale)
