"""hw.flow.synthesis and its families: area, sources, and what is refused."""

import pytest

from hw import flow
from hw.flow import FlowError
from hw.flow.synthesis import Port
from tests.hw.flow.common import COUNTER, ECP5, left_over


def test_area_is_counted_from_the_cells(counter):
    assert counter.cells["TRELLIS_FF"] == 8
    assert counter.area["ff"] == 8
    cells = counter.cells
    assert counter.area["lut4_eq"] == cells.get("LUT4", 0) + 2 * cells["CCU2C"]
    assert [port.name for port in counter.ports] == ["clk", "rst", "step", "count"]
    assert counter.ports[2] == Port("step", "input", 8)
    assert "Yosys" in counter.log.read_text()


def test_a_parameter_is_set_before(counter):
    result = flow.synthesise(
        {"counter.v": COUNTER}, top="counter", family=ECP5, prepare=["chparam -set N 12 counter"]
    )
    assert result.area["ff"] == 12
    assert result.folder != counter.folder


def test_memory_files_lie_beside_the_sources():
    rom = """module rom(input [3:0] a, output [3:0] d); reg [3:0] m [0:15];
    initial $readmemh("rom.hex", m); assign d = m[a]; endmodule"""
    hexes = "\n".join(f"{n * 7 % 16:x}" for n in range(16))
    result = flow.synthesise({"rom.v": rom, "rom.hex": hexes}, top="rom", family=ECP5)
    assert result.area["lut4_eq"] > 0


def test_bad_sources_are_refused_in_words(cache):
    with pytest.raises(FlowError, match=r"yosys failed: .*syntax error"):
        flow.synthesise({"bad.v": "module bad(; endmodule"}, top="bad", family=ECP5)
    with pytest.raises(FlowError, match="Module `none' not found"):
        flow.synthesise({"counter.v": COUNTER}, top="none", family=ECP5)
    with pytest.raises(FlowError, match="expected a plain Verilog name"):
        flow.synthesise({"counter.v": COUNTER}, top="a b; shell", family=ECP5)
    with pytest.raises(FlowError, match=r"no source file that ends in \.il, \.v, \.sv"):
        flow.synthesise({"counter.vhd": ""}, top="counter", family=ECP5)
    assert left_over(cache) == []


def test_unknown_families_and_devices():
    with pytest.raises(FlowError, match="family 'gowin' is not one of asic, ecp5, ice40, xilinx"):
        flow.load_family("gowin")
    with pytest.raises(FlowError, match="device 'up5k' is not one of ecp5's: 85k-6, "):
        ECP5.device("up5k")
    with pytest.raises(FlowError, match="xilinx: synthesis only"):
        flow.load_family("xilinx").device()


@pytest.mark.parametrize(("tables", "router"), [(8000, "router1"), (8001, "router2")])
def test_many_tables_go_to_router2(tables, router):
    arguments = ECP5.device().arguments_for({"DP16KD": 126, "LUT4": tables})
    assert arguments[-2:] == ["--router", router]
