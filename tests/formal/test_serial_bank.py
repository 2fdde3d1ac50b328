"""SerialBank: in every move the sums of the window that ended ``latency`` beats ago, and no delay.

When beats come is free within the contract of strategies, and so is every pixel; while none
moves the pixel's input is anything. Sums are stated from the pixels themselves.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Const, Module, Mux, Signal

from hw.blocks.serial_bank import SerialBank
from hw.serial_plan import plan_serial
from sw.config import EngineConfig
from sw.numeric import FixedFormat
from sw.spec import LayerSpec
from tests.formal.contract import Harness, claim, history, past, suppose
from tests.formal.probe import Probe
from tests.formal.prove import prove

pytestmark = pytest.mark.formal

BANKS: dict[str, Any] = {
    "row": [[[[1, -1]]], [[[1, 1]]]],
    "two channels": [[[[1]], [[-1]]], [[[-1]], [[-1]]]],
}


def make(patterns):
    weight = np.asarray(patterns)
    layer = LayerSpec(
        weight=weight,
        input_shape=(weight.shape[1], 1, weight.shape[3]),
        input_format=FixedFormat(bits=4, frac=0, signed=False),
        weight_format=FixedFormat(bits=4, frac=0, signed=True),
    )
    return EngineConfig(name="test", layer=layer)


class BankHarness(Harness):
    """``early``: a beat may move so many cycles before it is allowed to; the fault."""

    def __init__(self, dut, weight, *, early=0):
        self.weight, self.early = np.asarray(weight), early
        super().__init__(dut)

    def properties(self, m: Module, probe: Probe) -> None:  # noqa: ARG002
        plan = self.dut.plan
        ready: Any = vars(self)["i_ready_next"]
        move = self.i.valid
        waited = Signal(range(plan.cycles + 1), init=plan.cycles)
        m.d.sync += waited.eq(Mux(move, 1, waited + (waited != plan.cycles)))
        if self.early:
            begun = Signal()
            m.d.sync += begun.eq(begun | move)
            suppose(m, ~(move & begun) | (waited >= plan.cycles - self.early))
        else:
            suppose(m, ~move | past(m, ready))
            claim(m, ready | move | (waited < plan.cycles - 1), "no beat waits longer")
        # A pause only adds rows in which nothing is done: one is as good as many.
        suppose(m, (waited < plan.cycles) | past(m, waited != plan.cycles, init=1) | move)

        width = self.weight.shape[3]
        old = width - 1 + plan.latency
        beats = Signal(range(old + 1))
        with m.If(move & (beats != old)):
            m.d.sync += beats.eq(beats + 1)
        pixels = [history(m, move, self.i.payload[c], old) for c in range(plan.channels)]
        for kernel in plan.outputs:
            total = Const(0)
            for c, tap in np.ndindex(plan.channels, width):
                term = pixels[c][width - 1 - tap + plan.latency]
                total = total + term if self.weight[kernel, c, 0, tap] > 0 else total - term
            good = self.o.payload[f"k{kernel}"] == total
            claim(m, ~(move & (beats == old)) | good, f"sum {kernel} is that of its window")


def depth(plan, width):
    """Cycles in which two windows' sums are shown, with a pause after each beat."""
    return (width + plan.latency + 1) * (plan.cycles + 1)


@pytest.mark.parametrize("name", BANKS)
def test_sums_are_those_of_the_window(name):
    config = make(BANKS[name])
    plan = plan_serial(config)
    harness = BankHarness(SerialBank(plan), config.layer.weight)
    prove(harness, mode="bmc", depth=depth(plan, config.layer.kernel_shape[1])).holds()


def test_fault_a_step_subtracts_that_should_add():
    config = make(BANKS["row"])
    plan = plan_serial(config)
    row = next(n for n, step in enumerate(plan.steps) if step is not None and step.shown)
    step = plan.steps[row]
    assert step is not None
    wrong = replace(step, negative=not step.negative)
    wrong_plan = replace(plan, steps=(*plan.steps[:row], wrong, *plan.steps[row + 1 :]))
    harness = BankHarness(SerialBank(wrong_plan), config.layer.weight)
    prove(harness, mode="bmc", depth=depth(plan, 2)).breaks("is that of its window")


def test_fault_a_beat_moves_before_its_time():
    config = make(BANKS["row"])
    plan = plan_serial(config)
    harness = BankHarness(SerialBank(plan), config.layer.weight, early=2)
    prove(harness, mode="bmc", depth=depth(plan, 2)).breaks("is that of its window")
