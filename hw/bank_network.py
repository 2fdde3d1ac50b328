"""Networks of two-operand additions over delayed lines: building, sharing, scheduling, checking.

A *line* is a stream of integers, one a beat: a channel, or the result of an addition. A *term* is
a line scaled by a power of two, maybe negated, as it was some beats ago. Every adder of the
template bank adds two terms. In the z-domain, ``z`` being one beat of delay, line ``n`` is

    V_n(z) = s_a * 2^p_a * z^d_a * V_a(z) + s_b * 2^p_b * z^d_b * V_b(z)                    (1)

A network states (1) alone. :func:`schedule` then gives each line a time ``t_n``, the beats by
which its register runs behind (1); the register is fed through taps of

    tap = t_n - 1 + d_a - t_a >= 0                                                          (2)

beats, so that a cell which is used late in the network is simply further along its delay line,
and sums of old cells are done before the newest cell arrives (their ``t_n`` is negative).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from typing import NamedTuple

__all__ = ["Addition", "Network", "Term", "Vector", "schedule", "symbolic"]

Vector = dict[int, int]
"""A line's coefficients, by ``delay * channels + channel``."""


class Term(NamedTuple):
    """``sign * 2**shift * line``, ``delay`` beats ago."""

    line: int
    sign: int = 1
    shift: int = 0
    delay: int = 0

    def __neg__(self) -> Term:
        return Term(self.line, -self.sign, self.shift, self.delay)

    def moved(self, *, shift: int = 0, delay: int = 0) -> Term:
        """Scaled by ``2**shift`` and ``delay`` beats later."""
        return Term(self.line, self.sign, self.shift + shift, self.delay + delay)


class Addition(NamedTuple):
    """An adder and its register: the sum of two terms, at least one of them positive."""

    a: Term
    b: Term


class Network:
    """Additions over ``channels`` input lines, none made twice.

    Parameters
    ----------
    channels : int
        Lines 0 to ``channels - 1``.
    row : int
        Beats of a frame row. An addition is reused for its translation within a row, where that
        costs a few registers, but not across rows, where it would cost a memory.
    """

    def __init__(self, channels: int, row: int) -> None:
        self.channels = channels
        self.row = row
        self.additions: list[Addition] = []
        self._ready = [0] * channels
        self._known: dict[tuple[Term, Term, int], int] = {}

    def ready(self, term: Term) -> int:
        """Earliest time of ``term``: beats after the newest cell of its window."""
        return self._ready[term.line] - term.delay

    def add(self, a: Term, b: Term, *, positive: bool = False) -> Term:
        """``a + b``, made only if it is not there yet.

        Parameters
        ----------
        positive : bool
            The term returned must have a positive sign, as an output must.
        """
        shift, delay = min(a.shift, b.shift), min(a.delay, b.delay)
        sign = -1 if a.sign < 0 and b.sign < 0 else 1
        a = Term(a.line, a.sign * sign, a.shift - shift, a.delay - delay)
        b = Term(b.line, b.sign * sign, b.shift - shift, b.delay - delay)
        if (b.line, b.shift, b.delay) < (a.line, a.shift, a.delay):
            a, b = b, a
        row = delay // self.row
        line = self._known.get((a, b, row))
        if line is None and not positive and a.sign != b.sign:
            line = self._known.get((-a, -b, row))
            sign = sign if line is None else -sign
        if line is None:
            line = self._append(a, b)
            self._known[a, b, row] = line
        result = Term(line, sign, shift, delay)
        return self.negative(-result) if positive and sign < 0 else result

    def _append(self, a: Term, b: Term) -> int:
        self.additions.append(Addition(a, b))
        self._ready.append(max(self.ready(a), self.ready(b)) + 1)
        return len(self._ready) - 1

    def negative(self, term: Term) -> Term:
        """``-term`` with a positive sign, by one addition: ``term - 2 * term``."""
        return self.add(term, -term.moved(shift=1), positive=True)

    def copy(self, term: Term) -> Term:
        """``term`` as the result of an addition of its own, never shared: ``2 * term - term``."""
        now = term._replace(delay=0)
        return Term(self._append(self.add(now, now), -now), delay=term.delay)

    def sum(self, terms: Iterable[Term], *, positive: bool = False) -> Term:
        """The sum of all ``terms``, the earliest first: no other order is ready sooner.

        Raises
        ------
        ValueError
            If there are no terms.
        """
        order = count()
        heap = [(self.ready(t), next(order), t) for t in terms]
        if not heap:
            raise ValueError("a sum needs at least one term")
        heapq.heapify(heap)
        while len(heap) > 1:
            _, _, a = heapq.heappop(heap)
            last = len(heap) == 1
            _, _, b = heapq.heappop(heap)
            total = self.add(a, b, positive=positive and last)
            heapq.heappush(heap, (self.ready(total), next(order), total))
        total = heap[0][2]
        return self.negative(-total) if positive and total.sign < 0 else total

    def multiply(self, term: Term, factor: int, *, positive: bool = False) -> Term:
        """``factor * term`` for a positive constant, by its canonical signed digits."""
        digits = _signed_digits(factor)
        scaled = (term.moved(shift=s)._replace(sign=d * term.sign) for s, d in digits)
        return self.sum(scaled, positive=positive)


