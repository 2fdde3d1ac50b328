"""PacketReceiver: whole packets come out, everything else is dropped, and the next one is found."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.blocks.packet_receiver import PacketReceiver
from sw.link import ESCAPE, FLAG, MAX_PAYLOAD, Decoder, Packet, encode
from tests.hw.streams import PAUSES, Pause, pause_seed, run_streams

ALWAYS = (Pause.ALWAYS, Pause.ALWAYS)
BYTES = st.one_of(st.integers(0, 255), st.sampled_from([FLAG, ESCAPE, 0]))
PACKETS = st.builds(Packet, BYTES, BYTES, st.lists(BYTES, max_size=12).map(bytes))


def receive(line, *, bad=(), pause=ALWAYS):
    """What comes out for a line; the bytes numbered in ``bad`` are marked."""
    items = [{"data": byte, "bad": int(n in bad)} for n, byte in enumerate(line)]
    taken = run_streams(PacketReceiver(), {"i": items}, pause=pause)["o"]
    packets, current = [], []
    for item in taken:
        current.append(item["data"])
        if item["last"]:
            packets.append(Packet(current[0], current[1], bytes(current[2:])))
            current = []
    assert not current, "half a packet came out"
    return packets


def some_packets(count):
    rng = random.Random(pause_seed())
    values = [FLAG, ESCAPE, *range(256)]
    lengths = [0, 1, *[rng.randrange(30) for _ in range(count - 2)]]
    return [
        Packet(rng.randrange(256), rng.choice(values), bytes(rng.choices(values, k=length)))
        for length in lengths
    ]


@pytest.mark.parametrize("pause", PAUSES)
def test_hands_on_whole_packets(pause):
    packets = some_packets(8)
    assert receive(b"".join(map(encode, packets)), pause=pause) == packets


def test_the_longest_packet():
    packets = [Packet(n, n, bytes(range(MAX_PAYLOAD))) for n in (FLAG, 3)]
    assert receive(b"".join(map(encode, packets))) == packets


@settings(max_examples=40)
@given(data=st.data())
def test_noise_costs_the_packets_that_it_hits_and_no_other(data):
    line, expected = bytearray(), []
    for packet in data.draw(st.lists(PACKETS, min_size=1, max_size=5)):
        sent = bytearray(encode(packet))
        kind = data.draw(st.sampled_from(["whole", "whole", "flip", "lose", "cut", "garbage"]))
        place = data.draw(st.integers(1, len(sent) - 1))
        if kind == "flip":
            sent[place] ^= 1 << data.draw(st.integers(0, 7))
        elif kind == "lose":
            del sent[place]
        elif kind == "cut":
            del sent[place:]
        elif kind == "garbage":
            sent[:0] = bytes(data.draw(st.lists(BYTES, max_size=9)))
        if kind in ("whole", "garbage"):
            expected.append(packet)
        line += sent
    received = receive(bytes(line))
    assert received == Decoder().feed(bytes(line))  # the host's own decoder sees the same
    assert [packet for packet in received if packet in expected] == expected
    assert len(received) == len(expected)


def test_a_disturbed_byte_ends_its_packet():
    first, second = Packet(1, 2, b"abc"), Packet(2, 2, b"de")
    line = encode(first) + encode(second)
    for place in range(1, len(encode(first))):
        assert receive(line, bad={place}) == [second], place
    # A flag begins a packet even where it says that something before it was lost.
    assert receive(line, bad={len(encode(first))}) == [first, second]
