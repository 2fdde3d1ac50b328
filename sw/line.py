"""Requests and their answers over a line that may lose or change any byte.

Every request is repeated until its answer comes whole, so noise costs time and no more; see
``docs/reference/host-link.md``. Works on anything that reads and writes bytes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from .cli import InputError
from .link import (
    DEFAULT_BAUD,
    MAX_PAYLOAD,
    RESPONSE,
    Command,
    Decoder,
    Packet,
    Status,
    encode,
)

__all__ = ["Link", "LinkError", "Port"]

_LINE_BITS = 10
_MIN_BLOCK = 16
_FIRST_BLOCK = 64


class LinkError(InputError):
    """The other end does not answer, or not as an engine does; the message says what to check."""


class Port(Protocol):
    """A serial port, as pyserial has it, opened with a short time limit."""

    def write(self, b: bytes, /) -> int | None:
        """Send bytes."""
        ...

    def read(self, size: int = 1, /) -> bytes:
        """What has come, up to ``size`` bytes; empty after the time limit."""
        ...

    @property
    def in_waiting(self) -> int:
        """Bytes that have come and were not read."""
        ...


@dataclass(kw_only=True)
class Link:
    """Requests and their answers over a port that may lose or change any byte.

    Parameters
    ----------
    port : Port
    baud : int
        To know how long a packet may take.
    timeout : float
        Seconds beyond that until a request is repeated.
    attempts : int
        Times that a request is sent before it fails.

    Attributes
    ----------
    repeated : int
        Requests that were sent again.
    block : int
        Bytes that a payload should have at most: fewer after what had to be repeated, since of
        short packets more arrive whole.
    """

    port: Port
    baud: int = DEFAULT_BAUD
    timeout: float = 0.2
    attempts: int = 50
    repeated: int = field(default=0, init=False)
    block: int = field(default=_FIRST_BLOCK, init=False)
    _decoder: Decoder = field(default_factory=Decoder, init=False)
    # Any number will do, but one that the session before had ended with.
    _sequence: int = field(default_factory=lambda: os.urandom(1)[0], init=False)

    @property
    def damaged(self) -> int:
        """Answers that came damaged."""
        return self._decoder.damaged

    def request(
        self, command: int, payload: bytes = b"", *, attempts: int | None = None
    ) -> tuple[bytes, Status]:
        """Send a request until its answer comes: the answer's data, and its status.

        Raises
        ------
        LinkError
            If none comes.
        """
        self._sequence = (self._sequence + 1) % 256
        line = encode(Packet(self._sequence, command, payload))
        attempts = attempts or self.attempts
        for attempt in range(attempts):
            self.port.write(line)
            for packet in self._answers(len(line)):
                if (packet.sequence, packet.kind) == (self._sequence, command | RESPONSE):
                    self._adapt(good=attempt == 0)
                    return packet.payload[:-1], Status(packet.payload[-1] & 0xF)
            self.repeated += 1
        raise LinkError(
            f"no answer to {Command(command & 3).name}, sent {attempts} times "
            f"({self.damaged} damaged answers came)"
        )

    def _adapt(self, *, good: bool) -> None:
        block = self.block + _MIN_BLOCK if good else self.block // 2
        self.block = min(max(block, _MIN_BLOCK), MAX_PAYLOAD)

    def _answers(self, sent: int) -> Iterator[Packet]:
        """Whole packets with a payload, while an answer to ``sent`` bytes may come."""
        longest = sent + 2 * MAX_PAYLOAD
        end = time.monotonic() + self.timeout + longest * _LINE_BITS / self.baud
        # A busy host may come to look when time is up: what is there by then counts.
        while (early := time.monotonic() < end) or self.port.in_waiting:
            line = self.port.read(max(1, self.port.in_waiting))
            yield from (packet for packet in self._decoder.feed(line) if packet.payload)
            if not early:
                return
