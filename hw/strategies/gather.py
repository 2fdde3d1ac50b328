"""What the strategies in the gather form share: a window, its operands, and sums of products."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import data, wiring

from hw.blocks.fold_accumulator import FoldAccumulator
from hw.blocks.fold_sequencer import FoldSequencer
from hw.blocks.result_queue import ResultQueue
from hw.blocks.weight_store import WeightStore
from hw.blocks.window_fetch import WindowFetch
from hw.fold import FoldGeometry
from hw.pace import Pace
from hw.strategies.contract import Strategy, learned_sums_layout
from sw.config import EngineConfig

__all__ = ["Gather"]


class Gather(Strategy):
    """Fetch a window's operands a sub-step at a time, multiply, and add up.

    See :class:`~hw.strategies.contract.Strategy`. A beat that does not emit takes one cycle.
    One that does takes ``fold.cycles``: the sub-steps' operands are handed to :attr:`lanes`,
    which gives their products in order. Behind them nothing waits: the last :attr:`latency`
    beats' results have their places in the :class:`~hw.blocks.result_queue.ResultQueue`, so only
    the operands' stages have an enable, and only if the lanes are ever not ready.

    Parameters
    ----------
    config : EngineConfig
    geometry : FoldGeometry
    lanes : wiring.Component
        ``i`` and ``o`` of :class:`~hw.fold.OperandSignature` and
        :class:`~hw.fold.ProductSignature`; ``i_next``, what ``i.ready`` will be in the next cycle
        (not combinational from ``i.valid`` of an always ready one); and its ``latency`` in cycles
        when nothing waits.
    events : StructLayout
    """

    lanes: Any

    def __init__(
        self, config: EngineConfig, geometry: FoldGeometry, lanes: Any, events: data.StructLayout
    ) -> None:
        self.geometry = geometry
        self.lanes = lanes
        self.sequencer = FoldSequencer(geometry)
        self.window = WindowFetch(geometry)
        self.weights = WeightStore(geometry)
        self.accumulator = FoldAccumulator(geometry)
        # From the last sub-step to the result, without and by way of each kind of queue.
        self._cycles = self.weights.latency + lanes.latency + self.accumulator.latency
        short, long = self._cycles + 1, self._cycles + 2
        fold = geometry.cycles
        self._latency = 2 if short <= fold else 1 + -(-long // fold)
        self.queue = ResultQueue(learned_sums_layout(config), self._latency)
        super().__init__(config, events)

    @property
    def latency(self) -> int:
        """Beats: so many that beats which emit, one after the other, do not wait for results."""
        return self._latency

    @property
    def pace(self) -> Pace:
        """A beat that emits is held for its sub-steps, and awaited with its result."""
        fold = self.geometry.cycles
        result = fold + self._cycles + self.queue.latency
        return Pace(hold_emitting=fold, latency=self.latency, result=result)

    @property
    def holds(self) -> bool:
        """Whether ``i_ready_next`` can be low: where a result is awaited."""
        return True

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.sequencer = self.sequencer
        m.submodules.window = self.window
        m.submodules.weights = self.weights
        m.submodules.lanes = self.lanes
        m.submodules.accumulator = self.accumulator
        m.submodules.queue = self.queue
        self._operands(m)
        self._results(m)
        return m

    def _operands(self, m: Module) -> None:
        """A beat that emits starts the sub-steps, whose operands go to the lanes."""
        sequencer, window, weights, lanes = self.sequencer, self.window, self.weights, self.lanes
        advance = lanes.i.ready
        step = sequencer.o.payload
        m.d.comb += [
            sequencer.start.eq(self.i.valid & self.i.payload.emit),
            sequencer.o.ready.eq(advance),
            sequencer.o_next.eq(lanes.i_next),
            window.i.valid.eq(self.i.valid),
            window.i.payload.eq(self.i.payload.pixel),
        ]
        for fetch in (window, weights):
            m.d.comb += [fetch.step.eq(step), fetch.enable.eq(advance)]
        tag = Signal(self.geometry.tag_layout)
        m.d.comb += [tag.step.eq(step), tag.last.eq(sequencer.last)]
        valid: Value = sequencer.o.valid
        for n in range(weights.latency):
            later_valid = Signal(name=f"valid_{n}")
            later_tag = Signal(self.geometry.tag_layout, name=f"tag_{n}", reset_less=True)
            with m.If(advance):
                m.d.sync += [later_valid.eq(valid), later_tag.eq(tag)]
            valid, tag = later_valid, later_tag
        m.d.comb += [lanes.i.valid.eq(valid), lanes.i.tag.eq(tag)]
        for k, c, t in self.geometry.lane_numbers():
            m.d.comb += lanes.i.weight[k][c][t].eq(weights.o[k][c][t])
            if not k:
                m.d.comb += lanes.i.value[c][t].eq(window.o[c][t])
        m.d.comb += [
            weights.i_weight.valid.eq(self.i_weight.valid),
            weights.i_weight.payload.eq(self.i_weight.payload),
            self.i_weight.ready.eq(1),
            self.loaded.eq(weights.loaded),
            weights.swap.eq(self.swap),
        ]

    def _results(self, m: Module) -> None:
        """The beat that leaves with the next move needs its result, if it emitted."""
        queue = self.queue
        wiring.connect(m, self.lanes.o, self.accumulator.i)
        wiring.connect(m, self.accumulator.o, queue.i)
        emitted = Signal(self.latency)
        moved = Signal(self.latency)
        needed_next = Signal()
        m.d.comb += [
            moved.eq((emitted << 1) | self.i.payload.emit),
            needed_next.eq(Mux(self.i.valid, moved[-1], emitted[-1])),
            self.i_ready_next.eq(self.sequencer.free_next & (queue.o_next | ~needed_next)),
            queue.o.ready.eq(self.i.valid & emitted[-1]),
            self.o.valid.eq(self.i.valid),
            self.o.payload.eq(queue.o.payload),
        ]
        with m.If(self.i.valid):
            m.d.sync += emitted.eq(moved)
