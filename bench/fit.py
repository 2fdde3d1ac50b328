"""The law of a few points: a line, or a power."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

__all__ = ["Law", "fit_law"]


@dataclass(frozen=True, kw_only=True)
class Law:
    """``a + b * n`` (``line``) or ``a * n ** b`` (``power``).

    Parameters
    ----------
    kind : "line" | "power"
    a, b : float
    deviation : float
        The largest of ``|law / point - 1|`` over the points.
    """

    kind: Literal["line", "power"]
    a: float
    b: float
    deviation: float = 0.0

    def __call__(self, n: float) -> float:
        """What it says for ``n``."""
        return self.a + self.b * n if self.kind == "line" else self.a * n**self.b

    @property
    def text(self) -> str:
        """It, for people."""
        if self.kind == "power":
            return f"{_short(self.a)} n^{self.b:.2f}"
        sign = "-" if self.a < 0 else "+"
        return f"{_short(self.b)} n {sign} {_short(abs(self.a))}"

    @staticmethod
    def of(stored: dict[str, Any]) -> Law:
        """From JSON."""
        return Law(**stored)

    def stored(self) -> dict[str, Any]:
        """For JSON: rounded, so that every machine writes the same."""
        return {
            k: float(f"{v:.6g}") if isinstance(v, float) else v for k, v in asdict(self).items()
        }


def _short(value: float) -> str:
    digits = max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0
    return f"{value:,.{digits}f}"


def fit_law(points: Sequence[tuple[float, float]]) -> Law:
    """The line or the power that deviates less; both by least squares of relative errors.

    Raises
    ------
    ValueError
        If there are fewer than two points, or one is not positive.
    """
    if len(points) < 2 or min(min(point) for point in points) <= 0:
        raise ValueError(f"a law needs two positive points, not {list(points)}")
    n, y = (np.array(column, dtype=float) for column in zip(*points, strict=True))
    line = np.linalg.lstsq(np.stack([1 / y, n / y], axis=1), np.ones_like(y), rcond=None)[0]
    slope, offset = np.polyfit(np.log(n), np.log(y), 1)
    laws = [
        Law(kind="line", a=float(line[0]), b=float(line[1])),
        Law(kind="power", a=float(np.exp(offset)), b=float(slope)),
    ]
    return min((_judged(law, points) for law in laws), key=lambda law: law.deviation)


def _judged(law: Law, points: Sequence[tuple[float, float]]) -> Law:
    deviation = max(abs(law(n) / y - 1) for n, y in points)
    return Law(kind=law.kind, a=law.a, b=law.b, deviation=deviation)
