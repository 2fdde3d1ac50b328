"""What ``make reuse`` measures: to compare one more strategy or resource, add it here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from typing import Any

import numpy as np

from sw.config import SCATTER_STRATEGIES, STRATEGIES, EngineConfig
from sw.configfile import load_config
from sw.data import load_samples
from sw.images import Images
from sw.numeric import FixedFormat
from sw.part_configs import MAX_LEARNED_PRODUCTS, FoldConfig, LanesConfig, TableConfig
from sw.sensor import ZYLA_12, ZYLA_16, Sensor
from sw.spec import LayerSpec

__all__ = ["ENTRIES", "FRAMES", "KEYED", "SERIES", "SWEEPS", "Point", "Series", "points"]

FRAMES = 100
"""Images of a run; the tables are empty at its beginning."""
ENTRIES = (8, 16, 32, 64, 128, 256, 512, 1024)
KEYED = ("pair_cam", "value_cam")
"""The strategies that have entries."""
MULTIPLIERS = 8
_SIMULATED_ENTRIES = (64,)
_SIMULATED_FOLDS = (
    FoldConfig(),
    FoldConfig(kernels=7, channels=3),
    FoldConfig(kernels=7, channels=3, taps=9),
)
_SEED = 2026
_GREEN = 1
_NAME = "reuse"


@dataclass(frozen=True, kw_only=True)
class Series:
    """Pixels of some depth, made of the CIFAR-10 samples.

    Parameters
    ----------
    key, title : str
    bits : int
    sensor : Sensor, optional
        What counted them; without one they are the samples.
    noise : bool
    """

    key: str
    title: str
    bits: int
    sensor: Sensor | None = None
    noise: bool = True

    def images(self, channels: int) -> Images:
        """The first :data:`FRAMES` images, shape (N, channels, 32, 32): green, or all three."""
        samples = load_samples("cifar10").images[:FRAMES]
        chosen = samples if channels > 1 else samples[:, _GREEN : _GREEN + 1]
        if self.sensor is None:
            return np.ascontiguousarray(chosen)
        return self.sensor.expose(chosen, seed=_SEED, noise=self.noise)


SERIES = {
    s.key: s
    for s in (
        Series(key="8", title="8-bit sRGB codes", bits=8),
        Series(key="12", title="12-bit sensor counts", bits=12, sensor=ZYLA_12),
        Series(key="16", title="16-bit sensor counts", bits=16, sensor=ZYLA_16),
        Series(
            key="16-clean",
            title="16-bit, linearised 8-bit codes",
            bits=16,
            sensor=ZYLA_16,
            noise=False,
        ),
    )
}


@cache
def layer_of(channels: int, bits: int) -> LayerSpec:
    """The seven learned kernels of the paper's layer, over pixels of another depth."""
    paper = load_config("cifar10-layer1")
    first = _GREEN if channels == 1 else 0
    return LayerSpec(
        weight=np.ascontiguousarray(paper.learned_weight[:, first : first + channels]),
        input_shape=(channels, *paper.layer.input_shape[1:]),
        input_format=FixedFormat(bits=bits, frac=bits, signed=False),
        weight_format=paper.layer.weight_format,
    )


@dataclass(frozen=True, kw_only=True)
class Point:
    """A strategy with its resources, on some pixels.

    Parameters
    ----------
    sweep : str
        A key of :data:`SWEEPS`.
    series : str
        A key of :data:`SERIES`.
    strategy : str
    channels : int
        1 or 3.
    entries : int, optional
        Of a strategy in :data:`KEYED`.
    fold : FoldConfig
    table : mapping
        More settings of the table, by name.
    multipliers : int
        Lanes of ``direct`` that have one; products of the others are made of logic.
    """

    sweep: str
    series: str
    strategy: str
    channels: int
    entries: int | None = None
    fold: FoldConfig = field(default_factory=FoldConfig)
    table: Mapping[str, Any] = field(default_factory=dict)
    multipliers: int = MAX_LEARNED_PRODUCTS

    @property
    def in_rtl(self) -> bool:
        """Whether it is simulated: where only the RTL knows the time, and some of the others."""
        if self.sweep == "folds":
            return self.fold in _SIMULATED_FOLDS
        look_ahead = bool(self.table.get("look_ahead"))
        unfolded = self.fold.cycles == 1 or self.strategy == "pair_cam"
        return look_ahead or (unfolded and self.entries in (None, *_SIMULATED_ENTRIES))

    def config(self) -> EngineConfig:
        """The engine.

        Raises
        ------
        ConfigError
            If there is no such engine.
        """
        entries = {} if self.entries is None else {"entries": self.entries}
        return EngineConfig(
            name=_NAME,
            layer=layer_of(self.channels, SERIES[self.series].bits),
            templates="none",
            strategy=self.strategy,
            fold=self.fold,
            lanes=LanesConfig(multipliers=self.multipliers),
            table=TableConfig(multipliers=MULTIPLIERS, **entries, **self.table),
        )


