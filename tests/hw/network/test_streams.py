"""FrameGuard, LaneConverter, ArgMaxLayer, LaneRequantise: streams under every pace."""

from __future__ import annotations

import random
from itertools import chain
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import signed, unsigned
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.network.argmax import ArgMaxLayer
from hw.network.frame_guard import FrameGuard
from hw.network.lane_converter import LaneConverter
from hw.network.lane_requantise import LaneRequantise
from sw.numeric import IntRange, requantise
from tests.hw.network.frames import expected, to_beats
from tests.hw.network.layers import requantisers
from tests.hw.streams import PAUSES, matches, pause_seed, run_streams

pauses = st.sampled_from(PAUSES)


def frames_of(rng: np.random.Generator, low: int, high: int, *shape: int) -> np.ndarray:
    return rng.integers(low, high + 1, (4, *shape))


@given(
    channels=st.integers(1, 9),
    few=st.integers(1, 4),
    times=st.integers(1, 4),
    narrow=st.booleans(),
    pause=pauses,
)
@settings(max_examples=60, deadline=None)
def test_lane_converter(channels, few, times, narrow, pause):
    few = min(few, channels)
    many = min(few * times, few * -(-channels // few))
    inputs, outputs = (many, few) if narrow else (few, many)
    dut = LaneConverter(unsigned(5), channels=channels, inputs=inputs, outputs=outputs)
    frames = frames_of(np.random.default_rng(pause_seed()), 0, 31, channels, 2, 3)
    bad = [False, True, True, False]
    pairs = list(zip(frames, bad, strict=True))
    sent = list(chain(*(to_beats(f, inputs, bad=b) for f, b in pairs)))
    wanted = list(chain(*(expected(f, outputs, bad=b) for f, b in pairs)))
    found = run_streams(dut, {"i": sent}, pause=pause)["o"]
    assert len(found) == len(wanted)
    assert all(map(matches, found, wanted))


def test_lane_converter_refuses_what_does_not_divide():
    with pytest.raises(ValueError, match="neither is a multiple"):
        LaneConverter(unsigned(5), channels=6, inputs=2, outputs=3)


@pytest.mark.parametrize("pause", PAUSES)
@pytest.mark.parametrize("classes", [2, 10])
def test_argmax(pause, classes):
    rng = np.random.default_rng(pause_seed())
    frames = [*rng.integers(-8, 8, (6, classes)), np.full(classes, -128), np.full(classes, 127)]
    dut = ArgMaxLayer(signed(8), signed(9), classes)
    sent, wanted = [], []
    for n, frame in enumerate(frames):
        bad = n % 3 == 1
        sent += to_beats(frame[:, None, None], 1, bad=bad)
        label = int(np.argmax(frame))
        wanted += [{"values": [v], "last": 0, "bad": 0} for v in frame.tolist()]
        wanted.append({"values": [label], "last": 1, "bad": int(bad)})
    assert run_streams(dut, {"i": sent}, pause=pause)["o"] == wanted


@given(data=st.data(), channels=st.integers(1, 6), pause=pauses, signed=st.booleans())
@settings(max_examples=60, deadline=None)
def test_lane_requantise(data, channels, pause, signed):
    how = data.draw(requantisers(channels))
    lanes = data.draw(st.integers(1, channels))
    sums = IntRange(-3000, 2000) if signed else IntRange(0, 5000)
    dut = LaneRequantise(
        channels=channels, lanes=lanes, sums=sums, output_range=how.limits, requantise=how
    )
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    frames = frames_of(rng, sums.lo, sums.hi, channels, 2, 3)
    scale = how.multiplier[:, None, None]
    results = [requantise(f, scale=scale, shift=how.shift, limits=how.limits) for f in frames]
    sent = list(chain(*(to_beats(f, lanes) for f in frames)))
    wanted = list(chain(*(expected(f, lanes) for f in results)))
    found = run_streams(dut, {"i": sent}, pause=pause)["o"]
    assert len(found) == len(wanted)
    assert all(map(matches, found, wanted))


def guarded(frames: list[list[int]], pixels: int) -> list[dict[str, Any]]:
    """What the guard makes of frames of one channel."""
    beats = []
    for frame in frames:
        values = [*frame, *[0] * pixels][:pixels]
        bad = len(frame) != pixels
        beats += [{"values": [v], "last": 0, "bad": 0} for v in values]
        beats[-1] |= {"last": 1, "bad": int(bad)}
    return beats


@pytest.mark.parametrize("pause", PAUSES)
def test_frame_guard(pause):
    rng = random.Random(pause_seed())
    lengths = [4, 4, 1, 4, 3, 9, 4, 5, 4, 2, 4]
    frames = [[rng.randrange(1, 8) for _ in range(length)] for length in lengths]
    sent = [
        {"values": [value], "last": n == len(frame) - 1}
        for frame in frames
        for n, value in enumerate(frame)
    ]
    dut = FrameGuard(unsigned(3), channels=1, pixels=4)
    run = run_streams(dut, {"i": sent}, pause=pause, setup=lambda ctx, d: ctx.set(d.run, 1))
    assert run["o"] == guarded(frames, 4)
