"""ScatterAccumulator against the window sums of a plain loop, at every fold."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.blocks.scatter_accumulator import ScatterAccumulator
from hw.fold import FoldGeometry
from sw.part_configs import FoldConfig
from tests.hw.layers import make_config, make_layer
from tests.hw.steps import Folded
from tests.hw.streams import PAUSES, Pause, pause_seed, run_beats

ALWAYS = (Pause.ALWAYS, Pause.ALWAYS)


def make(*, kernels=1, channels=1, kernel_shape=(1, 1), spare=0, fold=(1, 1), **more):
    """An engine whose padded frame is ``spare`` columns wider than the kernel."""
    frame = (kernel_shape[0], kernel_shape[1] + spare)
    layer = make_layer(
        kernels=kernels, channels=channels, kernel_shape=kernel_shape, frame=frame, **more
    )
    return make_config(
        layer, strategy="value_table", fold=FoldConfig(kernels=fold[0], channels=fold[1])
    )


def ages(layer):
    """How many beats older each tap is than the window's last, row-major."""
    height, width = layer.kernel_shape
    row = layer.padded_shape[1]
    return [(height - 1 - i) * row + width - 1 - j for i in range(height) for j in range(width)]


def window_sums(layer, beats):
    """For each beat every kernel's sum over the window that ends there; None before the first.

    ``beats[t][l][c][n]`` is a product.
    """
    oldest = max(ages(layer))
    sums = [None] * min(oldest, len(beats))
    for t in range(oldest, len(beats)):
        kernels = range(len(beats[t]))
        cells = [(n, beats[t - age]) for n, age in enumerate(ages(layer))]
        sums.append([sum(channel[n] for n, b in cells for channel in b[k]) for k in kernels])
    return sums


def sub_steps(geometry, beat, filler):
    """A beat's products as the sub-steps bring them; ``filler`` for kernels that are not there."""

    def product(kernel_group, channel_group, lane, p):
        kernel_lane, tap = divmod(p, geometry.taps.parts)
        kernel = geometry.kernels.part(kernel_group, kernel_lane)
        channel = geometry.channels.part(channel_group, lane)
        if channel is None:
            return 0
        return filler() if kernel is None else beat[kernel][channel][tap]

    return [
        [
            [product(g, h, lane, p) for p in range(geometry.kernels.lanes * geometry.taps.parts)]
            for lane in range(geometry.channels.lanes)
        ]
        for g, h, _ in geometry.steps()
    ]


def check(config, rng, count, pause=ALWAYS, *, extremes=False, lead=0):
    layer, geometry = config.layer, FoldGeometry(config)
    dut = ScatterAccumulator(config, lead=lead)
    limits = layer.product_range

    def product():
        return rng.choice([limits.lo, limits.hi] if extremes else range(limits.lo, limits.hi + 1))

    count += max(ages(layer))
    beats = [
        [
            [[product() for _ in range(layer.taps)] for _ in range(layer.channels)]
            for _ in config.learned
        ]
        for _ in range(count)
    ]
    results = run_beats(
        Folded(dut, count=geometry.cycles, lead=lead),
        [sub_steps(geometry, beat, product) for beat in beats],
        dut.latency,
        pause=pause,
    )
    for n, (actual, expected) in enumerate(zip(results, window_sums(layer, beats), strict=True)):
        assert expected is None or actual == expected, f"beat {n}"


@settings(max_examples=40)
@given(
    kernels=st.integers(1, 5),
    channels=st.integers(1, 5),
    kernel_shape=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    spare=st.integers(0, 13),
    input_signed=st.booleans(),
    lead=st.integers(0, 5),
    seed=st.integers(0, 999),
    data=st.data(),
)
def test_adds_each_window(kernels, channels, lead, seed, data, **shape):
    fold = (data.draw(st.integers(1, kernels)), data.draw(st.integers(1, channels)))
    config = make(kernels=kernels, channels=channels, fold=fold, **shape)
    check(config, random.Random(f"{seed} {pause_seed()}"), 12, lead=lead)


@pytest.mark.parametrize("fold", [(1, 1), (3, 2)])
@pytest.mark.parametrize("pause", PAUSES)
def test_holds_every_beat_under_back_pressure(pause, fold):
    config = make(kernels=3, channels=3, kernel_shape=(3, 2), spare=4, fold=fold)
    check(config, random.Random(pause_seed()), 20, pause)


@pytest.mark.parametrize("spare", [0, 1, 2, 3, 4, 5, 20])
@pytest.mark.parametrize("kernel_shape", [(1, 1), (2, 1), (1, 3), (3, 3)])
def test_rows_wait_for_any_width_and_no_sum_overflows(spare, kernel_shape):
    config = make(channels=2, kernel_shape=kernel_shape, spare=spare, weight_bits=4)
    check(config, random.Random(pause_seed()), 20, extremes=True)


def test_a_fold_overflows_no_sum_and_waits_in_memories():
    config = make(kernels=9, channels=3, kernel_shape=(2, 3), spare=8, weight_bits=4, fold=(9, 2))
    check(config, random.Random(pause_seed()), 12, extremes=True)


@pytest.mark.parametrize(("channels", "latency"), [(1, 1), (2, 2), (3, 3), (4, 3), (5, 4)])
def test_latency_is_the_channel_tree_and_the_last_adder(channels, latency):
    assert ScatterAccumulator(make(channels=channels), lead=0).latency == latency
    assert ScatterAccumulator(make(channels=channels), lead=3).latency == latency + 3


@pytest.mark.parametrize(("lead", "latency"), [(5, 2), (6, 3)])
def test_a_fold_makes_the_latency_that_of_its_last_sub_step(lead, latency):
    """Of 6 sub-steps the last ends ``lead`` + 2 steps later, a tree of 2 and the last adder."""
    config = make(kernels=3, channels=4, fold=(3, 2))
    assert ScatterAccumulator(config, lead=lead).latency == latency
