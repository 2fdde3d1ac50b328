"""A netlist of cells: what is on each net, and Verilog of the same names."""

import re

import pytest

from hw.flow import FlowError, load_family, synthesise
from hw.flow.families import Family
from hw.flow.gates import gates_of
from tests.hw.flow.cells import LIBRARY

SOURCE = """
module two(input clk, input [1:0] i, output [1:0] o);
  wire \\state.of , both;
  NAND2X1 and_of (.A(i[0]), .B(i[1]), .Y(both));
  INVX1 not_of (.A(both), .Y(\\state.of ));
  DFFPOSX1 first (.CLK(clk), .D(\\state.of ), .Q(o[0]));
  DFFPOSX1 second (.CLK(clk), .D(both), .Q(o[1]));
endmodule
"""
FAMILY = Family(
    name="asic",
    synthesis=("read_liberty -lib cells.lib", "hierarchy -top {top}"),
    area=lambda _cells, _stat: {},
    files={"cells.lib": LIBRARY},
)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KATAZOME_CACHE", str(tmp_path / "cache"))


def test_every_pin_is_on_a_net_that_the_verilog_names():
    gates = gates_of(synthesise({"two.v": SOURCE}, top="two", family=FAMILY))
    assert sorted(sorted(pins) for pins in gates.nets.values()) == [
        [("DFFPOSX1", "CLK"), ("DFFPOSX1", "CLK")],
        [("DFFPOSX1", "D"), ("INVX1", "A"), ("NAND2X1", "Y")],
        [("DFFPOSX1", "D"), ("INVX1", "Y")],
        [("DFFPOSX1", "Q")],
        [("DFFPOSX1", "Q")],
        [("NAND2X1", "A")],
        [("NAND2X1", "B")],
    ]
    assert gates.nets["i[1]"] == [("NAND2X1", "B")]
    assert gates.nets["clk"] == [("DFFPOSX1", "CLK")] * 2
    design = gates.verilog[gates.verilog.index("module two(") :]
    for net in gates.nets:
        assert re.search(rf"\b{re.escape(net.partition('[')[0])}\b", design)
    assert "\\" not in design
    assert "module NAND2X1" in gates.verilog


def test_generic_gates_have_no_cells(monkeypatch):
    monkeypatch.setattr("hw.flow.asic.LIBERTY_PLACES", ())
    source = "module not_of(input i, output o); assign o = ~i; endmodule"
    block = synthesise({"not_of.v": source}, top="not_of", family=load_family("asic"))
    with pytest.raises(FlowError, match="expected a cell library"):
        gates_of(block)
