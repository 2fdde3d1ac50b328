"""The boards: what chip, which pins, which clock. Their pins are in ``constraints/``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from hw.pll import Ecp5Pll, Ice40Pll, Pll, XilinxPll
from sw.link import DEFAULT_BAUD

__all__ = ["BOARDS", "CONSTRAINTS", "Board"]

CONSTRAINTS = Path(__file__).parents[1] / "constraints"


@dataclass(frozen=True, kw_only=True)
class Board:
    """A board that an engine can be built for.

    Parameters
    ----------
    name : str
    family : str
        One of :func:`hw.flow.family_names`.
    device : str
        The family's chip that comes nearest.
    chip : tuple of str
        nextpnr's arguments for the chip and its package; empty: no place and route here.
    constraints : str
        A file of ``constraints/``.
    oscillator_mhz, clock_mhz : int
        On the board; of the engine, by the PLL.
    pll : callable
        The PLL's class.
    led_on : int
        The level at which the LED is on.
    flash : str
        A command that brings the bitstream ``{file}`` onto the board.
    note : str
        What a user must know.
    """

    name: str
    family: str
    device: str = ""
    chip: tuple[str, ...] = ()
    constraints: str
    oscillator_mhz: int
    clock_mhz: int
    pll: Callable[[Fraction, Fraction], Pll]
    led_on: int
    flash: str
    note: str = ""

    @property
    def divisor(self) -> int:
        """Clock cycles of a bit on the serial line."""
        cycles = Fraction(self.clock_mhz * 1_000_000, DEFAULT_BAUD)
        assert cycles.denominator == 1, f"{self.name}: no whole cycles a bit"
        return cycles.numerator

    def make_pll(self) -> Pll:
        """From the oscillator to the engine's clock."""
        return self.pll(Fraction(self.oscillator_mhz), Fraction(self.clock_mhz))

    def constraints_text(self) -> str:
        """The pins and the oscillator, for the tools."""
        return (CONSTRAINTS / self.constraints).read_text(encoding="utf-8")


_BOARDS = (
    Board(
        name="ulx3s-85f",
        family="ecp5",
        device="85k-6",
        chip=("--85k", "--package", "CABGA381", "--speed", "6"),
        constraints="ulx3s-85f.lpf",
        oscillator_mhz=25,
        clock_mhz=50,
        pll=Ecp5Pll,
        led_on=1,
        flash="openFPGALoader --board ulx3s {file}",
    ),
    Board(
        name="orangecrab-25f",
        family="ecp5",
        device="25k-8",
        chip=("--25k", "--package", "CSFBGA285", "--speed", "8"),
        constraints="orangecrab-25f.lpf",
        oscillator_mhz=48,
        clock_mhz=48,
        pll=Ecp5Pll,
        led_on=0,
        flash="openFPGALoader --board orangeCrab {file}",
        note="this board has no serial chip: connect a USB adapter for 3.3 V to the header, its TX "
        "to pin 0, its RX to pin 1, and ground to ground",
    ),
    Board(
        name="icebreaker",
        family="ice40",
        device="up5k",
        chip=("--up5k", "--package", "sg48"),
        constraints="icebreaker.pcf",
        oscillator_mhz=12,
        clock_mhz=24,
        pll=Ice40Pll,
        led_on=0,
        flash="openFPGALoader --board ice40_generic {file}",
    ),
    Board(
        name="arty-a7",
        family="xilinx",
        constraints="arty-a7.xdc",
        oscillator_mhz=100,
        clock_mhz=50,
        pll=XilinxPll,
        led_on=1,
        flash="openFPGALoader --board arty {file}",
        note="no bitstream: give the Verilog and the constraints to Vivado",
    ),
)

BOARDS = {board.name: board for board in _BOARDS}
"""By their names, as ``--board`` takes them."""
