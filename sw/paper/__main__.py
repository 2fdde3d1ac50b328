"""``python -m sw.paper``: tables 1 to 3 and figures 8 and 9 from stored training runs."""

from __future__ import annotations

import argparse
import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from sw import cli
from sw.cli import InputError
from sw.data import load_samples

from .accuracy import accuracy_figure, baselines, parameter_table
from .beyond import Reports, bank_rows, format_rows, load_reports, witness_rows
from .document import markdown
from .pair_tables import COUNTS, pair_table
from .runs import StoredRun, load_runs, plain_runs

__all__ = ["main", "measure"]

REPORTS = Path("reports/training")


def measure(
    runs: list[StoredRun], reports: Reports, console: Console | None = None
) -> dict[str, Any]:
    """All tables and figures, ``table1`` to ``figure9``, and what goes beyond them.

    Parameters
    ----------
    runs : list of StoredRun
    reports : Reports
    console : Console, optional
        Where progress is shown.

    Returns
    -------
    dict
        Also ``systems``, ``formats``, ``banks``, ``saving``, ``witness`` and ``source``.

    Raises
    ------
    InputError
        If a run that they need is not stored.
    """
    images = load_samples("cifar10").images
    paper: dict[str, Any] = {"table1": parameter_table(runs)}
    console = console or Console(quiet=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("counting pairs", total=2 * COUNTS)
        for table, bank in (("table2", "none"), ("table3", "hlac25")):
            seeds = plain_runs(runs, "cifar10", bank)
            paper[table] = pair_table(seeds, images, progress=lambda: progress.advance(task))
    paper["figure8"] = accuracy_figure(runs, "mnist")
    paper["figure9"] = accuracy_figure(runs, "cifar10")
    paper["systems"] = baselines(runs)
    paper["formats"] = format_rows(runs)
    paper["banks"] = bank_rows(runs, reports)
    paper["saving"] = reports.saving
    paper["witness"] = witness_rows(runs, images, reports)
    paper["source"] = {"runs": len(runs), "images": len(images)}
    return paper


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sw.paper",
        description="The paper's tables 1 to 3 and figures 8 and 9 from stored training runs, ours "
        "beside the paper's: paper.md, paper.json, figure8 and figure9 as SVG and PNG.",
        epilog="Exit status: 0 done, 2 input that cannot be used (nothing is written then).",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the files")
    parser.add_argument(
        "--runs", type=Path, default=REPORTS, help=f"folder of stored runs (default: {REPORTS})"
    )
    parser.add_argument(
        "--reports",
        type=Path,
        default=REPORTS.parent,
        help="folder of banks.json, witness.json and saving.json, as far as they are there "
        f"(default: {REPORTS.parent})",
    )
    return parser


def _command(argv: Sequence[str] | None) -> int:
    arguments = _parser().parse_args(argv)
    if importlib.util.find_spec("matplotlib") is None:
        raise InputError("matplotlib is not installed: pip install matplotlib, or make test-train")
    from .plots import accuracy_plot, bank_plot  # noqa: PLC0415 - nothing else of sw needs matplotlib

    cli.check_folder(arguments.out)
    reports = load_reports(arguments.reports)
    paper = measure(load_runs(arguments.runs), reports, Console(stderr=True))
    pictures = {name: accuracy_plot(paper[name]) for name in ("figure8", "figure9")}
    pictures["banks"] = bank_plot(paper["banks"])
    contents: dict[str, str | bytes] = {
        f"{name}.{kind}": content
        for name, picture in pictures.items()
        for kind, content in picture.items()
    }
    contents["paper.md"] = markdown(paper)
    contents["paper.json"] = json.dumps(paper, indent=1) + "\n"
    cli.write_files(arguments.out, contents)
    print(arguments.out / "paper.md")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return cli.run(lambda: _command(argv), prog="python -m sw.paper")


if __name__ == "__main__":
    raise SystemExit(main())
