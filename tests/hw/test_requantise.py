"""Requantise against sw.numeric, over formats, and at its ties and limits."""

import numpy as np
import pytest
from amaranth.hdl import Signal, signed
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.blocks.requantise import Requantise, clip, rounded_range
from sw.config import EngineConfig
from sw.numeric import FixedFormat, IntRange, requantise
from sw.part_configs import OutputConfig
from sw.spec import LayerSpec
from tests.hw.streams import PAUSES, pause_seed, run_beats


def make_config(weight, output, *, bias_bits=0, input_bits=8, input_signed=False):
    weight = np.asarray(weight, np.int64)
    return EngineConfig(
        name="test",
        layer=LayerSpec(
            weight=weight,
            input_shape=(weight.shape[1], *weight.shape[2:]),
            input_format=FixedFormat(bits=input_bits, frac=0, signed=input_signed),
        ),
        bias_bits=bias_bits,
        output=output,
    )


def expected(config, accumulators, scale):
    """Rows of accumulators to rows of outputs, by sw.numeric alone."""
    result = np.asarray(accumulators, np.int64)
    if config.output.kind == "requantise":
        factor = scale if config.output.scale_bits else np.ones_like(scale)
        result = requantise(
            result, scale=factor, shift=config.output.shift, limits=config.output.limits
        )
    return np.maximum(result, 0) if config.output.relu else result


def check(config, accumulators, scale=None, pause=PAUSES[0]):
    kernels = config.layer.kernels
    scale = np.ones(kernels, np.int64) if scale is None else np.asarray(scale)
    dut = Requantise(config)

    def setup(ctx, dut):
        if dut.scaled:
            ctx.set(dut.i_scale, [int(s) for s in scale])

    beats = [{f"k{k}": int(v) for k, v in enumerate(row)} for row in accumulators]
    results = run_beats(dut, beats, dut.latency, pause=pause, setup=setup)
    assert results == expected(config, accumulators, scale).tolist()


def interesting(limits, shift, rng):
    """Values of a range at its ends, at ties of the shift, around zero, and anywhere."""
    unit = 1 << shift
    ties = [n * unit + unit // 2 + d for n in range(-3, 4) for d in (-1, 0, 1)]
    values = [limits.lo, limits.lo + 1, limits.hi - 1, limits.hi, -1, 0, 1, *ties]
    values += [int(v) for v in rng.integers(limits.lo, limits.hi, 24, endpoint=True)]
    return [min(max(v, limits.lo), limits.hi) for v in values]


OUTPUTS = st.builds(
    OutputConfig,
    kind=st.sampled_from(["exact", "requantise", "requantise", "requantise"]),
    bits=st.integers(1, 32),
    signed=st.booleans(),
    shift=st.one_of(st.integers(0, 12), st.integers(0, 47)),
    scale_bits=st.one_of(st.just(0), st.integers(1, 16)),
    relu=st.booleans(),
)

TEMPLATE = [[[1, -1]], [[1, 1]], [[-1, -1]]]
LEARNED = [[[3, -7]], [[100, 2]], [[-5, 1]]]


@settings(max_examples=60, deadline=None)
@given(
    output=OUTPUTS,
    weight=st.sampled_from([TEMPLATE, LEARNED, [*TEMPLATE, *LEARNED]]),
    bias_bits=st.sampled_from([0, 4, 20]),
    input_signed=st.booleans(),
    seed=st.integers(0, 999),
)
def test_is_bit_exact_for_any_format(output, weight, bias_bits, input_signed, seed):
    config = make_config(
        np.array(weight)[:, :, None, :], output, bias_bits=bias_bits, input_signed=input_signed
    )
    rng = np.random.default_rng([seed, pause_seed()])
    columns = [
        interesting(config.accumulator_range(k), output.shift, rng)
        for k in range(config.layer.kernels)
    ]
    scale = rng.integers(0, 1 << output.scale_bits, config.layer.kernels)
    check(config, np.array(columns).T, scale)


@pytest.mark.parametrize("pause", PAUSES)
@pytest.mark.parametrize("scale_bits", [0, 8])
def test_holds_every_beat_under_back_pressure(pause, scale_bits):
    config = make_config(
        [[[[3, -7]]], [[[1, 1]]]], OutputConfig(kind="requantise", shift=5, scale_bits=scale_bits)
    )
    rng = np.random.default_rng(pause_seed())
    rows = [
        rng.integers(r.lo, r.hi, 50, endpoint=True)
        for r in (config.accumulator_range(0), config.accumulator_range(1))
    ]
    check(config, np.array(rows).T, scale=[200, 3], pause=pause)


def test_rounds_ties_to_even_both_ways():
    config = make_config([[[[3]]]], OutputConfig(kind="requantise", shift=1, bits=8))
    check(config, [[n] for n in (-7, -5, -3, -1, 1, 3, 5, 7)])


def test_is_zero_where_the_shift_exceeds_the_word():
    config = make_config([[[[3]]]], OutputConfig(kind="requantise", shift=40))
    limits = config.accumulator_range(0)
    check(config, [[limits.lo], [limits.hi], [-1], [0], [1]])


@pytest.mark.parametrize(
    ("output", "latency"),
    [
        (OutputConfig(), 0),
        (OutputConfig(relu=True, scale_bits=4), 0),
        (OutputConfig(kind="requantise"), 1),
        (OutputConfig(kind="requantise", scale_bits=4), 2),
    ],
)
def test_has_only_the_stages_it_needs(output, latency):
    assert Requantise(make_config([[[[3]]]], output)).latency == latency


def test_rounded_range_is_reached_at_both_ends():
    assert rounded_range(IntRange(-6, 7), 2) == IntRange(-2, 2)


def test_clip_refuses_limits_that_bits_do_not_tell():
    with pytest.raises(ValueError, match="power of two less one, not 9"):
        clip(Signal(signed(8)), IntRange(-128, 127), IntRange(-8, 9))
    with pytest.raises(ValueError, match="minus a power of two, not -9"):
        clip(Signal(signed(8)), IntRange(-128, 127), IntRange(-9, 127))
