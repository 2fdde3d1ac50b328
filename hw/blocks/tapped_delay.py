"""A delay line with taps: the line buffer, the window and every alignment register are one."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from amaranth.hdl import Cat, Module, ShapeLike, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["TappedDelay", "storage"]

MIN_MEMORY_DEPTH = 8
"""Gaps of fewer beats than this are registers, longer ones a memory. On an FPGA with 16-word
distributed memories a short ring saves few flip-flops and takes a table a bit and two counters."""

MAX_TABLE_DEPTH = 16
"""Words of an FPGA's distributed memory; deeper ones take more of them, and multiplexers."""


def storage(taps: Iterable[int]) -> tuple[int, int]:
    """What a :class:`TappedDelay` stores, in payloads.

    Returns
    -------
    registers : int
        A memory's output register counts as one.
    words : int
        Words of memories.
    """
    depths = _ring_depths(taps)
    beats = sum(later - earlier for earlier, later in _gaps(taps))
    return beats - sum(depths.values()) + len(depths), sum(depths.values())


def _gaps(taps: Iterable[int]) -> list[tuple[int, int]]:
    return list(pairwise(sorted({0, *taps})))


def _ring_depths(taps: Iterable[int]) -> dict[int, int]:
    """The depths of the rings, by the tap at which each gap that has one begins.

    Gaps that differ by a few beats get rings of one depth, and registers for the rest, so that
    they can share a memory and its addresses.
    """
    depths: dict[int, int] = {}
    depth = 0
    for gap, earlier in sorted((later - earlier, earlier) for earlier, later in _gaps(taps)):
        if gap >= MIN_MEMORY_DEPTH:
            depth = depth if depth and gap - depth < MIN_MEMORY_DEPTH else gap
            depths[earlier] = depth
    return depths


class TappedDelay(wiring.Component):
    """Show a stream as it was a number of beats ago.

    o.payload[n](t) = i.payload(t - taps[n]), t counting transfers                          (1)

    Beat-synchronous: ``o.valid`` is ``i.valid`` and ``i.ready`` is ``o.ready`` in the same cycle;
    one transfer on both moves the line by one beat. Before beat ``taps[n]`` after configuration
    the tap shows an arbitrary value, and a reset does not clear the line. Between two taps lie
    registers where they are close and a ring memory where they are far, whose read and write
    addresses always differ.

    Parameters
    ----------
    shape : ShapeLike
        Of the payload.
    taps : iterable of int
        Delays in beats, not negative. Tap 0 is combinational.
    resettable : bool
        Registers alone, cleared to zero by a reset: for marks that must not outlive it.
    block : bool
        Rings deeper than a distributed memory must be block memories, for payloads wide enough
        to fill some; otherwise synthesis chooses.

    Members
    -------
    i : ``In(stream.Signature(shape))``
    o : ``Out(stream.Signature(ArrayLayout(shape, len(taps))))``
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(
        self,
        shape: ShapeLike,
        taps: Iterable[int],
        *,
        resettable: bool = False,
        block: bool = False,
    ) -> None:
        self.shape = shape
        self.resettable = resettable
        self.block = block
        self.taps = tuple(taps)
        if not self.taps or min(self.taps) < 0:
            raise ValueError(f"taps must be delays of 0 beats or more, not {self.taps}")
        super().__init__(
            {
                "i": In(stream.Signature(shape)),
                "o": Out(stream.Signature(data.ArrayLayout(shape, len(self.taps)))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        step = Signal()
        m.d.comb += [
            self.o.valid.eq(self.i.valid),
            self.i.ready.eq(self.o.ready),
            step.eq(self.i.valid & self.o.ready),
        ]
        value = Value.cast(self.i.payload)
        depths = {} if self.resettable else _ring_depths(self.taps)
        rings = {
            depth: _Ring(
                m,
                step,
                len(value),
                depth,
                list(depths.values()).count(depth),
                block=self.block and depth > MAX_TABLE_DEPTH,
            )
            for depth in sorted(set(depths.values()))
        }
        delayed = {0: value}
        for earlier, later in _gaps(self.taps):
            beats = later - earlier
            if earlier in depths:
                value = rings[depths[earlier]].delay(value)
                beats -= depths[earlier]
            for n in range(beats):
                name = f"d{later}_{n}"
                register = Signal(len(value), name=name, reset_less=not self.resettable)
                with m.If(step):
                    m.d.sync += register.eq(value)
                value = register
            delayed[later] = value
        for ring in rings.values():
            ring.connect()
        for n, tap in enumerate(self.taps):
            m.d.comb += Value.cast(self.o.payload[n]).eq(delayed[tap])
        return m


class _Ring:
    """A ring memory that delays ``lanes`` values of ``width`` bits by ``depth`` beats."""

    def __init__(
        self, m: Module, step: Signal, width: int, depth: int, lanes: int, *, block: bool
    ) -> None:
        self.m = m
        attrs = {"no_rw_check": "1"} | ({"ram_style": "block"} if block else {})
        memory = Memory(shape=width * lanes, depth=depth, init=[], attrs=attrs)
        m.submodules[f"ring_{depth}"] = memory
        self.write, read = memory.write_port(), memory.read_port()
        # The address of the next step's read is this step's oldest word; the write follows it.
        oldest = Signal(range(depth), name=f"oldest_{depth}", init=1)
        previous = Signal(range(depth), name=f"previous_{depth}")
        # Written in every cycle, and for good in that of the step: a step in the write enables
        # would come late, through their decoders.
        m.d.comb += [
            read.en.eq(step),
            read.addr.eq(oldest),
            self.write.en.eq(1),
            self.write.addr.eq(previous),
        ]
        with m.If(step):
            m.d.sync += [
                previous.eq(oldest),
                oldest.eq(0),
            ]
            with m.If(oldest != depth - 1):
                m.d.sync += oldest.eq(oldest + 1)
        self.free = [read.data.word_select(n, width) for n in reversed(range(lanes))]
        self.values: list[Value] = []

    def delay(self, value: Value) -> Value:
        """``value`` as it was ``depth`` beats ago, in the next lane."""
        self.values.append(value)
        return self.free.pop()

    def connect(self) -> None:
        """Write what :meth:`delay` was asked for."""
        self.m.d.comb += self.write.data.eq(Cat(*self.values))
