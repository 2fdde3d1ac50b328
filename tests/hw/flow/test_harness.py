"""hw.flow.harness: registers around a block, and blocks that can have none."""

import json

import pytest

from hw import flow
from hw.flow import FlowError
from hw.flow.harness import HARNESS, harness_verilog
from hw.flow.synthesis import Port
from tests.hw.flow.common import ECP5


def test_the_harness_keeps_every_cell_and_adds_registers(counter):
    harness = flow.wrap(counter)
    module = json.loads(harness.netlist.read_text())["modules"][HARNESS]
    kinds = [cell["type"] for cell in module["cells"].values()]
    # 9 inputs; 8 outputs, folded to 2, to 1
    assert kinds.count("TRELLIS_FF") == counter.cells["TRELLIS_FF"] + 9 + 8 + 2 + 1
    assert kinds.count("CCU2C") == counter.cells["CCU2C"]
    assert sorted(module["ports"]) == ["clk", "din", "dout"]
    assert harness.cells == counter.cells


def test_a_block_without_clock_and_with_odd_names():
    text = r"""module odd(input \a.b , input [2:0] c, output \y[0] );
    assign \y[0] = \a.b ^ ^c; endmodule"""
    harness = flow.wrap(flow.synthesise({"odd.v": text}, top="odd", family=ECP5))
    assert json.loads(harness.netlist.read_text())["modules"][HARNESS]["cells"]


def test_blocks_that_have_no_harness():
    with pytest.raises(FlowError, match="top: a block without outputs has no Fmax"):
        harness_verilog("top", [Port("clk", "input", 1)])
    with pytest.raises(FlowError, match="top: no harness for bidirectional ports: pad"):
        harness_verilog("top", [Port("pad", "inout", 1), Port("y", "output", 1)])
