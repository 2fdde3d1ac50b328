"""SubSteps: each beat has its number of sub-steps, in consecutive cycles, and no other is made."""

import random
from itertools import pairwise

import pytest
from amaranth.hdl import ResetInserter, Signal
from amaranth.sim import Simulator

from hw.blocks.sub_steps import SubSteps
from tests.hw.streams import pause_seed


def watched(count, *, eager, resets=0.0, cycles=300):
    """(a beat moves, a sub-step is made, there was a reset) for each cycle."""
    rng = random.Random(f"{pause_seed()} {count} {eager} {resets}")
    dut, reset = SubSteps(count), Signal()
    seen = []

    async def drive(ctx):
        for _ in range(cycles):
            ctx.set(reset, rng.random() < resets)
            ctx.set(dut.i_valid_next, 0)
            may = ctx.get(dut.i_ready_next) and not ctx.get(reset)
            ctx.set(dut.i_valid_next, bool(may and rng.random() < eager))
            announced = ctx.get(dut.i_valid_next), ctx.get(dut.step_next), ctx.get(reset)
            await ctx.tick()
            seen.append(announced)

    simulator = Simulator(ResetInserter(reset)(dut))
    simulator.add_clock(1e-8)
    simulator.add_testbench(drive)
    simulator.run()
    return seen


@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("eager", [1.0, 0.5, 0.1])
def test_a_beat_lasts_its_sub_steps(count, eager):
    left = 0
    beats = 0
    for moves, steps, _ in watched(count, eager=eager):
        if moves:
            assert left == 0
            left, beats = count, beats + 1
        assert steps == (left > 0)
        left = max(left - 1, 0)
    assert beats > 10


@pytest.mark.parametrize("count", [1, 4])
def test_beats_follow_without_a_gap(count):
    assert all(steps for _, steps, _ in watched(count, eager=1.0))


def test_a_reset_ends_the_beat_under_way():
    seen = watched(5, eager=0.3, resets=0.1)
    after = [later for (_, _, reset), later in pairwise(seen) if reset]
    assert any(after)
    assert all(moves or not steps for moves, steps, _ in after)
