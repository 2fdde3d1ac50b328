"""FrameCloser: outputs in order, the last of a frame not before its end is known."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.blocks.frame_closer import FrameCloser
from tests.hw.benches import InTurn, Recorder
from tests.hw.streams import PAUSES, Pause, pause_seed, run_streams

ALWAYS = (Pause.ALWAYS, Pause.ALWAYS)


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


def check(beats, pause=ALWAYS):
    dut = FrameCloser(8)
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


@settings(max_examples=30)
@given(frames=FRAMES, idle=st.integers(0, 2), pause=st.sampled_from(PAUSES))
def test_closes_every_frame(frames, idle, pause):
    cycles = check([beat for one in frames for beat in [*one, *[IDLE] * idle]], pause)
    ended = left = held = 0
    for cycle in cycles:
        assert cycle["busy"] == (held > 0)
        assert cycle["accepts"] == (held < 2)
        taken = cycle["valid"] and cycle["ready"]
        held += (cycle["step"] and cycle["beat"]["emit"]) - taken
        ended += cycle["step"] and cycle["beat"]["end"]
        left += taken
    assert held == 0
    assert ended == len(frames)
    assert left == sum(beat["emit"] for one in frames for beat in one)


@pytest.mark.parametrize("pause", PAUSES)
def test_holds_outputs_under_back_pressure(pause):
    rng = random.Random(pause_seed())
    frames = [frame(5, tail=n % 3, bad=rng.randrange(2), first=7 * n) for n in range(10)]
    check([beat for one in frames for beat in one], pause)


@pytest.mark.parametrize("tail", [0, 1, 4])
def test_the_last_output_leaves_a_cycle_after_the_end(tail):
    cycles = check(frame(3, tail=tail))
    end = next(n for n, cycle in enumerate(cycles) if cycle["step"] and cycle["beat"]["end"])
    assert [n for n, cycle in enumerate(cycles) if cycle["valid"]] == [1, 2, end + 1]
    assert end == 2 + tail


def test_an_output_a_cycle():
    beats = [beat for n in range(5) for beat in frame(8, first=8 * n)]
    cycles = check(beats)
    assert [cycle["valid"] for cycle in cycles[1 : len(beats) + 1]] == [1] * len(beats)


@pytest.mark.parametrize("pause", [(Pause.ALWAYS, Pause.HALF), (Pause.ALWAYS, Pause.STALL)])
def test_back_pressure_costs_only_the_cycles_that_it_takes(pause):
    """Behind a fast source no ready cycle of the sink is lost after the first output."""
    cycles = check([beat for n in range(5) for beat in frame(8, first=8 * n)], pause)
    first = next(n for n, cycle in enumerate(cycles) if cycle["valid"])
    last = max(n for n, cycle in enumerate(cycles) if cycle["valid"])
    assert all(cycle["valid"] for cycle in cycles[first : last + 1])


def test_a_reset_forgets_what_is_held():
    bench = InTurn(FrameCloser(8), "i", "reset")
    inputs = [("i", beat) for beat in frame(2, tail=1)[:2]]
    inputs += [("reset", None), *(("i", beat) for beat in frame(2, first=50))]
    results = run_streams(bench, {"i": [bench.item(*step) for step in inputs]})["o"]
    assert [output["y"] for output in results] == [0, 50, 51]
