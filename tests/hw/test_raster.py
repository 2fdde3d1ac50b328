"""Raster against a model that pads, closes and cuts frames pixel by pixel."""

import random
from itertools import groupby, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.blocks.raster import Raster, ends_with_last
from tests.hw.benches import InTurn, Recorder
from tests.hw.layers import layers, make_layer, random_pixels
from tests.hw.streams import PAUSES, Pause, pause_seed, run_streams

ALWAYS = (Pause.ALWAYS, Pause.ALWAYS)
PADDED = make_layer(channels=2, kernel_shape=(2, 3), frame=(3, 4), padding=(1, 2, 0, 1))
STRIDED = make_layer(kernel_shape=(2, 1), frame=(5, 7), stride=(2, 3), padding=(0, 0, 3, 3))
BARE = make_layer(kernel_shape=(1, 1), frame=(2, 3))
PIXEL = make_layer(kernel_shape=(1, 1), frame=(1, 1))
LAYERS = {"padded": PADDED, "strided": STRIDED, "bare": BARE, "one pixel": PIXEL}

each_layer = pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)


def size_of(layer):
    return layer.input_shape[1] * layer.input_shape[2]


def window_ends(length, kernel, stride):
    return [start + kernel - 1 for start in range(0, length - kernel + 1, stride)]


def covers(ends, kernel, position):
    return any(end - kernel < position <= end for end in ends)


def model(layer, frame):
    """The beats of one frame, a list of pixels of any length."""
    _, height, width = layer.input_shape
    rows, columns = layer.padded_shape
    ends = [
        window_ends(length, kernel, stride)
        for length, kernel, stride in zip(
            layer.padded_shape, layer.kernel_shape, layer.stride, strict=True
        )
    ]
    beats = []
    for row in range(rows):
        for column in range(columns):
            y, x = row - layer.padding.top, column - layer.padding.left
            inside = 0 <= y < height and 0 <= x < width
            arrived = inside and y * width + x < len(frame)
            end = (row, column) == (rows - 1, columns - 1)
            marks = {
                "live": 1,
                "used": int(covers(ends[0], layer.kernel_shape[0], row))
                & int(covers(ends[1], layer.kernel_shape[1], column)),
                "emit": int(row in ends[0] and column in ends[1]),
                "last": int((row, column) == (ends[0][-1], ends[1][-1])),
                "end": int(end),
                "bad": int(end and len(frame) != height * width),
            }
            pixel = frame[y * width + x] if arrived else [0] * layer.channels
            beats.append({"pixel": pixel, "marks": marks})
    return beats


def items(frames):
    return [
        {"pixel": pixel, "last": int(n == len(frame) - 1)}
        for frame in frames
        for n, pixel in enumerate(frame)
    ]


def random_frames(rng, layer, lengths):
    return [random_pixels(rng, layer, length) for length in lengths]


def set_run(ctx, dut):
    ctx.set(dut.run, 1)


def check(layer, frames, *, drain, pause=ALWAYS, setup=set_run, testbench=None):
    """Compare; returns what each cycle showed."""
    dut = Raster(layer, drain=drain)
    seen = Recorder(
        run=dut.run,
        busy=dut.busy,
        in_frame=dut.in_frame,
        taken=dut.i.valid & dut.i.ready,
        ready=dut.o.ready,
        valid=dut.o.valid,
        marks=dut.o.payload.marks,
    )
    benches = [seen.watch] if testbench is None else [seen.watch, testbench(dut)]
    beats = run_streams(
        dut, {"i": items(frames)}, pause=pause, setup=setup, testbenches=benches, settle=40 + drain
    )["o"]
    check_beats(layer, frames, beats, drain)
    return seen.cycles


def check_beats(layer, frames, beats, drain):
    nothing = {
        "pixel": [0] * layer.channels,
        "marks": dict.fromkeys(("live", "used", "emit", "last", "end", "bad"), 0),
    }
    groups = [(live, list(group)) for live, group in groupby(beats, lambda b: b["marks"]["live"])]
    for live, group in groups:
        assert live or (group == [nothing] * len(group) and len(group) <= drain)
    assert [b for b in beats if b["marks"]["live"]] == [
        beat for frame in frames for beat in model(layer, frame)
    ]
    size = len(model(layer, []))
    position = 0
    for live, group in groups:
        assert live or position % size == 0, "an idle beat within a frame"
        position += len(group) if live else 0
    assert beats[len(beats) - drain :] == [nothing] * drain
    assert beats[len(beats) - drain - 1]["marks"]["live"]


@settings(max_examples=25)
@given(
    layer=layers(kernels=1, kernel=7, frame=5),
    drain=st.integers(0, 6),
    pause=st.sampled_from(PAUSES),
    surplus=st.lists(st.integers(-9, 9), min_size=1, max_size=4),
    seed=st.integers(0, 999),
)
def test_makes_beats_of_good_short_and_long_frames(layer, drain, pause, surplus, seed):
    rng = random.Random(f"{seed} {pause_seed()}")
    lengths = [
        max(1, size_of(layer) + n if rng.random() < 0.7 else size_of(layer)) for n in surplus
    ]
    check(layer, random_frames(rng, layer, lengths), drain=drain, pause=pause)