def _signed_digits(number: int) -> list[tuple[int, int]]:
    """``number`` as (shift, +-1) pairs, no two shifts adjacent: the fewest digits there are."""
    digits: list[tuple[int, int]] = []
    shift = 0
    while number:
        if number & 1:
            digit = 2 - (number & 3)
            digits.append((shift, digit))
            number -= digit
        number >>= 1
        shift += 1
    return digits


def symbolic(channels: int, additions: Sequence[Addition]) -> Iterator[tuple[int, Vector]]:
    """Each addition's line with its exact vector (1), in order, forgotten after its last use."""
    last_use: dict[int, int] = {}
    for n, addition in reversed(list(enumerate(additions))):
        for term in addition:
            last_use.setdefault(term.line, n)
    vectors: dict[int, Vector] = {c: {c: 1} for c in range(channels)}
    for n, (a, b) in enumerate(additions):
        left, right = (_scaled(vectors[t.line], t, channels) for t in (a, b))
        vector = left | right
        if len(vector) < len(left) + len(right):
            both = {key: left[key] + right[key] for key in left.keys() & right.keys()}
            vector = {key: value for key, value in (vector | both).items() if value}
        vectors[channels + n] = vector
        yield channels + n, vector
        for line in {a.line, b.line}:
            if last_use[line] == n:
                del vectors[line]


def _scaled(vector: Vector, term: Term, channels: int) -> Vector:
    moved, factor = term.delay * channels, term.sign << term.shift
    return {key + moved: value * factor for key, value in vector.items()}


def schedule(
    channels: int,
    additions: Sequence[Addition],
    outputs: Sequence[Term],
    widths: Sequence[int] | None,
    *,
    least_latency: int = 0,
) -> tuple[list[int], int]:
    """Times of all lines, and the latency at which every output can leave.

    The latency is the least possible, and at least ``least_latency``. Lines are as late as
    possible at first (an adder's operands come from delay lines that are there anyway); then each
    moves to where the bits times beats of delay of all lines are fewest, until none can. Without
    ``widths`` they stay late.
    """
    times = [0] * channels
    for a, b in additions:
        times.append(1 + max(times[a.line] - a.delay, times[b.line] - b.delay))
    latency = max(least_latency, *(times[t.line] - t.delay for t in outputs))
    plan = _Schedule(channels, additions, outputs, widths or [1] * len(times))
    plan.latency, plan.times = latency, times
    plan.postpone()
    while widths is not None and plan.improve():
        pass
    return times, latency


class _Schedule:
    """Times under change. A line's uses are (the using addition's line or -1, its delay)."""

    def __init__(
        self,
        channels: int,
        additions: Sequence[Addition],
        outputs: Sequence[Term],
        widths: Sequence[int],
    ) -> None:
        self.channels, self.additions, self.widths = channels, additions, widths
        self.latency = 0
        self.times = [0] * len(widths)
        self.uses: list[list[tuple[int, int]]] = [[] for _ in widths]
        for n, addition in enumerate(additions, channels):
            for term in addition:
                self.uses[term.line].append((n, term.delay))
        for term in outputs:
            self.uses[term.line].append((-1, term.delay))

    def latest(self, line: int) -> int:
        """The latest time at which all uses of ``line`` are still met."""
        return min(self._wanted(user, delay) for user, delay in self.uses[line])

    def _wanted(self, user: int, delay: int) -> int:
        return delay + (self.latency if user < 0 else self.times[user] - 1)

    def postpone(self) -> None:
        for line in range(len(self.times) - 1, self.channels - 1, -1):
            self.times[line] = self.latest(line)

    def _cost(self, lines: Iterable[int]) -> int:
        """Bits times beats of the delay lines of ``lines``."""
        return sum(
            self.widths[n] * (max(self._wanted(*use) for use in self.uses[n]) - self.times[n])
            for n in lines
        )

    def improve(self) -> bool:
        """Move each addition to its best time; whether any moved."""
        moved = False
        for line, addition in reversed(list(enumerate(self.additions, self.channels))):
            earliest = 1 + max(self.times[t.line] - t.delay for t in addition)
            touched = {line, *(t.line for t in addition)}
            best = (self._cost(touched), self.times[line])
            start = best
            for time in self._candidates(addition, line, earliest):
                self.times[line] = time
                cost = self._cost(touched)
                if cost < best[0]:
                    best = (cost, time)
            self.times[line] = best[1]
            moved |= best != start
        return moved

    def _candidates(self, addition: Addition, line: int, earliest: int) -> set[int]:
        """Where the cost of a line's time can have its least value: it is piecewise linear."""
        latest = self.latest(line)
        found = {earliest, latest}
        for term in addition:
            others = [self._wanted(*use) for use in self.uses[term.line] if use[0] != line]
            if others:
                found.add(min(max(max(others) + 1 - term.delay, earliest), latest))
        return found
