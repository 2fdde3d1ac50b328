"""From exact integer ranges to Amaranth shapes, and words packed into a byte-wide bus."""

from __future__ import annotations

from amaranth.hdl import Shape, signed, unsigned

from sw.numeric import IntRange

__all__ = ["byte_width", "shape_of"]


def shape_of(limits: IntRange) -> Shape:
    """The narrowest shape that holds every integer of ``limits``, at least one bit."""
    bits = max(limits.bits, 1)
    return signed(bits) if limits.signed else unsigned(bits)


def byte_width(bits: int) -> int:
    """``bits`` rounded up to whole bytes, in bits: the width of an AXI4-Stream ``tdata``."""
    return -(-bits // 8) * 8
