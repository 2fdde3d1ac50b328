"""``python -m hw.explore``: measure the engines of a sweep; ``report``, ``compare`` them."""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from amaranth.hdl import UnusedElaboratable
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from hw.digest import generator_digest
from sw import cli
from sw.cli import InputError
from sw.config import EngineConfig
from sw.configfile import add_arguments, from_arguments
from sw.cores import cores
from sw.images import IMAGES_HELP, load_images

from .command import positive
from .compare import tables
from .evaluate import Limits
from .front import fronts
from .inputs import Inputs, make_inputs
from .report import report
from .run import Sweep, connected
from .search import METHODS, make_search
from .space import APART, Space, load_space
from .store import FILE, Store

__all__ = ["main"]

_PROG = "python -m hw.explore"
_MODULES = {"distributed": "distributed", "optuna": "optuna", "altair": "altair"}
_EPILOG = f"""\
Each point is foretold by the golden model, streamed through its RTL, compared bit for bit, and
synthesised; then what is on the front of area and rate is placed and routed. Rows are kept in
DIR/{FILE} as they come: after Ctrl-C or a kill, the same command with --resume goes on.

{_PROG} report DIR writes DIR/report.html: one file with all of it, which needs no network.
{_PROG} compare DIR prints which strategy is the smallest where, and by how much.

examples:
  {_PROG} --config cifar10-layer1 --sweep docs/user/explore.toml --out build/explore
  {_PROG} --config cifar10-layer1 --sweep docs/user/explore.toml --out build/explore --resume
  {_PROG} --config mine.toml --model mine.npz --images mine.npy --sweep space.toml \\
      --method adaptive --points 60 --scheduler tcp://10.0.0.1:8786 --out build/mine
  {_PROG} report build/explore
  {_PROG} compare build/explore

exit status: 0 done, 2 bad input, 130 interrupted (rows that came are kept)
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    for name, of_rows in {"report": _report, "compare": _compare}.items():
        if words[:1] == [name]:
            return cli.run(partial(of_rows, words[1:]), prog=f"{_PROG} {name}")
    return cli.run(lambda: _explore(words), prog=_PROG)


def _report(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog=f"{_PROG} report", description="Write one page, which needs no network, of a sweep."
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="the --out of a sweep")
    options = parser.parse_args(argv)
    _check_installed("altair")
    with Store(options.folder) as store:
        page = report(store.rows(), store.about())
    cli.write_files(options.folder, {"report.html": page})
    print(options.folder / "report.html")
    return 0


def _compare(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog=f"{_PROG} compare",
        description="Which strategy is the smallest at which rate, for each chip and width of "
        "inputs, and how many times as large the others are. Markdown.",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="the --out of a sweep")
    options = parser.parse_args(argv)
    with Store(options.folder) as store:
        print(tables(store.rows()), end="")
    return 0


def _explore(argv: Sequence[str]) -> int:
    # Engines are made here to see whether they can be, and never elaborated.
    warnings.simplefilter("ignore", UnusedElaboratable)
    options = _parser().parse_args(argv)
    _check_installed("distributed", *(["optuna"] if options.method == "adaptive" else []))
    config = from_arguments(options)
    space = load_space(options.sweep).complete("input_bits", config.layer.input_format.bits)
    inputs = _inputs(config, space, options)
    limits = Limits(simulation=options.timeout, build=options.timeout)
    search = make_search(space, options.method, count=options.points, seed=options.seed)
    about = {"config": options.config, "inputs": inputs.digest, "generator": generator_digest()}
    began = time.monotonic()
    with Store(options.out, about=about, resume=options.resume) as store:
        with connected(options.scheduler, options.workers) as client, _shown() as on_row:
            sweep = Sweep(inputs=inputs, limits=limits, store=store, on_row=on_row)
            sweep.measure(search, client, again=options.again)
            sweep.route(client, options.front_seeds)
        rows = store.rows()
    states = [row["state"] for row in rows]
    counts = ", ".join(f"{states.count(s)} {s}" for s in dict.fromkeys(sorted(states)))
    print(f"{options.out / FILE}: {len(rows)} rows ({counts}), {len(fronts(rows))} on the front")
    print(f"{time.monotonic() - began:.0f} s; next: {_PROG} report {options.out}")
    return 0


def _inputs(config: EngineConfig, space: Space, options: argparse.Namespace) -> Inputs:
    bits: set[int] = set()
    for grid in space.grids:
        for value in grid.get("input_bits", ()):
            if not isinstance(value, int) or isinstance(value, bool):
                raise InputError(f"{space.name}: input_bits: expected whole numbers, got {value!r}")
            bits.add(value)
    images = load_images(options.images, config)
    return make_inputs(config, source=options.config, images=images, bits=bits)


def _check_installed(*modules: str) -> None:
    for module in modules:
        if importlib.util.find_spec(module) is None:
            raise InputError(f"{module} is not installed: pip install 'katazome[explore]'")


@contextmanager
def _shown() -> Iterator[Any]:
    """A bar on a terminal, a line for each row anywhere else."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("measuring", total=None)

        def on_row(row: Mapping[str, Any], done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)
            said = row["reason"] or _figures(row)
            progress.console.print(
                f"[{done}/{total}] {row['key']}: {said}",
                highlight=False,
                markup=False,
                soft_wrap=True,
            )

        yield on_row


def _figures(row: Mapping[str, Any]) -> str:
    area = {name: value for name, value in row["area"].items() if value is not None}
    shown = [f"{row['pixels_per_cycle']:.3f} pixels a cycle"]
    shown += [f"{area[n]:,} {n}" for n in ("lut4_eq", "dsp", "bram", "um2", "gates") if n in area]
    if row["fmax_mhz"] is not None:
        shown.append(f"{row['fmax_mhz']:.1f} MHz")
    return ", ".join(shown)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_PROG,
        description="Measure the engines of a sweep, on this machine or on a cluster.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser)
    parser.add_argument(
        "--sweep",
        type=Path,
        required=True,
        metavar="SPACE.toml",
        help=f"tables [[grid]] of axes: settings as --set takes them, {', '.join(APART)}",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="for the results")
    parser.add_argument(
        "--images",
        default="samples:cifar10:100",
        metavar="IN.npy",
        help=f"{IMAGES_HELP} (default: samples:cifar10:100)",
    )
    parser.add_argument(
        "--method", choices=METHODS, default="grid", help="which points (default: grid, all)"
    )
    parser.add_argument(
        "--points", type=positive, default=50, metavar="N", help="of random, adaptive (default 50)"
    )
    parser.add_argument("--seed", type=int, default=1, help="of random, adaptive (default 1)")
    parser.add_argument(
        "--workers",
        type=positive,
        default=cores(),
        metavar="N",
        help="processes here (default: one a core)",
    )
    parser.add_argument(
        "--scheduler", metavar="tcp://HOST:PORT", help="of a Dask cluster, instead of workers here"
    )
    parser.add_argument("--resume", action="store_true", help="go on with the sweep in DIR")
    parser.add_argument(
        "--again", action="store_true", help="with --resume: measure again what failed"
    )
    parser.add_argument(
        "--timeout",
        type=positive,
        default=1200,
        metavar="SECONDS",
        help="of a simulation or a synthesis (default 1200)",
    )
    parser.add_argument(
        "--front-seeds",
        type=int,
        default=1,
        metavar="N",
        help="place and route the front N times, take the median (default 1; 0: not at all)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
