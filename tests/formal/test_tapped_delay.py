"""TappedDelay: equation (1) for ever, by induction, in registers and in shared ring memories."""

from typing import Any

import pytest
from amaranth.hdl import Module, Mux, Value

from hw.blocks.tapped_delay import TappedDelay, _gaps, _ring_depths
from tests.formal.contract import BeatHarness, claim, history
from tests.formal.probe import Probe
from tests.formal.prove import prove

pytestmark = pytest.mark.formal

BITS = 2


class DelayHarness(BeatHarness):
    """``late``: the fault, a specification whose longest tap is that many beats longer."""

    def __init__(self, dut: TappedDelay, *, late: int = 0, invariants: bool = True) -> None:
        self.late = late
        self.invariants = invariants
        self.ago: list[Value] = []
        last = max(dut.taps) + late
        super().__init__(dut, latency=0, model=self._delayed, warm_up=last)

    def _delayed(self, m: Module, step: Value, i: Any, o: Any) -> list[tuple[Any, Any]]:
        taps = self.dut.taps
        self.ago = history(m, step, i, max(taps) + self.late)
        beats = [tap + self.late * (tap == max(taps)) for tap in taps]
        return [(Value.cast(o[n]), self.ago[tap]) for n, tap in enumerate(beats)]

    def properties(self, m: Module, probe: Probe) -> None:
        super().properties(m, probe)
        if not self.invariants:
            return
        depths = _ring_depths(self.dut.taps)
        for earlier, later in _gaps(self.dut.taps):
            start = earlier + depths.get(earlier, 0)
            for n in range(later - start):
                register = probe.signal(f"d{later}_{n}")
                self._is_ago(m, register, start + n + 1, f"register {later} {n}")
        for depth in set(depths.values()):
            lanes = [tap for tap in sorted(depths) if depths[tap] == depth]
            self._ring(m, probe, depth, lanes)

    def _ring(self, m: Module, probe: Probe, depth: int, lanes: list[int]) -> None:
        """Every word of a ring is what its distance from the write address says."""
        previous, oldest = probe.signal(f"previous_{depth}"), probe.signal(f"oldest_{depth}")
        follows = oldest == Value.cast(previous + 1) % depth
        claim(m, (previous < depth) & follows, f"ring {depth} reads ahead of its write")
        words = [probe.word(f"ring_{depth}", n) for n in range(depth)]
        read = probe.read_data(f"ring_{depth}")
        for lane, earlier in enumerate(lanes):
            read_lane = read.word_select(lane, BITS)
            self._is_ago(m, read_lane, earlier + depth, f"ring {depth} lane {lane} output")
            for at in range(depth):
                for n, word in enumerate(words):
                    if n == at:  # was read already, and may be overwritten from now on
                        continue
                    beats = earlier + (at - n - 1) % depth + 1
                    self._is_ago(
                        m,
                        Mux(previous == at, word.word_select(lane, BITS), self.ago[beats]),
                        beats,
                        f"ring {depth} lane {lane} word {n} at {at}",
                    )

    def _is_ago(self, m: Module, value: Value, beats: int, what: str) -> None:
        """Claim that ``value`` is the input of ``beats`` ago, once there were so many."""
        claim(m, (self.beats < beats) | (value == self.ago[beats]), f"{what} is right")


@pytest.mark.parametrize("taps", [(0, 1, 3), (8,), (1, 10, 0), (2, 11, 20)], ids=str)
def test_shows_the_beats_ago(taps):
    prove(DelayHarness(TappedDelay(BITS, taps)), mode="prove", depth=2).holds()


@pytest.mark.parametrize("taps", [(0, 1, 3), (8,), (2, 11)], ids=str)
def test_fault_one_beat_late(taps):
    last = taps.index(max(taps))
    harness = DelayHarness(TappedDelay(BITS, taps), late=1, invariants=False)
    verdict = prove(harness, mode="bmc", depth=max(taps) + 6)
    verdict.breaks(f"result {last} is as specified")


class MovesOnValid(TappedDelay):
    """A delay line that moves on a valid beat although nobody takes it."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        register = history(m, Value.cast(self.i.valid), self.i.payload, 1)[1]
        m.d.comb += Value.cast(self.o.payload[0]).eq(register)
        return m


def test_fault_payload_moves_while_it_waits():
    harness = DelayHarness(MovesOnValid(BITS, (1,)), invariants=False)
    prove(harness, mode="bmc", depth=10).breaks("payload stays until ready")


class WritesLate(TappedDelay):
    """A ring whose write address stands still: words are overwritten before they are read."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.comb += m.submodules.ring_8.write_ports[0].addr.eq(0)
        return m


def test_fault_in_the_ring():
    harness = DelayHarness(WritesLate(BITS, (8,)), invariants=False)
    prove(harness, mode="bmc", depth=16).breaks("result 0 is as specified")
