"""The critical paths in groups, from the delays that nextpnr writes as SDF, routed or not."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .names import readable

__all__ = ["Delays", "Group", "TimedPath", "groups", "read_delays"]

_DELAY = r"\(\d+:\d+:(\d+)\)"
_INSTANCE = re.compile(r"\(INSTANCE (.*)\)$")
_WIRE = re.compile(rf"\(INTERCONNECT (\S+)/(\S+) (\S+)/(\S+) {_DELAY} {_DELAY}\)$")
_ARC = re.compile(rf"\(IOPATH (\S+) (\S+) {_DELAY} {_DELAY}\)$")
_CHECK = re.compile(
    r"\(SETUPHOLD \(\w+ (\S+)\) \(\w+ (\S+)\) \(-?\d+:-?\d+:(-?\d+)\) \(-?\d+:-?\d+:-?\d+\)\)$"
)
_BITS = re.compile(r"\d+")

Pin = tuple[str, str]
"""Of a cell."""


@dataclass
class Delays:
    """A netlist as its delays, in nanoseconds.

    Parameters
    ----------
    wires : mapping of pin to (pin, float)
        What drives a pin, and how late.
    arcs : mapping of pin to list of (pin, float)
        The inputs of the same cell that an output follows.
    clocked : mapping of pin to float
        The outputs that follow a clock.
    checks : mapping of pin to float
        The inputs that a clock takes, and their setup time.
    """

    wires: dict[Pin, tuple[Pin, float]] = field(default_factory=dict)
    arcs: dict[Pin, list[tuple[Pin, float]]] = field(default_factory=lambda: defaultdict(list))
    clocked: dict[Pin, float] = field(default_factory=dict)
    checks: dict[Pin, float] = field(default_factory=dict)


@dataclass(frozen=True)
class TimedPath:
    """The longest path to a pin: what it passes, and its nanoseconds in cells and on wires."""

    pins: tuple[Pin, ...]
    logic: float
    routing: float

    @property
    def delay(self) -> float:
        """Nanoseconds, the setup time included."""
        return self.logic + self.routing

    @property
    def signals(self) -> list[str]:
        """What it passes, in the design's own names."""
        return list(dict.fromkeys(readable(cell) for cell, _ in self.pins))


@dataclass(frozen=True)
class Group:
    """Paths between registers of the same names, but for numbers in them.

    Parameters
    ----------
    start, end : str
        Each number is ``#``.
    worst : TimedPath
    slow : int
        Paths that are slower than asked for.
    """

    start: str
    end: str
    worst: TimedPath
    slow: int


def read_delays(path: Path, *, wire_scale: float = 1.0) -> Delays:
    """Read nextpnr's SDF.

    Parameters
    ----------
    path : Path
    wire_scale : float
        What to multiply the delays of wires with, where they are estimates.
    """
    delays = Delays()
    cell, arcs, clocks = "", [], set()
    with path.open(encoding="utf-8") as lines:
        for line in map(str.strip, lines):
            if found := _INSTANCE.match(line):
                _add_cell(delays, cell, arcs, clocks)
                cell, arcs, clocks = found[1].replace("\\", ""), [], set()
            elif found := _WIRE.match(line):
                driver, out, user, pin, *late = (part.replace("\\", "") for part in found.groups())
                delays.wires[user, pin] = (driver, out), wire_scale * max(map(int, late)) / 1000
            elif found := _ARC.match(line):
                arcs.append((found[1], found[2], max(int(found[3]), int(found[4])) / 1000))
            elif found := _CHECK.match(line):
                clocks.add(found[2])
                pin = (cell, found[1])
                delays.checks[pin] = max(delays.checks.get(pin, 0.0), int(found[3]) / 1000)
    _add_cell(delays, cell, arcs, clocks)
    return delays


def _add_cell(
    delays: Delays, cell: str, arcs: Iterable[tuple[str, str, float]], clocks: set[str]
) -> None:
    for source, target, delay in arcs:
        if source in clocks or "CLK" in source or source == "WCK":
            delays.clocked[cell, target] = delay
        else:
            delays.arcs[cell, target].append(((cell, source), delay))


def groups(delays: Delays, *, megahertz: float) -> list[Group]:
    """The slowest path from a clock to each clocked pin, in groups, the slowest first."""
    found: dict[tuple[str, str], list[TimedPath]] = defaultdict(list)
    arrivals = _Arrivals(delays)
    for pin, setup in delays.checks.items():
        path = arrivals.path(pin, setup)
        if path is not None:
            found[_group(path.pins[0][0]), _group(pin[0])].append(path)
    made = [
        Group(
            start,
            end,
            max(paths, key=lambda path: path.delay),
            sum(path.delay > 1000 / megahertz for path in paths),
        )
        for (start, end), paths in found.items()
    ]
    return sorted(made, key=lambda group: -group.worst.delay)


def _group(cell: str) -> str:
    return _BITS.sub("#", readable(cell))


class _Arrivals:
    """When the value of each pin is there, at the latest, and whence."""

    def __init__(self, delays: Delays) -> None:
        self.delays = delays
        self.known: dict[Pin, tuple[float, Pin | None]] = {}

    def path(self, pin: Pin, setup: float) -> TimedPath | None:
        """The longest one to a clocked input; None if it comes from no clock."""
        if self._at(pin) is None:
            return None
        pins, logic, routing = [pin], setup, 0.0
        at: Pin | None = pin
        while at is not None:
            time, before = self.known[at]
            step = time - (self.known[before][0] if before else 0.0)
            if at in self.delays.wires:
                routing += step
            else:
                logic += step
            at = before
            if at is not None:
                pins.append(at)
        return TimedPath(tuple(reversed(pins)), logic, routing)

    def _at(self, pin: Pin) -> float | None:
        """Without recursion: chains of carries are long."""
        waiting = [pin]
        while waiting:
            now = waiting[-1]
            if now in self.known:
                waiting.pop()
                continue
            before = list(self._before(now))
            unknown = [source for source, _ in before if source not in self.known]
            if unknown:
                waiting += unknown
                continue
            waiting.pop()
            times = [(self.known[source][0] + delay, source) for source, delay in before]
            clocked = self.delays.clocked.get(now)
            if clocked is not None:
                self.known[now] = clocked, None
            else:
                self.known[now] = max(times, default=(float("-inf"), None))
        time = self.known[pin][0]
        return None if time == float("-inf") else time

    def _before(self, pin: Pin) -> Iterator[tuple[Pin, float]]:
        if pin in self.delays.clocked:
            return
        if pin in self.delays.wires:
            yield self.delays.wires[pin]
        yield from self.delays.arcs.get(pin, ())
