"""What the register table of :mod:`sw.registers` is in gates."""

from __future__ import annotations

from amaranth.hdl import unsigned
from amaranth.lib import data

from sw.config import EngineConfig
from sw.registers import COUNTERS

__all__ = ["counters_layout"]


def counters_layout(config: EngineConfig) -> data.StructLayout:
    """All counters side by side: one field a name of :data:`sw.registers.COUNTERS`."""
    return data.StructLayout(dict.fromkeys(COUNTERS, unsigned(config.counter_bits)))
