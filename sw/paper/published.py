"""What the paper (Iuchi and Tsumura) prints, and what ours stands beside."""

from __future__ import annotations

from types import MappingProxyType

from sw.pairs import REPEAT_BINS

__all__ = ["DISTINCT", "FORMATS", "MULTIPLICATIONS", "PARAMETERS", "REPEATS", "bin_names"]

FORMATS = ("fixed8", "float16", "float32")

MULTIPLICATIONS = 777_600
"""Of the first CIFAR-10 layer and one image: 32 * 3 * 30 * 30 * 9."""

PARAMETERS = MappingProxyType({"none": 864, "hlac25": 189})
"""Table 1: weights of the first CIFAR-10 layer that are trained, by bank."""

_ROWS = {
    "none": (
        (14215.2, 96793.6, 102700.0),
        (8101.7, 28584.9, 29299.1),
        (16622.8, 15218.4, 14451.2),
        (2453.2, 546.7, 540.7),
        (686.2, 241.2, 233.6),
        (14.9, 0.0, 0.0),
        (0.0, 0.0, 0.0),
        (0.0, 0.0, 0.0),
        (0.0, 0.0, 0.0),
    ),
    "hlac25": (
        (11958.5, 22390.0, 22659.7),
        (5698.2, 8117.4, 8155.7),
        (5017.7, 3269.6, 3225.7),
        (71.1, 11.4, 11.0),
        (91.9, 89.7, 89.7),
        (102.4, 102.1, 102.1),
        (227.8, 228.0, 228.0),
        (4.9, 4.9, 4.9),
        (0.3, 0.3, 0.3),
    ),
}
REPEATS = MappingProxyType(
    {
        bank: {name: [row[i] for row in rows] for i, name in enumerate(FORMATS)}
        for bank, rows in _ROWS.items()
    }
)
"""Tables 2 (``none``) and 3 (``hlac25``): pairs by how often they repeat, in each format."""

DISTINCT = MappingProxyType(
    {
        "none": {"fixed8": 42094.0, "float16": 141384.8, "float32": 147224.6},
        "hlac25": {"fixed8": 23172.8, "float16": 34213.4, "float32": 34477.1},
    }
)
"""Their last rows: distinct pairs of an image, the mean of ten."""


def bin_names() -> list[str]:
    """The tables' rows in words: ``1-5`` to ``10001-``."""
    return [f"{low}-{high or ''}" for low, high in REPEAT_BINS]
