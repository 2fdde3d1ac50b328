"""Standard cells: area in um2 and NAND2 equivalents."""

from __future__ import annotations

from hw.chip import build_for
from hw.flow import load_family
from hw.targets import SYNTHESISED, Options, Product
from hw.top import AnyTop

__all__ = ["OPTIONS", "SUMMARY", "build"]

SUMMARY = "area in standard cells (--liberty FILE)"
OPTIONS = SYNTHESISED | {"liberty"}


def build(top: AnyTop, options: Options) -> Product:
    """``katazome.il`` and its area."""
    return build_for(top, load_family("asic", liberty=options.liberty), options)
