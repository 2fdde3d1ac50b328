"""Strategy ``direct``: lanes of multipliers over the window, the honest baseline."""

from __future__ import annotations

from amaranth.hdl import Module, Mux

from hw.blocks.lane_multipliers import LaneMultipliers
from hw.fold import FoldGeometry
from hw.strategies.contract import strategy_events_layout
from hw.strategies.gather import Gather
from sw.config import EngineConfig

__all__ = ["Direct"]


class Direct(Gather):
    """Multiply every value of a window by every weight, as DianNao's NFU does.

    See :class:`~hw.strategies.gather.Gather`. A beat is held for at most ``fold.cycles - 1``
    cycles, and until the last result is there.
    """

    def __init__(self, config: EngineConfig) -> None:
        geometry = FoldGeometry(config)
        self.products = len(config.learned) * config.layer.channels * config.layer.taps
        super().__init__(
            config,
            geometry,
            LaneMultipliers(geometry),
            strategy_events_layout(multiplications=self.products),
        )

    def elaborate(self, platform: object) -> Module:
        m = super().elaborate(platform)
        executed = Mux(self.i.valid & self.i.payload.emit, self.products, 0)
        m.d.comb += [
            self.events.multiplications.eq(executed),
            self.damaged.eq(self.weights.damaged),
        ]
        return m
