"""Requantise: the beat contract, and each output the nearest integer that fits, ties to even.

The specification says what rounding is by distances, as a textbook does; the block adds bits.
"""

from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Const, Mux, Signal, Value

from hw.blocks.requantise import Requantise
from sw.config import EngineConfig
from sw.numeric import FixedFormat
from sw.part_configs import OutputConfig
from sw.spec import LayerSpec
from tests.formal.contract import BeatHarness, history, suppose
from tests.formal.prove import prove

pytestmark = pytest.mark.formal


def make_config(output):
    layer = LayerSpec(
        weight=np.array([[[[3]]], [[[-1]]]]),
        input_shape=(1, 1, 1),
        input_format=FixedFormat(bits=4, frac=0, signed=False),
        weight_format=FixedFormat(bits=4, frac=0, signed=True),
    )
    return EngineConfig(name="test", layer=layer, output=output, templates="none")


def is_nearest(out: Value, total: Value, *, shift: int, config: Any, even: int) -> Value:
    """Whether ``out`` is ``total / 2**shift`` to the nearest, saturated; ``even``: a tie's parity.

    distance = 2 * (total - out * 2**shift) lies within -2**shift .. 2**shift; at a limit of the
    range only the side that leads back into it counts.
    """
    limits = config.output_range
    unit = 1 << shift
    distance = 2 * total - 2 * out * unit
    tie_is_right = out[0] == even if shift else Const(1)
    below = (distance < unit) | ((distance == unit) & tie_is_right)
    above = (distance > -unit) | ((distance == -unit) & tie_is_right)
    return (below | (out == limits.hi)) & (above | (out == limits.lo))


def harness(output, *, even=0, in_range=True):
    """The faults: a specification that rounds ties to odd; sums beyond the range.

    The widths follow from the accumulators' proved ranges, which are assumed of the input. The
    scale is free in every cycle: a beat has the one that it met when it came in.
    """
    config = make_config(output)
    dut = Requantise(config)

    def model(m, step, i, o):
        pairs = []
        for k in range(2):
            total = i[f"k{k}"]
            if dut.scaled:
                total = i[f"k{k}"] * vars(now)["i_scale"][k]
            delayed = history(m, step, total, dut.latency)[-1]
            good = Signal()
            if output.kind == "exact":
                wanted = Mux(delayed < 0, 0, delayed) if output.relu else delayed
                m.d.comb += good.eq(o[k] == wanted)
            else:
                m.d.comb += good.eq(
                    is_nearest(o[k], delayed, shift=output.shift, config=config, even=even)
                )
            pairs.append((good, Const(1)))
        return pairs

    def assumptions(m, harness):
        for k in range(2 if in_range else 0):
            bounds, total = config.accumulator_range(k), harness.i.payload[f"k{k}"]
            suppose(m, (total >= bounds.lo) & (total <= bounds.hi))

    now = BeatHarness(dut, latency=dut.latency, model=model, assumptions=assumptions)
    return now


OUTPUTS = {
    "exact": OutputConfig(),
    "exact-relu": OutputConfig(relu=True),
    "shift0": OutputConfig(kind="requantise", shift=0, bits=4),
    "shift1": OutputConfig(kind="requantise", shift=1, bits=5),
    "shift3-unsigned": OutputConfig(kind="requantise", shift=3, bits=3, signed=False),
    "shift2-relu": OutputConfig(kind="requantise", shift=2, bits=4, relu=True),
    "shift-past-the-word": OutputConfig(kind="requantise", shift=11, bits=4),
    "scale": OutputConfig(kind="requantise", shift=3, bits=5, scale_bits=3),
    "scale-relu": OutputConfig(kind="requantise", shift=4, bits=4, scale_bits=2, relu=True),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_is_the_nearest_that_fits(name):
    prove(harness(OUTPUTS[name]), mode="bmc", depth=8).holds()


@pytest.mark.parametrize("name", ["shift1", "shift3-unsigned", "shift2-relu", "scale"])
def test_fault_ties_to_odd(name):
    prove(harness(OUTPUTS[name], even=1), mode="bmc", depth=8).breaks("is as specified")


def test_fault_an_accumulator_beyond_its_range():
    verdict = prove(harness(OUTPUTS["shift2-relu"], in_range=False), mode="bmc", depth=8)
    verdict.breaks("result 1 is as specified")
