"""The RTL of the serial bank against its program, and in the datapath."""

import numpy as np
import pytest
from amaranth.sim import Simulator
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hw.blocks.serial_bank import SerialBank
from hw.serial_plan import plan_serial
from sw.part_configs import FoldConfig, OutputConfig
from sw.templates import find_templates
from tests.hw.datapaths import check
from tests.hw.layers import layers, make_config, make_layer
from tests.hw.streams import PAUSES, pause_seed
from tests.hw.test_datapath import with_templates
from tests.hw.test_serial_plan import beats_for, serial_configs
from tests.hw.test_template_bank import NAMES, banks

CHANCES = {"always": 1.0, "half": 0.5, "starved": 0.05}


def run(plan, beats, chance, seed=7):
    """What the block shows in each move, (K, N), and the cycles of the moves.

    While nothing moves the pixel is anything.
    """
    random = np.random.default_rng(seed)
    dut = SerialBank(plan)
    shown, moves = [], []

    async def bench(ctx):
        ready = cycle = 0
        while len(moves) < beats.shape[1]:
            moving = ready and random.random() < chance
            pixel = beats[:, len(moves)] if moving else random.choice(beats.ravel(), len(beats))
            ctx.set(dut.i.payload, pixel.tolist())
            ctx.set(dut.i.valid, int(moving))
            assert ctx.get(dut.o.valid) == moving
            if moving:
                payload = ctx.get(dut.o.payload)
                shown.append([payload[f"k{k}"] for k in plan.outputs])
                moves.append(cycle)
            ready = ctx.get(dut.i_ready_next)
            await ctx.tick()
            cycle += 1

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return np.array(shown).T, np.diff(moves)


def check_alone(config, chance, length):
    plan = plan_serial(config)
    beats = beats_for(config, length)
    shown, waits = run(plan, beats, chance)
    # The register of what is shown holds anything until the first program has run.
    assert (shown[:, 1:] == plan.evaluate(beats)[:, 1:]).all()
    assert waits.min() >= plan.cycles
    if chance == 1.0:
        assert set(waits) == {plan.cycles}


@pytest.mark.parametrize("pauses", CHANCES)
@pytest.mark.parametrize("config", list(banks()), ids=NAMES)
def test_sums_are_the_programs(config, pauses):
    check_alone(config, CHANCES[pauses], 40)


@settings(max_examples=15)
@given(config=serial_configs(), chance=st.sampled_from([*CHANCES.values()]))
def test_any_bank(config, chance):
    check_alone(config, chance, 25)


@st.composite
def configs(draw):
    layer = draw(layers(kernels=4, channels=3, kernel=3, frame=5))
    chosen = draw(st.lists(st.integers(0, layer.kernels - 1), unique=True, min_size=1))
    layer = with_templates(layer, chosen)
    assume(any(find_templates(layer.weight)))
    return make_config(
        layer,
        templates="auto",
        bank="serial",
        template_scale=draw(st.sampled_from(["multiply", "defer", "register"])),
        strategy=draw(st.sampled_from(["value_cam", "direct"])),
        bias_bits=draw(st.sampled_from([0, 6])),
        output=draw(
            st.sampled_from(
                [OutputConfig(), OutputConfig(kind="requantise", shift=4, bits=6, scale_bits=5)]
            )
        ),
    )


@settings(max_examples=15)
@given(config=configs(), pause=st.sampled_from(PAUSES), seed=st.integers(0, 999))
def test_is_the_golden_model_in_the_datapath(config, pause, seed):
    check(config, np.random.default_rng([seed, pause_seed()]), pause=pause)


FOLDED = make_config(
    with_templates(
        make_layer(kernels=5, channels=2, kernel_shape=(2, 3), frame=(4, 5), stride=(2, 1)),
        [0, 2, 3],
    ),
    templates="auto",
    bank="serial",
    strategy="direct",
    fold=FoldConfig(kernels=2, channels=2, taps=6),
)


@pytest.mark.parametrize("pause", PAUSES)
def test_holds_every_beat_beside_a_folded_strategy(pause):
    check(FOLDED, np.random.default_rng(pause_seed()), pause=pause)
