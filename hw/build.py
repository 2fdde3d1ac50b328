"""``python -m hw.build``: from a configuration to RTL, its register files and a report."""

from __future__ import annotations

import argparse
import dataclasses
import math
import re
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from amaranth.hdl import UnusedElaboratable

from hw.boards import BOARDS
from hw.emit import c_header, markdown, systemrdl
from hw.flow import FlowError, show_progress
from hw.network.network import Accelerator
from hw.network.report import network_report, network_summary
from hw.report import make_report, report_text
from hw.summary import summary_text
from hw.targets import TOP, Options, Product, load_target, target_names
from hw.top import AnyTop, NetworkTop, make_top
from sw.cli import InputError, check_folder, run, write_files
from sw.config import EngineConfig
from sw.configfile import add_arguments, from_arguments
from sw.cores import cores
from sw.network.config import NetworkConfig
from sw.network.configfile import is_network, network_from_arguments
from sw.network.page import network_page
from sw.network.planner import plan
from sw.network.registers import network_registers
from sw.register_model import RegisterMap
from sw.registers import register_map

__all__ = ["build", "main"]

_PROG = "python -m hw.build"
_OPTIONS = tuple(field.name for field in dataclasses.fields(Options))
_EPILOG = f"""\
targets:
{{targets}}

files written to the folder (whole or not at all; the same input gives the same bytes):
  {TOP}.*        the engine; its top module is {TOP}
  {TOP}_regs.h   the registers for C
  {TOP}.rdl      the registers as SystemRDL
  registers.md      the registers for people
  summary.txt       the report for people: area, Fmax, critical path
  report.json       what was built, area, Fmax, cycles a frame, tools
  (no register files with top = "template_bank" or "sums", which have no registers)

Results of synthesis and of place and route are kept in build/cache (KATAZOME_CACHE moves it).

exit status: 0 done, 2 bad input (one line on stderr names it), 130 interrupted,
143 terminated (its tools are ended too)

examples:
  {_PROG} --target verilog --config cifar10-layer1
  {_PROG} --target verilog --config tiny --set table.entries=64 --out build/small
  {_PROG} --target rtlil --config my-engine.toml --model my-layer.npz
  {_PROG} --target ecp5 --config hlac25-bank
  {_PROG} --target ice40 --device up5k --config mnist-hlac25
  {_PROG} --target ecp5 --config cifar10-layer1 --seeds 1 --timeout 600
  {_PROG} --target bitstream --board icebreaker --config mnist-hlac25
  {_PROG} --target bitstream --board icebreaker --config mnist-net --rate 100
"""


def build(
    config: EngineConfig, *, target: str, out: Path, options: Options | None = None
) -> dict[str, Any]:
    """Write everything that a target makes of a configuration; returns the report.

    Raises
    ------
    InputError
        If ``out`` cannot be written to, or a tool is missing or refuses the design.
    """
    check_folder(out)
    top = make_top(config)
    product = _made(top, target, options)
    report = make_report(top, product, target=target)
    files = dict(product.files)
    if top.has_registers:
        files |= _register_files(register_map(config))
    files["summary.txt"] = summary_text(report)
    files["report.json"] = report_text(report)
    write_files(out, files)
    return report


def build_network(
    config: NetworkConfig, *, target: str, out: Path, options: Options | None = None
) -> dict[str, Any]:
    """As :func:`build`, of a network, each of whose layers is built as it is planned."""
    check_folder(out)
    planned = plan(config)
    top = NetworkTop(plan=planned, component=Accelerator(planned.config))
    product = _made(top, target, options)
    report = network_report(planned, product, target=target)
    files = dict(product.files) | _register_files(network_registers(config.network))
    files |= {
        "summary.txt": network_summary(report),
        "report.html": network_page(report),
        "report.json": report_text(report),
    }
    write_files(out, files)
    return report


def _made(top: AnyTop, target: str, options: Options | None) -> Product:
    try:
        with show_progress():
            return load_target(target).build(top, options or Options())
    except FlowError as error:
        raise InputError(str(error)) from error


