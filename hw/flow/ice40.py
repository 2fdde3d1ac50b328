"""Lattice iCE40: synth_ice40 and nextpnr-ice40."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .families import Area, Cells, Device, Family, total
from .tools import NEXTPNR_ICE40

__all__ = ["family"]

_PACKAGES = {
    "up5k": ("sg48", 24),
    "hx8k": ("ct256", 80),
    "hx4k": ("tq144", 80),
    "lp8k": ("cm81", 50),
}
_FLIP_FLOPS = ("", "E", "SR", "R", "SS", "S", "ESR", "ER", "ESS", "ES")


def family() -> Family:
    """LUT4-eq = SB_LUT4: a logic cell's carry stands before its table, and costs no other."""
    return Family(
        name="ice40",
        synthesis=("synth_ice40 -dsp -top {top}",),
        area=_area,
        devices={
            name: _device(name, package, frequency)
            for name, (package, frequency) in _PACKAGES.items()
        },
    )


def _device(name: str, package: str, frequency: float) -> Device:
    return Device(
        name=name,
        tool=NEXTPNR_ICE40,
        arguments=(f"--{name}", "--package", package, "--timing-allow-fail"),
        constraints_option="--pcf",
        config_option="--asc",
        out_of_context=("--pcf-allow-unconstrained",),
        frequency=frequency,
    )


def _area(cells: Cells, stat: Mapping[str, Any]) -> Area:
    del stat
    flip_flops = {f"SB_DFF{edge}{kind}": 1 for kind in _FLIP_FLOPS for edge in ("", "N")}
    memories = {f"SB_RAM40_4K{edge}": 1 for edge in ("", "NR", "NW", "NRNW")}
    return {
        "lut4_eq": total(cells, {"SB_LUT4": 1}),
        "lut": total(cells, {"SB_LUT4": 1}),
        "carry": total(cells, {"SB_CARRY": 1}),
        "ff": total(cells, flip_flops),
        "dsp": total(cells, {"SB_MAC16": 1}),
        "bram": total(cells, memories),
    }
