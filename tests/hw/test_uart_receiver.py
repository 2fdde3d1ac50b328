"""UartReceiver: bytes off a line whose clock is not quite ours."""

import random

import pytest
from amaranth.sim import Simulator

from hw.blocks.uart_receiver import UartReceiver
from tests.hw.line import line_bits, speaker
from tests.hw.streams import Pause, pause_seed, run_streams

ALWAYS = (Pause.ALWAYS, Pause.ALWAYS)


def receive(bits, *, divisor=8, cycles_a_bit=None, pause=ALWAYS):
    dut = UartReceiver(divisor)
    speak = speaker(dut.rx, bits, cycles_a_bit or divisor)
    taken = run_streams(
        dut, {}, pause=pause, settle=50 * divisor, patience=40_000, testbenches=[speak]
    )["o"]
    return [(item["data"], item["bad"]) for item in taken]


@pytest.fixture
def sent():
    rng = random.Random(pause_seed())
    return [0x00, 0xFF, 0x55, *[rng.randrange(256) for _ in range(20)]]


@pytest.mark.parametrize(
    ("divisor", "drift"),
    [(4, 0.0), (4, 0.01), (5, -0.01), *((d, e) for d in (8, 33) for e in (-0.03, 0.0, 0.03))],
)
def test_receives_bytes_back_to_back(sent, divisor, drift):
    bits = [bit for byte in sent for bit in line_bits(byte)]
    heard = receive([1] * 3 + bits, divisor=divisor, cycles_a_bit=divisor * (1 + drift))
    assert heard == [(byte, 0) for byte in sent]


@pytest.mark.parametrize("pause", [(Pause.ALWAYS, p) for p in (Pause.HALF, Pause.BURSTY)])
def test_a_byte_waits_until_it_is_taken(sent, pause):
    bits = [bit for byte in sent for bit in line_bits(byte)]
    assert receive([1, *bits], pause=pause) == [(byte, 0) for byte in sent]


def test_a_missing_stop_bit_is_said():
    bits = [*line_bits(0x12), *line_bits(0x34, stop=0), 1, 1, *line_bits(0x56)]
    assert receive(bits) == [(0x12, 0), (0x34, 1), (0x56, 0)]


def test_a_broken_line_is_one_bad_byte():
    assert receive([1, *[0] * 30, 1, *line_bits(0x56)]) == [(0, 1), (0x56, 0)]


def test_a_spike_is_no_start_bit():
    dut = UartReceiver(16)

    async def spike(ctx):
        for level, cycles in ((1, 5), (0, 4), (1, 40), (0, 7), (1, 100)):
            ctx.set(dut.rx, level)
            for _ in range(cycles):
                await ctx.tick()

    assert run_streams(dut, {}, settle=400, testbenches=[spike])["o"] == []


def test_what_is_lost_is_said():
    """While the output stands still for three bytes, the first is kept, and the fourth says so."""
    dut = UartReceiver(4)
    bits = [bit for byte in (1, 2, 3, 4, 5) for bit in line_bits(byte)]
    seen = []

    async def take(ctx):
        for _ in range(4 * 31):
            await ctx.tick()
        ctx.set(dut.o.ready, 1)
        async for _, _, valid, payload in ctx.tick().sample(dut.o.valid, dut.o.payload):
            if valid:
                seen.append((payload.data, payload.bad))

    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(take, background=True)
    simulator.add_testbench(speaker(dut.rx, [*bits, 1, 1], 4))
    simulator.run()
    assert seen == [(1, 0), (4, 1), (5, 0)]


def test_a_bit_has_a_middle():
    with pytest.raises(ValueError, match="divisor must be 4 clock cycles a bit or more, not 3"):
        UartReceiver(3)
