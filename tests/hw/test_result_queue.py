"""ResultQueue: results that nobody asked for yet, in order, up to its depth."""

import random

import pytest
from amaranth.sim import Simulator

from hw.blocks.result_queue import ResultQueue
from tests.hw.streams import pause_seed


@pytest.mark.parametrize("depth", [2, 3, 4, 9, 17])
@pytest.mark.parametrize("eager", [False, True])
def test_gives_back_what_it_got_in_order(depth, eager):
    """Full, empty and all between; ``o_next`` foretells ``o.valid``."""
    rng = random.Random(f"{depth} {pause_seed()}")
    dut = ResultQueue(8, depth)
    made, taken = [], []

    async def bench(ctx):
        foretold = 0
        for n in range(600):
            assert ctx.get(dut.o.valid) == foretold
            give = len(made) - len(taken) < depth and (eager or rng.random() < (n // 100 % 2) + 0.1)
            if give:
                made.append(rng.randrange(256))
                ctx.set(dut.i.payload, made[-1])
            ctx.set(dut.i.valid, give)
            take = ctx.get(dut.o.valid) and (eager or rng.random() < 0.5)
            ctx.set(dut.o.ready, take)
            if take:
                taken.append(ctx.get(dut.o.payload))
            foretold = ctx.get(dut.o_next)
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
    assert taken == made[: len(taken)]
    assert len(made) - len(taken) <= depth
    assert len(taken) > 150 // depth


@pytest.mark.parametrize("depth", [2, 3, 9])
def test_shows_a_result_after_its_latency_and_one_a_cycle(depth):
    dut = ResultQueue(8, depth)
    shown = []

    async def bench(ctx):
        ctx.set(dut.o.ready, 1)
        for n in range(20):
            ctx.set(dut.i.valid, n < 10)
            ctx.set(dut.i.payload, n)
            shown.append(ctx.get(dut.o.payload) if ctx.get(dut.o.valid) else None)
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
    quiet = [None] * dut.latency
    assert shown == [*quiet, *range(10), *[None] * (10 - dut.latency)]
