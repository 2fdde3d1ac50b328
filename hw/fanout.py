"""Registers of which synthesis keeps one for each user, so that no net feeds too many."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, Value, ValueLike

__all__ = ["kept_register"]


def kept_register(m: Module, value: ValueLike, name: str) -> Signal:
    """A register of its own that shows ``value`` a cycle later; synthesis must not share it."""
    register = Signal(Value.cast(value).shape(), name=name, attrs={"keep": 1})
    m.d.sync += register.eq(value)
    return register
