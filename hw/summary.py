"""summary.txt: a report for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["strategy_text", "summary_text"]

_AREA = {
    "lut4_eq": "LUT4-eq",
    "ff": "flip-flops",
    "dsp": "multipliers",
    "bram": "block memories",
    "um2": "um2",
    "gates": "NAND2 equivalents",
    "memory_bits": "bits of memory macros",
}

_PARTS = {"template_bank": "the template bank alone", "sums": "the sums of all kernels alone"}


def summary_text(report: Mapping[str, Any]) -> str:
    """What was built, how large and how fast it is, and what limits it."""
    config = report["config"]
    chip = f"{report['target']} {report['device'] or ''}".strip()
    rows = [f"{config['name']}, {chip}", *_kernels(report), *_area(report), *_fmax(report)]
    rows.append(
        _row(
            "speed",
            f"{report['cycles_per_frame']:,} cycles a frame, "
            f"{report['macs_per_cycle']:.1f} useful multiplications a cycle, "
            f"latency {report['latency']} cycles",
        )
    )
    if report["frames_per_second"]:
        rows.append(_row("", f"{report['frames_per_second']:,.0f} frames a second"))
    rows += [_row("note", note) for note in report["notes"]]
    rows += _path(report["critical_path"])
    return "\n".join(rows) + "\n"


def _row(name: str, text: str) -> str:
    return f"  {name:<10} {text}"


def _kernels(report: Mapping[str, Any]) -> list[str]:
    settings, kernels = report["config"]["settings"], report["kernels"]
    rows = []
    if part := _PARTS.get(settings["top"]):
        rows.append(_row("part", part))
    rows.append(_row("templates", f"{kernels['template']} kernels, {report['bank_adders']} adders"))
    if settings["strategy"]:
        rows.append(_row("learned", f"{kernels['learned']} kernels, {strategy_text(settings)}"))
    if settings["auto"]:
        rows.append(_row("auto", f"chose {settings['auto']['text']}"))
    return rows


def strategy_text(settings: Mapping[str, Any]) -> str:
    """The strategy, and the resources that it has."""
    words, table = [settings["strategy"]], settings["table"]
    if settings["strategy"] in ("pair_cam", "value_cam"):
        words.append(f"{table['entries']} entries, {table['multipliers']} multipliers")
        words += _table(table)
    folds = [f"{groups} {name}" for name, groups in settings["fold"].items() if groups > 1]
    return ", ".join([*words, *([f"in groups: {' x '.join(folds)}"] if folds else [])])


def _table(table: Mapping[str, Any]) -> list[str]:
    """How a table is organised, where that is not as ever."""
    words = []
    if table["organisation"] == "set_associative":
        words.append(f"{table['ways']} ways a set")
    elif table["organisation"] != "registers":
        words.append(f"in {table['organisation']}")
    if table["replacement"] != "fifo":
        words.append(table["replacement"])
    if table["look_ahead"]:
        words.append(f"{table['look_ahead']} beats ahead")
    return words


def _area(report: Mapping[str, Any]) -> list[str]:
    known = {name: value for name, value in report["area"].items() if value is not None}
    if not known:
        return []
    parts = [f"{known[name]:,} {unit}" for name, unit in _AREA.items() if name in known]
    return [_row("area", ", ".join(parts))]


def _fmax(report: Mapping[str, Any]) -> list[str]:
    fmax = report["fmax_mhz"]
    seeds = fmax["seeds"] or []
    if not seeds:
        return []
    each = ", ".join("unknown" if mhz is None else f"{mhz:.1f}" for mhz in seeds)
    if fmax["median"] is not None:
        return [_row("Fmax", f"{fmax['median']:.1f} MHz, median of {each}")]
    estimates = [f"{mhz:.1f}" for mhz in report["fmax_estimated_mhz"] if mhz is not None]
    placed = f"; placed, before routing: {', '.join(estimates)} MHz" if estimates else ""
    return [_row("Fmax", f"unknown{placed}")]


def _path(steps: list[Mapping[str, Any]]) -> list[str]:
    """The critical path, a line a signal."""
    if not steps:
        return []
    logic = sum(step["logic_ns"] for step in steps)
    routing = sum(step["routing_ns"] for step in steps)
    rows = [
        "",
        f"critical path of the slowest seed: {logic:.2f} ns logic, {routing:.2f} ns routing",
    ]
    rows.append("  logic  routing  signal")
    rows += [
        f"  {step['logic_ns']:5.2f}  {step['routing_ns']:7.2f}  {step['signal']}" for step in steps
    ]
    return rows
