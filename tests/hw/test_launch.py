"""Launch: everything arrives in order, only where there is room, and as late as it says."""

import random

import pytest
from amaranth.hdl import Assert, Elaboratable, Module
from amaranth.lib import wiring

from hw.blocks.launch import Launch
from hw.blocks.memory_queue import MemoryQueue
from hw.blocks.skid_buffer import SkidBuffer
from tests.hw.benches import Recorder
from tests.hw.streams import PAUSES, Pause, pause_seed, run_streams

each_hops = pytest.mark.parametrize("hops", [1, 2, 5])


class Way(Elaboratable):
    """A launch between a buffer and a queue that foresees its room."""

    def __init__(self, hops, *, foresight=None):
        self.before = SkidBuffer(8)
        self.dut = Launch(8, hops=hops)
        self.after = MemoryQueue(8, foresight=hops if foresight is None else foresight)
        self.i, self.o = self.before.i, self.after.o

    def elaborate(self, _platform):
        m = Module()
        m.submodules += [self.before, self.dut, self.after]
        wiring.connect(m, self.before.o, self.dut.i)
        m.d.comb += [
            self.dut.i_next.eq(self.before.o_next),
            self.dut.room.eq(self.after.i_next),
            self.after.i.valid.eq(self.dut.o.valid),
            self.after.i.payload.eq(self.dut.o.payload),
        ]
        taken = Assert(~self.dut.i.ready | self.before.o.valid, "nothing was taken")
        arrives = Assert(~self.dut.o.valid | self.after.i.ready, "no room where it arrives")
        m.d.sync += [taken, arrives]
        return m


def run(way, inputs, pause=None):
    dut = way.dut
    seen = Recorder(
        takes=dut.i.ready,
        taken=dut.i.payload,
        valid=dut.o.valid,
        payload=dut.o.payload,
        foretold=dut.o_next,
        busy=dut.busy,
    )
    more = {} if pause is None else {"pause": pause}
    results = run_streams(way, {"i": inputs}, testbenches=[seen.watch], **more)["o"]
    return results, seen.cycles


@each_hops
@pytest.mark.parametrize("pause", PAUSES)
def test_what_is_taken_arrives(hops, pause):
    rng = random.Random(pause_seed())
    inputs = [rng.getrandbits(8) for _ in range(100)]
    results, cycles = run(Way(hops), inputs, pause)
    assert results == inputs
    for n, cycle in enumerate(cycles):
        way = cycles[max(n - hops, 0) : n]
        assert cycle["busy"] == any(earlier["takes"] for earlier in way)
        if n >= hops:
            before = cycles[n - hops]
            assert cycle["valid"] == before["takes"] == cycles[n - 1]["foretold"]
            assert not cycle["valid"] or cycle["payload"] == before["taken"]


@each_hops
def test_one_a_cycle(hops):
    _, cycles = run(Way(hops), range(40))
    times = [n for n, cycle in enumerate(cycles) if cycle["valid"]]
    assert times == [*range(times[0], times[0] + 40)]


def test_fault_a_queue_that_does_not_foresee_enough():
    with pytest.raises(AssertionError, match="no room where it arrives"):
        run(Way(3, foresight=0), range(60), (Pause.ALWAYS, Pause.STALL))


def test_no_way_is_refused():
    with pytest.raises(ValueError, match="hops must be 1 or more, not 0"):
        Launch(8, hops=0)
