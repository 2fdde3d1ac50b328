"""ECP5's block memories get sites before the rest is placed: nextpnr scatters those of a block."""

from __future__ import annotations

import hashlib
import inspect
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from .cache import cached, key_of
from .families import Device

__all__ = ["MEMORY_TYPES", "lay_out", "memory_sites", "with_sites"]

MEMORY_TYPES: tuple[str, ...] = ("DP16KD", "PDPW16KD")
_PLACED = re.compile(r"X(\d+)/Y(\d+)/")
_NUMBER = re.compile(r"(\d+)")


def with_sites(netlist: Path, device: Device) -> Path:
    """A netlist like ``netlist``, in Yosys's JSON, whose block memories are bound to sites.

    What reads and writes a memory is placed around it, so that what belongs together comes to lie
    together. A netlist with more memories than the chip is left as it is, for nextpnr to refuse.
    """
    rows = memory_sites(device)
    key = key_of(
        step="memory sites",
        netlist=hashlib.sha256(netlist.read_bytes()).hexdigest(),
        rows=rows,
        code=inspect.getsource(sys.modules[__name__]),
    )

    def make(folder: Path) -> None:
        design = json.loads(netlist.read_text())
        (top,) = (m for m in design["modules"].values() if "top" in m["attributes"])
        cells = top["cells"]
        memories = [name for name, cell in cells.items() if cell["type"] in MEMORY_TYPES]
        for name, site in lay_out(memories, rows).items():
            cells[name]["attributes"]["BEL"] = site
        (folder / "netlist.json").write_text(json.dumps(design))

    return cached("sites-ecp5", key, make) / "netlist.json"


def lay_out(memories: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[str, str]:
    """Sites for memories: in the natural order of their names, row after row, each from the left.

    The memories of a block have names that begin alike. They take as few rows as hold them, those
    nearest to the middle one, as many in each, around the middle of the row.

    Parameters
    ----------
    memories : sequence of str
        Names, with dots between a block's and what is in it.
    rows : sequence of sequence of str
        Sites; the chip's rows from top to bottom, of one length.

    Returns
    -------
    dict
        The site of each memory; empty if there are more of them than sites.
    """
    if not memories or len(memories) > sum(map(len, rows)):
        return {}
    length = len(rows[0])
    needed = -(-len(memories) // length)
    each = -(-len(memories) // needed)
    top = (len(rows) - needed) // 2
    left = (length - each) // 2
    sites = [site for row in rows[top : top + needed] for site in row[left : left + each]]
    return dict(zip(sorted(memories, key=_natural), sites, strict=False))


def _natural(name: str) -> list[tuple[int, str]]:
    """A key that sorts numbers in names by their value."""
    parts = _NUMBER.split(name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def memory_sites(device: Device) -> list[list[str]]:
    """The sites of a chip's block memories, row by row; each row from the left.

    nextpnr knows them: it is asked to place a memory of no connections on each.
    """
    tool, options = device.tool, device.arguments
    key = key_of(step="all memory sites", tool=tool.version(), arguments=options)

    def make(folder: Path) -> None:
        (folder / "netlist.json").write_text(json.dumps(_full(device.memories)))
        files = ["--json", "netlist.json", "--write", "placed.json", "-q", "-l", "place.log"]
        tool.run(
            [*options, *files, "--no-route"],
            folder=folder,
            log="place",
            what=f"sites of block memories of {device.name}",
        )
        module = json.loads((folder / "placed.json").read_text())["modules"]["top"]
        sites = [cell["attributes"].get("NEXTPNR_BEL", "") for cell in module["cells"].values()]
        (folder / "rows.json").write_text(json.dumps(_rows(sites)))

    folder = cached("memory-sites-ecp5", key, make)
    return json.loads((folder / "rows.json").read_text())


def _full(memories: int) -> dict[str, Any]:
    """A netlist of so many memories."""
    nothing: dict[str, Any] = {"parameters": {}, "port_directions": {}, "connections": {}}
    cell = {"hide_name": 0, "type": MEMORY_TYPES[0], "attributes": {}, **nothing}
    cells = {f"memory_{n}": cell for n in range(memories)}
    top = {"attributes": {"top": f"{1:032b}"}, "ports": {}, "cells": cells, "netnames": {}}
    return {"creator": "katazome", "modules": {"top": top}}


def _rows(sites: Iterable[str]) -> list[list[str]]:
    """Sites such as ``X4/Y22/EBR0``, by Y, then by X."""
    rows: defaultdict[int, list[tuple[int, str]]] = defaultdict(list)
    for site in sites:
        if found := _PLACED.match(site):
            rows[int(found[2])].append((int(found[1]), site))
    return [[site for _, site in sorted(rows[y])] for y in sorted(rows)]
