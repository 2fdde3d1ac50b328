"""RTLIL: Yosys's own format, with no Verilog step between."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version

from amaranth.back import rtlil  # pyright: ignore[reportAttributeAccessIssue] - no stub

from hw.engine import Engine
from hw.targets import TOP, Product
from sw.config import EngineConfig

__all__ = ["SUMMARY", "build", "emit", "no_garbage_collection"]

SUMMARY = "RTLIL for Yosys"


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
    """The RTLIL of a configuration's engine; the same configuration gives the same text."""
    return _convert(Engine(config))


def build(engine: Engine) -> Product:
    """``katazome.il``."""
    return Product(files={f"{TOP}.il": _convert(engine)}, tools={"amaranth": version("amaranth")})


def _convert(engine: Engine) -> str:
    with no_garbage_collection():
        return rtlil.convert(engine, name=TOP, emit_src=False)
