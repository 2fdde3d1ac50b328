"""RTLIL: Yosys's own format, with no Verilog step between."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version

from amaranth.back import rtlil  # pyright: ignore[reportAttributeAccessIssue] - no stub
from amaranth.hdl import Elaboratable

from hw.engine import Engine
from hw.targets import TOP, Options, Product
from hw.top import Top
from sw.config import EngineConfig

__all__ = ["OPTIONS", "SUMMARY", "build", "convert", "emit", "no_garbage_collection"]

SUMMARY = "RTLIL for Yosys"
OPTIONS: frozenset[str] = frozenset()


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Spare a short-lived mass of small objects the collector: a netlist takes half the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def emit(config: EngineConfig) -> str:
    """The RTLIL of a configuration's engine, whatever its ``top``; the same gives the same."""
    return convert(Engine(config))


def build(top: Top, options: Options) -> Product:
    """``katazome.il``."""
    del options
    return Product(
        files={f"{TOP}.il": convert(top.component)}, tools={"amaranth": version("amaranth")}
    )


def convert(component: Elaboratable) -> str:
    """The RTLIL of any component, as module :data:`hw.targets.TOP`."""
    with no_garbage_collection():
        return rtlil.convert(component, name=TOP, emit_src=False)
