"""Which engines a sweep is of: the file SPACE.toml.

A file has tables ``[[grid]]``; each key is that of a setting as ``--set`` takes it, or
``input_bits``, ``target`` or ``device``; each value one or a list. A grid is every combination of
its lists, and a space all its grids. ``[common]`` holds what all grids share.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from sw.cli import InputError
from sw.config_error import ConfigError
from sw.configfile import read_toml

__all__ = ["APART", "MAX_POINTS", "Point", "Space", "Value", "load_space"]

Value = str | int | float | bool
APART = ("input_bits", "target", "device")
"""Axes that are no settings of an engine: what is streamed in, and what it is built for."""
MAX_POINTS = 100_000
_TABLES = {"grid", "common"}


@dataclass(frozen=True)
class Point:
    """One engine: what is set, by name, in ascending order of the names."""

    settings: tuple[tuple[str, Value], ...]

    @classmethod
    def of(cls, settings: Mapping[str, Value]) -> Point:
        """From names to values."""
        return cls(tuple(sorted(settings.items())))

    @property
    def key(self) -> str:
        """Its name, for people and for finding it again."""
        return " ".join(f"{name}={_text(value)}" for name, value in self.settings)

    @property
    def assignments(self) -> list[str]:
        """What ``--set`` gets."""
        return [f"{name}={json.dumps(v)}" for name, v in self.settings if name not in APART]

    def get(self, name: str) -> Value | None:
        """What an axis is set to, if it is."""
        return dict(self.settings).get(name)


@dataclass(frozen=True, kw_only=True)
class Space:
    """All engines of a sweep.

    Parameters
    ----------
    name : str
        For messages: the file's.
    grids : tuple of mappings
        Each from an axis to its values.
    """

    name: str
    grids: tuple[Mapping[str, tuple[Value, ...]], ...]

    def complete(self, axis: str, value: Value) -> Space:
        """With a value for the grids that lack an axis, if another has it: equals have one name."""
        if not any(axis in grid for grid in self.grids):
            return self
        return replace(self, grids=tuple({axis: (value,), **grid} for grid in self.grids))

    def points(self) -> list[Point]:
        """Every combination, once, in the order of the file."""
        return list(dict.fromkeys(self._combinations()))

    def sample(self, count: int, seed: int) -> list[Point]:
        """So many of them, drawn at random without repetition; all, if there are no more."""
        everything = self.points()
        return random.Random(seed).sample(everything, min(count, len(everything)))

    def _combinations(self) -> Iterator[Point]:
        for grid in self.grids:
            for values in product(*grid.values()):
                yield Point.of(dict(zip(grid, values, strict=True)))


def load_space(path: Path) -> Space:
    """Read a SPACE.toml.

    Raises
    ------
    InputError
        If it cannot be read, a table or a value is wrong, or it has over :data:`MAX_POINTS` points.
    """
    try:
        tables = read_toml(path)
    except ConfigError as error:
        raise InputError(str(error)) from error
    if unknown := sorted(tables.keys() - _TABLES):
        raise InputError(f"{path}: unknown table {unknown[0]}; known: [[grid]], [common]")
    grids = tables.get("grid", [])
    if not isinstance(grids, list) or not grids:
        raise InputError(f"{path}: grid: expected at least one table [[grid]] of axes")
    common = _axes(tables.get("common", {}), f"{path}: common")
    space = Space(
        name=str(path),
        grids=tuple(common | _axes(grid, f"{path}: grid {n}") for n, grid in enumerate(grids, 1)),
    )
    size = sum(_combinations(grid) for grid in space.grids)
    if size > MAX_POINTS:
        raise InputError(f"{path}: {size:,} points; expected at most {MAX_POINTS:,}")
    return space


def _axes(table: object, where: str) -> dict[str, tuple[Value, ...]]:
    """Dotted names to values, of a table whose values may be tables again."""
    if not isinstance(table, dict):
        raise InputError(f"{where}: expected a table of axes, got {table!r}")
    found: dict[str, tuple[Value, ...]] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            found |= {f"{name}.{k}": v for k, v in _axes(value, f"{where}.{name}").items()}
        else:
            found[name] = _values(value, f"{where}.{name}")
    return found


def _values(value: Any, where: str) -> tuple[Value, ...]:
    values = value if isinstance(value, list) else [value]
    if not values:
        raise InputError(f"{where}: expected a value or a list of some, got an empty list")
    for one in values:
        if not isinstance(one, str | int | float | bool):
            raise InputError(f"{where}: expected text, numbers or true/false, got {one!r}")
    return tuple(dict.fromkeys(values))


def _combinations(grid: Mapping[str, tuple[Value, ...]]) -> int:
    size = 1
    for values in grid.values():
        size *= len(values)
    return size


def _text(value: Value) -> str:
    return json.dumps(value) if not isinstance(value, str) else value
