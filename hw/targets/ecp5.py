"""ECP5: area, and Fmax by nextpnr in a harness of registers."""

from __future__ import annotations

from hw.chip import build_for
from hw.flow import load_family
from hw.targets import PLACED, Options, Product
from hw.top import AnyTop

__all__ = ["OPTIONS", "SUMMARY", "build"]

SUMMARY = "area and Fmax on Lattice ECP5 (--device 85k-6)"
OPTIONS = PLACED


def build(top: AnyTop, options: Options) -> Product:
    """``katazome.il``, area, Fmax and critical path."""
    return build_for(top, load_family("ecp5"), options)
