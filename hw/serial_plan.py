"""The plan of a serial template bank: a program for one adder and one memory.

The same sums as :mod:`hw.bank_plan`'s, from the same network of additions, each of which becomes
a step of a program that runs once a beat. A line is kept in the memory as long as it is read.
All addresses are relative to a base that moves down by a word a beat: what was written at
``offset`` is at ``offset + d`` when ``d`` beats have gone by. So a line that is read up to ``d``
beats later takes ``d + 1`` words, and nothing is ever copied.

A step adds or subtracts two words. Powers of two are doublings, steps of their own, made once
a line; a shift that all of an output has is wiring.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sw.config import EngineConfig
from sw.config_error import ConfigError
from sw.numeric import IntArray, IntRange

from .bank_build import build_network
from .bank_network import Addition, Network, Term
from .bank_plan import bank_products, checked_limits
from .serial_schedule import Schedule, schedule_serial

__all__ = ["MAX_WORDS", "SerialPlan", "Shown", "Step", "plan_serial"]

MAX_WORDS = 1 << 16
"""Words of history that a serial bank is built for."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """``word = memory[a] + memory[b]``, or minus, or a pixel's channel.

    Parameters
    ----------
    a, b : int
        Offsets of the operands.
    negative : bool
        Subtract ``b``.
    channel : int, optional
        Write this channel of the beat's pixel; ``a`` and ``b`` do not matter.
    target : int, optional
        Offset of the result; None: nothing reads it.
    shown : bool
        The result is shown.
    """

    a: int = 0
    b: int = 0
    negative: bool = False
    channel: int | None = None
    target: int | None = None
    shown: bool = False


@dataclass(frozen=True)
class Shown:
    """A kernel's sum: ``2**shift`` times the result of the ``position``-th step that is shown."""

    position: int
    shift: int


@dataclass(frozen=True, kw_only=True, eq=False)
class SerialPlan:
    """Everything that the RTL of a serial template bank needs.

    Parameters
    ----------
    channels : int
    input_range : IntRange
    steps : tuple of (Step or None)
        The program, a row a cycle; None: nothing.
    words : int
        Of memory.
    word_range : IntRange
        Exact bounds of all words.
    outputs : dict of int to Shown
        By kernel, ascending.
    output_ranges : dict of int to IntRange
    latency : int
        Beats from the newest cell of a window to all its sums.
    """

    channels: int
    input_range: IntRange
    steps: tuple[Step | None, ...]
    words: int
    word_range: IntRange
    outputs: dict[int, Shown]
    output_ranges: dict[int, IntRange]
    latency: int

    @property
    def cycles(self) -> int:
        """Cycles of a beat, the fewest from one to the next."""
        return len(self.steps)

    @property
    def adders(self) -> int:
        """Adders that are built."""
        return 1

    @cached_property
    def shown(self) -> int:
        """Results that are shown."""
        return sum(step is not None and step.shown for step in self.steps)

    def evaluate(self, beats: IntArray) -> IntArray:
        """Carry the program out, step by step.

        Parameters
        ----------
        beats : IntArray, shape (C, N)
            The channels at beats 0 to N-1; before them all is zero.

        Returns
        -------
        IntArray, shape (K, N)
            What the block shows at each beat, kernels ascending; the sums of the window that ends
            at beat ``t`` are at ``t + latency``.
        """
        memory = np.zeros(self.words, np.int64)
        results = np.zeros((len(self.outputs), beats.shape[1]), np.int64)
        for t, pixel in enumerate(np.asarray(beats, np.int64).T[:-1]):
            memory = np.roll(memory, 1)
            shown = []
            for step in filter(None, self.steps):
                a, b = memory[step.a], memory[step.b]
                word = a - b if step.negative else a + b
                if step.channel is not None:
                    word = pixel[step.channel]
                if step.target is not None:
                    memory[step.target] = word
                if step.shown:
                    shown.append(word)
            results[:, t + 1] = [shown[o.position] << o.shift for o in self.outputs.values()]
        return results


