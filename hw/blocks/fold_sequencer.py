"""The sub-steps of a folded beat, one after the other."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.fold import FoldGeometry

__all__ = ["FoldSequencer"]


class FoldSequencer(wiring.Component):
    """Hand on the sub-steps of a window, from the cycle after its beat has moved.

    ``o`` is registered. The window must stand still until ``free_next`` was high; one that
    starts a cycle later follows the sub-steps before it without a gap.

    Parameters
    ----------
    geometry : FoldGeometry

    Members
    -------
    start : ``In(1)``
        A window is there from the next cycle on; only after a cycle with ``free_next``.
    o : ``Out(stream.Signature(geometry.step_layout))``
    o_next : ``In(1)``
        What ``o.ready`` will be in the next cycle.
    last : ``Out(1)``
        ``o.payload`` is the last sub-step of its kernel group.
    free_next : ``Out(1)``
        In the next cycle no sub-step waits, or the last of all is handed on.
    """

    start: Signal
    o: stream.Interface
    o_next: Signal
    last: Signal
    free_next: Signal

    def __init__(self, geometry: FoldGeometry) -> None:
        self.geometry = geometry
        super().__init__(
            {
                "start": In(1),
                "o": Out(stream.Signature(geometry.step_layout)),
                "o_next": In(1),
                "last": Out(1),
                "free_next": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        g, step = self.geometry, self.o.payload
        moved = Signal()
        end = Signal()
        nearly = Signal()
        m.d.comb += moved.eq(self.o.valid & self.o.ready)
        axes = ((step.tap, g.taps), (step.channel, g.channels), (step.kernel, g.kernels))
        digits = [(digit, axis.groups) for digit, axis in axes if axis.groups > 1]
        final = [digit == groups - 1 for digit, groups in digits]
        for n, (digit, _) in enumerate(digits):
            turn = Cat(moved, *final[:n]).all()
            m.d.sync += digit.eq(Mux(turn, Mux(final[n], 0, digit + 1), digit))
        within = [step.tap == g.taps.groups - 1, step.channel == g.channels.groups - 1]
        m.d.comb += [
            self.last.eq(Cat(*within).all()),
            end.eq(Cat(*final, 1).all()),
            # The last sub-step or the one before it.
            nearly.eq(
                Cat(*(digit >= groups - 2 for digit, groups in digits[:1]), *final[1:], 1).all()
            ),
        ]
        with m.If(self.start):
            m.d.sync += self.o.valid.eq(1)
        with m.Elif(moved & end):
            m.d.sync += self.o.valid.eq(0)
        ending: Value = self.o_next & Mux(moved, nearly, end)
        at_start: Value = Const(0) if digits else self.o_next
        m.d.comb += self.free_next.eq(
            Mux(self.start, at_start, ~self.o.valid | (moved & end) | ending)
        )
        return m
