"""k-means, for kernels: a few dozen points of nine numbers, so a plain one does."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .numeric import IntArray

__all__ = ["cluster"]

_ROUNDS = 100
_STARTS = 8


def cluster(
    points: npt.ArrayLike, count: int, *, seed: int
) -> tuple[npt.NDArray[np.float64], IntArray]:
    """The best of a few runs of Lloyd's algorithm, each begun as k-means++ does.

    Parameters
    ----------
    points : array, shape (N, D)
    count : int
        Clusters; no more than there are different points.
    seed : int

    Returns
    -------
    centres : array, shape (count, D)
    nearest : IntArray, shape (N,)
        The cluster of each point.

    Raises
    ------
    ValueError
        If there are fewer different points than clusters.
    """
    array = np.asarray(points, dtype=np.float64)
    different = len(np.unique(array, axis=0))
    if not 1 <= count <= different:
        raise ValueError(f"count must be 1 to {different}, the different points, not {count}")
    generator = np.random.default_rng(seed)
    found = [_lloyd(array, _begin(array, count, generator)) for _ in range(_STARTS)]
    centres, nearest, _ = min(found, key=lambda result: result[2])
    return centres, nearest


def _begin(
    points: npt.NDArray[np.float64], count: int, generator: np.random.Generator
) -> npt.NDArray[np.float64]:
    chosen = [int(generator.integers(len(points)))]
    while len(chosen) < count:
        distance = _distances(points, points[chosen]).min(axis=1)
        chosen.append(int(generator.choice(len(points), p=distance / distance.sum())))
    return points[chosen].copy()


def _lloyd(
    points: npt.NDArray[np.float64], centres: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], IntArray, float]:
    nearest = _distances(points, centres).argmin(axis=1)
    for _ in range(_ROUNDS):
        for index in range(len(centres)):
            members = points[nearest == index]
            if len(members):
                centres[index] = members.mean(axis=0)
        moved = _distances(points, centres).argmin(axis=1)
        if np.array_equal(moved, nearest):
            break
        nearest = moved
    return centres, nearest, float(_distances(points, centres).min(axis=1).sum())


def _distances(
    points: npt.NDArray[np.float64], centres: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Squared, shape (N, count)."""
    return ((points[:, np.newaxis] - centres) ** 2).sum(axis=2)
