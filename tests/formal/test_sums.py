"""TemplateBank, Magnitude, BiasAdder: each is its equation, every beat."""

from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Const

from hw.bank_plan import plan_bank
from hw.blocks.bias_adder import BiasAdder
from hw.blocks.magnitude import Magnitude
from hw.blocks.template_bank import TemplateBank
from sw.config import EngineConfig
from sw.numeric import FixedFormat
from sw.spec import LayerSpec
from tests.formal.contract import BeatHarness, HoldHarness, history
from tests.formal.prove import prove

pytestmark = pytest.mark.formal


def make_config(weight, *, columns=3, bias_bits=0, template_scale: Any = "multiply"):
    weight = np.asarray(weight)
    layer = LayerSpec(
        weight=weight,
        input_shape=(weight.shape[1], 4, columns),
        input_format=FixedFormat(bits=4, frac=0, signed=False),
        weight_format=FixedFormat(bits=4, frac=0, signed=True),
    )
    templates = "auto" if np.abs(weight).max() == 1 else "none"
    return EngineConfig(
        name="test",
        layer=layer,
        templates=templates,
        bias_bits=bias_bits,
        template_scale=template_scale,
    )


def ages(layer):
    """How many beats each tap of a window is older than its last, row-major."""
    rows, columns = layer.kernel_shape
    across = layer.padded_shape[1]
    return [
        (rows - 1 - i) * across + (columns - 1 - j) for i in range(rows) for j in range(columns)
    ]


def bank(patterns, *, columns=3, wrong_sign=False):
    config = make_config(patterns, columns=columns)
    plan = plan_bank(config)
    dut = TemplateBank(plan)
    old = ages(config.layer)
    weights = np.array(patterns).reshape(len(patterns), config.layer.channels, -1)
    if wrong_sign:
        weights[0, 0, 0] *= -1

    def total(words, kernel):
        terms = Const(0)
        for c, n in np.ndindex(weights.shape[1:]):
            term = words[c][old[n]]
            if weights[kernel, c, n]:
                terms = terms + term if weights[kernel, c, n] > 0 else terms - term
        return terms

    def model(m, step, i, o):
        words = [history(m, step, i[c], max(old)) for c in range(config.layer.channels)]
        return [(o[f"k{kernel}"], total(words, kernel)) for kernel in config.template_kernels]

    return BeatHarness(dut, latency=dut.latency, model=model, warm_up=max(old), every_cycle=True)


BANKS: dict[str, tuple[Any, int]] = {
    "row": ([[[[1, -1, 1]]], [[[1, 1, 1]]], [[[-1, 1, 0]]]], 4),
    "two rows": ([[[[1, -1], [1, 1]]], [[[1, -1], [-1, 1]]]], 3),
    "two channels": ([[[[1, -1]], [[1, -1]]], [[[1, 1]], [[-1, 1]]]], 3),
}


@pytest.mark.parametrize("name", BANKS)
def test_bank_sums_the_window(name):
    patterns, columns = BANKS[name]
    harness = bank(patterns, columns=columns)
    prove(harness, mode="bmc", depth=harness.warm_up + harness.latency + 2).holds()


@pytest.mark.parametrize("name", BANKS)
def test_bank_moves_with_the_beats_alone(name):
    patterns, columns = BANKS[name]
    prove(HoldHarness(bank(patterns, columns=columns).dut), mode="prove", depth=2).holds()


@pytest.mark.parametrize("name", BANKS)
def test_fault_bank_with_another_mask(name):
    patterns, columns = BANKS[name]
    harness = bank(patterns, columns=columns, wrong_sign=True)
    depth = harness.warm_up + harness.latency + 2
    prove(harness, mode="bmc", depth=depth).breaks("is as specified")


def adder(*, off=0, bias_bits=5):
    config = make_config([[[[3]]], [[[-2]]]], columns=1, bias_bits=bias_bits)
    dut = BiasAdder(config)

    def model(m, step, i, o):  # noqa: ARG001
        bias = vars(harness)["bias"] if bias_bits else [0, 0]
        return [(o[f"k{k}"], i[f"k{k}"] + bias[k] + off) for k in range(2)]

    harness = BeatHarness(dut, latency=dut.latency, model=model)
    return harness


def multiplier(*, off=0):
    config = make_config([[[[1, -1]]], [[[1, 1]]]], template_scale="register")
    dut = Magnitude(config)

    def model(m, step, i, o):  # noqa: ARG001
        magnitude = vars(harness)["magnitude"]
        return [(o[f"k{k}"], i[f"k{k}"] * magnitude[k] + off) for k in range(2)]

    harness = BeatHarness(dut, latency=dut.latency, model=model)
    return harness


def test_magnitudes_are_multiplied_in():
    prove(multiplier(), mode="bmc", depth=5).holds()


def test_fault_magnitude_is_off_by_one():
    prove(multiplier(off=1), mode="bmc", depth=5).breaks("is as specified")


@pytest.mark.parametrize("bias_bits", [0, 5])
def test_bias_adder_adds(bias_bits):
    prove(adder(bias_bits=bias_bits), mode="bmc", depth=8).holds()


def test_fault_bias_adder_is_off_by_one():
    prove(adder(off=1), mode="bmc", depth=8).breaks("is as specified")
