"""Sub-steps: a beat's learned products made in several cycles, group after group."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["SubSteps"]


class SubSteps(wiring.Component):
    """Let each beat last ``count`` sub-steps: the first moves with it, the others follow freely.

    A system that moves with the sub-steps alone stands still between two beats, always after a
    whole number of them. It is decided a cycle ahead, for clock enables to spread. A reset ends
    the beat under way.

    Parameters
    ----------
    count : int

    Members
    -------
    i_valid_next : ``In(1)``
        A beat moves in the next cycle; only while ``i_ready_next`` is high.
    i_ready_next : ``Out(1)``
        Whether one may; not from ``i_valid_next``.
    step_next : ``Out(1)``
        A sub-step is made in the next cycle; combinational from ``i_valid_next``.
    """

    i_valid_next: Signal
    i_ready_next: Signal
    step_next: Signal

    def __init__(self, count: int) -> None:
        self.count = count
        super().__init__({"i_valid_next": In(1), "i_ready_next": Out(1), "step_next": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        left = Signal(range(self.count + 1))  # sub-steps from this cycle on
        last = Signal()
        m.d.comb += [
            last.eq(left <= 1),
            self.i_ready_next.eq(last),
            self.step_next.eq(self.i_valid_next | ~last),
        ]
        with m.If(self.i_valid_next):
            m.d.sync += left.eq(self.count)
        with m.Elif(left != 0):
            m.d.sync += left.eq(left - 1)
        return m
