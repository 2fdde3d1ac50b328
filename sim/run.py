"""``python -m sim.run``: the RTL, in Verilator, on your own images; ``--demo``: the main job."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sw import cli
from sw.config import EngineConfig
from sw.configfile import add_arguments, from_arguments
from sw.images import Images, load_images
from sw.network.accuracy import say_accuracy
from sw.network.configfile import is_network, network_from_arguments
from sw.network.images import load_network_images
from sw.network.planner import plan
from sw.results import add_run_arguments, check_outputs, write_outputs

from . import progress
from .bulk import SimulationResult, simulate
from .command import FAILED, run_simulation
from .network import simulate_network
from .network_page import read_report, write_page

__all__ = ["main"]

_PROG = "python -m sim.run"
_EPILOG = """\
The first run of a design compiles it (some 20 seconds); later ones find it in build/.

--json gets the counters that the RTL's registers show, those of python -m sw.reference --json and
the clock cycles. No golden model takes part: compare the files of the two commands.

examples:
  python -m sim.run --config cifar10-layer1 --images samples:cifar10:200 --out y.npz --json c.json
  python -m sim.run --config tiny --set table.entries=4 --images mine.npy --out y.npz
  python -m sim.run --config cifar10-layer1 --model mine.npz --images mine.npy --out y.npz \\
      --source-pause 300 --sink-pause 300
  python -m sim.run --demo --help

Exit status: 0 done, 1 the RTL hangs or breaks the stream's contract, 2 input that cannot be used
(nothing is written then), 130 interrupted.
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_PROG,
        description="Stream images through the emitted Verilog, simulated by Verilator, and write "
        "what it puts out.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser)
    add_run_arguments(parser)
    _add_pauses(parser)
    parser.add_argument(
        "--report",
        type=Path,
        metavar="DIR",
        help="of a network: put images and the RTL's labels into the report.html of that build",
    )
    parser.add_argument(
        "--demo",
        action="store_true",
        help="instead of all this: real images, each output compared with the golden model "
        "(options of its own: --demo --help)",
    )
    return parser


def _per_mille(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 1000):
        raise argparse.ArgumentTypeError(f"expected 0 to 999, got {text!r}")
    return int(text)


def _add_pauses(parser: argparse.ArgumentParser) -> None:
    """Add the options that make the source and the sink pause."""
    for side, meaning in (("source", "no pixel is offered"), ("sink", "no output is taken")):
        parser.add_argument(
            f"--{side}-pause",
            type=_per_mille,
            default=0,
            metavar="N",
            help=f"{meaning} in N of 1,000 cycles, at random (0 to 999, default 0)",
        )
    parser.add_argument("--seed", type=int, default=0, help="of the pauses (default 0)")


def _pauses(arguments: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(arguments, name) for name in ("source_pause", "sink_pause", "seed")}


def _simulated(
    config: EngineConfig, images: Images, arguments: argparse.Namespace
) -> SimulationResult:
    """Simulate an engine."""
    with progress.shown() as on_progress:
        return simulate(config, images, on_progress=on_progress, **_pauses(arguments))


def _run(argv: Sequence[str]) -> int:
    arguments = _parser().parse_args(argv)
    if is_network(arguments.config):
        return _network(arguments)
    if arguments.report is not None:
        raise cli.InputError("--report: a layer has no labels to show; it is for networks")
    config = from_arguments(arguments)
    check_outputs(arguments.out, arguments.json)
    images = load_images(arguments.images, config)
    result = _simulated(config, images, arguments)
    write_outputs(arguments.out, {"y": result.y}, arguments.json, result.counters)
    return 0


def _network(arguments: argparse.Namespace) -> int:
    """The same for a network, built as it is planned: logits and labels."""
    planned = plan(network_from_arguments(arguments))
    check_outputs(arguments.out, arguments.json)
    report = arguments.report and read_report(arguments.report, planned.config)
    images = load_network_images(arguments.images, planned.config)
    with progress.shown() as on_progress:
        result = simulate_network(
            planned.config, images, on_progress=on_progress, **_pauses(arguments)
        )
    write_outputs(arguments.out, result.outputs.arrays, arguments.json, result.counters)
    say_accuracy(arguments.images, result.outputs.arrays)
    if report:
        labels = result.outputs.arrays["label"]
        write_page(arguments.report, report, images, labels, arguments.images)
    return 0


def _demo(argv: Sequence[str]) -> int:
    from . import demo  # noqa: PLC0415 (with it comes the golden model, which has no part above)

    parser = demo.parser(f"{_PROG} --demo")
    _add_pauses(parser)
    arguments = parser.parse_args([word for word in argv if word != "--demo"])
    config, images = demo.load(arguments)
    result = _simulated(config, images, arguments)
    return 0 if demo.report(config, images, result) else FAILED


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    command = _demo if "--demo" in words else _run
    return run_simulation(lambda: command(words), prog=_PROG)


if __name__ == "__main__":
    raise SystemExit(main())
