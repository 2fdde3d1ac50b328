"""sw.link: packets found among anything else, and a fingerprint of what cannot be loaded."""

import dataclasses
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sw.configfile import load_config
from sw.link import (
    ESCAPE,
    FLAG,
    MAX_PAYLOAD,
    PROTOCOL,
    Decoder,
    Packet,
    encode,
    fingerprint,
    identity,
)
from sw.part_configs import OutputConfig

BYTES = st.one_of(st.integers(0, 255), st.sampled_from([FLAG, ESCAPE]))
PACKETS = st.builds(Packet, BYTES, BYTES, st.lists(BYTES, max_size=MAX_PAYLOAD).map(bytes))


def test_the_bytes_of_a_packet():
    """The example of docs/reference/host-link.md."""
    body = bytes((0x2A, 0x02, 2, 0x0C, 0x00))
    check = zlib.crc32(body).to_bytes(4, "little")
    assert encode(Packet(0x2A, 2, b"\x0c\x00")) == bytes((FLAG,)) + body + check
    assert encode(Packet(0x7E, 0x7D)).startswith(bytes((0x7E, 0x7D, 0x5E, 0x7D, 0x5D, 0)))


@given(st.lists(PACKETS, max_size=4), st.integers(1, 7))
def test_what_is_encoded_is_decoded_in_any_pieces(packets, size):
    line = b"".join(map(encode, packets))
    decoder = Decoder()
    found = [p for n in range(0, len(line), size) for p in decoder.feed(line[n : n + size])]
    assert found == packets
    assert decoder.damaged == 0


@given(PACKETS, st.data())
def test_a_damaged_packet_is_none(packet, data):
    line = bytearray(encode(packet))
    place = data.draw(st.integers(0, len(line) - 1))
    line[place] ^= data.draw(st.integers(1, 255))
    assert Packet(packet.sequence, packet.kind, packet.payload) not in Decoder().feed(bytes(line))
    # The next one is found, whatever was before.
    decoder = Decoder()
    assert decoder.feed(bytes(line) + encode(packet))[-1] == packet


def test_a_payload_that_is_too_long():
    with pytest.raises(ValueError, match="a payload of 256 bytes, at most 255"):
        encode(Packet(0, 0, bytes(256)))


def test_a_fingerprint_is_of_what_cannot_be_loaded():
    config = load_config("tiny")
    layer = config.layer
    weight = layer.weight.copy()
    learned = weight.copy()
    learned[list(config.learned)] -= 1
    assert fingerprint(
        dataclasses.replace(config, layer=dataclasses.replace(layer, weight=learned))
    ) == fingerprint(config)
    table = dataclasses.replace(config.table, entries=4)
    assert fingerprint(dataclasses.replace(config, table=table)) == fingerprint(config)
    names = ("cifar10-layer1", "cifar10-layer1-plain", "hlac25-bank", "mnist-layer1", "tiny")
    others = [load_config(name) for name in names]
    others.append(dataclasses.replace(config, output=OutputConfig(relu=True)))
    others.append(dataclasses.replace(config, bias_bits=9))
    others.append(dataclasses.replace(config, template_scale="defer"))
    others.append(dataclasses.replace(config, template_scale="register"))
    flipped = weight.copy()
    flipped[next(iter(config.template_kernels))] *= -1
    others.append(dataclasses.replace(config, layer=dataclasses.replace(layer, weight=flipped)))
    assert len({fingerprint(other) for other in others}) == len(others)


def test_an_identity():
    config = load_config("cifar10-layer1")
    answer = identity(config)
    assert answer[0] == PROTOCOL
    assert answer[1] == 3
    assert answer[2:4] == (-(-32 * config.output_range.bits // 8)).to_bytes(2, "little")
    assert np.frombuffer(answer[4:], "<u4")[0] == fingerprint(config)
