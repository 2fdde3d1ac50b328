"""WindowFetch: the value of every lane in every sub-step, out of registers and of memories."""

import itertools
import random

import pytest
from amaranth.sim import Simulator

from hw.blocks.window_fetch import WindowFetch
from hw.fold import MIN_MEMORY_GROUPS, FoldGeometry
from sw.part_configs import FoldConfig
from tests.hw.layers import make_config, make_layer, random_pixels
from tests.hw.streams import pause_seed

FOLDS = [
    {},
    {"kernels": 2},
    {"channels": 2},
    {"taps": 2},
    {"channels": 3, "taps": 3},
    {"taps": MIN_MEMORY_GROUPS},
    {"taps": 6},
    {"kernels": 2, "channels": 2, "taps": 6},
]


def wanted(geometry, pixels, t, step):
    """The value of each lane in a sub-step of the window that ends with beat ``t``."""
    columns = geometry.config.layer.padded_shape[1]
    found = {}
    for c, lane in itertools.product(*map(range, geometry.values)):
        channel, tap = geometry.channels.part(step[1], c), geometry.taps.part(step[2], lane)
        if channel is not None and tap is not None:
            row, column = divmod(tap, 3)
            found[c, lane] = pixels[t - (1 - row) * columns - (2 - column)][channel]
    return found


@pytest.mark.parametrize("columns", [3, 4, 11])
@pytest.mark.parametrize("fold", FOLDS, ids=str)
def test_shows_what_each_lane_needs(fold, columns):
    """A sub-step may still be fetched in the cycle in which the next beat moves."""
    layer = make_layer(kernels=2, channels=3, kernel_shape=(2, 3), frame=(4, columns))
    config = make_config(layer, strategy="direct", fold=FoldConfig(**fold))
    geometry = FoldGeometry(config)
    dut = WindowFetch(geometry)
    rng = random.Random(pause_seed())
    pixels = random_pixels(rng, layer, 60)
    warm = columns + 3  # beats of a window

    async def bench(ctx):
        shown = []  # what must come out, a cycle each
        ctx.set(dut.enable, 1)

        async def cycle(*, move=None, t=-1, step=(0, 0, 0)):
            ctx.set(dut.i.valid, move is not None)
            if move is not None:
                ctx.set(dut.i.payload, move)
            for name, group in zip(("kernel", "channel", "tap"), step, strict=True):
                ctx.set(dut.step[name], group)
            shown.append(wanted(geometry, pixels, t, step) if t >= warm else {})
            if len(shown) > dut.latency:
                for (c, lane), value in shown[-1 - dut.latency].items():
                    assert ctx.get(dut.o[c][lane]) == value
            await ctx.tick()

        await cycle(move=pixels[0])
        for t, after in enumerate(pixels[1:]):
            *most, last = geometry.steps()
            for step in most:
                await cycle(t=t, step=step)
            await cycle(t=t, step=last, move=after)
        for _ in range(dut.latency):
            await cycle()

    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
