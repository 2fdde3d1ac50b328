"""Who wins where: the smallest engine of each kind that is fast enough, and by how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .front import SAME_RATE, fronts, rivals, size_of

__all__ = ["Choice", "Contest", "choices", "contests", "kind_of", "strategy_of", "tables"]


@dataclass(frozen=True, kw_only=True)
class Contest:
    """Engines that can be compared and make a rate: the smallest of each kind.

    Parameters
    ----------
    group : str
        What can be compared with them: chip, width of inputs, and whether weights can be loaded.
    rate : float
        Pixels a cycle.
    smallest : tuple of dict
        Rows, the smallest first; one of each kind.
    """

    group: str
    rate: float
    smallest: tuple[dict[str, Any], ...]

    def times(self, row: dict[str, Any]) -> float:
        """How many times the winner's size a row's is."""
        return (size_of(row) or 0) / (size_of(self.smallest[0]) or 1)


def kind_of(row: dict[str, Any]) -> str:
    """What engines are told apart by: the strategy, set or chosen, and a bank of few adders."""
    words = [strategy_of(row) or "configuration's"]
    words += ["serial bank"] if row["settings"].get("bank") == "serial" else []
    return ", ".join(words)


def strategy_of(row: dict[str, Any]) -> str | None:
    """A row's strategy, set or chosen; none where the configuration says which."""
    strategy = row["settings"].get("strategy")
    if strategy == "auto" and row.get("chosen"):
        return row["chosen"].partition(",")[0]
    return strategy


def contests(rows: Sequence[dict[str, Any]]) -> list[Contest]:
    """One for each rate at which an engine is on a front; the fastest first.

    All that is as fast, or not quite (:data:`~hw.explore.front.SAME_RATE`), may win.
    """
    return [
        Contest(
            group=_named(group[0]),
            rate=rate,
            smallest=_smallest(group, rate),
        )
        for group in rivals(rows)
        for rate in sorted((row["pixels_per_cycle"] for row in fronts(group)), reverse=True)
    ]


def _named(row: dict[str, Any]) -> str:
    settings = row["settings"]
    bits, device = settings.get("input_bits"), settings.get("device")
    words = [row["target"] if device is None else f"{row['target']} {device}"]
    words += [] if bits is None else [f"{bits} bits"]
    words += ["weights that never change"] if settings.get("strategy") == "constant" else []
    return ", ".join(words)


def _smallest(rows: Sequence[dict[str, Any]], rate: float) -> tuple[dict[str, Any], ...]:
    best: dict[str, dict[str, Any]] = {}
    fast = [row for row in rows if row["pixels_per_cycle"] * (1 + SAME_RATE) >= rate]
    for row in sorted(fast, key=lambda row: (size_of(row) or 0, row["key"])):
        best.setdefault(kind_of(row), row)
    return tuple(best.values())


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What ``strategy = "auto"`` took, and the smallest engine of the sweep that serves its wish.

    Parameters
    ----------
    row, smallest : dict
        Rows.
    """

    row: dict[str, Any]
    smallest: dict[str, Any]

    @property
    def times(self) -> float:
        """Its size, of that of the smallest."""
        return (size_of(self.row) or 0) / (size_of(self.smallest) or 1)


def choices(rows: Sequence[dict[str, Any]]) -> list[Choice]:
    """All whose wish was a rate, in the order of the rows."""
    found = []
    for group in rivals(rows):
        for row in group:
            wish = row["settings"].get("auto.rate")
            if wish is None:
                continue
            others = [r for r in group if r["settings"].get("strategy") != "auto"]
            fast = [r for r in others if r["pixels_per_cycle"] >= wish]
            if fast:
                found.append(Choice(row=row, smallest=min(fast, key=lambda r: size_of(r) or 0)))
    return found


def tables(rows: Sequence[dict[str, Any]]) -> str:
    """Contests and choices as Markdown, a table for each target and width."""
    parts = [_contest_tables(contests(rows)), _choice_table(choices(rows))]
    return "\n".join(part for part in parts if part)


def _choice_table(found: Sequence[Choice]) -> str:
    if not found:
        return ""
    lines = [
        "### auto",
        "",
        "| bits | pixels a cycle wished | taken | times the smallest measured |",
    ]
    lines += ["|---:|---:|---|---|"]
    for choice in found:
        settings = choice.row["settings"]
        lines.append(
            f"| {settings.get('input_bits', '')} | {settings['auto.rate']} | "
            f"{(choice.row.get('chosen') or '').split(' (')[0]}, {_area(choice.row)} | "
            f"{choice.times:.2f}: {_winner(choice.smallest)} |"
        )
    return "".join(f"{line}\n" for line in lines)


def _contest_tables(found: Sequence[Contest]) -> str:
    lines: list[str] = []
    heading = ""
    for contest in found:
        if contest.group != heading:
            heading = contest.group
            lines += ["", f"### {heading}", "", _HEAD, "|---:|---|---|---|"]
        lines.append(
            f"| {contest.rate:.3g} | {_winner(contest.smallest[0])} | {_area(contest.smallest[0])} "
            f"| {_rest(contest)} |"
        )
    return "".join(f"{line}\n" for line in lines[1:])


_HEAD = "| pixels a cycle | smallest | area | the others, times as large |"
_UNITS = {"lut4_eq": "LUT4-eq", "dsp": "DSP", "bram": "BRAM", "um2": "um2", "gates": "gates"}


def _winner(row: dict[str, Any]) -> str:
    settings = row["settings"]
    said = {name: value for name, value in settings.items() if name not in _NAMED}
    words = [kind_of(row), *(f"`{name}={value}`" for name, value in sorted(said.items()))]
    return " ".join(words)


def _area(row: dict[str, Any]) -> str:
    area = [f"{row['area'][n]:,.0f} {unit}" for n, unit in _UNITS.items() if row["area"][n]]
    area += [f"{row['fmax_mhz']:.0f} MHz"] if row["fmax_mhz"] is not None else []
    return ", ".join(area)


_NAMED = {"strategy", "bank", "target", "device", "input_bits"}


def _rest(contest: Contest) -> str:
    others = contest.smallest[1:]
    return ", ".join(f"{kind_of(row)} {contest.times(row):.2f}" for row in others) or "none"
