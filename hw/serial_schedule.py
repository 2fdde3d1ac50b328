"""When each operation of a network runs, where there is one adder for all: modulo scheduling.

Every beat runs the same program of ``cycles`` rows, an operation a row. Operation ``n`` has a time
``tau_n = beat_n * cycles + row_n``: in every beat it runs in ``row_n``, for the window that ended
``beat_0 - beat_n`` beats before the one whose sums are complete at the end of this beat, where
``beat_0 = 0``. So an operation that needs none of a window's newer cells has a negative beat. With
the adder's pipeline, operation ``u`` may read what ``n`` made, ``delay`` beats ago, if

    tau_u + delay * cycles >= tau_n + READ_AFTER_WRITE                                      (1)

Sums that leave the bank must all be made in the beat that shows them. From those backwards, every
operation gets the latest free row there is for it, the most pressing first; where the sums do not
all fit, the program gets a row longer.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from .bank_network import Addition

__all__ = ["LATE_ROWS", "READ_AFTER_WRITE", "SHOWN_AFTER", "Schedule", "schedule_serial"]

LATE_ROWS = 3
"""Rows from an operation's reads to its addition, and its write in the cycle after that."""

READ_AFTER_WRITE = LATE_ROWS + 1
"""Rows from an operation to the first that reads its result."""

SHOWN_AFTER = 8
"""Rows from an operation to the first of the next beat, if its result is to be shown there."""


@dataclass(frozen=True)
class Schedule:
    """What runs when.

    Parameters
    ----------
    cycles : int
        Rows of the program, those without an operation included.
    times : dict of int to int
        By line: ``tau`` of the operation that makes it; of channels that are read, the row that
        writes the pixel.
    latency : int
        Beats from a window's newest pixel to all its sums.
    """

    cycles: int
    times: dict[int, int]
    latency: int

    def place(self, line: int) -> tuple[int, int]:
        """The beat and the row in which ``line`` is made."""
        return divmod(self.times[line], self.cycles)


def schedule_serial(
    channels: int, additions: Sequence[Addition], outputs: Mapping[int, int]
) -> Schedule:
    """The shortest program that is found, rows and latency.

    Parameters
    ----------
    channels : int
        Lines 0 to ``channels - 1``; addition ``n`` makes line ``channels + n``.
    additions : sequence of Addition
        Operands before results; every result is read or an output.
    outputs : mapping of int to int
        By line: the delay, in beats, with which it is shown. No channels, and a delay only where
        no addition reads the line.
    """
    uses: list[list[tuple[int, int]]] = [[] for _ in range(channels + len(additions))]
    for n, addition in enumerate(additions, channels):
        for term in addition:
            uses[term.line].append((n, term.delay))
    pixels = [c for c in range(channels) if uses[c]]
    for cycles in count(max(len(additions) + len(pixels) + LATE_ROWS, SHOWN_AFTER + 1)):
        program = _Program(cycles)
        if program.add_operations(channels, additions, outputs, uses):
            latency = program.add_pixels(pixels, uses)
            if latency is not None:
                return Schedule(cycles, program.times, latency)
    raise AssertionError("no end to count()")


class _Program:
    """A program of ``cycles`` rows that is being filled, from its end."""

    def __init__(self, cycles: int) -> None:
        self.cycles = cycles
        self.times: dict[int, int] = {}
        self.free = [True] * cycles

    def add_operations(
        self,
        channels: int,
        additions: Sequence[Addition],
        outputs: Mapping[int, int],
        uses: Sequence[Sequence[tuple[int, int]]],
    ) -> bool:
        """Place them all; False if an output does not fit into its beat."""
        depths = _depths(channels, additions)
        waiting = [len(users) for users in uses]
        heap: list[tuple[int, int, int]] = []

        def push(line: int) -> None:
            latest = self._latest(uses[line], outputs.get(line))
            heapq.heappush(heap, (-latest, -depths[line], line))

        for line in range(channels, len(uses)):
            if not waiting[line]:
                push(line)
        while heap:
            latest, _, line = heapq.heappop(heap)
            last_row = self.cycles - (SHOWN_AFTER if line in outputs else LATE_ROWS + 1)
            time = self._take(-latest, last_row)
            if time is None or (line in outputs and time // self.cycles != outputs[line]):
                return False
            self.times[line] = time
            for term in additions[line - channels]:
                waiting[term.line] -= 1
                if term.line >= channels and not waiting[term.line]:
                    push(term.line)
        return True

    def add_pixels(
        self, pixels: Sequence[int], uses: Sequence[Sequence[tuple[int, int]]]
    ) -> int | None:
        """Place the rows that write the channels, all in one beat; returns the latency."""
        limits = {
            line: latest for line in pixels if (latest := self._latest(uses[line])) is not None
        }
        beat = min(0, *(latest // self.cycles for latest in limits.values()))
        # One beat earlier they may be in any row, and there may be one for each.
        for earlier in range(2):
            free = list(self.free)
            start = (beat - earlier) * self.cycles
            times = {
                line: self._take(min(latest, start + self.cycles - 1), self.cycles - SHOWN_AFTER)
                for line, latest in sorted(limits.items(), key=lambda item: item[1])
            }
            if all(time is not None and time >= start for time in times.values()):
                self.times |= {line: time for line, time in times.items() if time is not None}
                return 1 + earlier - beat
            self.free = free
        return None

    def _latest(self, users: Iterable[tuple[int, int]], shown: int | None = None) -> int:
        """When a line must have been made: by (1), and if it is ``shown`` so many beats later."""
        ends = [] if shown is None else [(shown + 1) * self.cycles - SHOWN_AFTER]
        reads = (self.times[u] + delay * self.cycles - READ_AFTER_WRITE for u, delay in users)
        return min([*ends, *reads])

    def _take(self, latest: int, last_row: int) -> int | None:
        """The latest free time up to ``latest`` whose row is at most ``last_row``."""
        for time in range(latest, latest - self.cycles, -1):
            row = time % self.cycles
            if row <= last_row and self.free[row]:
                self.free[row] = False
                return time
        return None


def _depths(channels: int, additions: Sequence[Addition]) -> list[int]:
    """Additions one after the other in a beat that lead to each line."""
    depths = [0] * channels
    for addition in additions:
        depths.append(1 + max(0 if term.delay else depths[term.line] for term in addition))
    return depths
