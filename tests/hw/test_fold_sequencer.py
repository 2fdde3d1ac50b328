"""FoldSequencer: every sub-step once and in order, window after window without a gap."""

import random
from itertools import pairwise

import pytest
from amaranth.sim import Simulator

from hw.blocks.fold_sequencer import FoldSequencer
from hw.fold import FoldGeometry
from sw.part_configs import FoldConfig
from tests.hw.layers import make_config, make_layer
from tests.hw.streams import pause_seed

FOLDS = [(1, 1, 1), (2, 1, 1), (1, 3, 1), (1, 1, 4), (2, 3, 1), (1, 2, 2), (3, 2, 4)]


@pytest.mark.parametrize("paused", [False, True])
@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("fold", FOLDS)
def test_hands_on_every_sub_step(fold, eager, paused):
    kernels, channels, taps = fold
    layer = make_layer(kernels=3, channels=3, kernel_shape=(2, 2))
    config = make_config(
        layer,
        strategy="direct",
        fold=FoldConfig(kernels=kernels, channels=channels, taps=taps),
    )
    geometry = FoldGeometry(config)
    dut = FoldSequencer(geometry)
    rng = random.Random(pause_seed())
    windows, steps, starts = 0, [], []

    async def bench(ctx):
        nonlocal windows
        free, ready = True, True
        for n in range(400):
            start = free and (eager or rng.randrange(3) == 0)
            if start:
                # What was handed on by the end of this cycle is all of the windows before.
                starts.append(n)
            ctx.set(dut.start, start)
            ctx.set(dut.o.ready, ready)
            ready = not paused or rng.randrange(2) == 0
            ctx.set(dut.o_next, ready)
            free = ctx.get(dut.free_next)
            if ctx.get(dut.o.valid) and ctx.get(dut.o.ready):
                groups = tuple(ctx.get(dut.o.payload[x]) for x in ("kernel", "channel", "tap"))
                steps.append((groups, ctx.get(dut.last)))
            if start:
                assert len(steps) == windows * geometry.cycles
                windows += 1
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
    last = (channels - 1, taps - 1)
    whole = [(step, step[1:] == last) for step in geometry.steps()]
    assert steps == (whole * windows)[: len(steps)]
    if eager and not paused:
        gaps = {later - earlier for earlier, later in pairwise(starts)}
        assert gaps == {geometry.cycles}
    assert windows > 300 // (6 * geometry.cycles)
