"""``python -m hw.paths``: the slowest paths of a configuration, in groups, before routing."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence

from amaranth.hdl import UnusedElaboratable
from rich.console import Console
from rich.table import Table

from hw.flow import (
    FlowError,
    Group,
    groups,
    load_family,
    place,
    read_delays,
    show_progress,
    synthesise,
    wrap,
)
from hw.targets import TOP
from hw.targets.rtlil import convert
from hw.top import make_top
from sw.cli import InputError, run
from sw.configfile import add_arguments, from_arguments

__all__ = ["main"]

_PROG = "python -m hw.paths"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    return run(lambda: _main(arguments), prog=_PROG)


def _main(arguments: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(
        prog=_PROG,
        description="Place a configuration, and show its slowest paths in groups: from which "
        "registers to which, with a number for each number in their names. Wires are estimated.",
    )
    add_arguments(parser)
    parser.add_argument("--device", help="of ECP5 (default: 85k-6)")
    parser.add_argument("--seed", type=int, default=1, help="of the placement (default: 1)")
    parser.add_argument(
        "--frequency", type=float, default=150, help="MHz: paths below count as slow (default: 150)"
    )
    parser.add_argument("--count", type=int, default=20, help="groups to show (default: 20)")
    options = parser.parse_args(arguments)
    if options.frequency <= 0:
        raise InputError(f"--frequency {options.frequency:g}: expected more than 0 MHz")
    config = from_arguments(options)
    family = load_family("ecp5")
    try:
        device = family.device(options.device)
        with show_progress():
            source = {f"{TOP}.il": convert(make_top(config).component)}
            harness = wrap(synthesise(source, top=TOP, family=family))
            file = place(harness, device, seed=options.seed)
    except FlowError as error:
        raise InputError(str(error)) from error
    found = groups(read_delays(file, wire_scale=device.wire_scale), megahertz=options.frequency)
    Console(width=None if sys.stdout.isatty() else 140).print(_table(found[: options.count]))
    slow = sum(group.slow for group in found)
    print(f"{slow} paths in {len(found)} groups are slower than {options.frequency:g} MHz")
    return 0


def _table(found: Sequence[Group]) -> Table:
    table = Table("MHz", "logic ns", "routing ns", "slow", "from", "to", "by way of")
    for group in found:
        worst = group.worst
        table.add_row(
            f"{1000 / worst.delay:.1f}",
            f"{worst.logic:.2f}",
            f"{worst.routing:.2f}",
            str(group.slow),
            group.start,
            group.end,
            ", ".join(worst.signals[1:-1]),
        )
    return table


if __name__ == "__main__":
    warnings.simplefilter("ignore", UnusedElaboratable)
    sys.exit(main())
