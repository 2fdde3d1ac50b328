"""``python -m sim.faults``: flip random bits of an engine's memories while it runs, and look.

The same layer is built with parity and without. Each time bits of what it remembers (products,
operands, weights) change at random moments, no word twice before the memories are loaded anew, and
every output is compared with the golden model's. What may not be is a **silent** error: a wrong
output in a frame that is not marked bad.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
from rich.console import Console
from rich.table import Table

from hw.protection import State
from hw.targets import verilog
from sw import cli, reference
from sw.config import EngineConfig
from sw.config_error import ConfigError
from sw.configfile import add_arguments, from_arguments
from sw.images import Images, load_images
from sw.numeric import IntArray

from .bulk import SimulationResult, simulate
from .command import run_simulation
from .fault_sites import Flip, Site, fault_sites
from .progress import shown
from .toolchain import DEFAULT_BUILD_DIR

__all__ = ["KINDS", "FaultReport", "campaign", "main", "random_flips"]

KINDS: tuple[State, ...] = get_args(State)
"""What can be flipped: products, the operands they belong to, weights."""
FRAMES_PER_ROUND = 8
FLIPS_PER_FRAME = 2


@dataclass(frozen=True, kw_only=True)
class FaultReport:
    """What came of a campaign.

    Parameters
    ----------
    protection : str
    flips : dict of str to int
        Bits flipped, by what they remember.
    state_bits : dict of str to int
        Bits that there are.
    frames, outputs : int
        Compared with the golden model.
    wrong_frames : int
        With a wrong output, marked bad or not.
    silent_frames, silent_outputs : int
        Wrong, in frames that were not marked bad.
    bad_frames : int
        Marked bad.
    table_errors : int
        The engine's own count of damaged entries that it made again.
    """

    protection: str
    flips: dict[str, int]
    state_bits: dict[str, int]
    frames: int
    outputs: int
    wrong_frames: int
    silent_frames: int
    silent_outputs: int
    bad_frames: int
    table_errors: int


def random_flips(
    sites: Sequence[Site],
    lengths: Sequence[int],
    each: int,
    rng: np.random.Generator,
) -> list[Flip]:
    """``each`` flips in every round, of bits and moments that are equally likely.

    No word is met twice in a round, nor two registers of one block: a parity sees single flips.
    So there must be ``each`` of them at least.

    Parameters
    ----------
    sites : sequence of Site
    lengths : sequence of int
        Cycles of each round.
    each : int
    rng : Generator
    """
    sizes = np.array([site.size for site in sites])
    ends = np.cumsum(sizes)
    flips: list[Flip] = []
    for number, cycles in enumerate(lengths):
        met: set[tuple[str, int]] = set()
        while len(met) < each:
            place = int(rng.integers(ends[-1]))
            n = int(np.searchsorted(ends, place, side="right"))
            site, offset = sites[n], place - int(ends[n] - sizes[n])
            word, bit = divmod(offset, site.bits) if site.words is not None else (-1, offset)
            unit = _unit(site, word)
            if unit in met:
                continue
            met.add(unit)
            cycle = int(rng.integers(cycles))
            flips.append(Flip(round=number, cycle=cycle, path=site.path, word=word, bit=bit))
    return flips


def _unit(site: Site, word: int) -> tuple[str, int]:
    """What may be met once: a word of a memory, or one of all registers of a block."""
    return (site.path if word >= 0 else site.path.rpartition(".")[0], word)


def _units(sites: Sequence[Site]) -> int:
    memories = sum(site.words for site in sites if site.words is not None)
    return memories + len({_unit(site, -1) for site in sites if site.words is None})


def campaign(
    config: EngineConfig,
    images: Images,
    *,
    flips: int,
    seed: int,
    kinds: Collection[str] = KINDS,
    build_dir: Path = DEFAULT_BUILD_DIR,
) -> FaultReport:
    """Flip at least ``flips`` bits, :data:`FLIPS_PER_FRAME` a frame where there are so many words.

    Parameters
    ----------
    config : EngineConfig
    images : Images, shape (N, C, H, W)
        Streamed over and over.
    flips, seed : int
    kinds : collection of str
        Of :data:`KINDS`: what is flipped.
    build_dir : Path
        As :func:`sim.bulk.simulate`.

    Raises
    ------
    ConfigError
        If the engine remembers nothing of these kinds.
    SimulationError
        If the engine hangs, or breaks a stream's contract.
    """
    sites = [site for site in fault_sites(verilog.emit(config)) if site.kind in kinds]
    if not sites:
        raise ConfigError(
            f"{config.name}: this engine remembers nothing that a bit could damage, of "
            + ", ".join(kinds)
        )
    each = min(FRAMES_PER_ROUND * FLIPS_PER_FRAME, _units(sites) // 2 + 1)
    rounds = -(-flips // each)
    frames = images[np.arange(rounds * FRAMES_PER_ROUND) % len(images)]
    # A round's length is that of its first frames without faults, when all tables are empty.
    with shown() as progress:
        calm = simulate(
            config, frames[:FRAMES_PER_ROUND], flips=(), on_progress=progress, build_dir=build_dir
        )
    length = int(calm.frame_cycles.sum())
    chosen = random_flips(sites, [length] * rounds, each, np.random.default_rng(seed))
    with shown() as progress:
        result = simulate(
            config,
            frames,
            rounds=[FRAMES_PER_ROUND] * rounds,
            flips=chosen,
            on_progress=progress,
            build_dir=build_dir,
        )
    return _judged(result, reference.run(frames, config), config.protection, sites, chosen)


def _judged(
    result: SimulationResult,
    expected: IntArray,
    protection: str,
    sites: Sequence[Site],
    flips: Sequence[Flip],
) -> FaultReport:
    """What the flips did: the outputs beside those that were expected."""
    wrong = result.y != expected
    in_frame = wrong.reshape(len(wrong), -1).sum(axis=1)
    silent = np.where(result.bad, 0, in_frame)
    kind_of = {site.path: site.kind for site in sites}
    bits: Counter[str] = Counter()
    for site in sites:
        bits[site.kind] += site.size
    return FaultReport(
        protection=protection,
        flips=dict(Counter(kind_of[flip.path] for flip in flips)),
        state_bits=dict(bits),
        frames=len(wrong),
        outputs=wrong.size,
        wrong_frames=int(np.count_nonzero(in_frame)),
        silent_frames=int(np.count_nonzero(silent)),
        silent_outputs=int(silent.sum()),
        bad_frames=int(result.bad.sum()),
        table_errors=result.counters.table_errors,
    )


def _table(name: str, reports: Sequence[FaultReport]) -> Table:
    table = Table("", *(f"protection = {r.protection}" for r in reports), title=name)
    rows = {
        "bits of state": lambda r: _by_kind(r.state_bits),
        "bits flipped": lambda r: _by_kind(r.flips),
        "frames, outputs": lambda r: f"{r.frames:,}, {r.outputs:,}",
        "frames with a wrong output": lambda r: f"{r.wrong_frames:,}",
        "  of these not marked bad": lambda r: f"{r.silent_frames:,}",
        "silently wrong outputs": lambda r: f"{r.silent_outputs:,}",
        "frames marked bad": lambda r: f"{r.bad_frames:,}",
        "table_errors": lambda r: f"{r.table_errors:,}",
    }
    for what, value in rows.items():
        table.add_row(what, *map(value, reports))
    return table


def _by_kind(counts: dict[str, int]) -> str:
    parts = ", ".join(f"{kind} {count:,}" for kind, count in sorted(counts.items()))
    return f"{sum(counts.values()):,} ({parts})"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sim.faults",
        description="Flip random bits of an engine's tables, operands and weights while it runs, "
        "with parity and without, and compare every output with the golden model.",
        epilog="Exit status: 0 no silently wrong output with parity, 1 there are some, 2 input "
        "that cannot be used. Example: python -m sim.faults --config cifar10-layer1 "
        "--set table.entries=64 --images samples:cifar10:100 --flips 10000",
    )
    add_arguments(parser)
    parser.add_argument("--images", required=True, help="IN.npy or samples:NAME[:COUNT]")
    parser.add_argument("--flips", type=int, default=10_000, help="bits to flip at least")
    parser.add_argument(
        "--kinds",
        nargs="+",
        choices=KINDS,
        default=KINDS,
        metavar="KIND",
        help=f"what to flip: {', '.join(KINDS)} (products, operands, weights; default: all)",
    )
    parser.add_argument("--seed", type=int, default=1, help="of the bits and the moments")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write both reports")
    return parser


def _command(argv: Sequence[str] | None) -> int:
    arguments = _parser().parse_args(argv)
    if arguments.flips < 1:
        raise cli.InputError(f"--flips must be 1 or more, not {arguments.flips}")
    config = from_arguments(arguments)
    images = load_images(arguments.images, config)
    variants = (dataclasses.replace(config, protection=name) for name in ("none", "parity"))
    reports = [
        campaign(variant, images, flips=arguments.flips, seed=arguments.seed, kinds=arguments.kinds)
        for variant in variants
    ]
    Console().print(_table(config.name, reports))
    if arguments.json is not None:
        cli.write_json(arguments.json, [dataclasses.asdict(report) for report in reports])
    return int(reports[-1].silent_outputs > 0)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return run_simulation(lambda: _command(argv), prog="python -m sim.faults")


if __name__ == "__main__":
    raise SystemExit(main())
