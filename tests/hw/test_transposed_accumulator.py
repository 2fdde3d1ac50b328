"""TransposedAccumulator against the window sums of a plain loop."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.blocks.transposed_accumulator import TransposedAccumulator
from tests.hw.benches import Narrow
from tests.hw.layers import make_config, make_layer
from tests.hw.streams import PAUSES, Pause, pause_seed, run_beats

ALWAYS = (Pause.ALWAYS, Pause.ALWAYS)


def make(*, kernels, channels, kernel_shape, spare, **more):
    """A configuration whose padded frame is ``spare`` columns wider than the kernel."""
    frame = (kernel_shape[0], kernel_shape[1] + spare)
    return make_config(
        make_layer(
            kernels=kernels, channels=channels, kernel_shape=kernel_shape, frame=frame, **more
        )
    )


def window_sums(config, beats):
    """For each beat the sums of the window that ends there; None where it began before beat 0."""
    height, width = config.layer.kernel_shape
    row = config.layer.padded_shape[1]
    sums = []
    for t in range(len(beats)):
        if t < (height - 1) * row + width - 1:
            sums.append(None)
            continue
        totals = [0] * len(config.learned)
        for kernel in range(len(totals)):
            for i in range(height):
                for j in range(width):
                    cell = beats[t - (height - 1 - i) * row - (width - 1 - j)]
                    for products in cell:
                        totals[kernel] += products[(kernel * height + i) * width + j]
        sums.append(totals)
    return sums


def check(config, rng, count, pause=ALWAYS, *, extremes=False):
    dut = Narrow(TransposedAccumulator(config), "i")
    limits = config.layer.product_range
    product = (
        (lambda: rng.choice([limits.lo, limits.hi]))
        if extremes
        else (lambda: rng.randint(limits.lo, limits.hi))
    )
    height, width = config.layer.kernel_shape
    count += (height - 1) * config.layer.padded_shape[1] + width - 1
    size = len(config.learned) * config.layer.taps
    beats = [
        [[product() for _ in range(size)] for _ in range(config.layer.channels)]
        for _ in range(count)
    ]
    results = run_beats(dut, beats, dut.latency, pause=pause)
    for n, (actual, expected) in enumerate(zip(results, window_sums(config, beats), strict=True)):
        assert expected is None or actual == expected, f"beat {n}"


@settings(max_examples=20)
@given(
    kernels=st.integers(1, 2),
    channels=st.integers(1, 5),
    kernel_shape=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    spare=st.integers(0, 13),
    input_signed=st.booleans(),
    seed=st.integers(0, 999),
)
def test_adds_each_window(seed, **shape):
    shape["kernels"] = 1 if shape["kernel_shape"][0] * shape["kernel_shape"][1] > 20 else 2
    check(make(**shape), random.Random(f"{seed} {pause_seed()}"), 20)


@pytest.mark.parametrize("pause", PAUSES)
def test_holds_every_beat_under_back_pressure(pause):
    config = make(kernels=2, channels=3, kernel_shape=(3, 2), spare=4)
    check(config, random.Random(pause_seed()), 30, pause)


@pytest.mark.parametrize("spare", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("kernel_shape", [(1, 1), (2, 1), (1, 3), (3, 3)])
def test_rows_wait_for_any_width_and_no_sum_overflows(spare, kernel_shape):
    config = make(kernels=1, channels=2, kernel_shape=kernel_shape, spare=spare, weight_bits=4)
    check(config, random.Random(pause_seed()), 20, extremes=True)


@pytest.mark.parametrize(("channels", "latency"), [(1, 1), (2, 2), (3, 3), (4, 3), (5, 4)])
def test_latency_is_the_channel_tree_and_the_last_adder(channels, latency):
    config = make(kernels=1, channels=channels, kernel_shape=(1, 1), spare=0)
    assert TransposedAccumulator(config).latency == latency
