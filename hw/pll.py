"""Phase-locked loops: from a board's oscillator to the engine's clock, with their limits checked.

Each class finds its dividers when made, and makes the primitive. Exact ratios alone: a clock that
is not what it says would shift the serial line's bits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from amaranth.hdl import Const, Instance, Signal, Value

__all__ = ["Ecp5Pll", "Ice40Pll", "Pll", "XilinxPll"]


def _none_found(pll: str, given: Fraction, wanted: Fraction) -> ValueError:
    return ValueError(f"{pll}: no dividers make {float(wanted):g} MHz of {float(given):g} MHz")


@dataclass(frozen=True)
class Ecp5Pll:
    """EHXPLLL, its feedback from its output (Lattice FPGA-TN-02200, tables of the sysCLOCK PLL).

    ``output = input * feedback_divider / input_divider``; the oscillator within runs at
    ``output * output_divider``.

    Parameters
    ----------
    input_mhz, output_mhz : Fraction

    Raises
    ------
    ValueError
        If there are no dividers within the limits.
    """

    input_mhz: Fraction
    output_mhz: Fraction
    input_divider: int = field(init=False)
    feedback_divider: int = field(init=False)
    output_divider: int = field(init=False)

    INPUT_DIVIDERS = range(1, 129)
    FEEDBACK_DIVIDERS = range(1, 81)
    OUTPUT_DIVIDERS = range(1, 129)
    PHASE_DETECTOR = (Fraction(25, 8), Fraction(400))
    """MHz at the phase detector."""
    OSCILLATOR = (Fraction(400), Fraction(800))
    """MHz of the oscillator."""

    def __post_init__(self) -> None:
        # The highest frequency at the phase detector, then the middle of the oscillator's range.
        for divider in self.INPUT_DIVIDERS:
            detector = self.input_mhz / divider
            feedback = self.output_mhz / detector
            if not _within(detector, self.PHASE_DETECTOR) or feedback.denominator != 1:
                continue
            low, high = self.OSCILLATOR
            outputs = [d for d in self.OUTPUT_DIVIDERS if low <= self.output_mhz * d <= high]
            if feedback.numerator in self.FEEDBACK_DIVIDERS and outputs:
                middle = (low + high) / 2
                best = min(outputs, key=lambda d: abs(self.output_mhz * d - middle))
                object.__setattr__(self, "input_divider", divider)
                object.__setattr__(self, "feedback_divider", feedback.numerator)
                object.__setattr__(self, "output_divider", best)
                return
        raise _none_found("EHXPLLL", self.input_mhz, self.output_mhz)

    @property
    def oscillator_mhz(self) -> Fraction:
        """Of the oscillator within."""
        return self.output_mhz * self.output_divider

    def instance(self, clock: Signal, output: Signal, locked: Signal) -> Instance:
        """The primitive."""
        zero, one = Const(0, 1), Const(1, 1)
        return Instance(
            "EHXPLLL",
            a_FREQUENCY_PIN_CLKI=f"{float(self.input_mhz):g}",
            a_FREQUENCY_PIN_CLKOP=f"{float(self.output_mhz):g}",
            a_ICP_CURRENT="12",
            a_LPF_RESISTOR="8",
            a_MFG_ENABLE_FILTEROPAMP="1",
            a_MFG_GMCREF_SEL="2",
            p_PLLRST_ENA="DISABLED",
            p_INTFB_WAKE="DISABLED",
            p_STDBY_ENABLE="DISABLED",
            p_DPHASE_SOURCE="DISABLED",
            p_OUTDIVIDER_MUXA="DIVA",
            p_OUTDIVIDER_MUXB="DIVB",
            p_OUTDIVIDER_MUXC="DIVC",
            p_OUTDIVIDER_MUXD="DIVD",
            p_FEEDBK_PATH="CLKOP",
            p_CLKI_DIV=self.input_divider,
            p_CLKFB_DIV=self.feedback_divider,
            p_CLKOP_ENABLE="ENABLED",
            p_CLKOP_DIV=self.output_divider,
            p_CLKOP_CPHASE=self.output_divider // 2,
            p_CLKOP_FPHASE=0,
            i_CLKI=clock,
            i_CLKFB=output,
            i_RST=zero,
            i_STDBY=zero,
            i_PHASESEL0=zero,
            i_PHASESEL1=zero,
            i_PHASEDIR=one,
            i_PHASESTEP=one,
            i_PHASELOADREG=one,
            i_PLLWAKESYNC=zero,
            i_ENCLKOP=zero,
            o_CLKOP=output,
            o_LOCK=locked,
        )


@dataclass(frozen=True)
class Ice40Pll:
    """SB_PLL40_PAD, simple feedback (Lattice FPGA-TN-02052, iCE40 sysCLOCK PLL).

    ``output = input * (divf + 1) / ((divr + 1) * 2**divq)``; parameters and errors as
    :class:`Ecp5Pll`.
    """

    input_mhz: Fraction
    output_mhz: Fraction
    divr: int = field(init=False)
    divf: int = field(init=False)
    divq: int = field(init=False)

    DIVR, DIVF, DIVQ = range(16), range(128), range(1, 7)
    INPUT = (Fraction(10), Fraction(133))
    OUTPUT = (Fraction(16), Fraction(275))
    PHASE_DETECTOR = (Fraction(10), Fraction(133))
    OSCILLATOR = (Fraction(533), Fraction(1066))
    FILTER_LIMITS = (17, 26, 44, 66, 101)
    """MHz at the phase detector below which FILTER_RANGE is 1, 2, ... 5; above all of them 6."""

    def __post_init__(self) -> None:
        possible = _within(self.input_mhz, self.INPUT) and _within(self.output_mhz, self.OUTPUT)
        for divr in self.DIVR if possible else ():
            detector = self.input_mhz / (divr + 1)
            for divq in self.DIVQ:
                oscillator = self.output_mhz * 2**divq
                feedback = oscillator / detector
                if (
                    feedback.denominator == 1
                    and feedback.numerator - 1 in self.DIVF
                    and _within(detector, self.PHASE_DETECTOR)
                    and _within(oscillator, self.OSCILLATOR)
                ):
                    object.__setattr__(self, "divr", divr)
                    object.__setattr__(self, "divf", feedback.numerator - 1)
                    object.__setattr__(self, "divq", divq)
                    return
        raise _none_found("SB_PLL40", self.input_mhz, self.output_mhz)

    @property
    def oscillator_mhz(self) -> Fraction:
        """Of the oscillator within."""
        return self.output_mhz * 2**self.divq

    @property
    def filter_range(self) -> int:
        """The loop filter's setting."""
        detector = self.input_mhz / (self.divr + 1)
        return 1 + sum(detector >= limit for limit in self.FILTER_LIMITS)

    def instance(self, clock: Signal, output: Signal, locked: Signal) -> Instance:
        """The primitive; ``clock`` must be the pin itself."""
        return Instance(
            "SB_PLL40_PAD",
            p_FEEDBACK_PATH="SIMPLE",
            p_PLLOUT_SELECT="GENCLK",
            p_DIVR=Const(self.divr, 4),
            p_DIVF=Const(self.divf, 7),
            p_DIVQ=Const(self.divq, 3),
            p_FILTER_RANGE=Const(self.filter_range, 3),
            i_PACKAGEPIN=clock,
            i_RESETB=Const(1, 1),
            i_BYPASS=Const(0, 1),
            o_PLLOUTGLOBAL=output,
            o_LOCK=locked,
        )


