"""Golden models of the lookup tables: which operands hit, which miss, which are replaced."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Protocol

import numpy as np

from .images import Images
from .part_configs import LFSR_SEED, LFSR_TAPS, TableConfig

__all__ = ["Policy", "Table", "lfsr_after", "make_policy"]


def lfsr_after(state: int, steps: int) -> int:
    """The register after ``steps`` more bits, which come in at the low end."""
    for _ in range(steps):
        bit = sum(state >> tap for tap in LFSR_TAPS) & 1
        state = (state << 1 | bit) & 0xFFFF
    return state


class Policy(Protocol):
    """What makes room in each set; ``used`` need not be told of the way used last in it."""

    tells_use: bool

    def used(self, which: int, way: int) -> None:
        """A lookup found ``way`` of set ``which``, or put its operand there."""
        ...

    def replaced(self, which: int) -> int:
        """The way that is taken for a new operand now."""
        ...


class _Fifo:
    """First in, first out."""

    tells_use = False

    def __init__(self, sets: int, ways: int) -> None:
        self._ways = ways
        self._oldest = [0] * sets

    def used(self, which: int, way: int) -> None:
        pass

    def replaced(self, which: int) -> int:
        way = self._oldest[which]
        self._oldest[which] = (way + 1) % self._ways
        return way


class _TreePlru:
    """A bit a node of a binary tree over the ways: which half was not used last."""

    tells_use = True

    def __init__(self, sets: int, ways: int) -> None:
        self._levels = ways.bit_length() - 1
        self._tree = [0] * sets  # node n is bit n - 1; below it are nodes 2n and 2n + 1
        self._keep, self._point = [], []
        for way in range(ways):
            nodes = [((1 << self._levels) + way) >> n for n in range(self._levels, -1, -1)]
            self._keep.append(~sum(1 << node - 1 for node in nodes[:-1]))
            away = [node for node, child in pairwise(nodes) if not child & 1]
            self._point.append(sum(1 << node - 1 for node in away))

    def used(self, which: int, way: int) -> None:
        self._tree[which] = self._tree[which] & self._keep[way] | self._point[way]

    def replaced(self, which: int) -> int:
        tree, node = self._tree[which], 1
        for _ in range(self._levels):
            node = 2 * node + (tree >> node - 1 & 1)
        return node - (1 << self._levels)


class _Lru:
    """The least recently used; the ways of an empty set in order."""

    tells_use = True

    def __init__(self, sets: int, ways: int) -> None:
        self._order = [list(range(ways)) for _ in range(sets)]  # the latest last

    def used(self, which: int, way: int) -> None:
        order = self._order[which]
        order.remove(way)
        order.append(way)

    def replaced(self, which: int) -> int:
        return self._order[which][0]


class _Random:
    """The low bits of a shift register that all sets share, all of them new for each operand."""

    tells_use = False

    def __init__(self, sets: int, ways: int) -> None:
        del sets
        self._bits = ways.bit_length() - 1
        self._state = LFSR_SEED

    def used(self, which: int, way: int) -> None:
        pass

    def replaced(self, which: int) -> int:
        del which
        way = self._state & ((1 << self._bits) - 1)
        self._state = lfsr_after(self._state, self._bits)
        return way


_POLICIES: dict[str, Callable[[int, int], Policy]] = {
    "fifo": _Fifo,
    "plru": _TreePlru,
    "lru": _Lru,
    "random": _Random,
}


def make_policy(config: TableConfig) -> Policy:
    """What ``config.replacement`` names, as it is after a reset or a flush."""
    return _POLICIES[config.replacement](config.sets, config.set_entries)


class Table:
    """The values remembered in one table, as it is after a reset or a flush at first.

    Parameters
    ----------
    config : TableConfig
    """

    def __init__(self, config: TableConfig) -> None:
        self._sets = config.sets
        self._policy = make_policy(config)
        self._way: dict[int, int] = {}  # where each value is
        self._values: list[list[int | None]] = [
            [None] * config.set_entries for _ in range(config.sets)
        ]

    def contents(self) -> list[int]:
        """The values held, by slot: all sets' first way, then all sets' second."""
        ways = zip(*self._values, strict=True)
        return [value for way in ways for value in way if value is not None]

    def look_up(self, values: Images) -> int:
        """Look up ``values`` (1-D) in order, remember those that miss, and count them."""
        return len(self.missed(values))

    def missed(self, values: Images) -> list[int]:
        """As :meth:`look_up`; returns the positions of the misses, ascending."""
        # A value that equals the one before it hits and changes nothing: leave these out at once.
        changed = np.flatnonzero(np.diff(values)) + 1
        where, mask = self._way, self._sets - 1
        used = self._policy.used if self._policy.tells_use else None
        misses: list[int] = []
        positions = np.concatenate((np.arange(len(values))[:1], changed))
        asked = values[positions].astype(np.int64).tolist()
        for position, value in zip(positions.tolist(), asked, strict=True):
            way = where.get(value, -1)
            if way < 0:
                misses.append(position)
                way = self._remember(value)
            if used is not None:
                used(value & mask, way)
        return misses

    def _remember(self, value: int) -> int:
        """Put a value in the place of another one; returns its way."""
        which = value & (self._sets - 1)
        way = self._policy.replaced(which)
        ways = self._values[which]
        old = ways[way]
        if old is not None:
            del self._way[old]
        ways[way] = value
        self._way[value] = way
        return way
