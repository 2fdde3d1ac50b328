"""iCE40: area, and Fmax by nextpnr in a harness of registers."""

from __future__ import annotations

from hw.chip import build_for
from hw.flow import load_family
from hw.targets import PLACED, Options, Product
from hw.top import AnyTop

__all__ = ["OPTIONS", "SUMMARY", "build"]

SUMMARY = "area and Fmax on Lattice iCE40 (--device up5k or hx8k)"
OPTIONS = PLACED


def build(top: AnyTop, options: Options) -> Product:
    """``katazome.il``, area, Fmax and critical path."""
    return build_for(top, load_family("ice40"), options)
