"""PacketTransmitter: what it sends is what the host's decoder finds."""

import pytest

from hw.blocks.packet_transmitter import PacketTransmitter
from sw.link import ESCAPE, FLAG, MAX_PAYLOAD, Packet, encode
from tests.hw.streams import PAUSES, run_streams
from tests.hw.test_packet_receiver import some_packets

AGAIN = [{"data": 0x5A, "last": 1, "again": 1}]


def items(packet):
    content = [packet.sequence, packet.kind, *packet.payload]
    return [
        {"data": byte, "last": int(n == len(content) - 1), "again": 0}
        for n, byte in enumerate(content)
    ]


def transmit(inputs, **options):
    return bytes(run_streams(PacketTransmitter(), {"i": inputs}, **options)["o"])


@pytest.mark.parametrize("pause", PAUSES)
def test_sends_what_the_host_decodes(pause):
    packets = some_packets(8)
    inputs = [item for packet in packets for item in items(packet)]
    assert transmit(inputs, pause=pause) == b"".join(map(encode, packets))


def test_sends_the_last_packet_again():
    first, second = Packet(1, FLAG, b""), Packet(ESCAPE, 3, b"again")
    inputs = [*items(first), *AGAIN, *items(second), *AGAIN, *AGAIN]
    expected = [first, first, second, second, second]
    assert transmit(inputs) == b"".join(map(encode, expected))


def test_the_longest_packet():
    packet = Packet(0, 0, bytes(range(MAX_PAYLOAD)))
    assert transmit([*items(packet), *AGAIN]) == encode(packet) * 2
