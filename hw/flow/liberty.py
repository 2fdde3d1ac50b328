"""What a cell library says of energy: Liberty's internal power and capacitances, averaged.

A table of internal power is over input slopes and loads, which are not known before layout: ours
are means over the loads at the steepest slope, and over a pin's tables.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import FlowError, MissingToolError

__all__ = ["CellEnergies", "PinEnergy", "read_energies"]


@dataclass(frozen=True, kw_only=True)
class PinEnergy:
    """What it takes when a pin changes once.

    Parameters
    ----------
    capacitance : float
        In pF; 0 of an output.
    internal : float
        In pJ, within the cell.
    """

    capacitance: float
    internal: float


@dataclass(frozen=True, kw_only=True)
class CellEnergies:
    """All cells of a library.

    Parameters
    ----------
    volts : float
        At which it was characterised.
    cells : mapping of cell name to mapping of pin name to PinEnergy
    """

    volts: float
    cells: Mapping[str, Mapping[str, PinEnergy]]


def read_energies(text: str, name: str) -> CellEnergies:
    """Read a Liberty file with units of 1 V, 1 ns and 1 pF, so that energies are in pJ.

    Raises
    ------
    FlowError
        If it cannot be read, has other units, or no energies.
    MissingToolError
        If the library that reads it is not installed.
    """
    if importlib.util.find_spec("liberty") is None:
        raise MissingToolError("liberty-parser is not installed: pip install 'katazome[explore]'")
    from liberty.parser import parse_liberty  # noqa: PLC0415 (of the extra `explore`)

    try:
        library = parse_liberty(text)
    except Exception as error:  # its grammar's own, of many kinds
        raise FlowError(f"{name}: no Liberty file: {str(error).splitlines()[0]}") from error
    said = [library.get("voltage_unit"), library.get("time_unit")]
    units = [_text(unit).lower() for unit in [*said, *library.get("capacitive_load_unit", ())]]
    if units not in (["1v", "1ns", "1", "pf"], ["1v", "1ns", "1.0", "pf"]):
        raise FlowError(f"{name}: expected units of 1 V, 1 ns and 1 pF, got {', '.join(units)}")
    cells = {
        _text(cell.args[0]): {_text(pin.args[0]): _pin(pin) for pin in cell.get_groups("pin")}
        for cell in library.get_groups("cell")
    }
    if not any(pin.internal for cell in cells.values() for pin in cell.values()):
        raise FlowError(f"{name}: has no internal_power, so nothing is known of energies")
    return CellEnergies(volts=float(library["nom_voltage"]), cells=cells)


def _pin(pin: Any) -> PinEnergy:
    tables = [
        table.get_array("values")
        for power in pin.get_groups("internal_power")
        for kind in ("rise_power", "fall_power", "power")
        for table in power.get_groups(kind)
    ]
    return PinEnergy(
        capacitance=float(pin.get("capacitance") or 0),
        internal=_mean([float(table[:, 0].mean()) for table in tables]),
    )


def _text(value: object) -> str:
    return str(value).strip('"')


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
