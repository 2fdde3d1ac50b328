"""``python -m sw.train.saving``: what fixed kernels save in training, measured.

Networks that differ in their fixed kernels alone do the same steps in turn, in one process, so
whatever else the machine does falls on all of them; a round gives a ratio each.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import track

from sw import cli
from sw.data import load_samples
from sw.paper.statistics import mean_interval

from .build import build
from .loop import Trainer, prepare_torch
from .options import RECIPES, Options
from .record import bytes_of

__all__ = ["main", "measured"]

REPORT = Path("reports/saving.json")
FIXED = {"none": "none", "25 of 32": "hlac25", "32 of 32": "ternary"}
"""Kernels of the first layer that are fixed, and the bank."""


def measured(data: str, *, rounds: int, images: int) -> dict[str, Any]:
    """Times and bytes of networks with more or less fixed kernels.

    Parameters
    ----------
    data : {"mnist", "cifar10"}
    rounds : int
        Each network trains an epoch in each round; a first one is not counted.
    images : int
        Of an epoch.

    Returns
    -------
    dict
        For each of FIXED: ``cpu_ratio`` to the network without fixed kernels (mean and 95 %
        interval over the rounds), ``cpu_seconds`` of a round (the median), ``trainable``
        parameters, ``gradient_bytes`` and ``optimiser_bytes``.
    """
    trainers = {name: _trainer(data, bank, rounds, images) for name, bank in FIXED.items()}
    times = {name: [] for name in FIXED}
    quiet = not Console(stderr=True).is_terminal
    for number in track(range(rounds + 1), data, console=Console(stderr=True), disable=quiet):
        for name, trainer in trainers.items():
            before = time.process_time()
            trainer.epoch()
            if number:
                times[name].append(time.process_time() - before)
    base = np.array(times["none"])
    return {
        name: {
            "cpu_ratio": mean_interval(np.array(times[name]) / base),
            "cpu_seconds": float(np.median(times[name])),
            "trainable": sum(p.numel() for p in trainer.network.parameters() if p.requires_grad),
            **bytes_of(trainer),
        }
        for name, trainer in trainers.items()
    }


def _trainer(data: str, bank: str, rounds: int, images: int) -> Trainer:
    options = Options.of(data, templates=bank, epochs=rounds + 1)
    prepare_torch(options)
    samples = load_samples(data)
    few = replace(samples, images=samples.images[:images], labels=samples.labels[:images])
    one = replace(few, images=few.images[:1], labels=few.labels[:1])  # testing is no training
    return Trainer(build(options), options, few, one)


def _command(argv: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m sw.train.saving",
        description="Processor time, gradients and optimiser state with none, 25 and 32 of the "
        "first layer's kernels fixed, trained in turn on the repository's images.",
    )
    parser.add_argument("--out", type=Path, default=REPORT, help=f"default: {REPORT}")
    parser.add_argument("--rounds", type=int, default=20, metavar="N", help="default: 20")
    arguments = parser.parse_args(argv)
    if arguments.rounds < 2:
        raise cli.InputError(f"rounds must be 2 or more, not {arguments.rounds}")
    cli.check_folder(arguments.out.parent)
    report: dict[str, Any] = {
        "command": f"python -m sw.train.saving --rounds {arguments.rounds}",
        "torch": torch.__version__,
    }
    for data in sorted(RECIPES):
        report[data] = measured(data, rounds=arguments.rounds, images=512)
        for name, row in report[data].items():
            print(f"{data}, fixed {name}: {_shown(row)}")
    cli.write_json(arguments.out, report)
    print(arguments.out)
    return 0


def _shown(row: dict[str, Any]) -> str:
    ratio, state = row["cpu_ratio"], row["gradient_bytes"] + row["optimiser_bytes"]
    return (
        f"time x {ratio['mean']:.3f} ± {ratio['ci95']:.3f}, {row['trainable']:,} trained, "
        f"{state:,} bytes of gradients and optimiser"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return cli.run(lambda: _command(argv), prog="python -m sw.train.saving")


if __name__ == "__main__":
    raise SystemExit(main())
