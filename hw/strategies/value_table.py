"""Strategy ``value_table``: every product of every weight is stored; the value is its address."""

from __future__ import annotations

from amaranth.hdl import Module, Mux
from amaranth.lib import wiring

from hw.blocks.product_tables import ProductTables
from hw.blocks.scatter_accumulator import ScatterAccumulator
from hw.blocks.sub_steps import SubSteps
from hw.strategies.contract import Strategy, strategy_events_layout
from sw.config import EngineConfig

__all__ = ["ValueTable"]


class ValueTable(Strategy):
    """Look a pixel's values up in tables of all products; sum these where they are needed.

    See :class:`~hw.strategies.contract.Strategy`. There is no multiplier, no miss and no stall: a
    beat takes ``fold.cycles`` cycles. A new set of weights is loaded by additions, in
    ``2**digit_bits + 2`` cycles a memory word of products.

    Parameters
    ----------
    config : EngineConfig
    digit_bits : int, optional
        Width of the parts that the values are cut into; without, they are whole.
    """

    def __init__(self, config: EngineConfig, *, digit_bits: int | None = None) -> None:
        bits = config.layer.input_format.bits
        self.tables = ProductTables(config, digit_bits=digit_bits or bits)
        self.accumulator = ScatterAccumulator(config, lead=self.tables.lead)
        self.lookups = config.layer.channels * len(self.tables.geometry.digits)
        super().__init__(config, strategy_events_layout(lookups=self.lookups))

    @property
    def latency(self) -> int:
        """Beats from a window's last pixel to its sums: the accumulators', the tables included."""
        return self.accumulator.latency

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.tables = tables = self.tables
        m.submodules.accumulator = accumulator = self.accumulator
        m.submodules.sub_steps = sub_steps = SubSteps(tables.geometry.cycles)
        wiring.connect(m, wiring.flipped(self.i_weight), tables.i_weight)
        wiring.connect(m, tables.o, accumulator.i)
        m.d.comb += [
            sub_steps.i_valid_next.eq(self.i_valid_next),
            self.i_ready_next.eq(sub_steps.i_ready_next),
            tables.step_next.eq(sub_steps.step_next),
            accumulator.i_valid_next.eq(sub_steps.step_next),
            tables.i.valid.eq(self.i.valid),
            tables.i.payload.eq(self.i.payload.pixel),
            tables.swap.eq(self.swap),
            self.loaded.eq(tables.loaded),
            # The tables are all there is of the weights: a product is lost as a weight is.
            self.damaged.eq(tables.damaged),
            self.o.valid.eq(self.i.valid),
            self.events.lookups.eq(Mux(self.i.valid & self.i.payload.used, self.lookups, 0)),
            self.events.hits.eq(self.events.lookups),
        ]
        for n, kernel in enumerate(self.config.learned):
            m.d.comb += self.o.payload[f"k{kernel}"].eq(accumulator.o.payload[n])
        return m
