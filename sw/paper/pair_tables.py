"""Tables 2 and 3: how often operand pairs repeat in the first CIFAR-10 layer.

Our images are not the paper's, which are not known. So there are two answers: plain draws of ten
images, with their spread; and draws whose float32 count of distinct pairs is that of the paper's
images, which shows whether the other formats then agree as well.

Nor are its weights known, and how many values they have in fixed8 depends on chance: with another
seed the count is a few percent off. So draws take their weights in turn from many initialisations,
or from all the seeds that were trained.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from sw.initial import initial_kernels
from sw.numeric import IntArray
from sw.pairs import pair_statistics
from sw.templates import named_bank

from . import published
from .published import FORMATS
from .runs import StoredRun
from .statistics import mean_interval

__all__ = [
    "COUNTS",
    "DRAWS",
    "IMAGES_A_DRAW",
    "INITIALISATIONS",
    "draws_of",
    "matched_draws",
    "pair_table",
    "quantised",
]

DRAWS, IMAGES_A_DRAW = 200, 10
INITIALISATIONS = 20
COUNTS = 2 * 2 * len(FORMATS)
"""Columns of a table: initial or trained weights, plain or matched draws, each format."""
_CANDIDATES = 20_000
_STEP = 256  # fixed8: units of 2**-8

Weights = npt.NDArray[np.float32]


def quantised(weight: Weights, name: str) -> npt.NDArray[np.generic]:
    """Weights in one of the table's formats; fixed8 rounds to 2**-8 and does not saturate."""
    if name == "fixed8":
        return np.rint(weight.astype(np.float64) * _STEP).astype(np.int64)
    return weight.astype(name)


def draws_of(images: int, seed: int = 0) -> IntArray:
    """DRAWS draws of ten different images each, shape (DRAWS, 10): the same for every table."""
    return _draw(images, DRAWS, seed)


def matched_draws(distinct: IntArray, target: float, seed: int = 1) -> IntArray:
    """The DRAWS of many draws whose mean count of distinct pairs is nearest to ``target``.

    Parameters
    ----------
    distinct : IntArray, shape (N,)
        Of each image, in float32.
    target : float
        The paper's.
    """
    candidates = _draw(len(distinct), _CANDIDATES, seed)
    distance = np.abs(distinct[candidates].mean(axis=1) - target)
    return candidates[np.argsort(distance, kind="stable")[:DRAWS]]


def _draw(images: int, count: int, seed: int) -> IntArray:
    generator = np.random.default_rng(seed)
    keys = generator.random((count, images))
    return np.argpartition(keys, IMAGES_A_DRAW, axis=1)[:, :IMAGES_A_DRAW]


def pair_table(
    runs: list[StoredRun],
    images: npt.NDArray[np.uint8],
    *,
    progress: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Table 2 or 3, by the runs' bank: with initial and with trained weights.

    Parameters
    ----------
    runs : list of StoredRun
        Of CIFAR-10 with one bank, a seed each.
    images : array of uint8, shape (N, 3, 32, 32)
    progress : function
        Called COUNTS times, as the counts are done.

    Returns
    -------
    dict
        ``paper``, and for ``initial`` and ``trained`` each: ``drawn`` and ``matched``.
    """
    bank = runs[0].option("templates")
    paper = published.DISTINCT[bank]
    weights = {
        "initial": [_before_training(bank, seed) for seed in range(INITIALISATIONS)],
        "trained": [run.kernels("trained") for run in runs],
    }
    one = pair_statistics(images, weights["initial"][0]).distinct
    draws = {
        "drawn": draws_of(len(images)),
        "matched": matched_draws(one, paper["float32"]),
    }
    table: dict[str, Any] = {
        "runs": [run.record["name"] for run in runs],
        "multiplications": published.MULTIPLICATIONS,
        "rows": published.bin_names(),
        "paper": {
            name: {"repeats": published.REPEATS[bank][name], "distinct": value}
            for name, value in paper.items()
        },
    }
    for when, which, name in product(weights, draws, FORMATS):
        column = _column(images, draws[which], [quantised(w, name) for w in weights[when]])
        column["off_percent"] = 100 * (column["distinct"]["mean"] / paper[name] - 1)
        table.setdefault(when, {}).setdefault(which, {})[name] = column
        progress()
    return table


def _before_training(bank: str, seed: int) -> Weights:
    """The first CIFAR-10 layer, (32, 3, 3, 3)."""
    patterns = None if bank == "none" else named_bank(bank)
    return initial_kernels(channels=3, kernels=32, bank=patterns, seed=seed).astype(np.float32)


def _column(
    images: npt.NDArray[np.uint8], draws: IntArray, weights: list[npt.NDArray[np.generic]]
) -> dict[str, Any]:
    """One format's column: means over draws, and of the distinct pairs also the spread.

    The draws take their weights in turn.
    """
    repeats = np.empty((len(draws), len(published.bin_names())))
    for index, weight in enumerate(weights):
        own = draws[index :: len(weights)]
        counts = pair_statistics(images[own.ravel()], weight).repeats
        repeats[index :: len(weights)] = counts.reshape(*own.shape, -1).mean(axis=1)
    distinct = repeats.sum(axis=1)
    low, high = np.percentile(distinct, (2.5, 97.5))
    return {
        "repeats": [float(value) for value in repeats.mean(axis=0)],
        "distinct": {**mean_interval(distinct), "low": float(low), "high": float(high)},
        "executed_percent": 100 * float(distinct.mean()) / published.MULTIPLICATIONS,
    }
