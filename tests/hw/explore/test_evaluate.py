"""A point measured: for real once, and with commands that say what they like."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from hw.explore import evaluate as module
from hw.explore.command import CommandError
from hw.explore.evaluate import Limits, config_of, evaluate
from hw.explore.inputs import make_inputs
from sw.cli import InputError
from sw.config_error import ConfigError
from sw.configfile import load_config
from tests.hw.explore.rows import point

COUNTERS = {
    "multiplications_needed": 1000,
    "multiplications_executed": 100,
    "lookups": 50,
    "hits": 40,
    "misses": 10,
    "stall_cycles": None,
}


def inputs_of(bits=(), frames=3):
    pixels = np.random.default_rng(1).integers(0, 256, (frames, 2, 6, 7)).astype(np.uint8)
    return make_inputs(load_config("tiny"), source="tiny", images=pixels, bits=bits)


class Commands:
    """Commands that write what theirs would, but for some changes."""

    def __init__(self, **changes):
        self.changes, self.calls = changes, []

    def __call__(self, command, arguments, *, timeout):
        del timeout
        self.calls.append([command, *arguments])
        if command in self.changes.get("fail", ()):
            raise CommandError(f"{command}: it broke")
        named = dict(pairwise(arguments))
        if command == "sim.activity":
            assert len(np.load(named["--images"])) == 1
            Path(named["--json"]).write_text(json.dumps({"energy_nj": {"total": 7.5}}))
            return 1.0
        if command == "hw.build":
            folder = Path(named["--out"])
            folder.mkdir()
            area = {"lut4_eq": 10, "lut": 8, "carry": 1, "ff": 9, "dsp": 1, "bram": 2}
            report = {"area": area, "fmax_mhz": {"median": None}, "bank_adders": 3}
            (folder / "report.json").write_text(json.dumps(report))
            return 1.0
        rtl = command == "sim.run"
        y = np.arange(12).reshape(1, 2, 2, 3)
        if rtl and self.changes.get("output"):
            y = y + (y == 7)
        np.savez(named["--out"], y=y)
        counters = COUNTERS | {"frames": 3, "cycles": 252}
        if rtl:
            counters |= {"stall_cycles": 20, **self.changes.get("counters", {})}
        Path(named["--json"]).write_text(json.dumps(counters))
        return 1.0


def measured(monkeypatch, of=None, **changes):
    commands = Commands(**changes)
    monkeypatch.setattr(module, "run_command", commands)
    return evaluate(of or point(table__entries=8), inputs_of([4]), Limits()), commands


def test_an_engine_is_measured_by_the_real_commands():
    row = evaluate(point(templates="none", strategy="value_table"), inputs_of(), Limits())
    assert row["reason"] is None
    assert row["state"] == "measured"
    assert row["frames"] == 3
    assert row["outputs_compared"] == 3 * 6 * 4 * 5
    assert row["counters"]["multiplications_executed"] == 0
    assert row["counters"]["lookups"] == row["predicted"]["lookups"] > 0
    assert row["area"]["lut4_eq"] > 500
    assert 0.5 < row["pixels_per_cycle"] <= 1
    assert row["energy_nj"]["total"] > row["energy_nj"]["products"] > 0
    assert row["seconds"].keys() == {"foretell", "simulate", "build"}


def test_a_row_holds_what_the_commands_wrote(monkeypatch):
    row, commands = measured(monkeypatch)
    assert [call[0] for call in commands.calls] == ["sw.reference", "sim.run", "hw.build"]
    assert all("table.entries=8" in call for call in commands.calls)
    assert row["pixels_per_cycle"] == 0.5
    assert (row["executed"], row["hit_rate"]) == (0.1, 0.8)
    assert row["area"]["bram"] == 2
    assert row["state"] == "measured"


@pytest.mark.parametrize("library", [None, Path("cells.lib")])
def test_cells_switch_where_there_is_a_library(monkeypatch, library):
    monkeypatch.setattr(module, "find_liberty", lambda: library)
    row, commands = measured(monkeypatch, point(target="asic"))
    assert row["switching_nj"] == (library and {"total": 7.5})
    assert ("switch" in row["seconds"]) == (library is not None)
    assert [call[0] for call in commands.calls][3:] == ["sim.activity"] * (library is not None)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"output": 1}, "1 of 12 outputs differ from the golden model"),
        ({"counters": {"hits": 41}}, "hits: the RTL counts 41, foretold were 40"),
        ({"fail": ["sim.run"]}, "sim.run: it broke"),
        ({"fail": ["hw.build"]}, "hw.build: it broke"),
    ],
)
def test_what_is_wrong_is_the_reason(monkeypatch, changes, said):
    row, _ = measured(monkeypatch, **changes)
    assert row["reason"] == said
    assert row["state"] == "failed"
    assert row["energy_nj"] is None


def test_a_point_has_inputs_of_its_own_width(monkeypatch):
    _, commands = measured(monkeypatch, point(input_bits=4))
    assert all(any(word.endswith("layer-4.npz") for word in call) for call in commands.calls)
    assert config_of(point(input_bits=4), inputs_of([4])).layer.input_format.bits == 4
    assert np.load(inputs_of([4]).unpack() / "images-4.npy").max() == 15


def test_only_what_is_needed_is_sent():
    inputs = inputs_of([4, 12])
    files = {f"layer-{bits}.npz" for bits in (4, 8, 12)}
    assert inputs.files.keys() == files | {f"images-{bits}.npy" for bits in (4, 8, 12)}
    assert {*inputs.only(4).files} == {"layer-4.npz", "images-4.npy"}
    assert inputs.only(4).digest != inputs.digest


def test_there_are_no_pixels_of_any_width():
    with pytest.raises(InputError, match="input_bits = 10: expected up to 8"):
        inputs_of([10])


def test_no_such_engine_is_an_error_of_its_own():
    with pytest.raises(ConfigError, match=r"table\.entries must be 1 to 1024"):
        config_of(point(table__entries=0), inputs_of())
