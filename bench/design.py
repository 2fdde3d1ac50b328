"""A design to measure: its sources, and how to feed and read it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from hw.flow.cache import key_of
from sw.numeric import IntArray

__all__ = ["Design", "Feed", "Field", "Verified", "pack", "unpack"]


@dataclass(frozen=True, kw_only=True)
class Field:
    """A number in an output word: ``bits`` wide, ``shift`` places to the left of its unit."""

    bits: int
    signed: bool = True
    shift: int = 0


@dataclass(frozen=True, kw_only=True)
class Feed:
    """One word in and one word out at every clock.

    Parameters
    ----------
    input, output : str
        Ports.
    input_bits : int
        Of one number in the input word, the first in the low bits.
    inputs : int
        Numbers in it.
    fields : tuple of Field
        What the output word holds, from the low bits up.
    constants : mapping of port to value
        Other inputs.
    clock : str
    """

    input: str
    output: str
    input_bits: int
    inputs: int
    fields: tuple[Field, ...]
    constants: Mapping[str, int] = field(default_factory=dict)
    clock: str = "clk"

    @property
    def word_bits(self) -> int:
        """Width of the input word."""
        return self.input_bits * self.inputs

    @property
    def output_bits(self) -> int:
        """Width of the output word."""
        return sum(f.bits for f in self.fields)


@dataclass(frozen=True, kw_only=True)
class Verified:
    """What a comparison with the golden model found.

    Parameters
    ----------
    compared, different : int
        Outputs.
    cycles_per_image : int or None
        As counted in the simulation; None for a block that takes no images.
    latency : int or None
        Clocks from a word to its outputs; None where not measured, or where none fits.
    """

    compared: int
    different: int
    cycles_per_image: int | None = None
    latency: int | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Design:
    """A design.

    Parameters
    ----------
    top : str
    sources : mapping of file name to text
        For synthesis.
    verify : function
        Simulates it on real images and compares every output with the golden model's.
    clock : str
    feed : Feed or None
        None: it has a bench of its own.
    simulated : mapping of file name to text
        What is simulated, where it is not the sources themselves.
    lead : int
        Clocks before it takes its first word, where it must hear of it before.
    """

    top: str
    sources: Mapping[str, str]
    verify: Callable[[Design], Verified]
    clock: str = "clk"
    feed: Feed | None = None
    simulated: Mapping[str, str] = field(default_factory=dict)
    lead: int = 0

    @property
    def key(self) -> str:
        """Changes with what is synthesised and simulated."""
        texts = [*self.sources.items(), *self.simulated.items()]
        digests = [(name, hashlib.sha256(text.encode()).hexdigest()) for name, text in texts]
        return key_of(top=self.top, sources=digests, clock=self.clock, feed=repr(self.feed))


def pack(numbers: IntArray, bits: int) -> list[int]:
    """Rows of numbers as words, the first number in the low bits."""
    mask = (1 << bits) - 1
    words = []
    for row in numbers.tolist():
        word = 0
        for n, number in enumerate(row):
            word |= (number & mask) << (n * bits)
        words.append(word)
    return words


def unpack(words: list[int], fields: tuple[Field, ...]) -> IntArray:
    """The numbers of each word, shape (words, fields)."""
    numbers = np.empty((len(words), len(fields)), dtype=np.int64)
    low = 0
    for n, f in enumerate(fields):
        sign, mask = 1 << (f.bits - 1) if f.bits else 0, (1 << f.bits) - 1
        for t, word in enumerate(words):
            raw = (word >> low) & mask
            value = raw - (1 << f.bits) if f.signed and raw & sign else raw
            numbers[t, n] = value << f.shift if f.shift >= 0 else value >> -f.shift
        low += f.bits
    return numbers
