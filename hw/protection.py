"""Protection of what is remembered: parity, and marks by which a fault campaign finds the state.

A guarded word carries an even parity: an odd number of flipped bits is seen when it is read.
"""

from __future__ import annotations

from typing import Literal

from amaranth.hdl import Cat, Const, Value

from sw.config import EngineConfig

__all__ = ["STATE_ATTRIBUTE", "Guard", "State", "state"]

STATE_ATTRIBUTE = "katazome_state"
"""Attribute of the memories and registers that remember; :mod:`sim.faults` flips their bits."""

State = Literal["table", "cam", "weight"]
"""What is remembered: products, the operands they belong to, weights."""


def state(kind: State) -> dict[str, str]:
    """The attribute of a memory or a register that remembers."""
    return {STATE_ATTRIBUTE: kind}


class Guard:
    """How words are kept, by ``config.protection``: with their parity as the top bit, or plain.

    Without a configuration plain.
    """

    def __init__(self, config: EngineConfig | None = None) -> None:
        self.on = config is not None and config.protection == "parity"

    def width(self, bits: int) -> int:
        """Bits that a word of ``bits`` bits takes."""
        return bits + int(self.on)

    def guarded(self, word: Value) -> Value:
        """``word`` as it is kept; all zeros stay so."""
        return Cat(word, word.xor()) if self.on else word

    def initial(self, number: int, bits: int) -> int:
        """A number of ``bits`` bits, signed or not, as its word is kept."""
        word = number & ((1 << bits) - 1)
        return word | (word.bit_count() & 1) << bits if self.on else word

    def damaged(self, word: Value) -> Value:
        """Whether a kept word was changed; never, where it is plain."""
        return word.xor() if self.on else Const(0)
