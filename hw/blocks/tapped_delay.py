"""A delay line with taps: the line buffer, the window and every alignment register are one."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from amaranth.hdl import Module, ShapeLike, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["TappedDelay"]

MIN_MEMORY_DEPTH = 4
"""Gaps of fewer beats than this are registers, longer ones a memory."""


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

    Members
    -------
    i : ``In(stream.Signature(shape))``
    o : ``Out(stream.Signature(ArrayLayout(shape, len(taps))))``
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, shape: ShapeLike, taps: Iterable[int], *, resettable: bool = False) -> None:
        self.shape = shape
        self.resettable = resettable
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
        delayed = {0: Value.cast(self.i.payload)}
        for earlier, later in pairwise(sorted({0, *self.taps})):
            delayed[later] = self._delay(m, step, delayed[earlier], later - earlier, f"d{later}")
        for n, tap in enumerate(self.taps):
            m.d.comb += Value.cast(self.o.payload[n]).eq(delayed[tap])
        return m

    def _delay(self, m: Module, step: Signal, value: Value, beats: int, name: str) -> Value:
        """``value`` as it was ``beats`` steps ago; it must have the payload's width."""
        if beats >= MIN_MEMORY_DEPTH and not self.resettable:
            return self._ring(m, step, value, beats, name)
        for n in range(beats):
            register = Signal(len(value), name=f"{name}_{n}", reset_less=not self.resettable)
            with m.If(step):
                m.d.sync += register.eq(value)
            value = register
        return value

    def _ring(self, m: Module, step: Signal, value: Value, beats: int, name: str) -> Value:
        """A ring of ``beats`` words: each step reads the oldest and overwrites the one before."""
        memory = Memory(shape=len(value), depth=beats, init=[], attrs={"no_rw_check": "1"})
        m.submodules[f"ring_{name}"] = memory
        write, read = memory.write_port(), memory.read_port()
        # The address of the next step's read is this step's oldest word; the write follows it.
        oldest = Signal(range(beats), name=f"{name}_oldest", init=1)
        previous = Signal(range(beats), name=f"{name}_previous")
        m.d.comb += [
            read.en.eq(step),
            read.addr.eq(oldest),
            write.en.eq(step),
            write.addr.eq(previous),
            write.data.eq(value),
        ]
        with m.If(step):
            m.d.sync += [
                previous.eq(oldest),
                oldest.eq(0),
            ]
            with m.If(oldest != beats - 1):
                m.d.sync += oldest.eq(oldest + 1)
        return read.data
