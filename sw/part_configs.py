"""Configurations of an engine's parts; :class:`sw.config.EngineConfig` joins them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .config_error import require, require_one_of, require_within
from .numeric import IntRange

__all__ = [
    "LFSR_SEED",
    "LFSR_TAPS",
    "MAX_LEARNED_PRODUCTS",
    "MAX_VALUE_TABLE_BITS",
    "ORGANISATIONS",
    "REPLACEMENTS",
    "AutoChoice",
    "FoldConfig",
    "LanesConfig",
    "OutputConfig",
    "TableConfig",
]

MAX_LEARNED_PRODUCTS = 4096
"""Products of learned kernels a cycle that an engine is built for: each has its own adder."""

MAX_VALUE_TABLE_BITS = 12
"""Input bits up to which a table of every value is built: 4,096 products of each weight."""

ORGANISATIONS = ("registers", "memory", "set_associative")
REPLACEMENTS = ("fifo", "plru", "lru", "random")

MAX_LRU_ENTRIES = 16
"""Entries of a set whose order of use is kept: it takes a comparator for each."""

LFSR_SEED = 0xACE1
LFSR_TAPS = (15, 14, 12, 3)
"""Of the 16-bit register that ``random`` is drawn from, x^16 + x^15 + x^13 + x^4 + 1: all 65,535
states but 0 come round."""


def _is_power_of_two(number: int) -> bool:
    return number > 0 and number & (number - 1) == 0


@dataclass(frozen=True, kw_only=True)
class TableConfig:
    """The reuse table of the learned kernels.

    Parameters
    ----------
    entries : int
        Operands remembered in each channel's table, 1 to 1024.
    multipliers : int
        Multipliers that all channels share for misses: a power of two, 1 to 64.
    organisation : "registers" | "memory" | "set_associative"
        Where an operand may be, and how it is found: anywhere, by a comparator an entry; anywhere,
        by match vectors that its bits address in memories; in one of the ways of its set.
    ways : int
        Entries of a set, 1 to 64; for set_associative alone.
    replacement : "fifo" | "plru" | "lru" | "random"
        What makes room: the first in; the tree's guess at the least recently used; that itself; a
        pseudo-random one.
    look_ahead : int
        Beats by which lookups run ahead of the products, 0 to 256; 0: a miss holds everything.
    digit_bits : int
        Width of the parts that ``split_table`` cuts an input value into, 1 to 12.
    """

    entries: int = 256
    multipliers: int = 8
    organisation: str = "registers"
    ways: int = 4
    replacement: str = "fifo"
    look_ahead: int = 0
    digit_bits: int = 4

    def __post_init__(self) -> None:
        require_within("table.entries", self.entries, 1, 1024)
        require(
            _is_power_of_two(self.multipliers) and self.multipliers <= 64,
            f"table.multipliers must be a power of two, 1 to 64, not {self.multipliers}",
        )
        for name, known in (("organisation", ORGANISATIONS), ("replacement", REPLACEMENTS)):
            value = getattr(self, name)
            require(
                value in known, f"table.{name} must be one of {', '.join(known)}, not {value!r}"
            )
        require_within("table.digit_bits", self.digit_bits, 1, MAX_VALUE_TABLE_BITS)
        require_within("table.ways", self.ways, 1, 64)
        require_within("table.look_ahead", self.look_ahead, 0, 256)
        if self.organisation == "set_associative":
            self._check_sets()
        self._check_replacement()

    def _check_sets(self) -> None:
        require(
            self.entries % self.ways == 0 and _is_power_of_two(self.entries // self.ways),
            f"table.entries must be table.ways times a power of two, not {self.entries} with "
            f"{self.ways} ways",
        )

    def _check_replacement(self) -> None:
        which = "table.ways" if self.organisation == "set_associative" else "table.entries"
        require(
            self.replacement not in ("plru", "random") or _is_power_of_two(self.set_entries),
            f"table.replacement = {self.replacement} needs a power of two of {which}, not "
            f"{self.set_entries}; fifo takes any",
        )
        require(
            self.replacement != "lru" or self.set_entries <= MAX_LRU_ENTRIES,
            f"table.replacement = lru needs at most {MAX_LRU_ENTRIES} {which}, not "
            f"{self.set_entries}; plru takes more",
        )

    @property
    def sets(self) -> int:
        """Sets of entries; an operand may be anywhere in its set."""
        return self.entries // self.set_entries

    @property
    def set_entries(self) -> int:
        """Entries of a set."""
        return self.ways if self.organisation == "set_associative" else self.entries


@dataclass(frozen=True, kw_only=True)
class FoldConfig:
    """In how many groups, one after the other, a beat's learned products are made.

    A beat then takes :attr:`cycles` cycles, and about as many times fewer multipliers, tables and
    adders are built. A last group may be short.

    Parameters
    ----------
    kernels, channels, taps : int
        Groups of the learned kernels, the input channels, the cells of a kernel.
    """

    kernels: int = 1
    channels: int = 1
    taps: int = 1

    def __post_init__(self) -> None:
        for name in ("kernels", "channels", "taps"):
            groups = getattr(self, name)
            require(groups >= 1, f"fold.{name} must be at least 1, not {groups}")

    @property
    def cycles(self) -> int:
        """Cycles of a beat."""
        return self.kernels * self.channels * self.taps


@dataclass(frozen=True, kw_only=True)
class LanesConfig:
    """The lanes of strategy ``direct``: how their products are made.

    Parameters
    ----------
    multipliers : int
        So many lanes use multipliers, 0 to 4096; further ones are made of logic.
    """

    multipliers: int = MAX_LEARNED_PRODUCTS

    def __post_init__(self) -> None:
        require_within("lanes.multipliers", self.multipliers, 0, MAX_LEARNED_PRODUCTS)


@dataclass(frozen=True, kw_only=True)
class OutputConfig:
    """What leaves the engine for each kernel.

    Parameters
    ----------
    kind : "exact" | "requantise"
        The exact accumulator, or ``saturate(round_half_even(accumulator * scale / 2**shift))``.
    bits, signed : int, bool
        The requantised word.
    shift : int
        Bits to the right, 0 to 47.
    scale_bits : int
        Width of the per-kernel factor, a run-time register; 0: no factor, no multiplier.
    relu : bool
        Negative results become zero (after rounding; before it would give the same).
    queue : "registers" | "memory"
        Where outputs wait for ``m_axis``: in two registers, a table for each bit, or in block
        memory. An engine that takes several cycles a beat has one register, whatever this says.
    """

    kind: Literal["exact", "requantise"] = "exact"
    bits: int = 8
    signed: bool = True
    shift: int = 8
    scale_bits: int = 0
    relu: bool = False
    queue: Literal["registers", "memory"] = "registers"

    def __post_init__(self) -> None:
        require_one_of("output.queue", self.queue, ("registers", "memory"))
        require_one_of("output.kind", self.kind, ("exact", "requantise"))
        require_within("output.bits", self.bits, 1, 32)
        require_within("output.shift", self.shift, 0, 47)
        require_within("output.scale_bits", self.scale_bits, 0, 16)

    @property
    def limits(self) -> IntRange:
        """The range of the requantised word."""
        return IntRange.of_bits(self.bits, signed=self.signed)


@dataclass(frozen=True, kw_only=True)
class AutoChoice:
    """Why ``strategy = "auto"`` became what it is, and what was foretold: see :mod:`sw.auto`."""

    text: str
    lut4_eq: int | None = None
    ff: int | None = None
    dsp: int | None = None
    bram: int | None = None
    pixels_per_cycle: float | None = None
