"""WeightStore: the weight of every lane in every sub-step, of the set that is active."""

import random

import numpy as np
from amaranth.sim import Simulator
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.blocks.weight_store import WeightStore
from hw.fold import FoldGeometry
from sw.part_configs import FoldConfig
from tests.hw.layers import make_config, make_layer
from tests.hw.streams import pause_seed


@st.composite
def geometries(draw):
    sizes = {name: draw(st.integers(1, 4)) for name in ("kernels", "channels", "taps")}
    fold = {name: draw(st.integers(1, size)) for name, size in sizes.items()}
    layer = make_layer(
        kernels=sizes["kernels"],
        channels=sizes["channels"],
        kernel_shape=(1, sizes["taps"]),
        weight_bits=draw(st.sampled_from([4, 9])),
    )
    return FoldGeometry(make_config(layer, strategy="direct", fold=FoldConfig(**fold)))


def expected(geometry, weight, step, lane):
    """The weight of a lane in a sub-step; 0 where it has no part of the group."""
    parts = [a.part(g, n) for a, g, n in zip(geometry.axes, step, lane, strict=True)]
    if None in parts:
        return 0
    k, c, t = parts
    return int(weight[k, c].ravel()[t])


async def load(ctx, dut, rng, weight, length):
    """The first ``length`` words of a set, with pauses."""
    words = weight.swapaxes(0, 1).ravel().tolist()
    for n, word in enumerate(words[:length]):
        ctx.set(dut.i_weight.valid, 1)
        ctx.set(dut.i_weight.payload.weight, word)
        ctx.set(dut.i_weight.payload.first, n == 0)
        ctx.set(dut.i_weight.payload.last, n == len(words) - 1)
        await ctx.tick()
        ctx.set(dut.i_weight.valid, 0)
        if rng.randrange(2):
            await ctx.tick()


async def check(ctx, dut, weight):
    """Every lane in every sub-step."""
    geometry = dut.geometry
    for step in geometry.steps():
        for name, group in zip(("kernel", "channel", "tap"), step, strict=True):
            ctx.set(dut.step[name], group)
        ctx.set(dut.enable, 1)
        for _ in range(dut.latency):
            await ctx.tick()
        ctx.set(dut.enable, 0)
        for lane in geometry.lane_numbers():
            k, c, t = lane
            assert ctx.get(dut.o[k][c][t]) == expected(geometry, weight, step, lane)


@settings(max_examples=40)
@given(geometry=geometries(), restarts=st.integers(0, 2), swaps=st.integers(0, 3))
def test_shows_the_active_set(geometry, restarts, swaps):
    """Whatever was begun and not ended before a set is loaded; after each swap the new one."""
    rng = random.Random(pause_seed())
    dut = WeightStore(geometry)
    shape = geometry.config.learned_weight.shape
    limits = geometry.config.layer.weight_format.range
    numbers = np.random.default_rng(pause_seed())

    async def bench(ctx):
        active = geometry.config.learned_weight
        await check(ctx, dut, active)
        for _ in range(swaps):
            new = numbers.integers(limits.lo, limits.hi, shape, endpoint=True)
            for _ in range(restarts):
                await load(ctx, dut, rng, new[::-1], rng.randint(1, active.size))
            await load(ctx, dut, rng, new, new.size)
            await check(ctx, dut, active)
            while not ctx.get(dut.loaded):
                await ctx.tick()
            ctx.set(dut.swap, 1)
            await ctx.tick()
            ctx.set(dut.swap, 0)
            active = new
            await check(ctx, dut, active)

    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
