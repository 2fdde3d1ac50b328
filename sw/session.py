"""A session with an engine behind a host link: registers, images in, outputs back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt

from .config import EngineConfig
from .images import Images
from .line import Link, LinkError
from .link import (
    LAST,
    MAX_OUTPUTS,
    MAX_PAYLOAD,
    PROTOCOL,
    Command,
    Status,
    identity,
)
from .numeric import IntArray
from .packing import output_beats, output_bytes, pack_images, unpack_output
from .register_model import WORD_BYTES, RegisterMap
from .registers import COUNTERS, register_map, setup_writes, weight_writes
from .reuse import Counters

__all__ = ["PATIENCE", "Built", "FrameSession", "Session", "WrongEngineError"]

_ADDRESS_BYTES = 2
_MAX_PIXELS = MAX_PAYLOAD - 1
PATIENCE = 200
"""Exchanges in a row in which nothing moves, and reads of a status: far more than is needed."""


class WrongEngineError(LinkError):
    """An engine answers, but not the one that was configured."""


@dataclass(frozen=True, kw_only=True)
class Built:
    """What is behind the link: an engine or a network.

    Parameters
    ----------
    name : str
    registers : RegisterMap
    identity : bytes
        Its answer to HELLO.
    setup : tuple of (byte address, word)
        What is loaded at first.
    frame_bytes : int
        Of a frame's outputs.
    differs : str
        In what another of the same shape may differ.
    patience : int
        Exchanges in a row in which nothing moves: far more than it needs.
    """

    name: str
    registers: RegisterMap
    identity: bytes
    setup: tuple[tuple[int, int], ...]
    frame_bytes: int
    differs: str
    patience: int = PATIENCE


class FrameSession:
    """Something behind a link that takes frames, and what a host does with it.

    Parameters
    ----------
    link : Link
    built : Built
    """

    def __init__(self, link: Link, built: Built) -> None:
        self.link = link
        self.built = built
        self.registers = built.registers

    # ---- Registers

    def read(self, name: str) -> int:
        """The register of that name.

        Raises
        ------
        LinkError
            If there is no answer, or the bus refuses.
        """
        address = self.registers.offset(name)
        data, status = self.link.request(Command.READ, address.to_bytes(_ADDRESS_BYTES, "little"))
        if status or len(data) != WORD_BYTES:
            raise LinkError(f"reading {name} at {address:#05x}: answered {status!r}")
        return int.from_bytes(data, "little")

    def write(self, name: str, word: int) -> None:
        """Set the register of that name."""
        self.load([(self.registers.offset(name), word)])

    def load(self, writes: Iterable[tuple[int, int]]) -> None:
        """Do (byte address, word) writes, neighbours in one request."""
        for address, words in self._runs(writes):
            payload = address.to_bytes(_ADDRESS_BYTES, "little") + b"".join(
                word.to_bytes(WORD_BYTES, "little") for word in words
            )
            _, status = self.link.request(Command.WRITE, payload)
            if status:
                raise LinkError(f"writing {len(words)} words at {address:#06x}: {status!r}")

    # ---- The engine

    def begin(self) -> None:
        """Reset the engine, see that it is the right one, and load what the configuration has.

        Raises
        ------
        LinkError
            If nothing answers.
        WrongEngineError
            If another engine does.
        """
        try:
            answer, _ = self.link.request(Command.HELLO, attempts=min(10, self.link.attempts))
        except LinkError as error:
            raise LinkError(
                f"{error}: is the board on, its bitstream loaded, and the baud rate right?"
            ) from error
        if answer[:1] != bytes((PROTOCOL,)):
            raise WrongEngineError(
                f"the other end speaks version {answer[:1].hex()} of the protocol, not {PROTOCOL}"
            )
        for register in self.registers.registers:
            if register.value is None:
                continue
            found = self.read(register.name)
            if found != register.value:
                raise WrongEngineError(
                    f"another engine answers: {register.name} ({register.meaning}) is {found}, "
                    f"expected {register.value} for {self.built.name}"
                )
        if answer != self.built.identity:
            raise WrongEngineError(
                f"another engine answers: its shape is that of {self.built.name}, but not its "
                f"{self.built.differs}; build the bitstream from the same configuration"
            )
        self.load(self.built.setup)

    def exchange(
        self, packed: npt.NDArray[np.uint8], on_frame: Callable[[int], None] | None = None
    ) -> bytes:
        """Send frames, and give back their outputs, one after the other.

        Parameters
        ----------
        packed : array of bytes, shape (N, ...)
            The frames' pixels.
        on_frame : function, optional
            Called with the number of frames done.

        Raises
        ------
        LinkError
            If the link fails, or what comes is not what an engine puts out.
        """
        self.write("CONTROL", self.registers.bits("CONTROL", "run"))
        frames = self._frames(packed, on_frame or (lambda _: None))
        outputs = b"".join(islice(frames, len(packed)))
        self._stop()
        return outputs

    def _frames(
        self, packed: npt.NDArray[np.uint8], on_frame: Callable[[int], None]
    ) -> Iterator[bytes]:
        """Outputs of one frame after the other, as bytes, while pixels are sent."""
        sent = (frame.tobytes() for frame in packed)
        left, outputs, idle, done = next(sent, b""), bytearray(), 0, 0
        expected = self.built.frame_bytes
        while True:
            part = left[: min(self.link.block, _MAX_PIXELS)]
            last = LAST if part and len(part) == len(left) else 0
            room = min(self.link.block, MAX_OUTPUTS)
            data, status = self.link.request(Command.EXCHANGE | last, bytes((room,)) + part)
            if status & Status.MALFORMED or not data or data[-1] > len(part):
                raise LinkError(f"frame {done}: the exchange was answered {status!r}")
            consumed = data[-1]
            left = left[consumed:]
            if consumed and not left:
                left = next(sent, b"")
            outputs += data[:-1]
            idle = 0 if consumed or len(data) > 1 else idle + 1
            if idle == self.built.patience:
                raise LinkError(f"frame {done}: the engine stands still")
            if len(outputs) > expected or (status & Status.LAST) != (
                Status.LAST if len(outputs) == expected else 0
            ):
                raise LinkError(
                    f"frame {done}: {len(outputs)} bytes of outputs, expected {expected}"
                )
            if status & Status.BAD:
                raise LinkError(f"frame {done}: the engine marked it as too short or too long")
            if status & Status.LAST:
                done += 1
                on_frame(done)
                yield bytes(outputs)
                outputs.clear()

    def _stop(self) -> None:
        self.write("CONTROL", 0)
        for _ in range(self.built.patience):
            if self.read("STATUS") & self.registers.bits("STATUS", "idle"):
                return
        raise LinkError("the engine does not become idle")

    def _runs(self, writes: Iterable[tuple[int, int]]) -> Iterator[tuple[int, list[int]]]:
        """Writes to neighbouring words together: (first address, words)."""
        start, words = 0, list[int]()
        for address, word in writes:
            room = (self.link.block - _ADDRESS_BYTES) // WORD_BYTES
            if words and (address != start + WORD_BYTES * len(words) or len(words) >= room):
                yield start, words
                words = []
            if not words:
                start = address
            words.append(word)
        if words:
            yield start, words


class Session(FrameSession):
    """An engine, and what a host does with it.

    Parameters
    ----------
    link : Link
    config : EngineConfig
        What the engine was built from; its weights, biases and factors are loaded.
    """

    def __init__(self, link: Link, config: EngineConfig) -> None:
        self.config = config
        built = Built(
            name=config.name,
            registers=register_map(config),
            identity=identity(config),
            setup=tuple(setup_writes(config)),
            frame_bytes=output_beats(config) * output_bytes(config),
            differs="templates, formats or output",
        )
        super().__init__(link, built)

    def load_weights(self, weight: npt.ArrayLike) -> None:
        """Load other learned weights, shape (L, C, kh, kw): they count from the next frame on.

        Raises
        ------
        SpecError
            If the shape or a value does not fit.
        LinkError
            If the link fails, or the engine refuses the set.
        """
        self.load(weight_writes(self.config, weight))
        if self.read("STATUS") & self.registers.bits("STATUS", "weights_refused"):
            raise LinkError("the engine refused a set of weights: begin the session anew")

    def run(
        self, images: Images, on_frame: Callable[[int], None] | None = None
    ) -> tuple[IntArray, Counters]:
        """Send images, take their outputs, and read the counters.

        Parameters
        ----------
        images : Images, shape (N, C, H, W)
        on_frame : function, optional
            Called with the number of frames done.

        Returns
        -------
        y : IntArray, shape (N, K, OH, OW)
        counters : Counters

        Raises
        ------
        LinkError
            If the link fails, or what comes is not what an engine puts out.
        """
        beats = np.frombuffer(self.exchange(pack_images(images, self.config), on_frame), np.uint8)
        shape = (len(images), output_beats(self.config), output_bytes(self.config))
        return unpack_output(beats.reshape(shape), self.config), self.counters()

    def counters(self) -> Counters:
        """All counters."""
        values: dict[str, int] = {}
        for name in COUNTERS:
            low = self.read(f"{name.upper()}_LO")
            values[name] = self.read(f"{name.upper()}_HI") << 32 | low
        return Counters(**values)
