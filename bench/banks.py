"""``python -m bench.banks``: what template banks cost in adders, and a bank chosen for it.

The chosen bank, ``greedy-rgb``, takes kernel after kernel: the one that brings trained first layers
nearer for each adder that the planner needs more. Near is the cosine of a trained kernel and the
nearest template; candidates are the trained kernels as ternary ones, and as a ternary mask times a
sign or 0 for each channel, which shares the sums of channels.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

from hw.bank_build import build_network
from sw import cli
from sw.bank_search import REPORTS, bank_text, ternary, trained_kernels
from sw.templates import BANK_FOLDER, Pattern, named_bank

__all__ = ["adders_of", "candidates", "greedy_bank", "main"]

REPORT = Path("reports/banks.json")
CHOSEN = "greedy-rgb"
BANKS = ("hlac25", "lbp", "clustered", "ternary", "hlac25-rgb", "clustered-rgb", "ternary-rgb")
SIZES = (8, 16, 25, 32)
COUNT = 32
_ROW = 32
_TRIED = 12
"""Candidates of a step that the planner is asked about: those that bring most."""

Kernels = npt.NDArray[np.floating]


def adders_of(bank: Pattern, channels: int) -> int:
    """Two-input adders of a bank as the engine builds it, without those of magnitudes.

    Parameters
    ----------
    bank : Pattern, shape (N, kh, kw), or (N, C, kh, kw)
    channels : int
        For a bank that is alike in all.
    """
    if bank.ndim == 3:
        bank = np.repeat(bank[:, np.newaxis], channels, axis=1)
    products = {number: (1, pattern) for number, pattern in enumerate(bank)}
    return len(build_network(products, _ROW).network.additions)


def candidates(kernels: Kernels) -> Pattern:
    """Ternary kernels near ``kernels`` (N, C, kh, kw): free ones, then masks times colours."""
    free = [ternary(kernel) for kernel in kernels]
    masks: list[Pattern] = []
    for kernel in kernels:
        colours, sizes, spatial = np.linalg.svd(kernel.reshape(len(kernel), -1))
        del sizes
        mask = ternary(spatial[0].reshape(kernel.shape[1:]))
        colour = ternary(colours[:, 0])
        masks += [sign * colour[:, np.newaxis, np.newaxis] * mask for sign in (1, -1)]
    return np.unique(np.array([*free, *masks]), axis=0)


def greedy_bank(kernels: Kernels, count: int) -> Pattern:
    """The bank of ``count`` kernels, in the order in which they were chosen.

    Parameters
    ----------
    kernels : array, shape (N, C, kh, kw)
        Trained ones.
    count : int
    """
    pool = candidates(kernels)
    cosines = _unit(kernels) @ _unit(pool).T
    near = np.zeros(len(kernels))
    chosen: list[int] = []
    adders = 0
    console = Console(stderr=True)
    for _ in track(range(count), "choosing", console=console, disable=not console.is_terminal):
        gains = np.maximum(cosines - near[:, np.newaxis], 0).sum(axis=0)
        gains[chosen] = -1
        tried = np.argsort(-gains, kind="stable")[:_TRIED]
        costs = [adders_of(pool[[*chosen, one]], kernels.shape[1]) for one in tried]
        worth = gains[tried] / np.maximum(np.array(costs) - adders, 1)
        best = int(worth.argmax())
        chosen.append(int(tried[best]))
        adders = costs[best]
        near = np.maximum(near, cosines[:, chosen[-1]])
    return pool[chosen]


def _unit(kernels: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
    flat = kernels.reshape(len(kernels), -1).astype(np.float64)
    return flat / np.linalg.norm(flat, axis=1, keepdims=True)


def _costs(banks: dict[str, Pattern]) -> dict[str, Any]:
    """Adders by data set, bank and how many of its first kernels are fixed."""
    costs: dict[str, Any] = {}
    for data, channels in (("mnist", 1), ("cifar10", 3)):
        for name, bank in banks.items():
            if bank.ndim == 4 and bank.shape[1] != channels:
                continue
            sizes = sorted({*(size for size in SIZES if size < len(bank)), len(bank)})
            adders = {str(size): adders_of(bank[:size], channels) for size in sizes}
            costs.setdefault(data, {})[name] = adders
    return costs


def _command(argv: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.banks",
        description="Choose the bank greedy-rgb, and count the adders of every bank.",
    )
    parser.add_argument("--out", type=Path, default=REPORT, help=f"default: {REPORT}")
    parser.add_argument("--banks", type=Path, default=BANK_FOLDER, help="folder of the chosen bank")
    parser.add_argument("--runs", type=Path, default=REPORTS, help=f"default: {REPORTS}")
    arguments = parser.parse_args(argv)
    for folder in (arguments.out.parent, arguments.banks):
        cli.check_folder(folder)
    chosen = greedy_bank(trained_kernels(arguments.runs)["cifar10"], COUNT)
    banks = {name: named_bank(name) for name in BANKS} | {CHOSEN: chosen}
    costs = _costs(banks)
    text = bank_text(chosen, "python -m bench.banks")
    cli.write_files(arguments.banks, {f"{CHOSEN}.json": text})
    cli.write_json(arguments.out, {"command": "python -m bench.banks", "adders": costs})
    for data, rows in costs.items():
        for name, adders in rows.items():
            counts = ", ".join(f"{size} kernels {count}" for size, count in adders.items())
            print(f"{data} {name}: {counts}")
    print(arguments.out)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return cli.run(lambda: _command(argv), prog="python -m bench.banks")


if __name__ == "__main__":
    raise SystemExit(main())
