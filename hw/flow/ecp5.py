"""Lattice ECP5: synth_ecp5 and nextpnr-ecp5."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .ecp5_memories import absorb_output_registers
from .ecp5_sites import MEMORY_TYPES, with_sites
from .families import Area, Cells, Device, Family, total
from .tools import NEXTPNR_ECP5

__all__ = ["ROUTER1_TABLES", "SCATTERED_MEMORIES", "TIMING_WEIGHT", "family"]

_MEMORIES_OF = {"85k": 208, "45k": 108, "25k": 56, "12k": 56}
_PACKAGES = {"85k": "CABGA756", "45k": "CABGA554", "25k": "CABGA381", "12k": "CABGA381"}
_SPEEDS = (6, 7, 8)
_TABLES = {"LUT4": 1, "CCU2C": 2, "TRELLIS_DPR16X4": 4}
_MEMORIES = dict.fromkeys(MEMORY_TYPES, 1)
TIMING_WEIGHT = 50
"""Of what is critical for the placer, whose own is 10."""
ROUTER1_TABLES = 8000
"""Designs of more tables (LUT4-eq) than this go to router2."""
SCATTERED_MEMORIES = 8
"""More block memories than this get sites before the rest is placed."""


def family() -> Family:
    """LUT4-eq = LUT4 + 2*CCU2C + 4*DPR16X4: the slices' tables, whatever they are used as."""
    return Family(
        name="ecp5",
        synthesis=(  # without the multiplexers that join tables: they double what is before them
            "synth_ecp5 -nowidelut -top {top} -run begin:map_luts",
            "opt_clean -purge",  # abc9 of Yosys 0.70 trips over wires of several names
            "synth_ecp5 -nowidelut -top {top} -run map_luts:",
        ),
        area=_area,
        finish=absorb_output_registers,
        devices={
            f"{size}-{speed}": _device(size, speed) for size in _MEMORIES_OF for speed in _SPEEDS
        },
    )


def _device(size: str, speed: int) -> Device:
    return Device(
        name=f"{size}-{speed}",
        tool=NEXTPNR_ECP5,
        arguments=(
            *(f"--{size}", "--package", _PACKAGES[size], "--speed", str(speed)),
            "--timing-allow-fail",
            *("--placer-heap-timingweight", str(TIMING_WEIGHT)),
        ),
        router=_router,
        memories=_MEMORIES_OF[size],
        prepare=_prepare,
        constraints_option="--lpf",
        config_option="--textcfg",
        out_of_context=("--lpf-allow-unconstrained",),
        frequency=250,
        wire_scale=0.69,  # what a wire takes at best, by the paths of routed engines
    )


def _router(cells: Cells) -> str:
    """router1 where it ends soon: its wires are shorter, but it takes long with many tables.

    The HLAC-25 bank's netlist, seed 1 to 3: 277, 268, 269 MHz by router1, 176, 191, 200 by router2.
    """
    return "router1" if total(cells, _TABLES) <= ROUTER1_TABLES else "router2"


def _prepare(device: Device, netlist: Path, cells: Cells) -> Path:
    """Sites for block memories, where there are many.

    A full-rate engine, seed 1, router1: 131 MHz as nextpnr placed its 126 memories, in 400 s;
    140 MHz in 224 s with sites for the 96 of its tables.
    """
    scattered = total(cells, _MEMORIES) > SCATTERED_MEMORIES
    return with_sites(netlist, device) if scattered else netlist


def _area(cells: Cells, stat: Mapping[str, Any]) -> Area:
    del stat
    return {
        "lut4_eq": total(cells, _TABLES),
        "lut": total(cells, {"LUT4": 1}),
        "carry": total(cells, {"CCU2C": 1}),
        "ff": total(cells, {"TRELLIS_FF": 1}),
        "dsp": total(cells, {"MULT18X18D": 1, "MULT9X9D": 1}),
        "bram": total(cells, _MEMORIES),
    }
