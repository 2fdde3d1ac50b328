"""Protection of what is remembered: parity, and marks by which a fault campaign finds the state.

A word of state carries an even parity: an odd number of flipped bits is seen when it is read.
"""

from __future__ import annotations

from typing import Literal

from amaranth.hdl import Cat, Value

__all__ = ["STATE_ATTRIBUTE", "State", "intact", "protected", "state"]

STATE_ATTRIBUTE = "katazome_state"
"""Attribute of the memories and registers that remember; :mod:`sim.faults` flips their bits."""

State = Literal["table", "cam", "weight"]
"""What is remembered: products, the operands they belong to, weights."""


def state(kind: State) -> dict[str, str]:
    """The attribute of a memory or a register that remembers."""
    return {STATE_ATTRIBUTE: kind}


def protected(word: Value) -> Value:
    """``word`` with its parity as the top bit; all zeros stay so."""
    return Cat(word, word.xor())


def intact(word: Value) -> Value:
    """Whether the parity of a protected word, its top bit, is right."""
    return ~word.xor()
