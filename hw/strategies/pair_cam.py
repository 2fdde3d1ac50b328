"""Strategy ``pair_cam``: every lane remembers products of operand pairs, as the paper has it."""

from __future__ import annotations

from amaranth.hdl import Module

from hw.blocks.pair_lanes import PairLanes
from hw.fold import FoldGeometry
from hw.strategies.gather import Gather
from sw.config import EngineConfig

__all__ = ["PairCam"]


class PairCam(Gather):
    """Look up every (value, weight) of a window; multiply what was not met before.

    See :class:`~hw.strategies.gather.Gather` and :class:`~hw.blocks.pair_lanes.PairLanes`. A beat
    is held for at most ``fold.cycles * (lanes a multiplier + fill_cycles)`` cycles, and until the
    last result is there. A pair's product does not depend on the set of weights; a swap makes
    it forget them all the same, so that the same holds for every strategy.
    """

    def __init__(self, config: EngineConfig) -> None:
        geometry = FoldGeometry(config)
        lanes = PairLanes(geometry)
        super().__init__(config, geometry, lanes, lanes.events_layout)

    def elaborate(self, platform: object) -> Module:
        m = super().elaborate(platform)
        m.d.comb += [
            self.damaged.eq(self.weights.damaged),
            self.lanes.flush.eq(self.flush | self.swap),
            self.events.eq(self.lanes.events),
        ]
        return m
