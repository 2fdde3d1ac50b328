"""The boards' chips, as far as a planner must know them; ``hw.boards`` builds for them."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

__all__ = ["CHIPS", "Chip", "Cost"]


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What something takes of a chip: tables, multipliers, block memories."""

    lut: float = 0
    dsp: int = 0
    bram: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(lut=self.lut + other.lut, dsp=self.dsp + other.dsp, bram=self.bram + other.bram)

    def __str__(self) -> str:
        return f"{self.lut:,.0f} LUTs, {self.dsp} multipliers, {self.bram} block memories"


@dataclass(frozen=True, kw_only=True)
class Chip:
    """What a board has for a network.

    Parameters
    ----------
    clock_mhz : float
        Of the board's designs.
    has : Cost
    link : Cost
        Of the host link and the control port, which are there already.
    blocks : tuple of (width, depth)
        Shapes that a block memory can have, the widest first.
    reader : float
        Tables of what reads windows, as ``python -m hw.network.areas`` shows them: counters and
        adders of addresses, whose carries count as tables on ECP5.
    """

    clock_mhz: float
    has: Cost
    link: Cost
    blocks: tuple[tuple[int, int], ...]
    reader: float

    def memory(self, width: int, depth: int) -> int:
        """Block memories for so many words of so many bits."""
        return min(ceil(width / w) * ceil(depth / d) for w, d in self.blocks)

    def share(self, cost: Cost) -> float:
        """One number for a cost: tables, with multipliers and memories as so many of them."""
        dsp, bram = self.has.lut / self.has.dsp, self.has.lut / self.has.bram
        return cost.lut + dsp * cost.dsp + bram * cost.bram

    def lacks(self, cost: Cost) -> list[str]:
        """What there is too little of."""
        names = {"lut": "LUTs", "dsp": "multipliers", "bram": "block memories"}
        return [
            f"{getattr(cost, name):,.0f} {text} of {getattr(self.has, name):,.0f}"
            for name, text in names.items()
            if getattr(cost, name) > getattr(self.has, name)
        ]


_ECP5 = ((36, 512), (18, 1024), (9, 2048), (4, 4096), (2, 8192), (1, 16384))
_ICE40 = ((16, 256), (8, 512), (4, 1024), (2, 2048))
_XILINX = ((36, 512), (18, 1024), (9, 2048), (4, 4096), (2, 8192), (1, 16384))

CHIPS = {
    "ulx3s-85f": Chip(
        clock_mhz=50,
        has=Cost(lut=83_640, dsp=156, bram=208),
        link=Cost(lut=2_000, bram=4),
        blocks=_ECP5,
        reader=200,
    ),
    "orangecrab-25f": Chip(
        clock_mhz=48,
        has=Cost(lut=24_288, dsp=28, bram=56),
        link=Cost(lut=2_000, bram=4),
        blocks=_ECP5,
        reader=200,
    ),
    "icebreaker": Chip(
        clock_mhz=24,
        has=Cost(lut=5_280, dsp=8, bram=30),
        link=Cost(lut=1_600, bram=4),
        blocks=_ICE40,
        reader=125,
    ),
    "arty-a7": Chip(
        clock_mhz=50,
        has=Cost(lut=20_800, dsp=90, bram=100),
        link=Cost(lut=2_000, bram=4),
        blocks=_XILINX,
        reader=125,
    ),
}
"""By the names of the boards."""
