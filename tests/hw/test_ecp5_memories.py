"""Registers behind ECP5's block memories: which move in, and what the memory then is."""

import pytest

from hw.flow.ecp5_memories import absorb_output_registers

CLOCK, ENABLE = 2, 3


def flip_flop(data, output, **pins):
    connections = {"CLK": [CLOCK], "CE": [ENABLE], "LSR": ["0"], "DI": [data], "Q": [output]}
    return {
        "type": "TRELLIS_FF",
        "parameters": {"CEMUX": "CE", "CLKMUX": "CLK", "REGSET": "RESET"},
        "connections": connections | pins,
        "port_directions": {p: "output" if p == "Q" else "input" for p in (*connections, *pins)},
    }


def memory(width):
    """A memory whose port B reads bits 10 and 11; where it is wide, 11 is among port A's pins."""
    other = "DOA3" if width == 36 else "DOB1"
    connections = {
        "CLKB": [CLOCK],
        "CEB": [ENABLE],
        "OCEB": ["1"],
        "WEB": ["0"],
        "DOB0": [10],
        other: [11],
    }
    return {
        "type": "DP16KD",
        "parameters": {
            "REGMODE_A": "NOREG",
            "REGMODE_B": "NOREG",
            "CLKBMUX": "CLKB",
            "DATA_WIDTH_A": f"{width:032b}",
        },
        "connections": connections,
        "port_directions": {p: "output" if p.startswith("DO") else "input" for p in connections},
    }


def module(width=36, **pins):
    """A memory and the two flip-flops behind it, the second with other ``pins``."""
    cells = {"m": memory(width), "a": flip_flop(10, 20), "b": flip_flop(11, 21, **pins)}
    return {"cells": cells, "ports": {"q": {"direction": "output", "bits": [20, 21]}}}


@pytest.mark.parametrize("width", [36, 18])
def test_they_move_in(width):
    netlist = module(width)
    assert absorb_output_registers(netlist)
    assert list(netlist["cells"]) == ["m"]
    changed = netlist["cells"]["m"]
    assert changed["parameters"]["REGMODE_B"] == "OUTREG"
    assert changed["parameters"]["REGMODE_A"] == ("OUTREG" if width == 36 else "NOREG")
    assert changed["connections"]["OCEB"] == [ENABLE]
    assert changed["connections"]["DOB0"] == [20]
    assert changed["connections"]["DOA3" if width == 36 else "DOB1"] == [21]
    assert not absorb_output_registers(netlist)  # it has one already


def another_reads(netlist):
    netlist["cells"]["c"] = flip_flop(11, 22)


def the_module_shows_it(netlist):
    netlist["ports"]["q"]["bits"].append(10)


def it_is_set(netlist):
    netlist["cells"]["b"]["parameters"]["REGSET"] = "SET"


def it_is_enabled_by_a_zero(netlist):
    for name in "ab":
        netlist["cells"][name]["parameters"]["CEMUX"] = "INV"


def it_feeds_logic(netlist):
    netlist["cells"]["b"]["type"] = "LUT4"


def port_b_writes(netlist):
    netlist["cells"]["m"]["connections"]["WEB"] = ["1"]


@pytest.mark.parametrize(
    "change",
    [
        another_reads,
        the_module_shows_it,
        it_is_set,
        it_is_enabled_by_a_zero,
        it_feeds_logic,
        port_b_writes,
    ],
)
def test_they_stay_where(change):
    netlist = module()
    change(netlist)
    cells = set(netlist["cells"])
    assert not absorb_output_registers(netlist)
    assert set(netlist["cells"]) == cells
    assert netlist["cells"]["m"]["parameters"]["REGMODE_B"] == "NOREG"


@pytest.mark.parametrize("pins", [{"CE": [9]}, {"CLK": [9]}, {"LSR": [9]}])
def test_they_stay_where_one_has_controls_of_its_own(pins):
    netlist = module(**pins)
    assert not absorb_output_registers(netlist)
    assert len(netlist["cells"]) == 3
