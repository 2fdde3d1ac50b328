"""A board's design: clock, reset, and an engine with its host link, at the pins."""

from __future__ import annotations

from amaranth.hdl import ClockDomain, ClockSignal, Elaboratable, Module, ResetSignal, Signal
from amaranth.lib.cdc import ResetSynchronizer

from hw.boards import Board
from hw.engine import Engine
from hw.network.network import Accelerator
from hw.system import System

__all__ = ["BOARD_TOP", "BoardTop"]

BOARD_TOP = "katazome_board"
"""Name of the module."""


class BoardTop(Elaboratable):
    """All that is on the chip.

    The PLL makes the engine's clock of the oscillator's; until it is locked everything is in
    reset. The LED is on when that is over.

    Parameters
    ----------
    engine : Engine or Accelerator
        Not elaborated before.
    board : Board

    Attributes
    ----------
    clk, rx : Signal, in
    tx, led : Signal, out
    """

    def __init__(self, engine: Engine | Accelerator, board: Board) -> None:
        self.board = board
        self.system = System(engine, divisor=board.divisor)
        self.clk, self.rx, self.tx, self.led = (
            Signal(name=name) for name in ("clk", "rx", "tx", "led")
        )

    @property
    def ports(self) -> list[Signal]:
        """The pins."""
        return [self.clk, self.rx, self.tx, self.led]

    def elaborate(self, platform: object) -> Module:
        m = Module()
        clock, locked = Signal(attrs={"keep": 1}, name="clock"), Signal()
        m.domains.sync = ClockDomain()
        m.submodules.pll = self.board.make_pll().instance(self.clk, clock, locked)
        m.submodules.reset = ResetSynchronizer(~locked, domain="sync", stages=3)
        m.submodules.system = system = self.system
        lit = ResetSignal() ^ self.board.led_on
        m.d.comb += [
            ClockSignal().eq(clock),
            system.rx.eq(self.rx),
            self.tx.eq(system.tx),
            self.led.eq(lit),
        ]
        return m
