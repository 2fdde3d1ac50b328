"""Magnitude: every template's pattern sum times its register, at the ends of every range."""

import random

import numpy as np
import pytest

from hw.blocks.magnitude import Magnitude, pattern_layout
from sw.config_error import ConfigError
from tests.hw.layers import make_config, make_layer
from tests.hw.streams import PAUSES, Pause, pause_seed, run_beats


def make(magnitudes, *, weight_bits=9, learned=1, input_signed=False):
    """A layer of two-valued and ternary kernels of these magnitudes, behind learned ones."""
    layer = make_layer(
        kernels=learned + len(magnitudes),
        channels=2,
        kernel_shape=(2, 2),
        weight_bits=weight_bits,
        input_signed=input_signed,
    )
    rng = np.random.default_rng(pause_seed())
    for k, magnitude in enumerate(magnitudes, learned):
        layer.weight[k] = magnitude * rng.choice([-1, 1] if k % 2 else [-1, 0], (2, 2, 2))
        layer.weight[k, 0, 0] = -magnitude
    return make_config(layer, templates="auto", template_scale="register")


def check(config, magnitudes, pause=(Pause.ALWAYS, Pause.ALWAYS)):
    rng = random.Random(pause_seed())
    ranges = {k: config.pattern_range(k) for k in config.template_kernels}
    sums = [
        *([limits.lo for limits in ranges.values()], [limits.hi for limits in ranges.values()]),
        *([rng.randint(limits.lo, limits.hi) for limits in ranges.values()] for _ in range(40)),
    ]
    dut = Magnitude(config)
    beats = [{f"k{k}": value for k, value in zip(ranges, row, strict=True)} for row in sums]
    results = run_beats(
        dut, beats, 1, pause=pause, setup=lambda ctx, dut: ctx.set(dut.magnitude, magnitudes)
    )
    assert [list(result.values()) for result in results] == [
        [value * a for value, a in zip(row, magnitudes, strict=True)] for row in sums
    ]


@pytest.mark.parametrize("pause", PAUSES)
def test_multiplies_under_back_pressure(pause):
    check(make([3, 148]), [200, 7], pause)


@pytest.mark.parametrize("input_signed", [False, True])
@pytest.mark.parametrize("weight_bits", [4, 9, 16])
def test_every_magnitude_fits(weight_bits, input_signed):
    config = make([1, 2, 3], weight_bits=weight_bits, input_signed=input_signed)
    assert config.magnitude_bits == weight_bits - 1
    largest = (1 << config.magnitude_bits) - 1
    check(config, [0, 1, largest])
    check(config, [largest] * 3)


def test_the_most_negative_weight_is_a_magnitude_too():
    config = make([8, 1], weight_bits=4)
    assert config.magnitude_bits == 4
    assert config.magnitudes.tolist() == [8, 1]
    check(config, [8, 15])


def test_takes_templates_alone():
    config = make([5, 6], learned=2)
    assert [name for name, _ in pattern_layout(config)] == ["k2", "k3"]
    assert Magnitude(config).latency == 1


def test_a_bank_alone_has_no_registers():
    config = make([5])
    with pytest.raises(ConfigError, match="template_scale must be multiply or defer with top"):
        make_config(config.layer, templates="auto", template_scale="register", top="template_bank")
