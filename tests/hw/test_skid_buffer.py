"""SkidBuffer: a stream unchanged, with no path from one side's ready to the other's."""

import random

import pytest

from hw.blocks.skid_buffer import SkidBuffer
from tests.hw.benches import Recorder
from tests.hw.streams import PAUSES, pause_seed, run_streams


@pytest.mark.parametrize("pause", PAUSES)
def test_passes_everything_on_in_order(pause):
    rng = random.Random(pause_seed())
    inputs = [rng.randrange(256) for _ in range(150)]
    dut = SkidBuffer(8)
    seen = Recorder(accepts=dut.i.ready, offered=dut.i.valid, valid=dut.o.valid, ready=dut.o.ready)
    assert run_streams(dut, {"i": inputs}, pause=pause, testbenches=[seen.watch])["o"] == inputs
    held = 0
    for cycle in seen.cycles:
        assert cycle["valid"] == (held > 0)
        assert cycle["accepts"] == (held < 2)
        held += (cycle["accepts"] and cycle["offered"]) - (cycle["valid"] and cycle["ready"])


def test_one_payload_a_cycle_one_cycle_late():
    dut = SkidBuffer(8)
    seen = Recorder(valid=dut.o.valid)
    run_streams(dut, {"i": range(20)}, testbenches=[seen.watch])
    assert [cycle["valid"] for cycle in seen.cycles[:22]] == [0, *[1] * 20, 0]
