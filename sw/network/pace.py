"""How many cycles a frame takes in a chain of layers, from how each takes and makes rows.

A layer takes rows into a memory of a few, begins a row of outputs when the rows under its windows
are complete, and drops those that it needs no more; a row of outputs needs room in the next layer.
So a chain is a recurrence of times, and nothing else decides its rate: the rows are the queues.
:func:`frame_cycles` goes through a few frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Stage", "frame_cycles"]

_FRAMES = 6
"""Frames until a chain has its steady pace; the last is measured."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What counts of a layer.

    Parameters
    ----------
    kept : int
        Rows that fit in its memory.
    needed, dropped : tuple of int
        By row of outputs: rows that must be there; rows that are then needed no more.
    row_cycles : int
        Cycles of a row of outputs.
    take_cycles : int
        Cycles in which a row comes in, at least.
    """

    kept: int
    needed: tuple[int, ...]
    dropped: tuple[int, ...]
    row_cycles: int
    take_cycles: int

    @property
    def cycles(self) -> int:
        """Of a frame, if it need never wait."""
        return max(len(self.needed) * self.row_cycles, sum(self.dropped) * self.take_cycles)


class _Clock:
    """A layer's progress: when rows came, when they were dropped, when outputs were made."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.came: list[int] = []
        self.dropped: list[int] = []
        self.made = 0
        self.free = 0

    def row_needed(self) -> int:
        """Number of the last row that must be there, counted from the first frame's first."""
        stage = self.stage
        frame, row = divmod(self.made, len(stage.needed))
        first = frame * sum(stage.dropped) + sum(stage.dropped[:row])
        return first + stage.needed[row] - 1

    def room(self, row: int) -> int | None:
        """When a row may begin to come; None: that is not known yet."""
        before = row - self.stage.kept
        if before < 0:
            return 0
        return self.dropped[before] if before < len(self.dropped) else None

    def make(self, ends: int) -> None:
        """A row of outputs is made: its rows are dropped."""
        stage = self.stage
        self.free = ends
        self.dropped += [ends] * stage.dropped[self.made % len(stage.dropped)]
        self.made += 1


def frame_cycles(stages: Sequence[Stage]) -> int:
    """Cycles from frame to frame, of pixels that always come and outputs that are always taken."""
    clocks = [_Clock(stage) for stage in stages]
    ends: list[int] = []
    first, last = clocks[0], clocks[-1]
    rows = sum(stages[0].dropped)
    moved = True
    while moved:
        moved = False
        while len(first.came) < _FRAMES * rows:
            room = first.room(len(first.came))
            if room is None:
                break
            before = first.came[-1] if first.came else 0
            first.came.append(max(room, before) + stages[0].take_cycles)
            moved = True
        for n, clock in enumerate(clocks):
            following = clocks[n + 1] if n + 1 < len(clocks) else None
            while clock.made < _FRAMES * len(clock.stage.needed):
                if not _advance(clock, following):
                    break
                moved = True
                if clock is last and clock.made % len(clock.stage.needed) == 0:
                    ends.append(clock.free)
    return ends[-1] - ends[-2]


def _advance(clock: _Clock, following: _Clock | None) -> bool:
    """Make the next row of outputs, if all that it waits for is known."""
    needed = clock.row_needed()
    if needed >= len(clock.came):
        return False
    start = max(clock.free, clock.came[needed])
    took = clock.stage.row_cycles
    if following is not None:
        room = following.room(len(following.came))
        if room is None:
            return False
        start = max(start, room)
        took = max(took, following.stage.take_cycles)
    clock.make(start + took)
    if following is not None:
        following.came.append(start + took)
    return True
