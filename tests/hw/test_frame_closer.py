"""FrameCloser: outputs in order, the last of a frame not before its end is known."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.blocks.frame_closer import FrameCloser
from hw.blocks.half_buffer import HalfBuffer
from hw.blocks.memory_queue import MemoryQueue
from hw.blocks.skid_buffer import SkidBuffer
from tests.hw.benches import InTurn, Recorder
from tests.hw.streams import PAUSES, Pause, pause_seed, run_streams

ALWAYS = (Pause.ALWAYS, Pause.ALWAYS)
QUEUES = (SkidBuffer, HalfBuffer, MemoryQueue)
each_queue = pytest.mark.parametrize("queue", QUEUES, ids=lambda queue: queue.__name__)


def frame(outputs, *, gap=0, tail=0, bad=0, first=0):
    """Beats of a frame: each output after ``gap`` others, and ``tail`` beats after the last."""
    beats = []
    for n in range(outputs):
        beats += [{"y": 99, "emit": 0, "last": 0, "end": 0, "bad": 0}] * gap
        last = int(n == outputs - 1)
        beats.append({"y": first + n, "emit": 1, "last": last, "end": 0, "bad": 0})
    beats += [{"y": 98, "emit": 0, "last": 0, "end": 0, "bad": 0}] * tail
    beats[-1] = {**beats[-1], "end": 1, "bad": bad}
    return beats


def model(beats):
    outputs = [{name: beat[name] for name in ("y", "last")} for beat in beats if beat["emit"]]
    ends = iter([beat["bad"] for beat in beats if beat["end"]])
    return [{**output, "bad": next(ends) if output["last"] else 0} for output in outputs]


def check(beats, pause=ALWAYS, queue=SkidBuffer, *, ends_late=True):
    dut = FrameCloser(8, queue=queue, ends_late=ends_late)
    seen = Recorder(
        beat=dut.i.payload,
        step=dut.i.valid & dut.i.ready,
        accepts=dut.i.ready,
        valid=dut.o.valid,
        ready=dut.o.ready,
        busy=dut.busy,
    )
    results = run_streams(dut, {"i": beats}, pause=pause, testbenches=[seen.watch])["o"]
    assert results == model(beats)
    return seen.cycles


IDLE = {"y": 97, "emit": 0, "last": 0, "end": 0, "bad": 0}

FRAMES = st.lists(
    st.builds(
        frame,
        st.integers(1, 6),
        gap=st.integers(0, 2),
        tail=st.integers(0, 3),
        bad=st.integers(0, 1),
        first=st.integers(0, 90),
    ),
    min_size=1,
    max_size=8,
)


@each_queue
@settings(max_examples=30)
@given(frames=FRAMES, idle=st.integers(0, 2), pause=st.sampled_from(PAUSES))
def test_closes_every_frame(queue, frames, idle, pause):
    cycles = check([beat for one in frames for beat in [*one, *[IDLE] * idle]], pause, queue)
    like = queue(8)
    ended = left = held = taken = 0
    ending = False
    for cycle in cycles:
        assert cycle["busy"] == (held > 0)
        room = held + taken * like.room_latency < like.capacity
        assert cycle["accepts"] == (room or ending)
        taken = cycle["valid"] and cycle["ready"]
        if cycle["step"]:
            ending = (ending or cycle["beat"]["last"]) and not cycle["beat"]["end"]
        held += (cycle["step"] and cycle["beat"]["emit"]) - taken
        ended += cycle["step"] and cycle["beat"]["end"]
        left += taken
    assert held == 0
    assert ended == len(frames)
    assert left == sum(beat["emit"] for one in frames for beat in one)


@each_queue
@pytest.mark.parametrize("ends_late", [True, False])
@pytest.mark.parametrize("pause", PAUSES)
def test_holds_outputs_under_back_pressure(queue, ends_late, pause):
    rng = random.Random(pause_seed())
    frames = [
        frame(5, tail=n % 3 * ends_late, bad=rng.randrange(2), first=7 * n) for n in range(10)
    ]
    check([beat for one in frames for beat in one], pause, queue, ends_late=ends_late)


@each_queue
@pytest.mark.parametrize("tail", [0, 1, 4])
def test_the_last_output_leaves_when_its_frame_has_ended(queue, tail):
    cycles = check([*[IDLE] * 3, *frame(3, gap=1, tail=tail)], queue=queue)
    outputs = [n for n, cycle in enumerate(cycles) if cycle["step"] and cycle["beat"]["emit"]]
    end = next(n for n, cycle in enumerate(cycles) if cycle["step"] and cycle["beat"]["end"])
    leaves = [n + queue.LATENCY for n in outputs]
    leaves[-1] = max(leaves[-1], end + 1)
    assert [n for n, cycle in enumerate(cycles) if cycle["valid"]] == leaves
    assert end == outputs[-1] + tail


@each_queue
def test_an_output_a_cycle(queue):
    beats = [beat for n in range(5) for beat in frame(8, first=8 * n)]
    times = [n for n, cycle in enumerate(check(beats, queue=queue)) if cycle["valid"]]
    apart = 2 if queue is HalfBuffer else 1
    assert times == [queue.LATENCY + apart * n for n in range(len(beats))]


@pytest.mark.parametrize("queue", [SkidBuffer, MemoryQueue])
@pytest.mark.parametrize("pause", [(Pause.ALWAYS, Pause.HALF), (Pause.ALWAYS, Pause.STALL)])
def test_back_pressure_costs_only_the_cycles_that_it_takes(queue, pause):
    """Behind a fast source no ready cycle of the sink is lost after the first output."""
    cycles = check([beat for n in range(5) for beat in frame(8, first=8 * n)], pause, queue)
    first = next(n for n, cycle in enumerate(cycles) if cycle["valid"])
    last = max(n for n, cycle in enumerate(cycles) if cycle["valid"])
    assert all(cycle["valid"] for cycle in cycles[first : last + 1])


@each_queue
def test_a_reset_forgets_what_is_held(queue):
    bench = InTurn(FrameCloser(8, queue=queue), "i", "reset")
    inputs = [("i", beat) for beat in frame(2, tail=1)[:2]]
    inputs += [("reset", None), *(("i", beat) for beat in frame(2, first=50))]
    results = run_streams(bench, {"i": [bench.item(*step) for step in inputs]})["o"]
    left_before = [0] if queue.LATENCY <= 2 else []
    assert [output["y"] for output in results] == [*left_before, 50, 51]
