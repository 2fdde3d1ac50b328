"""What is built of a configuration: the whole engine, or one block of it on its own."""

from __future__ import annotations

from dataclasses import dataclass

from hw.bank_plan import BankPlan, plan_bank
from hw.blocks.template_bank import TemplateBank
from hw.constant_plan import plan_sums
from hw.engine import Engine
from hw.network.network import Accelerator
from hw.pace import cycles_per_frame
from hw.serial_plan import SerialPlan
from sw.config import EngineConfig
from sw.network.planner import Plan

__all__ = ["AnyTop", "NetworkTop", "Top", "make_top"]


@dataclass(frozen=True, kw_only=True)
class Top:
    """A component that was not elaborated yet, and what the report says of it.

    Parameters
    ----------
    config : EngineConfig
    component : Engine or TemplateBank
    latency : int
        Cycles from the last pixel of a window to its output, when nothing waits.
    cycles_per_frame : int
        From frame to frame, when nothing waits for pixels, outputs or misses.
    bank : BankPlan or SerialPlan, optional
    """

    config: EngineConfig
    component: Engine | TemplateBank
    latency: int
    cycles_per_frame: int
    bank: BankPlan | SerialPlan | None

    @property
    def has_registers(self) -> bool:
        """Whether a host configures it."""
        return isinstance(self.component, Engine)


@dataclass(frozen=True, kw_only=True)
class NetworkTop:
    """As :class:`Top`, of a network.

    Parameters
    ----------
    plan : Plan
    component : Accelerator
        Of the plan's configuration, not elaborated yet.
    """

    plan: Plan
    component: Accelerator


AnyTop = Top | NetworkTop
"""What a target builds."""


def make_top(config: EngineConfig) -> Top:
    """What ``config.top`` names."""
    if config.top != "engine":
        plan = plan_bank(config) if config.top == "template_bank" else plan_sums(config)
        return Top(
            config=config,
            component=TemplateBank(plan, ahead=config.top == "sums"),
            latency=plan.latency,
            cycles_per_frame=cycles_per_frame(config.layer, []),
            bank=plan,
        )
    engine = Engine(config)
    bank = engine.datapath.bank
    return Top(
        config=config,
        component=engine,
        latency=engine.latency,
        cycles_per_frame=engine.cycles_per_frame,
        bank=bank.plan if bank else None,
    )