def _register_files(registers: RegisterMap) -> dict[str, str]:
    return {
        f"{TOP}_regs.h": c_header.emit(registers),
        "registers.md": markdown.emit(registers),
        f"{TOP}.rdl": systemrdl.emit(registers),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    return run(lambda: _main(arguments), prog=_PROG)


def _main(arguments: Sequence[str] | None) -> int:
    parser = _parser()
    parsed = parser.parse_args(arguments)
    if is_network(parsed.config):
        return _network(parsed)
    if parsed.rate is not None:
        raise InputError("--rate: a layer's engine has none; set auto.rate, or build a network")
    options = _options(parsed)
    config = from_arguments(parsed)
    out = parsed.out or _default_folder(config, parsed.target)
    report = build(config, target=parsed.target, out=out, options=options)
    print(f"written to {out}", summary_text(report), sep="\n", end="")
    return 0


def _network(parsed: argparse.Namespace) -> int:
    """The same for a network: its board and rate are wishes for the planner too."""
    config = network_from_arguments(parsed)
    wishes = {name: getattr(parsed, name) for name in ("board", "rate")}
    wishes["clock_mhz"] = parsed.frequency if parsed.target == "bitstream" else None
    config = replace(config, **{name: wish for name, wish in wishes.items() if wish is not None})
    if parsed.target != "bitstream":
        parsed.board = None
    elif parsed.board is None:
        parsed.board = config.board
    options = _options(parsed)
    out = parsed.out or _default_folder(config, parsed.target)
    report = build_network(config, target=parsed.target, out=out, options=options)
    print(f"written to {out}", network_summary(report), sep="\n", end="")
    return 0


def _options(parsed: argparse.Namespace) -> Options:
    """Those given; one that the target does not know is refused."""
    given: dict[str, Any] = {
        name: value for name in _OPTIONS if (value := getattr(parsed, name)) is not None
    }
    if unknown := sorted(given.keys() - load_target(parsed.target).OPTIONS):
        raise InputError(f"--target {parsed.target} takes no --{unknown[0].replace('_', '-')}")
    if "seeds" in given:
        given["seeds"] = tuple(range(1, given["seeds"] + 1))
    given.setdefault("jobs", cores())
    return Options(**given)


def _parser() -> argparse.ArgumentParser:
    targets = {name: load_target(name).SUMMARY for name in target_names()}
    lines = "\n".join(f"  {name:16}  {summary}" for name, summary in targets.items())
    parser = argparse.ArgumentParser(
        prog=_PROG,
        description="Generate an engine: RTL, register files for its host, and a report.",
        epilog=_EPILOG.format(targets=lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--target", required=True, choices=targets, help="what to build the engine for"
    )
    add_arguments(parser)
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder for the files, made if missing (default: build/<name>-<target>)",
    )
    _add_options(parser)
    return parser


def _add_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("for targets that synthesise, and for networks")
    group.add_argument(
        "--seeds",
        type=_number(int, "a whole number, 0 or more", 0),
        metavar="N",
        help="place and route N times, take the median (default: 3; 0: synthesis alone)",
    )
    group.add_argument(
        "--frequency",
        type=_number(float, "a positive number of MHz"),
        metavar="MHZ",
        help="clock to ask place and route for (default: the device's), or of a board's engine",
    )
    group.add_argument(
        "--timeout",
        type=_number(float, "a positive number of seconds"),
        metavar="SECONDS",
        help="end after so long with what is known then (default: no limit)",
    )
    group.add_argument("--device", metavar="NAME", help="chip: 85k-6 (ecp5), up5k, hx8k (ice40)")
    group.add_argument(
        "--jobs",
        type=_number(int, "a whole number, 1 or more", 1),
        metavar="N",
        help="seeds at a time (default: one for each core)",
    )
    group.add_argument(
        "--liberty",
        type=Path,
        metavar="FILE",
        help="cell library (default: that of Debian's qflow-tech-osu018, if it is there)",
    )
    group.add_argument(
        "--board",
        choices=BOARDS,
        help="what to make a bitstream for; of a network, what it must fit, whatever the target",
    )
    group.add_argument(
        "--rate",
        type=_number(float, "a positive number of frames a second"),
        metavar="N",
        help="of a network: frames a second that it must reach",
    )
    group.add_argument(
        "--timing-allow-fail",
        action="store_true",
        default=None,
        help="write a bitstream even if it is too slow for the board's clock",
    )


def _number(
    kind: type[int] | type[float], expected: str, least: int | None = None
) -> Callable[[str], float]:
    """An argument type: at least ``least``, or above zero."""

    def parse(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not (value >= least if least is not None else 0 < value < math.inf):
            raise argparse.ArgumentTypeError(f"{text!r} is not {expected}")
        return value

    return parse


def _default_folder(config: EngineConfig | NetworkConfig, target: str) -> Path:
    if not re.fullmatch(r"\w[\w.-]*", str(config.name)):
        raise InputError(f"name {config.name!r} is no folder's name: say where to write by --out")
    return Path("build") / f"{config.name}-{target}"


if __name__ == "__main__":
    # After Ctrl-C half an engine is left over; that is no news.
    warnings.simplefilter("ignore", UnusedElaboratable)
    sys.exit(main())
