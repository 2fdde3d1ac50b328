"""Standard cells: area with a library's own figures, or in generic gates without one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import FlowError
from .families import Area, Cells, Family, total

__all__ = ["LIBERTY_PLACES", "LIBRARY", "MACRO_WORDS", "family", "find_liberty"]

LIBERTY_PLACES = (
    "/usr/share/qflow/tech/osu018/osu018_stdcells.lib",
    "/usr/local/share/qflow/tech/osu018/osu018_stdcells.lib",
    "osu018_stdcells.lib",
)
"""Where a library is looked for; the first is Debian's qflow-tech-osu018."""
MACRO_WORDS = 64
"""Memories of at least as many words are macros, whose area depends on the maker's compiler."""
LIBRARY = "cells.lib"
"""The cell library's name beside the sources."""
_NAND2 = re.compile(r"cell\s*\(\s*\"?(?:NAND2X1|\w*nand2_1|NAND2_X1)\"?\s*\)\s*\{", re.IGNORECASE)
_AREA = re.compile(r"\barea\s*:\s*([\d.]+)")
_MACROS = f"memories of {MACRO_WORDS} words or more are macros: bits are counted, not their area"
# Enables and resets become gates: not every library has flip-flops that have them.
_LOGIC = (
    "synth -flatten -top {top} -run begin:fine",
    "opt -fast -full",
    f"select -set macros t:$mem_v2 r:SIZE>={MACRO_WORDS} %i",
    "memory_map t:$mem_v2 @macros %d",
    "opt -full",
    "techmap",
    "opt -fast",
    "setattr -unset init w:*",  # a chip powers up as it will
)
_MAPPED = (f"dfflibmap -liberty {LIBRARY}", f"abc -liberty {LIBRARY}", "opt_clean")
_GENERIC = ("dfflegalize -cell $_DFF_P_ x", "abc -g gates", "opt_clean")
_GENERIC_GATES = {
    **dict.fromkeys(("$_NOT_",), 0.5),
    **dict.fromkeys(("$_NAND_", "$_NOR_"), 1),
    **dict.fromkeys(("$_AND_", "$_OR_", "$_ANDNOT_", "$_ORNOT_"), 1.5),
    **dict.fromkeys(("$_XOR_", "$_XNOR_", "$_MUX_"), 2.5),
    "$_DFF_P_": 6,
}
"""NAND2 equivalents of Yosys's generic cells by their transistors in static CMOS, four a NAND2."""


def find_liberty() -> Path | None:
    """A library in one of :data:`LIBERTY_PLACES`."""
    return next((path for path in map(Path, LIBERTY_PLACES) if path.is_file()), None)


def family(liberty: Path | None = None) -> Family:
    """``um2`` and ``gates``, its NAND2 equivalents; large memories are counted in bits alone.

    Parameters
    ----------
    liberty : Path, optional
        A cell library; else one that is found, else generic gates.

    Raises
    ------
    FlowError
        If the library cannot be read or has no two-input NAND.
    """
    path = liberty or find_liberty()
    if path is None:
        return Family(
            name="asic",
            synthesis=(*_LOGIC, *_GENERIC),
            area=_generic_area,
            note="no cell library found (apt-get install qflow-tech-osu018, or --liberty FILE): "
            f"gates are Yosys's generic ones, by transistors; {_MACROS}",
        )
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise FlowError(f"{path}: {error.strerror}") from error
    nand = _nand_area(text, path)
    return Family(
        name="asic",
        synthesis=(*_LOGIC, *_MAPPED),
        area=lambda _, stat: {
            "um2": round(stat["area"], 1),
            "gates": round(stat["area"] / nand),
            "memory_bits": stat["memory_bits"],
        },
        files={LIBRARY: text},
        stat=f"stat -json -liberty {LIBRARY}",
        note=f"cells of {path.name}; {_MACROS}",
    )


def _nand_area(text: str, path: Path) -> float:
    found = _NAND2.search(text)
    area = _AREA.search(text, found.end()) if found else None
    if not area:
        raise FlowError(f"{path}: expected a Liberty file with a cell NAND2X1 (or nand2_1)")
    return float(area[1])


def _generic_area(cells: Cells, stat: Mapping[str, Any]) -> Area:
    gates = round(total(cells, _GENERIC_GATES))
    return {"gates": gates, "memory_bits": stat["memory_bits"]}
