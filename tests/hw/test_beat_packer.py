"""BeatPacker: as many bytes as a beat has, the first one low."""

import random

import pytest

from hw.blocks.beat_packer import BeatPacker
from tests.hw.streams import PAUSES, pause_seed, run_streams


@pytest.mark.parametrize("pause", PAUSES)
@pytest.mark.parametrize("count", [1, 2, 5])
def test_packs_bytes(count, pause):
    rng = random.Random(pause_seed())
    beats = [(rng.randbytes(count), rng.randrange(2)) for _ in range(20)]
    inputs = [
        # Between the bytes of a beat `last` means nothing.
        {"data": byte, "last": last if n == count - 1 else rng.randrange(2)}
        for content, last in beats
        for n, byte in enumerate(content)
    ]
    expected = [
        {"data": int.from_bytes(content, "little"), "last": last} for content, last in beats
    ]
    assert run_streams(BeatPacker(count), {"i": inputs}, pause=pause)["o"] == expected
