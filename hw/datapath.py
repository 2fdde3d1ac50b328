"""The datapath: beats in, one output word of every kernel out, all paths aligned."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.bank_plan import plan_bank
from hw.blocks.bias_adder import BiasAdder
from hw.blocks.magnitude import Magnitude
from hw.blocks.raster import MARKS, beat_layout, pixel_layout
from hw.blocks.requantise import Requantise
from hw.blocks.serial_bank import SerialBank
from hw.blocks.tapped_delay import TappedDelay
from hw.blocks.template_bank import TemplateBank
from hw.fanout import kept_register
from hw.pace import Pace
from hw.serial_plan import plan_serial
from hw.shapes import shape_of
from hw.strategies.contract import strategy_events_layout
from hw.strategies.registry import make_strategy
from sw.config import EngineConfig

__all__ = ["Datapath", "output_layout", "result_layout"]


def output_layout(config: EngineConfig) -> data.ArrayLayout:
    """One output word a kernel, kernel 0 in the low bits."""
    return data.ArrayLayout(shape_of(config.output_range), config.layer.kernels)


def result_layout(config: EngineConfig) -> data.StructLayout:
    """The output words, and the marks of the beat they belong to."""
    return data.StructLayout({"y": output_layout(config), "marks": MARKS})


def _make_bank(config: EngineConfig) -> TemplateBank | SerialBank:
    """What ``config.bank`` names."""
    if config.bank == "serial":
        return SerialBank(plan_serial(config))
    return TemplateBank(plan_bank(config))


class Datapath(wiring.Component):
    """Compute every kernel at every beat.

    All blocks move in lockstep, or none does. Whether they will is known a cycle before, from
    what the neighbours, the strategy and a serial bank announce for the next cycle; so it is a
    register, and each block has one of its own: no net of the datapath's thousands of clock
    enables hangs on logic. ``i.ready`` and ``o.valid`` are such registers, and never high in vain.

    The shorter of the two paths (template bank; strategy of the learned kernels) gets its pixels
    later, since a pixel is narrower than a sum.

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
    magnitude : as :class:`Magnitude`, only where it is a register
    flush : ``In(1)``
        Forget all products.
    i_weight, loaded, swap, damaged : as :class:`Strategy`, only with run-time weights
        ``swap`` only while no beat is in flight.
    events : as :class:`Strategy`
    """

    i: stream.Interface
    i_next: Signal
    o: stream.Interface
    o_next: Signal
    i_weight: stream.Interface
    loaded: Signal
    swap: Signal
    damaged: Signal
    bias: data.View
    scale: data.View
    magnitude: data.View
    flush: Value
    events: data.View

    def __init__(self, config: EngineConfig) -> None:
        self.config = config
        self.bank = _make_bank(config) if config.template_kernels else None
        self.strategy = make_strategy(config) if config.learned else None
        self.multiplier = Magnitude(config) if config.magnitude_bits else None
        self.bias_adder = BiasAdder(config)
        self.requantise = Requantise(config)
        members = {
            "i": In(stream.Signature(beat_layout(config.layer))),
            "i_next": In(1),
            "o": Out(stream.Signature(result_layout(config))),
            "o_next": In(1),
            "flush": In(1),
            "events": Out(strategy_events_layout()),
        }
        if config.bias_bits:
            members["bias"] = self.bias_adder.signature.members["bias"]
        if self.requantise.scaled:
            members["scale"] = self.requantise.signature.members["i_scale"]
        if self.multiplier is not None:
            members["magnitude"] = self.multiplier.signature.members["magnitude"]
        if self.strategy is not None:
            of_strategy = self.strategy.signature.members
            forwarded = {"events", "i_weight", "loaded", "swap", "damaged"} & {*of_strategy}
            members |= {name: of_strategy[name] for name in forwarded}
        super().__init__(members)

    @cached_property
    def bank_delay(self) -> int:
        """Beats by which the bank's pixels are held back."""
        return max(0, self._strategy_latency - self._bank_latency)

    @cached_property
    def strategy_delay(self) -> int:
        """Beats by which the strategy's pixels are held back."""
        return max(0, self._bank_latency - self._strategy_latency)

    @property
    def latency(self) -> int:
        """Beats from a window's last pixel to its outputs."""
        sums = max(self._bank_latency, self._strategy_latency)
        return sums + self.bias_adder.latency + self.requantise.latency

    @property
    def paces(self) -> list[Pace]:
        """How long its parts hold a beat."""
        paces = []
        if isinstance(self.bank, SerialBank):
            paces.append(replace(self.bank.pace, delay=self.bank_delay))
        if self.strategy is not None:
            paces.append(replace(self.strategy.pace, delay=self.strategy_delay))
        return paces

    @property
    def holds(self) -> bool:
        """Whether it can keep a beat from moving that comes and has room behind it."""
        strategy = self.strategy is not None and self.strategy.holds
        return strategy or isinstance(self.bank, SerialBank)

    @property
    def _bank_latency(self) -> int:
        blocks = (self.bank, self.multiplier)
        return sum(block.latency for block in blocks if block is not None)

    @property
    def _strategy_latency(self) -> int:
        return self.strategy.latency if self.strategy is not None else 0

    def elaborate(self, platform: object) -> Module:
        m = Module()
        layer = self.config.layer
        m.submodules.pixels = pixels = TappedDelay(
            pixel_layout(layer), [self.bank_delay, self.strategy_delay]
        )
        m.submodules.marks = marks = TappedDelay(
            MARKS, [self.strategy_delay, self.latency], resettable=True
        )
        m.submodules.bias_adder = self.bias_adder
        m.submodules.requantise = self.requantise
        m.d.comb += [
            pixels.i.payload.eq(self.i.payload.pixel),
            marks.i.payload.eq(self.i.payload.marks),
            self.bias_adder.i.valid.eq(self.o.valid),
            self.o.payload.marks.eq(marks.o.payload[1]),
        ]
        moving: list[TappedDelay | TemplateBank | Magnitude] = [pixels, marks]
        next_beat = Signal()
        ready_next: Value = self.o_next
        if self.bank is not None:
            self._bank(m, self.bank, pixels.o.payload[0])
        if isinstance(self.bank, TemplateBank):
            moving.append(self.bank)
        if isinstance(self.bank, SerialBank):
            ready_next &= self.bank.i_ready_next
            m.d.comb += self.bank.i.valid.eq(kept_register(m, next_beat, "move_bank"))
        if self.multiplier is not None:
            moving.append(self.multiplier)
        if self.strategy is not None:
            ready_next &= self.strategy.i_ready_next
            self._learned(m, next_beat, pixels.o.payload[1], marks.o.payload[0])
        m.d.comb += [
            next_beat.eq(self.i_next & ready_next),
            self.i.ready.eq(kept_register(m, next_beat, "take")),
            self.o.valid.eq(kept_register(m, next_beat, "give")),
        ]
        for n, block in enumerate(moving):
            m.d.comb += block.i.valid.eq(kept_register(m, next_beat, f"move_{n}"))
            m.d.comb += block.o.ready.eq(1)
        self._finish(m)
        return m

    def _bank(self, m: Module, bank: TemplateBank | SerialBank, pixel: Value) -> None:
        """The template kernels' sums."""
        m.submodules.bank = bank
        m.d.comb += bank.i.payload.eq(pixel)
        sums = bank.o.payload
        if self.multiplier is not None:
            m.submodules.multiplier = multiplier = self.multiplier
            m.d.comb += [
                multiplier.magnitude.eq(self.magnitude),
                *(multiplier.i.payload[name].eq(sums[name]) for name, _ in sums.shape()),
            ]
            sums = multiplier.o.payload
        for k in self.config.template_kernels:
            m.d.comb += self.bias_adder.i.payload[f"k{k}"].eq(sums[f"k{k}"])

    def _learned(self, m: Module, next_beat: Signal, pixel: Value, marks: data.View) -> None:
        """The learned kernels' sums."""
        strategy = self.strategy
        assert strategy is not None
        m.submodules.strategy = strategy
        m.d.comb += [
            strategy.i.valid.eq(kept_register(m, next_beat, "move_strategy")),
            strategy.i.payload.pixel.eq(pixel),
            strategy.i.payload.used.eq(marks.used),
            strategy.i.payload.emit.eq(marks.emit),
            strategy.i_valid_next.eq(next_beat),
            strategy.flush.eq(self.flush),
            self.events.eq(strategy.events),
        ]
        for k in self.config.learned:
            m.d.comb += self.bias_adder.i.payload[f"k{k}"].eq(strategy.o.payload[f"k{k}"])
        if self.config.run_time_weights:
            wiring.connect(m, wiring.flipped(self.i_weight), strategy.i_weight)
            m.d.comb += [
                self.loaded.eq(strategy.loaded),
                self.damaged.eq(strategy.damaged),
                strategy.swap.eq(self.swap),
            ]

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
