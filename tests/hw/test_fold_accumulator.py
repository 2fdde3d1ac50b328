"""FoldAccumulator: the sums of a window's sub-steps, whatever their pace."""

import random

from amaranth.sim import Simulator
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.blocks.fold_accumulator import FoldAccumulator
from tests.hw.streams import pause_seed
from tests.hw.test_weight_store import geometries


def some_products(geometry, step, rng, *, extreme):
    """By lane, the kernel it serves in a sub-step and a product; 0 where it serves none."""
    limits = geometry.product_range
    products = {}
    for lane in geometry.lane_numbers():
        axes = zip(geometry.axes, step, lane, strict=True)
        parts = [axis.part(group, n) for axis, group, n in axes]
        product = limits.hi if extreme else rng.randint(limits.lo, limits.hi)
        products[lane] = (parts[0], 0 if None in parts else product)
    return products


@settings(max_examples=40)
@given(geometry=geometries(), paused=st.booleans(), extreme=st.booleans())
def test_adds_up_every_window(geometry, paused, extreme):
    dut = FoldAccumulator(geometry)
    rng = random.Random(pause_seed())
    windows = 6
    sums, found = [], []

    async def bench(ctx):
        for _ in range(windows):
            sums.append([0] * geometry.kernels.parts)
            for step in geometry.steps():
                while paused and rng.randrange(2):
                    await ctx.tick()
                products = some_products(geometry, step, rng, extreme=extreme)
                for (k, c, t), (kernel, product) in products.items():
                    ctx.set(dut.i.product[k][c][t], product)
                    sums[-1][kernel or 0] += product
                ctx.set(dut.i.tag.step.kernel, step[0])
                last = (geometry.channels.groups - 1, geometry.taps.groups - 1)
                ctx.set(dut.i.tag.last, step[1:] == last)
                ctx.set(dut.i.valid, 1)
                await ctx.tick()
                ctx.set(dut.i.valid, 0)
        for _ in range(dut.latency + 1):
            await ctx.tick()

    async def watch(ctx):
        async for _, _, valid, payload in ctx.tick().sample(dut.o.valid, dut.o.payload):
            if valid:
                found.append([payload[f"k{k}"] for k in geometry.config.learned])

    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.add_testbench(watch, background=True)
    simulator.run()
    assert found == sums