_SETS = {"organisation": "set_associative", "ways": 4, "replacement": "plru"}
_ONE_LANE = FoldConfig(kernels=7, taps=9)
"""Of one channel: as the paper has it, each lane has a table, and 63 of those would be too many."""


_SLOWER = {
    "direct": (FoldConfig(taps=3), FoldConfig(taps=9), _ONE_LANE),
    "value_table": (FoldConfig(kernels=7),),
    "split_table": (FoldConfig(kernels=7),),
}
"""Foldings that are about as fast as a table that often misses."""


def _entries() -> Iterator[Point]:
    for series, strategy in product(SERIES, STRATEGIES):
        for entries in ENTRIES if strategy in KEYED else (None,):
            yield Point(
                sweep="entries",
                series=series,
                strategy=strategy,
                channels=1,
                entries=entries,
                fold=_ONE_LANE if strategy == "pair_cam" else FoldConfig(),
            )
        for fold in (FoldConfig(), _ONE_LANE) if strategy == "direct" else ():
            yield Point(
                sweep="entries",
                series=series,
                strategy=strategy,
                channels=1,
                fold=fold,
                multipliers=0,
            )
        for fold in _SLOWER.get(strategy, ()):
            yield Point(sweep="entries", series=series, strategy=strategy, channels=1, fold=fold)


_DEEP: tuple[tuple[int, Mapping[str, Any]], ...] = (
    (256, {"organisation": "memory"}),
    (256, _SETS),
    (1024, _SETS),
)
_TABLES: tuple[tuple[int, Mapping[str, Any]], ...] = (
    (64, {"look_ahead": 64}),
    (64, {"replacement": "plru"}),
    (64, {"replacement": "random"}),
    (64, {"organisation": "memory"}),
    (64, _SETS),
    (64, _SETS | {"ways": 16, "replacement": "lru"}),
    (64, _SETS | {"ways": 1, "replacement": "fifo"}),
    (64, _SETS | {"look_ahead": 64}),
    *_DEEP,
)
_OTHER_TABLES = {"8": _TABLES, "12": _DEEP, "16": _DEEP, "16-clean": _DEEP}


def _organisations() -> Iterator[Point]:
    for series, tables in _OTHER_TABLES.items():
        for entries, table in tables:
            yield Point(
                sweep="tables",
                series=series,
                strategy="value_cam",
                channels=1,
                entries=entries,
                table=table,
            )


_FOLDS = tuple(
    FoldConfig(kernels=kernels, channels=channels, taps=taps)
    for kernels, channels, taps in (
        (1, 1, 1), (2, 1, 1), (4, 1, 1), (7, 1, 1), (1, 3, 1), (7, 3, 1), (1, 1, 3), (1, 1, 9),
        (7, 1, 3), (7, 1, 9), (1, 3, 9), (7, 3, 9),
    )
)  # fmt: skip
_LOGIC_FOLDS = tuple(
    FoldConfig(kernels=kernels, channels=channels, taps=taps)
    for kernels, channels, taps in ((1, 1, 1), (1, 1, 9), (7, 1, 9), (7, 3, 9))
)
_FOLDED_ENTRIES = {"value_cam": (64, 256), "pair_cam": (64,)}
_MOST_LANES = {"pair_cam": 7}
"""Lanes of a strategy whose lanes are large; more are not measured."""


def _lanes(fold: FoldConfig) -> int:
    """Products of a cycle, of 7 kernels, 3 channels and 9 taps."""
    return -(-7 // fold.kernels) * -(-3 // fold.channels) * -(-9 // fold.taps)


def _folds() -> Iterator[Point]:
    for strategy, fold in product(STRATEGIES, _FOLDS):
        whole = strategy == "constant" or (strategy in SCATTER_STRATEGIES and fold.taps > 1)
        if (whole and fold.cycles > 1) or _lanes(fold) > _MOST_LANES.get(strategy, 7 * 3 * 9):
            continue
        for entries in _FOLDED_ENTRIES.get(strategy, (None,)):
            yield Point(
                sweep="folds",
                series="8",
                strategy=strategy,
                channels=3,
                entries=entries,
                fold=fold,
            )
        if strategy == "direct" and fold in _LOGIC_FOLDS:
            yield Point(
                sweep="folds", series="8", strategy=strategy, channels=3, fold=fold, multipliers=0
            )


SWEEPS = {
    "entries": "one channel (green), one pixel a cycle if nothing misses",
    "tables": "one channel, `value_cam` with other tables",
    "folds": "three channels, 8-bit values, over several cycles a pixel",
}


def points() -> tuple[Point, ...]:
    """All of them, in the report's order."""
    return (*_entries(), *_organisations(), *_folds())
