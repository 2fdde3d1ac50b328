"""What a family of chips is to the flow; one module a family, found by its name."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import FlowError
from .tools import Tool

__all__ = ["Area", "Cells", "Device", "Family", "family_names", "load_family"]

Cells = Mapping[str, int]
"""How many cells there are, by type."""
Area = dict[str, float]
"""As in report.json: ``lut4_eq``, ``lut``, ``carry``, ``ff``, ``dsp``, ``bram``; or ``um2`` ..."""

_NAMES = ("asic", "ecp5", "ice40", "xilinx")


@dataclass(frozen=True, kw_only=True)
class Device:
    """A chip to place and route for.

    Parameters
    ----------
    name : str
    tool : Tool
    arguments : tuple of str
        Which chip, and how to place and route for it.
    constraints_option, config_option : str
        The tool's options for the pins' file, and for the file that packs to a bitstream.
    out_of_context : tuple of str
        More arguments where no pins are given.
    frequency : float
        MHz that it is asked for unless the caller says otherwise.
    wire_scale : float
        What wires take once routed, in units of nextpnr's estimates before.
    router : function, optional
        nextpnr's router for a design of these cells; None: nextpnr's own choice.
    memories : int
        Block memories that it has, if ``prepare`` asks for it.
    prepare : function, optional
        From a design's netlist and cells the netlist to place; None: the same.
    """

    name: str
    tool: Tool
    arguments: tuple[str, ...]
    constraints_option: str
    config_option: str
    out_of_context: tuple[str, ...] = ()
    frequency: float
    wire_scale: float = 1.0
    router: Callable[[Cells], str] | None = None
    memories: int = 0
    prepare: Callable[[Device, Path, Cells], Path] | None = None

    def netlist_for(self, netlist: Path, cells: Cells) -> Path:
        """What to place for a netlist of these cells."""
        return self.prepare(self, netlist, cells) if self.prepare else netlist

    def arguments_for(self, cells: Cells) -> list[str]:
        """:attr:`arguments`, and the router that suits a design of these cells."""
        return [*self.arguments, *(("--router", self.router(cells)) if self.router else ())]


@dataclass(frozen=True, kw_only=True)
class Family:
    """How to synthesise for a family of chips, and how to count.

    Parameters
    ----------
    name : str
    synthesis : tuple of str
        Yosys commands; ``{top}`` stands for the top module. They leave it flat.
    area : function
        From the cells and what Yosys's ``stat -json`` says of the top module.
    files : mapping of file name to text
        Put beside the sources, for instance a cell library.
    devices : mapping of name to Device
        The first is the one if none is asked for.
    stat : str
        The Yosys command whose JSON ``area`` takes; ``memory_bits`` of ``$mem_v2`` is added to it.
    finish : function, optional
        Takes the top module of the netlist in Yosys's JSON, may change it, and says if it did.
    note : str
        What must be said beside the figures.
    """

    name: str
    synthesis: tuple[str, ...]
    area: Callable[[Cells, Mapping[str, Any]], Area]
    files: Mapping[str, str] = field(default_factory=dict)
    devices: Mapping[str, Device] = field(default_factory=dict)
    stat: str = "stat -json"
    finish: Callable[[dict[str, Any]], bool] | None = None
    note: str = ""

    def device(self, name: str | None = None) -> Device:
        """One of its chips.

        Raises
        ------
        FlowError
            If it has none of that name; the message lists those that it has.
        """
        if not self.devices:
            raise FlowError(f"{self.name}: synthesis only, no place and route")
        if name is None:
            return next(iter(self.devices.values()))
        if name not in self.devices:
            raise FlowError(
                f"device {name!r} is not one of {self.name}'s: {', '.join(self.devices)}"
            )
        return self.devices[name]


def family_names() -> list[str]:
    """Every family there is."""
    return list(_NAMES)


def load_family(name: str, **options: Any) -> Family:
    """The family of that name.

    Parameters
    ----------
    name : str
        One of :func:`family_names`.
    **options
        The family's own: ``liberty``, a path, for ``asic``.
    """
    if name not in _NAMES:
        raise FlowError(f"family {name!r} is not one of {', '.join(_NAMES)}")
    return importlib.import_module(f"{__package__}.{name}").family(**options)


def total(cells: Cells, weights: Mapping[str, float]) -> float:
    """The sum of the cells that ``weights`` names, each weighted."""
    count = sum(cells.get(cell, 0) * weight for cell, weight in weights.items())
    return int(count) if count == int(count) else count
