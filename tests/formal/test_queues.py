"""SkidBuffer and FrameCloser: queues of two that lose, double and reorder nothing."""

import pytest
from amaranth.hdl import Cat, Module, Signal

from hw.blocks.frame_closer import FrameCloser
from hw.blocks.skid_buffer import SkidBuffer
from tests.formal.contract import (
    Harness,
    claim,
    foretells,
    keeps_until_ready,
    moves,
    suppose,
    tagged_transfer,
    waits_at_most,
)
from tests.formal.prove import prove

pytestmark = pytest.mark.formal


class SkidHarness(Harness):
    def properties(self, m, probe):  # noqa: ARG002
        keeps_until_ready(m, self.i, assume=True)
        keeps_until_ready(m, self.o)
        tagged_transfer(
            m,
            push=moves(self.i),
            pushed=self.i.payload,
            pop=moves(self.o),
            popped=self.o.payload,
            capacity=2,
        )
        waits_at_most(m, self.i, self.o, 1)
        foretells(m, vars(self)["i_next"], self.i.ready, "ready")
        foretells(m, vars(self)["o_next"], self.o.valid, "valid")


class AlwaysReady(SkidBuffer):
    """A buffer that takes a third payload."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.comb += [self.i.ready.eq(1), self.i_next.eq(1)]
        return m


class ForgetsTheSpare(SkidBuffer):
    """A buffer that sends what comes although it holds an older payload."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        with m.If(~self.o.valid | self.o.ready):
            m.d.sync += self.o.payload.eq(self.i.payload)
        return m


class Misleads(SkidBuffer):
    """A buffer that announces room that it does not know to be there."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.comb += self.i_next.eq(self.i.ready)
        return m


def test_skid_buffer_is_a_queue_of_two():
    prove(SkidHarness(SkidBuffer(3)), mode="bmc", depth=14).holds()


def test_fault_skid_buffer_overflows():
    verdict = prove(SkidHarness(AlwaysReady(3)), mode="bmc", depth=14)
    verdict.breaks("no transfers are lost", "leave unchanged")


def test_fault_skid_buffer_misleads():
    verdict = prove(SkidHarness(Misleads(3)), mode="bmc", depth=14)
    verdict.breaks("ready was foretold", "are lost", "leave unchanged", "stays until ready")


def test_fault_skid_buffer_skips():
    verdict = prove(SkidHarness(ForgetsTheSpare(3)), mode="bmc", depth=14)
    verdict.breaks("transfers leave unchanged and in order")


class CloserHarness(Harness):
    """Outputs in order, each frame's last one with the frame's verdict, and not before it.

    ``formed``: frames come as the raster makes them; False is a fault.
    """

    def __init__(self, dut, *, formed=True):
        self.formed = formed
        super().__init__(dut)

    def properties(self, m: Module, probe) -> None:  # noqa: ARG002
        i, o, beat = self.i, self.o, self.i.payload
        keeps_until_ready(m, i, assume=True)
        keeps_until_ready(m, o)
        ending = Signal()  # the frame's last output came, its end did not
        with m.If(moves(i)):
            m.d.sync += ending.eq((ending | beat.last) & ~beat.end)
        if self.formed:
            suppose(m, ~beat.last | beat.emit)
            suppose(m, ~ending | ~beat.emit)
            suppose(m, ~beat.end | ending | beat.last)
            suppose(m, ~beat.bad | beat.end)
        held = tagged_transfer(
            m,
            push=moves(i) & beat.emit,
            pushed=Cat(beat.y, beat.last),
            pop=moves(o),
            popped=Cat(o.payload.y, o.payload.last),
            capacity=2,
            name="outputs",
        )
        tagged_transfer(
            m,
            push=moves(i) & beat.end,
            pushed=beat.bad,
            pop=moves(o) & o.payload.last,
            popped=o.payload.bad,
            capacity=2,
            name="ends of frames",
        )
        claim(m, ~o.valid | o.payload.last | ~o.payload.bad, "bad comes with last alone")
        claim(m, vars(self)["busy"] == (held != 0), "busy means that an output is held")
        waits_at_most(m, i, o, 1)
        foretells(m, vars(self)["i_next"], i.ready, "ready")


class NeverBad(FrameCloser):
    """A closer that loses the verdict."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.comb += self.o.payload.bad.eq(0)
        return m


class DoesNotWait(FrameCloser):
    """A closer that sends a frame's last output before the frame has ended."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.comb += self.o.valid.eq(self.busy)
        return m


class TakesAThird(FrameCloser):
    """A closer that is ready while both its registers are full."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.comb += [self.i.ready.eq(1), self.i_next.eq(1)]
        return m


def test_frame_closer_sends_every_output_with_its_frames_verdict():
    prove(CloserHarness(FrameCloser(2)), mode="bmc", depth=12).holds()


@pytest.mark.parametrize(
    ("fault", "broken"),
    [
        (NeverBad, ("ends of frames leave unchanged",)),
        (DoesNotWait, ("ends of frames",)),
        (TakesAThird, ("are lost", "leave unchanged")),
    ],
)
def test_fault_in_the_frame_closer(fault, broken):
    prove(CloserHarness(fault(2)), mode="bmc", depth=12).breaks(*broken)


def test_fault_frames_without_form():
    verdict = prove(CloserHarness(FrameCloser(2), formed=False), mode="bmc", depth=12)
    verdict.breaks("bad comes with last alone")
