"""The RTL of the template bank against its plan and against plain sums."""

import numpy as np
import pytest
from amaranth.back import rtlil
from amaranth.sim import Simulator

from hw.bank_plan import plan_bank
from hw.blocks.template_bank import TemplateBank
from sw.config import EngineConfig
from sw.numeric import FixedFormat
from sw.spec import LayerSpec
from sw.templates import hlac25

CHANCES = {"always": (1.0, 1.0), "half": (0.5, 0.5), "starved": (0.2, 1.0), "stalled": (1.0, 0.2)}


NAMES = ["hlac25", "hlac25-scaled", "ternary", "signed", "pointwise"]


def config_of(weight, *, width, bits=8, signed=False, scale="multiply"):
    weight = np.asarray(weight, dtype=np.int64)
    _, channels, height, _ = weight.shape
    layer = LayerSpec(
        weight=weight,
        input_shape=(channels, height, width),
        input_format=FixedFormat(bits=bits, frac=bits, signed=signed),
    )
    return EngineConfig(name="test", layer=layer, template_scale=scale)


def banks():
    random = np.random.default_rng(25)
    hlac = np.repeat(hlac25()[:, None], 3, axis=1).astype(np.int64)
    magnitudes = random.integers(1, 60, (6, 1, 1, 1))
    yield config_of(hlac, width=8, scale="defer")
    yield config_of(hlac * 148, width=5)
    yield config_of(random.integers(-1, 2, (6, 2, 3, 2)) * magnitudes, width=4)
    signed = random.choice([-1, 1], (5, 3, 2, 5))
    yield config_of(signed, width=24, signed=True, bits=5)
    yield config_of(random.choice([-1, 1], (4, 4, 1, 1)), width=3)


def window_sums(config, beats):
    """Equation (1) beat by beat, from the weights, zeros before the first beat: (K, N)."""
    row = config.layer.padded_shape[1]
    kernels = sorted(config.template_kernels)
    sums = np.zeros((len(kernels), beats.shape[1]), np.int64)
    for n, k in enumerate(kernels):
        weight = config.layer.weight[k]
        if config.template_scale == "defer":
            weight = np.sign(weight)
        channels, height, width = weight.shape
        for c, i, j in np.ndindex(channels, height, width):
            delay = (height - 1 - i) * row + width - 1 - j
            kept = max(beats.shape[1] - delay, 0)
            sums[n, beats.shape[1] - kept :] += weight[c, i, j] * beats[c, :kept]
    return sums


def run(plan, beats, chances, seed):
    """What the block shows at each transfer, (K, N), under random pauses on both sides."""
    random = np.random.default_rng(seed)
    dut = TemplateBank(plan)
    shown = []

    async def bench(ctx):
        offered = False
        for pixel in beats.T:
            ctx.set(dut.i.payload, pixel.tolist())
            done = False
            while not done:
                offered = offered or random.random() < chances[0]
                ready = random.random() < chances[1]
                ctx.set(dut.i.valid, int(offered))
                ctx.set(dut.o.ready, int(ready))
                assert ctx.get(dut.o.valid) == offered
                assert ctx.get(dut.i.ready) == ready
                done = offered and ready
                if done:
                    payload = ctx.get(dut.o.payload)
                    shown.append([payload[f"k{k}"] for k in plan.outputs])
                await ctx.tick()
            offered = False

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return np.array(shown).T


@pytest.mark.parametrize("pauses", CHANCES)
@pytest.mark.parametrize("config", list(banks()), ids=NAMES)
def test_sums_are_the_plans_and_plain_sums(config, pauses):
    plan = plan_bank(config)
    limits = config.layer.input_format.range
    beats = np.random.default_rng(3).integers(
        limits.lo, limits.hi + 1, (config.layer.channels, 90), dtype=np.int64
    )
    beats[:, 20:45] = limits.hi
    beats[:, 45:70] = limits.lo
    shown = run(plan, beats, CHANCES[pauses], seed=7)
    # Rings of memory hold zeros in simulation, as registers do.
    assert (shown == plan.evaluate(beats)).all()
    expected = window_sums(config, beats)
    assert (shown[:, plan.latency :] == expected[:, : beats.shape[1] - plan.latency]).all()


@pytest.mark.parametrize("config", list(banks()), ids=NAMES)
def test_no_multiplier_is_made_and_the_interface_is_the_plans(config):
    plan = plan_bank(config)
    dut = TemplateBank(plan)
    assert "$mul" not in rtlil.convert(dut)
    assert dut.latency == plan.latency
    assert list(dut.o.payload.shape().members) == [f"k{k}" for k in sorted(plan.outputs)]
