"""AMD (Xilinx) 7 series: synth_xilinx, area only; Vivado places and routes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .families import Area, Cells, Family, total

__all__ = ["family"]

_TABLES = {f"LUT{inputs}": 1 for inputs in range(1, 7)}
_MEMORIES = {
    "SRL16E": 1,
    "SRLC32E": 1,
    "RAM32X1S": 1,
    "RAM64X1S": 1,
    "RAM32X1D": 2,
    "RAM64X1D": 2,
    "RAM128X1S": 2,
    "RAM128X1D": 4,
    "RAM256X1S": 4,
    "RAM32M": 4,
    "RAM64M": 4,
}
"""Look-up tables that each distributed memory and shift register takes."""
_LUT4_EQ = {"LUT1": 1, "LUT2": 1, "LUT3": 1, "LUT4": 1, "LUT5": 2, "LUT6": 4}
"""As ECP5 builds the same function: from tables of four inputs and free multiplexers."""


def family() -> Family:
    """LUT4-eq counts LUT5 as 2, LUT6 and a table used as memory as 4; a carry has its own LUTs."""
    return Family(
        name="xilinx",
        synthesis=("synth_xilinx -flatten -noiopad -noclkbuf -top {top}",),
        area=_area,
        note="xilinx: synthesis only; Vivado places and routes",
    )


def _area(cells: Cells, stat: Mapping[str, Any]) -> Area:
    del stat
    memories = total(cells, _MEMORIES)
    return {
        "lut4_eq": total(cells, _LUT4_EQ) + 4 * memories,
        "lut": total(cells, _TABLES) + memories,
        "carry": total(cells, {"CARRY4": 1}),
        "ff": total(cells, dict.fromkeys(("FDRE", "FDSE", "FDCE", "FDPE"), 1)),
        "dsp": total(cells, {"DSP48E1": 1}),
        "bram": total(cells, {"RAMB36E1": 1, "RAMB18E1": 0.5}),
    }
