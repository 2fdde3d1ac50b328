"""Imports run one way: sim -> hw -> the descriptions in sw. sw never looks up."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

DESCRIPTIONS = {
    "sw.config",
    "sw.config_error",
    "sw.link",
    "sw.network",
    "sw.network.config",
    "sw.network.graph",
    "sw.network.layers",
    "sw.network.link",
    "sw.network.loading",
    "sw.network.mac_words",
    "sw.network.packing",
    "sw.network.plan",
    "sw.network.registers",
    "sw.network.requantiser",
    "sw.network.window",
    "sw.numeric",
    "sw.part_configs",
    "sw.register_model",
    "sw.registers",
    "sw.spec",
    "sw.templates",
}
"""What gates may depend on: what an engine is, never what its outputs are."""
COMMAND_LINE = {
    "sw.network.page",
    "sw.cli",
    "sw.cores",
    "sw.configfile",
    "sw.network.chips",
    "sw.network.configfile",
    "sw.network.planner",
    "sw.work_folder",
}

SWEEPS = {"sw.auto", "sw.images", "sw.sensor"}
"""What ``hw.explore`` may import too; the golden model is a command to it."""


def nodes(tree: ast.AST, *, at_once: bool) -> Iterator[ast.AST]:
    """All nodes of a tree; ``at_once``: those that run when the file is imported."""
    for child in ast.iter_child_nodes(tree):
        if at_once and isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        yield child
        yield from nodes(child, at_once=at_once)


def imported(path: Path, *, at_once: bool = False) -> Iterator[str]:
    """The modules that a file imports, by absolute name; ``at_once``: not those of functions."""
    package = path.relative_to(ROOT).parent.parts
    for node in nodes(ast.parse(path.read_text(encoding="utf-8")), at_once=at_once):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *filter(None, [node.module])])
            for alias in node.names:
                inner = ROOT.joinpath(*module.split("."), alias.name)
                is_module = inner.is_dir() or inner.with_suffix(".py").is_file()
                yield f"{module}.{alias.name}" if is_module else module


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def offences(paths, forbidden) -> list[str]:
    return [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in paths
        for module in imported(path)
        if forbidden(module)
    ]


def within(module: str, packages) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def test_sw_never_looks_up():
    up = ("hw", "sim", "tests", "amaranth", "amaranth_soc", "cocotb")
    assert sources("sw")
    assert not offences(sources("sw"), lambda module: within(module, up))


def test_hw_imports_neither_sim_nor_tests():
    up = ("sim", "tests", "cocotb")
    assert sources("hw")
    assert not offences(sources("hw"), lambda module: within(module, up))


def test_hw_knows_the_descriptions_alone():
    allowed = DESCRIPTIONS | COMMAND_LINE
    others = [path for path in sources("hw") if ROOT / "hw/explore" not in path.parents]
    assert not offences(
        others, lambda module: within(module, ["sw"]) and not within(module, allowed)
    )


def test_sweeps_know_what_is_streamed_and_how_engines_are_weighed_too():
    assert sources("hw/explore")
    allowed = DESCRIPTIONS | COMMAND_LINE | SWEEPS
    assert not offences(
        sources("hw/explore"), lambda module: within(module, ["sw"]) and not within(module, allowed)
    )


def test_blocks_know_nothing_of_files_and_commands():
    assert not offences(
        sources("hw/blocks"),
        lambda module: within(module, ["sw"]) and not within(module, DESCRIPTIONS),
    )


def reached(start: Path) -> set[Path]:
    """The files of ours that run when ``start`` is imported."""
    found, new = set(), [start]
    while new:
        path = new.pop()
        if path in found:
            continue
        found.add(path)
        for module in imported(path, at_once=True):
            stem = ROOT.joinpath(*module.split("."))
            new += [p for p in (stem.with_suffix(".py"), stem / "__init__.py") if p.is_file()]
    return found


_COMPARING = ("activity", "demo", "faults", "strategies", "witness")
COMPARE = {ROOT / "sim" / f"{name}.py" for name in _COMPARING}
"""Compare with the golden model, after the simulation."""


@pytest.mark.parametrize(
    "start", sorted({*(ROOT / "sim").glob("*.py")} - COMPARE), ids=lambda path: path.name
)
def test_no_golden_model_takes_part_in_the_simulation(start):
    assert ROOT / "sw/reference.py" not in reached(start)


def test_what_is_reached_through_others_is_seen():
    assert ROOT / "sw/numeric.py" in reached(ROOT / "sw/results.py")
    assert ROOT / "sw/reference.py" in reached(ROOT / "tests/sw/test_reference.py")
    assert ROOT / "sw/reference.py" in reached(ROOT / "sim/demo.py")


@pytest.mark.parametrize(
    ("text", "modules"),
    [
        ("import sw.spec as s, numpy", ["sw.spec", "numpy"]),
        ("from sw import spec", ["sw.spec"]),
        ("from sw.spec import LayerSpec", ["sw.spec"]),
        ("from .numeric import IntRange", ["sw.numeric"]),
        ("from . import numeric", ["sw.numeric"]),
        ("def f():\n    from hw import blocks", ["hw.blocks"]),
    ],
)
def test_imports_are_seen(text, modules, tmp_path, monkeypatch):
    for name in ("sw/spec.py", "sw/numeric.py", "hw/blocks/__init__.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    (tmp_path / "sw" / "file.py").write_text(text)
    assert list(imported(tmp_path / "sw" / "file.py")) == modules
