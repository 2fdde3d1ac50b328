"""``python -m bench.reuse``: measure every strategy; write the report, its page, its pictures."""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from amaranth.hdl import UnusedElaboratable

from bench.ours import described
from bench.parallel import in_parallel
from bench.publish import publish
from hw.flow import YOSYS, FlowError
from hw.flow.progress import announce
from sim.toolchain import ToolchainError
from sw import cli
from sw.cli import InputError, write_json
from sw.config import STRATEGIES
from sw.config_error import ConfigError

from .documents import REPORT, documents, load_report
from .measure import key_of_point, measure
from .points import Point, points
from .report import assemble, check_report, summary

__all__ = ["main"]

_PROG = "python -m bench.reuse"
_OUT = Path("build/reuse.json")
_EPILOG = f"""\
What was measured is kept in build/cache, so that a second run takes seconds; a point that fails is
a row with its reason. A run of all strategies also writes reports/{REPORT.name}, docs/user/reuse.md
and its pictures.

exit status: 0 done, 1 --check: a document does not agree with the report, 2 bad input or a tool
that is missing, 130 interrupted
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_PROG,
        description="Measure hit rates, rates and areas of every strategy, at every depth.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--strategies", nargs="+", metavar="NAME", help="these alone")
    parser.add_argument("--again", action="store_true", help="try again what failed the last time")
    parser.add_argument(
        "--known", action="store_true", help="neither simulate nor synthesise: what is known"
    )
    parser.add_argument(
        "--jobs", type=int, default=2, metavar="N", help="points at a time (default: 2)"
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="measure nothing: compare the page and the pictures with the report",
    )
    return parser


def _groups(chosen: Sequence[Point]) -> list[list[Point]]:
    """The points of one engine together: what one of them compiles serves all."""
    groups: dict[str, list[Point]] = {}
    for point in chosen:
        try:
            of = described(point.config())
        except ConfigError:
            of = ""
        groups.setdefault(of, []).append(point)
    return list(groups.values())


def _measured_group(group: list[Point], *, again: bool, known: bool) -> list[dict[str, Any]]:
    return [measure(point, again=again, known=known) for point in group]


def _measured(
    chosen: Sequence[Point], *, jobs: int, again: bool, known: bool
) -> Iterator[dict[str, Any]]:
    """All rows, in the order in which they are done."""
    groups = _groups(chosen)
    work = partial(_measured_group, again=again, known=known)
    for n, (_, rows) in enumerate(in_parallel(work, groups, jobs=jobs), 1):
        for row in rows:
            announce(f"[{n}/{len(groups)}] {summary(row)}")
        yield from rows


def _check() -> int:
    report = load_report()
    check_report(report)
    different = [
        path
        for path, text in documents(report).items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
    for path in different:
        print(f"{path.name}: does not agree with {REPORT.name}: run `make reuse`")
    return int(bool(different))


def _command(argv: Sequence[str] | None) -> int:
    # Engines are made here for their numbers and never elaborated.
    warnings.simplefilter("ignore", UnusedElaboratable)
    options = _parser().parse_args(argv)
    if options.jobs < 1:
        raise InputError(f"--jobs must be 1 or more, not {options.jobs}")
    if unknown := sorted(set(options.strategies or ()) - set(STRATEGIES)):
        raise InputError(
            f"--strategies: no {', '.join(unknown)}; there are {', '.join(STRATEGIES)}"
        )
    if options.check:
        return _check()
    chosen = [p for p in points() if not options.strategies or p.strategy in options.strategies]
    began = time.monotonic()
    try:
        tools = {"Yosys": YOSYS.version()}
        rows = list(_measured(chosen, jobs=options.jobs, again=options.again, known=options.known))
    except (FlowError, ToolchainError, ValueError) as error:
        raise InputError(str(error)) from error
    order = {key_of_point(point): n for n, point in enumerate(chosen)}
    report = assemble(sorted(rows, key=lambda row: order[row["key"]]), tools=tools)
    check_report(report)
    write_json(_OUT, report)
    print(f"{_OUT}: {len(rows)} rows ({time.monotonic() - began:.0f} s)")
    if not options.strategies:
        publish(report, REPORT, documents(report))
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return cli.run(lambda: _command(argv), prog=_PROG)


if __name__ == "__main__":
    sys.exit(main())
