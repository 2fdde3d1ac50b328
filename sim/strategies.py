"""``python -m sim.strategies``: every strategy and folding on real images, each output compared.

The RTL of the paper's layer, with its templates in the bank and with all kernels learned, streams
CIFAR-10 test images; every output and every counter that the golden model foretells is compared.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sw import cli, reference
from sw.config import EngineConfig
from sw.configfile import load_config
from sw.images import Images, load_images
from sw.reuse import predict

from .bulk import SimulationError, simulate
from .command import run_simulation
from .progress import shown

__all__ = ["VARIANTS", "Outcome", "compare", "main"]

VARIANTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("cifar10-layer1", ("strategy=direct",)),
    ("cifar10-layer1", ("strategy=direct", "fold.channels=3")),
    ("cifar10-layer1", ("strategy=direct", "fold.taps=2", "lanes.multipliers=40")),
    ("cifar10-layer1", ("strategy=direct", "fold.taps=9")),
    ("cifar10-layer1", ("strategy=direct", "fold.kernels=3", "fold.channels=2", "fold.taps=4")),
    ("cifar10-layer1", ("strategy=direct", "fold.kernels=7", "fold.channels=3", "fold.taps=9")),
    ("cifar10-layer1", ("strategy=direct", "fold.kernels=2", "fold.taps=9", "bank=serial")),
    ("cifar10-layer1", ("strategy=pair_cam", "fold.taps=9", "table.entries=16")),
    ("cifar10-layer1", ("strategy=pair_cam", "fold.kernels=2", "fold.channels=3", "fold.taps=5")),
    ("cifar10-layer1", ("strategy=value_cam",)),
    ("cifar10-layer1", ("table.entries=64",)),
    ("cifar10-layer1", ("table.entries=64", "table.look_ahead=16")),
    ("cifar10-layer1", ("table.organisation=memory", "table.replacement=plru")),
    ("cifar10-layer1", ("table.organisation=set_associative", "table.replacement=lru")),
    ("cifar10-layer1", ("table.entries=128", "table.replacement=random")),
    ("cifar10-layer1", ("strategy=value_cam", "fold.kernels=7", "fold.channels=3")),
    ("cifar10-layer1", ("strategy=value_table",)),
    ("cifar10-layer1", ("strategy=value_table", "fold.kernels=2")),
    ("cifar10-layer1", ("strategy=value_table", "fold.kernels=7", "fold.channels=3")),
    ("cifar10-layer1", ("strategy=split_table",)),
    ("cifar10-layer1", ("strategy=split_table", "fold.channels=3", "table.digit_bits=3")),
    ("cifar10-layer1", ("strategy=constant",)),
    ("cifar10-layer1-plain", ("strategy=direct", "fold.kernels=8", "fold.taps=9")),
    ("cifar10-layer1-plain", ("strategy=pair_cam", "fold.kernels=16", "fold.taps=9")),
    ("cifar10-layer1-plain", ("strategy=value_cam", "fold.kernels=8")),
    ("cifar10-layer1-plain", ("strategy=value_table", "fold.kernels=8", "fold.channels=3")),
    ("cifar10-layer1-plain", ("strategy=split_table", "fold.kernels=16")),
    ("cifar10-layer1-plain", ("strategy=constant",)),
)
"""Configurations and what is set in them: each strategy whole, folded in part and to the end, with
the templates in the bank and without."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a variant did.

    Parameters
    ----------
    config : str
    settings : tuple of str
    outputs, differ : int
        Compared with the golden model's, and different.
    counters : list of str
        Names of those that differ from the foretold ones.
    cycles_per_frame : float
        Median over the second half of the frames.
    executed : int
        Multiplications.
    error : str
        Why it could not run; empty otherwise.
    """

    config: str
    settings: tuple[str, ...]
    outputs: int = 0
    differ: int = 0
    counters: tuple[str, ...] = ()
    cycles_per_frame: float = 0.0
    executed: int = 0
    error: str = ""

    @property
    def right(self) -> bool:
        """Whether it ran and all was equal."""
        return not (self.error or self.differ or self.counters)


def compare(config: EngineConfig, settings: tuple[str, ...], images: Images) -> Outcome:
    """Run the RTL and the golden model on the same images.

    Raises
    ------
    ToolchainError
        If the design cannot be built.
    """
    try:
        with shown() as progress:
            result = simulate(config, images, on_progress=progress)
    except SimulationError as error:
        return Outcome(config=config.name, settings=settings, error=str(error).partition("\n")[0])
    foretold = predict(images, config).as_dict()
    found = result.counters.as_dict()
    wrong = [n for n, value in foretold.items() if value is not None and found[n] != value]
    cycles = sorted(result.frame_cycles[len(images) // 2 :])
    return Outcome(
        config=config.name,
        settings=settings,
        outputs=result.y.size,
        differ=int((result.y != reference.run(images, config)).sum()),
        counters=tuple(wrong),
        cycles_per_frame=float(cycles[len(cycles) // 2]),
        executed=result.counters.multiplications_executed,
    )


def _outcomes(images: str, only: str | None) -> Iterator[Outcome]:
    for name, settings in VARIANTS:
        if only is None or any(only in setting for setting in (name, *settings)):
            config = load_config(name, assignments=settings)
            yield compare(config, settings, load_images(images, config))


def _table(outcomes: Sequence[Outcome]) -> Table:
    table = Table("engine", "outputs", "differ", "counters", "cycles a frame", "executed")
    for column in table.columns[1:]:
        column.justify = "right"
    for outcome in outcomes:
        table.add_row(
            " ".join((outcome.config, *outcome.settings)),
            f"{outcome.outputs:,}",
            f"{outcome.differ:,}",
            ", ".join(outcome.counters) or ("equal" if outcome.right else outcome.error),
            f"{outcome.cycles_per_frame:,.0f}",
            f"{outcome.executed:,}",
        )
    return table


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sim.strategies",
        description="Every strategy and folding on real images: each output and counter compared.",
        epilog="Exit status: 0 all equal, 1 something differs, 2 input that cannot be used. Each "
        "design is compiled once, some 20 to 60 seconds; 200 images take a minute on the slowest.",
    )
    parser.add_argument("--images", default="samples:cifar10:200", help="default: %(default)s")
    parser.add_argument("--only", metavar="TEXT", help="variants of which a setting has this text")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the outcomes")
    return parser


def _command(argv: Sequence[str] | None) -> int:
    arguments = _parser().parse_args(argv)
    outcomes: list[Outcome] = []
    for outcome in _outcomes(arguments.images, arguments.only):
        outcomes.append(outcome)
        state = "equal" if outcome.right else "NOT EQUAL"
        print(f"{state}: {outcome.config} {' '.join(outcome.settings)}", file=sys.stderr)
    if not outcomes:
        raise cli.InputError(f"--only {arguments.only}: no variant has this text")
    Console(width=140).print(_table(outcomes))
    total, differ = (sum(getattr(o, name) for o in outcomes) for name in ("outputs", "differ"))
    wrong = sum(not outcome.right for outcome in outcomes)
    print(f"{len(outcomes)} engines, {total:,} outputs, {differ:,} differ, {wrong} not equal")
    if arguments.json is not None:
        cli.write_json(arguments.json, [asdict(outcome) for outcome in outcomes])
    return int(wrong > 0)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return run_simulation(lambda: _command(argv), prog="python -m sim.strategies")


if __name__ == "__main__":
    raise SystemExit(main())
