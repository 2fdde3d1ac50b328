"""Strategy ``value_cam``: a table keyed by the input value holds its products with every weight."""

from __future__ import annotations

from amaranth.hdl import Module, Mux

from hw.blocks.look_ahead_table import make_reuse_table
from hw.blocks.transposed_accumulator import TransposedAccumulator
from hw.fanout import kept_register
from hw.strategies.contract import Strategy, strategy_events_layout
from sw.config import EngineConfig

__all__ = ["ValueCam"]


class ValueCam(Strategy):
    """Look a pixel's values up, one table a channel; sum the products where they are needed.

    See :class:`~hw.strategies.contract.Strategy`. A beat with misses is held for at most
    ``channels * fill_cycles`` cycles, or with look-ahead for the misses of all beats in the line.
    """

    def __init__(self, config: EngineConfig) -> None:
        self.table = make_reuse_table(config)
        self.accumulators = [TransposedAccumulator(config.layer) for _ in config.learned]
        g = self.table.geometry
        super().__init__(
            config,
            strategy_events_layout(lookups=g.channels, misses=1, multiplications=g.products),
        )

    @property
    def latency(self) -> int:
        """Beats from a window's last pixel to its sums: the table, and the accumulators."""
        return self.table.latency + self.accumulators[0].latency

    def elaborate(self, platform: object) -> Module:
        m = Module()
        table, events = self.table, self.events
        m.submodules.table = table
        m.d.comb += [
            self.i_ready_next.eq(table.i_next),
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
        taps = self.config.layer.taps
        kernels = zip(self.config.learned, self.accumulators, strict=True)
        for n, (k, accumulator) in enumerate(kernels):
            m.submodules[f"accumulator_{k}"] = accumulator
            m.d.comb += [
                accumulator.i.valid.eq(kept_register(m, self.i_valid_next, f"move_{k}")),
                accumulator.o.ready.eq(1),
                self.o.payload[f"k{k}"].eq(accumulator.o.payload),
            ]
            for terms, products in zip(accumulator.i.payload, table.o.payload, strict=True):
                mine = products[n * taps : (n + 1) * taps]
                m.d.comb += [a.eq(b) for a, b in zip(terms, mine, strict=True)]
        return m
