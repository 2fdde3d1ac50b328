"""An engine with its host link: all of a board's design but the clock and the pins."""

from __future__ import annotations

from amaranth.hdl import Module, ResetInserter, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.blocks.host_link import HostLink
from hw.engine import Engine
from sw.config import EngineConfig
from sw.link import identity

__all__ = ["System"]


class System(wiring.Component):
    """``python -m sw.host`` on one side of two wires, an engine on the other.

    A HELLO resets the engine, so a session begins with nothing left of the one before.

    Parameters
    ----------
    config : EngineConfig
    divisor : int
        Clock cycles of a bit on the line, 4 or more.
    engine : Engine, optional
        Of that configuration, not elaborated before.

    Members
    -------
    rx : ``In(1)``
        Asynchronous.
    tx : ``Out(1)``
    """

    rx: Signal
    tx: Signal

    def __init__(self, config: EngineConfig, *, divisor: int, engine: Engine | None = None) -> None:
        self.engine = engine or Engine(config)
        self.link = HostLink(
            divisor=divisor,
            identity=identity(config),
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
