"""Rows of a sweep that nobody measured."""

from hw.explore.evaluate import blank_row
from hw.explore.space import Point


def point(**settings):
    """Names with __ for a dot."""
    return Point.of({name.replace("__", "."): value for name, value in settings.items()})


def row(of, *, size=1000, rate=0.5, **more):
    """Measured, with an area of so many LUT4-eq."""
    area = {"lut4_eq": size, "lut": size, "carry": 0, "ff": 9, "dsp": 0, "bram": 0}
    return blank_row(of) | {
        "state": "measured",
        "area": area | {"um2": None, "gates": None},
        "pixels_per_cycle": rate,
        "frames": 2,
        "cycles": 100,
        "outputs_compared": 64,
        "executed": 0.25,
        "hit_rate": 0.75,
        "energy_nj": {"total": 12.5},
        **more,
    }
