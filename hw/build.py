"""``python -m hw.build``: from a configuration to RTL, its register files and a report."""

from __future__ import annotations

import argparse
import re
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from amaranth.hdl import UnusedElaboratable

from hw.emit import c_header, markdown, systemrdl
from hw.engine import Engine
from hw.report import make_report, report_text
from hw.targets import TOP, load_target, target_names
from sw.cli import InputError, check_folder, run, write_files
from sw.config import EngineConfig
from sw.configfile import add_arguments, from_arguments
from sw.registers import register_map

__all__ = ["build", "main"]

_PROG = "python -m hw.build"
_EPILOG = f"""\
targets:
{{targets}}

files written to the folder (whole or not at all; the same input gives the same bytes):
  {TOP}.*        the engine; its top module is {TOP}
  {TOP}_regs.h   the registers for C
  {TOP}.rdl      the registers as SystemRDL
  registers.md      the registers for people
  report.json       what was built, cycles a frame, tools

exit status: 0 done, 2 bad input (one line on stderr names it), 130 interrupted

examples:
  {_PROG} --target verilog --config cifar10-layer1
  {_PROG} --target verilog --config tiny --set table.entries=64 --out build/small
  {_PROG} --target rtlil --config my-engine.toml --model my-layer.npz
"""


def build(config: EngineConfig, *, target: str, out: Path) -> dict[str, Any]:
    """Write everything that a target makes of a configuration; returns the report.

    Raises
    ------
    InputError
        If ``out`` cannot be written to.
    """
    check_folder(out)
    engine = Engine(config)
    product = load_target(target).build(engine)
    registers = register_map(config)
    report = make_report(engine, product, target=target)
    write_files(
        out,
        {
            **product.files,
            f"{TOP}_regs.h": c_header.emit(registers),
            "registers.md": markdown.emit(registers),
            f"{TOP}.rdl": systemrdl.emit(registers),
            "report.json": report_text(report),
        },
    )
    return report


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    return run(lambda: _main(arguments), prog=_PROG)


def _main(arguments: Sequence[str] | None) -> int:
    options = _parser().parse_args(arguments)
    config = from_arguments(options)
    out = options.out or _default_folder(config, options.target)
    report = build(config, target=options.target, out=out)
    print(_summary(report, out))
    return 0


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
    return parser


def _default_folder(config: EngineConfig, target: str) -> Path:
    if not re.fullmatch(r"\w[\w.-]*", str(config.name)):
        raise InputError(f"name {config.name!r} is no folder's name: say where to write by --out")
    return Path("build") / f"{config.name}-{target}"


def _summary(report: dict[str, Any], out: Path) -> str:
    config, kernels = report["config"], report["kernels"]
    table = config["settings"]["table"]
    rows = [
        f"{config['name']}, {report['target']}: written to {out}",
        f"  templates  {kernels['template']} kernels, {report['bank_adders']} adders",
    ]
    if table:
        rows.append(
            f"  learned    {kernels['learned']} kernels, {table['entries']} entries a channel, "
            f"{table['multipliers']} multipliers"
        )
    rows.append(
        f"  speed      {report['cycles_per_frame']} cycles a frame, "
        f"{report['macs_per_cycle']:.1f} useful multiplications a cycle, "
        f"latency {report['latency']} cycles"
    )
    return "\n".join(rows)


if __name__ == "__main__":
    # After Ctrl-C half an engine is left over; that is no news.
    warnings.simplefilter("ignore", UnusedElaboratable)
    sys.exit(main())
