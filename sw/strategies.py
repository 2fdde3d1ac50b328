"""What each strategy does for a frame, counted: golden models of the RTL in ``hw/strategies``.

What they count is decided by the values alone, in the order in which the RTL meets them: the
positions of the padded frame in raster order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Protocol

import numpy as np

from .config import EngineConfig
from .images import Images
from .numeric import IntArray
from .tables import Table

__all__ = ["StrategyModel", "Work", "fill_cycles", "make_model"]

FILL_OVERHEAD_CYCLES = 3
"""Cycles of a miss beside its multiplications: from the refused lookup to the next one."""

INSERT_CYCLES = {"registers": 1, "set_associative": 2, "memory": 5}
"""Cycles from the insertion of a key until it is found, by organisation."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """What was done for some frames; the counters of these names.

    ``stall_cycles`` is None where it depends on when the pixels come.
    """

    lookups: int = 0
    misses: int = 0
    multiplications: int = 0
    stall_cycles: int | None = 0

    def __add__(self, other: Work) -> Work:
        stalls = (self.stall_cycles, other.stall_cycles)
        return Work(
            lookups=self.lookups + other.lookups,
            misses=self.misses + other.misses,
            multiplications=self.multiplications + other.multiplications,
            stall_cycles=None if None in stalls else sum(s for s in stalls if s is not None),
        )


class StrategyModel(Protocol):
    """The state that a strategy keeps from frame to frame, and what it does with it."""

    def flush(self) -> None:
        """Forget all products, as a swap of the weights does."""
        ...

    def contents(self) -> list[list[int]]:
        """What each table holds, by slot."""
        ...

    def frame(self, padded: Images) -> Work:
        """Compute a padded frame, shape (C, PH, PW)."""
        ...


def fill_cycles(config: EngineConfig) -> int:
    """Cycles that one miss holds a beat, without look-ahead: its multiplications, and overhead."""
    rows = config.fold.kernels
    row = -(-len(config.learned) // rows) * config.layer.taps
    cycles = rows * -(-row // config.table.multipliers) + FILL_OVERHEAD_CYCLES
    return max(cycles, INSERT_CYCLES[config.table.organisation])


class _ValueCam:
    """A table of values a channel; every position that a window covers is looked up."""

    def __init__(self, config: EngineConfig) -> None:
        self._config = config
        self.flush()

    def flush(self) -> None:
        self._tables = [Table(self._config.table) for _ in range(self._config.layer.channels)]

    def contents(self) -> list[list[int]]:
        return [table.contents() for table in self._tables]

    def frame(self, padded: Images) -> Work:
        config, layer = self._config, self._config.layer
        covered = padded[:, layer.covered]
        misses = sum(
            table.look_up(values) for table, values in zip(self._tables, covered, strict=True)
        )
        return Work(
            lookups=covered.size,
            misses=misses,
            multiplications=misses * len(config.learned) * layer.taps,
            stall_cycles=None if config.table.look_ahead else misses * fill_cycles(config),
        )


class _PairCam:
    """A table of (value, weight) pairs a lane; every product of every window is looked up."""

    def __init__(self, config: EngineConfig) -> None:
        self._config = config
        layer, fold = config.layer, config.fold
        axes = ((len(config.learned), fold.kernels), (layer.channels, fold.channels))
        groups = [_grouped(parts, n) for parts, n in (*axes, (layer.taps, fold.taps))]
        self._lanes = list(product(*(range(len(of_axis[0])) for of_axis in groups)))
        self._steps = list(product(*groups))
        self._products = config.learned_weight.size
        self.flush()

    def flush(self) -> None:
        self._tables = [Table(self._config.table) for _ in self._lanes]

    def contents(self) -> list[list[int]]:
        return [table.contents() for table in self._tables]

    def frame(self, padded: Images) -> Work:
        values = self._windows(padded)
        multipliers = min(self._config.table.multipliers, len(self._lanes))
        misses = np.zeros((multipliers, len(values) * len(self._steps)), np.int64)
        for n, (lane, table) in enumerate(zip(self._lanes, self._tables, strict=True)):
            where, pairs = self._pairs(values, lane)
            misses[n % multipliers, where[table.missed(pairs)]] += 1
        most = misses.max(axis=0)
        total = int(misses.sum())
        fill = 1 + INSERT_CYCLES[self._config.table.organisation]
        return Work(
            lookups=len(values) * self._products,
            misses=total,
            multiplications=total,
            stall_cycles=int(most.sum()) + fill * int(np.count_nonzero(most)),
        )

    def _windows(self, padded: Images) -> IntArray:
        """The values of every window in raster order, shape (windows, C, taps)."""
        layer = self._config.layer
        down, right = layer.stride
        views = np.lib.stride_tricks.sliding_window_view(padded, layer.kernel_shape, axis=(1, 2))
        windows = views[:, ::down, ::right].transpose(1, 2, 0, 3, 4)
        return windows.reshape(-1, layer.channels, layer.taps).astype(np.int64)

    def _pairs(self, values: IntArray, lane: tuple[int, ...]) -> tuple[IntArray, IntArray]:
        """What a lane looks up: the sub-steps that it does, of all windows, and their pairs."""
        layer = self._config.layer
        bits = layer.input_format.bits
        masks = [(1 << width) - 1 for width in (bits, layer.weight_format.bits)]
        weight = self._config.learned_weight.reshape(-1, layer.channels, layer.taps)
        steps, pairs = [], []
        for step, groups in enumerate(self._steps):
            parts = [
                group[x] if x < len(group) else None for group, x in zip(groups, lane, strict=True)
            ]
            match parts:
                case [int(k), int(c), int(t)]:
                    steps.append(step)
                    high = (int(weight[k, c, t]) & masks[1]) << bits
                    pairs.append((values[:, c, t] & masks[0]) | high)
        windows = np.arange(len(values))[:, np.newaxis] * len(self._steps)
        return (windows + np.array(steps)).ravel(), np.stack(pairs, axis=1).ravel()


def _grouped(parts: int, groups: int) -> list[list[int]]:
    """The parts of each group; the last may be short, or empty."""
    size = -(-parts // groups)
    return [list(range(n * size, min((n + 1) * size, parts))) for n in range(groups)]


class _Steady:
    """Nothing is remembered, and the work of every frame is the same."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def flush(self) -> None:
        pass

    def contents(self) -> list[list[int]]:
        return []

    def frame(self, padded: Images) -> Work:
        del padded
        return self._work


