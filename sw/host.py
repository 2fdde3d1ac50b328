"""``python -m sw.host``: the engine on a board, on your own images."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from . import cli
from .configfile import add_arguments, from_arguments
from .images import load_images
from .line import Link, LinkError
from .link import DEFAULT_BAUD
from .network.configfile import is_network, network_from_arguments
from .network.images import load_network_images
from .network.planner import plan
from .network.session import NetworkSession
from .pictures import load_picture
from .results import add_run_arguments, check_outputs, write_outputs
from .session import Session

if TYPE_CHECKING:
    from .line import Port

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
  python -m sw.host --port /dev/ttyUSB1 --config mnist-net --classify digit.png
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
        "--classify",
        type=Path,
        metavar="IMAGE.png",
        help="of a network: say what is on this picture, instead of --images and --out",
    )
    parser.add_argument(
        "--invert", action="store_true", help="with --classify: dark ink on light paper"
    )
    parser.add_argument(
        "--baud", type=_positive, default=DEFAULT_BAUD, metavar="N", help="default %(default)s"
    )
    add_arguments(parser)
    add_run_arguments(parser, required=False)
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


@contextlib.contextmanager
def _linked(arguments: argparse.Namespace) -> Iterator[Link]:
    """A link to the board; what goes wrong on it is told with the port's name."""
    with _open(arguments.port, arguments.baud) as port:
        try:
            yield Link(port=port, baud=arguments.baud, timeout=arguments.timeout)
        except LinkError as error:
            raise LinkError(f"{arguments.port}: {error}") from error
        except OSError as error:
            raise LinkError(f"{arguments.port}: the port failed: {error}") from error


def _run(argv: Sequence[str] | None) -> int:
    parser = _parser()
    arguments = parser.parse_args(argv)
    _check(arguments, parser)
    if is_network(arguments.config):
        return _network(arguments)
    if arguments.classify is not None:
        raise cli.InputError(f"--classify: {arguments.config} is one layer; a network classifies")
    config = from_arguments(arguments)
    check_outputs(arguments.out, arguments.json)
    images = load_images(arguments.images, config)
    start = time.monotonic()
    with _linked(arguments) as link, _progress(len(images)) as on_frame:
        session = Session(link, config)
        session.begin()
        y, counters = session.run(images, on_frame)
    write_outputs(arguments.out, {"y": y}, arguments.json, counters)
    _say(len(images), link, start)
    return 0


def _check(arguments: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Either a picture, or images and where to write."""
    if arguments.classify is not None:
        given = [name for name in ("images", "out", "json") if getattr(arguments, name)]
        if given:
            parser.error(f"--classify and --{given[0]} exclude each other")
        return
    missing = [name for name in ("images", "out") if not getattr(arguments, name)]
    if missing:
        parser.error(f"the following arguments are required: --{missing[0]} (or --classify)")
    if arguments.invert:
        parser.error("--invert: only with --classify")


def _network(arguments: argparse.Namespace) -> int:
    """The same for a network; or what it says of one picture."""
    config = plan(network_from_arguments(arguments)).config
    if arguments.classify is not None:
        if not config.network.classifies:
            raise cli.InputError(f"--classify: {config.name} has no label")
        images = load_picture(arguments.classify, config, invert=arguments.invert)
    else:
        check_outputs(arguments.out, arguments.json)
        images = load_network_images(arguments.images, config)
    start = time.monotonic()
    with _linked(arguments) as link, _progress(len(images)) as on_frame:
        session = NetworkSession(link, config)
        session.begin()
        outputs, counters = session.run(images, on_frame)
    if arguments.classify is not None:
        assert outputs.label is not None
        print(f"label {outputs.label[0]}")
        print(f"logits {' '.join(map(str, outputs.y.ravel()))}")
        return 0
    write_outputs(arguments.out, outputs.arrays, arguments.json, counters)
    _say(len(images), link, start)
    return 0


def _say(frames: int, link: Link, start: float) -> None:
    seconds = time.monotonic() - start
    print(
        f"{frames} frames in {seconds:.1f} s; {link.repeated} requests repeated, "
        f"{link.damaged} answers damaged"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return cli.run(lambda: _run(argv), prog=_PROG)


if __name__ == "__main__":
    sys.exit(main())
