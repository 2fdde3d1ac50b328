"""Golden models of the lookup tables: which operands hit, which miss, which are replaced."""

from __future__ import annotations

import numpy as np

from .images import Images

__all__ = ["Fifo"]


class Fifo:
    """The last ``entries`` values from ``lo`` to ``hi`` that missed."""

    def __init__(self, entries: int, lo: int, hi: int) -> None:
        self._lo = lo
        self._present = bytearray(hi - lo + 1)
        self._entries = entries
        self._slots: list[int] = []
        self._oldest = 0

    def contents(self) -> list[int]:
        """The values held, by slot."""
        return [value + self._lo for value in self._slots]

    def look_up(self, values: Images) -> int:
        """Look up ``values`` (1-D) in order, remember those that miss, and count them."""
        # A value that equals the one before it hits and changes nothing: leave these out at once.
        changed = np.flatnonzero(np.diff(values)) + 1
        offsets = np.concatenate((values[:1], values[changed])).astype(np.int64) - self._lo
        present, slots = self._present, self._slots
        misses = 0
        for offset in offsets.tolist():
            if present[offset]:
                continue
            misses += 1
            present[offset] = 1
            if len(slots) < self._entries:
                slots.append(offset)
                continue
            present[slots[self._oldest]] = 0
            slots[self._oldest] = offset
            self._oldest = (self._oldest + 1) % self._entries
        return misses
