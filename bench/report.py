"""``bench.json``, and the page that is made of it alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from .fit import Law

__all__ = ["SCHEMA", "assemble", "check_report", "page", "summary"]

SCHEMA = 1
_HEAD = (
    ("design", ""),
    ("LUT4-eq", ":"),
    ("FF", ":"),
    ("DSP", ":"),
    ("BRAM", ":"),
    ("Fmax, MHz", ":"),
    ("cycles an image", ":"),
    ("images a second", ":"),
    ("a second for each LUT4-eq", ":"),
    ("equal outputs", ":"),
    ("what is not like for like", ""),
)
_GROWTH = {
    "kernels": "Kernels",
    "channels": "Channels",
    "width": "Frame width",
    "bits": "Bits of a pixel",
}

_INTRODUCTION = """\
# Benchmark

What one would use instead, beside Katazome, on the paper's first CIFAR-10 layer:
{layer}.

`make bench` generates every design, compares it bit for bit with the golden model on real images in
Verilator, and takes it through one flow: Yosys's area of the block alone, then its Fmax between
registers behind a few pins, the median of three seeds (fewer where the table says so).

{device}; {tools}; measured on {measured},
but for rows that say when.
LUT4-eq = LUT4 + 2 x CCU2C + 4 x DPR16X4. Generated from `reports/bench.json`.
"""
_READING = """\
## How to read it

- *Constant weights* are in the gates: another network is another bitstream. *Run time weights* are
  loaded while it runs.
- The constant cores come as a matrix product; their line buffer and window are ours, plain Verilog,
  one pixel at every clock. da4ml and alkaid make two adders a stage unless the row says otherwise
  (`latency_cutoff` 2 and 1); no other option of theirs was varied.
- *Magnitude*: what becomes of a template's A. Left to the channel's scale, its sums are +-1 times
  pixels, as every int8 network can have it; multiplied in, it costs adders.
