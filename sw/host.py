"""``python -m sw.host``: the engine on a board, on your own images."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from . import cli
from .configfile import add_arguments, from_arguments
from .images import load_images
from .link import DEFAULT_BAUD
from .results import add_run_arguments, check_outputs, write_outputs
from .session import Link, LinkError, Session

if TYPE_CHECKING:
    from .session import Port

__all__ = ["main"]

_PROG = "python -m sw.host"
_READ_SECONDS = 0.02
_WRITE_SECONDS = 5.0
_EPILOG = """\
The engine is reset, compared with the configuration, loaded with its weights, biases and factors,
and run. The files are those of python -m sim.run. Every packet on the line is checked and repeated
if need be: noise costs time, never a wrong number.

examples:
  python -m sw.host --port /dev/ttyUSB1 --config mnist-hlac25 --images samples:mnist:20 --out y.npz
  python -m sw.host --port /dev/ttyUSB0 --baud 115200 --config my.toml --model mine.npz \\
      --images mine.npy --out y.npz --json counters.json

Exit status: 0 done, 2 input that cannot be used, no answer, or the wrong engine (nothing is
written then), 130 interrupted.
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_PROG,
        description="Run an engine on a board over its serial line, and write what it puts out.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", required=True, help="the serial port, such as /dev/ttyUSB1")
    parser.add_argument(
        "--baud", type=_positive, default=DEFAULT_BAUD, metavar="N", help="default %(default)s"
    )
    add_arguments(parser)
    add_run_arguments(parser)
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=0.2,
        metavar="SECONDS",
        help="before a request is repeated, beyond its time on the line (default %(default)s)",
    )
    return parser


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return int(text)


def _seconds(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 <= (seconds := float(text)) < 3600:
            return seconds
    raise argparse.ArgumentTypeError(f"expected seconds, 0 to 3600, got {text!r}")


@contextlib.contextmanager
def _open(port: str, baud: int) -> Iterator[Port]:
    """The open port, or an error that says what to do."""
    try:
        import serial  # noqa: PLC0415 (an extra: the rest of sw does without)
    except ModuleNotFoundError as error:
        raise cli.InputError("pyserial is not installed: pip install pyserial") from error
    try:
        opened: Any = serial.serial_for_url(
            port, baud, timeout=_READ_SECONDS, write_timeout=_WRITE_SECONDS
        )
    except (OSError, ValueError) as error:  # serial's own errors are OSErrors
        raise cli.InputError(f"{port}: cannot be opened: {error}") from error
    with opened:
        yield opened


@contextlib.contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None]]:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}"))
    with Progress(
        *columns,
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task("frames", total=total)
        yield lambda done: progress.update(task, completed=done)


def _run(argv: Sequence[str] | None) -> int:
    arguments = _parser().parse_args(argv)
    config = from_arguments(arguments)
    check_outputs(arguments.out, arguments.json)
    images = load_images(arguments.images, config)
    start = time.monotonic()
    with (
        _open(arguments.port, arguments.baud) as port,
        _progress(len(images)) as on_frame,
    ):
        link = Link(port=port, baud=arguments.baud, timeout=arguments.timeout)
        session = Session(link, config)
        try:
            session.begin()
            y, counters = session.run(images, on_frame)
        except LinkError as error:
            raise LinkError(f"{arguments.port}: {error}") from error
        except OSError as error:
            raise LinkError(f"{arguments.port}: the port failed: {error}") from error
    write_outputs(arguments.out, {"y": y}, arguments.json, counters)
    seconds = time.monotonic() - start
    print(
        f"{len(images)} frames in {seconds:.1f} s; {link.repeated} requests repeated, "
        f"{link.damaged} answers damaged"
    )
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return cli.run(lambda: _run(argv), prog=_PROG)


if __name__ == "__main__":
    sys.exit(main())
