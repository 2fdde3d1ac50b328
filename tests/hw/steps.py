"""Beats that last several sub-steps: what blocks of the strategies' lockstep are tested with."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Elaboratable, Module, Signal, Value
from amaranth.lib import data

from hw.blocks.skid_buffer import SkidBuffer
from hw.blocks.sub_steps import SubSteps

__all__ = ["Folded", "Paced"]


class Paced(Elaboratable):
    """Beats of a stream ``i`` that move when the sub-steps of the one before are over.

    Attributes
    ----------
    move, move_next, step, step_next : Signal
        A beat moves in this cycle, in the next; a sub-step is made.
    beat : view of the beat at the move
    allowed_next : Signal
        To be driven: a beat may move in the next cycle.
    """

    def __init__(self, shape: Any, count: int) -> None:
        self.before = SkidBuffer(shape)
        self.steps = SubSteps(count)
        self.i = self.before.i
        self.beat = self.before.o.payload
        self.move, self.move_next = Signal(), Signal()
        self.step, self.step_next = Signal(), Signal()
        self.allowed_next = Signal()

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.before, m.submodules.steps = self.before, self.steps
        m.d.comb += [
            self.move_next.eq(self.before.o_next & self.steps.i_ready_next & self.allowed_next),
            self.steps.i_valid_next.eq(self.move_next),
            self.step_next.eq(self.steps.step_next),
            self.before.o.ready.eq(self.move),
        ]
        m.d.sync += [self.move.eq(self.move_next), self.step.eq(self.step_next)]
        return m


class Folded(Elaboratable):
    """A block that takes the products of sub-steps, fed with whole beats of them, in order.

    ``i``: for each sub-step the products ``[c][p]``; they come ``lead`` steps later than the
    sub-step. ``o``: what the block shows when a beat moves.
    """

    def __init__(self, dut: Any, *, count: int, lead: int) -> None:
        self.dut = dut
        self.lead = lead
        shape = dut.i.signature.shape
        for length in reversed((count, *dut.i.signature.dimensions)):
            shape = data.ArrayLayout(shape, length)
        self.paced = Paced(shape, count)
        self.after = SkidBuffer(dut.o.payload.shape())
        self.i, self.o = self.paced.i, self.after.o

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.dut, m.submodules.paced = self.dut, self.paced
        m.submodules.after = self.after
        dut, paced = self.dut, self.paced
        m.d.comb += [
            paced.allowed_next.eq(self.after.i_next),
            self.after.i.valid.eq(paced.move),
            self.after.i.payload.eq(dut.o.payload),
            dut.i.valid.eq(paced.step),
            dut.i_valid_next.eq(paced.step_next),
        ]
        # The words of the beat that moved, then each further down.
        width = len(Value.cast(paced.beat[0]))
        rest = Signal(Value.cast(paced.beat).shape())
        now: Any = Signal(width)
        m.d.comb += now.eq(rest)
        with m.If(paced.move):
            m.d.comb += now.eq(Value.cast(paced.beat))
        with m.If(paced.step):
            m.d.sync += rest.eq(rest >> width)
        with m.If(paced.move):
            m.d.sync += rest.eq(Value.cast(paced.beat) >> width)
        for n in range(self.lead):
            register = Signal(width, name=f"lead_{n}")
            with m.If(paced.step):
                m.d.sync += register.eq(now)
            now = register
        words = iter(word for channel in dut.i.payload for word in channel)
        for n, word in enumerate(words):
            m.d.comb += word.eq(now.word_select(n, len(word)))
        return m