- Cycles an image are counted in the simulation, one image behind the other.
- Text in bold at the end of a row: what failed, or was not measured yet. Its other figures hold."""


def assemble(
    rows: Sequence[dict[str, Any]], growth: dict[str, Any], *, tools: dict[str, str], seeds: int
) -> dict[str, Any]:
    """The whole report; its date is that of the newest measurement in it."""
    dates = [row["measured"] for row in rows if row["measured"]]
    return {
        "schema": SCHEMA,
        "measured": max(dates, default=None),
        "device": "Lattice ECP5 LFE5U-85F, speed 6, CABGA756",
        "layer": "32 x 32 x 3, 8 bits, 3 x 3, valid, 32 kernels (25 without the learned ones)",
        "tools": tools,
        "seeds": seeds,
        "rows": list(rows),
        "growth": growth,
    }


def check_report(report: dict[str, Any]) -> None:
    """Refuse a report that a reader could misunderstand.

    Raises
    ------
    ValueError
        If it is of another schema, lacks a field, or has figures of a row whose outputs differ.
    """
    if report.get("schema") != SCHEMA:
        raise ValueError(f"bench.json: schema is {report.get('schema')}, expected {SCHEMA}")
    for row in report["rows"]:
        missing = {"key", "title", "verified", "area", "fmax_mhz", "errors"} - row.keys()
        if missing:
            raise ValueError(f"bench.json: row {row.get('key')} lacks {', '.join(sorted(missing))}")
        if row["verified"] is None and not row["errors"]:
            raise ValueError(f"bench.json: row {row['key']} has neither outputs nor an error")
        if row["verified"] and row["verified"]["different"] and not row["errors"]:
            raise ValueError(f"bench.json: row {row['key']} hides outputs that differ")


def summary(row: dict[str, Any]) -> str:
    """A row in a line, for people who wait."""
    said = [f"{row['key']}:"]
    if row["area"]["lut4_eq"] is not None:
        said.append(f"{row['area']['lut4_eq']:,} LUT4-eq, {row['area']['ff']:,} FF,")
    said.append(f"{_fmax(row)} MHz")
    if row["cycles_per_image"]:
        said.append(f"in {row['cycles_per_image']:,} cycles")
    return " ".join([*said, *(f"[{error}]" for error in row["errors"])])


def page(report: dict[str, Any]) -> str:
    """``docs/user/benchmark.md``."""
    return "\n".join([*_introduction(report), *_table(report), "", *_reading(report), ""])


def _introduction(report: dict[str, Any]) -> Iterator[str]:
    tools = ", ".join(f"{name} {version}" for name, version in report["tools"].items())
    yield _INTRODUCTION.format_map(report | {"tools": tools})


def _table(report: dict[str, Any]) -> Iterator[str]:
    yield f"| {' | '.join(title for title, _ in _HEAD)} |"
    yield f"| {' | '.join('---' + side for _, side in _HEAD)} |"
    for row in report["rows"]:
        yield f"| {' | '.join(_cells(row, report['measured']))} |"


def _cells(row: dict[str, Any], measured: str | None) -> Iterator[str]:
    yield f"**{row['title']}**" if row["ours"] else row["title"]
    for name in ("lut4_eq", "ff", "dsp", "bram"):
        yield _number(row["area"][name])
    yield _fmax(row)
    yield _number(row["cycles_per_image"])
    yield _number(row["images_per_second"])
    rate = row["images_per_second_per_lut4_eq"]
    yield "-" if rate is None else f"{rate:,.2f}"
    verified = row["verified"]
    equal = verified and verified["compared"] - verified["different"]
    yield f"{equal:,} of {verified['compared']:,}" if verified else "-"
    yield "; ".join(_conditions(row, measured))


def _conditions(row: dict[str, Any], measured: str | None) -> Iterator[str]:
    yield f"{row['loads']} weights"
    yield "back-pressure" if row["back_pressure"] else "nothing can hold its stream"
    yield f"magnitude {row['scale']}"
    if row["area"]["dsp"]:
        yield f"{row['area']['dsp']:,} multiplier blocks beside its LUTs"
    yield from row["notes"]
    if row["measured"] != measured:
        yield f"measured on {row['measured']}"
    yield from (f"**{error}**" for error in row["errors"])


def _fmax(row: dict[str, Any]) -> str:
    fmax = row["fmax_mhz"]
    if fmax["median"] is not None:
        known = sum(seed is not None for seed in fmax["seeds"])
        return f"{fmax['median']:.1f}" + (
            f" ({known} seed{'s' * (known > 1)})" if known < 3 else ""
        )
    if fmax["estimated"] is not None:
        return f"not routed (placed: {fmax['estimated']:.0f})"
    return "-"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _reading(report: dict[str, Any]) -> Iterator[str]:
    yield _READING
    if report["growth"]:
        yield from ("", "## How cost grows", "")
        yield from _growth(report["growth"])


def _growth(growth: dict[str, Any]) -> Iterable[str]:
    yield from (growth["text"], "")
    for name, title in _GROWTH.items():
        figure = f"../figures/growth-{name}.svg"
        yield from (f"![{title}: LUT4-eq of the template bank and of the engine]({figure})", "")
    yield "| | grows with | law of LUT4-eq | largest deviation | points |"
    yield "| --- | --- | --- | ---: | --- |"
    for name, title in _GROWTH.items():
        for series in growth["sweeps"][name]["series"]:
            points = ", ".join(f"{p['n']:,}: {_number(p['lut4_eq'])}" for p in series["points"])
            yield f"| {series['title']} | {title.lower()} | {_law(series['law'])} | {points} |"


def _law(stored: dict[str, Any] | None) -> str:
    """Two cells."""
    if stored is None:
        return "- | -"
    law = Law.of(stored)
    return f"{law.text} | {100 * law.deviation:.0f} %"
