"""ECP5's block memories have output registers, which Yosys does not use: registers move in."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

__all__ = ["absorb_output_registers"]

_OUTPUTS = 18
"""Data outputs of one port."""

Cell = dict[str, Any]


def absorb_output_registers(module: dict[str, Any]) -> bool:
    """Move the flip-flops that follow a block memory's read port into the memory.

    Without its register a DP16KD shows its data 5.8 ns after the clock. The registers move in
    where all that is used of what a memory reads goes to flip-flops alone, of one clock enable,
    of the memory's clock and without a reset.

    Parameters
    ----------
    module : dict
        Of a netlist in Yosys's JSON, flat, of ECP5's cells; it is changed.

    Returns
    -------
    bool
        Whether anything moved.
    """
    cells: dict[str, Cell] = module["cells"]
    users = _users(module)
    moved = False
    for memory in [cell for cell in cells.values() if cell["type"] == "DP16KD"]:
        registers = _registers(memory, cells, users)
        if registers:
            _absorb(memory, registers, cells)
            moved = True
    return moved


def _users(module: dict[str, Any]) -> dict[int | str, list[tuple[str, str]]]:
    """Who reads each bit: (cell, port), or ("", port) of the module."""
    users: defaultdict[int | str, list[tuple[str, str]]] = defaultdict(list)
    for name, cell in module["cells"].items():
        for port, bits in cell["connections"].items():
            if cell["port_directions"][port] == "input":
                for bit in bits:
                    users[bit].append((name, port))
    for name, port in module["ports"].items():
        if port["direction"] == "output":
            for bit in port["bits"]:
                users[bit].append(("", name))
    return users


def _read_bits(memory: Cell) -> dict[str, int] | None:
    """The data outputs of a memory that port B alone reads, by port; None of any other."""
    parameters, connections = memory["parameters"], memory["connections"]
    if connections.get("WEB", ["0"]) != ["0"] or parameters["REGMODE_B"] != "NOREG":
        return None
    wide = int(parameters["DATA_WIDTH_A"], 2) == 2 * _OUTPUTS  # then both ports' are port B's
    found = {
        f"DO{port}{n}": connections.get(f"DO{port}{n}", ["x"])[0]
        for port in "AB"
        for n in range(_OUTPUTS)
    }
    used = {port: bit for port, bit in found.items() if isinstance(bit, int)}
    return {port: bit for port, bit in used.items() if wide or port.startswith("DOB")}


def _registers(
    memory: Cell, cells: dict[str, Cell], users: dict[int | str, list[tuple[str, str]]]
) -> dict[str, str]:
    """The flip-flop behind each data output that is used; none where one cannot move."""
    bits = _read_bits(memory)
    found: dict[str, str] = {}
    enables: set[int | str | None] = set()
    for port, bit in (bits or {}).items():
        if not users[bit]:
            continue
        (name, pin), *others = users[bit]
        if others or not name or pin not in ("DI", "M") or cells[name]["type"] != "TRELLIS_FF":
            return {}
        flip_flop = cells[name]
        pins, parameters = flip_flop["connections"], flip_flop["parameters"]
        plain = (
            pins.get("LSR", ["0"]) == ["0"]
            and pins["CLK"] == memory["connections"]["CLKB"]
            and parameters.get("CLKMUX", "CLK").strip() == memory["parameters"]["CLKBMUX"][:3]
            and parameters.get("REGSET", "RESET") == "RESET"
        )
        if not plain:
            return {}
        found[port] = name
        enables.add(_enable(flip_flop))
    return found if len(enables) == 1 and None not in enables else {}


def _enable(flip_flop: Cell) -> int | str | None:
    """The bit that enables a flip-flop; the constant 1 if it always is, None if a 0 does."""
    kind = flip_flop["parameters"].get("CEMUX", "CE").strip()
    return {"1": "1", "CE": flip_flop["connections"].get("CE", ["1"])[0]}.get(kind)


def _absorb(memory: Cell, registers: dict[str, str], cells: dict[str, Cell]) -> None:
    """Turn the memory's registers on; take the flip-flops away."""
    (enable,) = {_enable(cells[name]) for name in registers.values()}
    connections, parameters = memory["connections"], memory["parameters"]
    connections["OCEB"] = [enable]
    parameters["REGMODE_B"] = "OUTREG"
    if int(parameters["DATA_WIDTH_A"], 2) == 2 * _OUTPUTS:
        parameters["REGMODE_A"] = "OUTREG"
    for port, name in registers.items():
        connections[port] = cells.pop(name)["connections"]["Q"]