def _direct(config: EngineConfig) -> _Steady:
    """Every weight is multiplied, in every window."""
    _, rows, columns = config.layer.output_shape
    return _Steady(Work(multiplications=config.learned_weight.size * rows * columns))


def _tables(config: EngineConfig, digits: int) -> _Steady:
    """Tables of all products: every position that a window covers is looked up, and found."""
    values = int(config.layer.covered.sum()) * config.layer.channels
    return _Steady(Work(lookups=values * digits))


def _value_table(config: EngineConfig) -> _Steady:
    return _tables(config, 1)


def _split_table(config: EngineConfig) -> _Steady:
    return _tables(config, -(-config.layer.input_format.bits // config.table.digit_bits))


def _nothing(config: EngineConfig) -> _Steady:
    """No learned kernels, or their weights are built in: nothing is done that counts."""
    del config
    return _Steady(Work())


_MODELS: dict[str, Callable[[EngineConfig], StrategyModel]] = {
    "value_cam": _ValueCam,
    "direct": _direct,
    "pair_cam": _PairCam,
    "value_table": _value_table,
    "split_table": _split_table,
    "constant": _nothing,
}


def make_model(config: EngineConfig) -> StrategyModel:
    """The model of ``config.strategy``."""
    return _MODELS[config.strategy](config) if config.learned else _nothing(config)
