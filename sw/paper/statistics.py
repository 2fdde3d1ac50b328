"""Means and how far to trust them."""

from __future__ import annotations

from math import sqrt

import numpy as np
import numpy.typing as npt

__all__ = ["mean_interval", "student95"]

# Student's t, two-sided 95 %, by degrees of freedom: no SciPy for eleven numbers.
_T95 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
_NORMAL95 = 1.960


def student95(freedom: int) -> float:
    """Student's t of a two-sided 95 % interval; beyond ten degrees by Cornish and Fisher's term."""
    if freedom < 1:
        raise ValueError(f"freedom must be 1 or more, not {freedom}")
    if freedom <= len(_T95):
        return _T95[freedom - 1]
    return _NORMAL95 + (_NORMAL95**3 + _NORMAL95) / (4 * freedom)


def mean_interval(values: npt.ArrayLike) -> dict[str, float | int | None]:
    """``mean``, ``ci95`` (half the width of its 95 % interval; None for one value) and ``n``."""
    array = np.asarray(values, dtype=np.float64)
    half = None
    if len(array) > 1:
        half = student95(len(array) - 1) * float(array.std(ddof=1)) / sqrt(len(array))
    return {"mean": float(array.mean()), "ci95": half, "n": len(array)}
