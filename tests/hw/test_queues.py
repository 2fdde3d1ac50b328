"""SkidBuffer, HalfBuffer, MemoryQueue: a stream unchanged, and a ready path cut."""

import math
import random

import pytest

from hw.blocks.half_buffer import HalfBuffer
from hw.blocks.memory_queue import MemoryQueue
from hw.blocks.skid_buffer import SkidBuffer
from hw.flow import synthesise
from hw.flow.ecp5 import family
from hw.targets.rtlil import convert
from tests.hw.benches import InTurn, Recorder
from tests.hw.streams import PAUSES, Pause, pause_seed, run_streams


class ForeseeingQueue(MemoryQueue):
    """Announces room some cycles earlier."""

    def __init__(self, shape):
        super().__init__(shape, foresight=3)


CYCLES_APART = {SkidBuffer: 1, HalfBuffer: 2, MemoryQueue: 1, ForeseeingQueue: 1}
each_queue = pytest.mark.parametrize("queue", CYCLES_APART, ids=lambda queue: queue.__name__)
each_fast_queue = pytest.mark.parametrize("queue", [SkidBuffer, MemoryQueue, ForeseeingQueue])


def recorder(dut):
    return Recorder(
        accepts=dut.i.ready,
        offered=dut.i.valid,
        valid=dut.o.valid,
        ready=dut.o.ready,
        busy=dut.busy,
        accepts_next=dut.i_next,
    )


@each_queue
@pytest.mark.parametrize("pause", PAUSES)
@pytest.mark.parametrize("bits", [8, 200])
def test_passes_everything_on_in_order(queue, pause, bits):
    rng = random.Random(pause_seed())
    inputs = [rng.getrandbits(bits) for _ in range(150)]
    dut = queue(bits)
    seen = recorder(dut)
    assert run_streams(dut, {"i": inputs}, pause=pause, testbenches=[seen.watch])["o"] == inputs
    held = left = 0
    foretold = [1] * (dut.foresight + 1)  # of this cycle and those after it
    rooms = [True] * dut.foresight
    late = dut.room_latency - dut.foresight
    for cycle in seen.cycles:
        assert cycle["busy"] == (held > 0)
        rooms.append(held + late * left < dut.capacity - dut.foresight)
        assert cycle["accepts"] == rooms.pop(0) == foretold.pop(0)
        assert held or not cycle["valid"]
        left = cycle["valid"] and cycle["ready"]
        held += (cycle["accepts"] and cycle["offered"]) - left
        foretold.append(cycle["accepts_next"])


@each_queue
def test_as_fast_and_as_late_as_it_says(queue):
    dut = queue(8)
    seen = recorder(dut)
    run_streams(dut, {"i": range(20)}, testbenches=[seen.watch])
    apart = CYCLES_APART[queue]
    times = [n for n, cycle in enumerate(seen.cycles) if cycle["valid"]]
    assert times == [queue.LATENCY + apart * n for n in range(20)]


@each_fast_queue
@pytest.mark.parametrize("pause", [(Pause.ALWAYS, Pause.HALF), (Pause.ALWAYS, Pause.STALL)])
def test_back_pressure_costs_only_the_cycles_that_it_takes(queue, pause):
    dut = queue(8)
    seen = recorder(dut)
    run_streams(dut, {"i": range(60)}, pause=pause, testbenches=[seen.watch])
    times = [n for n, cycle in enumerate(seen.cycles) if cycle["valid"]]
    assert times == [*range(queue.LATENCY, times[-1] + 1)]


@each_queue
def test_a_reset_empties_it(queue):
    dut = queue(8)
    bench = InTurn(dut, "i", "reset")
    steps = [("i", 1), ("reset", None), ("i", 2), ("i", 3)]
    seen = Recorder(reset=bench.reset, busy=dut.busy)
    inputs = {"i": [bench.item(*step) for step in steps]}
    results = run_streams(bench, inputs, testbenches=[seen.watch])["o"]
    assert results[-2:] == [2, 3]
    reset = next(n for n, cycle in enumerate(seen.cycles) if cycle["reset"])
    assert [cycle["busy"] for cycle in seen.cycles[reset : reset + 3]] == [1, 0, 1]


@pytest.mark.parametrize("bits", [36, 180])
def test_a_memory_queue_takes_block_memory_and_nothing_for_each_bit(bits):
    source = {"queue.il": convert(MemoryQueue(bits), name="queue")}
    area = synthesise(source, top="queue", family=family()).area
    assert area["bram"] == math.ceil(bits / 36)
    lanes = math.ceil(bits / 72)
    assert area["lut4_eq"] <= 12 + 15 * lanes
    assert area["ff"] <= 5 + 12 * lanes + bits  # one for each bit: two are in the memories


@pytest.mark.parametrize("bits", [36, 100])
def test_a_half_buffer_takes_flip_flops_alone(bits):
    source = {"buffer.il": convert(HalfBuffer(bits), name="buffer")}
    area = synthesise(source, top="buffer", family=family()).area
    assert area["ff"] == bits + 1
    assert area["lut4_eq"] <= 4
