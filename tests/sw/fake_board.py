"""A board in Python: the link bridge's rules, and the golden model where the engine would be."""

import random

import numpy as np

from sw import reference
from sw.link import (
    LAST,
    MAX_OUTPUTS,
    RESPONSE,
    Command,
    Decoder,
    Packet,
    Status,
    encode,
    identity,
)
from sw.packing import input_bytes, output_bytes, pack_images
from sw.registers import register_map, weight_writes

__all__ = ["FakeBoard"]


def pack_outputs(y, config):
    """Output beats of a frame, as bytes."""
    bits, width = max(config.output_range.bits, 1), output_bytes(config)
    beats = y.reshape(len(y), -1).T.tolist()
    words = (sum((v & ((1 << bits) - 1)) << (n * bits) for n, v in enumerate(b)) for b in beats)
    return b"".join(word.to_bytes(width, "little") for word in words)


class FakeBoard:
    """A port with a board behind it; bytes are changed and lost at random in both directions.

    Parameters
    ----------
    config : EngineConfig
        What the board was built from.
    images : Images
        What will be sent: the frames that come are looked up among them.
    noise : float
        Chance of each byte to be changed, lost, or followed by another.
    """

    def __init__(self, config, images, *, noise=0.0, seed=0, answers=True):
        self.config, self.noise, self.answers = config, noise, answers
        self.rng = random.Random(seed)
        self.images = images
        self.known = self._outputs(config)
        self.order = [address for address, _ in weight_writes(config)]
        self.set = []  # words of the set of weights that is under way
        self.table = register_map(config)
        self.words = {r.offset: r.value or 0 for r in self.table.registers}
        self.words[self.table.offset("STATUS")] = 1
        self.written = {}
        self.identity = identity(config)
        self.decoder, self.line = Decoder(), bytearray()
        self.sequence, self.answer = None, b""
        self.pixels, self.outputs = bytearray(), bytearray()
        self.bad = self.disturbed = 0

    def _outputs(self, config):
        """Output beats by the frame they belong to."""
        packed = pack_images(self.images, config)
        outputs = reference.run(self.images, config)
        return {
            frame.tobytes(): pack_outputs(y, config)
            for frame, y in zip(packed, outputs, strict=True)
        }

    # ---- The port

    @property
    def in_waiting(self):
        return len(self.line)

    def read(self, size=1):
        taken, self.line = bytes(self.line[:size]), self.line[size:]
        return taken

    def write(self, line):
        for packet in self.decoder.feed(self._disturb(line)):
            if self.answers:
                self.line += self._disturb(self._carry_out(packet))
        return len(line)

    def _disturb(self, line):
        result = bytearray()
        for byte in line:
            happens = self.rng.random() < self.noise
            self.disturbed += happens
            kind = self.rng.randrange(3) if happens else None
            if kind == 0:
                result.append(byte ^ 1 << self.rng.randrange(8))
            elif kind != 1:
                result.append(byte)
            if kind == 2:
                result.append(self.rng.randrange(256))
        return bytes(result)

    # ---- The bridge

    def _carry_out(self, packet):
        if packet.sequence == self.sequence and packet.kind != Command.HELLO:
            return self.answer
        self.sequence = packet.sequence
        data, status = {
            Command.HELLO: self._hello,
            Command.WRITE: self._write,
            Command.READ: self._read,
            Command.EXCHANGE: self._exchange,
        }[Command(packet.kind & 3)](packet)
        payload = data + bytes((status,))
        self.answer = encode(Packet(packet.sequence, packet.kind | RESPONSE, payload))
        return self.answer

    def _hello(self, _packet):
        self.pixels.clear()
        self.outputs.clear()
        self.written.clear()
        return self.identity, 0

    def _write(self, packet):
        address = int.from_bytes(packet.payload[:2], "little")
        words = np.frombuffer(packet.payload[2:], "<u4").tolist()
        for n, word in enumerate(words):
            self.written[address + 4 * n] = word
            if address + 4 * n in self.order:
                self._weigh(address + 4 * n, word)
        return b"", 0

    def _weigh(self, address, word):
        """A word of the window of weights: a set counts when it is whole."""
        begins = address == self.order[0]
        if (begins and not self.set) or address == self.order[len(self.set)]:
            self.set.append(word)
        else:
            self.words[self.table.offset("STATUS")] |= 4
            self.set = [word] if begins else []
        if len(self.set) == len(self.order):
            kernels, channels, *taps = self.config.learned_weight.shape
            weight = np.array(self.set, np.uint32).astype(np.int32).astype(np.int64)
            weight = weight.reshape(channels, kernels, *taps).swapaxes(0, 1)
            self.known = self._outputs(self.config.with_weights(weight))
            self.set = []

    def _read(self, packet):
        word = self.words.get(int.from_bytes(packet.payload, "little"))
        return (word or 0).to_bytes(4, "little"), 0 if word is not None else Status.BUS

    def _exchange(self, packet):
        room, pixels = min(packet.payload[0], MAX_OUTPUTS), packet.payload[1:]
        # Some of the time the engine is busy: it takes less than all.
        pixels = pixels[: self.rng.randint(len(pixels) // 2, len(pixels))]
        self.pixels += pixels
        if packet.kind & LAST and len(pixels) == len(packet.payload) - 1:
            frame, self.pixels = bytes(self.pixels), bytearray()
            assert len(frame) % input_bytes(self.config) == 0
            self.outputs += self.known[frame]  # KeyError: a frame that nobody sent
        size = len(next(iter(self.known.values())))
        left = len(self.outputs) % size or size  # of the frame whose turn it is
        data = bytes(self.outputs[: min(room, left)])
        del self.outputs[: len(data)]
        ended = data and len(data) == left
        status = (Status.LAST if ended else 0) | (Status.BAD if ended and self.bad else 0)
        return data + bytes((len(pixels),)), status
