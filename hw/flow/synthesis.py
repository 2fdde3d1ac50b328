"""Synthesis by Yosys: from RTL to a family's cells."""

from __future__ import annotations

import hashlib
import inspect
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from .cache import cached, key_of
from .errors import FlowError
from .families import Area, Family
from .tools import YOSYS

__all__ = ["Port", "SynthesisResult", "read_sources", "synthesise"]

_READERS = {".il": "read_rtlil", ".v": "read_verilog -defer", ".sv": "read_verilog -defer -sv"}
_NAME = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True)
class Port:
    """A port of a module: its name, direction (``input``, ``output``) and width in bits."""

    name: str
    direction: str
    width: int


@dataclass(frozen=True)
class SynthesisResult:
    """A module in a family's cells, flat.

    Parameters
    ----------
    top : str
    family : Family
    folder : Path
        In the cache; not to be written to.
    """

    top: str
    family: Family
    folder: Path

    @property
    def netlist(self) -> Path:
        """Yosys's JSON netlist."""
        return self.folder / "netlist.json"

    @property
    def rtlil(self) -> Path:
        """The same netlist as RTLIL."""
        return self.folder / "netlist.il"

    @property
    def log(self) -> Path:
        """What Yosys said."""
        return self.folder / "yosys.log"

    @cached_property
    def _summary(self) -> dict[str, Any]:
        return json.loads((self.folder / "summary.json").read_text())

    @property
    def cells(self) -> dict[str, int]:
        """How many cells there are, by type."""
        return self._summary["cells"]

    @property
    def ports(self) -> tuple[Port, ...]:
        """The module's ports, in their order."""
        return tuple(Port(*port) for port in self._summary["ports"])

    @property
    def area(self) -> Area:
        """As report.json has it."""
        return self.family.area(self.cells, self._summary["stat"])


def read_sources(paths: Iterable[Path]) -> dict[str, str]:
    """Sources for :func:`synthesise` from files, by their names without folders."""
    return {path.name: path.read_text(encoding="utf-8") for path in paths}


def synthesise(
    sources: Mapping[str, str],
    *,
    top: str,
    family: Family,
    timeout: float | None = None,
    prepare: Iterable[str] = (),
) -> SynthesisResult:
    """Synthesise a module.

    Parameters
    ----------
    sources : mapping of file name to text
        ``.il``, ``.v`` and ``.sv`` are read in this order; others only lie beside them.
    top : str
        The module's name.
    family : Family
    timeout : float, optional
        Seconds.
    prepare : iterable of str
        Yosys commands after reading the sources, for instance ``chparam -set N 3 top``.

    Raises
    ------
    FlowError
        If Yosys is missing, refuses the sources, or takes too long (:class:`FlowTimeoutError`).
    """
    if not _NAME.fullmatch(top):
        raise FlowError(f"top module {top!r}: expected a plain Verilog name")
    script = _script(sources, top, family, list(prepare))
    files = {**sources, **family.files, "synth.ys": script}
    key = key_of(
        step="synthesis",
        files=_digests(files),
        top=top,
        yosys=YOSYS.version(),
        finish=family.finish and inspect.getsource(inspect.getmodule(family.finish) or Family),
    )

    def make(folder: Path) -> None:
        _run(folder, "yosys", "synth.ys", f"synthesis of {top} for {family.name}", timeout)
        if family.finish is not None and _finished(folder, top, family.finish):
            _write_again(folder, top, family, timeout)
        _summarise(folder, top)

    return SynthesisResult(top, family, cached(f"synth-{family.name}", key, make, files))


def _run(folder: Path, log: str, script: str, what: str, timeout: float | None) -> None:
    """Run a script of Yosys's in a folder, where it also writes its log."""
    arguments = ["-q", "-l", f"{log}.log", script]
    YOSYS.run(arguments, folder=folder, log=log, timeout=timeout, what=what)


def _digests(files: Mapping[str, str]) -> list[tuple[str, str]]:
    """In their order: it is the order in which they are read."""
    return [(name, hashlib.sha256(text.encode()).hexdigest()) for name, text in files.items()]


def _script(sources: Mapping[str, str], top: str, family: Family, prepare: list[str]) -> str:
    reads = [
        f'{_READERS[Path(name).suffix]} "{name}"'
        for name in sources
        if Path(name).suffix in _READERS
    ]
    if not reads:
        raise FlowError(f"{top}: no source file that ends in {', '.join(_READERS)}")
    lines = [
        *reads,
        *prepare,
        *(command.format(top=top) for command in family.synthesis),
        *_outputs(family),
    ]
    return "\n".join(lines) + "\n"


def _outputs(family: Family) -> list[str]:
    """Yosys commands that write what a synthesis leaves."""
    return [
        f"tee -q -o stat.json {family.stat}",
        "write_json netlist.json",
        "write_rtlil netlist.il",
    ]


def _finished(folder: Path, top: str, finish: Callable[[dict[str, Any]], bool]) -> bool:
    """Let the family change the netlist; whether it did."""
    path = folder / "netlist.json"
    netlist = json.loads(path.read_text())
    changed = finish(netlist["modules"][top])
    if changed:
        path.write_text(json.dumps(netlist))
    return changed


def _write_again(folder: Path, top: str, family: Family, timeout: float | None) -> None:
    """Have Yosys write the netlist that was changed, and what it counts in it."""
    script = "\n".join(["read_json netlist.json", *_outputs(family)])
    (folder / "finish.ys").write_text(f"{script}\n")
    _run(folder, "finish", "finish.ys", f"finish of {top} for {family.name}", timeout)


def _summarise(folder: Path, top: str) -> None:
    """Write what callers ask for, so that they need not read a large netlist."""
    module = json.loads((folder / "netlist.json").read_text())["modules"][top]
    stat = json.loads((folder / "stat.json").read_text())["modules"]
    cells = Counter(cell["type"] for cell in module["cells"].values())
    del cells["$scopeinfo"]  # where modules were: nothing
    ports = [(name, port["direction"], len(port["bits"])) for name, port in module["ports"].items()]
    memories = [c["parameters"] for c in module["cells"].values() if c["type"] == "$mem_v2"]
    bits = sum(int(memory["SIZE"], 2) * int(memory["WIDTH"], 2) for memory in memories)
    summary = {
        "cells": dict(sorted(cells.items())),
        "ports": ports,
        "stat": stat[f"\\{top}"] | {"memory_bits": bits},
    }
    (folder / "summary.json").write_text(json.dumps(summary, indent=1))
