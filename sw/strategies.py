"""What each strategy does for a frame, counted: golden models of the RTL in ``hw/strategies``.

What they count is decided by the values alone, in the order in which the RTL meets them: the
positions of the padded frame in raster order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from .config import EngineConfig
from .images import Images
from .tables import Table

__all__ = ["FILL_OVERHEAD_CYCLES", "StrategyModel", "Work", "fill_cycles", "make_model"]

FILL_OVERHEAD_CYCLES = 3
"""Cycles of a miss beside its multiplications: from the refused lookup to the next one."""

MEMORY_INSERT_CYCLES = 5
"""What it takes to move an entry's bits in memories of match vectors."""


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
    products = len(config.learned) * config.layer.taps
    cycles = -(-products // config.table.multipliers) + FILL_OVERHEAD_CYCLES
    if config.table.organisation == "memory":
        return max(cycles, MEMORY_INSERT_CYCLES)
    return cycles


class _ValueCam:
    """A table of values a channel; every position that a window covers is looked up."""

    def __init__(self, config: EngineConfig) -> None:
        self._config = config
        self.flush()

    def flush(self) -> None:
        layer, limits = self._config.layer, self._config.layer.input_format.range
        self._tables = [Table(self._config.table, limits) for _ in range(layer.channels)]

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


class _Direct:
    """Every weight is multiplied, in every window."""

    def __init__(self, config: EngineConfig) -> None:
        layer = config.layer
        outputs = layer.output_shape[1] * layer.output_shape[2]
        self._work = Work(multiplications=config.learned_weight.size * outputs)

    def flush(self) -> None:
        pass

    def contents(self) -> list[list[int]]:
        return []

    def frame(self, padded: Images) -> Work:
        del padded
        return self._work


class _Nothing:
    """No learned kernels: nothing is done."""

    def flush(self) -> None:
        pass

    def contents(self) -> list[list[int]]:
        return []

    def frame(self, padded: Images) -> Work:
        del padded
        return Work()


_MODELS: dict[str, Callable[[EngineConfig], StrategyModel]] = {
    "value_cam": _ValueCam,
    "direct": _Direct,
}


def make_model(config: EngineConfig) -> StrategyModel:
    """The model of ``config.strategy``."""
    return _MODELS[config.strategy](config) if config.learned else _Nothing()
