"""TransposedAccumulator against the window sums of a plain loop."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.blocks.transposed_accumulator import TransposedAccumulator
from tests.hw.benches import Narrow
from tests.hw.layers import make_layer
from tests.hw.streams import PAUSES, Pause, pause_seed, run_beats

ALWAYS = (Pause.ALWAYS, Pause.ALWAYS)


def make(*, channels, kernel_shape, spare, **more):
    """A layer whose padded frame is ``spare`` columns wider than the kernel."""
    frame = (kernel_shape[0], kernel_shape[1] + spare)
    return make_layer(channels=channels, kernel_shape=kernel_shape, frame=frame, **more)


def window_sums(layer, beats):
    """For each beat the sum of the window that ends there; None where it began before beat 0."""
    height, width = layer.kernel_shape
    row = layer.padded_shape[1]
    sums = []
    for t in range(len(beats)):
        if t < (height - 1) * row + width - 1:
            sums.append(None)
            continue
        total = 0
        for i in range(height):
            for j in range(width):
                cell = beats[t - (height - 1 - i) * row - (width - 1 - j)]
                total += sum(products[i * width + j] for products in cell)
        sums.append(total)
    return sums


def check(layer, rng, count, pause=ALWAYS, *, extremes=False):
    dut = Narrow(TransposedAccumulator(layer), "i")
    limits = layer.product_range
    product = (
        (lambda: rng.choice([limits.lo, limits.hi]))
        if extremes
        else (lambda: rng.randint(limits.lo, limits.hi))
    )
    height, width = layer.kernel_shape
    count += (height - 1) * layer.padded_shape[1] + width - 1
    beats = [
        [[product() for _ in range(layer.taps)] for _ in range(layer.channels)]
        for _ in range(count)
    ]
    results = run_beats(dut, beats, dut.latency, pause=pause)
    for n, (actual, expected) in enumerate(zip(results, window_sums(layer, beats), strict=True)):
        assert expected is None or actual == expected, f"beat {n}"


@settings(max_examples=20)
@given(
    channels=st.integers(1, 5),
    kernel_shape=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    spare=st.integers(0, 13),
    input_signed=st.booleans(),
    seed=st.integers(0, 999),
)
def test_adds_each_window(seed, **shape):
    check(make(**shape), random.Random(f"{seed} {pause_seed()}"), 20)


@pytest.mark.parametrize("pause", PAUSES)
def test_holds_every_beat_under_back_pressure(pause):
    layer = make(channels=3, kernel_shape=(3, 2), spare=4)
    check(layer, random.Random(pause_seed()), 30, pause)


@pytest.mark.parametrize("spare", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("kernel_shape", [(1, 1), (2, 1), (1, 3), (3, 3)])
def test_rows_wait_for_any_width_and_no_sum_overflows(spare, kernel_shape):
    layer = make(channels=2, kernel_shape=kernel_shape, spare=spare, weight_bits=4)
    check(layer, random.Random(pause_seed()), 20, extremes=True)


@pytest.mark.parametrize(("channels", "latency"), [(1, 1), (2, 2), (3, 3), (4, 3), (5, 4)])
def test_latency_is_the_channel_tree_and_the_last_adder(channels, latency):
    layer = make(channels=channels, kernel_shape=(1, 1), spare=0)
    assert TransposedAccumulator(layer).latency == latency
