"""Queues, and the FrameCloser made of one: nothing is lost, doubled or reordered."""

from typing import Any

import pytest
from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.blocks.frame_closer import FrameCloser
from hw.blocks.half_buffer import HalfBuffer
from hw.blocks.launch import Launch
from hw.blocks.memory_queue import MemoryQueue
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


QUEUES = (SkidBuffer, HalfBuffer, MemoryQueue)
each_queue = pytest.mark.parametrize("queue", QUEUES, ids=lambda queue: queue.__name__)


class QueueHarness(Harness):
    """A queue of its ``capacity``."""

    def properties(self, m: Module, probe) -> None:
        port: Any = vars(self)
        keeps_until_ready(m, self.i, assume=True)
        keeps_until_ready(m, self.o)
        held = tagged_transfer(
            m,
            push=moves(self.i),
            pushed=self.i.payload,
            pop=moves(self.o),
            popped=self.o.payload,
            capacity=self.dut.capacity,
        )
        # Room that is announced early is kept for what may be on its way, and not announced again.
        waits_at_most(m, self.i, self.o, 1 + self.dut.room_latency + self.dut.foresight)
        claim(m, port["busy"] == (held != 0), "busy means that a payload is held")
        announced = port["i_next"]
        for _ in range(self.dut.foresight):
            later = Signal(init=1)
            m.d.sync += later.eq(announced)
            announced = later
        foretells(m, announced, self.i.ready, "ready")
        if isinstance(self.dut, SkidBuffer):
            foretells(m, port["o_next"], self.o.valid, "valid")
        if isinstance(self.dut, MemoryQueue):
            write, read = (probe.signal(f"lane_0.{name}_at") for name in ("write", "read"))
            both = probe.signal("lane_0.came") & probe.signal("lane_0.fetch")
            claim(m, ~both | (write != read), "no read meets a write")


def always_ready(queue):
    class AlwaysReady(queue):
        """A queue that takes one more than it has room for."""

        def elaborate(self, platform):
            m = super().elaborate(platform)
            m.d.comb += [self.i.ready.eq(1), self.i_next.eq(1)]
            return m

    return AlwaysReady


def misleads(queue):
    class Misleads(queue):
        """A queue that announces room that it does not know to be there."""

        def elaborate(self, platform):
            m = super().elaborate(platform)
            m.d.comb += self.i_next.eq(self.i.ready)
            return m

    return Misleads


def replaces(queue):
    class Replaces(queue):
        """A queue that shows what comes although an older payload waits."""

        def elaborate(self, platform):
            m = super().elaborate(platform)
            domain = m.d.comb if queue is MemoryQueue else m.d.sync
            with m.If(self.i.valid):
                domain += self.o.payload.eq(self.i.payload)
            return m

    return Replaces


@each_queue
def test_a_queue_of_its_capacity(queue):
    prove(QueueHarness(queue(3)), mode="bmc", depth=14).holds()


def test_a_queue_of_several_lanes(monkeypatch):
    monkeypatch.setattr("hw.blocks.skid_buffer._LANE_BITS", 2)
    prove(QueueHarness(SkidBuffer(3)), mode="bmc", depth=14).holds()


def test_a_queue_with_foresight():
    prove(QueueHarness(MemoryQueue(2, foresight=1)), mode="bmc", depth=15).holds()


@each_queue
def test_fault_a_queue_overflows(queue):
    verdict = prove(QueueHarness(always_ready(queue)(3)), mode="bmc", depth=14)
    verdict.breaks("no transfers are lost", "leave unchanged", "payload is held", "meets a write")


@each_queue
def test_fault_a_queue_misleads(queue):
    verdict = prove(QueueHarness(misleads(queue)(3)), mode="bmc", depth=14)
    verdict.breaks("ready was foretold", "are lost", "stays until ready", "payload is held")


@each_queue
def test_fault_a_queue_skips(queue):
    verdict = prove(QueueHarness(replaces(queue)(3)), mode="bmc", depth=14)
    verdict.breaks("transfers leave unchanged and in order", "payload stays until ready")


class TooLong(MemoryQueue):
    """A queue whose memory looks empty when it is full."""

    def __init__(self, shape):
        super().__init__(shape)
        self.ring = 2
        self.capacity = 7  # five in the memory of four words, and two behind it


def test_fault_a_memory_queue_is_too_short():
    verdict = prove(QueueHarness(TooLong(3)), mode="bmc", depth=14)
    verdict.breaks("no read meets a write")