def plan_serial(config: EngineConfig) -> SerialPlan:
    """Plan the template bank of ``config`` for one adder.

    The network is checked symbolically, every coefficient of every sum, before it is used.

    Raises
    ------
    ValueError
        If the configuration has no template kernel.
    ConfigError
        If it needs more than :data:`MAX_WORDS` words of history.
    """
    products = bank_products(config)
    row = config.layer.padded_shape[1]
    inputs = config.layer.input_format.range
    builder = build_network(products, row)
    channels = builder.channels
    additions, outputs = _without_shifts(
        channels, row, builder.network.additions, {k: builder.outputs[k] for k in sorted(products)}
    )
    limits = checked_limits(additions, outputs, products, inputs=inputs, row=row, latency=0)
    shown = {term.line: term.delay for term in outputs.values()}
    schedule = schedule_serial(channels, additions, shown)
    offsets, words = _allocate(channels, additions, schedule)
    if words > MAX_WORDS:
        raise ConfigError(
            f"{config.name}: bank = serial keeps {words:,} words of history, at most {MAX_WORDS:,} "
            "are built (choose bank = parallel, or a narrower frame)"
        )
    order = sorted(shown, key=lambda line: schedule.place(line)[1])
    return SerialPlan(
        channels=channels,
        input_range=inputs,
        steps=_program(channels, additions, schedule, offsets, shown),
        words=words,
        word_range=IntRange.union_of(limits),
        outputs={k: Shown(order.index(term.line), term.shift) for k, term in outputs.items()},
        output_ranges={k: limits[t.line].scaled(1 << t.shift) for k, t in outputs.items()},
        latency=schedule.latency,
    )


def _without_shifts(
    channels: int, row: int, additions: Sequence[Addition], outputs: Mapping[int, Term]
) -> tuple[list[Addition], dict[int, Term]]:
    """The same network without a shift but at its outputs, each of a result with one delay."""
    network = Network(channels, row)
    lines = [Term(channel) for channel in range(channels)]

    def plain(term: Term) -> Term:
        line = lines[term.line]
        for _ in range(term.shift):
            line = network.add(line, line)
        return line.moved(delay=term.delay)._replace(sign=term.sign)

    for a, b in additions:
        lines.append(network.add(plain(a), plain(b), positive=True))
    ends = {kernel: plain(term._replace(shift=0)) for kernel, term in outputs.items()}
    read = {term.line for addition in network.additions for term in addition}
    shown: dict[int, set[int]] = {}
    for end in ends.values():
        shown.setdefault(end.line, set()).add(end.delay)
    copies: dict[Term, Term] = {}
    for end in ends.values():
        # What others read is made when its window ends; shown later, it must be made once more.
        alone = len(shown[end.line]) == 1 and end.line not in read
        if end not in copies and (end.line < channels or (end.delay and not alone)):
            copies[end] = network.copy(end)
    made = {k: copies.get(end, end).moved(shift=outputs[k].shift) for k, end in ends.items()}
    return network.additions, made


def _distances(
    channels: int, additions: Sequence[Addition], schedule: Schedule
) -> list[tuple[int, int, int]]:
    """For each operation and operand: its line, and the beats from its write to this read."""
    found = []
    for n, addition in enumerate(additions, channels):
        for term in addition:
            written, _ = schedule.place(term.line)
            found.append((n, term.line, schedule.place(n)[0] + term.delay - written))
    return found


def _allocate(
    channels: int, additions: Sequence[Addition], schedule: Schedule
) -> tuple[dict[int, int], int]:
    """The offset of each line that is read, and the words of all."""
    longest: dict[int, int] = {}
    for _, line, beats in _distances(channels, additions, schedule):
        longest[line] = max(longest.get(line, 0), beats)
    offsets: dict[int, int] = {}
    words = 0
    for line, beats in sorted(longest.items()):
        offsets[line] = words
        words += beats + 1
    return offsets, words


def _program(
    channels: int,
    additions: Sequence[Addition],
    schedule: Schedule,
    offsets: Mapping[int, int],
    shown: Mapping[int, int],
) -> tuple[Step | None, ...]:
    steps: list[Step | None] = [None] * schedule.cycles
    for line in schedule.times:
        if line < channels:
            steps[schedule.place(line)[1]] = Step(channel=line, target=offsets[line])
    reads = iter(_distances(channels, additions, schedule))
    for n, (a, b) in enumerate(additions, channels):
        first, second = (offsets[line] + beats for _, line, beats in (next(reads), next(reads)))
        if a.sign < 0:
            first, second = second, first
        steps[schedule.place(n)[1]] = Step(
            a=first,
            b=second,
            negative=a.sign != b.sign,
            target=offsets.get(n),
            shown=n in shown,
        )
    return tuple(steps)
