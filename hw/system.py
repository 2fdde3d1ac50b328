"""An engine with its host link: all of a board's design but the clock and the pins."""

from __future__ import annotations

from amaranth.hdl import Module, ResetInserter, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.blocks.host_link import HostLink
from hw.engine import Engine
from hw.network.network import Accelerator
from sw.config import EngineConfig
from sw.link import identity
from sw.network.link import network_identity

__all__ = ["System"]


class System(wiring.Component):
    """``python -m sw.host`` on one side of two wires, an engine on the other.

    A HELLO resets the engine, so a session begins with nothing left of the one before.

    Parameters
    ----------
    engine : Engine or Accelerator
        Not elaborated before.
    divisor : int
        Clock cycles of a bit on the line, 4 or more.

    Members
    -------
    rx : ``In(1)``
        Asynchronous.
    tx : ``Out(1)``
    """

    rx: Signal
    tx: Signal

    def __init__(self, engine: Engine | Accelerator, *, divisor: int) -> None:
        self.engine = engine
        config = engine.config
        self.link = HostLink(
            divisor=divisor,
            identity=identity(config)
            if isinstance(config, EngineConfig)
            else network_identity(config),
            input_bytes=len(self.engine.s_axis.tdata) // 8,
            output_bytes=len(self.engine.m_axis.tdata) // 8,
        )
        super().__init__({"rx": In(1), "tx": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.link = link = self.link
        m.submodules.engine = ResetInserter(link.reset)(self.engine)
        m.d.comb += [link.rx.eq(self.rx), self.tx.eq(link.tx)]
        wiring.connect(m, link.m_axis, self.engine.s_axis)
        wiring.connect(m, self.engine.m_axis, link.s_axis)
        wiring.connect(m, link.bus, self.engine.s_axil)
        return m
