"""Strategy ``constant``: the weights are built in, as adders that the kernels share."""

from __future__ import annotations

from amaranth.hdl import Module

from hw.blocks.template_bank import TemplateBank
from hw.constant_plan import plan_constant
from hw.strategies.contract import Strategy, strategy_events_layout
from sw.config import EngineConfig

__all__ = ["Constant"]


class Constant(Strategy):
    """Add delayed and shifted pixels, whatever two kernels have in common once.

    See :class:`~hw.strategies.contract.Strategy`. No beat is ever held, nothing is multiplied or
    looked up, and there are no weights to load.
    """

    def __init__(self, config: EngineConfig) -> None:
        self.network = TemplateBank(plan_constant(config), ahead=True)
        super().__init__(config, strategy_events_layout())

    @property
    def latency(self) -> int:
        """Beats from a window's last pixel to its sums."""
        return self.network.latency

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.network = network = self.network
        m.d.comb += [
            self.i_ready_next.eq(1),
            self.o.valid.eq(self.i.valid),
            network.i_next.eq(self.i_valid_next),
            network.i.valid.eq(self.i.valid),
            network.i.payload.eq(self.i.payload.pixel),
            network.o.ready.eq(1),
        ]
        for k in self.config.learned:
            m.d.comb += self.o.payload[f"k{k}"].eq(network.o.payload[f"k{k}"])
        return m