@dataclass(frozen=True)
class XilinxPll:
    """PLLE2_BASE (Xilinx UG472), its feedback within; parameters and errors as :class:`Ecp5Pll`.

    ``output = input * multiplier / output_divider``.
    """

    input_mhz: Fraction
    output_mhz: Fraction
    multiplier: int = field(init=False)
    output_divider: int = field(init=False)

    MULTIPLIERS, OUTPUT_DIVIDERS = range(2, 65), range(1, 129)
    INPUT = (Fraction(19), Fraction(800))
    OSCILLATOR = (Fraction(800), Fraction(1600))

    def __post_init__(self) -> None:
        for multiplier in self.MULTIPLIERS if _within(self.input_mhz, self.INPUT) else ():
            divider = self.input_mhz * multiplier / self.output_mhz
            if (
                divider.denominator == 1
                and divider.numerator in self.OUTPUT_DIVIDERS
                and _within(self.input_mhz * multiplier, self.OSCILLATOR)
            ):
                object.__setattr__(self, "multiplier", multiplier)
                object.__setattr__(self, "output_divider", divider.numerator)
                return
        raise _none_found("PLLE2_BASE", self.input_mhz, self.output_mhz)

    @property
    def oscillator_mhz(self) -> Fraction:
        """Of the oscillator within."""
        return self.input_mhz * self.multiplier

    def instance(self, clock: Signal, output: Signal, locked: Signal) -> Instance:
        """The primitive."""
        feedback = Signal()
        connections: dict[str, Value | int | float] = {
            "p_CLKIN1_PERIOD": float(1000 / self.input_mhz),
            "p_CLKFBOUT_MULT": self.multiplier,
            "p_DIVCLK_DIVIDE": 1,
            "p_CLKOUT0_DIVIDE": self.output_divider,
            "i_CLKIN1": clock,
            "i_CLKFBIN": feedback,
            "i_RST": Const(0, 1),
            "i_PWRDWN": Const(0, 1),
            "o_CLKFBOUT": feedback,
            "o_CLKOUT0": output,
            "o_LOCKED": locked,
        }
        return Instance("PLLE2_BASE", **connections)


Pll = Ecp5Pll | Ice40Pll | XilinxPll


def _within(value: Fraction, limits: tuple[Fraction, Fraction]) -> bool:
    return limits[0] <= value <= limits[1]
