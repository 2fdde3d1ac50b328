"""python -m hw.build with networks: files, the report, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hw import build
from sw.network.configfile import load_network
from sw.network.planner import plan

FILES = {"katazome.v", "katazome_regs.h", "katazome.rdl", "registers.md"}


def main(out: Path, *more: str) -> int:
    return build.main(["--config", "mnist-net", "--out", str(out), *more])


def test_verilog_and_its_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(tmp_path, "--target", "verilog") == 0
    assert {path.name for path in tmp_path.iterdir()} == FILES | {
        "summary.txt",
        "report.json",
        "report.html",
    }
    report = json.loads((tmp_path / "report.json").read_text())
    planned = plan(load_network("mnist-net"))
    assert report["cycles_per_frame"] == planned.cycles
    assert report["planned"]["frames_per_second"] >= 10_000
    assert [row["name"] for row in report["layers"]] == [*planned.config.layers]
    conv1, pool1, conv2 = report["layers"][:3]
    assert conv1["engine"]["templates"] == 16
    assert pool1["pool"]["channels"] == planned.config.layers["pool1"].channels
    assert conv2["macs"]["kernels"] * conv2["macs"]["channels"] == conv2["estimate"]["dsp"]
    assert sum(row["multiplications"] for row in report["layers"]) == 380_128
    assert (tmp_path / "summary.txt").read_text() in capsys.readouterr().out


def test_skipped_zeros_are_told(tmp_path: Path) -> None:
    skip = "layers.conv2.skip_zeros=true"
    assert main(tmp_path, "--target", "verilog", "--rate", "1000", "--set", skip) == 0
    conv2 = json.loads((tmp_path / "report.json").read_text())["layers"][2]
    assert conv2["macs"]["skip_zeros"] is True
    (line,) = [x for x in (tmp_path / "summary.txt").read_text().splitlines() if "conv2" in x]
    assert line.endswith(" multipliers, zeros skipped")
    assert "zeros skipped" in (tmp_path / "report.html").read_text()


def test_another_board_and_rate(tmp_path: Path) -> None:
    assert main(tmp_path, "--target", "verilog", "--board", "icebreaker", "--rate", "100") == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["network"]["board"] == "icebreaker"
    assert report["planned"]["clock_mhz"] == 24
    assert report["planned"]["frames_per_second"] >= 100
    assert sum(row["estimate"]["dsp"] for row in report["layers"]) <= 8


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    wish = ["--board", "icebreaker", "--rate", "100"]
    for name in ("a", "b"):
        assert main(tmp_path / name, "--target", "verilog", *wish) == 0
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--config", "mnist-net", "--board", "icebreaker", "--rate", "9000"], "icebreaker has at"),
        (["--config", "tiny", "--rate", "5"], "--rate: a layer's engine has none"),
    ],
)
def test_what_cannot_be_is_refused(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--target", "verilog", "--out", str(tmp_path / "out"), *words]
    assert build.main(arguments) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
