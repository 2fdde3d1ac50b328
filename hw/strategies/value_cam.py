"""Strategy ``value_cam``: a table keyed by the input value holds its products with every weight."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Value

from hw.blocks.look_ahead_table import make_reuse_table
from hw.blocks.scatter_accumulator import ScatterAccumulator
from hw.blocks.sub_steps import SubSteps
from hw.fanout import kept_register
from hw.strategies.contract import Strategy, strategy_events_layout
from sw.config import EngineConfig

__all__ = ["ValueCam"]


class ValueCam(Strategy):
    """Look a pixel's values up, one table a channel; sum the products where they are needed.

    See :class:`~hw.strategies.contract.Strategy`. A beat takes ``fold.cycles`` cycles, and one with
    misses is held for at most ``table.longest_wait``.
    """

    def __init__(self, config: EngineConfig) -> None:
        self.table = make_reuse_table(config)
        self.accumulator = ScatterAccumulator(config, lead=self.table.lead)
        g = self.table.geometry
        again = int(g.guard.on)
        super().__init__(
            config,
            strategy_events_layout(
                lookups=g.channels,
                misses=1,
                multiplications=g.products * (1 + again),
                errors=again * (g.channels + 1),
            ),
        )

    @property
    def latency(self) -> int:
        """Beats from a window's last pixel to its sums: to the read, and the accumulators."""
        return self.table.latency - self.table.lead + self.accumulator.latency

    @property
    def holds(self) -> bool:
        """Whether ``i_ready_next`` can be low: where a beat misses."""
        return True

    def elaborate(self, platform: object) -> Module:
        m = Module()
        table, events = self.table, self.events
        m.submodules.table = table
        m.submodules.accumulator = accumulator = self.accumulator
        sub_steps = None
        if table.repair is None:
            m.submodules.sub_steps = sub_steps = SubSteps(self.config.fold.cycles)
            step_next: Value = sub_steps.step_next
        else:
            step_next = self.i_valid_next | table.more_next
        m.d.comb += [
            self.i_ready_next.eq(table.i_next),
            accumulator.i_valid_next.eq(step_next),
            accumulator.i.valid.eq(kept_register(m, step_next, "move_sums")),
            self.o.valid.eq(self.i.valid),
            table.i.valid.eq(kept_register(m, self.i_valid_next, "move_table")),
            table.i.payload.pixel.eq(self.i.payload.pixel),
            table.i.payload.live.eq(self.i.payload.used),
            table.o.ready.eq(1),
            table.flush.eq(self.flush),
            table.swap.eq(self.swap),
            table.i_weight.valid.eq(self.i_weight.valid),
            table.i_weight.payload.eq(self.i_weight.payload),
            self.i_weight.ready.eq(1),
            self.loaded.eq(1),
            events.lookups.eq(Mux(table.events.lookup, table.geometry.channels, 0)),
            events.hits.eq(table.events.hits),
            events.misses.eq(table.events.miss),
            events.multiplications.eq(Mux(table.events.miss, table.geometry.products, 0)),
            events.stall.eq(table.events.stall),
        ]
        for terms, products in zip(accumulator.i.payload, table.o.payload, strict=True):
            m.d.comb += [a.eq(b) for a, b in zip(terms, products, strict=True)]
        for n, kernel in enumerate(self.config.learned):
            m.d.comb += self.o.payload[f"k{kernel}"].eq(accumulator.o.payload[n])
        if sub_steps is not None:
            m.d.comb += sub_steps.i_valid_next.eq(self.i_valid_next)
            return m
        repaired = Mux(table.events.repair, table.geometry.products, 0)
        m.d.comb += [
            self.damaged.eq(table.damaged),
            events.errors.eq(table.events.errors),
            events.multiplications.eq(
                Mux(table.events.miss, table.geometry.products, 0) + repaired
            ),
        ]
        return m
