"""LinkBridge: every request carried out once and answered, however often it comes."""

import random

import pytest
from amaranth.sim import Simulator

from hw.blocks.link_bridge import LinkBridge
from sw.link import LAST, MAX_OUTPUTS, RESPONSE, Command, Packet, Status
from tests.hw.axi_lite import AxiLiteMemory
from tests.hw.benches import Recorder
from tests.hw.streams import PAUSES, Pause, pause_seed, run_streams

ALWAYS = (Pause.ALWAYS, Pause.ALWAYS)
IDENTITY = bytes(range(0x41, 0x49))
REFUSED = {0x0010}


class Bench:
    """What a bridge did with requests."""

    def __init__(self, requests, *, outputs=(), pause=ALWAYS, settle=60):
        rng = random.Random(pause_seed())
        dut = LinkBridge(IDENTITY)
        self.memory = AxiLiteMemory(dut.bus, rng, REFUSED)
        seen = Recorder(reset=dut.reset)
        items = []
        for packet in requests:
            content = [packet.sequence, packet.kind, *packet.payload]
            items += [{"data": b, "last": n == len(content) - 1} for n, b in enumerate(content)]
        taken = run_streams(
            dut,
            {"i": items, "i_output": list(outputs)},
            ("o", "o_pixel"),
            pause=pause,
            settle=settle,
            patience=30_000,
            testbenches=[self.memory.writes, self.memory.reads, seen.watch],
        )
        self.pixels = [(item["data"], item["last"]) for item in taken["o_pixel"]]
        self.answers, content = [], []
        for item in taken["o"]:
            if item["again"]:
                assert item["last"]
                assert not content
                self.answers.append("again")
                continue
            content.append(item["data"])
            if item["last"]:
                self.answers.append(Packet(content[0], content[1], bytes(content[2:])))
                content = []
        assert not content, "half an answer"
        self.resets = sum(cycle["reset"] for cycle in seen.cycles)


def write(sequence, address, *words):
    data = b"".join(word.to_bytes(4, "little") for word in words)
    return Packet(sequence, Command.WRITE, address.to_bytes(2, "little") + data)


def read(sequence, address):
    return Packet(sequence, Command.READ, address.to_bytes(2, "little"))


def answer(request, data=b"", status=0):
    return Packet(request.sequence, request.kind | RESPONSE, data + bytes((status,)))


@pytest.mark.parametrize("pause", PAUSES)
def test_registers(pause):
    requests = [
        Packet(9, Command.HELLO),
        write(10, 0x8000, 0x12345678, 0xFFFFFFFF, 3),
        read(11, 0x8004),
        read(12, 0x8000),
        write(13, 0x000C, 1, 2, 3),
        read(14, 0x0010),
        read(15, 0x0014),
    ]
    bench = Bench(requests, pause=pause)
    assert bench.answers == [
        answer(requests[0], IDENTITY),
        answer(requests[1]),
        answer(requests[2], b"\xff\xff\xff\xff"),
        answer(requests[3], b"\x78\x56\x34\x12"),
        answer(requests[4], status=Status.BUS),  # one of its words is refused
        answer(requests[5], bytes(4), Status.BUS),
        answer(requests[6], b"\x03\x00\x00\x00"),
    ]
    assert bench.memory.words == {
        0x8000: 0x12345678,
        0x8004: 0xFFFFFFFF,
        0x8008: 3,
        0xC: 1,
        0x14: 3,
    }
    assert bench.resets == 1


