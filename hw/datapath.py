"""The datapath: beats in, one output word of every kernel out, all paths aligned."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from amaranth.hdl import Module, Signal, Value
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

    All blocks move in lockstep, or none does. Whether they will is known a cycle before, from
    what the neighbours and the reuse table announce for the next cycle; so it is a register, and
    each block has one of its own: no net of the datapath's thousands of clock enables hangs on
    logic. ``i.ready`` and ``o.valid`` are such registers, and never high in vain.

    The shorter of the two paths (bank; table and accumulators) gets its pixels later, since a
    pixel is narrower than a sum.

    Parameters
    ----------
    config : EngineConfig

    Members
    -------
    i : ``In(stream.Signature(beat_layout(layer)))``
    i_next : ``In(1)``
        What ``i.valid`` will be in the next cycle.
    o : ``Out(stream.Signature(result_layout(config)))``
        Results :attr:`latency` beats later.
    o_next : ``In(1)``
        What ``o.ready`` will be in the next cycle.
    bias : as :class:`BiasAdder`, only where there is one
    scale : as :class:`Requantise`, only where it has a factor
    flush : ``In(1)``
        Empty the reuse table.
    i_weight : as :class:`ReuseTable`, only with learned kernels
    events : ``Out(table_events_layout(channels))``
    """

    i: stream.Interface
    i_next: Signal
    o: stream.Interface
    o_next: Signal
    i_weight: stream.Interface
    bias: data.View
    scale: data.View
    flush: Value
    events: data.View

    def __init__(self, config: EngineConfig) -> None:
        self.config = config
        self.bank = TemplateBank(plan_bank(config)) if config.template_kernels else None
        self.accumulators = [TransposedAccumulator(config.layer) for _ in config.learned]
        self.table = ReuseTable(config) if config.learned else None
        self.bias_adder = BiasAdder(config)
        self.requantise = Requantise(config)
        members = {
            "i": In(stream.Signature(beat_layout(config.layer))),
            "i_next": In(1),
            "o": Out(stream.Signature(result_layout(config))),
            "o_next": In(1),
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
        if self.table is None:
            return 0
        return self.table.latency + self.accumulators[0].latency

    def elaborate(self, platform: object) -> Module:
        m = Module()
        layer = self.config.layer
        m.submodules.pixels = pixels = TappedDelay(
            pixel_layout(layer), [self.bank_delay, self.table_delay]
        )
        m.submodules.marks = marks = TappedDelay(
            MARKS, [self.table_delay, self.latency], resettable=True
        )
        m.submodules.bias_adder = self.bias_adder
        m.submodules.requantise = self.requantise
        m.d.comb += [
            pixels.i.payload.eq(self.i.payload.pixel),
            marks.i.payload.eq(self.i.payload.marks),
            self.bias_adder.i.valid.eq(self.o.valid),
            self.o.payload.marks.eq(marks.o.payload[1]),
        ]
        moving: list[_Moving] = [pixels, marks]
        next_beat = self.i_next & self.o_next
        if self.bank is not None:
            moving.append(self._bank(m, pixels.o.payload[0]))
        if self.table is not None:
            next_beat &= self.table.i_next
            moving.append(self._look_up(m, pixels.o.payload[1], marks.o.payload[0].used))
            moving.extend(self._accumulate(m, self.table))
        m.d.comb += self.i.ready.eq(_register(m, next_beat, "take"))
        m.d.comb += self.o.valid.eq(_register(m, next_beat, "give"))
        for n, block in enumerate(moving):
            m.d.comb += [block.i.valid.eq(_register(m, next_beat, f"move_{n}"))]
            m.d.comb += block.o.ready.eq(1)
        self._finish(m)
        return m

    def _look_up(self, m: Module, pixel: Value, used: Value) -> ReuseTable:
        """The products of the learned kernels."""
        table = self.table
        assert table is not None
        m.submodules.table = table
        m.d.comb += [
            table.i.payload.pixel.eq(pixel),
            table.i.payload.live.eq(used),
            table.flush.eq(self.flush),
            self.events.eq(table.events),
        ]
        wiring.connect(m, wiring.flipped(self.i_weight), table.i_weight)
        return table

    def _bank(self, m: Module, pixel: Value) -> TemplateBank:
        """The template kernels' sums."""
        bank = self.bank
        assert bank is not None
        m.submodules.bank = bank
        m.d.comb += bank.i.payload.eq(pixel)
        for k in self.config.template_kernels:
            m.d.comb += self.bias_adder.i.payload[f"k{k}"].eq(bank.o.payload[f"k{k}"])
        return bank

    def _accumulate(self, m: Module, table: ReuseTable) -> Iterator[TransposedAccumulator]:
        """The learned kernels' sums, one accumulator chain each."""
        taps = self.config.layer.taps
        kernels = zip(self.config.learned, self.accumulators, strict=True)
        for n, (k, accumulator) in enumerate(kernels):
            m.submodules[f"accumulator_{k}"] = accumulator
            m.d.comb += self.bias_adder.i.payload[f"k{k}"].eq(accumulator.o.payload)
            for terms, products in zip(accumulator.i.payload, table.o.payload, strict=True):
                mine = products[n * taps : (n + 1) * taps]
                m.d.comb += [a.eq(b) for a, b in zip(terms, mine, strict=True)]
            yield accumulator

    def _finish(self, m: Module) -> None:
        """Biases, and the output words."""
        m.d.comb += [
            self.o.payload.y.eq(self.requantise.o.payload),
            self.requantise.o.ready.eq(1),
        ]
        wiring.connect(m, self.bias_adder.o, self.requantise.i)
        if self.config.bias_bits:
            m.d.comb += self.bias_adder.bias.eq(self.bias)
        if self.requantise.scaled:
            m.d.comb += self.requantise.i_scale.eq(self.scale)


_Moving = TappedDelay | TemplateBank | ReuseTable | TransposedAccumulator


def _register(m: Module, value: Value, name: str) -> Signal:
    """A register of its own that shows ``value`` a cycle later; synthesis must not share it."""
    register = Signal(name=name, attrs={"keep": 1})
    m.d.sync += register.eq(value)
    return register
