"""LaneMultipliers and LogicMultiplier: every product, in its cycle, whatever makes it."""

import itertools
import random

import pytest
from amaranth.hdl import Shape, signed
from amaranth.sim import Simulator

from hw.blocks.lane_multipliers import LaneMultipliers
from hw.blocks.logic_multiplier import LogicMultiplier
from hw.fold import FoldGeometry
from sw.part_configs import FoldConfig, LanesConfig
from tests.hw.layers import make_config, make_layer
from tests.hw.streams import pause_seed


def simulate(dut, bench):
    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()


def limits(shape):
    return (-(1 << shape.width - 1) if shape.signed else 0), 1 << shape.width


def check_products(value, weight, pairs):
    """Feed a pair a cycle and compare every product."""
    dut = LogicMultiplier(value, weight, signed(value.width + weight.width))
    expected = [x * w for x, w in pairs]

    async def bench(ctx):
        for n in range(len(pairs) + dut.latency):
            if n < len(pairs):
                ctx.set(dut.value, pairs[n][0])
                ctx.set(dut.weight, pairs[n][1])
            if n >= dut.latency:
                assert ctx.get(dut.product) == expected[n - dut.latency]
            await ctx.tick()

    simulate(dut, bench)


@pytest.mark.parametrize("value_signed", [False, True])
@pytest.mark.parametrize("bits", [(4, 4), (4, 5), (5, 4)])
def test_logic_multiplies_every_pair_of_small_numbers(bits, value_signed):
    value, weight = Shape(bits[0], value_signed), signed(bits[1])
    pairs = itertools.product(
        *(range(lo, lo + count) for lo, count in map(limits, (value, weight)))
    )
    check_products(value, weight, list(pairs))


@pytest.mark.parametrize("value_signed", [False, True])
@pytest.mark.parametrize("bits", [(8, 9), (16, 16), (12, 15), (16, 4)])
def test_logic_multiplies_large_numbers(bits, value_signed):
    rng = random.Random(pause_seed())
    value, weight = Shape(bits[0], value_signed), signed(bits[1])

    def some(shape):
        lo, count = limits(shape)
        return [lo, lo + count - 1, 0, *(rng.randrange(lo, lo + count) for _ in range(20))]

    check_products(value, weight, list(itertools.product(some(value), some(weight))))


@pytest.mark.parametrize(("multipliers", "latency"), [(0, 2), (3, 2), (4, 1), (4096, 1)])
def test_lanes_give_their_products_together(multipliers, latency):
    """However many are made of logic; the tag comes with them."""
    layer = make_layer(kernels=2, channels=2, kernel_shape=(1, 3))
    config = make_config(
        layer,
        strategy="direct",
        fold=FoldConfig(taps=3),
        lanes=LanesConfig(multipliers=multipliers),
    )
    geometry = FoldGeometry(config)
    dut = LaneMultipliers(geometry)
    assert dut.latency == latency
    rng = random.Random(pause_seed())
    expected = []

    async def bench(ctx):
        for n in range(40):
            valid, last = rng.randrange(2), rng.randrange(2)
            values = [rng.randrange(256) for _ in range(2)]
            weights = [[rng.randrange(-256, 256) for _ in range(2)] for _ in range(2)]
            ctx.set(dut.i.valid, valid)
            ctx.set(dut.i.tag.last, last)
            for k, c, t in geometry.lane_numbers():
                ctx.set(dut.i.value[c][t], values[c])
                ctx.set(dut.i.weight[k][c][t], weights[k][c])
            products = [[values[c] * weights[k][c] for c in range(2)] for k in range(2)]
            expected.append((valid, last, products))
            assert ctx.get(dut.i.ready)
            if n >= latency:
                valid, last, products = expected[n - latency]
                assert (ctx.get(dut.o.valid), ctx.get(dut.o.tag.last)) == (valid, last)
                for k, c, t in geometry.lane_numbers():
                    assert ctx.get(dut.o.product[k][c][t]) == products[k][c]
            await ctx.tick()

    simulate(dut, bench)
