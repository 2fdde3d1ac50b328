"""hw.flow.ecp5_sites: where block memories go before the rest is placed."""

import json

import pytest

from hw import flow
from hw.flow.cache import share
from hw.flow.ecp5_sites import lay_out, memory_sites
from tests.hw.flow.common import ECP5

ROWS = [[f"{row}{site}" for site in range(4)] for row in "abcde"]


def test_memories_take_the_middle_of_the_middle_row():
    assert lay_out(["m"], ROWS) == {"m": "c1"}
    assert lay_out(["m.2", "m.1"], ROWS) == {"m.1": "c1", "m.2": "c2"}


def test_numbers_in_names_are_in_order_of_their_value():
    names = [f"bank_{n}.words" for n in range(12)]
    found = lay_out(names[::-1], ROWS)
    assert [found[name] for name in names] == [site for row in ROWS[1:4] for site in row]


def test_rows_are_filled_evenly():
    found = lay_out([f"m{n}" for n in range(5)], ROWS)
    assert list(found.values()) == ["b0", "b1", "b2", "c0", "c1"]


def test_no_memories_and_too_many_are_left_alone():
    assert lay_out([], ROWS) == {}
    assert lay_out([f"m{n}" for n in range(21)], ROWS) == {}
    assert len(lay_out([f"m{n}" for n in range(20)], ROWS)) == 20


@pytest.mark.parametrize("name", ["85k-6", "45k-6", "25k-6", "12k-6"])
def test_a_chip_has_as_many_sites_as_it_says(name):
    device = ECP5.device(name)
    rows = memory_sites(device)
    sites = {site for row in rows for site in row}
    assert len(sites) == sum(map(len, rows)) == device.memories
    assert len({len(row) for row in rows}) == 1
    for row in rows:
        columns = [int(site.split("/")[0].removeprefix("X")) for site in row]
        assert columns == sorted(columns)


MEMORIES = """
module memories(input clk, input [8:0] at, input [35:0] d, output reg [35:0] q);
  wire [35:0] way [0:{count}];
  assign way[0] = d;
  genvar n;
  generate
    for (n = 0; n < {count}; n = n + 1) begin : block
      reg [35:0] words [0:511];
      reg [35:0] word;
      always @(posedge clk) begin
        words[at] <= way[n];
        word <= words[~at];
      end
      assign way[n + 1] = word;
    end
  endgenerate
  always @(posedge clk) q <= way[{count}];
endmodule
"""


def test_nextpnr_puts_many_memories_where_they_are_told_to_go(tmp_path):
    device = ECP5.device()
    source = {"memories.v": MEMORIES.format(count=9)}
    result = flow.synthesise(source, top="memories", family=ECP5)
    assert result.area["bram"] == 9
    harness = flow.wrap(result)
    netlist = device.netlist_for(harness.netlist, harness.cells)
    cells = _top(netlist)["cells"]
    wanted = {name: cell["attributes"]["BEL"] for name, cell in cells.items() if _is(cell)}
    assert len(wanted) == 9
    assert set(wanted.values()) <= set(memory_sites(device)[1])
    share(netlist, tmp_path / "netlist.json")
    files = ["--json", "netlist.json", "--write", "placed.json", "--no-route"]
    more = ["--lpf-allow-unconstrained", "-q"]
    device.tool.run([*device.arguments, *files, *more], folder=tmp_path, log="place")
    placed = _top(tmp_path / "placed.json")["cells"]
    assert {name: placed[name]["attributes"]["NEXTPNR_BEL"] for name in wanted} == wanted


def test_few_memories_are_left_to_nextpnr():
    source = {"memories.v": MEMORIES.format(count=8)}
    result = flow.synthesise(source, top="memories", family=ECP5)
    assert ECP5.device().netlist_for(result.netlist, result.cells) == result.netlist


def _top(netlist):
    modules = json.loads(netlist.read_text())["modules"].values()
    return next(module for module in modules if "top" in module["attributes"])


def _is(cell):
    return cell["type"] == "DP16KD"
