"""``python -m hw.explore.scaling``: one sweep with several numbers of workers.

It shows how much faster more of them are, and that their rows are the same. Each run starts from
nothing: a folder, a cache of results and simulators of its own, so that all do all the work. Only
the simulator's run-time library is compiled before its time is taken.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hw.digest import ROOT
from sw import cli
from sw.cli import InputError
from sw.configfile import load_config

from .command import positive
from .store import Store

__all__ = ["main", "unlike"]

_PROG = "python -m hw.explore.scaling"
_OF_THE_RUN = {"seconds", "worker"}
_WARM = "tiny"
"""Simulated before: it compiles the simulator's run-time library."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return cli.run(lambda: _scaling(_parser().parse_args(argv)), prog=_PROG)


def unlike(rows: Sequence[dict[str, Any]], others: Sequence[dict[str, Any]]) -> list[str]:
    """Keys of the rows that are not in both, or not the same but for who made them, and when."""
    left, right = (
        {row["key"]: {k: v for k, v in row.items() if k not in _OF_THE_RUN} for row in side}
        for side in (rows, others)
    )
    return sorted(key for key in left | right if left.get(key) != right.get(key))


def _scaling(options: argparse.Namespace) -> int:
    first: tuple[int, float, list[dict[str, Any]]] | None = None
    different = 0
    with tempfile.TemporaryDirectory(prefix="katazome-scaling-") as made:
        for n, workers in enumerate(options.workers):
            rows, seconds = _sweep(Path(made) / str(n), workers, options)
            first = first or (workers, seconds, rows)
            differ = unlike(first[2], rows)
            different += len(differ)
            print(
                f"{workers} worker{'s' * (workers > 1)}: {len(rows)} rows in {seconds:.0f} s, "
                f"{60 * len(rows) / seconds:.2f} a minute, {first[1] / seconds:.2f} times that of "
                f"{first[0]}; {len(differ)} rows differ from those of {first[0]}",
                flush=True,
            )
            for key in differ:
                print(f"  differs: {key}", file=sys.stderr)
    return 1 if different else 0


def _sweep(
    folder: Path, workers: int, options: argparse.Namespace
) -> tuple[list[dict[str, Any]], float]:
    """Its rows and its seconds, from nothing."""
    folder.mkdir()
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    environment = os.environ | {"PYTHONPATH": path, "KATAZOME_CACHE": str(folder / "cache")}

    def run(*words: str) -> None:
        command = [sys.executable, "-m", *words]
        done = subprocess.run(
            command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, check=False
        )
        if done.returncode:
            raise InputError(f"{words[0]} ended with exit status {done.returncode}")

    np.save(folder / "warm.npy", np.zeros((1, *load_config(_WARM).layer.input_shape), np.uint8))
    run("sim.run", "--config", _WARM, "--images", "warm.npy", "--out", "warm.npz")
    words = ["--config", options.config, "--sweep", str(options.sweep.absolute())]
    words += ["--images", options.images, "--workers", str(workers), "--front-seeds", "0"]
    began = time.monotonic()
    run("hw.explore", *words, "--out", "out")
    seconds = time.monotonic() - began
    with Store(folder / "out") as store:
        return store.rows(), seconds


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_PROG,
        description="Run one sweep with several numbers of workers, each time from nothing.",
        epilog="exit status: 0 all runs gave the same rows, 1 they did not, 2 bad input",
    )
    parser.add_argument("--config", required=True, metavar="NAME", help="as of hw.explore")
    parser.add_argument("--sweep", type=Path, required=True, metavar="SPACE.toml")
    parser.add_argument("--images", default="samples:cifar10:4", metavar="IN.npy")
    parser.add_argument(
        "--workers", type=positive, nargs="+", default=[1, 2], metavar="N", help="default: 1 2"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
