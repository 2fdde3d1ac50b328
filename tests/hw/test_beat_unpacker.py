"""BeatUnpacker: a beat's bytes, the low one first, its marks with the last one."""

import random

import pytest

from hw.blocks.beat_unpacker import BeatUnpacker
from tests.hw.benches import Recorder
from tests.hw.streams import PAUSES, pause_seed, run_streams


@pytest.mark.parametrize("pause", PAUSES)
@pytest.mark.parametrize("count", [1, 2, 5])
def test_takes_beats_apart(count, pause):
    rng = random.Random(pause_seed())
    beats = [(rng.randbytes(count), rng.randrange(2), rng.randrange(2)) for _ in range(20)]
    inputs = [
        {"data": int.from_bytes(content, "little"), "last": last, "bad": bad}
        for content, last, bad in beats
    ]
    expected = [
        {"data": byte, "last": last & (n == count - 1), "bad": bad & (n == count - 1)}
        for content, last, bad in beats
        for n, byte in enumerate(content)
    ]
    assert run_streams(BeatUnpacker(count), {"i": inputs}, pause=pause)["o"] == expected


def test_a_byte_a_cycle():
    dut = BeatUnpacker(4)
    seen = Recorder(valid=dut.o.valid)
    inputs = [{"data": n, "last": 0, "bad": 0} for n in range(5)]
    run_streams(dut, {"i": inputs}, testbenches=[seen.watch])
    assert [cycle["valid"] for cycle in seen.cycles[:22]] == [0, *[1] * 20, 0]
