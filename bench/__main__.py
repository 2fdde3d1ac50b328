"""``python -m bench``: measure every row, and write the report, its page and its pictures."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from hw.flow import NEXTPNR_ECP5, YOSYS, FlowError, show_progress
from hw.flow.progress import announce
from sim.toolchain import ToolchainError
from sw import cli
from sw.cli import InputError, write_json

from .documents import REPORT, documents, load_report
from .environment import peer_version
from .growth import measure_growth
from .measure import measure
from .parallel import in_parallel
from .publish import publish
from .report import assemble, check_report, summary
from .rows import ROWS, SEEDS, rows_named

__all__ = ["main"]

_PROG = "python -m bench"
_OUT = Path("build/bench.json")
_PEERS = ("da4ml", "alkaid", "nngen")
_EPILOG = f"""\
rows: {", ".join(row.key for row in ROWS)}

A row that fails, or whose time is up, is a row with its error; what was measured is kept, so a
second run takes a minute. A run of all rows, or one with --keep, also writes {REPORT.name}, the
page and the pictures; each row has the date on which it was measured.

exit status: 0 done, 2 bad input or a tool that is missing, 130 interrupted
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_PROG,
        description="Measure da4ml, alkaid, NNgen and Katazome on one layer in one flow.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rows", nargs="+", metavar="KEY", help="these rows alone")
    parser.add_argument(
        "--keep",
        action="store_true",
        help=f"with --rows: take the others, and how cost grows, from {REPORT.name}, and publish",
    )
    parser.add_argument("--no-growth", action="store_true", help="leave out how cost grows")
    parser.add_argument("--again", action="store_true", help="try again what failed the last time")
    parser.add_argument(
        "--seeds", type=int, default=SEEDS, metavar="N", help=f"seeds a row (default: {SEEDS})"
    )
    parser.add_argument(
        "--limit",
        type=float,
        metavar="SECONDS",
        help="at most so long for a synthesis, and for the seeds of a row: 0 is what is known",
    )
    parser.add_argument(
        "--jobs", type=int, default=2, metavar="N", help="rows at a time (default: 2)"
    )
    return parser


def _measured(options: argparse.Namespace) -> list[dict[str, Any]]:
    # The last ones first: they take longest.
    keys = [row.key for row in reversed(rows_named(options.rows))]
    work = partial(_measured_row, seeds=options.seeds, limit=options.limit, again=options.again)
    announce(f"{len(keys)} rows, {options.jobs} at a time")
    found: dict[int, dict[str, Any]] = {}
    for n, (row, seconds) in in_parallel(work, keys, jobs=options.jobs):
        found[n] = row
        announce(f"[{len(found)}/{len(keys)}] {summary(row)} ({seconds:.0f} s)")
    return [found[n] for n in sorted(found, reverse=True)]


def _measured_row(key: str, **how: Any) -> tuple[dict[str, Any], float]:
    """A row, and the seconds that it took."""
    began = time.monotonic()
    (row,) = rows_named([key])
    return measure(row, **how), time.monotonic() - began


def _with_those_on_record(
    measured: Sequence[dict[str, Any]],
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """All rows, those that were not ``measured`` as on record; and how cost grows, as on record."""
    record = load_report()
    known = {row["key"]: row for row in [*record["rows"], *measured]}
    if missing := [row.key for row in ROWS if row.key not in known]:
        raise InputError(f"--keep: {REPORT.name} lacks {', '.join(missing)}: name them in --rows")
    return [known[row.key] for row in ROWS], record["growth"]


def _command(argv: Sequence[str] | None) -> int:
    options = _parser().parse_args(argv)
    for name in ("jobs", "seeds"):
        if getattr(options, name) < 1:
            raise InputError(f"--{name} must be 1 or more, not {getattr(options, name)}")
    if options.keep and not options.rows:
        raise InputError("--keep goes with --rows: which to measure")
    try:
        with show_progress():
            tools = {"yosys": YOSYS.version(), "nextpnr-ecp5": NEXTPNR_ECP5.version()}
            tools |= {name: peer_version(name) for name in _PEERS}
            rows = _measured(options)
            if options.keep:
                rows, growth = _with_those_on_record(rows)
            elif options.no_growth or options.rows:
                growth = {}
            else:
                growth = measure_growth(options.limit, jobs=options.jobs)
    except (FlowError, ToolchainError, ValueError) as error:
        raise InputError(str(error)) from error
    report = assemble(rows, growth, tools=tools, seeds=options.seeds)
    check_report(report)
    write_json(_OUT, report)
    print(f"{_OUT}: {len(rows)} rows")
    if growth:
        publish(report, REPORT, documents(report))
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return cli.run(lambda: _command(argv), prog=_PROG)


if __name__ == "__main__":
    sys.exit(main())