@pytest.mark.parametrize("layer", [PADDED, STRIDED], ids=["padded", "strided"])
@pytest.mark.parametrize("pause", PAUSES)
def test_holds_beats_under_back_pressure(layer, pause):
    rng = random.Random(pause_seed())
    size = size_of(layer)
    lengths = [size, size, max(1, size - 2), size + 3, size]
    check(layer, random_frames(rng, layer, lengths), drain=4, pause=pause)


@each_layer
@pytest.mark.parametrize("length", ["good", "short", "long"])
def test_frames_back_to_back_take_one_cycle_a_beat(layer, length):
    rng = random.Random(pause_seed())
    size = size_of(layer)
    size = {"good": size, "short": max(1, size - 1), "long": size + 1}[length]
    cycles = check(layer, random_frames(rng, layer, [size] * 4), drain=5)
    live = [n for n, cycle in enumerate(cycles) if cycle["valid"] and cycle["marks"]["live"]]
    beats = len(model(layer, []))
    # A surplus pixel takes the time of a beat, unless padding after the frame has that time.
    padding_after = layer.padding.bottom or layer.padding.right
    lost = 3 if length == "long" and not padding_after else 0
    assert live[-1] - live[0] + 1 == 4 * beats + lost


@each_layer
@pytest.mark.parametrize("pause", [ALWAYS, (Pause.HALF, Pause.HALF), (Pause.STALL, Pause.BURSTY)])
@pytest.mark.parametrize("drain", [0, 1, 7])
def test_tells_when_it_is_busy_and_in_a_frame(layer, pause, drain):
    rng = random.Random(pause_seed())
    cycles = check(layer, random_frames(rng, layer, [size_of(layer)] * 3), drain=drain, pause=pause)
    inside, idle, fresh = 0, drain, True
    for cycle in cycles:
        live, end = cycle["marks"]["live"], cycle["marks"]["end"]
        if cycle["valid"] and fresh:
            inside = int(live and not end)
            idle = 0 if live else idle + 1
        assert cycle["in_frame"] == inside
        assert cycle["busy"] == int(bool(inside or cycle["valid"] or idle < drain))
        fresh = cycle["ready"] or not cycle["valid"]
    assert not cycles[-1]["busy"]


@each_layer
def test_starts_no_frame_while_run_is_low_and_ends_the_one_that_started(layer):
    rng = random.Random(pause_seed())

    def toggle(dut):
        async def bench(ctx):
            while True:
                ctx.set(dut.run, rng.random() < 0.15)
                await ctx.tick()

        return bench

    frames = random_frames(rng, layer, [size_of(layer)] * 6)
    cycles = check(layer, frames, drain=3, setup=None, testbench=toggle)
    for before, now in pairwise(cycles):
        if before["in_frame"] and now["valid"]:
            assert now["marks"]["live"], "a frame that had started waited"
        if not before["in_frame"] and not before["run"]:
            assert not now["in_frame"], "a frame started"
            assert not before["taken"], "a pixel was taken between frames"


def test_run_low_still_drops_the_surplus_of_a_long_frame():
    rng = random.Random(pause_seed())
    frames = random_frames(rng, BARE, [size_of(BARE) + 9])

    def stop(dut):
        async def bench(ctx):
            ctx.set(dut.run, 1)
            await ctx.tick().repeat(3)
            ctx.set(dut.run, 0)

        return bench

    check(BARE, frames, drain=2, setup=None, testbench=stop)


@each_layer
def test_a_reset_forgets_the_frame_under_way(layer):
    rng = random.Random(pause_seed())
    first, second = random_frames(rng, layer, [size_of(layer)] * 2)
    dut = Raster(layer, drain=0)
    bench = InTurn(dut, "i", "reset")
    inputs = [("i", item) for item in items([first])[: size_of(layer) // 2]]
    inputs += [("reset", None), *(("i", item) for item in items([second]))]
    beats = run_streams(
        bench, {"i": [bench.item(*step) for step in inputs]}, setup=lambda ctx, _: set_run(ctx, dut)
    )["o"]
    whole = model(layer, second)
    assert beats[len(beats) - len(whole) :] == whole
    before = beats[: len(beats) - len(whole)]
    assert before == model(layer, first)[: len(before)]


@settings(max_examples=50)
@given(layer=layers(kernels=1, channels=1, kernel=4, frame=7))
def test_knows_whether_the_last_window_ends_the_frame(layer):
    beats = model(layer, [[0]] * size_of(layer))
    together = [beat["marks"]["last"] for beat in beats if beat["marks"]["end"]]
    assert together == [int(ends_with_last(layer))]
