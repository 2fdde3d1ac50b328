"""UartTransmitter: each byte with its start and stop bit, each bit as long as it should be."""

import random

import pytest

from hw.blocks.uart_transmitter import UartTransmitter
from tests.hw.benches import Recorder
from tests.hw.line import line_bits, listener
from tests.hw.streams import Pause, pause_seed, run_streams

DIVISOR = 6


@pytest.mark.parametrize("pause", list(Pause))
def test_sends_every_byte(pause):
    rng = random.Random(pause_seed())
    sent = [rng.randrange(256) for _ in range(25)]
    dut, heard = UartTransmitter(DIVISOR), []
    listen = listener(dut.tx, heard, DIVISOR)
    extra = iter([*sent, 0xAA])  # the last byte's end would be the run's
    run_streams(dut, {"i": list(extra)}, outputs=(), pause=(pause, pause), testbenches=[listen])
    assert heard == sent


def test_bits_last_as_long_as_they_should():
    dut = UartTransmitter(DIVISOR)
    seen = Recorder(tx=dut.tx)
    run_streams(dut, {"i": [0x53, 0xCA, 0]}, outputs=(), testbenches=[seen.watch])
    levels = [cycle["tx"] for cycle in seen.cycles]
    start = levels.index(0)
    assert all(levels[:start])
    expected = []
    for byte in (0x53, 0xCA):
        expected += [bit for bit in line_bits(byte) for _ in range(DIVISOR)] + [1]
    assert levels[start : start + len(expected)] == expected


def test_a_bit_has_a_middle():
    with pytest.raises(ValueError, match="divisor must be 4 clock cycles a bit or more, not 0"):
        UartTransmitter(0)
