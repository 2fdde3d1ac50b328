"""TappedDelay: equation (1) and the beat contract, registers and ring memories."""

from typing import Any

import pytest
from amaranth.hdl import Value

from hw.blocks.tapped_delay import TappedDelay
from tests.formal.contract import BeatHarness, history
from tests.formal.prove import prove

pytestmark = pytest.mark.formal


def harness(taps, *, late: int = 0, dut: Any = None) -> BeatHarness:
    """``late``: the fault, a model whose longest tap is that many beats longer."""

    def model(m, step, i, o):
        ago = history(m, step, i, max(taps) + late)
        wrong = {max(taps): max(taps) + late}
        return [(Value.cast(o[n]), ago[wrong.get(tap, tap)]) for n, tap in enumerate(taps)]

    return BeatHarness(
        dut or TappedDelay(2, taps), latency=0, model=model, warm_up=max(taps) + late
    )


@pytest.mark.parametrize("taps", [(0, 1, 3), (8,), (1, 10, 0), (2, 11, 20)], ids=str)
def test_shows_the_beats_ago(taps):
    prove(harness(taps), mode="bmc", depth=max(taps) + 12).holds()


@pytest.mark.parametrize("taps", [(0, 1, 3), (8,), (2, 11)], ids=str)
def test_fault_one_beat_late(taps):
    last = taps.index(max(taps))
    verdict = prove(harness(taps, late=1), mode="bmc", depth=max(taps) + 6)
    verdict.breaks(f"result {last} is as specified")


class NeverWaits(TappedDelay):
    """A delay line that moves on a valid beat although nobody takes it."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        step = Value.cast(self.i.valid)
        for n in range(len(self.taps)):
            register = history(m, step, self.i.payload, 1)[1]
            m.d.comb += Value.cast(self.o.payload[n]).eq(register)
        return m


def test_fault_payload_moves_while_it_waits():
    verdict = prove(harness((1,), dut=NeverWaits(2, (1,))), mode="bmc", depth=10)
    verdict.breaks("payload stays until ready")
