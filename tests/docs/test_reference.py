"""The hand-written references name everything there is, and nothing else."""

import dataclasses
import importlib
import json
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest

from hw import build
from sw import spec
from sw.config import EngineConfig
from sw.configfile import load_config
from sw.part_configs import FoldConfig, LanesConfig, OutputConfig, TableConfig
from sw.reuse import Counters
from sw.spec import LIMITS, LayerSpec, load_layer, save_layer

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
COMMANDS = [
    "hw.build",
    "hw.baseline",
    "hw.paths",
    "hw.network.areas",
    "hw.explore",
    "hw.explore.scaling",
    "sim.run",
    "sim.faults",
    "sim.strategies",
    "sim.board",
    "sim.witness",
    "sim.activity",
    "sw.reference",
    "sw.network",
    "sw.host",
    "sw.data",
    "sw.train",
    "sw.paper",
    "sw.bank_search",
    "sw.initial",
    "bench",
    "bench.reuse",
    "bench.banks",
    "docs.generate",
]
PACKAGES = (
    "hw.explore",
    "sw.network",
    "sw.paper",
    "sw.train",
    "bench",
    "bench.reuse",
    "docs.generate",
)
"""Of these, those whose command is in ``__main__``."""


def section(document, title):
    """The text under a heading, up to the next of its level or above."""
    text = (DOCS / document).read_text(encoding="utf-8")
    match = re.search(
        rf"^(#+) [^\n]*{re.escape(title)}[^\n]*\n(.*?)(?=^#{{1,2}} |\Z)",
        text,
        re.MULTILINE | re.DOTALL,
    )
    assert match, f"{document} has no section {title}"
    return match[2]


def first_column(text):
    """What the first column of a table names in back quotes, in its order."""
    cells = [re.split(r"(?<!\\)\|", line)[1] for line in text.splitlines() if line[:3] == "| `"]
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


def rows(text):
    """A table's body: the first column's name to the other columns."""
    cells = [
        [c.strip() for c in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in text.splitlines()
        if line.startswith("| `")
    ]
    return {row[0].strip("`"): row[1:] for row in cells}


def test_layer_fields():
    named = first_column(section("reference/formats.md", "Layer file"))
    assert set(named) == spec._REQUIRED | spec._OPTIONAL
    assert len(named) == len(set(named))


def test_limits_of_a_layer():
    table = rows(section("reference/formats.md", "Layer file"))
    for name, field in {
        "kernels": "weight",
        "channels": "weight",
        "kernel height": "weight",
        "frame height": "input_shape",
        "stride": "stride",
        "padding": "padding",
    }.items():
        low, high = LIMITS[name]
        assert f"{low} to {high}" in table[field][2], name


def test_defaults_of_a_layer(tmp_path):
    weight = load_config("tiny").layer.weight
    layer = LayerSpec(weight=weight, input_shape=(2, 6, 7))
    save_layer(tmp_path / "full.npz", layer)
    np.savez(tmp_path / "short.npz", weight=weight, input_shape=[2, 6, 7])
    assert load_layer(tmp_path / "short.npz").digest() == load_layer(tmp_path / "full.npz").digest()
    table = rows(section("reference/formats.md", "Layer file"))
    assert table["input_bits"][1] == str(layer.input_format.bits)
    assert table["weight_frac"][1] == str(layer.weight_format.frac)
    assert table["input_signed"][1] == str(int(layer.input_format.signed))


def test_configuration_keys_and_defaults():
    table = rows(section("reference/formats.md", "Configuration"))
    expected: dict[str, object] = {"layer.file": None, "layer.weight_bits": None}
    sections = {"": EngineConfig, "fold.": FoldConfig, "table.": TableConfig}
    sections |= {"lanes.": LanesConfig, "output.": OutputConfig}
    for prefix, cls in sections.items():
        for field in dataclasses.fields(cls):
            if f"{prefix}{field.name}" not in ("layer", "fold", "lanes", "table", "output"):
                expected[f"{prefix}{field.name}"] = field.default
    assert table.keys() == expected.keys()
    for key, default in expected.items():
        if default in (None, dataclasses.MISSING) or key == "bias_bits":
            continue
        assert table[key][0].strip("`") == json.dumps(default), key


def test_the_example_of_a_configuration(tmp_path):
    text = re.search(
        r"```toml\n(.*?)```", section("reference/formats.md", "Configuration"), re.DOTALL
    )
    assert text
    save_layer(tmp_path / "edge.npz", load_config("tiny").layer)
    (tmp_path / "edge.toml").write_text(text[1])
    config = load_config(str(tmp_path / "edge.toml"))
    assert config.table.entries == tomllib.loads(text[1])["table"]["entries"]


def test_counter_keys():
    named = first_column(section("reference/formats.md", "Counters"))
    assert named == [field.name for field in dataclasses.fields(Counters)]


def test_report_keys(tmp_path):
    report = build.build(load_config("tiny"), target="rtlil", out=tmp_path)
    assert first_column(section("reference/formats.md", "Report")) == list(report)


@pytest.mark.parametrize("module", COMMANDS)
def test_options_of_a_command(module, capsys):
    name = f"{module}.__main__" if module in PACKAGES else module
    if module == "sw.train":
        pytest.importorskip("torch", reason="`make test-train` installs it")
    main = importlib.import_module(name).main
    with pytest.raises(SystemExit) as exit_:
        main(["--help"])
    assert exit_.value.code == 0
    usage = capsys.readouterr().out.split("\n\n")[0]
    real = set(re.findall(r"--[a-z-]+", usage))
    text = section("reference/commands.md", f"`python -m {module}`")
    named = {word for cell in first_column(text) for word in re.findall(r"--[a-z-]+", cell)}
    assert named == real


def test_every_command_is_described():
    text = (DOCS / "reference/commands.md").read_text(encoding="utf-8")
    assert re.findall(r"^## `python -m ([\w.]+)`$", text, re.MULTILINE) == COMMANDS


BLOCKS = sorted(
    path.name for path in (ROOT / "hw/blocks").glob("*.py") if path.name != "__init__.py"
)


def test_each_block_has_one_row():
    text = (DOCS / "reference/blocks.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| `(\w+\.py)` \|", text, re.MULTILINE)) == BLOCKS


def test_tests_and_proofs_of_blocks_exist():
    text = (DOCS / "reference/blocks.md").read_text(encoding="utf-8")
    for cells in rows(text).values():
        for cell in cells:
            for path in re.findall(r"\]\(\.\./\.\./([^)]+)\)", cell):
                assert (ROOT / path).is_file(), path


def test_each_block_names_its_test():
    """A test that is there by a block's name is in the block's row."""
    text = (DOCS / "reference/blocks.md").read_text(encoding="utf-8")
    for name, cells in rows(text).items():
        path = f"tests/hw/test_{name}"
        if (ROOT / path).is_file():
            assert f"../../{path}" in cells[-2], f"{name}: {path}"


def test_each_block_names_its_proofs():
    """A proof proves the blocks that it imports; it is in their rows and in no other."""
    text = (DOCS / "reference/blocks.md").read_text(encoding="utf-8")
    proved = {
        (f"{block}.py", path.name)
        for path in (ROOT / "tests/formal").glob("test_*.py")
        for block in re.findall(
            r"^from hw\.blocks\.(\w+) import", path.read_text(encoding="utf-8"), re.MULTILINE
        )
    }
    named = {
        (name, proof)
        for name, cells in rows(text).items()
        for proof in re.findall(r"formal/(\w+\.py)\)", cells[-1])
    }
    assert named == proved