def test_a_repeated_request_is_answered_again_and_not_carried_out():
    hello, first, second = Packet(255, Command.HELLO), write(0, 4, 7), read(1, 4)
    requests = [hello, first, first, first, second, second, write(2, 4, 8), hello, hello]
    bench = Bench(requests)
    again = "again"
    assert bench.answers == [
        answer(hello, IDENTITY),
        *(answer(first), again, again),
        *(answer(second, b"\x07\0\0\0"), again),
        answer(requests[6]),
        *(answer(hello, IDENTITY), answer(hello, IDENTITY)),  # it begins a session, every time
    ]
    assert bench.memory.log == [("w", 4), ("r", 4), ("w", 4)]
    assert bench.resets == 3


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        (4, b""),  # LAST is EXCHANGE's alone
        (8, b"xyz"),
        (0x80, b""),
        (0xFF, b"ab"),
        (Command.READ, b""),
        (Command.READ, b"\x04"),
        (Command.READ, b"\x04\x00\x00"),
        (Command.WRITE, b""),
        (Command.WRITE, b"\x04"),
        (Command.WRITE, b"\x04\x00"),
        (Command.WRITE, b"\x04\x00\x01\x02\x03"),
        (Command.EXCHANGE, b""),
    ],
)
def test_malformed_requests_are_answered_as_such(kind, payload):
    wrong, right = Packet(7, kind, payload), read(8, 4)
    bench = Bench([wrong, right])
    assert bench.answers == [answer(wrong, status=Status.MALFORMED), answer(right, bytes(4))]
    assert bench.memory.log == [("r", 4)]
    assert not bench.pixels


def outputs(*frames):
    """Output bytes of frames of so many bytes; every second frame is bad."""
    return [
        {"data": (17 * k + n) % 256, "last": n == size - 1, "bad": n == size - 1 and k % 2}
        for k, size in enumerate(frames)
        for n in range(size)
    ]


@pytest.mark.parametrize("pause", [ALWAYS, *PAUSES[::3]])
def test_exchange(pause):
    """Pixels arrive as far as they are consumed; outputs come in order, by room and frame."""
    rng = random.Random(pause_seed())
    requests = []
    for n in range(14):
        payload = rng.randbytes(rng.randrange(40))
        requests.append(
            Packet(
                n, Command.EXCHANGE | rng.choice([0, LAST]), bytes((rng.randrange(30),)) + payload
            )
        )
    requests += [Packet(n, Command.EXCHANGE, b"\xff") for n in range(14, 20)]
    sent = outputs(40, 1, 300, 20)
    bench = Bench(requests, outputs=sent, pause=pause, settle=700)
    pixels, given, left = [], bytearray(), list(sent)
    for request, reply in zip(requests, bench.answers, strict=True):
        room, payload = request.payload[0], request.payload[1:]
        *data, consumed, status = reply.payload
        assert len(data) <= min(room, MAX_OUTPUTS)
        part, left = left[: len(data)], left[len(data) :]
        assert not any(item["last"] for item in part[:-1])
        end = part[-1] if part else {"last": 0, "bad": 0}
        assert status == (end["last"] and Status.LAST) | (end["bad"] and Status.BAD)
        given += bytes(data)
        pixels += [
            (byte, int(bool(request.kind & LAST) and n == len(payload) - 1))
            for n, byte in enumerate(payload[:consumed])
        ]
    assert bytes(given) == bytes(item["data"] for item in sent)
    assert bench.pixels == pixels
    assert pixels


def test_pixels_that_are_not_taken_are_not_consumed():
    """With a sink that stands still, the answer comes all the same."""
    dut = LinkBridge(IDENTITY)
    got = []

    async def talk(ctx):
        ctx.set(dut.o.ready, 1)
        ctx.set(dut.i.valid, 1)
        items = [(1, 0), (Command.EXCHANGE, 0), (9, 0), (0x55, 0), (0x66, 0), (0x77, 1)]
        for data, last in items:
            ctx.set(dut.i.payload, {"data": data, "last": last})
            ready = False
            while not ready:
                _, _, ready, valid, byte = await ctx.tick().sample(
                    dut.i.ready, dut.o.valid, dut.o.payload.data
                )
                got.extend([byte] if valid else [])
        ctx.set(dut.i.valid, 0)
        for _ in range(300):
            _, _, valid, byte = await ctx.tick().sample(dut.o.valid, dut.o.payload.data)
            got.extend([byte] if valid else [])

    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(talk)
    simulator.run()
    # One byte is on its way to the engine, whose turn it is.
    assert got == [1, Command.EXCHANGE | RESPONSE, 1, 0]
