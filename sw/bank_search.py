"""``python -m sw.bank_search``: template banks found in trained first layers, into ``sw/banks``.

The kernels of stored runs without templates are scaled to length 1 and clustered; each centre
gives the nearest kernel of a kind, by angle. Kinds are two-valued (+A and -A, as HLAC has them) and
ternary (with 0: such kernels may sum to nothing, so that even light says nothing to them).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from . import cli
from .cluster import cluster
from .paper.runs import load_runs, plain_runs
from .templates import BANK_FOLDER, Pattern, hlac25

__all__ = [
    "REPORTS",
    "bank_text",
    "found_bank",
    "hlac_of_colours",
    "main",
    "ternary",
    "trained_kernels",
    "two_valued",
]

_PROG = "python -m sw.bank_search"
REPORTS = Path("reports/training")
SEED = 2026
COUNT = 32
"""Kernels of a bank, the most frequent first: a layer may fix fewer."""
_MORE = 4
"""Further clusters at a time, where several centres give the same kernel."""

Kernels = npt.NDArray[np.floating]


def two_valued(centre: Kernels) -> Pattern:
    """The kernel of -1 and +1 at the least angle to ``centre``, of the same shape."""
    return np.where(centre < 0, -1, 1).astype(np.int8)


def ternary(centre: Kernels) -> Pattern:
    """The kernel of -1, 0 and +1 at the least angle to ``centre``, at least two not 0.

    Of all kernels with n cells that are not 0, the one at the n largest cells is nearest: its
    cosine is their sum over the square root of n.
    """
    order = np.argsort(-np.abs(centre), axis=None, kind="stable")
    counts = np.arange(1, centre.size + 1)
    cosines = np.abs(centre).ravel()[order].cumsum() / np.sqrt(counts)
    count = 2 + int(cosines[1:].argmax())
    pattern = np.zeros(centre.size, dtype=np.int8)
    pattern[order[:count]] = two_valued(centre.ravel()[order[:count]])
    return pattern.reshape(centre.shape)


def found_bank(
    kernels: Kernels, nearest: Callable[[Kernels], Pattern], *, count: int = COUNT
) -> Pattern:
    """``count`` different kernels, nearest to the cluster centres of ``kernels``.

    Parameters
    ----------
    kernels : array, shape (N, ...)
        None is all 0.
    nearest : function
        :func:`two_valued` or :func:`ternary`.
    count : int

    Returns
    -------
    Pattern, shape (count, ...)
        Those of the largest clusters first.
    """
    flat = kernels.reshape(len(kernels), -1)
    flat = flat / np.linalg.norm(flat, axis=1, keepdims=True)
    clusters = count
    while True:
        centres, members = cluster(flat, clusters, seed=SEED)
        sizes = np.bincount(members, minlength=clusters)
        found: dict[bytes, tuple[int, Pattern]] = {}
        for centre, size in zip(centres, sizes, strict=True):
            pattern = nearest(centre.reshape(kernels.shape[1:]))
            before = found.get(pattern.tobytes(), (0, pattern))[0]
            found[pattern.tobytes()] = (before + int(size), pattern)
        if len(found) >= count:
            ranked = sorted(found.values(), key=lambda entry: -entry[0])
            return np.array([pattern for _, pattern in ranked[:count]])
        clusters += _MORE


def hlac_of_colours() -> Pattern:
    """HLAC-25 with a sign a channel, shape (25, 3, 3, 3): one mask in four is alike in all."""
    signs = np.array([[1, 1, 1], [1, 1, -1], [1, -1, 1], [-1, 1, 1]], dtype=np.int8)
    masks = hlac25()
    return masks[:, np.newaxis] * signs[np.arange(len(masks)) % 4][..., np.newaxis, np.newaxis]


def trained_kernels(reports: Path) -> dict[str, Kernels]:
    """First layers of all seeds without templates, by data set, each (N, C, 3, 3).

    Raises
    ------
    InputError
        If the runs are not stored in ``reports``.
    """
    runs = load_runs(reports)
    return {
        data: np.concatenate([r.kernels("trained") for r in plain_runs(runs, data, "none")])
        for data in ("mnist", "cifar10")
    }


def _banks(layers: dict[str, Kernels]) -> dict[str, Pattern]:
    slices = np.concatenate([layer.reshape(-1, 3, 3) for layer in layers.values()])
    return {
        "clustered": found_bank(slices, two_valued),
        "ternary": found_bank(slices, ternary),
        "clustered-rgb": found_bank(layers["cifar10"], two_valued),
        "ternary-rgb": found_bank(layers["cifar10"], ternary),
        "hlac25-rgb": hlac_of_colours(),
    }


def bank_text(bank: Pattern, source: str) -> str:
    """A bank file, a kernel a line; ``source`` is the command that made it."""
    lines = ",\n  ".join(json.dumps(kernel.tolist(), separators=(",", ":")) for kernel in bank)
    return f'{{"source": {json.dumps(source)}, "patterns": [\n  {lines}\n]}}\n'


def _command(argv: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(
        prog=_PROG,
        description="Find template banks in the first layers of stored training runs. The same "
        "runs give the same banks.",
    )
    parser.add_argument("--out", type=Path, default=BANK_FOLDER, help="folder of the bank files")
    parser.add_argument(
        "--runs", type=Path, default=REPORTS, help=f"folder of stored runs (default: {REPORTS})"
    )
    arguments = parser.parse_args(argv)
    banks = _banks(trained_kernels(arguments.runs))
    texts = {f"{name}.json": bank_text(bank, _PROG) for name, bank in banks.items()}
    cli.write_files(arguments.out, texts)
    for name in texts:
        print(arguments.out / name)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return cli.run(lambda: _command(argv), prog=_PROG)


if __name__ == "__main__":
    raise SystemExit(main())
