"""``python -m docs.generate``: write every generated document again, or check that all agree."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from amaranth.hdl import UnusedElaboratable
from rich.console import Console

from docs.generate.documents import documents, write
from docs.generate.measure import MEASURED, measure
from sim.toolchain import ToolchainError
from sw import cli
from sw.cli import InputError

__all__ = ["main"]

_PROG = "python -m docs.generate"
_EPILOG = """\
generated: figures in docs/figures/, docs/reference/registers.md, the table of configurations in
README.md, and the measured tables in docs/user/training.md.

exit status: 0 done or all agree, 1 a document does not agree, 2 something cannot be generated

examples:
  python -m docs.generate --check     after a change in hw/ or sw/
  python -m docs.generate --measure   after a change in what the RTL does (needs g++ and make)
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_PROG,
        description="Write the generated figures, tables and references of the documents again.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--measure",
        action="store_true",
        help=f"first run the RTL of every configuration for docs/{MEASURED.name} (minutes)",
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing, name the documents that differ"
    )
    return parser


def _command(argv: Sequence[str] | None) -> int:
    # Engines are made here for their numbers and never elaborated.
    warnings.simplefilter("ignore", UnusedElaboratable)
    options = _parser().parse_args(argv)
    if options.measure and options.check:
        raise InputError("--measure and --check: a check measures nothing; give one of them")
    if options.measure:
        console = Console(stderr=True)
        with console.status("measuring") as status:
            show = status.update if console.is_terminal else console.print
            _measure(lambda what: show(f"measuring {what}"))
    different = 0
    for path, text in _documents().items():
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        different += 1
        if not options.check:
            write(path, text)
        print(f"{_short(path)}: {'does not agree' if options.check else 'written'}")
    return int(options.check and different > 0)


def _documents() -> dict[Path, str]:
    try:
        return documents()
    except ValueError as error:
        raise InputError(str(error)) from error


def _measure(say: Callable[[str], None]) -> None:
    try:
        measure(say)
    except (ValueError, ToolchainError) as error:
        raise InputError(str(error)) from error


def _short(path: Path) -> Path:
    return path.relative_to(Path(__file__).parents[2])


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return cli.run(lambda: _command(argv), prog=_PROG)


if __name__ == "__main__":
    sys.exit(main())
