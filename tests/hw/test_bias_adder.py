"""BiasAdder: a bias a kernel, at the ends of every range; nothing where there is none."""

import random

import pytest

from hw.blocks.bias_adder import BiasAdder
from tests.hw.layers import make_config, make_layer
from tests.hw.streams import PAUSES, Pause, pause_seed, run_beats


def check(config, bias, pause=(Pause.ALWAYS, Pause.ALWAYS)):
    rng = random.Random(pause_seed())
    ranges = [config.sum_range(k) for k in range(config.layer.kernels)]
    sums = [
        *([limits.lo for limits in ranges], [limits.hi for limits in ranges]),
        *([rng.randint(limits.lo, limits.hi) for limits in ranges] for _ in range(40)),
    ]
    dut = BiasAdder(config)

    def setup(ctx, dut):
        if config.bias_bits:
            ctx.set(dut.bias, bias)

    beats = [{f"k{k}": value for k, value in enumerate(row)} for row in sums]
    results = run_beats(dut, beats, dut.latency, pause=pause, setup=setup)
    assert [list(result.values()) for result in results] == [
        [value + b for value, b in zip(row, bias, strict=True)] for row in sums
    ]


@pytest.mark.parametrize("pause", PAUSES)
@pytest.mark.parametrize("bias_bits", [0, 8])
def test_adds_under_back_pressure(pause, bias_bits):
    config = make_config(make_layer(kernels=2, channels=2), bias_bits=bias_bits)
    check(config, [-128, 127] if bias_bits else [0, 0], pause)


@pytest.mark.parametrize("bias_bits", [1, 2, 20, 32])
def test_every_bias_fits(bias_bits):
    low, high = -(1 << bias_bits - 1), (1 << bias_bits - 1) - 1
    config = make_config(make_layer(kernels=3, kernel_shape=(2, 2)), bias_bits=bias_bits)
    check(config, [low, high, 0])


def test_templates_keep_their_own_narrower_sums():
    layer = make_layer(kernels=3, kernel_shape=(2, 2))
    layer.weight[1] = [[[1, -1], [0, 1]]]
    config = make_config(layer, templates="auto", bias_bits=6)
    assert list(config.template_kernels) == [1]
    check(config, [-32, 31, 5])


@pytest.mark.parametrize(("bias_bits", "latency"), [(0, 0), (5, 1)])
def test_no_bias_takes_no_beat(bias_bits, latency):
    assert BiasAdder(make_config(make_layer(), bias_bits=bias_bits)).latency == latency
