"""The host link's packets, as both ends have them; see ``docs/reference/host-link.md``.

Pure values: the hardware takes its constants from here, the host its encoder and decoder.
"""

from __future__ import annotations

import enum
import json
import zlib
from dataclasses import asdict, dataclass

from .config import EngineConfig
from .packing import input_bytes, output_bytes

__all__ = [
    "CHECK_BYTES",
    "DEFAULT_BAUD",
    "ESCAPE",
    "ESCAPE_FLIP",
    "FLAG",
    "LAST",
    "MAX_OUTPUTS",
    "MAX_PAYLOAD",
    "PROTOCOL",
    "RESPONSE",
    "Command",
    "Decoder",
    "Packet",
    "Status",
    "encode",
    "fingerprint",
    "identity",
]

PROTOCOL = 1
"""Version of the protocol: what the first byte of a HELLO's answer says."""

DEFAULT_BAUD = 1_000_000
"""Bits a second of the boards' lines; 8 data bits, no parity, 1 stop bit."""

FLAG = 0x7E
"""Begins a packet, and is nowhere else."""
ESCAPE = 0x7D
"""Stands before a byte that would be :data:`FLAG` or :data:`ESCAPE`."""
ESCAPE_FLIP = 0x20
"""What such a byte is XORed with."""

MAX_PAYLOAD = 255
CHECK_BYTES = 4
"""Bytes of the check: CRC-32 as in Ethernet, least significant byte first."""
MAX_OUTPUTS = MAX_PAYLOAD - 2
"""Output bytes of one answer to EXCHANGE: two bytes follow them."""

RESPONSE = 0x80
"""Added to a command's number in the answer, so that an echo is no answer."""
LAST = 0x04
"""Added to EXCHANGE: the payload's last byte is the last of its frame."""


class Command(enum.IntEnum):
    """What the host asks for: bits 1..0 of a request's kind."""

    HELLO = 0
    WRITE = 1
    READ = 2
    EXCHANGE = 3


class Status(enum.IntFlag):
    """The last byte of every answer."""

    MALFORMED = 1
    """No such command, or a payload of the wrong length."""
    BUS = 2
    """The bus answered SLVERR."""
    LAST = 4
    """EXCHANGE: the outputs end with the last of a frame."""
    BAD = 8
    """With LAST: the frame came too short or too long."""


@dataclass(frozen=True)
class Packet:
    """A packet without what carries it.

    Parameters
    ----------
    sequence : int
        A byte; an answer has its request's.
    kind : int
        A byte: the command, :data:`LAST`, :data:`RESPONSE`.
    payload : bytes
        At most :data:`MAX_PAYLOAD`.
    """

    sequence: int
    kind: int
    payload: bytes = b""


def encode(packet: Packet) -> bytes:
    """The bytes on the line.

    Raises
    ------
    ValueError
        If the payload is too long.
    """
    if len(packet.payload) > MAX_PAYLOAD:
        raise ValueError(f"a payload of {len(packet.payload)} bytes, at most {MAX_PAYLOAD}")
    body = bytes((packet.sequence, packet.kind, len(packet.payload))) + packet.payload
    line = bytearray((FLAG,))
    for byte in body + zlib.crc32(body).to_bytes(CHECK_BYTES, "little"):
        line += bytes((ESCAPE, byte ^ ESCAPE_FLIP)) if byte in (FLAG, ESCAPE) else bytes((byte,))
    return bytes(line)


class Decoder:
    """Find the packets in what comes from the line, whatever else is there."""

    _HEADER = 3

    def __init__(self) -> None:
        self._body: bytearray | None = None
        self._escaped = False
        self.damaged = 0
        """Packets that were begun and not right."""

    def feed(self, line: bytes) -> list[Packet]:
        """The packets that end within ``line``."""
        found = [self._take(byte) for byte in line]
        return [packet for packet in found if packet is not None]

    def _take(self, byte: int) -> Packet | None:
        if byte == FLAG:
            self.damaged += bool(self._body)
            self._body, self._escaped = bytearray(), False
            return None
        body = self._body
        if body is None:
            return None
        if byte == ESCAPE:
            self._escaped = True
            return None
        body.append(byte ^ ESCAPE_FLIP if self._escaped else byte)
        self._escaped = False
        if len(body) < self._HEADER or len(body) < self._HEADER + body[2] + CHECK_BYTES:
            return None
        self._body = None
        content, check = bytes(body[:-CHECK_BYTES]), body[-CHECK_BYTES:]
        if zlib.crc32(content) != int.from_bytes(check, "little"):
            self.damaged += 1
            return None
        return Packet(content[0], content[1], content[self._HEADER :])


def fingerprint(config: EngineConfig) -> int:
    """A check of all that an engine's outputs depend on and no register can change.

    The templates, the shapes and the formats are in it; learned weights, biases, factors,
    magnitudes in registers and the size of the reuse table are not.
    """
    layer = config.layer
    fixed = {
        "input_shape": layer.input_shape,
        "weight_shape": layer.weight.shape,
        "stride": layer.stride,
        "padding": layer.padding.as_array().tolist(),
        "input_format": asdict(layer.input_format),
        "weight_format": asdict(layer.weight_format),
        "templates": {
            str(kernel): [config.magnitude(kernel), template.pattern.tolist()]
            for kernel, template in config.template_kernels.items()
        },
        "bias_bits": config.bias_bits,
        "magnitude_bits": config.magnitude_bits,
        "output": asdict(config.output),
    }
    return zlib.crc32(json.dumps(fixed, sort_keys=True).encode())


def identity(config: EngineConfig) -> bytes:
    """The answer to HELLO: protocol, bytes of a pixel and of an output beat, fingerprint."""
    beats = (input_bytes(config).to_bytes(1, "little"), output_bytes(config).to_bytes(2, "little"))
    return bytes((PROTOCOL,)) + b"".join(beats) + fingerprint(config).to_bytes(4, "little")
