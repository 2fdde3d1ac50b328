"""``python -m hw.baseline``: area and Fmax of now against those on record."""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amaranth.hdl import UnusedElaboratable
from rich.console import Console
from rich.table import Table

from hw.flow import FlowError, show_progress
from hw.report import make_report
from hw.targets import Options, load_target
from hw.top import make_top
from sw.cli import InputError, run, write_files
from sw.configfile import load_config

__all__ = ["BASELINE", "CASES", "Case", "Change", "compare", "main", "measure"]

BASELINE = Path("reports/baseline.json")
_PROG = "python -m hw.baseline"
_WORSE = 1
Figures = Mapping[str, float]
Record = Mapping[str, Mapping[str, Any]]
"""Of one case: each figure's ``value``, what is ``better``, and its relative ``tolerance``."""

_RULES: dict[str, tuple[str, float]] = {
    "lut4_eq": ("lower", 0.01),
    "ff": ("lower", 0.01),
    "dsp": ("lower", 0.0),
    "bram": ("lower", 0.0),
    # A netlist that differs in one name is placed otherwise: this is the spread of three seeds.
    "fmax_mhz": ("higher", 0.05),
    "cycles_per_frame": ("lower", 0.0),
}
"""For a new record; an old one keeps its own."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is measured.

    Parameters
    ----------
    config, target : str
    device : str, optional
    seeds : int
        0: synthesis alone.
    quick : bool
        Whether CI measures it: at most a minute, and the tools of the extra `dev` alone.
    """

    config: str
    target: str
    device: str | None = None
    seeds: int = 0
    quick: bool = False

    @property
    def name(self) -> str:
        """Its key in the file."""
        plural = "s" if self.seeds > 1 else ""
        placed = f", {self.seeds} seed{plural}" if self.seeds else ", synthesis"
        return f"{self.config} {self.target}{f' {self.device}' if self.device else ''}{placed}"


CASES = (
    Case(config="hlac25-bank", target="ecp5", quick=True),
    Case(config="hlac25-bank", target="ice40", quick=True),
    Case(config="tiny", target="ecp5", quick=True),
    Case(config="hlac25-bank", target="ecp5", device="85k-6", seeds=3),
    Case(config="hlac25-bank", target="xilinx"),
    Case(config="mnist-layer1", target="ecp5"),
    Case(config="cifar10-layer1", target="ecp5"),
    Case(config="cifar10-layer1-full", target="ecp5", device="85k-6", seeds=3),
    Case(config="cifar10-layer1-small", target="ecp5", device="85k-6", seeds=3),
    Case(config="cifar10-layer1-smallest", target="ecp5", device="85k-6", seeds=3),
)


@dataclass(frozen=True)
class Change:
    """A figure that is not what it was; ``before`` or ``now`` is None where there is none."""

    case: str
    figure: str
    before: float | None
    now: float | None
    verdict: str

    @property
    def is_worse(self) -> bool:
        """Whether it fails the comparison."""
        return self.verdict in ("worse", "missing", "new")


def measure(case: Case) -> dict[str, float]:
    """The figures of a case, as they are now.

    Raises
    ------
    FlowError
        If a tool is missing or fails.
    """
    top = make_top(load_config(case.config))
    options = Options(seeds=tuple(range(1, case.seeds + 1)), device=case.device)
    product = load_target(case.target).build(top, options)
    report = make_report(top, product, target=case.target)
    found = report["area"] | {
        "fmax_mhz": report["fmax_mhz"]["median"],
        "cycles_per_frame": report["cycles_per_frame"],
    }
    return {name: round(found[name], 1) for name in _RULES if found[name] is not None}


def compare(name: str, record: Record, now: Figures) -> list[Change]:
    """What changed in a case, in the order of the record."""
    changes = []
    for figure in [*record, *(f for f in now if f not in record)]:
        before = record[figure]["value"] if figure in record else None
        value = now.get(figure)
        verdict = _verdict(record.get(figure), value)
        if verdict != "same":
            changes.append(Change(name, figure, before, value, verdict))
    return changes


def _verdict(record: Mapping[str, Any] | None, now: float | None) -> str:
    if record is None:
        return "new"
    if now is None:
        return "missing"
    before, tolerance = record["value"], record["tolerance"]
    if now == before:
        return "same"
    gain = before - now if record["better"] == "lower" else now - before
    if abs(gain) <= tolerance * abs(before):
        return "within tolerance"
    return "better" if gain > 0 else "worse"


def _updated(record: Record, now: Figures) -> dict[str, dict[str, Any]]:
    result = {}
    for figure, value in now.items():
        better, tolerance = _RULES[figure]
        rules = {"better": better, "tolerance": tolerance}
        kept = {key: record[figure][key] for key in rules} if figure in record else rules
        result[figure] = {"value": value, **kept}
    return result


def _table(changes: Sequence[Change]) -> Table:
    table = Table("case", "figure", "before", "now", "change", "")
    for change in changes:
        percent = ""
        if change.before and change.now is not None:
            percent = f"{100 * (change.now / change.before - 1):+.1f} %"
        values = ["none" if v is None else f"{v:,}" for v in (change.before, change.now)]
        table.add_row(change.case, change.figure, *values, percent, change.verdict)
    return table


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: not readable as JSON: {error}") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    return run(lambda: _main(arguments), prog=_PROG)


def _chosen(only: Sequence[str] | None, *, quick: bool) -> list[Case]:
    """The cases of these configurations, or all; ``quick``: what CI measures."""
    there = list(dict.fromkeys(case.config for case in CASES))
    if unknown := [name for name in only or () if name not in there]:
        raise InputError(f"--only {' '.join(unknown)}: expected of {', '.join(there)}")
    return [
        case
        for case in CASES
        if (case.quick or not quick) and (only is None or case.config in only)
    ]


def _main(arguments: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(
        prog=_PROG,
        description=f"Compare area and Fmax with {BASELINE}.",
        epilog="exit status: 0 nothing is worse, 1 something is, 2 bad input or a missing tool",
    )
    parser.add_argument("--quick", action="store_true", help="what CI measures, and no more")
    parser.add_argument("--only", nargs="+", metavar="CONFIG", help="these configurations alone")
    parser.add_argument("--update", action="store_true", help="record the figures of now")
    options = parser.parse_args(arguments)
    cases = _chosen(options.only, quick=options.quick)
    records = _read(BASELINE)
    try:
        with show_progress():
            now = {case.name: measure(case) for case in cases}
    except FlowError as error:
        raise InputError(str(error)) from error
    changes = [
        change
        for name, found in now.items()
        for change in compare(name, records.get(name, {}), found)
    ]
    if changes:
        Console(width=None if sys.stdout.isatty() else 120).print(_table(changes))
    else:
        print(f"{len(now)} cases, all figures as on record")
    if options.update:
        known = {case.name for case in CASES}
        kept = {name: record for name, record in records.items() if name in known}
        kept |= {name: _updated(records.get(name, {}), found) for name, found in now.items()}
        text = json.dumps(dict(sorted(kept.items())), indent=2) + "\n"
        write_files(BASELINE.parent, {BASELINE.name: text})
        return 0
    worse = any(change.is_worse for change in changes)
    if worse:
        print("worse than on record; if it has to be, record it: make check-area UPDATE=1")
    return _WORSE if worse else 0


if __name__ == "__main__":
    warnings.simplefilter("ignore", UnusedElaboratable)
    sys.exit(main())