class Way(wiring.Component):
    """A launch between a buffer and a queue that foresees ``foresight`` cycles."""

    def __init__(self, hops: int, foresight: int):
        self.hops = hops
        self.capacity = 2 + hops + 2 * (3 + foresight) + 1
        self.foresight = foresight
        super().__init__({"i": In(stream.Signature(2)), "o": Out(stream.Signature(2))})

    def elaborate(self, _platform):
        m = Module()
        m.submodules.before = before = SkidBuffer(2)
        m.submodules.launch = launch = Launch(2, hops=self.hops)
        m.submodules.after = after = MemoryQueue(2, foresight=self.foresight)
        wiring.connect(m, wiring.flipped(self.i), before.i)
        wiring.connect(m, before.o, launch.i)
        wiring.connect(m, after.o, wiring.flipped(self.o))
        m.d.comb += [
            launch.i_next.eq(before.o_next),
            launch.room.eq(after.i_next),
            after.i.valid.eq(launch.o.valid),
            after.i.payload.eq(launch.o.payload),
        ]
        return m


class WayHarness(Harness):
    """What goes on its way arrives, as if the whole were a queue."""

    def properties(self, m: Module, probe) -> None:
        keeps_until_ready(m, self.i, assume=True)
        keeps_until_ready(m, self.o)
        tagged_transfer(
            m,
            push=moves(self.i),
            pushed=self.i.payload,
            pop=moves(self.o),
            popped=self.o.payload,
            capacity=self.dut.capacity,
        )
        arrives, room = (probe.signal(name) for name in ("launch.o__valid", "after.i__ready"))
        claim(m, ~arrives | room, "there is room where it arrives")
        foretells(m, probe.signal("launch.o_next"), arrives, "valid")


def test_a_way_with_foresight():
    prove(WayHarness(Way(1, 1)), mode="bmc", depth=15).holds()


def test_fault_a_way_without_foresight():
    verdict = prove(WayHarness(Way(1, 0)), mode="bmc", depth=15)
    verdict.breaks("there is room where it arrives")


class CloserHarness(Harness):
    """Outputs in order, each frame's last one with the frame's verdict, and not before it.

    ``formed``: frames come as the raster makes them; False is a fault.
    """

    def __init__(self, dut, *, formed=True):
        self.formed = formed
        super().__init__(dut)

    def properties(self, m: Module, probe) -> None:  # noqa: ARG002
        i, o, beat = self.i, self.o, self.i.payload
        capacity = self.dut.queue.capacity
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
            if not self.dut.ends_late:
                suppose(m, beat.last == beat.end)
        held = tagged_transfer(
            m,
            push=moves(i) & beat.emit,
            pushed=Cat(beat.y, beat.last),
            pop=moves(o),
            popped=Cat(o.payload.y, o.payload.last),
            capacity=capacity,
            name="outputs",
        )
        tagged_transfer(
            m,
            push=moves(i) & beat.end,
            pushed=beat.bad,
            pop=moves(o) & o.payload.last,
            popped=o.payload.bad,
            capacity=capacity,
            name="ends of frames",
        )
        claim(m, ~o.valid | o.payload.last | ~o.payload.bad, "bad comes with last alone")
        claim(m, vars(self)["busy"] == (held != 0), "busy means that an output is held")
        waits_at_most(m, i, o, 1 + self.dut.queue.room_latency)
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
        m.d.comb += self.o.valid.eq(self.queue.o.valid)
        return m


class TakesOneMore(FrameCloser):
    """A closer that is ready while its queue is full."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.comb += [self.i.ready.eq(1), self.i_next.eq(1)]
        return m


class WaitsForRoom(FrameCloser):
    """A closer that takes a frame's end only where another output would have room."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.comb += [self.i.ready.eq(self.queue.i.ready), self.i_next.eq(self.queue.i_next)]
        return m


@each_queue
@pytest.mark.parametrize("ends_late", [True, False])
def test_frame_closer_sends_every_output_with_its_frames_verdict(queue, ends_late):
    dut = FrameCloser(2, queue=queue, ends_late=ends_late)
    prove(CloserHarness(dut), mode="bmc", depth=12).holds()


@each_queue
@pytest.mark.parametrize("ends_late", [True, False])
@pytest.mark.parametrize(
    ("fault", "broken"),
    [
        (NeverBad, ("ends of frames leave unchanged",)),
        (DoesNotWait, ("ends of frames",)),
        (TakesOneMore, ("are lost", "leave unchanged", "output is held")),
        (WaitsForRoom, ("the input waits no longer",)),
    ],
)
def test_fault_in_the_frame_closer(fault, broken, queue, ends_late):
    if fault is DoesNotWait and not ends_late:
        pytest.skip("no frame's end comes later")
    if fault is WaitsForRoom and (not ends_late or queue is not HalfBuffer):
        pytest.skip("there is room: a second output")
    dut = fault(2, queue=queue, ends_late=ends_late)
    prove(CloserHarness(dut), mode="bmc", depth=12).breaks(*broken)


@each_queue
def test_fault_frames_without_form(queue):
    dut = FrameCloser(2, queue=queue)
    prove(CloserHarness(dut, formed=False), mode="bmc", depth=12).breaks(
        "bad comes with last alone", "ends of frames", "are lost", "leave unchanged"
    )
