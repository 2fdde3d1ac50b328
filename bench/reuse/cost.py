"""``python -m bench.reuse.cost``: fit the cost model of ``auto``, and measure its error."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np

from bench.parallel import in_parallel
from hw.flow import YOSYS, FlowError
from hw.flow.progress import announce
from sw import cli, cost
from sw.cli import InputError, write_json

from .cost_points import CostPoint, cost_points
from .cost_report import COST_REPORT, COUNTED, FITTED, summarised
from .measure import area_of

__all__ = ["fit", "main"]

_PROG = "python -m bench.reuse.cost"
_DIGITS = 6


def fit(rows: Sequence[Mapping[str, float]], areas: Sequence[float]) -> dict[str, float]:
    """Coefficients, none negative, with the least squares of the relative errors.

    Parameters
    ----------
    rows : sequence of mapping
        Quantities by name.
    areas : sequence of float
        What they must come to.
    """
    names = sorted({name for row in rows for name, value in row.items() if value})
    while True:
        matrix = np.array([[row.get(name, 0.0) for name in names] for row in rows])
        weights = 1 / np.array(areas, dtype=np.float64)
        scale = np.abs(matrix).max(axis=0)
        solved = np.linalg.lstsq(
            matrix / scale * weights[:, np.newaxis], np.ones(len(rows)), rcond=None
        )[0]
        if solved.min() >= 0:
            found = solved / scale
            return {
                name: float(f"{value:.{_DIGITS}g}")
                for name, value in zip(names, found, strict=True)
            }
        del names[int(solved.argmin())]


def _measured(
    every: Sequence[CostPoint], *, jobs: int, known: bool
) -> list[tuple[CostPoint, dict[str, Any]]]:
    found = {}
    work = partial(area_of, known=known)
    for n, area in in_parallel(work, [point.config for point in every], jobs=jobs):
        if area["errors"]:
            announce(f"{every[n].name}: left out: {'; '.join(area['errors'])}")
            continue
        announce(f"{every[n].name}: {area['area']['lut4_eq']:,} LUT4-eq")
        found[n] = area["area"]
    return [(every[n], found[n]) for n in sorted(found)]


def _fitted(measured: Sequence[tuple[CostPoint, dict[str, Any]]]) -> dict[str, dict[str, float]]:
    known = [(p, area) for p, area in measured if not p.held_out]
    rows = [cost.quantities(point.config) for point, _ in known]
    return {of: fit(rows, [area[of] for _, area in known]) for of in FITTED}


def _command(argv: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(
        prog=_PROG,
        description='Fit the cost model of strategy = "auto" to synthesised engines: writes '
        f"sw/{cost.COEFFICIENTS.name} and reports/{COST_REPORT.name}.",
    )
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="at a time (default: 2)")
    parser.add_argument("--known", action="store_true", help="synthesise nothing: what is known")
    options = parser.parse_args(argv)
    if options.jobs < 1:
        raise InputError(f"--jobs must be 1 or more, not {options.jobs}")
    try:
        tools = {"Yosys": YOSYS.version()}
        measured = _measured(cost_points(), jobs=options.jobs, known=options.known)
    except (FlowError, ValueError) as error:
        raise InputError(str(error)) from error
    if not measured:
        raise InputError("--known: none of its engines was synthesised before: leave it out")
    coefficients = _fitted(measured)
    write_json(cost.COEFFICIENTS, coefficients)
    points = [
        {
            "name": point.name,
            "strategy": point.config.strategy if point.config.learned else None,
            "held_out": point.held_out,
            "measured": {of: area[of] for of in (*FITTED, *COUNTED)},
            "estimated": asdict(cost.estimate(point.config, coefficients)),
        }
        for point, area in measured
    ]
    errors = summarised(points)
    write_json(
        COST_REPORT,
        {"command": _PROG, "tools": tools, "held_out_errors": errors, "points": points},
    )
    for strategy, found in errors.items():
        print(strategy, found)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return cli.run(lambda: _command(argv), prog=_PROG)


if __name__ == "__main__":
    sys.exit(main())
