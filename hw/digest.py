"""What engines are made by: a digest of all sources that their RTL may depend on."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

__all__ = ["ROOT", "generator_digest", "generator_sources"]

ROOT = Path(__file__).resolve().parents[1]
"""Where our packages are."""
_PACKAGES = ("hw", "sw")
_WRITERS = ("hw/targets/rtlil.py", "hw/targets/verilog.py")
"""They write any design down, so their imports say nothing of an engine."""


@cache
def generator_digest() -> str:
    """Of the sources; the same while the same configuration gives the same RTL."""
    digest = hashlib.sha256()
    for path in generator_sources():
        digest.update(path.read_bytes())
    return digest.hexdigest()


def generator_sources() -> list[Path]:
    """The engine's file, all of ours that it imports, directly or not, and what writes it down."""
    found: set[Path] = set()
    names = ["hw.engine"]
    while names:
        name = names.pop()
        path = _source_of(name)
        if path is not None and path not in found:
            found.add(path)
            names += [name.rpartition(".")[0], *_imported(path)]
    return sorted([*found, *(ROOT / writer for writer in _WRITERS)])


def _source_of(name: str) -> Path | None:
    """The file of one of our modules or packages; none if the name is something else's."""
    if name.partition(".")[0] not in _PACKAGES:
        return None
    place = ROOT.joinpath(*name.split("."))
    path = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    return path if path.is_file() else None


def _imported(path: Path) -> Iterator[str]:
    """Names that a file imports, absolute: of modules, and of what may be one in a package."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*above, *filter(None, [node.module])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)
